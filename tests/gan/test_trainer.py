"""The trainer: Algorithm 1's loop, its bookkeeping, and its bad days."""

import threading

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream
from scratchgan.errors import DataError, NonFiniteError, ShapeError, UnknownNameError
from scratchgan.gan import Noise, Trainer, discriminator_step, generator_step, replay
from scratchgan.gan.minibatches import Minibatches
from scratchgan.nn import Linear, Network
from scratchgan.optim import SGD, Adam, Cosine, LinearRamp
from tests.backends.cases import every_backend
from tests.gan.games import BATCH, CLASSES, FEATURES, NOISE, networks, trainer


def same(a, b):
    left, right = a.arrays(), b.arrays()
    return left.keys() == right.keys() and all((left[n] == right[n]).all() for n in left)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_an_iteration_is_algorithm_1(k, labels):
    """The trainer against the loop of the paper, written out with the two steps."""
    a, b = trainer(labels, k=k), trainer(labels, k=k)
    a.train(4)
    for iteration in range(4):
        for i in range(k):
            stream = Stream(5, iteration, i)
            z = b._next_z(stream)
            discriminator_step(b.D, b.G, b.data[iteration * k + i], z, b.objective, stream)
        stream = Stream(5, iteration, 0xFFFF)
        generator_step(b.D, b.G, b._next_z(stream), b.objective, stream)
    assert same(a, b)
    assert (a.D.t, a.G.t, a.iteration, a.minibatch) == (4 * k, 4, 4, 4 * k)


def test_every_update_has_fresh_noise_and_data():
    t = trainer(k=3)
    z = [t._next_z(Stream(5, i, s)).tobytes() for i in range(3) for s in (0, 1, 2, 0xFFFF)]
    assert len(set(z)) == 12


def test_stepping_by_hand_is_the_same():
    a, b = trainer(k=2), trainer(k=2)
    a.train(3)
    for _ in range(3):
        b.step_d()
        b.step_d()
        b.step_g()
    assert same(a, b)
    b.step_d()
    b.step()  # finishes the iteration that was begun: one more update of D, then G
    a.step()
    assert same(a, b)


@pytest.mark.parametrize("log_every", [1, 1000])
@pytest.mark.parametrize("start", range(1, 8))
def test_objectives_in_turn_are_a_change_by_hand(start, log_every, monkeypatch):
    """Wherever the change falls: on an iteration that would be recorded, checked or replayed."""
    monkeypatch.setattr(replay, "LONGEST", 1e9)  # as many iterations a call as may be
    a = trainer(objective={0: "non_saturating", start: "minimax"}, log_every=log_every)
    b = trainer()
    a.train(9)
    b.train(start)
    b.objective = "minimax"
    b.train(9 - start)
    assert same(a, b)
    never = trainer()
    never.train(9)
    assert not same(a, never)


def test_which_objective_is_played_follows_from_the_iteration():
    objectives = {0: "non_saturating", 4: "minimax"}
    whole, before, after = (trainer(objective=objectives) for _ in range(3))
    whole.train(3)
    early = whole.arrays(), whole.counters()
    assert whole.state()["objective"] == "non_saturating"
    whole.step_d()  # in the middle of an iteration, too
    whole.step_g()
    assert whole.state()["objective"] == "minimax"
    whole.train(2)
    late = whole.arrays(), whole.counters()
    whole.train(3)
    before.restore(*early)
    before.train(6)
    after.restore(*late)
    after.train(3)
    assert same(whole, before)
    assert same(whole, after)
    whole.restore(*early)
    assert whole.objective.name == "non_saturating"


def test_simultaneous_differs_and_learns():
    a, b = trainer(), trainer(updates="simultaneous")
    a.train(2)
    b.train(2)
    assert not same(a, b)
    assert (b.D.t, b.G.t) == (2, 2)


def test_same_seed_same_bits():
    runs = [trainer(seed=s) for s in (1, 1, 2)]
    for t in runs:
        t.train(5)
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


@pytest.mark.parametrize("optimizer", [Adam(1e-2), SGD(0.1, 0.5), SGD(0.1, 0.5, nesterov=True)])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_restored_goes_on_bit_for_bit(updates, optimizer):
    options = {"updates": updates, "optimizer": optimizer, "ema": 0.9, "labels": True}
    a, b = trainer(**options), trainer(**options)
    a.train(7)
    b.train(3)
    c = trainer(**options)
    c.restore(b.arrays(), b.counters())
    c.train(4)
    assert same(a, c)
    assert a.record() == c.record()
    assert (a.samples(9) == c.samples(9)).all()


def test_restored_in_the_middle_of_an_iteration():
    a, b = trainer(k=3), trainer(k=3)
    a.step()
    b.step_d()
    c = trainer(k=3)
    c.restore(b.arrays(), b.counters())
    c.step()
    assert same(a, c)


def test_restore_refuses_other_shapes():
    t = trainer()
    arrays = t.arrays()
    arrays["D.params"] = arrays["D.params"][:-1]
    with pytest.raises(ShapeError, match=r"D\.params"):
        t.restore(arrays, t.counters())


def test_restore_keeps_the_records_up_to_its_iteration():
    """Of this iteration, too; later ones are gone."""
    t = trainer(log_every=2)
    t.train(4)
    state = t.arrays(), t.counters()
    t.train(3)
    t.restore(*state)
    assert [r["step"] for r in t.history] == [2, 4]
    t.train(2)
    assert [r["step"] for r in t.history] == [2, 4, 6]


@pytest.mark.parametrize("k", [1, 3])
def test_a_record_has_the_rates_of_the_latest_updates(k):
    rate = LinearRamp(0.02, 0.01, 40)
    t = trainer(k=k, log_every=1, optimizer=Adam(rate))
    t.train(4)
    assert [r["rate_d"] for r in t.history] == [rate(k * i + k - 1) for i in range(4)]
    assert [r["rate_g"] for r in t.history] == [rate(i) for i in range(4)]


def test_labels_that_g_is_asked_for_have_words_of_their_own():
    """Not those of z: a label that follows from z would be no condition of its own."""
    t = trainer(labels=True)
    for stream in (Stream(5, 3, 0), Stream(5, 3, 0xFFFF)):
        z, y = t._next_z(stream)
        drawn = t.ops.random_labels(BATCH, CLASSES, stream.purpose(Purpose.LABELS))
        assert (y == np.eye(CLASSES)[drawn]).all()
        noise = t.noise.sample(t.ops, BATCH, stream.purpose(Purpose.NOISE), t.dtype)
        assert (z == noise).all()


def test_average_follows_the_generator():
    t = trainer(ema=0.9)
    expected = t.G.network.flat.copy()
    for _ in range(3):
        t.step()
        expected = 0.9 * expected + 0.1 * t.G.network.flat
    assert np.abs(t.G.average_flat - expected).max() <= 1e-15
    plain = t.G.network(t.noise.sample(t.ops, 5, Stream(5).purpose(Purpose.SAMPLE), t.dtype))
    assert (t.samples(5) != plain).any()


def test_the_average_does_not_touch_the_game():
    with_average, without = trainer(ema=0.9), trainer()
    for t in (with_average, without):
        t.train(5)
    arrays = with_average.arrays()
    assert (arrays.pop("G.average") != arrays["G.params"]).any()
    for name, expected in without.arrays().items():
        assert (arrays[name] == expected).all(), name


def test_history_state_and_callbacks():
    seen = []
    t = trainer(log_every=2, callbacks=[lambda t: seen.append(t.iteration)])
    t.train(5)
    assert seen == [1, 2, 3, 4, 5]
    assert [r["step"] for r in t.history] == [2, 4]
    state = t.state()
    assert state["step"] == 5
    assert state["epoch"] == 5 / (23 // BATCH)
    assert all(type(v) in (int, float, str) for v in state.values())
    assert 0 < state["d_real"] < 1
    assert trainer().state()["step"] == 0  # before the first step, too


def test_stepping_by_halves_keeps_the_books():
    seen = []
    t = trainer(log_every=2)
    t.call_every(3, lambda t: seen.append(t.iteration))
    for _ in range(6):
        t.step_d()
        t.step_g()
    assert seen == [3, 6]
    assert [r["step"] for r in t.history] == [2, 4, 6]
    with pytest.raises(ValueError, match="iterations is 0"):
        t.call_every(0, print)


def test_as_many_updates_of_d_as_a_stream_has_numbers_for():
    """The last number is G's: D's would draw from the same place."""
    t = trainer()
    t.substep = 0xFFFF - 1
    t.step_d()
    with pytest.raises(ValueError, match="D has had 65535 updates"):
        t.step_d()


def test_simultaneous_cannot_be_halved():
    t = trainer(updates="simultaneous")
    for half in (t.step_d, t.step_g):
        with pytest.raises(ValueError, match="call step()"):
            half()


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_every_update_of_an_iteration_matches_differences(name, k):
    """The parameters move along the measured gradients of V and of G's loss, update by update."""
    from tests.gan.test_steps import formula, numeric_gradient

    t = trainer(labels=True, k=k, objective=name, optimizer=SGD(0.1))
    t.step()  # begin somewhere that training has reached
    for i in range(k + 1):
        stream = Stream(5, t.iteration, 0xFFFF if i == k else i)
        x, z = t.data[t.minibatch], t._next_z(stream)
        player, which, sign = (t.G, 1, -0.1) if i == k else (t.D, 0, 0.1)
        argument = "g_flat" if i == k else "d_flat"

        def f(flat, x=x, z=z, which=which, argument=argument, stream=stream):
            return formula(name, t.D, t.G, x, z, stream=stream, **{argument: flat})[which]

        before = player.network.flat.copy()
        numeric = numeric_gradient(f, before)
        (t.step_g if i == k else t.step_d)()
        error = np.abs(player.network.flat - before - sign * numeric).max()
        assert error <= 1e-7 * np.abs(numeric).max() + 1e-10


SPOKEN = {
    "alternating": {},
    "simultaneous": {"updates": "simultaneous"},
    "options": {"clip": 0.3, "instance_noise": Cosine(0.2, 0.1, 9), "pool": 9, "unroll": 1},
}


@pytest.mark.parametrize("options", SPOKEN.values(), ids=SPOKEN)
@every_backend
def test_the_game_speaks_the_vocabulary(ops, options):
    """On arrays that offer nothing but their shape, training gives the same bits."""
    from scratchgan.testing import OpaqueBackend
    from tests.gan.games import NOISE as width

    def make(ops):
        G, D = networks(labels=True, ops=ops)
        rng = np.random.default_rng(3)
        return Trainer(
            G, D, rng.random((23, FEATURES)),
            noise=Noise(width), optimizer_g=Adam(1e-2), optimizer_d=SGD(0.1, 0.5, True),
            labels=rng.integers(0, CLASSES, 23), batch_size=BATCH,
            ema=0.9, log_every=2, **options,
        )  # fmt: skip

    plain, opaque = make(ops), make(OpaqueBackend(ops))
    plain.train(7)
    opaque.train(7)
    assert same(plain, opaque)
    assert plain.history == opaque.history
    assert (plain.samples(4) == opaque.samples(4)).all()


def test_a_snapshot_is_of_one_moment():
    """Taken while another thread trains, it equals the run at its own counters."""
    t = trainer()
    driver = threading.Thread(target=t.train, args=(60,))
    driver.start()
    arrays, counters = t.snapshot()
    driver.join()
    again = trainer()
    again.train(counters["iteration"])
    assert all((again.arrays()[name] == a).all() for name, a in arrays.items())


def test_the_callers_array_is_its_own():
    x = np.random.default_rng(0).random((23, FEATURES))
    t = build(x=x)
    x[:] = np.nan
    t.train(2)
    assert np.isfinite(t.record()["value"])


def test_restore_is_whole_or_not_at_all():
    t, other = trainer(), trainer()
    other.train(3)
    arrays = other.arrays()
    del arrays["G.v"]
    before = t.arrays()
    with pytest.raises(ShapeError, match=r"G\.v"):
        t.restore(arrays, other.counters())
    assert all((t.arrays()[name] == a).all() for name, a in before.items())


@pytest.mark.filterwarnings("ignore:overflow|invalid|divide")
def test_infinite_moments_are_noticed():
    t = trainer(log_every=1)
    t.D.slots[1].fill(np.inf)
    with pytest.raises(NonFiniteError, match=r"an element of D\.v"):
        t.step()


def test_stop_and_fixed_noise():
    t = trainer()
    t.call_every(1, lambda t: t.stop() if t.iteration == 3 else None)
    t.train(10)
    assert t.iteration == 3
    t.train(2)  # a stop is spent
    assert t.iteration == 5
    assert (t.samples(4) == t.samples(4)).all()
    assert (t.samples(8)[:4] == t.samples(4)).all()


def test_driven_from_another_thread():
    """A view may step and look at any moment; the result is that of the steps alone."""
    a, b = trainer(), trainer()
    a.train(40)
    looking = True

    def look():
        while looking:
            b.state()
            b.samples(3)

    viewer = threading.Thread(target=look)
    viewer.start()
    drivers = [threading.Thread(target=b.train, args=(20,)) for _ in range(2)]
    for thread in drivers:
        thread.start()
    for thread in drivers:
        thread.join()
    looking = False
    viewer.join()
    assert same(a, b)


def test_conditional_samples():
    t = trainer(labels=True)
    assert t.samples(7).shape == (7, FEATURES)
    zero, one = t.samples(4, label=0), t.samples(4, label=1)
    assert (zero != one).any()
    with pytest.raises(ValueError, match="label is 3; expected 0 … 2"):
        t.samples(4, label=CLASSES)
    with pytest.raises(ValueError, match="not conditional"):
        trainer().samples(4, label=0)


@pytest.mark.filterwarnings("ignore:overflow|invalid")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_stops_when_no_longer_finite(bad):
    t = trainer(log_every=2)
    t.call_every(1, lambda t: t.G.network.flat.fill(bad) if t.iteration == 2 else None)
    with pytest.raises(NonFiniteError, match="no longer finite at iteration 4.*lower the learning"):
        t.train(10)


# -- what does not fit ----------------------------------------------------------------------------


def build(x=None, noise=NOISE, **options):
    G, D = networks()
    x = np.zeros((23, FEATURES)) if x is None else x
    settings = {"optimizer_g": Adam(), "optimizer_d": Adam(), "batch_size": 5, **options}
    return Trainer(options.pop("G", G), options.pop("D", D), x, noise=Noise(noise), **{
        key: value for key, value in settings.items() if key not in ("G", "D")
    })  # fmt: skip


BAD = [
    ({"x": np.zeros((23, 4))}, ShapeError, "G returns 3 features, but the data have 4"),
    ({"noise": 7}, ShapeError, "G takes 2 features, but gets 7 from the noise"),
    ({"x": np.zeros((23, 3), np.uint8)}, DataError, "uint8; expected floats.*/ 255"),
    ({"x": np.full((23, 3), np.nan)}, DataError, "69 values that are NaN or infinite.*row 0"),
    ({"x": np.zeros((0, 3))}, DataError, r"\(0, 3\); expected \(examples, features\)"),
    ({"x": np.zeros(23)}, DataError, r"have shape \(23,\); expected"),
    ({"x": [[1.0]]}, DataError, "batch_size is 5 and the data have 1 examples"),
    ({"batch_size": 24}, DataError, "batch_size is 24 and the data have 23 examples"),
    ({"batch_size": 0}, ValueError, "batch_size is 0; expected a whole number from 1"),
    ({"k": 0}, ValueError, "k is 0"),
    ({"k": 2, "updates": "simultaneous"}, ValueError, "need k = 1"),
    ({"log_every": 0}, ValueError, "log_every is 0"),
    ({"seed": -1}, ValueError, "seed is -1"),
    ({"ema": 1.0}, ValueError, "ema is 1.0; expected a number"),
    ({"updates": "alternate"}, UnknownNameError, "did you mean 'alternating'"),
    ({"objective": "minmax"}, UnknownNameError, "did you mean 'minimax'"),
    ({"labels": np.zeros(22, int)}, DataError, r"expected \(23,\), one label for each"),
    ({"labels": [0.5] * 23}, DataError, "float64; expected integers"),
    ({"batch_size": 2.5}, ValueError, "batch_size is 2.5"),
    ({"labels": np.zeros(23, int)}, ShapeError, "G takes 2 features, but gets"),
    (
        {"D": Network(Linear(3, 2), dtype=np.float64)},
        ShapeError,
        "D returns 2 features, but the game",
    ),
    ({"D": Network(Linear(3, 1))}, ShapeError, "expected the same dtype and backend"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), BAD)
def test_refuses(wrong, error, message):
    with pytest.raises(error, match=message):
        build(**wrong)


def test_fits():
    build()  # the settings that BAD changes are good


# -- minibatches ----------------------------------------------------------------------------------


class TestMinibatches:
    def make(self, n=23, size=5, **options):
        x = np.arange(n, dtype=np.float64).reshape(-1, 1)
        return Minibatches(trainer().ops, x, size, seed=9, dtype=np.float64, **options)

    def test_an_epoch_shows_each_example_at_most_once(self):
        data = self.make()
        assert data.per_epoch == 4
        epoch = np.concatenate([data[i] for i in range(4)]).ravel()
        assert len(set(epoch)) == 20

    def test_orders_differ_and_do_not_depend_on_the_past(self):
        data, fresh = self.make(), self.make()
        first = [data[i].ravel().tolist() for i in range(8)]
        assert sorted(np.ravel(first[:4])) != sorted(np.ravel(first[4:]))
        assert [fresh[i].ravel().tolist() for i in (7, 0, 5)] == [first[i] for i in (7, 0, 5)]

    def test_all_examples_are_seen_over_time(self):
        data = self.make()
        assert {float(v) for i in range(40) for v in data[i].ravel()} == set(range(23))

    def test_labels_stay_with_their_examples(self):
        data = self.make(labels=np.arange(23) % 3)
        x, y = data[2]
        assert (y.argmax(axis=1) == x.ravel() % 3).all()
        assert (y.sum(axis=1) == 1).all()

    def test_whole_data_as_one_batch(self):
        assert sorted(self.make(size=23)[3].ravel()) == list(range(23))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, c: a.pop("D.m"), "'D.m' is missing"),
        (lambda a, c: a.update({"G.params": a["G.params"][:-1]}), "G.params has shape"),
        (lambda a, c: a.update({"G.v": a["G.v"] * np.nan}), "G.v has .* NaN or infinite"),
        (lambda a, c: a.update({"G.v": a["G.v"].astype(str)}), "G.v is .*; expected real numbers"),
        (lambda a, c: c.pop("iteration"), "iteration is None; expected a whole number"),
        (lambda a, c: c.update(d_updates=-1), "d_updates is -1; expected a whole number"),
    ],
)
def test_restore_refuses_what_no_training_has(change, message):
    game = trainer()
    game.train(3)
    arrays, counters = game.arrays(), game.counters()
    game.train(2)
    before = game.arrays()
    change(arrays, counters)
    with pytest.raises(ValueError, match=f"restore: {message}"):
        game.restore(arrays, counters)
    assert game.iteration == 5
    assert all((a == before[name]).all() for name, a in game.arrays().items())
