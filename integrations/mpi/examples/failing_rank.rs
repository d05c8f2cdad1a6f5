//! What happens when one rank fails while the others wait for it: the job ends, with its message.
//!
//! ```sh
//! cargo build --release --examples
//! mpirun -n 4 target/release/examples/failing_rank --rank 2
//! mpirun -n 4 target/release/examples/failing_rank --rank 2 --how thread
//! mpirun -n 4 target/release/examples/failing_rank --rank 2 --how error
//! ```

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use mpi::traits::*;
use pairwise_loss::{Logistic, Pairs};
use pairwise_loss_mpi::{ExactCollectives, ExactVector};

/// Lets one rank fail while the others wait for it.
#[derive(Parser)]
struct Args {
    /// The rank that fails
    #[arg(long, default_value_t = 0)]
    rank: i32,

    /// How it fails
    #[arg(long, value_enum, default_value_t = How::Panic)]
    how: How,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// A panic
    Panic,
    /// A panic of another thread than the one that uses MPI, which waits for it
    Thread,
    /// An error that the job returns
    Error,
    /// A crash of its process
    Crash,
    /// A vector of another length than that of the other ranks
    Length,
}

fn main() {
    let args = Args::parse();
    pairwise_loss_mpi::run(|world| -> Result<()> {
        let mut parameters = 8;
        if world.rank() == args.rank {
            match args.how {
                How::Panic => panic!("a shard with no end"),
                How::Thread => {
                    std::thread::spawn(|| panic!("a shard with no end")).join().ok();
                }
                How::Error => bail!("a shard with no end"),
                How::Crash => std::process::abort(),
                How::Length => parameters = 7,
            }
        }
        world.all_reduce_vector(ExactVector::zeros(parameters))?;
        let total = Pairs::new(&[1.0], &[0.0])?.total(Logistic);
        world.all_reduce_total(&total)?;
        println!("rank {} got its total", world.rank());
        Ok(())
    });
}
