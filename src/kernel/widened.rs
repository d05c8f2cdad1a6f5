//! Scores of 16 bits that are brought together as wider ones.

use super::dispatch::Kernel;
use super::{CHUNK, Level};
use crate::math::Fma;
use crate::score::{Half, HalfSlice, Score};

/// One of the numbers.
pub(super) fn get(data: HalfSlice<'_>, i: usize) -> Option<f64> {
    match data {
        HalfSlice::f16(data) => data.get(i).map(|x| x.widen()),
        HalfSlice::bf16(data) => data.get(i).map(|x| x.widen()),
    }
}

/// The numbers from `first` on, as many as there is room for.
pub(super) fn bring<T: Score>(
    data: HalfSlice<'_>,
    first: usize,
    stride: usize,
    level: Level,
    out: &mut [T],
) {
    match data {
        HalfSlice::f16(data) => {
            let data = data.get(first..).unwrap_or_default();
            level.run(Widen { data, stride, out });
        }
        HalfSlice::bf16(data) => {
            let data = data.get(first..).unwrap_or_default();
            level.run(Widen { data, stride, out });
        }
    }
}

/// Every `stride`-th number of some of 16 bits, in a wider format.
struct Widen<'s, H, T> {
    data: &'s [H],
    stride: usize,
    out: &'s mut [T],
}

impl<H: Half, T: Score> Kernel for Widen<'_, H, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Fma>(self) {
        let Self { data, stride, out } = self;
        for (i, out) in out.chunks_mut(CHUNK).enumerate() {
            let mut chunk = [H::zero(); CHUNK];
            let here = data.get(i * CHUNK * stride..).unwrap_or_default();
            for (slot, &x) in chunk.iter_mut().zip(here.iter().step_by(stride)) {
                *slot = x;
            }
            for (slot, x) in out.iter_mut().zip(chunk) {
                *slot = T::narrow(x.widen());
            }
        }
    }
}
