//! Losses with centred rewards, and the step of a reward trainer.

use super::options::{Reduction, Verb, check_len};
use super::pairs::Pairs;
use super::verbs::{GRAIN, halves, join};
use crate::error::Error;
use crate::kernel::{BLOCK, CenteredKernel, Level, Partial, Rows};
use crate::loss::{Centering, Logistic, PairLoss};
use crate::reduce::{Metrics, Ties};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Outputs of one element a pair, for the chosen and for the rejected scores.
type Both<'o, T> = Option<[&'o mut [T]; 2]>;

impl<T: Score> Pairs<'_, T> {
    /// The reduced loss with centred rewards, wᵢ·(lossᵢ + k·…) as [`Centering`] says, and its gradients with respect to
    /// the chosen and the rejected scores, one element a pair, in one pass.
    ///
    /// Accuracy: each gradient is rounded once from ±wᵢ·L′(zᵢ) + 2k·wᵢ·…: under [`Logistic`] ≤ 0.501 ulp (`f32`),
    /// ≤ 0.55 ulp (`f64`; 0.507 is the largest found). Where its terms cancel to less than half of the largest, what
    /// goes beyond the half ulp of the rounding is ≤ 2⁻¹⁶ ulp (`f32`), ≤ 2⁻⁴ ulp (`f64`; found 0.023) of that term. A
    /// reduced loss of `f64` scores has ≤ 1 ulp (found 0.495 where nothing underflows), one of `f32` scores a relative
    /// error of at most 4·10⁻¹⁵. For `f32` scores wᵢ·k·reward² must stay within the range of `f64`.
    ///
    /// Zeros are +0 in both gradients. With k = 0 they are those of
    /// [`loss_and_gradients`](Pairs::loss_and_gradients).
    ///
    /// ```
    /// use pairwise_loss::{Centering, Logistic, Pairs, Reduction};
    ///
    /// let (mut d_chosen, mut d_rejected) = ([0.0], [0.0]);
    /// let (pairs, centering) = (Pairs::new(&[1.0_f64], &[1.0])?, Centering::of_sums(0.25)?);
    /// let loss = pairs
    ///     .loss_and_centered_gradients(Logistic, centering, Reduction::Sum, &mut d_chosen, &mut d_rejected)?;
    /// assert!((loss - (core::f64::consts::LN_2 + 1.0)).abs() < 1e-15); // log 2 + ¼·2²
    /// assert_eq!((d_chosen, d_rejected), ([0.5], [1.5])); // ∓½ + 2·¼·2
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss_and_gradients`](Pairs::loss_and_gradients).
    pub fn loss_and_centered_gradients<L: PairLoss>(
        &self,
        loss: L,
        centering: Centering,
        reduction: Reduction,
        d_chosen: &mut [T],
        d_rejected: &mut [T],
    ) -> Result<f64, Error> {
        check_len("d_chosen", d_chosen.len(), "chosen", self.len())?;
        check_len("d_rejected", d_rejected.len(), "chosen", self.len())?;
        self.centered(loss, centering, reduction, Some([d_chosen, d_rejected]))
    }

    /// The reduced loss with centred rewards; accuracy as of
    /// [`loss_and_centered_gradients`](Pairs::loss_and_centered_gradients).
    ///
    /// ```
    /// use pairwise_loss::{Centering, Logistic, Pairs, Reduction};
    ///
    /// let pairs = Pairs::new(&[1.0_f64], &[1.0])?;
    /// let loss = pairs.centered_loss(Logistic, Centering::of_rewards(0.25)?, Reduction::Sum)?;
    /// assert!((loss - (core::f64::consts::LN_2 + 0.5)).abs() < 1e-15); // log 2 + ¼·(1² + 1²)
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`loss`](Pairs::loss).
    pub fn centered_loss<L: PairLoss>(
        &self,
        loss: L,
        centering: Centering,
        reduction: Reduction,
    ) -> Result<f64, Error> {
        self.centered(loss, centering, reduction, None)
    }

    fn centered<L: PairLoss>(
        &self,
        loss: L,
        centering: Centering,
        reduction: Reduction,
        gradients: Both<'_, T>,
    ) -> Result<f64, Error> {
        let divisor = self.options.divisor(reduction, self.len())?;
        let (level, len) = (self.level, self.len());
        let verb = Centered { level, loss, centering, len, divisor, gradients };
        Ok(self.options.visit(self.chosen, self.rejected, verb).over(divisor))
    }
}

/// The sum of the losses with centred rewards.
struct Centered<'o, T, L> {
    level: Level,
    loss: L,
    centering: Centering,
    len: usize,
    divisor: (f64, f64),
    gradients: Both<'o, T>,
}

impl<T: Score, L: PairLoss> Verb<T> for Centered<'_, T, L> {
    type Output = Partial;

    fn call<R: Rows<T>>(self, rows: R) -> Partial {
        let Self { level, loss, centering, len, divisor, gradients } = self;
        Sum { level, loss, centering, divisor, rows }.over(0..len, gradients)
    }
}

/// A sum over rows.
#[derive(Clone, Copy)]
struct Sum<L, R> {
    level: Level,
    loss: L,
    centering: Centering,
    divisor: (f64, f64),
    rows: R,
}

impl<L: PairLoss, R> Sum<L, R> {
    /// The sum over some rows, of which the gradients are.
    fn over<T: Score>(self, range: Range<usize>, gradients: Both<'_, T>) -> Partial
    where
        R: Rows<T>,
    {
        if range.len() <= BLOCK {
            let Self { level, loss, centering, divisor, rows } = self;
            let format = PhantomData;
            return level.run(CenteredKernel {
                loss,
                centering,
                rows,
                range,
                divisor,
                gradients,
                format,
            });
        }
        let [first, second] = halves(&range);
        let (a, b) = match gradients {
            None => (None, None),
            Some(outputs) => {
                let [chosen, rejected] = outputs.map(|out| out.split_at_mut(first.len()));
                (Some([chosen.0, rejected.0]), Some([chosen.1, rejected.1]))
            }
        };
        let (a, b) = if range.len() > GRAIN {
            join(|| self.over(first, a), || self.over(second, b))
        } else {
            (self.over(first, a), self.over(second, b))
        };
        a.plus(b)
    }
}

/// The loss of TRL's `RewardTrainer`, with its gradients and its metrics.
///
/// # Definition
/// The mean of −log σ(chosen − rejected − margin), margins being those of the [`Pairs`], and, where rewards are
/// centred, coefficient · mean((chosen + rejected)²). Weights and labels of the pairs work as everywhere.
///
/// # Accuracy
/// That of [`Pairs::loss_and_gradients`], or of [`Pairs::loss_and_centered_gradients`] where rewards are centred.
/// Metrics are exact and rounded once: [`Metrics`].
///
/// # Reference
/// `RewardTrainer.compute_loss` in [TRL](https://huggingface.co/docs/trl/reward_trainer).
///
/// ```
/// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
///
/// let (chosen, rejected) = ([1.5_f32, 0.2, -0.4], [0.3_f32, 0.2, 0.9]);
/// let pairs = Pairs::new(&chosen, &rejected)?.with_margins(&[1.0, 0.0, 0.5])?;
/// let (mut d_chosen, mut d_rejected) = ([0.0; 3], [0.0; 3]);
///
/// let trainer = RewardTrainer::new().center_rewards_coefficient(0.01)?;
/// let step = trainer.compute_loss(&pairs, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
///
/// // (log(1 + e^−0.2) + log 2 + log(1 + e^1.8))/3 + 0.01·(1.8² + 0.4² + 0.5²)/3
/// assert!((step.loss - 1.093588).abs() < 1e-6);
/// assert_eq!(step.accuracy(), 1.0 / 3.0); // the tie is no win
/// assert!((step.margin() - (1.2 + 0.0 - 1.3) / 3.0).abs() < 1e-7);
/// assert_eq!(step.max_reward(), 1.5);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RewardTrainer {
    centering: Option<Centering>,
}

/// What a step of a [`RewardTrainer`] comes to. The metrics are those of all pairs of the step; those of several steps
/// or ranks are merged by [`Metrics::merge`].
///
/// ```
/// use pairwise_loss::{Metrics, Pairs, Reduction, RewardTrainer, Ties};
///
/// let trainer = RewardTrainer::new();
/// let mut all = Metrics::default();
/// for (chosen, rejected) in [([1.0_f32], [0.0_f32]), ([0.5], [2.0])] {
///     all += trainer.evaluate(&Pairs::new(&chosen, &rejected)?, Reduction::Mean)?.metrics;
/// }
/// assert_eq!(all.accuracy(Ties::Wrong), Some(0.5));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RewardStep {
    /// The loss, centring included.
    pub loss: f64,
    /// The metrics of the pairs.
    pub metrics: Metrics,
}

impl RewardTrainer {
    /// A trainer that does not centre rewards.
    ///
    /// ```
    /// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
    ///
    /// let step = RewardTrainer::new().evaluate(&Pairs::new(&[1.0_f32], &[1.0])?, Reduction::Mean)?;
    /// assert!((step.loss - core::f64::consts::LN_2).abs() < 1e-12);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds coefficient · mean((chosen + rejected)²) to the loss. TRL's documentation recommends 0.01.
    ///
    /// ```
    /// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
    ///
    /// let trainer = RewardTrainer::new().center_rewards_coefficient(0.25)?;
    /// let step = trainer.evaluate(&Pairs::new(&[1.0_f32], &[1.0])?, Reduction::Mean)?;
    /// assert!((step.loss - (core::f64::consts::LN_2 + 1.0)).abs() < 1e-12); // log 2 + ¼·2²
    /// assert!(trainer.center_rewards_coefficient(-0.25).is_err());
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the coefficient is not finite and ≥ 0.
    pub fn center_rewards_coefficient(self, coefficient: f64) -> Result<Self, Error> {
        Ok(Self { centering: Some(Centering::of_sums(coefficient)?) })
    }

    /// The loss and the metrics of a batch, and the gradients with respect to the chosen and the rejected scores.
    ///
    /// TRL reduces by the mean of the batch it sees; [`Reduction::Over`] with the number of pairs of all micro-batches
    /// and ranks makes the sum of their losses the loss of the whole.
    ///
    /// ```
    /// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
    ///
    /// let (mut d_chosen, mut d_rejected) = ([0.0_f32; 2], [0.0; 2]);
    /// let pairs = Pairs::new(&[1.0_f32, 0.0], &[1.0, 200.0])?;
    /// let step = RewardTrainer::new().compute_loss(&pairs, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    /// assert!((step.loss - (core::f64::consts::LN_2 + 200.0) / 2.0).abs() < 1e-10);
    /// assert_eq!((d_chosen, step.margin()), ([-0.25, -0.5], -100.0));
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Pairs::loss_and_gradients`].
    pub fn compute_loss<T: Score>(
        &self,
        pairs: &Pairs<'_, T>,
        reduction: Reduction,
        d_chosen: &mut [T],
        d_rejected: &mut [T],
    ) -> Result<RewardStep, Error> {
        let loss = match self.centering {
            None => pairs.loss_and_gradients(Logistic, reduction, d_chosen, d_rejected)?,
            Some(centering) => {
                let loss = Logistic;
                pairs
                    .loss_and_centered_gradients(loss, centering, reduction, d_chosen, d_rejected)?
            }
        };
        Ok(RewardStep { loss, metrics: Metrics::of(pairs) })
    }

    /// The same without gradients: for an evaluation.
    ///
    /// ```
    /// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
    ///
    /// let pairs = Pairs::new(&[1.0_f32, 0.0], &[1.0, 200.0])?;
    /// let step = RewardTrainer::new().evaluate(&pairs, Reduction::Mean)?;
    /// assert!((step.loss - (core::f64::consts::LN_2 + 200.0) / 2.0).abs() < 1e-10);
    /// assert_eq!(step.accuracy(), 0.0); // a tie and a defeat
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Pairs::loss`].
    pub fn evaluate<T: Score>(
        &self,
        pairs: &Pairs<'_, T>,
        reduction: Reduction,
    ) -> Result<RewardStep, Error> {
        let loss = match self.centering {
            None => pairs.loss(Logistic, reduction)?,
            Some(centering) => pairs.centered_loss(Logistic, centering, reduction)?,
        };
        Ok(RewardStep { loss, metrics: Metrics::of(pairs) })
    }
}

/// The metrics under TRL's names. NaN where there are no pairs, which only [`Reduction::Sum`] and [`Reduction::Over`]
/// let pass.
///
/// ```
/// use pairwise_loss::{Pairs, Reduction, RewardTrainer};
///
/// let pairs = Pairs::new(&[2.0_f32, 1.0], &[1.0, 1.0])?;
/// let step = RewardTrainer::new().evaluate(&pairs, Reduction::Mean)?;
/// assert_eq!((step.accuracy(), step.margin()), (0.5, 0.5));
/// assert_eq!((step.mean_reward(), step.min_reward(), step.max_reward()), (1.25, 1.0, 2.0));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
impl RewardStep {
    /// The share of pairs with chosen > rejected: [`Metrics::accuracy`] with [`Ties::Wrong`].
    pub fn accuracy(&self) -> f64 {
        self.metrics.accuracy(Ties::Wrong).unwrap_or(f64::NAN)
    }

    /// The mean of chosen − rejected: [`Metrics::mean_margin`].
    pub fn margin(&self) -> f64 {
        self.metrics.mean_margin().unwrap_or(f64::NAN)
    }

    /// [`Metrics::mean_reward`].
    pub fn mean_reward(&self) -> f64 {
        self.metrics.mean_reward().unwrap_or(f64::NAN)
    }

    /// [`Metrics::min_reward`].
    pub fn min_reward(&self) -> f64 {
        self.metrics.min_reward().unwrap_or(f64::NAN)
    }

    /// [`Metrics::max_reward`].
    pub fn max_reward(&self) -> f64 {
        self.metrics.max_reward().unwrap_or(f64::NAN)
    }
}
