//! [`Metrics`] of a batch.
//!
//! Pairs go through in pieces that fit the nearest cache: those of weight 0 left out, the others widened to f64, so
//! that one kernel serves every format, and one slice after the other added up.

use super::options::Verb as _;
use super::pairs::Pairs;
use super::verbs::Map;
use crate::kernel::{Absent, CHUNK, Columns, Kernel, Level, Out, Scores, Sigmoid};
use crate::math::Fma;
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
        let weights = pairs.options.weights();
        for start in (0..pairs.len()).step_by(PIECE) {
            let mut len = 0;
            for i in start..pairs.len().min(start + PIECE) {
                let pair = (pairs.chosen.get(i), pairs.rejected.get(i));
                let slots = (chosen.get_mut(len), rejected.get_mut(len));
                if let ((Some(c), Some(r)), (Some(to_c), Some(to_r))) = (pair, slots) {
                    (*to_c, *to_r) = (c.widen(), r.widen());
                }
                // The next pair takes the place of one of weight 0.
                let weight = |weights: &[T]| weights.get(i).copied().unwrap_or_else(T::zero);
                len += usize::from(weights.is_none_or(|weights| weight(weights) > T::zero()));
            }
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
        chosen: Scores::Contiguous(rejected),
        rejected: Scores::Contiguous(chosen),
        margins: Absent,
        weights: Absent,
        labels: Absent,
        upstream: Absent,
    };
    Map { level, function: Sigmoid, len, sink: Out::contiguous(against) }.call(&columns);
    level.run(Tally { metrics, chosen, rejected, against });
}

/// [`Metrics::add`], compiled for each instruction set.
struct Tally<'m> {
    metrics: &'m mut Metrics,
    chosen: &'m [f64],
    rejected: &'m [f64],
    against: &'m mut [f64],
}

impl Kernel for Tally<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Fma>(self) {
        self.metrics.add(self.chosen, self.rejected, self.against);
    }
}
