"""Build networks, trainer and generator from the settings of a run."""

from __future__ import annotations

from dataclasses import replace

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.errors import RunError
from scratchgan.gan import Generator, Trainer
from scratchgan.nn import Network
from scratchgan.recipes import Recipe, get_recipe
from scratchgan.recipes import build as recipes
from scratchgan.runs.checkpoint import (
    load_into,
    read_checkpoint,
    require_made_with,
    require_sound,
)
from scratchgan.runs.config import Config
from scratchgan.runs.folder import RunFolder

__all__ = ["build_networks", "build_trainer", "describe_data", "load_generator", "load_trainer"]

FOLDER = "a run's folder, such as RunFolder.open('runs/digits-001')"


def describe_data(config: Config, data: Dataset) -> Config:
    """Return the settings with facts of the data: features, classes and image shape."""
    return replace(
        config,
        features=data.features,
        classes=data.classes if config.conditional else 0,
        image_shape=None if data.image_shape is None else list(data.image_shape),
    )


def build_networks(config: Config, data: Dataset | None = None) -> tuple[Network, Network]:
    """Return G and D with initial parameters; without data, only their shapes are right."""
    recipe = _recipe(config)
    return recipes.build_networks(recipe, config, config.features, config.classes, data)


def _recipe(config: Config) -> Recipe:
    """Return the recipe of a run; raise RunError if a user's recipe file has changed."""
    recipe = get_recipe(config.recipe)
    if config.recipe_sha256 not in (None, recipe.sha256):
        raise RunError(
            f"recipe file {recipe.file} has changed since the run began. Restore the old file, or"
            " start a new run from this one with `scratchgan train --from FOLDER`"
        )
    return recipe


def build_trainer(config: Config, data: Dataset) -> Trainer:
    """Return a trainer at iteration 0."""
    checks.instance("build_trainer", "config", config, Config, "a Config")
    checks.instance("build_trainer", "data", data, Dataset, "a Dataset, such as load('digits')")
    if (config.features, config.classes) != (data.features, data.classes * config.conditional):
        raise RunError(
            f"the run was made with data of {config.features} features and {config.classes}"
            f" classes; '{data.name}' has {data.features} and {data.classes}. Use the run's data"
        )
    return recipes.build_trainer(_recipe(config), config, data)


def load_trainer(folder: RunFolder, data: Dataset) -> Trainer:
    """
    Return a trainer in the state of the run's newest checkpoint.

    Raises
    ------
    RunError
        If there is no checkpoint, or if it was made with other settings or data.
    """
    checks.instance("load_trainer", "folder", folder, RunFolder, FOLDER)
    checks.instance("load_trainer", "data", data, Dataset, "a Dataset, such as load('digits')")
    checkpoint = read_checkpoint(folder.newest_checkpoint())
    require_made_with(checkpoint, folder.config, data)
    trainer = build_trainer(folder.config, data)
    load_into(trainer, checkpoint)
    return trainer


def load_generator(folder: RunFolder, temperature: float = 1.0) -> Generator:
    """
    Return the generator of the best checkpoint if one is kept, or else of the newest.

    The data are not needed. ``temperature`` is described in ``Generator``. On different backends,
    samples are equal up to rounding.

    Raises
    ------
    RunError
        If there is no checkpoint, or if it was made with other settings.
    """
    checks.instance("load_generator", "folder", folder, RunFolder, FOLDER)
    config = folder.config
    checkpoint = read_checkpoint(folder.chosen_checkpoint())
    require_made_with(checkpoint, config, beside=("backend",))
    G, D = build_networks(config)
    used = "G.params" if config.ema is None else "G.average"
    require_sound(checkpoint, {"G": G, "D": D}, [used], config.dtype)
    G.ops.copy_(G.flat, G.ops.asarray(checkpoint.arrays[used], G.dtype))
    return Generator(G, config.prior, config.classes, temperature=temperature)
