"""
Benchmarks: our operations and training steps beside those of NumPy, PyTorch and JAX.

Each number of threads is measured in its own process (``worker``), because the
libraries fix their threads when they are loaded. Every case of a suite (``cases``)
has several contenders (``peers``) that do the same work. They are measured in turns,
and the median is kept (``timing``). ``report`` makes tables and JSON.

The backend determines the device: with ``cuda``, PyTorch and JAX compute on the same
GPU (``scratchgan.workshop.gpu`` tests and measures a machine that has one).

This file has the names of all choices. It imports nothing, so that a worker can choose
its cores before NumPy is loaded.
"""

from __future__ import annotations

__all__ = ["PEER_CHOICES", "SUITES", "uses_gpu"]

SUITES = ("gemm", "kernels", "step")

PEER_CHOICES = ("none", "numpy", "installed", "all")
"""No peer; only NumPy; also PyTorch and JAX, if installed; also torch.compile."""


def uses_gpu(backend: str | None) -> bool:
    """Whether a backend computes on a GPU: then its peers do too, and threads do not matter."""
    return backend == "cuda"
