"""
Random numbers: Philox's known answers, what an address is, and whether they look random.

Every statistical check has a fixed seed, so that it passes always or never, bounds
at about 4.5 standard errors (7 in a million, were the seed free), and wrong numbers that
it must refuse.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream
from scratchgan.backends.philox import philox4x32, philox_words, shuffled, sorted_by_words
from tests.backends.cases import every_backend, every_dtype, philox

# Counter, key, words: the known answers of Salmon et al. 2011.
KNOWN = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
STREAM = Stream(seed=2014, step=5, substep=1, operation=0x2003, row=7)
BOUND = 4.5


def hexes(text):
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter, key, words):
    arrays = tuple(np.array([word], np.uint64) for word in hexes(counter))
    assert tuple(int(w[0]) for w in philox4x32(arrays, hexes(key))) == hexes(words)
    assert tuple(philox(hexes(counter), hexes(key))) == hexes(words)


@every_backend
def test_known_answers_through_the_vocabulary(ops):
    """Column 0 … 3 of row 0 of an all-zero stream has the all-zero counter."""
    words = ops.to_numpy(ops.random_words((1, 4), Stream(seed=0)))
    assert tuple(words[0].tolist()) == hexes(KNOWN[0][2])


def draws(ops):
    """Each kind of draw as a function of rows, columns and stream; all of them on the host."""
    return {
        "random_words": lambda r, c, s: ops.to_numpy(ops.random_words((r, c), s)),
        "uniform": lambda r, c, s: ops.to_numpy(ops.uniform((r, c), s, -1.0, 2.0, np.float32)),
        "normal": lambda r, c, s: ops.to_numpy(ops.normal((r, c), s, 0.0, 1.0, np.float64)),
        "dropout": lambda r, c, s: ops.to_numpy(ops.dropout(ops.asarray(np.ones((r, c))), 0.5, s)),
        "random_labels": lambda r, c, s: ops.to_numpy(ops.random_labels(r, 1000, s))[:, None],
    }


every_draw = pytest.mark.parametrize(
    "draw", ["random_words", "uniform", "normal", "dropout", "random_labels"]
)


@every_backend
@every_draw
def test_a_number_does_not_depend_on_the_shape(ops, draw):
    f = draws(ops)[draw]
    whole = f(23, 18, STREAM)
    for rows, columns in [(1, 1), (5, 3), (23, 7), (2, 17)]:  # odd counts of columns among them
        np.testing.assert_array_equal(f(rows, columns, STREAM), whole[:rows, :columns])


@every_backend
@every_draw
def test_two_machines_draw_what_one_would_have_drawn(ops, draw):
    f = draws(ops)[draw]
    parts = [f(9, 5, STREAM), f(14, 5, STREAM._replace(row=STREAM.row + 9))]
    np.testing.assert_array_equal(np.concatenate(parts), f(23, 5, STREAM))


@every_backend
@every_draw
@pytest.mark.parametrize(
    "other",
    [
        {"step": 6},
        {"substep": 2},
        {"operation": 0x2004},
        {"operation": 0x3003},
        {"row": 7 + 64},
        {"seed": 2015},
        {"seed": 2014 + 2**32},
        {"seed": 2014 + 2**63},
    ],
    ids=str,
)
def test_another_address_gives_other_numbers(ops, draw, other):
    f = draws(ops)[draw]
    first, second = f(64, 10, STREAM), f(64, 10, STREAM._replace(**other))
    np.testing.assert_array_equal(first, f(64, 10, STREAM))  # and the same the same
    expected = 0.5 if draw == "dropout" else 0.001
    assert abs((first == second).mean() - expected) <= BOUND * math.sqrt(expected / first.size)


def test_no_two_draws_of_a_run_share_an_address():
    purposes = [value for name, value in vars(Purpose).items() if name.isupper()]
    assert len(set(purposes)) == len(purposes) == 12
    draws = [Stream(0).purpose(p).at(layer) for p in purposes for layer in range(2**12)]
    assert len({stream.operation for stream in draws}) == len(draws)
    assert all(0 <= stream.operation < 2**16 for stream in draws)
    ends = [(0, 1, 2**16 - 1), (0, 1, 2**16 - 1), (0, 1, 2**32 - 1)]
    addresses = {
        Stream(0, step, substep, operation).counter_words()
        for operation, substep, step in itertools.product(*ends)
    }
    assert len(addresses) == 27
    assert all(0 <= word < 2**32 for address in addresses for word in address)


@every_backend
def test_no_number_is_drawn_twice(ops):
    """Pairs of words are 64-bit numbers: any repetition in 100,000 would be an address shared."""
    streams = [STREAM.purpose(p).at(layer) for p in range(10) for layer in range(5)]
    words = np.concatenate([ops.to_numpy(ops.random_words((100, 40), s)) for s in streams])
    pairs = np.ascontiguousarray(words).view(np.uint64)
    assert np.unique(pairs).size == pairs.size == 100_000


@every_backend
def test_uniforms_have_24_bits_in_both_dtypes(ops):
    single, double = (
        ops.to_numpy(ops.uniform((300, 50), STREAM, 0.0, 1.0, dtype))
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_array_equal(single, double)
    words = ops.to_numpy(ops.random_words((300, 50), STREAM))
    np.testing.assert_array_equal(double * 2**24, words >> 8)
    assert single.min() >= 0
    assert single.max() < 1


@every_backend
@every_dtype
def test_normals_at_the_ends_of_the_uniforms(ops, dtype):
    """Two places found by search: u1 = 0, the largest radius there is, and u1 = 1 − 2⁻²⁴."""
    for step, row, column, radius in [
        (114, 14242, 26, math.sqrt(48 * math.log(2))),
        (33, 11811, 34, 0.0),
    ]:
        stream = Stream(seed=1, step=step, row=row)
        u = ops.to_numpy(ops.uniform((1, column + 2), stream, 0.0, 1.0, np.float64))[0]
        assert u[column] == (0 if radius else 1 - 2**-24)
        z = ops.to_numpy(ops.normal((1, column + 2), stream, 0.0, 1.0, dtype))[0, column:]
        assert abs(math.hypot(*z) - radius) <= 1e-6
        assert np.abs(z).max() < 5.8


# -- do they look random? ---------------------------------------------------------------------


def standard_errors_normal(z):
    """How far moments, distribution and correlations of z are from a normal's."""
    x, n = z.astype(float), z.size
    ordered = np.sort(x.ravel())
    cdf = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in ordered])
    steps = np.arange(n + 1) / n
    ks = max((steps[1:] - cdf).max(), (cdf - steps[:-1]).max())
    return {
        "mean": x.mean() * math.sqrt(n),
        "variance": (x.var() - 1) * math.sqrt(n / 2),
        "skewness": (x**3).mean() * math.sqrt(n / 15),
        "kurtosis": ((x**4).mean() - 3) * math.sqrt(n / 96),
        "Kolmogorov-Smirnov": ks * math.sqrt(n) * BOUND / 2.5,  # P(√n D > 2.5) = 7e-6
        **correlations(x),
    }


def standard_errors_uniform(u):
    counts = np.bincount((u * 256).astype(int).ravel(), minlength=256)
    return {"mean": (u.mean() - 0.5) * math.sqrt(12 * u.size), "histogram": chi_square(counts)} | (
        correlations(math.sqrt(12) * (u - 0.5))
    )


def correlations(x):
    """Of neighbours in a row and in a column, and of their squares."""
    pairs = {
        "columns": (x[:, :-1], x[:, 1:]),
        "every fourth column": (x[:, :-4], x[:, 4:]),
        "rows": (x[:-1], x[1:]),
    }
    result = {}
    for name, (a, b) in pairs.items():
        result[name] = np.corrcoef(a.ravel(), b.ravel())[0, 1] * math.sqrt(a.size)
        result[f"{name}, squares"] = np.corrcoef(a.ravel() ** 2, b.ravel() ** 2)[0, 1] * math.sqrt(
            a.size
        )
    return result


def chi_square(counts):
    """Standard errors of χ² above its mean, for equally likely classes."""
    expected = counts.sum() / counts.size
    degrees = counts.size - 1
    return (((counts - expected) ** 2).sum() / expected - degrees) / math.sqrt(2 * degrees)


def suspicious(standard_errors):
    return {name: e for name, e in standard_errors.items() if not abs(e) <= BOUND}


@every_backend
@every_dtype
def test_normals_are_normal(ops, dtype):
    z = ops.to_numpy(ops.normal((500, 101), STREAM, 0.0, 1.0, dtype))
    assert suspicious(standard_errors_normal(z)) == {}
    moved = ops.to_numpy(ops.normal((500, 101), STREAM, -3.0, 0.5, np.float64))
    assert suspicious(standard_errors_normal((moved + 3) / 0.5)) == {}


@pytest.mark.parametrize(
    ("wrong", "caught_by"),
    [
        (lambda z, u: z + 0.03, "mean"),
        (lambda z, u: z * 1.03, "variance"),
        (lambda z, u: z + 0.03 * z**2, "skewness"),
        (lambda z, u: np.clip(z, -2.5, 2.5), "kurtosis"),
        (lambda z, u: math.sqrt(12) * (u - 0.5), "Kolmogorov-Smirnov"),
        (lambda z, u: np.repeat(z[:, ::2], 2, axis=1), "columns"),
        (lambda z, u: z * np.repeat(np.sign(z[:, ::2]), 2, axis=1), "columns"),
        (lambda z, u: np.repeat(z[::2], 2, axis=0), "rows"),
    ],
)  # fmt: skip
def test_wrong_normals_are_refused(wrong, caught_by):
    rng = np.random.default_rng(0)
    z, u = rng.normal(size=(500, 100)), rng.random((500, 100))
    assert suspicious(standard_errors_normal(z)) == {}
    assert caught_by in suspicious(standard_errors_normal(wrong(z, u)))


@every_backend
def test_uniforms_are_uniform(ops):
    u = ops.to_numpy(ops.uniform((500, 101), STREAM, 0.0, 1.0, np.float64))
    assert suspicious(standard_errors_uniform(u)) == {}
    assert "mean" in suspicious(standard_errors_uniform(u**1.05))
    assert "histogram" in suspicious(standard_errors_uniform(np.floor(u * 200) / 200))
    assert "rows" in suspicious(standard_errors_uniform(np.repeat(u[::2], 2, axis=0)))
    assert "every fourth column" in suspicious(standard_errors_uniform(np.tile(u[:, :4], 25)))


@every_backend
def test_labels_are_uniform(ops):
    labels = ops.to_numpy(ops.random_labels(20_000, 10, STREAM))
    assert chi_square(np.bincount(labels, minlength=10)) <= BOUND
    u = ops.to_numpy(ops.uniform((20_000, 1), STREAM, 0.0, 1.0, np.float64))
    rounded = np.round(u[:, 0] * 9).astype(int)  # the ends are half as likely
    assert chi_square(np.bincount(rounded, minlength=10)) > BOUND


def test_shuffled_is_a_permutation_for_each_epoch():
    epochs = [shuffled(1000, STREAM._replace(step=epoch)) for epoch in range(4)]
    for order in epochs:
        assert order.dtype == np.int32
        np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    for first, second in itertools.combinations([np.arange(1000), *epochs], 2):
        assert (first == second).sum() < 10
    np.testing.assert_array_equal(epochs[1], shuffled(1000, STREAM._replace(step=1)))
    assert shuffled(1, STREAM).tolist() == [0]


@pytest.mark.parametrize("high", [1, 2, 3, 2**32])
def test_rows_of_words_are_sorted_and_equal_ones_stay_as_they_stand(high):
    words = np.random.default_rng(high).integers(0, high, (500, 2), dtype=np.uint32)
    keys = [tuple(row) for row in words.tolist()]
    assert sorted_by_words(words).tolist() == sorted(range(500), key=keys.__getitem__)


def test_all_orders_are_equally_likely():
    def bad_shuffle(step):  # swaps each place with any other: a classic mistake
        order, rng = [0, 1, 2, 3], np.random.default_rng(step)
        for i, j in enumerate(rng.integers(0, 4, 4)):
            order[i], order[j] = order[j], order[i]
        return order

    def badness(f):
        orders = [tuple(f(step)) for step in range(4800)]
        return chi_square(np.array([orders.count(p) for p in itertools.permutations(range(4))]))

    assert badness(lambda step: shuffled(4, STREAM._replace(step=step)).tolist()) <= BOUND
    assert badness(bad_shuffle) > BOUND


@every_backend
@every_dtype
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.8, 1.0])
def test_dropout_is_the_streams_uniforms_and_keeps_the_mean(ops, dtype, keep):
    y = ops.to_numpy(ops.dropout(ops.asarray(np.ones((300, 100), dtype)), keep, STREAM))
    u = ops.to_numpy(ops.uniform((300, 100), STREAM, 0.0, 1.0, np.float32))
    np.testing.assert_array_equal(y != 0, u < np.float32(keep))

    def off(y):
        return abs(y.mean() - 1) / math.sqrt((1 / keep - 1 + 1e-12) / y.size)

    assert off(y.astype(float)) <= BOUND
    if keep < 1:
        assert off(y * keep) > BOUND  # scaled by nothing
        assert off((y != 0) / (1 - keep)) > BOUND or keep == 0.5  # keep taken for the dropped part


@pytest.mark.parametrize(
    "stream",
    [
        Stream(-1),
        Stream(2**64),
        Stream(0, step=2**32),
        Stream(0, substep=2**16),
        Stream(0, operation=2**16),
        Stream(0, step=-1),
    ],
)
def test_addresses_that_would_wrap_are_refused(stream):
    with pytest.raises(ValueError, match="Stream: .*expected 0 … 2"):
        philox_words((1, 1), stream)


def test_a_layer_cannot_reach_the_next_purpose():
    last = Stream(0).purpose(Purpose.D_REAL).at(4095)
    assert last.operation + 1 == Stream(0).purpose(Purpose.D_FAKE).operation
    with pytest.raises(ValueError, match="more than 4,096"):
        last.at(1)


@every_backend
@every_dtype
def test_dropout_keeps_what_is_below_and_drops_what_is_there(ops, dtype):
    """u < keep, not u ≤ keep: with a uniform itself as ``keep``, that number is dropped."""
    u = ops.to_numpy(ops.uniform((4, 9), STREAM, 0.0, 1.0, np.float32))
    ones = ops.asarray(np.ones((4, 9), dtype))
    for keep in u.ravel().tolist():  # of 24 bits: exact in float32
        kept = ops.to_numpy(ops.dropout(ones, keep, STREAM)) != 0
        np.testing.assert_array_equal(kept, u < keep)


@every_backend
def test_the_last_rows_of_a_stream(ops):
    """A row is a word of 32 bits: the last ones are there, and none is behind them."""
    last = Stream(7, row=2**32 - 3)
    words = ops.to_numpy(ops.random_words((3, 5), last))
    for i in range(3):
        one = ops.to_numpy(ops.random_words((1, 5), last._replace(row=last.row + i)))
        np.testing.assert_array_equal(words[i : i + 1], one)
    with pytest.raises(ValueError, match="row is 4294967293; expected a whole number"):
        ops.random_words((4, 5), last)
