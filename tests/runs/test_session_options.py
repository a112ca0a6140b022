"""Runs with a pool, unrolled updates, noise, packing and clipping: saved, resumed, begun from."""

import json
import shutil

import numpy as np
import pytest

from scratchgan.errors import RunError
from scratchgan.runs import Config
from scratchgan.runs.checkpoint import begin_from, load_into, read_checkpoint
from tests.runs.small import finished, forge, resume, start

OPTIONS = {"clip": 0.2, "instance_noise": 0.1, "pack": 2, "pool": 12, "unroll": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("whole") / "run", "ring-plain", **OPTIONS)


def test_a_resumed_run_has_the_bits_of_a_whole_one(whole, tmp_path):
    folder = finished(tmp_path / "cut", "ring-plain", **OPTIONS)
    folder.checkpoint_path(6).unlink()
    session = resume(folder)
    assert session.trainer.iteration == 4
    session.run()
    a, b = (read_checkpoint(f.checkpoint_path(6)) for f in (whole, folder))
    assert a.counters == b.counters
    assert {"pool.rows", "pool.filled"} < a.arrays.keys() == b.arrays.keys()
    assert all(a.arrays[name].tobytes() == b.arrays[name].tobytes() for name in a.arrays)
    assert a.arrays["pool.rows"].shape == (12, 2)
    assert a.arrays["pool.filled"].tolist() == [12]


def test_they_are_in_config_json_as_they_were_given(tmp_path):
    noise = {"name": "linear", "start": 0.1, "end": 0.0, "steps": 9}
    folder = start(tmp_path / "run", "ring-plain", **OPTIONS | {"instance_noise": noise}).folder
    content = json.loads((folder.path / "config.json").read_text())
    assert {name: content[name] for name in OPTIONS} == OPTIONS | {"instance_noise": noise}
    again = Config.read(folder.path / "config.json")
    assert again.instance_noise(9) == 0.0


def test_a_run_from_another_keeps_a_pool_of_the_same_size(whole, tmp_path):
    checkpoint = read_checkpoint(whole.newest_checkpoint())
    same = start(tmp_path / "same", "ring-plain", **OPTIONS).trainer
    begin_from(same, checkpoint)
    assert (same.arrays()["pool.rows"] == checkpoint.arrays["pool.rows"]).all()
    assert same.arrays()["pool.filled"].tolist() == [12]
    for pool in (13, 4):
        other = start(tmp_path / f"{pool}", "ring-plain", **OPTIONS | {"pool": pool}).trainer
        begin_from(other, checkpoint)
        assert (other.arrays()["pool.rows"] == 0).all()
        assert other.arrays()["pool.filled"].tolist() == [0]
        assert (other.arrays()["G.params"] == checkpoint.arrays["G.params"]).all()
    without = start(tmp_path / "without", "ring-plain", **OPTIONS | {"pool": None}).trainer
    begin_from(without, checkpoint)
    assert "pool.rows" not in without.arrays()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("pool.rows"), r"holds .*'pool.filled'.* but not .'pool.rows'"),
        (
            lambda arrays: arrays.update({"pool.rows": np.zeros((3, 2), np.float32)}),
            "pool.rows has",
        ),
        (lambda arrays: arrays["pool.rows"].fill(np.nan), "pool.rows has values that are NaN"),
    ],
)
def test_a_damaged_pool_is_refused(whole, tmp_path, change, message):
    path = tmp_path / "damaged.npz"
    shutil.copy(whole.newest_checkpoint(), path)
    forge(path, lambda meta, arrays: change(arrays))
    with pytest.raises((RunError, ValueError), match=message):
        load_into(start(tmp_path / "next", "ring-plain", **OPTIONS).trainer, read_checkpoint(path))
