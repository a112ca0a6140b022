"""
Kernels that compute each element from the elements at the same place.

An array comes flat. A thread begins at its own number and goes on by the number of
all threads, so that neighbouring threads touch neighbouring elements, and a grid of
any size computes an array of any size.
"""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.activations import ACTIVATIONS
from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.maths import MATHS
from scratchgan.backends.scalar import choice

__all__ = [
    "activation", "activation_grad", "add", "add_row", "apply", "apply_grad", "copy", "fill",
    "multiply", "scale",
]  # fmt: skip

# apply(code, a, slope) is φ(a), apply_grad(code, dy, y, slope) is dy · φ′ read from y. The code is
# the same for all threads, so they take one branch together.
PHI = [MATHS.phi[name] for name in ACTIVATIONS]
apply = choice(device_function, dict(enumerate(phi.value for phi in PHI)))
apply_grad = choice(device_function, dict(enumerate(phi.grad for phi in PHI)))


@kernel
def activation(a, y, size, code, slope):
    """y = φ(a)."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = apply(code, a[i], slope)
        i = uint32(i + stride)


@kernel
def activation_grad(dy, y, da, size, code, slope):
    """da = dy ⊙ φ′."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        da[i] = apply_grad(code, dy[i], y[i], slope)
        i = uint32(i + stride)


@kernel
def add(a, b, y, size):
    """y = a + b."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i] + b[i]
        i = uint32(i + stride)


@kernel
def multiply(a, b, y, size):
    """y = a ⊙ b."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i] * b[i]
        i = uint32(i + stride)


@kernel
def scale(a, y, size, factor):
    """y = factor · a."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = factor * a[i]
        i = uint32(i + stride)


@kernel
def fill(a, size, value):
    """Set every element."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        a[i] = value
        i = uint32(i + stride)


@kernel
def copy(a, y, size):
    """y = a."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = a[i]
        i = uint32(i + stride)


@kernel
def add_row(x, row, y, size, columns):
    """x + row, the row added to each example."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = x[i] + row[uint32(i % columns)]
        i = uint32(i + stride)
