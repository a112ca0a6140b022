"""
Optimisers over flat buffers. Rates and momenta may be negative: to ascend is to descend back.

What changes from step to step is read from ``cells`` in device memory: the arguments of a
recorded kernel stay as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32

from scratchgan.backends.cuda.device import cuda, kernel
from scratchgan.backends.cuda.maths import sqrt

__all__ = ["adam", "adam_cells", "ema", "sgd"]


def adam_cells(rate: Any, t: Any, beta1: float, beta2: float) -> tuple[Any, Any]:
    """
    Return rate / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ), which are the same for all elements.

    In float64 and on the host, for one t or for many: a power in float32 loses the digits
    that 1 − β₂ᵗ needs.

    Examples
    --------
    >>> adam_cells(0.5, np.array([1, 2]), 0.5, 0.75)
    (array([1.        , 0.66666667]), array([4.        , 2.28571429]))
    """
    times = np.asarray(t, np.float64)
    return rate / (1 - np.power(beta1, times)), 1 / (1 - np.power(beta2, times))


@kernel
def sgd(g, p, v, cells, size, nesterov):
    """v ← μ v − rate · g; p += v. Cells: rate, momentum."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    rate, momentum = cells[0], cells[1]
    while i < size:
        push = rate * g[i]
        velocity = momentum * v[i] - push
        v[i] = velocity
        if nesterov != uint32(0):
            p[i] += momentum * velocity - push
        else:
            p[i] += velocity
        i = uint32(i + stride)


@kernel
def adam(g, p, m, v, cells, size, beta1, rest1, beta2, rest2, eps):
    """Adam (Kingma & Ba 2015, Algorithm 1). Cells: those of ``adam_cells``; rest = 1 − β."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    step, correction = cells[0], cells[1]
    while i < size:
        first = beta1 * m[i] + rest1 * g[i]
        second = beta2 * v[i] + rest2 * g[i] * g[i]
        m[i] = first
        v[i] = second
        p[i] -= step * first / (sqrt(second * correction) + eps)
        i = uint32(i + stride)


@kernel
def ema(p, average, size, decay, rest):
    """average ← decay · average + (1 − decay) · p; rest = 1 − decay."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        average[i] = decay * average[i] + rest * p[i]
        i = uint32(i + stride)
