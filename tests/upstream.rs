//! The step back from upstream gradients: u·w·L′(z), rounded once, against the truth.

use pairwise_loss::{Exponential, Logistic, PairLoss, Pairs, Score, ScoreGradients, SquaredHinge};
use reference::random::SplitMix64;
use reference::{Format, Loss, Options, Real, Tuned, bits, pair, ulp};

/// Pairs of each loss, format and set of options.
const PAIRS: usize = 1500;

trait Number: Score + Format {
    /// Largest error, in units in the last place.
    const ULP: f64;
    fn any(random: &mut SplitMix64) -> Self;
}

impl Number for f32 {
    const ULP: f64 = 0.501;
    fn any(random: &mut SplitMix64) -> Self {
        random.any_f32()
    }
}

impl Number for f64 {
    const ULP: f64 = 0.54;
    fn any(random: &mut SplitMix64) -> Self {
        random.any_f64()
    }
}

fn negated<T: Number>(x: &[T]) -> Vec<T> {
    x.iter().map(|&x| if x.is_nan() { x } else { -x }).collect()
}

/// Both outputs.
fn product<T: Number, L: PairLoss>(
    pairs: &Pairs<'_, T>,
    loss: L,
    upstream: &[T],
) -> (Vec<T>, Vec<T>) {
    let (mut chosen, mut rejected) = (vec![T::one(); pairs.len()], vec![T::one(); pairs.len()]);
    let out = ScoreGradients::separate(&mut chosen, &mut rejected);
    pairs.vector_jacobian_product_into(loss, upstream, out).expect("lengths");
    (chosen, rejected)
}

struct Columns<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Vec<T>,
    weights: Vec<T>,
    labels: Vec<T>,
    upstream: Vec<T>,
}

impl<T: Number> Columns<T> {
    /// Finite numbers: products from underflow to overflow, of factors each of which may be out of range of the others.
    fn finite(len: usize) -> Self {
        let mut random = SplitMix64::new(6);
        let mut column = |f: &dyn Fn(&mut SplitMix64, usize) -> T| {
            (0..len).map(|i| f(&mut random, i)).collect::<Vec<T>>()
        };
        let score = |random: &mut SplitMix64, _| match random.below(6) {
            0 => T::of(random.uniform(-750.0, 750.0)),
            1 => T::of(random.log_uniform(-40.0, 6.0)),
            2 => T::of(random.uniform(-80.0, 80.0)),
            _ => T::of(random.uniform(-5.0, 5.0)),
        };
        Self {
            chosen: column(&score),
            rejected: column(&score),
            margins: column(&|random, _| T::of(random.uniform(-1.0, 1.0))),
            weights: column(&|random, i| match i % 5 {
                0 => T::any(random).abs(),
                1 => T::zero(),
                _ => T::of(random.uniform(0.0, 3.0)),
            }),
            // Between the two terms of the gradient cancel, which has limits of its own.
            labels: column(&|random, _| T::of(random.below(2) as f64)),
            upstream: column(&|random, i| match i % 4 {
                0 | 1 => T::any(random),
                2 => T::of(random.uniform(-2.0, 2.0)),
                _ => [T::of(0.0), T::of(-0.0), T::of(-1.0), T::min_positive_value(), T::of(1e-30)]
                    [random.below(5) as usize],
            }),
        }
    }

    fn pairs(&self, options: u8) -> Pairs<'_, T> {
        let mut pairs = Pairs::new(&self.chosen, &self.rejected).expect("pairs");
        if options & 1 != 0 {
            pairs = pairs.with_margins(&self.margins).expect("margins");
        }
        if options & 2 != 0 {
            pairs = pairs.with_weights(&self.weights).expect("weights");
        }
        if options & 4 != 0 {
            pairs = pairs.with_labels(&self.labels).expect("labels");
        }
        pairs
    }

    /// The exact product of a row.
    fn truth(&self, loss: Loss, options: u8, i: usize) -> Real {
        let at = |bit: u8, column: &[T], absent: f64| {
            if options & bit == 0 { absent } else { Format::to_f64(column[i]) }
        };
        let options = Options {
            tuned: Tuned::default(),
            margin: at(1, &self.margins, 0.0),
            weight: at(2, &self.weights, 1.0),
            label: at(4, &self.labels, 1.0),
        };
        let [chosen, rejected] = [&self.chosen, &self.rejected].map(|c| Format::to_f64(c[i]));
        let jet = pair(loss, &options, chosen, rejected).expect("finite numbers");
        &jet.grad * &Real::new(Format::to_f64(self.upstream[i]))
    }
}

fn is_the_nearest<T: Number, L: PairLoss>(loss: L, exact_loss: Loss) {
    let columns = Columns::<T>::finite(PAIRS);
    let (mut subnormal, mut infinite, mut normal, mut worst) = (0, 0, 0, 0.0_f64);
    for options in 0..8 {
        let (chosen, rejected) = product(&columns.pairs(options), loss, &columns.upstream);
        assert_eq!(bits(&rejected), bits(&negated(&chosen)));
        for (i, &x) in chosen.iter().enumerate() {
            let exact = columns.truth(exact_loss, options, i);
            let error = ulp::error(x, &exact);
            assert!(
                error <= T::ULP,
                "{exact_loss:?} {options:03b} row {i}: {x:?} for {:e}, {error} ulp",
                exact.approximate()
            );
            worst = worst.max(error);
            subnormal += usize::from(x != T::zero() && x.abs() < T::min_positive_value());
            infinite += usize::from(x.is_infinite());
            normal += usize::from(x.is_normal());
        }
    }
    let counts = (subnormal, infinite, normal);
    println!("{exact_loss:?} {worst} {counts:?}");
    // The rounding alone.
    assert!(worst > 0.49, "{exact_loss:?}: {worst}");
    assert!(subnormal > 10 && normal > 3000, "{exact_loss:?}: {counts:?}");
    assert!(infinite > 50 || exact_loss == Loss::Logistic, "{exact_loss:?}: {counts:?}");
}

#[test]
fn f32_products_are_rounded_once() {
    is_the_nearest::<f32, _>(Logistic, Loss::Logistic);
    is_the_nearest::<f32, _>(Exponential, Loss::Exponential);
    is_the_nearest::<f32, _>(SquaredHinge::new(1.0).expect("a margin"), Loss::SquaredHinge(1.0));
}

#[test]
fn f64_products_are_rounded_once() {
    is_the_nearest::<f64, _>(Logistic, Loss::Logistic);
    is_the_nearest::<f64, _>(Exponential, Loss::Exponential);
    is_the_nearest::<f64, _>(SquaredHinge::new(1.0).expect("a margin"), Loss::SquaredHinge(1.0));
}

/// Against the gradient alone: 1 and −1 change no bit but the sign, powers of two scale.
fn units<T: Number>() {
    let columns = Columns::<T>::finite(301);
    for options in 0..8 {
        let pairs = columns.pairs(options);
        let (mut chosen, mut rejected) = (vec![T::one(); 301], vec![T::one(); 301]);
        let out = ScoreGradients::separate(&mut chosen, &mut rejected);
        pairs.score_gradients_into(Logistic, out).expect("lengths");
        let (by_one, by_one_rejected) = product(&pairs, Logistic, &[T::one(); 301]);
        assert_eq!(bits(&by_one), bits(&chosen), "{options:03b}");
        assert_eq!(bits(&by_one_rejected), bits(&rejected), "{options:03b}");
        let (by_minus_one, _) = product(&pairs, Logistic, &[-T::one(); 301]);
        // A zero of the chosen score is +0.
        let expected: Vec<T> = rejected.iter().map(|&x| x + T::zero()).collect();
        assert_eq!(bits(&by_minus_one), bits(&expected), "{options:03b}");
        let (by_four, _) = product(&pairs, Logistic, &[T::of(4.0); 301]);
        for (&x, &y) in by_four.iter().zip(&chosen) {
            assert!(x == y * T::of(4.0) || y.abs() < T::min_positive_value(), "{x:?} {y:?}");
        }
    }
}

#[test]
fn one_leaves_the_gradient_as_it_is() {
    units::<f32>();
    units::<f64>();
}

fn specials<T: Number>() {
    let (inf, nan, zero, one) = (T::infinity(), T::nan(), T::zero(), T::one());
    let payload: T = Format::from_bits(if T::BITS == 32 { 0xffc1_2345 } else { 0xfff8_1234 << 32 });
    let far = T::max_value();
    // Chosen, rejected, upstream, and the product with L′ = −2·max(0, 1 − z).
    let squared_hinge = [
        (zero, zero, zero, zero),
        (zero, zero, -zero, zero),
        (zero, zero, inf, -inf),
        (zero, zero, -inf, inf),
        (zero, zero, nan, nan),
        (zero, zero, payload, nan),
        (T::of(9.0), zero, nan, nan),
        (T::of(9.0), zero, inf, nan), // 0·∞
        (T::of(9.0), zero, one, zero),
        (-inf, zero, one, -inf),
        (-inf, zero, -one, inf),
        (-inf, zero, zero, zero), // 0·∞ as well: nothing was asked for
        (inf, inf, one, nan),
        (inf, inf, zero, nan),
        (nan, zero, zero, nan),
        (zero, payload, one, nan),
        (-far, far, one, -inf),
        (-far, far, zero, zero),
        // −4·MAX·2⁻² is in range although the gradient is not.
        (-far, far, T::of(-0.25), far),
    ];
    let loss = SquaredHinge::new(0.0).expect("a margin");
    let column = |k: usize| -> Vec<T> {
        squared_hinge.iter().map(|&(a, b, c, d)| [a, b, c, d][k]).collect()
    };
    let [chosen, rejected, upstream, expected] = [0, 1, 2, 3].map(column);
    let pairs = Pairs::new(&chosen, &rejected).expect("pairs");
    let hinge_at_1 = SquaredHinge::new(1.0).expect("a margin");
    let (got, got_rejected) = product(&pairs, hinge_at_1, &upstream);
    for i in 0..got.len() - 1 {
        assert_eq!(Format::bits(got[i]), Format::bits(expected[i]), "{:?}", squared_hinge[i]);
    }
    assert_eq!(bits(&got_rejected), bits(&negated(&got)));
    let (got, _) = product(&pairs, loss, &upstream);
    assert_eq!(got.last(), expected.last());

    let logistic = [
        (zero, zero, T::of(-3.0), T::of(1.5)),
        (nan, zero, zero, nan),
        (zero, payload, inf, nan),
        (-inf, -inf, zero, nan),
        (zero, zero, nan, nan),
        (zero, zero, payload, nan),
        (zero, zero, -inf, inf),
        (inf, zero, -inf, nan),
        (inf, zero, one, zero),
        (-inf, zero, far, -far),
        (-inf, zero, zero, zero),
    ];
    let ones = [one];
    for (chosen, rejected, upstream, expected) in logistic {
        let (chosen, rejected) = ([chosen], [rejected]);
        let pairs = Pairs::new(&chosen, &rejected).expect("a pair");
        for pairs in [pairs, pairs.with_weights(&ones).expect("weights")] {
            let (got, _) = product(&pairs, Logistic, &[upstream]);
            let context = (chosen, rejected, upstream);
            assert_eq!(bits(&got), bits(&[expected]), "{context:?}");
        }
    }

    // Weight 0 removes a pair, whatever it and its upstream gradient hold.
    let none = vec![zero; chosen.len()];
    let pairs = pairs.with_weights(&none).expect("weights");
    let (got, got_rejected) = product(&pairs, hinge_at_1, &upstream);
    assert_eq!(bits(&got), bits(&none));
    assert_eq!(bits(&got_rejected), bits(&negated(&none)));
}

#[test]
fn special_values_are_as_documented() {
    specials::<f32>();
    specials::<f64>();
}
