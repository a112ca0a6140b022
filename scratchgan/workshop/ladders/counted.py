"""
Count the memory accesses of the rungs of notebook 11 while they run in Numba's simulator.

The kernels get arrays that note their accesses. A read of global memory is noted with its thread
and its line in the program. The reads of the 32 threads of a warp at the same line, in the same
round, are one request; its cost is the number of sectors that it touches. For shared memory, only
the numbers of reads and writes are counted.

The simulator's threads are Python threads, which do not run in step as a warp does. So this counts
requests to memory, not time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.cuda.tiles import Tile

__all__ = ["Counted", "in_simulator", "measure"]

WARP = 32


class Counted:
    """
    A flat array in global memory that notes each read: thread, line of the program, index.

    Parameters
    ----------
    numbers : array (size,)
        The array; it begins at the start of a sector.
    """

    def __init__(self, numbers: NDArray[Any]) -> None:
        self.numbers = numbers
        self.notes: list[tuple[Any, int, int, int]] = []  # appended by many threads

    dtype = property(lambda self: self.numbers.dtype)
    size = property(lambda self: self.numbers.size)
    itemsize = property(lambda self: self.numbers.itemsize)
    __array_interface__ = property(lambda self: self.numbers.__array_interface__)

    def __getitem__(self, index: Any) -> Any:
        self.note(index, sys._getframe(1).f_lineno)
        return self.numbers[index]

    def note(self, index: Any, line: int) -> None:
        """Note a read of one number, or of a vector that begins with it."""
        thread: Any = threading.current_thread()
        self.notes.append((tuple(thread.blockIdx), thread.thread_id, line, int(index)))

    def sectors(self, of: int = 32) -> int:
        """Return the number of sectors of ``of`` bytes that all requests touch."""
        rounds: Counter[Any] = Counter()
        touched = set()
        for block, thread, line, index in self.notes:
            place = block, thread, line
            sector = index * self.itemsize // of
            touched.add((block, thread // WARP, line, rounds[place], sector))
            rounds[place] += 1
        return len(touched)


class _Shared:
    """An array in shared memory that counts accesses."""

    def __init__(self, numbers: NDArray[Any], accesses: count[int]) -> None:
        self.numbers, self.accesses = numbers, accesses
        self.itemsize = numbers.itemsize

    def __getitem__(self, index: Any) -> Any:
        next(self.accesses)  # atomic among threads
        return self.numbers[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        next(self.accesses)
        self.numbers[index] = value


def _copy_vector(target: Any, t: Any, source: Any, s: Any) -> None:
    """Replace the simulator's ``read_vector``: 16 bytes are one read."""
    width = 16 // target.itemsize
    assert t % width == 0
    assert s % width == 0
    if isinstance(source, Counted):
        source.note(s, sys._getframe(1).f_lineno)
        source = source.numbers
    for i in range(width):
        target[t + i] = source[s + i]


def measure(rung: Any, m: int, n: int, k: int, dtype: str = "float32") -> dict[str, float]:
    """
    Compute a product in the simulator, and count. This process must run in the simulator.

    Parameters
    ----------
    rung : Rung
        A rung of the ladder, with a small tile: the simulator is slow.
    m, n, k : int
        The sizes.
    dtype : str

    Returns
    -------
    dict
        sectors (read, of A and B), shared_bytes (read and written), and error, the largest
        difference from NumPy's product in float64, relative to Σ |a| |b|.
    """
    from scratchgan.backends.cuda import tiles
    from scratchgan.backends.cuda.device import SIMULATED, cuda
    from scratchgan.workshop.ladders import cuda as ladder

    if not SIMULATED:
        raise RuntimeError("measure: NUMBA_ENABLE_CUDASIM=1 is not set; call in_simulator instead")
    kernelapi = sys.modules["numba.cuda.simulator.kernelapi"]
    accesses = count()

    def array(self: Any, shape: Any, dtype: Any) -> Any:
        frame = sys._getframe(1)
        made = _Shared(np.empty(shape, dtype), accesses)
        place = frame.f_code.co_filename, frame.f_lineno
        return self._allocations.setdefault(place, made)  # all threads of a block get the same

    rng = np.random.default_rng(0)
    a, b = (_aligned(rng.uniform(-1, 1, size).astype(dtype)) for size in (m * k, k * n))
    c = cuda.to_device(np.full(m * n, np.nan, dtype))  # a host array would be copied back
    counted = Counted(a), Counted(b)
    before = kernelapi.FakeCUDAShared.array, tiles.read_vector
    try:
        kernelapi.FakeCUDAShared.array = array
        for module in (ladder, tiles):
            vars(module)["read_vector"] = _copy_vector
        ladder.launch(rung, *counted, c, m, n, k)
    finally:
        kernelapi.FakeCUDAShared.array, read_vector = before
        for module in (ladder, tiles):
            vars(module)["read_vector"] = read_vector
    a, b = (x.astype("f8").reshape(shape) for x, shape in ((a, (m, k)), (b, (k, n))))
    off = np.abs(c.copy_to_host().reshape(m, n) - a @ b) / (np.abs(a) @ np.abs(b))
    return {
        "sectors": sum(x.sectors() for x in counted),
        "shared_bytes": next(accesses) * c.dtype.itemsize,
        "error": float(off.max()),
    }


def _aligned(numbers: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to the start of a sector, where all device arrays begin."""
    room = np.empty(numbers.nbytes + 32, np.uint8)
    start = -room.ctypes.data % 32
    made = room[start : start + numbers.nbytes].view(numbers.dtype)
    made[:] = numbers
    return made


def in_simulator(cases: Iterable[tuple[str, Tile, int, int, int]]) -> list[dict[str, float]]:
    """
    Compute products in Numba's simulator, in a new process, and count.

    Parameters
    ----------
    cases : iterable of (name, tile, m, n, k)
        The name of a rung, its tile, and the sizes. A few thousand multiply-adds take a second.

    Returns
    -------
    list of dict
        The result of ``measure`` for each case.

    Raises
    ------
    RuntimeError
        If a kernel failed, with its message.
    """
    command = [sys.executable, "-m", __spec__.name, json.dumps(list(cases))]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the simulator failed:\n{done.stderr[-2000:]}")
    return list(json.loads(done.stdout))


def _main(text: str) -> None:
    """Measure the cases of ``in_simulator``, given as JSON, and print the results."""
    from scratchgan.workshop.ladders.cuda import LADDER

    # The simulator's threads wait for each other in a loop; shorten the 5 ms of each wait.
    sys.setswitchinterval(1e-4)
    found = []
    for name, tile, *sizes in json.loads(text):
        found.append(measure(LADDER[name]._replace(tile=Tile(*tile)), *sizes))
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1])
