use super::{Jet, PairLoss, check};
use crate::error::Error;
use crate::math::Working;

/// The squared loss of identity preference optimisation, (z − 1/(2β))².
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/ipo.html"))]
#[cfg_attr(not(doc), doc = "L = (z − 1/(2β))².")]
///
/// β is the strength of the regularisation: a larger one asks for a smaller margin.
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/ipo_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = 2(z − 1/(2β)); L″ = 2.")]
///
/// # Domain
/// β is finite and > 0, and 1/(2β) is finite. Its rounding error is carried along, so that the loss is accurate even
/// beside its zero.
///
/// # Special values
/// z = ±∞: ∞, ±∞, 2. z = NaN: NaN. Not monotone in z.
///
/// # Accuracy
/// Value and first derivative ≤ 0.501 ulp (`f32` and `f64`) down to half of the larger of z and 1/(2β); beside the zero what
/// goes beyond the half ulp of the rounding is ≤ 2⁻⁴ ulp of that term (< 10⁻⁴ is what was found). The second is exact.
///
/// # Reference
/// M. G. Azar et al., *A general theoretical paradigm to understand learning from human preferences*, AISTATS 2024.
///
/// ```
/// use pairwise_loss::{Ipo, PairLoss};
///
/// assert_eq!(Ipo::new(0.1)?.eval(4.0_f32, 0.0).value, 1.0); // (4 − 5)²
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ipo {
    /// 1/(2β) and its rounding error.
    target: (f64, f64),
}

impl Ipo {
    /// The loss with the target margin 1/(2β).
    ///
    /// ```
    /// use pairwise_loss::Ipo;
    ///
    /// let error = Ipo::new(0.0).unwrap_err();
    /// assert_eq!(error.to_string(), "beta is 0.0, must be finite and > 0, with 1/(2·beta) finite");
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if β is not finite and > 0, or so small that 1/(2β) overflows.
    pub fn new(beta: f64) -> Result<Self, Error> {
        let target = 0.5 / beta;
        check(
            "beta",
            beta,
            "finite and > 0, with 1/(2·beta) finite",
            beta > 0.0 && beta.is_finite() && target.is_finite(),
        )?;
        Ok(Self { target: crate::math::quotient(0.5, (beta, 0.0)) })
    }
}

impl PairLoss for Ipo {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        // Two steps: in one `f64` the first is exact where it matters, beside the zero.
        let excess = (z - self.target.0) - self.target.1;
        Jet { value: excess * excess, grad: excess * 2.0, hess: W::constant(2.0) }
    }
}
