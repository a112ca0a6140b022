"""A run that is killed, at any moment and as often as one likes, ends as if it never had been."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

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


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_killed_twenty_times(tmp_path, undisturbed):
    moments = random.Random(20)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    folder, kills, steps_seen = tmp_path / "run", 0, []
    while kills < 20:
        started = (folder / "config.json").exists()
        command = ["--resume", "run"] if started else [*START, "run"]
        child = subprocess.Popen([*COMMAND, *command], cwd=tmp_path, stdout=subprocess.DEVNULL)
        # the first kills come before any checkpoint; the others at random moments after one
        before, further = lines(folder / "metrics.jsonl"), moments.randint(1, 35)
        cut_back = False
        while child.poll() is None:
            now = lines(folder / "metrics.jsonl")
            cut_back |= now < before
            if now >= (before // 20 * 20 if cut_back else before) + further and now < 395:
                break
            time.sleep(0.0005)
        if child.poll() is not None:  # it was through before we looked: begin another run
            assert child.returncode == 0
            assert_same_end(folder, undisturbed)
            folder.rename(tmp_path / f"missed-{time.monotonic_ns()}")
            continue
        time.sleep(moments.random() * 0.004)  # anywhere within a step, or within a write
        child.send_signal(signal.SIGKILL)
        child.wait()
        kills += 1
        steps_seen.append(lines(folder / "metrics.jsonl"))
        if steps_seen[-1] > 330 and kills < 20:  # near its end: finish this run, begin another
            assert run(tmp_path, "--resume", "run").returncode == 0
            assert_same_end(folder, undisturbed)
            folder.rename(tmp_path / f"done-{kills}")
    if (folder / "config.json").exists():
        assert run(tmp_path, "--resume", "run").returncode == 0
        assert_same_end(folder, undisturbed)
    assert len(set(steps_seen)) >= 10, "the kills came at too few different moments"


# What the child does just before it kills itself, at the n-th file that it writes.
DRIVER = """
import os, signal, stat, sys
import scratchgan.files
from scratchgan.cli import main

where, number = sys.argv[1], int(sys.argv[2])
count = 0
replace, fsync = os.replace, os.fsync

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted_replace(source, target):
    global count
    count += 1
    if count == number and where == "before the rename":
        die()
    replace(source, target)
    if count == number and where == "after the rename":
        die()

def counted_fsync(descriptor):
    found = os.fstat(descriptor)
    if count + 1 == number and where == "half written" and stat.S_ISREG(found.st_mode):
        os.ftruncate(descriptor, found.st_size // 2)
        die()
    fsync(descriptor)

os.replace, os.fsync = counted_replace, counted_fsync
main(sys.argv[3:])
"""


@pytest.mark.parametrize("where", ["half written", "before the rename", "after the rename"])
@pytest.mark.parametrize("number", [1, 2, 7, 28])  # env.json, config.json, a checkpoint, a picture
def test_killed_between_write_and_rename(tmp_path, undisturbed, where, number):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, "driver.py", where, str(number), "train", *START, "run"]
    killed = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=600)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    started = (tmp_path / "run" / "config.json").exists()
    goes_on = ["--resume", "run"] if started else [*START, "run"]
    done = run(tmp_path, *goes_on)
    assert done.returncode == 0, done.stderr
    assert_same_end(tmp_path / "run", undisturbed)


def test_interrupted_by_ctrl_c(tmp_path, undisturbed):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    child = subprocess.Popen(
        [*COMMAND, *START, "run"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    while lines(tmp_path / "run" / "metrics.jsonl") < 30:
        assert child.poll() is None, child.stdout.read().decode()
        time.sleep(0.001)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=600)[0].decode()
    assert child.returncode == 130, said
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
    assert "make room on that disk" in full.stderr
    assert "Traceback" not in full.stderr
    done = run(tmp_path, "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert_same_end(tmp_path / "run", undisturbed)
