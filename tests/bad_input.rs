//! Every bad argument of every public function that returns `Result`: its own error, field by field, the exact words of
//! the message, and outputs that hold bit for bit what they held.
//!
//! (a) A case names its function. At the end the names are those of all public functions in `src/` that return
//!     `Result`, no more and no fewer, and every variant of `Error` has been seen.
//! (b) Outputs are filled with NaNs of different payloads and with numbers.
//! (c) The losses are hinges, whose kernels compile quickly: what is checked comes before any of them runs.
//! (d) Left out, for want of memory: the 2³² scores that `Groups::new` refuses.

use pairwise_loss::{
    Centering, Comparisons, Counts, Davidson, Error, GaussianPrior, Groups, Hinge, Ipo, Level,
    Logistic, Metrics, Pairs, RaoKupper, Reduction, RewardTrainer, RobustLogistic, Score,
    ScoreGradients, ScoreSum, ScoreSums, SquaredHinge, Strengths, Strided, StridedMut, Total,
    Tuned, log_sigmoid_into, sigmoid_into, softplus_into,
};
use reference::{Format, bits};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

trait Number: Score + Format {
    /// A NaN with an empty payload, of negative sign.
    const NAN: u64;
}

impl Number for f32 {
    const NAN: u64 = 0xffc0_0000;
}

impl Number for f64 {
    const NAN: u64 = 0xfff8_0000_0000_0000;
}

/// What an output holds before a call.
fn dirty<T: Number>(len: usize) -> Vec<T> {
    let element = |i: usize| match i % 3 {
        0 => <T as Format>::from_bits(T::NAN + 1 + i as u64),
        1 => T::of(-0.0),
        _ => T::of(77.0 + i as f64),
    };
    (0..len).map(element).collect()
}

/// Calls something with an output of that length, which must stay as it is.
#[track_caller]
fn untouched<T: Number, V>(
    len: usize,
    call: impl FnOnce(&mut [T]) -> Result<V, Error>,
) -> Result<V, Error> {
    let mut out = dirty::<T>(len);
    let result = call(&mut out);
    assert_eq!(bits(&out), bits(&dirty::<T>(len)), "written to");
    result
}

/// The same with two outputs.
#[track_caller]
fn both_untouched<T: Number, V>(
    lens: [usize; 2],
    call: impl FnOnce(&mut [T], &mut [T]) -> Result<V, Error>,
) -> Result<V, Error> {
    untouched(lens[0], |a| untouched(lens[1], |b| call(a, b)))
}

/// What has been seen.
#[derive(Default)]
struct Table {
    functions: BTreeSet<&'static str>,
    variants: BTreeSet<String>,
}

impl Table {
    #[track_caller]
    fn refused<V: Debug>(
        &mut self,
        function: &'static str,
        got: Result<V, Error>,
        expected: &Error,
        message: &str,
    ) {
        let error = got.map(|value| format!("{value:?}")).expect_err(function);
        // NaN is not equal to itself; its text is.
        assert_eq!(format!("{error:?}"), format!("{expected:?}"), "{function}");
        let as_trait: &dyn std::error::Error = &error;
        assert_eq!(as_trait.to_string(), message, "{function}");
        self.functions.insert(function);
        let text = format!("{error:?}");
        self.variants.insert(text.split(' ').next().unwrap_or_default().to_string());
    }

    /// A length that is not that of something else.
    #[track_caller]
    fn length<V: Debug>(
        &mut self,
        function: &'static str,
        got: Result<V, Error>,
        (name, len): (&'static str, usize),
        (reference, expected): (&'static str, usize),
    ) {
        let error = Error::LengthMismatch { name, len, reference, expected };
        let message = format!("{name} has {len} elements where {reference} has {expected}");
        self.refused(function, got, &error, &message);
    }

    #[track_caller]
    fn parameter<V: Debug>(
        &mut self,
        function: &'static str,
        got: Result<V, Error>,
        (name, value): (&'static str, f64),
        domain: &'static str,
    ) {
        let message = format!("{name} is {value:?}, must be {domain}");
        self.refused(function, got, &Error::InvalidParameter { name, value, domain }, &message);
    }

    #[track_caller]
    fn element<V: Debug>(
        &mut self,
        function: &'static str,
        got: Result<V, Error>,
        (name, position, value): (&'static str, usize, f64),
        domain: &'static str,
    ) {
        let message = format!("{name}[{position}] is {value:?}, must be {domain}");
        let error = Error::InvalidElement { name, position, value, domain };
        self.refused(function, got, &error, &message);
    }

    #[track_caller]
    fn limbs<V: Debug>(
        &mut self,
        function: &'static str,
        got: Result<V, Error>,
        (reason, position): (&'static str, usize),
    ) {
        let message = format!("not the state of a total or of metrics: {reason} ({position})");
        self.refused(function, got, &Error::InvalidLimbs { reason, position }, &message);
    }

    /// Every reduction that a batch of these weights refuses.
    #[track_caller]
    fn reductions<V: Debug>(
        &mut self,
        function: &'static str,
        weights: Weights,
        call: impl Fn(Reduction) -> Result<V, Error>,
    ) {
        let domain = "finite and not 0, with a finite reciprocal";
        for n in [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -5e-324] {
            self.parameter(function, call(Reduction::Over(n)), ("Reduction::Over", n), domain);
        }
        match weights {
            Weights::Nothing(pairs) => {
                for (reduction, name) in [
                    (Reduction::Mean, "Reduction::Mean"),
                    (Reduction::WeightedMean, "Reduction::WeightedMean"),
                ] {
                    let error = Error::EmptyMean { reduction: name, pairs };
                    let message = format!(
                        "{name} of no pairs is undefined ({pairs} pairs, none with a weight above 0)"
                    );
                    self.refused(function, call(reduction), &error, &message);
                }
            }
            Weights::Sum(value) => {
                let domain = "finite, with a finite reciprocal, for Reduction::WeightedMean";
                let got = call(Reduction::WeightedMean);
                self.parameter(function, got, ("sum of weights", value), domain);
            }
        }
    }
}

/// The weights of a batch without a mean.
#[derive(Clone, Copy)]
enum Weights {
    /// So many pairs, none of which counts.
    Nothing(usize),
    /// A sum that nothing can be divided by.
    Sum(f64),
}

/// Weights, of two pairs, of which no mean can be: in `f32` no sum is that large or small.
fn weightless<T: Number>() -> Vec<([T; 2], Weights)> {
    let mut found = vec![([0.0, -0.0].map(T::of), Weights::Nothing(2))];
    if size_of::<T>() == 8 {
        found.push(([f64::MAX, f64::MAX].map(T::of), Weights::Sum(f64::INFINITY)));
        found.push(([5e-324, 0.0].map(T::of), Weights::Sum(5e-324)));
    }
    found
}

fn hinge() -> Hinge {
    Hinge::new(1.0).expect("a margin")
}

const FINITE: &str = "finite and >= 0";
const BAD_WEIGHTS: [f64; 5] = [f64::NAN, -1.0, -1e-45, f64::INFINITY, f64::NEG_INFINITY];
const BAD_LABELS: [f64; 6] = [f64::NAN, -0.25, -1e-45, 1.000_000_2, f64::INFINITY, -1.0];

/// Columns of three elements with a bad one at each place, and the same one last: the first is what is reported.
fn spoilt<T: Number>(bad: &[f64]) -> Vec<([T; 3], usize, f64)> {
    let column = |(position, &x): (usize, &f64)| {
        let mut column = [T::of(0.5); 3];
        (column[position], column[2]) = (T::of(x), T::of(x));
        (column, position, T::of(x).widen())
    };
    (0..3).flat_map(|position| bad.iter().map(move |x| (position, x))).map(column).collect()
}

fn constructors_of_pairs<T: Number>(table: &mut Table) {
    let x = [T::one(); 5];
    for (chosen, rejected) in [(3, 2), (3, 4), (0, 1), (3, 0)] {
        let got = Pairs::new(&x[..chosen], &x[..rejected]);
        table.length("Pairs::new", got, ("rejected", rejected), ("chosen", chosen));
        let view = |len| Strided::new(&x, 0, 1, len).expect("a view");
        let got = Pairs::strided(view(chosen), view(rejected));
        table.length("Pairs::strided", got, ("rejected", rejected), ("chosen", chosen));
    }
    for len in [1, 3, 5] {
        let error = Error::OddLength { name: "scores", len };
        let message = format!("scores has {len} elements, an odd number, where each pair has two");
        table.refused("Pairs::interleaved", Pairs::interleaved(&x[..len]), &error, &message);
        table.refused("Pairs::concatenated", Pairs::concatenated(&x[..len]), &error, &message);
    }
    let pairs = Pairs::new(&x[..3], &x[..3]).expect("pairs");
    for len in [0, 2, 4] {
        let to = ("chosen", 3);
        let column = &x[..len];
        table.length("Pairs::with_margins", pairs.with_margins(column), ("margins", len), to);
        table.length("Pairs::with_weights", pairs.with_weights(column), ("weights", len), to);
        table.length("Pairs::with_labels", pairs.with_labels(column), ("labels", len), to);
    }
    for (weights, position, x) in spoilt::<T>(&BAD_WEIGHTS) {
        let got = pairs.with_weights(&weights);
        table.element("Pairs::with_weights", got, ("weights", position, x), FINITE);
    }
    for (labels, position, x) in spoilt::<T>(&BAD_LABELS) {
        let got = pairs.with_labels(&labels);
        table.element("Pairs::with_labels", got, ("labels", position, x), "in [0, 1]");
    }
}

fn views<T: Number>(table: &mut Table) {
    let data = [T::one(); 10];
    let beyond = [
        (0, 3, 5),
        (9, 1, 2),
        (11, 1, 0),
        (10, 2, 1),
        (1, 3, 4),
        (0, usize::MAX, 3),
        (1, usize::MAX, 2),
        (usize::MAX, 1, 1),
        (0, 1, usize::MAX),
        (usize::MAX, usize::MAX, 2),
    ];
    for (start, stride, len) in beyond.into_iter().chain([(0, 0, 0), (2, 0, 1), (2, 0, 3)]) {
        let error = Error::InvalidView { start, stride, len, elements: 10 };
        let message = if stride == 0 {
            "a view of stride 0 repeats one element: nothing is ever broadcast".to_string()
        } else {
            format!("a view of {len} elements from {start} on, {stride} apart, of a slice of 10")
        };
        table.refused("Strided::new", Strided::new(&data, start, stride, len), &error, &message);
        let got = untouched::<T, _>(10, |out| StridedMut::new(out, start, stride, len).map(|_| ()));
        table.refused("StridedMut::new", got, &error, &message);
    }
    for (width, chosen, rejected) in
        [(2, 2, 0), (2, 0, 2), (3, 1, 1), (0, 0, 0), (0, 0, 1), (3, usize::MAX, 0)]
    {
        let error = Error::InvalidColumns { width, chosen, rejected };
        let message =
            format!("columns {chosen} and {rejected} of rows of {width}, must be two of them");
        let got = untouched::<T, _>(6, |out| {
            ScoreGradients::columns(out, width, chosen, rejected).map(|_| ())
        });
        table.refused("ScoreGradients::columns", got, &error, &message);
    }
}

fn functions<T: Number>(table: &mut Table) {
    let x = [T::one(); 3];
    for len in [0, 2, 4] {
        let (out, to) = (("out", len), ("x", 3));
        let got = untouched::<T, _>(len, |out| sigmoid_into(&x, out));
        table.length("sigmoid_into", got, out, to);
        let got = untouched::<T, _>(len, |out| log_sigmoid_into(&x, out));
        table.length("log_sigmoid_into", got, out, to);
        let got = untouched::<T, _>(len, |out| softplus_into(&x, out));
        table.length("softplus_into", got, out, to);
        for level in Level::available() {
            let got = untouched::<T, _>(len, |out| level.sigmoid_into(&x, out));
            table.length("Level::sigmoid_into", got, out, to);
            let got = untouched::<T, _>(len, |out| level.log_sigmoid_into(&x, out));
            table.length("Level::log_sigmoid_into", got, out, to);
            let got = untouched::<T, _>(len, |out| level.softplus_into(&x, out));
            table.length("Level::softplus_into", got, out, to);
        }
    }
}

/// A verb of pairs with two outputs, by its name.
type Fused<T> =
    (&'static str, fn(&Pairs<'_, T>, Reduction, &mut [T], &mut [T]) -> Result<(), Error>);

fn fused_verbs<T: Number>() -> [Fused<T>; 4] {
    [
        ("Pairs::loss_and_gradients", |pairs, reduction, a, b| {
            pairs.loss_and_gradients(hinge(), reduction, a, b).map(|_| ())
        }),
        ("Pairs::total_and_gradients", |pairs, reduction, a, b| {
            pairs.total_and_gradients(hinge(), reduction, a, b).map(|_| ())
        }),
        ("Pairs::loss_and_centered_gradients", |pairs, reduction, a, b| {
            let centering = Centering::of_sums(0.01)?;
            pairs.loss_and_centered_gradients(hinge(), centering, reduction, a, b).map(|_| ())
        }),
        ("RewardTrainer::compute_loss", |pairs, reduction, a, b| {
            let trainer = RewardTrainer::new();
            // Centred or not: both have the same checks.
            let centred = trainer.center_rewards_coefficient(0.01)?;
            let got = trainer.compute_loss(pairs, reduction, a, b);
            let other = centred.compute_loss(pairs, reduction, a, b);
            assert_eq!(format!("{got:?}"), format!("{other:?}"));
            got.map(|_| ())
        }),
    ]
}

/// Outputs of another length than the pairs.
fn outputs_of_pairs<T: Number>(table: &mut Table) {
    let x = [T::one(); 4];
    let pairs = Pairs::new(&x[..3], &x[..3]).expect("pairs");
    let to = ("chosen", 3);
    for len in [0, 2, 4] {
        let got = untouched::<T, _>(len, |out| pairs.losses_into(hinge(), out));
        table.length("Pairs::losses_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| pairs.gradients_into(hinge(), out));
        table.length("Pairs::gradients_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| pairs.hessians_into(hinge(), out));
        table.length("Pairs::hessians_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| {
            pairs.loss_and_margin_gradient(hinge(), Reduction::Mean, out)
        });
        table.length("Pairs::loss_and_margin_gradient", got, ("d_chosen", len), to);
        for (name, verb) in fused_verbs::<T>() {
            let call = |lens| both_untouched(lens, |a, b| verb(&pairs, Reduction::Mean, a, b));
            table.length(name, call([len, 3]), ("d_chosen", len), to);
            table.length(name, call([3, len]), ("d_rejected", len), to);
        }
        let got = both_untouched::<T, _>([3, 3], |a, b| {
            let out = ScoreGradients::separate(a, b);
            pairs.vector_jacobian_product_into(hinge(), &x[..len], out)
        });
        table.length("Pairs::vector_jacobian_product_into", got, ("upstream", len), to);
        let master = Pairs::new(&x[..len], &x[..len]).expect("pairs");
        let got = pairs.ties_by_rounding(&master);
        table.length("Pairs::ties_by_rounding", got, ("master", len), ("the rounded batch", 3));
    }
}

/// A verb that takes `ScoreGradients`.
type Layout<T> = (&'static str, fn(&Pairs<'_, T>, ScoreGradients<'_, T>) -> Result<(), Error>);

/// Outputs in any layout, written and added to.
fn layouts_of_pairs<T: Number>(table: &mut Table) {
    let x = [T::one(); 3];
    let pairs = Pairs::new(&x, &x).expect("pairs");
    let verbs: [Layout<T>; 3] = [
        ("Pairs::loss_and_score_gradients", |pairs, out| {
            pairs.loss_and_score_gradients(hinge(), Reduction::Sum, out).map(|_| ())
        }),
        ("Pairs::score_gradients_into", |pairs, out| pairs.score_gradients_into(hinge(), out)),
        ("Pairs::vector_jacobian_product_into", |pairs, out| {
            pairs.vector_jacobian_product_into(hinge(), &[T::one(); 3], out)
        }),
    ];
    for (name, verb) in verbs {
        for added in [false, true] {
            let call =
                |out: ScoreGradients<'_, T>| verb(&pairs, if added { out.added() } else { out });
            for len in [0, 2, 4] {
                let to = ("chosen", 3);
                let apart = |lens| {
                    both_untouched::<T, _>(lens, |a, b| call(ScoreGradients::separate(a, b)))
                };
                table.length(name, apart([len, 3]), ("d_chosen", len), to);
                table.length(name, apart([3, len]), ("d_rejected", len), to);
                let got = untouched::<T, _>(len, |out| call(ScoreGradients::margin(out)));
                table.length(name, got, ("d_margin", len), to);
                let strided = |a_len: usize, b_len: usize| {
                    both_untouched::<T, _>([2 * a_len, b_len], |a, b| {
                        let a = StridedMut::new(a, 0, 2, a_len)?;
                        call(ScoreGradients::strided(a, StridedMut::new(b, 0, 1, b_len)?))
                    })
                };
                table.length(name, strided(len, 3), ("d_chosen", len), to);
                table.length(name, strided(3, len), ("d_rejected", len), to);
            }
            let to = ("chosen and rejected together", 6);
            for len in [0, 3, 5, 7, 8] {
                let got = untouched::<T, _>(len, |out| call(ScoreGradients::interleaved(out)));
                table.length(name, got, ("d_scores", len), to);
                let got = untouched::<T, _>(len, |out| call(ScoreGradients::concatenated(out)));
                table.length(name, got, ("d_scores", len), to);
            }
            for len in [0, 8, 11, 13, 16] {
                let got =
                    untouched::<T, _>(len, |out| call(ScoreGradients::columns(out, 4, 0, 3)?));
                table.length(name, got, ("matrix", len), ("a row for each pair", 12));
            }
        }
    }
}

fn reductions_of_pairs<T: Number>(table: &mut Table) {
    let x = [T::one(), T::of(0.5)];
    let check = |table: &mut Table, pairs: Pairs<'_, T>, weights| {
        let len = pairs.len();
        table.reductions("Pairs::loss", weights, |how| pairs.loss(hinge(), how));
        table.reductions("Pairs::centered_loss", weights, |how| {
            pairs.centered_loss(hinge(), Centering::of_rewards(0.5)?, how)
        });
        let trainer = RewardTrainer::new();
        table.reductions("RewardTrainer::evaluate", weights, |how| trainer.evaluate(&pairs, how));
        let trainer = trainer.center_rewards_coefficient(0.1).expect("a coefficient");
        table.reductions("RewardTrainer::evaluate", weights, |how| trainer.evaluate(&pairs, how));
        for (name, verb) in fused_verbs::<T>() {
            table.reductions(name, weights, |how| {
                both_untouched([len, len], |a, b| verb(&pairs, how, a, b))
            });
        }
        table.reductions("Pairs::loss_and_margin_gradient", weights, |how| {
            untouched::<T, _>(len, |out| pairs.loss_and_margin_gradient(hinge(), how, out))
        });
        for added in [false, true] {
            table.reductions("Pairs::loss_and_score_gradients", weights, |how| {
                untouched::<T, _>(2 * len, |out| {
                    let out = ScoreGradients::interleaved(out);
                    let out = if added { out.added() } else { out };
                    pairs.loss_and_score_gradients(hinge(), how, out)
                })
            });
        }
    };
    let pairs = Pairs::new(&x, &x).expect("pairs");
    for (column, weights) in weightless::<T>() {
        check(table, pairs.with_weights(&column).expect("weights"), weights);
    }
    check(table, Pairs::new(&[], &[]).expect("pairs"), Weights::Nothing(0));
}

fn comparisons<T: Number>(table: &mut Table) {
    let (scores, x) = ([T::one(); 4], [T::one(); 6]);
    let (winners, losers) = ([0, 1, 2], [1, 2, 3]);
    for len in [0, 2] {
        let got = Comparisons::new(&scores, &winners, &losers[..len]);
        table.length("Comparisons::new", got, ("losers", len), ("winners", 3));
    }
    for (winners, losers, name, position, index) in [
        ([0, 4, 1], [1, 0, 2], "winners", 1, 4),
        ([0, 1, 1], [1, 0, 7], "losers", 2, 7),
        ([u32::MAX, 9, 0], [1, 1, 1], "winners", 0, i128::from(u32::MAX)),
    ] {
        let error = Error::IndexOutOfRange { name, position, index, len: 4 };
        let message = format!("{name}[{position}] is {index} where there are 4 scores");
        let got = Comparisons::new(&scores, &winners, &losers);
        table.refused("Comparisons::new", got, &error, &message);
    }
    let got = Comparisons::new(&scores, &[0_i64, -2, 1], &[1, 2, 1]);
    let error = Error::IndexOutOfRange { name: "winners", position: 1, index: -2, len: 4 };
    table.refused("Comparisons::new", got, &error, "winners[1] is -2 where there are 4 scores");
    let got = Comparisons::new(&scores, &[0, 2, 1], &[1, 2, 1]);
    let error = Error::SelfComparison { position: 1, index: 2 };
    table.refused("Comparisons::new", got, &error, "comparison 1 is of entry 2 with itself");

    let games = Comparisons::new(&scores, &winners, &losers).expect("games");
    let to = ("winners", 3);
    for len in [0, 2, 4] {
        let column = &x[..len];
        table.length("Comparisons::with_weights", games.with_weights(column), ("weights", len), to);
        table.length("Comparisons::with_offsets", games.with_offsets(column), ("offsets", len), to);
        table.length("Comparisons::with_labels", games.with_labels(column), ("labels", len), to);
        let got = untouched::<T, _>(len, |out| games.losses_into(hinge(), out));
        table.length("Comparisons::losses_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| games.gradients_into(hinge(), out));
        table.length("Comparisons::gradients_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| games.hessians_into(hinge(), out));
        table.length("Comparisons::hessians_into", got, ("out", len), to);
    }
    for (weights, position, x) in spoilt::<T>(&BAD_WEIGHTS) {
        let got = games.with_weights(&weights);
        table.element("Comparisons::with_weights", got, ("weights", position, x), FINITE);
    }
    for (labels, position, x) in spoilt::<T>(&BAD_LABELS) {
        let got = games.with_labels(&labels);
        table.element("Comparisons::with_labels", got, ("labels", position, x), "in [0, 1]");
    }
    let to = ("scores", 4);
    for len in [0, 3, 5] {
        let got =
            untouched::<T, _>(len, |out| games.loss_and_gradient(hinge(), Reduction::Sum, out));
        table.length("Comparisons::loss_and_gradient", got, ("gradient", len), to);
        let got = untouched::<T, _>(len, |out| games.hessian_diagonal_into(hinge(), out));
        table.length("Comparisons::hessian_diagonal_into", got, ("out", len), to);
        let product = |v: usize, len: usize| {
            untouched::<T, _>(len, |out| games.hessian_vector_product_into(hinge(), &x[..v], out))
        };
        table.length("Comparisons::hessian_vector_product_into", product(len, 4), ("v", len), to);
        table.length("Comparisons::hessian_vector_product_into", product(4, len), ("out", len), to);
        let name = "Comparisons::score_residual_product_into";
        let product = |v: usize, len: usize| {
            untouched::<T, _>(len, |out| games.score_residual_product_into(hinge(), &x[..v], out))
        };
        table.length(name, product(len, 4), ("v", len), to);
        table.length(name, product(4, len), ("out", len), to);
        let name = "Comparisons::loss_gradient_and_diagonal";
        let call = |lens| {
            both_untouched::<T, _>(lens, |gradient, diagonal| {
                games.loss_gradient_and_diagonal(hinge(), Reduction::Sum, gradient, diagonal)
            })
        };
        table.length(name, call([len, 4]), ("gradient", len), to);
        table.length(name, call([4, len]), ("diagonal", len), to);
    }

    let check = |table: &mut Table, games: Comparisons<'_, T>, weights| {
        table.reductions("Comparisons::loss", weights, |how| games.loss(hinge(), how));
        table.reductions("Comparisons::loss_and_gradient", weights, |how| {
            untouched::<T, _>(4, |out| games.loss_and_gradient(hinge(), how, out))
        });
        table.reductions("Comparisons::loss_gradient_and_diagonal", weights, |how| {
            both_untouched::<T, _>([4, 4], |gradient, diagonal| {
                games.loss_gradient_and_diagonal(hinge(), how, gradient, diagonal)
            })
        });
    };
    let games = Comparisons::new(&scores, &winners[..2], &losers[..2]).expect("games");
    for (column, weights) in weightless::<T>() {
        check(table, games.with_weights(&column).expect("weights"), weights);
    }
    check(table, Comparisons::new::<u32>(&scores, &[], &[]).expect("games"), Weights::Nothing(0));
}

/// Calls something with sums for so many entries in so many pieces, which must stay as they are.
#[track_caller]
fn sums_untouched<V>(
    entries: usize,
    pieces: usize,
    call: impl FnOnce(&mut ScoreSums<'_>) -> Result<V, Error>,
) -> Result<V, Error> {
    let held: Vec<ScoreSum> = (0..entries * pieces).map(|i| ScoreSum::of(i as f64)).collect();
    let mut memory = held.clone();
    let result = call(&mut ScoreSums::new(&mut memory, entries).expect("memory"));
    assert_eq!(memory, held, "written to");
    result
}

/// A verb that reduces losses and adds to sums.
type ReducedSums =
    (&'static str, fn(Comparisons<'_, f32>, Reduction, &mut ScoreSums<'_>) -> Result<(), Error>);

fn reduced_sums() -> [ReducedSums; 3] {
    [
        ("Comparisons::loss_and_gradient_sums", |games, how, sums| {
            games.loss_and_gradient_sums(hinge(), how, sums).map(drop)
        }),
        ("Comparisons::loss_gradient_and_diagonal_sums", |games, how, sums| {
            let mut other = [ScoreSum::ZERO; 4];
            let diagonal = &mut ScoreSums::new(&mut other, 4)?;
            games.loss_gradient_and_diagonal_sums(hinge(), how, sums, diagonal).map(drop)
        }),
        ("Comparisons::add_gradient_to_sums", |games, how, sums| {
            games.add_gradient_to_sums(hinge(), how, sums).map(drop)
        }),
    ]
}

/// One format is enough: sums do not know of it, and every verb of `f64` takes its time to compile.
fn sums_of_comparisons(table: &mut Table) {
    let (scores, x) = ([1.0_f32; 4], [1.0_f32; 5]);
    let games = Comparisons::new(&scores, &[0, 1, 2], &[1, 2, 3]).expect("games");
    for len in [0, 3, 5] {
        lengths_of_sums(table, games, &x, len);
    }
    let nothing = Comparisons::new::<u32>(&scores, &[], &[]).expect("games");
    let two = Comparisons::new(&scores, &[0, 1], &[1, 2]).expect("games");
    let weightless = two.with_weights(&[0.0, -0.0]).expect("weights");
    for (games, pairs) in [(nothing, 0), (weightless, 2)] {
        for (name, verb) in reduced_sums() {
            let call = |how| sums_untouched(4, 1, |sums| verb(games, how, sums));
            table.reductions(name, Weights::Nothing(pairs), call);
        }
    }
}

fn lengths_of_sums(table: &mut Table, games: Comparisons<'_, f32>, x: &[f32], len: usize) {
    let to = ("scores", 4);
    for (name, verb) in reduced_sums() {
        let got = sums_untouched(len, 1, |sums| verb(games, Reduction::Sum, sums));
        table.length(name, got, ("sums", len), to);
    }
    let name = "Comparisons::loss_gradient_and_diagonal_sums";
    for (lens, pieces, mistake, to) in
        [([4, len], 1, ("sums", len), to), ([4, 4], 2, ("diagonal", 8), ("gradient", 4))]
    {
        let got = sums_untouched(lens[0], 1, |a| {
            sums_untouched(lens[1], pieces, |b| {
                games.loss_gradient_and_diagonal_sums(hinge(), Reduction::Sum, a, b)
            })
        });
        table.length(name, got, mistake, to);
    }
    let got = sums_untouched(len, 1, |sums| games.add_hessian_diagonal_to_sums(hinge(), sums));
    table.length("Comparisons::add_hessian_diagonal_to_sums", got, ("sums", len), to);
    for (v, sums, mistake) in [(len, 4, ("v", len)), (4, len, ("sums", len))] {
        let got = sums_untouched(sums, 1, |sums| {
            games.add_hessian_vector_product_to_sums(hinge(), &x[..v], sums)
        });
        table.length("Comparisons::add_hessian_vector_product_to_sums", got, mistake, to);
        let got = sums_untouched(sums, 1, |sums| {
            games.add_score_residual_product_to_sums(hinge(), &x[..v], sums)
        });
        table.length("Comparisons::add_score_residual_product_to_sums", got, mistake, to);
    }
}

fn sums<T: Number>(table: &mut Table) {
    let mut memory = [ScoreSum::ZERO; 9];
    for (len, entries, whole) in [(9, 4, 8), (3, 4, 4), (0, 4, 4), (2, 0, 0)] {
        let got = ScoreSums::new(&mut memory[..len], entries);
        table.length("ScoreSums::new", got, ("sums", len), ("whole pieces of entries", whole));
    }
    for len in [0, 3, 5, 8] {
        let others = [ScoreSum::of(1.0); 8];
        let got = sums_untouched(4, 2, |sums| sums.merge(&others[..len]));
        table.length("ScoreSums::merge", got, ("others", len), ("entries", 4));
        let got = sums_untouched(4, 2, |sums| untouched::<T, _>(len, |out| sums.round_into(out)));
        table.length("ScoreSums::round_into", got, ("out", len), ("entries", 4));
    }
    let (prior, x) = (GaussianPrior::new(2.0).expect("a variance"), [T::one(); 4]);
    for len in [0, 3, 5] {
        let got = untouched::<T, _>(len, |out| prior.add_gradient(&x, out));
        table.length("GaussianPrior::add_gradient", got, ("gradient", len), ("scores", 4));
        let got = untouched::<T, _>(len, |out| prior.add_hessian_vector_product(&x, out));
        table.length("GaussianPrior::add_hessian_vector_product", got, ("product", len), ("v", 4));
    }
}

fn counts(table: &mut Table) {
    let (scores, x) = ([1.0_f32; 4], [1.0_f32; 5]);
    let (first, second) = ([0, 1, 2], [1, 2, 3]);
    let name = "Counts::new";
    let got = Counts::new(&scores, &first, &second[..2], &x[..3], &x[..3]);
    table.length(name, got, ("second", 2), ("first", 3));
    let got = Counts::new(&scores, &first, &[1, 2, 4], &x[..3], &x[..3]);
    let error = Error::IndexOutOfRange { name: "second", position: 2, index: 4, len: 4 };
    table.refused(name, got, &error, "second[2] is 4 where there are 4 scores");
    let got = Counts::new(&scores, &first, &[1, 1, 3], &x[..3], &x[..3]);
    let error = Error::SelfComparison { position: 1, index: 1 };
    table.refused(name, got, &error, "comparison 1 is of entry 1 with itself");
    for len in [0, 2, 4] {
        let got = Counts::new(&scores, &first, &second, &x[..len], &x[..3]);
        table.length(name, got, ("first_wins", len), ("first", 3));
        let got = Counts::new(&scores, &first, &second, &x[..3], &x[..len]);
        table.length(name, got, ("second_wins", len), ("first", 3));
        let counts = Counts::new(&scores, &first, &second, &x[..3], &x[..3]).expect("counts");
        let got = counts.with_offsets(&x[..len]);
        table.length("Counts::with_offsets", got, ("offsets", len), ("first", 3));
    }
    for (wins, position, bad) in spoilt::<f32>(&BAD_WEIGHTS) {
        let got = Counts::new(&scores, &first, &second, &wins, &x[..3]);
        table.element(name, got, ("first_wins", position, bad), FINITE);
        let got = Counts::new(&scores, &first, &second, &x[..3], &wins);
        table.element(name, got, ("second_wins", position, bad), FINITE);
    }
    let counts = Counts::new(&scores, &first, &second, &x[..3], &x[..3]).expect("counts");
    let to = ("scores", 4);
    for len in [0, 3, 5] {
        let got =
            untouched::<f32, _>(len, |out| counts.loss_and_gradient(hinge(), Reduction::Sum, out));
        table.length("Counts::loss_and_gradient", got, ("gradient", len), to);
        let got = untouched::<f32, _>(len, |out| counts.hessian_diagonal_into(hinge(), out));
        table.length("Counts::hessian_diagonal_into", got, ("out", len), to);
        for (v, len, mistake) in [(len, 4, ("v", len)), (4, len, ("out", len))] {
            let got = untouched::<f32, _>(len, |out| {
                counts.hessian_vector_product_into(hinge(), &x[..v], out)
            });
            table.length("Counts::hessian_vector_product_into", got, mistake, to);
        }
    }
    for (column, weights) in weightless::<f32>() {
        // Each row has two sides.
        let (wins, weights) = match weights {
            Weights::Nothing(pairs) => ([0.0; 2], Weights::Nothing(2 * pairs)),
            sum @ Weights::Sum(_) => ([0.0; 2], sum),
        };
        let counts = Counts::new(&scores, &first[..2], &second[..2], &column, &wins);
        let counts = counts.expect("counts");
        table.reductions("Counts::loss", weights, |how| counts.loss(hinge(), how));
        table.reductions("Counts::loss_and_gradient", weights, |how| {
            untouched::<f32, _>(4, |out| counts.loss_and_gradient(hinge(), how, out))
        });
    }
}

fn strengths<T: Number>(table: &mut Table) {
    let (values, x) = ([T::one(); 4], [T::one(); 5]);
    let (winners, losers) = ([0, 1, 2], [1, 2, 0]);
    let got = Strengths::new(&values, &winners, &losers[..2]);
    table.length("Strengths::new", got, ("losers", 2), ("winners", 3));
    let error = Error::IndexOutOfRange { name: "winners", position: 1, index: 4, len: 4 };
    let got = Strengths::new(&values, &[0, 4, 2], &losers);
    table.refused("Strengths::new", got, &error, "winners[1] is 4 where there are 4 scores");
    let error = Error::SelfComparison { position: 2, index: 0 };
    let got = Strengths::new(&values, &[0, 1, 0], &losers);
    table.refused("Strengths::new", got, &error, "comparison 2 is of entry 0 with itself");
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut values = values;
        values[2] = T::of(bad);
        let got = Strengths::new(&values, &winners, &losers);
        table.element("Strengths::new", got, ("strengths", 2, bad), "finite and > 0");
    }

    let games = Strengths::new(&values, &winners, &losers).expect("games");
    for len in [0, 2, 4] {
        let got = games.with_weights(&x[..len]);
        table.length("Strengths::with_weights", got, ("weights", len), ("winners", 3));
    }
    for (weights, position, x) in spoilt::<T>(&BAD_WEIGHTS) {
        if weights.len() == 3 {
            let got = games.with_weights(&weights);
            table.element("Strengths::with_weights", got, ("weights", position, x), FINITE);
        }
    }
    let to = ("strengths", 4);
    for len in [0, 3, 5] {
        let got = untouched::<T, _>(len, |out| games.log_gradient_into(out));
        table.length("Strengths::log_gradient_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| games.wins_into(out));
        table.length("Strengths::wins_into", got, ("out", len), to);
        let got = untouched::<T, _>(len, |out| games.mm_step_into(&x[..4], out));
        table.length("Strengths::mm_step_into", got, ("out", len), to);
        let got = untouched::<T, _>(4, |out| games.mm_step_into(&x[..len], out));
        table.length("Strengths::mm_step_into", got, ("wins", len), to);
    }
    let got = untouched::<T, _>(4, |out| {
        games.mm_step_into(&[T::one(), T::zero(), T::one(), T::one()], out)
    });
    table.element("Strengths::mm_step_into", got, ("wins", 1, 0.0), "> 0");

    // Entry 3 has played nobody; entry 0 of these has only won, entry 1 only lost.
    let error = Error::IndexOutOfRange { name: "entry", position: 0, index: 4, len: 4 };
    let message = "entry[0] is 4 where there are 4 scores";
    table.refused("Strengths::mm_step", games.mm_step(4), &error, message);
    table.refused("Strengths::newman_step", games.newman_step(4), &error, message);
    table.element("Strengths::mm_step", games.mm_step(3), ("wins", 3, 0.0), "> 0");
    table.element("Strengths::newman_step", games.newman_step(3), ("wins", 3, 0.0), "> 0");
    let one = Strengths::new(&values, &[0], &[1]).expect("a game");
    table.element("Strengths::newman_step", one.newman_step(0), ("losses", 0, 0.0), "> 0");
    table.element("Strengths::newman_step", one.newman_step(1), ("wins", 1, 0.0), "> 0");
}

fn groups<T: Number>(table: &mut Table) {
    let scores = [T::one(), T::zero(), T::of(0.5), T::of(2.0)];
    let got = Groups::new(&scores, &[]);
    table.length("Groups::new", got, ("offsets", 0), ("a batch without prompts", 1));
    for (offsets, position, offset, domain, bound) in [
        (&[1, 4][..], 0, 1, "the start of the first prompt", 0),
        (&[0, 3, 2, 1, 4], 2, 2, "at least the one before it", 3),
        (&[0, 3], 1, 3, "the number of scores", 4),
        (&[0, 3, 5], 2, 5, "the number of scores", 4),
        (&[0], 0, 0, "the number of scores", 4),
    ] {
        let error = Error::InvalidOffset { position, offset, domain, bound };
        let message = format!("offsets[{position}] is {offset}, must be {domain}, {bound}");
        table.refused("Groups::new", Groups::new(&scores, offsets), &error, &message);
    }
    let groups = Groups::new(&scores, &[0, 2, 4]).expect("offsets");
    let x = [T::one(); 5];
    for len in [0, 3, 5] {
        let got = groups.with_ranks(&[0; 5][..len]);
        table.length("Groups::with_ranks", got, ("ranks", len), ("scores", 4));
        let got = groups.with_weights(&x[..len]);
        table.length("Groups::with_weights", got, ("weights", len), ("prompts", 2));
        let got = untouched::<T, _>(len, |out| groups.losses_into(hinge(), out));
        table.length("Groups::losses_into", got, ("out", len), ("prompts", 2));
        let got =
            untouched::<T, _>(len, |out| groups.loss_and_gradient(hinge(), Reduction::Sum, out));
        table.length("Groups::loss_and_gradient", got, ("gradient", len), ("scores", 4));
        let rankings = groups.plackett_luce(None).expect("an order");
        let got = untouched::<T, _>(len, |out| rankings.losses_into(out));
        table.length("PlackettLuce::losses_into", got, ("out", len), ("prompts", 2));
        let got = untouched::<T, _>(len, |out| rankings.loss_and_gradient(Reduction::Sum, out));
        table.length("PlackettLuce::loss_and_gradient", got, ("gradient", len), ("scores", 4));
    }
    let three = Groups::new(&scores[..3], &[0, 1, 2, 3]).expect("offsets");
    for (weights, position, x) in spoilt::<T>(&BAD_WEIGHTS) {
        let got = three.with_weights(&weights);
        table.element("Groups::with_weights", got, ("weights", position, x), FINITE);
    }
    let got = groups.plackett_luce(Some(0));
    table.parameter("Groups::plackett_luce", got, ("top", 0.0), "at least 1");
    let tied = groups.with_ranks(&[0, 1, 6, 6]).expect("ranks");
    let error = Error::TiedRanks { first: 2, second: 3, rank: 6 };
    for top in [None, Some(1), Some(9)] {
        let message = "ranks[2] and ranks[3] are both 6 where an order is needed";
        table.refused("Groups::plackett_luce", tied.plackett_luce(top), &error, message);
    }

    let check = |table: &mut Table, groups: Groups<'_, T>, len, weights| {
        table.reductions("Groups::loss", weights, |how| groups.loss(hinge(), how));
        table.reductions("Groups::loss_and_gradient", weights, |how| {
            untouched::<T, _>(len, |out| groups.loss_and_gradient(hinge(), how, out))
        });
        let rankings = groups.plackett_luce(None).expect("an order");
        table.reductions("PlackettLuce::loss", weights, |how| rankings.loss(how));
        table.reductions("PlackettLuce::loss_and_gradient", weights, |how| {
            untouched::<T, _>(len, |out| rankings.loss_and_gradient(how, out))
        });
    };
    for (column, weights) in weightless::<T>() {
        check(table, groups.with_weights(&column).expect("weights"), 4, weights);
    }
    // No prompts, and prompts of one answer.
    check(table, Groups::new(&[], &[0]).expect("offsets"), 0, Weights::Nothing(0));
    check(table, three, 3, Weights::Nothing(0));

    // Six pairs of one prompt: their number times the normaliser is beyond f64.
    let six = Groups::new(&scores, &[0, 4]).expect("offsets");
    let name = "the normaliser times the pairs of a prompt";
    for n in [1e308, -5e307] {
        let value = (name, f64::INFINITY.copysign(n));
        let got = six.loss(hinge(), Reduction::Over(n));
        table.parameter("Groups::loss", got, value, "finite");
        let got =
            untouched::<T, _>(4, |out| six.loss_and_gradient(hinge(), Reduction::Over(n), out));
        table.parameter("Groups::loss_and_gradient", got, value, "finite");
    }
}

fn parameters(table: &mut Table) {
    const ENDLESS: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let finite = "finite";
    for x in ENDLESS {
        table.parameter("Hinge::new", Hinge::new(x), ("margin", x), finite);
        table.parameter("SquaredHinge::new", SquaredHinge::new(x), ("margin", x), finite);
        table.parameter("Tuned::margin", Tuned::new(Logistic).margin(x), ("margin", x), finite);
    }
    for x in [0.0, -0.0, -1.0, 5e-324, -5e-324].into_iter().chain(ENDLESS) {
        let domain = "finite and > 0, with a finite reciprocal";
        table.parameter("GaussianPrior::new", GaussianPrior::new(x), ("variance", x), domain);
    }
    for x in [0.0, -0.0, -1.0, 1e-310, 5e-324].into_iter().chain(ENDLESS) {
        let domain = "finite and > 0, with 1/(2·beta) finite";
        table.parameter("Ipo::new", Ipo::new(x), ("beta", x), domain);
    }
    for x in [0.0, -0.0, -1.0, -5e-324].into_iter().chain(ENDLESS) {
        let got = Tuned::new(Logistic).scale(x);
        table.parameter("Tuned::scale", got, ("scale", x), "finite and > 0");
    }
    for x in [0.5, 1.0, -5e-324, -0.1].into_iter().chain(ENDLESS) {
        let got = RobustLogistic::new(x);
        table.parameter("RobustLogistic::new", got, ("epsilon", x), "in [0, 0.5)");
    }
    for x in [-5e-324, -0.1, 1.0 + f64::EPSILON].into_iter().chain(ENDLESS) {
        let got = Tuned::new(Logistic).smoothing(x);
        table.parameter("Tuned::smoothing", got, ("smoothing", x), "in [0, 1]");
    }
    for x in [-5e-324, -0.01].into_iter().chain(ENDLESS) {
        table.parameter("RaoKupper::new", RaoKupper::new(x), ("eta", x), FINITE);
        table.parameter("Davidson::new", Davidson::new(x), ("nu", x), FINITE);
        let named = ("coefficient", x);
        table.parameter("Centering::of_sums", Centering::of_sums(x), named, FINITE);
        table.parameter("Centering::of_rewards", Centering::of_rewards(x), named, FINITE);
        let got = RewardTrainer::new().center_rewards_coefficient(x);
        table.parameter("RewardTrainer::center_rewards_coefficient", got, named, FINITE);
    }
    // The ends of the domains are inside.
    assert!(Centering::of_sums(0.0).is_ok() && Centering::of_rewards(f64::MAX).is_ok());
    assert!(RewardTrainer::new().center_rewards_coefficient(-0.0).is_ok());
}

fn integers(table: &mut Table) {
    let name = "Total::from_limbs";
    let total: Total = [1.5, -3.0, f64::INFINITY, f64::NAN].into_iter().collect();
    for len in [0, 143, 145] {
        let wrong = ("their number isn't Total::LIMBS", len);
        table.limbs(name, Total::from_limbs(&vec![0; len]), wrong);
    }
    for (position, limb, reason, place) in [
        (140, -1, "a count is negative", 140),
        (143, i64::MIN, "a count is negative", 143),
        (140, 1, "more NaN and ∞ than terms", 140),
        (141, i64::MAX, "more NaN and ∞ than terms", 140),
        (69, 1, "the sum exceeds that of 2^60 terms", 69),
        (69, -2, "the sum exceeds that of 2^60 terms", 69),
        (140, 2, "a sum of no finite terms isn't 0", 140),
        (139, -1, "the sum of weights is negative", 139),
        (139, 1, "the sum of weights exceeds that of 2^60 terms", 139),
        (70 + 34, 0, "terms without a weight or a weight without terms", 140),
    ] {
        let mut limbs = total.as_limbs().to_vec();
        limbs[position] = limb;
        table.limbs(name, Total::from_limbs(&limbs), (reason, place));
    }

    let name = "Metrics::from_parts";
    let chosen = [1.0, 2.0, f64::INFINITY, f64::NAN, -0.5, 0.5, 1.25];
    let rejected = [0.5, 2.0, 0.0, 1.0, f64::INFINITY, 1.5, 0.0];
    let metrics = Metrics::of(&Pairs::new(&chosen, &rejected).expect("pairs"));
    let (sums, extremes) = (metrics.to_sums(), metrics.to_extremes());
    let got = Metrics::from_parts(&sums[1..], &extremes);
    table.limbs(name, got, ("their number isn't Metrics::SUMS", 271));
    let got = Metrics::from_parts(&sums, &extremes[1..]);
    table.limbs(name, got, ("the number of extremes isn't Metrics::EXTREMES", 3));
    let (bins, counts) = (210, 260);
    let reach = "the confidence of a bin is out of reach";
    let other = "the bins hold other pairs than are counted";
    for (position, integer, reason, place) in [
        (bins, -1, "a count is negative", bins),
        (counts + 4, 4, "more margins of +∞ than wins", counts + 4),
        (counts + 5, 3, "more margins of −∞ than losses", counts + 5),
        (counts + 6, 8, "more NaN and ∞ than rewards", counts + 6),
        (counts + 9, 8, "more NaN and ∞ than rewards", counts + 9),
        (69, 1, "a sum exceeds that of 2^60 terms", 69),
        (139, -2, "a sum exceeds that of 2^60 terms", 139),
        (209, -1, "the sum of squares is out of reach", 209),
        (counts + 3, 4, "other margins than rewards are NaN or ∞", counts + 3),
        (bins, 2, reach, bins),
        (counts, sums[counts] + 1, other, bins),
    ] {
        let mut changed = sums;
        changed[position] = integer;
        table.limbs(name, Metrics::from_parts(&changed, &extremes), (reason, place));
    }
    for (position, place) in [(0, 0), (1, 0), (2, 2), (3, 2)] {
        let mut changed = extremes;
        changed[position] = i64::MAX;
        let got = Metrics::from_parts(&sums, &changed);
        table.limbs(name, got, ("extremes that are none of such rewards", place));
    }
    let mut alone = [0; Metrics::SUMS];
    alone[0] = 1;
    let got = Metrics::from_parts(&alone, &[i64::MIN; 4]);
    table.limbs(name, got, ("a sum of no finite rewards isn't 0", 69));
}

fn of_format<T: Number>(table: &mut Table) {
    constructors_of_pairs::<T>(table);
    views::<T>(table);
    functions::<T>(table);
    outputs_of_pairs::<T>(table);
    layouts_of_pairs::<T>(table);
    reductions_of_pairs::<T>(table);
    comparisons::<T>(table);
    groups::<T>(table);
    sums::<T>(table);
    strengths::<T>(table);
}

/// The type of an inherent `impl`, or of a function outside of one.
fn owner(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("impl")?;
    let mut depth = 0;
    if rest.starts_with('<') {
        let end = rest.char_indices().find(|&(_, c)| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0
        });
        rest = &rest[end?.0 + 1..];
    }
    let name = rest.trim_start();
    name.split(|c: char| !c.is_alphanumeric()).next()
}

/// `Type::function` of each public function of a file that returns `Result`.
fn fallible(source: &str, found: &mut BTreeSet<String>) {
    let mut inside: Option<&str> = None;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("impl") {
            inside = owner(line);
        } else if line.starts_with('}') {
            inside = None;
        }
        let Some(signature) = line.trim_start().strip_prefix("pub fn ") else { continue };
        let name = signature.split(|c: char| !c.is_alphanumeric() && c != '_').next();
        let mut whole = signature.to_string();
        while !whole.contains('{') {
            whole.push_str(lines.next().expect("a body"));
        }
        let head = whole.split('{').next().unwrap_or_default();
        if head.contains("-> Result<") {
            let name = name.unwrap_or_default();
            found.insert(inside.map_or(name.to_string(), |owner| format!("{owner}::{name}")));
        }
    }
}

fn every_source(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            every_source(&path, read);
        } else {
            read(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_function_refuses_every_bad_argument() {
    let mut table = Table::default();
    parameters(&mut table);
    integers(&mut table);
    sums_of_comparisons(&mut table);
    counts(&mut table);
    of_format::<f32>(&mut table);
    // The verbs of `f64` take minutes to compile without optimisation of their parts: `cargo test --release`.
    #[cfg(not(debug_assertions))]
    of_format::<f64>(&mut table);

    let mut expected = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    every_source(&folder, &mut |source| fallible(source, &mut expected));
    // Of the feature `half`, in tests/half.rs.
    expected.retain(|name| !name.starts_with("Pairs::widened"));
    assert!(expected.len() > 40, "{expected:?}");
    let covered: BTreeSet<String> = table.functions.iter().map(ToString::to_string).collect();
    let missing: Vec<_> = expected.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&expected).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");

    let variants = include_str!("../src/error.rs").split_once("pub enum Error {").expect("it").1;
    let variants = variants.split_once("\n}").expect("its end").0.lines();
    let variant = |line: &str| {
        let line = line.strip_prefix("    ")?.strip_suffix(" {")?;
        line.starts_with(char::is_uppercase).then(|| line.to_string())
    };
    assert_eq!(table.variants, variants.filter_map(variant).collect());
}
