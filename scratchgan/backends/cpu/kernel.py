"""
What a kernel is, how it is compiled, and how its chunks are shared among threads.

A kernel is a function ``kernel(cells, chunk, scratch, real)`` that computes one chunk of an
operation:

- ``cells`` are its arguments by name, 64 bits each: addresses of arrays, integers, numbers;
- ``scratch`` is the address of memory that belongs to the thread;
- ``real`` is float32 or float64.

The number of chunks depends only on the sizes, never on the number of threads, and no two
chunks write the same element. So a result has the same bits for any number of threads.

The names of the cells are declared once, in ``@kernel(reads=…, writes=…, …)``. In compiled
code ``cells`` is the row, as a record with these fields.

A row of a table is [kernel's address, chunks, chunks before it, arguments …]. ``run`` runs a
table: one row for a single operation, about a hundred for a training step.
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

CELLS = 32  # cells of a row
HEAD = 3  # cells before the arguments
ELEMENTS = 16384  # elements of an elementwise kernel's chunk: a few microseconds
SCRATCH_BYTES = 1 << 20  # bytes of each thread
WORTH_SHARING = 4  # chunks from which threads are used: starting them costs a few microseconds

if numba.config.DISABLE_JIT:
    raise BackendUnavailableError("NUMBA_DISABLE_JIT is set, so Numba compiles nothing; unset it")

# LLVM may contract a · b + c to one rounding; it may not do what would change NaN.
OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
INLINE = {"forceinline": True, "fastmath": {"contract"}, "error_model": "numpy"}


_PLACE, _WORD = cgutils.voidptr_t, ir.IntType(64)

# -- reading arguments ----------------------------------------------------------------------------


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """Convert an address to a pointer, for carray."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), codegen


@intrinsic
def integer(typing: Any, row: Any, i: Any) -> Any:
    """Return cell i of the row at address ``row``, as an integer."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, i = arguments
        place = builder.add(row, builder.mul(i, ir.Constant(_WORD, 8)))
        return builder.load(builder.inttoptr(place, _WORD.as_pointer()))

    return types.int64(types.intp, types.intp), codegen


@njit(forceinline=True)
def vector(address, n, dtype):
    """Return ``n`` numbers at an address as an array."""
    return carray(pointer(address), n, dtype)


@njit(forceinline=True)
def part(address, size, chunk, dtype):
    """Return a chunk of the ``size`` numbers at an address, as an array."""
    first = chunk * ELEMENTS
    return carray(pointer(address + first * size_of(dtype)), min(ELEMENTS, size - first), dtype)


def chunks_of(size: int) -> int:
    """Return the number of chunks of ``size`` numbers."""
    return -(-size // ELEMENTS)


# -- compiling ------------------------------------------------------------------------------------


NO_KERNELS = {"backend.py", "cache.py", "notices.py", "table.py"}  # kernels do not depend on these


def _digest() -> str:
    """
    Return a digest of all sources that compiled code depends on.

    Numba checks only the file with the function. After a change of a helper in another file it
    would use old code.
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
    """Return ``njit(function)``, whose compiled code is kept on disk if that is possible."""
    return cache.keep(njit(**OPTIONS, **options)(function), SOURCES)


class _Tell(event.Listener):
    """Prints a notice when Numba compiles, because it is slow; no notice when code is loaded."""

    def on_start(self, event: Any) -> None:
        reason = cache.why_not_kept()
        once = "once, about 10 s" if reason is None else f"at each start, because {reason}"
        say(f"compiling kernels, {once} …")

    def on_end(self, event: Any) -> None:
        pass


_tell = _Tell()


def compile_for(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Compile a function for a signature, or load it from the cache."""
    if signature not in dispatcher.overloads:
        with event.install_listener("numba:compile", _tell):
            dispatcher.compile(signature)
    return dispatcher.overloads[signature]


KERNELS: list[Kernel] = []


class Kernel:
    """
    A function that computes one chunk of an operation; it is compiled at its first use.

    Attributes
    ----------
    reads, writes : tuple of str
        The cells with addresses of arrays.
    values : tuple of str
        The other cells: integers, then numbers.
    varying : tuple of str
        The values that change from one training step to the next.
    layout : str
        The format of a row for struct: its head, then the cells in the order above.
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
        # The first field has the kernel's name, so no two kernels have the same record type.
        head = (f"address of {self.name}", "chunks, all", "chunks before")
        kinds = [(n, np.int64) for n in (*head, *whole)] + [(n, np.float64) for n in numbers]
        self._fields = dict(kinds)
        self._record = numba.from_dtype(np.dtype(kinds, align=True))
        self._dispatcher = compiled(function)
        self._addresses: dict[Any, int] = {}
        KERNELS.append(self)

    def sorted(self, cells: dict[str, Any]) -> tuple[tuple[Any, ...], ...]:
        """Return (arrays read, arrays written, values) from cells by name."""
        if len(cells) != len(self._cells):
            raise TypeError(f"{self.name}: got cells {tuple(cells)}; expected {self._cells}")
        picked, n = self._pick(cells), len(self.reads)
        m = n + len(self.writes)
        return picked[:n], picked[n:m], picked[m:]

    def place(self, name: str) -> int:
        """Return the index of a cell in a row."""
        return HEAD + self._cells.index(name)

    def dtype(self, name: str) -> Any:
        """Return a cell's dtype: float64 for a number, otherwise int64."""
        return self._fields[name]

    def address(self, dtype: Any) -> int:
        """Return the address of the compiled code for float32 or float64."""
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
    """Compile or load every kernel for float32 and float64; ``progress`` gets each name first."""
    for each in KERNELS:
        progress(each.name)
        for dtype in (np.float32, np.float64):
            each.address(dtype)


def kernel(
    *, reads: str = "", writes: str = "", integers: str = "", numbers: str = "", varying: str = ""
) -> Callable[[Callable[..., Any]], Kernel]:
    """
    Make a kernel of ``function(cells, chunk, scratch, real)``.

    Each argument is a string of cell names, separated by spaces. ``reads`` and ``writes`` name
    arrays, whose cells have their addresses (0 for None). ``varying`` repeats the integers and
    numbers that change from one training step to the next.
    """
    names = (reads, writes, integers, numbers, varying)
    return lambda function: Kernel(function, *(tuple(each.split()) for each in names))


# -- running --------------------------------------------------------------------------------------

# Numba's calling convention for a kernel. The arguments are: a pointer for the result, a pointer
# for the error, ``cells`` (a pointer), ``chunk``, ``scratch``, and a null pointer for the type
# ``real``. It returns a status.
CONVENTION = ir.FunctionType(
    ir.IntType(32), [_PLACE.as_pointer(), _PLACE.as_pointer(), _PLACE, _WORD, _WORD, _PLACE]
)


def _require_convention(context: Any, function: Any) -> None:
    """Raise unless this version of Numba has the calling convention that ``call`` uses."""
    found = context.call_conv.get_function_type(function.restype, function.argtypes)
    ours, theirs = (
        ["a pointer" if isinstance(a, ir.PointerType) else str(a) for a in kind.args]
        for kind in (CONVENTION, found)
    )
    if theirs != ours or found.return_type != ir.IntType(32):
        raise BackendUnavailableError(
            f"Numba {numba.__version__} has another calling convention than these kernels use;"
            f" pip install '{cache.TESTED}'"
        )


@intrinsic
def call(typing: Any, function: Any, args: Any, chunk: Any, scratch: Any) -> Any:
    """Call a kernel by its address, in Numba's calling convention."""

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
    """Add to an integer in memory and return its old value, atomically."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, value = arguments
        place = builder.inttoptr(address, ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, value, "acq_rel")

    return types.int64(types.intp, types.intp), codegen


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Read an integer atomically (acquire): what other threads wrote before it is visible."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.intp), codegen


@intrinsic
def call_plain(typing: Any, function: Any) -> Any:
    """Call a C function without arguments, by its address."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@njit(**OPTIONS)
def walk(table, rows, total, steps, tickets, scratch, give_way):
    """
    Do a thread's share of ``steps`` passes over a table.

    Tickets number all chunks in order. A thread takes a ticket, waits until all earlier rows
    are done, computes the chunk, and takes the next ticket. The thread with the lowest ticket
    never waits, so this ends for any number of running threads.
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
    """Return the address of the system's function that yields the core to another thread."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class _Own(threading.local):
    """The memory of each Python thread: a row, the ticket counters, scratch."""

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
        """Allocate scratch for this many threads."""
        if threads > self.threads:
            self._scratch = np.empty(threads * SCRATCH_BYTES + 64, np.uint8)
            self.scratch = _aligned(self._scratch)
            self.threads = threads


def _aligned(a: Any) -> int:
    """Return the first address in an array at which a cache line begins."""
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
    Runs tables of rows, in one thread or in several.

    ``numba.set_num_threads`` and ``NUMBA_NUM_THREADS`` set the number of threads. A forked child
    uses one thread, with the same bits: GNU's OpenMP ends a child process that starts threads
    if its parent has started some.
    """

    def __init__(self) -> None:
        words = (types.intp,)
        self._alone = compile_for(run_alone, words * 7).entry_point
        self._shared = compile_for(run, words * 8).entry_point
        self._own = _Own()
        self._give_way = _give_way()
        # Some threading layers of Numba are not thread-safe.
        self._lock = threading.Lock()

    def call(self, kernel: int, chunks: int, layout: str, cells: tuple[float, ...]) -> None:
        """Run one kernel; ``layout`` is the row's format for struct."""
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
