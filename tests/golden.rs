//! The golden vectors: every row by the oracle, which shares nothing with the program that wrote them, and this crate
//! against every row.
//!
//! (a) Finite inputs are judged by big integers, infinite ones and NaN by a table of limits.
//! (b) The crate keeps its limits, and comes so near to them that neither they nor the rows are idle.
//! (c) What reads the rows and measures distances is what `examples/golden` offers to others, tested here as well.

#[path = "../examples/golden/table.rs"]
mod table;

use pairwise_loss::{
    Davidson, Error, Exponential, Hinge, Ipo, Logistic, PairLoss, Pairs, RaoKupper, RobustLogistic,
    Score, SquaredHinge, Tuned,
};
use reference::ulp::Format as _;
use reference::{Loss, Options, Real, ulp};
use std::collections::BTreeMap;
use table::{Columns, Expected, Row, number, unit};

const F32_ULP: f64 = 0.501;
/// Results that are differences of terms included, down to half the largest of them.
const F64_ULP: f64 = 0.55;
/// Beside a zero, beyond the half unit of the last rounding, in units of the largest term.
const F32_CANCELLING: f64 = 1.0 / 65536.0;
const F64_CANCELLING: f64 = 1.0 / 16.0;
/// By how much a limit may lie above the largest error that is found.
const SLACK: f64 = 0.05;
/// Rests are given to five digits.
const REST: f64 = 0.5e-5;

const FILES: [&str; 2] =
    [include_str!("../golden/v1/f32.csv"), include_str!("../golden/v1/f64.csv")];

const FUNCTIONS: [&str; 7] = [
    "sigmoid",
    "log_sigmoid",
    "softplus",
    "logit",
    "win_probability",
    "log_win_probability",
    "win_probability_from_strengths",
];

const LOSSES: [(&str, Loss); 11] = [
    ("logistic", Loss::Logistic),
    ("logistic_with_columns", Loss::Logistic),
    ("robust_logistic", Loss::RobustLogistic(0.1)),
    ("hinge", Loss::Hinge(1.0)),
    ("squared_hinge", Loss::SquaredHinge(0.75)),
    ("exponential", Loss::Exponential),
    ("ipo", Loss::Ipo(0.1)),
    ("rao_kupper_win", Loss::RaoKupperWin(0.3)),
    ("rao_kupper_tie", Loss::RaoKupperTie(0.3)),
    ("davidson_win", Loss::DavidsonWin(0.7)),
    ("davidson_tie", Loss::DavidsonTie(0.7)),
];

const TUNED: [(&str, Loss, reference::Tuned); 2] = [
    (
        "tuned_logistic",
        Loss::Logistic,
        reference::Tuned { scale: 0.1, margin: 0.5, smoothing: 0.0625 },
    ),
    (
        "tuned_squared_hinge",
        Loss::SquaredHinge(0.75),
        reference::Tuned { scale: 0.5, margin: -0.25, smoothing: 0.125 },
    ),
];

fn rows() -> Vec<Row> {
    FILES
        .iter()
        .flat_map(|text| Columns::parse(text).and_then(|table| table.golden()).expect("a table"))
        .collect()
}

/// a, b, margin, weight, label.
fn inputs(row: &Row) -> [f64; 5] {
    let absent = [0.0, 0.0, 0.0, 1.0, 1.0];
    std::array::from_fn(|i| row.inputs[i].map_or(absent[i], |bits| number(bits, row.single)))
}

fn exact(row: &Row) -> Option<Vec<Real>> {
    let [a, b, margin, weight, label] = inputs(row);
    let unary = |f: fn(&Real) -> Real| Some(vec![f(&Real::finite(a)?)]);
    let (loss, tuned) = match row.case.as_str() {
        "sigmoid" => return unary(reference::sigmoid),
        "log_sigmoid" => return unary(reference::log_sigmoid),
        "softplus" => return unary(reference::softplus),
        "logit" => return Some(vec![reference::logit(&Real::finite(a)?)?]),
        "win_probability" => return Some(vec![reference::win_probability(a, b)?]),
        "log_win_probability" => return Some(vec![reference::log_win_probability(a, b)?]),
        "win_probability_from_strengths" => {
            return Some(vec![reference::win_probability_from_strengths(a, b)?]);
        }
        case => LOSSES
            .iter()
            .map(|&(name, loss)| (name, loss, reference::Tuned::default()))
            .chain(TUNED)
            .find(|(name, ..)| *name == case)
            .map(|(_, loss, tuned)| (loss, tuned))
            .expect(case),
    };
    let jet = reference::pair(loss, &Options { tuned, margin, weight, label }, a, b)?;
    Some(vec![jet.value, jet.grad, jet.hess])
}

const INF: f64 = f64::INFINITY;

/// Where an input is NaN, infinite, or outside of the domain.
fn limit(row: &Row) -> Vec<f64> {
    let [a, b, margin, weight, label] = inputs(row);
    let slope = 0.1 / (1.0 - 2.0 * 0.1);
    let z = a - b - margin;
    // At +∞, at −∞.
    let [above, below] = match row.case.as_str() {
        "sigmoid" | "win_probability" => [[1.0, 0.0, 0.0], [0.0; 3]],
        "log_sigmoid" | "log_win_probability" => [[0.0; 3], [-INF, 0.0, 0.0]],
        "softplus" => [[INF, 0.0, 0.0], [0.0; 3]],
        "logit" => {
            return vec![if a == 0.0 {
                -INF
            } else if a == 1.0 {
                INF
            } else {
                f64::NAN
            }];
        }
        "win_probability_from_strengths" => {
            let undetermined = !(a >= 0.0 && b >= 0.0) || (a == b);
            return vec![if undetermined { f64::NAN } else { f64::from(u8::from(a == INF)) }];
        }
        "logistic" | "rao_kupper_win" | "davidson_win" | "hinge" => [[0.0; 3], [INF, -1.0, 0.0]],
        "logistic_with_columns" => {
            let wins = [0.0, 0.0, 0.0];
            let side = |p: f64, jet: [f64; 3]| {
                if p == 0.0 { [0.0; 3] } else { jet.map(|x| if x == 0.0 { 0.0 } else { x * p }) }
            };
            let jet = |kept: f64, flipped: f64| {
                let (x, y) = (side(kept, wins), side(flipped, [INF, -1.0, 0.0]));
                [x[0] + y[0], x[1] + y[1], x[2] + y[2]].map(|x| weight * x)
            };
            let above = jet(label, 1.0 - label);
            let below = jet(1.0 - label, label);
            if weight == 0.0 {
                return vec![0.0; 3];
            }
            [[above[0], -above[1], above[2]], below]
        }
        "robust_logistic" => [[-INF, -slope, 0.0], [INF, -1.0 - slope, 0.0]],
        "squared_hinge" => [[0.0; 3], [INF, -INF, 2.0]],
        "exponential" => [[0.0; 3], [INF, -INF, INF]],
        "ipo" => [[INF, INF, 2.0], [INF, -INF, 2.0]],
        "rao_kupper_tie" => [[INF, 1.0, 0.0], [INF, -1.0, 0.0]],
        "davidson_tie" => [[INF, 0.5, 0.0], [INF, -0.5, 0.0]],
        // 1/16 of the logistic loss is that of the opposite label; β = 0.1.
        "tuned_logistic" => [[INF, 0.1 / 16.0, 0.0], [INF, -0.1 * 15.0 / 16.0, 0.0]],
        // 2·β²·(share of the label): 2·¼·⅛, 2·¼·⅞
        "tuned_squared_hinge" => [[INF, INF, 0.0625], [INF, -INF, 0.4375]],
        case => panic!("{case}"),
    };
    let jet = if z.is_nan() {
        [f64::NAN; 3]
    } else if z > 0.0 {
        above
    } else {
        below
    };
    jet[..row.expected.iter().flatten().count()].to_vec()
}

fn nearest<T: ulp::Format>(exact: &Real) -> (u64, f64) {
    let nearest = exact.nearest::<T>().expect("a settled number");
    let unit = unit(nearest.to_f64(), T::BITS == 32);
    let rest = (exact - &Real::new(nearest.to_f64())).scaled(-(unit.log2() as i64)).approximate();
    (nearest.bits(), rest)
}

/// Rows by big integers, rows by limits.
fn check_by_oracle(rows: &[Row]) -> Result<[usize; 2], String> {
    let mut counts = [0; 2];
    for row in rows {
        let wrong = |what: &str| Err(format!("{what} {row:?}"));
        let expected: Vec<&Expected> = row.expected.iter().flatten().collect();
        if let Some(exact) = exact(row) {
            if exact.len() != expected.len() {
                return wrong("number of outputs");
            }
            for (exact, expected) in exact.iter().zip(expected) {
                let infinite = number(expected.bits, row.single).is_infinite();
                let (bits, rest) = match exact.midpoint::<f64>() {
                    _ if infinite && row.single => {
                        (exact.nearest::<f32>().expect("settled").bits(), 0.0)
                    }
                    _ if infinite => (exact.nearest::<f64>().expect("settled").bits(), 0.0),
                    _ if row.single => nearest::<f32>(exact),
                    _ => nearest::<f64>(exact),
                };
                let sign = if row.single { 1 << 31 } else { 1 << 63 };
                let zero = bits & !sign == 0 && expected.bits & !sign == 0;
                if !zero && bits != expected.bits || (rest - expected.rest).abs() > 1.001 * REST {
                    return wrong(&format!("{bits:x} {rest}"));
                }
            }
            counts[0] += 1;
        } else {
            for (limit, expected) in limit(row).into_iter().zip(expected) {
                let found = number(expected.bits, row.single);
                let limit = if row.single { f64::from(limit as f32) } else { limit };
                // A product with a parameter is rounded twice here.
                let near = (found - limit).abs() <= limit.abs() * f64::EPSILON;
                if !(found == limit || found.is_nan() && limit.is_nan() || near) {
                    return wrong(&format!("{limit}"));
                }
            }
            counts[1] += 1;
        }
    }
    Ok(counts)
}

#[test]
fn every_row_by_the_oracle() {
    let rows = rows();
    let [finite, limits] = check_by_oracle(&rows).unwrap();
    assert!(finite > 10_000 && limits > 200, "{finite}, {limits}");

    // It would see a bit, and a digit.
    let mut wrong = rows.clone();
    wrong[100].expected[0].as_mut().expect("a value").bits ^= 1;
    check_by_oracle(&wrong).unwrap_err();
    let mut wrong = rows.clone();
    wrong[100].expected[0].as_mut().expect("a value").rest += 2.0 * REST;
    check_by_oracle(&wrong).unwrap_err();
}

fn own<T: Score + ulp::Format>(row: &Row) -> Result<Vec<u64>, Error> {
    let [a, b, margin, weight, label] = inputs(row).map(T::of);
    let value = |x: T| Ok(vec![x.bits()]);
    let jet = |jet: pairwise_loss::Jet<T>| Ok([jet.value, jet.grad, jet.hess].map(T::bits).into());
    match row.case.as_str() {
        "sigmoid" => value(pairwise_loss::sigmoid(a)),
        "log_sigmoid" => value(pairwise_loss::log_sigmoid(a)),
        "softplus" => value(pairwise_loss::softplus(a)),
        "logit" => value(pairwise_loss::logit(a)),
        "win_probability" => value(pairwise_loss::win_probability(a, b)),
        "log_win_probability" => value(pairwise_loss::log_win_probability(a, b)),
        "win_probability_from_strengths" => {
            value(pairwise_loss::win_probability_from_strengths(a, b))
        }
        "logistic_with_columns" => {
            let (a, b, margin, weight, label) = ([a], [b], [margin], [weight], [label]);
            let pairs = Pairs::new(&a, &b)?
                .with_margins(&margin)?
                .with_weights(&weight)?
                .with_labels(&label)?;
            let mut out = [[T::zero()]; 3];
            pairs.losses_into(Logistic, &mut out[0])?;
            pairs.gradients_into(Logistic, &mut out[1])?;
            pairs.hessians_into(Logistic, &mut out[2])?;
            Ok(out.iter().flatten().map(|x| x.bits()).collect())
        }
        "logistic" => jet(Logistic.eval(a, b)),
        "robust_logistic" => jet(RobustLogistic::new(0.1)?.eval(a, b)),
        "hinge" => jet(Hinge::new(1.0)?.eval(a, b)),
        "squared_hinge" => jet(SquaredHinge::new(0.75)?.eval(a, b)),
        "exponential" => jet(Exponential.eval(a, b)),
        "ipo" => jet(Ipo::new(0.1)?.eval(a, b)),
        "rao_kupper_win" => jet(RaoKupper::new(0.3)?.win().eval(a, b)),
        "rao_kupper_tie" => jet(RaoKupper::new(0.3)?.tie().eval(a, b)),
        "davidson_win" => jet(Davidson::new(0.7)?.win().eval(a, b)),
        "davidson_tie" => jet(Davidson::new(0.7)?.tie().eval(a, b)),
        "tuned_logistic" => {
            let loss = Tuned::new(Logistic).scale(0.1)?.margin(0.5)?.smoothing(0.0625)?;
            jet(loss.eval(a, b))
        }
        "tuned_squared_hinge" => {
            let loss = Tuned::new(SquaredHinge::new(0.75)?);
            jet(loss.scale(0.5)?.margin(-0.25)?.smoothing(0.125)?.eval(a, b))
        }
        case => panic!("{case}"),
    }
}

#[test]
fn the_crate_keeps_its_limits_at_every_row() {
    let mut largest = BTreeMap::from([(false, 0.0_f64), (true, 0.0)]);
    for row in rows() {
        let computed = if row.single { own::<f32>(&row) } else { own::<f64>(&row) };
        let computed = computed.expect("valid parameters");
        let (limit, cancelling) =
            if row.single { (F32_ULP, F32_CANCELLING) } else { (F64_ULP, F64_CANCELLING) };
        assert_eq!(computed.len(), row.expected.iter().flatten().count());
        for (expected, computed) in row.expected.iter().flatten().zip(computed) {
            let Some(error) = expected.error(computed, row.single) else {
                panic!("{computed:x} {row:?}");
            };
            if number(expected.bits, row.single).is_nan() {
                assert_eq!(computed, expected.bits, "the canonical NaN");
            }
            if expected.terms > 0 && error > limit {
                assert!(expected.of_terms(error) <= cancelling, "{error} {computed:x} {row:?}");
            } else {
                assert!(error <= limit + REST, "{error} {computed:x} {row:?}");
                let largest = largest.entry(row.single).or_default();
                *largest = largest.max(error);
            }
            if row.single && ["sigmoid", "log_sigmoid", "softplus"].contains(&row.case.as_str()) {
                assert!(error <= 0.5 + REST, "correct rounding: {error} {row:?}");
            }
        }
    }
    assert!(largest[&true] > F32_ULP - SLACK && largest[&false] > F64_ULP - SLACK, "{largest:?}");
}

#[test]
fn every_case_and_stratum_is_there() {
    let mut counts = BTreeMap::<(bool, String), BTreeMap<String, usize>>::new();
    for row in rows() {
        *counts.entry((row.single, row.case)).or_default().entry(row.stratum).or_default() += 1;
    }
    let cases = FUNCTIONS.into_iter().chain(LOSSES.map(|x| x.0)).chain(TUNED.map(|x| x.0));
    for case in cases {
        for single in [true, false] {
            let strata = &counts[&(single, case.to_string())];
            for stratum in ["special", "boundary", "random"] {
                assert!(strata[stratum] >= 5, "{case} {strata:?}");
            }
        }
    }
    // What the crate exports.
    let face = include_str!("../src/lib.rs");
    for list in ["pub use scalar::{", "pub use loss::{"] {
        let list = face.split_once(list).expect("a list").1.split_once("};").expect("its end").0;
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let mut snake = String::new();
            for letter in name.chars() {
                if letter.is_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.extend(letter.to_lowercase());
            }
            // Not losses of a margin, or made by others.
            let other = ["jet", "pair_loss", "tie_probabilities", "centering"];
            assert!(
                other.contains(&snake.as_str())
                    || counts.keys().any(|(_, case)| case.contains(&snake)),
                "{name} has no golden vectors"
            );
        }
    }
}

#[test]
fn distances_are_measured_from_the_true_value() {
    let third = Expected { bits: (1.0_f64 / 3.0).to_bits(), rest: 1.0 / 3.0, terms: 0 };
    let near = |x: Option<f64>, y: f64| (x.expect("finite") - y).abs() < 1e-12;
    let bits = third.bits;
    assert!(near(third.error(bits, false), 1.0 / 3.0));
    assert!(near(third.error(bits + 1, false), 2.0 / 3.0));
    assert!(near(third.error(bits - 1, false), 4.0 / 3.0));
    assert!(near(third.error(bits + 1000, false), 1000.0 - 1.0 / 3.0));
    assert_eq!(third.error(f64::NAN.to_bits(), false), None);
    assert_eq!(third.error(INF.to_bits(), false), None);

    for (x, exponent) in [(f64::MAX, 971), (1.0, -52), (2f64.powi(-970), -1022)] {
        assert_eq!(unit(x, false), 2f64.powi(exponent));
    }
    for x in [2f64.powi(-1022), 2f64.powi(-1030), 0.0] {
        assert_eq!(unit(x, false), f64::from_bits(1));
    }
    assert_eq!(unit(2f64.powi(-971), false), f64::from_bits(1 << 51));
    assert_eq!(
        [f32::MAX, f32::MIN_POSITIVE, 0.0].map(|x| unit(x.into(), true).log2()),
        [104.0, -149.0, -149.0]
    );

    // Subnormal numbers are one unit apart, and so is the least of them from zero, whatever its sign.
    let least = Expected { bits: 1, rest: 0.0, terms: 0 };
    for (computed, error) in [(1, 0.0), (0, 1.0), (1 << 31, 1.0), (2, 1.0), (1 << 23, 8_388_607.0)]
    {
        assert_eq!(least.error(computed, true), Some(error));
    }
    assert_eq!(least.error(1 << 52, false), Some(2f64.powi(52) - 1.0));

    let nan = Expected { bits: 0x7fc0_0000, rest: 0.0, terms: 0 };
    assert_eq!(nan.error(0xffc0_1234, true), Some(0.0));
    assert_eq!(nan.error(0, true), None);
    let infinite = Expected { bits: 0x7f80_0000, rest: 0.0, terms: 0 };
    for (computed, error) in [(0x7f80_0000, Some(0.0)), (0xff80_0000, None), (0x7f7f_ffff, None)] {
        assert_eq!(infinite.error(computed, true), error);
    }

    // Beside a zero: eight units of the result are half a unit beyond one half of a term 2⁴ as large.
    assert_eq!(Expected { terms: 4, ..third }.of_terms(8.5), 0.5);
    assert_eq!(third.of_terms(0.25), 0.0);
}

#[test]
fn results_find_their_rows_in_any_order() {
    let golden = Columns::parse(FILES[0]).expect("a table");
    let text = "case,gradient,value,b,a\nlogistic,BF000000,3f317218,00000000,3F800000\n\
                logistic,,,00000000,00000000\n";
    let results = Columns::parse(text).expect("results");
    assert_eq!(
        results.results().expect("numbers"),
        [[Some(0x3f31_7218), Some(0xbf00_0000), None], [None; 3]]
    );
    let keys = golden.keys().expect("keys");
    for key in results.keys().expect("keys") {
        assert_eq!(keys.iter().filter(|other| **other == key).count(), 1, "{key:?}");
    }
    // No row stands there twice, and no cell is lost in silence.
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
    assert!(Columns::parse("case,a\nlogistic\n").is_err());
    assert!(Columns::parse("case,value\nlogistic,1e-3\n").expect("a table").results().is_err());
    assert!(Columns::parse("a,value\n0,0\n").expect("a table").keys().is_err());
}
