//! The product losses × formats × options × levels × lengths: the batch is the scalar function, and both are the truth.

use crate::custom::{LogCosh, SmoothHinge};
use crate::support::{
    Batch, Columns, Core, Every, Number, Outcome, Row, Subject, Verbs, assert_close, bits, bits_of,
    dirty, exact_sum, jet_bits, levels, negated, of_bits,
};
use pairwise_loss::{
    Exponential, Hinge, Ipo, Logistic, PairLoss, Pairs, Reduction, RobustLogistic, SquaredHinge,
    Total, Tuned,
};
use reference::Format as _;
use reference::{Loss, Real, Tuned as RealTuned};

/// Rows of the batches whose every row is looked at.
const ROWS: usize = 67;

const TUNED: RealTuned = RealTuned { scale: 0.375, margin: 0.75, smoothing: 0.1 };

/// A build that is quick to compile puts the other losses through the core verbs only; `cargo test --release` through all.
#[cfg(debug_assertions)]
type Others = Core;
#[cfg(debug_assertions)]
const OTHERS: Others = Core;
#[cfg(not(debug_assertions))]
type Others = Every;
#[cfg(not(debug_assertions))]
const OTHERS: Others = Every;

fn not_tuned() -> RealTuned {
    RealTuned::default()
}

/// The margin's magnitude, for bounds on terms that cancel.
fn reach(row: &Row) -> f64 {
    row.chosen.abs() + row.rejected.abs() + row.margin.abs()
}

/// Nothing cancels but p against σ(z) in the gradient under a label.
fn logistic_terms(row: &Row) -> [f64; 3] {
    [0.0, row.label.min(1.0 - row.label).min(1.0) * 4.0, 0.0]
}

fn logistic() -> Subject<Logistic, Every> {
    Subject {
        name: "Logistic",
        loss: Logistic,
        truth: |row| row.truth(Loss::Logistic, not_tuned()),
        cancelling: logistic_terms,
        product: true,
        verbs: Every,
    }
}

/// The same, for a format that is slow to compile.
fn logistic_core() -> Subject<Logistic, Core> {
    let Subject { name, loss, truth, cancelling, product, .. } = logistic();
    // One logarithm for many serves scores of at most 32 bits.
    Subject { name, loss, truth, cancelling, product, verbs: Core }
}

fn robust_logistic() -> Subject<RobustLogistic, Others> {
    Subject {
        name: "RobustLogistic",
        loss: RobustLogistic::new(0.1).expect("a parameter"),
        truth: |row| row.truth(Loss::RobustLogistic(0.1), not_tuned()),
        cancelling: |row| [1.0 + reach(row), if row.label < 1.0 { 1.0 } else { 0.0 }, 0.0],
        product: true,
        verbs: OTHERS,
    }
}

fn hinge() -> Subject<Hinge, Others> {
    Subject {
        name: "Hinge",
        loss: Hinge::new(0.75).expect("a parameter"),
        truth: |row| row.truth(Loss::Hinge(0.75), not_tuned()),
        cancelling: |_| [0.0; 3],
        product: false,
        verbs: OTHERS,
    }
}

fn squared_hinge() -> Subject<SquaredHinge, Others> {
    Subject {
        name: "SquaredHinge",
        loss: SquaredHinge::new(0.75).expect("a parameter"),
        truth: |row| row.truth(Loss::SquaredHinge(0.75), not_tuned()),
        cancelling: |row| [0.0, if row.label < 1.0 { 2.0 * (1.0 + reach(row)) } else { 0.0 }, 0.0],
        product: false,
        verbs: OTHERS,
    }
}

fn exponential() -> Subject<Exponential, Others> {
    Subject {
        name: "Exponential",
        loss: Exponential,
        truth: |row| row.truth(Loss::Exponential, not_tuned()),
        cancelling: |row| [0.0, if row.label < 1.0 { 8.0 } else { 0.0 }, 0.0],
        product: false,
        verbs: OTHERS,
    }
}

fn ipo() -> Subject<Ipo, Others> {
    Subject {
        name: "Ipo",
        loss: Ipo::new(0.3).expect("a parameter"),
        truth: |row| row.truth(Loss::Ipo(0.3), not_tuned()),
        cancelling: |row| [0.0, if row.label < 1.0 { 2.0 * (2.0 + reach(row)) } else { 0.0 }, 0.0],
        product: false,
        verbs: OTHERS,
    }
}

fn tuned_logistic() -> Subject<Tuned<Logistic>, Others> {
    let tuned = Tuned::new(Logistic).scale(TUNED.scale).and_then(|l| l.margin(TUNED.margin));
    Subject {
        name: "Tuned",
        loss: tuned.and_then(|l| l.smoothing(TUNED.smoothing)).expect("parameters"),
        truth: |row| row.truth(Loss::Logistic, TUNED),
        cancelling: |_| [0.0, 0.5, 0.0],
        product: true,
        verbs: OTHERS,
    }
}

fn log_cosh() -> Subject<LogCosh, Others> {
    Subject {
        name: "LogCosh",
        loss: LogCosh,
        truth: LogCosh::truth,
        cancelling: |row| [1.0 + reach(row), 2.0, 0.0],
        product: false,
        verbs: OTHERS,
    }
}

fn smooth_hinge() -> Subject<SmoothHinge, Others> {
    Subject {
        name: "SmoothHinge",
        loss: SmoothHinge,
        truth: SmoothHinge::truth,
        cancelling: |row| [0.0, if row.label < 1.0 { 2.0 } else { 0.0 }, 0.0],
        product: false,
        verbs: OTHERS,
    }
}

/// Stamps every check on every loss and format. A loss that is not in the list fails `no_public_loss_is_forgotten`.
macro_rules! product {
    ($($name:ident: $($format:ident)+;)+) => {
        $(mod $name {
            $(mod $format {
                use crate::product;

                #[test]
                fn the_batch_is_the_scalar_function_at_every_length_and_level() {
                    product::the_batch_is_the_scalar_function::<$format, _, _>(&product::$name());
                }
                #[test]
                fn every_number_is_the_nearest_one() {
                    product::every_number_is_the_nearest_one::<$format, _, _>(&product::$name());
                }
                #[test]
                fn reductions_are_the_exact_sum() {
                    product::reductions_are_the_exact_sum::<$format, _, _>(&product::$name());
                }
                #[test]
                fn weight_zero_removes_a_pair() {
                    product::weight_zero_removes_a_pair::<$format, _, _>(&product::$name());
                }
                #[test]
                fn nan_stays_where_it_is_and_is_canonical() {
                    product::nan_stays_where_it_is::<$format, _, _>(&product::$name());
                }
                #[test]
                fn a_permutation_permutes() {
                    product::a_permutation_permutes::<$format, _, _>(&product::$name());
                }
                #[test]
                fn alignment_does_not_matter() {
                    product::alignment_does_not_matter::<$format, _, _>(&product::$name());
                }
            })+
        })+

        /// The losses of the list.
        pub fn tested() -> Vec<&'static str> {
            vec![$(crate::product::$name().name),+]
        }
    };
}

product! {
    logistic: f32;
    logistic_core: f64;
    robust_logistic: f32;
    hinge: f32 f64;
    squared_hinge: f32;
    exponential: f32;
    ipo: f32;
    tuned_logistic: f32;
    log_cosh: f32;
    smooth_hinge: f32;
}

/// What takes minutes to compile: `cargo test --release`.
#[cfg(not(debug_assertions))]
mod in_release {
    product! {
        logistic: f64;
        robust_logistic: f64;
        squared_hinge: f64;
        exponential: f64;
        ipo: f64;
        tuned_logistic: f64;
        log_cosh: f64;
        smooth_hinge: f64;
    }
}

#[test]
fn no_public_loss_is_forgotten() {
    let face = include_str!("../../src/lib.rs");
    let (_, list) = face.split_once("pub use loss::{").expect("a list of losses");
    let (list, _) = list.split_once("};").expect("the end of the list");
    let public: Vec<_> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let tested = tested();
    assert!(public.contains(&"Logistic") && public.len() > 4, "{public:?}");
    // Not a loss of one margin, or one for a family of its own: tests/reward_trainer.rs, tests/ties.rs.
    let elsewhere = ["Jet", "PairLoss", "Centering", "RaoKupper", "Davidson", "TieProbabilities"];
    for name in public {
        let is_loss = !elsewhere.iter().any(|other| name.starts_with(other));
        assert!(!is_loss || tested.contains(&name), "{name} is not in the product");
        #[cfg(not(debug_assertions))]
        assert!(!is_loss || name == "Hinge" || in_release::tested().contains(&name), "{name}, f64");
    }
}

/// Rows `shift`, `shift + 1`, … of a batch, cyclically.
fn cycle(len: usize, shift: usize) -> Vec<usize> {
    (0..len).map(|i| (i + shift) % ROWS).collect()
}

/// What the verbs of the subject say of a batch.
fn ask<T: Number, L: PairLoss, V: Verbs>(
    _: &V,
    pairs: Pairs<'_, T>,
    loss: L,
    reduction: Reduction,
) -> Outcome {
    V::call(pairs, loss, reduction, 0)
}

/// What each row gives when it is a batch of its own.
fn alone<T: Number, L: PairLoss, V: Verbs>(batch: &Batch<T>, loss: L, verbs: &V) -> Vec<Outcome> {
    (0..batch.len()).map(|i| ask(verbs, batch.pick(&[i]).pairs(), loss, Reduction::Sum)).collect()
}

/// Rows side by side say what each of them says alone.
#[track_caller]
fn assert_rows(got: &Outcome, alone: &[Outcome], rows: &[usize], context: &str) {
    for (k, (name, column)) in got.columns().into_iter().enumerate() {
        let expected: Vec<u64> =
            rows.iter().flat_map(|&i| alone[i].columns()[k].1.clone()).collect();
        assert_eq!(column, &expected, "{name}, {context}");
    }
    if let Some(total) = &got.total {
        let sum: Total = rows.iter().filter_map(|&i| alone[i].total.clone()).sum();
        assert_eq!(total, &sum, "total, {context}");
    }
}

/// Both gradients are each other's negation, and the verbs agree with each other.
#[track_caller]
fn assert_consistent<T: Number>(got: &Outcome, reduction: Reduction, context: &str) {
    let opposite: Vec<T> = got.d_chosen.iter().map(|&g| negated(of_bits(g))).collect();
    assert_eq!(got.d_rejected, bits(&opposite), "d_rejected, {context}");
    assert_eq!(got.reduced, vec![got.reduced[0]; got.reduced.len()], "reduced losses, {context}");
    if got.total.is_some() {
        assert_eq!(got.d_margin, got.d_chosen, "one buffer and two, {context}");
        if reduction == Reduction::Sum {
            assert_eq!(got.d_chosen, got.gradients, "fused and separate gradients, {context}");
        }
    }
}

fn the_batch_is_the_scalar_function<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    let loss = subject.loss;
    for (kind, batch) in
        [("ordinary", Batch::<T>::ordinary(ROWS, 1)), ("wild", Batch::<T>::wild(ROWS, 2))]
    {
        for columns in Columns::all() {
            let batch = batch.clone().with(columns);
            let alone = alone(&batch, loss, &subject.verbs);
            if columns == Columns::NONE {
                for (i, one) in alone.iter().enumerate() {
                    let jet = loss.eval(batch.chosen[i], batch.rejected[i]);
                    let [value, grad, hess] = jet_bits(jet);
                    assert_eq!([one.losses[0], one.d_chosen[0]], [value, grad], "{kind} row {i}");
                    assert!(one.hessians.iter().all(|&h| h == hess), "{kind} row {i} {one:?}");
                }
            }
            for len in 0..=ROWS {
                let rows = cycle(len, 5 * len);
                let part = batch.pick(&rows);
                let mut first: Option<Outcome> = None;
                for level in levels() {
                    let context = format!("{kind}, {len} rows, {columns:?}, {level}");
                    let got =
                        ask(&subject.verbs, part.pairs().with_level(level), loss, Reduction::Sum);
                    assert_rows(&got, &alone, &rows, &context);
                    assert_consistent::<T>(&got, Reduction::Sum, &context);
                    let first = first.get_or_insert_with(|| got.clone());
                    assert_eq!(&got, first, "{context}");
                }
            }
        }
    }
}

fn every_number_is_the_nearest_one<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    for columns in Columns::all() {
        let batch = Batch::<T>::ordinary(ROWS, 3).with(columns);
        let got = ask(&subject.verbs, batch.pairs(), subject.loss, Reduction::Sum);
        for (i, row) in batch.rows().iter().enumerate() {
            let exact = (subject.truth)(row);
            let cancelling = (subject.cancelling)(row).map(|terms| terms * row.weight);
            let parts = [
                ("loss", &got.losses, exact.value),
                ("gradient", &got.d_chosen, exact.grad),
                ("hessian", &got.hessians, exact.hess),
            ];
            for ((part, column, exact), cancelling) in parts.into_iter().zip(cancelling) {
                let context = (subject.name, part, i, row);
                if let Some(&bits) = column.get(i) {
                    assert_close::<T>(of_bits(bits), &exact, T::PAIR, cancelling, &context);
                }
            }
        }
    }
}

/// What a sum of losses is divided by, exactly.
fn divisor(reduction: Reduction, rows: &[Row]) -> Real {
    match reduction {
        Reduction::Sum => Real::one(),
        Reduction::Mean => Real::from(rows.iter().filter(|row| row.weight > 0.0).count() as i64),
        Reduction::WeightedMean => {
            rows.iter().fold(Real::zero(), |sum, row| sum + Real::new(row.weight))
        }
        Reduction::Over(n) => Real::new(n),
    }
}

const REDUCTIONS: [Reduction; 4] =
    [Reduction::Sum, Reduction::Mean, Reduction::WeightedMean, Reduction::Over(-1537.0)];

/// The relative error that is allowed of a reduced loss.
fn sum_error<T: Number, L, V>(subject: &Subject<L, V>) -> f64 {
    if subject.product { T::PRODUCT } else { T::COMPENSATED }
}

/// The magnitudes of the losses, or of what cancels within them.
fn sizes<L, V>(subject: &Subject<L, V>, rows: &[Row], terms: &[Real]) -> Vec<Real> {
    let size = |(row, term): (&Row, &Real)| {
        term.abs() + Real::new((subject.cancelling)(row)[0] * row.weight)
    };
    rows.iter().zip(terms).map(size).collect()
}

/// Asserts that a reduced loss is the exact one to a relative error, in units of the sum of the sizes.
#[track_caller]
fn assert_reduced(
    got: f64,
    terms: &[Real],
    sizes: &[Real],
    divisor: &Real,
    error: f64,
    context: &str,
) {
    let got = Real::new(got);
    let scale = exact_sum(sizes);
    let distance = (got * divisor - exact_sum(terms)).abs();
    let relative = if scale.is_zero() { 0.0 } else { distance.divide(&scale, 64).approximate() };
    assert!(relative <= error, "relative error {relative:e}, {context}");
    assert!(!scale.is_zero() || distance.is_zero(), "a sum of nothing, {context}");
}

fn reductions_are_the_exact_sum<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    for columns in Columns::all() {
        let all = Batch::<T>::ordinary(ROWS, 4).with(columns);
        let all_rows = all.rows();
        let exact: Vec<_> = all_rows.iter().map(subject.truth).collect();
        let error = sum_error::<T, L, V>(subject);
        for len in [1, 2, 7, 8, 31, 32, 33, 64, ROWS] {
            let (batch, rows) = (all.pick(&cycle(len, 0)), &all_rows[..len]);
            let terms: Vec<_> = exact[..len].iter().map(|jet| jet.value.clone()).collect();
            let sizes = sizes(subject, rows, &terms);
            for reduction in REDUCTIONS {
                let context = format!("{} {len} {reduction:?} {columns:?}", subject.name);
                let got = ask(&subject.verbs, batch.pairs(), subject.loss, reduction);
                assert_consistent::<T>(&got, reduction, &context);
                let divisor = divisor(reduction, rows);
                assert_reduced(got.loss(), &terms, &sizes, &divisor, error, &context);
                for (i, row) in rows.iter().enumerate() {
                    let exact = exact[i].grad.divide(&divisor, 192);
                    let per_unit = (row.weight / divisor.approximate()).abs();
                    let cancelling = (subject.cancelling)(row)[1] * per_unit;
                    let got = of_bits::<T>(got.d_chosen[i]);
                    assert_close(got, &exact, T::FUSED, cancelling, &(&context, i, row));
                }
            }
        }
    }
}

fn weight_zero_removes_a_pair<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    let loss = subject.loss;
    let kept: Vec<usize> = (0..ROWS).filter(|i| i % 4 != 1 && i % 7 != 3).collect();
    let removed: Vec<usize> = (0..ROWS).filter(|i| !kept.contains(i)).collect();
    for columns in Columns::all().filter(|columns| columns.weights) {
        let mut batch = Batch::<T>::ordinary(ROWS, 5).with(columns);
        let weights = batch.weights.as_mut().expect("weights");
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = if kept.contains(&i) { T::of(0.25 + i as f64) } else { T::zero() };
        }
        let finite = batch.clone();
        // What is removed holds anything; every other weight 0 is −0.
        for (k, &i) in removed.iter().enumerate() {
            let anything =
                [of_bits(T::NANS[k % 4]), T::infinity(), T::neg_infinity(), T::max_value()];
            batch.chosen[i] = anything[k % 4];
            batch.rejected[i] = anything[k / 4 % 4];
            if let Some(margins) = &mut batch.margins {
                margins[i] = anything[(k + 1) % 4];
            }
            if k % 2 == 1 {
                batch.weights.as_mut().expect("weights")[i] = T::neg_zero();
            }
        }
        let deleted = batch.pick(&kept);
        for reduction in REDUCTIONS {
            let context = format!("{} {reduction:?} {columns:?}", subject.name);
            let got = ask(&subject.verbs, batch.pairs(), loss, reduction);
            let benign = ask(&subject.verbs, finite.pairs(), loss, reduction);
            assert_eq!(got.reduced, benign.reduced, "{context}");
            let rest = ask(&subject.verbs, deleted.pairs(), loss, reduction);
            for ((name, got), (_, rest)) in got.columns().into_iter().zip(rest.columns()) {
                if got.is_empty() {
                    continue;
                }
                let kept_bits: Vec<u64> = kept.iter().map(|&i| got[i]).collect();
                assert_eq!(&kept_bits, rest, "{name}, {context}");
                for &i in &removed {
                    assert_eq!(of_bits::<T>(got[i]), T::zero(), "{name}, row {i}, {context}");
                }
            }
            assert_consistent::<T>(&got, reduction, &context);
            assert_eq!(got.total, rest.total, "{context}");
            if let Some(total) = &got.total {
                assert_eq!(total.len(), kept.len() as u64, "{context}");
            }
            // The sum is grouped by position, so it may differ in its last place.
            let (got, rest) = (got.loss(), rest.loss());
            approx::assert_relative_eq!(got, rest, max_relative = 2.0 * f64::EPSILON);
        }
    }
}

fn nan_stays_where_it_is<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    let loss = subject.loss;
    for columns in Columns::all() {
        let batch = Batch::<T>::ordinary(ROWS, 6).with(columns);
        let clean = ask(&subject.verbs, batch.pairs(), loss, Reduction::Sum);
        for (k, &nan) in T::NANS.iter().enumerate() {
            for (column, i) in [(0, k + 1), (1, 30 + k), (2, 60 + k)] {
                let mut batch = batch.clone();
                let slot = match (column, &mut batch.margins) {
                    (0, _) => &mut batch.chosen[i],
                    (1, _) => &mut batch.rejected[i],
                    (_, Some(margins)) => &mut margins[i],
                    _ => continue,
                };
                *slot = of_bits(nan);
                if batch.row(i).weight == 0.0 {
                    batch.weights.as_mut().expect("weights")[i] = T::one();
                }
                for level in levels() {
                    let context =
                        format!("{nan:x} in column {column} at {i}, {columns:?}, {level}");
                    let got =
                        ask(&subject.verbs, batch.pairs().with_level(level), loss, Reduction::Sum);
                    assert_consistent::<T>(&got, Reduction::Sum, &context);
                    for ((name, got), (_, clean)) in got.columns().into_iter().zip(clean.columns())
                    {
                        let mut expected = clean.clone();
                        if let Some(slot) = expected.get_mut(i) {
                            *slot = T::CANONICAL_NAN;
                        }
                        assert_eq!(got, &expected, "{name}, {context}");
                    }
                    for reduced in got.reduced {
                        assert_eq!(reduced, f64::CANONICAL_NAN, "reduced, {context}");
                    }
                    if let Some(total) = got.total {
                        assert_eq!(total.sum().to_bits(), f64::CANONICAL_NAN, "{context}");
                    }
                }
            }
        }
    }
    for nan in T::NANS.map(of_bits::<T>) {
        for (chosen, rejected) in
            [(nan, T::one()), (T::one(), nan), (nan, nan), (T::infinity(), nan)]
        {
            assert_eq!(jet_bits(loss.eval(chosen, rejected)), [T::CANONICAL_NAN; 3]);
        }
    }
    for infinity in [T::infinity(), T::neg_infinity()] {
        assert_eq!(jet_bits(loss.eval(infinity, infinity)), [T::CANONICAL_NAN; 3]);
    }
}

fn a_permutation_permutes<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    // 29 has no factor in common with 67.
    let order: Vec<usize> = (0..ROWS).map(|i| (29 * i + 11) % ROWS).collect();
    for columns in [Columns::NONE, Columns::EVERY] {
        let batch = Batch::<T>::wild(ROWS, 7).with(columns);
        let straight = ask(&subject.verbs, batch.pairs(), subject.loss, Reduction::Over(3.0));
        let permuted =
            ask(&subject.verbs, batch.pick(&order).pairs(), subject.loss, Reduction::Over(3.0));
        for ((name, permuted), (_, straight)) in
            permuted.columns().into_iter().zip(straight.columns())
        {
            let expected: Vec<u64> =
                order.iter().filter_map(|&i| straight.get(i).copied()).collect();
            assert_eq!(permuted, &expected, "{name} {} {columns:?}", subject.name);
        }
        assert_eq!(permuted.total, straight.total, "{} {columns:?}", subject.name);
    }
}

fn alignment_does_not_matter<T: Number, L: PairLoss, V: Verbs>(subject: &Subject<L, V>) {
    for columns in [Columns::NONE, Columns::EVERY] {
        let batch = Batch::<T>::wild(ROWS, 8).with(columns);
        let rows: Vec<usize> = (1..ROWS).collect();
        let aligned = batch.pick(&rows);
        for level in levels() {
            let expected = ask(
                &subject.verbs,
                aligned.pairs().with_level(level),
                subject.loss,
                Reduction::Sum,
            );
            let unaligned = batch.pairs_from(1).with_level(level);
            let got = V::call(unaligned, subject.loss, Reduction::Sum, 1);
            assert_eq!(got, expected, "{} {columns:?} {level}", subject.name);
        }
    }
}

/// Batches of more than a block, and of one row less and more.
fn blocks<T: Number, V: Verbs>(subject: &Subject<Logistic, V>) {
    for columns in Columns::all() {
        let all = Batch::<T>::ordinary(ROWS, 9).with(columns);
        let all_rows = all.rows();
        let exact: Vec<_> = all_rows.iter().map(|row| (subject.truth)(row).value).collect();
        let alone = alone(&all, Logistic, &subject.verbs);
        for len in [511, 512, 513, 4095, 4096, 4097, 10_000] {
            let order = cycle(len, len % 11);
            let batch = all.pick(&order);
            let terms: Vec<_> = order.iter().map(|&i| exact[i].clone()).collect();
            let rows: Vec<_> = order.iter().map(|&i| all_rows[i]).collect();
            let sizes = sizes(subject, &rows, &terms);
            let error = sum_error::<T, _, _>(subject);
            let mut first: Option<Outcome> = None;
            for level in levels() {
                let context = format!("{len} rows, {columns:?}, {level}");
                let got =
                    ask(&subject.verbs, batch.pairs().with_level(level), Logistic, Reduction::Sum);
                assert_rows(&got, &alone, &order, &context);
                assert_consistent::<T>(&got, Reduction::Sum, &context);
                assert_reduced(got.loss(), &terms, &sizes, &Real::one(), error, &context);
                assert_eq!(&got, first.get_or_insert_with(|| got.clone()), "{context}");
            }
            for reduction in REDUCTIONS {
                let context = format!("{len} rows, {columns:?}, {reduction:?}");
                let got = ask(&subject.verbs, batch.pairs(), Logistic, reduction).loss();
                let divisor = divisor(reduction, &rows);
                assert_reduced(got, &terms, &sizes, &divisor, error, &context);
            }
        }
    }
}

#[test]
fn blocks_f32() {
    blocks::<f32, _>(&logistic());
}

#[test]
fn blocks_f64() {
    blocks::<f64, _>(&logistic_core());
}

/// Gradients that carry a normaliser are right in the tails too, where they are computed with more care, subnormal ones
/// included.
#[test]
fn normalised_gradients_in_the_tails() {
    fn check<T: Number, V: Verbs>(subject: &Subject<Logistic, V>) {
        let steps = (-40..=40).map(|i| f64::from(i) * 18.7);
        let chosen: Vec<T> =
            steps.chain((0..60).map(|i| 84.0 + f64::from(i) * 0.4)).map(T::of).collect();
        let rejected: Vec<T> = (0..chosen.len()).map(|i| T::of(i as f64 * 1e-3)).collect();
        let weights: Vec<T> = (0..chosen.len()).map(|i| T::of([0.7, 1e-6, 3e5][i % 3])).collect();
        for weights in [None, Some(weights)] {
            let (chosen, rejected) = (chosen.clone(), rejected.clone());
            let batch = Batch { chosen, rejected, margins: None, weights, labels: None };
            let rows = batch.rows();
            for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Over(1e-5)] {
                let divisor = divisor(reduction, &rows);
                for level in levels() {
                    let pairs = batch.pairs().with_level(level);
                    let got = ask(&subject.verbs, pairs, Logistic, reduction);
                    assert_consistent::<T>(&got, reduction, "tails");
                    for (&got, row) in got.d_chosen.iter().zip(&rows) {
                        let exact = (subject.truth)(row).grad.divide(&divisor, 192);
                        let context = (reduction, level, row);
                        assert_close::<T>(of_bits(got), &exact, T::FUSED, 0.0, &context);
                    }
                }
            }
        }
    }
    check::<f32, _>(&logistic());
    check::<f64, _>(&logistic_core());
}

/// Weight 0 removes a pair even where the loss at a margin of 0 is beyond the working precision.
#[test]
fn weight_zero_removes_infinite_losses() {
    fn check<T: Number>() {
        let Subject { verbs, .. } = squared_hinge();
        let loss = SquaredHinge::new(1e200).expect("a parameter");
        let (chosen, rejected) = (vec![T::zero(); 3], vec![T::one(); 3]);
        let weights = Some(vec![T::zero(), T::one(), T::neg_zero()]);
        let batch = Batch { chosen, rejected, margins: None, weights, labels: None };
        for level in levels() {
            let got = ask(&verbs, batch.pairs().with_level(level), loss, Reduction::Sum);
            let losses = [T::zero(), T::infinity(), T::zero()];
            assert_eq!(got.losses, bits(&losses), "{level}");
            assert_eq!([of_bits::<T>(got.d_chosen[0]), of_bits(got.d_chosen[2])], [T::zero(); 2]);
        }
    }
    check::<f32>();
    #[cfg(not(debug_assertions))]
    check::<f64>();
}

/// A reduced loss that is NaN because infinities of both signs meet is the canonical one too.
#[test]
fn infinities_that_meet_are_the_canonical_nan() {
    fn check<T: Number>() {
        let subject = robust_logistic();
        let (chosen, rejected) = ([T::infinity(), T::neg_infinity()], [T::zero(); 2]);
        for weights in [None, Some(vec![T::one(); 2])] {
            let batch = Batch {
                chosen: chosen.to_vec(),
                rejected: rejected.to_vec(),
                margins: None,
                weights,
                labels: None,
            };
            for level in levels() {
                let pairs = batch.pairs().with_level(level);
                let got = ask(&subject.verbs, pairs, subject.loss, Reduction::Mean);
                assert_eq!(got.losses, bits(&[T::neg_infinity(), T::infinity()]));
                for reduced in got.reduced {
                    assert_eq!(reduced, f64::CANONICAL_NAN, "{level}");
                }
            }
        }
    }
    check::<f32>();
    #[cfg(not(debug_assertions))]
    check::<f64>();
}

#[test]
fn the_sentinel_is_a_nan_of_its_own() {
    fn check<T: Number>() {
        for x in dirty::<T>(2) {
            assert!(x.is_nan() && bits_of(x) != T::CANONICAL_NAN);
        }
    }
    check::<f32>();
    check::<f64>();
}
