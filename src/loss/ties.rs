/// The probabilities of the three outcomes of a comparison that may end in a tie.
///
/// Made by [`RaoKupper::probabilities`](crate::RaoKupper::probabilities) and
/// [`Davidson::probabilities`](crate::Davidson::probabilities).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TieProbabilities<T> {
    /// The chosen one wins.
    pub win: T,
    /// Neither wins.
    pub tie: T,
    /// The rejected one wins.
    pub loss: T,
}
