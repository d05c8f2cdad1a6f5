//! The loops.
//!
//! (a) A batch goes through in chunks of [`CHUNK`] rows. Within a chunk the loop over `j` becomes SIMD, and each
//!     of its steps takes `U` rows in lock step, rows u·STEPS + j. The shape, and with it the order of every sum, is the
//!     same at every instruction set.
//! (b) A column of a batch that is absent is a type, [`Absent`], and leaves no trace in the loop.
//! (c) The last chunk is padded in a local buffer and goes through the same code: no scalar tail.
//! (d) Rows whose result the working precision doubts are flagged, and only they are computed again, carefully.
//! (e) A kernel is generic over the loss and the format; a new loss gets all of them.

mod columns;
mod dispatch;
mod row;
mod sink;
mod sum;
mod total;

pub(crate) use columns::{Absent, ChunkOf, Column, Columns, Gathered, Negated, Or, Rows};
pub(crate) use dispatch::Kernel;
pub use dispatch::Level;
pub(crate) use row::{Function, Gradient, Hessian, LogSigmoid, Row, Sigmoid, Softplus, Value};
pub(crate) use sink::{Gradients, Sink};
pub(crate) use sum::{BLOCK, Partial, SumKernel};
pub(crate) use total::TotalKernel;

use crate::loss::{Jet, PairLoss};
use crate::math::{Fma, Lanes, each_lane};
use crate::score::Score;
use core::marker::PhantomData;
use row::{evaluate, store};

/// Rows that go through a kernel together.
pub(crate) const CHUNK: usize = 32;

/// A function of every row.
pub(crate) struct MapKernel<T, F, R, S> {
    pub(crate) function: F,
    pub(crate) rows: R,
    pub(crate) len: usize,
    pub(crate) sink: S,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, F: Function, R: Rows<T>, S: Sink<T>> Kernel for MapKernel<T, F, R, S> {
    type Output = ();

    #[inline(always)]
    fn run<M: Fma>(mut self) {
        let mut buffers = self.rows.buffers(self.len);
        let mut spare = [T::zero(); CHUNK];
        let mut start = 0;
        while start < self.len {
            let Some(chunk) = self.rows.chunk(start, &mut buffers) else { return };
            map::<T, M, F>(self.function, &chunk, self.sink.slot(start, &mut spare));
            self.sink.commit(start, &spare);
            start += CHUNK;
        }
        if !self.len.is_multiple_of(CHUNK) {
            self.sink.finish(self.len - self.len % CHUNK, &spare);
        }
    }
}

/// A function of every row of a chunk. A format whose working precision is two numbers goes two at a time.
#[inline(always)]
pub(crate) fn map<T: Score, M: Fma, F: Function>(
    function: F,
    chunk: &ChunkOf<'_, T>,
    results: &mut [T; CHUNK],
) {
    if !M::LOCK_STEP {
        map_chunk::<T, M, F, 1, CHUNK>(function, chunk, results);
    } else if T::DOUBTS {
        map_chunk::<T, M, F, 2, 16>(function, chunk, results);
    } else {
        map_chunk::<T, M, F, 4, 8>(function, chunk, results);
    }
}

#[inline(always)]
fn map_chunk<T: Score, M: Fma, F: Function, const U: usize, const STEPS: usize>(
    function: F,
    chunk: &ChunkOf<'_, T>,
    results: &mut [T; CHUNK],
) {
    let mut doubts = [false; CHUNK];
    let mut any = false;
    for j in 0..STEPS {
        let row = chunk.row::<M, U, STEPS>(j);
        let (value, _, doubt) = evaluate::<M, U, T::Working<M, U>, F>(function, &row, None);
        let value = value.to_array();
        each_lane! { u of U:
            results[u * STEPS + j] = store::<T, F>(value[u]);
            if T::DOUBTS {
                doubts[u * STEPS + j] = doubt.0[u];
                any |= doubt.0[u];
            }
        }
    }
    if T::DOUBTS && any {
        for i in 0..CHUNK {
            if doubts[i] {
                results[i] = careful(function, chunk.row::<M, 1, CHUNK>(i), None);
            }
        }
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
    store::<T, F>(value.to_array()[0])
}

/// A function of one row.
pub(crate) struct ScalarKernel<T, F> {
    pub(crate) function: F,
    pub(crate) chosen: T,
    pub(crate) rejected: Option<T>,
}

impl<T: Score, F: Function> Kernel for ScalarKernel<T, F> {
    type Output = T;

    #[inline(always)]
    fn run<M: Fma>(self) -> T {
        let lane = |x: T| Lanes::<M, 1>::new([x.widen()]);
        let row = Row {
            chosen: lane(self.chosen),
            rejected: self.rejected.map(lane),
            margin: None,
            weight: None,
            label: None,
        };
        let (value, _, doubt) = evaluate::<M, 1, T::Working<M, 1>, F>(self.function, &row, None);
        if T::DOUBTS && doubt.0[0] {
            return careful(self.function, row, None);
        }
        store::<T, F>(value.to_array()[0])
    }
}

/// All three numbers of a loss at one pair.
struct JetKernel<T, L> {
    loss: L,
    chosen: T,
    rejected: T,
}

impl<T: Score, L: PairLoss> Kernel for JetKernel<T, L> {
    type Output = Jet<T>;

    #[inline(always)]
    fn run<M: Fma>(self) -> Jet<T> {
        let Self { loss, chosen, rejected } = self;
        let rejected = Some(rejected);
        Jet {
            value: ScalarKernel { function: Value(loss), chosen, rejected }.run::<M>(),
            grad: ScalarKernel { function: Gradient(loss), chosen, rejected }.run::<M>(),
            hess: ScalarKernel { function: Hessian(loss), chosen, rejected }.run::<M>(),
        }
    }
}

/// The loss of one pair with both derivatives.
pub(crate) fn eval<T: Score, L: PairLoss>(loss: L, chosen: T, rejected: T) -> Jet<T> {
    Level::best().run(JetKernel { loss, chosen, rejected })
}
