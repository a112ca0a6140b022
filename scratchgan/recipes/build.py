"""Build networks and a trainer from a recipe, settings and data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.games import objectives_by_start
from scratchgan.gan import Trainer
from scratchgan.gan.settings import Settings
from scratchgan.nn import Network
from scratchgan.nn.initializers import data_marginals, zeros
from scratchgan.recipes.fit import require_data, require_fit, require_room
from scratchgan.recipes.sizes import Sizes

if TYPE_CHECKING:
    from scratchgan.recipes.recipe import Recipe

__all__ = ["build_networks", "build_trainer"]


def build_networks(
    recipe: Recipe, settings: Settings, features: int, classes: int, data: Dataset | None = None
) -> tuple[Network, Network]:
    """
    Return G and D with initial parameters; without data, only their shapes are right.

    ``features`` is the width of x. ``classes`` is the width of y, or 0 if the game is not
    conditional.
    """
    bounded = data is not None and data.value_range == (0.0, 1.0)
    seen = None if data is None else data.split(settings.validation)[0].x
    marginals = data_marginals(seen) if seen is not None and bounded else zeros()
    (game, *_) = objectives_by_start(settings.objective).values()  # all need the same outputs
    sizes = Sizes(
        settings.prior.features, features, classes, marginals, len(game.outputs),
        game.needs_labels, settings.pack,
    )  # fmt: skip
    layers = recipe.networks(sizes)
    if data is not None:
        require_fit(recipe, data, layers[0])
    require_room(recipe, settings, features, *layers, training=data is not None)
    G, D = (
        Network(layer, seed=[settings.seed, player], dtype=settings.dtype, backend=settings.backend)
        for player, layer in enumerate(layers)
    )
    return G, D


def build_trainer(recipe: Recipe, settings: Settings, data: Dataset) -> Trainer:
    """
    Return a trainer at iteration 0.

    Raises
    ------
    DataError, ValueError
        If recipe, settings and data do not fit together, or the networks do not fit into memory.
    """
    checks.instance("trainer", "data", data, Dataset, "a Dataset, such as load('digits')")
    require_data(settings, data)
    labels = data.labels if settings.conditional else None
    classes = 0 if labels is None else data.classes
    G, D = build_networks(recipe, settings, data.features, classes, data)
    seen, _ = data.split(settings.validation)
    return Trainer(G, D, seen.x, settings, labels=None if labels is None else seen.labels)
