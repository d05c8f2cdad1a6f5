//! Plackett–Luce against its definition in exact arithmetic, against the pairs that it is made of, and against the sum
//! of the probabilities of all orders.

use pairwise_loss::{Error, Groups, Level, Logistic, Pairs, PlackettLuce, Reduction, Score, Total};
use reference::random::SplitMix64;
use reference::{Format, Real, bits, ulp};

/// A format under test, with the promises made for it.
trait Number: Score + Format {
    /// Error of a loss in units in the last place.
    const LOSS: f64;
    /// Error of a gradient in units in the last place, and in addition per unit of its terms.
    const GRADIENT: f64;
    const TERMS: f64;
    /// Relative error of a reduced loss.
    const REDUCED: f64;
}

impl Number for f32 {
    const LOSS: f64 = 0.501;
    const GRADIENT: f64 = 0.501;
    const TERMS: f64 = 1e-12;
    const REDUCED: f64 = 1e-15;
}

impl Number for f64 {
    const LOSS: f64 = 0.54;
    const GRADIENT: f64 = 0.54;
    const TERMS: f64 = 2e-18;
    const REDUCED: f64 = 2.3e-16;
}

const REDUCTIONS: [Reduction; 4] =
    [Reduction::Sum, Reduction::Mean, Reduction::WeightedMean, Reduction::Over(7.3)];

/// Binary digits of the oracle, the bounds of whose sums double with each addition.
const BITS: u32 = 900;

fn offsets(sizes: &[usize]) -> Vec<usize> {
    let ends = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

fn scores<T: Number>(len: usize, spread: f64, seed: u64) -> Vec<T> {
    let mut random = SplitMix64::new(seed);
    (0..len).map(|_| T::of(random.uniform(-spread, spread))).collect()
}

/// Everything that is said of rankings.
#[derive(Debug, PartialEq)]
struct Said {
    loss: Vec<u64>,
    fused: Vec<u64>,
    gradients: Vec<Vec<u64>>,
    losses: Vec<u64>,
    total: Total,
}

fn said<T: Number>(rankings: PlackettLuce<'_, T>, prompts: usize, scores: usize) -> Said {
    let mut losses = vec![T::SENTINEL; prompts];
    rankings.losses_into(&mut losses).expect("losses");
    let (losses, total) = (bits(&losses), rankings.total());
    let mut said = Said { loss: vec![], fused: vec![], gradients: vec![], losses, total };
    for reduction in REDUCTIONS {
        let mut gradient = vec![T::SENTINEL; scores];
        let value = rankings.loss(reduction).expect("a loss");
        let fused = rankings.loss_and_gradient(reduction, &mut gradient).expect("a gradient");
        said.loss.push(value.to_bits());
        said.fused.push(fused.to_bits());
        said.gradients.push(bits(&gradient));
    }
    said
}

/// Scores of every kind.
fn wild<T: Number>(len: usize, seed: u64) -> Vec<T> {
    let mut random = SplitMix64::new(seed);
    let special = [
        T::infinity(),
        T::neg_infinity(),
        T::nan(),
        T::max_value(),
        T::min_value(),
        T::min_positive_value(),
        T::zero(),
        T::neg_zero(),
    ];
    let mut score = |i| match i % 5 {
        0 => special[random.below(8) as usize],
        1 => T::of(random.uniform(-1000.0, 1000.0)),
        2 => T::of(random.log_uniform(-60.0, 60.0)),
        _ => T::of(random.uniform(-5.0, 5.0)),
    };
    (0..len).map(|i| score(i * 7 / 3)).collect()
}

fn two_answers_are_a_pair<T: Number>(len: usize, scores: &[T], weighted: bool) {
    let [chosen, rejected] =
        [0, 1].map(|side| scores.iter().skip(side).step_by(2).copied().collect::<Vec<_>>());
    let offsets = offsets(&vec![2; len]);
    let weights: Vec<T> = (0..len).map(|g| T::of((g % 4) as f64 * 0.7)).collect();
    let mut pairs = Pairs::new(&chosen, &rejected).expect("pairs");
    let mut groups = Groups::new(scores, &offsets).expect("offsets");
    if weighted {
        pairs = pairs.with_weights(&weights).expect("weights");
        groups = groups.with_weights(&weights).expect("weights");
    }
    let said = said(groups.plackett_luce(None).expect("rankings"), len, scores.len());
    let mut losses = vec![T::SENTINEL; len];
    pairs.losses_into(Logistic, &mut losses).expect("losses");
    assert_eq!(said.losses, bits(&losses));
    assert_eq!(said.total, pairs.total(Logistic));
    for (i, reduction) in REDUCTIONS.into_iter().enumerate() {
        let (mut winners, mut losers) = (losses.clone(), losses.clone());
        let value = pairs
            .loss_and_gradients(Logistic, reduction, &mut winners, &mut losers)
            .expect("gradients");
        let both: Vec<T> = winners.into_iter().zip(losers).flat_map(|(w, l)| [w, l]).collect();
        assert_eq!(said.gradients[i], bits(&both), "{reduction:?}");
        let own = f64::from_bits(said.loss[i]);
        if T::PRECISION == 53 {
            assert_eq!(own.to_bits(), value.to_bits());
        } else if value.is_finite() {
            assert!((own - value).abs() <= 1e-12 * value, "{own} {value}");
        } else {
            assert_eq!(own.to_bits(), value.to_bits());
        }
    }
}

#[test]
fn two_answers_are_the_logistic_loss_of_a_pair() {
    for len in [1, 2, 31, 33, 257, 4096, 5000] {
        for weighted in [false, true] {
            if len > 1 || !weighted {
                two_answers_are_a_pair(len, &scores::<f32>(2 * len, 4.0, 3), weighted);
                two_answers_are_a_pair(len, &scores::<f64>(2 * len, 4.0, 3), weighted);
                two_answers_are_a_pair(len, &scores::<f32>(2 * len, 700.0, 3), weighted);
                two_answers_are_a_pair(len, &scores::<f64>(2 * len, 700.0, 3), weighted);
                two_answers_are_a_pair(len, &wild::<f32>(2 * len, 5), weighted);
                two_answers_are_a_pair(len, &wild::<f64>(2 * len, 5), weighted);
            }
        }
    }
}

/// Loss and gradient of a ranking, best first, and the size of the terms of each element, from the definition.
fn exact(scores: &[f64], top: usize, bits: u32) -> (Real, Vec<Real>, Vec<f64>) {
    let k = scores.len();
    let exps: Vec<Real> = scores.iter().map(|&s| Real::new(s).exp(bits)).collect();
    let mut sums = vec![Real::zero(); k + 1];
    for i in (0..k).rev() {
        sums[i] = &sums[i + 1] + &exps[i];
    }
    let stages = top.min(k - 1);
    let mut loss = Real::zero();
    let mut inverse = Real::zero();
    let (mut gradient, mut terms) = (vec![], vec![]);
    for j in 0..k {
        if j < stages {
            loss = loss + sums[j + 1].divide(&exps[j], bits).ln_1p(bits);
            inverse = inverse + Real::one().divide(&sums[j], bits);
        }
        let all = &exps[j] * &inverse;
        let own = if j < stages { Real::one() } else { Real::zero() };
        // What later stages would lay upon it, and the loss of its own.
        let duel = if j < stages { sums[j + 1].divide(&sums[j], bits) } else { Real::zero() };
        let element = all - own;
        terms.push((&element + &duel).approximate().abs() + duel.approximate());
        gradient.push(element);
    }
    (loss, gradient, terms)
}

/// The largest errors found: of losses, of elements that do not cancel, and what cancelling elements lose beyond half
/// a unit, per unit of their terms.
#[derive(Debug, Default)]
struct Found {
    loss: f64,
    gradient: f64,
    terms: f64,
}

impl Found {
    /// Prompts of these sizes, answers in a random order given by ranks.
    fn look<T: Number>(&mut self, sizes: &[usize], spread: f64, top: Option<usize>, seed: u64) {
        let mut random = SplitMix64::new(seed);
        let offsets = offsets(sizes);
        let scores = scores::<T>(offsets[sizes.len()], spread, seed + 1);
        let weights: Vec<T> = sizes.iter().map(|_| T::of(random.uniform(0.2, 3.0))).collect();
        let mut ranks = vec![0; scores.len()];
        for ends in offsets.windows(2) {
            for i in ends[0]..ends[1] {
                let other = ends[0] + random.below((i - ends[0]) as u64 + 1) as usize;
                ranks[i] = ranks[other];
                ranks[other] = 3 * (i - ends[0]) as u32;
            }
        }
        let groups = Groups::new(&scores, &offsets).expect("offsets");
        let groups = groups.with_ranks(&ranks).expect("ranks");
        let rankings = groups.with_weights(&weights).expect("weights").plackett_luce(top);
        let rankings = rankings.expect("rankings");
        let mut losses = vec![T::SENTINEL; sizes.len()];
        rankings.losses_into(&mut losses).expect("losses");
        let mut gradient = vec![T::SENTINEL; scores.len()];
        let value = rankings.loss_and_gradient(Reduction::Mean, &mut gradient).expect("both");
        assert_eq!(rankings.loss(Reduction::Mean), Ok(value));

        let mut sum = Real::zero();
        let mut counted = 0;
        let prompts: Vec<_> = offsets.windows(2).map(|ends| ends[0]..ends[1]).collect();
        let count = Real::from(prompts.iter().filter(|answers| answers.len() > 1).count() as i64);
        for (g, answers) in prompts.into_iter().enumerate() {
            if answers.len() < 2 {
                assert_eq!(losses[g], T::zero());
                assert!(gradient[answers].iter().all(|x| x.wide() == 0.0));
                continue;
            }
            counted += 1;
            let mut order: Vec<usize> = answers.collect();
            order.sort_by_key(|&i| ranks[i]);
            let sorted: Vec<f64> = order.iter().map(|&i| scores[i].wide()).collect();
            let (loss, elements, terms) = exact(&sorted, top.unwrap_or(usize::MAX), BITS);
            let weight = Real::new(weights[g].wide());
            let loss = loss * &weight;
            self.loss = self.loss.max(ulp::error(losses[g], &loss));
            sum = sum + loss;
            for (place, &i) in order.iter().enumerate() {
                let element = (&elements[place] * &weight).divide(&count, BITS);
                let error = ulp::error(gradient[i], &element);
                if place == 0 || place + 1 == order.len() || place >= top.unwrap_or(usize::MAX) {
                    self.gradient = self.gradient.max(error);
                } else {
                    let scale = weight.approximate() / count.approximate();
                    let unit =
                        (Real::new(gradient[i].wide()) - element).approximate().abs() / error;
                    let beyond = if error > 0.5 { (error - 0.5) * unit } else { 0.0 };
                    self.terms = self.terms.max(beyond / (scale * terms[place]));
                }
            }
        }
        assert_eq!(rankings.total().len(), counted);
        let mean = sum.divide(&count, BITS);
        // An oracle that has lost its number would call every error 0.
        assert!(mean.nearest::<f32>().is_some(), "{mean:?}");
        let error = (Real::new(value) - &mean).divide(&mean, 60).approximate().abs();
        assert!(error <= T::REDUCED, "{value} is off by {error:e}");
    }
}

impl Found {
    /// Below the limits, and near enough to show that these are not loose.
    fn check<T: Number>(&self) {
        for (found, limit) in [(self.loss, T::LOSS), (self.gradient, T::GRADIENT)] {
            assert!(found <= limit && found > limit - 0.05, "{self:?}");
        }
        assert!(self.terms <= T::TERMS, "{self:?}");
    }
}

/// Every K from 0 to 9.
const SIZES: [usize; 14] = [2, 3, 4, 5, 6, 7, 8, 9, 1, 0, 3, 4, 9, 2];

fn small<T: Number>() {
    let mut found = Found::default();
    for seed in 0..40 {
        for top in [None, Some(1), Some(2), Some(5), Some(9)] {
            for spread in [0.01, 2.0, 20.0] {
                found.look::<T>(&SIZES, spread, top, 100 * seed);
            }
        }
    }
    found.check::<T>();
}

#[test]
fn up_to_nine_answers_of_f32() {
    small::<f32>();
}

#[test]
fn up_to_nine_answers_of_f64() {
    small::<f64>();
}

/// Through several runs of answers.
fn long<T: Number>() {
    let mut found = Found::default();
    for top in [None, Some(1), Some(64), Some(65), Some(100)] {
        for spread in [0.01, 2.0, 20.0] {
            found.look::<T>(&[63, 64, 65, 128, 129, 300], spread, top, 71);
        }
    }
    found.check::<T>();
}

#[test]
fn hundreds_of_answers_of_f32() {
    long::<f32>();
}

#[test]
fn hundreds_of_answers_of_f64() {
    long::<f64>();
}

/// More answers than the stack holds the runs of. Equal scores: log K!, and Σ_{i≤j} 1/(K − i) − 1.
#[test]
fn thousands_of_answers() {
    for k in [4095_usize, 4096, 4097, 9000] {
        let scores = vec![0.25_f64; k];
        let offsets = [0, k];
        let groups = Groups::new(&scores, &offsets).expect("offsets");
        // In reverse, for the ranks to matter.
        let ranks: Vec<u32> = (0..k as u32).rev().collect();
        let ranked = groups.with_ranks(&ranks).expect("ranks");
        let [mut gradient, mut reversed] = [vec![0.0; k], vec![0.0; k]];
        let rankings = groups.plackett_luce(None).expect("rankings");
        let loss = rankings.loss_and_gradient(Reduction::Sum, &mut gradient).expect("both");
        let rankings = ranked.plackett_luce(None).expect("rankings");
        assert_eq!(rankings.loss_and_gradient(Reduction::Sum, &mut reversed), Ok(loss));
        reversed.reverse();
        assert_eq!(gradient, reversed);
        let factorial: f64 = (1..=k).map(|n| (n as f64).ln()).sum();
        assert!((loss - factorial).abs() <= 1e-12 * factorial, "{k}: {loss} {factorial}");
        let mut expected = -1.0;
        for (j, x) in gradient.iter().enumerate() {
            expected += 1.0 / (k - j) as f64;
            assert!((x - expected).abs() <= 1e-12, "{k}, {j}: {x} {expected}");
        }
    }
}

/// All orders together are certain, and so are all first places.
#[test]
fn probabilities_of_all_orders_add_up_to_1() {
    fn orders(k: u32) -> Vec<Vec<u32>> {
        if k == 0 {
            return vec![vec![]];
        }
        let shorter = orders(k - 1);
        let insert = |order: &Vec<u32>| {
            let order = order.clone();
            (0..k as usize).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, k - 1);
                longer
            })
        };
        shorter.iter().flat_map(insert).collect()
    }
    for k in 2..=6 {
        let scores = scores::<f64>(k as usize, 2.0, u64::from(k));
        let orders = orders(k);
        for top in 1..=k as usize {
            let offsets: Vec<usize> = (0..=orders.len()).map(|g| g * k as usize).collect();
            let many: Vec<f64> = orders.iter().flat_map(|_| scores.clone()).collect();
            let ranks: Vec<u32> = orders.iter().flatten().copied().collect();
            let groups = Groups::new(&many, &offsets).expect("offsets");
            let rankings = groups.with_ranks(&ranks).expect("ranks").plackett_luce(Some(top));
            let mut losses = vec![0.0; orders.len()];
            rankings.expect("rankings").losses_into(&mut losses).expect("losses");
            // Each beginning is that of (k − top)! orders.
            let rest: u32 = (1..=k - top as u32).product();
            let sum: f64 = losses.iter().map(|loss: &f64| (-loss).exp()).sum();
            assert!((sum / f64::from(rest) - 1.0).abs() <= 1e-13, "{k}, {top}: {sum}");
        }
    }
}

fn levels_agree<T: Number>() {
    let sizes = [2, 9, 3, 0, 130, 1, 65, 4, 5, 300];
    let offsets = offsets(&sizes);
    let len = offsets[sizes.len()];
    let weights: Vec<T> = (0..sizes.len()).map(|g| T::of((g % 3) as f64)).collect();
    for scores in [scores::<T>(len, 3.0, 7), scores::<T>(len, 500.0, 8), wild(len, 9)] {
        for top in [None, Some(3)] {
            let groups = Groups::new(&scores, &offsets).expect("offsets");
            for groups in [groups, groups.with_weights(&weights).expect("weights")] {
                let said = |groups: Groups<'_, T>| {
                    said(groups.plackett_luce(top).expect("rankings"), 10, len)
                };
                let best = said(groups);
                assert_eq!(best.loss, best.fused);
                for level in Level::available() {
                    assert_eq!(said(groups.with_level(level)), best, "{level}");
                }
                for x in best.losses.iter().chain(best.gradients.iter().flatten()) {
                    let x: T = <T as Format>::from_bits(*x);
                    assert!(!x.is_nan() || Format::bits(x) == T::CANONICAL_NAN);
                }
            }
        }
    }
}

#[test]
fn levels_agree_on_every_bit() {
    levels_agree::<f32>();
    levels_agree::<f64>();
}

/// The order in the slice does not matter: the same bits, moved.
#[test]
fn ranks_free_the_order() {
    for k in [2_usize, 7, 64, 65, 200] {
        let sorted = scores::<f32>(k, 3.0, 13);
        let offsets = [0, k];
        let mut random = SplitMix64::new(15);
        let mut order: Vec<usize> = (0..k).collect();
        for i in 1..k {
            order.swap(i, random.below(i as u64 + 1) as usize);
        }
        let shuffled: Vec<f32> = order.iter().map(|&i| sorted[i]).collect();
        let ranks: Vec<u32> = order.iter().map(|&i| 5 + 2 * i as u32).collect();
        let groups = Groups::new(&sorted, &offsets).expect("offsets");
        let expected = said(groups.plackett_luce(None).expect("rankings"), 1, k);
        let groups = Groups::new(&shuffled, &offsets).expect("offsets");
        let groups = groups.with_ranks(&ranks).expect("ranks");
        let mut moved = said(groups.plackett_luce(None).expect("rankings"), 1, k);
        for gradient in &mut moved.gradients {
            let mut back = gradient.clone();
            for (i, &place) in order.iter().enumerate() {
                back[place] = gradient[i];
            }
            *gradient = back;
        }
        assert_eq!(moved, expected, "{k} answers");
    }
}

/// Raising all scores changes nothing: the elements of the gradient add up to 0.
#[test]
fn gradients_cancel() {
    for k in [2, 3, 9, 65, 300] {
        let scores = scores::<f32>(k, 3.0, 21);
        let offsets = [0, k];
        let groups = Groups::new(&scores, &offsets).expect("offsets");
        let mut gradient = vec![0.0_f32; k];
        let rankings = groups.plackett_luce(None).expect("rankings");
        rankings.loss_and_gradient(Reduction::Sum, &mut gradient).expect("a gradient");
        let sum: f64 = gradient.iter().map(|&x| f64::from(x)).sum();
        // Each is rounded once.
        let sizes: f64 = gradient.iter().map(|&x| f64::from(x).abs()).sum();
        assert!(sum.abs() <= sizes * f64::from(f32::EPSILON) * 0.51, "{k}: {sum:e}");
    }
}

fn one<T: Number>(scores: &[T], top: Option<usize>) -> (f64, Vec<f64>) {
    let offsets = [0, scores.len()];
    let groups = Groups::new(scores, &offsets).expect("offsets");
    let rankings = groups.plackett_luce(top).expect("rankings");
    let mut gradient = vec![T::SENTINEL; scores.len()];
    let loss = rankings.loss_and_gradient(Reduction::Sum, &mut gradient).expect("a gradient");
    let mut losses = [T::SENTINEL];
    rankings.losses_into(&mut losses).expect("losses");
    assert_eq!(losses[0].wide().is_nan(), loss.is_nan());
    (loss, gradient.into_iter().map(Format::wide).collect())
}

fn special_values<T: Number>() {
    const INF: f64 = f64::INFINITY;
    let say = |scores: &[f64], top| one(&scores.iter().map(|&s| T::of(s)).collect::<Vec<_>>(), top);
    let (plain, plain_gradient) = say(&[1.0, 2.0, 0.5], None);
    // Masked answers cost nothing, one of them in an order, any number in a rest.
    let (loss, gradient) = say(&[1.0, 2.0, 0.5, -INF], None);
    assert_eq!((loss, &gradient[..3], gradient[3]), (plain, &plain_gradient[..], 0.0));
    let (top, top_gradient) = say(&[1.0, 2.0, 0.5], Some(1));
    for masked in [&[1.0, 2.0, 0.5, -INF, -INF][..], &[1.0, -INF, 2.0, -INF, 0.5, -INF]] {
        let (loss, gradient) = say(masked, Some(1));
        assert_eq!(loss, top);
        let kept: Vec<f64> =
            masked.iter().zip(&gradient).filter(|(s, _)| s.is_finite()).map(|(_, &x)| x).collect();
        assert_eq!(kept, top_gradient);
        assert!(
            masked.iter().zip(&gradient).all(|(s, &x)| s.is_finite() || x == 0.0),
            "{gradient:?}"
        );
    }
    // Two of them in an order: their stage is NaN, what comes before it is not.
    let (loss, gradient) = say(&[1.0, 2.0, 0.5, -INF, -INF], None);
    assert!(loss.is_nan() && gradient[3].is_nan() && gradient[4].is_nan());
    assert_eq!(gradient[..3], plain_gradient);
    // Where it should win.
    let (loss, gradient) = say(&[-INF, 1.0, 1.0], None);
    assert_eq!((loss, gradient), (INF, vec![-1.0, 0.0, 1.0]));
    let (loss, gradient) = say(&[INF, 1.0, 1.0], None);
    assert!((loss - 2.0_f64.ln()).abs() < 1e-15);
    assert_eq!(gradient, [0.0, -0.5, 0.5]);
    let (loss, gradient) = say(&[0.0, INF, 1.0], None);
    assert_eq!((loss, gradient), (INF, vec![-1.0, 1.0, 0.0]));
    assert!(say(&[INF, INF, 0.0], None).0.is_nan());
    // NaN anywhere.
    for at in 0..4 {
        let mut scores = [3.0, 2.0, 1.0, 0.0];
        scores[at] = f64::NAN;
        let (loss, gradient) = say(&scores, None);
        assert!(loss.is_nan() && gradient.iter().all(|x| x.is_nan()), "{gradient:?}");
    }
    // Differences beyond the format.
    let largest = T::max_value().wide();
    let (loss, gradient) = say(&[-largest, largest, 0.0], None);
    assert_eq!(gradient, [-1.0, 1.0, 0.0]);
    assert!(loss == INF || loss == 2.0 * largest);
}

#[test]
fn special_values_of_both_formats() {
    special_values::<f32>();
    special_values::<f64>();
}

/// Losses and gradients far below the range of the working precision.
#[test]
fn what_is_tiny_is_right_as_well() {
    let scores = [700.0, 0.0, -720.0];
    let (loss, gradient) = one(&scores, None);
    let (exact_loss, exact_gradient, _) = exact(&scores, usize::MAX, 3000);
    assert!(ulp::error(loss, &exact_loss) <= 0.54, "{loss:e}");
    for (x, exact) in gradient.iter().zip(&exact_gradient) {
        assert!(ulp::error(*x, exact) <= 0.54, "{gradient:?}");
    }
}

#[test]
fn what_does_not_count() {
    let scores = [1.0_f32, 2.0, 0.0, 5.0, f32::NAN, 1.0];
    let groups = Groups::new(&scores, &[0, 0, 1, 3, 6]).expect("offsets");
    let groups = groups.with_weights(&[1.0, 2.0, 3.0, 0.0]).expect("weights");
    let rankings = groups.plackett_luce(None).expect("rankings");
    let pair = Pairs::new(&[2.0_f32], &[0.0]).expect("a pair");
    let mut gradient = [77.0; 6];
    let loss = rankings.loss_and_gradient(Reduction::WeightedMean, &mut gradient).expect("a loss");
    assert!((loss - pair.loss(Logistic, Reduction::Sum).expect("a loss")).abs() < 1e-12);
    assert_eq!(gradient[0], 0.0);
    assert_eq!(gradient[1], -gradient[2]);
    assert_eq!(gradient[3..], [0.0; 3]);
    assert_eq!((rankings.total().len(), rankings.total().total_weight()), (1, 3.0));

    let none: [f64; 0] = [];
    let rankings =
        Groups::new(&none, &[0]).expect("offsets").plackett_luce(None).expect("rankings");
    assert_eq!(rankings.loss(Reduction::Sum), Ok(0.0));
    assert_eq!(rankings.total(), Total::default());
    let error = Error::EmptyMean { reduction: "Reduction::Mean", pairs: 0 };
    assert_eq!(rankings.loss(Reduction::Mean), Err(error));
}

#[test]
fn ties_are_for_the_rest() {
    let scores = [1.0_f64, 2.0, 0.5, 3.0, 0.0];
    let groups = Groups::new(&scores, &[0, 5]).expect("offsets");
    let groups = groups.with_ranks(&[7, 1, 7, 0, 7]).expect("ranks");
    let error = groups.plackett_luce(None).expect_err("a tie");
    assert_eq!(error, Error::TiedRanks { first: 0, second: 2, rank: 7 });
    assert_eq!(error.to_string(), "ranks[0] and ranks[2] are both 7 where an order is needed");
    assert!(groups.plackett_luce(Some(3)).is_err());
    // Whatever is not counted may be tied.
    let weighted = groups.with_weights(&[0.0]).expect("weights");
    assert!(weighted.plackett_luce(None).is_ok());
    let rankings = groups.plackett_luce(Some(2)).expect("rankings");
    let sorted = [3.0, 2.0, 1.0, 0.5, 0.0];
    let (loss, gradient) = one(&sorted, Some(2));
    let mut own = [77.0; 5];
    assert_eq!(rankings.loss_and_gradient(Reduction::Sum, &mut own), Ok(loss));
    assert_eq!([own[3], own[1], own[0], own[2], own[4]], gradient[..]);
    let error = groups.plackett_luce(Some(0)).expect_err("no place");
    assert_eq!(error.to_string(), "top is 0.0, must be at least 1");
}

#[test]
fn errors_leave_outputs_alone() {
    let scores = [1.0_f64, 2.0, 3.0];
    let groups = Groups::new(&scores, &[0, 2, 3]).expect("offsets");
    let zero = groups.with_weights(&[0.0, 2.0]).expect("weights");
    let mut short = [77.0; 1];
    let rankings = groups.plackett_luce(None).expect("rankings");
    assert!(rankings.loss_and_gradient(Reduction::Sum, &mut short).is_err());
    assert!(rankings.losses_into(&mut short).is_err());
    let mut out = [77.0; 3];
    let rankings = zero.plackett_luce(None).expect("rankings");
    for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Over(f64::NAN)] {
        assert!(rankings.loss_and_gradient(reduction, &mut out).is_err());
    }
    assert_eq!((short, out), ([77.0; 1], [77.0; 3]));
}
