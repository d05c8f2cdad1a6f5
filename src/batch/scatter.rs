//! Where results of comparisons between entries of one vector go: to the entries of both sides, added in order.

use crate::kernel::{CHUNK, Sink, Slots};
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
    type Slots<'s>
        = ScatterSlots<'s, T, F>
    where
        Self: 's;

    #[inline(always)]
    fn slots<'s>(&'s mut self, rows: Range<usize>, spare: &'s mut [T; CHUNK]) -> Self::Slots<'s> {
        ScatterSlots {
            winners: self.winners.get(rows.clone()).unwrap_or_default(),
            losers: self.losers.get(rows).unwrap_or_default(),
            out: self.out,
            term: &self.term,
            results: spare,
        }
    }

    #[inline(always)]
    fn finish(&mut self, _: Range<usize>, _: &[T; CHUNK]) {}

    fn split_at(self, _: usize) -> Result<(Self, Self), Self> {
        Err(self)
    }
}

pub(super) struct ScatterSlots<'s, T, F> {
    winners: &'s [u32],
    losers: &'s [u32],
    out: &'s mut [T],
    term: &'s F,
    results: &'s mut [T; CHUNK],
}

impl<T: Score, F: Term<T>> Slots<T> for ScatterSlots<'_, T, F> {
    #[inline(always)]
    fn slot(&mut self, _: usize) -> Option<&mut [T; CHUNK]> {
        Some(self.results)
    }

    #[inline(always)]
    fn commit(&mut self, i: usize) {
        let winners = self.winners.get(i * CHUNK..).unwrap_or_default();
        let losers = self.losers.get(i * CHUNK..).unwrap_or_default();
        for ((&x, &winner), &loser) in self.results.iter().zip(winners).zip(losers) {
            let (winner, loser) = (winner as usize, loser as usize);
            let (to_winner, to_loser) = self.term.of(x, winner, loser);
            for (entry, x) in [(winner, to_winner), (loser, to_loser)] {
                if let Some(slot) = self.out.get_mut(entry) {
                    let sum = *slot + x;
                    // The one canonical NaN, whatever met.
                    *slot = if sum.is_nan() { T::nan() } else { sum };
                }
            }
        }
    }
}
