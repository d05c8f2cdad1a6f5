//! Losses that a user of the crate might write: one of elementary functions, one in pieces.

use crate::support::Row;
use pairwise_loss::{Jet, PairLoss, Working};
use reference::{Real, RealJet, settle};

/// log cosh z, grad tanh z, hess 1 − tanh² z.
#[derive(Clone, Copy, Debug)]
pub struct LogCosh;

/// log 2 − fl(log 2).
const LN_2_LOW: f64 = 2.319046813846299558e-17;

impl PairLoss for LogCosh {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let doubled = z.abs() * 2.0;
        let tail = doubled.exp_neg_abs();
        let tanh = z.sign() * ((-tail + 1.0) / (tail + 1.0));
        Jet {
            value: z.abs() + tail.ln_1p_unit()
                - W::constant_pair(core::f64::consts::LN_2, LN_2_LOW),
            grad: tanh,
            hess: W::sigmoid_slope_from(tail) * 4.0,
        }
    }
}

impl LogCosh {
    /// (e^z + e^−z)/2 and its derivatives, from the definitions.
    pub fn truth(row: &Row) -> RealJet {
        mixed(row, |z, bits| {
            let (up, down) = (z.exp(bits), (-z).exp(bits));
            let sum = &up + &down;
            let tanh = (&up - &down).divide(&sum, bits);
            RealJet {
                value: sum.scaled(-1).ln(bits),
                grad: tanh,
                hess: Real::from(4).divide(&(&sum * &sum), bits),
            }
        })
    }
}

/// Rennie's smooth hinge: ½ − z for z ≤ 0, ½(1 − z)² up to 1, 0 from there on.
#[derive(Clone, Copy, Debug)]
pub struct SmoothHinge;

impl PairLoss for SmoothHinge {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let (zero, one) = (W::constant(0.0), W::constant(1.0));
        let gap = (-z + 1.0).positive_part();
        let curved = zero.lt(z);
        let pick = |yes, no| W::select(curved, yes, no);
        Jet {
            value: pick(gap * gap * 0.5, -z + 0.5),
            grad: pick(-gap, -one),
            hess: pick(W::select(z.lt(one), one, zero), zero),
        }
    }
}

impl SmoothHinge {
    pub fn truth(row: &Row) -> RealJet {
        mixed(row, |z, _| {
            let gap = Real::one() - z;
            if z.signum() != Some(1) {
                let value = Real::new(0.5) - z;
                RealJet { value, grad: Real::from(-1), hess: Real::zero() }
            } else if gap.signum() == Some(1) {
                RealJet { value: (&gap * &gap).scaled(-1), grad: -gap, hess: Real::one() }
            } else {
                RealJet { value: Real::zero(), grad: Real::zero(), hess: Real::zero() }
            }
        })
    }
}

/// w·(p·L(z) + (1 − p)·L(−z)) and its derivatives, for a loss given to so many bits.
pub fn mixed(row: &Row, loss: impl Fn(&Real, u32) -> RealJet) -> RealJet {
    let z = Real::new(row.chosen) - Real::new(row.rejected) - Real::new(row.margin);
    let weight = Real::new(row.weight);
    let p = &weight * &Real::new(row.label);
    let q = &weight - &p;
    let both = |part: fn(&RealJet) -> &Real, sign: i64| {
        settle(|bits| {
            let side = |share: &Real, z: &Real| {
                if share.is_zero() { Real::zero() } else { share * part(&loss(z, bits)) }
            };
            side(&p, &z) + side(&q, &-&z) * Real::from(sign)
        })
    };
    RealJet {
        value: both(|jet| &jet.value, 1),
        grad: both(|jet| &jet.grad, -1),
        hess: both(|jet| &jet.hess, 1),
    }
}
