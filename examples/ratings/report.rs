//! What the example prints.

use std::io::Write;

use anyhow::Result;
use pairwise_loss::win_probability;

use super::fit::{Fit, Model, Zero};
use super::games::Games;

/// A matrix of more players than this does not fit on a screen.
const MOST_IN_MATRIX: usize = 16;

/// Players by score, best first.
pub fn order(fit: &Fit) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fit.scores.len()).collect();
    order.sort_by(|&a, &b| fit.scores[b].total_cmp(&fit.scores[a]));
    order
}

/// A normal variable lies within so many standard errors 19 times out of 20.
pub const INTERVAL: f64 = 1.959_963_984_540_054;

/// What was read.
///
/// # Errors
/// If writing fails.
pub fn data(out: &mut impl Write, source: &str, games: &Games) -> Result<()> {
    let ties: f64 =
        games.weights.iter().zip(&games.labels).filter(|(_, p)| **p < 1.0).map(|(w, _)| w).sum();
    let ties = if ties > 0.0 { format!(", {ties} of them ties") } else { String::new() };
    writeln!(out, "{source}: {} games of {} players{ties}", games.total(), games.players.len())?;
    Ok(())
}

/// The table of one fit.
///
/// # Errors
/// If writing fails.
pub fn table(
    out: &mut impl Write,
    title: &str,
    games: &Games,
    model: &Model,
    fit: &Fit,
) -> Result<()> {
    writeln!(out, "\n{title}\n")?;
    let width = games.players.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let (mut played, mut won) = (vec![0.0; fit.scores.len()], vec![0.0; fit.scores.len()]);
    for k in 0..games.len() {
        let (winner, loser) = (games.winners[k] as usize, games.losers[k] as usize);
        let (weight, label) = (games.weights[k], games.labels[k]);
        for (player, share) in [(winner, label), (loser, 1.0 - label)] {
            played[player] += weight;
            won[player] += weight * share;
        }
    }
    write!(out, "{:<width$}{:>9}{:>9}{:>10}", "player", "games", "wins", "score")?;
    if fit.errors.is_some() {
        write!(out, "{:>10}{:>22}", "error", "95 % interval")?;
    }
    writeln!(out)?;
    for i in order(fit) {
        let score = fit.scores[i];
        write!(out, "{:<width$}{:>9}{:>9}{score:>10.4}", games.players[i], played[i], won[i])?;
        if let Some(errors) = &fit.errors {
            let reach = INTERVAL * errors[i];
            let interval = if model.zero == Zero::Player(i) {
                "–".to_owned()
            } else {
                format!("{:.3} to {:.3}", score - reach, score + reach)
            };
            write!(out, "{:>10.4}{interval:>22}", errors[i])?;
        }
        writeln!(out)?;
    }
    let zero = match model.zero {
        Zero::Player(player) => format!("{} is 0", games.players[player]),
        Zero::Mean => "their mean is 0".to_owned(),
        Zero::Prior => {
            format!("the prior has mean 0, variance {}", model.prior.unwrap_or_default())
        }
    };
    writeln!(out, "\nScores are log-odds; {zero}.")?;
    if fit.errors.is_none() {
        writeln!(out, "There are too many players for standard errors.")?;
    }
    if let Some((home, error)) = fit.home {
        let error = error.map(|error| format!(" (error {error:.4})")).unwrap_or_default();
        writeln!(out, "Home advantage: {home:.4}{error}.")?;
    }
    writeln!(
        out,
        "Residual deviance {:.3} on {} degrees of freedom; {} iterations.",
        fit.deviance, fit.degrees_of_freedom, fit.iterations
    )?;
    Ok(())
}

/// The probability that the row beats the column, on neutral ground.
///
/// # Errors
/// If writing fails.
pub fn matrix(out: &mut impl Write, games: &Games, fit: &Fit) -> Result<()> {
    let order = order(fit);
    if order.len() > MOST_IN_MATRIX {
        return Ok(());
    }
    let width = games.players.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6) + 2;
    writeln!(out, "\nProbability that the row beats the column, on neutral ground\n")?;
    write!(out, "{:<width$}", "")?;
    order.iter().try_for_each(|&j| write!(out, "{:>width$}", games.players[j]))?;
    writeln!(out)?;
    for &i in &order {
        write!(out, "{:<width$}", games.players[i])?;
        for &j in &order {
            let cell = if i == j {
                "–".to_owned()
            } else {
                format!("{:.3}", win_probability(fit.scores[i], fit.scores[j]))
            };
            write!(out, "{cell:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
