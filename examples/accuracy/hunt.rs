//! The worst points of the f64 formulas, by hill climbing.
//!
//! (a) The error of a result jumps about: most of it is the last rounding. What a formula can be blamed for is the error
//!     before that, which varies smoothly enough to be climbed.
//! (b) It can be seen from outside: a loss that subtracts the reported result in working precision leaves what the
//!     rounding dropped.
//! (c) Around the summits, the largest error of the reported result is then looked for at random.

use super::double_double::Pair;
use super::points::Format;
use pairwise_loss::{Exponential, Jet, Logistic, PairLoss, Working};
use reference::random::SplitMix64;

/// Climbs that start from the best of some random points.
const CLIMBS: u64 = 64;

/// Random points from which each climb takes the best.
const STARTS: u64 = 4_000;

/// What was found for one output of a loss.
pub struct Summit {
    pub name: &'static str,
    pub before: f64,
    pub before_at: (f64, f64),
    pub after: f64,
    pub after_at: (f64, f64),
}

/// What is left of a loss after its reported result is taken away.
#[derive(Clone, Copy)]
struct Rest<L> {
    loss: L,
    reported: Jet<f64>,
}

impl<L: PairLoss> PairLoss for Rest<L> {
    #[inline(always)]
    fn jet<W: Working>(self, z: W) -> Jet<W> {
        let jet = self.loss.jet(z);
        Jet {
            value: jet.value - self.reported.value,
            grad: jet.grad - self.reported.grad,
            hess: jet.hess - self.reported.hess,
        }
    }
}

#[derive(Clone, Copy)]
enum Target {
    Value,
    Gradient,
    Hessian,
    Exponential,
}

impl Target {
    const ALL: [Self; 4] = [Self::Value, Self::Gradient, Self::Hessian, Self::Exponential];

    fn name(self) -> &'static str {
        match self {
            Self::Value => "Logistic, value (softplus, log_sigmoid)",
            Self::Gradient => "Logistic, gradient (sigmoid)",
            Self::Hessian => "Logistic, hessian",
            Self::Exponential => "Exponential",
        }
    }

    fn pick(self, jet: Jet<f64>) -> f64 {
        match self {
            Self::Value | Self::Exponential => jet.value,
            Self::Gradient => jet.grad,
            Self::Hessian => jet.hess,
        }
    }

    /// The reported result, and what its rounding dropped.
    fn computed(self, (chosen, rejected): (f64, f64)) -> (f64, f64) {
        let run = |reported: Jet<f64>, rest: Jet<f64>| (self.pick(reported), self.pick(rest));
        if matches!(self, Self::Exponential) {
            let reported = Exponential.eval(chosen, rejected);
            return run(reported, Rest { loss: Exponential, reported }.eval(chosen, rejected));
        }
        let reported = Logistic.eval(chosen, rejected);
        run(reported, Rest { loss: Logistic, reported }.eval(chosen, rejected))
    }

    fn exact(self, (chosen, rejected): (f64, f64)) -> Option<Pair> {
        let z = Pair::difference(chosen, rejected);
        if z.high.abs() > 600.0 {
            return None;
        }
        match self {
            Self::Value => (-z).softplus(),
            Self::Gradient => (-z).sigmoid().map(|x| -x),
            Self::Hessian => z.sigmoid_slope(),
            Self::Exponential => Some((-z).exp()),
        }
    }

    /// The error before and after the last rounding, in units in the last place.
    fn errors(self, at: (f64, f64)) -> Option<(f64, f64)> {
        let exact = self.exact(at)?;
        let (reported, rest) = self.computed(at);
        let unit = Format::Double.unit(exact.high);
        let apart = reported - exact.high;
        Some((((apart - exact.low) + rest).abs() / unit, (apart - exact.low).abs() / unit))
    }
}

/// A point: a difference that is exact, or one with a low part.
fn start(random: &mut SplitMix64) -> (f64, f64) {
    let z = match random.below(4) {
        0 => random.uniform(-40.0, 40.0),
        1 => random.log_uniform(-20.0, 9.0),
        _ => random.uniform(-3.0, 3.0),
    };
    let rejected = match random.below(3) {
        0 => 0.0,
        1 => z * random.log_uniform(-60.0, -53.0),
        _ => random.uniform(-4.0, 4.0),
    };
    (z + rejected, rejected)
}

/// A neighbour at any distance.
fn mutate((chosen, rejected): (f64, f64), random: &mut SplitMix64) -> (f64, f64) {
    let step = |x: f64, random: &mut SplitMix64| x + x * random.log_uniform(-53.0, -2.0);
    if rejected == 0.0 || random.below(2) == 0 {
        (step(chosen, random), rejected)
    } else {
        (chosen, step(rejected, random))
    }
}

fn climb(target: Target, steps: u64, random: &mut SplitMix64) -> Summit {
    let before = |at| target.errors(at).map_or(0.0, |(before, _)| before);
    let mut at = start(random);
    let mut height = before(at);
    for _ in 0..STARTS {
        let other = start(random);
        if before(other) > height {
            (at, height) = (other, before(other));
        }
    }
    let (mut after, mut after_at) = (0.0, at);
    let note = |(_, error): (f64, f64), here, after: &mut f64, after_at: &mut (f64, f64)| {
        if error > *after {
            (*after, *after_at) = (error, here);
        }
    };
    for _ in 0..steps {
        let other = mutate(at, random);
        let Some(errors) = target.errors(other) else { continue };
        note(errors, other, &mut after, &mut after_at);
        if errors.0 > height {
            (at, height) = (other, errors.0);
        }
    }
    // Close by, the error before the rounding stays about as large, and the rounding varies.
    for _ in 0..8 * steps {
        let low = at.1 * random.log_uniform(-4.0, 0.5);
        let other = (at.0 + at.0 * random.log_uniform(-48.0, -7.0), low);
        if let Some(errors) = target.errors(other) {
            note(errors, other, &mut after, &mut after_at);
        }
    }
    Summit { name: target.name(), before: height, before_at: at, after, after_at }
}

/// The best of many climbs, for each output.
pub fn hunt(seed: u64, steps: u64, threads: u64) -> Vec<Summit> {
    let best = |target: Target| {
        let work = |thread: u64| {
            let climbs = (thread..CLIMBS).step_by(threads as usize);
            climbs
                .map(|i| climb(target, steps, &mut SplitMix64::new(seed.wrapping_mul(1 << 32) + i)))
                .reduce(higher)
        };
        std::thread::scope(|scope| {
            let handles: Vec<_> =
                (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
            let summits = handles.into_iter().filter_map(|handle| handle.join().expect("no panic"));
            summits.reduce(higher).expect("at least one climb")
        })
    };
    Target::ALL.into_iter().map(best).collect()
}

/// The higher summit, and the larger error of either.
fn higher(a: Summit, b: Summit) -> Summit {
    let (mut high, low) = if a.before >= b.before { (a, b) } else { (b, a) };
    if low.after > high.after {
        (high.after, high.after_at) = (low.after, low.after_at);
    }
    high
}
