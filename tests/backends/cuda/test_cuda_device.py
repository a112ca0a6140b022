"""
The cuda backend on a GPU, at real sizes: pytest -m gpu.

The tests that loop over all backends run on the GPU, too, where there is one.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import DTYPES, VOCABULARY, assert_same, calls, run

from scratchgan.backends import get_backend, why_unavailable
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Concat, Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam

WHY = why_unavailable("cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(WHY is not None, reason=f"kernels were not run on a GPU: {WHY}"),
]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
every_operation = pytest.mark.parametrize("operation", VOCABULARY)
SIZES = [(100, 784, 1200), (257, 240, 1201), (1000, 100, 5)]  # more rows than a block sums at once
CLASSES = 10
reference = get_backend("reference")


@pytest.fixture(scope="module")
def ops():
    return get_backend("cuda")


@every_dtype
@every_operation
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_operation_equals_its_definition(ops, operation, shape, dtype):
    for call in calls(operation, shape, dtype):
        assert_same(run(ops, call), run(reference, call), call)


def bits(ops, call):
    outcome = run(ops, call)
    return [a.tobytes() for a in (*outcome.results, *outcome.arguments.values())]


@every_dtype
@pytest.mark.parametrize("operation", [name for name in VOCABULARY if name != "empty"])
def test_twenty_runs_give_the_same_bits(ops, operation, dtype):
    """A race between threads would show as a difference, now and then."""
    for call in calls(operation, (300, 784, 240), dtype):
        first = bits(ops, call)
        assert all(bits(ops, call) == first for _ in range(19)), call


def game(ops, dtype, features=784, width=1200, batch=100):
    """Conditional, with dropout in both and a maxout D: the sizes of the paper's networks."""
    first_g = Concat(Linear(100, width - 200, "relu"), Linear(CLASSES, 200, "relu"))
    first_d = Concat(Linear(features, width), Linear(CLASSES, width // 5))
    both = width + width // 5
    G = Network(
        Sequential(first_g, Dropout(0.8), Linear(width, features, "sigmoid")),
        seed=1, dtype=dtype, ops=ops,
    )  # fmt: skip
    D = Network(
        Sequential(
            first_d, Maxout(both // 5, 5), Dropout(0.5), Linear(both // 5, 240, "softplus"),
            Linear(240, 1),
        ),
        seed=2, dtype=dtype, ops=ops,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    return Trainer(
        G, D, rng.random((10 * batch, features)).astype(dtype),
        noise=Noise(100), batch_size=batch, seed=5, ema=0.9,
        optimizer_g=Adam(1e-4), optimizer_d=SGD(1e-2, 0.5, nesterov=True),
        labels=rng.integers(0, CLASSES, 10 * batch), classes=CLASSES,
    )  # fmt: skip


def gradients(t):
    """Of D after one of its steps, of G after one."""
    t.step_d()
    of_d = t.ops.to_numpy(t.D.grads_flat)
    t.step_g()
    return of_d, t.ops.to_numpy(t.G.grads_flat)


def off(gradient, expected):
    """Distance of two gradients, relative to the norm."""
    return np.linalg.norm(gradient.astype(np.float64) - expected) / np.linalg.norm(expected)


def test_a_step_of_d_and_one_of_g_equal_the_references(ops):
    ours, theirs = gradients(game(ops, np.float32)), gradients(game(reference, np.float64))
    for got, expected in zip(ours, theirs, strict=True):
        assert off(got, expected) <= 1e-4
        spoiled = got.copy()
        largest = np.abs(spoiled).argmax()
        spoiled[largest] = 0  # one lost element would be seen
        assert off(spoiled, expected) > 1e-4


def test_fifty_steps_in_float64_equal_the_references(ops):
    ours, theirs = (game(o, np.float64, 60, 250, 50) for o in (ops, reference))
    for t in (ours, theirs):
        for _ in range(50):
            t.step_d()
            t.step_g()
    expected = theirs.arrays()
    for name, a in ours.arrays().items():
        assert np.abs(a - expected[name]).max() <= 1e-9 * max(1, np.abs(expected[name]).max()), name
    start = game(reference, np.float64, 60, 250, 50).arrays()
    assert np.abs(expected["G.params"] - start["G.params"]).max() > 1e-3  # it has moved


def test_a_run_gives_the_same_bits_again(ops):
    runs = []
    for _ in range(2):
        t = game(ops, np.float32)
        t.train(20)
        runs.append({name: a.tobytes() for name, a in t.arrays().items()})
    assert runs[0] == runs[1]
