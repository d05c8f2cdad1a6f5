//! The fused pass: the sum of the losses, and what becomes of the gradients, block by block.
//!
//! (a) The order of every addition follows from the positions of the rows, so the bits depend on nothing else. There are as
//!     many interleaved chains as a chunk has rows, or groups of rows in lock step, and row i of each chunk is added to
//!     chain i. Rows are summed a [`BLOCK`] of them at a time, blocks in a binary tree by position.
//! (b) Where a loss is log(1 + t) − a, the logarithms of a block are taken together, Σ log(1 + tᵢ) = log Π(1 + tᵢ), with
//!     Π − 1 carried instead of Π so that tiny terms keep their relative precision: [`Product`].
//! (c) Otherwise the values are added with their rounding errors: [`Values`].
//! (d) Products take rows two by two, half a chunk apart, at every instruction set: it is part of the order.

use super::row::{Argument, Gradient, Value, evaluate, store};
use super::stage::{Source, Stage, groups};
use super::{
    ALL, CHUNK, ChunkOf, Doubts, Function, Kernel, Part, Rows, Sink, Spare, careful, each_of, parts,
};
use crate::loss::PairLoss;
use crate::math::{Double, Fma, Lanes, Precision, Software, each_lane, ln_1p, ln_1p_pair};
use crate::score::Score;
use core::marker::PhantomData;
use core::ops::Range;

/// Rows whose losses are summed in one go.
pub(crate) const BLOCK: usize = 4096;

/// A sum and the part of it that its rounding lost. Infinite and NaN sums carry no part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Partial {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Partial {
    pub(crate) const ZERO: Self = Self { sum: 0.0, lost: 0.0 };

    /// The quotient by a sum of two, within a little more than ½ ulp; the canonical NaN where it is one.
    pub(crate) fn over(self, (divisor, low): (f64, f64)) -> f64 {
        let Self { sum, lost } = self;
        let quotient = (sum + lost) / divisor;
        let value = if (divisor, low) == (1.0, 0.0) {
            quotient
        } else {
            let product = quotient * divisor;
            let error = if divisor.abs() < 67_108_864.0 && divisor == f64::from(divisor as i32) {
                // Half of the quotient at a time: products of 26 bits each are exact.
                let high = f64::from_bits(quotient.to_bits() & (!0 << 27));
                (high * divisor - product) + (quotient - high) * divisor
            } else {
                Software::mul_add(quotient, divisor, -product)
            };
            let remainder = ((sum - product) - error) + (lost - quotient * low);
            let value = quotient + remainder / divisor;
            if value.is_finite() { value } else { quotient }
        };
        if value.is_nan() { f64::NAN } else { value }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        let sum = self.sum + other.sum;
        if !sum.is_finite() {
            return Self { sum, lost: 0.0 };
        }
        let other_part = sum - self.sum;
        let error = (self.sum - (sum - other_part)) + (other.sum - other_part);
        let lost = error + (self.lost + other.lost);
        // Normalised, so that a long chain keeps its precision.
        let total = sum + lost;
        Self { sum: total, lost: lost - (total - sum) }
    }
}

/// The sum of the losses of some rows, at most [`BLOCK`] of them.
pub(crate) struct SumKernel<'s, T, L, R, S> {
    pub(crate) loss: L,
    pub(crate) rows: R,
    pub(crate) range: Range<usize>,
    /// The gradients are divided by this, a sum of two, before they are rounded.
    pub(crate) divisor: (f64, f64),
    pub(crate) sink: &'s mut S,
    /// The row that the sink begins with.
    pub(crate) sink_start: usize,
    pub(crate) format: PhantomData<T>,
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> Kernel for SumKernel<'_, T, L, R, S> {
    type Output = Partial;

    #[inline(always)]
    fn run<M: Fma>(self) -> Partial {
        // Which rows are computed side by side is no part of the result.
        if M::LOCK_STEP { self.by::<M, 2>() } else { self.by::<M, 1>() }
    }
}

impl<T: Score, L: PairLoss, R: Rows<T>, S: Sink<T>> SumKernel<'_, T, L, R, S> {
    /// The sum, `U` rows in lock step.
    #[inline(always)]
    fn by<M: Fma, const U: usize>(self) -> Partial {
        // Conditions that are constants, so that one of the four is compiled.
        if const { L::HAS_LOG_TERMS && !R::WEIGHTED } {
            if T::DOUBTS {
                self.accumulate::<M, Product<true>, 4, 2, U>()
            } else {
                self.accumulate::<M, Product<false>, 2, 2, U>()
            }
        } else if T::DOUBTS {
            self.accumulate::<M, Values, 4, 1, U>()
        } else {
            self.accumulate::<M, Values, 2, 2, U>()
        }
    }

    #[inline(always)]
    fn accumulate<M: Fma, A: Accumulator, const N: usize, const G: usize, const U: usize>(
        self,
    ) -> Partial {
        let function = Gradient(self.loss);
        let factor = reciprocal::<M>(self.divisor);
        let strange = T::DOUBTS && is_strange(factor);
        let mut buffers = R::buffers();
        let mut spare = Spare::new();
        let mut stage = Stage::<N, G>::new();
        let mut doubts = Doubts([0; CHUNK]);
        let mut sums = A::new();
        for rows in parts(self.range.clone(), self.rows.is_in_place() && self.sink.is_in_place()) {
            let len = rows.len();
            let to = rows.start - self.sink_start..rows.end - self.sink_start;
            let pad = T::narrow(if A::LOG_TERMS { WON } else { 0.0 });
            let mut part = self.rows.part(rows, pad, &mut buffers);
            let mut slots = self.sink.slots(to.clone(), &mut spare);
            for group in groups::<G>(len) {
                if L::HAS_TAIL {
                    stage.fill::<T, M, _, _>(function, &mut part, group.clone());
                }
                for (place, i) in group.enumerate() {
                    let source = stage.source::<T, Gradient<L>, _>(&mut part, i, place);
                    let (Some(source), Some(slot)) = (source, slots.slot(i)) else { break };
                    let loss = self.loss;
                    let doubt = if const { A::LOG_TERMS && !(L::PLAIN && U == PER_CHAIN) } {
                        let mut apart = Apart::<A>::new();
                        let doubt = sum_chunk::<T, M, L, S, _, N, U>(
                            loss,
                            &source,
                            factor,
                            slot,
                            &mut doubts,
                            &mut apart,
                        );
                        apart.add_to::<M>(&mut sums, len);
                        doubt
                    } else {
                        sum_chunk::<T, M, L, S, A, N, U>(
                            loss,
                            &source,
                            factor,
                            slot,
                            &mut doubts,
                            &mut sums,
                        )
                    };
                    if T::DOUBTS
                        && (doubt || strange)
                        && let Some(chunk) = part.chunk(i)
                    {
                        let doubts = if strange { &ALL } else { &doubts };
                        settle::<T, M, L, S, A>(loss, &chunk, factor, slot, doubts, len, &mut sums);
                    }
                    sums.close(len);
                    slots.commit(i);
                }
            }
            self.sink.finish(to, &spare);
        }
        sums.finish::<M>()
    }
}

/// A margin so large that log(1 + e^−z) is 0: a row with it adds nothing.
const WON: f64 = 4096.0;

/// 1/x as a sum of two.
#[inline(always)]
pub(super) fn reciprocal<M: Fma>(x: (f64, f64)) -> (f64, f64) {
    (Double::<M, 1>::splat(1.0, 0.0) / Double::splat(x.0, x.1)).to_pair()
}

/// Whether a factor may bring numbers with a trusted tail into the reach of underflow or overflow.
#[inline(always)]
pub(super) fn is_strange((factor, _): (f64, f64)) -> bool {
    const LARGE: f64 = (1_u64 << 60) as f64;
    !(1.0 / LARGE..LARGE).contains(&factor.abs())
}

/// The gradients of a chunk, and its losses into `sums`. Whether some rows are in doubt.
#[inline(always)]
fn sum_chunk<T, M, L, S, A, const N: usize, const U: usize>(
    loss: L,
    source: &Source<'_, T, N>,
    factor: (f64, f64),
    gradients: &mut [T; CHUNK],
    doubts: &mut Doubts,
    sums: &mut A,
) -> bool
where
    T: Score,
    M: Fma,
    L: PairLoss,
    S: Sink<T>,
    A: Terms,
{
    let mut any = 0;
    // A local array, because the compiler does not see that the place of the gradients overlaps no column.
    let mut results = [T::zero(); CHUNK];
    for j in 0..CHUNK / U {
        let (Argument { z, tail }, extras) = source.row::<M, _, U>(Gradient(loss), j);
        let (terms, grad, mut doubt) = if A::LOG_TERMS {
            let (a, t, grad) = loss.log_terms(z, tail, extras.label());
            let doubt = a.unordered(t);
            let ((a, a_low), (t, t_low)) = (a.to_parts(), t.to_parts());
            // A row whose loss is in doubt adds nothing here, and the loss later.
            let terms = [a, a_low, t, t_low];
            (
                each_of(terms, |x| if T::DOUBTS { x.unless(doubt) } else { x }.to_array()),
                grad,
                doubt,
            )
        } else {
            let jet = loss.labeled(z, tail, extras.label());
            let (value, lost, doubt) = extras.finish(z, jet.value, None, Value::<L>::KIND);
            (
                each_of([value, lost, Lanes::splat(0.0), Lanes::splat(0.0)], Lanes::to_array),
                jet.grad,
                doubt,
            )
        };
        if S::WANTED {
            let (grad, _, grad_doubt) = extras.finish(z, grad, Some(factor), Gradient::<L>::KIND);
            let grad = grad.to_array();
            each_lane! { u of U: results[u * (CHUNK / U) + j] = store::<T, Gradient<L>>(grad[u]); }
            doubt = doubt.or(grad_doubt);
        }
        if T::DOUBTS {
            let doubt = doubt.to_bits();
            each_lane! { u of U:
                doubts.0[u * (CHUNK / U) + j] = doubt[u];
                any |= doubt[u];
            }
        }
        sums.take::<M, U>(j, terms);
    }
    if S::WANTED {
        *gradients = results;
    }
    any != 0
}

/// Computes the rows in doubt again.
#[cold]
#[inline(never)]
fn settle<T: Score, M: Fma, L: PairLoss, S: Sink<T>, A: Accumulator>(
    loss: L,
    chunk: &ChunkOf<'_, T>,
    factor: (f64, f64),
    gradients: &mut [T; CHUNK],
    doubts: &Doubts,
    rows: usize,
    sums: &mut A,
) {
    for i in 0..rows.min(CHUNK) {
        if doubts.0[i] == 0 {
            continue;
        }
        let row = chunk.row::<M, 1>(i);
        let doubt = if A::LOG_TERMS {
            let z = row.z::<T::Working<M, 1>>();
            let (a, t, _) = loss.log_terms(z, loss.tail(z, true), row.extras.label());
            a.unordered(t)
        } else {
            evaluate::<M, 1, T::Working<M, 1>, _>(Value(loss), &row, None).2
        };
        if doubt.any() {
            sums.settle(i, careful::<T, M, _>(Value(loss), row, None).widen());
        }
        if S::WANTED {
            super::settle::<T, M, _>(Gradient(loss), row, Some(factor), &mut gradients[i]);
        }
    }
}

/// What the rows of a chunk come to.
pub(super) trait Terms: Copy {
    /// Whether it takes the parts of (a, t) of log(1 + t) − a; else a value, what its rounding lost, and nothing.
    const LOG_TERMS: bool;

    fn new() -> Self;

    /// The terms of rows j, j + `CHUNK/U`, … of a chunk. Padded rows are among them.
    fn take<M: Fma, const U: usize>(&mut self, j: usize, terms: [[f64; U]; 4]);
}

/// Running sums in interleaved chains.
pub(super) trait Accumulator: Terms {
    /// The loss of row `i` of a chunk, instead of its terms.
    fn settle(&mut self, i: usize, loss: f64);

    /// The chunk is complete, and has so many rows, if not more than a chunk can have.
    fn close(&mut self, rows: usize);

    fn finish<M: Fma>(self) -> Partial;
}

/// The terms of a chunk, to be taken by `A` without those of padded rows, where these would count.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Apart<A>([[f64; CHUNK]; 4], PhantomData<A>);

impl<A: Accumulator> Apart<A> {
    #[inline(always)]
    fn add_to<M: Fma>(&mut self, sums: &mut A, rows: usize) {
        for column in &mut self.0 {
            column[rows.min(CHUNK)..].fill(0.0);
        }
        for j in 0..CHAINS {
            sums.take::<M, PER_CHAIN>(j, each_of(self.0, |column| [column[j], column[j + CHAINS]]));
        }
    }
}

impl<A: Accumulator> Terms for Apart<A> {
    const LOG_TERMS: bool = A::LOG_TERMS;

    #[inline(always)]
    fn new() -> Self {
        Self([[0.0; CHUNK]; 4], PhantomData)
    }

    #[inline(always)]
    fn take<M: Fma, const U: usize>(&mut self, j: usize, terms: [[f64; U]; 4]) {
        for (column, terms) in self.0.iter_mut().zip(terms) {
            each_lane! { u of U: column[u * (CHUNK / U) + j] = terms[u]; }
        }
    }
}

/// Σ (value + lost) of row i of each chunk, with the errors of the additions; and the values of one chunk.
#[derive(Clone, Copy)]
pub(super) struct Values {
    sums: Compensated<CHUNK>,
    chunk: Compensated<CHUNK>,
}

impl Terms for Values {
    const LOG_TERMS: bool = false;

    #[inline(always)]
    fn new() -> Self {
        Self { sums: Compensated::ZERO, chunk: Compensated::ZERO }
    }

    #[inline(always)]
    fn take<M: Fma, const U: usize>(&mut self, j: usize, [value, lost, ..]: [[f64; U]; 4]) {
        each_lane! { u of U:
            self.chunk.sum[u * (CHUNK / U) + j] = value[u];
            self.chunk.lost[u * (CHUNK / U) + j] = lost[u];
        }
    }
}

impl Accumulator for Values {
    fn settle(&mut self, i: usize, loss: f64) {
        self.chunk.sum[i] = loss;
        self.chunk.lost[i] = 0.0;
    }

    /// That the number of rounds is no constant keeps the loop a loop, which then becomes SIMD.
    #[inline(always)]
    fn close(&mut self, rows: usize) {
        for i in 0..rows.min(CHUNK) {
            self.sums.add(i, self.chunk.sum[i], self.chunk.lost[i]);
        }
    }

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        self.sums.finish()
    }
}

/// Sums with the errors of their additions.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Compensated<const C: usize> {
    sum: [f64; C],
    lost: [f64; C],
}

impl<const C: usize> Compensated<C> {
    pub(super) const ZERO: Self = Self { sum: [0.0; C], lost: [0.0; C] };

    #[inline(always)]
    pub(super) fn add(&mut self, chain: usize, value: f64, lost: f64) {
        let sum = self.sum[chain];
        let next = sum + value;
        let part = next - sum;
        self.lost[chain] += ((sum - (next - part)) + (value - part)) + lost;
        self.sum[chain] = next;
    }

    #[inline(always)]
    pub(super) fn finish(mut self) -> Partial {
        let mut half = C / 2;
        while half > 0 {
            for i in 0..half {
                self.add(i, self.sum[i + half], self.lost[i + half]);
            }
            half /= 2;
        }
        // The error of a sum that has become infinite is NaN, and means nothing.
        let (sum, lost) = (self.sum[0], if self.sum[0].is_finite() { self.lost[0] } else { 0.0 });
        Partial::ZERO.plus(Partial { sum, lost })
    }
}

/// Rows of a chunk that a chain of products takes, half a chunk apart, and the number of such chains.
const PER_CHAIN: usize = 2;
const CHAINS: usize = CHUNK / PER_CHAIN;

/// log Π (1 + t) − Σ a of each chain, as −Σ a and E = Π − 1; with the low parts of a and t if there are `LOW`.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Product<const LOW: bool> {
    linear: Compensated<CHAINS>,
    excess: [f64; CHAINS],
    excess_low: [f64; CHAINS],
}

impl<const LOW: bool> Product<LOW> {
    /// E₁∘E₂ = E₁ + E₂·(1 + E₁), with the errors of both sums if E₂·(1 + E₁) is the smaller part, as it nearly always is.
    ///
    /// A product carried beside E would lose what is below its last place at every step, always in the same direction.
    #[inline(always)]
    fn composed<M: Fma>((excess, low): (f64, f64), (more, more_low): (f64, f64)) -> (f64, f64) {
        let whole = 1.0 + excess;
        let sum = M::mul_add(more, whole, excess);
        if !LOW {
            return (sum, 0.0);
        }
        let lost = M::mul_add(more, whole, excess - sum);
        let whole_lost = excess - (whole - 1.0);
        let low = M::mul_add(more_low, whole, low) + M::mul_add(more, whole_lost + low, lost);
        (sum, low)
    }
}

impl<const LOW: bool> Terms for Product<LOW> {
    const LOG_TERMS: bool = true;

    #[inline(always)]
    fn new() -> Self {
        Self { linear: Compensated::ZERO, excess: [0.0; CHAINS], excess_low: [0.0; CHAINS] }
    }

    /// First the rows in lock step, then their chain.
    #[inline(always)]
    fn take<M: Fma, const U: usize>(&mut self, j: usize, [a, a_low, t, t_low]: [[f64; U]; 4]) {
        debug_assert!(U == PER_CHAIN);
        let mut group = (0.0, 0.0);
        each_lane! { u of U:
            let row = (t[u], t_low[u]);
            if u == 0 {
                group = row;
            } else if LOW {
                // The larger one first, for the error of the sum.
                let (more, less) = if group.0 < row.0 { (row, group) } else { (group, row) };
                group = Self::composed::<M>(more, less);
            } else {
                group = Self::composed::<M>(group, row);
            }
        }
        let chain = (self.excess[j], self.excess_low[j]);
        (self.excess[j], self.excess_low[j]) = Self::composed::<M>(chain, group);
        each_lane! { u of U:
            if LOW {
                self.linear.add(j, -a[u], -a_low[u]);
            } else {
                self.linear.sum[j] -= a[u];
            }
        }
    }
}

impl<const LOW: bool> Accumulator for Product<LOW> {
    fn settle(&mut self, i: usize, loss: f64) {
        self.linear.add(i % CHAINS, loss, 0.0);
    }

    #[inline(always)]
    fn close(&mut self, _: usize) {}

    #[inline(always)]
    fn finish<M: Fma>(self) -> Partial {
        // Two chains end together: a block has 512 rows of each, and their product is at most 2⁵¹².
        const ENDS: usize = CHAINS / 2;
        let mut logs = Compensated::<ENDS>::ZERO;
        for i in 0..ENDS {
            let end = |i: usize| (self.excess[i], self.excess_low[i]);
            let (excess, low) = Self::composed::<M>(end(i), end(i + ENDS));
            if LOW {
                (logs.sum[i], logs.lost[i]) = ln_1p_pair::<M>(excess, low);
            } else {
                let linear = self.linear.sum[i] + self.linear.sum[i + ENDS];
                logs.sum[i] = linear + ln_1p::<M>(excess);
            }
        }
        if !LOW {
            let [a, b, c, d, e, f, g, h] = logs.sum;
            return Partial { sum: ((a + b) + (c + d)) + ((e + f) + (g + h)), lost: 0.0 };
        }
        self.linear.finish().plus(logs.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::Partial;

    /// Numerators of 63 bits in two parts; the expected value is their quotient by integer division, rounded once.
    #[test]
    fn a_quotient_of_two_parts_is_rounded_once() {
        let mut worst: f64 = 0.0;
        let mut state = 1_u64;
        for i in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let numerator = (state >> 1) | 1 << 62;
            // Also divisors of more than 26 bits, and sums of two.
            let divisor = (state.rotate_left(17) >> [63 - 20, 63 - 50, 1][i % 3]) | 1;
            let parts = |x: u64| (x as f64, (i128::from(x) - (x as f64) as i128) as f64);
            let ((sum, lost), divisor_parts) = (parts(numerator), parts(divisor));
            let exact = (u128::from(numerator) << 64) / u128::from(divisor);
            let expected = exact as f64 / 2.0_f64.powi(64);
            let found = Partial { sum, lost }.over(divisor_parts);
            let ulp = expected.next_up() - expected;
            // In ulps, and exactly: the difference of the integers.
            let error = (found * 2.0_f64.powi(64)) as i128 - exact as i128;
            worst = worst.max(error.abs() as f64 / (ulp * 2.0_f64.powi(64)));
        }
        assert!((0.49..0.5001).contains(&worst), "{worst}");
    }

    #[test]
    fn a_quotient_without_a_second_part() {
        let over = |sum: f64, divisor: f64| Partial { sum, lost: 0.0 }.over((divisor, 0.0));
        assert_eq!(over(1.0, 3.0), 1.0 / 3.0);
        assert_eq!(over(1.0, -0.3), 1.0 / -0.3);
        assert_eq!(over(f64::INFINITY, 7.0), f64::INFINITY);
        assert_eq!(over(f64::NAN, 7.0).to_bits(), f64::NAN.to_bits());
        assert_eq!(over(f64::MAX, 0.5), f64::INFINITY);
        assert_eq!(over(0.0, 5.0), 0.0);
    }
}
