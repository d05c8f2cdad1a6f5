//! `Metrics` against big integers and against the definitions, pair by pair.

use num_bigint::{BigInt, BigUint, Sign};
use pairwise_loss::{Metrics, Pairs, Ties};
use proptest::collection::vec;
use proptest::prelude::*;

fn metrics(chosen: &[f64], rejected: &[f64]) -> Metrics {
    Metrics::of(&Pairs::new(chosen, rejected).expect("equal lengths"))
}

#[track_caller]
fn assert_same(found: Option<f64>, expected: f64) {
    let found = found.expect("a value");
    assert_eq!(found.to_bits(), expected.to_bits(), "found {found:e}, expected {expected:e}");
}

/// `x` in units of 2^-1074.
fn units(x: f64) -> BigInt {
    let magnitude = x.abs().to_bits();
    let (exponent, fraction) = (magnitude >> 52, magnitude & ((1 << 52) - 1));
    let integer = match exponent {
        0 => BigUint::from(fraction),
        _ => BigUint::from(fraction + (1 << 52)) << (exponent - 1),
    };
    BigInt::from_biguint(if x < 0.0 { Sign::Minus } else { Sign::Plus }, integer)
}

/// Whether `mean` is the f64 nearest to `sum` units / `count`: no neighbour is nearer, and where
/// one is as near, `mean` is even.
fn is_nearest(mean: f64, sum: &BigInt, count: usize) -> bool {
    let limit: BigInt = BigInt::from(1) << 2098; // 2^1024, the neighbour of MAX.
    let value = |x: f64| match x {
        f64::INFINITY => limit.clone(),
        f64::NEG_INFINITY => -limit.clone(),
        _ => units(x),
    };
    let distance = |x: f64| (value(x) * count - sum).magnitude().clone();
    let even = mean.to_bits().is_multiple_of(2);
    [mean.next_up(), mean.next_down()].into_iter().all(|neighbour| {
        let beyond = neighbour.is_nan() || neighbour == mean;
        let (here, there) = (distance(mean), distance(neighbour));
        // Infinity stands for everything from 2^1024 on.
        let covered = mean.is_infinite() && value(mean).magnitude() * count <= *sum.magnitude();
        beyond || covered || here < there || here == there && even
    })
}

fn score() -> impl Strategy<Value = f64> {
    let any = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite());
    // Coarse ones, for ties.
    prop_oneof![2 => any, 3 => (-6..6).prop_map(|x| f64::from(x) / 2.0), 1 => -8.0..8.0]
}

fn special() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => score(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn means_are_the_exact_ones_rounded_once(pairs in vec((score(), score()), 1..50)) {
        let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let metrics = metrics(&chosen, &rejected);
        let sum = |scores: &[f64]| scores.iter().map(|&x| units(x)).sum::<BigInt>();
        let (c, r) = (sum(&chosen), sum(&rejected));
        let n = chosen.len();
        let (margin, reward) = (metrics.mean_margin().unwrap(), metrics.mean_reward().unwrap());
        prop_assert!(is_nearest(margin, &(&c - &r), n), "{margin:e}");
        prop_assert!(is_nearest(reward, &(&c + &r), 2 * n), "{reward:e}");
    }

    #[test]
    fn counts_and_extremes_follow_their_definitions(pairs in vec((special(), special()), 1..40)) {
        let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let metrics = metrics(&chosen, &rejected);
        let count = |holds: fn(f64, f64) -> bool| pairs.iter().filter(|&&(c, r)| holds(c, r)).count() as u64;
        let nans = count(|c, r| (c - r).is_nan());
        let ties = count(|c, r| c == r && c.is_finite());
        let (wins, n) = (count(|c, r| c > r), pairs.len() as u64);
        prop_assert_eq!(metrics.wins(), wins);
        prop_assert_eq!(metrics.losses(), count(|c, r| c < r));
        prop_assert_eq!(metrics.ties(), ties);
        prop_assert_eq!(metrics.nans(), nans);
        prop_assert_eq!(metrics.len(), n);
        prop_assert!(!metrics.is_empty());

        // Few pairs, so these quotients of small integers are correctly rounded.
        let share = |right: u64, of: u64| right as f64 / of as f64;
        prop_assert_eq!(metrics.accuracy(Ties::Wrong), Some(share(wins, n)));
        prop_assert_eq!(metrics.accuracy(Ties::Half), Some(share(2 * wins + ties, 2 * n)));
        prop_assert_eq!(metrics.accuracy(Ties::Skip), (n > ties).then(|| share(wins, n - ties)));

        let mut rewards: Vec<f64> = chosen.iter().chain(&rejected).copied().collect();
        rewards.sort_by(f64::total_cmp);
        let (mut least, mut greatest) = (rewards[0], rewards[rewards.len() - 1]);
        if rewards.iter().any(|x| x.is_nan()) {
            (least, greatest) = (f64::NAN, f64::NAN);
        }
        assert_same(metrics.min_reward(), least);
        assert_same(metrics.max_reward(), greatest);
    }

    /// What is not finite decides means the way a plain sum would have it.
    #[test]
    fn what_is_not_finite_decides(pairs in vec((special(), special()), 1..12)) {
        let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let metrics = metrics(&chosen, &rejected);
        // ±1 for finite scores, so that nothing but ∞ is infinite.
        let tamed = |x: f64| if x.is_finite() { 1.0 } else { x };
        let margins: f64 = pairs.iter().map(|&(c, r)| tamed(c) - tamed(r)).sum();
        let rewards: f64 = pairs.iter().map(|&(c, r)| tamed(c) + tamed(r)).sum();
        for (mean, plain) in [(metrics.mean_margin(), margins), (metrics.mean_reward(), rewards)] {
            if plain.is_nan() {
                assert_same(mean, f64::NAN);
            } else if plain.is_infinite() {
                assert_same(mean, plain);
            } else {
                prop_assert!(!mean.unwrap().is_nan());
            }
        }
    }

    #[test]
    fn neither_order_nor_shards_show(
        (pairs, shuffled) in vec((special(), special()), 0..40)
            .prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle())),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let of = |pairs: &[(f64, f64)]| {
            let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            metrics(&chosen, &rejected)
        };
        let whole = of(&pairs);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(pairs.len() + 1)).collect();
        cuts.extend([0, pairs.len()]);
        cuts.sort_unstable();
        let shards: Vec<Metrics> = cuts.windows(2).map(|ends| of(&shuffled[ends[0]..ends[1]])).collect();
        let mut reverse = Metrics::default();
        for shard in shards.iter().rev() {
            reverse += shard;
        }
        prop_assert_eq!(&reverse, &whole);
        prop_assert_eq!(&shards.into_iter().sum::<Metrics>(), &whole);
    }
}

#[test]
fn the_oracle_can_say_no() {
    assert!(is_nearest(1.0, &units(3.0), 3));
    assert!(!is_nearest(1.0_f64.next_up(), &units(3.0), 3));
    let least = f64::from_bits(1);
    assert!(is_nearest(0.0, &units(least), 2) && !is_nearest(least, &units(least), 2));
    assert!(is_nearest(2.0 * least, &units(3.0 * least), 2));
    assert!(!is_nearest(least, &units(3.0 * least), 2));
    let four = units(f64::MAX) * 4;
    assert!(is_nearest(f64::INFINITY, &four, 2) && !is_nearest(f64::MAX, &four, 2));
    assert!(is_nearest(f64::MAX, &four, 4) && !is_nearest(f64::INFINITY, &four, 4));
}

#[test]
fn without_pairs_there_is_nothing_to_say() {
    let empty = Metrics::default();
    assert_eq!(metrics(&[], &[]), empty);
    assert!(empty.is_empty());
    for ties in [Ties::Wrong, Ties::Half, Ties::Skip] {
        assert_eq!(empty.accuracy(ties), None);
    }
    assert_eq!((empty.mean_margin(), empty.mean_reward()), (None, None));
    assert_eq!((empty.min_reward(), empty.max_reward()), (None, None));
    let some = metrics(&[1.0, f64::NAN], &[2.0, 0.0]);
    assert_eq!(empty.clone().merge(some.clone()), some);
    assert_eq!(some.clone().merge(empty), some);
}

#[test]
fn ties_count_as_told_and_nan_is_always_wrong() {
    let all_ties = metrics(&[1.0, 0.0], &[1.0, -0.0]);
    assert_eq!(all_ties.ties(), 2);
    assert_eq!(all_ties.accuracy(Ties::Wrong), Some(0.0));
    assert_eq!(all_ties.accuracy(Ties::Half), Some(0.5));
    assert_eq!(all_ties.accuracy(Ties::Skip), None);

    let nan = metrics(&[f64::NAN, 1.0, 1.0], &[0.0, 0.0, 1.0]);
    assert_eq!((nan.nans(), nan.wins(), nan.ties()), (1, 1, 1));
    assert_eq!(nan.accuracy(Ties::Wrong), Some(1.0 / 3.0));
    assert_eq!(nan.accuracy(Ties::Half), Some(1.5 / 3.0));
    assert_eq!(nan.accuracy(Ties::Skip), Some(1.0 / 2.0));
}

#[test]
fn infinite_scores() {
    let inf = f64::INFINITY;
    let one = metrics(&[inf, 1.0], &[0.0, 0.0]);
    assert_eq!((one.wins(), one.nans()), (2, 0));
    assert_eq!((one.mean_margin(), one.mean_reward()), (Some(inf), Some(inf)));
    assert_eq!((one.min_reward(), one.max_reward()), (Some(0.0), Some(inf)));
    // The same ∞ twice: no margin, but a mean reward.
    let same = metrics(&[inf], &[inf]);
    assert_eq!((same.nans(), same.ties()), (1, 0));
    assert_same(same.mean_margin(), f64::NAN);
    assert_same(same.mean_reward(), inf);
    // Opposite ones: a margin, but no mean reward.
    let opposite = metrics(&[-inf], &[inf]);
    assert_eq!(opposite.losses(), 1);
    assert_same(opposite.mean_margin(), -inf);
    assert_same(opposite.mean_reward(), f64::NAN);
    // Margins of +∞ and −∞ on two ranks.
    assert_same(one.merge(metrics(&[0.0], &[inf])).mean_margin(), f64::NAN);
}

#[test]
fn differences_and_sums_beyond_f64() {
    let max = f64::MAX;
    let metrics = metrics(&[max, max, -max], &[-max, max, max]);
    assert_eq!((metrics.wins(), metrics.ties(), metrics.losses()), (1, 1, 1));
    assert_same(metrics.mean_margin(), 0.0);
    assert_same(metrics.mean_reward(), max / 3.0);
}

#[test]
fn zeros_have_an_order_as_rewards() {
    for (c, r) in [(0.0, -0.0), (-0.0, 0.0)] {
        let zeros = metrics(&[c], &[r]);
        assert_same(zeros.min_reward(), -0.0);
        assert_same(zeros.max_reward(), 0.0);
        assert_same(zeros.mean_reward(), 0.0);
    }
}

#[test]
fn weight_0_is_no_pair_and_other_weights_are_one() {
    let (chosen, rejected) = ([f64::NAN, 2.0, 1.0], [0.0, 1.0, 3.0]);
    let pairs = Pairs::new(&chosen, &rejected).unwrap().with_weights(&[0.0, 5.0, 0.5]).unwrap();
    assert_eq!(Metrics::of(&pairs), metrics(&chosen[1..], &rejected[1..]));
}

/// What averaging the ranks' metrics, as trainers do, makes of uneven ranks.
#[test]
fn merging_is_not_averaging() {
    let ranks = [metrics(&[1.0; 7], &[0.0; 7]), metrics(&[0.0], &[1.0])];
    let average = ranks.iter().filter_map(|rank| rank.accuracy(Ties::Wrong)).sum::<f64>() / 2.0;
    assert_eq!(average, 0.5);
    assert_eq!(ranks.into_iter().sum::<Metrics>().accuracy(Ties::Wrong), Some(7.0 / 8.0));
}

#[test]
fn metrics_merged_with_themselves_never_panic() {
    let mut metrics = metrics(&[1.0, 2.0, f64::NAN, f64::MAX], &[1.0, 0.0, 0.0, f64::INFINITY]);
    for _ in 0..1200 {
        metrics = metrics.clone().merge(metrics);
    }
    assert_eq!(metrics.len(), u64::MAX);
    // Counts are stuck at their largest by now, so that shares mean nothing.
    let _ = (metrics.accuracy(Ties::Half), metrics.accuracy(Ties::Skip));
    let _ = (metrics.mean_margin(), metrics.mean_reward());
}

#[test]
fn f32_scores_are_taken_exactly() {
    let (chosen, rejected) = ([0.1_f32, 16777216.0], [0.3_f32, 1.0]);
    let exact = 0.5 * (f64::from(0.1_f32) - f64::from(0.3_f32) + 16777215.0);
    assert_same(Metrics::of(&Pairs::new(&chosen, &rejected).unwrap()).mean_margin(), exact);
}
