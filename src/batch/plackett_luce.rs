//! Plackett–Luce: one loss for the whole order of the answers to a prompt.

use super::groups::Groups;
use super::options::{Reduction, check_len, divisor};
use super::tree::Tree;
use crate::error::Error;
use crate::kernel::{BLOCK, Partial, RankingKernel, Rankings};
use crate::reduce::{Accumulator, Total};
use crate::score::Score;
use core::ops::Range;

/// Prompts whose losses become terms of a total together.
const TERMS: usize = 256;

/// The Plackett–Luce loss of ranked answers: made by [`Groups::plackett_luce`].
///
/// # Definition
/// The order of the answers s₀, s₁, …, best first, is drawn one place after the other, each time from what is left,
/// with probabilities proportional to eˢ: L = Σ_{i<k} [log Σ_{j≥i} e^sⱼ − sᵢ], times the weight of the prompt. k is
/// the number of places that are known to be in order, [`top`](Groups::plackett_luce), at most K; the answers behind
/// it are a rest without order. With two answers this is the [`Logistic`](crate::Logistic) loss of the pair.
///
/// # Derivatives
/// ∂L/∂sⱼ = Σ_{i≤j, i<k} e^sⱼ / Σ_{l≥i} e^sₗ − (1 where j < k).
///
/// # Method
/// Stage i is the logistic loss at zᵢ = sᵢ − log Σ_{j>i} e^sⱼ: the answer against all behind it. The work is
/// proportional to K, not to the number of pairs; above 4096 answers the gradient takes a further pass for each 4096.
/// Sums over answers are taken by rank, in a rest by position among equal ranks.
///
/// # Special values
/// A NaN score makes the loss and the gradient of its prompt NaN. An answer of −∞ (masked) costs nothing where it
/// loses, ∞ where it should win; any number of them in the rest are as if they were not there, with a gradient of 0.
/// In an order two of −∞ are NaN, and so are two of ∞. Masks make the careful second computation of `f64` necessary,
/// which is slow.
///
/// # Reference
/// R. D. Luce, *Individual Choice Behavior*, 1959. R. L. Plackett, *The analysis of permutations*, Applied Statistics
/// 24 (1975) 193–202. F. Xia et al., *Listwise approach to learning to rank*, ICML 2008 (`ListMLE`).
///
/// ```
/// use pairwise_loss::{Groups, Reduction};
///
/// let scores = [2.0_f64, 1.0, 0.0];
/// let groups = Groups::new(&scores, &[0, 3])?;
/// // log(e² + e + 1) − 2 + log(e + 1) − 1
/// let loss = groups.plackett_luce(None)?.loss(Reduction::Mean)?;
/// assert!((loss - 0.720868).abs() < 1e-6);
/// // The best of three, without an order of the others.
/// let loss = groups.plackett_luce(Some(1))?.loss(Reduction::Mean)?;
/// assert!((loss - 0.407606).abs() < 1e-6);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PlackettLuce<'a, T> {
    groups: Groups<'a, T>,
    top: usize,
}

impl<'a, T: Score> Groups<'a, T> {
    /// The Plackett–Luce loss of the order of the answers, or of the first `top` places of it.
    ///
    /// ```
    /// use pairwise_loss::{Error, Groups};
    ///
    /// let groups = Groups::new(&[0.5_f32, 0.1, 0.2], &[0, 3])?.with_ranks(&[0, 1, 1])?;
    /// assert!(groups.plackett_luce(Some(1)).is_ok());
    /// let error = groups.plackett_luce(None).unwrap_err();
    /// assert_eq!(error, Error::TiedRanks { first: 1, second: 2, rank: 1 });
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a `top` of 0, [`Error::TiedRanks`] where an answer in one of the first `top`
    /// places of a prompt of weight above 0 has the rank of another one.
    pub fn plackett_luce(self, top: Option<usize>) -> Result<PlackettLuce<'a, T>, Error> {
        let top = top.unwrap_or(usize::MAX);
        if top == 0 {
            let domain = "at least 1";
            return Err(Error::InvalidParameter { name: "top", value: 0.0, domain });
        }
        if let (Some(ranks), Some(_)) = (self.ranks, self.tied) {
            let mut prompts = self.prompts().filter(|(g, _)| self.weighs(*g));
            if let Some(error) = prompts.find_map(|(_, answers)| tie(ranks, answers, top)) {
                return Err(error);
            }
        }
        Ok(PlackettLuce { groups: self, top })
    }
}

/// The first two answers of equal rank, one of them in one of the first `top` places.
fn tie(ranks: &[u32], answers: Range<usize>, top: usize) -> Option<Error> {
    let start = answers.start;
    let ranks = ranks.get(answers)?;
    ranks.iter().enumerate().find_map(|(i, &rank)| {
        let behind = ranks.iter().skip(i + 1).position(|&other| other == rank)?;
        let place = ranks.iter().filter(|&&other| other < rank).count();
        let first = start + i;
        (place < top).then_some(Error::TiedRanks { first, second: first + 1 + behind, rank })
    })
}

impl<T: Score> PlackettLuce<'_, T> {
    /// Writes the loss of prompt g to `out[g]`; 0 where it has fewer than two answers or weight 0.
    ///
    /// Rounded once: error at most 0.501 units in the last place for `f32`, 0.54 for `f64`, measured up to 300
    /// answers. With two answers the bits are those of [`Pairs::losses_into`](crate::Pairs::losses_into) with
    /// [`Logistic`](crate::Logistic).
    ///
    /// ```
    /// use pairwise_loss::Groups;
    ///
    /// let mut losses = [0.0_f64; 2];
    /// Groups::new(&[0.0; 5], &[0, 3, 5])?.plackett_luce(None)?.losses_into(&mut losses)?;
    /// assert!((losses[0] - 6.0_f64.ln()).abs() < 1e-15); // log 3 + log 2
    /// assert_eq!(losses[1], core::f64::consts::LN_2);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a prompt.
    pub fn losses_into(&self, out: &mut [T]) -> Result<(), Error> {
        check_len("out", out.len(), "prompts", self.groups.len())?;
        for (range, losses) in self.blocks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            self.run(range, Some(losses), None, (1.0, 0.0));
        }
        Ok(())
    }

    /// The reduced loss, by a blocked sum in an order that depends on nothing but the positions of the prompts.
    ///
    /// Relative error at most 10⁻¹⁵ for `f32`, 2.3·10⁻¹⁶ for `f64`. With two answers everywhere it is
    /// [`Pairs::loss`](crate::Pairs::loss) with [`Logistic`](crate::Logistic), bit for bit for `f64`, and for `f32`
    /// within the larger error of that one.
    ///
    /// ```
    /// use pairwise_loss::{Groups, Reduction};
    ///
    /// let loss = Groups::new(&[0.0_f64; 5], &[0, 3, 5])?.plackett_luce(None)?.loss(Reduction::Mean)?;
    /// assert!((loss - 12.0_f64.ln() / 2.0).abs() < 1e-15); // (log 6 + log 2)/2
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::EmptyMean`] for a mean without a prompt of two answers and a weight above 0,
    /// [`Error::InvalidParameter`] for a normaliser outside its domain.
    pub fn loss(&self, reduction: Reduction) -> Result<f64, Error> {
        Ok(self.reduced(self.divisor(reduction)?, None))
    }

    /// The reduced loss, and its gradient with respect to the scores, one element an answer.
    ///
    /// Each element is rounded once, its normaliser included. Error at most 0.501 units in the last place for `f32`,
    /// 0.54 for `f64`, measured up to 300 answers, for the first and the last answer and for the rest; an answer in
    /// between is a difference, and may be off by another 10⁻¹² or 2·10⁻¹⁸ of its terms. With two answers the bits are
    /// those of [`Pairs::loss_and_gradients`](crate::Pairs::loss_and_gradients) with [`Logistic`](crate::Logistic).
    ///
    /// ```
    /// use pairwise_loss::{Groups, Reduction};
    ///
    /// let mut gradient = [0.0_f64; 3];
    /// Groups::new(&[0.0; 3], &[0, 3])?.plackett_luce(None)?.loss_and_gradient(Reduction::Sum, &mut gradient)?;
    /// let expected = [1.0 / 3.0 - 1.0, 1.0 / 3.0 + 1.0 / 2.0 - 1.0, 1.0 / 3.0 + 1.0 / 2.0];
    /// assert!(gradient.iter().zip(expected).all(|(g, x)| (g - x).abs() < 1e-15));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](PlackettLuce::loss), and [`Error::LengthMismatch`] if `gradient` does not have one element a
    /// score.
    pub fn loss_and_gradient(
        &self,
        reduction: Reduction,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        check_len("gradient", gradient.len(), "scores", self.groups.scores.len())?;
        Ok(self.reduced(self.divisor(reduction)?, Some(gradient)))
    }

    /// The exact sum of the losses of prompts as [`losses_into`](PlackettLuce::losses_into) reports them. A term is a
    /// prompt of at least two answers.
    ///
    /// ```
    /// use pairwise_loss::Groups;
    ///
    /// // The second prompt has one answer, so that there is nothing to order.
    /// let total = Groups::new(&[0.0_f64; 3], &[0, 2, 3])?.plackett_luce(None)?.total();
    /// assert_eq!((total.sum(), total.len()), (core::f64::consts::LN_2, 1));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn total(&self) -> Total {
        let mut accumulator = Accumulator::new();
        let mut losses = [T::zero(); TERMS];
        let mut prompts = self.groups.prompts();
        for range in self.blocks(TERMS) {
            let len = range.len();
            self.run(range, losses.get_mut(..len), None, (1.0, 0.0));
            for (&loss, (g, answers)) in losses.iter().take(len).zip(prompts.by_ref()) {
                if answers.len() > 1 {
                    accumulator.add_one(loss, self.groups.weight(g));
                }
            }
        }
        accumulator.total()
    }

    /// The prompts, `size` at a time.
    fn blocks(&self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let len = self.groups.len();
        (0..len).step_by(size).map(move |start| start..len.min(start + size))
    }

    fn divisor(&self, reduction: Reduction) -> Result<(f64, f64), Error> {
        let groups = &self.groups;
        let counted =
            || groups.prompts().filter(|(g, answers)| answers.len() > 1 && groups.weighs(*g));
        let weights = groups.weights.map(|_| counted().filter_map(|(g, _)| groups.weight(g)));
        let pairs = groups.prompts().map(|(_, answers)| answers.len().saturating_sub(1)).sum();
        divisor(reduction, counted().count(), pairs, weights)
    }

    fn reduced(&self, divisor: (f64, f64), mut gradient: Option<&mut [T]>) -> f64 {
        let mut tree = Tree::EMPTY;
        for range in self.blocks(BLOCK) {
            tree.push(self.run(range, None, gradient.as_deref_mut(), divisor));
        }
        tree.sum().over(divisor)
    }

    /// The sum of the losses of some prompts.
    fn run(
        &self,
        range: Range<usize>,
        losses: Option<&mut [T]>,
        gradient: Option<&mut [T]>,
        divisor: (f64, f64),
    ) -> Partial {
        let Groups { scores, offsets, ranks, weights, level, .. } = self.groups;
        let rankings = Rankings { scores, offsets, ranks, weights, top: self.top };
        level.run(RankingKernel { rankings, range, losses, gradient, divisor })
    }
}
