//! Trains a linear reward model with the losses of `pairwise_loss`, and finds out how good it is.
//!
//! ```sh
//! cargo run --release --example reward_model                          # which school does a student prefer?
//! cargo run --release --example reward_model -- --data pairs.jsonl    # which answer do people prefer?
//! cargo run --release --example reward_model -- --help
//! ```
//!
//! Where to look: `fit.rs` holds the training step, which is all a trainer needs of the crate (rewards forward, loss
//! and derivatives, derivatives back). `evaluate.rs` merges exact totals and metrics over folds. The rest is what any
//! trainer has: files in, features, a table and two plots out.

pub mod args;
pub mod data_cems;
pub mod data_jsonl;
pub mod evaluate;
pub mod features;
pub mod fit;
pub mod line_search;
pub mod plots;
pub mod preferences;
pub mod report;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use pairwise_loss::{Exponential, Hinge, Ipo, Logistic, PairLoss, RobustLogistic, SquaredHinge};

use args::{Args, LossName};
use evaluate::cross_validate;
use preferences::DataSet;

const CEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/cems1998");

fn main() -> ExitCode {
    match run(&Args::parse(), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The example from the command line to the last line printed.
///
/// # Errors
/// Whatever is wrong with the command line, the data or the output folder, for the user to read.
pub fn run(args: &Args, out: &mut impl Write) -> Result<()> {
    // Losses are types, so that a loss costs nothing to call. Here is the one place where a name becomes a type.
    let parameter = args.loss_parameter()?.unwrap_or_default();
    match args.loss {
        LossName::Logistic => train(args.tuned(Logistic)?, args, out),
        LossName::Hinge => train(args.tuned(Hinge::new(parameter)?)?, args, out),
        LossName::SquaredHinge => train(args.tuned(SquaredHinge::new(parameter)?)?, args, out),
        LossName::Exponential => train(args.tuned(Exponential)?, args, out),
        LossName::Ipo => train(args.tuned(Ipo::new(parameter)?)?, args, out),
        LossName::RobustLogistic => train(args.tuned(RobustLogistic::new(parameter)?)?, args, out),
    }
}

/// All of it, once the loss is known.
///
/// # Errors
/// As those of [`run`].
pub fn train<L: PairLoss>(loss: L, args: &Args, out: &mut impl Write) -> Result<()> {
    let training = args.training()?;
    let source = args.data.as_deref().unwrap_or(Path::new(CEMS));
    let data = load(args, source)?;
    let folds = evaluate::folds(&data, args.folds as usize, args.seed)
        .with_context(|| source.display().to_string())?;
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the folder {}", args.output.display()))?;

    let progress = progress(2 * args.folds + 1);
    let validate = |name: &'static str, columns| {
        progress.set_message(name);
        cross_validate(&data, columns, &folds, loss, training, || progress.inc(1))
    };
    let baseline = validate(data.baseline_name, data.baseline_columns)?;
    let model = validate(data.model_name, data.preferences.columns())?;
    progress.set_message("all comparisons");
    let fit = fit::minimise(&data.preferences, loss, training, |_| Ok(()))?;
    progress.finish_and_clear();

    report::cross_validation(out, args, &data, &baseline, &model)?;
    report::final_fit(out, args, &data, &fit)?;
    if let Some(path) = &args.save {
        report::save(path, args, &data, &fit)?;
        writeln!(out, "\nWeights: {}", path.display())?;
    }
    let curve = args.output.join("learning_curve.svg");
    let calibration = args.output.join("calibration.svg");
    plots::learning_curve(&curve, args, &data, &baseline, &model)?;
    plots::calibration(&calibration, args, &data, &model)?;
    writeln!(out, "\nPlots: {}\n       {}", curve.display(), calibration.display())?;
    Ok(())
}

fn load(args: &Args, source: &Path) -> Result<DataSet> {
    match args.data {
        Some(_) => data_jsonl::load(source, args.features),
        None => data_cems::load(source),
    }
}

/// One step a fit. It hides itself where standard error is not a terminal.
fn progress(fits: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} fits, {msg} ({elapsed})");
    let bar =
        ProgressBar::new(fits).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
