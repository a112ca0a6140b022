"""A run in a line of Python each: the same as on the command line, and what follows from it."""

import os
import signal

import numpy as np
import pytest

import scratchgan as sg
from scratchgan.cli import main
from scratchgan.errors import DataError, RunError, UnknownNameError

SMALL = {"steps": 6, "batch_size": 8, "backend": "reference", "log_every": 2}
OPTIONS = ["--steps", "6", "--batch-size", "8", "--backend", "reference", "--log-every", "2"]


def small(recipe="gaussian-1d", **changes):
    return sg.train(recipe, **{"progress": False, **SMALL, **changes})


def newest(folder):
    return sorted((folder / "checkpoints").iterdir())[-1]


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    return small("digits", out=tmp_path_factory.mktemp("run") / "digits")


@pytest.fixture
def points(tmp_path, rng):
    path = tmp_path / "points.csv"
    np.savetxt(path, rng.normal(size=(120, 2)), delimiter=",", header="x,y", comments="")
    return path


# -- the same as on the command line ------------------------------------------------------------


@pytest.mark.slow
def test_the_command_line_and_python_train_the_same(tmp_path):
    run = small(out=tmp_path / "python", seed=3)
    assert main(["train", "gaussian-1d", *OPTIONS, "--seed", "3", "--out", f"{tmp_path}/cli"]) == 0
    other = sg.open_run(tmp_path / "cli")
    assert run.config == other.config
    assert newest(run.path).read_bytes() == newest(other.path).read_bytes()
    assert run.history == other.history
    assert [record["step"] for record in run.history] == [2, 4, 6]


def test_a_recipe_s_trainer_plays_the_same_game(tmp_path):
    run = small(out=tmp_path / "run")
    trainer = sg.recipe("gaussian-1d").trainer(**SMALL)
    trainer.train(6)
    for name, array in run.trainer().arrays().items():
        assert (trainer.arrays()[name] == array).all(), name


def test_sampling_is_that_of_the_command_line(a_run, tmp_path):
    file = tmp_path / "x.npy"
    at = ["--n", "7", "--seed", "3", "--temperature", "1.5", "--out", str(file)]
    assert main(["sample", str(a_run.path), *at]) == 0
    assert (np.load(file) == a_run.samples(7, seed=3, temperature=1.5)).all()


@pytest.mark.slow
def test_evaluation_is_that_of_the_command_line(a_run, capsys):
    assert main(["evaluate", str(a_run.path), "--n", "50"]) == 0
    assert str(a_run.evaluate(n=50)) in capsys.readouterr().out


# -- one run ------------------------------------------------------------------------------------


def test_what_a_run_offers(a_run):
    assert repr(a_run) == f"Run('{a_run.path}', recipe 'digits', 6 of 6 iterations)"
    assert a_run.samples(5).shape == (5, 64)
    assert a_run.generator().classes == 0
    assert a_run.trainer().iteration == 6
    assert a_run.data.name == "digits"
    for figure in (a_run.figure(9), a_run.losses()):
        assert figure.axes
        assert figure._repr_png_().startswith(b"\x89PNG")  # a notebook shows it
    assert a_run.exact() is None


def test_the_exact_game_on_the_line(tmp_path):
    assert small(out=tmp_path / "run").exact().js.value > 0


@pytest.mark.slow
def test_quick_and_resume_and_origin(tmp_path):
    run = small(out=tmp_path / "first")
    further = sg.train(resume=run.path, steps=8, progress=False)
    assert (further.path, further.trainer().iteration) == (run.path, 8)
    assert sg.train(resume=run.path, progress=False).trainer().iteration == 8  # complete
    other = sg.train(origin=run.path, out=tmp_path / "second", steps=10, k=2, progress=False)
    assert other.trainer().iteration == 10
    assert other.config.origin == {"run": "first", "iteration": 8}
    assert (other.config.k, other.config.batch_size) == (2, 8)
    quick = small("ring", quick=True, out=tmp_path / "quick", steps=4)
    assert (quick.config.steps, quick.config.sample_every) == (4, 100)


def test_the_default_is_digits_in_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(sg.train(progress=False, **SMALL).path) == os.path.join("runs", "digits-001")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recipe": "digitz"}, UnknownNameError, "did you mean 'digits'"),
        ({"step": 3}, UnknownNameError, "unknown setting 'step'; did you mean 'steps'"),
        ({"resume": "r", "seed": 3, "recipe": "ring"}, ValueError, "leave out recipe, seed"),
        ({"resume": "nowhere"}, RunError, "nowhere holds no run"),
        ({"origin": "nowhere"}, RunError, "nowhere holds no run"),
        ({"data": 3}, UnknownNameError, "unknown data set '3'"),
        ({"recipe": "digits", "data": "ring"}, DataError, "'ring' has points"),
        ({"labels": "labels.npy"}, ValueError, "labels is for a file of your own; 'digits'"),
    ],
)
def test_refused(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        sg.train(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c(tmp_path, monkeypatch):
    """What is done is kept, and the program that called is interrupted."""
    waiting = [signal.SIGINT]

    def check(trainer):
        if waiting:  # a second one would interrupt at once
            os.kill(os.getpid(), waiting.pop())

    monkeypatch.setattr(sg.Trainer, "check_finite", check)
    with pytest.raises(KeyboardInterrupt, match=r"iteration 2; .*resume='.*run'"):
        small(out=tmp_path / "run")
    monkeypatch.undo()
    assert sg.open_run(tmp_path / "run").trainer().iteration == 2
    assert sg.train(resume=tmp_path / "run", progress=False).trainer().iteration == 6


# -- data of one's own --------------------------------------------------------------------------


def test_points_of_one_s_own(points, tmp_path, capsys, monkeypatch):
    """From the command line: trained, measured, resumed from elsewhere; a change is seen."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "points.csv", *OPTIONS, "--out", "run"]) == 0
    assert "no recipe given: using ring, which suits the data set" in capsys.readouterr().out
    assert sg.open_run("run").config.data == str(points)
    monkeypatch.chdir("/")
    assert main(["evaluate", f"{tmp_path}/run", "--n", "60"]) == 0
    said = capsys.readouterr().out
    assert "real: 20 held-out examples" in said
    assert main(["train", "--resume", f"{tmp_path}/run", "--steps", "8"]) == 0
    points.write_text(points.read_text().replace("0", "1"))
    for command in (["evaluate"], ["train", "--steps", "9", "--resume"]):
        capsys.readouterr()
        assert main([*command, f"{tmp_path}/run"]) == 2
        assert "the examples of data set 'points.csv' have changed" in capsys.readouterr().err
    points.unlink()
    assert main(["evaluate", f"{tmp_path}/run"]) == 2
    assert f"there is no file or folder {points}" in capsys.readouterr().err
    assert main(["sample", f"{tmp_path}/run"]) == 0  # which needs no data


@pytest.mark.parametrize("dim", [1, 3])
def test_points_of_other_dimensions(tmp_path, rng, dim):
    np.save(tmp_path / "x.npy", rng.normal(size=(60, dim)) + 5)
    run = sg.train(data=tmp_path / "x.npy", out=tmp_path / "run", progress=False, **SMALL)
    assert run.config.recipe == "ring"
    assert run.samples(4).shape == (4, dim)
    assert run.figure().axes
    assert "precision" in str(run.evaluate(n=50))


def test_images_of_one_s_own(tmp_path, rng):
    """With labels, conditionally; and without."""
    np.save(tmp_path / "x.npy", rng.random((240, 6, 5)))
    np.save(tmp_path / "y.npy", np.arange(240) % 3)
    options = {**SMALL, "data": tmp_path / "x.npy", "progress": False}
    plain = sg.train(out=tmp_path / "plain", **options)
    assert (plain.config.recipe, plain.config.image_shape) == ("digits", [6, 5])
    assert "nearest training image" in str(plain.evaluate(n=50))
    run = sg.train(out=tmp_path / "run", labels=tmp_path / "y.npy", conditional=True, **options)
    assert run.config.labels == str(tmp_path / "y.npy")
    assert run.samples(4, label=2).shape == (4, 30)
    assert sg.open_run(run.path).trainer().data.classes == 3
    assert "label as asked for" in str(run.evaluate(n=50))


def test_an_array_in_memory(tmp_path, rng):
    """Python alone: a Dataset that was made there; to go on, it has to be given again."""
    data = sg.Dataset.from_array(rng.normal(size=(60, 2)), name="mine")
    run = sg.train(data=data, out=tmp_path / "run", progress=False, **SMALL)
    assert run.evaluate(n=50).samples == 50
    assert sg.open_run(run.path).samples(3).shape == (3, 2)
    with pytest.raises(UnknownNameError, match="unknown data set 'mine'"):
        sg.open_run(run.path).trainer()
    assert sg.open_run(run.path, data).trainer().iteration == 6
    assert sg.train(resume=run.path, data=data, steps=7, progress=False).trainer().iteration == 7


def test_codes_are_measured_as_they_were_drawn(tmp_path, monkeypatch):
    """Of a run with codes, evaluate gets the values of the categorical ones."""
    seen = {}
    monkeypatch.setattr("scratchgan.metrics.evaluate", lambda *given, **also: seen.update(also))
    run = small("infogan-digits", out=tmp_path / "run", steps=2)
    run.evaluate(n=30, seed=4)
    assert (seen["codes"][0] == run.generator().drawn_codes(30, 4)[0]).all()
    assert len(np.unique(seen["codes"][0])) > 5
    assert run.config.objective == sg.recipe("infogan-digits").settings.objective
