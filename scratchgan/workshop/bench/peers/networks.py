"""The networks of the games, made of our layers."""

from __future__ import annotations

from scratchgan.backends import Backend
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.nn.initializers import constant
from scratchgan.workshop.bench.games import SLOPE, Weights

__all__ = ["network"]


def network(weights: Weights, hidden: str, ops: Backend) -> Network:
    """Return a network with these initial weights; its last layer is linear."""
    last = len(weights) - 1
    layers = [
        Linear(
            w.shape[0],
            w.shape[1],
            hidden if number < last else "identity",
            slope=SLOPE,
            weight=constant(w),
            bias=constant(b),
        )
        for number, (w, b) in enumerate(weights)
    ]
    return Network(Sequential(*layers), backend=ops)
