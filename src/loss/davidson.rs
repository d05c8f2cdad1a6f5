use super::{Jet, PairLoss, TieProbabilities, check};
use crate::error::Error;
use crate::math::{self, Working};
use crate::score::Score;

/// The model of Davidson: a Bradley–Terry model in which ties are as likely as ν times the geometric mean of a win and
/// a loss.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/davidson.html"))]
#[cfg_attr(not(doc), doc = "P(win) : P(tie) : P(loss) are as e^(z/2) : ν : e^(−z/2), or as πᵢ")]
#[cfg_attr(not(doc), doc = ": ν·√(πᵢπⱼ) : πⱼ.")]
///
/// with z = chosen − rejected and strengths π. The losses are −log P: [`win`](Davidson::win) for a pair that was decided,
/// [`tie`](Davidson::tie) for one that was not. Their sum over a batch of each is the negative log-likelihood. A tie counts
/// as half a win in the scores' likelihood equations.
///
/// # Domain
/// ν is finite and ≥ 0. With ν = 0 there are no ties: [`win`](Davidson::win) is [`Logistic`](crate::Logistic), a tie
/// costs ∞.
///
/// # Reference
/// R. R. Davidson, *On extending the Bradley–Terry model to accommodate ties in paired comparison experiments*,
/// Journal of the American Statistical Association 65 (1970) 317–328.
///
/// ```
/// use pairwise_loss::{Comparisons, Davidson, Reduction};
///
/// // Three players of one strength: 0 beat 1, 1 beat 2, and 0 and 2 drew.
/// let model = Davidson::new(2.0)?;
/// let decided = Comparisons::new(&[0.0_f64; 3], &[0, 1], &[1, 2])?;
/// let drawn = Comparisons::new(&[0.0_f64; 3], &[0], &[2])?;
/// let loss = decided.loss(model.win(), Reduction::Sum)? + drawn.loss(model.tie(), Reduction::Sum)?;
/// // P(win) = ¼, P(tie) = ½
/// assert!((loss - 5.0 * core::f64::consts::LN_2).abs() < 1e-12);
///
/// // By how much the loss changes with log ν: P(tie) for each pair, minus the number of ties.
/// let by_log_nu = decided.loss(model.win().log_nu_derivative(), Reduction::Sum)?
///     + drawn.loss(model.tie().log_nu_derivative(), Reduction::Sum)?;
/// assert_eq!(by_log_nu, 0.5); // 3·½ − 1
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Davidson {
    nu: f64,
    /// log ν in two parts; what ν = 0 has instead makes no difference to any format.
    log_nu: (f64, f64),
}

impl Davidson {
    /// The model with the tie parameter ν.
    ///
    /// ```
    /// use pairwise_loss::Davidson;
    ///
    /// assert_eq!(Davidson::new(2.0)?.nu(), 2.0);
    /// assert!(Davidson::new(-2.0).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if ν is not finite and ≥ 0.
    pub fn new(nu: f64) -> Result<Self, Error> {
        /// For log 0: e to the power of it is nothing beside any e^(−z/2) that is not 0 itself.
        const NONE: (f64, f64) = (-4e6, 0.0);
        let nu = check("nu", nu, "finite and >= 0", nu >= 0.0 && nu.is_finite())?;
        let log_nu = if nu == 0.0 { NONE } else { math::ln(nu) };
        Ok(Self { nu, log_nu })
    }

    /// The tie parameter ν.
    ///
    /// ```
    /// assert_eq!(pairwise_loss::Davidson::new(2.0)?.nu(), 2.0);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn nu(self) -> f64 {
        self.nu
    }

    /// The loss of a pair in which the chosen one won.
    ///
    /// ```
    /// use pairwise_loss::{Davidson, PairLoss};
    ///
    /// // −log P(win) = −log ¼
    /// assert_eq!(Davidson::new(2.0)?.win().eval(0.0_f64, 0.0).value, 4.0_f64.ln());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn win(self) -> DavidsonWin {
        DavidsonWin { log_nu: self.log_nu }
    }

    /// The loss of a pair that ended in a tie.
    ///
    /// ```
    /// use pairwise_loss::{Davidson, PairLoss};
    ///
    /// // −log P(tie) = −log ½
    /// assert_eq!(Davidson::new(2.0)?.tie().eval(0.0_f64, 0.0).value, 2.0_f64.ln());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn tie(self) -> DavidsonTie {
        let impossible = if self.nu == 0.0 { f64::INFINITY } else { 0.0 };
        DavidsonTie { log_nu: self.log_nu, impossible }
    }

    /// The probabilities of the three outcomes.
    ///
    /// Special cases: z = ∞: 1, 0, 0. z = −∞: 0, 0, 1. NaN: NaN.
    ///
    /// Accuracy: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`), of each at the exact difference.
    ///
    /// ```
    /// use pairwise_loss::{Davidson, TieProbabilities};
    ///
    /// let shares = Davidson::new(2.0)?.probabilities(1.5_f32, 1.5);
    /// assert_eq!(shares, TieProbabilities { win: 0.25, tie: 0.5, loss: 0.25 });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn probabilities<T: Score>(self, chosen: T, rejected: T) -> TieProbabilities<T> {
        let Jet { value, grad, hess } = Shares(self.log_nu).eval(chosen, rejected);
        TieProbabilities { win: value, tie: grad, loss: hess }
    }
}

/// The loss of a win in the model of [`Davidson`].
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/davidson_win.html"))]
#[cfg_attr(not(doc), doc = "L = −log P(win) = log(e^(z/2) + e^(−z/2) + ν) − z/2.")]
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/davidson_win_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −P(loss) − ½·P(tie); L″ = P(win)·P(loss) + ¼·P(tie)·(P(win) +")]
#[cfg_attr(not(doc), doc = "P(loss)); ∂L/∂log ν = P(tie).")]
///
/// ∂L/∂log ν is [`log_nu_derivative`](DavidsonWin::log_nu_derivative).
///
/// # Method
/// With u = log ν − |z|/2 and r = e^−|z|·σ(−u) the value is max(−z, 0) + log(1 + eᵘ) + log(1 + r): no term cancels
/// another.
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −1, 0. z = NaN: NaN.
///
/// # Accuracy
/// `f32` ≤ 0.501 ulp, `f64` ≤ 0.54 ulp.
///
/// ```
/// use pairwise_loss::{Davidson, PairLoss};
///
/// let jet = Davidson::new(2.0)?.win().eval(0.0_f64, 0.0);
/// // P = ¼, ½, ¼
/// assert_eq!((jet.value, jet.grad, jet.hess), (4.0_f64.ln(), -0.5, 0.125));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DavidsonWin {
    log_nu: (f64, f64),
}

impl DavidsonWin {
    /// ∂L/∂log ν = P(tie) as a function of the margin: its value is ∂L/∂log ν, its derivatives are those of that
    /// number with respect to z, −½·P(tie)·(P(win) − P(loss)) the first.
    ///
    /// It goes where a loss goes, so that it has every verb of a batch, with weights and labels: the sum is the
    /// gradient with respect to log ν.
    ///
    /// ```
    /// use pairwise_loss::{Davidson, PairLoss};
    ///
    /// let rate = Davidson::new(2.0)?.win().log_nu_derivative().eval(0.0_f64, 0.0);
    /// assert_eq!((rate.value, rate.grad), (0.5, 0.0)); // P(tie), and −½·½·(¼ − ¼)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn log_nu_derivative(self) -> impl PairLoss {
        Rate { log_nu: self.log_nu, of_tie: false }
    }
}

impl PairLoss for DavidsonWin {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let Terms { u, tail, product, shares } = Terms::at(z, self.log_nu);
        Jet {
            value: (-z).positive_part() + u.softplus_from(tail) + product.ln_1p_unit(),
            grad: -(shares.loss + shares.tie * 0.5),
            hess: shares.curvature(),
        }
    }
}

/// The loss of a tie in the model of [`Davidson`].
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/davidson_tie.html"))]
#[cfg_attr(not(doc), doc = "L = −log P(tie) = log(e^(z/2) + e^(−z/2) + ν) − log ν.")]
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/davidson_tie_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = ½·(P(win) − P(loss)); L″ = P(win)·P(loss) + ¼·P(tie)·(P(win)")]
#[cfg_attr(not(doc), doc = "+ P(loss)); ∂L/∂log ν = −P(win) − P(loss).")]
///
/// L″ is that of [`DavidsonWin`], ∂L/∂log ν is [`log_nu_derivative`](DavidsonTie::log_nu_derivative).
///
/// # Method
/// With u and r as in [`DavidsonWin`] the value is log(1 + e⁻ᵘ) + log(1 + r): no term cancels another.
///
/// # Special values
/// z = ±∞: ∞, ±½, 0. z = NaN: NaN. ν = 0: the value is ∞.
///
/// # Accuracy
/// `f32` ≤ 0.501 ulp, `f64` ≤ 0.54 ulp; L′ beside its zero at z = 0 to ½ ulp plus 1/16 ulp of its terms, not of itself.
///
/// ```
/// use pairwise_loss::{Davidson, PairLoss};
///
/// let jet = Davidson::new(2.0)?.tie().eval(0.0_f64, 0.0);
/// assert_eq!((jet.value, jet.grad, jet.hess), (2.0_f64.ln(), 0.0, 0.125));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DavidsonTie {
    log_nu: (f64, f64),
    /// ∞ where ν is 0, else 0.
    impossible: f64,
}

impl DavidsonTie {
    /// ∂L/∂log ν = −P(win) − P(loss) as a function of the margin: its value is ∂L/∂log ν, its derivatives are those of
    /// that number with respect to z. It goes where a loss goes.
    ///
    /// ```
    /// use pairwise_loss::{Davidson, PairLoss};
    ///
    /// let rate = Davidson::new(2.0)?.tie().log_nu_derivative().eval(0.0_f64, 0.0);
    /// assert_eq!(rate.value, -0.25 - 0.25);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn log_nu_derivative(self) -> impl PairLoss {
        Rate { log_nu: self.log_nu, of_tie: true }
    }
}

impl PairLoss for DavidsonTie {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let Terms { u, tail, product, shares } = Terms::at(z, self.log_nu);
        Jet {
            value: (-u).softplus_from(tail) + product.ln_1p_unit() + self.impossible,
            grad: shares.slope(),
            hess: shares.curvature(),
        }
    }

    /// A tie is the same from both sides.
    #[inline(always)]
    fn mixed_jet<W: Working>(self, z: W, _p: W, _q: W) -> Jet<W> {
        self.jet(z)
    }
}

/// P(tie), or P(tie) − 1, and its derivatives.
#[derive(Clone, Copy)]
struct Rate {
    log_nu: (f64, f64),
    of_tie: bool,
}

impl PairLoss for Rate {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let Terms { shares, .. } = Terms::at(z, self.log_nu);
        let slope = shares.slope();
        Jet {
            value: if self.of_tie { -(shares.win + shares.loss) } else { shares.tie },
            grad: -(shares.tie * slope),
            hess: shares.tie * (slope * slope - shares.curvature()),
        }
    }
}

/// Win, tie and loss where value and derivatives of a loss would be.
#[derive(Clone, Copy)]
struct Shares((f64, f64));

impl PairLoss for Shares {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let TieProbabilities { win, tie, loss } = Terms::at(z, self.0).shares;
        Jet { value: win, grad: tie, hess: loss }
    }
}

/// What values and derivatives are made of: two exponentials, three quotients.
struct Terms<W> {
    /// log ν − |z|/2, the log-odds of a tie against a win of the stronger one.
    u: W,
    /// e^−|u|.
    tail: W,
    /// r = e^−|z|·σ(−u): P(win of the weaker one)/(1 − that).
    product: W,
    shares: TieProbabilities<W>,
}

impl<W: Working> Terms<W> {
    #[inline(always)]
    fn at(z: W, log_nu: (f64, f64)) -> Self {
        let u = W::constant_pair(log_nu.0, log_nu.1) - z.abs() * 0.5;
        let tail = u.exp_neg_abs();
        let decided = (-u).sigmoid_from(tail);
        let product = z.exp_neg_abs() * decided;
        let stronger = decided.over_one_plus(product);
        let weaker = product.over_one_plus(product);
        let tie = u.sigmoid_from(tail).over_one_plus(product);
        let flipped = z.lt(W::constant(0.0));
        let win = W::select(flipped, weaker, stronger);
        let loss = W::select(flipped, stronger, weaker);
        Self { u, tail, product, shares: TieProbabilities { win, tie, loss } }
    }
}

impl<W: Working> TieProbabilities<W> {
    /// ½·(P(win) − P(loss)).
    #[inline(always)]
    fn slope(&self) -> W {
        (self.win - self.loss) * 0.5
    }

    /// P(win)·P(loss) + ¼·P(tie)·(P(win) + P(loss)).
    #[inline(always)]
    fn curvature(&self) -> W {
        self.win * self.loss + self.tie * (self.win + self.loss) * 0.25
    }
}
