"""Start or continue a run, for `scratchgan train` and for Python."""

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
        A recipe's name or file. Default: the settings of ``origin``, or the recipe digits.
    quick : bool
        Whether to train briefly, for a minute at most.
    origin : Config, optional
        The settings of the run from which the new run starts.
    **changes
        Changes, as in ``Settings.changed``.
    """
    if quick and origin is not None:
        raise ValueError(
            "a run that starts from another continues its count of iterations, so it cannot be"
            " quick; leave out quick"
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
    Start a run in the new folder ``out``; default: runs/RECIPE-001, or the next free number.

    ``data`` replaces the recipe's data set. With ``data`` and no recipe, the recipe is the one
    that suits the data. ``origin`` is the folder of another run; the new run starts from its
    newest checkpoint. The other arguments are those of ``choose_settings``.
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
    Continue the run in a folder with its own settings; only the number of ``steps`` may change.

    ``data`` is needed only if the run was trained on a user's ``Dataset``. All ``others`` must be
    None or False.
    """
    if not isinstance(data, Dataset):
        others, data = {"data": data, **others}, None
    also = [name for name, value in others.items() if value is not None and value is not False]
    if also:
        raise ValueError(
            f"a resumed run keeps its own settings; leave out {', '.join(also)}"
            " (only steps may change)"
        )
    opened = RunFolder.open(folder)
    if data is None:
        data = load(opened.config.data, labels=opened.config.labels)
    return Session.resume(opened, data, steps)
