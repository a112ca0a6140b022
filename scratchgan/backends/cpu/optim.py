"""Optimisers over flat buffers. Rates and momenta may be negative: to ascend is to descend back."""

from __future__ import annotations

import math

from scratchgan.backends.cpu.kernel import integer, kernel, number, part

__all__ = ["adam", "ema", "sgd"]


@kernel
def sgd(args, chunk, scratch, real):
    """v ← μ v − rate · g; p += v. Cells: g, p, v, size, nesterov, rate, momentum."""
    size = integer(args, 3)
    g = part(integer(args, 0), size, chunk, real)
    p = part(integer(args, 1), size, chunk, real)
    v = part(integer(args, 2), size, chunk, real)
    rate, momentum = real(number(args, 5)), real(number(args, 6))
    if integer(args, 4) != 0:
        for i in range(g.size):
            velocity = momentum * v[i] - rate * g[i]
            v[i] = velocity
            p[i] += momentum * velocity - rate * g[i]
    else:
        for i in range(g.size):
            velocity = momentum * v[i] - rate * g[i]
            v[i] = velocity
            p[i] += velocity


@kernel
def adam(args, chunk, scratch, real):
    """
    Adam (Kingma & Ba 2015, Algorithm 1).

    Cells: g, p, m, v, size, t, rate, beta1, beta2, eps.
    """
    size = integer(args, 4)
    g = part(integer(args, 0), size, chunk, real)
    p = part(integer(args, 1), size, chunk, real)
    m = part(integer(args, 2), size, chunk, real)
    v = part(integer(args, 3), size, chunk, real)
    t, rate, beta1, beta2 = integer(args, 5), number(args, 6), number(args, 7), number(args, 8)
    # The corrections are the same for all elements: m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    step = real(rate / (1 - math.pow(beta1, t)))
    v_correction = real(1 / (1 - math.pow(beta2, t)))
    b1, b2, eps = real(beta1), real(beta2), real(number(args, 9))
    rest1, rest2 = real(1 - beta1), real(1 - beta2)
    for i in range(g.size):
        first = b1 * m[i] + rest1 * g[i]
        second = b2 * v[i] + rest2 * g[i] * g[i]
        m[i] = first
        v[i] = second
        p[i] -= step * first / (real(math.sqrt(second * v_correction)) + eps)


@kernel
def ema(args, chunk, scratch, real):
    """average ← decay · average + (1 − decay) · p. Cells: p, average, size, decay."""
    size = integer(args, 2)
    p = part(integer(args, 0), size, chunk, real)
    average = part(integer(args, 1), size, chunk, real)
    decay, rest = real(number(args, 3)), real(1 - number(args, 3))
    for i in range(p.size):
        average[i] = decay * average[i] + rest * p[i]
