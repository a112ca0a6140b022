"""
How fast it is here: our operations and training steps beside NumPy's, PyTorch's and JAX's.

Each number of threads is measured in a process of its own (``worker``), because
the libraries fix their threads when they are loaded. There, every case of a suite
(``cases``) has several contenders (``peers``) that do the same work; they are
measured in turns, and a median is kept (``timing``). ``report`` makes tables and JSON.

This file names what can be asked for, and imports nothing, so that a worker can
still choose its cores before NumPy is loaded.
"""

from __future__ import annotations

__all__ = ["PEER_CHOICES", "SUITES"]

SUITES = ("gemm", "kernels", "step")

PEER_CHOICES = ("numpy", "installed", "all")
"""NumPy alone; also PyTorch eager and JAX, where installed; also torch.compile."""
