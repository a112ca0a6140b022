import numpy as np
import pytest

from scratchgan.theory import (
    Curve,
    SwissRoll,
    TwoMoons,
)


def sample(p, n, seed=0):
    return p.sample(n, np.random.default_rng(seed))


@pytest.mark.parametrize("p", [SwissRoll(), TwoMoons(), TwoMoons(0.02)], ids=repr)
def test_curve_is_its_integral(p):
    """Gauss–Legendre against the trapezoidal rule with 20,000 intervals (error ~ h²)."""
    x = sample(p, 50)
    expected = np.zeros(50)
    for c, start, stop in p.arcs:
        t = np.linspace(start, stop, 20_001)
        squared = ((x[:, None] - c(t)) ** 2).sum(axis=2)
        bump = np.exp(-squared / (2 * p.std**2)) / (2 * np.pi * p.std**2)
        expected += np.trapezoid(bump, t, axis=1) / (stop - start) / len(p.arcs)
    assert np.abs(p.pdf(x) / expected - 1).max() <= 1e-4
    assert not np.abs(p.pdf(x + 0.01 * p.std) / expected - 1).max() <= 1e-4


def test_quadrature_of_a_curve_has_converged():
    p, finer = SwissRoll(), SwissRoll()
    finer._nodes = [2 * nodes for nodes in p._nodes]
    x = sample(p, 300)
    assert len(finer._mixture.means) == 2 * len(p._mixture.means)
    assert np.abs(p.log_pdf(x) - finer.log_pdf(x)).max() <= 1e-10


def test_swiss_roll_has_the_curve_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    x, t = datasets.make_swiss_roll(100, noise=0.0, random_state=0)
    ((c, start, stop),) = SwissRoll().arcs
    assert np.abs(c(t) - x[:, [0, 2]] / 7.5).max() <= 1e-12
    assert start <= t.min() <= t.max() <= stop


def test_two_moons_have_the_curves_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    x, moon = datasets.make_moons(100, shuffle=False)
    for k, (c, start, stop) in enumerate(TwoMoons().arcs):
        assert np.abs(c(np.linspace(start, stop, 50)) - x[moon == k]).max() <= 1e-12


def test_a_curve_of_ones_own():
    segment = Curve([(lambda t: np.column_stack([t, 0 * t]), 0.0, 1.0)], std=0.1)
    at_middle = 1 / np.sqrt(2 * np.pi * 0.1**2)  # far from both ends: N across, uniform along
    assert abs(segment.pdf([[0.5, 0.0]])[0] / at_middle - 1) <= 1e-6
