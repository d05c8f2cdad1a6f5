//! Normalisers beside the ends of the range: every level divides by them alike, or they are refused.

use pairwise_loss::{Error, Groups, Level, Logistic, Pairs, Reduction, Score};
use reference::bits;

const MOST: f64 = f64::from_bits((1023 + 970) << 52);

fn said<T: Score + reference::Format>(pairs: Pairs<'_, T>, n: f64) -> Result<Vec<u64>, Error> {
    let mut gradient = vec![T::one(); pairs.len()];
    let value = pairs.loss_and_margin_gradient(Logistic, Reduction::Over(n), &mut gradient)?;
    assert!(!value.is_nan() && gradient.iter().all(|g| !g.is_nan()), "{n:e}");
    Ok([vec![value.to_bits()], bits(&gradient)].concat())
}

fn every_level_divides_alike<T: Score + reference::Format>() {
    let chosen = [0.0, 3.0, -5.0, 60.0, 0.5].map(T::of);
    let rejected = [1.0, 0.0, 2.5, 0.0, 0.25].map(T::of);
    let pairs = Pairs::new(&chosen, &rejected).expect("lengths");
    for n in [MOST, 1e291, 1e100, 1e-100, 1e-291, 1.0 / MOST].into_iter().flat_map(|n| [n, -n]) {
        let expected = said(pairs, n).expect("a normaliser");
        for level in Level::available() {
            assert_eq!(said(pairs.with_level(level), n).as_ref(), Ok(&expected), "{n:e}, {level}");
        }
    }
    for n in [1.01 * MOST, 0.99 / MOST, 1e307, f64::MAX, 6e-309, -1e301, -1e-301] {
        assert!(said(pairs, n).is_err(), "{n:e}");
    }
}

#[test]
fn every_level_divides_alike_or_refuses() {
    every_level_divides_alike::<f32>();
    every_level_divides_alike::<f64>();
}

/// Σw is a normaliser as well, and so is one times the pairs of a prompt.
#[test]
fn normalisers_that_come_about() {
    let weights = [1e-300_f64, 2e-300];
    let pairs =
        Pairs::new(&[0.0_f64, 1.0], &[1.0, 0.0]).and_then(|pairs| pairs.with_weights(&weights));
    assert!(pairs.expect("weights").loss(Logistic, Reduction::WeightedMean).is_err());
    let groups = Groups::new(&[0.0_f64, 1.0, 2.0], &[0, 3]).expect("offsets");
    assert!(groups.loss(Logistic, Reduction::Over(MOST / 3.0)).is_ok());
    assert!(groups.loss(Logistic, Reduction::Over(MOST / 2.0)).is_err());
}
