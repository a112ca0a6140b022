"""
The common base of the compiled backends: recording, targets of results, and what is refused.

A compiled backend runs kernels and tells the recorder about each (``Row`` on the cpu,
``Launch`` on a GPU). The rest is here:

- a recorder learns of each new array;
- a result for ``out=`` goes to a new array first, if ``out`` overlaps an input;
- a step that does more than run kernels cannot be recorded: the recorder learns why.
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
    """The recorder of each thread, None while it records nothing."""

    recorder: Recorder | None = None


class Compiled(Backend):
    """A backend that runs kernels; its steps can be recorded."""

    def __init__(self) -> None:
        self._notes = _Notes()

    # -- recording ------------------------------------------------------------------------------

    @contextmanager
    def recording(self, recorder: Recorder) -> Iterator[None]:
        """Let a recorder note the operations that this thread runs."""
        self._notes.recorder, recorder.allocate = recorder, self._arena
        try:
            yield
        finally:
            self._notes.recorder = None

    def _refuse(self, what: str) -> None:
        """Tell the recorder that the step does ``what`` without a kernel: it cannot be recorded."""
        if self._notes.recorder is not None:
            self._notes.recorder.refuse(what)

    # -- arrays ---------------------------------------------------------------------------------

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of unset values."""
        raise NotImplementedError

    def _arena(self, size: int) -> Array:
        """Return ``size`` bytes for a program's arena; they begin on a cache line."""
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
        self._refuse("the host reads values of an array inside a step (to_numpy)")
        return self._to_host(a)

    def _to_host(self, a: Array) -> Any:
        return np.array(a)

    def _require_real(self, operation: str, dtype: Any) -> None:
        """Raise ShapeError unless kernels can compute with a dtype."""
        if dtype not in REAL and np.dtype(dtype) not in REAL:  # the first test is quick
            raise ShapeError(
                f"{operation}: the {self.name} backend cannot compute with {np.dtype(dtype)};"
                " expected float32 or float64 (for complex numbers use"
                " get_backend('reference'))"
            )

    def _real(self, operation: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return a new array of float32 or float64 for an operation's result."""
        self._require_real(operation, dtype)
        return self.empty(shape, dtype)

    def _like(self, operation: str, a: Array) -> Array:
        return self._real(operation, a.shape, a.dtype)

    # -- results in arrays that exist already ---------------------------------------------------

    def _target(
        self, operation: str, out: Array | None, shape: tuple[int, ...], dtype: Any, *inputs: Array
    ) -> Array:
        """
        Return the array to compute a result in.

        It is ``out``, unless ``out`` is None or overlaps an input. Then it is a new array, which
        starts as a copy of ``out``; ``_delivered`` copies the result to ``out``.
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
    Return a class decorator for the operations that have no kernel.

    For each operation that the class does not override, it calls ``make(operation, definition)``
    with the definition in NumPy, and sets the function that ``make`` returns as the override.
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
    """Return the nominal number of floating-point operations of an operation's kernel."""
    each = FLOPS.get(name, FLOPS.get(f"{name}_", 1))
    return int(each * max(a.size for a in writes))
