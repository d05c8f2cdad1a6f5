use super::{Jet, PairLoss, check};
use crate::error::Error;
use crate::math::Working;

/// The squared hinge loss max(0, m − z)².
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/squared_hinge.html"))]
#[cfg_attr(not(doc), doc = "L = max(0, m − z)².")]
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/squared_hinge_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −2·max(0, m − z); L″ = 2 for z < m, 0 at and above m.")]
///
/// # Domain
/// The margin m is finite, of either sign. With `f32` scores it meets z as one `f64`, which is exact unless the exponents
/// of the two scores are more than 29 apart; margins of the batch meet the exact difference.
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −∞, 2. z = NaN: NaN.
///
/// # Accuracy
/// Value and first derivative ≤ 0.501 ulp (`f32` and `f64`; 0.5000002 is the largest found); the second is exact.
///
/// # Reference
/// O. Chapelle, S. S. Keerthi, *Efficient algorithms for ranking with SVMs*, Information Retrieval 13 (2010) 201–215.
///
/// ```
/// use pairwise_loss::{PairLoss, SquaredHinge};
///
/// let jet = SquaredHinge::new(1.0)?.eval(0.5_f32, 1.0);
/// assert_eq!((jet.value, jet.grad, jet.hess), (2.25, -3.0, 2.0)); // (1 + 0.5)²
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredHinge {
    margin: f64,
}

impl SquaredHinge {
    /// A squared hinge at the margin m.
    ///
    /// ```
    /// use pairwise_loss::SquaredHinge;
    ///
    /// assert!(SquaredHinge::new(1.0).is_ok() && SquaredHinge::new(f64::INFINITY).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the margin is not finite.
    pub fn new(margin: f64) -> Result<Self, Error> {
        let margin = check("margin", margin, "finite", margin.is_finite())?;
        Ok(Self { margin })
    }
}

impl PairLoss for SquaredHinge {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let shortfall = -z + self.margin;
        let (zero, active) = (W::constant(0.0), shortfall.positive_part());
        Jet {
            value: active * active,
            grad: active * -2.0,
            // Else 0, or NaN: a doubt of the working precision has to come through.
            hess: W::select(zero.lt(shortfall), W::constant(2.0), active),
        }
    }
}
