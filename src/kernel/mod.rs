//! The loops.
//!
//! (a) A batch goes through in chunks of [`CHUNK`] rows. Within a chunk the loop over `j` becomes SIMD, and each
//!     of its steps takes `U` rows in lock step, rows u·STEPS + j. The shape, and with it the order of every sum, is the
//!     same at every instruction set.
//! (b) A column of a batch that is absent is a type, [`Absent`], and leaves no trace in the loop.
//! (c) The last chunk is padded in a local buffer and goes through the same code: no scalar tail.
//! (d) Rows whose result the working precision doubts are flagged, and only they are computed again, carefully.
//! (e) A kernel is generic over the loss and the format; a new loss gets all of them.

mod dispatch;
mod row;
mod sum;
mod total;

pub(crate) use dispatch::Kernel;
pub use dispatch::Level;
pub(crate) use row::{Function, Gradient, Hessian, LogSigmoid, Row, Sigmoid, Softplus, Value};
pub(crate) use sum::{BLOCK, Partial, SumKernel};
pub(crate) use total::TotalKernel;

use crate::loss::{Jet, PairLoss};
use crate::math::{Fma, Lanes, each_lane};
use crate::score::Score;
use core::marker::PhantomData;
use row::{evaluate, store};

/// Rows that go through a kernel together.
pub(crate) const CHUNK: usize = 32;

/// One column of a batch: what each row holds.
pub(crate) trait Column<T>: Copy {
    const PRESENT: bool = true;

    /// Readies `buffer` for a pass over the rows up to `end`: with the last, partial chunk where there is one, and
    /// `fill` past the end of it.
    fn ready(self, end: usize, fill: T, buffer: &mut [T; CHUNK]);

    /// Rows `start..start + CHUNK`, from `buffer` where that is the partial chunk. `None` for a column that is absent.
    fn chunk<'s>(&'s self, start: usize, buffer: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]>;
}

/// A column that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Absent;

impl<T> Column<T> for Absent {
    const PRESENT: bool = false;

    #[inline(always)]
    fn ready(self, _: usize, _: T, _: &mut [T; CHUNK]) {}

    #[inline(always)]
    fn chunk<'s>(&'s self, _: usize, _: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]> {
        None
    }
}

impl<T: Copy> Column<T> for &[T] {
    #[inline(always)]
    fn ready(self, end: usize, fill: T, buffer: &mut [T; CHUNK]) {
        let len = end % CHUNK;
        if len != 0 {
            pad(self.get(end - len..end).unwrap_or_default(), fill, buffer);
        }
    }

    #[inline(always)]
    fn chunk<'s>(&'s self, start: usize, buffer: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]> {
        Some(self.get(start..).and_then(<[T]>::first_chunk).unwrap_or(buffer))
    }
}

/// Out of line: once a call, and compiled once.
#[inline(never)]
fn pad<T: Copy>(rows: &[T], fill: T, buffer: &mut [T; CHUNK]) {
    *buffer = [fill; CHUNK];
    for (slot, &x) in buffer.iter_mut().zip(rows) {
        *slot = x;
    }
}

/// A column that may be absent and then costs a little: constant. For combinations of options that would otherwise
/// multiply the kernels.
#[derive(Clone, Copy)]
pub(crate) struct Or<C>(pub(crate) Option<C>);

impl<T: Copy, C: Column<T>> Column<T> for Or<C> {
    #[inline(always)]
    fn ready(self, end: usize, fill: T, buffer: &mut [T; CHUNK]) {
        match self.0 {
            None => *buffer = [fill; CHUNK],
            Some(column) => column.ready(end, fill, buffer),
        }
    }

    #[inline(always)]
    fn chunk<'s>(&'s self, start: usize, buffer: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]> {
        match &self.0 {
            None => Some(buffer),
            Some(column) => column.chunk(start, buffer),
        }
    }
}

/// Scores looked up by index: entry `index[row]` of one vector. The indices are known to be in range.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a, T> {
    pub(crate) scores: &'a [T],
    pub(crate) index: &'a [u32],
}

impl<T: Score> Column<T> for Gathered<'_, T> {
    #[inline(always)]
    fn ready(self, _: usize, fill: T, buffer: &mut [T; CHUNK]) {
        *buffer = [fill; CHUNK];
    }

    /// Past the end of the batch the buffer holds what it held, which is some score.
    #[inline(always)]
    fn chunk<'s>(&'s self, start: usize, buffer: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]> {
        for (slot, &i) in buffer.iter_mut().zip(self.index.get(start..).unwrap_or_default()) {
            *slot = self.scores.get(i as usize).copied().unwrap_or_else(T::zero);
        }
        Some(buffer)
    }
}

/// A column with its sign changed: offsets are added where margins are subtracted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negated<'a, T>(pub(crate) &'a [T]);

impl<T: Score> Column<T> for Negated<'_, T> {
    #[inline(always)]
    fn ready(self, _: usize, fill: T, buffer: &mut [T; CHUNK]) {
        *buffer = [fill; CHUNK];
    }

    #[inline(always)]
    fn chunk<'s>(&'s self, start: usize, buffer: &'s mut [T; CHUNK]) -> Option<&'s [T; CHUNK]> {
        for (slot, &x) in buffer.iter_mut().zip(self.0.get(start..).unwrap_or_default()) {
            *slot = -x;
        }
        Some(buffer)
    }
}

/// The columns of a batch of comparisons. `R` is [`Absent`] for a function of one variable.
#[derive(Clone, Copy)]
pub(crate) struct Columns<C, R, M, W, P> {
    pub(crate) chosen: C,
    pub(crate) rejected: R,
    pub(crate) margins: M,
    pub(crate) weights: W,
    pub(crate) labels: P,
}

/// A chunk of every column.
#[derive(Clone, Copy)]
pub(crate) struct ChunkOf<'c, T> {
    chosen: &'c [T; CHUNK],
    rejected: Option<&'c [T; CHUNK]>,
    margins: Option<&'c [T; CHUNK]>,
    weights: Option<&'c [T; CHUNK]>,
    labels: Option<&'c [T; CHUNK]>,
}

/// Where chunks are padded or gathered, one buffer a column.
pub(crate) struct Buffers<T>([[T; CHUNK]; 5]);

/// A batch, row by row, whatever its columns.
pub(crate) trait Rows<T: Score>: Copy {
    /// Whether rows have weights.
    const WEIGHTED: bool;

    /// The buffers for a pass over the rows up to `end`.
    fn buffers(self, end: usize) -> Buffers<T>;

    /// Rows `start..start + CHUNK`.
    fn chunk<'s>(&'s self, start: usize, buffers: &'s mut Buffers<T>) -> Option<ChunkOf<'s, T>>;
}

impl<T: Score, C: Column<T>, R: Column<T>, M: Column<T>, W: Column<T>, P: Column<T>> Rows<T>
    for Columns<C, R, M, W, P>
{
    const WEIGHTED: bool = W::PRESENT;

    #[inline(always)]
    fn buffers(self, end: usize) -> Buffers<T> {
        let mut buffers = [[T::zero(); CHUNK]; 5];
        let [a, b, c, d, e] = &mut buffers;
        self.chosen.ready(end, T::zero(), a);
        self.rejected.ready(end, T::zero(), b);
        self.margins.ready(end, T::zero(), c);
        self.weights.ready(end, T::one(), d);
        self.labels.ready(end, T::one(), e);
        Buffers(buffers)
    }

    #[inline(always)]
    fn chunk<'s>(&'s self, start: usize, buffers: &'s mut Buffers<T>) -> Option<ChunkOf<'s, T>> {
        let Buffers([a, b, c, d, e]) = buffers;
        Some(ChunkOf {
            chosen: self.chosen.chunk(start, a)?,
            rejected: self.rejected.chunk(start, b),
            margins: self.margins.chunk(start, c),
            weights: self.weights.chunk(start, d),
            labels: self.labels.chunk(start, e),
        })
    }
}

/// The rows u·STEPS + j of a column.
#[inline(always)]
fn lanes<T: Score, M: Fma, const U: usize, const STEPS: usize>(
    column: &[T; CHUNK],
    j: usize,
) -> Lanes<M, U> {
    let mut out = [0.0; U];
    each_lane! { u of U: out[u] = column[u * STEPS + j].widen(); }
    Lanes::new(out)
}

impl<T: Score> ChunkOf<'_, T> {
    #[inline(always)]
    pub(crate) fn row<M: Fma, const U: usize, const STEPS: usize>(
        &self,
        j: usize,
    ) -> Row<Lanes<M, U>> {
        Row {
            chosen: lanes::<T, M, U, STEPS>(self.chosen, j),
            rejected: self.rejected.map(|column| lanes::<T, M, U, STEPS>(column, j)),
            margin: self.margins.map(|column| lanes::<T, M, U, STEPS>(column, j)),
            weight: self.weights.map(|column| lanes::<T, M, U, STEPS>(column, j)),
            label: self.labels.map(|column| lanes::<T, M, U, STEPS>(column, j)),
        }
    }
}

/// What becomes of the results of a pass over the rows. For each chunk: ask for a slot, fill it, commit it.
pub(crate) trait Sink<T> {
    /// Whether the results are wanted at all.
    const WANTED: bool = true;

    /// Where the results of rows `start..start + CHUNK` are to be written: their final place, or `spare`.
    fn slot<'s>(&'s mut self, start: usize, spare: &'s mut [T; CHUNK]) -> &'s mut [T; CHUNK];

    /// The slot has been filled.
    fn commit(&mut self, start: usize, spare: &[T; CHUNK]);

    /// The pass is over; `spare` holds the results of the partial chunk from row `start` on, if there is one.
    fn finish(&mut self, start: usize, spare: &[T; CHUNK]);
}

/// Results that nobody wants.
impl<T> Sink<T> for () {
    const WANTED: bool = false;
    #[inline(always)]
    fn slot<'s>(&'s mut self, _: usize, spare: &'s mut [T; CHUNK]) -> &'s mut [T; CHUNK] {
        spare
    }
    #[inline(always)]
    fn commit(&mut self, _: usize, _: &[T; CHUNK]) {}
    #[inline(always)]
    fn finish(&mut self, _: usize, _: &[T; CHUNK]) {}
}

/// Results stored in order.
impl<T: Copy> Sink<T> for &mut [T] {
    #[inline(always)]
    fn slot<'s>(&'s mut self, start: usize, spare: &'s mut [T; CHUNK]) -> &'s mut [T; CHUNK] {
        self.get_mut(start..).and_then(<[T]>::first_chunk_mut).unwrap_or(spare)
    }
    #[inline(always)]
    fn commit(&mut self, _: usize, _: &[T; CHUNK]) {}
    #[inline(never)]
    fn finish(&mut self, start: usize, spare: &[T; CHUNK]) {
        for (slot, &x) in self.get_mut(start..).unwrap_or_default().iter_mut().zip(spare) {
            *slot = x;
        }
    }
}

/// Gradients with respect to the chosen and, negated, where they are wanted, to the rejected scores.
pub(crate) struct Gradients<'o, T> {
    pub(crate) chosen: &'o mut [T],
    pub(crate) rejected: Option<&'o mut [T]>,
}

impl<T: Score> Sink<T> for Gradients<'_, T> {
    #[inline(always)]
    fn slot<'s>(&'s mut self, start: usize, spare: &'s mut [T; CHUNK]) -> &'s mut [T; CHUNK] {
        self.chosen.slot(start, spare)
    }
    #[inline(always)]
    fn commit(&mut self, start: usize, _: &[T; CHUNK]) {
        let Some(rejected) = &mut self.rejected else { return };
        let chosen = self.chosen.get(start..).and_then(<[T]>::first_chunk::<CHUNK>);
        let rejected = rejected.get_mut(start..).and_then(<[T]>::first_chunk_mut::<CHUNK>);
        if let (Some(chosen), Some(rejected)) = (chosen, rejected) {
            for i in 0..CHUNK {
                rejected[i] = negated(chosen[i]);
            }
        }
    }
    #[inline(never)]
    fn finish(&mut self, start: usize, spare: &[T; CHUNK]) {
        self.chosen.finish(start, spare);
        if let Some(rejected) = &mut self.rejected {
            rejected.finish(start, &spare.map(negated));
        }
    }
}

/// −x; the canonical NaN has no sign.
#[inline(always)]
fn negated<T: Score>(x: T) -> T {
    if x.is_nan() { x } else { -x }
}

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
