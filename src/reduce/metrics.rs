//! [`Metrics`]: what a reward trainer logs beside the loss, exact and mergeable.
//!
//! (a) Everything is a count, an exact sum, or the greatest of some numbers. So order and shards leave no trace, and
//!     the element-wise sum of the counts and sums over ranks, with the element-wise maximum of the rest, is the
//!     merge.
//! (b) Probabilities come from the batch as it reports them, one f64 a pair, and are rounded no more than that: a
//!     confidence, 1 − q, and a Brier term, q², are each one operation in f64.
//! (c) Extremes are kept as integers that order as the numbers do, least rewards as the greatest negated reward.

use core::fmt;
use core::iter::Sum;
use core::ops::AddAssign;

use super::calibration::{BINS, Bin, Calibration, CalibrationBin, expected_error, quotient};
use super::exact::{ExactSum, LIMBS, NonFinite};
use crate::error::Error;

/// What a tie, chosen = rejected, counts in [`Metrics::accuracy`].
///
/// ```
/// use pairwise_loss::{Metrics, Pairs, Ties};
///
/// // Won, tied, tied, lost.
/// let metrics = Metrics::of(&Pairs::new(&[1.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 1.0])?);
/// assert_eq!(metrics.accuracy(Ties::Wrong), Some(0.25));
/// assert_eq!(metrics.accuracy(Ties::Half), Some(0.5));
/// assert_eq!(metrics.accuracy(Ties::Skip), Some(0.5)); // one of two
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ties {
    /// Nothing: accuracy = wins / pairs, as TRL's `RewardTrainer` has it.
    Wrong,
    /// Half a win: accuracy = (wins + ties / 2) / pairs.
    Half,
    /// Left out: accuracy = wins / (pairs − ties).
    Skip,
}

/// Where things are among the integers of [`Metrics::to_sums`].
const REJECTED: usize = LIMBS;
const SQUARES: usize = 2 * LIMBS;
const CALIBRATION: usize = 3 * LIMBS;
const COUNTS: usize = CALIBRATION + BINS * BIN_LIMBS;
const COUNT: usize = 12;

/// A bin's pairs, its wins, and Σ confidence in radix 2^32.
const BIN_LIMBS: usize = 5;

/// An extreme of no numbers.
const NOTHING: i64 = i64::MIN;

/// What a reward trainer logs beside the loss: accuracy, margin, mean, least and greatest reward, and how well
/// calibrated the probabilities are.
///
/// Everything is counted or summed exactly, and rounded when it is asked for. So metrics are the same in any order of
/// the pairs, and merging those of ranks, threads or micro-batches of any size gives the metrics of all pairs, where
/// the mean of the ranks' means would weigh the pairs of small ranks more.
///
/// ```
/// use pairwise_loss::{Metrics, Pairs, Ties};
///
/// let chosen = [2.0_f32, 0.5, 1.0];
/// let rejected = [1.0_f32, 1.5, 1.0];
/// let metrics = Metrics::of(&Pairs::new(&chosen, &rejected)?);
/// assert_eq!((metrics.wins(), metrics.ties(), metrics.losses()), (1, 1, 1));
/// assert_eq!((metrics.len(), metrics.is_empty(), metrics.nans()), (3, false, 0));
/// assert_eq!(metrics.accuracy(Ties::Wrong), Some(1.0 / 3.0));
/// assert_eq!(metrics.accuracy(Ties::Half), Some(0.5));
/// assert_eq!(metrics.mean_margin(), Some(0.0));
/// assert_eq!(metrics.mean_reward(), Some(7.0 / 6.0));
/// assert_eq!((metrics.min_reward(), metrics.max_reward()), (Some(0.5), Some(2.0)));
/// assert_eq!((metrics.mean_chosen(), metrics.mean_rejected()), (Some(3.5 / 3.0), Some(3.5 / 3.0)));
/// assert_eq!((metrics.min_chosen(), metrics.max_chosen()), (Some(0.5), Some(2.0)));
/// assert_eq!((metrics.min_rejected(), metrics.max_rejected()), (Some(1.0), Some(1.5)));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
///
/// # Probabilities
/// That of a pair is q = [`win_probability`](crate::win_probability)`(rejected, chosen)` of the scores as f64,
/// whatever their format: the probability σ(rejected − chosen) against what was observed, within 0.54 ulp. Without
/// margins and labels: what is judged is the model's probability of the preference in the data. A pair's confidence,
/// in the outcome that the model holds for more likely, is max(q, 1 − q), and its Brier term is q² = (σ(chosen −
/// rejected) − 1)², both computed in f64. From there on nothing is rounded until the end.
///
/// # Special values
/// Without pairs every mean, minimum and maximum is `None`. Pairs of weight 0 don't count, others count once,
/// whatever their weight; label margins and labels play no part. A pair whose difference is NaN, because a score is
/// NaN or both are the same ∞, is neither win nor tie nor loss. It is counted by [`nans`](Self::nans), is wrong in
/// every accuracy, is in no bin of the calibration, and makes the mean margin, the Brier score and the calibration
/// error NaN. A NaN score makes mean, least and greatest reward NaN. 0 and −0 tie; as rewards −0 is less than 0.
///
/// # Across machines
/// [`to_sums`](Self::to_sums) and [`to_extremes`](Self::to_extremes) are the whole state as integers. The
/// element-wise sum of the former over the ranks, by an ordinary all-reduce(SUM) on i64, and the element-wise maximum
/// of the latter, by an all-reduce(MAX), handed to [`from_parts`](Self::from_parts), are the merge of all ranks.
/// There is room for 2^31 ranks and 2^60 pairs.
#[derive(Clone, PartialEq, Eq)]
pub struct Metrics {
    wins: u64,
    ties: u64,
    losses: u64,
    /// Margins that are NaN or infinite. The NaN are the pairs without an order.
    margins: NonFinite,
    chosen: Rewards,
    rejected: Rewards,
    /// Σ q² over the pairs with an order.
    squares: ExactSum,
    calibration: Calibration,
}

/// All scores of one side.
#[derive(Clone, PartialEq, Eq)]
struct Rewards {
    /// Σ over the finite ones. The difference of the sides' is the sum of the margins.
    sum: ExactSum,
    others: NonFinite,
    /// The greatest that isn't NaN and the greatest of their negations, as [`ordered`] integers.
    greatest: i64,
    greatest_negated: i64,
}

impl Metrics {
    /// How many integers [`to_sums`](Self::to_sums) returns.
    ///
    /// ```
    /// use pairwise_loss::Metrics;
    ///
    /// assert_eq!(Metrics::default().to_sums(), [0; Metrics::SUMS]);
    /// ```
    pub const SUMS: usize = COUNTS + COUNT;

    /// How many integers [`to_extremes`](Self::to_extremes) returns.
    ///
    /// ```
    /// use pairwise_loss::Metrics;
    ///
    /// assert_eq!(Metrics::default().to_extremes(), [i64::MIN; Metrics::EXTREMES]);
    /// ```
    pub const EXTREMES: usize = 4;

    /// How many bins [`calibration_bins`](Self::calibration_bins) returns.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Ties};
    ///
    /// assert_eq!(Metrics::default().calibration_bins(Ties::Half).len(), Metrics::BINS);
    /// ```
    pub const BINS: usize = BINS;

    /// The metrics of the pairs of both.
    ///
    /// Associative and commutative; `Metrics::default()` is its identity. `+=` and `sum()` of an iterator do the same.
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

    /// The share of pairs in which chosen beats rejected, correctly rounded; `None` if there is nothing to share: no
    /// pairs, or with [`Ties::Skip`] none but ties.
    ///
    /// Pairs counted by [`nans`](Self::nans) are wrong whatever `ties` says, as in TRL, where accuracy is the mean of
    /// `chosen > rejected`.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs, Ties};
    ///
    /// // Won, tied, lost, and one that is not a number.
    /// let metrics = Metrics::of(&Pairs::new(&[2.0, 1.0, 0.0, f64::NAN], &[1.0, 1.0, 1.0, 1.0])?);
    /// assert_eq!(metrics.accuracy(Ties::Wrong), Some(1.0 / 4.0));
    /// assert_eq!(metrics.accuracy(Ties::Half), Some(1.5 / 4.0));
    /// assert_eq!(metrics.accuracy(Ties::Skip), Some(1.0 / 3.0));
    /// assert_eq!(Metrics::default().accuracy(Ties::Wrong), None);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn accuracy(&self, ties: Ties) -> Option<f64> {
        let half = u128::from(matches!(ties, Ties::Half));
        let skipped = if matches!(ties, Ties::Skip) { self.ties } else { 0 };
        let right = 2 * u128::from(self.wins) + half * u128::from(self.ties);
        quotient(right, 2 * u128::from(self.len() - skipped))
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
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// let inf = f64::INFINITY;
    /// let metrics = Metrics::of(&Pairs::new(&[f64::NAN, inf, inf], &[0.0, inf, -inf])?);
    /// assert_eq!((metrics.nans(), metrics.wins(), metrics.len()), (2, 1, 3));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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

    /// The mean of chosen − rejected, without any label margin, correctly rounded; `None` without pairs.
    ///
    /// NaN if the difference of a pair is NaN or differences of +∞ and −∞ meet; an infinite difference otherwise
    /// makes the mean infinite, and so does a mean beyond the range of f64.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// // In f64 the sum of the margins would be 0.
    /// let metrics = Metrics::of(&Pairs::new(&[1e16, 1.0, 0.0], &[0.0, 0.0, 1e16])?);
    /// assert_eq!(metrics.mean_margin(), Some(1.0 / 3.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn mean_margin(&self) -> Option<f64> {
        let mean = || {
            let mut sum = self.chosen.sum.clone();
            sum.subtract(&self.rejected.sum);
            sum.div_round(self.len())
        };
        (!self.is_empty()).then(|| self.margins.value().unwrap_or_else(mean))
    }

    /// The mean of all rewards, chosen and rejected, correctly rounded; `None` without pairs.
    ///
    /// NaN if a reward is NaN or +∞ and −∞ meet; one kind of ∞ makes the mean that ∞.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// let metrics = Metrics::of(&Pairs::new(&[3.0, 1.0], &[0.5, 1.5])?);
    /// assert_eq!(metrics.mean_reward(), Some((3.0 + 1.0 + 0.5 + 1.5) / 4.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn mean_reward(&self) -> Option<f64> {
        self.rewards().mean(2 * u128::from(self.len()))
    }

    /// The least reward, chosen or rejected; NaN if any is NaN, `None` without pairs.
    pub fn min_reward(&self) -> Option<f64> {
        self.rewards().least()
    }

    /// The greatest reward, chosen or rejected; NaN if any is NaN, `None` without pairs.
    pub fn max_reward(&self) -> Option<f64> {
        self.rewards().greatest()
    }

    /// The mean of the chosen rewards, correctly rounded; `None` without pairs. NaN and ∞ as for
    /// [`mean_reward`](Self::mean_reward).
    pub fn mean_chosen(&self) -> Option<f64> {
        self.chosen.mean(self.len().into())
    }

    /// The least chosen reward; NaN if any is NaN, `None` without pairs.
    pub fn min_chosen(&self) -> Option<f64> {
        self.chosen.least()
    }

    /// The greatest chosen reward; NaN if any is NaN, `None` without pairs.
    pub fn max_chosen(&self) -> Option<f64> {
        self.chosen.greatest()
    }

    /// The mean of the rejected rewards, correctly rounded; `None` without pairs. NaN and ∞ as for
    /// [`mean_reward`](Self::mean_reward).
    pub fn mean_rejected(&self) -> Option<f64> {
        self.rejected.mean(self.len().into())
    }

    /// The least rejected reward; NaN if any is NaN, `None` without pairs.
    pub fn min_rejected(&self) -> Option<f64> {
        self.rejected.least()
    }

    /// The greatest rejected reward; NaN if any is NaN, `None` without pairs.
    pub fn max_rejected(&self) -> Option<f64> {
        self.rejected.greatest()
    }

    /// The Brier score: the mean of (p − 1)², p = σ(chosen − rejected) being the predicted probability of the
    /// preference that was observed. 0 is best, ¼ is a coin's, 1 is worst. `None` without pairs, NaN if the
    /// difference of a pair is NaN.
    ///
    /// Accuracy: the exact mean of the pairs' [terms](Self#probabilities), correctly rounded; each term is within 2.1
    /// ulp of the true one, or 2^-1074 where that is more.
    ///
    /// Source: G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78
    /// (1950) 1–3. His sum over both outcomes is twice this one, which is scikit-learn's `brier_score_loss`.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// // Undecided about one pair, certain of another, and certain of the contrary of a third.
    /// let metrics = Metrics::of(&Pairs::new(&[1.0, 900.0, 0.0], &[1.0, 0.0, 900.0])?);
    /// assert_eq!(metrics.brier_score(), Some((0.25 + 0.0 + 1.0) / 3.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn brier_score(&self) -> Option<f64> {
        let mean = || self.squares.div_round(self.len());
        (!self.is_empty()).then(|| if self.nans() > 0 { f64::NAN } else { mean() })
    }

    /// The pairs by confidence, in ten bins of equal width from ½ to 1: the points of a reliability diagram.
    ///
    /// A pair is right if chosen beats rejected; a tie, whose confidence is ½, counts as told, and is left out of its
    /// bin by [`Ties::Skip`]. Bin b holds the confidences in (½ + b/20, ½ + (b + 1)/20], the first ½ as well. Pairs
    /// whose difference is NaN are in none.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs, Ties, win_probability};
    ///
    /// // Four pairs of a confidence of 0.73; the model is right about three.
    /// let metrics = Metrics::of(&Pairs::new(&[1.0, 1.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 1.0])?);
    /// let bin = &metrics.calibration_bins(Ties::Wrong)[4];
    /// assert_eq!((bin.lower(), bin.upper(), bin.len()), (0.7, 0.75, 4));
    /// assert_eq!((bin.mean_confidence(), bin.accuracy()), (Some(win_probability(1.0, 0.0)), Some(0.75)));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn calibration_bins(&self, ties: Ties) -> [CalibrationBin; Self::BINS] {
        self.calibration.bins(ties, self.ties)
    }

    /// The expected calibration error, `Σ_b n_b/n·|accuracy_b − confidence_b|` over the
    /// [bins](Self::calibration_bins): 0 where of the pairs that a model is 80 % sure of it is right about 80 %.
    ///
    /// `None` without pairs, and with [`Ties::Skip`] if there are none but ties; NaN if the difference of a pair is
    /// NaN.
    ///
    /// Accuracy: of the pairs' [confidences](Self#probabilities) the exact value, correctly rounded; each confidence
    /// is within 0.77·2^-53 of the true one.
    ///
    /// Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017,
    /// equation 3, with the confidence of the outcome predicted, which for two outcomes is at least ½.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs, Ties, win_probability};
    ///
    /// let metrics = Metrics::of(&Pairs::new(&[1.0, 1.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 1.0])?);
    /// let gap = 0.75 - win_probability(1.0, 0.0);
    /// assert_eq!(metrics.expected_calibration_error(Ties::Wrong), Some(gap));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn expected_calibration_error(&self, ties: Ties) -> Option<f64> {
        if self.nans() > 0 {
            return Some(f64::NAN);
        }
        expected_error(&self.calibration_bins(ties))
    }

    /// The counts and sums as [`Metrics::SUMS`] integers: all of the state that an all-reduce(SUM) merges. Equal for
    /// equal metrics, on every machine.
    ///
    /// First Σ chosen, Σ rejected and Σ q², each as 70 limbs like those of
    /// [`Total::as_limbs`](crate::Total::as_limbs). Then five integers a bin: its pairs, its wins, and Σ confidence
    /// in units of 2^-53 as three limbs in radix 2^32, least first, the last one unbounded. Then the numbers of wins,
    /// of ties, of losses; of NaN, of +∞ and of −∞ among the margins, the same among the chosen and among the
    /// rejected rewards.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// let (chosen, rejected) = ([0.3, -1.0, 2.5, 0.1], [0.1, 0.7, 2.0, 0.1]);
    /// let all = Metrics::of(&Pairs::new(&chosen, &rejected)?);
    ///
    /// // Two ranks, one of them with a single pair.
    /// let (mut sums, mut extremes) = ([0; Metrics::SUMS], [i64::MIN; Metrics::EXTREMES]);
    /// for range in [0..3, 3..4] {
    ///     let rank = Metrics::of(&Pairs::new(&chosen[range.clone()], &rejected[range])?);
    ///     sums.iter_mut().zip(rank.to_sums()).for_each(|(sum, x)| *sum += x); // all-reduce(SUM)
    ///     extremes.iter_mut().zip(rank.to_extremes()).for_each(|(max, x)| *max = x.max(*max)); // all-reduce(MAX)
    /// }
    /// assert_eq!(Metrics::from_parts(&sums, &extremes)?, all);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn to_sums(&self) -> [i64; Self::SUMS] {
        let mut sums = [0; Self::SUMS];
        let exact = [&self.chosen.sum, &self.rejected.sum, &self.squares];
        for (limbs, sum) in sums.chunks_exact_mut(LIMBS).zip(exact) {
            limbs.copy_from_slice(&sum.canonical());
        }
        let bins = sums[CALIBRATION..COUNTS].chunks_exact_mut(BIN_LIMBS);
        for (limbs, &Bin { pairs, wins, confidence }) in bins.zip(&self.calibration.bins) {
            let digit = |k: u32| confidence as u64 >> (32 * k) & u64::from(u32::MAX);
            let values = [pairs, wins, digit(0), digit(1), (confidence >> 64) as u64];
            limbs.copy_from_slice(&values.map(integer));
        }
        let others = |others: NonFinite| [others.nan, others.positive, others.negative];
        let counts = [
            [self.wins, self.ties, self.losses],
            others(self.margins),
            others(self.chosen.others),
            others(self.rejected.others),
        ];
        for (slot, &count) in sums[COUNTS..].iter_mut().zip(counts.as_flattened()) {
            *slot = integer(count);
        }
        sums
    }

    /// The extremes as [`Metrics::EXTREMES`] integers: all of the state that an all-reduce(MAX) merges.
    ///
    /// The greatest chosen reward, the greatest negated chosen reward, and the same of the rejected rewards, each as
    /// an integer that orders as [`f64::total_cmp`] does: the bits of the f64 as i64, the lower 63 of them flipped if
    /// it is negative. `i64::MIN` where there is no reward that isn't NaN.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// let metrics = Metrics::of(&Pairs::new(&[2.0], &[-1.0])?);
    /// let bits = |x: f64| x.to_bits() as i64;
    /// let [chosen, negated_chosen, rejected, negated_rejected] = metrics.to_extremes();
    /// assert_eq!((chosen, negated_rejected), (bits(2.0), bits(1.0)));
    /// assert_eq!((negated_chosen, rejected), (bits(-2.0) ^ i64::MAX, bits(-1.0) ^ i64::MAX));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn to_extremes(&self) -> [i64; Self::EXTREMES] {
        let extremes = |rewards: &Rewards| [rewards.greatest, rewards.greatest_negated];
        let ([a, b], [c, d]) = (extremes(&self.chosen), extremes(&self.rejected));
        [a, b, c, d]
    }

    /// The metrics with these sums and extremes, which are those of [`to_sums`](Self::to_sums) and
    /// [`to_extremes`](Self::to_extremes), or the element-wise sum of the former and the element-wise maximum of the
    /// latter over up to 2^31 metrics.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs};
    ///
    /// let metrics = Metrics::of(&Pairs::new(&[1.0, 0.0], &[0.0, 0.5])?);
    /// assert_eq!(Metrics::from_parts(&metrics.to_sums(), &metrics.to_extremes())?, metrics);
    /// assert!(Metrics::from_parts(&[], &[]).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidLimbs`] if these integers can't have come from metrics: they are not [`Metrics::SUMS`] and
    /// [`Metrics::EXTREMES`], a count is negative, counts contradict each other, a sum is out of reach of its terms
    /// or of 2^60 terms, or an extreme is none of such rewards.
    pub fn from_parts(sums: &[i64], extremes: &[i64]) -> Result<Self, Error> {
        let invalid = |reason, position| Err(Error::InvalidLimbs { reason, position });
        let Ok(sums) = <&[i64; Self::SUMS]>::try_from(sums) else {
            return invalid("their number isn't Metrics::SUMS", sums.len());
        };
        let Ok(&[chosen_greatest, chosen_negated, rejected_greatest, rejected_negated]) =
            <&[i64; Self::EXTREMES]>::try_from(extremes)
        else {
            return invalid("the number of extremes isn't Metrics::EXTREMES", extremes.len());
        };
        if let Some(i) = sums[CALIBRATION..].iter().position(|&count| count < 0) {
            return invalid("a count is negative", CALIBRATION + i);
        }

        let count = |i: usize| sums[COUNTS + i].cast_unsigned();
        let others =
            |i: usize| NonFinite { nan: count(i), positive: count(i + 1), negative: count(i + 2) };
        let [chosen, rejected, squares] = [0, REJECTED, SQUARES].map(|start| exact(sums, start));
        let rewards = |sum, i, greatest, greatest_negated| Rewards {
            sum,
            others: others(i),
            greatest,
            greatest_negated,
        };
        let mut calibration = Calibration::default();
        let bins = sums[CALIBRATION..COUNTS].chunks_exact(BIN_LIMBS);
        for (bin, limbs) in calibration.bins.iter_mut().zip(bins) {
            let value = |i: usize| u128::from(limbs[i].cast_unsigned());
            // The limbs are below 2^63, so that their sum is below 2^128.
            let confidence = value(2) + (value(3) << 32) + (value(4) << 64);
            *bin = Bin { pairs: value(0) as u64, wins: value(1) as u64, confidence };
        }
        let metrics = Self {
            wins: count(0),
            ties: count(1),
            losses: count(2),
            margins: others(3),
            chosen: rewards(chosen, 6, chosen_greatest, chosen_negated),
            rejected: rewards(rejected, 9, rejected_greatest, rejected_negated),
            squares,
            calibration,
        };
        match metrics.contradiction() {
            Some((reason, position)) => invalid(reason, position),
            None => Ok(metrics),
        }
    }

    /// What can't be of a state whose counts aren't negative, and where.
    fn contradiction(&self) -> Option<(&'static str, usize)> {
        let NonFinite { positive, negative, .. } = self.margins;
        if positive > self.wins {
            return Some(("more margins of +∞ than wins", COUNTS + 4));
        }
        if negative > self.losses {
            return Some(("more margins of −∞ than losses", COUNTS + 5));
        }
        let sides = [(&self.chosen, 0, 0, 6), (&self.rejected, REJECTED, 2, 9)];
        for (rewards, limbs, extremes, counts) in sides {
            if let Some((reason, what)) = rewards.contradiction(self.len()) {
                let position = match what {
                    Part::Sum => limbs + LIMBS - 1,
                    Part::Others => COUNTS + counts,
                    Part::Extremes => extremes,
                };
                return Some((reason, position));
            }
        }
        // A margin is not finite if and only if a score of its pair is not.
        let all = |others: NonFinite| {
            [others.nan, others.positive, others.negative].map(u128::from).iter().sum::<u128>()
        };
        let [margins, chosen, rejected] =
            [self.margins, self.chosen.others, self.rejected.others].map(all);
        if margins < chosen.max(rejected) || margins > chosen + rejected {
            return Some(("other margins than rewards are NaN or ∞", COUNTS + 3));
        }
        let ordered = self.len() - self.nans();
        if is_negative(&self.squares) || self.squares.to_f64() > ordered as f64 {
            return Some(("the sum of squares is out of reach", SQUARES + LIMBS - 1));
        }
        let (mut pairs, mut wins) = (0_u64, 0_u64);
        for (index, bin) in self.calibration.bins.iter().enumerate() {
            if !bin.is_possible(index) {
                return Some((
                    "the confidence of a bin is out of reach",
                    CALIBRATION + index * BIN_LIMBS,
                ));
            }
            pairs = pairs.saturating_add(bin.pairs);
            wins = wins.saturating_add(bin.wins);
        }
        let [first, ..] = &self.calibration.bins;
        if pairs != ordered || wins != self.wins || first.pairs - first.wins < self.ties {
            return Some(("the bins hold other pairs than are counted", CALIBRATION));
        }
        None
    }

    /// Both sides together.
    fn rewards(&self) -> Rewards {
        let mut rewards = self.chosen.clone();
        rewards.merge(&self.rejected);
        rewards
    }

    /// Adds pairs, exact in f64 and at most 2^11 of them, with the probabilities q against chosen, which are
    /// overwritten. The caller leaves out pairs of weight 0.
    #[inline(always)]
    pub(crate) fn add(&mut self, chosen: &[f64], rejected: &[f64], against: &mut [f64]) {
        self.calibration.add(chosen.iter().zip(rejected).map(|(c, r)| c > r), against);
        for q in &mut *against {
            *q *= *q;
        }
        self.squares.add_slice(against);

        let all_finite = self.chosen.add(chosen) & self.rejected.add(rejected);
        let (mut wins, mut equal, mut losses) = (0, 0, 0);
        for (c, r) in chosen.iter().zip(rejected) {
            wins += u64::from(c > r);
            equal += u64::from(c == r);
            losses += u64::from(c < r);
        }
        self.wins += wins;
        self.losses += losses;
        self.ties += equal;
        if !all_finite {
            self.count_margins(chosen, rejected);
        }
    }

    /// Counts the margins of scores that are not finite. Between finite ones the difference might overflow.
    #[cold]
    fn count_margins(&mut self, chosen: &[f64], rejected: &[f64]) {
        for (c, r) in chosen.iter().zip(rejected) {
            if !(c.is_finite() && r.is_finite()) {
                self.margins.count(c - r);
                // The same ∞ twice is no tie.
                self.ties -= u64::from(c == r);
            }
        }
    }
}

/// A part of the state of [`Rewards`].
enum Part {
    Sum,
    Others,
    Extremes,
}

impl Rewards {
    /// Of no scores.
    const NONE: Self = Self {
        sum: ExactSum::ZERO,
        others: NonFinite { nan: 0, positive: 0, negative: 0 },
        greatest: NOTHING,
        greatest_negated: NOTHING,
    };

    /// Adds scores and says whether all of them are finite.
    #[inline(always)]
    fn add(&mut self, scores: &[f64]) -> bool {
        let others = self.sum.add_slice(scores);
        self.others.merge(others);
        let (greatest_negated, greatest) = extremes(scores);
        self.greatest = self.greatest.max(greatest);
        self.greatest_negated = self.greatest_negated.max(greatest_negated);
        others == NonFinite::default()
    }

    /// Adds the scores of `other`.
    fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        self.others.merge(other.others);
        self.greatest = self.greatest.max(other.greatest);
        self.greatest_negated = self.greatest_negated.max(other.greatest_negated);
    }

    /// The mean of `count` scores.
    fn mean(&self, count: u128) -> Option<f64> {
        let mean = || self.sum.div_round_by(&ExactSum::from_integer(count));
        (count > 0).then(|| self.others.value().unwrap_or_else(mean))
    }

    fn least(&self) -> Option<f64> {
        self.extreme(!self.greatest_negated)
    }

    fn greatest(&self) -> Option<f64> {
        self.extreme(self.greatest)
    }

    fn extreme(&self, integer: i64) -> Option<f64> {
        if self.others.nan > 0 {
            return Some(f64::NAN);
        }
        (self.greatest != NOTHING).then(|| unordered(integer))
    }

    /// What can't be of that many scores.
    fn contradiction(&self, scores: u64) -> Option<(&'static str, Part)> {
        let NonFinite { nan, positive, negative } = self.others;
        let numbers = scores.checked_sub(nan);
        let finite = numbers
            .and_then(|left| left.checked_sub(positive))
            .and_then(|left| left.checked_sub(negative));
        let (Some(numbers), Some(finite)) = (numbers, finite) else {
            return Some(("more NaN and ∞ than rewards", Part::Others));
        };
        if !matches!(top(&self.sum), -1 | 0) {
            return Some(("a sum exceeds that of 2^60 terms", Part::Sum));
        }
        if finite == 0 && self.sum != ExactSum::ZERO {
            return Some(("a sum of no finite rewards isn't 0", Part::Sum));
        }
        let (least, greatest) = (!self.greatest_negated, self.greatest);
        let possible = if numbers == 0 {
            greatest == NOTHING && self.greatest_negated == NOTHING
        } else {
            let [low, high] = [f64::NEG_INFINITY, f64::INFINITY].map(ordered);
            low <= least
                && least <= greatest
                && greatest <= high
                && (least == low) == (negative > 0)
                && (greatest == high) == (positive > 0)
        };
        (!possible).then_some(("extremes that are none of such rewards", Part::Extremes))
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
            chosen: Rewards::NONE,
            rejected: Rewards::NONE,
            squares: ExactSum::ZERO,
            calibration: Calibration::default(),
        }
    }
}

/// Prints what the metrics say rather than their limbs; of rewards the least, the mean and the greatest.
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |rewards: &Rewards| {
            [rewards.least(), rewards.mean(self.len().into()), rewards.greatest()]
        };
        f.debug_struct("Metrics")
            .field("wins", &self.wins)
            .field("ties", &self.ties)
            .field("losses", &self.losses)
            .field("nans", &self.nans())
            .field("mean_margin", &self.mean_margin())
            .field("chosen", &side(&self.chosen))
            .field("rejected", &side(&self.rejected))
            .field("brier_score", &self.brier_score())
            .finish_non_exhaustive()
    }
}

impl AddAssign<&Metrics> for Metrics {
    /// [`Metrics::merge`] in place.
    fn add_assign(&mut self, other: &Self) {
        self.wins = self.wins.saturating_add(other.wins);
        self.ties = self.ties.saturating_add(other.ties);
        self.losses = self.losses.saturating_add(other.losses);
        self.margins.merge(other.margins);
        self.chosen.merge(&other.chosen);
        self.rejected.merge(&other.rejected);
        self.squares.merge(&other.squares);
        self.calibration.merge(&other.calibration);
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

impl<'a> Sum<&'a Metrics> for Metrics {
    /// All of them merged.
    fn sum<I: Iterator<Item = &'a Self>>(metrics: I) -> Self {
        metrics.fold(Self::default(), |mut all, metrics| {
            all += metrics;
            all
        })
    }
}

/// A count as it leaves the crate; those beyond i64, which no 2^60 pairs reach, are stuck at its end.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The sum whose limbs start there.
fn exact(sums: &[i64; Metrics::SUMS], start: usize) -> ExactSum {
    let mut limbs = [0; LIMBS];
    limbs.copy_from_slice(&sums[start..start + LIMBS]);
    ExactSum::from_limbs(&limbs)
}

/// The signed limb, −1 or 0 in all sums of 2^60 terms.
fn top(sum: &ExactSum) -> i64 {
    sum.canonical()[LIMBS - 1]
}

fn is_negative(sum: &ExactSum) -> bool {
    top(sum) < 0
}

/// The greatest of the negated scores and the greatest score, as [`ordered`] integers, without NaN.
fn extremes(scores: &[f64]) -> (i64, i64) {
    // Several side by side: the compiler makes SIMD of it. Comparisons with NaN are false.
    let least = |low: f64, x: f64| if x < low { x } else { low };
    let greatest = |high: f64, x: f64| if x > high { x } else { high };
    let (mut lows, mut highs) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
    let (chunks, rest) = scores.as_chunks::<8>();
    for chunk in chunks {
        for i in 0..8 {
            lows[i] = least(lows[i], chunk[i]);
            highs[i] = greatest(highs[i], chunk[i]);
        }
    }
    let low = lows.iter().chain(rest).copied().fold(f64::INFINITY, least);
    let high = highs.iter().chain(rest).copied().fold(f64::NEG_INFINITY, greatest);
    // These comparisons don't see the sign of a zero, and an infinity may be where they began.
    let is_plain = |x: f64| x.is_finite() && x != 0.0;
    if is_plain(low) && is_plain(high) {
        return (ordered(-low), ordered(high));
    }
    let numbers = scores.iter().filter(|x| !x.is_nan());
    numbers.fold((NOTHING, NOTHING), |(low, high), &x| (low.max(ordered(-x)), high.max(ordered(x))))
}

/// An integer that orders as [`f64::total_cmp`] does: −0 below 0. That of −x is its complement.
fn ordered(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    bits ^ (bits >> 63 & i64::MAX)
}

/// The inverse of [`ordered`], which is the same bits flipped again.
fn unordered(integer: i64) -> f64 {
    f64::from_bits((integer ^ (integer >> 63 & i64::MAX)).cast_unsigned())
}
