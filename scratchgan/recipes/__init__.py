"""The recipes: one readable file each, loaded when asked for."""

from __future__ import annotations

import importlib

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.recipes.files import is_file, read_recipe
from scratchgan.recipes.recipe import Recipe, Sizes

__all__ = ["Recipe", "Sizes", "get_recipe", "recipe_for", "recipe_names"]

_MODULES = {
    "digits": "digits",
    "gaussian-1d": "gaussian_1d",
    "ring": "ring",
    "grid": "grid",
    "mnist": "mnist",
    "paper-mnist": "paper_mnist",
    "paper-mnist-tuned": "paper_mnist_tuned",
    "paper-cgan": "paper_cgan",
    "ml-tutorial-mlp": "ml_tutorial_mlp",
}


# Data sets without a recipe of their name, and the one for the data that are most like them.
_ALIKE = {
    "mixture-1d": "gaussian-1d",
    "swiss-roll": "ring",
    "two-moons": "ring",
    "fashion-mnist": "mnist",
}


def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    return tuple(_MODULES)


def get_recipe(name: str) -> Recipe:
    """
    Return a recipe by its name, or that of a Python file with an object named ``recipe``.

    Raises
    ------
    UnknownNameError
        For another name; the known ones are listed.
    RecipeError
        If there is no such file, or it cannot be used.
    """
    if is_file(name):
        return read_recipe(name)
    module = _MODULES[checks.one_of("recipe", name, _MODULES)]
    recipe: Recipe = importlib.import_module(f"{__name__}.{module}").recipe
    return recipe


def recipe_for(data: Dataset) -> str:
    """Return the recipe that suits a data set: for one's own points "ring", for images "digits"."""
    name = _ALIKE.get(data.name, data.name)
    images = data.image_shape is not None
    if name in _MODULES and images != (data.density is not None):
        return name
    return "digits" if images else "ring"
