"""Three kernels with the faults that the checks look for; ``python seeded.py`` reports on them."""

from __future__ import annotations

import json

import numpy as np
from numba import cuda

from scratchgan.workshop.ladders.compiled import choose, compile_kernel, report, signature

CAPABILITY = (9, 0)


@cuda.jit
def sound(a, b, factor):
    i = cuda.threadIdx.x
    b[i] = a[i] * factor


@cuda.jit
def hidden_float64(a, b, factor):
    i = cuda.threadIdx.x
    b[i] = a[i] * 0.2


@cuda.jit
def indexed(a, b, factor):
    """A local array indexed by what is known only when it runs."""
    held = cuda.local.array(64, np.float32)
    i = cuda.threadIdx.x
    for j in range(64):
        held[j] = a[i + j]
    for j in range(8):
        held[int(a[i - j]) & 63] += factor
    b[i] = held[int(a[i]) & 63]


@cuda.jit(launch_bounds=(1024, 2))
def spilling(a, b, factor):
    """64 numbers of which all are alive, where there are 32 registers."""
    held = cuda.local.array(64, np.float32)
    i = cuda.threadIdx.x
    for j in range(64):
        held[j] = a[i + j]
    cuda.syncthreads()
    for j in range(64):
        b[i + 63 - j] = held[j] * factor


if __name__ == "__main__":
    choose(CAPABILITY)
    for kernel in (sound, hidden_float64, indexed, spilling):
        code = compile_kernel(kernel, signature("aar", "float32"), CAPABILITY)
        print(json.dumps(report(kernel.py_func.__name__, "float32", 256, code)))
