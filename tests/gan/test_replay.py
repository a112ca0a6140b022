"""A replayed training has the bits of one that runs step by step, whatever happens between."""

import dataclasses
import re
import threading
import time

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import scratchgan as sg
from scratchgan.backends import Stream, get_backend
from scratchgan.data import load
from scratchgan.data.dataset import Dataset
from scratchgan.errors import NonFiniteError
from scratchgan.games import NonSaturating, get_game
from scratchgan.gan import Noise
from scratchgan.gan.minibatches import Minibatches
from scratchgan.nn import Dropout, Layer, Linear, Sequential, Tanh
from scratchgan.optim import SGD, Adam, LinearRamp, Optimizer
from scratchgan.recipes import get_recipe, recipe_names
from scratchgan.runs import Config
from scratchgan.runs.build import build_trainer, describe_data
from scratchgan.testing import OpaqueBackend
from tests.gan import games as small
from tests.gan.replays import (
    KEEPS,
    Game,
    child,
    differences,
    error_of,
    games,
    plain,
    recordable,
    replays,
)

pytestmark = pytest.mark.filterwarnings("ignore:the training is run step by step")


def game(G=None, D=None, **options):
    """A game whose middle layers a test may choose; 23 examples, 4 minibatches of 5 an epoch."""
    G = Linear(6, 6, "tanh") if G is None else G
    D = Linear(6, 6, "leaky_relu", slope=0.2) if D is None else D
    return Game(
        G=Sequential(Linear(2, 6), G, Dropout(0.9), Linear(6, 3, "sigmoid")),
        D=Sequential(Linear(3, 6), D, Dropout(0.8), Linear(6, 1)),
        dtype=np.float64, noise=Noise(2), features=3, classes=0, examples=23,
        settings={
            "batch_size": 5, "log_every": 4, "optimizer_g": Adam(1e-2), "optimizer_d": Adam(1e-2),
            "ema": 0.9, **options,
        },
    )  # fmt: skip


def both(described):
    return described.make(), plain(described.make())


# -- the same bits ------------------------------------------------------------------------------


@given(games(), st.lists(st.integers(1, 9), min_size=1, max_size=3))
@pytest.mark.slow
def test_replayed_is_step_by_step(described, pieces):
    """Over networks, objectives, optimisers and data of all kinds; ``train`` in pieces."""

    def drive(trainer):
        for piece in [3, *pieces]:
            trainer.train(piece)

    a, b = both(described)
    assert error_of(a, drive) == error_of(b, drive)
    assert differences(a, b) == []
    if recordable(a):
        assert a.recorder.refusal is None
        assert replays(a) or a.iteration < 3  # no longer finite, before there was a replay


@pytest.mark.parametrize(
    ("name", "conditional"),
    [(name, get_recipe(name).settings.conditional) for name in recipe_names()]
    + [("digits", True), ("mnist", True)],
)
@pytest.mark.slow
def test_every_recipe(name, conditional):
    config = Config.from_recipe(name, {"log_every": 2, "validation": 0, "measure": None})
    data = _data(config.data)
    config = dataclasses.replace(config, backend="cpu", conditional=conditional)
    config = describe_data(config, data)
    a, b = build_trainer(config, data), plain(build_trainer(config, data))
    a.train(6)
    b.train(6)
    assert replays(a)
    assert differences(a, b) == []


def _data(name):
    if name != "mnist":
        return load(name)
    rng = np.random.default_rng(0)  # images of the right shape; the files need a download
    return Dataset(
        name="mnist", x=rng.random((250, 784), np.float32), labels=rng.integers(0, 10, 250),
        label_names=tuple("0123456789"), image_shape=(28, 28), value_range=(0.0, 1.0),
        source="drawn by a test", licence="none needed",
    )  # fmt: skip


@pytest.mark.slow
def test_any_number_of_threads():
    """Changed in the middle, too. Small steps are kept on one thread, so that is forced here."""
    said = child(
        """
import numba, numpy as np
from tests.gan.replays import Game, differences, plain, replays
from scratchgan.gan import Noise
from scratchgan.nn import Concat, Dropout, Linear, Maxout, Sequential
from scratchgan.optim import SGD, Adam


def net(width, out):
    return Sequential(
        Concat(Linear(width, 70, "relu"), Linear(3, 7)), Dropout(0.5), Linear(77, 260),
        Maxout(130, 2), Linear(130, out))

for dtype in (np.float32, np.float64):
    game = Game(net(5, 9), net(9, 1), dtype, Noise(5), 9, 3, 700, dict(
        batch_size=128, k=2, optimizer_g=Adam(1e-3), optimizer_d=SGD(0.01, 0.5), ema=0.9,
        log_every=5))
    numba.set_num_threads(1)
    expected = plain(game.make())
    expected.train(16)
    own, forced = game.make(), game.make()
    for threads in (1, 3, 2, 1):
        numba.set_num_threads(threads)
        own.train(4)
        forced.train(2)
        forced.recorder._latest.replay._threads = None  # as many as Numba is set to use
        forced.train(2)
    for trainer in (own, forced):
        assert replays(trainer), trainer.recorder.refusal
        print(differences(trainer, expected))
""",
        threads=3,
    )
    assert said.split() == ["[]"] * 4


# -- mixed with everything else -----------------------------------------------------------------

COMMANDS = st.one_of(
    st.tuples(st.just("train"), st.integers(1, 7)),
    st.tuples(st.just("train"), st.integers(1, 7)),
    st.sampled_from([("step",), ("step_d",), ("step_g",), ("resume",), ("look",)]),
    st.tuples(st.just("call_every"), st.integers(1, 5)),
    st.tuples(st.just("k"), st.integers(1, 3)),
    st.tuples(
        st.just("objective"),
        st.one_of(
            st.sampled_from(["minimax", "non_saturating"]),
            st.integers(1, 12).map(lambda start: {0: "minimax", start: "non_saturating"}),
        ),
    ),
    st.tuples(st.just("rate"), st.sampled_from([1e-3, LinearRamp(0.02, 0.0, 20)])),
    st.tuples(st.just("keep"), KEEPS),
    st.tuples(st.just("ema"), st.sampled_from([0.5, 0.99])),
    st.tuples(st.just("log_every"), st.integers(1, 6)),
)
CHANGES = ("k", "objective", "rate", "keep", "ema", "log_every")


def change(trainer, name, value):
    if name == "keep":
        trainer.D.network.layer.layers[2].keep = value
    elif name == "rate":
        trainer.change(optimizer_d={"rate": value})
    else:
        trainer.change(**{name: value})


def carried_out(trainer, described, commands, finish):
    """Drive a trainer by commands; ``finish`` makes a fresh trainer what this one is."""
    seen, done = [], []
    for name, *arguments in commands:
        if name in CHANGES:
            change(trainer, name, *arguments)
        elif name == "call_every":
            trainer.call_every(*arguments, lambda t: seen.append((t.iteration, t.record())))
        elif name == "look":
            seen.append((trainer.state(), trainer.samples(3).tobytes()))
        elif name == "resume":
            fresh = finish(described.make())
            for made in done:
                if made[0] in CHANGES:
                    change(fresh, *made)
            fresh.callbacks = trainer.callbacks
            fresh.restore(*trainer.snapshot())
            fresh.history = list(trainer.history)
            trainer = fresh
        else:
            getattr(trainer, name)(*arguments)
        done.append((name, *arguments))
        seen.append(trainer.counters())
    return trainer, seen


@given(st.lists(COMMANDS, min_size=1, max_size=10), st.integers(1, 3))
@settings(max_examples=40)
@pytest.mark.slow
def test_mixed_with_steps_looks_changes_and_resuming(commands, k):
    described = game(k=k, log_every=3)
    # The last change of the objective is at iteration 12: three later, its game is replayed.
    commands = [("train", 3), *commands, ("train", 12)]
    a, seen = carried_out(described.make(), described, commands, lambda t: t)
    b, expected = carried_out(plain(described.make()), described, commands, plain)
    assert repr(seen) == repr(expected)
    assert differences(a, b) == []
    assert replays(a)


@pytest.mark.parametrize("way", ["stop", "until"])
def test_stop_and_until_end_at_a_whole_iteration(way):
    a, b = both(game(log_every=1000))
    a.call_every(7, lambda t: t.stop() if way == "stop" and t.iteration == 21 else None)
    a.train(10**9, until=lambda: way == "until" and a.iteration >= 20)
    assert replays(a)
    assert 20 <= a.iteration <= 27
    b.train(a.iteration)
    assert differences(a, b) == []


class Scaled(Layer):
    """x times a number that its repr does not show."""

    def __init__(self, factor=0.5):
        self.factor = factor

    def __repr__(self):
        return "Scaled()"

    def forward(self, params, x, ctx):
        return ctx.ops.scale(x, self.factor), None

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return ctx.ops.scale(dy, self.factor) if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        return ctx.ops.scale(dx, self.factor)


class Weighted(NonSaturating):
    """G's loss times a weight that may be changed."""

    name = "weighted"

    def __init__(self, weight=1.0):
        self.weight = weight

    def g(self, fake, real=None, ops=None):
        loss, d_fake, _ = super().g(fake, real, ops)
        return ops.scale(loss, self.weight), ops.scale(d_fake, self.weight), None


class Plain(Optimizer):
    """θ ← θ − weight · rate · g, in words of the vocabulary; no dataclass."""

    name = "plain"
    slots = ()

    def __init__(self, rate=0.01, weight=1.0):
        self.rate = rate
        self.weight = weight

    def _apply(self, ops, params, grads, slots, t, rate):
        ops.copy_(params, ops.add(params, ops.scale(grads, -rate * self.weight)))


def _fresh_slots(t):
    t.D.slots = tuple(t.D.network.new_buffer()[0] for _ in t.D.slots)


def _another_data_set(t):
    x = np.random.default_rng(9).random((31, 3))
    t.data = Minibatches(t.ops, x, 5, seed=1, dtype=np.float64)


def _another_average(t):
    t.G.average_flat, t.G.average = t.G.network.new_buffer()


SETTINGS = {
    "k": (game(), lambda t: setattr(t, "k", 2)),
    "updates": (game(), lambda t: setattr(t, "updates", "simultaneous")),
    "seed": (game(), lambda t: setattr(t, "seed", 77)),
    "noise": (game(), lambda t: setattr(t, "noise", Noise(2, "uniform"))),
    "objective": (game(), lambda t: setattr(t, "objective", get_game("minimax"))),
    "optimizer": (game(), lambda t: setattr(t.G, "optimizer", Adam(1e-2, beta2=0.9))),
    "ema": (game(), lambda t: setattr(t.G, "ema", 0.5)),
    "keep": (game(), lambda t: setattr(t.D.network.layer.layers[2], "keep", 0.3)),
    "slope": (game(), lambda t: setattr(t.D.network.layer.layers[1], "slope", 0.6)),
    "data": (game(), _another_data_set),
    "the data's array": (game(), lambda t: setattr(t.data, "_x", t.data._x[::-1].copy())),
    "slots": (game(), _fresh_slots),
    "average": (game(), _another_average),
    "a user's layer": (
        game(G=Scaled()),
        lambda t: setattr(t.G.network.layer.layers[1], "factor", 0.8),
    ),
    "a user's objective": (
        game(objective=Weighted()),
        lambda t: setattr(t, "objective", Weighted(3.0)),
    ),
    "a user's objective's weight": (
        game(),
        # The objective is one object for both trainers, so it is made in the first change.
        lambda t: (
            setattr(t, "objective", Weighted(1.0))
            if t.iteration < 6
            else setattr(t.objective, "weight", 3.0)
        ),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_changed_setting_is_honoured(name):
    described, changed = SETTINGS[name]
    a, b, unchanged = described.make(), plain(described.make()), plain(described.make())
    for t in (a, b, unchanged):
        if "'s " in name and "weight" in name:
            changed(t)
        t.train(6)
        if t is a:
            assert replays(t), t.recorder.refusal
        if t is not unchanged:
            changed(t)
        t.train(6)
    assert differences(b, unchanged) != []  # the change is one
    assert differences(a, b) == []
    assert replays(a)


# -- what a user's code reads -------------------------------------------------------------------

FACTORS = [0.5]


class Reads0d(Scaled):
    def __init__(self):
        self.factor = np.array(0.5)


class Slotted:
    __slots__ = ("factor",)


class ReadsSlot(Scaled):
    def __init__(self):
        self.held = Slotted()
        self.held.factor = 0.5

    factor = property(lambda self: self.held.factor)


class ReadsGlobal(Scaled):
    def __init__(self):
        pass

    factor = property(lambda self: FACTORS[0])


class OfTheClass(Scaled):
    factor = 0.5

    def __init__(self):
        pass


class ReadsClosure(Scaled):
    def __init__(self):
        factor = 0.5

        def read(new=None):
            nonlocal factor
            factor = new or factor
            return factor

        self.read = read

    factor = property(lambda self: self.read())


class ByIteration(Scaled):
    def forward(self, params, x, ctx):
        return ctx.ops.scale(x, 0.5 if ctx.stream.step < 7 else 0.8), None


class EachSixteenth(Scaled):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, params, x, ctx):
        self.calls += 1
        return ctx.ops.scale(x, 0.5 if self.calls % 32 else 0.8), None


class RateOfGlobal:
    def __call__(self, t):
        return 0.02 * FACTORS[0]


def with_rate(rate):
    optimizer = Adam(0.01)
    object.__setattr__(optimizer, "rate", rate)  # Adam itself asks for one it knows
    return optimizer


def middle(t):
    return t.G.network.layer.layers[1]


TRICKS = {
    "an array of no dimensions": (
        lambda: game(G=Reads0d()), lambda t: middle(t).factor.fill(0.8),
    ),
    "a slot": (lambda: game(G=ReadsSlot()), lambda t: setattr(middle(t).held, "factor", 0.8)),
    "a global": (lambda: game(G=ReadsGlobal()), lambda t: FACTORS.__setitem__(0, 0.8)),
    "an attribute of the class": (
        lambda: game(G=OfTheClass()), lambda t: setattr(OfTheClass, "factor", 0.8),
    ),
    "a closure": (lambda: game(G=ReadsClosure()), lambda t: middle(t).read(0.8)),
    "a schedule's global": (
        lambda: game(optimizer_g=with_rate(RateOfGlobal())), lambda t: FACTORS.__setitem__(0, 0.8),
    ),
    "a weight of the objective": (
        lambda: game(objective=Weighted(0.5)), lambda t: setattr(t.objective, "weight", 0.8),
    ),
    "the batch size": (game, lambda t: setattr(t.data, "batch_size", 3)),
    "the iteration": (lambda: game(G=ByIteration()), None),
    "a counter": (lambda: game(G=EachSixteenth()), None),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_what_a_users_code_reads_is_noticed_at_once(name):
    """It is recorded anew, or run step by step: no iteration has other bits."""
    make, changed = TRICKS[name]
    trainers = []
    for run in (lambda t: t, plain):
        FACTORS[0] = OfTheClass.factor = 0.5
        t = run(make().make())
        t.train(6)
        before = t.arrays()
        if changed is not None:
            changed(t)
        t.train(30)
        assert not np.array_equal(before["G.params"], t.arrays()["G.params"])
        trainers.append(t)
    FACTORS[0] = OfTheClass.factor = 0.5
    assert differences(*trainers) == []
    assert replays(trainers[0]) == (changed is not None)


def test_who_reads_the_iteration_is_named():
    t = game(D=ByIteration()).make()
    t.train(3)
    assert t.recorder.refusal.startswith(
        "D's ByIteration in discriminator_step reads the number of the iteration"
    )
    assert t.recorder.stream is Stream  # nobody is watched any more


def test_what_is_replayed_lives_on_in_another_thread():
    """Two threads drive, a third looks: the bits are those of the steps alone."""
    a, b = both(game(log_every=10))
    drivers = [threading.Thread(target=a.train, args=(150,)) for _ in range(2)]
    for thread in drivers:
        thread.start()
    while any(thread.is_alive() for thread in drivers):
        a.state()
        a.samples(2)
    b.train(300)
    assert differences(a, b) == []


# -- what cannot be recorded --------------------------------------------------------------------


class UsesNumpy(Tanh):
    def forward(self, params, x, ctx):
        return super().forward(params, x * 2.0, ctx)


class InPlace(Tanh):
    def forward(self, params, x, ctx):
        y, cache = super().forward(params, x, ctx)
        y *= 0.9
        return y, cache


class Reads(Tanh):
    def forward(self, params, x, ctx):
        factor = 1.0 + float(np.tanh(ctx.ops.to_numpy(x).mean()))
        return super().forward(params, ctx.ops.scale(x, factor), ctx)


class Draws(Tanh):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def forward(self, params, x, ctx):
        return super().forward(params, ctx.ops.scale(x, self.rng.random()), ctx)


class Counts(Tanh):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, params, x, ctx):
        self.calls += 1
        return super().forward(params, ctx.ops.scale(x, 1 + self.calls / 10), ctx)


class CountsAndReads(Counts):
    """The reading comes late in the step, when the state has changed."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        assert ctx.ops.to_numpy(dy).shape == dy.shape
        return super().backward(params, cache, dy, ctx, grads, need_dx)


class Collects(Layer):
    """A running mean in an array of its own, which the vocabulary updates."""

    def __init__(self):
        self.mean = np.zeros((5, 6))

    def forward(self, params, x, ctx):
        if ctx.training:
            ctx.ops.ema_(self.mean, x, 0.9)
        return ctx.ops.add(x, self.mean) if x.shape == (5, 6) else x, None

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return dy

    def jvp(self, params, cache, dx, ctx):
        return dx


class OperatorObjective(NonSaturating):
    name = "operators"

    def g(self, fake, real=None, ops=None):
        loss, d_fake, _ = super().g(fake, real, ops)
        return loss * 2, d_fake * 2, None


class NumpyValueObjective(NonSaturating):
    """Its gradients are the vocabulary's; the value that is only looked at is not."""

    name = "numpy value"

    def g(self, fake, real=None, ops=None):
        loss, d_fake, _ = super().g(fake, real, ops)
        return loss + 1.0, d_fake, None


class NoMomentum(Optimizer):
    """SGD whose momentum is not a setting, so no attribute tells what it is."""

    name = "no momentum"
    slots = ("velocity",)

    def __init__(self, rate=0.01):
        self.rate = rate

    def _apply(self, ops, params, grads, slots, t, rate):
        ops.sgd_(params, grads, slots[0], rate=rate, momentum=0.5, nesterov=False)


class NoRate(NoMomentum):
    """Its rate is a method, not an attribute."""

    def __init__(self):
        self.momentum = 0.5

    def rate_at(self, t):
        return 0.1 / (t + 1)


class Warm(Plain):
    """A rate that rises, as a factor of ``scale``: no cell that is known to change."""

    def rate_at(self, t):
        return 1e-3 * (t + 1)


class WarmRate(SGD):
    """A rate that rises, given as ``rate``, but other than the attribute says."""

    def _apply(self, ops, params, grads, slots, t, rate):
        super()._apply(ops, params, grads, slots, t, rate * (t + 1))


class Twice(SGD):
    def _apply(self, ops, params, grads, slots, t, rate):
        super()._apply(ops, params, grads, slots, t, rate)
        super()._apply(ops, params, grads, slots, t, rate)


OUTSIDE = "outside the vocabulary"
OTHER_BITS = "the same iteration run directly have different bits"

ITSELF = "changes while an iteration is made"
OWN_OPTIMIZER = "is not an optimiser of scratchgan"  # it may look at t, or at values, later on

REFUSED = {
    "numpy layer": (lambda: game(G=UsesNumpy()), rf"activation .* \(5, 6\) .*{OUTSIDE}"),
    "in-place layer": (lambda: game(G=InPlace()), OTHER_BITS),
    "reading layer": (
        lambda: game(D=Reads()),
        r"the host reads values of an array inside a step \(to_numpy\)",
    ),
    "drawing layer": (lambda: game(G=Draws()), rf"G's layer\.layers\[1\]\.rng.* {ITSELF}"),
    "counting layer": (lambda: game(G=Counts()), rf"G's layer\.layers\[1\]\.calls {ITSELF}"),
    "counting and reading layer": (lambda: game(D=CountsAndReads()), "to_numpy"),
    "collecting layer": (lambda: game(G=Collects()), r"ema .* \(5, 6\)"),
    "objective": (lambda: game(objective=OperatorObjective()), rf"\(5, 1\) .*{OUTSIDE}"),
    "objective's value": (lambda: game(objective=NumpyValueObjective()), rf"\(1,\) .*{OUTSIDE}"),
    "schedule in scale": (lambda: game(optimizer_g=Warm()), OWN_OPTIMIZER),
    "schedule in rate": (lambda: game(optimizer_g=WarmRate(0.01)), OWN_OPTIMIZER),
    "two updates": (lambda: game(optimizer_d=Twice(LinearRamp(0.1, 0.0, 9))), OWN_OPTIMIZER),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_runs_step_by_step(name):
    """From the first iteration on: what a layer keeps of its own changes once an iteration."""
    make, message = REFUSED[name]
    a, b = make().make(), plain(make().make())
    a.train(30)
    b.train(30)
    assert a.recorder.program is None
    assert a.recorder.refusal is not None
    assert differences(a, b) == []
    assert re.search(message, a.recorder.refusal), a.recorder.refusal


@pytest.mark.parametrize("optimizer", [NoMomentum(), NoRate()])
def test_an_optimizer_of_ones_own(optimizer):
    """It has what ``Optimizer`` asks for and no more; recorded or not, it trains."""
    a, b = both(game(optimizer_d=optimizer))
    a.D.optimizer.rate_at(0)
    for t in (a, b):
        t.train(10)
    assert differences(a, b) == []


@pytest.mark.parametrize("name", ["reference", "opaque"])
def test_other_backends_do_not_record(name):
    ops = get_backend("reference") if name == "reference" else OpaqueBackend(get_backend("cpu"))
    a = game().make(ops)
    a.train(3)
    assert a.recorder.refusal == f"the backend '{name}' does not record"
    assert a.iteration == 3


def test_a_refusal_ends_when_the_setting_does():
    a, b = both(game(objective=OperatorObjective()))
    for t in (a, b):
        t.train(4)
        t.objective = get_game("minimax")
        t.train(4)
    assert a.recorder.refusal is None
    assert replays(a)
    assert differences(a, b) == []


@pytest.mark.parametrize("batch_size", [7, 20])
def test_more_minibatches_than_an_epoch_has(batch_size):
    """k = 4 with one or three an epoch: an iteration may need three epochs; two are in memory."""
    a, b = both(game(k=4, batch_size=batch_size))
    a.train(12)
    b.train(12)
    assert differences(a, b) == []
    assert a.recorder.refusal == "an iteration takes more minibatches than an epoch has"


# -- what changes later -------------------------------------------------------------------------


class ClipsNorm(SGD):
    """Gradients are scaled back by NumPy where they are long: not in the first iterations."""

    def _apply(self, ops, params, grads, slots, t, rate):
        norm = float(np.sqrt((grads * grads).sum()))
        if norm > 1e6 or t >= 12:  # stands for a norm that has grown by then
            grads *= 0.5
        super()._apply(ops, params, grads, slots, t, rate)


class LateDrop(Plain):
    """A schedule in stages, as a factor of ``scale``: for a while it looks constant."""

    def rate_at(self, t):
        return 0.01 if t < 12 else 0.001


LATE = {
    "gradients clipped": lambda: game(optimizer_d=ClipsNorm(0.01)),
    "rate in stages": lambda: game(optimizer_g=LateDrop(), ema=None),
}


@pytest.mark.parametrize("name", LATE)
def test_what_begins_to_matter_later(name):
    """Neither the recorded iteration nor the one at which the replay is checked shows it."""
    a, b = both(LATE[name]())
    a.train(40)
    b.train(40)
    assert differences(a, b) == []


# -- a user's own, recorded ---------------------------------------------------------------------


class Gated(Layer):
    """y = (x + shift) ⊙ σ(x), with a parameter, a random mask, and operations alone."""

    random_operations = 1

    def init(self, rng, dtype):
        return {"shift": rng.normal(size=6).astype(dtype)}

    def forward(self, params, x, ctx):
        gate = ctx.ops.activation(x, "sigmoid")
        shifted = ctx.ops.add_row(x, params["shift"])
        y = ctx.ops.multiply(shifted, gate)
        return (ctx.ops.dropout(y, 0.7, ctx.stream) if ctx.training else y), (shifted, gate)

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        shifted, gate = cache
        if ctx.training:
            dy = ctx.ops.dropout(dy, 0.7, ctx.stream)
        through = ctx.ops.multiply(dy, gate)
        if grads is not None:
            ctx.ops.sum_rows(through, out=grads["shift"], accumulate=True)
        slope = ctx.ops.activation_grad(ctx.ops.multiply(dy, shifted), gate, "sigmoid")
        return ctx.ops.add(through, slope) if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        raise NotImplementedError


class LeastSquares(sg.Game):
    """V = −(1/2m) Σ (D(x) − 1)² − (1/2m) Σ D(G(z))², on the logits themselves."""

    name = "least squares"

    def d(self, real, fake, ops=None):
        ones = ops.empty(real.shape, real.dtype)
        ops.fill_(ones, -1.0)
        off = ops.add(real, ones)
        m = real.shape[0]
        squares = ops.add(ops.multiply(off, off), ops.multiply(fake, fake))
        value = ops.scale(ops.sum_rows(squares), -0.5 / m)
        return value, ops.scale(off, -1 / m), ops.scale(fake, -1 / m)

    def g(self, fake, real=None, ops=None):
        ones = ops.empty(fake.shape, fake.dtype)
        ops.fill_(ones, -1.0)
        off = ops.add(fake, ones)
        m = fake.shape[0]
        value = ops.scale(ops.sum_rows(ops.multiply(off, off)), 0.5 / m)
        return value, ops.scale(off, 1 / m), None


class OwnRamp:
    """A schedule of one's own."""

    def __call__(self, t):
        return 0.02 / (1 + t % 7)


@pytest.mark.parametrize(
    "described",
    [
        game(G=Gated(), D=Gated(), k=2),
        game(objective=LeastSquares()),
        game(optimizer_g=Adam(0.01)),
    ],
    ids=["layer", "objective", "none"],
)
def test_a_users_own_of_the_vocabulary_is_recorded(described):
    a, b = both(described)
    a.train(25)
    b.train(25)
    assert a.recorder.refusal is None
    assert replays(a)
    assert differences(a, b) == []


def test_a_schedule_of_ones_own():
    optimizer = Adam(0.01)
    object.__setattr__(optimizer, "rate", OwnRamp())  # Adam itself asks for one it knows
    a, b = both(game(optimizer_g=optimizer))
    a.train(25)
    b.train(25)
    assert replays(a)
    assert differences(a, b) == []


# -- interrupted --------------------------------------------------------------------------------


class Breaks(Tanh):
    """Tells a function of each pass in training, which may raise; nothing of its own changes."""

    def __init__(self, tell):
        super().__init__()
        self.tell = tell

    def forward(self, params, x, ctx):
        if ctx.training:
            self.tell()
        return super().forward(params, x, ctx)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a user's own")])
@pytest.mark.parametrize("at", range(1, 8))
def test_an_error_in_a_recorded_step(at, error):
    """
    D passes three times an iteration: 1 to 3 is the recording, 4 to 6 the check of the replay.

    What is raised comes out as it is, and the training then goes on to the same bits. (At 7
    nothing is raised: the passes are replayed.)
    """
    passes = iter(range(1, 10**6))  # its state is not seen: what counts is a training that goes on

    def tell():
        if next(passes) == at and at < 7:
            raise error

    a = game(D=Breaks(tell), log_every=1000).make()
    b = plain(game(D=Breaks(lambda: None), log_every=1000).make())
    if at < 7:
        with pytest.raises(type(error)) as caught:
            a.train(12)
        assert caught.value is error
    a.train(12 - a.iteration)
    b.train(12)
    assert replays(a)
    assert differences(a, b) == []


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("log_every", [1, 2, 5])
def test_nan_is_noticed_at_the_same_iteration(log_every, at):
    def spoil(t):
        if t.iteration == at:
            t.G.network.flat[:] = np.nan

    a, b = both(game(log_every=log_every))
    for t in (a, b):
        t.call_every(1, spoil)
        with pytest.raises(NonFiniteError) as caught:
            t.train(20)
        t.said = str(caught.value)
    assert a.said == b.said
    assert a.counters() == b.counters()
    assert all(x.tobytes() == y.tobytes() for x, y in zip(*map(_bare, (a, b)), strict=True))


def _bare(t):
    return t.arrays().values()


def test_a_game_that_diverges_is_noticed_at_the_same_iteration():
    a, b = both(game(optimizer_g=SGD(1e9), optimizer_d=SGD(1e9), log_every=8, ema=None))
    said = [error_of(t, lambda t: t.train(100)) for t in (a, b)]
    assert said[0] == said[1]
    assert "no longer finite" in said[0]
    assert a.counters() == b.counters()


def test_the_last_iteration_that_a_stream_can_number():
    """Streams have 32 bits for the iteration: beyond them the noise would come again."""
    results = []
    for t in both(game(log_every=1000)):
        t.restore(t.arrays(), {**t.counters(), "iteration": 2**32 - 6})
        with pytest.raises(ValueError, match="step is 4294967296"):
            t.train(20)
        results.append([t.iteration, *(a.tobytes() for a in _bare(t))])
    assert results[0] == results[1]


@pytest.mark.slow
def test_ctrl_c_leaves_a_whole_iteration():
    """SIGINT comes while a compiled call runs; it ends the training, and the books are right."""
    said = child(
        """
import os, signal, threading
from tests.gan.replays import differences, replays
from tests.gan.test_replay import toy

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
t, plain = [toy().make(log_every=10**6) for _ in range(2)]
t.train(10)
for wait in (0.05, 0.06, 0.11, 0.13, 0.17):
    timer = threading.Timer(wait, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()  # on a busy machine it may have rung before the training goes on
        t.train(10**9)
    except KeyboardInterrupt:
        pass  # long before the end: its process has some minutes
    timer.join()
    assert t.iteration < 10**9
    assert replays(t)
    plain.train(t.iteration - plain.iteration)
    print(differences(t, plain))
"""
    )
    assert said.splitlines() == ["[]"] * 5


def test_stop_and_looks_from_another_thread_are_heard():
    t = small.trainer(log_every=10**6)
    driver = threading.Thread(target=t.train, args=(10**9,))
    driver.start()
    try:
        while t.iteration == 0:
            time.sleep(0.001)
        for _ in range(10):
            time.sleep(0.02)
            state = t.state()  # it waits for an iteration's end, not for that of 10⁹
            assert driver.is_alive()
        assert state["updates_d"] == state["step"] > 0
    finally:
        t.stop()
        driver.join(600)
    assert not driver.is_alive()
    assert t.iteration < 10**9
    b = small.trainer(log_every=10**6)
    b.train(t.iteration)
    assert differences(t, b) == []


def test_a_call_is_as_long_as_a_look_may_wait():
    """By the time that the last one took: up to 50 ms."""
    t = game(log_every=10**6).make()
    t.train(3)
    t.recorder._latest.seconds = 0.011
    assert t.recorder.iterate(10**6) == 4
    t.recorder._latest.seconds = 1.0
    assert t.recorder.iterate(10**6) == 1


# -- memory and time ----------------------------------------------------------------------------


def toy():
    """The game that the benchmark calls toy: widths of 32, batches of 128, k = 1."""
    return Game(
        G=Sequential(Linear(8, 32, "relu"), Linear(32, 32, "relu"), Linear(32, 1)),
        D=Sequential(Linear(1, 32, "leaky_relu"), Linear(32, 32, "leaky_relu"), Linear(32, 1)),
        dtype=np.float32, noise=Noise(8), features=1, classes=0, examples=10_000,
        settings={
            "batch_size": 128, "log_every": 100, "ema": 0.99,
            "optimizer_g": Adam(2e-4, beta1=0.5), "optimizer_d": Adam(2e-4, beta1=0.5),
        },
    )  # fmt: skip


@pytest.mark.slow
def test_memory_stays_as_it_is():
    """RSS over 10,000 replayed steps of the toy game, in a process of its own."""
    said = child(
        """
import re
import sys
from tests.gan.test_replay import replays, toy

def kilobytes():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+) kB", status.read()).group(1))

t = toy().make()
t.train(300)
before = kilobytes()
for _ in range(10):
    t.train(1000)
assert replays(t)
print(kilobytes() - before)
"""
    )
    assert int(said) < 5 * 1024


def test_recording_takes_no_iteration_of_its_own():
    """The one that is recorded and the one that is checked are run once each, and count."""
    t = toy().make()
    runs, play = [], t.recorder._play
    t.recorder._play = lambda: runs.append(t.iteration) or play()
    t.train(10)
    assert runs == [0, 1]
    assert replays(t)


def test_who_is_not_replayed_is_told_so_once():
    t = game(D=CountsAndReads()).make()
    with pytest.warns(UserWarning, match="run step by step, not replayed: .*to_numpy") as heard:
        t.train(20)
    assert len(heard) == 1
