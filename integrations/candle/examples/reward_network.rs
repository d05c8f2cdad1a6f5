//! A reward network of two layers learns a preference that no linear reward can express.

#[path = "../../data.rs"]
mod data;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer};
use pairwise_loss::{Metrics, Pairs, Ties};
use pairwise_loss_candle::{Logistic, PairwiseLoss};

const HIDDEN: usize = 32;

/// Weights of a layer between ±1/√inputs, always the same.
fn layer(inputs: usize, outputs: usize) -> Result<([Var; 2], Linear)> {
    let weights = (0..inputs * outputs).map(|i| ((i as f32 * 12.9898).sin() * 43758.547).fract());
    let weights = Tensor::from_iter(weights, &Device::Cpu)?.reshape((outputs, inputs))?;
    let weights = Var::from_tensor(&(weights / (inputs as f64).sqrt())?)?;
    let bias = Var::zeros(outputs, DType::F32, &Device::Cpu)?;
    let linear = Linear::new(weights.as_tensor().clone(), Some(bias.as_tensor().clone()));
    Ok(([weights, bias], linear))
}

/// The features of the chosen and of the rejected points.
fn points(preferences: &data::Preferences) -> Result<[Tensor; 2]> {
    let shape = (preferences.len(), preferences.columns);
    let tensor = |x: &[f64]| Tensor::from_slice(x, shape, &Device::Cpu)?.to_dtype(DType::F32);
    Ok([tensor(&preferences.chosen)?, tensor(&preferences.rejected)?])
}

/// The accuracy on other points than those it was trained on, by epoch.
pub(crate) fn train(epochs: usize, mut report: impl FnMut(usize, f32, f64)) -> Result<f64> {
    let [chosen, rejected] = points(&data::products(1, 1000))?;
    let held_out = points(&data::products(2, 1000))?;
    let ((first, input), (second, output)) = (layer(2, HIDDEN)?, layer(HIDDEN, 1)?);
    let reward = |points: &Tensor| output.forward(&input.forward(points)?.tanh()?)?.squeeze(1);
    let mut optimiser = AdamW::new_lr([first, second].concat(), 0.03)?;

    let mut accuracy = 0.0;
    for epoch in 1..=epochs {
        let loss = PairwiseLoss::mean(Logistic);
        let loss = reward(&chosen)?.apply_op2(&reward(&rejected)?, loss)?;
        optimiser.backward_step(&loss)?;
        if epoch % 50 == 0 {
            let [chosen, rejected] = [&held_out[0], &held_out[1]].map(reward);
            let (chosen, rejected) = (chosen?.to_vec1::<f32>()?, rejected?.to_vec1::<f32>()?);
            let pairs = Pairs::new(&chosen, &rejected).map_err(candle_core::Error::wrap)?;
            accuracy = Metrics::of(&pairs).accuracy(Ties::Wrong).unwrap_or(f64::NAN);
            report(epoch, loss.to_scalar()?, accuracy);
        }
    }
    Ok(accuracy)
}

fn main() -> Result<()> {
    train(500, |epoch, loss, accuracy| {
        println!("epoch {epoch:3}: loss {loss:.4}, accuracy on held-out pairs {accuracy:.3}");
    })?;
    Ok(())
}
