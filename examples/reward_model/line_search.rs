//! A line search that also serves losses with a kink.
//!
//! Bisection for the weak Wolfe conditions (Lewis & Overton, *Nonsmooth optimization via quasi-Newton methods*, Math.
//! Program. 141, 2013): with them L-BFGS is known to work on a hinge in practice, where a search for a point with almost
//! no slope finds none. A value that is not finite counts as too far, which an exponential loss needs. And close to the
//! minimum, where differences of the value are all rounding, the slope decides (the approximate Wolfe conditions of
//! Hager & Zhang, SIAM J. Optim. 16, 2005): so the gradient can be driven to 1e-10.

use argmin::core::{
    ArgminError, CostFunction, Error, Gradient, IterState, KV, LineSearch, Problem, Solver, State,
    TerminationReason,
};
use argmin_math::{ArgminDot, ArgminScaledAdd};

/// Share of the decrease promised by the initial slope which a step has to bring.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// A step is long enough once the slope has risen to this share of the initial one.
const FLATTENING: f64 = 0.9;
/// Relative difference of two values that may be nothing but rounding.
const ROUNDING: f64 = 1e-14;
const MOST_TRIALS: usize = 60;

/// See the module.
#[derive(Clone, Default)]
pub struct WeakWolfe {
    direction: Vec<f64>,
}

impl LineSearch<Vec<f64>, f64> for WeakWolfe {
    fn search_direction(&mut self, direction: Vec<f64>) {
        self.direction = direction;
    }

    fn initial_step_length(&mut self, _step: f64) -> Result<(), Error> {
        Ok(()) // Always 1: the natural step of a quasi-Newton method.
    }
}

type Point = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

impl<O> Solver<O, Point> for WeakWolfe
where
    O: CostFunction<Param = Vec<f64>, Output = f64>
        + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
{
    fn name(&self) -> &'static str {
        "weak Wolfe bisection"
    }

    /// The whole search is one iteration.
    fn next_iter(
        &mut self,
        problem: &mut Problem<O>,
        mut state: Point,
    ) -> Result<(Point, Option<KV>), Error> {
        let (Some(start), Some(gradient)) = (state.take_param(), state.take_gradient()) else {
            return Err(ArgminError::NotInitialized {
                text: "start and gradient of the line search".into(),
            }
            .into());
        };
        let value = state.get_cost();
        let slope: f64 = gradient.dot(&self.direction);

        let (mut step, mut too_short, mut too_long) = (1.0, 0.0, f64::INFINITY);
        let mut fallback = None;
        for _ in 0..MOST_TRIALS {
            if slope.is_nan() || slope >= 0.0 {
                break;
            }
            let at = start.scaled_add(&step, &self.direction);
            let (value_at, gradient_at) = (problem.cost(&at)?, problem.gradient(&at)?);
            let slope_at: f64 = gradient_at.dot(&self.direction);

            let decreased = value_at <= value + SUFFICIENT_DECREASE * step * slope;
            let decreased_but_for_rounding = value_at <= value + ROUNDING * value.abs()
                && slope_at <= (2.0 * SUFFICIENT_DECREASE - 1.0) * slope;
            let long_enough = slope_at >= FLATTENING * slope;
            if decreased || decreased_but_for_rounding {
                let found = state.clone().param(at).cost(value_at).gradient(gradient_at);
                if long_enough {
                    return Ok((found.terminate_with(TerminationReason::SolverConverged), None));
                }
                fallback = Some(found);
                too_short = step;
            } else {
                too_long = step;
            }
            step = if too_long.is_finite() { 0.5 * (too_short + too_long) } else { 2.0 * step };
        }
        match fallback {
            Some(lower) => Ok((lower.terminate_with(TerminationReason::SolverConverged), None)),
            None => Err(ArgminError::ConditionViolated {
                text: "no lower point along the search direction".into(),
            }
            .into()),
        }
    }
}
