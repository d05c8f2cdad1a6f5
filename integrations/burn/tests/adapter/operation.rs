//! The operation against composed operations of burn, written-out values, and what must not go wrong in silence.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, FlexDevice, GradientCheckpointingStrategy, f16};
use burn::tensor::{DType, Device, Shape, Tensor, TensorData, activation};
use pairwise_loss_burn::{Logistic, PairwiseLoss, PairwiseLossBackend, Reduction, through_host};

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

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &device())
}

/// A vector that gets a gradient.
fn variable(values: &[f32]) -> Tensor<1> {
    tensor(values, [values.len()]).require_grad()
}

fn variables(len: usize) -> (Tensor<1>, Tensor<1>) {
    (variable(&scores(len, 0.37)), variable(&scores(len, 0.71)))
}

fn vector<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

fn data<const N: usize>(values: [f32; N]) -> TensorData {
    TensorData::from(values)
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance, "{i}: {a} {b}");
    }
}

#[test]
fn composed_operations_have_the_same_gradients() {
    let len = 1000;
    let (chosen, rejected) = variables(len);
    let margins = tensor(&scores(len, 0.11), [len]);
    let weights = tensor(&scores(len, 0.53), [len]).abs() / 10.0 + 0.5;

    let z = chosen.clone() - rejected.clone() - margins.clone();
    let reference = (activation::log_sigmoid(z).neg() * weights.clone()).mean();
    let loss = PairwiseLoss::new(Logistic)
        .with_margins(margins.into_data())
        .with_weights(weights.into_data())
        .forward(chosen.clone(), rejected.clone());

    let (value, expected) = (vector(&loss)[0], vector(&reference)[0]);
    assert!((value / expected - 1.0).abs() < 1e-6, "{value} {expected}");
    let (ours, theirs) = (loss.backward(), reference.backward());
    for variable in [chosen, rejected] {
        let [ours, theirs] =
            [&ours, &theirs].map(|all| vector(&(variable.grad(all).unwrap() * len as f32)));
        assert_close(&ours, &theirs, 1e-6);
    }
}

#[test]
fn extremes_and_ties_are_right() {
    let (chosen, rejected) = (variable(&[-120.0, 1.25, 100.0]), variable(&[0.0, 1.25, 0.0]));
    let loss = PairwiseLoss::new(Logistic);
    let losses = loss.forward_no_reduction(chosen.clone(), rejected.clone());
    // Subnormal in f32.
    let tail = f64::from((-100.0_f64).exp() as f32);
    assert_eq!(vector(&losses), [120.0, f64::from(2.0_f32.ln()), tail]);
    assert!(tail > 0.0);

    let gradients = losses.backward();
    assert_eq!(vector(&chosen.grad(&gradients).unwrap()), [-1.0, -0.5, -tail]);
    assert_eq!(vector(&rejected.grad(&gradients).unwrap()), [1.0, 0.5, tail]);

    let mean = loss.forward(chosen, rejected);
    assert_close(&vector(&mean), &[(120.0 + 2.0_f64.ln()) / 3.0], 4e-6);
}

#[test]
fn upstream_gradients_are_multiplied_in() {
    let (chosen, rejected) = variables(5);
    let z = vector(&(chosen.clone() - rejected.clone()));
    let factors = [1.0, -2.0, 0.0, 0.5, 1e3];
    let loss = PairwiseLoss::new(Logistic);
    let losses = loss.forward_no_reduction(chosen.clone(), rejected.clone());
    let gradients = (losses * tensor(&factors, [5])).sum().backward();
    let expected: Vec<f64> =
        z.iter().zip(factors).map(|(z, factor)| -sigmoid(-z) * f64::from(factor)).collect();
    assert_close(&vector(&chosen.grad(&gradients).unwrap()), &expected, 1e-4);
    let negated: Vec<f64> = expected.iter().map(|x| -x).collect();
    assert_close(&vector(&rejected.grad(&gradients).unwrap()), &negated, 1e-4);

    let sum = loss.with_reduction(Reduction::Sum).forward(chosen.clone(), rejected);
    let gradients = (sum * -3.0).backward();
    let expected: Vec<f64> = z.iter().map(|z| 3.0 * sigmoid(-z)).collect();
    assert_close(&vector(&chosen.grad(&gradients).unwrap()), &expected, 1e-6);
}

/// A loss holds nothing of a forward pass: two in one graph.
#[test]
fn a_loss_serves_many_forward_passes() {
    let (a, b) = (variable(&[2.0]), variable(&[1.0]));
    let loss = PairwiseLoss::new(Logistic);
    let both = loss.forward(a.clone(), b.clone()) + loss.forward(b.clone(), a.clone()) * 2.0;
    let gradients = both.backward();
    let expected = -sigmoid(-1.0) + 2.0 * sigmoid(1.0);
    assert_close(&vector(&a.grad(&gradients).unwrap()), &[expected], 1e-6);
    assert_close(&vector(&b.grad(&gradients).unwrap()), &[-expected], 1e-6);
}

/// Chosen and rejected scores as views of one tensor: the results are those of copies in row-major order.
#[test]
fn every_layout_is_read_as_it_is() {
    type View = fn(Tensor<2>) -> [Tensor<2>; 2];
    let views: [View; 5] = [
        |t| [t.clone().narrow(0, 1, 2), t.narrow(0, 4, 2)],
        |t| [t.clone().narrow(1, 0, 1), t.narrow(1, 3, 1)],
        |t| [t.clone().transpose().narrow(0, 0, 2), t.transpose().narrow(0, 1, 2)],
        |t| [t.clone(), t.narrow(0, 2, 1).expand([6, 4])],
        |t| [t.clone().narrow(1, 1, 1).expand([6, 4]), t.flip([0])],
    ];
    for dtype in [DType::F32, DType::F64, DType::F16] {
        for (i, view) in views.into_iter().enumerate() {
            let values = TensorData::new(scores(24, 0.37), [6, 4]);
            let results = [false, true].map(|copied| {
                let base =
                    Tensor::<2>::from_data(values.clone(), (&device(), dtype)).require_grad();
                let [chosen, rejected] = view(base.clone());
                let margins = if copied {
                    // The scores of both, each from data; the gradient is that of the chosen scores.
                    let leaf = |x: Tensor<2>| {
                        Tensor::<2>::from_data(x.into_data(), (&device(), dtype)).require_grad()
                    };
                    (leaf(chosen.clone()), leaf(rejected.clone()))
                } else {
                    (chosen.clone(), rejected.clone())
                };
                let losses = PairwiseLoss::new(Logistic)
                    .forward_no_reduction(margins.0.clone(), margins.1.clone());
                if copied {
                    // Back through the views by hand: Σ of the products with the gradients, which are constants.
                    let gradients = losses.backward();
                    let [c, r] = [&margins.0, &margins.1]
                        .map(|x| Tensor::from_inner(x.grad(&gradients).unwrap()));
                    let surrogate = (chosen * c).sum() + (rejected * r).sum();
                    let gradients = surrogate.backward();
                    (vector(&losses), vector(&base.grad(&gradients).unwrap()))
                } else {
                    let gradients = losses.backward();
                    (vector(&losses), vector(&base.grad(&gradients).unwrap()))
                }
            });
            let [in_place, copied] = results;
            assert_eq!(in_place.0, copied.0, "view {i}");
            assert_close(&in_place.1, &copied.1, if dtype == DType::F16 { 4e-3 } else { 1e-6 });
            assert!(copied.1.iter().any(|&x| x != 0.0));
        }
    }
}

#[test]
fn half_precision_is_exact_until_the_end() {
    for dtype in [DType::F16, DType::BF16] {
        let half = |phase| {
            let data = TensorData::new(scores(999, phase), [999]);
            Tensor::<1>::from_data(data, (&device(), dtype)).require_grad()
        };
        let (chosen, rejected) = (half(0.37), half(0.71));
        let wide = |x: &Tensor<1>| {
            Tensor::<1>::from_data(x.to_data().convert::<f32>(), &device()).require_grad()
        };
        let (wide_chosen, wide_rejected) = (wide(&chosen), wide(&rejected));
        for factor in [1.0, 65536.0] {
            let scaled = |chosen: &Tensor<1>, rejected: &Tensor<1>| {
                let loss = PairwiseLoss::new(Logistic).forward(chosen.clone(), rejected.clone());
                assert_eq!(loss.dtype(), DType::F32);
                let gradients = (loss.clone() * factor).backward();
                let gradients = [chosen, rejected].map(|x| x.grad(&gradients).unwrap());
                (loss.into_scalar::<f32>(), gradients)
            };
            let (loss, gradients) = scaled(&chosen, &rejected);
            let (wide_loss, wide_gradients) = scaled(&wide_chosen, &wide_rejected);
            assert_eq!(loss, wide_loss);
            for (gradient, wide) in gradients.into_iter().zip(wide_gradients) {
                assert_eq!(gradient.dtype(), dtype);
                let rounded = wide.into_data().convert_dtype(dtype);
                let rounded: Vec<f64> = rounded.iter::<f64>().collect();
                assert_eq!(vector(&gradient), rounded);
                assert!(rounded.iter().all(|x| x.is_finite() && *x != 0.0));
            }
        }
    }
    // The format really is the narrow one.
    assert_eq!(f16::from_f32(1.0 + 1.0 / 4096.0).to_f32(), 1.0);
}

#[test]
fn double_precision_stays_double() {
    let double = |values: [f64; 2]| {
        Tensor::<1>::from_data(TensorData::from(values), (&device(), DType::F64)).require_grad()
    };
    let (chosen, rejected) = (double([1.0, 0.1]), double([1.0 - f64::EPSILON, 0.7]));
    let loss = PairwiseLoss::new(Logistic).forward(chosen.clone(), rejected);
    assert_eq!(loss.dtype(), DType::F64);
    let expected = f64::midpoint(2.0_f64.ln() - f64::EPSILON / 2.0, softplus(0.6));
    assert_close(&vector(&loss), &[expected], 3e-16);
    let gradient = vector(&chosen.grad(&loss.backward()).unwrap());
    assert_close(&gradient, &[-0.25, -sigmoid(0.6) / 2.0], 1e-16);
}

#[test]
fn margins_weights_and_labels_enter() {
    let (c, r, m) = ([1.5, -0.25, 3.0, 9.0], [0.5, 0.5, 1.0, f32::NAN], [0.25, -1.0, 0.5, 0.0]);
    let (w, p) = ([1.0_f32, 2.0, 0.5, 0.0], [1.0_f32, 0.5, 0.25, 1.0]);
    let z: Vec<f64> = (0..3).map(|i| f64::from(c[i] - r[i] - m[i])).collect();
    let (weight, label) = (|i: usize| f64::from(w[i]), |i: usize| f64::from(p[i]));
    let value = |i| weight(i) * (label(i) * softplus(-z[i]) + (1.0 - label(i)) * softplus(z[i]));
    let slope = |i| weight(i) * (sigmoid(z[i]) - label(i));
    let expected = |of: &dyn Fn(usize) -> f64| [of(0), of(1), of(2), 0.0];

    let loss = PairwiseLoss::new(Logistic)
        .with_margins(TensorData::new(m.to_vec(), [2, 2]))
        .with_weights(TensorData::new(w.to_vec(), [2, 2]))
        .with_labels(TensorData::new(p.to_vec(), [2, 2]));
    for dtype in [DType::F32, DType::F64] {
        let scores = |x: [f32; 4]| {
            let data = TensorData::new(x.to_vec(), [2, 2]);
            Tensor::<2>::from_data(data, (&device(), dtype)).require_grad()
        };
        let (chosen, rejected) = (scores(c), scores(r));
        let losses = loss.forward_no_reduction(chosen.clone(), rejected.clone());
        assert_eq!((losses.dtype(), losses.shape()), (dtype, Shape::new([2, 2])));
        assert_close(&vector(&losses), &expected(&value), 1e-6);
        let gradient = chosen.grad(&losses.backward()).unwrap();
        assert_close(&vector(&gradient), &expected(&slope), 1e-6);

        // The pair of weight 0 does not count.
        for (reduction, divisor) in [(Reduction::Mean, 3.0), (Reduction::WeightedMean, 3.5)] {
            let mean = loss.clone().with_reduction(reduction);
            let mean = mean.forward(chosen.clone(), rejected.clone());
            assert_close(&vector(&mean), &[(0..3).map(value).sum::<f64>() / divisor], 1e-6);
            let gradient = rejected.grad(&mean.backward()).unwrap();
            let slopes = expected(&slope).map(|slope| -slope / divisor);
            assert_close(&vector(&gradient), &slopes, 1e-6);
        }
    }
}

#[test]
fn constants_get_no_gradient() {
    let (chosen, rejected) = variables(5);
    let loss = PairwiseLoss::new(Logistic);
    let expected = chosen.grad(&loss.forward(chosen.clone(), rejected.clone()).backward()).unwrap();
    // With no gradient asked for, and without any part in automatic differentiation.
    for constant in [rejected.clone().inner().autodiff(), rejected.clone().inner()] {
        let gradients = loss.forward(chosen.clone(), constant).backward();
        assert_eq!(vector(&chosen.grad(&gradients).unwrap()), vector(&expected));
        assert!(rejected.grad(&gradients).is_none());
    }
    for constant in [chosen.clone().inner().autodiff(), chosen.clone().inner()] {
        let gradients = loss.forward(constant, rejected.clone()).backward();
        assert_eq!(vector(&rejected.grad(&gradients).unwrap()), vector(&-expected.clone()));
        assert!(chosen.grad(&gradients).is_none());
    }
    let (chosen, rejected) = (chosen.inner(), rejected.inner());
    let untracked = loss.forward(chosen.clone().autodiff(), rejected.clone().autodiff());
    assert!(untracked.is_autodiff() && !untracked.is_tracked());
    let inner = loss.forward(chosen, rejected);
    assert!(!inner.is_autodiff());
    assert_eq!(vector(&inner), vector(&untracked));
}

/// What is recomputed in the backward pass lies before the loss and behind it.
#[test]
fn checkpointing_changes_nothing() {
    let run = |strategy| {
        let strategic = |x: Tensor<1>| x.with_gradient_checkpointing_strategy(strategy);
        let leaf = |phase| strategic(tensor(&scores(50, phase), [50])).require_grad();
        let (a, b) = (leaf(0.37), leaf(0.71));
        let (chosen, rejected) = ((a.clone() * 2.0).exp().log() - b.clone(), b.clone().tanh());
        let losses = PairwiseLoss::new(Logistic).forward_no_reduction(chosen, rejected);
        let loss = (losses * a.clone().abs()).exp().log().mean();
        let gradients = loss.backward();
        [&a, &b].map(|x| vector(&x.grad(&gradients).unwrap()))
    };
    let plain = run(GradientCheckpointingStrategy::Disabled);
    let checkpointed = run(GradientCheckpointingStrategy::Balanced);
    assert_eq!(plain, checkpointed);
    assert!(plain.iter().flatten().any(|&x| x != 0.0));
}

/// A flex that has no body of its own: what any other backend runs.
#[test]
fn the_body_for_any_backend_has_the_same_bits() {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let primitive = |phase| -> FloatTensor<Flex> {
            let data = TensorData::new(scores(100, phase), [10, 10]).convert_dtype(dtype);
            Flex::float_transpose(Flex::float_from_data(data, &FlexDevice))
        };
        let loss =
            PairwiseLoss::new(Logistic).with_margins(TensorData::new(scores(100, 0.1), [10, 10]));
        let (chosen, rejected) = (primitive(0.37), primitive(0.71));
        let own = Flex::pairwise_loss(chosen.clone(), rejected.clone(), loss.clone());
        let other = through_host::<Flex, _>(chosen, rejected, &loss);
        assert_eq!(own.0.into_data(), other.0.into_data());
        assert_eq!(own.1.into_data(), other.1.into_data());
    }
}

#[test]
fn a_mean_in_f64_is_better_than_one_in_f32() {
    let (chosen, rejected) = variables(100_000);
    let z = vector(&chosen).into_iter().zip(vector(&rejected)).map(|(c, r)| c - r);
    let mean = z.map(|z| softplus(-z)).sum::<f64>() / 1e5;

    let rounded = PairwiseLoss::new(Logistic);
    let exact = rounded.clone().loss_in_f64().forward(chosen.clone(), rejected.clone());
    let rounded = rounded.forward(chosen.clone(), rejected);
    assert!((exact.clone().into_scalar::<f64>() / mean - 1.0).abs() < 1e-12);
    assert_eq!(rounded.clone().into_scalar::<f32>(), mean as f32);
    let [exact, rounded] = [exact, rounded].map(|loss| chosen.grad(&loss.backward()).unwrap());
    assert_eq!((exact.dtype(), vector(&exact)), (DType::F32, vector(&rounded)));
}

#[track_caller]
fn assert_panics<T>(message: &str, call: impl FnOnce() -> T) {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(call())));
    let panic = result.unwrap_err();
    let text = panic
        .downcast_ref::<String>()
        .map_or_else(|| panic.downcast_ref::<&str>().map_or("", |text| text), String::as_str);
    assert!(text.contains(message), "{text}");
}

#[test]
fn what_is_wrong_panics() {
    let (chosen, rejected) = variables(4);
    let loss = PairwiseLoss::new(Logistic);
    let forward = |loss: PairwiseLoss<_>| loss.forward(chosen.clone(), rejected.clone());

    let three = rejected.clone().narrow(0, 0, 3);
    assert_panics("rejected has another shape", || loss.forward(chosen.clone(), three));
    let doubles = rejected.clone().cast(DType::F64);
    assert_panics("the same format", || loss.forward(chosen.clone(), doubles));
    let weights = data([1.0, 1.0, -1.0, 1.0]);
    assert_panics("weights[2] is -1.0", || forward(loss.clone().with_weights(weights)));
    let labels = data([1.0, 1.5, 1.0, 1.0]);
    assert_panics("labels[1] is 1.5", || forward(loss.clone().with_labels(labels.clone())));
    assert_panics("margins have another shape", || forward(loss.clone().with_margins(data([1.0]))));
    let doubles = TensorData::from([1.0_f64; 4]);
    assert_panics("F64 where F32 is expected", || forward(loss.clone().with_margins(doubles)));
    assert_panics("Mean of no pairs", || forward(loss.clone().with_weights(data([0.0; 4]))));
}
