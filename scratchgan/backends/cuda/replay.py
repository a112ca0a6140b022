"""
A recorded step as a CUDA graph: one call makes all its launches.

Some values change from step to step: the step number, rates, place in the data. Kernels read
them from cells in device memory, and ``advance``, the first launch of a step, writes this
step's values there. So the launches and their arguments are constant, and a graph can repeat
them without the host.
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

WORD = 4  # bytes: cells of any type are copied as words


class Cells(NamedTuple):
    """A kernel's values that change from step to step; it reads them from device memory."""

    array: Array  # on the device
    names: tuple[str, ...]  # "step", "start", "t", "rate", "momentum"
    values: tuple[float, ...]  # the arguments with these names
    of: Callable[..., tuple[Any, ...]]
    """Computes the cells from ``values``: from numbers, or from arrays over many steps."""


class Launch(NamedTuple):
    """One launch of a kernel, with its arguments."""

    name: str  # of the operation, for listings
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
        """Launch the kernel (only this method does). Stream 0 is Numba's default stream."""
        self.kernel[self.grid, self.block, stream](*self.args)

    @property
    def values(self) -> tuple[float, ...]:
        """The values that vary, at the recorded launch."""
        return () if self.cells is None else self.cells.values

    @property
    def varying(self) -> tuple[tuple[str, int], ...]:
        """(name, index in ``values``) of each value."""
        names = () if self.cells is None else self.cells.names
        return tuple((name, i) for i, name in enumerate(names))

    def settled(self, move: Callable[[Array], Array]) -> Launch:
        """Return the launch with its arrays at their new places; its cells are unchanged."""
        own = None if self.cells is None else self.cells.array
        args = tuple(move(a) if is_here(a) and a is not own else a for a in self.args)
        return self._replace(args=args, reads=(), writes=())

    def on(self, cells: Array) -> Launch:
        """Return the launch with other memory for its cells."""
        assert self.cells is not None
        args = tuple(cells if a is self.cells.array else a for a in self.args)
        return self._replace(args=args, cells=self.cells._replace(array=cells))


@kernel
def advance(table, cells, made, words):
    """
    Copy this step's row of ``table``, of ``words`` words, to the cells, and count the step.

    ``made`` (1,) is the number of steps so far. There is only one block; all its threads read
    the count before thread 0 writes it.
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
    Runs a program many times: as a CUDA graph, or launch by launch if there is no graph.

    Parameters
    ----------
    program : Program
        Recorded on the cuda backend. Its arena is kept as long as this object.
    most : int
        The most steps of one call.

    Attributes
    ----------
    graph : callable or None
        Makes all launches of a step. It is None if they are made one by one: in the simulator,
        or if capturing the graph failed; then a RuntimeWarning gives the reason.
    """

    def __init__(self, program: Program, most: int) -> None:
        self._program = program  # keeps alive the memory that the launches point to
        self.most = most
        self._done = 0
        self._cells: list[tuple[int, Cells]] = []  # (first word, cells)
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
        """Return the launches as a graph; if that fails, warn with the reason and return None."""
        self._launches[0].run()  # compiles ``advance``; recording has compiled all the others
        cuda.synchronize()
        try:
            return capture(self._launches)
        except Exception as error:  # from cuda-core, the driver or an older Numba
            _tell(f"{type(error).__name__}: {error}")
            return None

    def run(self, steps: int, values: Sequence[NDArray[Any]]) -> None:
        """
        Run ``steps`` steps, at most ``most``, and wait until they are done.

        ``values`` has an array over the steps for each of ``program.varying``, in its order.
        Nothing else is copied to the device.
        """
        self._upload(steps, values)
        for _ in range(steps):
            if self.graph is not None:
                self.graph()
            else:
                for launch in self._launches:
                    launch.run()
        cuda.synchronize()  # launches are asynchronous: the host is far ahead
        self._done += int(self._made.copy_to_host()[0])

    def _upload(self, steps: int, values: Sequence[NDArray[Any]]) -> None:
        """Copy the cells of all steps to the device, and set the count of steps to 0."""
        if len(values) != len(self._program.varying) or not 1 <= steps <= self.most:
            raise ValueError(
                f"Replay.run: got {steps} steps with {len(values)} values;"
                f" expected 1 to {self.most} steps with {len(self._program.varying)} values"
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
        """Return the number of steps run since the last call of this method."""
        done, self._done = self._done, 0
        return done


def capture(launches: Sequence[Launch]) -> Callable[[], None]:
    """
    Return a function that makes all launches at once, as a CUDA graph.

    While a stream is captured, its launches are noted and not run. The graph is then launched
    into Numba's default stream, so that it is ordered with all other launches and copies.

    Raises
    ------
    Exception
        Any error of cuda-core, the driver or Numba. Nothing has been launched then.
    """
    core: Any = importlib.import_module("cuda.core")  # a dependency of numba-cuda alone
    device = core.Device()  # the current one
    device.set_current()  # uses the device's primary context, as Numba does
    builder = device.create_graph_builder()
    try:
        builder.begin_building()
        for launch in launches:
            launch.run(builder)
        graph = builder.end_building().complete()
    except BaseException:
        with contextlib.suppress(Exception):  # the first error is the one to raise
            builder.close()
        raise
    builder.close()
    return functools.partial(graph.launch, core.Stream.from_handle(0))


@functools.cache
def _tell(why: str) -> None:
    """Warn, once, that there is no graph."""
    warnings.warn(
        f"a recorded step runs without a CUDA graph, kernel by kernel, which is slower: {why}",
        RuntimeWarning,
        stacklevel=2,
    )
