"""The cuda backend: the vocabulary as launches of kernels on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgan.backends.cuda.compare import Comparing
from scratchgan.backends.cuda.elementwise import Elementwise
from scratchgan.backends.cuda.gemm import Products
from scratchgan.backends.cuda.noise import Draws
from scratchgan.backends.cuda.normalise import Normalising
from scratchgan.backends.cuda.optim import Optimisers
from scratchgan.backends.cuda.penalties import Penalties
from scratchgan.backends.cuda.reduce import Reductions
from scratchgan.backends.cuda.replay import Replay
from scratchgan.backends.cuda.rows import RowsAndColumns
from scratchgan.backends.cuda.tangents import Tangents
from scratchgan.backends.program import Program
from scratchgan.backends.recording import without_kernel

__all__ = ["CudaBackend"]


def refused(operation: str, definition: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that raises: without a kernel, NumPy would compute on the host."""

    def refuse(self: CudaBackend, *arguments: Any) -> Any:
        raise NotImplementedError(
            f"{operation} has no kernel on the cuda backend; use get_backend('cpu') or"
            " get_backend('reference'), which compute it in NumPy"
        )

    return refuse


@without_kernel(refused)
class CudaBackend(
    Products, Elementwise, RowsAndColumns, Reductions, Draws, Optimisers,
    Tangents, Normalising, Comparing, Penalties,
):  # fmt: skip
    """
    Arrays in a GPU's memory, and kernels compiled by Numba.

    Arrays are Numba's device arrays, C-contiguous, with fewer than 2³¹ elements. The host does
    not check values on the device: an index out of range gives zeros (``gather_rows``,
    ``one_hot``, ``maxout_pick``) instead of an error. An operation and its kernel are in one
    file; the files are by kind.

    Raises
    ------
    RuntimeError
        If no GPU can be used, with the reason.
    """

    name = "cuda"

    def replay(self, program: Program, most: int) -> Replay:
        """Return the replay of a recorded step, as a CUDA graph; one call runs ``most`` at most."""
        return Replay(program, most)
