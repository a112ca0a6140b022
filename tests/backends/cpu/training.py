"""A small training that goes through as much of the cpu backend as one can, and what it did."""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections import Counter
from typing import Any

import numba
import numpy as np

from scratchgan.backends import get_backend
from scratchgan.backends.cpu import gemm as gemm_file
from scratchgan.backends.cpu.kernel import CELLS, KERNELS
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Concat, Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam

FEATURES, NOISE, CLASSES, BATCH, WIDTH = 70, 30, 5, 64, 300


def trainer(ops: Any, dtype: Any = np.float32) -> Trainer:
    """Conditional, with dropout in both, a maxout D under SGD, G under Adam with an average."""
    first_g = Concat(Linear(NOISE, WIDTH - 20, "leaky_relu", slope=0.2), Linear(CLASSES, 20))
    first_d = Concat(Sequential(), Sequential())
    G = Network(
        Sequential(
            first_g, Dropout(0.9), Linear(WIDTH, WIDTH, "tanh"), Linear(WIDTH, FEATURES, "sigmoid")
        ),
        seed=1, dtype=dtype, backend=ops,
    )  # fmt: skip
    D = Network(
        Sequential(
            first_d, Linear(FEATURES + CLASSES, WIDTH), Maxout(WIDTH // 3, 3),
            Linear(WIDTH // 3, WIDTH, "relu"), Dropout(0.5),
            Linear(WIDTH, WIDTH, "softplus"), Linear(WIDTH, 1),
        ),
        seed=2, dtype=dtype, backend=ops,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    return Trainer(
        G, D, rng.random((200, FEATURES)).astype(dtype),
        noise=Noise(NOISE), batch_size=BATCH, ema=0.99, seed=5,
        optimizer_g=Adam(1e-3), optimizer_d=SGD(1e-2, 0.5, nesterov=True),
        labels=rng.integers(0, CLASSES, 200),
    )  # fmt: skip


def count_shared_runs(ops: Any) -> Counter[str]:
    """Count, by kernel, the rows of several chunks that more than one thread takes part in."""
    counted: Counter[str] = Counter()
    runner = ops._runner
    run_shared = runner._shared

    def shared(table: int, rows: int, total: int, steps: int, *rest: int) -> None:
        cells = np.ctypeslib.as_array((ctypes.c_int64 * (rows * CELLS)).from_address(table))
        names = {address: k.name for k in KERNELS for address in k._addresses.values()}
        for kernel, chunks, *_ in cells.reshape(rows, CELLS).tolist():
            if chunks > 1:
                counted[names[kernel]] += steps
        run_shared(table, rows, total, steps, *rest)

    runner._shared = shared
    return counted


def cut_by_threads() -> None:
    """A defect: blocks of the sum follow the number of threads, and with them the rounding."""
    cut = gemm_file.cut

    def wrong(m: int, n: int, k: int, itemsize: int, flags: int) -> Any:
        return cut(m, n, k, itemsize, flags)._replace(k_block=-(-k // numba.get_num_threads()))

    gemm_file.cut = wrong


def main() -> None:
    """Arguments: steps, and how. Prints a digest, the threads, and what they shared."""
    steps, how = int(sys.argv[1]), sys.argv[2]
    if how == "defect":
        cut_by_threads()
    ops = get_backend("cpu")
    counted = count_shared_runs(ops)
    t = trainer(ops)
    if how == "by hand":  # never replayed
        for _ in range(steps):
            t.step_d()
            t.step_g()
    else:
        t.train(steps)
    digest = hashlib.sha256()
    for name, a in sorted(t.arrays().items()):
        assert np.isfinite(a).all(), name
        digest.update(a.tobytes())
    print(digest.hexdigest(), numba.get_num_threads(), *(f"{k}={n}" for k, n in counted.items()))
