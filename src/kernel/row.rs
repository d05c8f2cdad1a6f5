//! What happens to one row: its margin, the function of it, its weight, the rounding.

use crate::loss::PairLoss;
use crate::math::{Fma, Lanes, Mask, Precision, Working};
use crate::score::Score;

/// One row of a batch, or `U` of them in lock step.
#[derive(Clone, Copy)]
pub(crate) struct Row<L> {
    pub(crate) chosen: L,
    pub(crate) rejected: Option<L>,
    pub(crate) margin: Option<L>,
    pub(crate) extras: Extras<L>,
}

/// What a row has beyond the columns of which z is made.
#[derive(Clone, Copy)]
pub(crate) struct Extras<L> {
    pub(crate) weight: Option<L>,
    pub(crate) label: Option<L>,
    /// The derivative of something with respect to this row's loss.
    pub(crate) upstream: Option<L>,
}

/// z and the tail, [`Function::tail`], of `U` rows.
#[derive(Clone, Copy)]
pub(crate) struct Argument<P> {
    pub(crate) z: P,
    pub(crate) tail: P,
}

impl<M: Fma, const U: usize> Row<Lanes<M, U>> {
    /// z = chosen − rejected − margin; 0 in a row of weight 0, so that nothing it holds comes through.
    #[inline(always)]
    pub(crate) fn z<P: Precision<M, U>>(&self) -> P {
        let z = match (self.rejected, self.margin) {
            (None, _) => P::from_score(self.chosen),
            (Some(rejected), None) => P::difference(self.chosen, rejected),
            (Some(rejected), Some(margin)) => {
                P::difference_with_margin(self.chosen, rejected, margin)
            }
        };
        match self.extras.weight {
            None => z,
            Some(weight) => z.zero_where_zero(weight),
        }
    }
}

impl<M: Fma, const U: usize> Extras<Lanes<M, U>> {
    /// The label p and 1 − p.
    #[inline(always)]
    pub(crate) fn label<P: Precision<M, U>>(&self) -> Option<(P, P)> {
        self.label.map(|p| (P::from_lanes(p), P::difference(Lanes::splat(1.0), p)))
    }

    /// `factor·u·w·y` for a result y at margin z, rounded once; what the rounding lost; and whether it is doubtful. A
    /// NaN is the canonical one, unless the caller sees to it because y carries it.
    #[inline(always)]
    pub(crate) fn finish<P: Precision<M, U>>(
        &self,
        z: P,
        y: P,
        factor: Option<(f64, f64)>,
        kind: Kind,
    ) -> (Lanes<M, U>, Lanes<M, U>, Mask<U>) {
        let before = self.weighted(y);
        let y = match factor {
            None => before,
            Some(factor) => before.last_times(factor),
        };
        let (value, lost) = y.round();
        // 0·y is 0 even where y is NaN.
        let carries_nan = kind.carries_nan && self.upstream.is_none();
        let value = if carries_nan { value } else { value.canonical_nan(z.leading()) };
        let bare = self.weight.is_none() && self.label.is_none() && self.upstream.is_none();
        let doubt = if kind.plain && bare { y.unordered_or_far(z) } else { y.doubtful(before, z) };
        (value, lost, doubt)
    }

    /// `u·w·y`, and 0 where w is 0, whatever u and y are; 0·y is 0 where u is 0.
    #[inline(always)]
    pub(crate) fn weighted<P: Precision<M, U>>(&self, y: P) -> P {
        let y = match self.weight {
            None => y,
            Some(weight) => y.weighted(weight),
        };
        match (self.upstream, self.weight) {
            (None, _) => y,
            (Some(upstream), None) => y.weighted(upstream),
            (Some(upstream), Some(weight)) => y.weighted(upstream.zero_where_zero(weight)),
        }
    }
}

/// What is known of the results of a function.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// NaN wherever z is, so that whoever stores the results sees to the canonical one.
    carries_nan: bool,
    /// Where there is neither weight nor label: far from underflow and overflow wherever the tail is trusted, or 0.
    plain: bool,
}

impl Kind {
    pub(crate) const UNKNOWN: Self = Self { carries_nan: false, plain: false };
}

/// A function of the margin, and of the label where there is one.
pub(crate) trait Function: Copy + Send + Sync {
    /// Whether zeros come out as +0: so that the sign of a zero does not tell which way a gradient was computed.
    const POSITIVE_ZERO: bool = false;

    /// Whether it is made of one exponential, its tail, which is computed in a pass of its own.
    const HAS_TAIL: bool;

    /// Whether its tail is a short one, see [`PairLoss::tail`].
    const SHORT: bool = false;

    /// Whether what follows the tail is a chain so long that rows go in lock step.
    const LONG: bool = false;

    /// See [`Kind::plain`].
    const PLAIN: bool;

    const KIND: Kind = Kind { carries_nan: Self::HAS_TAIL, plain: Self::PLAIN };

    /// The tail. Implementations carry `#[inline(always)]`.
    fn tail<W: Working>(self, z: W) -> W;

    /// The function, given its tail. Implementations carry `#[inline(always)]`.
    fn apply<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> W;
}

/// L(z).
#[derive(Clone, Copy)]
pub(crate) struct Value<L>(pub(crate) L);

/// L′(z).
#[derive(Clone, Copy)]
pub(crate) struct Gradient<L>(pub(crate) L);

/// L″(z).
#[derive(Clone, Copy)]
pub(crate) struct Hessian<L>(pub(crate) L);

impl<L: PairLoss> Function for Value<L> {
    const LONG: bool = L::HAS_TAIL;
    const HAS_TAIL: bool = L::HAS_TAIL;
    const PLAIN: bool = L::PLAIN;

    #[inline(always)]
    fn tail<W: Working>(self, z: W) -> W {
        self.0.tail(z, Self::SHORT)
    }

    #[inline(always)]
    fn apply<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, tail, label).value
    }
}

impl<L: PairLoss> Function for Gradient<L> {
    const SHORT: bool = true;
    const HAS_TAIL: bool = L::HAS_TAIL;
    const PLAIN: bool = L::PLAIN;

    const POSITIVE_ZERO: bool = true;

    #[inline(always)]
    fn tail<W: Working>(self, z: W) -> W {
        self.0.tail(z, Self::SHORT)
    }

    #[inline(always)]
    fn apply<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, tail, label).grad
    }
}

impl<L: PairLoss> Function for Hessian<L> {
    const SHORT: bool = true;
    const HAS_TAIL: bool = L::HAS_TAIL;
    const PLAIN: bool = L::PLAIN;

    #[inline(always)]
    fn tail<W: Working>(self, z: W) -> W {
        self.0.tail(z, Self::SHORT)
    }

    #[inline(always)]
    fn apply<W: Working>(self, z: W, tail: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, tail, label).hess
    }
}

/// σ(x).
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

/// log σ(x).
#[derive(Clone, Copy)]
pub(crate) struct LogSigmoid;

/// log(1 + eˣ).
#[derive(Clone, Copy)]
pub(crate) struct Softplus;

impl Function for Sigmoid {
    const HAS_TAIL: bool = true;
    const PLAIN: bool = true;

    #[inline(always)]
    fn tail<W: Working>(self, x: W) -> W {
        x.exp_neg_abs()
    }

    #[inline(always)]
    fn apply<W: Working>(self, x: W, t: W, _: Option<(W, W)>) -> W {
        x.sigmoid_from(t)
    }
}

impl Function for LogSigmoid {
    const LONG: bool = true;
    const HAS_TAIL: bool = true;
    const PLAIN: bool = true;

    #[inline(always)]
    fn tail<W: Working>(self, x: W) -> W {
        x.exp_neg_abs()
    }

    #[inline(always)]
    fn apply<W: Working>(self, x: W, t: W, _: Option<(W, W)>) -> W {
        -(-x).softplus_from(t)
    }
}

impl Function for Softplus {
    const LONG: bool = true;
    const HAS_TAIL: bool = true;
    const PLAIN: bool = true;

    #[inline(always)]
    fn tail<W: Working>(self, x: W) -> W {
        x.exp_neg_abs()
    }

    #[inline(always)]
    fn apply<W: Working>(self, x: W, t: W, _: Option<(W, W)>) -> W {
        x.softplus_from(t)
    }
}

/// `factor·w·f(z)`, rounded once; what the rounding lost; and whether the result is doubtful.
#[inline(always)]
pub(crate) fn evaluate<M: Fma, const U: usize, P: Precision<M, U>, F: Function>(
    function: F,
    row: &Row<Lanes<M, U>>,
    factor: Option<(f64, f64)>,
) -> (Lanes<M, U>, Lanes<M, U>, Mask<U>) {
    let z = row.z::<P>();
    let y = function.apply(z, function.tail(z), row.extras.label());
    row.extras.finish(z, y, factor, Kind::UNKNOWN)
}

/// A result of `F` in the format in which it is stored.
#[inline(always)]
pub(crate) fn store<T: Score, F: Function>(x: f64) -> T {
    let x = T::narrow(x);
    // What is NaN has been doubted and computed again, if it can be.
    let x = if F::HAS_TAIL && !T::DOUBTS && x.is_nan() { T::nan() } else { x };
    if F::POSITIVE_ZERO { x.with_positive_zero() } else { x }
}
