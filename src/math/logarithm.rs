//! Logarithms of arguments outside of [0, 1], for scalars: the logit, and the end of a product of factors.

use super::lanes::{Fma, Lanes};
use super::wide::Wide;
use super::{Precision, Working};

/// log(p/(1 − p)) for 0 ≤ p ≤ 1, NaN outside, rounded once to `f64`.
///
/// Method: by symmetry for a = max(p, 1 − p), b = min(p, 1 − p), both exact. With 2ᵏ such that b·2ᵏ is in
/// (a/2, a], log(a/b) = k·log 2 + log(1 + t), t = (a − b·2ᵏ)/(b·2ᵏ) in [0, 1]. No term cancels another, and near
/// p = ½ t keeps its relative precision.
///
/// Accuracy: relative error 2⁻⁵⁸ before the rounding.
pub(crate) fn logit<M: Fma>(p: f64) -> f64 {
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    let lanes = |x: f64| Lanes::<M, 1>::splat(x);
    let complement = Wide::difference(lanes(1.0), lanes(p));
    let p_wide = Wide::from_lanes(lanes(p));
    let (a, b) = if p > 0.5 { (p_wide, complement) } else { (complement, p_wide) };
    let mut k = a.exponent() - b.exponent();
    if a.lt(b.times_power_of_two(k)) {
        k -= 1;
    }
    let b = b.times_power_of_two(k);
    let log = ((a - b) / b).ln_1p_unit() + Wide::ln_2() * k as f64;
    (if p > 0.5 { log } else { -log }).to_f64()
}

/// a/(a + b) for 0 ≤ a, b ≤ ∞, rounded once to `f64`; NaN where both are 0 or both infinite, or one is negative or NaN.
pub(crate) fn share<M: Fma>(a: f64, b: f64) -> f64 {
    if !(a >= 0.0 && b >= 0.0) || a == b && (a == 0.0 || a == f64::INFINITY) {
        return f64::NAN;
    }
    if a == f64::INFINITY || b == f64::INFINITY {
        return if a > b { 1.0 } else { 0.0 };
    }
    let a = Wide::from_lanes(Lanes::<M, 1>::splat(a));
    let b = Wide::from_lanes(Lanes::splat(b));
    (a / (a + b)).to_f64()
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
