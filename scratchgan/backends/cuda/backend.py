"""The cuda backend: the vocabulary as launches of kernels on a GPU."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.base import Array, Backend
from scratchgan.backends.cuda import elementwise, noise, optim, reduce, rows
from scratchgan.backends.cuda.device import (
    BLOCK,
    LARGEST,
    address,
    blocks_of,
    cuda,
    is_here,
    require_device,
)
from scratchgan.backends.cuda.gemm import combine, product
from scratchgan.backends.cuda.replay import Cells, Launch, Replay
from scratchgan.backends.cuda.tiles import ACCUMULATE, BIAS
from scratchgan.backends.program import Program, Recorder
from scratchgan.backends.random import Stream
from scratchgan.errors import ShapeError

__all__ = ["CudaBackend"]

REAL = (np.dtype(np.float32), np.dtype(np.float64))


class CudaBackend(Backend):
    """
    Arrays in a GPU's memory, and kernels compiled by Numba.

    Arrays are Numba's device arrays, C-contiguous, of fewer than 2³¹ elements. What
    would need a look at values on the device is not looked at: an index outside its
    range gives zeros (``gather_rows``, ``one_hot``, ``maxout_pick``) instead of an error.

    Raises
    ------
    RuntimeError
        If there is no GPU, with the reason.
    """

    name = "cuda"

    def __init__(self) -> None:
        require_device()
        self._notes = _Notes()

    # -- launches -------------------------------------------------------------------------------

    def _do(
        self,
        name: str,
        kernel: Any,
        work: int | tuple[int, ...],
        reads: tuple[Array, ...],
        writes: tuple[Array, ...],
        integers: tuple[int, ...] = (),
        numbers: tuple[float, ...] = (),
        cells: Cells | None = None,
        note: str = "",
    ) -> None:
        """
        Run a kernel on reads, writes, cells, integers (uint32) and numbers (of the result's dtype).

        ``work`` is the number of elements to compute, or the grid.
        """
        arrays = [_flat(name, a) for a in (*reads, *writes)]
        if cells is not None:
            arrays.append(cells.array)
        real = writes[0].dtype.type
        args = (*arrays, *map(np.uint32, integers), *map(real, numbers))
        grid = work if isinstance(work, tuple) else (blocks_of(work),)
        name = name.rstrip("_")
        self._launch(Launch(name, kernel, grid, (BLOCK,), args, reads, writes, cells, note))

    def _launch(self, launch: Launch) -> None:
        """Launch a kernel, and have it noted."""
        launch.run()
        if self._notes.recorder is not None:
            self._notes.recorder.add(launch)

    @contextmanager
    def recording(self, recorder: Recorder) -> Iterator[None]:
        """
        Let a recorder take notes of what this thread launches.

        Its ``add`` is given each ``Launch``, its ``allocated`` each new array, and its
        ``refuse`` the reason where something is done that is no launch.
        """
        self._notes.recorder = recorder
        recorder.allocate = _memory
        try:
            yield
        finally:
            self._notes.recorder = None

    def replay(self, program: Program, most: int) -> Replay:
        """Return a recorded step as a CUDA graph, for up to ``most`` steps a call."""
        return Replay(program, most)

    def _outside(self, what: str) -> None:
        """Say that something is done that is no launch."""
        if self._notes.recorder is not None:
            self._notes.recorder.refuse(what)

    def _cells(
        self,
        dtype: Any,
        names: tuple[str, ...],
        values: tuple[float, ...],
        of: Callable[..., tuple[Any, ...]] = lambda *values: values,
    ) -> Cells:
        """Bring what changes from step to step to the device, for one launch."""
        array = cuda.to_device(np.array(of(*values), dtype))
        return Cells(array, names, values, of)

    def _step(self, stream: Stream) -> Cells:
        return self._cells(np.uint32, ("step",), (stream.counter_words()[1],))

    # -- memory ---------------------------------------------------------------------------------

    def asarray(self, values: Any, dtype: Any = None) -> Array:
        if is_here(values):
            if dtype is None or values.dtype == dtype:
                return values
            values = self.to_numpy(values)
        return cuda.to_device(np.ascontiguousarray(values, dtype=dtype))

    def to_numpy(self, a: Array) -> NDArray[Any]:
        self._outside("values of an array are read by the host inside a step (to_numpy)")
        host: NDArray[Any] = _here("to_numpy", a).copy_to_host()
        return host

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        a = cuda.device_array(shape, dtype)
        if self._notes.recorder is not None:
            self._notes.recorder.allocated(a)
        return a

    def view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape)
        shapes.require_view(buffer, offset, size)
        return _here("view", buffer)[offset : offset + size].reshape(shape)

    def fill_(self, a: Array, value: float) -> None:
        if a.size:
            self._do("fill_", elementwise.fill, a.size, (), (a,), (a.size,), (value,))

    def copy_(self, a: Array, b: Array) -> None:
        shapes.require_alike("copy_", a=a, b=b)
        b = self._apart("copy_", a, b)
        self._do("copy_", elementwise.copy, a.size, (b,), (a,), (a.size,))

    def _apart(self, name: str, a: Array, b: Array) -> Array:
        """Return b, or a copy of it where it shares memory with a."""
        if not _overlap(_here(name, a), _here(name, b)):
            return b
        copy = self.empty(b.shape, b.dtype)
        self._do(name, elementwise.copy, b.size, (b,), (copy,), (b.size,))
        return copy

    def _target(
        self, name: str, out: Array | None, shape: tuple[int, ...], dtype: Any, *inputs: Array
    ) -> tuple[Array, Array]:
        """
        Return where the result goes, and where to compute: there, unless an input overlaps.

        Then the place to compute in begins with what stands in ``out``.
        """
        if out is None:
            new = self.empty(shape, dtype)
            return new, new
        if out.shape != shape or out.dtype != dtype:
            raise ShapeError(f"{name}: out is {out.shape} {out.dtype}; expected {shape} {dtype}")
        if not any(_overlap(_here(name, out), _here(name, a)) for a in inputs):
            return out, out
        place = self.empty(shape, dtype)
        self.copy_(place, out)
        return out, place

    def _delivered(self, computed: Array, target: Array) -> Array:
        if computed is not target:
            self.copy_(target, computed)
        return target

    def synchronize(self) -> None:
        """Wait until all that was launched is done: operations return before they are."""
        cuda.synchronize()

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
        _require_real("gemm", a)
        target, c = self._target("gemm", out, (m, n), a.dtype, a, b)
        adds = out is not None and accumulate
        self._product("gemm", (a, b), c, (m, n, k), (bool(trans_a), bool(trans_b), adds))
        return self._delivered(c, target)

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
        _require_real("linear", x)
        code, y = code_of(activation), self.empty((m, n), x.dtype)
        flags = (False, False, False)
        self._product("linear", (x, weight, bias), y, (m, n, k), flags, code, float(slope))
        return y

    def _product(
        self,
        name: str,
        reads: tuple[Array, ...],
        c: Array,
        sizes: tuple[int, int, int],
        flags: tuple[bool, bool, bool],
        code: int = 0,
        slope: float = 0.0,
    ) -> None:
        """C = op(A) · op(B), by as many launches as gemm.py takes."""
        m, n, _ = sizes
        parts: list[Array] = []  # of the sums, where k is cut

        def launch(
            kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
        ) -> None:
            does, phi, _ = args[-3:]  # of the product's flags and φ, what this launch does
            note = " +=" * bool(does & ACCUMULATE) + f" {ACTIVATIONS[phi]}" * bool(phi)
            bias, sums = reads[2:] if does & BIAS else (), parts[0] if parts else c
            if kernel is combine:  # of the parts; or φ by itself, in place
                what, read, written = "combine", (sums, *bias), c
            else:
                what, read, written = "gemm", (*reads[:2], *bias), sums
                note = f"a{'ᵀ' * flags[0]}b{'ᵀ' * flags[1]}{note}"
            self._launch(
                Launch(what, kernel, grid, block, args, read, (written,), None, note.strip())
            )

        def workspace(size: int, dtype: Any) -> Array:
            parts.append(self.empty((size // (m * n), m, n), dtype))
            return _flat(name, parts[0])

        a, b, *rest = (_flat(name, read) for read in reads)
        bias = rest[0] if rest else None
        product(
            launch, a, b, _flat(name, c), *sizes, *flags,
            bias=bias, code=code, slope=slope, workspace=workspace,
        )  # fmt: skip

    # -- elementwise ----------------------------------------------------------------------------

    def add_row(self, x: Array, row: Array) -> Array:
        shapes.require_matrix("add_row", x=x)
        shapes.require_vector("add_row", x.shape[1], x.dtype, row=row)
        y = self._like("add_row", x)
        self._do("add_row", elementwise.add_row, x.size, (x, row), (y,), (x.size, x.shape[1]))
        return y

    def _like(self, name: str, a: Array) -> Array:
        """Return a new array like ``a``, whose dtype kernels must know."""
        _require_real(name, a)
        return self.empty(a.shape, a.dtype)

    def add(self, a: Array, b: Array) -> Array:
        shapes.require_same("add", a=a, b=b)
        y = self._like("add", a)
        self._do("add", elementwise.add, a.size, (a, b), (y,), (a.size,))
        return y

    def multiply(self, a: Array, b: Array) -> Array:
        shapes.require_same("multiply", a=a, b=b)
        y = self._like("multiply", a)
        self._do("multiply", elementwise.multiply, a.size, (a, b), (y,), (a.size,))
        return y

    def scale(self, a: Array, factor: float) -> Array:
        shapes.require_floating("scale", a=a)
        y = self._like("scale", a)
        self._do("scale", elementwise.scale, a.size, (a,), (y,), (a.size,), (factor,))
        return y

    def activation(self, a: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_floating("activation", a=a)
        code, y = code_of(activation), self._like("activation", a)
        self._do(
            "activation", elementwise.activation, a.size, (a,), (y,), (a.size, code), (slope,),
            note=activation,
        )  # fmt: skip
        return y

    def activation_grad(self, dy: Array, y: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_same("activation_grad", dy=dy, y=y)
        code, da = code_of(activation), self._like("activation_grad", dy)
        self._do(
            "activation_grad", elementwise.activation_grad, dy.size, (dy, y), (da,),
            (dy.size, code), (slope,), note=activation,
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
        name = "activation_grad_bias"
        shapes.require_same(name, dy=dy, y=y)
        shapes.require_matrix(name, dy=dy)
        batch, n = dy.shape
        shapes.require_vector(name, n, dy.dtype, dbias=dbias)
        code, da = code_of(activation), self._like(name, dy)
        target, sums = self._target(name, dbias, (n,), dy.dtype, dy, y)
        grid, share = _pieces(batch, n)
        first = sums if grid[1] == 1 else self.empty((grid[1], n), dy.dtype)
        self._do(
            name, reduce.activation_grad_bias, grid, (dy, y), (da, first),
            (batch, n, share, first is sums, code), (slope,), note=activation,
        )  # fmt: skip
        if first is not sums:
            self._sum(first, sums, True)
        self._delivered(sums, target)
        return da

    def maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        batch, units = shapes.group_sizes("maxout", a, pieces)
        _require_real("maxout", a)
        y = self.empty((batch, units), a.dtype)
        index = self.empty((batch, units), np.int32)
        self._do("maxout", rows.maxout, y.size, (a,), (y, index), (y.size, pieces))
        return y, index

    def maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        shapes.require_matrix("maxout_spread", dy=dy)
        shapes.require_index("maxout_spread", dy.shape, index, pieces, look=False)
        _require_real("maxout_spread", dy)
        da = self.empty((dy.shape[0], dy.shape[1] * pieces), dy.dtype)
        sizes = (da.size, pieces)
        self._do("maxout_spread", rows.maxout_spread, da.size, (dy, index), (da,), sizes)
        return da

    def maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        batch, units = shapes.group_sizes("maxout_pick", da, pieces)
        _require_real("maxout_pick", da)
        dy = self.empty((batch, units), da.dtype)
        shapes.require_index("maxout_pick", dy.shape, index, pieces, look=False)
        self._do("maxout_pick", rows.maxout_pick, dy.size, (da, index), (dy,), (dy.size, pieces))
        return dy

    def dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        shapes.require_matrix("dropout", x=x)
        shapes.require_keep(keep)
        shapes.require_draw("dropout", x.shape, stream)
        y = self._like("dropout", x)
        sizes = _counters(x.shape)
        keep32 = float(np.float32(keep))  # uniforms have 24 bits, in float64 too
        self._do(
            "dropout", noise.dropout, sizes[1], (x,), (y,), (*sizes, *_words(stream)),
            (keep32, 1 / float(keep)), self._step(stream),
        )  # fmt: skip
        return y

    # -- joining and reducing -------------------------------------------------------------------

    def concat_columns(self, a: Array, b: Array) -> Array:
        shapes.require_joinable("concat_columns", a, b)
        _require_real("concat_columns", a)
        (batch, p), q = a.shape, b.shape[1]
        y = self.empty((batch, p + q), a.dtype)
        self._do("concat_columns", rows.concat_columns, y.size, (a, b), (y,), (y.size, p, q))
        return y

    def columns(self, a: Array, start: int, stop: int) -> Array:
        shapes.require_columns("columns", a, start, stop)
        _require_real("columns", a)
        batch, n = a.shape
        y = self.empty((batch, stop - start), a.dtype)
        self._do("columns", rows.columns, y.size, (a,), (y,), (y.size, n, start, stop - start))
        return y

    def sum_rows(self, a: Array, *, out: Array | None = None, accumulate: bool = False) -> Array:
        shapes.require_matrix("sum_rows", a=a)
        _require_real("sum_rows", a)
        target, sums = self._target("sum_rows", out, (a.shape[1],), a.dtype, a)
        self._sum(a, sums, out is not None and accumulate)
        return self._delivered(sums, target)

    def _sum(self, a: Array, sums: Array, accumulate: bool) -> None:
        """Sum over the rows, in pieces where there are many."""
        name, (batch, n) = "sum_rows", a.shape
        grid, share = _pieces(batch, n)
        if grid[1] > 1:
            some = self.empty((grid[1], n), a.dtype)
            self._do(name, reduce.sum_rows, grid, (a,), (some,), (batch, n, share, False))
            a, batch, grid = some, grid[1], (grid[0], 1)
        self._do(name, reduce.sum_rows, grid, (a,), (sums,), (batch, n, batch, accumulate))

    def log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        shapes.require_floating("log_sigmoid_mean", logits=logits)
        gradient = self._like("log_sigmoid_mean", logits)
        value = self.empty((1,), logits.dtype)
        self._do(
            "log_sigmoid_mean", reduce.log_sigmoid_mean, (1,), (logits,), (value, gradient),
            (logits.size,), (sign,),
        )  # fmt: skip
        return value, gradient

    def softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        shapes.require_same("softmax_cross_entropy", logits=logits, labels=labels)
        shapes.require_matrix("softmax_cross_entropy", logits=logits)
        gradient = self._like("softmax_cross_entropy", logits)
        value = self.empty((1,), logits.dtype)
        self._do(
            "softmax_cross_entropy", reduce.softmax_cross_entropy, (1,), (logits, labels),
            (value, gradient), logits.shape, (1 / logits.shape[0],),
        )  # fmt: skip
        return value, gradient

    # -- random numbers -------------------------------------------------------------------------

    def random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        return self._drawn("random_words", noise.random_words, shape, stream, np.uint32)

    def uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        limits = (float(low), float(high - low))
        return self._drawn("uniform", noise.uniform, shape, stream, _real(dtype), limits)

    def normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        moments = (float(mean), float(std))
        return self._drawn("normal", noise.normal, shape, stream, _real(dtype), moments)

    def _drawn(
        self,
        name: str,
        kernel: Any,
        shape: tuple[int, int],
        stream: Stream,
        dtype: Any,
        numbers: tuple[float, ...] = (),
    ) -> Array:
        shapes.require_draw("random numbers", shape, stream)
        out, sizes = self.empty(shape, dtype), _counters(shape)
        integers = (*sizes, *_words(stream))
        self._do(name, kernel, sizes[1], (), (out,), integers, numbers, self._step(stream))
        return out

    def random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        shapes.require_draw("random_labels", (rows, 1), stream)
        shapes.require_classes("random_labels", classes)
        out = self.empty((rows,), np.int32)
        self._do(
            "random_labels", noise.random_labels, rows, (), (out,),
            (rows, classes, *_words(stream)), (), self._step(stream),
        )  # fmt: skip
        return out

    # -- data -----------------------------------------------------------------------------------

    def gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        """
        Rows order[start], …, order[start + count − 1] of data (n, …); order is int32 (n,).

        The order is not looked at: a row that data does not have comes as zeros.
        """
        shapes.require_rows("gather_rows", data, order, start, count, look=False)
        y = self.empty((count, *data.shape[1:]), data.dtype)
        sizes = (y.size, data.shape[0], y.size // count)
        cells = self._cells(np.uint32, ("start",), (start,))
        self._do("gather_rows", rows.gather_rows, y.size, (data, order), (y,), sizes, (), cells)
        return y

    def one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        """
        (rows, classes) with a one where labels (rows,) say.

        The labels are not looked at: one outside 0 … classes − 1 gives a row of zeros.
        """
        shapes.require_labels("one_hot", labels, classes, look=False)
        y = self.empty((labels.size, classes), _real(dtype))
        self._do("one_hot", rows.one_hot, y.size, (labels,), (y,), (y.size, classes))
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
        _require_real("sgd_", params)
        cells = self._cells(params.dtype, ("rate", "momentum"), (float(rate), float(momentum)))
        self._do(
            "sgd_", optim.sgd, grads.size, (grads,), (params, velocity), (grads.size, nesterov), (),
            cells,
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
        _require_real("adam_", params)

        def cells_of(rate: Any, t: Any) -> tuple[Any, Any]:
            # A power of one exponent alone may be another by its last bit (NumPy squares where
            # that is 2), so there are always several: the same bits for a step as for many.
            step, correction = optim.adam_cells(np.append(rate, 0), np.append(t, 1), beta1, beta2)
            return step[:-1].reshape(np.shape(t)), correction[:-1].reshape(np.shape(t))

        cells = self._cells(params.dtype, ("rate", "t"), (float(rate), t), cells_of)
        numbers = (beta1, 1 - beta1, beta2, 1 - beta2, eps)
        self._do(
            "adam_", optim.adam, grads.size, (grads,), (params, m, v), (grads.size,), numbers, cells
        )

    def ema_(self, average: Array, params: Array, decay: float) -> None:
        shapes.require_same("ema_", average=average, params=params)
        _require_real("ema_", params)
        sizes, numbers = (params.size,), (decay, 1 - decay)
        self._do("ema_", optim.ema, params.size, (params,), (average,), sizes, numbers)


class _Notes(threading.local):
    """Who takes notes, for each thread."""

    recorder: Recorder | None = None


# -- arrays -------------------------------------------------------------------------------------


def _memory(size: int) -> Array:
    """Return bytes on the device; an allocation there begins on a multiple of 256."""
    return cuda.device_array(max(size, 1), np.uint8)


def _here(name: str, a: Array) -> Array:
    """Return ``a`` if it is an array of the device."""
    if not is_here(a):
        raise ShapeError(
            f"{name}: a {type(a).__name__} of the host was given; nothing moves between host and"
            " device unasked: bring it with ops.asarray first"
        )
    return a


def _flat(name: str, a: Array) -> Array:
    """Return an array as kernels take it: of one axis, the same memory."""
    if not _here(name, a).is_c_contiguous() or a.size >= LARGEST:
        raise ShapeError(
            f"{name}: an array of shape {a.shape} is not C-contiguous, or has 2³¹ elements or more"
        )
    return a if a.ndim == 1 else a.reshape(a.size)


def _overlap(a: Array, b: Array) -> bool:
    start, other = address(a), address(b)
    return bool(start < other + b.nbytes and other < start + a.nbytes)


def _require_real(name: str, a: Array) -> None:
    if a.dtype not in REAL:
        raise ShapeError(
            f"{name}: {a.dtype} arrays are not for the cuda backend; expected float32 or"
            " float64 (for complex numbers take get_backend('reference'))"
        )


def _real(dtype: Any) -> Any:
    shapes.require_dtype("dtype", dtype)
    _require_real("dtype", np.empty(0, dtype))
    return dtype


# -- sizes --------------------------------------------------------------------------------------


def _pieces(batch: int, n: int) -> tuple[tuple[int, int], int]:
    """Return a grid for sums over the batch, columns by pieces, and the rows of a piece."""
    share = max(reduce.ROWS, -(-batch // 65535))  # a grid's second side has 16 bits
    return (-(-n // reduce.COLUMNS), -(-batch // share)), share


def _counters(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return columns, and counters of four words each."""
    rows, columns = shape
    return columns, rows * -(-columns // 4)


def _words(stream: Stream) -> tuple[int, int, int, int]:
    """What of a stream stays from step to step: key, first row, counter word 2."""
    return (*stream.key(), stream.row, stream.counter_words()[0])
