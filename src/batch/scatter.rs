//! Where results of comparisons between entries of one vector go: to the entries of both sides, added in order.

use crate::kernel::{Sink, Slots, Spare};
use crate::score::Score;
use core::ops::Range;

/// Adds what each comparison contributes to the entries of its winner and of its loser, in order.
pub(super) struct Scatter<'o, T, F> {
    pub(super) winners: &'o [u32],
    pub(super) losers: &'o [u32],
    pub(super) out: &'o mut [T],
    pub(super) term: F,
}

/// What a comparison with result x contributes to its winner and to its loser.
pub(super) trait Term<T>: Send + Sync {
    fn of(&self, x: T, winner: usize, loser: usize) -> (T, T);
}

/// x and −x: a gradient.
pub(super) struct Signed;

/// x and x: a diagonal.
pub(super) struct Unsigned;

/// x·(v[winner] − v[loser]) and its negation: a Laplacian times v.
pub(super) struct Product<'v, T>(pub(super) &'v [T]);

impl<T: Score> Term<T> for Signed {
    #[inline(always)]
    fn of(&self, x: T, _: usize, _: usize) -> (T, T) {
        (x, -x)
    }
}

impl<T: Score> Term<T> for Unsigned {
    #[inline(always)]
    fn of(&self, x: T, _: usize, _: usize) -> (T, T) {
        (x, x)
    }
}

impl<T: Score> Term<T> for Product<'_, T> {
    #[inline(always)]
    fn of(&self, x: T, winner: usize, loser: usize) -> (T, T) {
        let at = |i: usize| self.0.get(i).copied().unwrap_or_else(T::zero).widen();
        // A comparison of weight 0, or beyond the reach of the loss, takes no part, whatever v holds.
        if x == T::zero() {
            return (T::zero(), T::zero());
        }
        let y = T::narrow(x.widen() * (at(winner) - at(loser)));
        (y, -y)
    }
}

impl<T: Score, F: Term<T>> Sink<T> for Scatter<'_, T, F> {
    #[inline(always)]
    fn is_in_place(&self) -> bool {
        false
    }

    #[inline(always)]
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut Spare<T>) -> Slots<'s, T> {
        spare.slots(rows.len())
    }

    #[inline(never)]
    fn finish(&mut self, rows: Range<usize>, spare: &Spare<T>) {
        let results = spare.results(rows.len());
        let winners = self.winners.get(rows.clone()).unwrap_or_default();
        let losers = self.losers.get(rows).unwrap_or_default();
        for ((&x, &winner), &loser) in results.iter().zip(winners).zip(losers) {
            let (winner, loser) = (winner as usize, loser as usize);
            let (to_winner, to_loser) = self.term.of(x, winner, loser);
            for (entry, x) in [(winner, to_winner), (loser, to_loser)] {
                if let Some(slot) = self.out.get_mut(entry) {
                    let sum = slot.plus(x);
                    // The one canonical NaN, whatever met.
                    *slot = if sum.is_nan() { T::nan() } else { sum };
                }
            }
        }
    }

    fn split_at(self, _: usize) -> Result<(Self, Self), Self> {
        Err(self)
    }
}
