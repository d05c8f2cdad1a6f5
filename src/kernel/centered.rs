//! The fused pass of a loss that also keeps rewards near zero. The gradients with respect to the two scores are then no
//! negations of each other.

use super::row::{Kind, Row, store};
use super::sum::{Accumulator as _, Partial, Terms as _, Values, reciprocal};
use super::{CHUNK, ChunkOf, Gradient, Kernel, Part, Rows, each_of, parts};
use crate::loss::{Centering, PairLoss};
use crate::math::{Fma, Lanes, Precision};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// The sum of the losses of some rows, at most [`BLOCK`](super::BLOCK) of them, with the gradients where they are wanted.
pub(crate) struct CenteredKernel<'s, T, L, R> {
    pub(crate) loss: L,
    pub(crate) centering: Centering,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    /// The gradients are divided by this, a sum of two, before they are rounded.
    pub(crate) divisor: (f64, f64),
    /// For the rows of the range, from 0 on: with respect to the chosen and to the rejected scores.
    pub(crate) gradients: Option<[&'s mut [T]; 2]>,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, L: PairLoss, R: Rows<T>> Kernel for CenteredKernel<'_, T, L, R> {
    type Output = Partial;

    #[inline(always)]
    fn run<M: Fma>(mut self) -> Partial {
        let factor = reciprocal::<M>(self.divisor);
        let (loss, centering, base) = (self.loss, self.centering, self.range.start);
        let mut buffers = R::buffers();
        let mut found = Found::new();
        let mut sums = Values::new();
        for rows in parts(self.range.clone(), self.rows.is_in_place()) {
            let mut part = self.rows.part(rows.clone(), T::zero(), &mut buffers);
            for (i, start) in rows.clone().step_by(CHUNK).enumerate() {
                let Some(chunk) = part.chunk(i) else { break };
                let len = rows.end.min(start + CHUNK) - start;
                if pass::<T, M, L>(loss, centering, &chunk, factor, &mut found, &mut sums) {
                    settle::<T, M, L>(loss, centering, &chunk, factor, &mut found, &mut sums);
                }
                sums.close(len);
                if let Some(gradients) = &mut self.gradients {
                    for (out, found) in gradients.iter_mut().zip(&found.gradients) {
                        let out = out.get_mut(start - base..).unwrap_or_default();
                        for (slot, &x) in out.iter_mut().zip(found).take(len) {
                            *slot = x;
                        }
                    }
                }
            }
        }
        sums.finish::<M>()
    }
}

/// The gradients of a chunk, and which rows are in doubt: all bits or none.
#[repr(align(64))]
struct Found<T> {
    gradients: [[T; CHUNK]; 2],
    doubts: [u64; CHUNK],
}

impl<T: Score> Found<T> {
    #[inline(always)]
    fn new() -> Self {
        Self { gradients: [[T::zero(); CHUNK]; 2], doubts: [0; CHUNK] }
    }
}

/// What one row comes to, each number rounded once: value, what its rounding lost, both gradients; and whether something
/// is in doubt.
#[inline(always)]
fn row_results<M: Fma, P: Precision<M, 1>, L: PairLoss>(
    loss: L,
    centering: Centering,
    row: &Row<Lanes<M, 1>>,
    factor: (f64, f64),
) -> ([f64; 4], u64) {
    let (z, label) = (row.z::<P>(), row.extras.label());
    let value = loss.labeled(z, loss.tail(z, false), label).value;
    let grad = loss.labeled(z, loss.tail(z, true), label).grad;

    // The chosen reward and the rejected one, or twice their sum.
    let zero = Lanes::splat(0.0);
    let (chosen, rejected) = (row.chosen, row.rejected.unwrap_or(zero));
    let beside = |other: Lanes<M, 1>| if centering.of_sum { -other } else { zero };
    // A coefficient of 0 leaves nothing, even of an infinite reward.
    let absent = P::constant(centering.coefficient).is_zero();
    let counted = |reward: P| {
        let reward = P::select(absent, P::constant(0.0), reward);
        match row.extras.weight {
            None => reward,
            Some(weight) => reward.zero_where_zero(weight),
        }
    };
    let a = counted(P::difference(chosen, beside(rejected)));
    let b = counted(P::difference(rejected, beside(chosen)));
    let (a_pull, b_pull) = (a * centering.coefficient, b * centering.coefficient);
    let squares = if centering.of_sum { a_pull * a } else { a_pull * a + b_pull * b };

    let finish = |y: P, factor| row.extras.finish(z, y, factor, Kind::UNKNOWN);
    let (value, lost, doubt) = finish(value + squares, None);
    let (d_chosen, _, chosen_doubt) = finish(a_pull * 2.0 + grad, Some(factor));
    let (d_rejected, _, rejected_doubt) = finish(b_pull * 2.0 - grad, Some(factor));
    let [doubt] = doubt.or(chosen_doubt).or(rejected_doubt).to_bits();
    (each_of([value, lost, d_chosen, d_rejected], Lanes::to_f64), doubt)
}

/// Whether some rows are in doubt.
#[inline(always)]
fn pass<T: Score, M: Fma, L: PairLoss>(
    loss: L,
    centering: Centering,
    chunk: &ChunkOf<'_, T>,
    factor: (f64, f64),
    found: &mut Found<T>,
    sums: &mut Values,
) -> bool {
    let mut any = 0;
    let [mut to_chosen, mut to_rejected] = [[T::zero(); CHUNK]; 2];
    for i in 0..CHUNK {
        let row = chunk.row::<M, 1>(i);
        let ([value, lost, d_chosen, d_rejected], doubt) =
            row_results::<M, T::Working<M, 1>, L>(loss, centering, &row, factor);
        to_chosen[i] = store::<T, Gradient<L>>(d_chosen);
        to_rejected[i] = store::<T, Gradient<L>>(d_rejected);
        sums.take::<M, 1>(i, [[value], [lost], [0.0], [0.0]]);
        if T::DOUBTS {
            found.doubts[i] = doubt;
            any |= doubt;
        }
    }
    found.gradients = [to_chosen, to_rejected];
    any != 0
}

/// Computes the rows in doubt again.
#[cold]
#[inline(never)]
fn settle<T: Score, M: Fma, L: PairLoss>(
    loss: L,
    centering: Centering,
    chunk: &ChunkOf<'_, T>,
    factor: (f64, f64),
    found: &mut Found<T>,
    sums: &mut Values,
) {
    let Found { gradients: [to_chosen, to_rejected], doubts } = found;
    for i in (0..CHUNK).filter(|&i| doubts[i] != 0) {
        let row = chunk.row::<M, 1>(i);
        let ([value, _, d_chosen, d_rejected], _) =
            row_results::<M, T::Careful<M>, L>(loss, centering, &row, factor);
        sums.settle(i, value);
        to_chosen[i] = store::<T, Gradient<L>>(d_chosen);
        to_rejected[i] = store::<T, Gradient<L>>(d_rejected);
    }
}
