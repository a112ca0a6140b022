"""
Recorded steps of the cuda backend, replayed launch by launch, in the simulator.

``test_backend_simulated.py`` runs this file in its own process. A product takes the simulator
a tenth of a second, all else some milliseconds; so most games here do without products.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from numba import uint32

from scratchgan.backends import get_backend
from scratchgan.backends.cuda import replay
from scratchgan.backends.cuda.device import SIMULATED, cuda, is_here, kernel
from scratchgan.backends.program import Program, Recorder, address
from scratchgan.errors import ReplayError
from scratchgan.games import (
    R1,
    R2,
    AuxiliaryClassifier,
    CategoricalCode,
    GaussianCode,
    MutualInformation,
)
from scratchgan.gan import Noise
from scratchgan.gan import replay as recording
from scratchgan.nn import Concat, Dropout, Layer, Linear, Maxout, Sequential, Tanh
from scratchgan.optim import SGD, Adam, Cosine, ExponentialDecay, LinearRamp
from tests.backends import test_program
from tests.gan.replays import Game, differences, plain, replays
from tests.nn import test_second_order as second_order

WIDTH = 3


@pytest.fixture(scope="module")
def ops():
    assert SIMULATED, "run test_backend_simulated.py, which starts the simulator"
    return get_backend("cuda")


@pytest.fixture(autouse=True)
def _long_calls(monkeypatch):
    """The simulator is slow; without this, each step would be a call of its own."""
    monkeypatch.setattr(recording, "LONGEST", 1e9)


# -- games --------------------------------------------------------------------------------------


class Shift(Layer):
    """y = φ(x + shift): it has parameters, and no product."""

    def __init__(self, width, activation="tanh"):
        self.width = width
        self.activation = activation

    def init(self, rng, dtype):
        return {"shift": rng.normal(size=self.width).astype(dtype)}

    def forward(self, params, x, ctx):
        y = ctx.ops.activation(ctx.ops.add_row(x, params["shift"]), self.activation)
        return y, y

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dbias = None if grads is None else grads["shift"]
        return ctx.ops.activation_grad_bias(dy, cache, self.activation, 0.0, dbias)

    def jvp(self, params, cache, dx, ctx):
        raise NotImplementedError


def game(G=None, D=None, dtype=np.float64, classes=0, examples=11, **options):
    """Two minibatches of 5 an epoch."""
    return Game(
        G=G or Sequential(Shift(WIDTH), Dropout(0.8), Shift(WIDTH, "sigmoid")),
        D=D or Sequential(Shift(WIDTH), Dropout(0.5), Maxout(1, WIDTH)),
        dtype=dtype, noise=Noise(WIDTH), features=WIDTH, classes=classes, examples=examples,
        settings={
            "batch_size": 5, "log_every": 1000, "optimizer_g": Adam(1e-2),
            "optimizer_d": Adam(1e-2), **options,
        },
    )  # fmt: skip


def conditional(**options):
    both = Concat(Shift(WIDTH), Sequential())
    return game(
        G=Sequential(both, Dropout(0.8), Maxout(WIDTH, 2), Shift(WIDTH, "sigmoid")),
        D=Sequential(both, Dropout(0.5), Maxout(2, 3), Shift(2, "softplus"), Maxout(1, 2)),
        classes=3, **options,
    )  # fmt: skip


GAMES = {
    "k = 2, minimax, Adam with a schedule": game(
        k=2, objective="minimax",
        optimizer_d=Adam(LinearRamp(0.02, 0.0, 9), 0.5), optimizer_g=Adam(Cosine(0.03, 1e-3, 9)),
    ),
    "conditional, SGD with schedules, EMA": conditional(
        optimizer_d=SGD(ExponentialDecay(0.05, 1.1, 0.001), LinearRamp(0.5, 0.9, 5), True),
        optimizer_g=SGD(0.1, Cosine(0.9, 0.1, 7)), ema=0.9, log_every=2,
    ),
    "simultaneous, float32, EMA": conditional(
        updates="simultaneous", dtype=np.float32, ema=0.5, optimizer_d=SGD(0.1, 0.5),
    ),
    "penalties, scheduled and lazy": game(
        D=Sequential(Shift(WIDTH), Maxout(1, WIDTH)),
        penalties=[R1(LinearRamp(0.5, 0.1, 9)), R2(0.3, every=2)],
    ),
    "clipping, noise, a pool, unrolled": conditional(
        clip=0.3, instance_noise=LinearRamp(0.3, 0.0, 7), pool=7, unroll=1, dtype=np.float32,
    ),
    "packed": game(
        D=Sequential(Shift(5 * WIDTH), Maxout(1, 5 * WIDTH)), pack=5, instance_noise=0.1,
    ),
    "products": game(G=Linear(WIDTH, WIDTH, "tanh"), optimizer_d=SGD(0.1, 0.5)),
    "products, classes and codes": game(
        G=Sequential(Concat(Shift(2 * WIDTH), Sequential()), Maxout(WIDTH, 3)),
        D=Linear(WIDTH, 1 + 3 + WIDTH), classes=3,
        objective=MutualInformation(
            AuxiliaryClassifier(classes=3), (CategoricalCode(2), GaussianCode())
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GAMES)
def test_replayed_is_step_by_step(ops, name):
    """The first iteration is recorded, the second checked, then come one and two a call."""
    a, b = GAMES[name].make(ops), plain(GAMES[name].make(ops))
    for n in (3,) if name.startswith("products") else (3, 2):
        a.train(n)
    b.train(a.iteration)
    assert replays(a), a.recorder.refusal
    assert differences(a, b) == []


def test_resumed_in_the_middle(ops):
    """By a fresh trainer, which records anew; and by going back, with the program that is there."""
    described = game(ema=0.9)
    a, b = described.make(ops), plain(described.make(ops))
    a.train(3)
    arrays, counters = a.snapshot()
    fresh = described.make(ops)
    fresh.restore(arrays, counters)
    fresh.train(3)
    a.train(1)
    a.restore(arrays, counters)
    a.train(3)
    b.train(6)
    for t in (fresh, a):
        assert replays(t)
        assert differences(t, b) == []


# -- what cannot be recorded --------------------------------------------------------------------


class Reads(Tanh):
    def forward(self, params, x, ctx):
        factor = 1.0 + float(np.tanh(ctx.ops.to_numpy(x).mean()))
        return super().forward(params, ctx.ops.scale(x, factor), ctx)


class Brings(Tanh):
    """What is brought from the host at every pass would stay what it was when recorded."""

    def forward(self, params, x, ctx):
        ones = ctx.ops.asarray(np.full(x.shape, 0.5, x.dtype))
        return super().forward(params, ctx.ops.add(x, ones), ctx)


class Counts(Tanh):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, params, x, ctx):
        self.calls += 1
        return super().forward(params, ctx.ops.scale(x, 1 + self.calls / 10), ctx)


REFUSED = {
    Reads: r"the host reads values of an array inside a step \(to_numpy\)",
    Brings: r"add uses an array of shape \(5, 3\) that no operation of the step wrote",
    Counts: r"G's layer\.layers\[1\]\.calls changes while an iteration is made",
}


@pytest.mark.parametrize("layer", REFUSED)
def test_what_cannot_be_recorded_runs_step_by_step(ops, layer):
    G = Sequential(Shift(WIDTH), layer())
    a, b = game(G=G).make(ops), plain(game(G=G).make(ops))
    with pytest.warns(UserWarning, match="run step by step, not replayed") as heard:
        a.train(4)
    b.train(4)
    assert len([w for w in heard if w.category is UserWarning]) == 1
    assert re.search(REFUSED[layer], a.recorder.refusal)
    assert differences(a, b) == []


# -- compared again -------------------------------------------------------------------------------


class Hidden(Tanh):
    """tanh of x times a number that is too deep in an array to be looked at."""

    def __init__(self):
        super().__init__()
        self.table = np.ones(20_000)

    def forward(self, params, x, ctx):
        return super().forward(params, ctx.ops.scale(x, self.table[0]), ctx)


def test_replay_and_run_are_compared_again(ops, monkeypatch):
    """Nothing is changed by it; what has changed is found, with the row and the layer."""
    monkeypatch.setattr(recording, "check_at", lambda seed, number: 2 * number + 1)
    described = game(G=Sequential(Shift(WIDTH), Hidden()))
    a, b = described.make(ops), plain(described.make(ops))
    a.train(4)
    b.train(4)
    assert a.recorder._latest.checks == 2
    assert replays(a)
    assert differences(a, b) == []
    a.G.network.layer.layers[1].table[0] = 0.5
    with pytest.raises(ReplayError, match=r"that differs is \d+, scale, for G's Hidden in "):
        a.train(2)
    assert a.iteration == 5
    a.train(1)
    b.train(1)
    b.G.network.layer.layers[1].table[0] = 0.5
    b.train(1)
    assert differences(a, b) == []


# -- defects: a wrong ``advance`` must be noticed -------------------------------------------------


@kernel
def copies_nothing(table, cells, made, words):
    if cuda.threadIdx.x == 0:
        made[0] = uint32(made[0] + uint32(1))


@kernel
def counts_nothing(table, cells, made, words):
    i = uint32(cuda.threadIdx.x)
    while i < words:
        cells[i] = table[uint32(made[0] * words + i)]
        i = uint32(i + uint32(cuda.blockDim.x))


@kernel
def always_the_first_row(table, cells, made, words):
    i = uint32(cuda.threadIdx.x)
    while i < words:
        cells[i] = table[i]
        i = uint32(i + uint32(cuda.blockDim.x))
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        made[0] = uint32(made[0] + uint32(1))


@pytest.mark.parametrize("wrong", [copies_nothing, counts_nothing])
def test_cells_that_do_not_advance_are_noticed_by_the_trainer(ops, monkeypatch, wrong):
    monkeypatch.setattr(replay, "advance", wrong)
    a, b = game().make(ops), plain(game().make(ops))
    with pytest.warns(UserWarning, match="the same iteration run directly have different bits"):
        a.train(4)
    b.train(4)
    assert a.recorder.program is None
    assert differences(a, b) == []


def test_cells_that_advance_once_are_noticed_by_these_tests(ops, monkeypatch):
    """The trainer checks one replayed step; that the next ones differ from it is seen here."""
    monkeypatch.setattr(replay, "advance", always_the_first_row)
    a, b = game().make(ops), plain(game().make(ops))
    a.train(5)
    b.train(5)
    assert replays(a)
    assert {"D.params", "G.params"} <= set(differences(a, b))


# -- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.fixture
def launches(monkeypatch):
    """Names of the launches that are made, and a function to call behind each."""
    seen = SimpleNamespace(names=[], streams=[], then=lambda: None)
    original = replay.Launch.run

    def run(launch, stream=0):
        original(launch, stream)
        seen.names.append(launch.name)
        seen.streams.append(stream)
        seen.then()

    monkeypatch.setattr(replay.Launch, "run", run)
    return seen


@pytest.mark.parametrize("behind", [0, 20])
def test_ctrl_c_leaves_a_whole_iteration(ops, launches, behind):
    """It comes between two steps or in the middle of one; the call that is under way is made."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    described = game(examples=60)  # all in one epoch
    a, b = described.make(ops), plain(described.make(ops))
    a.train(3)
    count = 1 + len(a.recorder.program.rows)
    launches.names.clear()

    def interrupt():
        if len(launches.names) == count + behind:
            signal.raise_signal(signal.SIGINT)

    launches.then = interrupt
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        a.train(4)
    assert signal.getsignal(signal.SIGINT) is handler
    assert launches.names.count("advance") == a.iteration - 3 == 4
    a.train(1)
    b.train(a.iteration)
    assert replays(a)
    assert differences(a, b) == []


def test_another_thread_may_drive(ops):
    a, b = game().make(ops), plain(game().make(ops))
    a.train(2)
    driver = threading.Thread(target=a.train, args=(2,))
    driver.start()
    driver.join()
    b.train(4)
    assert replays(a)
    assert differences(a, b) == []


# -- what crosses the bus -------------------------------------------------------------------------


@pytest.fixture
def transfers(ops, monkeypatch):
    """(direction, bytes) of all copies between host and device, and new arrays there."""
    seen = []
    kind = type(ops.zeros((1,), np.float32))
    up, down, bring, new = kind.copy_to_device, kind.copy_to_host, cuda.to_device, cuda.device_array

    def copy_to_device(self, a, *args, **options):
        seen.append(("up", a.nbytes))
        return up(self, a, *args, **options)

    def copy_to_host(self, *args, **options):
        seen.append(("down", self.nbytes))
        return down(self, *args, **options)

    def to_device(a, *args, **options):
        seen.append(("new", a.nbytes))
        return bring(a, *args, **options)

    def device_array(*args, **options):
        made = new(*args, **options)
        seen.append(("new", made.nbytes))
        return made

    monkeypatch.setattr(kind, "copy_to_device", copy_to_device)
    monkeypatch.setattr(kind, "copy_to_host", copy_to_host)
    monkeypatch.setattr(cuda, "to_device", to_device)
    monkeypatch.setattr(cuda, "device_array", device_array)
    return seen


def test_nothing_but_the_table_crosses_the_bus(ops, transfers):
    """Nor is anything allocated. A new epoch: its words come to be sorted, its order goes."""
    examples = 40  # eight minibatches an epoch; two epochs' orders are in memory
    a = game(examples=examples).make(ops)
    a.train(3)
    transfers.clear()
    a.train(4)
    words = a.recorder._latest.replay._words
    assert transfers == [("up", 4 * 4 * words), ("up", 4), ("down", 4)]
    transfers.clear()
    a.train(4)  # minibatches 7 … 10: the next epoch begins
    assert replays(a)
    order = 4 * examples
    assert [t for t in transfers if t[0] == "down"] == [("down", 2 * order), ("down", 4)]
    assert transfers.count(("new", order)) == 1
    assert transfers[-3:] == [("up", 4 * 4 * words), ("up", 4), ("down", 4)]


def test_wrong_numbers_of_steps_and_values_are_refused(ops):
    a = game().make(ops)
    a.train(3)
    made, program = a.recorder._latest.replay, a.recorder.program
    values = [np.zeros(2)] * len(program.varying)
    for steps, given in ((0, values), (10**6, values), (2, values[1:])):
        with pytest.raises(ValueError, match="expected 1 to 4096 steps with"):
            made.run(steps, given)


# -- programs -------------------------------------------------------------------------------------


def test_every_kind_of_operation_in_one_program(ops, monkeypatch):
    """What ``test_program.py`` asks of the cpu: places that do not overlap, and the same bits."""
    monkeypatch.setattr(test_program, "ops", ops)
    test_program.check_step([(kind, 3 * n, n) for n, kind in enumerate(test_program.KINDS)])


def test_the_first_rows_alone(ops, monkeypatch):
    monkeypatch.setattr(test_program, "ops", ops)
    kinds = ("add", "columns", "dropout", "sum_rows", "update", "maxout")
    test_program.check_parts([(kind, 3 * n, n) for n, kind in enumerate(kinds)])


def test_launches_have_left_the_recorded_arrays(ops, monkeypatch):
    """Every array of a launch lies in the arena or in a buffer: their memory is given back."""
    monkeypatch.setattr(test_program, "ops", ops)
    recorded = test_program.Recorded(*test_program.chain())
    assert test_program.faults(recorded) == []
    spaces = [recorded.program.arena, *recorded.buffers.values()]
    known = [(address(a), address(a) + a.nbytes) for a in spaces]
    for row in recorded.program.rows:
        for a in filter(is_here, row.args):
            assert any(low <= address(a) and address(a) + a.nbytes <= high for low, high in known)


def test_second_order(ops):
    second_order.assert_replayed_as_run(second_order.Problem("last is φ"), ops)


def drawn(ops):
    rng = np.random.default_rng(0)
    arrays = {
        "data.x": rng.random((11, 100)), "data.orders": np.arange(22, dtype=np.int32),
        "D": rng.random(256), "grad D": np.zeros(256), "m D": np.zeros(256), "v D": np.zeros(256),
    }  # fmt: skip
    return {name: ops.asarray(a) for name, a in arrays.items()}


def products(ops, held, start, t):
    """A sum over k in seven parts and one in a piece, and what follows from both."""
    x = ops.gather_rows(held["data.x"], held["data.orders"], start, 2)
    weight, bias = ops.view(held["D"], 0, (100, 2)), ops.view(held["D"], 208, (2,))
    y = ops.linear(x, weight, bias, "tanh")
    z = ops.linear(ops.columns(x, 0, 3), ops.view(held["D"], 0, (3, 2)), bias, "relu")
    da = ops.activation_grad_bias(z, y, "tanh", 0.0, ops.view(held["grad D"], 208, (2,)))
    into = ops.view(held["grad D"], 0, (100, 2))
    ops.gemm(x, da, trans_a=True, out=into, accumulate=True)
    ops.adam_(
        held["D"], held["grad D"], held["m D"], held["v D"],
        rate=0.1, t=t, beta1=0.5, beta2=0.9, eps=1e-8,
    )  # fmt: skip
    return [y]


def with_parts(recorder, keep):
    recorder.parts = {name: {0: "0.weight", 208: "0.bias"} for name in ("D", "grad D")}
    return Program(recorder, keep)


def test_listing(ops, monkeypatch):
    """Products by their tiles and by the sums of their parts, each with what it costs."""
    monkeypatch.setattr(test_program, "ops", ops)
    held, again = drawn(ops), drawn(ops)
    recorded = test_program.Recorded(lambda: products(ops, held, 4, 1), held, with_parts)
    assert test_program.faults(recorded) == []
    program = recorded.program
    lines = str(program).splitlines()
    patterns = [
        r"0  gather_rows +0 +3.2k  data\.x 11×100, data\.orders 22 → @\d+ 2×100  \[start\]$",
        r"1  gemm ab +800 +3.42k  @\d+ 2×100, D\.0\.weight 100×2 → @\d+ 7×2×2$",
        r"2  combine tanh +28 +272  @\d+ 7×2×2, D\.0\.bias 2 → @\d+ 2×2$",
        r"3  columns +0 +1.65k  @\d+ 2×100 → @\d+ 2×3$",
        r"4  gemm ab relu +24 +144  @\d+ 2×3, D(\.0\.weight)? 3×2, D\.0\.bias 2 → @\d+ 2×2$",
        r"5  activation_grad_bias tanh +12 +112  .* → @\d+ 2×2, grad D\.0\.bias 2$",
        r"6  gemm aᵀb \+= +800 +3.23k  @\d+ 2×100, @\d+ 2×2 → grad D\.0\.weight 100×2$",
        r"7  adam +3.07k +8.19k  grad D 256 → D 256, m D 256, v D 256  \[rate, t\]$",
    ]
    for line, pattern in zip(lines[1:-1], patterns, strict=True):
        assert re.search(pattern, line), line
    assert lines[-1].startswith("8 operations, 4.74k FLOPs")
    assert [(v.name, v.row, v.value) for v in program.varying] == [
        ("start", 0, 4), ("rate", 7, 0.1), ("t", 7, 1),
    ]  # fmt: skip

    ops.replay(program, 1).run(1, [np.array([v]) for v in (6, 0.1, 2)])
    products(ops, again, 4, 1)
    (y,) = products(ops, again, 6, 2)
    held["y"], again["y"] = program.kept[0], y
    assert all(test_program.bits(held[name]) == test_program.bits(again[name]) for name in again)


def test_cells_of_adam_are_the_same_for_one_step_and_for_many(ops):
    """To the bit, at t = 2 too, where a power by itself is a square."""
    held = {name: ops.zeros((1,), np.float64) for name in ("p", "g", "m", "v")}
    for beta in np.random.default_rng(0).random(200).tolist():
        recorder = Recorder(held)
        with ops.recording(recorder):
            ops.adam_(held["p"], held["g"], held["m"], held["v"], 0.1, 2, beta, beta, 1e-8)
        (launch,) = recorder.rows
        now = ops.to_numpy(launch.cells.array)
        many = np.array(launch.cells.of(np.full(9, 0.1), np.arange(1, 10)))
        assert now.tobytes() == many[:, 1].tobytes()


# -- a graph, as far as it can be had without a GPU -----------------------------------------------


class Builder:
    """Stands for cuda-core's: what is launched into it is noted, not run."""

    def __init__(self, calls):
        self.calls, self.noted = calls, []

    def begin_building(self):
        self.calls.append("begin")
        return self

    def end_building(self):
        self.calls.append("end")
        return self

    def complete(self):
        self.calls.append("complete")
        return self

    def close(self):
        self.calls.append("close")

    def launch(self, stream):
        self.calls.append(f"launch into {stream}")
        for launch in self.noted:
            launch.run()


@pytest.fixture
def core(monkeypatch):
    """Something like cuda-core where the package is looked for, and what was called of it."""
    calls = []
    device = SimpleNamespace(
        set_current=lambda: calls.append("set_current"),
        create_graph_builder=lambda: Builder(calls),
    )
    stream = SimpleNamespace(from_handle=lambda handle: f"stream {handle}")
    package = SimpleNamespace(Device=lambda: device, Stream=stream)
    monkeypatch.setitem(sys.modules, "cuda.core", package)
    monkeypatch.setattr(replay, "SIMULATED", False)
    replay._tell.cache_clear()
    original = replay.Launch.run

    def run(launch, stream=0):
        if isinstance(stream, Builder):
            stream.noted.append(launch)
        else:
            original(launch, stream)

    monkeypatch.setattr(replay.Launch, "run", run)
    return calls


def test_a_step_is_captured_once_and_launched_as_a_graph(ops, core):
    a, b = game().make(ops), plain(game().make(ops))
    a.train(2)
    noted = [launch.name for launch in a.recorder._latest.replay.graph.func.__self__.noted]
    assert noted == ["advance", *(row.name for row in a.recorder.program.rows)]
    a.train(2)
    b.train(4)
    assert core == [
        "set_current", "begin", "end", "complete", "close", *["launch into stream 0"] * 3,
    ]  # fmt: skip
    assert differences(a, b) == []


@pytest.mark.parametrize("missing", ["the package", "Numba's part"])
def test_without_a_graph_launches_are_made_one_by_one(ops, core, monkeypatch, missing):
    """What is missing is told, once, however many trainers there are."""
    if missing == "the package":
        monkeypatch.setitem(sys.modules, "cuda.core", None)
        said = "ModuleNotFoundError: .*cuda.core"
    else:  # an older one does not take a graph's builder as a stream
        run = replay.Launch.run

        def refuse(launch, stream=0):
            if stream != 0:
                raise TypeError("expected a Stream object")
            run(launch)

        monkeypatch.setattr(replay.Launch, "run", refuse)
        said = "TypeError: expected a Stream object"
    trainers = [game().make(ops) for _ in range(2)]
    with pytest.warns(RuntimeWarning, match=f"kernel by kernel, .*: {said}") as heard:
        [t.train(3) for t in trainers]
    assert len([w for w in heard if "kernel by kernel" in str(w.message)]) == 1
    assert core == ([] if missing == "the package" else ["set_current", "begin", "close"] * 2)
    b = plain(game().make(ops))
    b.train(3)
    for t in trainers:
        assert replays(t)
        assert t.recorder._latest.replay.graph is None
        assert differences(t, b) == []
