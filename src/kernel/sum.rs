//! The fused pass: the sum of the losses, and what becomes of the gradients, block by block.
//!
//! (a) The order of every addition follows from the positions of the rows, so the bits depend on nothing else. A chunk has
//!     as many interleaved chains as steps, and step j of the lock-step loop adds its rows to chain j, in registers. Rows
//!     are summed a [`BLOCK`] of them at a time, blocks in a binary tree by position.
//! (b) Where a loss is a + log(1 + t), the logarithms of a block are taken together, Σ log(1 + tᵢ) = log Π(1 + tᵢ), with
//!     Π − 1 carried instead of Π so that tiny terms keep their relative precision.
//! (c) Otherwise the values are added with their rounding errors (compensated).

use super::row::{Gradient, Value, evaluate, store};
use super::{CHUNK, ChunkOf, Kernel, Rows, Sink, careful};
use crate::loss::PairLoss;
use crate::math::{Double, Fma, Lanes, Precision, Working, each_lane, ln_1p};
use crate::score::Score;
use core::marker::PhantomData;

/// Rows whose losses are summed in one go. A product of 512 factors of at most 2 in each chain stays finite.
pub(crate) const BLOCK: usize = 4096;

/// Blocks up to this size end in one logarithm instead of one a chain: a product of at most 2⁵¹².
const SHORT: usize = 512;

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

/// The sum of the losses of the rows `start..end`, at most [`BLOCK`] of them.
pub(crate) struct SumKernel<'s, T, L, R, S> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The gradients are divided by this, a sum of two, before they are rounded.
    pub(crate) divisor: (f64, f64),
    pub(crate) sink: &'s mut S,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> Kernel for SumKernel<'_, T, L, R, S> {
    type Output = Partial;

    #[inline(always)]
    fn run<M: Fma>(self) -> Partial {
        if T::DOUBTS {
            self.accumulate::<M, Compensated<16>, 2, 16>()
        } else if L::HAS_LOG_TERMS && !R::WEIGHTED {
            self.accumulate::<M, Product<8>, 4, 8>()
        } else {
            self.accumulate::<M, Compensated<8>, 4, 8>()
        }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> SumKernel<'_, T, L, R, S> {
    #[inline(always)]
    fn accumulate<M: Fma, A: Accumulator<U>, const U: usize, const STEPS: usize>(self) -> Partial {
        let divisor = Double::<M, 1>::splat(self.divisor.0, self.divisor.1);
        let factor = (Double::splat(1.0, 0.0) / divisor).to_pair();
        let mut buffers = self.rows.buffers(self.end);
        let mut sums = A::new();
        let mut terms = Terms { first: [0.0; CHUNK], second: [0.0; CHUNK], amended: false };
        let mut spare = [T::zero(); CHUNK];
        let mut start = self.start;
        while start < self.end {
            let Some(chunk) = self.rows.chunk(start, &mut buffers) else { break };
            let slot = self.sink.slot(start, &mut spare);
            let len = self.end - start;
            // A copy only where the sums may have to be taken again from here.
            let before = if T::DOUBTS || !M::LOCK_STEP || len < CHUNK { sums } else { A::new() };
            if M::LOCK_STEP {
                let sums = Some(&mut sums);
                sum_chunk::<T, M, L, A, S, U, STEPS, U>(
                    self.loss, &chunk, factor, slot, &mut terms, sums,
                );
            } else {
                sum_chunk::<T, M, L, A, S, 1, CHUNK, U>(
                    self.loss, &chunk, factor, slot, &mut terms, None,
                );
            }
            self.sink.commit(start, &spare);
            if !M::LOCK_STEP || terms.amended || len < CHUNK {
                sums = terms.add_to::<A, U, STEPS>(before, len);
            }
            start += CHUNK;
        }
        if S::WANTED && !self.end.is_multiple_of(CHUNK) {
            self.sink.finish(self.end - self.end % CHUNK, &spare);
        }
        sums.finish::<M>(self.end - self.start)
    }
}

/// What a chunk gives the accumulator: two numbers a row.
struct Terms {
    first: [f64; CHUNK],
    second: [f64; CHUNK],
    /// Whether some have been computed again since the accumulator took them.
    amended: bool,
}

impl Terms {
    /// The sums after the chunk, `before` being those ahead of it. Rows past the end of the batch add nothing.
    #[cold]
    #[inline(never)]
    fn add_to<A: Accumulator<U>, const U: usize, const STEPS: usize>(
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
            sums.add(j, first, second);
        }
        self.amended = false;
        sums
    }
}

#[inline(always)]
fn sum_chunk<T, M, L, A, S, const U: usize, const STEPS: usize, const V: usize>(
    loss: L,
    chunk: &ChunkOf<'_, T>,
    factor: (f64, f64),
    gradients: &mut [T; CHUNK],
    out: &mut Terms,
    mut sums: Option<&mut A>,
) where
    T: Score,
    M: Fma,
    L: PairLoss,
    A: Accumulator<V>,
    S: Sink<T>,
{
    let mut doubts = [false; CHUNK];
    let mut any = false;
    for j in 0..STEPS {
        let row = chunk.row::<M, U, STEPS>(j);
        let (first, second) = if A::LOG_TERMS {
            let z = row.z::<T::Working<M, U>>();
            let (linear, t, grad) = loss.log_terms(z, row.label());
            let grad = grad * <T::Working<M, U>>::constant_pair(factor.0, factor.1);
            if S::WANTED {
                let grad = grad.round(z).0.to_array();
                each_lane! { u of U: gradients[u * STEPS + j] = store::<T, Gradient<L>>(grad[u]); }
            }
            (linear.leading().to_array(), t.leading().to_array())
        } else {
            let z = row.z::<T::Working<M, U>>();
            let jet = loss.labeled(z, row.label());
            let (value, lost, doubt) = row.finish(z, jet.value, None);
            let mut doubt = doubt.0;
            if S::WANTED {
                let (grad, _, grad_doubt) = row.finish(z, jet.grad, Some(factor));
                let grad = grad.to_array();
                each_lane! { u of U:
                    gradients[u * STEPS + j] = store::<T, Gradient<L>>(grad[u]);
                    doubt[u] |= grad_doubt.0[u];
                }
            }
            if T::DOUBTS {
                each_lane! { u of U:
                    doubts[u * STEPS + j] = doubt[u];
                    any |= doubt[u];
                }
            }
            (value.to_array(), lost.to_array())
        };
        each_lane! { u of U:
            out.first[u * STEPS + j] = first[u];
            out.second[u * STEPS + j] = second[u];
        }
        if let Some(sums) = &mut sums {
            let (mut firsts, mut seconds) = ([0.0; V], [0.0; V]);
            each_lane! { v of V:
                firsts[v] = first[v];
                seconds[v] = second[v];
            }
            sums.add(j, firsts, seconds);
        }
    }
    if T::DOUBTS && any {
        out.amended = true;
        for (i, _) in doubts.iter().enumerate().filter(|(_, doubt)| **doubt) {
            settle::<T, M, L, S>(loss, chunk.row::<M, 1, CHUNK>(i), factor, i, gradients, out);
        }
    }
}

/// The careful results for a row of which one is doubtful.
#[cold]
#[inline(never)]
fn settle<T: Score, M: Fma, L: PairLoss, S: Sink<T>>(
    loss: L,
    row: super::Row<Lanes<M, 1>>,
    factor: (f64, f64),
    i: usize,
    gradients: &mut [T; CHUNK],
    out: &mut Terms,
) {
    let (_, _, value_doubt) = evaluate::<M, 1, T::Working<M, 1>, _>(Value(loss), &row, None);
    if value_doubt.0[0] {
        out.first[i] = careful::<T, M, _>(Value(loss), row, None).widen();
        out.second[i] = 0.0;
    }
    if S::WANTED {
        let (_, _, doubt) =
            evaluate::<M, 1, T::Working<M, 1>, _>(Gradient(loss), &row, Some(factor));
        if doubt.0[0] {
            gradients[i] = careful(Gradient(loss), row, Some(factor));
        }
    }
}

/// Running sums in interleaved chains, each of which takes `U` rows at a time.
trait Accumulator<const U: usize>: Copy {
    /// Whether it takes (a, t) of a + log(1 + t); else a value and what its rounding lost.
    const LOG_TERMS: bool;

    fn new() -> Self;
    fn add(&mut self, chain: usize, first: [f64; U], second: [f64; U]);
    fn finish<M: Fma>(self, len: usize) -> Partial;
}

/// Σ (value + lost), with the errors of the additions.
#[derive(Clone, Copy)]
struct Compensated<const CHAINS: usize> {
    sum: [f64; CHAINS],
    lost: [f64; CHAINS],
}

impl<const U: usize, const CHAINS: usize> Accumulator<U> for Compensated<CHAINS> {
    const LOG_TERMS: bool = false;

    #[inline(always)]
    fn new() -> Self {
        Self { sum: [0.0; CHAINS], lost: [0.0; CHAINS] }
    }

    #[inline(always)]
    fn add(&mut self, chain: usize, values: [f64; U], lost: [f64; U]) {
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

    #[inline(always)]
    fn finish<M: Fma>(self, _: usize) -> Partial {
        let mut total = Partial::ZERO;
        for (sum, lost) in self.sum.into_iter().zip(self.lost) {
            // The error of a sum that has become infinite is NaN, and means nothing.
            let lost = if sum.is_finite() { lost } else { 0.0 };
            total = total.plus(Partial { sum, lost });
        }
        total
    }
}

/// Σ a + log Π (1 + t), as Σ a, E = Π − 1 and Π.
#[derive(Clone, Copy)]
struct Product<const CHAINS: usize> {
    linear: [f64; CHAINS],
    excess: [f64; CHAINS],
    whole: [f64; CHAINS],
}

impl<const CHAINS: usize> Accumulator<4> for Product<CHAINS> {
    const LOG_TERMS: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self { linear: [0.0; CHAINS], excess: [0.0; CHAINS], whole: [1.0; CHAINS] }
    }

    /// (E₁, Π₁)∘(E₂, Π₂) = (E₁ + E₂·Π₁, Π₁·Π₂), in a tree of four.
    #[inline(always)]
    fn add(&mut self, chain: usize, linear: [f64; 4], t: [f64; 4]) {
        let d = [1.0 + t[0], 1.0 + t[1], 1.0 + t[2], 1.0 + t[3]];
        let (e01, d01) = (t[1] * d[0] + t[0], d[0] * d[1]);
        let (e23, d23) = (t[3] * d[2] + t[2], d[2] * d[3]);
        let (excess, whole) = (self.excess[chain], self.whole[chain]);
        self.excess[chain] = (e23 * d01 + e01) * whole + excess;
        self.whole[chain] = (d01 * d23) * whole;
        self.linear[chain] += (linear[0] + linear[1]) + (linear[2] + linear[3]);
    }

    #[inline(always)]
    fn finish<M: Fma>(self, len: usize) -> Partial {
        let plain = |sum: f64| Partial { sum, lost: 0.0 };
        let mut total = Partial::ZERO;
        let (mut excess, mut whole) = (0.0, 1.0);
        for ((linear, e), d) in self.linear.into_iter().zip(self.excess).zip(self.whole) {
            total = total.plus(plain(linear));
            if len > SHORT {
                total = total.plus(plain(ln_1p::<M>(e)));
            } else {
                excess += e * whole;
                whole *= d;
            }
        }
        if len > SHORT { total } else { total.plus(plain(ln_1p::<M>(excess))) }
    }
}
