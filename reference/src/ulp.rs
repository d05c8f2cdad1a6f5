//! How far two floats, or a float and the truth, are apart.

use crate::real::Real;
use half::{bf16, f16};
use std::fmt::Debug;

/// A binary format that results are rounded to: f32 or f64, f16 or bf16.
pub trait Format: Copy + PartialEq + Debug {
    /// Bits of the whole number.
    const BITS: u32;
    /// Bits of the significand, the hidden one included.
    const PRECISION: u32;
    /// Exponent of the smallest subnormal.
    const MIN_EXPONENT: i64;
    /// 2 to this power is the first power of two that is too large.
    const MAX_EXPONENT: i64;
    /// The bits of the one NaN that the crate ever returns.
    const CANONICAL_NAN: u64;
    /// A NaN that no computation returns: what outputs hold before a call.
    const SENTINEL: Self;

    /// The nearest number of the format.
    fn of(x: f64) -> Self;
    /// The same number as an f64, which is exact.
    fn to_f64(self) -> f64;
    /// The bits, zero-extended.
    fn bits(self) -> u64;
    /// From the low bits.
    fn from_bits(bits: u64) -> Self;
    /// [`to_f64`](Format::to_f64), by a name that other traits of numbers leave free.
    fn wide(self) -> f64 {
        self.to_f64()
    }
}

/// The bits of each number.
pub fn bits<T: Format>(numbers: &[T]) -> Vec<u64> {
    numbers.iter().map(|x| x.bits()).collect()
}

/// An output before a call.
pub fn dirty<T: Format>(len: usize) -> Vec<T> {
    vec![T::SENTINEL; len]
}

impl Format for f32 {
    const BITS: u32 = 32;
    const PRECISION: u32 = 24;
    const MIN_EXPONENT: i64 = -149;
    const MAX_EXPONENT: i64 = 128;
    const CANONICAL_NAN: u64 = 0x7fc0_0000;
    const SENTINEL: Self = f32::from_bits(0xffed_cba9);

    fn of(x: f64) -> Self {
        x as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
    fn from_bits(bits: u64) -> Self {
        f32::from_bits(bits as u32)
    }
}

impl Format for f64 {
    const BITS: u32 = 64;
    const PRECISION: u32 = 53;
    const MIN_EXPONENT: i64 = -1074;
    const MAX_EXPONENT: i64 = 1024;
    const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;
    const SENTINEL: Self = f64::from_bits(0xffff_edcb_a987_6543);

    fn of(x: f64) -> Self {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn from_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
}

macro_rules! sixteen_bits {
    ($format:ident, $precision:literal, $least:literal, $end:literal, $nan:literal) => {
        impl Format for $format {
            const BITS: u32 = 16;
            const PRECISION: u32 = $precision;
            const MIN_EXPONENT: i64 = $least;
            const MAX_EXPONENT: i64 = $end;
            const CANONICAL_NAN: u64 = $nan;
            const SENTINEL: Self = Self::from_bits(0xffe9);

            /// By integers: the crate `half` rounds some of them twice, by way of f32.
            fn of(x: f64) -> Self {
                let sign = u16::from(x.is_sign_negative()) << 15;
                match Real::finite(x) {
                    _ if x == 0.0 => Self::from_bits(sign),
                    Some(x) => x.midpoint(),
                    None if x.is_nan() => Self::from_bits($nan),
                    None => {
                        Self::from_bits(sign | (0x7fff >> ($precision - 1) << ($precision - 1)))
                    }
                }
            }

            fn to_f64(self) -> f64 {
                self.to_f64_const()
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn from_bits(bits: u64) -> Self {
                Self::from_bits(bits as u16)
            }
        }
    };
}

sixteen_bits!(f16, 11, -24, 16, 0x7e00);
sixteen_bits!(bf16, 8, -133, 128, 0x7fc0);

/// Place in the ordered list of all numbers of the format: neighbours differ by 1, both zeros are 0, ±∞ close
/// it.
fn place<T: Format>(x: T) -> i64 {
    let sign_bit = 1u64 << (T::BITS - 1);
    let bits = x.bits();
    let magnitude = (bits & (sign_bit - 1)) as i64;
    if bits & sign_bit == 0 { magnitude } else { -magnitude }
}

/// Number of steps from one float to the other.
///
/// 0 and −0 are the same number, so are all NaNs; ∞ is one step beyond the largest finite number;
/// a NaN is `u64::MAX` away from every number.
pub fn distance<T: Format>(a: T, b: T) -> u64 {
    match (a.to_f64().is_nan(), b.to_f64().is_nan()) {
        (true, true) => 0,
        (false, false) => place(a).abs_diff(place(b)),
        _ => u64::MAX,
    }
}

/// Error of `computed` in units in the last place: |computed − exact| / ulp.
///
/// The unit is that of `exact` rounded to the format: 2^(e−p+1) in the binade [2^e, 2^(e+1)), the smallest
/// subnormal below it. A correctly rounded result is within 0.5, or 0 when `exact` is beyond the overflow
/// threshold and `computed` is the ∞ of its sign. Otherwise ∞ counts as the power of two just beyond the
/// largest finite number, and the unit beyond the threshold is that of the largest finite number. The sign of
/// a zero is not looked at. NaN is infinitely wrong.
pub fn error<T: Format>(computed: T, exact: &Real) -> f64 {
    let computed = computed.to_f64();
    if computed.is_nan() {
        return f64::INFINITY;
    }
    let rounded = exact.midpoint::<T>().to_f64();
    if computed.is_infinite() && computed == rounded {
        return 0.0;
    }
    let computed = if computed.is_infinite() {
        let edge = Real::power_of_two(T::MAX_EXPONENT);
        if computed > 0.0 { edge } else { -edge }
    } else {
        Real::new(computed)
    };
    let difference = &computed - exact;
    difference.scaled(-unit_exponent::<T>(rounded)).approximate().abs()
}

/// Exponent of the unit in the last place at a number of the format (given as f64).
fn unit_exponent<T: Format>(rounded: f64) -> i64 {
    let least = T::MIN_EXPONENT;
    if rounded == 0.0 {
        return least;
    }
    let exponent =
        if rounded.is_infinite() { T::MAX_EXPONENT - 1 } else { Real::new(rounded).binade() };
    (exponent - i64::from(T::PRECISION) + 1).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: f64 = f64::from_bits(1);
    const TINY_F32: f32 = f32::from_bits(1);

    #[test]
    fn distance_at_zero_counts_both_signs_as_one_number() {
        assert_eq!(distance(0.0_f64, -0.0), 0);
        assert_eq!(distance(0.0_f32, -0.0), 0);
        assert_eq!(distance(0.0, TINY), 1);
        assert_eq!(distance(-0.0, TINY), 1);
        assert_eq!(distance(-TINY, TINY), 2);
        assert_eq!(distance(-TINY_F32, TINY_F32), 2);
        // Zero is not close to everything.
        assert_eq!(distance(0.0_f32, 1.0), 127 << 23);
        assert_eq!(distance(0.0_f64, 1.0), 1023 << 52);
    }

    #[test]
    fn distance_steps_over_subnormals_and_binade_edges() {
        let normal = f64::MIN_POSITIVE;
        assert_eq!(distance(normal, normal - TINY), 1);
        assert_eq!(distance(TINY, normal), (1 << 52) - 1);
        assert_eq!(distance(1.0_f64, 1.0 + f64::EPSILON), 1);
        assert_eq!(distance(1.0_f64, 1.0 - f64::EPSILON / 2.0), 1);
        assert_eq!(distance(1.0_f32, 1.0 + f32::EPSILON), 1);
        assert_eq!(distance(-2.0_f32, -2.0 + f32::EPSILON), 1);
        assert_eq!(distance(1.0_f32, 2.0), 1 << 23);
    }

    #[test]
    fn distance_to_infinity_and_nan() {
        assert_eq!(distance(f64::INFINITY, f64::MAX), 1);
        assert_eq!(distance(f32::INFINITY, f32::MAX), 1);
        assert_eq!(distance(f64::NEG_INFINITY, f64::MIN), 1);
        assert_eq!(distance(f64::NEG_INFINITY, f64::INFINITY), 2 * (0x7ff << 52));
        assert_eq!(distance(f64::INFINITY, f64::INFINITY), 0);
        let payload = f64::from_bits(0xfff0_0000_0000_0001);
        assert!(payload.is_nan());
        assert_eq!(distance(f64::NAN, payload), 0);
        assert_eq!(distance(f64::NAN, f64::INFINITY), u64::MAX);
        assert_eq!(distance(0.0, payload), u64::MAX);
        assert_eq!(distance(f32::NAN, f32::from_bits(0xffc0_1234)), 0);
        assert_eq!(distance(f32::NAN, 0.0), u64::MAX);
    }

    #[test]
    fn error_of_exact_halves_and_neighbours() {
        let one = Real::new(1.0);
        assert_eq!(error(1.0_f64, &one), 0.0);
        assert_eq!(error(1.0 + f64::EPSILON, &one), 1.0);
        // Below a binade edge the neighbour is half a unit away: the unit is that of 1.
        assert_eq!(error(1.0 - f64::EPSILON / 2.0, &one), 0.5);
        assert_eq!(error(1.0_f32 + f32::EPSILON, &one), 1.0);
        assert_eq!(error(-1.0_f32, &one), 2.0 / f64::from(f32::EPSILON));
        // Half a unit off, seen from both sides.
        let between = &one + &Real::power_of_two(-53);
        assert_eq!(error(1.0_f64, &between), 0.5);
        assert_eq!(error(1.0 + f64::EPSILON, &between), 0.5);
        // Rounded to f32, an f64 is off by its own distance.
        let x = 0.1_f64;
        assert_eq!(error(0.1_f32, &Real::new(x)), (f64::from(0.1_f32) - x).abs() * 2f64.powi(27));
        assert_eq!(error(f32::NAN, &one), f64::INFINITY);
    }

    #[test]
    fn error_at_zero_and_subnormals() {
        let zero = Real::new(0.0);
        assert_eq!(error(0.0_f64, &zero), 0.0);
        assert_eq!(error(-0.0_f32, &zero), 0.0);
        assert_eq!(error(TINY, &zero), 1.0);
        assert_eq!(error(TINY_F32, &zero), 1.0);
        assert_eq!(error(1.0_f64, &zero), f64::INFINITY); // 2^1074 units
        let third = Real::power_of_two(-1074).divide(&Real::from(3), 200);
        assert!((error(0.0, &third) - 1.0 / 3.0).abs() < 1e-15);
        assert!((error(TINY, &third) - 2.0 / 3.0).abs() < 1e-15);
        // The unit does not shrink below the smallest normal number.
        assert_eq!(error(3.0 * TINY, &Real::new(5.0 * TINY)), 2.0);
        assert_eq!(
            error(f32::MIN_POSITIVE, &Real::new(f64::from(f32::MIN_POSITIVE - TINY_F32))),
            1.0
        );
        // Flushed to zero: as many units as the number has steps.
        assert_eq!(error(0.0_f32, &Real::new(f64::from(f32::MIN_POSITIVE))), 2f64.powi(23));
        // Far below the smallest subnormal.
        assert_eq!(error(0.0_f64, &Real::power_of_two(-1075)), 0.5);
        assert_eq!(error(TINY, &Real::power_of_two(-1_000_000)), 1.0);
    }

    #[test]
    fn error_around_the_overflow_threshold() {
        let edge = Real::power_of_two(128);
        assert_eq!(error(f32::INFINITY, &edge), 0.0);
        assert_eq!(error(f32::MAX, &edge), 1.0);
        assert_eq!(error(f32::INFINITY, &Real::new(f64::from(f32::MAX))), 1.0);
        assert_eq!(error(f32::INFINITY, &Real::power_of_two(5000)), 0.0);
        assert_eq!(error(f32::NEG_INFINITY, &-Real::power_of_two(5000)), 0.0);
        assert_eq!(error(f32::NEG_INFINITY, &edge), 2f64.powi(25));
        // Half way between MAX and 2^128 the tie goes to ∞; just below it does not.
        let tie = &edge - &Real::power_of_two(128 - 25);
        assert_eq!(error(f32::INFINITY, &tie), 0.0);
        assert_eq!(error(f32::MAX, &tie), 0.5);
        let below = &tie - &Real::power_of_two(90);
        assert!(error(f32::INFINITY, &below) > 0.5);
        assert!(error(f32::MAX, &below) < 0.5);
        assert_eq!(error(f64::INFINITY, &Real::power_of_two(1024)), 0.0);
        assert_eq!(error(f64::MAX, &Real::power_of_two(1024)), 1.0);
        assert_eq!(error(f64::INFINITY, &Real::new(f64::MAX)), 1.0);
        assert_eq!(error(1.0, &Real::power_of_two(5000)), f64::INFINITY);
    }
}
