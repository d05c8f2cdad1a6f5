//! Centred rewards and the step of a reward trainer, against TRL's formulas in exact arithmetic.
//!
//! (a) The truth of a row is w·(−log σ(c − r − m) + k·(c + r)²) and its two derivatives, as `Real`s; that of a batch is
//!     their sum, added by halves so that its error bound stays small.
//! (b) A mean is not divided: the result is multiplied by the divisor, exactly, before it is compared. That the bound
//!     of the truth is far below the unit of the comparison is asserted each time.
//! (c) An error is counted in units in the last place of the result. Where the terms of a gradient, two or with a label
//!     three, cancel to less than half of the largest one, what goes beyond the half unit of the last rounding is
//!     counted in units of that term.

use pairwise_loss::{
    Centering, Error, Hinge, Level, Logistic, Metrics, PairLoss, Pairs, Reduction, RewardTrainer,
    Score, Strided,
};
use reference::random::SplitMix64;
use reference::{Format, Loss, Options, Real, bits};
use std::cmp::Ordering;

/// Largest error of a gradient, in units in its last place, as documented.
const GRADIENT_F32: f64 = 0.501;
const GRADIENT_F64: f64 = 0.55;

/// Beside its zero: beyond the half unit of the last rounding, in units of the largest term.
const CANCELLING_F32: f64 = 1.0 / 65536.0;
const CANCELLING_F64: f64 = 1.0 / 16.0;

/// By how much a limit may lie above the largest error that is found.
const SLACK: f64 = 0.05;

/// Error of a loss of `f64` scores; and of `f32` scores, in units of `f64`: the argument of e^−|z| is reduced in one.
const LOSS_F64: f64 = 1.0;
const LOSS_F32: f64 = 16.0;

trait Number: Score + Format {
    const LOSS: f64;
    const GRADIENT: f64;
    const CANCELLING: f64;
}

impl Number for f32 {
    const LOSS: f64 = LOSS_F32;
    const GRADIENT: f64 = GRADIENT_F32;
    const CANCELLING: f64 = CANCELLING_F32;
}

impl Number for f64 {
    const LOSS: f64 = LOSS_F64;
    const GRADIENT: f64 = GRADIENT_F64;
    const CANCELLING: f64 = CANCELLING_F64;
}

/// A coefficient and what it is of.
#[derive(Clone, Copy, Debug)]
struct Center {
    coefficient: f64,
    of_sums: bool,
}

impl Center {
    fn centering(self) -> Centering {
        let Self { coefficient, of_sums } = self;
        if of_sums { Centering::of_sums(coefficient) } else { Centering::of_rewards(coefficient) }
            .expect("a coefficient")
    }
}

/// A batch that owns its columns.
#[derive(Clone, Debug)]
struct Batch<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Option<Vec<T>>,
    weights: Option<Vec<T>>,
    labels: Option<Vec<T>>,
}

impl<T: Number> Batch<T> {
    /// Ordinary rewards, far ones, ties, sums near 0; margins of both signs. Bit n of `columns`: margins, weights,
    /// labels. A row of weight 0 holds NaN.
    fn ordinary(len: usize, columns: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut batch = Self::of_pairs(&[]);
        let (mut margins, mut weights, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..len {
            let chosen = T::of(random.uniform(-4.0, 4.0));
            let rejected = match i % 7 {
                0 => chosen,
                1 => -chosen,
                2 => T::of(-chosen.wide() * (1.0 + random.log_uniform(-30.0, -2.0))),
                3 => T::of(random.uniform(-60.0, 60.0)),
                _ => T::of(random.uniform(-4.0, 4.0)),
            };
            let weight = if i % 6 == 4 { 0.0 } else { random.uniform(0.0, 3.0) };
            let removed = columns & 2 != 0 && weight == 0.0;
            let nan = T::SENTINEL;
            batch.chosen.push(if removed { nan } else { chosen });
            batch.rejected.push(if removed && i % 12 == 4 { nan } else { rejected });
            let margin = T::of(random.uniform(-2.0, 2.0));
            margins.push(if removed { nan } else { margin });
            weights.push(T::of(weight));
            labels.push(T::of([0.0, 1.0, 0.5, random.uniform(0.0, 1.0)][i % 4]));
        }
        batch.margins = Some(margins).filter(|_| columns & 1 != 0);
        batch.weights = Some(weights).filter(|_| columns & 2 != 0);
        batch.labels = Some(labels).filter(|_| columns & 4 != 0);
        batch
    }

    fn of_pairs(pairs: &[(T, T)]) -> Self {
        let (chosen, rejected) = pairs.iter().copied().unzip();
        Self { chosen, rejected, margins: None, weights: None, labels: None }
    }

    fn len(&self) -> usize {
        self.chosen.len()
    }

    fn decorate<'a>(&'a self, mut pairs: Pairs<'a, T>) -> Pairs<'a, T> {
        if let Some(margins) = &self.margins {
            pairs = pairs.with_margins(margins).expect("margins");
        }
        if let Some(weights) = &self.weights {
            pairs = pairs.with_weights(weights).expect("weights");
        }
        if let Some(labels) = &self.labels {
            pairs = pairs.with_labels(labels).expect("labels");
        }
        pairs
    }

    fn pairs(&self) -> Pairs<'_, T> {
        self.decorate(Pairs::new(&self.chosen, &self.rejected).expect("lengths"))
    }

    fn options(&self, i: usize) -> Options {
        let at = |column: &Option<Vec<T>>, absent| column.as_ref().map_or(absent, |c| c[i].wide());
        Options {
            margin: at(&self.margins, 0.0),
            weight: at(&self.weights, 1.0),
            label: at(&self.labels, 1.0),
            ..Options::default()
        }
    }

    fn counts(&self, i: usize) -> bool {
        self.options(i).weight > 0.0
    }

    fn truth(&self, loss: Loss, center: Center, i: usize) -> Truth {
        if !self.counts(i) {
            return Truth { value: Real::zero(), terms: [Vec::new(), Vec::new()] };
        }
        let options = self.options(i);
        let (chosen, rejected) = (self.chosen[i].wide(), self.rejected[i].wide());
        let jet = reference::pair(loss, &options, chosen, rejected).expect("finite numbers");
        let (c, r) = (Real::new(chosen), Real::new(rejected));
        let k = Real::new(center.coefficient) * Real::new(options.weight);
        let pull = |reward: &Real| (&k * reward).scaled(1);
        let (square, pulls) = if center.of_sums {
            let sum = &c + &r;
            (&sum * &sum, [pull(&sum), pull(&sum)])
        } else {
            (&c * &c + &r * &r, [pull(&c), pull(&r)])
        };
        let [to_c, to_r] = pulls;
        // The two sides of a label are terms of their own.
        let sides: Vec<Real> = [(1.0, options.label), (0.0, 1.0 - options.label)]
            .into_iter()
            .filter(|&(_, share)| share != 0.0)
            .map(|(label, share)| {
                let options = Options { label, ..options };
                let jet = reference::pair(loss, &options, chosen, rejected).expect("finite");
                jet.grad * Real::new(share)
            })
            .collect();
        let against = sides.iter().map(|term| -term);
        let to_chosen = sides.iter().cloned().chain([to_c]).collect();
        let to_rejected = against.chain([to_r]).collect();
        Truth { value: jet.value + &k * &square, terms: [to_chosen, to_rejected] }
    }

    /// What a sum of losses is divided by.
    fn divisor(&self, reduction: Reduction) -> Real {
        let counted = (0..self.len()).filter(|&i| self.counts(i));
        match reduction {
            Reduction::Sum => Real::one(),
            Reduction::Mean => Real::from(counted.count() as i64),
            Reduction::WeightedMean => {
                counted.fold(Real::zero(), |sum, i| sum + Real::new(self.options(i).weight))
            }
            Reduction::Over(n) => Real::new(n),
        }
    }
}

/// What a row comes to: the loss, and the terms of each gradient.
struct Truth {
    value: Real,
    terms: [Vec<Real>; 2],
}

/// By halves: the error bound doubles with each addition that a number goes through.
fn sum(terms: &[Real]) -> Real {
    match terms {
        [] => Real::zero(),
        [one] => one.clone(),
        _ => {
            let (first, second) = terms.split_at(terms.len() / 2);
            sum(first) + sum(second)
        }
    }
}

/// Exponent of the unit in the last place of x/divisor in a format; numbers of batches are far from the ends of `f64`.
fn unit<T: Number>(x: &Real, divisor: &Real) -> i64 {
    if x.is_zero() {
        return T::MIN_EXPONENT;
    }
    let quotient = x.approximate() / divisor.approximate();
    assert!(quotient.is_normal(), "{quotient:e}");
    let exponent = (quotient.to_bits() >> 52 & 0x7ff) as i64 - 1023;
    (exponent - i64::from(T::PRECISION) + 1).max(T::MIN_EXPONENT)
}

/// |computed·divisor − exact| in units of 2^unit·divisor.
#[track_caller]
fn error(computed: f64, exact: &Real, divisor: &Real, unit: i64) -> f64 {
    let fine = Real::power_of_two(unit - 20) * divisor.abs();
    let above = exact + &fine;
    assert_eq!(exact.compare(&above), Some(Ordering::Less), "the truth is not known well enough");
    let difference = Real::new(computed) * divisor - exact;
    let scaled = difference.scaled(-unit).approximate() / divisor.approximate();
    assert!(scaled.is_finite(), "{computed:e}");
    scaled.abs()
}

/// The errors of a gradient: plain, and beyond the last rounding where its terms cancel.
#[track_caller]
fn gradient_error<T: Number>(computed: T, terms: &[Real], divisor: &Real) -> (f64, f64) {
    let exact = sum(terms);
    let larger = |a: Real, b: &Real| {
        let b = b.abs();
        if a.compare(&b) == Some(Ordering::Less) { b } else { a }
    };
    let largest = terms.iter().fold(Real::zero(), larger);
    if largest.is_zero() {
        assert_eq!(computed.wide(), 0.0);
        return (0.0, 0.0);
    }
    let here = unit::<T>(&exact, divisor);
    let plain = error(computed.wide(), &exact, divisor, here);
    let cancels = exact.abs().compare(&largest.scaled(-1)) == Some(Ordering::Less);
    if !cancels {
        return (plain, 0.0);
    }
    let there = unit::<T>(&largest, divisor);
    (0.0, (plain - 0.5).max(0.0) * 2f64.powi((here - there) as i32))
}

/// Outputs of both gradients.
fn run<T: Number, L: PairLoss>(
    pairs: &Pairs<'_, T>,
    loss: L,
    centering: Centering,
    reduction: Reduction,
) -> (f64, [Vec<T>; 2]) {
    let mut out = [(); 2].map(|()| vec![T::SENTINEL; pairs.len()]);
    let [a, b] = &mut out;
    let value = pairs.loss_and_centered_gradients(loss, centering, reduction, a, b);
    (value.expect("a loss"), out)
}

/// The largest errors of a batch: loss, gradients, gradients beside their zeros.
fn errors<T: Number>(batch: &Batch<T>, center: Center, reduction: Reduction) -> (f64, f64, f64) {
    let pairs = batch.pairs();
    let (value, gradients) = run(&pairs, Logistic, center.centering(), reduction);
    let truths: Vec<Truth> =
        (0..batch.len()).map(|i| batch.truth(Loss::Logistic, center, i)).collect();
    let divisor = batch.divisor(reduction);
    let (mut plain, mut beside) = (0.0_f64, 0.0_f64);
    for (side, gradient) in gradients.iter().enumerate() {
        for (i, (&computed, truth)) in gradient.iter().zip(&truths).enumerate() {
            if !batch.counts(i) {
                assert_eq!(Format::bits(computed), 0, "row {i} is removed");
                continue;
            }
            let (a, b) = gradient_error(computed, &truth.terms[side], &divisor);
            (plain, beside) = (plain.max(a), beside.max(b));
        }
    }
    let total = sum(&truths.into_iter().map(|truth| truth.value).collect::<Vec<_>>());
    let of_loss = error(value, &total, &divisor, unit::<f64>(&total, &divisor));
    (of_loss, plain, beside)
}

/// Every way to the same numbers: levels, with and without gradients, layouts.
fn same_bits_on_every_path<T: Number>(batch: &Batch<T>, center: Center, reduction: Reduction) {
    let centering = center.centering();
    let expected = run(&batch.pairs(), Logistic, centering, reduction);
    let expected = (expected.0.to_bits(), expected.1.map(|out| bits(&out)));
    let check = |pairs: Pairs<'_, T>, name: &str| {
        let (value, out) = run(&pairs, Logistic, centering, reduction);
        assert_eq!((value.to_bits(), out.map(|out| bits(&out))), expected, "{name}");
        let alone = pairs.centered_loss(Logistic, centering, reduction).expect("a loss");
        assert_eq!(alone.to_bits(), expected.0, "{name}, without gradients");
    };
    for level in Level::available() {
        check(batch.pairs().with_level(level), level.name());
    }
    let both = || batch.chosen.iter().zip(&batch.rejected);
    let interleaved: Vec<T> = both().flat_map(|(&c, &r)| [c, r]).collect();
    check(batch.decorate(Pairs::interleaved(&interleaved).expect("pairs")), "interleaved");
    let concatenated: Vec<T> = batch.chosen.iter().chain(&batch.rejected).copied().collect();
    check(batch.decorate(Pairs::concatenated(&concatenated).expect("pairs")), "concatenated");
    let fives: Vec<T> = both().flat_map(|(&c, &r)| [T::nan(), r, T::nan(), c, T::nan()]).collect();
    let len = batch.len();
    let view = |start: usize| Strided::new(&fives, start.min(fives.len()), 5, len).expect("a view");
    check(batch.decorate(Pairs::strided(view(3), view(1)).expect("pairs")), "strided");
}

fn check_batch<T: Number>(batch: &Batch<T>, center: Center, reduction: Reduction) {
    let (of_loss, plain, beside) = errors(batch, center, reduction);
    let place = || format!("{} rows, {center:?}, {reduction:?}", batch.len());
    assert!(of_loss <= T::LOSS, "loss {of_loss}, {}", place());
    assert!(plain <= T::GRADIENT, "gradient {plain}, {}", place());
    assert!(beside <= T::CANCELLING, "gradient beside its zero {beside}, {}", place());
    same_bits_on_every_path(batch, center, reduction);
}

/// Lengths × columns × centrings × reductions.
fn product<T: Number>() {
    let coefficients = [0.01, 0.3, 1.0, 1e-9, 25.0, 0.0];
    let reductions =
        [Reduction::Mean, Reduction::Sum, Reduction::WeightedMean, Reduction::Over(-37.5)];
    let mut seed = 0;
    for len in (0..=67).chain([255, 4095, 4096, 4097, 8193]) {
        for columns in 0..8 {
            seed += 1;
            // Each length meets all columns, each number of columns all the rest.
            let of_sums = (seed / 3) % 2 == 0;
            let center = Center { coefficient: coefficients[seed % 6], of_sums };
            let reduction = reductions[(len + columns) % 4];
            let batch = Batch::<T>::ordinary(len, columns, seed as u64);
            let counted = (0..len).any(|i| batch.counts(i));
            let mean = matches!(reduction, Reduction::Mean | Reduction::WeightedMean);
            if mean && !counted {
                let error = batch.pairs().centered_loss(Logistic, center.centering(), reduction);
                assert!(matches!(error, Err(Error::EmptyMean { .. })), "{error:?}");
                continue;
            }
            if len > 255 && seed % 3 != 0 {
                same_bits_on_every_path(&batch, center, reduction);
            } else {
                check_batch(&batch, center, reduction);
            }
        }
    }
}

#[test]
fn f32_batches_of_every_length() {
    product::<f32>();
}

#[test]
fn f64_batches_of_every_length() {
    product::<f64>();
}

/// More than the 16,384 rows from which on a batch is divided.
fn divided<T: Number>() {
    for (len, columns, of_sums) in [(16_385, 0, true), (20_481 + 13, 7, false), (33_000, 1, true)] {
        let batch = Batch::<T>::ordinary(len, columns, 77);
        check_batch(&batch, Center { coefficient: 0.01, of_sums }, Reduction::Mean);
    }
}

#[test]
fn f32_batches_that_are_divided() {
    divided::<f32>();
}

#[test]
fn f64_batches_that_are_divided() {
    divided::<f64>();
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit() {
    let results = || {
        let (mut sums, mut gradients) = (Vec::new(), Vec::new());
        for columns in [0, 1, 3, 7] {
            let center = Center { coefficient: 0.01, of_sums: columns != 3 };
            let batch = Batch::<f32>::ordinary((1 << 17) + 4097 + 19, columns, 5);
            let (sum, [a, b]) = run(&batch.pairs(), Logistic, center.centering(), Reduction::Mean);
            sums.push(sum.to_bits());
            gradients.extend([bits(&a), bits(&b)]);
            let batch = Batch::<f64>::ordinary((1 << 17) + 4097 + 19, columns, 6);
            let (sum, [a, b]) = run(&batch.pairs(), Logistic, center.centering(), Reduction::Sum);
            sums.push(sum.to_bits());
            gradients.extend([bits(&a), bits(&b)]);
        }
        (sums, gradients)
    };
    let on = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(results)
    };
    let one = on(1);
    for threads in [2, 5] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

/// Rewards from everywhere, where the terms have all proportions.
fn search<T: Number>(len: usize, of_sums: bool, seed: u64) -> (f64, f64, f64) {
    let mut random = SplitMix64::new(seed);
    let (mut worst, mut beside, mut of_loss) = (0.0_f64, 0.0_f64, 0.0_f64);
    for round in 0..8 {
        let coefficient = random.log_uniform(-12.0, 4.0).abs();
        let pairs: Vec<(T, T)> = (0..len / 8)
            .map(|i| {
                let a = random.uniform(-5.0, 5.0);
                let z = random.uniform(-30.0, 30.0);
                match i % 4 {
                    // Where 2k·(c + r), or 2k·c, takes back σ(−z), nearly.
                    0 => {
                        let pull = 1.0 / (1.0 + z.exp()) / (2.0 * coefficient);
                        let near = pull * (1.0 + random.log_uniform(-40.0, -1.0));
                        if of_sums {
                            (T::of(0.5 * (z + near)), T::of(0.5 * (near - z)))
                        } else {
                            (T::of(near), T::of(near - z))
                        }
                    }
                    1 => (T::of(0.5 * (z + a)), T::of(0.5 * (a - z))),
                    2 => (T::of(random.uniform(-1.0, 1.0)), T::of(random.log_uniform(-30.0, 6.0))),
                    _ => (T::of(a), T::of(random.uniform(-5.0, 5.0))),
                }
            })
            .collect();
        let batch = Batch::of_pairs(&pairs);
        let reduction = if round % 2 == 0 { Reduction::Sum } else { Reduction::Mean };
        let found = errors(&batch, Center { coefficient, of_sums }, reduction);
        (of_loss, worst, beside) = (of_loss.max(found.0), worst.max(found.1), beside.max(found.2));
    }
    (of_loss, worst, beside)
}

fn within_limits<T: Number>() {
    for (of_sums, seed) in [(true, 11), (false, 12)] {
        let (of_loss, plain, beside) = search::<T>(1 << 16, of_sums, seed);
        println!("of_sums {of_sums}: loss {of_loss}, gradient {plain}, beside its zero {beside}");
        assert!(of_loss <= T::LOSS, "{of_loss}");
        assert!((T::GRADIENT - SLACK..=T::GRADIENT).contains(&plain), "{plain}");
        assert!(beside > 0.0 && beside <= T::CANCELLING, "{beside}");
    }
}

#[test]
fn f32_gradients_are_within_their_limit() {
    within_limits::<f32>();
}

#[test]
fn f64_gradients_are_within_their_limit() {
    within_limits::<f64>();
}

/// One pair alone, against the truth rounded to the format; ∞ where it is beyond.
#[track_caller]
fn check_pair<T: Number>(chosen: T, rejected: T, center: Center, loss_limit: f64, limit: f64) {
    let batch = Batch::of_pairs(&[(chosen, rejected)]);
    let (value, [a, b]) = run(&batch.pairs(), Logistic, center.centering(), Reduction::Sum);
    let truth = batch.truth(Loss::Logistic, center, 0);
    let name = format!("{chosen:?}, {rejected:?}, {center:?}");
    let of_loss = reference::ulp::error(value, &truth.value);
    assert!(of_loss <= loss_limit, "{name}: loss {value:e} is off by {of_loss}");
    for (computed, terms) in [a[0], b[0]].into_iter().zip(&truth.terms) {
        let exact = sum(terms);
        let of_gradient = reference::ulp::error(computed, &exact);
        assert!(of_gradient <= limit, "{name}: gradient {computed:?} is off by {of_gradient}");
    }
}

/// Where e^−|z| is no longer trusted and the careful path computes, and where it is 0.
#[test]
fn losses_of_far_margins() {
    let mut random = SplitMix64::new(31);
    for i in 0..20_000 {
        let z = random.uniform(600.0, 800.0) * if i % 4 == 0 { 4.2 } else { 1.0 };
        let z = if i % 3 == 0 { -z } else { z };
        let half = z / 2.0;
        // No sum, so that the loss is e^−z alone; one whose square is of its size; an ordinary one.
        let sum = match i % 5 {
            0 | 1 => 0.0,
            2 => (-z.abs() / 2.0).exp() * random.uniform(0.5, 2.0),
            3 => random.log_uniform(-60.0, -20.0),
            _ => random.uniform(-2.0, 2.0),
        };
        let (c, r) = (half + sum, if i % 2 == 0 { -half } else { -half + sum });
        for coefficient in [0.01, 1e-250, 0.0] {
            let center = Center { coefficient, of_sums: true };
            check_pair(c, r, center, 0.55, GRADIENT_F64);
        }
    }
    // The edges themselves.
    for edge in [649.0_f64, 650.0, 708.4, 745.13, 745.14, 3000.0] {
        for z in [edge, edge.next_up(), edge.next_down(), -edge] {
            for of_sums in [true, false] {
                let center = Center { coefficient: 1e-300, of_sums };
                check_pair(z / 2.0, -z / 2.0, center, 0.55, GRADIENT_F64);
                check_pair(z, 0.0, center, 0.55, GRADIENT_F64);
            }
        }
    }
}

/// Scores whose sum, difference or square overflows, or underflows.
#[test]
fn f64_numbers_at_the_ends_of_the_range() {
    let tiny = f64::from_bits(1);
    let ends = [
        f64::MAX,
        -f64::MAX,
        f64::MAX / 2.0,
        1e200,
        -1e154,
        1e-154,
        1e-200,
        tiny,
        -tiny,
        f64::MIN_POSITIVE,
        0.0,
        -0.0,
        1.0,
        -700.0,
    ];
    for chosen in ends {
        for rejected in ends {
            for coefficient in [0.0, 1.0, 0.01, 1e-300, 1e300, f64::MAX, tiny] {
                for of_sums in [true, false] {
                    let center = Center { coefficient, of_sums };
                    check_pair(chosen, rejected, center, 0.55, GRADIENT_F64);
                }
            }
        }
    }
}

#[test]
fn f32_numbers_at_the_ends_of_the_range() {
    let tiny = f32::from_bits(1);
    let ends = [
        f32::MAX,
        -f32::MAX,
        1e30,
        -1e19,
        1e-19,
        1e-30,
        tiny,
        -tiny,
        f32::MIN_POSITIVE,
        0.0,
        -0.0,
        1.0,
        -100.0,
    ];
    for chosen in ends {
        for rejected in ends {
            // As long as k times a square of a reward stays within the range of f64.
            for coefficient in [0.0, 1.0, 0.01, 1e-30, 1e200] {
                for of_sums in [true, false] {
                    let center = Center { coefficient, of_sums };
                    check_pair(chosen, rejected, center, LOSS_F32, GRADIENT_F32);
                }
            }
        }
    }
}

/// (chosen, rejected, margin), then the loss and both gradients.
type Special = ([f64; 3], [f64; 3]);

fn specials<T: Number>() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    // k = ½, so that the pull is the sum, or the reward, itself.
    let of_sums: [Special; 14] = [
        ([INF, 0.0, 0.0], [INF, INF, INF]),
        ([0.0, INF, 0.0], [INF, INF, INF]),
        ([-INF, 0.0, 0.0], [INF, -INF, -INF]),
        ([0.0, -INF, 0.0], [INF, -INF, -INF]),
        ([INF, -INF, 0.0], [NAN; 3]),
        ([-INF, INF, 0.0], [NAN; 3]),
        ([INF, INF, 0.0], [NAN; 3]),
        ([NAN, 0.0, 0.0], [NAN; 3]),
        ([0.0, NAN, 0.0], [NAN; 3]),
        ([1.0, 2.0, NAN], [NAN; 3]),
        // z = −∞ and a sum of 3.
        ([1.0, 2.0, INF], [INF, -1.0 + 3.0, 1.0 + 3.0]),
        // z = ∞.
        ([1.0, 2.0, -INF], [0.5 * 9.0, 3.0, 3.0]),
        ([0.0, 0.0, -INF], [0.0; 3]),
        ([INF, 0.0, INF], [NAN; 3]),
    ];
    let of_rewards: [Special; 9] = [
        ([INF, 2.0, 0.0], [INF, INF, 2.0]),
        ([2.0, INF, 0.0], [INF, -1.0 + 2.0, INF]),
        ([-INF, 2.0, 0.0], [INF, -INF, 1.0 + 2.0]),
        ([2.0, -INF, 0.0], [INF, 2.0, -INF]),
        ([INF, -INF, 0.0], [INF, INF, -INF]),
        ([-INF, INF, 0.0], [INF, -INF, INF]),
        ([INF, INF, 0.0], [NAN; 3]),
        ([1.0, NAN, 0.0], [NAN; 3]),
        ([1.0, 2.0, INF], [INF, -1.0 + 1.0, 1.0 + 2.0]),
    ];
    // A coefficient of 0: the loss itself, whatever the rewards.
    let absent: [Special; 4] = [
        ([INF, 0.0, 0.0], [0.0; 3]),
        ([0.0, INF, 0.0], [INF, -1.0, 1.0]),
        ([INF, -INF, 0.0], [0.0; 3]),
        ([INF, INF, 0.0], [NAN; 3]),
    ];
    for (of_sums, coefficient, cases) in [
        (true, 0.5, &of_sums[..]),
        (false, 0.5, &of_rewards),
        (true, 0.0, &absent),
        (false, 0.0, &absent),
    ] {
        let centering = Center { coefficient, of_sums }.centering();
        for &(input, [value, d_chosen, d_rejected]) in cases {
            let [chosen, rejected, margin] = input.map(|x| {
                // A NaN with a payload, which must not come through.
                if x.is_nan() { T::SENTINEL } else { T::of(x) }
            });
            let expected = [d_chosen, d_rejected]
                .map(|x| if x.is_nan() { T::CANONICAL_NAN } else { Format::bits(T::of(x)) });
            let expected_value = if value.is_nan() { f64::NAN } else { value };
            for level in Level::available() {
                let (c, r, m) = ([chosen], [rejected], [margin]);
                let pairs = Pairs::new(&c, &r).and_then(|pairs| pairs.with_margins(&m));
                let pairs = pairs.expect("pairs").with_level(level);
                let (value, [a, b]) = run(&pairs, Logistic, centering, Reduction::Sum);
                assert_eq!(value.to_bits(), expected_value.to_bits(), "{input:?}: {value}");
                let found = [Format::bits(a[0]), Format::bits(b[0])];
                assert_eq!(found, expected, "{input:?}: {:?}, {:?}", a[0], b[0]);
            }
        }
    }
}

#[test]
fn f32_infinities_and_nan() {
    specials::<f32>();
}

#[test]
fn f64_infinities_and_nan() {
    specials::<f64>();
}

/// Without centring it is the loss itself; the logarithms of f32 losses are summed in another way.
fn coefficient_of_zero<T: Number>(limit: f64) {
    for columns in 0..8 {
        for of_sums in [true, false] {
            let batch = Batch::<T>::ordinary(1000, columns, 40 + columns as u64);
            let pairs = batch.pairs();
            let centering = Center { coefficient: 0.0, of_sums }.centering();
            let (value, [a, b]) = run(&pairs, Logistic, centering, Reduction::Mean);
            let mut plain = [vec![T::zero(); 1000], vec![T::zero(); 1000]];
            let [c, r] = &mut plain;
            let expected =
                pairs.loss_and_gradients(Logistic, Reduction::Mean, c, r).expect("a loss");
            assert_eq!(bits(&a), bits(&plain[0]));
            // Here every zero is +0, there the rejected ones are −0.
            assert_eq!(b, plain[1]);
            assert!((value - expected).abs() <= limit * expected, "{value} {expected}");
        }
    }
}

#[test]
fn f32_coefficient_of_zero() {
    coefficient_of_zero::<f32>(1e-12);
}

#[test]
fn f64_coefficient_of_zero() {
    coefficient_of_zero::<f64>(f64::EPSILON);
}

/// A loss without an exponential, in closed form: max(0, 1 − z) + k·… in numbers of few bits.
#[test]
fn other_losses_are_centred_as_well() {
    let (chosen, rejected) = ([0.5_f32, 3.0, -1.0, 2.0], [1.0_f32, 0.5, -1.0, 1.0]);
    let pairs = Pairs::new(&chosen, &rejected).expect("pairs");
    let hinge = Hinge::new(1.0).expect("a margin");
    let sums = Center { coefficient: 0.25, of_sums: true }.centering();
    let (value, [a, b]) = run(&pairs, hinge, sums, Reduction::Sum);
    assert_eq!(value, 1.5 + 0.0 + 1.0 + 0.0 + 0.25 * (2.25 + 12.25 + 4.0 + 9.0));
    assert_eq!(a, [-1.0 + 0.75, 1.75, -1.0 - 1.0, 1.5]);
    assert_eq!(b, [1.0 + 0.75, 1.75, 1.0 - 1.0, 1.5]);
    let rewards = Center { coefficient: 0.25, of_sums: false }.centering();
    let (value, [a, b]) = run(&pairs, hinge, rewards, Reduction::Over(2.0));
    assert_eq!(value, 0.5 * (2.5 + 0.25 * (0.25 + 1.0 + 9.0 + 0.25 + 1.0 + 1.0 + 4.0 + 1.0)));
    assert_eq!(a, [-0.375, 0.75, -0.75, 0.5]);
    assert_eq!(b, [0.75, 0.125, 0.25, 0.25]);
}

/// Under TRL's names: nothing but counts, exact sums and extremes of the rewards that count.
fn step<T: Number>() {
    let nearest = |x: &Real, n: usize| {
        let mean = x.divide(&Real::from(n as i64), 300);
        let settled = mean.nearest::<f64>();
        settled.expect("a quotient that is known well enough")
    };
    for (len, columns) in [(1, 0), (2, 1), (13, 2), (500, 3), (500, 4), (5000, 7)] {
        let batch = Batch::<T>::ordinary(len, columns, 90 + len as u64);
        let pairs = batch.pairs();
        let rows: Vec<(f64, f64)> = (0..len)
            .filter(|&i| batch.counts(i))
            .map(|i| (batch.chosen[i].wide(), batch.rejected[i].wide()))
            .collect();
        let n = rows.len();
        let wins = rows.iter().filter(|(c, r)| c > r).count();
        let margins: Vec<Real> = rows.iter().map(|&(c, r)| Real::new(c) - Real::new(r)).collect();
        let rewards: Vec<f64> = rows.iter().flat_map(|&(c, r)| [c, r]).collect();
        let all: Vec<Real> = rewards.iter().copied().map(Real::new).collect();
        let least = rewards.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = rewards.iter().copied().fold(f64::NEG_INFINITY, f64::max);

        let plain = RewardTrainer::new();
        let centred = plain.center_rewards_coefficient(0.01).expect("a coefficient");
        for trainer in [plain, centred] {
            let mut out = [vec![T::zero(); len], vec![T::zero(); len]];
            let [a, b] = &mut out;
            let step = trainer.compute_loss(&pairs, Reduction::Mean, a, b).expect("a step");
            assert_eq!(step.accuracy(), wins as f64 / n as f64);
            assert_eq!(step.margin(), nearest(&sum(&margins), n));
            assert_eq!(step.mean_reward(), nearest(&sum(&all), 2 * n));
            assert_eq!((step.min_reward(), step.max_reward()), (least, greatest));
            assert_eq!(step.metrics, Metrics::of(&pairs));
            assert_eq!(trainer.evaluate(&pairs, Reduction::Mean), Ok(step.clone()));

            let mut expected = [vec![T::zero(); len], vec![T::zero(); len]];
            let [c, r] = &mut expected;
            let loss = if trainer == plain {
                pairs.loss_and_gradients(Logistic, Reduction::Mean, c, r)
            } else {
                let sums = Center { coefficient: 0.01, of_sums: true }.centering();
                pairs.loss_and_centered_gradients(Logistic, sums, Reduction::Mean, c, r)
            };
            assert_eq!(Ok(step.loss), loss);
            assert_eq!(out.map(|out| bits(&out)), expected.map(|out| bits(&out)));
        }
    }
}

#[test]
fn f32_steps_of_a_trainer() {
    step::<f32>();
}

#[test]
fn f64_steps_of_a_trainer() {
    step::<f64>();
}

/// Micro-batches over the number of pairs of all of them: gradients to the bit, the loss to its last place.
#[test]
fn micro_batches_make_up_the_whole() {
    let batch = Batch::<f64>::ordinary(1000, 1, 3);
    let trainer = RewardTrainer::new().center_rewards_coefficient(0.1).expect("a coefficient");
    let mut whole = [vec![0.0; 1000], vec![0.0; 1000]];
    let [a, b] = &mut whole;
    let all = trainer.compute_loss(&batch.pairs(), Reduction::Mean, a, b).expect("a step");
    let (mut loss, mut metrics) = (0.0, Metrics::default());
    for start in (0..1000).step_by(64) {
        let rows = start..1000.min(start + 64);
        let pairs = Pairs::new(&batch.chosen[rows.clone()], &batch.rejected[rows.clone()]);
        let margins = &batch.margins.as_ref().expect("margins")[rows.clone()];
        let pairs = pairs.and_then(|pairs| pairs.with_margins(margins)).expect("pairs");
        let mut part = [vec![0.0; rows.len()], vec![0.0; rows.len()]];
        let [a, b] = &mut part;
        let step = trainer.compute_loss(&pairs, Reduction::Over(1000.0), a, b).expect("a step");
        for (part, whole) in part.iter().zip(&whole) {
            assert_eq!(bits(part), bits(&whole[rows.clone()]));
        }
        loss += step.loss;
        metrics = metrics.merge(step.metrics);
    }
    assert!((loss - all.loss).abs() <= 16.0 * f64::EPSILON * all.loss);
    assert_eq!(metrics, all.metrics);
}

#[test]
fn a_step_without_pairs() {
    let pairs = Pairs::<f32>::new(&[], &[]).expect("pairs");
    let trainer = RewardTrainer::new().center_rewards_coefficient(0.01).expect("a coefficient");
    let step = trainer.compute_loss(&pairs, Reduction::Sum, &mut [], &mut []).expect("a step");
    assert_eq!(step.loss.to_bits(), 0);
    let metrics =
        [step.accuracy(), step.margin(), step.mean_reward(), step.min_reward(), step.max_reward()];
    assert!(metrics.into_iter().all(f64::is_nan));
    assert!(trainer.evaluate(&pairs, Reduction::Mean).is_err());
}
