//! Groups are pairs: with two answers bit for bit, with more against every pair written out in exact arithmetic.

use pairwise_loss::{
    Error, GroupTies, Groups, Level, Logistic, PairLoss, Pairs, Reduction, RobustLogistic, Score,
    SquaredHinge, Total,
};
use reference::random::SplitMix64;
use reference::{Format, Loss, Options, Real, bits, pair, ulp};

/// A format under test, with the promises made for it.
trait Number: Score + Format {
    /// Error of the loss of a prompt in units in the last place.
    const PROMPT: f64;
    /// Relative error of a reduced loss whose terms are positive.
    const REDUCED: f64;
    /// Half a unit in the last place of 1.
    const HALF_UNIT: f64;
}

impl Number for f32 {
    const PROMPT: f64 = 0.501;
    const REDUCED: f64 = 1e-12;
    const HALF_UNIT: f64 = f32::EPSILON as f64 / 2.0;
}

impl Number for f64 {
    const PROMPT: f64 = 0.54;
    const REDUCED: f64 = 2.5e-16;
    const HALF_UNIT: f64 = f64::EPSILON / 2.0;
}

const REDUCTIONS: [Reduction; 4] =
    [Reduction::Sum, Reduction::Mean, Reduction::WeightedMean, Reduction::Over(7.3)];

/// A batch that owns what it borrows.
#[derive(Clone)]
struct Batch<T> {
    scores: Vec<T>,
    offsets: Vec<usize>,
    ranks: Option<Vec<u32>>,
    weights: Option<Vec<T>>,
    ties: GroupTies,
}

impl<T: Number> Batch<T> {
    /// Prompts with these numbers of answers; scores from an ordinary range.
    fn new(sizes: &[usize], seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut offsets = vec![0];
        for size in sizes {
            offsets.push(offsets[offsets.len() - 1] + size);
        }
        let scores = (0..offsets[sizes.len()]).map(|_| T::of(random.uniform(-4.0, 4.0))).collect();
        Self { scores, offsets, ranks: None, weights: None, ties: GroupTies::Skip }
    }

    /// Ranks below `below`: the fewer, the more ties.
    fn ranked(mut self, below: u64, ties: GroupTies) -> Self {
        let mut random = SplitMix64::new(below);
        self.ranks = Some(self.scores.iter().map(|_| random.below(below) as u32).collect());
        self.ties = ties;
        self
    }

    /// Weights, every fifth of them 0.
    fn weighted(mut self) -> Self {
        let mut random = SplitMix64::new(5);
        let weight = |g| if g % 5 == 3 { 0.0 } else { random.uniform(0.1, 3.0) };
        self.weights = Some((0..self.offsets.len() - 1).map(weight).map(T::of).collect());
        self
    }

    fn groups(&self) -> Groups<'_, T> {
        let mut groups = Groups::new(&self.scores, &self.offsets).expect("offsets");
        if let Some(ranks) = &self.ranks {
            groups = groups.with_ranks(ranks).expect("ranks");
        }
        if let Some(weights) = &self.weights {
            groups = groups.with_weights(weights).expect("weights");
        }
        groups.with_ties(self.ties)
    }

    fn weight(&self, g: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[g].wide())
    }

    /// Every pair of a prompt: winner, loser, label.
    fn pairs(&self, g: usize) -> Vec<(usize, usize, f64)> {
        let answers = self.offsets[g]..self.offsets[g + 1];
        let mut pairs = Vec::new();
        for i in answers.clone() {
            for j in i + 1..answers.end {
                let (a, b) = self.ranks.as_ref().map_or((0, 1), |ranks| (ranks[i], ranks[j]));
                match a.cmp(&b) {
                    std::cmp::Ordering::Less => pairs.push((i, j, 1.0)),
                    std::cmp::Ordering::Greater => pairs.push((j, i, 1.0)),
                    std::cmp::Ordering::Equal if self.ties == GroupTies::Half => {
                        pairs.push((i, j, 0.5));
                    }
                    std::cmp::Ordering::Equal => {}
                }
            }
        }
        pairs
    }
}

/// Everything that is said of a batch.
#[derive(Debug, PartialEq)]
struct Said {
    loss: Vec<u64>,
    fused: Vec<u64>,
    gradients: Vec<Vec<u64>>,
    losses: Vec<u64>,
    total: Total,
}

fn said<T: Number, L: PairLoss>(groups: Groups<'_, T>, scores: usize, loss: L) -> Said {
    let mut losses = vec![T::SENTINEL; groups.len()];
    groups.losses_into(loss, &mut losses).expect("losses");
    let total = groups.total(loss);
    let mut said =
        Said { loss: vec![], fused: vec![], gradients: vec![], losses: bits(&losses), total };
    for reduction in REDUCTIONS {
        let mut gradient = vec![T::SENTINEL; scores];
        let value = groups.loss(loss, reduction).expect("a loss");
        let fused = groups.loss_and_gradient(loss, reduction, &mut gradient).expect("a gradient");
        said.loss.push(value.to_bits());
        said.fused.push(fused.to_bits());
        said.gradients.push(bits(&gradient));
    }
    said
}

/// The same of pairs whose gradients alternate, the winner's first unless `swapped`.
fn said_of_pairs<T: Number, L: PairLoss>(
    pairs: Pairs<'_, T>,
    swapped: impl Fn(usize) -> bool,
    loss: L,
) -> Said {
    let mut losses = vec![T::SENTINEL; pairs.len()];
    pairs.losses_into(loss, &mut losses).expect("losses");
    let total = pairs.total(loss);
    let mut said =
        Said { loss: vec![], fused: vec![], gradients: vec![], losses: bits(&losses), total };
    for reduction in REDUCTIONS {
        let (mut winners, mut losers) = (losses.clone(), losses.clone());
        let value = pairs.loss(loss, reduction).expect("a loss");
        let fused =
            pairs.loss_and_gradients(loss, reduction, &mut winners, &mut losers).expect("both");
        said.loss.push(value.to_bits());
        said.fused.push(fused.to_bits());
        let both = winners.iter().zip(&losers).enumerate();
        let both = both.flat_map(|(i, (&w, &l))| if swapped(i) { [l, w] } else { [w, l] });
        said.gradients.push(bits(&both.collect::<Vec<_>>()));
    }
    said
}

fn two_answers_are_a_pair<T: Number, L: PairLoss>(loss: L, lens: &[usize]) {
    for &len in lens {
        let mut batch = Batch::<T>::new(&vec![2; len], 3 + len as u64);
        let mut random = SplitMix64::new(17);
        // Far apart, equal, and where the gradient underflows to a zero, whose sign is to be that of pairs.
        for (i, spread) in [300.0, 1e4, 0.0].into_iter().cycle().enumerate().take(len) {
            if i % 4 == 1 {
                batch.scores[2 * i] = T::of(random.uniform(-1.0, 1.0) * spread);
                batch.scores[2 * i + 1] = T::of(random.uniform(-1.0, 1.0) * spread);
            }
        }
        let ranked = batch.clone().ranked(3, GroupTies::Half);
        let weighted = ranked.clone().weighted();
        for batch in [batch.clone().weighted(), batch, ranked, weighted] {
            let of_side = |side: usize| -> Vec<T> {
                let entry = |g| {
                    let (winner, loser, _) = batch.pairs(g)[0];
                    batch.scores[[winner, loser][side]]
                };
                (0..len).map(entry).collect()
            };
            let (chosen, rejected) = (of_side(0), of_side(1));
            let labels: Vec<T> = (0..len).map(|g| T::of(batch.pairs(g)[0].2)).collect();
            let mut pairs = Pairs::new(&chosen, &rejected).expect("pairs");
            if batch.ranks.is_some() {
                pairs = pairs.with_labels(&labels).expect("labels");
            }
            if let Some(weights) = &batch.weights {
                pairs = pairs.with_weights(weights).expect("weights");
            }
            let swapped = |g: usize| batch.pairs(g)[0].0 == 2 * g + 1;
            let expected = said_of_pairs(pairs, swapped, loss);
            assert_eq!(said(batch.groups(), 2 * len, loss), expected, "{len} prompts");
        }
    }
}

#[test]
fn two_answers_are_a_pair_of_f32() {
    two_answers_are_a_pair::<f32, _>(Logistic, &[1, 2, 31, 65, 4095, 4097, 20_000]);
}

#[test]
fn two_answers_are_a_pair_of_f64() {
    two_answers_are_a_pair::<f64, _>(Logistic, &[1, 2, 31, 65, 4095, 4097, 20_000]);
}

#[test]
fn two_answers_are_a_pair_for_another_loss() {
    two_answers_are_a_pair::<f32, _>(SquaredHinge::new(1.0).expect("a margin"), &[1, 33, 9000]);
}

/// Σ of terms by halves: the bound on the error of a sum doubles with each addition.
fn sum(terms: &[Real]) -> Real {
    match terms {
        [] => Real::zero(),
        [term] => term.clone(),
        _ => {
            let (first, second) = terms.split_at(terms.len() / 2);
            sum(first) + sum(second)
        }
    }
}

/// |value − exact| / |exact|.
fn relative_error(value: f64, exact: &Real) -> f64 {
    let error = (Real::new(value) - exact).divide(exact, 60);
    // An oracle that has lost its number would say 0.
    assert!(exact.nearest::<f32>().is_some(), "{exact:?}");
    error.approximate().abs()
}

/// Everything there is to say, from every pair written out in exact arithmetic. The largest error of a loss.
fn check<T: Number>(batch: &Batch<T>) -> f64 {
    let mut largest_error = 0.0_f64;
    let prompts = batch.offsets.len() - 1;
    let groups = batch.groups();
    let mut losses = vec![T::SENTINEL; prompts];
    groups.losses_into(Logistic, &mut losses).expect("losses");
    let mut counted = 0;
    let mut weights = vec![];
    let mut number_of_pairs = 0;
    let mut all = vec![];
    // The gradient of the sum, and a bound on the error of each element.
    let mut exact = vec![vec![]; batch.scores.len()];
    let mut terms = vec![0.0; batch.scores.len()];
    for g in 0..prompts {
        let pairs = batch.pairs(g);
        number_of_pairs += pairs.len() as u64;
        let weight = batch.weight(g);
        if pairs.is_empty() || weight == 0.0 {
            assert_eq!(losses[g], T::zero());
            continue;
        }
        counted += 1;
        weights.push(Real::new(weight));
        let count = Real::from(pairs.len() as i64);
        let mut values = vec![];
        for &(winner, loser, label) in &pairs {
            let options = Options { label, weight, ..Options::default() };
            let [w, l] = [winner, loser].map(|i| batch.scores[i].wide());
            let jet = pair(Loss::Logistic, &options, w, l).expect("finite numbers");
            values.push(jet.value);
            let grad = jet.grad.divide(&count, 200);
            for i in [winner, loser] {
                terms[i] += grad.approximate().abs();
            }
            exact[loser].push(-&grad);
            exact[winner].push(grad);
        }
        let loss = sum(&values).divide(&count, 200);
        let error = ulp::error(losses[g], &loss);
        assert!(error <= T::PROMPT, "prompt {g}: {:?} is off by {error}", losses[g]);
        largest_error = largest_error.max(error);
        all.push(loss);
    }
    let (all, weights) = (sum(&all), sum(&weights));
    let exact: Vec<Real> = exact.iter().map(|terms| sum(terms)).collect();
    assert_eq!(groups.pairs(), number_of_pairs);
    let total = groups.total(Logistic);
    let losses: Vec<Real> = losses.iter().map(|x| Real::new(x.wide())).collect();
    assert_eq!(total.len(), counted);
    assert_eq!(total.sum(), sum(&losses).nearest::<f64>().expect("a sum"));
    assert_eq!(total.total_weight(), weights.nearest::<f64>().expect("a sum"));
    for reduction in REDUCTIONS {
        let divisor = match reduction {
            Reduction::Sum => Real::one(),
            Reduction::Mean => Real::from(counted as i64),
            Reduction::WeightedMean => weights.clone(),
            Reduction::Over(n) => Real::new(n),
        };
        let mut gradient = vec![T::SENTINEL; batch.scores.len()];
        let value =
            groups.loss_and_gradient(Logistic, reduction, &mut gradient).expect("a gradient");
        assert_eq!(groups.loss(Logistic, reduction), Ok(value));
        let reduced = all.divide(&divisor, 200);
        let error = relative_error(value, &reduced);
        assert!(error <= T::REDUCED, "{reduction:?}: {value} is off by {error:e}");
        let largest = batch.offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        for (i, x) in gradient.iter().enumerate() {
            let exact = exact[i].divide(&divisor, 200);
            let error = (Real::new(x.wide()) - exact).approximate().abs();
            // Half a unit of each term, and of each of the sums on the way, none of which exceeds the sum of the terms.
            let bound = terms[i] / divisor.approximate() * T::HALF_UNIT * (largest as f64 + 1.0);
            assert!(error <= bound, "{reduction:?}, element {i}: {x:?} is off by {error:e}");
        }
    }
    largest_error
}

fn every_option<T: Number>(sizes: &[usize]) {
    let mut largest = 0.0_f64;
    for seed in 40..48 {
        let plain = Batch::<T>::new(sizes, seed);
        let ranked = [(1 << 20, GroupTies::Skip), (4, GroupTies::Skip), (4, GroupTies::Half)];
        for batch in ranked.map(|(ranks, ties)| plain.clone().ranked(ranks, ties)) {
            largest = largest.max(check(&batch)).max(check(&batch.weighted()));
        }
        largest = largest.max(check(&plain)).max(check(&plain.weighted()));
    }
    // The limit is not loose.
    assert!(largest > T::PROMPT - 0.05, "{largest}");
}

/// Every K from 0 to 9, in turns and in runs.
const SIZES: [usize; 24] = [2, 3, 0, 9, 4, 4, 5, 1, 6, 2, 7, 8, 9, 3, 2, 2, 1, 0, 5, 4, 3, 2, 9, 6];

#[test]
fn all_pairs_of_f32() {
    every_option::<f32>(&SIZES);
}

#[test]
fn all_pairs_of_f64() {
    every_option::<f64>(&SIZES);
}

/// More pairs than share a pass, and more than fit a block.
#[test]
fn many_answers() {
    for ranks in [1 << 20, 10] {
        check(&Batch::<f32>::new(&[12, 12, 11, 130, 2, 12, 65], 43).ranked(ranks, GroupTies::Skip));
        check(&Batch::<f64>::new(&[12, 12, 11, 130, 2, 12, 65], 43).ranked(ranks, GroupTies::Half));
    }
}

/// More prompts than have their number of pairs kept.
#[test]
fn many_prompts_with_ties() {
    check(&Batch::<f32>::new(&vec![3; 4200], 67).ranked(2, GroupTies::Skip));
}

/// Three hundred answers, by a loss whose pairs add up in plain integers: z = i − j for scores −i.
#[test]
fn three_hundred_answers() {
    let k = 300_i64;
    let scores: Vec<f64> = (0..k).map(|i| -(i as f64)).collect();
    let offsets = [0, scores.len()];
    let groups = Groups::new(&scores, &offsets).expect("offsets");
    let loss = SquaredHinge::new(4.0).expect("a margin");
    let mut gradient = vec![0.0; k as usize];
    let value = groups.loss_and_gradient(loss, Reduction::Mean, &mut gradient).expect("a gradient");
    // Σ over distances d < 4 of (k − d)·(4 − d)²
    let sum = (1..4).map(|d| (k - d) * (4 - d) * (4 - d)).sum::<i64>();
    let pairs = k * (k - 1) / 2;
    assert_eq!(value, sum as f64 / pairs as f64);
    assert_eq!(groups.pairs(), pairs as u64);
    // Those in the midst lose as much as they win.
    let ends = [-2 * (3 + 2 + 1), -2 * (2 + 1), -2];
    for (i, end) in ends.into_iter().enumerate() {
        let expected = f64::from(end) / pairs as f64;
        for x in [gradient[i], -gradient[k as usize - 1 - i]] {
            assert!((x - expected).abs() <= 3.0 * expected.abs() * f64::EPSILON);
        }
    }
    assert!(gradient[3..k as usize - 3].iter().all(|x| x.abs() <= 1e-19), "{gradient:?}");
}

fn levels_agree<T: Number>() {
    let loss = RobustLogistic::new(0.1).expect("an epsilon");
    let batch = Batch::<T>::new(&[SIZES.as_slice(), &[70, 100]].concat(), 47);
    for batch in [batch.clone().ranked(5, GroupTies::Half).weighted(), batch] {
        let scores = batch.scores.len();
        let best = said(batch.groups(), scores, loss);
        assert_eq!(best.loss, best.fused);
        for level in Level::available() {
            assert_eq!(said(batch.groups().with_level(level), scores, loss), best, "{level}");
        }
    }
}

#[test]
fn levels_agree_on_every_bit() {
    levels_agree::<f32>();
    levels_agree::<f64>();
}

/// Answers in another order, ranks with them: the same gradient, moved.
#[test]
fn ranks_free_the_order() {
    let sizes = [9, 2, 5, 7];
    let sorted = Batch::<f64>::new(&sizes, 53);
    let mut random = SplitMix64::new(59);
    let mut shuffled = sorted.clone();
    let mut places: Vec<usize> = (0..sorted.scores.len()).collect();
    for ends in sorted.offsets.windows(2) {
        for i in ends[0] + 1..ends[1] {
            places.swap(i, ends[0] + random.below((i - ends[0]) as u64 + 1) as usize);
        }
    }
    let mut ranks = vec![0; places.len()];
    for (i, &place) in places.iter().enumerate() {
        shuffled.scores[place] = sorted.scores[i];
        ranks[place] = 10 + i as u32;
    }
    shuffled.ranks = Some(ranks);
    let mut gradients = [vec![0.0; places.len()], vec![0.0; places.len()]];
    let values = [&sorted, &shuffled].map(|batch| batch.groups());
    let values: Vec<f64> = values
        .iter()
        .zip(&mut gradients)
        .map(|(groups, out)| {
            groups.loss_and_gradient(Logistic, Reduction::Mean, out).expect("a gradient")
        })
        .collect();
    assert!((values[0] - values[1]).abs() <= 4.0 * f64::EPSILON * values[0]);
    for (i, &place) in places.iter().enumerate() {
        // At most eight terms, none above 1/4: mean over four prompts.
        assert!((gradients[0][i] - gradients[1][place]).abs() <= 16.0 * f64::EPSILON / 4.0);
    }
}

/// Raising all scores of a prompt changes nothing: the elements of its gradient add up to 0.
#[test]
fn gradients_of_a_prompt_cancel() {
    let batch = Batch::<f32>::new(&SIZES, 61);
    let mut gradient = vec![0.0; batch.scores.len()];
    batch.groups().loss_and_gradient(Logistic, Reduction::Sum, &mut gradient).expect("a gradient");
    for ends in batch.offsets.windows(2) {
        let answers = &gradient[ends[0]..ends[1]];
        let sum: f64 = answers.iter().map(|&x| f64::from(x)).sum();
        // Terms are x and −x; each of K·(K − 1) additions loses at most half a unit of a sum of magnitude up to 1.
        let k = answers.len() as f64;
        assert!(sum.abs() <= k * (k + 1.0) * f64::from(f32::EPSILON) / 2.0, "{answers:?}");
    }
}

#[test]
fn prompts_without_pairs_do_not_count() {
    let scores = [0.3_f32, f32::NAN, 1.0, 2.0, 5.0, 5.0];
    // One pair that counts; single answers, none, a tie, and a pair of weight 0.
    let offsets = [0, 0, 1, 2, 4, 6, 6];
    let groups = Groups::new(&scores, &offsets).expect("offsets");
    let groups = groups.with_ranks(&[0, 0, 1, 0, 2, 2]).expect("ranks");
    let expected = Logistic.eval(2.0_f32, 1.0);
    let mut gradient = [77.0; 6];
    for reduction in [Reduction::Mean, Reduction::WeightedMean] {
        let loss = groups.loss_and_gradient(Logistic, reduction, &mut gradient).expect("a loss");
        assert!((loss - f64::from(expected.value)).abs() < 1e-7);
        assert_eq!(gradient, [0.0, 0.0, -expected.grad, expected.grad, 0.0, 0.0]);
    }
    assert_eq!((groups.pairs(), groups.len(), groups.is_empty()), (1, 6, false));
    assert_eq!(groups.total(Logistic).len(), 1);
    // Weights of prompts without pairs are not part of Σw either.
    let weighted = groups.with_weights(&[9.0, 9.0, 9.0, 3.0, 9.0, 9.0]).expect("weights");
    let loss = weighted.loss(Logistic, Reduction::WeightedMean).expect("a loss");
    assert!((loss - f64::from(expected.value)).abs() < 1e-7);
    assert_eq!(weighted.total(Logistic).total_weight(), 3.0);

    let half = groups.with_ties(GroupTies::Half);
    assert_eq!(half.pairs(), 2);
    assert_eq!(half.total(Logistic).sum(), f64::from(expected.value) + f64::from(2.0_f32.ln()));
}

#[test]
fn weight_0_removes_whatever_it_holds() {
    let scores = [1.0_f64, f64::NAN, f64::INFINITY, 2.0, 1.0, 0.5];
    let groups = Groups::new(&scores, &[0, 3, 6]).expect("offsets");
    let removed = groups.with_weights(&[0.0, 1.0]).expect("weights");
    let alone = Groups::new(&scores[3..], &[0, 3]).expect("offsets");
    let (mut gradient, mut expected) = ([77.0; 6], [77.0; 3]);
    let loss = removed.loss_and_gradient(Logistic, Reduction::Mean, &mut gradient);
    let alone_loss = alone.loss_and_gradient(Logistic, Reduction::Mean, &mut expected);
    assert!((loss.expect("a loss") - alone_loss.expect("a loss")).abs() < 1e-16);
    assert_eq!(gradient[..3], [0.0; 3]);
    assert_eq!(gradient[3..], expected);
    assert_eq!(removed.total(Logistic), alone.total(Logistic));
    let mut losses = [77.0; 2];
    removed.losses_into(Logistic, &mut losses).expect("losses");
    assert_eq!(losses[0], 0.0);
    // Without the weight it shows.
    assert!(groups.loss(Logistic, Reduction::Sum).expect("a loss").is_nan());
}

#[test]
fn nothing_at_all() {
    let none: [f32; 0] = [];
    for offsets in [&[0][..], &[0, 0, 0]] {
        let groups = Groups::new(&none, offsets).expect("offsets");
        assert_eq!(groups.len(), offsets.len() - 1);
        assert_eq!(groups.loss(Logistic, Reduction::Sum), Ok(0.0));
        assert_eq!(groups.total(Logistic), Total::default());
        let error = Error::EmptyMean { reduction: "Reduction::Mean", pairs: 0 };
        assert_eq!(groups.loss(Logistic, Reduction::Mean), Err(error));
    }
}

#[test]
fn errors_say_where() {
    let scores = [1.0_f32, 2.0, 3.0];
    let said = |offsets: &[usize]| Groups::new(&scores, offsets).expect_err("an error").to_string();
    assert_eq!(said(&[]), "offsets has 0 elements where a batch without prompts has 1");
    assert_eq!(said(&[1, 3]), "offsets[0] is 1, must be the start of the first prompt, 0");
    assert_eq!(said(&[0, 2, 1, 3]), "offsets[2] is 1, must be at least the one before it, 2");
    assert_eq!(said(&[0, 2]), "offsets[1] is 2, must be the number of scores, 3");
    assert_eq!(said(&[0, 2, 4]), "offsets[2] is 4, must be the number of scores, 3");
    let groups = Groups::new(&scores, &[0, 2, 3]).expect("offsets");
    let said = |error: Error| error.to_string();
    assert_eq!(
        said(groups.with_ranks(&[1]).expect_err("an error")),
        "ranks has 1 elements where scores has 3"
    );
    assert_eq!(
        said(groups.with_weights(&[1.0]).expect_err("an error")),
        "weights has 1 elements where prompts has 2"
    );
    assert_eq!(
        said(groups.with_weights(&[1.0, -1.0]).expect_err("an error")),
        "weights[1] is -1.0, must be finite and >= 0"
    );
}

#[test]
fn errors_leave_outputs_alone() {
    let scores = [1.0_f64, 2.0, 3.0, 4.0];
    let groups = Groups::new(&scores, &[0, 3, 4]).expect("offsets");
    let zero = groups.with_weights(&[0.0, 2.0]).expect("weights");
    let mut short = [77.0; 3];
    assert!(groups.loss_and_gradient(Logistic, Reduction::Sum, &mut short).is_err());
    assert!(groups.losses_into(Logistic, &mut short).is_err());
    let mut out = [77.0; 4];
    for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Over(0.0)] {
        assert!(zero.loss_and_gradient(Logistic, reduction, &mut out).is_err());
    }
    // Three pairs: their number times the normaliser is beyond f64.
    assert!(groups.loss_and_gradient(Logistic, Reduction::Over(1e308), &mut out).is_err());
    assert!(groups.loss_and_gradient(Logistic, Reduction::Over(5e307), &mut short[..0]).is_err());
    assert_eq!((short, out), ([77.0; 3], [77.0; 4]));
}

/// Of 13 answers, 64 pairs: one more than have a pass of their own, and as many as a word has bits.
#[test]
fn a_prompt_with_64_pairs() {
    // Of 78 pairs 10, 3 and 1 are of equal ranks.
    let ranks = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5];
    let scores = ranks.map(|rank| -0.5 * f64::from(rank));
    let groups = Groups::new(&scores, &[0, 13]).and_then(|groups| groups.with_ranks(&ranks));
    let groups = groups.expect("ranks");
    assert_eq!(groups.pairs(), 64);
    let mut gradient = [77.0; 13];
    let loss = groups.loss_and_gradient(Logistic, Reduction::Mean, &mut gradient).expect("a mean");
    let pairs = (0..13).flat_map(|i| (i + 1..13).map(move |j| scores[i] - scores[j]));
    let sum: f64 = pairs.filter(|&z| z > 0.0).map(|z| (-z).exp().ln_1p()).sum();
    assert!((loss - sum / 64.0).abs() < 1e-14);
    assert!(gradient[0] < 0.0 && gradient[12] > 0.0 && gradient.iter().sum::<f64>().abs() < 1e-15);
}
