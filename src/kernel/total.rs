//! The exact total of the losses.

use super::row::Value;
use super::{CHUNK, Kernel, Rows, Stage, groups, map, parts};
use crate::loss::PairLoss;
use crate::math::Fma;
use crate::reduce::{Accumulator, Total};
use crate::score::Score;
use core::ops::Range;

/// The total of the losses of some rows, each as it is reported, that is rounded to its format.
pub(crate) struct TotalKernel<'w, T, L, R> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    pub(crate) weights: Option<&'w [T]>,
}

impl<T: Score, L: PairLoss, R: Rows<T>> Kernel for TotalKernel<'_, T, L, R> {
    type Output = Total;

    #[inline(always)]
    fn run<M: Fma>(self) -> Total {
        if T::DOUBTS { self.pass::<M, 4, 1>() } else { self.pass::<M, 2, 2>() }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>> TotalKernel<'_, T, L, R> {
    #[inline(always)]
    fn pass<M: Fma, const N: usize, const G: usize>(self) -> Total {
        let function = Value(self.loss);
        let mut accumulator = Accumulator::default();
        let mut buffers = R::buffers();
        let mut stage = Stage::<N, G>::new();
        let mut results = [T::zero(); CHUNK];
        for rows in parts(self.range, self.rows.is_in_place()) {
            let (start, end) = (rows.start, rows.end);
            let mut part = self.rows.part(rows.clone(), &mut buffers);
            for group in groups::<G>(rows.len()) {
                if L::HAS_TAIL {
                    stage.fill::<T, M, _, _>(function, &mut part, group.clone());
                }
                for (place, i) in group.enumerate() {
                    map::<T, M, _, _, N, G>(function, &mut part, i, &stage, place, &mut results);
                    let terms = results.map(T::widen);
                    let start = start + i * CHUNK;
                    let len = (end - start).min(CHUNK);
                    let terms = terms.get(..len).unwrap_or_default();
                    match self.weights {
                        None => accumulator.add_terms(terms),
                        Some(weights) => {
                            let mut wide = [0.0; CHUNK];
                            let weights = weights.get(start..).unwrap_or_default();
                            for (slot, w) in wide.iter_mut().zip(weights) {
                                *slot = w.widen();
                            }
                            let weights = wide.get(..len).unwrap_or_default();
                            accumulator.add_weighted_terms(terms, weights);
                        }
                    }
                }
            }
        }
        accumulator.total()
    }
}
