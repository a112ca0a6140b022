"""Kernels of penalties on D's gradient, and their operations."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from scratchgan.backends.cpu.kernel import INLINE, kernel, vector
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.vocabulary import Array

__all__ = ["Penalties"]

LANES = 16  # sums side by side: the inner loop vectorises, and the order never changes


@kernel(
    reads="squares", writes="value factors", integers="batch one_sided", numbers="target eps"
)  # fmt: skip
def norm_penalty(cells, chunk, scratch, real):
    """Mean of (n / target − 1)² and the factors of its gradient, in one chunk."""
    batch, target, eps = cells.batch, real(cells.target), real(cells.eps)
    squares = vector(cells.squares, batch, real)
    factors = vector(cells.factors, batch, real)
    each = real(2) / (target * real(batch))
    total = 0.0
    for i in range(batch):
        n = real(math.sqrt(squares[i] + eps))
        excess = n / target - real(1)
        if cells.one_sided != 0 and excess < real(0):
            excess = real(0)
        total += excess * excess
        factors[i] = real(0) if n == real(0) else each * excess / n
    vector(cells.value, 1, real)[0] = total / batch


@njit(**INLINE)
def over_all(a, mean, power, lanes):
    """Σ (a − mean)^power, for power 1 or 2."""
    for lane in range(LANES):
        lanes[lane] = 0
    whole = a.size - a.size % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            deviation = a[first + lane] - mean
            lanes[lane] += deviation * deviation if power == 2 else deviation
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for i in range(whole, a.size):
        deviation = a[i] - mean
        total += deviation * deviation if power == 2 else deviation
    return total


@kernel(reads="a", writes="std", integers="size")
def standard_deviation(cells, chunk, scratch, real):
    """Standard deviation of all elements, in one chunk; sums are in float64."""
    n = cells.size
    a = vector(cells.a, n, real)
    lanes = vector(scratch, LANES, np.float64)
    mean = over_all(a, 0.0, 1, lanes) / n
    variance = over_all(a, mean, 2, lanes) / n
    vector(cells.std, 1, real)[0] = math.sqrt(variance)


class Penalties(Kernels):
    """The operations of these kernels."""

    def _norm_penalty(
        self, squares: Array, target: float, one_sided: bool, eps: float
    ) -> tuple[Array, Array]:
        factors = self._like("norm_penalty", squares)
        value = self.empty((1,), squares.dtype)
        self._run(
            norm_penalty, 1, squares=squares, value=value, factors=factors, batch=squares.size,
            one_sided=int(one_sided), target=target, eps=eps,
        )  # fmt: skip
        return value, factors

    def _standard_deviation(self, a: Array) -> Array:
        std = self._real("standard_deviation", (1, 1), a.dtype)
        self._run(standard_deviation, 1, a=a, std=std, size=a.size, work=4 * a.size)
        return std
