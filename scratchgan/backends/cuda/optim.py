"""
Optimisers over flat buffers. Ascent is descent with a negative rate.

Kernels read the values that change from step to step from ``cells`` in device memory, because
the arguments of a recorded kernel are constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32

from scratchgan.backends.cuda.device import cuda, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import sqrt
from scratchgan.backends.vocabulary import Array

__all__ = ["Optimisers", "adam_cells"]


def adam_cells(rate: Any, t: Any, beta1: float, beta2: float) -> tuple[Any, Any]:
    """
    Return rate / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ), for one t or many.

    They are the same for all elements. They are computed on the host in float64, because a power
    in float32 loses the digits that 1 − β₂ᵗ needs.

    Examples
    --------
    >>> adam_cells(0.5, np.array([1, 2]), 0.5, 0.75)
    (array([1.        , 0.66666667]), array([4.        , 2.28571429]))
    """
    times = np.asarray(t, np.float64)
    return rate / (1 - np.power(beta1, times)), 1 / (1 - np.power(beta2, times))


@kernel(writes="p v")
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


@kernel(writes="p m v")
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


@kernel(writes="average")
def ema(p, average, size, decay, rest):
    """average ← decay · average + (1 − decay) · p; rest = 1 − decay."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        average[i] = decay * average[i] + rest * p[i]
        i = uint32(i + stride)


@kernel(writes="p")
def clip(p, size, low, high):
    """Put each element between ``low`` and ``high``; NaN stays."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        if p[i] < low:
            p[i] = low
        elif p[i] > high:
            p[i] = high
        i = uint32(i + stride)


class Optimisers(Kernels):
    """The operations of these kernels."""

    def _sgd_(
        self,
        params: Array,
        grads: Array,
        velocity: Array,
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        self._require_real("sgd_", params.dtype)
        cells = self._cells(params.dtype, rate=float(rate), momentum=float(momentum))
        self._run(
            sgd, grads.size, g=grads, p=params, v=velocity, size=grads.size,
            nesterov=int(nesterov), cells=cells,
        )  # fmt: skip

    def _adam_(
        self,
        params: Array,
        grads: Array,
        m: Array,
        v: Array,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        self._require_real("adam_", params.dtype)

        def cells_of(rate: Any, t: Any) -> tuple[Any, Any]:
            # NumPy may compute a power with a single exponent in another way (2 as a square), so
            # its last bit may differ. With several exponents, one step has the same bits as many.
            step, correction = adam_cells(np.append(rate, 0), np.append(t, 1), beta1, beta2)
            return step[:-1].reshape(np.shape(t)), correction[:-1].reshape(np.shape(t))

        cells = self._cells(params.dtype, cells_of, rate=float(rate), t=t)
        self._run(
            adam, grads.size, g=grads, p=params, m=m, v=v, size=grads.size, cells=cells,
            beta1=float(beta1), rest1=float(1 - beta1), beta2=float(beta2),
            rest2=float(1 - beta2), eps=float(eps),
        )  # fmt: skip

    def _ema_(self, average: Array, params: Array, decay: float) -> None:
        self._require_real("ema_", params.dtype)
        decay = float(decay)
        self._run(
            ema, params.size, p=params, average=average, size=params.size, decay=decay,
            rest=1 - decay,
        )  # fmt: skip

    def _clip_(self, a: Array, low: float, high: float) -> None:
        self._require_real("clip_", a.dtype)
        self._run(clip, a.size, p=a, size=a.size, low=low, high=high)
