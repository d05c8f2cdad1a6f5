//! Logarithms of arguments outside of [0, 1], for scalars: the logit, and the end of a product of factors.

use super::double::{Double, LN_2};
use super::lanes::{Fma, Lanes};
use super::wide::Wide;
use super::{Precision, Working};

/// From here on up, and to the reciprocal, [`Double`] keeps all its bits in the formulas below.
const SMALL: f64 = f64::from_bits((1023 - 880) << 52);

/// log(p/(1 − p)) for 0 ≤ p ≤ 1, NaN outside, rounded once to `f64`.
///
/// Method: by symmetry for a = max(p, 1 − p), b = min(p, 1 − p), both exact. With 2ᵏ such that b·2ᵏ is in
/// (a/2, a], log(a/b) = k·log 2 + log(1 + t), t = (a − b·2ᵏ)/(b·2ᵏ) in [0, 1]. No term cancels another, and near
/// p = ½ t keeps its relative precision.
///
/// Accuracy: relative error 2⁻⁵⁸ before the rounding.
pub(crate) fn logit<M: Fma>(p: f64) -> f64 {
    if !(SMALL..1.0).contains(&p) {
        return careful_logit::<M>(p);
    }
    let p_pair = Double::<M, 1>::splat(p, 0.0);
    let complement = Double::splat(1.0, 0.0) - p;
    let (a, b) = if p > 0.5 { (p_pair, complement) } else { (complement, p_pair) };
    let (a_high, b_high) = (a.to_pair().0, b.to_pair().0);
    // The quotient of the powers of two below a and b, or half of it.
    let power = |x: f64| f64::from_bits(x.to_bits() & (0x7ff << 52));
    let scale = power(a_high) / power(b_high);
    let scale = if a_high < b_high * scale { scale * 0.5 } else { scale };
    let k = ((scale.to_bits() >> 52) as i64 - 1023) as f64;
    let b = b * scale;
    let log = ((a - b) / b).ln_1p_unit();
    // The larger term first: k·log 2, or nothing.
    let log = if k == 0.0 { log } else { log + Double::splat(LN_2.0, LN_2.1) * k };
    let (high, low) = log.to_pair();
    if p > 0.5 { high + low } else { -(high + low) }
}

/// The same where [`Double`] does not reach.
#[cold]
fn careful_logit<M: Fma>(p: f64) -> f64 {
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    let p = Wide::from_lanes(Lanes::<M, 1>::splat(p));
    let complement = Wide::constant(1.0) - p;
    let mut k = complement.exponent() - p.exponent();
    if complement.lt(p.times_power_of_two(k)) {
        k -= 1;
    }
    let p = p.times_power_of_two(k);
    let log = ((complement - p) / p).ln_1p_unit() + Wide::ln_2() * k as f64;
    (-log).to_f64()
}

/// a/(a + b) for 0 ≤ a, b ≤ ∞, rounded once to `f64`; NaN where both are 0 or both infinite, or one is negative or NaN.
pub(crate) fn share<M: Fma>(a: f64, b: f64) -> f64 {
    let plain = SMALL..SMALL.recip();
    // The quotient must not be small either.
    if !(plain.contains(&a) && plain.contains(&b) && a * SMALL.recip() > b) {
        return careful_share::<M>(a, b);
    }
    let [a, b] = [a, b].map(|x| Double::<M, 1>::splat(x, 0.0));
    let (high, low) = (a / (a + b)).to_pair();
    high + low
}

/// The same where [`Double`] does not reach.
#[cold]
fn careful_share<M: Fma>(a: f64, b: f64) -> f64 {
    if !(a >= 0.0 && b >= 0.0) || a == b && (a == 0.0 || a == f64::INFINITY) {
        return f64::NAN;
    }
    if a == f64::INFINITY || b == f64::INFINITY {
        return if a > b { 1.0 } else { 0.0 };
    }
    let [a, b] = [a, b].map(|x| Wide::from_lanes(Lanes::<M, 1>::splat(x)));
    (a / (a + b)).to_f64()
}

/// log(1 + x + low) for 0 ≤ x < 2¹⁰²³ and a low that is small beside it, as a sum of two; relative error 2⁻⁵⁷. No branch,
/// so that a loop around it becomes SIMD.
#[inline(always)]
pub(crate) fn ln_1p_pair<M: Fma>(x: f64, low: f64) -> (f64, f64) {
    const FRACTION: u64 = (1 << 52) - 1;
    let lanes = Lanes::<M, 1>::splat;
    let (whole, rest) = lanes(1.0).two_sum(lanes(x));
    let rest = rest + low;
    let bits = whole.to_f64().to_bits();
    // The exponent, put into the low bits of a float; and the power of two that brings the number to [1, 2).
    let exponent = f64::from_bits((bits >> 52) | (1075 << 52)) - (4_503_599_627_370_496.0 + 1023.0);
    let scale = f64::from_bits((2046 << 52) - (bits & !FRACTION));
    let fraction = f64::from_bits((bits & FRACTION) | (1023 << 52)) - 1.0;
    let far = x > 1.0;
    let t = if far { (fraction, rest.to_f64() * scale) } else { (x, low) };
    let k = if far { exponent } else { 0.0 };
    let log = Double::new(lanes(t.0), lanes(t.1)).normalized().ln_1p_unit();
    // The larger term first: k·log 2, or 0.
    let (power, error) = lanes(LN_2.0).two_product(lanes(k));
    let power_low = lanes(LN_2.1).mul_add(lanes(k), error);
    let (sum, error) = power.two_sum(log.high);
    let lost = error + (power_low + log.low);
    if x < f64::INFINITY { (sum.to_f64(), lost.to_f64()) } else { (x, 0.0) }
}

/// log(1 + x) for 0 ≤ x < 2¹⁰²³; relative error 2⁻⁵¹. No branch, so that a loop around it becomes SIMD.
#[inline(always)]
pub(crate) fn ln_1p<M: Fma>(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = (1.0 + x).to_bits();
    // The exponent, put into the low bits of a float.
    let exponent = f64::from_bits((bits >> 52) | (1075 << 52)) - (4_503_599_627_370_496.0 + 1023.0);
    let fraction = f64::from_bits((bits & FRACTION) | (1023 << 52)) - 1.0;
    let far = x > 1.0;
    let t = Lanes::<M, 1>::splat(if far { fraction } else { x });
    let k = if far { exponent } else { 0.0 };
    let log = k * core::f64::consts::LN_2 + t.ln_1p_unit().to_array()[0];
    if x < f64::INFINITY { log } else { x }
}
