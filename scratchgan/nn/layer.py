"""
The contract of a layer: a description with four functions and no arrays of its own.

Parameters, caches and gradients are arguments. So D can run on real and on fake examples before
either backward pass. The generator's step can go through D without changing D's gradients
(``grads=None``). A perturbed copy for finite differences is just another ``params``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchgan.backends import Array, Backend, Stream, default_backend
from scratchgan.errors import ShapeError

__all__ = ["WIDEST", "Cache", "Context", "Features", "Layer", "Params", "SummaryLine"]

WIDEST = 2**31 - 1  # features: the largest index in a kernel

Params: TypeAlias = Any
"""A tree: a mapping of named arrays for a leaf layer, a tuple of trees for a layer of layers."""

Cache: TypeAlias = Any
"""What backward needs of forward: a NamedTuple; a tuple of caches for a layer of layers."""

Features: TypeAlias = Any
"""Number of features: an int, a tuple for an input that is a tuple (Concat), or None for any."""


@dataclass(frozen=True)
class Context:
    """
    Where and how a pass runs.

    Attributes
    ----------
    ops : Backend
        The backend that does the arithmetic.
    training : bool
        Whether layers such as dropout are active.
    stream : Stream
        The address of the random numbers of this pass. The same stream gives the same dropout
        masks: in forward, backward, jvp and finite differences.
    reference : int
        How many of the first examples are a reference batch (``ReferenceBatch``).
    """

    ops: Backend = field(default_factory=default_backend)
    training: bool = False
    stream: Stream = Stream(seed=0)
    reference: int = 0

    def at(self, offset: int) -> Context:
        """Return the context of a part that comes after ``offset`` random operations."""
        return replace(self, stream=self.stream.at(offset)) if offset else self


class SummaryLine(NamedTuple):
    """One line of a network's summary."""

    path: str
    layer: str
    out_features: Features
    parameters: int


class Layer(ABC):
    """
    A description of a function y = f(x; params) and of its derivatives.

    To write your own, define ``forward``, ``backward`` and ``jvp`` with the operations of
    ``ctx.ops``. Define ``init`` if the layer has parameters, ``output_width`` if it changes the
    number of features, and ``statistics`` and ``commit`` if it keeps running values. Then check it
    with ``scratchgan.testing.check_layer``.
    """

    random_operations: int = 0
    """Number of streams that a pass uses: 1 for dropout, the sum over its parts for Sequential."""

    in_features: Features = None
    """Number of features that ``forward`` expects; None if any number is accepted."""

    statistics: tuple[str, ...] = ()
    """
    Paths of the parameters that are no weights, such as a running mean ("mean", "2.mean").

    They have zero gradient, so an optimiser leaves them alone; ``commit`` changes them.
    """

    mixes_examples: bool = False
    """Whether an output in training depends on other examples of the batch (BatchNorm)."""

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
        Propagate the gradient dy = ∂L/∂y back.

        Return dx = ∂L/∂x, or None without ``need_dx``. Add ∂L/∂params into ``grads`` if that is
        given.
        """

    @abstractmethod
    def jvp(self, params: Params, cache: Cache, dx: Array, ctx: Context) -> Array:
        """Return the forward derivative: dy = (∂y/∂x) dx, at the x of ``cache``."""

    def commit(self, params: Params, cache: Cache, ctx: Context) -> None:  # noqa: B027
        """
        Write the new statistics that a forward pass in training proposes in its cache to params.

        Only the player's own step calls this, after its update: when G's step runs D, D's
        statistics stay. A layer without ``statistics`` has nothing to write; a layer of layers
        calls it for its parts.
        """

    def output_width(self, in_features: Features) -> Features:
        """Return y's number of features for x's; raise ShapeError if the layer cannot take x."""
        return in_features

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        """Return the distance of x from the nearest kink or tie; differences need smaller steps."""
        return float("inf")

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        """Return the lines of the summary for this layer."""
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
                message += " (give a single example as a row: x.reshape(1, -1))"
            raise ShapeError(message)
        if 0 in shape:
            raise ShapeError(
                f"{self!r} got an empty batch, x of shape {tuple(shape)}; expected at least one"
                " example and one feature"
            )
