//! The loops.
//!
//! (a) A batch goes through in chunks of [`CHUNK`] rows, and the loop over the rows of a chunk becomes SIMD. The shape,
//!     and with it the order of every sum, is the same at every instruction set.
//! (b) A function with an exponential goes in two stages, see [`stage`].
//! (c) A column of a batch that is absent is a type, [`Absent`], and leaves no trace in the loop.
//! (d) Rows that do not lie together are brought together in a local buffer, a stretch of chunks at a time, and the
//!     results likewise ([`sink`]): the loop over chunks sees no difference.
//! (e) The last chunk is padded in a local buffer and goes through the same code: no scalar tail.
//! (f) Rows whose result the working precision doubts are flagged, and only they are computed again, carefully.
//! (g) A kernel is generic over the loss and the format; a new loss gets all of them.
//!
//! What keeps a loop SIMD: rows by index, a number of them that is not small enough to be unrolled beforehand, results in
//! local arrays (through a slice the compiler suspects overlap), no closure, no call.

mod centered;
mod columns;
mod dispatch;
mod ranking;
mod row;
mod sink;
mod stage;
mod sum;
mod total;
#[cfg(feature = "half")]
mod widened;

pub(crate) use centered::CenteredKernel;
pub(crate) use columns::{Absent, ChunkOf, Columns, Or, Rows, Scores};
use columns::{Part, STRETCH};
pub(crate) use dispatch::Kernel;
pub use dispatch::Level;
pub(crate) use ranking::{RankingKernel, Rankings};
pub(crate) use row::{Function, Gradient, Hessian, LogSigmoid, Row, Sigmoid, Softplus, Value};
pub(crate) use sink::{Out, Place, Rejected, Sink, Slots, Spare};
pub(crate) use sum::{BLOCK, Partial, SumKernel};
pub(crate) use total::TotalKernel;

use crate::loss::{Jet, PairLoss};
use crate::math::{Fma, Lanes, each_lane};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;
use row::{Argument, Extras, evaluate, store};
use stage::{Source, Stage, groups};

/// Rows that go through a kernel together.
pub(crate) const CHUNK: usize = 32;

/// A function of some rows.
pub(crate) struct MapKernel<'s, T, F, R, S> {
    pub(crate) function: F,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    /// For the rows of the range, from 0 on.
    pub(crate) sink: &'s mut S,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, F: Function, R: Rows<T>, S: Sink<T>> Kernel for MapKernel<'_, T, F, R, S> {
    type Output = ();

    #[inline(always)]
    fn run<M: Fma>(self) {
        if T::DOUBTS { self.pass::<M, 4, 1>() } else { self.pass::<M, 2, 2>() }
    }
}

impl<T: Score, F: Function, R: Rows<T>, S: Sink<T>> MapKernel<'_, T, F, R, S> {
    #[inline(always)]
    fn pass<M: Fma, const N: usize, const G: usize>(self) {
        let function = self.function;
        let mut buffers = R::buffers();
        let mut stage = Stage::<N, G>::new();
        let mut spare = Spare::new();
        let base = self.range.start;
        for rows in parts(self.range.clone(), self.rows.is_in_place() && self.sink.is_in_place()) {
            let mut part = self.rows.part(rows.clone(), T::zero(), &mut buffers);
            let to = rows.start - base..rows.end - base;
            let mut slots = self.sink.slots(to.clone(), &mut spare);
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
            self.sink.finish(to, &spare);
        }
    }
}

/// `array.map`, which the compiler may leave a call: without optimisation at link time it is compiled elsewhere.
#[inline(always)]
fn each_of<A, B>([a, b, c, d]: [A; 4], f: impl Fn(A) -> B) -> [B; 4] {
    [f(a), f(b), f(c), f(d)]
}

/// The whole chunks of some rows, in one go where they are used in place, else in stretches; then the partial chunk at
/// their end.
#[inline(always)]
fn parts(rows: Range<usize>, in_place: bool) -> Parts {
    Parts { rows, longest: if in_place { usize::MAX } else { STRETCH } }
}

struct Parts {
    rows: Range<usize>,
    longest: usize,
}

impl Iterator for Parts {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        let Range { start, end } = self.rows;
        let len = match end - start {
            0 => return None,
            rest @ 1..CHUNK => rest,
            more => (more - more % CHUNK).min(self.longest),
        };
        self.rows.start += len;
        Some(start..start + len)
    }
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
    let mut doubts = Doubts([0; CHUNK]);
    // The width of the lock step is no part of the result. With more columns such loops do not become SIMD.
    let any = if M::LOCK_STEP && F::LONG && P::BARE {
        map_chunk::<T, M, F, N, 4>(function, &source, results, &mut doubts)
    } else {
        map_chunk::<T, M, F, N, 1>(function, &source, results, &mut doubts)
    };
    if T::DOUBTS
        && any
        && let Some(chunk) = part.chunk(i)
    {
        redo::<T, M, F>(function, None, &chunk, &doubts, results);
    }
}

/// Whether some results are in doubt.
#[inline(always)]
fn map_chunk<T, M, F, const N: usize, const U: usize>(
    function: F,
    source: &Source<'_, T, N>,
    results: &mut [T; CHUNK],
    doubts: &mut Doubts,
) -> bool
where
    T: Score,
    M: Fma,
    F: Function,
{
    let mut any = 0;
    for j in 0..CHUNK / U {
        let (Argument { z, tail }, extras) = source.row::<M, F, U>(function, j);
        let y = function.apply(z, tail, extras.label());
        let (value, _, doubt) = extras.finish(z, y, None, F::KIND);
        let (value, doubt) = (value.to_array(), doubt.to_bits());
        each_lane! { u of U:
            let i = u * (CHUNK / U) + j;
            results[i] = store::<T, F>(value[u]);
            if T::DOUBTS {
                doubts.0[i] = doubt[u];
                any |= doubt[u];
            }
        }
    }
    any != 0
}

/// [`map`] of a value, and of a gradient and its product with a factor, in one loop: the one is bound by multiplications,
/// the other by a division. A `strange` factor puts every row in doubt.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(crate) fn map_both<T, M, V, D, P, const N: usize, const G: usize>(
    (value, gradient): (V, D),
    factor: (f64, f64),
    strange: bool,
    part: &mut P,
    i: usize,
    stage: &Stage<N, G>,
    place: usize,
    (values, gradients): (&mut [T; CHUNK], &mut [T; CHUNK]),
) where
    T: Score,
    M: Fma,
    V: Function,
    D: Function,
    P: Part<T>,
{
    let Some(source) = stage.source::<T, V, P>(part, i, place) else { return };
    let mut doubts = Doubts([0; CHUNK]);
    // By way of a copy: the compiler does not see that it does not overlap.
    let mut copy = [T::zero(); CHUNK];
    let (functions, results) = ((value, gradient), (&mut *values, &mut copy));
    let any = if M::LOCK_STEP && V::LONG && P::BARE {
        map_both_chunk::<T, M, V, D, N, 2>(functions, factor, &source, results, &mut doubts)
    } else {
        map_both_chunk::<T, M, V, D, N, 1>(functions, factor, &source, results, &mut doubts)
    };
    *gradients = copy;
    if T::DOUBTS && (any || strange) {
        let doubts = if strange { &ALL } else { &doubts };
        if let Some(chunk) = part.chunk(i) {
            redo::<T, M, V>(value, None, &chunk, doubts, values);
            redo::<T, M, D>(gradient, Some(factor), &chunk, doubts, gradients);
        }
    }
}

/// Whether some results are in doubt, whichever of the two.
#[inline(always)]
fn map_both_chunk<T, M, V, D, const N: usize, const U: usize>(
    (value, gradient): (V, D),
    factor: (f64, f64),
    source: &Source<'_, T, N>,
    (values, gradients): (&mut [T; CHUNK], &mut [T; CHUNK]),
    doubts: &mut Doubts,
) -> bool
where
    T: Score,
    M: Fma,
    V: Function,
    D: Function,
{
    let mut any = 0;
    for j in 0..CHUNK / U {
        let (Argument { z, tail }, extras) = source.row::<M, V, U>(value, j);
        let y = value.apply(z, tail, extras.label());
        let (y, _, doubt) = extras.finish(z, y, None, V::KIND);
        let (Argument { z, tail }, extras) = source.row::<M, D, U>(gradient, j);
        let dy = gradient.apply(z, tail, extras.label());
        let (dy, _, doubt_of_dy) = extras.finish(z, dy, Some(factor), D::KIND);
        let (y, dy, doubt) = (y.to_array(), dy.to_array(), doubt.or(doubt_of_dy).to_bits());
        each_lane! { u of U:
            let i = u * (CHUNK / U) + j;
            values[i] = store::<T, V>(y[u]);
            gradients[i] = store::<T, D>(dy[u]);
            if T::DOUBTS {
                doubts.0[i] = doubt[u];
                any |= doubt[u];
            }
        }
    }
    any != 0
}

/// Which rows of a chunk are in doubt: all bits or none.
#[repr(align(64))]
struct Doubts([u64; CHUNK]);

const ALL: Doubts = Doubts([!0; CHUNK]);

/// Computes the rows in doubt again. Out of line: one for all combinations of columns.
#[cold]
#[inline(never)]
fn redo<T: Score, M: Fma, F: Function>(
    function: F,
    factor: Option<(f64, f64)>,
    chunk: &ChunkOf<'_, T>,
    doubts: &Doubts,
    results: &mut [T; CHUNK],
) {
    for (i, result) in results.iter_mut().enumerate() {
        if doubts.0[i] != 0 {
            settle::<T, M, F>(function, chunk.row::<M, 1>(i), factor, result);
        }
    }
}

/// Puts the careful result of a row in the place of the quick one, if that is in doubt.
#[cold]
#[inline(never)]
pub(crate) fn settle<T: Score, M: Fma, F: Function>(
    function: F,
    row: Row<Lanes<M, 1>>,
    factor: Option<(f64, f64)>,
    result: &mut T,
) {
    let (.., doubt) = evaluate::<M, 1, T::Working<M, 1>, F>(function, &row, factor);
    if doubt.any() {
        *result = careful(function, row, factor);
    }
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
    store::<T, F>(value.to_f64())
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
    let extras = Extras { weight: None, label: None, upstream: None };
    let row = Row { chosen: lane(chosen), rejected: rejected.map(lane), margin: None, extras };
    let z = row.z::<T::Working<M, 1>>();
    let y = function.apply(z, function.tail(z), None);
    let (value, _, doubt) = extras.finish(z, y, None, F::KIND);
    if T::DOUBTS && doubt.any() {
        return careful(function, row, None);
    }
    store::<T, F>(value.to_f64())
}

/// The loss of one pair with both derivatives.
pub(crate) fn eval<T: Score, L: PairLoss>(loss: L, chosen: T, rejected: T) -> Jet<T> {
    Level::best().run(JetKernel { loss, chosen, rejected })
}
