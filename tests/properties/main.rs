//! Properties of the crate: its promises, loss by loss, against exact arithmetic. One test crate, so that every kernel
//! is compiled once. `cargo test --release` covers more: every verb of every loss in both formats, which takes minutes to
//! compile.

mod comparisons;
pub mod custom;
mod errors;
mod identities;
pub mod product;
pub mod support;
