"""What a run does when it is told to end, when nobody listens, and when what is due coincides."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.errors import RunError
from scratchgan.nn import Network
from scratchgan.runs import (
    Config,
    RunFolder,
    Session,
    build_trainer,
    load_generator,
    load_trainer,
    next_free_folder,
    read_checkpoint,
    write_checkpoint,
)
from scratchgan.runs import measures as run_measures
from scratchgan.runs.build import build_networks, describe_data
from scratchgan.runs.interrupts import interrupts
from tests.runs.small import CHANGES, resume, start

pytestmark = pytest.mark.usefixtures("plain_pictures", "heard")

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_run_with_a_checkpoint(tmp_path, number):
    before = [signal.getsignal(each) for each in SIGNALS]
    session = start(tmp_path / "run", checkpoint_every=100, steps=50)
    session.trainer.call_every(
        1, lambda t: signal.raise_signal(number) if t.iteration == 3 else None
    )
    outcome = session.run()
    assert (outcome.interrupted, outcome.signal, outcome.iteration) == (True, number, 3)
    assert outcome.checkpoint.exists()
    assert outcome.animation.exists()
    assert resume(session.folder).trainer.iteration == 3
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_before_the_first_iteration_or_after_the_last(tmp_path, monkeypatch):
    from scratchgan.runs.render import Renderer

    write = Renderer.write
    monkeypatch.setattr(
        Renderer, "write", lambda *a: (write(*a), signal.raise_signal(signal.SIGTERM))
    )
    session = start(tmp_path / "a")
    with pytest.raises(Hit), hits():
        session.run()  # a second signal, at the last picture
    assert session.trainer.iteration == 0
    assert session.folder.checkpoint_path(0).exists()
    monkeypatch.setattr(Renderer, "write", write)
    session = start(tmp_path / "b")
    session.trainer.call_every(
        6, lambda t: signal.raise_signal(signal.SIGTERM)
    )  # the last iteration: it is complete
    outcome = session.run()
    assert (outcome.interrupted, outcome.signal, outcome.iteration) == (False, 0, 6)


class Hit(Exception):
    pass


class hits:
    """SIGTERM raises Hit."""

    def __enter__(self):
        def hit(number, frame):
            raise Hit

        self.before = signal.signal(signal.SIGTERM, hit)

    def __exit__(self, *error):
        signal.signal(signal.SIGTERM, self.before)


def test_a_second_signal_does_what_it_would_have_done():
    with hits():
        with interrupts() as seen:
            signal.raise_signal(signal.SIGINT)
            assert seen == [signal.SIGINT]
            with pytest.raises(Hit):
                signal.raise_signal(signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_so(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with interrupts() as seen:
            signal.raise_signal(number)
            assert signal.getsignal(number) == signal.SIG_IGN
        assert not seen
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_in_another_thread_no_signal_is_handled(tmp_path):
    session, found = start(tmp_path / "run"), []
    thread = threading.Thread(target=lambda: found.append(session.run()))
    thread.start()
    thread.join()
    assert found[0].iteration == 6
    assert not found[0].interrupted


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "ignored"),
    [("SIGTERM", False), ("SIGHUP", False), ("SIGINT", True)],
)
@pytest.mark.slow
def test_exit_status(tmp_path, number, ignored):
    """128 + the signal's number; a job that ignores the signal goes on to its end."""
    number = getattr(signal, number)
    command = [sys.executable, "-m", "scratchgan", "train", "gaussian-1d", "--backend",
               "reference", "--steps", "200" if ignored else "1000000", "--out", "run"]  # fmt: skip
    (tmp_path / "s.toml").write_text("log_every = 1\n")
    child = subprocess.Popen(
        [*command, "--config", "s.toml"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=(lambda: signal.signal(number, signal.SIG_IGN)) if ignored else None,
    )  # fmt: skip
    metrics, ended = tmp_path / "run" / "metrics.jsonl", False
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 5:
        assert not ended, child.stdout.read()
        ended = child.poll() is not None  # what it wrote before it ended is looked at once more
        time.sleep(0.005)
    child.send_signal(number)
    said = child.communicate(timeout=600)[0]
    assert child.returncode == (0 if ignored else 128 + number), said
    assert list((tmp_path / "run" / "checkpoints").glob("*.npz"))
    assert ("continue with `scratchgan train --resume run`" in said) == (not ignored)
    assert "Traceback" not in said


# -- nobody listens -------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", [2, 6])
def test_the_run_goes_on_when_progress_cannot_be_shown(tmp_path, error, at):
    shown = []

    def progress(trainer):
        shown.append(trainer.iteration)
        if trainer.iteration == at:
            raise error

    session = start(tmp_path / "run")
    assert session.run(progress).iteration == 6
    assert shown == list(range(2, at + 1, 2))
    assert [r["step"] for r in session.folder.read_metrics()] == [2, 4, 6]
    assert session.folder.newest_step() == 6


def test_progress_is_told_of_the_end(tmp_path):
    shown = []
    start(tmp_path / "run", steps=5).run(lambda trainer: shown.append(trainer.iteration))
    assert shown == [2, 4, 5]


def test_another_error_of_progress_is_the_callers_own(tmp_path):
    session = start(tmp_path / "run")
    with pytest.raises(ZeroDivisionError):
        session.run(lambda trainer: 1 / 0)


def test_callbacks_are_left_as_they_were(tmp_path):
    session = start(tmp_path / "run")
    mine = (3, lambda trainer: None)
    session.trainer.callbacks.append(mine)
    session.run(lambda trainer: None)
    assert session.trainer.callbacks == [mine]


# -- what is due ----------------------------------------------------------------------------------


def test_each_thing_is_done_when_it_is_due(tmp_path, monkeypatch):
    """None of the intervals is a multiple of another."""
    monkeypatch.setitem(
        run_measures.MEASURES, "parzen", run_measures.Measure(7, lambda *_: {"score": 1.0})
    )
    session = start(
        tmp_path / "run", steps=30, log_every=10, sample_every=15, checkpoint_every=14,
        measure="parzen", measure_every=6, validation=100,
    )  # fmt: skip
    session.run()
    folder = session.folder
    assert [r["step"] for r in folder.read_metrics()] == [10, 20, 30]
    assert [r["step"] for r in folder.read_metrics("seconds.jsonl")] == [10, 20, 30]
    assert [r["step"] for r in folder.read_metrics("measured.jsonl")] == [6, 12, 18, 24, 30]
    assert [p.name[5:11] for p in folder.frames()] == ["000000", "000015", "000030"]
    assert [p.name[5:11] for p in folder.checkpoints()] == ["000014", "000028", "000030"]


@pytest.mark.parametrize("name", ["log_every", "sample_every", "checkpoint_every"])
def test_each_interval_counts_alone(tmp_path, name):
    others = {"log_every": 6, "sample_every": 6, "checkpoint_every": 6}
    session = start(tmp_path / "run", **{**others, name: 4})
    session.run()
    folder = session.folder
    found = {
        "log_every": [r["step"] for r in folder.read_metrics()],
        "sample_every": [int(p.stem[5:]) for p in folder.frames()][1:],
        "checkpoint_every": [int(p.stem[5:]) for p in folder.checkpoints()],
    }
    for each, steps in found.items():
        at_the_end = [] if each == "log_every" else [6]
        assert steps == ([4, *at_the_end] if each == name else [6])


def test_resuming_removes_later_frames(tmp_path):
    session = start(tmp_path / "run", sample_every=1, checkpoint_every=4)
    session.run()
    session.folder.checkpoint_path(6).unlink()
    resumed = resume(session.folder)
    assert [int(p.stem[5:]) for p in resumed.folder.frames()] == [0, 1, 2, 3, 4]
    resumed.close()


def test_more_steps(tmp_path):
    session = start(tmp_path / "run")
    session.run()
    more = resume(session.folder, steps=8)
    assert more.run().iteration == 8
    assert more.folder.open(more.folder.path).config.steps == 8
    assert resume(more.folder, steps=8).run().iteration == 8  # as many as are done: no more
    with pytest.raises(ValueError, match="steps is 7, but .* already at iteration 8"):
        resume(more.folder, steps=7)


def test_the_players_are_drawn_from_two_seeds():
    config = describe_data(Config.from_recipe("ring", {**CHANGES, "seed": 3}), load("ring"))
    for player, network in enumerate(build_networks(config, load("ring"))):
        other = Network(network.layer, seed=[3, player], dtype="float32", backend=network.ops)
        assert (network.ops.to_numpy(network.flat) == other.ops.to_numpy(other.flat)).all()
    G, D = build_networks(config)
    a, b = (np.asarray(network.params[0]["weight"]) for network in (G, D))
    rows = min(len(a), len(b))
    assert (a[:rows] != b[:rows]).any()


def test_samples_beyond_the_memory_are_refused(done, monkeypatch):
    from scratchgan import Stream, limits

    G = load_generator(done)
    needed = 1000 * 4 * (1 + 32 + 1)  # z, a hidden layer, x; float32
    monkeypatch.setattr(limits, "memory", lambda: needed)
    assert len(G.sample(1000, Stream(0))) == 1000
    monkeypatch.setattr(limits, "memory", lambda: needed - 1)
    with pytest.raises(ValueError, match="1,000 samples at once, which takes about"):
        G.sample(1000, Stream(0))


def test_a_run_that_cannot_be_written_is_said_so(tmp_path):
    session = start(tmp_path / "run")
    session.run()
    import shutil

    shutil.rmtree(tmp_path / "run")
    with pytest.raises(RunError, match="could not write"):
        session.run()


def test_more_images_than_a_picture_holds_are_refused(tmp_path):
    """The most that are taken make one; so a picture of fewer rows is no matter of luck."""
    from scratchgan.runs.render import LONGEST, sample_figure

    shape = (400, 1)  # 401 pixels a row of images, with the line between them, each twice as large
    most = 10 * (LONGEST // 802 - 1)
    samples = np.zeros((most + 1, 400), np.float32)
    with pytest.raises(ValueError, match=rf"{most + 1:,} samples.* most {most:,} images.*npy"):
        sample_figure(samples, shape)
    with open(tmp_path / "a.png", "wb") as stream:
        sample_figure(samples[:most], shape).savefig(stream)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f, d: RunFolder.open(3), "RunFolder.open: path is 3; expected a path"),
        (lambda f, d: RunFolder.create(None, f.config), "path is None"),
        (lambda f, d: RunFolder.create("x", "digits"), "config is 'digits'; expected a Config"),
        (lambda f, d: load_generator("runs/a"), "folder is 'runs/a'; expected .*RunFolder.open"),
        (lambda f, d: load_trainer(f, d.x), "data is .*; expected a Dataset"),
        (lambda f, d: load_trainer(f.path, d), "folder is .*; expected .*RunFolder.open"),
        (lambda f, d: build_trainer(f.path, d), "config is .*; expected a Config"),
        (lambda f, d: build_trainer(f.config, "digits"), "data is 'digits'; expected a Dataset"),
        (lambda f, d: Session.start("x", f.config, "ring"), "data is 'ring'; expected a Dataset"),
        (lambda f, d: Session.start("x", {}, d), "config is {}; expected a Config"),
        (lambda f, d: Session.start("x", f.config, d, 3), "path is 3; expected a path"),
        (lambda f, d: Session.resume(f.path, d), "folder is .*; expected .*RunFolder.open"),
        (lambda f, d: Session.resume(f, d, "9"), "steps is '9'; expected a whole number"),
        (lambda f, d: Session.resume(f, d, True), "steps is True; expected a whole number"),
        (lambda f, d: read_checkpoint(3), "path is 3; expected a path"),
        (lambda f, d: write_checkpoint("x", None), "trainer is None; expected a Trainer"),
        (lambda f, d: next_free_folder(None, "x"), "path is None; expected a path"),
    ],
)
def test_wrong_arguments_are_named(done, call, said):
    with pytest.raises(ValueError, match=said):
        call(done, load("gaussian-1d"))


def test_a_path_may_be_a_string(done, tmp_path):
    folder = RunFolder.open(str(done.path))
    session = Session.start(str(tmp_path / "new"), done.config, load("gaussian-1d"),
                            str(folder.newest_checkpoint()))  # fmt: skip
    assert session.trainer.iteration == 6
    write_checkpoint(str(tmp_path / "a.npz"), session.trainer)
    assert read_checkpoint(str(tmp_path / "a.npz")).counters["iteration"] == 6
