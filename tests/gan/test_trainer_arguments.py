"""What the parts of a game are given: plain values are kept, and what is none is named."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.backends.philox import sorted_by_words
from scratchgan.errors import DataError
from scratchgan.games import Minimax
from scratchgan.gan import Generator, Noise, Player, Trainer, interpolate
from scratchgan.gan.minibatches import Minibatches
from scratchgan.optim import SGD, Adam
from tests.gan.games import CLASSES, FEATURES, NOISE, networks

X = np.random.default_rng(0).random((23, FEATURES))
NO_COUNTS = [
    0, -1, 1.5, math.nan, math.inf, "3", b"3", None, True, [3], 10**30, np.array([3, 4]), 1 + 2j,
]  # fmt: skip
THREES = [3, 3.0, np.int64(3), np.uint8(3), np.float32(3), np.array(3)]
kinds = {"ids": lambda value: f"{type(value).__name__} {value!r}"[:20]}


def game(G=None, D=None, x=X, labels=None, **options):
    made = networks(labels is not None)
    settings = {
        "noise": Noise(NOISE),
        "optimizer_g": Adam(),
        "optimizer_d": Adam(),
        "batch_size": 5,
    }
    return Trainer(
        made[0] if G is None else G, made[1] if D is None else D, x,
        labels=labels, **{**settings, **options},
    )  # fmt: skip


def conditional(labels, **options):
    return game(labels=labels, **options)


# -- counts ---------------------------------------------------------------------------------------

COUNTS = {
    "k": lambda value: game(k=value),
    "batch_size": lambda value: game(batch_size=value),
    "log_every": lambda value: game(log_every=value),
    "iterations": lambda value: game().call_every(value, print),
    "n": lambda value: game().samples(value),
    "features": lambda value: Noise(value),
    "n_pairs": lambda value: interpolate(game().generator(), value, 2, Stream(0)),
}


@pytest.mark.parametrize("value", NO_COUNTS, **kinds)
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_no_count(name, value):
    with pytest.raises(ValueError, match=rf"\b{name} is .*expected a whole number"):
        COUNTS[name](value)


@pytest.mark.parametrize("three", THREES, **kinds)
def test_counts_of_any_kind_are_kept_as_plain_numbers(three):
    t = game(k=three, batch_size=three, log_every=three, seed=three)
    t.call_every(three, lambda t: None)
    assert [t.k, t.data.batch_size, t.log_every, t.seed, t.callbacks[0][0]] == [3] * 5
    for kept in (t.k, t.data.batch_size, t.log_every, t.seed, t.callbacks[0][0]):
        assert type(kept) is int
    assert len(t.train(three)) == 1
    assert len(t.samples(three)) == 3
    plain = game(k=3, batch_size=3, log_every=3, seed=3)
    plain.train(3)
    assert all((a == b).all() for a, b in zip(t.arrays().values(), plain.arrays().values()))  # noqa: B905
    assert json.loads(json.dumps(t.state())) == t.state()
    noise = Noise(three, "uniform", np.float32(-0.5), np.int8(2))
    assert json.loads(json.dumps(noise.to_plain())) == noise.to_plain()
    assert noise == Noise(3, "uniform", -0.5, 2.0)
    assert [type(v) for v in asdict(noise).values()] == [int, str, float, float]


def test_the_ends_of_the_ranges():
    assert game(k=0xFFFF, batch_size=23, log_every=10**12, seed=2**64 - 1).k == 0xFFFF
    assert game(batch_size=1).data.per_epoch == 23
    assert game().train(0) == []
    assert Noise(1_000_000).features == 1_000_000
    t = game(ema=0)
    t.train(3)
    assert (t.G.average_flat == t.G.network.flat).all()  # a decay of 0 keeps nothing
    for wrong in (
        {"k": 0x10000}, {"batch_size": 24}, {"log_every": 10**12 + 1}, {"seed": 2**64}, {"ema": 1},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*expected"):
            game(**wrong)
    with pytest.raises(ValueError, match="features is 1000001"):
        Noise(1_000_001)
    for value in (-1, 1.5, math.nan, math.inf, "3", None, True, [3], 2**32):
        with pytest.raises(ValueError, match="train: iterations is .*expected a whole number"):
            game().train(value)


@pytest.mark.parametrize("value", [-1, 1.5, math.nan, math.inf, "3", None, True, [3], 2**64])
def test_what_is_no_seed(value):
    with pytest.raises(ValueError, match="seed is .*0 ≤ seed < 2⁶⁴"):
        game(seed=value)
    with pytest.raises(ValueError, match="seed is .*0 ≤ seed < 2⁶⁴"):
        Minibatches(get_backend("reference"), X, 5, seed=value)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, math.nan, math.inf, "0.9", True, [0.9], b"3"])
def test_what_is_no_average(value):
    with pytest.raises(ValueError, match="ema is .*expected a number at least 0 and below 1"):
        game(ema=value)


def test_what_is_not_said():
    """A game without settings is the one of these; any other one of them is another game."""
    x = np.random.default_rng(0).random((150, FEATURES))
    told = {
        "objective": "non_saturating", "batch_size": 64, "k": 1, "updates": "alternating",
        "ema": None, "seed": 0, "log_every": 100,
    }  # fmt: skip

    def played(**settings):
        G, D = networks()
        t = Trainer(
            G, D, x, noise=Noise(NOISE), optimizer_g=Adam(), optimizer_d=Adam(), **settings
        )  # fmt: skip
        t.train(100)
        return t.samples().tobytes(), [r["step"] for r in t.history], t.callbacks

    expected = played(**told)
    assert played() == expected
    others = {
        "objective": "minimax", "batch_size": 32, "k": 2, "updates": "simultaneous",
        "ema": 0.9, "seed": 1, "log_every": 50,
    }  # fmt: skip
    assert all(played(**{name: value}) != expected for name, value in others.items())
    G, _ = networks()
    assert Generator(G, Noise(NOISE)).temperature == 1.0
    assert Noise(3) == Noise(3, "normal", -1.0, 1.0)
    assert game().samples().shape == (100, FEATURES)
    assert Player(G, Adam()).average is None


# -- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1.5, "adam", None, [3], np.array([1.0, 2.0]), Adam], **kinds)
def test_what_is_no_part_of_a_game(value):
    """The class in the place of its instance is told to be called."""
    for name in ("G", "D"):
        if value is not None:  # for which this test's game takes its own
            with pytest.raises(ValueError, match=f"Trainer: {name} is .*expected a Network"):
                game(**{name: value})
    for name in ("optimizer_g", "optimizer_d"):
        call = r" \(call the class: Adam" if value is Adam else ""
        with pytest.raises(ValueError, match=f"^{name} is .*optimizer, such as.*{call}"):
            game(**{name: value})
    with pytest.raises(ValueError, match="^noise is .*expected a Noise, such as Noise"):
        game(noise=value)
    G, _ = networks()
    with pytest.raises(ValueError, match="Player: network is"):
        Player(value, Adam())
    with pytest.raises(ValueError, match="Player: optimizer is"):
        Player(G, value)
    with pytest.raises(ValueError, match="Generator: network is"):
        Generator(value, Noise(NOISE))
    with pytest.raises(ValueError, match="Generator: noise is"):
        Generator(G, value)
    with pytest.raises(ValueError, match="interpolate: generator is"):
        interpolate(value, 1, 2, Stream(0))


def test_one_network_is_no_game():
    G, _ = networks()
    with pytest.raises(ValueError, match="G and D are the same network"):
        game(G=G, D=G)


def test_objectives():
    assert game(objective=Minimax()).objective.name == "minimax"
    for wrong in (Minimax, 3, None, ["minimax"], np.array(3), b"minimax"):
        with pytest.raises(ValueError, match="objective"):
            game(objective=wrong)
    with pytest.raises(ValueError, match=r"the class Minimax; .*\(call the class: Minimax\(\)\)"):
        game(objective={0: "minimax", 5: Minimax})
    t = game()
    with pytest.raises(ValueError, match="call the class"):
        t.objective = Minimax
    assert t.objective.name == "non_saturating"


def test_updates():
    for wrong in ("alternate", None, ["alternating"], 3):
        with pytest.raises(ValueError, match="unknown kind of updates.*Known: alternating, sim"):
            game(updates=wrong)
    with pytest.raises(ValueError, match="k is 2; simultaneous updates need k = 1"):
        game(updates="simultaneous", k=2)
    assert game(updates="simultaneous", k=1.0).k == 1


def test_callbacks():
    seen = []
    t = game(callbacks=(callback for callback in [lambda t: seen.append(t.iteration)]))
    t.train(2)
    assert seen == [1, 2]
    for wrong in (3, None, print, "ab", [3], [print, None], np.array(3), [Adam]):
        with pytest.raises(ValueError, match="Trainer: (callbacks|a callback) is .*expected"):
            game(callbacks=wrong)
    with pytest.raises(ValueError, match="call_every: callback is 3; expected a function"):
        game().call_every(1, 3)
    with pytest.raises(ValueError, match="train: until is 3; expected a function"):
        game().train(1, until=3)


# -- data -----------------------------------------------------------------------------------------


class Table:
    shape = (23, FEATURES)

    def to_numpy(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (Table(), r"x is a Table of shape \(23, 3\).*convert it with \.to_numpy\(\)"),
        (None, "x is None; expected a NumPy array"),
        ("abc", "x is 'abc'; expected a NumPy array"),
        (np.ma.masked_greater(X, 0.5), "x is a masked array, and its mask would be lost"),
        (X.astype(str), "expected real numbers"),
        (X.astype(complex), "of dtype complex128; expected real numbers"),
        (X.astype(object), "expected real numbers"),
        (X[:, 0], r"the data have shape \(23,\); expected"),
        (X[None], r"the data have shape \(1, 23, 3\); expected"),
        (X[:, :0], r"the data have shape \(23, 0\); expected"),
        (X > 0.5, "the data are bool; expected floats"),
        (X.astype(int), "the data are int64; expected floats: scale them first"),
        (np.where(np.isin(np.arange(23), [4, 9])[:, None], np.nan, X), "6 values.*first in row 4;"),
        (
            np.where(X[7, 1] == X, -np.inf, X),
            "1 values that are NaN or infinite, the first in row 7",
        ),
        (
            np.full((23, FEATURES), 1e300),
            "the data have values up to 1e.300, which overflow in float32",
        ),
    ],
)
def test_what_are_no_examples(x, said):
    G, D = networks(dtype=np.float32)
    with pytest.raises(ValueError, match=said):
        game(G, D, x=x)


def test_examples_of_any_float_are_the_same_game():
    """However they lie in memory; and what their owner changes later changes nothing."""
    x = X.astype(np.float32)

    def in_float32(x):
        return game(*networks(dtype=np.float32), x=x)

    expected = in_float32(x)
    expected.train(3)
    own = x.copy()
    views = [x.tolist(), np.asfortranarray(x), x[::-1, ::-1][::-1, ::-1], x.astype(">f4"), own]
    for view in views:
        t = in_float32(view)
        own[:] = 7
        t.train(3)
        for name, a in expected.arrays().items():
            assert (t.arrays()[name] == a).all()
        own[:] = x


def test_the_order_of_examples_is_drawn_from_words_of_its_own():
    """Not from those of z, whose first words would tell where an example stands."""
    ops = get_backend("reference")
    data = Minibatches(ops, X, 23, seed=5, dtype=X.dtype)
    for epoch in range(3):
        order = {}
        for purpose in (Purpose.SHUFFLE, Purpose.NOISE):
            words = ops.random_words((23, 2), Stream(5, epoch).purpose(purpose))
            order[purpose] = X[sorted_by_words(words)]
        assert (data[epoch] == order[Purpose.SHUFFLE]).all()
        assert (data[epoch] != order[Purpose.NOISE]).any()


# Labels: the classes 0 … n − 1, with an example of each.
EACH = np.arange(23) % CLASSES


@pytest.mark.parametrize("kind", [list, np.uint8, np.int64, np.uint64, ">i2"])
def test_labels_of_any_integers(kind):
    labels = EACH.tolist() if kind is list else EACH.astype(kind)
    t = conditional(labels)
    assert t.data.classes == CLASSES
    assert t.samples(3, label=np.int64(1)).shape == (3, FEATURES)
    plain = conditional(EACH)
    t.train(2)
    plain.train(2)
    assert all((plain.arrays()[name] == a).all() for name, a in t.arrays().items())


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (EACH + 1, "the classes 1, 2, 3; expected 0, 1, 2, each with an example"),
        (2 * (EACH % 2), "the classes 0, 2; expected 0, 1, each with an example"),
        (EACH - 1, "the classes -1, 0, 1"),
        (np.where(EACH == 2, 2**31, EACH), "the classes 0, 1, 2147483648"),
        (EACH.astype(np.uint64) + 2**63, "the classes 9223372036854775808"),
        (EACH.astype(float), "labels is float64; expected integers"),
        (EACH > 0, "labels is bool; expected integers"),
        (EACH[:9], r"labels has shape \(9,\); expected \(23,\), one label for each example"),
        (EACH[:, None], r"labels has shape \(23, 1\)"),
        (np.ma.masked_equal(EACH, 1), "labels is a masked array"),
        (EACH.astype(str), "expected real numbers"),
    ],
)
def test_labels_without_examples(labels, said):
    with pytest.raises(ValueError, match=said):
        conditional(labels)


# -- noise, streams, samples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((2, "uniform", 1, 0), "low 1 must be below high 0"),
        ((2, "uniform", 1, 1), "low 1 must be below high 1"),
        ((2, "uniform", math.nan, 1), "Noise: low is nan"),
        ((2, "uniform", -math.inf, 1), "Noise: low is -inf"),
        ((2, "uniform", 0, 1e300), "Noise: high is 1e.300; expected a number at least -1e"),
        ((2, "uniform", "a", "b"), "Noise: low is 'a'; expected a number"),
        ((2, "uniform", 0, True), "Noise: high is True; expected a number"),
        ((2, "gauss"), "unknown noise 'gauss'"),
        ((2, ["normal"]), "unknown noise"),
        ((2, None), "unknown noise"),
    ],
)
def test_what_is_no_noise(arguments, said):
    with pytest.raises(ValueError, match=said):
        Noise(*arguments)


def test_streams():
    G = game().generator()
    same = Stream(np.int64(3), 1.0, np.uint8(2), np.int32(7), np.array(5))
    assert (G.sample(4, same) == G.sample(4, Stream(3, 1, 2, 7, 5))).all()
    assert (interpolate(G, 2, 3, same) == interpolate(G, 2, 3, Stream(3, 1, 2, 7, 5))).all()
    for name, size in (("seed", 64), ("step", 32), ("substep", 16), ("operation", 16), ("row", 32)):
        G.sample(1, Stream(0)._replace(**{name: 2**size - 100}))
        for value in (-1, 2**size, 1.5, "3", None, True):
            wrong = Stream(0)._replace(**{name: value})
            with pytest.raises(ValueError, match=f"stream: {name} is .*expected a whole number"):
                G.sample(1, wrong)
            with pytest.raises(ValueError, match=f"interpolate: stream: {name} is"):
                interpolate(G, 1, 2, wrong)
    of_seed = Stream(3).purpose(Purpose.USER)
    assert (G.sample(4, 3) == G.sample(4, of_seed)).all()
    assert (interpolate(G, 2, 3, 3) == interpolate(G, 2, 3, of_seed)).all()
    assert not (G.sample(4) == G.sample(4, 3)).all()
    for value in (-1, 2**64):
        with pytest.raises(ValueError, match="sample: stream is .*expected a whole number"):
            G.sample(1, value)
    for value in (None, 0.5, True, (0, 0, 0, 0, 0), Stream):
        with pytest.raises(ValueError, match="sample: stream is .*expected a seed, or a Stream"):
            G.sample(1, value)


@pytest.mark.parametrize("value", [-1, CLASSES, 0.5, math.nan, "0", True, [0], np.array([0, 1])])
def test_what_is_no_label(value):
    t = conditional(EACH)
    for ask in (t.samples, lambda n, label: interpolate(t.generator(), n, 2, Stream(0), label)):
        with pytest.raises(ValueError, match=f"label is .*; expected 0 … {CLASSES - 1}"):
            ask(3, label=value)


def test_what_is_no_z():
    G = game().generator()
    assert G.at([[0.5, 1.0]]).shape == (1, FEATURES)
    assert np.isnan(G.at(np.full((2, NOISE), math.nan))).all()  # NaN in, NaN out
    for z, said in (
        (Table(), "convert it with .to_numpy"),
        (None, "z is None"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.ma.masked_greater(np.ones((3, NOISE)), 0), "masked"),
    ):
        with pytest.raises(ValueError, match=said):
            G.at(z)
    C = conditional(EACH).generator()
    with pytest.raises(DataError, match="masked"):
        C.at(np.ones((3, NOISE)), np.ma.masked_equal([0, 1, 2], 1))


def test_a_generators_classes():
    G, _ = networks(labels=True)
    assert Generator(G, Noise(NOISE), np.int64(CLASSES)).sample(4, Stream(0)).shape == (4, FEATURES)
    for value in (-1, 1.5, "3", None, True):
        with pytest.raises(ValueError, match="Generator: classes is"):
            Generator(G, Noise(NOISE), value)
    for kind in (np.float32(2), 2, np.array(2.0)):
        assert type(Generator(G, Noise(NOISE), temperature=kind).temperature) is float


def test_optimizers_may_differ():
    t = game(optimizer_g=SGD(0.1), optimizer_d=Adam())
    assert (t.G.optimizer, t.D.optimizer) == (SGD(0.1), Adam())
