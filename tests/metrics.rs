//! `Metrics` against big integers and against the definitions, pair by pair.

use num_bigint::{BigInt, BigUint, Sign};
use pairwise_loss::{CalibrationBin, Error, Level, Metrics, Pairs, Ties, logit, win_probability};
use proptest::collection::vec;
use proptest::prelude::*;
use reference::random::SplitMix64;
use reference::ulp;

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

/// What an all-reduce(SUM) and an all-reduce(MAX) return.
fn all_reduce(shards: &[Metrics]) -> ([i64; Metrics::SUMS], [i64; Metrics::EXTREMES]) {
    let (mut sums, mut extremes) = ([0; Metrics::SUMS], [i64::MIN; Metrics::EXTREMES]);
    for shard in shards {
        sums.iter_mut().zip(shard.to_sums()).for_each(|(sum, x)| *sum += x);
        extremes.iter_mut().zip(shard.to_extremes()).for_each(|(max, x)| *max = x.max(*max));
    }
    (sums, extremes)
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
        prop_assert!(is_nearest(metrics.mean_chosen().unwrap(), &c, n));
        prop_assert!(is_nearest(metrics.mean_rejected().unwrap(), &r, n));
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

        let both = [&chosen[..], &rejected].concat();
        for (rewards, least, greatest) in [
            (both, metrics.min_reward(), metrics.max_reward()),
            (chosen, metrics.min_chosen(), metrics.max_chosen()),
            (rejected, metrics.min_rejected(), metrics.max_rejected()),
        ] {
            let mut sorted = rewards;
            sorted.sort_by(f64::total_cmp);
            let any = sorted.iter().any(|x| x.is_nan());
            assert_same(least, if any { f64::NAN } else { sorted[0] });
            assert_same(greatest, if any { f64::NAN } else { sorted[sorted.len() - 1] });
        }
    }

    /// The definitions over the probabilities that the one-pair function reports.
    #[test]
    fn brier_score_and_calibration_follow_their_definitions(
        pairs in vec((-9.0..9.0_f64, prop_oneof![-9.0..9.0_f64, (-3..3).prop_map(f64::from)]), 1..60),
        ties in 0..4_usize,
    ) {
        let (mut chosen, mut rejected): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        chosen.extend(vec![0.5; ties]);
        rejected.extend(vec![0.5; ties]);
        let metrics = metrics(&chosen, &rejected);
        let against: Vec<f64> = chosen.iter().zip(&rejected).map(|(&c, &r)| win_probability(r, c)).collect();
        let squares = against.iter().map(|q| units(q * q)).sum();
        prop_assert!(is_nearest(metrics.brier_score().unwrap(), &squares, chosen.len()));

        for rule in [Ties::Wrong, Ties::Half, Ties::Skip] {
            let mut gaps = BigInt::ZERO;
            let mut kept = 0;
            for (b, bin) in metrics.calibration_bins(rule).iter().enumerate() {
                prop_assert_eq!((bin.lower(), bin.upper()), ((10 + b) as f64 / 20.0, (11 + b) as f64 / 20.0));
                let (mut sum, mut pairs, mut right) = (BigInt::ZERO, 0, 0);
                for (i, q) in against.iter().enumerate() {
                    let confidence = q.max(1.0 - q);
                    // 20·(c − ½), and b/20 in the units of c.
                    let scaled = (units(confidence) - units(0.5)) * 20;
                    let edge = |b: usize| units(1.0) * b;
                    let inside = scaled > edge(b) && scaled <= edge(b + 1) || b == 0 && confidence == 0.5;
                    let tie = chosen[i] == rejected[i];
                    if inside && !(tie && rule == Ties::Skip) {
                        sum += units(confidence);
                        pairs += 1;
                        // In halves.
                        right += 2 * u64::from(chosen[i] > rejected[i]) + u64::from(tie && rule == Ties::Half);
                    }
                }
                prop_assert_eq!((bin.len(), bin.is_empty()), (pairs as u64, pairs == 0));
                prop_assert_eq!(bin.accuracy(), (pairs > 0).then(|| right as f64 / (2 * pairs) as f64));
                let mean = bin.mean_confidence();
                prop_assert_eq!(mean.is_some(), pairs > 0);
                prop_assert!(mean.is_none_or(|mean| is_nearest(mean, &sum, pairs)));
                gaps += BigInt::from((units(0.5) * right - sum).magnitude().clone());
                kept += pairs;
            }
            let error = metrics.expected_calibration_error(rule);
            prop_assert_eq!(error.is_some(), kept > 0);
            prop_assert!(error.is_none_or(|error| is_nearest(error, &gaps, kept)));
        }
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
        prop_assert_eq!(&shards.iter().sum::<Metrics>(), &whole);
        let (sums, extremes) = all_reduce(&shards);
        prop_assert_eq!(&Metrics::from_parts(&sums, &extremes).unwrap(), &whole);
        prop_assert_eq!(&Metrics::from_parts(&whole.to_sums(), &whole.to_extremes()).unwrap(), &whole);
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
    assert_eq!((empty.mean_chosen(), empty.min_chosen(), empty.max_chosen()), (None, None, None));
    assert_eq!(
        (empty.mean_rejected(), empty.min_rejected(), empty.max_rejected()),
        (None, None, None)
    );
    assert_eq!((empty.brier_score(), empty.expected_calibration_error(Ties::Half)), (None, None));
    assert!(empty.calibration_bins(Ties::Half).iter().all(|bin| {
        bin.is_empty() && bin.mean_confidence().is_none() && bin.accuracy().is_none()
    }));
    assert_eq!((empty.to_sums(), empty.to_extremes()), ([0; Metrics::SUMS], [i64::MIN; 4]));
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
    let _ = (metrics.mean_margin(), metrics.mean_reward(), metrics.brier_score());
    let _ = (metrics.calibration_bins(Ties::Half), metrics.to_sums(), metrics.to_extremes());
    assert_same(metrics.expected_calibration_error(Ties::Skip), f64::NAN);
    let mut certain = self::metrics(&[900.0, 1.0], &[0.0, 1.0]);
    for _ in 0..1200 {
        certain = certain.clone().merge(certain);
    }
    let _ = (certain.expected_calibration_error(Ties::Half), certain.calibration_bins(Ties::Skip));
    let _ = (certain.brier_score(), certain.to_sums());
}

#[test]
fn f32_scores_are_taken_exactly() {
    let (chosen, rejected) = ([0.1_f32, 16777216.0], [0.3_f32, 1.0]);
    let exact = 0.5 * (f64::from(0.1_f32) - f64::from(0.3_f32) + 16777215.0);
    assert_same(Metrics::of(&Pairs::new(&chosen, &rejected).unwrap()).mean_margin(), exact);
}

/// Batches of several pieces and of weights here and there are those of the pairs that are left, at every level.
#[test]
fn neither_pieces_nor_weights_nor_formats_nor_levels_show() {
    let mut random = SplitMix64::new(7);
    for len in [0, 1, 31, 33, 511, 512, 513, 1023, 1024, 1025, 3000] {
        let mut column =
            || -> Vec<f32> { (0..len).map(|_| random.uniform(-9.0, 9.0) as f32).collect() };
        let (mut chosen, mut rejected) = (column(), column());
        for i in (0..len).step_by(7) {
            chosen[i] = rejected[i];
        }
        let weights: Vec<f32> =
            (0..len).map(|i| f32::from(u8::from(i % 3 != 1 && i / 600 != 2))).collect();
        for i in 0..len {
            if weights[i] == 0.0 {
                (chosen[i], rejected[i]) = (f32::NAN, f32::INFINITY);
            }
        }
        let kept = |of: &[f32]| -> Vec<f64> {
            of.iter().zip(&weights).filter(|(_, w)| **w > 0.0).map(|(&x, _)| f64::from(x)).collect()
        };
        let (kept_chosen, kept_rejected) = (kept(&chosen), kept(&rejected));
        let expected: Metrics =
            kept_chosen.iter().zip(&kept_rejected).map(|(&c, &r)| metrics(&[c], &[r])).sum();
        assert_eq!(metrics(&kept_chosen, &kept_rejected), expected, "{len}");
        let pairs = Pairs::new(&chosen, &rejected).unwrap().with_weights(&weights).unwrap();
        for level in Level::available() {
            assert_eq!(Metrics::of(&pairs.with_level(level)), expected, "{len} {level}");
        }
        assert_eq!(expected.nans(), 0);
    }
}

/// From the documentation of scikit-learn's `brier_score_loss`: outcomes 0, 1, 1, 0 forecast at 0.1, 0.9, 0.8, 0.3 make
/// 0.0375.
#[test]
fn the_brier_score_of_scikit_learn() {
    let forecast = [1.0 - 0.1, 0.9, 0.8, 1.0 - 0.3].map(logit);
    let metrics = metrics(&forecast, &[0.0; 4]);
    assert!((metrics.brier_score().unwrap() - 0.0375).abs() < 1e-16);
}

#[test]
fn the_calibration_error_by_hand() {
    // Of four pairs at 0.9 three are right, of two at 0.6 one.
    let (sure, unsure) = (logit(0.9), logit(0.6));
    let metrics =
        metrics(&[sure, sure, sure, 0.0, unsure, 0.0], &[0.0, 0.0, 0.0, sure, 0.0, unsure]);
    let error = metrics.expected_calibration_error(Ties::Wrong).unwrap();
    assert!(
        (error - (4.0 / 6.0 * (0.9 - 0.75) + 2.0 / 6.0 * (0.6 - 0.5))).abs() < 1e-15,
        "{error}"
    );
}

#[test]
fn certainty_and_indecision() {
    let inf = f64::INFINITY;
    let certain = metrics(&[inf, 0.0, -inf], &[0.0, -inf, inf]);
    assert_eq!(certain.brier_score(), Some(1.0 / 3.0));
    assert_eq!(certain.expected_calibration_error(Ties::Wrong), Some(1.0 / 3.0));
    let last = certain.calibration_bins(Ties::Wrong)[Metrics::BINS - 1];
    assert_eq!(
        (last.len(), last.mean_confidence(), last.accuracy()),
        (3, Some(1.0), Some(2.0 / 3.0))
    );

    let ties = metrics(&[1.0, 2.0], &[1.0, 2.0]);
    assert_eq!(ties.brier_score(), Some(0.25));
    let errors =
        [Ties::Wrong, Ties::Half, Ties::Skip].map(|rule| ties.expected_calibration_error(rule));
    assert_eq!(errors, [Some(0.5), Some(0.0), None]);

    // No order, no probability.
    let none = metrics(&[1.0, f64::NAN], &[0.0, 1.0]);
    assert_same(none.brier_score(), f64::NAN);
    assert_same(none.expected_calibration_error(Ties::Half), f64::NAN);
    assert_eq!(none.calibration_bins(Ties::Half).iter().map(CalibrationBin::len).sum::<u64>(), 1);
}

/// The limits that the documentation states, against the exact probability.
#[test]
fn probabilities_are_as_near_as_stated() {
    let mut random = SplitMix64::new(11);
    let (mut term, mut confidence) = (0.0_f64, 0.0_f64);
    for _ in 0..20_000 {
        let (c, r) = (random.uniform(-12.0, 12.0), random.uniform(-12.0, 12.0));
        let exact = reference::win_probability(r, c).unwrap();
        let q = win_probability(r, c);
        term = term.max(ulp::error(q * q, &(&exact * &exact)));
        let likelier = if q > 0.5 { exact } else { reference::win_probability(c, r).unwrap() };
        // In [½, 1) the unit in the last place is 2^-53; 1 has twice that above it.
        let found = q.max(1.0 - q);
        if found < 1.0 {
            confidence = confidence.max(ulp::error(found, &likelier));
        }
    }
    assert!(term > 1.5 && term < 2.1, "{term}");
    assert!(confidence > 0.6 && confidence < 0.77, "{confidence}");
    // And it is these terms that are summed: one pair each, so that the mean is the term.
    for (c, r) in [(1.0, 0.0), (-3.0, 2.5), (20.0, -17.0), (400.0, 0.0)] {
        let q: f64 = win_probability(r, c);
        assert_same(metrics(&[c], &[r]).brier_score(), q * q);
    }
}

/// 2^31 equal ranks, as an all-reduce returns them.
#[test]
fn two_to_the_31_ranks_and_2_to_the_60_pairs_have_room() {
    let mut rank = metrics(&[f64::MAX, -f64::MAX, 1.0, 0.0], &[-f64::MAX, f64::MAX, 1.0, 0.5]);
    for _ in 0..27 {
        rank = rank.clone().merge(rank);
    }
    let sums = rank.to_sums().map(|x| x.checked_mul(1 << 31).expect("room"));
    let all = Metrics::from_parts(&sums, &rank.to_extremes()).unwrap();
    assert_eq!((all.len(), all.wins(), all.ties()), (1 << 60, 1 << 58, 1 << 58));
    assert_eq!((all.mean_margin(), all.mean_reward()), (rank.mean_margin(), rank.mean_reward()));
    assert_eq!(all.brier_score(), rank.brier_score());
    assert_eq!(
        all.calibration_bins(Ties::Half).map(|bin| bin.mean_confidence()),
        rank.calibration_bins(Ties::Half).map(|bin| bin.mean_confidence())
    );
    let error = |metrics: &Metrics| metrics.expected_calibration_error(Ties::Half);
    assert_eq!(error(&all), error(&rank));
    assert!(error(&all) > Some(0.0));
    assert_eq!(Metrics::from_parts(&all.to_sums(), &all.to_extremes()), Ok(all));
}

#[test]
fn integers_that_are_no_metrics_are_refused() {
    let valid = metrics(
        &[1.0, 2.0, f64::INFINITY, f64::NAN, -0.5, 0.5, 1.25],
        &[0.5, 2.0, 0.0, 1.0, f64::INFINITY, 1.5, 0.0],
    );
    let (sums, extremes) = (valid.to_sums(), valid.to_extremes());
    assert_eq!(Metrics::from_parts(&sums, &extremes).as_ref(), Ok(&valid));
    let refused = |sums: &[i64], extremes: &[i64]| match Metrics::from_parts(sums, extremes) {
        Err(Error::InvalidLimbs { reason, position }) => (reason, position),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&sums[1..], &extremes), ("their number isn't Metrics::SUMS", 271));
    let reason = "the number of extremes isn't Metrics::EXTREMES";
    assert_eq!(refused(&sums, &extremes[1..]), (reason, 3));

    let with = |position: usize, value: i64| {
        let mut changed = sums;
        changed[position] = value;
        refused(&changed, &extremes)
    };
    for position in 210..Metrics::SUMS {
        assert_eq!(with(position, -1), ("a count is negative", position));
        // Another confidence may be possible, and so may another reward be; the counts of pairs hang together.
        if (260..266).contains(&position) || position < 260 && (position - 210) % 5 < 2 {
            let _ = with(position, sums[position] + 1);
        }
    }
    let (bins, counts) = (210, 260);
    assert_eq!(with(counts + 4, 4), ("more margins of +∞ than wins", counts + 4));
    assert_eq!(with(counts + 5, 3), ("more margins of −∞ than losses", counts + 5));
    for (limbs, others) in [(0, counts + 6), (70, counts + 9)] {
        assert_eq!(with(others, 8), ("more NaN and ∞ than rewards", others));
        for top in [1, -2, i64::MAX, i64::MIN] {
            assert_eq!(with(limbs + 69, top), ("a sum exceeds that of 2^60 terms", limbs + 69));
        }
    }
    for top in [-1, 1] {
        assert_eq!(with(209, top), ("the sum of squares is out of reach", 209));
    }
    assert_eq!(with(140 + 34, 7), ("the sum of squares is out of reach", 209));
    assert_eq!(with(counts + 3, 4), ("other margins than rewards are NaN or ∞", counts + 3));
    let reach = "the confidence of a bin is out of reach";
    assert_eq!(with(bins, 2), (reach, bins));
    assert_eq!(with(bins + 4, 1), (reach, bins));
    assert_eq!(with(bins + 9 * 5 + 2, 1), (reach, bins + 45));
    let other = "the bins hold other pairs than are counted";
    assert_eq!(with(counts, sums[counts] + 1), (other, bins));
    assert_eq!(with(counts + 1, sums[counts + 1] + 1), (other, bins));

    let extreme = "extremes that are none of such rewards";
    for (position, side) in [(0, 0), (1, 0), (2, 2), (3, 2)] {
        for value in [i64::MIN, i64::MAX] {
            let mut changed = extremes;
            changed[position] = value;
            assert_eq!(refused(&sums, &changed), (extreme, side), "{position} {value}");
        }
    }
    // Least above greatest; ∞ where there is none.
    let ordinary = metrics(&[1.0, 2.0], &[0.0, 0.0]);
    let mut swapped = ordinary.to_extremes();
    (swapped[0], swapped[1]) = (!swapped[1], !swapped[0]);
    assert_eq!(refused(&ordinary.to_sums(), &swapped), (extreme, 0));
    let mut infinite = ordinary.to_extremes();
    infinite[0] = f64::INFINITY.to_bits().cast_signed();
    assert_eq!(refused(&ordinary.to_sums(), &infinite), (extreme, 0));
    // A sum of nothing.
    let mut sums = [0; Metrics::SUMS];
    sums[0] = 1;
    assert_eq!(refused(&sums, &[i64::MIN; 4]), ("a sum of no finite rewards isn't 0", 69));
    let error = Metrics::from_parts(&[], &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "not the state of a total or of metrics: their number isn't Metrics::SUMS (0)"
    );
}

proptest! {
    #[test]
    fn no_integers_make_a_panic(
        pairs in vec((special(), special()), 0..20),
        changes in vec((0..Metrics::SUMS, prop_oneof![any::<i64>(), -1_i64..9, Just(i64::MAX), Just(i64::MIN)]), 0..4),
        extremes in prop::array::uniform4(any::<i64>()),
        keep in any::<bool>(),
    ) {
        let (chosen, rejected): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let metrics = metrics(&chosen, &rejected);
        let mut sums = metrics.to_sums();
        for (position, value) in changes {
            sums[position] = value;
        }
        let extremes = if keep { metrics.to_extremes() } else { extremes };
        if let Ok(changed) = Metrics::from_parts(&sums, &extremes) {
            let same = Metrics::from_parts(&changed.to_sums(), &changed.to_extremes());
            prop_assert_eq!(same.as_ref(), Ok(&changed));
            for rule in [Ties::Wrong, Ties::Half, Ties::Skip] {
                let _ = (changed.accuracy(rule), changed.expected_calibration_error(rule));
            }
            let _ = (changed.mean_margin(), changed.mean_reward(), changed.brier_score());
            let _ = changed.merge(metrics);
        }
    }
}

#[test]
fn debug_prints_what_metrics_say() {
    assert_eq!(
        format!("{:?}", metrics(&[1.0, 0.5], &[1.0, 0.5])),
        "Metrics { wins: 0, ties: 2, losses: 0, nans: 0, mean_margin: Some(0.0), \
         chosen: [Some(0.5), Some(0.75), Some(1.0)], \
         rejected: [Some(0.5), Some(0.75), Some(1.0)], brier_score: Some(0.25), .. }"
    );
}
