"""Kernels that compute each element from the elements at the same place."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.activations import ACTIVATIONS
from scratchgan.backends.cpu.kernel import INLINE, integer, kernel, number, part, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.scalar import choice

__all__ = ["activation", "add", "add_row", "apply", "apply_grad", "multiply", "scale"]


def value_loop(formula):
    """Return the loop y = φ(a)."""

    @njit(**INLINE)
    def loop(a, y, slope):
        for i in range(a.size):
            y[i] = formula(a[i], slope)

    return loop


def grad_loop(formula):
    """Return the loop da = dy ⊙ φ′, read from y."""

    @njit(**INLINE)
    def loop(dy, y, da, slope):
        for i in range(y.size):
            da[i] = formula(dy[i], y[i], slope)

    return loop


# apply(code, a, y, slope) and apply_grad(code, dy, y, da, slope): a loop for each φ, since a choice
# inside a loop would keep it from vectors.
PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply = choice(njit(**INLINE), dict(enumerate(value_loop(phi.value) for phi in PHI)))
apply_grad = choice(njit(**INLINE), dict(enumerate(grad_loop(phi.grad) for phi in PHI)))


@kernel
def activation(args, chunk, scratch, real):
    """y = φ(a). Cells: a, y, size, code, slope."""
    a = part(integer(args, 0), integer(args, 2), chunk, real)
    y = part(integer(args, 1), integer(args, 2), chunk, real)
    apply(integer(args, 3), a, y, real(number(args, 4)))


@kernel
def activation_grad(args, chunk, scratch, real):
    """da = dy ⊙ φ′. Cells: dy, y, da, size, code, slope."""
    dy = part(integer(args, 0), integer(args, 3), chunk, real)
    y = part(integer(args, 1), integer(args, 3), chunk, real)
    da = part(integer(args, 2), integer(args, 3), chunk, real)
    apply_grad(integer(args, 4), dy, y, da, real(number(args, 5)))


@kernel
def add(args, chunk, scratch, real):
    """a + b. Cells: a, b, y, size."""
    a = part(integer(args, 0), integer(args, 3), chunk, real)
    b = part(integer(args, 1), integer(args, 3), chunk, real)
    y = part(integer(args, 2), integer(args, 3), chunk, real)
    for i in range(a.size):
        y[i] = a[i] + b[i]


@kernel
def multiply(args, chunk, scratch, real):
    """a ⊙ b. Cells: a, b, y, size."""
    a = part(integer(args, 0), integer(args, 3), chunk, real)
    b = part(integer(args, 1), integer(args, 3), chunk, real)
    y = part(integer(args, 2), integer(args, 3), chunk, real)
    for i in range(a.size):
        y[i] = a[i] * b[i]


@kernel
def scale(args, chunk, scratch, real):
    """factor · a. Cells: a, y, size, factor."""
    a = part(integer(args, 0), integer(args, 2), chunk, real)
    y = part(integer(args, 1), integer(args, 2), chunk, real)
    factor = real(number(args, 3))
    for i in range(a.size):
        y[i] = factor * a[i]


@kernel
def fill(args, chunk, scratch, real):
    """Set every element. Cells: a, size, value."""
    a = part(integer(args, 0), integer(args, 1), chunk, real)
    value = real(number(args, 2))
    for i in range(a.size):
        a[i] = value


@kernel
def copy(args, chunk, scratch, real):
    """y = a. Cells: a, y, size."""
    a = part(integer(args, 0), integer(args, 2), chunk, real)
    y = part(integer(args, 1), integer(args, 2), chunk, real)
    for i in range(a.size):
        y[i] = a[i]


@kernel
def add_row(args, chunk, scratch, real):
    """x + row, one chunk a few rows. Cells: x, row, y, batch, columns, rows a chunk."""
    size = size_of(real)
    batch, n, rows = integer(args, 3), integer(args, 4), integer(args, 5)
    row = vector(integer(args, 1), n, real)
    for i in range(chunk * rows, min(batch, (chunk + 1) * rows)):
        x = vector(integer(args, 0) + i * n * size, n, real)
        y = vector(integer(args, 2) + i * n * size, n, real)
        for j in range(n):
            y[j] = x[j] + row[j]
