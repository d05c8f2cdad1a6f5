//! The mean of −log σ(chosen − rejected) over `f32` scores and its gradients, forward and backward, in one call of ours and in
//! the best form that is stable of those that other crates have or can compose.
//!
//! Results are checked before anything is timed, also at scores that are far apart.

use burn::tensor::{Device, Tensor as BurnTensor, TensorData, activation};
use candle_core::{Device as CandleDevice, Tensor as CandleTensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Zip};
use pairwise_loss::{Logistic, Pairs, Reduction};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 3] = [1 << 6, 1 << 12, 1 << 20];

/// A mean and its gradient with respect to the chosen scores; that of the rejected ones is computed as well, and kept where the
/// crate keeps it.
type Outcome = (f32, Vec<f32>);

/// The scores of each pair as each crate holds them, made once: what is timed begins with scores that are there.
trait Rival {
    const NAME: &str;
    type Outcome;
    fn new(chosen: &[f32], rejected: &[f32]) -> Self;
    /// Forward and backward.
    fn step(&mut self) -> Self::Outcome;
    fn read(&self, outcome: Self::Outcome) -> Outcome;
}

struct Ours {
    chosen: Vec<f32>,
    rejected: Vec<f32>,
    d_chosen: Vec<f32>,
    d_rejected: Vec<f32>,
}

impl Rival for Ours {
    const NAME: &str = "pairwise-loss";
    type Outcome = f64;

    fn new(chosen: &[f32], rejected: &[f32]) -> Self {
        let zeros = vec![0.0; chosen.len()];
        let (d_chosen, d_rejected) = (zeros.clone(), zeros);
        Self { chosen: chosen.to_vec(), rejected: rejected.to_vec(), d_chosen, d_rejected }
    }

    fn step(&mut self) -> f64 {
        let pairs = Pairs::new(&self.chosen, &self.rejected).unwrap();
        let (d_chosen, d_rejected) = (&mut self.d_chosen, &mut self.d_rejected);
        pairs.loss_and_gradients(Logistic, Reduction::Mean, d_chosen, d_rejected).unwrap()
    }

    fn read(&self, mean: f64) -> Outcome {
        (mean as f32, self.d_chosen.clone())
    }
}

struct Candle {
    chosen: Var,
    rejected: Var,
}

impl Rival for Candle {
    const NAME: &str = "candle";
    type Outcome = (CandleTensor, CandleTensor, CandleTensor);

    fn new(chosen: &[f32], rejected: &[f32]) -> Self {
        let variable = |x: &[f32]| Var::new(x, &CandleDevice::Cpu).unwrap();
        Self { chosen: variable(chosen), rejected: variable(rejected) }
    }

    /// Neither `log(sigmoid)` nor its binary cross entropy is stable, and there is no `log1p`: softplus is
    /// max(−z, 0) + log(1 + e^−|z|), whose gradient comes through the parts. With `relu` and `abs` it would be −1.5 at z = 0;
    /// `maximum` halves its gradient there, and gives −0.5.
    fn step(&mut self) -> Self::Outcome {
        let mean = || {
            let z = (self.chosen.as_tensor() - self.rejected.as_tensor())?;
            let minus_z = z.neg()?;
            let tail = (z.maximum(&minus_z)?.neg()?.exp()? + 1.0)?.log()?;
            (minus_z.maximum(0.0_f32)? + tail)?.mean_all()
        };
        let mean = mean().unwrap();
        let gradients = mean.backward().unwrap();
        let of = |x: &Var| gradients.get(x).unwrap().clone();
        (mean, of(&self.chosen), of(&self.rejected))
    }

    fn read(&self, (mean, d_chosen, _): Self::Outcome) -> Outcome {
        (mean.to_scalar().unwrap(), d_chosen.to_vec1().unwrap())
    }
}

struct Burn {
    chosen: BurnTensor<1>,
    rejected: BurnTensor<1>,
}

impl Rival for Burn {
    const NAME: &str = "burn-flex";
    type Outcome = (BurnTensor<1>, BurnTensor<1>, BurnTensor<1>);

    fn new(chosen: &[f32], rejected: &[f32]) -> Self {
        let device = Device::flex().autodiff();
        let tensor = |x: &[f32]| {
            BurnTensor::from_data(TensorData::new(x.to_vec(), [x.len()]), &device).require_grad()
        };
        Self { chosen: tensor(chosen), rejected: tensor(rejected) }
    }

    /// Has a stable `log_sigmoid` with a backward pass of its own.
    fn step(&mut self) -> Self::Outcome {
        let mean =
            activation::log_sigmoid(self.chosen.clone() - self.rejected.clone()).mean().neg();
        let gradients = mean.backward();
        let of = |x: &BurnTensor<1>| x.grad(&gradients).unwrap();
        (mean, of(&self.chosen), of(&self.rejected))
    }

    fn read(&self, (mean, d_chosen, _): Self::Outcome) -> Outcome {
        (mean.into_scalar::<f32>(), d_chosen.into_data().try_to_vec().unwrap())
    }
}

struct Ndarray {
    chosen: Array1<f32>,
    rejected: Array1<f32>,
    d_chosen: Array1<f32>,
    d_rejected: Array1<f32>,
}

impl Rival for Ndarray {
    const NAME: &str = "ndarray";
    type Outcome = f32;

    fn new(chosen: &[f32], rejected: &[f32]) -> Self {
        let array = |x: &[f32]| Array1::from(x.to_vec());
        let zeros = Array1::zeros(chosen.len());
        let (d_chosen, d_rejected) = (zeros.clone(), zeros);
        Self { chosen: array(chosen), rejected: array(rejected), d_chosen, d_rejected }
    }

    /// No derivatives: written out, one exponential for both, in one pass.
    fn step(&mut self) -> f32 {
        let n = self.chosen.len() as f32;
        let mut sum = 0.0;
        Zip::from(&mut self.d_chosen)
            .and(&mut self.d_rejected)
            .and(&self.chosen)
            .and(&self.rejected)
            .for_each(|d_chosen, d_rejected, &c, &r| {
                let z = c - r;
                let t = (-z.abs()).exp();
                sum += f64::from((-z).max(0.0) + t.ln_1p());
                let share = (if z > 0.0 { t } else { 1.0 }) / ((1.0 + t) * n);
                (*d_chosen, *d_rejected) = (-share, share);
            });
        (sum / f64::from(n)) as f32
    }

    fn read(&self, mean: f32) -> Outcome {
        (mean, self.d_chosen.to_vec())
    }
}

/// Differences of a few units either way, as in training.
fn scores(len: usize, phase: f64) -> Vec<f32> {
    (0..len).map(|i| ((i as f64 * phase).sin() * 5.0) as f32).collect()
}

fn outcome<R: Rival>(chosen: &[f32], rejected: &[f32]) -> Outcome {
    let mut rival = R::new(chosen, rejected);
    let outcome = rival.step();
    rival.read(outcome)
}

/// The expected values are from `f64` and `std`.
fn check<R: Rival>(chosen: &[f32], rejected: &[f32]) {
    let n = chosen.len() as f64;
    let margins = chosen.iter().zip(rejected).map(|(&c, &r)| f64::from(c) - f64::from(r));
    let expected =
        margins.clone().map(|z| (-z).max(0.0) + (-z.abs()).exp().ln_1p()).sum::<f64>() / n;
    let (mean, d_chosen) = outcome::<R>(chosen, rejected);
    // A plain sum of a million terms in `f32` drifts.
    let error = f64::from(mean) / expected - 1.0;
    assert!(error.abs() < 0.01, "{}: {mean} against {expected}", R::NAME);
    println!("{}, {} pairs: the mean is off by {error:.0e} of it", R::NAME, chosen.len());
    for (z, d) in margins.zip(d_chosen) {
        let expected = -1.0 / (1.0 + z.exp());
        assert!((f64::from(d) * n - expected).abs() < 1e-5, "{}: {d} at {z}", R::NAME);
    }
}

fn rival<R: Rival>(criterion: &mut Criterion) {
    check::<R>(&[100.0, -100.0, 0.5, 0.0, 0.25], &[-100.0, 100.0, 0.25, 1.0, 0.25]);
    let mut group = criterion.benchmark_group("f32 mean and both gradients");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for len in SIZES {
        let (chosen, rejected) = (scores(len, 0.37), scores(len, 0.71));
        check::<R>(&chosen, &rejected);
        let mut rival = R::new(&chosen, &rejected);
        group.throughput(Throughput::Elements(len as u64));
        group.sample_size(if len < 1 << 20 { 50 } else { 10 });
        group.bench_function(BenchmarkId::new(R::NAME, len), |b| {
            b.iter(|| black_box(&mut rival).step());
        });
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    rival::<Ours>(criterion);
    rival::<Ndarray>(criterion);
    rival::<Candle>(criterion);
    rival::<Burn>(criterion);
}

criterion_group!(all, benches);
criterion_main!(all);
