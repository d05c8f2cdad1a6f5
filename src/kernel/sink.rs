//! Where the results of a pass go.

use super::CHUNK;
use crate::score::Score;
use core::ops::Range;

/// What becomes of the results of a pass over the rows, part by part: ask for the slots of its rows; for each chunk fill
/// its slot, then commit it; at the end finish.
pub(crate) trait Sink<T: 'static>: Sized + Send {
    /// Whether the results are wanted at all.
    const WANTED: bool = true;

    /// Where the results of one part of the rows go.
    type Slots<'s>: Slots<T>
    where
        Self: 's;

    /// The slots of the given rows: whole chunks, or a partial one, which goes to `spare`.
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut [T; CHUNK]) -> Self::Slots<'s>;

    /// The pass is over; `spare` holds the results of these rows, fewer than a chunk.
    fn finish(&mut self, rows: Range<usize>, spare: &[T; CHUNK]);

    /// A sink for the rows before `row` and one for those from it on, which begin anew at 0; or itself, where its results
    /// meet and must come in order.
    fn split_at(self, row: usize) -> Result<(Self, Self), Self>;
}

/// Places for the results of some rows, chunk by chunk.
pub(crate) trait Slots<T> {
    /// Where the results of chunk `i` are to be written; `None` beyond the end of the rows.
    fn slot(&mut self, i: usize) -> Option<&mut [T; CHUNK]>;

    /// The slot of chunk `i` has been filled.
    fn commit(&mut self, i: usize);
}

/// Results that nobody wants.
impl<T: Score> Sink<T> for () {
    const WANTED: bool = false;
    type Slots<'s> = Nowhere<'s, T>;
    #[inline(always)]
    fn slots<'s>(&'s mut self, _: Range<usize>, spare: &'s mut [T; CHUNK]) -> Nowhere<'s, T> {
        Nowhere(spare)
    }
    #[inline(always)]
    fn finish(&mut self, _: Range<usize>, _: &[T; CHUNK]) {}
    fn split_at(self, _: usize) -> Result<(Self, Self), Self> {
        Ok(((), ()))
    }
}

/// The same place for all.
pub(crate) struct Nowhere<'s, T>(&'s mut [T; CHUNK]);

impl<T> Slots<T> for Nowhere<'_, T> {
    #[inline(always)]
    fn slot(&mut self, _: usize) -> Option<&mut [T; CHUNK]> {
        Some(self.0)
    }
    #[inline(always)]
    fn commit(&mut self, _: usize) {}
}

/// Results stored in order.
impl<T: Score> Sink<T> for &mut [T] {
    type Slots<'s>
        = &'s mut [[T; CHUNK]]
    where
        Self: 's;
    #[inline(always)]
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut [T; CHUNK]) -> Self::Slots<'s> {
        let (whole, rest) = self.get_mut(rows).unwrap_or_default().as_chunks_mut();
        if rest.is_empty() { whole } else { core::slice::from_mut(spare) }
    }
    #[inline(never)]
    fn finish(&mut self, rows: Range<usize>, spare: &[T; CHUNK]) {
        for (slot, &x) in self.get_mut(rows).unwrap_or_default().iter_mut().zip(spare) {
            *slot = x;
        }
    }
    fn split_at(self, row: usize) -> Result<(Self, Self), Self> {
        Ok(self.split_at_mut(row))
    }
}

impl<T> Slots<T> for &mut [[T; CHUNK]] {
    #[inline(always)]
    fn slot(&mut self, i: usize) -> Option<&mut [T; CHUNK]> {
        self.get_mut(i)
    }
    #[inline(always)]
    fn commit(&mut self, _: usize) {}
}

/// Gradients with respect to the chosen and, negated, where they are wanted, to the rejected scores.
pub(crate) struct Gradients<'o, T> {
    pub(crate) chosen: &'o mut [T],
    pub(crate) rejected: Option<&'o mut [T]>,
}

impl<T: Score> Sink<T> for Gradients<'_, T> {
    type Slots<'s>
        = GradientSlots<'s, T>
    where
        Self: 's;
    #[inline(always)]
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut [T; CHUNK]) -> Self::Slots<'s> {
        let rejected = self.rejected.as_mut().and_then(|out| out.get_mut(rows.clone()));
        GradientSlots {
            chosen: self.chosen.slots(rows, spare),
            rejected: rejected.map(|out| out.as_chunks_mut().0),
        }
    }
    #[inline(never)]
    fn finish(&mut self, rows: Range<usize>, spare: &[T; CHUNK]) {
        if let Some(rejected) = &mut self.rejected {
            rejected.finish(rows.clone(), &spare.map(negated));
        }
        self.chosen.finish(rows, spare);
    }
    fn split_at(self, row: usize) -> Result<(Self, Self), Self> {
        let (chosen, chosen_rest) = self.chosen.split_at_mut(row);
        let (rejected, rejected_rest) = self.rejected.map(|out| out.split_at_mut(row)).unzip();
        let rest = Self { chosen: chosen_rest, rejected: rejected_rest };
        Ok((Self { chosen, rejected }, rest))
    }
}

pub(crate) struct GradientSlots<'s, T> {
    chosen: &'s mut [[T; CHUNK]],
    rejected: Option<&'s mut [[T; CHUNK]]>,
}

impl<T: Score> Slots<T> for GradientSlots<'_, T> {
    #[inline(always)]
    fn slot(&mut self, i: usize) -> Option<&mut [T; CHUNK]> {
        self.chosen.get_mut(i)
    }
    #[inline(always)]
    fn commit(&mut self, i: usize) {
        let Some(rejected) = &mut self.rejected else { return };
        if let (Some(chosen), Some(rejected)) = (self.chosen.get(i), rejected.get_mut(i)) {
            // By way of a copy: the compiler does not see that the two do not overlap.
            let mut negative = *chosen;
            for x in &mut negative {
                *x = negated(*x);
            }
            *rejected = negative;
        }
    }
}

/// −x; the canonical NaN has no sign.
#[inline(always)]
pub(super) fn negated<T: Score>(x: T) -> T {
    if x.is_nan() { x } else { -x }
}
