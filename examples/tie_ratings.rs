//! Ratings where games may end in ties: the models of Rao & Kupper and of Davidson, their parameter fitted along.
//!
//! ```sh
//! cargo run --release --example tie_ratings
//! ```
//!
//! The preferences of students for six schools (Dittrich, Hatzinger & Katzenbeisser, Applied Statistics 47, 1998).
//! Decided and tied comparisons are two batches with a loss each; the parameter, η or log ν, has a derivative that is a
//! loss as well, to be summed over each. L-BFGS does the rest.

use std::collections::HashMap;

use anyhow::{Context, Result};
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use pairwise_loss::{Comparisons, Davidson, PairLoss, RaoKupper, Reduction, TieProbabilities};

const DATA: &str = include_str!("data/cems1998/cems_preferences.csv");

/// Comparisons of the same kind, counted.
#[derive(Default)]
struct Kind {
    first: Vec<u32>,
    second: Vec<u32>,
    counts: Vec<f64>,
}

impl Kind {
    fn add(&mut self, first: u32, second: u32) {
        let mut sides = self.first.iter().zip(&self.second);
        if let Some(at) = sides.position(|(&a, &b)| (a, b) == (first, second)) {
            self.counts[at] += 1.0;
        } else {
            self.first.push(first);
            self.second.push(second);
            self.counts.push(1.0);
        }
    }

    /// The sum of a loss, its gradient added; and the sum of what has the derivative by the parameter as its value.
    fn sums(
        &self,
        scores: &[f64],
        loss: impl PairLoss,
        by_parameter: impl PairLoss,
        gradient: &mut [f64],
    ) -> Result<(f64, f64)> {
        let games =
            Comparisons::new(scores, &self.first, &self.second)?.with_weights(&self.counts)?;
        let mut part = vec![0.0; scores.len()];
        let value = games.loss_and_gradient(loss, Reduction::Sum, &mut part)?;
        gradient.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        Ok((value, games.loss(by_parameter, Reduction::Sum)?))
    }
}

#[derive(Clone, Copy, Debug)]
enum Ties {
    RaoKupper,
    Davidson,
}

/// −log-likelihood of scores, the last school's being 0, and of the parameter: log η or log ν.
struct Objective<'a> {
    decided: &'a Kind,
    tied: &'a Kind,
    ties: Ties,
}

impl Objective<'_> {
    fn at(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>)> {
        let (&log, free) = parameters.split_last().context("a parameter")?;
        let scores: Vec<f64> = free.iter().copied().chain([0.0]).collect();
        let mut gradient = vec![0.0; scores.len()];
        let (decided, tied) = match self.ties {
            Ties::RaoKupper => {
                let model = RaoKupper::new(log.exp())?;
                let (win, tie) = (model.win(), model.tie());
                let by = (win.eta_derivative(), tie.eta_derivative());
                (
                    self.decided.sums(&scores, win, by.0, &mut gradient)?,
                    self.tied.sums(&scores, tie, by.1, &mut gradient)?,
                )
            }
            Ties::Davidson => {
                let model = Davidson::new(log.exp())?;
                let (win, tie) = (model.win(), model.tie());
                let by = (win.log_nu_derivative(), tie.log_nu_derivative());
                (
                    self.decided.sums(&scores, win, by.0, &mut gradient)?,
                    self.tied.sums(&scores, tie, by.1, &mut gradient)?,
                )
            }
        };
        let by_parameter = decided.1 + tied.1;
        // d/d log η = η·d/dη; the other is by log ν already.
        let by_log = match self.ties {
            Ties::RaoKupper => by_parameter * log.exp(),
            Ties::Davidson => by_parameter,
        };
        if let Some(last) = gradient.last_mut() {
            *last = by_log;
        }
        Ok((decided.0 + tied.0, gradient))
    }
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64> {
        Ok(self.at(parameters)?.0)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>> {
        Ok(self.at(parameters)?.1)
    }
}

fn main() -> Result<()> {
    let (mut decided, mut tied) = (Kind::default(), Kind::default());
    let mut schools: Vec<String> = Vec::new();
    let mut index: HashMap<String, u32> = HashMap::new();
    for row in csv::Reader::from_reader(DATA.as_bytes()).into_records() {
        let row = row?;
        let mut school = |column: usize| -> Result<u32> {
            let name = row.get(column).context("a name")?;
            Ok(*index.entry(name.to_owned()).or_insert_with(|| {
                schools.push(name.to_owned());
                schools.len() as u32 - 1
            }))
        };
        let (first, second) = (school(1)?, school(2)?);
        match [3, 4, 5].map(|column| row.get(column) == Some("1")) {
            [true, ..] => decided.add(first, second),
            [_, true, _] => decided.add(second, first),
            [.., true] => tied.add(first, second),
            _ => {} // not asked
        }
    }
    let count = |kind: &Kind| kind.counts.iter().sum::<f64>();
    println!("{} decided, {} tied", count(&decided), count(&tied));

    for ties in [Ties::RaoKupper, Ties::Davidson] {
        let objective = Objective { decided: &decided, tied: &tied, ties };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(1e-8)?;
        let start = vec![0.0; schools.len()];
        let fit = Executor::new(objective, solver)
            .configure(|state| state.param(start).max_iters(200))
            .run()?;
        let parameters = fit.state().get_best_param().context("a point")?;
        let (&log, free) = parameters.split_last().context("a parameter")?;
        let (name, TieProbabilities { tie, .. }) = match ties {
            Ties::RaoKupper => ("η", RaoKupper::new(log.exp())?.probabilities(0.0, 0.0)),
            Ties::Davidson => ("ν", Davidson::new(log.exp())?.probabilities(0.0, 0.0)),
        };
        println!("\n{ties:?}: {name} = {:.4}, {tie:.3} of ties among equals", log.exp());
        println!("log-likelihood {:.4}", -fit.state().get_best_cost());
        for (school, score) in schools.iter().zip(free.iter().chain(&[0.0])) {
            println!("{school:<12}{score:>8.4}");
        }
    }
    Ok(())
}
