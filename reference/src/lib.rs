//! The oracle of `pairwise-loss`: expected values, and the distance to them.
//!
//! It shares no formula and no constant with the crate it judges. Numbers are [`Real`]s: big integers times a
//! power of two with a proven bound on the error, so that rounding to a format either gives the one right
//! answer or admits that more digits are needed; [`settle`] then asks for them. MPFR's results, stored in
//! `data/mpfr.csv`, tie it to a second, unrelated implementation.
//!
//! ```
//! use reference::{Loss, Options, pair, ulp};
//!
//! // Logistic loss of chosen = 1, rejected = 0: log(1 + e^−1).
//! let exact = pair(Loss::Logistic, &Options::default(), 1.0, 0.0).unwrap();
//! assert_eq!(exact.value.nearest::<f64>(), Some(0.3132616875182228));
//! assert!(ulp::error(0.3132616875182228_f64, &exact.value) < 0.5);
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`ulp`] | distance between two floats, error of a float against a [`Real`] |
//! | [`real`] | arithmetic with a guaranteed error, and rounding to f32 and f64 |
//! | [`field`] | probabilities and losses, straight from their definitions |
//! | [`fast`] | sigmoid, `log_sigmoid`, softplus of an f32, correctly rounded, quick enough for all 2³² |
//! | [`random`] | reproducible test points |

pub mod fast;
pub mod field;
pub mod random;
pub mod real;
pub mod ulp;

pub use field::{
    Loss, Options, RealJet, Tuned, log_sigmoid, log_win_probability, logit, pair, sigmoid,
    softplus, win_probability, win_probability_from_strengths,
};
pub use real::{Real, settle};
pub use ulp::{Format, bits, dirty};
