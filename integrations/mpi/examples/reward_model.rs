//! Data-parallel training of a linear reward model by gradient descent, to the same bits on any number of ranks.
//!
//! ```sh
//! cargo build --release --examples
//! target/release/examples/reward_model
//! mpirun -n 4 target/release/examples/reward_model
//! ```
//!
//! The data is that of the crate's example `reward_model`: which of two schools does a student prefer? Each rank has the
//! students of its shard, the last rank many more than the first. The model is trained twice: with exact all-reduces,
//! and with those of f64 that are in use everywhere. Every line ends with the bits of a number; those of `exact` are the
//! same for any number of ranks, those of `plain` are not.

#[allow(dead_code, reason = "the module serves other examples, too")]
#[path = "../../../examples/reward_model/data_cems.rs"]
mod data_cems;
#[allow(dead_code, reason = "the module serves other examples, too")]
#[path = "../../../examples/reward_model/preferences.rs"]
mod preferences;
mod shard;

use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use pairwise_loss::{Logistic, Metrics, Pairs, Reduction, Ties, Total};
use pairwise_loss_mpi::{ExactCollectives, ExactVector};

use preferences::Preferences;

const CEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/cems1998");

/// Trains a linear reward model on all ranks, by gradient descent.
#[derive(Parser)]
struct Args {
    /// How many steps to take
    #[arg(long, default_value_t = 50)]
    steps: u32,

    /// Length of a step, in units of the gradient of the mean loss
    #[arg(long, default_value_t = 4.0)]
    step: f64,

    /// Penalty: L2 / 2 times the sum of squared weights is added to the sum of losses
    #[arg(long, default_value_t = 1.0)]
    l2: f64,
}

fn main() {
    let args = Args::parse();
    pairwise_loss_mpi::run(|world| train_both_ways(world, &args));
}

fn train_both_ways(world: &SimpleCommunicator, args: &Args) -> Result<()> {
    // Ranks of a cluster would each load the file of their shard.
    let data = data_cems::load(Path::new(CEMS))?;
    let students = shard::of(data.groups, world);
    let shard = data.preferences.select(|student| students.contains(&student), data.names.len());
    let counts = shard::gather(world, shard.len());
    let pairs = counts.iter().sum::<u64>() as f64;
    if world.rank() == 0 {
        println!("{} ranks with {counts:?} comparisons", world.size());
    }

    let exact = Job { world, shard: &shard, pairs, exact: true };
    let plain = Job { exact: false, ..exact };
    for (name, job) in [("exact", exact), ("plain", plain)] {
        let weights = job.train(args)?;
        let metrics = job.metrics(&weights)?;
        let numbers = [
            ("mean loss", Some(job.evaluate(&weights)?.loss)),
            ("accuracy", metrics.accuracy(Ties::Half)),
            ("mean margin", metrics.mean_margin()),
            ("least reward", metrics.min_reward()),
            ("Brier score", metrics.brier_score()),
        ];
        if world.rank() != 0 {
            continue;
        }
        for (what, number) in numbers {
            print(name, what, number.with_context(|| format!("no comparison, no {what}"))?);
        }
        for (column, &weight) in weights.iter().enumerate() {
            print(name, &data.name(column), weight);
        }
    }
    Ok(())
}

fn print(how: &str, what: &str, number: f64) {
    println!("{how}  {what:<28} {number:>10.6}  {:016x}", number.to_bits());
}

/// Training as one rank sees it.
#[derive(Clone, Copy)]
struct Job<'a> {
    world: &'a SimpleCommunicator,
    shard: &'a Preferences,
    /// On all ranks.
    pairs: f64,
    /// By exact all-reduces, or by those of f64?
    exact: bool,
}

/// The mean loss of all ranks and its gradient.
struct Evaluation {
    loss: f64,
    gradient: Vec<f64>,
}

impl Job<'_> {
    /// Every rank takes the same steps from the same gradients, so that the weights need not be sent.
    fn train(&self, args: &Args) -> Result<Vec<f64>> {
        let mut weights = vec![0.0; self.shard.columns()];
        let ridge = args.l2 / self.pairs;
        for _ in 0..args.steps {
            let Evaluation { gradient, .. } = self.evaluate(&weights)?;
            for (weight, gradient) in weights.iter_mut().zip(gradient) {
                *weight -= args.step * (gradient + ridge * *weight);
            }
        }
        Ok(weights)
    }

    /// The rewards, the exact total of the losses and the gradients of this rank are the work of the crate; all ranks'
    /// are merged by one of the two functions below.
    fn evaluate(&self, weights: &[f64]) -> Result<Evaluation> {
        let Preferences { chosen, rejected, labels, .. } = self.shard;
        let (chosen, rejected) = (chosen.rewards(weights), rejected.rewards(weights));
        let mut d_chosen = vec![0.0; labels.len()];
        let mut d_rejected = vec![0.0; labels.len()];
        let total = Pairs::new(&chosen, &rejected)?.with_labels(labels)?.total_and_gradients(
            Logistic,
            Reduction::Over(self.pairs),
            &mut d_chosen,
            &mut d_rejected,
        )?;
        if self.exact {
            self.merge_exactly(&total, &d_chosen, &d_rejected)
        } else {
            Ok(self.merge_plainly(&total, &d_chosen, &d_rejected))
        }
    }

    fn merge_exactly(
        &self,
        total: &Total,
        d_chosen: &[f64],
        d_rejected: &[f64],
    ) -> Result<Evaluation> {
        let mut gradient = ExactVector::zeros(self.shard.columns());
        for (rows, derivatives) in
            [(&self.shard.chosen, d_chosen), (&self.shard.rejected, d_rejected)]
        {
            for (i, &derivative) in derivatives.iter().enumerate() {
                let row = rows.row(i).iter().map(|&(column, x)| (column as usize, x));
                gradient.add_scaled(derivative, row);
            }
        }
        Ok(Evaluation {
            loss: self.world.all_reduce_total(total)?.mean().context("there are no comparisons")?,
            gradient: self.world.all_reduce_vector(gradient)?.sums(),
        })
    }

    fn merge_plainly(&self, total: &Total, d_chosen: &[f64], d_rejected: &[f64]) -> Evaluation {
        let mut local = vec![0.0; self.shard.columns()];
        self.shard.chosen.accumulate_gradient(d_chosen.iter().copied(), &mut local);
        self.shard.rejected.accumulate_gradient(d_rejected.iter().copied(), &mut local);
        let (mut loss, mut gradient) = (0.0, vec![0.0; local.len()]);
        self.world.all_reduce_into(&total.sum(), &mut loss, SystemOperation::sum());
        self.world.all_reduce_into(&local[..], &mut gradient[..], SystemOperation::sum());
        Evaluation { loss: loss / self.pairs, gradient }
    }

    /// Of the comparisons that were decided.
    fn metrics(&self, weights: &[f64]) -> Result<Metrics> {
        let Preferences { chosen, rejected, .. } = self.shard;
        let (chosen, rejected) = (chosen.rewards(weights), rejected.rewards(weights));
        let decisive = self.shard.decisive();
        let metrics = Metrics::of(&Pairs::new(&chosen, &rejected)?.with_weights(&decisive)?);
        Ok(self.world.all_reduce_metrics(&metrics)?)
    }
}
