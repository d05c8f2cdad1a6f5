//! The loops.
//!
//! (a) A batch goes through in chunks of [`CHUNK`] rows, and the loop over the rows of a chunk becomes SIMD. The shape,
//!     and with it the order of every sum, is the same at every instruction set.
//! (b) A function with an exponential goes in two stages, see [`stage`].
//! (c) A column of a batch that is absent is a type, [`Absent`], and leaves no trace in the loop.
//! (d) The last chunk is padded in a local buffer and goes through the same code: no scalar tail.
//! (e) Rows whose result the working precision doubts are flagged, and only they are computed again, carefully.
//! (f) A kernel is generic over the loss and the format; a new loss gets all of them.
//!
//! What keeps a loop SIMD: rows by index, a number of them that is not small enough to be unrolled beforehand, results in
//! local arrays (through a slice the compiler suspects overlap), no closure, no call.

mod columns;
mod dispatch;
mod ranking;
mod row;
mod sink;
mod stage;
mod sum;
mod total;

use columns::Part;
pub(crate) use columns::{Absent, ChunkOf, Column, Columns, Gathered, Negated, Or, Padded, Rows};
pub(crate) use dispatch::Kernel;
pub use dispatch::Level;
pub(crate) use ranking::{RankingKernel, Rankings};
pub(crate) use row::{Function, Gradient, Hessian, LogSigmoid, Row, Sigmoid, Softplus, Value};
pub(crate) use sink::{Gradients, Sink, Slots};
pub(crate) use sum::{BLOCK, Partial, SumKernel};
pub(crate) use total::TotalKernel;

use crate::loss::{Jet, PairLoss};
use crate::math::{Fma, Lanes};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;
use row::{Argument, Extras, evaluate, store};
use stage::{Source, Stage, groups};

/// Rows that go through a kernel together.
pub(crate) const CHUNK: usize = 32;

/// A function of some rows.
pub(crate) struct MapKernel<T, F, R, S> {
    pub(crate) function: F,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    /// For the rows of the range, from 0 on.
    pub(crate) sink: S,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, F: Function, R: Rows<T>, S: Sink<T>> Kernel for MapKernel<T, F, R, S> {
    type Output = ();

    #[inline(always)]
    fn run<M: Fma>(self) {
        if T::DOUBTS { self.pass::<M, 4, 1>() } else { self.pass::<M, 2, 2>() }
    }
}

impl<T: Score, F: Function, R: Rows<T>, S: Sink<T>> MapKernel<T, F, R, S> {
    #[inline(always)]
    fn pass<M: Fma, const N: usize, const G: usize>(mut self) {
        let function = self.function;
        let mut buffers = R::buffers();
        let mut stage = Stage::<N, G>::new();
        let mut spare = [T::zero(); CHUNK];
        let base = self.range.start;
        for rows in parts(self.range.clone()) {
            let mut part = self.rows.part(rows.clone(), &mut buffers);
            let to = rows.start - base..rows.end - base;
            let mut slots = self.sink.slots(to, &mut spare);
            for group in groups::<G>(rows.len()) {
                if F::HAS_TAIL {
                    stage.fill::<T, M, F, _>(function, &mut part, group.clone());
                }
                for (place, i) in group.enumerate() {
                    let Some(slot) = slots.slot(i) else { break };
                    map::<T, M, F, _, N, G>(function, &mut part, i, &stage, place, slot);
                    slots.commit(i);
                }
            }
        }
        let [_, rest] = parts(self.range);
        if !rest.is_empty() {
            self.sink.finish(rest.start - base..rest.end - base, &spare);
        }
    }
}

/// The whole chunks of some rows, and the partial one at their end.
#[inline(always)]
fn parts(rows: Range<usize>) -> [Range<usize>; 2] {
    let rest = rows.end - rows.len() % CHUNK;
    [rows.start..rest, rest..rows.end]
}

/// A function of every row of a chunk, the tails of which, if there are any, are in the stage.
#[inline(always)]
pub(crate) fn map<T, M, F, P, const N: usize, const G: usize>(
    function: F,
    part: &mut P,
    i: usize,
    stage: &Stage<N, G>,
    place: usize,
    results: &mut [T; CHUNK],
) where
    T: Score,
    M: Fma,
    F: Function,
    P: Part<T>,
{
    let Some(source) = stage.source::<T, F, P>(part, i, place) else { return };
    let mut doubts = [0; CHUNK];
    if map_chunk::<T, M, F, N>(function, &source, results, &mut doubts) {
        let Some(chunk) = part.chunk(i) else { return };
        for (i, _) in doubts.iter().enumerate().filter(|(_, doubt)| **doubt != 0) {
            results[i] = careful(function, chunk.row::<M, 1>(i), None);
        }
    }
}

/// Whether some results are in doubt.
#[inline(always)]
fn map_chunk<T, M, F, const N: usize>(
    function: F,
    source: &Source<'_, T, N>,
    results: &mut [T; CHUNK],
    doubts: &mut [u64; CHUNK],
) -> bool
where
    T: Score,
    M: Fma,
    F: Function,
{
    let mut any = 0;
    for i in 0..CHUNK {
        let (Argument { z, tail }, extras) = source.row::<M, F>(function, i);
        let y = function.apply(z, tail, extras.label());
        let (value, _, doubt) = extras.finish(z, y, None, F::HAS_TAIL);
        results[i] = store::<T, M, F>(value);
        if T::DOUBTS {
            doubts[i] = doubt.to_bits();
            any |= doubts[i];
        }
    }
    any != 0
}

/// The careful result for one row.
#[cold]
#[inline(never)]
pub(crate) fn careful<T: Score, M: Fma, F: Function>(
    function: F,
    row: Row<Lanes<M, 1>>,
    factor: Option<(f64, f64)>,
) -> T {
    let (value, ..) = evaluate::<M, 1, T::Careful<M>, F>(function, &row, factor);
    store::<T, M, F>(value)
}

/// A function of one number. One field: passed in a register.
pub(crate) struct ScalarKernel<T, F> {
    pub(crate) function: F,
    pub(crate) x: T,
}

/// A function of one pair.
pub(crate) struct PairKernel<T, F> {
    pub(crate) function: F,
    pub(crate) chosen: T,
    pub(crate) rejected: T,
}

/// All three numbers of a loss at one pair.
struct JetKernel<T, L> {
    loss: L,
    chosen: T,
    rejected: T,
}

impl<T: Score, F: Function> Kernel for ScalarKernel<T, F> {
    type Output = T;

    #[inline(always)]
    fn run<M: Fma>(self) -> T {
        scalar::<T, M, F>(self.function, self.x, None)
    }
}

impl<T: Score, F: Function> Kernel for PairKernel<T, F> {
    type Output = T;

    #[inline(always)]
    fn run<M: Fma>(self) -> T {
        scalar::<T, M, F>(self.function, self.chosen, Some(self.rejected))
    }
}

impl<T: Score, L: PairLoss> Kernel for JetKernel<T, L> {
    type Output = Jet<T>;

    #[inline(always)]
    fn run<M: Fma>(self) -> Jet<T> {
        let Self { loss, chosen, rejected } = self;
        let rejected = Some(rejected);
        Jet {
            value: scalar::<T, M, _>(Value(loss), chosen, rejected),
            grad: scalar::<T, M, _>(Gradient(loss), chosen, rejected),
            hess: scalar::<T, M, _>(Hessian(loss), chosen, rejected),
        }
    }
}

#[inline(always)]
fn scalar<T: Score, M: Fma, F: Function>(function: F, chosen: T, rejected: Option<T>) -> T {
    let lane = |x: T| Lanes::<M, 1>::new([x.widen()]);
    let extras = Extras { weight: None, label: None };
    let row = Row { chosen: lane(chosen), rejected: rejected.map(lane), margin: None, extras };
    let z = row.z::<T::Working<M, 1>>();
    let y = function.apply(z, function.tail(z), None);
    let (value, _, doubt) = extras.finish(z, y, None, F::HAS_TAIL);
    if T::DOUBTS && doubt.to_bits() != 0 {
        return careful(function, row, None);
    }
    store::<T, M, F>(value)
}

/// The loss of one pair with both derivatives.
pub(crate) fn eval<T: Score, L: PairLoss>(loss: L, chosen: T, rejected: T) -> Jet<T> {
    Level::best().run(JetKernel { loss, chosen, rejected })
}
