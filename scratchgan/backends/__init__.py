"""Where arithmetic happens: one vocabulary of named operations, and the backends that run it."""

from __future__ import annotations

import importlib

from scratchgan.backends.activations import ACTIVATIONS
from scratchgan.backends.random import Purpose, Stream
from scratchgan.backends.vocabulary import Array, Backend
from scratchgan.checks import one_of
from scratchgan.errors import BackendUnavailableError

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

# name -> (module, class, the remedy if it cannot be loaded)
_HOMES = {
    "cpu": (
        "scratchgan.backends.cpu.backend",
        "CpuBackend",
        "Its kernels are compiled by Numba: pip install 'numba>=0.62,<0.69'.",
    ),
    "cuda": (
        "scratchgan.backends.cuda.backend",
        "CudaBackend",
        "It needs an NVIDIA GPU and Numba's compiler for it: pip install 'scratchgan[cuda]'"
        " (with a driver for CUDA 12: pip install 'numba-cuda[cu12]').",
    ),
    "reference": ("scratchgan.backends.reference", "ReferenceBackend", ""),
}
# The default is the first of these that works here; cuda is used only when a caller names it.
_PREFERENCE = ("cpu", "reference")


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, whether or not they work here."""
    return tuple(_HOMES)


_loaded: dict[str, Backend | str] = {}  # by name: the backend, or why it does not work here


def get_backend(name: str | Backend | None = None) -> Backend:
    """
    Return a backend by its name; the first call loads it.

    A Backend is returned unchanged; None gives the default backend. Every argument called
    ``backend`` is read by this function.

    Raises
    ------
    UnknownNameError
        For a name that is not in ``backend_names()``.
    BackendUnavailableError
        If it does not work here, with the reason and the remedy.
    """
    if name is None:
        return default_backend()
    if isinstance(name, Backend):
        return name
    one_of("backend", name, _HOMES)
    if name not in _loaded:
        _loaded.setdefault(name, _load(name))  # all threads get the same object
    found = _loaded[name]
    if isinstance(found, str):
        raise BackendUnavailableError(found)
    return found


def _load(name: str) -> Backend | str:
    """
    Load a backend, or return the reason why it cannot be loaded.

    Any exception becomes a reason, because other backends may work. The caller keeps the reason:
    a failed import leaves modules half loaded, so a second try could fail with another error.
    """
    module, attribute, remedy = _HOMES[name]
    try:
        backend: Backend = getattr(importlib.import_module(module), attribute)()
    except Exception as error:
        why = " ".join(str(error).split())  # one line
        if isinstance(error, BackendUnavailableError):
            remedy = ""  # the error names its own remedy
        elif not why or not isinstance(error, ImportError | OSError | RuntimeError):
            why = f"{type(error).__name__}: {why}".rstrip(": ")
        return f"backend '{name}' does not work here: {why}. {remedy}".rstrip()
    return backend


def why_unavailable(name: str) -> str | None:
    """Return the reason why a backend does not work here, or None if it works."""
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
    raise BackendUnavailableError("no backend works here; the reference needs only NumPy")
