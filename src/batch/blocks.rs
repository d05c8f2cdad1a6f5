//! Pairs that come one by one, and go through the kernels of comparisons block by block, in buffers on the stack.

use super::options::Options;
use super::tree::Tree;
use crate::kernel::Partial;
use crate::score::Score;

/// Two answers as positions among the scores.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) winner: u32,
    pub(super) loser: u32,
    pub(super) tie: bool,
}

/// Up to `N` pairs to go through a kernel together.
pub(super) struct Block<T, const N: usize> {
    winners: [u32; N],
    losers: [u32; N],
    weights: Option<[T; N]>,
    /// 1, and ½ for a tie.
    labels: Option<[T; N]>,
    len: usize,
}

/// The pairs that are in a block.
#[derive(Clone, Copy)]
pub(super) struct Filled<'b, T> {
    pub(super) winners: &'b [u32],
    pub(super) losers: &'b [u32],
    weights: Option<&'b [T]>,
    labels: Option<&'b [T]>,
}

impl<T: Score, const N: usize> Block<T, N> {
    pub(super) fn new(weights: bool, labels: bool) -> Self {
        let column = |present: bool| present.then_some([T::one(); N]);
        let (weights, labels) = (column(weights), column(labels));
        Self { winners: [0; N], losers: [0; N], weights, labels, len: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == N
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a pair to a block that is not full.
    #[inline]
    pub(super) fn push(&mut self, pair: Pair, weight: Option<T>) {
        let at = self.len;
        let (Some(winner), Some(loser)) = (self.winners.get_mut(at), self.losers.get_mut(at))
        else {
            return;
        };
        (*winner, *loser) = (pair.winner, pair.loser);
        if let (Some(weights), Some(weight)) = (&mut self.weights, weight) {
            weights[at] = weight;
        }
        if let Some(labels) = &mut self.labels {
            labels[at] = if pair.tie { T::one() / (T::one() + T::one()) } else { T::one() };
        }
        self.len += 1;
    }

    pub(super) fn filled(&self) -> Filled<'_, T> {
        let len = self.len;
        Filled {
            winners: self.winners.get(..len).unwrap_or_default(),
            losers: self.losers.get(..len).unwrap_or_default(),
            weights: self.weights.as_ref().and_then(|weights| weights.get(..len)),
            labels: self.labels.as_ref().and_then(|labels| labels.get(..len)),
        }
    }
}

impl<'b, T: Score> Filled<'b, T> {
    pub(super) fn options(&self) -> Options<'b, T> {
        Options::of_columns(self.weights, self.labels, self.winners.len())
    }
}

/// Sums a block of pairs, given its divisor. Not a type parameter: what calls it need not be compiled for every loss.
pub(super) type BlockSum<'s, T> = dyn FnMut(Filled<'_, T>, (f64, f64)) -> Partial + 's;

/// Pairs that are summed whenever they fill a block.
pub(super) struct Blocks<'s, 'f, T, const N: usize> {
    block: Block<T, N>,
    tree: Tree,
    pub(super) divisor: (f64, f64),
    sum: &'s mut BlockSum<'f, T>,
}

impl<'s, 'f, T: Score, const N: usize> Blocks<'s, 'f, T, N> {
    pub(super) fn new(block: Block<T, N>, sum: &'s mut BlockSum<'f, T>) -> Self {
        Self { block, tree: Tree::EMPTY, divisor: (1.0, 0.0), sum }
    }

    #[inline]
    pub(super) fn add(&mut self, pair: Pair, weight: Option<T>) {
        self.block.push(pair, weight);
        if self.block.is_full() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.tree.push((self.sum)(self.block.filled(), self.divisor));
        self.block.clear();
    }

    /// The sum of the pairs since the last time.
    pub(super) fn finish(&mut self) -> Partial {
        if self.block.len > 0 {
            self.flush();
        }
        let sum = self.tree.sum();
        self.tree.clear();
        sum
    }
}
