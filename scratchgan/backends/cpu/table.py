"""How the cpu backend runs one kernel on its arrays, and notes it as a row for a recorder."""

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
    values: tuple[float, ...]  # of the cells ``kernel.values``
    note: str  # a remark for listings
    flops: int

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.kernel.name

    @property
    def varying(self) -> tuple[tuple[str, int], ...]:
        """(name, index in ``values``) of each value that changes from step to step."""
        return tuple((name, self.kernel.values.index(name)) for name in self.kernel.varying)

    def settled(self, move: Callable[[Array], Array]) -> Row:
        """Return the row without its arrays: a table gets addresses from ``Program.operands``."""
        return self._replace(reads=(), writes=())

    def cells(
        self,
        before: int,
        operands: tuple[tuple[Operand | None, ...], tuple[Operand | None, ...]],
    ) -> tuple[float, ...]:
        """Return the cells of a table's row, for ``kernel.layout``; ``before`` counts chunks."""
        reads, writes = operands
        addresses = [0 if each is None else each.address for each in (*reads, *writes)]
        return self.kernel.address(self.real), self.chunks, before, *addresses, *self.values


class Kernels(Compiled):
    """Runs kernels on NumPy arrays."""

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
        Run a kernel. ``cells`` are its arguments by name: arrays, integers and numbers.

        Arrays that it reads may have any layout; arrays that it writes must pass ``fits``.
        ``note`` and ``work``, the FLOPs, are for listings.
        """
        reads, writes, values = kernel.sorted(cells)
        reads = tuple([plain(a) for a in reads])
        real = REAL.get(writes[0].dtype, np.float32)  # for other dtypes either works
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
        return super()._view(buffer, offset, shape)  # computes nothing: nothing to record

    def _reshape(self, a: Array, shape: tuple[int, ...]) -> Array:
        return super()._reshape(a, shape)  # computes nothing either

    def _overlap(self, a: Array, b: Array) -> bool:
        return np.may_share_memory(a, b)

    def _require_writable(self, operation: str, a: Array) -> None:
        if not fits(a):
            raise ShapeError(
                f"{operation}: it cannot write to an array of shape {a.shape} that is read-only,"
                " not aligned or not C-contiguous; expected a writable C-contiguous array"
            )


def fits(a: Array) -> bool:
    """Whether a kernel can write to an array."""
    return bool(a.flags.carray)  # C-contiguous, aligned and writeable


def plain(a: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return a C-contiguous, aligned array: ``a`` itself, or a copy."""
    if a is None or (a.flags.c_contiguous and a.flags.aligned):
        return a
    return np.array(a, order="C")


def int32(a: NDArray[Any]) -> NDArray[np.int32]:
    """Return an index array as int32, C-contiguous and aligned."""
    return np.require(a, np.int32, ["C", "A"])


def share(rows: int, width: int) -> tuple[int, int]:
    """Return (rows of a chunk, number of chunks) for a kernel that goes row by row."""
    each = max(1, ELEMENTS // width)
    return each, -(-rows // each)
