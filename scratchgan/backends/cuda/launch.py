"""How the cuda backend launches kernels on device arrays, and notes them for a recorder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.cuda.device import (
    BLOCK,
    LARGEST,
    address,
    blocks_of,
    cuda,
    is_here,
    require_device,
)
from scratchgan.backends.cuda.replay import Cells, Launch
from scratchgan.backends.random import Stream
from scratchgan.backends.recording import Compiled, flops
from scratchgan.backends.vocabulary import OPERATIONS, Array
from scratchgan.errors import ShapeError

__all__ = ["Kernels", "counters", "flat", "words"]


class Kernels(Compiled):
    """Launches kernels on Numba's device arrays."""

    looks = False

    def __init__(self) -> None:
        require_device()
        super().__init__()

    def _run(
        self,
        kernel: Any,
        work: int | tuple[int, ...],
        *,
        note: str = "",
        operation: str = "",
        cells: Cells | None = None,
        **arguments: Any,
    ) -> None:
        """
        Launch a kernel. Its arguments are given by name: arrays, integers (uint32), floats.

        ``work`` is the number of elements to compute, or the grid. ``cells`` are the values that
        change from step to step. Floats are converted to the result's dtype. ``operation`` is the
        name of the operation, if the kernel has another.
        """
        if cells is not None:
            arguments["cells"] = cells.array
        if arguments.keys() != set(kernel.arguments):
            raise TypeError(
                f"{kernel.name}: got arguments {tuple(arguments)}; expected {kernel.arguments}"
            )
        writes = tuple([arguments[name] for name in kernel.writes])
        name, real = kernel.name, writes[0].dtype.type
        operation = operation or (name if name in OPERATIONS else f"{name}_")
        reads, args = [], []
        for argument in kernel.arguments:
            value = arguments[argument]
            if isinstance(value, float):
                args.append(real(value))
            elif isinstance(value, int | np.integer):
                args.append(np.uint32(value))
            else:
                args.append(flat(operation, value))
                if argument != "cells" and argument not in kernel.writes:
                    reads.append(value)
        grid = work if isinstance(work, tuple) else (blocks_of(work),)
        work = flops(operation, writes)
        made = Launch(
            name, kernel, grid, (BLOCK,), tuple(args), tuple(reads), writes, cells, note, work
        )
        self._launch(made)

    def _launch(self, launch: Launch) -> None:
        """Launch a kernel, and note it for the recorder."""
        launch.run()
        if self._notes.recorder is not None:
            self._notes.recorder.add(launch)

    def _cells(
        self,
        dtype: Any,
        of: Callable[..., tuple[Any, ...]] = lambda *values: values,
        **values: float,
    ) -> Cells:
        """Copy the named values that change from step to step to the device, for one launch."""
        given = tuple(values.values())
        array = cuda.to_device(np.array(of(*given), dtype))
        return Cells(array, tuple(values), given, of)

    def _step(self, stream: Stream) -> Cells:
        return self._cells(np.uint32, step=stream.counter_words()[1])

    # -- memory ---------------------------------------------------------------------------------

    def asarray(self, values: Any, dtype: Any = None) -> Array:
        if is_here(values):
            if dtype is None or values.dtype == dtype:
                return values
            values = self.to_numpy(values)
        return cuda.to_device(np.ascontiguousarray(values, dtype=dtype))

    def _to_host(self, a: Array) -> NDArray[Any]:
        host: NDArray[Any] = _here("to_numpy", a).copy_to_host()
        return host

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return cuda.device_array(shape, dtype)

    def _arena(self, size: int) -> Array:
        # An allocation on the device begins on a multiple of 256 bytes.
        return cuda.device_array(max(size, 1), np.uint8)

    def _view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        return _here("view", buffer)[offset : offset + math.prod(shape)].reshape(shape)

    def _reshape(self, a: Array, shape: tuple[int, ...]) -> Array:
        return _here("reshape", a).reshape(shape)

    def _overlap(self, a: Array, b: Array) -> bool:
        start, other = address(a), address(b)
        return bool(start < other + b.nbytes and other < start + a.nbytes)

    def synchronize(self) -> None:
        """Wait until all launches are done: an operation returns before its result is computed."""
        cuda.synchronize()


def _here(name: str, a: Array) -> Array:
    """Return ``a``; raise ShapeError unless it is a device array."""
    if not is_here(a):
        raise ShapeError(
            f"{name}: got a {type(a).__name__} of the host; expected a device array"
            " (copy it to the device with ops.asarray)"
        )
    return a


def flat(name: str, a: Array) -> Array:
    """Return an array as kernels take it: flat, in the same memory."""
    if not _here(name, a).is_c_contiguous() or a.size >= LARGEST:
        raise ShapeError(
            f"{name}: an array of shape {a.shape} is not C-contiguous or is too large;"
            " expected a C-contiguous one with fewer than 2³¹ elements"
        )
    return a if a.ndim == 1 else a.reshape(a.size)


def counters(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments ``columns`` and ``counters`` for a shape: a counter gives four words."""
    rows, columns = shape
    return {"columns": columns, "counters": rows * -(-columns // 4)}


def words(stream: Stream) -> dict[str, Any]:
    """Return the constant part of a stream: its key, first row and counter word 2."""
    key0, key1 = stream.key()
    return {"key0": key0, "key1": key1, "row": stream.row, "word2": stream.counter_words()[0]}
