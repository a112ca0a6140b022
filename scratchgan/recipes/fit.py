"""Checks before a training: does the recipe fit the data, do the networks fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scratchgan.backends.activations import phi_of
from scratchgan.data import Dataset
from scratchgan.data.toy import TOYS
from scratchgan.errors import DataError
from scratchgan.games import objectives_by_start
from scratchgan.limits import require_memory
from scratchgan.nn import Concat, Layer, Linear, Sequential
from scratchgan.nn.activation import ActivationLayer
from scratchgan.recipes.names import recipe_for

if TYPE_CHECKING:
    from scratchgan.gan.settings import Settings
    from scratchgan.recipes.recipe import Recipe

__all__ = ["require_data", "require_fit", "require_room"]


def require_data(settings: Settings, data: Dataset) -> None:
    """Raise DataError if the data lack the labels or the held-back examples that are needed."""
    if settings.conditional and not data.classes:
        raise DataError(
            f"data set '{data.name}' has no labels, but a conditional game needs them;"
            " choose another data set with --data"
        )
    for game in objectives_by_start(settings.objective).values():
        if game.needs_labels and not settings.conditional:
            raise DataError(
                f"the game '{game.name}' needs labels, but the training is not conditional; use"
                " conditional=True, or --conditional on the command line"
            )
    if settings.validation >= data.n:
        raise DataError(
            f"validation is {settings.validation:,}, but data set '{data.name}' has only"
            f" {data.n:,} examples; hold back fewer with --validation, so that some are left for"
            " training"
        )


def require_fit(recipe: Recipe, data: Dataset, G: Layer) -> None:
    """
    Raise DataError if a recipe cannot learn a data set. The message names a recipe that can.

    A recipe for points cannot make images, and a recipe for images cannot make points. A G that
    ends in a sigmoid makes only values in [0, 1].
    """
    suits = recipe_for(data)
    instead = f"use recipe '{suits}', or leave the recipe out"
    images = data.image_shape is not None
    if images == (recipe.settings.data in TOYS) and not recipe.file:
        kinds = ("images", "points") if images else ("points", "images")
        raise DataError(
            f"data set '{data.name}' has {kinds[0]}, but recipe '{recipe.name}' is for"
            f" {kinds[1]}; {instead}"
        )
    low, high = _reach(G)
    if not (low <= data.value_range[0] and data.value_range[1] <= high):
        first, last = data.value_range
        if suits == recipe.name or recipe.file:
            instead = "scale the values"
        raise DataError(
            f"data set '{data.name}' has values from {first:.3g} to {last:.3g}, but the generator"
            f" of recipe '{recipe.name}' makes only values from {low:g} to {high:g}; {instead}"
        )


def _reach(layer: Layer) -> tuple[float, float]:
    """Return the lower and upper bound of a layer's outputs, for any input."""
    if isinstance(layer, Sequential) and layer.layers:
        return _reach(layer.layers[-1])
    if isinstance(layer, Linear | ActivationLayer):
        return phi_of(layer.activation).range
    return -math.inf, math.inf


def require_room(
    recipe: Recipe, settings: Settings, features: int, *players: Layer, training: bool
) -> None:
    """
    Raise ValueError if the networks of a run need more memory than there is.

    The count has the parameters and their initial values in float64. For training it also has
    gradients, moments, the moving average, a copy for the checkpoint, and the layers' inputs and
    outputs for a minibatch. It does not have the data, which are already in memory.
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
    """Yield all Linear layers of a tree; no other layer has parameters."""
    parts: tuple[Layer, ...] = ()
    if isinstance(layer, Linear):
        yield layer
    elif isinstance(layer, Sequential):
        parts = layer.layers
    elif isinstance(layer, Concat):
        parts = (layer.first, layer.second)
    for part in parts:
        yield from _linear(part)
