//! One program, so that the kernels are compiled once.

mod operation;
mod training;
