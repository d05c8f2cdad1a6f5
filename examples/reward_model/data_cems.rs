//! School preferences of students, with what is known about each student.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::preferences::{DataSet, Preferences};

/// Covariates of a student, each coded 0 or 1 by whether the answer is the one named here.
const COVARIATES: [&str; 8] = [
    "studies commerce",
    "English good",
    "French good",
    "Spanish good",
    "Italian good",
    "work experience",
    "degree",
    "male",
];

/// A row of `cems_students.csv`.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Student {
    stud: String,
    eng: String,
    fra: String,
    spa: String,
    ita: String,
    wor: String,
    deg: String,
    sex: String,
}

impl Student {
    fn covariates(&self) -> Result<[f64; COVARIATES.len()]> {
        Ok([
            either(&self.stud, "commerce", "other")?,
            either(&self.eng, "good", "poor")?,
            either(&self.fra, "good", "poor")?,
            either(&self.spa, "good", "poor")?,
            either(&self.ita, "good", "poor")?,
            either(&self.wor, "yes", "no")?,
            either(&self.deg, "yes", "no")?,
            either(&self.sex, "male", "female")?,
        ])
    }
}

fn either(answer: &str, one: &str, zero: &str) -> Result<f64> {
    match answer {
        _ if answer == one => Ok(1.0),
        _ if answer == zero => Ok(0.0),
        _ => bail!("found {answer:?} where {one:?} or {zero:?} was expected"),
    }
}

/// A row of `cems_preferences.csv`. The outcome is one of three flags, or NA in all of them.
#[derive(Deserialize)]
struct Comparison {
    student: usize,
    school1: String,
    school2: String,
    win1: String,
    win2: String,
    tied: String,
}

enum Outcome {
    First,
    Second,
    Tie,
    Missing,
}

impl Comparison {
    fn outcome(&self) -> Result<Outcome> {
        match [&*self.win1, &*self.win2, &*self.tied] {
            ["1", "0", "0"] => Ok(Outcome::First),
            ["0", "1", "0"] => Ok(Outcome::Second),
            ["0", "0", "1"] => Ok(Outcome::Tie),
            ["NA", "NA", "NA"] => Ok(Outcome::Missing),
            flags => bail!(
                "win1, win2, tied are {flags:?}: expected a single 1 among 0s, or NA three times"
            ),
        }
    }
}

/// Loads `cems_preferences.csv` and `cems_students.csv` of `folder`.
///
/// Reward of a school to a student: one strength a school, plus one weight for each school and covariate. Covariates
/// are centred, so that the strengths are the rewards of the average student. Every school has its own column, none is
/// a reference level: the penalty then treats all schools alike and makes the strengths sum to zero.
///
/// # Errors
/// `FILE:LINE: message` for whatever is wrong with a row.
pub fn load(folder: &Path) -> Result<DataSet> {
    let mut students = Vec::new();
    read_csv(&folder.join("cems_students.csv"), |student: Student| {
        students.push(student.covariates()?);
        Ok(())
    })?;
    centre(&mut students);

    let mut schools: Vec<String> = Vec::new();
    let mut decided = Vec::new(); // (student, better school, worse school, label)
    let (mut ties, mut missing) = (0, 0);
    read_csv(&folder.join("cems_preferences.csv"), |row: Comparison| {
        ensure!(
            (1..=students.len()).contains(&row.student),
            "student {} is not among the {} of cems_students.csv",
            row.student,
            students.len()
        );
        ensure!(row.school1 != row.school2, "{} is compared with itself", row.school1);
        let student = row.student - 1;
        let [first, second] = [&row.school1, &row.school2].map(|name| index_of(&mut schools, name));
        match row.outcome()? {
            Outcome::First => decided.push((student, first, second, 1.0)),
            Outcome::Second => decided.push((student, second, first, 1.0)),
            Outcome::Tie => {
                ties += 1;
                decided.push((student, first, second, 0.5));
            }
            Outcome::Missing => missing += 1,
        }
        Ok(())
    })?;

    let names = column_names(&schools);
    let mut preferences = Preferences::new(names.len());
    for &(student, better, worse, label) in &decided {
        let features = |school| features(school, &students[student], schools.len());
        preferences.push(&features(better), &features(worse), label, student);
    }
    Ok(DataSet {
        notes: vec![
            format!("School preferences of {} students:", students.len()),
            format!(
                "{} comparisons of {} schools, {ties} of them ties (label ½); {missing} missing ones are left out.",
                decided.len(),
                schools.len()
            ),
        ],
        preferences,
        names,
        items: schools.len(),
        baseline_columns: schools.len(),
        baseline_name: "school strengths only",
        model_name: "schools × students",
        group_name: "student",
        groups: students.len(),
    })
}

/// φ(school, student): which school it is, then the student's covariates in that school's block.
fn features(school: usize, covariates: &[f64], schools: usize) -> Vec<(u32, f64)> {
    let block = schools + school * covariates.len();
    let interactions = covariates.iter().enumerate().map(|(k, &x)| ((block + k) as u32, x));
    std::iter::once((school as u32, 1.0)).chain(interactions).collect()
}

fn column_names(schools: &[String]) -> Vec<String> {
    let interactions = schools
        .iter()
        .flat_map(|school| COVARIATES.map(|covariate| format!("{school} × {covariate}")));
    schools.iter().cloned().chain(interactions).collect()
}

fn index_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

fn centre(students: &mut [[f64; COVARIATES.len()]]) {
    let count = students.len() as f64;
    for k in 0..COVARIATES.len() {
        let mean = students.iter().map(|covariates| covariates[k]).sum::<f64>() / count;
        for covariates in students.iter_mut() {
            covariates[k] -= mean;
        }
    }
}

/// Hands every row of a CSV file to `each`; whatever goes wrong in a row is reported as `FILE:LINE: message`.
fn read_csv<Row: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let at = |line: u64| format!("{}:{line}", path.display());
    let headers =
        reader.headers().map_err(|error| anyhow!("{}: {}", at(1), describe(&error)))?.clone();
    let mut rows = 0;
    for record in reader.into_records() {
        let record = record
            .map_err(|error| anyhow!("{}: {}", at(line_of(error.position())), describe(&error)))?;
        let line = line_of(record.position());
        let row = record
            .deserialize(Some(&headers))
            .map_err(|error| anyhow!("{}: {}", at(line), describe(&error)))?;
        each(row).map_err(|error| anyhow!("{}: {error:#}", at(line)))?;
        rows += 1;
    }
    ensure!(rows > 0, "{}: no rows below the header", path.display());
    Ok(())
}

fn line_of(position: Option<&csv::Position>) -> u64 {
    position.map_or(1, csv::Position::line)
}

/// The message without the crate's own account of the position, which `FILE:LINE` already gives.
fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
        _ => error.to_string(),
    }
}
