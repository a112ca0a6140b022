"""Kernels that compare each example with the others of its batch, and their operations."""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import exp
from scratchgan.backends.vocabulary import Array

__all__ = ["Comparing"]


@device_function
def weight(m, dm, first, other, dims, along):
    """exp(−Σ_c |m_c − other_c|) of two groups that begin there; ``along``: its derivative."""
    real = type(m[first])
    distance, move = real(0), real(0)
    c = uint32(0)
    while c < dims:
        t, u = uint32(first + c), uint32(other + c)
        difference = m[t] - m[u]
        distance += abs(difference)
        if along != uint32(0):
            if difference > real(0):
                move += dm[t] - dm[u]
            elif difference < real(0):
                move -= dm[t] - dm[u]
        c = uint32(c + uint32(1))
    e = exp(-distance)
    return -e * move if along != uint32(0) else e


@kernel(writes="o")
def closeness(m, dm, o, size, batch, kernels, dims, along):
    """A thread sums one kernel's closeness of one row to the others; ``size`` is the size of o."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    width = uint32(kernels * dims)
    while t < size:
        i = uint32(t // kernels)
        k = uint32(t - i * kernels)
        first = uint32(i * width + k * dims)
        total = type(m[first])(0)
        j = uint32(0)
        while j < batch:
            if j != i:
                total += weight(m, dm, first, uint32(j * width + k * dims), dims, along)
            j = uint32(j + uint32(1))
        o[t] = total
        t = uint32(t + stride)


@kernel(writes="gradient")
def closeness_grad(do, m, dm, gradient, size, batch, kernels, dims, along):
    """Backward of ``closeness``; ``size`` is the size of do."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    width = uint32(kernels * dims)
    while t < size:
        i = uint32(t // kernels)
        k = uint32(t - i * kernels)
        first = uint32(i * width + k * dims)
        real = type(m[first])
        c = uint32(0)
        while c < dims:
            gradient[uint32(first + c)] = real(0)
            c = uint32(c + uint32(1))
        j = uint32(0)
        while j < batch:
            if j != i:
                other = uint32(j * width + k * dims)
                w = weight(m, dm, first, other, dims, along)
                w *= do[t] + do[uint32(j * kernels + k)]
                c = uint32(0)
                while c < dims:
                    u = uint32(first + c)
                    difference = m[u] - m[uint32(other + c)]
                    if difference > real(0):
                        gradient[u] -= w
                    elif difference < real(0):
                        gradient[u] += w
                    else:
                        gradient[u] -= w * real(0)  # NaN stays
                    c = uint32(c + uint32(1))
            j = uint32(j + uint32(1))
        t = uint32(t + stride)


class Comparing(Kernels):
    """The operations of these kernels."""

    def _closeness(self, m: Array, dims: int, dm: Array | None) -> Array:
        batch, kernels = m.shape[0], m.shape[1] // dims
        o, along = self._real("closeness", (batch, kernels), m.dtype), int(dm is not None)
        self._run(
            closeness, o.size, m=m, dm=m if dm is None else dm, o=o, size=o.size, batch=batch,
            kernels=kernels, dims=dims, along=along,
        )  # fmt: skip
        return o

    def _closeness_grad(self, do: Array, m: Array, dims: int, dm: Array | None) -> Array:
        (batch, kernels), along = do.shape, int(dm is not None)
        gradient = self._like("closeness_grad", m)
        self._run(
            closeness_grad, do.size, do=do, m=m, dm=m if dm is None else dm, gradient=gradient,
            size=do.size, batch=batch, kernels=kernels, dims=dims, along=along,
        )  # fmt: skip
        return gradient
