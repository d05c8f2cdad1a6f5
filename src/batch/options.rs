//! What a batch may have besides its scores, and how its losses are reduced to one.

use crate::error::Error;
use crate::kernel::{Absent, Columns, Or, Rows, Scores};
use crate::score::Score;

/// How the losses of a batch become one number.
///
/// Fused gradients are those of the number, so they carry the same normaliser.
///
/// ```
/// use pairwise_loss::{Logistic, Pairs, Reduction};
///
/// let pairs = Pairs::new(&[0.0_f32; 3], &[0.0; 3])?.with_weights(&[1.0, 3.0, 0.0])?; // each loss is w·log 2
/// for (reduction, times) in [
///     (Reduction::Sum, 4.0),
///     (Reduction::Mean, 4.0 / 2.0),
///     (Reduction::WeightedMean, 4.0 / 4.0),
///     (Reduction::Over(10.0), 4.0 / 10.0),
/// ] {
///     let loss = pairs.loss(Logistic, reduction)?;
///     assert!((loss - times * core::f64::consts::LN_2).abs() < 1e-12);
/// }
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reduction {
    /// Σ wᵢ·Lᵢ.
    Sum,
    /// Σ wᵢ·Lᵢ / n, n being the number of pairs with a weight above 0.
    Mean,
    /// Σ wᵢ·Lᵢ / Σ wᵢ. The sum of the weights must be finite and have a finite reciprocal.
    WeightedMean,
    /// Σ wᵢ·Lᵢ / N for a normaliser N of the caller's, such as the number of pairs in all micro-batches and on all ranks.
    /// Finite and not 0, with a finite reciprocal.
    Over(f64),
}

/// The optional columns of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a, T> {
    pub(super) margins: Option<Scores<'a, T>>,
    weights: Option<&'a [T]>,
    labels: Option<&'a [T]>,
    /// Rows with a weight above 0.
    counted: usize,
}

impl<'a, T: Score> Options<'a, T> {
    /// No options for a batch of `len` rows.
    pub(super) fn none(len: usize) -> Self {
        Self { margins: None, weights: None, labels: None, counted: len }
    }

    /// Columns that are known to hold what they may, of `len` rows.
    pub(super) fn of_columns(
        weights: Option<&'a [T]>,
        labels: Option<&'a [T]>,
        len: usize,
    ) -> Self {
        Self { margins: None, weights, labels, counted: len }
    }

    pub(super) fn weights(&self) -> Option<&'a [T]> {
        self.weights
    }

    pub(super) fn with_weights(self, weights: &'a [T]) -> Result<Self, Error> {
        check_elements("weights", weights, "finite and >= 0", |w| w >= T::zero() && w.is_finite())?;
        let counted = weights.iter().filter(|&&w| w > T::zero()).count();
        Ok(Self { weights: Some(weights), counted, ..self })
    }

    pub(super) fn with_labels(self, labels: &'a [T]) -> Result<Self, Error> {
        check_elements("labels", labels, "in [0, 1]", |p| p >= T::zero() && p <= T::one())?;
        Ok(Self { labels: Some(labels), ..self })
    }

    /// Calls `verb` with the columns that are there; a column that is not leaves no trace in the loops.
    pub(super) fn visit<V: Verb<T>>(
        &self,
        chosen: Scores<'a, T>,
        rejected: Scores<'a, T>,
        verb: V,
    ) -> V::Output {
        macro_rules! call {
            ($margins:expr, $weights:expr, $labels:expr) => {
                verb.call(&Columns {
                    chosen,
                    rejected,
                    margins: $margins,
                    weights: $weights,
                    labels: $labels,
                    upstream: Absent,
                })
            };
        }
        // Some of the eight combinations have kernels of their own. The others take the next larger one, with a
        // constant column for what is absent; the bits are the same. Fewer for the format whose arithmetic is so
        // much that a margin of 0 and a weight of 1 hardly show, and whose kernels take long to compile.
        match (self.margins, self.weights, self.labels) {
            (None, None, None) => call!(Absent, Absent, Absent),
            (Some(m), None, None) => call!(m, Absent, Absent),
            (m, w, None) if T::DOUBTS => call!(Or(m), Or(w), Absent),
            (m, w, Some(p)) if T::DOUBTS => call!(Or(m), Or(w), p),
            (None, Some(w), None) => call!(Absent, w, Absent),
            (m, None, Some(p)) => call!(Or(m), Absent, p),
            (m, Some(w), p) => call!(Or(m), w, Or(p)),
        }
    }

    /// Calls `verb` with all columns, the optional ones constant where they are absent, and with one that multiplies
    /// each result.
    pub(super) fn visit_with_upstream<V: Verb<T>>(
        &self,
        chosen: Scores<'a, T>,
        rejected: Scores<'a, T>,
        upstream: &[T],
        verb: V,
    ) -> V::Output {
        verb.call(&Columns {
            chosen,
            rejected,
            margins: Or(self.margins),
            weights: Or(self.weights),
            labels: Or(self.labels),
            upstream,
        })
    }

    /// What the sum of the losses of these rows and others, all with weights, is divided by, as a sum of two.
    pub(super) fn common_divisor(
        &self,
        other: &Self,
        reduction: Reduction,
        len: usize,
    ) -> Result<(f64, f64), Error> {
        let weights = |options: &Self| options.weights.unwrap_or_default().iter().copied();
        let both = weights(self).chain(weights(other));
        divisor(reduction, self.counted + other.counted, len, Some(both))
    }

    /// What the sum of the losses is divided by, as a sum of two.
    pub(super) fn divisor(&self, reduction: Reduction, len: usize) -> Result<(f64, f64), Error> {
        let weights = self.weights.map(|weights| weights.iter().copied());
        divisor(reduction, self.counted, len, weights)
    }
}

/// What the sum of `counted` losses out of `len` is divided by, as a sum of two; `weights` are those of the counted ones.
pub(super) fn divisor<T: Score>(
    reduction: Reduction,
    counted: usize,
    len: usize,
    weights: Option<impl Iterator<Item = T>>,
) -> Result<(f64, f64), Error> {
    let name = match reduction {
        Reduction::Sum => return Ok((1.0, 0.0)),
        Reduction::Over(n) => {
            let holds = n.is_finite() && n.recip().is_finite();
            let domain = "finite and not 0, with a finite reciprocal";
            return if holds {
                Ok((n, 0.0))
            } else {
                Err(Error::InvalidParameter { name: "Reduction::Over", value: n, domain })
            };
        }
        Reduction::Mean => "Reduction::Mean",
        Reduction::WeightedMean => "Reduction::WeightedMean",
    };
    if counted == 0 {
        return Err(Error::EmptyMean { reduction: name, pairs: len });
    }
    match (reduction, weights) {
        (Reduction::WeightedMean, Some(weights)) => {
            let sum = sum(weights);
            let (name, value) = ("sum of weights", sum.0);
            let domain = "finite, with a finite reciprocal, for Reduction::WeightedMean";
            if value.is_finite() && value.recip().is_finite() {
                Ok(sum)
            } else {
                Err(Error::InvalidParameter { name, value, domain })
            }
        }
        _ => Ok((counted as f64, 0.0)),
    }
}

/// Something to do with the rows of a batch, whatever columns they have.
pub(super) trait Verb<T: Score> {
    type Output;
    fn call<R: Rows<T>>(self, rows: R) -> Self::Output;
}

/// The sum of some numbers ≥ 0 as a sum of two, to about 100 bits.
fn sum<T: Score>(numbers: impl Iterator<Item = T>) -> (f64, f64) {
    let (mut sum, mut lost) = (0.0, 0.0);
    for x in numbers {
        let x = x.widen();
        let next: f64 = sum + x;
        let x_part = next - sum;
        lost += (sum - (next - x_part)) + (x - x_part);
        sum = next;
    }
    let total = sum + lost;
    if total.is_finite() { (total, lost - (total - sum)) } else { (sum, 0.0) }
}

/// The first element that does not hold, as an error.
pub(super) fn check_elements<T: Score>(
    name: &'static str,
    elements: &[T],
    domain: &'static str,
    holds: impl Fn(T) -> bool,
) -> Result<(), Error> {
    // By whole chunks, without a way out in their midst: such loops become SIMD.
    let fails = |chunk: &[T]| chunk.iter().fold(false, |fails, &x| fails | !holds(x));
    if !elements.chunks(256).any(fails) {
        return Ok(());
    }
    match elements.iter().position(|&x| !holds(x)) {
        None => Ok(()),
        Some(position) => {
            let value = elements[position].widen();
            Err(Error::InvalidElement { name, position, value, domain })
        }
    }
}

/// Two slices that go together must have the same length.
pub(super) fn check_len(
    name: &'static str,
    len: usize,
    reference: &'static str,
    expected: usize,
) -> Result<(), Error> {
    if len == expected {
        Ok(())
    } else {
        Err(Error::LengthMismatch { name, len, reference, expected })
    }
}
