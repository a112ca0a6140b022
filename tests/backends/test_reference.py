"""Every operation of every backend equals its definition, on awkward shapes, in both dtypes."""

from __future__ import annotations

import copy
import inspect
from functools import partial

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Backend, get_backend
from scratchgan.backends.reference import ReferenceBackend
from scratchgan.backends.vocabulary import definition, hook
from tests.backends.cases import (
    CASES,
    DTYPES,
    FUSED,
    SHAPES,
    VOCABULARY,
    Oracle,
    assert_close,
    assert_same,
    calls,
    every_backend,
    every_dtype,
    every_shape,
    host,
    results_of,
    run,
    send,
)

every_operation = pytest.mark.parametrize("operation", VOCABULARY)
SHARES = {"asarray", "view", "reshape", "to_numpy"}  # a result may share memory, or is on the host


def held_to(ops):
    """What a backend is held to: the reference, and for that one the oracle."""
    return Oracle() if type(ops) is ReferenceBackend else get_backend("reference")


@every_backend
@every_dtype
@every_shape
@every_operation
def test_operation_equals_its_definition(ops, dtype, shape, operation):
    for call in calls(operation, shape, dtype):
        assert_same(run(ops, call), run(held_to(ops), call), call)


@every_backend
@every_dtype
@every_operation
def test_nan_and_infinity_propagate_as_the_formula_says(ops, dtype, operation):
    with np.errstate(all="ignore"):
        for call in calls(operation, (9, 7, 6), dtype, special=True):
            assert_same(run(ops, call), run(held_to(ops), call), call)


def by_definition(ops, operation):
    """The composition, on a backend that may have a kernel of its own."""
    plain = copy.copy(ops)
    setattr(plain, hook(operation), partial(definition(operation), plain))
    return getattr(plain, operation)


@every_backend
@every_dtype
@every_shape
@pytest.mark.parametrize("operation", FUSED)
def test_fused_equals_composed(ops, dtype, shape, operation):
    for call in calls(operation, shape, dtype):
        composed = run(ops, call, by_definition(ops, operation))
        assert_same(run(ops, call), composed, call)


@every_backend
@every_dtype
@pytest.mark.parametrize("offset", [1, 2, 3, 16])
@every_operation
def test_arrays_may_be_views_of_a_flat_buffer(ops, dtype, offset, operation):
    """At any alignment; what is written is written in the buffer, and nothing around it."""
    for call in calls(operation, (5, 7, 3), dtype):
        views, guarded = send(ops, call), {}
        for name in set(call.arrays()) - {"values"}:
            a = call.arguments[name]
            buffer = np.full(a.size + 32, 77, a.dtype)
            buffer[offset : offset + a.size] = a.ravel()
            guarded[name] = ops.asarray(buffer)
            views[name] = ops.view(guarded[name], offset, a.shape)
        results = results_of(getattr(ops, operation)(**views))
        fresh = run(ops, call)
        for got, expected in zip(results, fresh.results, strict=True):
            assert_close(host(ops, got), expected, call)
        for name, buffer in guarded.items():
            after = ops.to_numpy(buffer)
            expected = fresh.arguments[name]
            inside = np.arange(offset, offset + expected.size)
            assert_close(after[inside].reshape(expected.shape), expected, call)
            assert (np.delete(after, inside) == 77).all(), f"wrote outside {name}: {call}"


def assert_new(ops, call, function):
    """Results are contiguous, and overwriting them changes no argument."""
    arguments = send(ops, call)
    before = {name: ops.to_numpy(arguments[name]) for name in call.arrays("fiu")}
    results = results_of(function(**arguments))
    for result in results:
        assert not isinstance(result, np.ndarray) or result.flags.c_contiguous, call
    if "out" in arguments:
        assert results[0] is arguments["out"], call
        return
    for result in results:
        ops.fill_(result, 77)
    for name in before.keys() - call.writes():
        message = f"a result shares memory with {name}: {call}"
        np.testing.assert_array_equal(ops.to_numpy(arguments[name]), before[name], message)


@every_backend
@every_dtype
@pytest.mark.parametrize("operation", [o for o in VOCABULARY if o not in SHARES])
def test_results_are_new_and_contiguous(ops, dtype, operation):
    for shape in [(1, 1, 1), (1, 7, 3), (5, 7, 3)]:  # of one row, every slice is contiguous
        for call in calls(operation, shape, dtype):
            assert_new(ops, call, getattr(ops, operation))


@every_backend
@every_operation
def test_numpy_scalars_do_not_change_the_dtype(ops, operation):
    """A rate from a schedule may be a float64 scalar; float32 arrays stay float32."""
    for call in calls(operation, (5, 7, 3), np.float32):
        numbers = {k: np.float64(v) for k, v in call.arguments.items() if type(v) is float}
        assert_same(run(ops, call.having(**numbers)), run(ops, call), call)


@every_backend
def test_signatures_equal_the_vocabulary(ops):
    def parameters(f):
        return [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]

    for name in VOCABULARY:
        assert parameters(getattr(type(ops), name)) == parameters(getattr(Backend, name)), name


def untested(backend):
    """Operations of a vocabulary without a case or without an oracle."""
    named = {n for n, f in vars(backend).items() if inspect.isfunction(f) and n[0] != "_"}
    return {n for n in named if n not in CASES or not hasattr(Oracle, n)}


def test_every_operation_has_a_case_and_an_oracle():
    class WithOneMore(Backend):
        def batch_norm(self, x):
            return x

    assert untested(Backend) == set()
    assert set(CASES) == set(VOCABULARY)
    assert untested(WithOneMore) == {"batch_norm"}
    for operation in VOCABULARY:  # and no generator of cases is empty
        assert all(calls(operation, shape, dtype) for shape in SHAPES for dtype in DTYPES)


@every_backend
@every_dtype
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_log_sigmoid_mean_at_the_ends(ops, dtype, size):
    """log σ(l) → 0 for l → ∞ and → l for l → −∞, with derivatives 0 and 1."""
    for sign in (1.0, -1.0):
        for logit, value, slope in [(size, 0, 0), (-size, -size, 1), (0, -np.log(2), 0.5)]:
            logits = ops.asarray(np.full((4, 1), sign * logit, dtype))
            got, gradient = map(ops.to_numpy, ops.log_sigmoid_mean(logits, sign))
            np.testing.assert_allclose(got, [value], rtol=1e-6, atol=1e-40)
            np.testing.assert_allclose(gradient, np.full((4, 1), sign * slope / 4), atol=1e-40)


@every_backend
@every_dtype
@pytest.mark.parametrize("size", [1e3, 1e4, 1e30])
def test_exp_mean_at_the_ends(ops, dtype, size):
    """0 on one side, ∞ on the other, and no NaN; up to 85 e^x is finite in float32 too."""
    for sign in (1.0, -1.0):
        for score, value in [(-size, 0), (size, np.inf), (-85, np.exp(-85)), (85, np.exp(85))]:
            scores = ops.asarray(np.full((4, 1), sign * score, dtype))
            got, gradient = map(ops.to_numpy, ops.exp_mean(scores, sign))
            np.testing.assert_allclose(got, [value], rtol=1e-5)
            np.testing.assert_allclose(gradient, np.full((4, 1), sign * value / 4), rtol=1e-5)


@every_backend
@every_dtype
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_softmax_cross_entropy_at_the_ends(ops, dtype, size):
    """Sure and right: 0, with gradient 0. Sure and wrong: the difference of the logits, ±1."""
    logits = np.array([[size, 0, -size], [-size, 0, size]], dtype)
    labels = np.array([[1, 0, 0], [1, 0, 0]], dtype)
    value, gradient = map(
        ops.to_numpy, ops.softmax_cross_entropy(ops.asarray(logits), ops.asarray(labels))
    )
    np.testing.assert_allclose(value, [size], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-0.5, 0, 0.5]], atol=1e-40)


@every_backend
@every_dtype
def test_softmax_cross_entropy_of_equal_logits(ops, dtype):
    """log 10 whatever the label, and whatever is added to all logits."""
    for shift in (0, 1e3, -1e3):
        logits = ops.asarray(np.full((4, 10), shift, dtype))
        labels = ops.asarray(np.eye(10, dtype=dtype)[[0, 3, 9, 3]])
        value, gradient = map(ops.to_numpy, ops.softmax_cross_entropy(logits, labels))
        np.testing.assert_allclose(value, [np.log(10)], rtol=1e-6)
        expected = (0.1 - np.eye(10)[[0, 3, 9, 3]]) / 4
        np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@every_backend
@every_dtype
def test_a_class_that_cannot_be_costs_nothing_until_it_is_asked_for(ops, dtype):
    logits = ops.asarray(np.array([[0.0, -np.inf, 0.0]], dtype))
    for label, value, gradient in (
        ([1, 0, 0], np.log(2), [-0.5, 0, 0.5]),
        ([0, 1, 0], np.inf, [0.5, -1, 0.5]),
        ([0, 0, 0], 0, [0, 0, 0]),
    ):
        got = ops.softmax_cross_entropy(logits, ops.asarray(np.array([label], dtype)))
        np.testing.assert_allclose(ops.to_numpy(got[0]), [value], rtol=1e-6)
        np.testing.assert_allclose(ops.to_numpy(got[1]), [gradient], rtol=1e-6)


@every_backend
@every_dtype
def test_maxout_takes_the_first_of_equals(ops, dtype):
    a = ops.asarray(np.array([[2, 2, 1, 0, 5, 5, -0.0, 0.0, -0.0]], dtype))
    y, index = ops.maxout(a, 3)
    assert ops.to_numpy(y).tolist() == [[2, 5, 0]]
    assert ops.to_numpy(index).tolist() == [[0, 1, 0]]
    da = ops.maxout_spread(ops.asarray(np.array([[10, 20, 30]], dtype)), index, 3)
    assert ops.to_numpy(da).tolist() == [[10, 0, 0, 0, 20, 0, 30, 0, 0]]


@every_backend
def test_view_shares_memory_and_fill_stays_inside(ops):
    buffer = ops.zeros((12,), np.float32)
    ops.fill_(ops.view(buffer, 3, (2, 3)), 1.5)
    assert ops.to_numpy(buffer).tolist() == [0] * 3 + [1.5] * 6 + [0] * 3


@every_backend
def test_to_numpy_is_a_copy(ops):
    a = ops.zeros((3,), np.float32)
    ops.to_numpy(a)[:] = 1
    assert ops.to_numpy(a).tolist() == [0, 0, 0]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_reference_is_analytic(activation):
    """A complex step through the reference: Im φ(a + ih) / h = φ′(a), to rounding."""
    ops, h = get_backend("reference"), 1e-30
    a = np.random.default_rng(0).normal(size=(4, 5))
    stepped = ops.activation(a + 1j * h, activation, 0.2)
    by_step = stepped.imag / h
    by_formula = ops.activation_grad(np.ones_like(a), stepped.real.copy(), activation, 0.2)
    np.testing.assert_allclose(by_step, by_formula, rtol=1e-13)


# -- the comparison itself: a wrong backend must be refused -----------------------------------


def last_of_equals(f, a, pieces):
    y, from_the_end = f(np.ascontiguousarray(a[:, ::-1]), pieces)
    return y[:, ::-1].copy(), pieces - 1 - from_the_end[:, ::-1]


def forgets_what_was_there(f, dbias=None, **k):
    if dbias is not None:
        dbias[...] = 0
    return f(**k, dbias=dbias)


def value_times(factor, f, logits, sign):
    value, gradient = f(logits, sign)
    return value * factor(logits), gradient


def gradient_of_a_sum(f, scores, sign):
    value, gradient = f(scores, sign)
    return value, gradient * scores.size


def gradient_of_the_sum(f, logits, labels):
    value, gradient = f(logits, labels)
    return value, gradient * len(logits)


def without_the_label(f, logits, labels):
    value, gradient = f(logits, labels)
    return value, gradient + labels / len(logits)


def keeps_what_is_dropped(f, logits, labels):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    value = -(labels * log_p).sum(axis=1).mean(keepdims=True)  # 0 · −∞ is NaN
    return value, f(logits, labels)[1]


def keeps_the_popped(f, pool, x, **k):
    before = pool.copy()
    y = f(pool=pool, x=x, **k)
    pool[(pool != before).any(axis=1) & (k["filled"] == len(pool))] = before[-1]
    return y


def unbiased(f, x, over, eps):
    y, mean, variance = f(x, over, eps)
    n = x.shape[0 if over == "batch" else 1]
    return y, mean, variance * n / (n - 1)


def of_dy_alone(f, dy, y, **k):
    return f(dy, 0 * y, **k)


def counts_itself(f, m, dims, dm=None):
    return f(m, dims, dm) + (1 if dm is None else 0)


# A wrong operation, made from the right one f and its arguments.
DEFECTS = [
    ("gemm", "reads bᵀ as b", lambda f, b, **k: f(b=b.T.reshape(b.shape), **k)),
    ("gemm", "overwrites", lambda f, **k: f(**k | {"accumulate": False})),
    ("gemm", "loses digits", lambda f, **k: f(**k) * (1 + 1e-5)),
    ("add", "one NaN", lambda f, a, b: np.where(a == a.max(), np.nan, f(a, b))),
    ("activation", "hides NaN", lambda f, **k: np.nan_to_num(f(**k))),
    ("activation_grad", "ignores the slope", lambda f, **k: f(**k | {"slope": 0.0})),
    ("activation_grad", "tanh for sigmoid", lambda f, **k: f(**k | {"activation": "tanh"})),
    ("linear", "another slope", lambda f, **k: f(**k | {"slope": 0.3})),
    ("activation_grad_bias", "overwrites dbias", forgets_what_was_there),
    ("maxout", "takes the last of equals", last_of_equals),
    ("dropout", "does not scale", lambda f, keep, **k: f(keep=keep, **k) * keep),
    ("dropout", "no row", lambda f, stream, **k: f(stream=stream._replace(row=0), **k)),
    ("columns", "a view", lambda f, a, start, stop: a[:, start:stop]),
    ("multiply_row", "adds", lambda f, x, row: x + row),
    ("reciprocal_root", "eps outside", lambda f, a, eps: 1 / (np.sqrt(a) + eps)),
    ("normalize", "unbiased variance", unbiased),
    ("normalize", "of the rows alone", lambda f, over, **k: f(over="features", **k)),
    ("normalize", "no eps", lambda f, eps, **k: f(eps=0.0, **k)),
    ("normalize_grad", "variance a constant", of_dy_alone),
    ("closeness", "counts itself", counts_itself),
    ("closeness", "no direction", lambda f, **k: f(**k | {"dm": None})),
    ("closeness_grad", "of o_i alone", lambda f, do, **k: f(do=do - do.mean(axis=0), **k)),
    ("closeness_grad", "no direction", lambda f, **k: f(**k | {"dm": None})),
    ("log_sigmoid_mean", "sum", partial(value_times, np.size)),
    ("log_sigmoid_mean", "sign lost", partial(value_times, lambda logits: -1)),
    ("exp_mean", "gradient of the sum", gradient_of_a_sum),
    ("exp_mean", "sign lost", lambda f, sign, **k: f(sign=1.0, **k)),
    ("softmax_cross_entropy", "sum", gradient_of_the_sum),
    ("softmax_cross_entropy", "the label lost", without_the_label),
    ("softmax_cross_entropy", "other labels", lambda f, labels, **k: f(labels=labels[::-1], **k)),
    ("softmax_cross_entropy", "0 · −∞", keeps_what_is_dropped),
    ("normal", "float64", lambda f, **k: f(**k).astype(np.float64)),
    ("normal", "sine first", lambda f, **k: f(**k)[:, ::-1].copy()),
    ("gather_rows", "from 0", lambda f, **k: f(**k | {"start": 0})),
    ("sgd_", "never Nesterov", lambda f, **k: f(**k | {"nesterov": False})),
    ("adam_", "no bias correction", lambda f, **k: f(**k | {"t": 10**9})),
    ("adam_", "another eps", lambda f, **k: f(**k | {"eps": 1e-4})),
    ("ema_", "the wrong way", lambda f, decay, **k: f(decay=1 - decay, **k)),
    ("clip_", "only above", lambda f, low, **k: f(low=-9.0, **k)),
    ("swap_rows_", "keeps the popped", keeps_the_popped),
    ("swap_rows_", "never pops", lambda f, share, **k: f(share=0.0, **k)),
    ("scale", "in place", lambda f, a, factor: np.multiply(a, factor, out=a)),
]


@pytest.mark.parametrize(
    ("operation", "defect", "wrong"), DEFECTS, ids=[f"{d[0]}: {d[1]}" for d in DEFECTS]
)
def test_a_wrong_backend_is_refused(operation, defect, wrong):
    ops = get_backend("reference")

    def accepted(f):
        try:
            with np.errstate(all="ignore"):
                for special in (False, True):
                    for call in calls(operation, (9, 7, 6), np.float32, special):
                        assert_same(run(ops, call, f), run(Oracle(), call), call)
                        assert_new(ops, call, f)
        except AssertionError:
            return False
        return True

    right = getattr(ops, operation)
    assert accepted(right)
    assert not accepted(partial(wrong, right))
