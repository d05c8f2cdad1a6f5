//! Where scores lie, and where their gradients go: views of buffers that belong to somebody else.

use super::options::check_len;
use crate::error::Error;
use crate::kernel::{Out, Place, Rejected, Scores};
use crate::score::Score;

/// Every `stride`-th element of a slice, read in place: one column of a tensor.
///
/// In terms of a framework whose tensors have a shape, strides and an offset: `start` is the offset plus index times
/// stride of the dimensions that are held fixed, `stride` and `len` are those of the dimension that counts the pairs.
///
/// ```
/// use pairwise_loss::Strided;
///
/// // Column 2 of a row-major matrix of 2 rows and 3 columns.
/// let matrix = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let column = Strided::new(&matrix, 2, 3, 2)?;
/// assert_eq!((column.len(), column.is_empty()), (2, false));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    data: &'a [T],
    stride: usize,
    len: usize,
}

impl<'a, T: Score> Strided<'a, T> {
    /// Element i of the view is `data[start + i·stride]`, i < `len`. With a `len` of 0 `start` may be the length of
    /// `data`.
    ///
    /// ```
    /// use pairwise_loss::{Error, Strided};
    ///
    /// let data = [1.0_f32, 2.0, 3.0, 4.0, 5.0];
    /// assert_eq!(Strided::new(&data, 1, 3, 2)?.len(), 2); // 2 and 5
    /// let error = Strided::new(&data, 1, 3, 3).unwrap_err();
    /// assert_eq!(error, Error::InvalidView { start: 1, stride: 3, len: 3, elements: 5 });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidView`] if an element is past the end of `data`, or the stride 0.
    pub fn new(data: &'a [T], start: usize, stride: usize, len: usize) -> Result<Self, Error> {
        let invalid = Error::InvalidView { start, stride, len, elements: data.len() };
        let data = span(start, stride, len).and_then(|end| data.get(start..end)).ok_or(invalid)?;
        Ok(Self { data, stride, len })
    }

    /// All elements of a slice.
    #[cfg(feature = "half")]
    pub(super) fn contiguous(data: &'a [T]) -> Self {
        Self { data, stride: 1, len: data.len() }
    }

    /// The elements from the first to the last one, and how far apart they are.
    #[cfg(feature = "half")]
    pub(super) fn parts(self) -> (&'a [T], usize) {
        (self.data, self.stride)
    }

    /// The number of elements of the view.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn scores(self) -> Scores<'a, T> {
        let Self { data, stride, .. } = self;
        if stride == 1 { Scores::Contiguous(data) } else { Scores::Strided { data, stride } }
    }
}

/// Every `stride`-th element of a slice, to be written: the counterpart of [`Strided`].
///
/// ```
/// use pairwise_loss::{Hinge, Pairs, ScoreGradients, StridedMut};
///
/// // Gradients into column 0 of two matrices of 2 rows and 2 columns.
/// let (mut first, mut second) = ([7.0_f32; 4], [7.0_f32; 4]);
/// let (d_chosen, d_rejected) = (StridedMut::new(&mut first, 0, 2, 2)?, StridedMut::new(&mut second, 0, 2, 2)?);
/// let pairs = Pairs::new(&[0.5_f32, 9.0], &[0.0, 0.0])?;
/// pairs.score_gradients_into(Hinge::new(1.0)?, ScoreGradients::strided(d_chosen, d_rejected))?;
/// assert_eq!((first, second), ([-1.0, 7.0, 0.0, 7.0], [1.0, 7.0, 0.0, 7.0]));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Debug)]
pub struct StridedMut<'o, T> {
    data: &'o mut [T],
    stride: usize,
    len: usize,
}

impl<'o, T: Score> StridedMut<'o, T> {
    /// Element i of the view is `data[start + i·stride]`, i < `len`. Those between are left alone.
    ///
    /// ```
    /// use pairwise_loss::StridedMut;
    ///
    /// let mut data = [0.0_f32; 5];
    /// let view = StridedMut::new(&mut data, 1, 3, 2)?;
    /// assert_eq!((view.len(), view.is_empty()), (2, false));
    /// assert!(StridedMut::new(&mut data, 1, 0, 2).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidView`] if an element is past the end of `data`, or the stride 0.
    pub fn new(data: &'o mut [T], start: usize, stride: usize, len: usize) -> Result<Self, Error> {
        let invalid = Error::InvalidView { start, stride, len, elements: data.len() };
        let end = span(start, stride, len);
        let data = end.and_then(|end| data.get_mut(start..end)).ok_or(invalid)?;
        Ok(Self { data, stride, len })
    }

    /// The number of elements of the view.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn place(self) -> Place<'o, T> {
        Place { data: self.data, start: 0, stride: self.stride }
    }
}

/// One past the last element of a view; `None` where there is no such view.
fn span(start: usize, stride: usize, len: usize) -> Option<usize> {
    match (stride, len) {
        (0, _) => None,
        (_, 0) => Some(start),
        _ => (len - 1).checked_mul(stride)?.checked_add(start)?.checked_add(1),
    }
}

/// Where gradients with respect to the scores of pairs go, and whether they are added to what is there.
///
/// The verbs that take it are [`Pairs::loss_and_score_gradients`](crate::Pairs::loss_and_score_gradients),
/// [`Pairs::score_gradients_into`](crate::Pairs::score_gradients_into) and
/// [`Pairs::vector_jacobian_product_into`](crate::Pairs::vector_jacobian_product_into). The layout need not be that of
/// the scores, and the bits do not depend on either.
///
/// ```
/// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
///
/// let pairs = Pairs::interleaved(&[0.5_f32, 0.0, 9.0, 0.0])?;
/// let mut gradient = [10.0_f32; 4];
/// pairs.score_gradients_into(Hinge::new(1.0)?, ScoreGradients::interleaved(&mut gradient).added())?;
/// assert_eq!(gradient, [9.0, 11.0, 10.0, 10.0]);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Debug)]
pub struct ScoreGradients<'o, T> {
    out: Out<'o, T>,
    /// What each output is called, how long it is, and how many of its elements belong to a pair.
    outputs: [(&'static str, usize, usize); 2],
}

impl<'o, T: Score> ScoreGradients<'o, T> {
    /// Two outputs of one element a pair.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// let (mut d_chosen, mut d_rejected) = ([0.0_f32; 1], [0.0_f32; 1]);
    /// let out = ScoreGradients::separate(&mut d_chosen, &mut d_rejected);
    /// Pairs::new(&[0.5_f32], &[0.0])?.score_gradients_into(Hinge::new(1.0)?, out)?;
    /// assert_eq!((d_chosen, d_rejected), ([-1.0], [1.0]));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn separate(d_chosen: &'o mut [T], d_rejected: &'o mut [T]) -> Self {
        let outputs = [("d_chosen", d_chosen.len(), 1), ("d_rejected", d_rejected.len(), 1)];
        Self::apart(Place::contiguous(d_chosen), Place::contiguous(d_rejected), outputs)
    }

    /// Two views of one element a pair.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients, StridedMut};
    ///
    /// // Every third element of one buffer, every second of another.
    /// let (mut first, mut second) = ([7.0_f32; 4], [7.0_f32; 3]);
    /// let (d_chosen, d_rejected) = (StridedMut::new(&mut first, 0, 3, 2)?, StridedMut::new(&mut second, 0, 2, 2)?);
    /// let out = ScoreGradients::strided(d_chosen, d_rejected);
    /// Pairs::new(&[0.5_f32, 9.0], &[0.0, 0.0])?.score_gradients_into(Hinge::new(1.0)?, out)?;
    /// assert_eq!((first, second), ([-1.0, 7.0, 7.0, 0.0], [1.0, 7.0, 0.0]));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn strided(d_chosen: StridedMut<'o, T>, d_rejected: StridedMut<'o, T>) -> Self {
        let outputs = [("d_chosen", d_chosen.len(), 1), ("d_rejected", d_rejected.len(), 1)];
        Self::apart(d_chosen.place(), d_rejected.place(), outputs)
    }

    /// One output, the first half of it for the chosen scores, the second for the rejected ones: the layout of
    /// [`Pairs::concatenated`](crate::Pairs::concatenated).
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// let mut gradient = [0.0_f32; 4];
    /// let pairs = Pairs::concatenated(&[0.5_f32, 9.0, 0.0, 0.0])?;
    /// pairs.score_gradients_into(Hinge::new(1.0)?, ScoreGradients::concatenated(&mut gradient))?;
    /// assert_eq!(gradient, [-1.0, 0.0, 1.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn concatenated(d_scores: &'o mut [T]) -> Self {
        let outputs = [("d_scores", d_scores.len(), 2); 2];
        let (chosen, rejected) = d_scores.split_at_mut(d_scores.len() / 2);
        Self::apart(Place::contiguous(chosen), Place::contiguous(rejected), outputs)
    }

    /// One output, chosen and rejected in turn: the layout of [`Pairs::interleaved`](crate::Pairs::interleaved).
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// let mut gradient = [0.0_f32; 4];
    /// let pairs = Pairs::interleaved(&[0.5_f32, 0.0, 9.0, 0.0])?;
    /// pairs.score_gradients_into(Hinge::new(1.0)?, ScoreGradients::interleaved(&mut gradient))?;
    /// assert_eq!(gradient, [-1.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn interleaved(d_scores: &'o mut [T]) -> Self {
        let outputs = [("d_scores", d_scores.len(), 2); 2];
        Self::beside(d_scores, 2, 0, 1, outputs)
    }

    /// Two columns of a row-major matrix with one row of `width` elements a pair. The others are left alone.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// // Rows of three answers, of which the third was preferred to the first.
    /// let mut gradient = [7.0_f32; 6];
    /// let out = ScoreGradients::columns(&mut gradient, 3, 2, 0)?;
    /// Pairs::new(&[0.5_f32, 9.0], &[0.0, 0.0])?.score_gradients_into(Hinge::new(1.0)?, out)?;
    /// assert_eq!(gradient, [1.0, 7.0, -1.0, 0.0, 7.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidColumns`] if there are no such columns, or both are the same.
    pub fn columns(
        matrix: &'o mut [T],
        width: usize,
        chosen: usize,
        rejected: usize,
    ) -> Result<Self, Error> {
        if chosen >= width || rejected >= width || chosen == rejected {
            return Err(Error::InvalidColumns { width, chosen, rejected });
        }
        let outputs = [("matrix", matrix.len(), width); 2];
        Ok(Self::beside(matrix, width, chosen, rejected, outputs))
    }

    /// One output of one element a pair, the gradient with respect to the margin z = chosen − rejected − m, which is
    /// that with respect to the chosen score.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// let mut gradient = [0.0_f32; 2];
    /// let pairs = Pairs::interleaved(&[0.5_f32, 0.0, 9.0, 0.0])?;
    /// pairs.score_gradients_into(Hinge::new(1.0)?, ScoreGradients::margin(&mut gradient))?;
    /// assert_eq!(gradient, [-1.0, 0.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn margin(d_margin: &'o mut [T]) -> Self {
        let outputs = [("d_margin", d_margin.len(), 1); 2];
        Self { out: Out::contiguous(d_margin), outputs }
    }

    /// Adds to what is there instead of overwriting it: each element becomes what it was plus the gradient that would
    /// have been written, rounded. The bits are those of writing and adding, NaN being the canonical one.
    ///
    /// ```
    /// use pairwise_loss::{Hinge, Pairs, ScoreGradients};
    ///
    /// // Two losses of the same scores, their gradients in one buffer.
    /// let mut gradient = [0.0_f32; 2];
    /// let pairs = Pairs::interleaved(&[0.5_f32, 0.0])?;
    /// for margin in [1.0, 2.0] {
    ///     let out = ScoreGradients::interleaved(&mut gradient).added();
    ///     pairs.score_gradients_into(Hinge::new(margin)?, out)?;
    /// }
    /// assert_eq!(gradient, [-2.0, 2.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn added(mut self) -> Self {
        self.out.added = true;
        self
    }

    fn apart(
        chosen: Place<'o, T>,
        rejected: Place<'o, T>,
        outputs: [(&'static str, usize, usize); 2],
    ) -> Self {
        Self { out: Out { chosen, rejected: Rejected::Apart(rejected), added: false }, outputs }
    }

    fn beside(
        data: &'o mut [T],
        stride: usize,
        chosen: usize,
        rejected: usize,
        outputs: [(&'static str, usize, usize); 2],
    ) -> Self {
        let chosen = Place { data, start: chosen, stride };
        Self { out: Out { chosen, rejected: Rejected::Beside(rejected), added: false }, outputs }
    }

    /// The sink, if the outputs are those of so many pairs.
    pub(super) fn out(self, pairs: usize) -> Result<Out<'o, T>, Error> {
        for (name, len, each) in self.outputs {
            let reference = match each {
                1 => "chosen",
                2 => "chosen and rejected together",
                _ => "a row for each pair",
            };
            // No slice is as long as a product that overflows.
            check_len(name, len, reference, pairs.saturating_mul(each))?;
        }
        Ok(self.out)
    }
}
