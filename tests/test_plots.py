"""Figures hold what they say, without pyplot."""

import io
import subprocess
import sys

import numpy as np
import pytest

from scratchgan import plots

rng = np.random.default_rng(0)
HISTORY = [
    {"step": s, "value": -1.0 - s, "loss_g": 0.5, "d_real": 0.6, "d_fake": 0.4} for s in (1, 2, 3)
]


def pixels(figure):
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return np.asarray(Image.open(stream).convert("L"), dtype=float) / 255


def test_image_grid_is_exact():
    """Each pixel of each image, at its place, zoomed; a gap of one pixel between them."""
    images = rng.integers(0, 256, (7, 6)) / 255
    page = pixels(plots.image_grid(images, (2, 3), columns=4, zoom=5))
    assert page.shape == ((2 * 3 + 1) * 5, (4 * 4 + 1) * 5)
    small, byte = page[2::5, 2::5], 1.01 / 255
    for i, image in enumerate(images):
        top, left = 1 + (i // 4) * 3, 1 + (i % 4) * 4
        assert np.abs(small[top : top + 2, left : left + 3].ravel() - image).max() <= byte
    assert (small[0] == 0).all()
    assert (small[4:6, 13:] == 0).all()  # the place of the eighth image


@pytest.mark.parametrize(
    "figure",
    [
        plots.losses(HISTORY),
        plots.losses([]),
        plots.losses([{"step": 1, "loss_g": 0.5}]),
        plots.sample_scatter(rng.normal(size=(50, 2)), rng.normal(size=(50, 2)), "a title"),
        plots.sample_density(
            rng.normal(size=(50, 1)), lambda x: np.exp(-(x**2)), lambda x: 0 * x + 0.5, (-3, 3)
        ),
        plots.histogram(rng.normal(size=(50, 1))),
    ],
)
def test_axes_are_labelled(figure):
    page = pixels(figure)
    assert page.min() < 0.5 < page.max()
    for axes in figure.axes:
        assert axes.get_ylabel()
    assert any(axes.get_xlabel() for axes in figure.axes)


def test_a_collapsed_generator_looks_like_one():
    """The histogram's area is the share of samples within the limits, not 1."""
    samples = np.concatenate([np.zeros(10), np.full(90, 50.0)])
    for x, share in ((samples, 0.1), (samples + 50, 0.0)):
        axes = plots.sample_density(x, lambda x: np.exp(-(x**2)), lambda x: 0 * x, (-3, 3)).axes[0]
        area = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
        assert abs(area - share) <= 1e-9


def test_losses_hold_the_history():
    top, bottom = plots.losses(HISTORY).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in top.lines + bottom.lines}
    assert drawn["V, what D ascends"] == [-2.0, -3.0, -4.0]
    assert drawn["mean D(G(z))"] == [0.4] * 3
    assert drawn["V at the optimum, −log 4"][0] == -np.log(4)


def test_pyplot_is_not_needed():
    code = (
        "import sys, numpy as np; from scratchgan import plots;"
        "plots.losses([]).savefig('/dev/null', format='png');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
