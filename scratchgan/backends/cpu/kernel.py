"""
What a kernel is, how it is compiled, and how its chunks are shared among threads.

A kernel is a function ``kernel(cells, chunk, scratch, real)`` that does one chunk
of an operation: ``cells`` are its arguments by name, 64 bits each (addresses of
arrays, integers, numbers), ``scratch`` is the address of some memory of the
thread's own, ``real`` float32 or float64. How many chunks there are follows from
the sizes alone, never from the number of threads, and no two chunks write the same
element: so the bits of a result are the same for any number of threads.

The names of the cells are declared once, in ``@kernel(reads=…, writes=…, …)``. To
compiled code ``cells`` is the row, as a record that has these fields.

A row of a table is [kernel's address, chunks, chunks before it, arguments …]. A
table is run by ``run``: one row for a single operation, a hundred for a whole
training step.
"""

from __future__ import annotations

import ctypes
import hashlib
import operator
import os
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import carray, njit, prange
from numba.core import cgutils, event, types
from numba.extending import intrinsic

from scratchgan.backends.cpu import cache
from scratchgan.backends.cpu.notices import say
from scratchgan.backends.cpu.simd import ISA, size_of
from scratchgan.errors import BackendUnavailableError

__all__ = [
    "CELLS", "ELEMENTS", "HEAD", "INLINE", "KERNELS", "OPTIONS", "SCRATCH_BYTES", "SOURCES",
    "Kernel", "Runner", "chunks_of", "compile_all", "integer", "kernel", "part", "vector",
]  # fmt: skip

CELLS = 32  # of a row
HEAD = 3  # cells before the arguments
ELEMENTS = 16384  # that an elementwise kernel does in one chunk: some microseconds
SCRATCH_BYTES = 1 << 20  # of each thread
WORTH_SHARING = 4  # chunks; to start the threads costs some microseconds

if numba.config.DISABLE_JIT:
    raise BackendUnavailableError("NUMBA_DISABLE_JIT is set: then Numba compiles nothing; unset it")

# Contracting a · b + c into one rounding is allowed; what would break NaN is not.
OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
INLINE = {"forceinline": True, "fastmath": {"contract"}, "error_model": "numpy"}


_PLACE, _WORD = cgutils.voidptr_t, ir.IntType(64)

# -- reading arguments ----------------------------------------------------------------------------


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """Return an address as a pointer, for carray."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), codegen


@intrinsic
def integer(typing: Any, row: Any, i: Any) -> Any:
    """Return cell i of the row at an address as an integer."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, i = arguments
        place = builder.add(row, builder.mul(i, ir.Constant(_WORD, 8)))
        return builder.load(builder.inttoptr(place, _WORD.as_pointer()))

    return types.int64(types.intp, types.intp), codegen


@njit(forceinline=True)
def vector(address, n, dtype):
    """Return the ``n`` numbers at an address as an array."""
    return carray(pointer(address), n, dtype)


@njit(forceinline=True)
def part(address, size, chunk, dtype):
    """Return the elements of a chunk, of the ``size`` numbers at an address."""
    first = chunk * ELEMENTS
    return carray(pointer(address + first * size_of(dtype)), min(ELEMENTS, size - first), dtype)


def chunks_of(size: int) -> int:
    """Return how many chunks ``part`` makes of ``size`` numbers."""
    return -(-size // ELEMENTS)


# -- compiling ------------------------------------------------------------------------------------


NO_KERNELS = {"backend.py", "cache.py", "notices.py", "table.py"}  # no kernel uses these


def _digest() -> str:
    """
    Return a digest of what compiled code depends on besides the function's own text.

    Numba looks only at the file in which a function stands; a changed helper would
    leave old code in the cache.
    """
    digest = hashlib.sha256(ISA.name.encode())
    here = Path(__file__).parent
    shared = [here.parent / "activations.py", here.parent / "scalar.py"]
    for path in [*shared, *sorted(here.glob("*.py"))]:
        if path.name not in NO_KERNELS:
            digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _digest()


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Return ``njit(function)``, kept on the disk where a folder for it can be written."""
    return cache.keep(njit(**OPTIONS, **options)(function), SOURCES)


class _Tell(event.Listener):
    """Says that something is being compiled, since it takes long; what is loaded is not told of."""

    def on_start(self, event: Any) -> None:
        reason = cache.why_not_kept()
        once = "once, about 10 s" if reason is None else f"at each start, since {reason}"
        say(f"compiling kernels, {once} …")

    def on_end(self, event: Any) -> None:
        pass


_tell = _Tell()


def compile_for(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Compile a function, or load it from the cache."""
    if signature not in dispatcher.overloads:
        with event.install_listener("numba:compile", _tell):
            dispatcher.compile(signature)
    return dispatcher.overloads[signature]


KERNELS: list[Kernel] = []


class Kernel:
    """
    A function that does one chunk of an operation, compiled when it is first asked for.

    Attributes
    ----------
    reads, writes : tuple of str
        The cells that are addresses of arrays.
    values : tuple of str
        The others: integers, then numbers.
    varying : tuple of str
        Those of the values that change from one training step to the next.
    layout : str
        A row's format for struct: its head, then the cells in the order above.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        integers: tuple[str, ...],
        numbers: tuple[str, ...],
        varying: tuple[str, ...],
    ) -> None:
        self.name = function.__name__
        self.reads, self.writes, self.varying = reads, writes, varying
        self.values = (*integers, *numbers)
        whole = (*reads, *writes, *integers)
        self._cells = (*whole, *numbers)
        self._pick = operator.itemgetter(*self._cells)
        self.layout = f"{HEAD + len(whole)}q{len(numbers)}d"
        # The first field is the kernel's own: else Numba would take one record for another.
        head = (f"address of {self.name}", "chunks, all", "chunks before")
        kinds = [(n, np.int64) for n in (*head, *whole)] + [(n, np.float64) for n in numbers]
        self._fields = dict(kinds)
        self._record = numba.from_dtype(np.dtype(kinds, align=True))
        self._dispatcher = compiled(function)
        self._addresses: dict[Any, int] = {}
        KERNELS.append(self)

    def sorted(self, cells: dict[str, Any]) -> tuple[tuple[Any, ...], ...]:
        """Return what is read, what is written, and the values, from cells by name."""
        if len(cells) != len(self._cells):
            raise TypeError(f"{self.name} has cells {self._cells}; got {tuple(cells)}")
        picked, n = self._pick(cells), len(self.reads)
        m = n + len(self.writes)
        return picked[:n], picked[n:m], picked[m:]

    def place(self, name: str) -> int:
        """Return where in a row a cell is."""
        return HEAD + self._cells.index(name)

    def dtype(self, name: str) -> Any:
        """Return int64, or float64 for a number."""
        return self._fields[name]

    def address(self, dtype: Any) -> int:
        """Return where the compiled code for float32 or float64 stands."""
        try:
            return self._addresses[dtype]
        except KeyError:
            return self._compile(dtype)

    def _compile(self, dtype: Any) -> int:
        real = types.NumberClass(numba.from_dtype(np.dtype(dtype)))
        code = compile_for(self._dispatcher, (self._record, types.intp, types.intp, real))
        _require_convention(self._dispatcher.targetctx, code.fndesc)
        address: int = code.library.get_pointer_to_function(code.fndesc.llvm_func_name)
        self._addresses[dtype] = address
        return address


def compile_all(progress: Callable[[str], None] = lambda name: None) -> None:
    """Compile every kernel for float32 and float64, or load it; ``progress`` hears each name."""
    for each in KERNELS:
        progress(each.name)
        for dtype in (np.float32, np.float64):
            each.address(dtype)


def kernel(
    *, reads: str = "", writes: str = "", integers: str = "", numbers: str = "", varying: str = ""
) -> Callable[[Callable[..., Any]], Kernel]:
    """
    Make a kernel of ``function(cells, chunk, scratch, real)``.

    Each argument is names of cells, with spaces between. ``reads`` and ``writes`` are arrays,
    whose cells hold their addresses (0 for None); ``varying`` names those of the integers and
    numbers that change from one training step to the next.
    """
    names = (reads, writes, integers, numbers, varying)
    return lambda function: Kernel(function, *(tuple(each.split()) for each in names))


# -- running --------------------------------------------------------------------------------------

# How Numba's compiled code wants a kernel to be called: where its result and its error go, then
# the arguments, of which ``cells`` is a pointer, and ``real``, a type, a null one. It returns a
# status.
CONVENTION = ir.FunctionType(
    ir.IntType(32), [_PLACE.as_pointer(), _PLACE.as_pointer(), _PLACE, _WORD, _WORD, _PLACE]
)


def _require_convention(context: Any, function: Any) -> None:
    """Raise unless this version of Numba calls a kernel as ``call`` does."""
    found = context.call_conv.get_function_type(function.restype, function.argtypes)
    ours, theirs = (
        ["a pointer" if isinstance(a, ir.PointerType) else str(a) for a in kind.args]
        for kind in (CONVENTION, found)
    )
    if theirs != ours or found.return_type != ir.IntType(32):
        raise BackendUnavailableError(
            f"Numba {numba.__version__} calls compiled functions in another way than these"
            f" kernels are called; pip install '{cache.TESTED}'"
        )


@intrinsic
def call(typing: Any, function: Any, args: Any, chunk: Any, scratch: Any) -> Any:
    """Call a kernel by its address, in Numba's own convention (status and result by pointer)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function, args, chunk, scratch = arguments
        place = cgutils.voidptr_t
        result = cgutils.alloca_once(builder, place)
        error = cgutils.alloca_once(builder, place)
        code = builder.inttoptr(function, CONVENTION.as_pointer())
        args = builder.inttoptr(args, place)
        builder.call(code, [result, error, args, chunk, scratch, ir.Constant(place, None)])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), codegen


@intrinsic
def fetch_add(typing: Any, address: Any, value: Any) -> Any:
    """Add to an integer in memory and return what stood there, as one step for all threads."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, value = arguments
        place = builder.inttoptr(address, ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, value, "acq_rel")

    return types.int64(types.intp, types.intp), codegen


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Read an integer that other threads change, and see what they wrote before it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.intp), codegen


@intrinsic
def call_plain(typing: Any, function: Any) -> Any:
    """Call a C function without arguments by its address."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@njit(**OPTIONS)
def walk(table, rows, total, steps, tickets, scratch, give_way):
    """
    Do a thread's share of ``steps`` passes over a table.

    Tickets number all chunks in order. A thread draws one, waits until all rows
    before the ticket's are done, does the chunk, draws the next. Whoever holds the
    lowest ticket never waits, so this ends for any number of threads that really run.
    """
    claimed, done = tickets, tickets + 64  # on different cache lines
    ticket = fetch_add(claimed, 1)
    for step in range(steps):
        for r in range(rows):
            row = table + r * (8 * CELLS)
            first = step * total + integer(row, 2)
            end = first + integer(row, 1)
            if ticket < end:
                patience = 2000
                while fetch(done) < first:
                    patience -= 1
                    if patience < 0:
                        call_plain(give_way)  # there may be more threads than cores
                while ticket < end:
                    call(integer(row, 0), row, ticket - first, scratch)
                    fetch_add(done, 1)
                    ticket = fetch_add(claimed, 1)


def _run(table, rows, total, steps, tickets, scratch, give_way, threads):
    for t in prange(threads):
        walk(table, rows, total, steps, tickets, scratch + t * SCRATCH_BYTES, give_way)


run = compiled(_run, parallel=True)
run_alone = compiled(walk.py_func)


def _give_way() -> int:
    """Return the address of the system's function that lets another thread have the core."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class _Own(threading.local):
    """What each Python thread has of its own: a row, the ticket counters, scratch memory."""

    def __init__(self) -> None:
        self.row = np.zeros(CELLS, np.int64)
        self.cells = self.row.view(np.uint8).data
        self.row_address: int = self.row.ctypes.data
        self._tickets = np.zeros(32, np.int64)
        self.tickets: int = _aligned(self._tickets)
        self.counters = self._tickets[(self.tickets - self._tickets.ctypes.data) // 8 :]
        self._scratch = np.zeros(0, np.uint8)
        self.scratch = 0
        self.threads = 0

    def reserve(self, threads: int) -> None:
        """Have scratch for so many threads."""
        if threads > self.threads:
            self._scratch = np.empty(threads * SCRATCH_BYTES + 64, np.uint8)
            self.scratch = _aligned(self._scratch)
            self.threads = threads


def _aligned(a: Any) -> int:
    """Return the first address of a cache line in an array."""
    address: int = a.ctypes.data
    return -(-address // 64) * 64


_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class Runner:
    """
    Runs tables of rows: alone, or with as many threads as Numba is set to use.

    ``numba.set_num_threads`` and ``NUMBA_NUM_THREADS`` say how many. A forked child
    computes alone, with the same bits: GNU's OpenMP ends a child that starts threads
    after its parent has.
    """

    def __init__(self) -> None:
        words = (types.intp,)
        self._alone = compile_for(run_alone, words * 7).entry_point
        self._shared = compile_for(run, words * 8).entry_point
        self._own = _Own()
        self._give_way = _give_way()
        # Not every threading layer of Numba's can be entered from two threads at once.
        self._lock = threading.Lock()

    def call(self, kernel: int, chunks: int, layout: str, cells: tuple[float, ...]) -> None:
        """Run one kernel; ``layout`` is the cells' format for struct."""
        own = self._own
        struct.pack_into(layout, own.cells, 0, kernel, chunks, 0, *cells)
        self.run(own.row_address, 1, chunks, 1)

    def run(
        self, table: int, rows: int, total: int, steps: int, threads: int | None = None
    ) -> None:
        """Make ``steps`` passes over a table of ``rows`` rows with ``total`` chunks."""
        own = self._own
        own.counters[0] = own.counters[8] = 0
        if threads is None:
            threads = numba.get_num_threads() if total >= WORTH_SHARING else 1
        if _forked:
            threads = 1
        own.reserve(threads)
        if threads == 1:
            self._alone(table, rows, total, steps, own.tickets, own.scratch, self._give_way)
            return
        with self._lock:
            self._shared(
                table, rows, total, steps, own.tickets, own.scratch, self._give_way, threads
            )
