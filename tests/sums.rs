//! Blocked sums beside exact totals, and totals with gradients beside totals and gradients.

use pairwise_loss::{
    Exponential, Hinge, Level, Logistic, PairLoss, Pairs, Reduction, RobustLogistic, Score, Total,
    Tuned,
};
use reference::{Loss, Options, pair, ulp};

/// Numbers between −1 and 1.
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    move || 2.0 * rng.f64() - 1.0
}

/// Margins as they come: (centre, spread).
const MARGINS: [(f64, f64); 8] = [
    (0.0, 5.0),
    (25.0, 5.0),
    (3.0, 1.0),
    (0.0, 1e6),
    (-25.0, 5.0),
    (0.0, 1e-9),
    (350.0, 250.0),
    (18.0, 0.5),
];

const LENGTHS: [usize; 8] = [1, 2, 16, 17, 33, 64, 1000, 9000];

/// The sum is off by its own last rounding, ½ ulp, and by little else. The total beside it has a rounding of its own, and
/// those of the losses it adds up, each at most 0.54 ulp, which are ½ ulp of the sum only if all are alike. In a long batch
/// they cancel, so that the two are mostly the same number; not so if the errors of the products were left out.
#[test]
fn blocked_sums_of_f64_are_within_an_ulp_of_the_exact_ones() {
    let mut random = numbers(1);
    for (centre, spread) in MARGINS {
        for len in LENGTHS {
            let mut different = 0;
            for _ in 0..50 {
                let chosen: Vec<f64> = (0..len).map(|_| centre + spread * random()).collect();
                let rejected = vec![0.0; len];
                let pairs = Pairs::new(&chosen, &rejected).unwrap();
                let exact = pairs.total(Logistic);
                for (sum, exact) in [
                    (pairs.loss(Logistic, Reduction::Sum).unwrap(), exact.sum()),
                    (pairs.loss(Logistic, Reduction::Mean).unwrap(), exact.mean().unwrap()),
                ] {
                    let ulps = (sum - exact).abs() / (exact.next_up() - exact);
                    assert!(ulps <= 1.0, "{len} losses around {centre}: {ulps} ulp");
                    different += usize::from(sum != exact);
                }
            }
            // Losses beside log 2 are all rounded in the same direction.
            if len >= 1000 && spread > 1e-3 {
                assert!(different <= 12, "{len} losses around {centre}: {different} of 100");
            }
        }
    }
}

#[test]
fn blocked_sums_of_f32_are_within_their_limit() {
    let mut random = numbers(2);
    for (centre, spread) in MARGINS {
        for len in LENGTHS {
            let chosen: Vec<f32> = (0..len).map(|_| (centre + spread * random()) as f32).collect();
            let wide: Vec<f64> = chosen.iter().map(|&x| f64::from(x)).collect();
            let (rejected, wide_rejected) = (vec![0.0; len], vec![0.0; len]);
            let pairs = Pairs::new(&chosen, &rejected).unwrap();
            let sum = pairs.loss(Logistic, Reduction::Sum).unwrap();
            let exact = Pairs::new(&wide, &wide_rejected).unwrap().total(Logistic).sum();
            // Winners by hundreds lose less than f32 can tell from 0, and f64 can.
            assert!((sum - exact).abs() <= 1e-12 * exact, "{len} losses around {centre}");
        }
    }
}

/// Rows with everything that goes another way: winners by more than the exponential is trusted for, NaN, ∞, overflow.
fn batch<T: Score>(len: usize, seed: u64) -> [Vec<T>; 5] {
    let mut random = numbers(seed);
    let special = |i: usize| match i % 53 {
        7 => Some((700.0, 0.0)),
        13 => Some((2999.0, 0.0)),
        19 => Some((-1500.0, 0.0)),
        29 => Some((T::max_value().to_f64().unwrap(), -T::max_value().to_f64().unwrap())),
        41 if i > 100 => Some((f64::INFINITY, 1.0)),
        43 if i > 1000 => Some((f64::NAN, 1.0)),
        _ => None,
    };
    let scores = |i: usize, random: &mut dyn FnMut() -> f64| {
        special(i).unwrap_or_else(|| (9.0 * random(), 9.0 * random()))
    };
    let pairs: Vec<(f64, f64)> = (0..len).map(|i| scores(i, &mut random)).collect();
    let column = |f: &mut dyn FnMut(usize) -> f64| -> Vec<T> {
        (0..len).map(|i| T::from(f(i)).unwrap()).collect()
    };
    [
        column(&mut |i| pairs[i].0),
        column(&mut |i| pairs[i].1),
        column(&mut |_| random()),
        column(&mut |i| if i % 11 == 3 { 0.0 } else { 1e9_f64.powf(random()) }),
        column(&mut |i| if i % 7 == 3 { 1.0 } else { random().abs() }),
    ]
}

fn bits<T: Score>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().unwrap().to_bits()).collect()
}

fn totals_have_the_gradients_of_the_fused_pass<T: Score, L: PairLoss>(loss: L) {
    for len in (0..=67).chain([127, 128, 161, 1200, 4097, 40_000]) {
        let [chosen, rejected, margins, weights, labels] = batch::<T>(len, len as u64);
        for options in 0..8 {
            let mut pairs = Pairs::new(&chosen, &rejected).unwrap();
            if options & 1 != 0 {
                pairs = pairs.with_margins(&margins).unwrap();
            }
            if options & 2 != 0 {
                pairs = pairs.with_weights(&weights).unwrap();
            }
            if options & 4 != 0 {
                pairs = pairs.with_labels(&labels).unwrap();
            }
            if len > 5000 && options % 7 != 0 {
                continue;
            }
            // Normalisers that bring gradients next to underflow and overflow among them.
            let reductions = [Reduction::Sum, Reduction::Over(-3.0), Reduction::Over(1e290)];
            for reduction in reductions.into_iter().chain([Reduction::Over(1e-290)]) {
                let mut expected = [vec![T::zero(); len], vec![T::zero(); len]];
                let [d_chosen, d_rejected] = &mut expected;
                pairs.loss_and_gradients(loss, reduction, d_chosen, d_rejected).unwrap();
                let mut losses = vec![T::zero(); len];
                pairs.losses_into(loss, &mut losses).unwrap();
                for level in Level::available().skip(usize::from(len > 200)) {
                    let mut found = [vec![T::one(); len], vec![T::one(); len]];
                    let [d_chosen, d_rejected] = &mut found;
                    let pairs = pairs.with_level(level);
                    let total =
                        pairs.total_and_gradients(loss, reduction, d_chosen, d_rejected).unwrap();
                    let name = format!("{len} rows, options {options}, {reduction:?}, {level}");
                    assert_eq!(
                        found.map(|x| bits(&x)),
                        expected.clone().map(|x| bits(&x)),
                        "{name}"
                    );
                    assert_eq!(total, pairs.total(loss), "{name}");
                    if options & 2 == 0 {
                        let terms = losses.iter().map(|x| x.to_f64().unwrap());
                        assert_eq!(total, terms.collect::<Total>(), "{name}");
                    }
                }
            }
        }
    }
}

#[test]
fn totals_of_f32_have_the_gradients_of_the_fused_pass() {
    totals_have_the_gradients_of_the_fused_pass::<f32, _>(Logistic);
}

#[test]
fn totals_of_f64_have_the_gradients_of_the_fused_pass() {
    totals_have_the_gradients_of_the_fused_pass::<f64, _>(Logistic);
}

#[test]
fn totals_of_other_losses_have_the_gradients_of_the_fused_pass() {
    totals_have_the_gradients_of_the_fused_pass::<f32, _>(Hinge::new(1.0).unwrap());
    totals_have_the_gradients_of_the_fused_pass::<f64, _>(Exponential);
    let tuned = Tuned::new(Logistic).scale(0.1).unwrap().smoothing(0.05).unwrap();
    totals_have_the_gradients_of_the_fused_pass::<f64, _>(tuned);
    totals_have_the_gradients_of_the_fused_pass::<f32, _>(RobustLogistic::new(0.1).unwrap());
}

/// The sum, too, is the same whether gradients are wanted or not, padded or not: the sum of a batch and of one with rows of
/// no consequence behind it.
#[test]
fn a_partial_chunk_adds_nothing_of_its_own() {
    fn check<T: Score, L: PairLoss>(loss: L) {
        for len in 1..=67 {
            let [chosen, rejected, ..] = batch::<T>(len, 9);
            let pairs = Pairs::new(&chosen, &rejected).unwrap();
            let sum = pairs.loss(loss, Reduction::Sum).unwrap();
            let mut losses = vec![T::zero(); pairs.len()];
            pairs.losses_into(loss, &mut losses).unwrap();
            let expected: f64 = losses.iter().map(|x| x.to_f64().unwrap()).sum();
            let tolerance = if T::epsilon().to_f64().unwrap() > 1e-10 { 1e-7 } else { 1e-15 };
            assert!(
                (sum - expected).abs() <= tolerance * expected.abs(),
                "{len}: {sum} {expected}"
            );
            let mut gradient = vec![T::zero(); pairs.len()];
            let with = pairs.loss_and_margin_gradient(loss, Reduction::Sum, &mut gradient).unwrap();
            assert_eq!(with.to_bits(), sum.to_bits());
        }
    }
    let tuned = || Tuned::new(Logistic).scale(0.1).unwrap().smoothing(0.05).unwrap();
    check::<f32, _>(Logistic);
    check::<f64, _>(Logistic);
    check::<f32, _>(tuned());
    check::<f64, _>(tuned());
    check::<f32, _>(Hinge::new(1.0).unwrap());
}

/// Normalisers that bring ordinary gradients to the subnormals, where a second rounding would show, against the truth.
#[test]
fn gradients_under_an_extreme_normaliser_are_rounded_once() {
    const POWER: i64 = 1020;
    let mut random = numbers(4);
    let len = 1000;
    let [chosen, rejected]: [Vec<f64>; 2] =
        std::array::from_fn(|_| (0..len).map(|_| 25.0 * random()).collect());
    let pairs = Pairs::new(&chosen, &rejected).unwrap();
    let over = Reduction::Over(2.0_f64.powi(POWER as i32));
    let mut fused = [vec![0.0; len], vec![0.0; len]];
    let mut total = fused.clone();
    let [d_chosen, d_rejected] = &mut fused;
    pairs.loss_and_gradients(Logistic, over, d_chosen, d_rejected).unwrap();
    let [d_chosen, d_rejected] = &mut total;
    pairs.total_and_gradients(Logistic, over, d_chosen, d_rejected).unwrap();
    for i in 0..len {
        let exact = pair(Loss::Logistic, &Options::default(), chosen[i], rejected[i]).unwrap();
        let exact = exact.grad.scaled(-POWER);
        for outputs in [&fused, &total] {
            let error = ulp::error(outputs[0][i], &exact);
            assert!(error <= 0.5, "{} and {}: {error} ulp", chosen[i], rejected[i]);
            assert_eq!(outputs[1][i], -outputs[0][i]);
        }
    }
}
