"""What an operation cannot take is refused with ShapeError, in a message that names it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scratchgan.backends import (
    BackendUnavailableError,
    Stream,
    backend_names,
    default_backend,
    get_backend,
    why_unavailable,
)
from scratchgan.errors import ShapeError, UnknownNameError
from tests.backends.cases import FUSED, VOCABULARY, calls, every_backend, send

MEMORY = {"asarray", "to_numpy", "empty", "zeros", "view", "reshape", "fill_"}  # take anything
CALLS = [
    call
    for operation in VOCABULARY
    for call in calls(operation, (5, 7, 3), np.float32)
    if operation not in MEMORY and call.arrays("fi")
]


def every_call(but=(), arrays="f", at_least=1):
    chosen = [c for c in CALLS if c.operation not in but and len(c.arrays(arrays)) >= at_least]
    return pytest.mark.parametrize("call", chosen, ids=str)


def assert_refused(ops, call, **wrong):
    """A composed operation may leave the refusal to one of its parts."""
    with pytest.raises(ShapeError) as refusal:
        getattr(ops, call.operation)(**send(ops, call.having(**wrong)))
    named = str(refusal.value).partition(":")[0]
    assert named == call.operation or (call.operation in FUSED and named in VOCABULARY)


@every_backend
@every_call(arrays="fi")
def test_empty_arrays(ops, call):
    assert_refused(ops, call, **{name: call.arguments[name][:0] for name in call.arrays("fi")})


@every_backend
@every_call(but={"gather_rows", "scale_by"}, arrays="fi", at_least=2)
def test_one_array_of_more_dimensions(ops, call):
    for name in call.arrays("fi"):
        assert_refused(ops, call, **{name: call.arguments[name][None]})


@every_backend
@every_call(
    but={"gather_rows", "concat_columns", "gemm", "scale_by", "scale_rows"}, arrays="fi", at_least=2
)
def test_one_array_of_more_columns(ops, call):
    for name in call.arrays("fi"):
        assert_refused(ops, call, **{name: np.repeat(call.arguments[name], 2, axis=-1)})


@every_backend
@every_call(at_least=2)
def test_one_array_of_another_dtype(ops, call):
    for name in call.arrays():
        assert_refused(ops, call, **{name: call.arguments[name].astype(np.float64)})


@every_backend
@every_call(but={"copy_", "gather_rows", "one_hot"})  # which take integers as they are
def test_integers(ops, call):
    integers = {name: call.arguments[name].astype(np.int32) for name in call.arrays()}
    assert_refused(ops, call, **integers)


# Tuples stand for arrays of zeros of that shape.
WRONG = [
    ("copy_", {"a": (2, 3), "b": (3, 2)}, r"a is (2, 3) float32 and b is (3, 2)"),
    ("gemm", {"a": (2, 3), "b": (4, 5)}, "a is (2, 3) and b is (4, 5); the inner sizes 3 and 4"),
    ("gemm", {"a": (2, 3), "b": (2, 5), "trans_b": True}, "b is (2, 5)ᵀ; the inner sizes 3 and 5"),
    ("gemm", {"a": (2, 3), "b": (3, 5), "out": (2, 4)}, "out is (2, 4)"),
    ("gemm", {"a": (3,), "b": (3, 5)}, "expected (rows, columns) (reshape a single example to"),
    ("add_row", {"x": (2, 3), "row": (2,)}, "row has shape (2,); expected (3,)"),
    ("add_row", {"x": (3,), "row": (3,)}, "x has shape (3,); expected (rows, columns)"),
    ("add", {"a": (2, 3), "b": (3,)}, "a is (2, 3) float32 and b is (3,)"),
    ("multiply", {"a": (2, 3), "b": (2, 1)}, "expected the same shape and dtype"),
    ("maxout", {"a": (2, 5), "pieces": 2}, "a has 5 columns; expected a multiple of pieces = 2"),
    ("maxout", {"a": (2, 4), "pieces": 0}, "a has 4 columns; expected a multiple of pieces = 0"),
    ("dropout", {"x": (3,), "keep": 0.5, "stream": Stream(0)}, "x has shape (3,)"),
    ("concat_columns", {"a": (2, 3), "b": (3, 3)}, "a is (2, 3) float32 and b is (3, 3) float32;"),
    ("columns", {"a": (2, 3), "start": 1, "stop": 4}, "stop is 4; expected 0 ≤ start < stop ≤ 3"),
    ("columns", {"a": (2, 3), "start": 2, "stop": 2}, "start is 2 and stop is 2"),
    ("columns", {"a": (2, 3), "start": -1, "stop": 2}, "start is -1 and stop is 2"),
    ("softmax_cross_entropy", {"logits": (2, 3), "labels": (2, 4)}, "labels is (2, 4) float32"),
    ("softmax_cross_entropy", {"logits": (3,), "labels": (3,)}, "logits has shape (3,)"),
    ("sum_rows", {"a": (3,)}, "a has shape (3,)"),
    ("sum_rows", {"a": (2, 3), "out": (2,)}, "out is (2,)"),
    ("ema_", {"average": (3,), "params": (4,), "decay": 0.9}, "average is (3,) float32 and params"),
    ("reshape", {"a": (3, 4), "shape": [12]}, "shape is [12]; expected a tuple of sizes"),
]  # fmt: skip


@every_backend
@pytest.mark.parametrize(("operation", "given", "message"), WRONG)
def test_wrong_shapes_are_told(ops, operation, given, message):
    arrays = {k: ops.zeros(v, np.float32) for k, v in given.items() if type(v) is tuple}
    with pytest.raises(ShapeError, match=re.escape(message)) as refusal:
        getattr(ops, operation)(**given | arrays)
    assert str(refusal.value).startswith(f"{operation}: ")


@every_backend
@pytest.mark.parametrize(
    ("buffer", "offset", "message"),
    [
        ((12,), 7, "a buffer of shape (12,) does not have 6 elements from 7 on"),
        ((12,), -1, "a buffer of shape (12,) does not have 6 elements from -1 on"),
        ((3, 4), 0, "a buffer of shape (3, 4) does not have 6 elements from 0 on"),
    ],
)
def test_view_outside(ops, buffer, offset, message):
    with pytest.raises(ShapeError, match=re.escape(f"view: {message}")):
        ops.view(ops.zeros(buffer, np.float32), offset, (2, 3))


@every_backend
@pytest.mark.parametrize(("low", "high"), [(0.5, -0.5), (np.nan, 1), (0, np.inf), ("0", 1)])
def test_bounds_that_are_none(ops, low, high):
    with pytest.raises(ValueError, match="clip_: (low|high) is .*; expected a number"):
        ops.clip_(ops.zeros((3,), np.float32), low, high)


@every_backend
@pytest.mark.parametrize("shape", [(5, 2), (-1, 4), (3, 4, 2), ()], ids=str)
def test_reshape_to_another_size(ops, shape):
    with pytest.raises(ValueError, match="reshape: "):
        ops.reshape(ops.zeros((3, 4), np.float32), shape)


@every_backend
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pool": np.zeros((5, 2), np.float32)}, "pool is (5, 2) float32 and x is (4, 3) float32"),
        ({"filled": np.zeros(1)}, "filled is (1,) float64; expected (1,) int32"),
        ({"filled": np.zeros(2, np.int32)}, "filled is (2,) int32; expected (1,) int32"),
        ({"words": np.zeros((4, 1), np.uint32)}, "words is (4, 1) uint32; expected (4, 2) uint32"),
        ({"words": np.zeros((4, 2), np.int64)}, "words is (4, 2) int64; expected (4, 2) uint32"),
        ({"share": 1.5}, "share is 1.5; expected a number at least 0 and at most 1"),
    ],
)
def test_pools_that_do_not_fit(ops, changed, message):
    given = {
        "pool": np.zeros((5, 3), np.float32), "filled": np.zeros(1, np.int32),
        "x": np.zeros((4, 3), np.float32), "words": np.zeros((4, 2), np.uint32), "share": 0.5,
    } | changed  # fmt: skip
    given = {k: ops.asarray(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    with pytest.raises(ValueError, match=re.escape(f"swap_rows_: {message}")):
        ops.swap_rows_(**given)


@every_backend
@pytest.mark.parametrize("draw", ["random_words", "uniform", "normal", "random_labels"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_no_random_numbers(ops, draw, shape):
    call = calls(draw, (5, 7, 3), np.float32)[0]
    size = {"shape": shape} if "shape" in call.arguments else {"rows": 0}
    with pytest.raises(ShapeError, match="expected at least one row"):
        getattr(ops, draw)(**call.having(**size).arguments)


@every_backend
@pytest.mark.parametrize(
    ("order", "start", "count"),
    [([0, 1, 2], 0, 0), ([0, 1, 2], 1, 3), ([0, 1, 2], -1, 2), ([0, 5, 2], 0, 3), ([0, -1], 0, 2)],
    ids=["none", "past the end", "before the start", "row 5 of 5", "row -1"],
)
def test_gather_rows_outside(ops, order, start, count):
    if ops.name == "cuda" and start == 0 and count == len(order) > 0:
        pytest.skip("the host does not look at a device's order: such rows are zeros there")
    data = ops.asarray(np.zeros((5, 2)))
    with pytest.raises(ShapeError, match="gather_rows"):
        ops.gather_rows(data, ops.asarray(np.array(order, np.int32)), start, count)


@every_backend
@pytest.mark.parametrize(
    "labels", [np.array([0, 3]), np.array([-1, 0]), np.zeros((2, 1), int), np.array([0.0, 1.0])]
)
def test_one_hot_labels_outside(ops, labels):
    if ops.name == "cuda" and labels.ndim == 1 and labels.dtype.kind in "iu":
        pytest.skip("the host does not look at a device's labels: such rows are zeros there")
    with pytest.raises(ShapeError, match=r"one_hot: expected .*labels \(rows,\) in 0 … 2"):
        ops.one_hot(ops.asarray(labels), 3, np.float32)


@every_backend
def test_unknown_activation(ops):
    a = ops.zeros((2, 3), np.float32)
    for call in (lambda: ops.activation(a, "rellu"), lambda: ops.activation_grad(a, a, "rellu")):
        with pytest.raises(
            UnknownNameError, match=r"unknown activation 'rellu'; did you mean 'relu'"
        ):
            call()


def test_unknown_backend():
    with pytest.raises(UnknownNameError, match="did you mean 'reference'"):
        get_backend("referense")


def test_a_backend_that_does_not_load_says_why(monkeypatch):
    monkeypatch.setattr("scratchgan.backends._loaded", {})
    broken = {"broken": ("scratchgan.backends.no_such_file", "NoBackend", "Install what it needs.")}
    monkeypatch.setattr("scratchgan.backends._HOMES", broken)
    monkeypatch.setattr("scratchgan.backends._PREFERENCE", ("broken",))
    with pytest.raises(BackendUnavailableError, match=r"'broken' .*no_such_file.* Install"):
        get_backend("broken")
    assert "no_such_file" in why_unavailable("broken")
    with pytest.raises(BackendUnavailableError, match="no backend works here"):
        default_backend()


def test_the_reference_works_everywhere():
    assert "reference" in backend_names()
    assert why_unavailable("reference") is None
    assert default_backend().name in backend_names()
    assert [get_backend(n).name for n in backend_names() if why_unavailable(n) is None]


# -- values that no kernel may be given ------------------------------------------------------------

STREAM = Stream(3)
DROPOUT = {"x": (2, 3), "keep": 0.5, "stream": STREAM}
DRAW = {"shape": (2, 3), "stream": STREAM}
UNIFORM = DRAW | {"low": 0.0, "high": 1.0, "dtype": np.float32}
NORMAL = DRAW | {"mean": 0.0, "std": 1.0, "dtype": np.float32}
LABELS = {"rows": 4, "classes": 3, "stream": STREAM}
PICK = {"da": (2, 6), "index": np.zeros((2, 3), np.int32), "pieces": 2}
SPREAD = {"dy": (2, 3), "index": np.zeros((2, 3), np.int32), "pieces": 2}
GATHER = {"data": (5, 2), "order": np.arange(5, dtype=np.int32), "start": 0, "count": 2}
ONE_HOT = {"labels": np.arange(3, dtype=np.int32), "classes": 3, "dtype": np.float32}
COLUMNS = {"a": (2, 3), "start": 0, "stop": 2}
VIEW = {"buffer": (12,), "offset": 0, "shape": (2, 3)}
ADAM = {"params": (3,), "grads": (3,), "m": (3,), "v": (3,), "rate": 0.1, "t": 1}
ADAM |= {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
FEW = Stream(3, row=2**32 - 1)  # one more row is there
NONSENSE = [
    ("dropout", DROPOUT, "keep", (0, 0.0, -1, 1.5, np.nan, "1", True)),
    ("dropout", DROPOUT, "stream", (None, 3, FEW, Stream(3, row=-1))),
    ("random_words", DRAW, "stream", (None, 3, FEW, Stream(3, row=-1), Stream(3, row=0.5), Stream)),
    ("random_words", DRAW, "shape", (3, None, (3,), (2, 3, 4), (2.0, 3), (True, 3), (-1, 3), "ab")),
    ("uniform", UNIFORM, "stream", (None, FEW)),
    ("uniform", UNIFORM, "dtype", (None, np.int32, object, "3", "f3", 1)),
    ("normal", NORMAL, "stream", (None, FEW)),
    ("normal", NORMAL, "shape", (3, (3,), (2, 1.5))),
    ("normal", NORMAL, "dtype", (None, np.int32, object, "3", "f3", 1)),
    ("random_labels", LABELS, "classes", (0, -1, 2**31, 1.5, 2.0, None, "3", True, np.nan)),
    ("random_labels", LABELS, "rows", (0, -1, 1.5, None, "3")),
    ("random_labels", LABELS, "stream", (None, FEW)),
    ("maxout_pick", PICK, "pieces", (0, -2, 1.5, 2.0, None, "2", True)),
    ("maxout_pick", PICK, "index", (np.zeros((2, 3)), np.zeros((2, 2), np.int32))),
    ("maxout_spread", SPREAD, "pieces", (0, -2, 1.5, 2.0, None, "2", True)),
    ("maxout_spread", SPREAD, "index", (np.zeros((2, 3)), np.zeros((2, 2), np.int32))),
    ("gather_rows", GATHER, "start", (None, "1", 0.5, 1.0, True, 4)),
    ("gather_rows", GATHER, "count", (None, "1", 0.5, 1.0, True, 6)),
    ("gather_rows", GATHER, "order", (np.arange(5.0), np.zeros((5, 1), np.int32))),
    ("one_hot", ONE_HOT, "classes", (0, -1, 3.0, 3.5, None, "3", True)),
    ("one_hot", ONE_HOT, "dtype", (None, np.int32, object, "3", 1)),
    ("columns", COLUMNS, "start", (None, "1", 0.5, 1.0, True)),
    ("columns", COLUMNS, "stop", (None, "1", 0.5, 2.0, True)),
    ("view", VIEW, "offset", (None, "1", 0.5, 1.0, True)),
    ("adam_", ADAM, "t", (0, -1, 0.5, 1.0, None, "1", True)),
]  # fmt: skip


@every_backend
@pytest.mark.parametrize(
    ("operation", "given", "name", "value"),
    [(op, given, name, value) for op, given, name, values in NONSENSE for value in values],
)
def test_nonsense_is_refused_by_its_name(ops, operation, given, name, value):
    """The same values on every backend, none of which reads or writes where it may not."""

    def sent(arguments):
        return {
            k: ops.zeros(v, np.float32)
            if type(v) is tuple and k != "shape"
            else ops.asarray(v) if isinstance(v, np.ndarray) else v
            for k, v in arguments.items()
        }  # fmt: skip

    call = getattr(ops, operation)
    call(**sent(given))  # without it, all is well
    with pytest.raises(ValueError, match=r"expected|does not have|differ in shape"):
        call(**sent(given | {name: value}))


@every_backend
@pytest.mark.parametrize("wrong", [-1, 2, 2**31 - 1])
@pytest.mark.parametrize("operation", ["maxout_pick", "maxout_spread"])
def test_a_piece_that_is_not_there(ops, operation, wrong):
    """Refused where the host can look at an index; on a device there is nothing: 0."""
    index = np.array([[0, 1, wrong]], np.int32)
    a = ops.asarray(np.ones((1, 6 if operation == "maxout_pick" else 3), np.float32))
    call = getattr(ops, operation)
    if ops.name != "cuda":
        with pytest.raises(ShapeError, match=rf"{operation}: the index has .*expected 0 … 1"):
            call(a, ops.asarray(index), 2)
    else:
        picked = ops.to_numpy(call(a, ops.asarray(index), 2)).ravel().tolist()
        assert picked == ([1, 1, 0] if operation == "maxout_pick" else [1, 0, 0, 1, 0, 0])


@pytest.mark.parametrize("name", ["CPU", "", 3, ["cpu"], {}, b"cpu", 1.5, True, np.zeros(2), type])
def test_no_name_of_a_backend(name):
    with pytest.raises(UnknownNameError, match=r"unknown backend .* Known: cpu, cuda, reference"):
        get_backend(name)
