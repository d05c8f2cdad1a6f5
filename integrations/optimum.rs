//! How far weights are from the optimum of the reward model, for the tests of the adapters, by formulas of its own.

use super::reward_model::data::Preferences;

/// The mean objective, and no less than the distance: Σ loss + ‖w‖²/2 is strongly convex with modulus 1, so its minimum is
/// not farther than its gradient is long.
pub fn objective_and_distance(preferences: &Preferences, weights: &[f64]) -> (f64, f64) {
    let (mut objective, mut gradient) = (0.0, weights.to_vec());
    let features = |rows: &[f64], i| rows.chunks(preferences.columns).nth(i).unwrap().to_vec();
    for (i, label) in preferences.labels.iter().enumerate() {
        let (chosen, rejected) =
            (features(&preferences.chosen, i), features(&preferences.rejected, i));
        let difference: Vec<f64> = chosen.iter().zip(rejected).map(|(c, r)| c - r).collect();
        let z: f64 = difference.iter().zip(weights).map(|(x, w)| x * w).sum();
        let p = 1.0 / (1.0 + (-z).exp());
        objective -= label * p.ln() + (1.0 - label) * (1.0 - p).ln();
        for (slope, x) in gradient.iter_mut().zip(difference) {
            *slope += (p - label) * x;
        }
    }
    objective += weights.iter().map(|w| w * w).sum::<f64>() / 2.0;
    let distance = gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
    (objective / preferences.len() as f64, distance)
}
