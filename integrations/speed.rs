//! What the benchmarks of both adapters have in common: scores, their exact mean loss, and times side by side.

use std::time::{Duration, Instant};

/// Differences of a few units either way, as in training.
pub(crate) fn scores(len: usize, phase: f64) -> Vec<f32> {
    (0..len).map(|i| ((i as f64 * phase).sin() * 5.0) as f32).collect()
}

/// The mean of log(1 + e^−(c − r)) and the derivatives −σ(r − c)/n, by `std` in `f64`, the sum compensated (Neumaier).
pub(crate) fn reference(chosen: &[f32], rejected: &[f32]) -> (f64, Vec<f64>) {
    let n = chosen.len() as f64;
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    let mut gradient = Vec::with_capacity(chosen.len());
    for (&c, &r) in chosen.iter().zip(rejected) {
        let z = f64::from(c) - f64::from(r);
        let loss = (-z).max(0.0) + (-z.abs()).exp().ln_1p();
        let next = sum + loss;
        lost += if sum >= loss { (sum - next) + loss } else { (loss - next) + sum };
        sum = next;
        gradient.push(-1.0 / ((1.0 + z.exp()) * n));
    }
    ((sum + lost) / n, gradient)
}

/// Fails where a result is wrong; a plain sum in `f32` may drift.
pub(crate) fn check(name: &str, (mean, d_chosen): (f64, Vec<f32>), expected: &(f64, Vec<f64>)) {
    assert!((mean / expected.0 - 1.0).abs() < 0.02, "{name}: {mean} {}", expected.0);
    let n = d_chosen.len() as f64;
    for (d, expected) in d_chosen.into_iter().zip(&expected.1) {
        assert!((f64::from(d) - expected).abs() * n < 1e-5, "{name}: {d} {expected}");
    }
}

/// The shortest time of a call of each, in turn, so that a busy machine is as busy for all.
pub(crate) fn times(pairs: usize, rivals: &mut [&mut dyn FnMut()]) -> Vec<Duration> {
    let (calls, rounds) = ((200_000 / pairs).clamp(1, 500), if pairs > 100_000 { 15 } else { 60 });
    let mut shortest = vec![Duration::MAX; rivals.len()];
    for _ in 0..rounds {
        for (shortest, rival) in shortest.iter_mut().zip(rivals.iter_mut()) {
            let start = Instant::now();
            for _ in 0..calls {
                rival();
            }
            *shortest = (*shortest).min(start.elapsed() / calls as u32);
        }
    }
    shortest
}

pub(crate) fn print_row(pairs: usize, times: &[Duration]) {
    print!("{pairs:>9}");
    for time in times {
        print!(" {:>12.2}", time.as_secs_f64() * 1e6);
    }
    for time in &times[1..] {
        print!(" {:>8.2}", time.as_secs_f64() / times[0].as_secs_f64());
    }
    println!();
}
