//! A reward network of two layers learns a preference that no linear reward can express.

#[path = "../../data.rs"]
mod data;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use pairwise_loss::{Metrics, Pairs, Ties};
use pairwise_loss_burn::{Logistic, PairwiseLoss};

const HIDDEN: usize = 32;

#[derive(Module, Debug)]
struct RewardNetwork {
    input: Linear,
    output: Linear,
}

impl RewardNetwork {
    fn new(device: &Device) -> Self {
        let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self { input: layer(2, HIDDEN), output: layer(HIDDEN, 1) }
    }

    fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.input.forward(points).tanh())
    }
}

/// The features of the chosen and of the rejected points.
fn points(preferences: &data::Preferences, device: &Device) -> [Tensor<2>; 2] {
    [&preferences.chosen, &preferences.rejected].map(|rows| {
        let data = TensorData::new(rows.clone(), [preferences.len(), preferences.columns]);
        Tensor::from_data(data.convert::<f32>(), device)
    })
}

/// The accuracy on other points than those it was trained on, by epoch.
pub(crate) fn train(epochs: usize, mut report: impl FnMut(usize, f32, f64)) -> f64 {
    let device = Device::flex().autodiff();
    device.seed(1);
    let [chosen, rejected] = points(&data::products(1, 1000), &device);
    let held_out = points(&data::products(2, 1000), &device);
    let mut network = RewardNetwork::new(&device);
    let mut optimiser = AdamConfig::new().init();
    let pairwise_loss = PairwiseLoss::new(Logistic);

    let mut accuracy = 0.0;
    for epoch in 1..=epochs {
        let rewards = [&chosen, &rejected].map(|points| network.forward(points.clone()));
        let [chosen_rewards, rejected_rewards] = rewards;
        let loss = pairwise_loss.forward(chosen_rewards, rejected_rewards);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimiser.step(0.03, network, gradients);
        if epoch % 50 == 0 {
            let [chosen, rejected] = [&held_out[0], &held_out[1]].map(|points| {
                let rewards = network.forward(points.clone()).into_data();
                rewards.try_into_vec::<f32>().expect("f32")
            });
            let pairs = Pairs::new(&chosen, &rejected).expect("as many");
            accuracy = Metrics::of(&pairs).accuracy(Ties::Wrong).unwrap_or(f64::NAN);
            report(epoch, loss.into_scalar(), accuracy);
        }
    }
    accuracy
}

fn main() {
    train(500, |epoch, loss, accuracy| {
        println!("epoch {epoch:3}: loss {loss:.4}, accuracy on held-out pairs {accuracy:.3}");
    });
}
