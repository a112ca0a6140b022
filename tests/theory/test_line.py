"""Densities on the line by their values."""

import math

import numpy as np
import pytest

from scratchgan.theory import (
    GaussianMixture,
    Laplace,
    Logistic,
    Normal,
    Tabulated,
    Uniform,
)


def assert_is(estimate, truth, most=1e-8):
    """Within the error that is reported, which itself is small."""
    assert abs(estimate.value - truth) <= estimate.error + 1e-14, (estimate, truth)
    assert estimate.error <= most


@pytest.mark.parametrize(
    "p",
    [
        Normal(3, 0.5),
        GaussianMixture([-1.0, 4.0], 0.3, [0.2, 0.8]),
        Uniform(-1, 5),
        Laplace(1, 2),
        Logistic(-3, 0.2),
        Tabulated([0, 1, 4, 5], [0.25, 0.0, 0.75]),
    ],
)
class TestLine:
    def test_mass_and_cdf(self, p):
        assert_is(p.expect(lambda x: np.ones(len(x))), 1.0)
        for x in np.quantile(p.landmarks(), [0.3, 0.5, 0.55]):
            below = p.expect(lambda v, x=x: (v[:, 0] <= x) * 1.0, [x])
            assert_is(below, float(p.cdf([x])[0]), 1e-7)
        assert p.cdf([-1e9, 1e9]).tolist() == [0.0, 1.0]

    def test_samples_follow_the_cdf(self, p):
        x = np.sort(p.sample(20_000, np.random.default_rng(4))[:, 0])
        gap = np.abs(p.cdf(x) - (np.arange(x.size) + 0.5) / x.size).max()
        assert gap <= 1.9 / math.sqrt(x.size)  # Kolmogorov: exceeded once in 700
        assert np.abs(p.cdf(1.05 * x + 0.1) - (np.arange(x.size) + 0.5) / x.size).max() > gap

    def test_log_and_tails(self, p):
        x = np.linspace(-300, 300, 301)
        with np.errstate(divide="ignore"):
            assert np.allclose(np.log(p.pdf(x)), p.log_pdf(x), rtol=1e-12, atol=1e-12) or (
                p.pdf(x).min() == 0
            )
        assert not np.isnan(p.log_pdf(x)).any()
