//! A prior on scores, which makes all ratings finite.

use crate::error::Error;
use crate::score::Score;

/// Independent normal distributions of mean 0 and variance σ² on all scores: L2 regularisation with λ = 1/σ² in ½λ‖s‖².
///
/// # Definition
/// −log density = Σᵢ sᵢ²/(2σ²), without the constant ½·log(2πσ²) a score. Gradient sᵢ/σ², Hessian 1/σ² on the diagonal.
///
/// It belongs to the *sum* of the losses, the negative log-likelihood. With a mean over n comparisons the variance is
/// n·σ²: both divided by n. A variance of 1 says that a favourite of 3 to 1 is usual and one of 20 to 1 rare: the
/// margin of two entries has variance 2σ².
///
/// All verbs but `value` *add* to what the verbs of [`Comparisons`](crate::Comparisons) have written. With a prior,
/// undefeated and unconnected entries have finite scores as well, and the Hessian is positive definite.
///
/// # Accuracy
/// Value: 2 ulp. What is added is within 1 ulp before it is added in the format of the scores.
///
/// ```
/// use pairwise_loss::{Comparisons, GaussianPrior, Logistic, Reduction};
///
/// let (scores, prior) = ([0.5_f64, -0.5], GaussianPrior::new(2.0)?);
/// let games = Comparisons::new(&scores, &[0], &[1])?;
/// let mut gradient = [0.0; 2];
/// let mut value = games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
/// value += prior.value(&scores);
/// prior.add_gradient(&scores, &mut gradient)?;
/// assert!((value - ((-1.0_f64).exp().ln_1p() + (0.25 + 0.25) / 4.0)).abs() < 1e-15);
/// assert!((gradient[0] - (-pairwise_loss::sigmoid(-1.0) + 0.5 / 2.0)).abs() < 1e-15);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianPrior {
    variance: f64,
}

impl GaussianPrior {
    /// A prior of that variance.
    ///
    /// ```
    /// use pairwise_loss::GaussianPrior;
    ///
    /// assert!(GaussianPrior::new(2.0).is_ok() && GaussianPrior::new(0.0).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the variance is not finite and > 0, or its reciprocal is not finite.
    pub fn new(variance: f64) -> Result<Self, Error> {
        if variance > 0.0 && variance.is_finite() && variance.recip().is_finite() {
            return Ok(Self { variance });
        }
        let domain = "finite and > 0, with a finite reciprocal";
        Err(Error::InvalidParameter { name: "variance", value: variance, domain })
    }

    /// Σᵢ sᵢ²/(2σ²): 0 for no scores, NaN where one is NaN.
    ///
    /// ```
    /// use pairwise_loss::GaussianPrior;
    ///
    /// assert_eq!(GaussianPrior::new(2.0)?.value(&[1.0_f64, -3.0]), (1.0 + 9.0) / 4.0);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn value<T: Score>(self, scores: &[T]) -> f64 {
        let (mut sum, mut lost) = (0.0, 0.0);
        for score in scores {
            let score = score.widen();
            let term = score * (score / self.variance);
            let next: f64 = sum + term;
            let part = next - sum;
            lost += (sum - (next - part)) + (term - part);
            sum = next;
        }
        let value = 0.5 * if sum.is_finite() { sum + lost } else { sum };
        if value.is_nan() { f64::NAN } else { value }
    }

    /// Adds sᵢ/σ² to each element.
    ///
    /// ```
    /// use pairwise_loss::GaussianPrior;
    ///
    /// let mut gradient = [10.0, 20.0];
    /// GaussianPrior::new(2.0)?.add_gradient(&[1.0_f64, -3.0], &mut gradient)?;
    /// assert_eq!(gradient, [10.0 + 0.5, 20.0 - 1.5]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `gradient` does not have one element a score.
    pub fn add_gradient<T: Score>(self, scores: &[T], gradient: &mut [T]) -> Result<(), Error> {
        self.add("gradient", "scores", scores, gradient)
    }

    /// Adds 1/σ² to each element.
    ///
    /// ```
    /// use pairwise_loss::GaussianPrior;
    ///
    /// let mut diagonal = [1.0_f64, 2.0];
    /// GaussianPrior::new(2.0)?.add_hessian_diagonal(&mut diagonal);
    /// assert_eq!(diagonal, [1.5, 2.5]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn add_hessian_diagonal<T: Score>(self, diagonal: &mut [T]) {
        for slot in diagonal {
            *slot = sum(*slot, 1.0 / self.variance);
        }
    }

    /// Adds vᵢ/σ² to each element.
    ///
    /// ```
    /// use pairwise_loss::GaussianPrior;
    ///
    /// let mut product = [10.0, 20.0];
    /// GaussianPrior::new(2.0)?.add_hessian_vector_product(&[1.0_f64, 4.0], &mut product)?;
    /// assert_eq!(product, [10.5, 22.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `product` does not have as many elements as `v`.
    pub fn add_hessian_vector_product<T: Score>(
        self,
        v: &[T],
        product: &mut [T],
    ) -> Result<(), Error> {
        self.add("product", "v", v, product)
    }

    fn add<T: Score>(
        self,
        name: &'static str,
        reference: &'static str,
        x: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        let (len, expected) = (out.len(), x.len());
        if len != expected {
            return Err(Error::LengthMismatch { name, len, reference, expected });
        }
        for (slot, x) in out.iter_mut().zip(x) {
            *slot = sum(*slot, x.widen() / self.variance);
        }
        Ok(())
    }
}

fn sum<T: Score>(slot: T, x: f64) -> T {
    let sum = T::narrow(slot.widen() + x);
    if sum.is_nan() { T::nan() } else { sum }
}
