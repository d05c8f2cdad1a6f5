//! The examples reach what they should.

#[path = "../../../optimum.rs"]
mod optimum;
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../examples/reward_model.rs"]
mod reward_model;
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../examples/reward_network.rs"]
mod reward_network;

use reward_model::data;

#[test]
fn the_reward_model_is_at_its_optimum() {
    let preferences = data::cems().unwrap();
    let fit = reward_model::train(&preferences);
    let (objective, distance) = optimum::objective_and_distance(&preferences, &fit.weights);
    assert!(distance <= 1e-6, "{distance}");
    assert!((fit.objective - objective).abs() < 1e-12, "{} {objective}", fit.objective);
}

#[test]
fn the_reward_network_learns() {
    let accuracy = reward_network::train(500, |_, _, _| ());
    assert!(accuracy >= 0.99, "{accuracy}");
}
