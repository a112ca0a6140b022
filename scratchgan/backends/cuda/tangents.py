"""Kernels of second order and their operations: φ″, and products of an example with itself."""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import MATHS
from scratchgan.backends.scalar import choice
from scratchgan.backends.vocabulary import Array

__all__ = ["Tangents"]

# apply_bend(code, dy, y, slope) is dy · dφ′/dy, computed from y.
PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply_bend = choice(device_function, dict(enumerate(phi.bend for phi in PHI)))


@kernel(writes="da")
def activation_bend(dy, y, y_dot, da, size, code, slope):
    """da = dy ⊙ dφ′/dy ⊙ ẏ."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        da[i] = apply_bend(code, dy[i], y[i], slope) * y_dot[i]
        i = uint32(i + stride)


@kernel(writes="sums")
def dot_rows(a, b, sums, size, columns):
    """Sum a ⊙ b over each row, a thread a row; ``size`` is the number of rows."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        total = type(a[0])(0)
        j = uint32(0)
        while j < columns:
            k = uint32(i * columns + j)
            total += a[k] * b[k]
            j = uint32(j + uint32(1))
        sums[i] = total
        i = uint32(i + stride)


@kernel(writes="y")
def scale_rows(x, factors, y, size, columns):
    """Multiply each row of x by its factor; ``size`` is the size of y."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = factors[uint32(i // columns)] * x[i]
        i = uint32(i + stride)


class Tangents(Kernels):
    """The operations of these kernels."""

    def _activation_bend(self, dy: Array, y: Array, y_dot: Array, phi: str, slope: float) -> Array:
        da, code, size = self._like("activation_bend", dy), code_of(phi), dy.size
        self._run(
            activation_bend, size, dy=dy, y=y, y_dot=y_dot, da=da, size=size, code=code,
            slope=slope, note=phi,
        )  # fmt: skip
        return da

    def _dot_rows(self, a: Array, b: Array) -> Array:
        batch, n = a.shape
        sums = self._real("dot_rows", (batch, 1), a.dtype)
        self._run(dot_rows, batch, a=a, b=b, sums=sums, size=batch, columns=n)
        return sums

    def _scale_rows(self, x: Array, factors: Array) -> Array:
        y = self._like("scale_rows", x)
        self._run(scale_rows, x.size, x=x, factors=factors, y=y, size=x.size, columns=x.shape[1])
        return y
