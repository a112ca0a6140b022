"""The density of a generator of the plane."""

import math

import numpy as np
import pytest

from scratchgan.theory import (
    GaussianMixture,
    Normal,
    TwoMoons,
    js,
    pushforward_2d,
)
from scratchgan.theory.pushforward.plane import _js, _quadrature_masses, _with_outside


class TestPlane:
    """In the plane: masses of bins, and a lower bound of JSD by data processing."""

    edges = (np.linspace(-5, 5, 41), np.linspace(-5, 5, 41))
    p_z = GaussianMixture([[0.0, 0.0]], 1.0)

    def pushed(self, g):
        return pushforward_2d(g, self.p_z, self.edges)

    def test_a_rotation_changes_nothing(self):
        turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
        bound = self.pushed(lambda z: z @ turn).js_lower_bound(self.p_z)
        assert abs(bound.value) <= bound.error <= 1e-3

    @pytest.mark.parametrize("shift", [0.5, 1.0, 2.5])
    def test_below_the_true_jsd_and_near_it(self, shift):
        data = GaussianMixture([[shift, 0.0]], 1.0)
        bound = self.pushed(lambda z: z).js_lower_bound(data)
        truth = js(data, self.p_z)
        assert bound.value - bound.error <= truth.value + truth.error
        assert bound.value >= 0.95 * truth.value
        assert "lower bound" in str(bound)

    def test_bins_far_wider_than_the_data_are_no_false_bound(self):
        """A thin curve in 3 × 3 bins: its masses are those of 24 × 24, summed."""
        data, wide = TwoMoons(0.1), np.linspace(-3, 3, 4)
        coarse = pushforward_2d(lambda z: z, self.p_z, (wide, wide), mesh=96).js_lower_bound(data)
        assert coarse.error <= 0.01
        thin = np.linspace(-3, 3, 25)
        fine = _quadrature_masses(data, thin, thin, 12).reshape(3, 8, 3, 8).sum((1, 3))
        again = _quadrature_masses(data, wide, wide, 12)
        assert np.abs(again - fine).max() <= 1e-9
        assert abs(again.sum() - 1) <= 1e-9

    def test_other_dimensions_are_refused(self):
        with pytest.raises(ValueError, match=r"plane|dimension|expected"):
            pushforward_2d(lambda z: z, Normal(), self.edges)


def test_the_plane_claims_what_its_meshes_differ_by():
    """By hand: e = √JS(fine‖coarse) + √JS(12‖8 nodes); the bound's error is 2 e √JS + e²."""
    edges = (np.linspace(-3, 3, 4), np.linspace(-3, 3, 4))
    p_g = pushforward_2d(lambda z: z, GaussianMixture([[0.3, 0.0]], 1.0), edges, mesh=16)
    assert p_g.error == np.abs(p_g._fine - p_g._coarse).sum() / 2 > 0
    data = TwoMoons(0.2)
    orders = [_with_outside(_quadrature_masses(data, *edges, order)) for order in (12, 8)]
    e = math.sqrt(_js(p_g._fine, p_g._coarse)) + math.sqrt(_js(*orders))
    assert e > math.sqrt(_js(p_g._fine, p_g._coarse))
    bound = p_g.js_lower_bound(data)
    assert bound.error >= 2 * e * math.sqrt(bound.value) + e**2
