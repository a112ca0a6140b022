"""Facts about the GPU."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from scratchgan.backends import get_backend

__all__ = ["gpu_facts"]


def gpu_facts() -> dict[str, Any]:
    """
    Return facts about the GPU of the ``cuda`` backend.

    Returns
    -------
    dict
        ``name``, ``compute_capability`` ("9.0"), ``multiprocessors``, ``memory_gib``,
        ``driver`` (its release) and ``cuda`` (the newest version that the driver supports);
        None for an unknown fact.

    Raises
    ------
    BackendUnavailableError
        If there is none.
    """
    get_backend("cuda")
    from scratchgan.backends.cuda.device import cuda

    device = cuda.current_context().device
    return {
        "name": _known(lambda: _text(device.name)),
        "compute_capability": _known(lambda: _dotted(device.compute_capability)),
        "multiprocessors": _known(lambda: int(device.MULTIPROCESSOR_COUNT)),
        "memory_gib": _known(lambda: round(_memory(cuda) / 2**30, 1)),
        "driver": _known(_driver),
        "cuda": _known(lambda: _dotted(cuda.cudadrv.driver.driver.get_version())),
    }


def _known(look: Callable[[], Any]) -> Any:
    """Return a fact, or None: versions of numba-cuda and of drivers offer different facts."""
    try:
        return look()
    except Exception:
        return None


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, tuple(version)))


def _memory(cuda: Any) -> int:
    return int(cuda.current_context().get_memory_info()[1])


def _driver() -> str:
    """Return the release of the driver; only nvidia-smi has it."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.split()[0]
