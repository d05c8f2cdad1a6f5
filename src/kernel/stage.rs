//! A pass in two stages: first the exponentials of some chunks, then what is made of them.
//!
//! (a) Processors look ahead by some hundred instructions. One loop with everything in it waits for the ends of its long
//!     chains; two loops with a small buffer between them keep the multipliers busy.
//! (b) A function without a tail ([`Function::HAS_TAIL`]) takes z from the columns directly.

use super::columns::{ChunkOf, ExtrasOf, Part, lanes};
use super::row::{Argument, Extras, Function};
use super::{CHUNK, each_of};
use crate::math::{Fma, Lanes, Precision, each_lane};
use crate::score::Score;
use core::ops::Range;

/// z and the tail of a group of `G` chunks. `N` is 2 for a working precision of one number, 3 for the same with two tails,
/// that of a value and the short one, 4 for a precision of two numbers.
#[repr(align(64))]
pub(crate) struct Stage<const N: usize, const G: usize>([[[f64; CHUNK]; N]; G]);

/// The chunks of `rows` rows in groups, by position.
#[inline(always)]
pub(crate) fn groups<const G: usize>(rows: usize) -> Groups<G> {
    Groups(0..rows.div_ceil(CHUNK))
}

/// The chunks that are left.
pub(crate) struct Groups<const G: usize>(Range<usize>);

impl<const G: usize> Iterator for Groups<G> {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        let Range { start, end } = self.0;
        if start >= end {
            return None;
        }
        self.0.start = start + G;
        Some(start..end.min(start + G))
    }
}

impl<const N: usize, const G: usize> Stage<N, G> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([[[0.0; CHUNK]; N]; G])
    }

    /// Computes z and the tail of a group of chunks.
    #[inline(always)]
    pub(crate) fn fill<T, M, F, P>(&mut self, function: F, part: &mut P, group: Range<usize>)
    where
        T: Score,
        M: Fma,
        F: Function,
        P: Part<T>,
    {
        self.fill_both::<T, M, F, F, P>(function, function, part, group);
    }

    /// The same; where there is place for two tails, those of two functions, of which the second has a short one.
    #[inline(always)]
    pub(crate) fn fill_both<T, M, F, S, P>(
        &mut self,
        function: F,
        short: S,
        part: &mut P,
        group: Range<usize>,
    ) where
        T: Score,
        M: Fma,
        F: Function,
        S: Function,
        P: Part<T>,
    {
        for (i, out) in group.zip(&mut self.0) {
            if let Some(chunk) = part.chunk(i) {
                if M::LOCK_STEP {
                    fill_chunk::<T, M, F, S, P, N, 2>(function, short, &chunk, out);
                } else {
                    fill_chunk::<T, M, F, S, P, N, 1>(function, short, &chunk, out);
                }
            }
        }
    }

    /// What the second stage reads for the chunk at `place` in its group.
    #[inline(always)]
    pub(crate) fn source<'c, T, F, P>(
        &'c self,
        part: &'c mut P,
        i: usize,
        place: usize,
    ) -> Option<Source<'c, T, N>>
    where
        T: Score,
        F: Function,
        P: Part<T>,
    {
        let stage = self.0.get(place)?;
        Some(if F::HAS_TAIL {
            Source { chunk: None, extras: part.extras(i)?, stage }
        } else {
            let chunk = part.chunk(i)?;
            Source { chunk: Some(chunk), extras: chunk.extras, stage }
        })
    }
}

/// `U` rows in lock step, half a chunk apart for two: in a loop of long chains, two side by side are quicker.
#[inline(always)]
fn fill_chunk<T, M, F, S, P, const N: usize, const U: usize>(
    function: F,
    short: S,
    chunk: &ChunkOf<'_, T>,
    out: &mut [[f64; CHUNK]; N],
) where
    T: Score,
    M: Fma,
    F: Function,
    S: Function,
    P: Part<T>,
{
    for j in 0..CHUNK / U {
        let z = chunk.row::<M, U>(j).z::<T::Working<M, U>>();
        let tail = function.tail(z);
        // Nothing is there to bring it back.
        let tail = if F::PLAIN && P::BARE { z.without_far_tail(tail) } else { tail };
        let (tail, short) = (tail.to_parts(), short.tail(z).to_parts());
        let z = z.to_parts();
        let third = if N == 3 { short.0 } else { z.1 };
        let numbers = each_of([z.0, tail.0, third, tail.1], Lanes::to_array);
        for (out, numbers) in out.iter_mut().zip(numbers) {
            each_lane! { u of U: out[u * (CHUNK / U) + j] = numbers[u]; }
        }
    }
}

/// A chunk as the second stage sees it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'c, T, const N: usize> {
    chunk: Option<ChunkOf<'c, T>>,
    extras: ExtrasOf<'c, T>,
    stage: &'c [[f64; CHUNK]; N],
}

impl<T: Score, const N: usize> Source<'_, T, N> {
    /// z, the tail, and what else there is of row `i`.
    #[inline(always)]
    pub(crate) fn row<M: Fma, F: Function, const U: usize>(
        &self,
        function: F,
        j: usize,
    ) -> (Argument<T::Working<M, U>>, Extras<Lanes<M, U>>) {
        if let Some(chunk) = &self.chunk {
            let row = chunk.row::<M, U>(j);
            let z = row.z::<T::Working<M, U>>();
            return (Argument { z, tail: function.tail(z) }, row.extras);
        }
        let part = |part: usize| self.stage.get(part).map_or(Lanes::splat(0.0), |x| lanes(x, j));
        let tail = if N == 3 && F::SHORT { 2 } else { 1 };
        let argument = Argument {
            z: Precision::from_parts(part(0), part(2)),
            tail: Precision::from_parts(part(tail), part(3)),
        };
        (argument, self.extras.row::<M, U>(j))
    }
}
