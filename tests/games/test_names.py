"""Games as settings: by name, as tables, around one another; and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.fields import Number, Whole, setting
from scratchgan.games import (
    GAMES,
    AGame,
    Game,
    Minimax,
    Objective,
    Wasserstein,
    get_game,
    objectives_by_start,
)
from scratchgan.games.names import game_of, plain_game
from scratchgan.gan import Noise, Settings
from scratchgan.optim import SGD


@dataclass(frozen=True)
class Sloped(Wasserstein):
    """A game with settings of both kinds: with a default, and without."""

    name: ClassVar[str] = "sloped"
    slope: float = setting(Number(0, 9), 0.5)
    goal: float | None = setting(Number(0, 9), None)


@dataclass(frozen=True)
class Around(Wasserstein):
    """A game around another."""

    name: ClassVar[str] = "around"
    game: Game = setting(AGame(), Minimax())
    classes: int = setting(Whole(1), kw_only=True)


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    for kind in (Sloped, Around):
        monkeypatch.setitem(GAMES, kind.name, kind)


PLAIN = [
    (Minimax(), "minimax"),
    (Sloped(), "sloped"),
    (Sloped(slope=0.5), "sloped"),
    (Sloped(slope=2), {"name": "sloped", "slope": 2.0}),
    (Sloped(goal=1), {"name": "sloped", "goal": 1.0}),
    (Around(classes=3), {"name": "around", "classes": 3}),
    (Around(Sloped(), classes=3), {"name": "around", "game": "sloped", "classes": 3}),
    (
        Around(Around(Sloped(2), classes=1), classes=3),
        {
            "name": "around", "classes": 3,
            "game": {"name": "around", "game": {"name": "sloped", "slope": 2.0}, "classes": 1},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("game", "plain"), PLAIN, ids=lambda each: str(each)[:40])
def test_plain_and_back(game, plain):
    assert plain_game(game) == plain
    assert game_of(json.loads(json.dumps(plain))) == game
    for objective in (game, {0: "minimax", 5: game}):
        settings = Settings(noise=Noise(2), optimizer_g=SGD(0.1), optimizer_d=SGD(0.1),
                            objective=objective)  # fmt: skip
        written = json.loads(json.dumps(settings.to_plain()))
        assert Settings.from_plain(written) == settings
        assert list(objectives_by_start(settings.objective).values())[-1] == game


def test_a_setting_has_one_form():
    """A game with its defaults is its name, whoever gives it; others are objects."""
    check = Objective().check
    assert check("", "", Sloped()) == check("", "", {"name": "sloped"}) == "sloped"
    assert check("", "", {"name": "sloped", "slope": 2}) == Sloped(2)
    assert check("", "", {"9": Sloped(), 0: {"name": "sloped", "slope": 2}}) == {
        0: Sloped(2), 9: "sloped",
    }  # fmt: skip
    assert get_game("sloped") is get_game("sloped")
    assert get_game("sloped", slope=2) == Sloped(2)


def test_the_class_says_which_game_it_is():
    assert Sloped(1) == Sloped(1.0) != Sloped(2)
    assert Minimax() != Sloped()


def test_said():
    assert str(Minimax()) == "minimax"
    assert str(Sloped(2)) == "sloped(slope=2.0)"
    assert str(Around(Sloped(2), classes=3)) == "around(game=sloped(slope=2.0), classes=3)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "slopd"}, "did you mean 'sloped'"),
        ({"name": None}, "unknown objective 'None'"),
        ({"name": "sloped", "slop": 1}, "unknown setting of sloped 'slop'; did you mean 'slope'"),
        ({"name": "sloped", 3: 1}, "unknown setting of sloped '3'"),
        ({"name": "sloped", "slope": 10}, "Sloped: slope is 10; expected a number at least 0"),
        ({"name": "around"}, "around: classes missing; expected a value"),
        ({"name": "around", "classes": 0}, "Around: classes is 0"),
        ({"name": "around", "classes": 1, "game": "slopd"}, "did you mean 'sloped'"),
        ({"name": "around", "classes": 1, "game": {"slope": 1}}, "unknown objective"),
        ({"0": {"name": "sloped", "slope": -1}}, "Sloped: slope is -1"),
        ("around", "around: classes missing"),
        (Around, r"the class Around; .*call the class: Around\(\)"),
    ],
)
def test_refused(value, message):
    with pytest.raises(ValueError, match=message):
        objectives_by_start(value)
    with pytest.raises(ValueError, match=message):
        Settings(noise=Noise(2), optimizer_g=SGD(0.1), optimizer_d=SGD(0.1), objective=value)


class Own(Sloped):
    """A user's: not in the list, and with its base's settings."""

    name = "own"


def test_a_game_of_ones_own_is_written_as_its_name():
    assert plain_game(Own(3)) == "own"
    assert plain_game(Around(Own(3), classes=1))["game"] == "own"
    with pytest.raises(UnknownNameError, match="'own'"):
        game_of("own")
