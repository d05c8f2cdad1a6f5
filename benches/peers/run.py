"""Times the crate beside its rivals: one run, one core, one thread, the same scores.

python3 benches/peers/run.py                  prints the tables
python3 benches/peers/run.py --write docs     writes docs/peers.md and docs/peers.svg

(a) Every contender's results are checked before anything is timed.
(b) Contenders take turns, several rounds of it, and the best time of each counts: what else happens on
    the machine hits all of them.
(c) A rival that isn't installed is skipped, with a line that says so.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import report
import rivals

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5
FORMATS = ("f32", "f64")
SIZES = [64, 1000, 10_240, 100_000, 1_000_000, 10_000_000]
ONE_THREAD = {
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NUMPY_MADVISE_HUGEPAGE": "0",  # Pages of the same size for everybody.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}

Measure = Callable[[str, int, float], tuple[float, list[float]]]


@dataclass(frozen=True)
class Contender:
    name: str
    measure: Measure  # Of format, size, seconds: nanoseconds an element, digest of the results.
    results: range = range(3)  # Which of the expected results it has.


def rival(name: str, function: str, **environment: str) -> Contender:
    """A function of `rivals`, in a process of its own."""
    pool = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=rivals.start, initargs=(environment,)
    )

    def measure(number_format: str, size: int, seconds: float) -> tuple[float, list[float]]:
        return pool.submit(rivals.measure, function, number_format, size, seconds).result()

    return Contender(name, measure)


def ours(name: str, verb: str, level: str | None = None, results: range = range(3)) -> Contender:
    """A verb of `examples/peer.rs`."""
    program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "release/examples/peer")

    def measure(number_format: str, size: int, seconds: float) -> tuple[float, list[float]]:
        command = [str(program), "--verb", verb, "--format", number_format, "--size", str(size)]
        command += ["--seconds", str(seconds)] + (["--level", level] if level else [])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise rivals.Missing(done.stderr.partition("\n")[0])
        found = json.loads(done.stdout)
        return found["nanoseconds"], found["results"]

    return Contender(name, measure, results)


def sections() -> dict[str, list[Contender]]:
    avx2 = {"ATEN_CPU_CAPABILITY": "avx2"}
    return {
        report.STEP: [
            rival("PyTorch, eager", "torch_eager"),
            rival("PyTorch, eager, held to AVX2", "torch_eager", **avx2),
            rival("PyTorch, compiled", "torch_compile"),
            rival("PyTorch, compiled, held to AVX2", "torch_compile", **avx2),
            rival("JAX, jit", "jax_jit"),
            rival("numba, SVML, log1p(t)", "numba_log1p"),
            rival("numba, SVML, log(1 + t)", "numba_log"),
            rival("C++, SVML", "fused_svml"),
            rival("C++, libmvec", "fused_libmvec"),
            ours("Rust, std", "std_loop"),
            ours("pairwise-loss", "loss_and_gradients"),
            ours("pairwise-loss, AVX2", "loss_and_gradients", "avx2"),
            ours("pairwise-loss, margin gradient", "loss_and_margin_gradient", None, range(2)),
            ours(
                "pairwise-loss, margin gradient, AVX2", "loss_and_margin_gradient", "avx2", range(2)
            ),
            ours("pairwise-loss, loss only", "loss", None, range(1)),
            ours("memory limit, reads two, writes one", "memory_limit", None, range(3, 4)),
        ],
        "log sigmoid of a slice": [
            rival("PyTorch", "torch_log_sigmoid"),
            rival("PyTorch, held to AVX2", "torch_log_sigmoid", **avx2),
            ours("pairwise-loss", "log_sigmoid"),
            ours("pairwise-loss, AVX2", "log_sigmoid", "avx2"),
        ],
        "sigmoid of a slice": [
            rival("PyTorch", "torch_sigmoid"),
            rival("PyTorch, held to AVX2", "torch_sigmoid", **avx2),
            ours("pairwise-loss", "sigmoid"),
            ours("pairwise-loss, AVX2", "sigmoid", "avx2"),
        ],
    }


def expected(section: str, number_format: str, size: int) -> list[float]:
    """The digest of the right results, in double precision."""
    batch = rivals.batch_of(number_format, size)
    chosen, rejected = batch.chosen.astype(np.float64), batch.rejected.astype(np.float64)
    if section != report.STEP:
        value = -np.logaddexp(0.0, -chosen)
        return rivals.digest((value if section.startswith("log") else np.exp(value),), batch)
    z = chosen - rejected
    gradient = -np.exp(-np.logaddexp(0.0, z)) / size
    return rivals.digest((np.logaddexp(0.0, -z).mean(), gradient, -gradient, z), batch)


def best_times(
    section: str,
    contenders: list[Contender],
    number_format: str,
    size: int,
    options: argparse.Namespace,
) -> dict[str, float]:
    """Nanoseconds an element, of every contender that is there."""
    right = expected(section, number_format, size)
    best: dict[str, float] = {}
    for contender in contenders:
        try:
            found = contender.measure(number_format, size, 0.0)[1]
        except ImportError as missing:
            print(f"{contender.name} is skipped: {missing}", file=sys.stderr)
            continue
        wanted = right[contender.results.start : contender.results.stop]
        if not np.allclose(found, wanted, rtol=TOLERANCE, atol=0.0):
            sys.exit(f"{contender.name}, {number_format}, {size}: {found}, should be {wanted}")
        best[contender.name] = math.inf
    for _ in range(options.rounds):
        for contender in contenders:
            if contender.name in best:
                time, _ = contender.measure(number_format, size, options.seconds)
                best[contender.name] = min(best[contender.name], time)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the crate beside its rivals.")
    parser.add_argument("--write", metavar="DIR", type=Path, help="where peers.md, peers.svg go")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="of a contender in a round")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()

    build = ["cargo", "build", "--release", "--example", "peer"]
    subprocess.run(build, cwd=ROOT, check=True)
    os.sched_setaffinity(0, {options.core})
    os.environ.update(ONE_THREAD)

    times: report.Times = {}
    for section, contenders in sections().items():
        for number_format in FORMATS:
            for size in options.sizes:
                print(f"{section}, {number_format}, {size}", file=sys.stderr)
                best = best_times(section, contenders, number_format, size, options)
                times[section, number_format, size] = best

    if options.write is None:
        print(report.markdown(times))
        return
    options.write.mkdir(parents=True, exist_ok=True)
    (options.write / "peers.md").write_text(report.markdown(times) + "\n")
    report.chart(times, options.write / "peers.svg")


if __name__ == "__main__":
    main()
