"""Measures against cases whose answer is known."""

import pytest

from scratchgan.data import load
from scratchgan.metrics import evaluate


class TestEvaluate:
    def test_held_out_digits_look_real_and_noise_does_not(self):
        data = load("digits")
        text = str(evaluate(data.x_test, data))
        row = next(line for line in text.splitlines() if "0.9 sure" in line).split("%")
        generated, real, control = (float(cell.split()[-1]) for cell in row[:3])
        assert generated == real
        assert real >= 85
        assert control <= 60

    def test_copies_are_seen(self):
        data = load("digits")
        rows = {row.name: row for row in evaluate(data.x[:200], data).measures}
        near = rows["nearest training image"]
        assert near.generated == "0.00"
        assert float(near.real) >= 0.5

    @pytest.mark.parametrize("name", ["ring", "grid"])
    def test_mixtures(self, name):
        data = load(name)
        captured, within, kl = evaluate(data.x[:2500], data).measures
        modes = len(data.density.means)
        assert captured.generated == captured.real == f"{modes} of {modes}"
        for cell in (within.generated, within.real):
            assert abs(float(cell.rstrip(" %")) - 98.9) <= 1.0
        assert float(kl.generated) <= 0.02

    def test_moments(self):
        mean, std = evaluate(load("gaussian-1d").x[:2500], load("gaussian-1d")).measures
        assert abs(float(mean.generated) - 3) <= 0.05
        assert abs(float(std.real) - 0.5) <= 0.05
