"""Signals that end a run: Ctrl-C, a closed terminal, a shutdown of the machine."""

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
    Note the first signal in a list, so that the training can end after its iteration.

    A second signal has its usual effect at once. A signal that the process ignores (``nohup``,
    background jobs of a script) is still ignored. Only the main thread can handle signals: in
    another thread, the list stays empty.
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
    # None stands for a handler that was not set from Python. It is not replaced either.
    before = {n: h for n, h in found.items() if h is not None and h != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, note)
        yield seen
    finally:
        give_back()
