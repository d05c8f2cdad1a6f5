//! A program that has every kernel in it, for its machine code to be read. It need not be run.

use pairwise_loss::{
    Centering, Hinge, Jet, Level, Logistic, PairLoss, Pairs, Reduction, Score, ScoreGradients,
    Working,
};
use std::hint::black_box;

/// A loss of a user's, log cosh z: no part of the crate knows of it.
#[derive(Clone, Copy)]
struct LogCosh;

impl PairLoss for LogCosh {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let a = z.abs() * 2.0;
        let tanh = z.sign() * ((-a).sigmoid() * -2.0 + 1.0);
        Jet {
            value: a * 0.5 + (-a).softplus() - core::f64::consts::LN_2,
            grad: tanh,
            hess: -(tanh * tanh) + 1.0,
        }
    }
}

/// One batch verb each, with whatever columns the pairs have: its kernels are those of all combinations.
struct Verbs<T, L>(Vec<T>, L);

impl<T: Score, L: PairLoss> Verbs<T, L> {
    #[inline(never)]
    fn losses(&mut self, pairs: &Pairs<'_, T>) {
        let _ = black_box(pairs.losses_into(self.1, &mut self.0));
    }

    #[inline(never)]
    fn gradients(&mut self, pairs: &Pairs<'_, T>) {
        let _ = black_box(pairs.gradients_into(self.1, &mut self.0));
    }

    #[inline(never)]
    fn hessians(&mut self, pairs: &Pairs<'_, T>) {
        let _ = black_box(pairs.hessians_into(self.1, &mut self.0));
    }

    #[inline(never)]
    fn loss(&mut self, pairs: &Pairs<'_, T>) {
        let _ = black_box(pairs.loss(self.1, black_box(Reduction::Mean)));
    }

    #[inline(never)]
    fn loss_and_margin_gradient(&mut self, pairs: &Pairs<'_, T>) {
        let reduction = black_box(Reduction::Mean);
        let _ = black_box(pairs.loss_and_margin_gradient(self.1, reduction, &mut self.0));
    }

    #[inline(never)]
    fn loss_and_gradients(&mut self, pairs: &Pairs<'_, T>, d_rejected: &mut [T]) {
        let reduction = black_box(Reduction::Mean);
        let _ = black_box(pairs.loss_and_gradients(self.1, reduction, &mut self.0, d_rejected));
    }

    #[inline(never)]
    fn total(&mut self, pairs: &Pairs<'_, T>) {
        black_box(pairs.total(self.1));
    }

    #[inline(never)]
    fn total_and_gradients(&mut self, pairs: &Pairs<'_, T>, d_rejected: &mut [T]) {
        let reduction = black_box(Reduction::Mean);
        let _ = black_box(pairs.total_and_gradients(self.1, reduction, &mut self.0, d_rejected));
    }

    #[inline(never)]
    fn centered(&mut self, pairs: &Pairs<'_, T>, d_rejected: &mut [T]) {
        let Ok(centering) = Centering::of_sums(black_box(0.01)) else { return };
        let (loss, reduction) = (self.1, black_box(Reduction::Mean));
        let _ = black_box(pairs.loss_and_centered_gradients(
            loss,
            centering,
            reduction,
            &mut self.0,
            d_rejected,
        ));
    }

    #[inline(never)]
    fn vector_jacobian_product(&mut self, pairs: &Pairs<'_, T>, upstream: &[T]) {
        let out = ScoreGradients::margin(&mut self.0);
        let _ = black_box(pairs.vector_jacobian_product_into(self.1, upstream, out));
    }

    fn all(mut self, pairs: &Pairs<'_, T>) {
        self.losses(pairs);
        self.gradients(pairs);
        self.hessians(pairs);
        self.loss(pairs);
        self.loss_and_margin_gradient(pairs);
        self.loss_and_gradients(pairs, &mut vec![T::zero(); pairs.len()]);
        self.total(pairs);
        self.vector_jacobian_product(pairs, &vec![T::one(); pairs.len()]);
    }
}

/// All columns are there or not as the machine may decide.
fn format<T: Score>() {
    let x = black_box(vec![T::one(); 64]);
    let mut out = black_box(vec![T::zero(); 64]);
    for level in Level::available() {
        let _ = black_box(level.sigmoid_into(&x, &mut out));
        let _ = black_box(level.log_sigmoid_into(&x, &mut out));
        let _ = black_box(level.softplus_into(&x, &mut out));
        let Ok(mut pairs) = Pairs::new(&x, &x) else { return };
        let columns = [Pairs::with_margins, Pairs::with_weights, Pairs::with_labels];
        for with_column in columns {
            if black_box(true) {
                let Ok(more) = with_column(pairs, &x) else { return };
                pairs = more;
            }
        }
        let pairs = pairs.with_level(level);
        Verbs(out.clone(), Logistic).all(&pairs);
        let (mut logistic, mut d_rejected) = (Verbs(out.clone(), Logistic), out.clone());
        logistic.total_and_gradients(&pairs, &mut d_rejected);
        logistic.centered(&pairs, &mut d_rejected);
        let Ok(hinge) = Hinge::new(black_box(1.0)) else { return };
        Verbs(out.clone(), hinge).all(&pairs);
        Verbs(out.clone(), LogCosh).all(&pairs);
    }
}

/// A loop that is not vectorised, for the check to find: each step waits for the one before.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn scalar_specimen(x: &[f64]) -> f64 {
    x.iter().fold(0.5, |sum, &x| x.mul_add(sum, x * sum) * sum)
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    black_box(scalar_specimen as unsafe fn(&[f64]) -> f64);
    format::<f32>();
    format::<f64>();
}
