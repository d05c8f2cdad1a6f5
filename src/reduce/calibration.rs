//! Whether the confidence of a batch's probabilities is borne out: ten bins of it, counted exactly.
//!
//! (a) A confidence c, in [½, 1], is an f64, and so a multiple of 2^-53: the bits of c less those of ½ are (c −
//!     ½)·2^53, an integer `k` of at most 2^52. Everything here is arithmetic on such integers, and nothing is
//!     rounded.
//! (b) Bin b holds c − ½ in (b/20, (b + 1)/20], which is 5k in (b·2^51, (b + 1)·2^51]; ½ itself is in bin 0.
//! (c) A tie has a confidence of ½, so that all ties are in bin 0 and need no count of their own.

use core::fmt;

use super::exact::ExactSum;
use super::metrics::Ties;

/// Bins of equal width that cover the confidences from ½ to 1.
pub(super) const BINS: usize = 10;

/// Confidence ½ and 1, in units of 2^-53.
const HALF: u64 = 1 << 52;
const UNIT: u64 = 1 << 53;

/// 5k at the upper edge of bin 0.
const WIDTH_BITS: u32 = 51;

/// Pairs of one range of confidence.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) pairs: u64,
    pub(super) wins: u64,
    /// Σ confidence, in units of 2^-53.
    pub(super) confidence: u128,
}

/// The state of a calibration.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Calibration {
    pub(super) bins: [Bin; BINS],
}

impl Calibration {
    /// Adds pairs, at most 2^11, by whether chosen won and by the probability against it; without those whose
    /// probability is NaN.
    #[inline(always)]
    pub(super) fn add(&mut self, wins: impl Iterator<Item = bool>, against: &[f64]) {
        debug_assert!(against.len() <= 1 << 11, "2^11 · 2^52 is to be a u64");
        // A power of two, with place 10 for NaN.
        let (mut counts, mut excesses) = ([0_u64; 16], [0_u64; 16]);
        for (win, &q) in wins.zip(against) {
            let k = excess(q);
            let place = bin(k) % 16;
            counts[place] += 1 | u64::from(win) << 32;
            excesses[place] += k;
        }
        for (bin, (count, excess)) in self.bins.iter_mut().zip(counts.into_iter().zip(excesses)) {
            let pairs = count & u64::from(u32::MAX);
            bin.pairs = bin.pairs.saturating_add(pairs);
            bin.wins = bin.wins.saturating_add(count >> 32);
            let confidence = u128::from(excess) + u128::from(pairs) * u128::from(HALF);
            bin.confidence = bin.confidence.saturating_add(confidence);
        }
    }

    /// Adds the pairs of `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.pairs = bin.pairs.saturating_add(more.pairs);
            bin.wins = bin.wins.saturating_add(more.wins);
            bin.confidence = bin.confidence.saturating_add(more.confidence);
        }
    }

    /// The bins, when `ties` of the pairs count as told.
    pub(super) fn bins(&self, rule: Ties, ties: u64) -> [CalibrationBin; BINS] {
        let mut index = 0;
        self.bins.map(|Bin { pairs, wins, confidence }| {
            // (c)
            let ties = if index == 0 { ties.min(pairs) } else { 0 };
            let skipped = if matches!(rule, Ties::Skip) { ties } else { 0 };
            let halves = if matches!(rule, Ties::Half) { ties } else { 0 };
            let bin = CalibrationBin {
                index,
                pairs: pairs - skipped,
                right: 2 * u128::from(wins) + u128::from(halves),
                confidence: confidence.saturating_sub(u128::from(skipped) * u128::from(HALF)),
            };
            index += 1;
            bin
        })
    }
}

impl Bin {
    /// Whether the confidences of that many pairs, all in bin `index`, can have this sum.
    pub(super) fn is_possible(&self, index: usize) -> bool {
        let excess = self.confidence.checked_sub(u128::from(self.pairs) * u128::from(HALF));
        let edge = |index: usize| (index as u128 * u128::from(self.pairs)) << WIDTH_BITS;
        let within = |excess: u128| {
            let five = 5 * excess;
            let above = five > edge(index) || index == 0 || self.pairs == 0;
            above && five <= edge(index + 1)
        };
        self.wins <= self.pairs && excess.is_some_and(|x| x <= u128::MAX / 5 && within(x))
    }
}

/// (c − ½)·2^53 for the confidence c = max(q, 1 − q); more than that of 1 where q is NaN.
fn excess(q: f64) -> u64 {
    let confidence = q.max(1.0 - q);
    confidence.to_bits().wrapping_sub(0.5_f64.to_bits()).min(UNIT - HALF + 1)
}

/// The bin of a confidence; [`BINS`] where there is none.
fn bin(excess: u64) -> usize {
    ((5 * excess).saturating_sub(1) >> WIDTH_BITS) as usize
}

/// A range of confidence, the pairs in it, and how many of them were right: a point of a reliability diagram.
///
/// From [`Metrics::calibration_bins`](super::Metrics::calibration_bins).
///
/// ```
/// use pairwise_loss::{Metrics, Pairs, Ties};
///
/// // A tie, and a win that the model was certain of.
/// let metrics = Metrics::of(&Pairs::new(&[0.0, 900.0], &[0.0, 0.0])?);
/// let [first, empty, .., last] = metrics.calibration_bins(Ties::Half);
/// assert_eq!((first.lower(), first.upper(), first.len()), (0.5, 0.55, 1));
/// assert_eq!((first.mean_confidence(), first.accuracy()), (Some(0.5), Some(0.5)));
/// assert_eq!((last.lower(), last.upper(), last.len()), (0.95, 1.0, 1));
/// assert_eq!((last.mean_confidence(), last.accuracy()), (Some(1.0), Some(1.0)));
/// assert_eq!((empty.is_empty(), empty.mean_confidence(), empty.accuracy()), (true, None, None));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CalibrationBin {
    index: usize,
    pairs: u64,
    /// Twice the number of those that are right.
    right: u128,
    /// In units of 2^-53.
    confidence: u128,
}

impl CalibrationBin {
    /// The lower edge, ½ + b/20 for bin b. Not in the bin itself, except for ½ in the first.
    pub fn lower(&self) -> f64 {
        (10 + self.index) as f64 / 20.0
    }

    /// The upper edge, which belongs to the bin.
    pub fn upper(&self) -> f64 {
        (11 + self.index) as f64 / 20.0
    }

    /// The number of pairs.
    pub fn len(&self) -> u64 {
        self.pairs
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs == 0
    }

    /// The mean confidence, correctly rounded; `None` without pairs.
    pub fn mean_confidence(&self) -> Option<f64> {
        quotient(self.confidence, u128::from(self.pairs) * u128::from(UNIT))
    }

    /// The share of pairs that are right, correctly rounded; `None` without pairs.
    pub fn accuracy(&self) -> Option<f64> {
        quotient(self.right, 2 * u128::from(self.pairs))
    }

    /// 2^54·|right − Σ confidence|.
    fn gap(&self) -> u128 {
        self.right.saturating_mul(u128::from(UNIT)).abs_diff(self.confidence.saturating_mul(2))
    }
}

/// Prints what the bin says.
impl fmt::Debug for CalibrationBin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalibrationBin")
            .field("lower", &self.lower())
            .field("upper", &self.upper())
            .field("len", &self.len())
            .field("mean_confidence", &self.mean_confidence())
            .field("accuracy", &self.accuracy())
            .finish()
    }
}

/// Σ |right − Σ confidence| / Σ pairs, correctly rounded; `None` without pairs.
pub(super) fn expected_error(bins: &[CalibrationBin; BINS]) -> Option<f64> {
    let gaps = bins.iter().fold(0, |sum: u128, bin| sum.saturating_add(bin.gap()));
    let pairs: u128 = bins.iter().map(|bin| u128::from(bin.pairs)).sum();
    quotient(gaps, pairs * u128::from(2 * UNIT))
}

/// The quotient of two integers, correctly rounded; `None` over 0.
pub(super) fn quotient(numerator: u128, denominator: u128) -> Option<f64> {
    (denominator > 0).then(|| {
        ExactSum::from_integer(numerator).div_round_by(&ExactSum::from_integer(denominator))
    })
}

#[cfg(test)]
mod tests {
    use super::{BINS, HALF, UNIT, bin, excess};

    #[test]
    fn a_confidence_is_its_distance_from_a_half() {
        let tiny = f64::from_bits(1);
        for (q, c) in [(0.5, 0.5), (0.25, 0.75), (0.75, 0.75), (0.0, 1.0), (1.0, 1.0), (tiny, 1.0)]
        {
            assert_eq!(excess(q), (c * UNIT as f64) as u64 - HALF, "{q}");
        }
        assert_eq!(excess(0.5_f64.next_up()), 1);
        assert_eq!(excess(1.0_f64.next_down()), UNIT - HALF - 1);
        // 1 − q is rounded to a multiple of 2^-53, ties to even.
        assert_eq!(excess(0.5 - 3.0 / 4.0 / UNIT as f64), 1);
        assert_eq!(excess(f64::NAN), UNIT - HALF + 1);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        // (c − ½)·20 exactly, in 128 bits.
        let expected = |k: u64| match u128::from(k) * 20 {
            0 => 0,
            scaled => (scaled - 1) >> 53,
        };
        for edge in 0..=BINS as u64 {
            let k = edge * (1 << 51) / 5;
            for k in k.saturating_sub(2)..=(k + 2).min(1 << 52) {
                assert_eq!(bin(k) as u128, expected(k), "{k}");
            }
        }
        assert_eq!((bin(0), bin(1), bin(1 << 51), bin((1 << 51) + 1)), (0, 0, 4, 5));
        assert_eq!((bin(1 << 52), bin(excess(f64::NAN))), (BINS - 1, BINS));
    }
}
