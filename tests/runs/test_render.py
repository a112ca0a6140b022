"""The picture of a run is the one that suits its data."""

import numpy as np
import pytest

from scratchgan import plots
from scratchgan.data import Dataset, load
from scratchgan.recipes import get_recipe
from scratchgan.runs.render import Renderer


def drawn(monkeypatch, tmp_path, recipe, data):
    """Return the functions of ``plots`` that draw the picture, with their arguments."""
    calls = []
    for name in ("game_2d", "sample_scatter", "sample_density", "image_grid"):
        draw = getattr(plots, name)

        def seen(*given, name=name, draw=draw, **named):
            calls.append((name, given))
            return draw(*given, **named)

        monkeypatch.setattr(plots, name, seen)
    trainer = get_recipe(recipe).trainer(data, backend="reference", batch_size=8)
    Renderer(trainer, data).write(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    return calls


def points(features):
    x = np.random.default_rng(0).normal(size=(200, features)).astype(np.float32)
    return Dataset.from_array(x, name="mine")


@pytest.mark.parametrize(
    ("recipe", "data", "expected"),
    [
        ("ring", load("ring"), "game_2d"),
        ("ring", points(2), "game_2d"),
        ("ring", points(3), "sample_scatter"),
        ("gaussian-1d", load("gaussian-1d"), "sample_density"),
        ("digits", load("digits"), "image_grid"),
    ],
    ids=["toy", "own", "space", "line", "images"],
)
def test_the_picture_suits_the_data(monkeypatch, tmp_path, recipe, data, expected):
    assert [name for name, _ in drawn(monkeypatch, tmp_path, recipe, data)] == [expected]


def test_a_toy_shows_its_density_and_own_points_themselves(monkeypatch, tmp_path):
    data = load("grid")
    ((_, (_, p_data)),) = drawn(monkeypatch, tmp_path, "grid", data)
    assert p_data == data.density.pdf
