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
        let (chunks, rest) = out.as_chunks_mut();
        for (i, out) in chunks.iter_mut().enumerate() {
            let here = data.get(i * CHUNK * stride..).unwrap_or_default();
            *out = widen(here, stride);
        }
        let here = data.get(chunks.len() * CHUNK * stride..).unwrap_or_default();
        for (slot, x) in rest.iter_mut().zip(widen(here, stride)) {
            *slot = x;
        }
    }
}

/// A chunk of them; 0 where there are no more.
#[inline(always)]
fn widen<H: Half, T: Score>(data: &[H], stride: usize) -> [T; CHUNK] {
    let mut wide = [T::zero(); CHUNK];
    let mut padded = [H::zero(); CHUNK];
    let chunk = match data.first_chunk() {
        Some(chunk) if stride == 1 => chunk,
        _ => {
            for (slot, &x) in padded.iter_mut().zip(data.iter().step_by(stride)) {
                *slot = x;
            }
            &padded
        }
    };
    for i in 0..CHUNK {
        wide[i] = T::narrow(chunk[i].widen());
    }
    wide
}
