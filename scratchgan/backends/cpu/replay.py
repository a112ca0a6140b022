"""
A recorded step as a table of rows, run by one compiled call for many steps.

Row 0 writes what this step has of its own, its number, rates and place in the data,
into the cells of the other rows; so every later row reads constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.cpu.kernel import CELLS, HEAD, Runner, integer, kernel, vector
from scratchgan.backends.program import Operand, Program

__all__ = ["Replay", "advance"]

SMALL = 2e7  # FLOPs of a step up to which handing arrays between cores costs more than it saves


@kernel
def advance(args, chunk, scratch, real):
    """Write one step's values into their cells. Cells: values, places, slots, step."""
    slots, step = integer(args, 2), integer(args, 3)
    values = vector(integer(args, 0) + 8 * slots * step, slots, np.int64)
    places = vector(integer(args, 1), slots, np.int64)
    for i in range(slots):
        vector(places[i], 1, np.int64)[0] = values[i]
    vector(args, 4, np.int64)[3] = step + 1


class Replay:
    """
    The compiled form of a program.

    Parameters
    ----------
    runner : Runner
    program : Program
    most : int
        Steps of one call.
    """

    def __init__(self, runner: Runner, program: Program, most: int) -> None:
        self._runner = runner
        self._program = program  # it holds the memory that the table points to
        self.most = most
        slots = len(program.varying)
        self._values = np.zeros((most, slots), np.int64)
        self._places = np.zeros(slots, np.int64)
        table = np.zeros(((1 + len(program.rows)) * CELLS + 8,), np.int64)
        skip = -table.ctypes.data % 64 // 8
        self._table = table[skip : skip + (1 + len(program.rows)) * CELLS].reshape(-1, CELLS)
        self._fill(program)
        self._threads = 1 if sum(map(program.flops, range(len(program.rows)))) <= SMALL else None

    def _fill(self, program: Program) -> None:
        cells, base = self._table, self._table.ctypes.data
        cells[0, : HEAD + 4] = (
            advance.address(np.float32), 1, 0,
            self._values.ctypes.data, self._places.ctypes.data, self._places.size, 0,
        )  # fmt: skip
        total = 1
        for r, (row, (reads, writes)) in enumerate(
            zip(program.rows, program.operands, strict=True), start=1
        ):
            addresses = [_address(operand) for operand in (*reads, *writes)]
            cells[r, :HEAD] = row.kernel.address(row.real), row.chunks, total
            cells[r, HEAD : HEAD + len(addresses)] = addresses
            for i, (kind, value) in enumerate(zip(row.layout, row.cells, strict=True)):
                place = HEAD + len(addresses) + i
                cells[r, place] = _bits(kind, value)
            total += row.chunks
        self._total = total
        for slot, varying in enumerate(program.varying):
            place = HEAD + sum(map(len, program.operands[varying.row])) + varying.cell
            self._places[slot] = base + 8 * ((varying.row + 1) * CELLS + place)
        self._kinds = [program.rows[v.row].layout[v.cell] for v in program.varying]

    def run(self, steps: int, values: list[NDArray[Any]]) -> None:
        """
        Make ``steps`` steps, at most ``most``.

        ``values`` are those of the varying cells, in the order of ``program.varying``.
        """
        for slot, (kind, column) in enumerate(zip(self._kinds, values, strict=True)):
            dtype = np.int64 if kind == "q" else np.float64
            self._values[:steps, slot] = np.asarray(column, dtype).view(np.int64)
        self._runner.run(
            self._table.ctypes.data, len(self._table), self._total, steps, self._threads
        )

    def take_done(self) -> int:
        """Return how many steps have been made since this was asked last."""
        done = int(self._table[0, HEAD + 3])
        self._table[0, HEAD + 3] = 0
        return done


def _address(operand: Operand | None) -> int:
    return 0 if operand is None else operand.address


def _bits(kind: str, value: float) -> int:
    return int(value) if kind == "q" else int(np.float64(value).view(np.int64))
