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
//!
//! | to | see |
//! |---|---|
//! | compute a loss of pairs and its gradients | [`Pairs`], [`Reduction`] |
//! | choose a loss, scale it, smooth labels | [`Logistic`] and its neighbours, [`Tuned`] |
//! | model ties | [`RaoKupper`], [`Davidson`] |
//! | rate players, rank items | [`Comparisons`], [`Strengths`] |
//! | train on K ranked answers to a prompt | [`Groups`], [`PlackettLuce`] |
//! | read scores in place from a larger buffer | [`Strided`], [`ScoreGradients`] |
//! | accumulate over micro-batches, merge ranks | [`Total`], [`Metrics`], [`Reduction::Over`] |
//! | do what TRL's trainer does | [`RewardTrainer`], [`Centering`] |
//! | add a loss | [`PairLoss`], [`Working`] |
//! | compute one probability | [`win_probability`], [`sigmoid`], [`log_sigmoid`] |
//! | choose the instruction set | [`Level`] |
//!
//! # Features
//! - `std`, by default: the instruction set is chosen at run time. Without it the crate needs neither `alloc` nor `libm`, and the
//!   instruction set is the one that it is compiled for, as by `-C target-feature=+avx2,+fma`. On processors other than
//!   x86-64 the fused multiply-add is then emulated, with the same bits, slowly.
//! - `rayon`: large batches among threads, with the same bits.
//! - `half`: scores of `half::f16` and `half::bf16`, see [`Score`].
//! - `serde`: totals, metrics and reductions.
//!
//! # Accuracy
//! Of the value at the exact inputs: 0.501 ulp (`f32`; `sigmoid`, `log_sigmoid` and `softplus` correctly rounded), 0.54 ulp
//! (`f64`). Where terms of both signs meet, 0.55 ulp down to half the largest of them, and 1/16 ulp of that term more beside
//! the zero. NaN results are one canonical NaN.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod error;
mod index;
mod kernel;
mod loss;
mod math;
mod prior;
mod reduce;
mod scalar;
mod score;
#[cfg(feature = "serde")]
mod serialize;
mod strength;

pub use batch::{
    Comparisons, Counts, GroupTies, Groups, Pairs, PlackettLuce, Reduction, RewardStep,
    RewardTrainer, ScoreGradients, ScoreSums, Strided, StridedMut, log_sigmoid_into, sigmoid_into,
    softplus_into,
};
pub use error::Error;
pub use index::Index;
pub use kernel::Level;
pub use loss::{
    Centering, Davidson, DavidsonTie, DavidsonWin, Exponential, Hinge, Ipo, Jet, Logistic,
    PairLoss, RaoKupper, RaoKupperTie, RaoKupperWin, RobustLogistic, SquaredHinge,
    TieProbabilities, Tuned,
};
pub use math::Working;
pub use prior::GaussianPrior;
pub use reduce::{CalibrationBin, Metrics, ScoreSum, Ties, Total};
pub use scalar::{
    log_sigmoid, log_win_probability, logit, sigmoid, softplus, win_probability,
    win_probability_from_strengths,
};
#[cfg(feature = "half")]
pub use score::Half;
pub use score::Score;
pub use strength::Strengths;

/// The examples of the documents are tests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/accumulation.md")]
    mod accumulation {}
    #[doc = include_str!("../docs/guide.md")]
    mod guide {}
    #[doc = include_str!("../docs/ratings.md")]
    mod ratings {}
    #[doc = include_str!("../docs/frameworks.md")]
    mod frameworks {}
}
