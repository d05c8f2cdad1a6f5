//! Probabilities and log-probabilities of one score or one pair.

use crate::kernel::{
    Function, Kernel, Level, LogSigmoid, PairKernel, ScalarKernel, Sigmoid, Softplus,
};
use crate::math::{self, Fma};
use crate::score::Score;

fn unary<T: Score, F: Function>(function: F, x: T) -> T {
    Level::best().run(ScalarKernel { function, x })
}

fn binary<T: Score, F: Function>(function: F, score_i: T, score_j: T) -> T {
    Level::best().run(PairKernel { function, chosen: score_i, rejected: score_j })
}

/// The logistic sigmoid σ(x) = 1/(1 + e⁻ˣ).
///
#[cfg_attr(doc, doc = include_str!("formulas/sigmoid.html"))]
///
/// Special cases: σ(−∞) = 0, σ(∞) = 1, NaN gives the canonical NaN. Subnormal results are not flushed.
///
/// Accuracy: `f32` correctly rounded, all 2³² inputs; `f64` ≤ 0.54 ulp.
///
/// ```
/// assert_eq!(pairwise_loss::sigmoid(0.0_f32), 0.5);
/// assert_eq!(pairwise_loss::sigmoid(-100.0_f32), 3.783506e-44); // subnormal
/// ```
#[inline]
pub fn sigmoid<T: Score>(x: T) -> T {
    unary(Sigmoid, x)
}

/// log σ(x) = −log(1 + e⁻ˣ).
///
#[cfg_attr(doc, doc = include_str!("formulas/log_sigmoid.html"))]
///
/// Special cases: log σ(−∞) = −∞, log σ(∞) = −0, NaN gives the canonical NaN.
///
/// Accuracy: `f32` correctly rounded, all 2³² inputs; `f64` ≤ 0.54 ulp.
///
/// ```
/// assert_eq!(pairwise_loss::log_sigmoid(-100.0_f32), -100.0); // where the logarithm of σ(x) is −∞ or off
/// ```
#[inline]
pub fn log_sigmoid<T: Score>(x: T) -> T {
    unary(LogSigmoid, x)
}

/// S(x) = log(1 + eˣ).
///
#[cfg_attr(doc, doc = include_str!("formulas/softplus.html"))]
///
/// Special cases: S(−∞) = 0, S(∞) = ∞, NaN gives the canonical NaN.
///
/// Accuracy: `f32` correctly rounded, all 2³² inputs; `f64` ≤ 0.54 ulp.
///
/// ```
/// assert_eq!(pairwise_loss::softplus(0.0_f64), core::f64::consts::LN_2);
/// ```
#[inline]
pub fn softplus<T: Score>(x: T) -> T {
    unary(Softplus, x)
}

/// The log-odds log(p/(1 − p)), the inverse of [`sigmoid`].
///
#[cfg_attr(doc, doc = include_str!("formulas/logit.html"))]
///
/// Special cases: logit(0) = −∞, logit(1) = ∞; NaN outside of [0, 1].
///
/// Accuracy: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`), also beside p = ½.
///
/// ```
/// assert_eq!(pairwise_loss::logit(0.5_f32), 0.0);
/// assert_eq!(pairwise_loss::logit(0.75_f64), 3.0_f64.ln());
/// ```
#[inline]
pub fn logit<T: Score>(p: T) -> T {
    T::narrow(Level::best().run(LogitKernel(p.widen())))
}

/// The probability σ(sᵢ − sⱼ) that i is preferred to j, from their scores.
///
#[cfg_attr(doc, doc = include_str!("formulas/win_probability.html"))]
///
/// Special cases: 1 and 0 where the difference is +∞ and −∞; NaN where a score is NaN or both are the same infinity.
///
/// Accuracy: of the value at the exact difference, which is never rounded: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`).
///
/// Source: R. A. Bradley, M. E. Terry, Biometrika 39 (1952) 324–345, with πᵢ = exp(sᵢ).
///
/// ```
/// use pairwise_loss::win_probability;
///
/// assert_eq!(win_probability(7.5_f32, 7.5), 0.5);
/// assert_eq!(win_probability(1.0_f64, 0.0), 0.7310585786300049);
/// ```
#[inline]
pub fn win_probability<T: Score>(score_i: T, score_j: T) -> T {
    binary(Sigmoid, score_i, score_j)
}

/// log σ(sᵢ − sⱼ), the logarithm of [`win_probability`].
///
#[cfg_attr(doc, doc = include_str!("formulas/log_win_probability.html"))]
///
/// Special cases: −0 and −∞ where the difference is +∞ and −∞; NaN as there.
///
/// Accuracy: of the value at the exact difference: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`).
///
/// ```
/// assert_eq!(pairwise_loss::log_win_probability(-300.0_f32, 0.0), -300.0);
/// ```
#[inline]
pub fn log_win_probability<T: Score>(score_i: T, score_j: T) -> T {
    binary(LogSigmoid, score_i, score_j)
}

/// The probability πᵢ/(πᵢ + πⱼ) that i is preferred to j, from their strengths.
///
#[cfg_attr(doc, doc = include_str!("formulas/win_probability_from_strengths.html"))]
///
/// Total over [0, ∞]²: NaN at (0, 0) and (∞, ∞), where it is undetermined; 1 where only πᵢ is infinite, 0 where only
/// πⱼ is. The sum neither overflows nor underflows. NaN for a negative strength.
///
/// Accuracy: ≤ 0.501 ulp (`f32` and `f64`).
///
/// ```
/// use pairwise_loss::win_probability_from_strengths;
///
/// assert_eq!(win_probability_from_strengths(3.0_f32, 1.0), 0.75);
/// assert_eq!(win_probability_from_strengths(1e308_f64, 1e308), 0.5);
/// ```
#[inline]
pub fn win_probability_from_strengths<T: Score>(pi_i: T, pi_j: T) -> T {
    T::narrow(Level::best().run(ShareKernel(pi_i.widen(), pi_j.widen())))
}

/// logit(p).
struct LogitKernel(f64);

impl Kernel for LogitKernel {
    type Output = f64;
    #[inline(always)]
    fn run<M: Fma>(self) -> f64 {
        math::logit::<M>(self.0)
    }
}

/// a/(a + b).
struct ShareKernel(f64, f64);

impl Kernel for ShareKernel {
    type Output = f64;
    #[inline(always)]
    fn run<M: Fma>(self) -> f64 {
        math::share::<M>(self.0, self.1)
    }
}
