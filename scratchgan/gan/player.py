"""A player of the game: a network with its gradient and the state of its optimiser."""

from __future__ import annotations

import math
from typing import Any

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.nn import Context, Network
from scratchgan.nn.layer import Cache
from scratchgan.optim import Optimizer

__all__ = ["Player"]


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

    def forward(self, x: Any, ctx: Context) -> tuple[Array, Cache]:
        """Run the network; x is an array, or the pair (x, y) of a conditional network."""
        return self.network.layer.forward(self.network.params, x, ctx)

    def backward(self, cache: Cache, dy: Array, ctx: Context) -> None:
        """Add the gradient by the parameters into ``grads``."""
        self.network.layer.backward(
            self.network.params, cache, dy, ctx, grads=self.grads, need_dx=False
        )

    def input_gradient(self, cache: Cache, dy: Array, ctx: Context) -> Any:
        """Return the gradient by the input; ``grads`` does not change."""
        return self.network.layer.backward(self.network.params, cache, dy, ctx, grads=None)

    def commit(self, cache: Cache, ctx: Context) -> None:
        """Take the statistics that a training pass proposes: in the player's own step alone."""
        self.network.layer.commit(self.network.params, cache, ctx)

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
