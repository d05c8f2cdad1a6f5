//! The kernels beside the usual stable loop over `std`, and beside a loop with the same memory traffic and no arithmetic.
//!
//! Results are checked before anything is timed. A part of it: `cargo bench --bench kernels -- 'f32 loss and gradient'`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pairwise_loss::{Level, Logistic, Pairs, Reduction, Score};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [64, 1 << 10, 1 << 14, 1 << 20];

/// Scores as they are in training: differences of a few units either way.
fn scores<T: Score>(len: usize, phase: f64) -> Vec<T> {
    (0..len).map(|i| T::narrow((i as f64 * phase).sin() * 5.0)).collect()
}

/// The stable form everybody writes: max(−z, 0) + log1p(e^−|z|), and −σ(−z) from the same exponential.
macro_rules! std_loop {
    ($name:ident, $t:ty) => {
        fn $name(chosen: &[$t], rejected: &[$t], d_chosen: &mut [$t]) -> f64 {
            let mut sum = 0.0;
            for ((&c, &r), d) in chosen.iter().zip(rejected).zip(d_chosen) {
                let z = c - r;
                let t = (-z.abs()).exp();
                sum += f64::from((-z).max(0.0) + t.ln_1p());
                *d = -(if z > 0.0 { t } else { 1.0 }) / (1.0 + t);
            }
            sum
        }
    };
}
std_loop!(std_loop_f32, f32);
std_loop!(std_loop_f64, f64);

/// Reads both slices, writes one: the least that a fused pass moves.
fn memory_limit<T: Score>(chosen: &[T], rejected: &[T], d_chosen: &mut [T]) {
    for ((&c, &r), d) in chosen.iter().zip(rejected).zip(d_chosen) {
        *d = c - r;
    }
}

type StdLoop<T> = fn(&[T], &[T], &mut [T]) -> f64;

fn loss_and_gradient<T: Score>(criterion: &mut Criterion, format: &str, std_loop: StdLoop<T>) {
    let mut group = criterion.benchmark_group(format!("{format} loss and gradient"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for len in SIZES {
        let (chosen, rejected) = (scores::<T>(len, 0.37), scores::<T>(len, 0.71));
        let mut out = vec![T::zero(); len];
        let pairs = Pairs::new(&chosen, &rejected).unwrap();

        let expected = std_loop(&chosen, &rejected, &mut out);
        let found = pairs.loss_and_margin_gradient(Logistic, Reduction::Sum, &mut out).unwrap();
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} against {expected}");

        group.throughput(Throughput::Elements(len as u64));
        for level in Level::available() {
            let pairs = pairs.with_level(level);
            group.bench_with_input(BenchmarkId::new(level.name(), len), &len, |b, _| {
                b.iter(|| {
                    black_box(pairs).loss_and_margin_gradient(
                        Logistic,
                        Reduction::Sum,
                        black_box(&mut out),
                    )
                });
            });
        }
        group.bench_with_input(BenchmarkId::new("std loop", len), &len, |b, _| {
            b.iter(|| std_loop(black_box(&chosen), black_box(&rejected), black_box(&mut out)));
        });
        group.bench_with_input(BenchmarkId::new("memory limit", len), &len, |b, _| {
            b.iter(|| memory_limit(black_box(&chosen), black_box(&rejected), black_box(&mut out)));
        });
    }
    group.finish();
}

fn slices<T: Score>(criterion: &mut Criterion, format: &str) {
    let mut group = criterion.benchmark_group(format!("{format} slices"));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    let len = 1 << 14;
    let x = scores::<T>(len, 0.37);
    let mut out = vec![T::zero(); len];
    group.throughput(Throughput::Elements(len as u64));
    for level in Level::available() {
        group.bench_function(BenchmarkId::new("sigmoid_into", level), |b| {
            b.iter(|| level.sigmoid_into(black_box(&x), black_box(&mut out)));
        });
        group.bench_function(BenchmarkId::new("log_sigmoid_into", level), |b| {
            b.iter(|| level.log_sigmoid_into(black_box(&x), black_box(&mut out)));
        });
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    loss_and_gradient::<f32>(criterion, "f32", std_loop_f32);
    loss_and_gradient::<f64>(criterion, "f64", std_loop_f64);
    slices::<f32>(criterion, "f32");
    slices::<f64>(criterion, "f64");
}

criterion_group!(all, benches);
criterion_main!(all);
