"""
Kernels that compute each element from the elements at the same place.

An array comes flat. A thread begins at its own number and goes on by the number of
all threads, so that neighbouring threads touch neighbouring elements, and a grid of
any size computes an array of any size.
"""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.maths import MATHS
from scratchgan.backends.scalar import CODES

__all__ = [
    "activation", "activation_grad", "add", "add_row", "apply", "apply_grad", "copy", "fill",
    "multiply", "scale",
]  # fmt: skip

LEAKY_RELU, RELU = CODES["leaky_relu"], CODES["relu"]
SIGMOID, TANH, SOFTPLUS = CODES["sigmoid"], CODES["tanh"], CODES["softplus"]

leaky_relu, relu, sigmoid = MATHS.leaky_relu, MATHS.relu, MATHS.sigmoid
tanh, softplus = MATHS.tanh, MATHS.softplus
leaky_relu_grad, relu_grad, sigmoid_grad = (
    MATHS.leaky_relu_grad, MATHS.relu_grad, MATHS.sigmoid_grad,
)  # fmt: skip
tanh_grad, softplus_grad = MATHS.tanh_grad, MATHS.softplus_grad


@device_function
def apply(code, a, slope):
    """φ(a). The code is the same for all threads, so they take one branch together."""
    if code == LEAKY_RELU:
        return leaky_relu(a, slope)
    if code == RELU:
        return relu(a, slope)
    if code == SIGMOID:
        return sigmoid(a, slope)
    if code == TANH:
        return tanh(a, slope)
    if code == SOFTPLUS:
        return softplus(a, slope)
    return a


@device_function
def apply_grad(code, dy, y, slope):
    """dy · φ′, read from y."""
    if code == LEAKY_RELU:
        return leaky_relu_grad(dy, y, slope)
    if code == RELU:
        return relu_grad(dy, y, slope)
    if code == SIGMOID:
        return sigmoid_grad(dy, y, slope)
    if code == TANH:
        return tanh_grad(dy, y, slope)
    if code == SOFTPLUS:
        return softplus_grad(dy, y, slope)
    return dy


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
