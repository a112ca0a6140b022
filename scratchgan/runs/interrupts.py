"""What asks a run to end: Ctrl-C, a terminal that is closed, a machine that goes down."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupts"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """
    Let the first signal end the training after its iteration; the list then holds its number.

    A second one does at once what it would have done. A signal that is ignored (``nohup``, jobs
    in the background of a script) stays so. Only the main thread may handle signals: in another
    one the list stays empty.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(number: int, frame: FrameType | None) -> None:
        if seen:
            give_back()
            signal.raise_signal(number)
        else:
            seen.append(number)

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    found = {number: signal.getsignal(number) for number in numbers}
    # None is a handler that is not Python's, and is left alone too.
    before = {n: h for n, h in found.items() if h is not None and h != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, note)
        yield seen
    finally:
        give_back()
