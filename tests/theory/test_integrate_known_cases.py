"""Integrals that are known, and functions that are hard to integrate."""

import math

import numpy as np
import pytest

from scratchgan.theory import (
    integrate,
)


def assert_is(estimate, truth, most=1e-8):
    """Within the error that is reported, which itself is small."""
    assert abs(estimate.value - truth) <= estimate.error + 1e-14, (estimate, truth)
    assert estimate.error <= most


class TestIntegrate:
    @pytest.mark.parametrize(
        ("f", "points", "truth"),
        [
            (np.exp, [0, 1], math.e - 1),
            (lambda x: np.abs(x - 0.3), [0, 1], 0.29),
            (lambda x: (x > 0.7) * 1.0, [0, 1], 0.3),
            (np.log, [0, 1], -1.0),
            (lambda x: 1 / np.sqrt(x), [0, 1], 2.0),
            (lambda x: np.sin(200 * x) ** 2, [0, math.pi], math.pi / 2),
            (lambda x: 1 / (1 + (1e3 * x) ** 2), [-1, 0, 1], 2e-3 * math.atan(1e3)),
        ],
    )
    def test_known(self, f, points, truth):
        assert_is(integrate(f, points), truth, 1e-6)

    def test_extremes(self):
        assert integrate(lambda x: np.where(x > 0.5, np.inf, 0.0), [0, 1]).value == math.inf
        assert integrate(lambda x: np.where(x > 0.5, -np.inf, 0.0), [0, 1]) == (-math.inf, math.inf)
        assert math.isnan(integrate(lambda x: x * np.nan, [0, 1]).value)
        assert integrate(np.exp, [1.0]) == (0.0, 0.0)
