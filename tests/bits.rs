//! One bit pattern: every level, the scalar functions, every alignment and every way of cutting a batch give the same.
//!
//! A hash over all results makes runs comparable that cannot stand side by side: builds with other compiler flags,
//! other machines. To print it:
//!
//! ```text
//! cargo test --release --test bits -- --ignored --nocapture print_hash
//! RUSTFLAGS="-C target-cpu=native" cargo test --release --test bits -- --ignored --nocapture print_hash
//! ```

use pairwise_loss::{
    Exponential, Hinge, Ipo, Level, Logistic, PairLoss, Pairs, Reduction, RobustLogistic, Score,
    SquaredHinge, Tuned,
};
use reference::random::SplitMix64;

/// Pairs of each format.
const PAIRS: usize = 1_000_000;

/// Pairs that the scalar functions are tried on as well.
const SCALAR: usize = 50_000;

/// FNV-1a over 64 bits at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hash(u64);

impl Hash {
    const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    fn with(self, word: u64) -> Self {
        Self((self.0 ^ word).wrapping_mul(0x0100_0000_01b3))
    }
}

/// A format whose bits can be seen.
trait Format: Score {
    fn bits(self) -> u64;
    fn any(random: &mut SplitMix64) -> Self;
}

impl Format for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
    fn any(random: &mut SplitMix64) -> Self {
        random.any_f32()
    }
}

impl Format for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn any(random: &mut SplitMix64) -> Self {
        random.any_f64()
    }
}

fn to<T: Score>(x: f64) -> T {
    <T as num_traits::NumCast>::from(x).expect("floats convert")
}

/// Scores, margins, weights and labels, specials among them.
struct Columns<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Vec<T>,
    weights: Vec<T>,
    labels: Vec<T>,
}

impl<T: Format> Columns<T> {
    fn new(len: usize) -> Self {
        let random = &mut SplitMix64::new(2026);
        let special = |random: &mut SplitMix64| {
            let table =
                [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0, -0.0, -1e30, 700.0, -745.0];
            to(table[random.below(8) as usize])
        };
        let score = |random: &mut SplitMix64| match random.below(64) {
            0 => special(random),
            1 | 2 => T::any(random),
            3..16 => to(random.log_uniform(-30.0, 7.0)),
            16..20 => to(random.uniform(-800.0, 800.0)),
            _ => to(random.uniform(-6.0, 6.0)),
        };
        let mut column = |f: &dyn Fn(&mut SplitMix64) -> T| (0..len).map(|_| f(random)).collect();
        Self {
            chosen: column(&score),
            rejected: column(&score),
            margins: column(&score),
            weights: column(&|random| match random.below(8) {
                0 => T::zero(),
                _ => to(random.log_uniform(-8.0, 8.0).abs()),
            }),
            labels: column(&|random| match random.below(4) {
                0 => to(random.below(3) as f64 / 2.0),
                _ => to(random.uniform(0.0, 1.0)),
            }),
        }
    }

    fn pairs(&self, level: Level) -> Pairs<'_, T> {
        Pairs::new(&self.chosen, &self.rejected).expect("equal lengths").with_level(level)
    }

    /// With margins, weights and labels.
    fn full(&self, level: Level) -> Pairs<'_, T> {
        self.pairs(level)
            .with_margins(&self.margins)
            .and_then(|pairs| pairs.with_weights(&self.weights))
            .and_then(|pairs| pairs.with_labels(&self.labels))
            .expect("valid columns")
    }
}

/// The losses besides the logistic one, and which of value, gradient and hessian a test asks of each: a kernel costs
/// time to compile.
struct Others {
    tuned: Tuned<Logistic>,
    robust: RobustLogistic,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    ipo: Ipo,
}

fn others() -> Others {
    let make = || {
        Ok::<_, pairwise_loss::Error>(Others {
            tuned: Tuned::new(Logistic).scale(0.3)?.margin(0.5)?.smoothing(0.1)?,
            robust: RobustLogistic::new(0.1)?,
            hinge: Hinge::new(1.0)?,
            squared_hinge: SquaredHinge::new(1.0)?,
            ipo: Ipo::new(0.1)?,
        })
    };
    make().expect("valid parameters")
}

/// Every result of every verb in one hash, and the columns of results.
fn results<T: Format>(columns: &Columns<T>, level: Level) -> (Hash, Vec<Vec<T>>) {
    let len = columns.chosen.len();
    let mut out = Vec::new();
    let mut sums = Vec::new();
    let fresh = || vec![T::one(); len];
    macro_rules! column {
        ($call:expr) => {{
            let mut column = fresh();
            let fill: &dyn Fn(&mut [T]) -> Result<(), pairwise_loss::Error> = &$call;
            fill(&mut column).expect("equal lengths");
            out.push(column);
        }};
    }
    column!(|y| level.sigmoid_into(&columns.chosen, y));
    column!(|y| level.log_sigmoid_into(&columns.chosen, y));
    column!(|y| level.softplus_into(&columns.chosen, y));
    let pairs = columns.pairs(level);
    let others = others();
    column!(|y| pairs.losses_into(Logistic, y));
    column!(|y| pairs.gradients_into(Logistic, y));
    column!(|y| pairs.hessians_into(Logistic, y));
    column!(|y| pairs.gradients_into(others.tuned, y));
    column!(|y| pairs.gradients_into(others.robust, y));
    column!(|y| pairs.losses_into(Exponential, y));
    column!(|y| pairs.losses_into(others.hinge, y));
    column!(|y| pairs.losses_into(others.squared_hinge, y));
    column!(|y| pairs.losses_into(others.ipo, y));
    for pairs in [pairs, columns.full(level)] {
        column!(|y| pairs.losses_into(Logistic, y));
        column!(|y| pairs.gradients_into(Logistic, y));
        column!(|y| pairs.hessians_into(Logistic, y));
        column!(|y| pairs.gradients_into(others.tuned, y));
        let (mut d_chosen, mut d_rejected) = (fresh(), fresh());
        for reduction in [Reduction::Sum, Reduction::Over(3.0)] {
            let sum = pairs.loss_and_gradients(Logistic, reduction, &mut d_chosen, &mut d_rejected);
            sums.push(sum.expect("equal lengths"));
            out.extend([d_chosen.clone(), d_rejected.clone()]);
        }
        let total = pairs.total(Logistic);
        sums.extend([total.sum(), total.total_weight()]);
        sums.extend(total.mean());
    }
    // Sums of ordinary pairs only: a NaN would hide all the others.
    let finite = |x: &T| x.is_finite() && x.abs() < to(1e3);
    let plain: Vec<usize> =
        (0..len).filter(|&i| finite(&columns.chosen[i]) && finite(&columns.rejected[i])).collect();
    let pick = |column: &[T]| -> Vec<T> { plain.iter().map(|&i| column[i]).collect() };
    let (chosen, rejected) = (pick(&columns.chosen), pick(&columns.rejected));
    for cut in [chosen.len(), 4096, 4095, 513, 512, 31] {
        let cut = cut.min(chosen.len());
        let pairs = Pairs::new(&chosen[..cut], &rejected[..cut]).expect("equal lengths");
        let pairs = pairs.with_level(level);
        let (mut d_chosen, mut d_rejected) = (vec![T::one(); cut], vec![T::one(); cut]);
        let mean =
            pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected);
        sums.push(mean.expect("not empty"));
        sums.push(pairs.total(Logistic).sum());
    }
    let mut hash = Hash::EMPTY;
    for y in out.iter().flatten() {
        hash = hash.with(y.bits());
    }
    for sum in sums {
        // The sign and payload of a NaN *sum* are not promised.
        hash = hash.with(if sum.is_nan() { 0x7ff8 << 48 } else { sum.to_bits() });
    }
    (hash, out)
}

fn check_levels<T: Format>() -> Hash {
    let columns = Columns::<T>::new(PAIRS);
    let (best, out) = results(&columns, Level::best());
    for level in Level::available() {
        let (hash, others) = results(&columns, level);
        if hash != best {
            for (k, (a, b)) in out.iter().zip(&others).enumerate() {
                let differs = a.iter().zip(b).position(|(a, b)| a.bits() != b.bits());
                assert_eq!(differs, None, "column {k} at {level}");
            }
            panic!("a sum at {level} differs from that at {}", Level::best());
        }
    }
    // Not a hash of nothing.
    assert!(out.len() > 20 && out.iter().all(|column| column.len() == PAIRS));
    best
}

#[test]
fn levels_agree_in_f32() {
    check_levels::<f32>();
}

#[test]
fn levels_agree_in_f64() {
    check_levels::<f64>();
}

/// The hash to compare between builds and machines.
#[test]
#[ignore = "prints a number"]
fn print_hash() {
    println!("f32 {:016x}", check_levels::<f32>().0);
    println!("f64 {:016x}", check_levels::<f64>().0);
}

fn check_scalar<T: Format>() {
    let columns = Columns::<T>::new(SCALAR);
    let (_, out) = results(&columns, Level::best());
    let others = others();
    let mut compared = 0;
    for (i, (&c, &r)) in columns.chosen.iter().zip(&columns.rejected).enumerate() {
        let jet = Logistic.eval(c, r);
        let scalar = [
            pairwise_loss::sigmoid(c),
            pairwise_loss::log_sigmoid(c),
            pairwise_loss::softplus(c),
            jet.value,
            jet.grad,
            jet.hess,
            others.tuned.eval(c, r).grad,
            others.robust.eval(c, r).grad,
            Exponential.eval(c, r).value,
            others.hinge.eval(c, r).value,
            others.squared_hinge.eval(c, r).value,
            others.ipo.eval(c, r).value,
        ];
        for (k, y) in scalar.into_iter().enumerate() {
            assert_eq!(y.bits(), out[k][i].bits(), "column {k} at {c:?}, {r:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 12 * SCALAR);
}

#[test]
fn scalar_functions_agree_with_the_batch_in_f32() {
    check_scalar::<f32>();
}

#[test]
fn scalar_functions_agree_with_the_batch_in_f64() {
    check_scalar::<f64>();
}

/// Slices that start anywhere and end anywhere.
fn check_cuts<T: Format>() {
    let columns = Columns::<T>::new(20_000);
    let random = &mut SplitMix64::new(8);
    let gradients = |from: usize, to: usize| {
        let pairs = Pairs::new(&columns.chosen[from..to], &columns.rejected[from..to])
            .and_then(|pairs| pairs.with_margins(&columns.margins[from..to]))
            .and_then(|pairs| pairs.with_weights(&columns.weights[from..to]))
            .and_then(|pairs| pairs.with_labels(&columns.labels[from..to]))
            .expect("valid columns");
        // The output has an alignment of its own.
        let shift = from % 5;
        let mut out = vec![T::one(); to - from + shift];
        pairs.gradients_into(Logistic, &mut out[shift..]).expect("equal lengths");
        out.drain(..shift);
        out
    };
    let whole = gradients(0, 20_000);
    let mut start = 0;
    let mut pieces = 0;
    while start < whole.len() {
        let end = (start + 1 + random.below(130) as usize).min(whole.len());
        let piece = gradients(start, end);
        for (i, y) in piece.into_iter().enumerate() {
            assert_eq!(y.bits(), whole[start + i].bits(), "row {i} of {start}..{end}");
        }
        start = end;
        pieces += 1;
    }
    assert!(pieces > 200);
}

#[test]
fn cuts_and_alignments_do_not_matter() {
    check_cuts::<f32>();
    check_cuts::<f64>();
}
