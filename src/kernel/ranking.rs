//! Plackett–Luce: the loss of a ranking, and its gradient.
//!
//! (a) A ranking is a chain of duels. With Rᵢ = log Σ_{j>i} e^sⱼ, stage i costs log(1 + e^−zᵢ) for zᵢ = sᵢ − Rᵢ:
//!     answer i against all behind it, taken together. Going from the last answer to the first, Rᵢ₋₁ = max(sᵢ, Rᵢ) +
//!     log(1 + e^−|zᵢ|), with the exponential and the logarithm of the loss itself.
//! (b) The gradient comes on the way back. With qᵢ = σ(−zᵢ), Bᵢ the share that all stages before i lay upon what is
//!     left there, B₀ = 0: the element is σ(zᵢ)·Bᵢ − qᵢ, and Bᵢ₊₁ = qᵢ·(Bᵢ + 1). All terms of B are positive. Behind
//!     the first k answers the −qᵢ and the 1 are left out. The last answer takes all of B.
//! (c) Between the two ways there is one number an answer. [`PLACES`] answers have it on the stack. Longer rankings
//!     keep R at the end of each run of so many, and go back over one run after the other; after [`RUNS`] runs R is
//!     computed from the end again. No ranking is too long.
//! (d) Sums are in the accumulator of the other sums, one row a ranking, so they are blocked by position as well.

use super::row::{Extras, Gradient, Kind, Value, store};
use super::sink::negated;
use super::sum::{BLOCK, Compensated, Partial, reciprocal};
use super::{CHUNK, Kernel};
use crate::loss::{Logistic, PairLoss};
use crate::math::{Fma, Lanes, Precision, Working};
use crate::score::Score;
use core::ops::Range;

/// Answers whose margins are kept on the stack: a run.
const PLACES: usize = 64;

/// Runs whose ends are kept on the stack.
const RUNS: usize = 64;

/// Rankings, each of the answers between two offsets.
#[derive(Clone, Copy)]
pub(crate) struct Rankings<'a, T> {
    pub(crate) scores: &'a [T],
    pub(crate) offsets: &'a [usize],
    /// Lower is better; without them answers come best first.
    pub(crate) ranks: Option<&'a [u32]>,
    pub(crate) weights: Option<&'a [T]>,
    /// Stages that count, at least one.
    pub(crate) top: usize,
}

/// The sum of the losses of some rankings, at most [`BLOCK`] of them.
pub(crate) struct RankingKernel<'s, T> {
    pub(crate) rankings: Rankings<'s, T>,
    pub(crate) range: Range<usize>,
    /// For the loss of each ranking of the range.
    pub(crate) losses: Option<&'s mut [T]>,
    /// For the gradient with respect to all scores.
    pub(crate) gradient: Option<&'s mut [T]>,
    /// The gradient is divided by this, a sum of two, before it is rounded.
    pub(crate) divisor: (f64, f64),
}

impl<T: Score> Kernel for RankingKernel<'_, T> {
    type Output = Partial;

    #[inline(always)]
    fn run<M: Fma>(self) -> Partial {
        debug_assert!(self.range.len() <= BLOCK);
        let Self { rankings, range, mut losses, mut gradient, divisor } = self;
        let factor = reciprocal::<M>(divisor);
        let mut scratch = Scratch::new();
        let mut sums = Compensated::<CHUNK>::ZERO;
        for (row, g) in range.enumerate() {
            let Some((answers, ranking)) = rankings.get(g) else { break };
            let out = gradient.as_mut().and_then(|out| out.get_mut(answers));
            let found = ranking.outcome::<M>(factor, out, &mut scratch);
            sums.add(row % CHUNK, found.value.to_f64(), found.lost.to_f64());
            if let Some(slot) = losses.as_mut().and_then(|losses| losses.get_mut(row)) {
                *slot = store::<T, Value<Logistic>>(found.value.to_f64());
            }
        }
        sums.finish()
    }
}

impl<'a, T: Score> Rankings<'a, T> {
    #[inline(always)]
    fn get(&self, g: usize) -> Option<(Range<usize>, Ranking<'a, T>)> {
        let answers = *self.offsets.get(g)?..*self.offsets.get(g + 1)?;
        let scores = self.scores.get(answers.clone())?;
        let ranks = self.ranks.and_then(|ranks| ranks.get(answers.clone()));
        let weight = self.weights.and_then(|weights| weights.get(g).copied());
        // The last answer has nothing behind it.
        let stages = self.top.min(scores.len().saturating_sub(1));
        Some((answers, Ranking { scores, ranks, weight, stages }))
    }
}

/// The answers to one prompt.
#[derive(Clone, Copy)]
struct Ranking<'a, T> {
    scores: &'a [T],
    ranks: Option<&'a [u32]>,
    weight: Option<T>,
    stages: usize,
}

/// The loss of a ranking, what its rounding lost, and what is in doubt.
struct Outcome<M> {
    value: Lanes<M, 1>,
    lost: Lanes<M, 1>,
    doubt: bool,
    gradient_doubt: bool,
}

/// What lies behind a run: R, none where nothing does, and the key of the first answer there.
#[derive(Clone, Copy)]
struct Behind<P> {
    r: Option<P>,
    limit: u64,
}

impl<P> Behind<P> {
    const NOTHING: Self = Self { r: None, limit: u64::MAX };
}

/// Room for what is between the two ways.
struct Scratch<P> {
    places: Places,
    margins: [P; PLACES],
    ends: [Behind<P>; RUNS],
}

impl<P: Working> Scratch<P> {
    #[inline(always)]
    fn new() -> Self {
        Self {
            places: Places { keys: [0; PLACES], len: 0 },
            margins: [P::constant(0.0); PLACES],
            ends: [Behind::NOTHING; RUNS],
        }
    }
}

/// Which answers a run is of. A key is a rank and, below it, the position of the answer, so that no two are equal.
struct Places {
    /// Descending.
    keys: [u64; PLACES],
    len: usize,
}

impl Places {
    /// The answers of a run that ends before `limit`: those in places from `start` on, `len` of them.
    fn fill(&mut self, ranks: Option<&[u32]>, start: usize, len: usize, limit: u64) {
        self.len = 0;
        let Some(ranks) = ranks else {
            for (key, slot) in (start..start + len).rev().zip(&mut self.keys) {
                *slot = key as u64;
            }
            self.len = len;
            return;
        };
        // The largest keys below the limit. From the back, because answers come best first more often than not.
        for (i, &rank) in ranks.iter().enumerate().rev() {
            let key = u64::from(rank) << 32 | i as u64;
            let Some(keys) = self.keys.get_mut(..len) else { return };
            let at =
                keys.iter().take(self.len).rposition(|&other| other > key).map_or(0, |i| i + 1);
            if key >= limit || at >= len {
                continue;
            }
            self.len = len.min(self.len + 1);
            if let Some(moved) = keys.get_mut(at..self.len) {
                moved.rotate_right(1);
                moved[0] = key;
            }
        }
    }

    /// The answer in a place of the run.
    #[inline(always)]
    fn at(&self, place: usize) -> Option<usize> {
        let key = self.keys.get(self.len.checked_sub(place + 1)?)?;
        Some(*key as u32 as usize)
    }

    /// The key of the first answer.
    #[inline(always)]
    fn first(&self) -> u64 {
        self.len.checked_sub(1).and_then(|last| self.keys.get(last).copied()).unwrap_or(0)
    }
}

impl<T: Score> Ranking<'_, T> {
    /// The loss, and the gradient into `out` where it is wanted.
    #[inline(always)]
    fn outcome<M: Fma>(
        &self,
        factor: (f64, f64),
        mut out: Option<&mut [T]>,
        scratch: &mut Scratch<T::Working<M, 1>>,
    ) -> Outcome<M> {
        let zero = Lanes::splat(0.0);
        if self.stages == 0 || self.weight.is_some_and(|weight| weight == T::zero()) {
            if let Some(out) = out {
                out.fill(T::zero());
                if let Some(last) = self.last()
                    && let Some(slot) = out.get_mut(last)
                {
                    // As that of a pair of weight 0.
                    *slot = T::neg_zero();
                }
            }
            return Outcome { value: zero, lost: zero, doubt: false, gradient_doubt: false };
        }
        let mut found = self.pass::<M, T::Working<M, 1>>(factor, out.as_deref_mut(), scratch);
        if T::DOUBTS && found.gradient_doubt {
            self.careful::<M>(factor, out);
        }
        if T::DOUBTS && found.doubt {
            let careful = self.careful::<M>(factor, None);
            (found.value, found.lost) = (careful.value, careful.lost);
        }
        found
    }

    #[cold]
    #[inline(never)]
    fn careful<M: Fma>(&self, factor: (f64, f64), out: Option<&mut [T]>) -> Outcome<M> {
        self.pass::<M, T::Careful<M>>(factor, out, &mut Scratch::new())
    }

    /// Back from the last answer to the first, and forth again where the gradient is wanted.
    #[inline(always)]
    fn pass<M: Fma, P: Precision<M, 1>>(
        &self,
        factor: (f64, f64),
        mut out: Option<&mut [T]>,
        scratch: &mut Scratch<P>,
    ) -> Outcome<M> {
        let answers = self.scores.len();
        let runs = answers.div_ceil(PLACES);
        let (mut loss, mut share, mut gradient_doubt) = (None, None, false);
        for first in (0..runs).step_by(RUNS) {
            let mut behind = Behind::NOTHING;
            if let Some(slot) = scratch.ends.get_mut(runs - 1 - first) {
                *slot = behind;
            }
            // One loop, so that each way is compiled once.
            let back = (first + 1..runs).rev().map(|run| (run, false));
            let both = (first..runs.min(first + RUNS)).map(|run| (run, true));
            for (run, forth) in back.chain(both) {
                if forth && let Some(end) = scratch.ends.get(run - first) {
                    behind = *end;
                }
                let start = run * PLACES;
                let len = PLACES.min(answers - start);
                scratch.places.fill(self.ranks, start, len, behind.limit);
                behind.limit = scratch.places.first();
                // Each run counts once.
                let counts = first == 0 && forth == (run == 0);
                let stages = if counts { self.stages } else { 0 };
                self.back(start, stages, scratch, &mut behind, &mut loss);
                if !forth && let Some(slot) = scratch.ends.get_mut(run - 1 - first) {
                    *slot = behind;
                }
                if forth && let Some(out) = &mut out {
                    gradient_doubt |= self.forth(start, factor, scratch, &mut share, out);
                }
                if forth && out.is_none() {
                    break;
                }
            }
            if out.is_none() {
                break;
            }
        }
        let zero = P::constant(0.0);
        // Where z is infinite the loss is 0 or in doubt.
        let (value, lost, doubt) =
            self.extras().finish(zero, loss.unwrap_or(zero), None, Kind::UNKNOWN);
        Outcome { value, lost, doubt: doubt.any(), gradient_doubt }
    }

    #[inline(always)]
    fn extras<M: Fma>(&self) -> Extras<Lanes<M, 1>> {
        Extras {
            weight: self.weight.map(|weight| Lanes::splat(weight.widen())),
            label: None,
            upstream: None,
        }
    }

    /// Back over a run: the margins, and R before it. The losses of places before `stages`.
    #[inline(always)]
    fn back<M: Fma, P: Precision<M, 1>>(
        &self,
        start: usize,
        stages: usize,
        scratch: &mut Scratch<P>,
        behind: &mut Behind<P>,
        loss: &mut Option<P>,
    ) {
        let Scratch { places, margins, .. } = scratch;
        for (i, margin) in margins.iter_mut().enumerate().take(places.len).rev() {
            let Some(&score) = places.at(i).and_then(|at| self.scores.get(at)) else { break };
            let lane = Lanes::splat(score.widen());
            let alone = P::from_lanes(lane);
            let Some(r) = behind.r else {
                behind.r = Some(alone);
                continue;
            };
            // Between two scores, R being one, it is the margin of a pair.
            let last_stage = start + i + 2 == self.scores.len();
            let z = if last_stage { P::difference(lane, r.leading()) } else { alone - r };
            *margin = z;
            let tail = z.exp_neg_abs();
            if start + i < stages {
                let term = Logistic.jet_from(z, tail).value;
                *loss = Some(loss.map_or(term, |sum| sum + term));
            }
            // What is −∞ adds nothing, and what is ∞ stays, where ∞ − ∞ would be NaN.
            let infinite = score == T::infinity() && r.leading().to_f64() == f64::INFINITY;
            if score != T::neg_infinity() && !infinite {
                let larger = P::select(z.is_negative(), r, alone);
                behind.r = Some(larger + (-z).drop_tail(tail).ln_1p_unit());
            }
        }
    }

    /// Forth over a run: the gradient, and B behind it, none before the first stage. Whether some of it is in doubt.
    #[inline(always)]
    fn forth<M: Fma, P: Precision<M, 1>>(
        &self,
        start: usize,
        factor: (f64, f64),
        scratch: &Scratch<P>,
        share: &mut Option<P>,
        out: &mut [T],
    ) -> bool {
        let Scratch { places, margins, .. } = scratch;
        let zero = P::constant(0.0);
        let extras = self.extras();
        let mut doubt = false;
        for (i, &z) in margins.iter().enumerate().take(places.len) {
            let Some(at) = places.at(i) else { break };
            let (Some(&score), Some(slot)) = (self.scores.get(at), out.get_mut(at)) else { break };
            let last = start + i + 1 == self.scores.len();
            let counts = start + i < self.stages;
            let (z, y) = if last {
                (zero, -share.unwrap_or(zero))
            } else if !counts && score == T::neg_infinity() {
                (zero, zero)
            } else {
                let tail = z.exp_neg_abs_short();
                let duel = Logistic.jet_from(z, tail).grad;
                let (y, left) = match *share {
                    None => (duel, -duel),
                    Some(share) => {
                        let taken = z.sigmoid_from(tail) * share;
                        let y = if counts { taken + duel } else { taken };
                        (y, -duel * if counts { share + 1.0 } else { share })
                    }
                };
                *share = Some(left);
                (z, y)
            };
            let (value, _, doubtful) = extras.finish(z, y, Some(factor), Kind::UNKNOWN);
            doubt |= doubtful.any();
            let x = store::<T, Gradient<Logistic>>(value.to_f64());
            // The last only loses. Like the rejected one of a pair it has the negation of a result.
            *slot = if last { negated(x) } else { x };
        }
        doubt
    }

    /// The answer of the highest rank.
    #[cold]
    fn last(&self) -> Option<usize> {
        match self.ranks {
            None => self.scores.len().checked_sub(1),
            Some(ranks) => (0..ranks.len()).max_by_key(|&i| ranks[i]),
        }
    }
}
