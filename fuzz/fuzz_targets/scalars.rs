//! Functions of one number and of one pair, the parameters of losses, strengths and priors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pairwise_loss::{
    Centering, Davidson, Error, Exponential, GaussianPrior, Hinge, Ipo, Jet, Level, Logistic,
    PairLoss, RaoKupper, RewardTrainer, RobustLogistic, SquaredHinge, Strengths, TieProbabilities,
    Tuned, log_sigmoid, log_sigmoid_into, log_win_probability, logit, sigmoid, sigmoid_into,
    softplus, softplus_into, win_probability, win_probability_from_strengths,
};
use pairwise_loss_fuzz::{
    Number, Source, assert_canonical, assert_same, canonical, in_a_format, negated, write,
};

fuzz_target!(|data: &[u8]| in_a_format!(run, &mut Source::new(data)));

fn run<T: Number>(source: &mut Source) {
    match source.below(8) {
        0..3 => functions::<T>(source),
        3 => slices::<T>(source),
        4 | 5 => losses::<T>(source),
        6 => strengths::<T>(source),
        _ => prior::<T>(source),
    }
}

/// The next number of the format that is not smaller.
fn next<T: Number>(x: T) -> T {
    if x == T::infinity() || x.is_nan() {
        return x;
    }
    let bits = x.bits();
    match x.is_sign_positive() || x == T::zero() {
        true if x == T::zero() => T::of_bits(1),
        true => T::of_bits(bits + 1),
        false => T::of_bits(bits - 1),
    }
}

fn functions<T: Number>(source: &mut Source) {
    let (a, b) = (source.number::<T>(), source.number::<T>());
    let (zero, one) = (T::zero(), T::one());
    let probabilities = [sigmoid(a), win_probability(a, b), win_probability_from_strengths(a, b)];
    let others = [log_sigmoid(a), softplus(a), logit(a), log_win_probability(a, b)];
    assert_canonical(&probabilities);
    assert_canonical(&others);
    assert!(probabilities.iter().all(|&p| p.is_nan() || (zero <= p && p <= one)));

    // Where it is NaN.
    for x in [sigmoid(a), log_sigmoid(a), softplus(a)] {
        assert_eq!(x.is_nan(), a.is_nan());
    }
    assert_eq!(logit(a).is_nan(), !(zero <= a && a <= one));
    let undetermined = a.is_nan() || b.is_nan() || (a == b && a.is_infinite());
    assert_eq!(win_probability(a, b).is_nan(), undetermined);
    assert_eq!(log_win_probability(a, b).is_nan(), undetermined);
    let valid = a >= zero && b >= zero && (a + b > zero) && !(a.is_infinite() && b.is_infinite());
    assert_eq!(win_probability_from_strengths(a, b).is_nan(), !valid);

    // One function in several guises.
    assert_same(&[log_sigmoid(a)], &[negated(softplus(negated(a)))], "log σ(x) = −S(−x)");
    assert_same(&[win_probability(a, zero)], &[sigmoid(a)], "σ(x − 0)");
    assert_same(&[win_probability(zero, b)], &[sigmoid(negated(b))], "σ(0 − x)");
    assert_same(&[log_win_probability(a, zero)], &[log_sigmoid(a)], "log σ(x − 0)");

    // Rounded monotone functions are nearly monotone: no step down of more than a unit.
    for f in [sigmoid::<T>, log_sigmoid, softplus] {
        let (here, there) = (f(a), f(next(a)));
        assert!(here.is_nan() || there >= here || next(there) >= here, "{a:?}");
    }
    if a.is_finite() && b.is_finite() && a == b {
        assert!(win_probability(a, b) == T::of(0.5));
    }
}

fn slices<T: Number>(source: &mut Source) {
    let len = source.len();
    let (x, mut out): (Vec<T>, Vec<T>) = (source.column(len), source.output(len));
    type Into<T> = (fn(&[T], &mut [T]) -> Result<(), Error>, fn(T) -> T);
    type At<T> = fn(Level, &[T], &mut [T]) -> Result<(), Error>;
    let functions: [(Into<T>, At<T>); 3] = [
        ((sigmoid_into, sigmoid), Level::sigmoid_into),
        ((log_sigmoid_into, log_sigmoid), Level::log_sigmoid_into),
        ((softplus_into, softplus), Level::softplus_into),
    ];
    let ((into, scalar), at) = functions[source.below(3)];
    let expected: Vec<T> = x.iter().map(|&x| scalar(x)).collect();
    let fits = out.len() == len;
    let done = write(&mut out, |out| into(&x, out)).is_some();
    assert_eq!(done, fits);
    if done {
        assert_same(&out, &expected, "a slice");
        for level in Level::available() {
            at(level, &x, &mut out).expect("lengths");
            assert_same(&out, &expected, level);
        }
    }
}

fn losses<T: Number>(source: &mut Source) {
    let parameter =
        if source.flag() { source.number::<f64>() } else { source.number::<f32>().into() };
    let valid = |holds: bool, made: bool| assert_eq!(holds, made, "{parameter:?}");
    match source.below(9) {
        0 => loss::<T, _>(source, Logistic),
        1 => loss::<T, _>(source, Exponential),
        2 => {
            let made = Hinge::new(parameter);
            valid(parameter.is_finite(), made.is_ok());
            made.into_iter().for_each(|made| loss::<T, _>(source, made));
        }
        3 => {
            let made = SquaredHinge::new(parameter);
            valid(parameter.is_finite(), made.is_ok());
            made.into_iter().for_each(|made| loss::<T, _>(source, made));
        }
        4 => {
            let made = Ipo::new(parameter);
            assert!(made.is_err() || (parameter > 0.0 && parameter.is_finite()));
            made.into_iter().for_each(|made| loss::<T, _>(source, made));
        }
        5 => {
            let made = RobustLogistic::new(parameter);
            valid((0.0..0.5).contains(&parameter), made.is_ok());
            made.into_iter().for_each(|made| loss::<T, _>(source, made));
        }
        6 => {
            let made = RaoKupper::new(parameter);
            assert!(made.is_err() || (parameter >= 0.0 && parameter.is_finite()));
            let Ok(made) = made else { return };
            if source.flag() {
                loss::<T, _>(source, made.win());
            } else {
                loss::<T, _>(source, made.tie());
            }
            probabilities(made.probabilities(source.number::<T>(), source.number::<T>()));
        }
        7 => {
            let made = Davidson::new(parameter);
            assert!(made.is_err() || (parameter >= 0.0 && parameter.is_finite()));
            let Ok(made) = made else { return };
            if source.flag() {
                loss::<T, _>(source, made.win());
            } else {
                loss::<T, _>(source, made.tie());
            }
            probabilities(made.probabilities(source.number::<T>(), source.number::<T>()));
        }
        _ => {
            let holds = parameter.is_finite() && parameter >= 0.0;
            valid(holds, Centering::of_sums(parameter).is_ok());
            valid(holds, Centering::of_rewards(parameter).is_ok());
            valid(holds, RewardTrainer::new().center_rewards_coefficient(parameter).is_ok());
            let tuned = Tuned::new(Logistic);
            valid(parameter.is_finite() && parameter > 0.0, tuned.scale(parameter).is_ok());
            valid(parameter.is_finite(), tuned.margin(parameter).is_ok());
            valid((0.0..=1.0).contains(&parameter), tuned.smoothing(parameter).is_ok());
        }
    }
}

fn probabilities<T: Number>(p: TieProbabilities<T>) {
    let all = [p.win, p.tie, p.loss];
    assert_canonical(&all);
    assert!(all.iter().all(|&p| p.is_nan() || (T::zero() <= p && p <= T::one())), "{p:?}");
    let nan = all.iter().filter(|p| p.is_nan()).count();
    assert!(nan == 0 || nan == 3, "{p:?}");
    let sum = p.win.wide() + p.tie.wide() + p.loss.wide();
    assert!(nan == 3 || (sum - 1.0).abs() <= 2.0 * T::epsilon().wide(), "{p:?}");
}

fn jet<T: Number>(jet: Jet<T>) -> [T; 3] {
    [jet.value, jet.grad, jet.hess]
}

fn loss<T: Number, L: PairLoss>(source: &mut Source, loss: L) {
    let (c, r) = (source.number::<T>(), source.number::<T>());
    let plain = jet(loss.eval(c, r));
    assert_canonical(&plain);
    let undetermined = c.is_nan() || r.is_nan() || (c == r && c.is_infinite());
    if undetermined {
        assert!(plain.iter().all(|x| x.is_nan()));
    }
    if c.is_finite() && r.is_finite() {
        assert!(plain.iter().all(|x| !x.is_nan()), "{plain:?} at {c:?} {r:?}");
    }
    // Every one of them is convex.
    assert!(!(plain[2] < T::zero()), "{plain:?}");
    let tuned = Tuned::new(loss);
    // A hinge at −0 is the only one whose value may be −0.
    let unsigned = |x: T| if x == T::zero() { T::zero() } else { x };
    let same = jet(tuned.eval(c, r)).map(unsigned);
    assert_same(&same, &plain.map(unsigned), "tuned to nothing");
    // Smoothing of 1 turns the pair round; of ½ it makes both sides the same.
    let flipped = jet(tuned.smoothing(1.0).expect("a share").eval(r, c));
    assert_same(
        &[flipped[0], flipped[2]].map(unsigned),
        &[plain[0], plain[2]].map(unsigned),
        "turned",
    );
    let half = tuned.smoothing(0.5).expect("a share");
    // Beside its zero the first derivative is a difference, and need not be odd to the last bit.
    let ([v, _, h], [w, _, k]) = (jet(half.eval(c, r)), jet(half.eval(r, c)));
    assert_same(&[v, h].map(unsigned), &[w, k].map(unsigned), "a tie");

    let numbers: [f64; 3] = [source.number(), source.number(), source.number()];
    let any = tuned.scale(numbers[0]).and_then(|t| t.margin(numbers[1]));
    if let Ok(any) = any.and_then(|t| t.smoothing(numbers[2])) {
        let any = jet(any.eval(c, r));
        assert_canonical(&any);
        assert!(!undetermined || any.iter().all(|x| x.is_nan()));
    }
}

fn strengths<T: Number>(source: &mut Source) {
    let (entries, games) = (1 + source.below(7), source.below(24));
    let strengths: Vec<T> = source.weights(entries).into_iter().map(canonical).collect();
    let [winners, losers] = source.positions(games, entries);
    let Ok(mut model) = Strengths::new(&strengths, &winners, &losers) else { return };
    assert!(winners.iter().chain(&losers).all(|&i| strengths[i as usize] > T::zero()));
    let weights: Vec<T> = source.weights(games);
    if source.flag() {
        match model.with_weights(&weights) {
            Err(_) => return,
            Ok(weighted) => model = weighted,
        }
    }
    assert!(model.log_likelihood() <= 0.0, "{}", model.log_likelihood());
    let mut out: Vec<T> = source.output(entries);
    let mut wins: Vec<T> = source.output(entries);
    // Weights whose sum is beyond the format make infinities, and quotients of them.
    let weight: f64 = weights.iter().map(|w| w.wide()).sum();
    let ordinary = weight < T::max_value().wide() / 4.0;
    let got = write(&mut out, |out| model.log_gradient_into(out)).is_some();
    assert_eq!(got, out.len() == entries);
    write(&mut wins, |wins| model.wins_into(wins));
    if let Some(()) = write(&mut out, |out| model.mm_step_into(&wins, out)) {
        let mut both = out.iter().zip(&strengths);
        assert!(!ordinary || both.all(|(new, old)| !new.is_nan() || old.is_nan()));
    }
    let entry = source.byte().into();
    if let Ok(x) = model.mm_step(entry) {
        assert!((entry as usize) < entries && (!ordinary || !x.is_nan()));
    }
    if let Ok(x) = model.newman_step(entry) {
        assert!((entry as usize) < entries && (!ordinary || !x.is_nan()));
    }
}

fn prior<T: Number>(source: &mut Source) {
    let variance = source.number();
    let Ok(prior) = GaussianPrior::new(variance) else { return };
    assert!(variance > 0.0);
    let len = source.below(40);
    let (scores, mut out): (Vec<T>, Vec<T>) = (source.column(len), source.output(len));
    let value = prior.value(&scores);
    assert_canonical(&[value]);
    assert!(value.is_nan() || value >= 0.0);
    let fits = out.len() == len;
    assert_eq!(write(&mut out, |out| prior.add_gradient(&scores, out)).is_some(), fits);
    assert_eq!(
        write(&mut out, |out| prior.add_hessian_vector_product(&scores, out)).is_some(),
        fits
    );
    prior.add_hessian_diagonal(&mut out);
    assert_canonical(&out);
}
