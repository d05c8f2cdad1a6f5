//! A fused multiply-add for machines that have none.

/// Splits a number, not beside the end of the range, into two of at most 26 bits each: rounded to 26 bits, and the rest.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    const REST: u64 = (1 << 27) - 1;
    let high = f64::from_bits(a.to_bits().wrapping_add(1 << 26) & !REST);
    (high, a - high)
}

/// The sum of two numbers and its rounding error (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// `a·b + c`, rounded once, from additions and multiplications only.
///
/// Method: the product as an exact sum of two (Dekker), the three-term sum with its last addition
/// rounded to odd, so that the final rounding is the only one (Boldo & Melquiond, *Emulation of FMA and
/// correctly rounded sums: proved algorithms using rounding to odd*, IEEE Trans. Computers 57(4), 2008).
/// Branch-free, so that loops over it vectorise.
///
/// Domain: the bits are those of the hardware instruction while a·b is 0 or 2⁻⁹⁰⁰ < |a·b|, and while a·b rounded
/// and the result are finite; the formulas of this crate stay inside. An infinite operand gives NaN.
#[inline(always)]
pub(crate) fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    let product = a * b;
    // A quarter of it, of the factor that may be large: parts rounded up, and their product, are in the range then.
    let (for_a, for_b) = if a.abs() > 2.0 { (0.25, 1.0) } else { (1.0, 0.25) };
    let (a_high, a_low) = split(a * for_a);
    let (b_high, b_low) = split(b * for_b);
    let rest = ((product * 0.25 - a_high * b_high) - a_low * b_high) - a_high * b_low;
    let error = (a_low * b_low - rest) * 4.0;
    let (low_sum, low_error) = two_sum(c, error);
    let (sum, sum_error) = two_sum(product, low_sum);
    let (rest, rest_error) = two_sum(low_error, sum_error);
    // Round the rest to odd: if it was inexact and its last bit is 0, step towards the error.
    let bits = rest.to_bits();
    let inexact_even = rest_error != 0.0 && bits & 1 == 0;
    let away = (rest_error < 0.0) == (rest < 0.0);
    let step = if away { 1 } else { u64::MAX };
    let odd = f64::from_bits(bits.wrapping_add(if inexact_even { step } else { 0 }));
    sum + odd
}

#[cfg(test)]
mod tests {
    use super::mul_add;

    /// Every operand pattern that makes rounding to odd matter: full and short significands, exponents
    /// that overlap fully, partly and not at all, exact cancellation, ties.
    #[test]
    fn has_the_bits_of_the_instruction() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut number = |spread: u64| {
            let bits = next();
            let short = next() % 53;
            let mantissa = (bits & ((1 << 52) - 1)) >> short << short;
            let exponent = 1023 - spread / 2 + next() % spread;
            f64::from_bits((bits & (1 << 63)) | (exponent << 52) | mantissa)
        };
        let mut cancelled = 0;
        for spread in [2, 10, 60, 120, 400] {
            for _ in 0..200_000 {
                let (a, b, mut c) = (number(spread), number(spread), number(spread));
                if c.to_bits() % 4 == 0 {
                    c = -(a * b);
                    cancelled += 1;
                }
                let expected = f64::mul_add(a, b, c);
                assert_eq!(mul_add(a, b, c).to_bits(), expected.to_bits(), "{a:e} {b:e} {c:e}");
            }
        }
        assert!(cancelled > 100_000);
    }

    /// Weights and losses up to the largest number.
    #[test]
    fn has_the_bits_of_the_instruction_at_the_end_of_the_range() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state ^ (state >> 33)
        };
        let mut checked = 0;
        for i in 0..400_000 {
            let ones = if i % 5 == 0 { (1 << 52) - 1 } else { 0 };
            let mut number = |exponent: u64| {
                let bits = next() & ((1 << 52) - 1);
                f64::from_bits((next() & (1 << 63)) | (exponent << 52) | bits | ones)
            };
            let (large, shift) = (1990 + i % 55, i / 55 % 60);
            let (a, b, c) = (number(large), number(1023 + 1022 - large), number(2044 - shift));
            let (b, c) = if i % 3 == 0 { (b, -(a * b)) } else { (b / 2.0, c) };
            let expected = f64::mul_add(a, b, c);
            if !expected.is_finite() || !(a * b).is_finite() {
                continue;
            }
            checked += 1;
            assert_eq!(mul_add(a, b, c).to_bits(), expected.to_bits(), "{a:e} {b:e} {c:e}");
            assert_eq!(mul_add(b, a, c).to_bits(), expected.to_bits(), "{b:e} {a:e} {c:e}");
        }
        assert!(checked > 200_000, "{checked}");
        for (b, c) in [(0.75, 0.0), (1e-3, 7.0), (-0.3, 1e300), (0.125, -f64::MAX / 8.0)] {
            assert_eq!(mul_add(f64::MAX, b, c).to_bits(), f64::mul_add(f64::MAX, b, c).to_bits());
        }
        // Products so near the end that those of rounded parts are beyond it.
        assert_eq!(mul_add(f64::MAX / 2.0, 2.0, -f64::MAX), 0.0);
        let mut near = 0;
        for _ in 0..100_000 {
            let exponent = 1 + next() % 2045;
            let a = f64::from_bits((exponent << 52) | (next() & ((1 << 52) - 1)));
            let b = f64::MAX / a * (1.0 - (next() % 64) as f64 * f64::EPSILON);
            let c = -(a * b) + f64::MAX * f64::EPSILON * (next() % 3) as f64;
            let expected = f64::mul_add(a, b, c);
            if !b.is_finite() || !(a * b).is_finite() {
                continue;
            }
            near += 1;
            assert_eq!(mul_add(a, b, c).to_bits(), expected.to_bits(), "{a:e} {b:e} {c:e}");
        }
        assert!(near > 40_000, "{near}");
    }

    #[test]
    fn special_cases() {
        assert_eq!(mul_add(0.0, 3.0, 5.0), 5.0);
        assert!(mul_add(f64::NAN, 1.0, 1.0).is_nan());
        assert!(mul_add(1.0, 1.0, f64::NAN).is_nan());
        // 1 + 2⁻⁵³ + 2⁻¹⁰⁶ lies just above a midpoint: two roundings would return 1.
        let above_tie = 1.0 + f64::EPSILON;
        let u = f64::EPSILON / 2.0;
        assert_eq!(mul_add(u, 1.0 + u * 2.0, 1.0), above_tie);
    }
}
