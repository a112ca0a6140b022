import pytest

from scratchgan.games import GAMES
from scratchgan.recipes import get_recipe
from scratchgan.trials.combinations import combinations

SETTINGS = get_recipe("ring").settings


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
