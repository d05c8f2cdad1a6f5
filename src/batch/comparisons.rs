use super::options::{Options, Reduction, check_len};
use super::scatter::{Product, Scatter, Signed, Unsigned};
use super::verbs::{ExactTotal, Fused, Map};
use crate::error::Error;
use crate::kernel::{Function, Gradient, Hessian, Level, Out, Scores, Sink, Value};
use crate::loss::PairLoss;
use crate::reduce::Total;
use crate::score::Score;

/// Comparisons between the entries of one score vector: ratings, RankNet, BPR.
///
/// Comparison k says that entry `winners[k]` was preferred to entry `losers[k]`; it stands for the margin
/// `zₖ = s[winner] − s[loser] + offsetₖ` and the loss wₖ·(pₖ·L(zₖ) + (1 − pₖ)·L(−zₖ)). Offsets are 0, weights and labels 1
/// where they are not given.
///
/// ```
/// use pairwise_loss::{Comparisons, Logistic, Reduction};
///
/// // Three players, each pair played once: 0 beat 1 and 2, 1 beat 2.
/// let scores = [1.0_f64, 0.0, -1.0];
/// let games = Comparisons::new(&scores, &[0, 0, 1], &[1, 2, 2])?;
///
/// let mut gradient = [0.0; 3];
/// let loss = games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
/// // 2·log(1 + e⁻¹) + log(1 + e⁻²)
/// assert!((loss - 0.753451).abs() < 1e-6);
/// assert!(gradient[0] < 0.0 && gradient[1] == 0.0 && gradient[2] > 0.0);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Comparisons<'a, T> {
    scores: &'a [T],
    winners: &'a [u32],
    losers: &'a [u32],
    options: Options<'a, T>,
    level: Level,
}

impl<'a, T: Score> Comparisons<'a, T> {
    /// Comparison k is won by entry `winners[k]` of `scores` against entry `losers[k]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many losers as winners, [`Error::IndexOutOfRange`] if an index is
    /// past the end of the scores, [`Error::SelfComparison`] if an entry is compared with itself.
    pub fn new(scores: &'a [T], winners: &'a [u32], losers: &'a [u32]) -> Result<Self, Error> {
        check_len("losers", losers.len(), "winners", winners.len())?;
        check_indices("winners", winners, scores.len())?;
        check_indices("losers", losers, scores.len())?;
        if let Some(position) = winners.iter().zip(losers).position(|(w, l)| w == l) {
            return Err(Error::SelfComparison { position, index: winners[position] });
        }
        let options = Options::none(winners.len());
        Ok(Self { scores, winners, losers, options, level: Level::best() })
    }

    /// Multiplies the loss of each comparison by a weight, such as the number of times it was observed. Weight 0
    /// removes the comparison entirely.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as comparisons, [`Error::InvalidElement`] if one is
    /// not finite and ≥ 0.
    pub fn with_weights(mut self, weights: &'a [T]) -> Result<Self, Error> {
        check_len("weights", weights.len(), "winners", self.len())?;
        self.options = self.options.with_weights(weights)?;
        Ok(self)
    }

    /// Adds an offset to the margin of each comparison, such as the advantage of playing at home. Offsets are data,
    /// like scores: NaN gives NaN.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many offsets as comparisons.
    pub fn with_offsets(mut self, offsets: &'a [T]) -> Result<Self, Error> {
        check_len("offsets", offsets.len(), "winners", self.len())?;
        self.options.margins = Some(Scores::Negated(offsets));
        Ok(self)
    }

    /// Gives each comparison a soft label, the probability that the winner is the preferred one. A tie is ½.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many labels as comparisons, [`Error::InvalidElement`] if one is
    /// not in [0, 1].
    pub fn with_labels(mut self, labels: &'a [T]) -> Result<Self, Error> {
        check_len("labels", labels.len(), "winners", self.len())?;
        self.options = self.options.with_labels(labels)?;
        Ok(self)
    }

    /// Runs at another instruction set than the best one: for tests and benchmarks, the results are the same bits.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The number of comparisons, those of weight 0 included.
    pub fn len(&self) -> usize {
        self.winners.len()
    }

    /// Whether there are no comparisons.
    pub fn is_empty(&self) -> bool {
        self.winners.is_empty()
    }

    fn columns(&self) -> (Scores<'a, T>, Scores<'a, T>) {
        let gathered = |index| Scores::Gathered { scores: self.scores, index };
        (gathered(self.winners), gathered(self.losers))
    }

    fn map<F: Function, S: Sink<T>>(&self, function: F, sink: S) {
        let (winners, losers) = self.columns();
        let map = Map { level: self.level, function, len: self.len(), sink };
        self.options.visit(winners, losers, map);
    }

    fn fused<L: PairLoss, S: Sink<T>>(
        &self,
        loss: L,
        reduction: Reduction,
        sink: S,
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let (winners, losers) = self.columns();
        let fused = Fused { level: self.level, loss, len: self.len(), divisor, sink };
        Ok(self.options.visit(winners, losers, fused))
    }

    /// Checks an output with one element a score, and sets it to 0.
    fn cleared<'o>(&self, name: &'static str, out: &'o mut [T]) -> Result<&'o mut [T], Error> {
        check_len(name, out.len(), "scores", self.scores.len())?;
        out.fill(T::zero());
        Ok(out)
    }

    /// Writes wₖ·lossₖ to `out[k]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a comparison.
    pub fn losses_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "winners", self.len())?;
        self.map(Value(loss), Out::contiguous(out));
        Ok(())
    }

    /// Writes wₖ·∂lossₖ/∂zₖ to `out[k]`, which is the gradient with respect to the winner's score; for the loser's it
    /// is the negation.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a comparison.
    pub fn gradients_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "winners", self.len())?;
        self.map(Gradient(loss), Out::contiguous(out));
        Ok(())
    }

    /// Writes wₖ·∂²lossₖ/∂zₖ² to `out[k]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a comparison.
    pub fn hessians_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "winners", self.len())?;
        self.map(Hessian(loss), Out::contiguous(out));
        Ok(())
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the comparisons.
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a comparison of weight above 0, [`Error::InvalidParameter`] for a
    /// normaliser outside its domain.
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        self.fused(loss, reduction, ())
    }

    /// The reduced loss, and its gradient with respect to the scores, one element a score, in one pass.
    ///
    /// An element is the sum over the comparisons of that entry, added in their order in the format of the scores.
    ///
    /// # Errors
    /// As for [`loss`](Comparisons::loss), and [`Error::LengthMismatch`] if `gradient` does not have one element a
    /// score.
    pub fn loss_and_gradient<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        self.options.divisor(reduction, self.len())?;
        let out = self.cleared("gradient", gradient)?;
        let (winners, losers) = (self.winners, self.losers);
        self.fused(loss, reduction, Scatter { winners, losers, out, term: Signed })
    }

    /// The exact sum of the losses as [`losses_into`](Comparisons::losses_into) reports them.
    pub fn total<L: PairLoss>(&self, loss: L) -> Total {
        let weights = self.options.weights();
        let (winners, losers) = self.columns();
        let (divisor, sink) = ((1.0, 0.0), ());
        let total = ExactTotal { level: self.level, loss, len: self.len(), weights, divisor, sink };
        self.options.visit(winners, losers, total)
    }

    /// Writes the diagonal of the Hessian of the sum of the losses with respect to the scores, one element a score:
    /// the sum of hₖ = wₖ·∂²lossₖ/∂zₖ² over the comparisons of that entry.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a score.
    pub fn hessian_diagonal_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        let out = self.cleared("out", out)?;
        let (winners, losers) = (self.winners, self.losers);
        self.map(Hessian(loss), Scatter { winners, losers, out, term: Unsigned });
        Ok(())
    }

    /// Writes the product of the Hessian of the sum of the losses with a vector of one element a score. The Hessian is
    /// a graph Laplacian: `(Hv)ᵢ = Σₖ ±hₖ·(v[winner] − v[loser])`, and H·1 = 0.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `v` or `out` does not have one element a score.
    pub fn hessian_vector_product_into<L: PairLoss>(
        &self,
        loss: L,
        v: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        check_len("v", v.len(), "scores", self.scores.len())?;
        let out = self.cleared("out", out)?;
        let (winners, losers) = (self.winners, self.losers);
        self.map(Hessian(loss), Scatter { winners, losers, out, term: Product(v) });
        Ok(())
    }
}

fn check_indices(name: &'static str, indices: &[u32], len: usize) -> Result<(), Error> {
    match indices.iter().position(|&index| index as usize >= len) {
        None => Ok(()),
        Some(position) => {
            Err(Error::IndexOutOfRange { name, position, index: indices[position], len })
        }
    }
}
