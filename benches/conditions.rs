//! What must not matter, or little: which scores, how few of them, how many threads.
//!
//! ```sh
//! cargo bench --bench conditions                             # scores of all kinds; few pairs; single calls
//! cargo bench --bench conditions --features rayon -- threads # one thread and two
//! ```

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pairwise_loss::{Logistic, PairLoss, Pairs, Reduction, Score};
use std::hint::black_box;
use std::time::Duration;

/// Numbers in [0, 1), the same in every run.
fn uniform(len: usize, seed: u64) -> impl Iterator<Item = f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len).map(move |_| random.f64())
}

fn format<T: Score>(numbers: impl Iterator<Item = f64>) -> Vec<T> {
    numbers.map(T::narrow).collect()
}

/// Chosen scores beside rejected ones in [−1, 1).
fn kinds<T: Score>(len: usize) -> [(&'static str, Vec<T>); 6] {
    let far = if T::max_value().widen() > 1e40 { 720.0 } else { 100.0 };
    let mut sprinkled: Vec<f64> = uniform(len, 1).map(|x| 10.0 * x - 5.0).collect();
    for (i, x) in sprinkled.iter_mut().enumerate() {
        match i % 2000 {
            500 => *x = f64::NAN,
            1500 => *x = f64::INFINITY,
            _ => {}
        }
    }
    [
        ("ordinary", format(uniform(len, 1).map(|x| 10.0 * x - 5.0))),
        ("wide", format(uniform(len, 2).map(|x| 2e6 * x - 1e6))),
        ("tiny", format(uniform(len, 3).map(|x| 1e-30 * x))),
        ("equal", format(uniform(len, 4).map(|x| 2.0 * x - 1.0))),
        ("subnormal results", format(uniform(len, 5).map(|x| far - 4.0 + 8.0 * x))),
        ("0.1 % NaN and infinite", format(sprinkled.into_iter())),
    ]
}

fn scores<T: Score>(criterion: &mut Criterion, name: &str) {
    const LEN: usize = 4096;
    let mut group = criterion.benchmark_group(format!("{name} scores"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(LEN as u64));
    let rejected = format::<T>(uniform(LEN, 4).map(|x| 2.0 * x - 1.0));
    let [mut d_chosen, mut d_rejected] = [(); 2].map(|()| vec![T::zero(); LEN]);
    for (kind, chosen) in kinds::<T>(LEN) {
        let rejected = if kind == "tiny" { &chosen } else { &rejected };
        let chosen = if kind == "tiny" {
            chosen.iter().map(|&x| T::narrow(-0.5 * x.widen())).collect()
        } else {
            chosen.clone()
        };
        let pairs = Pairs::new(&chosen, rejected).unwrap();
        group.bench_function(BenchmarkId::new("loss and gradients", kind), |b| {
            b.iter(|| {
                let (c, r) = (black_box(&mut d_chosen), black_box(&mut d_rejected));
                pairs.loss_and_gradients(Logistic, Reduction::Mean, c, r)
            });
        });
        group.bench_function(BenchmarkId::new("losses", kind), |b| {
            b.iter(|| pairs.losses_into(Logistic, black_box(&mut d_chosen)));
        });
    }
    group.finish();
}

/// What a trainer calls with.
fn few<T: Score>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(format!("{name} few pairs"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for len in [1, 8, 16, 33, 64, 128, 256] {
        let chosen = format::<T>(uniform(len, 1).map(|x| 10.0 * x - 5.0));
        let rejected = format::<T>(uniform(len, 2).map(|x| 10.0 * x - 5.0));
        let [mut d_chosen, mut d_rejected] = [(); 2].map(|()| vec![T::zero(); len]);
        group.bench_function(BenchmarkId::new("loss and gradients", len), |b| {
            b.iter(|| {
                let pairs = Pairs::new(black_box(&chosen), black_box(&rejected)).unwrap();
                let (c, r) = (black_box(&mut d_chosen), black_box(&mut d_rejected));
                pairs.loss_and_gradients(Logistic, Reduction::Mean, c, r)
            });
        });
    }
    group.finish();
}

/// Calls for one pair, a thousand of them, none of which waits for another.
fn single<T: Score>(criterion: &mut Criterion, name: &str) {
    const CALLS: usize = 1000;
    let mut group = criterion.benchmark_group(format!("{name} single calls"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(CALLS as u64));
    let scores = format::<T>(uniform(CALLS, 1).map(|x| 10.0 * x - 5.0));
    let probabilities = format::<T>(uniform(CALLS, 2).map(|x| x.max(1e-9)));
    let other = T::narrow(0.25);
    let mut bench = |call: &str, x: &[T], f: fn(T, T) -> T| {
        group.bench_function(call, |b| {
            b.iter(|| {
                for &x in x {
                    black_box(f(black_box(x), other));
                }
            });
        });
    };
    bench("sigmoid", &scores, |x, _| pairwise_loss::sigmoid(x));
    bench("log_sigmoid", &scores, |x, _| pairwise_loss::log_sigmoid(x));
    bench("softplus", &scores, |x, _| pairwise_loss::softplus(x));
    bench("logit", &probabilities, |p, _| pairwise_loss::logit(p));
    bench("win_probability", &scores, pairwise_loss::win_probability);
    bench("log_win_probability", &scores, pairwise_loss::log_win_probability);
    let strengths: fn(T, T) -> T = pairwise_loss::win_probability_from_strengths;
    bench("win_probability_from_strengths", &probabilities, strengths);
    bench("eval, all three", &scores, |x, y| {
        let jet = Logistic.eval(x, y);
        jet.value + jet.grad + jet.hess
    });
    group.finish();
}

#[cfg(feature = "rayon")]
fn threads<T: Score>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(format!("{name} threads"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for len in [1 << 16, 1 << 20, 1 << 23] {
        group.throughput(Throughput::Elements(len as u64));
        let chosen = format::<T>(uniform(len, 1).map(|x| 10.0 * x - 5.0));
        let rejected = format::<T>(uniform(len, 2).map(|x| 10.0 * x - 5.0));
        let pairs = Pairs::new(&chosen, &rejected).unwrap();
        let [mut d_chosen, mut d_rejected] = [(); 2].map(|()| vec![T::zero(); len]);
        let mut expected = None;
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut call = || {
                let (c, r) = (black_box(&mut d_chosen[..]), black_box(&mut d_rejected[..]));
                let mean = || pairs.loss_and_gradients(Logistic, Reduction::Mean, c, r);
                pool.install(mean).unwrap().to_bits()
            };
            assert_eq!(*expected.get_or_insert_with(&mut call), call());
            group.bench_function(BenchmarkId::new(format!("{threads} threads"), len), |b| {
                b.iter(&mut call);
            });
        }
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    fn all<T: Score>(criterion: &mut Criterion, name: &str) {
        scores::<T>(criterion, name);
        few::<T>(criterion, name);
        single::<T>(criterion, name);
        #[cfg(feature = "rayon")]
        threads::<T>(criterion, name);
    }
    all::<f32>(criterion, "f32");
    all::<f64>(criterion, "f64");
}

criterion_group!(all, benches);
criterion_main!(all);
