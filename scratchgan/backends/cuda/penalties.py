"""Kernels of penalties on D's gradient, and their operations."""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.cuda.device import BLOCK, cuda, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import sqrt
from scratchgan.backends.cuda.reduce import over_block
from scratchgan.backends.vocabulary import Array

__all__ = ["Penalties"]


@kernel(writes="value factors")
def norm_penalty(squares, value, factors, size, one_sided, target, eps):
    """Mean of (n / target − 1)² and the factors of its gradient, in one block."""
    sums = cuda.shared.array(BLOCK, squares.dtype)
    thread = uint32(cuda.threadIdx.x)
    real = type(target)
    each = real(2) / (target * real(size))
    total = real(0)
    i = thread
    while i < size:
        n = sqrt(squares[i] + eps)
        excess = n / target - real(1)
        if one_sided != uint32(0) and excess < real(0):
            excess = real(0)
        total += excess * excess
        if n == real(0):
            factors[i] = real(0)
        else:
            factors[i] = each * excess / n
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, total)
    if thread == uint32(0):
        value[0] = sums[0] / real(size)


@kernel(writes="std")
def standard_deviation(a, std, size):
    """Standard deviation of all elements, in one block: first their mean, then their variance."""
    sums = cuda.shared.array(BLOCK, a.dtype)
    thread = uint32(cuda.threadIdx.x)
    real = type(a[0])
    total = real(0)
    i = thread
    while i < size:
        total += a[i]
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, total)
    cuda.syncthreads()
    mean = sums[0] / real(size)
    cuda.syncthreads()  # all have read it
    total = real(0)
    i = thread
    while i < size:
        total += (a[i] - mean) * (a[i] - mean)
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, total)
    if thread == uint32(0):
        std[0] = sqrt(sums[0] / real(size))


class Penalties(Kernels):
    """The operations of these kernels."""

    def _norm_penalty(
        self, squares: Array, target: float, one_sided: bool, eps: float
    ) -> tuple[Array, Array]:
        factors = self._like("norm_penalty", squares)
        value = self.empty((1,), squares.dtype)
        self._run(
            norm_penalty, (1,), squares=squares, value=value, factors=factors, size=squares.size,
            one_sided=int(one_sided), target=target, eps=eps,
        )  # fmt: skip
        return value, factors

    def _standard_deviation(self, a: Array) -> Array:
        std = self._real("standard_deviation", (1, 1), a.dtype)
        self._run(standard_deviation, (1,), a=a, std=std, size=a.size)
        return std
