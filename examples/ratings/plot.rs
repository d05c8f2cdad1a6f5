//! The plot: scores with intervals, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::fit::Fit;
use super::games::Games;
use super::report::{INTERVAL, order};

/// More players than this are not readable on a page: the best are shown.
const MOST_SHOWN: usize = 60;
const COLOR: RGBColor = RGBColor(0, 90, 160);
const QUIET: RGBColor = RGBColor(130, 130, 130);
const FONT: &str = "sans-serif";

/// The ratings, best on top.
///
/// # Errors
/// If the file cannot be written.
pub fn ratings(path: &Path, title: &str, games: &Games, fit: &Fit) -> Result<()> {
    let mut shown = order(fit);
    shown.truncate(MOST_SHOWN);
    shown.reverse();
    let reach = |i: usize| fit.errors.as_ref().map_or(0.0, |errors| INTERVAL * errors[i]);
    let low = shown.iter().map(|&i| fit.scores[i] - reach(i)).fold(f64::INFINITY, f64::min);
    let high = shown.iter().map(|&i| fit.scores[i] + reach(i)).fold(f64::NEG_INFINITY, f64::max);
    let room = 0.05 * (high - low).max(0.1);
    let longest = shown.iter().map(|&i| games.players[i].chars().count()).max().unwrap_or(0);

    let height = 140 + 28 * shown.len() as u32;
    let canvas = SVGBackend::new(path, (800, height)).into_drawing_area();
    canvas.fill(&WHITE)?;
    let last = shown.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(&canvas)
        .caption(title, (FONT, 20))
        .margin(12)
        .margin_right(24)
        .x_label_area_size(48)
        .y_label_area_size(40 + 8 * longest.min(40) as u32)
        .build_cartesian_2d((low - room)..(high + room), -0.5..last)?;
    let name = |y: &f64| {
        let near = y.round();
        let at =
            if (y - near).abs() < 1e-6 && near >= 0.0 { shown.get(near as usize) } else { None };
        at.map(|&i| games.players[i].clone()).unwrap_or_default()
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(QUIET.mix(0.2))
        .x_desc("score, log-odds, with 95 % interval")
        .axis_desc_style((FONT, 16))
        .label_style((FONT, 14))
        .x_label_formatter(&|x| format!("{x:.1}"))
        .disable_y_mesh()
        .y_labels(0)
        .draw()?;
    // One label a player: the labels of an axis come at round numbers, of which there may be too few or too many.
    for k in 0..shown.len() {
        let y = k as f64;
        let (_, row) = chart.backend_coord(&(low, y));
        let style = TextStyle::from((FONT, 14)).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        ));
        let edge = chart.plotting_area().get_pixel_range().0.start - 8;
        canvas.draw(&Text::new(name(&y), (edge, row), style))?;
    }
    chart.draw_series(shown.iter().enumerate().map(|(k, &i)| {
        let score = fit.scores[i];
        let ends = [(score - reach(i), k as f64), (score + reach(i), k as f64)];
        PathElement::new(ends, COLOR.stroke_width(2))
    }))?;
    chart.draw_series(
        shown
            .iter()
            .enumerate()
            .map(|(k, &i)| Circle::new((fit.scores[i], k as f64), 4, COLOR.filled())),
    )?;
    canvas.present().map_err(|error| anyhow!("cannot write {}: {error}", path.display()))
}
