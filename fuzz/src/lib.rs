//! What the fuzz targets share: numbers and columns made of bytes, and how outputs are compared.

use arbitrary::Unstructured;
use pairwise_loss::{Error, Level, Score};
use std::fmt::Debug;

/// A format under test.
pub trait Number: Score {
    fn of_bits(bits: u64) -> Self;
    fn bits(self) -> u64;
    /// Rounded.
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
}

impl Number for f32 {
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits as u32)
    }
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
    fn of(x: f64) -> Self {
        x as Self
    }
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Number for f64 {
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn of(x: f64) -> Self {
        x
    }
    fn wide(self) -> f64 {
        self
    }
}

/// Lengths about those of a chunk and of a stretch.
const LENGTHS: [u8; 16] = [0, 1, 2, 3, 8, 15, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129];

/// The bytes of an input, one decision after the other; zeros where they have come to an end.
pub struct Source<'d>(Unstructured<'d>);

impl<'d> Source<'d> {
    pub fn new(data: &'d [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// For what is wrong with an input: most are right.
    pub fn rarely(&mut self) -> bool {
        self.byte() > 0xf4
    }

    pub fn word(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn rest(self) -> &'d [u8] {
        self.0.take_rest()
    }

    pub fn len(&mut self) -> usize {
        let byte = self.byte();
        let len = if byte < 128 { LENGTHS[usize::from(byte) % LENGTHS.len()] } else { byte - 128 };
        len.into()
    }

    /// The length that goes with another one, or rarely any.
    pub fn len_with(&mut self, len: usize) -> usize {
        if self.rarely() { self.len() } else { len }
    }

    /// A number of ordinary size.
    fn ordinary<T: Number>(&mut self) -> T {
        match self.below(4) {
            0 => T::of(f64::from(self.byte() as i8) / 16.0),
            1 => T::of(f64::from(self.word() as i16) / 64.0),
            2 => T::of(f64::from(self.word() as i32) / f64::from(1_u32 << 29)),
            _ => T::of([0.0, 1.0, 2.0, 0.5][self.below(4)]),
        }
    }

    /// Any number: one of ordinary size, one of any size, a special one, or any bits, NaN with payloads among them.
    pub fn number<T: Number>(&mut self) -> T {
        match self.below(8) {
            0..4 => self.ordinary(),
            4 => {
                let power = f64::from(self.byte() as i8) * 4.0;
                T::of(power.exp2() * (self.word() as i16 as f64 / 32768.0))
            }
            5 => {
                let special = [
                    T::zero(),
                    T::neg_zero(),
                    T::infinity(),
                    T::neg_infinity(),
                    T::max_value(),
                    T::min_value(),
                    T::min_positive_value(),
                    T::of_bits(1),
                    T::epsilon(),
                    T::nan(),
                ];
                special[self.below(special.len())]
            }
            _ => T::of_bits(self.word()),
        }
    }

    /// Finite and ≥ 0, often 0 or 1.
    fn weight<T: Number>(&mut self) -> T {
        match self.below(4) {
            0 => T::zero(),
            1 => T::one(),
            _ => Some(self.number::<T>().abs()).filter(|x| x.is_finite()).unwrap_or_else(T::one),
        }
    }

    /// In [0, 1], often 0, ½ or 1.
    fn label<T: Number>(&mut self) -> T {
        match self.below(4) {
            0 => T::of([0.0, 0.5, 1.0][self.below(3)]),
            1 => T::of(f64::from(self.byte()) / 255.0),
            _ => Some(self.number::<T>().abs()).filter(|&x| x <= T::one()).unwrap_or_else(T::zero),
        }
    }

    /// A column: each number from the input, or some of them again and again, or from a seed.
    fn made<X: Copy>(&mut self, len: usize, each: impl Fn(&mut Source<'_>) -> X) -> Vec<X> {
        match self.below(4) {
            0 => (0..len).map(|_| each(self)).collect(),
            1 => {
                let some: Vec<X> = (0..1 + self.below(7)).map(|_| each(self)).collect();
                some.into_iter().cycle().take(len).collect()
            }
            _ => {
                let mut state = self.word();
                // SplitMix64.
                let mut next = || {
                    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    x ^ (x >> 31)
                };
                let bytes: Vec<u8> = (0..2 * len).flat_map(|_| next().to_le_bytes()).collect();
                let mut seeded = Source::new(&bytes);
                (0..len).map(|_| each(&mut seeded)).collect()
            }
        }
    }

    /// A column of any numbers, or of ordinary ones.
    pub fn column<T: Number>(&mut self, len: usize) -> Vec<T> {
        if self.flag() {
            self.made(len, |source| source.number())
        } else {
            self.made(len, |source| source.ordinary())
        }
    }

    /// A column of weights: rarely something that is none.
    pub fn weights<T: Number>(&mut self, len: usize) -> Vec<T> {
        if self.rarely() { self.column(len) } else { self.made(len, |source| source.weight()) }
    }

    /// A column of labels: rarely something that is none.
    pub fn labels<T: Number>(&mut self, len: usize) -> Vec<T> {
        if self.rarely() { self.column(len) } else { self.made(len, |source| source.label()) }
    }

    /// A column of positions among so many: rarely one that is none, or in both columns the same.
    pub fn positions(&mut self, len: usize, among: usize) -> [Vec<u32>; 2] {
        let among = among.max(1) as u32;
        let any = self.rarely();
        let rows = self.made(len, |source| {
            let word = source.word();
            let [mut i, j] = [word as u32 >> 8, (word >> 32) as u32];
            if any && word & 0xff < 8 {
                return [i, j];
            }
            i %= among;
            [i, if among > 1 { (i + 1 + j % (among - 1)) % among } else { j % among }]
        });
        [0, 1].map(|side| rows.iter().map(|row| row[side]).collect())
    }

    /// An output that holds something.
    pub fn output<T: Number>(&mut self, len: usize) -> Vec<T> {
        let bits = 0x5a5a_5a5a_5a5a_5a5a ^ u64::from(self.byte());
        vec![T::of_bits(bits); self.len_with(len)]
    }

    pub fn level(&mut self) -> Level {
        let levels: Vec<Level> = Level::available().collect();
        levels[self.below(levels.len())]
    }
}

pub fn bits<T: Number>(slice: &[T]) -> Vec<u64> {
    slice.iter().map(|&x| x.bits()).collect()
}

/// −x, where the canonical NaN has no sign.
pub fn negated<T: Number>(x: T) -> T {
    if x.is_nan() { x } else { -x }
}

/// A sum in the format whose NaN is the canonical one.
pub fn plus<T: Number>(a: T, b: T) -> T {
    canonical(a + b)
}

pub fn canonical<T: Number>(x: T) -> T {
    if x.is_nan() { T::nan() } else { x }
}

/// NaN has one pattern of bits.
#[track_caller]
pub fn assert_canonical<T: Number>(slice: &[T]) {
    for (i, x) in slice.iter().enumerate() {
        assert_eq!(x.bits(), canonical(*x).bits(), "NaN at {i}");
    }
}

#[track_caller]
pub fn assert_same<T: Number>(got: &[T], expected: &[T], what: impl Debug) {
    assert_eq!(got.len(), expected.len(), "{what:?}");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        let (x, y) = (a.bits(), b.bits());
        assert!(x == y, "{what:?} at {i}: {a:?} ({x:#x}) for {b:?} ({y:#x})");
    }
}

/// Calls a verb with an output: where it fails, the output is as it was.
#[track_caller]
pub fn write<T: Number, R>(
    out: &mut [T],
    verb: impl FnOnce(&mut [T]) -> Result<R, Error>,
) -> Option<R> {
    let before = bits(out);
    match verb(out) {
        Ok(result) => Some(result),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(bits(out), before, "written although {error}");
            None
        }
    }
}

/// Runs a function of a source that is generic over the format, in the format that the source says.
#[macro_export]
macro_rules! in_a_format {
    ($run:ident, $source:expr) => {{
        let source = $source;
        match source.flag() {
            #[cfg(feature = "f32")]
            true => $run::<f32>(source),
            #[cfg(feature = "f64")]
            false => $run::<f64>(source),
            #[allow(unreachable_patterns)]
            _ => {}
        }
    }};
}
