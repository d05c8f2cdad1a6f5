//! The losses of [`pairwise_loss`] as custom operations of candle, on the CPU.
//!
//! ```
//! use candle_core::{Device, Var};
//! use pairwise_loss_candle::{Logistic, PairwiseLoss};
//!
//! let chosen = Var::new(&[2.5_f32, 0.1, -100.0], &Device::Cpu)?;
//! let rejected = Var::new(&[1.0_f32, 0.6, 100.0], &Device::Cpu)?;
//!
//! let loss = chosen.apply_op2(&rejected, PairwiseLoss::mean(Logistic))?;
//! let gradients = loss.backward()?;
//!
//! // (log(1 + e^−1.5) + log(1 + e^0.5) + 200) / 3: the third pair costs 200, not ∞.
//! assert!((loss.to_scalar::<f32>()? - 67.0585).abs() < 1e-4);
//! assert_eq!(gradients.get(&rejected).unwrap().to_vec1::<f32>()?[2], 1.0 / 3.0);
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! The forward pass computes loss and gradient together and keeps the gradient in the operation, so an operation is good for
//! one forward pass: make a new one each time. The same one again is an error.
//!
//! Scores are `f32`, `f64`, `f16` or `bf16`, in any layout: narrowed, transposed, broadcast. The loss is `f64` for `f64` scores,
//! otherwise `f32`, unless [`loss_in_f64`](PairwiseLoss::loss_in_f64) asks for more. Half precision is widened exactly, and the
//! gradient rounded to it once, at the very end, so that a loss may be scaled before `backward`.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, DType, Device, Error, Layout, MetalStorage,
    Result, Shape, Storage, Tensor, WithDType, bail,
};
use pairwise_loss::{Comparisons, Pairs};
use std::borrow::Cow;
use std::sync::OnceLock;

pub use pairwise_loss::{
    Exponential, Hinge, Ipo, Logistic, PairLoss, RaoKupperWin, Reduction, RobustLogistic, Score,
    SquaredHinge, Tuned,
};

/// The loss of pairs, an operation on the chosen and the rejected scores, two tensors of one shape; or, with
/// [`between`](PairwiseLoss::between), on one vector of scores whose entries are compared.
///
/// Pair i stands for the margin zᵢ = chosenᵢ − rejectedᵢ − mᵢ and the loss wᵢ·(pᵢ·L(zᵢ) + (1 − pᵢ)·L(−zᵢ)). Scores that take no
/// part in the graph cost nothing in the backward pass; margins m, weights w and labels p are constants, it is an error if they
/// take part.
#[derive(Debug)]
pub struct PairwiseLoss<L> {
    loss: L,
    reduction: Option<Reduction>,
    loss_in_f64: bool,
    margins: Option<Tensor>,
    weights: Option<Tensor>,
    labels: Option<Tensor>,
    positions: Option<[Vec<u32>; 2]>,
    /// What the forward pass leaves for the backward pass: the derivatives with respect to the first argument.
    gradient: OnceLock<Tensor>,
}

impl<L: PairLoss> PairwiseLoss<L> {
    /// The mean over the pairs: a scalar.
    pub fn mean(loss: L) -> Self {
        Self::reduced(loss, Reduction::Mean)
    }

    /// A scalar, reduced as you say.
    pub fn reduced(loss: L, reduction: Reduction) -> Self {
        Self { reduction: Some(reduction), ..Self::per_pair(loss) }
    }

    /// One loss a pair, in the shape of the scores.
    pub fn per_pair(loss: L) -> Self {
        Self {
            loss,
            reduction: None,
            loss_in_f64: false,
            margins: None,
            weights: None,
            labels: None,
            positions: None,
            gradient: OnceLock::new(),
        }
    }

    /// Returns a reduced loss as the `f64` it is computed in, also of other scores: the mean of ten million pairs to 10⁻¹²
    /// of itself instead of the 6·10⁻⁸ to which `f32` rounds it.
    #[must_use]
    pub fn loss_in_f64(self) -> Self {
        Self { loss_in_f64: true, ..self }
    }

    /// Subtracts a margin from each pair.
    ///
    /// # Errors
    /// If the margins take part in the graph.
    pub fn with_margins(self, margins: &Tensor) -> Result<Self> {
        Ok(Self { margins: Some(constant("margins", margins)?), ..self })
    }

    /// Adds an offset to the margin of each pair, such as the advantage of playing at home: the margin is its negation.
    ///
    /// # Errors
    /// If the offsets take part in the graph.
    pub fn with_offsets(self, offsets: &Tensor) -> Result<Self> {
        Ok(Self { margins: Some(constant("offsets", offsets)?.neg()?), ..self })
    }

    /// Multiplies the loss of each pair by a weight, finite and ≥ 0; weight 0 removes the pair entirely.
    ///
    /// # Errors
    /// If the weights take part in the graph.
    pub fn with_weights(self, weights: &Tensor) -> Result<Self> {
        Ok(Self { weights: Some(constant("weights", weights)?), ..self })
    }

    /// Gives each pair a soft label in [0, 1], the probability that `chosen` is the preferred one. A tie is ½.
    ///
    /// # Errors
    /// If the labels take part in the graph.
    pub fn with_labels(self, labels: &Tensor) -> Result<Self> {
        Ok(Self { labels: Some(constant("labels", labels)?), ..self })
    }

    /// Pair i is won by entry `winners[i]` against entry `losers[i]` of one vector of scores, to which the operation is to be
    /// applied with `apply_op1`: ratings, RankNet, BPR. The loss has to be a reduced one.
    ///
    /// ```
    /// use candle_core::{Device, Tensor, Var};
    /// use pairwise_loss_candle::{Logistic, PairwiseLoss, Reduction};
    ///
    /// // Three players, each pair played once: 0 beat 1 and 2, 1 beat 2.
    /// let scores = Var::new(&[1.0_f64, 0.0, -1.0], &Device::Cpu)?;
    /// let winners = Tensor::new(&[0_u32, 0, 1], &Device::Cpu)?;
    /// let losers = Tensor::new(&[1_u32, 2, 2], &Device::Cpu)?;
    /// let games = PairwiseLoss::reduced(Logistic, Reduction::Sum).between(&winners, &losers)?;
    /// let loss = scores.apply_op1(games)?;
    ///
    /// // 2·log(1 + e⁻¹) + log(1 + e⁻²)
    /// assert!((loss.to_scalar::<f64>()? - 0.753451).abs() < 1e-6);
    /// let gradients = loss.backward()?;
    /// assert_eq!(gradients.get(&scores).unwrap().to_vec1::<f64>()?[1], 0.0);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the positions are not vectors of `u32`.
    pub fn between(self, winners: &Tensor, losers: &Tensor) -> Result<Self> {
        Ok(Self { positions: Some([winners.to_vec1()?, losers.to_vec1()?]), ..self })
    }

    fn pairs<T: Score + WithDType>(
        &self,
        chosen: (&CpuStorage, &Layout),
        rejected: (&CpuStorage, &Layout),
    ) -> Result<(CpuStorage, Shape)> {
        let shape = chosen.1.shape();
        if rejected.1.shape() != shape {
            bail!("rejected has the shape {:?} where chosen has {shape:?}", rejected.1.shape());
        }
        let (chosen, rejected) = (values::<T>(chosen)?, values::<T>(rejected)?);
        let [margins, weights, labels] = self.columns::<T>(shape)?;
        let pairs = || {
            let pairs = Pairs::new(&chosen, &rejected)?;
            let pairs = margins.iter().try_fold(pairs, |pairs, m| pairs.with_margins(m))?;
            let pairs = weights.iter().try_fold(pairs, |pairs, w| pairs.with_weights(w))?;
            labels.iter().try_fold(pairs, |pairs, p| pairs.with_labels(p))
        };
        let pairs = pairs().map_err(Error::wrap)?;
        let mut gradient = vec![T::zero(); pairs.len()];
        let output = if let Some(reduction) = self.reduction {
            let loss = pairs.loss_and_margin_gradient(self.loss, reduction, &mut gradient);
            self.scalar::<T>(loss.map_err(Error::wrap)?)
        } else {
            let mut losses = gradient.clone();
            pairs.losses_into(self.loss, &mut losses).map_err(Error::wrap)?;
            let sum = pairs.loss_and_margin_gradient(self.loss, Reduction::Sum, &mut gradient);
            sum.map_err(Error::wrap)?;
            (T::to_cpu_storage_owned(losses), shape.clone())
        };
        self.keep(gradient, shape)?;
        Ok(output)
    }

    fn comparisons<T: Score + WithDType>(
        &self,
        scores: (&CpuStorage, &Layout),
        [winners, losers]: &[Vec<u32>; 2],
        reduction: Reduction,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = scores.1.shape();
        let scores = values::<T>(scores)?;
        let [margins, weights, labels] = self.columns::<T>(&winners.len().into())?;
        let offsets = margins.map(|margins| margins.into_iter().map(|m| -m).collect::<Vec<_>>());
        let mut gradient = vec![T::zero(); scores.len()];
        let games = || {
            let games = Comparisons::new(&scores, winners, losers)?;
            let games = offsets.iter().try_fold(games, |games, o| games.with_offsets(o))?;
            let games = weights.iter().try_fold(games, |games, w| games.with_weights(w))?;
            labels.iter().try_fold(games, |games, p| games.with_labels(p))
        };
        let games = games().map_err(Error::wrap)?;
        let loss = games.loss_and_gradient(self.loss, reduction, &mut gradient);
        let loss = self.scalar::<T>(loss.map_err(Error::wrap)?);
        self.keep(gradient, shape)?;
        Ok(loss)
    }

    fn columns<T: WithDType>(&self, shape: &Shape) -> Result<[Option<Vec<T>>; 3]> {
        let column = |name, tensor: &Option<Tensor>| {
            let Some(tensor) = tensor else { return Ok(None) };
            if tensor.shape() != shape {
                bail!("{name} have the shape {:?} where the pairs have {shape:?}", tensor.shape());
            }
            let (storage, layout) = tensor.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else { bail!("{ELSEWHERE}") };
            Ok(Some(values((storage, layout))?.into_owned()))
        };
        Ok([
            column("margins", &self.margins)?,
            column("weights", &self.weights)?,
            column("labels", &self.labels)?,
        ])
    }

    fn scalar<T: WithDType>(&self, loss: f64) -> (CpuStorage, Shape) {
        let storage = if self.loss_in_f64 {
            f64::to_cpu_storage_owned(vec![loss])
        } else {
            T::to_cpu_storage_owned(vec![T::from_f64(loss)])
        };
        (storage, Shape::from(()))
    }

    fn check_unused(&self) -> Result<()> {
        if self.gradient.get().is_some() {
            bail!("a loss holds the gradient of its forward pass: make a new one for another");
        }
        Ok(())
    }

    fn keep<T: WithDType>(&self, gradient: Vec<T>, shape: &Shape) -> Result<()> {
        let gradient = Tensor::from_vec(gradient, shape, &Device::Cpu)?;
        // Two threads may have found it unused.
        self.gradient.set(gradient).or_else(|_| self.check_unused())
    }

    /// The gradient with respect to an argument, `sign` times the one that is kept; none if nobody wants it.
    fn gradient(&self, of: &Tensor, sign: f64, upstream: &Tensor) -> Result<Option<Tensor>> {
        if !of.track_op() {
            return Ok(None);
        }
        let Some(kept) = self.gradient.get() else {
            bail!("a backward pass without a forward pass")
        };
        let product = if upstream.rank() == 0 {
            let factor = sign * upstream.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            if factor == 1.0 { kept.clone() } else { kept.affine(factor, 0.0)? }
        } else {
            let product = kept.mul(&upstream.to_dtype(kept.dtype())?)?;
            if sign < 0.0 { product.neg()? } else { product }
        };
        Ok(Some(product.to_dtype(of.dtype())?))
    }
}

impl<L: PairLoss> CustomOp2 for PairwiseLoss<L> {
    fn name(&self) -> &'static str {
        "pairwise-loss"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.check_unused()?;
        match s1.dtype() {
            _ if self.positions.is_some() => bail!("pairs are given by positions: apply_op1"),
            DType::F64 => self.pairs::<f64>((s1, l1), (s2, l2)),
            _ => self.pairs::<f32>((s1, l1), (s2, l2)),
        }
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        bail!("{ELSEWHERE}")
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        bail!("{ELSEWHERE}")
    }

    fn bwd(
        &self,
        chosen: &Tensor,
        rejected: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((self.gradient(chosen, 1.0, upstream)?, self.gradient(rejected, -1.0, upstream)?))
    }
}

impl<L: PairLoss> CustomOp1 for PairwiseLoss<L> {
    fn name(&self) -> &'static str {
        "pairwise-loss"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.check_unused()?;
        let (Some(positions), Some(reduction)) = (&self.positions, self.reduction) else {
            bail!("one vector of scores: the loss must be a reduced one, between positions")
        };
        match (layout.dims().len(), storage.dtype()) {
            (1, DType::F64) => self.comparisons::<f64>((storage, layout), positions, reduction),
            (1, _) => self.comparisons::<f32>((storage, layout), positions, reduction),
            _ => bail!("scores have the shape {:?}, must be a vector", layout.shape()),
        }
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        bail!("{ELSEWHERE}")
    }

    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        bail!("{ELSEWHERE}")
    }

    fn bwd(&self, scores: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(scores, 1.0, upstream)
    }
}

const ELSEWHERE: &str = "pairwise losses are computed on the CPU: move the tensors there with \
                         `to_device(&Device::Cpu)`, through which gradients flow back";

fn constant(name: &str, tensor: &Tensor) -> Result<Tensor> {
    if tensor.track_op() {
        bail!("{name} take part in the graph, but get no gradient: `detach()` them");
    }
    Ok(tensor.clone())
}

/// The elements in row-major order: in place where they lie so and are `T`, otherwise copied. Nothing is ever rounded.
fn values<'s, T: WithDType>((storage, layout): (&'s CpuStorage, &Layout)) -> Result<Cow<'s, [T]>> {
    let dtype = storage.dtype();
    match layout.contiguous_offsets() {
        Some((start, end)) if dtype == T::DTYPE => {
            Ok(Cow::Borrowed(&storage.as_slice::<T>()?[start..end]))
        }
        _ if matches!(dtype, DType::F16 | DType::BF16 | DType::F32) || dtype == T::DTYPE => {
            Ok(Cow::Owned(T::cpu_storage_data(storage.to_dtype(layout, T::DTYPE)?)?))
        }
        _ => bail!("{dtype:?} where {:?} is expected", T::DTYPE),
    }
}

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
