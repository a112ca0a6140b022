"""Kernels of second order and their operations: φ″, and products of an example with itself."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cpu.kernel import INLINE, chunks_of, kernel, part, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels, share
from scratchgan.backends.scalar import choice
from scratchgan.backends.vocabulary import Array

__all__ = ["Tangents"]

LANES = 16  # sums side by side: the inner loop vectorises, and the order never changes


def bend_loop(formula):
    """Return the loop da = dy ⊙ dφ′/dy ⊙ ẏ."""

    @njit(**INLINE)
    def loop(dy, y, y_dot, da, slope):
        for i in range(y.size):
            da[i] = formula(dy[i], y[i], slope) * y_dot[i]

    return loop


PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply_bend = choice(njit(**INLINE), dict(enumerate(bend_loop(phi.bend) for phi in PHI)))


@kernel(reads="dy y y_dot", writes="da", integers="size code", numbers="slope")
def activation_bend(cells, chunk, scratch, real):
    """da = dy ⊙ dφ′/dy ⊙ ẏ."""
    dy = part(cells.dy, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    y_dot = part(cells.y_dot, cells.size, chunk, real)
    da = part(cells.da, cells.size, chunk, real)
    apply_bend(cells.code, dy, y, y_dot, da, real(cells.slope))


@kernel(reads="a b", writes="sums", integers="batch columns share")
def dot_rows(cells, chunk, scratch, real):
    """Sum a ⊙ b over each row, ``share`` rows a chunk."""
    size, n, share = size_of(real), cells.columns, cells.share
    lanes = vector(scratch, LANES, real)
    sums = vector(cells.sums, cells.batch, real)
    whole = n - n % LANES
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        a = vector(cells.a + i * n * size, n, real)
        b = vector(cells.b + i * n * size, n, real)
        for lane in range(LANES):
            lanes[lane] = 0
        for first in range(0, whole, LANES):
            for lane in range(LANES):
                lanes[lane] += a[first + lane] * b[first + lane]
        total = real(0)
        for lane in range(LANES):
            total += lanes[lane]
        for j in range(whole, n):
            total += a[j] * b[j]
        sums[i] = total


@kernel(reads="x factors", writes="y", integers="batch columns share")
def scale_rows(cells, chunk, scratch, real):
    """Multiply each row of x by its factor, ``share`` rows a chunk."""
    size, n, share = size_of(real), cells.columns, cells.share
    factors = vector(cells.factors, cells.batch, real)
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        x = vector(cells.x + i * n * size, n, real)
        y = vector(cells.y + i * n * size, n, real)
        factor = factors[i]
        for j in range(n):
            y[j] = factor * x[j]


class Tangents(Kernels):
    """The operations of these kernels."""

    def _activation_bend(self, dy: Array, y: Array, y_dot: Array, phi: str, slope: float) -> Array:
        da, size = self._like("activation_bend", dy), dy.size
        self._run(
            activation_bend, chunks_of(size), dy=dy, y=y, y_dot=y_dot, da=da, size=size,
            code=code_of(phi), slope=slope,
        )  # fmt: skip
        return da

    def _dot_rows(self, a: Array, b: Array) -> Array:
        batch, n = a.shape
        sums, (each, chunks) = self._real("dot_rows", (batch, 1), a.dtype), share(batch, n)
        self._run(
            dot_rows, chunks, a=a, b=b, sums=sums, batch=batch, columns=n, share=each,
            work=2 * a.size,
        )  # fmt: skip
        return sums

    def _scale_rows(self, x: Array, factors: Array) -> Array:
        y, (batch, n) = self._like("scale_rows", x), x.shape
        each, chunks = share(batch, n)
        self._run(scale_rows, chunks, x=x, factors=factors, y=y, batch=batch, columns=n, share=each)
        return y
