//! Steps of a reward trainer over batches from the standard input: what `benches/peers/trl.py` sets beside TRL.
//!
//! One batch a line, one step a line in return, as JSON. Numbers are the bits of `f64`s, so that none is rounded on the
//! way; under `--format f32` they must be those of `f32`s.
//!
//! ```text
//! echo '{"chosen": [4609434218613702656], "rejected": [0], "margins": null, "coefficient": null}' |
//!     cargo run --release --example reward_step -- --format f64
//! ```

use anyhow::Context;
use clap::{Parser, ValueEnum};
use pairwise_loss::{Error, Pairs, Reduction, RewardTrainer, Score};
use serde::{Deserialize, Serialize};
use std::io::stdin;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    F32,
    F64,
}

#[derive(Parser)]
#[command(about = "Steps of a reward trainer")]
struct Arguments {
    #[arg(long, value_enum)]
    format: Format,
}

#[derive(Deserialize)]
struct Batch {
    chosen: Vec<u64>,
    rejected: Vec<u64>,
    margins: Option<Vec<u64>>,
    coefficient: Option<u64>,
}

#[derive(Serialize)]
struct Step {
    loss: u64,
    d_chosen: Vec<u64>,
    d_rejected: Vec<u64>,
    accuracy: u64,
    margin: u64,
    mean_reward: u64,
    min_reward: u64,
    max_reward: u64,
}

fn column<T: Score>(bits: &[u64]) -> Vec<T> {
    bits.iter().map(|&bits| T::narrow(f64::from_bits(bits))).collect()
}

fn step<T: Score>(batch: &Batch) -> Result<Step, Error> {
    let (chosen, rejected) = (column::<T>(&batch.chosen), column::<T>(&batch.rejected));
    let margins = batch.margins.as_deref().map(column::<T>);
    let mut pairs = Pairs::new(&chosen, &rejected)?;
    if let Some(margins) = &margins {
        pairs = pairs.with_margins(margins)?;
    }
    let mut trainer = RewardTrainer::new();
    if let Some(coefficient) = batch.coefficient {
        trainer = trainer.center_rewards_coefficient(f64::from_bits(coefficient))?;
    }

    let (mut d_chosen, mut d_rejected) = (chosen.clone(), rejected.clone());
    let step = trainer.compute_loss(&pairs, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    let bits = |numbers: Vec<T>| numbers.into_iter().map(|x| x.widen().to_bits()).collect();
    Ok(Step {
        loss: step.loss.to_bits(),
        d_chosen: bits(d_chosen),
        d_rejected: bits(d_rejected),
        accuracy: step.accuracy().to_bits(),
        margin: step.margin().to_bits(),
        mean_reward: step.mean_reward().to_bits(),
        min_reward: step.min_reward().to_bits(),
        max_reward: step.max_reward().to_bits(),
    })
}

fn main() -> anyhow::Result<()> {
    let Arguments { format } = Arguments::parse();
    for line in stdin().lines() {
        let batch: Batch = serde_json::from_str(&line?).context("a batch")?;
        let step = match format {
            Format::F32 => step::<f32>(&batch),
            Format::F64 => step::<f64>(&batch),
        }?;
        println!("{}", serde_json::to_string(&step)?);
    }
    Ok(())
}
