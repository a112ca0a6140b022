"""
What a backend is held to: calls of every operation, and an oracle that answers them.

``calls(operation, shape, dtype)`` gives calls with random arguments; ``run`` makes
one on a backend and brings everything back to the host; ``assert_same`` compares.
The reference is compared with ``Oracle``, any other backend with the reference, so
a new backend has only to be registered in ``scratchgan.backends``. A new operation
needs a generator of calls here, decorated with ``@case``, and a method of ``Oracle``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchgan.backends import (
    ACTIVATIONS,
    Stream,
    backend_names,
    get_backend,
    why_unavailable,
)
from scratchgan.backends.activations import phi_of
from scratchgan.backends.vocabulary import COMPOSED, OPERATIONS

SHAPES = [(1, 1, 1), (1, 7, 3), (5, 1, 13), (17, 31, 29), (33, 65, 129), (100, 240, 130)]
DTYPES = [np.float32, np.float64]

# 32 units in the last place, of each entry: a few roundings and a library's exp or tanh.
TOLERANCE = {np.dtype(np.float32): 4e-6, np.dtype(np.float64): 8e-15}
# Where terms may cancel, of the largest entry, and of 1 if that is larger.
SUMMED = {
    "gemm",
    "linear",
    "activation_grad",
    "activation_grad_bias",
    "activation_bend",
    "dot_rows",
    "norm_penalty",
    "standard_deviation",
    "sum_rows",
    "normalize",
    "normalize_grad",
    "closeness",
    "closeness_grad",
    "softmax_cross_entropy",
    "uniform",
    "normal",
    "sgd_",
    "adam_",
    "ema_",
}
UNSET = {"empty"}  # its values are anything

# Which arguments are written, apart from ``out`` and ``dbias``.
WRITES = {
    "fill_": {"a"},
    "copy_": {"a"},
    "swap_rows_": {"pool", "filled"},
    "clip_": {"a"},
    "sgd_": {"params", "velocity"},
    "adam_": {"params", "m", "v"},
    "ema_": {"average"},
}

VOCABULARY, FUSED = list(OPERATIONS), list(COMPOSED)


def _backend(name: str) -> Any:
    ops = None if why_unavailable(name) else get_backend(name)
    return pytest.param(ops, id=name, marks=pytest.mark.needs(name))


every_backend = pytest.mark.parametrize("ops", [_backend(name) for name in backend_names()])
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))


# -- calls ------------------------------------------------------------------------------------


class Call(NamedTuple):
    """An operation and its arguments by name; arrays are NumPy's."""

    operation: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        words = {k: f"{a.dtype}{a.shape}" if _is_array(a) else a for k, a in self.arguments.items()}
        return f"{self.operation}({', '.join(f'{k}={v}' for k, v in words.items())})"

    def writes(self) -> set[str]:
        return WRITES.get(self.operation, set()) | ({"out", "dbias"} & self.arguments.keys())

    def arrays(self, kinds: str = "f") -> list[str]:
        """Names of the arguments that are arrays of these kinds of dtype."""
        return [k for k, a in self.arguments.items() if _is_array(a) and a.dtype.kind in kinds]

    def having(self, **changed: Any) -> Call:
        return self._replace(arguments=self.arguments | changed)


class Draw:
    """Random arguments of a case; ``special`` plants NaN and infinities among them."""

    def __init__(self, shape: tuple[int, int, int], dtype: Any, special: bool = False) -> None:
        self.m, self.k, self.n = shape
        self.dtype = np.dtype(dtype)
        self.special = special
        self.rng = np.random.default_rng(shape)
        self.stream = Stream(seed=2**40 + 17, step=3, substep=1, operation=0x4002, row=1)

    def floats(self, *shape: int) -> Any:
        a = self.rng.normal(size=shape).astype(self.dtype)
        if self.special:
            planted = self.rng.random(shape) < 0.15
            a[planted] = self.rng.choice([np.nan, np.inf, -np.inf], size=planted.sum())
        return a

    def positive(self, *shape: int) -> Any:
        return np.abs(self.floats(*shape))

    def integers(self, high: int, *shape: int) -> Any:
        return self.rng.integers(0, high, shape).astype(np.int32)


CASES: dict[str, Callable[[Draw], Iterator[dict[str, Any]]]] = {}


def given(**arguments: Any) -> dict[str, Any]:
    return arguments


def case(f: Callable[[Draw], Iterator[dict[str, Any]]]) -> Any:
    CASES[f.__name__] = f
    return f


def calls(operation: str, shape: Any, dtype: Any, special: bool = False) -> list[Call]:
    return [
        Call(operation, arguments) for arguments in CASES[operation](Draw(shape, dtype, special))
    ]


@case
def asarray(d):
    yield given(values=d.floats(d.m, d.n))
    yield given(values=d.floats(d.n, d.m).T)
    yield given(values=d.floats(2 * d.m, d.n)[::2], dtype=d.dtype)
    yield given(values=d.integers(9, d.n), dtype=d.dtype)
    yield given(values=d.integers(9, d.m, d.n))


@case
def to_numpy(d):
    yield given(a=d.floats(d.m, d.n))
    yield given(a=d.integers(9, d.n))


@case
def empty(d):
    yield given(shape=(d.m, d.n), dtype=d.dtype)


@case
def zeros(d):
    yield given(shape=(d.m, d.n), dtype=d.dtype)
    yield given(shape=(d.k,), dtype=d.dtype)


@case
def view(d):
    for offset in (0, 1, 16):
        yield given(buffer=d.floats(d.m * d.n + 17), offset=offset, shape=(d.m, d.n))


@case
def reshape(d):
    yield given(a=d.floats(d.m, d.n), shape=(d.n, d.m))
    yield given(a=d.floats(2 * d.m, d.n), shape=(d.m, 2 * d.n))
    yield given(a=d.floats(d.m, d.n), shape=(d.m * d.n,))


@case
def fill_(d):
    yield given(a=d.floats(d.m, d.n), value=-1.5)


@case
def copy_(d):
    yield given(a=d.floats(d.m, d.n), b=d.floats(d.m, d.n))


@case
def gemm(d):
    for trans_a, trans_b in itertools.product([False, True], repeat=2):
        sizes_a = (d.k, d.m) if trans_a else (d.m, d.k)
        sizes_b = (d.n, d.k) if trans_b else (d.k, d.n)
        product = given(
            a=d.floats(*sizes_a), b=d.floats(*sizes_b), trans_a=trans_a, trans_b=trans_b
        )
        yield product
        for accumulate in (False, True):
            yield product | given(out=d.floats(d.m, d.n), accumulate=accumulate)


SLOPE = 0.25  # exact in float32 too


@case
def linear(d):
    for activation in ACTIVATIONS:
        x, bias = d.floats(d.m, d.k), d.floats(d.n)
        weight = d.floats(d.k, d.n) / math.sqrt(d.k)  # so that x · weight is of the size of 1
        yield given(x=x, weight=weight, bias=bias, activation=activation, slope=SLOPE)


@case
def add_row(d):
    yield given(x=d.floats(d.m, d.n), row=d.floats(d.n))


@case
def add(d):
    yield given(a=d.floats(d.m, d.n), b=d.floats(d.m, d.n))
    yield given(a=d.floats(d.k), b=d.floats(d.k))


@case
def multiply(d):
    yield from add(d)


@case
def scale(d):
    for factor in (-0.3, 0.0, 1.0):
        yield given(a=d.floats(d.m, d.n), factor=factor)


@case
def scale_scheduled(d):
    yield from scale(d)


@case
def activation(d):
    for name in ACTIVATIONS:
        yield given(a=4 * d.floats(d.m, d.n), activation=name, slope=SLOPE)
        yield given(a=np.zeros((d.m, d.n), d.dtype), activation=name)


@case
def activation_grad(d):
    oracle = Oracle()
    for call in activation(d):
        with np.errstate(all="ignore"):
            y = oracle.activation(**call).astype(d.dtype)
        yield given(dy=d.floats(d.m, d.n), y=y) | {k: v for k, v in call.items() if k != "a"}


@case
def activation_grad_bias(d):
    for call in activation_grad(d):
        yield call
        yield call | given(dbias=d.floats(d.n))


@case
def norm_penalty(d):
    for target, one_sided, eps in ((1.0, False, 0.0), (2.0, True, 0.0), (0.7, False, 0.1)):
        squares = d.positive(d.m, 1)
        yield given(squares=squares, target=target, one_sided=one_sided, eps=eps)
        yield given(squares=0 * squares, target=target, one_sided=one_sided, eps=eps)


@case
def standard_deviation(d):
    yield given(a=d.floats(d.m, d.n))
    yield given(a=d.floats(d.k, d.m))


@case
def activation_bend(d):
    for call in activation_grad(d):
        yield call | given(y_dot=d.floats(d.m, d.n))


@case
def dot_rows(d):
    yield given(a=d.floats(d.m, d.n), b=d.floats(d.m, d.n))
    a = d.floats(d.m, d.k)
    yield given(a=a, b=a)


@case
def scale_rows(d):
    yield given(x=d.floats(d.m, d.n), factors=d.floats(d.m, 1))


@case
def maxout(d):
    for pieces in (1, 2, 5):
        yield given(a=np.round(d.floats(d.m, d.n * pieces)), pieces=pieces)  # many ties


@case
def maxout_spread(d):
    for pieces in (1, 2, 5):
        yield given(dy=d.floats(d.m, d.n), index=d.integers(pieces, d.m, d.n), pieces=pieces)


@case
def maxout_pick(d):
    for pieces in (1, 2, 5):
        da, index = d.floats(d.m, d.n * pieces), d.integers(pieces, d.m, d.n)
        yield given(da=da, index=index, pieces=pieces)


@case
def dropout(d):
    for keep in (0.1, 0.8, 1.0):
        yield given(x=d.floats(d.m, d.n), keep=keep, stream=d.stream)


@case
def concat_columns(d):
    yield given(a=d.floats(d.m, d.k), b=d.floats(d.m, d.n))


@case
def concat_rows(d):
    yield given(a=d.floats(d.k, d.n), b=d.floats(d.m, d.n))


@case
def columns(d):
    for start, stop in {(0, 1), (0, d.n), (d.n - 1, d.n), (d.n // 3, d.n // 2 + 1)}:
        yield given(a=d.floats(d.m, d.n), start=start, stop=stop)


@case
def sum_rows(d):
    yield given(a=d.floats(d.m, d.n))
    for accumulate in (False, True):
        yield given(a=d.floats(d.m, d.n), out=d.floats(d.n), accumulate=accumulate)


@case
def multiply_row(d):
    yield given(x=d.floats(d.m, d.n), row=d.floats(d.n))


@case
def scale_by(d):
    for factor in (d.floats(1), d.floats(1, 1)):
        yield given(a=d.floats(d.m, d.n), factor=factor)


@case
def reciprocal_root(d):
    for eps in (0.0, 1e-3):
        yield given(a=d.positive(d.m, d.n) + d.dtype.type(0.1), eps=eps)


@case
def normalize(d):
    for over in ("batch", "features"):
        for eps in (1e-3, 0.5):
            yield given(x=d.floats(d.m, d.n), over=over, eps=eps)


@case
def normalize_grad(d):
    for over, size in (("batch", d.n), ("features", d.m)):
        variance = d.positive(size) + d.dtype.type(0.1)
        dy, y = d.floats(d.m, d.n), d.floats(d.m, d.n)
        yield given(dy=dy, y=y, variance=variance, over=over, eps=1e-3)


@case
def closeness(d):
    rows = min(d.m, 17)  # the oracle compares each pair
    for dims in (1, 3):
        m = d.floats(rows, min(d.n, 31) * dims) / 4
        yield given(m=np.round(m, 1), dims=dims)  # with ties
        yield given(m=m, dims=dims, dm=d.floats(*m.shape))
    if rows > 9:  # more kernels than one pass takes
        yield given(m=d.floats(3, 600) / 4, dims=2)


@case
def closeness_grad(d):
    for call in closeness(d):
        rows, width = call["m"].shape
        yield call | given(do=d.floats(rows, width // call["dims"]))


@case
def log_sigmoid_mean(d):
    for sign in (1.0, -1.0):
        yield given(logits=5 * d.floats(d.m, 1), sign=sign)
        yield given(logits=5 * d.floats(d.m, d.n), sign=sign)


@case
def exp_mean(d):
    for sign in (1.0, -1.0):
        yield given(scores=3 * d.floats(d.m, 1), sign=sign)
        yield given(scores=3 * d.floats(d.m, d.n), sign=sign)


@case
def softmax_cross_entropy(d):
    one_hot = np.eye(d.n, dtype=d.dtype)[d.integers(d.n, d.m)]
    yield given(logits=5 * d.floats(d.m, d.n), labels=one_hot)
    weights = d.positive(d.m, d.n) / d.n  # that do not sum to 1
    yield given(logits=5 * d.floats(d.m, d.n), labels=weights)
    if d.special:  # classes that cannot be, without a NaN in which all the others end
        impossible = (d.rng.random((d.m, d.n)) < 0.3) & (one_hot == 0)
        logits = np.where(impossible, -np.inf, d.rng.normal(size=(d.m, d.n))).astype(d.dtype)
        yield given(logits=logits, labels=one_hot)


@case
def random_words(d):
    yield given(shape=(d.m, d.n), stream=d.stream)
    last = Stream(2**64 - 1, 2**32 - 1, 2**16 - 1, 2**16 - 1, row=2**32 - d.m)
    yield given(shape=(d.m, d.n), stream=last)


@case
def uniform(d):
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, 0.7), (2.0, 2.5)):
        yield given(shape=(d.m, d.n), stream=d.stream, low=low, high=high, dtype=d.dtype)


@case
def normal(d):
    for mean, std in ((0.0, 1.0), (-2.0, 0.5)):
        yield given(shape=(d.m, d.n), stream=d.stream, mean=mean, std=std, dtype=d.dtype)


@case
def random_labels(d):
    for classes in (1, 2, 10, 1000):
        yield given(rows=d.m, classes=classes, stream=d.stream)


@case
def gather_rows(d):
    order = d.rng.permutation(d.k + 2).astype(np.int32)
    for data in (d.floats(d.k + 2, d.n), d.floats(d.k + 2), d.integers(9, d.k + 2)):
        yield given(data=data, order=order, start=1, count=d.k)
    yield given(data=d.floats(d.k + 2, 3, d.n), order=order, start=0, count=d.k + 2)


@case
def one_hot(d):
    yield given(labels=d.integers(d.n, d.m), classes=d.n, dtype=d.dtype)
    yield given(labels=np.array([d.n], np.int32), classes=d.n + 1, dtype=d.dtype)


@case
def swap_rows_(d):
    for size, filled in ((1, 0), (d.k + 3, d.k), (3, 3)):  # fills up here, or was full before
        pool, words = d.floats(size, d.n), d.rng.integers(0, 2**32, (d.m, 2), np.uint32)
        for share in (0.0, 0.5, 1.0):
            arrays = given(pool=pool.copy(), filled=np.array([filled], np.int32))
            yield arrays | given(x=d.floats(d.m, d.n), words=words, share=share)


@case
def sgd_(d):
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        arrays = given(params=d.floats(d.k * d.n), grads=d.floats(d.k * d.n))
        arrays["velocity"] = d.floats(d.k * d.n)
        yield arrays | given(rate=0.05, momentum=momentum, nesterov=nesterov)


@case
def adam_(d):
    for t in (1, 2, 1000, 10**7):
        arrays = {name: d.floats(d.k * d.n) for name in ("params", "grads", "m")}
        arrays["v"] = d.positive(d.k * d.n)
        yield arrays | given(rate=2e-2, t=t, beta1=0.5, beta2=0.999, eps=1e-8)


@case
def ema_(d):
    for decay in (0.0, 0.9, 1.0):
        yield given(average=d.floats(d.k * d.n), params=d.floats(d.k * d.n), decay=decay)


@case
def clip_(d):
    for low, high in ((-0.5, 0.5), (0.25, 0.25), (-1.0, 2.0)):
        yield given(a=d.floats(d.k * d.n), low=low, high=high)


# -- the oracle -------------------------------------------------------------------------------


class Oracle:
    """The vocabulary by another route: formulas as on paper and loops, over long doubles."""

    def asarray(self, values, dtype=None):
        a = np.array(values, order="C")
        floating = a.dtype.kind == "f" or dtype is not None
        return a.astype(np.longdouble) if floating else a

    def to_numpy(self, a):
        return a.copy()

    def empty(self, shape, dtype):
        return np.zeros(shape, np.longdouble)

    zeros = empty

    def view(self, buffer, offset, shape):
        values = [buffer[offset + i] for i in range(math.prod(shape))]
        return np.array(values, buffer.dtype).reshape(shape)

    def reshape(self, a, shape):
        values = iter(a.ravel().tolist())
        return np.array([next(values) for _ in range(math.prod(shape))], a.dtype).reshape(shape)

    def fill_(self, a, value):
        for i in np.ndindex(a.shape):
            a[i] = value

    def copy_(self, a, b):
        for i in np.ndindex(a.shape):
            a[i] = b[i]

    def gemm(self, a, b, *, trans_a=False, trans_b=False, out=None, accumulate=False):
        letters = f"{'ki' if trans_a else 'ik'},{'jk' if trans_b else 'kj'}->ij"
        return _into(np.einsum(letters, a, b), out, accumulate)

    def linear(self, x, weight, bias, activation="identity", slope=0.0):
        return self.activation(np.einsum("ik,kj->ij", x, weight) + bias, activation, slope)

    def add_row(self, x, row):
        return np.stack([example + row for example in x])

    def add(self, a, b):
        return a + b

    def multiply(self, a, b):
        return a * b

    def scale(self, a, factor):
        return factor * a

    def scale_scheduled(self, a, factor):
        return factor * a

    def activation(self, a, activation, slope=0.0):
        a = a.astype(np.longdouble)
        return {
            "identity": lambda: a.copy(),
            "relu": lambda: np.maximum(a, 0),
            "leaky_relu": lambda: np.where(a > 0, a, slope * a),
            "sigmoid": lambda: 1 / (1 + np.exp(-a)),
            "tanh": lambda: np.tanh(a),
            "softplus": lambda: np.logaddexp(0, a),
        }.get(activation, lambda: phi_of(activation).formula(a, slope))()

    def activation_grad(self, dy, y, activation, slope=0.0):
        return {
            "identity": lambda: dy.copy(),
            "relu": lambda: np.where(y <= 0, 0, dy),
            "leaky_relu": lambda: np.where(y > 0, dy, slope * dy),
            "sigmoid": lambda: y * (dy * (1 - y)),
            "tanh": lambda: dy * (1 - y) * (1 + y),
            "softplus": lambda: dy * 2 * np.tanh(y / 2) / (1 + np.tanh(y / 2)),
        }.get(activation, lambda: phi_of(activation).numpy.grad(dy, y, slope))()

    def activation_grad_bias(self, dy, y, activation, slope=0.0, dbias=None):
        da = self.activation_grad(dy, y, activation, slope)
        if dbias is not None:
            self.sum_rows(da, out=dbias, accumulate=True)
        return da

    def activation_bend(self, dy, y, y_dot, activation, slope=0.0):
        bent = {
            "identity": lambda: 0 * y,
            "relu": lambda: 0 * y,
            "leaky_relu": lambda: 0 * y,
            "sigmoid": lambda: (1 - y) - y,
            "tanh": lambda: -y - y,
            "softplus": lambda: 1 / np.exp(y),
        }.get(activation, lambda: phi_of(activation).numpy.bend(1 + 0 * y, y, slope))()
        linear = phi_of(activation).linear
        return np.where(linear, 0, dy * np.where(linear, 0, bent)) * y_dot

    def norm_penalty(self, squares, target, one_sided=False, eps=0.0):
        value, factors = 0, np.zeros_like(squares)
        for i, (square,) in enumerate(squares.astype(np.longdouble)):
            n = np.sqrt(square + eps)
            if not (one_sided and n < target):
                value += (n / target - 1) ** 2 / len(squares)
                if n != 0:
                    factors[i] = 2 * (n / target - 1) / target / n / len(squares)
        return np.array([value], np.longdouble), factors

    def standard_deviation(self, a):
        return np.array([[np.std(a, dtype=np.longdouble)]])

    def dot_rows(self, a, b):
        return np.array([[sum(p * q)] for p, q in zip(a, b, strict=True)])

    def scale_rows(self, x, factors):
        return np.stack([row * factor for row, (factor,) in zip(x, factors, strict=True)])

    def maxout(self, a, pieces):
        groups = a.reshape(len(a), -1, pieces)
        index = np.zeros(groups.shape[:2], np.int32)
        for (i, u), p in itertools.product(np.ndindex(index.shape), range(1, pieces)):
            best, other = groups[i, u, index[i, u]], groups[i, u, p]
            if other > best or (other != other and best == best):  # the first NaN wins
                index[i, u] = p
        return self.maxout_pick(a, index, pieces), index

    def maxout_spread(self, dy, index, pieces):
        da = np.zeros((len(dy), dy.shape[1] * pieces), np.longdouble)
        for i, u in np.ndindex(dy.shape):
            da[i, u * pieces + index[i, u]] = dy[i, u]
        return da

    def maxout_pick(self, da, index, pieces):
        picked = [[da[i, u * pieces + p] for u, p in enumerate(row)] for i, row in enumerate(index)]
        return np.array(picked, np.longdouble)

    def dropout(self, x, keep, stream):
        kept = self.uniform(x.shape, stream, 0, 1, None) < np.float32(keep)
        y = np.zeros(x.shape, np.longdouble)
        for i in zip(*np.nonzero(kept), strict=True):
            y[i] = x[i] / keep
        return y

    def concat_rows(self, a, b):
        return np.array([*a, *b])

    def concat_columns(self, a, b):
        return np.array([[*p, *q] for p, q in zip(a, b, strict=True)])

    def columns(self, a, start, stop):
        return np.array([[row[j] for j in range(start, stop)] for row in a])

    def sum_rows(self, a, *, out=None, accumulate=False):
        return _into(sum(a[1:], a[0]), out, accumulate)

    def multiply_row(self, x, row):
        return np.stack([example * row for example in x])

    def scale_by(self, a, factor):
        return a * factor.ravel()[0]

    def reciprocal_root(self, a, eps):
        return (a + eps) ** np.longdouble(-0.5)

    def normalize(self, x, over, eps):
        columns = x.T if over == "batch" else x
        mean = np.array([sum(c) / len(c) for c in columns])
        variance = np.array(
            [np.dot(c - m, c - m) / len(c) for c, m in zip(columns, mean, strict=True)]
        )
        y = np.stack([
            (c - m) / np.sqrt(v + eps) for c, m, v in zip(columns, mean, variance, strict=True)
        ])  # fmt: skip
        return y.T if over == "batch" else y, mean, variance

    def normalize_grad(self, dy, y, variance, over, eps):
        columns = zip(dy.T, y.T, strict=True) if over == "batch" else zip(dy, y, strict=True)
        rows = [
            (d - (sum(d) + row * sum(row * d)) / len(d)) / np.sqrt(v + eps)
            for (d, row), v in zip(columns, variance, strict=True)
        ]
        return np.array(rows).T if over == "batch" else np.array(rows)

    def _near(self, m, dims, i, j, k, dm):
        """e_ijk, or its derivative, and the signs of the differences."""
        at = slice(k * dims, (k + 1) * dims)
        difference = m[i, at] - m[j, at]
        e = np.exp(-sum(abs(difference)))
        sign = np.sign(difference)
        return (e if dm is None else -e * sum(sign * (dm[i, at] - dm[j, at]))), sign

    def closeness(self, m, dims, dm=None):
        rows, kernels = range(len(m)), range(m.shape[1] // dims)
        o = np.zeros((len(m), len(kernels)), np.longdouble)
        for i, j, k in itertools.product(rows, rows, kernels):
            if i != j:
                o[i, k] += self._near(m, dims, i, j, k, dm)[0]
        return o

    def closeness_grad(self, do, m, dims, dm=None):
        """The derivative of Σ do ⊙ o, term by term: i and j both move each term of o_i."""
        gradient = np.zeros(m.shape, np.longdouble)
        rows, kernels = range(len(m)), range(m.shape[1] // dims)
        for i, j, k in itertools.product(rows, rows, kernels):
            if i != j:
                e, sign = self._near(m, dims, i, j, k, dm)
                at = slice(k * dims, (k + 1) * dims)
                gradient[i, at] -= do[i, k] * e * sign
                gradient[j, at] += do[i, k] * e * sign
        return gradient

    def log_sigmoid_mean(self, logits, sign):
        value = -sum(np.logaddexp(0, -sign * logits.ravel())) / logits.size
        return np.array([value]), sign / (1 + np.exp(sign * logits)) / logits.size

    def exp_mean(self, scores, sign):
        powers = np.exp(np.longdouble(sign) * scores)
        return np.array([sum(powers.ravel()) / scores.size]), sign * powers / scores.size

    def softmax_cross_entropy(self, logits, labels):
        # e^∞ / Σ is NaN for itself and 0 for the others; the definition has NaN for all.
        unbounded = (logits == np.inf).any(axis=1, keepdims=True)
        a = np.where(unbounded, np.nan, logits.astype(np.longdouble))
        p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
        value, gradient = np.longdouble(0), np.zeros(a.shape, np.longdouble)
        for i, k in np.ndindex(a.shape):
            y = labels[i].astype(np.longdouble)
            if y[k] != 0:
                value += y[k] * (np.logaddexp.reduce(a[i]) - a[i, k]) / len(a)
            gradient[i, k] = (p[i, k] * sum(y) - y[k]) / len(a)
        return np.array([value]), gradient

    def random_words(self, shape, stream):
        words = np.zeros(shape, np.uint32)
        counter = stream.counter_words()
        for i, j in np.ndindex(shape):
            words[i, j] = philox((j // 4, stream.row + i, *counter), stream.key())[j % 4]
        return words

    def uniform(self, shape, stream, low, high, dtype):
        u = (self.random_words(shape, stream) >> 8) / np.longdouble(2**24)
        return low + (high - low) * u

    def normal(self, shape, stream, mean, std, dtype):
        u = self.uniform((shape[0], shape[1] + 1), stream, 0, 1, None)
        odd = np.arange(shape[1]) % 2
        first = np.arange(shape[1]) - odd
        radius = np.sqrt(-2 * np.log(u[:, first] + np.longdouble(2) ** -24))
        turn = 2 * np.pi * u[:, first + 1]
        return mean + std * radius * np.where(odd, np.sin(turn), np.cos(turn))

    def random_labels(self, rows, classes, stream):
        words = self.random_words((rows, 1), stream)[:, 0].tolist()
        return np.array([(word >> 8) * classes >> 24 for word in words], np.int32)

    def gather_rows(self, data, order, start, count):
        return np.array([data[order[start + i]] for i in range(count)])

    def one_hot(self, labels, classes, dtype):
        return np.array([[np.longdouble(c == label) for c in range(classes)] for label in labels])

    def swap_rows_(self, pool, filled, x, words, share):
        y = []
        for row, (first, second) in zip(x.tolist(), words.tolist(), strict=True):
            if filled[0] < len(pool):
                pool[filled[0]] = row
                filled[0] += 1
                y.append(row)
                continue
            place = int((first >> 8) / 2**24 * len(pool))
            popped = pool[place].tolist()
            pool[place] = row
            y.append(popped if (second >> 8) / 2**24 < share else row)
        return np.array(y, np.longdouble)

    def sgd_(self, params, grads, velocity, rate, momentum, nesterov):
        velocity *= momentum
        velocity -= rate * grads
        params += momentum * velocity - rate * grads if nesterov else velocity

    def adam_(self, params, grads, m, v, rate, t, beta1, beta2, eps):
        m *= beta1
        m += (1 - beta1) * grads
        v *= beta2
        v += (1 - beta2) * grads**2
        correction = np.sqrt(1 - beta2 ** np.longdouble(t)) / (1 - beta1 ** np.longdouble(t))
        # The paper's second form, whose eps is √(1 − β₂ᵗ) times Algorithm 1's.
        params -= (
            rate * correction * m / (np.sqrt(v) + eps * np.sqrt(1 - beta2 ** np.longdouble(t)))
        )

    def ema_(self, average, params, decay):
        average *= decay
        average += (1 - decay) * params

    def clip_(self, a, low, high):
        for i, value in enumerate(a.tolist()):
            a[i] = low if value < low else high if value > high else value


@cache
def philox(counter, key):
    """Philox4x32-10 on Python's integers, one counter at a time."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def _into(result, out, accumulate):
    if out is None:
        return result
    out[...] = out + result if accumulate else result
    return out


# -- running and comparing --------------------------------------------------------------------


class Outcome(NamedTuple):
    """Everything that a call returned, and its array arguments afterwards, on the host."""

    results: list[Any]
    arguments: dict[str, Any]


def send(ops: Any, call: Call) -> dict[str, Any]:
    """Arguments with their arrays on the backend; ``values`` (asarray's) stay on the host."""
    return {
        name: ops.asarray(np.array(a)) if _is_array(a) and name != "values" else a
        for name, a in call.arguments.items()
    }


def results_of(returned: Any) -> list[Any]:
    if returned is None:
        return []
    return list(returned) if isinstance(returned, tuple) else [returned]


def run(ops: Any, call: Call, function: Any = None) -> Outcome:
    """Make a call on ``ops`` (with ``function`` in place of its method)."""
    arguments = send(ops, call)
    returned = (function or getattr(ops, call.operation))(**arguments)
    return Outcome(
        [host(ops, r) for r in results_of(returned)],
        {k: host(ops, a) for k, a in arguments.items() if _is_array(call.arguments[k])},
    )


def assert_same(got: Outcome, expected: Outcome, call: Call) -> None:
    """Results and written arguments equal to the tolerance, other arguments untouched."""
    assert len(got.results) == len(expected.results), call
    for result, by_definition in zip(got.results, expected.results, strict=True):
        if by_definition.dtype.kind == "f":
            assert result.dtype == dtype_of(call), call
        assert_close(result, by_definition, call)
    for name, after in got.arguments.items():
        assert after.dtype == call.arguments[name].dtype, (name, call)
        if name in call.writes():
            assert_close(after, expected.arguments[name], call)
        else:
            np.testing.assert_array_equal(
                after, call.arguments[name], f"{name} was changed: {call}"
            )


def assert_close(got: Any, expected: Any, call: Call) -> None:
    assert got.shape == expected.shape, call
    if call.operation in UNSET:
        return
    if expected.dtype.kind != "f":
        assert got.dtype == expected.dtype, call
        np.testing.assert_array_equal(got, expected, str(call))
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite].astype(got.dtype), str(call))
    scale = np.abs(expected[finite])
    if call.operation in SUMMED:
        scale = max(1, scale.max(initial=0))
    tolerance = TOLERANCE[got.dtype] * scale + np.finfo(got.dtype).tiny
    error = np.abs(got[finite] - expected[finite])
    assert (error <= tolerance).all(), f"off by {error.max(initial=0)}: {call}"


def dtype_of(call: Call) -> Any:
    """The floating dtype that a call works in."""
    if "dtype" in call.arguments:
        return call.arguments["dtype"]
    return call.arguments[call.arrays()[0]].dtype


def host(ops: Any, a: Any) -> Any:
    return a if isinstance(a, np.ndarray) else ops.to_numpy(a)


def _is_array(a: Any) -> bool:
    return isinstance(a, np.ndarray)
