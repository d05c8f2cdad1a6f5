//! The verbs that every batch has, and how large batches are divided among threads.
//!
//! A batch is halved, at a multiple of [`BLOCK`] rows that depends on its size alone, until the pieces are of at most
//! [`GRAIN`] rows. With the feature `rayon` the halves run side by side, otherwise one after the other; what is added up is
//! added in the same tree, so the bits are the same.

use super::options::Verb;
use crate::kernel::{
    BLOCK, Function, Level, MapKernel, Partial, Rows, Sink, SumKernel, TotalKernel,
};
use crate::loss::PairLoss;
use crate::reduce::Total;
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Rows that are not divided further: some ten microseconds of work.
pub(super) const GRAIN: usize = 4 * BLOCK;

/// Runs both, side by side where there are threads. That part is compiled once, for whatever is run.
pub(super) fn join<A: Default + Send, B: Default + Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let (mut a, mut b) = (A::default(), B::default());
    let (mut first, mut second) = (Some(first), Some(second));
    both(&mut || a = first.take().map_or_else(A::default, |first| first()), &mut || {
        b = second.take().map_or_else(B::default, |second| second());
    });
    (a, b)
}

type Task<'t> = &'t mut (dyn FnMut() + Send);

#[cfg(feature = "rayon")]
fn both(first: Task<'_>, second: Task<'_>) {
    rayon::join(first, second);
}

#[cfg(not(feature = "rayon"))]
fn both(first: Task<'_>, second: Task<'_>) {
    first();
    second();
}

/// The two parts of some rows: of the blocks the largest power of two that leaves any for the second.
pub(super) fn halves(range: &Range<usize>) -> [Range<usize>; 2] {
    let blocks = range.len().div_ceil(BLOCK);
    let middle = range.start + BLOCK * (blocks.next_power_of_two() / 2);
    [range.start..middle, middle..range.end]
}

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
        let Self { level, function, len, mut sink } = self;
        if len > GRAIN {
            map(level, function, rows, 0..len, sink);
        } else {
            map_in_order(level, function, rows, 0..len, &mut sink);
        }
    }
}

fn map<T: Score, F: Function, R: Rows<T>, S: Sink<T>>(
    level: Level,
    function: F,
    rows: R,
    range: Range<usize>,
    sink: S,
) {
    let mut sink = sink;
    if range.len() > GRAIN {
        let [first, second] = halves(&range);
        match sink.split_at(first.len()) {
            Ok((a, b)) => {
                join(
                    || map(level, function, rows, first, a),
                    || map(level, function, rows, second, b),
                );
                return;
            }
            Err(whole) => sink = whole,
        }
    }
    map_in_order(level, function, rows, range, &mut sink);
}

fn map_in_order<T: Score, F: Function, R: Rows<T>, S: Sink<T>>(
    level: Level,
    function: F,
    rows: R,
    range: Range<usize>,
    sink: &mut S,
) {
    level.run(MapKernel { function, rows, range, sink, format: PhantomData });
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

    fn call<R: Rows<T>>(self, rows: R) -> f64 {
        let Self { level, loss, len, divisor, mut sink } = self;
        let sum = Sum { level, loss, divisor, rows };
        // A small batch is not worth the way of its sink through a call.
        let sum = if len > GRAIN {
            sum.divided(0..len, sink)
        } else {
            sum.in_order(0..len, &mut sink, 0)
        };
        sum.over(divisor)
    }
}

/// The sum of the losses alone, not yet divided.
pub(super) struct Losses<L> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) len: usize,
    pub(super) divisor: (f64, f64),
}

impl<T: Score, L: PairLoss> Verb<T> for Losses<L> {
    type Output = Partial;

    fn call<R: Rows<T>>(self, rows: R) -> Partial {
        let Self { level, loss, len, divisor } = self;
        Sum { level, loss, divisor, rows }.divided(0..len, ())
    }
}

/// A sum over rows.
#[derive(Clone, Copy)]
struct Sum<L, R> {
    level: Level,
    loss: L,
    divisor: (f64, f64),
    rows: R,
}

impl<L: PairLoss, R> Sum<L, R> {
    /// The sum over some rows, among threads where the sink can be divided.
    fn divided<T: Score, S: Sink<T>>(self, range: Range<usize>, sink: S) -> Partial
    where
        R: Rows<T>,
    {
        let mut sink = sink;
        if range.len() > GRAIN {
            let [first, second] = halves(&range);
            match sink.split_at(first.len()) {
                Ok((a, b)) => {
                    let (a, b) = join(|| self.divided(first, a), || self.divided(second, b));
                    return a.plus(b);
                }
                Err(whole) => sink = whole,
            }
        }
        let start = range.start;
        self.in_order(range, &mut sink, start)
    }

    /// The same sum, in order; the sink begins with row `sink_start`.
    fn in_order<T: Score, S: Sink<T>>(
        self,
        range: Range<usize>,
        sink: &mut S,
        sink_start: usize,
    ) -> Partial
    where
        R: Rows<T>,
    {
        if range.len() <= BLOCK {
            let Self { level, loss, divisor, rows } = self;
            let format = PhantomData;
            return level.run(SumKernel { loss, rows, range, divisor, sink, sink_start, format });
        }
        let [first, second] = halves(&range);
        let first = self.in_order(first, sink, sink_start);
        first.plus(self.in_order(second, sink, sink_start))
    }
}

/// A function of some rows into a sink, in order; the sink begins with the first of them.
pub(super) struct MapPart<F, S> {
    pub(super) level: Level,
    pub(super) function: F,
    pub(super) range: Range<usize>,
    pub(super) sink: S,
}

impl<T: Score, F: Function, S: Sink<T>> Verb<T> for MapPart<F, S> {
    type Output = ();

    fn call<R: Rows<T>>(self, rows: R) {
        let Self { level, function, range, mut sink } = self;
        map_in_order(level, function, rows, range, &mut sink);
    }
}

/// The part that some rows, from a block on that is the first of a subtree, have in the sum of the losses, in order;
/// the sink begins with row 0.
pub(super) struct FusedPart<L, S> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) range: Range<usize>,
    pub(super) divisor: (f64, f64),
    pub(super) sink: S,
}

impl<T: Score, L: PairLoss, S: Sink<T>> Verb<T> for FusedPart<L, S> {
    type Output = Partial;

    fn call<R: Rows<T>>(self, rows: R) -> Partial {
        let Self { level, loss, range, divisor, mut sink } = self;
        Sum { level, loss, divisor, rows }.in_order(range, &mut sink, 0)
    }
}

/// The exact total of the losses of some rows; the sink begins with the first of them.
pub(super) struct TotalPart<'w, T, L, S> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) range: Range<usize>,
    pub(super) weights: Option<&'w [T]>,
    pub(super) divisor: (f64, f64),
    pub(super) sink: S,
}

impl<T: Score, L: PairLoss, S: Sink<T>> Verb<T> for TotalPart<'_, T, L, S> {
    type Output = Total;

    fn call<R: Rows<T>>(self, rows: R) -> Total {
        let Self { level, loss, range, weights, divisor, sink } = self;
        let format = PhantomData;
        level.run(TotalKernel { loss, rows, range, weights, divisor, sink, format })
    }
}

/// The exact total of the losses, and their gradients into a sink.
pub(super) struct ExactTotal<'w, T, L, S> {
    pub(super) level: Level,
    pub(super) loss: L,
    pub(super) len: usize,
    pub(super) weights: Option<&'w [T]>,
    pub(super) divisor: (f64, f64),
    pub(super) sink: S,
}

impl<T: Score, L: PairLoss, S: Sink<T>> Verb<T> for ExactTotal<'_, T, L, S> {
    type Output = Total;

    fn call<R: Rows<T>>(self, rows: R) -> Total {
        let Self { level, loss, len, weights, divisor, sink } = self;
        ExactSum { level, loss, rows, weights, divisor }.over(0..len, sink)
    }
}

/// An exact sum over rows.
#[derive(Clone, Copy)]
struct ExactSum<'w, T, L, R> {
    level: Level,
    loss: L,
    rows: R,
    weights: Option<&'w [T]>,
    divisor: (f64, f64),
}

impl<T: Score, L: PairLoss, R: Rows<T>> ExactSum<'_, T, L, R> {
    /// The sum over some rows, for which the sink is, among threads where it can be divided.
    fn over<S: Sink<T>>(self, range: Range<usize>, sink: S) -> Total {
        let mut sink = sink;
        if range.len() > GRAIN {
            let [first, second] = halves(&range);
            match sink.split_at(first.len()) {
                Ok((a, b)) => {
                    let (a, b) = join(|| self.over(first, a), || self.over(second, b));
                    return a.merge(b);
                }
                Err(whole) => sink = whole,
            }
        }
        let Self { level, loss, rows, weights, divisor } = self;
        let format = PhantomData;
        level.run(TotalKernel { loss, rows, range, weights, divisor, sink, format })
    }
}
