"""
The GPU: what it is, and a first kernel on it, ``python -m scratchgan.workshop.bench.gpu``.

That prints one line of JSON; without a GPU it says why on standard error and exits with 2.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from scratchgan.backends import Backend, BackendUnavailableError, get_backend
from scratchgan.errors import RunError

__all__ = ["first_kernel", "gpu_facts", "main"]

SIZE = 1_000_003  # elements: more than a grid has threads, and no multiple of a block


def gpu_facts() -> dict[str, Any]:
    """
    Return what the GPU of the ``cuda`` backend is.

    Returns
    -------
    dict
        ``name``, ``compute_capability`` ("9.0"), ``multiprocessors``, ``memory_gib``,
        ``driver`` (its release) and ``cuda`` (the newest version that it speaks); None for
        what is not to be found out.

    Raises
    ------
    BackendUnavailableError
        If there is none.
    """
    get_backend("cuda")
    from scratchgan.backends.cuda.device import cuda

    device = cuda.current_context().device
    return {
        "name": _known(lambda: _text(device.name)),
        "compute_capability": _known(lambda: _dotted(device.compute_capability)),
        "multiprocessors": _known(lambda: int(device.MULTIPROCESSOR_COUNT)),
        "memory_gib": _known(lambda: round(_memory(cuda) / 2**30, 1)),
        "driver": _known(_driver),
        "cuda": _known(lambda: _dotted(cuda.cudadrv.driver.driver.get_version())),
    }


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
    from scratchgan.workshop.bench.machine import machine

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


def _known(look: Callable[[], Any]) -> Any:
    """Return what can be found out: versions of numba-cuda and drivers differ in what they say."""
    try:
        return look()
    except Exception:
        return None


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, tuple(version)))


def _memory(cuda: Any) -> int:
    return int(cuda.current_context().get_memory_info()[1])


def _driver() -> str:
    """Return the release of the driver, which only its own tool tells."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.split()[0]


if __name__ == "__main__":
    sys.exit(main())
