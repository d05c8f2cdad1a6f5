//! The formats in which scores are stored.

#[cfg(feature = "half")]
use crate::math;
use crate::math::{Double, Fma, Lanes, Precision, Wide};
#[cfg(feature = "half")]
use half::{bf16, f16};
use num_traits::float::FloatCore;

/// A format in which scores, margins, weights, labels and gradients are stored: `f32` or `f64`; with the feature `half`
/// also `half::f16` and `half::bf16`.
///
/// Sealed. Results are computed in a more precise *working precision* and rounded once to the format.
///
/// # 16 bits
/// Everything that is generic over the format takes `f16` and `bf16`, all slices in the format of the scores, with
/// the difference of two scores exact and each result rounded once, from `f64` and not by way of `f32`. Sums are `f64`,
/// totals are exact. `Pairs::widened` makes a batch of `f32` of the same scores, for gradients, margins and weights of `f32`.
///
/// Accuracy: `sigmoid`, `log_sigmoid`, `softplus` and `logit` correctly rounded, all 2¹⁶ inputs of both formats; all
/// results of pairs ≤ 0.501 ulp.
///
/// ```
/// # #[cfg(feature = "half")] {
/// use half::bf16;
/// use pairwise_loss::{Logistic, PairLoss, sigmoid};
///
/// let jet = Logistic.eval(bf16::from_f32(-100.0), bf16::from_f32(0.5));
/// assert_eq!((jet.value, jet.grad), (bf16::from_f32(100.5), bf16::NEG_ONE));
/// assert_eq!(sigmoid(bf16::ONE), bf16::from_f32(0.73046875)); // of 0.7310…, beside which two of them are 1/256 apart
/// # }
/// ```
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

    /// The sum, rounded to nearest.
    #[doc(hidden)]
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }

    /// The number itself, but 0 for −0.
    #[doc(hidden)]
    #[inline(always)]
    fn with_positive_zero(self) -> Self {
        self + Self::zero()
    }
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

/// A format of 16 bits. Its own arithmetic is never asked for: it may ask the processor what it can do each time.
#[cfg(feature = "half")]
macro_rules! half {
    ($format:ident, $parameters:ident, $to_f32:ident) => {
        impl Score for $format {
            type Working<M: Fma, const U: usize> = Lanes<M, U>;
            type Careful<M: Fma> = Lanes<M, 1>;
            const DOUBTS: bool = false;

            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(math::$to_f32(self.to_bits()))
            }

            #[inline(always)]
            fn narrow(x: f64) -> Self {
                const FORMAT: (u32, i32) = math::$parameters;
                Self::from_bits(math::to_half::<{ FORMAT.0 }, { FORMAT.1 }>(x))
            }

            /// Rounded twice, which cannot show: 53 bits are more than twice as many as those of the format, and two.
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                Self::narrow(self.widen() + other.widen())
            }

            #[inline(always)]
            fn with_positive_zero(self) -> Self {
                let bits = self.to_bits();
                Self::from_bits(if bits == 0x8000 { 0 } else { bits })
            }
        }

        impl sealed::Sealed for $format {}

        impl Half for $format {
            #[inline(always)]
            fn slice(data: &[Self]) -> HalfSlice<'_> {
                HalfSlice::$format(data)
            }
        }
    };
}

#[cfg(feature = "half")]
half!(f16, F16, f16_to_f32);
#[cfg(feature = "half")]
half!(bf16, BF16, bf16_to_f32);

/// A format of 16 bits: `half::f16` or `half::bf16`. Needs the feature `half`.
///
/// ```
/// use half::{bf16, f16};
/// use pairwise_loss::{Half, Logistic, Pairs};
///
/// fn losses<H: Half>(chosen: &[H], rejected: &[H]) -> Result<[f32; 1], pairwise_loss::Error> {
///     let mut losses = [0.0_f32];
///     Pairs::widened(chosen, rejected)?.losses_into(Logistic, &mut losses)?;
///     Ok(losses)
/// }
///
/// assert_eq!(losses(&[f16::ZERO], &[f16::ZERO])?, losses(&[bf16::ONE], &[bf16::ONE])?); // log 2 in f32
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[cfg(feature = "half")]
pub trait Half: Score {
    #[doc(hidden)]
    fn slice(data: &[Self]) -> HalfSlice<'_>;
}

/// Numbers of 16 bits.
#[cfg(feature = "half")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)] // as the formats are called
pub enum HalfSlice<'a> {
    f16(&'a [f16]),
    bf16(&'a [bf16]),
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
