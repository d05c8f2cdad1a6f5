//! Where the results of a pass go.
//!
//! (a) A kernel fills a chunk at a time, a *slot*, and says when it is full. A slot is the place in the output where
//!     that is contiguous and overwritten. Otherwise it is one of a stretch of local chunks, which are brought to their
//!     places when the stretch is full. So one kernel serves every layout, and forms that add as well.
//! (b) Which of the two is looked at once a stretch, and the loop over the chunks is the same.

use super::CHUNK;
use super::columns::{Padded, Stretch};
use crate::score::Score;
use core::ops::Range;

/// What becomes of the results of a pass over the rows, part by part: ask for the slots of its rows; for each chunk fill
/// its slot, then commit it; at the end of the part finish it.
pub(crate) trait Sink<T: 'static>: Sized + Send {
    /// Whether the results are wanted at all.
    const WANTED: bool = true;

    /// Whether whole chunks are written where they are to be; else slots are asked for at most
    /// [`STRETCH`](super::STRETCH) rows at a time.
    fn is_in_place(&self) -> bool;

    /// The slots of the given rows: whole chunks, or a partial one. They may be in `spare`.
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut Spare<T>) -> Slots<'s, T>;

    /// The slots of these rows have been filled.
    fn finish(&mut self, rows: Range<usize>, spare: &Spare<T>);

    /// A sink for the rows before `row` and one for those from it on, which begin anew at 0; or itself, where its results
    /// meet and must come in order.
    fn split_at(self, row: usize) -> Result<(Self, Self), Self>;
}

/// Slots that are not in the output: for a partial chunk, and for a stretch of whole ones.
pub(crate) struct Spare<T> {
    partial: Padded<T>,
    whole: Stretch<T>,
}

impl<T: Score> Spare<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { partial: Padded::new(), whole: Stretch::new() }
    }

    /// Slots for so many rows.
    #[inline(always)]
    pub(crate) fn slots(&mut self, rows: usize) -> Slots<'_, T> {
        let chosen = if rows < CHUNK {
            core::slice::from_mut(self.partial.chunk())
        } else {
            self.whole.chunks(rows)
        };
        Slots { chosen, apart: 1, rejected: &mut [] }
    }

    /// The results of so many rows.
    pub(crate) fn results(&self, rows: usize) -> &[T] {
        if rows < CHUNK { self.partial.rows(rows) } else { self.whole.rows(rows) }
    }
}

/// Results that nobody wants.
impl<T: Score> Sink<T> for () {
    const WANTED: bool = false;
    #[inline(always)]
    fn is_in_place(&self) -> bool {
        true
    }
    #[inline(always)]
    fn slots<'s>(&'s mut self, _: Range<usize>, spare: &'s mut Spare<T>) -> Slots<'s, T> {
        Slots { chosen: core::slice::from_mut(spare.partial.chunk()), apart: 0, rejected: &mut [] }
    }
    #[inline(always)]
    fn finish(&mut self, _: Range<usize>, _: &Spare<T>) {}
    fn split_at(self, _: usize) -> Result<(Self, Self), Self> {
        Ok(((), ()))
    }
}

/// Places for one column of results: that of row i is element `start + i·stride`, which exists for every row.
#[derive(Debug)]
pub(crate) struct Place<'o, T> {
    pub(crate) data: &'o mut [T],
    pub(crate) start: usize,
    pub(crate) stride: usize,
}

impl<'o, T: Score> Place<'o, T> {
    /// Row i at element i.
    pub(crate) fn contiguous(data: &'o mut [T]) -> Self {
        Self { data, start: 0, stride: 1 }
    }

    fn is_contiguous(&self) -> bool {
        self.start == 0 && self.stride == 1
    }

    /// The places of rows from `row` on, apart from the others.
    fn split_at(self, row: usize) -> (Self, Self) {
        let Self { data, start, stride } = self;
        let middle = (row * stride).min(data.len());
        let (first, second) = data.split_at_mut(middle);
        (Self { data: first, start, stride }, Self { data: second, start, stride })
    }

    /// Whole chunks in their places, if the rows are contiguous.
    #[inline(always)]
    fn chunks(&mut self, rows: Range<usize>) -> &mut [[T; CHUNK]] {
        self.data.get_mut(rows).unwrap_or_default().as_chunks_mut().0
    }
}

/// Results stored in their places, or added to what is there; and, where they are wanted, their negations: gradients
/// with respect to the rejected scores.
#[derive(Debug)]
pub(crate) struct Out<'o, T> {
    pub(crate) chosen: Place<'o, T>,
    pub(crate) rejected: Rejected<'o, T>,
    /// Whether they are added to what is there.
    pub(crate) added: bool,
}

/// Where the negated results go.
#[derive(Debug)]
pub(crate) enum Rejected<'o, T> {
    /// Nowhere.
    Unwanted,
    /// To an output of their own.
    Apart(Place<'o, T>),
    /// To the output of the others, as far apart, from this element on.
    Beside(usize),
}

impl<'o, T: Score> Out<'o, T> {
    /// One result a row, in order.
    pub(crate) fn contiguous(out: &'o mut [T]) -> Self {
        Self { chosen: Place::contiguous(out), rejected: Rejected::Unwanted, added: false }
    }

    /// One result a row, in order, and its negation.
    pub(crate) fn separate(chosen: &'o mut [T], rejected: &'o mut [T]) -> Self {
        let (chosen, rejected) = (Place::contiguous(chosen), Place::contiguous(rejected));
        Self { chosen, rejected: Rejected::Apart(rejected), added: false }
    }

    /// Brings the results of these rows to their places. Out of line: compiled once.
    #[inline(never)]
    fn put(&mut self, rows: Range<usize>, spare: &Spare<T>) {
        let (row, results) = (rows.start, spare.results(rows.len()));
        let Self { chosen, rejected, added } = self;
        let Place { data, start, stride } = chosen;
        let first = |start: usize, stride: usize| start + row * stride;
        match rejected {
            &mut Rejected::Beside(1) if *stride == 2 => {
                put_in_twos(data.get_mut(2 * row..).unwrap_or_default(), results, *added);
                return;
            }
            Rejected::Unwanted => {}
            Rejected::Apart(Place { data, start, stride }) => {
                put::<T, true>(data, first(*start, *stride), *stride, results, *added);
            }
            &mut Rejected::Beside(start) => {
                put::<T, true>(data, first(start, *stride), *stride, results, *added);
            }
        }
        put::<T, false>(data, first(*start, *stride), *stride, results, *added);
    }
}

/// The sum; the one canonical NaN, whatever met.
#[inline(always)]
fn sum<T: Score>(a: T, b: T) -> T {
    let sum = a.plus(b);
    if sum.is_nan() { T::nan() } else { sum }
}

/// Stores each number and its negation side by side, or adds them to what is there. A function of its own, because of
/// its parameters the compiler knows that they do not overlap.
#[inline(never)]
fn put_in_twos<T: Score>(data: &mut [T], numbers: &[T], added: bool) {
    let (twos, _) = data.as_chunks_mut();
    if added {
        for ([chosen, rejected], &x) in twos.iter_mut().zip(numbers) {
            (*chosen, *rejected) = (sum(*chosen, x), sum(*rejected, negated(x)));
        }
    } else {
        for (two, &x) in twos.iter_mut().zip(numbers) {
            *two = [x, negated(x)];
        }
    }
}

/// Stores numbers, or their negations, `stride` apart from `first` on, or adds them to what is there.
#[inline(never)]
fn put<T: Score, const NEGATED: bool>(
    data: &mut [T],
    first: usize,
    stride: usize,
    numbers: &[T],
    added: bool,
) {
    let places = data.get_mut(first..).unwrap_or_default();
    let numbers = numbers.iter().map(|&x| if NEGATED { negated(x) } else { x });
    match (stride, added) {
        (1, true) => {
            for (place, x) in places.iter_mut().zip(numbers) {
                *place = sum(*place, x);
            }
        }
        (_, true) => {
            for (place, x) in places.iter_mut().step_by(stride).zip(numbers) {
                *place = sum(*place, x);
            }
        }
        (_, false) => {
            for (place, x) in places.iter_mut().step_by(stride).zip(numbers) {
                *place = x;
            }
        }
    }
}

impl<T: Score> Sink<T> for Out<'_, T> {
    #[inline(always)]
    fn is_in_place(&self) -> bool {
        let rejected = match &self.rejected {
            Rejected::Unwanted => true,
            Rejected::Apart(place) => place.is_contiguous(),
            Rejected::Beside(_) => false,
        };
        rejected && self.chosen.is_contiguous() && !self.added
    }

    #[inline(always)]
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut Spare<T>) -> Slots<'s, T> {
        if rows.len() < CHUNK || !self.is_in_place() {
            return spare.slots(rows.len());
        }
        let rejected = match &mut self.rejected {
            Rejected::Apart(place) => place.chunks(rows.clone()),
            _ => &mut [],
        };
        Slots { chosen: self.chosen.chunks(rows), apart: 1, rejected }
    }

    #[inline(always)]
    fn finish(&mut self, rows: Range<usize>, spare: &Spare<T>) {
        if rows.len() < CHUNK || !self.is_in_place() {
            self.put(rows, spare);
        }
    }

    fn split_at(self, row: usize) -> Result<(Self, Self), Self> {
        let Self { chosen, rejected, added } = self;
        let (chosen, chosen_rest) = chosen.split_at(row);
        let (rejected, rejected_rest) = match rejected {
            Rejected::Unwanted => (Rejected::Unwanted, Rejected::Unwanted),
            Rejected::Apart(place) => {
                let (first, second) = place.split_at(row);
                (Rejected::Apart(first), Rejected::Apart(second))
            }
            Rejected::Beside(start) => (Rejected::Beside(start), Rejected::Beside(start)),
        };
        let rest = Self { chosen: chosen_rest, rejected: rejected_rest, added };
        Ok((Self { chosen, rejected, added }, rest))
    }
}

/// Places for the results of some rows, chunk by chunk.
pub(crate) struct Slots<'s, T> {
    chosen: &'s mut [[T; CHUNK]],
    /// 1; or 0, and all are the same.
    apart: usize,
    /// Where the negated results go; empty where they are unwanted, or that is left for the end.
    rejected: &'s mut [[T; CHUNK]],
}

impl<T: Score> Slots<'_, T> {
    /// Where the results of chunk `i` are to be written; `None` beyond the end of the rows.
    #[inline(always)]
    pub(crate) fn slot(&mut self, i: usize) -> Option<&mut [T; CHUNK]> {
        self.chosen.get_mut(i * self.apart)
    }

    /// The slot of chunk `i` has been filled.
    #[inline(always)]
    pub(crate) fn commit(&mut self, i: usize) {
        let Some(rejected) = self.rejected.get_mut(i) else { return };
        let Some(chosen) = self.chosen.get(i) else { return };
        // By way of a copy: the compiler does not see that the two do not overlap.
        let mut negative = *chosen;
        for x in &mut negative {
            *x = negated(*x);
        }
        *rejected = negative;
    }
}

/// −x; the canonical NaN has no sign.
#[inline(always)]
pub(super) fn negated<T: Score>(x: T) -> T {
    if x.is_nan() { x } else { -x }
}
