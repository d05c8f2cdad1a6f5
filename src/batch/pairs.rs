use super::layout::{ScoreGradients, Strided};
use super::options::{Options, Reduction, check_len};
use super::verbs::{ExactTotal, Fused, Map};
use crate::error::Error;
use crate::kernel::{Function, Gradient, Hessian, Level, Out, Scores, Sink, Value};
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
/// # Accuracy
/// Of the true value of the whole expression at the numbers as they are: ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`), or what
/// the page of the loss says. Where labels make a difference of a derivative, ≤ 0.55 ulp down to half of its larger term, and
/// beside its zero 1/16 ulp of that term more (`f64`; 2⁻¹⁶ in `f32`).
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
    pub(super) chosen: Scores<'a, T>,
    pub(super) rejected: Scores<'a, T>,
    len: usize,
    pub(super) options: Options<'a, T>,
    pub(super) level: Level,
}

impl<'a, T: Score> Pairs<'a, T> {
    /// Pairs `chosen[i]` with `rejected[i]`.
    ///
    /// ```
    /// use pairwise_loss::Pairs;
    ///
    /// let pairs = Pairs::new(&[1.0_f32, 2.0], &[0.0, 3.0])?;
    /// assert_eq!((pairs.len(), pairs.is_empty()), (2, false));
    /// assert!(Pairs::new(&[1.0_f32, 2.0], &[0.0]).is_err()); // never broadcast
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ.
    pub fn new(chosen: &'a [T], rejected: &'a [T]) -> Result<Self, Error> {
        check_len("rejected", rejected.len(), "chosen", chosen.len())?;
        let len = chosen.len();
        Ok(Self::of_scores(Scores::Contiguous(chosen), Scores::Contiguous(rejected), len))
    }

    /// Pairs of two columns of `len` scores, and nothing else.
    pub(super) fn of_scores(chosen: Scores<'a, T>, rejected: Scores<'a, T>, len: usize) -> Self {
        Self { chosen, rejected, len, options: Options::none(len), level: Level::best() }
    }

    /// Pairs the even elements of `scores` with the odd ones, c₀ r₀ c₁ r₁ …: a row-major matrix `[pairs, 2]`. In place.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction, ScoreGradients};
    ///
    /// let scores = [1.2_f32, 0.4, 0.3, 0.9, -0.5, -2.0];
    /// let mut gradient = [0.0; 6];
    /// let out = ScoreGradients::interleaved(&mut gradient);
    /// let pairs = Pairs::interleaved(&scores)?;
    /// let loss = pairs.loss_and_score_gradients(Logistic, Reduction::Mean, out)?;
    ///
    /// let apart = Pairs::new(&[1.2_f32, 0.3, -0.5], &[0.4, 0.9, -2.0])?;
    /// assert_eq!(loss, apart.loss(Logistic, Reduction::Mean)?);
    /// assert_eq!(gradient[1], -gradient[0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OddLength`] if a score has no other.
    pub fn interleaved(scores: &'a [T]) -> Result<Self, Error> {
        let pairs = half("scores", scores.len())?;
        let (chosen, rejected) = (0, 1.min(pairs));
        Self::strided(
            Strided::new(scores, chosen, 2, pairs)?,
            Strided::new(scores, rejected, 2, pairs)?,
        )
    }

    /// Pairs element i of the first half of `scores` with element i of the second: all chosen, then all rejected, as of
    /// one forward pass over both. A row-major matrix `[2, pairs]`. In place.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let scores = [1.2_f32, 0.3, -0.5, 0.4, 0.9, -2.0];
    /// let apart = Pairs::new(&[1.2_f32, 0.3, -0.5], &[0.4, 0.9, -2.0])?;
    /// let loss = Pairs::concatenated(&scores)?.loss(Logistic, Reduction::Mean)?;
    /// assert_eq!(loss, apart.loss(Logistic, Reduction::Mean)?);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OddLength`] if a score has no other.
    pub fn concatenated(scores: &'a [T]) -> Result<Self, Error> {
        let (chosen, rejected) = scores.split_at(half("scores", scores.len())?);
        Self::new(chosen, rejected)
    }

    /// Pairs element i of one view with element i of another, of the same buffer or of two. In place. Margins, weights
    /// and labels are slices all the same.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Strided};
    ///
    /// // Values at three positions of each of two responses, of which the last is the score: `[pairs, 2, 3]`.
    /// let values = [0.1_f32, 0.2, 1.0, 0.3, 0.4, -1.0, 0.5, 0.6, 2.0, 0.7, 0.8, 2.0];
    /// let (chosen, rejected) = (Strided::new(&values, 2, 6, 2)?, Strided::new(&values, 5, 6, 2)?);
    /// let mut losses = [0.0; 2];
    /// Pairs::strided(chosen, rejected)?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [(-2.0_f64).exp().ln_1p() as f32, 2.0_f32.ln()]); // log(1 + e^−2), log(1 + e^0)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ.
    pub fn strided(chosen: Strided<'a, T>, rejected: Strided<'a, T>) -> Result<Self, Error> {
        check_len("rejected", rejected.len(), "chosen", chosen.len())?;
        Ok(Self::of_scores(chosen.scores(), rejected.scores(), chosen.len()))
    }

    /// Subtracts a margin from each pair: zᵢ = cᵢ − rᵢ − mᵢ. Margins are data, like scores: NaN gives NaN.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let mut losses = [0.0_f32; 2];
    /// Pairs::new(&[1.5, 3.0], &[1.0, 0.0])?.with_margins(&[0.5, 3.0])?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [2.0_f32.ln(); 2]); // z = 0
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many margins as pairs.
    pub fn with_margins(mut self, margins: &'a [T]) -> Result<Self, Error> {
        check_len("margins", margins.len(), "chosen", self.len())?;
        self.options.margins = Some(Scores::Contiguous(margins));
        Ok(self)
    }

    /// Multiplies the loss of each pair by a weight. Weight 0 removes the pair entirely, from counts and means as well,
    /// whatever it holds.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let pairs = Pairs::new(&[0.0_f32, f32::NAN], &[0.0, 0.0])?.with_weights(&[2.0, 0.0])?;
    /// let mean = pairs.loss(Logistic, Reduction::Mean)?; // over one pair
    /// assert!((mean - 2.0 * core::f64::consts::LN_2).abs() < 1e-12);
    /// assert!(pairs.with_weights(&[-1.0, 0.0]).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let mut gradients = [0.0_f32; 3];
    /// let pairs = Pairs::new(&[0.0_f32; 3], &[0.0; 3])?.with_labels(&[1.0, 0.5, 0.0])?;
    /// pairs.gradients_into(Logistic, &mut gradients)?;
    /// assert_eq!(gradients, [-0.5, 0.0, 0.5]); // σ(0) − p
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    ///
    /// ```
    /// use pairwise_loss::{Level, Logistic, Pairs};
    ///
    /// let pairs = Pairs::new(&[1.0_f32, 0.2, -3.0], &[0.5, 0.4, -1.0])?;
    /// for level in Level::available() {
    ///     assert_eq!(pairs.with_level(level).total(Logistic), pairs.total(Logistic));
    /// }
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        #[cfg(feature = "half")]
        for scores in [&mut self.chosen, &mut self.rejected] {
            if let Scores::Widened { level: own, .. } = scores {
                *own = level;
            }
        }
        self
    }

    /// The number of pairs, those of weight 0 included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn map<F: Function>(&self, function: F, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "chosen", self.len())?;
        let map = Map { level: self.level, function, len: self.len(), sink: Out::contiguous(out) };
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
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let mut losses = [0.0_f32; 2];
    /// Pairs::new(&[0.0_f32, -100.0], &[0.0, 100.0])?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [2.0_f32.ln(), 200.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn losses_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Value(loss), out)
    }

    /// Writes wᵢ·∂lossᵢ/∂chosenᵢ to `out[i]`; with respect to `rejected[i]` it is the negation.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let mut gradients = [0.0_f32; 2];
    /// Pairs::new(&[0.0_f32, -100.0], &[0.0, 100.0])?.gradients_into(Logistic, &mut gradients)?;
    /// assert_eq!(gradients, [-0.5, -1.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn gradients_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Gradient(loss), out)
    }

    /// Writes wᵢ·∂²lossᵢ/∂zᵢ² to `out[i]`.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let mut hessians = [0.0_f32; 2];
    /// Pairs::new(&[0.0_f32, -100.0], &[0.0, 100.0])?.hessians_into(Logistic, &mut hessians)?;
    /// assert_eq!(hessians, [0.25, 0.0]); // σ(z)·σ(−z), e⁻²⁰⁰ being no f32
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` has another length.
    pub fn hessians_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        self.map(Hessian(loss), out)
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the pairs.
    ///
    /// Under [`Logistic`](crate::Logistic) off by at most 10⁻¹² of itself for `f32` scores, by 1 ulp for `f64`. See
    /// [`total`](Pairs::total) for the exact sum.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let pairs = Pairs::new(&[2.0_f32, 0.0], &[0.0, 0.0])?;
    /// let sum = (-2.0_f64).exp().ln_1p() + 2.0_f64.ln();
    /// assert!((pairs.loss(Logistic, Reduction::Sum)? - sum).abs() < 1e-12);
    /// assert!((pairs.loss(Logistic, Reduction::Over(8.0))? - sum / 8.0).abs() < 1e-12);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let (mut d_chosen, mut d_rejected) = ([0.0_f32; 2], [0.0; 2]);
    /// let pairs = Pairs::new(&[1.0_f32, 0.0], &[1.0, 200.0])?;
    /// let loss = pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    /// assert!((loss - (core::f64::consts::LN_2 + 200.0) / 2.0).abs() < 1e-10);
    /// assert_eq!((d_chosen, d_rejected), ([-0.25, -0.5], [0.25, 0.5])); // −½ and −1 over 2 pairs
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        self.fused(loss, reduction, Out::separate(d_chosen, d_rejected))
    }

    /// The reduced loss, and its gradient with respect to the margins z, which is that of the chosen scores, in one
    /// pass.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction};
    ///
    /// let mut d_chosen = [0.0_f32; 2];
    /// let pairs = Pairs::new(&[1.0_f32, 0.0], &[1.0, 0.0])?;
    /// pairs.loss_and_margin_gradient(Logistic, Reduction::Mean, &mut d_chosen)?;
    /// assert_eq!(d_chosen, [-0.25; 2]); // −½ over 2 pairs; of the rejected it is +¼
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        self.fused(loss, reduction, Out::contiguous(d_chosen))
    }

    /// The reduced loss, and its gradients with respect to the scores in any layout, in one pass; written, or added to
    /// what is there, as [`ScoreGradients`] says.
    ///
    /// The bits are those of [`loss_and_gradients`](Pairs::loss_and_gradients).
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, Reduction, ScoreGradients};
    ///
    /// // Added to what an earlier backward pass has left in the buffer.
    /// let mut gradient = [1.0_f32; 4];
    /// let out = ScoreGradients::interleaved(&mut gradient).added();
    /// Pairs::interleaved(&[1.0_f32, 1.0, 0.0, 200.0])?.loss_and_score_gradients(Logistic, Reduction::Mean, out)?;
    /// assert_eq!(gradient, [1.0 - 0.25, 1.0 + 0.25, 1.0 - 0.5, 1.0 + 0.5]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Pairs::loss), and [`Error::LengthMismatch`] if an output does not fit.
    pub fn loss_and_score_gradients<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradients: ScoreGradients<'_, T>,
    ) -> Result<f64, Error> {
        let sink = gradients.out(self.len())?;
        self.fused(loss, reduction, sink)
    }

    /// wᵢ·∂lossᵢ/∂chosenᵢ, as [`gradients_into`](Pairs::gradients_into) writes it, and its negation, the gradient with
    /// respect to the rejected score, in any layout; written, or added to what is there, as [`ScoreGradients`] says.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, ScoreGradients};
    ///
    /// let mut gradient = [0.0_f32; 4];
    /// let pairs = Pairs::concatenated(&[1.0_f32, 0.0, 1.0, 200.0])?;
    /// pairs.score_gradients_into(Logistic, ScoreGradients::concatenated(&mut gradient))?;
    /// assert_eq!(gradient, [-0.5, -1.0, 0.5, 1.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if an output does not fit.
    pub fn score_gradients_into<L: PairLoss>(
        &self,
        loss: L,
        gradients: ScoreGradients<'_, T>,
    ) -> Result<(), Error> {
        let sink = gradients.out(self.len())?;
        let map = Map { level: self.level, function: Gradient(loss), len: self.len(), sink };
        self.options.visit(self.chosen, self.rejected, map);
        Ok(())
    }

    /// The step back through the losses that automatic differentiation takes: uᵢ·wᵢ·∂lossᵢ/∂chosenᵢ and its negation,
    /// for the derivatives uᵢ of some final value with respect to the losses as
    /// [`losses_into`](Pairs::losses_into) writes them. The product is rounded once.
    ///
    /// `upstream` is data like scores: any numbers, NaN gives NaN. 0 gives 0, also where the gradient is infinite,
    /// unless z is NaN; ±∞ gives an infinity, or NaN where the gradient is 0 in working precision. A pair of weight 0
    /// gives 0 whatever it holds.
    ///
    /// Accuracy: as of the gradients, ≤ 0.501 ulp (`f32`), ≤ 0.54 ulp (`f64`). With all uᵢ = 1 the bits are those of
    /// [`score_gradients_into`](Pairs::score_gradients_into).
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs, ScoreGradients};
    ///
    /// let pairs = Pairs::new(&[1.0_f32, 0.0], &[1.0, 0.0])?;
    /// let (mut d_chosen, mut d_rejected) = ([0.0; 2], [0.0; 2]);
    /// let out = ScoreGradients::separate(&mut d_chosen, &mut d_rejected);
    /// pairs.vector_jacobian_product_into(Logistic, &[3.0, -1.0], out)?;
    /// assert_eq!((d_chosen, d_rejected), ([-1.5, 0.5], [1.5, -0.5])); // −σ(0) = −½
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many upstream gradients as pairs, or an output does not fit.
    pub fn vector_jacobian_product_into<L: PairLoss>(
        &self,
        loss: L,
        upstream: &[T],
        gradients: ScoreGradients<'_, T>,
    ) -> Result<(), Error> {
        check_len("upstream", upstream.len(), "chosen", self.len())?;
        let sink = gradients.out(self.len())?;
        let map = Map { level: self.level, function: Gradient(loss), len: self.len(), sink };
        self.options.visit_with_upstream(self.chosen, self.rejected, upstream, map);
        Ok(())
    }

    fn exact<L: PairLoss, S: Sink<T>>(&self, loss: L, divisor: (f64, f64), sink: S) -> Total {
        let weights = self.options.weights();
        let (level, len) = (self.level, self.len());
        let total = ExactTotal { level, loss, len, weights, divisor, sink };
        self.options.visit(self.chosen, self.rejected, total)
    }

    /// The exact sum of the losses as [`losses_into`](Pairs::losses_into) reports them, ready to be merged with those
    /// of other batches.
    ///
    /// ```
    /// use pairwise_loss::{Logistic, Pairs};
    ///
    /// let (chosen, rejected) = ([1.5_f32, 0.2, -0.3], [0.5_f32, 0.9, -1.0]);
    /// let whole = Pairs::new(&chosen, &rejected)?.total(Logistic);
    /// let (first, rest) = (Pairs::new(&chosen[..1], &rejected[..1])?, Pairs::new(&chosen[1..], &rejected[1..])?);
    /// assert_eq!(rest.total(Logistic).merge(first.total(Logistic)), whole);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        Ok(self.exact(loss, divisor, Out::separate(d_chosen, d_rejected)))
    }
}

/// How many pairs that many scores make.
fn half(name: &'static str, len: usize) -> Result<usize, Error> {
    if len.is_multiple_of(2) { Ok(len / 2) } else { Err(Error::OddLength { name, len }) }
}
