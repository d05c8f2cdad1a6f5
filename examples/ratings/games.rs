//! Games in memory: who beat whom, how often, and where. From a CSV file, or the season that comes with the example.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const BASEBALL: &str = include_str!("../data/baseball1987/baseball1987.csv");

/// Games of the same kind: the same winner, loser and place, or a tie of the two.
#[derive(Clone, Debug, Default)]
pub struct Games {
    /// Names of the players, in the order in which they turn up.
    pub players: Vec<String>,
    /// Who won.
    pub winners: Vec<u32>,
    /// Who lost.
    pub losers: Vec<u32>,
    /// How many such games.
    pub weights: Vec<f64>,
    /// 1, or ½ where the games were ties.
    pub labels: Vec<f64>,
    /// 1 where the winner played at home, −1 where the loser did, else 0.
    pub home: Vec<f64>,
    index: HashMap<String, u32>,
    kinds: HashMap<(u32, u32, bool, i8), usize>,
}

impl Games {
    /// How many kinds of games.
    pub fn len(&self) -> usize {
        self.winners.len()
    }

    /// Whether there are no games.
    pub fn is_empty(&self) -> bool {
        self.winners.is_empty()
    }

    /// How many games.
    pub fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// Whether anybody played at home.
    pub fn has_home(&self) -> bool {
        self.home.iter().any(|&home| home != 0.0)
    }

    /// The number of a player, a new one for a new name.
    pub fn player(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let new = self.players.len() as u32;
        self.players.push(name.to_owned());
        self.index.insert(name.to_owned(), new);
        new
    }

    /// The number of a player who has played.
    ///
    /// # Errors
    /// If there is no such player.
    pub fn find(&self, name: &str) -> Result<usize> {
        let known = self.index.get(name).map(|&player| player as usize);
        known.with_context(|| format!("--reference: there is no player {name:?}"))
    }

    /// Adds `weight` games. `home` is 1 where the winner played at home, −1 where the loser did, else 0.
    pub fn add(&mut self, winner: u32, loser: u32, weight: f64, tie: bool, home: i8) {
        if weight == 0.0 {
            return;
        }
        // A tie is the same from both sides.
        let kind = match (tie, winner < loser) {
            (true, false) => (loser, winner, tie, -home),
            _ => (winner, loser, tie, home),
        };
        if let Some(&known) = self.kinds.get(&kind) {
            self.weights[known] += weight;
            return;
        }
        self.kinds.insert(kind, self.len());
        self.winners.push(kind.0);
        self.losers.push(kind.1);
        self.weights.push(weight);
        self.labels.push(if tie { 0.5 } else { 1.0 });
        self.home.push(f64::from(kind.3));
    }

    /// Two players in one place and how often each of them won, a tie being half a win: (wins of one, wins of the
    /// other).
    pub fn results(&self) -> Vec<(f64, f64)> {
        let mut pairs: HashMap<(u32, u32, i8), usize> = HashMap::new();
        let mut results: Vec<(f64, f64)> = Vec::new();
        for k in 0..self.len() {
            let (winner, loser, home) = (self.winners[k], self.losers[k], self.home[k] as i8);
            let turned = winner > loser;
            let pair = if turned { (loser, winner, -home) } else { (winner, loser, home) };
            let at = *pairs.entry(pair).or_insert(results.len());
            if at == results.len() {
                results.push((0.0, 0.0));
            }
            let won = self.weights[k] * self.labels[k];
            let lost = self.weights[k] - won;
            let (one, other) = if turned { (lost, won) } else { (won, lost) };
            results[at] = (results[at].0 + one, results[at].1 + other);
        }
        results
    }
}

/// A row of the baseball data.
#[derive(Deserialize)]
struct Series {
    #[serde(rename = "home.team")]
    home_team: String,
    #[serde(rename = "away.team")]
    away_team: String,
    #[serde(rename = "home.wins")]
    home_wins: f64,
    #[serde(rename = "away.wins")]
    away_wins: f64,
}

/// The season of 1987.
///
/// # Errors
/// None, unless the file that was compiled in is broken.
pub fn baseball() -> Result<Games> {
    let mut games = Games::default();
    let columns = ["home.team", "away.team", "home.wins", "away.wins"];
    read("baseball1987.csv", BASEBALL.as_bytes(), &columns, |row: Series| {
        let (home, away) = (games.player(&row.home_team), games.player(&row.away_team));
        games.add(home, away, row.home_wins, false, 1);
        games.add(away, home, row.away_wins, false, -1);
        Ok(())
    })?;
    Ok(games)
}

const COLUMNS: [&str; 5] = ["winner", "loser", "weight", "tie", "home"];

/// A row of the user's file.
#[derive(Deserialize)]
struct Game {
    winner: String,
    loser: String,
    weight: Option<f64>,
    tie: Option<String>,
    home: Option<String>,
}

/// The games of a CSV file; see `--help` for its columns.
///
/// # Errors
/// `FILE:LINE: message` for whatever is wrong with a row.
pub fn load(path: &Path) -> Result<Games> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut games = Games::default();
    read(&name, file, &COLUMNS, |row: Game| {
        for (side, name) in [("winner", &row.winner), ("loser", &row.loser)] {
            ensure!(!name.is_empty(), "the {side} has no name");
        }
        ensure!(row.winner != row.loser, "{} plays against itself", row.winner);
        let weight = row.weight.unwrap_or(1.0);
        ensure!(weight.is_finite() && weight >= 0.0, "weight is {weight}, must be finite and ≥ 0");
        let tie = match row.tie.as_deref().unwrap_or_default() {
            "" | "0" | "false" | "no" => false,
            "1" | "true" | "yes" => true,
            other => return Err(anyhow!("tie is {other:?}, must be 0 or 1")),
        };
        let home = match row.home.as_deref().unwrap_or_default() {
            "" => 0,
            name if name == row.winner => 1,
            name if name == row.loser => -1,
            name => return Err(anyhow!("home is {name:?}, neither the winner nor the loser")),
        };
        let (winner, loser) = (games.player(&row.winner), games.player(&row.loser));
        games.add(winner, loser, weight, tie, home);
        Ok(())
    })?;
    ensure!(!games.is_empty(), "{name}: no game of a weight above 0");
    Ok(games)
}

/// Hands every row to `each`; whatever goes wrong in a row is reported as `FILE:LINE: message`.
fn read<Row: DeserializeOwned>(
    name: &str,
    source: impl Read,
    columns: &[&str],
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
    let describe = |error: &csv::Error, line: u64| {
        let line = error.position().map_or(line, csv::Position::line);
        let message = match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} fields where the header has {expected_len}")
            }
            csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        anyhow!("{name}:{line}: {message}")
    };
    let headers = reader.headers().map_err(|error| describe(&error, 1))?.clone();
    if let Some(unknown) = headers.iter().find(|column| !columns.contains(column)) {
        return Err(anyhow!(
            "{name}:1: unknown column {unknown:?}, expected {}",
            columns.join(", ")
        ));
    }
    let mut rows = 0;
    for record in reader.into_records() {
        let record = record.map_err(|error| describe(&error, 1))?;
        let line = record.position().map_or(1, csv::Position::line);
        let row = record.deserialize(Some(&headers)).map_err(|error| describe(&error, line))?;
        each(row).map_err(|error| anyhow!("{name}:{line}: {error:#}"))?;
        rows += 1;
    }
    ensure!(rows > 0, "{name}: no rows below the header");
    Ok(())
}
