"""The bends of a piecewise-linear network, held against a fine grid; G and G′ in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.backends import ACTIVATIONS, Stream
from scratchgan.backends.activations import TABLE
from scratchgan.errors import ShapeError
from scratchgan.exact.knots import g_and_dg, knots_1d
from scratchgan.nn import (
    Activation,
    Concat,
    Context,
    Dropout,
    LeakyReLU,
    Linear,
    Maxout,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
)

LOW, HIGH = -6.0, 6.0


def perturbed(layer, seed, dtype=np.float32):
    """A network whose biases are not 0, so that its bends lie apart."""
    G = Network(layer, seed=seed, dtype=dtype)
    G.flat[:] += np.random.default_rng(seed).normal(0, 0.4, G.flat.shape).astype(dtype)
    return G


NETWORKS = {
    "relu": lambda: Sequential(Linear(1, 12, "relu"), Linear(12, 10, "relu"), Linear(10, 1)),
    "leaky relu": lambda: Sequential(
        Linear(1, 9), LeakyReLU(0.3), Linear(9, 7, "leaky_relu", slope=0.1), Linear(7, 1)
    ),
    **{
        f"{name}, alone and fused": lambda name=name: Sequential(
            Linear(1, 9), Activation(name, 0.3), Linear(9, 7, name, slope=0.1), Linear(7, 1)
        )
        for name, phi in TABLE.items()
        if phi.linear and phi.kinks
    },
    "maxout": lambda: Sequential(
        Linear(1, 12), Maxout(3, 4), Linear(3, 10), Maxout(5, 2), Linear(5, 1)
    ),
    "mixed": lambda: Sequential(
        Sequential(Linear(1, 8), ReLU(), Dropout(0.5)), Linear(8, 6), Maxout(2, 3), Linear(2, 1)
    ),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def bends_of_a_grid(G, z):
    """Brute force: intervals of the grid in which the slope of a chord differs from the last."""
    y = g_and_dg(G)(z)[0]
    slopes = np.diff(y) / np.diff(z)
    step = z[1] - z[0]
    jumps = np.abs(np.diff(slopes))
    return z[1:-1][jumps > 1e-9 / step], step


def is_linear_between(G, knots):
    f = g_and_dg(G)
    edges = np.concatenate([[LOW], knots, [HIGH]])
    left, right = edges[:-1], edges[1:]
    u = np.linspace(0.05, 0.95, 7)[:, None]
    y = f((left + u * (right - left)).ravel())[0].reshape(len(u), -1)
    chord = f(left)[0] + u * (f(right)[0] - f(left)[0])
    return np.abs(y - chord).max() <= 1e-12 * max(1.0, np.abs(chord).max())


@every_network
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_all_bends_are_found_and_nothing_else(name, seed):
    G = perturbed(NETWORKS[name](), seed)
    knots = knots_1d(G, LOW, HIGH)
    assert (np.diff(knots) > 0).all()
    assert knots.size == 0 or (knots[0] > LOW and knots[-1] < HIGH)
    assert is_linear_between(G, knots)
    # Each is a bend: the slope of G changes.
    edges = np.concatenate([[LOW], knots, [HIGH]])
    slopes = g_and_dg(G)((edges[:-1] + edges[1:]) / 2)[1]
    assert (np.diff(slopes) != 0).all()
    # All that a fine grid sees lie within a step of one.
    seen, step = bends_of_a_grid(G, np.linspace(LOW, HIGH, 4001))
    nearest = np.abs(seen[:, None] - edges).min(axis=1, initial=np.inf)
    assert (nearest <= 1.01 * step).all()


@every_network
def test_a_missing_or_a_shifted_knot_is_noticed(name):
    G = perturbed(NETWORKS[name](), 5)
    knots = knots_1d(G, LOW, HIGH)
    assert knots.size >= 3
    assert not is_linear_between(G, np.delete(knots, knots.size // 2))
    shifted = knots.copy()
    shifted[knots.size // 2] += 1e-6
    assert not is_linear_between(G, shifted)


def test_bends_at_a_place_where_all_units_meet():
    """Biases are 0 at first: all units bend at 0, which is one knot."""
    G = Network(NETWORKS["relu"](), seed=1)
    assert knots_1d(G, LOW, HIGH).tolist() == [0.0]


def test_a_far_wider_range_does_not_blur_them():
    G = perturbed(NETWORKS["relu"](), 2)
    near, far = knots_1d(G, LOW, HIGH), knots_1d(G, -1e6, 1e6)
    inside = far[(far > LOW) & (far < HIGH)]
    assert inside.shape == near.shape
    assert np.abs(inside - near).max() <= 1e-13


def test_a_unit_that_leads_nowhere_is_no_bend():
    G = Network(Sequential(Linear(1, 2, "relu"), Linear(2, 1)), dtype=np.float64)
    G.params[0]["weight"][:] = [[1.0, 1.0]]
    G.params[0]["bias"][:] = [-1.0, -2.0]
    G.params[1]["weight"][:] = [[3.0], [0.0]]
    assert knots_1d(G, LOW, HIGH).tolist() == [1.0]


def test_a_linear_network_has_no_knots_and_a_smooth_one_none_known():
    assert knots_1d(Network(Linear(1, 1)), LOW, HIGH).shape == (0,)
    for name, phi in TABLE.items():
        for layer in (Linear(1, 1, name), Sequential(Linear(1, 1), Activation(name))):
            assert (knots_1d(Network(layer), LOW, HIGH) is None) != phi.linear
    assert knots_1d(Network(Sigmoid()), LOW, HIGH) is None

    class Own(ReLU):
        def forward(self, params, x, ctx):
            return super().forward(params, x, ctx)

    assert knots_1d(Network(Sequential(Linear(1, 1), Own())), LOW, HIGH) is None


def test_other_params_of_the_same_layout():
    G, other = perturbed(NETWORKS["maxout"](), 1), perturbed(NETWORKS["maxout"](), 2)
    same = knots_1d(G, LOW, HIGH, other.params)
    assert (same == knots_1d(other, LOW, HIGH)).all()
    z = np.linspace(LOW, HIGH, 9)
    assert (g_and_dg(G, other.params)(z)[0] == g_and_dg(other)(z)[0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_g_and_dg(activation, dtype):
    G = perturbed(Sequential(Linear(1, 6, activation), Dropout(0.5), Linear(6, 1)), 3, dtype)
    f, z, h = g_and_dg(G), np.linspace(-2, 2, 41) + 0.012345, 1e-6
    y, dy = f(z)
    assert y.shape == dy.shape == z.shape
    assert y.dtype == dy.dtype == np.float64
    assert np.abs(y - G(z[:, None].astype(dtype))[:, 0]).max() <= (
        1e-5 if dtype is np.float32 else 1e-15
    )
    differences = (f(z + h)[0] - f(z - h)[0]) / (2 * h)
    assert np.abs(differences - dy).max() <= 1e-8
    assert not np.abs(differences - 1.001 * dy).max() <= 1e-8
    assert [a.shape for a in f(np.empty(0))] == [(0,), (0,)]


def test_training_on_does_not_change_it():
    G = perturbed(NETWORKS["relu"](), 3)
    f, z = g_and_dg(G), np.array([0.3, 2.0])
    before = f(z)[0]
    G.flat[:] = 0
    assert (f(z)[0] == before).all()


def test_dropout_is_off():
    G = perturbed(NETWORKS["mixed"](), 3)
    ctx = Context(training=True, stream=Stream(seed=1))
    z = np.linspace(-2, 2, 5)
    dropped = G.layer.forward(G.params, z[:, None].astype(np.float32), ctx)[0][:, 0]
    assert np.abs(g_and_dg(G)(z)[0] - dropped).max() > 1e-3


def test_refused():
    with pytest.raises(ShapeError, match="2 inputs; expected 1"):
        g_and_dg(Network(Linear(2, 1)))
    with pytest.raises(ShapeError, match="3 outputs; expected 1"):
        knots_1d(Network(Linear(1, 3)), LOW, HIGH)
    with pytest.raises(ShapeError, match="expected 1"):
        g_and_dg(Network(Concat(Linear(1, 1), Linear(1, 1))))
    for low, high in [(1.0, 1.0), (2.0, 1.0), (-np.inf, 1.0), (0.0, np.nan)]:
        with pytest.raises(ValueError, match="knots_1d: .* expected a number"):
            knots_1d(Network(Linear(1, 1)), low, high)
    broken = Network(Linear(1, 1, "relu"))
    broken.flat[:] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        knots_1d(broken, LOW, HIGH)


def test_a_unit_that_is_0_on_a_stretch_changes_no_sign_there():
    """0 at node after node is no crossing: the fraction of the way to it would be 0 / 0."""
    layers = [Linear(1, 1, "relu"), Linear(1, 1, "relu"), Linear(1, 1)]
    G = Network(Sequential(*layers), dtype=np.float64)
    for part, slope in zip(G.params, (1.0, 2.0, 3.0), strict=True):
        part["weight"][:], part["bias"][:] = slope, 0.0
    assert knots_1d(G, LOW, HIGH).tolist() == [0.0]


GOOD = Network(Sequential(Linear(1, 2, "relu"), Linear(2, 1)), seed=1)
OTHER = Network(Sequential(Linear(1, 3, "relu"), Linear(3, 1)), seed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: g_and_dg(3), "network is 3; expected a Network"),
        (lambda: g_and_dg(Network), "the class Network; expected a Network"),
        (lambda: g_and_dg(GOOD, 3), "3 stands in the tree of parameters"),
        (
            lambda: g_and_dg(GOOD, GOOD.params[:1]),
            r"has nothing .* where 1.weight \(2, 1\) is",
        ),
        (lambda: g_and_dg(GOOD, ({}, {})), r"has nothing \(\) where 0.weight"),
        (
            lambda: g_and_dg(GOOD, OTHER.params),
            r"0.weight \(1, 3\) where 0.weight \(1, 2\)",
        ),
        (lambda: g_and_dg(GOOD)(np.ones((3, 2))), r"expected \(n,\)"),
        (lambda: g_and_dg(GOOD)(np.ma.masked_greater([0.0, 2.0], 1)), "masked"),
        (lambda: g_and_dg(GOOD)("abc"), "expected"),
        (lambda: knots_1d(GOOD, "a", 1), "low is 'a'; expected a number"),
        (lambda: knots_1d(GOOD, 0, np.nan), "high is nan; expected a number above 0"),
        (lambda: knots_1d(GOOD, 1, 1), "high is 1; expected a number above 1"),
        (lambda: knots_1d(None, 0, 1), "expected a Network"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def relus(weights, biases, *outputs):
    """x = Σ outputs · relu(weights z + biases)."""
    G = Network(
        Sequential(Linear(1, len(weights), "relu"), Linear(len(weights), 1)), dtype=np.float64
    )
    G.params[0]["weight"][:], G.params[0]["bias"][:] = [weights], biases
    G.params[1]["weight"][:] = np.array(outputs)[:, None]
    return G


def test_knots_that_are_close_are_two():
    assert knots_1d(relus([1.0, 1.0], [-1.0, -1.0000001], 1.0, 1.0), LOW, HIGH).size == 2


def test_a_slight_bend_is_a_bend():
    assert knots_1d(relus([1.0, -1.0, 1.0], [9.0, 9.0, -1.0], 1.0, 2.0, 1e-10), LOW, HIGH).size == 1


def test_the_slope_of_a_leaky_layer_moves_the_bends_behind_it():
    """0.5 z + 1 crosses 0 at z = −2, behind a leaky relu of slope ½."""
    layers = [Linear(1, 1, "leaky_relu", slope=0.5), Linear(1, 1, "relu"), Linear(1, 1)]
    G = Network(Sequential(*layers), dtype=np.float64)
    for part, bias in zip(G.params, (0.0, 1.0, 0.0), strict=True):
        part["weight"][:], part["bias"][:] = 1.0, bias
    assert knots_1d(G, LOW, HIGH).tolist() == [-2.0, 0.0]
