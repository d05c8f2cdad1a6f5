//! Comparisons between the entries of one vector: exact sums, indices of every format, counts, priors, streams.
//!
//! Derivatives are held against big integers here, term by term and summed; that comparisons are pairs on looked-up
//! scores is the matter of `properties`.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/ratings_at_scale.rs"]
mod at_scale;

use at_scale::{Model, Source, maximise, random};
use pairwise_loss::{
    Comparisons, Counts, Error, GaussianPrior, Index, Level, Logistic, Reduction, Score, ScoreSum,
    ScoreSums, Total,
};
use reference::random::SplitMix64;
use reference::{Format, Loss, Options, Real, bits, ulp};

trait Number: Score + Format {}
impl Number for f32 {}
impl Number for f64 {}

const PLAYERS: usize = 11;

struct Season<T> {
    scores: Vec<T>,
    winners: Vec<u32>,
    losers: Vec<u32>,
    offsets: Vec<T>,
    weights: Vec<T>,
    v: Vec<T>,
}

impl<T: Number> Season<T> {
    fn new(players: usize, len: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let n = players as u64;
        let winners: Vec<u32> = (0..len).map(|_| random.below(n) as u32).collect();
        let mut other = |&w: &u32| (w + 1 + random.below(n - 1) as u32) % players as u32;
        let losers = winners.iter().map(&mut other).collect();
        let mut column = |len: usize, low, high| -> Vec<T> {
            (0..len).map(|_| T::of(random.uniform(low, high))).collect()
        };
        let (scores, v) = (column(players, -4.0, 4.0), column(players, -2.0, 2.0));
        let (offsets, mut weights) = (column(len, -1.0, 1.0), column(len, 0.0, 3.0));
        weights.iter_mut().step_by(7).for_each(|w| *w = T::zero());
        Self { scores, winners, losers, offsets, weights, v }
    }

    fn games(&self) -> Comparisons<'_, T> {
        let games = Comparisons::new(&self.scores, &self.winners, &self.losers);
        games
            .and_then(|games| games.with_offsets(&self.offsets)?.with_weights(&self.weights))
            .unwrap()
    }

    fn len(&self) -> usize {
        self.winners.len()
    }

    fn sides(&self, k: usize) -> (usize, usize) {
        (self.winners[k] as usize, self.losers[k] as usize)
    }
}

fn real<T: Score>(x: T) -> Real {
    Real::new(x.widen())
}

/// Sums for so many entries, rounded.
fn rounded<T: Number>(
    entries: usize,
    pieces: usize,
    add: impl FnOnce(&mut ScoreSums<'_>),
) -> Vec<T> {
    let mut memory = vec![ScoreSum::ZERO; entries * pieces];
    let mut sums = ScoreSums::new(&mut memory, entries).unwrap();
    add(&mut sums);
    let mut out = vec![T::nan(); entries];
    sums.round_into(&mut out).unwrap();
    let mut merged = vec![T::nan(); entries];
    let first = sums.merged().to_vec();
    sums.round_into(&mut merged).unwrap();
    assert_eq!(bits(&merged), bits(&out));
    let first: Vec<T> = first.iter().map(|sum| T::narrow(sum.value())).collect();
    assert_eq!(bits(&first), bits(&out));
    out
}

/// An exact sum of terms a game, positive for the winner, with that sign for the loser.
fn dense<T: Number>(season: &Season<T>, loser: i64, term: impl Fn(usize) -> Real) -> Vec<Real> {
    let mut sums = vec![Real::zero(); season.scores.len()];
    for k in 0..season.len() {
        let ((i, j), term) = (season.sides(k), term(k));
        sums[j] = &sums[j] + &(&term * &Real::from(loser));
        sums[i] = &sums[i] + &term;
    }
    sums
}

/// Whether each is the sum, rounded once, of terms that were rounded to multiples of 2⁻⁶³.
fn close<T: Number>(computed: &[T], exact: &[Real], terms: usize, what: &str) {
    for (&computed, exact) in computed.iter().zip(exact) {
        let lost = terms as f64 * 2.0_f64.powi(-64);
        let unit = (computed.widen().abs() * T::epsilon().widen()).max(f64::MIN_POSITIVE);
        let error = (real(computed) - exact).abs().approximate();
        assert!(error <= lost + 0.501 * unit, "{what}: {computed:?} {error:e}");
    }
}

/// Gradient, diagonal and both products are the exact sums of what is reported a game.
fn sums_are_exact<T: Number>() {
    let season = Season::<T>::new(PLAYERS, 400, 5);
    let (mut g, mut h) = (vec![T::zero(); 400], vec![T::zero(); 400]);
    let games = season.games();
    games.gradients_into(Logistic, &mut g).unwrap();
    games.hessians_into(Logistic, &mut h).unwrap();
    let contrast = |k: usize| {
        let (i, j) = season.sides(k);
        real(season.v[i]) - real(season.v[j])
    };
    let gradient = dense(&season, -1, |k| real(g[k]));
    let diagonal = dense(&season, 1, |k| real(h[k]));
    // Products have terms that are rounded.
    let nearest = |x: Real| real(x.nearest::<T>().unwrap());
    let slack = |k: usize, square: bool| {
        let x = if square { &real(g[k]) * &real(g[k]) } else { real(h[k]) };
        nearest(&x * &contrast(k))
    };
    let product = dense(&season, -1, |k| slack(k, false));
    let residual = dense(&season, -1, |k| slack(k, true));
    for level in Level::available() {
        let games = games.with_level(level);
        for pieces in [1, 2, 3] {
            let got = rounded::<T>(PLAYERS, pieces, |sums| {
                let loss = games.loss_and_gradient_sums(Logistic, Reduction::Sum, sums).unwrap();
                assert_eq!(loss, games.loss(Logistic, Reduction::Sum).unwrap());
            });
            close(&got, &gradient, 400, "gradient");
            let got = rounded::<T>(PLAYERS, pieces, |sums| {
                games.add_hessian_diagonal_to_sums(Logistic, sums).unwrap();
            });
            close(&got, &diagonal, 400, "diagonal");
        }
        let v = &season.v;
        let got = rounded::<T>(PLAYERS, 1, |sums| {
            games.add_hessian_vector_product_to_sums(Logistic, v, sums).unwrap();
        });
        // Each term within one unit instead of a half.
        let bound = |i: usize, terms: &dyn Fn(usize) -> f64| -> f64 {
            let of = |k: &usize| season.sides(*k).0 == i || season.sides(*k).1 == i;
            (0..400).filter(of).map(|k| terms(k).abs()).sum::<f64>() * T::epsilon().widen()
        };
        for (i, (&got, exact)) in got.iter().zip(&product).enumerate() {
            let error = (real(got) - exact).abs().approximate();
            let size = |k: usize| h[k].widen() * contrast(k).approximate();
            assert!(error <= 0.5 * bound(i, &size), "product {i}: {error:e}");
        }
        let got = rounded::<T>(PLAYERS, 1, |sums| {
            games.add_score_residual_product_to_sums(Logistic, v, sums).unwrap();
        });
        for (i, (&got, exact)) in got.iter().zip(&residual).enumerate() {
            let error = (real(got) - exact).abs().approximate();
            let size = |k: usize| g[k].widen() * g[k].widen() * contrast(k).approximate();
            assert!(error <= bound(i, &size), "residual {i}: {error:e}");
        }
        // Sums in the format of the scores: within a unit an addition.
        let mut out = vec![T::nan(); PLAYERS];
        games.score_residual_product_into(Logistic, v, &mut out).unwrap();
        for (i, (&got, exact)) in out.iter().zip(&residual).enumerate() {
            let error = (real(got) - exact).abs().approximate();
            let size = |k: usize| g[k].widen() * g[k].widen() * contrast(k).approximate();
            assert!(error <= 80.0 * bound(i, &size), "residual {i}: {error:e}");
        }
    }
}

#[test]
fn sums_are_exact_in_both_formats() {
    sums_are_exact::<f32>();
    sums_are_exact::<f64>();
}

/// One game: what reaches the entries is the truth within one unit, products with v included.
fn terms_are_within_one_unit<T: Number>() {
    let mut random = SplitMix64::new(8);
    let mut worst = [0.0_f64; 4];
    for _ in 0..3000 {
        let scores = [0, 1].map(|_| T::of(random.uniform(-6.0, 6.0)));
        let v = [0, 1].map(|_| T::of(random.uniform(-2.0, 2.0)));
        let games = Comparisons::new(&scores, &[0], &[1]).unwrap();
        let jet = reference::pair(
            Loss::Logistic,
            &Options::default(),
            scores[0].widen(),
            scores[1].widen(),
        )
        .unwrap();
        let contrast = real(v[0]) - real(v[1]);
        let mut out = [[T::nan(); 2]; 4];
        games.loss_and_gradient(Logistic, Reduction::Sum, &mut out[0]).unwrap();
        games.hessian_diagonal_into(Logistic, &mut out[1]).unwrap();
        games.hessian_vector_product_into(Logistic, &v, &mut out[2]).unwrap();
        let mut h = [T::nan()];
        games.hessians_into(Logistic, &mut h).unwrap();
        let products = [&jet.grad * &Real::one(), &jet.hess * &Real::one(), real(h[0]) * contrast];
        for ((worst, out), exact) in worst.iter_mut().zip(out).zip(&products) {
            *worst = worst.max(ulp::error(out[0], exact));
        }
        assert_eq!(out[0][1], -out[0][0]);
        assert_eq!(out[1][1], out[1][0]);
        assert_eq!(out[2][1], -out[2][0]);
    }
    assert!(worst.iter().all(|&error| error <= 1.0), "{worst:?}");
    assert!(worst[2] > 0.45, "{worst:?}");
}

#[test]
fn terms_are_within_one_unit_in_both_formats() {
    terms_are_within_one_unit::<f32>();
    terms_are_within_one_unit::<f64>();
}

/// Gradients and products sum to 0: exactly, before they are rounded; a constant vector is in the kernel of the
/// Hessian.
#[test]
fn sums_over_entries_vanish() {
    fn check<T: Number>() {
        let season = Season::<T>::new(PLAYERS, 700, 9);
        let games = season.games();
        let mut memory = [ScoreSum::ZERO; PLAYERS];
        let mut vanish = |add: &dyn Fn(&mut ScoreSums<'_>), all: bool| {
            let mut sums = ScoreSums::new(&mut memory, PLAYERS).unwrap();
            sums.clear();
            add(&mut sums);
            let whole = memory.iter().fold(ScoreSum::ZERO, |sum, &x| sum + x);
            assert_eq!(whole, ScoreSum::ZERO);
            assert_eq!(memory.iter().all(|&sum| sum == ScoreSum::ZERO), all);
        };
        vanish(
            &|sums| {
                games.loss_and_gradient_sums(Logistic, Reduction::Mean, sums).unwrap();
            },
            false,
        );
        let product = |v: &[T], sums: &mut ScoreSums<'_>| {
            games.add_hessian_vector_product_to_sums(Logistic, v, sums).unwrap();
        };
        vanish(&|sums| product(&season.v, sums), false);
        for constant in [1.0, -3.7, 1e30] {
            vanish(&|sums| product(&[T::of(constant); PLAYERS], sums), true);
        }
        // In the format of the scores: half a unit of the partial sums at each of 1400 additions.
        let mut gradient = [T::zero(); PLAYERS];
        games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient).unwrap();
        let (mut whole, mut size) = (Real::zero(), 0.0);
        for &x in &gradient {
            whole = whole + real(x);
            size += x.widen().abs();
        }
        let mut g = vec![T::zero(); 700];
        games.gradients_into(Logistic, &mut g).unwrap();
        let largest: f64 = g.iter().map(|x| x.widen().abs()).sum::<f64>().max(size);
        assert!(whole.abs().approximate() <= 0.5 * 1400.0 * T::epsilon().widen() * largest);
    }
    check::<f32>();
    check::<f64>();
}

/// All in one pass: the bits of the verbs that do one thing, and of their sums.
#[test]
fn fused_is_apart() {
    fn check<T: Number>() {
        for len in [0, 1, 33, 4096, 4097, 3 * 4096 + 17] {
            let season = Season::<T>::new(PLAYERS, len, 13);
            let games = season.games();
            let (mut g, mut d) = ([T::nan(); PLAYERS], [T::nan(); PLAYERS]);
            let (mut gradient, mut diagonal) = (g, d);
            let how = Reduction::Over(3.0);
            let loss = games.loss_gradient_and_diagonal(Logistic, how, &mut g, &mut d).unwrap();
            let expected = games.loss_and_gradient(Logistic, how, &mut gradient).unwrap();
            games.hessian_diagonal_into(Logistic, &mut diagonal).unwrap();
            assert_eq!(loss.to_bits(), expected.to_bits(), "{len}");
            assert_eq!((bits(&g), bits(&d)), (bits(&gradient), bits(&diagonal)), "{len}");
            for pieces in [1, 2, 5] {
                let sums = || vec![ScoreSum::ZERO; pieces * PLAYERS];
                let (mut a, mut b, mut c) = (sums(), sums(), sums());
                let of = |memory| ScoreSums::new(memory, PLAYERS).unwrap();
                let (mut a, mut b, mut c) = (of(&mut a), of(&mut b), of(&mut c));
                let fused = games.loss_gradient_and_diagonal_sums(Logistic, how, &mut a, &mut b);
                assert_eq!(fused.unwrap().to_bits(), loss.to_bits());
                let apart = games.loss_and_gradient_sums(Logistic, how, &mut c).unwrap();
                assert_eq!(apart.to_bits(), loss.to_bits());
                assert_eq!(a.merged(), c.merged());
                c.clear();
                games.add_hessian_diagonal_to_sums(Logistic, &mut c).unwrap();
                assert_eq!(b.merged(), c.merged());
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

/// A file that comes in chunks, and ranks that share it: the integers of the whole.
#[test]
fn chunks_are_the_whole() {
    fn check<T: Number>() {
        const LEN: usize = 2 * 4096 + 777;
        let season = Season::<T>::new(PLAYERS, LEN, 17);
        let n = season.weights.iter().filter(|&&w| w > T::zero()).count() as f64;
        let add = |rows: std::ops::Range<usize>, how: Reduction, sums: &mut ScoreSums<'_>| {
            let games = Comparisons::new(
                &season.scores,
                &season.winners[rows.clone()],
                &season.losers[rows.clone()],
            );
            let games = games.and_then(|games| {
                games
                    .with_offsets(&season.offsets[rows.clone()])?
                    .with_weights(&season.weights[rows])
            });
            games.unwrap().add_gradient_to_sums(Logistic, how, sums).unwrap()
        };
        let mut whole = [ScoreSum::ZERO; PLAYERS];
        let mut sums = ScoreSums::new(&mut whole, PLAYERS).unwrap();
        let total = add(0..LEN, Reduction::Mean, &mut sums);
        assert_eq!(total, season.games().total(Logistic));
        let mut expected = [T::zero(); PLAYERS];
        sums.round_into(&mut expected).unwrap();

        let mut random = SplitMix64::new(3);
        let mut cuts: Vec<usize> = (0..9).map(|_| random.below(LEN as u64) as usize).collect();
        cuts.extend([0, LEN]);
        cuts.sort_unstable();
        // Three ranks, each with every third chunk, last first.
        let (mut limbs, mut all) = (vec![[0_i64; ScoreSum::LIMBS]; PLAYERS], Total::default());
        for rank in 0..3 {
            let mut memory = [ScoreSum::ZERO; 2 * PLAYERS];
            let mut sums = ScoreSums::new(&mut memory, PLAYERS).unwrap();
            for rows in cuts.windows(2).skip(rank).step_by(3).rev() {
                all += add(rows[0]..rows[1], Reduction::Over(n), &mut sums);
            }
            for (limbs, sum) in limbs.iter_mut().zip(sums.merged()) {
                limbs.iter_mut().zip(sum.to_limbs()).for_each(|(a, b)| *a += b);
            }
        }
        let merged: Vec<ScoreSum> = limbs.into_iter().map(ScoreSum::from_limbs).collect();
        assert_eq!((merged.as_slice(), all), (whole.as_slice(), total));
        // Merged into sums that are there.
        let mut twice = [ScoreSum::ZERO; PLAYERS];
        let mut sums = ScoreSums::new(&mut twice, PLAYERS).unwrap();
        sums.merge(&merged).unwrap();
        let mut gradient = [T::zero(); PLAYERS];
        sums.round_into(&mut gradient).unwrap();
        assert_eq!(bits(&gradient), bits(&expected));
    }
    check::<f32>();
    check::<f64>();
}

/// A NaN, an infinity or a huge gradient spoils the two entries that it belongs to, in sums as well.
#[test]
fn what_is_no_number_spoils_two_entries() {
    let mut season = Season::<f64>::new(PLAYERS, 300, 19);
    let (i, j) = season.sides(100);
    for (offset, weight) in [(f64::NAN, 1.0), (-1e300, 1e30), (f64::NAN, 0.0)] {
        season.offsets[100] = offset;
        season.weights[100] = weight;
        let got = rounded::<f64>(PLAYERS, 2, |sums| {
            season.games().loss_and_gradient_sums(Logistic, Reduction::Sum, sums).unwrap();
        });
        for (entry, x) in got.iter().enumerate() {
            let spoiled = weight > 0.0 && (entry == i || entry == j);
            assert_eq!(x.is_nan(), spoiled, "{entry} {x}");
            assert!(!x.is_nan() || x.to_bits() == f64::NAN.to_bits());
        }
    }
}

/// Positions of every format say the same.
#[test]
fn indices_of_every_format() {
    fn check<I: Index>(season: &Season<f32>, number: impl Fn(u32) -> I) -> (Vec<u64>, u64) {
        let of = |x: &[u32]| -> Vec<I> { x.iter().map(|&x| number(x)).collect() };
        let (winners, losers) = (of(&season.winners), of(&season.losers));
        let games = Comparisons::new(&season.scores, &winners, &losers).unwrap();
        let (mut gradient, mut product) = ([f32::NAN; PLAYERS], [f32::NAN; PLAYERS]);
        let loss = games.loss_and_gradient(Logistic, Reduction::Sum, &mut gradient).unwrap();
        games.hessian_vector_product_into(Logistic, &season.v, &mut product).unwrap();
        let sums = rounded::<f32>(PLAYERS, 1, |sums| {
            games.loss_and_gradient_sums(Logistic, Reduction::Sum, sums).unwrap();
        });
        ([bits(&gradient), bits(&product), bits(&sums)].concat(), loss.to_bits())
    }
    let season = Season::<f32>::new(PLAYERS, 321, 23);
    let expected = check(&season, |x| x);
    assert_eq!(check(&season, |x| x as usize), expected);
    assert_eq!(check(&season, |x| x as i32), expected);
    assert_eq!(check(&season, i64::from), expected);
}

/// Counts are the comparisons that they count. Powers of two of equal comparisons, and weights that are sums of such,
/// meet no rounding on the way, so that the sums are equal as integers.
#[test]
fn counts_are_comparisons() {
    let scores = [0.25_f32, -0.5, 1.0, 0.125];
    let (first, second) = ([0_usize, 0, 1, 3], [1_usize, 2, 2, 1]);
    let (first_wins, second_wins) = ([4.0_f32, 1.0, 0.0, 2.0], [8.0_f32, 0.0, 2.0, 16.0]);
    let offsets = [0.5_f32, -0.25, 0.0, 1.5];
    let counts = Counts::new(&scores, &first, &second, &first_wins, &second_wins)
        .and_then(|counts| counts.with_offsets(&offsets))
        .unwrap();
    let (mut winners, mut losers, mut advantages) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..4 {
        for _ in 0..first_wins[k] as usize {
            winners.push(first[k]);
            losers.push(second[k]);
            advantages.push(offsets[k]);
        }
        for _ in 0..second_wins[k] as usize {
            winners.push(second[k]);
            losers.push(first[k]);
            advantages.push(-offsets[k]);
        }
    }
    let games = Comparisons::new(&scores, &winners, &losers)
        .and_then(|games| games.with_offsets(&advantages))
        .unwrap();

    let mut memory = [[ScoreSum::ZERO; 4]; 2];
    let [mut of_counts, mut of_games] =
        memory.each_mut().map(|memory| ScoreSums::new(memory, 4).unwrap());
    let mut total = Total::default();
    for side in counts.sides() {
        total += side.add_gradient_to_sums(Logistic, Reduction::Sum, &mut of_counts).unwrap();
    }
    let expected = games.add_gradient_to_sums(Logistic, Reduction::Sum, &mut of_games).unwrap();
    assert_eq!(of_counts.merged(), of_games.merged());
    assert_eq!((total.sum(), counts.total(Logistic).sum()), (expected.sum(), expected.sum()));
    assert_eq!(total.weighted_mean(), expected.mean());

    // In the format of the scores, to the rounding of at most 33 terms.
    let (mut a, mut b) = ([f32::NAN; 4], [f32::NAN; 4]);
    let close = |a: &[f32], b: &[f32]| {
        for (a, b) in a.iter().zip(b) {
            approx::assert_relative_eq!(a, b, max_relative = 1e-5, epsilon = 1e-6);
        }
    };
    for (how, same) in [
        (Reduction::Sum, Reduction::Sum),
        (Reduction::WeightedMean, Reduction::Mean),
        (Reduction::Mean, Reduction::Over(6.0)), // sides with a count
    ] {
        let loss = counts.loss_and_gradient(Logistic, how, &mut a).unwrap();
        let expected = games.loss_and_gradient(Logistic, same, &mut b).unwrap();
        approx::assert_relative_eq!(loss, expected, max_relative = 1e-11);
        assert_eq!(loss, counts.loss(Logistic, how).unwrap());
        close(&a, &b);
    }
    counts.hessian_diagonal_into(Logistic, &mut a).unwrap();
    games.hessian_diagonal_into(Logistic, &mut b).unwrap();
    close(&a, &b);
    let v = [1.0, -2.0, 0.5, 3.0];
    counts.hessian_vector_product_into(Logistic, &v, &mut a).unwrap();
    games.hessian_vector_product_into(Logistic, &v, &mut b).unwrap();
    close(&a, &b);
    assert_eq!((counts.len(), counts.is_empty()), (4, false));
    for level in Level::available() {
        assert_eq!(counts.with_level(level).total(Logistic), counts.total(Logistic));
    }
}

/// By the definition; and undefeated entries have finite scores.
#[test]
fn a_prior_is_that_of_its_definition() {
    let scores = [0.5_f64, -1.25, 3.0];
    let prior = GaussianPrior::new(4.0).unwrap();
    assert_eq!(prior.value(&scores), (0.25 + 1.5625 + 9.0) / 8.0);
    let (mut gradient, mut diagonal, mut product) = ([1.0; 3], [2.0; 3], [0.5; 3]);
    prior.add_gradient(&scores, &mut gradient).unwrap();
    prior.add_hessian_diagonal(&mut diagonal);
    prior.add_hessian_vector_product(&[4.0, 8.0, -2.0], &mut product).unwrap();
    assert_eq!(gradient, [1.125, 0.6875, 1.75]);
    assert_eq!(diagonal, [2.25; 3]);
    assert_eq!(product, [1.5, 2.5, 0.0]);
    assert_eq!(prior.value(&[f32::INFINITY]), f64::INFINITY);
    assert!(prior.value(&[f32::NAN]).is_nan());
    // 0.1 + … many times: no drift.
    let many = vec![0.1_f32; 1_000_000];
    let exact = 1e6 * f64::from(0.1_f32) * f64::from(0.1_f32) / 6.0;
    let value = GaussianPrior::new(3.0).unwrap().value(&many);
    assert!((value - exact).abs() <= 4.0 * f64::EPSILON * exact, "{value} {exact}");
}

/// Newton's method by conjugate gradients: the products are those of the derivative of the gradient.
#[test]
fn products_are_derivatives_of_gradients() {
    let season = Season::<f64>::new(PLAYERS, 200, 29);
    let at = |step: f64| -> Vec<f64> {
        let moved: Vec<f64> =
            season.scores.iter().zip(&season.v).map(|(s, v)| s + step * v).collect();
        let moved = Season { scores: moved, ..Season::new(PLAYERS, 200, 29) };
        let mut gradient = vec![0.0; PLAYERS];
        moved.games().loss_and_gradient(Logistic, Reduction::Sum, &mut gradient).unwrap();
        gradient
    };
    let step = 1e-5;
    let mut product = [0.0; PLAYERS];
    season.games().hessian_vector_product_into(Logistic, &season.v, &mut product).unwrap();
    for ((up, down), product) in at(step).into_iter().zip(at(-step)).zip(product) {
        let difference = (up - down) / (2.0 * step);
        // Third derivatives times step², and rounding over step.
        assert!((difference - product).abs() < 1e-7, "{difference} {product}");
    }
}

#[test]
fn an_empty_vector_of_scores() -> Result<(), Error> {
    let games = Comparisons::<f32>::new::<u32>(&[], &[], &[])?;
    let mut sums = ScoreSums::new(&mut [], 0)?;
    assert_eq!(games.loss_and_gradient_sums(Logistic, Reduction::Sum, &mut sums)?, 0.0);
    assert!(games.add_gradient_to_sums(Logistic, Reduction::Sum, &mut sums)?.is_empty());
    sums.round_into::<f32>(&mut [])?;
    assert!(sums.merged().is_empty());
    Ok(())
}

/// Games from files, in chunks of any size, with accumulators for any number of threads: the ratings of games in
/// memory, to the last bit; and the gradient there is 0.
#[test]
fn a_streamed_fit_is_that_in_memory() {
    const PLAYERS: usize = 30;
    const GAMES: usize = 5000;
    let folder = tempfile::tempdir().unwrap();
    let Source::Memory(winners, losers) = random(PLAYERS, GAMES) else { panic!("not in memory") };
    let paths = ["winners", "losers"].map(|name| folder.path().join(name));
    for (path, numbers) in paths.iter().zip([&winners, &losers]) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        std::fs::write(path, bytes).unwrap();
    }
    let fit = |source, threads| {
        let mut model = Model::new(source, PLAYERS, 4.0, threads).unwrap();
        let mut passes = 0;
        let fit = maximise(&mut model, 1e-9, |_| passes += 1).unwrap();
        assert!(model.games_seen == GAMES as u64 && passes >= fit.steps);
        (bits(&fit.scores), fit.loss.to_bits())
    };
    let expected = fit(Source::Memory(winners.clone(), losers.clone()), 1);
    for (chunk, threads) in [(GAMES, 2), (997, 3), (4096, 2)] {
        assert!(fit(Source::Files(paths.clone(), chunk), threads) == expected, "{chunk}");
    }
    // s/4 + Σ (n·p − w) = 0, in plain arithmetic.
    let scores: Vec<f64> = expected.0.iter().map(|&x| f64::from_bits(x)).collect();
    let mut slopes: Vec<f64> = scores.iter().map(|s| s / 4.0).collect();
    for (&i, &j) in winners.iter().zip(&losers) {
        let (i, j) = (i as usize, j as usize);
        let surprise = 1.0 / (1.0 + (scores[i] - scores[j]).exp());
        slopes[i] -= surprise;
        slopes[j] += surprise;
    }
    assert!(slopes.iter().all(|slope| slope.abs() < 2e-9), "{slopes:?}");
    // Half a number at the end.
    std::fs::write(&paths[0], [0; 7]).unwrap();
    let mut model = Model::new(Source::Files(paths, 10), PLAYERS, 4.0, 1).unwrap();
    let error = model.at(&scores).err().unwrap().to_string();
    assert_eq!(error, "a file of games ends within a number");
}
