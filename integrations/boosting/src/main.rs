//! Gradient boosting on pairs: LightGBM learns which school a student prefers, from comparisons of two schools each.
//!
//! ```sh
//! cargo run --release
//! ```
//!
//! A row of LightGBM's matrix is what is scored, here a student and a school; a comparison is two indices of rows. Where to
//! look: `derivatives` is all that the crate is needed for.

#[allow(dead_code, reason = "the module serves other examples, too")]
#[path = "../../../examples/reward_model/data_cems.rs"]
mod data_cems;
#[allow(dead_code, reason = "the module serves other examples, too")]
#[path = "../../../examples/reward_model/preferences.rs"]
mod preferences;

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use lightgbm3::{Booster, Dataset};
use pairwise_loss::{Comparisons, Error, Logistic, Metrics, Pairs, Reduction, Ties, Total};
use serde_json::json;

use preferences::DataSet;

const CEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/cems1998");
const FOLDS: usize = 5;

/// The gradient and the diagonal of the Hessian of Σ −log σ(winner − loser), one element a row.
fn derivatives(
    comparisons: &Table,
    scores: &[f64],
    gradient: &mut [f32],
    hessian: &mut [f32],
) -> Result<(), Error> {
    let Table { winners, losers, labels, .. } = comparisons;
    let comparisons = Comparisons::new(scores, winners, losers)?.with_labels(labels)?;
    let mut wide = vec![0.0; scores.len()];
    comparisons.loss_and_gradient(Logistic, Reduction::Sum, &mut wide)?;
    narrow(&wide, gradient);
    comparisons.hessian_diagonal_into(Logistic, &mut wide)?;
    narrow(&wide, hessian);
    Ok(())
}

fn narrow(from: &[f64], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from as f32;
    }
}

/// Rows, and comparisons of rows.
#[derive(Default)]
struct Table {
    /// Row by row.
    features: Vec<f64>,
    winners: Vec<u32>,
    losers: Vec<u32>,
    /// 1, or ½ for a tie.
    labels: Vec<f64>,
}

impl Table {
    /// The comparisons of some students. A row has a column for each school, and the student's covariates.
    fn of(data: &DataSet, students: impl Fn(usize) -> bool) -> Self {
        let chosen = data.preferences.select(students, data.names.len());
        let mut table = Self::default();
        let mut rows = std::collections::HashMap::new();
        for i in 0..chosen.len() {
            let mut row = |entries: &[(u32, f64)]| {
                let (school, covariates) = (entries[0].0, &entries[1..]);
                let next = rows.len() as u32;
                *rows.entry((chosen.groups[i], school)).or_insert_with(|| {
                    let is = |column| if column == school as usize { 1.0 } else { 0.0 };
                    table.features.extend((0..data.items).map(is));
                    table.features.extend(covariates.iter().map(|&(_, x)| x));
                    next
                })
            };
            let (winner, loser) = (row(chosen.chosen.row(i)), row(chosen.rejected.row(i)));
            table.winners.push(winner);
            table.losers.push(loser);
            table.labels.push(chosen.labels[i]);
        }
        table
    }

    /// The first `columns` of each row of `width`.
    fn columns(&self, width: usize, columns: usize) -> Vec<f64> {
        self.features.chunks(width).flat_map(|row| &row[..columns]).copied().collect()
    }
}

/// What is known about a model from comparisons that it has not seen.
#[derive(Clone, Debug, Default)]
struct Judgement {
    loss: Total,
    metrics: Metrics,
}

fn judge(table: &Table, scores: &[f64]) -> Result<Judgement> {
    let Table { winners, losers, labels, .. } = table;
    let loss = Comparisons::new(scores, winners, losers)?.with_labels(labels)?.total(Logistic);
    let of = |rows: &[u32]| rows.iter().map(|&row| scores[row as usize]).collect::<Vec<_>>();
    let decided: Vec<f64> = labels.iter().map(|&p| if p == 0.5 { 0.0 } else { 1.0 }).collect();
    let metrics = Metrics::of(&Pairs::new(&of(winners), &of(losers))?.with_weights(&decided)?);
    Ok(Judgement { loss, metrics })
}

fn train(table: &Table, features: &[f64], columns: usize, trees: u32) -> Result<Booster> {
    let rows = features.len() / columns;
    // The objective is in the comparisons; labels of rows are asked for and not used.
    let dataset = Dataset::from_slice(features, &vec![0.0; rows], columns as i32, true)?;
    let parameters = json!({
        "num_iterations": trees,
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_data_in_leaf": 20,
        "deterministic": true,
        "num_threads": 1,
        "verbosity": -1,
    });
    let mut outcome = Ok(());
    let booster = Booster::train_with_custom_objective(
        dataset,
        &parameters,
        |scores, _labels, gradient, hessian| {
            outcome = outcome.clone().and_then(|()| derivatives(table, scores, gradient, hessian));
        },
    )?;
    outcome?;
    Ok(booster)
}

/// Cross-validation by student: no model is trained (0 trees), one of the schools alone, and one of all features.
fn cross_validate(trees: u32) -> Result<[Judgement; 3]> {
    let data = data_cems::load(Path::new(CEMS))?;
    let width = data.items + (data.names.len() - data.items) / data.items;
    let mut fold_of: Vec<usize> = (0..data.groups).map(|student| student % FOLDS).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut fold_of);

    let mut judgements: [Judgement; 3] = Default::default();
    for fold in 0..FOLDS {
        let seen = Table::of(&data, |student| fold_of[student] != fold);
        let unseen = Table::of(&data, |student| fold_of[student] == fold);
        ensure!(seen.features.len().is_multiple_of(width), "rows of {width} features");
        for (columns, judgement) in [0, data.items, width].into_iter().zip(&mut judgements) {
            let scores = if columns == 0 {
                vec![0.0; unseen.features.len() / width]
            } else {
                let booster = train(&seen, &seen.columns(width, columns), columns, trees)?;
                booster.predict(&unseen.columns(width, columns), columns as i32, true)?
            };
            let Judgement { loss, metrics } = judge(&unseen, &scores)?;
            judgement.loss += loss;
            judgement.metrics += metrics;
        }
    }
    Ok(judgements)
}

fn main() -> Result<()> {
    println!("{:<32}{:>14}{:>10}", "held out, of 5 folds", "mean loss", "accuracy");
    let names = ["untrained", "boosted, schools only", "boosted, schools and students"];
    for (name, judgement) in names.into_iter().zip(cross_validate(100)?) {
        let loss = judgement.loss.mean().ok_or_else(|| anyhow!("no comparisons"))?;
        let accuracy = judgement.metrics.accuracy(Ties::Half).unwrap_or(f64::NAN);
        println!("{name:<32}{loss:>14.4}{accuracy:>10.4}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Table, cross_validate, derivatives};
    use pairwise_loss::Ties;

    #[test]
    fn derivatives_are_sums_over_the_comparisons_of_a_row() {
        // Row 0 beats 1 and ties with 2; nobody has compared row 3.
        let table = Table {
            features: vec![],
            winners: vec![0, 0],
            losers: vec![1, 2],
            labels: vec![1.0, 0.5],
        };
        let scores = [1.0, -0.5, 0.25, 7.0];
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (beats, ties) = (sigmoid(1.5), sigmoid(0.75));
        let (first, second) = (beats - 1.0, ties - 0.5);
        let (curved, flatter) = (beats * (1.0 - beats), ties * (1.0 - ties));

        let (mut gradient, mut hessian) = ([9.0; 4], [9.0; 4]);
        derivatives(&table, &scores, &mut gradient, &mut hessian).unwrap();
        for (found, expected) in [
            (gradient, [first + second, -first, -second, 0.0]),
            (hessian, [curved + flatter, curved, flatter, 0.0]),
        ] {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((f64::from(found) - expected).abs() < 1e-7, "{found} {expected}");
            }
        }
    }

    #[test]
    fn boosting_learns_who_is_preferred_and_by_whom() {
        let [untrained, schools, all] = cross_validate(100).unwrap();
        let accuracy = [&untrained, &schools, &all].map(|model| {
            assert_eq!(model.loss.len(), 4454); // each comparison once
            model.metrics.accuracy(Ties::Half).unwrap()
        });
        assert_eq!(accuracy[0], 0.5);
        assert!(accuracy[1] > 0.64, "{accuracy:?}");
        assert!(accuracy[2] > accuracy[1] + 0.01, "{accuracy:?}");
        let loss = [untrained, schools, all].map(|model| model.loss.mean().unwrap());
        assert!((loss[0] - 2.0_f64.ln()).abs() < 1e-15);
        assert!(loss[2] < loss[1] - 0.01 && loss[1] < loss[0] - 0.04, "{loss:?}");
    }
}
