"""
What the compiled backends share: notes for a recorder, where results go, what is refused.

A compiled backend runs kernels and tells the recorder of each (``Row`` on the cpu,
``Launch`` on a GPU). Here stands all around it: that a new array is noted, that a result
for ``out=`` is computed elsewhere where it would overwrite what is still to be read, that
a step which does anything but run kernels is no program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchgan.backends.program import Recorder
from scratchgan.backends.vocabulary import (
    COMPOSED,
    FLOPS,
    OPERATIONS,
    Array,
    Backend,
    definition,
    hook,
)
from scratchgan.errors import ShapeError

__all__ = ["REAL", "Compiled", "flops", "without_kernel"]

REAL = {np.dtype(np.float32): np.float32, np.dtype(np.float64): np.float64}
"""The dtypes that kernels compute with."""


class _Notes(threading.local):
    """Who takes notes, for each thread."""

    recorder: Recorder | None = None


class Compiled(Backend):
    """A backend of kernels, whose steps can be recorded."""

    def __init__(self) -> None:
        self._notes = _Notes()

    # -- recording ------------------------------------------------------------------------------

    @contextmanager
    def recording(self, recorder: Recorder) -> Iterator[None]:
        """Let a recorder take notes of what this thread runs."""
        self._notes.recorder, recorder.allocate = recorder, self._arena
        try:
            yield
        finally:
            self._notes.recorder = None

    def _refuse(self, what: str) -> None:
        """Say that something is done that is no kernel, so that no program can be made of it."""
        if self._notes.recorder is not None:
            self._notes.recorder.refuse(what)

    # -- arrays ---------------------------------------------------------------------------------

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of unset values."""
        raise NotImplementedError

    def _arena(self, size: int) -> Array:
        """Return the memory for a program's arena, so many bytes from a cache line on."""
        raise NotImplementedError

    def _overlap(self, a: Array, b: Array) -> bool:
        """Whether two arrays share memory."""
        raise NotImplementedError

    def _require_writable(self, operation: str, a: Array) -> None:
        """Raise ShapeError unless a kernel may write to ``a``."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        a = self._allocate(shape, dtype)
        if self._notes.recorder is not None:
            self._notes.recorder.allocated(a)
        return a

    def to_numpy(self, a: Array) -> Any:
        self._refuse("values of an array are read by the host inside a step (to_numpy)")
        return self._to_host(a)

    def _to_host(self, a: Array) -> Any:
        return np.array(a)

    def _require_real(self, operation: str, dtype: Any) -> None:
        """Raise ShapeError unless kernels compute with a dtype."""
        if dtype not in REAL and np.dtype(dtype) not in REAL:  # the first is quick
            raise ShapeError(
                f"{operation}: {np.dtype(dtype)} arrays are not for the {self.name} backend;"
                " expected float32 or float64 (for complex numbers take"
                " get_backend('reference'))"
            )

    def _real(self, operation: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return a new array for a result of an operation, of float32 or float64."""
        self._require_real(operation, dtype)
        return self.empty(shape, dtype)

    def _like(self, operation: str, a: Array) -> Array:
        return self._real(operation, a.shape, a.dtype)

    # -- results in arrays that are there already -----------------------------------------------

    def _target(
        self, operation: str, out: Array | None, shape: tuple[int, ...], dtype: Any, *inputs: Array
    ) -> Array:
        """
        Return where to compute a result: in ``out``, unless an input overlaps, or a new array.

        A place beside ``out`` begins with what stands there; ``_delivered`` brings it over.
        """
        self._require_real(operation, dtype)
        if out is None:
            return self.empty(shape, dtype)
        self._require_writable(operation, out)
        if not any(self._overlap(out, a) for a in inputs):
            return out
        place = self.empty(shape, dtype)
        self.copy_(place, out)
        return place

    def _delivered(self, computed: Array, out: Array | None) -> Array:
        if out is None or computed is out:
            return computed
        self.copy_(out, computed)
        return out


def without_kernel(
    make: Callable[[str, Callable[..., Any]], Callable[..., Any]],
) -> Callable[[type[Backend]], type[Backend]]:
    """
    Return a decorator that replaces what a backend has no kernel for.

    ``make`` is given each operation for which the class has the definition in NumPy alone, and
    that definition; what it returns takes its place.
    """

    def decorate(backend: type[Backend]) -> type[Backend]:
        for operation in OPERATIONS:
            in_numpy = definition(operation)
            lacking = getattr(backend, hook(operation)) is in_numpy
            if lacking and operation not in COMPOSED and hook(operation) != operation:
                setattr(backend, hook(operation), make(operation, in_numpy))
        return backend

    return decorate


def flops(name: str, writes: tuple[Array, ...]) -> int:
    """Return the nominal floating-point operations of a kernel by its operation's name."""
    each = FLOPS.get(name, FLOPS.get(f"{name}_", 1))
    return int(each * max(a.size for a in writes))
