"""The one module that imports numba.cuda, so that a move to its successor is one line."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

import numpy as np
from numba import config

if not hasattr(np, "row_stack"):  # numba-cuda 0.30 asks for it; NumPy 2.5 has dropped it
    np.row_stack = np.vstack  # noqa: NPY201

from numba import cuda

from scratchgan.backends.program import address

__all__ = [
    "BLOCK", "LARGEST", "SIMULATED", "address", "blocks_of", "cuda", "device_function", "is_here",
    "kernel", "require_device",
]  # fmt: skip

config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a small array needs a small grid

SIMULATED = bool(config.ENABLE_CUDASIM)
"""Whether kernels run in Numba's simulator: Python threads, for tests on tiny arrays."""


def _share_once() -> None:
    """
    Give all threads of a simulated block the same shared array.

    The simulator looks whether a line of the kernel has one already, and if not makes it: now
    and then two threads make one each, and a sum is wrong. ``setdefault`` does both at once.
    """
    from numba import types
    from numba.cuda.simulator.kernelapi import FakeCUDAShared
    from numba.np.numpy_support import as_dtype

    def array(self: Any, shape: Any, dtype: Any) -> Any:
        line = sys._getframe(1)
        dtype = as_dtype(dtype) if isinstance(dtype, types.Type) else dtype
        key = line.f_code.co_filename, line.f_lineno
        return self._allocations.setdefault(key, np.empty(shape, dtype))

    FakeCUDAShared.array = array


if SIMULATED:
    _share_once()

BLOCK = 4 if SIMULATED else 256  # threads of a block
MOST_BLOCKS = 2 if SIMULATED else 4096  # beyond, each thread takes several elements
LARGEST = 2**31  # elements of an array: kernels count in 32 bits, up to one stride further


def kernel(function: Any = None, *, writes: str = "") -> Any:
    """
    Compile a kernel when it is first launched; a signature here would need a driver now.

    Its host code names its arguments as the function does; ``writes`` says which of the arrays
    it writes, with spaces between. An argument ``cells`` holds what changes from step to step.
    """
    if function is None:
        return functools.partial(kernel, writes=writes)
    made = cuda.jit(function)
    made.name, made.writes = function.__name__, tuple(writes.split())
    made.arguments = tuple(inspect.signature(function).parameters)
    return made


def device_function(function: Any) -> Any:
    """
    Compile a function for kernels to call.

    The simulator replaces ``cuda`` in the globals of a running function's module; a function
    that uses ``cuda`` therefore stands in the module of the kernels that call it.
    """
    return cuda.jit(device=True)(function)


def blocks_of(size: int) -> int:
    """Return how many blocks compute ``size`` elements, one a thread or by long strides."""
    return max(1, min(MOST_BLOCKS, -(-size // BLOCK)))


def is_here(a: Any) -> bool:
    """Whether ``a`` is an array of the device, such as ``cuda.device_array`` makes."""
    return bool(getattr(a, "__cuda_ndarray__", False))


def require_device() -> None:
    """
    Raise unless kernels can run here.

    Raises
    ------
    RuntimeError
        With the reason, in one line.
    """
    if SIMULATED or cuda.is_available():
        return
    why = "there is a GPU, but Numba does not find CUDA's compiler"
    try:
        cuda.current_context()
    except Exception as error:  # the driver's own words, of which the first sentence says it
        why = "no NVIDIA GPU was found"
        lines = [line.strip(" .:") for line in str(error).splitlines()]
        why = next((line for line in lines if line and line != "Error at driver init"), why)
    raise RuntimeError(why)
