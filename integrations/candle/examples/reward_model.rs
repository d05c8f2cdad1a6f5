//! A linear reward model of the preferences of students for schools: the optimum of the crate's own example `reward_model`.

#[path = "../../data.rs"]
pub(crate) mod data;

use candle_core::{Device, Result, Tensor, Var};
use pairwise_loss_candle::{Logistic, PairwiseLoss};

pub(crate) struct Fit {
    /// The mean loss and the penalty ‖w‖² / 2n.
    pub(crate) objective: f64,
    pub(crate) weights: Vec<f64>,
    pub(crate) iterations: usize,
}

/// Minimises Σ loss + ‖w‖² / 2 with Nesterov's accelerated gradient descent, restarted where it goes uphill.
pub(crate) fn train(preferences: &data::Preferences) -> Result<Fit> {
    let (pairs, columns) = (preferences.len(), preferences.columns);
    let cpu = &Device::Cpu;
    let chosen = Tensor::from_slice(&preferences.chosen, (pairs, columns), cpu)?;
    let rejected = Tensor::from_slice(&preferences.rejected, (pairs, columns), cpu)?;
    let labels = Tensor::from_slice(&preferences.labels, (pairs, 1), cpu)?;
    let penalty = 1.0 / pairs as f64;
    // The second derivative of the logistic loss is at most ¼.
    let curvature = (&chosen - &rejected)?.sqr()?.sum_all()?.to_scalar::<f64>()? / 4.0;
    let step = 1.0 / (curvature / pairs as f64 + penalty);

    let weights = Var::zeros((columns, 1), chosen.dtype(), cpu)?;
    let mut previous = weights.as_detached_tensor();
    let mut momentum = 1.0_f64;
    for iterations in 1.. {
        let rewards = (chosen.matmul(&weights)?, rejected.matmul(&weights)?);
        let loss = PairwiseLoss::mean(Logistic).with_labels(&labels)?;
        let loss = rewards.0.apply_op2(&rewards.1, loss)?;
        let objective = (loss + (weights.sqr()?.sum_all()? * (penalty / 2.0))?)?;
        let gradients = objective.backward()?;
        let Some(gradient) = gradients.get(&weights) else { break };

        let slope = gradient.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt();
        if slope * pairs as f64 <= 1e-8 {
            let weights = weights.flatten_all()?.to_vec1()?;
            return Ok(Fit { objective: objective.to_scalar()?, weights, iterations });
        }
        let next = (weights.as_tensor() - (gradient * step)?)?.detach();
        let move_ = (&next - &previous)?;
        if (gradient * &move_)?.sum_all()?.to_scalar::<f64>()? > 0.0 {
            momentum = 1.0;
        }
        let grown = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        weights.set(&(&next + (move_ * ((momentum - 1.0) / grown))?)?)?;
        (previous, momentum) = (next, grown);
    }
    candle_core::bail!("no gradient")
}

fn main() -> Result<()> {
    let preferences = data::cems()?;
    let fit = train(&preferences)?;
    println!("{} comparisons, {} iterations", preferences.len(), fit.iterations);
    println!("objective {:.9}", fit.objective);
    for (school, strength) in data::SCHOOLS.iter().zip(&fit.weights) {
        println!("{school:>10} {strength:7.4}");
    }
    Ok(())
}
