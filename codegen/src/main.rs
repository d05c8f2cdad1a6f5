//! Checks that every kernel is vectorised, by reading its machine code: at AVX2 and at AVX-512, whatever this machine has.
//!
//! ```sh
//! cargo run --release -p codegen            # check
//! cargo run --release -p codegen -- --bless # and take the lengths of the loops as the new limits
//! ```
//!
//! (a) `kernels` is built with symbol names that spell out the type parameters, so that a failure names its kernel.
//! (b) A kernel is a function called [`Level`]`<…Kernel<…>>`; what counts is the code in its loops. Calls for one pair have no
//!     loop, and cold functions, to which doubtful rows and sums at the end of a batch go, are functions of their own.
//! (c) A kernel is vectorised if arithmetic over full vectors outweighs scalars and shorter vectors [`OUTWEIGHS`] times,
//!     and nothing is gathered or scattered, nor an elementary function of a library called.
//! (d) The instructions in the loops may be [`GROWTH`] times as many as in `limits.txt`, which tolerates another compiler.
//! (e) The program contains a loop that cannot be vectorised. If the check is content with it, it fails.

mod disassembly;
mod limits;
mod loops;

use anyhow::{Context, Result, ensure};
use disassembly::{Arithmetic, Counts, Level, Program};
use limits::Limits;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How many times more full vectors than anything else. In a vectorised kernel there is nothing else; a scalar loop of five
/// operations after a vectorised one of fifty must not pass.
const OUTWEIGHS: usize = 50;

/// How long a loop may become, in percent of its limit.
const GROWTH: usize = 125;

/// The kernel that is not vectorised.
const SPECIMEN: &str = "scalar_specimen";

fn main() -> Result<ExitCode> {
    if !cfg!(target_arch = "x86_64") {
        println!("no instruction set of this architecture is chosen at run time: nothing to check");
        return Ok(ExitCode::SUCCESS);
    }
    let bless = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--bless") => true,
        Some(other) => anyhow::bail!("{other}: the only option is --bless"),
    };
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::fs::read(build(crate_dir)?)?;
    let program = Program::new(&program)?;

    let path = crate_dir.join("limits.txt");
    let limits = if bless { Limits::default() } else { Limits::read(&path)? };
    let (mut found, mut failures) = (Limits::default(), 0);
    for level in Level::ALL {
        for (name, counts) in program.kernels(level) {
            let mut faults = faults(&counts);
            if !bless {
                faults.extend(growth(&counts, limits.get(level, &name)));
            }
            let verdict = if faults.is_empty() { "ok".to_owned() } else { faults.join(", ") };
            println!("{} {name}: {counts}: {verdict}", level.name());
            failures += usize::from(!faults.is_empty());
            found.insert(level, &name, counts.instructions);
        }
    }
    ensure!(found.len() > 0, "no kernels in the program");
    let missing = limits.missing_from(&found);
    for name in &missing {
        println!("{name}: in {}, but there is no such kernel", path.display());
    }
    let specimen = program.function(SPECIMEN, Level::Avx512)?;
    ensure!(!is_vectorised(&specimen), "the check is blind: {SPECIMEN} passes it ({specimen})");

    println!("{} kernels, {failures} with a fault", found.len());
    if bless {
        found.write(&path)?;
    }
    Ok(if failures == 0 && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the program as users build the crate, but for the names; returns its path.
fn build(crate_dir: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("this program is in a target directory")?;
    let target = target.join("codegen");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--bin", "kernels", "--manifest-path"])
        .arg(crate_dir.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        // In place of any flags of the caller's, which might ask for another instruction set.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Csymbol-mangling-version=v0")
        .env_remove("CARGO_BUILD_TARGET")
        .status()?;
    ensure!(status.success(), "building the kernels: {status}");
    Ok(target.join("release").join("kernels").with_extension(std::env::consts::EXE_EXTENSION))
}

fn is_vectorised(counts: &Counts) -> bool {
    let Arithmetic { full, narrow, scalar } = counts.runs;
    full > 0 && full >= OUTWEIGHS * (narrow + scalar)
}

/// What is wrong with a kernel.
fn faults(counts: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_vectorised(counts) {
        faults.push("NOT VECTORISED".to_owned());
    }
    if counts.gathers > 0 {
        faults.push(format!("{} GATHERS", counts.gathers));
    }
    faults.extend(counts.library_calls.iter().map(|call| format!("CALLS {call}")));
    faults
}

/// What is wrong with the length of its loops.
fn growth(counts: &Counts, limit: Option<usize>) -> Option<String> {
    let Some(limit) = limit else { return Some("NO LIMIT YET: run with --bless".to_owned()) };
    let too_long = 100 * counts.instructions > GROWTH * limit;
    too_long.then(|| format!("LONGER THAN {GROWTH} % OF {limit}"))
}
