"""The cuda backend: the vocabulary as launches of kernels on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgan.backends.cuda.elementwise import Elementwise
from scratchgan.backends.cuda.gemm import Products
from scratchgan.backends.cuda.noise import Draws
from scratchgan.backends.cuda.optim import Optimisers
from scratchgan.backends.cuda.reduce import Reductions
from scratchgan.backends.cuda.replay import Replay
from scratchgan.backends.cuda.rows import RowsAndColumns
from scratchgan.backends.program import Program
from scratchgan.backends.recording import without_kernel

__all__ = ["CudaBackend"]


def refused(operation: str, definition: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that says that an operation is not to be had: NumPy is on the host."""

    def refuse(self: CudaBackend, *arguments: Any) -> Any:
        raise NotImplementedError(
            f"{operation} has no kernel on the cuda backend; take get_backend('cpu') or"
            " get_backend('reference'), which compute it in NumPy"
        )

    return refuse


@without_kernel(refused)
class CudaBackend(Products, Elementwise, RowsAndColumns, Reductions, Draws, Optimisers):
    """
    Arrays in a GPU's memory, and kernels compiled by Numba.

    Arrays are Numba's device arrays, C-contiguous, of fewer than 2³¹ elements. What
    would need a look at values on the device is not looked at: an index outside its
    range gives zeros (``gather_rows``, ``one_hot``, ``maxout_pick``) instead of an error.
    An operation and its kernel stand in one file, by kind.

    Raises
    ------
    RuntimeError
        If there is no GPU, with the reason.
    """

    name = "cuda"

    def replay(self, program: Program, most: int) -> Replay:
        """Return a recorded step as a CUDA graph, for up to ``most`` steps a call."""
        return Replay(program, most)
