//! The worst points that searches have found, kept so that no change makes them worse unnoticed.

use super::cases::Case;
use super::points::{Format, Point};

/// A point at which the error of one output is close to the largest there is.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub case: &'static str,
    pub format: Format,
    pub output: usize,
    /// The bits, as `f64`, of chosen, rejected, margin, weight and label.
    pub bits: [u64; 5],
}

impl Known {
    pub fn find<'c>(&self, cases: &'c [Case]) -> &'c Case {
        let same = |case: &&Case| case.name == self.case && case.format == self.format;
        cases.iter().find(same).expect("a case of that name")
    }

    pub fn point(&self) -> Point {
        let [chosen, rejected, margin, weight, label] = self.bits.map(f64::from_bits);
        Point { chosen, rejected, margin, weight, label }
    }
}

const fn pair(case: &'static str, output: usize, chosen: u64, rejected: u64) -> Known {
    Known {
        case,
        format: Format::Double,
        output,
        bits: [chosen, rejected, 0, 0x3ff0 << 48, 0x3ff0 << 48],
    }
}

/// Of each kind: the largest error before the last rounding, then the largest of a result.
pub const KNOWN: &[Known] = &[
    pair("Logistic", 0, 0x3ff5_75fc_071d_91a7, 0xbc90_4e12_25dc_c020),
    pair("Logistic", 0, 0x3ff6_28d2_6b1d_ae3c, 0xbc80_32a5_a052_bd6e),
    pair("log_sigmoid", 0, 0x3ff5_803e_215d_3382, 0),
    pair("log_sigmoid", 0, 0x4056_43b1_dffe_c1d0, 0),
    pair("Logistic", 0, 0x4035_23e0_6ce8_d606, 0),
    pair("Logistic", 1, 0x4012_044e_7d46_54d4, 0),
    pair("RobustLogistic", 0, 0xc045_4c33_3f40_053c, 0xc045_cfce_420d_1ceb),
    pair("Tuned Logistic", 2, 0x4061_d1ee_e3d2_114c, 0),
    pair("Logistic", 1, 0x4032_5df2_9ea1_871f, 0xbcd3_571b_78df_5c02),
    pair("Logistic", 1, 0x4029_a4c7_21a1_9905, 0),
    pair("Logistic", 2, 0xc043_94cf_e2e4_c868, 0xbce6_0eaa_fdc6_d7e4),
    pair("Logistic", 2, 0x4043_ecf9_9fdc_0a99, 0xbcb9_59cf_a969_e3a5),
    pair("Exponential", 0, 0xc03e_26f5_6e44_3dcc, 0x3c9e_6003_1f78_82be),
    pair("Exponential", 0, 0xbfd7_1f47_c239_7d99, 0xbc55_ded6_b319_ff1d),
];
