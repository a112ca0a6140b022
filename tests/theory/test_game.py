"""D*, V and what D tells a sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.games import get_game
from scratchgan.theory import (
    Normal,
    Uniform,
    discriminator_gap,
    optimal_discriminator,
    optimal_logit,
    sample_gradient,
    value,
    virtual_criterion,
)


class TestGame:
    p, q = Normal(0, 1), Normal(2, 1)

    def test_d_star(self):
        """p / (p + q), and where densities underflow too."""
        x = np.linspace(-5, 7, 50)[:, None]
        naive = self.p.pdf(x) / (self.p.pdf(x) + self.q.pdf(x))
        assert np.abs(optimal_discriminator(self.p, self.q)(x) - naive).max() <= 1e-14
        far = optimal_logit(self.p, self.q)(np.array([[1e3]]))
        assert abs(far[0] - (2 - 2 * 1e3)) <= 1e-6  # log p − log q = (q's mean)²/2 − 2x

    def test_where_neither_has_mass(self):
        d = optimal_discriminator(Uniform(0, 1), Uniform(2, 3))
        assert d(np.array([[0.5], [2.5], [9.0]])).tolist() == [1.0, 0.0, 0.5]

    @given(a=st.floats(-3, 3), b=st.floats(-3, 3))
    def test_no_d_beats_d_star(self, a, b):
        gap = discriminator_gap(lambda x: a + b * x[:, 0], self.p, self.q)
        assert gap.value >= -gap.error
        # l* = 2 − 2x: the gap closes there and nowhere else
        off = abs(a - 2) + abs(b + 2)
        assert (gap.value <= 1e-9) == (off <= 1e-4) or off <= 0.01
        assert 0 <= gap.distance <= 1

    def test_gap_closes_at_d_star(self):
        gap = discriminator_gap(lambda x: 2 - 2 * x[:, 0], self.p, self.q)
        assert abs(gap.value) <= gap.error <= 1e-9
        assert gap.distance <= 1e-12

    def test_a_sure_d_does_not_overflow(self):
        v = value(lambda x: -1e4 * (x[:, 0] - 1), self.p, self.q)
        assert np.isfinite(v.value)
        assert v.value < virtual_criterion(self.p, self.q).value

    @pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
    def test_what_d_tells_a_sample(self, objective):
        """Against finite differences of the loss; at a sure D only minimax's vanishes."""
        logit = optimal_logit(self.p, self.q)
        loss = {
            "minimax": lambda x: -np.logaddexp(0, logit(x)),
            "non_saturating": lambda x: np.logaddexp(0, -logit(x)),
        }[objective]
        x, h = np.linspace(-6, 8, 30)[:, None], 1e-5
        numeric = (loss(x + h) - loss(x - h)) / (2 * h)
        found = sample_gradient(logit(x), np.full(30, -2.0), get_game(objective))
        assert np.abs(found - numeric).max() <= 1e-7
        sure = sample_gradient(np.array([-50.0]), np.array([-2.0]), get_game(objective))[0]
        assert abs(sure - {"minimax": 0.0, "non_saturating": 2.0}[objective]) <= 1e-20

    def test_gradients_in_the_plane(self):
        g = sample_gradient(np.zeros(3), np.ones((3, 2)), get_game("minimax"))
        assert (g == -0.5).all()

    def test_a_loss_that_compares_with_real_examples(self):
        """Any object with ``g`` will do: here the mean of (l − mean of the real)²/2."""

        class Pull:
            def g(self, fake, real=None):
                away = fake - real.mean()
                return (away**2).mean(keepdims=True) / 2, away / len(fake), None

        sent = sample_gradient(np.array([1.0, 5.0]), np.array([2.0, 1.0]), Pull(), np.array([1, 3]))
        assert sent.tolist() == [-2.0, 3.0]
