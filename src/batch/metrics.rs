//! [`Metrics`] of a batch.
//!
//! Pairs go through in pieces that fit the nearest cache: those of weight 0 left out, the others widened to f64, so that one
//! kernel serves every format, and one slice after the other added up.

use super::options::Verb as _;
use super::pairs::Pairs;
use super::verbs::Map;
use crate::kernel::{Absent, CHUNK, Columns, Level, Sigmoid};
use crate::reduce::Metrics;
use crate::score::Score;

/// Pairs in a piece: 12 KiB of buffers, and few enough for the integers of [`Metrics::add`].
const PIECE: usize = 16 * CHUNK;

/// A column of a piece.
type Column = [f64; PIECE];

impl Metrics {
    /// The metrics of a batch: of every pair with a weight above 0, counted once. Margins and labels play no part.
    ///
    /// ```
    /// use pairwise_loss::{Metrics, Pairs, Ties};
    ///
    /// let metrics = Metrics::of(&Pairs::new(&[2.0_f32, 1.0, 0.5, 3.0], &[1.0, 1.0, 0.0, 4.0])?);
    /// assert_eq!(metrics.accuracy(Ties::Half), Some(2.5 / 4.0));
    /// assert_eq!(metrics.mean_margin(), Some((1.0 + 0.0 + 0.5 - 1.0) / 4.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn of<T: Score>(pairs: &Pairs<'_, T>) -> Self {
        let mut metrics = Self::default();
        let (mut chosen, mut rejected, mut against) = ([0.0; PIECE], [0.0; PIECE], [0.0; PIECE]);
        let mut weights = pairs.options.weights().map(|weights| weights.chunks(PIECE));
        for (c, r) in pairs.chosen.chunks(PIECE).zip(pairs.rejected.chunks(PIECE)) {
            let len = match weights.as_mut().and_then(Iterator::next) {
                None => {
                    widen(c, &mut chosen);
                    widen(r, &mut rejected)
                }
                Some(w) => {
                    widen_weighted(c, w, &mut chosen);
                    widen_weighted(r, w, &mut rejected)
                }
            };
            add(&mut metrics, pairs.level, [&chosen, &rejected], &mut against, len);
        }
        metrics
    }
}

/// Adds the first `len` pairs of a piece; `against` is overwritten.
fn add(
    metrics: &mut Metrics,
    level: Level,
    columns: [&Column; 2],
    against: &mut Column,
    len: usize,
) {
    let [chosen, rejected] = columns.map(|column| column.get(..len).unwrap_or_default());
    let against = against.get_mut(..len).unwrap_or_default();
    let columns = Columns {
        chosen: rejected,
        rejected: chosen,
        margins: Absent,
        weights: Absent,
        labels: Absent,
    };
    Map { level, function: Sigmoid, len, sink: &mut *against }.call(columns);
    metrics.add(chosen, rejected, against);
}

/// Writes `scores` to the beginning of `out` and returns their number.
fn widen<T: Score>(scores: &[T], out: &mut Column) -> usize {
    for (slot, x) in out.iter_mut().zip(scores) {
        *slot = x.widen();
    }
    scores.len()
}

/// Writes the `scores` of a weight above 0 to the beginning of `out` and returns their number.
fn widen_weighted<T: Score>(scores: &[T], weights: &[T], out: &mut Column) -> usize {
    let mut len = 0;
    for (x, &w) in scores.iter().zip(weights) {
        if let Some(slot) = out.get_mut(len) {
            *slot = x.widen();
        }
        len += usize::from(w > T::zero());
    }
    len
}
