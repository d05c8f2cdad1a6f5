//! Scores of 16 bits. Every number of both formats through every function, and pairs of them, against sums of two `f64`
//! that are rounded here, by search in the list of all numbers of the format; the same against big integers.
//!
//! The long run, 10⁸ pairs of each format:
//!
//! ```text
//! cargo test --release --features half --test half -- --ignored --nocapture
//! ```

#[path = "../examples/accuracy/double_double.rs"]
#[allow(dead_code)] // more than is needed here
mod double_double;

use double_double::Pair;
use half::{bf16, f16};
use pairwise_loss::{
    Comparisons, Error, Half, Level, Logistic, Metrics, PairLoss, Pairs, Reduction, Score,
    ScoreGradients, Strided, StridedMut, Total, log_sigmoid, log_win_probability, logit, sigmoid,
    softplus, win_probability, win_probability_from_strengths,
};
use reference::random::SplitMix64;
use reference::{Format, Real, bits, dirty};

/// Every result of a pair: what is promised.
const LIMIT: f64 = 0.501;

/// Where there is neither margin nor weight nor label: what is found. A midpoint is hit often, as S(257) is beside 257, and
/// then missed by next to nothing.
const FOUND: f64 = 0.500_001;

/// A format of 16 bits that the reference knows as well.
trait Sixteen: Half + Format {
    const ALL: u64 = 1 << 16;
}

impl Sixteen for f16 {}
impl Sixteen for bf16 {}

/// All numbers ≥ 0 of a format in order, by their bits, the power of two beyond them in the place of ∞.
struct Numbers(Vec<f64>);

impl Numbers {
    fn of<T: Sixteen>() -> Self {
        let infinity = (0x7fff >> (T::PRECISION - 1)) << (T::PRECISION - 1);
        let mut numbers: Vec<f64> =
            (0..infinity).map(|bits| <T as Format>::from_bits(bits).wide()).collect();
        numbers.push(2.0_f64.powi(T::MAX_EXPONENT as i32));
        assert!(numbers.is_sorted_by(|a, b| a < b));
        Self(numbers)
    }

    /// The place of the largest number that is not above |x|.
    fn below(&self, x: Pair) -> usize {
        let x = x.abs();
        let is_below = |&v: &f64| v < x.high || v == x.high && x.low >= 0.0;
        self.0.partition_point(is_below).saturating_sub(1).min(self.0.len() - 2)
    }

    /// The bits of the nearest number, ties to even.
    fn round(&self, x: Pair) -> u64 {
        let (i, magnitude) = (self.below(x), x.abs());
        let middle = f64::midpoint(self.0[i], self.0[i + 1]);
        let is_tie = magnitude.high == middle && magnitude.low == 0.0;
        let above = magnitude.high > middle || magnitude.high == middle && magnitude.low > 0.0;
        let up = above || is_tie && i % 2 == 1;
        (u64::from(x.high.is_sign_negative()) << 15) | (i + usize::from(up)) as u64
    }

    /// |found − exact| in units of the last place of the exact number.
    fn error(&self, found: u64, exact: Pair) -> f64 {
        let sign = if found >> 15 == 1 { -1.0 } else { 1.0 };
        let Some(found) = self.0.get((found & 0x7fff) as usize) else { return f64::INFINITY };
        let i = self.below(exact);
        ((sign * found - exact.high) - exact.low).abs() / (self.0[i + 1] - self.0[i])
    }
}

/// S(x); beyond the reach of the double-double exponential e^−|x| is too small to show, but for the side of a tie that it
/// is on.
fn exact_softplus(x: Pair) -> Pair {
    let nearly =
        if x.high > 0.0 { Pair { high: x.high, low: x.low.max(1e-290) } } else { Pair::new(0.0) };
    x.softplus().unwrap_or(nearly)
}

fn exact_sigmoid(x: Pair) -> Pair {
    x.sigmoid().unwrap_or(Pair::new(if x.high > 0.0 { 1.0 } else { 0.0 }))
}

fn exact_slope(x: Pair) -> Pair {
    x.sigmoid_slope().unwrap_or(Pair::new(0.0))
}

/// A function of one number, over slices and alone, and the truth.
type Slices<T> = fn(Level, &[T], &mut [T]) -> Result<(), Error>;
type Case<T> = (&'static str, Option<Slices<T>>, fn(T) -> T, fn(f64) -> Option<Pair>);

fn cases<T: Sixteen>() -> [Case<T>; 4] {
    [
        ("sigmoid", Some(Level::sigmoid_into), sigmoid, |x| Some(exact_sigmoid(Pair::new(x)))),
        ("log_sigmoid", Some(Level::log_sigmoid_into), log_sigmoid, |x| {
            Some(-exact_softplus(Pair::new(-x)))
        }),
        ("softplus", Some(Level::softplus_into), softplus, |x| Some(exact_softplus(Pair::new(x)))),
        ("logit", None, logit, |p| if p > 0.0 && p < 1.0 { Pair::logit(p) } else { None }),
    ]
}

fn check_every_number<T: Sixteen>() {
    let numbers = Numbers::of::<T>();
    let inputs: Vec<T> = (0..T::ALL).map(|bits| <T as Format>::from_bits(bits)).collect();
    for (name, slices, scalar, exact) in cases::<T>() {
        let expected: Vec<u64> = inputs
            .iter()
            .map(|x| match (name, x.wide()) {
                (_, x) if x.is_nan() => T::CANONICAL_NAN,
                ("sigmoid" | "softplus", f64::NEG_INFINITY) => 0,
                ("sigmoid", f64::INFINITY) => T::of(1.0).bits(),
                ("log_sigmoid", f64::INFINITY) => T::of(-0.0).bits(),
                ("log_sigmoid", f64::NEG_INFINITY) | ("logit", 0.0) => {
                    T::of(f64::NEG_INFINITY).bits()
                }
                ("softplus", f64::INFINITY) | ("logit", 1.0) => T::of(f64::INFINITY).bits(),
                (_, x) => exact(x).map_or(T::CANONICAL_NAN, |y| numbers.round(y)),
            })
            .collect();
        let compare = |found: &[T], how: &str| {
            // The sign of log 1 is not judged.
            let plain = |bits| if name == "logit" && bits == 0x8000 { 0 } else { bits };
            let wrong: Vec<_> =
                (0..inputs.len()).filter(|&i| plain(found[i].bits()) != expected[i]).collect();
            let first = wrong.first().map(|&i| (inputs[i], found[i], expected[i]));
            assert!(wrong.is_empty(), "{name} {how}: {} wrong, first {first:?}", wrong.len());
        };
        compare(&inputs.iter().map(|&x| scalar(x)).collect::<Vec<_>>(), "alone");
        for level in Level::available() {
            let Some(slices) = slices else { continue };
            let mut out = dirty::<T>(inputs.len());
            slices(level, &inputs, &mut out).expect("equal lengths");
            compare(&out, level.name());
        }
        // The reference against big integers.
        for (x, &expected) in inputs.iter().zip(&expected).step_by(97) {
            if x.wide().is_finite() && x.wide().abs() < 600.0 {
                let x = &Real::new(x.wide());
                let real = match name {
                    "sigmoid" => Some(reference::sigmoid(x)),
                    "log_sigmoid" => Some(reference::log_sigmoid(x)),
                    "softplus" => Some(reference::softplus(x)),
                    _ => reference::logit(x),
                };
                let Some(real) = real else { continue };
                assert_eq!(real.nearest::<T>().map(Format::bits), Some(expected), "{name}({x:?})");
            }
        }
    }
}

#[test]
fn functions_of_every_f16_are_correctly_rounded() {
    check_every_number::<f16>();
}

#[test]
fn functions_of_every_bf16_are_correctly_rounded() {
    check_every_number::<bf16>();
}

/// A finite score of some kind, and another one.
fn pair<T: Sixteen>(random: &mut SplitMix64) -> (T, T) {
    let step = |x: T, steps: u64| <T as Format>::from_bits(x.bits().wrapping_add(steps) & 0xffff);
    // By way of f32 numbers are not spread quite evenly, which does not matter.
    let of = |x: f64| <T as num_traits::NumCast>::from(x as f32).expect("floats convert");
    let (c, r) = match random.below(4) {
        0 => {
            let mut any = || <T as Format>::from_bits(random.below(T::ALL));
            (any(), any())
        }
        1 => (of(random.uniform(-12.0, 12.0)), of(random.uniform(-12.0, 12.0))),
        2 => (of(random.log_uniform(-30.0, 7.0)), of(random.log_uniform(-30.0, 7.0))),
        _ => {
            let c = of(random.uniform(-30.0, 30.0));
            (c, step(c, random.below(33).wrapping_sub(16)))
        }
    };
    if c.is_finite() && r.is_finite() { (c, r) } else { (T::one(), T::zero()) }
}

/// The largest error of loss, gradient and second derivative of so many pairs, in ulp; and how many results are not the
/// nearest number.
fn check_pairs<T: Sixteen>(count: usize, seed: u64) -> ([f64; 3], u64) {
    const PIECE: usize = 1 << 12;
    let numbers = Numbers::of::<T>();
    let mut random = SplitMix64::new(seed);
    let (mut worst, mut missed) = ([0.0_f64; 3], 0);
    let mut judge = |output: usize, found: T, exact: Pair, at: (T, T)| {
        let exact = if exact.high == 0.0 { Pair::new(0.0) } else { exact };
        if found.bits() != numbers.round(exact) {
            // What rounds to −0 in truth is +0 in a gradient.
            if found.bits() == 0 && numbers.round(exact) == 0x8000 {
                return;
            }
            missed += 1;
        }
        let error = numbers.error(found.bits(), exact);
        let overflows = numbers.round(exact) & 0x7fff == numbers.0.len() as u64 - 1;
        assert!(
            error <= FOUND || overflows && found.bits() == numbers.round(exact),
            "output {output} at {at:?}: {found:?}, {error} ulp"
        );
        if !overflows {
            worst[output] = worst[output].max(error);
        }
    };
    let (mut losses, mut d_chosen, mut d_rejected) =
        (dirty::<T>(PIECE), dirty::<T>(PIECE), dirty::<T>(PIECE));
    for _ in 0..count.div_ceil(PIECE) {
        let (chosen, rejected): (Vec<T>, Vec<T>) =
            (0..PIECE).map(|_| pair::<T>(&mut random)).unzip();
        let pairs = Pairs::new(&chosen, &rejected).expect("equal lengths");
        pairs.losses_into(Logistic, &mut losses).expect("equal lengths");
        pairs
            .loss_and_gradients(Logistic, Reduction::Sum, &mut d_chosen, &mut d_rejected)
            .expect("equal lengths");
        for i in 0..PIECE {
            let at = (chosen[i], rejected[i]);
            let y = Pair::difference(at.1.wide(), at.0.wide());
            judge(0, losses[i], exact_softplus(y), at);
            judge(1, d_chosen[i], -exact_sigmoid(y), at);
            let negated =
                if d_chosen[i].bits() == 0 { 0x8000 } else { d_chosen[i].bits() ^ 0x8000 };
            assert_eq!(d_rejected[i].bits(), negated);
            if i % 16 == 0 {
                let jet = Logistic.eval(at.0, at.1);
                assert_eq!(
                    [jet.value.bits(), jet.grad.bits()],
                    [losses[i].bits(), d_chosen[i].bits()]
                );
                judge(2, jet.hess, exact_slope(y), at);
                assert_eq!(log_win_probability(at.0, at.1).bits(), (-losses[i]).bits());
                judge(1, win_probability(at.1, at.0), exact_sigmoid(y), at);
            }
        }
    }
    (worst, missed)
}

/// Nearly all results are the nearest number.
fn pairs_are_within<T: Sixteen>(pairs: usize, seed: u64) {
    let (worst, missed) = check_pairs::<T>(pairs, seed);
    println!("{}: at worst {worst:?} ulp, {missed} of {pairs}", core::any::type_name::<T>());
    // Not a comparison of nothing either.
    assert!(worst.iter().all(|worst| (0.49..=FOUND).contains(worst)), "{worst:?}");
    assert!(missed < (pairs / 256) as u64, "{missed}");
}

#[test]
fn pairs_are_within_their_limit() {
    pairs_are_within::<f16>(1 << 18, 1);
    pairs_are_within::<bf16>(1 << 18, 2);
}

#[test]
#[ignore = "minutes"]
fn many_pairs_are_within_their_limit() {
    pairs_are_within::<f16>(100_000_000, 3);
    pairs_are_within::<bf16>(100_000_000, 4);
}

fn check_strengths<T: Sixteen>() {
    let numbers = Numbers::of::<T>();
    let mut random = SplitMix64::new(5);
    for _ in 0..50_000 {
        let mut any = || <T as Format>::from_bits(random.below(numbers.0.len() as u64 - 1));
        let (a, b) = (any(), any());
        let found = win_probability_from_strengths(a, b);
        if a.wide() + b.wide() > 0.0 {
            let exact = Pair::new(a.wide()).divide(Pair::difference(a.wide(), -b.wide()));
            assert!(numbers.error(found.bits(), exact) <= LIMIT, "{a:?} {b:?} {found:?}");
        }
    }
}

#[test]
fn probabilities_from_strengths() {
    check_strengths::<f16>();
    check_strengths::<bf16>();
}

fn check_specials<T: Sixteen>() {
    let [inf, nan, max] = [f64::INFINITY, f64::NAN, T::max_value().wide()];
    let table = [
        // chosen, rejected, value, derivatives
        (inf, 0.0, 0.0, 0.0, 0.0),
        (0.0, -inf, 0.0, 0.0, 0.0),
        (0.0, inf, inf, -1.0, 0.0),
        (inf, inf, nan, nan, nan),
        (-inf, -inf, nan, nan, nan),
        (nan, 0.0, nan, nan, nan),
        (0.0, nan, nan, nan, nan),
        (1.0, 1.0, std::f64::consts::LN_2, -0.5, 0.25),
        (max, -max, 0.0, 0.0, 0.0),
        (-max, max, inf, -1.0, 0.0), // 2·MAX is too large for the format
        (-max, 0.0, max, -1.0, 0.0),
    ];
    for (chosen, rejected, value, grad, hess) in table {
        let expected = [value, grad, hess].map(|x| T::of(x).bits());
        let (c, r) = (T::of(chosen), T::of(rejected));
        let jet = Logistic.eval(c, r);
        assert_eq!([jet.value.bits(), jet.grad.bits(), jet.hess.bits()], expected, "{c:?} {r:?}");
        let (columns, mut out) = ([[c; 37], [r; 37]], dirty::<T>(37));
        for level in Level::available() {
            let pairs = Pairs::new(&columns[0], &columns[1]).expect("equal lengths");
            pairs.with_level(level).losses_into(Logistic, &mut out).expect("equal lengths");
            assert_eq!(bits(&out), [expected[0]; 37], "{level}");
        }
    }
}

#[test]
fn special_values() {
    check_specials::<f16>();
    check_specials::<bf16>();
}

/// Scores, margins, weights and labels.
fn columns<T: Sixteen>(len: usize, seed: u64) -> [Vec<T>; 5] {
    let mut random = SplitMix64::new(seed);
    let (chosen, rejected) = (0..len).map(|_| pair::<T>(&mut random)).unzip();
    let mut column =
        |f: &dyn Fn(&mut SplitMix64) -> f64| (0..len).map(|_| T::of(f(&mut random))).collect();
    let margins = column(&|random| random.uniform(-2.0, 2.0));
    let weights =
        column(&|random| if random.below(5) == 0 { 0.0 } else { random.uniform(0.1, 4.0) });
    let labels = column(&|random| random.uniform(0.0, 1.0));
    [chosen, rejected, margins, weights, labels]
}

/// The batch is the scalar function at every level, length and layout.
fn check_layouts<T: Sixteen>() -> Result<(), Error> {
    for len in (0..=67).chain([300]) {
        let [chosen, rejected, margins, weights, labels] = &columns::<T>(len, len as u64);
        let expected: Vec<_> = (0..len).map(|i| Logistic.eval(chosen[i], rejected[i])).collect();
        let losses: Vec<_> = expected.iter().map(|jet| jet.value.bits()).collect();
        let gradients: Vec<_> = expected.iter().map(|jet| jet.grad.bits()).collect();
        let scores: Vec<T> =
            chosen.iter().zip(rejected).flat_map(|(&c, &r)| [c, r, T::nan()]).collect();
        let pairs = [
            Pairs::new(chosen, rejected)?,
            Pairs::strided(
                Strided::new(&scores, 0, 3, len)?,
                Strided::new(&scores, 1.min(3 * len), 3, len)?,
            )?,
        ];
        let (mut all, mut weighted) = (Vec::new(), Vec::new());
        for (pairs, level) in
            pairs.into_iter().flat_map(|p| Level::available().map(move |l| (p, l)))
        {
            let pairs = pairs.with_level(level);
            let mut out = dirty::<T>(len);
            pairs.losses_into(Logistic, &mut out)?;
            assert_eq!(bits(&out), losses, "{len} at {level}");
            let (mut d_chosen, mut d_rejected) = (dirty::<T>(len), dirty::<T>(len));
            let sum = pairs.loss_and_gradients(
                Logistic,
                Reduction::Sum,
                &mut d_chosen,
                &mut d_rejected,
            )?;
            assert_eq!(bits(&d_chosen), gradients, "{len} at {level}");
            all.push(sum.to_bits());
            let pairs = pairs.with_margins(margins)?.with_weights(weights)?.with_labels(labels)?;
            let mut d_scores = vec![T::one(); 2 * len];
            let out = ScoreGradients::interleaved(&mut d_scores).added();
            let sum = pairs.loss_and_score_gradients(Logistic, Reduction::Sum, out)?;
            pairs.loss_and_gradients(Logistic, Reduction::Sum, &mut d_chosen, &mut d_rejected)?;
            for i in 0..len {
                let added = [d_chosen[i], d_rejected[i]].map(|g| T::of(1.0 + g.wide()).bits());
                assert_eq!(bits(&d_scores[2 * i..2 * i + 2]), added);
            }
            weighted.push((sum.to_bits(), bits(&d_chosen)));
        }
        assert!(all.iter().all(|sum| *sum == all[0]) && weighted.iter().all(|w| *w == weighted[0]));
    }
    Ok(())
}

#[test]
fn layouts_lengths_and_levels() -> Result<(), Error> {
    check_layouts::<f16>()?;
    check_layouts::<bf16>()
}

/// Margin, weight and label in one rounding; the gradient of the mean in one as well.
fn check_columns<T: Sixteen>() -> Result<(), Error> {
    let numbers = Numbers::of::<T>();
    let [chosen, rejected, margins, weights, labels] = &columns::<T>(500, 9);
    let pairs = Pairs::new(chosen, rejected)?
        .with_margins(margins)?
        .with_weights(weights)?
        .with_labels(labels)?;
    let (mut losses, mut gradient) = (dirty::<T>(500), dirty::<T>(500));
    pairs.losses_into(Logistic, &mut losses)?;
    pairs.loss_and_margin_gradient(Logistic, Reduction::Over(500.0), &mut gradient)?;
    for i in 0..500 {
        let [c, r, m, w, p] = [chosen, rejected, margins, weights, labels].map(|x| x[i].wide());
        let z = Pair::difference(c, r) - m;
        let (p, q) = (Pair::new(p), Pair::difference(1.0, p));
        let (loss, grad) = (
            p * exact_softplus(-z) + q * exact_softplus(z),
            q * exact_sigmoid(z) - p * exact_sigmoid(-z),
        );
        let loss = if w == 0.0 { Pair::new(0.0) } else { loss * w };
        // Beside a zero of the gradient its terms decide; there are none so near.
        let grad = if w == 0.0 { Pair::new(0.0) } else { (grad * w).divide(Pair::new(500.0)) };
        for (found, exact) in [(losses[i], loss), (gradient[i], grad)] {
            let rounded = numbers.round(exact);
            let fits = numbers.error(found.bits(), exact) <= LIMIT || found.bits() == rounded;
            assert!(fits, "{i}: {found:?}, exact {exact:?}");
        }
    }
    // The exact total is the sum of the losses as they are reported.
    let mut sum = Real::zero();
    for x in losses.iter().filter(|x| x.is_finite()) {
        sum = &sum + &Real::new(x.wide());
    }
    let total: Total = pairs.total(Logistic);
    let expected =
        if losses.iter().all(|x| x.is_finite()) { sum.midpoint() } else { f64::INFINITY };
    assert_eq!(total.sum().to_bits(), expected.to_bits());
    Ok(())
}

#[test]
fn margins_weights_and_labels_round_once() -> Result<(), Error> {
    check_columns::<f16>()?;
    check_columns::<bf16>()
}

/// Pairs of 16 bits widened on the way are pairs that were converted before, in every respect.
fn check_widened<H: Sixteen>() -> Result<(), Error> {
    for len in (0..=67).chain([128, 129, 5000]) {
        let [chosen, rejected, ..] = &columns::<H>(len, 7 + len as u64);
        let [_, _, margins, weights, labels] = &columns::<H>(len, 8)
            .map(|column| column.into_iter().map(|x| x.wide() as f32).collect::<Vec<_>>());
        let wide = |scores: &[H]| scores.iter().map(|x| x.wide() as f32).collect::<Vec<_>>();
        let (c, r) = (wide(chosen), wide(rejected));
        let converted = Pairs::new(&c, &r)?;
        let scores: Vec<H> =
            chosen.iter().zip(rejected).flat_map(|(&c, &r)| [c, r, H::nan()]).collect();
        let view = |start: usize| Strided::new(&scores, start.min(3 * len), 3, len);
        for level in Level::available() {
            for pairs in
                [Pairs::widened(chosen, rejected)?, Pairs::widened_strided(view(0)?, view(1)?)?]
            {
                let numbers = |pairs: Pairs<'_, f32>| -> Result<(Vec<u64>, Metrics), Error> {
                    let pairs = pairs.with_level(level);
                    let (mut a, mut b) = (dirty::<f32>(len), dirty::<f32>(len));
                    let mut all = Vec::new();
                    for pairs in [
                        pairs,
                        pairs.with_margins(margins)?.with_weights(weights)?.with_labels(labels)?,
                    ] {
                        let out = ScoreGradients::strided(
                            StridedMut::new(&mut a, 0, 1, len)?,
                            StridedMut::new(&mut b, 0, 1, len)?,
                        );
                        all.push(
                            pairs
                                .loss_and_score_gradients(Logistic, Reduction::Sum, out)?
                                .to_bits(),
                        );
                        all.extend(bits(&a).into_iter().chain(bits(&b)));
                        all.push(pairs.total(Logistic).sum().to_bits());
                    }
                    Ok((all, Metrics::of(&pairs)))
                };
                assert_eq!(numbers(pairs)?, numbers(converted)?, "{len} at {level}");
            }
        }
    }
    let (long, short) = ([H::one(); 2], [H::one()]);
    for got in [
        Pairs::widened(&long, &short),
        Pairs::widened_strided(Strided::new(&long, 0, 1, 2)?, Strided::new(&short, 0, 1, 1)?),
    ] {
        let error = got.map(|pairs| pairs.len()).expect_err("lengths differ");
        assert_eq!(error.to_string(), "rejected has 1 elements where chosen has 2");
    }
    Ok(())
}

#[test]
fn widened_pairs_are_converted_pairs() -> Result<(), Error> {
    check_widened::<f16>()?;
    check_widened::<bf16>()
}

/// Every number there is comes through as itself.
#[test]
fn every_number_is_widened_exactly() -> Result<(), Error> {
    fn check<H: Sixteen>() -> Result<(), Error> {
        let scores: Vec<H> = (0..H::ALL).map(|bits| <H as Format>::from_bits(bits)).collect();
        let zeros = vec![H::zero(); scores.len()];
        for level in Level::available() {
            // The loss of z under Hinge(0) is max(0, −z).
            let mut out = dirty::<f32>(scores.len());
            let pairs = Pairs::widened(&zeros, &scores)?.with_level(level);
            pairs.losses_into(pairwise_loss::Hinge::new(0.0)?, &mut out)?;
            for (x, y) in scores.iter().zip(out) {
                let expected = if x.wide() > 0.0 || x.is_nan() { x.wide() as f32 } else { 0.0 };
                assert!(y == expected || y.is_nan() && x.is_nan(), "{x:?} {y}");
            }
        }
        Ok(())
    }
    check::<f16>()?;
    check::<bf16>()
}

fn check_comparisons<T: Sixteen>() -> Result<(), Error> {
    let scores = [0.5, -1.25, 2.0, 0.0].map(T::of);
    let (winners, losers) = ([0, 2, 2, 3, 1], [1, 1, 3, 0, 2]);
    let games = Comparisons::new(&scores, &winners, &losers)?;
    let mut gradient = dirty::<T>(4);
    games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient)?;
    let mut expected = [T::of(0.0); 4];
    for (&winner, &loser) in winners.iter().zip(&losers) {
        let (winner, loser) = (winner as usize, loser as usize);
        let g = Logistic.eval(scores[winner], scores[loser]).grad.wide();
        expected[winner] = T::of(expected[winner].wide() + g);
        expected[loser] = T::of(expected[loser].wide() - g);
    }
    assert_eq!(bits(&gradient), bits(&expected));
    Ok(())
}

#[test]
fn comparisons() -> Result<(), Error> {
    check_comparisons::<f16>()?;
    check_comparisons::<bf16>()
}

fn check_ties<T: Sixteen>() -> Result<(), Error> {
    let mut random = SplitMix64::new(6);
    let len = 40_000;
    let mut column = || (0..len).map(|_| random.uniform(-3.0, 3.0) as f32).collect::<Vec<f32>>();
    let (mut chosen, mut rejected) = (column(), column());
    // True ties, infinities of overflow, and what is no tie at all.
    rejected[..50].copy_from_slice(&chosen[..50]);
    (chosen[50], rejected[50]) = (f32::MAX, f32::MAX / 1.0001);
    (chosen[51], rejected[51]) = (f32::NAN, f32::NAN);
    let round = |x: &[f32]| x.iter().map(|&x| T::of(x.into())).collect::<Vec<T>>();
    let (c, r) = (round(&chosen), round(&rejected));
    let weights: Vec<T> = (0..len).map(|i| T::of((i % 7) as f64)).collect();
    let master = Pairs::new(&chosen, &rejected)?;
    let tied = |i: &usize| c[*i].wide() == r[*i].wide() && chosen[*i] != rejected[*i];
    let all = (0..len).filter(tied).count() as u64;
    let kept = (0..len).filter(|i| i % 7 != 0).filter(tied).count() as u64;
    assert!(all > 1 && kept < all && tied(&50));
    let pairs = Pairs::new(&c, &r)?;
    assert_eq!(pairs.ties_by_rounding(&master)?, all);
    assert_eq!(Pairs::widened(&c, &r)?.ties_by_rounding(&master)?, all);
    assert_eq!(pairs.with_weights(&weights)?.ties_by_rounding(&master)?, kept);
    assert_eq!(pairs.ties_by_rounding(&pairs)?, 0);
    let error = pairs.ties_by_rounding(&Pairs::new(&chosen[1..], &rejected[1..])?);
    assert!(matches!(error, Err(Error::LengthMismatch { name: "master", .. })));
    Ok(())
}

#[test]
fn ties_by_rounding() -> Result<(), Error> {
    check_ties::<f16>()?;
    check_ties::<bf16>()
}

/// Generic code over the formats.
#[test]
fn formats_are_scores() {
    fn loss<T: Score>(c: T, r: T) -> T {
        Logistic.eval(c, r).value
    }
    assert_eq!(loss(f16::from_f32(-8.0), f16::from_f32(8.0)), f16::from_f32(16.0));
    assert_eq!(loss(bf16::from_f32(-8.0), bf16::from_f32(8.0)), bf16::from_f32(16.0));
}
