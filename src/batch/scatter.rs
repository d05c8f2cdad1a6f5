//! Where results of comparisons between entries of one vector go: to the entries of both sides.
//!
//! (a) One sink for whatever becomes of the results, a stretch at a time, so that there is one kernel for all of it.
//! (b) Added in the format of the scores, results must come in order. Added to [`ScoreSum`]s they may come in any: that
//!     is how threads share them.

use crate::index::{Indices, each_row};
use crate::kernel::{Level, Sink, Slots, Spare};
use crate::reduce::{ScoreSum, TERMS, add_terms};
use crate::score::Score;
use core::ops::Range;

/// Hands the results of some rows on, in order, at most [`TERMS`] at a time.
pub(super) struct Results<'o, T>(pub(super) &'o mut (dyn FnMut(Range<usize>, &[T]) + Send + 'o));

impl<T: Score> Sink<T> for Results<'_, T> {
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
        (self.0)(rows, results);
    }

    fn split_at(self, _: usize) -> Result<(Self, Self), Self> {
        Err(self)
    }
}

/// What a comparison with result x contributes to its winner and to its loser.
#[derive(Clone, Copy)]
pub(super) enum Term<'v, T> {
    /// x and −x: a gradient.
    Signed,
    /// x and x: a diagonal.
    Unsigned,
    /// x·(v[winner] − v[loser]) and its negation: a Laplacian times v.
    Times(&'v [T]),
    /// x²·(v[winner] − v[loser]) and its negation: the same of squared results.
    SquareTimes(&'v [T]),
}

/// What the contributions are added to, one element an entry.
pub(super) enum Target<'o, T> {
    /// In order.
    Format(&'o mut [T]),
    /// In any order.
    Exact(&'o mut [ScoreSum]),
}

/// Who takes part in the comparisons.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) level: Level,
    pub(super) winners: Indices<'a>,
    pub(super) losers: Indices<'a>,
}

impl Sides<'_> {
    /// Adds what these rows contribute.
    #[inline(never)]
    pub(super) fn add<T: Score>(
        self,
        rows: Range<usize>,
        results: &[T],
        term: Term<'_, T>,
        target: &mut Target<'_, T>,
    ) {
        let (v, power) = match term {
            Term::Signed | Term::Unsigned => (None, 1),
            Term::Times(v) => (Some(v), 1),
            Term::SquareTimes(v) => (Some(v), 2),
        };
        let opposite = !matches!(term, Term::Unsigned);
        let sides = (self.winners, self.losers);
        let mut products = [T::zero(); TERMS];
        if let Some(v) = v {
            let with = products.iter_mut().zip(results);
            each_row(sides, rows.clone(), with, |(slot, &x), i, j| {
                *slot = product(x, power, v.get(i), v.get(j));
            });
        }
        let results = if v.is_some() { &products } else { results };
        match target {
            Target::Format(out) => add_in_order(sides, rows, results, opposite, out),
            Target::Exact(sums) => add_terms(self.level, sides, rows, results, opposite, sums),
        }
    }
}

/// xⁿ·(a − b), within one unit in the last place, 0 where x is 0: a comparison of weight 0, or beyond the reach of the
/// loss, takes no part, whatever v holds.
#[inline(always)]
fn product<T: Score>(x: T, power: u32, a: Option<&T>, b: Option<&T>) -> T {
    let (Some(a), Some(b)) = (a, b) else { return T::zero() };
    if x == T::zero() {
        return T::zero();
    }
    let (x, a, b) = (x.widen(), a.widen(), b.widen());
    let x = if power == 2 { x * x } else { x };
    let difference = a - b;
    let part = difference - a;
    let lost = (a - (difference - part)) - (b + part);
    let product = x * difference;
    let rest = x * lost;
    T::narrow(if rest.is_finite() { product + rest } else { product })
}

/// Adds each term to the entry of its winner and, with its sign or the other one, to that of its loser, in order. Sums
/// that are NaN need not be the canonical one.
fn add_in_order<T: Score>(
    sides: (Indices<'_>, Indices<'_>),
    rows: Range<usize>,
    terms: &[T],
    opposite: bool,
    out: &mut [T],
) {
    if opposite {
        each_row(sides, rows, terms.iter(), |&x, winner, loser| {
            if let Some(slot) = out.get_mut(winner) {
                *slot = slot.plus(x);
            }
            if let Some(slot) = out.get_mut(loser) {
                *slot = slot.plus(-x);
            }
        });
    } else {
        each_row(sides, rows, terms.iter(), |&x, winner, loser| {
            for entry in [winner, loser] {
                if let Some(slot) = out.get_mut(entry) {
                    *slot = slot.plus(x);
                }
            }
        });
    }
}

/// The one canonical NaN, whatever met.
pub(super) fn canonical<T: Score>(out: &mut [T]) {
    for x in out {
        *x = if x.is_nan() { T::nan() } else { *x };
    }
}
