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
    pub(crate) weight: Option<L>,
    pub(crate) label: Option<L>,
}

impl<M: Fma, const U: usize> Row<Lanes<M, U>> {
    /// z = chosen − rejected − margin; 0 in a row of weight 0, so that nothing it holds comes through.
    #[inline(always)]
    pub(crate) fn z<P: Precision<M, U>>(&self) -> P {
        let z = match (self.rejected, self.margin) {
            (None, _) => P::from_lanes(self.chosen),
            (Some(rejected), None) => P::difference(self.chosen, rejected),
            (Some(rejected), Some(margin)) => {
                P::difference_with_margin(self.chosen, rejected, margin)
            }
        };
        match self.weight {
            None => z,
            Some(weight) => z.zero_where_zero(weight),
        }
    }

    /// The label p and 1 − p.
    #[inline(always)]
    pub(crate) fn label<P: Precision<M, U>>(&self) -> Option<(P, P)> {
        self.label.map(|p| (P::from_lanes(p), P::difference(Lanes::splat(1.0), p)))
    }

    /// `factor·w·y` for a result y at margin z, rounded once; what the rounding lost; and whether it is doubtful.
    #[inline(always)]
    pub(crate) fn finish<P: Precision<M, U>>(
        &self,
        z: P,
        y: P,
        factor: Option<(f64, f64)>,
    ) -> (Lanes<M, U>, Lanes<M, U>, Mask<U>) {
        let mut y = self.weighted(y);
        if let Some((high, low)) = factor {
            y = y * P::constant_pair(high, low);
        }
        let (value, lost) = y.round(z);
        (value, lost, y.doubtful(z))
    }

    /// `w·y`.
    #[inline(always)]
    pub(crate) fn weighted<P: Precision<M, U>>(&self, y: P) -> P {
        match self.weight {
            None => y,
            Some(weight) => y.weighted(weight),
        }
    }
}

/// A function of the margin, and of the label where there is one.
pub(crate) trait Function: Copy {
    /// Whether zeros come out as +0: so that the sign of a zero does not tell which way a gradient was computed.
    const POSITIVE_ZERO: bool = false;

    /// Implementations carry `#[inline(always)]`.
    fn apply<W: Working>(self, z: W, label: Option<(W, W)>) -> W;
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
    #[inline(always)]
    fn apply<W: Working>(self, z: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, label).value
    }
}

impl<L: PairLoss> Function for Gradient<L> {
    const POSITIVE_ZERO: bool = true;

    #[inline(always)]
    fn apply<W: Working>(self, z: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, label).grad
    }
}

impl<L: PairLoss> Function for Hessian<L> {
    #[inline(always)]
    fn apply<W: Working>(self, z: W, label: Option<(W, W)>) -> W {
        self.0.labeled(z, label).hess
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
    #[inline(always)]
    fn apply<W: Working>(self, x: W, _: Option<(W, W)>) -> W {
        x.sigmoid()
    }
}

impl Function for LogSigmoid {
    #[inline(always)]
    fn apply<W: Working>(self, x: W, _: Option<(W, W)>) -> W {
        -(-x).softplus()
    }
}

impl Function for Softplus {
    #[inline(always)]
    fn apply<W: Working>(self, x: W, _: Option<(W, W)>) -> W {
        x.softplus()
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
    row.finish(z, function.apply(z, row.label()), factor)
}

/// A result of `F` in the format in which it is stored.
#[inline(always)]
pub(crate) fn store<T: Score, F: Function>(x: f64) -> T {
    let x = T::narrow(x);
    if F::POSITIVE_ZERO { x + T::zero() } else { x }
}
