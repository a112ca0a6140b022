"""
Algorithm 1 of Goodfellow et al. 2014, with one function for each step.

x is a minibatch of examples (batch, features), and z a minibatch of noise (batch, noise). In a
conditional game, both are pairs with labels: x = (x, y) and z = (z, y), with y one-hot (batch,
classes). D then gets a sample with its label, unless the game needs the labels itself. The
formulas below are those of the minimax game.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.games import Game, Labels
from scratchgan.games.penalties import FAKE, OWN, REAL, Penalty
from scratchgan.gan.player import Player
from scratchgan.nn import Context

__all__ = ["DStep", "GStep", "discriminator_step", "generator_step", "simultaneous_step"]

POINTS, PER_PENALTY = 0xF00, 16  # draws of a penalty's points; those before are D's layers'


class DStep(NamedTuple):
    """Value and outputs of a step of D, before its update."""

    value: Array  # V, (1,)
    real_outputs: Array  # (batch, outputs)
    fake_outputs: Array  # (batch, outputs)
    game: Game  # the game of this step
    penalties: Mapping[str, Array] = MappingProxyType({})  # P, (1,), by name, if it acted

    def arrays(self) -> tuple[Array, ...]:
        """Return value and outputs."""
        return self[:3]


class GStep(NamedTuple):
    """Loss and outputs of a step of G, before its update."""

    loss: Array  # (1,)
    fake_outputs: Array  # (batch, outputs)
    game: Game  # the game of this step

    def arrays(self) -> tuple[Array, ...]:
        """Return all fields except the game."""
        return self[:-1]


class _Contexts:
    """The contexts of a step's passes, each with its own stream, so that dropout masks differ."""

    def __init__(self, ops: Backend, stream: Stream) -> None:
        self.g = Context(ops, True, stream.purpose(Purpose.GENERATOR))
        self.real = Context(ops, True, stream.purpose(Purpose.D_REAL))
        self.fake = Context(ops, True, stream.purpose(Purpose.D_FAKE))
        self.own = Context(ops, True, stream.purpose(Purpose.PENALTY))


def discriminator_step(
    D: Player,
    G: Player,
    x: Any,
    z: Any,
    game: Game,
    stream: Stream,
    penalties: Sequence[Penalty] = (),
) -> DStep:
    """Ascend ∇_θd (1/m) Σ [log D(x) + log(1 − D(G(z)))] − Σ P. Only D changes."""
    ops = D.network.ops
    on = _Contexts(ops, stream)
    fake, _ = G.forward(z, on.g)
    real, fake = _as_d_sees(x, game), _as_d_sees(fake, game, z)
    p_real, p_fake = D.due(penalties, REAL), D.due(penalties, FAKE)
    real_outputs, real_pass = D.forward(real, on.real, p_real)
    fake_outputs, fake_pass = D.forward(fake, on.fake, p_fake)
    value, d_real, d_fake = game.d(real_outputs, fake_outputs, ops, **_labels(x, z, game))
    D.zero_grads()
    P = D.backward(real_pass, d_real, on.real, p_real)  # all passes add to the same gradient
    P |= D.backward(fake_pass, d_fake, on.fake, p_fake)
    P |= _penalise_own_points(D, penalties, real, fake, on.own)
    D.ascend()
    return DStep(value, real_outputs, fake_outputs, game, P)


def generator_step(
    D: Player, G: Player, z: Any, game: Game, stream: Stream, x: Any = None
) -> GStep:
    """
    Descend ∇_θg (1/m) Σ log(1 − D(G(z))), or the gradient of another game's loss. Only G changes.

    Only games that compare samples with real examples (``needs_real``) need x.
    """
    ops = G.network.ops
    on = _Contexts(ops, stream)
    fake, g_cache = G.forward(z, on.g)
    real_outputs = _real_outputs(D, x, game, on)
    fake_outputs, fake_cache = D.forward(_as_d_sees(fake, game, z), on.fake)
    loss, d_outputs, _ = game.g(fake_outputs, real_outputs, ops, **_labels(x, z, game))
    d_sample = _sample(D.input_gradient(fake_cache, d_outputs, on.fake))  # through D
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    G.descend()
    return GStep(loss, fake_outputs, game)


def simultaneous_step(
    D: Player,
    G: Player,
    x: Any,
    z: Any,
    game: Game,
    stream: Stream,
    penalties: Sequence[Penalty] = (),
) -> tuple[DStep, GStep]:
    """
    Compute both gradients at the same point, with the same z and dropout masks; then update both.

    The code of the 2014 paper updates in this way, while its Algorithm 1 alternates. Both players
    use the same forward pass.
    """
    ops = D.network.ops
    on = _Contexts(ops, stream)
    fake, g_cache = G.forward(z, on.g)
    real, fake = _as_d_sees(x, game), _as_d_sees(fake, game, z)
    p_real, p_fake = D.due(penalties, REAL), D.due(penalties, FAKE)
    real_outputs, real_pass = D.forward(real, on.real, p_real)
    fake_outputs, fake_pass = D.forward(fake, on.fake, p_fake)
    labels = _labels(x, z, game)
    value, d_real, d_fake = game.d(real_outputs, fake_outputs, ops, **labels)
    seen = real_outputs if game.needs_real else None
    loss, d_outputs, _ = game.g(fake_outputs, seen, ops, **labels)
    D.zero_grads()
    P = D.backward(real_pass, d_real, on.real, p_real)
    P |= D.backward(fake_pass, d_fake, on.fake, p_fake)
    P |= _penalise_own_points(D, penalties, real, fake, on.own)
    d_sample = _sample(D.input_gradient(fake_pass, d_outputs, on.fake))
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    D.ascend()
    G.descend()
    return DStep(value, real_outputs, fake_outputs, game, P), GStep(loss, fake_outputs, game)


def _penalise_own_points(
    D: Player, penalties: Sequence[Penalty], real: Any, fake: Any, ctx: Context
) -> dict[str, Array]:
    """Penalise D at points that are neither real nor generated; labels are those of ``real``."""
    P: dict[str, Array] = {}
    for i, due in enumerate(D.due(penalties, OWN)):
        draws = ctx.stream.at(POINTS + PER_PENALTY * i)
        points = due.penalty.points(_sample(real), _sample(fake), draws, ctx.ops)
        labelled = (points, real[1]) if isinstance(real, tuple) else points
        _, passed = D.forward(labelled, ctx, [due])
        P |= D.backward(passed, None, ctx, [due])
    return P


def _as_d_sees(x: Any, game: Game, z: Any = None) -> Any:
    """Return D's input: x with its label (of z if x is G(z)), or only x for ``needs_labels``."""
    if isinstance(z, tuple):
        x = (x, z[1])
    return _sample(x) if game.needs_labels else x


def _sample(value: Any) -> Array:
    """Return the sample of a pair (sample, label); a sample without label is returned as it is."""
    return value[0] if isinstance(value, tuple) else value


def _labels(x: Any, z: Any, game: Game) -> dict[str, Labels]:
    """Return the argument ``labels`` for a game that needs them."""
    if not game.needs_labels:
        return {}
    return {"labels": Labels(None if x is None else x[1], z[1])}


def _real_outputs(D: Player, x: Any, game: Game, on: _Contexts) -> Array | None:
    """Return D's outputs on x if the game ``needs_real``, or else None."""
    if not game.needs_real:
        return None
    if x is None:
        raise ValueError(
            f"generator_step: x is missing; the game '{game.name}' compares samples with real"
            " examples"
        )
    return D.forward(_as_d_sees(x, game), on.real)[0]
