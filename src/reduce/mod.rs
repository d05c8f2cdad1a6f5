//! What batches, shards and ranks are reduced to: exact totals and metrics.

mod calibration;
mod exact;
mod metrics;
mod total;
mod window;

pub use calibration::CalibrationBin;
pub use metrics::{Metrics, Ties};
pub(crate) use total::Accumulator;
pub use total::Total;
