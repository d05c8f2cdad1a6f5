//! Strengths: likelihood, gradient and steps against the definitions.

use pairwise_loss::{Comparisons, Error, Logistic, Reduction, Strengths};
use reference::Real;
use reference::random::SplitMix64;

const PLAYERS: usize = 6;

/// Strengths of very different size, and who beat whom how often.
struct Season {
    strengths: Vec<f64>,
    winners: Vec<u32>,
    losers: Vec<u32>,
    counts: Vec<f64>,
}

impl Season {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let strengths = (0..PLAYERS).map(|_| random.log_uniform(-8.0, 8.0).abs()).collect();
        let (mut winners, mut losers, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..PLAYERS as u32 {
            for j in (0..PLAYERS as u32).filter(|&j| j != i) {
                winners.push(i);
                losers.push(j);
                counts.push(random.below(5) as f64 + f64::from(j == (i + 1) % PLAYERS as u32));
            }
        }
        Self { strengths, winners, losers, counts }
    }

    fn games(&self) -> Strengths<'_, f64> {
        let games = Strengths::new(&self.strengths, &self.winners, &self.losers).unwrap();
        games.with_weights(&self.counts).unwrap()
    }

    /// w and the strengths of both sides, in the order of the comparisons.
    fn rows(&self) -> impl Iterator<Item = (usize, usize, Real, Real, Real)> {
        (0..self.counts.len()).map(|k| {
            let (i, j) = (self.winners[k] as usize, self.losers[k] as usize);
            let real = |x: f64| Real::new(x);
            (i, j, real(self.counts[k]), real(self.strengths[i]), real(self.strengths[j]))
        })
    }
}

const BITS: u32 = 200;

fn close(computed: f64, exact: &Real, relative: f64) {
    let error = (Real::new(computed) - exact).approximate().abs();
    assert!(error <= relative * exact.approximate().abs(), "{computed} {exact:?}: {error:e}");
}

#[test]
fn likelihood_is_that_of_its_definition() {
    for seed in 0..20 {
        let season = Season::new(seed);
        let mut exact = Real::zero();
        for (.., w, a, b) in season.rows() {
            exact = exact + w * a.divide(&(&a + &b), BITS).ln(BITS);
        }
        close(season.games().log_likelihood(), &exact, 1e-15);
    }
    // Ratios that no f64 holds.
    let games = Strengths::new(&[1e-300, 1e300], &[0], &[1]).unwrap();
    close(games.log_likelihood(), &(Real::new(1e-300).ln(BITS) - Real::new(1e300).ln(BITS)), 1e-15);
    let games = Strengths::new(&[1e-300, 1e300], &[1], &[0]).unwrap();
    assert_eq!(games.log_likelihood(), 0.0);
    assert_eq!(Strengths::<f64>::new(&[], &[], &[]).unwrap().log_likelihood(), 0.0);
}

#[test]
fn gradient_is_observed_less_expected_wins() {
    for seed in 0..20 {
        let season = Season::new(seed);
        let mut exact: Vec<Real> = vec![Real::zero(); PLAYERS];
        let mut size = [0.0; PLAYERS];
        for (i, j, w, a, b) in season.rows() {
            let surprise = &w * &b.divide(&(&a + &b), BITS);
            size[i] += surprise.approximate();
            size[j] += surprise.approximate();
            exact[i] = &exact[i] + &surprise;
            exact[j] = &exact[j] - &surprise;
        }
        let mut gradient = [0.0; PLAYERS];
        season.games().log_gradient_into(&mut gradient).unwrap();
        for i in 0..PLAYERS {
            let error = (Real::new(gradient[i]) - &exact[i]).approximate().abs();
            assert!(error <= 1e-15 * size[i], "{} {:?}", gradient[i], exact[i]);
        }
        // The negated gradient of the loss in the scores.
        let scores: Vec<f64> = season.strengths.iter().map(|s| s.ln()).collect();
        let mut loss = [0.0; PLAYERS];
        Comparisons::new(&scores, &season.winners, &season.losers)
            .and_then(|c| c.with_weights(&season.counts))
            .and_then(|c| c.loss_and_gradient(Logistic, Reduction::Sum, &mut loss))
            .unwrap();
        for i in 0..PLAYERS {
            assert!((gradient[i] + loss[i]).abs() <= 1e-13 * size[i].max(1.0));
        }
    }
}

#[test]
fn steps_are_those_of_the_papers() {
    for seed in 0..20 {
        let season = Season::new(seed);
        let zeros = || vec![Real::zero(); PLAYERS];
        // Hunter: Σ w / Σ n/(πᵢ + πⱼ). Newman: Σ wᵢⱼ·πⱼ/(πᵢ + πⱼ) / Σ wⱼᵢ/(πᵢ + πⱼ).
        let (mut wins, mut rates, mut above, mut below) = (zeros(), zeros(), zeros(), zeros());
        for (i, j, w, a, b) in season.rows() {
            let rate = w.divide(&(&a + &b), BITS);
            wins[i] = &wins[i] + &w;
            rates[i] = &rates[i] + &rate;
            rates[j] = &rates[j] + &rate;
            above[i] = &above[i] + &(&rate * &b);
            below[j] = &below[j] + &rate;
        }
        let games = season.games();
        let (mut counted, mut at_once) = ([0.0; PLAYERS], [0.0; PLAYERS]);
        games.wins_into(&mut counted).unwrap();
        games.mm_step_into(&counted, &mut at_once).unwrap();
        for i in 0..PLAYERS {
            assert_eq!(counted[i], wins[i].approximate());
            let hunter = wins[i].divide(&rates[i], BITS);
            close(at_once[i], &hunter, 2e-15);
            close(games.mm_step(i as u32).unwrap(), &hunter, 2e-15);
            let newman = above[i].divide(&below[i], BITS);
            close(games.newman_step(i as u32).unwrap(), &newman, 2e-15);
        }
        // A factor of all strengths comes out again, where sums of them would overflow.
        let large: Vec<f64> = season.strengths.iter().map(|s| s * 2f64.powi(1014)).collect();
        let scaled = Season { strengths: large, ..Season::new(seed) };
        for i in 0..PLAYERS as u32 {
            assert_eq!(
                scaled.games().newman_step(i).unwrap(),
                games.newman_step(i).unwrap() * 2f64.powi(1014)
            );
        }
    }
}

#[test]
fn an_entry_needs_only_its_own_comparisons() {
    let season = Season::new(3);
    for entry in 0..PLAYERS as u32 {
        let own = |k: &usize| season.winners[*k] == entry || season.losers[*k] == entry;
        let kept: Vec<usize> = (0..season.counts.len()).filter(own).collect();
        let winners: Vec<u32> = kept.iter().map(|&k| season.winners[k]).collect();
        let losers: Vec<u32> = kept.iter().map(|&k| season.losers[k]).collect();
        let counts: Vec<f64> = kept.iter().map(|&k| season.counts[k]).collect();
        let part = Strengths::new(&season.strengths, &winners, &losers).unwrap();
        let part = part.with_weights(&counts).unwrap();
        assert_eq!(part.newman_step(entry), season.games().newman_step(entry));
        assert_eq!(part.mm_step(entry), season.games().mm_step(entry));
    }
}

#[test]
fn an_entry_without_comparisons_keeps_its_strength() {
    let games = Strengths::new(&[1.0_f32, 2.0, f32::NAN], &[0, 1], &[1, 0]).unwrap();
    let mut out = [0.0; 3];
    games.mm_step_into(&[1.0, 1.0, 0.0], &mut out).unwrap();
    // π·(wins)/(expected wins): 1/(2·⅓), 2/(2·⅔)
    assert_eq!(out[..2], [1.5, 1.5]);
    assert!(out[2].is_nan());
    let mut gradient = [9.0; 3];
    games.log_gradient_into(&mut gradient).unwrap();
    assert_eq!(gradient, [1.0_f32 / 3.0, -1.0 / 3.0, 0.0]);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_outputs_alone() {
    let domain = "finite and > 0";
    for value in [0.0, -1.0, f64::INFINITY] {
        assert_eq!(
            Strengths::new(&[1.0, value], &[0], &[1]).unwrap_err(),
            Error::InvalidElement { name: "strengths", position: 1, value, domain }
        );
    }
    assert!(Strengths::new(&[1.0, f64::NAN], &[0], &[1]).is_err());
    assert_eq!(
        Strengths::new(&[1.0, 2.0], &[0], &[0]).unwrap_err(),
        Error::SelfComparison { position: 0, index: 0 }
    );
    assert_eq!(
        Strengths::new(&[1.0, 2.0], &[0], &[2]).unwrap_err(),
        Error::IndexOutOfRange { name: "losers", position: 0, index: 2, len: 2 }
    );
    let games = Strengths::new(&[1.0, 2.0, 3.0], &[0, 1], &[1, 2]).unwrap();
    assert!(games.with_weights(&[1.0]).is_err() && games.with_weights(&[1.0, -1.0]).is_err());

    let nobody =
        |name, position| Error::InvalidElement { name, position, value: 0.0, domain: "> 0" };
    assert_eq!(games.mm_step(2), Err(nobody("wins", 2)));
    assert_eq!(games.newman_step(2), Err(nobody("wins", 2)));
    assert_eq!(games.newman_step(0), Err(nobody("losses", 0)));
    assert!(games.newman_step(1).is_ok() && games.mm_step(0).is_ok());
    let missing = Error::IndexOutOfRange { name: "entry", position: 0, index: 3, len: 3 };
    assert_eq!(games.mm_step(3), Err(missing.clone()));
    assert_eq!(games.newman_step(3), Err(missing));

    let mut out = [7.0; 3];
    assert_eq!(games.mm_step_into(&[1.0, 1.0, 0.0], &mut out), Err(nobody("wins", 2)));
    assert!(games.mm_step_into(&[1.0; 2], &mut out).is_err());
    assert!(games.log_gradient_into(&mut out[..2]).is_err());
    assert!(games.wins_into(&mut out[..2]).is_err());
    assert_eq!(out, [7.0; 3]);
}
