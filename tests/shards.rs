//! Eight ranks of uneven shards, each in micro-batches of uneven sizes, against all pairs in one batch, bit for bit.
//!
//! docs/accumulation.md tells the recipe that is tested here.

use pairwise_loss::{Logistic, Metrics, Pairs, Reduction, Score, Ties, Total, Tuned};
use reference::random::SplitMix64;
use std::ops::Range;

const PAIRS: usize = 20_011;
const RANKS: usize = 8;

/// All columns of a batch.
struct Columns<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Vec<T>,
    weights: Vec<T>,
    labels: Vec<T>,
}

/// Which columns a batch has.
#[derive(Clone, Copy, Debug)]
enum Options {
    None,
    Weights,
    All,
}

impl<T: Score> Columns<T> {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let number = |x: f64| <T as num_traits::NumCast>::from(x).unwrap();
        let mut column = |low: f64, high: f64| -> Vec<T> {
            (0..PAIRS).map(|_| number(random.uniform(low, high))).collect()
        };
        let (mut chosen, rejected) = (column(-30.0, 30.0), column(-30.0, 30.0));
        let (margins, labels) = (column(-1.0, 2.0), column(0.0, 1.0));
        // Multiples of ¼ that add up to an f64, some of them 0.
        let weights = (0..PAIRS).map(|_| number(random.below(9) as f64 / 4.0)).collect();
        for i in (0..PAIRS).step_by(50) {
            chosen[i] = rejected[i];
        }
        Self { chosen, rejected, margins, weights, labels }
    }

    fn pairs(&self, range: Range<usize>, options: Options) -> Pairs<'_, T> {
        let Self { chosen, rejected, margins, weights, labels } = self;
        let [chosen, rejected, margins, weights, labels] =
            [chosen, rejected, margins, weights, labels].map(|column| &column[range.clone()]);
        let pairs = Pairs::new(chosen, rejected).unwrap();
        match options {
            Options::None => pairs,
            Options::Weights => pairs.with_weights(weights).unwrap(),
            Options::All => {
                let pairs = pairs.with_weights(weights).unwrap();
                let pairs = pairs.with_margins(margins).unwrap();
                pairs.with_labels(labels).unwrap()
            }
        }
    }
}

/// Cuts `range` into pieces of random sizes, some of them empty.
fn cut(range: Range<usize>, pieces: usize, random: &mut SplitMix64) -> Vec<Range<usize>> {
    let len = range.len() as u64 + 1;
    let mut ends: Vec<usize> =
        (1..pieces).map(|_| range.start + random.below(len) as usize).collect();
    ends.extend([range.start, range.end]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| ends[0]..ends[1]).collect()
}

/// The micro-batches of each rank. One rank has nothing, one a single pair.
fn ranks(random: &mut SplitMix64) -> Vec<Vec<Range<usize>>> {
    let mut shards = cut(1..PAIRS, RANKS - 2, random);
    shards.extend([0..1, 0..0]);
    shards.into_iter().map(|shard| cut(shard, 1 + random.below(40) as usize, random)).collect()
}

/// The element-wise sum over the ranks.
fn all_reduce_sum<const N: usize>(ranks: &[[i64; N]]) -> [i64; N] {
    let mut sum = [0; N];
    for rank in ranks {
        sum.iter_mut().zip(rank).for_each(|(sum, x)| *sum += x);
    }
    sum
}

/// The element-wise maximum over the ranks.
fn all_reduce_max<const N: usize>(ranks: &[[i64; N]]) -> [i64; N] {
    let mut max = [i64::MIN; N];
    for rank in ranks {
        max.iter_mut().zip(rank).for_each(|(max, &x)| *max = x.max(*max));
    }
    max
}

/// Everything that metrics say.
fn getters(metrics: &Metrics) -> Vec<Option<u64>> {
    let counts = [metrics.wins(), metrics.ties(), metrics.losses(), metrics.nans(), metrics.len()];
    let mut numbers = vec![
        metrics.mean_margin(),
        metrics.mean_reward(),
        metrics.min_reward(),
        metrics.max_reward(),
        metrics.mean_chosen(),
        metrics.min_chosen(),
        metrics.max_chosen(),
        metrics.mean_rejected(),
        metrics.min_rejected(),
        metrics.max_rejected(),
        metrics.brier_score(),
    ];
    for ties in [Ties::Wrong, Ties::Half, Ties::Skip] {
        numbers.extend([metrics.accuracy(ties), metrics.expected_calibration_error(ties)]);
        for bin in metrics.calibration_bins(ties) {
            numbers.extend([bin.mean_confidence(), bin.accuracy(), Some(bin.len() as f64)]);
        }
    }
    let bits = numbers.into_iter().map(|x| x.map(f64::to_bits));
    counts.map(Some).into_iter().chain(bits).collect()
}

fn loss() -> Tuned<Logistic> {
    Tuned::new(Logistic).scale(0.3).unwrap().smoothing(0.1).unwrap()
}

fn totals_and_metrics<T: Score>(options: Options) {
    let columns = Columns::<T>::new(1);
    let whole = columns.pairs(0..PAIRS, options);
    let (total, metrics) = (whole.total(loss()), Metrics::of(&whole));
    assert!(total.mean().is_some_and(f64::is_normal) && metrics.ties() > 0);

    let mut random = SplitMix64::new(2);
    for _ in 0..3 {
        let (mut limbs, mut sums, mut extremes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut blocked, mut averages) = (0.0, Vec::new());
        for micro_batches in ranks(&mut random) {
            let (mut rank_total, mut rank_metrics) = (Total::default(), Metrics::default());
            for range in micro_batches {
                let pairs = columns.pairs(range, options);
                rank_total += pairs.total(loss());
                rank_metrics += Metrics::of(&pairs);
                blocked += pairs.loss(loss(), Reduction::Sum).unwrap();
            }
            averages.extend(rank_total.mean());
            limbs.push(rank_total.as_limbs().try_into().unwrap());
            sums.push(rank_metrics.to_sums());
            extremes.push(rank_metrics.to_extremes());
        }
        let reduced = Total::from_limbs(&all_reduce_sum::<{ Total::LIMBS }>(&limbs)).unwrap();
        assert_eq!(reduced, total);
        let numbers = |total: &Total| {
            let means = [total.mean().unwrap(), total.weighted_mean().unwrap()];
            [means[0], means[1], total.sum(), total.total_weight()].map(f64::to_bits)
        };
        assert_eq!(numbers(&reduced), numbers(&total));
        assert_eq!(reduced.len(), total.len());

        let reduced =
            Metrics::from_parts(&all_reduce_sum(&sums), &all_reduce_max(&extremes)).unwrap();
        assert_eq!(reduced, metrics);
        assert_eq!(getters(&reduced), getters(&metrics));

        // What is not the same: sums of sums in floating point are near, means of means are not even that.
        let error = (blocked / whole.loss(loss(), Reduction::Sum).unwrap() - 1.0).abs();
        assert!(error < 1e-12, "{error:e}");
        let average = averages.iter().sum::<f64>() / averages.len() as f64;
        assert!((average / total.mean().unwrap() - 1.0).abs() > 1e-4, "{average}");
    }
}

#[test]
fn totals_and_metrics_of_f32() {
    for options in [Options::None, Options::Weights, Options::All] {
        totals_and_metrics::<f32>(options);
    }
}

#[test]
fn totals_and_metrics_of_f64() {
    for options in [Options::None, Options::Weights, Options::All] {
        totals_and_metrics::<f64>(options);
    }
}

/// Both gradients, bit by bit.
fn gradients<T: Score>(pairs: &Pairs<'_, T>, reduction: Reduction) -> Vec<(u64, i16, i8)> {
    let (mut chosen, mut rejected) = (vec![T::nan(); pairs.len()], vec![T::nan(); pairs.len()]);
    pairs.loss_and_gradients(loss(), reduction, &mut chosen, &mut rejected).unwrap();
    chosen
        .iter()
        .zip(&rejected)
        .flat_map(|(c, r)| [c.integer_decode(), r.integer_decode()])
        .collect()
}

fn gradients_of_micro_batches<T: Score>(options: Options) {
    let columns = Columns::<T>::new(3);
    let whole = columns.pairs(0..PAIRS, options);
    let total = whole.total(loss());
    let mut random = SplitMix64::new(4);
    for (reduction, over) in [
        (Reduction::Mean, total.len() as f64),
        (Reduction::WeightedMean, total.total_weight()),
        (Reduction::Sum, 1.0),
    ] {
        let expected = gradients(&whole, reduction);
        for range in ranks(&mut random).into_iter().flatten() {
            let pairs = columns.pairs(range.clone(), options);
            let found = gradients(&pairs, Reduction::Over(over));
            assert_eq!(
                found,
                expected[2 * range.start..2 * range.end],
                "{options:?} {reduction:?} {range:?}"
            );
        }
        // The mean of each micro-batch by itself, as averaging has it, is another one.
        let alone = gradients(&columns.pairs(0..1000, options), reduction);
        assert_eq!(alone == expected[..2000], reduction == Reduction::Sum);
    }
}

#[test]
fn gradients_of_micro_batches_are_those_of_the_whole() {
    for options in [Options::None, Options::Weights, Options::All] {
        gradients_of_micro_batches::<f32>(options);
        gradients_of_micro_batches::<f64>(options);
    }
}

/// Two ranks of three pairs and of one: the average of the ranks' means is not the mean.
#[test]
fn averages_of_averages_are_biased() {
    let (chosen, rejected) = ([3.0, 3.0, 3.0, 0.0], [0.0, 0.0, 0.0, 3.0]);
    let weights = [1.0, 1.0, 2.0, 0.5];
    let of = |range: Range<usize>| {
        let pairs = Pairs::new(&chosen[range.clone()], &rejected[range.clone()]).unwrap();
        pairs.with_weights(&weights[range]).unwrap()
    };
    let ranks = [of(0..3), of(3..4)];
    let totals = ranks.map(|rank| rank.total(Logistic));
    let metrics = ranks.map(|rank| Metrics::of(&rank));
    let average = |means: [Option<f64>; 2]| f64::midpoint(means[0].unwrap(), means[1].unwrap());
    // log(1 + e^−3) and log(1 + e^3).
    let (right, wrong) = (0.04858735157374206, 3.048587351573742);

    let merged: Total = totals.iter().sum();
    let near =
        |found: f64, expected: f64| assert!((found - expected).abs() < 1e-15, "{found} {expected}");
    near(merged.weighted_mean().unwrap(), (4.0 * right + 0.5 * wrong) / 4.5); // 0.38
    near(average([0, 1].map(|i| totals[i].weighted_mean())), f64::midpoint(right, wrong)); // 1.55
    near(merged.mean().unwrap(), (4.0 * right + 0.5 * wrong) / 4.0);
    near(average([0, 1].map(|i| totals[i].mean())), f64::midpoint(4.0 * right / 3.0, 0.5 * wrong));

    let merged: Metrics = metrics.iter().sum();
    assert_eq!(merged.accuracy(Ties::Wrong), Some(0.75));
    assert_eq!(average([0, 1].map(|i| metrics[i].accuracy(Ties::Wrong))), 0.5);
    assert_eq!(merged.mean_margin(), Some((3.0 * 3.0 - 3.0) / 4.0));
    assert_eq!(average([0, 1].map(|i| metrics[i].mean_margin())), 0.0);
    // Right 95 % of the time where three of four are: 0.2. The ranks by themselves are off by 0.05 and by 0.95.
    let sure = 1.0 / (1.0 + (-3.0_f64).exp());
    near(merged.expected_calibration_error(Ties::Wrong).unwrap(), sure - 0.75);
    near(average([0, 1].map(|i| metrics[i].expected_calibration_error(Ties::Wrong))), 0.5);
    let terms = [(1.0 - sure) * (1.0 - sure), sure * sure];
    near(merged.brier_score().unwrap(), (3.0 * terms[0] + terms[1]) / 4.0);
    near(average([0, 1].map(|i| metrics[i].brier_score())), f64::midpoint(terms[0], terms[1]));
}

/// Where Σw is no f64, `Over` can't carry all of it: gradients of f64 may then be off by a unit in the last place.
#[test]
fn weights_whose_sum_is_rounded() {
    let chosen: Vec<f64> = (0..999).map(|i| f64::from(i % 37) / 7.0).collect();
    let rejected: Vec<f64> = (0..999).map(|i| f64::from(i % 31) / 5.0).collect();
    let weights: Vec<f64> = (1..1000).map(|i| 1.0 / f64::from(i)).collect();
    let pairs = Pairs::new(&chosen, &rejected).unwrap().with_weights(&weights).unwrap();
    let over = Reduction::Over(pairs.total(Logistic).total_weight());
    let (mut a, mut b, mut rest) = (vec![0.0; 999], vec![0.0; 999], vec![0.0; 999]);
    pairs.loss_and_gradients(Logistic, Reduction::WeightedMean, &mut a, &mut rest).unwrap();
    pairs.loss_and_gradients(Logistic, over, &mut b, &mut rest).unwrap();
    let apart = |(a, b): (&f64, &f64)| a.to_bits().abs_diff(b.to_bits());
    assert_eq!(a.iter().zip(&b).map(apart).max(), Some(1));
}
