"""A run that begins where another stands, with other settings."""

import numpy as np
import pytest

from scratchgan.cli import main
from scratchgan.data import load
from scratchgan.errors import RunError
from scratchgan.recipes import get_recipe
from scratchgan.runs import RunFolder, Session, choose_settings, read_checkpoint
from tests.runs.small import finished, start


def begun(origin, path, **changes):
    config = choose_settings(origin=origin.config, **changes)
    return Session.start(path, config, load(config.data), origin.newest_checkpoint())


def arrays(folder):
    return read_checkpoint(folder.newest_checkpoint()).arrays


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("origin") / "run")


def test_with_the_same_settings_it_goes_on(origin, tmp_path):
    session = begun(origin, tmp_path / "more", steps=10)
    assert session.trainer.iteration == 6
    session.run()
    assert same(arrays(session.folder), arrays(finished(tmp_path / "whole", steps=10)))
    assert session.folder.config.origin == {"run": "run", "iteration": 6}
    assert [r["step"] for r in session.folder.read_metrics()] == [8, 10]


@pytest.mark.slow
def test_other_rates_take_another_way(origin, tmp_path):
    session = begun(origin, tmp_path / "more", steps=10, optimizer_g={"rate": 0.5})
    session.run()
    assert not same(arrays(session.folder), arrays(finished(tmp_path / "whole", steps=10)))


@pytest.mark.slow
def test_a_new_average_begins_at_g(tmp_path):
    session = begun(finished(tmp_path / "plain", ema=None), tmp_path / "more", steps=8, ema=0.5)
    G = session.trainer.G
    assert (G.average_flat == G.network.flat).all()
    session.run()
    found = arrays(session.folder)
    assert (found.pop("G.average") != found["G.params"]).any()
    assert same(found, arrays(finished(tmp_path / "whole", steps=8, ema=None)))


@pytest.mark.slow
def test_another_optimiser_begins_anew(origin, tmp_path):
    sgd = {"name": "sgd", "rate": {"name": "exponential", "initial": 0.1, "factor": 2.0,
           "floor": 0.0}, "momentum": 0.5, "nesterov": False}  # fmt: skip
    session = begun(origin, tmp_path / "more", steps=7, optimizer_g=sgd)
    trainer = session.trainer
    assert (trainer.G.t, trainer.D.t, trainer.iteration) == (0, 6, 6)
    assert trainer.G.optimizer.rate_at(trainer.G.t) == 0.1
    assert all((np.asarray(slot) == 0).all() for slot in trainer.G.slots)
    session.run()


def test_it_is_resumed_like_any_other(origin, tmp_path):
    begun(origin, tmp_path / "killed", steps=10)  # killed before its first iteration
    folder = RunFolder.open(tmp_path / "killed")
    resumed = Session.resume(folder, load(folder.config.data))
    assert resumed.trainer.iteration == 6
    resumed.run()
    undisturbed = begun(origin, tmp_path / "undisturbed", steps=10)
    undisturbed.run()
    assert same(arrays(folder), arrays(undisturbed.folder))


def test_without_its_first_checkpoint_it_is_not_begun_at_zero(origin, tmp_path):
    folder = begun(origin, tmp_path / "killed", steps=10).folder
    for path in folder.checkpoints():
        path.unlink()
    with pytest.raises(RunError, match=r"start it again with `scratchgan train --from`"):
        Session.resume(folder, load(folder.config.data))


def test_other_networks_are_refused(origin, tmp_path):
    other = start(tmp_path / "other", recipe="ring").folder
    config = other.config
    with pytest.raises(RunError, match="another architecture"):
        Session.start(tmp_path / "new", config, load("ring"), origin.newest_checkpoint())
    assert not (tmp_path / "new").exists()


def test_from_the_command_line(origin, tmp_path, capsys):
    out = ["--out", str(tmp_path / "run")]
    assert main(["train", "--from", str(origin.path), "--steps", "8", *out]) == 0
    assert RunFolder.open(tmp_path / "run").config.batch_size == 8  # as its origin has it
    for wrong in (["--quick"], ["--resume", str(origin.path)]):
        assert main(["train", *wrong, "--from", str(origin.path)]) == 2
        assert "leave out" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["command line", "file"])
def test_with_the_settings_of_a_recipe(origin, tmp_path, named):
    """A recipe that is named is taken whole, and not what the first run had changed."""
    settings = tmp_path / "settings.toml"
    settings.write_text('recipe = "gaussian-1d"' if named == "file" else "")
    given = ["gaussian-1d"] if named == "command line" else []
    command = ["train", *given, "--from", str(origin.path), "--config", str(settings)]
    assert main([*command, "--steps", "8", "--out", str(tmp_path / "run")]) == 0
    config = RunFolder.open(tmp_path / "run").config
    assert (
        config.batch_size
        == get_recipe("gaussian-1d").settings.batch_size
        != origin.config.batch_size
    )
    assert config.origin == {"run": "run", "iteration": 6}


def test_a_recipe_of_other_networks_is_refused(origin, tmp_path, capsys):
    command = ["train", "ring", "--from", str(origin.path), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "another architecture" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
