"""The cpu backend: the vocabulary as rows for compiled kernels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.base import Array, Backend
from scratchgan.backends.cpu import elementwise, noise, optim, reduce, rows
from scratchgan.backends.cpu.gemm import (
    ADD,
    NARROW_ROWS,
    TRANS_A,
    TRANS_B,
    cut,
    fits_narrow,
    narrow,
)  # fmt: skip
from scratchgan.backends.cpu.gemm import gemm as gemm_kernel
from scratchgan.backends.cpu.kernel import ELEMENTS, HEAD, Kernel, Runner, chunks_of
from scratchgan.backends.cpu.replay import Replay
from scratchgan.backends.cpu.simd import ISA
from scratchgan.backends.host import HostMemory
from scratchgan.backends.program import Program, Recorder, Row
from scratchgan.backends.random import Stream
from scratchgan.errors import ShapeError

__all__ = ["CpuBackend"]

REAL = {np.dtype(np.float32): np.float32, np.dtype(np.float64): np.float64}


class CpuBackend(HostMemory, Backend):
    """
    NumPy's arrays, and kernels compiled by Numba.

    Attributes
    ----------
    isa : str
        The instruction set that the kernels were written for.
    """

    name = "cpu"
    isa = ISA.name

    def __init__(self) -> None:
        self._runner = Runner()
        self._notes = _Notes()

    # -- rows -----------------------------------------------------------------------------------

    def _do(
        self,
        kernel: Kernel,
        real: Any,
        chunks: int,
        reads: tuple[Array | None, ...],
        writes: tuple[Array, ...],
        integers: tuple[int, ...] = (),
        numbers: tuple[float, ...] = (),
        varying: tuple[tuple[str, int], ...] = (),
        note: str = "",
    ) -> None:
        """
        Run a kernel: its cells are addresses, then integers, then numbers.

        ``varying`` names the cells, counted behind the addresses, that change from one
        training step to the next.
        """
        cells = (*map(_address, reads), *map(_address, writes), *integers, *numbers)
        words = HEAD + len(cells) - len(numbers)
        self._runner.call(kernel.address(real), chunks, f"{words}q{len(numbers)}d", cells)
        if self._notes.recorder is not None:
            layout = "q" * len(integers) + "d" * len(numbers)
            self._notes.recorder.add(
                Row(kernel, real, chunks, reads, writes, integers + numbers, layout, varying, note)
            )

    @contextmanager
    def recording(self, recorder: Recorder) -> Iterator[None]:
        """Let a recorder take notes of what this thread runs."""
        self._notes.recorder = recorder
        try:
            yield
        finally:
            self._notes.recorder = None

    def replay(self, program: Program, most: int) -> Replay:
        """Return a recorded step as one call for up to ``most`` steps."""
        return Replay(self._runner, program, most)

    def _outside(self, what: str) -> None:
        """Say that something is done that is no row of a table."""
        if self._notes.recorder is not None:
            self._notes.recorder.refuse(what)

    # -- memory ---------------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        a = super().empty(shape, dtype)
        if self._notes.recorder is not None:
            self._notes.recorder.allocated(a)
        return a

    def to_numpy(self, a: Array) -> NDArray[Any]:
        self._outside("values of an array are read by the host inside a step (to_numpy)")
        return super().to_numpy(a)

    def fill_(self, a: Array, value: float) -> None:
        if a.dtype not in REAL or not _fits(a):
            self._outside(f"fill_ of an array of {a.dtype}")
            super().fill_(a, value)
            return
        self._do(
            elementwise.fill, REAL[a.dtype], chunks_of(a.size), (), (a,), (a.size,), (float(value),)
        )

    def copy_(self, a: Array, b: Array) -> None:
        shapes.require_alike("copy_", a=a, b=b)
        if a.dtype not in REAL or not _fits(a) or np.may_share_memory(a, b):
            self._outside(f"copy_ of an array of {a.dtype}, or within one array")
            super().copy_(a, b)
            return
        b = _plain(b)
        self._do(elementwise.copy, REAL[a.dtype], chunks_of(a.size), (b,), (a,), (a.size,))

    # -- products -------------------------------------------------------------------------------

    def gemm(
        self,
        a: Array,
        b: Array,
        *,
        trans_a: bool = False,
        trans_b: bool = False,
        out: Array | None = None,
        accumulate: bool = False,
    ) -> Array:
        m, n, k = shapes.gemm_sizes(a, b, trans_a, trans_b)
        real = _real("gemm", a)
        a, b = _plain(a), _plain(b)
        target, c = self._target("gemm", out, (m, n), a.dtype, a, b)
        flags = trans_a * TRANS_A | trans_b * TRANS_B
        if out is not None and accumulate:
            flags |= ADD
            if c is not target:
                np.copyto(c, target)
        if n == 1 and trans_a:  # (k, m)ᵀ · (k, 1) is the row bᵀ · (k, m), whose columns are wide
            a, b, m, n, flags = b, a, 1, m, flags & ADD
        self._product(real, a, b, None, c, (m, n, k), flags)
        return _delivered(c, target)

    def _target(
        self,
        operation: str,
        out: Array | None,
        shape: tuple[int, ...],
        dtype: Any,
        *inputs: Array,
    ) -> tuple[Array, Array]:
        """Return where the result goes, and where to compute: there, unless an input overlaps."""
        if out is None:
            new = self.empty(shape, dtype)
            return new, new
        if out.shape != shape or out.dtype != dtype:
            raise ShapeError(
                f"{operation}: out is {out.shape} {out.dtype}; expected {shape} {dtype}"
            )
        _require_writable(operation, out)
        if any(np.may_share_memory(out, a) for a in inputs):
            self._outside(f"{operation} into an array that it reads")
            return out, np.empty(shape, dtype)
        return out, out

    def _product(
        self,
        real: Any,
        a: Array,
        b: Array,
        bias: Array | None,
        c: Array,
        sizes: tuple[int, int, int],
        flags: int,
        code: int = 0,
        slope: float = 0.0,
    ) -> None:
        m, n, k = sizes
        note = "" if self._notes.recorder is None else _product_note(flags, code)
        if fits_narrow(n, k, flags, c.itemsize):
            self._do(
                narrow, real, -(-m // NARROW_ROWS), (a, b, bias), (c,), (m, n, k, flags, code),
                (slope,), (), note,
            )  # fmt: skip
            return
        pieces = cut(m, n, k, c.itemsize, flags)
        integers = (
            m, n, k, flags, pieces.panels, pieces.group, pieces.rows, pieces.k_block, code
        )  # fmt: skip
        self._do(gemm_kernel, real, pieces.chunks, (a, b, bias), (c,), integers, (slope,), (), note)

    def linear(
        self,
        x: Array,
        weight: Array,
        bias: Array,
        activation: str = "identity",
        slope: float = 0.0,
    ) -> Array:
        m, n, k = shapes.gemm_sizes(x, weight, False, False)
        shapes.require_vector("linear", n, x.dtype, bias=bias)
        real = _real("linear", x)
        y = self.empty((m, n), x.dtype)
        x, weight, bias = _plain(x), _plain(weight), _plain(bias)
        self._product(real, x, weight, bias, y, (m, n, k), 0, code_of(activation), float(slope))
        return y

    # -- elementwise ----------------------------------------------------------------------------

    def add_row(self, x: Array, row: Array) -> Array:
        shapes.require_matrix("add_row", x=x)
        shapes.require_vector("add_row", x.shape[1], x.dtype, row=row)
        real, y = _real("add_row", x), self.empty(x.shape, x.dtype)
        batch, n = x.shape
        share, chunks = _share(batch, n)
        self._do(
            elementwise.add_row, real, chunks, (_plain(x), _plain(row)), (y,), (batch, n, share)
        )
        return y

    def add(self, a: Array, b: Array) -> Array:
        return self._both("add", elementwise.add, a, b)

    def multiply(self, a: Array, b: Array) -> Array:
        return self._both("multiply", elementwise.multiply, a, b)

    def _both(self, name: str, kernel: Kernel, a: Array, b: Array) -> Array:
        shapes.require_same(name, a=a, b=b)
        real, y = _real(name, a), self.empty(a.shape, a.dtype)
        self._do(kernel, real, chunks_of(a.size), (_plain(a), _plain(b)), (y,), (a.size,))
        return y

    def scale(self, a: Array, factor: float) -> Array:
        shapes.require_floating("scale", a=a)
        real, y = _real("scale", a), self.empty(a.shape, a.dtype)
        self._do(
            elementwise.scale, real, chunks_of(a.size), (_plain(a),), (y,), (a.size,),
            (float(factor),),
        )  # fmt: skip
        return y

    def activation(self, a: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_floating("activation", a=a)
        code = code_of(activation)
        real, y = _real("activation", a), self.empty(a.shape, a.dtype)
        self._do(
            elementwise.activation, real, chunks_of(a.size), (_plain(a),), (y,), (a.size, code),
            (float(slope),),
        )  # fmt: skip
        return y

    def activation_grad(self, dy: Array, y: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_same("activation_grad", dy=dy, y=y)
        code = code_of(activation)
        real, da = _real("activation_grad", dy), self.empty(dy.shape, dy.dtype)
        self._do(
            elementwise.activation_grad, real, chunks_of(dy.size), (_plain(dy), _plain(y)), (da,),
            (dy.size, code), (float(slope),),
        )  # fmt: skip
        return da

    def activation_grad_bias(
        self,
        dy: Array,
        y: Array,
        activation: str,
        slope: float = 0.0,
        dbias: Array | None = None,
    ) -> Array:
        if dbias is None:
            return self.activation_grad(dy, y, activation, slope)
        shapes.require_same("activation_grad_bias", dy=dy, y=y)
        shapes.require_matrix("activation_grad_bias", dy=dy)
        batch, n = dy.shape
        shapes.require_vector("activation_grad_bias", n, dy.dtype, dbias=dbias)
        code = code_of(activation)
        real, da = _real("activation_grad_bias", dy), self.empty(dy.shape, dy.dtype)
        target, sums = self._target("activation_grad_bias", dbias, (n,), dy.dtype, dy, y)
        if sums is not target:
            np.copyto(sums, target)
        self._do(
            reduce.activation_grad_bias, real, -(-n // reduce.COLUMNS), (_plain(dy), _plain(y)),
            (da, sums), (batch, n, code), (float(slope),),
        )  # fmt: skip
        _delivered(sums, target)
        return da

    def maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        batch, units = shapes.group_sizes("maxout", a, pieces)
        real, y = _real("maxout", a), self.empty((batch, units), a.dtype)
        index = self.empty((batch, units), np.int32)
        sizes = (y.size, pieces, ELEMENTS)
        self._do(rows.maxout, real, chunks_of(y.size), (_plain(a),), (y, index), sizes)
        return y, index

    def maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        shapes.require_matrix("maxout_spread", dy=dy)
        shapes.require_index("maxout_spread", dy.shape, index, pieces)
        batch, units = dy.shape
        real, da = _real("maxout_spread", dy), self.empty((batch, units * pieces), dy.dtype)
        sizes = (dy.size, pieces, ELEMENTS)
        self._do(
            rows.maxout_spread, real, chunks_of(dy.size), (_plain(dy), _int32(index)), (da,), sizes
        )
        return da

    def maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        batch, units = shapes.group_sizes("maxout_pick", da, pieces)
        real, dy = _real("maxout_pick", da), self.empty((batch, units), da.dtype)
        shapes.require_index("maxout_pick", dy.shape, index, pieces)
        sizes = (dy.size, pieces, ELEMENTS)
        self._do(
            rows.maxout_pick, real, chunks_of(dy.size), (_plain(da), _int32(index)), (dy,), sizes
        )
        return dy

    def dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        shapes.require_matrix("dropout", x=x)
        shapes.require_keep(keep)
        shapes.require_draw("dropout", x.shape, stream)
        real, y = _real("dropout", x), self.empty(x.shape, x.dtype)
        columns, blocks = _blocks(x.shape)
        self._do(
            noise.dropout, real, -(-blocks // noise.BLOCKS), (_plain(x),), (y,),
            (columns, blocks, *_words(stream)), (float(keep), 1 / float(keep)), (("step", 6),),
        )  # fmt: skip
        return y

    # -- joining and reducing -------------------------------------------------------------------

    def concat_columns(self, a: Array, b: Array) -> Array:
        shapes.require_joinable("concat_columns", a, b)
        (batch, p), q = a.shape, b.shape[1]
        real, y = _real("concat_columns", a), self.empty((batch, p + q), a.dtype)
        share, chunks = _share(batch, p + q)
        self._do(
            rows.concat_columns, real, chunks, (_plain(a), _plain(b)), (y,), (batch, p, q, share)
        )
        return y

    def columns(self, a: Array, start: int, stop: int) -> Array:
        shapes.require_columns("columns", a, start, stop)
        batch, n = a.shape
        real, y = _real("columns", a), self.empty((batch, stop - start), a.dtype)
        share, chunks = _share(batch, stop - start)
        self._do(
            rows.columns, real, chunks, (_plain(a),), (y,), (batch, n, start, stop - start, share)
        )
        return y

    def sum_rows(self, a: Array, *, out: Array | None = None, accumulate: bool = False) -> Array:
        shapes.require_matrix("sum_rows", a=a)
        batch, n = a.shape
        real, a = _real("sum_rows", a), _plain(a)
        target, sums = self._target("sum_rows", out, (n,), a.dtype, a)
        adds = out is not None and accumulate
        if adds and sums is not target:
            np.copyto(sums, target)
        self._do(
            reduce.sum_rows, real, -(-n // reduce.COLUMNS), (a,), (sums,), (batch, n, int(adds))
        )
        return _delivered(sums, target)

    def log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        shapes.require_floating("log_sigmoid_mean", logits=logits)
        real, value = _real("log_sigmoid_mean", logits), self.empty((1,), logits.dtype)
        gradient = self.empty(logits.shape, logits.dtype)
        self._do(
            reduce.log_sigmoid_mean, real, 1, (_plain(logits),), (value, gradient), (logits.size,),
            (float(sign),),
        )  # fmt: skip
        return value, gradient

    def softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        shapes.require_same("softmax_cross_entropy", logits=logits, labels=labels)
        shapes.require_matrix("softmax_cross_entropy", logits=logits)
        real = _real("softmax_cross_entropy", logits)
        value, gradient = self.empty((1,), logits.dtype), self.empty(logits.shape, logits.dtype)
        self._do(
            reduce.softmax_cross_entropy, real, 1, (_plain(logits), _plain(labels)),
            (value, gradient), logits.shape,
        )  # fmt: skip
        return value, gradient

    # -- random numbers -------------------------------------------------------------------------

    def random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        return self._drawn(noise.random_words, np.float32, shape, stream, np.uint32)

    def uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        limits = (float(low), float(high - low))
        return self._drawn(noise.uniform, _real_of(dtype), shape, stream, dtype, limits)

    def normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        moments = (float(mean), float(std))
        return self._drawn(noise.normal, _real_of(dtype), shape, stream, dtype, moments)

    def _drawn(
        self,
        kernel: Kernel,
        real: Any,
        shape: tuple[int, int],
        stream: Stream,
        dtype: Any,
        numbers: tuple[float, ...] = (),
    ) -> Array:
        shapes.require_draw("random numbers", shape, stream)
        out = self.empty(shape, dtype)
        columns, blocks = _blocks(shape)
        self._do(
            kernel, real, -(-blocks // noise.BLOCKS), (), (out,),
            (columns, blocks, *_words(stream)), numbers, (("step", 6),),
        )  # fmt: skip
        return out

    def random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        shapes.require_draw("random_labels", (rows, 1), stream)
        shapes.require_classes("random_labels", classes)
        out = self.empty((rows,), np.int32)
        self._do(
            noise.random_labels, np.float32, -(-rows // noise.BLOCKS), (), (out,),
            (rows, classes, *_words(stream)), (), (("step", 6),),
        )  # fmt: skip
        return out

    # -- data -----------------------------------------------------------------------------------

    def gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        shapes.require_rows("gather_rows", data, order, start, count)
        if data.dtype.hasobject:
            raise ShapeError("gather_rows: data holds Python objects; expected numbers")
        y = self.empty((count, *data.shape[1:]), data.dtype)
        width = y.nbytes // count
        share, chunks = _share(count, width)
        self._do(
            rows.gather_rows, np.float32, chunks, (_plain(data), _int32(order)), (y,),
            (count, len(data), width, share, start), (), (("start", 4),),
        )  # fmt: skip
        return y

    def one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        shapes.require_labels("one_hot", labels, classes)
        real, y = _real_of(dtype), self.empty((labels.size, classes), dtype)
        share, chunks = _share(labels.size, classes)
        self._do(
            rows.one_hot, real, chunks, (_int32(labels),), (y,),
            (labels.size, classes, share),
        )  # fmt: skip
        return y

    # -- optimisers -----------------------------------------------------------------------------

    def sgd_(
        self,
        params: Array,
        grads: Array,
        velocity: Array,
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        shapes.require_same("sgd_", params=params, grads=grads, velocity=velocity)
        self._update(
            "sgd_", optim.sgd, grads, (params, velocity), (int(nesterov),),
            (float(rate), float(momentum)), (("rate", 2), ("momentum", 3)),
        )  # fmt: skip

    def adam_(
        self,
        params: Array,
        grads: Array,
        m: Array,
        v: Array,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        shapes.require_same("adam_", params=params, grads=grads, m=m, v=v)
        shapes.require_update(t)
        self._update(
            "adam_", optim.adam, grads, (params, m, v), (t,),
            (float(rate), float(beta1), float(beta2), float(eps)), (("t", 1), ("rate", 2)),
        )  # fmt: skip

    def ema_(self, average: Array, params: Array, decay: float) -> None:
        shapes.require_same("ema_", average=average, params=params)
        self._update("ema_", optim.ema, params, (average,), (), (float(decay),))

    def _update(
        self,
        name: str,
        kernel: Kernel,
        read: Array,
        written: tuple[Array, ...],
        integers: tuple[int, ...],
        numbers: tuple[float, ...],
        varying: tuple[tuple[str, int], ...] = (),
    ) -> None:
        for a in written:
            _require_writable(name, a)
        real, size = _real(name, read), read.size
        self._do(
            kernel, real, chunks_of(size), (_plain(read),), written, (size, *integers), numbers,
            varying,
        )  # fmt: skip


class _Notes(threading.local):
    """Who takes notes, for each thread."""

    recorder: Recorder | None = None


# -- arrays -------------------------------------------------------------------------------------


def _address(a: Array | None) -> int:
    return 0 if a is None else int(a.__array_interface__["data"][0])


def _real(operation: str, a: Array) -> Any:
    try:
        return REAL[a.dtype]
    except KeyError:
        raise ShapeError(
            f"{operation}: {a.dtype} arrays are not for the cpu backend; expected float32 or"
            " float64 (for complex numbers take get_backend('reference'))"
        ) from None


def _real_of(dtype: Any) -> Any:
    shapes.require_dtype("dtype", dtype)
    return _real("dtype", np.empty(0, dtype))


def _product_note(flags: int, code: int) -> str:
    a, b = ("ᵀ" if flags & trans else "" for trans in (TRANS_A, TRANS_B))
    return f"a{a}b{b}" + " +=" * bool(flags & ADD) + f" {ACTIVATIONS[code]}" * bool(code)


def _fits(a: Array) -> bool:
    """Whether a kernel may write here."""
    return bool(a.flags.c_contiguous and a.flags.writeable and a.flags.aligned)


def _plain(a: NDArray[Any]) -> NDArray[Any]:
    """Return an array whose elements lie one behind the other: itself, or a copy."""
    if a.flags.c_contiguous and a.flags.aligned:
        return a
    return np.array(a, order="C")


def _int32(a: NDArray[Any]) -> NDArray[np.int32]:
    return np.require(a, np.int32, ["C", "A"])


def _require_writable(operation: str, a: Array) -> None:
    if not _fits(a):
        raise ShapeError(
            f"{operation}: an array of shape {a.shape} that is to be changed is read-only or not"
            " C-contiguous; give a writable one whose elements lie one behind the other"
        )


def _delivered(computed: Array, target: Array) -> Array:
    if target is None or target is computed:
        return computed
    np.copyto(target, computed)
    return target


def _share(rows: int, width: int) -> tuple[int, int]:
    """Return rows a chunk, and chunks."""
    share = max(1, ELEMENTS // width)
    return share, -(-rows // share)


def _blocks(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return columns, and counters of four words each."""
    rows, columns = shape
    return columns, rows * -(-columns // 4)


def _words(stream: Stream) -> tuple[int, int, int, int, int]:
    """A stream as cells: key, first row, counter words 2 and 3."""
    return (*stream.key(), stream.row, *stream.counter_words())
