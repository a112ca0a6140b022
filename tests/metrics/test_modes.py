"""Mode coverage, where it is known."""

import numpy as np
import pytest

from scratchgan.metrics import mode_coverage

MEANS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def drawn(weights, std=0.1, n=20_000):
    rng = np.random.default_rng(1)
    modes = rng.choice(4, n, p=weights)
    return MEANS[modes] + std * rng.normal(size=(n, 2))


class TestModeCoverage:
    def test_true_data(self):
        """1 − e^(−4.5) of a normal in the plane lies within 3 σ."""
        c = mode_coverage(drawn([0.25] * 4), MEANS, 0.1)
        assert (c.captured, c.modes) == (4, 4)
        assert abs(c.high_quality - 0.98889) <= 0.003
        assert 0 <= c.reverse_kl <= 0.001

    def test_reverse_kl_of_known_shares(self):
        c = mode_coverage(drawn([0.5, 0.5, 0, 0]), MEANS, 0.1)
        assert c.captured == 2
        assert abs(c.reverse_kl - np.log(2)) <= 0.001

    def test_reverse_kl_against_the_datas_own_weights(self):
        weights = np.array([0.1, 0.2, 0.3, 0.4])
        c = mode_coverage(drawn(weights), MEANS, 0.1, weights)
        assert 0 <= c.reverse_kl <= 0.001
        assert mode_coverage(drawn(weights), MEANS, 0.1).reverse_kl >= 0.05

    def test_total_collapse(self):
        c = mode_coverage(np.zeros((10, 2)), MEANS, 0.1)
        assert (c.captured, c.high_quality) == (1, 1.0)
        assert abs(c.reverse_kl - np.log(4)) <= 1e-12

    def test_too_wide_or_elsewhere(self):
        assert mode_coverage(drawn([0.25] * 4, std=0.3), MEANS, 0.1).high_quality <= 0.5
        assert mode_coverage(np.full((5, 2), 2.0), MEANS, 0.1).captured == 0

    def test_the_third_sigma_is_the_edge(self):
        """Three of four samples within 3 σ, of which one on the edge; one a little beyond."""
        x = np.array([[0.0, 0.0], [0.75, 0.0], [4.0, 0.75], [0.0, 3.2499]])
        c = mode_coverage(x, MEANS, 0.25)
        assert (c.captured, c.high_quality) == (2, 0.75)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                (np.zeros((9, 3)), MEANS, 0.1),
                r"samples \(9, 3\), means \(4, 2\); expected matrices",
            ),
            ((np.zeros((9, 1)), MEANS, 0.1), "expected matrices"),
            ((MEANS, MEANS[:0], 0.1), "expected matrices"),
            ((MEANS, MEANS * np.nan, 0.1), "means has values that are NaN"),
            (
                (MEANS, np.full((4, 2), 1e200), 0.1),
                "means has values that are NaN, infinite or beyond",
            ),
            ((MEANS, np.ma.masked_equal(MEANS, 4), 0.1), "means is a masked array"),
            ((MEANS, MEANS, 0.0), "std is 0.0; expected a number above 0"),
            ((MEANS, MEANS, -1), "std is -1; expected a number above 0"),
            ((MEANS, MEANS, np.nan), "std is nan"),
            ((MEANS, MEANS, "0.1"), "std is '0.1'"),
            ((MEANS, MEANS, [0.1, 0.2]), "std is "),
            ((MEANS, MEANS, 0.1, [1.0]), r"weights has shape \(1,\); expected \(4,\)"),
            (
                (MEANS, MEANS, 0.1, [2.5] * 4),
                "weights are from 2.5 to 2.5 and their sum is 10; expected",
            ),
            (
                (MEANS, MEANS, 0.1, [1.0, 1.0, -0.5, -0.5]),
                "weights are from -0.5 to 1 and their sum is 1;",
            ),
            ((MEANS, MEANS, 0.1, [0.25, 0.25, 0.25, np.nan]), "weights has 1 values that are NaN"),
            (
                (MEANS, MEANS, 0.1, [0.25, 0.25, 0.25, 0.2499]),
                "their sum is 0.9999; expected weights",
            ),
        ],
    )
    def test_refuses(self, arguments, said):
        with pytest.raises(ValueError, match=said):
            mode_coverage(*arguments)

    def test_weights_of_any_kind(self):
        x = drawn([0.25] * 4, n=1000)
        expected = mode_coverage(x, MEANS, 0.1)
        for weights in ([0.25] * 4, np.full(4, 0.25, np.float32)):
            assert mode_coverage(x, MEANS.tolist(), np.float64(0.1), weights) == expected
        tenths = np.full(10, 0.1, np.float32)  # whose sum is not quite 1
        assert mode_coverage(x, np.arange(20).reshape(10, 2), 1, tenths).modes == 10

    def test_samples_of_a_mode_that_has_no_weight(self):
        assert mode_coverage(MEANS, MEANS, 0.1, [0.5, 0.5, 0.0, 0.0]).reverse_kl == np.inf
        assert abs(mode_coverage(MEANS[:2], MEANS, 0.1, [0.5, 0.5, 0.0, 0.0]).reverse_kl) <= 1e-15
