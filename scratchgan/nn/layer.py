"""
What a layer is: a description with four functions and no arrays of its own.

Parameters, caches and gradients are arguments. So D can run on real and on
fake examples before either backward pass, the generator's step can go through
D without touching D's gradients (``grads=None``), and a perturbed copy for
finite differences is just another ``params``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchgan.backends import Array, Backend, Stream, default_backend
from scratchgan.errors import ShapeError

__all__ = ["WIDEST", "Cache", "Context", "Features", "Layer", "Params", "SummaryLine"]

WIDEST = 2**31 - 1  # features: what an index of a kernel holds

Params: TypeAlias = Any
"""A tree: a leaf layer has a mapping of named arrays, a layer of layers a tuple of trees."""

Cache: TypeAlias = Any
"""What forward keeps for backward: a NamedTuple, or for a layer of layers a tuple of such."""

Features: TypeAlias = Any
"""Width of an example: an int; a tuple where the input is a tuple (Concat); None: any."""


@dataclass(frozen=True)
class Context:
    """
    Where and how a pass runs.

    Attributes
    ----------
    ops : Backend
        Where arithmetic happens.
    training : bool
        Whether dropout and the like are active.
    stream : Stream
        Address of the random numbers of this pass. The same stream gives the
        same masks, in backward, in jvp and under finite differences.
    """

    ops: Backend = field(default_factory=default_backend)
    training: bool = False
    stream: Stream = Stream(seed=0)

    def at(self, offset: int) -> Context:
        """Return the context of a part that stands ``offset`` random operations further on."""
        return Context(self.ops, self.training, self.stream.at(offset)) if offset else self


class SummaryLine(NamedTuple):
    """One line of a network's summary."""

    path: str
    layer: str
    out_features: Features
    parameters: int


class Layer(ABC):
    """
    A description of a function y = f(x; params) and of its derivatives.

    To write your own: give ``forward``, ``backward`` and ``jvp`` in terms of
    ``ctx.ops``; ``init`` if it has parameters; ``output_width`` if it changes
    the width. Then hold it against ``scratchgan.testing.check_layer``.
    """

    random_operations: int = 0
    """How many streams a pass consumes: 1 for dropout, the sum of its parts for Sequential."""

    in_features: Features = None
    """Width that ``forward`` expects; None where any will do."""

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        """Draw initial parameters, as NumPy arrays of ``dtype``."""
        return {}

    @abstractmethod
    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, Cache]:
        """Return y (batch, out_features) for x (batch, in_features), and what backward needs."""

    @abstractmethod
    def backward(
        self,
        params: Params,
        cache: Cache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """
        Carry the gradient dy = ∂L/∂y back.

        Returns dx = ∂L/∂x, or None without ``need_dx``; adds ∂L/∂params into
        ``grads`` where that is given.
        """

    @abstractmethod
    def jvp(self, params: Params, cache: Cache, dx: Array, ctx: Context) -> Array:
        """Return the forward derivative: dy = (∂y/∂x) dx, at the x of ``cache``."""

    def output_width(self, in_features: Features) -> Features:
        """Return the width of y for a width of x; raise ShapeError if it does not fit."""
        return in_features

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        """Distance of the nearest value from a kink or a tie; differences must step less."""
        return float("inf")

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        """Lines of the summary for this layer."""
        shapes = self.init(np.random.default_rng(0), np.float32)
        count = sum(int(a.size) for a in shapes.values())
        return [SummaryLine(path, repr(self), self.output_width(in_features), count)]

    def check_width(self, x: Array) -> None:
        """Raise ShapeError unless x is (batch, in_features) with at least one example."""
        shape = getattr(x, "shape", None)
        if shape is None or len(shape) != 2 or self.in_features not in (None, shape[1]):
            got = f"a {type(x).__name__}" if shape is None else f"x of shape {tuple(shape)}"
            message = f"{self!r} got {got}; expected (batch, {self.in_features or 'n'})"
            if shape is not None and len(shape) == 1:
                message += " (one example alone is a row: x.reshape(1, -1))"
            raise ShapeError(message)
        if 0 in shape:
            raise ShapeError(f"{self!r} got an empty batch, x of shape {tuple(shape)}")
