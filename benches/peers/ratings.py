"""Fits ratings beside choix and evalica: the same games, one thread, to the same likelihood.

python3 benches/peers/ratings.py                  prints the table
python3 benches/peers/ratings.py --write docs     puts it into docs/ratings.md

(a) Games are drawn from the model, between players whose scores are evenly spread over [-2, 2].
(b) Every likelihood is computed here, in double precision, from the scores that a contender returns. A prior
    of variance 10^6 on our side, and what regularisation the others need, is too weak to be seen in it.
(c) Ours is examples/ratings_at_scale.rs; the time is that of the fit, without reading. The time of the others is that
    of the call, with games in the form that it takes.
(d) A rival that isn't installed is skipped, with a line that says so.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SEED = 20
START, END = "<!-- peers -->", "<!-- /peers -->"


def games(players: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Winners and losers."""
    random = np.random.default_rng(SEED)
    first = random.integers(players, size=count)
    second = (first + 1 + random.integers(players - 1, size=count)) % players
    margin = 4.0 * (first - second) / players
    wins = random.random(count) < 1.0 / (1.0 + np.exp(-margin))
    return (
        np.where(wins, first, second).astype("<u4"),
        np.where(wins, second, first).astype("<u4"),
    )


def loss(scores: np.ndarray, winners: np.ndarray, losers: np.ndarray) -> float:
    """The mean of -log of the probability of what happened."""
    return float(np.mean(np.logaddexp(0.0, scores[losers] - scores[winners])))


def ours(
    players: int, winners: np.ndarray, losers: np.ndarray, threads: int
) -> tuple[float, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("winners", "losers", "scores")]
        winners.tofile(paths[0])
        losers.tofile(paths[1])
        command = ["cargo", "run", "--release", "--quiet", "--features", "rayon"]
        command += ["--example", "ratings_at_scale", "--", "--players", str(players)]
        command += ["--variance", "1e6", "--threads", str(threads), "--in-memory"]
        command += ["--output", str(paths[2]), str(paths[0]), str(paths[1])]
        run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return json.loads(run.stdout)["seconds"], np.fromfile(paths[2], "<f8")


def choix(
    function: str, players: int, winners: np.ndarray, losers: np.ndarray
) -> tuple[float, np.ndarray]:
    import choix

    data = list(zip(winners.tolist(), losers.tolist()))
    start = time.perf_counter()
    scores = getattr(choix, function)(players, data, alpha=1e-6)
    return time.perf_counter() - start, np.asarray(scores)


def evalica(players: int, winners: np.ndarray, losers: np.ndarray) -> tuple[float, np.ndarray]:
    import evalica

    xs, ys = winners.tolist(), losers.tolist()
    won = [evalica.Winner.X] * len(xs)
    start = time.perf_counter()
    result = evalica.bradley_terry(xs, ys, won, tolerance=1e-9, limit=10_000)
    seconds = time.perf_counter() - start
    scores = result.scores.reindex(range(players)).to_numpy()
    return seconds, np.log(np.maximum(scores, 1e-300))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", metavar="FOLDER", type=Path)
    parser.add_argument("--largest", type=int, default=10_000_000, help="most games")
    arguments = parser.parse_args()

    rows = []
    for players, count, rivals in [
        (300, 100_000, ["opt_pairwise", "ilsr_pairwise", "mm_pairwise", "evalica"]),
        (1000, 1_000_000, ["evalica"]),
        (5000, 1_000_000, ["evalica"]),
        (100_000, 10_000_000, []),
    ]:
        if count > arguments.largest:
            continue
        winners, losers = games(players, count)
        seconds, scores = ours(players, winners, losers, 1)
        base, best = seconds, loss(scores, winners, losers)
        rows.append((players, count, "this crate", seconds, best, None))
        for name in rivals:
            try:
                if name == "evalica":
                    seconds, scores = evalica(players, winners, losers)
                else:
                    seconds, scores = choix(name, players, winners, losers)
            except ImportError as error:
                print(f"skipped: {error}")
                continue
            label = name if name == "evalica" else f"choix, `{name}`"
            rows.append((players, count, label, seconds, loss(scores, winners, losers), base))
        if not rivals:
            seconds, scores = ours(players, winners, losers, 2)
            rows.append(
                (players, count, "this crate, 2 threads", seconds, loss(scores, winners, losers), None)
            )

    lines = ["| players | games | | seconds | times ours | mean loss |", "|--:|--:|---|--:|--:|--:|"]
    for players, count, name, seconds, value, base in rows:
        times = f"{seconds / base:.0f}" if base else ""
        lines.append(f"| {players:,} | {count:,} | {name} | {seconds:.3g} | {times} | {value:.12f} |")
    table = "\n".join(lines)
    print(table)
    if arguments.write:
        path = arguments.write / "ratings.md"
        text = path.read_text()
        before, rest = text.split(START)
        after = rest.split(END)[1]
        path.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    main()
