use super::{Jet, PairLoss};
use crate::math::Working;

/// The exponential loss e⁻ᶻ, as in RankBoost.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/exponential.html"))]
#[cfg_attr(not(doc), doc = "L = e⁻ᶻ.")]
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/exponential_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −e⁻ᶻ; L″ = e⁻ᶻ.")]
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −∞, ∞. z = NaN: NaN. Overflows from z < −88.7 (`f32`) or −709.8 (`f64`).
///
/// # Accuracy
/// `f32` ≤ 0.501 ulp (0.5 is the largest found), `f64` ≤ 0.54 ulp (0.5251), of the value at the exact difference.
///
/// # Reference
/// Y. Freund, R. Iyer, R. E. Schapire, Y. Singer, *An efficient boosting algorithm for combining preferences*,
/// JMLR 4 (2003) 933–969.
///
/// ```
/// use pairwise_loss::{Exponential, PairLoss};
///
/// assert_eq!(Exponential.eval(0.0_f64, 1.0).value, core::f64::consts::E);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exponential;

impl PairLoss for Exponential {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let value = (-z).exp();
        Jet { value, grad: -value, hess: value }
    }
}
