//! Groups of `f64` that a formula moves through in lock step.
//!
//! (a) A formula is written once, over [`Lanes`], and reads like scalar code: `a * b + c`.
//! (b) Every operation goes through the `U` lanes of the group. Mostly `U` is 1; the exponentials of a batch have 2, so
//!     that independent chains of the same formula stand side by side in the instruction stream. The loop *around* the
//!     formula is the one the compiler turns into SIMD.
//! (c) How a fused multiply-add is carried out is part of the type, [`Fma`], because it is part of the result:
//!     [`Hardware`] is one instruction, [`Software`] the same bits without it.

use core::marker::PhantomData;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// A way to compute `a·b + c` with a single rounding.
pub trait Fma: Copy + 'static {
    /// Whether formulas pay off in lock step. Not where each multiply-add is forty operations.
    const LOCK_STEP: bool;

    /// `a·b + c`, rounded once.
    fn mul_add(a: f64, b: f64, c: f64) -> f64;
}

/// The fused multiply-add instruction of the machine.
///
/// To be named only where the instruction is known to exist; elsewhere it would be a slow library call.
#[derive(Clone, Copy, Debug)]
#[cfg(feature = "std")]
pub struct Hardware;

/// A fused multiply-add made of ordinary operations.
#[derive(Clone, Copy, Debug)]
pub struct Software;

#[cfg(feature = "std")]
impl Fma for Hardware {
    const LOCK_STEP: bool = true;

    #[inline(always)]
    fn mul_add(a: f64, b: f64, c: f64) -> f64 {
        f64::mul_add(a, b, c)
    }
}

impl Fma for Software {
    const LOCK_STEP: bool = false;

    #[inline(always)]
    fn mul_add(a: f64, b: f64, c: f64) -> f64 {
        super::fma::mul_add(a, b, c)
    }
}

/// `U` numbers that go through a formula together.
pub struct Lanes<M, const U: usize>([f64; U], PhantomData<M>);

impl<M, const U: usize> Clone for Lanes<M, U> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, const U: usize> Copy for Lanes<M, U> {}

/// One yes or no for each lane.
#[derive(Clone, Copy)]
pub struct Mask<const U: usize>(pub(crate) [bool; U]);

/// The lanes of a group at most.
pub(crate) const MOST_LANES: usize = 4;

/// A statement for each lane, written out: a formula has some hundred operations, and as loops of two or four rounds
/// they would cost the compiler a hundred times more than the formula. Conditions that are `const` blocks leave nothing
/// behind for it either.
macro_rules! each_lane {
    ($u:ident of $lanes:ident: $($body:tt)*) => {
        const { assert!($lanes <= $crate::math::MOST_LANES) };
        if const { $lanes > 0 } { let $u = 0; $($body)* }
        if const { $lanes > 1 } { let $u = 1; $($body)* }
        if const { $lanes > 2 } { let $u = 2; $($body)* }
        if const { $lanes > 3 } { let $u = 3; $($body)* }
    };
}

pub(crate) use each_lane;

/// Zeros, for the lanes to be written over. A constant, because `[0.0; U]` is a loop, and with one in every operation the
/// compiler would spend a third of its time on removing them.
#[inline(always)]
pub(crate) const fn zeros<const U: usize>() -> [f64; U] {
    const { [0.0; U] }
}

/// Horner's rule in x for the coefficients of the given places, highest first.
macro_rules! horner {
    ($x:expr, $c:ident[$first:literal $($next:literal)*]) => {{
        let x = $x;
        let sum = crate::math::lanes::Lanes::splat($c[$first]);
        $(let sum = sum.mul_add(x, crate::math::lanes::Lanes::splat($c[$next]));)*
        sum
    }};
}
pub(crate) use horner;

/// Defines lane-wise operations: one line each.
macro_rules! lanewise {
    ($($(#[$doc:meta])* fn $name:ident($a:ident $(, $b:ident)*) { $body:expr })*) => {
        $($(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(self $(, $b: Self)*) -> Self {
            let mut out = zeros::<U>();
            each_lane! { u of U:
                let $a = self.0[u];
                $(let $b = $b.0[u];)*
                out[u] = $body;
            }
            Self(out, PhantomData)
        })*
    };
}

impl Mask<1> {
    #[inline(always)]
    pub(crate) fn any(self) -> bool {
        self.0[0]
    }
}

impl<M: Fma> Lanes<M, 1> {
    #[inline(always)]
    pub(crate) fn to_f64(self) -> f64 {
        self.0[0]
    }
}

impl<const U: usize> Mask<U> {
    /// All bits for yes, none for no: as wide as a number, so that vectors of both go together.
    #[inline(always)]
    pub(crate) fn to_bits(self) -> [u64; U] {
        let mut out = [0; U];
        each_lane! { u of U: out[u] = u64::from(self.0[u]).wrapping_neg(); }
        out
    }

    #[inline(always)]
    pub(crate) fn and(self, b: Self) -> Self {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = self.0[u] & b.0[u]; }
        Self(out)
    }

    #[inline(always)]
    pub(crate) fn or(self, b: Self) -> Self {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = self.0[u] | b.0[u]; }
        Self(out)
    }

    #[inline(always)]
    pub(crate) fn not(self) -> Self {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = !self.0[u]; }
        Self(out)
    }
}

const SIGN: u64 = 1 << 63;

impl<M: Fma, const U: usize> Lanes<M, U> {
    #[inline(always)]
    pub(crate) fn new(x: [f64; U]) -> Self {
        Self(x, PhantomData)
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [f64; U] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn splat(x: f64) -> Self {
        let mut out = zeros::<U>();
        each_lane! { u of U: out[u] = x; }
        Self::new(out)
    }

    lanewise! {
        /// `self·b + c` with one rounding.
        fn mul_add(a, b, c) { M::mul_add(a, b, c) }
        /// |a|.
        fn magnitude(a) { f64::from_bits(a.to_bits() & !SIGN) }
        /// a, its sign flipped where that of b is set: a·sign(b).
        fn xor_sign(a, b) { f64::from_bits(a.to_bits() ^ (b.to_bits() & SIGN)) }
        /// a; the one canonical NaN where a or b is NaN.
        fn canonical_nan(a, b) { if a.is_nan() || b.is_nan() { f64::from_bits(0x7ff8 << 48) } else { a } }
        /// 2ᵏ from a number whose low significand bits hold k + 1023 (the shifter trick); 0 where they hold 0.
        fn exponent_from_low_bits(a) { f64::from_bits(a.to_bits() << 52) }
    }

    /// The smaller of a and `end`; NaN stays. One instruction, if written like this.
    #[inline(always)]
    pub(crate) fn at_most(self, end: f64) -> Self {
        let mut out = zeros::<U>();
        each_lane! { u of U: out[u] = if end < self.0[u] { end } else { self.0[u] }; }
        Self::new(out)
    }

    /// The larger of a and `end`; NaN stays.
    #[inline(always)]
    pub(crate) fn at_least(self, end: f64) -> Self {
        let mut out = zeros::<U>();
        each_lane! { u of U: out[u] = if end > self.0[u] { end } else { self.0[u] }; }
        Self::new(out)
    }

    /// The sum of two numbers and its rounding error (Knuth).
    #[inline(always)]
    pub(crate) fn two_sum(self, b: Self) -> (Self, Self) {
        let sum = self + b;
        let b_part = sum - self;
        (sum, (self - (sum - b_part)) + (b - b_part))
    }

    /// The same where |self| ≥ |b| or `self` is 0 (Dekker).
    #[inline(always)]
    pub(crate) fn fast_two_sum(self, b: Self) -> (Self, Self) {
        let sum = self + b;
        (sum, b - (sum - self))
    }

    /// The product of two numbers and its rounding error.
    #[inline(always)]
    pub(crate) fn two_product(self, b: Self) -> (Self, Self) {
        let product = self * b;
        (product, self.mul_add(b, -product))
    }

    /// Whether a > b; false where one is NaN.
    #[inline(always)]
    pub(crate) fn gt(self, b: Self) -> Mask<U> {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = self.0[u] > b.0[u]; }
        Mask(out)
    }

    /// Whether a = b; false where one is NaN.
    #[inline(always)]
    pub(crate) fn equals(self, b: Self) -> Mask<U> {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = self.0[u] == b.0[u]; }
        Mask(out)
    }

    /// Whether a or b is NaN.
    #[inline(always)]
    pub(crate) fn unordered(self, b: Self) -> Mask<U> {
        let mut out = [false; U];
        each_lane! { u of U: out[u] = self.0[u].is_nan() | b.0[u].is_nan(); }
        Mask(out)
    }

    /// a, but 0 where the mask says yes.
    #[inline(always)]
    pub(crate) fn unless(self, mask: Mask<U>) -> Self {
        Self::choose(mask, Self::splat(0.0), self)
    }

    #[inline(always)]
    pub(crate) fn choose(mask: Mask<U>, yes: Self, no: Self) -> Self {
        let mut out = zeros::<U>();
        each_lane! { u of U: out[u] = if mask.0[u] { yes.0[u] } else { no.0[u] }; }
        Self::new(out)
    }
}

macro_rules! operator {
    ($($op:ident $name:ident $sign:tt)*) => {$(
        impl<M: Fma, const U: usize> $op for Lanes<M, U> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, b: Self) -> Self {
                let mut out = zeros::<U>();
                each_lane! { u of U: out[u] = self.0[u] $sign b.0[u]; }
                Self::new(out)
            }
        }

        impl<M: Fma, const U: usize> $op<f64> for Lanes<M, U> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, b: f64) -> Self {
                self $sign Self::splat(b)
            }
        }
    )*};
}

operator! { Add add + Sub sub - Mul mul * Div div / }

impl<M: Fma, const U: usize> Neg for Lanes<M, U> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        let mut out = zeros::<U>();
        each_lane! { u of U: out[u] = -self.0[u]; }
        Self::new(out)
    }
}
