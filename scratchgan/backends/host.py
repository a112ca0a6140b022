"""Memory of the host: what the backends that compute on NumPy's arrays share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.base import Array

__all__ = ["HostMemory"]


class HostMemory:
    """The operations on memory, for arrays that are NumPy's."""

    def asarray(self, values: Any, dtype: Any = None) -> Array:
        return np.ascontiguousarray(values, dtype=dtype)

    def to_numpy(self, a: Array) -> NDArray[Any]:
        return np.array(a)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.empty(shape, dtype)

    def view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape)
        shapes.require_view(buffer, offset, size)
        return buffer[offset : offset + size].reshape(shape)

    def fill_(self, a: Array, value: float) -> None:
        a[...] = value

    def copy_(self, a: Array, b: Array) -> None:
        shapes.require_alike("copy_", a=a, b=b)
        a[...] = b
