"""
A recorded step as a CUDA graph: all its launches are made by one call, many times over.

What changes from step to step, its number, rates and place in the data, is read by kernels
from cells in device memory. ``advance``, the first launch of a step, writes this step's
values into them; so the launches and all their arguments stay as they are, and a graph can
repeat them without looking at the host.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import uint32
from numpy.typing import NDArray

from scratchgan.backends.cuda.device import BLOCK, SIMULATED, cuda, is_here, kernel
from scratchgan.backends.program import Program
from scratchgan.backends.vocabulary import Array

__all__ = ["Cells", "Launch", "Replay", "advance", "capture"]

WORD = 4  # bytes: cells are copied as words, whatever number they are


class Cells(NamedTuple):
    """Numbers of a kernel that change from step to step: it reads them from device memory."""

    array: Array  # on the device
    names: tuple[str, ...]  # "step", "start", "t", "rate", "momentum"
    values: tuple[float, ...]  # of these names, as they were given
    of: Callable[..., tuple[Any, ...]]
    """From the values under ``names``, numbers or arrays over many steps, to the cells' own."""


class Launch(NamedTuple):
    """One launch of a kernel, as it was made."""

    name: str  # of the operation, for the reader of a listing
    kernel: Any
    grid: tuple[int, ...]
    block: tuple[int, ...]
    args: tuple[Any, ...]  # flat arrays and NumPy's scalars
    reads: tuple[Array, ...]
    writes: tuple[Array, ...]
    cells: Cells | None = None  # ``cells.array`` is one of ``args``
    note: str = ""
    flops: int = 0

    def run(self, stream: Any = 0) -> None:
        """Launch the kernel: the one place where that is done. Stream 0 is Numba's default."""
        self.kernel[self.grid, self.block, stream](*self.args)

    @property
    def values(self) -> tuple[float, ...]:
        """What varies, as it was when the launch was made."""
        return () if self.cells is None else self.cells.values

    @property
    def varying(self) -> tuple[tuple[str, int], ...]:
        """The names of ``values``, numbered."""
        names = () if self.cells is None else self.cells.names
        return tuple((name, i) for i, name in enumerate(names))

    def settled(self, move: Callable[[Array], Array]) -> Launch:
        """Return the launch on the arrays' new places, in the arena; its cells are left alone."""
        own = None if self.cells is None else self.cells.array
        args = tuple(move(a) if is_here(a) and a is not own else a for a in self.args)
        return self._replace(args=args, reads=(), writes=())

    def on(self, cells: Array) -> Launch:
        """Return the launch with its cells elsewhere."""
        assert self.cells is not None
        args = tuple(cells if a is self.cells.array else a for a in self.args)
        return self._replace(args=args, cells=self.cells._replace(array=cells))


@kernel
def advance(table, cells, made, words):
    """
    Copy this step's row of ``table``, so many words, into the cells, and count the step.

    ``made`` (1,) counts the steps so far. There is one block, and all its threads have read
    the count before the first of them writes it.
    """
    step = made[0]
    i = uint32(cuda.threadIdx.x)
    while i < words:
        cells[i] = table[uint32(step * words + i)]
        i = uint32(i + uint32(cuda.blockDim.x))
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        made[0] = uint32(step + uint32(1))


class Replay:
    """
    A program to be run many times: as a CUDA graph, or launch by launch where that fails.

    Parameters
    ----------
    program : Program
        Recorded on the cuda backend. Its temporaries lie in its arena, which lives as long
        as this does.
    most : int
        Steps of one call.

    Attributes
    ----------
    graph : callable or None
        Makes all launches of a step; None where they are made one by one: in the simulator,
        or where a graph was not to be had, of which a RuntimeWarning tells the reason.
    """

    def __init__(self, program: Program, most: int) -> None:
        self._program = program  # it holds the memory that the launches point to
        self.most = most
        self._done = 0
        self._cells: list[tuple[int, Cells]] = []  # where they begin, in words
        words = 0
        for row in program.rows:
            if row.cells is not None:
                words += -words % (row.cells.array.dtype.itemsize // WORD)  # float64: 8 bytes
                self._cells.append((words, row.cells))
                words += row.cells.array.nbytes // WORD
        self._words = max(1, words)
        cells = cuda.to_device(np.zeros(self._words, np.uint32))
        self._table = cuda.device_array(most * self._words, np.uint32)
        self._made = cuda.to_device(np.zeros(1, np.uint32))
        args = (self._table, cells, self._made, np.uint32(self._words))
        self._launches = [Launch("advance", advance, (1,), (BLOCK,), args, (), ())]
        places = iter(self._cells)
        for row in program.rows:
            if row.cells is not None:
                first, its = next(places)
                its_words = cells[first : first + its.array.nbytes // WORD]
                row = row.on(its_words.view(its.array.dtype))
            self._launches.append(row)
        self.graph = None if SIMULATED else self._captured()

    def _captured(self) -> Callable[[], None] | None:
        """Return the launches as a graph, or tell why that cannot be."""
        self._launches[0].run()  # all others have been compiled and loaded: they were recorded
        cuda.synchronize()
        try:
            return capture(self._launches)
        except Exception as error:  # cuda-core's, the driver's, Numba's of an older version
            _tell(f"{type(error).__name__}: {error}")
            return None

    def run(self, steps: int, values: Sequence[NDArray[Any]]) -> None:
        """
        Make ``steps`` steps, at most ``most``, and wait until they are made.

        ``values`` are those of what varies, in the order of ``program.varying``, each an array
        over the steps. They are all that goes to the device.
        """
        self._upload(steps, values)
        for _ in range(steps):
            if self.graph is not None:
                self.graph()
            else:
                for launch in self._launches:
                    launch.run()
        cuda.synchronize()  # the host is far ahead: a launch only asks for the work
        self._done += int(self._made.copy_to_host()[0])

    def _upload(self, steps: int, values: Sequence[NDArray[Any]]) -> None:
        """Bring the cells' contents at each step to the device, and begin to count anew."""
        if len(values) != len(self._program.varying) or not 1 <= steps <= self.most:
            raise ValueError(
                f"{steps} steps with {len(values)} values; expected 1 to {self.most} steps,"
                f" with {len(self._program.varying)} values"
            )
        rows = np.zeros((steps, self._words), np.uint32)
        columns = iter(values)
        for place, cells in self._cells:
            given = [next(columns) for _ in cells.names]
            for column in cells.of(*given):
                numbers = np.ascontiguousarray(column, cells.array.dtype).reshape(steps, 1)
                words = numbers.view(np.uint32)
                rows[:, place : place + words.shape[1]] = words
                place += words.shape[1]
        self._table[: rows.size].copy_to_device(rows.reshape(-1))
        self._made.copy_to_device(np.zeros(1, np.uint32))

    def take_done(self) -> int:
        """Return how many steps have been made since this was asked last."""
        done, self._done = self._done, 0
        return done


def capture(launches: Sequence[Launch]) -> Callable[[], None]:
    """
    Return a function that makes all launches at once, as a CUDA graph.

    While a stream is captured, what is launched into it is not run but noted. The graph is
    then launched into Numba's default stream, so that it is ordered with whatever else is
    launched or copied.

    Raises
    ------
    Exception
        Whatever cuda-core, the driver or Numba find; nothing has been launched then.
    """
    core: Any = importlib.import_module("cuda.core")  # numba-cuda rests on it; no other does
    device = core.Device()  # the one in use
    device.set_current()  # with the same context as Numba: the primary one of the device
    builder = device.create_graph_builder()
    try:
        builder.begin_building()
        for launch in launches:
            launch.run(builder)
        graph = builder.end_building().complete()
    except BaseException:
        with contextlib.suppress(Exception):  # what went wrong first is what matters
            builder.close()
        raise
    builder.close()
    return functools.partial(graph.launch, core.Stream.from_handle(0))


@functools.cache
def _tell(why: str) -> None:
    """Warn, once, that there is no graph."""
    warnings.warn(
        "a recorded step is launched kernel by kernel, which takes longer than a CUDA graph:"
        f" {why}",
        RuntimeWarning,
        stacklevel=2,
    )
