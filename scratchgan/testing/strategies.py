"""
Hypothesis strategies: arrays without kinks and ties, layers, and layers with inputs.

A float that is drawn without such care is often 0, the kink of ReLU, or equal to its
neighbour, a tie for maxout.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
from hypothesis import assume
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.backends.activations import phi_of
from scratchgan.gradcheck.problem import some_params
from scratchgan.nn import (
    Activation,
    BatchNorm,
    Concat,
    Context,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Maxout,
    MinibatchDiscrimination,
    Projection,
    ReLU,
    Sequential,
)
from scratchgan.nn.initializers import normal

__all__ = ["KINDS", "Case", "dyadics", "layer_cases", "layers", "spread_floats"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

MARGIN = 1e-3  # the least kink_margin of a drawn case: about 30 steps of a central difference


class Case(NamedTuple):
    """A layer and a point at which to check it: ``check_layer(layer, x, params=…, ctx=…)``."""

    layer: Layer
    params: Any  # float64, NumPy
    x: Any  # float64, NumPy; a pair for Concat
    ctx: Context  # on the reference backend


def spread_floats(shape: tuple[int, ...]) -> st.SearchStrategy[NDArray[np.float64]]:
    """Float64 arrays of distinct multiples of 1/64 in [−4, 4], without 0: no kinks, no ties."""
    steps = st.integers(-256, 255).map(lambda i: (i if i < 0 else i + 1) / 64)
    return hnp.arrays(np.float64, shape, elements=steps, unique=True)


def dyadics(shape: tuple[int, ...]) -> st.SearchStrategy[NDArray[np.float64]]:
    """
    Float64 arrays of integers / 1024 in [−4, 4].

    Sums and products of a few of them are exact. So identities of linear maps, such as
    ⟨u W, v⟩ = ⟨u, v Wᵀ⟩, hold with ``==``.
    """
    return hnp.arrays(np.float64, shape, elements=st.integers(-4096, 4096).map(lambda i: i / 1024))


# -- layers ----------------------------------------------------------------------------------------

_WIDTHS = st.integers(1, 4)
_SLOPES = st.sampled_from([0.0, 0.1, 0.2, 0.5])
_SMOOTH = [Activation(name) for name in ACTIVATIONS if not phi_of(name).kinks]
_KEEPS = st.sampled_from([0.3, 0.5, 0.8, 1.0])


def _activation(draw: Draw, name: str | None = None) -> Activation:
    chosen = draw(st.sampled_from(ACTIVATIONS)) if name is None else name
    return Activation(chosen, draw(_SLOPES))


def _linear(draw: Draw, in_features: int | None = None) -> Linear:
    fan_in = in_features or draw(_WIDTHS)
    activation = draw(st.sampled_from(ACTIVATIONS))
    return Linear(fan_in, draw(_WIDTHS), activation, slope=draw(_SLOPES))


def _maxout(draw: Draw) -> Maxout:
    return Maxout(draw(st.integers(1, 3)), draw(st.integers(1, 3)))


def _concat(draw: Draw) -> Concat:
    """Two branches, each a Linear or the identity."""
    first = draw(st.sampled_from([Sequential(), _linear(draw)]))
    return Concat(first, _linear(draw))


def _sequential(draw: Draw) -> Sequential:
    """One to three blocks of Linear, φ, Dropout; some blocks are a nested Sequential."""
    inputs = draw(_WIDTHS)
    blocks: list[Layer] = []
    for nested in draw(st.lists(st.booleans(), min_size=1, max_size=3)):
        block: list[Layer] = [_linear(draw, inputs)]
        inputs = block[0].output_width(inputs)
        block.append(draw(st.sampled_from([Sequential(), *_SMOOTH])))
        if draw(st.booleans()):
            block.append(Dropout(draw(_KEEPS)))
        blocks += [Sequential(*block)] if nested else block
    return Sequential(*blocks)


def _generator(draw: Draw) -> Sequential:
    """z → ReLU → sigmoid or tanh pixels."""
    z, hidden = draw(_WIDTHS), draw(_WIDTHS)
    pixels = draw(st.sampled_from(["sigmoid", "tanh"]))
    return Sequential(Linear(z, hidden), ReLU(), Linear(hidden, draw(_WIDTHS), pixels))


def _discriminator(draw: Draw) -> Sequential:
    """Dropout, maxout, dropout, one logit: the discriminator of 2014, small."""
    pixels, units, pieces = draw(_WIDTHS), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Sequential(
        Dropout(draw(_KEEPS)),
        Linear(pixels, units * pieces),
        Maxout(units, pieces),
        Dropout(draw(_KEEPS)),
        Linear(units, 1),
    )


def _normalised(draw: Draw) -> Sequential:
    """A normalisation between two Linears, with a generous ε: few examples may be nearly equal."""
    kind = draw(st.sampled_from([LayerNorm, BatchNorm]))
    inputs, width = draw(_WIDTHS), draw(_WIDTHS)
    norm = kind(width, eps=0.1, scale=draw(st.booleans()), bias=draw(st.booleans()))
    return Sequential(Linear(inputs, width), norm, draw(st.sampled_from(_SMOOTH)))


def _minibatch_discrimination(draw: Draw) -> MinibatchDiscrimination:
    kernels, dims = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return MinibatchDiscrimination(draw(_WIDTHS), kernels, dims, weight=normal(0.3))


def _projection(draw: Draw) -> Projection:
    return Projection(_linear(draw), draw(st.integers(1, 3)))


def _conditional(draw: Draw) -> Sequential:
    """Two inputs, each with its own layer, and a layer that takes both results."""
    joined = Concat(_linear(draw), _linear(draw))
    width = joined.output_width(joined.in_features)
    return Sequential(joined, Dropout(draw(_KEEPS)), _linear(draw, width))


KINDS: dict[str, Callable[[Draw], Layer]] = {
    "linear": _linear,
    **{name: partial(_activation, name=name) for name in ACTIVATIONS},
    "maxout": _maxout,
    "dropout": lambda draw: Dropout(draw(_KEEPS)),
    "concat": _concat,
    "normalisation": _normalised,
    "minibatch_discrimination": _minibatch_discrimination,
    "projection": _projection,
    "sequential": _sequential,
    "generator": _generator,
    "discriminator": _discriminator,
    "conditional": _conditional,
}
"""The kinds that ``layers`` can draw: each layer, and three small networks."""


@st.composite
def layers(draw: Draw, kind: str | None = None) -> Layer:
    """Layers of one kind in ``KINDS``, or of any kind."""
    return KINDS[draw(st.sampled_from(sorted(KINDS))) if kind is None else kind](draw)


@st.composite
def layer_cases(draw: Draw, kind: str | None = None, layer: Layer | None = None) -> Case:
    """
    Layers with parameters, an input away from kinks, and a context (training or not).

    Parameters
    ----------
    kind : str, optional
        One of ``KINDS``; the default is any kind.
    layer : Layer, optional
        Your own, instead of a drawn one.
    """
    chosen = draw(layers(kind)) if layer is None else layer
    batch = draw(st.integers(1, 4))
    x = _input(draw, chosen.in_features, batch)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = some_params(chosen, rng)
    differs = chosen.random_operations or chosen.mixes_examples
    training = draw(st.booleans()) if differs else False
    stream = Stream(seed=draw(st.integers(0, 2**32 - 1)))
    ctx = Context(get_backend("reference"), training, stream)
    assume(chosen.kink_margin(params, x, ctx) > MARGIN)
    return Case(chosen, params, x, ctx)


def _input(draw: Draw, features: Any, batch: int) -> Any:
    if isinstance(features, tuple):
        return tuple(_input(draw, width, batch) for width in features)
    return draw(spread_floats((batch, features or draw(_WIDTHS))))
