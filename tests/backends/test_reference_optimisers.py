"""SGD, Adam and the moving average over many steps, against loops over plain numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scratchgan.nn import Layout
from tests.backends.cases import every_backend, every_dtype

STEPS, N = 25, 21
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


def sgd(p, v, g, t, momentum, nesterov):
    rate = 0.1 / t
    v = momentum * v - rate * g
    return p + (momentum * v - rate * g if nesterov else v), v


def adam(p, state, g, t, beta1=0.5, beta2=0.9, eps=1e-8):
    m, v = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat, v_hat = m / (1 - math.pow(beta1, t)), v / (1 - math.pow(beta2, t))
    return p - 0.01 * m_hat / (math.sqrt(v_hat) + eps), (m, v)


def loop(update, start, first, gradients, state):
    """Each parameter on its own."""
    final = []
    for i, p in enumerate(start.tolist()):
        s = state
        for t, g in enumerate(gradients[:, i].tolist(), first):
            p, s = update(p, s, g, t)
        final.append(p)
    return final


def gradients_and_start(dtype):
    rng = np.random.default_rng(5)
    return rng.normal(size=(STEPS, N)).astype(dtype), rng.normal(size=N).astype(dtype)


def assert_near(got, expected, dtype):
    error = np.abs(got - np.array(expected))
    assert (error <= TOLERANCE[dtype]).all(), error.max()


@every_backend
@every_dtype
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd(ops, dtype, momentum, nesterov):
    gradients, start = gradients_and_start(dtype)
    params, velocity = ops.asarray(start.copy()), ops.zeros((N,), dtype)
    for t, g in enumerate(gradients, 1):
        ops.sgd_(params, ops.asarray(g), velocity, 0.1 / t, momentum, nesterov)
    expected = loop(lambda *a: sgd(*a, momentum, nesterov), start, 1, gradients, 0.0)
    assert_near(ops.to_numpy(params), expected, dtype)


@every_backend
@every_dtype
@pytest.mark.parametrize("first", [1, 10**6])
def test_adam(ops, dtype, first):
    gradients, start = gradients_and_start(dtype)
    params = ops.asarray(start.copy())
    m, v = ops.zeros((N,), dtype), ops.zeros((N,), dtype)
    for t, g in enumerate(gradients, first):
        ops.adam_(params, ops.asarray(g), m, v, 0.01, t, 0.5, 0.9, 1e-8)
    expected = loop(adam, start, first, gradients, (0.0, 0.0))
    assert_near(ops.to_numpy(params), expected, dtype)
    wrong = loop(lambda p, s, g, t: adam(p, s, g, t + 1), start, first, gradients, (0.0, 0.0))
    if first == 1:  # the count matters at the start: an Adam that counts from 2 is another one
        assert np.abs(np.subtract(wrong, expected)).max() > 100 * TOLERANCE[dtype]


@every_backend
@every_dtype
def test_the_first_step_of_adam_is_the_rate(ops, dtype):
    """With both corrections, m̂ / √v̂ = g / |g| at t = 1, whatever the size of g."""
    params = ops.zeros((4,), dtype)
    m, v = ops.zeros((4,), dtype), ops.zeros((4,), dtype)
    grads = ops.asarray(np.array([1e-4, -3, 1e4, 0], dtype))
    ops.adam_(params, grads, m, v, 0.25, 1, 0.5, 0.999, 1e-12)
    np.testing.assert_allclose(ops.to_numpy(params), [-0.25, 0.25, -0.25, 0], rtol=1e-5)


@every_backend
@every_dtype
def test_ema(ops, dtype):
    values, start = gradients_and_start(dtype)
    average = ops.asarray(start.copy())
    for p in values:
        ops.ema_(average, ops.asarray(p), 0.9)
    weights = 0.1 * 0.9 ** np.arange(STEPS)[::-1]
    expected = weights @ values.astype(float) + 0.9**STEPS * start.astype(float)
    assert_near(ops.to_numpy(average), expected, dtype)


@every_backend
@every_dtype
def test_updates_of_the_buffer_show_in_its_views_and_leave_the_gaps_zero(ops, dtype):
    layout = Layout(({"weight": np.ones((2, 3)), "bias": np.ones(3)}, {"weight": np.ones((5, 4))}))
    flat, grad, m, v = (ops.zeros((layout.size,), dtype) for _ in range(4))
    tree, grads = layout.views(flat, ops), layout.views(grad, ops)
    for leaf in (grads[0]["weight"], grads[0]["bias"], grads[1]["weight"]):
        ops.fill_(leaf, 3.0)
    for t in (1, 2, 3):
        ops.adam_(flat, grad, m, v, 0.5, t, 0.5, 0.999, 1e-8)
        ops.sgd_(flat, grad, m, 0.0, 0.0, True)
    for leaf in (tree[0]["weight"], tree[0]["bias"], tree[1]["weight"]):
        assert (ops.to_numpy(leaf) < -0.5).all()
    inside = np.zeros(layout.size, bool)
    for entry in layout.entries:
        inside[entry.offset : entry.offset + np.prod(entry.shape)] = True
    assert (ops.to_numpy(flat)[~inside] == 0).all()
    assert inside.sum() == layout.count
