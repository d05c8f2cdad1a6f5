//! Ratings of players whose games are spread over ranks, by the L-BFGS of argmin, which knows nothing of ranks.
//!
//! ```sh
//! cargo build --release --examples
//! target/release/examples/ratings                                # baseball, 1987
//! mpirun -n 4 target/release/examples/ratings
//! mpirun -n 4 target/release/examples/ratings --games games.csv  # winner,loser[,weight][,tie]
//! ```
//!
//! Every rank runs the optimiser. As value and gradient are the same bits on all of them, all take the same decisions, and
//! so ask for the next value together; and as these bits are those of one rank with all games, so are the ratings.

#[allow(dead_code, reason = "the module serves other examples, too")]
#[path = "../../../examples/ratings/games.rs"]
mod games;
#[path = "../../../examples/reward_model/line_search.rs"]
mod line_search;
mod shard;

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::{Context, Result};
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::quasinewton::LBFGS;
use clap::Parser;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use pairwise_loss::{Comparisons, Logistic};
use pairwise_loss_mpi::{ExactCollectives, ExactVector};

use line_search::WeakWolfe;

/// Rates players from games that are spread over ranks.
#[derive(Parser)]
struct Args {
    /// Games: winner,loser[,weight][,tie], instead of the American League's of 1987
    #[arg(long, value_name = "FILE.csv")]
    games: Option<PathBuf>,

    /// The most iterations
    #[arg(long, default_value_t = 200)]
    iterations: u64,
}

fn main() {
    let args = Args::parse();
    pairwise_loss_mpi::run(|world| rate(world, &args));
}

fn rate(world: &SimpleCommunicator, args: &Args) -> Result<()> {
    // Ranks of a cluster would each load the file of their shard, and agree on the players' numbers.
    let games = args.games.as_deref().map_or_else(games::baseball, games::load)?;
    let shard = shard::of(games.len(), world);
    let counts = shard::gather(world, shard.len());
    let players = games.players.len();
    let objective = Objective {
        world,
        players,
        winners: &games.winners[shard.clone()],
        losers: &games.losers[shard.clone()],
        weights: &games.weights[shard.clone()],
        labels: &games.labels[shard],
        latest: RefCell::new(None),
    };
    let solver = LBFGS::<_, Vec<f64>, Vec<f64>, f64>::new(WeakWolfe::default(), 10)
        .with_tolerance_grad(1e-10)?
        .with_tolerance_cost(0.0)?;
    let found = Executor::new(&objective, solver)
        .configure(|state| state.param(vec![0.0; players]).max_iters(args.iterations))
        .run()?;
    let scores = found.state().get_param().context("the optimiser lost its point")?;
    let loss = objective.evaluate(scores)?.loss;
    if world.rank() == 0 {
        println!("{} ranks with {counts:?} results", world.size());
        println!("{:<14} {loss:>9.6}  {:016x}", "mean loss", loss.to_bits());
        let mean = scores.iter().sum::<f64>() / players as f64;
        for (player, score) in games.players.iter().zip(scores) {
            let score = score - mean;
            println!("{player:<14} {score:>9.6}  {:016x}", score.to_bits());
        }
    }
    Ok(())
}

/// The mean loss over the games of all ranks, at some scores.
struct Objective<'a> {
    world: &'a SimpleCommunicator,
    players: usize,
    winners: &'a [u32],
    losers: &'a [u32],
    weights: &'a [f64],
    labels: &'a [f64],
    /// The optimiser asks for value and gradient one after the other; both come from one pass.
    latest: RefCell<Option<Evaluation>>,
}

#[derive(Clone)]
struct Evaluation {
    scores: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Objective<'_> {
    fn evaluate(&self, scores: &[f64]) -> Result<Evaluation> {
        if let Some(known) = &*self.latest.borrow()
            && known.scores == scores
        {
            return Ok(known.clone());
        }
        let comparisons = Comparisons::new(scores, self.winners, self.losers)?
            .with_weights(self.weights)?
            .with_labels(self.labels)?;
        let mut each = vec![0.0; comparisons.len()];
        comparisons.gradients_into(Logistic, &mut each)?;
        let mut gradient = ExactVector::zeros(self.players);
        for ((&winner, &loser), &derivative) in self.winners.iter().zip(self.losers).zip(&each) {
            gradient.add(winner as usize, derivative);
            gradient.add(loser as usize, -derivative);
        }

        let total = self.world.all_reduce_total(&comparisons.total(Logistic))?;
        let gradient = self.world.all_reduce_vector(gradient)?.sums();
        let games = total.total_weight();
        let evaluation = Evaluation {
            scores: scores.to_vec(),
            loss: total.weighted_mean().context("there are no games")?,
            gradient: gradient.into_iter().map(|sum| sum / games).collect(),
        };
        *self.latest.borrow_mut() = Some(evaluation.clone());
        Ok(evaluation)
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, scores: &Vec<f64>) -> Result<f64> {
        Ok(self.evaluate(scores)?.loss)
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, scores: &Vec<f64>) -> Result<Vec<f64>> {
        Ok(self.evaluate(scores)?.gradient)
    }
}
