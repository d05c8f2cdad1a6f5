//! Mean of −log σ(chosen − rejected) over `f32` scores and both gradients, forward and backward, through the operation and
//! composed of burn's own; and how good the mean of ten million is. Results are checked before anything is timed.

#[path = "../../speed.rs"]
mod speed;

use burn::tensor::{Device, Tensor, TensorData, activation};
use pairwise_loss_burn::{Logistic, PairwiseLoss};

fn operation(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    PairwiseLoss::new(Logistic).forward(chosen, rejected)
}

/// Stable, with a backward pass of its own.
fn composed(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    activation::log_sigmoid(chosen - rejected).mean().neg()
}

/// Shorter, and ∞ for a pair that is lost by 100.
fn unstable(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    (rejected - chosen).exp().log1p().mean()
}

type Form = fn(Tensor<1>, Tensor<1>) -> Tensor<1>;
const FORMS: [(&str, Form); 3] =
    [("operation", operation), ("composed", composed), ("unstable", unstable)];

fn tensors(chosen: &[f32], rejected: &[f32], device: &Device) -> [Tensor<1>; 2] {
    [chosen, rejected].map(|x| Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), device))
}

fn main() {
    println!(
        "    pairs, µs: operation     composed     unstable; the others as multiples of the first"
    );
    for pairs in [1 << 6, 1 << 12, 1 << 20] {
        let (c, r) = (speed::scores(pairs, 0.37), speed::scores(pairs, 0.71));
        let expected = speed::reference(&c, &r);
        let [chosen, rejected] =
            &tensors(&c, &r, &Device::flex().autodiff()).map(Tensor::require_grad);
        for (name, form) in FORMS {
            let mean = form(chosen.clone(), rejected.clone());
            let gradient = chosen.grad(&mean.backward()).unwrap().into_data();
            let mean = f64::from(mean.into_scalar::<f32>());
            speed::check(name, (mean, gradient.try_into_vec().unwrap()), &expected);
        }
        let mut steps = FORMS.map(|(_, form)| {
            move || {
                let gradients = form(chosen.clone(), rejected.clone()).backward();
                assert!(chosen.grad(&gradients).is_some() && rejected.grad(&gradients).is_some());
            }
        });
        let [a, b, c] = &mut steps;
        speed::print_row(pairs, &speed::times(pairs, &mut [a, b, c]));
    }

    let (c, r) = (speed::scores(10_000_000, 0.37), speed::scores(10_000_000, 0.71));
    let (expected, _) = speed::reference(&c, &r);
    let [chosen, rejected] = tensors(&c, &r, &Device::flex());
    println!("\nmean of ten million, relative error");
    let in_f64 = PairwiseLoss::new(Logistic).loss_in_f64();
    let mean: f64 = in_f64.forward(chosen.clone(), rejected.clone()).into_scalar();
    let error = mean / expected - 1.0;
    println!("{:>22} {:8.1e}", "operation, loss_in_f64", error.abs());
    assert!(error.abs() <= 1e-9);
    for (name, form) in FORMS {
        let mean: f32 = form(chosen.clone(), rejected.clone()).into_scalar();
        println!("{name:>22} {:8.1e}", (f64::from(mean) / expected - 1.0).abs());
    }
}
