"""Draws a roofline of our own kernels from the tables of a run.

python3 benches/peers/roofline.py docs     reads docs/peers.md, writes docs/roofline.svg

(a) Work is counted in lane operations: the arithmetic instructions over full vectors in the loops of a
    kernel at AVX-512, per vector of eight rows (`OPERATIONS`, from its machine code).
(b) The roofs: two such instructions a cycle, and the bytes that the memory limit of the same run moves.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "roofline"
from matplotlib import pyplot  # noqa: E402

GIGAHERTZ = 3.67
PER_CYCLE = 2 * 8

# Section of the tables, format, row: arithmetic instructions for eight rows, numbers read and written a row.
STEP, LOG_SIGMOID, SIGMOID = "Mean loss and gradients", "Log sigmoid of a slice", "Sigmoid of a slice"
OPERATIONS = {
    (STEP, "f32", "pairwise-loss, margin gradient"): (30, 3),
    (STEP, "f32", "pairwise-loss, loss only"): (24, 2),
    (STEP, "f64", "pairwise-loss, margin gradient"): (176, 3),
    (LOG_SIGMOID, "f32", "pairwise-loss"): (39, 2),
    (LOG_SIGMOID, "f64", "pairwise-loss"): (133, 2),
    (SIGMOID, "f32", "pairwise-loss"): (24, 2),
    (SIGMOID, "f64", "pairwise-loss"): (101, 2),
}
BYTES = {"f32": 4, "f64": 8}
MEMORY = "memory limit, reads two, writes one"

Tables = dict[tuple[str, str, str], dict[int, float]]


def read(path: Path) -> Tables:
    """Nanoseconds by section, format, row and size."""
    tables: Tables = {}
    section, number_format, sizes = "", "", []
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        if not line.startswith("| ") or line.startswith("| ---"):
            continue
        name, *cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if name.endswith(", ns"):
            number_format = name.removesuffix(", ns")
            sizes = [int(cell.replace(",", "")) for cell in cells]
            continue
        times = {size: float(cell) for size, cell in zip(sizes, cells) if cell != "–"}
        tables[section, number_format, name] = times
    return tables


def main() -> None:
    folder = Path(sys.argv[1])
    tables = read(folder / "peers.md")
    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    memory = tables[STEP, "f32", MEMORY]
    cached, streamed = min(memory.values()), memory[max(memory)]
    intensity = [0.05, 100.0]
    peak = PER_CYCLE * GIGAHERTZ
    axes.axhline(peak, color="gray", label=f"two instructions a cycle at {GIGAHERTZ} GHz")
    for time, style, name in ((cached, "--", "in the cache"), (streamed, ":", "from memory")):
        bandwidth = 3 * BYTES["f32"] / time
        line = [bandwidth * x for x in intensity]
        label = f"memory limit {name}: {bandwidth:.0f} GB/s"
        axes.plot(intensity, line, style, color="gray", label=label)
    for index, ((section, number_format, row), (operations, numbers)) in enumerate(OPERATIONS.items()):
        times = tables[section, number_format, row]
        x = operations / (numbers * BYTES[number_format])
        what = row.partition(", ")[2] or section.partition(" of")[0].lower()
        for size, marker in ((10_240, "o"), (max(times), "x")):
            label = f"{number_format} {what}" if marker == "o" else None
            axes.plot(x, operations / times[size], marker, color=f"C{index}", label=label)
    axes.set(xscale="log", yscale="log", xlim=intensity, ylim=(5, 2 * peak))
    axes.set_xlabel("lane operations per byte")
    axes.set_ylabel("10⁹ lane operations per second (o in the cache, x from memory)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="lower right")
    figure.savefig(folder / "roofline.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
