//! Every `f32` there is, through `sigmoid`, `log_sigmoid` and `softplus`, against the correctly rounded result.
//!
//! ```text
//! cargo run --release --example exhaustive                       all 2³² inputs of all three, minutes
//! cargo run --release --example exhaustive -- --stride 4099      a quick part
//! cargo run --release --example exhaustive -- --level baseline --function sigmoid
//! ```
//!
//! (a) What is tested is the batch form at one [`Level`]; that levels and the scalar functions agree bit for bit is
//!     shown by `tests/bits.rs`.
//! (b) What it is tested against, [`reference::fast`], shares no formula and no constant with the crate: sums of two
//!     `f64` with a proven error, and big integers where those leave a choice.
//! (c) Bits are compared, so the sign of zero counts: log σ(x) is −0 where it rounds to zero, σ(x) and S(x) are +0.
//!     All 2²⁴ − 2 NaN must give the one canonical NaN.
//!
//! Exits with 1 if any input fails.

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use pairwise_loss::{Error, Level};
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Number of `f32` bit patterns.
const INPUTS: u64 = 1 << 32;

/// Inputs that a thread takes at a time.
const PORTION: u64 = 1 << 16;

/// The NaN that every NaN input gives.
const NAN: u32 = 0x7fc0_0000;

/// Failing inputs that are printed.
const SHOWN: usize = 20;

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Function {
    Sigmoid,
    LogSigmoid,
    Softplus,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::LogSigmoid => "log_sigmoid",
            Self::Softplus => "softplus",
        }
    }

    fn computed(self, level: Level, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        match self {
            Self::Sigmoid => level.sigmoid_into(x, out),
            Self::LogSigmoid => level.log_sigmoid_into(x, out),
            Self::Softplus => level.softplus_into(x, out),
        }
    }

    fn expected(self, x: f32) -> u32 {
        let y = match self {
            Self::Sigmoid => reference::fast::sigmoid(x),
            Self::LogSigmoid => reference::fast::log_sigmoid(x),
            Self::Softplus => reference::fast::softplus(x),
        };
        if y.is_nan() { NAN } else { y.to_bits() }
    }
}

#[derive(Parser)]
#[command(about = "All 2^32 f32 inputs against the correctly rounded result")]
struct Arguments {
    /// One function only.
    #[arg(long, value_enum)]
    function: Option<Function>,
    /// Instruction set: baseline, avx2, avx512. The best one if not given.
    #[arg(long)]
    level: Option<String>,
    /// Every N-th input only.
    #[arg(long, default_value = "1")]
    stride: NonZeroU64,
    #[arg(long, default_value = "2")]
    threads: NonZeroU64,
}

/// An input with a wrong result.
struct Failure {
    input: u32,
    computed: u32,
    expected: u32,
}

/// Failing inputs of one portion; the first of them.
fn check(function: Function, level: Level, inputs: &[f32]) -> Result<(u64, Vec<Failure>), Error> {
    let mut out = vec![0.0; inputs.len()];
    function.computed(level, inputs, &mut out)?;
    let (mut count, mut first) = (0, Vec::new());
    for (x, y) in inputs.iter().zip(out) {
        let (computed, expected) = (y.to_bits(), function.expected(*x));
        if computed != expected {
            count += 1;
            if first.len() < SHOWN {
                first.push(Failure { input: x.to_bits(), computed, expected });
            }
        }
    }
    Ok((count, first))
}

/// Number of inputs tried and of failures; the first of them.
fn run(function: Function, level: Level, stride: u64, threads: u64) -> (u64, u64, Vec<Failure>) {
    let tried = INPUTS.div_ceil(stride);
    let bar = ProgressBar::new(tried);
    let style = ProgressStyle::with_template("{msg:11} {wide_bar} {percent:>3} %, {eta} left");
    bar.set_style(style.expect("a valid template"));
    bar.set_message(function.name());

    let next = AtomicU64::new(0);
    let results = Mutex::new((0, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(PORTION, Ordering::Relaxed);
                    if start >= tried {
                        return;
                    }
                    let portion = start..tried.min(start + PORTION);
                    let len = portion.end - portion.start;
                    let inputs: Vec<f32> =
                        portion.map(|i| f32::from_bits((i * stride) as u32)).collect();
                    let (count, first) = check(function, level, &inputs).expect("equal lengths");
                    let mut results = results.lock().expect("no thread panics");
                    results.0 += count;
                    results.1.extend(first);
                    bar.inc(len);
                }
            });
        }
    });
    bar.finish_and_clear();
    let (failures, mut first) = results.into_inner().expect("no thread panics");
    first.sort_by_key(|failure: &Failure| failure.input);
    (tried, failures, first)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let level = match &arguments.level {
        None => Level::best(),
        Some(name) => Level::named(name).with_context(|| {
            let names: Vec<_> = Level::available().map(Level::name).collect();
            format!("no level {name} on this machine, which has {}", names.join(", "))
        })?,
    };
    let stride = arguments.stride.get();
    if stride > INPUTS {
        bail!("a stride of {stride} leaves no input to try");
    }
    let functions = match &arguments.function {
        Some(function) => std::slice::from_ref(function),
        None => Function::value_variants(),
    };
    let mut all_right = true;
    for &function in functions {
        let started = Instant::now();
        let (tried, failures, first) = run(function, level, stride, arguments.threads.get());
        println!(
            "{} at {level}: {tried} inputs, {failures} failures, {:.0} s",
            function.name(),
            started.elapsed().as_secs_f64()
        );
        for Failure { input, computed, expected } in first.iter().take(SHOWN) {
            let x = f32::from_bits(*input);
            println!("  {input:#010x} ({x:e}): {computed:#010x}, should be {expected:#010x}");
        }
        all_right &= failures == 0;
    }
    Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
