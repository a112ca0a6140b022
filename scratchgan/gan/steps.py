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
from scratchgan.gan.d_input import DInput, Sight
from scratchgan.gan.player import Player
from scratchgan.nn import Context

__all__ = ["DStep", "GStep", "discriminator_step", "generator_step", "simultaneous_step"]

POINTS, PER_PENALTY = 0xF00, 16  # draws of a penalty's points; those before are D's layers'
PLAIN = DInput()  # D sees examples and samples as they are


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
    d_input: DInput = PLAIN,
    penalties: Sequence[Penalty] = (),
) -> DStep:
    """Ascend ∇_θd (1/m) Σ [log D(x) + log(1 − D(G(z)))] − Σ P. Only D changes."""
    ops = D.network.ops
    on, sees = _Contexts(ops, stream), d_input.at(game, D.t, stream, ops)
    fake, _ = G.forward(z, on.g)
    fake, z = sees.pooled(fake, z)
    real, fake = sees.real(x), sees.fake(fake, z)
    p_real, p_fake = D.due(penalties, REAL), D.due(penalties, FAKE)
    real_outputs, real_pass = D.forward(real, on.real, p_real)
    fake_outputs, fake_pass = D.forward(fake, on.fake, p_fake)
    value, d_real, d_fake = game.d(real_outputs, fake_outputs, ops, **_known(x, z, game, ops))
    D.zero_grads()
    P = D.backward(real_pass, d_real, on.real, p_real)  # all passes add to the same gradient
    P |= D.backward(fake_pass, d_fake, on.fake, p_fake)
    P |= _penalise_own_points(D, penalties, real, fake, on.own)
    D.ascend()
    D.commit(real_pass, on.real)
    D.commit(fake_pass, on.fake)
    return DStep(value, real_outputs, fake_outputs, game, P)


def generator_step(
    D: Player,
    G: Player,
    z: Any,
    game: Game,
    stream: Stream,
    x: Any = None,
    d_input: DInput = PLAIN,
) -> GStep:
    """
    Descend ∇_θg (1/m) Σ log(1 − D(G(z))), or the gradient of another game's loss. Only G changes.

    Only games that compare samples with real examples (``needs_real``) need x.
    """
    ops = G.network.ops
    on, sees = _Contexts(ops, stream), d_input.at(game, D.t, stream, ops)
    fake, g_cache = G.forward(z, on.g)
    real_outputs = _real_outputs(D, x, game, on, sees)
    fake_outputs, fake_cache = D.forward(sees.fake(fake, z), on.fake)
    loss, d_outputs, _ = game.g(fake_outputs, real_outputs, ops, **_known(x, z, game, ops))
    d_sample = sees.sample_gradient(D.input_gradient(fake_cache, d_outputs, on.fake))  # through D
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    G.descend()
    G.commit(g_cache, on.g)
    return GStep(loss, fake_outputs, game)


def simultaneous_step(
    D: Player,
    G: Player,
    x: Any,
    z: Any,
    game: Game,
    stream: Stream,
    d_input: DInput = PLAIN,
    penalties: Sequence[Penalty] = (),
) -> tuple[DStep, GStep]:
    """
    Compute both gradients at the same point, with the same z and dropout masks; then update both.

    The code of the 2014 paper updates in this way, while its Algorithm 1 alternates. Both players
    use the same forward pass.
    """
    ops = D.network.ops
    on, sees = _Contexts(ops, stream), d_input.at(game, D.t, stream, ops)
    fake, g_cache = G.forward(z, on.g)
    real, fake = sees.real(x), sees.fake(fake, z)
    p_real, p_fake = D.due(penalties, REAL), D.due(penalties, FAKE)
    real_outputs, real_pass = D.forward(real, on.real, p_real)
    fake_outputs, fake_pass = D.forward(fake, on.fake, p_fake)
    known = _known(x, z, game, ops)
    value, d_real, d_fake = game.d(real_outputs, fake_outputs, ops, **known)
    seen = real_outputs if game.needs_real else None
    loss, d_outputs, _ = game.g(fake_outputs, seen, ops, **known)
    D.zero_grads()
    P = D.backward(real_pass, d_real, on.real, p_real)
    P |= D.backward(fake_pass, d_fake, on.fake, p_fake)
    P |= _penalise_own_points(D, penalties, real, fake, on.own)
    d_sample = sees.sample_gradient(D.input_gradient(fake_pass, d_outputs, on.fake))
    G.zero_grads()
    G.backward(g_cache, d_sample, on.g)
    D.ascend()
    G.descend()
    D.commit(real_pass, on.real)
    D.commit(fake_pass, on.fake)
    G.commit(g_cache, on.g)
    return DStep(value, real_outputs, fake_outputs, game, P), GStep(loss, fake_outputs, game)


def _penalise_own_points(
    D: Player, penalties: Sequence[Penalty], real: Any, fake: Any, ctx: Context
) -> dict[str, Array]:
    """Penalise D at points that are neither real nor generated; their labels are those of x."""
    P: dict[str, Array] = {}
    x, *label = real if isinstance(real, tuple) else (real,)
    sample = fake[0] if isinstance(fake, tuple) else fake
    for i, due in enumerate(D.due(penalties, OWN)):
        points = due.penalty.points(x, sample, ctx.stream.at(POINTS + PER_PENALTY * i), ctx.ops)
        _, passed = D.forward((points, *label) if label else points, ctx, [due])
        P |= D.backward(passed, None, ctx, [due])
    return P


def _known(x: Any, z: Any, game: Game, ops: Backend) -> dict[str, Any]:
    """Return the arguments ``labels`` and ``codes`` for a game that needs them."""
    noise, *label = z if isinstance(z, tuple) else (z,)
    known: dict[str, Any] = {}
    if game.needs_labels:
        known["labels"] = Labels(None if x is None else x[1], *label)
    if game.codes:
        width = sum(code.width for code in game.codes)
        known["codes"] = ops.columns(noise, noise.shape[1] - width, noise.shape[1])
    return known


def _real_outputs(D: Player, x: Any, game: Game, on: _Contexts, sees: Sight) -> Array | None:
    """Return D's outputs on x if the game ``needs_real``, or else None."""
    if not game.needs_real:
        return None
    if x is None:
        raise ValueError(
            f"generator_step: x is missing; the game '{game.name}' compares samples with real"
            " examples"
        )
    return D.forward(sees.real(x), on.real)[0]
