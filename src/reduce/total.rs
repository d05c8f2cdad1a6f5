//! [`Total`]: the exact total of a loss, in a form that any all-reduce can merge.
//!
//! (a) [`Total`] is what leaves the crate: 144 integers in one array, always canonical, so that
//!     `==` on the integers is `==` on the totals and so that the element-wise sum over ranks is
//!     the merge.
//! (b) [`Accumulator`] is what a batch adds its terms to: the same sums with carries pending. A
//!     batch makes one, adds, and turns it into a `Total` at the end; what threads made is merged
//!     as `Total`s.
//! (c) Nothing here rounds; `sum`, `mean` and the others round once, when they are asked.
//!
//! Room: counts stay below 2^63. A canonical limb is below 2^32, so 2^31 of them add up below 2^63,
//! and the signed top limbs, −1 or 0, stay far from it. 2^60 terms below 2^1024 add up to less than
//! 2^1084 where the limbs below the top hold 2^1120.

use core::fmt;
use core::iter::Sum;
use core::ops::AddAssign;

use super::exact::{ExactSum, LIMBS, NonFinite};
use super::window::{PLACES, Window};
use crate::error::Error;
use crate::score::Score;

/// Where things are among the limbs of a total.
const WEIGHTS: usize = LIMBS;
const TERMS: usize = 2 * LIMBS;
const NAN: usize = TERMS + 1;
const POSITIVE: usize = TERMS + 2;
const NEGATIVE: usize = TERMS + 3;

/// The exact total of a loss over any number of pairs, batches, threads and machines.
///
/// It holds Σ w·loss of the pairs as they are reported one by one, that is each rounded once to its
/// format, Σ w, and how many pairs there were. From there on nothing is rounded until a number is
/// asked for, and that one is correctly rounded. So the same pairs make the same total, in any
/// order, however they are sharded and merged.
///
/// ```
/// use pairwise_loss::Total;
///
/// let losses = [1e16, 1.0, -1e16, 2.0];
/// assert_eq!(losses.iter().sum::<f64>(), 2.0);                  // in f64
/// let total: Total = losses.into_iter().collect();
/// assert_eq!((total.sum(), total.mean()), (3.0, Some(0.75)));   // exact
///
/// let (first, second) = losses.split_at(1);
/// let first: Total = first.iter().copied().collect();
/// let second: Total = second.iter().copied().collect();
/// assert_eq!(second.merge(first), total);
/// ```
///
/// # Special values
/// A NaN term makes the sum and the means NaN, and so do +∞ and −∞ together; one kind of ∞ alone
/// makes them that ∞. A pair of weight 0 is no term: it isn't counted, even where its loss is NaN.
/// Finite terms with a sum beyond the range of f64 have an infinite `sum()` and still the right
/// mean. Terms that cancel sum up to +0.
///
/// # Across machines
/// [`as_limbs`](Self::as_limbs) is the whole state as [`Total::LIMBS`] integers. Summing them
/// element by element over the ranks, with an ordinary all-reduce(SUM) on i64, and handing the
/// result to [`from_limbs`](Self::from_limbs) is the merge of all ranks.
///
/// # Room
/// For 2^31 ranks in one such sum: a limb is below 2^32, so that 2^31 of them stay below 2^63. What
/// `from_limbs` makes of it has limbs below 2^32 again. For 2^60 terms altogether, of any size: they
/// add up to less than the 2^1120 that `from_limbs` takes, and their number stays below 2^63, where
/// counts end. They stay there instead of wrapping.
#[derive(Clone, PartialEq, Eq)]
pub struct Total {
    /// The canonical limbs of Σ w·loss, those of Σ w, then the counts of terms, NaN, +∞ and −∞.
    limbs: [i64; Self::LIMBS],
}

impl Total {
    /// How many integers [`as_limbs`](Self::as_limbs) returns and [`from_limbs`](Self::from_limbs)
    /// takes.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// assert_eq!(Total::from_limbs(&[0; Total::LIMBS])?, Total::default());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub const LIMBS: usize = 2 * LIMBS + 4;

    /// The total of the terms of both.
    ///
    /// Associative and commutative; `Total::default()` is its identity. `+=` and `sum()` of an
    /// iterator do the same.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// let a: Total = [0.1, 0.2].into_iter().collect();
    /// let b: Total = [0.3].into_iter().collect();
    /// assert_eq!(a.clone().merge(b.clone()), b.merge(a));
    /// ```
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self += other;
        self
    }

    /// Σ w·loss, correctly rounded; ±∞ where it exceeds f64, 0 without terms.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// let total: Total = [1e16, 1.0, -1e16].into_iter().collect();
    /// assert_eq!(total.sum(), 1.0);
    /// let infinite: Total = [f64::MAX, f64::MAX].into_iter().collect();
    /// assert_eq!((infinite.sum(), Total::default().sum()), (f64::INFINITY, 0.0));
    /// ```
    pub fn sum(&self) -> f64 {
        self.non_finite().value().unwrap_or_else(|| self.terms().to_f64())
    }

    /// Σ w·loss divided by the number of terms, correctly rounded; `None` without terms.
    ///
    /// The terms are already weighted: with weights other than 1
    /// [`weighted_mean`](Self::weighted_mean) may be what is meant.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// let total: Total = [f64::MAX, f64::MAX, 1.0].into_iter().collect();
    /// assert_eq!(total.sum(), f64::INFINITY);
    /// assert_eq!(total.mean(), Some(f64::MAX / 1.5));
    /// assert_eq!(Total::default().mean(), None);
    /// ```
    pub fn mean(&self) -> Option<f64> {
        let mean = || self.terms().div_round(self.len());
        (!self.is_empty()).then(|| self.non_finite().value().unwrap_or_else(mean))
    }

    /// Σ w·loss divided by Σ w, correctly rounded; `None` without terms.
    ///
    /// Both sums are exact, and their quotient is rounded once. With weights of 1 it is the
    /// [`mean`](Self::mean).
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs};
    ///
    /// let pairs = Pairs::new(&[0.5_f32, 1.0], &[0.5, 2.0])?.with_weights(&[1.0, 3.0])?;
    /// let total = pairs.total(Hinge::new(1.0)?); // 1·1 + 3·2
    /// assert_eq!((total.sum(), total.len(), total.total_weight()), (7.0, 2, 4.0));
    /// assert_eq!((total.mean(), total.weighted_mean()), (Some(3.5), Some(1.75)));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn weighted_mean(&self) -> Option<f64> {
        let mean = || self.terms().div_round_by(&self.weights());
        (!self.is_empty()).then(|| self.non_finite().value().unwrap_or_else(mean))
    }

    /// Σ w, correctly rounded; 0 without terms.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let pairs = Pairs::new(&[0.0_f32; 3], &[0.0; 3])?.with_weights(&[0.5, 0.0, 2.0])?;
    /// assert_eq!(pairs.total(Logistic).total_weight(), 2.5);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn total_weight(&self) -> f64 {
        self.weights().to_f64()
    }

    /// The number of terms: of pairs with a weight above 0.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let pairs = Pairs::new(&[0.0_f32; 3], &[0.0; 3])?.with_weights(&[0.5, 0.0, 2.0])?;
    /// let total = pairs.total(Logistic);
    /// assert_eq!((total.len(), total.is_empty()), (2, false));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn len(&self) -> u64 {
        self.count(TERMS)
    }

    /// Whether there are no terms.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The total with these limbs, which are those of [`as_limbs`](Self::as_limbs) or the
    /// element-wise sum of those of up to 2^31 totals.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// let ranks: [Total; 3] = [vec![0.1; 5], vec![0.7], vec![]].map(|losses| losses.into_iter().collect());
    /// let mut reduced = [0; Total::LIMBS];
    /// for rank in &ranks {
    ///     for (sum, limb) in reduced.iter_mut().zip(rank.as_limbs()) {
    ///         *sum += limb;
    ///     }
    /// }
    /// assert_eq!(Total::from_limbs(&reduced)?, ranks.into_iter().sum());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidLimbs`] if the limbs can't have come from totals: there are not
    /// [`Total::LIMBS`] of them, a count is negative, more NaN and ∞ are counted than terms, a sum
    /// exceeds what 2^60 terms can reach, Σ w is negative, or a sum differs from 0 (Σ w: is 0)
    /// although nothing (something) was added to it.
    pub fn from_limbs(limbs: &[i64]) -> Result<Self, Error> {
        let invalid = |reason, position| Err(Error::InvalidLimbs { reason, position });
        let Ok(&limbs) = <&[i64; Self::LIMBS]>::try_from(limbs) else {
            return invalid("their number isn't Total::LIMBS", limbs.len());
        };
        for (position, &count) in limbs.iter().enumerate().skip(TERMS) {
            if count < 0 {
                return invalid("a count is negative", position);
            }
        }
        let finite =
            limbs[NAN..].iter().try_fold(limbs[TERMS], |left, &count| left.checked_sub(count));
        let Some(finite @ 0..) = finite else {
            return invalid("more NaN and ∞ than terms", TERMS);
        };

        let mut total = Self { limbs };
        let (terms, weights) = (total.terms(), total.weights());
        total.set(&terms, &weights);
        let top = |start: usize| start + LIMBS - 1;
        if !matches!(total.limbs[top(0)], -1 | 0) {
            return invalid("the sum exceeds that of 2^60 terms", top(0));
        }
        if finite == 0 && terms != ExactSum::ZERO {
            return invalid("a sum of no finite terms isn't 0", TERMS);
        }
        match total.limbs[top(WEIGHTS)] {
            ..0 => return invalid("the sum of weights is negative", top(WEIGHTS)),
            0 => {}
            1.. => return invalid("the sum of weights exceeds that of 2^60 terms", top(WEIGHTS)),
        }
        if total.is_empty() != (weights == ExactSum::ZERO) {
            return invalid("terms without a weight or a weight without terms", TERMS);
        }
        Ok(total)
    }

    /// The whole state as [`Total::LIMBS`] integers: equal for equal totals, on every machine.
    ///
    /// First 70 for Σ w·loss, in radix 2^32, least limb first, bit 0 worth 2^-1088, the last one
    /// signed; then 70 for Σ w in the same way; then the numbers of terms, of NaN, of +∞ and of −∞
    /// among them.
    ///
    /// ```
    /// use pairwise_loss::Total;
    ///
    /// let (a, b): (Total, Total) = ([0.5, 2.0].into_iter().collect(), [2.0, 0.5].into_iter().collect());
    /// assert_eq!(a.as_limbs(), b.as_limbs());
    /// assert_eq!(a.as_limbs().len(), Total::LIMBS);
    /// ```
    pub fn as_limbs(&self) -> &[i64] {
        &self.limbs
    }

    /// Σ w·loss over the finite terms.
    fn terms(&self) -> ExactSum {
        self.exact(0)
    }

    /// Σ w.
    fn weights(&self) -> ExactSum {
        self.exact(WEIGHTS)
    }

    /// The sum whose limbs start there.
    fn exact(&self, start: usize) -> ExactSum {
        let mut limbs = [0; LIMBS];
        limbs.copy_from_slice(&self.limbs[start..start + LIMBS]);
        ExactSum::from_limbs(&limbs)
    }

    /// Puts the canonical forms of both sums in place.
    fn set(&mut self, terms: &ExactSum, weights: &ExactSum) {
        self.limbs[..WEIGHTS].copy_from_slice(&terms.canonical());
        self.limbs[WEIGHTS..TERMS].copy_from_slice(&weights.canonical());
    }

    fn count(&self, position: usize) -> u64 {
        self.limbs[position].cast_unsigned()
    }

    fn non_finite(&self) -> NonFinite {
        NonFinite {
            nan: self.count(NAN),
            positive: self.count(POSITIVE),
            negative: self.count(NEGATIVE),
        }
    }
}

impl Default for Total {
    /// The total of no terms: the identity of [`merge`](Self::merge).
    fn default() -> Self {
        Self { limbs: [0; Self::LIMBS] }
    }
}

/// Prints what the total says rather than its limbs.
impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NonFinite { nan, positive, negative } = self.non_finite();
        f.debug_struct("Total")
            .field("sum", &self.sum())
            .field("total_weight", &self.total_weight())
            .field("len", &self.len())
            .field("nan", &nan)
            .field("positive_infinite", &positive)
            .field("negative_infinite", &negative)
            .finish()
    }
}

impl AddAssign<&Total> for Total {
    /// [`Total::merge`] in place.
    fn add_assign(&mut self, other: &Total) {
        let (mut terms, mut weights) = (self.terms(), self.weights());
        terms.merge(&other.terms());
        weights.merge(&other.weights());
        self.set(&terms, &weights);
        // Merging a total with itself 63 times would reach the end of i64. Better stuck there than
        // negative.
        for (count, &more) in self.limbs[TERMS..].iter_mut().zip(&other.limbs[TERMS..]) {
            *count = count.saturating_add(more);
        }
    }
}

impl AddAssign for Total {
    /// [`Total::merge`] in place.
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}

impl Sum for Total {
    /// All of them merged.
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), Self::merge)
    }
}

impl<'a> Sum<&'a Total> for Total {
    /// All of them merged.
    fn sum<I: Iterator<Item = &'a Self>>(totals: I) -> Self {
        totals.fold(Self::default(), |mut all, total| {
            all += total;
            all
        })
    }
}

impl Extend<f64> for Total {
    /// Adds terms of weight 1.
    fn extend<I: IntoIterator<Item = f64>>(&mut self, terms: I) {
        let (mut accumulator, mut terms) = (Accumulator::new(), terms.into_iter());
        loop {
            let (mut chunk, mut len) = ([0.0; PLACES], 0);
            for (slot, term) in chunk.iter_mut().zip(&mut terms) {
                *slot = term;
                len += 1;
            }
            accumulator.add(&mut chunk, len);
            if len < PLACES {
                break;
            }
        }
        *self += &accumulator.total();
    }
}

impl FromIterator<f64> for Total {
    /// The total of terms of weight 1.
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut total = Self::default();
        total.extend(terms);
        total
    }
}

/// A total in the making: what a batch, a block or a thread adds its terms to.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator<T> {
    /// The terms, already weighted, and the weights, of ordinary size, not yet in the sums.
    new_terms: Window<T>,
    new_weights: Window<T>,
    /// Σ w·loss over the finite terms, Σ w over the terms that came with one.
    sum: ExactSum,
    weights: ExactSum,
    non_finite: NonFinite,
    /// Terms that came with a weight above 0, and those of weight 1 that came without.
    weighted: u64,
    unweighted: u64,
}

impl<T: Score> Accumulator<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let (window, sum) = (Window::ZERO, ExactSum::ZERO);
        Self {
            new_terms: window,
            new_weights: window,
            sum: sum.clone(),
            weights: sum,
            non_finite: NonFinite::default(),
            weighted: 0,
            unweighted: 0,
        }
    }

    /// Adds the first `len` of these terms, of weight 1. The others are overwritten.
    #[inline(always)]
    pub(crate) fn add(&mut self, terms: &mut [T; PLACES], len: usize) {
        self.add_terms(terms, len);
        self.unweighted += len as u64;
    }

    /// Adds as many terms, already weighted, as there are weights, finite and ≥ 0. The other terms are overwritten.
    ///
    /// A term of weight 0 is not counted; it must be 0.
    #[inline(always)]
    pub(crate) fn add_weighted(&mut self, terms: &mut [T; PLACES], weights: &[T]) {
        self.add_terms(terms, weights.len());
        let mut padded = [T::zero(); PLACES];
        for (slot, &weight) in padded.iter_mut().zip(weights) {
            *slot = weight;
        }
        let sum = &mut self.weights;
        self.new_weights.add(&padded, |weight| sum.add(weight.widen()));
        self.weighted += padded.iter().map(|&weight| u64::from(weight > T::zero())).sum::<u64>();
    }

    /// Adds one term, already weighted, with its weight, if it has one. Weight 0 adds nothing.
    pub(crate) fn add_one(&mut self, term: T, weight: Option<T>) {
        match weight {
            None => self.unweighted += 1,
            Some(weight) if weight == T::zero() => return,
            Some(weight) => {
                self.weights.add(weight.widen());
                self.weighted += 1;
            }
        }
        self.sum.add_or_count(term.widen(), &mut self.non_finite);
    }

    #[inline(always)]
    fn add_terms(&mut self, terms: &mut [T; PLACES], len: usize) {
        if let Some(padded) = terms.get_mut(len..) {
            padded.fill(T::zero());
        }
        if self.new_terms.is_full() {
            self.flush();
        }
        let Self { new_terms, sum, non_finite, .. } = self;
        new_terms.add(terms, |term| sum.add_or_count(term.widen(), non_finite));
    }

    #[inline(never)]
    fn flush(&mut self) {
        self.new_terms.flush(&mut self.sum);
        self.new_weights.flush(&mut self.weights);
    }

    /// The total of what was added.
    #[inline(never)]
    pub(crate) fn total(&mut self) -> Total {
        self.flush();
        let mut weights = ExactSum::from_integer(u128::from(self.unweighted));
        if self.weighted > 0 {
            weights.merge(&self.weights);
        }
        let mut total = Total::default();
        total.set(&self.sum, &weights);
        let NonFinite { nan, positive, negative } = self.non_finite;
        let counts = [self.weighted + self.unweighted, nan, positive, negative];
        for (limb, count) in total.limbs[TERMS..].iter_mut().zip(counts) {
            *limb = count.cast_signed();
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::{Accumulator, PLACES, Total};

    /// The total of terms with weights.
    fn weighted(terms: &[f64], weights: &[f64]) -> Total {
        let mut accumulator = Accumulator::new();
        for (terms, weights) in terms.chunks(PLACES).zip(weights.chunks(PLACES)) {
            let mut chunk = [f64::NAN; PLACES];
            chunk[..terms.len()].copy_from_slice(terms);
            accumulator.add_weighted(&mut chunk, weights);
        }
        accumulator.total()
    }

    #[test]
    fn a_total_is_five_kinds_of_integers() {
        assert_eq!(Total::LIMBS, 144);
        let terms = [1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY];
        let total: Total = terms.into_iter().collect();
        let mut expected = [0; Total::LIMBS];
        (expected[34], expected[70 + 34]) = (1, 5);
        expected[140..].copy_from_slice(&[5, 1, 2, 1]);
        assert_eq!(total.as_limbs(), expected);
    }

    #[test]
    fn every_way_to_add_is_the_same() {
        let terms: Vec<f64> =
            [0.1, -3e300, 5e-324, f64::INFINITY, 0.0, 7.0].into_iter().cycle().take(75).collect();
        let all: Total = terms.iter().copied().collect();
        assert_eq!(all, terms.iter().map(|&term| Total::from_iter([term])).sum());
        assert_eq!(all, weighted(&terms, &[1.0; 75]));
        let mut mixed = Accumulator::new();
        for (i, &term) in terms.iter().enumerate() {
            let mut chunk = [term; PLACES];
            match i % 4 {
                0 => mixed.add(&mut chunk, 1),
                1 => mixed.add_weighted(&mut chunk, &[1.0]),
                2 => mixed.add_one(term, None),
                _ => mixed.add_one(term, Some(1.0)),
            }
            mixed.add_one(f64::NAN, Some(0.0));
        }
        assert_eq!(all, mixed.total());
    }

    #[test]
    fn weights_divide_and_weight_0_is_no_term() {
        let total = weighted(&[0.75, 0.0, 3.0, 0.0, 0.0], &[0.25, 0.0, 1.5, -0.0, 0.25]);
        assert_eq!((total.len(), total.sum(), total.total_weight()), (3, 3.75, 2.0));
        assert_eq!((total.mean(), total.weighted_mean()), (Some(1.25), Some(1.875)));

        let nothing = weighted(&[0.0], &[0.0]);
        assert_eq!(nothing, Total::default());
        assert_eq!(nothing.weighted_mean(), None);
    }

    #[test]
    fn the_weighted_mean_of_tiny_weights_and_of_weights_beyond_f64() {
        let tiny = weighted(&[1e-323, 5e-324], &[5e-324, 5e-324]);
        assert_eq!(tiny.weighted_mean(), Some(1.5));
        let huge = weighted(&[f64::MAX, f64::MAX], &[f64::MAX, f64::MAX]);
        assert_eq!((huge.sum(), huge.total_weight()), (f64::INFINITY, f64::INFINITY));
        assert_eq!(huge.weighted_mean(), Some(1.0));
    }
}
