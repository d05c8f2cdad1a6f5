//! With the feature `serde`: what goes out comes back, and what can't have gone out is refused.
//!
//! Run with `cargo test --features serde --test serialize`.

#![cfg(feature = "serde")]

use pairwise_loss::{Logistic, Metrics, Pairs, Reduction, Ties, Total};
use serde::Serialize;
use serde::de::value::{Error as ValueError, StrDeserializer, U32Deserializer};
use serde::de::{Deserialize, DeserializeOwned, IntoDeserializer};
use serde_json::{Value, from_str, from_value, json, to_string, to_value};

fn batch() -> (Total, Metrics) {
    let (chosen, rejected) = ([1.5_f32, 0.25, -3.0, f32::INFINITY], [1.0_f32, 0.25, 2.0, 0.0]);
    let pairs =
        Pairs::new(&chosen, &rejected).unwrap().with_weights(&[1.0, 2.5, 0.5, 1.0]).unwrap();
    (pairs.total(Logistic), Metrics::of(&pairs))
}

#[track_caller]
fn assert_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
    text: &str,
) {
    assert_eq!(to_string(value).unwrap(), text);
    assert_eq!(&from_str::<T>(text).unwrap(), value);
}

#[track_caller]
fn refused<T: DeserializeOwned + std::fmt::Debug>(value: Value) -> String {
    from_value::<T>(value).unwrap_err().to_string()
}

#[test]
fn a_total_is_its_limbs() {
    let (total, _) = batch();
    let limbs = to_string(total.as_limbs()).unwrap();
    assert_back(&total, &limbs);
    assert!(limbs.len() < 400, "{limbs}");
    let empty = format!("[{}]", ["0"; Total::LIMBS].join(","));
    assert_back(&Total::default(), &empty);
}

#[test]
fn metrics_are_sums_and_extremes() {
    let (_, metrics) = batch();
    let integers = [&metrics.to_sums()[..], &metrics.to_extremes()].concat();
    assert_back(&metrics, &to_string(&integers).unwrap());
    assert_back(&Metrics::default(), &to_string(&Metrics::default()).unwrap());
}

#[test]
fn choices_are_names() {
    assert_back(&Reduction::Sum, "\"Sum\"");
    assert_back(&Reduction::Mean, "\"Mean\"");
    assert_back(&Reduction::WeightedMean, "\"WeightedMean\"");
    assert_back(&Reduction::Over(0.1), "{\"Over\":0.1}");
    assert_back(&[Ties::Wrong, Ties::Half, Ties::Skip], "[\"Wrong\",\"Half\",\"Skip\"]");
}

/// Binary formats write the index of a variant.
#[test]
fn choices_are_indices() {
    let index = |index: u32| -> U32Deserializer<ValueError> { index.into_deserializer() };
    let ties = [0, 1, 2].map(|i| Ties::deserialize(index(i)).unwrap());
    assert_eq!(ties, [Ties::Wrong, Ties::Half, Ties::Skip]);
    let reductions = [0, 1, 2].map(|i| Reduction::deserialize(index(i)).unwrap());
    assert_eq!(reductions, [Reduction::Sum, Reduction::Mean, Reduction::WeightedMean]);
    assert!(Ties::deserialize(index(3)).is_err());
    assert!(Reduction::deserialize(index(3)).is_err());
    let name: StrDeserializer<'_, ValueError> = "Half".into_deserializer();
    assert_eq!(Ties::deserialize(name), Ok(Ties::Half));
}

#[test]
fn a_corrupted_total_is_refused() {
    let (total, _) = batch();
    let value = to_value(&total).unwrap();
    let with = |position: usize, integer: Value| {
        let mut changed = value.clone();
        changed[position] = integer;
        refused::<Total>(changed)
    };
    let state = "not the state of a total or of metrics: ";
    assert_eq!(with(140, json!(-1)), format!("{state}a count is negative (140)"));
    assert_eq!(with(69, json!(5)), format!("{state}the sum exceeds that of 2^60 terms (69)"));
    assert!(with(0, json!(0.5)).contains("expected i64"));
    assert!(with(0, json!("0")).contains("expected i64"));
    assert!(with(0, json!(1_u64 << 63)).contains("expected i64"));

    let limbs = total.as_limbs();
    let length = "invalid length 143, expected 144 integers";
    assert_eq!(refused::<Total>(json!(limbs[1..])), length);
    assert!(from_str::<Total>(&to_string(&[limbs, &[0]].concat()).unwrap()).is_err());
    assert!(refused::<Total>(json!({ "limbs": limbs })).contains("expected 144 integers"));
    assert!(refused::<Total>(json!(1.5)).contains("expected 144 integers"));
}

#[test]
fn corrupted_metrics_are_refused() {
    let (_, metrics) = batch();
    let value = to_value(&metrics).unwrap();
    let with = |position: usize, integer: i64| {
        let mut changed = value.clone();
        changed[position] = json!(integer);
        refused::<Metrics>(changed)
    };
    let state = "not the state of a total or of metrics: ";
    let wins = Metrics::SUMS - 12;
    assert_eq!(with(wins, -3), format!("{state}a count is negative ({wins})"));
    let reason = "extremes that are none of such rewards (0)";
    assert_eq!(with(Metrics::SUMS, i64::MIN), format!("{state}{reason}"));
    assert_eq!(refused::<Metrics>(json!([1, 2])), "invalid length 2, expected 276 integers");
}

#[test]
fn unknown_choices_are_refused() {
    assert!(refused::<Ties>(json!("half")).contains("expected one of `Wrong`, `Half`, `Skip`"));
    assert!(refused::<Ties>(json!({ "Half": 1 })).contains("expected unit"));
    let message = refused::<Reduction>(json!("Median"));
    assert!(message.contains("`Sum`, `Mean`, `WeightedMean`, `Over`"), "{message}");
    assert!(!refused::<Reduction>(json!("Over")).is_empty());
    assert!(!refused::<Reduction>(json!({ "Over": "many" })).is_empty());
}
