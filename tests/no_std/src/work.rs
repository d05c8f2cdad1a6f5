//! Scalars, slices and batches of each format, in one number.

#[cfg(feature = "half")]
use half::{bf16, f16};
#[cfg(feature = "half")]
use pairwise_loss::Half;
use pairwise_loss::{Error, Logistic, Metrics, Pairs, Reduction, Ties, sigmoid, sigmoid_into};

/// More than one stretch of chunks, and a partial one.
const PAIRS: usize = 333;

/// FNV-1a over 64 bits at a time.
struct Hash(u64);

impl Hash {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
    }
}

/// Scores from −16 to 16, the same everywhere.
fn scores(seed: u64) -> [f64; PAIRS] {
    let mut state = seed;
    [(); PAIRS].map(|()| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 32) as f64 / f64::from(1 << 27) - 16.0
    })
}

/// A hash over all results.
pub fn hash() -> Result<u64, Error> {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    let (chosen, rejected) = (scores(1), scores(2));
    let (mut d_chosen, mut d_rejected) = ([0.0; PAIRS], [0.0; PAIRS]);
    let pairs = Pairs::new(&chosen, &rejected)?;
    let mean =
        pairs.loss_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    let metrics = Metrics::of(&pairs);
    hash.add(mean.to_bits());
    hash.add(metrics.accuracy(Ties::Half).map_or(0, f64::to_bits));
    for x in d_chosen.into_iter().chain(d_rejected) {
        hash.add(x.to_bits());
    }

    let (chosen, rejected) = (chosen.map(|x| x as f32), rejected.map(|x| x as f32));
    let (mut d_chosen, mut d_rejected) = ([0.0; PAIRS], [0.0; PAIRS]);
    let pairs = Pairs::new(&chosen, &rejected)?;
    let total =
        pairs.total_and_gradients(Logistic, Reduction::Mean, &mut d_chosen, &mut d_rejected)?;
    for limb in total.as_limbs() {
        hash.add(limb.cast_unsigned());
    }
    for x in d_chosen.into_iter().chain(d_rejected) {
        hash.add(x.to_bits().into());
    }
    sigmoid_into(&chosen, &mut d_chosen)?;
    for (x, c) in d_chosen.into_iter().zip(chosen) {
        hash.add(x.to_bits().into());
        hash.add(sigmoid(c).to_bits().into());
    }
    #[cfg(feature = "half")]
    {
        sixteen_bits(&mut hash, chosen.map(f16::from_f32_const), f16::to_bits)?;
        sixteen_bits(&mut hash, chosen.map(bf16::from_f32_const), bf16::to_bits)?;
    }
    Ok(hash.0)
}

#[cfg(feature = "half")]
fn sixteen_bits<H: Half>(
    hash: &mut Hash,
    scores: [H; PAIRS],
    bits: fn(H) -> u16,
) -> Result<(), Error> {
    let mut out = [H::zero(); PAIRS];
    sigmoid_into(&scores, &mut out)?;
    for x in out {
        hash.add(bits(x).into());
    }
    let mut losses = [0.0; PAIRS];
    let pairs = Pairs::widened(&scores, &out)?;
    let mean = pairs.loss_and_margin_gradient(Logistic, Reduction::Mean, &mut losses)?;
    hash.add(mean.to_bits());
    for x in losses {
        hash.add(x.to_bits().into());
    }
    Ok(())
}
