//! Sums of f64 terms without any rounding, and their one rounding at the end.
//!
//! (a) A sum is one integer, in units of 2^-1088. Every finite f64 is a multiple of 2^-1074, so
//!     every sum of them is such an integer, and integer addition is associative and commutative:
//!     order, sharding and vector width cannot show in the result. No floating-point operation
//!     happens in this file.
//! (b) The integer is written in 70 signed 64-bit limbs of radix 2^32. The largest f64 lies below
//!     2^1024, bit 2112, limb 66. Above it 96 bits of room and a sign remain in limbs 66 to 68,
//!     enough for 2^95 terms.
//! (c) A limb has 32 bits to spare, so an addition touches three limbs and carries nothing. One
//!     addition changes a limb by less than 2^32, so carries can wait for 2^29 additions; see
//!     [`MAX_PENDING`].
//! (d) The canonical form has limbs 0 to 68 in [0, 2^32) and the sign in limb 69. It is unique: two
//!     sums are equal exactly if their canonical forms are. It is what leaves the crate.
//! (e) Everything else, the conversion and both divisions, works on sign and magnitude in 64-bit
//!     words and ends in one rounding function, which gets the leading 64 bits and whether anything
//!     nonzero lies below them.

use core::cmp::Ordering;

use super::window::{PLACES, Window};

/// Limbs in a sum.
pub(crate) const LIMBS: usize = 70;

/// The limb that holds the sign.
const TOP: usize = LIMBS - 1;

/// Bits of the radix, and the mask of one canonical limb.
const RADIX_BITS: u32 = 32;
const MASK: i64 = (1 << RADIX_BITS) - 1;

/// Bit 0 of limb 0 is worth 2^-`POINT`; bit 0 of limb 34 is worth 1.
const POINT: u32 = 1088;

/// 64-bit words in a magnitude: 69 limbs of 32 bits and one of 64 are 2272 bits, at most 2^2271 as
/// a magnitude.
const WORDS: usize = 36;

/// Additions between two carry propagations.
///
/// The invariant: limbs 0 to 68 stay below (pending + 1) · 2^32 in absolute value, and where nothing is
/// pending they are canonical. An addition raises the bound by 2^32, merging two sums adds their bounds,
/// which makes at most (2^30 + 2) · 2^32 < 2^63.
const MAX_PENDING: u32 = 1 << 29;

/// The fraction bits of an f64.
const FRACTION: u64 = (1 << 52) - 1;

/// An exact sum of finite f64 terms.
///
/// `==` compares the sums, whatever carries are pending.
#[derive(Clone, Debug)]
pub(crate) struct ExactSum {
    limbs: [i64; LIMBS],
    pending: u32,
}

/// Terms that have no place in an exact sum, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NonFinite {
    pub(crate) nan: u64,
    pub(crate) positive: u64,
    pub(crate) negative: u64,
}

impl NonFinite {
    /// Counts `x`, which is NaN or infinite.
    #[cold]
    pub(crate) fn count(&mut self, x: f64) {
        debug_assert!(!x.is_finite(), "{x} is finite");
        if x.is_nan() {
            self.nan += 1;
        } else if x > 0.0 {
            self.positive += 1;
        } else {
            self.negative += 1;
        }
    }

    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        self.nan = self.nan.saturating_add(other.nan);
        self.positive = self.positive.saturating_add(other.positive);
        self.negative = self.negative.saturating_add(other.negative);
    }

    /// What a sum with these terms is: NaN, an infinity, or `None` where the finite terms decide.
    pub(crate) fn value(self) -> Option<f64> {
        match (self.nan, self.positive, self.negative) {
            (0, 0, 0) => None,
            (0, _, 0) => Some(f64::INFINITY),
            (0, 0, _) => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }
}

impl ExactSum {
    /// The empty sum.
    pub(crate) const ZERO: Self = Self { limbs: [0; LIMBS], pending: 0 };

    /// The sum with these limbs, any integers, which need not be canonical: the element-wise sum of
    /// up to 2^31 canonical forms lies below 2^31 · 2^32 = 2^63 in every limb.
    pub(crate) fn from_limbs(limbs: &[i64; LIMBS]) -> Self {
        let mut sum = Self { limbs: *limbs, pending: 0 };
        sum.normalise();
        sum
    }

    /// The integer `value` as a sum.
    pub(crate) fn from_integer(value: u128) -> Self {
        let mut sum = Self::ZERO;
        for (limb, k) in sum.limbs[(POINT / RADIX_BITS) as usize..].iter_mut().zip(0..4) {
            *limb = (value >> (RADIX_BITS * k)) as i64 & MASK;
        }
        sum
    }

    /// Adds `x`, which is finite.
    #[inline]
    pub(crate) fn add(&mut self, x: f64) {
        debug_assert!(x.is_finite(), "{x} has no place in an exact sum");
        if self.pending >= MAX_PENDING {
            self.normalise();
        }
        self.pending += 1;
        self.deposit(x.to_bits());
    }

    /// Adds `x` if it is finite, else counts it.
    pub(crate) fn add_or_count(&mut self, x: f64, others: &mut NonFinite) {
        if x.is_finite() {
            self.add(x);
        } else {
            others.count(x);
        }
    }

    /// Adds the finite ones of `terms` and counts the others.
    #[inline(always)]
    pub(crate) fn add_slice(&mut self, terms: &[f64]) -> NonFinite {
        let mut others = NonFinite::default();
        let mut window = Window::ZERO;
        for terms in terms.chunks(PLACES) {
            if window.is_full() {
                window.flush(self);
            }
            let mut padded = [0.0; PLACES];
            for (slot, &term) in padded.iter_mut().zip(terms) {
                *slot = term;
            }
            window.add(&padded, |term| self.add_or_count(term, &mut others));
        }
        window.flush(self);
        others
    }

    /// Adds the finite f64 with these bits to three limbs, without carrying.
    #[inline(always)]
    fn deposit(&mut self, bits: u64) {
        let biased = biased_exponent(bits);
        // x is ± significand · 2^(exponent − 1075); subnormals have the exponent of the least
        // normals.
        let significand = (bits & FRACTION) | (u64::from(biased != 0) << 52);
        let exponent = biased + u32::from(biased == 0);
        let position = exponent + POINT - 1075;
        let (limb, shift) = ((position / RADIX_BITS) as usize, position % RADIX_BITS);
        let low = (significand << shift).cast_signed() & MASK;
        let above = (significand >> (RADIX_BITS - shift)).cast_signed();
        // 0 or −1: (v ^ sign) − sign is ±v.
        let sign = bits.cast_signed() >> 63;
        self.limbs[limb] += (low ^ sign) - sign;
        self.limbs[limb + 1] += ((above & MASK) ^ sign) - sign;
        self.limbs[limb + 2] += ((above >> RADIX_BITS) ^ sign) - sign;
    }

    /// Adds `integer`·2^`unit`, of magnitude below 2^100 as an integer, and from 2^-1088 to 2^1000 as a unit.
    pub(crate) fn add_integer(&mut self, integer: i128, unit: i32) {
        if self.pending >= MAX_PENDING {
            self.normalise();
        }
        self.pending += 1;
        let position = POINT.cast_signed() + unit;
        debug_assert!(position >= 0, "2^{unit} is too small a unit");
        let (limb, shift) = ((position / 32) as usize, position % 32);
        let shifted = integer << shift;
        for (limb, k) in self.limbs[limb..].iter_mut().zip(0..3) {
            *limb += (shifted >> (RADIX_BITS * k)) as i64 & MASK;
        }
        self.limbs[limb + 3] += (shifted >> (3 * RADIX_BITS)) as i64;
    }

    /// Adds the sum `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.combine(other, i64::wrapping_add);
    }

    /// Subtracts the sum `other`.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::wrapping_sub);
    }

    /// Only the top limb could wrap, and that from 2^95 terms on.
    fn combine(&mut self, other: &Self, operation: fn(i64, i64) -> i64) {
        for (limb, &addend) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb = operation(*limb, addend);
        }
        self.pending += other.pending + 1;
        if self.pending > MAX_PENDING {
            self.normalise();
        }
    }

    /// Carries everything that is pending: the canonical form.
    pub(crate) fn normalise(&mut self) {
        // A carry is at most 2^31 + 1 in absolute value, so no limb, not even i64::MAX, overflows
        // here.
        let mut carry = 0;
        for limb in &mut self.limbs[..TOP] {
            // Most limbs.
            if *limb | carry == 0 {
                continue;
            }
            let low = (*limb & MASK) + carry;
            carry = (*limb >> RADIX_BITS) + (low >> RADIX_BITS);
            *limb = low & MASK;
        }
        self.limbs[TOP] = self.limbs[TOP].wrapping_add(carry);
        self.pending = 0;
    }

    /// The limbs of the canonical form.
    pub(crate) fn canonical(&self) -> [i64; LIMBS] {
        let mut sum = self.clone();
        if sum.pending > 0 {
            sum.normalise();
        }
        sum.limbs
    }

    /// The sum, correctly rounded: to nearest, ties to even, ±∞ on overflow. No terms, or terms
    /// that cancel, make +0.
    pub(crate) fn to_f64(&self) -> f64 {
        let (negative, magnitude) = self.magnitude();
        let Some(top) = top_bit(&magnitude) else { return 0.0 };
        let aligned = align(&magnitude, top);
        // The top bit of `aligned` is bit 62 of its last word.
        let leading = aligned[WORDS - 1] << 1 | aligned[WORDS - 2] >> 63;
        let rest =
            aligned[WORDS - 2] << 1 != 0 || aligned[..WORDS - 2].iter().any(|&word| word != 0);
        round(negative, leading, top.cast_signed() - POINT.cast_signed(), rest)
    }

    /// The sum divided by `count`, correctly rounded. NaN if `count` is 0.
    pub(crate) fn div_round(&self, count: u64) -> f64 {
        self.div_round_by(&Self::from_integer(u128::from(count)))
    }

    /// The quotient of two sums, correctly rounded. NaN if `divisor` is 0.
    ///
    /// Method: both magnitudes are shifted until their leading bits meet, then 64 steps of binary
    /// long division give as many bits of a quotient in (½, 2); what remains says whether anything
    /// lies below.
    pub(crate) fn div_round_by(&self, divisor: &Self) -> f64 {
        let (negative, magnitude) = self.magnitude();
        let (divisor_negative, divisor_magnitude) = divisor.magnitude();
        let Some(divisor_top) = top_bit(&divisor_magnitude) else { return f64::NAN };
        let Some(top) = top_bit(&magnitude) else { return 0.0 };
        let mut remainder = align(&magnitude, top);
        let divisor = align(&divisor_magnitude, divisor_top);

        // Words that are zero in both stay zero.
        let nonzero = |word: usize| remainder[word] != 0 || divisor[word] != 0;
        let lowest = (0..WORDS).find(|&word| nonzero(word)).unwrap_or(0);
        let (remainder, divisor) = (&mut remainder[lowest..], &divisor[lowest..]);
        let mut quotient = 0u64;
        for _ in 0..u64::BITS {
            // Here remainder < 2 · divisor < 2^64 in units of the last word, so doubling cannot
            // overflow.
            quotient <<= 1;
            if remainder.iter().rev().cmp(divisor.iter().rev()) != Ordering::Less {
                subtract_from(remainder, divisor);
                quotient |= 1;
            }
            double(remainder);
        }
        let rest = remainder.iter().any(|&word| word != 0);
        // The quotient's first bit is 0 when the aligned divisor is larger. The bit that the shift
        // then brings in is unknown, but `rest` vouches for it, and a rounding cuts ten bits
        // further up.
        let zeros = quotient.leading_zeros();
        let exponent = top.cast_signed() - (divisor_top + zeros).cast_signed();
        round(negative != divisor_negative, quotient << zeros, exponent, rest)
    }

    /// Sign and magnitude, in units of 2^-1088, least word first.
    fn magnitude(&self) -> (bool, [u64; WORDS]) {
        let limbs = self.canonical();
        let mut words = [0; WORDS];
        for (word, pair) in words.iter_mut().zip(limbs.chunks_exact(2)) {
            *word = pair[0].cast_unsigned() | pair[1].cast_unsigned() << RADIX_BITS;
        }
        // Two's complement; the upper half of the signed top limb goes to the last word.
        words[WORDS - 1] = (limbs[TOP] >> RADIX_BITS).cast_unsigned();
        let negative = limbs[TOP] < 0;
        if negative {
            let mut carry = true;
            for word in &mut words {
                (*word, carry) = (!*word).overflowing_add(u64::from(carry));
            }
        }
        (negative, words)
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for ExactSum {}

impl Default for ExactSum {
    fn default() -> Self {
        Self::ZERO
    }
}

/// The exponent field of an f64.
#[inline(always)]
fn biased_exponent(bits: u64) -> u32 {
    (bits >> 52) as u32 & 0x7ff
}

/// The position of the highest bit set.
fn top_bit(words: &[u64; WORDS]) -> Option<u32> {
    let word = words.iter().rposition(|&word| word != 0)?;
    Some(64 * word as u32 + words[word].ilog2())
}

/// `words` shifted left until bit `top` is bit 62 of the last word.
fn align(words: &[u64; WORDS], top: u32) -> [u64; WORDS] {
    let distance = 64 * WORDS - 2 - top as usize;
    let (skip, shift) = (distance / 64, distance % 64);
    let mut aligned = [0; WORDS];
    let mut below = 0;
    for (to, &from) in aligned[skip..].iter_mut().zip(words) {
        // (below >> 1) >> (63 − shift) is below >> (64 − shift), for a shift of 0 too.
        *to = from << shift | (below >> 1) >> (63 - shift);
        below = from;
    }
    aligned
}

/// Subtracts `subtrahend`, the smaller number of equal length.
fn subtract_from(words: &mut [u64], subtrahend: &[u64]) {
    let mut borrow = false;
    for (word, &subtract) in words.iter_mut().zip(subtrahend) {
        let (difference, first) = word.overflowing_sub(subtract);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (difference, first || second);
    }
}

/// Multiplies by two.
fn double(words: &mut [u64]) {
    let mut carry = 0;
    for word in words {
        (*word, carry) = (*word << 1 | carry, *word >> 63);
    }
}

/// The f64 nearest to ± (`leading` + δ) · 2^(`exponent` − 63), ties to even, where the top bit of
/// `leading` is set and 0 ≤ δ < 1; `rest` says whether δ > 0. Subnormal results are rounded once,
/// too large ones are ±∞.
fn round(negative: bool, leading: u64, exponent: i32, rest: bool) -> f64 {
    debug_assert!(leading >> 63 == 1, "{leading:#x} is not normalised");
    let sign = u64::from(negative) << 63;
    // The significand's bits that fit: 53, fewer below 2^-1022.
    let kept = (exponent + 1075).min(53);
    let bits = if exponent > 1023 {
        f64::INFINITY.to_bits()
    } else if kept < 0 {
        0
    } else {
        // `leading` is shifted by 11 to 64 bits: half, the first bit lost, is bit 10 to 63.
        let half = 1 << (63 - kept);
        let lost = leading & (half | (half - 1));
        let significand = if kept == 0 { 0 } else { leading >> (64 - kept) };
        let up = lost > half || lost == half && (rest || significand & 1 == 1);
        // The implicit bit raises the exponent field by 1; rounding up to the next power of two,
        // and from the largest f64 to ∞, does so as well.
        let field = u64::from((exponent + 1022).max(0).cast_unsigned());
        (field << 52) + significand + u64::from(up)
    };
    f64::from_bits(sign | bits)
}

#[cfg(test)]
mod tests {
    use super::{ExactSum, LIMBS, MASK, MAX_PENDING, NonFinite, TOP, double, round, subtract_from};

    fn sum(terms: &[f64]) -> ExactSum {
        let mut sum = ExactSum::ZERO;
        for &term in terms {
            sum.add(term);
        }
        sum
    }

    /// Bits of f64 values from everywhere: xorshift, with every fourth one rich in zeros or ones.
    fn finite_values(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed;
        let bits = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let (bits, run) = (state, state.rotate_left(7) % 53);
            Some(match state % 8 {
                0 => bits >> run << run,
                1 => bits | ((1 << run) - 1),
                _ => bits,
            })
        };
        core::iter::from_fn(bits).map(f64::from_bits).filter(|x| x.is_finite())
    }

    fn assert_same(found: f64, expected: f64, from: impl core::fmt::Debug) {
        assert_eq!(found.to_bits(), expected.to_bits(), "{found:e}, not {expected:e}: {from:?}");
    }

    #[test]
    fn one_term_of_any_exponent_comes_back() {
        for exponent in 0..0x7ff_u64 {
            for fraction in [0, 1, 1 << 51, (1 << 52) - 1, 0x5555555555555] {
                let x = f64::from_bits(exponent << 52 | fraction);
                assert_same(sum(&[x]).to_f64(), x, x);
                assert_same(sum(&[-x]).to_f64(), if x == 0.0 { 0.0 } else { -x }, x);
                assert_eq!(sum(&[x, 1.0, -x, -1.0]), ExactSum::ZERO);
            }
        }
    }

    /// The processor rounds one addition and one division correctly, so it is an oracle for both.
    #[test]
    fn two_terms_round_as_the_processor_rounds() {
        let (first, second) = (finite_values(1), finite_values(2));
        for (a, b) in first.zip(second).take(200_000) {
            // Close exponents make carries, cancellation and ties.
            let near = f64::from_bits(b.to_bits() & !(0x7ff << 52) | a.to_bits() & 0x7ff << 52);
            for b in [b, near, near / 8.0, near / 9007199254740992.0] {
                // + 0.0 because sums that vanish are +0.
                assert_same(sum(&[a, b]).to_f64(), a + b + 0.0, (a, b));
            }
        }
    }

    #[test]
    fn quotients_round_as_the_processor_rounds() {
        let (first, second) = (finite_values(3), finite_values(4));
        for (a, b) in first.zip(second).take(100_000) {
            // The small numerators make subnormal quotients.
            for (a, b) in [(a, b), (b, a), (a % 1.0 * 2e-308, b % 8.0), (a % 1.0 * 1e-316, b % 8.0)]
            {
                if b != 0.0 {
                    // − 0 from a zero numerator is +0 here; an underflow keeps its sign.
                    let expected = if a == 0.0 { 0.0 } else { a / b };
                    assert_same(sum(&[a]).div_round_by(&sum(&[b])), expected, (a, b));
                }
            }
            let count = b.to_bits() >> 11;
            if count != 0 {
                let expected = if a == 0.0 { 0.0 } else { a / count as f64 };
                assert_same(sum(&[a]).div_round(count), expected, (a, count));
            }
        }
    }

    #[test]
    fn quotients_of_nothing() {
        assert!(sum(&[1.0]).div_round(0).is_nan());
        assert!(ExactSum::ZERO.div_round_by(&ExactSum::ZERO).is_nan());
        assert_same(ExactSum::ZERO.div_round(3), 0.0, ());
        assert_same(sum(&[-0.0]).div_round_by(&sum(&[-1.0])), 0.0, ());
    }

    #[test]
    fn rounding_at_every_boundary() {
        const ONE: u64 = 1 << 63;
        let (ulp, half) = (1 << 11, 1 << 10);
        let above = 1.0 + f64::EPSILON;
        let least = f64::from_bits(1);
        for (leading, exponent, rest, expected) in [
            (ONE, 0, false, 1.0),
            (ONE | half, 0, false, 1.0),
            (ONE | half, 0, true, above),
            (ONE | (half - 1), 0, true, 1.0),
            (ONE | ulp | half, 0, false, 1.0 + 2.0 * f64::EPSILON),
            (u64::MAX, 0, true, 2.0),
            (u64::MAX << 11, 1023, true, f64::MAX),
            (u64::MAX << 11 | (half - 1), 1023, true, f64::MAX),
            (u64::MAX << 11 | half, 1023, false, f64::INFINITY),
            (ONE, 1024, false, f64::INFINITY),
            (ONE, -1022, false, f64::MIN_POSITIVE),
            (u64::MAX, -1023, false, f64::MIN_POSITIVE),
            (u64::MAX << 12, -1023, true, f64::MIN_POSITIVE - least),
            (ONE, -1074, false, least),
            (ONE | ONE >> 1, -1074, false, 2.0 * least),
            (ONE, -1075, false, 0.0),
            (ONE, -1075, true, least),
            (ONE | 1, -1075, false, least),
            (u64::MAX, -1076, true, 0.0),
            (u64::MAX, -3000, true, 0.0),
        ] {
            assert_same(round(false, leading, exponent, rest), expected, (leading, exponent, rest));
            assert_same(round(true, leading, exponent, rest), -expected, (leading, exponent, rest));
        }
    }

    #[test]
    fn order_and_shards_leave_no_trace_in_the_canonical_form() {
        let mut values = [0.0; 500];
        for (value, x) in values.iter_mut().zip(finite_values(5)) {
            *value = x;
        }
        let forward = sum(&values);
        values.reverse();
        assert_eq!(sum(&values).canonical(), forward.canonical());
        for split in [0, 1, 250, 499] {
            let (mut left, right) = (sum(&values[..split]), sum(&values[split..]));
            left.merge(&right);
            assert_eq!(left.canonical(), forward.canonical());
            left.subtract(&right);
            assert_eq!(left, sum(&values[..split]));
        }
        let limbs = forward.canonical();
        assert!(limbs[..TOP].iter().all(|limb| (0..=MASK).contains(limb)));
        assert!(matches!(limbs[TOP], -1 | 0));
    }

    #[test]
    fn slices_are_their_finite_elements() {
        let mut values = [0.0; 300];
        for (value, x) in values.iter_mut().zip(finite_values(6)) {
            *value = x;
        }
        for (position, x) in
            [(7, f64::INFINITY), (199, f64::NAN), (201, f64::NEG_INFINITY), (299, f64::INFINITY)]
        {
            values[position] = x;
        }
        // Half of them in and around the window.
        for (value, step) in values.iter_mut().step_by(2).zip(0_u64..) {
            *value = f64::from_bits(value.to_bits() & !(0x7ff << 52) | (940 + step) << 52);
        }
        for length in [0, 1, 7, 8, 200, 201, 202, 300] {
            let (mut slice, mut elements) = (ExactSum::ZERO, ExactSum::ZERO);
            let mut others = NonFinite::default();
            for &x in &values[..length] {
                if x.is_finite() { elements.add(x) } else { others.count(x) }
            }
            assert_eq!(slice.add_slice(&values[..length]), others);
            assert_eq!(slice, elements);
        }
    }

    /// The most that can be pending: the largest deposits, as many as are allowed, in one limb.
    #[test]
    fn limbs_have_room_for_all_that_may_be_pending() {
        let most = i64::from(MAX_PENDING) * MASK + MASK;
        for sign in [1, -1] {
            let mut full = ExactSum { limbs: [sign * most; LIMBS], pending: MAX_PENDING };
            full.limbs[TOP] = 0;
            let mut merged = full.clone();
            merged.merge(&full.clone());
            assert_eq!(merged.pending, 0);
            let mut carried = full.clone();
            carried.normalise();
            let mut twice = carried.clone();
            twice.merge(&carried);
            assert_eq!(merged, twice);
            // One more addition carries first.
            full.add(1.0);
            assert_eq!(full.pending, 1);
            full.add(-1.0);
            assert_eq!(full, carried);
            // And so does an integer.
            full.pending = MAX_PENDING;
            full.add_integer(1, 0);
            assert_eq!(full.pending, 1);
        }
    }

    #[test]
    fn integers_of_any_unit() {
        let integer = 0x1234_5678_9abc_def0_i128 << 30 | 0x3fff_0001;
        for sign in [1, -1] {
            for unit in [-1088, -1074, -127, -76, -25, -1, 0, 1, 900] {
                let mut expected = ExactSum::ZERO;
                for k in 0..94 {
                    // Bit by bit, those that are an f64.
                    let bit = integer >> k & 1;
                    let power = k + unit;
                    if bit == 1 && power >= -1074 {
                        let bits = if power < -1022 {
                            1 << (power + 1074)
                        } else {
                            (power as u64).wrapping_add(1023) << 52
                        };
                        expected.add(sign as f64 * f64::from_bits(bits));
                    }
                }
                let kept = if unit < -1074 {
                    integer >> (-1074 - unit) << (-1074 - unit)
                } else {
                    integer
                };
                let mut found = ExactSum::ZERO;
                found.add_integer(sign * kept, unit);
                assert_eq!(found, expected, "{unit}");
            }
        }
    }

    #[test]
    fn a_merge_adds_up_what_is_pending() {
        let mut sum = ExactSum { limbs: [0; LIMBS], pending: MAX_PENDING - 9 };
        sum.merge(&ExactSum { limbs: [0; LIMBS], pending: 8 });
        assert_eq!(sum.pending, MAX_PENDING);
        sum.merge(&ExactSum::ZERO);
        assert_eq!(sum.pending, 0);
    }

    #[test]
    fn words_borrow_and_carry_through() {
        let mut words = [0, 5, 5, 1];
        subtract_from(&mut words, &[1, 5, 4, 0]);
        assert_eq!(words, [u64::MAX, u64::MAX, 0, 1]);
        double(&mut words);
        assert_eq!(words, [u64::MAX - 1, u64::MAX, 1, 2]);
    }

    #[test]
    fn limbs_of_any_size_are_carried() {
        for extreme in [i64::MAX, i64::MIN] {
            let mut limbs = [extreme; LIMBS];
            limbs[TOP] = 0;
            // Σ extreme · 2^(32 i) telescopes: the same with extreme / 2^16 and limbs 2^16 times.
            let mut parts = ExactSum::ZERO;
            let mut part = [extreme >> 16; LIMBS];
            part[TOP] = 0;
            let mut rest = limbs;
            for (rest, part) in rest.iter_mut().zip(part) {
                *rest -= part << 16;
            }
            for _ in 0..1 << 16 {
                parts.merge(&ExactSum::from_limbs(&part));
            }
            parts.merge(&ExactSum::from_limbs(&rest));
            assert_eq!(ExactSum::from_limbs(&limbs), parts);
        }
    }

    #[test]
    fn integers() {
        assert_eq!(ExactSum::from_integer(0), ExactSum::ZERO);
        assert_eq!(ExactSum::from_integer(3), sum(&[1.0, 2.0]));
        let all = ExactSum::from_integer(u128::MAX);
        assert_eq!(all, sum(&[340282366920938463463374607431768211456.0, -1.0]));
        assert_same(all.div_round_by(&all), 1.0, ());
        assert_same(ExactSum::from_integer(1).div_round(3), 1.0 / 3.0, ());
        // Both exceed 53 bits: 2^63 + 1 over 2^63 − 1 is 1 + 2^-62.
        let (more, less) = ((1 << 63) + 1, (1 << 63) - 1);
        assert_same(ExactSum::from_integer(more).div_round(less), 1.0, ());
    }

    #[test]
    fn what_is_not_finite_decides() {
        let value = |nan, positive, negative| NonFinite { nan, positive, negative }.value();
        assert_eq!(value(0, 0, 0), None);
        assert_eq!(value(0, 2, 0), Some(f64::INFINITY));
        assert_eq!(value(0, 0, 1), Some(f64::NEG_INFINITY));
        for nan in [value(1, 0, 0), value(0, 1, 1), value(1, 5, 0), value(1, 0, 5), value(1, 1, 1)]
        {
            assert_eq!(nan.map(f64::to_bits), Some(f64::NAN.to_bits()));
        }
    }
}
