//! The reward-model example: its minimum against an independent solver, its accuracy, its files in and out.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/reward_model/main.rs"]
mod reward_model;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use nalgebra::{DMatrix, DVector};
use pairwise_loss::{Hinge, Logistic};
use tempfile::TempDir;

use reward_model::args::Args;
use reward_model::evaluate::{accuracy, accuracy_gain, cross_validate, folds};
use reward_model::fit::{End, Objective, Training, minimise};
use reward_model::preferences::DataSet;
use reward_model::{data_cems, data_jsonl, train};

const TRAINING: Training = Training { l2: 1.0, max_iterations: 500 };

fn cems_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/cems1998")
}

fn cems() -> DataSet {
    data_cems::load(&cems_folder()).unwrap()
}

/// The same model from scratch: own reading of the files, dense differences of features, Newton's method.
struct Newton {
    differences: DMatrix<f64>,
    labels: DVector<f64>,
}

impl Newton {
    fn of_cems() -> Self {
        let read =
            |name: &str| fs::read_to_string(cems_folder().join(name)).unwrap().replace('"', "");
        let ones = ["commerce", "good", "good", "good", "good", "yes", "yes", "male"];
        let mut students: Vec<Vec<f64>> = read("cems_students.csv")
            .lines()
            .skip(1)
            .map(|line| line.split(',').zip(ones).map(|(x, one)| f64::from(x == one)).collect())
            .collect();
        for k in 0..ones.len() {
            let mean = students.iter().map(|x| x[k]).sum::<f64>() / students.len() as f64;
            for x in &mut students {
                x[k] -= mean;
            }
        }
        let schools = ["London", "Paris", "Milano", "St.Gallen", "Barcelona", "Stockholm"];
        let school: HashMap<&str, usize> = schools.into_iter().zip(0..).collect();

        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for line in read("cems_preferences.csv").lines().skip(1) {
            let field: Vec<&str> = line.split(',').collect();
            let label = match field[3..6] {
                ["1", "0", "0"] => 1.0,
                ["0", "1", "0"] => 0.0,
                ["0", "0", "1"] => 0.5,
                _ => continue,
            };
            let student = &students[field[0].parse::<usize>().unwrap() - 1];
            let mut row = vec![0.0; 6 + 6 * 8];
            for (name, sign) in [(field[1], 1.0), (field[2], -1.0)] {
                let school = school[name];
                row[school] = sign;
                for k in 0..8 {
                    row[6 + 8 * school + k] = sign * student[k];
                }
            }
            rows.extend(row);
            labels.push(label);
        }
        Self {
            differences: DMatrix::from_row_slice(labels.len(), 54, &rows),
            labels: DVector::from_vec(labels),
        }
    }

    fn probabilities(&self, w: &DVector<f64>) -> DVector<f64> {
        (&self.differences * w).map(|z| 1.0 / (1.0 + (-z).exp()))
    }

    /// −mean(y·ln p + (1 − y)·ln(1 − p)) + ‖w‖² / (2n).
    fn objective(&self, w: &DVector<f64>) -> f64 {
        let entropy = |y: f64, p: f64| -(y * p.ln() + (1.0 - y) * (1.0 - p).ln());
        let losses = self.labels.zip_map(&self.probabilities(w), entropy);
        (losses.sum() + 0.5 * w.norm_squared()) / self.labels.len() as f64
    }

    fn minimum(&self) -> DVector<f64> {
        let mut w = DVector::zeros(self.differences.ncols());
        for _ in 0..20 {
            let p = self.probabilities(&w);
            let gradient = self.differences.transpose() * (&p - &self.labels) + &w;
            let mut weighted = self.differences.clone();
            for (mut row, p) in weighted.row_iter_mut().zip(&p) {
                row *= p * (1.0 - p);
            }
            let hessian =
                self.differences.transpose() * weighted + DMatrix::identity(w.len(), w.len());
            w -= hessian.cholesky().unwrap().solve(&gradient);
        }
        w
    }
}

#[test]
fn the_minimum_is_that_of_newtons_method() {
    let newton = Newton::of_cems();
    let expected = newton.minimum();
    let fit = minimise(&cems().preferences, Logistic, TRAINING, |_| Ok(())).unwrap();

    assert_eq!(fit.end, End::Converged);
    assert!(fit.gradient_norm < 1e-10, "{}", fit.gradient_norm);
    let objective = newton.objective(&expected);
    assert!((fit.objective - objective).abs() < 1e-10 * objective, "{} {objective}", fit.objective);
    let difference = (DVector::from_vec(fit.weights.clone()) - expected).norm();
    assert!(difference < 1e-6, "{difference}");
    // Every school has its own column: the penalty alone puts the strengths' mean at 0.
    assert!(fit.weights[..6].iter().sum::<f64>().abs() < 1e-8);
}

#[test]
fn the_gradient_is_that_of_the_objective() {
    let data = cems();
    let objective = Objective::new(&data.preferences, Logistic, 3.0);
    let w: Vec<f64> = (0..data.preferences.columns()).map(|k| (k as f64).sin()).collect();
    let at = objective.evaluate(&w).unwrap();
    for k in [0, 5, 6, 30, 53] {
        let step = 1e-5;
        let moved = |by: f64| {
            let mut w = w.clone();
            w[k] += by;
            objective.evaluate(&w).unwrap().value
        };
        let numeric = (moved(step) - moved(-step)) / (2.0 * step);
        assert!((at.gradient[k] - numeric).abs() < 1e-9, "{k}: {} {numeric}", at.gradient[k]);
    }
}

#[test]
fn a_loss_with_a_kink_comes_close_to_its_minimum() {
    let fit =
        minimise(&cems().preferences, Hinge::new(1.0).unwrap(), TRAINING, |_| Ok(())).unwrap();
    // 0.690763: softened hinges with ever smaller temperature, minimised by another program.
    assert!((0.69076..0.69083).contains(&fit.objective), "{}", fit.objective);
    assert!(fit.weights.iter().all(|w| w.is_finite()));
}

#[test]
fn students_are_predicted_better_than_by_strengths_alone() {
    let data = cems();
    let fold_of = folds(&data, 5, 1).unwrap();
    let validate =
        |columns| cross_validate(&data, columns, &fold_of, Logistic, TRAINING, || ()).unwrap();
    let (baseline, model) = (validate(data.baseline_columns), validate(data.preferences.columns()));

    assert_eq!(model.chance().accuracy(), 0.5);
    assert!((model.chance().held_out.mean().unwrap() - std::f64::consts::LN_2).abs() < 1e-15);
    assert_eq!(model.trained().metrics.len(), 3967);
    assert_eq!(model.trained().held_out.len(), 4454);
    let estimate = accuracy(&model);
    assert!((estimate.mean - model.trained().accuracy()).abs() < 1e-12);
    assert!(estimate.mean >= 0.67, "{estimate:?}");
    let gain = accuracy_gain(&model, &baseline);
    assert!(gain.mean > 2.0 * gain.standard_error, "{gain:?}");
    assert!(model.trained().held_out.mean() < baseline.trained().held_out.mean());
}

#[test]
fn folds_are_even_seeded_and_by_group() {
    let data = cems();
    let fold_of = folds(&data, 5, 1).unwrap();
    let sizes: Vec<usize> =
        (0..5).map(|fold| fold_of.iter().filter(|&&f| f == fold).count()).collect();
    assert_eq!(sizes, [61, 61, 61, 60, 60]);
    assert_eq!(fold_of, folds(&data, 5, 1).unwrap());
    assert_ne!(fold_of, folds(&data, 5, 2).unwrap());
    assert_eq!(
        folds(&data, 304, 1).unwrap_err().to_string(),
        "too few students for 304 folds: the data has 303"
    );
}

/// A folder with one file in it.
fn file(contents: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    fs::write(&path, contents).unwrap();
    (folder, path)
}

fn jsonl_error(contents: impl AsRef<[u8]>) -> String {
    let (folder, path) = file(contents);
    let error = format!("{:#}", data_jsonl::load(&path, 10).unwrap_err());
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn errors_in_jsonl_name_file_and_line() {
    let good = r#"{"prompt": "p", "chosen": "a", "rejected": "b"}"#;
    let cases = [
        ("{\"chosen\": \"a\"", "2: not valid JSON: EOF while parsing an object at column 14"),
        ("[1]", "2: expected a JSON object, found a list"),
        (r#"{"chosen": "a"}"#, "2: the field `rejected` is missing"),
        (r#"{"rejected": "a"}"#, "2: the field `chosen` is missing"),
        (
            r#"{"chosen": 1, "rejected": "b"}"#,
            "2: `chosen` must be a string or a list of messages, found a number",
        ),
        (
            r#"{"prompt": {}, "chosen": "a", "rejected": "b"}"#,
            "2: `prompt` must be a string or a list of messages, found an object",
        ),
        (
            r#"{"chosen": ["a"], "rejected": ["b"]}"#,
            "2: `chosen[0]` must be an object with `role` and `content`",
        ),
        (
            r#"{"chosen": [{"role": "user", "content": null}], "rejected": "b"}"#,
            "2: `chosen[0].content` must be a string, found null",
        ),
        (
            r#"{"chosen": [{"role": "user", "content": "a"}], "rejected": "b"}"#,
            "2: `chosen` and `rejected` must both be strings or both be lists of messages",
        ),
    ];
    for (line, message) in cases {
        assert_eq!(
            jsonl_error(format!("{good}\n{line}\n{good}\n")),
            format!("pairs.jsonl:{message}")
        );
    }
    assert!(jsonl_error(b"{}\xff").starts_with("pairs.jsonl:1: "));
    assert_eq!(jsonl_error("\n \n"), "pairs.jsonl: no comparison in the file");
    assert_eq!(
        jsonl_error(r#"{"chosen": "a", "rejected": "a"}"#),
        "pairs.jsonl: in every pair (1) the answers are identical"
    );
    let missing = format!("{:#}", data_jsonl::load(Path::new("no/such/file"), 10).unwrap_err());
    assert!(missing.starts_with("cannot read no/such/file: "), "{missing}");
}

#[test]
fn every_form_of_a_pair_has_the_same_features() {
    let forms = [
        r#"{"prompt": "Hi?", "chosen": " Yes, sir.", "rejected": " no"}"#,
        r#"{"prompt": [{"role": "user", "content": "Hi?"}],
            "chosen": [{"role": "assistant", "content": " Yes, sir."}],
            "rejected": [{"role": "assistant", "content": " no"}]}"#,
        r#"{"chosen": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": " Yes, sir."}],
            "rejected": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": " no"}]}"#,
        r#"{"chosen": "\n\nHuman: Hi?\n\nAssistant: Yes, sir.", "rejected": "\n\nHuman: Hi?\n\nAssistant: no"}"#,
    ];
    let identical = r#"{"prompt": "Hi?", "chosen": "same", "rejected": "same"}"#;
    let lines: Vec<String> =
        forms.iter().chain([&identical]).map(|form| form.replace('\n', " ")).collect();
    let (_folder, path) = file(lines.join("\n"));
    let data = data_jsonl::load(&path, 10).unwrap();

    assert_eq!(data.preferences.len(), 4);
    assert_eq!(data.notes[1], "Warning: 1 pairs of identical answers are left out.");
    assert_eq!(data.preferences.groups, [0, 0, 0, 1]); // The last prompt is the dialogue, with its markers.
    for i in 1..4 {
        assert_eq!(data.preferences.chosen.row(i), data.preferences.chosen.row(0));
        assert_eq!(data.preferences.rejected.row(i), data.preferences.rejected.row(0));
    }
    assert_eq!(data.preferences.chosen.row(0)[0], (0, 2.0_f64.ln_1p())); // two words
}

#[test]
fn errors_in_csv_name_file_and_line() {
    let students = fs::read_to_string(cems_folder().join("cems_students.csv")).unwrap();
    let header = "student,school1,school2,win1,win2,tied\n1,A,B,1,0,0\n";
    let cases = [
        ("304,A,B,1,0,0", "3: student 304 is not among the 303 of cems_students.csv"),
        ("x,A,B,1,0,0", "3: field 0: invalid digit found in string"),
        ("1,A,A,1,0,0", "3: A is compared with itself"),
        (
            "1,A,B,1,1,0",
            r#"3: win1, win2, tied are ["1", "1", "0"]: expected a single 1 among 0s, or NA three times"#,
        ),
        ("1,A,B", "3: 3 fields where the header has 6"),
    ];
    let error = |students: &str, preferences: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cems_students.csv"), students).unwrap();
        fs::write(folder.path().join("cems_preferences.csv"), preferences).unwrap();
        let error = format!("{:#}", data_cems::load(folder.path()).unwrap_err());
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    for (row, message) in cases {
        let preferences = format!("{header}{row}\n");
        assert_eq!(error(&students, &preferences), format!("cems_preferences.csv:{message}"));
    }
    assert_eq!(
        error(&students.replacen("good", "fair", 1), header),
        r#"cems_students.csv:2: found "fair" where "good" or "poor" was expected"#
    );
    assert_eq!(error(&students, ""), "cems_preferences.csv: no rows below the header");
    assert_eq!(
        error(&students, "student,school1\n1,A\n"),
        "cems_preferences.csv:2: missing field `school2`"
    );
}

fn args(arguments: &[&str]) -> Args {
    Args::try_parse_from(["reward_model"].iter().chain(arguments)).unwrap()
}

#[test]
fn bad_arguments_are_explained() {
    for bad in [
        ["--folds", "1"],
        ["--epochs", "0"],
        ["--features", "25"],
        ["--loss", "huber"],
        ["--seed", "x"],
    ] {
        assert!(Args::try_parse_from(["reward_model"].iter().chain(&bad)).is_err(), "{bad:?}");
    }
    for bad in [["--scale", "-1"], ["--margin", "inf"], ["--smoothing", "2"]] {
        let error = args(&bad).tuned(Logistic).unwrap_err().to_string();
        assert!(error.contains(bad[0].trim_start_matches('-')), "{error}");
    }
    assert_eq!(
        args(&["--l2", "-1"]).training().unwrap_err().to_string(),
        "--l2 is -1, it must be finite and ≥ 0"
    );
    assert_eq!(
        args(&["--parameter", "1"]).loss_parameter().unwrap_err().to_string(),
        "--parameter: the loss logistic has none"
    );
    assert_eq!(args(&["--loss", "ipo"]).loss_parameter().unwrap(), Some(0.5));
    let tuned = args(&["--loss", "hinge", "--parameter", "2", "--scale", "0.1"]);
    assert_eq!(tuned.describe_loss(), "hinge (m = 2, scale 0.1)");
}

/// 60 prompts with two pairs each, in which the longer answer is the better one three times out of four.
fn synthetic() -> String {
    let pair = |prompt: usize, k: usize| {
        let (long, short) = ("word ".repeat(8 + prompt % 5), "word ".repeat(2 + k));
        let (chosen, rejected) =
            if (prompt + k).is_multiple_of(4) { (short, long) } else { (long, short) };
        format!(
            r#"{{"prompt": "Question {prompt}?", "chosen": "{chosen}", "rejected": "{rejected}"}}"#
        )
    };
    (0..120).map(|i| pair(i / 2, i % 2)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_reports_saves_and_plots() {
    let (folder, path) = file(synthetic());
    let output = folder.path().join("new/folder");
    let weights = folder.path().join("weights.json");
    let args = args(&[
        "--data",
        path.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
        "--save",
        weights.to_str().unwrap(),
        "--features",
        "8",
        "--folds",
        "4",
    ]);
    let mut report = Vec::new();
    train(Logistic, &args, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();

    assert!(report.starts_with("120 comparisons of answers to 60 prompts"), "{report}");
    for expected in [
        "4-fold cross-validation by prompt",
        "length of the answer only",
        "converged after",
        "0.7500 ±",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    for plot in ["learning_curve.svg", "calibration.svg"] {
        assert!(report.contains(plot), "{report}");
        assert!(fs::read_to_string(output.join(plot)).unwrap().trim_end().ends_with("</svg>"));
    }
    let saved: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(weights).unwrap()).unwrap();
    assert_eq!((&saved["loss"], &saved["hash_bits"]), (&"logistic".into(), &8.into()));
    assert_eq!(saved["weights"][0]["name"], "log words");
    assert!(saved["weights"][0]["weight"].as_f64().unwrap() > 0.0);
}

#[test]
fn an_unusable_output_folder_and_too_few_prompts_are_errors() {
    let (_folder, path) = file(synthetic());
    let data = path.to_str().unwrap();
    let error = |arguments: &[&str]| {
        format!("{:#}", train(Logistic, &args(arguments), &mut Vec::new()).unwrap_err())
    };
    let blocked = error(&["--data", data, "--output", data]);
    assert!(blocked.starts_with("cannot make the folder "), "{blocked}");
    let few = error(&["--data", data, "--folds", "61"]);
    assert!(few.ends_with("pairs.jsonl: too few prompts for 61 folds: the data has 60"), "{few}");
}
