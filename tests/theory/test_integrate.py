"""What a quadrature's parts may err by, a table's last edge, and where a lattice lies."""

import numpy as np
import pytest

from scratchgan.theory import Tabulated, grid, integrate


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_errors_of_all_panels_together_keep_the_tolerance(tolerance):
    """A kink in each of 199 panels: were each allowed the tolerance, they would reach 100 of it."""
    found = integrate(lambda x: np.abs(np.sin(100 * np.pi * x)), np.linspace(0, 2, 200), tolerance)
    assert abs(found.value - 4 / np.pi) <= found.error
    assert found.error <= tolerance


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5])
def test_a_lattice_is_centred_whatever_its_side(side):
    means = grid(side, spacing=2.0, std=0.1).means
    assert np.abs(means.mean(axis=0)).max() <= 1e-12
    assert means.min() == -(side - 1)
    assert means.max() == side - 1


def test_a_table_holds_both_its_ends_and_nothing_beyond():
    p = Tabulated([0.0, 1.0, 3.0], [0.4, 0.6])
    beyond = [np.nextafter(0.0, -1.0), np.nextafter(3.0, 4.0)]
    assert np.abs(p.pdf([0.0, 1.0, 3.0]) - [0.4, 0.3, 0.3]).max() <= 1e-15
    assert p.pdf(beyond).tolist() == [0.0, 0.0]
