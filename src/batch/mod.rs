//! Batches: what was checked once, and the verbs that run over it.

mod blocks;
mod comparisons;
mod counts;
mod function;
mod groups;
mod layout;
mod metrics;
mod options;
mod pairs;
mod plackett_luce;
mod reward_trainer;
mod rounding;
mod scatter;
mod sums;
mod tree;
mod verbs;
#[cfg(feature = "half")]
mod widened;

pub use comparisons::Comparisons;
pub use counts::Counts;
pub use function::{log_sigmoid_into, sigmoid_into, softplus_into};
pub use groups::{GroupTies, Groups};
pub use layout::{ScoreGradients, Strided, StridedMut};
pub use options::Reduction;
pub use pairs::Pairs;
pub use plackett_luce::PlackettLuce;
pub use reward_trainer::{RewardStep, RewardTrainer};
pub use sums::ScoreSums;
