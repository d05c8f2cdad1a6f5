//! K ranked answers to a prompt: all their pairs, without a list of them.
//!
//! (a) Pairs are looked up a [`BLOCK`] at a time in buffers on the stack and go through the kernels of comparisons.
//! (b) The loss of a prompt is a mean over its pairs, so the losses of pairs carry different normalisers. Prompts with
//!     the same number of pairs share theirs: one such class after the other is summed, and its normaliser is part of
//!     the divisor of the kernel, which rounds once. There is no weight of a pair that would round before.
//! (c) With two answers everywhere there is one class, and blocks, tree and bits are those of [`Pairs`](crate::Pairs).

use super::blocks::{Block, BlockSum, Blocks, Filled, Pair};
use super::options::{Reduction, Verb, check_elements, check_len, divisor};
use super::scatter::{Results, Sides, Target, Term, canonical};
use super::tree::{divided, times};
use super::verbs::Map;
use crate::error::Error;
use crate::index::Indices;
use crate::kernel::{BLOCK, Level, Out, Partial, Rows, Scores, Sink, SumKernel, Value};
use crate::loss::PairLoss;
use crate::reduce::{Accumulator, Total};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Numbers of pairs up to here have a pass over the prompts each; prompts with more fill a kernel on their own.
const FEW: u64 = 63;

/// A block of so many pairs where no more are needed: it takes time to set up.
const SMALL: usize = 256;

/// Prompts whose number of pairs is kept, where it takes time to count.
const KEPT: usize = 4096;

/// What becomes of two answers of equal rank.
///
/// ```
/// use pairwise_loss::{GroupTies, Groups};
///
/// // Ranks 1, 2, 2: with ties as halves there are three pairs, else two.
/// let groups = Groups::new(&[1.0_f32, 0.0, 0.5], &[0, 3])?.with_ranks(&[1, 2, 2])?;
/// assert_eq!((groups.pairs(), groups.with_ties(GroupTies::Half).pairs()), (2, 3));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GroupTies {
    /// They are no pair.
    #[default]
    Skip,
    /// They are a pair with the label ½.
    Half,
}

/// K ranked answers to each of some prompts, in one score vector: the pairs that reward models are trained on.
///
/// Prompt g has the answers `scores[offsets[g]..offsets[g + 1]]`, best first, or in any order with
/// [ranks](Groups::with_ranks). Each answer is compared with each worse one: the loss of the prompt is its weight
/// times the mean of L(better − worse) over its pairs, K·(K − 1)/2 of them where none is left out. Weights are 1 where
/// they are not given.
///
/// A [`Reduction`] is over prompts: `Mean` is the mean over prompts of the mean over pairs. A prompt without pairs, or
/// of weight 0, is not counted. Each prompt may have another K.
///
/// # Special values
/// A pair is NaN where one of its scores is, or where both are the same infinity: then the loss of its prompt is NaN, and
/// so is the gradient of both answers. A prompt of weight 0 contributes nothing, whatever it holds.
///
/// ```
/// use pairwise_loss::{Groups, Logistic, Reduction};
///
/// // Three answers to one prompt, two to another.
/// let scores = [1.5_f32, 0.5, -0.5, 0.0, 2.0];
/// let groups = Groups::new(&scores, &[0, 3, 5])?;
///
/// let mut gradient = [0.0; 5];
/// let loss = groups.loss_and_gradient(Logistic, Reduction::Mean, &mut gradient)?;
/// // ((2·log(1 + e⁻¹) + log(1 + e⁻²))/3 + log(1 + e²))/2
/// assert!((loss - 1.189039).abs() < 1e-6);
/// assert!(gradient[0] < 0.0 && gradient[1] == 0.0 && gradient[2] > 0.0);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
///
/// # Reference
/// L. Ouyang et al., *Training language models to follow instructions with human feedback*, arXiv:2203.02155,
/// equation (1).
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a, T> {
    pub(super) scores: &'a [T],
    pub(super) offsets: &'a [usize],
    pub(super) ranks: Option<&'a [u32]>,
    pub(super) weights: Option<&'a [T]>,
    /// Two answers of some prompt whose ranks are equal.
    pub(super) tied: Option<(usize, usize)>,
    ties: GroupTies,
    pub(super) level: Level,
}

/// What a pass over the prompts finds before anything is computed.
struct Census {
    /// Prompts with a pair and a weight above 0.
    counted: usize,
    pairs: u64,
    /// The most pairs of a prompt.
    most: u64,
    /// Bit n is set where a prompt has n pairs, for n up to [`FEW`].
    classes: u64,
    /// The number of pairs of the first prompts, at most [`FEW`] + 1, where ties are left out.
    kept: Option<[u8; KEPT]>,
}

impl<'a, T: Score> Groups<'a, T> {
    /// Prompt g has the answers `scores[offsets[g]..offsets[g + 1]]`, best first.
    ///
    /// ```
    /// use pairwise_loss::Groups;
    ///
    /// let groups = Groups::new(&[1.5_f32, 0.5, -0.5, 0.0, 2.0], &[0, 3, 5])?;
    /// assert_eq!((groups.len(), groups.is_empty(), groups.pairs()), (2, false, 4));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOffset`] if the offsets do not start at 0, descend somewhere, or do not end at the number of
    /// scores; [`Error::LengthMismatch`] if there is none; [`Error::InvalidParameter`] for 2³² scores or more.
    pub fn new(scores: &'a [T], offsets: &'a [usize]) -> Result<Self, Error> {
        let invalid = |position, offset, domain, bound| {
            Err(Error::InvalidOffset { position, offset, domain, bound })
        };
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            let (name, reference) = ("offsets", "a batch without prompts");
            return Err(Error::LengthMismatch { name, len: 0, reference, expected: 1 });
        };
        if first != 0 {
            return invalid(0, first, "the start of the first prompt", 0);
        }
        for (position, pair) in (1..).zip(offsets.windows(2)) {
            if let &[before, offset] = pair
                && offset < before
            {
                return invalid(position, offset, "at least the one before it", before);
            }
        }
        if last != scores.len() {
            return invalid(offsets.len() - 1, last, "the number of scores", scores.len());
        }
        if u32::try_from(scores.len()).is_err() {
            let (name, value) = ("number of scores", scores.len() as f64);
            return Err(Error::InvalidParameter { name, value, domain: "below 2^32" });
        }
        let (ranks, weights, tied) = (None, None, None);
        let (ties, level) = (GroupTies::Skip, Level::best());
        Ok(Self { scores, offsets, ranks, weights, tied, ties, level })
    }

    /// Gives each answer its rank among those to the same prompt, lower is better. The order in the slice is then free.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic};
    ///
    /// // The best answer is the last one.
    /// let groups = Groups::new(&[0.0_f32, 300.0, 600.0], &[0, 3])?;
    /// assert_eq!(groups.total(Logistic).sum(), (300.0 + 300.0 + 600.0) / 3.0);
    /// assert_eq!(groups.with_ranks(&[2, 1, 0])?.total(Logistic).sum(), 0.0); // log(1 + e⁻³⁰⁰) is no f32
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many ranks as scores.
    pub fn with_ranks(mut self, ranks: &'a [u32]) -> Result<Self, Error> {
        check_len("ranks", ranks.len(), "scores", self.scores.len())?;
        let tied = self.prompts().find_map(|(_, answers)| tie(ranks, answers));
        (self.ranks, self.tied) = (Some(ranks), tied);
        Ok(self)
    }

    /// What becomes of two answers of equal rank: left out if nothing is said.
    ///
    /// ```
    /// use pairwise_loss::{GroupTies, Groups, Logistic};
    ///
    /// let groups = Groups::new(&[300.0_f32, 0.0], &[0, 2])?.with_ranks(&[1, 1])?;
    /// assert_eq!(groups.total(Logistic).sum(), 0.0); // no pair
    /// assert_eq!(groups.with_ties(GroupTies::Half).total(Logistic).sum(), 150.0); // ½·0 + ½·300
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn with_ties(mut self, ties: GroupTies) -> Self {
        self.ties = ties;
        self
    }

    /// Multiplies the loss of each prompt by a weight. Weight 0 removes the prompt entirely, from counts and means as
    /// well, whatever it holds.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic, Reduction};
    ///
    /// // The second prompt counts double, the third not at all.
    /// let groups = Groups::new(&[0.0_f32; 6], &[0, 2, 4, 6])?.with_weights(&[1.0, 2.0, 0.0])?;
    /// let sum = groups.loss(Logistic, Reduction::Sum)?;
    /// assert!((sum - 3.0 * core::f64::consts::LN_2).abs() < 1e-12);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as prompts, [`Error::InvalidElement`] if one is not
    /// finite and ≥ 0.
    pub fn with_weights(mut self, weights: &'a [T]) -> Result<Self, Error> {
        check_len("weights", weights.len(), "prompts", self.len())?;
        check_elements("weights", weights, "finite and >= 0", |w| w >= T::zero() && w.is_finite())?;
        self.weights = Some(weights);
        Ok(self)
    }

    /// Runs at another instruction set than the best one: for tests and benchmarks, the results are the same bits.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Level, Logistic};
    ///
    /// let groups = Groups::new(&[0.5_f32, 1.0, -0.2], &[0, 3])?;
    /// for level in Level::available() {
    ///     assert_eq!(groups.with_level(level).total(Logistic), groups.total(Logistic));
    /// }
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The number of prompts, those that are not counted included.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no prompts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of pairs of all prompts, those of weight 0 included.
    ///
    /// ```
    /// use pairwise_loss::Groups;
    ///
    /// // Prompts of 3, 2 and 1 answers: 3 + 1 + 0 pairs.
    /// assert_eq!(Groups::new(&[0.0_f64; 6], &[0, 3, 5, 6])?.pairs(), 4);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn pairs(&self) -> u64 {
        self.census().pairs
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the answers.
    ///
    /// Relative error as that of [`Pairs::loss`](crate::Pairs::loss), whose bits these are where every prompt has two
    /// answers.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic, Reduction};
    ///
    /// // The third prompt has no pair.
    /// let groups = Groups::new(&[0.0_f32; 6], &[0, 3, 5, 6])?;
    /// assert!((groups.loss(Logistic, Reduction::Sum)? - 2.0 * core::f64::consts::LN_2).abs() < 1e-12);
    /// assert!((groups.loss(Logistic, Reduction::Mean)? - core::f64::consts::LN_2).abs() < 1e-12);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a prompt that counts, [`Error::InvalidParameter`] for a normaliser
    /// outside its domain, or one whose product with the number of pairs of a prompt is not finite.
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        let (census, divisor) = self.plan(reduction)?;
        let mut sum = |block: Filled<'_, T>, divisor| self.sum(block, loss, divisor, &mut ());
        Ok(self.reduced(&census, divisor, &mut sum))
    }

    /// The reduced loss, and its gradient with respect to the scores, one element an answer, in one pass.
    ///
    /// What a pair contributes, its normalisers included, is rounded once; an element is the sum of these over the
    /// pairs of that answer, added in order in the format of the scores. So its error is at most half a unit in the
    /// last place of each of the K − 1 terms, and of each of the sums on the way. An answer without pairs has 0.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic, Reduction};
    ///
    /// let mut gradient = [0.0_f32; 3];
    /// Groups::new(&[0.0; 3], &[0, 3])?.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
    /// assert_eq!(gradient, [-1.0 / 3.0, 0.0, 1.0 / 3.0]); // two of three pairs with ∓½, and one with each
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Groups::loss), and [`Error::LengthMismatch`] if `gradient` does not have one element a score.
    pub fn loss_and_gradient<L: PairLoss>(
        &self,
        loss: L,
        reduction: Reduction,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        check_len("gradient", gradient.len(), "scores", self.scores.len())?;
        let (census, divisor) = self.plan(reduction)?;
        // Adding to −0 leaves every number as it is, so that zeros have the sign that they have in `Pairs`.
        gradient.fill(T::neg_zero());
        if census.classes & 1 == 1 {
            for (_, answers) in self.prompts().filter(|(_, answers)| self.pairs_of(answers) == 0) {
                gradient.get_mut(answers).unwrap_or_default().fill(T::zero());
            }
        }
        let mut sum = |block: Filled<'_, T>, divisor| {
            let (winners, losers) = (Indices::U32(block.winners), Indices::U32(block.losers));
            let sides = Sides { level: self.level, winners, losers };
            let mut target = Target::Format(&mut *gradient);
            let mut add = |rows: Range<usize>, results: &[T]| {
                sides.add(rows, results, Term::Signed, &mut target);
            };
            self.sum(block, loss, divisor, &mut Results(&mut add))
        };
        let value = self.reduced(&census, divisor, &mut sum);
        canonical(gradient);
        Ok(value)
    }

    /// Writes the loss of prompt g, its weight times the mean over its pairs, to `out[g]`; 0 where it is not counted.
    ///
    /// Rounded once from a compensated sum: error at most 0.501 units in the last place for `f32`, 0.54 for `f64`,
    /// where the losses of pairs have one sign. A prompt with one pair has the bits of
    /// [`Pairs::losses_into`](crate::Pairs::losses_into).
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic};
    ///
    /// // One number a prompt: the mean over its pairs.
    /// let mut losses = [0.0_f32; 2];
    /// Groups::new(&[0.0_f32; 5], &[0, 2, 5])?.losses_into(Logistic, &mut losses)?;
    /// assert_eq!(losses, [2.0_f32.ln(); 2]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a prompt.
    pub fn losses_into<L: PairLoss>(&self, loss: L, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "prompts", self.len())?;
        out.fill(T::zero());
        self.each_loss(loss, &mut |g, x| {
            if let Some(slot) = out.get_mut(g) {
                *slot = x;
            }
        });
        Ok(())
    }

    /// The exact sum of the losses of prompts as [`losses_into`](Groups::losses_into) reports them. A term is a prompt.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Logistic};
    ///
    /// // Prompts with 400, and with 200.
    /// let total = Groups::new(&[0.0_f32, 300.0, 600.0, 0.0, 200.0], &[0, 3, 5])?.total(Logistic);
    /// assert_eq!((total.sum(), total.len(), total.mean()), (600.0, 2, Some(300.0)));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn total<L: PairLoss>(&self, loss: L) -> Total {
        let mut accumulator = Accumulator::new();
        self.each_loss(loss, &mut |g, x| accumulator.add_one(x, self.weight(g)));
        accumulator.total()
    }

    /// The answers to each prompt.
    pub(super) fn prompts(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.offsets.windows(2).enumerate().filter_map(|(g, ends)| match ends {
            &[start, end] => Some((g, start..end)),
            _ => None,
        })
    }

    pub(super) fn weight(&self, g: usize) -> Option<T> {
        self.weights.and_then(|weights| weights.get(g).copied())
    }

    /// Whether the prompt has a weight above 0.
    pub(super) fn weighs(&self, g: usize) -> bool {
        self.weight(g).is_none_or(|weight| weight > T::zero())
    }

    /// Ranks, where some are equal and left out.
    fn skipped_ranks(&self) -> Option<&'a [u32]> {
        let skips = self.tied.is_some() && self.ties == GroupTies::Skip;
        if skips { self.ranks } else { None }
    }

    /// The number of pairs of a prompt with these answers.
    fn pairs_of(&self, answers: &Range<usize>) -> u64 {
        let mut pairs = pairs_among(answers.len());
        if let Some(ranks) = self.skipped_ranks() {
            let mut rest = ranks.get(answers.clone()).unwrap_or_default();
            while let Some((rank, behind)) = rest.split_first() {
                pairs -= behind.iter().map(|other| u64::from(other == rank)).sum::<u64>();
                rest = behind;
            }
        }
        pairs
    }

    fn census(&self) -> Census {
        let kept = self.skipped_ranks().map(|_| [0; KEPT]);
        let mut census = Census { counted: 0, pairs: 0, most: 0, classes: 0, kept };
        for (g, answers) in self.prompts() {
            let pairs = self.pairs_of(&answers);
            let few = pairs.min(FEW + 1);
            census.counted += usize::from(pairs > 0 && self.weighs(g));
            census.pairs += pairs;
            census.most = census.most.max(pairs);
            census.classes |= if pairs <= FEW { 1 << pairs } else { 0 };
            if let Some(slot) = census.kept.as_mut().and_then(|kept| kept.get_mut(g)) {
                *slot = few as u8;
            }
        }
        census
    }

    /// The census, and what the sum is divided by.
    fn plan(&self, reduction: Reduction) -> Result<(Census, (f64, f64)), Error> {
        let census = self.census();
        let weights = self.weights.map(|weights| {
            let counts = |(g, answers)| self.weighs(g) && self.pairs_of(&answers) > 0;
            let prompts = self.prompts().filter(move |prompt| counts(prompt.clone()));
            prompts.filter_map(|(g, _)| weights.get(g).copied())
        });
        let pairs = usize::try_from(census.pairs).unwrap_or(usize::MAX);
        let divisor = divisor(reduction, census.counted, pairs, weights)?;
        let value = census.most as f64 * divisor.0;
        if value.is_finite() {
            return Ok((census, divisor));
        }
        let name = "the normaliser times the pairs of a prompt";
        Err(Error::InvalidParameter { name, value, domain: "finite" })
    }

    /// The reduced loss: `sum` sums a block, given its divisor.
    fn reduced(&self, census: &Census, divisor: (f64, f64), sum: &mut BlockSum<'_, T>) -> f64 {
        if census.pairs <= SMALL as u64 {
            self.reduced_in::<SMALL>(census, divisor, sum)
        } else {
            self.reduced_in::<BLOCK>(census, divisor, sum)
        }
    }

    /// The same in blocks of so many pairs.
    fn reduced_in<const N: usize>(
        &self,
        census: &Census,
        divisor: (f64, f64),
        sum: &mut BlockSum<'_, T>,
    ) -> f64 {
        let mut blocks = Blocks::new(self.block::<N>(), sum);
        let mut total: Option<Partial> = None;
        let mut pairs = 0;
        let few = (1..=FEW).filter(|&class| census.classes >> class & 1 == 1);
        let many = (census.most > FEW).then_some(FEW + 1);
        for class in few.chain(many) {
            for (g, answers) in self.prompts() {
                let kept = census.kept.as_ref().and_then(|kept| kept.get(g));
                if kept.is_some_and(|&kept| u64::from(kept) != class) {
                    continue;
                }
                let own = self.pairs_of(&answers);
                if own.min(FEW + 1) != class {
                    continue;
                }
                if own != pairs {
                    add_mean(&mut total, &mut blocks, pairs);
                    pairs = own;
                    blocks.divisor = product(pairs, divisor);
                }
                let weight = self.weight(g);
                self.for_each_pair(answers, |pair| blocks.add(pair, weight));
            }
        }
        add_mean(&mut total, &mut blocks, pairs);
        total.unwrap_or(Partial::ZERO).over(divisor)
    }

    /// Tells the loss of each prompt that counts, in some order; of one of weight 0 nothing, or 0.
    fn each_loss<L: PairLoss>(&self, loss: L, tell: &mut dyn FnMut(usize, T)) {
        let census = self.census();
        if census.classes >> 1 & 1 == 1 {
            self.each_single(loss, tell);
        }
        let mut sum = |block: Filled<'_, T>, divisor| self.sum(block, loss, divisor, &mut ());
        if census.most > SMALL as u64 {
            self.each_mean::<BLOCK>(&mut sum, tell);
        } else if census.most > 1 {
            self.each_mean::<SMALL>(&mut sum, tell);
        }
    }

    /// The same for prompts with more than one pair.
    fn each_mean<const N: usize>(&self, sum: &mut BlockSum<'_, T>, tell: &mut dyn FnMut(usize, T)) {
        let mut blocks = Blocks::new(self.block::<N>(), sum);
        for (g, answers) in self.prompts() {
            let pairs = self.pairs_of(&answers);
            if pairs < 2 || !self.weighs(g) {
                continue;
            }
            let weight = self.weight(g);
            self.for_each_pair(answers, |pair| blocks.add(pair, weight));
            let Partial { sum, lost } = divided(blocks.finish(), pairs);
            let value = T::narrow(sum + lost);
            tell(g, if value.is_nan() { T::nan() } else { value });
        }
    }

    /// The same for prompts with one pair: as a pair of a batch, and as quickly.
    fn each_single<L: PairLoss>(&self, loss: L, tell: &mut dyn FnMut(usize, T)) {
        let singles = || self.prompts().filter(|(_, answers)| self.pairs_of(answers) == 1);
        let mut untold = singles();
        let mut results = [T::zero(); SMALL];
        let mut block = self.block::<SMALL>();
        let mut rest = singles().peekable();
        while let Some((g, answers)) = rest.next() {
            let weight = self.weight(g);
            self.for_each_pair(answers, |pair| block.push(pair, weight));
            if !block.is_full() && rest.peek().is_some() {
                continue;
            }
            let filled = block.filled();
            let len = filled.winners.len();
            let sink = Out::contiguous(results.get_mut(..len).unwrap_or_default());
            self.visit(filled, Map { level: self.level, function: Value(loss), len, sink });
            for (&x, (g, _)) in results.iter().take(len).zip(untold.by_ref()) {
                tell(g, x);
            }
            block.clear();
        }
    }

    /// Calls `f` with every pair of these answers, in the order of the slice.
    #[inline]
    fn for_each_pair(&self, answers: Range<usize>, mut f: impl FnMut(Pair)) {
        let (start, end) = (answers.start as u32, answers.end as u32);
        let Some(ranks) = self.ranks else {
            for winner in start..end {
                for loser in winner + 1..end {
                    f(Pair { winner, loser, tie: false });
                }
            }
            return;
        };
        let half = self.ties == GroupTies::Half;
        let mut rest = ranks.get(answers).unwrap_or_default();
        for i in start..end {
            let Some((first, behind)) = rest.split_first() else { break };
            for (second, j) in behind.iter().zip(i + 1..) {
                let tie = first == second;
                if tie && !half {
                    continue;
                }
                let (winner, loser) = if second < first { (j, i) } else { (i, j) };
                f(Pair { winner, loser, tie });
            }
            rest = behind;
        }
    }

    /// A block with the columns that these groups have.
    fn block<const N: usize>(&self) -> Block<T, N> {
        let labels = self.tied.is_some() && self.ties == GroupTies::Half;
        Block::new(self.weights.is_some(), labels)
    }

    fn visit<V: Verb<T>>(&self, block: Filled<'_, T>, verb: V) -> V::Output {
        let gathered = |index| Scores::Gathered { scores: self.scores, index: Indices::U32(index) };
        block.options().visit(gathered(block.winners), gathered(block.losers), verb)
    }

    /// The sum of the losses of a block.
    fn sum<L: PairLoss, S: Sink<T>>(
        &self,
        block: Filled<'_, T>,
        loss: L,
        divisor: (f64, f64),
        sink: &mut S,
    ) -> Partial {
        let len = block.winners.len();
        self.visit(block, Sum { level: self.level, loss, len, divisor, sink })
    }
}

/// The first two of these answers whose ranks are equal.
fn tie(ranks: &[u32], answers: Range<usize>) -> Option<(usize, usize)> {
    answers.clone().find_map(|i| {
        let second = (i + 1..answers.end).find(|&j| ranks.get(j) == ranks.get(i))?;
        Some((i, second))
    })
}

/// K·(K − 1)/2.
fn pairs_among(answers: usize) -> u64 {
    let k = answers as u64;
    k * k.saturating_sub(1) / 2
}

/// An integer times a sum of two.
fn product(n: u64, (high, low): (f64, f64)) -> (f64, f64) {
    let (product, error) = times(n, high);
    let low = error + n as f64 * low;
    let sum = product + low;
    (sum, low - (sum - product))
}

/// Adds the mean over the `pairs` pairs of each prompt of a class that is through.
fn add_mean<T: Score, const N: usize>(
    total: &mut Option<Partial>,
    blocks: &mut Blocks<'_, '_, T, N>,
    pairs: u64,
) {
    if pairs > 0 {
        let mean = divided(blocks.finish(), pairs);
        *total = Some(total.map_or(mean, |total| total.plus(mean)));
    }
}

/// The sum of a block, gradients into a sink.
struct Sum<'s, L, S> {
    level: Level,
    loss: L,
    len: usize,
    divisor: (f64, f64),
    sink: &'s mut S,
}

impl<T: Score, L: PairLoss, S: Sink<T>> Verb<T> for Sum<'_, L, S> {
    type Output = Partial;

    fn call<R: Rows<T>>(self, rows: R) -> Partial {
        let Self { level, loss, len, divisor, sink } = self;
        let (range, sink_start, format) = (0..len, 0, PhantomData);
        level.run(SumKernel { loss, rows, range, divisor, sink, sink_start, format })
    }
}
