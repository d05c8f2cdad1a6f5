//! The examples reach what they should.

#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../examples/reward_model.rs"]
mod reward_model;
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../examples/reward_network.rs"]
mod reward_network;

use reward_model::data;

/// The objective Σ loss + ‖w‖²/2 is strongly convex with modulus 1, so its minimum is not farther than its gradient is long.
#[test]
fn the_reward_model_is_at_its_optimum() {
    let preferences = data::cems().unwrap();
    let fit = reward_model::train(&preferences).unwrap();
    let (mut objective, mut gradient) = (0.0, fit.weights.clone());
    let features = |rows: &[f64], i| rows.chunks(preferences.columns).nth(i).unwrap().to_vec();
    for (i, label) in preferences.labels.iter().enumerate() {
        let (chosen, rejected) =
            (features(&preferences.chosen, i), features(&preferences.rejected, i));
        let difference: Vec<f64> = chosen.iter().zip(rejected).map(|(c, r)| c - r).collect();
        let z: f64 = difference.iter().zip(&fit.weights).map(|(x, w)| x * w).sum();
        let p = 1.0 / (1.0 + (-z).exp());
        objective -= label * p.ln() + (1.0 - label) * (1.0 - p).ln();
        for (slope, x) in gradient.iter_mut().zip(difference) {
            *slope += (p - label) * x;
        }
    }
    objective += fit.weights.iter().map(|w| w * w).sum::<f64>() / 2.0;
    let distance = gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
    assert!(distance <= 1e-6, "{distance}");
    let mean = objective / preferences.len() as f64;
    assert!((fit.objective - mean).abs() < 1e-12, "{} {mean}", fit.objective);
}

#[test]
fn the_reward_network_learns() {
    let accuracy = reward_network::train(500, |_, _, _| ()).unwrap();
    assert!(accuracy >= 0.99, "{accuracy}");
}
