//! Every verb at every instruction set of this machine, beside three loops over the same slices: one with the same memory
//! traffic and no arithmetic, the stable one that everybody writes over `std`, and that one generic over `num_traits`.
//!
//! Results are checked before anything is timed. All of it takes long; a part, by the names of group, contender and size:
//!
//! ```sh
//! cargo bench --bench kernels -- 'f32 loss sum'
//! cargo bench --bench kernels -- 'f64 .*gradient.*/(avx512|std loop)/1048576'
//! cargo bench --bench kernels -- --quick 'f32 sigmoid/.*/64$'
//! ```

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use num_traits::Float;
use pairwise_loss::{Hinge, Level, Logistic, PairLoss, Pairs, Reduction, Score};
use std::hint::black_box;
use std::time::Duration;

/// 64 to 16 Mi rows; the largest size of `f64` has as many bytes as that of `f32`.
const SIZES: [usize; 5] = [1 << 6, 1 << 10, 1 << 14, 1 << 20, 1 << 24];
const MOST_BYTES: usize = 1 << 26;

/// The formulas that everybody writes, in the format of the scores, stable at both ends.
macro_rules! formulas {
    ($t:ty) => {
        fn sigmoid(x: $t) -> $t {
            let t = (-x.abs()).exp();
            (if x > 0.0 { 1.0 } else { t }) / (1.0 + t)
        }

        fn softplus(x: $t) -> $t {
            x.max(0.0) + (-x.abs()).exp().ln_1p()
        }

        /// Both from one exponential: the loss and its derivative.
        fn logistic(z: $t) -> ($t, $t) {
            let t = (-z.abs()).exp();
            ((-z).max(0.0) + t.ln_1p(), -(if z > 0.0 { t } else { 1.0 }) / (1.0 + t))
        }

        fn hinge(z: $t) -> ($t, $t) {
            if z < 1.0 { (1.0 - z, -1.0) } else { (0.0, 0.0) }
        }

        fn slope(z: $t) -> $t {
            let t = (-z.abs()).exp();
            t / ((1.0 + t) * (1.0 + t))
        }
    };
}

/// `std`, which knows the format.
trait Format: Score + Float {
    const NAME: &str;
    fn sigmoid(x: Self) -> Self;
    fn softplus(x: Self) -> Self;
    fn logistic(z: Self) -> (Self, Self);
    fn hinge(z: Self) -> (Self, Self);
    fn slope(z: Self) -> Self;
}

impl Format for f32 {
    const NAME: &str = "f32";
    formulas!(f32);
}

impl Format for f64 {
    const NAME: &str = "f64";
    formulas!(f64);
}

/// The same formulas for any format that `num_traits` knows.
mod generic {
    use num_traits::Float;

    pub fn sigmoid<T: Float>(x: T) -> T {
        let t = (-x.abs()).exp();
        (if x > T::zero() { T::one() } else { t }) / (T::one() + t)
    }

    pub fn softplus<T: Float>(x: T) -> T {
        x.max(T::zero()) + (-x.abs()).exp().ln_1p()
    }

    pub fn logistic<T: Float>(z: T) -> (T, T) {
        let t = (-z.abs()).exp();
        let numerator = if z > T::zero() { t } else { T::one() };
        ((-z).max(T::zero()) + t.ln_1p(), -numerator / (T::one() + t))
    }

    pub fn hinge<T: Float>(z: T) -> (T, T) {
        if z < T::one() { (T::one() - z, -T::one()) } else { (T::zero(), T::zero()) }
    }

    pub fn slope<T: Float>(z: T) -> T {
        let t = (-z.abs()).exp();
        t / ((T::one() + t) * (T::one() + t))
    }
}

/// The loop that everybody writes: a term of the sum and some results for each row.
fn row_by_row<T: Format, const I: usize, const O: usize>(
    inputs: [&[T]; I],
    outputs: [&mut [T]; O],
    row: impl Fn([T; I]) -> (T, [T; O]),
) -> f64 {
    let len = inputs[0].len();
    let inputs = inputs.map(|x| &x[..len]);
    let mut outputs = outputs.map(|x| &mut x[..len]);
    let mut sum = 0.0;
    for i in 0..len {
        let (term, results) = row(inputs.map(|x| x[i]));
        sum += term.widen();
        for (out, result) in outputs.iter_mut().zip(results) {
            out[i] = result;
        }
    }
    sum
}

/// Reads the same columns and writes the same results, and does as good as nothing in between.
fn memory_limit<T: Format, const I: usize, const O: usize>(
    inputs: [&[T]; I],
    outputs: [&mut [T]; O],
) -> f64 {
    const WIDTH: usize = 16;
    let inputs = inputs.map(|x| x.as_chunks::<WIDTH>().0);
    let mut outputs = outputs.map(|x| x.as_chunks_mut::<WIDTH>().0);
    let mut sums = [T::zero(); WIDTH];
    for i in 0..inputs[0].len() {
        let mut row = inputs[0][i];
        for input in &inputs[1..] {
            for (a, b) in row.iter_mut().zip(input[i]) {
                *a = *a + b;
            }
        }
        if O == 0 {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum = *sum + x;
            }
        }
        for out in &mut outputs {
            out[i] = row;
        }
    }
    sums.map(T::widen).iter().sum()
}

/// Columns of the largest size. The third one serves as margins, weights or labels.
struct Data<T> {
    inputs: [Vec<T>; 3],
    outputs: [Vec<T>; 2],
}

impl<T: Format> Data<T> {
    /// Scores as they are in training, differences of a few units either way.
    fn new() -> Self {
        let len = SIZES.into_iter().filter(|&len| Self::fits(len)).max().unwrap_or(0);
        let column = |f: &dyn Fn(f64) -> f64| (0..len).map(|i| T::narrow(f(i as f64))).collect();
        Self {
            inputs: [
                column(&|i| (i * 0.37).sin() * 5.0),
                column(&|i| (i * 0.71).sin() * 5.0),
                column(&|i| (i * 0.53).sin().abs()),
            ],
            outputs: [vec![T::zero(); len], vec![T::zero(); len]],
        }
    }

    fn fits(len: usize) -> bool {
        len * size_of::<T>() <= MOST_BYTES
    }

    /// Runs over the first rows.
    fn run<const I: usize, const O: usize>(
        &mut self,
        len: usize,
        pass: impl FnOnce([&[T]; I], [&mut [T]; O]) -> f64,
    ) -> f64 {
        let inputs = self.inputs.each_ref().map(|x| &x[..len]);
        let outputs = self.outputs.each_mut().map(|x| Some(&mut x[..len]));
        let [mut first, mut second] = outputs;
        let inputs = std::array::from_fn(|i| inputs[i]);
        let outputs = std::array::from_fn(|_| first.take().or_else(|| second.take()).unwrap());
        pass(black_box(inputs), black_box(outputs))
    }
}

/// What is timed: a verb with `I` columns and `O` results a row.
struct Verb<Ours, Std, Generic> {
    name: &'static str,
    ours: Ours,
    std: Std,
    generic: Generic,
}

impl<Ours, Std, Generic> Verb<Ours, Std, Generic> {
    fn bench<T: Format, const I: usize, const O: usize>(
        self,
        criterion: &mut Criterion,
        data: &mut Data<T>,
    ) where
        Ours: Fn(Level, [&[T]; I], [&mut [T]; O]) -> f64 + Copy,
        Std: Fn([T; I]) -> (T, [T; O]) + Copy,
        Generic: Fn([T; I]) -> (T, [T; O]) + Copy,
    {
        let Self { name, ours, std, generic } = self;
        let mut group = criterion.benchmark_group(format!("{} {name}", T::NAME));
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        for len in SIZES.into_iter().filter(|&len| Data::<T>::fits(len)) {
            group.throughput(Throughput::Elements(len as u64));
            group.sample_size(if len < 1 << 20 { 50 } else { 10 });

            let sum = data.run(len, |x, y| row_by_row(x, y, std));
            let expected = data.outputs.each_ref().map(|x| x[..len].to_vec());
            let check = |data: &Data<T>, contender: &str, found: f64| {
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
                assert!(near(found, sum), "{contender}: {found} against {sum}");
                for (found, expected) in data.outputs.iter().zip(&expected).take(O) {
                    let same = found.iter().zip(expected).all(|(a, b)| near(a.widen(), b.widen()));
                    assert!(same, "{contender}: results differ");
                }
            };

            for level in Level::available() {
                let found = data.run(len, |x, y| ours(level, x, y));
                check(data, level.name(), found);
                contender(&mut group, level.name(), data, len, |x, y| ours(level, x, y));
            }
            let found = data.run(len, |x, y| row_by_row(x, y, generic));
            check(data, "num-traits loop", found);
            contender(&mut group, "std loop", data, len, |x, y| row_by_row(x, y, std));
            contender(&mut group, "num-traits loop", data, len, |x, y| row_by_row(x, y, generic));
            contender(&mut group, "memory limit", data, len, memory_limit::<T, I, O>);
        }
        group.finish();
    }
}

fn contender<T: Format, const I: usize, const O: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    data: &mut Data<T>,
    len: usize,
    pass: impl Fn([&[T]; I], [&mut [T]; O]) -> f64 + Copy,
) {
    group.bench_function(BenchmarkId::new(name, len), |b| b.iter(|| data.run(len, pass)));
}

/// A verb: the formula by its name, what becomes of it in one row, and our call.
macro_rules! verb {
    ($criterion:ident, $data:ident, $name:literal, $formula:ident as $f:ident,
     [$($x:ident),*] => $row:expr, |$level:ident, $outputs:pat_param| $ours:expr) => {
        Verb {
            name: $name,
            ours: |$level: Level, [$($x),*]: [&[T]; _], $outputs: [&mut [T]; _]| $ours,
            std: |[$($x),*]: [T; _]| { let $f = T::$formula; $row },
            generic: |[$($x),*]: [T; _]| { let $f = generic::$formula::<T>; $row },
        }
        .bench($criterion, $data);
    };
}

fn pairs<'a, T: Format>(level: Level, chosen: &'a [T], rejected: &'a [T]) -> Pairs<'a, T> {
    Pairs::new(chosen, rejected).unwrap().with_level(level)
}

/// The verb that a training step calls.
fn step<T: Format, L: PairLoss>(pairs: &Pairs<'_, T>, loss: L, d_chosen: &mut [T]) -> f64 {
    pairs.loss_and_margin_gradient(loss, Reduction::Sum, d_chosen).unwrap()
}

fn format<T: Format>(criterion: &mut Criterion) {
    let data = &mut Data::<T>::new();
    verb!(criterion, data, "sigmoid", sigmoid as f, [x] => (T::zero(), [f(x)]), |level, [y]| {
        level.sigmoid_into(x, y).unwrap();
        0.0
    });
    verb!(criterion, data, "log sigmoid", softplus as f, [x] => (T::zero(), [-f(-x)]), |level, [y]| {
        level.log_sigmoid_into(x, y).unwrap();
        0.0
    });
    verb!(criterion, data, "losses", softplus as f, [c, r] => (T::zero(), [f(r - c)]), |level, [y]| {
        pairs(level, c, r).losses_into(Logistic, y).unwrap();
        0.0
    });
    verb!(criterion, data, "gradients", sigmoid as f, [c, r] => (T::zero(), [-f(r - c)]), |level, [y]| {
        pairs(level, c, r).gradients_into(Logistic, y).unwrap();
        0.0
    });
    verb!(criterion, data, "hessians", slope as f, [c, r] => (T::zero(), [f(c - r)]), |level, [y]| {
        pairs(level, c, r).hessians_into(Logistic, y).unwrap();
        0.0
    });
    verb!(criterion, data, "loss sum", softplus as f, [c, r] => (f(r - c), []), |level, []| {
        pairs(level, c, r).loss(Logistic, Reduction::Sum).unwrap()
    });
    verb!(criterion, data, "total", softplus as f, [c, r] => (f(r - c), []), |level, []| {
        pairs(level, c, r).total(Logistic).sum()
    });
    verb!(criterion, data, "loss and margin gradient", logistic as f, [c, r] => {
        let (loss, gradient) = f(c - r);
        (loss, [gradient])
    }, |level, [d]| step(&pairs(level, c, r), Logistic, d));
    verb!(criterion, data, "loss and both gradients", logistic as f, [c, r] => {
        let (loss, gradient) = f(c - r);
        (loss, [gradient, -gradient])
    }, |level, [d, e]| {
        pairs(level, c, r).loss_and_gradients(Logistic, Reduction::Sum, d, e).unwrap()
    });
    verb!(criterion, data, "total and both gradients", logistic as f, [c, r] => {
        let (loss, gradient) = f(c - r);
        (loss, [gradient, -gradient])
    }, |level, [d, e]| {
        let pairs = pairs(level, c, r);
        pairs.total_and_gradients(Logistic, Reduction::Sum, d, e).unwrap().sum()
    });
    // As every caller has to, these check the margins, weights or labels of each batch.
    verb!(criterion, data, "loss and margin gradient, with margins", logistic as f, [c, r, m] => {
        let (loss, gradient) = f(c - r - m);
        (loss, [gradient])
    }, |level, [d]| step(&pairs(level, c, r).with_margins(m).unwrap(), Logistic, d));
    verb!(criterion, data, "loss and margin gradient, with weights", logistic as f, [c, r, w] => {
        let (loss, gradient) = f(c - r);
        (w * loss, [w * gradient])
    }, |level, [d]| step(&pairs(level, c, r).with_weights(w).unwrap(), Logistic, d));
    verb!(criterion, data, "loss and margin gradient, with labels", logistic as f, [c, r, p] => {
        let ((loss, gradient), q) = (f(c - r), T::one() - p);
        let (loss_of_opposite, gradient_of_opposite) = f(r - c);
        (p * loss + q * loss_of_opposite, [p * gradient - q * gradient_of_opposite])
    }, |level, [d]| step(&pairs(level, c, r).with_labels(p).unwrap(), Logistic, d));
    let hinge = Hinge::new(1.0).unwrap();
    verb!(criterion, data, "hinge loss and margin gradient", hinge as f, [c, r] => {
        let (loss, gradient) = f(c - r);
        (loss, [gradient])
    }, |level, [d]| step(&pairs(level, c, r), hinge, d));
}

fn benches(criterion: &mut Criterion) {
    format::<f32>(criterion);
    format::<f64>(criterion);
}

criterion_group!(all, benches);
criterion_main!(all);
