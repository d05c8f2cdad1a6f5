//! Every loss with its gradient and its curvature against the margin, as the crate computes them.
//!
//! ```text
//! cargo run --release --example charts -- docs      writes docs/losses.svg
//! ```

use pairwise_loss::{
    Davidson, Exponential, Hinge, Ipo, Jet, Logistic, PairLoss, RaoKupper, RobustLogistic,
    SquaredHinge, Tuned,
};
use plotters::prelude::*;
use std::path::PathBuf;

const REACH: f32 = 4.0;
const LOWEST: f32 = -2.5;
const HIGHEST: f32 = 4.5;
const STEPS: u16 = 160;
const COLUMNS: usize = 6;

type Pick = fn(&Jet<f32>) -> f32;

const CURVES: [(&str, RGBColor, Pick); 3] = [
    ("loss", RGBColor(30, 90, 170), |jet| jet.value),
    ("gradient", RGBColor(200, 80, 60), |jet| jet.grad),
    ("curvature", RGBColor(90, 150, 60), |jet| jet.hess),
];

type Samples = Vec<(f32, Jet<f32>)>;

fn samples(loss: impl PairLoss) -> Samples {
    let margin = |i: u16| REACH * (2.0 * f32::from(i) / f32::from(STEPS) - 1.0);
    (0..=STEPS).map(margin).map(|z| (z, loss.eval(z, 0.0))).collect()
}

/// One curve in pieces: it breaks where it jumps and where it leaves the panel.
fn pieces(samples: &Samples, pick: Pick) -> Vec<Vec<(f32, f32)>> {
    let mut pieces = vec![Vec::new()];
    let mut last = f32::NAN;
    for (z, jet) in samples {
        let y = pick(jet);
        let inside = (LOWEST..=HIGHEST).contains(&y);
        if !inside || (y - last).abs() > 0.5 {
            pieces.push(Vec::new());
        }
        if let (true, Some(piece)) = (inside, pieces.last_mut()) {
            piece.push((*z, y));
        }
        last = y;
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

fn main() -> anyhow::Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).unwrap_or_else(|| ".".into()).into();
    let panels: [(&str, Samples); 12] = [
        ("Logistic", samples(Logistic)),
        ("Logistic, smoothing 0.1", samples(Tuned::new(Logistic).smoothing(0.1)?)),
        ("Logistic, β 2, margin 1", samples(Tuned::new(Logistic).scale(2.0)?.margin(1.0)?)),
        ("RobustLogistic(0.1)", samples(RobustLogistic::new(0.1)?)),
        ("Exponential", samples(Exponential)),
        ("Ipo(0.5)", samples(Ipo::new(0.5)?)),
        ("Hinge(1)", samples(Hinge::new(1.0)?)),
        ("SquaredHinge(1)", samples(SquaredHinge::new(1.0)?)),
        ("RaoKupper(0.5), win", samples(RaoKupper::new(0.5)?.win())),
        ("RaoKupper(0.5), tie", samples(RaoKupper::new(0.5)?.tie())),
        ("Davidson(1), win", samples(Davidson::new(1.0)?.win())),
        ("Davidson(1), tie", samples(Davidson::new(1.0)?.tie())),
    ];
    let path = folder.join("losses.svg");
    let root = SVGBackend::new(&path, (1200, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((panels.len().div_ceil(COLUMNS), COLUMNS));
    for (i, (area, (title, samples))) in areas.iter().zip(&panels).enumerate() {
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 15))
            .margin(6)
            .x_label_area_size(30)
            .y_label_area_size(26)
            .build_cartesian_2d(-REACH..REACH, LOWEST..HIGHEST)?;
        chart
            .configure_mesh()
            .x_labels(5)
            .y_labels(7)
            .x_desc(if i >= COLUMNS { "margin z" } else { "" })
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .light_line_style(WHITE)
            .draw()?;
        for (name, color, pick) in CURVES {
            let legend =
                move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2));
            for (j, piece) in pieces(samples, pick).into_iter().enumerate() {
                let drawn = chart.draw_series(LineSeries::new(piece, color.stroke_width(2)))?;
                if j == 0 {
                    drawn.label(name).legend(legend);
                }
            }
        }
        if i == 0 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE)
                .border_style(RGBColor(180, 180, 180))
                .draw()?;
        }
    }
    root.present()?;
    println!("{}", path.display());
    Ok(())
}
