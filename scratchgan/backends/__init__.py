"""Where arithmetic happens: one vocabulary of named operations, and the homes that offer it."""

from __future__ import annotations

import importlib
from functools import cache

from scratchgan.backends.base import ACTIVATIONS, Array, Backend
from scratchgan.backends.random import Purpose, Stream
from scratchgan.errors import BackendUnavailableError, unknown

__all__ = [
    "ACTIVATIONS",
    "Array",
    "Backend",
    "BackendUnavailableError",
    "Purpose",
    "Stream",
    "backend_names",
    "default_backend",
    "get_backend",
    "why_unavailable",
]

# name -> (module, class, what to do where it cannot be loaded)
_HOMES = {
    "cpu": (
        "scratchgan.backends.cpu.backend",
        "CpuBackend",
        "Its kernels are compiled by Numba: pip install numba.",
    ),
    "cuda": (
        "scratchgan.backends.cuda.backend",
        "CudaBackend",
        "It needs an NVIDIA GPU and Numba's compiler for it: pip install 'scratchgan[cuda]'"
        " (with a driver for CUDA 12: pip install 'numba-cuda[cu12]').",
    ),
    "reference": ("scratchgan.backends.reference", "ReferenceBackend", ""),
}
# The default is the first of these that works here; cuda is taken only when it is asked for.
_PREFERENCE = ("cpu", "reference")


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, whether or not they work here."""
    return tuple(_HOMES)


@cache
def get_backend(name: str) -> Backend:
    """
    Return a backend by its name; it is loaded at the first call.

    Raises
    ------
    UnknownNameError
        For a name that is not in ``backend_names()``.
    BackendUnavailableError
        If it does not work here, with the reason and the remedy.
    """
    if name not in _HOMES:
        raise unknown("backend", name, _HOMES)
    module, attribute, remedy = _HOMES[name]
    try:
        backend: Backend = getattr(importlib.import_module(module), attribute)()
    except (ImportError, OSError, RuntimeError) as error:
        raise BackendUnavailableError(
            f"backend '{name}' does not work here: {error}. {remedy}".rstrip()
        ) from error
    return backend


def why_unavailable(name: str) -> str | None:
    """Return the reason why a backend does not work here, or None where it works."""
    try:
        get_backend(name)
    except BackendUnavailableError as error:
        return str(error)
    return None


def default_backend() -> Backend:
    """Return the fastest backend that works here."""
    for name in _PREFERENCE:
        if why_unavailable(name) is None:
            return get_backend(name)
    raise BackendUnavailableError("no backend works here; the reference needs NumPy alone")
