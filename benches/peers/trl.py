"""TRL's `RewardTrainer.compute_loss` beside ours, over random batches.

    python3 benches/peers/trl.py

(a) TRL's own method runs, on a model that returns the rewards it was given, in float64; its gradients
    come from `backward()`.
(b) The rewards are the numbers of `examples/reward_step.rs`, to the bit, and so is what comes back.
    For our f32 they are rounded to that, on both sides.
(c) A difference is relative to the larger of the two numbers; that of a gradient, whose terms may
    cancel, at least to 1/n; that of a mean of rewards or margins, to the largest reward. TRL takes the
    accuracy in float32, so ours is rounded to that before.
"""

import argparse
import importlib.metadata
import itertools
import json
import math
import random
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
# Or this file would be the `trl` that is imported.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

import torch  # noqa: E402
import trl  # noqa: E402

REPOSITORY = HERE.parents[1]
METRICS = "accuracy", "margin", "mean_reward", "min_reward", "max_reward"

# The largest difference that is allowed, in float64.
LIMITS = {"loss": 2e-15, "d_chosen": 1e-15, "d_rejected": 1e-15} | {
    name: 2e-15 if name in ("margin", "mean_reward") else 0.0 for name in METRICS
}
# And of our gradients of the same rewards in f32, which are rounded to 24 bits.
LIMITS_F32 = LIMITS | {"loss": 1e-12, "d_chosen": 6e-8, "d_rejected": 6e-8}


class Batch(NamedTuple):
    chosen: list[float]
    rejected: list[float]
    margins: list[float] | None
    coefficient: float | None


def bits(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def of_bits(x: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", x))[0]


def float32(x: float) -> float:
    return struct.unpack("<f", struct.pack("<f", x))[0]


def batches(count: int, seed: int, rounded: Callable[[float], float]) -> list[Batch]:
    """Of all lengths up to 3000, with and without margins and centring; small, usual and far rewards, ties."""
    draw = random.Random(seed)
    cases = itertools.cycle(itertools.product((1e-3, 1.0, 5.0, 300.0), (False, True), (None, 0.01, 0.1, 1.0, 0.0)))
    found = []
    for scale, margins, coefficient in itertools.islice(cases, count):
        size = max(1, int(math.exp(draw.uniform(0, math.log(3000)))))

        def rewards(of: float = scale) -> list[float]:
            return [rounded(draw.gauss(0, of)) for _ in range(size)]

        chosen, rejected = rewards(), rewards()
        for i in range(0, size, 10):
            rejected[i] = chosen[i]
        found.append(Batch(chosen, rejected, rewards(1.0) if margins else None, coefficient))
    return found


class Trainer:
    """What `compute_loss` asks of its trainer: one process, in training."""

    class Accelerator:
        def gather(self, x: torch.Tensor) -> torch.Tensor:
            return x

        gather_for_metrics = gather

    def __init__(self, coefficient: float | None) -> None:
        self.args = SimpleNamespace(center_rewards_coefficient=coefficient)
        self.model = SimpleNamespace(training=True)
        self.accelerator = self.Accelerator()
        self._metrics = {"train": defaultdict(list)}
        self._total_train_tokens, self._tp_size = 0, 1


def theirs(batch: Batch) -> dict[str, Any]:
    logits = torch.tensor(batch.chosen + batch.rejected, dtype=torch.float64).unsqueeze(-1).requires_grad_()

    def model(**_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=logits)

    inputs: dict[str, Any] = {"attention_mask": torch.ones(logits.shape)}
    if batch.margins is not None:
        inputs["margin"] = torch.tensor(batch.margins, dtype=torch.float64)
    trainer = Trainer(batch.coefficient)
    loss = trl.RewardTrainer.compute_loss(trainer, model, inputs)
    loss.backward()
    assert logits.grad is not None
    d_chosen, d_rejected = torch.chunk(logits.grad.squeeze(-1), 2)
    metrics = {name: trainer._metrics["train"][name][-1] for name in METRICS}
    return {"loss": loss.item(), "d_chosen": d_chosen.tolist(), "d_rejected": d_rejected.tolist()} | metrics


def ours(batches: list[Batch], form: str) -> list[dict[str, Any]]:
    def line(batch: Batch) -> str:
        fields = batch._asdict()
        for name in "chosen", "rejected", "margins":
            fields[name] = fields[name] and list(map(bits, fields[name]))
        fields["coefficient"] = None if batch.coefficient is None else bits(batch.coefficient)
        return json.dumps(fields)

    command = ["cargo", "run", "--release", "--quiet", "--example", "reward_step", "--", "--format", form]
    text = "\n".join(map(line, batches))
    done = subprocess.run(command, cwd=REPOSITORY, input=text, capture_output=True, text=True, check=True)

    def floats(x: int | list[int]) -> float | list[float]:
        return list(map(of_bits, x)) if isinstance(x, list) else of_bits(x)

    return [{name: floats(x) for name, x in json.loads(line).items()} for line in done.stdout.splitlines()]


def differences(our: dict[str, Any], batch: Batch) -> dict[str, float]:
    their = theirs(batch)
    largest = max(map(abs, batch.chosen + batch.rejected))
    our["accuracy"] = float32(our["accuracy"])
    found = {}
    for name in LIMITS:
        a, b = our[name], their[name]
        if isinstance(a, list):
            assert len(a) == len(b)
            found[name] = max(abs(x - y) * len(a) / max(1.0, abs(y) * len(a)) for x, y in zip(a, b))
        else:
            scale = largest if name in ("margin", "mean_reward") else max(abs(a), abs(b))
            found[name] = 0.0 if a == b else abs(a - b) / scale
        assert not math.isnan(found[name]), (name, a, b)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--batches", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("trl", "torch"))
    worst = {}
    pairs = 0
    for form, rounded in ("f64", float), ("f32", float32):
        some = batches(options.batches, options.seed, rounded)
        pairs = sum(len(batch.chosen) for batch in some)
        all_found = [differences(our, batch) for our, batch in zip(ours(some, form), some, strict=True)]
        worst[form] = {name: max(found[name] for found in all_found) for name in LIMITS}
    print(f"{versions}; {options.batches} batches, {pairs:,} pairs\n")
    print("| largest difference | f64 | limit | f32 | limit |\n|---|--:|--:|--:|--:|")
    failed = False
    for name in LIMITS:
        cells = []
        for form, limits in ("f64", LIMITS), ("f32", LIMITS_F32):
            cells += [f"{worst[form][name]:.2g}", f"{limits[name]:.2g}"]
            failed |= worst[form][name] > limits[name]
        print(f"| {name} | {' | '.join(cells)} |")
    sys.exit("a difference is beyond its limit" if failed else 0)


if __name__ == "__main__":
    main()
