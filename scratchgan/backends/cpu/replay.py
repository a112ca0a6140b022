"""
A recorded step as a table of rows: one compiled call runs it for many steps.

Row 0 writes the values that change from step to step (step number, rates, place in the
data) into the cells of the other rows.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.cpu.kernel import CELLS, Runner, kernel, vector
from scratchgan.backends.program import Program

__all__ = ["Replay", "advance"]

SMALL = 2e7  # FLOPs: for a smaller step, moving arrays between cores costs more than it saves


@kernel(reads="values places", integers="slots step")
def advance(cells, chunk, scratch, real):
    """Write one step's values into the table's cells, and count the step."""
    slots = cells.slots
    values = vector(cells.values + 8 * slots * cells.step, slots, np.int64)
    places = vector(cells.places, slots, np.int64)
    for i in range(slots):
        vector(places[i], 1, np.int64)[0] = values[i]
    cells.step += 1


class Replay:
    """
    The compiled form of a program.

    Parameters
    ----------
    runner : Runner
    program : Program
    most : int
        The most steps of one call.
    """

    def __init__(self, runner: Runner, program: Program, most: int) -> None:
        self._runner = runner
        self._program = program  # keeps alive the memory that the table points to
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
        table, total = self._table.view(np.uint8), 1
        struct.pack_into(
            advance.layout, table[0].data, 0, advance.address(np.float32), 1, 0,
            self._values.ctypes.data, self._places.ctypes.data, self._places.size, 0,
        )  # fmt: skip
        for r, (row, operands) in enumerate(zip(program.rows, program.operands, strict=True)):
            struct.pack_into(row.kernel.layout, table[r + 1].data, 0, *row.cells(total, operands))
            total += row.chunks
        self._total = total
        self._kinds = []
        for slot, varying in enumerate(program.varying):
            kernel = program.rows[varying.row].kernel
            cell = 8 * ((varying.row + 1) * CELLS + kernel.place(varying.name))
            self._places[slot] = self._table.ctypes.data + cell
            self._kinds.append(kernel.dtype(varying.name))

    def run(self, steps: int, values: list[NDArray[Any]]) -> None:
        """
        Run ``steps`` steps, at most ``most``.

        ``values`` has an array over the steps for each of ``program.varying``, in its order.
        """
        for slot, (dtype, column) in enumerate(zip(self._kinds, values, strict=True)):
            self._values[:steps, slot] = np.asarray(column, dtype).view(np.int64)
        self._runner.run(
            self._table.ctypes.data, len(self._table), self._total, steps, self._threads
        )

    def take_done(self) -> int:
        """Return the number of steps run since the last call of this method."""
        count = self._table[0, advance.place("step") :]
        done, count[0] = int(count[0]), 0
        return done
