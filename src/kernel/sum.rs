//! The fused pass: the sum of the losses, and what becomes of the gradients, block by block.
//!
//! (a) The order of every addition follows from the positions of the rows, so the bits depend on nothing else. There are as
//!     many interleaved chains as a chunk has rows, and row i of each chunk is added to chain i. Rows are summed a
//!     [`BLOCK`] of them at a time, blocks in a binary tree by position.
//! (b) Where a loss is log(1 + t) − a, the logarithms of a block are taken together, Σ log(1 + tᵢ) = log Π(1 + tᵢ), with
//!     Π − 1 carried instead of Π so that tiny terms keep their relative precision.
//! (c) Otherwise the values are added with their rounding errors (compensated).

use super::row::{Argument, Gradient, Value, evaluate, store};
use super::stage::{Source, Stage, groups};
use super::{CHUNK, ChunkOf, Kernel, Part, Rows, Sink, Slots, careful, parts};
use crate::loss::PairLoss;
use crate::math::{Double, Fma, Lanes, Precision, ln_1p};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Rows whose losses are summed in one go.
pub(crate) const BLOCK: usize = 4096;

/// A sum and the part of it that its rounding lost. Infinite and NaN sums carry no part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Partial {
    pub(crate) const ZERO: Self = Self { sum: 0.0, lost: 0.0 };

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        let sum = self.sum + other.sum;
        if !sum.is_finite() {
            return Self { sum, lost: 0.0 };
        }
        let other_part = sum - self.sum;
        let error = (self.sum - (sum - other_part)) + (other.sum - other_part);
        let lost = error + (self.lost + other.lost);
        // Normalised, so that a long chain keeps its precision.
        let total = sum + lost;
        Self { sum: total, lost: lost - (total - sum) }
    }
}

/// The sum of the losses of some rows, at most [`BLOCK`] of them.
pub(crate) struct SumKernel<'s, T, L, R, S> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    /// The gradients are divided by this, a sum of two, before they are rounded.
    pub(crate) divisor: (f64, f64),
    pub(crate) sink: &'s mut S,
    /// The row that the sink begins with.
    pub(crate) sink_start: usize,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> Kernel for SumKernel<'_, T, L, R, S> {
    type Output = Partial;

    #[inline(always)]
    fn run<M: Fma>(self) -> Partial {
        if T::DOUBTS {
            self.accumulate::<M, Compensated, 4, 1>()
        } else if L::HAS_LOG_TERMS && !R::WEIGHTED {
            self.accumulate::<M, Product, 2, 2>()
        } else {
            self.accumulate::<M, Compensated, 2, 2>()
        }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> SumKernel<'_, T, L, R, S> {
    #[inline(always)]
    fn accumulate<M: Fma, A: Accumulator, const N: usize, const G: usize>(self) -> Partial {
        let function = Gradient(self.loss);
        let factor = reciprocal::<M>(self.divisor);
        let mut buffers = R::buffers();
        let mut spare = [T::zero(); CHUNK];
        let mut stage = Stage::<N, G>::new();
        let mut terms = Terms::new();
        let mut sums = A::new();
        for rows in parts(self.range.clone()) {
            let len = rows.len();
            let to = rows.start - self.sink_start..rows.end - self.sink_start;
            let mut part = self.rows.part(rows, &mut buffers);
            let mut slots = self.sink.slots(to, &mut spare);
            for group in groups::<G>(len) {
                if L::HAS_TAIL {
                    stage.fill::<T, M, _, _>(function, &mut part, group.clone());
                }
                for (place, i) in group.enumerate() {
                    let source = stage.source::<T, Gradient<L>, _>(&mut part, i, place);
                    let (Some(source), Some(slot)) = (source, slots.slot(i)) else { break };
                    let loss = self.loss;
                    // Products in the same loop: a loop of their own takes longer. No f32 result is ever in doubt.
                    if A::LOG_TERMS && M::LOCK_STEP && len >= CHUNK {
                        sum_chunk::<T, M, L, S, A, N>(
                            loss, &source, factor, slot, &mut terms, &mut sums,
                        );
                    } else {
                        let doubt = sum_chunk::<T, M, L, S, Apart<A>, N>(
                            loss,
                            &source,
                            factor,
                            slot,
                            &mut terms,
                            &mut Apart::new(),
                        );
                        if doubt && let Some(chunk) = part.chunk(i) {
                            terms.settle::<T, M, L, S>(loss, &chunk, factor, slot);
                        }
                        terms.add_to::<M, A>(&mut sums, len);
                    }
                    slots.commit(i);
                }
            }
        }
        let [_, rest] = parts(self.range);
        if S::WANTED && !rest.is_empty() {
            self.sink.finish(rest.start - self.sink_start..rest.end - self.sink_start, &spare);
        }
        sums.finish::<M>()
    }
}

/// 1/divisor for a sum of two.
#[inline(always)]
pub(super) fn reciprocal<M: Fma>((high, low): (f64, f64)) -> (f64, f64) {
    (Double::<M, 1>::splat(1.0, 0.0) / Double::splat(high, low)).to_pair()
}

/// What a chunk gives the accumulator: two numbers a row.
#[repr(align(64))]
struct Terms {
    first: [f64; CHUNK],
    second: [f64; CHUNK],
    doubts: [u64; CHUNK],
}

impl Terms {
    #[inline(always)]
    fn new() -> Self {
        Self { first: [0.0; CHUNK], second: [0.0; CHUNK], doubts: [0; CHUNK] }
    }

    /// Computes the rows again of which one result is doubtful.
    #[cold]
    #[inline(never)]
    fn settle<T: Score, M: Fma, L: PairLoss, S: Sink<T>>(
        &mut self,
        loss: L,
        chunk: &ChunkOf<'_, T>,
        factor: (f64, f64),
        gradients: &mut [T; CHUNK],
    ) {
        for i in 0..CHUNK {
            if self.doubts[i] == 0 {
                continue;
            }
            let row = chunk.row::<M, 1>(i);
            let (_, _, doubt) = evaluate::<M, 1, T::Working<M, 1>, _>(Value(loss), &row, None);
            if doubt.to_bits() != 0 {
                self.first[i] = careful::<T, M, _>(Value(loss), row, None).widen();
                self.second[i] = 0.0;
            }
            if S::WANTED {
                let function = Gradient(loss);
                let (_, _, doubt) =
                    evaluate::<M, 1, T::Working<M, 1>, _>(function, &row, Some(factor));
                if doubt.to_bits() != 0 {
                    gradients[i] = careful(function, row, Some(factor));
                }
            }
        }
    }

    /// Adds the rows that there are, at most all: row i to chain i.
    ///
    /// That the number of rounds is no constant keeps the loop a loop, which then becomes SIMD.
    #[inline(always)]
    fn add_to<M: Fma, A: Accumulator>(&self, sums: &mut A, rows: usize) {
        for i in 0..rows.min(CHUNK) {
            sums.take::<M>(i, self.first[i], self.second[i]);
        }
    }
}

/// The gradients of a chunk, and its terms: into `sums`, or into `out` to be added later. Whether some are in doubt.
#[inline(always)]
fn sum_chunk<T, M, L, S, A, const N: usize>(
    loss: L,
    source: &Source<'_, T, N>,
    factor: (f64, f64),
    gradients: &mut [T; CHUNK],
    out: &mut Terms,
    sums: &mut A,
) -> bool
where
    T: Score,
    M: Fma,
    L: PairLoss,
    S: Sink<T>,
    A: Accumulator,
{
    let mut any = 0;
    // A local array, because the compiler does not see that the place of the gradients overlaps no column.
    let mut results = [T::zero(); CHUNK];
    for i in 0..CHUNK {
        let (Argument { z, tail }, extras) = source.row::<M, _>(Gradient(loss), i);
        let [first, second] = if A::LOG_TERMS {
            let (linear, t, grad) = loss.log_terms(z, tail, extras.label());
            if S::WANTED {
                results[i] = store::<T, M, Gradient<L>>(grad.last_times(factor).leading());
            }
            [linear.leading(), t.leading()]
        } else {
            let jet = loss.labeled(z, tail, extras.label());
            let (value, lost, mut doubt) = extras.finish(z, jet.value, None, L::HAS_TAIL);
            if S::WANTED {
                let (grad, _, grad_doubt) = extras.finish(z, jet.grad, Some(factor), L::HAS_TAIL);
                results[i] = store::<T, M, Gradient<L>>(grad);
                doubt = doubt.or(grad_doubt);
            }
            if T::DOUBTS {
                let doubt = doubt.to_bits();
                out.doubts[i] = doubt;
                any |= doubt;
            }
            [value, lost]
        }
        .map(Lanes::to_f64);
        if A::APART {
            out.first[i] = first;
            out.second[i] = second;
        } else {
            sums.take::<M>(i, first, second);
        }
    }
    if S::WANTED {
        *gradients = results;
    }
    any != 0
}

/// Running sums in as many interleaved chains as a chunk has rows.
pub(super) trait Accumulator: Copy {
    /// Whether it takes (a, t) of log(1 + t) − a; else a value and what its rounding lost.
    const LOG_TERMS: bool;

    /// Whether the terms are kept, to be taken later.
    const APART: bool = false;

    fn new() -> Self;
    fn take<M: Fma>(&mut self, chain: usize, first: f64, second: f64);
    fn finish<M: Fma>(self) -> Partial;
}

/// For the terms of `A`, which are taken later.
#[derive(Clone, Copy)]
struct Apart<A>(PhantomData<A>);

impl<A: Accumulator> Accumulator for Apart<A> {
    const LOG_TERMS: bool = A::LOG_TERMS;
    const APART: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self(PhantomData)
    }

    #[inline(always)]
    fn take<M: Fma>(&mut self, _: usize, _: f64, _: f64) {}

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        Partial::ZERO
    }
}

/// Σ (value + lost), with the errors of the additions.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Compensated {
    sum: [f64; CHUNK],
    lost: [f64; CHUNK],
}

impl Accumulator for Compensated {
    const LOG_TERMS: bool = false;

    #[inline(always)]
    fn new() -> Self {
        Self { sum: [0.0; CHUNK], lost: [0.0; CHUNK] }
    }

    #[inline(always)]
    fn take<M: Fma>(&mut self, chain: usize, value: f64, lost: f64) {
        let sum = self.sum[chain];
        let next = sum + value;
        let part = next - sum;
        self.lost[chain] += ((sum - (next - part)) + (value - part)) + lost;
        self.sum[chain] = next;
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        let Self { mut sum, mut lost } = self;
        let mut half = CHUNK / 2;
        while half > 0 {
            for i in 0..half {
                let (a, b) = (sum[i], sum[i + half]);
                sum[i] = a + b;
                let b_part = sum[i] - a;
                lost[i] += ((a - (sum[i] - b_part)) + (b - b_part)) + lost[i + half];
            }
            half /= 2;
        }
        // The error of a sum that has become infinite is NaN, and means nothing.
        let (sum, lost) = (sum[0], if sum[0].is_finite() { lost[0] } else { 0.0 });
        Partial::ZERO.plus(Partial { sum, lost })
    }
}

/// log Π (1 + t) − Σ a, as −Σ a, E = Π − 1 and Π.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Product {
    linear: [f64; CHUNK],
    excess: [f64; CHUNK],
    whole: [f64; CHUNK],
}

impl Accumulator for Product {
    const LOG_TERMS: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self { linear: [0.0; CHUNK], excess: [0.0; CHUNK], whole: [1.0; CHUNK] }
    }

    /// (E₁, Π₁)∘(E₂, Π₂) = (E₁ + E₂·Π₁, Π₁·Π₂).
    #[inline(always)]
    fn take<M: Fma>(&mut self, chain: usize, linear: f64, t: f64) {
        let whole = self.whole[chain];
        self.excess[chain] = M::mul_add(t, whole, self.excess[chain]);
        self.whole[chain] = (1.0 + t) * whole;
        self.linear[chain] -= linear;
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        const ENDS: usize = CHUNK / 4;
        let mut sums = [0.0; ENDS];
        for (i, sum) in sums.iter_mut().enumerate() {
            // Four chains together have a product of at most 2⁵¹².
            let (mut linear, mut excess, mut whole) = (0.0, 0.0, 1.0);
            for chain in [i, i + ENDS, i + 2 * ENDS, i + 3 * ENDS] {
                excess = M::mul_add(self.excess[chain], whole, excess);
                whole *= self.whole[chain];
                linear += self.linear[chain];
            }
            *sum = linear + ln_1p::<M>(excess);
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        Partial { sum, lost: 0.0 }
    }
}
