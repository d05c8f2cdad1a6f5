//! The Bradley–Terry model in strengths π = eˢ: likelihood, gradient, and the two classical steps towards its maximum.

use crate::batch::Comparisons;
use crate::error::Error;
use crate::kernel::{Kernel, Level};
use crate::math::{self, Fma};
use crate::scalar::win_probability_from_strengths;
use crate::score::Score;

/// Comparisons between entries with strengths π, the exponentials of scores: comparison k, of entry `winners[k]` over
/// entry `losers[k]`, was observed wₖ times (once where no weights are given), each time with probability
/// π\[winner\]/(π\[winner\] + π\[loser\]).
///
/// In these terms nₖ·p is an expected number of wins, and pᵢⱼ = πᵢ/(πᵢ + πⱼ). The likelihood has a maximum, one but
/// for a common factor of all strengths, where from every entry to every other one leads a chain of wins (Ford 1957);
/// else some strengths would have to be 0 or ∞.
///
/// Two steps towards it are here, as functions from strengths to strengths; a solver is a loop.
///
/// | step | formula | converges |
/// |---|---|---|
/// | [`mm_step`](Strengths::mm_step) | πᵢ ← πᵢ·(wins of i)/(expected wins of i) | in turn, or all at once |
/// | [`newman_step`](Strengths::newman_step) | πᵢ ← πᵢ·Σⱼ wᵢⱼ·pⱼᵢ / Σⱼ wⱼᵢ·pᵢⱼ | in turn, mostly in fewer rounds |
///
/// In turn: one entry after the other, each from the strengths as they are by then.
/// [`mm_step_into`](Strengths::mm_step_into) is the step of all at once. Neither step ever lowers the likelihood, and
/// neither fixes the common factor. For maxima to the last place,
/// [`Comparisons`](crate::Comparisons) has the derivatives for Newton's method.
///
/// ```
/// use pairwise_loss::Strengths;
///
/// // 0 beat 1 twice, 1 beat 2 twice, 2 beat 0 once.
/// let (winners, losers, wins) = ([0, 1, 2], [1, 2, 0], [2.0, 2.0, 1.0]);
/// let mut strengths = [1.0_f64; 3];
/// for _ in 0..50 {
///     for entry in 0..3 {
///         let games = Strengths::new(&strengths, &winners, &losers)?.with_weights(&wins)?;
///         strengths[entry as usize] = games.newman_step(entry)?;
///     }
/// }
/// let mut gradient = [0.0; 3];
/// Strengths::new(&strengths, &winners, &losers)?.with_weights(&wins)?.log_gradient_into(&mut gradient)?;
/// assert!(gradient.iter().all(|g| g.abs() < 1e-12));
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
///
/// # Accuracy
/// Each probability is within 0.501 ulp; what is summed, is summed in the order of the comparisons.
///
/// # Reference
/// L. R. Ford, *Solution of a ranking problem from binary comparisons*, American Mathematical Monthly 64 (1957) 28–33.
/// D. R. Hunter, *MM algorithms for generalized Bradley–Terry models*, Annals of Statistics 32 (2004) 384–406.
/// M. E. J. Newman, *Efficient computation of rankings from pairwise comparisons*, Journal of Machine Learning
/// Research 24 (2023) 238.
#[derive(Clone, Copy, Debug)]
pub struct Strengths<'a, T> {
    values: &'a [T],
    winners: &'a [u32],
    losers: &'a [u32],
    weights: Option<&'a [T]>,
}

const STRENGTH: &str = "finite and > 0";

impl<'a, T: Score> Strengths<'a, T> {
    /// Comparison k is won by entry `winners[k]` of `strengths` against entry `losers[k]`. Only the strengths of
    /// entries that take part are looked at.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // 0 beat 1. Nobody played 2.
    /// assert!(Strengths::new(&[3.0_f64, 1.0, 0.0], &[0], &[1]).is_ok());
    /// assert!(Strengths::new(&[3.0_f64, 1.0, 0.0], &[0], &[2]).is_err());
    /// ```
    ///
    /// # Errors
    /// Those of [`Comparisons::new`](crate::Comparisons::new), and [`Error::InvalidElement`] if the strength of an
    /// entry that takes part is not finite and > 0.
    pub fn new(strengths: &'a [T], winners: &'a [u32], losers: &'a [u32]) -> Result<Self, Error> {
        Comparisons::new(strengths, winners, losers)?;
        for position in winners.iter().chain(losers).map(|&entry| entry as usize) {
            let value = strengths.get(position).copied().unwrap_or_else(T::nan);
            if !(value > T::zero() && value.is_finite()) {
                let value = value.widen();
                return Err(Error::InvalidElement {
                    name: "strengths",
                    position,
                    value,
                    domain: STRENGTH,
                });
            }
        }
        Ok(Self { values: strengths, winners, losers, weights: None })
    }

    /// Gives each comparison a weight, the number of times it was observed. Weight 0 removes it.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // 0 beat 1 three times and lost once.
    /// let games = Strengths::new(&[3.0_f64, 1.0], &[0, 1], &[1, 0])?.with_weights(&[3.0, 1.0])?;
    /// assert!((games.log_likelihood() - (3.0 * 0.75_f64.ln() + 0.25_f64.ln())).abs() < 1e-15);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Comparisons::with_weights`](crate::Comparisons::with_weights).
    pub fn with_weights(self, weights: &'a [T]) -> Result<Self, Error> {
        Comparisons::new(self.values, self.winners, self.losers)?.with_weights(weights)?;
        Ok(Self { weights: Some(weights), ..self })
    }

    /// Winner, loser, and weight of the comparisons that have one.
    fn rows(self) -> impl Iterator<Item = (usize, usize, f64)> {
        let weight = move |k: usize| match self.weights {
            None => 1.0,
            Some(weights) => weights.get(k).map_or(0.0, |w| w.widen()),
        };
        let sides = self.winners.iter().zip(self.losers);
        sides
            .enumerate()
            .map(move |(k, (&winner, &loser))| (winner as usize, loser as usize, weight(k)))
            .filter(|row| row.2 > 0.0)
    }

    fn strength(self, entry: usize) -> f64 {
        self.values.get(entry).copied().unwrap_or_else(T::nan).widen()
    }

    /// πᵢ/(πᵢ + πⱼ).
    fn probability(self, i: usize, j: usize) -> f64 {
        win_probability_from_strengths(self.strength(i), self.strength(j))
    }

    /// The log-likelihood Σₖ wₖ·log(π\[winner\]/(π\[winner\] + π\[loser\])), without the binomial coefficients of
    /// grouped counts; 0 for no comparisons.
    ///
    /// Relative error ≤ 10⁻¹⁵.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// let games = Strengths::new(&[3.0_f64, 1.0], &[0, 1], &[1, 0])?;
    /// assert!((games.log_likelihood() - (0.75_f64 * 0.25).ln()).abs() < 1e-15);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn log_likelihood(self) -> f64 {
        let level = Level::best();
        // Neumaier's sum.
        let (mut sum, mut lost) = (0.0_f64, 0.0);
        for (winner, loser, weight) in self.rows() {
            let (a, b) = (self.strength(winner), self.strength(loser));
            let term = -weight * level.run(LogOnePlusRatio(b, a));
            let next = sum + term;
            lost += if sum.abs() < term.abs() { (term - next) + sum } else { (sum - next) + term };
            sum = next;
        }
        if lost.is_finite() { sum + lost } else { sum }
    }

    /// Writes the derivatives of the log-likelihood with respect to the logarithms of the strengths, that is to the
    /// scores: Σⱼ (wᵢⱼ − nᵢⱼ·pᵢⱼ), observed minus expected wins, summed without cancelling, w·pⱼᵢ a win and −w·pᵢⱼ a
    /// defeat. With respect to πᵢ itself it is that over πᵢ.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // Two wins of two, where 2·¾ were expected.
    /// let mut gradient = [0.0; 2];
    /// Strengths::new(&[3.0_f64, 1.0], &[0, 0], &[1, 1])?.log_gradient_into(&mut gradient)?;
    /// assert_eq!(gradient, [2.0 - 1.5, 0.0 - 0.5]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a strength.
    pub fn log_gradient_into(self, out: &mut [T]) -> Result<(), Error> {
        self.cleared("out", out)?;
        for (winner, loser, weight) in self.rows() {
            let surprise = weight * self.probability(loser, winner);
            add(out, winner, surprise);
            add(out, loser, -surprise);
        }
        Ok(())
    }

    /// Writes the number of wins of each entry, Σⱼ wᵢⱼ, which [`mm_step_into`](Strengths::mm_step_into) needs.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// let mut wins = [0.0; 2];
    /// Strengths::new(&[1.0_f64; 2], &[0, 1, 0], &[1, 0, 1])?.with_weights(&[3.0, 1.0, 0.5])?.wins_into(&mut wins)?;
    /// assert_eq!(wins, [3.5, 1.0]);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `out` does not have one element a strength.
    pub fn wins_into(self, out: &mut [T]) -> Result<(), Error> {
        self.cleared("out", out)?;
        for (winner, _, weight) in self.rows() {
            add(out, winner, weight);
        }
        Ok(())
    }

    /// The MM step of one entry: πᵢ·(Σⱼ wᵢⱼ)/(Σⱼ nᵢⱼ·pᵢⱼ), its strength times its wins over its expected wins. Hunter's
    /// (Zermelo's, 1929) (Σⱼ wᵢⱼ)/(Σⱼ nᵢⱼ/(πᵢ + πⱼ)) in a form that does not overflow.
    ///
    /// Put into the place of the old strength before the next entry has its turn, round after round, this converges.
    /// Comparisons without the entry make no difference: for many entries, keep those of each entry together and give
    /// only them.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // Three wins, where 4·½ were expected.
    /// let games = Strengths::new(&[1.0_f64; 2], &[0, 1], &[1, 0])?.with_weights(&[3.0, 1.0])?;
    /// assert_eq!(games.mm_step(0)?, 3.0 / 2.0);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] if there is no such entry; [`Error::InvalidElement`] if it has no wins, in which
    /// case the likelihood has no maximum.
    pub fn mm_step(self, entry: u32) -> Result<T, Error> {
        let i = self.checked(entry)?;
        let (mut wins, mut expected) = (0.0, 0.0);
        for (winner, loser, weight) in self.rows() {
            if winner == i {
                wins += weight;
                expected += weight * self.probability(winner, loser);
            } else if loser == i {
                expected += weight * self.probability(loser, winner);
            }
        }
        some("wins", i, wins)?;
        Ok(T::narrow(self.strength(i) * (wins / expected)))
    }

    /// Writes the MM step of every entry, all from the same strengths. `wins` are those of
    /// [`wins_into`](Strengths::wins_into), which stay the same from step to step. An entry without comparisons keeps
    /// its strength.
    ///
    /// The iteration π ← step(π) converges; rescale π from time to time, if at all, to keep it in range.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `wins` or `out` does not have one element a strength, [`Error::InvalidElement`] if
    /// an entry that takes part has no wins, in which case the likelihood has no maximum.
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // 0 beat 1 three times and lost once: the strengths end up as 3 to 1.
    /// let (winners, losers, counts) = ([0, 1], [1, 0], [3.0, 1.0]);
    /// let (mut strengths, mut next, mut wins) = ([1.0_f64; 2], [0.0; 2], [0.0; 2]);
    /// for _ in 0..60 {
    ///     let games = Strengths::new(&strengths, &winners, &losers)?.with_weights(&counts)?;
    ///     games.wins_into(&mut wins)?;
    ///     games.mm_step_into(&wins, &mut next)?;
    ///     strengths = next;
    /// }
    /// assert!((strengths[0] / strengths[1] - 3.0).abs() < 1e-12);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    pub fn mm_step_into(self, wins: &[T], out: &mut [T]) -> Result<(), Error> {
        for (name, len) in [("wins", wins.len()), ("out", out.len())] {
            self.check_len(name, len)?;
        }
        for (winner, loser, _) in self.rows() {
            for entry in [winner, loser] {
                some("wins", entry, wins.get(entry).map_or(0.0, |w| w.widen()))?;
            }
        }
        out.fill(T::zero());
        for (winner, loser, weight) in self.rows() {
            add(out, winner, weight * self.probability(winner, loser));
            add(out, loser, weight * self.probability(loser, winner));
        }
        for ((out, &wins), &strength) in out.iter_mut().zip(wins).zip(self.values) {
            let expected = out.widen();
            *out = if expected > 0.0 {
                T::narrow(strength.widen() * (wins.widen() / expected))
            } else {
                strength
            };
        }
        Ok(())
    }

    /// Newman's step of one entry: πᵢ·(Σⱼ wᵢⱼ·pⱼᵢ)/(Σⱼ wⱼᵢ·pᵢⱼ), its strength times the surprise of its wins over that
    /// of its defeats. Newman's (Σⱼ wᵢⱼ·πⱼ/(πᵢ + πⱼ))/(Σⱼ wⱼᵢ/(πᵢ + πⱼ)) in a form that does not overflow.
    ///
    /// It must be put into the place of the old strength before the next entry has its turn: then the likelihood never
    /// falls. All at once it would not converge (two entries would change places for ever), which is why there is no
    /// such form. Comparisons without the entry make no difference, as for [`mm_step`](Strengths::mm_step).
    ///
    /// ```
    /// use pairwise_loss::Strengths;
    ///
    /// // 3·½ over 1·½: at once where the likelihood has its maximum.
    /// let games = Strengths::new(&[1.0_f64; 2], &[0, 1], &[1, 0])?.with_weights(&[3.0, 1.0])?;
    /// assert_eq!(games.newman_step(0)?, 3.0);
    /// # Ok::<(), pairwise_loss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] if there is no such entry; [`Error::InvalidElement`] if it has no wins or no losses,
    /// in which case the likelihood has no maximum.
    pub fn newman_step(self, entry: u32) -> Result<T, Error> {
        let i = self.checked(entry)?;
        let (mut wins, mut losses) = (0.0, 0.0);
        for (winner, loser, weight) in self.rows() {
            if winner == i {
                wins += weight * self.probability(loser, winner);
            } else if loser == i {
                losses += weight * self.probability(loser, winner);
            }
        }
        some("wins", i, wins)?;
        some("losses", i, losses)?;
        Ok(T::narrow(self.strength(i) * (wins / losses)))
    }

    fn checked(self, entry: u32) -> Result<usize, Error> {
        let (i, len) = (entry as usize, self.values.len());
        if i < len {
            Ok(i)
        } else {
            let index = i128::from(entry);
            Err(Error::IndexOutOfRange { name: "entry", position: 0, index, len })
        }
    }

    fn check_len(self, name: &'static str, len: usize) -> Result<(), Error> {
        let expected = self.values.len();
        if len == expected {
            Ok(())
        } else {
            Err(Error::LengthMismatch { name, len, reference: "strengths", expected })
        }
    }

    fn cleared(self, name: &'static str, out: &mut [T]) -> Result<(), Error> {
        self.check_len(name, out.len())?;
        out.fill(T::zero());
        Ok(())
    }
}

fn add<T: Score>(out: &mut [T], entry: usize, x: f64) {
    if let Some(slot) = out.get_mut(entry) {
        *slot = T::narrow(slot.widen() + x);
    }
}

/// An entry without wins has no strength above 0, one without losses no finite one.
fn some(name: &'static str, position: usize, value: f64) -> Result<(), Error> {
    if value > 0.0 {
        Ok(())
    } else {
        Err(Error::InvalidElement { name, position, value, domain: "> 0" })
    }
}

/// log(1 + a/b).
struct LogOnePlusRatio(f64, f64);

impl Kernel for LogOnePlusRatio {
    type Output = f64;

    #[inline(always)]
    fn run<M: Fma>(self) -> f64 {
        let ratio = self.0 / self.1;
        // Below 2¹⁰²³ it goes as it is; beyond, the 1 is nothing.
        if ratio < 8.9e307 {
            return math::ln_1p::<M>(ratio);
        }
        math::ln(self.0).0 - math::ln(self.1).0
    }
}
