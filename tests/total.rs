//! `Total` against big integers: every sum exact, every mean the rational one rounded once,
//! whatever the order, the shards and the way they are merged.

use num_bigint::{BigInt, BigUint, Sign};
use pairwise_loss::{Error, Logistic, Pairs, Total};
use proptest::collection::vec;
use proptest::prelude::*;
use reference::random::SplitMix64;

// The oracle: integers in units of 2^-1074, and the definition of rounding to nearest even.

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

fn sum_of_units(terms: &[f64]) -> BigInt {
    terms.iter().map(|&x| units(x)).sum()
}

/// 1.0 in units of 2^-1074.
fn one() -> BigInt {
    BigInt::from(1) << 1074
}

/// 2^`exponent` for −1074 ≤ `exponent` ≤ 1023.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        _ => f64::from_bits((exponent + 1023).cast_unsigned() << 52),
    }
}

/// The f64 nearest to `numerator` / `denominator`, ties to even: from the set of multiples of the
/// unit in the last place, the one no more than half a unit away.
fn nearest(numerator: &BigInt, denominator: &BigInt) -> f64 {
    let (n, d) = (numerator.magnitude(), denominator.magnitude());
    if *n == BigUint::ZERO {
        return 0.0;
    }
    let scaled = |exponent: i64| match exponent {
        0.. => (n.clone(), d << exponent),
        _ => (n << -exponent, d.clone()),
    };
    // 2^exponent ≤ n / d < 2^(exponent + 1).
    let mut exponent = n.bits().cast_signed() - d.bits().cast_signed();
    let (left, right) = scaled(exponent);
    if left < right {
        exponent -= 1;
    }
    let magnitude = if exponent > 1023 {
        f64::INFINITY
    } else {
        let unit = exponent.max(-1022) - 52;
        let (left, right) = scaled(unit);
        let (floor, rest) = (&left / &right, &left % &right);
        let multiple = u64::try_from(floor).expect("at most 53 bits");
        let up = match (rest * 2_u32).cmp(&right) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => multiple % 2,
            std::cmp::Ordering::Greater => 1,
        };
        (multiple + up) as f64 * power_of_two(unit)
    };
    if numerator.sign() == denominator.sign() { magnitude } else { -magnitude }
}

#[test]
fn the_oracle_agrees_with_the_processor() {
    let values =
        [1.0, -3.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1.5e-323, -2e-310, 1e300, 1.0 / 3.0];
    for a in values {
        assert_eq!(nearest(&units(a), &one()), a);
        for b in values {
            assert_eq!(nearest(&units(a), &units(b)).to_bits(), (a / b).to_bits(), "{a:e} / {b:e}");
            assert_eq!(nearest(&(units(a) + units(b)), &one()), a + b, "{a:e} + {b:e}");
        }
    }
}

// Terms.

/// Finite f64 of every magnitude, f32 losses, subnormals, integers, and neighbours of powers of
/// two.
fn term() -> impl Strategy<Value = f64> {
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite());
    let loss = (-90.0..90.0).prop_map(|z: f64| f64::from((-z).exp().ln_1p() as f32));
    let subnormal = any::<i64>()
        .prop_map(|x| f64::from_bits((x.unsigned_abs() >> 12) | (x.cast_unsigned() & 1 << 63)));
    let integer = (-1000..1000).prop_map(f64::from);
    let power = (0_u64..0x7ff, -2_i64..3, any::<bool>()).prop_map(|(exponent, step, negative)| {
        let x = f64::from_bits((exponent << 52).saturating_add_signed(step));
        let x = if x.is_finite() { x } else { f64::MAX };
        if negative { -x } else { x }
    });
    prop_oneof![2 => finite, 2 => loss, 1 => subnormal, 1 => integer, 1 => power]
}

/// Terms, some of which are taken back, so that what is left may be tiny.
fn terms() -> impl Strategy<Value = Vec<f64>> {
    (vec(term(), 0..60), vec(any::<bool>(), 60)).prop_flat_map(|(mut terms, taken_back)| {
        let negated: Vec<f64> =
            terms.iter().zip(taken_back).filter(|(_, back)| *back).map(|(&x, _)| -x).collect();
        terms.extend(negated);
        Just(terms).prop_shuffle()
    })
}

fn total(terms: &[f64]) -> Total {
    terms.iter().copied().collect()
}

/// The element-wise sum of the limbs: an all-reduce(SUM).
fn all_reduce<'a>(totals: impl IntoIterator<Item = &'a Total>) -> [i64; Total::LIMBS] {
    let mut reduced = [0; Total::LIMBS];
    for total in totals {
        for (sum, limb) in reduced.iter_mut().zip(total.as_limbs()) {
            *sum += limb;
        }
    }
    reduced
}

/// The total of weighted terms, put together from its documented limbs.
fn weighted(terms: &[f64], weights: &[f64]) -> Total {
    let mut limbs = all_reduce([&total(terms)]);
    limbs[70..140].copy_from_slice(&total(weights).as_limbs()[..70]);
    Total::from_limbs(&limbs).expect("limbs of a total")
}

#[track_caller]
fn assert_same(found: f64, expected: f64) {
    assert_eq!(found.to_bits(), expected.to_bits(), "found {found:e}, expected {expected:e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sum_and_mean_are_the_exact_ones_rounded_once(terms in terms()) {
        let exact = sum_of_units(&terms);
        let total = total(&terms);
        prop_assert_eq!(total.len(), terms.len() as u64);
        prop_assert_eq!(total.is_empty(), terms.is_empty());
        prop_assert_eq!(total.total_weight(), terms.len() as f64);
        assert_same(total.sum(), nearest(&exact, &one()));
        if terms.is_empty() {
            prop_assert_eq!((total.mean(), total.weighted_mean()), (None, None));
        } else {
            let mean = nearest(&exact, &(one() * terms.len()));
            assert_same(total.mean().unwrap(), mean);
            assert_same(total.weighted_mean().unwrap(), mean);
        }
    }

    #[test]
    fn the_weighted_mean_is_the_exact_quotient_rounded_once(
        pairs in vec((term(), term().prop_map(f64::abs).prop_filter("> 0", |&w| w > 0.0)), 1..40),
    ) {
        let (terms, weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let total = weighted(&terms, &weights);
        let (sum, weight) = (sum_of_units(&terms), sum_of_units(&weights));
        assert_same(total.sum(), nearest(&sum, &one()));
        assert_same(total.total_weight(), nearest(&weight, &one()));
        assert_same(total.weighted_mean().unwrap(), nearest(&sum, &weight));
        assert_same(total.mean().unwrap(), nearest(&sum, &(one() * terms.len())));
    }

    /// `cuts` deals the terms to shards of any size, some of them empty; `order` merges these in a
    /// tree of any shape.
    #[test]
    fn neither_order_nor_shards_nor_merges_show(
        (terms, shuffled) in terms().prop_flat_map(|t| (Just(t.clone()), Just(t).prop_shuffle())),
        cuts in vec(any::<prop::sample::Index>(), 0..9),
        order in vec(any::<(prop::sample::Index, prop::sample::Index)>(), 10),
    ) {
        let whole = total(&terms);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(terms.len() + 1)).collect();
        cuts.extend([0, terms.len()]);
        cuts.sort_unstable();
        let shards: Vec<Total> =
            cuts.windows(2).map(|ends| total(&shuffled[ends[0]..ends[1]])).collect();

        prop_assert_eq!(&shards.iter().sum::<Total>(), &whole);
        prop_assert_eq!(&Total::from_limbs(&all_reduce(&shards)).unwrap(), &whole);
        let mut left = shards;
        for (first, second) in order {
            let first = left.swap_remove(first.index(left.len()));
            if left.is_empty() {
                left.push(first);
                break;
            }
            let second = left.swap_remove(second.index(left.len()));
            left.push(first.merge(second));
        }
        prop_assert_eq!(left.len(), 1);
        prop_assert_eq!(&left[0], &whole);
        prop_assert_eq!(left[0].as_limbs(), whole.as_limbs());
    }

    /// Multiplying the limbs by n is what an all-reduce over n equal ranks returns.
    #[test]
    fn two_to_the_31_ranks_have_room(terms in terms(), ranks in prop_oneof![Just(1_i64 << 31), 1_i64..1 << 31]) {
        let rank = total(&terms);
        let reduced: Vec<i64> =
            rank.as_limbs().iter().map(|limb| limb.checked_mul(ranks).unwrap()).collect();
        let all = Total::from_limbs(&reduced).unwrap();
        prop_assert_eq!(all.len(), terms.len() as u64 * ranks.cast_unsigned());
        assert_same(all.sum(), nearest(&(sum_of_units(&terms) * ranks), &one()));
        prop_assert_eq!(all.mean(), rank.mean());
        prop_assert_eq!(all.weighted_mean(), rank.mean());
        prop_assert_eq!(&Total::from_limbs(all.as_limbs()).unwrap(), &all);
    }
}

#[test]
fn eight_uneven_ranks() {
    let losses: Vec<f64> = (0..1000)
        .map(|i| f64::from((f64::from(i % 97) / 7.0 - 6.0).exp().ln_1p() as f32))
        .collect();
    let whole = total(&losses);
    let mut rest = &losses[..];
    let ranks = [500, 300, 150, 0, 47, 1, 0, 2].map(|length| {
        let (rank, others) = rest.split_at(length);
        rest = others;
        total(rank)
    });
    assert!(rest.is_empty());
    assert_eq!(Total::from_limbs(&all_reduce(&ranks)).unwrap(), whole);
    assert_eq!(ranks.iter().rev().sum::<Total>(), whole);

    let exact = nearest(&sum_of_units(&losses), &(one() * 1000));
    assert_eq!(whole.mean(), Some(exact));
    // What averaging the ranks' means makes of it.
    let means: Vec<f64> = ranks.iter().filter_map(Total::mean).collect();
    assert!((means.iter().sum::<f64>() / means.len() as f64 - exact).abs() > 0.01);
}

#[test]
fn cancellation_leaves_the_least_bit() {
    let least = f64::from_bits(1);
    let terms = [f64::MAX, 1.0, least, -f64::MAX, f64::MAX, -1.0, -f64::MAX];
    assert_same(total(&terms).sum(), least);
    assert_same(total(&[f64::MAX, -f64::MAX, -0.0]).sum(), 0.0);
    assert_same(total(&[-0.0]).sum(), 0.0);
    assert_same(total(&[-0.0]).mean().unwrap(), 0.0);
}

#[test]
fn sums_beyond_f64() {
    let max = f64::MAX;
    assert_same(total(&[max, max]).sum(), f64::INFINITY);
    assert_same(total(&[-max, -max]).sum(), f64::NEG_INFINITY);
    assert_eq!(total(&[max; 5]).mean(), Some(max));
    assert_eq!(total(&[-max; 5]).mean(), Some(-max));
    assert_same(total(&[max, max, -max]).sum(), max);
    // Half a unit in the last place of MAX is a tie, and MAX is odd; anything less rounds back.
    let half = 2.0_f64.powi(970);
    assert_same(total(&[max, half]).sum(), f64::INFINITY);
    assert_same(total(&[max, half, -f64::from_bits(1)]).sum(), max);
}

#[test]
fn subnormal_means_are_rounded_once() {
    for (units, count, expected) in
        [(1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 2, 4), (1, 3, 0), (2, 3, 1), (9, 4, 2), (11, 4, 3)]
    {
        let mut terms = vec![0.0; count];
        terms[0] = f64::from_bits(units);
        assert_same(total(&terms).mean().unwrap(), f64::from_bits(expected));
        terms[0] = -terms[0];
        assert_same(total(&terms).mean().unwrap(), -f64::from_bits(expected));
    }
}

/// 2½ least subnormals and 2^-57 of one: rounding to 53 bits first would leave a tie, and then 2.
#[test]
fn a_subnormal_mean_just_above_a_tie() {
    let count = (1_i64 << 56) + 1;
    let sum = [f64::from_bits(5) * 2.0_f64.powi(55), f64::from_bits(3)];
    let mut limbs = all_reduce([&total(&sum)]);
    limbs[140] = count;
    (limbs[70 + 34], limbs[70 + 35]) = (count % (1 << 32), count >> 32);
    let total = Total::from_limbs(&limbs).unwrap();
    assert_same(total.mean().unwrap(), f64::from_bits(3));
    assert_same(total.weighted_mean().unwrap(), f64::from_bits(3));
}

#[test]
fn special_values() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (terms, expected) in [
        (&[1.0, nan][..], nan),
        (&[nan, inf], nan),
        (&[inf, 1.0, -inf], nan),
        (&[inf, -f64::MAX, inf], inf),
        (&[-inf, f64::MAX], -inf),
        (&[-f64::NAN], nan),
    ] {
        let total = total(terms);
        assert_same(total.sum(), expected);
        assert_same(total.mean().unwrap(), expected);
        assert_same(total.weighted_mean().unwrap(), expected);
        assert_eq!((total.len(), total.total_weight()), (terms.len() as u64, terms.len() as f64));
        assert_eq!(Total::from_limbs(total.as_limbs()), Ok(total));
    }
    // They survive merges: two infinities on two ranks.
    let ranks = [total(&[inf]), total(&[1.0]), total(&[-inf])];
    assert_same(ranks[0].clone().merge(ranks[1].clone()).sum(), inf);
    assert_same(ranks.iter().sum::<Total>().sum(), nan);
    assert_same(Total::from_limbs(&all_reduce(&ranks)).unwrap().sum(), nan);
}

/// The total of a batch is that of its losses as they are reported one by one.
#[test]
fn the_total_of_a_batch_is_that_of_its_reported_losses() {
    let scores = |seed: f32| -> Vec<f32> {
        (0_u8..=255).map(|i| ((f32::from(i) * seed).sin() * 20.0).exp2() * seed.cos()).collect()
    };
    let (mut chosen, rejected) = (scores(0.7), scores(1.3));
    let mut weights: Vec<f32> = (0_u8..=255).map(|i| f32::from(i % 5) * 0.1).collect();
    chosen[10] = f32::NAN; // of weight 0

    let mut losses = vec![0.0; 256];
    let pairs = Pairs::new(&chosen, &rejected).unwrap().with_weights(&weights).unwrap();
    pairs.losses_into(Logistic, &mut losses).unwrap();
    let batch = pairs.total(Logistic);

    let kept = |i: &usize| !i.is_multiple_of(5);
    let widened = |of: &[f32]| -> Vec<f64> {
        of.iter().enumerate().filter(|(i, _)| kept(i)).map(|(_, &x)| f64::from(x)).collect()
    };
    let (terms, exact_weights) = (widened(&losses), widened(&weights));
    assert_eq!(batch, weighted(&terms, &exact_weights));
    assert_eq!(batch.len(), 204);
    let mean = nearest(&sum_of_units(&terms), &sum_of_units(&exact_weights));
    assert_same(batch.weighted_mean().unwrap(), mean);

    weights[10] = 1.0;
    let pairs = Pairs::new(&chosen, &rejected).unwrap().with_weights(&weights).unwrap();
    assert_same(pairs.total(Logistic).sum(), f64::NAN);

    chosen[10] = 0.0;
    let pairs = Pairs::new(&chosen, &rejected).unwrap();
    pairs.losses_into(Logistic, &mut losses).unwrap();
    assert_eq!(pairs.total(Logistic), losses.into_iter().map(f64::from).collect());
}

#[test]
fn the_default_is_empty_and_the_identity() {
    let empty = Total::default();
    assert!(empty.is_empty());
    assert_eq!((empty.len(), empty.sum(), empty.total_weight()), (0, 0.0, 0.0));
    assert_eq!((empty.mean(), empty.weighted_mean()), (None, None));
    assert!(empty.as_limbs().iter().all(|&limb| limb == 0));
    let some = total(&[-1.5, f64::NAN, f64::INFINITY]);
    assert_eq!(some.clone().merge(empty.clone()), some);
    assert_eq!(empty.merge(some.clone()), some);
    assert_eq!(std::iter::empty::<Total>().sum::<Total>(), Total::default());
}

#[test]
fn every_way_to_merge() {
    let (a, b, c) = (total(&[0.1, 0.2]), total(&[-1e300]), total(&[0.1, 0.2, -1e300]));
    assert_eq!(a.clone().merge(b.clone()), c);
    assert_eq!([a.clone(), b.clone()].into_iter().sum::<Total>(), c);
    let mut sum = a.clone();
    sum += b;
    assert_eq!(sum, c);
    let mut sum = a.clone();
    sum.extend([-1e300]);
    assert_eq!(sum, c);
    assert_ne!(sum, a);
    sum += &a;
    assert_eq!(sum.len(), 5);
}

#[test]
fn other_terms_with_the_same_sum_are_equal_only_with_the_same_count() {
    assert_eq!(total(&[1.0, 3.0]), total(&[2.0, 2.0]));
    assert_ne!(total(&[4.0]), total(&[2.0, 2.0]));
    assert_ne!(total(&[4.0, 0.0]), total(&[4.0, 5e-324]));
}

#[test]
fn a_total_merged_with_itself_never_panics() {
    let mut total = total(&[1.0, -f64::MAX, f64::INFINITY]);
    for _ in 0..1200 {
        total = total.clone().merge(total);
    }
    assert_same(total.sum(), f64::INFINITY);
    assert_eq!(total.len(), i64::MAX as u64);
}

#[test]
fn limbs_that_are_no_total_are_refused() {
    let valid = total(&[1.5, -3.0, f64::INFINITY, f64::NAN]);
    let limbs = all_reduce([&valid]);
    assert_eq!(Total::from_limbs(&limbs).as_ref(), Ok(&valid));

    let refused = |limbs: &[i64]| match Total::from_limbs(limbs) {
        Err(Error::InvalidLimbs { reason, position }) => (reason, position),
        other => panic!("{other:?}"),
    };
    for length in [0, 143, 145] {
        assert_eq!(refused(&vec![0; length]), ("their number isn't Total::LIMBS", length));
    }
    let change = |position: usize, value: i64| {
        let mut changed = limbs;
        changed[position] = value;
        refused(&changed)
    };
    for position in 140..144 {
        assert_eq!(change(position, -1), ("a count is negative", position));
        if position > 140 {
            assert_eq!(change(position, i64::MAX), ("more NaN and ∞ than terms", 140));
        }
    }
    assert_eq!(change(140, 1), ("more NaN and ∞ than terms", 140));
    for top in [1, -2, i64::MAX, i64::MIN] {
        assert_eq!(change(69, top), ("the sum exceeds that of 2^60 terms", 69));
    }
    assert_eq!(change(68, i64::MAX), ("the sum exceeds that of 2^60 terms", 69));
    assert_eq!(change(140, 2), ("a sum of no finite terms isn't 0", 140));
    assert_eq!(change(139, -1), ("the sum of weights is negative", 139));
    assert_eq!(change(139, 1), ("the sum of weights exceeds that of 2^60 terms", 139));
    let weightless = ("terms without a weight or a weight without terms", 140);
    assert_eq!(change(70 + 34, 0), weightless);
    let mut alone = [0; Total::LIMBS];
    alone[70] = 1;
    assert_eq!(refused(&alone), weightless);
}

proptest! {
    #[test]
    fn no_limbs_make_a_panic(
        mut limbs in vec(prop_oneof![any::<i64>(), -1_i64..3, Just(i64::MAX), Just(i64::MIN)], 144),
        tame in any::<bool>(),
    ) {
        if tame {
            (limbs[69], limbs[139]) = (0, 0);
            (limbs[68], limbs[138]) = (limbs[68] >> 33, limbs[138] >> 33 & i64::MAX);
            (limbs[140], limbs[141], limbs[142], limbs[143]) = (i64::MAX, 0, 0, 0);
        }
        if let Ok(total) = Total::from_limbs(&limbs) {
            let same = Total::from_limbs(total.as_limbs()).unwrap();
            prop_assert_eq!(&same, &total);
            let _ = (total.sum(), total.mean(), total.weighted_mean(), total.total_weight());
            let _ = total.merge(same);
        }
    }
}

#[test]
fn debug_prints_what_a_total_says() {
    assert_eq!(
        format!("{:?}", total(&[1.0, 0.5])),
        "Total { sum: 1.5, total_weight: 2.0, len: 2, nan: 0, positive_infinite: 0, negative_infinite: 0 }"
    );
}

// Millions of terms. The oracle: for each exponent the sum of the significands, an i128, and these put together as one
// big integer.

/// The exact sum in units of 2^-1074.
fn big_sum(terms: &[f64]) -> BigInt {
    let mut significands = vec![0_i128; 2047];
    for x in terms {
        let (exponent, fraction) = (x.abs().to_bits() >> 52, x.to_bits() & ((1 << 52) - 1));
        let significand = if exponent == 0 { fraction } else { fraction + (1 << 52) };
        let signed = if *x < 0.0 { -i128::from(significand) } else { i128::from(significand) };
        significands[exponent as usize] += signed;
    }
    let scaled = |(exponent, sum)| BigInt::from(sum) << (usize::max(exponent, 1) - 1);
    significands.into_iter().enumerate().map(scaled).sum()
}

/// Terms of every magnitude from 5e-324 to 1e308 and f32 terms, of both signs, some of them taken back, in random
/// order.
fn many_terms(count: usize, random: &mut SplitMix64) -> Vec<f64> {
    let mut terms = vec![5e-324, 1e308, -1e308, f64::MAX, -5e-324];
    while terms.len() < count {
        let term = match random.below(4) {
            0 => random.any_f64(),
            1 => f64::from(random.any_f32()),
            2 => f64::from(random.uniform(0.0, 20.0) as f32),
            _ => random.log_uniform(-1074.0, 1023.0),
        };
        terms.push(term);
        if random.below(8) == 0 && terms.len() < count {
            terms.push(-term);
        }
    }
    shuffle(&mut terms, random);
    terms
}

fn shuffle<T>(items: &mut [T], random: &mut SplitMix64) {
    for i in (1..items.len()).rev() {
        items.swap(i, random.below(i as u64 + 1) as usize);
    }
}

/// Shards of random sizes, their totals merged in a tree of random shape.
fn sharded(terms: &[f64], random: &mut SplitMix64) -> Total {
    let mut totals = Vec::new();
    let mut rest = terms;
    while !rest.is_empty() {
        let most = rest.len().min(1 << (1 + random.below(20)));
        let (shard, others) = rest.split_at(random.below(most as u64 + 1) as usize);
        rest = others;
        totals.push(total(shard));
    }
    while totals.len() > 1 {
        let mut pick = || {
            let i = random.below(totals.len() as u64) as usize;
            totals.swap_remove(i)
        };
        let (a, b) = (pick(), pick());
        totals.push(a.merge(b));
    }
    totals.pop().unwrap_or_default()
}

#[test]
fn the_oracle_of_many_terms_agrees_with_that_of_few() {
    let mut random = SplitMix64::new(3);
    let terms = many_terms(20_000, &mut random);
    assert_eq!(big_sum(&terms), sum_of_units(&terms));
    assert_ne!(big_sum(&terms), sum_of_units(&terms[1..]));
}

#[test]
fn ten_million_terms_in_any_order_and_any_shards() {
    let mut random = SplitMix64::new(1);
    let mut terms = many_terms(10_000_000, &mut random);
    let whole = total(&terms);
    let exact = big_sum(&terms);
    assert_same(whole.sum(), nearest(&exact, &one()));
    let mean = whole.mean().unwrap();
    assert_same(mean, nearest(&exact, &(one() * terms.len())));
    assert!(mean.is_finite() && mean != 0.0);
    // The limbs themselves are the integer.
    let limbs = whole.as_limbs()[..70].iter().rev();
    let state = limbs.fold(BigInt::ZERO, |above, &limb| (above << 32) + limb);
    assert_eq!(state, exact << 14);

    for _ in 0..3 {
        shuffle(&mut terms, &mut random);
        let other = sharded(&terms, &mut random);
        assert!(other == whole && other.as_limbs() == whole.as_limbs());
    }
}

/// A million terms that cancel to almost nothing, so that sum and mean are subnormal and the mean often is a tie.
#[test]
fn subnormal_means_of_a_million_terms() {
    let mut random = SplitMix64::new(2);
    for count in [1 << 20, 1_000_000, 1 << 19] {
        for (left, expected) in [(1_u64, 0), (2, 1), (3, 2), (5, 2), (7, 4)] {
            // ½, 1, 1½, 2½, 3½ least subnormals a term; ties go to the even multiple.
            let halves = left * count as u64 / 2;
            let mut terms = many_terms(count / 2 - 1, &mut random);
            terms.extend(terms.clone().iter().map(|x| -x));
            terms.push(f64::from_bits(halves));
            terms.push(0.0);
            assert_eq!(terms.len(), count);
            shuffle(&mut terms, &mut random);
            let all = sharded(&terms, &mut random);
            assert_same(all.sum(), f64::from_bits(halves));
            assert_same(all.mean().unwrap(), f64::from_bits(expected));
            assert_same(nearest(&big_sum(&terms), &(one() * count)), f64::from_bits(expected));
        }
    }
}

/// 2^29 terms a rank on 2^31 ranks.
#[test]
fn two_to_the_60_terms_have_room() {
    for (term, infinite) in [(f64::MAX, f64::INFINITY), (-f64::MAX, f64::NEG_INFINITY), (0.1, 0.0)]
    {
        let mut rank = total(&[term]);
        for _ in 0..29 {
            rank = rank.clone().merge(rank);
        }
        assert_eq!(rank.len(), 1 << 29);
        let times = |ranks: i64| -> Option<Vec<i64>> {
            rank.as_limbs().iter().map(|limb| limb.checked_mul(ranks)).collect()
        };
        let all = Total::from_limbs(&times(1 << 31).expect("room")).unwrap();
        assert_eq!((all.len(), all.total_weight()), (1 << 60, 2.0_f64.powi(60)));
        assert_eq!((all.mean(), all.weighted_mean()), (Some(term), Some(term)));
        let sum = if infinite == 0.0 { term * 2.0_f64.powi(60) } else { infinite };
        assert_same(all.sum(), sum);
        // In canonical form again, and within the reach that `from_limbs` checks.
        assert_eq!(Total::from_limbs(all.as_limbs()), Ok(all.clone()));
        assert!(all.as_limbs()[..69].iter().all(|limb| (0..1 << 32).contains(limb)));
        let twice: Vec<i64> = all.as_limbs().iter().map(|limb| 2 * limb).collect();
        assert_eq!(Total::from_limbs(&twice).unwrap(), all.clone().merge(all));
    }
}

/// What the stated 2^31 is made of: the largest limb there is, added up.
#[test]
fn one_rank_more_than_2_to_the_31_may_overflow() {
    let ones = total(&[1.0, -f64::from_bits(1)]);
    let limb = *ones.as_limbs().iter().max().unwrap();
    assert_eq!(limb, (1 << 32) - 1);
    assert!(limb.checked_mul(1 << 31).is_some());
    assert_eq!(limb.checked_mul((1 << 31) + 1), None);
    let reduced: Vec<i64> = ones.as_limbs().iter().map(|limb| limb << 31).collect();
    let all = Total::from_limbs(&reduced).unwrap();
    assert_eq!((all.mean(), all.len()), (ones.mean(), 1 << 32));
}

/// Terms of an iterator go by slices of 256.
#[test]
fn iterators_of_any_length() {
    for len in [0, 1, 255, 256, 257, 511, 512, 513, 5000] {
        let terms: Vec<f64> = (0..len).map(|i| f64::from(i) - 0.1).collect();
        let mut one_by_one = Total::default();
        for &term in &terms {
            one_by_one += total(&[term]);
        }
        assert_eq!(total(&terms), one_by_one);
        let mut extended = total(&terms);
        extended.extend(terms.iter().map(|x| -x));
        assert_eq!((extended.len(), extended.sum()), (2 * terms.len() as u64, 0.0));
    }
}

/// Counts are at their end after 63 doublings, and stay there.
#[test]
fn counts_end_at_2_to_the_63() {
    let mut total = total(&[1.0]);
    for doublings in 0..70 {
        assert_eq!(
            total.len(),
            if doublings < 63 { 1 << doublings } else { i64::MAX.cast_unsigned() }
        );
        assert_same(total.sum(), 2.0_f64.powi(doublings));
        total = total.clone().merge(total);
    }
}
