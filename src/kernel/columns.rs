//! The columns of a batch, chunk by chunk.

use super::CHUNK;
use super::row::{Extras, Row};
#[cfg(feature = "half")]
use super::{Level, widened};
use crate::index::Indices;
use crate::math::{Fma, Lanes, each_lane, zeros};
#[cfg(feature = "half")]
use crate::score::HalfSlice;
use crate::score::Score;
use core::ops::Range;

/// Rows that are brought together in one go, where they do not lie together: enough of them for the loop over their
/// chunks not to notice.
pub(super) const STRETCH: usize = 4 * CHUNK;

/// One column of a batch: what each row holds.
pub(crate) trait Column<T: 'static>: Copy + Send + Sync {
    const PRESENT: bool = true;

    /// Where a chunk is padded, or rows are brought together.
    type Buffer;

    /// Whether whole chunks are read where they lie; else at most [`STRETCH`] rows are asked for at a time.
    #[inline(always)]
    fn is_in_place(self) -> bool {
        true
    }

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

/// A chunk that is padded; nothing until there is one, which is quicker for small batches.
#[repr(align(64))]
pub(crate) struct Padded<T>(Option<[T; CHUNK]>);

impl<T: Score> Padded<T> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self(None)
    }

    #[inline(always)]
    pub(super) fn filled(&mut self, fill: T) -> &mut [T; CHUNK] {
        self.0.insert([fill; CHUNK])
    }

    /// What is there; zeros, if nothing has been.
    #[inline(always)]
    pub(super) fn chunk(&mut self) -> &mut [T; CHUNK] {
        self.0.get_or_insert_with(|| [T::zero(); CHUNK])
    }

    pub(super) fn rows(&self, rows: usize) -> &[T] {
        self.0.as_ref().and_then(|chunk| chunk.get(..rows)).unwrap_or_default()
    }
}

/// Rows that are brought together; nothing until there are some.
#[repr(align(64))]
pub(crate) struct Stretch<T>(Option<[[T; CHUNK]; STRETCH / CHUNK]>);

impl<T: Score> Stretch<T> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// Places for so many rows, in chunks. Out of line: compiled once.
    #[inline(never)]
    pub(super) fn chunks(&mut self, rows: usize) -> &mut [[T; CHUNK]] {
        let chunks = self.0.get_or_insert_with(|| [[T::zero(); CHUNK]; STRETCH / CHUNK]);
        chunks.get_mut(..rows.div_ceil(CHUNK)).unwrap_or_default()
    }

    /// What is in the first so many places.
    pub(super) fn rows(&self, rows: usize) -> &[T] {
        let chunks = self.0.as_ref().map_or(&[][..], |chunks| chunks.as_flattened());
        chunks.get(..rows).unwrap_or_default()
    }
}

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
        Padded::new()
    }

    type Chunks<'s>
        = &'s [[T; CHUNK]]
    where
        'a: 's;

    #[inline(always)]
    fn chunks<'s>(self, rows: Range<usize>, fill: T, buffer: &'s mut Padded<T>) -> &'s [[T; CHUNK]]
    where
        'a: 's,
    {
        let (whole, rest) = self.get(rows).unwrap_or_default().as_chunks();
        if rest.is_empty() {
            return whole;
        }
        core::slice::from_ref(pad(rest, fill, buffer))
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
fn pad<'s, T: Score>(rows: &[T], fill: T, buffer: &'s mut Padded<T>) -> &'s [T; CHUNK] {
    let chunk = buffer.filled(fill);
    for (slot, &x) in chunk.iter_mut().zip(rows) {
        *slot = x;
    }
    chunk
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

impl<T: Score, C: Column<T>> Column<T> for Or<C> {
    /// The constant chunk, and that of the column.
    type Buffer = (Padded<T>, C::Buffer);

    #[inline(always)]
    fn buffer() -> Self::Buffer {
        (Padded::new(), C::buffer())
    }

    #[inline(always)]
    fn is_in_place(self) -> bool {
        self.0.is_none_or(C::is_in_place)
    }

    type Chunks<'s>
        = OrChunks<'s, T, C::Chunks<'s>>
    where
        C: 's;

    #[inline(always)]
    fn chunks<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        (constant, buffer): &'s mut Self::Buffer,
    ) -> Self::Chunks<'s>
    where
        C: 's,
    {
        match self.0 {
            None => OrChunks::Constant(constant.filled(fill)),
            Some(column) => OrChunks::Rows(column.chunks(rows, fill, buffer)),
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

/// A column of scores or of margins, wherever they lie: one type, so that there is one kernel for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scores<'a, T> {
    /// Row i is element i.
    Contiguous(&'a [T]),
    /// Row i is element i·stride.
    Strided { data: &'a [T], stride: usize },
    /// Row i is the entry that element i of the index names. The indices are known to be in range.
    Gathered { scores: &'a [T], index: Indices<'a> },
    /// Row i is element i with its sign changed: offsets are added where margins are subtracted.
    Negated(&'a [T]),
    /// Row i is element i·stride of numbers of 16 bits, which are numbers of the wider format as well. They are converted
    /// a stretch at a time, at the given level: this code here is compiled once, and for the lowest one.
    #[cfg(feature = "half")]
    Widened { data: HalfSlice<'a>, stride: usize, level: Level },
}

impl<T: Score> Scores<'_, T> {
    /// The row at that position.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T> {
        match *self {
            Self::Contiguous(data) => data.get(row).copied(),
            Self::Strided { data, stride } => data.get(row * stride).copied(),
            Self::Gathered { scores, index } => scores.get(index.get(row)?).copied(),
            Self::Negated(data) => data.get(row).map(|&x| -x),
            #[cfg(feature = "half")]
            Self::Widened { data, stride, .. } => widened::get(data, row * stride).map(T::narrow),
        }
    }

    /// The given rows, fewer than a chunk, which `padded` then holds, or at most a stretch of whole ones. Out of line:
    /// compiled once.
    #[inline(never)]
    fn brought<'s>(
        self,
        rows: Range<usize>,
        fill: T,
        padded: &'s mut Padded<T>,
        stretch: &'s mut Stretch<T>,
    ) -> &'s [[T; CHUNK]] {
        if rows.len() < CHUNK {
            let chunk = padded.filled(fill);
            self.bring(rows.start, chunk.get_mut(..rows.len()).unwrap_or_default());
            return core::slice::from_ref(chunk);
        }
        let chunks = stretch.chunks(rows.len());
        self.bring(rows.start, chunks.as_flattened_mut());
        chunks
    }

    /// The rows from `first` on, as many as there is room for.
    fn bring(self, first: usize, out: &mut [T]) {
        match self {
            Self::Contiguous(data) => {
                for (slot, &x) in out.iter_mut().zip(data.get(first..).unwrap_or_default()) {
                    *slot = x;
                }
            }
            Self::Strided { data, stride: 2 } => {
                every_other(data.get(2 * first..).unwrap_or_default(), out);
            }
            Self::Strided { data, stride } => {
                let data = data.get(first * stride..).unwrap_or_default();
                for (slot, &x) in out.iter_mut().zip(data.iter().step_by(stride)) {
                    *slot = x;
                }
            }
            Self::Gathered { scores, index } => {
                index.gather(first, scores, T::zero(), out);
            }
            Self::Negated(data) => {
                for (slot, &x) in out.iter_mut().zip(data.get(first..).unwrap_or_default()) {
                    *slot = -x;
                }
            }
            #[cfg(feature = "half")]
            Self::Widened { data, stride, level } => {
                widened::bring(data, first * stride, stride, level, out);
            }
        }
    }
}

/// Copies elements 0, 2, 4 and so on, in a pattern that the compiler knows; but for the last one, which nothing need
/// follow.
#[inline(never)]
fn every_other<T: Copy>(data: &[T], out: &mut [T]) {
    let (twos, last) = data.as_chunks();
    for (slot, &[x, _]) in out.iter_mut().zip(twos) {
        *slot = x;
    }
    if let (Some(slot), Some(&x)) = (out.get_mut(twos.len()), last.first()) {
        *slot = x;
    }
}

impl<'a, T: Score> Column<T> for Scores<'a, T> {
    type Buffer = (Padded<T>, Stretch<T>);

    #[inline(always)]
    fn buffer() -> Self::Buffer {
        (Padded::new(), Stretch::new())
    }

    #[inline(always)]
    fn is_in_place(self) -> bool {
        matches!(self, Self::Contiguous(_))
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
        (padded, stretch): &'s mut Self::Buffer,
    ) -> Self::Chunks<'s>
    where
        'a: 's,
    {
        if let Self::Contiguous(data) = self {
            return Column::chunks(data, rows, fill, padded);
        }
        self.brought(rows, fill, padded, stretch)
    }
}

/// The columns of a batch. `R` is [`Absent`] for a function of one variable.
#[derive(Clone, Copy)]
pub(crate) struct Columns<C, R, M, W, P, U> {
    pub(crate) chosen: C,
    pub(crate) rejected: R,
    pub(crate) margins: M,
    pub(crate) weights: W,
    pub(crate) labels: P,
    /// What each result is multiplied by, with its sign.
    pub(crate) upstream: U,
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
    upstream: Option<&'c [T; CHUNK]>,
}

/// A batch, row by row, whatever its columns.
pub(crate) trait Rows<T: Score>: Copy + Send + Sync {
    /// Whether rows have weights.
    const WEIGHTED: bool;

    /// Where chunks are padded, or rows are brought together, one buffer a column.
    type Buffers;

    /// Whether whole chunks are read where they lie; else at most [`STRETCH`] rows are asked for at a time.
    fn is_in_place(self) -> bool;

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
    /// Whether there are no columns beyond those that make z.
    const BARE: bool;

    /// Chunk `i` of these rows; `None` beyond their end.
    fn chunk(&mut self, i: usize) -> Option<ChunkOf<'_, T>>;

    /// Its columns beyond z.
    fn extras(&mut self, i: usize) -> Option<ExtrasOf<'_, T>>;
}

/// By reference: columns are large, and handed on from call to call.
impl<T, C, R, M, W, P, U> Rows<T> for &Columns<C, R, M, W, P, U>
where
    T: Score,
    C: Column<T>,
    R: Column<T>,
    M: Column<T>,
    W: Column<T>,
    P: Column<T>,
    U: Column<T>,
{
    const WEIGHTED: bool = W::PRESENT;

    #[inline(always)]
    fn is_in_place(self) -> bool {
        self.chosen.is_in_place() && self.rejected.is_in_place() && self.margins.is_in_place()
    }

    type Buffers = Columns<C::Buffer, R::Buffer, M::Buffer, W::Buffer, P::Buffer, U::Buffer>;

    #[inline(always)]
    fn buffers() -> Self::Buffers {
        Columns {
            chosen: C::buffer(),
            rejected: R::buffer(),
            margins: M::buffer(),
            weights: W::buffer(),
            labels: P::buffer(),
            upstream: U::buffer(),
        }
    }

    type Part<'s>
        = Columns<
        C::Chunks<'s>,
        R::Chunks<'s>,
        M::Chunks<'s>,
        W::Chunks<'s>,
        P::Chunks<'s>,
        U::Chunks<'s>,
    >
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
            labels: self.labels.chunks(rows.clone(), T::one(), &mut buffers.labels),
            upstream: self.upstream.chunks(rows, T::zero(), &mut buffers.upstream),
        }
    }
}

impl<T, C, R, M, W, P, U> Part<T> for Columns<C, R, M, W, P, U>
where
    C: Chunks<T>,
    R: Chunks<T>,
    M: Chunks<T>,
    W: Chunks<T>,
    P: Chunks<T>,
    U: Chunks<T>,
{
    const BARE: bool = !(W::PRESENT || P::PRESENT || U::PRESENT);

    #[inline(always)]
    fn chunk(&mut self, i: usize) -> Option<ChunkOf<'_, T>> {
        Some(ChunkOf {
            chosen: self.chosen.chunk(i)?,
            rejected: if R::PRESENT { Some(self.rejected.chunk(i)?) } else { None },
            margins: if M::PRESENT { Some(self.margins.chunk(i)?) } else { None },
            extras: ExtrasOf {
                weights: if W::PRESENT { Some(self.weights.chunk(i)?) } else { None },
                labels: if P::PRESENT { Some(self.labels.chunk(i)?) } else { None },
                upstream: if U::PRESENT { Some(self.upstream.chunk(i)?) } else { None },
            },
        })
    }

    #[inline(always)]
    fn extras(&mut self, i: usize) -> Option<ExtrasOf<'_, T>> {
        Some(ExtrasOf {
            weights: if W::PRESENT { Some(self.weights.chunk(i)?) } else { None },
            labels: if P::PRESENT { Some(self.labels.chunk(i)?) } else { None },
            upstream: if U::PRESENT { Some(self.upstream.chunk(i)?) } else { None },
        })
    }
}

/// Rows j and, in lock step, those every `CHUNK`/`U` further on of a column.
#[inline(always)]
pub(super) fn lanes<T: Score, M: Fma, const U: usize>(
    column: &[T; CHUNK],
    j: usize,
) -> Lanes<M, U> {
    let mut out = zeros::<U>();
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
            upstream: self.upstream.map(|column| lanes(column, j)),
        }
    }
}
