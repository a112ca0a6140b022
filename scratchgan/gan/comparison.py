"""
Compare a replayed iteration with the same iteration run directly: when, and where they differ.

The recorder cannot see everything that an iteration depends on. So replay and run are compared
repeatedly, with growing distances. The iterations are random, so that the checks do not miss a
change that happens at regular intervals.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.backends.philox import philox_words
from scratchgan.backends.program import Noted, Program, Recorder
from scratchgan.gan.player import Player

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = ["Watcher", "check_at", "where_they_part", "who_asks"]


def check_at(seed: int, number: int) -> int:
    """
    Return the number of replayed iterations after which check ``number`` (0, 1, …) is made.

    It is a random number from 8 to 63, then from 64 to 511, then from 512 to 4,095, and then one
    from each further block of 4,096. At a fixed distance the checks might always miss what a
    layer does at every 16th iteration. The seed and ``number`` determine it, so that a training
    can be repeated exactly.

    Examples
    --------
    >>> [check_at(0, number) for number in range(5)]
    [16, 502, 2728, 6542, 9592]
    """
    if number < 3:
        begin, end = 8 ** (number + 1), 8 ** (number + 2)
    else:
        begin, end = 4096 * (number - 2), 4096 * (number - 1)
    words = philox_words((1, 1), Stream(seed, step=number).purpose(Purpose.CHECK))
    at: int = begin + int(words[0, 0]) % (end - begin)
    return at


class _Seen(NamedTuple):
    """An operation that was run."""

    name: str
    written: list[tuple[Any, int]]  # shape and digest of each array
    asked: FrameType  # the frame that called it


class Watcher(Recorder):
    """Notes what each operation of an iteration writes, and which object called it."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__({})
        self._trainer = trainer
        self.seen: list[_Seen] = []

    def add(self, row: Noted) -> None:
        self.seen.append(_Seen(row.name, self.digests(row.writes), sys._getframe(1)))

    def digests(self, arrays: Iterable[Array]) -> list[tuple[Any, int]]:
        """Return shapes and digests of arrays. A digest is the sum of the words, which is fast."""
        return [(a.shape, _words(self._trainer.ops.to_numpy(a))) for a in arrays]

    def owner(self, r: int) -> str:
        """Return a description of the object that called operation r."""
        return who_asks(self._trainer, self.seen[r].asked)

    def allocated(self, a: Array) -> None:
        """Do nothing: no arena is planned."""

    def refuse(self, what: str) -> None:
        """Do nothing: no program is made."""


def _words(a: NDArray[Any]) -> int:
    return int(np.frombuffer(a, np.uint32).sum(dtype=np.uint32))


def where_they_part(program: Program, watcher: Watcher, run: Callable[[Program], None]) -> str:
    """
    Return a description of the first row at which a program differs from the watched iteration.

    ``run(program)`` runs one step of a program from the state before the watched iteration. For
    each row, the program is run up to that row, and what the row writes is compared.
    """
    for r, (row, seen) in enumerate(zip(program.rows, watcher.seen, strict=False)):
        if seen.name != row.name:
            return f"row {r} is {row.name}, but {seen.name} is run, for {watcher.owner(r)}"
        run(program.first(r + 1))
        if watcher.digests(program.written(r)) != seen.written:
            return f"the first row that differs is {r}, {row.name}, for {watcher.owner(r)}"
    if len(program.rows) != len(watcher.seen):
        return f"{len(program.rows)} rows are replayed, but {len(watcher.seen)} are run"
    return "all rows agree, but something else changes an array"


def who_asks(trainer: Trainer, asked: FrameType | None = None) -> str:
    """Return the object and player for which the code in frame ``asked`` (by default now) works."""
    owner = player = step = ""
    frame = asked or sys._getframe(1)
    while frame is not None and not step:
        me = frame.f_locals.get("self")
        if isinstance(me, Player):
            player = "D's " if me is trainer.D else "G's "
        elif me is not None and not owner and not isinstance(me, Backend | Recorder | Stream):
            owner = type(me).__name__
        if frame.f_code.co_name in ("discriminator_step", "generator_step", "simultaneous_step"):
            step = f" in {frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return f"{player}{owner or 'update'}{step}"
