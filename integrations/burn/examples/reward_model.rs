//! A linear reward model of the preferences of students for schools: the optimum of the crate's own example `reward_model`.

#[path = "../../data.rs"]
pub(crate) mod data;

use burn::tensor::{DType, Device, Tensor, TensorData};
use pairwise_loss_burn::{Logistic, PairwiseLoss};

pub(crate) struct Fit {
    /// The mean loss and the penalty ‖w‖² / 2n.
    pub(crate) objective: f64,
    pub(crate) weights: Vec<f64>,
    pub(crate) iterations: usize,
}

/// Minimises Σ loss + ‖w‖² / 2 with Nesterov's accelerated gradient descent, restarted where it goes uphill.
pub(crate) fn train(preferences: &data::Preferences) -> Fit {
    let (pairs, columns) = (preferences.len(), preferences.columns);
    let device = Device::flex();
    let features = |rows: &[f64]| {
        let data = TensorData::new(rows.to_vec(), [pairs, columns]);
        Tensor::<2>::from_data(data, (&device, DType::F64))
    };
    let (chosen, rejected) = (features(&preferences.chosen), features(&preferences.rejected));
    let labels = TensorData::new(preferences.labels.clone(), [pairs, 1]);
    let loss = PairwiseLoss::new(Logistic).with_labels(labels);
    let squares = |x: Tensor<2>| x.powi_scalar(2).sum();
    let penalty = 1.0 / pairs as f64;
    // The second derivative of the logistic loss is at most ¼.
    let curvature = squares(chosen.clone() - rejected.clone()).into_scalar::<f64>() / 4.0;
    let step = 1.0 / (curvature / pairs as f64 + penalty);

    let mut weights = Tensor::<2>::zeros([columns, 1], (&device, DType::F64));
    let mut previous = weights.clone();
    let mut momentum = 1.0_f64;
    let mut iterations = 0;
    loop {
        iterations += 1;
        let at = weights.clone().autodiff().require_grad();
        let rewards = [&chosen, &rejected].map(|features| features.clone().matmul(at.clone()));
        let [chosen_rewards, rejected_rewards] = rewards;
        let objective = loss.forward(chosen_rewards, rejected_rewards)
            + squares(at.clone()).mul_scalar(penalty / 2.0);
        let gradient = at.grad(&objective.backward()).expect("the weights take part");

        let slope = squares(gradient.clone()).into_scalar::<f64>().sqrt();
        if slope * pairs as f64 <= 1e-8 {
            let weights = weights.into_data().try_into_vec().expect("f64");
            return Fit { objective: objective.into_scalar(), weights, iterations };
        }
        let next = weights - gradient.clone().mul_scalar(step);
        let change = next.clone() - previous;
        if (gradient * change.clone()).sum().into_scalar::<f64>() > 0.0 {
            momentum = 1.0;
        }
        let grown = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        weights = next.clone() + change.mul_scalar((momentum - 1.0) / grown);
        (previous, momentum) = (next, grown);
    }
}

fn main() -> std::io::Result<()> {
    let preferences = data::cems()?;
    let fit = train(&preferences);
    println!("{} comparisons, {} iterations", preferences.len(), fit.iterations);
    println!("objective {:.9}", fit.objective);
    for (school, strength) in data::SCHOOLS.iter().zip(&fit.weights) {
        println!("{school:>10} {strength:7.4}");
    }
    Ok(())
}
