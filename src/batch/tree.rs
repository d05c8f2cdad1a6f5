//! A sum of blocks that come one by one, and what is divided out of it.
//!
//! The blocks are added in the binary tree in which [`verbs`](super::verbs) divides a batch whose size is known
//! beforehand, so the bits are the same.

use crate::kernel::Partial;

/// The partial sums of complete subtrees: one of 2ⁱ blocks where bit i of the number of blocks is set.
pub(super) struct Tree {
    partials: [Partial; u64::BITS as usize],
    blocks: u64,
}

impl Tree {
    pub(super) const EMPTY: Self =
        Self { partials: [Partial::ZERO; u64::BITS as usize], blocks: 0 };

    pub(super) fn clear(&mut self) {
        self.blocks = 0;
    }

    /// Adds the sum of the next block.
    pub(super) fn push(&mut self, block: Partial) {
        let mut sum = block;
        for (level, slot) in self.partials.iter_mut().enumerate() {
            if self.blocks >> level & 1 == 0 {
                *slot = sum;
                break;
            }
            sum = slot.plus(sum);
        }
        self.blocks += 1;
    }

    /// The sum of all blocks; 0 without any.
    pub(super) fn sum(&self) -> Partial {
        let mut sum: Option<Partial> = None;
        let mut left = self.blocks;
        while let Some(&partial) = self.partials.get(left.trailing_zeros() as usize) {
            sum = Some(sum.map_or(partial, |rest| partial.plus(rest)));
            left &= left - 1;
        }
        sum.unwrap_or(Partial::ZERO)
    }
}

/// An integer below 2⁵² times a number, as a sum of two: exact but for underflow (Dekker).
///
/// In plain arithmetic, because it is wanted outside the kernels, where no instruction is known to exist.
pub(super) fn times(n: u64, x: f64) -> (f64, f64) {
    const LOW: u64 = (1 << 26) - 1;
    let (n_high, n_low) = ((n & !LOW) as f64, (n & LOW) as f64);
    let x_high = f64::from_bits(x.to_bits() & !(2 * LOW + 1));
    let x_low = x - x_high;
    let product = n as f64 * x;
    let error = ((n_high * x_high - product) + n_high * x_low + n_low * x_high) + n_low * x_low;
    (product, error)
}

/// The sum divided by an integer, to some 100 bits.
pub(super) fn divided(sum: Partial, n: u64) -> Partial {
    let divisor = n as f64;
    let quotient = sum.sum / divisor;
    let (product, error) = times(n, quotient);
    let lost = (((sum.sum - product) - error) + sum.lost) / divisor;
    // Infinite and NaN sums carry no part, nor do those next to the end of the range.
    Partial { sum: quotient, lost: if lost.is_finite() { lost } else { 0.0 } }
}

#[cfg(test)]
mod tests {
    use super::{Tree, divided, times};
    use crate::kernel::Partial;

    /// The value of a finite number as an integer of units of 2⁻⁶⁰.
    fn units(x: f64) -> i128 {
        let scaled = x * 2f64.powi(60);
        assert_eq!(scaled, scaled.trunc(), "{x}");
        scaled as i128
    }

    #[test]
    fn a_product_is_exact() {
        for n in [1, 3, 28, 4950, (1 << 26) - 1, (1 << 26) + 1, 0x000f_ffff_ffff_ffff] {
            for x in [1.0, 0.1, 1.0 / 3.0, 1.0 + f64::EPSILON, 2.0 - f64::EPSILON, -0.7, 977.3] {
                let (product, error) = times(n, x);
                assert_eq!(product, n as f64 * x);
                assert_eq!(units(product) + units(error), i128::from(n) * units(x), "{n} {x}");
            }
        }
    }

    #[test]
    fn a_quotient_has_a_second_part() {
        let third = divided(Partial { sum: 1.0, lost: 0.0 }, 3);
        assert_eq!(third.sum, 1.0 / 3.0);
        // 1/3 is 0x3fd5555555555555, and a third of its last place more.
        assert_eq!(third.lost, f64::EPSILON / 4.0 / 3.0);
        for sum in [f64::INFINITY, f64::NEG_INFINITY] {
            let quotient = divided(Partial { sum, lost: 0.0 }, 3);
            assert_eq!((quotient.sum, quotient.lost), (sum, 0.0));
        }
    }

    /// Sums whose rounding depends on the order: the tree is that of halves, the first the largest power of two.
    #[test]
    fn blocks_are_added_by_halves() {
        fn halves(blocks: &[Partial]) -> Partial {
            match blocks {
                [] => Partial::ZERO,
                [block] => *block,
                _ => {
                    let (first, second) = blocks.split_at(blocks.len().next_power_of_two() / 2);
                    halves(first).plus(halves(second))
                }
            }
        }
        let block =
            |i: i32| Partial { sum: 0.1 * f64::from(i * i % 37), lost: 1e-17 / f64::from(i) };
        let blocks: [Partial; 100] = core::array::from_fn(|i| block(i as i32 + 1));
        for len in 0..=blocks.len() {
            let mut tree = Tree::EMPTY;
            blocks[..len].iter().for_each(|&block| tree.push(block));
            let (sum, expected) = (tree.sum(), halves(&blocks[..len]));
            assert_eq!((sum.sum, sum.lost), (expected.sum, expected.lost), "{len} blocks");
        }
    }
}
