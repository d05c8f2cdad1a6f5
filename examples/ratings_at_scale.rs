//! Ratings from more games than memory holds: Newton's method, every pass of which streams the games in chunks.
//!
//! ```sh
//! cargo run --release --features rayon --example ratings_at_scale -- --players 100000 --random 10000000
//! cargo run --release --features rayon --example ratings_at_scale -- --players 100000 winners.u32 losers.u32
//! ```
//!
//! The files hold positions of players, four bytes each, least significant first. What the passes add up are exact
//! sums, so that neither the size of the chunks nor the number of threads shows in the ratings.
//!
//! [`Model`] is all that the crate is needed for. [`maximise`] is a textbook: steps that solve H·p = −g by conjugate
//! gradients, preconditioned by the diagonal, halved while the likelihood falls.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use pairwise_loss::{Comparisons, GaussianPrior, Logistic, Reduction, ScoreSum, ScoreSums, Total};

/// Rates players by who beat whom.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// How many players there are
    #[arg(long)]
    pub players: usize,

    /// Files of winners and losers
    #[arg(num_args = 2, value_names = ["WINNERS", "LOSERS"], required_unless_present = "random")]
    pub files: Vec<PathBuf>,

    /// So many random games instead, in memory
    #[arg(long, value_name = "GAMES", conflicts_with = "files")]
    pub random: Option<usize>,

    /// Games of the files that are in memory at a time
    #[arg(long, default_value_t = 1 << 24)]
    pub chunk: usize,

    /// Read the files once and keep the games
    #[arg(long)]
    pub in_memory: bool,

    /// Variance of the normal prior on every score
    #[arg(long, default_value_t = 1.0)]
    pub variance: f64,

    /// The largest element of the gradient, of the sum over the games, at the end
    #[arg(long, default_value_t = 1e-6)]
    pub tolerance: f64,

    /// How many threads [default: as many as there are cores]
    #[arg(long)]
    pub threads: Option<usize>,

    /// File for the scores, eight bytes each
    #[arg(long)]
    pub output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let threads = match args.threads {
        Some(threads) => threads.max(1),
        None => std::thread::available_parallelism()?.get(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| run(&args, threads))
}

fn run(args: &Args, threads: usize) -> Result<()> {
    let games = match args.random {
        Some(games) => random(args.players, games),
        None => Source::Files([args.files[0].clone(), args.files[1].clone()], args.chunk.max(1)),
    };
    let games = if args.in_memory { games.read()? } else { games };
    let progress = ProgressBar::new_spinner();
    let style = "{spinner} {pos} passes, {msg} ({elapsed})";
    progress.set_style(ProgressStyle::with_template(style)?);
    progress.enable_steady_tick(Duration::from_millis(100));
    let start = Instant::now();
    let mut model = Model::new(games, args.players, args.variance, threads)?;
    let fit = maximise(&mut model, args.tolerance, |state| {
        progress.inc(1);
        progress.set_message(state.to_owned());
    })?;
    let seconds = start.elapsed().as_secs_f64();
    progress.finish_and_clear();
    let Fit { passes, steps, loss, gradient, .. } = fit;
    let line = serde_json::json!({
        "games": model.games_seen, "seconds": seconds, "passes": passes, "steps": steps,
        "loss": loss, "gradient": gradient,
    });
    println!("{line}");
    if let Some(path) = &args.output {
        let mut file = BufWriter::new(File::create(path)?);
        fit.scores.iter().try_for_each(|score| file.write_all(&score.to_le_bytes()))?;
        file.flush()?;
    }
    Ok(())
}

/// Where games come from, pass after pass.
pub enum Source {
    /// All of them in memory.
    Memory(Vec<u32>, Vec<u32>),
    /// Two files, so many games at a time.
    Files([PathBuf; 2], usize),
}

impl Source {
    fn read(self) -> Result<Self> {
        let (mut winners, mut losers) = (Vec::new(), Vec::new());
        self.pass(|some_winners, some_losers| {
            winners.extend_from_slice(some_winners);
            losers.extend_from_slice(some_losers);
            Ok(())
        })?;
        Ok(Self::Memory(winners, losers))
    }

    /// Hands on winners and losers, chunk by chunk.
    ///
    /// # Errors
    /// If the files cannot be read, or differ in length; and those of `each`.
    pub fn pass(&self, mut each: impl FnMut(&[u32], &[u32]) -> Result<()>) -> Result<()> {
        let (paths, chunk) = match self {
            Self::Memory(winners, losers) => return each(winners, losers),
            Self::Files(paths, chunk) => (paths, *chunk),
        };
        let mut files = Vec::new();
        for path in paths {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            files.push(BufReader::with_capacity(1 << 20, file));
        }
        let mut bytes = vec![0; 4 * chunk];
        loop {
            let mut sides = [Vec::new(), Vec::new()];
            for (side, file) in sides.iter_mut().zip(&mut files) {
                let mut len = 0;
                while len < bytes.len() {
                    match file.read(&mut bytes[len..])? {
                        0 => break,
                        more => len += more,
                    }
                }
                let (numbers, rest) = bytes[..len].as_chunks();
                ensure!(rest.is_empty(), "a file of games ends within a number");
                side.extend(numbers.iter().map(|&number| u32::from_le_bytes(number)));
            }
            let [winners, losers] = &sides;
            ensure!(winners.len() == losers.len(), "not as many winners as losers");
            if winners.is_empty() {
                return Ok(());
            }
            each(winners, losers)?;
        }
    }
}

/// Games between players whose scores are a straight line, each won with the probability of the model.
pub fn random(players: usize, games: usize) -> Source {
    let mut random = fastrand::Rng::with_seed(7);
    let score = |player: usize| 4.0 * (player as f64 / players as f64) - 2.0;
    let game = |_| {
        let first = random.usize(..players);
        let second = (first + 1 + random.usize(..players - 1)) % players;
        let wins = random.f64() < pairwise_loss::win_probability(score(first), score(second));
        if wins { (first as u32, second as u32) } else { (second as u32, first as u32) }
    };
    let (winners, losers) = (0..games).map(game).unzip();
    Source::Memory(winners, losers)
}

/// −log-likelihood of the games, and of the scores under the prior, with derivatives.
pub struct Model {
    games: Source,
    players: usize,
    prior: GaussianPrior,
    /// Accumulators of two sums an entry, with a piece a thread.
    memory: [Vec<ScoreSum>; 2],
    /// How many games there are.
    pub games_seen: u64,
}

/// The model at some scores.
pub struct Point {
    /// Its value.
    pub loss: f64,
    /// The gradient.
    pub gradient: Vec<f64>,
    /// The diagonal of the Hessian.
    pub diagonal: Vec<f64>,
}

impl Model {
    /// # Errors
    /// If the variance is not finite and > 0.
    pub fn new(games: Source, players: usize, variance: f64, threads: usize) -> Result<Self> {
        let memory = [(); 2].map(|()| vec![ScoreSum::ZERO; players * threads]);
        let prior = GaussianPrior::new(variance)?;
        Ok(Self { games, players, prior, memory, games_seen: 0 })
    }

    /// Value, gradient and diagonal.
    ///
    /// # Errors
    /// If the games cannot be read, or are not of these players.
    pub fn at(&mut self, scores: &[f64]) -> Result<Point> {
        let [gradient, diagonal] = &mut self.memory;
        let mut gradient = ScoreSums::new(gradient, scores.len())?;
        let mut diagonal = ScoreSums::new(diagonal, scores.len())?;
        gradient.clear();
        diagonal.clear();
        let mut total = Total::default();
        self.games.pass(|winners, losers| {
            let games = Comparisons::new(scores, winners, losers)?;
            total += games.add_gradient_to_sums(Logistic, Reduction::Sum, &mut gradient)?;
            games.add_hessian_diagonal_to_sums(Logistic, &mut diagonal)?;
            Ok(())
        })?;
        self.games_seen = total.len();
        let (mut g, mut d) = (vec![0.0; scores.len()], vec![0.0; scores.len()]);
        gradient.round_into(&mut g)?;
        diagonal.round_into(&mut d)?;
        self.prior.add_gradient(scores, &mut g)?;
        self.prior.add_hessian_diagonal(&mut d);
        let loss = total.sum() + self.prior.value(scores);
        Ok(Point { loss, gradient: g, diagonal: d })
    }

    /// The Hessian times a vector.
    ///
    /// # Errors
    /// As for [`at`](Model::at).
    pub fn times(&mut self, scores: &[f64], v: &[f64]) -> Result<Vec<f64>> {
        let mut sums = ScoreSums::new(&mut self.memory[0], scores.len())?;
        sums.clear();
        self.games.pass(|winners, losers| {
            let games = Comparisons::new(scores, winners, losers)?;
            Ok(games.add_hessian_vector_product_to_sums(Logistic, v, &mut sums)?)
        })?;
        let mut product = vec![0.0; v.len()];
        sums.round_into(&mut product)?;
        self.prior.add_hessian_vector_product(v, &mut product)?;
        Ok(product)
    }
}

/// Scores at the maximum of the likelihood, and how they were found.
pub struct Fit {
    /// One a player.
    pub scores: Vec<f64>,
    /// The value there.
    pub loss: f64,
    /// The largest element of the gradient there.
    pub gradient: f64,
    /// Steps of Newton's method.
    pub steps: u32,
    /// Passes over the games.
    pub passes: u32,
}

const MOST_STEPS: u32 = 100;

/// # Errors
/// As for [`Model::at`], and if a hundred steps are not enough.
pub fn maximise(model: &mut Model, tolerance: f64, mut on_pass: impl FnMut(&str)) -> Result<Fit> {
    let mut scores = vec![0.0; model.players];
    let mut point = model.at(&scores)?;
    let (mut steps, mut passes) = (0, 1);
    let first = norm(&point.gradient);
    loop {
        let largest = point.gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        let state = format!("step {steps}, loss {:.6}, gradient {largest:.1e}", point.loss);
        on_pass(&state);
        if largest <= tolerance {
            let (loss, gradient) = (point.loss, largest);
            return Ok(Fit { scores, loss, gradient, steps, passes });
        }
        ensure!(steps < MOST_STEPS, "no convergence: {state}");
        // As exact as the gradient is small: the steps then converge faster than linearly.
        let size = norm(&point.gradient);
        let enough = size * (0.1_f64).min((size / first).sqrt());
        let (mut p, mut r) = (vec![0.0; scores.len()], negated(&point.gradient));
        let mut z = quotient(&r, &point.diagonal);
        let (mut direction, mut rz) = (z.clone(), dot(&r, &z));
        while norm(&r) > enough {
            let product = model.times(&scores, &direction)?;
            passes += 1;
            on_pass(&state);
            let step = rz / dot(&direction, &product);
            add(&mut p, step, &direction);
            add(&mut r, -step, &product);
            z = quotient(&r, &point.diagonal);
            let next = dot(&r, &z);
            let turn = next / rz;
            direction = z.iter().zip(&direction).map(|(z, d)| z + turn * d).collect();
            rz = next;
        }
        let (mut share, promised) = (1.0, dot(&p, &point.gradient));
        loop {
            let mut trial = scores.clone();
            add(&mut trial, share, &p);
            let there = model.at(&trial)?;
            passes += 1;
            // Differences below this are rounding.
            let rounding = 1e-13 * point.loss.abs();
            if there.loss <= point.loss + 1e-4 * share * promised + rounding || share < 1e-6 {
                (scores, point) = (trial, there);
                break;
            }
            share *= 0.5;
        }
        steps += 1;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

fn negated(a: &[f64]) -> Vec<f64> {
    a.iter().map(|a| -a).collect()
}

fn quotient(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / b).collect()
}
