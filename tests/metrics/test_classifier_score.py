"""The classifier score and the agreement with labels: known cases, SciPy, wrong variants."""

import math

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.metrics import classifier_score, label_agreement


def uneven(n, classes, seed=0):
    """Probabilities as a classifier gives them: most rows sure, some not, some exactly 0."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.1), n)
    p[p < 1e-3] = 0
    return p / p.sum(axis=1, keepdims=True)


def whole(p):
    return classifier_score(p, splits=1).whole


def by_scipy(p):
    from scipy.stats import entropy

    return math.exp(np.mean([entropy(row, p.mean(axis=0)) for row in p]))


def entropies(p):
    """KL is the marginal's entropy less the mean of the rows'."""
    from scipy.stats import entropy

    return entropy(p.mean(axis=0)), np.mean([entropy(row) for row in p])


WRONG = {
    "log base 2": lambda p: 2 ** math.log(by_scipy(p)),
    "the other way round": lambda p: math.exp(
        np.mean([_kl(p.mean(axis=0), row + 1e-12) for row in p])
    ),
    "the marginal alone": lambda p: math.exp(entropies(p)[0]),
    "the rows alone": lambda p: math.exp(-entropies(p)[1]),
    "mean of exponentials": lambda p: np.mean([math.exp(_kl(row, p.mean(axis=0))) for row in p]),
    "log of a sum": lambda p: math.exp(-np.log(p.max(axis=1)).mean()),
}


def _kl(p, q):
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def distance_to_known(score):
    """The largest error over rows whose score can be worked out."""
    worst = 0.0
    half = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    q = np.array([0.2, 0.3, 0.5])
    sure = np.eye(3)[np.repeat(range(3), (20, 30, 50))]
    for p, exact in (
        (np.full((40, 4), 0.25), 1.0),  # it has no idea
        (np.eye(5)[np.arange(40) % 5], 5.0),  # sure, and all classes alike
        (np.eye(5)[np.full(40, 2)], 1.0),  # sure, and always of one class
        (sure, math.exp(-(q * np.log(q)).sum())),  # sure: the marginal's entropy
        (half.repeat(10, axis=0), 2.0),  # it cannot tell two classes apart, in two pairs
        (np.tile(q, (30, 1)), 1.0),  # always the same answer
        (0.5 * np.eye(2)[np.arange(20) % 2] + 0.25, 1.5**0.75 * 0.5**0.25),  # ¾ sure
    ):  # fmt: skip
        worst = np.maximum(worst, abs(score(p) - exact))
    for n, classes in ((1, 3), (50, 10), (333, 4)):
        p = uneven(n, classes)
        worst = np.maximum(worst, abs(score(p) - by_scipy(p)))
    return worst


class TestScore:
    def test_known_cases(self):
        assert distance_to_known(whole) <= 1e-12

    @pytest.mark.parametrize("name", WRONG)
    def test_a_wrong_variant_is_rejected(self, name):
        assert distance_to_known(WRONG[name]) >= 0.1

    def test_bounds(self):
        """1 … classes, for rows whose sum is only nearly 1 too."""
        for seed in range(30):
            classes = 2 + seed % 9
            for p in (uneven(40, classes, seed), np.eye(classes)[np.arange(40) % classes]):
                for rows in (p, p.astype(np.float32), 1.0005 * p, 0.9995 * p):
                    found = classifier_score(rows)
                    for score in (found.mean, found.whole):
                        assert 1 - 1e-12 <= score <= classes + 1e-12

    def test_splits_as_published(self):
        p = uneven(103, 6)
        found = classifier_score(p, splits=7)
        parts = [p[i * 103 // 7 : (i + 1) * 103 // 7] for i in range(7)]
        assert len(np.concatenate(parts)) == 103
        scores = [by_scipy(part) for part in parts]
        assert abs(found.mean - np.mean(scores)) <= 1e-12
        assert abs(found.std - np.std(scores)) <= 1e-12
        assert abs(found.whole - by_scipy(p)) <= 1e-12
        assert found.splits == 7
        one = classifier_score(p, splits=1)
        assert (one.mean, one.std) == (one.whole, 0)

    def test_a_split_scores_lower_on_average(self):
        """p(y) is nearer to the rows that it is the mean of."""
        p = uneven(200, 10)
        found = classifier_score(p, splits=20)
        scores = [by_scipy(p[i : i + 10]) for i in range(0, 200, 10)]
        assert np.log(scores).mean() < math.log(found.whole)
        assert found.mean <= 0.9 * found.whole

    def test_samples_sorted_by_class(self):
        found = classifier_score(np.eye(10)[np.repeat(range(10), 10)])
        assert abs(found.mean - 1) <= 1e-12
        assert abs(found.whole - 10) <= 1e-12

    def test_failing_one_image_a_class(self):
        """Ten images, each a hundred times over, score as high as can be."""
        sure = classifier_score(np.eye(10)[np.arange(1000) % 10])
        assert abs(sure.mean - 10) <= 1e-12
        assert whole(uneven(1000, 10)) <= 9

    def test_words(self):
        assert str(classifier_score(np.eye(2)[np.arange(20) % 2])) == (
            "2.00 ± 0.00 (10 splits; 2.00 whole)"
        )


class TestAgreement:
    P = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.6, 0.4, 0], [0, 1, 0], [0.4, 0.3, 0.3]])
    LABELS = np.array([0, 1, 1, 1, 0])

    @classmethod
    def is_right(cls, agreement):
        found = agreement(cls.P, cls.LABELS)
        exact = (0.8, math.sqrt(0.8 * 0.2 / 5), 1.0, 2 / 3, math.nan)
        return np.allclose((*found[:2], *found[2]), exact, rtol=1e-12, equal_nan=True)

    def test_counted_by_hand(self):
        assert self.is_right(label_agreement)
        assert label_agreement(self.P, self.LABELS).asked == (2, 3, 0)

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda p, y: label_agreement(p, (y + 1) % 3),
            lambda p, y: label_agreement(p, p.argmax(axis=1)),
            lambda p, y: label_agreement(np.eye(3)[y], p.argmax(axis=1)),  # by the class found
            lambda p, y: label_agreement(p, y)._replace(error=0.4),
        ],
    )
    def test_a_wrong_variant_is_rejected(self, mistake):
        assert not self.is_right(mistake)

    def test_against_sklearn(self):
        from sklearn.metrics import accuracy_score, recall_score

        p, y = uneven(500, 10), np.random.default_rng(1).integers(0, 10, 500)
        y[:200] = p[:200].argmax(axis=1)
        found = label_agreement(p, y)
        assert abs(found.share - accuracy_score(y, p.argmax(axis=1))) <= 1e-12
        each = recall_score(y, p.argmax(axis=1), average=None)
        assert np.abs(np.array(found.by_class) - each).max() <= 1e-12
        assert found.asked == tuple(np.bincount(y))

    def test_its_error_is_the_spread_of_the_share(self):
        rng = np.random.default_rng(2)
        y = np.zeros(80, int)
        found = [label_agreement(np.eye(2)[(rng.random(80) < 0.3).astype(int)], y)
                 for _ in range(500)]  # fmt: skip
        spread = np.std([f.share for f in found])
        assert abs(np.mean([f.error for f in found]) / spread - 1) <= 0.1


class TestBadDays:
    @pytest.mark.parametrize("factor", [0.9985, 1.0015])
    def test_sums_that_are_not_nearly_1(self, factor):
        with pytest.raises(ValueError, match="sums of rows from"):
            classifier_score(factor * uneven(40, 4))

    def test_nan_is_not_hidden(self):
        """argmax of a row with a NaN is a class, and the wanted one one time in ten."""
        p, y = np.eye(3)[np.arange(30) % 3], np.arange(30) % 3
        p[4] = math.nan
        assert p[4].argmax() == 0
        score = classifier_score(p)
        assert math.isnan(score.whole)
        assert math.isnan(score.mean)
        found = label_agreement(p, y)
        assert math.isnan(found.share)
        assert math.isnan(found.error)
        assert found.by_class[0] == found.by_class[2] == 1
        assert math.isnan(found.by_class[1])

    @pytest.mark.parametrize(
        "p", [np.array([[3.0, -1.0], [0.0, 0.0]]), np.full((4, 3), 0.3), -np.eye(3), np.eye(3) * 2]
    )
    @pytest.mark.parametrize(
        "measure", [classifier_score, lambda p: label_agreement(p, np.zeros(len(p), int))]
    )
    def test_logits_are_no_probabilities(self, p, measure):
        with pytest.raises(ValueError, match="apply softmax to logits first"):
            measure(p)

    @pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 2, 2)])
    def test_wrong_shapes(self, shape):
        with pytest.raises(ShapeError, match="expected matrices"):
            classifier_score(np.zeros(shape))
        with pytest.raises(ShapeError, match="expected matrices"):
            label_agreement(np.zeros(shape), np.zeros(3, int))

    @pytest.mark.parametrize("splits", [0, 6, -1])
    def test_splits(self, splits):
        with pytest.raises(ValueError, match=f"splits is {splits}; expected .* from 1 to 5,"):
            classifier_score(np.eye(5), splits)

    def test_wrong_labels(self):
        for labels in (np.zeros(4, int), np.zeros((5, 1), int), np.zeros(5)):
            with pytest.raises(ShapeError, match=r"expected \(5,\) integers"):
                label_agreement(np.eye(5), labels)
        for label in (-1, 5):
            with pytest.raises(ValueError, match="expected 0 … 4"):
                label_agreement(np.eye(5), np.array([0, 1, label, 2, 3]))
