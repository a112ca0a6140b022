"""Every operation on arrays that touch a page which may be neither read nor written."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

from scratchgan.backends import get_backend
from tests.backends.cases import VOCABULARY, calls, results_of
from tests.backends.cpu.products import FORMS, boundary_sizes, operands, whole_numbers

PAGE = mmap.PAGESIZE
KEPT: list[mmap.mmap] = []  # a mapping that is let go would take its arrays along


def guarded(shape: tuple[int, ...], dtype: Any, side: str) -> Any:
    """Return an array that begins behind a forbidden page, or ends before one."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    pages = max(1, -(-size // PAGE))
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    KEPT.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for page in (0, pages + 1):
        if protect(start + page * PAGE, PAGE, 0) != 0:  # PROT_NONE
            raise OSError(ctypes.get_errno(), "mprotect")
    first = PAGE if side == "before" else (pages + 1) * PAGE - size
    flat = np.frombuffer(memory, dtype, size // dtype.itemsize, first)
    return flat.reshape(shape)


def moved(a: Any, side: str) -> Any:
    b = guarded(a.shape, a.dtype, side)
    b[...] = a
    return b


def main(side: str) -> None:
    """Products at all boundaries, then every operation; ``side`` is where the page lies."""
    ops = get_backend("cpu")
    ops.empty = lambda shape, dtype: guarded(shape, dtype, side)  # results as well
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for size in boundary_sizes(np.dtype(dtype).itemsize):
            for form in FORMS:
                if size.m * size.n * size.k > 10**7:
                    continue  # its pieces are tried by smaller ones
                a, b = (moved(x, side) for x in operands(size, form, dtype, rng, whole_numbers))
                out = guarded((size.m, size.n), dtype, side)
                print("gemm", size, form, flush=True)
                for accumulate in (False, True):
                    ops.gemm(a, b, trans_a=form[0], trans_b=form[1], out=out, accumulate=accumulate)
                KEPT.clear()
                del a, b, out
        for operation in VOCABULARY:
            for shape in ((1, 1, 1), (5, 7, 3), (33, 65, 129), (70, 33, 260)):
                for call in calls(operation, shape, dtype):
                    print(call, flush=True)
                    arguments = {
                        name: moved(a, side) if isinstance(a, np.ndarray) else a
                        for name, a in call.arguments.items()
                    }
                    results_of(getattr(ops, operation)(**arguments))
                    del arguments
                    KEPT.clear()
    print("all inside")


def stray(side: str) -> None:
    """Read the element beside an array."""
    a = guarded((3,), np.float64, side)
    print("alive so far", flush=True)
    ctypes.c_double.from_address(a.ctypes.data + (24 if side == "behind" else -8)).value  # noqa: B018
