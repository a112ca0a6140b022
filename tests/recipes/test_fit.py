"""A recipe and data that cannot go together are refused, with the recipe that can."""

import math

import numpy as np
import pytest

from scratchgan import limits
from scratchgan.backends.activations import TABLE
from scratchgan.data import Dataset, dataset_names, load
from scratchgan.errors import DataError
from scratchgan.nn import Activation, Linear, Maxout, Sequential, Sigmoid, Tanh
from scratchgan.recipes import get_recipe, recipe_for, recipe_names
from scratchgan.recipes.fit import _reach, require_room
from scratchgan.runs import Config
from scratchgan.runs.build import build_networks, describe_data

SMALL = {"validation": 0, "measure": None, "backend": "reference"}


def images(name, side, low=0.0, high=1.0):
    """Images of the form of a set that needs files."""
    x = np.linspace(low, high, 30 * side * side, dtype=np.float32).reshape(30, side * side)
    return Dataset(
        name=name, x=x, labels=np.arange(30) % 10, label_names=tuple("0123456789"),
        image_shape=(side, side), value_range=(low, high), source="a test", licence="none",
    )  # fmt: skip


def data_of(name):
    return images(name, 28) if "mnist" in name else load(name)


def build(recipe, data, **changes):
    config = Config.from_recipe(recipe, SMALL | {"data": data.name} | changes)
    return build_networks(describe_data(config, data), data)


@pytest.mark.parametrize("name", dataset_names())
def test_each_data_set_has_a_recipe_that_suits_it(name):
    recipe = recipe_for(data_of(name))
    assert get_recipe(recipe).settings.data == name or name not in recipe_names()
    build(recipe, data_of(name))


@pytest.mark.parametrize(
    ("recipe", "data"),
    [
        ("mnist", "fashion-mnist"),
        ("mnist", "digits"),
        ("digits", "mnist"),
        ("paper-cgan", "digits"),
        ("ml-tutorial-mlp", "fashion-mnist"),
        ("ring", "grid"),
        ("grid", "two-moons"),
        ("gaussian-1d", "mixture-1d"),
        ("gaussian-1d", "ring"),
        ("ring", "gaussian-1d"),
    ],
)
def test_others_that_fit(recipe, data):
    build(recipe, data_of(data))


@pytest.mark.parametrize(
    ("recipe", "data", "message"),
    [
        (
            "digits",
            "ring",
            "'ring' has points, but recipe 'digits' is for images; use recipe",
        ),
        ("mnist", "mixture-1d", "for images; use recipe 'gaussian-1d', or leave the recipe out"),
        (
            "ring",
            "digits",
            "'digits' has images, but recipe 'ring' is for points; use recipe",
        ),
        ("gaussian-1d", "fashion-mnist", "for points; use recipe 'mnist'"),
    ],
)
def test_images_and_points(recipe, data, message):
    with pytest.raises(DataError, match=message):
        build(recipe, data_of(data))


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 255.0), (0.5, 1.001)])
def test_data_out_of_a_sigmoid_s_reach(ends):
    with pytest.raises(DataError, match=r"values from .* to .*, but the generator of .* 0 to 1;"):
        build("mnist", images("mnist", 28, *ends))
    build("mnist", images("mnist", 28, 0.25, 1.0))


def test_data_of_another_name_are_told_of_the_default():
    with pytest.raises(DataError, match="'mine' has images, .* use recipe 'digits', or"):
        build("ring", images("mine", 8))


def test_the_reach_of_a_layer():
    """By its last activation."""
    for name, phi in TABLE.items():
        for last in (Activation(name), Linear(1, 1, name)):
            assert _reach(last) == _reach(Sequential(Linear(1, 1), last)) == phi.range
    assert _reach(Sigmoid()) == (0, 1)
    for layer in (Maxout(1, 2), Sequential(), Sequential(Tanh(), Linear(1, 1))):
        assert _reach(layer) == (-math.inf, math.inf)


# -- memory ---------------------------------------------------------------------------------------


def test_what_a_run_takes_is_about_what_is_reckoned(monkeypatch):
    """Each player's parameters are counted, and bounds are stated, not found out by running."""
    asked = []
    monkeypatch.setattr("scratchgan.recipes.fit.require_memory", lambda n, what: asked.append(n))
    data = images("mnist", 28)
    for recipe in ("mnist", "paper-cgan"):
        conditional = recipe == "paper-cgan"
        G, D = build(recipe, data, conditional=conditional, batch_size=10)
        parameters = G.layout.count + D.layout.count
        assert asked[-1] >= parameters * (8 + 4 + 5 * 4)
        assert asked[-1] <= 1.2 * parameters * (8 + 4 + 5 * 4) + 1e6
    config = describe_data(Config.from_recipe("mnist", SMALL), data)
    layers = (G.layer, D.layer)
    require_room(get_recipe("mnist"), config, 784, *layers, training=False)
    assert asked[-1] == parameters * 12
    small = asked[-1]
    require_room(get_recipe("mnist"), config, 784, *layers, training=True)
    assert asked[-1] > 2 * small


def test_more_than_memory_is_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr(limits, "memory", lambda: 16 << 30)
    with pytest.raises(
        ValueError, match=r"noise of 1,000,000 features .* takes about .* GB of memory; this mach"
    ):
        build("mnist", images("mnist", 28), noise={"features": 1_000_000})
    monkeypatch.setattr(limits, "memory", lambda: 1 << 20)
    with pytest.raises(ValueError, match="this machine has 0.0 GB"):
        build("digits", load("digits"))
