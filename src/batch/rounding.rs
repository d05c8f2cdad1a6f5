//! What rounding of the scores does to the order of pairs.

use super::options::check_len;
use super::pairs::Pairs;
use crate::error::Error;
use crate::score::Score;
use core::cmp::Ordering;

impl<T: Score> Pairs<'_, T> {
    /// The number of pairs that are tied, c = r, only because their scores were rounded: those in which `master`, the same
    /// pairs with the scores as they were before, has c ≠ r. Pairs of weight 0 do not count; margins and labels play no
    /// part.
    ///
    /// Scores of 16 bits tie often: beside 10, two `bf16` are 1/16 apart. Such a pair has the gradient ∓½ whichever
    /// side won, and counts as wrong in [`Ties::Wrong`](crate::Ties::Wrong). From the rounded scores alone these
    /// ties cannot be told from true ones; [`Metrics`](crate::Metrics) counts both.
    ///
    /// Scores that both became the same infinity are tied as well. A NaN is never tied.
    ///
    /// ```
    /// use pairwise_loss::Pairs;
    ///
    /// let (chosen, rejected) = ([10.01_f64, 3.0, 2.0], [10.0, 3.0, 1.0]);
    /// let round = |x: f64| (x * 16.0).round_ties_even() / 16.0;
    /// let rounded = (chosen.map(round), rejected.map(round));
    /// let master = Pairs::new(&chosen, &rejected)?;
    /// assert_eq!(Pairs::new(&rounded.0, &rounded.1)?.ties_by_rounding(&master)?, 1);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `master` has another number of pairs.
    pub fn ties_by_rounding<U: Score>(&self, master: &Pairs<'_, U>) -> Result<u64, Error> {
        check_len("master", master.len(), "the rounded batch", self.len())?;
        let weights = self.options.weights();
        let is_tied_by_rounding = |&i: &usize| {
            let counts = weights.and_then(|weights| weights.get(i)).is_none_or(|&w| w > T::zero());
            let tied = self.chosen.get(i).zip(self.rejected.get(i)).is_some_and(|(c, r)| c == r);
            let apart = master.chosen.get(i).zip(master.rejected.get(i));
            counts
                && tied
                && apart.and_then(|(c, r)| c.partial_cmp(&r)).is_some_and(Ordering::is_ne)
        };
        Ok((0..self.len()).filter(is_tied_by_rounding).count() as u64)
    }
}
