//! The operation against composed operations of candle, written-out values, and what must not go wrong in silence.

use candle_core::{
    CudaStorage, CustomOp1, CustomOp2, DType, Device, Layout, MetalStorage, Result, Shape, Tensor,
    Var,
};
use half::{bf16, f16};
use pairwise_loss_candle::{Logistic, PairwiseLoss, Reduction};
use std::sync::Arc;

const CPU: Device = Device::Cpu;

/// log(1 + eˣ) and 1/(1 + e⁻ˣ), by `std`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Differences of a few units either way.
fn scores(len: usize, phase: f64) -> Vec<f32> {
    (0..len).map(|i| ((i as f64 * phase).sin() * 5.0) as f32).collect()
}

fn variables(len: usize) -> Result<(Var, Var)> {
    Ok((Var::new(scores(len, 0.37), &CPU)?, Var::new(scores(len, 0.71), &CPU)?))
}

fn vector(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance, "{i}: {a} {b}");
    }
}

#[track_caller]
fn assert_fails<T>(result: Result<T>, message: &str) {
    let error = result.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

/// −log σ(z), composed so that it is stable.
fn composed(z: &Tensor) -> Result<Tensor> {
    let minus_z = z.neg()?;
    let tail = (z.maximum(&minus_z)?.neg()?.exp()? + 1.0)?.log()?;
    minus_z.maximum(0.0_f32)? + tail
}

#[test]
fn composed_operations_have_the_same_gradients() -> Result<()> {
    let len = 1000;
    let (chosen, rejected) = variables(len)?;
    let margins = Tensor::new(scores(len, 0.11), &CPU)?;
    let weights = ((Tensor::new(scores(len, 0.53), &CPU)?.abs()? / 10.0)? + 0.5)?;

    let z = ((chosen.as_tensor() - rejected.as_tensor())? - &margins)?;
    let reference = (composed(&z)? * &weights)?.mean_all()?;
    let loss = PairwiseLoss::mean(Logistic).with_margins(&margins)?.with_weights(&weights)?;
    let loss = chosen.apply_op2(&rejected, loss)?;

    assert_close(&vector(&loss)?, &vector(&reference)?, 1e-6);
    let (ours, theirs) = (loss.backward()?, reference.backward()?);
    for variable in [&chosen, &rejected] {
        let of = |gradients: &candle_core::backprop::GradStore| {
            vector(&(gradients.get(variable).unwrap() * len as f64)?)
        };
        assert_close(&of(&ours)?, &of(&theirs)?, 1e-6);
    }
    Ok(())
}

#[test]
fn extremes_and_ties_are_right() -> Result<()> {
    let chosen = Var::new(&[-120.0_f32, 1.25, 100.0], &CPU)?;
    let rejected = Var::new(&[0.0_f32, 1.25, 0.0], &CPU)?;
    let losses = chosen.apply_op2(&rejected, PairwiseLoss::per_pair(Logistic))?;
    // Subnormal in f32.
    let tail = (-100.0_f64).exp() as f32;
    assert_eq!(losses.to_vec1::<f32>()?, [120.0, 2.0_f32.ln(), tail]);
    assert!(tail > 0.0);

    let gradients = losses.backward()?;
    assert_eq!(gradients.get(&chosen).unwrap().to_vec1::<f32>()?, [-1.0, -0.5, -tail]);
    assert_eq!(gradients.get(&rejected).unwrap().to_vec1::<f32>()?, [1.0, 0.5, tail]);

    let mean = chosen.apply_op2(&rejected, PairwiseLoss::mean(Logistic))?;
    assert_close(&vector(&mean)?, &[(120.0 + 2.0_f64.ln()) / 3.0], 4e-6);
    Ok(())
}

#[test]
fn upstream_gradients_are_multiplied_in() -> Result<()> {
    let (chosen, rejected) = variables(5)?;
    let z = (chosen.as_tensor() - rejected.as_tensor())?;
    let factors = [1.0_f64, -2.0, 0.0, 0.5, 1e3];
    let expected: Vec<f64> =
        vector(&z)?.iter().zip(factors).map(|(z, factor)| -sigmoid(-z) * factor).collect();

    let each = chosen.apply_op2(&rejected, PairwiseLoss::per_pair(Logistic))?;
    let sum = (each.to_dtype(DType::F64)? * Tensor::new(&factors, &CPU)?)?.sum_all()?;
    let gradients = sum.backward()?;
    assert_close(&vector(gradients.get(&chosen).unwrap())?, &expected, 1e-4);
    let negated: Vec<f64> = expected.iter().map(|x| -x).collect();
    assert_close(&vector(gradients.get(&rejected).unwrap())?, &negated, 1e-4);

    let sum = chosen.apply_op2(&rejected, PairwiseLoss::reduced(Logistic, Reduction::Sum))?;
    let gradients = (sum * -3.0)?.backward()?;
    let expected: Vec<f64> = vector(&z)?.iter().map(|z| 3.0 * sigmoid(-z)).collect();
    assert_close(&vector(gradients.get(&chosen).unwrap())?, &expected, 1e-6);
    Ok(())
}

#[test]
fn an_operation_serves_one_forward_pass() -> Result<()> {
    let (chosen, rejected) = variables(5)?;
    let operation: Arc<Box<dyn CustomOp2 + Send + Sync>> =
        Arc::new(Box::new(PairwiseLoss::mean(Logistic)));
    let loss = chosen.apply_op2_arc(&rejected, operation.clone())?;
    assert_fails(rejected.apply_op2_arc(&chosen, operation), "make a new one");

    // The loss that it was made for is unharmed, and may be differentiated again and again.
    let first = vector(loss.backward()?.get(&chosen).unwrap())?;
    assert_eq!(first, vector(loss.backward()?.get(&chosen).unwrap())?);
    assert!(first.iter().all(|&x| x < 0.0));

    let operation = PairwiseLoss::per_pair(Logistic);
    chosen.apply_op2_no_bwd(&rejected, &operation)?;
    assert_fails(chosen.apply_op2_no_bwd(&rejected, &operation), "make a new one");

    let positions = Tensor::new(&[0_u32], &CPU)?;
    let operation = PairwiseLoss::mean(Logistic).between(&positions, &(&positions + 1.0)?)?;
    chosen.apply_op1_no_bwd(&operation)?;
    assert_fails(chosen.apply_op1_no_bwd(&operation), "make a new one");
    Ok(())
}

/// Chosen and rejected scores as views of one tensor: the results are those of copies in row-major order.
#[test]
fn every_layout_is_read_as_it_is() -> Result<()> {
    type View = fn(&Tensor) -> Result<[Tensor; 2]>;
    let views: [View; 6] = [
        |t| Ok([t.narrow(0, 1, 2)?, t.narrow(0, 4, 2)?]),
        |t| Ok([t.narrow(1, 0, 1)?, t.narrow(1, 3, 1)?]),
        |t| Ok([t.get_on_dim(1, 2)?, t.get_on_dim(1, 1)?]),
        |t| Ok([t.t()?.narrow(0, 0, 2)?, t.t()?.narrow(0, 1, 2)?]),
        |t| Ok([t.clone(), t.narrow(0, 2, 1)?.broadcast_as(t.shape())?]),
        |t| Ok([t.narrow(1, 1, 1)?.broadcast_as((6, 4))?, t.clone()]),
    ];
    for dtype in [DType::F32, DType::F64, DType::F16] {
        for (i, view) in views.iter().enumerate() {
            for operation in [PairwiseLoss::mean as fn(_) -> _, PairwiseLoss::per_pair] {
                let base = Tensor::new(scores(24, 0.37), &CPU)?.reshape((6, 4))?.to_dtype(dtype)?;
                let results = [false, true].map(|copied| {
                    let base = Var::from_tensor(&base)?;
                    let [mut chosen, mut rejected] = view(&base)?;
                    if copied {
                        (chosen, rejected) =
                            (chosen.force_contiguous()?, rejected.force_contiguous()?);
                    }
                    let loss = chosen.apply_op2(&rejected, operation(Logistic))?;
                    let gradients = loss.backward()?;
                    Ok([vector(&loss)?, vector(gradients.get(&base).unwrap())?])
                });
                let [in_place, copied]: [Result<_>; 2] = results;
                let (in_place, copied) = (in_place?, copied?);
                assert_eq!(in_place, copied, "view {i}");
                assert!(copied[1].iter().any(|&x| x != 0.0));
            }
        }
    }
    Ok(())
}

#[test]
fn half_precision_is_exact_until_the_end() -> Result<()> {
    fn check(dtype: DType, round: fn(f32) -> f64) -> Result<()> {
        let half =
            |phase| Var::from_tensor(&Tensor::new(scores(999, phase), &CPU)?.to_dtype(dtype)?);
        let (chosen, rejected) = (half(0.37)?, half(0.71)?);
        let wide = |x: &Var| Var::from_tensor(&x.to_dtype(DType::F32)?);
        let (wide_chosen, wide_rejected) = (wide(&chosen)?, wide(&rejected)?);
        for factor in [1.0, 65536.0] {
            let scaled = |chosen: &Var, rejected: &Var| {
                let loss = chosen.apply_op2(rejected, PairwiseLoss::mean(Logistic))?;
                assert_eq!(loss.dtype(), DType::F32);
                let gradients = (&loss * factor)?.backward()?;
                let of = |x: &Var| Ok::<_, candle_core::Error>(gradients.get(x).unwrap().clone());
                Ok::<_, candle_core::Error>((loss.to_scalar::<f32>()?, of(chosen)?, of(rejected)?))
            };
            let (loss, d_chosen, d_rejected) = scaled(&chosen, &rejected)?;
            let (wide_loss, wide_d_chosen, wide_d_rejected) = scaled(&wide_chosen, &wide_rejected)?;
            assert_eq!(loss, wide_loss);
            for (gradient, wide) in [(d_chosen, wide_d_chosen), (d_rejected, wide_d_rejected)] {
                assert_eq!(gradient.dtype(), dtype);
                let rounded: Vec<f64> = wide.to_vec1()?.into_iter().map(round).collect();
                assert_eq!(vector(&gradient)?, rounded);
                assert!(rounded.iter().all(|x| x.is_finite() && *x != 0.0));
            }
        }
        Ok(())
    }
    check(DType::F16, |x| f16::from_f32(x).to_f64())?;
    check(DType::BF16, |x| bf16::from_f32(x).to_f64())
}

#[test]
fn double_precision_stays_double() -> Result<()> {
    let chosen = Var::new(&[1.0_f64, 0.1], &CPU)?;
    let rejected = Var::new(&[1.0 - f64::EPSILON, 0.7], &CPU)?;
    let loss = chosen.apply_op2(&rejected, PairwiseLoss::mean(Logistic))?;
    let expected = f64::midpoint(2.0_f64.ln() - f64::EPSILON / 2.0, softplus(0.6));
    assert!((loss.to_scalar::<f64>()? - expected).abs() < 3e-16);
    let gradients = loss.backward()?;
    assert_close(&vector(gradients.get(&chosen).unwrap())?, &[-0.25, -sigmoid(0.6) / 2.0], 1e-16);
    Ok(())
}

#[test]
fn margins_weights_and_labels_enter() -> Result<()> {
    let (c, r, m) = ([1.5_f64, -0.25, 3.0, 9.0], [0.5, 0.5, 1.0, f64::NAN], [0.25, -1.0, 0.5, 0.0]);
    let (w, p) = ([1.0, 2.0, 0.5, 0.0], [1.0, 0.5, 0.25, 1.0]);
    let z: Vec<f64> = (0..3).map(|i| c[i] - r[i] - m[i]).collect();
    let loss = |i: usize| w[i] * (p[i] * softplus(-z[i]) + (1.0 - p[i]) * softplus(z[i]));
    let slope = |i: usize| w[i] * (sigmoid(z[i]) - p[i]);

    for dtype in [DType::F32, DType::F64] {
        // One shape for all, and not the simplest.
        let tensor = |x: [f64; 4]| Tensor::new(&x, &CPU)?.reshape((2, 2))?.t()?.to_dtype(dtype);
        let (chosen, rejected) = (Var::from_tensor(&tensor(c)?)?, Var::from_tensor(&tensor(r)?)?);
        let expected = |of: &dyn Fn(usize) -> f64| [of(0), of(2), of(1), 0.0];
        let with_columns = |operation: PairwiseLoss<_>| {
            operation.with_margins(&tensor(m)?)?.with_weights(&tensor(w)?)?.with_labels(&tensor(p)?)
        };
        let each = with_columns(PairwiseLoss::per_pair(Logistic))?;
        let each = chosen.apply_op2(&rejected, each)?;
        assert_eq!(each.dims(), [2, 2]);
        assert_close(&vector(&each)?, &expected(&loss), 1e-6);
        assert_close(&vector(each.backward()?.get(&chosen).unwrap())?, &expected(&slope), 1e-6);

        // The pair of weight 0 does not count.
        for (reduction, divisor) in [(Reduction::Mean, 3.0), (Reduction::WeightedMean, 3.5)] {
            let mean = with_columns(PairwiseLoss::reduced(Logistic, reduction))?;
            let mean = chosen.apply_op2(&rejected, mean)?;
            let sum: f64 = (0..3).map(loss).sum();
            assert_close(&vector(&mean)?, &[sum / divisor], 1e-6);
            let gradients = mean.backward()?;
            let slopes = expected(&slope).map(|slope| -slope / divisor);
            assert_close(&vector(gradients.get(&rejected).unwrap())?, &slopes, 1e-6);
        }
    }
    Ok(())
}

#[test]
fn constants_get_no_gradient() -> Result<()> {
    let (chosen, rejected) = variables(5)?;
    let loss = chosen.apply_op2(&rejected.detach(), PairwiseLoss::mean(Logistic))?;
    let gradients = loss.backward()?;
    assert!(gradients.get(&chosen).is_some() && gradients.get(&rejected).is_none());

    let operation = PairwiseLoss::mean(Logistic);
    chosen.apply_op2_no_bwd(&rejected, &operation)?;
    let upstream = Tensor::new(1.0_f32, &CPU)?;
    let (none, some) =
        CustomOp2::bwd(&operation, &chosen.detach(), &rejected, &upstream, &upstream)?;
    assert!(none.is_none() && some.is_some());
    Ok(())
}

#[test]
fn one_tensor_on_both_sides_has_no_gradient_left() -> Result<()> {
    let (chosen, _) = variables(5)?;
    let loss = chosen.apply_op2(&chosen, PairwiseLoss::mean(Logistic))?;
    assert_eq!(loss.to_scalar::<f32>()?, 2.0_f32.ln());
    assert_eq!(vector(loss.backward()?.get(&chosen).unwrap())?, [0.0; 5]);
    Ok(())
}

#[test]
fn positions_are_those_of_selected_scores() -> Result<()> {
    let winners = Tensor::new(&[0_u32, 3, 3, 1, 0], &CPU)?;
    let losers = Tensor::new(&[1_u32, 0, 2, 2, 3], &CPU)?;
    let offsets = Tensor::new(&[0.5_f32, -1.0, 0.0, 2.0, 0.25], &CPU)?;
    let weights = Tensor::new(&[1.0_f32, 2.0, 0.0, 0.5, 1.0], &CPU)?;
    let labels = Tensor::new(&[1.0_f32, 0.5, 1.0, 0.0, 0.75], &CPU)?;
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        let players = Var::from_tensor(&Tensor::new(scores(4, 0.37), &CPU)?.to_dtype(dtype)?)?;
        let with_columns = |operation: PairwiseLoss<_>| {
            operation.with_weights(&weights)?.with_labels(&labels)?.with_offsets(&offsets)
        };
        let games = with_columns(PairwiseLoss::mean(Logistic))?.between(&winners, &losers)?;
        let loss = players.apply_op1(games)?;
        let select = |positions| players.to_dtype(DType::F64)?.index_select(positions, 0);
        let pairs = with_columns(PairwiseLoss::mean(Logistic))?;
        let expected = select(&winners)?.apply_op2(&select(&losers)?, pairs)?;
        assert_close(&vector(&loss)?, &vector(&expected)?, 1e-7);
        let (ours, theirs) = (loss.backward()?, expected.backward()?);
        let (ours, theirs) = (ours.get(&players).unwrap(), theirs.get(&players).unwrap());
        assert_eq!(ours.dtype(), dtype);
        let tolerance = if dtype == DType::BF16 { 2e-3 } else { 1e-7 };
        assert_close(&vector(ours)?, &vector(theirs)?, tolerance);
    }
    Ok(())
}

#[test]
fn a_mean_in_f64_is_better_than_one_in_f32() -> Result<()> {
    let (chosen, rejected) = variables(100_000)?;
    let z = (chosen.to_dtype(DType::F64)? - rejected.to_dtype(DType::F64)?)?;
    let losses: Vec<f64> = vector(&z)?.into_iter().map(|z| softplus(-z)).collect();
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;

    let loss = chosen.apply_op2(&rejected, PairwiseLoss::mean(Logistic).loss_in_f64())?;
    assert!((loss.to_scalar::<f64>()? / mean - 1.0).abs() < 1e-12);
    let rounded = chosen.apply_op2(&rejected, PairwiseLoss::mean(Logistic))?;
    assert_eq!(rounded.to_scalar::<f32>()?, mean as f32);

    let gradient = |loss: &Tensor| loss.backward()?.get(&chosen).unwrap().to_vec1::<f32>();
    assert_eq!(gradient(&loss)?, gradient(&rounded)?);
    Ok(())
}

#[test]
fn what_is_wrong_is_an_error() -> Result<()> {
    let (chosen, rejected) = variables(4)?;
    let mean = || PairwiseLoss::mean(Logistic);
    let apply = |operation| chosen.apply_op2(&rejected, operation);

    assert_fails(
        chosen.apply_op2(&rejected.narrow(0, 0, 3)?, mean()),
        "rejected has the shape [3]",
    );
    let square = rejected.reshape((2, 2))?;
    assert_fails(chosen.apply_op2(&square, mean()), "rejected has the shape [2, 2]");
    let integers = Tensor::new(&[1_u32, 2, 3, 4], &CPU)?;
    assert_fails(integers.apply_op2(&rejected, mean()), "U32 where F32 is expected");
    let doubles = rejected.to_dtype(DType::F64)?;
    assert_fails(chosen.apply_op2(&doubles, mean()), "F64 where F32 is expected");
    assert_fails(apply(mean().with_margins(&doubles.detach())?), "F64 where F32 is expected");

    assert_fails(mean().with_margins(&rejected), "margins take part in the graph");
    assert_fails(mean().with_weights(&rejected), "weights take part in the graph");
    assert_fails(
        mean().with_labels(&(rejected.as_tensor() * 2.0)?),
        "labels take part in the graph",
    );
    assert_fails(mean().with_offsets(&rejected), "offsets take part in the graph");

    let weights = Tensor::new(&[1.0_f32, 1.0, -1.0, 1.0], &CPU)?;
    assert_fails(apply(mean().with_weights(&weights)?), "weights[2] is -1.0");
    let labels = Tensor::new(&[1.0_f32, 1.5, 1.0, 1.0], &CPU)?;
    assert_fails(apply(mean().with_labels(&labels)?), "labels[1] is 1.5");
    assert_fails(
        apply(mean().with_margins(&labels.unsqueeze(1)?)?),
        "margins have the shape [4, 1]",
    );
    assert_fails(
        apply(mean().with_weights(&weights.zeros_like()?)?),
        "Reduction::Mean of no pairs is undefined",
    );

    let first = Tensor::new(&[0_u32], &CPU)?;
    assert_fails(apply(mean().between(&first, &first)?), "apply_op1");
    assert_fails(chosen.apply_op1(mean().between(&first, &first)?), "comparison 0 is of entry 0");
    assert_fails(chosen.apply_op1(mean()), "between positions");
    let each = PairwiseLoss::per_pair(Logistic).between(&first, &first)?;
    assert_fails(chosen.apply_op1(each), "between positions");
    assert_fails(square.apply_op1(mean().between(&first, &first)?), "must be a vector");
    assert!(mean().between(&chosen, &first).is_err());
    Ok(())
}

#[test]
fn other_devices_are_told_the_way() {
    let layout = Layout::contiguous(Shape::from(4));
    let operation = PairwiseLoss::mean(Logistic);
    let (cuda, metal) = (CudaStorage, MetalStorage);
    let way_out = "to_device(&Device::Cpu)";
    assert_fails(CustomOp2::cuda_fwd(&operation, &cuda, &layout, &cuda, &layout), way_out);
    assert_fails(CustomOp2::metal_fwd(&operation, &metal, &layout, &metal, &layout), way_out);
    assert_fails(CustomOp1::cuda_fwd(&operation, &cuda, &layout), way_out);
    assert_fails(CustomOp1::metal_fwd(&operation, &metal, &layout), way_out);
}
