//! The part of an exact sum that SIMD can do: terms of ordinary size, without a branch.
//!
//! (a) Adding 1.5·2²⁷ to a number x of magnitude below 2²⁶ rounds it to a multiple of 2⁻²⁵, which then stands in the low bits of the
//!     sum: the bits are those of 1.5·2²⁷ plus an integer. Such integers add up exactly. What the rounding leaves is
//!     taken by a second constant, and by a third.
//! (b) Whether a number fits, that is nothing is left at the end, is found on the way. Modulo 2⁶⁴ what one that does not
//!     has added can be subtracted again.
//! (c) An integer is below 2⁵¹, so that 2¹¹ of them fit 64 bits, that is 2¹⁰ chunks: [`Window::ROOM`].

use super::exact::ExactSum;
use crate::score::Score;
use core::marker::PhantomData;

/// What is added, and the unit of the integer, as a power of two.
const STEPS: [(f64, i32); 3] = [
    (1.5 * (1_u64 << 27) as f64, -25),
    (1.5 / (1_u64 << 24) as f64, -76),
    (1.5 / (1_u128 << 75) as f64, -127),
];

/// Terms that are added at a time.
pub(crate) const PLACES: usize = 32;

/// Sums that they are added to, in memory: two terms each, i and `i + SUMS`. A loop of eight rounds would not become SIMD.
const SUMS: usize = 16;

/// Sums of the bits of terms, with the constants in them, modulo 2⁶⁴.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Window<T> {
    sums: [[u64; SUMS]; STEPS.len()],
    chunks: u32,
    format: PhantomData<T>,
}

/// What one step takes of a number, in the low bits of its sum with the constant, and what it leaves.
#[inline(always)]
fn take(x: f64, (constant, _): (f64, i32)) -> (u64, f64) {
    let sum = x + constant;
    (sum.to_bits(), x - (sum - constant))
}

/// The bits that the steps make of a term; and 0 if nothing is left of it and it was not too large.
#[inline(always)]
fn split<T: Score>(term: T) -> ([u64; 3], u64) {
    let (a, rest) = take(term.widen(), STEPS[0]);
    let (b, rest) = take(rest, STEPS[1]);
    // Terms of 24 bits need no more.
    let (c, rest) = if T::DOUBTS { take(rest, STEPS[2]) } else { (0, rest) };
    // Too large a term, or one that is no number, shows in the exponent of the first sum.
    ([a, b, c], (rest.to_bits() << 1) | ((a ^ STEPS[0].0.to_bits()) >> 52))
}

impl<T: Score> Window<T> {
    /// Chunks between two flushes.
    pub(crate) const ROOM: u32 = (1 << 11) / (PLACES / SUMS) as u32;

    pub(crate) const ZERO: Self =
        Self { sums: [[0; SUMS]; STEPS.len()], chunks: 0, format: PhantomData };

    /// Adds the terms that fit, and gives the others to `misfit`. At most [`ROOM`](Self::ROOM) times between two flushes.
    ///
    /// `f32` fits from 2⁻⁵³ on, `f64` from 2⁻⁷⁵ on, and 0.
    #[inline(always)]
    pub(crate) fn add(&mut self, terms: &[T; PLACES], misfit: impl FnMut(T)) {
        self.chunks += 1;
        let mut misfits = 0;
        let [mut first, mut second, mut third] = self.sums;
        for i in 0..SUMS {
            let ([a, b, c], left) = split(terms[i]);
            let ([d, e, f], also_left) = split(terms[i + SUMS]);
            first[i] = first[i].wrapping_add(a.wrapping_add(d));
            second[i] = second[i].wrapping_add(b.wrapping_add(e));
            third[i] = third[i].wrapping_add(c.wrapping_add(f));
            misfits |= left | also_left;
        }
        self.sums = [first, second, third];
        if misfits != 0 {
            self.take_back(terms, misfit);
        }
    }

    /// Replaces terms that do not fit by 0.
    #[cold]
    #[inline(never)]
    fn take_back(&mut self, terms: &[T; PLACES], mut misfit: impl FnMut(T)) {
        for (i, &term) in terms.iter().enumerate() {
            let (bits, left) = split(term);
            if left == 0 {
                continue;
            }
            let (nothing, _) = split(T::zero());
            for ((places, bits), nothing) in self.sums.iter_mut().zip(bits).zip(nothing) {
                places[i % SUMS] = places[i % SUMS].wrapping_sub(bits).wrapping_add(nothing);
            }
            misfit(term);
        }
    }

    /// Whether the next chunk needs a flush before it.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.chunks >= Self::ROOM
    }

    /// Moves what is in the window to `sum`.
    #[inline(never)]
    pub(crate) fn flush(&mut self, sum: &mut ExactSum) {
        if self.chunks == 0 {
            return;
        }
        let (nothing, _) = split(T::zero());
        for ((places, (_, unit)), nothing) in self.sums.iter().zip(STEPS).zip(nothing) {
            let constants = nothing.wrapping_mul(u64::from(self.chunks) * (PLACES / SUMS) as u64);
            let integer = |&place: &u64| i128::from(place.wrapping_sub(constants).cast_signed());
            sum.add_integer(places.iter().map(integer).sum(), unit);
        }
        *self = Self::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::{PLACES, STEPS, Window};
    use crate::reduce::exact::ExactSum;
    use crate::score::Score;

    /// Magnitudes from here on do not fit.
    const END: f64 = (1_u64 << 26) as f64;

    /// The largest number that is not rounded to the end.
    const LARGEST: f64 = END - 1.0 / (1_u64 << 25) as f64;

    #[test]
    fn each_step_takes_what_the_one_before_leaves() {
        let mut range = END;
        for (constant, unit) in STEPS {
            let unit = 2.0_f64.powi(unit);
            // The sums have one exponent, and the unit is their last place.
            assert!(constant - range >= constant / 1.5 && constant + range <= constant / 0.75);
            assert_eq!(constant.next_up() - constant, unit);
            // An integer has at most 51 bits and a sign.
            assert!(range / unit <= 2.0_f64.powi(51));
            range = unit / 2.0;
        }
    }

    /// What does not fit among some terms.
    fn misfits<T: Score>(window: &mut Window<T>, terms: &[T; PLACES]) -> Vec<u64> {
        let mut found = Vec::new();
        window.add(terms, |term| found.push(term.widen().to_bits()));
        found
    }

    #[test]
    fn a_window_is_the_sum_of_what_fits() {
        let numbers = [0.0, 1.0, 0.1, 1e-9, 3e7, END, 1e300, 2.0_f64.powi(-75), 1e-23, 5e-324];
        let specials = [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, -0.7, LARGEST];
        let terms: [f64; PLACES] = std::array::from_fn(|i| {
            let sign = if i % 3 == 0 { -1.0 } else { 1.0 };
            let special = i.checked_sub(numbers.len()).and_then(|i| specials.get(i)).copied();
            special.unwrap_or(sign * numbers[i % numbers.len()])
        });
        let short = terms.map(|x| x as f32);
        let fits = |x: f64, least| x == 0.0 || (2.0_f64.powi(least)..END).contains(&x.abs());
        let bits = |terms: &[f64], least| -> Vec<u64> {
            terms.iter().filter(|x| !fits(**x, least)).map(|x| x.to_bits()).collect()
        };
        let (mut window, mut short_window) = (Window::ZERO, Window::ZERO);
        let (mut found, mut expected) = (ExactSum::ZERO, ExactSum::ZERO);
        for _ in 0..Window::<f64>::ROOM {
            assert_eq!(misfits(&mut window, &terms), bits(&terms, -75));
            // A power of two fits from the last unit on, and there are three.
            let short_misfits = misfits(&mut short_window, &short);
            let wide = short.map(f64::from);
            assert_eq!(short_misfits.len() + 3, bits(&wide, -53).len());
            for x in terms.iter().filter(|x| fits(**x, -75)) {
                expected.add(*x);
            }
            for x in wide.iter().filter(|x| !short_misfits.contains(&x.to_bits())) {
                expected.add(*x);
            }
        }
        assert!(window.is_full() && short_window.is_full());
        // Once more: nothing is left.
        for _ in 0..2 {
            window.flush(&mut found);
            short_window.flush(&mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_full_window_holds_the_largest_terms() {
        let (mut found, mut expected) = (ExactSum::ZERO, ExactSum::ZERO);
        let (mut window, terms) = (Window::ZERO, [LARGEST; PLACES]);
        while !window.is_full() {
            assert!(misfits(&mut window, &terms).is_empty());
            for x in terms {
                expected.add(x);
            }
        }
        window.flush(&mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn one_misfit_in_any_place_is_seen() {
        for misfit in [1e300, END, -END.next_up(), f64::NAN, f64::INFINITY, 1e-40] {
            for i in 0..PLACES {
                let mut terms = [1.0; PLACES];
                terms[i] = misfit;
                assert_eq!(misfits(&mut Window::ZERO.clone(), &terms), [misfit.to_bits()]);
            }
        }
    }
}
