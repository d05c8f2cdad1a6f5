//! The verbs that every batch has.

use super::options::Verb;
use crate::kernel::{
    BLOCK, Function, Level, MapKernel, Partial, Rows, Sink, SumKernel, TotalKernel,
};
use crate::loss::PairLoss;
use crate::reduce::Total;
use crate::score::Score;
use core::marker::PhantomData;

/// A function of every row into a sink.
pub(super) struct Map<F, S> {
    pub(super) level: Level,
    pub(super) function: F,
    pub(super) len: usize,
    pub(super) sink: S,
}

impl<T: Score, F: Function, S: Sink<T>> Verb<T> for Map<F, S> {
    type Output = ();

    fn call<R: Rows<T>>(self, rows: R) {
        let Self { level, function, len, sink } = self;
        level.run(MapKernel { function, rows, len, sink, format: PhantomData });
    }
}

/// The sum of the losses, and their gradients into a sink.
pub(super) struct Fused<L, S> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) len: usize,
    pub(super) divisor: (f64, f64),
    pub(super) sink: S,
}

impl<T: Score, L: PairLoss, S: Sink<T>> Verb<T> for Fused<L, S> {
    type Output = f64;

    fn call<R: Rows<T>>(mut self, rows: R) -> f64 {
        let Partial { sum, lost } = self.tree::<T, R>(rows, 0, self.len);
        let value = (sum + lost) / self.divisor.0;
        if value.is_nan() { f64::NAN } else { value }
    }
}

impl<L: PairLoss, S> Fused<L, S> {
    /// The sum over the rows `start..end`: of a block directly, of more by halves, the first of which is the largest
    /// power of two of blocks.
    fn tree<T: Score, R: Rows<T>>(&mut self, rows: R, start: usize, end: usize) -> Partial
    where
        S: Sink<T>,
    {
        let len = end - start;
        if len <= BLOCK {
            return self.level.run(SumKernel {
                loss: self.loss,
                rows,
                range: start..end,
                divisor: self.divisor,
                sink: &mut self.sink,
                sink_start: 0,
                format: PhantomData,
            });
        }
        let blocks = len.div_ceil(BLOCK);
        let middle = start + BLOCK * (blocks.next_power_of_two() / 2);
        let first = self.tree(rows, start, middle);
        first.plus(self.tree(rows, middle, end))
    }
}

/// The exact total of the losses.
pub(super) struct ExactTotal<'w, T, L> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) len: usize,
    pub(super) weights: Option<&'w [T]>,
}

impl<T: Score, L: PairLoss> Verb<T> for ExactTotal<'_, T, L> {
    type Output = Total;

    fn call<R: Rows<T>>(self, rows: R) -> Total {
        let Self { level, loss, len, weights } = self;
        level.run(TotalKernel { loss, rows, len, weights })
    }
}
