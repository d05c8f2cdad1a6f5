//! What can be wrong with an argument, said with its name, its position and its numbers.

use core::fmt;

/// An argument that the crate refuses.
///
/// Everything is checked before anything is written: when a call returns an
/// `Error`, its outputs are as they were.
///
/// ```
/// use pairwise_loss::{Error, Pairs};
///
/// let error = Pairs::new(&[1.0, 2.0], &[0.5]).unwrap_err();
/// assert_eq!(error.to_string(), "rejected has 1 elements where chosen has 2");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Two slices that go together differ in length. Nothing is ever broadcast.
    ///
    /// ```
    /// use pairwise_loss::{Error, Pairs};
    ///
    /// let error = Pairs::new(&[1.0, 2.0], &[0.5]).unwrap_err();
    /// assert_eq!(error, Error::LengthMismatch { name: "rejected", len: 1, reference: "chosen", expected: 2 });
    /// ```
    LengthMismatch {
        /// The argument whose length is wrong.
        name: &'static str,
        /// The length it has.
        len: usize,
        /// The argument that sets the length.
        reference: &'static str,
        /// The length it should have.
        expected: usize,
    },
    /// Scores that come in twos are odd in number.
    ///
    /// ```
    /// use pairwise_loss::{Error, Pairs};
    ///
    /// let error = Pairs::interleaved(&[1.0, 2.0, 3.0]).unwrap_err();
    /// assert_eq!(error, Error::OddLength { name: "scores", len: 3 });
    /// ```
    OddLength {
        /// The slice.
        name: &'static str,
        /// The length it has.
        len: usize,
    },
    /// A strided view does not fit in its slice, or would show one element again and again.
    ///
    /// ```
    /// use pairwise_loss::{Error, Strided};
    ///
    /// let error = Strided::new(&[1.0, 2.0, 3.0], 1, 2, 2).unwrap_err(); // elements 1 and 3
    /// assert_eq!(error, Error::InvalidView { start: 1, stride: 2, len: 2, elements: 3 });
    /// ```
    InvalidView {
        /// The position of the first element.
        start: usize,
        /// How far apart elements are.
        stride: usize,
        /// How many of them there are to be.
        len: usize,
        /// The length of the slice.
        elements: usize,
    },
    /// A column of a matrix that it does not have, or the same for two purposes.
    ///
    /// ```
    /// use pairwise_loss::{Error, ScoreGradients};
    ///
    /// let error = ScoreGradients::columns(&mut [0.0; 6], 3, 1, 1).unwrap_err();
    /// assert_eq!(error, Error::InvalidColumns { width: 3, chosen: 1, rejected: 1 });
    /// ```
    InvalidColumns {
        /// The length of a row.
        width: usize,
        /// The column of the chosen.
        chosen: usize,
        /// The column of the rejected.
        rejected: usize,
    },
    /// A parameter of a loss or of a reduction lies outside its domain.
    ///
    /// ```
    /// use pairwise_loss::{Error, Logistic, Tuned};
    ///
    /// let error = Tuned::new(Logistic).scale(-0.1).unwrap_err();
    /// assert_eq!(error, Error::InvalidParameter { name: "scale", value: -0.1, domain: "finite and > 0" });
    /// ```
    InvalidParameter {
        /// The parameter.
        name: &'static str,
        /// The value it was given.
        value: f64,
        /// The domain, in words: "finite and > 0".
        domain: &'static str,
    },
    /// An element of a slice lies outside its domain.
    ///
    /// ```
    /// use pairwise_loss::{Error, Pairs};
    ///
    /// let error = Pairs::new(&[1.0, 0.0], &[0.0; 2])?.with_labels(&[1.0, 1.5]).unwrap_err();
    /// assert_eq!(error, Error::InvalidElement { name: "labels", position: 1, value: 1.5, domain: "in [0, 1]" });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    InvalidElement {
        /// The slice.
        name: &'static str,
        /// The position of the first offending element.
        position: usize,
        /// Its value.
        value: f64,
        /// The domain, in words: "in [0, 1]".
        domain: &'static str,
    },
    /// An index points past the end of the scores.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Error};
    ///
    /// let error = Comparisons::new(&[1.0, 0.0], &[0, -1], &[1, 0]).unwrap_err();
    /// assert_eq!(error, Error::IndexOutOfRange { name: "winners", position: 1, index: -1, len: 2 });
    /// ```
    IndexOutOfRange {
        /// The slice of indices.
        name: &'static str,
        /// The position of the first offending index.
        position: usize,
        /// The index found there.
        index: i128,
        /// The number of scores.
        len: usize,
    },
    /// An entry is compared with itself.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Error};
    ///
    /// let error = Comparisons::new(&[1.0, 0.0], &[0, 1], &[1, 1]).unwrap_err();
    /// assert_eq!(error, Error::SelfComparison { position: 1, index: 1 });
    /// ```
    SelfComparison {
        /// The position of the first such comparison.
        position: usize,
        /// The entry.
        index: i128,
    },
    /// Offsets do not divide the scores into prompts.
    ///
    /// ```
    /// use pairwise_loss::{Error, Groups};
    ///
    /// let error = Groups::new(&[1.0, 0.5, 0.0], &[0, 2]).unwrap_err();
    /// assert_eq!(error, Error::InvalidOffset { position: 1, offset: 2, domain: "the number of scores", bound: 3 });
    /// ```
    InvalidOffset {
        /// The position of the first offending offset.
        position: usize,
        /// The offset found there.
        offset: usize,
        /// What it must be, in words.
        domain: &'static str,
        /// The number in these words.
        bound: usize,
    },
    /// Two answers of one prompt have the same rank where an order is needed.
    ///
    /// ```
    /// use pairwise_loss::{Error, Groups};
    ///
    /// let error = Groups::new(&[1.0, 0.5], &[0, 2])?.with_ranks(&[7, 7])?.plackett_luce(None).unwrap_err();
    /// assert_eq!(error, Error::TiedRanks { first: 0, second: 1, rank: 7 });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    TiedRanks {
        /// The position of the first such answer.
        first: usize,
        /// The position of the next one of the same rank.
        second: usize,
        /// The rank of both.
        rank: u32,
    },
    /// A mean over nothing: no pair with a weight above zero.
    ///
    /// ```
    /// use pairwise_loss::{Error, Logistic, Pairs, Reduction};
    ///
    /// let pairs = Pairs::new(&[1.0_f32; 2], &[0.0; 2])?.with_weights(&[0.0; 2])?;
    /// let error = pairs.loss(Logistic, Reduction::Mean).unwrap_err();
    /// assert_eq!(error, Error::EmptyMean { reduction: "Reduction::Mean", pairs: 2 });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    EmptyMean {
        /// The reduction that was asked for.
        reduction: &'static str,
        /// How many pairs the batch holds, all of weight 0.
        pairs: usize,
    },
    /// Integers that are not the state of a total or of metrics.
    ///
    /// ```
    /// use pairwise_loss::{Error, Total};
    ///
    /// let error = Total::from_limbs(&[0; 3]).unwrap_err();
    /// assert!(matches!(error, Error::InvalidLimbs { position: 3, .. })); // 3 integers are no total
    /// ```
    InvalidLimbs {
        /// What is wrong with them.
        reason: &'static str,
        /// The position of the first offending limb, or their number when that is what is wrong.
        position: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LengthMismatch { name, len, reference, expected } => {
                write!(f, "{name} has {len} elements where {reference} has {expected}")
            }
            Self::OddLength { name, len } => {
                write!(f, "{name} has {len} elements, an odd number, where each pair has two")
            }
            Self::InvalidView { stride: 0, .. } => {
                f.write_str("a view of stride 0 repeats one element: nothing is ever broadcast")
            }
            Self::InvalidView { start, stride, len, elements } => write!(
                f,
                "a view of {len} elements from {start} on, {stride} apart, of a slice of {elements}"
            ),
            Self::InvalidColumns { width, chosen, rejected } => {
                write!(f, "columns {chosen} and {rejected} of rows of {width}, must be two of them")
            }
            Self::InvalidParameter { name, value, domain } => {
                write!(f, "{name} is {value:?}, must be {domain}")
            }
            Self::InvalidElement { name, position, value, domain } => {
                write!(f, "{name}[{position}] is {value:?}, must be {domain}")
            }
            Self::IndexOutOfRange { name, position, index, len } => {
                write!(f, "{name}[{position}] is {index} where there are {len} scores")
            }
            Self::SelfComparison { position, index } => {
                write!(f, "comparison {position} is of entry {index} with itself")
            }
            Self::InvalidOffset { position, offset, domain, bound } => {
                write!(f, "offsets[{position}] is {offset}, must be {domain}, {bound}")
            }
            Self::TiedRanks { first, second, rank } => write!(
                f,
                "ranks[{first}] and ranks[{second}] are both {rank} where an order is needed"
            ),
            Self::EmptyMean { reduction, pairs } => write!(
                f,
                "{reduction} of no pairs is undefined ({pairs} pairs, none with a weight above 0)"
            ),
            Self::InvalidLimbs { reason, position } => {
                write!(f, "not the state of a total or of metrics: {reason} ({position})")
            }
        }
    }
}

impl core::error::Error for Error {}
