//! Errors against the margin z, beside the usual ways to compute the same.

use super::double_double::Pair;
use super::points::{Format, full};
use pairwise_loss::{Jet, Logistic, PairLoss};
use plotters::prelude::*;
use reference::random::SplitMix64;
use std::path::Path;

pub struct Plot {
    pub title: &'static str,
    pub file: &'static str,
    format: Format,
    gradient: bool,
}

pub const PLOTS: &[Plot] = &[
    Plot {
        title: "Logistic loss, f32",
        file: "accuracy-loss-f32.svg",
        format: Format::Single,
        gradient: false,
    },
    Plot {
        title: "Logistic gradient, f32",
        file: "accuracy-gradient-f32.svg",
        format: Format::Single,
        gradient: true,
    },
    Plot {
        title: "Logistic loss, f64",
        file: "accuracy-loss-f64.svg",
        format: Format::Double,
        gradient: false,
    },
    Plot {
        title: "Logistic gradient, f64",
        file: "accuracy-gradient-f64.svg",
        format: Format::Double,
        gradient: true,
    },
];

pub const SOURCES: &str = "\
*Naive* is −log(1/(1 + e⁻ᶻ)) and 1/(1 + e⁻ᶻ) − 1 in the format itself, at an exact z. *Rounded difference* is the nearest
number to the true result at the rounded c − r, scores being uniform in [−50, 50]: what no function of z alone can do
better. The horizontal line is PyTorch's largest error over f32 inputs, log-sigmoid 1.5 ulp and sigmoid 2.5 ulp, as
measured earlier, not by this program.
";

const BINS: usize = 200;
const PER_BIN: usize = 400;
const REACH: f64 = 50.0;
const SMALLEST: f64 = 0.1;
const LARGEST: f64 = 1e9;

type Curve = Vec<(f64, f64)>;

impl Plot {
    fn exact(&self, z: Pair) -> Pair {
        let exact = if self.gradient { (-z).sigmoid().map(|x| -x) } else { (-z).softplus() };
        exact.expect("a margin within reach")
    }

    fn error(&self, computed: f64, exact: Pair) -> f64 {
        let unit = self.format.unit(self.format.round(exact.high));
        ((computed - exact.high) - exact.low).abs() / unit
    }

    fn computed(&self, chosen: f64, rejected: f64) -> f64 {
        let pick = |jet: Jet<f64>| if self.gradient { jet.grad } else { jet.value };
        match self.format {
            Format::Double => pick(Logistic.eval(chosen, rejected)),
            Format::Single => {
                let jet = Logistic.eval(chosen as f32, rejected as f32);
                if self.gradient { jet.grad.into() } else { jet.value.into() }
            }
        }
    }

    fn naive(&self, z: f64) -> f64 {
        match (self.format, self.gradient) {
            (Format::Single, false) => f64::from(-(1.0 / (1.0 + (-z as f32).exp())).ln()),
            (Format::Single, true) => f64::from(1.0 / (1.0 + (-z as f32).exp()) - 1.0),
            (Format::Double, false) => -(1.0 / (1.0 + (-z).exp())).ln(),
            (Format::Double, true) => 1.0 / (1.0 + (-z).exp()) - 1.0,
        }
    }

    /// Largest errors of the crate, of the naive formula and of the rounded difference in each interval.
    fn curves(&self) -> [Curve; 3] {
        let random = &mut SplitMix64::new(3);
        let width = 2.0 * REACH / BINS as f64;
        let mut curves = [Vec::new(), Vec::new(), Vec::new()];
        for bin in 0..BINS {
            let left = -REACH + width * bin as f64;
            let mut worst = [SMALLEST; 3];
            for _ in 0..PER_BIN {
                // Both scores within reach, their difference in the interval.
                let z = random.uniform(left, left + width);
                let (low, high) = ((-REACH).max(-REACH - z), REACH.min(REACH - z));
                let rejected = self.format.round(full(random.uniform(low, high), random));
                let chosen = self.format.round(full(z + rejected, random));
                let exact = self.exact(Pair::difference(chosen, rejected));
                let rounded = self.format.round(chosen - rejected);
                let at_rounded = self.exact(Pair::new(rounded));
                let errors = [
                    self.error(self.computed(chosen, rejected), exact),
                    self.error(self.naive(rounded), at_rounded),
                    self.error(self.format.round(at_rounded.high), exact),
                ];
                for (worst, error) in worst.iter_mut().zip(errors) {
                    *worst = worst.max(error.min(LARGEST));
                }
            }
            for (curve, worst) in curves.iter_mut().zip(worst) {
                curve.push((left + width / 2.0, worst));
            }
        }
        curves
    }

    pub fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let root = SVGBackend::new(path, (860, 460)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(64)
            .build_cartesian_2d(-REACH..REACH, (SMALLEST..LARGEST).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("margin z = chosen − rejected")
            .y_desc("largest error, ulp")
            .y_label_formatter(&|y| format!("{y:e}"))
            .light_line_style(WHITE)
            .draw()?;
        let [crate_, naive, rounded] = self.curves();
        for (curve, name, color) in [
            (naive, "naive formula", RGBColor(200, 80, 60)),
            (rounded, "rounded difference", RGBColor(220, 160, 30)),
            (crate_, "pairwise-loss", RGBColor(30, 90, 170)),
        ] {
            chart.draw_series(LineSeries::new(curve, color.stroke_width(2)))?.label(name).legend(
                move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)),
            );
        }
        if self.format == Format::Single {
            let ulp = if self.gradient { 2.5 } else { 1.5 };
            let gray = RGBColor(110, 110, 110);
            chart
                .draw_series(LineSeries::new([(-REACH, ulp), (REACH, ulp)], gray))?
                .label(format!("PyTorch, {ulp} ulp (measured earlier)"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], gray));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(RGBColor(180, 180, 180))
            .draw()?;
        root.present()?;
        Ok(())
    }
}
