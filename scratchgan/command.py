"""Run a command: one line for a known error, and outputs that may be closed, full or broken."""

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
    Run a command and return its exit status.

    0: done. 1: the training diverged, memory ran out, or output could not be written. 2: an
    invalid argument or file. 130: Ctrl-C. It is no error if the reader of an output ends early
    (``| head -1``), or if an output is closed from the start (``2>&-``): the work is completed.

    Parameters
    ----------
    name : str
        The beginning of each error line.
    work : callable
        Returns the exit status, or raises ``SystemExit`` with it, as argparse does.
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
            say(f"error: there is not enough memory{detail}; use a smaller batch or fewer samples")
            status = 1
        except SystemExit as ended:  # argparse has printed the reason
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
    A text stream that does not raise when a write fails; it discards the rest of the text.

    Attributes
    ----------
    lost : OSError or None
        Why output was lost; None if nothing was lost or the reader ended early.
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
            # Python flushes the rest of the buffer at its end; discard that too.
            with suppress(OSError, io.UnsupportedOperation):
                _onto_nothing(self._stream.fileno())
            self._stream = _Nowhere()
        except ValueError:
            if not getattr(self._stream, "closed", False):
                raise
            self._stream = _Nowhere()


class _Nowhere(io.TextIOBase):
    """Discards all text."""

    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def _outputs() -> Iterator[tuple[_Output, _Output]]:
    """Replace stdout and stderr by streams that do not raise when a write fails."""
    _open_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ≥ or → shows ?
    out, err = map(_Output, before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open stdin, stdout and stderr if closed, so that no file of a run gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _onto_nothing(number)


def _onto_nothing(number: int) -> None:
    """Point a file descriptor to os.devnull."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
