"""Where two densities cross."""

import numpy as np
import pytest

from scratchgan import theory
from scratchgan.theory import (
    GaussianMixture,
    Tabulated,
)
from scratchgan.theory.crossings import crossings


def assert_kept(found, truth, useful):
    """The error is at least what is off, and no more than is of use."""
    assert abs(found.value - truth) <= found.error
    assert found.error <= useful


@pytest.mark.parametrize("seed", range(5))
def test_many_crossings(seed):
    """TV of two histograms on other edges is known; so is that of many narrow bumps, by halves."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.normal(size=12))
    p = Tabulated(edges, rng.dirichlet(np.ones(11)))
    q = Tabulated(np.sort(rng.normal(size=8)), rng.dirichlet(np.ones(7)))
    cuts = np.union1d(p.edges, q.edges)
    middle = (cuts[1:] + cuts[:-1]) / 2
    truth = np.diff(cuts) @ np.abs(p.pdf(middle) - q.pdf(middle)) / 2
    assert_kept(theory.total_variation(p, q), truth, 1e-11)
    a = GaussianMixture(rng.normal(0, 3, 50), 0.02, rng.dirichlet(np.ones(50)))
    b = GaussianMixture(rng.normal(0, 3, 37), 0.05, rng.dirichlet(np.ones(37)))
    one, two = theory.total_variation(a, b), theory.total_variation(b, a)
    assert abs(one.value - two.value) <= one.error + two.error  # E_p and E_q: other integrands
    assert one.error <= 1e-11


# -- crossings ------------------------------------------------------------------------------------


def test_crossings_are_found_to_rounding():
    places = np.linspace(0, 10, 8)
    assert np.abs(crossings(np.sin, places) - np.pi * np.arange(1, 4)).max() <= 1e-14
    between = (places[3] + 3 * places[4]) / 4  # where f is first looked at, and is 0
    assert np.abs(crossings(lambda x: x - between, places) - between).max() <= 1e-14
    # at a point where f is looked at, and is 0 there alone
    for f in (lambda x: x, lambda x: -x, lambda x: np.sign(x), lambda x: x**3):
        found = crossings(f, np.array([-1.0, 1.0]))
        assert found.size == 1
        assert abs(found[0]) <= 1e-14
    assert crossings(lambda x: x**2 + 1, places).size == 0
    assert crossings(lambda x: 0 * x, places).size == 0
    assert crossings(lambda x: np.where(x < 4, np.nan, x), places).size == 0
    flat = crossings(lambda x: np.where(np.abs(x - 5) < 0.01, 0.0, x - 5), places)
    assert flat.size == 1
    assert abs(flat[0] - 5) <= np.diff(places)[0] / 7  # 0 on a stretch: a place beside it
