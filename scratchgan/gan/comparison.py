"""
A replayed iteration against one that is run: when they are compared, and where they part.

What a recorder cannot see may begin to matter at any iteration. So replay and run are compared
again and again, ever more rarely, at iterations that no regular habit of a layer keeps missing.
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
    Return after how many replayed iterations check ``number`` (0, 1, …) is made.

    It is a random one of 8 … 63, then of 64 … 511, of 512 … 4,095, and from then on of each
    4,096. Random, since at a fixed distance the checks might always miss what a layer does at
    every 16th iteration; from the seed and a counter, so that a training comes out the same
    each time.

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
    written: list[tuple[Any, int]]  # of each array its shape and a digest
    asked: FrameType  # where it was asked for


class Watcher(Recorder):
    """Knows what each operation of an iteration writes, and who asks for it."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__({})
        self._trainer = trainer
        self.seen: list[_Seen] = []

    def add(self, row: Noted) -> None:
        self.seen.append(_Seen(row.name, self.digests(row.writes), sys._getframe(1)))

    def digests(self, arrays: Iterable[Array]) -> list[tuple[Any, int]]:
        """Return what is compared of arrays: the sum of their words costs next to nothing."""
        return [(a.shape, _words(self._trainer.ops.to_numpy(a))) for a in arrays]

    def owner(self, r: int) -> str:
        """Say who asked for operation r."""
        return who_asks(self._trainer, self.seen[r].asked)

    def allocated(self, a: Array) -> None:
        """Nothing is laid out."""

    def refuse(self, what: str) -> None:
        """Nothing is made of it."""


def _words(a: NDArray[Any]) -> int:
    return int(np.frombuffer(a, np.uint32).sum(dtype=np.uint32))


def where_they_part(program: Program, watcher: Watcher, run: Callable[[Program], None]) -> str:
    """
    Say at which row a program first does something else than what was seen.

    ``run(program)`` makes one step of a program from where the seen iteration began. The program
    that ends with a row is run for each row, and what that row writes is compared.
    """
    for r, (row, seen) in enumerate(zip(program.rows, watcher.seen, strict=False)):
        if seen.name != row.name:
            return f"row {r} is {row.name}, and {seen.name} is run, for {watcher.owner(r)}"
        run(program.first(r + 1))
        if watcher.digests(program.written(r)) != seen.written:
            return f"the first row that differs is {r}, {row.name}, for {watcher.owner(r)}"
    if len(program.rows) != len(watcher.seen):
        return f"{len(program.rows)} rows are replayed and {len(watcher.seen)} are run"
    return "all rows agree, and an array is changed besides"


def who_asks(trainer: Trainer, asked: FrameType | None = None) -> str:
    """Say for whom something is done, now or where ``asked``: for which object, of which player."""
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
