"""
Where the time of a recorded step goes: each of its rows is timed inside the step.

    python -m scratchgan.workshop.bench.rows toy

prints the times by kind of operation, for one of the games of ``games.py``, on one thread:
with one call per operation, and replayed.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import math
import struct
import sys
from collections.abc import Sequence
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import get_backend
from scratchgan.backends.cpu.kernel import CELLS, HEAD, OPTIONS, Runner, integer, vector
from scratchgan.backends.cpu.table import Row
from scratchgan.backends.program import Operand, Program
from scratchgan.workshop.bench.games import GAMES
from scratchgan.workshop.bench.timing import Contender, measure

__all__ = ["KINDS", "by_kind", "main", "time_rows"]

KINDS = {"products": ("gemm", "narrow"), "normals": ("normal",), "Adam": ("adam",)}
"""The kernels of each kind; all others are "the rest"."""

AT_LEAST = 20e-3  # seconds of one measurement of steps


def time_rows(program: Program, *, rounds: int = 9, at_least: float = 2e-3) -> NDArray[np.float64]:
    """
    Time the rows of a program inside the step, on one thread.

    The clock is read between every two rows. The reading is a row of the table too, so the
    step still runs in one compiled call, and each row finds the caches as the rows before it
    have left them. The same step is repeated, with the noise, minibatch and rates of the
    recording.

    Parameters
    ----------
    program : Program
        Recorded on the ``cpu`` backend. The contents of its memory are restored.
    rounds : int
        The result is the median over the rounds.
    at_least : float
        The least seconds of a round; it has at least one step.

    Returns
    -------
    array (rows,) of float64
        Seconds of each row, including one reading of the clock, about 20 ns.

    Raises
    ------
    ValueError
        If ``rounds`` or ``at_least`` is not positive.

    Examples
    --------
    >>> from scratchgan.workshop.bench.peers.ours import BackendGame
    >>> trainer = BackendGame(GAMES["toy"], get_backend("cpu")).trainer
    >>> trainer.step()  # the first step is recorded
    >>> seconds = time_rows(trainer.recorder.program, rounds=1)
    >>> seconds.shape, list(by_kind(trainer.recorder.program, seconds))
    ((58,), ['products', 'normals', 'Adam', 'the rest'])
    """
    if rounds < 1 or not at_least > 0:
        raise ValueError(
            f"time_rows: rounds is {rounds} and at_least is {at_least} s; expected positive numbers"
        )
    timed = _Timed(program)
    written = [_bytes(each) for _, writes in program.operands for each in writes if each]
    before = [a.copy() for a in written]  # places are shared, so copy all before the first row runs
    try:
        start = perf_counter()
        timed.run(1)
        steps = math.ceil(at_least / max(perf_counter() - start, 1e-6))
        times = [timed.run(steps) for _ in range(rounds)]
    finally:
        for a, copy in zip(written, before, strict=True):
            a[...] = copy
    return np.median(times, axis=0)


def by_kind(program: Program, seconds: NDArray[np.float64]) -> dict[str, float]:
    """
    Sum up the times of rows by kind of operation.

    Parameters
    ----------
    program : Program
    seconds : array (rows,)
        The result of ``time_rows``.

    Returns
    -------
    dict of str to float
        The seconds of each of ``KINDS``, and of ``"the rest"``.
    """
    sums = dict.fromkeys([*KINDS, "the rest"], 0.0)
    for row, time in zip(program.rows, seconds.tolist(), strict=True):
        sums[_kind(row)] += time
    return sums


def _kind(row: Row) -> str:
    return next((kind for kind, names in KINDS.items() if row.kernel.name in names), "the rest")


# -- a table with a clock between its rows ---------------------------------------------------------


class _Timed:
    """A program's table, with a time stamp before the first row and one after each row."""

    def __init__(self, program: Program) -> None:
        self._runner = Runner()
        n = len(program.rows)
        self._sums = np.zeros(n + 1, np.int64)  # of ticks between each stamp and the previous one
        self._now = np.zeros(3, np.int64)  # the clock's two numbers, and its last reading
        self._table = np.zeros((2 * n + 1, CELLS), np.int64)
        stamp, total = _stamp(), 0
        for i in range(n + 1):
            place = self._sums.ctypes.data + 8 * i
            self._table[2 * i, : HEAD + 2] = stamp, 1, total, self._now.ctypes.data, place
            total += 1
            if i < n:
                row, place = program.rows[i], self._table.view(np.uint8)[2 * i + 1]
                cells = row.cells(total, program.operands[i])
                struct.pack_into(row.kernel.layout, place.data, 0, *cells)
                total += row.chunks
        self._total = total

    def run(self, steps: int) -> NDArray[np.float64]:
        """Run some steps; return the mean seconds of each row."""
        self._sums[:] = 0
        table, rows = self._table.ctypes.data, len(self._table)
        self._runner.run(table, rows, self._total, steps, 1)
        return self._sums[1:] / (1e9 * steps)  # the time before the first stamp belongs to no row


@functools.cache
def _stamp() -> int:
    """Return the address of a stamp with C11's clock, which writes two integers, s and ns."""
    windows = sys.platform == "win32"
    clock = ctypes.CDLL("ucrtbase")._timespec64_get if windows else ctypes.CDLL(None).timespec_get
    clock.argtypes, clock.restype = (ctypes.c_int64, ctypes.c_int), ctypes.c_int
    return _stamp_by(clock)


def _stamp_by(clock: Any) -> int:
    """Return the address of a kernel that adds the time since the last stamp to its sum."""
    from numba import from_dtype, njit, types

    def stamp(args, chunk, scratch, real):  # type: ignore[no-untyped-def]
        now = vector(integer(args, HEAD), 3, np.int64)
        clock(integer(args, HEAD), 1)  # 1: UTC, which exists everywhere
        ticks = now[0] * 1_000_000_000 + now[1]
        vector(integer(args, HEAD + 1), 1, np.int64)[0] += ticks - now[2]
        now[2] = ticks

    kernel = njit(**OPTIONS)(stamp)
    kind = types.NumberClass(from_dtype(np.dtype(np.float32)))
    kernel.compile((types.intp, types.intp, types.intp, kind))
    (code,) = kernel.overloads.values()
    address: int = code.library.get_pointer_to_function(code.fndesc.llvm_func_name)
    _KEPT.append(kernel)  # as long as its code may be called
    return address


_KEPT: list[Any] = []


def _bytes(operand: Operand) -> NDArray[np.uint8]:
    """Return the memory of an operand."""
    size = math.prod(operand.shape) * np.dtype(operand.dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * size).from_address(operand.address), np.uint8)


# -- a game's step, before and after ---------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the times of a game's step by kind of operation."""
    import numba

    parser = argparse.ArgumentParser(
        prog="python -m scratchgan.workshop.bench.rows",
        description="Where the time of a step goes.",
        allow_abbrev=False,
    )
    parser.add_argument("game", choices=list(GAMES))
    parser.add_argument("--rounds", type=int, default=15, help="rounds; medians are printed")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: expected at least 1")
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        print(_measured(options.game, options.rounds))
    finally:
        numba.set_num_threads(threads)


def _measured(game: str, rounds: int) -> str:
    from scratchgan.workshop.bench.peers.ours import BackendGame

    trainer = BackendGame(GAMES[game], get_backend("cpu")).trainer
    trainer.train(3)  # recorded, checked, replayed
    program = trainer.recorder.program
    assert program is not None, trainer.recorder.refusal

    seconds: list[NDArray[np.float64]] = []

    def one_by_one(steps: int) -> None:
        for _ in range(steps):
            trainer.step_d()
            trainer.step_g()

    # Measured in processor time, which stops while another process has the core.
    found = measure(
        [
            Contender("one by one", lambda: one_by_one),
            Contender("replayed", lambda: trainer.train),
            Contender("rows", lambda: lambda _: seconds.append(time_rows(program, rounds=1))),
        ],
        budget=0.0,
        at_least=AT_LEAST,
        rounds=rounds,
        clock=process_time,
    ).seconds
    kinds = by_kind(program, np.median(seconds, axis=0))
    return _table(game, len(program.rows), kinds, found["one by one"], found["replayed"])


def _table(game: str, count: int, kinds: dict[str, float], eager: float, replayed: float) -> str:
    work = sum(kinds.values())
    lines = [f"{game}, {count} operations{'':<12}one by one        replayed   (µs a step, share)"]
    for name, time in kinds.items():
        lines.append(f"{name:<28}{_part(time, eager)}{_part(time, replayed)}")
    left = f"{_part(eager - work, eager)}{_part(replayed - work, replayed)}"
    lines.append(f"{'Python, and what is left':<28}{left}")
    lines.append(f"{'a step':<28}{_part(eager, eager)}{_part(replayed, replayed)}")
    return "\n".join(lines)


def _part(time: float, whole: float) -> str:
    return f"{1e6 * time:>10,.1f}{time / whole:>6.0%}"


if __name__ == "__main__":
    main()
