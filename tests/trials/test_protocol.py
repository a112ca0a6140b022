"""Seeds are trained once, continued where they stopped, and refused where they do not fit."""

import os
import re
import signal
from contextlib import nullcontext

import numpy as np
import pytest

from scratchgan.errors import DataError, RunError, UnknownNameError
from scratchgan.metrics import mode_coverage
from scratchgan.run import open_run, train
from scratchgan.runs import RunFolder, Session
from scratchgan.trials import evaluate_protocol
from scratchgan.trials.protocol import seeds_of

pytestmark = pytest.mark.usefixtures("plain_pictures")
TINY = {"steps": 4, "batch_size": 8, "backend": "reference", "samples": 3000}


def made(root):
    """Return the time at which each checkpoint was written."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("checkpoints/*.npz")}


def test_seeds_are_runs_and_are_measured_by_the_protocol(tmp_path):
    found = evaluate_protocol("ring8", 2, out=tmp_path, **TINY)
    density = open_run(tmp_path / "seed-1").data.density
    for seed, run in enumerate(found.runs):
        folder = open_run(tmp_path / f"seed-{seed}")
        assert (folder.config.recipe, folder.config.seed) == ("ring", seed)
        for n, counted in ((2500, run.coverage), (3000, run.more)):
            assert counted == mode_coverage(folder.samples(n), density.means, density.std)
    assert found.runs[0].coverage != found.runs[1].coverage


def test_what_is_there_is_not_trained_again(tmp_path):
    first = evaluate_protocol("ring8", 1, out=tmp_path, **TINY)
    before = made(tmp_path)
    again = evaluate_protocol("ring8", 2, out=tmp_path, **TINY)
    assert before.items() <= made(tmp_path).items()
    assert again.runs[:1] == first.runs
    assert [run.seed for run in again.runs] == [0, 1]


def test_an_interrupted_seed_goes_on(tmp_path, heard):
    whole = evaluate_protocol("ring8", 1, out=tmp_path / "whole", **TINY)

    waiting = [signal.SIGINT]

    def interrupt(trainer):
        if waiting:  # it is called once more, at the end
            os.kill(os.getpid(), waiting.pop())

    changes = TINY | {"log_every": 2}
    with pytest.raises(KeyboardInterrupt, match="iteration [23] of .*seed-0; the same command"):
        evaluate_protocol(
            "ring8", 1, out=tmp_path / "cut", show=lambda *told: nullcontext(interrupt), **changes
        )
    assert RunFolder.open(tmp_path / "cut" / "seed-0").newest_step() < 4
    found = evaluate_protocol("ring8", 1, out=tmp_path / "cut", **changes)
    assert found.runs[0].coverage == whole.runs[0].coverage


def test_a_seed_that_diverges_does_not_stop_the_others(tmp_path):
    sgd = {"name": "sgd", "rate": 1e9}
    bad = TINY | {"optimizer_g": sgd, "optimizer_d": sgd, "steps": 60, "log_every": 5}
    with np.errstate(all="ignore"):
        found = evaluate_protocol("ring8", 2, out=tmp_path, **bad)
    assert [run.coverage for run in found.runs] == [None, None]
    assert all("no longer finite" in run.stopped for run in found.runs)


def test_another_game_in_the_folder_is_refused(tmp_path):
    evaluate_protocol("ring8", 1, out=tmp_path, **TINY)
    with pytest.raises(RunError, match=r"seed-0 holds a run with batch_size = 8, and here it is 9"):
        evaluate_protocol("ring8", 1, out=tmp_path, **TINY | {"batch_size": 9})


def test_two_at_once(tmp_path):
    session = train("ring", out=tmp_path / "other", steps=1, batch_size=8, progress=False)
    evaluate_protocol("ring8", 1, out=tmp_path, **TINY)
    folder = RunFolder.open(tmp_path / "seed-0")
    for path in folder.checkpoints():
        path.unlink()
    other = Session.resume(folder, session.data)
    with pytest.raises(RunError, match=re.escape(f"{folder.path} is being written by process")):
        evaluate_protocol("ring8", 1, out=tmp_path, **TINY)
    other.close()
    assert evaluate_protocol("ring8", 1, out=tmp_path, **TINY).runs[0].coverage is not None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": "grid26"}, UnknownNameError, "did you mean 'grid25'"),
        ({"seeds": 0}, ValueError, "seeds is 0; expected a whole number from 1"),
        ({"seeds": []}, ValueError, "expected one or more, all different"),
        ({"seeds": [1, 1]}, ValueError, "expected one or more, all different"),
        ({"recipe": "digits"}, DataError, "recipe 'digits' is for images; use recipe 'grid'"),
        ({"recipe": "gird"}, UnknownNameError, "did you mean 'grid'"),
        ({"data": "ring"}, ValueError, "data is given, but the protocol decides it"),
        ({"seed": 3}, ValueError, "seed is given"),
        ({"samples": 0}, ValueError, "samples is 0"),
        ({"batch_sise": 3}, UnknownNameError, "did you mean 'batch_size'"),
    ],
)
def test_wrong_arguments_leave_no_trace(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        evaluate_protocol(**{"name": "grid25", "out": tmp_path / "new"} | changes)
    assert list(tmp_path.iterdir()) == []


def test_seeds_by_number_or_by_name():
    assert seeds_of(3) == [0, 1, 2]
    assert seeds_of((7, 2)) == [7, 2]
