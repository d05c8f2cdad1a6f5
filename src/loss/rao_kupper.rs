use super::{Jet, Logistic, PairLoss, TieProbabilities, check};
use crate::error::Error;
use crate::math::{self, Working};
use crate::score::Score;

/// The model of Rao and Kupper: a Bradley–Terry model in which a difference below a threshold η is a tie.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/rao_kupper.html"))]
#[cfg_attr(not(doc), doc = "P(win) = σ(z − η), P(loss) = σ(−z − η), P(tie) = 1 − P(win) −")]
#[cfg_attr(not(doc), doc = "P(loss) = (e²ᵑ − 1)·P(win)·P(loss).")]
///
/// with z = chosen − rejected. The losses are −log P: [`win`](RaoKupper::win) for a pair that was decided,
/// [`tie`](RaoKupper::tie) for one that was not. Their sum over a batch of each is the negative log-likelihood.
///
/// # Domain
/// η is finite and ≥ 0. With η = 0 there are no ties: [`win`](RaoKupper::win) is [`Logistic`], a tie costs ∞.
///
/// # Reference
/// P. V. Rao, L. L. Kupper, *Ties in paired-comparison experiments: a generalization of the Bradley–Terry model*,
/// Journal of the American Statistical Association 62 (1967) 194–204; there θ = eᵑ.
///
/// ```
/// use pairwise_loss::{Comparisons, RaoKupper, Reduction};
///
/// // Three players: 0 beat 1, 1 beat 2, and 0 and 2 drew.
/// let scores = [0.5_f64, 0.0, -0.5];
/// let model = RaoKupper::new(0.5)?;
/// let decided = Comparisons::new(&scores, &[0, 1], &[1, 2])?;
/// let drawn = Comparisons::new(&scores, &[0], &[2])?;
/// let loss = decided.loss(model.win(), Reduction::Sum)? + drawn.loss(model.tie(), Reduction::Sum)?;
/// // 2·log 2, and log(1 + e^−0.5) + log(1 + e^1.5) − log(e − 1)
/// assert!((loss - 3.020460).abs() < 1e-6);
///
/// // By how much the loss changes with η: ½ + ½, and σ(−0.5) + σ(1.5) − 2/(1 − e⁻¹).
/// let by_eta = decided.loss(model.win().eta_derivative(), Reduction::Sum)?
///     + drawn.loss(model.tie().eta_derivative(), Reduction::Sum)?;
/// assert!((by_eta + 0.968838).abs() < 1e-6);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaoKupper {
    eta: f64,
}

impl RaoKupper {
    /// The model with the threshold η.
    ///
    /// ```
    /// use pairwise_loss::RaoKupper;
    ///
    /// assert_eq!(RaoKupper::new(0.5)?.eta(), 0.5);
    /// assert!(RaoKupper::new(-0.5).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if η is not finite and ≥ 0.
    pub fn new(eta: f64) -> Result<Self, Error> {
        let eta = check("eta", eta, "finite and >= 0", eta >= 0.0 && eta.is_finite())?;
        Ok(Self { eta })
    }

    /// The threshold η.
    ///
    /// ```
    /// assert_eq!(pairwise_loss::RaoKupper::new(0.5)?.eta(), 0.5);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn eta(self) -> f64 {
        self.eta
    }

    /// The loss of a pair in which the chosen one won.
    ///
    /// ```
    /// use pairwise_loss::{PairLoss, RaoKupper};
    ///
    /// // −log P(win) = −log σ(0)
    /// assert_eq!(RaoKupper::new(0.5)?.win().eval(0.5_f64, 0.0).value, 2.0_f64.ln());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn win(self) -> RaoKupperWin {
        RaoKupperWin { eta: self.eta }
    }

    /// The loss of a pair that ended in a tie.
    ///
    /// ```
    /// use pairwise_loss::{PairLoss, RaoKupper};
    ///
    /// // −log P(tie) = −log(1 − ¼ − ¼)
    /// let tie = RaoKupper::new(3.0_f64.ln())?.tie().eval(0.0_f64, 0.0);
    /// assert!((tie.value - 2.0_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn tie(self) -> RaoKupperTie {
        let double = 2.0 * self.eta;
        let (constant, rate) =
            (math::ln_complement_of_exp(double), math::inverse_of_exp_m1(double));
        RaoKupperTie { eta: self.eta, constant, rate }
    }

    /// The probabilities of the three outcomes.
    ///
    /// Special cases: z = ∞: 1, 0, 0. z = −∞: 0, 0, 1. NaN: NaN.
    ///
    /// Accuracy: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`), of each at the exact difference.
    ///
    /// ```
    /// use pairwise_loss::{RaoKupper, TieProbabilities};
    ///
    /// let TieProbabilities { win, tie, loss } = RaoKupper::new(3.0_f64.ln())?.probabilities(0.0_f64, 0.0);
    /// // 1/(1 + 3), what is left, 1/(1 + 3)
    /// assert!((win - 0.25).abs() < 1e-15 && (tie - 0.5).abs() < 1e-15 && win == loss);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn probabilities<T: Score>(self, chosen: T, rejected: T) -> TieProbabilities<T> {
        let Jet { value, grad, hess } = Shares::new(self.eta).eval(chosen, rejected);
        TieProbabilities { win: value, tie: grad, loss: hess }
    }
}

/// The loss of a win in the model of [`RaoKupper`]. It is the loss of reward models with a margin η, such as Llama 2's.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/rao_kupper_win.html"))]
#[cfg_attr(not(doc), doc = "L = −log σ(z − η) = log(1 + e^(η−z)).")]
///
/// It is [`Logistic`] with the margin η.
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/rao_kupper_win_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −σ(η − z); L″ = σ(η − z)·σ(z − η); ∂L/∂η = −L′.")]
///
/// ∂L/∂η is [`eta_derivative`](RaoKupperWin::eta_derivative).
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −1, 0. z = NaN: NaN.
///
/// # Accuracy
/// As that of [`Logistic`].
///
/// ```
/// use pairwise_loss::{Logistic, PairLoss, RaoKupper, Tuned};
///
/// let (win, margin) = (RaoKupper::new(0.75)?.win(), Tuned::new(Logistic).margin(0.75)?);
/// assert_eq!(win.eval(2.0_f64, 1.0), margin.eval(2.0, 1.0));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaoKupperWin {
    eta: f64,
}

impl RaoKupperWin {
    /// ∂L/∂η = σ(η − z) as a function of the margin: its value is ∂L/∂η, its derivatives are those of that number with
    /// respect to z, −σ(η − z)·σ(z − η) the first.
    ///
    /// It goes where a loss goes, so that it has every verb of a batch, with weights and labels: the sum is the
    /// gradient with respect to η.
    ///
    /// ```
    /// use pairwise_loss::{PairLoss, RaoKupper};
    ///
    /// let rate = RaoKupper::new(0.5)?.win().eta_derivative().eval(0.5_f64, 0.0);
    /// assert_eq!((rate.value, rate.grad), (0.5, -0.25)); // σ(0), −σ(0)²
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn eta_derivative(self) -> impl PairLoss {
        WinRate { eta: self.eta }
    }
}

impl PairLoss for RaoKupperWin {
    const HAS_TAIL: bool = true;
    const HAS_LOG_TERMS: bool = true;

    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        Logistic.jet(z - self.eta)
    }

    #[inline(always)]
    fn tail<W: Working>(self, z: W, short: bool) -> W {
        Logistic.tail(z - self.eta, short)
    }

    #[inline(always)]
    fn jet_from<W: Working>(self, z: W, tail: W) -> Jet<W> {
        Logistic.jet_from(z - self.eta, tail)
    }

    #[inline(always)]
    fn mixed_jet_from<W: Working>(self, z: W, tail: W, p: W, q: W) -> Jet<W> {
        Jet::mix(self.jet_from(z, tail), p, self.jet(-z), q)
    }

    #[inline(always)]
    fn log_terms<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> (W, W, W) {
        if label.is_some() {
            // The two sides have different logarithms.
            return self.labeled(z, tail, label).without_logarithm();
        }
        Logistic.log_terms(z - self.eta, tail, None)
    }
}

/// The loss of a tie in the model of [`RaoKupper`].
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/rao_kupper_tie.html"))]
#[cfg_attr(not(doc), doc = "L = −log P(tie) = S(η − z) + S(η + z) − log(e²ᵑ − 1).")]
///
/// S(x) = log(1 + eˣ).
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/rao_kupper_tie_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = σ(z − η) − σ(−z − η); L″ = σ(z − η)·σ(η − z) + σ(z + η)·σ(−z")]
#[cfg_attr(not(doc), doc = "− η); ∂L/∂η = −σ(z − η) − σ(−z − η) − 2/(e²ᵑ − 1).")]
///
/// ∂L/∂η is [`eta_derivative`](RaoKupperTie::eta_derivative).
///
/// # Method
/// With a = |z| the value is (a − η)⁺ + log(1 + e^−|a−η|) + log(1 + e^−(a+η)) − log(1 − e⁻²ᵑ): no term cancels another.
///
/// # Special values
/// z = ±∞: ∞, ±1, 0. z = NaN: NaN. η = 0: the value is ∞.
///
/// # Accuracy
/// `f32` ≤ 0.501 ulp, `f64` ≤ 0.54 ulp; L′ beside its zero at z = 0 to ½ ulp plus 1/16 ulp of its terms, not of itself.
///
/// ```
/// use pairwise_loss::{PairLoss, RaoKupper};
///
/// // e²ᵑ = 9: P(tie) = 8/16 at z = 0
/// let jet = RaoKupper::new(3.0_f64.ln())?.tie().eval(0.0_f32, 0.0);
/// assert_eq!((jet.value, jet.grad, jet.hess), (2.0_f32.ln(), 0.0, 0.375));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaoKupperTie {
    eta: f64,
    /// log(1 − e⁻²ᵑ), in two parts.
    constant: (f64, f64),
    /// 1/(e²ᵑ − 1), in two parts.
    rate: (f64, f64),
}

impl RaoKupperTie {
    /// ∂L/∂η = −σ(z − η) − σ(−z − η) − 2/(e²ᵑ − 1) as a function of the margin: its value is ∂L/∂η, its derivatives are
    /// those of that number with respect to z. It goes where a loss goes.
    ///
    /// ```
    /// use pairwise_loss::{PairLoss, RaoKupper};
    ///
    /// // η = log 3: −¼ − ¼ − 2/(9 − 1)
    /// let rate = RaoKupper::new(3.0_f64.ln())?.tie().eta_derivative().eval(0.0_f64, 0.0);
    /// assert!((rate.value + 0.75).abs() < 1e-15);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn eta_derivative(self) -> impl PairLoss {
        TieRate { eta: self.eta, rate: self.rate }
    }
}

impl PairLoss for RaoKupperTie {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let a = z.abs();
        let (near, far) = (a - self.eta, a + self.eta);
        let (near_tail, far_tail) = (near.exp_neg_abs(), far.exp_neg_abs());
        let constant = W::constant_pair(-self.constant.0, -self.constant.1);
        let value = near.softplus_from(near_tail) + (-far).softplus_from(far_tail) + constant;
        let slope = near.sigmoid_from(near_tail) - (-far).sigmoid_from(far_tail);
        Jet {
            value,
            grad: W::select(z.lt(W::constant(0.0)), -slope, slope),
            hess: W::sigmoid_slope_from(near_tail) + W::sigmoid_slope_from(far_tail),
        }
    }

    /// A tie is the same from both sides.
    #[inline(always)]
    fn mixed_jet<W: Working>(self, z: W, _p: W, _q: W) -> Jet<W> {
        self.jet(z)
    }
}

/// σ(η − z) and its derivatives.
#[derive(Clone, Copy)]
struct WinRate {
    eta: f64,
}

impl PairLoss for WinRate {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        sigmoid_jet(-z + self.eta, -1.0)
    }
}

/// −σ(z − η) − σ(−z − η) − 2/(e²ᵑ − 1) and its derivatives.
#[derive(Clone, Copy)]
struct TieRate {
    eta: f64,
    rate: (f64, f64),
}

impl PairLoss for TieRate {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let (win, loss) = (sigmoid_jet(z - self.eta, 1.0), sigmoid_jet(-z - self.eta, -1.0));
        let rate = W::constant_pair(2.0 * self.rate.0, 2.0 * self.rate.1);
        Jet {
            value: -(win.value + loss.value + rate),
            grad: -(win.grad + loss.grad),
            hess: -(win.hess + loss.hess),
        }
    }
}

/// σ(x), its derivative with respect to ±x, and its second derivative σ(x)·σ(−x)·(σ(−x) − σ(x)).
#[inline(always)]
fn sigmoid_jet<W: Working>(x: W, sign: f64) -> Jet<W> {
    let t = x.exp_neg_abs();
    let (value, slope) = (x.sigmoid_from(t), W::sigmoid_slope_from(t));
    Jet { value, grad: slope * sign, hess: slope * ((-x).sigmoid_from(t) - value) }
}

/// Win, tie and loss where value and derivatives of a loss would be.
#[derive(Clone, Copy)]
struct Shares {
    eta: f64,
    /// 1 − e⁻²ᵑ, in two parts.
    tied: (f64, f64),
}

impl Shares {
    fn new(eta: f64) -> Self {
        Self { eta, tied: math::complement_of_exp(2.0 * eta) }
    }
}

impl PairLoss for Shares {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let (win, loss) = (z - self.eta, -z - self.eta);
        let (win_tail, loss_tail) = (win.exp_neg_abs(), loss.exp_neg_abs());
        let neither = (-win).sigmoid_from(win_tail) * (-loss).sigmoid_from(loss_tail);
        Jet {
            value: win.sigmoid_from(win_tail),
            grad: neither * W::constant_pair(self.tied.0, self.tied.1),
            hess: loss.sigmoid_from(loss_tail),
        }
    }
}
