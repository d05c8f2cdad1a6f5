//! Numbers of 16 bits, as bits, to and from `f64`.
//!
//! (a) Integer arithmetic, additions and choices, without a branch, a table or a question to the processor: loops over
//!     them become SIMD at every instruction set.
//! (b) No operand is subnormal, so neither speed nor results hang on how the processor treats such numbers.
//! (c) An `f64` is rounded once. By way of `f32` it would be rounded twice, wrongly beside the middle between two numbers.

const SIGN: u64 = 1 << 63;

/// Bits of the fraction, and exponent of the smallest normal number.
pub(crate) const F16: (u32, i32) = (10, -14);
pub(crate) const BF16: (u32, i32) = (7, -126);

/// The number with these bits of an `f16`, exact.
#[inline(always)]
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    // Exponents are 112 apart; that of ∞ and NaN as much again.
    const APART: u32 = 112 << 23;
    const EXPONENT: u32 = 0x1f << 23;
    let fields = u32::from(bits & 0x7fff) << 13;
    let exponent = fields & EXPONENT;
    // 2⁻¹⁴·(1 + fraction), less 2⁻¹⁴.
    let least = f32::from_bits(APART + (1 << 23));
    let subnormal = f32::from_bits(fields + (APART + (1 << 23))) - least;
    let magnitude = if exponent == 0 { subnormal.to_bits() } else { fields + APART };
    let magnitude = if exponent == EXPONENT { magnitude + APART } else { magnitude };
    f32::from_bits(magnitude | (u32::from(bits & 0x8000) << 16))
}

/// The number with these bits of a `bf16`, exact: they are the first ones of an `f32`.
#[inline(always)]
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The bits of the nearest number of a format, ties to even, subnormal numbers and overflow included; of the canonical
/// NaN where x is NaN.
///
/// Method: the sum of |x| and a power of two whose last place is the unit of the format at |x|, so that the sum is rounded as
/// the number is to be, and ends in its significand. Added to the exponent, it carries into it where it is rounded
/// up to a power of two, and likewise from subnormal to normal numbers and from those to ∞.
#[inline(always)]
pub(crate) fn to_half<const FRACTION: u32, const LEAST: i32>(x: f64) -> u16 {
    const EXPONENT: u64 = 0x7ff << 52;
    const { assert!(FRACTION < 15 && LEAST < 0) };
    let least = ((1023 + LEAST) as u64) << 52;
    // 2 to the exponent of ∞.
    let end = ((1025 - LEAST) as u64) << 52;
    let magnitude = f64::from_bits(x.to_bits() & !SIGN);
    // One instruction each, if written like this; NaN stays.
    let bounded = if f64::from_bits(end) < magnitude { f64::from_bits(end) } else { magnitude };
    let normal = if f64::from_bits(least) > bounded { f64::from_bits(least) } else { bounded };
    let exponent = normal.to_bits() & EXPONENT;
    let unit = exponent.wrapping_add(u64::from(52 - FRACTION) << 52);
    let significand = (bounded + f64::from_bits(unit)).to_bits();
    let offset = least >> (52 - FRACTION);
    let bits = significand.wrapping_add(exponent >> (52 - FRACTION)).wrapping_sub(offset);
    let nan = (0x7fff_u64 >> FRACTION << FRACTION) | (1 << (FRACTION - 1));
    let bits = if x.is_nan() { nan } else { bits | ((x.to_bits() & SIGN) >> 48) };
    bits as u16
}

#[cfg(test)]
mod tests {
    use super::{BF16, F16, bf16_to_f32, f16_to_f32, to_half};

    fn to_f16(x: f64) -> u16 {
        to_half::<{ F16.0 }, { F16.1 }>(x)
    }

    fn to_bf16(x: f64) -> u16 {
        to_half::<{ BF16.0 }, { BF16.1 }>(x)
    }

    /// The value of the bits, by the definition of the format; `None` for NaN.
    fn value(bits: u16, (fraction, least): (u32, i32)) -> Option<f64> {
        let (sign, bits) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from(bits & 0x7fff));
        let (exponent, rest) = (bits >> fraction, bits & ((1 << fraction) - 1));
        let unit = 2.0_f64.powi(least - fraction as i32);
        let magnitude = match exponent {
            0 => f64::from(rest) * unit,
            _ if exponent == 0x7fff >> fraction => {
                if rest != 0 {
                    return None;
                }
                f64::INFINITY
            }
            _ => f64::from(rest + (1 << fraction)) * unit * 2.0_f64.powi(exponent - 1),
        };
        Some(sign * magnitude)
    }

    fn check_exact(format: (u32, i32), to_f32: fn(u16) -> f32, from: fn(f64) -> u16) {
        let mut nans = 0;
        for bits in 0..=u16::MAX {
            let found = f64::from(to_f32(bits));
            match value(bits, format) {
                None => {
                    nans += 1;
                    assert!(found.is_nan(), "{bits:04x}");
                    let canonical = (0x7fff >> format.0 << format.0) | (1 << (format.0 - 1));
                    assert_eq!(from(found), canonical, "{bits:04x}");
                }
                Some(exact) => {
                    assert_eq!(found.to_bits(), exact.to_bits(), "{bits:04x}");
                    assert_eq!(from(found), bits, "{bits:04x}");
                }
            }
        }
        assert_eq!(nans, 2 * ((1 << format.0) - 1));
    }

    #[test]
    fn all_bits_go_and_come_back() {
        check_exact(F16, f16_to_f32, to_f16);
        check_exact(BF16, bf16_to_f32, to_bf16);
    }

    /// At the middle between each two neighbours, and one `f64` to either side of it, of both signs.
    fn check_midpoints(format: (u32, i32), from: fn(f64) -> u16) {
        let infinity = 0x7fff >> format.0 << format.0;
        for bits in 0..infinity {
            let low = value(bits, format).expect("a number");
            // What would be the next number, if exponents went on.
            let unit = low - value(bits.max(1) - 1, format).expect("a number");
            let high = value(bits + 1, format).filter(|x| x.is_finite()).unwrap_or(low + unit);
            let middle = f64::midpoint(low, high);
            let even = bits + (bits & 1);
            for (sign, x) in [(0, 1.0), (0x8000, -1.0)] {
                let up = sign | (bits + 1);
                for (at, expected) in [
                    (middle, sign | even),
                    (middle.next_down(), sign | bits),
                    (middle.next_up(), up),
                    (high.next_down(), up),
                    (low.next_up(), sign | bits),
                ] {
                    assert_eq!(from(x * at), expected, "{at:e} beside {bits:04x}");
                }
            }
        }
        for x in [f64::MAX, 1e300, f64::INFINITY] {
            assert_eq!((from(x), from(-x)), (infinity, infinity | 0x8000));
        }
        for x in [f64::MIN_POSITIVE, f64::from_bits(1), 0.0] {
            assert_eq!((from(x), from(-x)), (0, 0x8000));
        }
    }

    #[test]
    fn every_midpoint_is_rounded_once() {
        check_midpoints(F16, to_f16);
        check_midpoints(BF16, to_bf16);
    }
}
