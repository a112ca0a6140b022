"""The recipes: one readable file each, imported at first use."""

from __future__ import annotations

import importlib

from scratchgan import checks
from scratchgan.recipes.files import is_file, read_recipe
from scratchgan.recipes.names import MODULES, recipe_for, recipe_names
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

__all__ = ["Recipe", "Sizes", "get_recipe", "recipe_for", "recipe_names"]


def get_recipe(name: str) -> Recipe:
    """
    Return a recipe by its name, or from a Python file that defines ``recipe``.

    Raises
    ------
    UnknownNameError
        If there is no recipe of this name. The message lists the known names.
    RecipeError
        If the file does not exist, or it cannot be used.
    """
    if is_file(name):
        return read_recipe(name)
    module = MODULES[checks.one_of("recipe", name, MODULES)]
    recipe: Recipe = importlib.import_module(f"{__name__}.{module}").recipe
    return recipe
