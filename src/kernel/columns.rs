//! The columns of a batch, chunk by chunk.

use super::CHUNK;
use super::row::Row;
use crate::math::{Fma, Lanes, each_lane};
use crate::score::Score;

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
