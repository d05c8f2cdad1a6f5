//! [`Pairs`] of scores of 16 bits whose other columns and results are `f32`.

use super::layout::Strided;
use super::options::check_len;
use super::pairs::Pairs;
use crate::error::Error;
use crate::kernel::{Level, Scores};
use crate::score::Half;

impl<'a> Pairs<'a, f32> {
    /// Pairs `chosen[i]` with `rejected[i]`, scores of 16 bits, as a batch of `f32`: margins, weights, labels, losses and
    /// gradients are `f32`. Needs the feature `half`.
    ///
    /// An `f16` or `bf16` *is* an `f32`, so the bits of all results are those of scores that were converted beforehand.
    /// They are converted on the way instead, 128 at a time, and nothing is allocated.
    ///
    /// For training: a gradient of a mean over some thousand pairs is below the smallest `f16`, so loss scaling
    /// apart it wants `f32`. [`Pairs::new`] over the same slices is the batch with everything in the format of the
    /// scores.
    ///
    /// ```
    /// use half::f16;
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let (chosen, rejected) = ([2.5, 0.0].map(f16::from_f32), [1.0, 0.5].map(f16::from_f32));
    /// let (mut d_chosen, mut d_rejected) = ([0.0_f32; 2], [0.0; 2]);
    /// let pairs = Pairs::widened(&chosen, &rejected)?.with_margins(&[0.1, 0.0])?;
    /// let loss = pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    ///
    /// // (log(1 + e^−1.4) + log(1 + e^0.5)) / 2
    /// assert!((loss - ((-1.4_f64).exp().ln_1p() + 0.5_f64.exp().ln_1p()) / 2.0).abs() < 1e-8);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ.
    pub fn widened<H: Half>(chosen: &'a [H], rejected: &'a [H]) -> Result<Self, Error> {
        Self::widened_strided(Strided::contiguous(chosen), Strided::contiguous(rejected))
    }

    /// [`widened`](Pairs::widened) pairs of element i of one view with element i of another, as
    /// [`strided`](Pairs::strided) makes them.
    ///
    /// ```
    /// use half::f16;
    /// use pairwise_loss::{Logistic, Pairs, Strided};
    ///
    /// // Scores of a row-major matrix `[pairs, 2]`.
    /// let scores = [300.0, 0.0, 1.0, 1.0].map(f16::from_f32);
    /// let (chosen, rejected) = (Strided::new(&scores, 0, 2, 2)?, Strided::new(&scores, 1, 2, 2)?);
    /// let mut losses = [0.0_f32; 2];
    /// Pairs::widened_strided(chosen, rejected)?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [0.0, 2.0_f32.ln()]); // log(1 + e⁻³⁰⁰) is no f32
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ.
    pub fn widened_strided<H: Half>(
        chosen: Strided<'a, H>,
        rejected: Strided<'a, H>,
    ) -> Result<Self, Error> {
        check_len("rejected", rejected.len(), "chosen", chosen.len())?;
        let level = Level::best();
        let scores = |view: Strided<'a, H>| {
            let (data, stride) = view.parts();
            Scores::Widened { data: H::slice(data), stride, level }
        };
        Ok(Self::of_scores(scores(chosen), scores(rejected), chosen.len()))
    }
}
