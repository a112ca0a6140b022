"""
Elementwise kernels and their operations.

Arrays are flat. Each kernel is a grid-stride loop: a thread begins at its own number and
adds the number of all threads. So neighbouring threads access neighbouring elements, and a
grid of any size computes an array of any size.
"""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import MATHS
from scratchgan.backends.scalar import choice
from scratchgan.backends.vocabulary import Array

__all__ = ["Elementwise", "apply", "apply_grad"]

# apply(code, a, slope) is φ(a); apply_grad(code, dy, y, slope) is dy · φ′, computed from y. All
# threads have the same code, so they take the same branch.
PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply = choice(device_function, dict(enumerate(phi.value for phi in PHI)))
apply_grad = choice(device_function, dict(enumerate(phi.grad for phi in PHI)))


@kernel(writes="y")
def activation(a, y, size, code, slope):
    """y = φ(a)."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = apply(code, a[i], slope)
        i = uint32(i + stride)


@kernel(writes="da")
def activation_grad(dy, y, da, size, code, slope):
    """da = dy ⊙ φ′."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        da[i] = apply_grad(code, dy[i], y[i], slope)
        i = uint32(i + stride)


@kernel(writes="y")
def add(a, b, y, size):
    """y = a + b."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i] + b[i]
        i = uint32(i + stride)


@kernel(writes="y")
def multiply(a, b, y, size):
    """y = a ⊙ b."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i] * b[i]
        i = uint32(i + stride)


@kernel(writes="y")
def scale(a, y, size, factor):
    """y = factor · a."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = factor * a[i]
        i = uint32(i + stride)


@kernel(writes="y")
def scale_scheduled(a, y, cells, size):
    """y = factor · a; the factor varies."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = cells[0] * a[i]
        i = uint32(i + stride)


@kernel(writes="a")
def fill(a, size, value):
    """Set every element."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        a[i] = value
        i = uint32(i + stride)


@kernel(writes="y")
def copy(a, y, size):
    """y = a."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i]
        i = uint32(i + stride)


@kernel(writes="y")
def add_row(x, row, y, size, columns):
    """x + row: the row is added to each example."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = x[i] + row[uint32(i % columns)]
        i = uint32(i + stride)


class Elementwise(Kernels):
    """The operations of these kernels."""

    def fill_(self, a: Array, value: float) -> None:
        if a.size:
            self._run(fill, a.size, a=a, size=a.size, value=float(value))

    def _copy_(self, a: Array, b: Array) -> None:
        if self._overlap(a, b):
            apart = self.empty(b.shape, b.dtype)
            self._run(copy, b.size, a=b, y=apart, size=b.size)
            b = apart
        self._run(copy, a.size, a=b, y=a, size=a.size)

    def _add_row(self, x: Array, row: Array) -> Array:
        y = self._like("add_row", x)
        self._run(add_row, x.size, x=x, row=row, y=y, size=x.size, columns=x.shape[1])
        return y

    def _add(self, a: Array, b: Array) -> Array:
        y = self._like("add", a)
        self._run(add, a.size, a=a, b=b, y=y, size=a.size)
        return y

    def _multiply(self, a: Array, b: Array) -> Array:
        y = self._like("multiply", a)
        self._run(multiply, a.size, a=a, b=b, y=y, size=a.size)
        return y

    def _scale(self, a: Array, factor: float) -> Array:
        y = self._like("scale", a)
        self._run(scale, a.size, a=a, y=y, size=a.size, factor=factor)
        return y

    def _scale_scheduled(self, a: Array, factor: float) -> Array:
        y, cells = self._like("scale_scheduled", a), self._cells(a.dtype, factor=factor)
        self._run(scale_scheduled, a.size, a=a, y=y, size=a.size, cells=cells)
        return y

    def _activation(self, a: Array, phi: str, slope: float) -> Array:
        y, code, size = self._like("activation", a), code_of(phi), a.size
        self._run(activation, size, a=a, y=y, size=size, code=code, slope=slope, note=phi)
        return y

    def _activation_grad(self, dy: Array, y: Array, phi: str, slope: float) -> Array:
        da, code, size = self._like("activation_grad", dy), code_of(phi), dy.size
        self._run(
            activation_grad, size, dy=dy, y=y, da=da, size=size, code=code, slope=slope, note=phi
        )
        return da
