"""Outputs that are closed, full, or whose reader has left: no traceback, and the work is done."""

import errno
import io
import os
import subprocess
import sys

import pytest

from scratchgan.command import run_command
from scratchgan.errors import NonFiniteError, RunError

TRAIN = "train gaussian-1d --steps 60 --batch-size 8 --backend reference"
posix = pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")


def shell(command, folder):
    """Run a command in bash; the exit status is that of scratchgan, not of a reader behind it."""
    command = command.replace("scratchgan", f"'{sys.executable}' -m scratchgan", 1)
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder, capture_output=True, text=True, timeout=600,
        # Buffered, as it is unless asked otherwise: what fails then fails at the end.
        env={**os.environ, "SCRATCHGAN_QUIET": "1", "PYTHONUNBUFFERED": ""},
    )  # fmt: skip


@posix
@pytest.mark.parametrize(
    ("redirection", "status", "said"),
    [
        ("> /dev/full", 1, "scratchgan: error: the output could not be written: No space left"),
        ("<&- >&- 2>&-", 0, ""),
        ("| head -1", 0, ""),
    ],
)
@pytest.mark.slow
def test_a_run_is_finished(tmp_path, redirection, status, said):
    done = shell(f"scratchgan {TRAIN} --out run {redirection}", tmp_path)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == bool(said)
    files = {path.relative_to(tmp_path / "run").as_posix() for path in tmp_path.rglob("*.*")}
    wanted = {"checkpoints/step_000060.npz", "samples.png", "losses.png", "training.gif"}
    assert wanted <= files
    # What is closed is not where the run's own files are opened: nothing strays into them.
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert all(line.startswith("{") for line in lines)


@posix
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("scratchgan --help > /dev/full", 1),
        ("scratchgan --version >&-", 0),
        ("scratchgan info | true", 0),
        ("scratchgan nosuch > /dev/full", 2),
        ("scratchgan nosuch 2> /dev/full", 2),
        ("scratchgan nosuch 2>&-", 2),
    ],
)
def test_exit_status(tmp_path, command, status):
    done = shell(command, tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


class Broken(io.StringIO):
    """A stream that takes some characters, and none after them."""

    def __init__(self, error, takes=0):
        super().__init__()
        self.error = error
        self.takes = takes

    def write(self, text):
        if self.takes < len(text):
            raise self.error
        self.takes -= len(text)
        return super().write(text)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.EIO, "the terminal has gone"), 1),
        (BrokenPipeError(errno.EPIPE, "nobody reads"), 0),
    ],
)
def test_a_stream_that_breaks_in_the_middle(monkeypatch, capsys, error, status):
    stream = Broken(error, takes=6)
    monkeypatch.setattr(sys, "stdout", stream)
    seen = []

    def work():
        for n in range(3):
            print("abcd", flush=True)
            seen.append(n)
        return 0

    assert run_command("it", work) == status
    assert sys.stdout is stream  # the caller's own again
    assert stream.getvalue() == "abcd\n"
    assert seen == [0, 1, 2]
    assert ("it: error: the output could not be written: the term" in capsys.readouterr().err) == (
        status == 1
    )


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_left_in_a_buffer_is_written_or_given_up(monkeypatch, name):
    """Here, where a failure is caught, and not at Python's own end."""
    asked = []

    class Full(io.StringIO):
        def flush(self):
            asked.append(name)
            raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, name, Full())
    assert run_command("it", lambda: 0) == (1 if name == "stdout" else 0)
    assert asked == [name]


def test_a_stream_that_is_closed_from_within(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    def work():
        sys.stdout.close()
        print("to nobody", flush=True)
        return 0

    assert run_command("it", work) == 0


def test_another_fault_of_a_stream_is_not_hidden(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(ValueError("a fault of its own")))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert run_command("it", lambda: print("abc") or 0) == 2
    assert "a fault of its own" in sys.stderr.getvalue()


@posix
def test_closed_places_are_taken(tmp_path):
    """What the work opens is none of the places where other programs write what they say."""
    code = (
        "import os, sys; from scratchgan.command import run_command;"
        " sys.exit(run_command('it', lambda: os.open('f', os.O_CREAT | os.O_WRONLY)))"
    )
    run = ["bash", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code]
    assert subprocess.run(run, cwd=tmp_path, timeout=600, check=False).returncode >= 3


def test_no_streams_at_all(monkeypatch):
    """As where there is no console: ``pythonw`` has None in their places."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    def work():
        print("to nobody", flush=True)
        print("to nobody", file=sys.stderr)
        assert not sys.stderr.isatty()
        raise RunError("nobody hears it")

    assert run_command("it", work) == 2
    assert sys.stdout is sys.stderr is None


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RunError("the folder"), 2, "it: error: the folder\n"),
        (ValueError("the value"), 2, "it: error: the value\n"),
        (PermissionError(13, "Permission denied", "f"), 2, "it: error: [Errno 13] Permission den"),
        (NonFiniteError("NaN"), 1, "it: stopped: NaN\n"),
        (MemoryError("7 GB"), 1, "it: error: there is not enough memory (7 GB); use a smaller"),
        (
            MemoryError(),
            1,
            "it: error: there is not enough memory; use a smaller batch or fewer samples\n",
        ),
        (KeyboardInterrupt(), 130, "it: interrupted\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
    ],
)
def test_known_errors_are_a_line_and_a_status(capsys, error, status, said):
    def work():
        raise error

    assert run_command("it", work) == status
    assert capsys.readouterr().err.startswith(said)


def test_a_status_is_passed_on_and_a_fault_is_not_hidden():
    assert [run_command("it", lambda n=n: n) for n in (0, 1, 5)] == [0, 1, 5]
    with pytest.raises(ZeroDivisionError):
        run_command("it", lambda: 1 // 0)
