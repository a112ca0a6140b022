"""
A first kernel on the GPU: ``python -m scratchgan.workshop.bench.first_kernel``.

That prints one line of JSON; without a GPU it says why on standard error and exits with 2.
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
    Launch one kernel on fresh random numbers, and look at what it computed.

    Parameters
    ----------
    ops : Backend
    size : int
        How many sums it computes.

    Returns
    -------
    float
        Seconds, of which most are for compiling it.

    Raises
    ------
    RunError
        If a sum is not that of NumPy, to the bit.
    """
    rng = np.random.default_rng()
    a, b = (rng.standard_normal(size, np.float32) for _ in range(2))
    start = perf_counter()
    found = ops.to_numpy(ops.add(ops.asarray(a), ops.asarray(b)))
    seconds = perf_counter() - start
    wrong = int((found.view(np.int32) != (a + b).view(np.int32)).sum())
    if wrong:
        raise RunError(f"the first kernel: {wrong} of {size} sums are not those of NumPy")
    return seconds


def main() -> int:
    """Print what the machine is, and how long the first kernel took; return the exit status."""
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
