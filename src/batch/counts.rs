use super::comparisons::Comparisons;
use super::options::{Reduction, check_len};
use super::scatter::{Term, canonical};
use crate::error::Error;
use crate::index::Index;
use crate::kernel::Level;
use crate::loss::PairLoss;
use crate::reduce::Total;
use crate::score::Score;

/// Grouped counts: how often each of two entries was preferred to the other, the rows of a sparse matrix of wins.
///
/// Row k says that entry `first[k]` won `first_wins[k]` of its comparisons with entry `second[k]`, and lost
/// `second_wins[k]`. It stands for the loss w₁·L(z) + w₂·L(−z), `z = s[first] − s[second] + offset`, and so for as many
/// [`Comparisons`]. Counts are any numbers ≥ 0: a tie may be half a win for each.
///
/// With wᵢⱼ wins of i over j, nᵢⱼ = wᵢⱼ + wⱼᵢ and pᵢⱼ = σ(sᵢ − sⱼ), the logistic loss has the gradient
/// Σⱼ (nᵢⱼ·pᵢⱼ − wᵢⱼ) and the Hessian product Σⱼ nᵢⱼ·pᵢⱼ·pⱼᵢ·(vᵢ − vⱼ).
///
/// A row has two terms, one a side, each as of a comparison with that weight: [`sides`](Counts::sides). Those of w
/// equal comparisons differ from it by their rounding alone, at most half a unit in the last place each.
///
/// ```
/// use pairwise_loss::{Counts, Logistic, Reduction};
///
/// // 0 against 1: three to one. At the maximum of the likelihood 0 is ahead by log 3.
/// let scores = [3.0_f64.ln(), 0.0];
/// let counts = Counts::new(&scores, &[0], &[1], &[3.0], &[1.0])?;
/// let mut gradient = [0.0; 2];
/// let deviance = 2.0 * counts.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
/// assert!((deviance - 2.0 * (3.0 * (4.0_f64 / 3.0).ln() + 4.0_f64.ln())).abs() < 1e-14);
/// assert!(gradient[0].abs() < 1e-15);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a, T> {
    sides: [Comparisons<'a, T>; 2],
}

impl<'a, T: Score> Counts<'a, T> {
    /// Row k counts the comparisons of entries `first[k]` and `second[k]` of `scores`. Two entries may have several
    /// rows. Counts are finite and ≥ 0; a count of 0 removes its side of the row.
    ///
    /// ```
    /// use pairwise_loss::Counts;
    ///
    /// // 0 beat 1 three times and lost once; 1 beat 2 twice, and drew once.
    /// let counts = Counts::new(&[0.0_f64; 3], &[0, 1], &[1, 2], &[3.0, 2.5], &[1.0, 0.5])?;
    /// assert_eq!((counts.len(), counts.is_empty()), (2, false));
    /// assert!(Counts::new(&[0.0_f64; 2], &[0], &[1], &[3.0], &[-1.0]).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Comparisons::new`] and [`Comparisons::with_weights`].
    pub fn new<I: Index>(
        scores: &'a [T],
        first: &'a [I],
        second: &'a [I],
        first_wins: &'a [T],
        second_wins: &'a [T],
    ) -> Result<Self, Error> {
        let rows = Comparisons::named(scores, ("first", first), ("second", second))?;
        let wins = |name, rows: Comparisons<'a, T>, wins: &'a [T]| {
            check_len(name, wins.len(), "first", rows.len())?;
            rows.with_weights(wins).map_err(|error| match error {
                Error::InvalidElement { position, value, domain, .. } => {
                    Error::InvalidElement { name, position, value, domain }
                }
                other => other,
            })
        };
        let first = wins("first_wins", rows, first_wins)?;
        Ok(Self { sides: [first, wins("second_wins", rows.turned(), second_wins)?] })
    }

    /// Adds an offset to the margin of each row: the advantage of the first over the second. Offsets are data, like
    /// scores: NaN gives NaN.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic, Reduction};
    ///
    /// // 0 is weaker by 2, and plays at home, which is worth 2.
    /// let counts = Counts::new(&[0.0_f64, 2.0], &[0], &[1], &[3.0], &[1.0])?.with_offsets(&[2.0])?;
    /// let mut gradient = [0.0; 2];
    /// counts.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
    /// assert_eq!(gradient, [-1.0, 1.0]); // z = 0: (3 + 1)·½ − 3
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many offsets as rows.
    pub fn with_offsets(self, offsets: &'a [T]) -> Result<Self, Error> {
        check_len("offsets", offsets.len(), "first", self.len())?;
        let [first, second] = self.sides;
        // Turned twice: the offset has the other sign there.
        let second = second.turned().with_offsets(offsets)?.turned();
        Ok(Self { sides: [first.with_offsets(offsets)?, second] })
    }

    /// Runs at another instruction set than the best one: for tests and benchmarks, the results are the same bits.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Level, Logistic};
    ///
    /// let counts = Counts::new(&[0.3_f32, 0.0], &[0], &[1], &[3.0], &[1.0])?;
    /// for level in Level::available() {
    ///     assert_eq!(counts.with_level(level).total(Logistic), counts.total(Logistic));
    /// }
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { sides: self.sides.map(|side| side.with_level(level)) }
    }

    /// The wins of the first, and the wins of the second, as comparisons: for the verbs that are not here, and for sums
    /// among threads and chunks.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic, ScoreSum, ScoreSums};
    ///
    /// let scores = [0.3_f32, 0.0, -0.2];
    /// let counts = Counts::new(&scores, &[0, 1], &[1, 2], &[3.0, 1.0], &[2.0, 4.0])?;
    /// let mut memory = [ScoreSum::ZERO; 3];
    /// let mut sums = ScoreSums::new(&mut memory, 3)?;
    /// for side in counts.sides() {
    ///     side.add_hessian_diagonal_to_sums(Logistic, &mut sums)?;
    /// }
    /// let mut diagonal = [0.0; 3];
    /// sums.round_into(&mut diagonal)?;
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn sides(&self) -> [Comparisons<'a, T>; 2] {
        self.sides
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.sides[0].len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.sides[0].is_empty()
    }

    fn divisor(&self, reduction: Reduction) -> Result<(f64, f64), Error> {
        let [first, second] = &self.sides;
        first.options.common_divisor(&second.options, reduction, 2 * self.len())
    }

    /// The reduced loss. For `Mean` each side of a row with a count above 0 counts once; `WeightedMean` is the mean
    /// over the comparisons.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic, Reduction};
    ///
    /// let counts = Counts::new(&[0.0_f64; 2], &[0], &[1], &[3.0], &[1.0])?;
    /// // (3 + 1)·log 2; over two sides; over four comparisons.
    /// for (reduction, times) in [(Reduction::Sum, 4.0), (Reduction::Mean, 2.0), (Reduction::WeightedMean, 1.0)] {
    ///     let loss = counts.loss(Logistic, reduction)?;
    ///     assert!((loss - times * core::f64::consts::LN_2).abs() < 1e-15);
    /// }
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Comparisons::loss`].
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        let divisor = self.divisor(reduction)?;
        let [first, second] = self.sides.map(|side| side.partial(loss, divisor));
        Ok(first.plus(second).over(divisor))
    }

    /// The reduced loss, and its gradient with respect to the scores, one element a score: the terms of the first sides
    /// in the order of the rows, then those of the second, added in the format of the scores.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic, Reduction};
    ///
    /// let counts = Counts::new(&[0.0_f64; 3], &[0, 1], &[1, 2], &[3.0, 2.5], &[1.0, 0.5])?;
    /// let mut gradient = [0.0; 3];
    /// counts.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
    /// assert_eq!(gradient, [-1.0, 0.0, 1.0]); // 4·½ − 3, 4·½ − 1 + 3·½ − 2.5, 3·½ − 0.5
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Comparisons::loss_and_gradient`].
    pub fn loss_and_gradient<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let divisor = self.divisor(reduction)?;
        check_len("gradient", gradient.len(), "scores", self.sides[0].scores())?;
        gradient.fill(T::zero());
        let [first, second] = self.sides.map(|side| side.add_gradient(loss, divisor, gradient));
        canonical(gradient);
        Ok(first.plus(second).over(divisor))
    }

    /// The exact sum of the losses of both sides, each as [`Comparisons::losses_into`] reports it.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic};
    ///
    /// let total = Counts::new(&[100.0_f32, -100.0], &[0], &[1], &[3.0], &[2.0])?.total(Logistic);
    /// assert_eq!((total.sum(), total.len(), total.total_weight()), (3.0 * 0.0 + 2.0 * 200.0, 2, 5.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn total<L: PairLoss>(&self, loss: L) -> Total {
        let [first, second] = self.sides.map(|side| side.total(loss));
        first.merge(second)
    }

    /// Writes the diagonal of the Hessian of the sum of the losses, one element a score: Σⱼ nᵢⱼ·pᵢⱼ·pⱼᵢ under the
    /// logistic loss.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic};
    ///
    /// let counts = Counts::new(&[0.0_f64; 3], &[0, 1], &[1, 2], &[3.0, 2.5], &[1.0, 0.5])?;
    /// let mut diagonal = [0.0; 3];
    /// counts.hessian_diagonal_into(Logistic, &mut diagonal)?;
    /// assert_eq!(diagonal, [1.0, 1.75, 0.75]); // ¼ for each of 4, 4 + 3 and 3 comparisons
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Comparisons::hessian_diagonal_into`].
    pub fn hessian_diagonal_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.curvature(loss, Term::Unsigned, out)
    }

    /// Writes the product of the Hessian of the sum of the losses with a vector of one element a score.
    ///
    /// ```
    /// use pairwise_loss::{Counts, Logistic};
    ///
    /// // The first column of the Hessian: 4·¼ on the diagonal.
    /// let counts = Counts::new(&[0.0_f64; 3], &[0, 1], &[1, 2], &[3.0, 2.5], &[1.0, 0.5])?;
    /// let mut product = [0.0; 3];
    /// counts.hessian_vector_product_into(Logistic, &[1.0, 0.0, 0.0], &mut product)?;
    /// assert_eq!(product, [1.0, -1.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Comparisons::hessian_vector_product_into`].
    pub fn hessian_vector_product_into<L: PairLoss>(
        &self,
        loss: L,
        v: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        check_len("v", v.len(), "scores", self.sides[0].scores())?;
        self.curvature(loss, Term::Times(v), out)
    }

    fn curvature<L: PairLoss>(
        &self,
        loss: L,
        term: Term<'_, T>,
        out: &mut [T],
    ) -> Result<(), Error> {
        check_len("out", out.len(), "scores", self.sides[0].scores())?;
        out.fill(T::zero());
        self.sides.iter().for_each(|side| side.add_curvature(loss, term, out));
        canonical(out);
        Ok(())
    }
}
