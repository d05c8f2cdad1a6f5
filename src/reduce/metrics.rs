//! [`Metrics`]: what a reward trainer logs beside the loss, exact and mergeable.

use core::iter::Sum;
use core::ops::AddAssign;

use super::exact::{ExactSum, NonFinite};

/// What a tie, chosen = rejected, counts in [`Metrics::accuracy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ties {
    /// Nothing: accuracy = wins / pairs, as TRL's `RewardTrainer` has it.
    Wrong,
    /// Half a win: accuracy = (wins + ties / 2) / pairs.
    Half,
    /// Left out: accuracy = wins / (pairs − ties).
    Skip,
}

/// What a reward trainer logs beside the loss: accuracy, margin, and mean, least and greatest
/// reward.
///
/// Everything is counted or summed exactly, and rounded when it is asked for. So metrics are the
/// same in any order of the pairs, and merging those of ranks, threads or micro-batches of any size
/// gives the metrics of all pairs, where the mean of the ranks' means would weigh the pairs of
/// small ranks more.
///
/// ```
/// use pairwise_loss::{Metrics, Pairs, Ties};
///
/// let chosen = [2.0_f32, 0.5, 1.0];
/// let rejected = [1.0_f32, 1.5, 1.0];
/// let metrics = Metrics::of(&Pairs::new(&chosen, &rejected)?);
/// assert_eq!((metrics.wins(), metrics.ties(), metrics.losses()), (1, 1, 1));
/// assert_eq!(metrics.accuracy(Ties::Wrong), Some(1.0 / 3.0));
/// assert_eq!(metrics.accuracy(Ties::Half), Some(0.5));
/// assert_eq!(metrics.mean_margin(), Some(0.0));
/// assert_eq!(metrics.mean_reward(), Some(7.0 / 6.0));
/// assert_eq!((metrics.min_reward(), metrics.max_reward()), (Some(0.5), Some(2.0)));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
///
/// # Special values
/// Without pairs every mean, minimum and maximum is `None`. Pairs of weight 0 don't count, others
/// count once, whatever their weight; label margins and labels play no part. A pair whose
/// difference is NaN, because a score is NaN or both are the same ∞, is neither win nor tie nor
/// loss. It is counted by [`nans`](Self::nans), is wrong in every accuracy, and makes the mean
/// margin NaN. A NaN score makes mean, least and greatest reward NaN. 0 and −0 tie; as rewards −0
/// is less than 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    wins: u64,
    ties: u64,
    losses: u64,
    /// Margins and rewards that are NaN or infinite. The former's NaN are the pairs without an
    /// order.
    margins: NonFinite,
    rewards: NonFinite,
    /// Sums of the finite scores. Their difference is the sum of the margins, their sum that of the
    /// rewards.
    chosen: ExactSum,
    rejected: ExactSum,
    /// Least and greatest reward that isn't NaN, as [`ordered`] integers.
    least: i64,
    greatest: i64,
}

impl Metrics {
    /// The metrics of the pairs of both.
    ///
    /// Associative and commutative; `Metrics::default()` is its identity. `+=` and `sum()` of an
    /// iterator do the same.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs, Ties};
    ///
    /// let large = Metrics::of(&Pairs::new(&[1.0, 1.0, 1.0], &[0.0, 0.0, 0.0])?);
    /// let small = Metrics::of(&Pairs::new(&[0.0], &[1.0])?);
    /// assert_eq!(large.merge(small).accuracy(Ties::Wrong), Some(0.75));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self += other;
        self
    }

    /// The share of pairs in which chosen beats rejected, correctly rounded; `None` if there is
    /// nothing to share: no pairs, or with [`Ties::Skip`] none but ties.
    ///
    /// Pairs counted by [`nans`](Self::nans) are wrong whatever `ties` says, as in TRL, where
    /// accuracy is the mean of `chosen > rejected`.
    pub fn accuracy(&self, ties: Ties) -> Option<f64> {
        let half = u128::from(matches!(ties, Ties::Half));
        let skipped = if matches!(ties, Ties::Skip) { self.ties } else { 0 };
        let right = 2 * u128::from(self.wins) + half * u128::from(self.ties);
        let pairs = 2 * u128::from(self.len() - skipped);
        (pairs > 0)
            .then(|| ExactSum::from_integer(right).div_round_by(&ExactSum::from_integer(pairs)))
    }

    /// The number of pairs with chosen > rejected.
    pub fn wins(&self) -> u64 {
        self.wins
    }

    /// The number of pairs with chosen = rejected, both finite.
    pub fn ties(&self) -> u64 {
        self.ties
    }

    /// The number of pairs with chosen < rejected.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    /// The number of pairs whose difference is NaN: a score is NaN, or both are the same ∞.
    pub fn nans(&self) -> u64 {
        self.margins.nan
    }

    /// The number of pairs: wins, ties, losses and NaN together.
    pub fn len(&self) -> u64 {
        [self.ties, self.losses, self.nans()].into_iter().fold(self.wins, u64::saturating_add)
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mean of chosen − rejected, without any label margin, correctly rounded; `None` without
    /// pairs.
    ///
    /// NaN if the difference of a pair is NaN or differences of +∞ and −∞ meet; an infinite
    /// difference otherwise makes the mean infinite, and so does a mean beyond the range of f64.
    pub fn mean_margin(&self) -> Option<f64> {
        let mean = || {
            let mut sum = self.chosen.clone();
            sum.subtract(&self.rejected);
            sum.div_round(self.len())
        };
        (!self.is_empty()).then(|| self.margins.value().unwrap_or_else(mean))
    }

    /// The mean of all rewards, chosen and rejected, correctly rounded; `None` without pairs.
    ///
    /// NaN if a reward is NaN or +∞ and −∞ meet; one kind of ∞ makes the mean that ∞.
    pub fn mean_reward(&self) -> Option<f64> {
        let mean = || {
            let mut sum = self.chosen.clone();
            sum.merge(&self.rejected);
            sum.div_round_by(&ExactSum::from_integer(2 * u128::from(self.len())))
        };
        (!self.is_empty()).then(|| self.rewards.value().unwrap_or_else(mean))
    }

    /// The least reward, chosen or rejected; NaN if any is NaN, `None` without pairs.
    pub fn min_reward(&self) -> Option<f64> {
        self.reward(self.least)
    }

    /// The greatest reward, chosen or rejected; NaN if any is NaN, `None` without pairs.
    pub fn max_reward(&self) -> Option<f64> {
        self.reward(self.greatest)
    }

    fn reward(&self, extreme: i64) -> Option<f64> {
        let value = || if self.rewards.nan > 0 { f64::NAN } else { unordered(extreme) };
        (!self.is_empty()).then(value)
    }

    /// Adds a pair, exact in f64. The caller leaves out pairs of weight 0.
    #[inline]
    pub(crate) fn add(&mut self, chosen: f64, rejected: f64) {
        for (score, sum) in [(chosen, &mut self.chosen), (rejected, &mut self.rejected)] {
            if score.is_finite() {
                sum.add(score);
            } else {
                self.rewards.count(score);
            }
            if !score.is_nan() {
                self.least = self.least.min(ordered(score));
                self.greatest = self.greatest.max(ordered(score));
            }
        }
        // Between finite scores the comparison is exact where the difference might overflow.
        if chosen.is_finite() && rejected.is_finite() {
            self.wins += u64::from(chosen > rejected);
            self.ties += u64::from(chosen == rejected);
            self.losses += u64::from(chosen < rejected);
        } else {
            let margin = chosen - rejected;
            self.margins.count(margin);
            self.wins += u64::from(margin > 0.0);
            self.losses += u64::from(margin < 0.0);
        }
    }
}

impl Default for Metrics {
    /// The metrics of no pairs: the identity of [`merge`](Self::merge).
    fn default() -> Self {
        Self {
            wins: 0,
            ties: 0,
            losses: 0,
            margins: NonFinite::default(),
            rewards: NonFinite::default(),
            chosen: ExactSum::ZERO,
            rejected: ExactSum::ZERO,
            least: i64::MAX,
            greatest: i64::MIN,
        }
    }
}

impl AddAssign<&Metrics> for Metrics {
    /// [`Metrics::merge`] in place.
    fn add_assign(&mut self, other: &Self) {
        self.wins = self.wins.saturating_add(other.wins);
        self.ties = self.ties.saturating_add(other.ties);
        self.losses = self.losses.saturating_add(other.losses);
        self.margins.merge(other.margins);
        self.rewards.merge(other.rewards);
        self.chosen.merge(&other.chosen);
        self.rejected.merge(&other.rejected);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }
}

impl AddAssign for Metrics {
    /// [`Metrics::merge`] in place.
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}

impl Sum for Metrics {
    /// All of them merged.
    fn sum<I: Iterator<Item = Self>>(metrics: I) -> Self {
        metrics.fold(Self::default(), Self::merge)
    }
}

/// An integer that orders as [`f64::total_cmp`] does: −0 below 0.
fn ordered(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    bits ^ (bits >> 63 & i64::MAX)
}

/// The inverse of [`ordered`], which is the same bits flipped again.
fn unordered(integer: i64) -> f64 {
    f64::from_bits((integer ^ (integer >> 63 & i64::MAX)).cast_unsigned())
}
