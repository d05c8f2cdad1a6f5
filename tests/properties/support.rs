//! What every test here shares: batches, every verb of a batch in one call, and the distance to the truth.

use pairwise_loss::{Jet, Level, PairLoss, Pairs, Reduction, Score, Total};
use reference::random::SplitMix64;
use reference::{Loss, Options, Real, RealJet, Tuned, ulp};
pub use reference::{bits, dirty};

/// A format under test, with the promises made for it.
pub trait Number: Score + reference::Format {
    /// Error of a loss, gradient or second derivative of a pair, in units in the last place.
    const PAIR: f64;
    /// The same for gradients that carry the normaliser of a mean.
    const FUSED: f64;
    /// Relative error of a reduced loss against the exact sum, per unit of Σ|terms|, where values are summed with
    /// compensation.
    const COMPENSATED: f64;
    /// The same for losses of which one logarithm is taken for many, by the exponential that serves derivatives.
    const PRODUCT: f64;
    /// 2 to minus this is the relative error of the working precision's elementary functions.
    const WORKING_BITS: i64;
    /// NaNs with payloads, of either sign, quiet and signalling.
    const NANS: [u64; 4];
}

impl Number for f32 {
    const PAIR: f64 = 0.501;
    const FUSED: f64 = 0.501;
    const COMPENSATED: f64 = 1e-15;
    const PRODUCT: f64 = 8.2e-13;
    const WORKING_BITS: i64 = 40;
    const NANS: [u64; 4] = [0x7fc1_2345, 0xffc0_0001, 0x7f80_0001, 0xffbf_ffff];
}

impl Number for f64 {
    const PAIR: f64 = 0.54;
    const FUSED: f64 = 0.55;
    const COMPENSATED: f64 = 2.3e-16;
    const PRODUCT: f64 = 2.3e-16;
    const WORKING_BITS: i64 = 56;
    const NANS: [u64; 4] = [
        0x7ff8_0000_1234_5678,
        0xfff8_0000_0000_0001,
        0x7ff0_0000_0000_0001,
        0xfff7_ffff_ffff_ffff,
    ];
}

pub fn of_bits<T: Number>(bits: u64) -> T {
    <T as reference::Format>::from_bits(bits)
}

pub fn bits_of<T: Number>(x: T) -> u64 {
    reference::Format::bits(x)
}

/// −x, where the canonical NaN has no sign.
pub fn negated<T: Number>(x: T) -> T {
    if x.is_nan() { x } else { -x }
}

pub fn jet_bits<T: Number>(jet: Jet<T>) -> [u64; 3] {
    [jet.value, jet.grad, jet.hess].map(bits_of)
}

/// One row of a batch, as the oracle takes it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub chosen: f64,
    pub rejected: f64,
    pub margin: f64,
    pub weight: f64,
    pub label: f64,
}

impl Row {
    pub fn plain(chosen: f64, rejected: f64) -> Self {
        Self { chosen, rejected, margin: 0.0, weight: 1.0, label: 1.0 }
    }

    /// What the oracle says of a tuned loss here.
    pub fn truth(&self, loss: Loss, tuned: Tuned) -> RealJet {
        let options =
            Options { tuned, margin: self.margin, weight: self.weight, label: self.label };
        reference::pair(loss, &options, self.chosen, self.rejected).expect("finite numbers")
    }
}

/// A loss under test, and what the oracle knows of it.
pub struct Subject<L, V> {
    pub name: &'static str,
    pub loss: L,
    /// The exact value and derivatives of a row.
    pub truth: fn(&Row) -> RealJet,
    /// A bound on the terms that may cancel within the value, the gradient and the second derivative of a row, per unit
    /// of weight: 0 where nothing cancels and the result is accurate relative to itself.
    pub cancelling: fn(&Row) -> [f64; 3],
    /// Whether the loss is a + log(1 + t), so that many are summed with one logarithm.
    pub product: bool,
    pub verbs: V,
}

/// A batch that owns its columns.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    pub chosen: Vec<T>,
    pub rejected: Vec<T>,
    pub margins: Option<Vec<T>>,
    pub weights: Option<Vec<T>>,
    pub labels: Option<Vec<T>>,
}

/// Which optional columns a batch has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    pub margins: bool,
    pub weights: bool,
    pub labels: bool,
}

impl Columns {
    pub const NONE: Self = Self { margins: false, weights: false, labels: false };
    pub const EVERY: Self = Self { margins: true, weights: true, labels: true };

    /// All eight.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|i| Self { margins: i & 1 != 0, weights: i & 2 != 0, labels: i & 4 != 0 })
    }
}

impl<T: Number> Batch<T> {
    /// Ordinary rows: curved and flat parts, near cancellation, ties, weights 0, hard and soft labels.
    pub fn ordinary(len: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut batch = Self::empty();
        for i in 0..len {
            let chosen = T::of(random.uniform(-4.0, 4.0));
            let rejected = match i % 7 {
                0 => chosen,
                1 => T::of(chosen.wide() * (1.0 + 1e-6)),
                2 => T::of(random.uniform(-40.0, 40.0)),
                3 => T::of(random.log_uniform(-30.0, 0.0)),
                _ => T::of(random.uniform(-4.0, 4.0)),
            };
            let margin = T::of(random.uniform(-1.0, 1.0));
            let weight = if i % 6 == 4 { 0.0 } else { random.uniform(0.0, 3.0) };
            let label = [0.0, 1.0, 0.5, random.uniform(0.0, 1.0)][i % 4];
            batch.push(chosen, rejected, margin, T::of(weight), T::of(label));
        }
        batch
    }

    /// Rows of every kind: NaN, infinities, scores whose difference overflows, subnormals, huge and tiny weights.
    pub fn wild(len: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let special = [
            T::infinity(),
            T::neg_infinity(),
            of_bits(T::NANS[0]),
            of_bits(T::NANS[1]),
            T::max_value(),
            T::min_value(),
            of_bits(1),
            T::min_positive_value(),
            T::zero(),
            T::neg_zero(),
        ];
        let mut batch = Self::empty();
        for i in 0..len {
            let score = |random: &mut SplitMix64| match random.below(4) {
                0 => special[random.below(special.len() as u64) as usize],
                1 => T::of(random.log_uniform(-100.0, 100.0)),
                2 => T::of(random.uniform(-800.0, 800.0)),
                _ => T::of(random.uniform(-90.0, 90.0)),
            };
            let (chosen, rejected) = (score(&mut random), score(&mut random));
            let margin =
                if i % 3 == 0 { score(&mut random) } else { T::of(random.uniform(-9.0, 9.0)) };
            let weight = match i % 5 {
                0 => T::zero(),
                1 => T::of(random.log_uniform(-120.0, -60.0).abs()),
                2 => T::of(random.log_uniform(60.0, 120.0).abs()),
                3 => T::one(),
                _ => T::of(random.uniform(0.0, 2.0)),
            };
            let label = [T::zero(), T::one(), of_bits(1), T::of(random.uniform(0.0, 1.0))][i % 4];
            batch.push(chosen, rejected, margin, weight, label);
        }
        batch
    }

    fn empty() -> Self {
        Self {
            chosen: Vec::new(),
            rejected: Vec::new(),
            margins: Some(Vec::new()),
            weights: Some(Vec::new()),
            labels: Some(Vec::new()),
        }
    }

    fn push(&mut self, chosen: T, rejected: T, margin: T, weight: T, label: T) {
        self.chosen.push(chosen);
        self.rejected.push(rejected);
        self.margins.as_mut().expect("a column").push(margin);
        self.weights.as_mut().expect("a column").push(weight);
        self.labels.as_mut().expect("a column").push(label);
    }

    /// Without the columns that are not wanted.
    pub fn with(mut self, columns: Columns) -> Self {
        self.margins = self.margins.filter(|_| columns.margins);
        self.weights = self.weights.filter(|_| columns.weights);
        self.labels = self.labels.filter(|_| columns.labels);
        self
    }

    /// The rows at these positions, in this order.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let of = |column: &Vec<T>| rows.iter().map(|&i| column[i]).collect();
        Self {
            chosen: of(&self.chosen),
            rejected: of(&self.rejected),
            margins: self.margins.as_ref().map(of),
            weights: self.weights.as_ref().map(of),
            labels: self.labels.as_ref().map(of),
        }
    }

    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    pub fn pairs(&self) -> Pairs<'_, T> {
        self.pairs_from(0)
    }

    /// The pairs from `start` on.
    pub fn pairs_from(&self, start: usize) -> Pairs<'_, T> {
        let mut pairs =
            Pairs::new(&self.chosen[start..], &self.rejected[start..]).expect("lengths");
        if let Some(margins) = &self.margins {
            pairs = pairs.with_margins(&margins[start..]).expect("margins");
        }
        if let Some(weights) = &self.weights {
            pairs = pairs.with_weights(&weights[start..]).expect("weights");
        }
        if let Some(labels) = &self.labels {
            pairs = pairs.with_labels(&labels[start..]).expect("labels");
        }
        pairs
    }

    pub fn row(&self, i: usize) -> Row {
        let at = |column: &Option<Vec<T>>, absent| column.as_ref().map_or(absent, |c| c[i].wide());
        Row {
            chosen: self.chosen[i].wide(),
            rejected: self.rejected[i].wide(),
            margin: at(&self.margins, 0.0),
            weight: at(&self.weights, 1.0),
            label: at(&self.labels, 1.0),
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        (0..self.len()).map(|i| self.row(i)).collect()
    }
}

/// What the verbs of a batch say; empty where one was not asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub losses: Vec<u64>,
    pub gradients: Vec<u64>,
    pub hessians: Vec<u64>,
    pub d_chosen: Vec<u64>,
    pub d_rejected: Vec<u64>,
    pub d_margin: Vec<u64>,
    /// The reduced loss, as each of the fused verbs has it.
    pub reduced: Vec<u64>,
    pub total: Option<Total>,
}

impl Outcome {
    /// The columns of one number a row.
    pub fn columns(&self) -> [(&'static str, &Vec<u64>); 6] {
        [
            ("losses", &self.losses),
            ("gradients", &self.gradients),
            ("hessians", &self.hessians),
            ("d_chosen", &self.d_chosen),
            ("d_rejected", &self.d_rejected),
            ("d_margin", &self.d_margin),
        ]
    }

    pub fn loss(&self) -> f64 {
        f64::from_bits(self.reduced[0])
    }
}

/// Which verbs a loss is put through. Each is a kernel for every set of columns and every level, which takes its time to
/// compile.
pub trait Verbs {
    /// Calls them, with outputs that hold something beforehand and start `offset` elements into their buffers.
    fn call<T: Number, L: PairLoss>(
        pairs: Pairs<'_, T>,
        loss: L,
        reduction: Reduction,
        offset: usize,
    ) -> Outcome;
}

/// All of them.
pub struct Every;

/// The losses, and the fused pass with both gradients.
pub struct Core;

impl Verbs for Every {
    fn call<T: Number, L: PairLoss>(
        pairs: Pairs<'_, T>,
        loss: L,
        reduction: Reduction,
        offset: usize,
    ) -> Outcome {
        let mut out = Core::call(pairs, loss, reduction, offset);
        let into = |call: &dyn Fn(&mut [T])| written(pairs.len(), offset, call);
        out.gradients = into(&|out| pairs.gradients_into(loss, out).expect("gradients"));
        out.hessians = into(&|out| pairs.hessians_into(loss, out).expect("hessians"));
        out.reduced.push(pairs.loss(loss, reduction).expect("a loss").to_bits());
        let reduced = std::cell::Cell::new(0.0);
        out.d_margin = into(&|out| {
            reduced.set(pairs.loss_and_margin_gradient(loss, reduction, out).expect("a loss"));
        });
        out.reduced.push(reduced.get().to_bits());
        out.total = Some(pairs.total(loss));
        out
    }
}

impl Verbs for Core {
    fn call<T: Number, L: PairLoss>(
        pairs: Pairs<'_, T>,
        loss: L,
        reduction: Reduction,
        offset: usize,
    ) -> Outcome {
        let into = |call: &dyn Fn(&mut [T])| written(pairs.len(), offset, call);
        let mut out = Outcome {
            losses: into(&|out| pairs.losses_into(loss, out).expect("losses")),
            ..Outcome::default()
        };
        let (mut chosen, mut rejected) = (dirty(pairs.len() + offset), dirty(pairs.len() + offset));
        let reduced = pairs
            .loss_and_gradients(loss, reduction, &mut chosen[offset..], &mut rejected[offset..])
            .expect("a fused loss");
        out.reduced = vec![reduced.to_bits()];
        out.d_chosen = after::<T>(&chosen, offset);
        out.d_rejected = after::<T>(&rejected, offset);
        out
    }
}

/// What a call writes into a buffer that held something.
fn written<T: Number>(len: usize, offset: usize, call: &dyn Fn(&mut [T])) -> Vec<u64> {
    let mut out = dirty::<T>(len + offset);
    call(&mut out[offset..]);
    after(&out, offset)
}

/// The bits from `offset` on, with nothing written before.
fn after<T: Number>(out: &[T], offset: usize) -> Vec<u64> {
    assert_eq!(bits(&out[..offset]), bits(&dirty::<T>(offset)), "written before the output");
    bits(&out[offset..])
}

/// Every level of this machine, the best one last.
pub fn levels() -> Vec<Level> {
    Level::available().collect()
}

/// Asserts that a result is within `ulps` of the truth; or, where terms of magnitude up to `cancelling` cancel, that
/// it is rounded from a number that is off by no more than the working precision makes of them.
#[track_caller]
pub fn assert_close<T: Number>(
    computed: T,
    exact: &Real,
    ulps: f64,
    cancelling: f64,
    context: &dyn std::fmt::Debug,
) {
    let error = ulp::error(computed, exact);
    if error <= ulps {
        return;
    }
    assert!(computed.is_finite(), "{computed:?} for {} at {context:?}", exact.approximate());
    // Half a unit of the format, and the cancellation.
    let distance = (Real::new(computed.wide()) - exact).abs().approximate();
    let excess = distance * (1.0 - ulps / error);
    let allowed = cancelling * (-T::WORKING_BITS as f64).exp2();
    assert!(
        excess <= allowed,
        "{computed:?} for {:e} is off by {error} ulp, {excess:e} more than the rounding, {allowed:e} allowed, at {context:?}",
        exact.approximate()
    );
}

/// The sum of exact numbers.
pub fn exact_sum<'r>(terms: impl IntoIterator<Item = &'r Real>) -> Real {
    terms.into_iter().fold(Real::zero(), |sum, term| sum + term)
}
