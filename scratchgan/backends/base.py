"""
The vocabulary: every named operation that layers, games and optimisers may use.

A layer never indexes an array and never uses an operator on one; it says
``ops.gemm(x, w)``. So the same layer runs on NumPy, on compiled CPU kernels
and on a GPU, and a training step is a list of these names.

Conventions. ``batch`` is the first axis. Arrays are C-contiguous; a transpose
is a flag. An operation returns a new array unless its name ends in ``_`` (it
changes its first argument) or it is given ``out=`` (it writes there, or adds
there with ``accumulate=True``). Floating dtypes are float32 and float64, one
dtype an operation. Empty arrays are refused with ShapeError.

An operation that only joins others (it is *fused* for speed) has the
composition as its body here; a backend overrides it where that pays, and a
test holds the two equal.

Where a formula drops an entry (dropout's mask, relu's other half), the entry is
replaced by 0, not multiplied by it: a dropped NaN or infinity is gone.

Arguments named ``rate``, ``momentum``, ``t``, ``start`` and the ``step`` of a
``Stream`` change from one training step to the next; all others stay, so that
a recorded step has to update only those.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

from scratchgan.backends.random import Stream

__all__ = ["Array", "Backend"]

Array: TypeAlias = Any
"""An array of some backend: it has shape, dtype, ndim and size, and nothing else is promised."""


class Backend(ABC):
    """A place where arithmetic happens. Shapes below are those of the arguments."""

    name: str

    # -- memory ---------------------------------------------------------------------------------

    @abstractmethod
    def asarray(self, values: Any, dtype: Any = None) -> Array:
        """
        Bring values of the host here, as a C-contiguous array of ``dtype`` (default: theirs).

        Where "here" is the host, a fitting array may be returned as it is, not copied.
        """

    @abstractmethod
    def to_numpy(self, a: Array) -> Any:
        """Return a NumPy copy of ``a`` on the host."""

    @abstractmethod
    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of unset values."""

    @abstractmethod
    def view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        """Return a piece of a flat ``buffer``, from ``offset``, as ``shape``; memory is shared."""

    @abstractmethod
    def fill_(self, a: Array, value: float) -> None:
        """Set every element of ``a`` to ``value``."""

    @abstractmethod
    def copy_(self, a: Array, b: Array) -> None:
        """Copy ``b`` into ``a``; same shape and dtype."""

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of zeros."""
        a = self.empty(shape, dtype)
        self.fill_(a, 0.0)
        return a

    # -- products -------------------------------------------------------------------------------

    @abstractmethod
    def gemm(
        self,
        a: Array,  # (m, k), or (k, m) with trans_a
        b: Array,  # (k, n), or (n, k) with trans_b
        *,
        trans_a: bool = False,
        trans_b: bool = False,
        out: Array | None = None,  # (m, n)
        accumulate: bool = False,
    ) -> Array:  # (m, n)
        """Matrix product op(a) · op(b)."""

    def linear(
        self,
        x: Array,  # (batch, in)
        weight: Array,  # (in, out)
        bias: Array,  # (out,)
        activation: str = "identity",
        slope: float = 0.0,
    ) -> Array:  # (batch, out)
        """φ(x · weight + bias). Fused: the epilogue runs while the product is in registers."""
        a = self.add_row(self.gemm(x, weight), bias)
        return a if activation == "identity" else self.activation(a, activation, slope)

    # -- elementwise ----------------------------------------------------------------------------

    @abstractmethod
    def add_row(self, x: Array, row: Array) -> Array:
        """x (batch, n) + row (n,), the row added to each example."""

    @abstractmethod
    def add(self, a: Array, b: Array) -> Array:
        """a + b, same shape."""

    @abstractmethod
    def multiply(self, a: Array, b: Array) -> Array:
        """a ⊙ b, same shape."""

    @abstractmethod
    def scale(self, a: Array, factor: float) -> Array:
        """factor · a."""

    @abstractmethod
    def activation(self, a: Array, activation: str, slope: float = 0.0) -> Array:
        """y = φ(a), elementwise, for a name in ``ACTIVATIONS``; ``slope`` ≥ 0 where φ has one."""

    @abstractmethod
    def activation_grad(self, dy: Array, y: Array, activation: str, slope: float = 0.0) -> Array:
        """dy ⊙ φ′(a), with φ′ read from y = φ(a). At a kink φ′ is the slope on the left."""

    def activation_grad_bias(
        self,
        dy: Array,  # (batch, n)
        y: Array,  # (batch, n)
        activation: str,
        slope: float = 0.0,
        dbias: Array | None = None,  # (n,): the column sums of da are added here
    ) -> Array:  # da, (batch, n)
        """activation_grad, and its column sums into ``dbias``. Fused: one pass over dy."""
        da = self.activation_grad(dy, y, activation, slope)
        if dbias is not None:
            self.sum_rows(da, out=dbias, accumulate=True)
        return da

    @abstractmethod
    def maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        """
        Maximum over groups of ``pieces`` neighbouring columns.

        a is (batch, units · pieces). Returns y (batch, units) and the int32 index
        (batch, units) of the first piece that attains it.
        """

    @abstractmethod
    def maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        """Backward of maxout: dy (batch, units) at the chosen pieces, 0 elsewhere."""

    @abstractmethod
    def maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        """Forward derivative of maxout: da (batch, units · pieces) at the chosen pieces."""

    @abstractmethod
    def dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        """
        x · mask / keep, where mask(i, j) = [uniform(i, j) < keep].

        The mask follows from the stream and is never stored, so the backward pass
        and the forward derivative are this same operation on dy and dx.
        """

    # -- joining and reducing -------------------------------------------------------------------

    @abstractmethod
    def concat_columns(self, a: Array, b: Array) -> Array:
        """Join a (batch, p) and b (batch, q) into (batch, p + q)."""

    @abstractmethod
    def columns(self, a: Array, start: int, stop: int) -> Array:
        """Columns start … stop − 1 of a (batch, n), as a new array. ``start`` is fixed here."""

    @abstractmethod
    def sum_rows(self, a: Array, *, out: Array | None = None, accumulate: bool = False) -> Array:
        """Sum a (batch, n) over the batch: (n,)."""

    @abstractmethod
    def log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        """
        Mean of log σ(sign · logit), and its gradient. Fused: one pass.

        σ(l) = D(x) for the logit l, so sign +1 is the mean of log D and sign −1
        the mean of log(1 − D), finite for logits of any size. Returns the value,
        shape (1,), and d value / d logits, of the shape of ``logits``.
        """

    @abstractmethod
    def softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """
        Mean over the batch of −Σₖ yₖ log pₖ, p = softmax(logits), and its gradient. Fused.

        logits and labels are (batch, classes): y is one-hot, or any weights, of which those
        that are 0 are dropped (0 · log 0 = 0). Returns the value, shape (1,), and d value /
        d logits = (p Σₖ yₖ − y) / batch. Finite for logits of any size; −∞ is a class that
        cannot be, +∞ or NaN makes its example's terms NaN.
        """

    # -- random numbers (Philox4x32-10) ---------------------------------------------------------

    @abstractmethod
    def random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        """uint32 words (rows, columns), the same on every backend."""

    @abstractmethod
    def uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        """low + (high − low) · u with 24-bit u in [0, 1), the same on every backend to rounding."""

    @abstractmethod
    def normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        """Normal numbers by Box–Muller on pairs of 24-bit uniforms; |value − mean| < 5.8 std."""

    @abstractmethod
    def random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        """int32 (rows,), uniform on 0 … classes − 1: floor(u · classes)."""

    # -- data -----------------------------------------------------------------------------------

    @abstractmethod
    def gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        """Rows order[start], …, order[start + count − 1] of data (n, …); order is int32 (n,)."""

    @abstractmethod
    def one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        """(rows, classes) with a one where labels (rows,) say."""

    # -- optimisers, over flat buffers ----------------------------------------------------------

    @abstractmethod
    def sgd_(
        self,
        params: Array,  # (n,)
        grads: Array,  # (n,)
        velocity: Array,  # (n,)
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        """v ← μ v − rate · g; params += v, or with Nesterov params += μ v − rate · g."""

    @abstractmethod
    def adam_(
        self,
        params: Array,  # (n,)
        grads: Array,  # (n,)
        m: Array,  # (n,)
        v: Array,  # (n,)
        rate: float,
        t: int,  # 1 at the first update
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """Adam (Kingma & Ba 2015, Algorithm 1), with both bias corrections."""

    @abstractmethod
    def ema_(self, average: Array, params: Array, decay: float) -> None:
        """average ← decay · average + (1 − decay) · params."""
