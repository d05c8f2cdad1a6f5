//! The losses of [`pairwise_loss`] as an operation of burn.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use pairwise_loss_burn::{Logistic, PairwiseLoss};
//!
//! let device = Device::flex().autodiff();
//! let chosen = Tensor::<1>::from_floats([2.5, 0.1, -100.0], &device).require_grad();
//! let rejected = Tensor::<1>::from_floats([1.0, 0.6, 100.0], &device).require_grad();
//!
//! let loss = PairwiseLoss::new(Logistic).forward(chosen, rejected.clone());
//! let gradients = loss.backward();
//!
//! // (log(1 + e^−1.5) + log(1 + e^0.5) + 200) / 3: the third pair costs 200, not ∞.
//! assert!((loss.into_scalar::<f32>() - 67.0585).abs() < 1e-4);
//! let d_rejected = rejected.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
//! assert_eq!(d_rejected[2], 1.0 / 3.0);
//! ```
//!
//! The forward pass computes loss and gradient together and leaves the gradient for the backward pass, on the CPU: in place
//! where flex holds the scores in row-major order, and with a copy there and back on any other backend.
//!
//! Scores are `f32`, `f64`, `f16` or `bf16`. The loss is `f64` for `f64` scores, otherwise `f32`, unless
//! [`loss_in_f64`](PairwiseLoss::loss_in_f64) asks for more. Half precision is widened exactly, and the gradient rounded to it
//! once, at the very end, so that a loss may be scaled before `backward`.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, FloatDType, TensorMetadata,
    backend_extension, ops::FloatTensorOps, read_sync,
};
use burn::tensor::{DType, Element, Shape, Tensor, TensorData};
use pairwise_loss::{Error, Pairs};

pub use pairwise_loss::{
    Exponential, Hinge, Ipo, Logistic, PairLoss, RaoKupperWin, Reduction, RobustLogistic, Score,
    SquaredHinge, Tuned,
};

/// The loss of pairs of chosen and rejected scores.
///
/// Pair i stands for the margin zᵢ = chosenᵢ − rejectedᵢ − mᵢ and the loss wᵢ·(pᵢ·L(zᵢ) + (1 − pᵢ)·L(−zᵢ)). Margins m, weights w
/// and labels p are data, without gradients, in row-major order and in the shape of the scores.
#[derive(Clone, Debug)]
pub struct PairwiseLoss<L> {
    loss: L,
    /// None: one loss a pair.
    reduction: Option<Reduction>,
    loss_in_f64: bool,
    margins: Option<TensorData>,
    weights: Option<TensorData>,
    labels: Option<TensorData>,
}

impl<L: PairLoss + 'static> PairwiseLoss<L> {
    /// The mean over the pairs.
    pub fn new(loss: L) -> Self {
        let (reduction, loss_in_f64) = (Some(Reduction::Mean), false);
        Self { loss, reduction, loss_in_f64, margins: None, weights: None, labels: None }
    }

    /// Reduces the losses of the pairs in another way than by their mean.
    #[must_use]
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction: Some(reduction), ..self }
    }

    /// Returns a reduced loss as the `f64` it is computed in, also of other scores: the mean of ten million pairs to 10⁻¹²
    /// of itself instead of the 6·10⁻⁸ to which `f32` rounds it.
    #[must_use]
    pub fn loss_in_f64(self) -> Self {
        Self { loss_in_f64: true, ..self }
    }

    /// Subtracts a margin from each pair.
    #[must_use]
    pub fn with_margins(self, margins: TensorData) -> Self {
        Self { margins: Some(margins), ..self }
    }

    /// Multiplies the loss of each pair by a weight, finite and ≥ 0; weight 0 removes the pair entirely.
    #[must_use]
    pub fn with_weights(self, weights: TensorData) -> Self {
        Self { weights: Some(weights), ..self }
    }

    /// Gives each pair a soft label in [0, 1], the probability that `chosen` is the preferred one. A tie is ½.
    #[must_use]
    pub fn with_labels(self, labels: TensorData) -> Self {
        Self { labels: Some(labels), ..self }
    }

    /// The reduced loss.
    ///
    /// # Panics
    /// If shapes or formats differ, a weight or a label lies outside its domain, or it is the mean of nothing.
    pub fn forward<const D: usize>(&self, chosen: Tensor<D>, rejected: Tensor<D>) -> Tensor<1> {
        let (chosen, rejected) = (chosen.into_dispatch(), rejected.into_dispatch());
        Tensor::from_dispatch(Dispatch::pairwise_loss(chosen, rejected, self.clone()).0)
    }

    /// One loss a pair.
    ///
    /// # Panics
    /// If shapes or formats differ, or a weight or a label lies outside its domain.
    pub fn forward_no_reduction<const D: usize>(
        &self,
        chosen: Tensor<D>,
        rejected: Tensor<D>,
    ) -> Tensor<D> {
        let (chosen, rejected) = (chosen.into_dispatch(), rejected.into_dispatch());
        let each = Self { reduction: None, ..self.clone() };
        Tensor::from_dispatch(Dispatch::pairwise_loss(chosen, rejected, each).0)
    }

    /// The loss, and its derivatives with respect to the chosen scores.
    fn evaluate<T: Score + Element>(
        &self,
        chosen: Option<&[T]>,
        rejected: Option<&[T]>,
        shape: Shape,
    ) -> [TensorData; 2] {
        let (Some(chosen), Some(rejected)) = (chosen, rejected) else {
            panic!("scores must be floats, of 16, 32 or 64 bits")
        };
        let column = |name, data: &Option<TensorData>| {
            data.clone().map(|data| {
                assert_eq!(*data.shape(), shape, "{name} have another shape than the scores");
                exactly::<T>(data).try_into_vec::<T>().unwrap_or_else(|error| panic!("{error}"))
            })
        };
        let margins = column("margins", &self.margins);
        let weights = column("weights", &self.weights);
        let labels = column("labels", &self.labels);
        let mut gradient = vec![T::zero(); chosen.len()];
        let mut losses = Vec::new();
        let mut evaluate = || {
            let pairs = Pairs::new(chosen, rejected)?;
            let pairs = margins.iter().try_fold(pairs, |pairs, m| pairs.with_margins(m))?;
            let pairs = weights.iter().try_fold(pairs, |pairs, w| pairs.with_weights(w))?;
            let pairs = labels.iter().try_fold(pairs, |pairs, p| pairs.with_labels(p))?;
            if let Some(reduction) = self.reduction {
                return pairs.loss_and_margin_gradient(self.loss, reduction, &mut gradient);
            }
            losses.resize(pairs.len(), T::zero());
            pairs.losses_into(self.loss, &mut losses)?;
            pairs.loss_and_margin_gradient(self.loss, Reduction::Sum, &mut gradient)
        };
        let loss = evaluate().unwrap_or_else(|error: Error| panic!("{error}"));
        let loss = match self.reduction {
            Some(_) if self.loss_in_f64 => TensorData::new(vec![loss], [1]),
            Some(_) => TensorData::new(vec![loss], [1]).convert::<T>(),
            None => TensorData::new(losses, shape.clone()),
        };
        [loss, TensorData::new(gradient, shape)]
    }
}

/// A backend on which pairwise losses can be computed.
#[backend_extension(Flex, Autodiff)]
pub trait PairwiseLossBackend: Backend {
    /// The loss, and its derivatives with respect to the chosen scores. This body serves any backend.
    ///
    /// # Panics
    /// As [`PairwiseLoss::forward`].
    fn pairwise_loss<L: PairLoss + 'static>(
        chosen: FloatTensor<Self>,
        rejected: FloatTensor<Self>,
        loss: PairwiseLoss<L>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        through_host::<Self, L>(chosen, rejected, &loss)
    }
}

impl PairwiseLossBackend for Flex {
    fn pairwise_loss<L: PairLoss + 'static>(
        chosen: FloatTensor<Self>,
        rejected: FloatTensor<Self>,
        loss: PairwiseLoss<L>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (device, shape) = (chosen.device(), common_shape::<Self>(&chosen, &rejected));
        let [chosen, rejected] = [chosen, rejected].map(|tensor| match tensor.dtype() {
            DType::F16 | DType::BF16 => Self::float_cast(tensor, FloatDType::F32),
            _ if tensor.is_contiguous() => tensor,
            _ => tensor.to_contiguous(),
        });
        let data = match chosen.dtype() {
            DType::F64 => loss.evaluate(chosen.as_slice::<f64>(), rejected.as_slice(), shape),
            _ => loss.evaluate(chosen.as_slice::<f32>(), rejected.as_slice(), shape),
        };
        data.map(|data| Self::float_from_data(data, &device)).into()
    }
}

impl<B: PairwiseLossBackend, C: CheckpointStrategy> PairwiseLossBackend for Autodiff<B, C> {
    fn pairwise_loss<L: PairLoss + 'static>(
        chosen: FloatTensor<Self>,
        rejected: FloatTensor<Self>,
        loss: PairwiseLoss<L>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ((chosen, chosen_node), (rejected, rejected_node)) =
            (chosen.into_parts(), rejected.into_parts());
        let dtype = chosen.dtype();
        let (loss, gradient) = B::pairwise_loss(chosen, rejected, loss);
        let nodes = [chosen_node, rejected_node];
        let loss = match FromGradient.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish((gradient.clone(), dtype.into()), loss),
            OpsKind::UnTracked(operation) => operation.finish(loss),
        };
        (loss, Self::from_inner(gradient))
    }
}

/// The backward pass, from the derivatives with respect to the chosen scores and the format of the scores.
#[derive(Debug)]
struct FromGradient;

impl<B: Backend> Backward<B, 2> for FromGradient {
    type State = (FloatTensor<B>, FloatDType);

    fn backward(
        self,
        operation: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let (gradient, dtype) = operation.state;
        let upstream = gradients.consume::<B>(&operation.node);
        let gradient = if upstream.shape().num_elements() == 1 {
            match host::<B>(upstream).iter::<f64>().next() {
                Some(1.0) | None => gradient,
                Some(factor) => B::float_mul_scalar(gradient, factor.into()),
            }
        } else {
            B::float_mul(gradient, upstream)
        };
        let [chosen, rejected] = operation.parents;
        if let Some(node) = rejected {
            let gradient = B::float_neg(gradient.clone());
            gradients.register::<B>(node.id, B::float_cast(gradient, dtype));
        }
        if let Some(node) = chosen {
            gradients.register::<B>(node.id, B::float_cast(gradient, dtype));
        }
    }
}

/// The body of [`PairwiseLossBackend::pairwise_loss`], also for tests on a backend that has one of its own.
#[doc(hidden)]
pub fn through_host<B: Backend, L: PairLoss + 'static>(
    chosen: FloatTensor<B>,
    rejected: FloatTensor<B>,
    loss: &PairwiseLoss<L>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (device, shape) = (chosen.device(), common_shape::<B>(&chosen, &rejected));
    let [chosen, rejected] = [chosen, rejected].map(host::<B>);
    let data = match chosen.dtype() {
        DType::F64 => loss.evaluate(chosen.as_slice::<f64>().ok(), rejected.as_slice().ok(), shape),
        _ => loss.evaluate(chosen.as_slice::<f32>().ok(), rejected.as_slice().ok(), shape),
    };
    data.map(|data| B::float_from_data(data, &device)).into()
}

fn common_shape<B: Backend>(chosen: &FloatTensor<B>, rejected: &FloatTensor<B>) -> Shape {
    let shape = chosen.shape();
    assert_eq!(rejected.dtype(), chosen.dtype(), "chosen and rejected must have the same format");
    assert_eq!(rejected.shape(), shape, "rejected has another shape than chosen");
    shape
}

/// The elements in row-major order, as `f32` where they have half precision.
fn host<B: Backend>(tensor: FloatTensor<B>) -> TensorData {
    let data = read_sync(B::float_into_data(tensor)).unwrap_or_else(|error| panic!("{error}"));
    match data.dtype() {
        DType::F16 | DType::BF16 => data.convert::<f32>(),
        _ => data,
    }
}

/// The elements in another format, which must be able to hold them.
fn exactly<T: Element>(data: TensorData) -> TensorData {
    match (data.dtype(), T::dtype()) {
        (from, to) if from == to => data,
        (DType::F16 | DType::BF16 | DType::F32, DType::F32 | DType::F64) => data.convert::<T>(),
        (from, to) => panic!("{from:?} where {to:?} is expected"),
    }
}

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
