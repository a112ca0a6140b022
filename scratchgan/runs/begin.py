"""Begin a run or continue one: what `scratchgan train` does, for Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scratchgan.data import Dataset, load, usual_name
from scratchgan.data.own import absolute
from scratchgan.recipes import get_recipe, recipe_for
from scratchgan.runs.config import Config
from scratchgan.runs.folder import RunFolder
from scratchgan.runs.session import Session

Data = str | Path | Dataset

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
        A recipe's name or file. Without it, the settings are ``origin``'s, or those of digits.
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
    found = get_recipe("digits" if recipe is None else recipe)
    settings = found.settings.quick() if quick else found.settings
    return Config.of(found, settings.changed(**changes))


def begin_run(
    recipe: str | None = None,
    *,
    data: Data | None = None,
    out: Path | str | None = None,
    quick: bool = False,
    origin: Path | str | None = None,
    **changes: Any,
) -> Session:
    """
    Begin a run in a folder of its own, runs/RECIPE-001 or the like unless ``out`` names it.

    ``data`` takes the place of the recipe's, and alone decides on a recipe: the one that suits
    it. Where ``origin`` is another run's folder, the new one begins from its newest checkpoint.
    The other arguments are those of ``choose_settings``.
    """
    before = None if origin is None else RunFolder.open(origin)
    if changes.get("labels") is not None:
        changes["labels"] = absolute(changes["labels"])
    given = None
    if data is not None:
        labels = changes.setdefault("labels", None)
        given = data if isinstance(data, Dataset) else load(data, labels=labels)
        changes["data"] = given.name if isinstance(data, Dataset) else usual_name(data)
        if recipe is None and before is None:
            recipe = recipe_for(given)
    config = choose_settings(
        recipe, quick=quick, origin=None if before is None else before.config, **changes
    )
    if given is None:
        given = load(config.data, labels=config.labels)
    checkpoint = None if before is None else before.newest_checkpoint()
    return Session.start(out, config, given, checkpoint)


def resume_run(
    folder: Path | str, steps: int | None = None, *, data: Data | None = None, **others: Any
) -> Session:
    """
    Continue the run in a folder, with its own settings; ``steps`` gives it another number.

    ``data`` is what it was trained on, where that was an array of your own. ``others`` are what
    else was asked for: all of it is refused, but for None and False.
    """
    if not isinstance(data, Dataset):
        others, data = {"data": data, **others}, None
    also = [name for name, value in others.items() if value is not None and value is not False]
    if also:
        raise ValueError(
            f"to resume a run is to continue it with its own settings; leave out {', '.join(also)}"
            " (steps alone may change)"
        )
    opened = RunFolder.open(folder)
    if data is None:
        data = load(opened.config.data, labels=opened.config.labels)
    return Session.resume(opened, data, steps)
