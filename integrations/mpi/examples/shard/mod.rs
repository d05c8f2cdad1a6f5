//! How the examples deal things out to ranks.

use std::ops::Range;

use mpi::topology::SimpleCommunicator;
use mpi::traits::*;

/// The shard of this rank of `len` things: rank r gets r + 1 parts, so that no two are of one size.
pub fn of(len: usize, world: &SimpleCommunicator) -> Range<usize> {
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    let parts = |ranks: usize| ranks * (ranks + 1) / 2;
    let start = |rank| len * parts(rank) / parts(size);
    start(rank)..start(rank + 1)
}

/// How many things each rank has.
pub fn gather(world: &SimpleCommunicator, len: usize) -> Vec<u64> {
    let mut counts = vec![0; world.size() as usize];
    world.all_gather_into(&(len as u64), &mut counts[..]);
    counts
}
