"""Settings classes: what a field's one line says is checked, kept plain, documented and offered."""

import inspect
import json
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.fields import (
    Checked,
    Flag,
    Number,
    OneOf,
    Part,
    Seed,
    Text,
    Whole,
    fill_docstring,
    setting,
    settings_in,
    signature_with,
)


@dataclass(frozen=True)
class Shape(Checked):
    """A part with a name of its own."""

    size: float = setting(Number(0, 1))


@dataclass(frozen=True)
class Round(Shape):
    name: ClassVar[str] = "round"


@dataclass(frozen=True)
class Square(Shape):
    turned: bool = setting(Flag(), False)
    name: ClassVar[str] = "square"


@dataclass(frozen=True, kw_only=True)
class Things(Checked):
    """
    Some things.

    {settings}
    """

    count: int = setting(Whole(1, 9), 3, help="how many")
    colour: str | None = setting(OneOf("colour", ("red", "blue")), None, help="of them all")
    title: str = setting(Text(), "x", bits=False, help="what is written on them")
    seed: int = setting(Seed(), 0, run=True, help="for what is random")
    shape: Shape = setting(
        Part(Shape, "a Shape", (Round, Square)), help="what they look like", option=False
    )

    def _check_together(self):
        if self.count == 9 and self.colour == "red":
            raise ValueError("nine cannot be red")


THINGS = Things(shape=Square(0.5))


def test_values_are_kept_plain_and_frozen():
    made = Things(count=np.int64(4), shape=Round(np.float32(0.5)), seed=2.0)
    assert [type(v) for v in (made.count, made.shape.size, made.seed)] == [int, float, int]
    assert made == Things(count=4, shape=Round(0.5), seed=2)
    assert made != Things(count=4, shape=Square(0.5), seed=2)
    with pytest.raises(FrozenInstanceError):
        made.count = 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "Things: count is 0; expected a whole number from 1 to 9"),
        ({"count": None}, "Things: count is None; expected a whole number"),
        ({"colour": "green"}, "unknown colour 'green'. Known: blue, red"),
        ({"title": 3}, "Things: title is 3; expected a string"),
        ({"seed": -1}, "Things: seed is -1"),
        ({"shape": "round"}, "Things: shape is 'round'; expected a Shape"),
        ({"shape": None}, "Things: shape is None; expected a Shape"),
        ({"count": 9, "colour": "red"}, "nine cannot be red"),
    ],
)
def test_each_field_refuses_what_it_may_not_be(changes, message):
    for make in (lambda: replace(THINGS, **changes), lambda: Things.from_plain(changes, THINGS)):
        with pytest.raises(ValueError, match=message):
            make()
    assert Things(shape=Round(1), colour=None).colour is None  # None is its default


# -- plain form -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [Round(0.25), Square(1, turned=True)])
def test_the_plain_form_is_json_and_comes_back(shape):
    made = Things(count=2, colour="blue", shape=shape)
    plain = json.loads(json.dumps(made.to_plain()))
    assert plain["shape"]["name"] == shape.name
    assert Things.from_plain(plain) == made
    assert Things.from_plain({"shape": shape}) == Things(shape=shape)  # what is left out: default


def test_a_table_changes_what_it_names():
    assert Things.from_plain({"shape": {"turned": True}}, THINGS).shape == Square(0.5, True)
    assert Things.from_plain({"shape": {"name": "square", "size": 1}}, THINGS).shape == Square(1)
    assert Things.from_plain({"count": 5}, THINGS) == replace(THINGS, count=5)
    assert Things.from_plain({"shape": {"name": "round", "size": 1}}, THINGS).shape == Round(1)
    assert Things(shape=Square(0.5)) == THINGS


@dataclass(frozen=True)
class Star(Shape):
    rays: int = setting(Whole(2), 5)
    name: ClassVar[str] = "star"


def test_a_class_of_ones_own_is_known_where_it_is_used():
    now = Things(shape=Star(0.5))
    assert Things.from_plain({"shape": {"rays": 7}}, now).shape == Star(0.5, 7)
    with pytest.raises(UnknownNameError, match="unknown shape 'star'.* Known: round, square"):
        Things.from_plain({"shape": {"name": "star", "size": 1}}, THINGS)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"cuont": 3}, "unknown setting of things 'cuont'; did you mean 'count'"),
        ({"shape": {"name": "round", "sides": 3}}, "unknown setting of round 'sides'"),
        ({"shape": {"name": "square"}}, "square: size missing; expected a value"),
        ({"shape": {"size": 3}}, "unknown shape 'None'. Known: round, square"),
        ({"shape": {"name": ["round"]}}, "unknown shape"),
        ({}, "things: shape missing; expected a value"),
    ],
)
def test_what_a_table_may_not_hold(table, message):
    with pytest.raises(ValueError, match=message):
        Things.from_plain(table)


# -- the command line, documentation --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("count", 4), ("colour", "red"), ("colour", None), ("title", "a b")]
)
def test_words_of_the_command_line_and_back(name, value):
    option, word = settings_in(Things)[name].words(value)
    assert option == f"--{name}"
    assert settings_in(Things)[name].parse(word) == value


def test_flags_of_the_command_line():
    turned = settings_in(Square)["turned"]
    assert turned.words(True) == ["--turned"]
    assert turned.words(False) == ["--no-turned"]


def test_documented_and_signed():
    class Box:
        """
        A box.

        Parameters
        ----------
        {settings}
        """

        def __init__(self, size, *, lid=False, **changes):
            pass

    fields = [each for each in settings_in(Things).values() if not each.run]
    fill_docstring(Box, fields)
    assert "\ncount : int, default 3\n    how many\n" in Box.__doc__
    assert "Shape\n    what they look like" in Box.__doc__
    assert "seed" not in Box.__doc__
    signature = signature_with(Box, fields)
    assert list(signature.parameters) == ["size", "lid", "count", "colour", "title", "shape"]
    assert signature.parameters["count"].default == 3
    assert signature.parameters["shape"].default is inspect.Parameter.empty
