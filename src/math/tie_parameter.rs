//! Parameters of the models of ties: logarithms and exponentials that are constants of a loss, as sums of two.

use super::lanes::{Lanes, Software};
use super::wide::Wide;
use super::{Precision, Working};

type Exact = Wide<Software>;

fn exact(x: f64) -> Exact {
    Wide::from_lanes(Lanes::splat(x))
}

fn pair(x: Exact) -> (f64, f64) {
    let high = x.to_f64();
    if high.is_finite() { (high, (x - high).to_f64()) } else { (high, 0.0) }
}

/// log x for 0 ≤ x < ∞, with an error of 2⁻⁵⁷ of itself.
pub(crate) fn ln(x: f64) -> (f64, f64) {
    pair(wide_ln(exact(x)))
}

fn wide_ln(x: Exact) -> Exact {
    if x.is_zero() {
        return exact(f64::NEG_INFINITY);
    }
    // Above 1, so that the two terms have the same sign.
    if x.lt(exact(1.0)) {
        return -wide_ln(exact(1.0) / x);
    }
    let k = x.exponent();
    (x.times_power_of_two(-k) - 1.0).ln_1p_unit() + Exact::ln_2() * k as f64
}

/// From here on e⁻ˣ is taken from 1 as it is, below by the series of the difference.
const SERIES_END: f64 = 1.0;

/// 1 − e⁻ˣ for 0 ≤ x < ∞, with an error of 2⁻⁵⁷ of itself.
pub(crate) fn complement_of_exp(x: f64) -> (f64, f64) {
    pair(wide_complement_of_exp(x))
}

fn wide_complement_of_exp(x: f64) -> Exact {
    /// Terms of the series that leave less than 2⁻¹⁰⁰.
    const TERMS: u32 = 28;
    if x >= SERIES_END {
        return exact(1.0) - (-exact(x)).exp();
    }
    // x·(1 − x/2·(1 − x/3·(…)))
    let term = |rest, n: u32| exact(1.0) - exact(x) / f64::from(n) * rest;
    exact(x) * (2..TERMS).rev().fold(exact(1.0), term)
}

/// log(1 − e⁻ˣ) for 0 ≤ x < ∞, with an error of 2⁻⁵⁶ of itself.
pub(crate) fn ln_complement_of_exp(x: f64) -> (f64, f64) {
    if x < SERIES_END {
        return pair(wide_ln(wide_complement_of_exp(x)));
    }
    pair(-wide_inverse_of_exp_m1(x).ln_1p_unit())
}

/// 1/(eˣ − 1) for 0 ≤ x < ∞, with an error of 2⁻⁵⁶ of itself.
pub(crate) fn inverse_of_exp_m1(x: f64) -> (f64, f64) {
    if x == 0.0 { (f64::INFINITY, 0.0) } else { pair(wide_inverse_of_exp_m1(x)) }
}

fn wide_inverse_of_exp_m1(x: f64) -> Exact {
    (-exact(x)).exp() / wide_complement_of_exp(x)
}

#[cfg(test)]
mod tests {
    use super::{complement_of_exp, inverse_of_exp_m1, ln, ln_complement_of_exp};
    use reference::Real;

    /// |high + low − truth| ≤ |truth|·2^exponent.
    fn close((high, low): (f64, f64), truth: &Real, exponent: i32) {
        let error = (Real::new(high) + Real::new(low) - truth).approximate().abs();
        let limit = truth.approximate().abs() * 2f64.powi(exponent);
        assert!(error <= limit, "{high:e}: {error:e} of {limit:e}");
    }

    #[test]
    fn logarithms_in_two_parts() {
        for x in
            [5e-324, 1e-300, 1e-5, 0.3, 0.999_999_9, 1.0, 1.000_001, 1.5, 1.999, 7.25, f64::MAX]
        {
            close(ln(x), &Real::new(x).ln(200), -57);
        }
        assert_eq!(ln(0.0), (f64::NEG_INFINITY, 0.0));
    }

    #[test]
    fn exponentials_in_two_parts() {
        for x in [1e-300_f64, 1e-9, 0.01, 0.25, 0.7, 0.999, 1.0, 1.5, 5.0, 20.0, 300.0] {
            // 1 − e⁻ˣ, far beyond the 2⁻⁵⁷ of it.
            let certain = -Real::new(-x).exp_m1(2000);
            close(complement_of_exp(x), &certain, -57);
            close(ln_complement_of_exp(x), &certain.ln(2000), -56);
            close(inverse_of_exp_m1(x), &Real::one().divide(&Real::new(x).exp_m1(2000), 200), -56);
        }
        assert_eq!(complement_of_exp(0.0), (0.0, 0.0));
        assert_eq!(ln_complement_of_exp(0.0), (f64::NEG_INFINITY, 0.0));
        assert_eq!(inverse_of_exp_m1(0.0), (f64::INFINITY, 0.0));
    }
}
