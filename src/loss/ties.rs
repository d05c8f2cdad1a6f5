/// The probabilities of the three outcomes of a comparison that may end in a tie.
///
/// Made by [`RaoKupper::probabilities`](crate::RaoKupper::probabilities) and
/// [`Davidson::probabilities`](crate::Davidson::probabilities). Each is in [0, 1] and rounded once, so that their sum
/// is 1 but for these roundings; NaN where the margin is NaN.
///
/// ```
/// use pairwise_loss::Davidson;
///
/// let p = Davidson::new(1.0)?.probabilities(0.5_f32, 0.5);
/// assert_eq!(p.win + p.tie + p.loss, 1.0);
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TieProbabilities<T> {
    /// The chosen one wins.
    pub win: T,
    /// Neither wins.
    pub tie: T,
    /// The rejected one wins.
    pub loss: T,
}
