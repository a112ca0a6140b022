"""
Games by name: as settings, in JSON and TOML, and by the iteration at which each begins.

A file holds a game as its name. If some of its settings differ from their defaults, it holds a
table of the name and these settings: ``{"name": "minimax", "smoothing": 0.25}``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

from scratchgan import checks
from scratchgan.fields import Kind
from scratchgan.games.game import Game

__all__ = [
    "GAMES", "AGame", "GameOrName", "Games", "Objective", "game_at", "get_game",
    "objectives_by_start",
]  # fmt: skip

GAMES: dict[str, type[Game]] = {}
"""The built-in games by name; ``games/__init__.py`` lists them."""

GameOrName: TypeAlias = str | Game | Mapping[str, Any]
Games: TypeAlias = GameOrName | Mapping[Any, GameOrName]
"""The type of ``objective``: one game for the whole run, or several by first iteration."""


def get_game(name: str, **settings: Any) -> Game:
    """
    Return a game by its name, with settings.

    Raises
    ------
    UnknownNameError
        If there is no such game, or no such setting; the message lists the known names.

    Examples
    --------
    >>> print(get_game("minimax", smoothing=0.25))
    minimax(smoothing=0.25)
    """
    kind = GAMES[checks.one_of("objective", name, GAMES)]
    if settings:
        return kind.from_plain(settings)
    return _with_defaults(kind) if dataclasses.is_dataclass(kind) else kind()


@functools.cache
def _with_defaults(kind: type[Game]) -> Game:
    """Return the one game of a class whose settings all have their defaults; games are frozen."""
    return kind.from_plain({})


def game_of(value: object) -> Game:
    """Return the game that a ``GameOrName`` stands for."""
    if isinstance(value, Game):
        checks.text("objective", "name", getattr(value, "name", None))
        return value
    if isinstance(value, type):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name or a Game object (call the class:"
            f" {value.__name__}())"
        )
    if callable(getattr(value, "d", None)) and callable(getattr(value, "g", None)):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name or a Game: make"
            f" {type(value).__name__} a subclass of scratchgan.games.Game"
        )
    if isinstance(value, Mapping) and "name" in value:
        return get_game(**{str(key): each for key, each in value.items()})
    return get_game(value)  # type: ignore[arg-type]


def plain_game(game: Game) -> str | dict[str, Any]:
    """
    Return a game in the form that JSON and TOML can hold.

    A game of a user's own class is written as its name, which only a recipe file can give a
    meaning.

    Raises
    ------
    ValueError
        If a user's class has the name of a built-in game.
    """
    if game.name in GAMES and type(game) is not GAMES[game.name]:
        raise ValueError(
            f"objective is {checks.shown(game)}, and its name '{game.name}' belongs to a"
            " built-in game; give its class a different name"
        )
    changed = game.changed_settings()
    if game.name not in GAMES or not changed:
        return game.name
    kinds = {each.name: each.metadata["kind"] for each in dataclasses.fields(game)}  # type: ignore[arg-type]
    return {"name": game.name} | {
        name: value if value is None else kinds[name].to_plain(name, value)
        for name, value in changed.items()
    }


class AGame(Kind):
    """A game that is a setting of another game; it may be given as a name or a table."""

    metavar = "NAME"

    def check(self, owner: str, name: str, value: Any) -> Game:
        return game_of(value)

    def to_plain(self, name: str, value: Any) -> Any:
        return plain_game(value)


class Objective(Kind):
    """A game, or several games, each by the iteration at which it begins."""

    metavar = "NAME"

    def check(self, owner: str, name: str, value: Any) -> Games:
        """Return games as they are, and names of games with default settings as names."""
        begun = objectives_by_start(value)
        if not _by_start(value):
            return _short(begun[0])
        return {start: _short(game) for start, game in begun.items()}

    def to_plain(self, name: str, value: Any) -> Any:
        if _by_start(value):  # keys in JSON are strings
            return {str(start): self.to_plain(name, each) for start, each in value.items()}
        return value if isinstance(value, str) else plain_game(value)


def objectives_by_start(objective: Games) -> dict[int, Game]:
    """
    Return the games by the iteration at which each begins, in increasing order.

    Parameters
    ----------
    objective : str, Game, table or mapping
        With ``{0: "non_saturating", 10_000: "minimax"}``, G descends −log D(G(z)) for 10,000
        iterations, and log(1 − D(G(z))) after that. The iterations may be strings of digits,
        as in JSON and TOML. A table has the key ``"name"``.

    Raises
    ------
    UnknownNameError
        If there is no game of this name.
    ValueError
        If an iteration is not a whole number, if no game begins at 0, or if a value is not a game
        (a class of games must be called to make a game).
    """
    by_start: Mapping[Any, Any] = objective if _by_start(objective) else {0: objective}  # type: ignore[assignment]
    found = {_start(key): game_of(value) for key, value in by_start.items()}
    if 0 not in found or len(found) < len(by_start):
        raise ValueError(
            f"objectives begin at iterations {', '.join(map(str, by_start)) or '(none given)'};"
            " expected distinct iterations, starting with 0"
        )
    return dict(sorted(found.items()))


def game_at(games: Mapping[int, Game], iteration: int) -> Game:
    """Return the game that is played at an iteration."""
    return [game for start, game in games.items() if start <= iteration][-1]


def _by_start(value: object) -> bool:
    """Whether it is a mapping by iteration; a table of one game has the key "name"."""
    return isinstance(value, Mapping) and "name" not in value


def _short(game: Game) -> str | Game:
    """Return a built-in game with default settings as its name, so that it has one form."""
    plain = game.name in GAMES and type(game) is GAMES[game.name] and not game.changed_settings()
    return game.name if plain else game


def _start(key: Any) -> int:
    """Return an iteration, which may be given as a string of digits."""
    written = isinstance(key, str) and key.isascii() and key.isdigit()
    try:
        return checks.whole("", "iteration", int(key) if written else key, 0, 2**32 - 1)
    except ValueError:
        raise ValueError(
            f"an objective begins at {checks.shown(key)}; expected an iteration, 0 or later"
        ) from None
