//! The likelihood of the games, from the crate's functions of comparisons, its maximum by L-BFGS, and standard errors.

use std::cell::RefCell;

use anyhow::{Context, Result, bail};
use argmin::core::{
    CostFunction, Gradient, IterState, Problem, Solver, State, TerminationReason, TerminationStatus,
};
use argmin::solver::quasinewton::LBFGS;
use argmin_math::ArgminL2Norm;
use nalgebra::DMatrix;
use pairwise_loss::{Comparisons, Error, Logistic, Reduction};

use super::existence;
use super::games::Games;
use super::line_search::WeakWolfe;

/// The fit has converged when the gradient is this small beside that of equal scores.
const GRADIENT_TOLERANCE: f64 = 1e-10;
/// How many steps L-BFGS remembers.
const MEMORY: usize = 20;
/// Standard errors take the inverse of a matrix of one row a player; for more players there are none.
const MOST_INVERTED: usize = 2000;
/// Log-odds that say "always".
const ALWAYS: f64 = 15.0;

/// What to fit.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Whether playing at home is an advantage to be estimated.
    pub home: bool,
    /// Variance of a normal prior on the scores.
    pub prior: Option<f64>,
    /// Where 0 is.
    pub zero: Zero,
    /// L-BFGS iterations after which a fit that has not converged is given up.
    pub max_iterations: u64,
}

/// Only differences of scores matter to games. What is 0?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    /// The score of this player.
    Player(usize),
    /// The mean of all scores.
    Mean,
    /// What the prior says.
    Prior,
}

/// A fitted model.
#[derive(Clone, Debug)]
pub struct Fit {
    /// One score a player.
    pub scores: Vec<f64>,
    /// Their standard errors, unless there are too many players.
    pub errors: Option<Vec<f64>>,
    /// Home advantage and its standard error.
    pub home: Option<(f64, Option<f64>)>,
    /// Twice the log-likelihood that is missing to that of the observed shares of wins.
    pub deviance: f64,
    /// Pairs of players in one place, less the parameters.
    pub degrees_of_freedom: i64,
    /// How many iterations it took.
    pub iterations: u64,
}

/// F(s, h) = mean of −log σ(s\[winner\] − s\[loser\] ± h) over the games, + Σ s²/(2·variance·games) with a prior.
struct Objective<'a> {
    games: &'a Games,
    model: Model,
    /// The optimiser asks for value and gradient one after the other; both come from one pass.
    latest: RefCell<Option<Evaluation>>,
}

/// The objective at one point.
struct Evaluation {
    parameters: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Objective<'_> {
    /// Each comparison's margin is s\[winner\] − s\[loser\] + its offset: h where the winner was at home, −h where the
    /// loser was.
    fn offsets(&self, parameters: &[f64]) -> Vec<f64> {
        let advantage = if self.model.home { parameters[self.games.players.len()] } else { 0.0 };
        self.games.home.iter().map(|home| home * advantage).collect()
    }

    fn comparisons<'s>(
        &'s self,
        parameters: &'s [f64],
        offsets: &'s [f64],
    ) -> Result<Comparisons<'s, f64>, Error> {
        let Games { players, winners, losers, weights, labels, .. } = self.games;
        Comparisons::new(&parameters[..players.len()], winners, losers)?
            .with_weights(weights)?
            .with_labels(labels)?
            .with_offsets(offsets)
    }

    fn evaluate(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>)> {
        let players = self.games.players.len();
        let offsets = self.offsets(parameters);
        let comparisons = self.comparisons(parameters, &offsets)?;
        let mut gradient = vec![0.0; parameters.len()];
        let mut value = comparisons.loss_and_gradient(
            Logistic,
            Reduction::WeightedMean,
            &mut gradient[..players],
        )?;
        let total = self.games.total();
        if self.model.home {
            // A margin grows by ±1 with the advantage.
            let mut each = vec![0.0; self.games.len()];
            comparisons.gradients_into(Logistic, &mut each)?;
            let sum: f64 = each.iter().zip(&self.games.home).map(|(g, home)| g * home).sum();
            gradient[players] = sum / total;
        }
        if let Some(variance) = self.model.prior {
            let share = 1.0 / (variance * total);
            for (gradient, score) in gradient.iter_mut().zip(&parameters[..players]) {
                *gradient += share * score;
                value += 0.5 * share * score * score;
            }
        }
        Ok((value, gradient))
    }

    fn cached<Part>(&self, parameters: &[f64], part: impl Fn(f64, &[f64]) -> Part) -> Result<Part> {
        let mut latest = self.latest.borrow_mut();
        if latest.as_ref().is_none_or(|known| known.parameters != parameters) {
            let (value, gradient) = self.evaluate(parameters)?;
            *latest = Some(Evaluation { parameters: parameters.to_vec(), value, gradient });
        }
        let known = latest.as_ref().context("an evaluation was just stored")?;
        Ok(part(known.value, &known.gradient))
    }

    /// The matrix of second derivatives of the sum over the games, and of the prior.
    fn information(&self, parameters: &[f64]) -> Result<DMatrix<f64>> {
        let players = self.games.players.len();
        let offsets = self.offsets(parameters);
        let mut each = vec![0.0; self.games.len()];
        self.comparisons(parameters, &offsets)?.hessians_into(Logistic, &mut each)?;
        let mut sum = DMatrix::zeros(parameters.len(), parameters.len());
        for (k, h) in each.iter().enumerate() {
            // The margin's derivatives with respect to the parameters that it depends on.
            let mut slopes =
                vec![(self.games.winners[k] as usize, 1.0), (self.games.losers[k] as usize, -1.0)];
            if self.model.home {
                slopes.push((players, self.games.home[k]));
            }
            for &(i, a) in &slopes {
                for &(j, b) in &slopes {
                    sum[(i, j)] += h * a * b;
                }
            }
        }
        if let Some(variance) = self.model.prior {
            for i in 0..players {
                sum[(i, i)] += 1.0 / variance;
            }
        }
        Ok(sum)
    }

    /// The inverse of the information; without a prior for a first score that is 0 without error.
    fn covariance(&self, parameters: &[f64]) -> Result<DMatrix<f64>> {
        let fixed = usize::from(self.model.prior.is_none());
        let n = parameters.len();
        let information = self.information(parameters)?;
        let free = information.view((fixed, fixed), (n - fixed, n - fixed)).clone_owned();
        let inverse = free.cholesky().context("the games do not determine the ratings")?.inverse();
        let mut covariance = DMatrix::zeros(n, n);
        covariance.view_mut((fixed, fixed), (n - fixed, n - fixed)).copy_from(&inverse);
        Ok(covariance)
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64> {
        self.cached(parameters, |value, _| value)
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>> {
        self.cached(parameters, |_, gradient| gradient.to_vec())
    }
}

/// Fits the model; `on_iteration` is called after each iteration.
///
/// # Errors
/// If there are no finite ratings, or the fit does not converge.
pub fn fit(games: &Games, model: Model, on_iteration: impl FnMut()) -> Result<Fit> {
    if model.prior.is_none() {
        existence::check(games)?;
    }
    let players = games.players.len();
    let objective = Objective { games, model, latest: RefCell::new(None) };
    let (parameters, iterations) = maximise(&objective, on_iteration)?;

    let home = model.home.then(|| parameters[players]);
    if home.is_some_and(|home| home.abs() > ALWAYS) {
        bail!("the home advantage has no finite estimate: nothing speaks against an infinite one");
    }
    let covariance = if parameters.len() <= MOST_INVERTED {
        Some(objective.covariance(&parameters)?)
    } else {
        None
    };
    let zero = match model.zero {
        Zero::Player(player) => parameters[player],
        Zero::Mean => parameters[..players].iter().sum::<f64>() / players as f64,
        Zero::Prior => 0.0,
    };
    let offsets = objective.offsets(&parameters);
    let misfit = objective.comparisons(&parameters, &offsets)?.loss(Logistic, Reduction::Sum)?;
    let results = games.results();
    let parameter_count = players - 1 + usize::from(model.home);
    Ok(Fit {
        errors: covariance.as_ref().map(|covariance| errors(covariance, players, model.zero)),
        home: home.map(|home| {
            let error = covariance.as_ref().map(|covariance| covariance[(players, players)].sqrt());
            (home, error)
        }),
        scores: parameters[..players].iter().map(|score| score - zero).collect(),
        deviance: 2.0 * (misfit - results.iter().copied().map(entropy).sum::<f64>()),
        degrees_of_freedom: results.len() as i64 - parameter_count as i64,
        iterations,
    })
}

/// −log-likelihood of the observed share of wins itself.
fn entropy((won, lost): (f64, f64)) -> f64 {
    let part = |wins: f64| if wins == 0.0 { 0.0 } else { -wins * (wins / (won + lost)).ln() };
    part(won) + part(lost)
}

/// Of the scores less what is 0.
fn errors(covariance: &DMatrix<f64>, players: usize, zero: Zero) -> Vec<f64> {
    let n = players as f64;
    let mean = |i: usize| (0..players).map(|j| covariance[(i, j)]).sum::<f64>() / n;
    let whole = match zero {
        Zero::Mean => (0..players).map(mean).sum::<f64>() / n,
        Zero::Player(_) | Zero::Prior => 0.0,
    };
    let variance = |i: usize| match zero {
        Zero::Player(r) => covariance[(i, i)] + covariance[(r, r)] - 2.0 * covariance[(i, r)],
        Zero::Mean => covariance[(i, i)] + whole - 2.0 * mean(i),
        Zero::Prior => covariance[(i, i)],
    };
    (0..players).map(|i| variance(i).max(0.0).sqrt()).collect()
}

/// The parameters at the minimum of the objective, and the number of iterations. The loop is that of argmin's
/// `Executor`, whose observers could not borrow.
fn maximise(objective: &Objective<'_>, mut on_iteration: impl FnMut()) -> Result<(Vec<f64>, u64)> {
    let start = vec![0.0; objective.games.players.len() + usize::from(objective.model.home)];
    let steepest = objective.evaluate(&start)?.1.l2_norm();
    let tolerance = (GRADIENT_TOLERANCE * steepest).max(f64::MIN_POSITIVE);
    let mut solver = LBFGS::<_, Vec<f64>, Vec<f64>, f64>::new(WeakWolfe::default(), MEMORY)
        .with_tolerance_grad(tolerance)?
        .with_tolerance_cost(0.0)?;
    let mut problem = Problem::new(objective);
    let state = IterState::new().param(start).max_iters(objective.model.max_iterations);
    let (mut state, _) = solver.init(&mut problem, state)?;
    state.update();
    let reason = loop {
        let status = Solver::<&Objective, _>::terminate_internal(&mut solver, &state);
        if let TerminationStatus::Terminated(reason) = status {
            break reason;
        }
        (state, _) = solver.next_iter(&mut problem, state)?;
        state.update();
        if let Some(reason) = state.get_termination_reason() {
            break reason.clone();
        }
        state.increment_iter();
        on_iteration();
    };
    let parameters = state.get_param().context("the optimiser lost its point")?.clone();
    // At the limit of rounding the search may end just short of the tolerance.
    let close = objective.evaluate(&parameters)?.1.l2_norm() <= 1e3 * tolerance;
    match reason {
        TerminationReason::SolverConverged => {}
        _ if close => {}
        _ => bail!(
            "the fit has not converged after {} iterations (--iterations allows more)",
            state.get_iter()
        ),
    }
    Ok((parameters, state.get_iter()))
}
