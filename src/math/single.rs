//! Working precision for scores of at most 32 bits: one `f64` a lane.
//!
//! No table, no branch, no fallback: every step is an operation that exists as one SIMD instruction.

use super::lanes::{Fma, Lanes, Mask, horner};
use super::{Precision, Working, sealed};
use core::f64::consts::LOG2_E;

/// The number whose addition leaves round(x) + 1023 in the low bits of the significand.
const SHIFTER: f64 = 6_755_399_441_055_744.0 + 1023.0;

/// From here on e^−x comes out as exactly 0.
const TAIL_END: f64 = 709.4;

/// Smaller numbers are not squared: beside 1 the squares are nothing, and as `f64` subnormals they would be slow.
const SQUARABLE: f64 = f64::from_bits((1023 - 250) << 52);

/// Largest argument of `exp`: beyond, the result is more than any format of at most 32 bits holds.
const EXP_END: f64 = 708.0;

/// 2^f on [−½, ½], degree 10, minimax with relative error 2⁻⁵².
///
/// The constant term is 2 units above 1: σ at odd multiples of 2⁻²³ or 2⁻²⁴ below 2⁻¹⁶ lies x³/48 from a
/// midpoint of two `f32`, nearer than an `f64` can tell, and this bias puts it on the right side.
const EXP2: [f64; 11] = [
    1.0000000000000004,
    0.693147180559952,
    0.24022650695909487,
    0.05550410866446075,
    0.009618129107921198,
    0.0013333558228325604,
    0.00015403530062259063,
    1.5252658230625122e-05,
    1.3215622903009893e-06,
    1.0208518951520676e-07,
    7.0430244679997025e-09,
];

/// The same of degree 8, with relative error 8.2·10⁻¹³ and exact at 0: 2⁻¹⁶ of the last place of 24 bits, for results
/// that are not promised to be correctly rounded.
const SHORT_EXP2: [f64; 9] = [
    1.0,
    0.6931471805482124,
    0.2402265069811059,
    0.055504109352660945,
    0.009618128616124516,
    0.0013333454860636734,
    0.00015403825462497904,
    1.53091561617658e-05,
    1.317893344193581e-06,
];

/// 2·atanh(q)/q in powers of q² on q ≤ 1/3, degree 9, minimax with relative error 2⁻⁵².
///
/// The second term is 15 units below the minimax one: together with the bias of [`EXP2`] that puts softplus at the two
/// `f32` nearest to a midpoint (0x398b9622, 0x3ad68ba7) on the right side, and no other on the wrong one.
const TWO_ATANH: [f64; 10] = [
    2.0,
    0.6666666666667791,
    0.399999999959642,
    0.28571429065107534,
    0.22222192604975308,
    0.18182821271476332,
    0.15364192672827323,
    0.13587179246299066,
    0.09898866579148091,
    0.17747339942148074,
];

/// f with |f| ≤ ½, and 2ᵏ, for f + k = x·`log2` of magnitude up to 1023.
#[inline(always)]
fn split<M: Fma, const U: usize>(x: Lanes<M, U>, log2: f64) -> (Lanes<M, U>, Lanes<M, U>) {
    let shifted = x.mul_add(Lanes::splat(log2), Lanes::splat(SHIFTER));
    let fraction = x.mul_add(Lanes::splat(log2), -(shifted - SHIFTER));
    (fraction, shifted.exponent_from_low_bits())
}

/// e^x for `log2` = log₂e, e^−x for −log₂e; |x| ≤ [`TAIL_END`].
#[inline(always)]
fn exp<M: Fma, const U: usize>(x: Lanes<M, U>, log2: f64) -> Lanes<M, U> {
    let (fraction, power) = split(x, log2);
    // Even and odd powers apart: two chains side by side.
    let square = fraction * fraction;
    let even = horner!(square, EXP2[10 8 6 4 2 0]);
    let odd = horner!(square, EXP2[9 7 5 3 1]);
    odd.mul_add(fraction, even) * power
}

/// The same with the short polynomial.
#[inline(always)]
fn short_exp<M: Fma, const U: usize>(x: Lanes<M, U>, log2: f64) -> Lanes<M, U> {
    let (fraction, power) = split(x, log2);
    horner!(fraction, SHORT_EXP2[8 7 6 5 4 3 2 1 0]) * power
}

impl<M, const U: usize> sealed::Sealed for Lanes<M, U> {}

impl<M: Fma, const U: usize> Working for Lanes<M, U> {
    type Mask = Mask<U>;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::splat(value)
    }

    #[inline(always)]
    fn constant_pair(high: f64, _low: f64) -> Self {
        Self::splat(high)
    }

    #[inline(always)]
    fn is_zero(self) -> Mask<U> {
        self.equals(Self::splat(0.0))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> Mask<U> {
        other.gt(self)
    }

    #[inline(always)]
    fn is_negative(self) -> Mask<U> {
        Self::splat(0.0).gt(self)
    }

    #[inline(always)]
    fn select(mask: Mask<U>, yes: Self, no: Self) -> Self {
        Lanes::choose(mask, yes, no)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.magnitude()
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let end = Self::splat(EXP_END);
        let clamped = Self::select(self.gt(end), end, self);
        let value = exp(Self::select(clamped.lt(-end), -end, clamped), LOG2_E);
        let value = Self::select(self.gt(end), Self::splat(f64::INFINITY), value);
        Self::select(self.lt(-end), Self::splat(0.0), value)
    }

    #[inline(always)]
    fn exp_neg_abs(self) -> Self {
        exp(self.magnitude().at_most(TAIL_END), -LOG2_E)
    }

    #[inline(always)]
    fn exp_neg_abs_short(self) -> Self {
        short_exp(self.magnitude().at_most(TAIL_END), -LOG2_E)
    }

    #[inline(always)]
    fn ln_1p_unit(self) -> Self {
        let q = self / (self + 2.0);
        let square = q.at_least(SQUARABLE);
        let square = square * square;
        let fourth = square * square;
        let even = horner!(fourth, TWO_ATANH[8 6 4 2 0]);
        let odd = horner!(fourth, TWO_ATANH[9 7 5 3 1]);
        q * odd.mul_add(square, even)
    }

    #[inline(always)]
    fn negative_part(self) -> Self {
        self.at_most(0.0)
    }

    #[inline(always)]
    fn add_same_sign(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn over_one_plus(self, t: Self) -> Self {
        self / (t + 1.0)
    }

    #[inline(always)]
    fn sigmoid_slope_from(t: Self) -> Self {
        let d = t + 1.0;
        t / (d * d)
    }

    #[inline(always)]
    fn drop_tail(self, t: Self) -> Self {
        t
    }
}

impl<M: Fma, const U: usize> Precision<M, U> for Lanes<M, U> {
    #[inline(always)]
    fn from_lanes(x: Lanes<M, U>) -> Self {
        x
    }

    #[inline(always)]
    fn to_parts(self) -> (Lanes<M, U>, Lanes<M, U>) {
        (self, Self::splat(0.0))
    }

    #[inline(always)]
    fn from_parts(high: Lanes<M, U>, _: Lanes<M, U>) -> Self {
        high
    }

    /// Exact unless the exponents are more than 29 apart; then the smaller score is below a quarter of the last
    /// place of any result.
    #[inline(always)]
    fn difference(chosen: Self, rejected: Self) -> Self {
        chosen - rejected
    }

    #[inline(always)]
    fn difference_with_margin(chosen: Self, rejected: Self, margin: Self) -> Self {
        let (difference, error) = chosen.two_sum(-rejected);
        let (sum, sum_error) = difference.two_sum(-margin);
        // An infinite score has an error term of ∞ − ∞.
        let correction = sum_error + error;
        sum + Self::select(sum.magnitude().lt(Self::splat(f64::INFINITY)), correction, sum)
    }

    #[inline(always)]
    fn zero_where_zero(self, w: Lanes<M, U>) -> Self {
        Self::select(w.is_zero(), Self::splat(0.0), self)
    }

    #[inline(always)]
    fn weighted(self, w: Lanes<M, U>) -> Self {
        Self::select(w.is_zero(), Self::splat(0.0), self * w)
    }

    #[inline(always)]
    fn leading(self) -> Lanes<M, U> {
        self
    }

    #[inline(always)]
    fn round(self) -> (Lanes<M, U>, Lanes<M, U>) {
        (self, Self::splat(0.0))
    }

    #[inline(always)]
    fn last_times(self, factor: (f64, f64)) -> Self {
        self * factor.0
    }

    #[inline(always)]
    fn unordered(self, _: Self) -> Mask<U> {
        Mask([false; U])
    }

    #[inline(always)]
    fn unordered_or_far(self, _: Self) -> Mask<U> {
        Mask([false; U])
    }

    #[inline(always)]
    fn doubtful(self, _: Self, _: Self) -> Mask<U> {
        Mask([false; U])
    }
}
