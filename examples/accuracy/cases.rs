//! What is measured: every public function and loss, in both formats, each with two independent references.

use super::double_double::Pair;
use super::points::{Format, Inputs, Point};
use num_traits::NumCast;
use pairwise_loss::{
    Exponential, Hinge, Ipo, Level, Logistic, PairLoss, Pairs, RobustLogistic, Score, SquaredHinge,
    Tuned,
};
use reference::{Loss, Options, Real, ulp};

/// Value, first and second derivative; functions have a value only.
pub const OUTPUTS: [&str; 3] = ["value", "gradient", "hessian"];

/// A reference result is compared in full where it is at least this share of its largest term; nearer to its zero the
/// terms cancel, and their own error shows.
pub fn cancels(format: Format, result: f64, largest_term: f64) -> bool {
    let share = match format {
        Format::Single => 2f64.powi(-6),
        Format::Double => 0.5,
    };
    result.abs() < share * largest_term
}

/// How far a result is from the truth.
#[derive(Clone, Copy, Debug)]
pub enum Error {
    /// In units in the last place of the true result.
    Plain(f64),
    /// Beside a zero where terms cancel: beyond the half unit of the last rounding, in units of the largest term.
    Cancelling(f64),
}

/// A reference result and its largest term.
pub type Bulk = [(Pair, f64); 3];

type Compute = Box<dyn Fn(&[Point]) -> Vec<[f64; 3]> + Send + Sync>;

pub struct Case {
    pub name: &'static str,
    pub format: Format,
    pub inputs: Inputs,
    pub subject: Subject,
    /// Whether the point's margin, weight and label take part.
    pub columns: [bool; 3],
    compute: Compute,
}

#[derive(Clone, Copy, Debug)]
pub enum Subject {
    Sigmoid,
    LogSigmoid,
    Softplus,
    Logit,
    WinProbability,
    LogWinProbability,
    Strengths,
    Loss(Loss, reference::Tuned),
}

impl Subject {
    pub fn outputs(self) -> usize {
        if matches!(self, Self::Loss(..)) { 3 } else { 1 }
    }
}

impl Case {
    pub fn outputs(&self) -> usize {
        self.subject.outputs()
    }

    pub fn compute(&self, points: &[Point]) -> Vec<[f64; 3]> {
        (self.compute)(points)
    }

    fn options(&self, tuned: reference::Tuned, point: &Point) -> Options {
        let [margin, weight, label] = self.columns;
        Options {
            tuned,
            margin: if margin { point.margin } else { 0.0 },
            weight: if weight { point.weight } else { 1.0 },
            label: if label { point.label } else { 1.0 },
        }
    }

    /// The true results; fewer where the point lies outside the domain.
    pub fn exact(&self, point: &Point) -> Vec<Real> {
        let (a, b) = (point.chosen, point.rejected);
        let one = match self.subject {
            Subject::Sigmoid => Some(reference::sigmoid(&Real::new(a))),
            Subject::LogSigmoid => Some(reference::log_sigmoid(&Real::new(a))),
            Subject::Softplus => Some(reference::softplus(&Real::new(a))),
            Subject::Logit => reference::logit(&Real::new(a)),
            Subject::WinProbability => reference::win_probability(a, b),
            Subject::LogWinProbability => reference::log_win_probability(a, b),
            Subject::Strengths => reference::win_probability_from_strengths(a, b),
            Subject::Loss(loss, tuned) => {
                let jet = reference::pair(loss, &self.options(tuned, point), a, b);
                return jet.map_or(Vec::new(), |jet| vec![jet.value, jet.grad, jet.hess]);
            }
        };
        one.into_iter().collect()
    }

    /// The same to about 95 bits, and quickly; `None` where that reference does not reach.
    pub fn bulk(&self, point: &Point) -> Option<Bulk> {
        let (a, b) = (point.chosen, point.rejected);
        let one = |x: Option<Pair>| x.map(|x| [(x, x.high.abs()); 3]);
        let bulk = match self.subject {
            Subject::Sigmoid => one(Pair::new(a).sigmoid()),
            Subject::LogSigmoid => one(Pair::new(-a).softplus().map(|x| -x)),
            Subject::Softplus => one(Pair::new(a).softplus()),
            Subject::Logit => one(Pair::logit(a)),
            Subject::WinProbability => one(Pair::difference(a, b).sigmoid()),
            Subject::LogWinProbability => one(Pair::difference(b, a).softplus().map(|x| -x)),
            Subject::Strengths => {
                let plain = |x: f64| x > 2f64.powi(-900) && x < 2f64.powi(900);
                (plain(a) && plain(b))
                    .then(|| Pair::new(a).divide(Pair::difference(a, -b)))
                    .and_then(|x| one(Some(x)))
            }
            Subject::Loss(loss, tuned) => bulk_pair(loss, &self.options(tuned, point), a, b),
        }?;
        let reaches = |x: Pair| x.is_whole() && self.format.round(x.high).is_finite();
        bulk.iter().all(|&(x, _)| reaches(x)).then_some(bulk)
    }

    /// The error against the quick reference, in units of the format.
    pub fn bulk_error(&self, computed: f64, (exact, largest_term): (Pair, f64)) -> Error {
        let difference = ((computed - exact.high) - exact.low).abs();
        let unit = self.format.unit(self.format.round(exact.high));
        if difference.is_nan() || !cancels(self.format, exact.high, largest_term) {
            return Error::Plain(if difference.is_nan() {
                f64::INFINITY
            } else {
                difference / unit
            });
        }
        let beyond = (difference - 0.5 * unit).max(0.0);
        Error::Cancelling(beyond / self.format.unit(largest_term))
    }

    /// The error against the big-integer reference, in units in the last place of the result.
    pub fn exact_error(&self, computed: f64, exact: &Real) -> f64 {
        match self.format {
            Format::Single => ulp::error(computed as f32, exact),
            Format::Double => ulp::error(computed, exact),
        }
    }
}

/// `reference::pair` in sums of two: w·(p·L(z) + q·L(−z)) with L tuned.
fn bulk_pair(loss: Loss, options: &Options, chosen: f64, rejected: f64) -> Option<Bulk> {
    let z = Pair::difference(chosen, rejected) - options.margin;
    let tuned = options.tuned;
    let jet = mix(options.label, z, |z| {
        let t = (z - tuned.margin) * tuned.scale;
        let kept = 1.0 - tuned.smoothing;
        // The bulk reference is only asked about smoothing with an exact complement.
        assert_eq!(1.0 - kept, tuned.smoothing);
        let [value, grad, hess] = mix(kept, t, |t| bulk_loss(loss, t))?;
        let s = tuned.scale;
        Some([value, scaled(grad, s), scaled(scaled(hess, s), s)])
    })?;
    Some(jet.map(|x| scaled(x, options.weight)))
}

fn scaled((x, largest_term): (Pair, f64), factor: f64) -> (Pair, f64) {
    (x * factor, largest_term * factor)
}

/// p·L(z) + (1 − p)·L(−z); a side of weight 0 is not evaluated.
fn mix(p: f64, z: Pair, loss: impl Fn(Pair) -> Option<Bulk>) -> Option<Bulk> {
    if p == 1.0 {
        return loss(z);
    }
    let q = Pair::difference(1.0, p);
    let flipped = loss(-z)?;
    let [v, g, h] = flipped.map(|(x, term)| (x * q, term * q.high));
    let sum = [v, (-g.0, g.1), h];
    if p == 0.0 {
        return Some(sum);
    }
    let kept = loss(z)?.map(|x| scaled(x, p));
    Some([0, 1, 2].map(|i| (kept[i].0 + sum[i].0, kept[i].1.max(sum[i].1))))
}

fn bulk_loss(loss: Loss, z: Pair) -> Option<Bulk> {
    let plain = |x: Pair| (x, x.high.abs());
    let zero = plain(Pair::new(0.0));
    Some(match loss {
        Loss::Logistic => {
            let value = (-z).softplus()?;
            [plain(value), plain(-(-z).sigmoid()?), plain(z.sigmoid_slope()?)]
        }
        Loss::Exponential => {
            if z.high.abs() > 600.0 {
                return None;
            }
            let e = (-z).exp();
            [plain(e), plain(-e), plain(e)]
        }
        Loss::Hinge(m) | Loss::SquaredHinge(m) => {
            let gap = Pair::new(m) - z;
            match loss {
                _ if gap.high <= 0.0 => [zero; 3],
                Loss::Hinge(_) => [plain(gap), plain(Pair::new(-1.0)), zero],
                _ => [plain(gap * gap), plain(gap * -2.0), plain(Pair::new(2.0))],
            }
        }
        Loss::Ipo(beta) => {
            let target = Pair::new(0.5).divide(Pair::new(beta));
            let gap = z - target;
            let largest = z.high.abs().max(target.high);
            [
                (gap * gap, largest * gap.high.abs()),
                (gap * 2.0, 2.0 * largest),
                plain(Pair::new(2.0)),
            ]
        }
        Loss::RobustLogistic(epsilon) => {
            let slope = Pair::new(epsilon).divide(Pair::difference(1.0, 2.0 * epsilon));
            let [value, grad, hess] = bulk_loss(Loss::Logistic, z)?;
            let linear = z * slope;
            [
                (value.0 - linear, value.1.max(linear.high.abs())),
                (grad.0 - slope, grad.1.max(slope.high)),
                hess,
            ]
        }
        _ => return None,
    })
}

fn to<T: Score>(x: f64) -> T {
    <T as NumCast>::from(x).expect("floats convert")
}

fn from<T: Score>(x: T) -> f64 {
    x.to_f64().expect("floats convert")
}

fn column<T: Score>(points: &[Point], get: fn(&Point) -> f64) -> Vec<T> {
    points.iter().map(|point| to(get(point))).collect()
}

/// Results of a function over slices.
fn slices<T: Score>(
    points: &[Point],
    run: impl Fn(Level, &[T], &mut [T]) -> Result<(), pairwise_loss::Error>,
) -> Vec<[f64; 3]> {
    let x = column::<T>(points, |point| point.chosen);
    let mut out = vec![T::zero(); x.len()];
    run(Level::best(), &x, &mut out).expect("equal lengths");
    out.into_iter().map(|y| [from(y), 0.0, 0.0]).collect()
}

/// Results of a function of two numbers.
fn each<T: Score>(points: &[Point], run: impl Fn(T, T) -> T) -> Vec<[f64; 3]> {
    points.iter().map(|p| [from(run(to(p.chosen), to(p.rejected))), 0.0, 0.0]).collect()
}

fn jets<T: Score>(points: &[Point], loss: impl PairLoss) -> Vec<[f64; 3]> {
    points
        .iter()
        .map(|p| {
            let jet = loss.eval::<T>(to(p.chosen), to(p.rejected));
            [from(jet.value), from(jet.grad), from(jet.hess)]
        })
        .collect()
}

/// Results of a batch with the columns that are asked for.
fn batch<T: Score>(
    points: &[Point],
    [margins, weights, labels]: [bool; 3],
    loss: impl PairLoss,
) -> Vec<[f64; 3]> {
    let chosen = column::<T>(points, |p| p.chosen);
    let rejected = column::<T>(points, |p| p.rejected);
    let m = column::<T>(points, |p| p.margin);
    let w = column::<T>(points, |p| p.weight);
    let l = column::<T>(points, |p| p.label);
    let run = || {
        let mut pairs = Pairs::new(&chosen, &rejected)?;
        if margins {
            pairs = pairs.with_margins(&m)?;
        }
        if weights {
            pairs = pairs.with_weights(&w)?;
        }
        if labels {
            pairs = pairs.with_labels(&l)?;
        }
        let mut out = [(); 3].map(|()| vec![T::zero(); points.len()]);
        pairs.losses_into(loss, &mut out[0])?;
        pairs.gradients_into(loss, &mut out[1])?;
        pairs.hessians_into(loss, &mut out[2])?;
        Ok::<_, pairwise_loss::Error>(out)
    };
    let out = run().expect("valid columns");
    (0..points.len()).map(|i| [from(out[0][i]), from(out[1][i]), from(out[2][i])]).collect()
}

const TUNED: reference::Tuned = reference::Tuned { scale: 0.1, margin: 0.5, smoothing: 0.0625 };

/// Every case of one format.
pub fn cases<T: Score>(format: Format) -> Vec<Case> {
    let function = |name, subject, inputs, compute: Compute| Case {
        name,
        format,
        inputs,
        subject,
        columns: [false; 3],
        compute,
    };
    let plain = reference::Tuned::default();
    let with = |name, columns| Case {
        columns,
        ..function(
            name,
            Subject::Loss(Loss::Logistic, plain),
            Inputs::Two,
            Box::new(move |p: &[Point]| batch::<T>(p, columns, Logistic)),
        )
    };
    let loss = |name, loss, compute: Compute| {
        function(name, Subject::Loss(loss, plain), Inputs::Two, compute)
    };
    let hinge = Hinge::new(1.0).expect("finite");
    let squared_hinge = SquaredHinge::new(0.75).expect("finite");
    let ipo = Ipo::new(0.1).expect("positive");
    let robust = RobustLogistic::new(0.1).expect("below one half");
    let tuned = |tuned: Tuned<Logistic>| {
        let tuned = tuned.scale(TUNED.scale)?.margin(TUNED.margin)?;
        tuned.smoothing(TUNED.smoothing)
    };
    let tuned = tuned(Tuned::new(Logistic)).expect("valid parameters");
    vec![
        function(
            "sigmoid",
            Subject::Sigmoid,
            Inputs::One,
            Box::new(|p| slices::<T>(p, Level::sigmoid_into)),
        ),
        function(
            "log_sigmoid",
            Subject::LogSigmoid,
            Inputs::One,
            Box::new(|p| slices::<T>(p, Level::log_sigmoid_into)),
        ),
        function(
            "softplus",
            Subject::Softplus,
            Inputs::One,
            Box::new(|p| slices::<T>(p, Level::softplus_into)),
        ),
        function(
            "logit",
            Subject::Logit,
            Inputs::Probability,
            Box::new(|p| each::<T>(p, |x, _| pairwise_loss::logit(x))),
        ),
        function(
            "win_probability",
            Subject::WinProbability,
            Inputs::Two,
            Box::new(|p| each::<T>(p, pairwise_loss::win_probability)),
        ),
        function(
            "log_win_probability",
            Subject::LogWinProbability,
            Inputs::Two,
            Box::new(|p| each::<T>(p, pairwise_loss::log_win_probability)),
        ),
        function(
            "win_probability_from_strengths",
            Subject::Strengths,
            Inputs::Strengths,
            Box::new(|p| each::<T>(p, pairwise_loss::win_probability_from_strengths)),
        ),
        loss("Logistic", Loss::Logistic, Box::new(|p| jets::<T>(p, Logistic))),
        with("Logistic with margins", [true, false, false]),
        with("Logistic with weights", [false, true, false]),
        with("Logistic with labels", [false, false, true]),
        with("Logistic with all three", [true; 3]),
        function(
            "Tuned Logistic",
            Subject::Loss(Loss::Logistic, TUNED),
            Inputs::Two,
            Box::new(move |p| jets::<T>(p, tuned)),
        ),
        loss("RobustLogistic", Loss::RobustLogistic(0.1), Box::new(move |p| jets::<T>(p, robust))),
        loss("Hinge", Loss::Hinge(1.0), Box::new(move |p| jets::<T>(p, hinge))),
        loss(
            "SquaredHinge",
            Loss::SquaredHinge(0.75),
            Box::new(move |p| jets::<T>(p, squared_hinge)),
        ),
        loss("Exponential", Loss::Exponential, Box::new(|p| jets::<T>(p, Exponential))),
        loss("Ipo", Loss::Ipo(0.1), Box::new(move |p| jets::<T>(p, ipo))),
    ]
}

/// Every case, both formats.
pub fn all() -> Vec<Case> {
    let mut all = cases::<f32>(Format::Single);
    all.extend(cases::<f64>(Format::Double));
    all
}
