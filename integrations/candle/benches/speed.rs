//! Mean of −log σ(chosen − rejected) over `f32` scores and both gradients, forward and backward, through the operation and
//! composed of candle's own; and how good the mean of ten million is. Results are checked before anything is timed.

#[path = "../../speed.rs"]
mod speed;

use candle_core::{Device, Result, Tensor, Var};
use pairwise_loss_candle::{Logistic, PairwiseLoss};

fn operation(chosen: &Tensor, rejected: &Tensor) -> Result<Tensor> {
    chosen.apply_op2(rejected, PairwiseLoss::mean(Logistic))
}

/// The fastest form found that is stable. With `relu` or `abs` the gradient at a tie would be −1.5; `maximum` halves its
/// own there.
fn composed(chosen: &Tensor, rejected: &Tensor) -> Result<Tensor> {
    let z = (chosen - rejected)?;
    let minus_z = z.neg()?;
    let tail = (z.maximum(&minus_z)?.neg()?.exp()? + 1.0)?.log()?;
    (minus_z.maximum(0.0_f32)? + tail)?.mean_all()
}

/// Shorter, and ∞ for a pair that is lost by 100.
fn unstable(chosen: &Tensor, rejected: &Tensor) -> Result<Tensor> {
    ((rejected - chosen)?.exp()? + 1.0)?.log()?.mean_all()
}

type Form = fn(&Tensor, &Tensor) -> Result<Tensor>;
const FORMS: [(&str, Form); 3] =
    [("operation", operation), ("composed", composed), ("unstable", unstable)];

fn variables(chosen: &[f32], rejected: &[f32]) -> Result<[Var; 2]> {
    Ok([Var::new(chosen, &Device::Cpu)?, Var::new(rejected, &Device::Cpu)?])
}

fn main() -> Result<()> {
    println!(
        "    pairs, µs: operation     composed     unstable; the others as multiples of the first"
    );
    for pairs in [1 << 6, 1 << 12, 1 << 20] {
        let (c, r) = (speed::scores(pairs, 0.37), speed::scores(pairs, 0.71));
        let expected = speed::reference(&c, &r);
        let [chosen, rejected] = &variables(&c, &r)?;
        for (name, form) in FORMS {
            let mean = form(chosen, rejected)?;
            let gradient = mean.backward()?.get(chosen).unwrap().to_vec1()?;
            speed::check(name, (f64::from(mean.to_scalar::<f32>()?), gradient), &expected);
        }
        let mut steps = FORMS.map(|(_, form)| {
            move || {
                let gradients = form(chosen, rejected).and_then(|mean| mean.backward()).unwrap();
                assert!(gradients.get(chosen).is_some() && gradients.get(rejected).is_some());
            }
        });
        let [a, b, c] = &mut steps;
        speed::print_row(pairs, &speed::times(pairs, &mut [a, b, c]));
    }

    let (c, r) = (speed::scores(10_000_000, 0.37), speed::scores(10_000_000, 0.71));
    let (expected, _) = speed::reference(&c, &r);
    let [chosen, rejected] = &variables(&c, &r)?;
    println!("\nmean of ten million, relative error");
    let in_f64 = PairwiseLoss::mean(Logistic).loss_in_f64();
    let error = chosen.apply_op2_no_bwd(rejected, &in_f64)?.to_scalar::<f64>()? / expected - 1.0;
    println!("{:>22} {:8.1e}", "operation, loss_in_f64", error.abs());
    assert!(error.abs() <= 1e-9);
    for (name, form) in FORMS {
        let mean = form(&chosen.detach(), &rejected.detach())?.to_scalar::<f32>()?;
        println!("{name:>22} {:8.1e}", (f64::from(mean) / expected - 1.0).abs());
    }
    Ok(())
}
