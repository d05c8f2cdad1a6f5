//! Every public function and loss against the truth, in both formats: the largest error stays below the limit that is
//! promised, and comes within [`SLACK`] of it, so that no limit is loose.
//!
//! (a) The cases, the points and the two references are those of `examples/accuracy`, which runs them for longer. This
//!     is the part that fits an ordinary test run.
//! (b) The quick reference is itself held against big integers here.
//! (c) `examples/exhaustive` tries all 2³² inputs where the promise is correct rounding.

#[path = "../examples/accuracy/cases.rs"]
mod cases;
#[path = "../examples/accuracy/double_double.rs"]
mod double_double;
#[path = "../examples/accuracy/measure.rs"]
mod measure;
#[path = "../examples/accuracy/points.rs"]
mod points;
#[path = "../examples/accuracy/worst.rs"]
mod worst;

use cases::{Case, OUTPUTS};
use double_double::Pair;
use measure::{Found, measure};
use pairwise_loss::Level;
use points::{Format, Inputs, Points};
use reference::Real;
use reference::random::SplitMix64;

/// By how much a limit may lie above the largest error that is found.
const SLACK: f64 = 0.05;

/// Points of each case.
const POINTS: u64 = 1 << 17;

/// Of the points that only big integers can judge, one in this many is.
const SPARSE: usize = 32;

/// Every f32 result: ½ and what the last place of one `f64` amounts to.
const F32_ULP: f64 = 0.501;

/// Logistic functions and losses of `f64`, the exponential, and the logit.
const F64_ULP: f64 = 0.54;

/// f64 results from sums, products and quotients alone.
const F64_ARITHMETIC_ULP: f64 = 0.501;

/// f64 results that are sums of terms of both signs, down to half the largest of them.
const F64_DIFFERENCE_ULP: f64 = 0.55;

/// Nearer to their zero: beyond the half unit of the last rounding, in units of the largest term.
const F64_CANCELLING: f64 = 1.0 / 16.0;

/// The same for `f32`: the relative error of the short exponential, 8.2·10⁻¹³, in units of 24 bits.
const F32_CANCELLING: f64 = 1.0 / 65536.0;

/// The limit of one output of a case; 0 where it is a constant of the loss.
fn limit(case: &Case, output: usize) -> f64 {
    match (case.name, output) {
        ("Hinge", 1 | 2) | ("SquaredHinge" | "Ipo", 2) => 0.0,
        _ if case.format == Format::Single => F32_ULP,
        ("Hinge" | "SquaredHinge" | "Ipo" | "win_probability_from_strengths", _) => {
            F64_ARITHMETIC_ULP
        }
        ("Logistic with labels" | "Logistic with all three" | "Tuned Logistic", 1)
        | ("RobustLogistic", 0) => F64_DIFFERENCE_ULP,
        _ => F64_ULP,
    }
}

/// The largest error against big integers at the worst place, which need not be that of the quick reference.
fn confirmed(case: &Case, output: usize, found: &Found) -> f64 {
    let at = found.plain.expect("points without cancellation").at;
    case.exact_error(case.compute(&[at])[0][output], &case.exact(&at)[output])
}

fn check(format: Format) {
    let mut wrong = Vec::new();
    for case in cases::all().iter().filter(|case| case.format == format) {
        let found = measure(case, 1, POINTS, SPARSE, 1, |_| {});
        for (output, found) in found.iter().enumerate().take(case.outputs()) {
            let (error, limit) = (confirmed(case, output, found), limit(case, output));
            let cancelling = found.cancelling.map_or(0.0, |worst| worst.error);
            let cancelling_limit = match format {
                Format::Single => F32_CANCELLING,
                Format::Double => F64_CANCELLING,
            };
            if !(limit - SLACK..=limit).contains(&error) || cancelling > cancelling_limit {
                let name = OUTPUTS[output];
                wrong.push(format!(
                    "{} {name}, {}: {error} ulp of {limit}, {cancelling} beside its zero; {:?}",
                    case.name,
                    format.name(),
                    found.plain
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn f32_results_are_within_their_limits() {
    check(Format::Single);
}

#[test]
fn f64_results_are_within_their_limits() {
    check(Format::Double);
}

/// Inputs of `f32` functions that tell a correct rounding from an almost correct one.
fn hard_inputs() -> Vec<f32> {
    let mut inputs = vec![
        // S lies 1.5·2⁻⁵³ from a midpoint.
        f32::from_bits(0x398b_9622),
        0.0,
        f32::MIN_POSITIVE,
        f32::MAX,
    ];
    // σ at odd multiples of 2⁻²³ and 2⁻²⁴ below 2⁻¹⁶ lies x³/48 from a midpoint.
    for (power, end) in [(-23, 1 << 7), (-24, 1 << 8)] {
        inputs.extend((1..end).step_by(2).map(|odd| odd as f32 * 2f32.powi(power)));
    }
    // Ends of the range: from where results are constant, subnormal, zero.
    for edge in [16.635_532, 17.0, 87.336_55, 88.722_84, 103.278_93, 103.972_08_f32] {
        inputs.extend((0..64).map(|i| f32::from_bits(edge.to_bits() - 32 + i)));
    }
    inputs.extend(inputs.clone().into_iter().map(|x| -x));
    inputs.extend([f32::INFINITY, f32::NEG_INFINITY]);
    inputs
}

/// A function over slices.
type Run = fn(Level, &[f32], &mut [f32]) -> Result<(), pairwise_loss::Error>;

/// 2²² inputs of every kind, to the bit, the signs of zeros included.
#[test]
fn f32_functions_are_correctly_rounded() {
    let mut inputs = hard_inputs();
    let stream = Points::new(Inputs::One, Format::Single, 7);
    inputs.extend(stream.take(1 << 22).map(|point| point.chosen as f32));
    // The part of the range where nothing is trivial, evenly.
    inputs.extend((0x3380_0000..0x42d0_0000).step_by(509).map(f32::from_bits));
    inputs.extend((0xb380_0000..0xc2d0_0000).step_by(509).map(f32::from_bits));

    let level = Level::best();
    let mut out = vec![0.0_f32; inputs.len()];
    let mut compare = |name, run: Run, expected: fn(f32) -> f32| {
        run(level, &inputs, &mut out).expect("equal lengths");
        let failures: Vec<_> = inputs
            .iter()
            .zip(&out)
            .filter(|&(&x, y)| y.to_bits() != expected(x).to_bits())
            .map(|(x, y)| format!("{name}({x:e} = {:#010x}) = {y:e}", x.to_bits()))
            .collect();
        assert!(
            failures.is_empty(),
            "{} of {}, {}",
            failures.len(),
            inputs.len(),
            failures[..failures.len().min(5)].join(", ")
        );
    };
    compare("sigmoid", Level::sigmoid_into, reference::fast::sigmoid);
    compare("log_sigmoid", Level::log_sigmoid_into, reference::fast::log_sigmoid);
    compare("softplus", Level::softplus_into, reference::fast::softplus);
}

/// The worst points that long searches have found.
#[test]
fn worst_points_known_are_within_the_limits() {
    let cases = cases::all();
    for known in worst::KNOWN {
        let case = known.find(&cases);
        let point = known.point();
        let computed = case.compute(&[point])[0][known.output];
        let error = case.exact_error(computed, &case.exact(&point)[known.output]);
        assert!(error <= limit(case, known.output), "{known:?}: {error}");
    }
}

/// A case for every function and loss that the crate exports.
#[test]
fn nothing_that_is_exported_is_left_out() {
    let face = include_str!("../src/lib.rs");
    let names = |start: &str| -> Vec<String> {
        let list = face.split_once(start).expect("a list of exports").1;
        let list = list.split_once("};").expect("its end").0;
        list.split(',')
            .map(|name| name.trim().to_string())
            .filter(|name| !name.is_empty())
            .collect()
    };
    let cases = cases::all();
    let mut exported = names("pub use scalar::{");
    exported.extend(names("pub use loss::{"));
    assert!(exported.len() >= 14, "{exported:?}");
    // Against exact arithmetic as well, elsewhere: two scores or a further parameter do not fit the cases here.
    let elsewhere = [include_str!("ties.rs"), include_str!("reward_trainer.rs")];
    let is_elsewhere = |name: &str| elsewhere.iter().any(|file| file.contains(name));
    let of_one_margin = |name: &&String| {
        let name = name.as_str();
        let special = ["Centering", "RaoKupper", "Davidson", "TieProbabilities"]
            .iter()
            .any(|x| name.starts_with(x));
        assert!(!special || is_elsewhere(name), "{name} is tested nowhere");
        !special && !["Jet", "PairLoss"].contains(&name)
    };
    for name in exported.iter().filter(of_one_margin) {
        for format in [Format::Single, Format::Double] {
            assert!(
                cases.iter().any(|case| case.name.contains(name.as_str()) && case.format == format),
                "{name} in {}",
                format.name()
            );
        }
    }
}

/// |a − b| / |b|, b ≠ 0.
fn relative(pair: Pair, exact: &Real) -> f64 {
    let difference = Real::new(pair.high) + Real::new(pair.low) - exact;
    difference.divide(exact, 64).approximate().abs()
}

/// The quick reference keeps to the 95 bits it claims, in its functions and in every case.
#[test]
fn the_quick_reference_agrees_with_big_integers() {
    let bound = 2f64.powi(-95);
    let mut random = SplitMix64::new(5);
    for i in 0..6_000 {
        let x =
            if i % 2 == 0 { random.uniform(-600.0, 600.0) } else { random.log_uniform(-60.0, 6.0) };
        let pair = Pair { high: x, low: x * random.uniform(-1.0, 1.0) * f64::EPSILON / 2.0 };
        let real = Real::new(pair.high) + Real::new(pair.low);
        for (name, quick, exact) in [
            ("sigmoid", pair.sigmoid(), reference::sigmoid(&real)),
            ("softplus", pair.softplus(), reference::softplus(&real)),
            ("exp", Some(pair.exp()), reference::settle(|bits| real.exp(bits))),
        ] {
            let quick = quick.expect("an argument within reach");
            if quick.is_whole() {
                let error = relative(quick, &exact);
                assert!(error < bound, "{name}({x:e}): 2^{}", error.log2());
            }
        }
    }
    for case in cases::all() {
        let mut compared = 0;
        for point in Points::new(case.inputs, case.format, 3).take(400) {
            let Some(bulk) = case.bulk(&point) else { continue };
            let exact = case.exact(&point);
            assert_eq!(exact.len(), case.outputs(), "{} {point:?}", case.name);
            for (exact, (quick, largest_term)) in exact.iter().zip(bulk) {
                // Relative to the largest term where terms cancel.
                let difference = Real::new(quick.high) + Real::new(quick.low) - exact;
                let error = difference.approximate().abs();
                assert!(error <= largest_term * bound, "{} {point:?}: {error:e}", case.name);
                compared += 1;
            }
        }
        assert!(compared > 200 || case.bulk(&probe(&case)).is_none(), "{}: {compared}", case.name);
    }
}

/// A point within reach of every quick reference there is.
fn probe(case: &Case) -> points::Point {
    let mut points = Points::new(case.inputs, case.format, 4);
    points.find(|point| point.chosen > 0.25 && point.chosen < 0.75).expect("such a point")
}
