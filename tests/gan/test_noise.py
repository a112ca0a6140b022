"""Samples from a wider or a narrower z than that of the training."""

import numpy as np
import pytest

from scratchgan.backends import Stream
from scratchgan.gan import Generator, Noise, interpolate
from tests.backends.cases import every_backend
from tests.gan.games import NOISE, networks

NOISES = [Noise(3), Noise(3, "uniform", -1.0, 2.0), Noise(3, "uniform", 0.1, 0.7)]


@pytest.mark.parametrize("noise", NOISES, ids=str)
@every_backend
def test_z_is_so_many_times_as_far_from_its_mean(noise, ops):
    mean = 0.0 if noise.kind == "normal" else (noise.low + noise.high) / 2

    def draw(*temperature):
        return ops.to_numpy(noise.sample(ops, 500, Stream(1), np.float64, *temperature))

    assert draw().tobytes() == draw(1.0).tobytes()
    for temperature in (0.5, 1.3):
        expected = mean + temperature * (draw() - mean)
        assert np.abs(draw(temperature) - expected).max() <= 1e-14


def generator(temperature=1.0):
    G, _ = networks()
    return Generator(G, Noise(NOISE), temperature=temperature)


def test_samples_and_lines_are_of_that_z():
    warm, stream = generator(1.3), Stream(4)
    z = np.asarray(generator().draw_z(6, stream))
    assert np.allclose(np.asarray(warm.draw_z(6, stream)), 1.3 * z, rtol=1e-14)
    assert np.allclose(warm.sample(6, stream), generator().at(1.3 * z), rtol=1e-12)
    lines = interpolate(warm, 3, 2, stream)  # its two ends alone
    assert np.allclose(lines, warm.sample(6, stream), rtol=1e-12)
    assert not np.allclose(lines, interpolate(generator(), 3, 2, stream))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf"), float("nan"), 1e7, "1", True])
def test_what_is_no_temperature(temperature):
    with pytest.raises(ValueError, match="expected a number above 0"):
        generator(temperature)
