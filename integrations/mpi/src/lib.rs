//! [`pairwise_loss`] on many MPI ranks: however the pairs are dealt out, the loss, the metrics and the trained weights are
//! the same bits.
//!
//! Three things, each usable alone:
//!
//! - [`ExactCollectives`] gives every communicator of the crate [`mpi`] an all-reduce of [`Total`], of [`Metrics`] and
//!   of an [`ExactVector`]. Each adds integers, so that neither the number of ranks nor the order shows.
//! - [`ExactVector`] is a gradient in the making: a sum without rounding for each parameter.
//! - [`run`] is the frame of a `main`: a rank that panics or fails ends the job, with its message, instead of leaving the
//!   others to wait for it.
//!
//! ```
//! use mpi::traits::*;
//! use pairwise_loss::{Error, Logistic, Pairs, Reduction};
//! use pairwise_loss_mpi::{ExactCollectives, ExactVector};
//!
//! pairwise_loss_mpi::run(|world| {
//!     // The shard of this rank: rewards are w·x, here of one feature.
//!     let (x_chosen, x_rejected) = ([1.0, 0.3], [0.2, 0.9]);
//!     let w = 0.5;
//!     let (chosen, rejected) = (x_chosen.map(|x| w * x), x_rejected.map(|x| w * x));
//!     let n = 2.0 * f64::from(world.size()); // pairs on all ranks
//!
//!     let (mut d_chosen, mut d_rejected) = ([0.0; 2], [0.0; 2]);
//!     let total = Pairs::new(&chosen, &rejected)?.total_and_gradients(
//!         Logistic,
//!         Reduction::Over(n),
//!         &mut d_chosen,
//!         &mut d_rejected,
//!     )?;
//!     let mut gradient = ExactVector::zeros(1);
//!     for i in 0..2 {
//!         gradient.add(0, d_chosen[i] * x_chosen[i]);
//!         gradient.add(0, d_rejected[i] * x_rejected[i]);
//!     }
//!
//!     let mean = world.all_reduce_total(&total)?.mean();
//!     let gradient = world.all_reduce_vector(gradient)?.sums();
//!     // The mean of log(1 + e^−0.4) and log(1 + e^0.3); −(0.8·σ(−0.4) − 0.6·σ(0.3)) / 2.
//!     assert!((mean.unwrap() - 0.683_685_2).abs() < 1e-6);
//!     assert!((gradient[0] - 0.011_807_8).abs() < 1e-6);
//!     Ok::<(), Error>(())
//! });
//! ```
//!
//! [`Total`]: pairwise_loss::Total
//! [`Metrics`]: pairwise_loss::Metrics

mod collectives;
mod exact_vector;
mod run;

pub use collectives::ExactCollectives;
pub use exact_vector::ExactVector;
pub use run::run;

/// The examples of the document are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
