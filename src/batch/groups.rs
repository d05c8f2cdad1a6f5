//! K ranked answers to a prompt: all their pairs, without a list of them.
//!
//! (a) Pairs are looked up a [`BLOCK`] at a time in buffers on the stack and go through the kernels of comparisons.
//! (b) The loss of a prompt is a mean over its pairs, so the losses of pairs carry different normalisers. Prompts with the
//!     same number of pairs share theirs: one such class after the other is summed, and its normaliser is part of the
//!     divisor of the kernel, which rounds once. There is no weight of a pair that would round before.
//! (c) With two answers everywhere there is one class, and blocks, tree and bits are those of [`Pairs`](crate::Pairs).

use super::options::{Options, Reduction, Verb, check_elements, check_len, divisor};
use super::scatter::{Scatter, Signed};
use super::tree::{Tree, divided, times};
use super::verbs::Map;
use crate::error::Error;
use crate::kernel::{BLOCK, Gathered, Level, Negated, Partial, Rows, Sink, SumKernel, Value};
use crate::loss::PairLoss;
use crate::reduce::{Accumulator, Total};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Numbers of pairs up to here have a pass over the prompts each; prompts with more fill a kernel on their own.
const FEW: u64 = 63;

/// Prompts with one pair whose losses are computed together.
const SINGLES: usize = 256;

/// What becomes of two answers of equal rank.
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
/// [ranks](Groups::with_ranks). Each answer is compared with each worse one: the loss of the prompt is its weight times the mean
/// of L(better − worse) over its pairs, K·(K − 1)/2 of them where none is left out. Weights are 1 where they are not
/// given.
///
/// A [`Reduction`] is over prompts: `Mean` is the mean over prompts of the mean over pairs. A prompt without pairs, or of
/// weight 0, is not counted. Each prompt may have another K.
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
/// L. Ouyang et al., *Training language models to follow instructions with human feedback*, arXiv:2203.02155, equation 1.
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
}

/// How a reduction goes.
struct Plan {
    divisor: (f64, f64),
    classes: u64,
    most: u64,
}

impl<'a, T: Score> Groups<'a, T> {
    /// Prompt g has the answers `scores[offsets[g]..offsets[g + 1]]`, best first.
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
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many ranks as scores.
    pub fn with_ranks(mut self, ranks: &'a [u32]) -> Result<Self, Error> {
        check_len("ranks", ranks.len(), "scores", self.scores.len())?;
        let tied = self.prompts().find_map(|(_, answers)| tie(ranks, answers));
        (self.ranks, self.tied) = (Some(ranks), tied);
        Ok(self)
    }

    /// What becomes of two answers of equal rank: left out if nothing is said.
    #[must_use]
    pub fn with_ties(mut self, ties: GroupTies) -> Self {
        self.ties = ties;
        self
    }

    /// Multiplies the loss of each prompt by a weight. Weight 0 removes the prompt entirely, from counts and means as
    /// well, whatever it holds.
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
    pub fn pairs(&self) -> u64 {
        self.census().pairs
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the answers.
    ///
    /// Relative error as that of [`Pairs::loss`](crate::Pairs::loss), whose bits these are where every prompt has two
    /// answers.
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a prompt that counts, [`Error::InvalidParameter`] for a normaliser outside
    /// its domain, or one whose product with the number of pairs of a prompt is not finite.
    pub fn loss<L: PairLoss>(&self, loss: L, reduction: Reduction) -> Result<f64, Error> {
        let plan = self.plan(reduction)?;
        Ok(self.reduced(&plan, &mut |block, divisor| self.sum(block, loss, divisor, &mut ())))
    }

    /// The reduced loss, and its gradient with respect to the scores, one element an answer, in one pass.
    ///
    /// What a pair contributes, its normalisers included, is rounded once; an element is the sum of these over the pairs of
    /// that answer, added in order in the format of the scores. So its error is at most half a unit in the last place of
    /// each of the K − 1 terms, and of each of the sums on the way. An answer without pairs has 0.
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
        let plan = self.plan(reduction)?;
        for (_, answers) in self.prompts() {
            // Adding to −0 leaves every number as it is, so that zeros have the sign that they have in `Pairs`.
            let pairs = self.pairs_of(&answers);
            let zero = if pairs == 0 { T::zero() } else { T::neg_zero() };
            gradient.get_mut(answers).unwrap_or_default().fill(zero);
        }
        Ok(self.reduced(&plan, &mut |block, divisor| {
            let (winners, losers) = (block.winners(), block.losers());
            let out = &mut *gradient;
            self.sum(block, loss, divisor, &mut Scatter { winners, losers, out, term: Signed })
        }))
    }

    /// Writes the loss of prompt g, its weight times the mean over its pairs, to `out[g]`; 0 where it is not counted.
    ///
    /// Rounded once from a compensated sum: error at most 0.501 units in the last place for `f32`, 0.55 for `f64`, where
    /// the losses of pairs have one sign. A prompt with one pair has the bits of
    /// [`Pairs::losses_into`](crate::Pairs::losses_into).
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
    pub fn total<L: PairLoss>(&self, loss: L) -> Total {
        let mut accumulator = Accumulator::default();
        self.each_loss(loss, &mut |g, x| match self.weight(g) {
            None => accumulator.add_term(x.widen()),
            Some(weight) => accumulator.add(x.widen(), weight.widen()),
        });
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

    /// Ranks, where there are any that are equal.
    fn tied_ranks(&self) -> Option<&'a [u32]> {
        if self.tied.is_some() { self.ranks } else { None }
    }

    /// The number of pairs of a prompt with these answers.
    fn pairs_of(&self, answers: &Range<usize>) -> u64 {
        let all = pairs_among(answers.len());
        match (self.tied_ranks(), self.ties) {
            (Some(ranks), GroupTies::Skip) => {
                let ranks = ranks.get(answers.clone()).unwrap_or_default();
                let equal = |(i, rank): (usize, &u32)| {
                    ranks
                        .get(i + 1..)
                        .unwrap_or_default()
                        .iter()
                        .filter(|&other| other == rank)
                        .count()
                };
                all - ranks.iter().enumerate().map(equal).sum::<usize>() as u64
            }
            _ => all,
        }
    }

    fn census(&self) -> Census {
        let mut census = Census { counted: 0, pairs: 0, most: 0, classes: 0 };
        for (g, answers) in self.prompts() {
            let pairs = self.pairs_of(&answers);
            census.counted += usize::from(pairs > 0 && self.weighs(g));
            census.pairs += pairs;
            census.most = census.most.max(pairs);
            census.classes |= if pairs <= FEW { 1 << pairs } else { 0 };
        }
        census
    }

    fn plan(&self, reduction: Reduction) -> Result<Plan, Error> {
        let Census { counted, pairs, most, classes } = self.census();
        let weights = self.weights.map(|weights| {
            let counts = |(g, answers)| self.weighs(g) && self.pairs_of(&answers) > 0;
            let prompts = self.prompts().filter(move |prompt| counts(prompt.clone()));
            prompts.filter_map(|(g, _)| weights.get(g).copied())
        });
        let pairs = usize::try_from(pairs).unwrap_or(usize::MAX);
        let divisor = divisor(reduction, counted, pairs, weights)?;
        let value = most as f64 * divisor.0;
        if value.is_finite() {
            return Ok(Plan { divisor, classes, most });
        }
        let name = "the normaliser times the pairs of a prompt";
        Err(Error::InvalidParameter { name, value, domain: "finite" })
    }

    /// The reduced loss: `sum` sums a block, given its divisor.
    fn reduced(&self, plan: &Plan, sum: &mut BlockSum<'_, T>) -> f64 {
        let mut blocks = Blocks::new(self, sum);
        let mut total: Option<Partial> = None;
        let mut pairs = 0;
        let few = (1..=FEW).filter(|&class| plan.classes >> class & 1 == 1);
        let many = (plan.most > FEW).then_some(FEW + 1);
        for class in few.chain(many) {
            for (g, answers) in self.prompts() {
                if pairs_among(answers.len()) < class {
                    continue;
                }
                let own = self.pairs_of(&answers);
                if own.min(FEW + 1) != class {
                    continue;
                }
                if own != pairs {
                    add_mean(&mut total, &mut blocks, pairs);
                    pairs = own;
                    blocks.divisor = product(pairs, plan.divisor);
                }
                let weight = self.weight(g);
                self.for_each_pair(answers, |pair| blocks.add(pair, weight));
            }
        }
        add_mean(&mut total, &mut blocks, pairs);
        let Partial { sum, lost } = total.unwrap_or(Partial::ZERO);
        let value = (sum + lost) / plan.divisor.0;
        if value.is_nan() { f64::NAN } else { value }
    }

    /// Tells the loss of each prompt that counts, in some order.
    fn each_loss<L: PairLoss>(&self, loss: L, tell: &mut dyn FnMut(usize, T)) {
        self.each_single(loss, tell);
        let mut sum = |block: &Block<T>, divisor| self.sum(block, loss, divisor, &mut ());
        let mut blocks = Blocks::new(self, &mut sum);
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
        let singles = || {
            let is_single = |(g, answers): &(usize, Range<usize>)| {
                self.weighs(*g) && self.pairs_of(answers) == 1
            };
            self.prompts().filter(is_single)
        };
        let mut untold = singles();
        let mut results = [T::zero(); SINGLES];
        let mut block = Block::new(self);
        let mut rest = singles().peekable();
        while let Some((g, answers)) = rest.next() {
            self.for_each_pair(answers, |pair| block.push(pair, self.weight(g)));
            if block.len < SINGLES && rest.peek().is_some() {
                continue;
            }
            let sink = results.get_mut(..block.len).unwrap_or_default();
            let map = Map { level: self.level, function: Value(loss), len: block.len, sink };
            self.visit(&block, map);
            for (&x, (g, _)) in results.iter().take(block.len).zip(untold.by_ref()) {
                tell(g, x);
            }
            block.len = 0;
        }
    }

    /// Calls `f` with every pair of these answers, in the order of the slice.
    #[inline]
    fn for_each_pair(&self, answers: Range<usize>, mut f: impl FnMut(Pair)) {
        let half = self.ties == GroupTies::Half;
        let ranks = self.ranks.unwrap_or_default();
        for i in answers.clone() {
            for j in i + 1..answers.end {
                let (i, j) = (i as u32, j as u32);
                let (first, second) = (ranks.get(i as usize), ranks.get(j as usize));
                let tie = first == second && first.is_some();
                if tie && !half {
                    continue;
                }
                let (winner, loser) = if second < first { (j, i) } else { (i, j) };
                f(Pair { winner, loser, tie });
            }
        }
    }

    fn visit<V: Verb<T>>(&self, block: &Block<T>, verb: V) -> V::Output {
        let gathered = |index| Gathered { scores: self.scores, index };
        block.options().visit(gathered(block.winners()), gathered(block.losers()), verb)
    }

    /// The sum of the losses of a block.
    fn sum<L: PairLoss, S: Sink<T>>(
        &self,
        block: &Block<T>,
        loss: L,
        divisor: (f64, f64),
        sink: &mut S,
    ) -> Partial {
        self.visit(block, Sum { level: self.level, loss, len: block.len, divisor, sink })
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
fn add_mean<T: Score>(total: &mut Option<Partial>, blocks: &mut Blocks<'_, T>, pairs: u64) {
    if pairs > 0 {
        let mean = divided(blocks.finish(), pairs);
        *total = Some(total.map_or(mean, |total| total.plus(mean)));
    }
}

/// Two answers as positions among the scores.
#[derive(Clone, Copy)]
struct Pair {
    winner: u32,
    loser: u32,
    tie: bool,
}

/// Pairs to go through a kernel together.
struct Block<T> {
    winners: [u32; BLOCK],
    losers: [u32; BLOCK],
    weights: Option<[T; BLOCK]>,
    labels: Option<[T; BLOCK]>,
    len: usize,
}

impl<T: Score> Block<T> {
    fn new(groups: &Groups<'_, T>) -> Self {
        let labeled = groups.tied.is_some() && groups.ties == GroupTies::Half;
        Self {
            winners: [0; BLOCK],
            losers: [0; BLOCK],
            weights: groups.weights.map(|_| [T::one(); BLOCK]),
            labels: labeled.then_some([T::one(); BLOCK]),
            len: 0,
        }
    }

    #[inline]
    fn push(&mut self, pair: Pair, weight: Option<T>) {
        let at = self.len;
        let (Some(winner), Some(loser)) = (self.winners.get_mut(at), self.losers.get_mut(at))
        else {
            return;
        };
        (*winner, *loser) = (pair.winner, pair.loser);
        if let Some(slot) = self.weights.as_mut().and_then(|weights| weights.get_mut(at)) {
            *slot = weight.unwrap_or_else(T::one);
        }
        if let Some(slot) = self.labels.as_mut().and_then(|labels| labels.get_mut(at)) {
            *slot = if pair.tie { T::one() / (T::one() + T::one()) } else { T::one() };
        }
        self.len += 1;
    }

    fn winners(&self) -> &[u32] {
        self.winners.get(..self.len).unwrap_or_default()
    }

    fn losers(&self) -> &[u32] {
        self.losers.get(..self.len).unwrap_or_default()
    }

    fn column<'c>(&self, column: Option<&'c [T; BLOCK]>) -> Option<&'c [T]> {
        column.and_then(|column| column.get(..self.len))
    }

    /// The same type as that of comparisons, which saves the kernels.
    fn options(&self) -> Options<'_, T, Negated<'_, T>> {
        Options::of_columns(
            self.column(self.weights.as_ref()),
            self.column(self.labels.as_ref()),
            self.len,
        )
    }
}

/// Sums a block of pairs, given its divisor.
type BlockSum<'s, T> = dyn FnMut(&Block<T>, (f64, f64)) -> Partial + 's;

/// Pairs that come one by one, and are summed block by block.
struct Blocks<'s, T> {
    block: Block<T>,
    tree: Tree,
    divisor: (f64, f64),
    sum: &'s mut BlockSum<'s, T>,
}

impl<'s, T: Score> Blocks<'s, T> {
    fn new(groups: &Groups<'_, T>, sum: &'s mut BlockSum<'s, T>) -> Self {
        Self { block: Block::new(groups), tree: Tree::EMPTY, divisor: (1.0, 0.0), sum }
    }

    #[inline]
    fn add(&mut self, pair: Pair, weight: Option<T>) {
        self.block.push(pair, weight);
        if self.block.len == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.tree.push((self.sum)(&self.block, self.divisor));
        self.block.len = 0;
    }

    /// The sum of the pairs since the last time.
    fn finish(&mut self) -> Partial {
        if self.block.len > 0 {
            self.flush();
        }
        let sum = self.tree.sum();
        self.tree.clear();
        sum
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
