//! The identities of the field, each for the losses it holds for, on random points and on hard ones.

use crate::support::{Core, Number, Row, Verbs, assert_close, bits, bits_of, jet_bits, of_bits};
use pairwise_loss::{
    Exponential, Hinge, Ipo, Logistic, PairLoss, Pairs, Reduction, RobustLogistic, SquaredHinge,
    Tuned, log_sigmoid, log_win_probability, logit, sigmoid, softplus, win_probability,
    win_probability_from_strengths,
};
use proptest::prelude::*;
use reference::{Loss, Real, Tuned as RealTuned, settle, ulp};

/// Random points each property is tried at.
const CASES: u32 = 192;

/// Scores of the size that occurs, and of every size at which the losses are not yet 0 or linear.
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -8.0..8.0, 2 => -60.0..60.0, 1 => -700.0..700.0, 1 => -1e-6..1e-6]
}

/// Both formats at a point given in f64.
macro_rules! both {
    ($check:ident($($argument:expr),*)) => {{
        $check::<f32>($($argument),*);
        $check::<f64>($($argument),*);
    }};
}

// The seed of the field: four ways to write the loss.

/// −log(e^c/(e^c + e^r)), log(e^c + e^r) − c, log(1 + e^−Δ) and log(e^Δ + 1) − Δ, as they are written.
fn four_forms(chosen: f64, rejected: f64) -> [Real; 4] {
    let (c, r) = (Real::new(chosen), Real::new(rejected));
    let delta = &c - &r;
    let one = Real::one();
    [
        settle(|bits| {
            let (up, down) = (c.exp(bits), r.exp(bits));
            -up.divide(&(&up + &down), bits).ln(bits)
        }),
        settle(|bits| (c.exp(bits) + r.exp(bits)).ln(bits) - &c),
        settle(|bits| (&one + (-&delta).exp(bits)).ln(bits)),
        settle(|bits| (delta.exp(bits) + &one).ln(bits) - &delta),
    ]
}

fn seed_formulas<T: Number>(chosen: f64, rejected: f64) {
    let (chosen, rejected) = (T::of(chosen), T::of(rejected));
    let value = Logistic.eval(chosen, rejected).value;
    let log = log_win_probability(chosen, rejected);
    assert_eq!(bits_of(-log), bits_of(value));
    for (form, exact) in four_forms(chosen.wide(), rejected.wide()).into_iter().enumerate() {
        let error = ulp::error(value, &exact);
        assert!(error <= T::PAIR, "form {form}: {error} ulp at {chosen:?}, {rejected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn four_forms_of_the_loss_are_one(chosen in score(), rejected in score()) {
        both!(seed_formulas(chosen, rejected));
    }

    /// P(i, j) + P(j, i) = 1: both are within PAIR ulp, so the sum is within a unit of 1.
    #[test]
    fn probabilities_are_complementary(i in score(), j in score()) {
        fn check<T: Number>(i: f64, j: f64) {
            let (i, j) = (T::of(i), T::of(j));
            let sum = Real::new(win_probability(i, j).wide()) + Real::new(win_probability(j, i).wide());
            let error = (sum - Real::one()).abs().approximate();
            assert!(error <= T::epsilon().wide(), "{i:?}, {j:?}: {error:e}");
        }
        both!(check(i, j));
    }

    /// P from scores log a, log b is that from strengths a, b. A rounded logarithm of magnitude m is off by m·ε/2, which
    /// moves P by at most P·(1 − P) times as much; each P is rounded once.
    #[test]
    fn scores_and_strengths_agree(a in 1e-9..1e9_f64, b in 1e-9..1e9_f64) {
        fn check<T: Number>(a: f64, b: f64) {
            let (a, b) = (T::of(a), T::of(b));
            let (log_a, log_b) = (T::of(a.wide().ln()), T::of(b.wide().ln()));
            let from_scores = win_probability(log_a, log_b).wide();
            let from_strengths = win_probability_from_strengths(a, b).wide();
            let rounding = (log_a.wide().abs() + log_b.wide().abs() + 2.0) * T::epsilon().wide();
            approx::assert_relative_eq!(from_scores, from_strengths, max_relative = rounding);
        }
        both!(check(a, b));
    }

    /// π/(π + ρ) does not change when both are multiplied by the same number: exactly for powers of two.
    #[test]
    fn strengths_have_no_scale(a in 1e-9..1e9_f64, b in 1e-9..1e9_f64, k in -60..60_i32, s in 1e-9..1e9_f64) {
        fn check<T: Number>(a: f64, b: f64, k: i32, s: f64) {
            let (a, b, power, s) = (T::of(a), T::of(b), T::of(f64::from(k).exp2()), T::of(s));
            let share = win_probability_from_strengths(a, b);
            let scaled = win_probability_from_strengths(a * power, b * power);
            assert_eq!(bits_of(share), bits_of(scaled));
            // Each product is rounded, by ε/2: together ε, times 1 − P ≤ 1; each P by half a unit, at most ε/2.
            let scaled = win_probability_from_strengths(a * s, b * s).wide();
            approx::assert_relative_eq!(
                scaled, share.wide(), max_relative = 2.01 * T::epsilon().wide());
        }
        both!(check(a, b, k, s));
    }

    /// Only the difference of scores matters. Multiples of 1/64 below 2048 are added without rounding.
    #[test]
    fn scores_have_no_origin(c in -65536..65536_i32, r in -65536..65536_i32, shift in -65536..65536_i32) {
        fn check<T: Number>(c: i32, r: i32, shift: i32) {
            let at = |n: i32| T::of(f64::from(n) / 64.0);
            let jets = |c, r| {
                [
                    jet_bits(Logistic.eval(c, r)),
                    jet_bits(Hinge::new(0.3).unwrap().eval(c, r)),
                    jet_bits(SquaredHinge::new(0.3).unwrap().eval(c, r)),
                    jet_bits(Exponential.eval(c, r)),
                    jet_bits(Ipo::new(0.3).unwrap().eval(c, r)),
                    jet_bits(RobustLogistic::new(0.3).unwrap().eval(c, r)),
                ]
            };
            let (c, r, c_shifted, r_shifted) = (at(c), at(r), at(c + shift), at(r + shift));
            assert_eq!(jets(c, r), jets(c_shifted, r_shifted));
            assert_eq!(bits_of(win_probability(c, r)), bits_of(win_probability(c_shifted, r_shifted)));
        }
        both!(check(c, r, shift));
    }

    /// S(−z) − S(z) = −z, each side rounded once.
    #[test]
    fn softplus_differs_by_its_argument(x in score()) {
        fn check<T: Number>(x: f64) {
            let x = T::of(x);
            let (down, up) = (softplus(-x), softplus(x));
            let unit = T::epsilon().wide() * up.wide().max(down.wide());
            approx::assert_abs_diff_eq!(down.wide() - up.wide(), -x.wide(), epsilon = 1.1 * unit);
            assert_eq!(bits_of(softplus(-x)), bits_of(Logistic.eval(x, T::zero()).value));
            assert_eq!(bits_of(-softplus(-x)), bits_of(log_sigmoid(x)));
            assert_eq!(bits_of(sigmoid(x)), bits_of(win_probability(x, T::zero())));
        }
        both!(check(x));
    }
}

// Derivatives.

/// Digits of the value functions that are differenced.
const BITS: u32 = 900;
/// The step, 2 to minus this: what a central difference leaves out is below 2^−(2·STEP) of the third or fourth derivative.
const STEP: i64 = 130;

/// The value of a loss as its textbook has it, to [`BITS`] bits.
fn textbook(loss: Loss, z: &Real) -> Real {
    let zero_or = |gap: Real| if gap.signum() == Some(1) { gap } else { Real::zero() };
    let softplus = |x: &Real| (Real::one() + x.exp(BITS)).ln(BITS);
    match loss {
        Loss::Logistic => softplus(&-z),
        Loss::Hinge(m) => zero_or(Real::new(m) - z),
        Loss::SquaredHinge(m) => {
            let gap = zero_or(Real::new(m) - z);
            &gap * &gap
        }
        Loss::Exponential => (-z).exp(BITS),
        Loss::Ipo(beta) => {
            let gap = z - Real::one().divide(&(Real::from(2) * Real::new(beta)), BITS);
            &gap * &gap
        }
        Loss::RobustLogistic(epsilon) => {
            let epsilon = Real::new(epsilon);
            let kept = (Real::one() - &epsilon) * softplus(&-z) - &epsilon * &softplus(z);
            kept.divide(&(Real::one() - epsilon * Real::from(2)), BITS)
        }
        other => panic!("{other:?} is not a loss of the crate"),
    }
}

/// (1 − ε)·L(t) + ε·L(−t) with t = β·(z − m).
fn tuned_textbook(loss: Loss, tuned: RealTuned, z: &Real) -> Real {
    let t = Real::new(tuned.scale) * (z - Real::new(tuned.margin));
    let epsilon = Real::new(tuned.smoothing);
    (Real::one() - &epsilon) * textbook(loss, &t) + epsilon * textbook(loss, &-t)
}

/// Value, gradient and second derivative of a loss against its textbook value and the differences of it.
fn differences<T: Number, L: PairLoss>(
    loss: L,
    textbook: impl Fn(&Real) -> Real,
    chosen: f64,
    rejected: f64,
    cancelling: [f64; 3],
) {
    let (chosen, rejected) = (T::of(chosen), T::of(rejected));
    let jet = loss.eval(chosen, rejected);
    let z = Real::new(chosen.wide()) - Real::new(rejected.wide());
    let step = Real::power_of_two(-STEP);
    let (below, at, above) = (textbook(&(&z - &step)), textbook(&z), textbook(&(&z + &step)));
    let slope = (&above - &below).scaled(STEP - 1);
    let curvature = (above + below - at.scaled(1)).scaled(2 * STEP);
    for ((part, computed, exact), cancelling) in
        [("value", jet.value, at), ("gradient", jet.grad, slope), ("hessian", jet.hess, curvature)]
            .into_iter()
            .zip(cancelling)
    {
        // The remainder of the difference, 2^−260, is nothing beside the rounding.
        assert_close(computed, &exact, T::PAIR, cancelling, &(part, chosen, rejected));
    }
}

/// A loss as it is and tuned.
fn derivatives<T: Number, L: PairLoss>(
    loss: L,
    exact: Loss,
    (chosen, rejected): (f64, f64),
    tuned: RealTuned,
    cancelling: [f64; 3],
) {
    differences::<T, _>(loss, |z| textbook(exact, z), chosen, rejected, cancelling);
    let built = Tuned::new(loss)
        .scale(tuned.scale)
        .and_then(|l| l.margin(tuned.margin))
        .and_then(|l| l.smoothing(tuned.smoothing))
        .expect("parameters");
    // Both sides of the smoothing in turn: their gradients cancel, and at most as much as this.
    let t = tuned.scale * (T::of(chosen).wide() - T::of(rejected).wide() - tuned.margin);
    let sides = [reference_jet(exact, t), reference_jet(exact, -t)];
    let size = |part: fn(&reference::RealJet) -> &Real| {
        sides.iter().map(|jet| part(jet).abs().approximate()).fold(cancelling[0], f64::max)
    };
    let terms = [
        if cancelling[0] > 0.0 { size(|jet| &jet.value) } else { 0.0 },
        2.0 * tuned.scale * size(|jet| &jet.grad),
        0.0,
    ];
    let textbook = |z: &Real| tuned_textbook(exact, tuned, z);
    differences::<T, _>(built, textbook, chosen, rejected, terms);
}

fn reference_jet(loss: Loss, z: f64) -> reference::RealJet {
    loss.jet(&Real::new(z)).expect("a parameter in the domain")
}

fn tuning() -> impl Strategy<Value = RealTuned> {
    (0.01..3.0, -2.0..2.0, prop_oneof![Just(0.0), Just(1.0), 0.0..1.0])
        .prop_map(|(scale, margin, smoothing)| RealTuned { scale, margin, smoothing })
}

/// Scores whose difference is of moderate size.
fn pair() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![(-8.0..8.0, -8.0..8.0), (-20.0..20.0, -20.0..20.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn derivatives_of_logistic(at in pair(), tuned in tuning()) {
        derivatives::<f32, _>(Logistic, Loss::Logistic, at, tuned, [0.0; 3]);
        derivatives::<f64, _>(Logistic, Loss::Logistic, at, tuned, [0.0; 3]);
    }

    #[test]
    fn derivatives_of_robust_logistic(at in pair(), tuned in tuning(), epsilon in 0.0..0.49) {
        let loss = RobustLogistic::new(epsilon).unwrap();
        let exact = Loss::RobustLogistic(epsilon);
        // S(−z) and z·ε/(1 − 2ε) cancel.
        let terms = [50.0 * (1.0 + epsilon / (1.0 - 2.0 * epsilon)), 0.0, 0.0];
        derivatives::<f32, _>(loss, exact, at, tuned, terms);
        derivatives::<f64, _>(loss, exact, at, tuned, terms);
    }

    #[test]
    fn derivatives_of_hinge(at in pair(), tuned in tuning(), margin in -3.0..3.0) {
        let loss = Hinge::new(margin).unwrap();
        derivatives::<f32, _>(loss, Loss::Hinge(margin), at, tuned, [0.0; 3]);
        derivatives::<f64, _>(loss, Loss::Hinge(margin), at, tuned, [0.0; 3]);
    }

    #[test]
    fn derivatives_of_squared_hinge(at in pair(), tuned in tuning(), margin in -3.0..3.0) {
        let loss = SquaredHinge::new(margin).unwrap();
        derivatives::<f32, _>(loss, Loss::SquaredHinge(margin), at, tuned, [0.0; 3]);
        derivatives::<f64, _>(loss, Loss::SquaredHinge(margin), at, tuned, [0.0; 3]);
    }

    #[test]
    fn derivatives_of_exponential(at in pair(), tuned in tuning()) {
        derivatives::<f32, _>(Exponential, Loss::Exponential, at, tuned, [0.0; 3]);
        derivatives::<f64, _>(Exponential, Loss::Exponential, at, tuned, [0.0; 3]);
    }

    #[test]
    fn derivatives_of_ipo(at in pair(), tuned in tuning(), beta in 0.05..2.0) {
        let loss = Ipo::new(beta).unwrap();
        derivatives::<f32, _>(loss, Loss::Ipo(beta), at, tuned, [0.0; 3]);
        derivatives::<f64, _>(loss, Loss::Ipo(beta), at, tuned, [0.0; 3]);
    }

    /// |L′| ≤ 1 and 0 ≤ L″ ≤ ¼; L″ ≤ |L′|; L′ = −P(r beats c).
    #[test]
    fn logistic_derivatives_are_bounded(chosen in score(), rejected in score()) {
        fn check<T: Number>(chosen: f64, rejected: f64) {
            let (chosen, rejected) = (T::of(chosen), T::of(rejected));
            let jet = Logistic.eval(chosen, rejected);
            assert!(jet.grad.abs() <= T::one() && jet.grad <= T::zero(), "{jet:?}");
            assert!(jet.hess >= T::zero() && jet.hess <= T::of(0.25), "{jet:?}");
            assert!(jet.hess <= jet.grad.abs(), "{jet:?}");
            assert_eq!(-jet.grad, win_probability(rejected, chosen));
        }
        both!(check(chosen, rejected));
    }

    /// Convex losses have ordered gradients and lie above their tangents; all but the Ipo loss fall in z. (RobustLogistic
    /// is convex and falls too, without bound.)
    #[test]
    fn losses_are_convex_and_fall(a in score(), b in score()) {
        fn check<T: Number, L: PairLoss>(loss: L, a: f64, b: f64, falls: bool) {
            let (low, high) = (T::of(a.min(b)), T::of(a.max(b)));
            let (left, right) = (loss.eval(low, T::zero()), loss.eval(high, T::zero()));
            assert!(left.grad <= right.grad, "{left:?} {right:?}");
            assert!(left.hess >= T::zero() && right.hess >= T::zero());
            if falls {
                assert!(left.value >= right.value, "{left:?} {right:?}");
                assert!(left.grad <= T::zero());
            }
            // The midpoint lies below the chord (Jensen), up to the roundings of the three values.
            if left.value.is_finite() && right.value.is_finite() {
                let middle = T::of(f64::midpoint(low.wide(), high.wide()));
                let value = loss.eval(middle, T::zero()).value.wide();
                let chord = f64::midpoint(left.value.wide(), right.value.wide());
                let size = left.value.wide().abs().max(right.value.wide().abs());
                // The midpoint itself is rounded: by ε/2 of its size, times the slope.
                let moved = middle.wide().abs() * left.grad.wide().abs().max(right.grad.wide().abs());
                assert!(value <= chord + 2.0 * T::epsilon().wide() * (size + moved), "{value} {chord}");
            }
        }
        fn every<T: Number>(a: f64, b: f64) {
            check::<T, _>(Logistic, a, b, true);
            check::<T, _>(RobustLogistic::new(0.2).unwrap(), a, b, true);
            check::<T, _>(Hinge::new(0.5).unwrap(), a, b, true);
            check::<T, _>(SquaredHinge::new(0.5).unwrap(), a, b, true);
            check::<T, _>(Exponential, a, b, true);
            check::<T, _>(Ipo::new(0.2).unwrap(), a, b, false);
        }
        both!(every(a, b));
    }
}

/// A surrogate lies above the error it stands for: log 2 · [z < 0] for Logistic, [z < 0] for the exponential and for the
/// hinges of margin 1.
#[test]
fn surrogates_lie_above_the_error() {
    for step in -400..400 {
        let z = f64::from(step) / 16.0;
        let error = f64::from(u8::from(z < 0.0));
        assert!(Logistic.eval(z, 0.0).value >= error * std::f64::consts::LN_2);
        assert!(Exponential.eval(z, 0.0).value >= error);
        assert!(Hinge::new(1.0).unwrap().eval(z, 0.0).value >= error);
        assert!(SquaredHinge::new(1.0).unwrap().eval(z, 0.0).value >= error);
    }
}

/// At the kink itself the documented subgradient holds, and the gradient jumps one step below it.
#[test]
fn hinges_at_their_kink() {
    fn check<T: Number>() {
        for margin in [0.5, -2.0] {
            let (hinge, squared) =
                (Hinge::new(margin).unwrap(), SquaredHinge::new(margin).unwrap());
            let at = T::of(margin);
            let below = at - at.abs() * T::epsilon();
            let [hinge_at, hinge_below] = [at, below].map(|z| hinge.eval(z, T::zero()));
            assert_eq!((hinge_at.value, hinge_at.grad), (T::zero(), T::zero()));
            assert_eq!((hinge_below.value, hinge_below.grad), (at - below, -T::one()));
            let [squared_at, squared_below] = [at, below].map(|z| squared.eval(z, T::zero()));
            assert_eq!((squared_at.grad, squared_at.hess), (T::zero(), T::zero()));
            assert_eq!(squared_below.grad, (at - below) * T::of(-2.0));
            assert_eq!(squared_below.hess, T::of(2.0));
        }
    }
    check::<f32>();
    check::<f64>();
}

// Labels.

/// Losses and gradients of pairs, by the core verbs.
fn of_pairs<T: Number>(pairs: Pairs<'_, T>) -> [Vec<T>; 2] {
    let said = Core::call(pairs, Logistic, Reduction::Sum, 0);
    [said.losses, said.d_chosen].map(|x| x.into_iter().map(of_bits).collect())
}

/// The same under labels.
fn labeled<T: Number>(chosen: &[T], rejected: &[T], labels: Option<&[T]>) -> [Vec<T>; 2] {
    let mut pairs = Pairs::new(chosen, rejected).unwrap();
    if let Some(labels) = labels {
        pairs = pairs.with_labels(labels).unwrap();
    }
    of_pairs(pairs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// The loss under label p is least where σ(z) = p: its gradient σ(z) − p changes sign at logit(p).
    #[test]
    fn the_optimum_of_a_soft_label_is_its_logit(p in 0.001..0.999) {
        fn check<T: Number>(p: f64) {
            let p = T::of(p);
            let z = logit(p);
            // Far enough that the rounded logit does not matter: the gradient is p(1 − p)·δ.
            let step = T::of(8.0) * T::epsilon() * z.abs().max(T::one());
            let [_, gradients] = labeled(&[z - step, z + step], &[T::zero(); 2], Some(&[p; 2]));
            assert!(gradients[0] < T::zero() && gradients[1] > T::zero(), "{p:?} {gradients:?}");
        }
        both!(check(p));
    }

    /// p = 1 is no label; p = ½ does not know the sides; 1 − p with the sides exchanged is the same loss.
    #[test]
    fn labels_are_symmetric(chosen in score(), rejected in score(), p in 0..=1024_i32) {
        fn check<T: Number>(chosen: f64, rejected: f64, p: i32) {
            let (c, r) = (T::of(chosen), T::of(rejected));
            let all = |labels: Option<T>, c: T, r: T| {
                labeled(&[c], &[r], labels.map(|p| [p]).as_ref().map(|p| &p[..])).map(|x| x[0])
            };
            let minus = |[value, grad]: [T; 2]| [value, -grad];
            assert_eq!(bits(&all(Some(T::one()), c, r)), bits(&all(None, c, r)));
            // −0 and 0 are the same gradient.
            let half = T::of(0.5);
            assert_eq!(all(Some(half), c, r), minus(all(Some(half), r, c)));
            // 1 − p is exact: p is a multiple of 2⁻¹⁰.
            let p = T::of(f64::from(p) / 1024.0);
            let swapped = minus(all(Some(T::one() - p), r, c));
            assert_eq!(all(Some(p), c, r), swapped, "{c:?} {r:?} {p:?}");
        }
        both!(check(chosen, rejected, p));
    }

    /// ((1 − ε)·S(−z) − ε·S(z))/(1 − 2ε), as it is written.
    #[test]
    fn robust_logistic_is_the_unbiased_estimate(z in score(), epsilon in 0.0..0.499) {
        fn check<T: Number>(z: f64, epsilon: f64) {
            let z = T::of(z);
            let value = RobustLogistic::new(epsilon).unwrap().eval(z, T::zero()).value;
            let (x, e) = (Real::new(z.wide()), Real::new(epsilon));
            let exact = settle(|bits| {
                let softplus = |x: &Real| (Real::one() + x.exp(bits)).ln(bits);
                let kept = (Real::one() - &e) * softplus(&-&x) - &e * &softplus(&x);
                kept.divide(&(Real::one() - e.scaled(1)), bits)
            });
            let terms = 1.0 + z.wide().abs() * (1.0 + epsilon / (1.0 - 2.0 * epsilon));
            assert_close(value, &exact, T::PAIR, terms, &(z, epsilon));
        }
        both!(check(z, epsilon));
    }

    /// Flipped labels on average: (1 − ε)·L_robust(z) + ε·L_robust(−z) is the logistic loss itself.
    #[test]
    fn robust_logistic_is_unbiased(z in -30.0..30.0_f64, epsilon in 0.0..0.45) {
        let robust = RobustLogistic::new(epsilon).unwrap();
        let mean = (1.0 - epsilon) * robust.eval(z, 0.0).value + epsilon * robust.eval(-z, 0.0).value;
        let size = 1.0 + 10.0 * z.abs();
        approx::assert_abs_diff_eq!(mean, Logistic.eval(z, 0.0).value, epsilon = size * f64::EPSILON * 2.0);
    }

    #[test]
    fn robust_logistic_without_noise_is_logistic(chosen in score(), rejected in score()) {
        fn check<T: Number>(chosen: f64, rejected: f64) {
            let (c, r) = (T::of(chosen), T::of(rejected));
            assert_eq!(RobustLogistic::new(0.0).unwrap().eval(c, r), Logistic.eval(c, r));
        }
        both!(check(chosen, rejected));
    }

    // Tuned.

    /// The meaning does not depend on the order of the three.
    #[test]
    fn tuning_has_no_order(chosen in score(), rejected in score(), tuned in tuning()) {
        fn check<T: Number>(chosen: f64, rejected: f64, tuned: RealTuned) {
            let (c, r) = (T::of(chosen), T::of(rejected));
            let RealTuned { scale: s, margin: m, smoothing: e } = tuned;
            let new = Tuned::new(Logistic);
            let orders = [
                new.scale(s).and_then(|l| l.margin(m)).and_then(|l| l.smoothing(e)),
                new.scale(s).and_then(|l| l.smoothing(e)).and_then(|l| l.margin(m)),
                new.margin(m).and_then(|l| l.scale(s)).and_then(|l| l.smoothing(e)),
                new.margin(m).and_then(|l| l.smoothing(e)).and_then(|l| l.scale(s)),
                new.smoothing(e).and_then(|l| l.margin(m)).and_then(|l| l.scale(s)),
                new.smoothing(e).and_then(|l| l.scale(s)).and_then(|l| l.margin(m)),
            ];
            let jets = orders.map(|loss| jet_bits(loss.unwrap().eval(c, r)));
            assert_eq!(jets, [jets[0]; 6]);
            // Set twice, the last one holds.
            let again = new.scale(7.0).unwrap().smoothing(0.3).unwrap().margin(9.0).unwrap();
            let again = again.scale(s).unwrap().margin(m).unwrap().smoothing(e).unwrap();
            assert_eq!(jet_bits(again.eval(c, r)), jets[0]);
        }
        both!(check(chosen, rejected, tuned));
    }

    /// Scale, margin and smoothing mean what they say, far out too.
    #[test]
    fn tuned_logistic_is_its_definition(chosen in score(), rejected in score(), tuned in tuning()) {
        fn check<T: Number>(chosen: f64, rejected: f64, tuned: RealTuned) {
            let (c, r) = (T::of(chosen), T::of(rejected));
            let built = Tuned::new(Logistic).scale(tuned.scale).unwrap().margin(tuned.margin).unwrap();
            let jet = built.smoothing(tuned.smoothing).unwrap().eval(c, r);
            let exact = Row::plain(c.wide(), r.wide()).truth(Loss::Logistic, tuned);
            assert_close(jet.value, &exact.value, T::PAIR, 0.0, &(c, r, tuned));
            assert_close(jet.grad, &exact.grad, T::PAIR, 2.0 * tuned.scale, &(c, r, tuned));
            assert_close(jet.hess, &exact.hess, T::PAIR, 0.0, &(c, r, tuned));
        }
        both!(check(chosen, rejected, tuned));
    }

    /// The margin loss of Llama-2 reward models, S(m − z), is Rao and Kupper's win term with η = m.
    #[test]
    fn llama_2_margin_loss(chosen in score(), rejected in score(), margin in 0.0..3.0) {
        fn check<T: Number>(chosen: f64, rejected: f64, margin: f64) {
            let (c, r, m) = (T::of(chosen), T::of(rejected), T::of(margin));
            let jet = Tuned::new(Logistic).margin(m.wide()).unwrap().eval(c, r);
            let exact = Row::plain(c.wide(), r.wide())
                .truth(Loss::RaoKupperWin(m.wide()), RealTuned::default());
            assert_close(jet.value, &exact.value, T::PAIR, 0.0, &(c, r, m));
            assert_close(jet.grad, &exact.grad, T::PAIR, 0.0, &(c, r, m));
            assert_close(jet.hess, &exact.hess, T::PAIR, 0.0, &(c, r, m));
            // And so is a margin of the pair's own.
            let (loss, grad) = with_margin(c, r, m);
            assert_close(loss, &exact.value, T::PAIR, 0.0, &(c, r, m));
            assert_close(grad, &exact.grad, T::PAIR, 0.0, &(c, r, m));
        }
        both!(check(chosen, rejected, margin));
    }

    /// Tuned with nothing set is the loss itself.
    #[test]
    fn untouched_tuning_is_the_loss(chosen in score(), rejected in score()) {
        fn same<T: Number, L: PairLoss>(loss: L, chosen: T, rejected: T) {
            let tuned = Tuned::new(loss).eval(chosen, rejected);
            assert_eq!(jet_bits(tuned), jet_bits(loss.eval(chosen, rejected)));
        }
        fn check<T: Number>(chosen: f64, rejected: f64) {
            let (c, r) = (T::of(chosen), T::of(rejected));
            same(Logistic, c, r);
            same(RobustLogistic::new(0.2).unwrap(), c, r);
            same(Hinge::new(0.5).unwrap(), c, r);
            same(SquaredHinge::new(0.5).unwrap(), c, r);
            same(Exponential, c, r);
            same(Ipo::new(0.2).unwrap(), c, r);
        }
        both!(check(chosen, rejected));
    }

    // Log-odds.

    /// logit is right to the last place: between, beside ½ and at the ends.
    #[test]
    fn logit_is_accurate(p in prop_oneof![0.0..1.0_f64, 0.499..0.501, 0.0..1e-6, 0.999_999..1.0],
                         steps in 0..2000_u32, exponent in -1074..-1_i32) {
        fn check<T: Number>(p: f64) {
            let p = T::of(p);
            if let Some(exact) = reference::logit(&Real::new(p.wide())) {
                assert_close(logit(p), &exact, T::PAIR, 0.0, &p);
            }
        }
        both!(check(p));
        both!(check(f64::from(exponent).exp2()));
        for steps in [f64::from(steps), -f64::from(steps)] {
            check::<f32>(0.5 + steps * f64::from(f32::EPSILON) / 4.0);
            check::<f64>(0.5 + steps * f64::EPSILON / 4.0);
        }
    }

    /// logit(1 − p) = −logit(p) where 1 − p is exact.
    #[test]
    fn logit_is_odd_about_a_half(n in 1..(1_i64 << 53), short in 1..(1_i64 << 24)) {
        let p = n as f64 / (1_i64 << 53) as f64;
        prop_assert_eq!(logit(1.0 - p) + 0.0, -logit(p) + 0.0);
        let p = short as f32 / (1_i64 << 24) as f32;
        prop_assert_eq!(logit(1.0 - p) + 0.0, -logit(p) + 0.0);
    }

    /// logit(σ(x)) = x as far as σ(x) holds it: its rounding, ε/2 of it, is divided by σ(x)·σ(−x).
    #[test]
    fn logit_undoes_sigmoid(x in -12.0..12.0_f64, p in 1e-6..0.999_999_f64) {
        fn check<T: Number>(x: f64, p: f64) {
            let (x, p) = (T::of(x), T::of(p));
            let back = logit(sigmoid(x)).wide();
            let bound = T::epsilon().wide() * (0.51 * (1.0 + x.wide().exp()) + x.wide().abs());
            approx::assert_abs_diff_eq!(back, x.wide(), epsilon = bound);
            // σ(logit(p)) = p: the logarithm's rounding, ε/2 of it, times p·(1 − p).
            let log = logit(p);
            let again = sigmoid(log).wide();
            let bound = p.wide() * T::epsilon().wide() * (0.6 * log.wide().abs() + 0.6);
            approx::assert_abs_diff_eq!(again, p.wide(), epsilon = bound);
        }
        both!(check(x, p));
    }

    #[test]
    fn shares_of_strengths_are_accurate(a in 0.0..1.0_f64, b in 0.0..1.0_f64, i in -1074..1000_i32, j in -1074..1000_i32) {
        fn check<T: Number>(a: f64, b: f64) {
            let (a, b) = (T::of(a), T::of(b));
            if let Some(exact) = reference::win_probability_from_strengths(a.wide(), b.wide()) {
                assert_close(win_probability_from_strengths(a, b), &exact, 0.501, 0.0, &(a, b));
            }
        }
        both!(check(a, b));
        both!(check((1.0 + a) * f64::from(i).exp2(), (1.0 + b) * f64::from(j).exp2()));
        // Subnormal strengths and shares.
        check::<f32>((1.0 + a) * f64::from(i % 149 - 20).exp2(), (1.0 + b) * f64::from(j % 120).exp2());
        check::<f64>(f64::from_bits((a * 1e6) as u64), f64::from_bits((b * 1e6) as u64));
    }
}

// Margins.

/// Loss and gradient of one pair with a margin of its own.
fn with_margin<T: Number>(chosen: T, rejected: T, margin: T) -> (T, T) {
    let (chosen, rejected, margins) = ([chosen], [rejected], [margin]);
    let pairs = Pairs::new(&chosen, &rejected).unwrap().with_margins(&margins).unwrap();
    let [loss, grad] = of_pairs(pairs);
    (loss[0], grad[0])
}

/// Scores and margins that cancel all but their last places.
#[test]
fn differences_are_exact_where_everything_cancels() {
    fn check<T: Number>() {
        let power = |k: i32| f64::from(k).exp2();
        let mut triples = Vec::new();
        for large in [0, 5, 20, 40, 60, 100, 120] {
            for small in [-149, -120, -60, -31, -30, -29, -24, -20, -3, 0, 2, 4] {
                for (c, r, m) in [
                    (power(large), power(small), power(large)),
                    (power(large), power(large), power(small)),
                    (power(large), power(small), power(large) - power(large - 20)),
                    (power(large) + power(large - 20), power(large), power(large - 20)),
                    (power(large), -power(large), 2.0 * power(large)),
                    (power(small), power(large), -power(large)),
                    (3.0 * power(small), power(large), power(large) * -1.000_000_1),
                ] {
                    triples.extend([[c, r, m], [-c, -r, -m]]);
                }
            }
        }
        for [c, r, m] in triples {
            let [c, r, m] = [c, r, m].map(T::of);
            let row = Row { margin: m.wide(), ..Row::plain(c.wide(), r.wide()) };
            let exact = row.truth(Loss::Logistic, RealTuned::default());
            let (loss, grad) = with_margin(c, r, m);
            assert_close(loss, &exact.value, T::PAIR, 0.0, &row);
            assert_close(grad, &exact.grad, T::PAIR, 0.0, &row);
        }
    }
    check::<f32>();
    check::<f64>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// A pair's own margin is Tuned's where they are the same number: both are within PAIR ulp of the truth.
    #[test]
    fn both_kinds_of_margin_agree(chosen in score(), rejected in score(), margin in -3.0..3.0) {
        fn check<T: Number>(chosen: f64, rejected: f64, margin: f64) {
            let (c, r, m) = (T::of(chosen), T::of(rejected), T::of(margin));
            let (loss, grad) = with_margin(c, r, m);
            let tuned = Tuned::new(Logistic).margin(m.wide()).unwrap().eval(c, r);
            assert!(ulp::distance(loss, tuned.value) <= 1, "{loss:?} {tuned:?}");
            assert!(ulp::distance(grad, tuned.grad) <= 1, "{grad:?} {tuned:?}");
        }
        both!(check(chosen, rejected, margin));
    }

    /// The same with random scores and a margin that nearly is their difference.
    #[test]
    fn margins_that_nearly_cancel(c in -1e6..1e6_f64, r in -1e6..1e6_f64, steps in -200..200_i32) {
        fn check<T: Number>(c: f64, r: f64, steps: i32) {
            let (c, r) = (T::of(c), T::of(r));
            let near = T::of(c.wide() - r.wide());
            let m = near + near * T::epsilon() * T::of(f64::from(steps));
            let row = Row { margin: m.wide(), ..Row::plain(c.wide(), r.wide()) };
            let exact = row.truth(Loss::Logistic, RealTuned::default());
            let (loss, grad) = with_margin(c, r, m);
            assert_close(loss, &exact.value, T::PAIR, 0.0, &row);
            assert_close(grad, &exact.grad, T::PAIR, 0.0, &row);
        }
        both!(check(c, r, steps));
    }
}

/// A loss whose own parameter cancels the difference of scores far apart: 2⁴⁰ − 2⁻²⁰ against 2⁴⁰.
#[test]
fn parameters_that_cancel() {
    fn check<T: Number>(exponent: f64) {
        let (chosen, rejected) = (T::of(40_f64.exp2()), T::of(-exponent.exp2()));
        let margin = 40_f64.exp2();
        // z = 2⁴⁰ + 2ᵉ and the other way round z = 2⁴⁰ − 2ᵉ.
        for rejected in [rejected, -rejected] {
            let row = Row::plain(chosen.wide(), rejected.wide());
            let jet = Hinge::new(margin).unwrap().eval(chosen, rejected);
            let exact = row.truth(Loss::Hinge(margin), RealTuned::default());
            assert_close(jet.value, &exact.value, T::PAIR, 0.0, &row);
            assert_close(jet.grad, &exact.grad, T::PAIR, 0.0, &row);
            let jet = Tuned::new(Logistic).margin(margin).unwrap().eval(chosen, rejected);
            let tuned = RealTuned { margin, ..RealTuned::default() };
            let exact = row.truth(Loss::Logistic, tuned);
            assert_close(jet.value, &exact.value, T::PAIR, 0.0, &row);
            assert_close(jet.grad, &exact.grad, T::PAIR, 0.0, &row);
        }
    }
    // As far apart as the documentation of `Hinge` and `Tuned` allows `f32` scores to be.
    check::<f32>(12.0);
    check::<f64>(-20.0);
}
