//! The exact total of the losses.

use super::row::Value;
use super::{CHUNK, Kernel, Rows, map};
use crate::loss::PairLoss;
use crate::math::Fma;
use crate::reduce::{Accumulator, Total};
use crate::score::Score;

/// The total of the losses of `len` rows, each as it is reported, that is rounded to its format.
pub(crate) struct TotalKernel<'w, T, L, R> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) len: usize,
    pub(crate) weights: Option<&'w [T]>,
}

impl<T: Score, L: PairLoss, R: Rows<T>> Kernel for TotalKernel<'_, T, L, R> {
    type Output = Total;

    #[inline(always)]
    fn run<M: Fma>(self) -> Total {
        let mut accumulator = Accumulator::default();
        let mut buffers = self.rows.buffers(self.len);
        let mut results = [T::zero(); CHUNK];
        let mut start = 0;
        while start < self.len {
            let Some(chunk) = self.rows.chunk(start, &mut buffers) else { break };
            map::<T, M, _>(Value(self.loss), &chunk, &mut results);
            let terms = results.map(T::widen);
            let len = (self.len - start).min(CHUNK);
            let terms = terms.get(..len).unwrap_or_default();
            match self.weights {
                None => accumulator.add_terms(terms),
                Some(weights) => {
                    let mut wide = [0.0; CHUNK];
                    for (slot, w) in wide.iter_mut().zip(weights.get(start..).unwrap_or_default()) {
                        *slot = w.widen();
                    }
                    accumulator.add_weighted_terms(terms, wide.get(..len).unwrap_or_default());
                }
            }
            start += CHUNK;
        }
        accumulator.total()
    }
}
