//! Arithmetic with a guaranteed error.
//!
//! (a) A [`Real`] is an integer times a power of two, with a bound on the distance to the true value. Numbers
//!     read from floats have none: they are exact, and so are their sums, differences and products, however
//!     far their exponents are apart. Nothing overflows or underflows.
//! (b) Division and the transcendental functions take the number of *relative* bits that are wanted. They
//!     compute with more and state an error that covers every truncation on the way. The bound travels
//!     through later operations, so cancellation shows up as a larger bound, never as a wrong digit.
//! (c) Rounding to a format happens once, from all digits, and only when every value within the bound rounds
//!     alike. [`settle`] repeats a computation with more bits until it does.
//!     More than 10,240 bits are refused.
//! (d) Only integer arithmetic is taken from a library.

use crate::ulp::Format;
use dashu_int::ops::{BitTest, DivRem, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::LazyLock;

/// Working precisions [`settle`] tries in turn.
pub(crate) const LADDER: [u32; 4] = [192, 640, 2_560, 10_240];

/// Relative accuracy of a settled number: 2 to minus this.
const SETTLED_BITS: i64 = 128;

/// A number is only taken for zero or for a tie if it is known to 2^this.
const SNAPPING: i64 = -4_000;

/// Bound of a number about which nothing is known any more.
const UNKNOWN: i64 = 1 << 40;

/// Beyond ±2¹⁴ the exponential is not computed.
const EXP_LIMIT: i64 = 14;

/// What stands for e^−|x| there: e^−16384 < 2^−23637. Multiplied by any three finite f64 it still rounds to 0.
const EXP_NEGLIGIBLE: i64 = -23_700;

/// Digits of log 2 that are kept.
const LN_2_BITS: usize = 10_240 + 256;

/// log 2 in units of 2^−[`LN_2_BITS`], from 18·atanh(1/26) − 2·atanh(1/4801) + 8·atanh(1/8749).
static LN_2: LazyLock<IBig> = LazyLock::new(|| {
    let guard = 64;
    let bits = LN_2_BITS + guard;
    let sum = IBig::from(18) * atanh_inverse(26, bits) - IBig::from(2) * atanh_inverse(4801, bits)
        + IBig::from(8) * atanh_inverse(8749, bits);
    sum >> guard
});

/// A real number: `significand`·2^`exponent`, at most 2^`error` away from the true value (exact if `None`).
#[derive(Clone, Debug)]
pub struct Real {
    significand: IBig,
    exponent: i64,
    error: Option<i64>,
}

impl Real {
    /// Exactly zero.
    pub fn zero() -> Self {
        Self::exact(IBig::ZERO, 0)
    }

    /// Exactly one.
    pub fn one() -> Self {
        Self::from(1)
    }

    /// Exactly 2^n.
    pub fn power_of_two(n: i64) -> Self {
        Self::exact(IBig::ONE, n)
    }

    /// Exactly the given float.
    ///
    /// # Panics
    /// If it is NaN or infinite; [`Real::finite`] says `None` instead.
    pub fn new(x: f64) -> Self {
        Self::finite(x).expect("a finite number")
    }

    /// Exactly the given float, `None` for NaN and ±∞.
    pub fn finite(x: f64) -> Option<Self> {
        if !x.is_finite() {
            return None;
        }
        let biased = (x.to_bits() >> 52 & 0x7ff) as i64;
        let fraction = x.to_bits() & ((1 << 52) - 1);
        let magnitude = if biased == 0 { fraction } else { fraction | 1 << 52 };
        let zeros = if magnitude == 0 { 0 } else { magnitude.trailing_zeros() };
        let significand = IBig::from(magnitude >> zeros);
        let significand = if x < 0.0 { -significand } else { significand };
        Some(Self::exact(significand, biased.max(1) - 1075 + i64::from(zeros)))
    }

    fn exact(significand: IBig, exponent: i64) -> Self {
        Self { significand, exponent, error: None }
    }

    fn with_error(mut self, error: Option<i64>) -> Self {
        self.error = worse(self.error, error);
        self
    }

    /// Whether the number is known without any error.
    pub fn is_exact(&self) -> bool {
        self.error.is_none()
    }

    /// Whether the number is exactly zero.
    pub fn is_zero(&self) -> bool {
        self.is_exact() && self.significand.is_zero()
    }

    /// −1, 0 or 1, `None` when zero lies within the error.
    pub fn signum(&self) -> Option<i32> {
        self.compare(&Self::zero()).map(|order| order as i32)
    }

    /// Order of two numbers, `None` when the error bounds leave it open.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let difference = self - other;
        let order = difference.significand.cmp(&IBig::ZERO);
        if difference.is_exact() {
            return Some(order);
        }
        (!difference.may_be_zero()).then_some(order)
    }

    /// log₂ of the magnitude, rounded down (error not counted).
    ///
    /// # Panics
    /// If the number is zero.
    pub fn binade(&self) -> i64 {
        assert!(!self.significand.is_zero(), "zero has no binade");
        self.top() - 1
    }

    /// The magnitude is below 2^top and, unless zero, at least 2^(top−1).
    fn top(&self) -> i64 {
        if self.significand.is_zero() {
            -UNKNOWN
        } else {
            self.exponent + length(&self.significand)
        }
    }

    fn may_be_zero(&self) -> bool {
        self.error.map_or(self.significand.is_zero(), |error| error >= self.top() - 1)
    }

    /// The number times 2^n, exactly.
    pub fn scaled(&self, n: i64) -> Self {
        Self {
            significand: self.significand.clone(),
            exponent: self.exponent + n,
            error: self.error.map(|error| error + n),
        }
    }

    /// The magnitude.
    pub fn abs(&self) -> Self {
        if self.significand.sign() == Sign::Negative { -self } else { self.clone() }
    }

    /// self / divisor to `bits` relative bits; exact if the quotient has a finite binary expansion that
    /// short.
    ///
    /// # Panics
    /// If the divisor is exactly zero.
    pub fn divide(&self, divisor: &Self, bits: u32) -> Self {
        assert!(!divisor.is_zero(), "division by zero");
        if self.is_zero() {
            return Self::zero();
        }
        if divisor.may_be_zero() || divisor.error.is_some_and(|error| error > divisor.top() - 3) {
            return Self::zero().with_error(Some(UNKNOWN));
        }
        let wanted = i64::from(bits) + 2 + length(&divisor.significand) - length(&self.significand);
        let shift = wanted.max(0);
        let (quotient, rest) = (&self.significand << to_size(shift)).div_rem(&divisor.significand);
        let exponent = self.exponent - divisor.exponent - shift;
        let truncation = (!rest.is_zero()).then_some(exponent);
        let from_self = self.error.map(|error| error - divisor.top() + 2);
        let from_divisor = divisor.error.map(|error| error + self.top() - 2 * divisor.top() + 3);
        Self::exact(quotient, exponent)
            .with_error(truncation)
            .with_error(from_self)
            .with_error(from_divisor)
    }

    /// e^x to `bits` relative bits.
    ///
    /// For |x| ≥ 2¹⁴ the result is 2^±23700 with a small error, which has the right sign, is negligible
    /// beside (or overwhelms) every product of three finite f64 and says so, but is not e^x.
    pub fn exp(&self, bits: u32) -> Self {
        let result = if self.top() > EXP_LIMIT {
            beyond_exp(self)
        } else if self.top() < -16 {
            &Self::one() + &exp_m1_small(self, bits)
        } else {
            let (scaled, power, guarded) = exp_reduced(self, bits);
            let one = IBig::ONE << to_size(guarded);
            Self {
                significand: one + scaled,
                exponent: power - guarded,
                error: Some(power - guarded + 16),
            }
        };
        let amplification = result.top() + 2;
        self.carry(result, amplification)
    }

    /// e^x − 1 to `bits` relative bits, also where x is tiny.
    pub fn exp_m1(&self, bits: u32) -> Self {
        let result = if self.significand.is_zero() {
            Self::zero()
        } else if self.top() < -16 {
            exp_m1_small(self, bits)
        } else if self.top() > EXP_LIMIT {
            &beyond_exp(self) - &Self::one()
        } else {
            let (scaled, power, guarded) = exp_reduced(self, bits);
            let exp_m1 = Self {
                significand: scaled,
                exponent: power - guarded,
                error: Some(power - guarded + 16),
            };
            &exp_m1 + &(&Self::power_of_two(power) - &Self::one())
        };
        let amplification = result.top().max(0) + 3;
        self.carry(result, amplification)
    }

    /// log x to `bits` relative bits, also next to 1.
    ///
    /// # Panics
    /// If x ≤ 0.
    pub fn ln(&self, bits: u32) -> Self {
        (self - &Self::one()).ln_1p(bits)
    }

    /// log(1 + x) to `bits` relative bits, also where x is tiny.
    ///
    /// # Panics
    /// If x ≤ −1.
    pub fn ln_1p(&self, bits: u32) -> Self {
        let argument = &Self::exact(self.significand.clone(), self.exponent) + &Self::one();
        assert!(argument.significand > IBig::ZERO, "logarithm of a number that is not positive");
        let result = if self.significand.is_zero() {
            Self::zero()
        } else if self.top() < -16 {
            ln_1p_small(self, bits)
        } else {
            ln_reduced(&argument, bits)
        };
        match self.error {
            None => result,
            Some(error) if error <= argument.top() - 3 => {
                result.with_error(Some(error - argument.top() + 2))
            }
            Some(_) => result.with_error(Some(UNKNOWN)),
        }
    }

    /// Adds to a function value the effect of the argument's error, given log₂ of the derivative's bound.
    fn carry(&self, result: Self, amplification: i64) -> Self {
        match self.error {
            None => result,
            Some(error) if error < 0 => result.with_error(Some(error + amplification)),
            Some(_) => result.with_error(Some(UNKNOWN)),
        }
    }

    /// Cuts the significand to about `bits` bits and accounts for it.
    fn trimmed(&self, bits: i64) -> Self {
        let drop = length(&self.significand) - bits;
        if drop <= 0 {
            return self.clone();
        }
        let exponent = self.exponent + drop;
        Self {
            significand: &self.significand >> to_size(drop),
            exponent,
            error: worse(self.error, Some(exponent)),
        }
    }

    /// The nearest number of the format, ties to even, subnormal results and overflow to ±∞ included, rounded
    /// exactly once; `None` when the error bound leaves a choice. A result that rounds to zero keeps its
    /// sign.
    pub fn nearest<T: Format>(&self) -> Option<T> {
        let Some(error) = self.error else {
            return Some(self.midpoint());
        };
        if self.may_be_zero() {
            return None; // +0 or −0
        }
        let (low, high) = self.ends(error);
        let (low, high) = (low.midpoint::<T>(), high.midpoint::<T>());
        (low.bits() == high.bits()).then_some(low)
    }

    fn ends(&self, error: i64) -> (Self, Self) {
        let middle = Self::exact(self.significand.clone(), self.exponent);
        let radius = Self::power_of_two(error);
        (&middle - &radius, &middle + &radius)
    }

    /// The nearest number of the format, ties to even, without regard to the error.
    pub fn midpoint<T: Format>(&self) -> T {
        round(&self.significand, self.exponent)
    }

    /// The nearest f64, without regard to the error: for reports, never for a verdict.
    pub fn approximate(&self) -> f64 {
        self.midpoint()
    }

    /// Whether the relative error is below 2^−128 and the nearest f64 and f32 are decided.
    pub(crate) fn is_settled(&self) -> bool {
        let Some(error) = self.error else {
            return true;
        };
        error < self.top() - SETTLED_BITS
            && self.nearest::<f64>().is_some()
            && self.nearest::<f32>().is_some()
    }

    /// The number that a computation at the highest precision still could not tell this one from: zero, or
    /// the middle between two neighbours of a format.
    fn snapped(self) -> Self {
        let Some(error) = self.error else {
            return self;
        };
        assert!(error < SNAPPING, "all digits cancelled: error 2^{error}");
        let (low, high) = self.ends(error);
        if low.significand.sign() != high.significand.sign() || low.significand.is_zero() {
            return Self::zero();
        }
        for [low, high] in [
            [low.midpoint::<f64>(), high.midpoint::<f64>()],
            [f64::from(low.midpoint::<f32>()), f64::from(high.midpoint::<f32>())],
        ] {
            if low != high {
                return (&Self::new(low) + &Self::new(high)).scaled(-1);
            }
        }
        self
    }
}

/// Repeats `compute(bits)` with more bits until the result has a relative error below 2^−128 and rounds to
/// one f64 and one f32.
///
/// A result that 10,240 bits cannot tell from zero, or from the middle between two floats, is taken to be
/// exactly that: quotients of floats are rationals with far smaller denominators, and exponentials and
/// logarithms of them do not hit such points.
pub fn settle(compute: impl Fn(u32) -> Real) -> Real {
    let mut last = Real::zero();
    for bits in LADDER {
        last = compute(bits);
        if last.is_settled() {
            return last;
        }
    }
    last.snapped()
}

impl From<i64> for Real {
    fn from(n: i64) -> Self {
        Self::exact(IBig::from(n), 0)
    }
}

impl From<f32> for Real {
    /// # Panics
    /// If the number is NaN or infinite.
    fn from(x: f32) -> Self {
        Self::new(f64::from(x))
    }
}

impl From<f64> for Real {
    /// # Panics
    /// If the number is NaN or infinite.
    fn from(x: f64) -> Self {
        Self::new(x)
    }
}

impl Add for &Real {
    type Output = Real;
    fn add(self, other: &Real) -> Real {
        let error = worse(self.error, other.error);
        if self.significand.is_zero() || other.significand.is_zero() {
            let sum = if self.significand.is_zero() { other } else { self };
            return Real { error, ..sum.clone() };
        }
        let (low, high) =
            if self.exponent <= other.exponent { (self, other) } else { (other, self) };
        let raised = &high.significand << to_size(high.exponent - low.exponent);
        Real { significand: raised + &low.significand, exponent: low.exponent, error }
    }
}

impl Neg for &Real {
    type Output = Real;
    fn neg(self) -> Real {
        Real { significand: -&self.significand, ..self.clone() }
    }
}

impl Neg for Real {
    type Output = Real;
    fn neg(self) -> Real {
        -&self
    }
}

impl Sub for &Real {
    type Output = Real;
    fn sub(self, other: &Real) -> Real {
        self + &-other
    }
}

impl Mul for &Real {
    type Output = Real;
    fn mul(self, other: &Real) -> Real {
        if self.is_zero() || other.is_zero() {
            return Real::zero();
        }
        let product =
            Real::exact(&self.significand * &other.significand, self.exponent + other.exponent);
        product
            .with_error(other.error.map(|error| error + self.top()))
            .with_error(self.error.map(|error| error + other.top()))
            .with_error(self.error.zip(other.error).map(|(mine, theirs)| mine + theirs))
    }
}

macro_rules! owned_operators {
    ($($operator:ident $method:ident),*) => {$(
        impl $operator for Real {
            type Output = Real;
            fn $method(self, other: Real) -> Real {
                (&self).$method(&other)
            }
        }
        impl $operator<&Real> for Real {
            type Output = Real;
            fn $method(self, other: &Real) -> Real {
                (&self).$method(other)
            }
        }
        impl $operator<Real> for &Real {
            type Output = Real;
            fn $method(self, other: Real) -> Real {
                self.$method(&other)
            }
        }
    )*};
}
owned_operators!(Add add, Sub sub, Mul mul);

/// A bound for the sum of two errors.
fn worse(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b) + 1),
        (one, other) => one.or(other),
    }
}

fn length(significand: &IBig) -> i64 {
    significand.unsigned_abs().bit_len() as i64
}

fn to_size(shift: i64) -> usize {
    assert!(shift < 1 << 24, "exponents too far apart: 2^{shift}");
    usize::try_from(shift).expect("a shift to the left")
}

/// `significand`·2^`exponent` to the nearest number of the format, ties to even.
fn round<T: Format>(significand: &IBig, exponent: i64) -> T {
    let sign = if significand.sign() == Sign::Negative { 1u64 << (T::BITS - 1) } else { 0 };
    let magnitude: UBig = significand.unsigned_abs();
    let length = magnitude.bit_len() as i64;
    if length == 0 {
        return T::from_bits(0);
    }
    let precision = i64::from(T::PRECISION);
    let infinity =
        ((T::MAX_EXPONENT - T::MIN_EXPONENT - precision + 2) as u64) << (T::PRECISION - 1);
    if exponent + length > T::MAX_EXPONENT {
        return T::from_bits(sign | infinity);
    }
    // Exponent of the last place that the result keeps.
    let last = (exponent + length - precision).max(T::MIN_EXPONENT);
    let cut = last - exponent;
    let kept = if cut <= 0 {
        to_u64(&(magnitude << to_size(-cut)))
    } else if cut > length {
        0 // below half of the last place
    } else {
        let whole = to_u64(&(&magnitude >> to_size(cut)));
        let half = magnitude.bit(to_size(cut - 1));
        let beyond = magnitude.trailing_zeros().is_some_and(|zeros| (zeros as i64) < cut - 1);
        whole + u64::from(half && (beyond || whole & 1 == 1))
    };
    // The hidden bit of `kept` raises the exponent field by one, and so does a carry out of it: subnormal →
    // normal → ∞.
    let field = ((last - T::MIN_EXPONENT) as u64) << (T::PRECISION - 1);
    T::from_bits(sign | (field + kept))
}

fn to_u64(n: &UBig) -> u64 {
    u64::try_from(n).expect("at most 53 bits")
}

/// atanh(1/n) in units of 2^−bits, a few hundred units off at most.
fn atanh_inverse(n: u32, bits: usize) -> IBig {
    let square = IBig::from(n) * IBig::from(n);
    let mut power = (IBig::ONE << bits) / IBig::from(n);
    let mut sum = IBig::ZERO;
    let mut k = 1;
    while !power.is_zero() {
        sum += &power / IBig::from(k);
        power /= &square;
        k += 2;
    }
    sum
}

/// Multiplies fixed-point numbers with `bits` fraction bits.
fn times(a: &IBig, b: &IBig, bits: usize) -> IBig {
    (a * b) >> bits
}

/// The number as a fixed-point integer with `bits` fraction bits, rounded down.
fn fixed(x: &Real, bits: i64) -> IBig {
    let shift = x.exponent + bits;
    if shift >= 0 { &x.significand << to_size(shift) } else { &x.significand >> to_size(-shift) }
}

/// log 2 in fixed point, one unit off at most.
fn ln_2(bits: i64) -> IBig {
    assert!(to_size(bits) <= LN_2_BITS, "more than 10,240 bits asked for");
    &*LN_2 >> (LN_2_BITS - to_size(bits))
}

fn beyond_exp(x: &Real) -> Real {
    let power =
        if x.significand.sign() == Sign::Negative { EXP_NEGLIGIBLE } else { -EXP_NEGLIGIBLE };
    Real::power_of_two(power).with_error(Some(power - 2 * SETTLED_BITS))
}

/// e^x − 1 for |x| < 2^−16, as x·(1 + x/2! + x²/3! + …): the series is cut and truncated absolutely, the
/// product is relative.
fn exp_m1_small(x: &Real, bits: u32) -> Real {
    let guarded = i64::from(bits) + 32;
    let x = Real { error: None, ..x.clone() }.trimmed(guarded + 2);
    let scaled = fixed(&x, guarded);
    let mut term = IBig::ONE << to_size(guarded);
    let mut sum = term.clone();
    let mut n = 2;
    while term.significant() {
        term = times(&term, &scaled, to_size(guarded)) / IBig::from(n);
        sum += &term;
        n += 1;
    }
    // Two units a term, fewer than 2¹⁰ terms.
    &x * &Real { significand: sum, exponent: -guarded, error: Some(-guarded + 11) }
}

/// For 2^−17 ≤ |x| < 2¹⁴: (E, k, w) with e^x = (1 + E·2^−w)·2^k and E off by less than 2¹⁶ units, w ≥ bits +
/// 48.
fn exp_reduced(x: &Real, bits: u32) -> (IBig, i64, i64) {
    let guarded = i64::from(bits) + 48;
    let power = (x.approximate() * std::f64::consts::LOG2_E).round() as i64;
    let wide = guarded + 16; // so that power·log 2 is off by less than a unit
    let rest = fixed(x, wide) - IBig::from(power) * ln_2(wide);
    (exp_m1_fixed(&(rest >> 16usize), guarded), power, guarded)
}

/// e^r − 1 for |r| ≤ 0.7, fixed point with `bits` fraction bits, less than 2¹⁵ units off.
///
/// Taylor series of r/2^s with s more fraction bits, then s times e^(2r) − 1 = E·(E + 2).
fn exp_m1_fixed(r: &IBig, bits: i64) -> IBig {
    let halvings = (bits as f64).sqrt() as i64;
    let wide = to_size(bits + halvings); // r keeps its digits: the same integer is r/2^s
    let mut term = r.clone();
    let mut sum = r.clone();
    let mut n = 2;
    while term.significant() {
        term = times(&term, r, wide) / IBig::from(n);
        sum += &term;
        n += 1;
    }
    let two = IBig::ONE << (wide + 1);
    for _ in 0..halvings {
        let factor = &sum + &two;
        sum = times(&sum, &factor, wide);
    }
    sum >> to_size(halvings)
}

/// log(1 + u) for |u| < 2^−16, as 2·atanh(v) with v = u/(2 + u).
fn ln_1p_small(u: &Real, bits: u32) -> Real {
    let guarded = i64::from(bits) + 32;
    let u = Real { error: None, ..u.clone() }.trimmed(guarded + 2);
    let ratio = u.divide(&(&u + &Real::from(2)), bits + 32);
    let series = atanh_series(&fixed(&ratio, guarded), guarded);
    // Fewer than 2¹⁰ terms of two units; the factor 2 is the scaling.
    (&ratio * &Real { significand: series, exponent: -guarded, error: Some(-guarded + 12) })
        .scaled(1)
}

/// 1 + v²/3 + v⁴/5 + … in fixed point.
fn atanh_series(v: &IBig, bits: i64) -> IBig {
    let bits = to_size(bits);
    let square = times(v, v, bits);
    let mut power = IBig::ONE << bits;
    let mut sum = IBig::ZERO;
    let mut k = 1;
    while power.significant() {
        sum += &power / IBig::from(k);
        power = times(&power, &square, bits);
        k += 2;
    }
    sum
}

/// log a for a > 0 that is not within 2^−17 of 1.
///
/// a = m·2^k, y ≈ log m from the machine's logarithm, then log m = y + log(m·e^−y), where the last argument
/// is next to 1 whatever the quality of y.
fn ln_reduced(a: &Real, bits: u32) -> Real {
    let guarded = i64::from(bits) + 56;
    let mut power = a.top() - 1;
    if a.scaled(-power).approximate() >= 4.0 / 3.0 {
        power += 1;
    }
    let mantissa = a.scaled(-power);
    let start = IBig::from((mantissa.approximate().ln() * 2f64.powi(60)).round() as i64);
    let start = start << to_size(guarded - 60);
    let one = IBig::ONE << to_size(guarded);
    let corrected = times(
        &fixed(&mantissa, guarded),
        &(&one + exp_m1_fixed(&-&start, guarded)),
        to_size(guarded),
    );
    let u = &corrected - &one;
    let v = (&u << to_size(guarded)) / (&u + (one << 1usize));
    let atanh = times(&v, &atanh_series(&v, guarded), to_size(guarded));
    let wide = guarded + 16; // so that power·log 2 is off by less than a unit
    let whole = (IBig::from(power) * ln_2(wide)) >> 16usize;
    Real {
        significand: start + (atanh << 1usize) + whole,
        exponent: -guarded,
        error: Some(-guarded + 18),
    }
}

/// What ends a series: rounding down keeps a vanishing negative term at −1 for ever.
trait Significant {
    fn significant(&self) -> bool;
}

impl Significant for IBig {
    fn significant(&self) -> bool {
        !self.is_zero() && *self != IBig::NEG_ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    #[test]
    fn floats_survive_the_round_trip() {
        let mut random = SplitMix64::new(1);
        for _ in 0..20_000 {
            let (x, y) = (random.any_f64(), random.any_f32());
            assert_eq!(Real::new(x).nearest::<f64>().unwrap().to_bits(), x.to_bits());
            assert_eq!(Real::from(y).nearest::<f32>().unwrap().to_bits(), y.to_bits());
        }
        assert_eq!(Real::new(-0.0).nearest::<f64>().unwrap().to_bits(), 0);
        assert!(Real::finite(f64::NAN).is_none() && Real::finite(f64::NEG_INFINITY).is_none());
    }

    #[test]
    fn rounding_to_f32_agrees_with_the_machine() {
        let mut random = SplitMix64::new(2);
        let check = |x: f64| {
            assert_eq!(
                Real::new(x).nearest::<f32>().unwrap().to_bits(),
                (x as f32).to_bits(),
                "{x:e}"
            );
        };
        for _ in 0..20_000 {
            check(random.any_f64());
            check(random.log_uniform(-152.0, 130.0));
            // Next to every kind of tie: the f32 in front, its half-way point, one f64 either side.
            let y = f64::from(random.any_f32());
            let up = f64::from(f32::from_bits((y as f32).to_bits() + 1));
            let tie = if up.is_finite() { y + (up - y) / 2.0 } else { y };
            for offset in -1..=1 {
                check(f64::from_bits(tie.to_bits().wrapping_add_signed(offset)));
            }
        }
        for x in
            [2f64.powi(-150), 2f64.powi(-149), 2f64.powi(-126), 2f64.powi(128), f64::from(f32::MAX)]
        {
            for offset in -2..=2 {
                check(f64::from_bits(x.to_bits().wrapping_add_signed(offset)));
                check(-f64::from_bits(x.to_bits().wrapping_add_signed(offset)));
            }
        }
    }

    #[test]
    fn rounding_ties_to_even_in_every_range() {
        let two = Real::power_of_two;
        let tiny = two(-5000);
        // (value, expected) at exact ties; just above and just below them follow from ±2^−5000.
        let cases = [
            (two(-1075), 0.0, 0.0, f64::from_bits(1)),
            (two(-1075) + two(-1074), f64::from_bits(2), f64::from_bits(1), f64::from_bits(2)),
            (
                two(-1022) - two(-1075),
                f64::MIN_POSITIVE,
                f64::from_bits((1 << 52) - 1),
                f64::MIN_POSITIVE,
            ),
            (Real::one() + two(-53), 1.0, 1.0, 1.0 + f64::EPSILON),
            (Real::one() - two(-54), 1.0, 1.0 - f64::EPSILON / 2.0, 1.0),
            (two(1024) - two(970), f64::INFINITY, f64::MAX, f64::INFINITY),
            (two(53) + Real::one(), 9007199254740992.0, 9007199254740992.0, 9007199254740994.0),
        ];
        for (value, tie, below, above) in cases {
            for sign in [1.0, -1.0] {
                let value = if sign > 0.0 { value.clone() } else { -&value };
                let away = if sign > 0.0 { tiny.clone() } else { -&tiny };
                assert_eq!(value.nearest(), Some(sign * tie), "{value:?}");
                assert_eq!((&value - &away).nearest(), Some(sign * below), "{value:?}");
                assert_eq!((&value + &away).nearest(), Some(sign * above), "{value:?}");
            }
        }
        // A number that rounds to zero keeps its sign, exact zero is +0.
        assert_eq!((-&tiny).nearest::<f64>().unwrap().to_bits(), (-0.0f64).to_bits());
        assert_eq!((&tiny - &tiny).nearest::<f32>().unwrap().to_bits(), 0);
        assert_eq!(two(1024).nearest(), Some(f64::INFINITY));
        assert_eq!((-two(1_000_000)).nearest(), Some(f32::NEG_INFINITY));
    }

    #[test]
    fn twice_rounded_is_not_once_rounded() {
        // 1 + 2^−24 + 2^−60 is above the f32 tie; its nearest f64 is the tie itself, which goes down to 1.
        let x = Real::one() + Real::power_of_two(-24) + Real::power_of_two(-60);
        assert_eq!(x.nearest::<f64>().unwrap() as f32, 1.0);
        assert_eq!(x.nearest::<f32>(), Some(1.0 + f32::EPSILON));
    }

    #[test]
    fn an_open_rounding_is_not_answered() {
        let tie = Real::one() + Real::power_of_two(-53);
        assert_eq!(tie.clone().with_error(Some(-100)).nearest::<f64>(), None);
        assert_eq!(tie.clone().with_error(Some(-100)).nearest::<f32>(), Some(1.0));
        let above = (tie + Real::power_of_two(-90)).with_error(Some(-100));
        assert_eq!(above.nearest::<f64>(), Some(1.0 + f64::EPSILON));
        assert_eq!(Real::zero().with_error(Some(-2000)).nearest::<f64>(), None); // +0 or −0
        assert_eq!(Real::one().with_error(Some(UNKNOWN)).nearest::<f64>(), None);
    }

    #[test]
    #[should_panic(expected = "all digits cancelled")]
    fn a_lost_number_is_not_taken_for_zero() {
        let third = Real::one().divide(&Real::from(3), 64);
        let _ = settle(|bits| Real::one().divide(&(&third - &third), bits));
    }

    #[test]
    fn sums_and_products_agree_with_the_machine_when_rounded_once() {
        let mut random = SplitMix64::new(3);
        for _ in 0..20_000 {
            let (a, b) = (random.any_f64(), random.any_f64());
            let (c, d) = (random.log_uniform(-40.0, 40.0), random.log_uniform(-40.0, 40.0));
            for (a, b) in [(a, b), (c, d)] {
                let (x, y) = (Real::new(a), Real::new(b));
                assert_eq!((&x + &y).nearest(), Some(a + b));
                assert_eq!((&x - &y).nearest(), Some(a - b));
                assert_eq!((&x * &y).nearest(), Some(a * b), "{a:e} {b:e}");
                assert_eq!(settle(|bits| x.divide(&y, bits)).nearest(), Some(a / b), "{a:e} {b:e}");
                assert_eq!(x.compare(&y), a.partial_cmp(&b));
            }
        }
    }

    #[test]
    fn a_quotient_knows_whether_it_is_exact() {
        let ratio = |a: i64, b: i64| Real::from(a).divide(&Real::from(b), 64);
        assert!(ratio(3, 8).is_exact() && ratio(-7, 7).is_exact());
        assert!(!ratio(1, 3).is_exact());
        let settled = settle(|bits| Real::one().divide(&Real::from(3), bits) * Real::from(3));
        assert_eq!(settled.nearest(), Some(1.0));
    }

    /// The same value computed with 192 and with 1,000 bits must agree within the first one's bound.
    #[test]
    fn stated_errors_cover_the_truth() {
        let mut random = SplitMix64::new(4);
        let within = |coarse: Real, fine: Real| {
            let (Some(bound), Some(finer)) = (coarse.error, fine.error) else {
                return assert_eq!(coarse.compare(&fine), Some(Ordering::Equal));
            };
            assert!(finer < bound - 500);
            assert!(
                bound <= coarse.top() - 192,
                "fewer than 192 relative bits: {bound} {}",
                coarse.top()
            );
            let difference = Real { error: None, ..(&coarse - &fine) };
            assert!(difference.top() <= bound, "{} {bound}", difference.top());
        };
        for _ in 0..400 {
            for x in [
                random.log_uniform(-1074.0, 13.9),
                random.log_uniform(-20.0, 9.0),
                random.log_uniform(-18.0, -14.0),
            ] {
                let x = Real::new(x);
                within(x.exp(192), x.exp(1000));
                within(x.exp_m1(192), x.exp_m1(1000));
                within(x.abs().ln(192), x.abs().ln(1000));
                within(x.abs().ln_1p(192), x.abs().ln_1p(1000));
                if x.top() <= 0 {
                    within((-x.abs()).ln_1p(192), (-x.abs()).ln_1p(1000));
                }
                let y = Real::new(random.any_f64());
                if !x.divide(&y, 192).is_exact() {
                    within(x.divide(&y, 192), x.divide(&y, 1000));
                }
            }
        }
    }

    #[test]
    fn logarithm_and_exponential_undo_each_other() {
        let mut random = SplitMix64::new(5);
        for _ in 0..200 {
            for x in [random.log_uniform(-1000.0, 13.0), random.log_uniform(-18.0, 6.0)] {
                let x = Real::new(x);
                for back in [x.exp_m1(1500).ln_1p(1500), x.exp(1500).ln(1500)] {
                    let difference = Real { error: None, ..(&back - &x) };
                    assert!(difference.top() <= back.error.unwrap());
                    assert!(back.error.unwrap() < -300);
                }
            }
        }
    }

    #[test]
    fn published_digits() {
        // OEIS A001113 (e), A002162 (log 2), A002392 (log 10): 50 decimals.
        let cases = [
            (Real::one().exp(192), "271828182845904523536028747135266249775724709369995"),
            (Real::from(2).ln(192), "69314718055994530941723212145817656807550013436025"),
            (Real::from(10).ln(192), "230258509299404568401799145468436420760110148862877"),
        ];
        for (value, digits) in cases {
            let scaled = value * Real::exact(IBig::from(10).pow(50), 0);
            assert_eq!(fixed(&scaled, 0).to_string(), digits);
        }
    }

    #[test]
    fn errors_travel() {
        let third = Real::one().divide(&Real::from(3), 192);
        let error = third.error.unwrap();
        let same = |a: Real, b: Real| assert!((&a - &b).may_be_zero(), "{a:?} {b:?}");
        same(&third + &third, Real::from(2).divide(&Real::from(3), 400));
        same(&third * &third, Real::one().divide(&Real::from(9), 400));
        same(third.exp(192).ln(192), Real::one().divide(&Real::from(3), 400));
        assert!((&third + &third).error.unwrap() > error);
        assert!((&third - &third).signum().is_none());
        assert!(third.signum() == Some(1) && (-&third).signum() == Some(-1));
        // A divisor that may be zero gives no information, and says so.
        assert!(Real::one().divide(&(&third - &third), 192).nearest::<f64>().is_none());
    }

    #[test]
    fn beyond_the_exponent_limit() {
        let far = Real::new(1e300);
        assert_eq!((-&far).exp(192).nearest(), Some(0.0));
        assert_eq!(far.exp(192).nearest(), Some(f64::INFINITY));
        let product =
            (-&far).exp(192) * Real::new(f64::MAX) * Real::new(f64::MAX) * Real::new(f64::MAX);
        assert_eq!(product.nearest(), Some(0.0));
        // It still decides a tie.
        let tie = Real::one() + Real::power_of_two(-53) + (-&far).exp(192);
        assert_eq!(tie.nearest(), Some(1.0 + f64::EPSILON));
    }
}
