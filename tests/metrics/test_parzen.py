"""The Parzen estimate against its closed form, scikit-learn's density, and wrong variants."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.errors import ShapeError
from scratchgan.metrics import Parzen, parzen_log_likelihood
from scratchgan.metrics.parzen import BLOCK, FIRST, SIGMAS, parzen_log_likelihoods

WIDTHS = (0.05, 0.3, 1.0, 4.0)


def by_sklearn(samples, x, sigmas):
    from sklearn.neighbors import KernelDensity

    return np.stack([
        KernelDensity(kernel="gaussian", bandwidth=sigma).fit(samples).score_samples(x)
        for sigma in sigmas
    ])  # fmt: skip


def written_out(samples, x, sigmas, count=True, squared=True, features=True, log_of_mean=True):
    """The formula, pair by pair; with one of its parts left out where asked."""
    result = np.empty((len(sigmas), len(x)))
    for i, sigma in enumerate(sigmas):
        width = sigma**2 if squared else sigma
        norm = (x.shape[1] if features else 1) * math.log(sigma * math.sqrt(2 * math.pi))
        for j, row in enumerate(x):
            exponents = [-((row - s) @ (row - s)) / (2 * width) for s in samples]
            if log_of_mean:
                most = max(exponents)
                found = most + math.log(sum(math.exp(e - most) for e in exponents))
                found -= math.log(len(samples)) if count else 0
            else:
                found = sum(exponents) / len(exponents)
            result[i, j] = found - norm
    return result


def distance_to_sklearn(log_likelihoods):
    """The largest error of a function over data sets of several widths and sizes."""
    worst = 0.0
    for seed, (m, n, features) in enumerate([(1, 1, 1), (7, 5, 2), (40, 9, 3), (25, 12, 30)]):
        rng = np.random.default_rng(seed)
        samples, x = rng.normal(size=(m, features)), rng.normal(size=(n, features))
        exact = by_sklearn(samples, x, WIDTHS)
        error = np.abs(log_likelihoods(samples, x, WIDTHS) - exact) / (1 + np.abs(exact))
        worst = np.maximum(worst, error.max())  # which keeps a NaN
    return worst


class TestLogLikelihoods:
    def test_against_sklearn(self):
        assert distance_to_sklearn(parzen_log_likelihoods) <= 1e-11
        assert distance_to_sklearn(written_out) <= 1e-11

    @pytest.mark.parametrize("part", ["count", "squared", "features", "log_of_mean"])
    def test_a_wrong_formula_is_rejected(self, part):
        def wrong(samples, x, sigmas):
            return written_out(samples, x, sigmas, **{part: False})

        assert distance_to_sklearn(wrong) >= 1e-3

    @pytest.mark.parametrize("features", [1, 2, 784])
    def test_one_centre(self, rng, features):
        """The log-density of one normal."""
        centre, x = rng.random((1, features)), rng.random((6, features))
        for sigma, found in zip(WIDTHS, parzen_log_likelihoods(centre, x, WIDTHS), strict=True):
            exact = -((x - centre) ** 2).sum(axis=1) / (2 * sigma**2)
            exact -= features * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
            assert np.abs(found / exact - 1).max() <= 1e-11

    def test_repeated_centres_change_nothing(self, rng):
        samples, x = rng.random((4, 3)), rng.random((5, 3))
        once = parzen_log_likelihoods(samples, x, WIDTHS)
        thrice = parzen_log_likelihoods(np.repeat(samples, 3, axis=0), x, WIDTHS)
        assert np.abs(once - thrice).max() <= 1e-12 * np.abs(once).max()

    def test_far_examples_do_not_underflow(self):
        """e^(−5e7) is 0 in floating point, and its logarithm is not."""
        samples, x = np.zeros((2, 2)), np.array([[1000.0, 0.0], [0.0, 0.0]])
        with np.errstate(divide="ignore"):
            naive = np.log(np.exp(-(x**2).sum(axis=1) / (2 * 0.1**2)))
        assert naive[0] == -math.inf
        found = parzen_log_likelihoods(samples, x, [0.1])[0] + 2 * math.log(0.1 * 2.50662827463)
        assert abs(found[0] / -5e7 - 1) <= 1e-9
        assert abs(found[1]) <= 1e-9

    @pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
    def test_sizes_that_are_no_multiple_of_the_block(self, rng, n):
        samples, x = rng.normal(size=(11, 3)), rng.normal(size=(n, 3))
        assert (
            np.abs(parzen_log_likelihoods(samples, x, [0.5]) - by_sklearn(samples, x, [0.5])).max()
            <= 1e-10
        )

    def test_float32_is_computed_in_float64(self, rng):
        samples, x = (rng.random((n, 50)).astype(np.float32) for n in (30, 20))
        in_32 = parzen_log_likelihoods(samples, x, WIDTHS)
        in_64 = parzen_log_likelihoods(samples.astype(float), x.astype(float), WIDTHS)
        assert in_32.dtype == np.float64
        assert (in_32 == in_64).all()


class TestProtocol:
    def test_the_papers_grid(self):
        assert len(SIGMAS) == 10
        assert (SIGMAS[0], SIGMAS[-1]) == (0.1, 1.0)
        ratios = np.array(SIGMAS[1:]) / SIGMAS[:-1]
        assert np.abs(ratios - 10 ** (1 / 9)).max() <= 1e-12

    def test_mean_error_and_curve(self, rng):
        samples, x, held_back = (rng.normal(size=(n, 4)) for n in (60, 31, 40))
        found = parzen_log_likelihood(samples, x, held_back)
        curve = by_sklearn(samples, held_back, SIGMAS).mean(axis=1)
        best = int(np.argmax(curve))
        each = by_sklearn(samples, x, [SIGMAS[best]])[0]
        assert found.sigma == SIGMAS[best]
        assert 0 < best < 9
        assert [sigma for sigma, _ in found.curve] == list(SIGMAS)
        assert np.abs(np.array([mean for _, mean in found.curve]) - curve).max() <= 1e-9
        assert abs(found.mean - each.mean()) <= 1e-9
        assert abs(found.error - each.std() / math.sqrt(31)) <= 1e-9
        assert found.samples == 60

    def test_the_width_is_not_chosen_on_the_examples_that_are_measured(self, rng):
        """Otherwise the second figure would be the higher one."""
        samples, near, far = np.zeros((1, 3)), np.full((9, 3), 0.1), np.full((9, 3), 1.0)
        assert parzen_log_likelihood(samples, far, near).sigma == 0.1
        assert parzen_log_likelihood(samples, near, far).sigma == 1.0

    def test_only_the_first_thousand_choose_the_width(self):
        assert FIRST == 1000
        samples = np.zeros((1, 2))
        held_back = np.full((FIRST + 5000, 2), 1.0)
        held_back[:FIRST] = 0.2
        first = parzen_log_likelihood(samples, held_back, held_back[:FIRST])
        assert parzen_log_likelihood(samples, held_back, held_back) == first
        held_back[FIRST] = 100.0  # it is too late
        assert parzen_log_likelihood(samples, held_back[:9], held_back).curve == first.curve
        held_back[FIRST - 1] = 100.0  # the last of them counts
        moved = parzen_log_likelihood(samples, held_back, held_back)
        assert moved.sigma != first.sigma

    def test_words(self):
        text = str(Parzen(225.04, 2.04, 0.16681, 10_000, ()))
        assert text == "225.0 ± 2.0 nats (σ 0.167, 10,000 samples)"


class TestBadDays:
    @staticmethod
    def nan_is_shown(measure):
        """Whether NaN in any of the three arrays, at its end, makes mean and error NaN."""
        shown = []
        for broken in range(3):
            arrays = [np.random.default_rng(i).normal(size=(300, 3)) for i in range(3)]
            arrays[broken][-1, -1] = math.nan
            found = measure(*arrays)
            shown.append(math.isnan(found.mean) and math.isnan(found.error))
        return all(shown)

    def test_nan_is_not_hidden(self):
        assert self.nan_is_shown(parzen_log_likelihood)

    def test_a_choice_that_passes_over_nan_is_rejected(self):
        def wrong(samples, x, held_back):
            curve = parzen_log_likelihoods(samples, held_back, SIGMAS).mean(axis=1)
            best = int(np.argmax(np.where(np.isnan(curve), -math.inf, curve)))
            each = parzen_log_likelihoods(samples, x, [SIGMAS[best]])[0]
            return Parzen(each.mean(), each.std() / math.sqrt(len(each)), SIGMAS[best], 300, ())

        assert not self.nan_is_shown(wrong)

    @pytest.mark.parametrize(
        "shapes",
        [
            ((5, 3), (5, 4), (5, 3)),
            ((5, 3), (5, 3), (5, 4)),
            ((5, 3), (0, 3), (5, 3)),
            ((0, 3), (5, 3), (5, 3)),
            ((5, 3), (5, 3), (0, 3)),
            ((5,), (5,), (5,)),
            ((5, 2, 2), (5, 2, 2), (5, 2, 2)),
        ],
    )
    def test_wrong_shapes(self, shapes):
        with pytest.raises(ShapeError, match=r"x_validation \(.*expected matrices"):
            parzen_log_likelihood(*map(np.zeros, shapes))

    @pytest.mark.parametrize("sigmas", [[], [0.0], [0.1, -1.0], [math.inf], [math.nan]])
    def test_wrong_widths(self, sigmas):
        x = np.zeros((2, 2))
        with pytest.raises(ValueError, match="expected one or more widths from 1e-100"):
            parzen_log_likelihood(x, x, x, sigmas)
        with pytest.raises(ValueError, match="expected one or more widths from 1e-100"):
            parzen_log_likelihoods(x, x, sigmas)


GIVEN = os.environ.get("SCRATCHGAN_DATA_DIR") or str(Path(__file__).parents[3] / "shared" / "data")


def test_ten_blurred_images_of_mnist(monkeypatch):
    """The means of the ten classes: a figure that was found for them with other code."""
    if not (Path(GIVEN) / "mnist").is_dir():
        pytest.skip("Parzen was not held to MNIST's figure: set SCRATCHGAN_DATA_DIR to its folder")
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", GIVEN)
    data = load("mnist")
    seen, held_back = slice(50_000), slice(50_000, None)
    x, labels = data.x[seen], data.labels[seen]
    means = np.stack([x[labels == c].mean(axis=0, dtype=np.float64) for c in range(10)])
    found = parzen_log_likelihood(means, data.x_test, data.x[held_back])
    assert abs(found.mean - 45.4) <= 0.05
    assert abs(found.sigma - 0.215) <= 0.001
