"""A straightforward float32 implementation in NumPy, as an example of what `examples/golden` judges.

    cargo run --release --example golden -- --command 'python3 golden/numpy_f32.py' --format f32
"""

import csv
import sys

import numpy as np

np.seterr(all="ignore")


def softplus(x):
    return np.maximum(x, np.float32(0)) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    t = np.exp(-np.abs(x))
    return np.where(x >= 0, np.float32(1), t) / (1 + t)


CASES = {
    "sigmoid": lambda a, b: (sigmoid(a),),
    "log_sigmoid": lambda a, b: (-softplus(-a),),
    "softplus": lambda a, b: (softplus(a),),
    "win_probability": lambda a, b: (sigmoid(a - b),),
    "log_win_probability": lambda a, b: (-softplus(b - a),),
    "win_probability_from_strengths": lambda a, b: (a / (a + b),),
    "logistic": lambda a, b: (softplus(b - a), -sigmoid(b - a), sigmoid(a - b) * sigmoid(b - a)),
    "exponential": lambda a, b: (np.exp(b - a), -np.exp(b - a), np.exp(b - a)),
}


def to_float(cells):
    return np.array([int(cell or "0", 16) for cell in cells], np.uint32).view(np.float32)


rows = [row for row in csv.DictReader(sys.stdin) if row["case"] in CASES]
out = csv.DictWriter(sys.stdout, ["case", "a", "b", "value", "gradient", "hessian"], extrasaction="ignore")
out.writeheader()
for case, compute in CASES.items():
    here = [row for row in rows if row["case"] == case]
    results = compute(to_float(row["a"] for row in here), to_float(row["b"] for row in here)) if here else ()
    for row in here:
        row.update(value="", gradient="", hessian="")
    for name, column in zip(("value", "gradient", "hessian"), results):
        for row, x in zip(here, column.astype(np.float32).view(np.uint32)):
            row[name] = f"{x:08x}"
    out.writerows(here)
