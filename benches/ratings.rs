//! Gradients of comparisons between the entries of one vector of scores.
//!
//! ```sh
//! cargo bench --bench ratings                                # beside a loop over std and the memory limit
//! cargo bench --bench ratings --features rayon -- threads    # one thread and two
//! ```
//!
//! Ten million comparisons between a hundred thousand entries, in no order. The memory limit reads both indices and
//! both scores and adds to both gradients, with no arithmetic but a difference. Results are checked before anything is
//! timed.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pairwise_loss::{Comparisons, Logistic, Reduction, Score, ScoreSum, ScoreSums};
use std::hint::black_box;
use std::time::Duration;

const PLAYERS: usize = 100_000;
const GAMES: usize = 10_000_000;

struct Season<T> {
    scores: Vec<T>,
    winners: Vec<u32>,
    losers: Vec<u32>,
}

impl<T: Score> Season<T> {
    fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let scores = (0..PLAYERS).map(|_| T::narrow(6.0 * random.f64() - 3.0)).collect();
        let winners: Vec<u32> = (0..GAMES).map(|_| random.u32(..PLAYERS as u32)).collect();
        let mut other = |&w: &u32| (w + 1 + random.u32(..PLAYERS as u32 - 1)) % PLAYERS as u32;
        let losers = winners.iter().map(&mut other).collect();
        Self { scores, winners, losers }
    }

    fn games(&self) -> Comparisons<'_, T> {
        Comparisons::new(&self.scores, &self.winners, &self.losers).unwrap()
    }
}

/// The rival and the limit, in each format: `Score` has no exponential.
trait Format: Score {
    fn plain(season: &Season<Self>, gradient: &mut [Self]) -> f64;
    fn limit(season: &Season<Self>, gradient: &mut [Self]);
}

macro_rules! formats {
    ($($t:ident),*) => {$(
        impl Format for $t {
            #[inline(never)]
            fn plain(season: &Season<$t>, gradient: &mut [$t]) -> f64 {
                gradient.fill(0.0);
                let mut sum = 0.0;
                for (&winner, &loser) in season.winners.iter().zip(&season.losers) {
                    let (winner, loser) = (winner as usize, loser as usize);
                    let z = season.scores[winner] - season.scores[loser];
                    let t = (-z.abs()).exp();
                    sum += f64::from((-z).max(0.0) + t.ln_1p());
                    let g = if z > 0.0 { t } else { 1.0 } / (1.0 + t);
                    gradient[winner] -= g;
                    gradient[loser] += g;
                }
                sum
            }

            #[inline(never)]
            fn limit(season: &Season<$t>, gradient: &mut [$t]) {
                for (&winner, &loser) in season.winners.iter().zip(&season.losers) {
                    let (winner, loser) = (winner as usize, loser as usize);
                    let z = season.scores[winner] - season.scores[loser];
                    gradient[winner] += z;
                    gradient[loser] -= z;
                }
            }
        }
    )*};
}

formats!(f32, f64);

/// The gradient by exact sums in so many pieces.
fn by_sums<T: Score>(games: Comparisons<'_, T>, memory: &mut [ScoreSum], out: &mut [T]) -> f64 {
    let mut sums = ScoreSums::new(memory, PLAYERS).unwrap();
    sums.clear();
    let loss = games.loss_and_gradient_sums(Logistic, Reduction::Sum, &mut sums).unwrap();
    sums.round_into(out).unwrap();
    loss
}

fn check<T: Format>(season: &Season<T>) {
    let [mut plain, mut ours, mut exact] = [(); 3].map(|()| vec![T::zero(); PLAYERS]);
    let expected = T::plain(season, &mut plain);
    let games = season.games();
    let loss = games.loss_and_gradient(Logistic, Reduction::Sum, &mut ours).unwrap();
    let sums = by_sums(games, &mut vec![ScoreSum::ZERO; PLAYERS], &mut exact);
    assert!((loss / expected - 1.0).abs() < 1e-6 && loss == sums);
    for ((a, b), c) in plain.iter().zip(&ours).zip(&exact) {
        let (a, b, c) = (a.widen(), b.widen(), c.widen());
        assert!((a - c).abs() < 1e-3 && (b - c).abs() < 1e-3, "{a} {b} {c}");
    }
}

fn gradients<T: Format>(criterion: &mut Criterion, name: &str) {
    let season = Season::<T>::new();
    check(&season);
    let games = season.games();
    let mut out = vec![T::zero(); PLAYERS];
    let (mut memory, mut more) = (vec![ScoreSum::ZERO; PLAYERS], vec![ScoreSum::ZERO; PLAYERS]);
    let v = season.scores.clone();
    let mut group = criterion.benchmark_group(format!("{name} ratings"));
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(GAMES as u64));
    group.bench_function("std, loss and gradient", |b| {
        b.iter(|| T::plain(&season, black_box(&mut out)));
    });
    group.bench_function("memory limit", |b| b.iter(|| T::limit(&season, black_box(&mut out))));
    group.bench_function("loss and gradient", |b| {
        b.iter(|| games.loss_and_gradient(Logistic, Reduction::Sum, black_box(&mut out)));
    });
    group.bench_function("loss and gradient, exact sums", |b| {
        b.iter(|| by_sums(games, black_box(&mut memory), &mut out));
    });
    group.bench_function("loss, gradient and diagonal, exact sums", |b| {
        b.iter(|| {
            let mut gradient = ScoreSums::new(black_box(&mut memory), PLAYERS).unwrap();
            let mut diagonal = ScoreSums::new(black_box(&mut more), PLAYERS).unwrap();
            let (how, g, d) = (Reduction::Sum, &mut gradient, &mut diagonal);
            games.loss_gradient_and_diagonal_sums(Logistic, how, g, d)
        });
    });
    group.bench_function("Hessian times vector", |b| {
        b.iter(|| games.hessian_vector_product_into(Logistic, &v, black_box(&mut out)));
    });
    group.finish();
}

/// The same bits, so only the time may differ.
fn threads(criterion: &mut Criterion) {
    let season = Season::<f32>::new();
    let games = season.games();
    let mut expected = None;
    let mut group = criterion.benchmark_group("f32 ratings, threads");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(GAMES as u64));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (mut memory, mut out) =
            (vec![ScoreSum::ZERO; threads * PLAYERS], vec![0.0_f32; PLAYERS]);
        let loss = pool.install(|| by_sums(games, &mut memory, &mut out));
        let result = (loss.to_bits(), out.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        assert!(*expected.get_or_insert_with(|| result.clone()) == result);
        group.bench_function(threads.to_string(), |b| {
            b.iter(|| pool.install(|| by_sums(games, black_box(&mut memory), &mut out)));
        });
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    gradients::<f32>(criterion, "f32");
    gradients::<f64>(criterion, "f64");
    threads(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
