"""The backend around its kernels: what arrays it takes and refuses, and where chunks meet."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.backends.cpu import rows
from scratchgan.backends.cpu.backend import CpuBackend
from scratchgan.backends.cpu.gemm import NARROW
from scratchgan.backends.cpu.kernel import ELEMENTS, KERNELS
from scratchgan.backends.cpu.noise import BLOCKS
from scratchgan.backends.cpu.reduce import COLUMNS, ROWS
from scratchgan.errors import ShapeError
from tests.backends.cases import VOCABULARY, Call, assert_same, calls, results_of, run
from tests.backends.cpu.child import answer

ops, reference = get_backend("cpu"), get_backend("reference")
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
STREAM = Stream(seed=2**40 + 17, step=3, substep=1, operation=0x4002, row=1)


def numbers(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(dtype)


def assert_as_the_reference(operation, **arguments):
    call = Call(operation, arguments)
    assert_same(run(ops, call), run(reference, call), call)


# -- what arrays it takes -------------------------------------------------------------------------

READ = [
    call
    for operation in VOCABULARY
    for call in calls(operation, (9, 7, 6), np.float32)
    if call.arrays("fi") and operation not in ("asarray", "to_numpy", "view", "reshape")
]


def strided(a):
    """Equal values, not one behind the other."""
    wide = np.zeros([2 * n + 1 for n in a.shape], a.dtype)
    b = wide[tuple(slice(1, None, 2) for _ in a.shape)]
    b[...] = a
    assert not b.flags.c_contiguous or b.size == 1
    return b


def misaligned(a):
    """Equal values at addresses that are no multiple of an element's size."""
    raw = np.zeros(a.nbytes + 1, np.uint8)
    b = raw[1:].view(a.dtype).reshape(a.shape)
    b[...] = a
    assert not b.flags.aligned
    return b


def read_only(a):
    b = a.copy()
    b.flags.writeable = False
    return b


FORTRAN = [pytest.param(np.asfortranarray, id="fortran"), pytest.param(strided, id="strided")]
FORMS = [*FORTRAN, pytest.param(misaligned, id="misaligned"), pytest.param(read_only, id="locked")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", READ, ids=str)
def test_inputs_of_any_form(call, form):
    """Read, not changed, and with the same bits as what lies one behind the other."""
    copies = {k: a.copy() for k, a in call.arguments.items() if isinstance(a, np.ndarray)}
    plain = call.arguments | copies
    expected = results_of(getattr(ops, call.operation)(**plain))
    inputs = {name: form(call.arguments[name]) for name in copies.keys() - call.writes()}
    written = {name: call.arguments[name].copy() for name in call.writes()}
    got = results_of(getattr(ops, call.operation)(**call.arguments | inputs | written))
    for result, right in zip(got, expected, strict=True):
        np.testing.assert_array_equal(result, right)
        assert result.flags.c_contiguous
    for name, a in inputs.items():
        np.testing.assert_array_equal(a, call.arguments[name], name)
    for name, a in written.items():
        np.testing.assert_array_equal(a, plain[name], name)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "call", [c for c in READ if c.writes() and c.operation not in ("fill_", "copy_")], ids=str
)
def test_targets_that_a_kernel_cannot_write_are_refused(call, form):
    for name in call.writes():
        a = form(call.arguments[name].copy())
        if a.flags.c_contiguous and a.flags.aligned and a.flags.writeable:
            continue  # a vector is the same in Fortran's order
        before = a.copy()
        with pytest.raises(ShapeError, match=r"read-only, not .*; expected a writable") as no:
            getattr(ops, call.operation)(**call.arguments | {name: a})
        assert str(no.value).startswith(f"{call.operation}: ")
        np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("form", FORMS[:-1])
def test_fill_and_copy_write_anywhere(form):
    a, b = form(numbers(5, 7)), numbers(5, 7, seed=1)
    ops.copy_(a, b)
    np.testing.assert_array_equal(a, b)
    ops.fill_(a, 2.5)
    np.testing.assert_array_equal(a, np.full((5, 7), 2.5))


@pytest.mark.parametrize("write", [lambda a: ops.fill_(a, 1.0), lambda a: ops.copy_(a, a + 1)])
def test_fill_and_copy_leave_a_locked_array_alone(write):
    a = read_only(numbers(5, 7))
    before = a.copy()
    with pytest.raises((ShapeError, ValueError), match="read-only"):
        write(a)
    np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.bool_, np.float16, ">f4"])
def test_fill_and_copy_of_other_dtypes(dtype):
    a, b = np.zeros((3, 5), dtype), (np.arange(15).reshape(3, 5) % 2).astype(dtype)
    ops.copy_(a, b)
    np.testing.assert_array_equal(a, b)
    ops.fill_(a, 1)
    np.testing.assert_array_equal(a, np.ones((3, 5), dtype))
    assert a.dtype == dtype


MOVES = ("fill_", "copy_", "concat_rows", "gather_rows")  # of any dtype


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, np.float16, ">f4", ">f8", "g"])
@pytest.mark.parametrize(
    "call",
    [c for c in READ if c.arrays() and c.operation not in MOVES],
    ids=str,
)
def test_other_dtypes_are_refused_with_a_remedy(call, dtype):
    dtype = np.dtype(dtype)
    wrong = {name: call.arguments[name].astype(dtype) for name in call.arrays()}
    with pytest.raises(ShapeError, match=r"expected float32 or float64") as no:
        getattr(ops, call.operation)(**call.arguments | wrong)
    assert str(dtype) in str(no.value)
    if dtype.kind == "c":
        assert "get_backend('reference')" in str(no.value)


@pytest.mark.parametrize("operation", ["uniform", "normal", "one_hot"])
@pytest.mark.parametrize("dtype", [np.float16, np.complex128, np.int32, ">f4"])
def test_results_of_other_dtypes_are_refused(operation, dtype):
    call = calls(operation, (5, 7, 3), np.float32)[0]
    with pytest.raises(ShapeError, match="expected float32 or float64"):
        getattr(ops, operation)(**call.arguments | {"dtype": dtype})


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64, ">i4"])
def test_labels_and_orders_of_other_integers(dtype):
    labels = np.array([0, 3, 2, 2, 1]).astype(dtype)
    np.testing.assert_array_equal(ops.one_hot(labels, 4, np.float32), np.eye(4)[labels])
    with pytest.raises(ShapeError, match="labels"):
        ops.one_hot(labels, 3, np.float32)
    data = numbers(4, 3)
    np.testing.assert_array_equal(ops.gather_rows(data, labels, 1, 3), data[[3, 2, 2]])
    da, index = numbers(1, 20), labels[None]
    np.testing.assert_array_equal(
        ops.maxout_pick(da, index, 4), da.reshape(5, 4)[range(5), labels.astype(int)][None]
    )


def test_a_label_too_large_for_an_int32_is_refused():
    with pytest.raises(ShapeError, match="labels"):
        ops.one_hot(np.array([2**32]), 5, np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.complex128, np.float16, "S3", ">f8"])
def test_rows_of_any_dtype_are_gathered(dtype):
    data = np.arange(24).reshape(6, 2, 2).astype(dtype)
    order = np.array([5, 0, 3], np.int32)
    got = ops.gather_rows(data, order, 1, 2)
    assert got.dtype == data.dtype
    np.testing.assert_array_equal(got, data[[0, 3]])


def test_rows_of_python_objects_stay_alive():
    """Their bytes are references; were those alone copied, an object would be freed too early."""
    code = """
import os, sys
import numpy as np
from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
thing = object()
data, before = np.array([[thing], [thing]], object), sys.getrefcount(thing)
try:
    rows = get_backend("cpu").gather_rows(data, np.array([1, 0, 1], np.int32), 0, 3)
    print(sys.getrefcount(thing) - before, flush=True)
except ShapeError:
    print("refused", flush=True)
os._exit(0)
"""
    assert answer(code) in ("3\n", "refused\n")


def test_rows_without_columns_are_refused():
    with pytest.raises(ShapeError, match="gather_rows"):
        ops.gather_rows(np.zeros((3, 0)), np.array([0, 1], np.int32), 0, 2)


# -- out that overlaps an input -------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("offset", [0, 1, 30])
def test_gemm_into_its_own_input(dtype, accumulate, offset):
    """Square, so that out may be a, or b, or lie across either."""
    n = 40
    for which, trans in itertools.product(("a", "b"), (False, True)):
        buffer = np.round(4 * numbers(n * n + 30, dtype=dtype))
        inside = buffer[: n * n].reshape(n, n)
        other = np.round(4 * numbers(n, n, dtype=dtype, seed=1))
        out = buffer[offset : offset + n * n].reshape(n, n)
        a, b = (inside, other) if which == "a" else (other, inside)
        expected = (a.T if trans else a).astype(float) @ b + (out if accumulate else 0)
        got = ops.gemm(a, b, trans_a=trans, out=out, accumulate=accumulate)
        assert got is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("accumulate", [False, True])
def test_sums_into_a_row_of_what_is_summed(accumulate):
    a = np.round(numbers(70, 300))
    expected = a.sum(axis=0) + (a[3] if accumulate else 0)
    ops.sum_rows(a, out=a[3], accumulate=accumulate)
    np.testing.assert_array_equal(a[3], expected)
    dy, y = np.round(numbers(70, 300)), numbers(70, 300, seed=1)
    expected = dy[5] + np.where(y > 0, dy, 0).sum(axis=0)
    ops.activation_grad_bias(dy, y, "relu", dbias=dy[5])
    np.testing.assert_array_equal(dy[5], expected)


@every_dtype
@pytest.mark.parametrize("shift", [1, 7, ELEMENTS])
def test_copies_within_one_buffer(dtype, shift):
    """As NumPy does it: as if the source had been read before anything was written."""
    for forwards in (False, True):
        buffer = numbers(5 * ELEMENTS + 3, dtype=dtype)
        low, high = buffer[:-shift], buffer[shift:]
        source, target = (low, high) if forwards else (high, low)
        expected = source.copy()
        ops.copy_(target, source)
        np.testing.assert_array_equal(target, expected)


def test_optimisers_whose_arrays_are_one():
    """x ← 0.9 x + 0.1 x and the like: the same array as parameter and as gradient."""
    x = numbers(ELEMENTS + 5)
    for call in (
        lambda backend, a: backend.ema_(a, a, 0.75),
        lambda backend, a: backend.sgd_(a, a, np.zeros_like(a), 0.5, 0.5, False),
    ):
        a, b = x.copy(), x.copy()
        call(ops, a)
        call(reference, b)
        np.testing.assert_allclose(a, b, rtol=1e-6)


# -- where chunks meet ----------------------------------------------------------------------------

AROUND_A_CHUNK = [ELEMENTS - 1, ELEMENTS, ELEMENTS + 1, 2 * ELEMENTS + 3]


@every_dtype
@pytest.mark.parametrize("size", AROUND_A_CHUNK)
def test_elementwise_over_chunks(size, dtype):
    a, b, c = (numbers(1, size, dtype=dtype, seed=s) for s in range(3))
    assert_as_the_reference("add", a=a, b=b)
    assert_as_the_reference("multiply", a=a, b=b)
    assert_as_the_reference("scale", a=a, factor=-0.3)
    assert_as_the_reference("copy_", a=a, b=b)
    assert_as_the_reference("fill_", a=a, value=0.1)
    for name in ACTIVATIONS:
        assert_as_the_reference("activation", a=a, activation=name, slope=0.1)
        y = reference.activation(a, name, 0.1)
        assert_as_the_reference("activation_grad", dy=b, y=y, activation=name, slope=0.1)
    flat = {"params": a[0], "grads": b[0]}
    assert_as_the_reference("sgd_", **flat, velocity=c[0], rate=0.1, momentum=0.5, nesterov=True)
    moments = {"m": c[0], "v": np.abs(c[0])}
    assert_as_the_reference(
        "adam_", **flat, **moments, rate=0.1, t=3, beta1=0.5, beta2=0.9, eps=1e-8
    )
    assert_as_the_reference("ema_", average=a[0], params=b[0], decay=0.9)
    assert_as_the_reference("maxout", a=numbers(1, 2 * size, dtype=dtype), pieces=2)
    index = np.arange(size, dtype=np.int32)[None] % 2
    assert_as_the_reference("maxout_spread", dy=a, index=index, pieces=2)
    assert_as_the_reference(
        "maxout_pick", da=numbers(1, 2 * size, dtype=dtype), index=index, pieces=2
    )


@every_dtype
@pytest.mark.parametrize(
    ("rows", "columns"),
    [(ELEMENTS + 1, 1), (ELEMENTS // 3 + 1, 3), (3, ELEMENTS + 1), (ELEMENTS // 100 * 2 + 1, 100)],
)
def test_rows_over_chunks(rows, columns, dtype):
    a, b = numbers(rows, columns, dtype=dtype), numbers(rows, 2, dtype=dtype)
    assert_as_the_reference("add_row", x=a, row=a[-1].copy())
    assert_as_the_reference("concat_columns", a=a, b=b)
    assert_as_the_reference("concat_columns", a=b, b=a)
    assert_as_the_reference("columns", a=a, start=columns // 3, stop=columns)
    order = np.random.default_rng(0).permutation(rows).astype(np.int32)
    assert_as_the_reference("gather_rows", data=a, order=order, start=1, count=rows - 1)
    classes = min(columns, 200)  # the reference makes a square of them
    assert_as_the_reference("one_hot", labels=order % classes, classes=classes, dtype=dtype)
    assert_as_the_reference("log_sigmoid_mean", logits=a, sign=-1.0)
    assert_as_the_reference("exp_mean", scores=a, sign=-1.0)
    assert_as_the_reference("softmax_cross_entropy", logits=a, labels=np.abs(a[::-1]) / columns)


@every_dtype
@pytest.mark.parametrize("columns", [COLUMNS - 1, COLUMNS, COLUMNS + 1, 3 * COLUMNS + 2])
@pytest.mark.parametrize("rows", [1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1])
def test_sums_over_chunks(rows, columns, dtype):
    a, y = (numbers(rows, columns, dtype=dtype, seed=s) for s in (0, 1))
    out = numbers(columns, dtype=dtype)
    assert_as_the_reference("sum_rows", a=a)
    assert_as_the_reference("sum_rows", a=a, out=out, accumulate=True)
    for name in ("relu", "softplus"):
        assert_as_the_reference(
            "activation_grad_bias", dy=a, y=np.abs(y), activation=name, dbias=out
        )


def test_a_sum_of_many_rows_keeps_its_digits():
    a = np.full((100_000, 3), 0.1, np.float32)
    exact = np.float64(np.float32(0.1)) * len(a)
    assert np.abs(ops.sum_rows(a) / exact - 1).max() <= 1e-5  # one after the other: 1e-3 and more
    one_by_one = np.cumsum(a[:, 0], dtype=np.float32)[-1]
    assert not abs(one_by_one / exact - 1) <= 1e-5


NOISE = [
    *((1, 4 * BLOCKS + d) for d in (-1, 0, 1)), *((2, 4 * BLOCKS + d) for d in (-5, 1, 3)),
    (BLOCKS - 1, 1), (BLOCKS + 1, 1), (BLOCKS + 1, 3), (2 * BLOCKS + 1, 2), (300, 29), (700, 13),
    (5, 3 * BLOCKS + 2), (37, 4 * BLOCKS // 36 + 1),
]  # fmt: skip


def assert_same_words(backend, shape):
    """Words, and the mask, to the bit."""
    np.testing.assert_array_equal(
        backend.random_words(shape, STREAM), reference.random_words(shape, STREAM)
    )
    x = numbers(*shape)
    got, right = (each.dropout(x, 0.4, STREAM) for each in (backend, reference))
    np.testing.assert_array_equal(got == 0, right == 0)
    np.testing.assert_allclose(got, right, rtol=1e-6)


@pytest.mark.parametrize("shape", NOISE)
def test_random_numbers_over_chunks(shape):
    assert_same_words(ops, shape)
    for dtype in (np.float32, np.float64):
        drawn = {"shape": shape, "stream": STREAM, "dtype": dtype}
        assert_as_the_reference("uniform", **drawn, low=-0.3, high=0.7)
        assert_as_the_reference("normal", **drawn, mean=1.0, std=2.0)


@given(st.integers(1, 90), st.integers(1, 500))
def test_words_of_any_shape(rows, columns):
    assert_same_words(ops, (rows, columns))


@pytest.mark.parametrize("rows", [1, BLOCKS - 1, BLOCKS, BLOCKS + 1, 3 * BLOCKS + 5])
@pytest.mark.parametrize("classes", [1, 10, 1000, 2**24, 2**31 - 1])
def test_labels_over_chunks(rows, classes):
    assert_as_the_reference("random_labels", rows=rows, classes=classes, stream=STREAM)


@pytest.mark.parametrize("edge", [Stream(0), Stream(2**64 - 1, 2**32 - 1, 2**16 - 1, 2**16 - 1)])
def test_words_at_the_ends_of_a_stream(edge):
    shape = (9, 4 * BLOCKS // 8 + 1)
    for stream in (edge, edge._replace(row=2**32 - 9)):
        np.testing.assert_array_equal(
            ops.random_words(shape, stream), reference.random_words(shape, stream)
        )


def test_words_of_a_wrong_chunk_are_noticed():
    class OneBlockOff:
        dropout = staticmethod(ops.dropout)

        @staticmethod
        def random_words(shape, stream):
            words = ops.random_words(shape, stream)
            flat = words.ravel()
            flat[4 * BLOCKS :] = np.roll(flat[4 * BLOCKS :], 4)
            return words

    assert_same_words(OneBlockOff, (1, 4 * BLOCKS - 1))
    with pytest.raises(AssertionError):
        assert_same_words(OneBlockOff, (2, 4 * BLOCKS))


# -- products of extreme shape --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("m", "n", "k"),
    [(1, 1, 300_000), (2, NARROW + 1, 50_000), (1, 100_000, 3), (3, 7, 20_000), (70_000, 2, 3),
     (40_000, NARROW + 1, 2), (1, 1, 1)],
)  # fmt: skip
def test_long_and_thin_products(m, n, k):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((m, k), (k, n)))
    bias = rng.integers(-3, 4, n).astype(np.float32)
    exact = x.astype(float) @ w
    np.testing.assert_array_equal(ops.gemm(x, w), exact)
    np.testing.assert_array_equal(
        ops.gemm(np.ascontiguousarray(x.T), w.T.copy(), trans_a=True, trans_b=True), exact
    )
    np.testing.assert_array_equal(ops.linear(x, w, bias, "relu"), np.maximum(exact + bias, 0))


@every_dtype
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n", [1, NARROW, NARROW + 1, 200])
def test_the_activation_is_applied_once_behind_a_long_sum(activation, n, dtype):
    """In several blocks of k, φ belongs behind the last one."""
    x, w = numbers(20, 1100, dtype=dtype), numbers(1100, n, dtype=dtype) / 33
    assert_as_the_reference(
        "linear", x=x, weight=w, bias=numbers(n, dtype=dtype), activation=activation, slope=0.3
    )


# -- every kernel is somebody's -------------------------------------------------------------------

OURS = {  # others, of recorded steps for one, have kernels that no operation calls
    f"scratchgan.backends.cpu.{name}"
    for name in (
        "compare", "elementwise", "gemm", "noise", "normalise", "optim", "penalties", "reduce",
        "rows", "tangents",
    )
}  # fmt: skip


def test_every_kernel_is_reached(monkeypatch):
    used = set()

    def noted(self, kernel, *rest, **cells):
        used.add(kernel.name)
        return do(self, kernel, *rest, **cells)

    do = CpuBackend._run
    monkeypatch.setattr(CpuBackend, "_run", noted)
    for operation in VOCABULARY:
        for shape in ((5, 7, 3), (9, 7, 6)):
            for call in calls(operation, shape, np.float32):
                run(ops, call)
    names = [k.name for k in KERNELS if k._dispatcher.py_func.__module__ in OURS]
    assert used == set(names)
    assert len(names) == len(set(names))  # a name is a file of the cache


def test_a_recorded_row_that_picks_no_piece_gives_nought():
    """Nobody looks at an index between two steps: such a place is 0, not what memory held."""
    da = np.arange(1, 9, dtype=np.float32)
    index = np.array([1, -1, 2, 0], np.int32)
    dy = np.full(4, np.nan, np.float32)
    ops._run(rows.maxout_pick, 1, da=da, index=index, dy=dy, units=4, pieces=2)
    assert dy.tolist() == [2, 0, 0, 7]
