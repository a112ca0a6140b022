import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.games import GAMES
from scratchgan.games.penalties import DRAGAN, R1, R2
from scratchgan.optim import Cosine
from scratchgan.recipes import get_recipe
from scratchgan.trials.combinations import combinations

SETTINGS = get_recipe("ring").settings.changed(penalties=())


def test_all_pairs_in_their_order():
    found = combinations(SETTINGS, ["minimax", "non_saturating"], [None])
    assert [(s.objective, s.penalties) for s in found] == [
        ("minimax", "none"), ("non_saturating", "none"),
    ]  # fmt: skip
    assert [each["objective"] for each in found.values()] == ["minimax", "non_saturating"]


def test_without_games_all_are_meant():
    assert [setup.objective for setup in combinations(SETTINGS, None, None)] == list(GAMES)


@pytest.mark.parametrize(
    ("objectives", "penalties"),
    [("minimax", None), ([], None), (3, None), (None, "r1"), (None, []), ({"minimax": 1}, None)],
)
def test_no_list(objectives, penalties):
    with pytest.raises(ValueError, match="expected a list with one item or more"):
        combinations(SETTINGS, objectives, penalties)


def test_twice():
    with pytest.raises(ValueError, match="minimax is given twice"):
        combinations(SETTINGS, ["minimax", " minimax"], None)


def test_names_with_settings():
    games = [{"name": "minimax", "smoothing": 0.25}, {0: "minimax", 5: "non_saturating"}]
    assert [setup.objective for setup in combinations(SETTINGS, games, None)] == [
        "minimax(smoothing=0.25)", "minimax from 0, non_saturating from 5",
    ]  # fmt: skip


OWN = (R1(0.1), R2(Cosine(0.1, 0.001, 99)))


@pytest.mark.parametrize(
    ("group", "label", "expected"),
    [
        (None, "none", ()),
        ("none", "none", ()),
        ("r1", "r1", (R1(0.1),)),
        ("r1 + r2", "r1+r2", OWN),
        ("r1=3", "r1=3", (R1(3.0),)),
        ("dragan", "dragan", (DRAGAN(),)),
        (R1(2.0), "r1(gamma=2.0)", (R1(2.0),)),
        ([R1(2.0), "r2"], "r1(gamma=2.0)+r2", (R1(2.0), R2())),
    ],
)
def test_sets_of_penalties(group, label, expected):
    """A name stands for the recipe's own penalty, with its strength."""
    settings = SETTINGS.changed(penalties=OWN)
    ((setup, changes),) = combinations(settings, ["minimax"], [group]).items()
    assert setup.penalties == label
    assert settings.changed(**changes).penalties == expected


def test_by_default_the_recipes_own():
    settings = SETTINGS.changed(penalties=OWN)
    ((setup, changes),) = combinations(settings, ["minimax"], None).items()
    assert setup.penalties == "r1+r2"
    assert settings.changed(**changes) == settings.changed(objective="minimax")


def test_unknown_penalties():
    with pytest.raises(UnknownNameError, match="unknown penalty 'r3'"):
        combinations(SETTINGS, None, ["r1+r3"])
