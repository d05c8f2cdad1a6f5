//! Batches: what was checked once, and the verbs that run over it.

mod comparisons;
mod function;
mod layout;
mod metrics;
mod options;
mod pairs;
mod verbs;

pub use comparisons::Comparisons;
pub use function::{log_sigmoid_into, sigmoid_into, softplus_into};
pub use layout::{ScoreGradients, Strided, StridedMut};
pub use options::Reduction;
pub use pairs::Pairs;
