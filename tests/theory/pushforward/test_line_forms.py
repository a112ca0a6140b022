"""The density of G(z) where it is known in closed form, and for networks where it is not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.exact.knots import g_and_dg, knots_1d
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.theory import (
    Normal,
    Uniform,
    js,
    kl,
    total_variation,
)
from scratchgan.theory.pushforward import pushforward_1d

X = np.linspace(0.05, 4.0, 41)


def normal(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


CASES = {
    # name: (G and G′, p_z, knots, p_g at X)
    "affine": (lambda z: (2 - 3 * z, -3 + 0 * z), Normal(), None, normal((X - 2) / 3) / 3),
    "square": (lambda z: (z**2, 2 * z), Normal(), None, normal(np.sqrt(X)) / np.sqrt(X)),
    "absolute": (lambda z: (np.abs(z), np.sign(z)), Normal(), [0.0], 2 * normal(X)),
    "exp": (lambda z: (np.exp(z / 4), np.exp(z / 4) / 4), Normal(), None,
            4 * normal(4 * np.log(X)) / X),
    "square of a uniform": (lambda z: (z**2, 2 * z), Uniform(-1, 2), None,
                            np.where(X < 1, 2.0, 1.0) * (X < 4) / (6 * np.sqrt(X))),
    "relu": (lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), Normal(), [0.0], normal(X)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
class TestClosedForms:
    def test_density(self, name):
        g, p_z, knots, truth = CASES[name]
        found = pushforward_1d(g, p_z, knots=knots).pdf(X)
        smooth = (np.abs(X - 1) > 1e-9) & (X < 4)  # the fifth case jumps there
        assert np.allclose(found[smooth], truth[smooth], rtol=1e-9, atol=1e-300)
        dropped = found * (1 + 1e-6)  # a relative slip of 1e-6 is seen
        assert not np.allclose(dropped[smooth], truth[smooth], rtol=1e-9, atol=1e-300)

    def test_mass_is_one(self, name):
        g, p_z, knots, _ = CASES[name]
        p_g = pushforward_1d(g, p_z, knots=knots)
        mass = p_g.mass()
        assert abs(mass.value - 1) <= mass.error
        assert mass.error <= 1e-5
        assert abs(p_g.continuous_mass + sum(a.mass for a in p_g.atoms) - 1) <= 1e-9

    def test_cdf_and_samples(self, name):
        g, p_z, knots, _ = CASES[name]
        p_g = pushforward_1d(g, p_z, knots=knots)
        z = p_z.sample(40_000, np.random.default_rng(2))[:, 0]
        x = np.sort(g(z)[0])
        places = np.quantile(x, np.linspace(0.05, 0.95, 19)) + 1e-9
        empirical = np.searchsorted(x, places, side="right") / x.size
        assert np.abs(p_g.cdf(places) - empirical).max() <= 1.9 / math.sqrt(x.size)
        again = np.sort(p_g.sample(40_000, np.random.default_rng(3))[:, 0])
        other = np.searchsorted(again, places, side="right") / again.size
        assert np.abs(p_g.cdf(places) - other).max() <= 1.9 / math.sqrt(x.size)

    def test_expectations_are_taken_over_z(self, name):
        """E_x[h(x)] = E_z[h(G(z))] (law of the unconscious statistician)."""
        g, p_z, knots, _ = CASES[name]
        p_g = pushforward_1d(g, p_z, knots=knots)
        found = p_g.expect(lambda x: np.cos(x[:, 0]))
        truth = p_z.expect(lambda z: np.cos(g(z[:, 0])[0]), [0.0])
        assert abs(found.value - truth.value) <= found.error + truth.error + 1e-10


class TestAtoms:
    def test_relu(self):
        g, p_z, knots, _ = CASES["relu"]
        p_g = pushforward_1d(g, p_z, knots=knots)
        assert [(a.x, a.mass) for a in p_g.atoms] == [(0.0, 0.5)]
        assert abs(p_g.continuous_mass - 0.5) <= 1e-12

    def test_constant(self):
        p_g = pushforward_1d(lambda z: (0 * z + 7, 0 * z), Normal(), knots=[])
        assert [a.x for a in p_g.atoms] == [7.0]
        assert abs(p_g.atoms[0].mass - 1) <= 1e-12
        assert abs(js(Normal(), p_g).value - math.log(2)) <= 1e-9
        assert kl(p_g, Normal()).value == math.inf
        assert abs(total_variation(Normal(), p_g).value - 1) <= 1e-9

    def test_saturated_sigmoid(self):
        """σ(1000 z): at 1 float64 has no digits left, at 0 it has; either way half of the mass."""

        def g(z):
            s = np.exp(-np.logaddexp(0, -1000 * z))
            return s, 1000 * s * np.exp(-np.logaddexp(0, 1000 * z))

        p_g = pushforward_1d(g, Normal())
        assert abs(p_g.mass().value - 1) <= p_g.mass().error
        (top,) = [a for a in p_g.atoms if a.mass > 0.4]
        assert abs(top.x - 1) <= 1e-9
        assert 0.45 <= top.mass <= 0.5
        assert abs(p_g.cdf([1e-6])[0] - 0.5) <= 0.01

    def test_half_an_atom_is_half_of_what_js_can_be(self):
        """p_g = ½ δ₀ + ½ N restricted to x > 0, against N: by hand, term by term."""
        g, p_z, knots, _ = CASES["relu"]
        p_g = pushforward_1d(g, p_z, knots=knots)
        # For x > 0 the densities are equal (log p/m = 0); N's half below and the atom are alone.
        assert abs(js(Normal(), p_g).value - 0.5 * math.log(2)) <= 1e-9
        assert abs(total_variation(Normal(), p_g).value - 0.5) <= 1e-9


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(["relu", "leaky_relu", "tanh", "softplus", "sigmoid"]),
    kind=st.sampled_from([Normal(), Uniform(-1, 1)]),
)
def test_mass_of_random_networks(seed, activation, kind):
    """Folded, flat or saturated: the mass is 1 within the error that is reported."""
    from scratchgan.nn.initializers import normal as spread

    layers = [Linear(1, 8, activation, bias=spread(1)), Linear(8, 6, activation, bias=spread(1))]
    G = Network(Sequential(*layers, Linear(6, 1)), seed=seed)
    low, high = kind.landmarks()[[0, -1]]
    p_g = pushforward_1d(g_and_dg(G), kind, knots=knots_1d(G, low, high))
    mass = p_g.mass()
    assert abs(mass.value - 1) <= mass.error
    assert mass.error <= 1e-4


class TestKnots:
    @settings(max_examples=25)
    @given(seed=st.integers(0, 10_000), activation=st.sampled_from(["relu", "leaky_relu"]))
    def test_linear_between_knots(self, seed, activation):
        from scratchgan.nn.initializers import normal as spread

        layers = [Linear(1, 9, activation, bias=spread(1)), Linear(9, 7, activation)]
        G = Network(Sequential(*layers, Linear(7, 1)), seed=seed)
        knots = np.concatenate([[-8], knots_1d(G, -8, 8), [8]])
        f = g_and_dg(G)
        left, right = knots[:-1], knots[1:]
        inside = left + (right - left) * np.array([[0.1], [0.5], [0.9]])
        chord = f(left + 1e-13)[0] + (inside - left) / (right - left) * (
            f(right - 1e-13)[0] - f(left + 1e-13)[0]
        )
        values = f(inside.ravel())[0].reshape(inside.shape)
        assert np.abs(values - chord).max() <= 1e-10
        # and each of them is a bend: the slopes on its two sides differ
        slopes = f(inside[1])[1]
        assert (np.abs(np.diff(slopes)) > 0).all()

    def test_smooth_networks_have_none_to_list(self):
        assert knots_1d(Network(Sequential(Linear(1, 4, "tanh"), Linear(4, 1))), -8, 8) is None


@pytest.mark.parametrize(
    ("g", "options", "message"),
    [
        (lambda z: (z, 1 + 0 * z), {"knots": [1.0, 0.0]}, "increas"),
        (lambda z: (z * np.nan, z), {}, "finite"),
        (lambda z: (z[:-1], z), {}, "expected|shape|give"),
    ],
)
def test_refused(g, options, message):
    with pytest.raises(ValueError, match=message):
        pushforward_1d(g, Normal(), **options)
