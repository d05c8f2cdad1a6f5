//! Bradley–Terry probabilities and pairwise preference losses, with gradients and second derivatives, over `f32` and
//! `f64` slices.
//!
//! The batch is the scalar function, bit for bit, on every machine, and each number is the nearest one to the truth.
//!
//! ```
//! use pairwise_loss::{Logistic, Pairs, Reduction};
//!
//! let chosen = [2.5_f32, 0.1, -100.0];
//! let rejected = [1.0_f32, 0.6, 100.0];
//! let (mut d_chosen, mut d_rejected) = ([0.0; 3], [0.0; 3]);
//!
//! let pairs = Pairs::new(&chosen, &rejected)?;
//! let loss = pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
//!
//! // (log(1 + e^−1.5) + log(1 + e^0.5) + 200) / 3: the third pair costs 200, not ∞.
//! assert!((loss - 67.0585).abs() < 1e-4);
//! assert_eq!(d_rejected[2], 1.0 / 3.0);
//! # Ok::<(), pairwise_loss::Error>(())
//! ```

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod error;
mod kernel;
mod loss;
mod math;
mod reduce;
mod scalar;
mod score;
#[cfg(feature = "serde")]
mod serialize;
mod strength;

pub use batch::{
    Comparisons, GroupTies, Groups, Pairs, PlackettLuce, Reduction, RewardStep, RewardTrainer,
    ScoreGradients, Strided, StridedMut, log_sigmoid_into, sigmoid_into, softplus_into,
};
pub use error::Error;
pub use kernel::Level;
pub use loss::{
    Centering, Davidson, DavidsonTie, DavidsonWin, Exponential, Hinge, Ipo, Jet, Logistic,
    PairLoss, RaoKupper, RaoKupperTie, RaoKupperWin, RobustLogistic, SquaredHinge,
    TieProbabilities, Tuned,
};
pub use math::Working;
pub use reduce::{CalibrationBin, Metrics, Ties, Total};
pub use scalar::{
    log_sigmoid, log_win_probability, logit, sigmoid, softplus, win_probability,
    win_probability_from_strengths,
};
pub use score::Score;
pub use strength::Strengths;

/// The examples of the documents are tests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/accumulation.md")]
    mod accumulation {}
    #[doc = include_str!("../docs/frameworks.md")]
    mod frameworks {}
}
