"""The kernel distance against loops, all draws of a small set, and wrong variants."""

import itertools
import math

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.metrics import KernelDistance, kernel_distance


def by_loops(a, b, same=False, cross=2.0, power=3, scaled=True):
    """MMD² pair by pair; with one part of it wrong where asked."""

    def k(x, y):
        return (x @ y / (len(x) if scaled else 1) + 1) ** power

    def within(rows):
        pairs = [
            k(x, y) for (i, x), (j, y) in itertools.product(enumerate(rows), repeat=2)
            if same or i != j
        ]  # fmt: skip
        return sum(pairs) / len(pairs)

    between = [k(x, y) for x in a for y in b]
    return within(a) + within(b) - cross * sum(between) / len(between)


MISTAKES = [{"same": True}, {"cross": 1.0}, {"power": 2}, {"scaled": False}]


def population(p, q):
    """MMD² of two lists of equally likely points of the plane, from their moments."""
    total = 0.0
    for order in (1, 2, 3):  # k = Σ C(3, order) (x·y / 2)^order
        for axes in itertools.product(range(2), repeat=order):
            difference = p[:, axes].prod(axis=1).mean() - q[:, axes].prod(axis=1).mean()
            total += math.comb(3, order) * difference**2 / 2**order
    return total


P = np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 1.0]])
Q = np.array([[1.0, 3.0], [0.0, 0.0], [-1.0, 2.0]])


def bias(mmd2):
    """Mean over every draw of 3 points of P and 2 of Q, less MMD²: 0 if unbiased."""
    draws = [
        mmd2(P[list(i)], Q[list(j)])
        for i in itertools.product(range(3), repeat=3)
        for j in itertools.product(range(3), repeat=2)
    ]
    return np.mean(draws) - population(P, Q)


def value(a, b):
    return kernel_distance(a, b).value


class TestUnbiased:
    def test_over_all_draws(self):
        """Not near: equal, for as few as 2 and 3 examples."""
        assert population(P, Q) >= 1
        assert abs(bias(value)) <= 1e-12 * population(P, Q)
        assert abs(bias(by_loops)) <= 1e-12 * population(P, Q)

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_a_wrong_variant_is_rejected(self, mistake):
        assert abs(bias(lambda a, b: by_loops(a, b, **mistake))) >= 0.1

    @staticmethod
    def z_score(measure):
        """How many standard errors the mean of 400 draws of equal distributions is from 0."""
        rng = np.random.default_rng(2)
        found = np.array([measure(*rng.normal(size=(2, 40, 5))) for _ in range(400)])
        return found.mean() / (found.std(ddof=1) / 20)

    def test_equal_distributions(self):
        assert abs(self.z_score(lambda a, b: kernel_distance(a, b, block=10).value)) <= 3

    def test_absolute_values_and_equal_pairs_are_rejected(self):
        assert self.z_score(lambda a, b: abs(kernel_distance(a, b, block=10).value)) >= 10
        assert self.z_score(lambda a, b: by_loops(a[:10], b[:10], same=True)) >= 10


class TestAgainstLoops:
    @pytest.mark.parametrize(("n", "m", "features"), [(2, 2, 1), (9, 14, 3), (30, 8, 20)])
    def test_one_block(self, rng, n, m, features):
        a, b = rng.normal(size=(n, features)), 1 + rng.random((m, features))
        exact = by_loops(a, b)
        assert abs(kernel_distance(a, b).value - exact) <= 1e-12 * max(1, abs(exact))
        for mistake in MISTAKES:
            if mistake != {"scaled": False} or features > 1:
                assert abs(by_loops(a, b, **mistake) - exact) >= 1e-4

    def test_blocks(self, rng):
        """Mean and standard error of the blocks that the seed deals, of unequal sizes too."""
        a, b = rng.normal(size=(23, 3)), 1 + rng.normal(size=(17, 3))
        dealer = np.random.default_rng(7)
        dealt = [np.array_split(dealer.permutation(len(x)), 4) for x in (a, b)]
        each = [by_loops(a[i], b[j]) for i, j in zip(*dealt, strict=True)]
        assert sorted(np.concatenate(dealt[0])) == list(range(23))
        found = kernel_distance(a, b, block=6, seed=7)
        assert abs(found.value - np.mean(each)) <= 1e-12
        assert abs(found.error - np.std(each, ddof=1) / 2) <= 1e-12
        assert kernel_distance(a, b, block=6, seed=8) != found

    def test_float32_is_computed_in_float64(self, rng):
        a, b = (rng.random((40, 8)).astype(np.float32) for _ in range(2))
        assert kernel_distance(a, b, 9) == kernel_distance(a.astype(float), b.astype(float), 9)


class TestError:
    @staticmethod
    def ratio(measure):
        """The mean error that is told, over the spread of the values that are found."""
        rng = np.random.default_rng(3)
        found = [measure(rng.normal(size=(200, 4)), 0.5 + rng.normal(size=(200, 4)))
                 for _ in range(300)]  # fmt: skip
        values, errors = np.array(found).T
        return np.sqrt((errors**2).mean()) / values.std(ddof=1)

    def test_it_is_honest(self):
        assert abs(self.ratio(lambda a, b: kernel_distance(a, b, block=20)) - 1) <= 0.1

    def test_a_standard_deviation_is_no_standard_error(self):
        def wrong(a, b):
            found = kernel_distance(a, b, block=20)
            return found.value, found.error * math.sqrt(10)

        assert abs(self.ratio(wrong) - 1) >= 1

    def test_subsets_that_overlap_tell_too_little(self):
        """As in the paper: 100 subsets, whose spread says nothing of the examples they share."""

        def wrong(a, b):
            rng = np.random.default_rng(0)
            each = [
                kernel_distance(*(x[rng.permutation(200)[:20]] for x in (a, b))).value
                for _ in range(100)
            ]
            return np.mean(each), np.std(each, ddof=1) / 10

        rng = np.random.default_rng(3)
        arrays = [(rng.normal(size=(200, 4)), 0.5 + rng.normal(size=(200, 4))) for _ in range(40)]
        values, errors = np.array([wrong(*pair) for pair in arrays]).T
        assert errors.mean() <= 0.7 * values.std(ddof=1)

    def test_one_block_has_no_error(self, rng):
        found = kernel_distance(*rng.normal(size=(2, 50, 3)))
        assert math.isfinite(found.value)
        assert math.isnan(found.error)

    def test_sorted_examples_are_dealt(self):
        """Classes in order: blocks of neighbours would compare one class with another."""
        rng = np.random.default_rng(4)
        a, b = (5 * np.eye(4)[np.repeat(range(4), 100)] + rng.normal(size=(400, 4))
                for _ in range(2))  # fmt: skip
        found = kernel_distance(a, b[::-1], block=100)
        assert abs(found.value) <= 3 * found.error
        apart = np.mean([by_loops(a[i : i + 9], b[300 - i : 309 - i]) for i in (0, 100, 200, 300)])
        assert apart >= 10 * abs(found.value)

    def test_words(self):
        assert str(KernelDistance(0.01234, 0.00051)) == "0.0123 ± 0.0005"


def test_it_sees_three_moments():
    """A coin and a normal agree in them, and are 0 apart; shifted, they are not."""
    rng = np.random.default_rng(5)
    coin, normal = rng.choice([-1.0, 1.0], (4000, 1)), rng.normal(size=(4000, 1))
    found = kernel_distance(coin, normal, block=200)
    assert abs(found.value) <= 3 * found.error
    shifted = kernel_distance(coin + 0.5, normal, block=200)
    assert shifted.value >= 10 * shifted.error


class TestBadDays:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_not_finite(self, rng, value):
        for broken in range(2):
            arrays = [rng.normal(size=(10, 3)) for _ in range(2)]
            arrays[broken][9, 2] = value
            assert all(map(math.isnan, kernel_distance(*arrays, block=5)))

    @pytest.mark.parametrize("shapes", [((5, 3), (5, 4)), ((5,), (5,)), ((0, 3), (5, 3))])
    def test_wrong_shapes(self, shapes):
        with pytest.raises(ShapeError, match="expected matrices"):
            kernel_distance(*map(np.zeros, shapes))

    def test_too_few_for_the_blocks(self):
        with pytest.raises(
            ShapeError, match="make 10 blocks of at most 10; expected at least 2 examples"
        ):
            kernel_distance(np.zeros((100, 2)), np.zeros((19, 2)), block=10)
        with pytest.raises(ShapeError, match="make 1 blocks"):
            kernel_distance(np.zeros((1, 2)), np.zeros((19, 2)))

    def test_a_block_has_a_pair(self):
        with pytest.raises(ValueError, match="block is 1; expected a whole number, at least 2"):
            kernel_distance(np.zeros((4, 2)), np.zeros((4, 2)), block=1)
