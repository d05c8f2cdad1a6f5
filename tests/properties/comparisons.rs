//! Comparisons are Pairs on looked-up scores, scattered back in order.

use crate::custom::LogCosh;
use crate::support::{Batch, Columns, Every, Number, Verbs, bits, dirty, levels, negated, of_bits};
use pairwise_loss::{Comparisons, Logistic, PairLoss, Reduction};
use reference::Format as _;
use reference::random::SplitMix64;
use reference::{Loss, Options, Real, Tuned as RealTuned};

/// Games between the entries of one score vector.
#[derive(Clone, Debug)]
struct Games<T> {
    scores: Vec<T>,
    winners: Vec<u32>,
    losers: Vec<u32>,
    offsets: Option<Vec<T>>,
    weights: Option<Vec<T>>,
    labels: Option<Vec<T>>,
}

impl<T: Number> Games<T> {
    fn new(players: u32, len: usize, columns: Columns, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut index = |n: u32| random.below(u64::from(n)) as u32;
        let winners: Vec<u32> = (0..len).map(|_| index(players)).collect();
        // Anyone else.
        let losers = winners.iter().map(|w| (w + 1 + index(players - 1)) % players).collect();
        let columns = Batch::<T>::ordinary(len, seed + 1).with(columns);
        let scores = (0..players).map(|_| T::of(random.uniform(-3.0, 3.0))).collect();
        Self {
            scores,
            winners,
            losers,
            offsets: columns.margins,
            weights: columns.weights,
            labels: columns.labels,
        }
    }

    fn comparisons(&self) -> Comparisons<'_, T> {
        let mut games = Comparisons::new(&self.scores, &self.winners, &self.losers).expect("games");
        if let Some(offsets) = &self.offsets {
            games = games.with_offsets(offsets).expect("offsets");
        }
        if let Some(weights) = &self.weights {
            games = games.with_weights(weights).expect("weights");
        }
        if let Some(labels) = &self.labels {
            games = games.with_labels(labels).expect("labels");
        }
        games
    }

    /// The same games as pairs: scores looked up, offsets as negative margins.
    fn pairs(&self) -> Batch<T> {
        let look_up = |index: &[u32]| index.iter().map(|&i| self.scores[i as usize]).collect();
        Batch {
            chosen: look_up(&self.winners),
            rejected: look_up(&self.losers),
            margins: self.offsets.as_ref().map(|offsets| offsets.iter().map(|&x| -x).collect()),
            weights: self.weights.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Adds up what each game gives its winner and its loser, in the order of the games.
    fn scattered(&self, term: impl Fn(usize) -> (T, T)) -> Vec<T> {
        let mut out = vec![T::zero(); self.scores.len()];
        for (k, (&winner, &loser)) in self.winners.iter().zip(&self.losers).enumerate() {
            let (to_winner, to_loser) = term(k);
            out[winner as usize] = out[winner as usize] + to_winner;
            out[loser as usize] = out[loser as usize] + to_loser;
        }
        out
    }
}

/// What every verb says, with outputs that hold something beforehand.
#[derive(Debug, PartialEq)]
struct Said {
    losses: Vec<u64>,
    gradients: Vec<u64>,
    hessians: Vec<u64>,
    loss: u64,
    fused: u64,
    gradient: Vec<u64>,
    diagonal: Vec<u64>,
    product: Vec<u64>,
    total: pairwise_loss::Total,
}

fn said<T: Number, L: PairLoss>(
    games: Comparisons<'_, T>,
    loss: L,
    reduction: Reduction,
    v: &[T],
) -> Said {
    let mut per_game: [Vec<T>; 3] = std::array::from_fn(|_| dirty(games.len()));
    let mut per_score: [Vec<T>; 3] = std::array::from_fn(|_| dirty(v.len()));
    games.losses_into(loss, &mut per_game[0]).expect("losses");
    games.gradients_into(loss, &mut per_game[1]).expect("gradients");
    games.hessians_into(loss, &mut per_game[2]).expect("hessians");
    let value = games.loss(loss, reduction).expect("a loss");
    let fused = games.loss_and_gradient(loss, reduction, &mut per_score[0]).expect("a fused loss");
    games.hessian_diagonal_into(loss, &mut per_score[1]).expect("a diagonal");
    games.hessian_vector_product_into(loss, v, &mut per_score[2]).expect("a product");
    let [losses, gradients, hessians] = per_game.map(|x| bits(&x));
    let [gradient, diagonal, product] = per_score.map(|x| bits(&x));
    let total = games.total(loss);
    let (loss, fused) = (value.to_bits(), fused.to_bits());
    Said { losses, gradients, hessians, loss, fused, gradient, diagonal, product, total }
}

fn comparisons_are_pairs<T: Number, L: PairLoss>(loss: L) {
    let v: Vec<T> = (0..9).map(|i| T::of(f64::from(i * i) * 0.37 - 5.0)).collect();
    for columns in Columns::all() {
        for len in [0, 1, 2, 31, 32, 33, 65, 257] {
            let games = Games::<T>::new(9, len, columns, 11 + len as u64);
            let batch = games.pairs();
            let pairs = Every::call(batch.pairs(), loss, Reduction::Sum, 0);
            let over = Every::call(batch.pairs(), loss, Reduction::Over(7.0), 0);
            let at = |bits: &[u64], k: usize| of_bits::<T>(bits[k]);
            let gradient = games.scattered(|k| {
                let g = at(&pairs.gradients, k);
                (g, negated(g))
            });
            let normalised = games.scattered(|k| {
                let g = at(&over.d_chosen, k);
                (g, negated(g))
            });
            let diagonal = games.scattered(|k| (at(&pairs.hessians, k), at(&pairs.hessians, k)));
            for level in levels() {
                let context = format!("{len} games, {columns:?}, {level}");
                let games = games.comparisons().with_level(level);
                let got = said(games, loss, Reduction::Sum, &v);
                assert_eq!(got.losses, pairs.losses, "losses, {context}");
                assert_eq!(got.gradients, pairs.gradients, "gradients, {context}");
                assert_eq!(got.hessians, pairs.hessians, "hessians, {context}");
                assert_eq!([got.loss, got.fused], [pairs.reduced[0]; 2], "{context}");
                assert_eq!(Some(got.total), pairs.total, "{context}");
                assert_eq!(got.gradient, bits(&gradient), "gradient, {context}");
                assert_eq!(got.diagonal, bits(&diagonal), "diagonal, {context}");
                let got = said(games, loss, Reduction::Over(7.0), &v);
                assert_eq!(got.gradient, bits(&normalised), "normalised gradient, {context}");
                assert_eq!([got.loss, got.fused], [over.reduced[0]; 2], "{context}");
                // Second derivatives are not reduced.
                assert_eq!(got.diagonal, bits(&diagonal), "diagonal, {context}");
            }
        }
    }
}

/// H·1 = 0 exactly, and H·v is the dense matrix times v.
fn the_hessian_is_a_laplacian<T: Number, L: PairLoss>(loss: L) {
    const PLAYERS: usize = 9;
    for columns in Columns::all() {
        let games = Games::<T>::new(PLAYERS as u32, 120, columns, 21);
        let mut random = SplitMix64::new(22);
        let mut hessians = dirty::<T>(120);
        games.comparisons().hessians_into(loss, &mut hessians).expect("hessians");
        let mut dense = vec![vec![Real::zero(); PLAYERS]; PLAYERS];
        for (k, h) in hessians.iter().enumerate() {
            let (i, j) = (games.winners[k] as usize, games.losers[k] as usize);
            for (row, column, sign) in [(i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)] {
                dense[row][column] =
                    &dense[row][column] + &(Real::new(h.wide()) * Real::from(sign));
            }
        }
        for level in levels() {
            let games = games.comparisons().with_level(level);
            let mut out = dirty::<T>(PLAYERS);
            for constant in [1.0, -3.7, 1e30] {
                let ones = [T::of(constant); PLAYERS];
                games.hessian_vector_product_into(loss, &ones, &mut out).expect("a product");
                assert_eq!(out, [T::zero(); PLAYERS], "{columns:?} {level}");
            }
            let v: [T; PLAYERS] = std::array::from_fn(|_| T::of(random.uniform(-2.0, 2.0)));
            games.hessian_vector_product_into(loss, &v, &mut out).expect("a product");
            for (i, row) in dense.iter().enumerate() {
                let terms = row.iter().zip(v).map(|(h, v)| h * &Real::new(v.wide()));
                let (mut exact, mut size) = (Real::zero(), Real::zero());
                for term in terms {
                    size = size + term.abs();
                    exact = exact + term;
                }
                // At most 120 terms, each rounded once and added in the format.
                let distance = (Real::new(out[i].wide()) - exact).abs().approximate();
                let bound = 60.0 * T::epsilon().wide() * size.approximate();
                assert!(distance <= bound, "{distance:e} > {bound:e} {columns:?} {level}");
            }
            // The diagonal, entry by entry.
            games.hessian_diagonal_into(loss, &mut out).expect("a diagonal");
            for (i, row) in dense.iter().enumerate() {
                approx::assert_relative_eq!(
                    out[i].wide(),
                    row[i].approximate(),
                    max_relative = 60.0 * T::epsilon().wide()
                );
            }
        }
    }
}

/// Offsets are added: the first game at home is won as by a stronger player.
#[test]
fn offsets_are_added() {
    fn check<T: Number>() {
        let scores = [T::of(0.25), T::of(-0.5)];
        let offsets = [T::of(1.5), T::of(-2.0)];
        let games =
            Comparisons::new(&scores, &[0, 1], &[1, 0]).and_then(|g| g.with_offsets(&offsets));
        let mut losses = dirty::<T>(2);
        games.expect("games").losses_into(Logistic, &mut losses).expect("losses");
        for (loss, z) in losses.into_iter().zip([0.25 + 0.5 + 1.5, -0.5 - 0.25 - 2.0]) {
            let exact =
                reference::pair(Loss::Logistic, &Options::default(), z, 0.0).expect("finite");
            assert!(reference::ulp::error(loss, &exact.value) <= T::PAIR);
        }
    }
    check::<f32>();
    #[cfg(not(debug_assertions))]
    check::<f64>();
}

/// Gradients and Hessians from grouped counts: Σ (n·p − w) and Σ n·p·(1 − p)·(vᵢ − vⱼ) over the others.
#[test]
fn grouped_counts() {
    let scores = [0.3_f64, -0.8, 1.1];
    let wins = [[0.0, 5.0, 2.0], [1.0, 0.0, 3.0], [4.0, 7.0, 0.0]];
    let (mut winners, mut losers, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..3_u32 {
        for j in (0..3).filter(|&j| j != i) {
            winners.push(i);
            losers.push(j);
            weights.push(wins[i as usize][j as usize]);
        }
    }
    let games = Comparisons::new(&scores, &winners, &losers)
        .and_then(|g| g.with_weights(&weights))
        .expect("games");
    let mut gradient = [0.0; 3];
    games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient).expect("a fused loss");
    let mut product = [0.0; 3];
    let v = [1.0, -2.0, 0.5];
    games.hessian_vector_product_into(Logistic, &v, &mut product).expect("a product");
    for i in 0..3 {
        let (mut slope, mut curved) = (0.0, 0.0);
        for j in (0..3).filter(|&j| j != i) {
            let n = wins[i][j] + wins[j][i];
            let p = reference::win_probability(scores[i], scores[j]).expect("finite").approximate();
            slope += n * p - wins[i][j];
            curved += n * p * (1.0 - p) * (v[i] - v[j]);
        }
        approx::assert_relative_eq!(gradient[i], slope, epsilon = 1e-14, max_relative = 1e-14);
        approx::assert_relative_eq!(product[i], curved, epsilon = 1e-14, max_relative = 1e-14);
    }
}

/// A NaN score spoils the entries it meets and no other, with canonical bits; one of weight 0 spoils nothing.
#[test]
fn nan_spoils_what_it_meets() {
    fn check<T: Number>() {
        for nan in T::NANS.map(of_bits::<T>) {
            let scores = [T::zero(), T::one(), nan, T::of(0.5), T::of(-1.0)];
            let (winners, losers) = ([0, 2, 1, 4, 3], [1, 3, 4, 2, 0]);
            let weights = [T::one(), T::zero(), T::one(), T::zero(), T::of(2.0)];
            let v = [T::one(), T::of(2.0), T::of(3.0), T::of(5.0), T::of(8.0)];
            let games = Comparisons::new(&scores, &winners, &losers).expect("games");
            let canonical = T::CANONICAL_NAN;
            for level in levels() {
                let got = said(games.with_level(level), Logistic, Reduction::Mean, &v);
                for x in [&got.losses, &got.gradients, &got.hessians] {
                    assert_eq!([x[1], x[3]], [canonical; 2], "{level}");
                    assert!([0, 2, 4].iter().all(|&k| !of_bits::<T>(x[k]).is_nan()));
                }
                for x in [&got.gradient, &got.diagonal, &got.product] {
                    assert_eq!([x[2], x[3], x[4]], [canonical; 3], "{level}");
                    assert!([0, 1].iter().all(|&i| !of_bits::<T>(x[i]).is_nan()));
                }
                assert_eq!([got.loss, got.fused], [f64::CANONICAL_NAN; 2], "{level}");
                let removed = games.with_level(level).with_weights(&weights).expect("weights");
                let got = said(removed, Logistic, Reduction::Mean, &v);
                for x in [&got.gradient, &got.diagonal, &got.product] {
                    assert_eq!(of_bits::<T>(x[2]), T::zero());
                    assert!(x.iter().all(|&x| !of_bits::<T>(x).is_nan()), "{level}");
                }
            }
        }
    }
    check::<f32>();
    #[cfg(not(debug_assertions))]
    check::<f64>();
}

/// A game against a player whose truth is known: value and derivatives are the oracle's.
fn games_are_accurate<T: Number>() {
    let games = Games::<T>::new(9, 60, Columns::EVERY, 31);
    let mut losses = dirty::<T>(60);
    games.comparisons().losses_into(LogCosh, &mut losses).expect("losses");
    let batch = games.pairs();
    for (k, row) in batch.rows().iter().enumerate() {
        let exact = LogCosh::truth(row);
        let terms = row.weight * (1.0 + row.chosen.abs() + row.rejected.abs() + row.margin.abs());
        crate::support::assert_close(losses[k], &exact.value, T::PAIR, terms, row);
    }
    games.comparisons().losses_into(Logistic, &mut losses).expect("losses");
    for (k, row) in batch.rows().iter().enumerate() {
        let exact = row.truth(Loss::Logistic, RealTuned::default());
        crate::support::assert_close(losses[k], &exact.value, T::PAIR, 0.0, row);
    }
}

macro_rules! on_every_loss_and_format {
    ($($test:ident = $format:ident $loss:expr;)+) => {
        $(mod $test {
            use super::*;

            #[test]
            fn are_pairs() {
                comparisons_are_pairs::<$format, _>($loss);
            }

            #[test]
            fn have_a_laplacian() {
                the_hessian_is_a_laplacian::<$format, _>($loss);
            }
        })+
    };
}

on_every_loss_and_format! {
    logistic_f32 = f32 Logistic;
}

/// What takes minutes to compile: `cargo test --release`.
#[cfg(not(debug_assertions))]
mod in_release {
    use super::*;

    on_every_loss_and_format! {
        logistic_f64 = f64 Logistic;
        log_cosh_f32 = f32 LogCosh;
        log_cosh_f64 = f64 LogCosh;
    }
}

#[test]
fn games_are_accurate_in_every_format() {
    games_are_accurate::<f32>();
    #[cfg(not(debug_assertions))]
    games_are_accurate::<f64>();
}
