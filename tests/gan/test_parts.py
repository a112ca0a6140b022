"""What an object's own code can see, by name: only what a user wrote is looked into."""

import functools
import math

import numpy as np
import pytest

from scratchgan.gan.parts import is_users, of_class, of_function, shown
from scratchgan.nn import Linear

FACTOR = 2.0


class Base:
    slope = 0.1


class User(Base):
    __slots__ = ("kept",)
    size = 3

    def scaled(self, x, more=1.0):
        return FACTOR * math.sqrt(x) * more


def counting():
    count = 5

    def read():
        return count

    return read


def test_a_function_reads_its_defaults_globals_and_modules():
    found = of_function(User.scaled)
    assert found == {"'s defaults": ((1.0,), None), ": FACTOR": 2.0, ": math.sqrt": math.sqrt}


def test_a_closure_is_seen_by_the_name_of_its_variable():
    assert of_function(counting()) == {": count": 5}


def test_a_class_has_the_attributes_of_its_bases():
    found = of_class(User)
    assert (found[".slope"], found[".size"], found[".scaled"]) == (0.1, 3, User.scaled)


def test_slots_and_elements_have_names():
    user = User()
    user.kept = 7
    assert shown(user, User)[".kept"] == 7
    assert shown({"a": 1, "b": 2}, dict) == {"['a']": 1, "['b']": 2}
    assert shown({1, 2}, set) == {}
    partial = functools.partial(pow, 2)
    assert shown(partial, type(partial))[" arguments"] == (2,)


@pytest.mark.parametrize(
    ("thing", "users"), [(User, True), (counting, True), (Linear, False), (np.mean, False)]
)
def test_whose_a_class_or_a_function_is(thing, users):
    assert is_users(thing) is users
    assert not is_users(math.sqrt)
