"""The combinations of games and penalties that a comparison trains, with their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from scratchgan import checks
from scratchgan.fields import Checked, settings_in
from scratchgan.games import GAMES, Game
from scratchgan.games.penalties import PENALTY_LIST, Penalty
from scratchgan.gan.settings import Settings
from scratchgan.trials.comparison import NONE, Setup

__all__ = ["combinations"]


def combinations(
    settings: Settings, objectives: Sequence[Any] | None, penalties: Sequence[Any] | None
) -> dict[Setup, dict[str, Any]]:
    """
    Return each combination, with its changes of the settings.

    Parameters
    ----------
    settings : Settings
        Of the recipe.
    objectives, penalties : sequence, optional
        As in ``compare``.
    """
    games = list(GAMES) if objectives is None else _items("objectives", objectives)
    own = settings.penalties
    sets = [own] if penalties is None else _items("penalties", penalties)
    found: dict[Setup, dict[str, Any]] = {}
    for game, group in product(games, sets):
        label = "+".join(each.name for each in own) if group is own else _said(group or NONE)
        setup = Setup(_said(game), label or NONE)
        if setup in found:
            raise ValueError(f"{setup} is given twice; expected different games and penalties")
        found[setup] = {"objective": game, "penalties": _penalties(group, own)}
    return found


def _items(name: str, given: object) -> list[Any]:
    """Return the items of a list; a text would be a list of letters."""
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ValueError(f"{name} is {checks.shown(given)}; expected a list with one item or more")
    return list(given)


def _penalties(group: Any, own: Sequence[Penalty]) -> list[Any]:
    """Return one set of penalties; a name stands for the recipe's penalty if it has such a one."""
    if group is None:
        return []
    if not isinstance(group, str):
        return list(group) if isinstance(group, list | tuple) else [group]
    named = {each.name: [each] for each in own}
    parts = [part.strip() for part in group.split("+")]
    return [
        each
        for part in parts
        for each in named.get(part) or PENALTY_LIST.from_plain("penalties", part)
    ]


def _said(value: Any) -> str:
    """Return the name of a game, of a penalty, or of a set of penalties."""
    if isinstance(value, str):
        return value.strip().replace(" ", "")
    if isinstance(value, list | tuple):
        return "+".join(map(_said, value))
    if isinstance(value, Mapping) and "name" not in value:  # games by iteration
        return ", ".join(f"{_said(game)} from {start}" for start, game in value.items())
    if isinstance(value, Mapping):
        pairs = {name: each for name, each in value.items() if name != "name"}
        return _with(value["name"], pairs)
    if isinstance(value, Game) or not isinstance(value, Checked):
        return str(value) if isinstance(value, Game) else checks.shown(value)
    known = settings_in(value)
    pairs = {name: getattr(value, name) for name in known}
    return _with(value.name, {n: v for n, v in pairs.items() if v != known[n].default})


def _with(name: object, settings: Mapping[str, Any]) -> str:
    said = [f"{each}={getattr(value, 'name', value)}" for each, value in settings.items()]
    return f"{name}({', '.join(said)})" if said else str(name)
