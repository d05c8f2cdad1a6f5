//! A second reference, quick enough for hundreds of millions of points: sums of two `f64`, about 106 bits.
//!
//! (a) Independent of the crate under test: e^x and log(1 + t) by tables of 2048 entries, made from the big-integer
//!     reference, and Taylor series; no constant and no formula is shared.
//! (b) Relative error below 2^−95, forty bits more than it judges; `tests/accuracy.rs` checks that.
//! (c) Where a result is so small that its low half would be subnormal it does not answer; the big-integer reference
//!     does.

use reference::{Real, settle};
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::LazyLock;

/// An unevaluated sum, |low| ≤ ½ ulp(high).
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub high: f64,
    pub low: f64,
}

/// Smallest magnitude that is answered: 2^−900.
const SMALLEST: f64 = f64::from_bits((1023 - 900) << 52);

/// Entries of each table.
const STEPS: usize = 2048;

/// Added and subtracted again, it rounds to an integer, ties to even.
const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64;

const ONE: Pair = Pair { high: 1.0, low: 0.0 };
const ZERO: Pair = Pair { high: 0.0, low: 0.0 };

fn two_sum(a: f64, b: f64) -> Pair {
    let high = a + b;
    let part = high - a;
    Pair { high, low: (a - (high - part)) + (b - part) }
}

fn two_product(a: f64, b: f64) -> Pair {
    let high = a * b;
    Pair { high, low: a.mul_add(b, -high) }
}

impl Pair {
    pub fn new(high: f64) -> Self {
        Self { high, low: 0.0 }
    }

    pub fn of(exact: &Real) -> Self {
        let high = exact.approximate();
        Self { high, low: (exact - Real::new(high)).approximate() }
    }

    /// The exact difference of two floats.
    pub fn difference(a: f64, b: f64) -> Self {
        two_sum(a, -b)
    }

    pub fn abs(self) -> Self {
        if self.high < 0.0 { -self } else { self }
    }

    pub fn divide(self, divisor: Self) -> Self {
        let first = self.high / divisor.high;
        let rest = self - divisor * first;
        let second = rest.high / divisor.high;
        let rest = rest - divisor * second;
        two_sum(first, second) + rest.high / divisor.high
    }

    /// Whether the number keeps all its bits: zero, or large enough.
    pub fn is_whole(self) -> bool {
        self.high == 0.0 || self.high.abs() > SMALLEST && self.high.is_finite()
    }

    /// e^x for |x| ≤ 600.
    pub fn exp(self) -> Self {
        let tables = &*TABLES;
        let steps = (self.high * tables.steps_per_unit + ROUNDER) - ROUNDER;
        let [first, second, third] = tables.step;
        // The first product is exact: 21 and 32 bits.
        let r = two_sum(self.high, -steps * first) + (-two_product(steps, second)) + self.low
            - steps * third;
        let x = r.high;
        // From x⁴/24 < 2^−54 on, one f64 is enough.
        let rest = x * x * x * x / 24.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)));
        let series = r * (r * (r * tables.sixth + 0.5) + 1.0) + rest + 1.0;
        let steps = steps as i64;
        let power = tables.powers[(steps & (STEPS as i64 - 1)) as usize];
        let scale = f64::from_bits(((1023 + (steps >> STEPS.ilog2())) as u64) << 52);
        let exp = power * series;
        Self { high: exp.high * scale, low: exp.low * scale }
    }

    /// log(1 + t) for 0 ≤ t ≤ 1.
    pub fn ln_1p(self) -> Self {
        let tables = &*TABLES;
        let cell = (self.high * STEPS as f64 + ROUNDER) - ROUNDER;
        let (reciprocal, log) = tables.cells[cell as usize];
        let u = (self - cell / STEPS as f64) * reciprocal;
        let x = u.high;
        // From u⁵/5 < 2^−50·u on, one f64 is enough.
        let rest = x * (1.0 / 5.0 - x * (1.0 / 6.0 - x * (1.0 / 7.0 - x / 8.0)));
        let quartic = Pair::new(rest) - 0.25;
        let series = u * (u * (u * (u * quartic + tables.third) - 0.5) + 1.0);
        log + series
    }

    /// e^−|x|; `None` where it is too small.
    pub fn exp_minus_abs(self) -> Option<Self> {
        (self.high.abs() <= 600.0).then(|| (-self.abs()).exp())
    }

    /// S(x) = log(1 + e^x).
    pub fn softplus(self) -> Option<Self> {
        let tail = self.exp_minus_abs()?.ln_1p();
        Some(if self.high > 0.0 { self + tail } else { tail })
    }

    /// σ(x).
    pub fn sigmoid(self) -> Option<Self> {
        let t = self.exp_minus_abs()?;
        Some((if self.high > 0.0 { ONE } else { t }).divide(t + 1.0))
    }

    /// log(p/(1 − p)) for 2^−900 < p < 1.
    pub fn logit(p: f64) -> Option<Self> {
        let (p, q) = (Self::new(p), Self::difference(1.0, p));
        let (large, small, sign) = if p.high > 0.5 { (p, q, 1.0) } else { (q, p, -1.0) };
        if small.high <= SMALLEST {
            return None;
        }
        // Their quotient is 2ᵏ·(1 + t), 0 ≤ t < 1; beside p = ½, t is small and keeps its bits.
        let k = (large.high / small.high).log2().floor();
        let small = small * 2f64.powi(k as i32);
        let (k, small) =
            if (large - small).high < 0.0 { (k - 1.0, small * 0.5) } else { (k, small) };
        let log = (large - small).divide(small).ln_1p();
        Some((TABLES.ln_2 * k + log) * sign)
    }

    /// σ(x)·σ(−x).
    pub fn sigmoid_slope(self) -> Option<Self> {
        let t = self.exp_minus_abs()?;
        let d = t + 1.0;
        Some(t.divide(d * d))
    }
}

impl Neg for Pair {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Add for Pair {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (two_sum(self.high, other.high), two_sum(self.low, other.low));
        let sum = two_sum(high.high, high.low + low.high);
        two_sum(sum.high, sum.low + low.low)
    }
}

impl Sub for Pair {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + (-other)
    }
}

impl Mul for Pair {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = two_product(self.high, other.high);
        let cross = self.high * other.low + self.low * other.high;
        two_sum(product.high, product.low + (cross + self.low * other.low))
    }
}

impl Add<f64> for Pair {
    type Output = Self;
    fn add(self, other: f64) -> Self {
        self + Self::new(other)
    }
}

impl Sub<f64> for Pair {
    type Output = Self;
    fn sub(self, other: f64) -> Self {
        self + Self::new(-other)
    }
}

impl Mul<f64> for Pair {
    type Output = Self;
    fn mul(self, other: f64) -> Self {
        self * Self::new(other)
    }
}

struct Tables {
    /// 2048 / log 2.
    steps_per_unit: f64,
    /// log 2 / 2048: its first 32 bits, and the rest in two parts.
    step: [f64; 3],
    ln_2: Pair,
    sixth: Pair,
    third: Pair,
    /// 2^(j/2048).
    powers: Vec<Pair>,
    /// 1 / (1 + i/2048) and log(1 + i/2048).
    cells: Vec<(Pair, Pair)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let step = settle(|bits| Real::from(2).ln(bits)).divide(&Real::from(STEPS as i64), 256);
    // The step lies in [2^−12, 2^−11).
    let first = step.scaled(43).approximate().floor() * 2f64.powi(-43);
    let rest = Pair::of(&(&step - Real::new(first)));
    let quotient = |a: i64, b: i64| Pair::of(&Real::from(a).divide(&Real::from(b), 192));
    let cell = |i: usize| {
        let center = Real::one() + Real::from(i as i64).divide(&Real::from(STEPS as i64), 192);
        let log = if i == 0 { ZERO } else { Pair::of(&center.ln(192)) };
        (Pair::of(&Real::one().divide(&center, 192)), log)
    };
    Tables {
        steps_per_unit: 1.0 / step.approximate(),
        step: [first, rest.high, rest.low],
        ln_2: Pair::of(&settle(|bits| Real::from(2).ln(bits))),
        sixth: quotient(1, 6),
        third: quotient(1, 3),
        powers: (0..STEPS as i64).map(|j| Pair::of(&(&step * Real::from(j)).exp(192))).collect(),
        cells: (0..=STEPS).map(cell).collect(),
    }
});
