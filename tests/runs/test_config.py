"""Settings: a recipe's with changes, from TOML and from config.json; what cannot be is named."""

import dataclasses
import json
import os
import random
import re
from dataclasses import fields, replace

import numpy as np
import pytest

from scratchgan.backends import default_backend
from scratchgan.errors import RunError
from scratchgan.gan import Noise
from scratchgan.optim import SGD, LinearRamp
from scratchgan.recipes import get_recipe, recipe_names
from scratchgan.runs import Config, read_toml
from scratchgan.runs.bits import differences, settings_of


def test_changes_of_a_recipe():
    config = Config.from_recipe("digits", {"optimizer_d": {"rate": 0.5}, "noise": {"features": 3}})
    assert config.optimizer_d.rate == 0.5
    assert config.optimizer_d.beta1 == 0.5  # as the recipe has it
    assert config.noise == Noise(3)
    other = Config.from_recipe("digits", {"optimizer_d": {"name": "sgd", "rate": 0.1}})
    assert other.optimizer_d == SGD(0.1)


@pytest.mark.parametrize("name", recipe_names())
def test_all_of_a_recipe_is_kept(name):
    recipe, config = get_recipe(name), Config.from_recipe(name)
    for name_of, value in vars(recipe.settings).items():
        if name_of != "backend":
            assert getattr(config, name_of) == value, name_of
    assert config.backend == default_backend().name
    assert (config.recipe, config.seed, config.dtype) == (name, 0, "float32")


def test_the_quick_form():
    quick = get_recipe("ring").settings.quick(60)
    parts = dict.fromkeys(("sample_every", "checkpoint_every", "measure_every"), 30)
    assert quick == replace(get_recipe("ring").settings, steps=60, log_every=6, **parts)
    least = get_recipe("ring").settings.quick(1)
    assert {least.steps, least.log_every, least.sample_every, least.measure_every} == {1}


REFUSED = [
    ({"stepz": 3}, "unknown setting 'stepz'; did you mean 'steps'"),
    ({"steps": 0}, "steps is 0; expected a whole number from 1 to 1,000,000,000,000"),
    ({"steps": 1.5}, "steps is 1.5; expected a whole number"),
    ({"steps": True}, "steps is True; expected a whole number"),
    ({"steps": {"a": 1}}, "steps is {'a': 1}; expected a whole number"),
    ({"steps": float("inf")}, "steps is inf; expected a whole number"),
    ({"batch_size": "64"}, "batch_size is '64'"),
    ({"log_every": 10**12 + 1}, "log_every is 1000000000001; expected a whole number from 1 to"),
    ({"measure_every": [5]}, r"measure_every is \[5\]; expected"),
    ({"validation": -1}, "validation is -1; expected a whole number from 0 to"),
    ({"seed": -1}, "seed is -1; expected a whole number, 0 ≤ seed < 2⁶⁴"),
    ({"seed": 2**64}, "seed is 18446744073709551616; expected"),
    ({"data": 5}, "data is 5; expected a string"),
    ({"data": ["digits"]}, "data is .'digits'.; expected a string"),
    ({"backend": "referense"}, "did you mean 'reference'"),
    ({"backend": ["cpu"]}, "unknown backend"),
    ({"objective": "minmax"}, "did you mean 'minimax'"),
    ({"objective": {"0": "minimax", "9": "minmax"}}, "did you mean 'minimax'"),
    ({"objective": {"0": {"a": 1}}}, "unknown objective '{'a': 1}'"),
    ({"objective": {"9": "minimax"}}, "begin at iterations 9; expected .* starting with 0"),
    ({"objective": {}}, "begin at iterations .none given"),
    ({"objective": {"0": "minimax", "9" * 20: "minimax"}}, "begins at '9+'; expected an iteration"),
    ({"objective": 1}, "unknown objective '1'"),
    ({"objective": ["minimax"]}, "unknown objective"),
    ({"updates": "both"}, "Known: alternating, simultaneous"),
    ({"updates": {"a": 1}}, "unknown kind of updates"),
    ({"dtype": "float16"}, "unknown dtype 'float16'"),
    ({"dtype": ["float32"]}, "unknown dtype"),
    ({"optimizer_g": {"rate": -1.0}}, "rate is -1.0; expected"),
    ({"optimizer_g": {"speed": 1.0}}, "unknown setting of adam 'speed'"),
    ({"optimizer_g": 0.1}, "optimizer_g is 0.1; expected an optimizer, such as"),
    ({"optimizer_d": ["adam"]}, "optimizer_d is .'adam'.; expected an optimizer"),
    ({"ema": "high"}, "ema is 'high'; expected a number at least 0 and below 1"),
    ({"ema": 1}, "ema is 1; expected"),
    ({"ema": float("nan")}, "ema is nan; expected"),
    ({"conditional": 1}, "conditional is 1; expected True or False"),
    ({"keep_best": "no"}, "keep_best is 'no'; expected True or False"),
    ({"measure": 3}, "unknown measure '3'"),
    ({"noise": {"features": 2.5}}, "features is 2.5; expected a whole number"),
    ({"noise": {"features": 0}}, "features is 0; expected a whole number"),
    ({"noise": 16}, "noise is 16; expected a Noise, such as Noise.16., or a table"),
    ({"optimizer_g": {"beta1": {"name": "cosine"}}}, "unknown setting|cosine"),
    ({"noise": {"kind": "cauchy"}}, "unknown noise 'cauchy'"),
    ({"noise": {"width": 3}}, "unknown setting of noise 'width'. Known: features, high, kind, low"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_settings_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Config.from_recipe("digits", changes)


def test_plain_values_take_the_place_of_numpy_s():
    config = Config.from_recipe("digits", {"steps": np.int64(7), "k": 2.0, "ema": np.float32(0.5)})
    assert (config.steps, config.k, config.ema) == (7, 2, 0.5)
    assert json.loads(config.to_json())["steps"] == 7
    largest = {"steps": 10**12, "seed": 2**64 - 1, "validation": 0}
    assert Config.from_recipe("digits", largest).steps == 10**12


# -- files ----------------------------------------------------------------------------------------


def read_json(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Config.read(path)


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_written_is_read(tmp_path, name):
    config = Config.from_recipe(name)
    assert read_json(tmp_path, config.to_json()) == config
    assert read_json(tmp_path, b"\xef\xbb\xbf" + config.to_json().encode()) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": ["digits"]}, "unknown recipe"),
        ({"recipe": None}, "unknown recipe 'None'"),
        ({"features": "64"}, "features is '64'; expected a whole number"),
        ({"classes": -1}, "classes is -1"),
        ({"image_shape": 8}, "image_shape is 8; expected .height, width"),
        ({"image_shape": [8]}, "image_shape is .8.; expected .height, width"),
        ({"image_shape": [8, 0]}, "image_shape is 0; expected a whole number"),
        ({"origin": "run"}, "origin is 'run'; expected a table"),
        ({"origin": {"run": "a"}}, "origin: iteration is None; expected"),
        ({"origin": {"run": 3, "iteration": 3}}, "origin: run is 3; expected a string"),
        ({"origin": {"run": "a", "iteration": -1}}, "origin: iteration is -1"),
        ({"scratchgan": 3}, "scratchgan is 3; expected a string"),
        ({"noise": {"kind": "normal"}}, "noise: features missing; expected a value"),
        ({"noise": None}, "noise is None; expected a Noise"),
        ({"optimizer_g": {}}, "unknown optimizer 'None'. Known: adam, sgd"),
        ({"optimizer_g": {"name": ["adam"]}}, "unknown optimizer"),
        *[case for case in REFUSED if "stepz" not in case[0] and "such as" not in case[1]],
    ],
)
def test_config_json_of_wrong_kinds(tmp_path, changes, message):
    content = Config.from_recipe("digits").to_plain()
    for key, value in changes.items():
        inside = key in ("noise", "optimizer_g") and isinstance(value, dict) and partial(value)
        content[key] = content[key] | value if inside else value
    with pytest.raises(RunError, match=rf"config\.json cannot be used: .*({message})"):
        read_json(tmp_path, json.dumps(content))


def partial(table):
    """Whether a table of REFUSED changes a recipe's; the ones above are whole."""
    return bool(table) and table != {"kind": "normal"} and "name" not in table


def test_settings_of_an_older_or_newer_version(tmp_path):
    """What has a default may be absent, what is not known is passed over."""
    config = Config.from_recipe("digits")
    content = config.to_plain() | {"to_come": 3}
    del content["origin"], content["keep_best"]
    assert read_json(tmp_path, json.dumps(content)) == config
    needed = ("noise", "optimizer_g", "optimizer_d", "recipe")
    least = read_json(tmp_path, json.dumps({name: content[name] for name in needed}))
    assert (least.seed, least.k, least.validation, least.keep_best) == (0, 1, 0, True)
    del content["noise"], content["recipe"]
    with pytest.raises(RunError, match="cannot be used: unknown recipe"):
        read_json(tmp_path, json.dumps(content))
    with pytest.raises(RunError, match="cannot be used: config: noise missing; expected a value"):
        read_json(tmp_path, json.dumps(content | {"recipe": "digits"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"it holds \[\]; expected settings"),
        ("5", "it holds 5; expected settings"),
        ("[" * 100_000, "recursion"),
        ('{"a": ' * 100_000, "recursion"),
        ("{", "Expecting"),
        (b"\xff\xfe{}", "codec can't decode"),
        ('{"steps": ' + "9" * 5000 + "}", "4300 digits"),
        (" " * (1 << 21), "it is longer than 1,048,576 bytes"),
    ],
)
def test_what_is_no_config_json(tmp_path, text, message):
    with pytest.raises(RunError, match=rf"config\.json cannot be used: .*{message}"):
        read_json(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ", "Invalid value"),
        ("a = " + "[" * 100_000, "recursion"),
        ("a = " + "9" * 5000, "4300 digits"),
        ("# " * (1 << 20), "it is longer than 1,048,576 bytes"),
        (b"a = '\xe9'", "codec can't decode"),
        ("a = 3".encode("utf-16"), "codec can't decode"),
    ],
)
def test_what_is_no_toml(tmp_path, text, message):
    path = tmp_path / "s.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunError, match=rf"settings file .*s\.toml cannot be read: .*{message}"):
        read_toml(path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "s.toml"
    path.write_bytes("\ufeffk = 2\r\nname = 'é'".encode())  # as Windows' editors write
    assert read_toml(path) == {"k": 2, "name": "é"}


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(RunError, match="cannot be used: it is a pipe or a device"):
        Config.read(tmp_path / "config.json")
    with pytest.raises(RunError, match="cannot be read: it is a pipe or a device"):
        read_toml(tmp_path / "config.json")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)


OLD = """{
  "recipe": "ring", "data": "ring", "backend": "cpu", "seed": 3, "steps": 100, "batch_size": 256,
  "k": 1, "objective": {"4": "minimax", "0": "non_saturating"}, "updates": "alternating",
  "ema": 0.995, "conditional": false,
  "noise": {"features": 2, "kind": "normal", "low": -1.0, "high": 1.0},
  "optimizer_g": {"name": "adam", "rate": {"name": "cosine", "start": 0.001, "end": 5e-05,
    "steps": 10000}, "beta1": 0.0, "beta2": 0.99, "eps": 1e-08},
  "optimizer_d": {"name": "sgd", "rate": 0.01, "momentum": {"name": "linear", "start": 0.5,
    "end": 0.7, "steps": 10000}, "nesterov": false},
  "log_every": 20, "sample_every": 50, "checkpoint_every": 50, "dtype": "float32",
  "validation": 0, "measure": null, "measure_every": 1000, "keep_best": true,
  "features": 2, "classes": 0, "image_shape": null,
  "origin": {"run": "another", "iteration": 6}, "scratchgan": "0.1.0"
}"""
"""config.json as it was before settings were one class."""
OLD_BITS = """{
  "recipe": "ring", "data": "ring", "backend": "cpu", "seed": 3, "batch_size": 256, "k": 1,
  "objective": {"4": "minimax", "0": "non_saturating"}, "updates": "alternating", "ema": 0.995,
  "conditional": false, "noise": {"features": 2, "kind": "normal", "low": -1.0, "high": 1.0},
  "optimizer_g": {"name": "adam", "rate": {"name": "cosine", "start": 0.001, "end": 5e-05,
    "steps": 10000}, "beta1": 0.0, "beta2": 0.99, "eps": 1e-08},
  "optimizer_d": {"name": "sgd", "rate": 0.01, "momentum": {"name": "linear", "start": 0.5,
    "end": 0.7, "steps": 10000}, "nesterov": false},
  "dtype": "float32", "validation": 0, "features": 2, "classes": 0, "image_shape": null
}"""
"""What its checkpoints hold of these settings."""


def test_an_old_run_is_read(tmp_path):
    config, plain = read_json(tmp_path, OLD), json.loads(OLD)
    assert {name: config.to_plain()[name] for name in plain} == plain
    assert config.optimizer_g == get_recipe("ring-plain").settings.optimizer_g
    assert config.optimizer_d == SGD(0.01, LinearRamp(0.5, 0.7, 10_000))
    assert (config.seed, config.objective) == (3, {0: "non_saturating", 4: "minimax"})
    before, now = json.loads(OLD_BITS), settings_of(config)
    assert differences(before, now) == []
    assert {name: now[name] for name in before} == before
    other = dataclasses.replace(config, optimizer_d=SGD(0.02))
    assert [name for name, *_ in differences(before, settings_of(other))] == [
        "optimizer_d.rate", "optimizer_d.momentum",
    ]  # fmt: skip


VALUES = [
    True, False, 0, 1, -1, 5, 2**31, 2**63, 10**12, 10**25, 1.5, -0.5, 1e300, float("inf"),
    float("nan"), "", "digits", "ring", "adam", "cosine", "minimax", "0", "é\n", [], [1], ["adam"],
    {}, {"name": "adam"}, {"name": "cosine", "start": 1.0, "end": 0.1, "steps": 5},
    {"0": "minimax"},
    {"rate": {"name": "linear", "start": 0, "end": [1], "steps": float("inf")}}, {"features": True},
    {"features": 2}, {"kind": ["normal"]}, {"low": "a"}, [[]], [{}], None,
]  # fmt: skip
KEYS = [f.name for f in fields(Config)]
INNER = ["features", "kind", "low", "high", "name", "rate", "beta1", "eps", "momentum", "nesterov"]


def test_whatever_stands_there_is_taken_or_named(tmp_path):
    """Some hundred random settings: they are right, or one error of ours says what is wrong."""
    draw = random.Random(0)
    taken = 0
    for _ in range(400):
        changes = {}
        for key in draw.sample(KEYS, draw.choice([1, 1, 1, 2, 4])):
            inside = key in ("noise", "optimizer_g", "optimizer_d") and draw.random() < 0.7
            changes[key] = {draw.choice(INNER): draw.choice(VALUES)} if inside else None
            if not inside:
                changes[key] = draw.choice(VALUES)
        text = json.dumps(Config.from_recipe("digits").to_plain() | changes)
        for attempt in (
            lambda changes=changes: Config.from_recipe("digits", changes),
            lambda text=text: read_json(tmp_path, text),
        ):
            try:
                config = attempt()
            except (ValueError, RunError) as error:
                said = str(error)
                assert not re.search("object has no|not supported|unhashable|argument after", said)
                assert "\n" not in said
            else:
                assert Config.from_recipe(config.recipe, {"steps": config.steps})
                assert read_json(tmp_path, config.to_json()) == config
                taken += 1
    assert taken > 20
