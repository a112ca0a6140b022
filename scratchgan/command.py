"""A command in use: known errors in one line each, and outputs that may be closed, full or left."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from scratchgan.errors import BackendUnavailableError, NonFiniteError, RunError

__all__ = ["INTERRUPTED", "run_command"]

INTERRUPTED = 130  # the exit status that shells expect after Ctrl-C


def run_command(name: str, work: Callable[[], int]) -> int:
    """
    Do the work of a command and return its exit status.

    0 is done; 1 is a training that diverged, memory that ran out, or output that got lost; 2 is
    an error of what was asked, or of a file; 130 is Ctrl-C. An output whose reader has left
    (``| head -1``), or that was closed from the start (``2>&-``), is no error: the work is done
    to its end.

    Parameters
    ----------
    name : str
        What a line about an error begins with.
    work : callable
        Returns the exit status, or raises a ``SystemExit`` that has it, as argparse does.
    """
    with _outputs() as (out, err):

        def say(text: str) -> None:
            print(f"{name}: {text}", file=sys.stderr)

        status = 2
        try:
            status = work()
        except NonFiniteError as error:
            say(f"stopped: {error}")
            status = 1
        except (BackendUnavailableError, RunError, ValueError, OSError) as error:
            say(f"error: {error}")
        except MemoryError as error:
            detail = f" ({error})" if str(error) else ""
            say(f"error: there is not enough memory{detail}; ask for less at once")
            status = 1
        except SystemExit as ended:  # of argparse, which has said why
            status = ended.code if isinstance(ended.code, int) else 0
        except KeyboardInterrupt:
            say("interrupted")
            status = INTERRUPTED
        finally:
            out.flush()
            if out.lost is not None:
                say(f"error: the output could not be written: {out.lost.strerror or out.lost}")
            err.flush()
    return status or int(out.lost is not None)


class _Output:
    """
    A text stream that ends nothing when it fails: what follows goes nowhere.

    Attributes
    ----------
    lost : OSError or None
        Why output was lost; None where nothing was, or where nobody was there to read it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = _Nowhere() if stream is None else stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._safely():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._safely():
            self._stream.flush()

    @contextmanager
    def _safely(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.lost = error
            # What is still in the buffer goes nowhere too, at Python's own flush at its end.
            with suppress(OSError, io.UnsupportedOperation):
                _onto_nothing(self._stream.fileno())
            self._stream = _Nowhere()
        except ValueError:
            if not getattr(self._stream, "closed", False):
                raise
            self._stream = _Nowhere()


class _Nowhere(io.TextIOBase):
    """Takes any text, and keeps none."""

    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def _outputs() -> Iterator[tuple[_Output, _Output]]:
    """Put outputs that end nothing into the places of stdout and stderr."""
    _open_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ≥ or → shows a ?
    out, err = map(_Output, before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open stdin, stdout and stderr where they are closed: a run's file must not become one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _onto_nothing(number)


def _onto_nothing(number: int) -> None:
    """Let a file descriptor lead to os.devnull."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
