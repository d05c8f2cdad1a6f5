//! With the feature `rayon`: every verb gives the same bits on one, two and five threads.
//!
//! Run with `cargo test --release --features rayon --test threads`.

#![cfg(feature = "rayon")]

use pairwise_loss::{Comparisons, Hinge, Logistic, Pairs, Reduction, Score, ScoreSum, ScoreSums};
use reference::random::SplitMix64;

/// More than one piece of a batch that is divided, and no multiple of anything.
const LEN: usize = (1 << 18) + 4097 + 19;

fn column<T: Score>(seed: u64, low: f64, high: f64) -> Vec<T> {
    let mut random = SplitMix64::new(seed);
    (0..LEN).map(|_| <T as num_traits::NumCast>::from(random.uniform(low, high)).unwrap()).collect()
}

/// Numbers of any format, bit by bit.
type Bits = Vec<(u64, i16, i8)>;

fn bits<T: Score>(numbers: &[T]) -> Bits {
    numbers.iter().map(|x| x.integer_decode()).collect()
}

/// All results of a batch, bit by bit.
fn results<T: Score>() -> (Vec<u64>, Vec<Bits>, Vec<f64>) {
    let (chosen, rejected) = (column::<T>(1, -8.0, 8.0), column::<T>(2, -8.0, 8.0));
    let (margins, weights) = (column::<T>(3, -1.0, 1.0), column::<T>(4, 0.0, 2.0));
    let labels = column::<T>(5, 0.0, 1.0);
    let plain = Pairs::new(&chosen, &rejected).unwrap();
    let with_margins = plain.with_margins(&margins).unwrap();
    let weighted = with_margins.with_weights(&weights).unwrap();
    let all = weighted.with_labels(&labels).unwrap();

    let (mut sums, mut columns, mut totals) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = vec![T::zero(); LEN];
    let mut other = out.clone();
    for pairs in [plain, with_margins, weighted, all] {
        sums.push(pairs.loss(Logistic, Reduction::Mean).unwrap().to_bits());
        let hinge = Hinge::new(1.0).unwrap();
        let sum = pairs.loss_and_gradients(hinge, Reduction::Sum, &mut out, &mut other).unwrap();
        sums.push(sum.to_bits());
        columns.extend([bits(&out), bits(&other)]);
        let sum =
            pairs.loss_and_margin_gradient(Logistic, Reduction::WeightedMean, &mut out).unwrap();
        sums.push(sum.to_bits());
        columns.push(bits(&out));
        pairs.hessians_into(Logistic, &mut out).unwrap();
        columns.push(bits(&out));
        let total = pairs.total(Logistic);
        totals.extend([total.sum(), total.mean().unwrap()]);
    }
    pairwise_loss::log_sigmoid_into(&chosen, &mut out).unwrap();
    columns.push(bits(&out));

    let mut random = SplitMix64::new(6);
    let winners: Vec<u32> = (0..LEN).map(|_| random.below(1000) as u32).collect();
    let loser = |&winner: &u32| (winner + 1 + random.below(999) as u32) % 1000;
    let losers: Vec<u32> = winners.iter().map(loser).collect();
    let comparisons = Comparisons::new(&chosen[..1000], &winners, &losers).unwrap();
    let mut gradient = vec![T::zero(); 1000];
    let loss = comparisons.loss_and_gradient(Logistic, Reduction::Mean, &mut gradient).unwrap();
    sums.push(loss.to_bits());
    columns.push(bits(&gradient));
    // A piece for each of three threads, however many there are.
    let mut memory = vec![ScoreSum::ZERO; 3 * 1000];
    let mut exact = ScoreSums::new(&mut memory, 1000).unwrap();
    let mean = comparisons.loss_and_gradient_sums(Logistic, Reduction::Mean, &mut exact).unwrap();
    assert_eq!(mean, loss);
    exact.round_into(&mut gradient).unwrap();
    columns.push(bits(&gradient));
    exact.clear();
    let total = comparisons.add_gradient_to_sums(Logistic, Reduction::Mean, &mut exact).unwrap();
    let mut again = vec![T::zero(); 1000];
    exact.round_into(&mut again).unwrap();
    assert_eq!(bits(&again), bits(&gradient));
    totals.extend([total.sum(), total.mean().unwrap()]);
    exact.clear();
    comparisons.add_hessian_diagonal_to_sums(Logistic, &mut exact).unwrap();
    exact.round_into(&mut gradient).unwrap();
    columns.push(bits(&gradient));
    (sums, columns, totals)
}

fn check<T: Score>() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(results::<T>)
    };
    let one = on(1);
    assert!(one.0.iter().all(|sum| f64::from_bits(*sum).is_finite()));
    for threads in [2, 5] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

#[test]
fn f32_results_do_not_depend_on_the_number_of_threads() {
    check::<f32>();
}

#[test]
fn f64_results_do_not_depend_on_the_number_of_threads() {
    check::<f64>();
}
