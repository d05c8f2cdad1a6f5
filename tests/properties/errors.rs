//! Every bad argument has its own error, with its name and its numbers, and leaves the outputs as they were.

use crate::support::{Number, bits, dirty, of_bits};
use pairwise_loss::{
    Comparisons, Error, Hinge, Ipo, Level, Logistic, Pairs, Reduction, RobustLogistic,
    SquaredHinge, Tuned, log_sigmoid_into, sigmoid_into, softplus_into,
};

/// Asserts an error and that its text names what is wrong.
#[track_caller]
fn assert_error<V: std::fmt::Debug>(got: Result<V, Error>, expected: &Error, words: &[&str]) {
    let error = got.expect_err("an error");
    // NaN is not equal to itself; its text is.
    assert_eq!(format!("{error:?}"), format!("{expected:?}"));
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "\"{text}\" does not say {word}");
    }
    let as_trait: &dyn std::error::Error = &error;
    assert_eq!(as_trait.to_string(), text);
}

fn lengths(name: &'static str, len: usize, reference: &'static str, expected: usize) -> Error {
    Error::LengthMismatch { name, len, reference, expected }
}

#[track_caller]
fn assert_lengths<V: std::fmt::Debug>(
    got: Result<V, Error>,
    name: &'static str,
    len: usize,
    reference: &'static str,
    expected: usize,
) {
    let numbers = [len.to_string(), expected.to_string()];
    let words = [name, reference, &numbers[0], &numbers[1]];
    assert_error(got, &lengths(name, len, reference, expected), &words);
}

/// Calls something that must fail and must not write.
#[track_caller]
fn untouched<T: Number, V: std::fmt::Debug>(
    len: usize,
    call: impl FnOnce(&mut [T]) -> Result<V, Error>,
) -> Result<V, Error> {
    let mut out = dirty::<T>(len);
    let result = call(&mut out);
    assert!(result.is_err(), "{result:?}");
    assert_eq!(bits(&out), bits(&dirty::<T>(len)), "written to, {result:?}");
    result
}

/// The same for both outputs of the fused call.
#[track_caller]
fn untouched_pair<T: Number>(
    lens: (usize, usize),
    call: impl FnOnce(&mut [T], &mut [T]) -> Result<f64, Error>,
) -> Result<f64, Error> {
    let mut other = dirty::<T>(lens.1);
    let result = untouched(lens.0, |out| call(out, &mut other));
    assert_eq!(bits(&other), bits(&dirty::<T>(lens.1)), "written to, {result:?}");
    result
}

fn lengths_of_pairs<T: Number>() {
    let x = [T::one(); 5];
    for (chosen, rejected) in [(3, 2), (3, 4), (0, 1), (3, 0)] {
        let got = Pairs::new(&x[..chosen], &x[..rejected]);
        assert_lengths(got, "rejected", rejected, "chosen", chosen);
    }
    let pairs = Pairs::new(&x[..3], &x[..3]).expect("pairs");
    for len in [0, 2, 4] {
        assert_lengths(pairs.with_margins(&x[..len]), "margins", len, "chosen", 3);
        assert_lengths(pairs.with_weights(&x[..len]), "weights", len, "chosen", 3);
        assert_lengths(pairs.with_labels(&x[..len]), "labels", len, "chosen", 3);
        let losses = untouched::<T, _>(len, |out| pairs.losses_into(Logistic, out));
        assert_lengths(losses, "out", len, "chosen", 3);
        let gradients = untouched::<T, _>(len, |out| pairs.gradients_into(Logistic, out));
        assert_lengths(gradients, "out", len, "chosen", 3);
        let hessians = untouched::<T, _>(len, |out| pairs.hessians_into(Logistic, out));
        assert_lengths(hessians, "out", len, "chosen", 3);
        let fused = |a, b| {
            untouched_pair::<T>((a, b), |a, b| {
                pairs.loss_and_gradients(Logistic, Reduction::Mean, a, b)
            })
        };
        assert_lengths(fused(len, 3), "d_chosen", len, "chosen", 3);
        assert_lengths(fused(3, len), "d_rejected", len, "chosen", 3);
        let one = untouched::<T, _>(len, |out| {
            pairs.loss_and_margin_gradient(Logistic, Reduction::Mean, out)
        });
        assert_lengths(one, "d_chosen", len, "chosen", 3);
    }
}

fn lengths_of_functions<T: Number>() {
    let x = [T::one(); 3];
    for len in [0, 2, 4] {
        let got = untouched::<T, _>(len, |out| sigmoid_into(&x, out));
        assert_lengths(got, "out", len, "x", 3);
        let got = untouched::<T, _>(len, |out| log_sigmoid_into(&x, out));
        assert_lengths(got, "out", len, "x", 3);
        let got = untouched::<T, _>(len, |out| softplus_into(&x, out));
        assert_lengths(got, "out", len, "x", 3);
        for level in Level::available() {
            let got = untouched::<T, _>(len, |out| level.softplus_into(&x, out));
            assert_lengths(got, "out", len, "x", 3);
        }
    }
}

fn lengths_of_comparisons<T: Number>() {
    let (scores, v) = ([T::one(); 4], [T::one(); 6]);
    let (winners, losers) = ([0, 1, 2], [1, 2, 3]);
    let got = Comparisons::new(&scores, &winners, &losers[..2]);
    assert_lengths(got, "losers", 2, "winners", 3);
    let games = Comparisons::new(&scores, &winners, &losers).expect("games");
    for len in [0, 2, 4] {
        assert_lengths(games.with_weights(&v[..len]), "weights", len, "winners", 3);
        assert_lengths(games.with_offsets(&v[..len]), "offsets", len, "winners", 3);
        assert_lengths(games.with_labels(&v[..len]), "labels", len, "winners", 3);
        let losses = untouched::<T, _>(len, |out| games.losses_into(Logistic, out));
        assert_lengths(losses, "out", len, "winners", 3);
        let gradients = untouched::<T, _>(len, |out| games.gradients_into(Logistic, out));
        assert_lengths(gradients, "out", len, "winners", 3);
        let hessians = untouched::<T, _>(len, |out| games.hessians_into(Logistic, out));
        assert_lengths(hessians, "out", len, "winners", 3);
    }
    for len in [0, 3, 5] {
        let fused =
            untouched::<T, _>(len, |out| games.loss_and_gradient(Logistic, Reduction::Sum, out));
        assert_lengths(fused, "gradient", len, "scores", 4);
        let diagonal = untouched::<T, _>(len, |out| games.hessian_diagonal_into(Logistic, out));
        assert_lengths(diagonal, "out", len, "scores", 4);
        let product = |v_len: usize, len: usize| {
            untouched::<T, _>(len, |out| {
                games.hessian_vector_product_into(Logistic, &v[..v_len], out)
            })
        };
        assert_lengths(product(len, 4), "v", len, "scores", 4);
        assert_lengths(product(4, len), "out", len, "scores", 4);
    }
}

fn elements<T: Number>() {
    let x = [T::one(); 4];
    let pairs = Pairs::new(&x, &x).expect("pairs");
    let scores = [T::zero(), T::one()];
    let (winners, losers) = ([0; 4], [1; 4]);
    let games = Comparisons::new(&scores, &winners, &losers).expect("games");
    let nan: T = of_bits(T::CANONICAL_NAN);
    let weights = [
        nan,
        T::of(-1.0),
        -T::min_positive_value(),
        -of_bits::<T>(1),
        T::infinity(),
        T::neg_infinity(),
    ];
    let labels =
        [nan, T::of(-0.25), -of_bits::<T>(1), T::one() + T::epsilon(), T::of(2.0), T::infinity()];
    for position in 0..4 {
        for (name, domain, bad) in
            [("weights", "finite and >= 0", weights), ("labels", "in [0, 1]", labels)]
        {
            for value in bad {
                let mut column = [T::of(0.5); 4];
                column[position] = value;
                // Only the first one is reported.
                column[3] = value;
                let wide = value.wide();
                let expected = Error::InvalidElement { name, position, value: wide, domain };
                let number = format!("{wide:?}");
                let place = format!("{name}[{position}]");
                let words = [place.as_str(), &number, domain];
                if name == "weights" {
                    assert_error(pairs.with_weights(&column), &expected, &words);
                    assert_error(games.with_weights(&column), &expected, &words);
                } else {
                    assert_error(pairs.with_labels(&column), &expected, &words);
                    assert_error(games.with_labels(&column), &expected, &words);
                }
            }
        }
    }
    // The ends of the domains are inside.
    for edge in [T::zero(), T::neg_zero(), of_bits(1), T::one()] {
        assert!(pairs.with_labels(&[edge; 4]).is_ok() && pairs.with_weights(&[edge; 4]).is_ok());
    }
    assert!(pairs.with_weights(&[T::max_value(); 4]).is_ok());
    // Margins and offsets are data.
    assert!(pairs.with_margins(&[nan; 4]).is_ok() && games.with_offsets(&[nan; 4]).is_ok());
}

fn indices<T: Number>() {
    let scores = [T::zero(); 3];
    for (winners, losers, name, position, index) in [
        ([0, 3, 1], [1, 0, 2], "winners", 1, 3),
        ([0, 1, 1], [1, 0, 7], "losers", 2, 7),
        ([u32::MAX, 0, 0], [1, 1, 1], "winners", 0, u32::MAX),
    ] {
        let expected = Error::IndexOutOfRange { name, position, index: i128::from(index), len: 3 };
        let (place, number) = (format!("{name}[{position}]"), index.to_string());
        assert_error(
            Comparisons::new(&scores, &winners, &losers),
            &expected,
            &[&place, &number, "3 scores"],
        );
    }
    let got = Comparisons::new(&scores[..0], &[0], &[1]);
    let expected = Error::IndexOutOfRange { name: "winners", position: 0, index: 0, len: 0 };
    assert_error(got, &expected, &["winners[0]", "0 scores"]);
    let got = Comparisons::new(&scores, &[0, 2, 1], &[1, 2, 1]);
    let expected = Error::SelfComparison { position: 1, index: 2 };
    assert_error(got, &expected, &["comparison 1", "entry 2", "itself"]);
}

fn reductions<T: Number>() {
    let x = [T::one(), T::of(0.5)];
    let scores = [T::zero(), T::one()];
    let pairs = Pairs::new(&x, &x).expect("pairs");
    let games = Comparisons::new(&scores, &[0, 1], &[1, 0]).expect("games");
    let empty = Pairs::<T>::new(&[], &[]).expect("pairs");
    let no_games = Comparisons::new::<u32>(&scores, &[], &[]).expect("games");
    let nothing = [T::zero(), T::neg_zero()];
    let weightless = pairs.with_weights(&nothing).expect("weights");
    let weightless_games = games.with_weights(&nothing).expect("weights");

    let refused = |pairs: Pairs<'_, T>,
                   games: Comparisons<'_, T>,
                   reduction,
                   expected: &Error,
                   words: &[&str]| {
        let len = pairs.len();
        assert_error(pairs.loss(Logistic, reduction), expected, words);
        assert_error(games.loss(Logistic, reduction), expected, words);
        let fused = untouched_pair::<T>((len, len), |a, b| {
            pairs.loss_and_gradients(Logistic, reduction, a, b)
        });
        assert_error(fused, expected, words);
        let one =
            untouched::<T, _>(len, |out| pairs.loss_and_margin_gradient(Logistic, reduction, out));
        assert_error(one, expected, words);
        let scattered =
            untouched::<T, _>(2, |out| games.loss_and_gradient(Logistic, reduction, out));
        assert_error(scattered, expected, words);
    };
    let domain = "finite and not 0, with a finite reciprocal";
    for value in [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -5e-324] {
        let expected = Error::InvalidParameter { name: "Reduction::Over", value, domain };
        let number = format!("{value:?}");
        let words = ["Reduction::Over", &number, domain];
        refused(pairs, games, Reduction::Over(value), &expected, &words);
        refused(empty, no_games, Reduction::Over(value), &expected, &words);
    }
    for (reduction, name) in
        [(Reduction::Mean, "Reduction::Mean"), (Reduction::WeightedMean, "Reduction::WeightedMean")]
    {
        let expected = Error::EmptyMean { reduction: name, pairs: 0 };
        refused(empty, no_games, reduction, &expected, &[name, "0 pairs"]);
        let expected = Error::EmptyMean { reduction: name, pairs: 2 };
        refused(weightless, weightless_games, reduction, &expected, &[name, "2 pairs"]);
    }
    // A sum of nothing is 0, and fine.
    for reduction in [Reduction::Sum, Reduction::Over(3.0)] {
        for pairs in [empty, weightless] {
            assert_eq!(pairs.loss(Logistic, reduction), Ok(0.0));
            let (mut a, mut b) = (dirty::<T>(pairs.len()), dirty::<T>(pairs.len()));
            assert_eq!(pairs.loss_and_gradients(Logistic, reduction, &mut a, &mut b), Ok(0.0));
            assert_eq!((a.iter().all(|&x| x == T::zero()), a.len()), (true, pairs.len()));
            assert_eq!(pairs.loss_and_margin_gradient(Logistic, reduction, &mut b), Ok(0.0));
        }
        for games in [no_games, weightless_games] {
            assert_eq!(games.loss(Logistic, reduction), Ok(0.0));
            let mut gradient = dirty::<T>(2);
            assert_eq!(games.loss_and_gradient(Logistic, reduction, &mut gradient), Ok(0.0));
            assert_eq!(gradient, [T::zero(); 2]);
        }
    }
}

fn empty_batches<T: Number>() {
    let pairs = Pairs::<T>::new(&[], &[])
        .and_then(|p| p.with_margins(&[]))
        .and_then(|p| p.with_weights(&[]))
        .and_then(|p| p.with_labels(&[]))
        .expect("pairs");
    assert_eq!((pairs.is_empty(), pairs.len()), (true, 0));
    assert_eq!(pairs.losses_into(Logistic, &mut []), Ok(()));
    assert_eq!(pairs.gradients_into(Logistic, &mut []), Ok(()));
    assert_eq!(pairs.hessians_into(Logistic, &mut []), Ok(()));
    let total = pairs.total(Logistic);
    assert_eq!((total.sum(), total.mean(), total.len()), (0.0, None, 0));
    assert_eq!(sigmoid_into::<T>(&[], &mut []), Ok(()));
    let none = Comparisons::<T>::new::<u32>(&[], &[], &[]).expect("games");
    assert!(none.is_empty());
    assert_eq!(none.losses_into(Logistic, &mut []), Ok(()));
    assert_eq!(none.gradients_into(Logistic, &mut []), Ok(()));
    assert_eq!(none.hessians_into(Logistic, &mut []), Ok(()));
    assert_eq!(none.total(Logistic).len(), 0);
    // Without games every entry of a score is overwritten with 0.
    let scores = [T::one(); 3];
    let idle = Comparisons::new::<u32>(&scores, &[], &[]).expect("games");
    let mut out = dirty::<T>(3);
    idle.hessian_diagonal_into(Logistic, &mut out).expect("a diagonal");
    assert_eq!(bits(&out), bits(&[T::zero(); 3]));
    let mut out = dirty::<T>(3);
    idle.hessian_vector_product_into(Logistic, &scores, &mut out).expect("a product");
    assert_eq!(bits(&out), bits(&[T::zero(); 3]));
}

#[test]
fn parameters_of_losses() {
    const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    #[track_caller]
    fn refused<V: std::fmt::Debug>(
        bad: &[f64],
        name: &'static str,
        domain: &'static str,
        new: impl Fn(f64) -> Result<V, Error>,
    ) {
        for &value in bad {
            let expected = Error::InvalidParameter { name, value, domain };
            assert_error(new(value), &expected, &[name, &format!("{value:?}"), domain]);
        }
    }
    refused(&NOT_FINITE, "margin", "finite", Hinge::new);
    refused(&NOT_FINITE, "margin", "finite", SquaredHinge::new);
    let beta = [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-310, 5e-324];
    refused(&beta, "beta", "finite and > 0, with 1/(2·beta) finite", Ipo::new);
    let epsilon = [0.5, 1.0, -5e-324, -0.1, f64::NAN, f64::INFINITY];
    refused(&epsilon, "epsilon", "in [0, 0.5)", RobustLogistic::new);
    let tuned = Tuned::new(Logistic);
    let scale = [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    refused(&scale, "scale", "finite and > 0", |x| tuned.scale(x));
    refused(&NOT_FINITE, "margin", "finite", |x| tuned.margin(x));
    let smoothing = [-5e-324, -0.1, 1.0 + f64::EPSILON, f64::NAN, f64::INFINITY];
    refused(&smoothing, "smoothing", "in [0, 1]", |x| tuned.smoothing(x));
    // The ends of the domains are inside.
    for margin in [0.0, -0.0, f64::MAX, f64::MIN, 5e-324] {
        assert!(Hinge::new(margin).is_ok() && SquaredHinge::new(margin).is_ok());
        assert!(tuned.margin(margin).is_ok());
    }
    assert!(Ipo::new(f64::MAX).is_ok() && Ipo::new(1e-300).is_ok());
    assert!(RobustLogistic::new(0.0).is_ok() && RobustLogistic::new(0.5_f64.next_down()).is_ok());
    assert!(tuned.scale(5e-324).is_ok() && tuned.scale(f64::MAX).is_ok());
    assert!(tuned.smoothing(0.0).is_ok() && tuned.smoothing(1.0).is_ok());
}

macro_rules! in_both_formats {
    ($($test:ident: $check:ident;)+) => {
        $(#[test]
        fn $test() {
            $check::<f32>();
            $check::<f64>();
        })+
    };
}

in_both_formats! {
    functions_of_unequal_lengths: lengths_of_functions;
    weights_and_labels_outside_their_domain: elements;
    indices_out_of_range_and_self_comparisons: indices;
}

/// These call every verb, which takes minutes to compile in f64: `cargo test --release`.
macro_rules! in_one_format {
    ($($test:ident: $check:ident;)+) => {
        $(#[test]
        fn $test() {
            $check::<f32>();
            #[cfg(not(debug_assertions))]
            $check::<f64>();
        })+
    };
}

in_one_format! {
    pairs_of_unequal_lengths: lengths_of_pairs;
    comparisons_of_unequal_lengths: lengths_of_comparisons;
    reductions_of_nothing: reductions;
    empty_batches_are_fine: empty_batches;
}
