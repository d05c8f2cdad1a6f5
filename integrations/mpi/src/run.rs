//! The frame of a `main`.

use std::fmt::Display;
use std::panic;

use mpi::Threading;
use mpi::environment::is_finalized;
use mpi::topology::SimpleCommunicator;
use mpi::traits::Communicator;

/// What the job ends with when a rank fails.
const EXIT_CODE: i32 = 1;

/// Starts MPI, runs `job` on this rank with all ranks as its communicator, and ends MPI.
///
/// A rank that fails while the others wait for it in an all-reduce would leave them waiting for ever. So the first rank
/// whose `job` returns an error, or panics, in whichever thread, says so on standard error and ends all ranks of the job
/// (`MPI_Abort`); `run` does not return then, and `mpirun` ends with a failure. A rank that is killed or crashes is
/// noticed by `mpirun`, which ends the others.
///
/// Threads of the job must leave MPI to the thread that called `run`. Without `mpirun` the job has one rank.
///
/// A panic ends the job even where it would be caught. If MPI has already been started, that is a failure, too.
pub fn run<E: Display>(job: impl FnOnce(&SimpleCommunicator) -> Result<(), E>) {
    // Serialised, because a thread that panics calls `MPI_Abort`.
    let started = mpi::initialize_with_threading(Threading::Serialized);
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if is_finalized() {
            print_panic(panic);
        } else {
            fail("panics", || print_panic(panic));
        }
    }));
    let Some((universe, _)) = started else {
        fail("starts MPI again", || eprintln!("it is `run` that starts it, once"));
    };
    if let Err(error) = job(&universe.world()) {
        fail("fails", || eprintln!("error: {error:#}"));
    }
}

/// Ends all ranks.
fn fail(how: &str, print: impl FnOnce()) -> ! {
    let world = SimpleCommunicator::world();
    eprintln!("rank {} of {} {how}, and ends the job:", world.rank(), world.size());
    print();
    world.abort(EXIT_CODE)
}
