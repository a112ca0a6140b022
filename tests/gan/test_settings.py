"""The settings of a training: defaults, what does not go together, their changes and plain form."""

import inspect
import json

import numpy as np
import pytest

from scratchgan.fields import settings_in
from scratchgan.games import Minimax
from scratchgan.gan import Noise, Settings, Trainer
from scratchgan.optim import SGD, Adam, Cosine, LinearRamp
from scratchgan.recipes import get_recipe, recipe_names


def settings(**changes):
    return Settings(**{"noise": Noise(2), "optimizer_g": Adam(), "optimizer_d": SGD(0.1)} | changes)


def test_each_says_in_one_line_what_it_is():
    for each in settings_in(Settings).values():
        assert each.help, each.name
        assert "\n" not in each.help
        assert f"{each.name} : {each.type}" in Settings.__doc__
        assert each.help in Settings.__doc__


def test_defaults():
    plain = settings().to_plain()
    for part in ("noise", "optimizer_g", "optimizer_d"):
        plain.pop(part)
    assert plain == {
        "data": "digits", "labels": None, "backend": None, "dtype": "float32", "seed": 0,
        "steps": 10_000,
        "batch_size": 64, "k": 1, "objective": "non_saturating", "penalties": [],
        "updates": "alternating",
        "ema": None, "clip": None, "instance_noise": None, "pack": 1, "pool": None, "unroll": 0,
        "conditional": False, "log_every": 100, "sample_every": 200,
        "checkpoint_every": 500, "validation": 0, "measure": None, "measure_every": 1000,
        "keep_best": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", recipe_names())
def test_plain_and_back(name):
    of_recipe = get_recipe(name).settings
    assert Settings.from_plain(json.loads(json.dumps(of_recipe.to_plain()))) == of_recipe


def test_objectives_in_turn_are_plain_and_in_order():
    made = settings(objective={"4": "minimax", np.int64(0): "non_saturating"})
    assert list(made.objective.items()) == [(0, "non_saturating"), (4, "minimax")]
    assert made.to_plain()["objective"] == {"0": "non_saturating", "4": "minimax"}
    assert Settings.from_plain(made.to_plain()) == made
    assert settings(objective=Minimax()).to_plain()["objective"] == "minimax"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 2, "updates": "simultaneous"}, "k is 2; simultaneous updates need k = 1"),
        ({"pool": 50, "updates": "simultaneous"}, "^pool is 50 .*; use alternating .*pool None"),
        ({"unroll": 5, "updates": "simultaneous"}, "^unroll is 5 .*, or unroll 0"),
        ({"k": 65_535, "unroll": 1}, "k [+] unroll is 65,536; expected at most 65,535"),
        (
            {"batch_size": 64, "pack": 3},
            "batch_size is 64 and pack is 3; expected .* multiple of 3",
        ),
        ({"clip": -0.1}, "^clip is -0.1; expected a number above 0"),
        ({"clip": 0}, "^clip is 0; expected a number above 0"),
        ({"instance_noise": -1}, "^instance_noise is -1; expected .*, or a schedule"),
        ({"instance_noise": LinearRamp}, "^instance_noise is the class LinearRamp"),
        ({"pack": 0}, "^pack is 0; expected a whole number"),
        ({"pool": 0}, "^pool is 0; expected a whole number from 1 to 1,048,576"),
        ({"unroll": -1}, "^unroll is -1; expected a whole number from 0"),
        ({"measure": "parzen"}, "measure is 'parzen' and validation is 0"),
        ({"k": 0x10000}, "^k is 65536; expected a whole number from 1 to 65,535"),
        ({"objective": Minimax}, "call the class: Minimax"),
        ({"optimizer_g": Adam}, "^optimizer_g is the class Adam; .*call the class"),
    ],
)
def test_refused(changes, message):
    for make in (lambda: settings(**changes), lambda: settings().changed(**changes)):
        with pytest.raises(ValueError, match=message):
            make()


def test_changed():
    made = settings().changed(k=2, optimizer_d={"rate": {"name": "linear", "start": 1, "end": 0,
                              "steps": 5}, "momentum": 0.5})  # fmt: skip
    assert made.k == 2
    assert made.optimizer_d.rate_at(0) == 1
    assert made.optimizer_d.momentum == 0.5
    assert settings().changed(optimizer_g=Adam(Cosine(1, 0, 5))).optimizer_g.rate_at(5) == 0
    assert settings(ema=0.5).changed(ema=None).ema is None
    with pytest.raises(ValueError, match="unknown setting 'rate'"):
        settings().changed(rate=1)


def test_a_function_of_ones_own_has_no_plain_form():
    with pytest.raises(ValueError, match="rate is .*; expected a schedule from scratchgan.optim"):
        settings(optimizer_g=Adam(lambda t: 0.1)).to_plain()


class Unnamed(Minimax):
    """A game of one's own that has kept its base's name."""


def test_a_game_of_ones_own_needs_a_name_of_its_own():
    with pytest.raises(ValueError, match="its name 'minimax' belongs to a built-in game"):
        settings(objective={0: "minimax", 3: Unnamed()}).to_plain()


def test_a_trainer_s_help_lists_those_that_are_its_own():
    taken = inspect.signature(Trainer).parameters
    own = {each.name for each in settings_in(Settings).values() if not each.run}
    assert own == taken.keys() - {"G", "D", "x", "settings", "labels", "callbacks"}
    assert own == {"noise", "optimizer_g", "optimizer_d", "objective", "batch_size", "k",
                   "updates", "ema", "clip", "instance_noise", "pack", "pool", "unroll", "seed",
                   "log_every", "penalties"}  # fmt: skip
    assert taken["k"].default == 1
    assert "ema : float | None" in Trainer.__doc__
    assert "{settings}" not in Trainer.__doc__
