//! The exact total of the losses, alone or with the gradients.
//!
//! Each loss is rounded to its format, as it is reported, before it is added. Sums are integers, so no order can show.

use super::row::{Gradient, Value};
use super::stage::{Stage, groups};
use super::sum::{is_strange, reciprocal};
use super::{CHUNK, Kernel, Rows, Sink, Spare, map, map_both, parts};
use crate::loss::PairLoss;
use crate::math::Fma;
use crate::reduce::{Accumulator, Total};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// The total of the losses of some rows.
pub(crate) struct TotalKernel<'w, T, L, R, S> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    pub(crate) weights: Option<&'w [T]>,
    /// The gradients are divided by this, a sum of two, before they are rounded.
    pub(crate) divisor: (f64, f64),
    /// For the rows of the range, from 0 on.
    pub(crate) sink: S,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> Kernel for TotalKernel<'_, T, L, R, S> {
    type Output = Total;

    #[inline(always)]
    fn run<M: Fma>(self) -> Total {
        // Conditions that are constants, so that one of the three is compiled.
        if T::DOUBTS {
            self.pass::<M, 4, 1>()
        } else if S::WANTED {
            self.pass::<M, 3, 2>()
        } else {
            self.pass::<M, 2, 2>()
        }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> TotalKernel<'_, T, L, R, S> {
    #[inline(always)]
    fn pass<M: Fma, const N: usize, const G: usize>(mut self) -> Total {
        let (value, gradient) = (Value(self.loss), Gradient(self.loss));
        let factor = reciprocal::<M>(self.divisor);
        let strange = T::DOUBTS && is_strange(factor);
        let mut sums = Accumulator::<T>::new();
        let mut buffers = R::buffers();
        let mut spare = Spare::new();
        let mut stage = Stage::<N, G>::new();
        // The losses of a group are added while the next one is computed: they would have to be waited for.
        let (mut losses, mut waiting) = ([[T::zero(); CHUNK]; G], 0..0);
        let base = self.range.start;
        for rows in parts(self.range.clone(), self.rows.is_in_place() && self.sink.is_in_place()) {
            let mut part = self.rows.part(rows.clone(), T::zero(), &mut buffers);
            let to = rows.start - base..rows.end - base;
            let mut slots = self.sink.slots(to.clone(), &mut spare);
            let mut filled = 0..0;
            for group in groups::<G>(rows.len()) {
                if L::HAS_TAIL {
                    stage.fill_both::<T, M, _, _, _>(value, gradient, &mut part, group.clone());
                }
                add(&mut sums, &mut losses, waiting, self.weights);
                for i in filled {
                    slots.commit(i);
                }
                waiting =
                    rows.start + group.start * CHUNK..rows.end.min(rows.start + group.end * CHUNK);
                for ((place, i), losses) in group.clone().enumerate().zip(&mut losses) {
                    if S::WANTED {
                        let Some(slot) = slots.slot(i) else { break };
                        map_both::<T, M, _, _, _, N, G>(
                            (value, gradient),
                            factor,
                            strange,
                            &mut part,
                            i,
                            &stage,
                            place,
                            (losses, slot),
                        );
                    } else {
                        map::<T, M, _, _, N, G>(value, &mut part, i, &stage, place, losses);
                    }
                }
                filled = group;
            }
            for i in filled {
                slots.commit(i);
            }
            self.sink.finish(to, &spare);
        }
        add(&mut sums, &mut losses, waiting, self.weights);
        sums.total()
    }
}

/// Adds the losses of some rows, at most of all chunks, with their weights.
#[inline(always)]
fn add<T: Score>(
    sums: &mut Accumulator<T>,
    losses: &mut [[T; CHUNK]],
    rows: Range<usize>,
    weights: Option<&[T]>,
) {
    let len = rows.len();
    let weights = weights.map(|weights| weights.get(rows).unwrap_or_default());
    for (losses, start) in losses.iter_mut().zip((0..len).step_by(CHUNK)) {
        let here = start..len.min(start + CHUNK);
        match weights {
            None => sums.add(losses, here.len()),
            Some(weights) => sums.add_weighted(losses, weights.get(here).unwrap_or_default()),
        }
    }
}
