"""The rivals, each in the best form that its documentation offers, and the clock.

(a) A rival is a function that takes a batch and returns a `Trial`. It imports its library itself, so
    that a missing one is skipped.
(b) Every rival runs in a process of its own (`measure`): libsvml, for one, replaces functions that
    PyTorch calls.
(c) Buffers are reused. Libraries that allocate their results get memory that they freed before
    (`start`), so that nobody pays for fresh pages.
"""

import ctypes
import functools
import importlib.metadata
import math
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
CACHE_LINE = 64
BLOCK = 4096
BATCH_SECONDS = 1e-3


class Missing(ImportError):
    """Something that a contender needs isn't there."""


@dataclass(frozen=True)
class Batch:
    """Two slices of scores and two slices for results."""

    chosen: np.ndarray
    rejected: np.ndarray
    d_chosen: np.ndarray
    d_rejected: np.ndarray


class Trial(NamedTuple):
    run: Callable[[int], object]  # Does the work that many times.
    outputs: Callable[[], tuple[Any, ...]]  # Does it once; numbers and arrays.


def aligned(size: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a cache line."""
    memory = np.zeros(size * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


def scores(size: int, seed: int, dtype: np.dtype) -> np.ndarray:
    """Uniform in [−5, 5), by SplitMix64: the same numbers as in `examples/peer.rs`."""
    x = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(seed << 32)
    x *= np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    out = aligned(size, dtype)
    out[:] = (x >> np.uint64(11)) * 2.0**-53 * 10.0 - 5.0
    return out


def batch_of(number_format: str, size: int) -> Batch:
    dtype = np.dtype({"f32": np.float32, "f64": np.float64}[number_format])
    chosen, rejected = scores(size, 1, dtype), scores(size, 2, dtype)
    return Batch(chosen, rejected, aligned(size, dtype), aligned(size, dtype))


def digest(outputs: tuple[Any, ...], batch: Batch) -> list[float]:
    """Each number as it is, each array as its scalar product with the chosen scores."""
    chosen = batch.chosen.astype(np.float64)
    arrays = (np.asarray(output, np.float64) for output in outputs)
    return [float(array @ chosen if array.ndim else array) for array in arrays]


def repeated(call: Callable[[], object]) -> Callable[[int], object]:
    def run(repeats: int) -> None:
        for _ in range(repeats):
            call()

    return run


def torch_eager(batch: Batch) -> Trial:
    """As in TRL's RewardTrainer."""
    import torch

    log_sigmoid = torch.nn.functional.logsigmoid
    chosen = torch.from_numpy(batch.chosen).requires_grad_()
    rejected = torch.from_numpy(batch.rejected).requires_grad_()

    def step() -> torch.Tensor:
        chosen.grad = rejected.grad = None
        loss = -log_sigmoid(chosen - rejected).mean()
        loss.backward()
        return loss

    return Trial(repeated(step), lambda: (step().item(), chosen.grad, rejected.grad))


def torch_compile(batch: Batch) -> Trial:
    import torch
    import torch._inductor.config as inductor

    if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":
        inductor.cpp.simdlen = 256
    log_sigmoid = torch.nn.functional.logsigmoid

    def loss(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
        return -log_sigmoid(chosen - rejected).mean()

    torch._dynamo.reset()
    fused = torch.compile(torch.func.grad_and_value(loss, argnums=(0, 1)), dynamic=False)
    chosen, rejected = torch.from_numpy(batch.chosen), torch.from_numpy(batch.rejected)

    def outputs() -> tuple[Any, ...]:
        gradients, value = fused(chosen, rejected)
        return (value, *gradients)

    return Trial(repeated(lambda: fused(chosen, rejected)), outputs)


def torch_sigmoid(batch: Batch) -> Trial:
    import torch

    x, out = torch.from_numpy(batch.chosen), torch.from_numpy(batch.d_chosen)
    call = functools.partial(torch.sigmoid, x, out=out)
    return Trial(repeated(call), lambda: (call(),))


def torch_log_sigmoid(batch: Batch) -> Trial:
    import torch

    x, out = torch.from_numpy(batch.chosen), torch.from_numpy(batch.d_chosen)
    call = functools.partial(torch._C._nn.log_sigmoid, x, out=out)
    return Trial(repeated(call), lambda: (call(),))


def jax_jit(batch: Batch) -> Trial:
    import jax

    jax.config.update("jax_enable_x64", True)
    chosen, rejected = jax.device_put(batch.chosen), jax.device_put(batch.rejected)

    def loss(chosen: jax.Array, rejected: jax.Array) -> jax.Array:
        return -jax.nn.log_sigmoid(chosen - rejected).mean()

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))

    def step() -> Any:
        return jax.block_until_ready(compiled(chosen, rejected))

    def outputs() -> tuple[Any, ...]:
        value, gradients = step()
        return (value, *gradients)

    return Trial(repeated(step), outputs)


def load_svml() -> None:
    """Makes Intel's vector functions, from a Python package, visible to what is loaded later."""
    for package in ("intel-cmplr-lib-rt", "icc-rt"):
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        paths = {file.name: str(file.locate()) for file in files}
        for name in ("libintlc.so.5", "libsvml.so"):
            ctypes.CDLL(paths[name], ctypes.RTLD_GLOBAL)
        return
    raise Missing("neither intel-cmplr-lib-rt nor icc-rt is installed")


def numba_svml(batch: Batch, log1p: bool) -> Trial:
    """Losses are added up in their own format over a block and in double over blocks."""
    load_svml()
    import numba

    if not numba.config.USING_SVML:
        raise Missing(f"numba {numba.__version__} is built without SVML")
    jit = numba.njit(fastmath=True, error_model="numpy")

    @jit
    def block(chosen, rejected, d_chosen, d_rejected, scale):  # type: ignore[no-untyped-def]
        zero, one = chosen.dtype.type(0), chosen.dtype.type(1)
        total = zero
        for i in range(chosen.size):
            z = chosen[i] - rejected[i]
            t = math.exp(-abs(z))
            total += max(-z, zero) + (math.log1p(t) if log1p else math.log(one + t))
            gradient = scale * (t if z > zero else one) / (one + t)
            d_chosen[i] = gradient
            d_rejected[i] = -gradient
        return total

    @jit
    def step(chosen, rejected, d_chosen, d_rejected):  # type: ignore[no-untyped-def]
        scale = -chosen.dtype.type(1) / chosen.dtype.type(chosen.size)
        total = 0.0
        for i in range(0, chosen.size, BLOCK):
            j = min(i + BLOCK, chosen.size)
            total += block(chosen[i:j], rejected[i:j], d_chosen[i:j], d_rejected[i:j], scale)
        return total / chosen.size

    call = functools.partial(step, batch.chosen, batch.rejected, batch.d_chosen, batch.d_rejected)
    return Trial(repeated(call), lambda: (call(), batch.d_chosen, batch.d_rejected))


@functools.cache
def fused_library(svml: bool) -> ctypes.CDLL:
    if svml:
        load_svml()
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise Missing("no C++ compiler")
    source = Path(__file__).with_name("fused.cc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "fused.so")
        flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"] + ["-DSVML"] * svml
        command = [compiler, *flags, str(source), "-o", str(library), "-lm"]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            raise Missing(f"the C++ compiler refuses: {built.stderr.strip()}")
        return ctypes.CDLL(str(library))


def fused(batch: Batch, svml: bool) -> Trial:
    size = batch.chosen.size
    step = getattr(fused_library(svml), {4: "f32", 8: "f64"}[batch.chosen.itemsize])
    step.restype = ctypes.c_double
    slices = (batch.chosen, batch.rejected, batch.d_chosen, batch.d_rejected)
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in slices]

    def run(repeats: int) -> float:
        return step(*pointers, ctypes.c_size_t(size), ctypes.c_size_t(repeats))

    return Trial(run, lambda: (run(1), batch.d_chosen, batch.d_rejected))


RIVALS: dict[str, Callable[[Batch], Trial]] = {
    "torch_eager": torch_eager,
    "torch_compile": torch_compile,
    "torch_sigmoid": torch_sigmoid,
    "torch_log_sigmoid": torch_log_sigmoid,
    "jax_jit": jax_jit,
    "numba_log1p": functools.partial(numba_svml, log1p=True),
    "numba_log": functools.partial(numba_svml, log1p=False),
    "fused_svml": functools.partial(fused, svml=True),
    "fused_libmvec": functools.partial(fused, svml=False),
}


def start(environment: dict[str, str]) -> None:
    """Prepares a process for the rival that will run in it."""
    os.environ.update(environment)
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@functools.lru_cache(maxsize=1)
def prepared(rival: str, number_format: str, size: int) -> tuple[Trial, list[float]]:
    batch = batch_of(number_format, size)
    trial = RIVALS[rival](batch)
    return trial, digest(trial.outputs(), batch)


def best_seconds(run: Callable[[int], object], seconds: float) -> float:
    """The least time of one repeat, over batches of about a millisecond."""

    def timed(repeats: int) -> float:
        begin = time.perf_counter()
        run(repeats)
        return (time.perf_counter() - begin) / repeats

    timed(1)
    best = timed(1)
    end = time.perf_counter() + seconds
    while True:
        best = min(best, timed(math.ceil(BATCH_SECONDS / best)))
        if time.perf_counter() >= end:
            return best


def measure(rival: str, number_format: str, size: int, seconds: float) -> tuple[float, list[float]]:
    """Nanoseconds an element, and the digest of the results."""
    trial, results = prepared(rival, number_format, size)
    return best_seconds(trial.run, seconds) / size * 1e9, results
