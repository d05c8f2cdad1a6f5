//! The fused pass: the sum of the losses, and what becomes of the gradients, block by block.
//!
//! (a) The order of every addition follows from the positions of the rows, so the bits depend on nothing else. A chunk has
//!     as many interleaved chains as steps, and step j of the lock-step loop adds its rows to chain j, in registers. Rows
//!     are summed a [`BLOCK`] of them at a time, blocks in a binary tree by position.
//! (b) Where a loss is a + log(1 + t), the logarithms of a block are taken together, Σ log(1 + tᵢ) = log Π(1 + tᵢ), with
//!     Π − 1 carried instead of Π so that tiny terms keep their relative precision.
//! (c) Otherwise the values are added with their rounding errors (compensated).

use super::row::{Argument, Gradient, Value, evaluate, store};
use super::stage::{Source, Stage, groups};
use super::{Buffers, CHUNK, ChunkOf, Kernel, Part, Rows, Sink, Slots, careful, parts};
use crate::loss::PairLoss;
use crate::math::{Double, Fma, Precision, each_lane, ln_1p};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Rows whose losses are summed in one go. A product of 512 factors of at most 2 in each chain stays finite.
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
            self.accumulate::<M, Compensated<CHUNK>, 4, 1, CHUNK>()
        } else if L::HAS_LOG_TERMS && !R::WEIGHTED {
            self.accumulate::<M, Product<CHUNK>, 2, 1, CHUNK>()
        } else {
            self.accumulate::<M, Compensated<CHUNK>, 2, 1, CHUNK>()
        }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> SumKernel<'_, T, L, R, S> {
    #[inline(always)]
    fn accumulate<M: Fma, A: Take<U>, const N: usize, const U: usize, const STEPS: usize>(
        self,
    ) -> Partial {
        let function = Gradient(self.loss);
        let divisor = Double::<M, 1>::splat(self.divisor.0, self.divisor.1);
        let factor = (Double::splat(1.0, 0.0) / divisor).to_pair();
        let mut buffers = Buffers::new();
        let mut spare = [T::zero(); CHUNK];
        let mut stage = Stage::<N>::new();
        let mut terms = Terms::new();
        let mut sums = A::new();
        for rows in parts(self.range.clone()) {
            let len = rows.len();
            let to = rows.start - self.sink_start..rows.end - self.sink_start;
            let mut part = self.rows.part(rows, &mut buffers);
            let mut slots = self.sink.slots(to, &mut spare);
            for group in groups(len) {
                if L::HAS_TAIL {
                    stage.fill::<T, M, _, _>(function, &mut part, group.clone());
                }
                for (place, i) in group.enumerate() {
                    let source = stage.source::<T, Gradient<L>, _>(&mut part, i, place);
                    let (Some(source), Some(slot)) = (source, slots.slot(i)) else { break };
                    // A copy only where the sums may have to be taken again from here.
                    let before = if T::DOUBTS { sums } else { A::new() };
                    let whole = len >= CHUNK;
                    let amended = if whole {
                        sum_chunk::<T, M, L, A, S, N, U, STEPS>(
                            self.loss, &source, factor, slot, &mut terms, &mut sums,
                        )
                    } else {
                        sum_chunk::<T, M, L, Apart<A>, S, N, 1, CHUNK>(
                            self.loss, &source, factor, slot, &mut terms, &mut Apart::new(),
                        )
                    };
                    if amended {
                        if let Some(chunk) = part.chunk(i) {
                            terms.settle::<T, M, L, S>(self.loss, &chunk, factor, slot);
                        }
                    }
                    if amended || !whole {
                        let before = if whole { before } else { sums };
                        sums = terms.added_to::<M, A, U, STEPS>(before, len);
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
            let row = chunk.row::<M, 1, CHUNK>(i);
            let (_, _, doubt) = evaluate::<M, 1, T::Working<M, 1>, _>(Value(loss), &row, None);
            if doubt.0[0] {
                self.first[i] = careful::<T, M, _>(Value(loss), row, None).widen();
                self.second[i] = 0.0;
            }
            if S::WANTED {
                let function = Gradient(loss);
                let (_, _, doubt) =
                    evaluate::<M, 1, T::Working<M, 1>, _>(function, &row, Some(factor));
                if doubt.0[0] {
                    gradients[i] = careful(function, row, Some(factor));
                }
            }
        }
    }

    /// The sums after the chunk, `before` being those ahead of it. Rows past the end of the batch add nothing.
    #[cold]
    #[inline(never)]
    fn added_to<M: Fma, A: Take<U>, const U: usize, const STEPS: usize>(
        &mut self,
        before: A,
        len: usize,
    ) -> A {
        for slot in self.first.iter_mut().skip(len).chain(self.second.iter_mut().skip(len)) {
            *slot = 0.0;
        }
        let mut sums = before;
        for j in 0..STEPS {
            let (mut first, mut second) = ([0.0; U], [0.0; U]);
            for u in 0..U {
                first[u] = self.first[u * STEPS + j];
                second[u] = self.second[u * STEPS + j];
            }
            sums.take::<M>(j, first, second);
        }
        sums
    }
}

/// The gradients of a chunk, and its terms: into `sums`, and into `out` where they may be needed again. Whether they are.
#[inline(always)]
fn sum_chunk<T, M, L, A, S, const N: usize, const U: usize, const STEPS: usize>(
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
    A: Take<U>,
    S: Sink<T>,
{
    let mut any = 0;
    // A local array, because the compiler does not see that the place of the gradients overlaps no column.
    let mut results = [T::zero(); CHUNK];
    for j in 0..STEPS {
        let (Argument { z, tail }, extras) = source.row::<M, _, U, STEPS>(Gradient(loss), j);
        let (first, second) = if A::LOG_TERMS {
            let (linear, t, grad) = loss.log_terms(z, tail, extras.label());
            if S::WANTED {
                let grad = grad.last_times(factor);
                let grad = grad.leading().to_array();
                each_lane! { u of U: results[u * STEPS + j] = store::<T, Gradient<L>>(grad[u]); }
            }
            (linear.leading().to_array(), t.leading().to_array())
        } else {
            let jet = loss.labeled(z, tail, extras.label());
            let (value, lost, doubt) = extras.finish(z, jet.value, None);
            let mut doubt = doubt.0;
            if S::WANTED {
                let (grad, _, grad_doubt) = extras.finish(z, jet.grad, Some(factor));
                let grad = grad.to_array();
                each_lane! { u of U:
                    results[u * STEPS + j] = store::<T, Gradient<L>>(grad[u]);
                    doubt[u] |= grad_doubt.0[u];
                }
            }
            if T::DOUBTS {
                each_lane! { u of U:
                    out.doubts[u * STEPS + j] = u64::from(doubt[u]);
                    any |= u64::from(doubt[u]);
                }
            }
            (value.to_array(), lost.to_array())
        };
        if T::DOUBTS || A::APART {
            each_lane! { u of U:
                out.first[u * STEPS + j] = first[u];
                out.second[u * STEPS + j] = second[u];
            }
        }
        sums.take::<M>(j, first, second);
    }
    if S::WANTED {
        *gradients = results;
    }
    any != 0
}

/// Running sums in interleaved chains.
trait Accumulator: Copy {
    /// Whether it takes (a, t) of a + log(1 + t); else a value and what its rounding lost.
    const LOG_TERMS: bool;

    /// Whether the terms are kept, to be added later.
    const APART: bool = false;

    fn new() -> Self;
    fn finish<M: Fma>(self) -> Partial;
}

/// Chains that take `U` rows at a time.
trait Take<const U: usize>: Accumulator {
    fn take<M: Fma>(&mut self, chain: usize, first: [f64; U], second: [f64; U]);
}

/// For the terms of `A`, which are added later.
#[derive(Clone, Copy)]
struct Apart<A>(A);

impl<A: Accumulator> Accumulator for Apart<A> {
    const LOG_TERMS: bool = A::LOG_TERMS;
    const APART: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self(A::new())
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        self.0.finish::<M>()
    }
}

impl<A: Accumulator> Take<1> for Apart<A> {
    #[inline(always)]
    fn take<M: Fma>(&mut self, _: usize, _: [f64; 1], _: [f64; 1]) {}
}

/// Σ (value + lost), with the errors of the additions.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Compensated<const CHAINS: usize> {
    sum: [f64; CHAINS],
    lost: [f64; CHAINS],
}

impl<const CHAINS: usize> Accumulator for Compensated<CHAINS> {
    const LOG_TERMS: bool = false;

    #[inline(always)]
    fn new() -> Self {
        Self { sum: [0.0; CHAINS], lost: [0.0; CHAINS] }
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        let Self { mut sum, mut lost } = self;
        let mut half = CHAINS / 2;
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

impl<const U: usize, const CHAINS: usize> Take<U> for Compensated<CHAINS> {
    #[inline(always)]
    fn take<M: Fma>(&mut self, chain: usize, values: [f64; U], lost: [f64; U]) {
        let (mut sum, mut errors) = (self.sum[chain], self.lost[chain]);
        each_lane! { u of U:
            let x = values[u];
            let next = sum + x;
            let x_part = next - sum;
            errors += ((sum - (next - x_part)) + (x - x_part)) + lost[u];
            sum = next;
        }
        self.sum[chain] = sum;
        self.lost[chain] = errors;
    }
}

/// Σ a + log Π (1 + t), as Σ a, E = Π − 1 and Π.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Product<const CHAINS: usize> {
    linear: [f64; CHAINS],
    excess: [f64; CHAINS],
    whole: [f64; CHAINS],
}

impl<const CHAINS: usize> Accumulator for Product<CHAINS> {
    const LOG_TERMS: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self { linear: [0.0; CHAINS], excess: [0.0; CHAINS], whole: [1.0; CHAINS] }
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        let Self { linear: mut sum, excess, .. } = self;
        for i in 0..CHAINS {
            sum[i] += ln_1p::<M>(excess[i]);
        }
        let mut half = CHAINS / 2;
        while half > 0 {
            for i in 0..half {
                sum[i] += sum[i + half];
            }
            half /= 2;
        }
        Partial { sum: sum[0], lost: 0.0 }
    }
}

impl<const CHAINS: usize> Take<1> for Product<CHAINS> {
    /// (E₁, Π₁)∘(E₂, Π₂) = (E₁ + E₂·Π₁, Π₁·Π₂).
    #[inline(always)]
    fn take<M: Fma>(&mut self, chain: usize, [linear]: [f64; 1], [t]: [f64; 1]) {
        let whole = self.whole[chain];
        self.excess[chain] = M::mul_add(t, whole, self.excess[chain]);
        self.whole[chain] = (1.0 + t) * whole;
        self.linear[chain] -= linear;
    }
}
