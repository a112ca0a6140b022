"""
Every operation of the cuda backend against the reference, on tiny arrays, in the simulator.

``test_backend_simulated.py`` runs this file in its own process. With NUMBA_ENABLE_CUDASIM=1 all
tests that loop over backends run on cuda, too: pytest tests/backends -k cuda. They take longer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numba import uint32

from scratchgan.backends import Stream, get_backend
from scratchgan.backends.cuda import elementwise, noise, optim, reduce, rows
from scratchgan.backends.cuda.device import SIMULATED, cuda, kernel
from scratchgan.errors import ShapeError
from scratchgan.games import GAMES, get_game
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import (
    BatchNorm,
    Context,
    LayerNorm,
    Linear,
    MinibatchDiscrimination,
    Network,
    Projection,
    ReferenceBatch,
    Sequential,
    SpectralNorm,
    VirtualBatchNorm,
)  # fmt: skip
from scratchgan.nn.initializers import he, normal
from scratchgan.optim import SGD, Adam, LinearRamp
from scratchgan.testing import OpaqueBackend
from tests.backends import test_reference as vocabulary
from tests.backends.cases import DTYPES, FUSED, VOCABULARY, assert_same, calls, run
from tests.gan.games import BATCH, CLASSES, FEATURES, networks
from tests.gan.games import NOISE as WIDTH
from tests.nn import test_second_order as second_order

PRODUCTS = {"gemm", "linear"}  # whose many threads the simulator runs one by one
OTHERS = [name for name in VOCABULARY if name not in PRODUCTS]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
reference = get_backend("reference")


@pytest.fixture(scope="module")
def ops():
    assert SIMULATED, "run test_backend_simulated.py, which starts the simulator"
    return get_backend("cuda")


def assert_like_the_reference(ops, operation, shape, dtype, special=False):
    with np.errstate(all="ignore"):
        for call in calls(operation, shape, dtype, special):
            assert_same(run(ops, call), run(reference, call), call)


# -- every operation ----------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 1, 9), (9, 3, 5)], ids=str)
@pytest.mark.parametrize("operation", OTHERS)
def test_operation_equals_its_definition(ops, operation, shape, dtype):
    """9 rows are three pieces of a sum, 5 columns three blocks of one, and 2 counters a row."""
    assert_like_the_reference(ops, operation, shape, dtype)


@every_dtype
@pytest.mark.parametrize("operation", sorted(PRODUCTS))
def test_product_equals_its_definition(ops, operation, dtype):
    assert_like_the_reference(ops, operation, (3, 4, 5), dtype)


@every_dtype
@pytest.mark.parametrize("operation", [*OTHERS, "linear"])
def test_nan_and_infinity_propagate_as_the_formula_says(ops, operation, dtype):
    assert_like_the_reference(ops, operation, (4, 3, 5), dtype, special=True)


@every_dtype
@pytest.mark.parametrize("operation", OTHERS)
def test_arrays_may_be_views_of_a_flat_buffer(ops, operation, dtype):
    vocabulary.test_arrays_may_be_views_of_a_flat_buffer(ops, dtype, 3, operation)


@pytest.mark.parametrize("operation", [o for o in OTHERS if o not in vocabulary.SHARES])
def test_results_are_new(ops, operation):
    for call in calls(operation, (2, 3, 3), np.float32):
        vocabulary.assert_new(ops, call, getattr(ops, operation))


def test_signatures_equal_the_vocabulary(ops):
    vocabulary.test_signatures_equal_the_vocabulary(ops)


@every_dtype
def test_maxout_takes_the_first_of_equals(ops, dtype):
    vocabulary.test_maxout_takes_the_first_of_equals(ops, dtype)


@every_dtype
@pytest.mark.parametrize("size", [1e2, 1e30])
def test_log_sigmoid_mean_at_the_ends(ops, dtype, size):
    vocabulary.test_log_sigmoid_mean_at_the_ends(ops, dtype, size)


@every_dtype
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_exp_mean_at_the_ends(ops, dtype, size):
    vocabulary.test_exp_mean_at_the_ends(ops, dtype, size)


@every_dtype
@pytest.mark.parametrize("size", [1e2, 1e30])
def test_softmax_cross_entropy_at_the_ends(ops, dtype, size):
    vocabulary.test_softmax_cross_entropy_at_the_ends(ops, dtype, size)
    vocabulary.test_a_class_that_cannot_be_costs_nothing_until_it_is_asked_for(ops, dtype)


@every_dtype
@pytest.mark.parametrize("name", [name for name in GAMES if len(get_game(name).outputs) == 1])
def test_a_game_equals_its_definition(ops, name, dtype):
    """V, G's loss and their gradients, on the device as on the reference."""
    game, rng = get_game(name), np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 5, 1)).astype(dtype)
    for player, order in ((game.d, (real, fake)), (game.g, (fake, real))):
        expected = player(*order, ops=get_backend("reference"))
        found = player(*map(ops.asarray, order), ops=ops)
        for one, other in zip(found, expected, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(ops.to_numpy(one), other, rtol=2e-6, atol=1e-7)


def test_results_that_overlap_an_argument(ops):
    """What is read is read before anything is written over it."""
    start = np.arange(12.0)
    buffer = ops.asarray(start)
    ops.copy_(ops.view(buffer, 1, (11,)), ops.view(buffer, 0, (11,)))
    assert ops.to_numpy(buffer).tolist() == [0, *range(11)]
    buffer = ops.asarray(start)
    ops.sum_rows(ops.view(buffer, 0, (3, 4)), out=ops.view(buffer, 2, (4,)), accumulate=True)
    expected = start[2:6] + start.reshape(3, 4).sum(0)
    assert ops.to_numpy(buffer)[2:6].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "operation",
    [
        "sum_rows",
        "activation_grad_bias",
        "log_sigmoid_mean",
        "exp_mean",
        "softmax_cross_entropy",
        "dropout",
        "normal",
    ],
)
def test_repeated_runs_give_the_same_bits(ops, operation):
    for call in calls(operation, (9, 3, 5), np.float32):
        runs = [[a.tobytes() for a in run(ops, call).results] for _ in range(3)]
        assert all(a == b for a, b in pairwise(runs))


# -- what is refused, and what is not looked at -------------------------------------------------


@pytest.mark.parametrize("operation", [o for o in VOCABULARY if o not in {"asarray", "fill_"}])
def test_arrays_of_the_host_are_refused_with_the_remedy(ops, operation):
    for call in calls(operation, (2, 3, 3), np.float32):
        if call.arrays("fi"):
            with pytest.raises(ShapeError, match=r": .*to the device with ops\.asarray") as refusal:
                getattr(ops, operation)(**call.arguments)
            assert operation in FUSED or str(refusal.value).startswith(f"{operation}: ")
            break


def test_rows_and_labels_that_do_not_exist_are_zeros(ops):
    data, order = np.arange(1.0, 7).reshape(3, 2), np.array([2, 3, -1, 0], np.int32)
    got = ops.gather_rows(ops.asarray(data), ops.asarray(order), 0, 4)
    assert ops.to_numpy(got).tolist() == [[5, 6], [0, 0], [0, 0], [1, 2]]
    labels = ops.asarray(np.array([1, 2, -1], np.int64))
    got = ops.to_numpy(ops.one_hot(labels, 2, np.float32))
    assert got.tolist() == [[0, 1], [0, 0], [0, 0]]
    index = ops.asarray(np.array([[1, 2], [-1, 0]], np.int32))
    picked = ops.maxout_pick(ops.asarray(np.ones((2, 4))), index, 2)
    assert ops.to_numpy(picked).tolist() == [[1, 0], [0, 1]]


def test_other_dtypes_and_layouts_are_refused(ops):
    with pytest.raises(ShapeError, match="the cuda backend cannot compute with complex128"):
        ops.scale(ops.asarray(np.ones((2, 2)) + 0j), 2.0)
    with pytest.raises(ShapeError, match="not C-contiguous"):
        ops.scale(ops.asarray(np.ones((2, 3))).T, 2.0)


@pytest.mark.parametrize("name", ["sigmoid", "maxout, dropout", "label in a branch"])
def test_second_order(ops, name):
    problem = second_order.Problem(name)
    second_order.assert_close(problem.by_dual(ops), problem.by_dual(reference), 1e-13)


# -- defects: a wrong kernel must be noticed ----------------------------------------------------


@kernel(writes="y index")
def maxout_last(a, y, index, size, pieces):
    u = uint32(cuda.grid(1))
    while u < size:
        best, at = a[u * pieces], 0
        for p in range(1, pieces):
            if a[u * pieces + p] >= best:
                best, at = a[u * pieces + p], p
        y[u], index[u] = best, at
        u += uint32(cuda.gridsize(1))


@kernel(writes="out")
def sum_without_the_last_row(a, out, batch, n, rows, accumulate):
    if uint32(cuda.grid(1)) == 0:
        for j in range(n):
            out[j] = sum(a[i * n + j] for i in range(batch - 1))


@kernel(writes="y")
def only_one_element_a_thread(a, b, y, size):
    i = uint32(cuda.grid(1))
    if i < size:
        y[i] = a[i] + b[i]


@kernel(writes="p m v")
def adam_without_its_correction(g, p, m, v, cells, size, beta1, rest1, beta2, rest2, eps):
    i = uint32(cuda.grid(1))
    while i < size:
        m[i] = beta1 * m[i] + rest1 * g[i]
        v[i] = beta2 * v[i] + rest2 * g[i] * g[i]
        p[i] -= cells[0] * m[i] / (np.sqrt(v[i]) + eps)
        i += uint32(cuda.gridsize(1))


@kernel(writes="out")
def words_of_step_0(out, cells, columns, counters, key0, key1, row, word2):
    i = uint32(cuda.grid(1))
    while i < counters * 4:
        if i < out.size:
            out[i] = noise.philox(i // 4, row, word2, uint32(0), key0, key1)[i % 4]
        i += uint32(cuda.gridsize(1))


DEFECTS = [
    (rows, "maxout", maxout_last, "maxout"),
    (reduce, "sum_rows", sum_without_the_last_row, "sum_rows"),
    (elementwise, "add", only_one_element_a_thread, "add"),
    (optim, "adam", adam_without_its_correction, "adam_"),
    (noise, "random_words", words_of_step_0, "random_words"),
]


@pytest.mark.parametrize(("module", "name", "wrong", "operation"), DEFECTS, ids=lambda x: str(x))
def test_a_wrong_kernel_is_refused(ops, monkeypatch, module, name, wrong, operation):
    assert_like_the_reference(ops, operation, (9, 3, 5), np.float32)
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(AssertionError):
        assert_like_the_reference(ops, operation, (9, 3, 5), np.float32)


# -- launches are noted -------------------------------------------------------------------------


class Notes:
    """What a recorder is told; ``again`` launches it once more, with other values in the cells."""

    def __init__(self) -> None:
        self.launches: list[Any] = []
        self.arrays: list[Any] = []
        self.reasons: list[str] = []

    def refuse(self, what):
        self.reasons.append(what)

    def add(self, launch):
        self.launches.append(launch)

    def allocated(self, a):
        self.arrays.append(a)

    def again(self, **values):
        for launch in self.launches:
            if launch.cells is not None:
                cells, a = launch.cells, launch.cells.array
                now = [values.get(n, v) for n, v in zip(cells.names, cells.values, strict=True)]
                a.copy_to_device(np.array(cells.of(*now), a.dtype))
            launch.run()


@every_dtype
def test_noted_launches_can_be_made_again_with_other_values(ops, dtype):
    """What changes from step to step lies in device memory: launches are repeated as they are."""
    x = np.arange(1, 13, dtype=dtype).reshape(4, 3)
    data, order = ops.asarray(x), ops.asarray(np.array([0, 3, 1, 2], np.int32))

    def step(arrays, stream, start, t, rate):
        params, m, v, velocity = arrays
        batch = ops.dropout(ops.gather_rows(data, order, start, 2), 0.5, stream)
        grads = ops.sum_rows(ops.add(batch, ops.normal((2, 3), stream, 0.0, 1.0, dtype)))
        ops.adam_(params, grads, m, v, rate, t, 0.5, 0.999, 1e-8)
        ops.sgd_(params, grads, velocity, rate, rate, True)
        return batch, grads

    def fresh():
        return [ops.zeros((3,), dtype) for _ in range(4)]

    stream, notes = Stream(7, step=3), Notes()
    recorded = fresh()
    with ops.recording(notes):
        results = step(recorded, stream, 0, 1, 0.1)
    assert [launch.name for launch in notes.launches] == [
        "gather_rows", "dropout", "normal", "add", "sum_rows", "adam", "sgd",
    ]  # fmt: skip
    changing = [launch.cells.names for launch in notes.launches if launch.cells]
    assert changing == [("start",), ("step",), ("step",), ("rate", "t"), ("rate", "momentum")]
    assert all(any(a is r for a in notes.arrays) for r in results)
    for launch in notes.launches:
        assert launch.writes

    by_hand = fresh()
    step(by_hand, stream, 0, 1, 0.1)
    expected = step(by_hand, stream._replace(step=4), 2, 2, 0.05)
    notes.again(step=4, start=2, t=2, rate=0.05, momentum=0.05)
    for a, b in zip([*recorded, *results], [*by_hand, *expected], strict=True):
        assert ops.to_numpy(a).tobytes() == ops.to_numpy(b).tobytes()


def test_a_look_by_the_host_is_told_while_notes_are_taken(ops):
    a, notes = ops.zeros((2,), np.float32), Notes()
    with ops.recording(notes):
        ops.to_numpy(a)
    ops.to_numpy(a)
    (reason,) = notes.reasons
    assert "to_numpy" in reason


def test_cells_of_adam_for_many_steps_are_those_of_each():
    rates, t = np.array([0.1, 0.2, 0.3]), np.array([1, 10, 10**7])
    step, correction = optim.adam_cells(rates, t, 0.5, 0.999)
    assert [optim.adam_cells(r, n, 0.5, 0.999) for r, n in zip(rates, t, strict=True)] == [
        *zip(step, correction, strict=True)
    ]
    assert abs(correction[0] - 1000) <= 1e-9


# -- a whole step -------------------------------------------------------------------------------


OPTIONS = {"clip": 0.3, "instance_noise": LinearRamp(0.2, 0.0, 5), "pool": 4, "unroll": 1}
PENALTIES = {"penalties": ("r1", "r2", "wasserstein_gp", "dragan")}


def play(ops, options):
    """A step of D and one of G: conditional, with dropout and maxout. Return all arrays."""
    G, D = networks(labels=True, ops=ops)
    rng = np.random.default_rng(3)
    t = Trainer(
        G, D, rng.random((11, FEATURES)), noise=Noise(WIDTH), batch_size=BATCH, seed=5, ema=0.9,
        optimizer_g=Adam(1e-2), optimizer_d=SGD(0.1, 0.5, nesterov=True),
        labels=rng.integers(0, CLASSES, 11), log_every=1, **options,
    )  # fmt: skip
    t.step()
    grads = {"grad D": t.D.grads_flat, "grad G": t.G.grads_flat}
    return t.arrays() | {name: ops.to_numpy(a) for name, a in grads.items()}, t.record()


@pytest.mark.parametrize("options", [{}, OPTIONS, PENALTIES], ids=["plain", "options", "penalties"])
def test_a_step_of_d_and_one_of_g_equal_the_references(ops, options):
    (ours, record), (theirs, expected) = play(ops, options), play(reference, options)
    assert ours.keys() == theirs.keys()
    for name, a in theirs.items():
        assert a.dtype == ours[name].dtype == (np.int32 if name == "pool.filled" else np.float64)
        error = np.abs(ours[name] - a).max()
        assert error <= 1e-9 * max(1e-3, np.abs(a).max()), name
    assert record == pytest.approx(expected, rel=1e-9)


def gradients_of_all_norms(ops):
    """y, dx and the gradients of layers that normalise and compare, and their new statistics."""
    norms = Linear(3, 4), LayerNorm(4), BatchNorm(4), MinibatchDiscrimination(4, 2, 2, weight=he())
    inner = Sequential(*norms, VirtualBatchNorm(6), SpectralNorm(Linear(6, 2, "tanh")))
    layer = Projection(ReferenceBatch(inner, 2, normal(1.0)), 2)
    network = Network(layer, seed=1, dtype=np.float64, backend=ops)
    rng, ctx = np.random.default_rng(3), Context(ops, training=True)
    x = tuple(map(ops.asarray, (rng.normal(size=(3, 3)), np.eye(2)[[0, 1, 1]])))
    flat, grads = network.new_buffer()
    y, cache = layer.forward(network.params, x, ctx)
    dx, _ = layer.backward(network.params, cache, ops.asarray(np.ones((3, 1))), ctx, grads)
    layer.commit(network.params, cache, ctx)
    return [ops.to_numpy(a) for a in (y, dx, flat, network.flat)]


def test_layers_that_normalise_equal_the_references(ops):
    found, expected = gradients_of_all_norms(ops), gradients_of_all_norms(reference)
    for a, b in zip(found, expected, strict=True):
        assert abs(a - b).max() <= 1e-12 * max(1, abs(b).max())


def test_the_game_speaks_the_vocabulary(ops):
    """The simulator's arrays have operators, a device's have not: nothing here uses them."""
    options = OPTIONS | {"penalties": ["r1", "dragan"]}
    (plain, record), (opaque, again) = (play(each, options) for each in (ops, OpaqueBackend(ops)))
    assert all(opaque[name].tobytes() == a.tobytes() for name, a in plain.items())
    assert record == again
