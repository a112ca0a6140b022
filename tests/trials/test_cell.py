import json
import pickle

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.runs import Config
from scratchgan.trials import cell as cells
from tests.trials.small import DIVERGING

TINY = {"steps": 3, "batch_size": 8, "backend": "reference"}


def cell(recipe="gaussian-1d", **changes):
    config = Config.from_recipe(recipe, TINY | changes)
    return cells.make(config, load(config.data))


def test_it_is_plain_data_and_so_is_its_result():
    made = cell()
    assert pickle.loads(pickle.dumps(made)) == made == json.loads(json.dumps(made))
    result = cells.play(made)
    assert json.loads(json.dumps(result)) == result
    assert result["status"] == "done"
    assert result["seconds"] > 0


def test_the_same_cell_has_the_same_measures():
    first, second = (cells.play(cell())["measures"] for _ in range(2))
    assert first == second
    assert first != cells.play(cell(seed=1))["measures"]


def test_it_diverges():
    with np.errstate(all="ignore"):
        result = cells.play(cell("ring", **DIVERGING))
    assert result["status"] == "diverged"
    assert "no longer finite at iteration" in result["reason"]


def test_it_never_raises():
    result = cells.play(cell() | {"data": "nothing"})
    assert result["status"] == "failed"
    assert result["reason"].startswith("UnknownNameError: unknown data set 'nothing'")
    assert cells.play({})["status"] == "failed"


def test_it_stops_when_it_is_told(monkeypatch):
    monkeypatch.setattr(cells, "stopped", lambda: True)
    result = cells.play(cell(steps=10**6))
    assert (result["status"], result["measures"]) == ("stopped", {})


@pytest.mark.parametrize("changes", [{"seed": 1}, {"steps": 4}, {"objective": "minimax"}])
def test_other_settings_have_another_file(changes):
    name = cells.file_name(cell(), "minimax + r1(gamma=0.1), seed 0")
    assert name.startswith("minimax-r1-gamma-0.1-seed-0-")
    assert cells.file_name(cell(**changes), "minimax + r1(gamma=0.1), seed 0") != name


def test_another_version_has_the_same_file():
    assert cells.file_name(cell() | {"scratchgan": "9"}, "x") == cells.file_name(cell(), "x")
