"""Kernels that compute each element from the elements at the same place."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.cpu.kernel import INLINE, integer, kernel, number, part, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.scalar import CODES

__all__ = ["activation", "add", "add_row", "apply", "apply_grad", "multiply", "scale"]

LEAKY_RELU, RELU = CODES["leaky_relu"], CODES["relu"]
SIGMOID, TANH, SOFTPLUS = CODES["sigmoid"], CODES["tanh"], CODES["softplus"]

leaky_relu, relu, sigmoid = MATHS.leaky_relu, MATHS.relu, MATHS.sigmoid
tanh, softplus = MATHS.tanh, MATHS.softplus
leaky_relu_grad, relu_grad, sigmoid_grad = (
    MATHS.leaky_relu_grad, MATHS.relu_grad, MATHS.sigmoid_grad,
)  # fmt: skip
tanh_grad, softplus_grad = MATHS.tanh_grad, MATHS.softplus_grad


@njit(**INLINE)
def apply(code, a, y, slope):
    """y = φ(a). One loop for each φ, since a choice inside a loop would keep it from vectors."""
    n = a.size
    if code == LEAKY_RELU:
        for i in range(n):
            y[i] = leaky_relu(a[i], slope)
    elif code == RELU:
        for i in range(n):
            y[i] = relu(a[i], slope)
    elif code == SIGMOID:
        for i in range(n):
            y[i] = sigmoid(a[i])
    elif code == TANH:
        for i in range(n):
            y[i] = tanh(a[i])
    elif code == SOFTPLUS:
        for i in range(n):
            y[i] = softplus(a[i])
    else:
        for i in range(n):
            y[i] = a[i]


@njit(**INLINE)
def apply_grad(code, dy, y, da, slope):
    """da = dy ⊙ φ′, read from y."""
    n = y.size
    if code == LEAKY_RELU:
        for i in range(n):
            da[i] = leaky_relu_grad(dy[i], y[i], slope)
    elif code == RELU:
        for i in range(n):
            da[i] = relu_grad(dy[i], y[i], slope)
    elif code == SIGMOID:
        for i in range(n):
            da[i] = sigmoid_grad(dy[i], y[i])
    elif code == TANH:
        for i in range(n):
            da[i] = tanh_grad(dy[i], y[i])
    elif code == SOFTPLUS:
        for i in range(n):
            da[i] = softplus_grad(dy[i], y[i])
    else:
        for i in range(n):
            da[i] = dy[i]


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
