//! Rates players by who beat whom, with the functions of comparisons of `pairwise_loss`.
//!
//! ```sh
//! cargo run --release --example ratings                          # baseball, 1987
//! cargo run --release --example ratings -- --games games.csv     # anything: winner,loser[,weight][,tie][,home]
//! cargo run --release --example ratings -- --help
//! ```
//!
//! Where to look: `fit.rs` holds the likelihood and its derivatives, which is all that the crate is needed for, the
//! home advantage included. `existence.rs` says when there are no finite ratings, and whose fault it is. The rest is
//! what any such program has: a file in, a table and a plot out.

pub mod args;
pub mod existence;
pub mod fit;
pub mod games;
#[path = "../reward_model/line_search.rs"]
pub mod line_search;
pub mod plot;
pub mod report;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use args::Args;
use fit::{Model, Zero};
use games::Games;

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
    if let Some(variance) = args.prior
        && !(variance.is_finite() && variance > 0.0)
    {
        bail!("--prior is {variance}, it must be finite and > 0");
    }
    let (games, source) = match &args.games {
        None => (games::baseball()?, "American League baseball, 1987".to_owned()),
        Some(path) => (games::load(path)?, path.display().to_string()),
    };
    let zero = zero(args, &games)?;
    report::data(out, &source, &games)?;

    let models: &[bool] = if games.has_home() { &[false, true] } else { &[false] };
    let mut last = None;
    for &home in models {
        let model = Model { home, prior: args.prior, zero, max_iterations: args.iterations };
        let title = if home { "With home advantage" } else { "Ratings" };
        let progress = progress(title);
        let fit = fit::fit(&games, model, || progress.inc(1));
        progress.finish_and_clear();
        let fit = fit.with_context(|| source.clone())?;
        report::table(out, title, &games, &model, &fit)?;
        last = Some(fit);
    }
    let fit = last.context("a model was just fitted")?;
    report::matrix(out, &games, &fit)?;

    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the folder {}", args.output.display()))?;
    let path = args.output.join("ratings.svg");
    plot::ratings(&path, &format!("Ratings: {source}"), &games, &fit)?;
    writeln!(out, "\nPlot: {}", path.display())?;
    Ok(())
}

/// What is 0: see `--help`.
fn zero(args: &Args, games: &Games) -> Result<Zero> {
    Ok(match (&args.reference, args.prior, &args.games) {
        (Some(name), ..) => Zero::Player(games.find(name)?),
        (None, Some(_), _) => Zero::Prior,
        (None, None, None) => Zero::Player(games.find("Baltimore")?),
        (None, None, Some(_)) => Zero::Mean,
    })
}

/// Iterations so far. It hides itself where standard error is not a terminal.
fn progress(title: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}: {pos} iterations ({elapsed})");
    let bar = ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(title);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
