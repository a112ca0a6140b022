"""An error that is claimed is kept: against closed forms, where it is hard to keep."""

import itertools
import math

import numpy as np
import pytest

from scratchgan import theory
from scratchgan.errors import DataError
from scratchgan.games import Minimax
from scratchgan.theory import (
    GaussianMixture,
    Laplace,
    Logistic,
    Normal,
    SwissRoll,
    Tabulated,
    TwoMoons,
    Uniform,
    integrate,
)
from scratchgan.theory.crossings import crossings
from scratchgan.theory.integrate import integrate_plane


def hellinger_of_normals(s, t, d, dim=1):
    overlap = (2 * s * t / (s * s + t * t)) ** (dim / 2) * math.exp(-(d**2) / (4 * (s * s + t * t)))
    return math.sqrt(1 - overlap)


def kl_of_normals(s, t, d):
    return math.log(t / s) + (s * s + d * d) / (2 * t * t) - 0.5


def assert_kept(found, truth, useful):
    """The error is at least what is off, and no more than is of use."""
    assert abs(found.value - truth) <= found.error
    assert found.error <= useful


# -- far out, where x itself is rounded -----------------------------------------------------------


@pytest.mark.parametrize("mean", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("std", [1e-6, 1e-3, 1.0])
def test_narrow_and_far_out(mean, std):
    other = 1.85 * std
    shift = Normal(mean, std).mean + std - mean  # of the float that is nearest to mean + std
    p, q = Normal(mean, std), Normal(mean + std, other)
    # By how much of a standard deviation x is rounded, some 40 standard deviations out.
    useful = 1e-11 + 100 * np.finfo(float).eps * mean / std
    assert_kept(theory.hellinger(p, q), hellinger_of_normals(std, other, shift), useful)
    assert_kept(theory.kl(p, q), kl_of_normals(std, other, shift), 10 * useful)
    near = Normal(mean + std, std)
    truth = math.erf(shift / std / math.sqrt(8))  # 2 Φ(d / 2σ) − 1
    assert_kept(theory.total_variation(p, near), truth, useful)
    assert_kept(theory.wasserstein_1(p, near), shift, useful * std)


def test_nearly_equal():
    """What cancels leaves its rounding behind: of values of 1e-15, some 1e-17."""
    for d in (1e-8, 1e-6, 1e-3):
        p, q = Normal(0, 1), Normal(d, 1)
        truth = d**2 / 8 * (1 - d**2 / 8)
        assert_kept(theory.js(p, q), truth, 1e-13)
        assert_kept(theory.total_variation(p, q), math.erf(d / math.sqrt(8)), 1e-13)
        found = theory.hellinger(p, q)  # from the square of a difference, so that nothing cancels
        assert abs(found.value - hellinger_of_normals(1, 1, d)) <= found.error + 1e-8
        assert abs(found.value / math.sqrt(-math.expm1(-(d**2) / 8)) - 1) <= 1e-12 + 1e-15 / d


# -- kinks that no landmark is at -----------------------------------------------------------------


def test_a_kink_behind_the_last_node():
    """|F_p − F_q| has one 4e-5 above the uniform's lower end: no node of a panel lies between."""
    p, q = Uniform(-0.878298, 43.4332), Normal(0.541131, 0.298761)
    x = crossings(lambda x: p.cdf(x) - q.cdf(x), np.concatenate([p.landmarks(), q.landmarks()]))
    assert len(x) == 2
    # ∫ |F_p − F_q|: of F_q the integral is known, E max(0, x − X).
    edges = np.concatenate([[q.mean - 38 * q.std, p.low], x, [p.high]])

    def lower(t):  # ∫_{−∞}^t F_q
        u = (t - q.mean) / q.std
        density = np.exp(-u * u / 2) / math.sqrt(2 * math.pi)
        return q.std * (u * q.cdf(np.atleast_1d(t))[0] + density)

    def ramp(t):  # ∫_{−∞}^t F_p
        return max(0.0, t - p.low) ** 2 / (2 * (p.high - p.low))

    truth = sum(abs(ramp(b) - ramp(a) - lower(b) + lower(a)) for a, b in itertools.pairwise(edges))
    assert_kept(theory.wasserstein_1(p, q), truth, 1e-11)


def test_rules_that_agree_by_luck():
    """|x − c| for c all over a panel: Gauss and Kronrod err alike at some of them."""
    for c in np.linspace(-0.99, 0.99, 397):
        found = integrate(lambda x, c=c: np.abs(x - c), [-1.0, 1.0])
        assert abs(found.value - (1 + c * c)) <= found.error
        assert found.error <= 1e-10


def test_the_tolerance_is_shared():
    """Of a function with many peaks, the errors of all panels together keep to the tolerance."""
    found = integrate(lambda x: np.sqrt(np.abs(np.sin(40 * x))), np.linspace(0, math.pi, 41), 1e-6)
    exact = integrate(lambda x: np.sqrt(np.sin(x)), [0, math.pi], 1e-13).value
    assert abs(found.value - exact) <= found.error <= 2e-6


def test_what_f_says_of_its_rounding():
    found = integrate(lambda x: (x, 0.01 * np.ones_like(x)), [0.0, 2.0])
    assert found.value == pytest.approx(2)
    assert found.error == pytest.approx(0.02, rel=1e-6)
    plane = integrate_plane(lambda x: (x[:, 0], 0.01 * np.ones(len(x))), [0.0, 2.0], [0.0, 3.0])
    assert plane.error == pytest.approx(0.06, rel=1e-6)
    mean = Normal().expect(lambda x: (x[:, 0], 0.5 * np.ones(len(x))))
    assert mean.error == pytest.approx(0.5, rel=1e-6)


# -- in the plane ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "at"), [(1.0, 0.0), (1e-13, 0.0), (1e6, 1e8)])
def test_in_the_plane_at_any_scale(scale, at):
    p = GaussianMixture([[at, at]], scale)
    q = GaussianMixture([[at + 0.7 * scale, at]], 1.7 * scale)
    d = q.means[0, 0] - p.means[0, 0]
    s, t = scale, 1.7 * scale
    assert_kept(theory.hellinger(p, q), hellinger_of_normals(s, t, d, 2), 1e-7)
    truth = 2 * math.log(t / s) + (2 * s * s + d * d) / (2 * t * t) - 1
    assert_kept(theory.kl(p, q), truth, 1e-6)


# -- NaN and what is no array ---------------------------------------------------------------------

DENSITIES = [
    Normal(), Laplace(), Logistic(), Uniform(), Tabulated([0.0, 1, 2], [0.3, 0.7]),
    GaussianMixture([0.0, 2.0], 0.5), theory.ring(), SwissRoll(), TwoMoons(),
]  # fmt: skip


@pytest.mark.parametrize("p", DENSITIES, ids=repr)
def test_nan_in_nan_out(p):
    x = np.full((3, p.dim), 0.25)
    x[1, -1] = np.nan
    for f in (p.pdf, p.log_pdf, theory.optimal_discriminator(p, p)):
        assert np.isnan(f(x)).tolist() == [False, True, False]
    if p.dim == 1:
        assert np.isnan(p.cdf(x[:, 0])).tolist() == [False, True, False]
        other = theory.optimal_discriminator(Normal(3), p)
        assert np.isnan(other(x)).tolist() == [False, True, False]


@pytest.mark.parametrize("p", DENSITIES, ids=repr)
def test_masked_arrays_are_refused(p):
    x = np.ma.masked_greater(np.ones((3, p.dim)), 0)
    with pytest.raises(DataError, match="masked array"):
        p.log_pdf(x)
    if p.dim == 1:
        with pytest.raises(DataError, match="masked array"):
            p.cdf(x[:, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal("0"), "Normal: mean is '0'; expected a number"),
        (lambda: Normal(0, True), "Normal: std is True; expected a number above 0"),
        (lambda: GaussianMixture(["a"], 1.0), "means is .*; expected real numbers"),
        (lambda: GaussianMixture([0.0], 1.0, name=3), "name is 3; expected a string"),
        (lambda: theory.ring(1.5), "ring: modes is 1.5; expected a whole number"),
        (lambda: theory.grid(10**30), "grid: side is 10+; expected a whole number from 1 to 1,000"),
        (lambda: theory.gauss_legendre("3"), "gauss_legendre: n is '3'; expected a whole number"),
        (lambda: Normal().sample(3, 0), "rng is 0; expected a Generator"),
        (lambda: theory.kl(Normal(), 3), "q is 3; expected a density"),
        (lambda: theory.kl(Normal, Normal()), "p is the class Normal; .*call the class"),
        (lambda: theory.total_variation(None, Normal()), "p is None; expected a density"),
        (lambda: theory.value(3, Normal(), Normal()), "logit is 3; expected a function"),
        (
            lambda: theory.optimal_logit(Normal(), theory.ring()),
            "p_data has dimension 1 and p_g has dimension 2",
        ),
        (lambda: theory.sample_gradient([0.0], [1.0], "gan"), "game is 'gan'; expected a game"),
        (lambda: theory.sample_gradient([0.0], [1.0], Minimax), "game is the class Minimax"),
        (lambda: Normal().sample(10**30, np.random.default_rng(0)), "n is 10+; expected a whole"),
        (lambda: Normal().expect(3), "expect: f is 3; expected a function"),
        (
            lambda: integrate(lambda x: np.ones((9, 1)), [0, 1]),
            r"f has shape \(9, 1\) at 15 points",
        ),
        (lambda: Normal().expect(lambda x: x), r"f has shape \(\d+, 1\) at \d+ points"),
        (
            lambda: theory.js(*2 * [GaussianMixture([[0.0, 0, 0]], 1)]),
            "dimension 3; integrals expect",
        ),
        (lambda: integrate(3, [0, 1]), "integrate: f is 3; expected a function"),
        (lambda: integrate(np.sin, "ab"), "integrate: points is 'ab'; expected a NumPy array"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
