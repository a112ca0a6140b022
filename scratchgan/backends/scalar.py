"""
The mathematics of one number, for the compiled backends: plain Python, compiled for each target.

``build`` takes the target's compiler and its elementary functions, and returns the
functions of the vocabulary: activations, their derivatives read from y, log σ and
Philox. The reference is written without it, so that each tests the other.

Constants take the type of the argument, ``type(a)(1)``: in compiled code a bare 1.0
is a float64, and 1.0 − y with a float32 y would be computed in double precision.
Comparisons are arranged so that NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["CODES", "build"]

CODES = {"identity": 0, "leaky_relu": 1, "relu": 2, "sigmoid": 3, "tanh": 4, "softplus": 5}
"""The number by which a kernel is told an activation."""

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # Philox's multipliers
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)  # what is added to its key each round
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def build(
    compile: Callable[[Any], Any],
    exp: Any,  # e^x, for x ≤ 0
    expm1: Any,  # e^x − 1, for x ≤ 0
    log1p: Any,  # log(1 + x), for 0 ≤ x ≤ 1
) -> SimpleNamespace:
    """
    Compile the functions of one number.

    Examples
    --------
    Without a compiler they are plain Python:

    >>> import math
    >>> maths = build(lambda f: f, math.exp, math.expm1, math.log1p)
    >>> maths.sigmoid(0.0), maths.softplus(-800.0), maths.tanh_grad(2.0, 0.5)
    (0.5, 0.0, 1.5)
    """

    @compile
    def leaky_relu(a, slope):
        return a if a > type(a)(0) else slope * a

    @compile
    def relu(a, slope):
        return type(a)(0) if a <= type(a)(0) else a  # NaN is not ≤ 0: it stays

    @compile
    def sigmoid(a, slope=0):
        one = type(a)(1)
        e = exp(-abs(a))  # never more than 1
        return (e if a < type(a)(0) else one) / (one + e)

    @compile
    def tanh(a, slope=0):
        t = expm1(type(a)(-2) * abs(a))  # tanh |a| = (1 − e^(−2|a|)) / (1 + e^(−2|a|))
        y = abs(t) / (type(a)(2) + t)
        return -y if a < type(a)(0) else y

    @compile
    def softplus(a, slope=0):
        rest = log1p(exp(-abs(a)))
        return rest if a < type(a)(0) else a + rest

    @compile
    def log_sigmoid(a):
        rest = log1p(exp(-abs(a)))
        return (a if a < type(a)(0) else type(a)(0)) - rest

    @compile
    def leaky_relu_grad(dy, y, slope):
        return dy if y > type(y)(0) else slope * dy

    @compile
    def relu_grad(dy, y, slope):
        return type(y)(0) if y <= type(y)(0) else dy

    @compile
    def sigmoid_grad(dy, y, slope=0):
        return dy * y * (type(y)(1) - y)

    @compile
    def tanh_grad(dy, y, slope=0):
        return dy * (type(y)(1) - y * y)

    @compile
    def softplus_grad(dy, y, slope=0):
        return dy * -expm1(-y)  # φ′(a) = σ(a) = 1 − e^(−y)

    @compile
    def philox(c0, c1, c2, c3, k0, k1):
        """Ten rounds of Philox4x32 (Salmon et al. 2011) on one counter of four uint32."""
        for _ in range(10):
            p0, p1 = M0 * np.uint64(c0), M1 * np.uint64(c2)
            c0, c1, c2, c3 = (
                np.uint32(p1 >> HALF) ^ c1 ^ k0,
                np.uint32(p1 & LOW),
                np.uint32(p0 >> HALF) ^ c3 ^ k1,
                np.uint32(p0 & LOW),
            )
            k0, k1 = np.uint32(k0 + W0), np.uint32(k1 + W1)
        return c0, c1, c2, c3

    return SimpleNamespace(
        leaky_relu=leaky_relu, relu=relu, sigmoid=sigmoid, tanh=tanh, softplus=softplus,
        leaky_relu_grad=leaky_relu_grad, relu_grad=relu_grad, sigmoid_grad=sigmoid_grad,
        tanh_grad=tanh_grad, softplus_grad=softplus_grad, log_sigmoid=log_sigmoid, philox=philox,
    )  # fmt: skip
