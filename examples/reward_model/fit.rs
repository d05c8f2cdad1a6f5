//! The objective, from the crate's fused loss and gradient, and its minimisation by L-BFGS.

use std::cell::RefCell;

use anyhow::{Context, Result};
use argmin::core::{
    CostFunction, Gradient, IterState, Problem, Solver, State, TerminationReason, TerminationStatus,
};
use argmin::solver::quasinewton::LBFGS;
use argmin_math::ArgminL2Norm;
use pairwise_loss::{PairLoss, Pairs, Reduction};

use super::line_search::WeakWolfe;
use super::preferences::Preferences;

/// The fit has converged when the gradient is this small, in units of the gradient at w = 0 where that is above 1.
const GRADIENT_TOLERANCE: f64 = 1e-10;
/// How many steps L-BFGS remembers.
const MEMORY: usize = 10;

/// How to fit, apart from the loss.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// See [`Objective`].
    pub l2: f64,
    /// L-BFGS iterations after which a fit ends even if it has not converged.
    pub max_iterations: u64,
}

/// F(w) = mean loss of the comparisons at rewards w·φ + l2 / (2n) · ‖w‖².
///
/// n·F with the logistic loss is the negative log posterior of a Bradley–Terry model whose weights have independent
/// normal priors of variance 1/l2. The features are of order one, so that l2 = 1 says: a weight of one logit is usual,
/// of three would be a surprise. It is one fixed value, whatever the data.
#[derive(Debug)]
pub struct Objective<'a, L> {
    preferences: &'a Preferences,
    loss: L,
    l2: f64,
    /// The optimiser asks for value and gradient at the same point one after the other; both come from one pass.
    latest: RefCell<Option<Evaluation>>,
}

/// The objective at one point.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// w.
    pub weights: Vec<f64>,
    /// F(w).
    pub value: f64,
    /// dF/dw.
    pub gradient: Vec<f64>,
}

impl<'a, L: PairLoss> Objective<'a, L> {
    /// The objective of these comparisons.
    pub fn new(preferences: &'a Preferences, loss: L, l2: f64) -> Self {
        Self { preferences, loss, l2, latest: RefCell::new(None) }
    }

    /// One training step's worth of work, the place where the crate does its part: rewards forward, loss and
    /// derivatives with respect to the rewards, derivatives back to the weights.
    ///
    /// # Errors
    /// Those of the crate, for example where there is no comparison to take a mean of.
    pub fn evaluate(&self, weights: &[f64]) -> Result<Evaluation> {
        let Preferences { chosen, rejected, labels, .. } = self.preferences;
        let chosen_rewards = chosen.rewards(weights);
        let rejected_rewards = rejected.rewards(weights);

        let mut d_chosen = vec![0.0; labels.len()];
        let loss = Pairs::new(&chosen_rewards, &rejected_rewards)?
            .with_labels(labels)?
            .loss_and_margin_gradient(self.loss, Reduction::Mean, &mut d_chosen)?;

        let ridge = self.l2 / labels.len() as f64;
        let mut gradient: Vec<f64> = weights.iter().map(|w| ridge * w).collect();
        chosen.accumulate_gradient(d_chosen.iter().copied(), &mut gradient);
        rejected.accumulate_gradient(d_chosen.iter().map(|d| -d), &mut gradient);
        let penalty = 0.5 * ridge * weights.iter().map(|w| w * w).sum::<f64>();
        Ok(Evaluation { weights: weights.to_vec(), value: loss + penalty, gradient })
    }

    fn cached<Part>(&self, weights: &[f64], part: impl Fn(&Evaluation) -> Part) -> Result<Part> {
        let mut latest = self.latest.borrow_mut();
        if latest.as_ref().is_none_or(|known| known.weights != weights) {
            *latest = Some(self.evaluate(weights)?);
        }
        latest.as_ref().map(part).context("an evaluation was just stored")
    }
}

impl<L: PairLoss> CostFunction for &Objective<'_, L> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, weights: &Vec<f64>) -> Result<f64> {
        self.cached(weights, |known| known.value)
    }
}

impl<L: PairLoss> Gradient for &Objective<'_, L> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, weights: &Vec<f64>) -> Result<Vec<f64>> {
        self.cached(weights, |known| known.gradient.clone())
    }
}

/// What a fit arrived at.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The weights at the minimum.
    pub weights: Vec<f64>,
    /// F there.
    pub objective: f64,
    /// ‖dF/dw‖ there.
    pub gradient_norm: f64,
    /// How many L-BFGS iterations it took.
    pub iterations: u64,
    /// Why it ended.
    pub end: End,
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The gradient is as good as zero.
    Converged,
    /// It used up its iterations.
    OutOfIterations,
    /// The search direction has no lower point: at a kink of the loss, or at the limit of rounding.
    Stuck,
}

/// Minimises the objective from w = 0; `on_iteration` sees the weights after each iteration.
///
/// This is the loop of argmin's `Executor` spelled out: observers of an `Executor` must own everything they look at,
/// a closure here may borrow.
///
/// # Errors
/// Those of [`Objective::evaluate`] and of argmin.
pub fn minimise<L: PairLoss>(
    preferences: &Preferences,
    loss: L,
    training: Training,
    mut on_iteration: impl FnMut(&[f64]) -> Result<()>,
) -> Result<Fit> {
    let objective = Objective::new(preferences, loss, training.l2);
    let start = objective.evaluate(&vec![0.0; preferences.columns()])?;
    let tolerance = GRADIENT_TOLERANCE * start.gradient.l2_norm().max(1.0);

    let mut solver = LBFGS::<_, Vec<f64>, Vec<f64>, f64>::new(WeakWolfe::default(), MEMORY)
        .with_tolerance_grad(tolerance)?
        .with_tolerance_cost(0.0)?;
    let mut problem = Problem::new(&objective);
    let state = IterState::new().param(start.weights).max_iters(training.max_iterations);
    let (mut state, _) = solver.init(&mut problem, state)?;
    state.update();
    let reason = loop {
        let status = Solver::<&Objective<L>, _>::terminate_internal(&mut solver, &state);
        if let TerminationStatus::Terminated(reason) = status {
            break reason;
        }
        (state, _) = solver.next_iter(&mut problem, state)?;
        state.update();
        if let Some(reason) = state.get_termination_reason() {
            break reason.clone();
        }
        state.increment_iter();
        if let Some(weights) = state.get_param() {
            on_iteration(weights)?;
        }
    };

    let end = match reason {
        TerminationReason::SolverConverged => End::Converged,
        TerminationReason::MaxItersReached => End::OutOfIterations,
        _ => End::Stuck,
    };
    // Close to the minimum the lowest value is a matter of rounding, the smallest gradient is not.
    let weights = match end {
        End::Converged => state.get_param(),
        End::OutOfIterations | End::Stuck => state.get_best_param(),
    };
    let last = objective.evaluate(weights.context("the optimiser lost its point")?)?;
    Ok(Fit {
        objective: last.value,
        gradient_norm: last.gradient.l2_norm(),
        weights: last.weights,
        iterations: state.get_iter(),
        end,
    })
}
