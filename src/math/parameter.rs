//! Derived parameters of losses, carried to more than one `f64`.

use super::Precision;
use super::lanes::{Lanes, Software};
use super::wide::Wide;

/// 1 − x as a sum of two, exact for 0 ≤ x ≤ 1.
pub(crate) fn complement(x: f64) -> (f64, f64) {
    let one = Lanes::<Software, 1>::splat(1.0);
    let (high, low) = one.two_sum(Lanes::splat(-x));
    (high.to_array()[0], low.to_array()[0])
}

/// a/(b₀ + b₁) as a sum of two, to about 100 bits.
pub(crate) fn quotient(a: f64, b: (f64, f64)) -> (f64, f64) {
    let wide = |x: f64| Wide::<Software>::from_lanes(Lanes::splat(x));
    let quotient = wide(a) / (wide(b.0) + wide(b.1));
    let high = quotient.to_f64();
    (high, (quotient - high).to_f64())
}

#[cfg(test)]
mod tests {
    use super::{complement, quotient};

    #[test]
    fn a_third_in_two_parts() {
        // 1/3 = 0.0101…₂: the nearest f64 is 2⁻⁵⁴/3 below, which is the second part.
        let (high, low) = quotient(1.0, (3.0, 0.0));
        assert_eq!(high, 1.0 / 3.0);
        assert_eq!(low, f64::EPSILON / 4.0 / 3.0);
    }

    #[test]
    fn complement_is_exact() {
        assert_eq!(complement(0.25), (0.75, 0.0));
        assert_eq!(complement(1e-30), (1.0, -1e-30));
    }

    #[test]
    fn extreme_quotients() {
        assert_eq!(quotient(0.5, (1e-300, 0.0)).0, 0.5 / 1e-300);
        assert_eq!(quotient(0.5, (f64::MAX, 0.0)).0, 0.5 / f64::MAX);
    }
}
