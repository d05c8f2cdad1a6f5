//! The ratings example: published fits, the reading of files, games without finite ratings.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/ratings/main.rs"]
mod ratings;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::Parser;
use pairwise_loss::Strengths;
use tempfile::TempDir;

use ratings::args::Args;
use ratings::fit::{Fit, Model, Zero, fit};
use ratings::games::{Games, baseball, load};
use ratings::run;

const PLAIN: Model = Model { home: false, prior: None, zero: Zero::Mean, max_iterations: 1000 };

/// To the last of so many decimals.
fn printed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn rated(games: &Games, fit: &Fit, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| printed(fit.scores[games.find(name).unwrap()], 4)).collect()
}

const TEAMS: [&str; 6] = ["Boston", "Cleveland", "Detroit", "Milwaukee", "New York", "Toronto"];

/// Agresti, *Categorical Data Analysis*; Turner & Firth, Journal of Statistical Software 48 (2012) 9.
#[test]
fn the_published_fit_of_baseball_without_home_advantage() {
    let games = baseball().unwrap();
    let zero = Zero::Player(games.find("Baltimore").unwrap());
    let fit = fit(&games, Model { zero, ..PLAIN }, || ()).unwrap();
    let published = ["1.1077", "0.6839", "1.4364", "1.5814", "1.2476", "1.2945"];
    assert_eq!(rated(&games, &fit, &TEAMS), published);
    assert_eq!(printed(fit.deviance, 3), "44.053");
    assert_eq!(fit.degrees_of_freedom, 36); // 42 series, 6 abilities
    assert_eq!(fit.errors.unwrap()[games.find("Baltimore").unwrap()], 0.0);
}

#[test]
fn the_published_fit_of_baseball_with_home_advantage() {
    let games = baseball().unwrap();
    let fit = fit(&games, Model { home: true, ..PLAIN }, || ()).unwrap();
    let (home, error) = fit.home.unwrap();
    assert_eq!((printed(home, 4), printed(error.unwrap(), 4)), ("0.3023".into(), "0.1309".into()));
    assert_eq!(printed(fit.deviance, 3), "38.643");
    assert_eq!(fit.degrees_of_freedom, 35);
    assert!(fit.scores.iter().sum::<f64>().abs() < 1e-12);
}

fn file(folder: &TempDir, contents: &str) -> std::path::PathBuf {
    let path = folder.path().join("games.csv");
    fs::write(&path, contents).unwrap();
    path
}

/// Dittrich, Hatzinger & Katzenbeisser, Applied Statistics 47 (1998) 511–525, ties as half a win for each.
#[test]
fn the_published_fit_of_schools() {
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/cems1998/cems_preferences.csv");
    let mut csv = "winner,loser,tie\n".to_owned();
    for row in fs::read_to_string(data).unwrap().replace('"', "").lines().skip(1) {
        let field: Vec<&str> = row.split(',').collect();
        let (one, other) = (field[1], field[2]);
        match field[3..6] {
            ["1", ..] => writeln!(csv, "{one},{other},").unwrap(),
            [_, "1", _] => writeln!(csv, "{other},{one},0").unwrap(),
            [_, _, "1"] => writeln!(csv, "{one},{other},1").unwrap(),
            _ => (),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let games = load(&file(&folder, &csv)).unwrap();
    assert_eq!(games.total(), 4454.0);
    assert!(games.len() <= 45); // 15 pairs: two winners and a tie each
    let zero = Zero::Player(games.find("Stockholm").unwrap());
    let fit = fit(&games, Model { zero, ..PLAIN }, || ()).unwrap();
    let schools = ["London", "Paris", "Barcelona", "St.Gallen", "Milano"];
    assert_eq!(rated(&games, &fit, &schools), ["1.5975", "0.9064", "0.5379", "0.5251", "0.3878"]);
    let errors = fit.errors.unwrap();
    let errors = schools.map(|name| printed(errors[games.find(name).unwrap()], 4));
    assert_eq!(errors, ["0.0768", "0.0723", "0.0703", "0.0703", "0.0711"]);
}

/// Where the gradient of the posterior is 0, by Newton's method from the definitions, one player against another.
#[test]
fn a_prior_bounds_what_games_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let games = load(&file(&folder, "winner,loser,weight\na,b,3\n")).unwrap();
    let model = Model { prior: Some(2.0), zero: Zero::Prior, ..PLAIN };
    let fit = fit(&games, model, || ()).unwrap();
    // s/2 = 3·σ(−2s), by bisection.
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..100 {
        let s = 0.5 * (low + high);
        if s / 2.0 < 3.0 / (1.0 + f64::exp(2.0 * s)) { low = s } else { high = s }
    }
    assert!((fit.scores[0] - low).abs() < 1e-9, "{:?} {low}", fit.scores);
    assert!((fit.scores[1] + low).abs() < 1e-9);
    // The information is [[h + ½, −h], [−h, h + ½]], h = 3·σ(2s)·σ(−2s).
    let p = 1.0 / (1.0 + f64::exp(-2.0 * low));
    let h = 3.0 * p * (1.0 - p);
    let variance = (h + 0.5) / ((h + 0.5) * (h + 0.5) - h * h);
    assert!((fit.errors.unwrap()[0] - variance.sqrt()).abs() < 1e-8);
}

#[test]
fn errors_are_those_of_contrasts() {
    // Two players, one win each way a times: variance of the difference 1/(2a·¼), of either about the mean a quarter
    // of it.
    let folder = tempfile::tempdir().unwrap();
    let games = load(&file(&folder, "winner,loser,weight\na,b,8\nb,a,8\n")).unwrap();
    let by = |zero| fit(&games, Model { zero, ..PLAIN }, || ()).unwrap().errors.unwrap();
    let close = |errors: Vec<f64>, expected: [f64; 2]| {
        errors.iter().zip(expected).all(|(error, expected)| (error - expected).abs() < 1e-12)
    };
    assert!(close(by(Zero::Player(0)), [0.0, 0.5]));
    assert!(close(by(Zero::Player(1)), [0.5, 0.0]));
    assert!(close(by(Zero::Mean), [0.25, 0.25]));
}

fn over_strengths<'a>(games: &'a Games, strengths: &'a [f64]) -> Strengths<'a, f64> {
    let games = Strengths::new(strengths, &games.winners, &games.losers)
        .and_then(|comparisons| comparisons.with_weights(&games.weights));
    games.unwrap()
}

/// MM and Newman steps arrive where L-BFGS does.
#[test]
fn iterations_over_strengths_reach_the_same_maximum() {
    let games = baseball().unwrap();
    let expected = fit(&games, PLAIN, || ()).unwrap().scores;
    let n = expected.len();
    let scores = |strengths: &[f64]| -> Vec<f64> {
        let mean = strengths.iter().map(|s| s.ln()).sum::<f64>() / n as f64;
        strengths.iter().map(|s| s.ln() - mean).collect()
    };
    let of = |strengths: &[f64]| -> f64 {
        let scores = scores(strengths);
        scores.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let rounds = |one_round: &dyn Fn(&mut Vec<f64>)| {
        let mut strengths = vec![1.0; n];
        let mut likelihood = over_strengths(&games, &strengths).log_likelihood();
        for round in 1..=2000 {
            one_round(&mut strengths);
            let next = over_strengths(&games, &strengths).log_likelihood();
            assert!(next >= likelihood - 1e-12 * likelihood.abs(), "{round}: {next} {likelihood}");
            likelihood = next;
            if of(&strengths) < 1e-8 {
                return round;
            }
        }
        panic!("{}", of(&strengths));
    };
    let newman = rounds(&|strengths| {
        for entry in 0..n {
            strengths[entry] = over_strengths(&games, strengths).newman_step(entry as u32).unwrap();
        }
    });
    let cyclic = rounds(&|strengths| {
        for entry in 0..n {
            strengths[entry] = over_strengths(&games, strengths).mm_step(entry as u32).unwrap();
        }
    });
    let at_once = rounds(&|strengths| {
        let (mut wins, mut next) = (vec![0.0; n], vec![0.0; n]);
        over_strengths(&games, strengths).wins_into(&mut wins).unwrap();
        over_strengths(&games, strengths).mm_step_into(&wins, &mut next).unwrap();
        *strengths = next;
    });
    assert!(newman < cyclic.min(at_once), "{newman} {cyclic} {at_once}");
}

#[test]
fn errors_in_games_name_file_and_line() {
    let cases = [
        ("winner,loser\na,a\n", "2: a plays against itself"),
        ("winner,loser\na,b\n,b\n", "3: the winner has no name"),
        ("winner,loser,weight\na,b,-1\n", "2: weight is -1, must be finite and ≥ 0"),
        ("winner,loser,weight\na,b,inf\n", "2: weight is inf, must be finite and ≥ 0"),
        ("winner,loser,weight\na,b,many\n", "2: field 2: invalid float literal"),
        ("winner,loser,tie\na,b,perhaps\n", "2: tie is \"perhaps\", must be 0 or 1"),
        ("winner,loser,home\na,b,c\n", "2: home is \"c\", neither the winner nor the loser"),
        ("winner,loser\na,b,c\n", "2: 3 fields where the header has 2"),
        (
            "winner,looser\na,b\n",
            "1: unknown column \"looser\", expected winner, loser, weight, tie, home",
        ),
        ("winner\na\n", "2: missing field `loser`"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (contents, message) in cases {
        let path = file(&folder, contents);
        let error = format!("{:#}", load(&path).unwrap_err());
        assert_eq!(error, format!("{}:{message}", path.display()));
    }
    for (contents, message) in [
        ("winner,loser\n", "no rows below the header"),
        ("", "no rows below the header"),
        ("winner,loser,weight\na,b,0\n", "no game of a weight above 0"),
    ] {
        let path = file(&folder, contents);
        let error = format!("{:#}", load(&path).unwrap_err());
        assert_eq!(error, format!("{}: {message}", path.display()));
    }
    let missing = format!("{:#}", load(Path::new("no/such/file")).unwrap_err());
    assert!(missing.starts_with("cannot read no/such/file: "), "{missing}");
}

#[test]
fn games_of_one_kind_are_counted_together() {
    let folder = tempfile::tempdir().unwrap();
    let contents = "winner, loser, weight, tie, home\na, b, 2, , a\na,b,,0,a\nb,a,1,1,\na,b,0.5,yes,\nb,a,1,no,a\n";
    let games = load(&file(&folder, contents)).unwrap();
    assert_eq!(games.players, ["a", "b"]);
    assert_eq!(games.weights, [3.0, 1.5, 1.0]);
    assert_eq!(games.labels, [1.0, 0.5, 1.0]);
    assert_eq!(games.home, [1.0, 0.0, -1.0]);
    // At a's: 3 to 1; nowhere: ¾ each.
    assert_eq!(games.results(), [(3.0, 1.0), (0.75, 0.75)]);
}

#[test]
fn players_without_finite_ratings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |rows: &str| {
        let games = load(&file(&folder, &format!("winner,loser,tie\n{rows}"))).unwrap();
        let error = fit(&games, PLAIN, || ()).unwrap_err().to_string();
        let (start, end) = ("there are no finite ratings for these games: ", ". Leave them out");
        let error = error.strip_prefix(start).unwrap_or_else(|| panic!("{error}"));
        error.split_once(end).unwrap().0.to_owned()
    };
    let circle = "a,b,\nb,c,\nc,a,\n";
    assert_eq!(error(&format!("{circle}top,a,\n")), "top never lost or drew against anybody else");
    assert_eq!(error(&format!("{circle}a,low,\n")), "low never won or drew against anybody else");
    assert_eq!(error(&format!("{circle}d,e,1\n")), "d, e never played anybody else");
    assert_eq!(
        error("a,b,\nc,d,1\n"),
        "b never won or drew against anybody else; a never lost or drew against anybody else"
    );
    // In the middle of a chain nobody is to blame but the ends.
    assert_eq!(
        error("top,a,\na,b,1\nb,low,\n"),
        "low never won or drew against anybody else; top never lost or drew against anybody else"
    );
    // A tie connects both ways.
    let games = load(&file(&folder, "winner,loser,tie\na,b,\na,b,1\n")).unwrap();
    let fitted = fit(&games, PLAIN, || ()).unwrap();
    assert!((fitted.scores[0] - fitted.scores[1] - 3.0_f64.ln()).abs() < 1e-8); // 1½ to ½
    // With a prior all is well.
    let games = load(&file(&folder, "winner,loser\ntop,a\nc,d\n")).unwrap();
    let model = Model { prior: Some(1.0), zero: Zero::Prior, ..PLAIN };
    assert!(fit(&games, model, || ()).unwrap().scores[0] > 0.0);
}

#[test]
fn an_unbounded_home_advantage_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let games = load(&file(&folder, "winner,loser,home\na,b,a\nb,a,b\n")).unwrap();
    let error = fit(&games, Model { home: true, ..PLAIN }, || ()).unwrap_err().to_string();
    assert!(error.starts_with("the home advantage has no finite estimate"), "{error}");
}

/// A long chain of players, each of whom beat the next and was beaten by the last one.
#[test]
fn many_players() {
    let folder = tempfile::tempdir().unwrap();
    let n = 3000;
    let mut csv = "winner,loser\n".to_owned();
    for i in 0..n {
        writeln!(csv, "p{i},p{}", (i + 1) % n).unwrap();
        writeln!(csv, "p{i},p{}", (i + 7) % n).unwrap();
        writeln!(csv, "p{},p{i}", (i + 8) % n).unwrap();
    }
    let games = load(&file(&folder, &csv)).unwrap();
    let fit = fit(&games, PLAIN, || ()).unwrap();
    assert!(fit.errors.is_none());
    // Everybody is like everybody else.
    assert!(fit.scores.iter().all(|score| score.abs() < 1e-9));
}

fn report(arguments: &[&str]) -> anyhow::Result<String> {
    let args = Args::try_parse_from(["ratings"].iter().chain(arguments))?;
    let mut out = Vec::new();
    run(&args, &mut out)?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn a_run_reports_and_plots() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("new/folder");
    let output = output.to_str().unwrap();
    let text = report(&["--output", output]).unwrap();
    for expected in [
        "American League baseball, 1987: 273 games of 7 players",
        "Milwaukee       78       50    1.5814",
        "Baltimore is 0",
        "Residual deviance 44.053 on 36 degrees of freedom",
        "Home advantage: 0.3023 (error 0.1309).",
        "Residual deviance 38.643 on 35 degrees of freedom",
        "Probability that the row beats the column",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let plot = fs::read_to_string(Path::new(output).join("ratings.svg")).unwrap();
    assert!(plot.trim_end().ends_with("</svg>"));
    assert_eq!(TEAMS.iter().filter(|team| plot.contains(**team)).count(), 6);

    let games = file(&folder, "winner,loser\na,b\nb,c\nc,a\na,c\n");
    let games = games.to_str().unwrap();
    let text = report(&["--games", games, "--output", output, "--reference", "b"]).unwrap();
    assert!(text.contains("b is 0") && !text.contains("Home advantage"), "{text}");
    let error = |arguments: &[&str]| format!("{:#}", report(arguments).unwrap_err());
    assert_eq!(
        error(&["--games", games, "--reference", "z"]),
        "--reference: there is no player \"z\""
    );
    assert_eq!(error(&["--prior", "-1"]), "--prior is -1, it must be finite and > 0");
    assert!(error(&["--iterations", "1"]).contains("has not converged after 1 iterations"));
    assert!(error(&["--output", games]).starts_with("cannot make the folder "));
}
