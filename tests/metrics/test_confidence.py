"""How sure a classifier is, where it is known."""

import numpy as np

from scratchgan.metrics import classifier_confidence


class TestConfidence:
    class Certain:
        """A classifier that looks at the first feature: it is the probability of class 1."""

        def predict_proba(self, x):
            return np.stack([1 - x[:, 0], x[:, 0]], axis=1)

    def test_threshold_and_counts(self):
        x = np.array([[0.0], [0.05], [0.5], [0.85], [0.9], [1.0]])
        c = classifier_confidence(self.Certain(), x)
        assert (c.confident, c.counts) == (4 / 6, (2, 2))
