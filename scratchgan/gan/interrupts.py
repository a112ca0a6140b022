"""
Signals wait while iterations are made, so that none is ever left half made.

Python calls the handlers of signals in the main thread, between any two of its instructions. What
a handler raises, as that of Ctrl-C raises KeyboardInterrupt, then comes out of wherever the main
thread is: between the update of an array and the count of it, or between a record and a
callback that are both due. Nothing in Python code is safe from that, for the next handler may be
called while an ``except`` or a ``finally`` sets right what the last one left. So no handler is
called there at all: while iterations are made, a stand-in takes the place of each and only notes
which signal has come, and the handlers are called where the trainer says so, between iterations.

Other threads are never interrupted by a signal; there, nothing is done.
"""

from __future__ import annotations

import os
import signal
import threading
from _signal import getsignal  # type: ignore[import-not-found]  # signal's is ten times as slow
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["SignalsWait"]

Handler = Callable[[int, FrameType | None], Any]

NUMBERS = tuple(map(int, signal.valid_signals()))

_outermost: SignalsWait | None = None  # for whom signals wait: handlers are the process's


class SignalsWait:
    """
    Holds back the handlers of signals, all that are Python functions, within a ``with``.

    ``honour()`` calls those whose signal has come, and so does the end of the ``with``. A signal
    that comes several times meanwhile is one, as it is for the operating system. Where one
    ``with`` is inside another, as that of a trainer which a callback of another trainer drives,
    signals wait for the outer one.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}  # those that ours stands in for
        self._heard: dict[int, FrameType | None] = {}

    def __enter__(self) -> SignalsWait:
        global _outermost
        if _outermost is None and threading.current_thread() is threading.main_thread():
            try:
                _outermost = self
                self._take()
            except BaseException:  # of a handler that no stand-in has replaced yet
                self._leave()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        if _outermost is self:
            try:
                self._call()
            finally:
                self._leave()

    def honour(self) -> None:
        """Call the handlers of the signals that have come; what they raise comes out here."""
        if _outermost is self:
            self._call()
            self._take()  # a handler, or a callback, may have set another one

    def acquire(self, lock: Any) -> None:
        """Wait for a lock that another thread may hold for long, and honour signals meanwhile."""
        while not lock.acquire(timeout=0.1):
            self.honour()

    def _take(self) -> None:
        for number in NUMBERS:
            handler = getsignal(number)
            if callable(handler) and handler != self._note:
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def _leave(self) -> None:
        """Give the handlers back. From the first line on, one of them may be called and raise."""
        global _outermost
        try:
            _outermost = None
            for number, handler in self._handlers.items():
                if getsignal(number) == self._note:  # else another one has been set meanwhile
                    signal.signal(number, handler)
            self._call()
        except BaseException:
            self._leave()
            raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Stand in for a handler."""
        self._heard[number] = frame
        if _outermost is not self:  # this handler has yet to be given back
            self._call()

    def _call(self) -> None:
        while self._heard:  # if one raises, the others are called on the way out
            number = next(iter(self._heard))
            self._handlers[number](number, self._heard.pop(number))


def _forget() -> None:
    """Let a forked child hear its signals at once: it may never come back to the trainer."""
    global _outermost
    _outermost = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
