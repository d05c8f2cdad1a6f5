//! Ranked answers to prompts: all their pairs, and Plackett–Luce.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pairwise_loss::{
    Error, GroupTies, Groups, Level, Logistic, PairLoss, Pairs, PlackettLuce, Reduction, Total,
    Tuned,
};
use pairwise_loss_fuzz::{Number, Source, assert_canonical, assert_same, in_a_format, write};
use std::ops::Range;

fuzz_target!(|data: &[u8]| in_a_format!(run, &mut Source::new(data)));

/// A batch that owns its columns.
struct Batch<T> {
    scores: Vec<T>,
    offsets: Vec<usize>,
    ranks: Option<Vec<u32>>,
    weights: Option<Vec<T>>,
    ties: GroupTies,
}

impl<T: Number> Batch<T> {
    fn new(source: &mut Source) -> Self {
        let (prompts, most) = (source.below(24), [2, 2, 3, 5, 9, 20][source.below(6)]);
        let all = source.flag();
        let mut offsets = vec![0];
        for _ in 0..prompts {
            let answers = if all { most } else { source.below(most + 1) };
            offsets.push(offsets[offsets.len() - 1] + answers);
        }
        let len = offsets[prompts];
        if source.rarely() {
            match source.below(4) {
                0 => offsets.clear(),
                1 => offsets.push(source.word() as usize),
                2 => offsets[0] = source.below(8),
                _ => {
                    let position = source.below(offsets.len());
                    offsets[position] = source.word() as usize >> source.below(64);
                }
            }
        }
        let ties = if source.flag() { GroupTies::Half } else { GroupTies::Skip };
        let below = [2, 4, 1000][source.below(3)];
        let ranks = source.flag().then(|| {
            let len = source.len_with(len);
            (0..len).map(|_| source.word() as u32 % below).collect()
        });
        let weights = source.flag().then(|| {
            let len = source.len_with(prompts);
            source.weights(len)
        });
        Self { scores: source.column(len), offsets, ranks, weights, ties }
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn groups(&self) -> Result<Groups<'_, T>, Error> {
        let mut groups = Groups::new(&self.scores, &self.offsets)?.with_ties(self.ties);
        if let Some(ranks) = &self.ranks {
            groups = groups.with_ranks(ranks)?;
        }
        if let Some(weights) = &self.weights {
            groups = groups.with_weights(weights)?;
        }
        Ok(groups)
    }

    fn is_valid(&self) -> bool {
        self.offsets.first() == Some(&0)
            && self.offsets.last() == Some(&self.scores.len())
            && self.offsets.is_sorted()
            && self.ranks.as_ref().is_none_or(|ranks| ranks.len() == self.scores.len())
            && self.weights.as_ref().is_none_or(|weights| {
                weights.len() == self.len()
                    && weights.iter().all(|w| w.is_finite() && *w >= T::zero())
            })
    }

    fn answers(&self, g: usize) -> Range<usize> {
        self.offsets[g]..self.offsets[g + 1]
    }

    fn weight(&self, g: usize) -> T {
        self.weights.as_ref().map_or_else(T::one, |weights| weights[g])
    }

    /// One prompt, as a batch of its own.
    fn alone(&self, g: usize) -> Self {
        let answers = self.answers(g);
        Self {
            scores: self.scores[answers.clone()].to_vec(),
            offsets: vec![0, answers.len()],
            ranks: self.ranks.as_ref().map(|ranks| ranks[answers].to_vec()),
            weights: self.weights.as_ref().map(|weights| vec![weights[g]]),
            ties: self.ties,
        }
    }

    /// Winners, losers and labels of every pair of a prompt.
    fn pairs(&self, g: usize) -> Vec<(usize, usize, bool)> {
        let answers = self.answers(g);
        let mut pairs = Vec::new();
        for i in answers.clone() {
            for j in i + 1..answers.end {
                let (a, b) = self.ranks.as_ref().map_or((0, 1), |ranks| (ranks[i], ranks[j]));
                if a != b || self.ties == GroupTies::Half {
                    pairs.push(if b < a { (j, i, false) } else { (i, j, a == b) });
                }
            }
        }
        pairs
    }
}

fn run<T: Number>(source: &mut Source) {
    let batch = Batch::<T>::new(source);
    let made = batch.groups();
    assert_eq!(made.is_ok(), batch.is_valid());
    let Ok(groups) = made else { return };
    let groups = groups.with_level(source.level());
    assert_eq!(groups.len(), batch.len());
    let pairs: usize = (0..batch.len()).map(|g| batch.pairs(g).len()).sum();
    assert_eq!(groups.pairs(), pairs as u64);
    let reduction = match source.below(4) {
        0 => Reduction::Sum,
        1 => Reduction::Mean,
        2 => Reduction::WeightedMean,
        _ => Reduction::Over(source.number()),
    };
    if source.flag() {
        let tuned = Tuned::new(Logistic);
        let loss =
            if source.flag() { tuned.scale(source.number()).unwrap_or(tuned) } else { tuned };
        of_pairs(source, &batch, groups, loss, reduction);
    } else {
        let top = source.flag().then(|| source.below(6));
        match groups.plackett_luce(top) {
            Ok(order) => plackett_luce(source, &batch, order, top, reduction),
            Err(_) => assert!(top == Some(0) || batch.ranks.is_some()),
        }
    }
}

fn of_pairs<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    groups: Groups<'_, T>,
    loss: L,
    reduction: Reduction,
) {
    let mut losses: Vec<T> = source.output(batch.len());
    let done = write(&mut losses, |out| groups.losses_into(loss, out)).is_some();
    assert_eq!(done, losses.len() == batch.len());
    let mut gradient: Vec<T> = source.output(batch.scores.len());
    let value = groups.loss(loss, reduction);
    let fused = write(&mut gradient, |out| groups.loss_and_gradient(loss, reduction, out));
    assert_eq!(fused.is_some(), value.is_ok() && gradient.len() == batch.scores.len());
    if done {
        assert_canonical(&losses);
        for g in 0..batch.len() {
            let (one, mut alone) = (batch.alone(g), [T::one()]);
            one.groups().expect("a prompt").losses_into(loss, &mut alone).expect("a prompt");
            assert_same(&alone, &losses[g..=g], g);
            let counts = batch.weight(g) > T::zero();
            let pairs = batch.pairs(g);
            if let ([(i, j, false)], true) = (&pairs[..], counts) {
                let pair =
                    Pairs::new(&batch.scores[*i..=*i], &batch.scores[*j..=*j]).expect("a pair");
                let weight = [batch.weight(g)];
                let pair = pair.with_weights(&weight).expect("a weight");
                pair.losses_into(loss, &mut alone).expect("a pair");
                assert_same(&alone, &losses[g..=g], "a pair");
            }
            if pairs.is_empty() || !counts {
                assert_same(&losses[g..=g], &[T::zero()], "no pair");
            }
        }
        let counted = |g: &usize| batch.weight(*g) > T::zero() && !batch.pairs(*g).is_empty();
        let terms: Total = (0..batch.len()).filter(counted).map(|g| losses[g].wide()).collect();
        let total = groups.total(loss);
        assert_eq!(total.len(), terms.len());
        assert_same(&[total.sum()], &[terms.sum()], "the sum of the losses");
        for level in Level::available() {
            let mut again = vec![T::one(); batch.len()];
            groups.with_level(level).losses_into(loss, &mut again).expect("lengths");
            assert_same(&again, &losses, level);
        }
    }
    let (Some(fused), Ok(value)) = (fused, value) else { return };
    assert_same(&[fused], &[value], "fused");
    assert_canonical(&[value]);
    assert_canonical(&gradient);
    for level in Level::available() {
        let mut again = vec![T::one(); batch.scores.len()];
        let value = groups.with_level(level).loss_and_gradient(loss, reduction, &mut again);
        assert_same(&[value.expect("lengths")], &[fused], level);
        assert_same(&again, &gradient, level);
    }
    // The gradient of a prompt does not depend on its neighbours.
    let counted = |g: &usize| batch.weight(*g) > T::zero() && !batch.pairs(*g).is_empty();
    let over = match reduction {
        Reduction::Sum => 1.0,
        Reduction::Mean => (0..batch.len()).filter(counted).count() as f64,
        Reduction::Over(n) => n,
        Reduction::WeightedMean => return,
    };
    for g in 0..batch.len() {
        let one = batch.alone(g);
        let mut alone = vec![T::one(); one.scores.len()];
        let groups = one.groups().expect("a prompt");
        groups.loss_and_gradient(loss, Reduction::Over(over), &mut alone).expect("a prompt");
        assert_same(&alone, &gradient[batch.answers(g)], g);
    }
}

fn plackett_luce<T: Number>(
    source: &mut Source,
    batch: &Batch<T>,
    order: PlackettLuce<'_, T>,
    top: Option<usize>,
    reduction: Reduction,
) {
    let mut losses: Vec<T> = source.output(batch.len());
    let done = write(&mut losses, |out| order.losses_into(out)).is_some();
    assert_eq!(done, losses.len() == batch.len());
    let mut gradient: Vec<T> = source.output(batch.scores.len());
    let value = order.loss(reduction);
    let fused = write(&mut gradient, |out| order.loss_and_gradient(reduction, out));
    assert_eq!(fused.is_some(), value.is_ok() && gradient.len() == batch.scores.len());
    if done {
        assert_canonical(&losses);
        for g in 0..batch.len() {
            let (one, mut alone) = (batch.alone(g), [T::one()]);
            let order = one.groups().expect("a prompt").plackett_luce(top).expect("an order");
            order.losses_into(&mut alone).expect("a prompt");
            assert_same(&alone, &losses[g..=g], g);
            let answers = batch.answers(g);
            if answers.len() == 2 && batch.weight(g) > T::zero() {
                let (mut i, mut j) = (answers.start, answers.start + 1);
                if batch.ranks.as_ref().is_some_and(|ranks| ranks[j] < ranks[i]) {
                    (i, j) = (j, i);
                }
                let pair = Pairs::new(&batch.scores[i..=i], &batch.scores[j..=j]).expect("a pair");
                let weight = [batch.weight(g)];
                let pair = pair.with_weights(&weight).expect("a weight");
                pair.losses_into(Tuned::new(Logistic), &mut alone).expect("a pair");
                assert_same(&alone, &losses[g..=g], "a pair");
            }
            if answers.len() < 2 || batch.weight(g) == T::zero() {
                assert_same(&losses[g..=g], &[T::zero()], "no order");
            }
        }
        let counted = |g: &usize| batch.weight(*g) > T::zero() && batch.answers(*g).len() > 1;
        let terms: Total = (0..batch.len()).filter(counted).map(|g| losses[g].wide()).collect();
        let total = order.total();
        assert_eq!(total.len(), terms.len());
        assert_same(&[total.sum()], &[terms.sum()], "the sum of the losses");
    }
    let (Some(fused), Ok(value)) = (fused, value) else { return };
    assert_same(&[fused], &[value], "fused");
    assert_canonical(&[value]);
    assert_canonical(&gradient);
    for level in Level::available() {
        let groups = batch.groups().expect("as before").with_level(level);
        let order = groups.plackett_luce(top).expect("as before");
        let mut again = vec![T::one(); batch.scores.len()];
        let value = order.loss_and_gradient(reduction, &mut again).expect("lengths");
        assert_same(&[value], &[fused], level);
        assert_same(&again, &gradient, level);
    }
    let counted = |g: &usize| batch.weight(*g) > T::zero() && batch.answers(*g).len() > 1;
    let over = match reduction {
        Reduction::Sum => 1.0,
        Reduction::Mean => (0..batch.len()).filter(counted).count() as f64,
        Reduction::Over(n) => n,
        Reduction::WeightedMean => return,
    };
    for g in 0..batch.len() {
        let one = batch.alone(g);
        let mut alone = vec![T::one(); one.scores.len()];
        let order = one.groups().expect("a prompt").plackett_luce(top).expect("an order");
        order.loss_and_gradient(Reduction::Over(over), &mut alone).expect("a prompt");
        assert_same(&alone, &gradient[batch.answers(g)], g);
    }
}
