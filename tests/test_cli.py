"""The command line as a person meets it: what it prints, makes, refuses."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from scratchgan.cli import main

QUICK = ["--steps", "6", "--batch-size", "8"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", *QUICK, "--out", str(folder)]) == 0
    return folder


def error_of(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchgan: error: ")
    assert "Traceback" not in said.err
    return said.err


def test_default_is_digits(tmp_path, monkeypatch, capsys):
    """`scratchgan train` alone makes runs/digits-001, then -002, and says where everything is."""
    monkeypatch.chdir(tmp_path)
    for number in ("001", "002"):
        assert main(["train", *QUICK]) == 0
        said = capsys.readouterr().out
        for name in ("samples.png", "losses.png", "training.gif", "checkpoints/step_000006.npz"):
            path = f"runs/digits-{number}/{name}"
            assert path in said
            assert os.path.getsize(path) > 100
        assert f"scratchgan evaluate runs/digits-{number}" in said
        assert "no recipe given" not in said  # none of data is either


@pytest.mark.parametrize("recipe", ["gaussian-1d", "ring", "grid"])
@pytest.mark.slow
def test_toy_recipes_and_evaluate(tmp_path, recipe, capsys):
    folder = tmp_path / "run"
    assert main(["train", recipe, *QUICK, "--out", str(folder)]) == 0
    assert main(["evaluate", str(folder), "--n", "200"]) == 0
    said = capsys.readouterr().out
    expected = {"ring": r"of 8 .* 8 of 8", "grid": r"of 25 .*25 of 25", "gaussian-1d": "mean"}
    assert re.search(expected[recipe], said)
    assert (folder / "samples" / "step_000000.png").exists()


def test_options_reach_the_run(tmp_path):
    from scratchgan.runs import RunFolder

    settings = tmp_path / "settings.toml"
    settings.write_text('recipe = "ring"\nema = 0.5\nk = 9\n[optimizer_d]\nrate = 0.25\n')
    folder = tmp_path / "run"
    options = f"--data grid --k 2 --objective minimax --seed 7 --config {settings} --out {folder}"
    assert main(["train", *QUICK, *options.split()]) == 0
    config = RunFolder.open(folder).config
    assert (config.recipe, config.data, config.seed) == ("ring", "grid", 7)
    assert config.k == 2  # the command line has the last word over the file
    assert (config.objective, config.ema) == ("minimax", 0.5)
    assert config.optimizer_d.rate == 0.25


def test_two_rates_and_other_options_of_a_training(tmp_path):
    from scratchgan.optim import SGD, Adam
    from scratchgan.runs import RunFolder

    settings = tmp_path / "settings.toml"
    settings.write_text(
        "[optimizer_d]\nname = 'sgd'\nmomentum = 0.5\nrate = 9\n"
        "[instance_noise]\nname = 'linear'\nstart = 0.1\nend = 0\nsteps = 5\n"
    )
    folder = tmp_path / "run"
    options = "--rate-g 1e-4 --rate-d 0.25 --clip 0.1 --pack 2 --pool 50 --unroll 1"
    command = ["train", "ring-plain", *QUICK, *options.split(), "--config", str(settings)]
    assert main([*command, "--out", str(folder)]) == 0
    config = RunFolder.open(folder).config
    assert config.optimizer_g == Adam(1e-4, beta1=0.0, beta2=0.99)  # otherwise as the recipe's
    assert config.optimizer_d == SGD(0.25, 0.5)
    assert (config.clip, config.pack, config.pool, config.unroll) == (0.1, 2, 50, 1)
    assert config.instance_noise(0) == 0.1
    assert main(["train", "--resume", str(folder), "--steps", "8"]) == 0
    assert main(["train", "--from", str(folder), "--steps", "9", "--pool", "none", "--pack", "2",
                 "--out", str(tmp_path / "next")]) == 0  # fmt: skip
    assert RunFolder.open(tmp_path / "next").config.pool is None


@pytest.mark.slow
def test_penalties(tmp_path):
    """As names with strengths, and as tables of a file with schedules; resumed, and changed."""
    from scratchgan.games import R1, R2
    from scratchgan.optim import LinearRamp
    from scratchgan.runs import RunFolder

    def config(name):
        return RunFolder.open(tmp_path / name).config

    command = ["train", "ring-plain", *QUICK, "--penalties", "r1=0.1,r2"]
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    assert config("a").penalties == (R1(0.1), R2())
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "[[penalties]]\nname = 'r1'\nevery = 2\n"
        "gamma = {name = 'linear', start = 0.1, end = 0, steps = 50}\n"
    )
    command = ["train", "ring-plain", *QUICK, "--config", str(settings)]
    assert main([*command, "--out", str(tmp_path / "b")]) == 0
    assert config("b").penalties == (R1(LinearRamp(0.1, 0, 50), every=2),)
    assert main(["train", "--resume", str(tmp_path / "b"), "--steps", "8"]) == 0
    again = ["train", "--from", str(tmp_path / "b"), "--penalties", "none", "--steps", "9"]
    assert main([*again, "--out", str(tmp_path / "c")]) == 0
    assert config("c").penalties == ()


@pytest.mark.slow
def test_quick_gives_way_to_what_is_asked(tmp_path):
    """A minute of it, but for the settings that are named."""
    from scratchgan.runs import RunFolder

    settings = tmp_path / "s.toml"
    settings.write_text("sample_every = 150\nbackend = 'reference'\n")
    options = ["gaussian-1d", "--quick", "--batch-size", "8", "--config", str(settings)]
    for name, more, steps in (("whole", [], 200), ("cut", ["--steps", "4"], 4)):
        assert main(["train", *options, *more, "--out", str(tmp_path / name)]) == 0
        config = RunFolder.open(tmp_path / name).config
        assert (config.steps, config.log_every, config.sample_every) == (steps, 20, 150)
        assert config.checkpoint_every == 100


@pytest.mark.parametrize("features", [1, 2])
def test_the_exact_game_is_that_of_z_on_a_line(tmp_path, capsys, features):
    settings = tmp_path / "s.toml"
    settings.write_text(f"backend = 'reference'\n[noise]\nfeatures = {features}\n")
    options = [*QUICK, "--config", str(settings), "--out", str(tmp_path / "run")]
    assert main(["train", "gaussian-1d", *options]) == 0
    assert ("by quadrature" in capsys.readouterr().out) == (features == 1)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from scratchgan.runs import Session

    settings, folder = tmp_path / "s.toml", str(tmp_path / "run")
    settings.write_text("log_every = 1\nbackend = 'reference'\n")
    run = Session.run

    waiting = [signal.SIGINT]

    def interrupt(trainer):
        if trainer.iteration == 3 and waiting:  # it is called once more, at the end
            os.kill(os.getpid(), waiting.pop())

    monkeypatch.setattr(Session, "run", lambda self, progress: run(self, interrupt))
    options = [*QUICK, "--config", str(settings), "--out", folder]
    assert main(["train", "gaussian-1d", *options]) == 130
    said = capsys.readouterr().out
    stopped = re.search(r"interrupted at iteration (\d); continue with `(.*)`", said)
    assert 3 <= int(stopped[1]) < 6
    assert stopped[2] == f"scratchgan train --resume {folder}"
    assert "scratchgan evaluate" not in said


@pytest.mark.parametrize(
    ("data", "recipe"), [("ring", "ring"), ("two_moons", "ring"), ("digits", "digits")]
)
@pytest.mark.parametrize("in_a_file", [False, True])
def test_data_alone_choose_their_recipe(tmp_path, capsys, data, recipe, in_a_file):
    """`scratchgan train --data ring`: the networks for points of the plane, and it is said."""
    from scratchgan.runs import RunFolder

    settings, folder = tmp_path / "s.toml", tmp_path / "run"
    settings.write_text(f"\ufeffdata = '{data}'\nk = 2\n", encoding="utf-8")
    given = ["--config", str(settings)] if in_a_file else ["--data", data]
    assert main(["train", *given, *QUICK, "--backend", "reference", "--out", str(folder)]) == 0
    said, data = capsys.readouterr().out, data.replace("_", "-")
    assert (
        f"no recipe given: using {recipe}, which suits the data set {data}\ntraining {recipe} in "
        in said
    )
    config = RunFolder.open(folder).config
    assert (config.recipe, config.data, config.k) == (recipe, data, 2 if in_a_file else 1)


def test_no_abbreviations(capsys):
    """Another option that begins with st may come one day."""
    for arguments in (["train", "--st", "5"], ["--vers", "info"], ["sample", "x", "--te", "2"]):
        assert main(arguments) == 2
        assert "unrecognized arguments: --" in capsys.readouterr().err
    assert main(["--version"]) == 0


def test_out_of_memory(trained, capsys, monkeypatch):
    """One line, and an exit status that is not that of a wrong question."""
    from scratchgan.gan import Generator

    def sample(self, n, stream, label=None):
        raise MemoryError("Unable to allocate 512. GiB")

    monkeypatch.setattr(Generator, "sample", sample)
    capsys.readouterr()
    assert main(["sample", str(trained)]) == 1
    said = capsys.readouterr().err
    assert said == (
        "scratchgan: error: there is not enough memory (Unable to allocate 512. GiB); use a smaller"
        " batch or fewer samples\n"
    )


def test_objectives_in_turn(tmp_path, capsys):
    from scratchgan.runs import RunFolder

    settings, folder = tmp_path / "settings.toml", tmp_path / "run"
    settings.write_text('recipe = "ring"\nobjective = { 4 = "minimax", 0 = "non_saturating" }\n')
    assert main(["train", *QUICK, "--config", str(settings), "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "objective non_saturating (from 4 on minimax), iterations" in said
    assert RunFolder.open(folder).config.objective == {0: "non_saturating", 4: "minimax"}
    again = [*QUICK, "--config", str(settings), "--out", str(tmp_path / "again")]
    assert main(["train", "--objective", "minimax", *again]) == 0  # above the whole of the other
    assert "objective minimax, iterations" in capsys.readouterr().out


def test_conditional(tmp_path, capsys):
    """Labels in both networks by one setting; samples by label."""
    settings, folder = tmp_path / "s.toml", str(tmp_path / "run")
    settings.write_text("conditional = true\n")
    assert main(["train", *QUICK, "--config", str(settings), "--out", folder]) == 0
    assert main(["sample", folder, "--n", "5", "--label", "3"]) == 0
    assert (tmp_path / "run" / "sample-seed-0-label-3.png").exists()
    assert "label is 10; expected 0 … 9" in error_of(capsys, "sample", folder, "--label", "10")


@pytest.mark.slow
def test_digits_are_learnt(tmp_path, capsys):
    """The whole recipe: most samples look like some digit to a classifier, and all ten appear."""
    folder = str(tmp_path / "run")
    assert main(["train", "digits", "--out", folder]) == 0
    capsys.readouterr()
    assert main(["evaluate", folder]) == 0
    said = capsys.readouterr().out
    row = re.search(r"≥ 0.9 sure +([\d.]+) % +([\d.]+) % +([\d.]+) %", said)
    generated, real, control = map(float, row.groups())
    assert generated >= 80
    assert real >= 85
    assert control <= 60
    assert re.search(r"classes seen +10 +10", said)
    near, held_out = map(float, re.search(r"training image +([\d.]+) +([\d.]+)", said).groups())
    assert near >= 0.8 * held_out  # and they are not copies of the training images


@pytest.mark.slow
def test_a_terminal_without_unicode(tmp_path):
    command = [sys.executable, "-m", "scratchgan", "train", "gaussian-1d", *QUICK, "--out", "r"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    assert b"iterations 0 ? 6" in done.stdout


@pytest.mark.slow
def test_more_steps(tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert main(["train", "gaussian-1d", *QUICK, "--out", folder]) == 0
    assert main(["train", "--resume", folder]) == 0
    assert (
        "is complete at iteration 6; to train on, give a larger --steps N"
        in capsys.readouterr().out
    )
    assert main(["train", "--resume", folder, "--steps", "9"]) == 0
    assert "continuing gaussian-1d" in capsys.readouterr().out
    assert (tmp_path / "run" / "checkpoints" / "step_000009.npz").exists()


def test_evaluate_digits(trained, capsys):
    assert main(["evaluate", str(trained), "--n", "50"]) == 0
    said = capsys.readouterr().out
    row = re.search(r"≥ 0.9 sure +([\d.]+) % +([\d.]+) % +([\d.]+) %", said)
    generated, real, control = map(float, row.groups())
    assert generated < 60 < 85 < real  # six iterations do not make digits; real ones are digits
    assert control < 60
    assert "50 generated samples, 3" in said


@pytest.mark.slow
def test_what_is_measured(tmp_path, capsys, monkeypatch):
    """As many samples as test images, 1,000 to 10,000; 2,500 points; what was held back."""
    import scratchgan.data
    import scratchgan.metrics

    found, drawn = [], []

    def evaluate(samples, data, *, asked, codes, validation):
        assert codes == {}
        labels = None if asked is None else asked[:12].tolist()
        found.append((len(samples), data.name, validation, labels))
        drawn.append(samples)
        return "a table"

    monkeypatch.setattr(scratchgan.metrics, "evaluate", evaluate)
    settings = tmp_path / "s.toml"
    settings.write_text("validation = 20\nbackend = 'reference'")
    for recipe, more in (("digits", ["--conditional"]), ("ring", [])):
        folder = str(tmp_path / recipe)
        options = [*QUICK, *more, "--config", str(settings), "--out", folder]
        assert main(["train", recipe, *options]) == 0
        assert main(["evaluate", folder]) == 0
        assert main(["evaluate", folder, "--n", "7"]) == 0
    assert "a table" in capsys.readouterr().out
    assert found == [
        (1000, "digits", 20, [*range(10), 0, 1]), (7, "digits", 20, [*range(7)]),
        (2500, "ring", 20, None), (7, "ring", 20, None),
    ]  # fmt: skip
    for seed in ("0", "1"):
        assert main(["evaluate", str(tmp_path / "ring"), "--n", "7", "--seed", seed]) == 0
        assert (drawn[-1] == drawn[3]).all() == (seed == "0")
    data = scratchgan.data.load("digits")
    for tests, n in ((1500, 1500), (10_001, 10_000)):
        x_test, labels = np.zeros((tests, 64), np.float32), np.zeros(tests, int)
        more = replace(data, x_test=x_test, labels_test=labels)
        monkeypatch.setattr("scratchgan.run.load", lambda name, labels, more=more: more)
        assert main(["evaluate", str(tmp_path / "digits")]) == 0
        assert found[-1][0] == n


def test_sample(trained, capsys, tmp_path):
    assert main(["sample", str(trained), "--n", "7", "--seed", "3"]) == 0
    assert (trained / "sample-seed-3.png").stat().st_size > 100
    npy = tmp_path / "x.npy"
    assert main(["sample", str(trained), "--n", "7", "--out", str(npy)]) == 0
    samples = np.load(npy)
    assert samples.shape == (7, 64)
    assert samples.min() >= 0
    assert samples.max() <= 1
    for seed in ("0", "3"):
        assert main(["sample", str(trained), "--n", "7", "--seed", seed, "--out", str(npy)]) == 0
        assert (np.load(npy) == samples).all() == (seed == "0")


@pytest.mark.slow
def test_temperature(trained, capsys, tmp_path):
    """A wider z, in samples and in what is measured of them."""
    drawn = {}
    for temperature in ("1", "1.0", "1.5"):
        file = tmp_path / f"{temperature}.npy"
        at = ["--n", "50", "--temperature", temperature, "--out", str(file)]
        assert main(["sample", str(trained), *at]) == 0
        drawn[temperature] = np.load(file)
    assert (drawn["1"] == drawn["1.0"]).all()
    assert np.abs(drawn["1.5"] - drawn["1"]).mean() > 1e-4
    assert main(["sample", str(trained), "--temperature", "0.5", "--n", "3"]) == 0
    assert (trained / "sample-seed-0-temperature-0.5.png").exists()
    capsys.readouterr()
    for temperature, told in (("1", False), ("1.5", True)):
        assert main(["evaluate", str(trained), "--n", "60", "--temperature", temperature]) == 0
        assert (", temperature 1.5\n" in capsys.readouterr().out) == told


def test_info(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for word in ("NumPy", "Numba", "Python", "cores", "reference", "(default)", "cache", "digits"):
        assert word in said
    assert re.search(r"^  hinge +2 TV\(p, q\)$", said, re.MULTILINE)
    for name, about in (("paper-mnist-tuned", "paper-mnist"), ("ring", "8 Gaussians")):
        column = re.search(rf"^  {name} {{2,}}(?={about})", said, re.MULTILINE).end()
        assert column - said.rindex("\n", 0, column) - 1 == len("  paper-mnist-tuned  ")


def test_info_says_why_a_backend_is_unavailable(capsys, monkeypatch):
    from scratchgan import backends

    broken = ("scratchgan.backends.nowhere", "Nowhere", "Install it with pip.")
    monkeypatch.setitem(backends._HOMES, "nowhere", broken)
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"nowhere +backend 'nowhere' does not work here: No module.*Install it", said)
    assert "Install it with pip" in error_of(capsys, "train", "--backend", "nowhere")


@pytest.mark.slow
def test_plain_lines_where_there_is_no_terminal(tmp_path):
    command = [sys.executable, "-m", "scratchgan", "train", "gaussian-1d", *QUICK, "--out", "r"]
    env = {**os.environ, "SCRATCHGAN_QUIET": "1"}  # the first start says that it compiles
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env=env
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert re.search(r"6 / 6  V [+-]\d\.\d{3}  D\(x\) 0\.\d\d  D\(G\(z\)\) 0\.\d\d", done.stdout)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
@pytest.mark.slow
def test_a_bar_on_a_terminal(tmp_path):
    import pty
    import termios

    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 100))
    command = [sys.executable, "-m", "scratchgan", "train", "gaussian-1d", *QUICK, "--out", "r"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=child, timeout=600)
    os.close(child)
    said = os.read(parent, 100_000).decode()
    os.close(parent)
    assert done.returncode == 0
    assert "6/6" in said
    assert " / " not in done.stdout.decode().split("samples:")[0]


# -- refused, each with the name of the thing and the remedy --------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digitz"], "unknown recipe 'digitz'; did you mean 'digits'? Known: digits, "),
        (["train", "--backend", "gpu"], "unknown backend 'gpu'"),
        (["train", "--objective", "minmax"], "did you mean 'minimax'? Known: auxiliary_cl"),
        (["train", "--updates", "alternate"], "did you mean 'alternating'"),
        (["train", "--data", "digit"], "unknown data set 'digit'; did you mean 'digits'"),
        (["train", "--steps", "0"], "steps is 0; expected a whole number from 1 to 1,000,000,000,"),
        (["train", "--steps", "9" * 25], "steps is 9999999999999999999999999; expected a whole"),
        (["train", ""], "unknown recipe ''"),
        (["train", "digits", "--data", "ring"], "'ring' has points, but recipe 'digits' is for"),
        (["train", "grid", "--data", "digits"], "use recipe 'digits', or leave the recipe out"),
        (["train", "mnist", "--data", "digits"], "hold back fewer with --validation"),
        (["train", "--batch-size", "-3"], "batch_size is -3"),
        (["train", "--batch-size", "5000"], "batch_size is 5000 and the data have 1"),
        (["train", "--k", "0"], "k is 0"),
        (["train", "--seed", "-1"], "seed is -1"),
        (["train", "--penalties", "r3"], "unknown penalty 'r3'. Known: dragan, r1, r2"),
        (["train", "--penalties", "r1=-1"], "R1: gamma is -1.0; expected a number at least 0"),
        (["train", "--config", "nowhere.toml"], "there is no settings file nowhere.toml"),
        (["train", "--resume", "nowhere"], "nowhere holds no run"),
        (["train", "--resume", "nowhere", "--seed", "3"], "leave out seed"),
        (["train", "--resume", "nowhere", "--rate-g", "0.1"], "leave out rate_g"),
        (["train", "--rate-d", "-0.1"], "rate is -0.1; expected a number at least 0"),
        (["train", "--clip", "-0.1"], "clip is -0.1; expected a number above 0"),
        (["train", "--batch-size", "9", "--pack", "2"], "batch_size is 9 and pack is 2; expected"),
        (["train", "--pack", "2", "--conditional"], "pack is 2, but packed examples have no comm"),
        (["train", "--pool", "5", "--updates", "simultaneous"], "use alternating updates, or pool"),
        (["train", "ring", "--resume", "nowhere"], "leave out recipe"),
        (["sample", "nowhere"], "nowhere holds no run"),
        (["evaluate", "nowhere"], "nowhere holds no run"),
    ],
)
def test_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = error_of(capsys, *arguments)
    assert message in said or re.search(message, said)
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # and nothing is left behind


def test_refused_settings(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / "s.toml"
    for text, message in [
        ("steps = ", "settings file s.toml cannot be read"),
        ("stepz = 3", "unknown setting 'stepz'; did you mean 'steps'"),
        ("[optimizer_g]\nrate = -0.1", "rate is -0.1; expected"),
        ("data = 5", "unknown data set '5'|data is 5; expected a string"),
        ("data = ['ring']", "unknown data set|data is .'ring'.; expected a string"),
        ("recipe = ['digits']", "unknown recipe"),
        ("recipe = 5", "unknown recipe '5'"),
        ("[noise]\nfeatures = 2000000000", "2000000000; expected a whole number|GB of memory"),
        ("steps = inf", "steps is inf; expected a whole number"),
        ("log_every = " + "9" * 25, "log_every is 9+; expected a whole number"),
        ("k = {a = 3}", "k is {'a': 3}; expected a whole number"),
        ('recipe = "rings"', "unknown recipe 'rings'; did you mean 'ring'"),
    ]:
        settings.write_text(text)
        for named in ([], ["ring"] if "recipe" in text else ["digits"]):
            said = error_of(capsys, "train", *named, "--config", "s.toml")
            assert re.search(message, said)
            assert said.count("\n") == 1


def test_refused_folders_and_files(trained, capsys, tmp_path):
    assert "already holds a run" in error_of(capsys, "train", *QUICK, "--out", trained)
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("")
    said = error_of(capsys, "train", *QUICK, "--out", not_a_folder / "run")
    assert "could not write" in said
    assert "--out FOLDER" in said
    assert "ends in .png or .npy" in error_of(capsys, "sample", trained, "--out", "x.jpg")
    assert "not conditional" in error_of(capsys, "sample", trained, "--label", "3")
    assert "could not write" in error_of(capsys, "sample", trained, "--out", not_a_folder / "x.png")
    for command in ("evaluate", "sample"):
        assert re.search("n is 0|0 samples", error_of(capsys, command, trained, "--n", "0"))


def test_data_that_cannot_be_had(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path / "nowhere"))
    said = error_of(capsys, "train", "mnist", "--out", tmp_path / "run")
    assert "SCRATCHGAN_DATA_DIR" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_diverging_training(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("scratchgan.optim.SGD.__post_init__", lambda self: None)  # any rate
    settings = tmp_path / "s.toml"
    settings.write_text("log_every = 5\n[optimizer_g]\nname = 'sgd'\nrate = 1e38\n")
    folder = tmp_path / "run"
    options = ["--config", str(settings), "--steps", "100", "--out", str(folder)]
    assert main(["train", "gaussian-1d", *options]) == 1
    said = capsys.readouterr().err
    assert "no longer finite" in said
    assert "lower the learning rates" in said
    assert "Traceback" not in said
