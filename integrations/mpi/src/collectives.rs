//! All-reduces over integers.

use mpi::collective::SystemOperation;
use mpi::traits::CommunicatorCollectives;
use pairwise_loss::{Error, Metrics, Total};

use crate::exact_vector::{ExactVector, Window};

/// All-reduces whose result does not depend on how many ranks there are or how the terms are dealt out to them.
///
/// Every communicator of the crate [`mpi`] has them. As with all collectives, every rank has to call them, in the same
/// order; every rank gets the same result, errors included.
pub trait ExactCollectives: CommunicatorCollectives {
    /// The total of all ranks. One all-reduce of [`Total::LIMBS`] integers, 1152 bytes.
    ///
    /// # Errors
    /// [`Error::InvalidLimbs`] if what comes back cannot be the sum of totals.
    fn all_reduce_total(&self, total: &Total) -> Result<Total, Error> {
        Total::from_limbs(&all_reduce(self, total.as_limbs(), SystemOperation::sum()))
    }

    /// The metrics of all ranks. Two all-reduces: of [`Metrics::SUMS`] integers by sum and of [`Metrics::EXTREMES`] by
    /// maximum.
    ///
    /// # Errors
    /// [`Error::InvalidLimbs`] if what comes back cannot be of metrics.
    fn all_reduce_metrics(&self, metrics: &Metrics) -> Result<Metrics, Error> {
        let sums = all_reduce(self, &metrics.to_sums(), SystemOperation::sum());
        let extremes = all_reduce(self, &metrics.to_extremes(), SystemOperation::max());
        Metrics::from_parts(&sums, &extremes)
    }

    /// The sums of all ranks. Two all-reduces: of four integers by maximum, in which the ranks agree on which limbs are in
    /// use, and of those limbs and four counts for each coordinate.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the vectors of the ranks differ in length, [`Error::InvalidLimbs`] if what comes back
    /// cannot be the sum of vectors.
    fn all_reduce_vector(&self, vector: ExactVector) -> Result<ExactVector, Error> {
        let totals = vector.into_totals();
        let len = totals.len() as i64;
        let Window { low, high } = Window::of(&totals);
        let agreed = [high as i64, -(low as i64), len, -len];
        let agreed = all_reduce(self, &agreed, SystemOperation::max());
        let [high, low, longest, shortest] = [agreed[0], -agreed[1], agreed[2], -agreed[3]];
        if shortest != longest {
            return Err(Error::LengthMismatch {
                name: "vector",
                len: shortest as usize,
                reference: "that of another rank",
                expected: longest as usize,
            });
        }
        let window = Window { low: low as usize, high: high as usize };
        let packed = all_reduce(self, &window.pack(&totals), SystemOperation::sum());
        Ok(ExactVector::from_totals(window.unpack(&packed)?))
    }
}

impl<C: CommunicatorCollectives + ?Sized> ExactCollectives for C {}

fn all_reduce<C>(communicator: &C, integers: &[i64], operation: SystemOperation) -> Vec<i64>
where
    C: CommunicatorCollectives + ?Sized,
{
    let mut all = vec![0; integers.len()];
    communicator.all_reduce_into(integers, &mut all[..], operation);
    all
}
