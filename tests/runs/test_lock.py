"""One process at a time writes a run's folder, and one that was killed keeps nobody out."""

import json
import os
import subprocess
import sys

import pytest

from scratchgan.cli import main
from scratchgan.data import load
from scratchgan.errors import RunError
from scratchgan.runs import RunFolder, Session, next_free_folder, read_checkpoint
from scratchgan.runs import lock as run_lock
from scratchgan.runs.lock import LOCK, FolderLock
from tests.runs.small import resume, start

pytestmark = pytest.mark.usefixtures("plain_pictures")

# Holds a folder until its input ends.
HOLDER = """
import sys
from pathlib import Path
from scratchgan.runs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder():
    children = []

    def hold(folder):
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        children.append(child)
        assert child.stdout.readline() == "held\n"
        return child

    yield hold
    for child in children:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_a_second_one_is_told_of_the_first(copy, holder, capsys):
    child = holder(copy.path)
    before = {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()}
    with pytest.raises(RunError, match=f"is being written by process {child.pid} on .*; wait"):
        resume(copy)
    assert main(["train", "--resume", str(copy.path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"process {child.pid} " in said
    assert {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()} == before
    child.kill()  # its lock ends with it, and its file locks nothing
    child.wait()
    assert (copy.path / LOCK).exists()
    assert resume(copy).run().iteration == 6
    assert not (copy.path / LOCK).exists()


def test_reading_needs_no_lock(copy, holder, capsys):
    holder(copy.path)
    assert main(["sample", str(copy.path), "--n", "3"]) == 0


def test_a_start_in_a_folder_that_is_being_taken(tmp_path, holder):
    folder = tmp_path / "run"
    folder.mkdir()
    child = holder(folder)
    with pytest.raises(RunError, match=f"is being written by process {child.pid}"):
        start(folder)
    child.kill()
    child.wait()
    (folder / "env.json").write_text("{")  # what a start leaves that was killed
    (folder / "config.json.unfinished").write_text("{")
    assert start(folder).folder.config.recipe == "gaussian-1d"
    assert "python" in json.loads((folder / "env.json").read_text())
    assert not (folder / "config.json.unfinished").exists()


def test_others_files_beside_an_old_lock_are_kept(tmp_path):
    (tmp_path / LOCK).write_text("")
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(RunError, match="is not empty .notes is in it"):
        start(tmp_path)
    assert (tmp_path / "notes").read_text() == "mine"


def test_it_is_held_from_the_start_to_the_end_of_run(tmp_path):
    session = start(tmp_path / "run")
    number, host = (tmp_path / "run" / LOCK).read_text().split()
    assert (int(number), bool(host)) == (os.getpid(), True)
    with pytest.raises(RunError, match="this process.*close"):
        resume(session.folder.open(session.folder.path))
    session.run()
    assert not (tmp_path / "run" / LOCK).exists()
    resumed = resume(session.folder)
    with pytest.raises(RunError, match="this process"):
        session.run()
    resumed.close()
    resumed.close()
    session.run()
    assert not (tmp_path / "run" / LOCK).exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_ends_a_run_ends_its_lock(tmp_path, error):
    session = start(tmp_path / "run")

    def fail(trainer):
        raise error

    session.trainer.call_every(3, fail)
    with pytest.raises(error):
        session.run()
    assert not (tmp_path / "run" / LOCK).exists()
    assert resume(session.folder).trainer.iteration == 2


def test_what_cannot_be_resumed_is_not_held(copy):
    copy.newest_checkpoint().write_bytes(b"")
    with pytest.raises(RunError, match="corrupted"):
        resume(copy)
    assert not (copy.path / LOCK).exists()


def test_a_session_that_is_dropped_lets_go(tmp_path):
    folder = start(tmp_path / "run").folder.path
    assert resume(RunFolder.open(folder)).run().iteration == 6


def test_a_session_does_not_go_on_behind_another(tmp_path):
    """Stopped, then resumed by another, then run again: the cell of a notebook."""
    session = start(tmp_path / "run")
    session.trainer.call_every(1, lambda t: t.stop() if t.iteration in (2, 4) else None)
    assert session.run().iteration == 2
    assert session.run().iteration == 4  # by itself it goes on
    resume(session.folder).run()
    with pytest.raises(RunError, match="is at iteration 6, but this session is at 4"):
        session.run()


def test_the_last_holders_file_is_not_mistaken_for_the_lock(tmp_path, monkeypatch):
    """Removed between being opened and being locked: whoever locks it then holds nothing."""
    first = FolderLock(tmp_path)
    take, calls = run_lock._lock, []

    def late(descriptor):
        if not calls:
            first.release()  # removes the file that has just been opened
        calls.append(descriptor)
        take(descriptor)

    monkeypatch.setattr(run_lock, "_lock", late)
    second = FolderLock(tmp_path)
    assert len(calls) == 2
    monkeypatch.setattr(run_lock, "_lock", take)
    with pytest.raises(RunError, match="is being written"):
        FolderLock(tmp_path)
    second.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="flock is of POSIX")
def test_a_file_system_without_locks_is_spoken_of(tmp_path, monkeypatch):
    import errno

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_lock.fcntl, "flock", none)
    with pytest.warns(UserWarning, match="no locks .No locks available.: take care"):
        FolderLock(tmp_path).release()
    monkeypatch.setattr(
        run_lock.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken"))
    )
    with pytest.raises(RunError, match="could not write .*broken"):
        FolderLock(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_that_ends_does_not_let_go(tmp_path):
    lock = FolderLock(tmp_path)
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / LOCK).exists()
    with pytest.raises(RunError, match="is being written"):
        FolderLock(tmp_path)
    lock.release()


# -- folders by number ----------------------------------------------------------------------------


def test_a_start_without_a_folder_takes_the_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert start(None).folder.path.as_posix() == f"runs/gaussian-1d-{number:03d}"


def test_a_number_that_another_start_takes_first(tmp_path, monkeypatch, done):
    """Between the look and the making of the folder."""
    from scratchgan.runs import folder as run_folder

    free = run_folder.next_free_folder

    def late(parent, name):
        path = free(parent, name)
        if path.name.endswith(("1", "2")):
            path.mkdir()
        return path

    monkeypatch.setattr(run_folder, "next_free_folder", late)
    assert RunFolder.create_next(tmp_path, done.config).path.name == "gaussian-1d-003"


def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path):
    (tmp_path / "ring-001").symlink_to(tmp_path / "nowhere")
    assert next_free_folder(tmp_path, "ring").name == "ring-002"


@pytest.mark.slow
def test_starts_at_once(tmp_path):
    """Each has a folder, with its own settings beside its own checkpoints."""
    command = [sys.executable, "-m", "scratchgan", "train", "gaussian-1d", "--backend", "reference"]
    children = [
        subprocess.Popen(
            [*command, "--steps", "3", "--seed", str(seed)],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for seed in range(4)
    ]  # fmt: skip
    said = [child.communicate(timeout=600)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4, said
    seeds = set()
    for number in range(1, 5):
        folder = RunFolder.open(tmp_path / "runs" / f"gaussian-1d-{number:03d}")
        made = read_checkpoint(folder.newest_checkpoint()).made_with["settings"]
        assert made["seed"] == folder.config.seed
        seeds.add(made["seed"])
    assert seeds == set(range(4))


def test_a_longer_name_of_an_earlier_holder_is_not_left(tmp_path):
    (tmp_path / LOCK).write_text("99999999999 " + "a-long-name." * 9 + "\n")
    lock = FolderLock(tmp_path)
    assert (tmp_path / LOCK).read_text().count("\n") == 1
    assert (tmp_path / LOCK).read_text().split()[0] == str(os.getpid())
    lock.release()


def test_what_fails_lets_go_while_its_error_is_still_looked_at(copy, tmp_path, monkeypatch):
    """As in a notebook, which keeps the last error and with it all that it went through."""
    newest = copy.newest_checkpoint()

    def fail(self):
        raise RunError("the disk is full")

    monkeypatch.setattr(Session, "_write_checkpoint", fail)
    with pytest.raises(RunError, match="disk is full") as kept:
        Session.start(tmp_path / "new", copy.config, load("gaussian-1d"), newest)
    assert not (tmp_path / "new" / LOCK).exists()
    newest.write_bytes(b"")
    with pytest.raises(RunError, match="corrupted") as also:
        Session.resume(copy, load("gaussian-1d"))
    assert not (copy.path / LOCK).exists()
    del kept, also
