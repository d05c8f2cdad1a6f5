//! What the examples of both adapters learn from.

#![allow(dead_code)] // No example needs all of it.

use std::path::Path;
use std::{fs, io};

/// Pairs as rows of features, row-major, and the probability that the chosen one is preferred.
pub(crate) struct Preferences {
    pub(crate) chosen: Vec<f64>,
    pub(crate) rejected: Vec<f64>,
    pub(crate) labels: Vec<f64>,
    pub(crate) columns: usize,
}

impl Preferences {
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }
}

pub(crate) const SCHOOLS: [&str; 6] =
    ["London", "Paris", "Milano", "St.Gallen", "Barcelona", "Stockholm"];

/// Which of two schools a student prefers, `examples/data/cems1998`; a tie has the label ½. The features of a school to a
/// student: one column a school, and one for each school and covariate of the student, centred.
pub(crate) fn cems() -> io::Result<Preferences> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/cems1998");
    let read = |name: &str| fs::read_to_string(folder.join(name)).map(|text| text.replace('"', ""));

    let ones = ["commerce", "good", "good", "good", "good", "yes", "yes", "male"];
    let mut students: Vec<Vec<f64>> = read("cems_students.csv")?
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',').zip(ones).map(|(x, one)| f64::from(u8::from(x == one))).collect()
        })
        .collect();
    for k in 0..ones.len() {
        let mean = students.iter().map(|student| student[k]).sum::<f64>() / students.len() as f64;
        for student in &mut students {
            student[k] -= mean;
        }
    }

    let columns = SCHOOLS.len() * (1 + ones.len());
    let (mut chosen, mut rejected, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for line in read("cems_preferences.csv")?.lines().skip(1) {
        let field: Vec<&str> = line.split(',').collect();
        let label = match field[3..6] {
            ["1", "0", "0"] => 1.0,
            ["0", "1", "0"] => 0.0,
            ["0", "0", "1"] => 0.5,
            _ => continue, // not asked
        };
        let student = &students[field[0].parse::<usize>().map_err(io::Error::other)? - 1];
        for (name, rows) in [(field[1], &mut chosen), (field[2], &mut rejected)] {
            let school = SCHOOLS.iter().position(|school| *school == name);
            let school = school.ok_or_else(|| io::Error::other(format!("no school {name}")))?;
            let mut row = vec![0.0; columns];
            row[school] = 1.0;
            row[SCHOOLS.len() + ones.len() * school..][..ones.len()].copy_from_slice(student);
            rows.extend(row);
        }
        labels.push(label);
    }
    Ok(Preferences { chosen, rejected, labels, columns })
}

/// Points of a square, of which the one with the larger product of its coordinates is preferred. No linear reward tells.
pub(crate) fn products(seed: u64, pairs: usize) -> Preferences {
    let mut state = seed;
    let mut coordinate = move || {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / f64::from(1 << 26) / f64::from(1 << 26) - 1.0
    };
    let (mut chosen, mut rejected) = (Vec::new(), Vec::new());
    while chosen.len() < 2 * pairs {
        let (a, b) = ([coordinate(), coordinate()], [coordinate(), coordinate()]);
        let advantage = a[0] * a[1] - b[0] * b[1];
        // Nearly equal ones are left out, so that there is a margin.
        if advantage.abs() > 0.1 {
            let (better, worse) = if advantage > 0.0 { (a, b) } else { (b, a) };
            chosen.extend(better);
            rejected.extend(worse);
        }
    }
    Preferences { chosen, rejected, labels: vec![1.0; pairs], columns: 2 }
}
