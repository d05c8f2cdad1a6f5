//! The formats in which positions among scores are stored.

use core::ops::Range;

/// A format of positions among scores: `u32`, `usize`, `i32` or `i64`. Negative ones are out of range.
///
/// Sealed. The narrower ones are the quicker: positions are half of what is read.
///
/// ```
/// use pairwise_loss::Comparisons;
///
/// let scores = [0.0_f64; 2];
/// assert_eq!(Comparisons::new(&scores, &[0_u32], &[1])?.len(), 1);
/// assert_eq!(Comparisons::new(&scores, &[0_usize], &[1])?.len(), 1);
/// assert!(Comparisons::new(&scores, &[0_i64], &[-1]).is_err());
/// # Ok::<(), pairwise_loss::Error>(())
/// ```
pub trait Index: Copy + Eq + Send + Sync + core::fmt::Debug + sealed::Sealed + 'static {
    #[doc(hidden)]
    fn indices(slice: &[Self]) -> Indices<'_>;
}

/// Positions of any format: one type, so that there is one kernel for all of them.
#[derive(Clone, Copy, Debug)]
pub enum Indices<'a> {
    U32(&'a [u32]),
    Usize(&'a [usize]),
    I32(&'a [i32]),
    I64(&'a [i64]),
}

/// A position as `usize`; one that has no place there as the largest.
trait Position: Copy + Into<i128> {
    fn position(self) -> usize;
}

/// A number that may be a `usize`, which does not convert by itself.
#[derive(Clone, Copy)]
struct Wide(usize);

impl From<Wide> for i128 {
    fn from(Wide(x): Wide) -> Self {
        x as Self
    }
}

impl Position for Wide {
    #[inline(always)]
    fn position(self) -> usize {
        self.0
    }
}

macro_rules! formats {
    ($($format:ident $variant:ident),*) => {
        $(
            impl Position for $format {
                #[inline(always)]
                fn position(self) -> usize {
                    usize::try_from(self).unwrap_or(usize::MAX)
                }
            }

            impl Index for $format {
                fn indices(slice: &[Self]) -> Indices<'_> {
                    Indices::$variant(slice)
                }
            }

            impl sealed::Sealed for $format {}
        )*
    };
}

formats!(u32 U32, i32 I32, i64 I64);

impl Index for usize {
    fn indices(slice: &[Self]) -> Indices<'_> {
        Indices::Usize(slice)
    }
}

impl sealed::Sealed for usize {}

/// Calls something with the slice of whatever format, and how its elements become positions.
macro_rules! with_slice {
    ($indices:expr, |$slice:ident, $position:ident| $body:expr) => {
        match $indices {
            Indices::U32($slice) => {
                let $position = |x: u32| x;
                $body
            }
            Indices::Usize($slice) => {
                let $position = Wide;
                $body
            }
            Indices::I32($slice) => {
                let $position = |x: i32| x;
                $body
            }
            Indices::I64($slice) => {
                let $position = |x: i64| x;
                $body
            }
        }
    };
}

impl Indices<'_> {
    pub(crate) fn len(&self) -> usize {
        with_slice!(self, |slice, _position| slice.len())
    }

    pub(crate) fn get(&self, row: usize) -> Option<usize> {
        with_slice!(self, |slice, position| slice.get(row).map(|&x| position(x).position()))
    }

    /// The number itself.
    pub(crate) fn number(&self, row: usize) -> i128 {
        with_slice!(self, |slice, position| slice.get(row).map_or(-1, |&x| position(x).into()))
    }

    /// Writes the elements of `from` at the positions from row `first` on.
    pub(crate) fn gather<T: Copy>(&self, first: usize, from: &[T], zero: T, out: &mut [T]) {
        with_slice!(self, |slice, position| {
            for (slot, &x) in out.iter_mut().zip(slice.get(first..).unwrap_or_default()) {
                *slot = from.get(position(x).position()).copied().unwrap_or(zero);
            }
        });
    }

    /// The first row whose position is not below `len`.
    pub(crate) fn first_beyond(&self, len: usize) -> Option<usize> {
        with_slice!(self, |slice, position| first(slice, |&x| position(x).position() >= len))
    }

    /// The first row in which both are the same.
    pub(crate) fn first_equal(&self, other: &Self) -> Option<usize> {
        match (self, other) {
            (Self::U32(a), Self::U32(b)) => first_of_both(a, b),
            (Self::Usize(a), Self::Usize(b)) => first_of_both(a, b),
            (Self::I32(a), Self::I32(b)) => first_of_both(a, b),
            (Self::I64(a), Self::I64(b)) => first_of_both(a, b),
            // Both come from the same slices.
            _ => None,
        }
    }
}

/// Calls something for some rows, with what comes with each of them and the two positions there.
#[inline(always)]
pub(crate) fn each_row<X>(
    (first, second): (Indices<'_>, Indices<'_>),
    rows: Range<usize>,
    with: impl Iterator<Item = X>,
    f: impl FnMut(X, usize, usize),
) {
    #[inline(always)]
    fn each<X, I: Copy, P: Position>(
        (first, second): (&[I], &[I]),
        rows: Range<usize>,
        with: impl Iterator<Item = X>,
        position: impl Fn(I) -> P,
        mut f: impl FnMut(X, usize, usize),
    ) {
        let first = first.get(rows.clone()).unwrap_or_default();
        let second = second.get(rows).unwrap_or_default();
        for ((x, &i), &j) in with.zip(first).zip(second) {
            f(x, position(i).position(), position(j).position());
        }
    }
    match (first, second) {
        (Indices::U32(first), Indices::U32(second)) => each((first, second), rows, with, |x| x, f),
        (Indices::Usize(first), Indices::Usize(second)) => {
            each((first, second), rows, with, Wide, f);
        }
        (Indices::I32(first), Indices::I32(second)) => each((first, second), rows, with, |x| x, f),
        (Indices::I64(first), Indices::I64(second)) => each((first, second), rows, with, |x| x, f),
        // Both come from the same slices.
        _ => {}
    }
}

/// Elements that are looked at without a way out in their midst: such loops become SIMD.
const TOGETHER: usize = 256;

fn first<T>(slice: &[T], is: impl Fn(&T) -> bool) -> Option<usize> {
    let any = |chunk: &[T]| chunk.iter().fold(false, |any, x| any | is(x));
    let chunk = slice.chunks(TOGETHER).position(any)?;
    let rest = slice.get(chunk * TOGETHER..).unwrap_or_default();
    rest.iter().position(is).map(|row| chunk * TOGETHER + row)
}

fn first_of_both<T: Eq>(a: &[T], b: &[T]) -> Option<usize> {
    let any = |(a, b): (&[T], &[T])| {
        let mut any = false;
        for (a, b) in a.iter().zip(b) {
            any |= a == b;
        }
        any
    };
    a.chunks(TOGETHER).zip(b.chunks(TOGETHER)).position(any)?;
    a.iter().zip(b).position(|(a, b)| a == b)
}

mod sealed {
    pub trait Sealed {}
}

#[cfg(test)]
mod tests {
    use super::{Index, Indices, each_row};

    fn check<I: Index>(number: impl Fn(usize) -> I) {
        let slice: Vec<I> = (0..600).map(|row| number(row * 7 % 600)).collect();
        let indices = I::indices(&slice);
        assert_eq!(indices.len(), 600);
        assert_eq!((indices.get(3), indices.number(3), indices.get(600)), (Some(21), 21, None));
        assert_eq!(indices.first_beyond(600), None);
        // 599 = 7·257 − 2·600
        assert_eq!(indices.first_beyond(599), Some(257));
        let mut seen = Vec::new();
        each_row((indices, indices), 4..7, 1.., |x, i, j| seen.push((x, i, j)));
        assert_eq!(seen, [(1, 28, 28), (2, 35, 35), (3, 42, 42)]);
        let (from, mut out): (Vec<f32>, _) = ((0..600).map(|x| x as f32).collect(), [0.0; 2]);
        indices.gather(5, &from, 0.0, &mut out);
        assert_eq!(out, [35.0, 42.0]);
        let other: Vec<I> = (0..600).map(|row| number(if row == 400 { 400 } else { 1 })).collect();
        // 7·343 = 2401 = 1 + 4·600
        assert_eq!(indices.first_equal(&I::indices(&other)), Some(343));
    }

    #[test]
    fn formats_are_one() {
        check(|x| x as u32);
        check(|x| x);
        check(|x| x as i32);
        check(|x| x as i64);
    }

    #[test]
    fn negative_numbers_are_beyond_everything() {
        let indices = Indices::I64(&[0, -1]);
        assert_eq!((indices.first_beyond(usize::MAX), indices.number(1)), (Some(1), -1));
    }
}
