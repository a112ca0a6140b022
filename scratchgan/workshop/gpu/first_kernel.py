"""
A first kernel on the GPU: ``python -m scratchgan.workshop.gpu.first_kernel``.

It prints one line of JSON. Without a GPU it prints the reason on standard error and exits with 2.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

from scratchgan.backends import Backend, BackendUnavailableError, get_backend
from scratchgan.errors import RunError
from scratchgan.workshop.bench.machine import machine

__all__ = ["first_kernel", "main"]

SIZE = 1_000_003  # elements: more than a grid has threads, and no multiple of a block


def first_kernel(ops: Backend, size: int = SIZE) -> float:
    """
    Launch one kernel on new random numbers, and check its results.

    Parameters
    ----------
    ops : Backend
    size : int
        The number of sums that it computes.

    Returns
    -------
    float
        The seconds that it took, most of them to compile it.

    Raises
    ------
    RunError
        If a sum does not have the same bits as NumPy's.
    """
    rng = np.random.default_rng()
    a, b = (rng.standard_normal(size, np.float32) for _ in range(2))
    start = perf_counter()
    found = ops.to_numpy(ops.add(ops.asarray(a), ops.asarray(b)))
    seconds = perf_counter() - start
    wrong = int((found.view(np.int32) != (a + b).view(np.int32)).sum())
    if wrong:
        raise RunError(f"the first kernel: {wrong} of {size} sums differ from NumPy's")
    return seconds


def main() -> int:
    """Print facts about the machine and the time of the first kernel; return the exit status."""
    try:
        ops = get_backend("cuda")
        print(json.dumps({"machine": machine(ops.name, None), "first_kernel_s": first_kernel(ops)}))
    except BackendUnavailableError as error:
        print(error, file=sys.stderr)
        return 2
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
