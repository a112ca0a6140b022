"""What fits together, asked before anything is begun: recipe and data, networks and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scratchgan.backends.activations import phi_of
from scratchgan.data import Dataset
from scratchgan.data.toy import TOYS
from scratchgan.errors import DataError
from scratchgan.limits import require_memory
from scratchgan.nn import Concat, Layer, Linear, Sequential
from scratchgan.nn.activation import ActivationLayer
from scratchgan.recipes.names import recipe_for

if TYPE_CHECKING:
    from scratchgan.gan.settings import Settings
    from scratchgan.recipes.recipe import Recipe

__all__ = ["require_data", "require_fit", "require_room"]


def require_data(settings: Settings, data: Dataset) -> None:
    """Raise DataError where data have no labels to play with, or too few examples to hold back."""
    if settings.conditional and not data.classes:
        raise DataError(
            f"data set '{data.name}' has no labels, which a conditional game needs;"
            " choose another with --data"
        )
    if settings.validation >= data.n:
        raise DataError(
            f"validation is {settings.validation:,}, and data set '{data.name}' has {data.n:,}"
            " examples; hold back fewer, to leave some to train on (validation = … in a file that"
            " --config names)"
        )


def require_fit(recipe: Recipe, data: Dataset, G: Layer) -> None:
    """
    Raise DataError where a recipe cannot learn a data set, with the recipe that can.

    A G whose outputs end in a sigmoid reaches [0, 1] and no further. And a recipe for points in
    the plane makes no images, nor one for images points.
    """
    suits = recipe_for(data)
    instead = f"take recipe '{suits}', or leave the recipe out"
    images = data.image_shape is not None
    if images == (recipe.settings.data in TOYS) and not recipe.file:
        kinds = ("images", "points") if images else ("points", "images")
        raise DataError(
            f"data set '{data.name}' is of {kinds[0]}, and recipe '{recipe.name}' is for"
            f" {kinds[1]}; {instead}"
        )
    low, high = _reach(G)
    if not (low <= data.value_range[0] and data.value_range[1] <= high):
        first, last = data.value_range
        if suits == recipe.name or recipe.file:
            instead = "scale the values"
        raise DataError(
            f"data set '{data.name}' has values from {first:.3g} to {last:.3g}, and the generator"
            f" of recipe '{recipe.name}' makes none but from {low:g} to {high:g}; {instead}"
        )


def _reach(layer: Layer) -> tuple[float, float]:
    """Between which values all outputs of a layer lie, whatever comes in."""
    if isinstance(layer, Sequential) and layer.layers:
        return _reach(layer.layers[-1])
    if isinstance(layer, Linear | ActivationLayer):
        return phi_of(layer.activation).range
    return -math.inf, math.inf


def require_room(
    recipe: Recipe, settings: Settings, features: int, *players: Layer, training: bool
) -> None:
    """
    Raise ValueError where the networks of a run take more memory than there is.

    Counted are the parameters, as they are drawn in float64, and in training what goes with
    them (gradients, moments, average, a copy for the checkpoint), and the minibatches between
    the layers; the data themselves are there already.
    """
    itemsize = np.dtype(settings.dtype).itemsize
    linear = [layer for player in players for layer in _linear(player)]
    parameters = sum((layer.in_features + 1) * layer.out_features for layer in linear)
    between = sum(layer.in_features + layer.out_features for layer in linear)
    needed = parameters * (8 + itemsize)
    if training:
        needed += itemsize * (5 * parameters + 4 * settings.batch_size * between)
    require_memory(
        needed,
        f"recipe '{recipe.name}' with noise of {settings.noise.features:,} features and data of"
        f" {features:,} has {parameters:,} parameters",
    )


def _linear(layer: Layer) -> Iterator[Linear]:
    """All Linear layers of a tree; the others have no parameters."""
    parts: tuple[Layer, ...] = ()
    if isinstance(layer, Linear):
        yield layer
    elif isinstance(layer, Sequential):
        parts = layer.layers
    elif isinstance(layer, Concat):
        parts = (layer.first, layer.second)
    for part in parts:
        yield from _linear(part)
