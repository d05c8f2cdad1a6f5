//! What the example prints and saves.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use pairwise_loss::win_probability;
use serde::Serialize;

use super::args::{Args, LossName};
use super::evaluate::{CrossValidated, Snapshot, accuracy, accuracy_gain};
use super::fit::{End, Fit};
use super::preferences::DataSet;

/// The table of cross-validation: chance, baseline, model.
///
/// # Errors
/// If writing fails.
pub fn cross_validation(
    out: &mut impl Write,
    args: &Args,
    data: &DataSet,
    baseline: &CrossValidated,
    model: &CrossValidated,
) -> Result<()> {
    data.notes.iter().try_for_each(|note| writeln!(out, "{note}"))?;
    let decided = baseline.chance().metrics.len();
    let ties = data.preferences.len() as u64 - decided;
    writeln!(
        out,
        "\n{}-fold cross-validation by {} (seed {}), loss {}, l2 = {}:\n",
        args.folds,
        data.group_name,
        args.seed,
        args.describe_loss(),
        args.l2
    )?;
    writeln!(
        out,
        "{:<28}{:>8}{:>15}{:>15}{:>20}",
        "model", "weights", "training loss", "held-out loss", "held-out accuracy"
    )?;
    let rows = [
        ("chance", 0, baseline.chance(), String::new()),
        (data.baseline_name, data.baseline_columns, baseline.trained(), plus_minus(baseline)),
        (data.model_name, data.preferences.columns(), model.trained(), plus_minus(model)),
    ];
    for (name, weights, at, error) in rows {
        let Snapshot { training, held_out, .. } = at;
        writeln!(
            out,
            "{name:<28}{weights:>8}{:>15.4}{:>15.4}{:>11.4}{error:<9}",
            training.mean().unwrap_or(f64::NAN),
            held_out.mean().unwrap_or(f64::NAN),
            at.accuracy(),
        )?;
    }
    let gain = accuracy_gain(model, baseline);
    writeln!(
        out,
        "\nAccuracy gained over the baseline ({}): {:+.4} ± {:.4}.",
        data.baseline_name, gain.mean, gain.standard_error
    )?;
    let ties = match ties {
        0 => String::new(),
        ties => format!(" (the {ties} ties count in the losses only)"),
    };
    writeln!(
        out,
        "Accuracy is over the {decided} decided comparisons{ties}; equal rewards count ½.\n\
         ± is one standard error, with {}s as the independent units.",
        data.group_name
    )?;
    Ok(())
}

fn plus_minus(model: &CrossValidated) -> String {
    format!(" ± {:.4}", accuracy(model).standard_error)
}

/// What the model learned from all comparisons.
///
/// # Errors
/// If writing fails.
pub fn final_fit(out: &mut impl Write, args: &Args, data: &DataSet, fit: &Fit) -> Result<()> {
    let Fit { objective, gradient_norm, iterations, end, .. } = fit;
    let how = match end {
        End::Converged => format!("converged after {iterations} iterations"),
        End::OutOfIterations => format!("stopped after {iterations} iterations, the most allowed"),
        End::Stuck => {
            format!("stopped after {iterations} iterations at a point without a lower one nearby")
        }
    };
    writeln!(
        out,
        "\nFit to all comparisons: {how}, gradient norm {gradient_norm:.1e}, objective {objective:.12}."
    )?;
    if *end != End::Converged && args.loss == LossName::Hinge {
        writeln!(
            out,
            "(The hinge has a kink: the gradient need not become small at the minimum.)"
        )?;
    }
    if data.items > 0 {
        let strengths: Vec<f64> =
            fit.weights[..data.items].iter().map(|w| args.scale * w).collect();
        win_probabilities(out, &data.names, &strengths)?;
    }
    largest_weights(out, data, &fit.weights)
}

/// Strengths on the scale of log-odds, and what they say about every pair of items, strongest first.
fn win_probabilities(out: &mut impl Write, names: &[String], strengths: &[f64]) -> Result<()> {
    let mut order: Vec<usize> = (0..strengths.len()).collect();
    order.sort_by(|&a, &b| strengths[b].total_cmp(&strengths[a]));
    writeln!(
        out,
        "\nStrengths, and the probability that the row is preferred to the column, for the average student:\n"
    )?;
    write!(out, "{:<12}{:>9}", "", "strength")?;
    order.iter().try_for_each(|&j| write!(out, "{:>11}", names[j]))?;
    writeln!(out)?;
    for &i in &order {
        write!(out, "{:<12}{:>+9.3}", names[i], strengths[i])?;
        for &j in &order {
            let probability = win_probability(strengths[i], strengths[j]);
            let cell = if i == j { "–".to_owned() } else { format!("{probability:.3}") };
            write!(out, "{cell:>11}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn largest_weights(out: &mut impl Write, data: &DataSet, weights: &[f64]) -> Result<()> {
    let mut named: Vec<usize> = (data.items..data.names.len()).collect();
    named.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()));
    named.truncate(10);
    writeln!(out, "\nLargest weights of features with a name:\n")?;
    for column in named {
        writeln!(out, "{:<36}{:>+8.3}", data.names[column], weights[column])?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Saved {
    loss: String,
    l2: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_bits: Option<u32>,
    weights: Vec<SavedWeight>,
}

#[derive(Serialize)]
struct SavedWeight {
    column: usize,
    name: String,
    weight: f64,
}

/// Writes the weights as JSON, in the format `--help` describes. Numbers survive a round trip exactly.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, args: &Args, data: &DataSet, fit: &Fit) -> Result<()> {
    let weights = fit.weights.iter().enumerate().filter(|&(_, &weight)| weight != 0.0);
    let saved = Saved {
        loss: args.describe_loss(),
        l2: args.l2,
        hash_bits: args.data.as_ref().map(|_| args.features),
        weights: weights
            .map(|(column, &weight)| SavedWeight { column, name: data.name(column), weight })
            .collect(),
    };
    let text = serde_json::to_string_pretty(&saved)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
