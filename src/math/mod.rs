//! The formulas. Scalars only: no slices, no instruction sets, no losses.
//!
//! A formula is written over a *working precision*, [`Working`], and there are two of them:
//!
//! - [`Lanes`]: one `f64`, for scores of at most 32 bits;
//! - [`Double`]: an unevaluated sum of two `f64`, for `f64` scores. Where it cannot vouch for a result
//!   (near underflow, overflow, infinities) it answers NaN, and the caller asks [`Wide`], which computes the
//!   same formula with an unbounded exponent, slowly.

mod double;
mod fma;
#[cfg(feature = "half")]
mod half;
mod lanes;
mod logarithm;
mod parameter;
mod single;
mod tie_parameter;
mod wide;

pub use double::Double;
#[cfg(feature = "half")]
pub(crate) use half::{BF16, F16, bf16_to_f32, f16_to_f32, to_half};
#[cfg(feature = "std")]
pub use lanes::Hardware;
pub use lanes::{Fma, Lanes, Mask, Software};
pub(crate) use lanes::{MOST_LANES, each_lane, zeros};
pub(crate) use logarithm::{ln_1p, ln_1p_pair, logit, share};
pub(crate) use parameter::{complement, quotient};
pub(crate) use tie_parameter::{complement_of_exp, inverse_of_exp_m1, ln, ln_complement_of_exp};
pub use wide::Wide;

use core::ops::{Add, Div, Mul, Neg, Sub};

/// The arithmetic in which a loss is written: a number in *working precision*.
///
/// It is more precise than the scores, so that a loss, its scale, margin, label and weight are rounded once,
/// at the end. Code that uses it looks like code over `f64`; it may be one number or several that move in
/// lock step, which is why a choice is a [`select`](Working::select) and not an `if`.
///
/// This trait is sealed: the crate implements it for its own working precisions.
///
/// # Accuracy
/// For scores of at most 32 bits a number is one `f64`, and functions err by a few units in its last place. For `f64`
/// scores it is a sum of two: about 106 bits where only + − × ÷ are involved, about 57 from exponentials and logarithms.
///
/// ```
/// use pairwise_loss::{Jet, PairLoss, Working};
///
/// /// log cosh z: quadratic near 0, linear far out.
/// #[derive(Clone, Copy)]
/// struct LogCosh;
///
/// impl PairLoss for LogCosh {
///     #[inline(always)] // so that it takes on the instruction set of the kernel that it becomes part of
///     fn jet<W: Working>(self, z: W) -> Jet<W> {
///         // log cosh z = |z| + log(1 + e^(−2|z|)) − log 2
///         let a = z.abs() * 2.0;
///         let tanh = z.sign() * ((-a).sigmoid() * -2.0 + 1.0);
///         Jet { value: a * 0.5 + (-a).softplus() - core::f64::consts::LN_2, grad: tanh, hess: -(tanh * tanh) + 1.0 }
///     }
/// }
///
/// let jet = LogCosh.eval(3.0_f32, 1.0);
/// assert_eq!(jet.value, 2.0_f64.cosh().ln() as f32);
/// ```
pub trait Working:
    Copy
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
    + sealed::Sealed
{
    /// The outcome of a comparison.
    type Mask: Copy;

    /// A constant.
    fn constant(value: f64) -> Self;

    /// `high + low`, a constant to more than the precision of one `f64`; |low| is at most half a unit in the
    /// last place of high.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Working};
    ///
    /// /// z − log 2, of which an `f64` has 53 bits.
    /// #[derive(Clone, Copy)]
    /// struct Shifted;
    ///
    /// impl PairLoss for Shifted {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let ln_2 = W::constant_pair(core::f64::consts::LN_2, 2.3190468138462996e-17);
    ///         Jet { value: z - ln_2, grad: W::constant(1.0), hess: W::constant(0.0) }
    ///     }
    /// }
    ///
    /// // log 2 = 0.693147180559945309417…; what the next bits come to is left.
    /// assert_eq!(Shifted.eval(core::f64::consts::LN_2, 0.0).value, -2.3190468138462996e-17);
    /// ```
    fn constant_pair(high: f64, low: f64) -> Self;

    /// Whether the number is ±0. For an example see [`mixed_jet`](crate::PairLoss::mixed_jet).
    fn is_zero(self) -> Self::Mask;

    /// Whether `self < other`; false where one of them is NaN.
    ///
    /// A working precision that cannot vouch for a number says so by a NaN, so that the row is computed again in one that
    /// can. A comparison hides that: where it decides between constants, as for the derivative of a hinge, use
    /// [`sign`](Working::sign) instead, through which NaN comes.
    fn lt(self, other: Self) -> Self::Mask;

    /// Whether `self < 0`; false for −0 and NaN.
    #[doc(hidden)]
    fn is_negative(self) -> Self::Mask;

    /// `yes` where the mask holds, `no` elsewhere.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Working};
    ///
    /// /// max(0, 1 − z)².
    /// #[derive(Clone, Copy)]
    /// struct OneSided;
    ///
    /// impl PairLoss for OneSided {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let gap = -z + 1.0;
    ///         let (open, active) = (W::constant(0.0).lt(gap), gap.positive_part());
    ///         // Where it is not 2, 0 or NaN as `active` is.
    ///         let hess = W::select(open, W::constant(2.0), active);
    ///         Jet { value: active * active, grad: active * -2.0, hess }
    ///     }
    /// }
    ///
    /// let (near, far) = (OneSided.eval(0.5_f32, 0.0), OneSided.eval(3.0_f32, 0.0));
    /// assert_eq!((near.value, near.grad, near.hess), (0.25, -1.0, 2.0));
    /// assert_eq!((far.value, far.grad, far.hess), (0.0, 0.0, 0.0));
    /// ```
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// The magnitude |x|.
    fn abs(self) -> Self;

    /// eˣ.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Working};
    ///
    /// /// e^(−2z).
    /// #[derive(Clone, Copy)]
    /// struct Steep;
    ///
    /// impl PairLoss for Steep {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let e = (z * -2.0).exp();
    ///         Jet { value: e, grad: e * -2.0, hess: e * 4.0 }
    ///     }
    /// }
    ///
    /// assert_eq!(Steep.eval(0.5_f32, 0.0).value, (-1.0_f64).exp() as f32);
    /// ```
    fn exp(self) -> Self;

    /// e^−|x|, from which [`softplus_from`](Working::softplus_from) and
    /// [`sigmoid_from`](Working::sigmoid_from) are computed without another exponential.
    ///
    /// ```
    /// use pairwise_loss::{Jet, Logistic, PairLoss, Working};
    ///
    /// /// The logistic loss with one exponential.
    /// #[derive(Clone, Copy)]
    /// struct Again;
    ///
    /// impl PairLoss for Again {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let (t, y) = (z.exp_neg_abs(), -z);
    ///         Jet { value: y.softplus_from(t), grad: -y.sigmoid_from(t), hess: W::sigmoid_slope_from(t) }
    ///     }
    /// }
    ///
    /// assert_eq!(Again.eval(1.5_f32, 2.0), Logistic.eval(1.5_f32, 2.0));
    /// ```
    fn exp_neg_abs(self) -> Self;

    /// e^−|x| for derivatives and for sums: where one rounding to 24 bits follows, a shorter polynomial is enough.
    #[doc(hidden)]
    #[inline(always)]
    fn exp_neg_abs_short(self) -> Self {
        self.exp_neg_abs()
    }

    /// log(1 + t) for 0 ≤ t ≤ 1.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Working};
    ///
    /// /// log(1 + e^−|z|): how much of a pair is undecided.
    /// #[derive(Clone, Copy)]
    /// struct Doubt;
    ///
    /// impl PairLoss for Doubt {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let t = z.exp_neg_abs();
    ///         Jet { value: t.ln_1p_unit(), grad: -(z.sign() * (-z.abs()).sigmoid()), hess: W::sigmoid_slope_from(t) }
    ///     }
    /// }
    ///
    /// let jet = Doubt.eval(0.0_f32, 2.0);
    /// assert_eq!((jet.value, jet.grad), ((-2.0_f64).exp().ln_1p() as f32, pairwise_loss::sigmoid(-2.0_f32)));
    /// ```
    fn ln_1p_unit(self) -> Self;

    /// The sum of two numbers of the same sign, with less work than `+`.
    #[doc(hidden)]
    fn add_same_sign(self, other: Self) -> Self;

    /// log(1 + eˣ) for x = `self`, given t = e^−|x|.
    #[inline(always)]
    fn softplus_from(self, t: Self) -> Self {
        self.positive_part().add_same_sign(self.drop_tail(t).ln_1p_unit())
    }

    /// σ(x) = 1/(1 + e⁻ˣ) for x = `self`, given t = e^−|x|.
    #[inline(always)]
    fn sigmoid_from(self, t: Self) -> Self {
        let t = self.drop_tail(t);
        // At x = 0, t is 1.
        Self::select(self.is_negative(), t, Self::constant(1.0)).over_one_plus(t)
    }

    /// `self`/(1 + t) for 0 ≤ t ≤ 1.
    #[doc(hidden)]
    fn over_one_plus(self, t: Self) -> Self;

    /// σ(x)·σ(−x), the derivative of σ, given t = e^−|x|.
    fn sigmoid_slope_from(t: Self) -> Self;

    /// t = e^−|x| as it matters beside x itself: 0 where x = `self` is so large that it cannot.
    #[doc(hidden)]
    fn drop_tail(self, t: Self) -> Self;

    /// log(1 + eˣ).
    #[inline(always)]
    fn softplus(self) -> Self {
        self.softplus_from(self.exp_neg_abs())
    }

    /// σ(x) = 1/(1 + e⁻ˣ).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.sigmoid_from(self.exp_neg_abs())
    }

    /// max(x, 0); NaN stays NaN.
    #[inline(always)]
    fn positive_part(self) -> Self {
        Self::select(self.is_negative(), Self::constant(0.0), self)
    }

    /// min(x, 0); NaN stays NaN.
    #[doc(hidden)]
    #[inline(always)]
    fn negative_part(self) -> Self {
        -(-self).positive_part()
    }

    /// The smaller of two; a NaN in `self` stays.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(other.lt(self), other, self)
    }

    /// The larger of two; a NaN in `self` stays.
    ///
    /// ```
    /// use pairwise_loss::{Jet, PairLoss, Working};
    ///
    /// /// Huber's loss: z²/2 from −1 to 1, |z| − ½ beyond.
    /// #[derive(Clone, Copy)]
    /// struct Huber;
    ///
    /// impl PairLoss for Huber {
    ///     #[inline(always)]
    ///     fn jet<W: Working>(self, z: W) -> Jet<W> {
    ///         let near = z.max(W::constant(-1.0)).min(W::constant(1.0));
    ///         // 1 inside, 0 outside.
    ///         let inside = (-z.abs() + 1.0).sign().positive_part();
    ///         Jet { value: near * (z - near * 0.5), grad: near, hess: inside }
    ///     }
    /// }
    ///
    /// let at = |z: f32| Huber.eval(z, 0.0);
    /// assert_eq!((at(0.5).value, at(0.5).grad, at(0.5).hess), (0.125, 0.5, 1.0));
    /// assert_eq!((at(-3.0).value, at(-3.0).grad, at(-3.0).hess), (2.5, -1.0, 0.0));
    /// ```
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(self.lt(other), other, self)
    }

    /// −1, 0 or 1 by the sign of x; NaN stays NaN.
    #[inline(always)]
    fn sign(self) -> Self {
        let zero = Self::constant(0.0);
        let positive = Self::select(zero.lt(self), Self::constant(1.0), self * 0.0);
        Self::select(self.lt(zero), Self::constant(-1.0), positive)
    }
}

/// How a working precision meets the formats in which scores are stored.
#[doc(hidden)]
pub trait Precision<M: Fma, const U: usize>: Working {
    /// Exact.
    fn from_lanes(x: Lanes<M, U>) -> Self;

    /// Exact; of an infinite score the low part is NaN, as it is of an infinite difference.
    #[inline(always)]
    fn from_score(x: Lanes<M, U>) -> Self {
        Self::from_lanes(x)
    }

    /// The number as a sum of two, or of one and nothing.
    fn to_parts(self) -> (Lanes<M, U>, Lanes<M, U>);

    /// The number whose [`to_parts`](Precision::to_parts) these are.
    fn from_parts(high: Lanes<M, U>, low: Lanes<M, U>) -> Self;

    /// `chosen − rejected`, to the full working precision.
    fn difference(chosen: Lanes<M, U>, rejected: Lanes<M, U>) -> Self;

    /// `chosen − rejected − margin`, to the full working precision even where they nearly cancel.
    fn difference_with_margin(
        chosen: Lanes<M, U>,
        rejected: Lanes<M, U>,
        margin: Lanes<M, U>,
    ) -> Self;

    /// `w·self`, and 0 where w is 0, whatever `self` is.
    fn weighted(self, w: Lanes<M, U>) -> Self;

    /// 0 where w is 0, else `self`.
    fn zero_where_zero(self, w: Lanes<M, U>) -> Self;

    /// The number to the precision of one `f64`, NaN as it comes.
    fn leading(self) -> Lanes<M, U>;

    /// The number as one `f64`, rounded once, NaN as it comes; and the part of it that the rounding lost.
    fn round(self) -> (Lanes<M, U>, Lanes<M, U>);

    /// The product with a sum of two, the last operation before the rounding.
    fn last_times(self, factor: (f64, f64)) -> Self;

    /// The tail e^−|z| of z = `self`, but 0 where even 2⁶⁰ of it is no number of the format.
    #[inline(always)]
    fn without_far_tail(self, tail: Self) -> Self {
        tail
    }

    /// Whether one of the two is NaN.
    fn unordered(self, other: Self) -> Mask<U>;

    /// The same as [`doubtful`](Precision::doubtful) for results that are far from underflow and overflow, or 0: NaN, or
    /// of an infinite margin.
    fn unordered_or_far(self, margin: Self) -> Mask<U>;

    /// Where this precision cannot vouch for `self`, computed from `margin`, and from `before` by
    /// [`last_times`](Precision::last_times) if that is not `self`.
    fn doubtful(self, before: Self, margin: Self) -> Mask<U>;
}

mod sealed {
    /// Keeps [`Working`](super::Working) to this crate's types.
    pub trait Sealed {}
}

#[cfg(test)]
mod tests {
    use super::{Double, Lanes, Precision, Software, Wide};

    fn value<W: Precision<Software, 1>>(x: W) -> f64 {
        x.round().0.to_array()[0]
    }

    /// What a user's loss in pieces is made of.
    fn choices<W: Precision<Software, 1>>() {
        for (x, sign) in [(-2.5, -1.0), (-1e-300, -1.0), (0.0, 0.0), (1e-300, 1.0), (3.0, 1.0)] {
            let w = W::constant(x);
            assert_eq!(value(w.sign()), sign, "{x}");
            assert_eq!(value(w.abs()), x * sign, "{x}");
            assert_eq!(value(w.positive_part()), if sign > 0.0 { x } else { 0.0 }, "{x}");
            assert_eq!(value(w.negative_part()), if sign < 0.0 { x } else { 0.0 }, "{x}");
            for y in [-3.0, -2.5, 0.0, 1e-301, 4.0] {
                let other = W::constant(y);
                assert_eq!(value(w.min(other)), if y < x { y } else { x }, "{x} {y}");
                assert_eq!(value(w.max(other)), if y < x { x } else { y }, "{x} {y}");
            }
        }
        let (nan, one) = (W::constant(f64::NAN), W::constant(1.0));
        for w in [nan.sign(), nan.positive_part(), nan.negative_part(), nan.min(one), nan.max(one)]
        {
            assert!(value(w).is_nan());
        }
    }

    #[test]
    fn choices_in_every_working_precision() {
        choices::<Lanes<Software, 1>>();
        choices::<Double<Software, 1>>();
        choices::<Wide<Software>>();
    }

    /// σ(±log 3) = ¾ and ¼, S(±log 3) = log 4 and log 4 − log 3.
    fn functions<W: Precision<Software, 1>>() {
        let ln_3 = 3.0_f64.ln();
        for (x, sigmoid, softplus) in [
            (0.0, 0.5, 2.0_f64.ln()),
            (ln_3, 0.75, 4.0_f64.ln()),
            (-ln_3, 0.25, (4.0_f64 / 3.0).ln()),
        ] {
            assert!((value(W::constant(x).sigmoid()) - sigmoid).abs() < 1e-15, "{x}");
            assert!((value(W::constant(x).softplus()) - softplus).abs() < 1e-15, "{x}");
        }
    }

    #[test]
    fn functions_in_every_working_precision() {
        functions::<Lanes<Software, 1>>();
        functions::<Double<Software, 1>>();
        functions::<Wide<Software>>();
    }
}
