//! Where the results of a pass go.

use super::CHUNK;
use crate::score::Score;

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
