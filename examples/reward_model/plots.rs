//! The two plots, as SVG.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use pairwise_loss::win_probability;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::args::Args;
use super::evaluate::{CrossValidated, Snapshot, Verdict, accuracy};
use super::preferences::DataSet;

const MODEL: RGBColor = RGBColor(0, 90, 160);
const BASELINE: RGBColor = RGBColor(200, 90, 0);
const QUIET: RGBColor = RGBColor(130, 130, 130);
const FONT: &str = "sans-serif";
const TITLE: (&str, u32) = (FONT, 20);
const LABEL: (&str, u32) = (FONT, 16);
const TICK: (&str, u32) = (FONT, 14);

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Loss and held-out accuracy of both models against the iteration.
///
/// # Errors
/// If the file cannot be written.
pub fn learning_curve(
    path: &Path,
    args: &Args,
    data: &DataSet,
    baseline: &CrossValidated,
    model: &CrossValidated,
) -> Result<()> {
    let title = format!(
        "Learning curves, {} folds by {}, loss {}",
        args.folds,
        data.group_name,
        args.describe_loss()
    );
    draw(path, (900, 760), |canvas| {
        let (upper, lower) = canvas.split_vertically(470);
        let models = [(baseline, data.baseline_name, BASELINE), (model, data.model_name, MODEL)];
        let last = last_change(&models.map(|(model, ..)| model.curve.as_slice()));
        losses(&upper, &title, last, &models)?;
        accuracies(&lower, last, &models)
    })
}

type Named<'a> = (&'a CrossValidated, &'a str, RGBColor);

fn losses(canvas: &Canvas<'_>, title: &str, last: usize, models: &[Named<'_>; 2]) -> Result<()> {
    let training = |at: &Snapshot| at.training.mean().unwrap_or(f64::NAN);
    let held_out = |at: &Snapshot| at.held_out.mean().unwrap_or(f64::NAN);
    let all = models.iter().flat_map(|(model, ..)| &model.curve);
    let shown = range(all.flat_map(|at| [training(at), held_out(at)]));
    let room_for_legend = 0.3 * (shown.end - shown.start);
    let mut chart = ChartBuilder::on(canvas)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(8)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..last as f64, shown.start..shown.end + room_for_legend)?;
    mesh(&mut chart, "", "mean loss", 8)?;
    for &(model, name, color) in models {
        let line = ShapeStyle::from(color).stroke_width(2);
        chart
            .draw_series(LineSeries::new(points(&model.curve, last, held_out), line))?
            .label(format!("{name}: held out"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], line));
        chart
            .draw_series(DashedLineSeries::new(points(&model.curve, last, training), 6, 4, line))?
            .label(format!("{name}: training"))
            .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 28, y)], 6, 4, line));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

fn accuracies(canvas: &Canvas<'_>, last: usize, models: &[Named<'_>; 2]) -> Result<()> {
    let errors = models.map(|(model, ..)| accuracy(model));
    let shown = models.iter().flat_map(|(model, ..)| &model.curve).map(Snapshot::accuracy);
    let ends = errors.iter().flat_map(|e| [e.mean - e.standard_error, e.mean + e.standard_error]);
    let mut chart = ChartBuilder::on(canvas)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(48)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..last as f64, range(shown.chain(ends)))?;
    mesh(&mut chart, "L-BFGS iteration", "held-out accuracy", 6)?;
    for (&(model, _, color), error) in models.iter().zip(errors) {
        let line = points(&model.curve, last, Snapshot::accuracy);
        chart.draw_series(LineSeries::new(line, ShapeStyle::from(color).stroke_width(2)))?;
        let band = [
            (0.0, error.mean - error.standard_error),
            (last as f64, error.mean + error.standard_error),
        ];
        chart.draw_series([Rectangle::new(band, color.mix(0.12).filled())])?;
    }
    chart
        .draw_series(std::iter::empty::<Rectangle<(f64, f64)>>())?
        .label("± one standard error")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 28, y + 5)], QUIET.mix(0.3).filled()));
    legend(&mut chart, SeriesLabelPosition::LowerRight)
}

/// How often the favourite won, against the probability the model gave it: the difference of rewards read as log-odds.
/// Only the logistic losses aim at that; with another loss the plot shows how far its rewards are from log-odds.
///
/// # Errors
/// If the file cannot be written.
pub fn calibration(path: &Path, args: &Args, data: &DataSet, model: &CrossValidated) -> Result<()> {
    let title = format!(
        "Calibration on held-out comparisons: {}, loss {}",
        data.model_name,
        args.describe_loss()
    );
    let ties = model.verdicts.iter().any(|verdict| verdict.label == 0.5);
    let observed = if ties { "observed, a tie being half a win" } else { "observed" };
    let bins = bins(&model.verdicts, args.scale);
    draw(path, (760, 820), |canvas| {
        let (upper, lower) = canvas.split_vertically(600);
        reliability(&upper, &title, &format!("{observed} (95 % interval)"), &bins)?;
        histogram(&lower, &bins)
    })
}

/// Comparisons whose favourite was given a probability from `from` to `from + BIN`.
#[derive(Clone, Debug, Default)]
struct Bin {
    from: f64,
    count: f64,
    predicted: f64,
    won: f64,
}

const BIN: f64 = 0.05;
/// A share of fewer comparisons says nothing.
const ENOUGH: f64 = 10.0;

/// A comparison has no natural order, so the favourite's side is taken: probabilities from ½ to 1. A tie is half a win.
fn bins(verdicts: &[Verdict], scale: f64) -> Vec<Bin> {
    let mut bins: Vec<Bin> =
        (0..10).map(|k| Bin { from: 0.5 + BIN * f64::from(k), ..Bin::default() }).collect();
    for verdict in verdicts {
        let (chosen, rejected) = (scale * verdict.chosen, scale * verdict.rejected);
        let predicted = win_probability(chosen.max(rejected), chosen.min(rejected));
        let won = match chosen.total_cmp(&rejected) {
            std::cmp::Ordering::Greater => verdict.label,
            std::cmp::Ordering::Less => 1.0 - verdict.label,
            std::cmp::Ordering::Equal => 0.5,
        };
        let Some(bin) = bins.iter_mut().rev().find(|bin| bin.from <= predicted) else { continue };
        bin.count += 1.0;
        bin.predicted += predicted;
        bin.won += won;
    }
    bins
}

/// The 95 % interval of Wilson for a share of `won` in `count`: sensible also close to 0 and 1.
fn wilson(won: f64, count: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let share = won / count;
    let spread = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let (middle, scale) = (share + Z * Z / (2.0 * count), 1.0 + Z * Z / count);
    ((middle - spread) / scale, (middle + spread) / scale)
}

fn reliability(canvas: &Canvas<'_>, title: &str, observed: &str, bins: &[Bin]) -> Result<()> {
    let filled: Vec<&Bin> = bins.iter().filter(|bin| bin.count >= ENOUGH).collect();
    let bars: Vec<(f64, f64, f64, f64)> = filled
        .iter()
        .map(|bin| {
            let (low, high) = wilson(bin.won, bin.count);
            (bin.predicted / bin.count, low, bin.won / bin.count, high)
        })
        .collect();
    let lowest = bars.iter().map(|bar| bar.1).fold(0.5, f64::min);
    let mut chart = ChartBuilder::on(canvas)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(8)
        .y_label_area_size(70)
        .build_cartesian_2d(0.5..1.0, (lowest - 0.03)..1.02)?;
    mesh(&mut chart, "", "share won by the favourite", 10)?;
    chart
        .draw_series(DashedLineSeries::new([(0.5, 0.5), (1.0, 1.0)], 6, 5, QUIET.stroke_width(2)))?
        .label("perfect calibration")
        .legend(|(x, y)| {
            DashedPathElement::new([(x, y), (x + 28, y)], 6, 5, QUIET.stroke_width(2))
        });
    chart
        .draw_series(bars.iter().map(|&(x, low, middle, high)| {
            ErrorBar::new_vertical(x, low, middle, high, MODEL.stroke_width(2).filled(), 10)
        }))?
        .label(observed)
        .legend(|(x, y)| Circle::new((x + 14, y), 4, MODEL.filled()));
    legend(&mut chart, SeriesLabelPosition::UpperLeft)
}

fn histogram(canvas: &Canvas<'_>, bins: &[Bin]) -> Result<()> {
    let most = bins.iter().map(|bin| bin.count).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(canvas)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(48)
        .y_label_area_size(70)
        .build_cartesian_2d(0.5..1.0, 0.0..(most * 1.25))?;
    mesh(
        &mut chart,
        "predicted win probability of the favourite, σ(difference of rewards)",
        "comparisons",
        5,
    )?;
    chart.draw_series(bins.iter().map(|bin| {
        let corners = [(bin.from + 0.1 * BIN, 0.0), (bin.from + 0.9 * BIN, bin.count)];
        Rectangle::new(corners, MODEL.mix(0.45).filled())
    }))?;
    let style = TextStyle::from(TICK).pos(plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Center,
        plotters::style::text_anchor::VPos::Bottom,
    ));
    chart.draw_series(bins.iter().map(|bin| {
        Text::new(
            bin.count.to_string(),
            (bin.from + 0.5 * BIN, bin.count + 0.03 * most),
            style.clone(),
        )
    }))?;
    Ok(())
}

fn draw(
    path: &Path,
    size: (u32, u32),
    contents: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<()> {
    let canvas = SVGBackend::new(path, size).into_drawing_area();
    canvas.fill(&WHITE)?;
    contents(&canvas)?;
    canvas.present().map_err(|error| anyhow!("cannot write {}: {error}", path.display()))
}

fn mesh(chart: &mut Chart<'_, '_>, x: &str, y: &str, y_labels: usize) -> Result<()> {
    let (x_range, y_range) = (chart.x_range(), chart.y_range());
    let (x_decimals, y_decimals) = (decimals(&x_range), decimals(&y_range));
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(QUIET.mix(0.25))
        .x_desc(x)
        .y_desc(y)
        .y_labels(y_labels)
        .axis_desc_style(LABEL)
        .label_style(TICK)
        .x_label_formatter(&|x| format!("{x:.x_decimals$}"))
        .y_label_formatter(&|y| format!("{y:.y_decimals$}"))
        .draw()?;
    Ok(())
}

/// How many decimals tell the labels of an axis apart.
fn decimals(range: &Range<f64>) -> usize {
    let step = (range.end - range.start) / 6.0;
    [1.0, 0.1, 0.01, 0.001].iter().position(|unit| *unit <= step).unwrap_or(4)
}

fn legend<'a>(chart: &mut Chart<'a, 'a>, position: SeriesLabelPosition) -> Result<()> {
    chart
        .configure_series_labels()
        .position(position)
        .margin(14)
        .legend_area_size(36)
        .background_style(WHITE.mix(0.85))
        .border_style(QUIET.mix(0.5))
        .label_font(LABEL)
        .draw()?;
    Ok(())
}

/// A curve up to the iteration `last`; one that ends earlier stays where it is.
fn points(curve: &[Snapshot], last: usize, value: impl Fn(&Snapshot) -> f64) -> Vec<(f64, f64)> {
    let at = |iteration: usize| value(&curve[iteration.min(curve.len() - 1)]);
    (0..=last).map(|iteration| (iteration as f64, at(iteration))).collect()
}

/// A little more than the values, for an axis.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let room = 0.06 * (high - low).max(1e-3);
    (low - room)..(high + room)
}

/// The optimiser goes on for long where nothing is left to see: the iteration up to which some curve is further than
/// 1 % of its height from its end, and a quarter more.
fn last_change(curves: &[&[Snapshot]]) -> usize {
    let loss = |at: &Snapshot| at.held_out.mean().unwrap_or(0.0);
    let settled = |curve: &&[Snapshot]| {
        let values = curve.iter().map(loss).collect::<Vec<_>>();
        let end = values[values.len() - 1];
        let height = values.iter().map(|value| (value - end).abs()).fold(0.0, f64::max);
        values.iter().rposition(|value| (value - end).abs() > 0.01 * height).unwrap_or(0)
    };
    let settled = curves.iter().map(settled).max().unwrap_or(0);
    (settled + settled / 4 + 1).max(6)
}
