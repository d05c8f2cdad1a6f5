//! The names and meanings that other code compiles against, written out.

use pairwise_loss::{
    Comparisons, Error, Exponential, Hinge, Ipo, Jet, Level, Logistic, Metrics, PairLoss, Pairs,
    Reduction, RobustLogistic, SquaredHinge, Ties, Total, Tuned, log_sigmoid, log_sigmoid_into,
    log_win_probability, logit, sigmoid, sigmoid_into, softplus, softplus_into, win_probability,
    win_probability_from_strengths,
};

#[test]
fn scalars() {
    let x = 1.0_f32;
    let p = 0.75_f64;
    let (score_i, score_j) = (2.0_f64, 1.0);
    let (pi_i, pi_j) = (3.0_f32, 1.0);
    assert_eq!(sigmoid(x), 0.731_058_6);
    assert_eq!(log_sigmoid(x), -0.313_261_7);
    assert_eq!(softplus(x), 1.313_261_687_518_222_8_f64 as f32);
    assert_eq!(logit(p), 3.0_f64.ln());
    assert_eq!(win_probability(score_i, score_j), sigmoid(1.0_f64));
    assert_eq!(win_probability_from_strengths(pi_i, pi_j), 0.75);
    assert_eq!(log_win_probability(score_i, score_j), log_sigmoid(1.0_f64));
}

#[test]
fn slices() -> Result<(), Error> {
    let x = [-1.0_f32, 0.0, 2.0];
    let mut out = [9.0; 3];
    sigmoid_into(&x, &mut out)?;
    assert_eq!(out, x.map(sigmoid));
    log_sigmoid_into(&x, &mut out)?;
    assert_eq!(out, x.map(log_sigmoid));
    softplus_into(&x, &mut out)?;
    assert_eq!(out, x.map(softplus));
    Ok(())
}

#[test]
fn losses() -> Result<(), Error> {
    let (chosen, rejected) = (1.5_f32, 1.5);
    let Jet { value, grad, hess } = Logistic.eval(chosen, rejected);
    assert_eq!((value, grad, hess), (2.0_f32.ln(), -0.5, 0.25));

    let (margin, beta, eps): (f64, f64, f64) = (1.0, 0.5, 0.25);
    assert_eq!(Hinge::new(margin)?.eval(0.0_f64, 1.0).value, 2.0);
    assert_eq!(SquaredHinge::new(margin)?.eval(0.0_f64, 1.0).value, 4.0);
    assert_eq!(Exponential.eval(0.0_f64, 1.0).value, std::f64::consts::E);
    assert_eq!(Ipo::new(beta)?.eval(3.0_f64, 0.0).value, 4.0);
    assert_eq!(RobustLogistic::new(eps)?.eval(0.0_f64, 0.0).grad, -1.0);

    let loss = Tuned::new(Logistic).scale(0.1)?.margin(0.5)?.smoothing(0.05)?;
    // 0.1·(0.95·−σ(0) + 0.05·σ(0)) at z = m
    assert!((loss.eval(0.5_f64, 0.0).grad + 0.045).abs() < 1e-16);
    Ok(())
}

#[test]
fn a_batch() -> Result<(), Error> {
    let (chosen, rejected) = ([1.0_f32, 0.0, 5.0], [0.0_f32, 0.5, 5.0]);
    let (m, w, p) = ([0.5_f32, 0.0, 0.0], [2.0_f32, 1.0, 0.0], [1.0_f32, 0.5, 0.25]);
    let loss = Logistic;
    let mut out = [9.0_f32; 3];
    let mut d_chosen = [9.0_f32; 3];
    let mut d_rejected = [9.0_f32; 3];
    let mut h = [9.0_f32; 3];

    let pairs =
        Pairs::new(&chosen, &rejected)?.with_margins(&m)?.with_weights(&w)?.with_labels(&p)?;
    pairs.losses_into(loss, &mut out)?;
    assert_eq!(out[0], 2.0 * softplus(-0.5)); // w·S(−(c − r − m))
    assert_eq!(out[2], 0.0);
    pairs.gradients_into(loss, &mut d_chosen)?;
    assert_eq!(d_chosen[0], -2.0 * sigmoid(-0.5));
    pairs.hessians_into(loss, &mut h)?;
    assert!((h[0] - 2.0 * sigmoid(0.5) * sigmoid(-0.5)).abs() < 1e-6);
    let wide = out.map(f64::from);
    let total: Total = pairs.total(loss);
    assert_eq!((total.len(), total.total_weight(), total.sum()), (2, 3.0, wide[0] + wide[1]));
    let value: f64 = pairs.loss(loss, Reduction::Mean)?;
    assert!((value - f64::midpoint(wide[0], wide[1])).abs() < 1e-6);
    let gradients = d_chosen;
    let value: f64 =
        pairs.loss_and_gradients(loss, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    assert!((value - f64::midpoint(wide[0], wide[1])).abs() < 1e-6);
    assert_eq!(d_chosen[0], gradients[0] / 2.0);
    assert_eq!(d_rejected, d_chosen.map(|g| -g));
    let value: f64 =
        pairs.loss_and_margin_gradient(loss, Reduction::WeightedMean, &mut d_chosen)?;
    assert!((value - (wide[0] + wide[1]) / 3.0).abs() < 1e-6);
    let sum = pairs.loss(loss, Reduction::Sum)?;
    assert_eq!(pairs.loss(loss, Reduction::Over(4.0))?, sum / 4.0);
    Ok(())
}

#[test]
fn comparisons() -> Result<(), Error> {
    let scores = [1.0_f32, 0.0, -1.0];
    let (winners, losers): ([u32; 3], [u32; 3]) = ([0, 0, 1], [1, 2, 2]);
    let (w, home, p) = ([1.0_f32, 2.0, 1.0], [0.5_f32, 0.0, -0.5], [1.0_f32, 0.5, 1.0]);
    let loss = Logistic;
    let mut gradient = [9.0_f32; 3];
    let mut per_game = [9.0_f32; 3];
    let (mut d, mut hv) = ([9.0_f32; 3], [9.0_f32; 3]);
    let v = [1.0_f32; 3];

    let games = Comparisons::new(&scores, &winners, &losers)?
        .with_weights(&w)?
        .with_offsets(&home)?
        .with_labels(&p)?;
    let sum = games.loss(loss, Reduction::Sum)?;
    assert_eq!(games.loss_and_gradient(loss, Reduction::Sum, &mut gradient)?, sum);
    games.gradients_into(loss, &mut per_game)?;
    assert_eq!(gradient[0], per_game[0] + per_game[1]);
    assert_eq!(per_game[0], -sigmoid(-1.5_f32)); // s_winner − s_loser + offset
    games.hessians_into(loss, &mut per_game)?;
    games.hessian_diagonal_into(loss, &mut d)?;
    assert_eq!(d[2], per_game[1] + per_game[2]);
    games.hessian_vector_product_into(loss, &v, &mut hv)?;
    assert_eq!(hv, [0.0; 3]);
    Ok(())
}

#[test]
fn shards() -> Result<(), Error> {
    let (c, r) = ([2.0_f32, 1.0, 0.0, 3.0], [1.0_f32, 1.0, 1.0, 0.0]);
    let whole = Pairs::new(&c, &r)?;
    let total_a = Pairs::new(&c[..1], &r[..1])?.total(Logistic);
    let total_b = Pairs::new(&c[1..], &r[1..])?.total(Logistic);
    let all = total_a.merge(total_b);
    assert_eq!(all, whole.total(Logistic));
    assert_eq!(all, Total::default().merge(all.clone()));
    let sum: f64 = all.sum();
    let mean: Option<f64> = all.mean();
    assert_eq!(mean, Some(sum / 4.0));
    assert_eq!((all.weighted_mean(), all.total_weight()), (mean, 4.0));
    let len: u64 = all.len();
    assert_eq!((len, Total::default().mean()), (4, None));
    let limbs: &[i64] = all.as_limbs();
    assert_eq!(Total::from_limbs(limbs)?, all);
    // An all-reduce: element-wise integer sums.
    let twice: Vec<i64> = limbs.iter().map(|x| 2 * x).collect();
    assert_eq!(Total::from_limbs(&twice)?, all.clone().merge(all.clone()));

    let m = Metrics::of(&whole);
    assert_eq!(m.accuracy(Ties::Half), Some(2.5 / 4.0));
    assert_eq!(m.accuracy(Ties::Wrong), Some(2.0 / 4.0));
    assert_eq!(m.accuracy(Ties::Skip), Some(2.0 / 3.0));
    assert_eq!((m.mean_margin(), m.mean_reward()), (Some(3.0 / 4.0), Some(9.0 / 8.0)));
    assert_eq!((m.min_reward(), m.max_reward()), (Some(0.0), Some(3.0)));
    let other = Metrics::of(&Pairs::<f32>::new(&[], &[])?);
    assert_eq!(other.accuracy(Ties::Half), None);
    assert_eq!(m.clone().merge(other), m);
    Ok(())
}

#[test]
fn errors_and_levels() {
    fn is_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let error = Pairs::new(&[1.0_f32], &[]).expect_err("lengths differ");
    is_error(&error);
    let Error::LengthMismatch { name, len, reference, expected } = error else { panic!("{error}") };
    assert_eq!((name, len, reference, expected), ("rejected", 0, "chosen", 1));
    for level in Level::available() {
        assert_eq!(Level::named(level.name()), Some(level));
    }
    assert_eq!(Level::available().last(), Some(Level::best()));
}

/// A loss of one's own implements one method.
#[test]
fn a_loss_of_ones_own() -> Result<(), Error> {
    #[derive(Clone, Copy)]
    struct Square;
    impl PairLoss for Square {
        fn jet<W: pairwise_loss::Working>(self, z: W) -> Jet<W> {
            Jet { value: z * z, grad: z * 2.0, hess: W::constant(2.0) }
        }
    }
    fn generic<T: pairwise_loss::Score, L: PairLoss>(loss: L, c: T, r: T) -> Jet<T> {
        loss.eval(c, r)
    }
    assert_eq!(generic(Square, 3.0_f32, 1.0), Jet { value: 4.0, grad: 4.0, hess: 2.0 });
    let tuned = Tuned::new(Square).scale(0.5)?;
    assert_eq!(generic(tuned, 3.0_f64, 1.0), Jet { value: 1.0, grad: 1.0, hess: 0.5 });
    Ok(())
}
