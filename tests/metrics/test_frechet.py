"""The Fréchet distance against closed forms, a general eigenvalue solver, and wrong variants."""

import math

import numpy as np
import pytest

from scratchgan.errors import ShapeError, UnknownNameError
from scratchgan.metrics import frechet_distance


def with_moments(mean, covariance, n=50, seed=0):
    """Features whose mean and covariance are exactly these."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, len(mean)))
    q, _ = np.linalg.qr(noise - noise.mean(axis=0))
    values, vectors = np.linalg.eigh(np.asarray(covariance, float))
    return mean + math.sqrt(n - 1) * q @ (vectors * np.sqrt(np.maximum(values, 0))).T


def rotation(features, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(features, features)))[0]


def by_eigenvalues(a, b, factor=2.0, ddof=1, squared=True, of_product=True):
    """Heusel's formula with the eigenvalues of Σ_a Σ_b; with one part of it wrong where asked."""
    mean = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = (np.cov(x, rowvar=False, ddof=ddof).reshape(2 * x.shape[1:]) for x in (a, b))
    if of_product:
        root = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    else:  # Tr(Σ_a^½ Σ_b^½), the same where the covariances commute
        halves = []
        for cov in (cov_a, cov_b):
            values, vectors = np.linalg.eigh(cov)
            halves.append((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
        root = np.trace(halves[0] @ halves[1])
    distance = mean @ mean if squared else math.sqrt(mean @ mean)
    return distance + np.trace(cov_a) + np.trace(cov_b) - factor * root


def error_on_closed_forms(distance):
    """The largest relative error over normals whose distance is known."""
    worst = 0.0

    def case(a, b, exact):
        nonlocal worst
        worst = np.maximum(worst, abs(distance(a, b) - exact) / exact)

    # On the line: (μ_a − μ_b)² + (σ_a − σ_b)².
    case(with_moments([1.0], [[4.0]]), with_moments([4.0], [[25.0]], n=70, seed=1), 9 + 9)
    # The same axes: the sum of (√λ − √κ)² over them.
    u = rotation(4)
    roots_a, roots_b = np.array([1.0, 2, 3, 4]), np.array([4.0, 0.5, 3, 1])
    cov_a, cov_b = (u * roots_a**2) @ u.T, (u * roots_b**2) @ u.T
    exact = ((roots_a - roots_b) ** 2).sum() + 30
    case(
        with_moments([0, 0, 0, 0], cov_a),
        with_moments([1, 2, 3, 4], cov_b, n=20, seed=2),
        exact,
    )
    # Other axes, in the plane: a root M of a 2 × 2 matrix has Tr M = √(Tr M² + 2 √det M²).
    cov_a, cov_b = np.array([[2.0, 1.5], [1.5, 3.0]]), np.array([[5.0, -2.0], [-2.0, 1.0]])
    product = cov_a @ cov_b
    root = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    exact = np.trace(cov_a + cov_b) - 2 * root + 1
    case(with_moments([0, 0], cov_a), with_moments([0, 1], cov_b, seed=3), exact)
    return worst


class TestClosedForms:
    def test_normals(self):
        assert error_on_closed_forms(frechet_distance) <= 1e-12
        assert error_on_closed_forms(by_eigenvalues) <= 1e-12

    @pytest.mark.parametrize(
        "mistake", [{"factor": 1}, {"ddof": 0}, {"squared": False}, {"of_product": False}]
    )
    def test_a_wrong_formula_is_rejected(self, mistake):
        def wrong(a, b):
            return by_eigenvalues(a, b, **mistake)

        assert error_on_closed_forms(wrong) >= 1e-3

    def test_mean_and_diagonal_forms(self, rng):
        """(σ_a − σ_b)² feature by feature: the full distance where features are uncorrelated."""
        a, b = rng.normal(size=(40, 3)), 2 + 3 * rng.normal(size=(30, 3))
        mean = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
        diagonal = mean + ((a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2).sum()
        assert abs(frechet_distance(a, b, "mean") - mean) <= 1e-12
        assert abs(frechet_distance(a, b, "diagonal") - diagonal) <= 1e-12
        assert abs(frechet_distance(a, b) - diagonal) >= 1e-3
        a, b = with_moments([0, 1], np.diag([1.0, 4])), with_moments([2, 1], np.diag([9.0, 16]))
        full, diagonal = frechet_distance(a, b), frechet_distance(a, b, "diagonal")
        assert abs(full - 12) <= 1e-11
        assert abs(diagonal - 12) <= 1e-11


class TestAgainstAGeneralSolver:
    @pytest.mark.parametrize(("n", "m", "features"), [(30, 40, 5), (2, 2, 1), (200, 90, 40)])
    def test_random_features(self, n, m, features):
        rng = np.random.default_rng(features)
        a = rng.normal(size=(n, features)) @ rng.normal(size=(features, features))
        b = 1 + rng.normal(size=(m, features)) @ rng.normal(size=(features, features))
        exact = by_eigenvalues(a, b)
        assert abs(frechet_distance(a, b) / exact - 1) <= 1e-9

    @pytest.mark.parametrize(("n", "m", "features"), [(5, 7, 40), (2, 50, 10), (60, 3, 20)])
    def test_fewer_samples_than_features(self, n, m, features):
        """Singular covariances, whose product has eigenvalues of ±1e-16 instead of 0."""
        rng = np.random.default_rng(n)
        a, b = rng.normal(size=(n, features)), rng.normal(size=(m, features))
        exact = by_eigenvalues(a, b)
        assert abs(frechet_distance(a, b) / exact - 1) <= 1e-6
        wider = [np.pad(x, ((0, 0), (0, 30))) for x in (a, b)]  # features that never change
        assert abs(frechet_distance(*wider) / frechet_distance(a, b) - 1) <= 1e-12

    def test_far_from_zero(self, rng):
        a, b = rng.normal(size=(50, 4)), 2 * rng.normal(size=(60, 4))
        assert abs(frechet_distance(a + 1e6, b + 1e6) - frechet_distance(a, b)) <= 1e-7


class TestProperties:
    def test_what_a_distance_does(self, rng):
        a, b, u = rng.normal(size=(20, 6)), rng.random((30, 6)), rotation(6)
        d = frechet_distance(a, b)
        assert abs(frechet_distance(b, a) - d) <= 1e-12
        assert abs(frechet_distance(a @ u, b @ u) - d) <= 1e-12
        assert abs(frechet_distance(3 * a, 3 * b) - 9 * d) <= 1e-11
        assert abs(frechet_distance(a[::-1], b) - d) <= 1e-12

    @pytest.mark.parametrize("form", ["full", "diagonal", "mean"])
    def test_a_set_is_nowhere_but_where_it_is(self, rng, form):
        for n in (4, 300):  # fewer than features, and more
            a = rng.random((n, 30))
            assert 0 <= frechet_distance(a, a, form) <= 1e-12

    @staticmethod
    def least(distance):
        """The least of many distances that are 0 but for rounding: a set's to itself, shuffled."""
        found = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            a = rng.random((300, 30))
            found.append(distance(a, a[rng.permutation(300)]))
        assert np.max(np.abs(found)) <= 1e-5
        return min(found)

    def test_it_is_never_negative(self):
        assert self.least(frechet_distance) == 0
        assert not self.least(by_eigenvalues) >= 0  # the test above can fail

    def test_float32_is_computed_in_float64(self, rng):
        a, b = (rng.random((40, 8)).astype(np.float32) for _ in range(2))
        assert frechet_distance(a, b) == frechet_distance(a.astype(float), b.astype(float))

    def test_arguments_are_left_alone(self, rng):
        a, b = rng.random((9, 3)), rng.random((9, 3))
        before = a.copy(), b.copy()
        frechet_distance(a, b)
        assert (a == before[0]).all()
        assert (b == before[1]).all()


class TestFailings:
    def test_it_sees_two_moments(self, rng):
        """A coin and a normal, of one mean and one variance."""
        coin, normal = np.tile([-1.0, 1.0], 50)[:, None], rng.normal(size=(100, 1))
        normal = (normal - normal.mean()) / normal.std()
        assert frechet_distance(coin, normal) <= 1e-12

    def test_it_is_biased_the_more_the_fewer_samples(self):
        """Draws of one distribution: the distance is never 0, and grows as samples get fewer."""
        rng = np.random.default_rng(1)
        means = [
            np.mean([frechet_distance(*rng.normal(size=(2, n, 10))) for _ in range(30)])
            for n in (20, 80, 320)
        ]
        assert means[0] >= 2 * means[1] >= 4 * means[2] > 0


class TestBadDays:
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("form", ["full", "diagonal", "mean"])
    def test_not_finite(self, rng, value, form):
        for broken in range(2):
            arrays = [rng.normal(size=(10, 3)) for _ in range(2)]
            arrays[broken][9, 2] = value
            assert math.isnan(frechet_distance(*arrays, form))

    @pytest.mark.parametrize(
        "shapes", [((5, 3), (5, 4)), ((5,), (5,)), ((0, 3), (5, 3)), ((5, 2, 2), (5, 2, 2))]
    )
    def test_wrong_shapes(self, shapes):
        with pytest.raises(ShapeError, match="expected matrices"):
            frechet_distance(*map(np.zeros, shapes))

    def test_one_example_has_no_covariance(self):
        with pytest.raises(ShapeError, match="expected at least 2 examples"):
            frechet_distance(np.zeros((1, 3)), np.zeros((9, 3)))

    def test_unknown_form(self):
        with pytest.raises(UnknownNameError, match="did you mean 'diagonal'"):
            frechet_distance(np.zeros((2, 1)), np.zeros((2, 1)), "diagonals")
