//! [`ExactVector`], and the part of its integers that ranks exchange.
//!
//! (a) A sum is a [`Total`] of terms of weight 1, the exact sum that the crate has anyway. Terms wait in a buffer, as a
//!     total takes many at a time best.
//! (b) A total has 70 limbs of 32 bits for any f64. The terms of a gradient are of similar size and need few of them: what
//!     is exchanged is the limbs from the lowest to the highest that any rank uses, and the sign above them.
//! (c) The limbs of Σ w are those of the number of terms, and are not exchanged.

use std::ops::Range;

use pairwise_loss::{Error, Total};

/// How many terms of a coordinate wait.
const MOST_PENDING: usize = 512;

/// The limbs of a total, as [`Total::as_limbs`] says: a sum of radix 2^32 whose last limb has the sign.
const TERMS: Range<usize> = 0..70;
const SIGN: usize = TERMS.end - 1;
const MASK: i64 = (1 << 32) - 1;
/// The limb of Σ w that is worth 1: bit 0 of the first is worth 2^-1088.
const ONE: usize = TERMS.end + 1088 / 32;
/// How many terms there are, and how many of them are NaN, +∞ and −∞.
const COUNTS: Range<usize> = 2 * TERMS.end..Total::LIMBS;

/// A sum for each coordinate of a vector, without any rounding before it is read.
///
/// For gradients of parameters: a pair's gradient with respect to its scores times the features. Each term is an f64,
/// rounded as you please, but from nothing but the pair itself; then the sums don't depend on the order in which terms
/// are added, nor on who adds them, and are within half a unit in the last place of the sum of the terms.
///
/// ```
/// use pairwise_loss_mpi::ExactVector;
///
/// let mut sums = ExactVector::zeros(2);
/// sums.add(0, 1e16);
/// sums.add_scaled(0.5, [(0, 2.0), (1, 3.0)]); // a factor times a sparse row
/// sums.add_slice(&[-1e16, 0.25]);
/// assert_eq!(sums.sums(), [1.0, 1.75]);
/// ```
///
/// NaN and infinite terms make their coordinate what they make of a [`Total`].
///
/// A coordinate takes 1.2 kB of memory, and up to 4 kB more for terms that wait.
#[derive(Clone, Debug)]
pub struct ExactVector {
    coordinates: Vec<Coordinate>,
}

#[derive(Clone, Debug, Default)]
struct Coordinate {
    total: Total,
    pending: Vec<f64>,
}

impl Coordinate {
    fn add(&mut self, term: f64) {
        self.pending.push(term);
        if self.pending.len() == MOST_PENDING {
            self.total.extend(self.pending.drain(..));
        }
    }

    fn into_total(mut self) -> Total {
        self.total.extend(self.pending);
        self.total
    }
}

impl ExactVector {
    /// `len` sums of nothing.
    pub fn zeros(len: usize) -> Self {
        Self { coordinates: vec![Coordinate::default(); len] }
    }

    /// The number of coordinates.
    pub fn len(&self) -> usize {
        self.coordinates.len()
    }

    /// Whether there are no coordinates.
    pub fn is_empty(&self) -> bool {
        self.coordinates.is_empty()
    }

    /// Adds a term to a coordinate.
    ///
    /// # Panics
    /// If there is no such coordinate.
    pub fn add(&mut self, coordinate: usize, term: f64) {
        self.coordinates[coordinate].add(term);
    }

    /// Adds `factor` times a row of (coordinate, value). Each product is rounded to an f64.
    ///
    /// # Panics
    /// If there is no such coordinate.
    pub fn add_scaled(&mut self, factor: f64, row: impl IntoIterator<Item = (usize, f64)>) {
        for (coordinate, value) in row {
            self.add(coordinate, factor * value);
        }
    }

    /// Adds a term to every coordinate, such as the gradient of one micro-batch.
    ///
    /// # Panics
    /// If there is not one term a coordinate.
    pub fn add_slice(&mut self, terms: &[f64]) {
        assert_eq!(terms.len(), self.len(), "one term a coordinate");
        for (coordinate, &term) in self.coordinates.iter_mut().zip(terms) {
            coordinate.add(term);
        }
    }

    /// The sums, each correctly rounded.
    pub fn sums(self) -> Vec<f64> {
        self.into_totals().iter().map(Total::sum).collect()
    }

    /// The exact sums: to merge them by other means than MPI, or to store them.
    pub fn into_totals(self) -> Vec<Total> {
        self.coordinates.into_iter().map(Coordinate::into_total).collect()
    }

    pub(crate) fn from_totals(totals: Vec<Total>) -> Self {
        let coordinate = |total| Coordinate { total, pending: Vec::new() };
        Self { coordinates: totals.into_iter().map(coordinate).collect() }
    }
}

/// Which limbs of the sums are exchanged: those from `low` up to `high`, and the sign in place of the limb `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) low: usize,
    pub(crate) high: usize,
}

impl Window {
    /// What these totals need. The window of several ranks reaches from the least `low` to the greatest `high`.
    pub(crate) fn of(totals: &[Total]) -> Self {
        let nothing = Self { low: SIGN, high: 0 };
        totals.iter().map(|total| &total.as_limbs()[TERMS]).fold(nothing, |window, limbs| {
            // Above the highest limb in use there are only repetitions of the sign.
            let repeated = limbs[SIGN] & MASK;
            let high = limbs[..SIGN].iter().rposition(|&limb| limb != repeated);
            let low = limbs.iter().position(|&limb| limb != 0);
            Self {
                low: window.low.min(low.unwrap_or(SIGN)),
                high: window.high.max(high.map_or(0, |limb| limb + 1)),
            }
        })
    }

    fn limbs(self) -> Range<usize> {
        self.low.min(self.high)..self.high
    }

    /// How many integers a coordinate has.
    fn width(self) -> usize {
        self.limbs().len() + 1 + COUNTS.len()
    }

    /// The integers of all coordinates, whose element-wise sum over ranks is that of the merged totals.
    pub(crate) fn pack(self, totals: &[Total]) -> Vec<i64> {
        let mut packed = Vec::with_capacity(totals.len() * self.width());
        for limbs in totals.iter().map(Total::as_limbs) {
            packed.extend(&limbs[self.limbs()]);
            packed.push(limbs[SIGN]);
            packed.extend(&limbs[COUNTS]);
        }
        packed
    }

    pub(crate) fn unpack(self, packed: &[i64]) -> Result<Vec<Total>, Error> {
        let total = |packed: &[i64]| {
            let (sum, counts) = packed.split_at(self.limbs().len() + 1);
            let mut limbs = [0; Total::LIMBS];
            limbs[self.limbs().start..=self.high].copy_from_slice(sum);
            limbs[ONE] = counts[0];
            limbs[COUNTS].copy_from_slice(counts);
            Total::from_limbs(&limbs)
        };
        packed.chunks_exact(self.width()).map(total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ExactVector, MOST_PENDING, Window};
    use pairwise_loss::Total;

    /// What the collective does, for vectors of equal length.
    fn all_reduce(ranks: Vec<ExactVector>) -> (Window, Vec<Total>) {
        let ranks: Vec<_> = ranks.into_iter().map(ExactVector::into_totals).collect();
        let windows = ranks.iter().map(|totals| Window::of(totals));
        let window = windows
            .reduce(|a, b| Window { low: a.low.min(b.low), high: a.high.max(b.high) })
            .expect("there are ranks");
        let packed = ranks.iter().map(|totals| window.pack(totals));
        let sum = packed
            .reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect())
            .expect("there are ranks");
        (window, window.unpack(&sum).expect("the limbs are those of totals"))
    }

    /// Ranks whose terms are those of the columns of `terms`, dealt out in turn, and what they are to merge to.
    fn dealt(ranks: usize, terms: &[Vec<f64>]) -> (Vec<ExactVector>, Vec<Total>) {
        let mut vectors = vec![ExactVector::zeros(terms.len()); ranks];
        for (coordinate, terms) in terms.iter().enumerate() {
            for (i, &term) in terms.iter().enumerate() {
                // Rank 0 gets most of them.
                vectors[(i % 7) * ranks / 7 * (i % 3) / 2].add(coordinate, term);
            }
        }
        (vectors, terms.iter().map(|terms| terms.iter().copied().collect()).collect())
    }

    #[test]
    fn the_merge_is_the_total_of_all_terms() {
        let huge = f64::MAX;
        let tiny = f64::from_bits(1);
        let columns: [Vec<f64>; 9] = [
            vec![],
            vec![0.0, -0.0],
            vec![1.0],
            vec![-1.0; 20],
            vec![0.1, -0.1, 0.3, -0.3],
            (0..3 * MOST_PENDING as u32).map(|i| f64::from(i).sin()).collect(),
            vec![huge, huge, huge, -1.5, -tiny],
            vec![-huge, -huge, 3.0, tiny, 2.0_f64.powi(32), -(2.0_f64.powi(64))],
            vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, f64::INFINITY],
        ];
        for ranks in 1..=5 {
            // Each column alone, so that each window turns up, and all of them.
            for column in &columns {
                let (vectors, expected) = dealt(ranks, std::slice::from_ref(column));
                assert_eq!(all_reduce(vectors).1, expected, "{ranks} ranks, {column:?}");
            }
            let (vectors, expected) = dealt(ranks, &columns);
            assert_eq!(all_reduce(vectors).1, expected, "{ranks} ranks");
        }
    }

    #[test]
    fn the_window_is_as_narrow_as_the_terms() {
        // Bit 0 of limb 34 is worth 1.
        let window = |terms: &[f64]| {
            let (vectors, _) = dealt(2, &[terms.to_vec()]);
            let Window { low, high } = all_reduce(vectors).0;
            (low, high)
        };
        assert_eq!(window(&[1.0]), (34, 35));
        assert_eq!(window(&[-1.0]), (34, 34)); // the sign is all of it
        assert_eq!(window(&[-2.0]), (34, 35));
        assert_eq!(window(&[2.0_f64.powi(-32), 2.0_f64.powi(32)]), (33, 36));
        assert_eq!(window(&[f64::from_bits(1), f64::MAX]), (0, 66)); // f64::MAX is below 2^1024
        assert_eq!(window(&[0.0]), (69, 0));
    }

    #[test]
    fn sums_are_rounded_once() {
        let mut vector = ExactVector::zeros(3);
        vector.add_slice(&[1e16, 1.0, f64::MAX]);
        vector.add_slice(&[1.0, 2.0_f64.powi(-53), f64::MAX]);
        vector.add_slice(&[-1e16, 2.0_f64.powi(-80), -f64::MAX]);
        assert_eq!((vector.len(), vector.is_empty()), (3, false));
        assert_eq!(vector.sums(), [1.0, 1.0_f64.next_up(), f64::MAX]);
    }
}
