//! Rao–Kupper and Davidson: losses, probabilities and derivatives with respect to the parameter.
//!
//! Expected values come from the definitions in big integers (`reference`), or are written out.

use pairwise_loss::{
    Davidson, Error, Jet, Logistic, PairLoss, Pairs, RaoKupper, Reduction, Score, TieProbabilities,
    Tuned,
};
use reference::random::SplitMix64;
use reference::{Loss, Options, Real, ulp};

const ETAS: [f64; 8] = [1e-9, 0.01, 0.3, 0.75, 2.0, 7.5, 30.0, 400.0];
const NUS: [f64; 8] = [1e-30, 0.01, 0.5, 1.0, 1.9375, 7.0, 1e5, 1e200];

/// Points of each loss with each parameter.
const POINTS: usize = 240;

const F32_ULP: f64 = 0.501;
const F64_ULP: f64 = 0.54;
/// Beside a zero, beyond the half unit of the last rounding, in units of the largest term.
const F32_CANCELLING: f64 = 1.0 / 65536.0;
const F64_CANCELLING: f64 = 1.0 / 16.0;
/// By how much a limit may lie above the largest error that is found.
const SLACK: f64 = 0.05;

trait Format: Score + ulp::Format {
    const SINGLE: bool;
}

impl Format for f32 {
    const SINGLE: bool = true;
}

impl Format for f64 {
    const SINGLE: bool = false;
}

/// Pairs of scores: differences of every size, some next to ±`edge`.
fn points<T: Format>(count: usize, edge: f64, seed: u64) -> Vec<(T, T)> {
    let mut random = SplitMix64::new(seed);
    let end = if T::SINGLE { 106.0 } else { 750.0 };
    let point = |i: usize| {
        let sign = if random.bits() & 1 == 0 { 1.0 } else { -1.0 };
        let z = sign
            * match i % 6 {
                0 => random.uniform(0.0, 4.0),
                1 => random.uniform(0.0, 50.0),
                2 => random.uniform(0.0, end),
                3 => random.log_uniform(-60.0, 6.0),
                4 => edge + random.uniform(-1.0, 1.0),
                _ => 2.0 * edge + random.log_uniform(-20.0, 3.0),
            };
        let rejected = if i.is_multiple_of(2) { 0.0 } else { random.uniform(-30.0, 30.0) };
        (T::of(rejected + z), T::of(rejected))
    };
    (0..count).map(point).collect()
}

/// The largest error of one output, and where.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    plain: f64,
    cancelling: f64,
    /// Parameter, chosen, rejected.
    #[allow(dead_code)] // For the message of a failure.
    at: (f64, f64, f64),
}

/// The error of `computed`: in units in the last place where it is not much smaller than its largest term.
fn add<T: Format>(worst: &mut Worst, computed: T, truth: &Real, term: f64, at: (f64, f64, f64)) {
    let error = ulp::error(computed, truth);
    let share = if T::SINGLE { 2f64.powi(-6) } else { 0.5 };
    let size = truth.approximate().abs();
    if size >= share * term {
        if error > worst.plain {
            *worst = Worst { plain: error, at, ..*worst };
        }
    } else {
        // In units of the term.
        let beyond = (error - 0.5).max(0.0) * size / term;
        worst.cancelling = worst.cancelling.max(beyond);
    }
}

/// The errors of value, gradient and Hessian.
fn worst<T: Format, L: PairLoss>(
    parameters: &[f64],
    make: impl Fn(f64) -> L,
    truth: fn(f64) -> Loss,
    edge: fn(f64) -> f64,
    grad_term: impl Fn(f64, f64) -> f64,
) -> [Worst; 3] {
    let mut found = [Worst::default(); 3];
    for (seed, &parameter) in parameters.iter().enumerate() {
        let loss = make(parameter);
        for (chosen, rejected) in points::<T>(POINTS, edge(parameter), seed as u64) {
            let (c, r) = (ulp::Format::to_f64(chosen), ulp::Format::to_f64(rejected));
            let exact = reference::pair(truth(parameter), &Options::default(), c, r).unwrap();
            let jet = loss.eval(chosen, rejected);
            let at = (parameter, c, r);
            add(&mut found[0], jet.value, &exact.value, 0.0, at);
            add(&mut found[1], jet.grad, &exact.grad, grad_term(parameter, c - r), at);
            add(&mut found[2], jet.hess, &exact.hess, 0.0, at);
        }
    }
    found
}

fn check(name: &str, single: bool, found: [Worst; 3], f64_limits: [f64; 3]) {
    for (output, found) in found.iter().enumerate() {
        let limit = if single { F32_ULP } else { f64_limits[output] };
        let cancelling = if single { F32_CANCELLING } else { F64_CANCELLING };
        assert!(
            (limit - SLACK..=limit).contains(&found.plain) && found.cancelling <= cancelling,
            "{name}, output {output}: {found:?}"
        );
    }
}

fn rao_kupper(eta: f64) -> RaoKupper {
    RaoKupper::new(eta).unwrap()
}

fn davidson(nu: f64) -> Davidson {
    Davidson::new(nu).unwrap()
}

fn losses_are_within_their_limits<T: Format>() {
    let half_log = |nu: f64| 2.0 * nu.ln().abs();
    let none = |_: f64, _: f64| 0.0;
    let limits = [F64_ULP; 3];
    let found = worst::<T, _>(&ETAS, |eta| rao_kupper(eta).win(), Loss::RaoKupperWin, |x| x, none);
    check("RaoKupperWin", T::SINGLE, found, limits);
    let term = |eta: f64, z: f64| {
        let shares = rao_kupper(eta).probabilities(z, 0.0);
        shares.win.max(shares.loss)
    };
    let found = worst::<T, _>(&ETAS, |eta| rao_kupper(eta).tie(), Loss::RaoKupperTie, |x| x, term);
    check("RaoKupperTie", T::SINGLE, found, limits);
    let found = worst::<T, _>(&NUS, |nu| davidson(nu).win(), Loss::DavidsonWin, half_log, none);
    check("DavidsonWin", T::SINGLE, found, limits);
    let term = |nu: f64, z: f64| {
        let shares = davidson(nu).probabilities(z, 0.0);
        shares.win.max(shares.loss) / 2.0
    };
    let found = worst::<T, _>(&NUS, |nu| davidson(nu).tie(), Loss::DavidsonTie, half_log, term);
    check("DavidsonTie", T::SINGLE, found, limits);
}

#[test]
fn f32_losses_are_within_their_limits() {
    losses_are_within_their_limits::<f32>();
}

#[test]
fn f64_losses_are_within_their_limits() {
    losses_are_within_their_limits::<f64>();
}

/// The three probabilities e^−L, of the win from both sides; their errors, and that of their sum.
fn probabilities_are<T: Format>(
    parameters: &[f64],
    probabilities: impl Fn(f64, T, T) -> TieProbabilities<T>,
    win: fn(f64) -> Loss,
    tie: fn(f64) -> Loss,
) {
    let limit = if T::SINGLE { F32_ULP } else { F64_ULP };
    let mut largest = 0.0_f64;
    for (seed, &parameter) in parameters.iter().enumerate() {
        for (chosen, rejected) in points::<T>(120, 1.0, 100 + seed as u64) {
            let TieProbabilities { win: w, tie: t, loss: l } =
                probabilities(parameter, chosen, rejected);
            let z =
                Real::new(ulp::Format::to_f64(chosen)) - Real::new(ulp::Format::to_f64(rejected));
            let share = |loss: Loss, z: &Real| (-loss.jet(z).unwrap().value).exp(200);
            let exact =
                [share(win(parameter), &z), share(tie(parameter), &z), share(win(parameter), &-&z)];
            let mut rounding = 0.0;
            for (computed, exact) in [w, t, l].into_iter().zip(&exact) {
                let error = ulp::error(computed, exact);
                assert!(
                    error <= limit,
                    "{parameter} {chosen:?} {rejected:?} {computed:?}: {error}"
                );
                largest = largest.max(error);
                rounding +=
                    limit * ulp::Format::to_f64(computed) * ulp::Format::to_f64(T::epsilon());
            }
            let sum = [w, t, l].map(|x| Real::new(ulp::Format::to_f64(x)));
            let sum = &(&sum[0] + &sum[1]) + &sum[2];
            let off = (sum - Real::one()).approximate().abs();
            assert!(off <= rounding, "{parameter} {chosen:?} {rejected:?}: {off:e}");
        }
    }
    assert!(largest > limit - SLACK, "{largest}");
}

#[test]
fn probabilities_are_accurate_and_sum_to_one() {
    probabilities_are::<f32>(
        &ETAS,
        |eta, c, r| rao_kupper(eta).probabilities(c, r),
        Loss::RaoKupperWin,
        Loss::RaoKupperTie,
    );
    probabilities_are::<f64>(
        &ETAS,
        |eta, c, r| rao_kupper(eta).probabilities(c, r),
        Loss::RaoKupperWin,
        Loss::RaoKupperTie,
    );
    probabilities_are::<f32>(
        &NUS,
        |nu, c, r| davidson(nu).probabilities(c, r),
        Loss::DavidsonWin,
        Loss::DavidsonTie,
    );
    probabilities_are::<f64>(
        &NUS,
        |nu, c, r| davidson(nu).probabilities(c, r),
        Loss::DavidsonWin,
        Loss::DavidsonTie,
    );
}

const BITS: u32 = 900;
/// Steps of differences are 2 to the power of minus this, so that they are off by 2⁻²⁰⁰ of a third derivative.
const STEP: i64 = 100;

fn softplus(x: &Real) -> Real {
    (Real::one() + x.exp(BITS)).ln(BITS)
}

fn rao_kupper_win(eta: &Real, z: &Real) -> Real {
    softplus(&(eta - z))
}

fn rao_kupper_tie(eta: &Real, z: &Real) -> Real {
    softplus(&(eta - z)) + softplus(&(eta + z)) - eta.scaled(1).exp_m1(BITS).ln(BITS)
}

fn davidson_sum(log_nu: &Real, z: &Real) -> Real {
    let half = z.scaled(-1);
    (half.exp(BITS) + (-&half).exp(BITS) + log_nu.exp(BITS)).ln(BITS)
}

fn davidson_win(log_nu: &Real, z: &Real) -> Real {
    davidson_sum(log_nu, z) - z.scaled(-1)
}

fn davidson_tie(log_nu: &Real, z: &Real) -> Real {
    davidson_sum(log_nu, z) - log_nu
}

/// The derivative with respect to the parameter, and two more of it with respect to z, by differences.
fn by_parameter(loss: impl Fn(&Real, &Real) -> Real, parameter: &Real, z: &Real) -> [f64; 3] {
    let h = Real::power_of_two(-STEP);
    let slope =
        |z: &Real| (loss(&(parameter + &h), z) - loss(&(parameter - &h), z)).scaled(STEP - 1);
    let [down, here, up] = [slope(&(z - &h)), slope(z), slope(&(z + &h))];
    let curvature = (&up + &down - here.scaled(1)).scaled(2 * STEP);
    [here, (up - down).scaled(STEP - 1), curvature].map(|x| x.approximate())
}

#[test]
fn parameter_derivatives_are_limits_of_differences() {
    type Value = fn(&Real, &Real) -> Real;
    fn compare(name: &str, jet: Jet<f64>, expected: [f64; 3]) {
        for (computed, expected) in [jet.value, jet.grad, jet.hess].into_iter().zip(expected) {
            // Each is a sum of terms of order 1 at most.
            let error = (computed - expected).abs();
            assert!(error <= 3e-16 * expected.abs().max(0.5), "{name}: {computed} {expected}");
        }
    }
    let mut random = SplitMix64::new(17);
    for (eta, nu) in [(0.125, 0.03), (0.6, 1.0), (2.0, 3.0), (4.5, 40.0)] {
        let exact_log = Real::new(nu).ln(BITS);
        for _ in 0..8 {
            let z = random.uniform(-7.0, 7.0);
            let exact =
                |value: Value, parameter: &Real| by_parameter(value, parameter, &Real::new(z));
            let real = Real::new(eta);
            let (rao_kupper, davidson) = (rao_kupper(eta), davidson(nu));
            let win = rao_kupper.win().eta_derivative().eval(z, 0.0);
            compare("Rao–Kupper win", win, exact(rao_kupper_win, &real));
            let tie = rao_kupper.tie().eta_derivative().eval(z, 0.0);
            compare("Rao–Kupper tie", tie, exact(rao_kupper_tie, &real));
            let win = davidson.win().log_nu_derivative().eval(z, 0.0);
            compare("Davidson win", win, exact(davidson_win, &exact_log));
            let tie = davidson.tie().log_nu_derivative().eval(z, 0.0);
            compare("Davidson tie", tie, exact(davidson_tie, &exact_log));
        }
    }
}

#[test]
fn parameter_derivatives_keep_their_precision_in_the_tails() {
    // σ(η − z) is −L′ of the win, and P(tie) = ν/(e^(z/2) + e^(−z/2) + ν).
    for z in [-300.0, -40.0, 3.0, 40.0, 300.0, 720.0] {
        let win = rao_kupper(0.5).win();
        assert_eq!(win.eta_derivative().eval(z, 0.0).value, -win.eval(z, 0.0).grad);
        let tie = davidson(0.5).win().log_nu_derivative().eval(z, 0.0).value;
        assert_eq!(tie, davidson(0.5).probabilities(z, 0.0).tie);
    }
    // −2/(e²ᵑ − 1), the rest is nothing.
    let steep: f64 = rao_kupper(1e-12).tie().eta_derivative().eval(0.0_f64, 0.0).value;
    assert!((steep + 1e12).abs() < 1.0, "{steep}");
}

#[test]
fn without_ties_both_are_the_logistic_loss() {
    let mut worst = Worst::default();
    for (chosen, rejected) in points::<f64>(2000, 1.0, 8) {
        let logistic = Logistic.eval(chosen, rejected);
        assert_eq!(rao_kupper(0.0).win().eval(chosen, rejected), logistic);
        let exact = reference::pair(Loss::Logistic, &Options::default(), chosen, rejected).unwrap();
        let jet = davidson(0.0).win().eval(chosen, rejected);
        let at = (0.0, chosen, rejected);
        add(&mut worst, jet.value, &exact.value, 0.0, at);
        add(&mut worst, jet.grad, &exact.grad, 0.0, at);
        add(&mut worst, jet.hess, &exact.hess, 0.0, at);
        // And as ν goes to 0.
        let (near, far) = (davidson(5e-324).win().eval(chosen, rejected), jet);
        if (chosen - rejected).abs() < 600.0 {
            assert_eq!(near, far, "{chosen} {rejected}");
        }
    }
    assert!(worst.plain <= F64_ULP, "{worst:?}");
    // A tie cannot be.
    assert_eq!(rao_kupper(0.0).tie().eval(1.0_f64, 0.5).value, f64::INFINITY);
    assert_eq!(davidson(0.0).tie().eval(1.0_f32, 0.5).value, f32::INFINITY);
    let shares = rao_kupper(0.0).probabilities(0.0_f64, 0.0);
    assert_eq!(shares, TieProbabilities { win: 0.5, tie: 0.0, loss: 0.5 });
    assert_eq!(
        davidson(0.0).probabilities(0.0_f32, 0.0),
        TieProbabilities { win: 0.5, tie: 0.0, loss: 0.5 }
    );
}

#[test]
fn the_win_is_the_logistic_loss_with_a_margin() {
    for eta in ETAS {
        let tuned = Tuned::new(Logistic).margin(eta).unwrap();
        for (chosen, rejected) in points::<f64>(200, eta, 3) {
            assert_eq!(rao_kupper(eta).win().eval(chosen, rejected), tuned.eval(chosen, rejected));
        }
        for (chosen, rejected) in points::<f32>(200, eta, 4) {
            assert_eq!(rao_kupper(eta).win().eval(chosen, rejected), tuned.eval(chosen, rejected));
        }
    }
}

fn ends<T: Format>() {
    let infinity = T::infinity();
    let is = |name, jet: Jet<T>, expected: [f64; 3]| {
        let [value, grad, hess] = expected.map(T::of);
        let bits = |x: T| ulp::Format::bits(x);
        assert_eq!(bits(jet.value), bits(value), "{name}: {jet:?}");
        assert_eq!(bits(jet.grad), bits(grad), "{name}: {jet:?}");
        assert_eq!(bits(jet.hess), bits(hess), "{name}: {jet:?}");
    };
    let zero = T::zero();
    let (rk, dv) = (rao_kupper(0.5), davidson(0.5));
    let inf = f64::INFINITY;
    is("RaoKupperWin", rk.win().eval(infinity, zero), [0.0, 0.0, 0.0]);
    is("RaoKupperWin", rk.win().eval(-infinity, zero), [inf, -1.0, 0.0]);
    is("RaoKupperTie", rk.tie().eval(infinity, zero), [inf, 1.0, 0.0]);
    is("RaoKupperTie", rk.tie().eval(-infinity, zero), [inf, -1.0, 0.0]);
    is("DavidsonWin", dv.win().eval(infinity, zero), [0.0, 0.0, 0.0]);
    is("DavidsonWin", dv.win().eval(-infinity, zero), [inf, -1.0, 0.0]);
    is("DavidsonTie", dv.tie().eval(infinity, zero), [inf, 0.5, 0.0]);
    is("DavidsonTie", dv.tie().eval(-infinity, zero), [inf, -0.5, 0.0]);
    is("zero", rk.tie().eval(zero, zero), {
        let exact = Loss::RaoKupperTie(0.5).jet(&Real::zero()).unwrap();
        [exact.value.approximate(), 0.0, exact.hess.approximate()]
    });
    for (c, r) in [(infinity, infinity), (T::nan(), zero), (-infinity, -infinity)] {
        let nan = [f64::NAN; 3];
        is("RaoKupperWin", rk.win().eval(c, r), nan);
        is("RaoKupperTie", rk.tie().eval(c, r), nan);
        is("DavidsonWin", dv.win().eval(c, r), nan);
        is("DavidsonTie", dv.tie().eval(c, r), nan);
        assert!(dv.probabilities(c, r).tie.is_nan() && rk.probabilities(c, r).win.is_nan());
    }
    let sure = TieProbabilities { win: T::one(), tie: zero, loss: zero };
    assert_eq!(dv.probabilities(infinity, zero), sure);
    assert_eq!(rk.probabilities(infinity, zero), sure);
    // e^(η − z) and e^(−z/2) times ν of subnormal size.
    let far = if T::SINGLE { 100.0 } else { 742.0 };
    let exact = Loss::RaoKupperWin(0.5).jet(&Real::new(far)).unwrap();
    assert!(ulp::error(rk.win().eval(T::of(far), zero).value, &exact.value) <= 0.5);
    assert!(rk.win().eval(T::of(far), zero).value > zero);
    let exact = Loss::DavidsonWin(0.5).jet(&Real::new(2.0 * far)).unwrap();
    assert!(ulp::error(dv.win().eval(T::of(2.0 * far), zero).value, &exact.value) <= 0.5);
    assert!(dv.win().eval(T::of(2.0 * far), zero).value > zero);
}

#[test]
fn special_values() {
    ends::<f32>();
    ends::<f64>();
}

/// Labels mix the two sides.
fn smoothed<L: PairLoss>(loss: L, truth: Loss) {
    let tuned = Tuned::new(loss).scale(0.5).unwrap().smoothing(0.25).unwrap();
    let tuning = reference::Tuned { scale: 0.5, margin: 0.0, smoothing: 0.25 };
    let options = Options { tuned: tuning, ..Options::default() };
    for (c, r) in points::<f64>(60, 2.0, 21) {
        let exact = reference::pair(truth, &options, c, r).unwrap();
        let jet = tuned.eval(c, r);
        assert!(ulp::error(jet.value, &exact.value) <= F64_ULP, "{truth:?} {c} {r}: {jet:?}");
        assert!(ulp::error(jet.hess, &exact.hess) <= F64_ULP, "{truth:?} {c} {r}: {jet:?}");
        let error = (jet.grad - exact.grad.approximate()).abs();
        assert!(error <= 1.5e-16, "{truth:?} {c} {r}: {error:e}");
    }
}

#[test]
fn label_smoothing() {
    smoothed(rao_kupper(0.7).win(), Loss::RaoKupperWin(0.7));
    smoothed(rao_kupper(0.7).tie(), Loss::RaoKupperTie(0.7));
    smoothed(davidson(0.7).win(), Loss::DavidsonWin(0.7));
    smoothed(davidson(0.7).tie(), Loss::DavidsonTie(0.7));
}

#[test]
fn batches() {
    let pairs = points::<f64>(100, 2.0, 21);
    let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let labels: Vec<f64> = (0..pairs.len()).map(|i| [0.25, 1.0, 0.0][i % 3]).collect();
    let batch = Pairs::new(&chosen, &rejected).unwrap();
    let labeled = batch.with_labels(&labels).unwrap();

    // A sum by logarithms of products against exact sums of single losses.
    let win = rao_kupper(0.7).win();
    for batch in [batch, labeled] {
        let (sum, exact) = (batch.loss(win, Reduction::Sum).unwrap(), batch.total(win).sum());
        assert!((sum - exact).abs() <= 1e-14 * exact, "{sum} {exact}");
    }
    // The batch is the scalar function.
    let tie = davidson(0.7).tie();
    let mut out = vec![0.0; pairs.len()];
    labeled.losses_into(tie, &mut out).unwrap();
    for (value, &(c, r)) in out.iter().zip(&pairs) {
        assert_eq!(value.to_bits(), tie.eval(c, r).value.to_bits());
    }
}

#[test]
fn parameters_outside_their_domains() {
    for value in [-1e-300, f64::NAN, f64::INFINITY] {
        let domain = "finite and >= 0";
        let is = |error: Error, name| match error {
            Error::InvalidParameter { name: n, value: v, domain: d } => {
                assert_eq!((n, v.to_bits(), d), (name, value.to_bits(), domain));
            }
            other => panic!("{other}"),
        };
        is(RaoKupper::new(value).unwrap_err(), "eta");
        is(Davidson::new(value).unwrap_err(), "nu");
    }
    assert_eq!(rao_kupper(0.25).eta(), 0.25);
    assert_eq!(davidson(0.25).nu(), 0.25);
}
