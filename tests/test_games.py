"""Games by name, and by the iteration from which each is played."""

import numpy as np
import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.games import Game, Minimax, NonSaturating, get_game, objectives_by_start


def test_unknown():
    with pytest.raises(UnknownNameError, match="did you mean 'minimax'.*non_saturating"):
        get_game("minmax")
    for name in (None, 3, ["minimax"], np.array(3), b"minimax"):
        with pytest.raises(UnknownNameError, match="Known: .*minimax, .*non_saturating"):
            get_game(name)


class Stub:
    """G's half of a game alone."""

    name = "stub"

    def g(self, fake, real=None, ops=None):
        raise NotImplementedError


class Duck(Stub):
    """Both halves, but nothing that a game says of itself."""

    def d(self, real, fake, ops=None):
        raise NotImplementedError


class Nameless(Duck, Game):
    name = None


def test_by_the_iteration_from_which_each_is_played():
    own = NonSaturating()
    assert objectives_by_start("minimax") == {0: Minimax()}
    assert objectives_by_start(own) == {0: own}
    assert list(objectives_by_start({0: own, np.int64(4): own, 9.0: own})) == [0, 4, 9]
    assert list(objectives_by_start({0: own, str(2**32 - 1): own}))[1] == 2**32 - 1
    found = objectives_by_start({"20": "minimax", "0": own, 7: "non_saturating"})
    assert list(found.items()) == [
        (0, own),
        (7, NonSaturating()),
        (20, Minimax()),
    ]


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({}, "begin at iterations .none given.; expected .* starting with 0"),
        ({5: "minimax"}, "begin at iterations 5; expected"),
        ({0: "minimax", "0": "minimax"}, "iterations 0, 0; expected distinct iterations"),
        ({0: "minimax", -1: "minimax"}, "begins at -1; expected an iteration, 0 or later"),
        ({0: "minimax", "1e3": "minimax"}, "begins at '1e3'"),
        ({0: "minimax", 2.5: "minimax"}, "begins at 2.5"),
        ({0: "minimax", True: "minimax"}, "begins at True"),
        ({0: "minimax", 2**32: "minimax"}, "begins at 4294967296"),
        ({0: "minimax", "9" * 11: "minimax"}, "begins at '99999999999'"),
        ({0: "minimax", "9" * 5000: "minimax"}, "begins at '999"),
        ({0: "minimax", "²": "minimax"}, "begins at '²'"),
        ({0: "minimax", None: "minimax"}, "begins at None"),
        (Minimax, "objective is the class Minimax; .*call the class: Minimax"),
        (Stub, "objective is the class Stub; .*call the class: Stub"),
        (Stub(), "objective '<.*Stub"),
        (Duck(), "a Game: make Duck a subclass of scratchgan.games.Game"),
        (Nameless(), "objective: name is None; expected a string"),
        (["minimax"], "objective '.'minimax'.'"),
        ({0: "minmax"}, "did you mean 'minimax'"),
        ({0: "minimax", 5: None}, "objective 'None'"),
        (3, "objective '3'"),
    ],
)
def test_what_is_no_order_of_objectives(objectives, message):
    with pytest.raises(ValueError, match=message):
        objectives_by_start(objectives)
