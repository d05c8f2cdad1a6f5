//! Comparisons and grouped counts: positions in any format, every verb, one piece and several.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pairwise_loss::{
    Comparisons, Counts, Error, Index, Level, Logistic, PairLoss, Pairs, Reduction, ScoreSum,
    ScoreSums, Total, Tuned,
};
use pairwise_loss_fuzz::{
    Number, Source, assert_canonical, assert_same, canonical, in_a_format, negated, write,
};

fuzz_target!(|data: &[u8]| in_a_format!(run, &mut Source::new(data)));

/// A batch that owns its columns.
struct Batch<T> {
    scores: Vec<T>,
    winners: Vec<u32>,
    losers: Vec<u32>,
    offsets: Option<Vec<T>>,
    weights: Option<Vec<T>>,
    labels: Option<Vec<T>>,
}

impl<T: Number> Batch<T> {
    fn new(source: &mut Source) -> Self {
        let (len, entries) = (source.len(), 1 + source.below(40));
        let [winners, mut losers] = source.positions(len, entries);
        losers.truncate(source.len_with(len));
        let columns = source.byte();
        let mut other = |wanted: u8| (columns & wanted != 0).then(|| source.len_with(len));
        let [offsets, weights, labels] = [1, 2, 4].map(&mut other);
        Self {
            scores: source.column(entries),
            winners,
            losers,
            offsets: offsets.map(|len| source.column(len)),
            weights: weights.map(|len| source.weights(len)),
            labels: labels.map(|len| source.labels(len)),
        }
    }

    fn len(&self) -> usize {
        self.winners.len()
    }

    fn with_options<'b>(
        &'b self,
        mut games: Comparisons<'b, T>,
    ) -> Result<Comparisons<'b, T>, Error> {
        if let Some(offsets) = &self.offsets {
            games = games.with_offsets(offsets)?;
        }
        if let Some(weights) = &self.weights {
            games = games.with_weights(weights)?;
        }
        if let Some(labels) = &self.labels {
            games = games.with_labels(labels)?;
        }
        Ok(games)
    }

    fn is_valid(&self) -> bool {
        let fits = |column: &Option<Vec<T>>| column.as_ref().is_none_or(|c| c.len() == self.len());
        let all = |column: &Option<Vec<T>>, holds: &dyn Fn(T) -> bool| {
            column.as_ref().is_none_or(|c| c.iter().all(|&x| holds(x)))
        };
        let mut positions = self.winners.iter().chain(&self.losers);
        self.losers.len() == self.len()
            && positions.all(|&i| (i as usize) < self.scores.len())
            && self.winners.iter().zip(&self.losers).all(|(i, j)| i != j)
            && [&self.offsets, &self.weights, &self.labels].into_iter().all(fits)
            && all(&self.weights, &|w| w.is_finite() && w >= T::zero())
            && all(&self.labels, &|p| T::zero() <= p && p <= T::one())
    }
}

fn run<T: Number>(source: &mut Source) {
    let batch = Batch::<T>::new(source);
    match source.below(4) {
        0 => with_positions(source, &batch, |i| i),
        1 => with_positions(source, &batch, |i| i as usize),
        2 => with_positions(source, &batch, |i| i as i32),
        _ => with_positions(source, &batch, i64::from),
    }
}

fn with_positions<T: Number, I: Index>(
    source: &mut Source,
    batch: &Batch<T>,
    position: impl Fn(u32) -> I + Copy,
) {
    let winners: Vec<I> = batch.winners.iter().map(|&i| position(i)).collect();
    let losers: Vec<I> = batch.losers.iter().map(|&i| position(i)).collect();
    let made = Comparisons::new(&batch.scores, &winners, &losers);
    let made = made.and_then(|games| batch.with_options(games));
    assert_eq!(made.is_ok(), batch.is_valid());
    let Ok(games) = made else { return };
    let games = games.with_level(source.level());
    assert_eq!(games.len(), batch.len());

    let tuned = Tuned::new(Logistic);
    let loss = match source.below(4) {
        0 => tuned.scale(source.number()).unwrap_or(tuned),
        1 => tuned.smoothing(source.number()).unwrap_or(tuned),
        _ => tuned,
    };
    let reduction = match source.below(4) {
        0 => Reduction::Sum,
        1 => Reduction::Mean,
        2 => Reduction::WeightedMean,
        _ => Reduction::Over(source.number()),
    };
    match source.below(8) {
        0 => each(source, batch, games, loss),
        1 | 2 => fused(source, batch, games, loss, reduction),
        3 | 4 => products(source, batch, games, loss),
        5 | 6 => sums(source, batch, games, loss, reduction),
        _ => counts(source, batch, loss, reduction),
    }
}

/// The scores, offsets with the other sign, of every comparison.
fn gathered<T: Number>(batch: &Batch<T>) -> [Vec<T>; 3] {
    let of = |side: &Vec<u32>| side.iter().map(|&i| batch.scores[i as usize]).collect();
    let margins = batch.offsets.iter().flatten().map(|&x| negated(canonical(x))).collect();
    [of(&batch.winners), of(&batch.losers), margins]
}

fn as_pairs<'b, T: Number>(batch: &'b Batch<T>, columns: &'b [Vec<T>; 3]) -> Pairs<'b, T> {
    let [chosen, rejected, margins] = columns;
    let mut pairs = Pairs::new(chosen, rejected).expect("lengths");
    if batch.offsets.is_some() {
        pairs = pairs.with_margins(margins).expect("margins");
    }
    if let Some(weights) = &batch.weights {
        pairs = pairs.with_weights(weights).expect("weights");
    }
    if let Some(labels) = &batch.labels {
        pairs = pairs.with_labels(labels).expect("labels");
    }
    pairs
}

/// One number a comparison is that of the pair of scores.
fn each<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    games: Comparisons<'_, T>,
    loss: L,
) {
    let columns = gathered(batch);
    let pairs = as_pairs(batch, &columns);
    let derivative = source.below(3);
    let call = |games: Comparisons<'_, T>, out: &mut [T]| match derivative {
        0 => games.losses_into(loss, out),
        1 => games.gradients_into(loss, out),
        _ => games.hessians_into(loss, out),
    };
    let mut out: Vec<T> = source.output(batch.len());
    let done = write(&mut out, |out| call(games, out)).is_some();
    assert_eq!(done, out.len() == batch.len());
    if !done {
        return;
    }
    let mut expected = vec![T::one(); batch.len()];
    match derivative {
        0 => pairs.losses_into(loss, &mut expected),
        1 => pairs.gradients_into(loss, &mut expected),
        _ => pairs.hessians_into(loss, &mut expected),
    }
    .expect("lengths");
    assert_same(&out, &expected, "pairs");
    for level in Level::available() {
        call(games.with_level(level), &mut out).expect("lengths");
        assert_same(&out, &expected, level);
    }
    assert_eq!(games.total(loss), pairs.total(loss));
}

/// Adds to the winner what the loser loses, or both the same.
fn scattered<T: Number>(batch: &Batch<T>, terms: &[T], signed: bool) -> Vec<T> {
    let mut out = vec![T::zero(); batch.scores.len()];
    for ((&x, &i), &j) in terms.iter().zip(&batch.winners).zip(&batch.losers) {
        let (i, j) = (i as usize, j as usize);
        out[i] = out[i] + x;
        out[j] = if signed { out[j] - x } else { out[j] + x };
    }
    out.into_iter().map(canonical).collect()
}

fn fused<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    games: Comparisons<'_, T>,
    loss: L,
    reduction: Reduction,
) {
    let columns = gathered(batch);
    let pairs = as_pairs(batch, &columns);
    let mut terms = vec![T::one(); batch.len()];
    let entries = batch.scores.len();
    let (mut gradient, mut diagonal): (Vec<T>, Vec<T>) =
        (source.output(entries), source.output(entries));
    let of_pairs = pairs.loss_and_margin_gradient(loss, reduction, &mut terms);
    let value = games.loss(loss, reduction);
    assert_eq!(value.is_ok(), of_pairs.is_ok());
    let fused = write(&mut gradient, |out| games.loss_and_gradient(loss, reduction, out));
    assert_eq!(fused.is_some(), value.is_ok() && gradient.len() == entries);
    let both = write(&mut diagonal, |diagonal| {
        let mut again = vec![T::one(); entries];
        let value = games.loss_gradient_and_diagonal(loss, reduction, &mut again, diagonal)?;
        if fused.is_some() {
            assert_same(&again, &gradient, "with and without the diagonal");
        }
        Ok(value)
    });
    let (Ok(value), Ok(of_pairs)) = (value, of_pairs) else { return };
    assert_same(&[value], &[of_pairs], "pairs");
    assert_canonical(&[value]);
    if let Some(fused) = fused {
        assert_same(&[fused], &[value], "fused");
        assert_same(&gradient, &scattered(batch, &terms, true), "one after the other");
        for level in Level::available() {
            let games = games.with_level(level);
            let mut again = vec![T::one(); entries];
            let value = games.loss_and_gradient(loss, reduction, &mut again).expect("lengths");
            assert_same(&[value], &[fused], level);
            assert_same(&again, &gradient, level);
        }
    }
    if let Some(both) = both {
        assert_same(&[both], &[value], "with the diagonal");
        pairs.hessians_into(loss, &mut terms).expect("lengths");
        assert_same(&diagonal, &scattered(batch, &terms, false), "the diagonal");
        let mut again = vec![T::one(); entries];
        games.hessian_diagonal_into(loss, &mut again).expect("lengths");
        assert_same(&again, &diagonal, "the diagonal alone");
    }
}

fn products<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    games: Comparisons<'_, T>,
    loss: L,
) {
    let entries = batch.scores.len();
    let len = source.len_with(entries);
    let v: Vec<T> = source.column(len);
    let residuals = source.flag();
    let call = |games: Comparisons<'_, T>, out: &mut [T]| {
        if residuals {
            games.score_residual_product_into(loss, &v, out)
        } else {
            games.hessian_vector_product_into(loss, &v, out)
        }
    };
    let mut out: Vec<T> = source.output(entries);
    let done = write(&mut out, |out| call(games, out)).is_some();
    assert_eq!(done, v.len() == entries && out.len() == entries);
    if !done {
        return;
    }
    assert_canonical(&out);
    let mut again = vec![T::one(); entries];
    for level in Level::available() {
        call(games.with_level(level), &mut again).expect("lengths");
        assert_same(&again, &out, level);
    }
    // Both matrices have the vector of ones in their null space.
    if v.iter().all(|x| x.is_finite() && *x == v[0]) {
        let mut terms = vec![T::one(); batch.len()];
        games.hessians_into(loss, &mut terms).expect("lengths");
        if terms.iter().all(|h| h.is_finite()) && !residuals {
            assert!(out.iter().all(|&x| x == T::zero()), "{out:?}");
        }
    }
}

/// Exact sums: the same in one piece and in several, at once and in two parts.
fn sums<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    games: Comparisons<'_, T>,
    loss: L,
    reduction: Reduction,
) {
    let entries = batch.scores.len();
    let pieces = 1 + source.below(4);
    let wrong = source.rarely();
    let mut memory = vec![ScoreSum::ZERO; pieces * entries];
    let mut others = memory.clone();
    if wrong {
        memory.push(ScoreSum::of(1.0));
    }
    let made = ScoreSums::new(&mut memory, entries);
    assert_eq!(made.is_ok(), !wrong || entries == 1);
    let Ok(mut sums) = made else { return };
    if wrong {
        return;
    }
    let v: Vec<T> = source.column(entries);
    let what = source.below(6);
    let mut add =
        |games: Comparisons<'_, T>, sums: &mut ScoreSums<'_>| -> Result<Option<f64>, Error> {
            match what {
                0 => games.loss_and_gradient_sums(loss, reduction, sums).map(Some),
                1 => {
                    others.fill(ScoreSum::ZERO);
                    let mut diagonal = ScoreSums::new(&mut others, entries)?;
                    games
                        .loss_gradient_and_diagonal_sums(loss, reduction, sums, &mut diagonal)
                        .map(Some)
                }
                2 => {
                    let total: Total = games.add_gradient_to_sums(loss, reduction, sums)?;
                    assert_eq!(total, games.total(loss));
                    Ok(None)
                }
                3 => games.add_hessian_diagonal_to_sums(loss, sums).map(|()| None),
                4 => games.add_hessian_vector_product_to_sums(loss, &v, sums).map(|()| None),
                _ => games.add_score_residual_product_to_sums(loss, &v, sums).map(|()| None),
            }
        };
    let Ok(value) = add(games, &mut sums) else { return };
    if let Some(value) = value {
        assert_same(&[value], &[games.loss(loss, reduction).expect("a reduction")], "the loss");
    }
    let mut out = vec![T::one(); entries];
    sums.round_into(&mut out).expect("lengths");
    assert_canonical(&out);
    let got = sums.merged().to_vec();

    // The terms one by one.
    let columns = gathered(batch);
    let pairs = as_pairs(batch, &columns);
    let mut terms = vec![T::one(); batch.len()];
    let known = match what {
        0..=2 => pairs.loss_and_margin_gradient(loss, reduction, &mut terms).map(|_| true),
        3 => pairs.hessians_into(loss, &mut terms).map(|()| false),
        _ => return,
    };
    let signed = known.expect("a reduction");
    let mut expected = vec![ScoreSum::ZERO; entries];
    for ((&x, &i), &j) in terms.iter().zip(&batch.winners).zip(&batch.losers) {
        expected[i as usize] += ScoreSum::of(x.wide());
        expected[j as usize] += ScoreSum::of(if signed { -x.wide() } else { x.wide() });
    }
    // Near the limit an order may show.
    if terms.iter().all(|x| !(x.wide().abs() > 50_f64.exp2()) || !x.is_finite()) {
        assert_eq!(got, expected, "{what}");
        let rounded: Vec<T> = expected.iter().map(|sum| canonical(T::of(sum.value()))).collect();
        assert_same(&out, &rounded, "rounded");
    }
}

fn counts<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    loss: L,
    reduction: Reduction,
) {
    let len = batch.len();
    let (first, second) = (source.weights::<T>(len), source.weights::<T>(len));
    let counts = Counts::new(&batch.scores, &batch.winners, &batch.losers, &first, &second);
    let valid = first.iter().chain(&second).all(|w| w.is_finite() && *w >= T::zero());
    assert_eq!(counts.is_ok(), valid);
    let Ok(mut counts) = counts else { return };
    if let Some(offsets) = &batch.offsets {
        counts = counts.with_offsets(offsets).expect("offsets");
    }
    counts = counts.with_level(source.level());
    let entries = batch.scores.len();
    let mut gradient: Vec<T> = source.output(entries);
    let value = counts.loss(loss, reduction);
    let fused = write(&mut gradient, |out| counts.loss_and_gradient(loss, reduction, out));
    assert_eq!(fused.is_some(), value.is_ok() && gradient.len() == entries);
    if let (Some(fused), Ok(value)) = (fused, value) {
        assert_same(&[fused], &[value], "fused");
        assert_canonical(&[value]);
        assert_canonical(&gradient);
    }
    // Each side as comparisons of that weight.
    let plain = Comparisons::new(&batch.scores, &batch.winners, &batch.losers).expect("positions");
    let mut plain = plain.with_weights(&first).expect("weights");
    if let Some(offsets) = &batch.offsets {
        plain = plain.with_offsets(offsets).expect("offsets");
    }
    let turned: Vec<T> = batch.offsets.iter().flatten().map(|&x| negated(canonical(x))).collect();
    let back = Comparisons::new(&batch.scores, &batch.losers, &batch.winners).expect("positions");
    let mut back = back.with_weights(&second).expect("weights");
    if batch.offsets.is_some() {
        back = back.with_offsets(&turned).expect("offsets");
    }
    assert_eq!(counts.total(loss), plain.total(loss).merge(back.total(loss)));
    let (mut a, mut b) = (vec![T::one(); len], vec![T::one(); len]);
    for (side, same) in counts.sides().into_iter().zip([plain, back]) {
        side.gradients_into(loss, &mut a).expect("lengths");
        same.gradients_into(loss, &mut b).expect("lengths");
        assert_same(&a, &b, "a side");
    }
    let v: Vec<T> = source.column(entries);
    let (mut x, mut y) = (vec![T::one(); entries], vec![T::one(); entries]);
    counts.hessian_diagonal_into(loss, &mut x).expect("lengths");
    assert_canonical(&x);
    counts.hessian_vector_product_into(loss, &v, &mut y).expect("lengths");
    assert_canonical(&y);
    for level in Level::available() {
        let (counts, mut again) = (counts.with_level(level), vec![T::one(); entries]);
        counts.hessian_vector_product_into(loss, &v, &mut again).expect("lengths");
        assert_same(&again, &y, level);
    }
}
