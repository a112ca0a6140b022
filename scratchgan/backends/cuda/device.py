"""Access to numba.cuda. Only this module imports it, so a move to its successor is one line."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

import numpy as np
from numba import config

if not hasattr(np, "row_stack"):  # numba-cuda 0.30 uses it; NumPy 2.5 has removed it
    np.row_stack = np.vstack  # noqa: NPY201

from numba import cuda

from scratchgan.backends.program import address

__all__ = [
    "BLOCK", "LARGEST", "SIMULATED", "address", "blocks_of", "cuda", "device_function", "is_here",
    "kernel", "require_device",
]  # fmt: skip

config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a small array needs a small grid

SIMULATED = bool(config.ENABLE_CUDASIM)
"""Whether kernels run in Numba's simulator, as Python threads: for tests on tiny arrays."""


def _share_once() -> None:
    """
    Give all threads of a simulated block the same shared array.

    The simulator first checks whether the kernel's line has an array already, and then makes one.
    Sometimes two threads each make one, and a sum is wrong. ``setdefault`` checks and stores
    atomically.
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
MOST_BLOCKS = 2 if SIMULATED else 4096  # a larger array gives each thread several elements
LARGEST = 2**31  # arrays are smaller: kernels count in 32 bits, up to one stride past the end


def kernel(function: Any = None, *, writes: str = "") -> Any:
    """
    Make a kernel of a function. It is compiled at its first launch: earlier would need a driver.

    The host passes arguments by the names of the function's parameters. ``writes`` has the names
    of the arrays that it writes, separated by spaces. A parameter ``cells`` has the values that
    change from step to step.
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

    The simulator replaces ``cuda`` only in the globals of the running kernel's module. So a
    function that uses ``cuda`` must be in the module of the kernels that call it.
    """
    return cuda.jit(device=True)(function)


def blocks_of(size: int) -> int:
    """Return the number of blocks for ``size`` elements: one per thread, or a grid-stride loop."""
    return max(1, min(MOST_BLOCKS, -(-size // BLOCK)))


def is_here(a: Any) -> bool:
    """Whether ``a`` is a device array, such as ``cuda.device_array`` returns."""
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
    except Exception as error:  # the driver's message; its first sentence has the reason
        why = "no NVIDIA GPU was found"
        lines = [line.strip(" .:") for line in str(error).splitlines()]
        why = next((line for line in lines if line and line != "Error at driver init"), why)
    raise RuntimeError(why)
