//! Special values, by tables: every loss, both formats, scalar and batch at every level, with and without options.
//!
//! (a) The tables are those of the documentation of each loss, with the signs of their zeros. What a label, a weight or
//!     a margin makes of them is arithmetic on the table.
//! (b) Zeros are compared with their sign. They are +0, but for the gradient of the rejected score, which is the negation,
//!     and log σ(∞) = −0.
//! (c) Batches take the losses as one type, [`Any`], whose method is a call out of line: 32 rows in lock step and
//!     every path around them, without a separate kernel for each loss. `tests/bits.rs` shows that the kernels with a
//!     loss inlined have the bits of the scalar function, special values included.

use pairwise_loss::{
    Comparisons, Error, Exponential, Hinge, Ipo, Jet, Level, Logistic, PairLoss, Pairs, RaoKupper,
    Reduction, RobustLogistic, Score, SquaredHinge, Tuned, Working, log_sigmoid,
    log_win_probability, logit, sigmoid, softplus, win_probability, win_probability_from_strengths,
};
use reference::{Options, Real};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// One of the losses of the crate.
#[derive(Clone, Copy, Debug)]
enum Any {
    Logistic(Logistic),
    Robust(RobustLogistic),
    Hinge(Hinge),
    SquaredHinge(SquaredHinge),
    Exponential(Exponential),
    Ipo(Ipo),
    Tuned(Tuned<Logistic>),
}

macro_rules! forward {
    ($self:expr, $loss:ident => $call:expr) => {
        match $self {
            Any::Logistic($loss) => $call,
            Any::Robust($loss) => $call,
            Any::Hinge($loss) => $call,
            Any::SquaredHinge($loss) => $call,
            Any::Exponential($loss) => $call,
            Any::Ipo($loss) => $call,
            Any::Tuned($loss) => $call,
        }
    };
}

impl PairLoss for Any {
    #[inline(never)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        forward!(self, loss => loss.jet(z))
    }

    #[inline(never)]
    fn mixed_jet<W: Working>(self, z: W, p: W, q: W) -> Jet<W> {
        forward!(self, loss => loss.mixed_jet(z, p, q))
    }
}

/// What a loss gives far out.
struct Row {
    loss: Any,
    /// Value and both derivatives at z = +∞ and at z = −∞.
    plus: [f64; 3],
    minus: [f64; 3],
}

/// The tables in the documentation of each loss.
fn table() -> Result<Vec<Row>, Error> {
    let row = |loss, plus, minus| Row { loss, plus, minus };
    Ok(vec![
        row(Any::Logistic(Logistic), [0.0, 0.0, 0.0], [INF, -1.0, 0.0]),
        // ε/(1 − 2ε) = ½
        row(Any::Robust(RobustLogistic::new(0.25)?), [-INF, -0.5, 0.0], [INF, -1.5, 0.0]),
        row(Any::Robust(RobustLogistic::new(0.0)?), [0.0, 0.0, 0.0], [INF, -1.0, 0.0]),
        row(Any::Hinge(Hinge::new(1.0)?), [0.0, 0.0, 0.0], [INF, -1.0, 0.0]),
        row(Any::SquaredHinge(SquaredHinge::new(1.0)?), [0.0, 0.0, 0.0], [INF, -INF, 2.0]),
        row(Any::Exponential(Exponential), [0.0, 0.0, 0.0], [INF, -INF, INF]),
        row(Any::Ipo(Ipo::new(0.1)?), [INF, INF, 2.0], [INF, -INF, 2.0]),
        row(
            Any::Tuned(Tuned::new(Logistic).scale(0.5)?.margin(1.0)?),
            [0.0, 0.0, 0.0],
            [INF, -0.5, 0.0],
        ),
        // ½·(¾·L′ at one end − ¼·L′ at the other)
        row(
            Any::Tuned(Tuned::new(Logistic).scale(0.5)?.smoothing(0.25)?),
            [INF, 0.5 * 0.25, 0.0],
            [INF, -0.5 * 0.75, 0.0],
        ),
    ])
}

fn to<T: Score>(x: f64) -> T {
    <T as num_traits::NumCast>::from(x).expect("floats convert")
}

/// A format with the bits of its canonical NaN.
trait Format: Score {
    const NAN_BITS: u64;
    fn bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
}

impl Format for f32 {
    const NAN_BITS: u64 = 0x7fc0_0000;
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
    fn from_bits(bits: u64) -> Self {
        f32::from_bits(bits as u32)
    }
}

impl Format for f64 {
    const NAN_BITS: u64 = 0x7ff8 << 48;
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn from_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
}

/// Whether the result is the expected number, zeros by sign; a NaN must be the canonical one.
fn same<T: Format>(result: T, expected: f64) -> bool {
    let expected = if expected.is_nan() { T::NAN_BITS } else { to::<T>(expected).bits() };
    result.bits() == expected
}

/// The same, whatever the sign of a zero.
fn equal<T: Format>(result: T, expected: f64) -> bool {
    same(result, expected) || expected == 0.0 && result == T::zero()
}

/// The rule for w·(p·L(z) + (1 − p)·L(−z)): a factor of 0 removes its term.
fn mixed(row: &Row, z: f64, p: f64, w: f64) -> [f64; 3] {
    let at = |z: f64| {
        if z.is_nan() {
            [NAN; 3]
        } else if z > 0.0 {
            row.plus
        } else {
            row.minus
        }
    };
    if w == 0.0 {
        return [0.0; 3];
    }
    let times = |factor: f64, x: f64| if factor == 0.0 { 0.0 } else { factor * x };
    let (here, there) = (at(z), at(-z));
    [(0, 1.0), (1, -1.0), (2, 1.0)].map(|(i, sign)| {
        let both = times(p, here[i]) + sign * times(1.0 - p, there[i]) + 0.0;
        match p {
            1.0 => w * here[i],
            // RobustLogistic has opposite infinities on its two sides; at p = ½ its linear part drops out, which leaves
            // the limit of ½·S(z) + ½·S(−z).
            0.5 if both.is_nan() && !z.is_nan() => w * INF,
            _ => w * both,
        }
    })
}

/// Scores, and a margin, that make z infinite or NaN.
const FAR: [(f64, f64, f64, f64); 13] = [
    // chosen, rejected, margin, z
    (INF, 0.5, 0.0, INF),
    (0.5, -INF, 0.0, INF),
    (INF, -INF, 0.0, INF),
    (-INF, 0.5, 0.0, -INF),
    (0.5, INF, 0.0, -INF),
    (-INF, INF, 0.0, -INF),
    (INF, INF, 0.0, NAN),
    (-INF, -INF, 0.0, NAN),
    (NAN, 0.5, 0.0, NAN),
    (0.5, NAN, 0.0, NAN),
    (1.0, 0.5, INF, -INF),
    (1.0, 0.5, -INF, INF),
    (1.0, 0.5, NAN, NAN),
];

/// More with a margin: ∞ − ∞ in the second step.
const FAR_WITH_MARGIN: [(f64, f64, f64, f64); 4] =
    [(INF, 0.5, INF, NAN), (INF, 0.5, -INF, INF), (-INF, 0.5, 1.0, -INF), (-INF, 0.5, -INF, NAN)];

/// Checks one pair among ordinary ones, at `position` of a batch, along every path.
struct Paths<T> {
    loss: Any,
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Option<Vec<T>>,
    weights: Option<Vec<T>>,
    labels: Option<Vec<T>>,
}

impl<T: Score> Paths<T> {
    /// Value, gradient and hessian at `position`, and the gradients of the fused passes.
    fn results(&self, level: Level, position: usize) -> Result<[T; 6], Error> {
        let len = self.chosen.len();
        let mut pairs = Pairs::new(&self.chosen, &self.rejected)?.with_level(level);
        if let Some(margins) = &self.margins {
            pairs = pairs.with_margins(margins)?;
        }
        if let Some(weights) = &self.weights {
            pairs = pairs.with_weights(weights)?;
        }
        if let Some(labels) = &self.labels {
            pairs = pairs.with_labels(labels)?;
        }
        let mut out = [(); 6].map(|()| vec![T::one(); len]);
        let [values, gradients, hessians, d_chosen, d_rejected, d_margin] = &mut out;
        pairs.losses_into(self.loss, values)?;
        pairs.gradients_into(self.loss, gradients)?;
        pairs.hessians_into(self.loss, hessians)?;
        pairs.loss_and_gradients(self.loss, Reduction::Sum, d_chosen, d_rejected)?;
        pairs.loss_and_margin_gradient(self.loss, Reduction::Sum, d_margin)?;
        Ok(out.map(|column| column[position]))
    }
}

fn check_far<T: Format>() {
    let mut checked = 0;
    for row in table().expect("valid parameters") {
        let loss = row.loss;
        let with_margin = FAR_WITH_MARGIN.iter().map(|x| (x, true));
        for (&(chosen, rejected, margin, z), more) in
            FAR.iter().map(|x| (x, false)).chain(with_margin)
        {
            let has_margin = more || margin != 0.0;
            for (label, weight) in [
                (None, None),
                (Some(1.0), None),
                (Some(0.5), None),
                (Some(0.0), None),
                (None, Some(2.0)),
                (None, Some(0.0)),
                (Some(0.5), Some(2.0)),
                (Some(0.0), Some(0.0)),
            ] {
                let p = label.unwrap_or(1.0);
                let w = weight.unwrap_or(1.0);
                let expected = mixed(&row, z, p, w);
                if label.is_none() && weight.is_none() && !has_margin {
                    let jet = loss.eval::<T>(to(chosen), to(rejected));
                    for (result, e) in [jet.value, jet.grad, jet.hess].into_iter().zip(expected) {
                        assert!(
                            same(result, e),
                            "{loss:?} eval {chosen} {rejected}: {result:?} {e}"
                        );
                    }
                }
                for (len, position) in [(1, 0), (40, 0), (40, 31), (67, 37), (67, 66)] {
                    let filled = |x: f64, at: f64| {
                        let mut column = vec![to::<T>(x); len];
                        column[position] = to(at);
                        column
                    };
                    let paths = Paths {
                        loss,
                        chosen: filled(0.5, chosen),
                        rejected: filled(0.25, rejected),
                        margins: has_margin.then(|| filled(0.0, margin)),
                        weights: weight.map(|w| filled(1.0, w)),
                        labels: label.map(|p| filled(1.0, p)),
                    };
                    for level in Level::available() {
                        let what = || {
                            format!(
                                "{loss:?} at {chosen} {rejected} {margin}, {label:?} {weight:?}, \
                                 {level}, {position} of {len}"
                            )
                        };
                        let [value, grad, hess, d_chosen, d_rejected, d_margin] =
                            paths.results(level, position).expect("valid columns");
                        let [v, g, h] = expected;
                        let negated = if g.is_nan() { g } else { -g };
                        assert!(same(value, v), "{}: value {value:?}, not {v}", what());
                        assert!(same(grad, g), "{}: gradient {grad:?}, not {g}", what());
                        assert!(same(hess, h), "{}: hessian {hess:?}, not {h}", what());
                        assert!(same(d_chosen, g), "{}: fused {d_chosen:?}, not {g}", what());
                        assert!(same(d_rejected, negated), "{}: fused {d_rejected:?}", what());
                        assert!(same(d_margin, g), "{}: fused {d_margin:?}, not {g}", what());
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 5_000);
}

#[test]
fn infinities_and_nan_in_f32() {
    check_far::<f32>();
}

#[test]
fn infinities_and_nan_in_f64() {
    check_far::<f64>();
}

/// The reduced value beside a special pair: ∞, −∞ and NaN come through, weight 0 keeps them out.
#[test]
fn reduced_losses() {
    let sum = |scores: [f64; 2], weights: [f64; 2], loss: Any| {
        let pairs = Pairs::new(&scores, &[0.0; 2]).and_then(|p| p.with_weights(&weights));
        pairs.and_then(|pairs| pairs.loss(loss, Reduction::Sum)).expect("valid columns")
    };
    let logistic = Any::Logistic(Logistic);
    let ln_2 = std::f64::consts::LN_2;
    assert_eq!(sum([-INF, 0.0], [1.0, 1.0], logistic), INF);
    assert_eq!(sum([INF, 0.0], [1.0, 1.0], logistic), ln_2);
    assert_eq!(sum([NAN, 0.0], [0.0, 1.0], logistic), ln_2);
    assert_eq!(sum([-INF, 0.0], [0.0, 1.0], logistic), ln_2);
    assert!(sum([NAN, 0.0], [1.0, 1.0], logistic).is_nan());
    let robust = Any::Robust(RobustLogistic::new(0.25).expect("in the domain"));
    assert_eq!(sum([INF, 0.0], [1.0, 1.0], robust), -INF);
    assert!(sum([INF, -INF], [1.0, 1.0], robust).is_nan());
}

/// Every NaN there is becomes the one canonical NaN.
#[test]
fn nan_inputs_of_every_kind() {
    let singles = [0x7fc0_0000, 0x7f80_0001, 0xffc0_0000, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff]
        .map(f32::from_bits);
    let doubles = [
        0x7ff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0xfff8_0000_0000_0000,
        0xfff0_0000_0000_0001,
        0x7fff_ffff_ffff_ffff,
        u64::MAX,
    ]
    .map(f64::from_bits);
    for (single, double) in singles.into_iter().zip(doubles) {
        for y in [sigmoid(single), log_sigmoid(single), softplus(single), logit(single)] {
            assert_eq!(y.to_bits(), 0x7fc0_0000, "{:x}", single.to_bits());
        }
        for y in [sigmoid(double), log_sigmoid(double), softplus(double), logit(double)] {
            assert_eq!(y.to_bits(), 0x7ff8 << 48, "{:x}", double.to_bits());
        }
        for row in table().expect("valid parameters") {
            for (chosen, rejected) in [(single, 1.0), (1.0, single)] {
                let jet = row.loss.eval(chosen, rejected);
                let bits = [jet.value, jet.grad, jet.hess].map(f32::to_bits);
                assert_eq!(bits, [0x7fc0_0000; 3], "{:?}", row.loss);
            }
            for (chosen, rejected) in [(double, 1.0), (1.0, double)] {
                let jet = row.loss.eval(chosen, rejected);
                let bits = [jet.value, jet.grad, jet.hess].map(f64::to_bits);
                assert_eq!(bits, [0x7ff8 << 48; 3], "{:?}", row.loss);
            }
        }
        for level in Level::available() {
            let mut out = [0.0_f32; 40];
            level.log_sigmoid_into(&[single; 40], &mut out).expect("equal lengths");
            assert!(out.iter().all(|y| y.to_bits() == 0x7fc0_0000), "{level}");
            let mut out = [0.0_f64; 40];
            level.softplus_into(&[double; 40], &mut out).expect("equal lengths");
            assert!(out.iter().all(|y| y.to_bits() == 0x7ff8 << 48), "{level}");
        }
    }
}

fn check_functions<T: Format>() {
    let at = |name: &str, result: T, expected: f64| {
        assert!(same(result, expected), "{name}: {result:?}, not {expected}");
    };
    let [zero, one, inf, nan] = [0.0, 1.0, INF, NAN].map(to::<T>);
    let max = T::max_value();
    at("sigmoid(∞)", sigmoid(inf), 1.0);
    at("sigmoid(−∞)", sigmoid(-inf), 0.0);
    at("sigmoid(MAX)", sigmoid(max), 1.0);
    at("sigmoid(−MAX)", sigmoid(-max), 0.0);
    at("sigmoid(0)", sigmoid(zero), 0.5);
    at("sigmoid(−0)", sigmoid(-zero), 0.5);
    at("log_sigmoid(∞)", log_sigmoid(inf), -0.0);
    at("log_sigmoid(MAX)", log_sigmoid(max), -0.0);
    at("log_sigmoid(−∞)", log_sigmoid(-inf), -INF);
    at("softplus(∞)", softplus(inf), INF);
    at("softplus(−∞)", softplus(-inf), 0.0);
    at("softplus(−MAX)", softplus(-max), 0.0);
    at("logit(0)", logit(zero), -INF);
    at("logit(−0)", logit(-zero), -INF);
    at("logit(1)", logit(one), INF);
    assert!(equal(logit(to::<T>(0.5)), 0.0), "logit(½)"); // either sign of zero
    at("logit(1.5)", logit(to(1.5)), NAN);
    at("logit(−1)", logit(-one), NAN);
    at("logit(∞)", logit(inf), NAN);
    at("logit(NaN)", logit(nan), NAN);
    for (i, j, p, log) in [
        (inf, one, 1.0, -0.0),
        (one, inf, 0.0, -INF),
        (-inf, one, 0.0, -INF),
        (inf, -inf, 1.0, -0.0),
        (inf, inf, NAN, NAN),
        (-inf, -inf, NAN, NAN),
        (nan, one, NAN, NAN),
        (max, -max, 1.0, -0.0),
        (-max, max, 0.0, -INF),
    ] {
        at("win_probability", win_probability(i, j), p);
        at("log_win_probability", log_win_probability(i, j), log);
    }
    let least = T::from_bits(1);
    for (i, j, p) in [
        (zero, zero, NAN),
        (inf, inf, NAN),
        (inf, one, 1.0),
        (one, inf, 0.0),
        (zero, one, 0.0),
        (one, zero, 1.0),
        (inf, zero, 1.0),
        (zero, inf, 0.0),
        (max, max, 0.5),
        (least, least, 0.5),
        (max, least, 1.0),
        (-one, one, NAN),
        (one, -one, NAN),
        (nan, one, NAN),
        (one, nan, NAN),
    ] {
        at("win_probability_from_strengths", win_probability_from_strengths(i, j), p);
    }
    // 3·least of 4·least.
    let three = least + least + least;
    at("¾ of the least", win_probability_from_strengths(three, least), 0.75);
}

#[test]
fn functions_in_f32() {
    check_functions::<f32>();
}

#[test]
fn functions_in_f64() {
    check_functions::<f64>();
}

/// At a tie: ln 2, −½, ¼, whatever the scores are and whatever the signs of zero.
#[test]
fn ties() {
    let ln_2 = std::f64::consts::LN_2;
    for x in [0.0, -0.0, 1.5, -1e30, f64::from(f32::MAX), f64::from(f32::from_bits(1))] {
        let jet = Logistic.eval(x, x);
        assert_eq!([jet.value, jet.grad, jet.hess], [ln_2, -0.5, 0.25]);
        let jet = Logistic.eval(x as f32, x as f32);
        assert_eq!([jet.value, jet.grad, jet.hess], [ln_2 as f32, -0.5, 0.25]);
    }
    let jet = Logistic.eval(0.0, -0.0);
    assert_eq!([jet.value, jet.grad, jet.hess], [ln_2, -0.5, 0.25]);
}

/// The truth, to be met exactly.
fn exact(loss: reference::Loss, options: &Options, chosen: f64, rejected: f64) -> [Real; 3] {
    let jet = reference::pair(loss, options, chosen, rejected).expect("finite numbers");
    [jet.value, jet.grad, jet.hess]
}

/// Results below the normal numbers are rounded once and never flushed, at every level.
#[test]
fn subnormal_results_are_not_flushed() {
    let mut subnormal = 0;
    let mut x: Vec<f64> = (0..200).map(|i| -708.0 - 0.2 * f64::from(i)).collect();
    x.extend([-745.13, -745.133_219_101_941, -745.133_219_101_942, -746.0, -1e300]);
    for level in Level::available() {
        let (mut p, mut s) = (vec![1.0; x.len()], vec![1.0; x.len()]);
        level.sigmoid_into(&x, &mut p).expect("equal lengths");
        level.softplus_into(&x, &mut s).expect("equal lengths");
        for ((&x, p), s) in x.iter().zip(p).zip(s) {
            let real = Real::new(x);
            assert_eq!(Some(p), reference::sigmoid(&real).nearest(), "σ({x})");
            assert_eq!(Some(s), reference::softplus(&real).nearest(), "S({x})");
            subnormal += usize::from(p.is_subnormal());
        }
        let x: Vec<f32> = (0..200).map(|i| -87.0 - 0.1 * i as f32).collect();
        let mut p = vec![1.0_f32; x.len()];
        level.sigmoid_into(&x, &mut p).expect("equal lengths");
        for (&x, p) in x.iter().zip(p) {
            assert_eq!(Some(p), reference::sigmoid(&Real::from(x)).nearest(), "σ({x})");
            subnormal += usize::from(p.is_subnormal());
        }
    }
    assert!(subnormal > 300 * Level::available().count(), "{subnormal}");
    // Losses, derivatives and weights that end there.
    for chosen in [709.5, 720.25, 744.0, 745.0] {
        let jet = Logistic.eval(chosen, 0.0);
        for (result, exact) in [jet.value, jet.grad, jet.hess].into_iter().zip(exact(
            reference::Loss::Logistic,
            &Options::default(),
            chosen,
            0.0,
        )) {
            assert!(result.is_subnormal());
            assert_eq!(Some(result), exact.nearest());
        }
    }
    let weights = [1e-310, 1e-300, 5e-324];
    let pairs = Pairs::new(&[3.0, 30.0, -2.0], &[0.0; 3]).and_then(|p| p.with_weights(&weights));
    let mut out = [1.0; 3];
    pairs.and_then(|pairs| pairs.gradients_into(Any::Logistic(Logistic), &mut out)).expect("valid");
    for ((chosen, weight), result) in [3.0, 30.0, -2.0].into_iter().zip(weights).zip(out) {
        let options = Options { weight, ..Options::default() };
        let [_, grad, _] = exact(reference::Loss::Logistic, &options, chosen, 0.0);
        assert_eq!(Some(result), grad.nearest(), "{weight:e} at {chosen}");
    }
}

/// Half a unit of the smallest subnormal, and what a low part 2⁻⁸⁰ below makes of the tie.
#[test]
fn subnormal_ties_are_seen_in_full() {
    let hinge = Any::Hinge(Hinge::new(0.0).expect("finite"));
    let weight = [f64::from_bits(1)];
    let tiny = 2f64.powi(-80);
    for half in [0.5, 1.5, 2.5] {
        for chosen in [[0.0], [tiny], [-tiny]] {
            let rejected = [half];
            let pairs = Pairs::new(&chosen, &rejected).and_then(|p| p.with_weights(&weight));
            let mut out = [1.0];
            pairs.and_then(|pairs| pairs.losses_into(hinge, &mut out)).expect("valid");
            let options = Options { weight: weight[0], ..Options::default() };
            let [value, ..] = exact(reference::Loss::Hinge(0.0), &options, chosen[0], half);
            assert_eq!(Some(out[0]), value.nearest(), "{half} − {chosen:?}");
        }
    }
}

/// Products that leave the format on the way and come back: scale² or a square times a large weight.
#[test]
fn products_below_the_format_come_back() {
    let check = |loss: Any, named: reference::Loss, tuned: reference::Tuned, chosen: f64| {
        let (chosen, rejected, weight) = ([chosen], [0.0], [1e300]);
        let pairs = Pairs::new(&chosen, &rejected).and_then(|p| p.with_weights(&weight));
        let mut out = [[1.0]; 3];
        let run = |pairs: Pairs<'_, f64>| {
            pairs.losses_into(loss, &mut out[0])?;
            pairs.gradients_into(loss, &mut out[1])?;
            pairs.hessians_into(loss, &mut out[2])
        };
        pairs.and_then(run).expect("valid");
        let options = Options { tuned, weight: weight[0], ..Options::default() };
        let expected = exact(named, &options, chosen[0], 0.0);
        for (out, expected) in out.into_iter().zip(&expected) {
            let error = reference::ulp::error(out[0], expected);
            assert!(error <= 1.0, "{loss:?}: {}, not {}", out[0], expected.approximate());
        }
    };
    let scale = 1e-200;
    let tuned = Tuned::new(Logistic).scale(scale).expect("positive");
    let plain = reference::Tuned::default();
    check(Any::Tuned(tuned), reference::Loss::Logistic, reference::Tuned { scale, ..plain }, 1.0);
    let squared_hinge = SquaredHinge::new(0.0).expect("finite");
    check(Any::SquaredHinge(squared_hinge), reference::Loss::SquaredHinge(0.0), plain, -1e-200);
}

/// A gradient that rounds to zero is +0, like the one at infinity, in both formats, scalar, batch and fused.
#[test]
fn vanishing_gradients_are_positive_zeros_in_f32() {
    let logistic = Any::Logistic(Logistic);
    for z in [104.5, 150.0, 340.0, 360.0, 1e4, 1e30] {
        assert_eq!(Logistic.eval(z as f32, 0.0).grad.to_bits(), 0, "{z}");
        let chosen = [z as f32; 3];
        let pairs = Pairs::new(&chosen, &[0.0; 3]).expect("equal lengths");
        let mut out = [1.0; 3];
        pairs.gradients_into(logistic, &mut out).expect("equal lengths");
        assert_eq!(out.map(f32::to_bits), [0; 3], "{z}");
        pairs.loss_and_margin_gradient(logistic, Reduction::Sum, &mut out).expect("not empty");
        assert_eq!(out.map(f32::to_bits), [0; 3], "fused, {z}");
    }
}

#[test]
fn vanishing_gradients_are_positive_zeros_in_f64() {
    let logistic = Any::Logistic(Logistic);
    for z in [746.0_f64, 1000.0, 3000.0, 3001.0, 1e4, 1e300] {
        assert_eq!(Logistic.eval::<f64>(z, 0.0).grad.to_bits(), 0, "{z}");
        let chosen = [z; 3];
        let pairs = Pairs::new(&chosen, &[0.0; 3]).expect("equal lengths");
        let mut out = [1.0; 3];
        pairs.loss_and_margin_gradient(logistic, Reduction::Sum, &mut out).expect("not empty");
        assert_eq!(out.map(f64::to_bits), [0; 3], "fused, {z}");
    }
}

/// c − r beyond the format: the loss is the rounded true value, 0 or ∞, and a scale brings it back.
#[test]
fn differences_beyond_the_format() {
    let (max, wide) = (f64::MAX, f32::MAX);
    let won = Logistic.eval(max, -max);
    assert_eq!([won.value, won.grad, won.hess].map(f64::to_bits), [0.0_f64; 3].map(f64::to_bits));
    let lost = Logistic.eval(-max, max);
    assert_eq!([lost.value, lost.grad, lost.hess], [INF, -1.0, 0.0]);
    let won = Logistic.eval(wide, -wide);
    assert_eq!([won.value, won.grad, won.hess].map(f32::to_bits), [0.0_f32; 3].map(f32::to_bits));
    let lost = Logistic.eval(-wide, wide);
    assert_eq!([lost.value, lost.grad, lost.hess], [f32::INFINITY, -1.0, 0.0]);

    let tuning = reference::Tuned { scale: 0.1, ..reference::Tuned::default() };
    let options = Options { tuned: tuning, ..Options::default() };
    let loss = Tuned::new(Logistic).scale(0.1).expect("positive");
    for (chosen, rejected) in [(-max, max), (max, -max), (-max, 1.5 * 2f64.powi(1023))] {
        let exact = exact(reference::Loss::Logistic, &options, chosen, rejected);
        let expected = exact.each_ref().map(|x| x.nearest::<f64>().expect("settled"));
        let jet = loss.eval(chosen, rejected);
        assert_eq!([jet.value, jet.grad, jet.hess], expected);
        for level in Level::available() {
            let (chosen, rejected) = ([0.5, chosen], [0.25, rejected]);
            let pairs = Pairs::new(&chosen, &rejected).expect("equal lengths").with_level(level);
            let (mut value, mut grad) = ([0.0; 2], [0.0; 2]);
            pairs.losses_into(Any::Tuned(loss), &mut value).expect("equal lengths");
            pairs.gradients_into(Any::Tuned(loss), &mut grad).expect("equal lengths");
            assert_eq!([value[1], grad[1]], expected[..2]);
        }
    }
    // β·2·MAX with β = 0.1: about 3.6e307.
    let lost = loss.eval(-max, max).value;
    assert!(lost > 3.5e307 && lost < 3.6e307);
    let lost = loss.eval(-wide, wide).value;
    let [value, ..] = exact(reference::Loss::Logistic, &options, -f64::from(wide), wide.into());
    assert_eq!(Some(lost), value.nearest());
    assert!(lost < wide);
    // A margin that brings the difference back into the format.
    let margins = [-max, -max];
    let (chosen, rejected) = ([-max, -max], [max, 1e300]);
    let pairs = Pairs::new(&chosen, &rejected).and_then(|p| p.with_margins(&margins));
    let mut out = [0.0; 2];
    pairs.and_then(|pairs| pairs.losses_into(Any::Logistic(Logistic), &mut out)).expect("valid");
    assert_eq!(out, [max, 1e300]);
}

/// Offsets of comparisons are added, and special ones come through as margins do.
#[test]
fn offsets() {
    let scores = [0.5, 0.25, INF, NAN];
    let (winners, losers) = ([0, 0, 0, 2, 3], [1, 1, 1, 0, 1]);
    let offsets = [INF, -INF, NAN, -INF, 0.0];
    let z = [INF, -INF, NAN, NAN, NAN];
    for row in table().expect("valid parameters") {
        let games = Comparisons::new(&scores, &winners, &losers)
            .and_then(|games| games.with_offsets(&offsets))
            .expect("valid indices");
        let mut out = [(); 3].map(|()| [1.0; 5]);
        games.losses_into(row.loss, &mut out[0]).expect("equal lengths");
        games.gradients_into(row.loss, &mut out[1]).expect("equal lengths");
        games.hessians_into(row.loss, &mut out[2]).expect("equal lengths");
        for (k, &z) in z.iter().enumerate() {
            for (results, expected) in out.iter().zip(mixed(&row, z, 1.0, 1.0)) {
                let result = results[k];
                assert!(same(result, expected), "{:?} {k}: {result}, not {expected}", row.loss);
            }
        }
    }
}

/// A margin beside 0, where the product with β is out of reach of the quick working precision, is still on the side of the
/// kink on which it is.
#[test]
fn kinks_at_tiny_margins() {
    let hinge = Tuned::new(Hinge::new(3.0).expect("finite"));
    let squared = Tuned::new(SquaredHinge::new(3.0).expect("finite"));
    let at_zero = Tuned::new(Hinge::new(0.0).expect("finite")).scale(0.5).expect("positive");
    for z in [1e-300, -1e-300, 5e-324, 1e-280, -1e-272, 0.0] {
        let (hinge, squared) = (hinge.eval(z, 0.0), squared.eval(z, 0.0));
        assert_eq!((hinge.value, hinge.grad, hinge.hess), (3.0, -1.0, 0.0), "{z:e}");
        assert_eq!((squared.value, squared.grad, squared.hess), (9.0, -6.0, 2.0), "{z:e}");
        let expected = if z < 0.0 { -0.5 } else { 0.0 };
        assert_eq!(at_zero.eval(z, 0.0).grad, expected, "{z:e}");
        let mut gradient = [0.0; 2];
        let chosen = [z, 1.0];
        let pairs = Pairs::new(&chosen, &[0.0, 0.0]).expect("equal lengths");
        pairs.gradients_into(at_zero, &mut gradient).expect("equal lengths");
        assert_eq!(gradient, [expected, 0.0], "{z:e}");
    }
}

/// A margin that cancels all of the difference but what is more than 250 binary places below: also where the result is
/// so small that the careful precision has to settle it.
#[test]
fn margins_that_cancel_all_but_a_trifle() {
    let power = |k: i32| match k + 1022 {
        0.. => f64::from_bits(((k + 1023) as u64) << 52),
        _ => f64::from_bits(1 << (k + 1074)),
    };
    for margin in [1.0, power(60), power(1023)] {
        let hinge = Hinge::new(margin).expect("finite");
        let squared = SquaredHinge::new(margin).expect("finite");
        // m − (m − x) = x.
        for k in [-300, -470, -500, -537, -538, -960, -1074] {
            let x = power(k);
            let jet = hinge.eval(margin, x);
            assert_eq!((jet.value, jet.grad, jet.hess), (x, -1.0, 0.0), "{margin:e}, 2^{k}");
            assert_eq!(hinge.eval(margin, -x).value, 0.0, "{margin:e}, 2^{k}");
            let jet = squared.eval(margin, x);
            let square = if k >= -537 { power(2 * k) } else { 0.0 };
            assert_eq!(
                (jet.value, jet.grad, jet.hess),
                (square, -2.0 * x, 2.0),
                "{margin:e}, 2^{k}"
            );
            let tuned = Tuned::new(Hinge::new(1.0).expect("finite")).scale(3.0).expect("positive");
            let tuned = tuned.margin(margin).expect("finite");
            // 1 + 3·x.
            assert_eq!((tuned.eval(margin, x).value, tuned.eval(margin, x).grad), (1.0, -3.0));
            // The same margin as a column of the batch.
            let at_zero = SquaredHinge::new(0.0).expect("finite");
            let (chosen, rejected, margins, mut out) = ([margin], [x], [margin], [1.0]);
            let pairs = Pairs::new(&chosen, &rejected).and_then(|p| p.with_margins(&margins));
            pairs.and_then(|pairs| pairs.losses_into(at_zero, &mut out)).expect("lengths");
            assert_eq!(out, [square], "{margin:e}, 2^{k}");
        }
    }
    // σ(d) = ½ + d/4 beside 0, and z − η is twice the largest number.
    let d = power(-46);
    let shares = RaoKupper::new(f64::MAX).expect("finite").probabilities(-f64::MAX, d);
    assert_eq!((shares.win, shares.tie, shares.loss), (0.0, 0.5 - d / 4.0, 0.5 + d / 4.0));
    // Beside 1 there is no difference between two exponentials of trifles, whichever precision has to settle it.
    let tie = RaoKupper::new(1e-45).expect("finite").tie();
    let same = Tuned::new(tie).eval(2.656e-320, 0.0);
    assert_eq!(tie.eval(2.656e-320, 0.0), same);
    assert_eq!(same.grad, 0.0);
}
