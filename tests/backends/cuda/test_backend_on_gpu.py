"""
The cuda backend on a GPU, at real sizes: pytest -m gpu.

The tests that loop over all backends run on the GPU, too, where there is one.
"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
from numba import uint32

from scratchgan.backends import get_backend
from scratchgan.gan import Noise, Trainer
from scratchgan.gan import replay as recording
from scratchgan.nn import Concat, Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam, Cosine, LinearRamp
from tests.backends import test_program
from tests.backends.cases import DTYPES, VOCABULARY, assert_same, calls, run
from tests.gan.replays import differences, plain, replays

pytestmark = [pytest.mark.gpu, pytest.mark.needs("cuda")]
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


def game(ops, dtype, features=784, width=1200, batch=100, batches=10, **options):
    """Conditional, with dropout in both and a maxout D: the sizes of the paper's networks."""
    first_g = Concat(Linear(100, width - 200, "relu"), Linear(CLASSES, 200, "relu"))
    first_d = Concat(Linear(features, width), Linear(CLASSES, width // 5))
    both = width + width // 5
    G = Network(
        Sequential(first_g, Dropout(0.8), Linear(width, features, "sigmoid")),
        seed=1, dtype=dtype, backend=ops,
    )  # fmt: skip
    D = Network(
        Sequential(
            first_d, Maxout(both // 5, 5), Dropout(0.5), Linear(both // 5, 240, "softplus"),
            Linear(240, 1),
        ),
        seed=2, dtype=dtype, backend=ops,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    settings = {
        "noise": Noise(100), "batch_size": batch, "seed": 5, "ema": 0.9,
        "optimizer_g": Adam(1e-4), "optimizer_d": SGD(1e-2, 0.5, nesterov=True),
        "labels": rng.integers(0, CLASSES, batches * batch), "classes": CLASSES,
    }  # fmt: skip
    x = rng.random((batches * batch, features)).astype(dtype)
    return Trainer(G, D, x, **{**settings, **options})


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


@pytest.mark.parametrize("how", ["step by step", "replayed"])
def test_fifty_steps_in_float64_equal_the_references(ops, how):
    ours, theirs = (game(o, np.float64, 60, 250, 50) for o in (ops, reference))
    for t in (ours, theirs):
        for _ in range(50 if t is theirs or how == "step by step" else 0):
            t.step_d()
            t.step_g()
    if how == "replayed":
        ours.train(50)
        assert replays(ours), ours.recorder.refusal
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
        assert replays(t), t.recorder.refusal
        runs.append({name: a.tobytes() for name, a in t.arrays().items()})
    assert runs[0] == runs[1]


# -- recorded steps -------------------------------------------------------------------------------

GAMES = {
    "as it is": {},
    "k = 2, minimax": {"k": 2, "objective": "minimax"},
    "simultaneous": {"updates": "simultaneous", "ema": None},
    "schedules": {
        "optimizer_g": Adam(Cosine(2e-4, 1e-5, 9), 0.5),
        "optimizer_d": SGD(LinearRamp(0.02, 0.0, 9), LinearRamp(0.5, 0.9, 7)),
    },
}


def no_graph(launches):
    raise RuntimeError("a test has no use for it")


def launched(monkeypatch):
    """Let recorded steps be launched kernel by kernel from now on."""
    from scratchgan.backends.cuda import replay

    replay._tell.cache_clear()
    monkeypatch.setattr(replay, "capture", no_graph)


@every_dtype
@pytest.mark.parametrize("name", GAMES)
def test_graph_launches_and_single_steps_give_the_same_bits(ops, monkeypatch, name, dtype):
    def made():
        return game(ops, dtype, log_every=4, **GAMES[name])

    graph, by_launches, by_steps = made(), made(), plain(made())
    graph.train(15)
    assert replays(graph), graph.recorder.refusal
    assert graph.recorder._replay.graph is not None
    launched(monkeypatch)
    with pytest.warns(RuntimeWarning, match="kernel by kernel, .*: RuntimeError: a test has no"):
        by_launches.train(15)
    assert replays(by_launches), by_launches.recorder.refusal
    assert by_launches.recorder._replay.graph is None
    by_steps.train(15)
    assert differences(graph, by_steps) == []
    assert differences(by_launches, by_steps) == []


def test_graphs_are_ordered_with_what_is_launched_by_itself(ops):
    """All in one stream: nothing waits in between, and nothing has to."""
    a, b = game(ops, np.float32), plain(game(ops, np.float32))
    seen = []
    for t in (a, b):
        for _ in range(5):
            t.train(4)
            t.step_d()
            t.step_g()
            seen.append(t.samples(3).tobytes())
    assert replays(a) is False  # the latest iteration was made by hand
    a.train(2)
    b.train(2)
    assert replays(a)
    assert seen[:5] == seen[5:]
    assert differences(a, b) == []


def test_resumed_in_the_middle(ops):
    """By a fresh trainer, and by going back with the graph that is there."""
    a, b = game(ops, np.float32), plain(game(ops, np.float32))
    a.train(7)
    arrays, counters = a.snapshot()
    fresh = game(ops, np.float32)
    fresh.restore(arrays, counters)
    a.train(5)
    a.restore(arrays, counters)
    for t in (fresh, a):
        t.train(8)
    b.train(15)
    for t in (fresh, a):
        assert replays(t)
        assert differences(t, b) == []


def test_a_replayed_step_of_d_and_one_of_g_equal_the_references(ops):
    """From the same point, at which two iterations have been made."""
    ours, theirs = game(ops, np.float32), game(reference, np.float64)
    ours.train(2)
    theirs.restore(ours.arrays(), ours.counters())
    ours.train(1)
    theirs.train(1)
    assert replays(ours), ours.recorder.refusal
    for player, its in ((ours.D, theirs.D), (ours.G, theirs.G)):
        got, expected = ops.to_numpy(player.grads_flat), reference.to_numpy(its.grads_flat)
        assert off(got, expected) <= 1e-4


def test_nothing_is_allocated_between_two_calls(ops, monkeypatch):
    from scratchgan.backends.cuda.device import cuda

    t = game(ops, np.float32, batches=60)  # all in one epoch
    t.train(15)
    context, made = cuda.current_context(), []
    original = type(context).memalloc

    def memalloc(self, size):
        made.append(size)
        return original(self, size)

    monkeypatch.setattr(type(context), "memalloc", memalloc)
    before = context.get_memory_info().free
    t.train(20)
    t.train(20)
    assert replays(t)
    assert made == []
    assert context.get_memory_info().free >= before
    ops.zeros((100,), np.float32)
    assert made == [400]  # it would have been seen


def test_ctrl_c_leaves_a_whole_iteration(ops):
    """SIGINT comes while graphs wait for the GPU: those that are under way are counted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    options = {"width": 250, "features": 60, "log_every": 10**6}
    a, b = game(ops, np.float32, **options), plain(game(ops, np.float32, **options))
    a.train(10)
    for wait in (0.05, 0.11, 0.13):
        timer = threading.Timer(wait, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            a.train(10**9)
        timer.join()
        assert replays(a)
        b.train(a.iteration - b.iteration)
        assert differences(a, b) == []


def test_cells_that_do_not_advance_are_noticed(ops, monkeypatch):
    """Each step takes the first one's noise and minibatch: the tests above would fail."""
    from scratchgan.backends.cuda import replay
    from scratchgan.backends.cuda.device import cuda, kernel

    @kernel
    def always_the_first_row(table, cells, made, words):
        i = uint32(cuda.threadIdx.x)
        while i < words:
            cells[i] = table[i]
            i = uint32(i + uint32(cuda.blockDim.x))
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            made[0] = uint32(made[0] + uint32(1))

    monkeypatch.setattr(replay, "advance", always_the_first_row)
    monkeypatch.setattr(recording, "LONGEST", 1e9)  # six steps in one call
    a, b = (game(ops, np.float64, 60, 250, 50, log_every=1000) for _ in range(2))
    a.train(8)
    plain(b).train(8)
    assert replays(a)
    assert {"D.params", "G.params"} <= set(differences(a, b))


def test_every_kind_of_operation_in_one_program(ops, monkeypatch):
    monkeypatch.setattr(test_program, "ops", ops)
    program = test_program.check_step(
        [(kind, 3 * n, n) for n, kind in enumerate(test_program.KINDS)]
    )
    assert "gemm ab" in str(program)
