import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.metrics import mode_coverage
from scratchgan.trials.coverage import chance_kl
from scratchgan.trials.published import GRID_25, high_quality_of_true_data


def test_true_data():
    """Draws from p_data have the expected share and, within its spread, the expected KL."""
    density = load("grid").density
    found = [
        mode_coverage(density.sample(2500, np.random.default_rng(s)), density.means, density.std)
        for s in range(40)
    ]
    shares, divergences = np.array([(100 * f.high_quality, f.reverse_kl) for f in found]).T
    assert abs(shares.mean() - high_quality_of_true_data()) < 4 * shares.std() / 40**0.5
    expected = chance_kl(25, 2500)
    assert abs(divergences.mean() - expected) < 4 * divergences.std() / 40**0.5 + 0.02 * expected
    assert high_quality_of_true_data() == pytest.approx(98.89, abs=0.005)


def test_the_rows_are_those_of_the_papers():
    rows = {each.method: each for each in GRID_25}
    assert rows["PacGAN4"][2:] == (24.8, 0.2, 93.6, 0.6, 0.04)
    assert rows["GAN"].modes == 17.3
    assert rows["VEEGAN"].reverse_kl is None
