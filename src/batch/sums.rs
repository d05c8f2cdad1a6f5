//! Accumulators of what comparisons contribute to entries, for threads, for streams and for ranks.

use super::options::check_len;
use super::verbs::join;
use crate::error::Error;
use crate::kernel::{BLOCK, Partial};
use crate::reduce::ScoreSum;
use crate::score::Score;
use core::ops::Range;

/// Exact sums over comparisons, one an entry: gradients, diagonals and products that do not depend on order.
///
/// What one [`Comparisons`](crate::Comparisons) writes in one go, these add up over many: chunks of a file that is
/// larger than memory, or shards on several ranks. They are integers, so the result is the same bits however the
/// comparisons are dealt out, and whatever the number of threads.
///
/// The memory is the caller's: one [`ScoreSum`] (16 bytes) an entry, or several times as many, *pieces*. With the
/// feature `rayon` each piece may be filled by a thread of its own.
///
/// ```
/// use pairwise_loss::{Comparisons, Logistic, Reduction, ScoreSum, ScoreSums, Total};
///
/// let scores = [0.5_f32, 0.0, -1.0];
/// let (winners, losers) = ([0_u32, 0, 1, 2], [1_u32, 2, 2, 0]);
/// let add = |rows: std::ops::Range<usize>, sums: &mut ScoreSums| {
///     let games = Comparisons::new(&scores, &winners[rows.clone()], &losers[rows])?;
///     games.add_gradient_to_sums(Logistic, Reduction::Over(4.0), sums)
/// };
///
/// // Two chunks into two pieces, and all at once into one.
/// let (mut memory, mut whole) = ([ScoreSum::ZERO; 6], [ScoreSum::ZERO; 3]);
/// let mut total = Total::default();
/// for rows in [0..1, 1..4] {
///     total += add(rows, &mut ScoreSums::new(&mut memory, 3)?)?;
/// }
/// assert_eq!(total, add(0..4, &mut ScoreSums::new(&mut whole, 3)?)?);
///
/// let (mut gradient, mut expected) = ([0.0_f32; 3], [0.0_f32; 3]);
/// ScoreSums::new(&mut memory, 3)?.round_into(&mut gradient)?;
/// ScoreSums::new(&mut whole, 3)?.round_into(&mut expected)?;
/// assert_eq!(gradient, expected);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Debug)]
pub struct ScoreSums<'s> {
    sums: &'s mut [ScoreSum],
    entries: usize,
}

impl<'s> ScoreSums<'s> {
    /// Sums for so many entries, in memory for one piece or several. What is there is added to.
    ///
    /// ```
    /// use pairwise_loss::{ScoreSum, ScoreSums};
    ///
    /// let mut memory = [ScoreSum::ZERO; 6];
    /// assert!(ScoreSums::new(&mut memory, 3).is_ok()); // two pieces of three entries
    /// assert!(ScoreSums::new(&mut memory, 4).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the memory is not that of one piece or several.
    pub fn new(sums: &'s mut [ScoreSum], entries: usize) -> Result<Self, Error> {
        let pieces = sums.len().checked_div(entries).unwrap_or(0).max(1);
        check_len("sums", sums.len(), "whole pieces of entries", pieces.saturating_mul(entries))?;
        Ok(Self { sums, entries })
    }

    /// Sets all sums to 0.
    ///
    /// ```
    /// use pairwise_loss::{ScoreSum, ScoreSums};
    ///
    /// let mut memory = [0.5, 1.0].map(ScoreSum::of);
    /// ScoreSums::new(&mut memory, 2)?.clear();
    /// assert_eq!(memory, [ScoreSum::ZERO; 2]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn clear(&mut self) {
        self.sums.fill(ScoreSum::ZERO);
    }

    /// Adds the sums of others, such as those of another rank, of one piece.
    ///
    /// ```
    /// use pairwise_loss::{ScoreSum, ScoreSums};
    ///
    /// let (mut here, there) = ([0.5, 1.0].map(ScoreSum::of), [0.25, -1.0].map(ScoreSum::of));
    /// ScoreSums::new(&mut here, 2)?.merge(&there)?;
    /// assert_eq!(here.map(ScoreSum::value), [0.75, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if they are not one an entry.
    pub fn merge(&mut self, others: &[ScoreSum]) -> Result<(), Error> {
        check_len("others", others.len(), "entries", self.entries)?;
        self.sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
        Ok(())
    }

    /// The sums in one piece, the others being 0 afterwards.
    ///
    /// ```
    /// use pairwise_loss::{ScoreSum, ScoreSums};
    ///
    /// let mut memory = [0.5, 1.0, 0.25, -1.0].map(ScoreSum::of); // two pieces of two entries
    /// assert_eq!(ScoreSums::new(&mut memory, 2)?.merged(), [0.75, 0.0].map(ScoreSum::of));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn merged(&mut self) -> &mut [ScoreSum] {
        let (first, others) = self.sums.split_at_mut(self.entries);
        for piece in others.chunks_mut(self.entries.max(1)) {
            for (sum, other) in first.iter_mut().zip(piece) {
                *sum += core::mem::take(other);
            }
        }
        first
    }

    /// Writes the sum of each entry, rounded to the format: within 0.501 units in the last place of the sum of the
    /// terms, and 2⁻⁶⁴ a term. NaN where a term or the sum is none that [`ScoreSum`] can hold.
    ///
    /// ```
    /// use pairwise_loss::{ScoreSum, ScoreSums};
    ///
    /// let mut memory = [0.5, 1.0, 0.25, -1.0].map(ScoreSum::of); // two pieces of two entries
    /// let mut out = [0.0_f32; 2];
    /// ScoreSums::new(&mut memory, 2)?.round_into(&mut out)?;
    /// assert_eq!(out, [0.75, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element an entry.
    pub fn round_into<T: Score>(&self, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "entries", self.entries)?;
        for (entry, slot) in out.iter_mut().enumerate() {
            let pieces = self.sums.iter().skip(entry).step_by(self.entries);
            *slot = T::narrow(pieces.fold(ScoreSum::ZERO, |sum, &piece| sum.merge(piece)).value());
        }
        Ok(())
    }

    /// The memory, if it is for so many entries.
    pub(super) fn of(&mut self, scores: usize) -> Result<&mut [ScoreSum], Error> {
        check_len("sums", self.entries, "scores", scores)?;
        Ok(self.sums)
    }
}

/// The rows of a batch in units that are subtrees of a sum over all of it, at most [`UNITS`].
#[derive(Clone, Copy)]
pub(super) struct Units {
    rows: usize,
    unit: usize,
}

pub(super) const UNITS: usize = 64;

impl Units {
    pub(super) fn new(rows: usize) -> Self {
        let blocks = rows.div_ceil(BLOCK);
        Self { rows, unit: BLOCK * blocks.div_ceil(UNITS).next_power_of_two() }
    }

    pub(super) fn all(self) -> Range<usize> {
        0..self.rows.div_ceil(self.unit)
    }

    /// The rows of some units.
    pub(super) fn rows(self, units: Range<usize>) -> Range<usize> {
        let row = |unit: usize| (unit * self.unit).min(self.rows);
        row(units.start)..row(units.end)
    }
}

/// Two accumulators, of which the second may be empty, of so many entries each.
pub(super) struct Pieces<'s> {
    pub(super) sums: [&'s mut [ScoreSum]; 2],
    pub(super) entries: usize,
}

impl Pieces<'_> {
    /// Shares some units among the pieces: what `work` returns for each share, together. Shares have places of their
    /// own in `partials`, one a unit.
    pub(super) fn share<A: Default + Send>(
        self,
        units: Range<usize>,
        partials: &mut [Partial],
        work: &(impl Fn(Range<usize>, &mut [Partial], [&mut [ScoreSum]; 2]) -> A + Sync),
        together: fn(A, A) -> A,
    ) -> A {
        let Self { sums: [a, b], entries } = self;
        let pieces = a.len().checked_div(entries).unwrap_or(1);
        if pieces < 2 || units.len() < 2 {
            let (a, b) = (a.get_mut(..entries), b.get_mut(..entries));
            return work(units, partials, [a.unwrap_or_default(), b.unwrap_or_default()]);
        }
        let first = pieces / 2;
        let count = (units.len() * first / pieces).max(1);
        let middle = units.start + count;
        let (a, a_rest) = a.split_at_mut(first * entries);
        let (b, b_rest) = b.split_at_mut(b.len().min(first * entries));
        let (near, far) = partials.split_at_mut(count.min(partials.len()));
        let (here, there) =
            (Pieces { sums: [a, b], entries }, Pieces { sums: [a_rest, b_rest], entries });
        let (x, y) = join(
            move || here.share(units.start..middle, near, work, together),
            move || there.share(middle..units.end, far, work, together),
        );
        together(x, y)
    }
}
