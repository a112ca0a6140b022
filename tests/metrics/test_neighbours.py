"""Nearest training examples against scikit-learn, known cases, and wrong variants."""

import math
import sys

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.metrics import Nearest, nearest

MODULE = sys.modules["scratchgan.metrics.neighbours"]


def by_sklearn(samples, x):
    from sklearn.neighbors import NearestNeighbors

    distances, indices = (
        NearestNeighbors(n_neighbors=1, algorithm="brute").fit(x).kneighbors(samples)
    )
    return indices[:, 0], distances[:, 0]


def agrees_with_sklearn(measure):
    """Whether indices and distances are the same, over several sizes and both precisions."""
    agrees = []
    for seed, (n, m, features) in enumerate([(1, 1, 1), (30, 7, 3), (9, 1203, 20), (40, 500, 784)]):
        rng = np.random.default_rng(seed)
        for dtype in (np.float64, np.float32):
            samples = rng.random((n, features)).astype(dtype)
            x = rng.random((m, features)).astype(dtype)
            found, (indices, distances) = measure(samples, x), by_sklearn(samples, x)
            agrees.append((found.indices == indices).all())
            agrees.append(np.abs(found.distances - distances).max() <= 1e-5)
    return all(agrees)


def in_blocks(samples, x, numbered=True, farthest=False, power=2, last=False):
    """The definition, with blocks of 100; with one part of it wrong where asked."""
    best = [(-math.inf if farthest else math.inf, 0)] * len(samples)
    for start in range(0, len(x), 100):
        for i, sample in enumerate(samples):
            distances = (np.abs(sample - x[start : start + 100]) ** power).sum(axis=1)
            j = int(distances.argmax() if farthest else distances.argmin())
            found = (distances[j] ** (1 / power), j + (start if numbered else 0))
            if last or (found > best[i] if farthest else found < best[i]):
                best[i] = found
    return Nearest(np.array([j for _, j in best]), np.array([d for d, _ in best]))


class TestAgainstSklearn:
    def test_random_examples(self):
        assert agrees_with_sklearn(nearest)
        assert agrees_with_sklearn(in_blocks)

    @pytest.mark.parametrize(
        "mistake", [{"numbered": False}, {"farthest": True}, {"power": 1}, {"last": True}]
    )
    def test_a_wrong_variant_is_rejected(self, mistake):
        assert not agrees_with_sklearn(lambda samples, x: in_blocks(samples, x, **mistake))

    @pytest.mark.parametrize("block", [1, 7, 100, 101])
    def test_sizes_that_are_no_multiple_of_the_block(self, rng, monkeypatch, block):
        samples, x = rng.random((13, 5)), rng.random((101, 5))
        indices, distances = by_sklearn(samples, x)
        monkeypatch.setattr(MODULE, "BLOCK", block)
        found = nearest(samples, x)
        assert (found.indices == indices).all()
        assert np.abs(found.distances - distances).max() <= 1e-12

    def test_far_from_zero(self, rng):
        """Differences of 1 at 1e7, where squares lose them."""
        samples, x = rng.normal(size=(20, 10)), rng.normal(size=(300, 10))
        found, shifted = nearest(samples, x), nearest(samples + 1e7, x + 1e7)
        assert (found.indices == shifted.indices).all()
        assert np.abs(found.distances - shifted.distances).max() <= 1e-7


class TestKnownCases:
    def test_copies(self, rng):
        """The distance is 0 and not the root of a rounding error."""
        x = rng.integers(0, 256, (900, 784)).astype(np.float32) / 255
        chosen = rng.integers(0, 900, 40)
        found = nearest(x[chosen], x)
        assert (found.indices == chosen).all()
        assert (found.distances == 0).all()

    def test_the_first_of_equals_in_other_blocks(self):
        assert nearest(np.zeros((1, 3)), np.ones((1700, 3))).indices[0] < MODULE.BLOCK

    def test_one_example(self):
        found = nearest(np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((1, 2)))
        assert found.indices.tolist() == [0, 0]
        assert found.distances.tolist() == [5, 0]

    def test_failing_a_moved_copy_passes_unseen(self):
        """A thin stroke moved by a pixel is nearer to an empty image than to itself."""
        stroke, empty = np.zeros((8, 8)), np.zeros((8, 8))
        stroke[:, 3] = 1
        moved = np.roll(stroke, 1, axis=1)
        found = nearest(moved.reshape(1, 64), np.stack([stroke, empty]).reshape(2, 64))
        assert found.indices.tolist() == [1]


class TestBadDays:
    @staticmethod
    def nan_is_shown(measure):
        """In one sample: its distance alone. In one example of any block: all distances."""
        rng = np.random.default_rng(0)
        shown = []
        samples, x = rng.random((5, 3)), rng.random((1300, 3))
        samples[2, 1] = math.nan
        alone = np.isnan(measure(samples, x).distances)
        shown.append(alone.tolist() == [False, False, True, False, False])
        for row in (0, 600, 1299):
            broken = rng.random((1300, 3))
            broken[row, 0] = math.nan
            shown.append(np.isnan(measure(rng.random((5, 3)), broken).distances).all())
        return all(shown)

    def test_nan_is_not_hidden(self):
        assert self.nan_is_shown(nearest)

    def test_a_comparison_that_passes_over_nan_is_rejected(self):
        assert not self.nan_is_shown(in_blocks)

    @pytest.mark.parametrize("shapes", [((5, 3), (5, 4)), ((5,), (5,)), ((0, 3), (5, 3))])
    def test_wrong_shapes(self, shapes):
        with pytest.raises(ShapeError, match="expected matrices"):
            nearest(*map(np.zeros, shapes))
