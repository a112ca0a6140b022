"""A run that is killed, at any moment and as often as one likes, ends as if it never had been."""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow
SETTINGS = """
data = "gaussian-1d"
steps = 400
batch_size = 16
log_every = 1
sample_every = 100
checkpoint_every = 20
ema = 0.9
"""
COMMAND = [sys.executable, "-m", "scratchgan", "train"]
START = ["gaussian-1d", "--config", "settings.toml", "--out"]


def run(folder, *command, **options):
    return subprocess.run(
        [*COMMAND, *command], cwd=folder, capture_output=True, text=True, timeout=600, **options
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "settings.toml").write_text(SETTINGS)
    done = run(folder, *START, "whole")
    assert done.returncode == 0, done.stderr
    return folder / "whole"


def assert_same_end(run_folder, undisturbed):
    name = "checkpoints/step_000400.npz"
    with np.load(run_folder / name) as a, np.load(undisturbed / name) as b:
        assert a.files == b.files
        for key in a.files:
            assert a[key].tobytes() == b[key].tobytes(), key
    for name in ("metrics.jsonl", "samples.png", "losses.png", "training.gif"):
        assert (run_folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    frames = sorted(p.name for p in (undisturbed / "samples").iterdir())
    assert sorted(p.name for p in (run_folder / "samples").iterdir()) == frames
    assert not list(run_folder.rglob("*.unfinished"))


# What the child does to itself: at the n-th file that it writes, or some seconds of its own
# processor time behind the n-th record, so that it does not matter how busy the machine is.
DRIVER = """
import os, signal, stat, sys
import scratchgan.files
from scratchgan.cli import main
from scratchgan.runs import RunFolder

where, number, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
count = records = 0
replace, fsync, append = os.replace, os.fsync, RunFolder.append_metrics

def end(number=signal.SIGKILL):
    os.kill(os.getpid(), number)

def counted_replace(source, target):
    global count
    count += 1
    if count == number and where == "before the rename":
        end()
    replace(source, target)
    if count == number and where == "after the rename":
        end()
    if count == number and where == "ctrl-c":
        end(signal.SIGINT)

def counted_fsync(descriptor):
    found = os.fstat(descriptor)
    if count + 1 == number and where == "half written" and stat.S_ISREG(found.st_mode):
        os.ftruncate(descriptor, found.st_size // 2)
        end()
    fsync(descriptor)

def counted_append(folder, record, name="metrics.jsonl"):
    global records
    append(folder, record, name)
    records += name == "metrics.jsonl"
    if records == number and where == "behind a record":
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process at once

os.replace, os.fsync, RunFolder.append_metrics = counted_replace, counted_fsync, counted_append
sys.exit(main(sys.argv[4:]))
"""


def driven(folder, where, number, *command, seconds=0.0):
    (folder / "settings.toml").write_text(SETTINGS)
    return subprocess.run(
        [sys.executable, "-c", DRIVER, where, str(number), str(seconds), "train", *command],
        cwd=folder, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def goes_on(folder):
    """The command that begins or resumes the run."""
    started = (folder / "run" / "config.json").exists()
    return ["--resume", "run"] if started else [*START, "run"]


def test_killed_twenty_times(tmp_path, undisturbed):
    """Anywhere within a step, or within a write."""
    moments, metrics = random.Random(20), tmp_path / "run" / "metrics.jsonl"
    kills, steps_seen = 0, set()
    while kills < 20:
        records, seconds = moments.randint(1, 35), 1e-4 + moments.random() * 0.004
        killed = driven(tmp_path, "behind a record", records, *goes_on(tmp_path), seconds=seconds)
        if killed.returncode == 0:  # it has come to its end: begin another run
            assert_same_end(tmp_path / "run", undisturbed)
            (tmp_path / "run").rename(tmp_path / f"whole-{kills}")
            continue
        assert killed.returncode == -signal.SIGPROF, killed.stderr
        kills += 1
        steps_seen.add(metrics.read_bytes().count(b"\n"))
    done = run(tmp_path, *goes_on(tmp_path))
    assert done.returncode == 0, done.stderr
    assert_same_end(tmp_path / "run", undisturbed)
    assert len(steps_seen) >= 10, "the kills came at too few different moments"


@pytest.mark.parametrize("where", ["half written", "before the rename", "after the rename"])
@pytest.mark.parametrize("number", [1, 2, 7, 28])  # env.json, config.json, a checkpoint, a picture
def test_killed_between_write_and_rename(tmp_path, undisturbed, where, number):
    killed = driven(tmp_path, where, number, *START, "run")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = run(tmp_path, *goes_on(tmp_path))
    assert done.returncode == 0, done.stderr
    assert_same_end(tmp_path / "run", undisturbed)


@pytest.mark.usefixtures("heard")
def test_interrupted_by_ctrl_c(tmp_path, undisturbed):
    """While a checkpoint is written."""
    interrupted = driven(tmp_path, "ctrl-c", 7, *START, "run")
    assert interrupted.returncode == 130, interrupted.stderr
    said = interrupted.stdout + interrupted.stderr
    assert "interrupted at iteration" in said
    assert "scratchgan train --resume run" in said
    assert "Traceback" not in said
    done = run(tmp_path, "--resume", "run")
    assert done.returncode == 0
    # the frames are those of whole iterations, so all but nothing differs from an undisturbed run
    assert_same_end(tmp_path / "run", undisturbed)


@pytest.mark.skipif(os.name != "posix", reason="limits of file sizes are set the POSIX way")
@pytest.mark.parametrize("most", [9_000, 70_000])  # a checkpoint has 35 kB, all metrics 85 kB
def test_full_disk(tmp_path, undisturbed, most):
    """The disk takes no more than so many bytes a file."""
    (tmp_path / "settings.toml").write_text(SETTINGS)

    def limit():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    full = run(tmp_path, *START, "run", preexec_fn=limit)
    assert full.returncode == 2
    assert "could not write" in full.stderr
    assert "Free space on that disk" in full.stderr
    assert "Traceback" not in full.stderr
    done = run(tmp_path, "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert_same_end(tmp_path / "run", undisturbed)
