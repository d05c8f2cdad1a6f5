//! Losses of the margin z = chosen − rejected, each with both derivatives, from one function.
//!
//! | loss | value | first derivative | second derivative | at +∞ / −∞ |
//! |---|---|---|---|---|
//! | [`Logistic`] | S(−z) | −σ(−z) | σ(z)σ(−z) | 0 / ∞ |
//! | [`RobustLogistic`] | S(−z) − εz/(1−2ε) | −σ(−z) − ε/(1−2ε) | σ(z)σ(−z) | −∞ / ∞ |
//! | [`Hinge`] | max(0, m − z) | −1 for z < m, else 0 | 0 | 0 / ∞ |
//! | [`SquaredHinge`] | max(0, m − z)² | −2·max(0, m − z) | 2 for z < m, else 0 | 0 / ∞ |
//! | [`Exponential`] | e⁻ᶻ | −e⁻ᶻ | e⁻ᶻ | 0 / ∞ |
//! | [`Ipo`] | (z − 1/(2β))² | 2(z − 1/(2β)) | 2 | ∞ / ∞ |
//! | [`RaoKupperWin`] | S(η−z) | −σ(η−z) | σ(η−z)σ(z−η) | 0 / ∞ |
//! | [`RaoKupperTie`] | S(η−z) + S(η+z) − log(e²ᵑ−1) | σ(z−η) − σ(−z−η) | σ(η−z)σ(z−η) + σ(η+z)σ(−z−η) | ∞ / ∞ |
//! | [`DavidsonWin`] | log(e^(z/2)+e^(−z/2)+ν) − z/2 | −P(loss) − ½P(tie) | P(win)P(loss) + ¼P(tie)(1−P(tie)) | 0 / ∞ |
//! | [`DavidsonTie`] | log(e^(z/2)+e^(−z/2)+ν) − log ν | ½(P(win)−P(loss)) | the same | ∞ / ∞ |
//!
//! S(x) = log(1 + eˣ), σ(x) = 1/(1 + e⁻ˣ). To add a loss, write one file like `exponential.rs`; no kernel changes.

mod centering;
mod davidson;
mod exponential;
mod hinge;
mod ipo;
mod logistic;
mod rao_kupper;
mod robust_logistic;
mod squared_hinge;
mod ties;
mod tuned;

pub use centering::Centering;
pub use davidson::{Davidson, DavidsonTie, DavidsonWin};
pub use exponential::Exponential;
pub use hinge::Hinge;
pub use ipo::Ipo;
pub use logistic::Logistic;
pub use rao_kupper::{RaoKupper, RaoKupperTie, RaoKupperWin};
pub use robust_logistic::RobustLogistic;
pub use squared_hinge::SquaredHinge;
pub use ties::TieProbabilities;
pub use tuned::Tuned;

use crate::error::Error;
use crate::math::Working;
use crate::score::Score;

/// A value and its first two derivatives with respect to the margin z = chosen − rejected.
///
/// The derivative with respect to the chosen score is `grad`, with respect to the rejected score `−grad`; the
/// second derivatives are `hess` on the diagonal and `−hess` off it.
///
/// ```
/// use pairwise_loss::{Hinge, Jet, PairLoss};
///
/// let Jet { value, grad, hess } = Hinge::new(1.0)?.eval(0.5_f32, 0.0);
/// assert_eq!((value, grad, hess), (0.5, -1.0, 0.0));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jet<T> {
    /// L(z).
    pub value: T,
    /// L′(z).
    pub grad: T,
    /// L″(z).
    pub hess: T,
}

impl<W: Working> Jet<W> {
    /// The terms of a sum, [`PairLoss::log_terms`], where the value is taken as it is.
    #[inline(always)]
    fn without_logarithm(self) -> (W, W, W) {
        (-self.value, W::constant(0.0), self.grad)
    }

    /// p·L(z) + q·L(−z), given the jets of L at z and at −z. A term of weight 0 contributes 0, even an infinite one.
    #[inline(always)]
    fn mix(at_z: Self, p: W, at_minus_z: Self, q: W) -> Self {
        Self {
            value: times(at_z.value, p) + times(at_minus_z.value, q),
            grad: times(at_z.grad, p) - times(at_minus_z.grad, q),
            hess: times(at_z.hess, p) + times(at_minus_z.hess, q),
        }
    }
}

/// `w·x`, and 0 where w is 0, even where x is infinite.
#[inline(always)]
fn times<W: Working>(x: W, w: W) -> W {
    W::select(w.is_zero(), W::constant(0.0), x * w)
}

/// A loss of the margin z = chosen − rejected.
///
/// A loss implements one method, [`jet`](PairLoss::jet), in working precision; everything else (batches, weights,
/// labels, totals, [`Tuned`]) comes with it. See [`Working`] for an example.
///
/// ```
/// use pairwise_loss::{Jet, PairLoss, Pairs, Working};
///
/// /// (1 − z)².
/// #[derive(Clone, Copy)]
/// struct Squared;
///
/// impl PairLoss for Squared {
///     #[inline(always)]
///     fn jet<W: Working>(self, z: W) -> Jet<W> {
///         let gap = -z + 1.0;
///         Jet { value: gap * gap, grad: gap * -2.0, hess: W::constant(2.0) }
///     }
/// }
///
/// let mut losses = [0.0_f32; 2];
/// Pairs::new(&[1.0_f32, 4.0], &[0.0, 1.0])?.losses_into(Squared, &mut losses)?;
/// assert_eq!(losses, [0.0, 4.0]);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
pub trait PairLoss: Copy + Send + Sync {
    /// L(z), L′(z) and L″(z). The caller sees to NaN at NaN margins, and to +0 where L′ is −0.
    ///
    /// Mark implementations `#[inline(always)]`. A kernel is compiled once for each instruction set; a function that it calls
    /// is compiled without, and is some ten times slower (the results are the same).
    fn jet<W: Working>(self, z: W) -> Jet<W>;

    /// The loss under the soft label p in [0, 1], p·L(z) + q·L(−z) with q = 1 − p, and its derivatives.
    ///
    /// A loss overrides this where one evaluation serves both sides. It must return the number of
    /// [`jet`](PairLoss::jet), bit for bit, at p = 1. Mark it `#[inline(always)]` as well.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Tuned, Working};
    ///
    /// /// e⁻ᶻ, both sides of a label from one exponential.
    /// #[derive(Clone, Copy)]
    /// struct Exponential;
    ///
    /// impl PairLoss for Exponential {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let e = (-z).exp();
    ///         Jet { value: e, grad: -e, hess: e }
    ///     }
    ///
    ///     #[inline(always)]
    ///     fn mixed_jet<W: Working>(self, z: W, p: W, q: W) -> Jet<W> {
    ///         // A side of weight 0 is 0, even where it is infinite.
    ///         let side = |x: W, weight: W| W::select(weight.is_zero(), W::constant(0.0), x * weight);
    ///         let e = (-z).exp();
    ///         let (a, b) = (side(e, p), side(W::constant(1.0) / e, q));
    ///         Jet { value: a + b, grad: b - a, hess: a + b }
    ///     }
    /// }
    ///
    /// let jet = Tuned::new(Exponential).smoothing(0.25)?.eval(0.0_f32, 0.0);
    /// assert_eq!((jet.value, jet.grad), (0.75 + 0.25, 0.25 - 0.75));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[inline(always)]
    fn mixed_jet<W: Working>(self, z: W, p: W, q: W) -> Jet<W> {
        Jet::mix(self.jet(z), p, self.jet(-z), q)
    }

    /// Whether the loss is made of one exponential, its [`tail`](PairLoss::tail), which kernels then take in a pass of its
    /// own: two short loops overlap better than a long one.
    #[doc(hidden)]
    const HAS_TAIL: bool = false;

    /// The exponential from which [`jet_from`](PairLoss::jet_from) gets the rest; `short` where it serves derivatives or
    /// sums, for which a shorter polynomial is enough.
    #[doc(hidden)]
    #[inline(always)]
    fn tail<W: Working>(self, z: W, _short: bool) -> W {
        z
    }

    /// The jet, given the tail.
    #[doc(hidden)]
    #[inline(always)]
    fn jet_from<W: Working>(self, z: W, _tail: W) -> Jet<W> {
        self.jet(z)
    }

    /// The mixed jet, given the tail.
    #[doc(hidden)]
    #[inline(always)]
    fn mixed_jet_from<W: Working>(self, z: W, _tail: W, p: W, q: W) -> Jet<W> {
        self.mixed_jet(z, p, q)
    }

    /// Whether value and derivatives, where there is no label, are 0 or not much smaller than the tail, and at most some
    /// powers of two larger than z, so that they neither underflow nor overflow; and the value is 0 where the tail is, for
    /// z > 0.
    #[doc(hidden)]
    const PLAIN: bool = false;

    /// Whether [`log_terms`](PairLoss::log_terms) is of use: the value is a sum with one logarithm, so that many
    /// values are summed with one logarithm for all.
    #[doc(hidden)]
    const HAS_LOG_TERMS: bool = false;

    /// (a, t, grad) with value = log(1 + t) − a, 0 ≤ t ≤ 1; given the tail, with the label p where there is one.
    #[doc(hidden)]
    #[inline(always)]
    fn log_terms<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> (W, W, W) {
        self.labeled(z, tail, label).without_logarithm()
    }

    /// The jet, given the tail, with or without a label (p, 1 − p).
    #[doc(hidden)]
    #[inline(always)]
    fn labeled<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> Jet<W> {
        match label {
            None => self.jet_from(z, tail),
            Some((p, q)) => self.mixed_jet_from(z, tail, p, q),
        }
    }

    /// The loss of one pair, with both derivatives with respect to z = chosen − rejected.
    ///
    /// The difference is exact; each of the three numbers is rounded once. The bits are those of the batch.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, PairLoss};
    ///
    /// let jet = Logistic.eval(1.5_f32, 1.5);
    /// assert_eq!(jet.value, 2.0_f32.ln());
    /// assert_eq!((jet.grad, jet.hess), (-0.5, 0.25));
    /// ```
    #[inline]
    fn eval<T: Score>(self, chosen: T, rejected: T) -> Jet<T> {
        crate::kernel::eval(self, chosen, rejected)
    }
}

/// Checks a parameter against its domain.
fn check(name: &'static str, value: f64, domain: &'static str, holds: bool) -> Result<f64, Error> {
    if holds { Ok(value) } else { Err(Error::InvalidParameter { name, value, domain }) }
}
