//! The largest error of every public function and loss, with all derivatives, in both formats: where it is, and what it
//! looks like beside the usual ways.
//!
//! ```text
//! cargo run --release --example accuracy                            a table, about a minute
//! cargo run --release --example accuracy -- --points 100000000      a longer search
//! cargo run --release --example accuracy -- --write docs            docs/accuracy.md and the plots
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`cases`] | what is measured, and what it should be |
//! | [`points`] | where: stratified, reproducible |
//! | [`double_double`] | a reference quick enough for hundreds of millions of points |
//! | [`measure`] | the largest error over many points |
//! | [`hunt`] | hill climbing on the error before the last rounding |
//! | [`worst`] | the worst points found so far, which `tests/accuracy.rs` keeps |
//! | [`plots`] | errors against the margin |

mod cases;
mod double_double;
mod hunt;
mod measure;
mod plots;
mod points;
mod worst;

use anyhow::Context;
use cases::{Case, OUTPUTS};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use measure::Found;
use points::{Format, Inputs, Point};
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Parser)]
#[command(about = "Largest errors of every function and loss, in units in the last place")]
struct Arguments {
    /// Points of each case.
    #[arg(long, default_value = "4000000")]
    points: u64,
    /// Steps of each hill climb.
    #[arg(long, default_value = "20000")]
    steps: u64,
    #[arg(long, default_value = "2")]
    threads: u64,
    /// Seed of the points.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Only the cases with this in their name, and no hill climbing, as "Logistic f64".
    #[arg(long, conflicts_with = "write")]
    only: Option<String>,
    /// Folder into which accuracy.md and the plots are written.
    #[arg(long)]
    write: Option<PathBuf>,
}

/// Of the points that only big integers can judge, one in this many is.
const SPARSE: usize = 32;

/// Inputs in hexadecimal, so that they can be tried again.
fn place(case: &Case, at: &Point) -> String {
    let hex = |x: f64| match case.format {
        Format::Single => format!("{:08x}", (x as f32).to_bits()),
        Format::Double => format!("{:016x}", x.to_bits()),
    };
    let mut place = hex(at.chosen);
    if matches!(case.inputs, Inputs::Two | Inputs::Strengths) {
        let _ = write!(place, " {}", hex(at.rejected));
    }
    for (takes_part, name, x) in [
        (case.columns[0], "m", at.margin),
        (case.columns[1], "w", at.weight),
        (case.columns[2], "p", at.label),
    ] {
        if takes_part {
            let _ = write!(place, " {name} {}", hex(x));
        }
    }
    place
}

fn result_name(case: &Case, output: usize) -> String {
    if case.outputs() == 1 {
        return case.name.to_string();
    }
    format!("{}, {}", case.name, OUTPUTS[output])
}

/// One row of the table. The largest error is that against big integers, at the place that the quick reference found.
fn row(case: &Case, output: usize, found: &Found) -> String {
    let name = result_name(case, output);
    let (error, at) = found.plain.map_or((0.0, String::new()), |worst| {
        let computed = case.compute(&[worst.at])[0][output];
        let error = case.exact_error(computed, &case.exact(&worst.at)[output]);
        (error, format!("`{}`", place(case, &worst.at)))
    });
    let cancelling = found.cancelling.map_or(String::new(), |worst| format!("{:.4}", worst.error));
    let at = if error == 0.0 { String::new() } else { at };
    let format = case.format.name();
    format!("| {name} | {format} | {error:.7} | {at} | {cancelling} | {} |\n", found.compared)
}

const INTRODUCTION: &str = "\
The error of a result is its distance from the true value at the exact inputs, in units in the last place (ulp) of the
true value; nothing is rounded on the way, neither the difference of two scores nor its product with a scale or a
weight. Correct rounding is 0.5. Inputs are hexadecimal: the score, or chosen and rejected, then margin `m`, weight `w`
and label `p` where they take part. The points are stratified: every exponent, the curved part, ends of argument
reduction, thresholds, ties of rounding, differences that are exact, rounded, or absorbed. Every level gives the same
bits (`tests/bits.rs`), so one level is measured for all.

Where a result is a difference of terms it has a zero, and beside it the working precision shows. Results of less than
half (f64; 1/64 for f32) of the largest term are therefore listed apart, under *beside its zero*: the error beyond half
an ulp, in ulp of the largest term. The parameters are those of `examples/accuracy/cases.rs`.
";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { points, steps, threads, seed, .. } = arguments;
    let mut text = format!(
        "# Accuracy\n\nGenerated; to reproduce it:\n\n```text\ncargo run --release --example accuracy -- --points \
         {points} --steps {steps} --seed {seed} --write docs\n```\n\n{INTRODUCTION}\n"
    );
    text += "All 2³² inputs of the three `f32` functions: `cargo run --release --example exhaustive`.\n\n";
    text += "## Largest errors\n\n";
    text += "| result | format | largest error, ulp | where | beside its zero | points |\n|---|---|---|---|---|---|\n";

    let mut cases = cases::all();
    if let Some(only) = &arguments.only {
        cases.retain(|case| format!("{} {}", case.name, case.format.name()).contains(only));
    }
    let bar = ProgressBar::new(points * cases.len() as u64);
    let style = ProgressStyle::with_template("{msg:32} {wide_bar} {percent:>3} %, {eta} left")?;
    bar.set_style(style);
    let mut compared = 0;
    for case in &cases {
        bar.set_message(format!("{} {}", case.name, case.format.name()));
        let found = measure::measure(case, seed, points, SPARSE, threads, |done| bar.inc(done));
        for (output, found) in found.iter().enumerate().take(case.outputs()) {
            compared += found.compared;
            text += &row(case, output, found);
        }
    }
    bar.finish_and_clear();
    let _ = writeln!(text, "\n{compared} results compared.\n");
    if arguments.only.is_some() {
        print!("{text}");
        return Ok(());
    }

    text += "## f64 before the last rounding\n\n";
    text += "The working precision of `f64` scores is a sum of two numbers. A loss defined outside of the crate sees it, \
             and so does\nthe search: hill climbing on the error that is there before the last rounding, which adds at \
             most 0.5 to it, and then the\nlargest error of a result near the places found.\n\n";
    text += "| result | before the last rounding, ulp | where | largest error near there, ulp | where |\n|---|---|---|---|---|\n";
    for found in hunt::hunt(seed, steps, threads) {
        let hex = |(c, r): (f64, f64)| format!("`{:016x} {:016x}`", c.to_bits(), r.to_bits());
        let _ = writeln!(
            text,
            "| {} | {:.5} | {} | {:.5} | {} |",
            found.name,
            found.before,
            hex(found.before_at),
            found.after,
            hex(found.after_at)
        );
    }
    text += "\n## Worst points known\n\nKept from searches; `tests/accuracy.rs` holds them to the limits.\n\n";
    text += "| result | format | error, ulp | where |\n|---|---|---|---|\n";
    for known in worst::KNOWN {
        let case = known.find(&cases);
        let (point, output) = (known.point(), known.output);
        let computed = case.compute(&[point])[0][output];
        let error = case.exact_error(computed, &case.exact(&point)[output]);
        let (name, format) = (result_name(case, output), case.format.name());
        let _ = writeln!(text, "| {name} | {format} | {error:.7} | `{}` |", place(case, &point));
    }
    text += "\n## Plots\n\nThe largest error in each of 200 intervals of the margin z, on a logarithmic scale.\n\n";
    for plot in plots::PLOTS {
        let _ = writeln!(text, "![{}]({})\n", plot.title, plot.file);
    }
    text += plots::SOURCES;
    match &arguments.write {
        None => print!("{text}"),
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            let path = folder.join("accuracy.md");
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            for plot in plots::PLOTS {
                plot.draw(&folder.join(plot.file))?;
            }
        }
    }
    Ok(())
}
