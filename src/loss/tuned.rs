use super::{Jet, PairLoss, check};
use crate::error::Error;
use crate::math::{Working, complement};

/// A loss with a scale β, a margin m and label smoothing ε.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/tuned.html"))]
#[cfg_attr(not(doc), doc = "(1 − ε)·L(t) + ε·L(−t) with t = β·(z − m).")]
///
/// The meaning does not depend on the order in which the three are set. β is DPO's; m is subtracted from every margin,
/// in addition to the margins of the pairs; ε is the share of labels taken to be flipped.
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/tuned_derivatives.html"))]
#[cfg_attr(not(doc), doc = "With respect to z: β·((1 − ε)·L′(t) − ε·L′(−t)) and β²·((1 −")]
#[cfg_attr(not(doc), doc = "ε)·L″(t) + ε·L″(−t)).")]
///
/// # Domain
/// β finite and > 0, m finite, ε in [0, 1]. With `f32` scores m meets z as one `f64`, which is exact unless the exponents
/// of the two scores are more than 29 apart (margins of the batch meet the exact difference), and β of more than 10⁴⁷
/// may find an e⁻ᵗ of less than 10⁻¹⁵² to be 0.
///
/// # Accuracy
/// That of the inner loss, the scale, margin and smoothing included: nothing is rounded on the way. Under [`Logistic`]
/// `f32` ≤ 0.501 ulp, `f64` ≤ 0.54 ulp (0.5224 is the largest found); with smoothing the first derivative is a difference:
/// ≤ 0.55 ulp down to half of its larger term, and 1/16 ulp of that term more beside its zero.
///
/// [`Logistic`]: crate::Logistic
///
/// ```
/// use pairwise_loss::{Logistic, PairLoss, Tuned};
///
/// let loss = Tuned::new(Logistic).scale(0.5)?.margin(1.0)?;
/// assert_eq!(loss.eval(3.0_f64, 0.0).value, Logistic.eval(1.0_f64, 0.0).value); // ½·(3 − 1)
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned<L> {
    loss: L,
    scale: f64,
    margin: f64,
    /// ε.
    flipped: f64,
    /// 1 − ε, exact as a sum of two.
    kept: (f64, f64),
}

impl<L: PairLoss> Tuned<L> {
    /// The loss as it is: scale 1, margin 0, no smoothing.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, PairLoss, Tuned};
    ///
    /// assert_eq!(Tuned::new(Logistic).eval(1.0_f64, 0.0), Logistic.eval(1.0, 0.0));
    /// ```
    #[must_use]
    pub fn new(loss: L) -> Self {
        Self { loss, scale: 1.0, margin: 0.0, flipped: 0.0, kept: (1.0, 0.0) }
    }

    /// Sets the scale β.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, PairLoss, Tuned};
    ///
    /// let loss = Tuned::new(Hinge::new(1.0)?).scale(0.5)?;
    /// assert_eq!(loss.eval(1.0_f32, 0.0).value, 0.5); // 1 − ½·1
    /// assert!(loss.scale(0.0).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if β is not finite and > 0.
    pub fn scale(self, beta: f64) -> Result<Self, Error> {
        let scale = check("scale", beta, "finite and > 0", beta > 0.0 && beta.is_finite())?;
        Ok(Self { scale, ..self })
    }

    /// Sets the margin m.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, PairLoss, Tuned};
    ///
    /// let loss = Tuned::new(Hinge::new(1.0)?).margin(0.25)?;
    /// assert_eq!(loss.eval(1.0_f32, 0.0).value, 0.25); // 1 − (1 − ¼)
    /// assert!(loss.margin(f64::NAN).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if m is not finite.
    pub fn margin(self, margin: f64) -> Result<Self, Error> {
        let margin = check("margin", margin, "finite", margin.is_finite())?;
        Ok(Self { margin, ..self })
    }

    /// Sets the label smoothing ε.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, PairLoss, Tuned};
    ///
    /// let loss = Tuned::new(Hinge::new(1.0)?).smoothing(0.25)?;
    /// assert_eq!(loss.eval(1.0_f32, 0.0).value, 0.5); // ¾·0 + ¼·2
    /// assert!(loss.smoothing(1.5).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if ε is not in [0, 1].
    pub fn smoothing(self, epsilon: f64) -> Result<Self, Error> {
        let flipped = check("smoothing", epsilon, "in [0, 1]", (0.0..=1.0).contains(&epsilon))?;
        Ok(Self { flipped, kept: complement(flipped), ..self })
    }

    /// t and the label (1 − ε, ε) under which the inner loss is taken there.
    #[inline(always)]
    fn inner<W: Working>(self, z: W) -> (W, W, W) {
        let t = (z - self.margin) * self.scale;
        (t, W::constant_pair(self.kept.0, self.kept.1), W::constant(self.flipped))
    }
}

impl<L: PairLoss> PairLoss for Tuned<L> {
    const HAS_TAIL: bool = L::HAS_TAIL;
    const HAS_LOG_TERMS: bool = L::HAS_LOG_TERMS;

    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        self.jet_from(z, self.tail(z, false))
    }

    #[inline(always)]
    fn tail<W: Working>(self, z: W, short: bool) -> W {
        self.loss.tail(self.inner(z).0, short)
    }

    #[inline(always)]
    fn jet_from<W: Working>(self, z: W, tail: W) -> Jet<W> {
        let (t, p, q) = self.inner(z);
        let jet = self.loss.mixed_jet_from(t, tail, p, q);
        Jet {
            value: jet.value,
            grad: jet.grad * self.scale,
            hess: jet.hess * self.scale * self.scale,
        }
    }

    #[inline(always)]
    fn mixed_jet_from<W: Working>(self, z: W, tail: W, p: W, q: W) -> Jet<W> {
        Jet::mix(self.jet_from(z, tail), p, self.jet(-z), q)
    }

    #[inline(always)]
    fn log_terms<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> (W, W, W) {
        if label.is_some() {
            // The label swaps z, not t: with a margin the two sides have different logarithms.
            return self.labeled(z, tail, label).without_logarithm();
        }
        let (t, p, q) = self.inner(z);
        let (linear, t, grad) = self.loss.log_terms(t, tail, Some((p, q)));
        (linear, t, grad * self.scale)
    }
}
