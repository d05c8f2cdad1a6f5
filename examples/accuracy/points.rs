//! Reproducible points: of every kind that is known to be hard, in equal shares.

use reference::random::SplitMix64;

/// The inputs of one result. What a function does not take is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub chosen: f64,
    pub rejected: f64,
    pub margin: f64,
    pub weight: f64,
    pub label: f64,
}

/// The format of inputs and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Single,
    Double,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Double => "f64",
        }
    }

    /// The nearest number of the format.
    pub fn round(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from(x as f32),
            Self::Double => x,
        }
    }

    /// The number `steps` places further up.
    fn step(self, x: f64, steps: i64) -> f64 {
        match self {
            Self::Single => {
                f64::from(f32::from_bits((x as f32).to_bits().wrapping_add(steps as u32)))
            }
            Self::Double => f64::from_bits(x.to_bits().wrapping_add_signed(steps)),
        }
    }

    /// Beyond this |x|, e^−|x| is zero.
    fn end(self) -> f64 {
        match self {
            Self::Single => 106.0,
            Self::Double => 750.0,
        }
    }

    fn any(self, random: &mut SplitMix64) -> f64 {
        match self {
            Self::Single => random.any_f32().into(),
            Self::Double => random.any_f64(),
        }
    }

    /// One unit in the last place of a result of this magnitude.
    pub fn unit(self, magnitude: f64) -> f64 {
        let exponent = ((magnitude.abs().to_bits() >> 52) as i32 - 1023).max(-1022);
        match self {
            Self::Single => 2f64.powi((exponent - 23).max(-149)),
            Self::Double => 2f64.powi((exponent - 52).max(-1022)).max(f64::from_bits(1)),
        }
    }
}

/// What the first inputs of a function are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// One real number.
    One,
    /// A probability.
    Probability,
    /// Two scores.
    Two,
    /// Two numbers ≥ 0.
    Strengths,
}

/// Where formulas of this kind change: ties of rounding, ends of argument reduction, saturation, thresholds.
const EDGES: [f64; 18] = [
    0.0,
    0.346_573_590_279_972_64, // ½·log 2, where argument reduction changes
    1.039_720_770_839_917_9,
    1.355_525_690_749_879, // e^−x = 0.2578125
    1.732_867_951_399_863_2,
    16.6,
    18.0,
    36.7,
    37.5,
    87.3,
    88.7,
    103.97,
    349.0,
    352.0,
    649.0,
    650.0,
    708.4,
    745.13,
];

/// A stream of points of one kind.
pub struct Points {
    random: SplitMix64,
    format: Format,
    inputs: Inputs,
    next: u64,
}

impl Points {
    pub fn new(inputs: Inputs, format: Format, seed: u64) -> Self {
        Self { random: SplitMix64::new(seed), format, inputs, next: 0 }
    }

    /// A real number at which something depends on its place: the curved part, every exponent, edges, ties.
    fn number(&mut self, kind: u64) -> f64 {
        let (random, format) = (&mut self.random, self.format);
        let x = match kind % 8 {
            0 => format.any(random),
            1 => random.uniform(-1.5, 1.5),
            2 => random.uniform(-4.0, 4.0),
            3 => random.uniform(-40.0, 40.0),
            4 => random.log_uniform(-60.0, 6.0),
            5 => random.uniform(-format.end(), format.end()),
            6 => {
                let edge = EDGES[random.below(EDGES.len() as u64) as usize];
                let x = format.step(format.round(edge), random.below(9) as i64);
                if random.bits() & 1 == 0 { x } else { -x }
            }
            // Odd multiples of the last places below ½ and 1: σ is next to a tie.
            _ => {
                let odd = (2 * random.below(1 << 10) + 1) as f64;
                let power = match format {
                    Format::Single => -23 - random.below(2) as i32,
                    Format::Double => -52 - random.below(2) as i32,
                };
                if random.bits() & 1 == 0 {
                    odd * 2f64.powi(power)
                } else {
                    -odd * 2f64.powi(power)
                }
            }
        };
        format.round(x)
    }

    fn probability(&mut self, kind: u64) -> f64 {
        let random = &mut self.random;
        let p = match kind % 5 {
            0 => random.uniform(0.0, 1.0),
            1 => random.log_uniform(-1000.0, 0.0).abs(),
            2 => 1.0 - random.log_uniform(-40.0, 0.0).abs(),
            3 => 0.5 + random.log_uniform(-50.0, -1.0),
            _ => [0.25, 0.5, 0.75, 0.2, 0.8][random.below(5) as usize],
        };
        self.format.round(p)
    }

    /// A partner for the difference `z`: exact, rounded, absorbed or with a low part of its own.
    fn two(&mut self, z: f64, kind: u64) -> (f64, f64) {
        let (random, format) = (&mut self.random, self.format);
        let rejected = match kind % 5 {
            0 => 0.0,
            1 => random.uniform(-50.0, 50.0),
            2 => random.log_uniform(-70.0, 0.0) * z,
            3 => random.log_uniform(-10.0, 10.0),
            _ => random.uniform(-1.0, 1.0),
        };
        let rejected = format.round(full(rejected, random));
        (format.round(full(z + rejected, random)), rejected)
    }
}

/// The same number, half of the time with random low bits: a uniform number has a granularity of its own, at which
/// differences are exact.
pub fn full(x: f64, random: &mut SplitMix64) -> f64 {
    if random.bits() & 1 == 0 || x == 0.0 {
        return x;
    }
    f64::from_bits(x.to_bits() ^ random.below(1 << 10))
}

impl Iterator for Points {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        loop {
            let kind = self.next;
            self.next += 1;
            let (chosen, rejected) = match self.inputs {
                Inputs::One => (self.number(kind), 0.0),
                Inputs::Probability => (self.probability(kind), 0.0),
                Inputs::Two => {
                    let z = self.number(kind);
                    self.two(z, kind / 8)
                }
                Inputs::Strengths => {
                    let a = self.format.any(&mut self.random).abs();
                    let b = match kind % 3 {
                        0 => self.format.any(&mut self.random).abs(),
                        1 => a * self.random.log_uniform(-20.0, 20.0).abs(),
                        _ => self.format.step(a, self.random.below(9) as i64),
                    };
                    (a, self.format.round(b))
                }
            };
            let random = &mut self.random;
            let margin = match kind % 3 {
                0 => random.uniform(-2.0, 2.0),
                1 => random.log_uniform(-60.0, 4.0),
                _ => (chosen - rejected) * (1.0 + random.log_uniform(-30.0, -1.0)),
            };
            let weight = random.log_uniform(-20.0, 20.0).abs();
            let margin = self.format.round(margin);
            let weight = self.format.round(weight);
            let label = self.probability(kind / 8);
            if [chosen, rejected, margin].iter().all(|x| x.is_finite()) {
                return Some(Point { chosen, rejected, margin, weight, label });
            }
        }
    }
}
