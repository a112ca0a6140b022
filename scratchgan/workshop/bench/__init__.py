"""
How fast it is here: our operations and training steps beside NumPy's, PyTorch's and JAX's.

Each number of threads is measured in a process of its own (``worker``), because
the libraries fix their threads when they are loaded. There, every case of a suite
(``cases``) has several contenders (``peers``) that do the same work; they are
measured in turns, and a median is kept (``timing``). ``report`` makes tables and JSON.

The backend decides where all this happens: beside ``cuda``, PyTorch and JAX compute on
the same GPU (``scratchgan.workshop.gpu`` tests and measures a machine that has one).

This file names what can be asked for, and imports nothing, so that a worker can
still choose its cores before NumPy is loaded.
"""

from __future__ import annotations

__all__ = ["PEER_CHOICES", "SUITES", "uses_gpu"]

SUITES = ("gemm", "kernels", "step")

PEER_CHOICES = ("none", "numpy", "installed", "all")
"""Nobody; NumPy alone; also PyTorch and JAX, where installed; also torch.compile."""


def uses_gpu(backend: str | None) -> bool:
    """Whether a backend computes on a GPU: its peers then do so too, and threads say nothing."""
    return backend == "cuda"
