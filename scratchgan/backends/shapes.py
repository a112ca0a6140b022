"""Checks of the shapes and dtypes of an operation's arguments, the same for all backends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchgan.backends.random import Stream
from scratchgan.checks import instance, number, shown, whole
from scratchgan.errors import ShapeError

__all__ = [
    "gemm_sizes",
    "group_sizes",
    "require_alike",
    "require_bounds",
    "require_classes",
    "require_columns",
    "require_draw",
    "require_dtype",
    "require_factors",
    "require_floating",
    "require_index",
    "require_joinable",
    "require_keep",
    "require_labels",
    "require_matrix",
    "require_nonempty",
    "require_norms",
    "require_out",
    "require_over",
    "require_pool",
    "require_reshape",
    "require_rows",
    "require_same",
    "require_update",
    "require_vector",
    "require_view",
]

ROWS = 2**32  # the most rows of one stream: the row is a word of 32 bits
CLASSES = 2**31 - 1  # the most classes of drawn labels, which are int32


def _integer(
    operation: str, name: str, value: object, low: int | None = None, high: int | None = None
) -> int:
    """Return a checked integer; 2.0 is refused too, because backends use the original argument."""
    if type(value) is int and (low is None or low <= value) and (high is None or value <= high):
        return value  # the usual case; the lines below take microseconds
    if isinstance(value, float | np.floating):
        raise ShapeError(f"{operation}: {name} is {shown(value)}; expected an integer")
    return whole(operation, name, value, low, high)


def require_nonempty(operation: str, **arrays: Any) -> None:
    """Raise ShapeError if an array has no elements (a mean over nothing is NaN)."""
    for name, a in arrays.items():
        if 0 in a.shape:
            raise ShapeError(
                f"{operation}: {name} is empty, of shape {a.shape}; give at least one row"
            )


def require_floating(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless every array has a floating dtype and at least one element."""
    for name, a in arrays.items():
        if a.dtype.kind not in "fc":  # c: the complex step of the reference
            raise ShapeError(
                f"{operation}: {name} is {a.dtype}; expected float32 or float64 (use .astype)"
            )
    require_nonempty(operation, **arrays)


def require_matrix(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless every array is (rows, columns), not empty, of a floating dtype."""
    for name, a in arrays.items():
        if a.ndim != 2:
            raise ShapeError(
                f"{operation}: {name} has shape {a.shape}; expected (rows, columns)"
                " (reshape a single example to (1, columns))"
            )
    require_floating(operation, **arrays)


def require_vector(operation: str, size: int, dtype: Any, **arrays: Any) -> None:
    """Raise ShapeError unless every array is (size,) of ``dtype``."""
    for name, a in arrays.items():
        if a.shape != (size,):
            raise ShapeError(f"{operation}: {name} has shape {a.shape}; expected ({size},)")
        if a.dtype != dtype:
            raise ShapeError(f"{operation}: {name} is {a.dtype}; expected {dtype}")


def require_norms(operation: str, squares: Any, target: float, eps: float) -> None:
    """Raise unless squares are (batch, 1), the target is positive and ``eps`` is not negative."""
    if squares.shape[1] != 1:
        raise ShapeError(f"{operation}: squares have shape {squares.shape}; expected (batch, 1)")
    number(operation, "target", target, 0, float("inf"), above=True, below=True)
    number(operation, "eps", eps, 0, float("inf"), below=True)


def require_out(operation: str, out: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ShapeError unless ``out`` is None or has the result's ``shape`` and ``dtype``."""
    if out is not None and (out.shape != shape or out.dtype != dtype):
        raise ShapeError(f"{operation}: out is {out.shape} {out.dtype}; expected {shape} {dtype}")


def require_same(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless all arrays have the same shape and the same floating dtype."""
    require_alike(operation, **arrays)
    require_floating(operation, **arrays)


def require_over(operation: str, over: str) -> int:
    """Return the axis that is left of a mean over "batch" or "features"; raise for others."""
    if over not in ("batch", "features"):
        raise ShapeError(f"{operation}: over is {shown(over)}; expected 'batch' or 'features'")
    return 1 if over == "batch" else 0


def require_alike(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless all arrays have the same shape and dtype, which may be integer."""
    (first, a), *rest = arrays.items()
    for name, b in rest:
        if b.shape != a.shape or b.dtype != a.dtype:
            raise ShapeError(
                f"{operation}: {first} is {a.shape} {a.dtype} and {name} is {b.shape} {b.dtype};"
                " expected the same shape and dtype"
            )
    require_nonempty(operation, **arrays)


def require_factors(operation: str, x: Any, factors: Any) -> None:
    """Raise ShapeError unless x is a matrix and ``factors`` has one number for each of its rows."""
    require_matrix(operation, x=x)
    if factors.shape != (x.shape[0], 1) or factors.dtype != x.dtype:
        raise ShapeError(
            f"{operation}: x is {x.shape} {x.dtype} and factors is {factors.shape}"
            f" {factors.dtype}; expected factors {(x.shape[0], 1)} {x.dtype}"
        )


def gemm_sizes(a: Any, b: Any, trans_a: bool, trans_b: bool) -> tuple[int, int, int]:
    """
    Sizes (m, n, k) of the product op(a) · op(b), after checking its arguments.

    Raises
    ------
    ShapeError
        If either is not a matrix or is empty, or if the inner sizes or the dtypes differ.
    """
    require_matrix("gemm", a=a, b=b)
    k, m = a.shape if trans_a else a.shape[::-1]
    n, k_b = b.shape if trans_b else b.shape[::-1]
    if k != k_b:
        raise ShapeError(
            f"gemm: a is {a.shape}{'ᵀ' if trans_a else ''} and b is {b.shape}"
            f"{'ᵀ' if trans_b else ''}; the inner sizes {k} and {k_b} must agree"
        )
    if a.dtype != b.dtype:
        raise ShapeError(
            f"gemm: a is {a.dtype} and b is {b.dtype}; expected one dtype"
            " (convert the data with .astype, or make the network with that dtype)"
        )
    return m, n, k


def group_sizes(operation: str, a: Any, pieces: int) -> tuple[int, int]:
    """Sizes (batch, units) of a matrix with ``units`` groups of ``pieces`` columns."""
    require_matrix(operation, a=a)
    if _integer(operation, "pieces", pieces) < 1 or a.shape[1] % pieces:
        raise ShapeError(
            f"{operation}: a has {a.shape[1]} columns; expected a multiple of pieces = {pieces}"
        )
    return a.shape[0], a.shape[1] // pieces


def require_index(
    operation: str, shape: tuple[int, ...], index: Any, pieces: int, look: bool = True
) -> None:
    """
    Raise unless there is one integer index in 0 … pieces − 1 for each element.

    The values are checked only with ``look``: the host cannot read those on a GPU.
    """
    _integer(operation, "pieces", pieces, 1)
    if shape != index.shape:
        raise ShapeError(f"{operation}: array {shape} and index {index.shape} differ in shape")
    if index.dtype.kind not in "iu":
        raise ShapeError(f"{operation}: index is {index.dtype}; expected integers")
    if look and not (index.min() >= 0 and index.max() < pieces):
        raise ShapeError(
            f"{operation}: the index has {index.min()} … {index.max()}; expected 0 … {pieces - 1}"
        )


def require_joinable(operation: str, a: Any, b: Any) -> None:
    """Raise ShapeError unless two matrices can be joined side by side."""
    require_matrix(operation, a=a, b=b)
    if a.shape[0] != b.shape[0] or a.dtype != b.dtype:
        raise ShapeError(
            f"{operation}: a is {a.shape} {a.dtype} and b is {b.shape} {b.dtype};"
            " expected the same number of rows and the same dtype"
        )


def require_columns(operation: str, a: Any, start: int, stop: int) -> None:
    """Raise ShapeError unless a matrix has columns start … stop − 1."""
    require_matrix(operation, a=a)
    start, stop = _integer(operation, "start", start), _integer(operation, "stop", stop)
    if not 0 <= start < stop <= a.shape[1]:
        raise ShapeError(
            f"{operation}: start is {start} and stop is {stop};"
            f" expected 0 ≤ start < stop ≤ {a.shape[1]}"
        )


def require_view(buffer: Any, offset: int, size: int) -> None:
    """Raise ShapeError unless a flat buffer has ``size`` elements from ``offset`` on."""
    offset = _integer("view", "offset", offset)
    if buffer.ndim != 1 or offset < 0 or offset + size > buffer.size:
        raise ShapeError(
            f"view: a buffer of shape {buffer.shape} does not have {size} elements from {offset} on"
        )


def require_draw(operation: str, shape: tuple[int, int], stream: Stream) -> None:
    """Raise unless a stream can give ``shape``: one element or more, rows numbered in 32 bits."""
    if not isinstance(stream, Stream):
        instance(operation, "stream", stream, Stream, "a Stream")
    if not (isinstance(shape, tuple) and len(shape) == 2):
        raise ShapeError(f"{operation}: shape is {shown(shape)}; expected (rows, columns)")
    rows, columns = _integer(operation, "shape", shape[0]), _integer(operation, "shape", shape[1])
    if rows < 1 or columns < 1:
        raise ShapeError(f"{operation} of shape {shape}: expected at least one row and column")
    _integer(operation, "row", stream.row, 0, ROWS - rows)


def require_reshape(a: Any, shape: object) -> None:
    """Raise ShapeError unless an array has as many elements as ``shape``."""
    if not isinstance(shape, tuple):
        raise ShapeError(f"reshape: shape is {shown(shape)}; expected a tuple of sizes")
    size = math.prod(_integer("reshape", "shape", each, 0) for each in shape)
    if size != a.size:
        raise ShapeError(f"reshape: a of shape {a.shape} has {a.size} elements, {shape} has {size}")


def require_pool(operation: str, pool: Any, filled: Any, x: Any, words: Any, share: float) -> None:
    """Raise unless a pool has rows like x, and there are two random words for each row of x."""
    require_matrix(operation, pool=pool, x=x)
    if pool.shape[1] != x.shape[1] or pool.dtype != x.dtype:
        raise ShapeError(
            f"{operation}: pool is {pool.shape} {pool.dtype} and x is {x.shape} {x.dtype};"
            " expected the same number of columns and the same dtype"
        )
    for name, a, shape, dtype in (
        ("filled", filled, (1,), np.int32), ("words", words, (len(x), 2), np.uint32),
    ):  # fmt: skip
        if a.shape != shape or a.dtype != dtype:
            raise ShapeError(
                f"{operation}: {name} is {a.shape} {a.dtype}; expected {shape} {np.dtype(dtype)}"
            )
    number(operation, "share", share, 0, 1)


def require_bounds(operation: str, low: float, high: float) -> None:
    """Raise unless two numbers are finite and the first is not above the second."""
    number(operation, "high", high, number(operation, "low", low))


def require_keep(keep: float) -> None:
    """Raise unless 0 < keep ≤ 1."""
    if not (type(keep) is float and 0 < keep <= 1):
        number("dropout", "keep", keep, 0, 1, above=True)


def require_update(t: int) -> None:
    """Raise unless t ≥ 1: at t = 0 the bias corrections of Adam divide by 0."""
    _integer("adam_", "t", t, 1)


def require_classes(operation: str, classes: int) -> None:
    """Raise unless labels of this many classes can be drawn."""
    _integer(operation, "classes", classes, 1, CLASSES)


def require_dtype(operation: str, dtype: Any) -> None:
    """Raise ShapeError unless a dtype is floating."""
    try:
        kind = "" if dtype is None else np.dtype(dtype).kind
    except TypeError:
        kind = ""
    if kind not in ("f", "c"):  # c: the complex step of the reference
        raise ShapeError(f"{operation}: dtype is {shown(dtype)}; expected float32 or float64")


def require_rows(
    operation: str, data: Any, order: Any, start: int, count: int, look: bool = True
) -> None:
    """
    Raise unless order[start : start + count] exists and its entries are rows of data.

    The values are checked only with ``look``: the host cannot read those on a GPU.
    """
    require_nonempty(operation, data=data)
    start, count = _integer(operation, "start", start), _integer(operation, "count", count)
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise ShapeError(
            f"{operation}: the order is {order.shape} {order.dtype}; expected (n,) integers"
        )
    if count < 1 or start < 0 or start + count > order.size:
        raise ShapeError(
            f"{operation}: start is {start} and count is {count};"
            f" expected entries of an order of {order.size}"
        )
    if not look:
        return
    rows = order[start : start + count]
    if not (rows.min() >= 0 and rows.max() < len(data)):
        raise ShapeError(
            f"{operation}: the order has indices {rows.min()} … {rows.max()};"
            f" expected 0 … {len(data) - 1}"
        )


def require_labels(operation: str, labels: Any, classes: int, look: bool = True) -> None:
    """
    Raise unless labels are a vector of integers in 0 … classes − 1.

    The values are checked only with ``look``: the host cannot read those on a GPU.
    """
    require_nonempty(operation, labels=labels)
    classes = _integer(operation, "classes", classes, 1)
    right = labels.ndim == 1 and labels.dtype.kind in "iu"
    if not (right and (not look or (labels.min() >= 0 and labels.max() < classes))):
        raise ShapeError(f"{operation}: expected integer labels (rows,) in 0 … {classes - 1}")
