//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Rates players by who beat whom: Bradley–Terry scores with standard errors, with and without home advantage.
///
/// Without --games it rates the baseball teams of the American League, 1987.
#[derive(Clone, Debug, Parser)]
#[command(name = "ratings")]
pub struct Args {
    /// Games: a CSV file with the columns `winner`, `loser`, and if need be `weight` (how many such games; 1), `tie`
    /// (0 or 1; a tie is half a win for each) and `home` (the name of the one of the two who played at home, or
    /// nothing)
    #[arg(long, value_name = "FILE.csv")]
    pub games: Option<PathBuf>,

    /// The player whose score is 0 [default: the scores have mean 0; Baltimore without --games; none with --prior]
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,

    /// Variance of a normal prior on every score, which makes all of them finite: 1 says that a favourite of 3 to 1 is
    /// usual, of 20 to 1 rare
    #[arg(long, value_name = "VARIANCE", allow_negative_numbers = true)]
    pub prior: Option<f64>,

    /// The most iterations of one fit
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub iterations: u64,

    /// Folder for the plot; it is made if need be
    #[arg(long, value_name = "FOLDER", default_value = "ratings_output")]
    pub output: PathBuf,
}
