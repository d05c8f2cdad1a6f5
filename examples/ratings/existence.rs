//! Whether there are finite ratings at all: only if from every player to every other one leads a chain of wins (L. R.
//! Ford, American Mathematical Monthly 64, 1957). If not, who is to blame.

use anyhow::{Result, bail};

use super::games::Games;

/// More names than this are only counted.
const NAMED: usize = 5;

/// # Errors
/// With the names of players that the games do not connect with the others, or whose ratings would be infinite.
pub fn check(games: &Games) -> Result<()> {
    let wins = Graph::new(games);
    let group = wins.strong_components();
    let groups = group.iter().max().map_or(0, |last| last + 1);
    if groups <= 1 {
        return Ok(());
    }
    let members = |wanted: usize| -> Vec<usize> {
        (0..group.len()).filter(|&player| group[player] == wanted).collect()
    };
    // Which groups lost to another one, and which won against another one.
    let (mut lost, mut won) = (vec![false; groups], vec![false; groups]);
    for (winner, losers) in wins.beaten.iter().enumerate() {
        for &loser in losers {
            if group[winner] != group[loser] {
                won[group[winner]] = true;
                lost[group[loser]] = true;
            }
        }
    }
    // One group that is larger than all others needs no excuse.
    let sizes: Vec<usize> = (0..groups).map(|at| members(at).len()).collect();
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let rest = sizes.iter().filter(|&&size| size == largest).count() == 1;
    let mut reasons = Vec::new();
    for at in (0..groups).filter(|&at| !(rest && sizes[at] == largest)) {
        let who = names(games, &members(at));
        let reason = match (won[at], lost[at]) {
            (true, true) => continue,
            (true, false) => format!("{who} never lost or drew against anybody else"),
            (false, true) => format!("{who} never won or drew against anybody else"),
            (false, false) => format!("{who} never played anybody else"),
        };
        reasons.push(reason);
    }
    let more = reasons.len().saturating_sub(NAMED);
    reasons.truncate(NAMED);
    if more > 0 {
        reasons.push(format!("and so on for {more} more"));
    }
    bail!(
        "there are no finite ratings for these games: {}. \
         Leave them out, or give --prior VARIANCE (such as 1) to rate them all",
        reasons.join("; ")
    )
}

fn names(games: &Games, players: &[usize]) -> String {
    let shown: Vec<&str> =
        players.iter().take(NAMED).map(|&player| games.players[player].as_str()).collect();
    match players.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whom each player has beaten; a tie counts for both.
struct Graph {
    beaten: Vec<Vec<usize>>,
}

impl Graph {
    fn new(games: &Games) -> Self {
        let mut beaten = vec![Vec::new(); games.players.len()];
        for ((&winner, &loser), &label) in
            games.winners.iter().zip(&games.losers).zip(&games.labels)
        {
            let (winner, loser) = (winner as usize, loser as usize);
            beaten[winner].push(loser);
            if label < 1.0 {
                beaten[loser].push(winner);
            }
        }
        Self { beaten }
    }

    /// The number of the group of each player: players of one group are connected by wins both ways (Tarjan's
    /// algorithm, with a stack of its own so that long chains are no problem).
    fn strong_components(&self) -> Vec<usize> {
        const NONE: usize = usize::MAX;
        let n = self.beaten.len();
        let (mut order, mut low, mut group) = (vec![NONE; n], vec![0; n], vec![NONE; n]);
        let (mut open, mut path) = (Vec::new(), Vec::new());
        let (mut visited, mut groups) = (0, 0);
        for start in 0..n {
            if order[start] == NONE {
                path.push((start, 0));
            }
            while let Some(&mut (player, ref mut next)) = path.last_mut() {
                if *next == 0 && order[player] == NONE {
                    (order[player], low[player]) = (visited, visited);
                    visited += 1;
                    open.push(player);
                }
                if let Some(&other) = self.beaten[player].get(*next) {
                    *next += 1;
                    if order[other] == NONE {
                        path.push((other, 0));
                    } else if group[other] == NONE {
                        low[player] = low[player].min(order[other]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(parent, _)) = path.last() {
                    low[parent] = low[parent].min(low[player]);
                }
                if low[player] == order[player] {
                    while let Some(member) = open.pop() {
                        group[member] = groups;
                        if member == player {
                            break;
                        }
                    }
                    groups += 1;
                }
            }
        }
        group
    }
}
