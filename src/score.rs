//! The formats in which scores are stored.

use crate::math::{Double, Fma, Lanes, Precision, Wide};
use num_traits::float::FloatCore;

/// A format in which scores, margins, weights, labels and gradients are stored: `f32` or `f64`.
///
/// Sealed. Results are computed in a more precise *working precision* and rounded once to the format.
pub trait Score: FloatCore + Send + Sync + core::fmt::Debug + sealed::Sealed + 'static {
    /// What losses of such scores are computed in.
    #[doc(hidden)]
    type Working<M: Fma, const U: usize>: Precision<M, U>;

    /// What a doubtful result is computed in again.
    #[doc(hidden)]
    type Careful<M: Fma>: Precision<M, 1>;

    /// Whether `Working` can doubt a result at all.
    #[doc(hidden)]
    const DOUBTS: bool;

    /// Exact.
    #[doc(hidden)]
    fn widen(self) -> f64;

    /// Rounded to nearest, ties to even; the canonical NaN where `x` is it.
    #[doc(hidden)]
    fn narrow(x: f64) -> Self;
}

impl Score for f32 {
    type Working<M: Fma, const U: usize> = Lanes<M, U>;
    type Careful<M: Fma> = Lanes<M, 1>;
    const DOUBTS: bool = false;

    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn narrow(x: f64) -> Self {
        x as Self
    }
}

impl Score for f64 {
    type Working<M: Fma, const U: usize> = Double<M, U>;
    type Careful<M: Fma> = Wide<M>;
    const DOUBTS: bool = true;

    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(x: f64) -> Self {
        x
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
