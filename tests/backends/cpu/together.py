"""Two Python threads that use the backend at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from scratchgan.backends import Stream, get_backend


def work(ops: Any, seed: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(90, 130 + seed)), rng.normal(size=(130 + seed, 200))
    x = rng.normal(size=(90, 300))
    results = []
    for step in range(60):
        c = ops.gemm(a, b)  # packed panels and words of Philox lie in scratch
        d = ops.gemm(b, a, trans_a=True, trans_b=True)
        y = ops.dropout(x, 0.5, Stream(seed, step))
        results.append(c.tobytes() + d.tobytes() + y.tobytes() + ops.sum_rows(x).tobytes())
    return results


def main() -> None:
    """Print how many of four threads had what one alone has."""
    ops = get_backend("cpu")
    alone = [work(ops, seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda seed: work(ops, seed), range(4)))
    print(sum(a == b for a, b in zip(alone, at_once, strict=True)))
