"""What no recorder sees is found out: replay and run are compared again, ever more rarely."""

import math

import numpy as np
import pytest

from scratchgan.errors import ReplayError
from scratchgan.games import NonSaturating
from scratchgan.gan import Noise
from scratchgan.gan import replay as recording
from scratchgan.gan.comparison import check_at
from scratchgan.nn import Dropout, Layer, Linear, Sequential
from scratchgan.optim import SGD, Adam
from tests.gan.replays import Game, differences, plain, replays

SEED = 559  # with it, the first two comparisons come soon
FIRST, SECOND = 2 + check_at(SEED, 0), 2 + check_at(SEED, 1)  # behind these iterations
MANY = 20_000  # elements of an array that is too large to be looked at


class Hidden(Layer):
    """x times a number, which is read where no fingerprint looks."""

    def __init__(self):
        self.table = np.ones(MANY)

    def factor(self, ctx):
        return self.table[0]

    def forward(self, params, x, ctx):
        factor = self.factor(ctx)
        return ctx.ops.scale(x, factor), factor

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return ctx.ops.scale(dy, cache) if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        return ctx.ops.scale(dx, cache)


class BesideThem(Hidden):
    """It changes, by NumPy, what an operation has written."""

    def forward(self, params, x, ctx):
        y = ctx.ops.scale(x, 1.0)
        if self.table[0] != 1:
            y *= self.table[0]
        return y, 1.0


class AnotherOperation(Hidden):
    def forward(self, params, x, ctx):
        if self.table[0] != 1:
            return ctx.ops.add(x, x), 2.0
        return super().forward(params, x, ctx)


class OneMore(Hidden):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if self.table[0] != 1:
            dy = ctx.ops.add(dy, dy)
        return super().backward(params, 1.0, dy, ctx, grads, need_dx)

    def factor(self, ctx):
        return 1.0


class EachSixteenth(Hidden):
    """By the iteration, which it takes from the stream without its name; others may not see it."""

    def factor(self, ctx):
        return 0.5 if ctx.stream[1] % 16 == 7 else 1.0


class InTheStepOfG(Hidden):
    """When D has been updated already."""

    def factor(self, ctx):
        return self.table[0] if ctx.stream.substep == 0xFFFF else 1.0


class Raises(Hidden):
    def factor(self, ctx):
        if self.table[0] != 1:
            raise OSError("a user's own")
        return 1.0


def game(G=None, D=None, **options):
    return Game(
        G=Sequential(Linear(2, 6, "tanh"), *([G] if G else []), Dropout(0.9), Linear(6, 3)),
        D=Sequential(Linear(3, 6, "tanh"), *([D] if D else []), Linear(6, 1)),
        dtype=np.float64, noise=Noise(2), features=3, classes=0, examples=23,
        settings={
            "batch_size": 5, "log_every": 50, "optimizer_g": Adam(1e-2), "optimizer_d": SGD(1e-2),
            "ema": 0.9, "seed": SEED, **options,
        },
    )  # fmt: skip


def change(trainer):
    """Change the number that is hidden, in both networks where they have one."""
    for player in (trainer.D, trainer.G):
        for layer in player.network.layer.layers:
            if isinstance(layer, Hidden):
                layer.table[0] = 0.5


# -- when -----------------------------------------------------------------------------------------


def test_ever_more_rarely():
    for seed in (0, 1, 2**64 - 1):
        ages = [check_at(seed, number) for number in range(300)]
        assert all(8 ** (n + 1) <= ages[n] < 8 ** (n + 2) for n in range(3))
        assert [age // 4096 for age in ages[3:]] == list(range(1, 298))
    assert [check_at(0, n) for n in range(9)] != [check_at(1, n) for n in range(9)]


@pytest.mark.parametrize("period", [2, 3, 10, 16, 48])
@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_no_habit_is_missed_for_ever(seed, period):
    """Whatever comes once in so many iterations, at whichever of them."""
    ages = np.array([check_at(seed, number) for number in range(12 * period)])
    assert len(set(ages % period)) == period
    assert math.gcd(*map(int, ages)) == 1


# -- nothing is changed by it ---------------------------------------------------------------------


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.slow
def test_a_comparison_leaves_the_bits_that_a_replay_leaves(updates, monkeypatch):
    described = game(G=Hidden(), D=Hidden(), updates=updates)
    compared = []
    original = recording.StepRecorder._compare

    def compare(recorder, latest):
        before = recorder._trainer.iteration
        original(recorder, latest)
        compared.append((before, recorder._trainer.iteration))
        assert replays(recorder._trainer)

    monkeypatch.setattr(recording.StepRecorder, "_compare", compare)
    a, b = described.make(), plain(described.make())
    for n in (FIRST, 1, 1, 80):  # before the first one, behind it, and on
        for t in (a, b):
            t.train(n)
        assert differences(a, b) == []
        assert np.array_equal(a.last[0].value, b.last[0].value)
    assert compared == [(FIRST, FIRST + 1), (SECOND, SECOND + 1)]
    assert (FIRST, SECOND) == (13, 69)


def test_it_comes_when_as_many_iterations_are_replayed_however_they_are_asked_for():
    described = game()
    at = []
    for pieces in ([60], [1] * 60, [7, 30, 1, 22]):
        t = described.make()
        seen = []
        t.recorder._compare = lambda latest, seen=seen, t=t, c=t.recorder._compare: (
            seen.append(t.iteration), c(latest)
        )  # fmt: skip
        for n in pieces:
            t.train(n)
        at.append(seen)
    assert at[0] == at[1] == at[2] == [FIRST]


def test_an_error_in_the_iteration_that_is_compared():
    """It comes out as it is, and the training goes on from before it."""
    described = game(D=Raises())
    a, b = described.make(), plain(described.make())
    a.train(6)
    change(a)
    with pytest.raises(OSError, match="a user's own"):
        a.train(60)
    assert a.iteration == FIRST
    a.D.network.layer.layers[1].table[0] = 1.0
    record = a.record()
    b.train(a.iteration)
    assert record == b.record()
    a.train(40 - a.iteration)
    b.train(40 - b.iteration)
    assert differences(a, b) == []
    assert replays(a)


# -- what is found --------------------------------------------------------------------------------

FOUND = {
    "a number": (Hidden, "the first row that differs is {r}, scale, for {who}'s Hidden in "),
    "NumPy beside the operations": (BesideThem, "the first row that differs is "),
    "another operation": (
        AnotherOperation, "row {r} is scale, but add is run, for {who}'s AnotherOperation in ",
    ),
    "one operation more": (OneMore, ", but add is run, for {who}'s OneMore in "),
}  # fmt: skip


@pytest.mark.parametrize("who", ["D", "G"])
@pytest.mark.parametrize("name", FOUND)
def test_what_changes_unseen_is_found(name, who):
    layer, says = FOUND[name]
    described = game(**{who: layer()})
    a = described.make()
    a.train(6)
    listing = str(a.recorder.program).splitlines()
    change(a)
    with pytest.raises(ReplayError) as caught:
        a.train(500)
    said = str(caught.value)
    r = next(int(line.split()[0]) for line in listing if " scale " in line)
    assert says.format(r=r, who=who) in said
    assert said.startswith(f"iteration {FIRST + 1} gives different results when it is run")
    assert f"last agreed at iteration 2; iterations 3 to {FIRST} may be wrong." in said
    assert "trainer.recorder.enabled = False" in said
    assert a.iteration == FIRST
    assert a.recorder.program is None
    assert a.recorder.refusal in said


@pytest.mark.parametrize("layer", [Hidden, InTheStepOfG])
def test_the_state_is_left_as_it_was_and_goes_on_step_by_step(layer):
    described = game(D=layer())
    a, b = described.make(), plain(described.make())
    a.train(6)
    change(a)
    with pytest.raises(ReplayError):
        a.train(500)
    b.train(FIRST)  # the number is not changed, as for the replay
    assert differences(a, b) == []
    change(b)
    for t in (a, b):
        t.train(30)
    assert differences(a, b) == []
    assert not replays(a)
    assert "when it is run and when it is replayed" in a.recorder.refusal


def test_a_value_that_nothing_rests_on_is_compared_too():
    class HiddenValue(NonSaturating):
        table = np.ones(MANY)

        def g(self, fake, real=None, ops=None):
            loss, d_fake, _ = super().g(fake, real, ops)
            return ops.scale(loss, self.table[0]), d_fake, None

    t = game(objective=HiddenValue()).make()
    t.train(6)
    t.objective.table[0] = 0.5
    with pytest.raises(ReplayError, match="scale, for HiddenValue in generator_step"):
        t.train(60)


def test_the_second_comparison_says_when_they_agreed_last():
    a = game(G=Hidden()).make()
    a.train(FIRST + 1)
    change(a)
    says = f"last agreed at iteration {FIRST + 1}; .* {FIRST + 2} to {SECOND}"
    with pytest.raises(ReplayError, match=says):
        a.train(5000)
    assert a.iteration == SECOND


def test_where_somebody_has_gone_back():
    """Iterations from there on are in doubt, too."""
    a = game(G=Hidden()).make()
    a.train(1)
    early = a.arrays(), a.counters()
    a.train(FIRST)
    a.restore(*early)
    a.train(3)
    change(a)
    with pytest.raises(ReplayError, match="last agreed at iteration 1; iterations 2"):
        a.train(5000)


def test_nothing_before_is_in_doubt_where_they_agreed_just_before(monkeypatch):
    monkeypatch.setattr(recording, "check_at", lambda seed, number: number)
    a = game(G=Hidden()).make()
    a.train(4)
    change(a)
    with pytest.raises(ReplayError, match="iteration 4; no earlier iteration is wrong"):
        a.train(1)


@pytest.mark.parametrize("seed", range(3))
def test_each_sixteenth_iteration_is_found(seed, monkeypatch):
    """By comparisons at 3 of each 32 iterations instead of 1 of each 4,096."""
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(
        recording, "check_at", lambda seed, number: 10 * number + int(rng.integers(10))
    )
    a = game(G=EachSixteenth(), seed=seed).make()
    with pytest.raises(ReplayError, match="for G's EachSixteenth"):
        a.train(3000)
    assert a.iteration % 16 == 7


def test_not_enabled_each_iteration_is_run():
    described = game(D=Hidden())
    a, b = described.make(), plain(described.make())
    a.recorder.enabled = False
    for t in (a, b):
        t.train(6)
        change(t)
        t.train(20)
    assert differences(a, b) == []
    assert a.recorder.refusal == "recorder.enabled is False"
    a.recorder.enabled = True
    for t in (a, b):
        t.train(4)
    assert replays(a)
    assert differences(a, b) == []


def test_what_an_iteration_was_run_for_is_seen_again():
    """A layer that is run only to be compared may note that in itself: it is recorded anew."""

    class Notes(Hidden):
        noted = 0

        def factor(self, ctx):
            if ctx.stream[1] > 5:  # when it is recorded, it changes nothing
                self.noted = ctx.stream[1]
            return 1.0

    a, b = game(G=Notes()).make(), plain(game(G=Notes()).make())
    with pytest.warns(UserWarning, match=r"layers\[1\]\.noted changes while an iteration is made"):
        a.train(40)
    b.train(40)
    assert differences(a, b) == []
