//! One verb over one batch, timed: what `benches/peers` sets beside the rivals.
//!
//! ```text
//! cargo run --release --example peer -- --verb loss_and_gradients --format f32 --size 10240
//! cargo run --release --example peer -- --verb sigmoid --format f64 --size 1000000 --level avx2
//! ```
//!
//! Prints one line of JSON. `nanoseconds` are those of one pair or element, the best over batches of repeats.
//! `results` are the mean loss and, for each output, its scalar product with the chosen scores: enough to see that two
//! programs did the same work.

use anyhow::Context;
use clap::{Parser, ValueEnum};
use num_traits::Float;
use pairwise_loss::{Error, Level, Logistic, Pairs, Reduction, Score};
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Slices begin at a cache line, as those of the rivals do.
const CACHE_LINE: usize = 64;

/// How long a batch of repeats takes, about.
const BATCH_SECONDS: f64 = 1e-3;

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Verb {
    /// Mean loss, gradients with respect to chosen and rejected.
    LossAndGradients,
    /// Mean loss, gradient with respect to the margins.
    LossAndMarginGradient,
    /// Mean loss.
    Loss,
    /// σ of the chosen scores.
    Sigmoid,
    /// log σ of the chosen scores.
    LogSigmoid,
    /// What `loss_and_gradients` does, as the stable loop over `std` that everybody writes.
    StdLoop,
    /// Reads two slices and writes one, without arithmetic to speak of.
    MemoryLimit,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    F32,
    F64,
}

#[derive(Parser)]
#[command(about = "One verb over one batch, timed")]
struct Arguments {
    #[arg(long, value_enum)]
    verb: Verb,
    #[arg(long, value_enum)]
    format: Format,
    /// Number of pairs.
    #[arg(long)]
    size: usize,
    /// Instruction set: baseline, avx2, avx512. The best one if not given.
    #[arg(long)]
    level: Option<String>,
    /// How long to repeat.
    #[arg(long, default_value_t = 0.2)]
    seconds: f64,
}

#[derive(Serialize)]
struct Report {
    verb: Verb,
    format: Format,
    size: usize,
    level: &'static str,
    nanoseconds: f64,
    results: Vec<f64>,
}

/// The slices that a verb reads and writes.
struct Batch<'a, T> {
    chosen: &'a [T],
    rejected: &'a [T],
    d_chosen: &'a mut [T],
    d_rejected: &'a mut [T],
}

/// `len` zeros that begin at a cache line.
fn aligned<T: Score>(memory: &mut Vec<T>, len: usize) -> &mut [T] {
    memory.resize(len + CACHE_LINE / size_of::<T>(), T::zero());
    let start = memory.as_ptr().align_offset(CACHE_LINE);
    &mut memory[start..start + len]
}

/// Uniform in [−5, 5), by `SplitMix64`: the same numbers as in `benches/peers/rivals.py`.
fn score<T: Score>(i: usize, seed: u64) -> T {
    let mut x = (i as u64 + 1 + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    T::narrow((x >> 11) as f64 * 2.0_f64.powi(-53) * 10.0 - 5.0)
}

/// max(−z, 0) + log1p(e^−|z|), and −σ(−z) from the same exponential.
fn std_loop<T: Score + Float>(batch: &mut Batch<'_, T>) -> f64 {
    let (zero, one) = (T::zero(), T::one());
    let scale = T::narrow(-1.0 / batch.chosen.len() as f64);
    let scores = batch.chosen.iter().zip(batch.rejected);
    let gradients = batch.d_chosen.iter_mut().zip(batch.d_rejected.iter_mut());
    let mut sum = 0.0;
    for ((&c, &r), (d_chosen, d_rejected)) in scores.zip(gradients) {
        let z = c - r;
        let t = Float::exp(-Float::abs(z));
        sum += (Float::max(-z, zero) + Float::ln_1p(t)).widen();
        *d_chosen = scale * (if z > zero { t } else { one }) / (one + t);
        *d_rejected = -*d_chosen;
    }
    sum / batch.chosen.len() as f64
}

fn memory_limit<T: Score>(batch: &mut Batch<'_, T>) {
    for ((&c, &r), d) in batch.chosen.iter().zip(batch.rejected).zip(batch.d_chosen.iter_mut()) {
        *d = c - r;
    }
}

/// Does the work once. The mean loss, where the verb has one.
fn call<T: Score + Float>(
    verb: Verb,
    level: Level,
    batch: &mut Batch<'_, T>,
) -> Result<Option<f64>, Error> {
    let Batch { chosen, rejected, d_chosen, d_rejected } = batch;
    let pairs = || Ok(Pairs::new(chosen, rejected)?.with_level(level));
    match verb {
        Verb::LossAndGradients => {
            pairs()?.loss_and_gradients(Logistic, Reduction::Mean, d_chosen, d_rejected).map(Some)
        }
        Verb::LossAndMarginGradient => {
            pairs()?.loss_and_margin_gradient(Logistic, Reduction::Mean, d_chosen).map(Some)
        }
        Verb::Loss => pairs()?.loss(Logistic, Reduction::Mean).map(Some),
        Verb::Sigmoid => level.sigmoid_into(chosen, d_chosen).map(|()| None),
        Verb::LogSigmoid => level.log_sigmoid_into(chosen, d_chosen).map(|()| None),
        Verb::StdLoop => Ok(Some(std_loop(batch))),
        Verb::MemoryLimit => {
            memory_limit(batch);
            Ok(None)
        }
    }
}

/// Seconds of one call, the best over batches of repeats.
fn best_seconds(seconds: f64, mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut timed = |repeats: u32| {
        let begin = Instant::now();
        for _ in 0..repeats {
            call()?;
        }
        Ok(begin.elapsed().as_secs_f64() / f64::from(repeats))
    };
    timed(1)?;
    let mut best = timed(1)?;
    let begin = Instant::now();
    loop {
        best = best.min(timed((BATCH_SECONDS / best).ceil() as u32)?);
        if begin.elapsed().as_secs_f64() >= seconds {
            return Ok(best);
        }
    }
}

/// Nanoseconds of one pair, and the results.
fn measure<T: Score + Float>(
    verb: Verb,
    level: Level,
    size: usize,
    seconds: f64,
) -> Result<(f64, Vec<f64>), Error> {
    let mut memory: [Vec<T>; 4] = Default::default();
    let [chosen, rejected, d_chosen, d_rejected] = memory.each_mut().map(|m| aligned(m, size));
    for (i, (c, r)) in chosen.iter_mut().zip(rejected.iter_mut()).enumerate() {
        (*c, *r) = (score(i, 1), score(i, 2));
    }
    let mut batch = Batch { chosen, rejected, d_chosen, d_rejected };
    let best = best_seconds(seconds, || {
        black_box(call(verb, level, black_box(&mut batch))?);
        Ok(())
    })?;

    let outputs = match verb {
        Verb::LossAndGradients | Verb::StdLoop => 2,
        Verb::Loss => 0,
        Verb::LossAndMarginGradient | Verb::Sigmoid | Verb::LogSigmoid | Verb::MemoryLimit => 1,
    };
    let loss = call(verb, level, &mut batch)?;
    let products = [&*batch.d_chosen, &*batch.d_rejected]
        .into_iter()
        .take(outputs)
        .map(|output| batch.chosen.iter().zip(output).map(|(c, d)| c.widen() * d.widen()).sum());
    Ok((best * 1e9 / size as f64, loss.into_iter().chain(products).collect()))
}

fn main() -> anyhow::Result<()> {
    let Arguments { verb, format, size, level, seconds } = Arguments::parse();
    let level = match level {
        None => Level::best(),
        Some(name) => Level::named(&name).with_context(|| format!("no level {name} here"))?,
    };
    let (nanoseconds, results) = match format {
        Format::F32 => measure::<f32>(verb, level, size, seconds),
        Format::F64 => measure::<f64>(verb, level, size, seconds),
    }?;
    let report = Report { verb, format, size, level: level.name(), nanoseconds, results };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
