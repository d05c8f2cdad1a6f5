//! The mathematics of the field, straight from its definitions.
//!
//! (a) Every function takes exact numbers and returns a [settled](crate::settle) [`Real`]: relative error
//!     below 2^−128, rounding to f32 and f64 decided.
//! (b) Derivatives are with respect to the margin z = chosen − rejected. They are written out by hand; the
//!     tests compare them with finite differences taken at a thousand bits.
//! (c) Exponentials are taken of −|x| and only the larger of two probabilities is formed as a complement,
//!     because that keeps the number of digits that are needed small. The error bounds would catch a mistake
//!     here.
//! (d) NaN and ±∞ are not covered: tables list what they give.

use crate::real::{LADDER, Real, settle};

/// σ(x) = 1 / (1 + e^−x).
pub fn sigmoid(x: &Real) -> Real {
    settle(|bits| sigmoid_bits(x, bits))
}

/// log σ(x) = −log(1 + e^−x).
pub fn log_sigmoid(x: &Real) -> Real {
    settle(|bits| -softplus_bits(&-x, bits))
}

/// S(x) = log(1 + e^x).
pub fn softplus(x: &Real) -> Real {
    settle(|bits| softplus_bits(x, bits))
}

/// log(p / (1 − p)), `None` outside (0, 1).
pub fn logit(p: &Real) -> Option<Real> {
    let q = Real::one() - p;
    if p.signum()? <= 0 || q.signum()? <= 0 {
        return None;
    }
    Some(settle(|bits| {
        if p.compare(&Real::power_of_two(-2)) == Some(std::cmp::Ordering::Less) {
            p.ln(bits) - (-p).ln_1p(bits)
        } else {
            (p - &q).divide(&q, bits).ln_1p(bits) // p/q = 1 + (p − q)/q
        }
    }))
}

/// Probability that i beats j given their scores: σ(s_i − s_j), `None` for NaN and ±∞.
pub fn win_probability(score_i: f64, score_j: f64) -> Option<Real> {
    Some(sigmoid(&(Real::finite(score_i)? - Real::finite(score_j)?)))
}

/// log σ(s_i − s_j), `None` for NaN and ±∞.
pub fn log_win_probability(score_i: f64, score_j: f64) -> Option<Real> {
    Some(log_sigmoid(&(Real::finite(score_i)? - Real::finite(score_j)?)))
}

/// Probability that i beats j given their strengths: π_i / (π_i + π_j), `None` for NaN, ±∞, negative
/// strengths and two zeros.
pub fn win_probability_from_strengths(strength_i: f64, strength_j: f64) -> Option<Real> {
    if strength_i < 0.0 || strength_j < 0.0 {
        return None;
    }
    let (i, j) = (Real::finite(strength_i)?, Real::finite(strength_j)?);
    let sum = &i + &j;
    (!sum.is_zero()).then(|| settle(|bits| i.divide(&sum, bits)))
}

/// A loss of the margin z. S is softplus, σ the logistic sigmoid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// S(−z).
    Logistic,
    /// max(0, m − z), with derivative −1 for z < m, 0 at and above.
    Hinge(f64),
    /// max(0, m − z)².
    SquaredHinge(f64),
    /// e^−z.
    Exponential,
    /// (z − 1/(2β))².
    Ipo(f64),
    /// S(−z) − εz/(1 − 2ε).
    RobustLogistic(f64),
    /// Rao & Kupper 1967, one side wins: S(η − z).
    RaoKupperWin(f64),
    /// Rao & Kupper 1967, a tie: S(η − z) + S(η + z) − log(e^(2η) − 1), η > 0.
    RaoKupperTie(f64),
    /// Davidson 1970, one side wins: log(e^(z/2) + e^(−z/2) + ν) − z/2, ν ≥ 0.
    DavidsonWin(f64),
    /// Davidson 1970, a tie: log(e^(z/2) + e^(−z/2) + ν) − log ν, ν > 0.
    DavidsonTie(f64),
}

/// A loss value and its first and second derivatives with respect to the margin.
#[derive(Clone, Debug)]
pub struct RealJet {
    /// The loss.
    pub value: Real,
    /// First derivative.
    pub grad: Real,
    /// Second derivative.
    pub hess: Real,
}

impl RealJet {
    fn zero() -> Self {
        Self { value: Real::zero(), grad: Real::zero(), hess: Real::zero() }
    }

    fn map(&self, f: impl Fn(&Real) -> Real) -> Self {
        Self { value: f(&self.value), grad: f(&self.grad), hess: f(&self.hess) }
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            value: &self.value + &other.value,
            grad: &self.grad + &other.grad,
            hess: &self.hess + &other.hess,
        }
    }

    /// Of z ↦ L(slope·z), given the jet of L there.
    fn chained(&self, slope: &Real) -> Self {
        Self {
            value: self.value.clone(),
            grad: &self.grad * slope,
            hess: &(&self.hess * slope) * slope,
        }
    }
}

/// A tuned loss: (1 − ε)·L(t) + ε·L(−t) with t = β·(z − m).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned {
    /// β.
    pub scale: f64,
    /// m.
    pub margin: f64,
    /// ε.
    pub smoothing: f64,
}

impl Default for Tuned {
    /// The loss itself: β = 1, m = 0, ε = 0.
    fn default() -> Self {
        Self { scale: 1.0, margin: 0.0, smoothing: 0.0 }
    }
}

/// What surrounds a loss in a batch: w·(p·L(z) + (1 − p)·L(−z)) with z = chosen − rejected − margin and L
/// tuned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How the loss itself is tuned.
    pub tuned: Tuned,
    /// The pair's own margin, subtracted from the difference. An offset that is added is its negative.
    pub margin: f64,
    /// w; 0 removes the pair, whatever it holds.
    pub weight: f64,
    /// p; a side with weight 0 contributes 0.
    pub label: f64,
}

impl Default for Options {
    /// L(chosen − rejected): no tuning, margin 0, weight 1, label 1.
    fn default() -> Self {
        Self { tuned: Tuned::default(), margin: 0.0, weight: 1.0, label: 1.0 }
    }
}

/// Exact loss and derivatives of one pair; `None` if a number that takes part is NaN or infinite, or a
/// parameter is outside its domain.
pub fn pair(loss: Loss, options: &Options, chosen: f64, rejected: f64) -> Option<RealJet> {
    let weight = Real::finite(options.weight)?;
    if weight.is_zero() {
        return Some(RealJet::zero());
    }
    let z = Real::finite(chosen)? - Real::finite(rejected)? - Real::finite(options.margin)?;
    let label = Real::finite(options.label)?;
    let tuned = options.tuned;
    for parameter in [tuned.scale, tuned.margin, tuned.smoothing] {
        Real::finite(parameter)?;
    }
    if !loss.is_defined() {
        return None;
    }
    Some(settle_jet(|bits| {
        let tuned = |z: &Real| tuned.jet(loss, z, bits);
        mix(&label, &z, tuned).map(|x| x * &weight)
    }))
}

impl Loss {
    /// Exact value and derivatives at the margin z; `None` if a parameter is outside the loss's domain.
    pub fn jet(self, z: &Real) -> Option<RealJet> {
        self.is_defined().then(|| settle_jet(|bits| self.jet_bits(z, bits)))
    }

    fn is_defined(self) -> bool {
        match self {
            Self::Logistic | Self::Exponential => true,
            Self::Hinge(margin) | Self::SquaredHinge(margin) => margin.is_finite(),
            Self::Ipo(beta) => beta.is_finite() && beta > 0.0,
            Self::RobustLogistic(epsilon) => (0.0..0.5).contains(&epsilon),
            Self::RaoKupperWin(eta) => eta.is_finite() && eta >= 0.0,
            Self::RaoKupperTie(eta) => eta.is_finite() && eta > 0.0,
            Self::DavidsonWin(nu) => nu.is_finite() && nu >= 0.0,
            Self::DavidsonTie(nu) => nu.is_finite() && nu > 0.0,
        }
    }

    fn jet_bits(self, z: &Real, bits: u32) -> RealJet {
        match self {
            Self::Logistic => logistic(z, bits),
            Self::Hinge(margin) => {
                let gap = Real::new(margin) - z;
                if is_positive(&gap) {
                    RealJet { value: gap, grad: Real::from(-1), hess: Real::zero() }
                } else {
                    RealJet::zero()
                }
            }
            Self::SquaredHinge(margin) => {
                let gap = Real::new(margin) - z;
                if is_positive(&gap) {
                    RealJet { value: &gap * &gap, grad: -&gap * Real::from(2), hess: Real::from(2) }
                } else {
                    RealJet::zero()
                }
            }
            Self::Exponential => {
                let value = (-z).exp(bits);
                RealJet { grad: -&value, hess: value.clone(), value }
            }
            Self::Ipo(beta) => {
                let gap = z - Real::one().divide(&(Real::from(2) * Real::new(beta)), bits);
                RealJet { value: &gap * &gap, grad: gap * Real::from(2), hess: Real::from(2) }
            }
            Self::RobustLogistic(epsilon) => {
                let epsilon = Real::new(epsilon);
                let slope = epsilon.divide(&(Real::one() - &epsilon * Real::from(2)), bits);
                let linear = RealJet { value: -(z * &slope), grad: -&slope, hess: Real::zero() };
                logistic(z, bits).plus(&linear)
            }
            Self::RaoKupperWin(eta) => logistic(&(z - Real::new(eta)), bits),
            Self::RaoKupperTie(eta) => {
                let eta = Real::new(eta);
                let win = logistic(&(z - &eta), bits);
                let loss = logistic(&(-z - &eta), bits).chained(&Real::from(-1));
                let mut tie = win.plus(&loss);
                tie.value = tie.value - log_exp_m1(&(eta * Real::from(2)), bits);
                tie
            }
            Self::DavidsonWin(nu) => {
                let davidson = Davidson::at(z, nu, bits);
                let grad = -&davidson.loses - davidson.ties.scaled(-1);
                RealJet { value: davidson.log_sum - z.scaled(-1), grad, hess: davidson.hess }
            }
            Self::DavidsonTie(nu) => {
                let davidson = Davidson::at(z, nu, bits);
                let grad = (&davidson.wins - &davidson.loses).scaled(-1);
                RealJet {
                    value: davidson.log_sum - Real::new(nu).ln(bits),
                    grad,
                    hess: davidson.hess,
                }
            }
        }
    }
}

impl Tuned {
    fn jet(self, loss: Loss, z: &Real, bits: u32) -> RealJet {
        let scale = Real::new(self.scale);
        let t = &scale * &(z - Real::new(self.margin));
        let keep = Real::one() - Real::new(self.smoothing);
        mix(&keep, &t, |t| loss.jet_bits(t, bits)).chained(&scale)
    }
}

/// share·L(z) + (1 − share)·L(−z); a side with weight 0 is not even evaluated.
fn mix(share: &Real, z: &Real, loss: impl Fn(&Real) -> RealJet) -> RealJet {
    let other = Real::one() - share;
    let mut sum = RealJet::zero();
    if !share.is_zero() {
        sum = loss(z).map(|x| x * share);
    }
    if !other.is_zero() {
        let reversed = loss(&-z).chained(&Real::from(-1));
        sum = sum.plus(&reversed.map(|x| x * &other));
    }
    sum
}

/// S(−z), −σ(−z), σ(z)·σ(−z).
fn logistic(z: &Real, bits: u32) -> RealJet {
    let exp = (-z.abs()).exp(bits);
    let unlikely = exp.divide(&(Real::one() + &exp), bits);
    let likely = Real::one() - &unlikely;
    let hess = &likely * &unlikely;
    let tail = exp.ln_1p(bits);
    if is_positive(z) {
        RealJet { value: tail, grad: -unlikely, hess }
    } else {
        RealJet { value: tail - z, grad: -likely, hess }
    }
}

/// Davidson's model: probabilities of a win, a loss and a tie are as e^(z/2), e^(−z/2) and ν to their sum.
struct Davidson {
    log_sum: Real,
    wins: Real,
    loses: Real,
    ties: Real,
    /// Second derivative of `log_sum`.
    hess: Real,
}

impl Davidson {
    fn at(z: &Real, nu: f64, bits: u32) -> Self {
        // All three divided by e^(|z|/2).
        let half = z.abs().scaled(-1);
        let exp = (-&half).exp(bits);
        let (weaker, tie) = (&exp * &exp, Real::new(nu) * &exp);
        let rest = &weaker + &tie;
        let sum = Real::one() + &rest;
        let likely = Real::one().divide(&sum, bits);
        let unlikely = weaker.divide(&sum, bits);
        let ties = tie.divide(&sum, bits);
        let log_sum = half + rest.ln_1p(bits);
        let (wins, loses) = if is_positive(&-z) { (unlikely, likely) } else { (likely, unlikely) };
        // ¼(p_w + p_l − (p_w − p_l)²), multiplied out with p_w + p_l + p_t = 1.
        let hess = &wins * &loses + (&ties * &(&wins + &loses)).scaled(-2);
        Self { log_sum, wins, loses, ties, hess }
    }
}

fn sigmoid_bits(x: &Real, bits: u32) -> Real {
    if is_positive(x) {
        return Real::one() - sigmoid_bits(&-x, bits);
    }
    let exp = x.exp(bits);
    exp.divide(&(Real::one() + &exp), bits)
}

fn softplus_bits(x: &Real, bits: u32) -> Real {
    if is_positive(x) {
        return x + (-x).exp(bits).ln_1p(bits);
    }
    x.exp(bits).ln_1p(bits)
}

/// log(e^x − 1) for x > 0.
fn log_exp_m1(x: &Real, bits: u32) -> Real {
    if is_positive(&(x - Real::one())) {
        return x + (-(-x).exp(bits)).ln_1p(bits);
    }
    x.exp_m1(bits).ln(bits)
}

/// The arguments of the losses are exact, so this is decided.
fn is_positive(x: &Real) -> bool {
    x.signum().expect("an exact number") > 0
}

/// [`settle`] for the three numbers of a jet, each with as many bits as it needs.
fn settle_jet(compute: impl Fn(u32) -> RealJet) -> RealJet {
    let first = compute(LADDER[0]);
    let settled = |first: Real, part: fn(RealJet) -> Real| {
        if first.is_settled() { first } else { settle(|bits| part(compute(bits))) }
    };
    RealJet {
        value: settled(first.value, |jet| jet.value),
        grad: settled(first.grad, |jet| jet.grad),
        hess: settled(first.hess, |jet| jet.hess),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    const LOSSES: [Loss; 11] = [
        Loss::Logistic,
        Loss::Hinge(1.0),
        Loss::SquaredHinge(0.75),
        Loss::Exponential,
        Loss::Ipo(0.1),
        Loss::RobustLogistic(0.1),
        Loss::RaoKupperWin(0.7),
        Loss::RaoKupperTie(0.7),
        Loss::RaoKupperTie(3.0),
        Loss::DavidsonWin(0.5),
        Loss::DavidsonTie(0.5),
    ];

    /// |a − b| ≤ 2^exponent.
    fn close(a: &Real, b: &Real, exponent: i64) -> bool {
        (a - b).abs().compare(&Real::power_of_two(exponent)) == Some(std::cmp::Ordering::Less)
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let mut random = SplitMix64::new(10);
        let bits = 1000;
        let h = Real::power_of_two(-200);
        for loss in LOSSES {
            for tuned in [Tuned::default(), Tuned { scale: 0.3, margin: 0.2, smoothing: 0.1 }] {
                for _ in 0..20 {
                    let z = Real::new(random.uniform(-8.0, 8.0));
                    let at = |z: &Real| tuned.jet(loss, z, bits);
                    let (here, up, down) = (at(&z), at(&(&z + &h)), at(&(&z - &h)));
                    // Central differences are off by a third derivative times h² = 2^−400.
                    let slope = (&up.value - &down.value).scaled(199);
                    assert!(close(&slope, &here.grad, -370), "{loss:?} grad at {z:?}");
                    let slope = (&up.grad - &down.grad).scaled(199);
                    assert!(close(&slope, &here.hess, -370), "{loss:?} hess at {z:?}");
                }
            }
        }
    }

    #[test]
    fn kinks_of_the_hinges() {
        let at = |loss: Loss, z: f64| {
            let jet = loss.jet(&Real::new(z)).unwrap();
            [jet.value, jet.grad, jet.hess].map(|x| x.nearest::<f64>().unwrap())
        };
        let below = 1.0 - f64::EPSILON / 2.0;
        assert_eq!(at(Loss::Hinge(1.0), 1.0), [0.0, 0.0, 0.0]);
        assert_eq!(at(Loss::Hinge(1.0), below), [f64::EPSILON / 2.0, -1.0, 0.0]);
        assert_eq!(at(Loss::SquaredHinge(1.0), 1.0), [0.0, 0.0, 0.0]);
        assert_eq!(
            at(Loss::SquaredHinge(1.0), below),
            [f64::EPSILON * f64::EPSILON / 4.0, -f64::EPSILON, 2.0]
        );
        // 1 − 2^−1074 is below 1, though it rounds to 1.
        let jet = pair(Loss::Hinge(1.0), &Options::default(), 1.0, f64::from_bits(1)).unwrap();
        assert_eq!(jet.grad.nearest(), Some(-1.0));
        assert_eq!(jet.value.nearest(), Some(f64::from_bits(1)));
    }

    /// The table's forms for a label: p·S(−z) + (1−p)·S(z), σ(z) − p, σ(z)σ(−z).
    #[test]
    fn labels_of_the_logistic_loss() {
        let mut random = SplitMix64::new(11);
        for _ in 0..200 {
            let (z, label) = (random.log_uniform(-30.0, 6.0), random.uniform(0.0, 1.0));
            let jet =
                pair(Loss::Logistic, &Options { label, ..Options::default() }, z, 0.0).unwrap();
            let (z, p) = (Real::new(z), Real::new(label));
            let q = Real::one() - &p;
            assert!(close(&jet.value, &(&p * &softplus(&-&z) + &q * &softplus(&z)), -110));
            assert!(close(&jet.grad, &(sigmoid(&z) - &p), -110));
            assert!(close(&jet.hess, &(sigmoid(&z) * sigmoid(&-z)), -110));
        }
    }

    /// The table's forms: ½(p_w − p_l − 1), ½(p_w − p_l), ¼(p_w + p_l − (p_w − p_l)²).
    #[test]
    fn davidson_probabilities() {
        let mut random = SplitMix64::new(12);
        for _ in 0..100 {
            let (z, nu) = (random.uniform(-20.0, 20.0), random.log_uniform(-3.0, 3.0).abs());
            let half = Real::new(z / 2.0);
            let (win, loss, tie) = (half.exp(400), (-half).exp(400), Real::new(nu));
            let sum = &win + &loss + &tie;
            let [p_w, p_l, p_t] = [win, loss, tie].map(|x| x.divide(&sum, 400));
            let z = Real::new(z);
            let (wins, ties) =
                (Loss::DavidsonWin(nu).jet(&z).unwrap(), Loss::DavidsonTie(nu).jet(&z).unwrap());
            assert!(close(&wins.value, &-p_w.ln(400), -120));
            assert!(close(&ties.value, &-p_t.ln(400), -120));
            let difference = &p_w - &p_l;
            assert!(close(&wins.grad, &(&difference - &Real::one()).scaled(-1), -120));
            assert!(close(&ties.grad, &difference.scaled(-1), -120));
            let hess = (p_w + p_l - &difference * &difference).scaled(-2);
            assert!(close(&wins.hess, &hess, -120) && close(&ties.hess, &hess, -120));
        }
    }

    /// Rao and Kupper's probabilities with θ = e^η: π_i/(π_i + θπ_j), and what the two wins leave to a tie.
    #[test]
    fn rao_kupper_probabilities() {
        let mut random = SplitMix64::new(13);
        for _ in 0..100 {
            let (z, eta) = (random.uniform(-20.0, 20.0), random.log_uniform(-3.0, 2.0).abs());
            let (ratio, theta) = (Real::new(z).exp(400), Real::new(eta).exp(400));
            let win = ratio.divide(&(&ratio + &theta), 400);
            let loss = Real::one().divide(&(Real::one() + &ratio * &theta), 400);
            let tie = Real::one() - &win - &loss;
            let z = Real::new(z);
            assert!(close(&Loss::RaoKupperWin(eta).jet(&z).unwrap().value, &-win.ln(400), -120));
            assert!(close(&Loss::RaoKupperTie(eta).jet(&z).unwrap().value, &-tie.ln(400), -120));
            // The margin loss of Llama-2 reward models is the same win term.
            let options = Options { margin: eta, ..Options::default() };
            let margin_loss = pair(Loss::Logistic, &options, z.approximate(), 0.0).unwrap();
            assert!(close(&margin_loss.value, &-win.ln(400), -120));
        }
    }

    #[test]
    fn tuning_and_weights() {
        let tuned = Tuned { scale: 0.5, margin: 0.25, smoothing: 0.125 };
        let options = Options { tuned, margin: 1.0, weight: 3.0, label: 0.75 };
        let jet = pair(Loss::Exponential, &options, 4.0, 1.5).unwrap();
        // z = 1.5; t = 0.5·(z − 0.25) forwards, 0.5·(−z − 0.25) backwards.
        let tuned = |z: f64| {
            let t = 0.5 * (z - 0.25);
            0.875 * (-t).exp() + 0.125 * t.exp()
        };
        let slope = |z: f64| {
            let t = 0.5 * (z - 0.25);
            0.5 * (-0.875 * (-t).exp() + 0.125 * t.exp())
        };
        let value = 3.0 * (0.75 * tuned(1.5) + 0.25 * tuned(-1.5));
        assert!((jet.value.approximate() - value).abs() < 1e-14);
        assert!(
            (jet.grad.approximate() - 3.0 * (0.75 * slope(1.5) - 0.25 * slope(-1.5))).abs() < 1e-14
        );
        assert!((jet.hess.approximate() - 0.25 * value).abs() < 1e-14); // β²·L for an exponential
    }

    #[test]
    fn a_side_without_weight_contributes_nothing() {
        // e^1e6 overflows every format; with label 1 it is not part of the loss.
        let jet = pair(Loss::Exponential, &Options::default(), 1e6, 0.0).unwrap();
        assert_eq!(jet.value.nearest(), Some(0.0));
        let none = Options { weight: 0.0, margin: f64::NAN, ..Options::default() };
        let jet = pair(Loss::Logistic, &none, f64::NAN, 0.0).unwrap();
        assert!(jet.value.is_zero() && jet.grad.is_zero() && jet.hess.is_zero());
    }

    #[test]
    fn differences_beyond_the_format() {
        let (most, options) = (f64::MAX, Options::default());
        let lost = pair(Loss::Logistic, &options, -most, most).unwrap();
        assert_eq!(lost.value.nearest(), Some(f64::INFINITY));
        assert_eq!(lost.grad.nearest(), Some(-1.0));
        assert_eq!(lost.hess.nearest(), Some(0.0));
        let scaled =
            Options { tuned: Tuned { scale: 2f64.powi(-1024), ..Tuned::default() }, ..options };
        let two = pair(Loss::Logistic, &scaled, -most, most).unwrap();
        assert_eq!(two.value.nearest::<f64>(), softplus(&Real::new(2.0 - f64::EPSILON)).nearest());
        let won = pair(Loss::Logistic, &options, most, -most).unwrap();
        assert_eq!(won.value.nearest(), Some(0.0));
        assert_eq!(won.grad.nearest::<f64>().map(f64::to_bits), Some((-0.0f64).to_bits()));
    }

    /// Expected values that lie on a tie or on zero, which no finite precision decides.
    #[test]
    fn values_on_a_tie_are_decided() {
        // Half of 3·2^−1074 lies in the middle; σ(0) is exactly ½.
        let options = Options { weight: f64::from_bits(3), ..Options::default() };
        let grad =
            |z: f64| pair(Loss::Logistic, &options, z, 0.0).unwrap().grad.nearest::<f64>().unwrap();
        assert_eq!(grad(0.0), -f64::from_bits(2));
        assert_eq!(grad(f64::from_bits(1)), -f64::from_bits(1));
        assert_eq!(grad(-f64::from_bits(1)), -f64::from_bits(2));
        // 2·(z − 1/6)·3 = 6z − 1 is exact, though 1/6 is not: 6·2^53 − 1 lies in the middle of two floats.
        let options = Options { weight: 3.0, ..Options::default() };
        let ipo = |z: f64| pair(Loss::Ipo(3.0), &options, z, 0.0).unwrap().grad;
        assert_eq!(ipo(2f64.powi(52)).nearest(), Some(6.0 * 2f64.powi(52)));
        // (1/2 − 1/2)·… is exactly zero.
        let options = Options { label: 0.5, ..Options::default() };
        assert!(pair(Loss::Ipo(3.0), &options, 0.0, 0.0).unwrap().grad.is_zero());
        assert!(pair(Loss::Logistic, &options, 0.0, 0.0).unwrap().grad.is_zero());
    }

    #[test]
    fn saturation_does_not_decide_a_tie_the_wrong_way() {
        // p·L′(z) + … = (1 − p) − tiny with 1 − p = 1 − 2^−54 in the middle of two floats.
        let options = Options { label: 2f64.powi(-54), ..Options::default() };
        let grad = pair(Loss::Logistic, &options, 1e6, 0.0).unwrap().grad;
        assert_eq!(grad.nearest(), Some(1.0 - f64::EPSILON / 2.0));
    }

    #[test]
    fn far_margins_are_settled_for_every_loss_and_option() {
        let tuned = Tuned { scale: 0.3, margin: 0.2, smoothing: 0.1 };
        let all = Options { tuned, margin: 0.1, weight: 2.5, label: 0.7 };
        let most = Tuned { scale: f64::MAX, margin: -f64::MAX, ..tuned };
        let extreme = Options { tuned: most, margin: f64::MAX, weight: f64::MAX, ..all };
        let tiny = f64::from_bits(1);
        let least = Tuned { scale: tiny, margin: tiny, smoothing: tiny };
        let smallest = Options { tuned: least, margin: tiny, weight: tiny, label: tiny };
        for loss in LOSSES {
            for options in [Options::default(), all, extreme, smallest] {
                for z in [0.0, tiny, 40.0, 1e4, 16384.0, 1e6, 1e100, f64::MAX] {
                    for z in [z, -z] {
                        let jet = pair(loss, &options, z, 0.0).unwrap();
                        for part in [jet.value, jet.grad, jet.hess] {
                            assert!(part.is_settled(), "{loss:?} {options:?} {z:e}");
                        }
                    }
                }
            }
        }
        let jet = pair(Loss::Exponential, &all, -1e6, 0.0).unwrap();
        assert_eq!(jet.value.nearest(), Some(f64::INFINITY));
        assert_eq!(jet.grad.nearest(), Some(f32::NEG_INFINITY));
    }

    #[test]
    fn domains() {
        let options = Options::default();
        assert!(pair(Loss::Logistic, &options, f64::NAN, 0.0).is_none());
        assert!(pair(Loss::Logistic, &options, f64::INFINITY, 0.0).is_none());
        assert!(pair(Loss::Ipo(0.0), &options, 1.0, 0.0).is_none());
        assert!(pair(Loss::RobustLogistic(0.5), &options, 1.0, 0.0).is_none());
        assert!(Loss::RaoKupperTie(0.0).jet(&Real::one()).is_none());
        assert!(Loss::DavidsonTie(0.0).jet(&Real::one()).is_none());
        assert!(logit(&Real::zero()).is_none() && logit(&Real::one()).is_none());
        assert!(logit(&Real::new(0.5)).unwrap().is_zero());
        assert!(win_probability(f64::INFINITY, 0.0).is_none());
        assert!(win_probability_from_strengths(0.0, 0.0).is_none());
        assert!(win_probability_from_strengths(-1.0, 2.0).is_none());
        let half = win_probability_from_strengths(1e308, 1e308).unwrap();
        assert!(half.is_exact() && half.nearest() == Some(0.5));
    }
}
