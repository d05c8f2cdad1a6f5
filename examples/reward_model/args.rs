//! The command line.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use pairwise_loss::{Error, PairLoss, Tuned};

use super::fit::Training;

/// Trains a linear reward model on pairwise preferences and says how good it is.
///
/// Without --data, the model learns which of six schools a student prefers, from 303 students who compared them in
/// pairs. With --data it learns which of two answers to a prompt people prefer. Everything is judged by
/// cross-validation: whole students or prompts are held out.
#[derive(Clone, Debug, Parser)]
#[command(name = "reward_model")]
pub struct Args {
    /// Preferences between answers: one JSON object a line with `chosen`, `rejected` and usually `prompt`, each a
    /// string or a list of {"role", "content"} messages
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: Option<PathBuf>,

    /// The loss to train with
    #[arg(long, value_enum, default_value_t = LossName::Logistic)]
    pub loss: LossName,

    /// The loss's own parameter: m of hinge and squared-hinge [default 1], beta of ipo [default 0.5], epsilon of
    /// robust-logistic [default 0.1]; the other losses have none
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub parameter: Option<f64>,

    /// Scale of the margin between the rewards: the loss is taken at SCALE · (chosen − rejected − MARGIN)
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub scale: f64,

    /// By how much the chosen reward should exceed the rejected one
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub margin: f64,

    /// Share of labels taken to be flipped (label smoothing)
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub smoothing: f64,

    /// Penalty: L2 / 2 times the sum of squared weights is added to the sum of losses. Features are of order one, and
    /// with the logistic loss 1 amounts to a standard normal prior on every weight; one fixed value, not chosen by
    /// cross-validation
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub l2: f64,

    /// The most iterations of one fit, each about one pass over the data
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: u64,

    /// Number of parts in cross-validation
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..))]
    pub folds: u64,

    /// Seed of the shuffle that deals students or prompts out to the folds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// n-grams are hashed into 2^BITS features (with --data)
    #[arg(long, value_name = "BITS", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub features: u32,

    /// Writes the weights of the final fit as JSON: `loss`, `l2`, `hash_bits` (with --data), and `weights`, a list of
    /// {"column", "name", "weight"} without the zeros
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Folder for the plots; it is made if need be
    #[arg(long, value_name = "FOLDER", default_value = "reward_model_output")]
    pub output: PathBuf,
}

/// The losses to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LossName {
    /// Bradley–Terry: log(1 + e^−z)
    Logistic,
    /// max(0, m − z)
    Hinge,
    /// max(0, m − z)²
    SquaredHinge,
    /// e^−z
    Exponential,
    /// (z − 1/(2·beta))²
    Ipo,
    /// Logistic, unbiased if a share epsilon of the labels is flipped
    RobustLogistic,
}

impl Args {
    /// The parameter of the loss, if it has one.
    ///
    /// # Errors
    /// If one is given for a loss that has none.
    pub fn loss_parameter(&self) -> Result<Option<f64>> {
        let default = match self.loss {
            LossName::Hinge | LossName::SquaredHinge => 1.0,
            LossName::Ipo => 0.5,
            LossName::RobustLogistic => 0.1,
            LossName::Logistic | LossName::Exponential => match self.parameter {
                Some(_) => bail!("--parameter: the loss {} has none", self.loss_name()),
                None => return Ok(None),
            },
        };
        Ok(Some(self.parameter.unwrap_or(default)))
    }

    /// The loss with the scale, margin and smoothing asked for; without any it is the loss itself.
    ///
    /// # Errors
    /// Those of the crate, which knows the domains.
    pub fn tuned<L: PairLoss>(&self, loss: L) -> Result<Tuned<L>, Error> {
        Tuned::new(loss).scale(self.scale)?.margin(self.margin)?.smoothing(self.smoothing)
    }

    /// How to fit.
    ///
    /// # Errors
    /// If the penalty is not finite and ≥ 0.
    pub fn training(&self) -> Result<Training> {
        if !(self.l2.is_finite() && self.l2 >= 0.0) {
            bail!("--l2 is {}, it must be finite and ≥ 0", self.l2);
        }
        Ok(Training { l2: self.l2, max_iterations: self.epochs })
    }

    /// The loss by its name on the command line.
    pub fn loss_name(&self) -> String {
        self.loss.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The loss with all that differs from the default, for the report.
    pub fn describe_loss(&self) -> String {
        let symbol = match self.loss {
            LossName::Hinge | LossName::SquaredHinge => "m",
            LossName::Ipo => "beta",
            LossName::RobustLogistic | LossName::Logistic | LossName::Exponential => "epsilon",
        };
        let mut parts = Vec::new();
        if let Ok(Some(value)) = self.loss_parameter() {
            parts.push(format!("{symbol} = {value}"));
        }
        let tuning = [
            ("scale", self.scale, 1.0),
            ("margin", self.margin, 0.0),
            ("smoothing", self.smoothing, 0.0),
        ];
        for (name, value, default) in tuning {
            if value != default {
                parts.push(format!("{name} {value}"));
            }
        }
        match parts.as_slice() {
            [] => self.loss_name(),
            parts => format!("{} ({})", self.loss_name(), parts.join(", ")),
        }
    }
}
