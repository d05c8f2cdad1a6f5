//! The examples under `mpirun`: the same bits on any number of ranks, and an end when one of them fails.
//!
//! Needs `mpirun` and the examples, which `cargo test` builds (and `cargo test --test ranks` does not).

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A machine with more to do than this test may pause it for a while.
const TIMEOUT: Duration = Duration::from_secs(120);
/// "In seconds": how long the end of a failing job may take.
const END: Duration = Duration::from_secs(20);

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder =
        test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    // A file that cargo built before the last change would test what is no more.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = sources.join("examples").join(name).with_extension("rs");
    let library = sources.join("src").read_dir().expect("the sources are there");
    let library = library.map(|file| file.expect("the sources can be listed").path());
    let newest = library.chain([own]).map(|file| written(&file)).max();
    assert!(
        newest <= Some(written(&path)),
        "{} is out of date: cargo build --examples",
        path.display()
    );
    path
}

fn written(file: &Path) -> SystemTime {
    let time = file.metadata().and_then(|file| file.modified());
    time.unwrap_or_else(|error| panic!("{}: {error}. cargo build --examples", file.display()))
}

/// Runs an example on so many ranks, or without `mpirun`.
fn run(ranks: Option<u32>, name: &str, arguments: &[&str]) -> Output {
    let mut command = match ranks {
        None => Command::new(example(name)),
        Some(ranks) => {
            let mut command = Command::new("mpirun");
            command.arg("-n").arg(ranks.to_string()).arg(example(name));
            // More ranks than cores, and as root: what Open MPI allows only when asked.
            command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
            command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
            command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            command
        }
    };
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error}. Is mpirun installed (Debian: openmpi-bin)?")
    });
    let start = Instant::now();
    // What the examples print fits in a pipe.
    while child.try_wait().expect("the child can be asked").is_none() {
        if start.elapsed() > TIMEOUT {
            child.kill().expect("the child can be ended");
            panic!("{command:?} has not ended after {TIMEOUT:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().expect("the output can be read")
}

fn stdout(ranks: Option<u32>, name: &str, arguments: &[&str]) -> String {
    let output = run(ranks, name, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{ranks:?} ranks: {}\n{error}", output.status);
    String::from_utf8(output.stdout).expect("the output is text")
}

/// The lines of an output that start like this, of which there must be some.
fn lines<'a>(output: &'a str, start: &str) -> Vec<&'a str> {
    let lines: Vec<_> = output.lines().filter(|line| line.starts_with(start)).collect();
    assert!(!lines.is_empty(), "no line starts with {start:?} in\n{output}");
    lines
}

fn number(line: &str) -> f64 {
    let bits = line.split_whitespace().next_back().expect("a line has words");
    f64::from_bits(u64::from_str_radix(bits, 16).expect("the last word is the bits"))
}

#[test]
fn loss_metrics_and_trained_weights_are_the_same_bits_on_1_to_4_ranks() {
    let alone = stdout(None, "reward_model", &[]);
    assert!(alone.starts_with("1 ranks with "), "{alone}");
    let (exact, plain) = (lines(&alone, "exact"), lines(&alone, "plain"));
    // Five numbers and 6 schools × (1 + 8) weights.
    assert_eq!((exact.len(), plain.len()), (5 + 54, 5 + 54));
    assert!(number(exact[0]) < 0.59, "the model has learnt: {}", exact[0]);

    let mut differences = 0;
    for ranks in 1..=4 {
        let output = stdout(Some(ranks), "reward_model", &[]);
        assert!(output.starts_with(&format!("{ranks} ranks with ")), "{output}");
        assert_eq!(lines(&output, "exact"), exact, "{ranks} ranks");
        for (line, &reference) in lines(&output, "plain").iter().zip(&plain) {
            differences += u32::from(*line != reference);
            assert!((number(line) - number(reference)).abs() < 1e-9, "{line}\n{reference}");
        }
    }
    assert!(differences > 0, "plain all-reduces were exact, so that this test shows nothing");
    // Both are the same model.
    for (exact, plain) in exact.iter().zip(&plain) {
        assert!((number(exact) - number(plain)).abs() < 1e-9, "{exact}\n{plain}");
    }
}

#[test]
fn ratings_are_the_same_bits_on_1_to_4_ranks() {
    let alone = stdout(None, "ratings", &[]);
    let results = |output: &str| output.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    for ranks in 1..=4 {
        let output = stdout(Some(ranks), "ratings", &[]);
        assert!(output.starts_with(&format!("{ranks} ranks with ")), "{output}");
        assert_eq!(results(&output), results(&alone), "{ranks} ranks");
    }
    // Agresti, Categorical Data Analysis, 2nd ed., section 10.6: scores less that of Baltimore.
    let score = |player| number(lines(&alone, player)[0]);
    for (player, published) in [
        ("Milwaukee", 1.581),
        ("Detroit", 1.436),
        ("Toronto", 1.294),
        ("New York", 1.248),
        ("Boston", 1.108),
        ("Cleveland", 0.684),
    ] {
        let found = score(player) - score("Baltimore");
        assert!((found - published).abs() < 6e-4, "{player}: {found}");
    }
}

#[test]
fn a_failing_rank_ends_the_job_with_its_message() {
    for how in ["panic", "thread", "error"] {
        for rank in [0, 2] {
            let start = Instant::now();
            let arguments = ["--rank", &rank.to_string(), "--how", how];
            let output = run(Some(3), "failing_rank", &arguments);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{how}: the job should have failed");
            assert!(start.elapsed() < END, "{how}: {:?}\n{error}", start.elapsed());
            assert!(error.contains("a shard with no end"), "{how}: {error}");
            assert!(error.contains(&format!("rank {rank} of 3")), "{how}: {error}");
            assert!(output.stdout.is_empty(), "{how}: no rank gets past the all-reduce");
        }
    }
    // A crash has no message of ours, and is mpirun's to notice.
    let start = Instant::now();
    let output = run(Some(3), "failing_rank", &["--rank", "1", "--how", "crash"]);
    assert!(!output.status.success() && start.elapsed() < END, "{:?}", start.elapsed());
    // Without mpirun, too.
    let output = run(None, "failing_rank", &[]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("rank 0 of 1"), "{error}");
    // And a rank that does not exist fails nobody.
    assert_eq!(lines(&stdout(Some(3), "failing_rank", &["--rank", "3"]), "rank").len(), 3);
}

#[test]
fn vectors_of_different_lengths_are_an_error_and_not_a_crash() {
    let output = run(Some(3), "failing_rank", &["--rank", "1", "--how", "length"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("vector has 7 elements where that of another rank has 8"), "{error}");
}
