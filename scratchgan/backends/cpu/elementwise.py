"""Elementwise kernels and their operations."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cpu.kernel import INLINE, chunks_of, kernel, part, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels, fits, share
from scratchgan.backends.recording import REAL
from scratchgan.backends.scalar import choice
from scratchgan.backends.vocabulary import Array

__all__ = ["Elementwise", "apply", "apply_grad"]


def value_loop(formula):
    """Return the loop y = φ(a)."""

    @njit(**INLINE)
    def loop(a, y, slope):
        for i in range(a.size):
            y[i] = formula(a[i], slope)

    return loop


def grad_loop(formula):
    """Return the loop da = dy ⊙ φ′, with φ′ computed from y."""

    @njit(**INLINE)
    def loop(dy, y, da, slope):
        for i in range(y.size):
            da[i] = formula(dy[i], y[i], slope)

    return loop


# apply(code, a, y, slope) and apply_grad(code, dy, y, da, slope). Each φ has its own loop: a choice
# inside the loop would prevent vectorisation.
PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply = choice(njit(**INLINE), dict(enumerate(value_loop(phi.value) for phi in PHI)))
apply_grad = choice(njit(**INLINE), dict(enumerate(grad_loop(phi.grad) for phi in PHI)))


# -- kernels --------------------------------------------------------------------------------------


@kernel(reads="a", writes="y", integers="size code", numbers="slope")
def activation(cells, chunk, scratch, real):
    """y = φ(a)."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    apply(cells.code, a, y, real(cells.slope))


@kernel(reads="dy y", writes="da", integers="size code", numbers="slope")
def activation_grad(cells, chunk, scratch, real):
    """da = dy ⊙ φ′."""
    dy = part(cells.dy, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    da = part(cells.da, cells.size, chunk, real)
    apply_grad(cells.code, dy, y, da, real(cells.slope))


@kernel(reads="a b", writes="y", integers="size")
def add(cells, chunk, scratch, real):
    """y = a + b."""
    a = part(cells.a, cells.size, chunk, real)
    b = part(cells.b, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    for i in range(a.size):
        y[i] = a[i] + b[i]


@kernel(reads="a b", writes="y", integers="size")
def multiply(cells, chunk, scratch, real):
    """y = a ⊙ b."""
    a = part(cells.a, cells.size, chunk, real)
    b = part(cells.b, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    for i in range(a.size):
        y[i] = a[i] * b[i]


@kernel(reads="a", writes="y", integers="size", numbers="factor")
def scale(cells, chunk, scratch, real):
    """y = factor · a."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    factor = real(cells.factor)
    for i in range(a.size):
        y[i] = factor * a[i]


@kernel(reads="a", writes="y", integers="size", numbers="factor", varying="factor")
def scale_scheduled(cells, chunk, scratch, real):
    """y = factor · a, with a factor that varies."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    factor = real(cells.factor)
    for i in range(a.size):
        y[i] = factor * a[i]


@kernel(writes="a", integers="size", numbers="value")
def fill(cells, chunk, scratch, real):
    """Set every element."""
    a = part(cells.a, cells.size, chunk, real)
    value = real(cells.value)
    for i in range(a.size):
        a[i] = value


@kernel(reads="a", writes="y", integers="size")
def copy(cells, chunk, scratch, real):
    """y = a."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    for i in range(a.size):
        y[i] = a[i]


@kernel(reads="x row", writes="y", integers="batch columns share")
def add_row(cells, chunk, scratch, real):
    """y = x + row, ``share`` rows a chunk."""
    size, n, share = size_of(real), cells.columns, cells.share
    row = vector(cells.row, n, real)
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        x = vector(cells.x + i * n * size, n, real)
        y = vector(cells.y + i * n * size, n, real)
        for j in range(n):
            y[j] = x[j] + row[j]


# -- operations -----------------------------------------------------------------------------------


class Elementwise(Kernels):
    """The operations of these kernels."""

    def fill_(self, a: Array, value: float) -> None:
        if a.dtype not in REAL or not fits(a):
            self._refuse(f"fill_ of an array of {a.dtype}")
            super().fill_(a, value)
            return
        self._run(fill, chunks_of(a.size), a=a, size=a.size, value=float(value))

    def _copy_(self, a: Array, b: Array) -> None:
        if a.dtype not in REAL or not fits(a) or self._overlap(a, b):
            self._refuse(f"copy_ of an array of {a.dtype}, or within one array")
            super()._copy_(a, b)
            return
        self._run(copy, chunks_of(a.size), a=b, y=a, size=a.size)

    def _add(self, a: Array, b: Array) -> Array:
        y = self._like("add", a)
        self._run(add, chunks_of(a.size), a=a, b=b, y=y, size=a.size)
        return y

    def _multiply(self, a: Array, b: Array) -> Array:
        y = self._like("multiply", a)
        self._run(multiply, chunks_of(a.size), a=a, b=b, y=y, size=a.size)
        return y

    def _scale(self, a: Array, factor: float) -> Array:
        y = self._like("scale", a)
        self._run(scale, chunks_of(a.size), a=a, y=y, size=a.size, factor=factor)
        return y

    def _scale_scheduled(self, a: Array, factor: float) -> Array:
        y = self._like("scale_scheduled", a)
        self._run(scale_scheduled, chunks_of(a.size), a=a, y=y, size=a.size, factor=factor)
        return y

    def _activation(self, a: Array, phi: str, slope: float) -> Array:
        y, code = self._like("activation", a), code_of(phi)
        self._run(activation, chunks_of(a.size), a=a, y=y, size=a.size, code=code, slope=slope)
        return y

    def _activation_grad(self, dy: Array, y: Array, phi: str, slope: float) -> Array:
        da, code, size = self._like("activation_grad", dy), code_of(phi), dy.size
        self._run(
            activation_grad, chunks_of(size), dy=dy, y=y, da=da, size=size, code=code, slope=slope
        )
        return da

    def _add_row(self, x: Array, row: Array) -> Array:
        y, (batch, n) = self._like("add_row", x), x.shape
        each, chunks = share(batch, n)
        self._run(add_row, chunks, x=x, row=row, y=y, batch=batch, columns=n, share=each)
        return y
