"""Kernels that compare each example with the others of its batch, and their operations."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.cpu.elementary import exp
from scratchgan.backends.cpu.kernel import ELEMENTS, INLINE, kernel, vector
from scratchgan.backends.cpu.reduce import clear
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.vocabulary import Array

__all__ = ["Comparing"]

WIDTH = 256  # kernels at a time: their distances stay in the cache


@njit(**INLINE)
def sign(a, real):
    """Return 1, −1, or 0 at 0; without branches, which a processor would guess wrongly."""
    return real(a > real(0)) - real(a < real(0))


@njit(**INLINE)
def weigh(weights, moves, m, other, dm, other_dm, dims, along, real):
    """weights[k] = exp(−Σ_c |m_kc − other_kc|), or with ``along`` its derivative along dm."""
    clear(weights)
    clear(moves)
    for c in range(dims):  # the inner loop runs over kernels, so it vectorises
        for k in range(weights.size):
            weights[k] += abs(m[k * dims + c] - other[k * dims + c])
    for k in range(weights.size):
        weights[k] = exp(-weights[k])
    if along:
        for c in range(dims):
            for k in range(weights.size):
                t = k * dims + c
                moves[k] += sign(m[t] - other[t], real) * (dm[t] - other_dm[t])
        for k in range(weights.size):
            weights[k] *= -moves[k]


@kernel(reads="m dm", writes="o", integers="batch kernels dims share")
def closeness(cells, chunk, scratch, real):
    """Sum the closeness of each row to the others, ``share`` rows a chunk."""
    size, batch, kernels, dims = size_of(real), cells.batch, cells.kernels, cells.dims
    along = cells.dm != 0
    direction = cells.dm if along else cells.m
    for i in range(chunk * cells.share, min(batch, (chunk + 1) * cells.share)):
        for first in range(0, kernels, WIDTH):
            width = min(WIDTH, kernels - first)
            weights = vector(scratch, width, real)
            moves = vector(scratch + WIDTH * size, width, real)
            here = (i * kernels + first) * dims * size
            m = vector(cells.m + here, width * dims, real)
            dm = vector(direction + here, width * dims, real)
            o = vector(cells.o + (i * kernels + first) * size, width, real)
            clear(o)
            for j in range(batch):
                if j != i:
                    there = (j * kernels + first) * dims * size
                    other = vector(cells.m + there, width * dims, real)
                    other_dm = vector(direction + there, width * dims, real)
                    weigh(weights, moves, m, other, dm, other_dm, dims, along, real)
                    for k in range(width):
                        o[k] += weights[k]


@kernel(reads="do m dm", writes="gradient", integers="batch kernels dims share")
def closeness_grad(cells, chunk, scratch, real):
    """Backward of ``closeness``."""
    size, batch, kernels, dims = size_of(real), cells.batch, cells.kernels, cells.dims
    along = cells.dm != 0
    direction = cells.dm if along else cells.m
    for i in range(chunk * cells.share, min(batch, (chunk + 1) * cells.share)):
        for first in range(0, kernels, WIDTH):
            width = min(WIDTH, kernels - first)
            weights = vector(scratch, width, real)
            moves = vector(scratch + WIDTH * size, width, real)
            here = (i * kernels + first) * dims * size
            m = vector(cells.m + here, width * dims, real)
            dm = vector(direction + here, width * dims, real)
            do = vector(cells.do + (i * kernels + first) * size, width, real)
            gradient = vector(cells.gradient + here, width * dims, real)
            clear(gradient)
            for j in range(batch):
                if j != i:
                    there = (j * kernels + first) * dims * size
                    other = vector(cells.m + there, width * dims, real)
                    other_dm = vector(direction + there, width * dims, real)
                    other_do = vector(cells.do + (j * kernels + first) * size, width, real)
                    weigh(weights, moves, m, other, dm, other_dm, dims, along, real)
                    for k in range(width):
                        weights[k] *= do[k] + other_do[k]
                    for c in range(dims):
                        for k in range(width):
                            t = k * dims + c
                            gradient[t] -= weights[k] * sign(m[t] - other[t], real)


class Comparing(Kernels):
    """The operations of these kernels."""

    def _closeness(self, m: Array, dims: int, dm: Array | None) -> Array:
        batch, kernels = m.shape[0], m.shape[1] // dims
        o, (each, chunks) = self._real("closeness", (batch, kernels), m.dtype), _share(m)
        self._run(
            closeness, chunks, m=m, dm=dm, o=o, batch=batch, kernels=kernels, dims=dims,
            share=each, work=batch * m.size * 3,
        )  # fmt: skip
        return o

    def _closeness_grad(self, do: Array, m: Array, dims: int, dm: Array | None) -> Array:
        batch, kernels = do.shape
        gradient, (each, chunks) = self._like("closeness_grad", m), _share(m)
        self._run(
            closeness_grad, chunks, do=do, m=m, dm=dm, gradient=gradient, batch=batch,
            kernels=kernels, dims=dims, share=each, work=batch * m.size * 6,
        )  # fmt: skip
        return gradient


def _share(m: Array) -> tuple[int, int]:
    """Return (rows of a chunk, chunks): each row is compared with all rows."""
    batch = m.shape[0]
    each = max(1, ELEMENTS // m.size)
    return each, -(-batch // each)
