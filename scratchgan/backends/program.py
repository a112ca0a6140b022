"""
A training step as a table of operations, recorded once.

A step is a fixed sequence of operations on fixed buffers: only noise, minibatch and
rates change from one step to the next. While a ``Recorder`` is active, a backend
notes every operation that it runs. ``Program`` then places the temporaries in one arena.
Each lives from the row that first writes it to the row that last uses it; after that, a
later temporary can take its place. Parameters, moments and data stay where they are.

The form of a recorded operation depends on the backend: a row of a table, or a kernel
launch. A program uses only what ``Noted`` declares.
"""

from __future__ import annotations

import bisect
import copy
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from scratchgan.backends.vocabulary import Array
from scratchgan.errors import NotRecordableError

__all__ = ["Noted", "Operand", "Program", "Recorder", "Varying", "address"]

LINE = 64  # bytes: temporaries begin on a cache line


class Noted(Protocol):
    """One recorded operation: all that its backend needs to run it again."""

    @property
    def name(self) -> str:
        """The name of the kernel or the operation."""

    @property
    def note(self) -> str:
        """A remark for listings."""

    @property
    def reads(self) -> tuple[Array | None, ...]:
        """Arrays that it reads, in the order of its arguments."""

    @property
    def writes(self) -> tuple[Array, ...]:
        """Arrays that it writes; an optimiser's parameters are the first."""

    @property
    def values(self) -> tuple[float, ...]:
        """Its numbers."""

    @property
    def varying(self) -> tuple[tuple[str, int], ...]:
        """(name, index in ``values``) of each number that changes from step to step."""

    @property
    def flops(self) -> int:
        """Floating-point operations: 2mnk for a product, nominal ones for the others."""

    def settled(self, move: Callable[[Array], Array]) -> Noted:
        """Return it without the arrays of the recorded step; ``move`` gives their new places."""


class Varying(NamedTuple):
    """A number that changes from step to step."""

    name: str  # "step", "start", "t", "rate" or "momentum"
    row: int
    cell: int  # index in the row's values
    value: float  # at the recorded step
    writes: int  # address of the first array that the row writes: an optimiser's parameters


class Operand(NamedTuple):
    """The place of an array: in a named buffer, or in the arena."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    address: int

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.size * int(np.dtype(self.dtype).itemsize)

    def __str__(self) -> str:
        return f"{self.name} {_shape(self.shape)}"


class Recorder:
    """
    Notes the operations of one step.

    Parameters
    ----------
    buffers : dict of str to Array
        Arrays that outlive the step: parameters, gradients, moments, data. A step may only
        read these and arrays that it has written.
    parts : dict of str to dict of int to str, optional
        For a buffer: {first element: name} of its parts.

    Attributes
    ----------
    allocate : callable
        ``allocate(bytes)`` returns memory for the arena. The recording backend sets it.
    """

    def __init__(
        self, buffers: dict[str, Array], parts: dict[str, dict[int, str]] | None = None
    ) -> None:
        self.buffers = buffers
        self.parts = parts or {}
        self.rows: list[Noted] = []
        self.temporaries: list[Array] = []
        self.reason: str | None = None
        self.allocate: Callable[[int], Array] | None = None

    def allocated(self, a: Array) -> None:
        """Note a new array. A reference is kept, so that no other array gets its address."""
        self.temporaries.append(a)

    def add(self, row: Noted) -> None:
        """Note an operation."""
        self.rows.append(row)

    def refuse(self, what: str) -> None:
        """Note why this step cannot be recorded; the step itself goes on."""
        self.reason = self.reason or what


class _Space(NamedTuple):
    start: int
    end: int
    name: str
    temporary: int  # its number, or −1


class Program:
    """
    A recorded step: rows over known buffers and one arena.

    Parameters
    ----------
    recorder : Recorder
    keep : sequence of Array
        Temporaries that are read after the step: no other temporary takes their place.

    Attributes
    ----------
    rows : list of Noted
    operands : list of (reads, writes)
        The arrays of each row, as ``Operand`` or None.
    varying : list of Varying
    arena : array of bytes
    kept : list of Array
        The arrays of ``keep`` at their new places in the arena.

    Raises
    ------
    NotRecordableError
        If the recorder noted a reason; or if an operation uses an array that is neither in
        a known buffer nor written by a recorded operation, or lies only partly inside one.
    """

    def __init__(self, recorder: Recorder, keep: Sequence[Array] = ()) -> None:
        if recorder.reason is not None:
            raise NotRecordableError(recorder.reason)
        self.rows: list[Any] = recorder.rows
        self.buffers = recorder.buffers
        self._parts = recorder.parts
        self._spaces = _spaces(recorder)
        self._starts = [space.start for space in self._spaces]
        places = self._place(recorder, keep)
        self.operands = [
            (
                tuple(self._operand(a, places, row) for a in row.reads),
                tuple(self._operand(a, places, row) for a in row.writes),
            )
            for row in self.rows
        ]
        self.kept = [self._moved(a, places, "the step's result") for a in keep]
        self.varying = [
            Varying(name, r, cell, row.values[cell], address(row.writes[0]))
            for r, row in enumerate(self.rows)
            for name, cell in row.varying
        ]
        self.temporary_bytes = sum(a.nbytes for a in recorder.temporaries)
        self.rows = [
            row.settled(functools.partial(self._moved, places=places, operation=row.name))
            for row in self.rows
        ]
        recorder.temporaries = []  # the memory of the recorded arrays is no longer needed

    # -- layout ---------------------------------------------------------------------------------

    def _space(self, a: Array, operation: str) -> _Space:
        """Return the buffer or temporary in which an array lies."""
        start, size = address(a), a.nbytes
        i = bisect.bisect_right(self._starts, start) - 1
        if i < 0 or start + size > self._spaces[i].end:
            raise NotRecordableError(
                f"{operation} uses an array of shape {a.shape} that no operation of the step"
                " wrote: something was computed outside the vocabulary of operations"
            )
        return self._spaces[i]

    def _place(self, recorder: Recorder, keep: Sequence[Array]) -> list[int]:
        """Return an offset into the arena for each temporary: first fit over the lifetimes."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for r, row in enumerate(self.rows):
            for a in (*row.reads, *row.writes):
                if a is None:
                    continue
                number = self._space(a, row.name).temporary
                if number < 0:
                    continue
                if number not in first and not any(a is w for w in row.writes):
                    raise NotRecordableError(
                        f"{row.name} reads an array of shape {a.shape} before any"
                        " operation of the step writes it"
                    )
                first.setdefault(number, r)
                last[number] = r
        for a in keep:
            number = self._space(a, "the step's result").temporary
            if number >= 0 and number not in first:
                raise NotRecordableError(
                    f"no operation of the step writes its result of shape {a.shape}"
                )
            last[number] = len(self.rows)
        offsets = [-1] * len(recorder.temporaries)
        live: list[tuple[int, int, int]] = []  # offset, end, last row
        size = 0
        for number, begin in sorted(first.items(), key=lambda item: item[1]):
            live = sorted(piece for piece in live if piece[2] >= begin)
            wanted = -(-recorder.temporaries[number].nbytes // LINE) * LINE
            offset = 0
            for start, end, _ in live:
                if offset + wanted <= start:
                    break
                offset = max(offset, end)
            offsets[number] = offset
            live.append((offset, offset + wanted, last[number]))
            size = max(size, offset + wanted)
        assert recorder.allocate is not None  # something has been recorded
        self.arena = recorder.allocate(size)
        return offsets

    def _operand(self, a: Array | None, places: list[int], row: Noted) -> Operand | None:
        if a is None:
            return None
        space = self._space(a, row.name)
        offset = address(a) - space.start
        if space.temporary < 0:
            part = self._parts.get(space.name, {}).get(offset // a.dtype.itemsize)
            whole = a.nbytes == space.end - space.start or part is None
            name = space.name if whole else f"{space.name}.{part}"
            return Operand(name, a.shape, a.dtype, address(a))
        place = places[space.temporary] + offset
        if not 0 <= place <= self.arena.size - a.nbytes:
            raise NotRecordableError(
                f"{row.name} uses an array of shape {a.shape} outside the arena"
            )
        return Operand(f"@{place}", a.shape, a.dtype, address(self.arena) + place)

    def _moved(self, a: Array, places: list[int], operation: str) -> Array:
        """Return an array of the recorded step at its new place."""
        space = self._space(a, operation)
        if space.temporary < 0:
            return a
        start = places[space.temporary] + address(a) - space.start
        return self._in_arena(start, a)

    # -- in part --------------------------------------------------------------------------------

    def first(self, count: int) -> Program:
        """Return the program of only the first ``count`` rows, over the same memory."""
        part = copy.copy(self)
        part.rows, part.operands = self.rows[:count], self.operands[:count]
        part.varying = [varying for varying in self.varying if varying.row < count]
        return part

    def written(self, r: int) -> list[Array]:
        """Return the arrays that row r writes, at their new places."""
        return [self._array(operand) for operand in self.operands[r][1] if operand is not None]

    def _array(self, operand: Operand) -> Array:
        start = operand.address - address(self.arena)
        if operand.name.startswith("@"):
            return self._in_arena(start, operand)
        space = self._spaces[bisect.bisect_right(self._starts, operand.address) - 1]
        start = (operand.address - space.start) // np.dtype(operand.dtype).itemsize
        buffer = self.buffers[space.name]
        return buffer.reshape(buffer.size)[start : start + operand.size].reshape(operand.shape)

    def _in_arena(self, start: int, a: Any) -> Array:
        return self.arena[start : start + a.nbytes].view(a.dtype).reshape(a.shape)

    # -- looking --------------------------------------------------------------------------------

    def flops(self, r: int) -> int:
        """Floating-point operations of row r: 2mnk for a product, nominal ones for the others."""
        return int(self.rows[r].flops)

    def bytes(self, r: int) -> int:
        """Bytes that row r reads and writes, each array once; a gather reads only its rows."""
        reads, writes = self.operands[r]
        if self.rows[r].name == "gather_rows":
            reads = writes
        return sum(a.nbytes for a in (*reads, *writes) if a is not None)

    def __str__(self) -> str:
        names = [f"{row.name} {row.note}" for row in self.rows]
        width = max([22, *map(len, names)])
        lines = [f"{'':>3}  {'operation':<{width}}{'FLOPs':>9}{'bytes':>9}  reads → writes"]
        for r, (row, (reads, writes)) in enumerate(zip(self.rows, self.operands, strict=True)):
            arrays = f"{_listed(reads)} → {_listed(writes)}".strip()
            changing = ", ".join(name for name, _ in row.varying)
            lines.append(
                f"{r:>3}  {names[r]:<{width}}{_short(self.flops(r)):>9}"
                f"{_short(self.bytes(r)):>9}  {arrays}" + (f"  [{changing}]" if changing else "")
            )
        total = range(len(self.rows))
        lines.append(
            f"{len(self.rows)} operations, {_short(sum(map(self.flops, total)))} FLOPs,"
            f" {_short(sum(map(self.bytes, total)))} bytes; temporaries of"
            f" {_short(self.temporary_bytes)} bytes share an arena of {_short(self.arena.size)}"
        )
        return "\n".join(lines)


def _spaces(recorder: Recorder) -> list[_Space]:
    spaces = [
        _Space(address(a), address(a) + a.nbytes, f"t{i}", i)
        for i, a in enumerate(recorder.temporaries)
    ]
    for name, a in recorder.buffers.items():
        spaces.append(_Space(address(a), address(a) + a.nbytes, name, -1))
    return sorted(spaces)


def address(a: Array) -> int:
    """Return an array's address, in its backend's memory."""
    interface = getattr(a, "__cuda_array_interface__", None) or a.__array_interface__
    return int(interface["data"][0])


def _listed(operands: tuple[Operand | None, ...]) -> str:
    return ", ".join(str(operand) for operand in operands if operand is not None)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _short(count: float) -> str:
    for unit in ("", "k", "M", "G"):
        if count < 1000 or unit == "G":
            return f"{count:.3g}{unit}" if unit else f"{int(count)}"
        count /= 1000
    raise AssertionError
