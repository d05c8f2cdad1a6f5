//! Which instruction set a call runs at. The only file with `unsafe`.
//!
//! (a) A kernel is a named struct with one generic method, [`Kernel::run`], written without a word about instruction
//!     sets. Here it is compiled once for each of them, and the compiler vectorises it accordingly.
//! (b) A [`Level`] is a proof: one that the machine lacks can't be made, so running at it is sound.
//! (c) `run` is `#[inline(always)]`, and so is everything below it, so that it takes on the features of the function
//!     it is called from. It is a method of a struct and not a closure: closures stay behind without the features.

#![allow(unsafe_code)]

use crate::math::Fma;
// How the target that the crate is compiled for multiplies and adds.
#[cfg(all(feature = "std", any(target_feature = "fma", target_arch = "aarch64")))]
use crate::math::Hardware as Native;
#[cfg(not(any(
    all(feature = "std", any(target_feature = "fma", target_arch = "aarch64")),
    all(target_feature = "fma", target_arch = "x86_64"),
)))]
use crate::math::Software as Native;
use core::fmt;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use std::is_x86_feature_detected;

/// A loop over a batch, or the same for one element.
pub(crate) trait Kernel {
    type Output;

    /// Implementations carry `#[inline(always)]`.
    fn run<M: Fma>(self) -> Self::Output;
}

/// An instruction set that this machine has and the crate has kernels for.
///
/// Results are the same bits at every level; only the time differs. A call uses the best one unless a test or a
/// benchmark asks for another: [`Pairs::with_level`](crate::Pairs::with_level),
/// [`Comparisons::with_level`](crate::Comparisons::with_level), or the functions of this type.
///
/// ```
/// use pairwise_loss::{Level, Logistic, Pairs};
///
/// let (chosen, rejected) = ([1.0_f32, 0.2, -3.0], [0.5, 0.4, -1.0]);
/// let pairs = Pairs::new(&chosen, &rejected)?;
/// let mut expected = [0.0; 3];
/// pairs.losses_into(Logistic, &mut expected)?;
/// for level in Level::available() {
///     let mut losses = [0.0; 3];
///     pairs.with_level(level).losses_into(Logistic, &mut losses)?;
///     assert_eq!(losses, expected, "{level}");
/// }
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level(Set);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Set {
    /// What the crate was compiled for.
    Baseline,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx512,
}

/// The levels of this architecture, worst first.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
const ALL: [Set; 3] = [Set::Baseline, Set::Avx2, Set::Avx512];
#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
const ALL: [Set; 1] = [Set::Baseline];

impl Level {
    /// The best level of this machine.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// assert_eq!(Level::available().last(), Some(Level::best()));
    /// ```
    #[inline]
    #[must_use]
    pub fn best() -> Self {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        {
            if Set::Avx512.is_available() {
                return Self(Set::Avx512);
            }
            if Set::Avx2.is_available() {
                return Self(Set::Avx2);
            }
        }
        Self(Set::Baseline)
    }

    /// Every level of this machine, worst first.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// assert_eq!(Level::available().next(), Level::named("baseline")); // every machine has it
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        ALL.into_iter().filter(|set| set.is_available()).map(Self)
    }

    /// The level of that name: "baseline", "avx2" (with FMA), "avx512" (F, DQ, VL, BW, with FMA); `None` where the
    /// machine lacks it or the name is another.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// let best = Level::best();
    /// assert_eq!(Level::named(best.name()), Some(best));
    /// assert_eq!(Level::named("sse9"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().find(|level| level.name() == name)
    }

    /// The name, as [`Level::named`] takes it.
    ///
    /// ```
    /// use pairwise_loss::Level;
    ///
    /// assert!(Level::available().all(|level| Level::named(level.name()) == Some(level)));
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline => "baseline",
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Set::Avx2 => "avx2",
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Set::Avx512 => "avx512",
        }
    }

    /// Runs a kernel at this level.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Baseline => baseline::run(kernel),
            // SAFETY: `Set::is_available` has seen "avx2" and "fma"; a `Level` is made nowhere else.
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Set::Avx2 => unsafe { avx2::run(kernel) },
            // SAFETY: `Set::is_available` has seen all five features; a `Level` is made nowhere else.
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Set::Avx512 => unsafe { avx512::run(kernel) },
        }
    }
}

impl Set {
    #[inline]
    fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("fma")
            }
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({})", self.name())
    }
}

/// The fused multiply-add of the target. Without `std` there is no `f64::mul_add`, but there is the instruction.
#[cfg(all(not(feature = "std"), target_feature = "fma", target_arch = "x86_64"))]
#[derive(Clone, Copy)]
struct Native;

#[cfg(all(not(feature = "std"), target_feature = "fma", target_arch = "x86_64"))]
impl Fma for Native {
    const LOCK_STEP: bool = true;

    #[inline(always)]
    fn mul_add(a: f64, b: f64, c: f64) -> f64 {
        use core::arch::x86_64::{_mm_cvtsd_f64, _mm_fmadd_sd, _mm_set_sd};
        // SAFETY: the crate is compiled for targets that have "fma", or this would not be here.
        unsafe { _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c))) }
    }
}

/// A module for each level: the compiler works on modules side by side.
mod baseline {
    use super::{Kernel, Native};

    /// What the crate was compiled for; the fused multiply-add of the machine where that includes it.
    #[inline(never)]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Native>()
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod avx2 {
    use super::Kernel;
    use crate::math::Hardware;

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Hardware>()
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod avx512 {
    use super::Kernel;
    use crate::math::Hardware;

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Hardware>()
    }
}
