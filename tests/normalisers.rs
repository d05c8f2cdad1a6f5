//! Normalisers and weights beside the ends of the range: every level reckons with them alike, or they are refused.

use pairwise_loss::{Error, Level, Logistic, Pairs, Reduction, Score};
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
    let normal = [f64::MAX, MOST, 1e301, 1e291, 1e100, 1e-100, 1e-291, 1e-301, 1.0 / MOST, 6e-309];
    for n in normal.into_iter().flat_map(|n| [n, -n]) {
        let expected = said(pairs, n).expect("a normaliser");
        for level in Level::available() {
            assert_eq!(said(pairs.with_level(level), n).as_ref(), Ok(&expected), "{n:e}, {level}");
        }
    }
    for n in [5e-309, -1e-320, 0.0, f64::INFINITY, f64::NAN] {
        assert!(said(pairs, n).is_err(), "{n:e}");
    }
}

#[test]
fn every_level_divides_alike_or_refuses() {
    every_level_divides_alike::<f32>();
    every_level_divides_alike::<f64>();
}

/// Weights up to the largest number: the emulated fused multiply-add reaches as far.
#[test]
fn every_level_weighs_alike() {
    let mut random = reference::random::SplitMix64::new(5);
    let mut finite = 0;
    for _ in 0..2000 {
        let mut column =
            |low, high| -> Vec<f64> { (0..33).map(|_| random.uniform(low, high)).collect() };
        let (chosen, rejected) = (column(-9.0, 9.0), column(-9.0, 9.0));
        let weights: Vec<f64> = column(980.0, 1023.9).iter().map(|x| x.exp2()).collect();
        let pairs = Pairs::new(&chosen, &rejected).and_then(|pairs| pairs.with_weights(&weights));
        let pairs = pairs.expect("weights");
        let results = |level| {
            let (mut losses, mut gradient) = ([1.0; 33], [1.0; 33]);
            let pairs = pairs.with_level(level);
            pairs.losses_into(Logistic, &mut losses).expect("lengths");
            let sum = pairs.loss_and_margin_gradient(Logistic, Reduction::Sum, &mut gradient);
            let values = [sum.expect("lengths"), pairs.total(Logistic).sum()];
            [bits(&losses), bits(&gradient), bits(&values)].concat()
        };
        let expected = results(Level::best());
        finite += expected.iter().filter(|&&x| f64::from_bits(x).is_finite()).count();
        for level in Level::available() {
            assert_eq!(results(level), expected, "{level}");
        }
    }
    assert!(finite > 50_000, "{finite}");
}

/// −½·w/n is the largest number, whose rounded parts have products beyond it.
#[test]
fn every_level_reaches_the_largest_number() {
    let pairs = Pairs::new(&[1.0], &[1.0]).and_then(|pairs| pairs.with_weights(&[f64::MAX]));
    let pairs = pairs.expect("a weight");
    for level in Level::available() {
        let (mut gradient, over) = ([1.0], Reduction::Over(0.5));
        let pairs = pairs.with_level(level);
        pairs.loss_and_margin_gradient(Logistic, over, &mut gradient).expect("a normaliser");
        assert_eq!(gradient, [-f64::MAX], "{level}");
    }
}
