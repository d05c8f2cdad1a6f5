use super::{Jet, PairLoss, times};
use crate::math::Working;

/// The logistic loss −log σ(z), the negative log-likelihood of the Bradley–Terry model.
///
/// Known as the log-sigmoid pairwise loss of reward models, DPO's "sigmoid" loss, RankNet, BPR.
///
/// # Definition
#[cfg_attr(doc, doc = include_str!("../formulas/logistic.html"))]
#[cfg_attr(not(doc), doc = "L = −log σ(z) = log(1 + e⁻ᶻ) = log(eᶜ + eʳ) − c, with z = c − r.")]
///
/// with z = c − r, the chosen score minus the rejected one.
///
/// # Derivatives
#[cfg_attr(doc, doc = include_str!("../formulas/logistic_derivatives.html"))]
#[cfg_attr(not(doc), doc = "L′ = −σ(−z); L″ = σ(z)·σ(−z).")]
///
/// L′ is in [−1, 0], L″ in [0, ¼].
///
/// # Special values
/// z = +∞: 0, 0, 0. z = −∞: ∞, −1, 0. z = NaN, or ∞ − ∞: NaN.
///
/// # Label
/// With p: p·S(−z) + (1 − p)·S(z), the cross entropy; L′ = σ(z) − p, zero at z = logit(p). Beside that zero L′ is accurate
/// to ½ ulp plus 1/16 ulp of its terms, not of itself.
///
/// # Accuracy
/// Value and derivatives: `f32` ≤ 0.501 ulp (0.5000029 is the largest found), `f64` ≤ 0.54 ulp (0.5202), of the value at the
/// exact difference.
///
/// # Reference
/// R. A. Bradley, M. E. Terry, *Rank analysis of incomplete block designs: I. The method of paired comparisons*,
/// Biometrika 39 (1952) 324–345.
///
/// ```
/// use pairwise_loss::{Logistic, PairLoss};
///
/// assert_eq!(Logistic.eval(2.0_f64, 0.0).value, 0.1269280110429725); // log(1 + e⁻²)
/// assert_eq!(Logistic.eval(-100.0_f32, 0.0).value, 100.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Logistic;

impl PairLoss for Logistic {
    const HAS_TAIL: bool = true;
    const PLAIN: bool = true;
    const HAS_LOG_TERMS: bool = true;

    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        self.jet_from(z, z.exp_neg_abs())
    }

    #[inline(always)]
    fn mixed_jet<W: Working>(self, z: W, p: W, q: W) -> Jet<W> {
        self.mixed_jet_from(z, z.exp_neg_abs(), p, q)
    }

    #[inline(always)]
    fn tail<W: Working>(self, z: W, short: bool) -> W {
        if short { z.exp_neg_abs_short() } else { z.exp_neg_abs() }
    }

    #[inline(always)]
    fn jet_from<W: Working>(self, z: W, t: W) -> Jet<W> {
        let y = -z;
        Jet { value: y.softplus_from(t), grad: -y.sigmoid_from(t), hess: W::sigmoid_slope_from(t) }
    }

    /// The value is log(1 + e^−|z|) + |z|·(weight of the losing side): one evaluation, no cancellation.
    #[inline(always)]
    fn mixed_jet_from<W: Working>(self, z: W, t: W, p: W, q: W) -> Jet<W> {
        let linear = wrong_side(z, p, q);
        Jet {
            value: linear.add_same_sign(linear.drop_tail(t).ln_1p_unit()),
            grad: mixed_grad(z, t, p, q),
            hess: W::sigmoid_slope_from(t),
        }
    }

    #[inline(always)]
    fn log_terms<W: Working>(self, z: W, t: W, label: Option<(W, W)>) -> (W, W, W) {
        match label {
            None => {
                let y = -z;
                (z.negative_part(), y.drop_tail(t), -y.sigmoid_from(t))
            }
            Some((p, q)) => {
                let linear = wrong_side(z, p, q);
                (-linear, linear.drop_tail(t), mixed_grad(z, t, p, q))
            }
        }
    }
}

/// p·max(−z, 0) + q·max(z, 0).
#[inline(always)]
fn wrong_side<W: Working>(z: W, p: W, q: W) -> W {
    let positive = W::constant(0.0).lt(z);
    times(z.abs(), W::select(positive, q, p))
}

/// q·σ(z) − p·σ(−z), with one division.
#[inline(always)]
fn mixed_grad<W: Working>(z: W, t: W, p: W, q: W) -> W {
    let zero = W::constant(0.0);
    let numerator = W::select(z.lt(zero), times(t, q) - p, q - times(t, p));
    numerator.over_one_plus(t)
}
