"""What is measured of data that nobody knows a density or a classifier of."""

import numpy as np
import pytest

from scratchgan.data import Dataset
from scratchgan.metrics import evaluate

POINTS = [
    "mean", "standard deviation", "Fréchet distance", "precision", "recall",
    "nearest training example",
]  # fmt: skip


def points(n=400, held_out=100, dim=2, seed=0, **options):
    x = np.random.default_rng(seed).normal(size=(n + held_out, dim)).astype(np.float32)
    return Dataset(
        name="mine", x=x[:n], x_test=x[n:] if held_out else None, labels=None, label_names=(),
        image_shape=None, value_range=(-9.0, 9.0), source="a test", licence="none", **options,
    )  # fmt: skip


def measured(samples, data, seed=0):
    found = evaluate(samples, data, seed)
    numbers = {m.name: (m.generated, m.real) for m in found.measures}
    return found, {
        name: tuple(map(float, both)) for name, both in numbers.items() if "," not in both[0]
    }


def test_examples_of_the_same_kind_are_as_good_as_the_real_ones():
    data = points()
    found, numbers = measured(points(seed=1).x, data)
    assert [m.name for m in found.measures] == POINTS
    for name, within in (("precision", 0.1), ("recall", 0.1), ("nearest training example", 0.05)):
        generated, real = numbers[name]
        assert abs(generated - real) <= within, name
    assert "real: 100 held-out examples" in found.note
    assert "use 100 of each" in found.note


@pytest.mark.parametrize("held_out", [0, 100])
def test_faults_are_seen(held_out):
    """Copies by their nearness, collapse by recall, what is out of place by precision."""
    data = points(held_out=held_out)
    _, copies = measured(data.x, data)
    assert copies["nearest training example"][0] <= 1e-6 + (0.2 if not held_out else 0)
    assert copies["nearest training example"][1] >= 0.03
    _, collapsed = measured(data.x[:1].repeat(200, axis=0), data)
    assert collapsed["recall"][0] <= 0.05
    assert collapsed["recall"][1] >= 0.6
    _, far = measured(data.x + 20, data)
    assert far["precision"] == (0.0, far["precision"][1])
    assert far["Fréchet distance"][0] >= 700  # 2 · 20²
    assert far["Fréchet distance"][1] <= 1


def test_without_examples_held_out_one_half_stands_for_the_real_ones():
    found, numbers = measured(points(seed=1).x, points(held_out=0))
    assert "real: 200 examples, half of the training set" in found.note
    assert abs(np.subtract(*numbers["precision"])) <= 0.1
    again, _ = measured(points(seed=1).x, points(held_out=0))
    assert str(again) == str(found)


def test_images_are_compared_by_pixels_and_it_is_said():
    x = np.random.default_rng(0).random((60, 4, 3))
    data = Dataset.from_array(x, name="mine", value_range=(0.0, 1.0))
    found, _ = measured(data.x[:20], data)
    assert [m.name for m in found.measures] == ["precision", "recall", "nearest training image"]
    assert "All distances are between pixels" in found.note


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_examples(n):
    """What cannot be measured of so few is left out."""
    data = Dataset.from_array(np.arange(2.0 * n).reshape(n, 2), name="few")
    found, _ = measured(data.x, data)
    assert {"mean", "nearest training example"} <= {m.name for m in found.measures} <= set(POINTS)


def test_points_of_many_features():
    found, _ = measured(points(dim=30, seed=1).x, points(dim=30))
    assert [m.name for m in found.measures] == POINTS[2:]


def test_samples_that_are_not_finite():
    samples = points(seed=1).x.copy()
    samples[0] = np.nan
    _, numbers = measured(samples, points())
    assert np.isnan(numbers["precision"][0])
    assert numbers["precision"][1] >= 0.6
