"""Begin a run or continue one: what `scratchgan train` does, for Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scratchgan import checks
from scratchgan.data import dataset_names, load, usual_name
from scratchgan.recipes import get_recipe, recipe_for
from scratchgan.runs.config import Config
from scratchgan.runs.folder import RunFolder
from scratchgan.runs.session import Session

__all__ = ["begin_run", "choose_settings", "resume_run"]


def choose_settings(
    recipe: str | None = None,
    *,
    quick: bool = False,
    origin: Config | None = None,
    **changes: Any,
) -> Config:
    """
    Return the settings of a new run.

    Parameters
    ----------
    recipe : str, optional
        A recipe's name or file. Without it, the settings are ``origin``'s, or those of the recipe
        that suits the data set.
    quick : bool
        Whether it is the recipe's quick form, a minute at most.
    origin : Config, optional
        The settings of the run from which the new one begins.
    **changes
        Settings that take the place of others; a table changes what it names.
    """
    if quick and origin is not None:
        raise ValueError(
            "a run that begins from another counts its iterations on from there; leave out quick"
        )
    if recipe is None and origin is not None:
        return Config.of(get_recipe(origin.recipe), origin.changed(**changes))
    if recipe is None:
        data = usual_name(changes.get("data", "digits"))
        recipe = recipe_for(checks.one_of("data set", data, dataset_names()))
    found = get_recipe(recipe)
    settings = found.settings.quick() if quick else found.settings
    return Config.of(found, settings.changed(**changes))


def begin_run(
    recipe: str | None = None,
    *,
    out: Path | str | None = None,
    quick: bool = False,
    origin: Path | str | None = None,
    **changes: Any,
) -> Session:
    """
    Begin a run in a folder of its own, runs/RECIPE-001 or the like unless ``out`` names it.

    Where ``origin`` is another run's folder, the new one begins from its newest checkpoint. The
    other arguments are those of ``choose_settings``.
    """
    before = None if origin is None else RunFolder.open(origin)
    config = choose_settings(
        recipe, quick=quick, origin=None if before is None else before.config, **changes
    )
    checkpoint = None if before is None else before.newest_checkpoint()
    return Session.start(out, config, load(config.data), checkpoint)


def resume_run(folder: Path | str, steps: int | None = None) -> Session:
    """Continue the run in a folder; ``steps`` gives it another number of iterations."""
    opened = RunFolder.open(folder)
    return Session.resume(opened, load(opened.config.data), steps)
