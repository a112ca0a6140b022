"""
Delay signals during training iterations, so that no iteration is left half done.

Python calls signal handlers in the main thread, between any two instructions. A handler may
raise an exception there: the handler of Ctrl-C raises KeyboardInterrupt. The exception may then
separate an array's update from the update's count, or a record from its callback. ``except`` and
``finally`` do not protect against it, because another handler may raise inside them.

So no handler is called during iterations. A stand-in replaces each handler and only notes that
its signal has come. The trainer then calls the handlers between iterations.

Signals never interrupt other threads, so there nothing needs to be done.
"""

from __future__ import annotations

import os
import signal
import threading
from _signal import getsignal  # type: ignore[import-not-found]  # ten times faster than signal's
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["SignalsWait"]

Handler = Callable[[int, FrameType | None], Any]

NUMBERS = tuple(map(int, signal.valid_signals()))

_outermost: SignalsWait | None = None  # the active one; a process has only one set of handlers


class SignalsWait:
    """
    Delays all signal handlers that are Python functions, within a ``with`` block.

    ``honour()`` and the end of the block call the handlers of the signals that have come. A
    signal that comes several times meanwhile counts once, as in the operating system. If one
    block is inside another (a callback of one trainer may run another trainer), signals wait for
    the outer block.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}  # the handlers that ``_note`` replaces
        self._heard: dict[int, FrameType | None] = {}  # the signals that have come

    def __enter__(self) -> SignalsWait:
        global _outermost
        if _outermost is None and threading.current_thread() is threading.main_thread():
            try:
                _outermost = self
                self._take()
            except BaseException:  # from a handler that is not replaced yet
                self._restore()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        if _outermost is self:
            try:
                self._call()
            finally:
                self._restore()

    def honour(self) -> None:
        """Call the handlers of the signals that have come; their exceptions are raised here."""
        if _outermost is self:
            self._call()
            self._take()  # a handler, or a callback, may have set another one

    def acquire(self, lock: Any) -> None:
        """Wait for a lock, which another thread may hold for long, and honour signals meanwhile."""
        while not lock.acquire(timeout=0.1):
            self.honour()

    def _take(self) -> None:
        for number in NUMBERS:
            handler = getsignal(number)
            if callable(handler) and handler != self._note:
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def _restore(self) -> None:
        """Restore the handlers. One may be called and raise at any line: then try again."""
        global _outermost
        raised = None
        restored = False
        while not restored:
            try:
                _outermost = None
                for number, handler in self._handlers.items():
                    if getsignal(number) == self._note:  # else another handler was set meanwhile
                        signal.signal(number, handler)
                self._call()
                restored = True
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Replace a handler: note that its signal has come."""
        self._heard[number] = frame
        if _outermost is not self:  # the block has ended, but this handler is not restored yet
            self._call()

    def _call(self) -> None:
        while self._heard:  # if a handler raises, ``_restore`` calls the others
            number = next(iter(self._heard))
            self._handlers[number](number, self._heard.pop(number))


def _forget() -> None:
    """Stop delaying signals in a forked child, which may never return to the trainer."""
    global _outermost
    _outermost = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
