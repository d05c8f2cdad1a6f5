use super::options::{Options, Reduction, check_len};
use super::verbs::{ExactTotal, Fused, Map};
use crate::error::Error;
use crate::kernel::{Function, Gradient, Gradients, Hessian, Level, Sink, Value};
use crate::loss::PairLoss;
use crate::reduce::Total;
use crate::score::Score;

/// A batch of (chosen, rejected) score pairs, with optional margins, weights and labels, checked once.
///
/// Row i stands for the margin zᵢ = chosenᵢ − rejectedᵢ − mᵢ and the loss wᵢ·(pᵢ·L(zᵢ) + (1 − pᵢ)·L(−zᵢ)); m is 0, w and p
/// are 1 where they are not given. All slices have the same length; nothing is broadcast, nothing copied.
///
/// Every result is rounded once, at the end, and is bit for bit that of the one-pair function
/// [`PairLoss::eval`].
///
/// ```
/// use pairwise_loss::{Logistic, Pairs, Reduction};
///
/// let chosen = [1.2_f32, 0.3, -0.5];
/// let rejected = [0.4_f32, 0.9, -2.0];
/// let pairs = Pairs::new(&chosen, &rejected)?;
///
/// let (mut d_chosen, mut d_rejected) = ([0.0; 3], [0.0; 3]);
/// let loss = pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
///
/// // (log(1 + e^−0.8) + log(1 + e^0.6) + log(1 + e^−1.5)) / 3
/// assert!((loss - 0.53667).abs() < 1e-5);
/// assert_eq!(d_rejected, d_chosen.map(|g| -g));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a, T> {
    pub(super) chosen: &'a [T],
    pub(super) rejected: &'a [T],
    pub(super) options: Options<'a, T, &'a [T]>,
    pub(super) level: Level,
}

impl<'a, T: Score> Pairs<'a, T> {
    /// Pairs `chosen[i]` with `rejected[i]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ.
    pub fn new(chosen: &'a [T], rejected: &'a [T]) -> Result<Self, Error> {
        check_len("rejected", rejected.len(), "chosen", chosen.len())?;
        let options = Options::none(chosen.len());
        Ok(Self { chosen, rejected, options, level: Level::best() })
    }

    /// Subtracts a margin from each pair: zᵢ = cᵢ − rᵢ − mᵢ. Margins are data, like scores: NaN gives NaN.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many margins as pairs.
    pub fn with_margins(mut self, margins: &'a [T]) -> Result<Self, Error> {
        check_len("margins", margins.len(), "chosen", self.len())?;
        self.options.margins = Some(margins);
        Ok(self)
    }

    /// Multiplies the loss of each pair by a weight. Weight 0 removes the pair entirely, from counts and means as well,
    /// whatever it holds.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as pairs, [`Error::InvalidElement`] if one is not
    /// finite and ≥ 0.
    pub fn with_weights(mut self, weights: &'a [T]) -> Result<Self, Error> {
        check_len("weights", weights.len(), "chosen", self.len())?;
        self.options = self.options.with_weights(weights)?;
        Ok(self)
    }

    /// Gives each pair a soft label, the probability that `chosen` is the preferred one: pᵢ·L(zᵢ) + (1 − pᵢ)·L(−zᵢ).
    /// A tie is ½.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many labels as pairs, [`Error::InvalidElement`] if one is not in
    /// [0, 1].
    pub fn with_labels(mut self, labels: &'a [T]) -> Result<Self, Error> {
        check_len("labels", labels.len(), "chosen", self.len())?;
        self.options = self.options.with_labels(labels)?;
        Ok(self)
    }

    /// Runs at another instruction set than the best one: for tests and benchmarks, the results are the same bits.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The number of pairs, those of weight 0 included.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    fn map<F: Function>(&self, function: F, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "chosen", self.len())?;
        let map = Map { level: self.level, function, len: self.len(), sink: out };
        self.options.visit(self.chosen, self.rejected, map);
        Ok(())
    }

    fn fused<L: PairLoss, S: Sink<T>>(
        &self,
        loss: L,
        reduction: Reduction,
        sink: S,
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let fused = Fused { level: self.level, loss, len: self.len(), divisor, sink };
        Ok(self.options.visit(self.chosen, self.rejected, fused))
    }

    /// Writes wᵢ·lossᵢ to `out[i]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn losses_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Value(loss), out)
    }

    /// Writes wᵢ·∂lossᵢ/∂chosenᵢ to `out[i]`; with respect to `rejected[i]` it is the negation.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn gradients_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Gradient(loss), out)
    }

    /// Writes wᵢ·∂²lossᵢ/∂zᵢ² to `out[i]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn hessians_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Hessian(loss), out)
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the pairs.
    ///
    /// Relative error at most 10⁻¹² for `f32` scores under [`Logistic`](crate::Logistic). See
    /// [`total`](Pairs::total) for the exact sum.
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a pair of weight above 0, [`Error::InvalidParameter`] for a normaliser
    /// outside its domain.
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        self.fused(loss, reduction, ())
    }

    /// The reduced loss, and its gradients with respect to the chosen and the rejected scores, in one pass.
    ///
    /// With [`Reduction::Sum`] the gradients are those of [`gradients_into`](Pairs::gradients_into), bit for bit.
    ///
    /// # Errors
    /// As for [`loss`](Pairs::loss), and [`Error::LengthMismatch`] if an output has another length.
    pub fn loss_and_gradients<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        d_chosen: &mut [T],
        d_rejected: &mut [T],
    ) -> Result<f64, Error> {
        check_len("d_chosen", d_chosen.len(), "chosen", self.len())?;
        check_len("d_rejected", d_rejected.len(), "chosen", self.len())?;
        self.fused(loss, reduction, Gradients { chosen: d_chosen, rejected: Some(d_rejected) })
    }

    /// The reduced loss, and its gradient with respect to the margins z, which is that of the chosen scores, in one
    /// pass.
    ///
    /// # Errors
    /// As for [`loss`](Pairs::loss), and [`Error::LengthMismatch`] if `d_chosen` has another length.
    pub fn loss_and_margin_gradient<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        d_chosen: &mut [T],
    ) -> Result<f64, Error> {
        check_len("d_chosen", d_chosen.len(), "chosen", self.len())?;
        self.fused(loss, reduction, Gradients { chosen: d_chosen, rejected: None })
    }

    fn exact<L: PairLoss, S: Sink<T>>(&self, loss: L, divisor: (f64, f64), sink: S) -> Total {
        let weights = self.options.weights();
        let (level, len) = (self.level, self.len());
        let total = ExactTotal { level, loss, len, weights, divisor, sink };
        self.options.visit(self.chosen, self.rejected, total)
    }

    /// The exact sum of the losses as [`losses_into`](Pairs::losses_into) reports them, ready to be merged with those
    /// of other batches.
    pub fn total<L: PairLoss>(&self, loss: L) -> Total {
        self.exact(loss, (1.0, 0.0), ())
    }

    /// The exact sum of the losses, and the gradients of the reduced loss, in one pass.
    ///
    /// The total is that of [`total`](Pairs::total), the gradients are those of
    /// [`loss_and_gradients`](Pairs::loss_and_gradients), bit for bit.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction, Total};
    ///
    /// // Two micro-batches of one batch: the gradients have the normaliser of both.
    /// let (chosen, rejected) = ([1.5_f32, 0.2, -0.3], [0.5_f32, 0.9, -1.0]);
    /// let (mut d_chosen, mut d_rejected) = ([0.0; 3], [0.0; 3]);
    /// let mut total = Total::default();
    /// for rows in [0..2, 2..3] {
    ///     let pairs = Pairs::new(&chosen[rows.clone()], &rejected[rows.clone()])?;
    ///     let (d_chosen, d_rejected) = (&mut d_chosen[rows.clone()], &mut d_rejected[rows]);
    ///     total += pairs.total_and_gradients(Logistic, Reduction::Over(3.0), d_chosen, d_rejected)?;
    /// }
    ///
    /// let whole = Pairs::new(&chosen, &rejected)?;
    /// let mut expected = [0.0; 3];
    /// let mean = whole.loss_and_margin_gradient(Logistic, Reduction::Mean, &mut expected)?;
    /// assert_eq!(d_chosen, expected);
    /// assert!((total.mean().unwrap() - mean).abs() < 1e-7 * mean);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss_and_gradients`](Pairs::loss_and_gradients).
    pub fn total_and_gradients<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        d_chosen: &mut [T],
        d_rejected: &mut [T],
    ) -> Result<Total, Error> {
        check_len("d_chosen", d_chosen.len(), "chosen", self.len())?;
        check_len("d_rejected", d_rejected.len(), "chosen", self.len())?;
        let divisor = self.options.divisor(reduction, self.len())?;
        let sink = Gradients { chosen: d_chosen, rejected: Some(d_rejected) };
        Ok(self.exact(loss, divisor, sink))
    }
}
