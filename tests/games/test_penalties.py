"""Each penalty's value against its formula, its slope against a complex step of the value."""

import dataclasses
import json

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.games import DRAGAN, PENALTIES, R1, R2, WassersteinGP
from scratchgan.games.penalties import FAKE, OWN, PENALTY_LIST, REAL
from scratchgan.optim import Cosine, Current, LinearRamp

OPS = get_backend("reference")
STREAM = Stream(seed=4, step=2).purpose(Purpose.PENALTY)
EACH = [
    R1(0.7), R2(0.3), WassersteinGP(2.0), WassersteinGP(2.0, target=1.3, one_sided=True),
    WassersteinGP(2.0, target=0.5, eps=0.2), DRAGAN(1.5), DRAGAN(1.5, target=2.0),
]  # fmt: skip
each_penalty = pytest.mark.parametrize("penalty", EACH, ids=str)


def gradients(seed=0):
    g = np.random.default_rng(seed).normal(size=(6, 4))
    return g * np.array([[0.1], [0.5], [1.0], [2.0], [0.01], [5.0]])


def by_formula(penalty, g, strength):
    """P as the papers write it, for one list of gradients."""
    norms = np.sqrt((g * g).sum(axis=1) + getattr(penalty, "eps", 0))
    if isinstance(penalty, R1 | R2):
        return strength / 2 * np.mean(norms**2)
    excess = norms / penalty.target - 1
    if getattr(penalty, "one_sided", False):
        excess = np.where(excess.real > 0, excess, 0)
    return strength * np.mean(excess**2)


def errors(penalty, g, strength, slope):
    """Largest error of a slope, relative to its largest entry, by a complex step of P."""
    expected = np.zeros_like(g)
    for at in np.ndindex(g.shape):
        moved = g.astype(complex)
        moved[at] += 1e-30j
        expected[at] = by_formula(penalty, moved, strength).imag / 1e-30
    return np.abs(slope - expected).max() / np.abs(expected).max()


@each_penalty
def test_value_and_slope(penalty):
    g, strength = gradients(), Current(penalty.strength, 0)
    value, slope = penalty.value_and_slope(g, strength, OPS)
    assert value.shape == (1,)
    np.testing.assert_allclose(value, by_formula(penalty, g, penalty.strength), rtol=1e-14)
    assert errors(penalty, g, penalty.strength, slope) <= 1e-14


@each_penalty
def test_seeded_slips_are_rejected(penalty):
    """A forgotten factor 2, and the mean inside the norm."""
    g, strength = gradients(), penalty.strength
    _, slope = penalty.value_and_slope(g, strength, OPS)
    assert not errors(penalty, g, strength, 2 * slope) <= 1e-3
    assert not errors(penalty, g, strength, slope * len(g)) <= 1e-3
    if penalty.at == OWN:
        inside = 2 * strength * (np.linalg.norm(g) / penalty.target - 1) * g / np.linalg.norm(g)
        assert not errors(penalty, g, strength, inside) <= 1e-3


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (WassersteinGP(1.0, eps=1e-10), 9.0),
        (WassersteinGP(1.0, target=2.0, eps=1e-10), 1.0),
        (WassersteinGP(1.0, one_sided=True, eps=1e-10), 9.0),
    ],
)
def test_constants_of_tf_gan(penalty, value):
    """D(x) = 2 · sum(x) of 4 features, one example (losses_impl_test of TF-GAN)."""
    found, _ = penalty.value_and_slope(np.full((1, 4), 2.0), 1.0, OPS)
    np.testing.assert_allclose(found, [value], rtol=1e-9)


def test_without_a_gradient_the_slope_is_zero():
    """Where g = 0 the norm has no gradient; with eps, the root has one, and it is 0 too."""
    g = np.zeros((3, 2))
    for penalty in EACH:
        value, slope = penalty.value_and_slope(g, 1.0, OPS)
        assert np.isfinite(value).all()
        assert slope.tolist() == [[0, 0]] * 3


@each_penalty
def test_nan_is_not_hidden(penalty):
    g = gradients()
    g[2, 1] = np.nan
    value, slope = penalty.value_and_slope(g, 1.0, OPS)
    assert np.isnan(value).all()
    assert np.isnan(slope[2]).any()


# -- where they look --------------------------------------------------------------------------


def test_where():
    assert [penalty.at for penalty in PENALTIES.values()] == [REAL, FAKE, OWN, OWN]


def test_wasserstein_points_lie_between_pairs():
    """x + α (G(z) − x), with one α for all features of a pair."""
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(2, 9, 5))
    points = WassersteinGP().points(real, fake, STREAM, OPS)
    alpha = (points - real) / (fake - real)
    assert np.ptp(alpha, axis=1).max() <= 1e-12  # one a pair: not one a feature
    assert np.ptp(alpha[:, 0]) > 0.1  # and not one for all
    assert (alpha > -1e-12).all()
    assert (alpha < 1 + 1e-12).all()
    drawn = OPS.uniform((9, 1), STREAM, 0.0, 1.0, np.float64)
    np.testing.assert_allclose(alpha[:, :1], drawn, rtol=1e-10)


def test_dragan_points_are_those_of_the_authors_code():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(2.0, 3.0, size=(2, 9, 5))
    points = DRAGAN().points(real, fake, STREAM, OPS)
    u = OPS.uniform((9, 5), STREAM, 0.0, 1.0, np.float64)
    alpha = OPS.uniform((9, 1), STREAM.at(1), 0.0, 1.0, np.float64)
    perturbed = real + 0.5 * real.std() * u
    np.testing.assert_allclose(points, real + alpha * (perturbed - real), rtol=1e-13)
    wider = DRAGAN(spread=1.0).points(real, fake, STREAM, OPS)
    np.testing.assert_allclose(wider - real, 2 * (points - real), rtol=1e-9)


# -- strengths ----------------------------------------------------------------------------------


def test_a_lazy_penalty_acts_at_each_nth_update_n_times_as_strong():
    penalty = R1(LinearRamp(1.0, 0.0, 10), every=4)
    found = [penalty.strength_at(t) for t in range(9)]
    assert [t for t, strength in enumerate(found) if strength is not None] == [0, 4, 8]
    assert [found[t] for t in (0, 4, 8)] == [4 * 1.0, 4 * 0.6, 4 * penalty.gamma(8)]
    assert found[4].at(5) == 4 * penalty.gamma(5)
    assert (-0.5 * found[4]).at(5) == -2 * penalty.gamma(5)


# -- settings -----------------------------------------------------------------------------------


def test_plain_form_and_back():
    penalties = (R1(Cosine(0.1, 0.001, 100), every=16), WassersteinGP(10, one_sided=True))
    plain = PENALTY_LIST.to_plain("penalties", penalties)
    assert plain[1] == {
        "name": "wasserstein_gp", "every": 1, "weight": 10.0, "target": 1.0, "one_sided": True,
        "eps": 0.0,
    }  # fmt: skip
    assert PENALTY_LIST.from_plain("penalties", json.loads(json.dumps(plain))) == penalties
    word = PENALTY_LIST.word("penalties", penalties)
    assert PENALTY_LIST.from_plain("penalties", word) == penalties


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r1,r2", (R1(), R2())),
        ("r1=0.1, r2=0.2", (R1(0.1), R2(0.2))),
        ("wasserstein_gp", (WassersteinGP(),)),
        ('[{name = "r1", gamma = {name = "linear", start = 1, end = 0, steps = 5}, every = 2}]',
         (R1(LinearRamp(1, 0, 5), every=2),)),
        ("none", ()),
    ],
)  # fmt: skip
def test_words_of_the_command_line(text, expected):
    assert PENALTY_LIST.from_plain("penalties", text) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: R1(-0.1), r"R1: gamma is -0\.1; expected a number at least 0 .*schedule"),
        (lambda: R1("strong"), "R1: gamma is 'strong'"),
        (lambda: R1(0.1, every=0), "R1: every is 0; expected a whole number"),
        (lambda: WassersteinGP(target=0), "WassersteinGP: target is 0; expected a number above 0"),
        (lambda: WassersteinGP(one_sided="yes"), "one_sided is 'yes'"),
        (lambda: R1(LinearRamp), "R1: gamma is .*; expected"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r3", "unknown penalty 'r3'. Known: dragan, r1, r2"),
        ("r1=much", "penalties is 'r1=much': gamma is 'much', not a number; expected names"),
        ("[{name = 'r1'", "penalties is .*; expected names, such as r1=0.1,r2, or a list"),
        ("[{gamma = 0.1}]", "unknown penalty 'None'"),
        ("[3]", "penalties.0. is 3; expected a penalty"),
    ],
)
def test_words_that_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        PENALTY_LIST.check("", "penalties", PENALTY_LIST.from_plain("penalties", text))


def test_a_class_of_ones_own_can_be_named_where_it_is_known():
    """As in the config.json of a run whose recipe file defines it."""

    @dataclasses.dataclass(frozen=True)
    class Mine(R1):
        name = "mine"

    now = (Mine(0.5),)
    plain = PENALTY_LIST.to_plain("penalties", now)
    assert PENALTY_LIST.from_plain("penalties", plain, now) == now
    with pytest.raises(ValueError, match="unknown penalty 'mine'"):
        PENALTY_LIST.from_plain("penalties", plain)
