use super::check;
use crate::error::Error;

/// Keeps rewards near zero, which a loss of their differences alone leaves free to drift: an additional loss of each pair,
/// by [`Pairs::loss_and_centered_gradients`](crate::Pairs::loss_and_centered_gradients).
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/centering.html"))]
///
/// k·(chosen + rejected)², [`of_sums`](Centering::of_sums), or k·(chosen² + rejected²),
/// [`of_rewards`](Centering::of_rewards). The former leaves the difference of the two alone, the latter draws them
/// together. A coefficient k of 0 adds nothing, even where a reward is infinite.
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/centering_derivatives.html"))]
#[cfg_attr(not(doc), doc = "With respect to both scores 2k·(chosen + rejected), or 2k·chosen")]
#[cfg_attr(not(doc), doc = "and 2k·rejected.")]
///
/// They are added to ±L′(z) before the one rounding.
///
/// # Reference
/// J. Eisenstein et al., *Helping or herding? Reward model ensembles mitigate but do not eliminate reward hacking*,
/// 2023, section 2, for the former.
///
/// ```
/// use pairwise_loss::{Centering, Logistic, Pairs, Reduction};
///
/// let pairs = Pairs::new(&[3.0_f64], &[1.0])?;
/// let (mut d_chosen, mut d_rejected) = ([0.0], [0.0]);
/// let centering = Centering::of_sums(0.01)?;
/// let loss = pairs.loss_and_centered_gradients(
///     Logistic, centering, Reduction::Mean, &mut d_chosen, &mut d_rejected,
/// )?;
/// // log(1 + e⁻²) + 0.01·4², and its derivatives ∓σ(−2) + 0.02·4
/// assert_eq!(loss, 0.1269280110429725 + 0.16);
/// assert!((d_chosen[0] - (0.08 - 0.11920292)).abs() < 1e-8);
/// assert!((d_rejected[0] - (0.08 + 0.11920292)).abs() < 1e-8);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centering {
    pub(crate) coefficient: f64,
    /// Of the sum of the two rewards; else of each.
    pub(crate) of_sum: bool,
}

impl Centering {
    /// `coefficient`·(chosen + rejected)², as TRL's `RewardTrainer` has it.
    ///
    /// ```
    /// use pairwise_loss::Centering;
    ///
    /// assert_eq!(Centering::of_sums(0.01)?.coefficient(), 0.01);
    /// assert!(Centering::of_sums(-0.01).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the coefficient is not finite and ≥ 0.
    pub fn of_sums(coefficient: f64) -> Result<Self, Error> {
        Ok(Self { coefficient: checked(coefficient)?, of_sum: true })
    }

    /// `coefficient`·(chosen² + rejected²).
    ///
    /// ```
    /// use pairwise_loss::Centering;
    ///
    /// assert_eq!(Centering::of_rewards(0.01)?.coefficient(), 0.01);
    /// assert_ne!(Centering::of_rewards(0.01)?, Centering::of_sums(0.01)?);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the coefficient is not finite and ≥ 0.
    pub fn of_rewards(coefficient: f64) -> Result<Self, Error> {
        Ok(Self { coefficient: checked(coefficient)?, of_sum: false })
    }

    /// The coefficient k.
    ///
    /// ```
    /// assert_eq!(pairwise_loss::Centering::of_sums(0.01)?.coefficient(), 0.01);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn coefficient(self) -> f64 {
        self.coefficient
    }
}

fn checked(coefficient: f64) -> Result<f64, Error> {
    let holds = coefficient.is_finite() && coefficient >= 0.0;
    check("coefficient", coefficient, "finite and >= 0", holds)
}
