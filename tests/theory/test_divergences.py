"""Divergences and the game's value: closed forms, properties, and the extremes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.errors import ShapeError
from scratchgan.theory import (
    GaussianMixture,
    Laplace,
    Logistic,
    Normal,
    SwissRoll,
    Tabulated,
    TwoMoons,
    Uniform,
    grid,
    hellinger,
    js,
    kl,
    reverse_kl,
    ring,
    total_variation,
    virtual_criterion,
    wasserstein_1,
)

LOG2, LOG4 = math.log(2), math.log(4)


def assert_is(estimate, truth, most=1e-8):
    """Within the error that is reported, which itself is small."""
    assert abs(estimate.value - truth) <= estimate.error + 1e-14, (estimate, truth)
    assert estimate.error <= most


def kl_normals(m1, s1, m2, s2):
    return math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


means = st.floats(-20, 20)
stds = st.floats(0.05, 20)


@st.composite
def densities(draw):
    kind = draw(st.sampled_from(["normal", "mixture", "uniform", "laplace", "logistic", "table"]))
    mean, std = draw(means), draw(stds)
    if kind == "uniform":
        return Uniform(mean, mean + std)
    if kind == "mixture":
        return GaussianMixture([mean, mean + draw(st.floats(0.1, 30))], std, [0.3, 0.7])
    if kind == "table":
        masses = np.array(draw(st.lists(st.integers(0, 9), min_size=2, max_size=6))) + 1e-3
        return Tabulated(mean + std * np.arange(masses.size + 1), masses / masses.sum())
    return {"normal": Normal, "laplace": Laplace, "logistic": Logistic}[kind](mean, std)


class TestClosedForms:
    @given(m1=means, s1=stds, m2=means, s2=stds)
    def test_kl_of_normals(self, m1, s1, m2, s2):
        truth = kl_normals(m1, s1, m2, s2)
        assert_is(kl(Normal(m1, s1), Normal(m2, s2)), truth, 1e-8 * max(1, truth))
        assert_is(reverse_kl(Normal(m2, s2), Normal(m1, s1)), truth, 1e-8 * max(1, truth))

    @given(m1=means, s1=stds, m2=means, s2=stds)
    def test_hellinger_of_normals(self, m1, s1, m2, s2):
        s = s1**2 + s2**2
        overlap = math.sqrt(2 * s1 * s2 / s) * math.exp(-((m1 - m2) ** 2) / (4 * s))
        assert_is(hellinger(Normal(m1, s1), Normal(m2, s2)), math.sqrt(max(0, 1 - overlap)), 1e-5)

    @given(mean=means, std=stds, shift=st.floats(-20, 20))
    def test_shifts(self, mean, std, shift):
        """Total variation of shifted normals: erf(|δ| / 2√2 σ); Wasserstein-1: |δ|."""
        p, q = Normal(mean, std), Normal(mean + shift, std)
        assert_is(total_variation(p, q), math.erf(abs(shift) / (2 * math.sqrt(2) * std)))
        assert_is(wasserstein_1(p, q), abs(shift), 1e-7)

    def test_wasserstein_of_scaled_normals(self):
        """E|X| (σ₂ − σ₁) for one mean: quantiles are matched."""
        truth = math.sqrt(2 / math.pi) * (3 - 1)
        assert_is(wasserstein_1(Normal(0, 1), Normal(0, 3)), truth)

    def test_uniforms(self):
        p, q = Uniform(0, 2), Uniform(1, 3)
        assert_is(total_variation(p, q), 0.5)
        assert_is(js(p, q), LOG2 / 2)
        assert_is(wasserstein_1(p, q), 1.0)
        assert_is(kl(Uniform(0, 1), Uniform(-1, 3)), LOG4)
        assert kl(Uniform(-1, 3), Uniform(0, 1)).value == math.inf

    def test_laplace(self):
        """KL of two Laplace densities of one scale b at distance d: d/b + e^(−d/b) − 1."""
        for d in (0.0, 0.3, 5.0):
            assert_is(kl(Laplace(0, 0.5), Laplace(d, 0.5)), d / 0.5 + math.exp(-d / 0.5) - 1)

    def test_a_mixture_in_the_plane(self):
        """Two far normals against one of them: KL = log 2 one way, JS = ¾ log 4/3 …"""
        pair = GaussianMixture([[0.0, 0.0], [50.0, 0.0]], 0.5)
        one = GaussianMixture([[0.0, 0.0]], 0.5)
        assert_is(kl(one, pair), LOG2)
        assert_is(js(one, pair), 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * LOG2)
        assert kl(pair, one).value >= 1000

    def test_shifted_normals_in_the_plane(self):
        p, q = GaussianMixture([[0.0, 0.0]], 0.7), GaussianMixture([[1.0, -2.0]], 0.7)
        assert_is(kl(p, q), 5 / (2 * 0.49))


class TestDisjoint:
    @pytest.mark.parametrize(
        ("p", "q"),
        [
            (Uniform(0, 1), Uniform(2, 3)),
            (Uniform(0, 1), Uniform(1, 2)),
            (Tabulated([0, 1, 2], [1, 0]), Tabulated([0, 1, 2], [0, 1])),
        ],
    )
    def test_on_the_line(self, p, q):
        assert_is(js(p, q), LOG2)
        assert kl(p, q).value == kl(q, p).value == math.inf
        assert_is(total_variation(p, q), 1.0)
        assert_is(hellinger(p, q), 1.0)
        assert_is(virtual_criterion(p, q), 0.0)

    def test_so_far_apart_that_densities_underflow(self):
        p, q = Normal(-1e4, 1.0), Normal(1e4, 1.0)
        assert_is(js(p, q), LOG2)
        assert_is(kl(p, q), 2e8, 1.0)
        assert np.isfinite(kl(p, q).value)

    def test_wasserstein_tells_them_apart(self):
        assert_is(wasserstein_1(Uniform(0, 1), Uniform(7, 8)), 7.0)


class TestProperties:
    @settings(max_examples=100)
    @given(p=densities(), q=densities())
    def test_bounds_and_symmetry(self, p, q):
        one, two = js(p, q), js(q, p)
        assert abs(one.value - two.value) <= one.error + two.error
        assert -one.error <= one.value <= LOG2 + one.error
        tv, h = total_variation(p, q), hellinger(p, q)
        slack = 1e-6
        assert -slack <= tv.value <= 1 + slack
        # Le Cam; Lin 1991, Theorem 3; Pinsker
        assert h.value**2 <= tv.value + slack
        assert tv.value <= math.sqrt(2) * h.value + slack
        assert one.value <= LOG2 * tv.value + slack
        assert 2 * tv.value**2 <= kl(p, q).value + slack

    @settings(max_examples=50)
    @given(p=densities())
    def test_nothing_from_itself(self, p):
        for divergence in (kl, js, total_variation, wasserstein_1):
            assert_is(divergence(p, p), 0.0)
        assert_is(virtual_criterion(p, p), -LOG4)

    @settings(max_examples=50)
    @given(p=densities(), q=densities())
    def test_criterion_is_what_theorem_1_says(self, p, q):
        c, distance = virtual_criterion(p, q), js(p, q)
        assert abs(c.value - (-LOG4 + 2 * distance.value)) <= c.error + 2 * distance.error + 1e-12

    def test_criterion_is_at_least_minus_log_4_on_ten_thousand_pairs(self):
        """… with equality if and only if the two are equal. Tables: each pair has a closed form."""
        rng = np.random.default_rng(0)
        p, q = rng.dirichlet(np.full(12, 0.5), (2, 10_000))
        q[::10] = p[::10]  # every tenth pair is equal
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, p * np.log(p / (p + q)), 0)
            terms += np.where(q > 0, q * np.log(q / (p + q)), 0)
        c = terms.sum(axis=1)
        equal = np.arange(10_000) % 10 == 0
        assert (np.abs(c[equal] + LOG4) <= 1e-12).all()
        apart = 0.5 * np.abs(p - q).sum(axis=1)[~equal]  # C + log 4 = 2 JS ≥ TV² (Pinsker)
        assert (c[~equal] + LOG4 >= apart**2 - 1e-12).all()
        assert apart.min() > 0
        edges = np.arange(13.0)
        for i in range(0, 10_000, 97):  # and the library's own quadrature agrees
            found = virtual_criterion(Tabulated(edges, p[i]), Tabulated(edges, q[i]))
            assert abs(found.value - c[i]) <= found.error + 1e-9

    @settings(max_examples=30)
    @given(p=densities(), q=densities(), cut=st.lists(st.floats(-30, 50), min_size=1, max_size=6))
    def test_data_processing(self, p, q, cut):
        """Looking at which bin x fell into, instead of x, cannot raise a divergence."""
        edges = np.concatenate([[-1e5], np.unique(cut), [1e5]])

        def binned(d):
            masses = np.diff(d.cdf(edges))
            return Tabulated(edges, masses / masses.sum())

        for divergence in (kl, js, total_variation):
            coarse, fine = divergence(binned(p), binned(q)), divergence(p, q)
            assert coarse.value <= fine.value + fine.error + coarse.error + 1e-9

    @pytest.mark.parametrize("scale", [-0.01, 0.5, 300.0])
    def test_change_of_variables(self, scale):
        """x → scale · x + 7 changes no divergence."""
        p, q = Normal(1, 2), GaussianMixture([-1.0, 3.0], 1.0)
        p2 = Normal(scale * 1 + 7, abs(scale) * 2)
        q2 = GaussianMixture(scale * np.array([-1.0, 3.0]) + 7, abs(scale))
        for divergence in (kl, js, total_variation, hellinger):
            a, b = divergence(p, q), divergence(p2, q2)
            assert abs(a.value - b.value) <= a.error + b.error + 1e-12

    def test_a_wrong_formula_is_rejected(self):
        """JS with the wrong mixture, m = p + q, misses the closed form by log 2."""
        wrong = js(Uniform(0, 2), Uniform(1, 3)).value - LOG2
        with pytest.raises(AssertionError):
            assert_is(js(Uniform(0, 2), Uniform(1, 3))._replace(value=wrong), LOG2 / 2)


class TestPlane:
    @pytest.mark.parametrize("p", [ring(), grid(), TwoMoons()])
    @pytest.mark.slow
    def test_toy_sets(self, p, monkeypatch):
        points = 0  # at which a density is asked for: what a person waits for

        def counted(of):
            def log_pdf(self, x):
                nonlocal points
                points += len(x)
                return of(self, x)

            return log_pdf

        for kind in (GaussianMixture, TwoMoons):
            monkeypatch.setattr(kind, "log_pdf", counted(kind.log_pdf))
        other = GaussianMixture([[0.0, 0.0]], 1.0)
        near = js(p, other)
        assert 0 < near.value < LOG2
        assert near.error <= 1e-3
        assert abs(js(p, p).value) <= 1e-12
        assert 0 < points <= 20e6

    def test_against_a_plain_grid(self):
        """Two moons against a normal: a trapezoidal sum over the plane says the same."""
        p, q = TwoMoons(noise=0.3), GaussianMixture([[0.5, 0.25]], 1.2)
        ticks = np.linspace(-8, 8, 401)
        x = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        a, b = p.pdf(x), q.pdf(x)
        cell = (ticks[1] - ticks[0]) ** 2
        plain = (a * (p.log_pdf(x) - q.log_pdf(x))).sum() * cell
        assert abs(kl(p, q).value - plain) <= 1e-6
        m = (a + b) / 2
        plain_js = (a * np.log(a / m) + b * np.log(b / m)).sum() * cell / 2
        assert abs(js(p, q).value - plain_js) <= 1e-5

    def test_dimensions_must_agree(self):
        with pytest.raises(ShapeError, match="p has dimension 1 and q has dimension 2"):
            kl(Normal(), ring())
        with pytest.raises(ShapeError, match="have dimension 2; expected 1"):
            wasserstein_1(ring(), ring())
        with pytest.raises(ShapeError, match="cdf expects 1"):
            ring().cdf([0.0])

    @pytest.mark.slow
    def test_swiss_roll_expectations(self):
        """E|x|² = E t² / scale² + 2 σ², with t uniform."""
        p = SwissRoll()
        low, high = 1.5 * math.pi, 4.5 * math.pi
        truth = (high**3 - low**3) / (3 * (high - low)) / 7.5**2 + 2 * (0.25 / 7.5) ** 2
        assert abs(p.expect(lambda x: (x**2).sum(axis=1)).value - truth) <= 1e-9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1, 1), "high is 1; expected a number above 1"),
        (lambda: Laplace(scale=0), "scale is 0; expected a number above 0"),
        (lambda: Logistic(mean=math.inf), "mean is inf"),
        (lambda: Tabulated([0, 1], [0.5, 0.5]), r"expected \(bins \+ 1,\)"),
        (lambda: Tabulated([0, 1, 1], [0.5, 0.5]), "must be finite and increasing"),
        (lambda: Tabulated([0, 1, 2], [0.5, 0.6]), "their sum is 1.1"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
