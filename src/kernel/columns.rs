//! The columns of a batch, chunk by chunk.

use super::CHUNK;
use super::row::{Extras, Row};
use crate::math::{Fma, Lanes, each_lane};
use crate::score::Score;
use core::ops::Range;

/// One column of a batch: what each row holds.
pub(crate) trait Column<T: 'static>: Copy + Send + Sync {
    const PRESENT: bool = true;

    /// Where a chunk is padded or brought together.
    type Buffer;

    fn buffer() -> Self::Buffer;

    /// The rows of one part of a pass, chunk by chunk.
    type Chunks<'s>: Chunks<T>
    where
        Self: 's;

    /// The given rows: whole chunks, or a partial one, which `buffer` then holds, with `fill` past the end of it.
    fn chunks<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        buffer: &'s mut Self::Buffer,
    ) -> Self::Chunks<'s>
    where
        Self: 's;
}

/// A chunk that is padded or brought together.
#[repr(align(64))]
pub(crate) struct Padded<T>([T; CHUNK]);

/// Rows of a column, chunk by chunk.
pub(crate) trait Chunks<T> {
    const PRESENT: bool = true;

    /// Chunk `i` of these rows; `None` beyond their end.
    fn chunk(&mut self, i: usize) -> Option<&[T; CHUNK]>;
}

/// A column that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Absent;

impl<T: 'static> Column<T> for Absent {
    const PRESENT: bool = false;
    type Buffer = ();
    type Chunks<'s> = Self;

    #[inline(always)]
    fn buffer() {}

    #[inline(always)]
    fn chunks<'s>(self, _: Range<usize>, _: T, (): &'s mut ()) -> Self
    where
        Self: 's,
    {
        self
    }
}

impl<T> Chunks<T> for Absent {
    const PRESENT: bool = false;

    #[inline(always)]
    fn chunk(&mut self, _: usize) -> Option<&[T; CHUNK]> {
        None
    }
}

impl<'a, T: Score> Column<T> for &'a [T] {
    type Buffer = Padded<T>;

    #[inline(always)]
    fn buffer() -> Padded<T> {
        Padded([T::zero(); CHUNK])
    }

    type Chunks<'s>
        = &'s [[T; CHUNK]]
    where
        'a: 's;

    #[inline(always)]
    fn chunks<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        Padded(buffer): &'s mut Padded<T>,
    ) -> &'s [[T; CHUNK]]
    where
        'a: 's,
    {
        let (whole, rest) = self.get(rows).unwrap_or_default().as_chunks();
        if rest.is_empty() {
            return whole;
        }
        pad(rest, fill, buffer);
        core::slice::from_ref(buffer)
    }
}

impl<T> Chunks<T> for &[[T; CHUNK]] {
    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<&[T; CHUNK]> {
        self.get(i)
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

/// The rows of a column, or the same chunk again and again.
pub(crate) enum OrChunks<'s, T, C> {
    Constant(&'s [T; CHUNK]),
    Rows(C),
}

impl<T: Score, C: Column<T, Buffer = Padded<T>>> Column<T> for Or<C> {
    type Buffer = Padded<T>;

    #[inline(always)]
    fn buffer() -> Padded<T> {
        Padded([T::zero(); CHUNK])
    }

    type Chunks<'s>
        = OrChunks<'s, T, C::Chunks<'s>>
    where
        C: 's;

    #[inline(always)]
    fn chunks<'s>(self, rows: Range<usize>, fill: T, padded: &'s mut Padded<T>) -> Self::Chunks<'s>
    where
        C: 's,
    {
        match self.0 {
            None => {
                padded.0 = [fill; CHUNK];
                OrChunks::Constant(&padded.0)
            }
            Some(column) => OrChunks::Rows(column.chunks(rows, fill, padded)),
        }
    }
}

impl<T, C: Chunks<T>> Chunks<T> for OrChunks<'_, T, C> {
    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<&[T; CHUNK]> {
        match self {
            Self::Constant(chunk) => Some(chunk),
            Self::Rows(rows) => rows.chunk(i),
        }
    }
}

/// Scores looked up by index: entry `index[row]` of one vector. The indices are known to be in range.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a, T> {
    pub(crate) scores: &'a [T],
    pub(crate) index: &'a [u32],
}

/// Rows that are brought together in a buffer.
pub(crate) struct Buffered<'s, T, C> {
    column: C,
    buffer: &'s mut [T; CHUNK],
}

impl<'a, T: Score> Column<T> for Gathered<'a, T> {
    type Buffer = Padded<T>;

    #[inline(always)]
    fn buffer() -> Padded<T> {
        Padded([T::zero(); CHUNK])
    }

    type Chunks<'s>
        = Buffered<'s, T, Self>
    where
        'a: 's;

    #[inline(always)]
    fn chunks<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        Padded(buffer): &'s mut Padded<T>,
    ) -> Self::Chunks<'s>
    where
        'a: 's,
    {
        *buffer = [fill; CHUNK];
        let index = self.index.get(rows).unwrap_or_default();
        Buffered { column: Self { index, ..self }, buffer }
    }
}

impl<T: Score> Chunks<T> for Buffered<'_, T, Gathered<'_, T>> {
    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<&[T; CHUNK]> {
        let index = self.column.index.get(i * CHUNK..)?;
        for (slot, &entry) in self.buffer.iter_mut().zip(index) {
            *slot = self.column.scores.get(entry as usize).copied().unwrap_or_else(T::zero);
        }
        Some(self.buffer)
    }
}

/// A column with its sign changed: offsets are added where margins are subtracted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negated<'a, T>(pub(crate) &'a [T]);

impl<'a, T: Score> Column<T> for Negated<'a, T> {
    type Buffer = Padded<T>;

    #[inline(always)]
    fn buffer() -> Padded<T> {
        Padded([T::zero(); CHUNK])
    }

    type Chunks<'s>
        = Buffered<'s, T, Self>
    where
        'a: 's;

    #[inline(always)]
    fn chunks<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        Padded(buffer): &'s mut Padded<T>,
    ) -> Self::Chunks<'s>
    where
        'a: 's,
    {
        *buffer = [fill; CHUNK];
        Buffered { column: Self(self.0.get(rows).unwrap_or_default()), buffer }
    }
}

impl<T: Score> Chunks<T> for Buffered<'_, T, Negated<'_, T>> {
    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<&[T; CHUNK]> {
        let values = self.column.0.get(i * CHUNK..)?;
        for (slot, &x) in self.buffer.iter_mut().zip(values) {
            *slot = -x;
        }
        Some(self.buffer)
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
    pub(super) extras: ExtrasOf<'c, T>,
}

/// A chunk of the columns that play a part beyond z.
#[derive(Clone, Copy)]
pub(crate) struct ExtrasOf<'c, T> {
    weights: Option<&'c [T; CHUNK]>,
    labels: Option<&'c [T; CHUNK]>,
}

/// A batch, row by row, whatever its columns.
pub(crate) trait Rows<T: Score>: Copy + Send + Sync {
    /// Whether rows have weights.
    const WEIGHTED: bool;

    /// Where chunks are padded or brought together, one buffer a column.
    type Buffers;

    fn buffers() -> Self::Buffers;

    /// Some of the rows, chunk by chunk.
    type Part<'s>: Part<T>
    where
        Self: 's;

    /// The given rows: whole chunks, or a partial one, with margin `pad` past the end of it.
    fn part<'s>(self, rows: Range<usize>, pad: T, buffers: &'s mut Self::Buffers) -> Self::Part<'s>
    where
        Self: 's;
}

/// Rows of a batch, chunk by chunk.
pub(crate) trait Part<T> {
    /// Chunk `i` of these rows; `None` beyond their end.
    fn chunk(&mut self, i: usize) -> Option<ChunkOf<'_, T>>;

    /// Its columns beyond z.
    fn extras(&mut self, i: usize) -> Option<ExtrasOf<'_, T>>;
}

impl<T, C, R, M, W, P> Rows<T> for Columns<C, R, M, W, P>
where
    T: Score,
    C: Column<T>,
    R: Column<T>,
    M: Column<T>,
    W: Column<T>,
    P: Column<T>,
{
    const WEIGHTED: bool = W::PRESENT;

    type Buffers = Columns<C::Buffer, R::Buffer, M::Buffer, W::Buffer, P::Buffer>;

    #[inline(always)]
    fn buffers() -> Self::Buffers {
        Columns {
            chosen: C::buffer(),
            rejected: R::buffer(),
            margins: M::buffer(),
            weights: W::buffer(),
            labels: P::buffer(),
        }
    }

    type Part<'s>
        = Columns<C::Chunks<'s>, R::Chunks<'s>, M::Chunks<'s>, W::Chunks<'s>, P::Chunks<'s>>
    where
        Self: 's;

    #[inline(always)]
    fn part<'s>(self, rows: Range<usize>, pad: T, buffers: &'s mut Self::Buffers) -> Self::Part<'s>
    where
        Self: 's,
    {
        Columns {
            chosen: self.chosen.chunks(rows.clone(), pad, &mut buffers.chosen),
            rejected: self.rejected.chunks(rows.clone(), T::zero(), &mut buffers.rejected),
            margins: self.margins.chunks(rows.clone(), T::zero(), &mut buffers.margins),
            weights: self.weights.chunks(rows.clone(), T::one(), &mut buffers.weights),
            labels: self.labels.chunks(rows, T::one(), &mut buffers.labels),
        }
    }
}

impl<T, C, R, M, W, P> Part<T> for Columns<C, R, M, W, P>
where
    C: Chunks<T>,
    R: Chunks<T>,
    M: Chunks<T>,
    W: Chunks<T>,
    P: Chunks<T>,
{
    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<ChunkOf<'_, T>> {
        Some(ChunkOf {
            chosen: self.chosen.chunk(i)?,
            rejected: if R::PRESENT { Some(self.rejected.chunk(i)?) } else { None },
            margins: if M::PRESENT { Some(self.margins.chunk(i)?) } else { None },
            extras: ExtrasOf {
                weights: if W::PRESENT { Some(self.weights.chunk(i)?) } else { None },
                labels: if P::PRESENT { Some(self.labels.chunk(i)?) } else { None },
            },
        })
    }

    #[inline(always)]
    fn extras(&mut self, i: usize) -> Option<ExtrasOf<'_, T>> {
        Some(ExtrasOf {
            weights: if W::PRESENT { Some(self.weights.chunk(i)?) } else { None },
            labels: if P::PRESENT { Some(self.labels.chunk(i)?) } else { None },
        })
    }
}

/// Rows j and, in lock step, those every `CHUNK`/`U` further on of a column.
#[inline(always)]
pub(super) fn lanes<T: Score, M: Fma, const U: usize>(
    column: &[T; CHUNK],
    j: usize,
) -> Lanes<M, U> {
    let mut out = [0.0; U];
    each_lane! { u of U: out[u] = column[u * (CHUNK / U) + j].widen(); }
    Lanes::new(out)
}

impl<T: Score> ChunkOf<'_, T> {
    #[inline(always)]
    pub(crate) fn row<M: Fma, const U: usize>(&self, j: usize) -> Row<Lanes<M, U>> {
        Row {
            chosen: lanes(self.chosen, j),
            rejected: self.rejected.map(|column| lanes(column, j)),
            margin: self.margins.map(|column| lanes(column, j)),
            extras: self.extras.row(j),
        }
    }
}

impl<T: Score> ExtrasOf<'_, T> {
    #[inline(always)]
    pub(crate) fn row<M: Fma, const U: usize>(&self, j: usize) -> Extras<Lanes<M, U>> {
        Extras {
            weight: self.weights.map(|column| lanes(column, j)),
            label: self.labels.map(|column| lanes(column, j)),
        }
    }
}
