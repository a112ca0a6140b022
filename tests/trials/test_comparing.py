"""A comparison trains each combination once, goes on, reports what failed, and is interrupted."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scratchgan.data import Dataset, load
from scratchgan.errors import DataError, RunError, UnknownNameError
from scratchgan.games import GAMES
from scratchgan.games.penalties import R1
from scratchgan.metrics import mode_coverage
from scratchgan.optim import Adam, Cosine, ExponentialDecay, LinearRamp
from scratchgan.recipes import get_recipe
from scratchgan.runs import Config, build_trainer
from scratchgan.trials import comparing
from scratchgan.trials.comparing import stretched
from scratchgan.trials.comparison import Comparison
from scratchgan.trials.store import Store
from tests.trials.small import DIVERGING, Here, coarse, small


@pytest.fixture(autouse=True)
def _quick(monkeypatch, request):
    coarse(monkeypatch)
    if request.node.name != "test_files":
        monkeypatch.setattr(Comparison, "figure", lambda comparison: None)
        monkeypatch.setattr(comparing, "save_figure", lambda path, figure: None)


def test_each_combination_is_trained_once_on_equal_terms(tmp_path):
    here = Here()
    found = small(tmp_path, here, objectives=list(GAMES)[:2])
    asked = {(cell["objective"], cell["seed"]) for cell in here.cells}
    assert asked == {(game, seed) for game in list(GAMES)[:2] for seed in (0, 1)}
    equal = [{k: v for k, v in c.items() if k not in ("objective", "seed")} for c in here.cells]
    assert all(each == equal[0] for each in equal)
    assert [(each.setup.objective, each.seed) for each in found.trained] == [
        (game, seed) for game in list(GAMES)[:2] for seed in (0, 1)
    ]


def test_what_is_measured_is_the_trained_generator(tmp_path):
    here = Here()
    found = small(tmp_path, here, seeds=1)
    config, data = Config.of_content(here.cells[0]), load("ring")
    trainer = build_trainer(config, data)
    trainer.train(3)
    density = data.density
    counted = mode_coverage(trainer.generator().sample(2500), density.means, density.std)
    measures = found.trained[0].result["measures"]
    assert (measures["captured"], measures["high_quality"]) == counted[::2]
    assert 0 < measures["js"] <= np.log(2) + measures["js_error"]


def test_the_line_has_an_exact_jsd(tmp_path):
    found = small(tmp_path, data="gaussian-1d", seeds=1)
    assert [measure.label for measure in found.measures] == ["JSD (exact)"]
    assert found.trained[0].result["measures"]["js_error"] < 1e-6


def test_it_goes_on(tmp_path):
    first, second = Here(), Here()
    small(tmp_path, first, seeds=1)
    found = small(tmp_path, second, seeds=3)
    assert [cell["seed"] for cell in second.cells] == [1, 2]
    assert [each.result["status"] for each in found.trained] == ["done"] * 3
    third = Here()
    assert small(tmp_path, third, seeds=3) == found
    assert third.cells == []


def test_other_settings_are_other_trainings(tmp_path):
    small(tmp_path)
    here = Here()
    small(tmp_path, here, batch_size=9)
    assert len(here.cells) == 2


def test_a_damaged_file_is_made_anew(tmp_path):
    small(tmp_path)
    (tmp_path / "cells").joinpath(os.listdir(tmp_path / "cells")[0]).write_text('{"result": {')
    here = Here()
    small(tmp_path, here)
    assert len(here.cells) == 1


def test_one_that_diverges_does_not_stop_the_others(tmp_path):
    """It is a row that says so, and it is not trained again."""
    with np.errstate(all="ignore"):
        found = small(tmp_path, **DIVERGING)
    assert [each.result["status"] for each in found.trained] == ["diverged"] * 2
    assert "no longer finite" in str(found)
    assert "2 diverged" in found.table()
    here = Here()
    small(tmp_path, here, **DIVERGING)
    assert here.cells == []


def test_one_that_fails_is_tried_again(tmp_path, monkeypatch):
    from scratchgan.trials import cell

    def fail(trainer, data):
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(cell, "measure", fail)
        found = small(tmp_path)
        assert "2 failed" in found.table()
        assert "MemoryError: no room" in str(found)
    here = Here()
    assert small(tmp_path, here).trained[0].result["status"] == "done"
    assert len(here.cells) == 2


def test_interrupted_keeps_what_is_done(tmp_path, monkeypatch):
    def interrupt(tally, what):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparing.Tally, "count", interrupt)
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path, progress=True)
    here = Here()
    small(tmp_path, here)
    assert len(here.cells) == 1


def test_a_broken_executor_is_explained(tmp_path):
    class Broken(Here):
        def submit(self, task, cell):
            future = super().submit(task, cell)
            future._result, future._exception = None, BrokenExecutor("a child died.")
            return future

    with pytest.raises(RunError, match="process has died: a child died. .*the same call goes on"):
        small(tmp_path, Broken())
    small(tmp_path)


def test_two_at_once(tmp_path):
    with Store(tmp_path), pytest.raises(RunError, match="is being written by process"):
        small(tmp_path)
    small(tmp_path)


def test_cells_and_results_are_plain_and_picklable(tmp_path):
    class Pickled(Here):
        def submit(self, task, cell):
            task, cell = pickle.loads(pickle.dumps((task, cell)))
            assert json.loads(json.dumps(cell)) == cell
            future = super().submit(task, cell)
            result = future.result()
            assert json.loads(json.dumps(result)) == result
            return future

    small(tmp_path, Pickled())


def test_an_executor_of_threads(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        found = small(tmp_path, executor)
        assert executor.submit(int, "3").result() == 3  # it is left open
    assert [each.result["status"] for each in found.trained] == ["done"] * 2


@pytest.mark.parametrize(
    "schedule",
    [Cosine(1e-3, 1e-5, 8000), LinearRamp(1e-3, 0, 6000), ExponentialDecay(1e-3, 1.001, 1e-9)],
    ids=str,
)
def test_schedules_keep_their_shape(tmp_path, schedule):
    """At any share of a shorter training, rates and penalties are those of the whole one."""
    recipe = get_recipe("ring")
    settings = recipe.settings.changed(
        optimizer_g=Adam(schedule), penalties=[R1(schedule)], steps=8000
    )
    short = stretched(settings, 80)
    assert short.steps == 80
    for share in (0, 0.25, 0.5, 1):
        expected = schedule(round(8000 * share))
        for found in (short.optimizer_g.rate, short.penalties[0].gamma):
            assert found(round(80 * share)) == pytest.approx(expected, rel=1e-6)


def test_files(tmp_path):
    found = small(tmp_path)
    plain = json.loads((tmp_path / "comparison.json").read_text())
    assert [each["status"] for each in plain["trained"]] == ["done", "done"]
    assert (tmp_path / "table.md").read_text() == found.table("markdown") + "\n"
    assert (tmp_path / "trainings.csv").read_text() == found.table("csv") + "\n"
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "scratchgan.lock").exists()


def test_by_default_all_games_that_fit(tmp_path):
    games = [setup.objective for setup in small(tmp_path, objectives=None, seeds=1, steps=1).setups]
    assert {"minimax", "non_saturating"} <= set(games) <= set(GAMES)
    fit = [name for name, game in GAMES.items() if not game.needs_labels]
    assert [name for name in games if name in fit] == games


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"objectives": ["minimacks"]}, UnknownNameError, "did you mean 'minimax'"),
        ({"objectives": "minimax"}, ValueError, "expected a list with one item or more"),
        ({"objectives": []}, ValueError, "expected a list with one item or more"),
        ({"objectives": ["minimax", "minimax"]}, ValueError, "minimax .*is given twice"),
        ({"seeds": 0}, ValueError, "seeds is 0"),
        ({"steps": 0}, ValueError, "steps is 0"),
        ({"data": "rinf"}, UnknownNameError, "did you mean 'ring'"),
        ({"data": "ring", "recipe": "digits"}, DataError, "recipe 'digits' is for images"),
        ({"recipe": "nothing"}, UnknownNameError, "unknown recipe"),
        ({"objective": "minimax"}, ValueError, "objective is what is compared"),
        ({"batch_sise": 8}, UnknownNameError, "did you mean 'batch_size'"),
        ({"workers": 0}, ValueError, "workers is 0"),
        ({"executor": 3}, ValueError, "expected an Executor"),
        ({"data": Dataset.from_array(np.ones((9, 2)), name="mine")}, ValueError, "save the array"),
    ],
)
def test_wrong_arguments_leave_no_trace(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        small(tmp_path / "new", **changes)
    assert list(tmp_path.iterdir()) == []


def test_data_of_which_nothing_is_known(tmp_path):
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(99, 2)))
    with pytest.raises(DataError, match="nothing can be compared"):
        small(tmp_path / "new", data=str(tmp_path / "points.npy"))


def test_a_game_that_a_file_cannot_name(tmp_path):
    from tests.games.own import LeastSquares

    with pytest.raises(ValueError, match="put your own game or optimizer into a recipe file"):
        small(tmp_path, objectives=[LeastSquares()])


# -- in processes ---------------------------------------------------------------------------------

SCRIPT = """
import sys
import scratchgan as sg
if __name__ == "__main__":
    found = sg.compare(
        "gaussian-1d", objectives=["minimax"], seeds=4, steps=300, batch_size=8,
        backend="reference", out=sys.argv[1], workers=2,
    )
    print(found)
"""


def begin(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def children(process):
    return [int(p) for p in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc"), reason="reads Linux's list of processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment(tmp_path, number):
    """No process outlives it, what is done is kept, and the same call goes on."""
    process = begin(tmp_path)
    cells = tmp_path / "out" / "cells"
    while not list(cells.glob("*.json")) and process.poll() is None:
        time.sleep(0.02)
    workers = children(process.pid)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    process.communicate(timeout=60)
    until = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert [each for each in workers if alive(each)] == []
    kept = {path.name: path.stat().st_mtime_ns for path in cells.glob("*.json")}
    assert 1 <= len(kept) <= 4
    said, error = begin(tmp_path).communicate(timeout=120)
    assert "4 / 4" in said, error
    assert {name: (cells / name).stat().st_mtime_ns for name in kept} == kept


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
