use super::{Jet, PairLoss, check};
use crate::error::Error;
use crate::math::Working;

/// The hinge loss max(0, m − z) = max(0, rejected − chosen + margin).
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/hinge.html"))]
#[cfg_attr(not(doc), doc = "L = max(0, m − z).")]
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/hinge_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −1 for z < m, 0 at and above m; L″ = 0.")]
///
/// At z = m it is the subgradient that leaves satisfied pairs alone.
///
/// # Domain
/// The margin m is finite, of either sign. With `f32` scores it meets z as one `f64`, which is exact unless the exponents
/// of the two scores are more than 29 apart; margins of the batch meet the exact difference.
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −1, 0. z = NaN: NaN.
///
/// # Accuracy
/// The value ≤ 0.501 ulp (`f32` and `f64`), one rounding of the exact difference; the derivatives are exact.
///
/// # Reference
/// R. Herbrich, T. Graepel, K. Obermayer, *Large margin rank boundaries for ordinal regression*, 2000.
///
/// ```
/// use pairwise_loss::{Hinge, PairLoss};
///
/// assert_eq!(Hinge::new(1.0)?.eval(0.25_f32, 0.5).value, 1.25); // 0.5 − 0.25 + 1
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hinge {
    margin: f64,
}

impl Hinge {
    /// A hinge at the margin m.
    ///
    /// ```
    /// use pairwise_loss::Hinge;
    ///
    /// assert!(Hinge::new(1.0).is_ok() && Hinge::new(f64::NAN).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the margin is not finite.
    pub fn new(margin: f64) -> Result<Self, Error> {
        let margin = check("margin", margin, "finite", margin.is_finite())?;
        Ok(Self { margin })
    }
}

impl PairLoss for Hinge {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let shortfall = -z + self.margin;
        let (zero, active) = (W::constant(0.0), shortfall.positive_part());
        // Else 0, or NaN: a doubt of the working precision has to come through.
        let grad = W::select(zero.lt(shortfall), W::constant(-1.0), active);
        Jet { value: active, grad, hess: zero }
    }
}
