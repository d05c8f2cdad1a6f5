//! Functions of one score over slices.

use super::options::{Verb, check_len};
use super::verbs::Map;
use crate::error::Error;
use crate::kernel::{Absent, Columns, Function, Level, LogSigmoid, Out, Sigmoid, Softplus};
use crate::score::Score;

fn map<T: Score, F: Function>(
    level: Level,
    function: F,
    x: &[T],
    out: &mut [T],
) -> Result<(), Error> {
    check_len("out", out.len(), "x", x.len())?;
    let (chosen, absent) = (x, Absent);
    let columns = Columns {
        chosen,
        rejected: absent,
        margins: absent,
        weights: absent,
        labels: absent,
        upstream: absent,
    };
    Map { level, function, len: x.len(), sink: Out::contiguous(out) }.call(&columns);
    Ok(())
}

/// Writes [`sigmoid`](crate::sigmoid)`(x[i])` to `out[i]`, bit for bit.
///
/// # Errors
/// [`Error::LengthMismatch`] if `out` has another length.
///
/// ```
/// let mut out = [0.0; 3];
/// pairwise_loss::sigmoid_into(&[-1.0_f32, 0.0, f32::INFINITY], &mut out)?;
/// assert_eq!(out[1..], [0.5, 1.0]);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
pub fn sigmoid_into<T: Score>(x: &[T], out: &mut [T]) -> Result<(), Error> {
    Level::best().sigmoid_into(x, out)
}

/// Writes [`log_sigmoid`](crate::log_sigmoid)`(x[i])` to `out[i]`, bit for bit.
///
/// # Errors
/// [`Error::LengthMismatch`] if `out` has another length.
///
/// ```
/// let mut out = [0.0; 2];
/// pairwise_loss::log_sigmoid_into(&[-200.0_f32, f32::INFINITY], &mut out)?;
/// assert_eq!(out, [-200.0, 0.0]);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
pub fn log_sigmoid_into<T: Score>(x: &[T], out: &mut [T]) -> Result<(), Error> {
    Level::best().log_sigmoid_into(x, out)
}

/// Writes [`softplus`](crate::softplus)`(x[i])` to `out[i]`, bit for bit.
///
/// # Errors
/// [`Error::LengthMismatch`] if `out` has another length.
///
/// ```
/// let mut out = [0.0; 2];
/// pairwise_loss::softplus_into(&[0.0_f32, 200.0], &mut out)?;
/// assert_eq!(out, [2.0_f32.ln(), 200.0]);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
pub fn softplus_into<T: Score>(x: &[T], out: &mut [T]) -> Result<(), Error> {
    Level::best().softplus_into(x, out)
}

impl Level {
    /// [`sigmoid_into`] at this level.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// let mut out = [0.0; 2];
    /// Level::best().sigmoid_into(&[0.0_f32, f32::INFINITY], &mut out)?;
    /// assert_eq!(out, [0.5, 1.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn sigmoid_into<T: Score>(self, x: &[T], out: &mut [T]) -> Result<(), Error> {
        map(self, Sigmoid, x, out)
    }

    /// [`log_sigmoid_into`] at this level.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// let mut out = [0.0; 2];
    /// Level::best().log_sigmoid_into(&[-200.0_f32, f32::INFINITY], &mut out)?;
    /// assert_eq!(out, [-200.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn log_sigmoid_into<T: Score>(self, x: &[T], out: &mut [T]) -> Result<(), Error> {
        map(self, LogSigmoid, x, out)
    }

    /// [`softplus_into`] at this level.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// let mut out = [0.0; 2];
    /// Level::best().softplus_into(&[0.0_f32, 200.0], &mut out)?;
    /// assert_eq!(out, [2.0_f32.ln(), 200.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn softplus_into<T: Score>(self, x: &[T], out: &mut [T]) -> Result<(), Error> {
        map(self, Softplus, x, out)
    }
}
