"""The density of a generator on the line: closed forms, mass, samples, and what must be refused."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.errors import ShapeError
from scratchgan.exact.knots import g_and_dg, knots_1d
from scratchgan.nn import Dropout, LeakyReLU, Linear, Maxout, Network, Sequential
from scratchgan.theory import (
    GaussianMixture,
    Laplace,
    Normal,
    Tabulated,
    Uniform,
    js,
    kl,
)
from scratchgan.theory.pushforward import pushforward_1d

N = Normal()
U = Uniform(-2.0, 2.0)


def sigmoid(a):
    def g(z):
        e = np.exp(-np.abs(a * z))
        y = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
        return y, a * y * (1 - y)

    return g


def logit(x):
    return np.log(x) - np.log1p(-x)


def zigzag(z):
    """Up with slope 2 to z = −½, down with slope −1 to z = 1, up with slope ½."""
    y = np.where(z < -0.5, 2 * z + 1.5, np.where(z < 1, -z, 0.5 * z - 1.5))
    return y, np.where(z < -0.5, 2.0, np.where(z < 1, -1.0, 0.5))


def zigzag_pdf(x):
    p = np.zeros_like(x)
    p += np.where(x < 0.5, N.pdf((x - 1.5) / 2) / 2, 0)
    p += np.where((x > -1) & (x < 0.5), N.pdf(-x), 0)
    p += np.where(x > -1, N.pdf(2 * x + 3) * 2, 0)
    return p


def zigzag_cdf(x):
    F = N.cdf(np.minimum((x - 1.5) / 2, -0.5))
    F += np.where(x > -1, N.cdf(np.ones(1)) - N.cdf(np.clip(-x, -0.5, 1)), 0)
    return F + np.where(x > -1, N.cdf(2 * x + 3) - N.cdf(np.ones(1)), 0)


class Case(NamedTuple):
    """A generator whose p_g is known; pdf and cdf are of its part without atoms."""

    g: object
    p_z: object
    knots: object
    pdf: object
    cdf: object
    low: float  # where pdf and cdf are compared
    high: float
    atoms: tuple = ()


NOTHING = (lambda x: 0 * x, lambda x: 0 * x)
HALF_NORMAL = (lambda x: 2 * N.pdf(x) * (x > 0), lambda x: np.maximum(2 * N.cdf(x) - 1, 0))
CASES = {
    "affine": Case(
        lambda z: (3 * z - 1, 3 + 0 * z), N, None,
        lambda x: N.pdf((x + 1) / 3) / 3, lambda x: N.cdf((x + 1) / 3), -90, 90),
    "affine, downwards, knots": Case(
        lambda z: (-3 * z - 1, -3 + 0 * z), N, [],
        lambda x: N.pdf((x + 1) / 3) / 3, lambda x: N.cdf((x + 1) / 3), -90, 90),
    "square": Case(  # χ² with one degree of freedom
        lambda z: (z**2, 2 * z), N, None,
        lambda x: np.exp(-x / 2) / np.sqrt(2 * np.pi * x),
        lambda x: np.vectorize(math.erf)(np.sqrt(x / 2)), 1e-9, 80),
    "absolute value": Case(
        lambda z: (np.abs(z), np.sign(z)), N, None, *HALF_NORMAL, 1e-9, 9),
    "absolute value, knots": Case(
        lambda z: (np.abs(z), np.sign(z)), N, [0.0], *HALF_NORMAL, 1e-9, 9),
    "tanh of a normal": Case(
        lambda z: (np.tanh(z), 1 - np.tanh(z) ** 2), N, None,
        lambda x: N.pdf(np.arctanh(x)) / (1 - x**2), lambda x: N.cdf(np.arctanh(x)),
        -0.999, 0.999),
    "tanh of a uniform": Case(
        lambda z: (np.tanh(z), 1 - np.tanh(z) ** 2), U, None,
        lambda x: 0.25 / (1 - x**2), lambda x: (np.arctanh(x) + 2) / 4,
        -math.tanh(2), math.tanh(2)),
    "sigmoid of a normal": Case(
        sigmoid(1), N, None,
        lambda x: N.pdf(logit(x)) / (x * (1 - x)), lambda x: N.cdf(logit(x)), 1e-3, 0.999),
    "sigmoid of a uniform": Case(
        sigmoid(1), U, None,
        lambda x: 0.25 / (x * (1 - x)), lambda x: (logit(x) + 2) / 4,
        1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))),
    "cube": Case(  # a pole where G stands still but does not fold
        lambda z: (z**3, 3 * z**2), N, None,
        lambda x: N.pdf(np.cbrt(x)) / (3 * np.cbrt(x) ** 2), lambda x: N.cdf(np.cbrt(x)), -30, 30),
    "zigzag": Case(zigzag, N, None, zigzag_pdf, zigzag_cdf, -4, 4),
    "zigzag, knots": Case(zigzag, N, [-0.5, 1.0], zigzag_pdf, zigzag_cdf, -4, 4),
    "relu": Case(
        lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), N, None,
        lambda x: N.pdf(x) * (x > 0), lambda x: np.maximum(N.cdf(x) - 0.5, 0), 1e-9, 9,
        ((0.0, 0.5),)),
    "relu, knots": Case(
        lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), N, [0.0],
        lambda x: N.pdf(x) * (x > 0), lambda x: np.maximum(N.cdf(x) - 0.5, 0), 1e-9, 9,
        ((0.0, 0.5),)),
    "clipped at both ends": Case(
        lambda z: (np.clip(2 * z, -1, 3), 2.0 * (np.abs(2 * z - 1) < 2)), N, [-0.5, 1.5],
        lambda x: N.pdf(x / 2) / 2 * (np.abs(x - 1) < 2),
        lambda x: N.cdf(np.clip(x / 2, -0.5, 1.5)) - N.cdf([-0.5]), -2, 4,
        ((-1.0, float(N.cdf([-0.5])[0])), (3.0, float(N.cdf([-1.5])[0])))),
    "constant": Case(lambda z: (0 * z + 2.5, 0 * z), N, None, *NOTHING, 0, 5, ((2.5, 1.0),)),
    "constant, knots": Case(lambda z: (0 * z + 2.5, 0 * z), N, [], *NOTHING, 0, 5, ((2.5, 1.0),)),
}  # fmt: skip
# Without a closed form here, but mass, samples and expectations can be checked.
OTHERS = {
    "saturated sigmoid": (sigmoid(1000), N, None),
    "folds far from 0": (lambda z: (5 + (z - 0.3) ** 2, 2 * (z - 0.3)), N, None),
    "many folds": (lambda z: (np.sin(7 * z), 7 * np.cos(7 * z)), N, None),
    "steps": (lambda z: (np.sign(z - 0.1) + (z > 1), 0 * z), N, None),
    "kinked prior": (lambda z: (z + np.sin(3 * z), 1 + 3 * np.cos(3 * z)), Laplace(), None),
    "jumping prior": (
        lambda z: (z**2, 2 * z), Tabulated([-1, 0, 0.5, 2], [0.2, 0.5, 0.3]), None),
    "two bumps": (lambda z: (z**2 - z, 2 * z - 1), GaussianMixture([-2.0, 2.0], 0.3), None),
    "narrow fold": (
        lambda z: (z + 0.3 * np.exp(-((z - 0.5) / 0.003) ** 2),
                   1 - 0.6 * (z - 0.5) / 0.003**2 * np.exp(-((z - 0.5) / 0.003) ** 2)), N, None),
}  # fmt: skip
every_case = pytest.mark.parametrize("name", CASES)
EVERYTHING = {**{name: case[:3] for name, case in CASES.items()}, **OTHERS}
everything = pytest.mark.parametrize("name", EVERYTHING)


def made(name):
    g, p_z, knots = EVERYTHING[name]
    return pushforward_1d(g, p_z, knots=knots)


# -- closed forms ------------------------------------------------------------------------------


@every_case
def test_density_and_cdf_are_the_closed_form(name):
    case, p_g = CASES[name], made(name)
    x = np.linspace(case.low, case.high, 402)[1:-1]
    pdf, cdf = case.pdf(x), case.cdf(x) + sum(mass * (x >= at) for at, mass in case.atoms)
    there = pdf > 1e-300
    assert there.any() or name.startswith("constant")
    assert (p_g.pdf(x)[~there] < 1e-300).all()
    assert np.abs(p_g.pdf(x)[there] / pdf[there] - 1).max(initial=0) <= 1e-11
    assert np.abs(p_g.cdf(x) - cdf).max() <= 1e-13
    # A density that is off by 1e-6 of itself would not pass.
    if there.any():
        assert not np.abs(1.000001 * p_g.pdf(x)[there] / pdf[there] - 1).max() <= 1e-11


@every_case
def test_atoms_are_the_closed_form(name):
    case, p_g = CASES[name], made(name)
    assert [atom.x for atom in p_g.atoms] == [x for x, _ in case.atoms]
    for atom, (x, mass) in zip(p_g.atoms, case.atoms, strict=True):
        assert abs(atom.mass - mass) <= 1e-11
        assert p_g.log_pdf([x])[0] == np.inf
        assert p_g.cdf([x])[0] - p_g.cdf([x - 1e-6])[0] >= mass - 1e-11
    total = sum(mass for _, mass in case.atoms)
    assert abs(p_g.continuous_mass - (1 - total)) <= 1e-11


def test_log_pdf_goes_on_where_the_density_underflows():
    for knots in (None, []):
        p_g = pushforward_1d(lambda z: (z / 10, 0.1 + 0 * z), N, knots=knots)
        x = np.array([-40.0, 5.0, 30.0])
        assert np.abs(p_g.log_pdf(x) / Normal(0, 0.1).log_pdf(x) - 1).max() <= 1e-13
        assert p_g.pdf(x).tolist() == [0, 0, 0]
        found, truth = kl(N, p_g), math.log(0.1) + 50 - 0.5
        assert abs(found.value - truth) <= 1e-9


def test_saturation_is_an_atom_where_float64_holds_no_digits():
    """σ(1000 z) rounds to 1 for z > 0.037; near 0 float64 goes on to 1e-308."""
    p_g = made("saturated sigmoid")
    top = p_g.atoms[-1]
    assert top.x == 1.0
    assert 0.48 <= top.mass <= 0.4890  # z > 0.028 alone: within 1e-12 of 1
    assert p_g.continuous_mass <= 0.28
    assert abs(p_g.cdf([0.5])[0] - 0.5) <= 1e-12
    assert abs(p_g.cdf([1e-9])[0] - N.cdf([logit(1e-9) / 1000])[0]) <= 1e-12


# -- mass, expectations, roots -------------------------------------------------------------------


@everything
def test_mass_is_one_within_the_reported_error(name):
    p_g = made(name)
    mass = p_g.mass()
    assert abs(mass.value - 1) <= mass.error + 1e-14
    assert mass.error <= 1e-5
    assert abs(mass.value - 1) + mass.error <= p_g.error <= 2e-5 or name == "kinked prior"
    assert abs(p_g.continuous_mass + sum(atom.mass for atom in p_g.atoms) - 1) <= mass.error + 1e-14


@everything
def test_expectations_are_those_of_g_of_z(name):
    g, p_z, _ = EVERYTHING[name]
    p_g = made(name)
    marks = np.linspace(-3, 3, 61)
    direct = p_z.expect(lambda z: np.cos(g(z[:, 0])[0]), marks)
    found = p_g.expect(lambda x: np.cos(x[:, 0]), [0.2])
    assert abs(found.value - direct.value) <= found.error + direct.error + 1e-11
    # A jump of f is cut out, in x: the expectation is then the cdf.
    at = float(np.median(p_g.sample(99, np.random.default_rng(0)))) + 1e-3
    below = p_g.expect(lambda x: 1.0 * (x[:, 0] <= at), [at])
    assert abs(below.value - p_g.cdf([at])[0]) <= below.error + 1e-11


@everything
def test_landmarks_increase_and_hold_all_mass(name):
    p_g = made(name)
    marks = p_g.landmarks()
    assert (np.diff(marks) > 0).all()
    assert p_g.support[0] <= marks[0] <= marks[-1] <= p_g.support[1]
    assert {atom.x for atom in p_g.atoms} <= set(marks)
    assert p_g.cdf([marks[-1]])[0] >= 1 - 1e-11
    assert p_g.cdf([np.nextafter(marks[0], -np.inf)])[0] <= 1e-7  # a fold may be a rounding lower
    assert p_g.log_pdf([np.nextafter(p_g.support[1], np.inf)])[0] == -np.inf


def test_roots():
    p_g = made("zigzag, knots")
    assert np.abs(p_g.roots(0.0) - [-0.75, 0.0, 3.0]).max() <= 1e-15
    assert p_g.roots(0.75).tolist() == [4.5]
    p_g = made("many folds")
    roots = p_g.roots(0.5)
    assert np.abs(np.sin(7 * roots) - 0.5).max() <= 1e-13
    inside = roots[np.abs(roots) < 6]
    k = np.arange(-8, 8)
    expected = (
        np.sort(np.concatenate([np.pi / 6 + 2 * np.pi * k, 5 * np.pi / 6 + 2 * np.pi * k])) / 7
    )
    assert np.abs(inside - expected[np.abs(expected) < 6]).max() <= 1e-14
    assert made("relu, knots").roots(0.0).size <= 1  # the stretch of the atom is not listed
    assert made("relu, knots").roots(-1.0).size == 0


def test_what_a_mass_defect_is_worth():
    """Without some of the cells the density is too small, and ``error`` says by how much."""
    p_g = made("zigzag, knots")
    falling = ~p_g._cells.rising
    p_g._mass, p_g._cells = p_g._mass[~falling], p_g._cells.only(~falling)
    lost = N.cdf([1.0])[0] - N.cdf([-0.5])[0]
    assert p_g.error >= lost


def test_a_jump_has_no_density_in_its_gap():
    p_g = pushforward_1d(lambda z: (z + np.sign(z - 0.1), 1 + 0 * z), N)
    x = np.array([-1.0, 0.0, 0.5, 1.2])
    assert np.abs(p_g.pdf(x) - [N.pdf([0.0])[0], 0, 0, N.pdf([0.2])[0]]).max() <= 1e-14
    assert abs(p_g.cdf([0.5])[0] - N.cdf([0.1])[0]) <= 1e-12


# -- samples ------------------------------------------------------------------------------------


def kolmogorov_smirnov(x, cdf):
    """√n times the greatest distance between two cdfs, where x may have ties."""
    at, count = np.unique(x, return_counts=True)
    empirical = np.cumsum(count) / x.size
    some = np.unique(np.linspace(0, at.size - 1, 5000).astype(int))
    return np.abs(cdf(at[some]) - empirical[some]).max() * math.sqrt(x.size)


# Chance exceeds 2.5 with a probability of 2 e^(−2 · 2.5²) = 7e-6.
LIMIT = 2.5


@everything
def test_samples_follow_the_cdf(name):
    g, p_z, _ = EVERYTHING[name]
    p_g = made(name)
    x = p_g.sample(100_000, np.random.default_rng(1))
    assert x.shape == (100_000, 1)
    assert kolmogorov_smirnov(x[:, 0], p_g.cdf) <= LIMIT
    z = p_z.sample(20_000, np.random.default_rng(2))[:, 0]
    assert np.abs(p_g.sample(20_000, np.random.default_rng(2))[:, 0] - g(z)[0]).max() <= 1e-9


def by_roots(p_g, g, grid, divide=True, roots=None):
    """Σ p_z(z) / |G′(z)|, root by root, from the public API alone, and possibly wrong."""
    pdf = []
    for x in grid:
        z = p_g.roots(x)[:roots]
        slopes = np.abs(g(z)[1]) if divide else np.ones(z.size)
        pdf.append((p_g.p_z.pdf(z) / slopes).sum())
    return np.array(pdf)


def histogram_distance(g, p_z, pdf, atoms=()):
    """√n times the greatest distance of sampled from summed masses, up to the edges of 400 bins."""
    n, edges = 100_000, np.linspace(-4, 4, 401)  # p_g jumps at some of them
    x = g(p_z.sample(n, np.random.default_rng(3))[:, 0])[0]
    sampled = np.searchsorted(np.sort(x), edges[1:]) / n
    masses = pdf((edges[1:] + edges[:-1]) / 2) * np.diff(edges)
    for atom in atoms:
        masses[np.searchsorted(edges, atom.x, side="right") - 1] += atom.mass
    below = p_z.cdf(np.array([-2.75]))[0] if g is zigzag else 0.0  # what lies under −4
    return np.abs(sampled - below - masses.cumsum()).max() * math.sqrt(n)


def test_a_histogram_rejects_wrong_densities():
    p_g = made("zigzag, knots")
    right = histogram_distance(zigzag, N, p_g.pdf)
    assert right <= LIMIT
    same = histogram_distance(zigzag, N, lambda x: by_roots(p_g, zigzag, x))
    assert abs(same - right) <= 1e-9
    for slip in ({"divide": False}, {"roots": 1}, {"roots": 2}):
        found = histogram_distance(zigzag, N, lambda x, slip=slip: by_roots(p_g, zigzag, x, **slip))
        assert not found <= LIMIT


def test_a_histogram_rejects_dropped_atoms():
    g, p_z, knots, *_ = CASES["clipped at both ends"]
    p_g = pushforward_1d(g, p_z, knots=knots)
    assert histogram_distance(g, p_z, p_g.pdf, p_g.atoms) <= LIMIT
    for kept in (p_g.atoms[:1], p_g.atoms[1:], ()):
        assert not histogram_distance(g, p_z, p_g.pdf, kept) <= LIMIT


# -- divergences --------------------------------------------------------------------------------


def test_js_of_an_affine_generator_is_that_of_normals():
    for knots in (None, []):
        p_g = pushforward_1d(lambda z: (2 * z + 1, 2 + 0 * z), N, knots=knots)
        found, truth = js(N, p_g), js(N, Normal(1, 2))
        assert abs(found.value - truth.value) <= found.error + truth.error + 1e-13


def test_js_with_atoms_and_folds_by_hand():
    # relu: on x > 0 the densities are equal; N's lower half and the atom are disjoint.
    assert abs(js(made("relu, knots"), N).value - math.log(2) / 2) <= 1e-12
    assert abs(js(made("constant"), N).value - math.log(2)) <= 1e-12
    # |z|: p_g = 2 p on x > 0. JS = ½ [E_p log p/m + E_g log 2p/m], m = 3/2 p on x > 0, p/2 below.
    truth = (0.5 * math.log(2 / 3) + 0.5 * math.log(2) + math.log(4 / 3)) / 2
    for name in ("absolute value", "absolute value, knots"):
        assert abs(js(N, made(name)).value - truth) <= 1e-12
    assert kl(made("constant"), N).value == np.inf


# -- networks -----------------------------------------------------------------------------------

ARCHITECTURES = {
    "relu": lambda: Sequential(Linear(1, 16, "relu"), Linear(16, 12, "relu"), Linear(12, 1)),
    "leaky": lambda: Sequential(
        Linear(1, 12), LeakyReLU(0.2), Dropout(0.5), Linear(12, 8, "leaky_relu"), Linear(8, 1)
    ),
    "maxout": lambda: Sequential(
        Linear(1, 12), Maxout(4, 3), Linear(4, 10), Maxout(5, 2), Linear(5, 1)
    ),
    "relu alone": lambda: Sequential(Linear(1, 3, "relu"), Linear(3, 2, "relu"), Linear(2, 1)),
    "softplus": lambda: Sequential(Linear(1, 16, "softplus"), Linear(16, 1)),
    "tanh": lambda: Sequential(Linear(1, 12, "tanh"), Linear(12, 8, "tanh"), Linear(8, 1)),
    "sigmoid on relu": lambda: Sequential(Linear(1, 12, "relu"), Linear(12, 1, "sigmoid")),
}
PRIORS = [N, Uniform(-1, 1)]


def network(name, seed, scale):
    G = Network(ARCHITECTURES[name](), seed=seed)
    noise = np.random.default_rng(seed).normal(0, scale, G.flat.shape)
    G.flat[:] += noise.astype(np.float32)
    return G


@pytest.mark.parametrize("name", ARCHITECTURES)
@settings(max_examples=6)
@given(seed=st.integers(0, 100_000), scale=st.sampled_from([0.3, 1.0]), p_z=st.sampled_from(PRIORS))
@pytest.mark.slow
def test_random_networks(name, seed, scale, p_z):
    G = network(name, seed, scale)
    f, (low, high) = g_and_dg(G), p_z.landmarks()[[0, -1]]
    p_g = pushforward_1d(f, p_z, knots=knots_1d(G, low, high))
    mass = p_g.mass()
    assert abs(mass.value - 1) <= mass.error + 1e-14
    x = p_g.sample(20_000, np.random.default_rng(0))[:, 0]
    assert kolmogorov_smirnov(x, p_g.cdf) <= LIMIT
    # Found without its knots, it is the same but for the stretches between bend and fold.
    searched = pushforward_1d(f, p_z)
    at = np.quantile(x, np.linspace(0.01, 0.99, 50)) + 1e-6
    assert np.abs(p_g.cdf(at) - searched.cdf(at)).max() <= 1e-7
    assert abs(searched.mass().value - 1) <= searched.mass().error + 1e-14


def test_many_pieces_are_quick():
    layers = [Linear(1, 160, "relu"), Linear(160, 160, "relu"), Linear(160, 1)]
    G = Network(Sequential(*layers), seed=0)
    G.flat[:] += np.random.default_rng(0).normal(0, 0.5, G.flat.shape).astype(np.float32)
    knots = knots_1d(G, -38, 38)
    assert knots.size >= 200
    g, asked = g_and_dg(G), []

    def counted(z):
        asked.append(np.size(z))
        return g(z)

    p_g = pushforward_1d(counted, N, knots=knots)
    x = p_g.sample(10_000, np.random.default_rng(0))
    asked.clear()
    log_p = p_g.log_pdf(x)
    assert len(asked) <= 100  # not once a piece
    assert sum(asked) <= 10 * len(x)  # nor each point in every piece
    assert np.isfinite(log_p).all()


# -- refused ------------------------------------------------------------------------------------

IDENTITY = (lambda z: (z, np.ones_like(z)), N, {})


@pytest.mark.parametrize(
    ("g", "p_z", "options", "error", "message"),
    [
        (IDENTITY[0], GaussianMixture([[0, 0]], 1), {}, ShapeError, "dimension 2.*pushforward_2d"),
        (IDENTITY[0], N, {"knots": [1.0, 0.0]}, ValueError, "increasing"),
        (IDENTITY[0], N, {"knots": [0.0, np.nan]}, ValueError, "increasing"),
        (IDENTITY[0], N, {"knots": [[0.0]]}, ShapeError, r"expected \(k,\)"),
        (lambda z: z, N, {}, ShapeError, "no pair"),
        (lambda z: (z, z[:-1]), N, {}, ShapeError, "expected"),
        (lambda z: (np.stack([z, z], 1), z), N, {}, ShapeError, "pushforward_2d"),
        (lambda z: (np.where(z > 3, np.nan, z), 1 + 0 * z), N, {}, ValueError, "is nan"),
        (lambda z: (np.exp(z**2), 2 * z * np.exp(z**2)), N, {}, ValueError, "is inf"),
        (lambda z: (z**2, 2 * z), N, {"knots": [0.0]}, ValueError, "not linear between the knots"),
        (lambda z: (np.abs(z), np.sign(z)), N, {"knots": []}, ValueError, "not linear"),
        (lambda z: (2 * z, 1 + 0 * z), N, {"knots": []}, ValueError, "G′ is 1"),
        (lambda z: (z, 1.5 + 0 * z), N, {}, ValueError, "G′ is not its derivative"),
    ],
)  # fmt: skip
def test_refused(g, p_z, options, error, message):
    with pytest.raises(error, match=message):
        pushforward_1d(g, p_z, **options)


def test_a_prior_with_atoms_is_refused():
    with pytest.raises(ValueError, match="atoms"):
        pushforward_1d(IDENTITY[0], made("relu, knots"))


def test_a_pushforward_can_be_pushed_forward():
    twice = pushforward_1d(lambda z: (2 * z, 2 + 0 * z), made("square"))
    x = np.array([0.1, 1.0, 5.0])
    assert np.abs(twice.pdf(x) / (made("square").pdf(x / 2) / 2) - 1).max() <= 1e-12
    assert abs(twice.mass().value - 1) <= twice.mass().error


def test_repr_says_what_it_is():
    assert repr(made("relu, knots")) == (
        "Pushforward(of Normal(mean=0, std=1) by a piecewise-linear G, 1 atoms)"
    )
