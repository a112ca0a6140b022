"""A player of the game: a network with its gradient and the state of its optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.games.penalties import Penalty
from scratchgan.nn import Context, Network
from scratchgan.nn.layer import Cache
from scratchgan.nn.second_order import Passed, forward_taped
from scratchgan.optim import Current, Optimizer

__all__ = ["Due", "Player"]


class Due(NamedTuple):
    """A penalty that acts in an update, with its strength there."""

    penalty: Penalty
    strength: Current


class Player:
    """
    D or G: a network and everything that its updates need.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    ema : float, optional
        Decay of an exponential moving average of the parameters (Polyak averaging), in [0, 1).
        None keeps no average.
    clip : float, optional
        After each update, every weight is clipped to [−clip, clip] (Arjovsky et al. 2017, arXiv
        1701.07875, Algorithm 1), which bounds the network's slope. Statistics are no weights.

    Attributes
    ----------
    t : int
        Updates made so far.
    grads_flat : Array
        The gradient, flat; ``grads`` is its tree.
    slots : tuple of Array
        The optimiser's flat arrays.
    average_flat : Array or None
        The moving average, flat; ``average`` is its tree.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        ema: float | None = None,
        clip: float | None = None,
    ) -> None:
        checks.instance("Player", "network", network, Network, "a Network")
        self.network = network
        self._weights = _weights(network)
        self.grads_flat, self.grads = network.new_buffer()
        self.slots: tuple[Array, ...] = ()
        self.average_flat: Array | None = None
        self.average: Any = None
        self._kept: tuple[str, ...] | None = None  # what the slots are
        self.change(optimizer, ema, clip)

    def change(
        self, optimizer: Optimizer, ema: float | None = None, clip: float | None = None
    ) -> None:
        """
        Go on with another optimiser, moving average or bound of the weights.

        An optimiser that keeps other arrays begins anew: t and moments are 0.
        """
        checks.instance("Player", "optimizer", optimizer, Optimizer, "an optimizer")
        self.ema = None if ema is None else checks.number("", "ema", ema, 0, 1, below=True)
        self.clip = None if clip is None else checks.number("", "clip", clip, 0, above=True)
        self.optimizer = optimizer
        if optimizer.slots != self._kept:
            self.t, self._kept = 0, optimizer.slots
            self.slots = tuple(self.network.new_buffer()[0] for _ in optimizer.slots)
        if ema is None:
            self.average_flat = self.average = None
        elif self.average_flat is None:
            self.average_flat, self.average = self.network.new_buffer()
            self.network.ops.copy_(self.average_flat, self.network.flat)

    def __call__(self, x: Any) -> Any:
        """Return the network's y for x, not in training (dropout is off)."""
        return self.network(x)

    def forward(self, x: Any, ctx: Context, penalties: Sequence[Due] = ()) -> tuple[Array, Any]:
        """
        Run the network; return y, and the pass for ``backward``.

        x is an array, or the pair (x, y) of a conditional network. ``penalties`` are those that
        ``backward`` gets.
        """
        layer, params = self.network.layer, self.network.params
        return forward_taped(layer, params, x, ctx) if penalties else layer.forward(params, x, ctx)

    def backward(
        self, passed: Any, dy: Array | None, ctx: Context, penalties: Sequence[Due] = ()
    ) -> dict[str, Array]:
        """
        Add the gradient by the parameters of Σ dy · y − Σ P into ``grads``; return each P by name.

        ``dy`` may be None if there are penalties: then only P counts.
        """
        layer, params, ops = self.network.layer, self.network.params, self.network.ops
        if not penalties:
            layer.backward(params, passed, dy, ctx, grads=self.grads, need_dx=False)
            return {}
        g = passed.input_gradient()
        values, slopes = {}, None
        for penalty, strength in penalties:
            minus_p, slope = penalty.value_and_slope(g, -strength, ops)
            values[penalty.name] = ops.scale(minus_p, -1.0)
            slopes = slope if slopes is None else ops.add(slopes, slope)
        passed.backward(dy, slopes, self.grads)
        return values

    def input_gradient(self, passed: Any, dy: Array, ctx: Context) -> Any:
        """Return the gradient of Σ dy · y by the input; ``grads`` does not change."""
        layer, params = self.network.layer, self.network.params
        return layer.backward(params, _cache_of(passed), dy, ctx, grads=None)

    def commit(self, passed: Any, ctx: Context) -> None:
        """Take the statistics that a training pass proposes: in the player's own step alone."""
        self.network.layer.commit(self.network.params, _cache_of(passed), ctx)

    def due(self, penalties: Sequence[Penalty], at: str) -> list[Due]:
        """Return the penalties that look ``at`` these examples and act in the next update."""
        strengths = [(each, each.strength_at(self.t)) for each in penalties if each.at == at]
        return [Due(each, strength) for each, strength in strengths if strength is not None]

    def zero_grads(self) -> None:
        """Set the gradient to zero."""
        self.network.ops.fill_(self.grads_flat, 0.0)

    def ascend(self) -> None:
        """Make one update that increases the value whose gradient is in ``grads``."""
        self._update(ascend=True)

    def descend(self) -> None:
        """Make one update that decreases the value whose gradient is in ``grads``."""
        self._update(ascend=False)

    def _update(self, ascend: bool) -> None:
        ops, flat = self.network.ops, self.network.flat
        self.optimizer.update(ops, flat, self.grads_flat, self.slots, self.t, ascend)
        self.t += 1
        if self.clip is not None:
            for weights in self._weights:
                ops.clip_(weights, -self.clip, self.clip)
        if self.ema is not None:
            ops.ema_(self.average_flat, flat, self.ema)


def _weights(network: Network) -> tuple[Array, ...]:
    """Return the parts of the flat buffer that hold weights: all between the layers' statistics."""
    begin, parts = 0, []
    for entry in network.layout.entries:
        if entry.path in network.layer.statistics:
            parts.append((begin, entry.offset))
            begin = entry.offset + math.prod(entry.shape)
    parts.append((begin, network.layout.size))
    return tuple(
        network.ops.view(network.flat, first, (end - first,)) for first, end in parts if first < end
    )


def _cache_of(passed: Any) -> Cache:
    """Return the cache of a pass, which ``Player.forward`` returned."""
    return passed.cache if isinstance(passed, Passed) else passed
