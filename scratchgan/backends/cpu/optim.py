"""Optimisers over flat buffers. Ascent is descent with a negative rate."""

from __future__ import annotations

import math
from typing import Any

from scratchgan.backends.cpu.kernel import Kernel, chunks_of, kernel, part
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.vocabulary import Array

__all__ = ["Optimisers"]


@kernel(
    reads="g", writes="p v", integers="size nesterov",
    numbers="rate momentum", varying="rate momentum",
)  # fmt: skip
def sgd(cells, chunk, scratch, real):
    """v ← μ v − rate · g; p += v."""
    g = part(cells.g, cells.size, chunk, real)
    p = part(cells.p, cells.size, chunk, real)
    v = part(cells.v, cells.size, chunk, real)
    rate, momentum = real(cells.rate), real(cells.momentum)
    if cells.nesterov != 0:
        for i in range(g.size):
            velocity = momentum * v[i] - rate * g[i]
            v[i] = velocity
            p[i] += momentum * velocity - rate * g[i]
    else:
        for i in range(g.size):
            velocity = momentum * v[i] - rate * g[i]
            v[i] = velocity
            p[i] += velocity


@kernel(
    reads="g", writes="p m v", integers="size t",
    numbers="rate beta1 beta2 eps", varying="t rate",
)  # fmt: skip
def adam(cells, chunk, scratch, real):
    """Adam (Kingma & Ba 2015, Algorithm 1)."""
    g = part(cells.g, cells.size, chunk, real)
    p = part(cells.p, cells.size, chunk, real)
    m = part(cells.m, cells.size, chunk, real)
    v = part(cells.v, cells.size, chunk, real)
    t, beta1, beta2 = cells.t, cells.beta1, cells.beta2
    # The corrections are the same for all elements: m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    step = real(cells.rate / (1 - math.pow(beta1, t)))
    v_correction = real(1 / (1 - math.pow(beta2, t)))
    b1, b2, eps = real(beta1), real(beta2), real(cells.eps)
    rest1, rest2 = real(1 - beta1), real(1 - beta2)
    for i in range(g.size):
        first = b1 * m[i] + rest1 * g[i]
        second = b2 * v[i] + rest2 * g[i] * g[i]
        m[i] = first
        v[i] = second
        p[i] -= step * first / (real(math.sqrt(second * v_correction)) + eps)


@kernel(reads="p", writes="average", integers="size", numbers="decay")
def ema(cells, chunk, scratch, real):
    """average ← decay · average + (1 − decay) · p."""
    p = part(cells.p, cells.size, chunk, real)
    average = part(cells.average, cells.size, chunk, real)
    decay, rest = real(cells.decay), real(1 - cells.decay)
    for i in range(p.size):
        average[i] = decay * average[i] + rest * p[i]


@kernel(writes="p", integers="size", numbers="low high")
def clip(cells, chunk, scratch, real):
    """Put each element between ``low`` and ``high``; NaN stays."""
    p = part(cells.p, cells.size, chunk, real)
    low, high = real(cells.low), real(cells.high)
    for i in range(p.size):
        p[i] = low if p[i] < low else (high if p[i] > high else p[i])


class Optimisers(Kernels):
    """The operations of these kernels."""

    def _sgd_(
        self,
        params: Array,
        grads: Array,
        velocity: Array,
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        self._update(
            sgd, g=grads, p=params, v=velocity, nesterov=int(nesterov), rate=rate, momentum=momentum
        )

    def _adam_(
        self,
        params: Array,
        grads: Array,
        m: Array,
        v: Array,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        self._update(
            adam, g=grads, p=params, m=m, v=v, t=t, rate=rate, beta1=beta1, beta2=beta2, eps=eps
        )

    def _ema_(self, average: Array, params: Array, decay: float) -> None:
        self._update(ema, p=params, average=average, decay=decay)

    def _clip_(self, a: Array, low: float, high: float) -> None:
        self._update(clip, p=a, low=low, high=high)

    def _update(self, kernel: Kernel, **cells: Any) -> None:
        for name in kernel.writes:
            self._require_writable(f"{kernel.name}_", cells[name])
            self._require_real(f"{kernel.name}_", cells[name].dtype)
        size = cells["p"].size
        self._run(kernel, chunks_of(size), size=size, **cells)
