//! Correctly rounded sigmoid, `log_sigmoid` and softplus of an f32, quick enough for all 2³² inputs.
//!
//! (a) Values are pairs high + low of f64 (about 106 bits). The tables come from [`Real`] when the first
//!     value is asked for.
//! (b) e^−|x|: |x| is reduced by multiples of log 2 / 2048, then a Taylor series and a table of 2^(j/2048).
//! (c) log(1 + t): 1 + t is divided by the nearest 1 + i/2048, then a Taylor series and a table of
//!     logarithms.
//! (d) The result carries a bound on its relative error, with room to spare. If both ends of the interval
//!     round to one f32, that is the answer (Ziv's test); otherwise [`Real`] decides. That happens for a few
//!     inputs of sigmoid next to 0, where ½ + x/4 is a tie that only −x³/48 resolves, and hardly ever
//!     elsewhere.
//! (e) Where the result is constant or the argument itself, a bound proven beside the threshold says so.
//! (f) Products are split after Veltkamp and Dekker, so speed does not hang on a fused multiply-add.

use crate::field;
use crate::real::{Real, settle};
use std::sync::LazyLock;

/// Relative error of e^−|x| and σ. Counted: reduction 2^−81, series 2^−90, some pair operations of 2^−102.
const EXP_ERROR: f64 = 1.0 / (1u128 << 78) as f64;

/// Relative error of log(1 + t). Counted: that of t, and 2^−78 from the cubic terms of the series.
const LOG_ERROR: f64 = 1.0 / (1u128 << 75) as f64;

/// From here on 0 < 1 − σ(x) < e^−18 < 2^−25, half the unit below 1, and S(x) − x < e^−18 < 2^−20, half the
/// unit of x ≥ 16.
const SATURATED: f32 = 18.0;

/// From here on σ(−x) and S(−x) are below e^−104 < 2^−150, half the smallest subnormal.
const VANISHED: f32 = 104.0;

/// Below this |σ(x) − ½| ≤ |x|/4 < 2^−26, half the unit below ½, and |S(x) − log 2| < |x|, which is less than
/// what separates log 2 from the middle between two f32.
const VANISHING: f32 = 1.0 / (1u32 << 26) as f32;

const STEPS: usize = 2048;
const CELLS: usize = 2048;

/// Added and subtracted again, it rounds to an integer, ties to even.
const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64;

/// σ(x) = 1 / (1 + e^−x), correctly rounded. NaN gives NaN.
pub fn sigmoid(x: f32) -> f32 {
    try_sigmoid(x).unwrap_or_else(|| decide(&field::sigmoid(&Real::from(x))))
}

/// log σ(x), correctly rounded; −0 where it rounds to zero. NaN gives NaN.
pub fn log_sigmoid(x: f32) -> f32 {
    -softplus(-x)
}

/// S(x) = log(1 + e^x), correctly rounded. NaN gives NaN.
pub fn softplus(x: f32) -> f32 {
    try_softplus(x).unwrap_or_else(|| decide(&field::softplus(&Real::from(x))))
}

fn decide(exact: &Real) -> f32 {
    exact.nearest().expect("a settled number")
}

fn try_sigmoid(x: f32) -> Option<f32> {
    if x.is_nan() || x >= SATURATED || x <= -VANISHED {
        return Some(match x {
            _ if x > 0.0 => 1.0,
            _ if x < 0.0 => 0.0,
            _ => x,
        });
    }
    if x.abs() < VANISHING {
        return Some(0.5);
    }
    let t = exp_minus(f64::from(x.abs()));
    let numerator = if x < 0.0 { t } else { Pair::new(1.0) };
    numerator.divide(t.added_to(1.0)).rounded(EXP_ERROR)
}

fn try_softplus(x: f32) -> Option<f32> {
    if x.is_nan() || x >= SATURATED || x <= -VANISHED {
        return Some(if x <= -VANISHED { 0.0 } else { x });
    }
    if x.abs() < VANISHING {
        return Some(std::f32::consts::LN_2);
    }
    let tail = log_1p(exp_minus(f64::from(x.abs())));
    Pair::new(f64::from(x.max(0.0))).plus(tail).rounded(LOG_ERROR)
}

/// e^−w for 0 ≤ w ≤ 104 that is an f32.
#[inline]
fn exp_minus(w: f64) -> Pair {
    let tables = &*TABLES;
    let steps = (-w * tables.steps_per_unit + ROUNDER) - ROUNDER;
    // `step_high` is a multiple of 2^−46 with 35 bits: products with |steps| < 2^18.3 and the difference are
    // exact.
    let r = two_sum(-w - steps * tables.step_high, -steps * tables.step_low);
    let x = r.high;
    let cubic = x * x * x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0))));
    let series = with_square(r, 0.5, cubic).added_to(1.0);
    let steps = steps as i64;
    let power = tables.powers[(steps & (STEPS as i64 - 1)) as usize];
    let scale = f64::from_bits(((1023 + (steps >> STEPS.ilog2())) as u64) << 52);
    let exp = power.times(series);
    Pair { high: exp.high * scale, low: exp.low * scale }
}

/// log(1 + t) for 0 < t ≤ 1.
#[inline]
fn log_1p(t: Pair) -> Pair {
    let tables = &*TABLES;
    let cell = (t.high * CELLS as f64 + ROUNDER) - ROUNDER;
    let (reciprocal, log) = tables.cells[cell as usize];
    // Exact: cell/2048 is 0 or within a factor 2 of t.
    let r = two_sum(t.high - cell / CELLS as f64, t.low).times(reciprocal);
    let x = r.high;
    let cubic = x
        * x
        * x
        * (1.0 / 3.0 + x * (-1.0 / 4.0 + x * (1.0 / 5.0 + x * (-1.0 / 6.0 + x * (1.0 / 7.0)))));
    let series = with_square(r, -0.5, cubic);
    let sum = series.added_to(log.high); // which is 0, or more than half a cell
    Pair { high: sum.high, low: sum.low + log.low }.normal()
}

/// r + factor·r² + cubic for |r| ≤ 2^−12 and |factor| = ½; what is left out is below 2^−80 of r.
#[inline]
fn with_square(r: Pair, factor: f64, cubic: f64) -> Pair {
    let square = two_product(r.high, r.high);
    let low = (r.low + 2.0 * factor * r.high * r.low) + (factor * square.low + cubic);
    Pair { high: factor * square.high, low }.added_to(r.high)
}

/// An unevaluated sum, |low| ≤ ½ ulp(high).
#[derive(Clone, Copy, Debug)]
struct Pair {
    high: f64,
    low: f64,
}

impl Pair {
    fn new(high: f64) -> Self {
        Self { high, low: 0.0 }
    }

    fn of(exact: &Real) -> Self {
        let high = exact.approximate();
        Self { high, low: (exact - Real::new(high)).approximate() }
    }

    /// Renormalised, given |high| ≥ |low|.
    #[inline]
    fn normal(self) -> Self {
        let high = self.high + self.low;
        Self { high, low: self.low - (high - self.high) }
    }

    /// leading + self, given |leading| ≥ |high|.
    #[inline]
    fn added_to(self, leading: f64) -> Self {
        let high = leading + self.high;
        Self { high, low: (self.high - (high - leading)) + self.low }.normal()
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        let high = two_sum(self.high, other.high);
        let low = two_sum(self.low, other.low);
        let sum = Self { high: high.high, low: high.low + low.high }.normal();
        Self { high: sum.high, low: sum.low + low.low }.normal()
    }

    #[inline]
    fn times(self, other: Self) -> Self {
        let product = two_product(self.high, other.high);
        let low = product.low + (self.high * other.low + self.low * other.high);
        Self { high: product.high, low }.normal()
    }

    #[inline]
    fn divide(self, divisor: Self) -> Self {
        let first = self.high / divisor.high;
        let product = two_product(first, divisor.high);
        let rest = (self.high - product.high) - product.low + self.low - first * divisor.low;
        Self { high: first, low: rest / divisor.high }.normal()
    }

    /// The f32 to which the whole interval within the relative error rounds, if there is one.
    #[inline]
    fn rounded(self, relative_error: f64) -> Option<f32> {
        let error = self.high.abs() * relative_error;
        let lower = Self { high: self.high, low: self.low - error }.normal().to_f32();
        let upper = Self { high: self.high, low: self.low + error }.normal().to_f32();
        (lower == upper).then_some(lower)
    }

    /// Nearest f32, rounded once: the sum is first rounded to odd in f64, which has bits enough that the
    /// second rounding sees on which side of a tie it lies.
    #[inline]
    fn to_f32(self) -> f32 {
        let bits = self.high.to_bits();
        // Without branches, which would be taken at random.
        let moves = i64::from(self.low != 0.0) & !(bits as i64) & 1;
        let outwards = 2 * i64::from((self.low > 0.0) == (self.high > 0.0)) - 1;
        f64::from_bits(bits.wrapping_add_signed(moves * outwards)) as f32
    }
}

#[inline]
fn two_sum(a: f64, b: f64) -> Pair {
    let high = a + b;
    let part = high - a;
    Pair { high, low: (a - (high - part)) + (b - part) }
}

#[inline]
fn two_product(a: f64, b: f64) -> Pair {
    let split = |x: f64| {
        let shifted = 134_217_729.0 * x; // 2²⁷ + 1
        let high = shifted - (shifted - x);
        (high, x - high)
    };
    let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
    let high = a * b;
    Pair { high, low: ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low }
}

struct Tables {
    /// 2048 / log 2.
    steps_per_unit: f64,
    /// log 2 / 2048 to 2^−46, and the rest.
    step_high: f64,
    step_low: f64,
    /// 2^(j/2048).
    powers: Vec<Pair>,
    /// 1 / (1 + i/2048) and log(1 + i/2048).
    cells: Vec<(Pair, Pair)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let step = settle(|bits| Real::from(2).ln(bits)).divide(&Real::from(STEPS as i64), 256);
    let step_high = step.scaled(46).approximate().floor() * 2f64.powi(-46);
    let cell = |i: usize| {
        let center = Real::one() + Real::from(i as i64).divide(&Real::from(CELLS as i64), 192);
        (Pair::of(&Real::one().divide(&center, 192)), Pair::of(&center.ln(192)))
    };
    Tables {
        steps_per_unit: 1.0 / step.approximate(),
        step_high,
        step_low: (&step - Real::new(step_high)).approximate(),
        powers: (0..STEPS as i64).map(|j| Pair::of(&(&step * Real::from(j)).exp(192))).collect(),
        cells: (0..=CELLS).map(cell).collect(),
    }
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// Points of every kind: any exponent, the curved part, thresholds and their neighbours, ties of ½ + x/4.
    fn points(count: usize, seed: u64) -> impl Iterator<Item = f32> {
        let mut random = SplitMix64::new(seed);
        let edges = [
            0.0,
            VANISHING,
            1.0,
            16.0,
            17.0,
            SATURATED,
            20.0,
            87.0,
            88.7,
            103.0,
            103.28,
            103.97,
            VANISHED,
            f32::MAX,
        ];
        (0..count).map(move |i| {
            let neighbour = random.below(9) as u32;
            match i % 8 {
                0 => random.any_f32(),
                1 | 2 => random.uniform(-18.5, 18.5) as f32,
                3 => random.uniform(-104.5, 20.0) as f32,
                4 => random.uniform(-104.5, -87.0) as f32,
                5 => random.log_uniform(-26.0, 5.0) as f32,
                6 => (random.below(1 << 12) as f32 - 2048.0) * 2f32.powi(-24),
                _ => {
                    let edge = edges[random.below(edges.len() as u64) as usize];
                    let near = f32::from_bits((edge.to_bits() + neighbour).saturating_sub(4));
                    if random.bits() & 1 == 0 { near } else { -near }
                }
            }
        })
    }

    fn check(count: usize, seed: u64) {
        let mut undecided = 0;
        for x in points(count, seed) {
            if !x.is_finite() {
                continue;
            }
            let real = Real::from(x);
            let cases = [
                ("sigmoid", try_sigmoid(x), sigmoid(x), field::sigmoid(&real)),
                ("softplus", try_softplus(x), softplus(x), field::softplus(&real)),
                (
                    "log_sigmoid",
                    try_softplus(-x).map(|y| -y),
                    log_sigmoid(x),
                    field::log_sigmoid(&real),
                ),
            ];
            for (name, quick, fast, exact) in cases {
                let exact = exact.nearest::<f32>().unwrap();
                assert_eq!(
                    fast.to_bits(),
                    exact.to_bits(),
                    "{name}({x:e}) = {exact:e}, not {fast:e}"
                );
                undecided += usize::from(quick.is_none());
            }
        }
        // The fallback must stay rare, or the interval is too wide.
        assert!(undecided * 100 < count, "{undecided} of {count} undecided");
    }

    #[test]
    fn agrees_with_the_oracle() {
        check(24_000, 20);
    }

    #[test]
    #[ignore = "minutes"]
    fn agrees_with_the_oracle_on_many_points() {
        check(4_000_000, 21);
    }

    /// The pairs before the last rounding are as good as claimed, with a factor 4 to spare.
    #[test]
    fn stated_errors_hold() {
        let relative = |pair: Pair, exact: &Real| {
            let difference = Real::new(pair.high) + Real::new(pair.low) - exact;
            difference.divide(exact, 64).approximate().abs()
        };
        let mut random = SplitMix64::new(22);
        let (mut exp_worst, mut log_worst) = (0f64, 0f64);
        for i in 0..20_000 {
            let w = if i % 2 == 0 {
                random.uniform(0.0, 104.0)
            } else {
                random.log_uniform(-30.0, 6.7).abs()
            };
            let w = f64::from(w as f32);
            let t = exp_minus(w);
            let exact = (-Real::new(w)).exp(192);
            exp_worst = exp_worst.max(relative(t, &exact));
            log_worst = log_worst.max(relative(log_1p(t), &exact.ln_1p(192)));
        }
        assert!(
            exp_worst < EXP_ERROR / 4.0 && log_worst < LOG_ERROR / 4.0,
            "{exp_worst:e} {log_worst:e}"
        );
        // And not so loose that the fallback does all the work.
        assert!(
            exp_worst > EXP_ERROR / 4096.0 && log_worst > LOG_ERROR / 4096.0,
            "{exp_worst:e} {log_worst:e}"
        );
    }

    #[test]
    fn special_values() {
        assert!(
            sigmoid(f32::NAN).is_nan()
                && softplus(f32::NAN).is_nan()
                && log_sigmoid(f32::NAN).is_nan()
        );
        assert_eq!((sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)), (1.0, 0.0));
        assert_eq!((softplus(f32::INFINITY), softplus(f32::NEG_INFINITY)), (f32::INFINITY, 0.0));
        assert_eq!(
            (log_sigmoid(f32::INFINITY), log_sigmoid(f32::NEG_INFINITY)),
            (0.0, f32::NEG_INFINITY)
        );
        assert_eq!((sigmoid(0.0), sigmoid(-0.0)), (0.5, 0.5));
        assert_eq!(softplus(0.0), std::f32::consts::LN_2);
    }

    #[test]
    fn thresholds_are_proven() {
        let below = |x: f32, power| {
            let exp = (-Real::from(x)).exp(192);
            exp.compare(&Real::power_of_two(power)) == Some(std::cmp::Ordering::Less)
        };
        assert!(below(SATURATED, -25) && below(VANISHED, -150));
        let ln_2 = Real::from(2).ln(192);
        for distance in [Real::from(VANISHING), -Real::from(VANISHING)] {
            assert_eq!((&ln_2 + distance).nearest(), Some(std::f32::consts::LN_2));
        }
    }
}
