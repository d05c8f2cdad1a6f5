//! The careful working precision behind [`Double`]: the same numbers with an unbounded exponent.
//!
//! (a) `significand · 2^exponent` with 1 ≤ |significand| < 2, or a significand of 0, ±∞ or NaN. Nothing inside a
//!     formula underflows or overflows; the one rounding at the end meets subnormals and overflow.
//! (b) Branches freely: it serves the few results that [`Double`] doubts, never a loop.
//! (c) What a sum is too large to hold is kept beside it: another number may cancel the large part.
//! (d) Shares the kernels e^r and log(1 + t) with [`Double`], so that there is one formula for each.

use super::double::{Double, LN_2, exp_reduced};
use super::lanes::{Fma, Lanes, Mask};
use super::{Precision, Working, sealed};
use core::ops::{Add, Div, Mul, Neg, Sub};

/// A number of about 100 bits with an unbounded exponent, and what is too small to be among them.
pub struct Wide<M> {
    significand: Double<M, 1>,
    exponent: i64,
    /// A significand and an exponent more than [`GAP`] below, or 0; where `significand` is 0, so is this.
    far: (Double<M, 1>, i64),
}

impl<M> Clone for Wide<M> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Wide<M> {}

/// log 2 − `LN_2.0` − `LN_2.1`.
const LN_2_REST: f64 = 5.707708438416212e-34;

/// Beyond this magnitude e^x is 0 or ∞ for every purpose: no product with weights and scales brings it back.
const EXP_END: f64 = 1e6;

/// Exponents up to so far apart share a significand.
const GAP: i64 = 250;

/// 2^k for −1022 ≤ k ≤ 1023.
#[inline]
fn power_of_two(k: i64) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

impl<M: Fma> Wide<M> {
    fn new(significand: Double<M, 1>, exponent: i64) -> Self {
        let [high] = significand.high.to_array();
        if high == 0.0 || !high.is_finite() {
            return Self::near(Double::new(significand.high, Lanes::splat(0.0)), 0);
        }
        if high.abs() < f64::MIN_POSITIVE {
            // A subnormal score, exact after scaling.
            let up = power_of_two(1000);
            return Self::new(
                Double::new(significand.high * up, significand.low * up),
                exponent - 1000,
            );
        }
        let k = ((high.to_bits() >> 52) & 0x7ff) as i64 - 1023;
        // 2^−k for k = 1023 is subnormal: two factors.
        let (first, second) = (power_of_two(-(k / 2)), power_of_two(-(k - k / 2)));
        let scaled =
            Double::new(significand.high * first * second, significand.low * first * second);
        Self::near(scaled.normalized(), exponent + k)
    }

    fn near(significand: Double<M, 1>, exponent: i64) -> Self {
        Self { significand, exponent, far: (Double::splat(0.0, 0.0), 0) }
    }

    fn head(self) -> Self {
        Self::near(self.significand, self.exponent)
    }

    fn rest(self) -> Self {
        Self::near(self.far.0, self.far.1)
    }

    fn has_rest(self) -> bool {
        self.far.0.high.to_array()[0] != 0.0
    }

    /// A head and a number that is far below it.
    fn with_rest(self, rest: Self) -> Self {
        Self { far: (rest.significand, rest.exponent), ..self }
    }

    /// The sum of two heads.
    fn plus(self, b: Self) -> Self {
        let (a, b) = (self.head(), b.head());
        if a.is_zero() && b.is_zero() {
            return Self::from_f64(a.high() + b.high());
        }
        if b.is_zero() {
            return a;
        }
        if a.is_zero() {
            return b;
        }
        let (large, small) = if a.exponent < b.exponent { (b, a) } else { (a, b) };
        let gap = large.exponent - small.exponent;
        if gap > GAP {
            return large.with_rest(small);
        }
        let power = Lanes::splat(power_of_two(-gap));
        let small = Double::new(small.significand.high * power, small.significand.low * power);
        Self::new(large.significand + small, large.exponent)
    }

    fn from_f64(x: f64) -> Self {
        Self::new(Double::splat(x, 0.0), 0)
    }

    fn high(self) -> f64 {
        self.significand.high.to_array()[0]
    }

    fn low(self) -> f64 {
        self.significand.low.to_array()[0]
    }

    pub(crate) fn exponent(self) -> i64 {
        self.exponent
    }

    pub(crate) fn times_power_of_two(self, k: i64) -> Self {
        let far = (self.far.0, self.far.1 + k);
        Self { significand: self.significand, exponent: self.exponent + k, far }
    }

    pub(crate) fn ln_2() -> Self {
        Self::new(Double::splat(LN_2.0, LN_2.1), 0)
    }

    fn is_finite(self) -> bool {
        self.high().is_finite()
    }

    /// The significand as an `f64` sum with the exponent applied, for exponents well inside the range.
    fn to_double(self) -> Double<M, 1> {
        let power = Lanes::splat(power_of_two(self.exponent));
        Double::new(self.significand.high * power, self.significand.low * power)
    }

    /// The nearest `f64`, ties to even, rounded once: subnormal results and overflow included.
    pub(crate) fn to_f64(self) -> f64 {
        let (high, low) = (self.high(), self.low());
        if high == 0.0 || !high.is_finite() {
            return high;
        }
        if self.exponent > 1024 {
            return f64::INFINITY.copysign(high);
        }
        if self.exponent >= -1021 {
            // Round first: the scaling is exact, or overflows as it should.
            let first = self.exponent / 2;
            return (high + low) * power_of_two(first) * power_of_two(self.exponent - first);
        }
        // The last place is 2⁻¹⁰⁷⁴. An integer significand with nine guard bits, the last one sticky, is rounded there.
        let shift = 9 + (-1022 - self.exponent);
        if shift > 63 {
            return 0.0_f64.copysign(high);
        }
        let magnitude = (high.to_bits() & ((1 << 52) - 1)) | (1 << 52);
        let low = if high < 0.0 { -low } else { low } * power_of_two(61);
        let truncated = low as i64;
        let floor = truncated - i64::from(truncated as f64 > low);
        let sticky = i64::from(floor as f64 != low);
        let extended = (((magnitude as i64) << 9) + floor) | sticky;
        let kept = extended >> shift;
        let remainder = extended - (kept << shift);
        let half = 1_i64 << (shift - 1);
        let up = remainder > half || (remainder == half && kept & 1 == 1);
        // A count of units of 2⁻¹⁰⁷⁴ is its own bit pattern, up to and including 2⁵³.
        f64::from_bits((kept + i64::from(up)) as u64).copysign(high)
    }
}

impl<M: Fma> Neg for Wide<M> {
    type Output = Self;
    fn neg(self) -> Self {
        let far = (-self.far.0, self.far.1);
        Self { significand: -self.significand, exponent: self.exponent, far }
    }
}

impl<M: Fma> Add for Wide<M> {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        if !self.is_finite() || !b.is_finite() {
            return Self::from_f64(self.high() + b.high());
        }
        let sum = self.plus(b);
        if !(self.has_rest() || b.has_rest()) {
            return sum;
        }
        let rest = self.rest().plus(b.rest()).plus(sum.rest());
        sum.plus(rest)
    }
}

impl<M: Fma> Sub for Wide<M> {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        self + (-b)
    }
}

impl<M: Fma> Mul for Wide<M> {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        if !self.is_finite() || !b.is_finite() || self.high() == 0.0 || b.high() == 0.0 {
            return Self::from_f64(self.high() * b.high());
        }
        let product = Self::new(self.significand * b.significand, self.exponent + b.exponent);
        if !(self.has_rest() || b.has_rest()) {
            return product;
        }
        product + (self.rest() * b.head() + self.head() * b.rest())
    }
}

impl<M: Fma> Div for Wide<M> {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        if !self.is_finite() || !b.is_finite() || self.high() == 0.0 || b.high() == 0.0 {
            return Self::from_f64(self.high() / b.high());
        }
        let quotient = Self::new(self.significand / b.significand, self.exponent - b.exponent);
        if self.has_rest() { quotient + self.rest() / b } else { quotient }
    }
}

impl<M: Fma> Add<f64> for Wide<M> {
    type Output = Self;
    fn add(self, b: f64) -> Self {
        self + Self::from_f64(b)
    }
}

impl<M: Fma> Sub<f64> for Wide<M> {
    type Output = Self;
    fn sub(self, b: f64) -> Self {
        self - Self::from_f64(b)
    }
}

impl<M: Fma> Mul<f64> for Wide<M> {
    type Output = Self;
    fn mul(self, b: f64) -> Self {
        self * Self::from_f64(b)
    }
}

impl<M: Fma> Div<f64> for Wide<M> {
    type Output = Self;
    fn div(self, b: f64) -> Self {
        self / Self::from_f64(b)
    }
}

impl<M> sealed::Sealed for Wide<M> {}

impl<M: Fma> Working for Wide<M> {
    type Mask = bool;

    fn constant(value: f64) -> Self {
        Self::from_f64(value)
    }

    fn constant_pair(high: f64, low: f64) -> Self {
        Self::new(Double::splat(high, low), 0)
    }

    fn is_zero(self) -> bool {
        self.high() == 0.0
    }

    fn lt(self, other: Self) -> bool {
        (self - other).high() < 0.0
    }

    fn is_negative(self) -> bool {
        self.high() < 0.0
    }

    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    fn abs(self) -> Self {
        if self.high().is_sign_negative() { -self } else { self }
    }

    fn exp(self) -> Self {
        let x = self.to_f64();
        if x.is_nan() || x.abs() > EXP_END {
            let end = if x > 0.0 { f64::INFINITY } else { 0.0 };
            return Self::from_f64(if x.is_nan() { x } else { end });
        }
        if self.exponent < -120 {
            // Without what is too small beside 1: the difference of two such is 0 in the other precision too.
            return (self.head() + 1.0).head();
        }
        let argument = self.to_double();
        let scaled = x * core::f64::consts::LOG2_E;
        let k = (scaled + 0.5_f64.copysign(x)) as i64;
        let factor = Lanes::splat(-(k as f64));
        let reduced = argument
            + Double::from_sum(factor.two_product(Lanes::splat(LN_2.0)))
            + Double::from_sum(factor.two_product(Lanes::splat(LN_2.1)))
            + Double::from_sum(factor.two_product(Lanes::splat(LN_2_REST)));
        Self::new(exp_reduced(reduced.high, reduced.low), k)
    }

    fn exp_neg_abs(self) -> Self {
        (-self.abs()).exp()
    }

    fn ln_1p_unit(self) -> Self {
        if !self.is_finite() || self.high() == 0.0 {
            return self;
        }
        if self.exponent < -60 {
            // t − t²/2; the next term is 2⁻¹²⁰ of t.
            return self - self * self * 0.5;
        }
        Self::new(self.to_double().ln_1p_unit(), 0)
    }

    fn add_same_sign(self, other: Self) -> Self {
        self + other
    }

    fn over_one_plus(self, t: Self) -> Self {
        self / (t + 1.0)
    }

    fn sigmoid_slope_from(t: Self) -> Self {
        t.over_one_plus(t).over_one_plus(t)
    }

    fn drop_tail(self, t: Self) -> Self {
        t
    }
}

impl<M: Fma> Precision<M, 1> for Wide<M> {
    fn from_lanes(x: Lanes<M, 1>) -> Self {
        Self::from_f64(x.to_array()[0])
    }

    fn to_parts(self) -> (Lanes<M, 1>, Lanes<M, 1>) {
        (self.leading(), Lanes::splat(0.0))
    }

    fn from_parts(high: Lanes<M, 1>, low: Lanes<M, 1>) -> Self {
        Self::from_lanes(high) + Self::from_lanes(low)
    }

    fn difference(chosen: Lanes<M, 1>, rejected: Lanes<M, 1>) -> Self {
        Self::from_lanes(chosen) - Self::from_lanes(rejected)
    }

    fn difference_with_margin(
        chosen: Lanes<M, 1>,
        rejected: Lanes<M, 1>,
        margin: Lanes<M, 1>,
    ) -> Self {
        Self::difference(chosen, rejected) - Self::from_lanes(margin)
    }

    fn zero_where_zero(self, w: Lanes<M, 1>) -> Self {
        if w.to_array()[0] == 0.0 { Self::from_f64(0.0) } else { self }
    }

    fn weighted(self, w: Lanes<M, 1>) -> Self {
        (self * Self::from_lanes(w)).zero_where_zero(w)
    }

    fn leading(self) -> Lanes<M, 1> {
        Lanes::splat(self.to_f64())
    }

    fn round(self) -> (Lanes<M, 1>, Lanes<M, 1>) {
        (Lanes::splat(self.to_f64()), Lanes::splat(0.0))
    }

    fn last_times(self, factor: (f64, f64)) -> Self {
        self * Self::constant_pair(factor.0, factor.1)
    }

    fn unordered(self, _: Self) -> Mask<1> {
        Mask([false])
    }

    fn unordered_or_far(self, _: Self) -> Mask<1> {
        Mask([false])
    }

    fn doubtful(self, _: Self, _: Self) -> Mask<1> {
        Mask([false])
    }
}
