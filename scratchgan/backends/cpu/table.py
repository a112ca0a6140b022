"""Rows of the cpu's table: one kernel on its arrays, run at once and noted for a recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.cpu.kernel import ELEMENTS, Kernel, Runner
from scratchgan.backends.program import LINE, Operand
from scratchgan.backends.recording import REAL, Compiled, flops
from scratchgan.backends.vocabulary import Array
from scratchgan.errors import ShapeError

__all__ = ["Kernels", "Row", "fits", "int32", "plain", "share"]


class Row(NamedTuple):
    """A recorded operation of the ``cpu`` backend."""

    kernel: Kernel
    real: Any
    chunks: int
    reads: tuple[Array | None, ...]
    writes: tuple[Array, ...]
    values: tuple[float, ...]  # of ``kernel.values``
    note: str  # for the reader of a listing
    flops: int

    @property
    def name(self) -> str:
        """The kernel's."""
        return self.kernel.name

    @property
    def varying(self) -> tuple[tuple[str, int], ...]:
        """(name, which of the values) of those that change from step to step."""
        return tuple((name, self.kernel.values.index(name)) for name in self.kernel.varying)

    def settled(self, move: Callable[[Array], Array]) -> Row:
        """Return the row alone: a table takes addresses from ``Program.operands``."""
        return self._replace(reads=(), writes=())

    def cells(
        self,
        before: int,
        operands: tuple[tuple[Operand | None, ...], tuple[Operand | None, ...]],
    ) -> tuple[float, ...]:
        """Return the row of a table, for ``kernel.layout``, with so many chunks before it."""
        reads, writes = operands
        addresses = [0 if each is None else each.address for each in (*reads, *writes)]
        return self.kernel.address(self.real), self.chunks, before, *addresses, *self.values


class Kernels(Compiled):
    """Runs kernels on NumPy's arrays."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = Runner()

    def _run(
        self,
        kernel: Kernel,
        chunks: int,
        *,
        note: str = "",
        work: int | None = None,
        **cells: Any,
    ) -> None:
        """
        Run a kernel on its cells by name: arrays, integers and numbers.

        What it reads may lie in memory as it likes; what it writes is fit for a kernel.
        ``note`` and ``work``, its FLOPs, are for a listing.
        """
        reads, writes, values = kernel.sorted(cells)
        reads = tuple([plain(a) for a in reads])
        real = REAL.get(writes[0].dtype, np.float32)  # of words and bytes it does not matter
        addresses = [0 if a is None else a.__array_interface__["data"][0] for a in reads + writes]
        self._runner.call(kernel.address(real), chunks, kernel.layout, (*addresses, *values))
        recorder = self._notes.recorder
        if recorder is not None:
            work = flops(kernel.name, writes) if work is None else work
            recorder.add(Row(kernel, real, chunks, reads, writes, values, note, work))

    # -- arrays ---------------------------------------------------------------------------------

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.empty(shape, dtype)

    def _arena(self, size: int) -> Array:
        memory = np.zeros(size + LINE, np.uint8)
        skip = -memory.ctypes.data % LINE
        return memory[skip : skip + size]

    def _view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        return super()._view(buffer, offset, shape)  # computes nothing: a recorder need not know

    def _overlap(self, a: Array, b: Array) -> bool:
        return np.may_share_memory(a, b)

    def _require_writable(self, operation: str, a: Array) -> None:
        if not fits(a):
            raise ShapeError(
                f"{operation}: an array of shape {a.shape} that is to be changed is read-only or"
                " not C-contiguous; give a writable one whose elements lie one behind the other"
            )


def fits(a: Array) -> bool:
    """Whether a kernel may write here."""
    return bool(a.flags.c_contiguous and a.flags.writeable and a.flags.aligned)


def plain(a: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return an array whose elements lie one behind the other: itself, or a copy."""
    if a is None or (a.flags.c_contiguous and a.flags.aligned):
        return a
    return np.array(a, order="C")


def int32(a: NDArray[Any]) -> NDArray[np.int32]:
    """Return an index as kernels read it."""
    return np.require(a, np.int32, ["C", "A"])


def share(rows: int, width: int) -> tuple[int, int]:
    """Return rows a chunk, and chunks, for a kernel that goes row by row."""
    each = max(1, ELEMENTS // width)
    return each, -(-rows // each)
