use super::options::{Options, Reduction, check_len};
use super::scatter::{Results, Sides, Target, Term, canonical};
use super::sums::{Pieces, ScoreSums, UNITS, Units};
use super::tree::Tree;
use super::verbs::{ExactTotal, FusedPart, Losses, Map, MapPart, TotalPart};
use crate::error::Error;
use crate::index::{Index, Indices};
use crate::kernel::{BLOCK, Function, Gradient, Hessian, Level, Out, Partial, Scores, Sink, Value};
use crate::loss::PairLoss;
use crate::reduce::{ScoreSum, Total};
use crate::score::Score;
use core::ops::Range;

/// Comparisons between the entries of one score vector: ratings, RankNet, BPR.
///
/// Comparison k says that entry `winners[k]` was preferred to entry `losers[k]`; it stands for the margin
/// `zₖ = s[winner] − s[loser] + offsetₖ` and the loss wₖ·(pₖ·L(zₖ) + (1 − pₖ)·L(−zₖ)). Offsets are 0, weights and
/// labels 1 where they are not given; all of these slices have one element a comparison.
///
/// Results with one element a score come in two ways:
///
/// | | order | sums | threads |
/// |---|---|---|---|
/// | written into a slice | that of the comparisons | in the format of the scores | one |
/// | added to [`ScoreSums`] | any | exact | with the feature `rayon`, one a piece |
///
/// Both have the same terms: of each comparison the number that [`gradients_into`](Comparisons::gradients_into) or
/// [`hessians_into`](Comparisons::hessians_into) reports. Each is added to one entry and subtracted from another, so
/// that exact gradients and products sum to 0 exactly.
///
/// # Special values
/// What a comparison of weight above 0 contributes is NaN where one of its scores or its offset is, or where both
/// scores are the same infinity; then both of its entries are NaN, and no others.
///
/// # Accuracy
/// A comparison has the bits of a pair: [`Pairs`](crate::Pairs#accuracy). Sums that are written into a slice are off by
/// at most half a unit in the last place of every partial sum; those of [`ScoreSums`] are exact.
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
    winners: Indices<'a>,
    losers: Indices<'a>,
    pub(super) options: Options<'a, T>,
    pub(super) level: Level,
}

impl<'a, T: Score> Comparisons<'a, T> {
    /// Comparison k is won by entry `winners[k]` of `scores` against entry `losers[k]`, positions in one of the formats
    /// of [`Index`].
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Error};
    ///
    /// let games = Comparisons::new(&[1.0_f64, 0.0, -1.0], &[0, 2], &[1, 0])?; // 0 beat 1, 2 beat 0
    /// assert_eq!((games.len(), games.is_empty()), (2, false));
    /// let error = Comparisons::new(&[1.0_f64, 0.0], &[0], &[2]).unwrap_err();
    /// assert_eq!(error, Error::IndexOutOfRange { name: "losers", position: 0, index: 2, len: 2 });
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many losers as winners, [`Error::IndexOutOfRange`] if an index is
    /// past the end of the scores, [`Error::SelfComparison`] if an entry is compared with itself.
    pub fn new<I: Index>(
        scores: &'a [T],
        winners: &'a [I],
        losers: &'a [I],
    ) -> Result<Self, Error> {
        Self::named(scores, ("winners", winners), ("losers", losers))
    }

    /// The same for sides of other names.
    pub(super) fn named<I: Index>(
        scores: &'a [T],
        (winners_name, winners): (&'static str, &'a [I]),
        (losers_name, losers): (&'static str, &'a [I]),
    ) -> Result<Self, Error> {
        check_len(losers_name, losers.len(), winners_name, winners.len())?;
        let (winners, losers) = (I::indices(winners), I::indices(losers));
        let len = scores.len();
        for (name, indices) in [(winners_name, winners), (losers_name, losers)] {
            if let Some(position) = indices.first_beyond(len) {
                let index = indices.number(position);
                return Err(Error::IndexOutOfRange { name, position, index, len });
            }
        }
        if let Some(position) = winners.first_equal(&losers) {
            return Err(Error::SelfComparison { position, index: winners.number(position) });
        }
        let options = Options::none(winners.len());
        Ok(Self { scores, winners, losers, options, level: Level::best() })
    }

    /// Multiplies the loss of each comparison by a weight, such as the number of times it was observed. Weight 0
    /// removes the comparison entirely.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction};
    ///
    /// // 0 beat 1 three times, 1 beat 0 once; the third comparison is left out.
    /// let games = Comparisons::new(&[0.0_f64, 0.0, f64::NAN], &[0, 1, 2], &[1, 0, 0])?;
    /// let mut gradient = [0.0; 3];
    /// let games = games.with_weights(&[3.0, 1.0, 0.0])?;
    /// games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
    /// assert_eq!(gradient, [-1.0, 1.0, 0.0]); // (1 − 3)·½
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// // 0 is weaker by 2, and plays at home, which is worth 2.
    /// let mut losses = [0.0];
    /// Comparisons::new(&[0.0_f32, 2.0], &[0], &[1])?.with_offsets(&[2.0])?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [2.0_f32.ln()]); // z = 0
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// // A win, a tie and a defeat of entry 0.
    /// let mut gradients = [0.0; 3];
    /// let games = Comparisons::new(&[0.0_f32; 2], &[0; 3], &[1; 3])?.with_labels(&[1.0, 0.5, 0.0])?;
    /// games.gradients_into(Logistic, &mut gradients)?;
    /// assert_eq!(gradients, [-0.5, 0.0, 0.5]); // σ(0) − p
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Level, Logistic};
    ///
    /// let games = Comparisons::new(&[1.0_f32, 0.2, -3.0], &[0, 1], &[1, 2])?;
    /// for level in Level::available() {
    ///     assert_eq!(games.with_level(level).total(Logistic), games.total(Logistic));
    /// }
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        self.len() == 0
    }

    /// The same comparisons with the sides exchanged: `zₖ = s[loser] − s[winner] − offsetₖ`.
    pub(super) fn turned(mut self) -> Self {
        (self.winners, self.losers) = (self.losers, self.winners);
        self.options.margins = match self.options.margins {
            Some(Scores::Negated(offsets)) => Some(Scores::Contiguous(offsets)),
            other => other,
        };
        self
    }

    pub(super) fn scores(&self) -> usize {
        self.scores.len()
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

    fn sides(&self) -> Sides<'a> {
        Sides { level: self.level, winners: self.winners, losers: self.losers }
    }

    /// A function of some rows, in order, and what becomes of the results.
    fn map_part<F: Function>(
        &self,
        function: F,
        range: Range<usize>,
        to: &mut (dyn FnMut(Range<usize>, &[T]) + Send),
    ) {
        let (winners, losers) = self.columns();
        let start = range.start;
        let mut shifted =
            |rows: Range<usize>, results: &[T]| to(rows.start + start..rows.end + start, results);
        let sink = Results(&mut shifted);
        self.options.visit(winners, losers, MapPart { level: self.level, function, range, sink });
    }

    /// The part of some rows in the sum, in order, and what becomes of the gradients.
    fn fused_part<L: PairLoss>(
        &self,
        loss: L,
        divisor: (f64, f64),
        range: Range<usize>,
        to: &mut (dyn FnMut(Range<usize>, &[T]) + Send),
    ) -> Partial {
        let (winners, losers) = self.columns();
        let sink = Results(to);
        let part = FusedPart { level: self.level, loss, range, divisor, sink };
        self.options.visit(winners, losers, part)
    }

    /// The same and the second derivatives, block by block.
    fn both_parts<L: PairLoss>(
        &self,
        loss: L,
        divisor: (f64, f64),
        range: Range<usize>,
        gradient: &mut Target<'_, T>,
        diagonal: &mut Target<'_, T>,
    ) -> Partial {
        let sides = self.sides();
        let mut tree = Tree::EMPTY;
        for start in range.clone().step_by(BLOCK) {
            let block = start..range.end.min(start + BLOCK);
            let partial = self.fused_part(loss, divisor, block.clone(), &mut |rows, results| {
                sides.add(rows, results, Term::Signed, gradient);
            });
            tree.push(partial);
            self.map_part(Hessian(loss), block, &mut |rows, results| {
                sides.add(rows, results, Term::Unsigned, diagonal);
            });
        }
        tree.sum()
    }

    /// Shares the rows among the pieces of the sums: the sum of the partial results of units.
    fn shared(
        &self,
        sums: [&mut [ScoreSum]; 2],
        work: &(impl Fn(Range<usize>, [&mut [ScoreSum]; 2]) -> Partial + Sync),
    ) -> Partial {
        let units = Units::new(self.len());
        let mut partials = [Partial::ZERO; UNITS];
        let partials = partials.get_mut(units.all()).unwrap_or_default();
        let each = |share: Range<usize>, partials: &mut [Partial], [a, b]: [&mut [ScoreSum]; 2]| {
            for (unit, partial) in share.zip(partials) {
                *partial = work(units.rows(unit..unit + 1), [&mut *a, &mut *b]);
            }
        };
        let pieces = Pieces { sums, entries: self.scores.len() };
        pieces.share(units.all(), partials, &each, |(), ()| ());
        let mut tree = Tree::EMPTY;
        for &partial in partials.iter() {
            tree.push(partial);
        }
        tree.sum()
    }

    /// Writes wₖ·lossₖ to `out[k]`.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// let mut losses = [0.0; 2];
    /// Comparisons::new(&[-100.0_f32, 100.0, 100.0], &[0, 1], &[1, 2])?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [200.0, 2.0_f32.ln()]); // log(1 + e²⁰⁰), log(1 + e⁰)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// let mut gradients = [0.0; 2];
    /// Comparisons::new(&[-100.0_f32, 100.0, 100.0], &[0, 1], &[1, 2])?.gradients_into(Logistic, &mut gradients)?;
    /// assert_eq!(gradients, [-1.0, -0.5]); // −σ(200), −σ(0)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// let mut hessians = [0.0; 2];
    /// Comparisons::new(&[-100.0_f32, 100.0, 100.0], &[0, 1], &[1, 2])?.hessians_into(Logistic, &mut hessians)?;
    /// assert_eq!(hessians, [0.0, 0.25]); // σ(z)·σ(−z), e⁻²⁰⁰ being no f32
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// Relative error as that of [`Pairs::loss`](crate::Pairs::loss).
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 0, 1], &[1, 2, 2])?;
    /// let loss = games.loss(Logistic, Reduction::Sum)?;
    /// assert!((loss - 3.0 * core::f64::consts::LN_2).abs() < 1e-15);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a comparison of weight above 0, [`Error::InvalidParameter`] for a
    /// normaliser outside its domain.
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        Ok(self.partial(loss, divisor).over(divisor))
    }

    /// The sum of the losses.
    pub(super) fn partial<L: PairLoss>(&self, loss: L, divisor: (f64, f64)) -> Partial {
        let (winners, losers) = self.columns();
        let losses = Losses { level: self.level, loss, len: self.len(), divisor };
        self.options.visit(winners, losers, losses)
    }

    /// The reduced loss, and its gradient with respect to the scores, one element a score, in one pass.
    ///
    /// An element is the sum over the comparisons of that entry, added in their order in the format of the scores.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction};
    ///
    /// // 0 beat 1, 1 beat 2. Each game has −½ for its winner and ½ for its loser, over 2 games.
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 1], &[1, 2])?;
    /// let mut gradient = [0.0; 3];
    /// let loss = games.loss_and_gradient(Logistic, Reduction::Mean, &mut gradient)?;
    /// assert!((loss - core::f64::consts::LN_2).abs() < 1e-15);
    /// assert_eq!(gradient, [-0.25, 0.0, 0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        let divisor = self.options.divisor(reduction, self.len())?;
        check_len("gradient", gradient.len(), "scores", self.scores.len())?;
        gradient.fill(T::zero());
        let partial = self.add_gradient(loss, divisor, gradient);
        canonical(gradient);
        Ok(partial.over(divisor))
    }

    pub(super) fn add_gradient<L: PairLoss>(
        &self,
        loss: L,
        divisor: (f64, f64),
        gradient: &mut [T],
    ) -> Partial {
        let (sides, mut target) = (self.sides(), Target::Format(gradient));
        self.fused_part(loss, divisor, 0..self.len(), &mut |rows, results| {
            sides.add(rows, results, Term::Signed, &mut target);
        })
    }

    /// The reduced loss, its gradient, and the diagonal of the Hessian of the sum of the losses, as
    /// [`hessian_diagonal_into`](Comparisons::hessian_diagonal_into) writes it, in one pass over the comparisons.
    ///
    /// Bit for bit what the verbs write that do one of these.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 0, 1], &[1, 2, 2])?;
    /// let (mut gradient, mut diagonal) = ([0.0; 3], [0.0; 3]);
    /// games.loss_gradient_and_diagonal(Logistic, Reduction::Sum, &mut gradient, &mut diagonal)?;
    /// assert_eq!((gradient, diagonal), ([-1.0, 0.0, 1.0], [0.5; 3]));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Comparisons::loss), and [`Error::LengthMismatch`] if an output does not have one element a
    /// score.
    pub fn loss_gradient_and_diagonal<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut [T],
        diagonal: &mut [T],
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        check_len("gradient", gradient.len(), "scores", self.scores.len())?;
        check_len("diagonal", diagonal.len(), "scores", self.scores.len())?;
        gradient.fill(T::zero());
        diagonal.fill(T::zero());
        let targets = (&mut Target::Format(&mut *gradient), &mut Target::Format(&mut *diagonal));
        let partial = self.both_parts(loss, divisor, 0..self.len(), targets.0, targets.1);
        canonical(gradient);
        canonical(diagonal);
        Ok(partial.over(divisor))
    }

    /// The exact sum of the losses as [`losses_into`](Comparisons::losses_into) reports them.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// let scores = [-100.0_f32, 100.0];
    /// let (first, second) = (Comparisons::new(&scores, &[0], &[1])?, Comparisons::new(&scores, &[0, 1], &[1, 0])?);
    /// let total = first.total(Logistic).merge(second.total(Logistic));
    /// assert_eq!((total.sum(), total.len()), (200.0 + 200.0 + 0.0, 3));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// // 0 played two games, 1 and 2 one each, of σ(0)² = ¼.
    /// let mut diagonal = [0.0; 3];
    /// Comparisons::new(&[0.0_f64; 3], &[0, 0], &[1, 2])?.hessian_diagonal_into(Logistic, &mut diagonal)?;
    /// assert_eq!(diagonal, [0.5, 0.25, 0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a score.
    pub fn hessian_diagonal_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "scores", self.scores.len())?;
        out.fill(T::zero());
        self.add_curvature(loss, Term::Unsigned, out);
        canonical(out);
        Ok(())
    }

    pub(super) fn add_curvature<L: PairLoss>(&self, loss: L, term: Term<'_, T>, out: &mut [T]) {
        let (sides, mut target) = (self.sides(), Target::Format(out));
        self.map_part(Hessian(loss), 0..self.len(), &mut |rows, results| {
            sides.add(rows, results, term, &mut target);
        });
    }

    /// Writes the product of the Hessian of the sum of the losses with a vector of one element a score. The Hessian is
    /// a graph Laplacian: `(Hv)ᵢ = Σₖ ±hₖ·(v[winner] − v[loser])`, and H·1 = 0.
    ///
    /// Each term is within 1 unit in the last place of that with the hₖ of
    /// [`hessians_into`](Comparisons::hessians_into).
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// // The first column of the Hessian, and a shift of all scores.
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 0], &[1, 2])?;
    /// let mut product = [0.0; 3];
    /// games.hessian_vector_product_into(Logistic, &[1.0, 0.0, 0.0], &mut product)?;
    /// assert_eq!(product, [0.5, -0.25, -0.25]);
    /// games.hessian_vector_product_into(Logistic, &[1.0; 3], &mut product)?;
    /// assert_eq!(product, [0.0; 3]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
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
        check_len("out", out.len(), "scores", self.scores.len())?;
        out.fill(T::zero());
        self.add_curvature(loss, Term::Times(v), out);
        canonical(out);
        Ok(())
    }

    /// Writes the product of the matrix Σₖ gₖgₖᵀ with a vector of one element a score, gₖ being the gradient of the
    /// loss of comparison k with respect to the scores, its *score residual*: `Σₖ ±xₖ²·(v[winner] − v[loser])` with xₖ
    /// as [`gradients_into`](Comparisons::gradients_into) reports it.
    ///
    /// It is the middle of the sandwich H⁻¹·(Σ gₖgₖᵀ)·H⁻¹, the covariance of estimated scores that holds where the
    /// model does not (P. J. Huber, *The behavior of maximum likelihood estimates under nonstandard conditions*, 1967).
    /// A comparison of weight w counts as one observation of weight w: give observations one by one where they are
    /// independent.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 2], &[0, 0, 1], &[1, 1, 0])?;
    /// let mut product = [0.0; 2];
    /// games.score_residual_product_into(Logistic, &[1.0, 0.0], &mut product)?;
    /// assert_eq!(product, [0.75, -0.75]); // three times σ(0)²·(1 − 0)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `v` or `out` does not have one element a score.
    pub fn score_residual_product_into<L: PairLoss>(
        &self,
        loss: L,
        v: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        check_len("v", v.len(), "scores", self.scores.len())?;
        check_len("out", out.len(), "scores", self.scores.len())?;
        out.fill(T::zero());
        let (sides, mut target) = (self.sides(), Target::Format(&mut *out));
        // The sum of the losses comes along: one kernel less.
        self.fused_part(loss, (1.0, 0.0), 0..self.len(), &mut |rows, results| {
            sides.add(rows, results, Term::SquareTimes(v), &mut target);
        });
        canonical(out);
        Ok(())
    }

    /// The reduced loss, with the bits of [`loss`](Comparisons::loss); and its gradient added to exact sums, among
    /// threads where they have several pieces.
    ///
    /// Terms are those of [`loss_and_gradient`](Comparisons::loss_and_gradient).
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction, ScoreSum, ScoreSums};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 1], &[1, 2])?;
    /// let mut memory = [ScoreSum::ZERO; 3];
    /// let loss = games.loss_and_gradient_sums(Logistic, Reduction::Mean, &mut ScoreSums::new(&mut memory, 3)?)?;
    /// assert_eq!(loss, games.loss(Logistic, Reduction::Mean)?);
    /// assert_eq!(memory.map(ScoreSum::value), [-0.25, 0.0, 0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Comparisons::loss), and [`Error::LengthMismatch`] if the sums are not those of as many entries
    /// as there are scores.
    pub fn loss_and_gradient_sums<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut ScoreSums<'_>,
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let (sums, sides) = (gradient.of(self.scores.len())?, self.sides());
        let partial = self.shared([sums, &mut []], &|range, [sums, _]| {
            let mut target = Target::Exact(sums);
            self.fused_part(loss, divisor, range, &mut |rows, results| {
                sides.add(rows, results, Term::Signed, &mut target);
            })
        });
        Ok(partial.over(divisor))
    }

    /// [`loss_gradient_and_diagonal`](Comparisons::loss_gradient_and_diagonal) with gradient and diagonal added to
    /// exact sums, among threads where both have several pieces.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction, ScoreSum, ScoreSums};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 1], &[1, 2])?;
    /// let (mut gradient, mut diagonal) = ([ScoreSum::ZERO; 3], [ScoreSum::ZERO; 3]);
    /// let sums = (&mut ScoreSums::new(&mut gradient, 3)?, &mut ScoreSums::new(&mut diagonal, 3)?);
    /// games.loss_gradient_and_diagonal_sums(Logistic, Reduction::Mean, sums.0, sums.1)?;
    /// assert_eq!(gradient.map(ScoreSum::value), [-0.25, 0.0, 0.25]);
    /// assert_eq!(diagonal.map(ScoreSum::value), [0.25, 0.5, 0.25]); // of the sum, whatever the reduction
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Comparisons::loss), and [`Error::LengthMismatch`] if the sums are not those of as many entries
    /// as there are scores, or not of as many pieces.
    pub fn loss_gradient_and_diagonal_sums<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut ScoreSums<'_>,
        diagonal: &mut ScoreSums<'_>,
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let gradient = gradient.of(self.scores.len())?;
        let diagonal = diagonal.of(self.scores.len())?;
        check_len("diagonal", diagonal.len(), "gradient", gradient.len())?;
        let partial = self.shared([gradient, diagonal], &|range, [gradient, diagonal]| {
            let (mut gradient, mut diagonal) = (Target::Exact(gradient), Target::Exact(diagonal));
            self.both_parts(loss, divisor, range, &mut gradient, &mut diagonal)
        });
        Ok(partial.over(divisor))
    }

    /// The exact sum of the losses, as [`total`](Comparisons::total) gives it; and the gradient of the reduced loss
    /// added to exact sums: all that a chunk of a stream, or a shard on a rank, has to say.
    ///
    /// See [`ScoreSums`].
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, Reduction, ScoreSum, ScoreSums};
    ///
    /// // Two chunks of a stream.
    /// let (scores, mut memory) = ([0.0_f64; 3], [ScoreSum::ZERO; 3]);
    /// let mut sums = ScoreSums::new(&mut memory, 3)?;
    /// let (first, second) = (Comparisons::new(&scores, &[0], &[1])?, Comparisons::new(&scores, &[1], &[2])?);
    /// let mut total = first.add_gradient_to_sums(Logistic, Reduction::Over(2.0), &mut sums)?;
    /// total += second.add_gradient_to_sums(Logistic, Reduction::Over(2.0), &mut sums)?;
    /// assert_eq!((total.mean(), total.len()), (Some(core::f64::consts::LN_2), 2));
    /// assert_eq!(memory.map(ScoreSum::value), [-0.25, 0.0, 0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss_and_gradient_sums`](Comparisons::loss_and_gradient_sums).
    pub fn add_gradient_to_sums<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut ScoreSums<'_>,
    ) -> Result<Total, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let (sums, sides) = (gradient.of(self.scores.len())?, self.sides());
        let units = Units::new(self.len());
        let work = |share: Range<usize>, _: &mut [Partial], [sums, _]: [&mut [ScoreSum]; 2]| {
            let mut target = Target::Exact(sums);
            let range = units.rows(share);
            let start = range.start;
            let mut to = |rows: Range<usize>, results: &[T]| {
                let rows = rows.start + start..rows.end + start;
                sides.add(rows, results, Term::Signed, &mut target);
            };
            let (winners, losers) = self.columns();
            let (level, weights, sink) = (self.level, self.options.weights(), Results(&mut to));
            let part = TotalPart { level, loss, range, weights, divisor, sink };
            self.options.visit(winners, losers, part)
        };
        let pieces = Pieces { sums: [sums, &mut []], entries: self.scores.len() };
        Ok(pieces.share(units.all(), &mut [], &work, Total::merge))
    }

    /// Adds the diagonal of the Hessian of the sum of the losses to exact sums, among threads where they have several
    /// pieces.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, ScoreSum, ScoreSums};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 0], &[1, 2])?;
    /// let mut memory = [ScoreSum::ZERO; 3];
    /// games.add_hessian_diagonal_to_sums(Logistic, &mut ScoreSums::new(&mut memory, 3)?)?;
    /// assert_eq!(memory.map(ScoreSum::value), [0.5, 0.25, 0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the sums are not those of as many entries as there are scores.
    pub fn add_hessian_diagonal_to_sums<L: PairLoss>(
        &self,
        loss: L,
        diagonal: &mut ScoreSums<'_>,
    ) -> Result<(), Error> {
        self.add_curvature_to_sums(loss, Term::Unsigned, diagonal)
    }

    /// Adds the product of the Hessian of the sum of the losses with a vector to exact sums, among threads where they
    /// have several pieces. Terms are those of
    /// [`hessian_vector_product_into`](Comparisons::hessian_vector_product_into).
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, ScoreSum, ScoreSums};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 3], &[0, 0], &[1, 2])?;
    /// let mut memory = [ScoreSum::ZERO; 3];
    /// let mut sums = ScoreSums::new(&mut memory, 3)?;
    /// games.add_hessian_vector_product_to_sums(Logistic, &[1.0, 0.0, 0.0], &mut sums)?;
    /// assert_eq!(memory.map(ScoreSum::value), [0.5, -0.25, -0.25]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `v` does not have one element a score, or the sums are not those of as many
    /// entries.
    pub fn add_hessian_vector_product_to_sums<L: PairLoss>(
        &self,
        loss: L,
        v: &[T],
        product: &mut ScoreSums<'_>,
    ) -> Result<(), Error> {
        check_len("v", v.len(), "scores", self.scores.len())?;
        self.add_curvature_to_sums(loss, Term::Times(v), product)
    }

    fn add_curvature_to_sums<L: PairLoss>(
        &self,
        loss: L,
        term: Term<'_, T>,
        sums: &mut ScoreSums<'_>,
    ) -> Result<(), Error> {
        let (sums, sides) = (sums.of(self.scores.len())?, self.sides());
        self.shared([sums, &mut []], &|range, [sums, _]| {
            let mut target = Target::Exact(sums);
            self.map_part(Hessian(loss), range, &mut |rows, results| {
                sides.add(rows, results, term, &mut target);
            });
            Partial::ZERO
        });
        Ok(())
    }

    /// [`score_residual_product_into`](Comparisons::score_residual_product_into) added to exact sums, among threads
    /// where they have several pieces.
    ///
    /// ```
    /// use pairwise_loss::{Comparisons, Logistic, ScoreSum, ScoreSums};
    ///
    /// let games = Comparisons::new(&[0.0_f64; 2], &[0, 0, 1], &[1, 1, 0])?;
    /// let mut memory = [ScoreSum::ZERO; 2];
    /// let mut sums = ScoreSums::new(&mut memory, 2)?;
    /// games.add_score_residual_product_to_sums(Logistic, &[1.0, 0.0], &mut sums)?;
    /// assert_eq!(memory.map(ScoreSum::value), [0.75, -0.75]); // three times σ(0)²·(1 − 0)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `v` does not have one element a score, or the sums are not those of as many
    /// entries.
    pub fn add_score_residual_product_to_sums<L: PairLoss>(
        &self,
        loss: L,
        v: &[T],
        product: &mut ScoreSums<'_>,
    ) -> Result<(), Error> {
        check_len("v", v.len(), "scores", self.scores.len())?;
        let (sums, sides) = (product.of(self.scores.len())?, self.sides());
        self.shared([sums, &mut []], &|range, [sums, _]| {
            let mut target = Target::Exact(sums);
            self.fused_part(loss, (1.0, 0.0), range, &mut |rows, results| {
                sides.add(rows, results, Term::SquareTimes(v), &mut target);
            })
        });
        Ok(())
    }
}
