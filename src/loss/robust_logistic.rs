use super::{Jet, Logistic, PairLoss, check, times};
use crate::error::Error;
use crate::math::Working;

/// The logistic loss made unbiased under labels that are flipped with probability ε.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/robust_logistic.html"))]
#[cfg_attr(not(doc), doc = "L = ((1 − ε)·S(−z) − ε·S(z))/(1 − 2ε) = S(−z) − z·ε/(1 − 2ε).")]
///
/// S(x) = log(1 + eˣ).
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/robust_logistic_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −σ(−z) − ε/(1 − 2ε); L″ = σ(z)·σ(−z).")]
///
/// # Domain
/// ε is in [0, ½). The loss is unbounded below for ε > 0. Beside its zero its value is accurate to ½ ulp plus 1/16 ulp of
/// its terms, not of itself.
///
/// # Special values
/// For ε > 0: z = +∞: −∞, −ε/(1−2ε), 0; z = −∞: ∞, −1 − ε/(1−2ε), 0. For ε = 0 as [`Logistic`]. z = NaN: NaN.
///
/// # Accuracy
/// `f32` ≤ 0.501 ulp (0.5000029 is the largest found), `f64` ≤ 0.54 ulp (0.5202); of the value, where its terms cancel to no
/// less than half of the larger, ≤ 0.55 ulp (0.5308), and beside its zero as said above.
///
/// # Reference
/// S. R. Chowdhury, A. Kini, N. Natarajan, *Provably robust DPO: aligning language models with noisy feedback*,
/// ICML 2024.
///
/// ```
/// use pairwise_loss::{Logistic, PairLoss, RobustLogistic};
///
/// let (robust, plain) = (RobustLogistic::new(0.25)?, Logistic);
/// // ε/(1 − 2ε) = ½
/// assert_eq!(robust.eval(1.0_f64, 0.0).grad, plain.eval(1.0_f64, 0.0).grad - 0.5);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RobustLogistic {
    /// ε/(1 − 2ε) and its rounding error.
    slope: (f64, f64),
}

impl RobustLogistic {
    /// The loss for labels flipped with probability `epsilon`.
    ///
    /// ```
    /// use pairwise_loss::RobustLogistic;
    ///
    /// assert!(RobustLogistic::new(0.1).is_ok() && RobustLogistic::new(0.5).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if ε is not in [0, ½).
    pub fn new(epsilon: f64) -> Result<Self, Error> {
        check("epsilon", epsilon, "in [0, 0.5)", (0.0..0.5).contains(&epsilon))?;
        Ok(Self { slope: crate::math::quotient(epsilon, crate::math::complement(2.0 * epsilon)) })
    }
}

impl PairLoss for RobustLogistic {
    const HAS_TAIL: bool = true;
    const HAS_LOG_TERMS: bool = true;

    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        self.jet_from(z, self.tail(z, false))
    }

    #[inline(always)]
    fn mixed_jet<W: Working>(self, z: W, p: W, q: W) -> Jet<W> {
        self.mixed_jet_from(z, self.tail(z, false), p, q)
    }

    #[inline(always)]
    fn tail<W: Working>(self, z: W, short: bool) -> W {
        Logistic.tail(z, short)
    }

    #[inline(always)]
    fn jet_from<W: Working>(self, z: W, t: W) -> Jet<W> {
        self.tilt(z, Logistic.jet_from(z, t), None)
    }

    #[inline(always)]
    fn mixed_jet_from<W: Working>(self, z: W, t: W, p: W, q: W) -> Jet<W> {
        self.tilt(z, Logistic.mixed_jet_from(z, t, p, q), Some((p, q)))
    }

    #[inline(always)]
    fn log_terms<W: Working>(self, z: W, t: W, label: Option<(W, W)>) -> (W, W, W) {
        let (linear, t, grad) = Logistic.log_terms(z, t, label);
        let jet = self.tilt(z, Jet { value: -linear, grad, hess: t }, label);
        (-jet.value, t, jet.grad)
    }
}

impl RobustLogistic {
    /// Subtracts z·ε/(1 − 2ε)·(p − q) from a logistic loss.
    #[inline(always)]
    fn tilt<W: Working>(self, z: W, jet: Jet<W>, label: Option<(W, W)>) -> Jet<W> {
        let slope = W::constant_pair(self.slope.0, self.slope.1);
        let slope = match label {
            None => slope,
            Some((p, q)) => slope * (p - q),
        };
        Jet { value: jet.value - times(z, slope), grad: jet.grad - slope, hess: jet.hess }
    }
}
