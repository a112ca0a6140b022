"""The cpu backend: kernels that Numba compiles; an operation without a kernel runs in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgan.backends.cpu.compare import Comparing
from scratchgan.backends.cpu.elementwise import Elementwise
from scratchgan.backends.cpu.gemm import Products
from scratchgan.backends.cpu.noise import Draws
from scratchgan.backends.cpu.normalise import Normalising
from scratchgan.backends.cpu.optim import Optimisers
from scratchgan.backends.cpu.penalties import Penalties
from scratchgan.backends.cpu.reduce import Reductions
from scratchgan.backends.cpu.replay import Replay
from scratchgan.backends.cpu.rows import RowsAndColumns
from scratchgan.backends.cpu.simd import ISA
from scratchgan.backends.cpu.tangents import Tangents
from scratchgan.backends.program import Program
from scratchgan.backends.recording import without_kernel

__all__ = ["CpuBackend"]


def in_numpy(operation: str, definition: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that runs an operation's definition and tells the recorder that it did."""

    def run(self: CpuBackend, *arguments: Any) -> Any:
        self._refuse(f"{operation} has no kernel on the cpu backend: it runs in NumPy")
        return definition(self, *arguments)

    return run


@without_kernel(in_numpy)
class CpuBackend(
    Products, Elementwise, RowsAndColumns, Reductions, Draws, Optimisers,
    Tangents, Normalising, Comparing, Penalties,
):  # fmt: skip
    """
    NumPy's arrays, and kernels compiled by Numba.

    An operation and its kernel are in one file; the files are by kind. An operation without a
    kernel runs in NumPy, by its definition.

    Attributes
    ----------
    isa : str
        The instruction set of the kernels.
    """

    name = "cpu"
    isa = ISA.name

    def replay(self, program: Program, most: int) -> Replay:
        """Return the replay of a recorded step; one call runs up to ``most`` steps."""
        return Replay(self._runner, program, most)
