//! Reproducible test points.

/// SplitMix64 (Steele, Lea, Flood 2014): the same points on every machine, from a seed.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..n (n > 0; the bias of at most n/2⁶⁴ does not matter here).
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    /// A finite f64 with every exponent, subnormals included, and either sign equally likely.
    pub fn any_f64(&mut self) -> f64 {
        let (exponent, rest) = (self.below(2047), self.bits());
        f64::from_bits((rest & !(0x7ff << 52)) | exponent << 52)
    }

    /// A finite f32 with every exponent, subnormals included, and either sign equally likely.
    pub fn any_f32(&mut self) -> f32 {
        let (exponent, rest) = (self.below(255) as u32, self.bits() as u32);
        f32::from_bits((rest & !(0xff << 23)) | exponent << 23)
    }

    /// Either sign, magnitude log-uniform in [2^low, 2^high): as many small numbers as large ones.
    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        let magnitude = self.uniform(low, high).exp2();
        if self.bits() >> 63 == 0 { magnitude } else { -magnitude }
    }
}
