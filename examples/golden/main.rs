//! How far an implementation in any language is from `golden/v1`.
//!
//! ```text
//! cargo run --release --example golden -- results.csv
//! cargo run --release --example golden -- --command 'python3 golden/numpy_f32.py' --format f32 --limit 4
//! ```
//!
//! Results are a table with the columns `case`, `a`, `b`, `margin`, `weight`, `label` as they are in `golden/v1`, and
//! `value`, `gradient`, `hessian` as computed; an empty cell or a missing row is one that was not computed. The easiest
//! way is to read a golden file, overwrite three columns, and write it. A command gets the golden file on its standard
//! input and writes results to its standard output.
//!
//! Exits with 1 if a result is NaN or infinite where it should not be, or the reverse, or if an error exceeds the limit.

mod table;

use anyhow::{Context, ensure};
use clap::Parser;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use table::{Columns, OUTPUTS, Row};

#[derive(Parser)]
#[command(about = "Errors of an implementation against golden/v1, in units in the last place")]
struct Arguments {
    /// Files of results.
    #[arg(required_unless_present = "command")]
    results: Vec<PathBuf>,
    /// A command from golden rows to results, run by the shell.
    #[arg(long, conflicts_with = "results")]
    command: Option<String>,
    /// Only f32 or f64.
    #[arg(long, value_parser = ["f32", "f64"])]
    format: Option<String>,
    /// The largest error that passes, in units in the last place; where terms cancel, half a unit more than this many of
    /// the largest term.
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// The folder of the golden files.
    #[arg(long, default_value = "golden/v1")]
    golden: PathBuf,
}

/// What was found of one output of a case.
#[derive(Default)]
struct Found {
    compared: usize,
    wrong: usize,
    wrong_at: String,
    error: f64,
    at: String,
    /// Beside a zero, in units of the largest term.
    cancelling: f64,
}

fn run(command: &str, input: String) -> anyhow::Result<String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command}"))?;
    let mut stdin = child.stdin.take().context("standard input")?;
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    // A command that has seen enough may stop reading.
    drop(writer.join());
    ensure!(output.status.success(), "{command}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn judge(golden: &Row, results: [Option<u64>; 3], found: &mut [Found; 3]) {
    let place = || {
        let digits = if golden.single { 8 } else { 16 };
        let inputs = golden.inputs.iter().flatten().map(|x| format!("{x:0digits$x}"));
        inputs.fold(golden.stratum.clone(), |place, input| place + " " + &input)
    };
    for ((expected, computed), found) in golden.expected.iter().zip(results).zip(found) {
        let (Some(expected), Some(computed)) = (expected, computed) else { continue };
        found.compared += 1;
        match expected.error(computed, golden.single) {
            None => {
                found.wrong += 1;
                found.wrong_at = place();
            }
            Some(error) if expected.terms > 0 => {
                found.cancelling = found.cancelling.max(expected.of_terms(error));
            }
            Some(error) if error > found.error => {
                (found.error, found.at) = (error, place());
            }
            Some(_) => {}
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut golden = HashMap::new();
    let mut found: BTreeMap<(bool, String), [Found; 3]> = BTreeMap::new();
    let mut texts = Vec::new();
    for format in ["f32", "f64"] {
        if arguments.format.as_ref().is_some_and(|only| only != format) {
            continue;
        }
        let path = arguments.golden.join(format).with_extension("csv");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let columns = Columns::parse(&text)?;
        for (key, row) in columns.keys()?.into_iter().zip(columns.golden()?) {
            found.entry((!row.single, row.case.clone())).or_default();
            golden.insert(key, row);
        }
        if let Some(command) = &arguments.command {
            texts.push(run(command, text)?);
        }
    }
    for path in &arguments.results {
        texts.push(std::fs::read_to_string(path).with_context(|| path.display().to_string())?);
    }

    let mut unknown = 0;
    for text in &texts {
        let columns = Columns::parse(text)?;
        for (key, results) in columns.keys()?.into_iter().zip(columns.results()?) {
            // Once: a row given twice is not counted twice.
            match golden.remove(&key) {
                Some(row) => {
                    let cells = found.entry((!row.single, row.case.clone())).or_default();
                    judge(&row, results, cells);
                }
                None => unknown += 1,
            }
        }
    }

    println!(
        "| case | format | output | rows | not finite | largest error, ulp | where | beside a zero |"
    );
    println!("|---|---|---|--:|--:|--:|---|--:|");
    let (mut compared, mut bad, mut absent) = (0, 0, Vec::new());
    for ((double, case), outputs) in &found {
        let format = if *double { "f64" } else { "f32" };
        if outputs.iter().all(|found| found.compared == 0) {
            absent.push(format!("{case} {format}"));
        }
        for (name, found) in OUTPUTS.iter().zip(outputs).filter(|(_, found)| found.compared > 0) {
            compared += found.compared;
            let Found { wrong, error, cancelling, .. } = *found;
            let fails = wrong > 0 || error > arguments.limit || cancelling > arguments.limit;
            bad += usize::from(fails);
            let at =
                if error > arguments.limit || wrong == 0 { &found.at } else { &found.wrong_at };
            println!(
                "| {case} | {format} | {name} | {} | {wrong} | {error:.5} | `{at}` | {cancelling:.5} |",
                found.compared
            );
        }
    }
    println!(
        "\n{compared} results compared, {} rows not computed, {unknown} rows unknown",
        golden.len()
    );
    if !absent.is_empty() {
        println!("nothing computed: {}", absent.join(", "));
    }
    let passes = bad == 0 && compared > 0 && unknown == 0;
    let verdict = if passes { "PASS" } else { "FAIL" };
    println!(
        "{verdict}: {bad} outputs beyond {} ulp or not finite where they should be",
        arguments.limit
    );
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
