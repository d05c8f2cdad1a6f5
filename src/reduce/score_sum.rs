//! Sums over comparisons, one an entry, as integers: no order of additions can show in them.
//!
//! (a) A sum is a fixed-point number of 128 bits with 63 binary places. The last bit of the integer is no part of the
//!     number: it says that the sum met something that is no number, and stays set because only even integers are
//!     added.
//! (b) A term below 2¹⁹ is split into two integers by adding constants whose last places are 2⁻³² and 2⁻⁶³, which makes
//!     SIMD at every instruction set. Others go one by one.

use crate::index::{Indices, each_row};
use crate::kernel::{Kernel, Level};
use crate::math::Fma;
use crate::score::Score;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Add, AddAssign, Range};

/// A sum of what comparisons contribute to one entry: exact, mergeable, the same in any order.
///
/// A fixed-point number with 63 binary places: each term is rounded once, to a multiple of 2⁻⁶³ ≈ 1.1·10⁻¹⁹ (terms of
/// 2⁻¹¹ and more in `f64`, of 2⁻⁴⁰ and more in `f32`, are so already), and the sum of these is exact below 2⁶². A NaN,
/// an infinity or a number of 2⁶² and more among the terms, or in the sum, makes the sum NaN for good. There is room
/// for 2⁴² terms.
///
/// See [`ScoreSums`](crate::ScoreSums).
///
/// ```
/// use pairwise_loss::ScoreSum;
///
/// let terms = [1e15, 0.1, -1e15];
/// let sum = terms.into_iter().map(ScoreSum::of).fold(ScoreSum::ZERO, ScoreSum::merge);
/// assert_eq!(sum.value(), 0.1); // in f64 it would be 0.125
/// ```
#[derive(Clone, Copy, Default)]
pub struct ScoreSum(i128);

/// The last place of a term.
const PLACE: f64 = 1.0 / (1_u64 << 63) as f64;
/// 2⁶⁴, the unit being half a place.
const UNITS: f64 = 2.0 * (1_u64 << 63) as f64;
/// Terms below this go in SIMD.
const NEAR: f64 = (1_u64 << 19) as f64;
/// Sums and terms below this are numbers, with room to spare before the integer would overflow.
const LIMIT: i128 = 1 << (62 + 64);

impl ScoreSum {
    /// The empty sum.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// assert_eq!(ScoreSum::ZERO.merge(ScoreSum::of(0.5)), ScoreSum::of(0.5));
    /// ```
    pub const ZERO: Self = Self(0);

    /// A sum of one term, rounded to a multiple of 2⁻⁶³; NaN for a term that is none or not below 2⁶².
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// assert_eq!(ScoreSum::of(0.75).value(), 0.75);
    /// assert_eq!(ScoreSum::of(1e-30), ScoreSum::ZERO); // to a multiple of 2⁻⁶³
    /// assert!(ScoreSum::of(1e20).is_nan()); // 2⁶² and more
    /// ```
    pub fn of(term: f64) -> Self {
        let units = (term * UNITS) as i128;
        if term.abs() < NEAR {
            let (high, low) = split(term);
            return Self((i128::from(high) << 64) | i128::from(low as u64));
        }
        // From 2¹⁹ on a float is a multiple of 2⁻³³, so nothing has been cut off.
        if term.is_finite() && units.unsigned_abs() < LIMIT.unsigned_abs() {
            Self(units)
        } else {
            Self::SPOILED
        }
    }

    const SPOILED: Self = Self(1);

    /// The sum of both, whatever they were made of.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// let [a, b, c] = [1e15, 0.1, -1e15].map(ScoreSum::of);
    /// assert_eq!(a.merge(b).merge(c), a.merge(c).merge(b));
    /// assert_eq!(a.merge(b).merge(c).value(), 0.1);
    /// ```
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let sum = (self.0 & !1).wrapping_add(other.0 & !1);
        let spoiled = (self.0 | other.0) & 1 == 1 || sum.unsigned_abs() >= LIMIT.unsigned_abs();
        if spoiled { Self::SPOILED } else { Self(sum) }
    }

    /// −1 times the sum.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// assert_eq!(ScoreSum::of(0.1).merge(ScoreSum::of(0.1).negated()), ScoreSum::ZERO);
    /// ```
    #[must_use]
    pub fn negated(self) -> Self {
        if self.is_nan() { self } else { Self(-self.0) }
    }

    /// The sum, correctly rounded; NaN where [`is_nan`](Self::is_nan).
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// // 2⁵³ + 1 + 2⁻¹⁰ is above the middle of two f64.
    /// let sum = ScoreSum::of(9007199254740992.0).merge(ScoreSum::of(1.0)).merge(ScoreSum::of(1.0 / 1024.0));
    /// assert_eq!(sum.value(), 9007199254740994.0);
    /// ```
    pub fn value(self) -> f64 {
        if self.is_nan() { f64::NAN } else { (self.0 >> 1) as f64 * PLACE }
    }

    /// Whether a term was not a number below 2⁶², or the sum is not.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// let sum = ScoreSum::of(1.0).merge(ScoreSum::of(f64::INFINITY));
    /// assert!(sum.is_nan() && sum.merge(ScoreSum::of(f64::NEG_INFINITY)).is_nan()); // for good
    /// ```
    pub fn is_nan(self) -> bool {
        self.0 & 1 == 1
    }

    /// The sum as integers that an all-reduce may add element by element, of at most 2²⁰ parts: three digits of the
    /// number, radix 2⁴², and how many of the parts are NaN.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// let parts = [ScoreSum::of(0.75), ScoreSum::of(-3.5)];
    /// let mut sums = [0; ScoreSum::LIMBS];
    /// for part in parts {
    ///     sums.iter_mut().zip(part.to_limbs()).for_each(|(sum, limb)| *sum += limb);
    /// }
    /// assert_eq!(ScoreSum::from_limbs(sums), parts[0].merge(parts[1]));
    /// ```
    pub fn to_limbs(self) -> [i64; Self::LIMBS] {
        if self.is_nan() {
            return [0, 0, 0, 1];
        }
        let digit = |places: u32| ((self.0 >> places) & ((1 << 42) - 1)) as i64;
        [digit(1), digit(43), (self.0 >> 85) as i64, 0]
    }

    /// The number of limbs.
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// assert_eq!(ScoreSum::ZERO.to_limbs(), [0; ScoreSum::LIMBS]);
    /// ```
    pub const LIMBS: usize = 4;

    /// The sum of which these are the limbs, or the sums of the limbs of parts, at most 2²⁰ of them. NaN where a part
    /// was NaN, or the sum is not below 2⁶².
    ///
    /// ```
    /// use pairwise_loss::ScoreSum;
    ///
    /// let sum = ScoreSum::of(-0.75);
    /// assert_eq!(ScoreSum::from_limbs(sum.to_limbs()), sum);
    /// assert!(ScoreSum::from_limbs([0, 0, 0, 2]).is_nan()); // two of the parts were
    /// ```
    pub fn from_limbs(limbs: [i64; Self::LIMBS]) -> Self {
        let [low, middle, high, spoiled] = limbs.map(i128::from);
        if spoiled != 0 || high.abs() >= 1 << 42 {
            return Self::SPOILED;
        }
        let sum = low + (middle << 42) + (high << 84);
        if sum.abs() < LIMIT / 2 { Self(sum << 1) } else { Self::SPOILED }
    }

    /// For a term that may be anything.
    #[cold]
    #[inline(never)]
    fn add_far(&mut self, term: f64) {
        *self = self.merge(Self::of(term));
    }
}

impl fmt::Debug for ScoreSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScoreSum({:?})", self.value())
    }
}

/// A sum that is NaN is equal to every other one, whatever was added since.
impl PartialEq for ScoreSum {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.is_nan() && other.is_nan()
    }
}

impl Eq for ScoreSum {}

impl Hash for ScoreSum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (if self.is_nan() { Self::SPOILED.0 } else { self.0 }).hash(state);
    }
}

impl Add for ScoreSum {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.merge(other)
    }
}

impl AddAssign for ScoreSum {
    fn add_assign(&mut self, other: Self) {
        *self = self.merge(other);
    }
}

/// A term below [`NEAR`] as an integer of 128 bits: high and low part.
#[inline(always)]
fn split(term: f64) -> (i64, i64) {
    // Numbers in [2²⁰, 2²¹) and [2⁻¹¹, 2⁻¹⁰), whose last places are 2⁻³² and 2⁻⁶³.
    const COARSE: f64 = 1.5 * (1_u64 << 20) as f64;
    const FINE: f64 = 1.5 / (1_u64 << 11) as f64;
    let places = |sum: f64, of: f64| (sum.to_bits() as i64).wrapping_sub(of.to_bits() as i64);
    let coarse = term + COARSE;
    let rest = term - (coarse - COARSE);
    // In units of 2⁻³² and of 2⁻⁶⁴.
    let (high, low) = (places(coarse, COARSE), places(rest + FINE, FINE) << 1);
    let high = high + (low >> 63);
    (high >> 32, (high << 32) | (low & 0xffff_ffff))
}

/// Terms that are added together.
pub(crate) const TERMS: usize = 128;

/// Splits terms; whether there are some that are not to be split.
struct Split<'t, T> {
    terms: &'t [T; TERMS],
    high: &'t mut [i64; TERMS],
    low: &'t mut [i64; TERMS],
}

impl<T: Score> Kernel for Split<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<M: Fma>(self) -> bool {
        let mut far = false;
        for i in 0..TERMS {
            let term = self.terms[i].widen();
            let near = term.abs() < NEAR;
            far |= !near;
            (self.high[i], self.low[i]) = split(term);
        }
        far
    }
}

/// Adds the terms of some rows, at most [`TERMS`], each to the sum of one entry and, with its sign or the other one, to
/// that of another.
#[inline(never)]
pub(crate) fn add_terms<T: Score>(
    level: Level,
    sides: (Indices<'_>, Indices<'_>),
    rows: Range<usize>,
    terms: &[T],
    opposite: bool,
    sums: &mut [ScoreSum],
) {
    let (mut high, mut low) = ([0; TERMS], [0; TERMS]);
    let mut padded = [T::zero(); TERMS];
    let terms = if let Some(terms) = terms.first_chunk() {
        terms
    } else {
        padded.iter_mut().zip(terms).for_each(|(slot, &term)| *slot = term);
        &padded
    };
    if level.run(Split { terms, high: &mut high, low: &mut low }) {
        each_row(sides, rows, terms.iter(), |&term, winner, loser| {
            let term = term.widen();
            for (entry, term) in [(winner, term), (loser, if opposite { -term } else { term })] {
                if let Some(sum) = sums.get_mut(entry) {
                    sum.add_far(term);
                }
            }
        });
        return;
    }
    let terms = high.iter().zip(&low).map(|(&h, &l)| (i128::from(h) << 64) | i128::from(l as u64));
    if opposite {
        each_row(sides, rows, terms, |term, winner, loser| {
            if let Some(ScoreSum(sum)) = sums.get_mut(winner) {
                *sum = sum.wrapping_add(term);
            }
            if let Some(ScoreSum(sum)) = sums.get_mut(loser) {
                *sum = sum.wrapping_sub(term);
            }
        });
    } else {
        each_row(sides, rows, terms, |term, winner, loser| {
            for entry in [winner, loser] {
                if let Some(ScoreSum(sum)) = sums.get_mut(entry) {
                    *sum = sum.wrapping_add(term);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{ScoreSum, TERMS, add_terms};
    use crate::index::Indices;
    use crate::kernel::Level;

    /// The number times 2⁶³, rounded to an even integer where it lies between two.
    fn places(x: f64) -> i128 {
        let (mantissa, exponent) =
            ((x.to_bits() & ((1 << 52) - 1)), (x.to_bits() >> 52 & 2047) as i32);
        let mantissa = i128::from(if exponent == 0 { mantissa } else { mantissa | 1 << 52 });
        let shift = exponent.max(1) - 1075 + 63;
        let magnitude = if shift >= 0 {
            mantissa << shift
        } else if shift < -60 {
            0
        } else {
            let (whole, rest) = (mantissa >> -shift, mantissa & ((1 << -shift) - 1));
            let half = 1_i128 << (-shift - 1);
            whole + i128::from(rest > half || rest == half && whole & 1 == 1)
        };
        if x < 0.0 { -magnitude } else { magnitude }
    }

    fn numbers() -> Vec<f64> {
        let mut state = 1_u64;
        let mut numbers =
            vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 524287.99999999994, 524288.0, 1e18];
        for i in 0..4000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let x = 1.0 + (state >> 12) as f64 / (1_u64 << 52) as f64;
            numbers.push(x * 2.0_f64.powi(i % 130 - 70));
            // Ties.
            numbers.push(((state >> 40) as f64 + 0.5) / 2.0_f64.powi(63));
        }
        let negative: Vec<f64> = numbers.iter().map(|x| -x).collect();
        numbers.extend(negative);
        numbers
    }

    #[test]
    fn a_term_is_rounded_to_the_nearest_multiple() {
        for x in numbers() {
            assert_eq!(ScoreSum::of(x).0, places(x) << 1, "{x:e}");
        }
    }

    #[test]
    fn terms_together_are_terms_one_by_one() {
        let entries = 7;
        for level in Level::available() {
            for opposite in [false, true] {
                for strange in [None, Some(f64::NAN), Some(f64::INFINITY), Some(1e19), Some(1e9)] {
                    let (mut sums, mut expected) = ([ScoreSum::ZERO; 7], [ScoreSum::ZERO; 7]);
                    for terms in numbers().as_chunks::<TERMS>().0 {
                        let mut terms = terms.map(|x| if x.abs() < 1e5 { x } else { 0.25 });
                        if let Some(strange) = strange {
                            terms[77] = strange;
                        }
                        let winners: [usize; TERMS] = std::array::from_fn(|i| i * i % entries);
                        let losers: [usize; TERMS] =
                            std::array::from_fn(|i| (i * i + 1 + i % 5) % entries);
                        let sides = (Indices::Usize(&winners), Indices::Usize(&losers));
                        add_terms(level, sides, 0..TERMS, &terms, opposite, &mut sums);
                        for i in 0..TERMS {
                            let term = ScoreSum::of(terms[i]);
                            expected[winners[i]] += term;
                            expected[losers[i]] += if opposite { term.negated() } else { term };
                        }
                    }
                    assert_eq!(sums, expected, "{level} {strange:?}");
                    let spoiled = expected.iter().filter(|sum| sum.is_nan()).count();
                    let is_number = strange.is_none_or(|x| x == 1e9);
                    assert_eq!(spoiled, if is_number { 0 } else { 2 });
                }
            }
        }
    }

    #[test]
    fn nan_stays() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0_f64.powi(62), -f64::MAX] {
            let mut sum = ScoreSum::of(x);
            assert!(sum.is_nan(), "{x}");
            for _ in 0..3 {
                sum += ScoreSum::of(-1.5);
                sum += sum;
                assert!(sum.is_nan() && sum.value().is_nan() && sum.negated().is_nan());
                assert_eq!(sum.value().to_bits(), f64::NAN.to_bits());
                assert!(ScoreSum::from_limbs(sum.to_limbs()).is_nan());
            }
        }
        // A sum that leaves the range.
        let large = ScoreSum::of(2.0_f64.powi(61));
        assert!(!large.is_nan() && large.merge(large).is_nan());
        let negative = ScoreSum::of(-2.0_f64.powi(61));
        assert!(negative.merge(negative).is_nan() && negative.merge(large) == ScoreSum::ZERO);
    }

    #[test]
    fn limbs_are_the_number() {
        for x in numbers() {
            let sum = ScoreSum::of(x);
            assert_eq!(ScoreSum::from_limbs(sum.to_limbs()), sum, "{x:e}");
        }
        let sum = ScoreSum::of(-0.3);
        let limbs = sum.to_limbs().map(|limb| limb * (1 << 20));
        assert_eq!(ScoreSum::from_limbs(limbs).value(), -0.3 * f64::from(1 << 20));
        for limbs in [[0, 0, i64::MAX, 0], [0, 0, i64::MIN, 0], [0, 0, 0, 7], [0, 0, 1 << 41, 0]] {
            assert!(ScoreSum::from_limbs(limbs).is_nan(), "{limbs:?}");
        }
    }
}
