"""What shapes an operation takes: one check for all backends, with a message for a person."""

from __future__ import annotations

from typing import Any

from scratchgan.errors import ShapeError

__all__ = [
    "gemm_sizes",
    "group_sizes",
    "require_alike",
    "require_columns",
    "require_floating",
    "require_index",
    "require_joinable",
    "require_labels",
    "require_matrix",
    "require_nonempty",
    "require_room",
    "require_rows",
    "require_same",
    "require_vector",
]


def require_nonempty(operation: str, **arrays: Any) -> None:
    """Raise ShapeError where an array has no elements (a mean over nothing is NaN)."""
    for name, a in arrays.items():
        if 0 in a.shape:
            raise ShapeError(
                f"{operation}: {name} is empty, of shape {a.shape}; give at least one row"
            )


def require_floating(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless every array holds floating numbers, and at least one."""
    for name, a in arrays.items():
        if a.dtype.kind not in "fc":  # complex: the reference's complex step
            raise ShapeError(
                f"{operation}: {name} is {a.dtype}; expected float32 or float64 (use .astype)"
            )
    require_nonempty(operation, **arrays)


def require_matrix(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless every array is (rows, columns), none of them zero, of floats."""
    for name, a in arrays.items():
        if a.ndim != 2:
            raise ShapeError(
                f"{operation}: {name} has shape {a.shape}; expected (rows, columns)"
                " (one example alone is a row: reshape it to (1, columns))"
            )
    require_floating(operation, **arrays)


def require_vector(operation: str, size: int, dtype: Any, **arrays: Any) -> None:
    """Raise ShapeError unless every array is (size,) of ``dtype``."""
    for name, a in arrays.items():
        if a.shape != (size,):
            raise ShapeError(f"{operation}: {name} has shape {a.shape}; expected ({size},)")
        if a.dtype != dtype:
            raise ShapeError(f"{operation}: {name} is {a.dtype}; expected {dtype}")


def require_same(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless all arrays share one shape and one floating dtype."""
    require_alike(operation, **arrays)
    require_floating(operation, **arrays)


def require_alike(operation: str, **arrays: Any) -> None:
    """Raise ShapeError unless all arrays share one shape and one dtype, integers included."""
    (first, a), *rest = arrays.items()
    for name, b in rest:
        if b.shape != a.shape or b.dtype != a.dtype:
            raise ShapeError(
                f"{operation}: {first} is {a.shape} {a.dtype} and {name} is {b.shape} {b.dtype};"
                " expected the same shape and dtype"
            )
    require_nonempty(operation, **arrays)


def gemm_sizes(a: Any, b: Any, trans_a: bool, trans_b: bool) -> tuple[int, int, int]:
    """
    Sizes (m, n, k) of the product op(a) · op(b), after checking that it exists.

    Raises
    ------
    ShapeError
        If either is no matrix, is empty, the inner sizes differ, or the dtypes do.
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
    """Sizes (batch, units) of a matrix whose columns are ``units`` groups of ``pieces``."""
    require_matrix(operation, a=a)
    if pieces < 1 or a.shape[1] % pieces:
        raise ShapeError(
            f"{operation}: a has {a.shape[1]} columns; expected a multiple of pieces = {pieces}"
        )
    return a.shape[0], a.shape[1] // pieces


def require_index(operation: str, a: Any, index: Any) -> None:
    """Raise ShapeError unless there is one index for each element."""
    if a.shape != index.shape:
        raise ShapeError(f"{operation}: array {a.shape} and index {index.shape} differ in shape")


def require_joinable(operation: str, a: Any, b: Any) -> None:
    """Raise ShapeError unless two matrices can stand side by side."""
    require_matrix(operation, a=a, b=b)
    if a.shape[0] != b.shape[0] or a.dtype != b.dtype:
        raise ShapeError(
            f"{operation}: a is {a.shape} {a.dtype} and b is {b.shape} {b.dtype};"
            " expected as many rows in both and one dtype"
        )


def require_columns(operation: str, a: Any, start: int, stop: int) -> None:
    """Raise ShapeError unless a matrix has columns start … stop − 1."""
    require_matrix(operation, a=a)
    if not 0 <= start < stop <= a.shape[1]:
        raise ShapeError(f"{operation}: {start} … {stop} do not lie in an array of shape {a.shape}")


def require_room(operation: str, shape: tuple[int, int]) -> None:
    """Raise ShapeError for a shape without rows or columns."""
    rows, columns = shape
    if rows < 1 or columns < 1:
        raise ShapeError(f"{operation} of shape {shape}: expected at least one row and column")


def require_rows(operation: str, data: Any, order: Any, start: int, count: int) -> None:
    """Raise ShapeError unless order[start : start + count] is there and names rows of data."""
    require_nonempty(operation, data=data)
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise ShapeError(
            f"{operation}: the order is {order.shape} {order.dtype}; expected (n,) integers"
        )
    if count < 1 or start < 0 or start + count > order.size:
        raise ShapeError(
            f"{operation}: rows {start} … {start + count} are not in an order of {order.size}"
        )
    rows = order[start : start + count]
    if not (rows.min() >= 0 and rows.max() < len(data)):
        raise ShapeError(
            f"{operation}: the order asks for rows {rows.min()} … {rows.max()};"
            f" data has {len(data)}"
        )


def require_labels(operation: str, labels: Any, classes: int) -> None:
    """Raise ShapeError unless labels are a vector of integers 0 … classes − 1."""
    require_nonempty(operation, labels=labels)
    whole = labels.ndim == 1 and labels.dtype.kind in "iu"
    if not (whole and labels.min() >= 0 and labels.max() < classes):
        raise ShapeError(f"{operation}: expected integer labels (rows,) in 0 … {classes - 1}")
