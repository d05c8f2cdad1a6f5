//! The fused pass: the sum of the losses, and what becomes of the gradients, block by block.
//!
//! (a) The order of every addition follows from the positions of the rows, so the bits depend on nothing else. Rows are
//!     summed in [`LANES`] interleaved chains, a [`BLOCK`] of them at a time; blocks in a binary tree by position.
//! (b) Where a loss is a + log(1 + t), the logarithms of a block are taken together, Σ log(1 + tᵢ) = log Π(1 + tᵢ), with
//!     Π − 1 carried instead of Π so that tiny terms keep their relative precision.
//! (c) Otherwise the values are added with their rounding errors (compensated).

use super::row::{Gradient, Value, evaluate};
use super::{CHUNK, ChunkOf, Kernel, Rows, Sink, careful};
use crate::loss::PairLoss;
use crate::math::{Double, Fma, Lanes, Precision, Working, each_lane, ln_1p};
use crate::score::Score;
use core::marker::PhantomData;

/// Rows whose losses are summed in one go. A product of 512 factors of at most 2 in each chain stays finite.
pub(crate) const BLOCK: usize = 4096;

/// Interleaved chains of a sum.
const LANES: usize = 8;

/// Blocks up to this size end in one logarithm instead of eight: 2⁵¹² factors at most.
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
        if L::HAS_LOG_TERMS && !T::DOUBTS && !R::WEIGHTED {
            self.accumulate::<M, Product>()
        } else {
            self.accumulate::<M, Compensated>()
        }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> SumKernel<'_, T, L, R, S> {
    #[inline(always)]
    fn accumulate<M: Fma, A: Accumulator>(self) -> Partial {
        let divisor = Double::<M, 1>::splat(self.divisor.0, self.divisor.1);
        let factor = (Double::splat(1.0, 0.0) / divisor).to_pair();
        let mut buffers = self.rows.buffers(self.end);
        let mut sums = A::new();
        let mut terms = Terms { first: [0.0; CHUNK], second: [0.0; CHUNK] };
        let mut spare = [T::zero(); CHUNK];
        let mut start = self.start;
        while start < self.end {
            let Some(chunk) = self.rows.chunk(start, &mut buffers) else { break };
            let slot = self.sink.slot(start, &mut spare);
            if !M::LOCK_STEP {
                sum_chunk::<T, M, L, A, S, 1, CHUNK>(self.loss, &chunk, factor, slot, &mut terms);
            } else if T::DOUBTS {
                sum_chunk::<T, M, L, A, S, 2, 16>(self.loss, &chunk, factor, slot, &mut terms);
            } else {
                sum_chunk::<T, M, L, A, S, 4, 8>(self.loss, &chunk, factor, slot, &mut terms);
            }
            self.sink.commit(start, &spare);
            if self.end - start < CHUNK {
                terms.clear_from(self.end - start);
            }
            sums.add(&terms.first, &terms.second);
            start += CHUNK;
        }
        if S::WANTED && !self.end.is_multiple_of(CHUNK) {
            self.sink.finish(self.end - self.end % CHUNK, &spare);
        }
        sums.finish::<M>(self.end - self.start)
    }
}

/// What a chunk leaves behind for the accumulator: two numbers a row.
struct Terms {
    first: [f64; CHUNK],
    second: [f64; CHUNK],
}

impl Terms {
    /// Rows past the end of the batch add nothing.
    #[cold]
    #[inline(never)]
    fn clear_from(&mut self, len: usize) {
        for slot in self.first.iter_mut().skip(len).chain(self.second.iter_mut().skip(len)) {
            *slot = 0.0;
        }
    }
}

#[inline(always)]
fn sum_chunk<T, M, L, A, S, const U: usize, const STEPS: usize>(
    loss: L,
    chunk: &ChunkOf<'_, T>,
    factor: (f64, f64),
    gradients: &mut [T; CHUNK],
    out: &mut Terms,
) where
    T: Score,
    M: Fma,
    L: PairLoss,
    A: Accumulator,
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
                each_lane! { u of U: gradients[u * STEPS + j] = T::narrow(grad[u]); }
            }
            (linear.leading().to_array(), t.leading().to_array())
        } else {
            let (value, lost, doubt) =
                evaluate::<M, U, T::Working<M, U>, _>(Value(loss), &row, None);
            let mut doubt = doubt.0;
            if S::WANTED {
                let (grad, _, grad_doubt) =
                    evaluate::<M, U, T::Working<M, U>, _>(Gradient(loss), &row, Some(factor));
                let grad = grad.to_array();
                each_lane! { u of U:
                    gradients[u * STEPS + j] = T::narrow(grad[u]);
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
    }
    if T::DOUBTS && any {
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

/// A running sum over chunks.
trait Accumulator {
    /// Whether it takes (a, t) of a + log(1 + t); else a value and what its rounding lost.
    const LOG_TERMS: bool;

    fn new() -> Self;
    fn add(&mut self, first: &[f64; CHUNK], second: &[f64; CHUNK]);
    fn finish<M: Fma>(self, len: usize) -> Partial;
}

/// Σ (value + lost), with the errors of the additions.
struct Compensated {
    sum: [f64; LANES],
    lost: [f64; LANES],
}

impl Accumulator for Compensated {
    const LOG_TERMS: bool = false;

    #[inline(always)]
    fn new() -> Self {
        Self { sum: [0.0; LANES], lost: [0.0; LANES] }
    }

    #[inline(always)]
    fn add(&mut self, values: &[f64; CHUNK], lost: &[f64; CHUNK]) {
        for j in 0..LANES {
            let (mut sum, mut errors) = (self.sum[j], self.lost[j]);
            for i in 0..CHUNK / LANES {
                let x = values[i * LANES + j];
                let next = sum + x;
                let x_part = next - sum;
                errors += ((sum - (next - x_part)) + (x - x_part)) + lost[i * LANES + j];
                sum = next;
            }
            (self.sum[j], self.lost[j]) = (sum, errors);
        }
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
struct Product {
    linear: [f64; LANES],
    excess: [f64; LANES],
    whole: [f64; LANES],
}

impl Accumulator for Product {
    const LOG_TERMS: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self { linear: [0.0; LANES], excess: [0.0; LANES], whole: [1.0; LANES] }
    }

    /// (E₁, Π₁)∘(E₂, Π₂) = (E₁ + E₂·Π₁, Π₁·Π₂), in a tree of four.
    #[inline(always)]
    fn add(&mut self, linear: &[f64; CHUNK], t: &[f64; CHUNK]) {
        for j in 0..LANES {
            let (t0, t1, t2, t3) = (t[j], t[LANES + j], t[2 * LANES + j], t[3 * LANES + j]);
            let (d0, d1, d2, d3) = (1.0 + t0, 1.0 + t1, 1.0 + t2, 1.0 + t3);
            let (e01, d01) = (t1 * d0 + t0, d0 * d1);
            let (e23, d23) = (t3 * d2 + t2, d2 * d3);
            let (e, d) = (e23 * d01 + e01, d01 * d23);
            self.excess[j] += e * self.whole[j];
            self.whole[j] *= d;
            self.linear[j] +=
                (linear[j] + linear[LANES + j]) + (linear[2 * LANES + j] + linear[3 * LANES + j]);
        }
    }

    #[inline(always)]
    fn finish<M: Fma>(self, len: usize) -> Partial {
        let mut total = Partial::ZERO;
        let (mut excess, mut product) = (0.0, 1.0);
        for j in 0..LANES {
            total = total.plus(Partial { sum: self.linear[j], lost: 0.0 });
            if len > SHORT {
                total = total.plus(Partial { sum: ln_1p::<M>(self.excess[j]), lost: 0.0 });
            } else {
                excess += self.excess[j] * product;
                product *= self.whole[j];
            }
        }
        if len <= SHORT {
            total = total.plus(Partial { sum: ln_1p::<M>(excess), lost: 0.0 });
        }
        total
    }
}
