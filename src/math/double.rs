//! Working precision for `f64` scores: an unevaluated sum `high + low` a lane, about 100 bits for the four
//! operations and 64 for the elementary functions.
//!
//! (a) Branch-free over its *trusted range*; the elementary functions answer NaN outside of it, NaN passes through
//!     everything that uses it, and [`Precision::doubtful`] finds it at the end. So a formula composed of
//!     these operations, a user's own included, is never silently wrong near underflow or overflow.
//! (b) Doubtful results are computed again by [`Wide`](super::Wide), which shares the two kernels here:
//!     [`exp_reduced`] and [`ln_1p_unit`].
//! (c) Sums and products: Joldes, Muller & Popescu, *Tight and rigorous error bounds for basic building blocks of
//!     double-word arithmetic*, ACM TOMS 44(2), 2017. Relative errors at most 10·2⁻¹⁰⁶.

use super::lanes::{Fma, Lanes, Mask, horner};
use super::{Precision, Working, sealed};
use core::ops::{Add, Div, Mul, Neg, Sub};

/// An unevaluated sum of two `f64` in each of `U` lanes, |low| ≤ about half a unit in the last place of high.
pub struct Double<M, const U: usize> {
    pub(crate) high: Lanes<M, U>,
    pub(crate) low: Lanes<M, U>,
}

impl<M, const U: usize> Clone for Double<M, U> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, const U: usize> Copy for Double<M, U> {}

/// log 2 as a sum of two, the first rounded to nearest.
pub(crate) const LN_2: (f64, f64) =
    (f64::from_bits(0x3fe6_2e42_fefa_39ef), f64::from_bits(0x3c7a_bc9e_3b39_803f));

/// Arguments of magnitude up to here are trusted: e^−650 is far from the subnormals.
pub(crate) const TRUSTED: f64 = 650.0;

/// From here on e^−|x| is 0 even after multiplication by the largest weight and scale.
const TAIL_END: f64 = 3000.0;

/// Results and products below this magnitude may have lost low bits to underflow.
const TINY: f64 = f64::from_bits((1023 - 900) << 52);

const SHIFTER: f64 = 6_755_399_441_055_744.0 + 1023.0;

/// (e^r − 1 − r − r²/2)/r³ on |r| ≤ ½·log 2, degree 9; contributes 2⁻⁶¹ to e^r.
const EXP: [f64; 10] = floats([
    0x3fc5555555555556,
    0x3fa5555555555554,
    0x3f8111111111070d,
    0x3f56c16c16c179ff,
    0x3f2a01a01a900b31,
    0x3efa01a019c4c2c5,
    0x3ec71de0a4226b8c,
    0x3e927e4f833f99b4,
    0x3e5af3efb0300672,
    0x3e21f3e407f78e73,
]);

/// (2·atanh(s/2) − s)/s³ in powers of s², on |s| ≤ 0.231; contributes 2⁻⁶⁵.
const ATANH: [f64; 7] = floats([
    0x3fb5555555555555,
    0x3f89999999999eb6,
    0x3f624924923e6480,
    0x3f3c71c72e37244d,
    0x3f1745cbf695402e,
    0x3ef3b100f5e8ce50,
    0x3ed17f747d859632,
]);

/// Where log(1 + t) changes its centre from 0 to [`CENTRE`].
const FAR: f64 = 0.2578125;
const CENTRE: f64 = 0.5859375;
/// log(1 + CENTRE).
const LN_CENTRE: (f64, f64) =
    (f64::from_bits(0x3fdd_83e7_258a_2f3e), f64::from_bits(0x3c74_1456_e8bb_2511));

const fn floats<const N: usize>(bits: [u64; N]) -> [f64; N] {
    let mut out = [0.0; N];
    let mut i = 0;
    while i < N {
        out[i] = f64::from_bits(bits[i]);
        i += 1;
    }
    out
}

/// e^(high + low) for |high| ≤ ½·log 2 as a sum of two; relative error 2⁻⁵⁷.
///
/// Method: 1 + a + a²/2 is exact for the leading 25 bits a of the argument; what remains is small enough for `f64`.
#[inline(always)]
pub(crate) fn exp_reduced<M: Fma, const U: usize>(
    high: Lanes<M, U>,
    low: Lanes<M, U>,
) -> Double<M, U> {
    const ROUND_TO_25_BITS: f64 = 1.5 * 134_217_728.0;
    let r = high + low;
    let lead = (r + ROUND_TO_25_BITS) - ROUND_TO_25_BITS;
    let rest = (high - lead) + low;
    let half = Lanes::splat(0.5);
    let v = lead.mul_add(half, Lanes::splat(1.0));
    let exact = lead.mul_add(v, Lanes::splat(1.0));
    let b = r.mul_add(half, v);
    let square = r * r;
    // Pairs of coefficients first: five short chains instead of a long one.
    let q = horner!(r, EXP[9 8])
        .mul_add(square, horner!(r, EXP[7 6]))
        .mul_add(square, horner!(r, EXP[5 4]))
        .mul_add(square, horner!(r, EXP[3 2]))
        .mul_add(square, horner!(r, EXP[1 0]));
    let tail = (square * r).mul_add(q, rest * b);
    let (high, low) = exact.fast_two_sum(tail);
    Double { high, low }
}

/// log(1 + t) for 0 ≤ t ≤ 1; the sum high + low has relative error 2⁻⁵⁸.
///
/// Method: with n/d = (t − c)/(2 + c + t), log(1 + t) = log(1 + c) + 2·atanh(n/d); c is 0 or [`CENTRE`], the division
/// is corrected by its remainder; the series beyond its first term is small enough for `f64`.
#[inline(always)]
fn ln_1p_unit<M: Fma, const U: usize>(t: Double<M, U>) -> Double<M, U> {
    let lead = (t.high + 2.0) - 2.0;
    let rest = (t.high - lead) + t.low;
    let far = t.high.gt(Lanes::splat(FAR));
    let at = |yes: f64, no: f64| Lanes::choose(far, Lanes::splat(yes), Lanes::splat(no));
    let centre = at(CENTRE, 0.0);
    let log_high = at(LN_CENTRE.0, 0.0);
    let log_low = at(LN_CENTRE.1, 0.0);
    let n = t.high - centre;
    let d = at(2.0 + CENTRE, 2.0) + lead;
    let inverse = Lanes::splat(2.0) / d;
    let s = n * inverse;
    let half = Lanes::splat(0.5);
    let remainder = (-s).mul_add(d * half, n) + (-s).mul_add(rest * half, t.low);
    // Corrected by its remainder for the series as well: the cube would triple its error.
    let nearer = remainder.mul_add(inverse, s);
    let square = nearer * nearer;
    let fourth = square * square;
    let even = horner!(fourth, ATANH[6 4 2 0]);
    let odd = horner!(fourth, ATANH[5 3 1]);
    let series = odd.mul_add(square, even);
    let high = log_high + s;
    let low = (square * nearer).mul_add(series, remainder.mul_add(inverse, log_low))
        + (s - (high - log_high));
    Double { high, low }
}

impl<M: Fma, const U: usize> Lanes<M, U> {
    /// `self`, the product of a and b, or NaN where it may have lost bits: a later factor could bring it back.
    #[inline(always)]
    fn unless_underflow(self, a: Self, b: Self) -> Self {
        let zero = Self::splat(0.0);
        let plain = self.magnitude().gt(Self::splat(TINY));
        let exact = a.equals(zero).or(b.equals(zero));
        Self::choose(plain.or(exact), self, Self::splat(f64::NAN))
    }
}

impl<M: Fma, const U: usize> Double<M, U> {
    #[inline(always)]
    pub(crate) fn new(high: Lanes<M, U>, low: Lanes<M, U>) -> Self {
        Self { high, low }
    }

    #[inline(always)]
    pub(crate) fn splat(high: f64, low: f64) -> Self {
        Self { high: Lanes::splat(high), low: Lanes::splat(low) }
    }

    #[inline(always)]
    pub(crate) fn from_sum((high, low): (Lanes<M, U>, Lanes<M, U>)) -> Self {
        Self { high, low }
    }

    /// Brings |low| back to half a unit of high.
    #[inline(always)]
    pub(crate) fn normalized(self) -> Self {
        Self::from_sum(self.high.fast_two_sum(self.low))
    }

    /// The number rounded to one `f64`.
    #[inline(always)]
    pub(crate) fn nearest(self) -> Lanes<M, U> {
        self.high + self.low
    }

    #[inline(always)]
    fn plus_lanes(self, b: Lanes<M, U>) -> Self {
        let (high, error) = self.high.two_sum(b);
        Self::from_sum(high.fast_two_sum(error + self.low))
    }

    #[inline(always)]
    fn times_lanes(self, b: Lanes<M, U>) -> Self {
        let (high, error) = self.high.two_product(b);
        let high = high.unless_underflow(self.high, b);
        Self::from_sum(high.fast_two_sum(self.low.mul_add(b, error)))
    }
}

impl<M: Fma> Double<M, 1> {
    #[inline(always)]
    pub(crate) fn to_pair(self) -> (f64, f64) {
        (self.high.to_array()[0], self.low.to_array()[0])
    }
}

impl<M: Fma, const U: usize> Neg for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl<M: Fma, const U: usize> Add for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        let (high, high_error) = self.high.two_sum(b.high);
        let (low, low_error) = self.low.two_sum(b.low);
        let (high, rest) = high.fast_two_sum(high_error + low);
        Self::from_sum(high.fast_two_sum(low_error + rest))
    }
}

impl<M: Fma, const U: usize> Sub for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self + (-b)
    }
}

impl<M: Fma, const U: usize> Mul for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        let (high, error) = self.high.two_product(b.high);
        let high = high.unless_underflow(self.high, b.high);
        let low = self.low.mul_add(b.high, self.high.mul_add(b.low, self.low * b.low));
        Self::from_sum(high.fast_two_sum(error + low))
    }
}

impl<M: Fma, const U: usize> Div for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        let q = self.high / b.high;
        let remainder = self - b.times_lanes(q);
        Self::from_sum(q.fast_two_sum(remainder.high / b.high))
    }
}

impl<M: Fma, const U: usize> Add<f64> for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: f64) -> Self {
        self.plus_lanes(Lanes::splat(b))
    }
}

impl<M: Fma, const U: usize> Sub<f64> for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: f64) -> Self {
        self.plus_lanes(Lanes::splat(-b))
    }
}

impl<M: Fma, const U: usize> Mul<f64> for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: f64) -> Self {
        self.times_lanes(Lanes::splat(b))
    }
}

impl<M: Fma, const U: usize> Div<f64> for Double<M, U> {
    type Output = Self;
    #[inline(always)]
    fn div(self, b: f64) -> Self {
        self / Self::splat(b, 0.0)
    }
}

impl<M, const U: usize> sealed::Sealed for Double<M, U> {}

impl<M: Fma, const U: usize> Working for Double<M, U> {
    type Mask = Mask<U>;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::splat(value, 0.0)
    }

    #[inline(always)]
    fn constant_pair(high: f64, low: f64) -> Self {
        Self::splat(high, low)
    }

    #[inline(always)]
    fn is_zero(self) -> Mask<U> {
        self.high.equals(Lanes::splat(0.0))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> Mask<U> {
        let difference = self - other;
        Lanes::splat(0.0).gt(difference.high)
    }

    /// The sign is that of the high part, which saves a subtraction.
    #[inline(always)]
    fn is_negative(self) -> Mask<U> {
        Lanes::splat(0.0).gt(self.high)
    }

    #[inline(always)]
    fn select(mask: Mask<U>, yes: Self, no: Self) -> Self {
        Self {
            high: Lanes::choose(mask, yes.high, no.high),
            low: Lanes::choose(mask, yes.low, no.low),
        }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self { high: self.high.magnitude(), low: self.low.xor_sign(self.high) }
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let shifted =
            self.high.mul_add(Lanes::splat(core::f64::consts::LOG2_E), Lanes::splat(SHIFTER));
        let k = shifted - SHIFTER;
        let high = (-k).mul_add(Lanes::splat(LN_2.0), self.high);
        let low = (-k).mul_add(Lanes::splat(LN_2.1), self.low);
        let value = exp_reduced(high, low);
        let power = shifted.exponent_from_low_bits();
        let trusted = Lanes::splat(TRUSTED).gt(self.high.magnitude());
        Self {
            high: Lanes::choose(trusted, value.high * power, Lanes::splat(f64::NAN)),
            low: value.low * power,
        }
    }

    #[inline(always)]
    fn exp_neg_abs(self) -> Self {
        let a = self.abs();
        let t = (-a).exp();
        let gone = a.high.gt(Lanes::splat(TAIL_END));
        Self::select(gone, Self::splat(0.0, 0.0), t)
    }

    #[inline(always)]
    fn ln_1p_unit(self) -> Self {
        ln_1p_unit(self)
    }

    #[inline(always)]
    fn add_same_sign(self, other: Self) -> Self {
        let (high, error) = self.high.two_sum(other.high);
        Self { high, low: (error + self.low) + other.low }
    }

    /// The quotient is corrected by its remainder.
    #[inline(always)]
    fn over_one_plus(self, t: Self) -> Self {
        let lead = (t.high + 2.0) - 2.0;
        let rest = (t.high - lead) + t.low;
        let d = lead + 1.0;
        let inverse = Lanes::splat(1.0) / d;
        let q = self.high * inverse;
        let remainder = (-q).mul_add(d, self.high) + (-q).mul_add(rest, self.low);
        Self { high: q, low: remainder * inverse }
    }

    #[inline(always)]
    fn sigmoid_slope_from(t: Self) -> Self {
        t.over_one_plus(t).over_one_plus(t)
    }

    #[inline(always)]
    fn drop_tail(self, t: Self) -> Self {
        Self::select(self.high.gt(Lanes::splat(TRUSTED - 1.0)), Self::splat(0.0, 0.0), t)
    }
}

impl<M: Fma, const U: usize> Precision<M, U> for Double<M, U> {
    #[inline(always)]
    fn from_lanes(x: Lanes<M, U>) -> Self {
        Self { high: x, low: Lanes::splat(0.0) }
    }

    /// x − x is 0, or NaN where x is infinite.
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn from_score(x: Lanes<M, U>) -> Self {
        Self { high: x, low: x - x }
    }

    #[inline(always)]
    fn to_parts(self) -> (Lanes<M, U>, Lanes<M, U>) {
        (self.high, self.low)
    }

    #[inline(always)]
    fn from_parts(high: Lanes<M, U>, low: Lanes<M, U>) -> Self {
        Self { high, low }
    }

    #[inline(always)]
    fn difference(chosen: Lanes<M, U>, rejected: Lanes<M, U>) -> Self {
        Self::from_sum(chosen.two_sum(-rejected))
    }

    #[inline(always)]
    fn difference_with_margin(
        chosen: Lanes<M, U>,
        rejected: Lanes<M, U>,
        margin: Lanes<M, U>,
    ) -> Self {
        Self::difference(chosen, rejected).plus_lanes(-margin)
    }

    #[inline(always)]
    fn zero_where_zero(self, w: Lanes<M, U>) -> Self {
        Self::select(w.is_zero(), Self::splat(0.0, 0.0), self)
    }

    #[inline(always)]
    fn weighted(self, w: Lanes<M, U>) -> Self {
        Self::select(w.is_zero(), Self::splat(0.0, 0.0), self.times_lanes(w))
    }

    #[inline(always)]
    fn leading(self) -> Lanes<M, U> {
        self.high
    }

    #[inline(always)]
    fn round(self) -> (Lanes<M, U>, Lanes<M, U>) {
        let value = self.nearest();
        (value, (self.high - value) + self.low)
    }

    #[inline(always)]
    fn last_times(self, factor: (f64, f64)) -> Self {
        let (high, error) = self.high.two_product(Lanes::splat(factor.0));
        let low = self
            .low
            .mul_add(Lanes::splat(factor.0), self.high.mul_add(Lanes::splat(factor.1), error));
        Self { high, low }
    }

    /// 2⁶⁰·e^−800 is below 2⁻¹⁰⁹⁴.
    #[inline(always)]
    fn without_far_tail(self, tail: Self) -> Self {
        let far = self.high.magnitude().gt(Lanes::splat(800.0));
        Self::select(far, Self::splat(0.0, 0.0), tail)
    }

    #[inline(always)]
    fn unordered(self, other: Self) -> Mask<U> {
        self.high.unordered(other.high)
    }

    #[inline(always)]
    fn unordered_or_far(self, margin: Self) -> Mask<U> {
        self.high.unordered(margin.low)
    }

    #[inline(always)]
    fn doubtful(self, before: Self, margin: Self) -> Mask<U> {
        let value = self.high.magnitude();
        // NaN, or infinite, where one of them is.
        let size = value + margin.high.magnitude();
        let finite = Lanes::splat(f64::INFINITY).gt(size);
        let plain = value.gt(Lanes::splat(TINY)).or(before.high.equals(Lanes::splat(0.0)));
        finite.and(plain).not()
    }
}
