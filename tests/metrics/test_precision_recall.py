"""Precision, recall, density and coverage against loops, known cases, and wrong variants."""

import math
import sys

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.metrics import PrecisionRecall, precision_recall

MODULE = sys.modules["scratchgan.metrics.precision_recall"]


def by_loops(real, samples, k=3, itself=False, swapped=False, strict=False, root=False):
    """The definitions, distance by distance; with one part of them wrong where asked."""

    def distance(x, y):
        return math.sqrt(((x - y) ** 2).sum())

    def radii(rows):
        found = []
        for i, x in enumerate(rows):
            others = sorted(distance(x, y) for j, y in enumerate(rows) if itself or i != j)
            found.append(others[k - 1])
        return found

    def inside(x, centres, radii):
        distances = [distance(x, c) for c in centres]
        distances = [d**2 for d in distances] if root else distances  # beside unsquared radii
        return [d < r if strict else d <= r for d, r in zip(distances, radii, strict=True)]

    real_radii, sample_radii = radii(real), radii(samples)
    if swapped:
        real, samples, real_radii, sample_radii = samples, real, sample_radii, real_radii
    balls = [sum(inside(y, real, real_radii)) for y in samples]
    recalled = [any(inside(x, samples, sample_radii)) for x in real]
    covered = [any(inside(y, [x], [r])[0] for y in samples)
               for x, r in zip(real, real_radii, strict=True)]  # fmt: skip
    return (
        np.mean([b > 0 for b in balls]),
        np.mean(recalled),
        np.mean(balls) / k,
        np.mean(covered),
    )


def wrong(**mistake):
    return lambda real, samples, k=3: by_loops(real, samples, k, **mistake)


MISTAKES = [{"itself": True}, {"swapped": True}, {"root": True}]


def distance_to_loops(measure):
    """The largest difference of any of the four, over data of several sizes."""
    worst = 0.0
    for seed, (n, m, features, k) in enumerate([(40, 30, 2, 3), (25, 35, 8, 1), (30, 30, 1, 5)]):
        rng = np.random.default_rng(seed)
        real, samples = rng.normal(size=(n, features)), 0.4 + 0.8 * rng.normal(size=(m, features))
        exact = np.array(by_loops(real, samples, k))
        assert (exact[[0, 1, 3]] > 0).all()
        assert (exact[:2] < 1).any()
        worst = np.maximum(worst, np.abs(np.array(measure(real, samples, k)[:4]) - exact).max())
    return worst


class TestAgainstLoops:
    def test_all_four(self):
        assert distance_to_loops(precision_recall) <= 1e-12

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_a_wrong_variant_is_rejected(self, mistake):
        assert distance_to_loops(wrong(**mistake)) >= 0.02

    def test_radii_against_sklearn(self, rng):
        from sklearn.neighbors import NearestNeighbors

        x = rng.normal(size=(300, 6))
        for k in (1, 3, 50):
            exact = NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1]
            assert np.abs(np.sqrt(MODULE._squared_radii(x, k)) - exact).max() <= 1e-12

    @pytest.mark.parametrize("block", [1, 7, 100, 101, 1000])
    def test_sizes_that_are_no_multiple_of_the_block(self, rng, monkeypatch, block):
        real, samples = rng.normal(size=(101, 3)), 0.5 + rng.normal(size=(87, 3))
        whole = precision_recall(real, samples)
        assert 0 < whole.precision < 1
        monkeypatch.setattr(MODULE, "BLOCK", block)
        assert precision_recall(real, samples) == whole

    def test_float32_is_computed_in_float64(self, rng):
        real, samples = (rng.random((40, 8)).astype(np.float32) for _ in range(2))
        assert precision_recall(real, samples) == precision_recall(
            real.astype(float), samples.astype(float)
        )


class TestKnownCases:
    def test_a_set_and_itself(self, rng):
        """In a ball lie its k neighbours and its own centre: the density is (k + 1) / k."""
        x = rng.random((60, 20))
        for k in (1, 3, 10):
            found = precision_recall(x, x.copy(), k)
            assert found[:4] == (1.0, 1.0, pytest.approx((k + 1) / k, abs=1e-12), 1.0)
            assert found.f == 1

    def test_apart(self, rng):
        found = precision_recall(rng.random((30, 4)), 100 + rng.random((40, 4)))
        assert found == (0.0, 0.0, 0.0, 0.0, 3)
        assert found.f == 0

    def test_half_of_the_modes(self):
        """Two equal modes far apart, samples of one: nothing is wrong, half is missing."""
        rng = np.random.default_rng(1)
        real = np.repeat([[0.0, 0.0], [1000.0, 0.0]], 500, axis=0) + rng.normal(size=(1000, 2))
        copies = precision_recall(real, real[:500])
        assert copies[:2] == (1.0, 0.5)
        assert abs(copies.f - 2 / 3) <= 1e-12
        fresh = precision_recall(real, rng.normal(size=(1000, 2)))
        assert fresh.precision >= 0.95
        assert 0.45 <= fresh.recall <= 0.5
        assert 0.45 <= fresh.coverage <= 0.5

    def test_the_other_way_round(self, rng):
        a, b = rng.normal(size=(50, 3)), 0.5 + rng.normal(size=(60, 3))
        one, other = precision_recall(a, b), precision_recall(b, a)
        assert one.precision != one.recall
        assert (one.precision, one.recall) == (other.recall, other.precision)
        assert one.f == other.f

    @staticmethod
    def z_scores(measure, k=3):
        """Two draws of one distribution, often: density and coverage less what they should be."""
        n, m = 12, 9
        rng = np.random.default_rng(2)
        found = np.array([
            measure(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k)[2:4] for _ in range(400)
        ])  # fmt: skip
        coverage = 1 - math.prod((n - j) / (n + m - j) for j in range(1, k + 1))
        return (found.mean(axis=0) - [1, coverage]) / (found.std(axis=0, ddof=1) / 20)

    def test_draws_of_one_distribution(self):
        """The expectations of Naeem et al., which hold for any distribution without ties."""
        assert np.abs(self.z_scores(precision_recall)).max() <= 3

    def test_draws_with_a_wrong_variant(self):
        for mistake in ({"itself": True}, {"root": True}):
            assert np.abs(self.z_scores(wrong(**mistake))).max() >= 6


class TestTies:
    @staticmethod
    def repeated_images(measure):
        """Sets of copies of one image: every radius is 0, and every distance too."""
        image = np.random.default_rng(3).integers(0, 256, (1, 784)) / 255
        return measure(image.repeat(9, axis=0), image.repeat(7, axis=0))[:4]

    @staticmethod
    def on_the_edge(measure):
        """Real examples at 0 and 1 have balls of radius 1; a sample is at 2."""
        return measure(np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]]), 1)[0]

    def test_the_edge_is_inside(self):
        assert self.repeated_images(precision_recall) == (1.0, 1.0, 3.0, 1.0)
        assert self.on_the_edge(precision_recall) == 1

    def test_a_strict_comparison_is_rejected(self):
        assert self.repeated_images(wrong(strict=True)) == (0.0, 0.0, 0.0, 0.0)
        assert self.on_the_edge(wrong(strict=True)) == 0

    def test_rounding_pushes_nothing_out(self):
        """Each example's k-th neighbour lies on the edge, by whatever product it is computed."""
        rng = np.random.default_rng(4)
        x = 1000 + rng.integers(0, 256, (400, 300)) / 255
        order = rng.permutation(400)
        found = precision_recall(x, x[order])
        assert abs(found.density - 4 / 3) <= 1e-12
        assert found.coverage == found.recall == 1

    def test_an_edge_between_the_sets_is_not_pushed_out_either(self):
        """
        Each sample is as far from an example as that from its nearest other one.

        The distance between the sets rounds in another way than the one within the set, and
        half the time to the larger side.
        """
        rng = np.random.default_rng(6)
        for _ in range(20):
            real = 3 + rng.random((2, 300))
            mirrored = (2 * real[0] - real[1])[None]
            found = precision_recall(real, np.vstack([mirrored, mirrored]), k=1)
            assert found.precision == 1

    def test_nothing_outside_is_pulled_in(self):
        """A sample a little beyond the edge stays out, far from 0 too."""
        real = np.array([[0.0], [1.0], [50.0], [51.0]])
        for offset, little in ((0, 1e-9), (1e6, 1e-5)):
            for gap, inside in ((-little, 1.0), (little, 0.0)):
                samples = np.full((3, 1), 2 + gap)
                found = precision_recall(real + offset, samples + offset, k=1)
                assert found.precision == inside


def test_outliers_have_huge_balls():
    """The failing of precision that density was made to lessen: noise around lies in them."""
    rng = np.random.default_rng(5)
    real, noise = rng.normal(size=(200, 2)), rng.uniform(-20, 20, (200, 2))
    noise = noise[np.abs(noise[:, 0]) > 4]
    before = precision_recall(real, noise)
    after = precision_recall(np.vstack([real, [[200.0, 0.0], [-200.0, 0.0]]]), noise)
    assert (before.precision, after.precision) == (0, 1)
    assert after.density <= 0.4


class TestBadDays:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_not_finite(self, rng, value):
        for broken in range(2):
            arrays = [rng.normal(size=(10, 3)) for _ in range(2)]
            arrays[broken][9, 2] = value
            found = precision_recall(*arrays)
            assert all(map(math.isnan, (*found[:4], found.f)))

    def test_nan_among_comparisons_would_be_hidden(self, rng):
        """Why it is looked for: in the loops above, a NaN is merely a sample that is outside."""
        x = rng.normal(size=(10, 3))
        broken = x.copy()
        broken[0] = math.nan
        assert by_loops(x, broken)[0] == 0.9

    @pytest.mark.parametrize("k", [0, -1, 5, 6])
    def test_k_that_the_sets_do_not_allow(self, k):
        for a, b in ((5, 9), (9, 5)):
            with pytest.raises(
                ValueError, match=rf"k is {k}; .* from 1 to 4: the smaller set has 5"
            ):
                precision_recall(np.zeros((a, 2)), np.zeros((b, 2)), k)

    def test_the_largest_k(self, rng):
        found = precision_recall(rng.random((5, 2)), rng.random((6, 2)), 4)
        assert 0 <= found.precision <= 1

    @pytest.mark.parametrize("shapes", [((5, 3), (5, 4)), ((5,), (5,)), ((0, 3), (5, 3))])
    def test_wrong_shapes(self, shapes):
        with pytest.raises(ShapeError, match="expected matrices"):
            precision_recall(*map(np.zeros, shapes))

    def test_f_of_nothing(self):
        assert PrecisionRecall(0.0, 0.0, 0.0, 0.0, 3).f == 0
        assert math.isnan(PrecisionRecall(math.nan, 0.5, 0.0, 0.0, 3).f)
