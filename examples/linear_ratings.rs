//! Scores that are a linear function of features: s = X·w. The crate has the gradient g with respect to the scores;
//! that with respect to w is Xᵀg, one product of the caller's matrix, here of `nalgebra`.
//!
//! ```sh
//! cargo run --release --example linear_ratings
//! ```
//!
//! Each language model has three features; who beats whom depends on them through weights that are to be found. One
//! such model can rate players who have not played yet.

use anyhow::{Result, ensure};
use nalgebra::{DMatrix, DVector};
use pairwise_loss::{Comparisons, GaussianPrior, Logistic, Reduction, win_probability};

const PLAYERS: usize = 200;
const FEATURES: usize = 3;
const GAMES: usize = 20_000;

/// The derivatives of the mean loss, and of a prior on w, with respect to w.
struct Derivatives {
    gradient: DVector<f64>,
    /// `XᵀHX`, H the Laplacian of the games, column by column.
    hessian: DMatrix<f64>,
}

fn derivatives(
    features: &DMatrix<f64>,
    weights: &DVector<f64>,
    (winners, losers): (&[u32], &[u32]),
    prior: GaussianPrior,
) -> Result<Derivatives> {
    let scores = features * weights;
    let games = Comparisons::new(scores.as_slice(), winners, losers)?;

    let mut by_score = DVector::zeros(PLAYERS);
    games.loss_and_gradient(Logistic, Reduction::Sum, by_score.as_mut_slice())?;
    let mut gradient = features.tr_mul(&by_score);
    prior.add_gradient(weights.as_slice(), gradient.as_mut_slice())?;

    let mut hessian = DMatrix::zeros(FEATURES, FEATURES);
    for j in 0..FEATURES {
        let direction = features.column(j).clone_owned();
        let mut product = DVector::zeros(PLAYERS);
        games.hessian_vector_product_into(
            Logistic,
            direction.as_slice(),
            product.as_mut_slice(),
        )?;
        hessian.set_column(j, &features.tr_mul(&product));
    }
    for j in 0..FEATURES {
        let mut diagonal = [hessian[(j, j)]];
        prior.add_hessian_diagonal(&mut diagonal);
        hessian[(j, j)] = diagonal[0];
    }
    Ok(Derivatives { gradient, hessian })
}

fn main() -> Result<()> {
    let mut random = fastrand::Rng::with_seed(3);
    let features = DMatrix::from_fn(PLAYERS, FEATURES, |_, _| 2.0 * random.f64() - 1.0);
    let truth = DVector::from_column_slice(&[1.5, -0.75, 0.25]);
    let scores = &features * &truth;
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for _ in 0..GAMES {
        let i = random.usize(..PLAYERS);
        let j = (i + 1 + random.usize(..PLAYERS - 1)) % PLAYERS;
        let wins = random.f64() < win_probability(scores[i], scores[j]);
        winners.push(if wins { i } else { j } as u32);
        losers.push(if wins { j } else { i } as u32);
    }

    // Newton's method: there are few weights, so their Hessian is small.
    let prior = GaussianPrior::new(10.0)?;
    let mut weights = DVector::zeros(FEATURES);
    for step in 0.. {
        let Derivatives { gradient, hessian } =
            derivatives(&features, &weights, (&winners, &losers), prior)?;
        println!(
            "step {step}: weights {:.6?}, gradient {:.1e}",
            weights.as_slice(),
            gradient.amax()
        );
        if gradient.amax() < 1e-9 * GAMES as f64 {
            let covariance = hessian.try_inverse().expect("a positive definite matrix");
            for j in 0..FEATURES {
                let error = covariance[(j, j)].sqrt();
                println!("weight {j}: {:.4} ± {error:.4}, drawn with {}", weights[j], truth[j]);
                ensure!((weights[j] - truth[j]).abs() < 5.0 * error, "too far");
            }
            return Ok(());
        }
        ensure!(step < 20, "no convergence");
        weights -= hessian.cholesky().expect("a positive definite matrix").solve(&gradient);
    }
    Ok(())
}
