"""The GPU: what it is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from scratchgan.backends import get_backend

__all__ = ["gpu_facts"]


def gpu_facts() -> dict[str, Any]:
    """
    Return what the GPU of the ``cuda`` backend is.

    Returns
    -------
    dict
        ``name``, ``compute_capability`` ("9.0"), ``multiprocessors``, ``memory_gib``,
        ``driver`` (its release) and ``cuda`` (the newest version that it speaks); None for
        what is not to be found out.

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
    """Return what can be found out: versions of numba-cuda and drivers differ in what they say."""
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
    """Return the release of the driver, which only its own tool tells."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.split()[0]
