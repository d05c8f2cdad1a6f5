//! What batches, shards and ranks are reduced to: exact totals and metrics.

mod calibration;
mod exact;
mod metrics;
mod score_sum;
mod total;
mod window;

pub use calibration::CalibrationBin;
pub use metrics::{Metrics, Ties};
pub use score_sum::ScoreSum;
pub(crate) use score_sum::{TERMS, add_terms};
pub(crate) use total::Accumulator;
pub use total::Total;
