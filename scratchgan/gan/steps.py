"""
Algorithm 1 of Goodfellow et al. 2014, one function a step.

x is a minibatch of examples (batch, features), z one of noise (batch, noise).
In a conditional network both carry their labels: x = (x, y), z = (z, y), with y
one-hot (batch, classes), and D judges a sample together with its label.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.games import Objective
from scratchgan.gan.player import Player
from scratchgan.nn import Context

__all__ = ["DStep", "GStep", "discriminator_step", "generator_step", "simultaneous_step"]


class DStep(NamedTuple):
    """What D's step saw, before its update."""

    value: Array  # V, (1,)
    real_logits: Array  # (batch, 1)
    fake_logits: Array  # (batch, 1)


class GStep(NamedTuple):
    """What G's step saw, before its update."""

    loss: Array  # (1,)
    fake_logits: Array  # (batch, 1)


class _Contexts:
    """Each pass of a step draws from a place of its own, so no two share a dropout mask."""

    def __init__(self, ops: Backend, stream: Stream) -> None:
        self.g = Context(ops, True, stream.purpose(Purpose.GENERATOR))
        self.real = Context(ops, True, stream.purpose(Purpose.D_REAL))
        self.fake = Context(ops, True, stream.purpose(Purpose.D_FAKE))


def discriminator_step(
    D: Player, G: Player, x: Any, z: Any, objective: Objective, stream: Stream
) -> DStep:
    """Ascend ∇_θd (1/m) Σ [log D(x) + log(1 − D(G(z)))]. Only D changes."""
    ops = D.network.ops
    on = _Contexts(ops, stream)
    fake, _ = G.forward(z, on.g)
    real_logits, real_cache = D.forward(x, on.real)
    fake_logits, fake_cache = D.forward(_as_d_sees(fake, z), on.fake)
    value, d_real, d_fake = objective.d(real_logits, fake_logits, ops)
    D.zero_grads()
    D.backward(real_cache, d_real, on.real)  # both passes add into one gradient
    D.backward(fake_cache, d_fake, on.fake)
    D.ascend()
    return DStep(value, real_logits, fake_logits)


def generator_step(D: Player, G: Player, z: Any, objective: Objective, stream: Stream) -> GStep:
    """Descend ∇_θg (1/m) Σ log(1 − D(G(z))), or what the objective has instead. Only G changes."""
    ops = G.network.ops
    on = _Contexts(ops, stream)
    fake, g_cache = G.forward(z, on.g)
    fake_logits, fake_cache = D.forward(_as_d_sees(fake, z), on.fake)
    loss, d_logits, _ = objective.g(fake_logits, ops=ops)
    d_sample = _sample_part(D.input_gradient(fake_cache, d_logits, on.fake))  # through D
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    G.descend()
    return GStep(loss, fake_logits)


def simultaneous_step(
    D: Player, G: Player, x: Any, z: Any, objective: Objective, stream: Stream
) -> tuple[DStep, GStep]:
    """
    Take both gradients at the same point, from one z and one dropout mask; then update both.

    So did the code that the 2014 paper's figures come from; its Algorithm 1
    alternates. One pass forward serves both players.
    """
    ops = D.network.ops
    on = _Contexts(ops, stream)
    fake, g_cache = G.forward(z, on.g)
    real_logits, real_cache = D.forward(x, on.real)
    fake_logits, fake_cache = D.forward(_as_d_sees(fake, z), on.fake)
    value, d_real, d_fake = objective.d(real_logits, fake_logits, ops)
    loss, g_logits, _ = objective.g(fake_logits, ops=ops)
    D.zero_grads()
    D.backward(real_cache, d_real, on.real)
    D.backward(fake_cache, d_fake, on.fake)
    d_sample = _sample_part(D.input_gradient(fake_cache, g_logits, on.fake))
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    D.ascend()
    G.descend()
    return DStep(value, real_logits, fake_logits), GStep(loss, fake_logits)


def _as_d_sees(fake: Array, z: Any) -> Any:
    """G(z), together with the label that G was asked for where there is one."""
    return (fake, z[1]) if isinstance(z, tuple) else fake


def _sample_part(d_input: Any) -> Array:
    """Gradient by the sample, without the gradient by its label."""
    return d_input[0] if isinstance(d_input, tuple) else d_input
