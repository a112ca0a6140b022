import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchgan
from scratchgan.data import dataset_names, load
from scratchgan.data.toy import TOYS, toy
from scratchgan.errors import DataError, UnknownNameError

HEAVY = ("sklearn", "scipy", "pooch", "requests", "tqdm", "numba", "matplotlib")


def imported(code):
    """Names of HEAVY that a fresh interpreter has imported after running code."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    root = Path(scratchgan.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=root, capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


def test_import_is_lazy():
    use = "import scratchgan.data, scratchgan.theory; scratchgan.data.load('ring', n=10)"
    assert imported(use) == []
    assert "sklearn" in imported("import scratchgan.data; scratchgan.data.load('digits')")


def test_names():
    assert dataset_names() == (
        "gaussian-1d",
        "mixture-1d",
        "ring",
        "grid",
        "swiss-roll",
        "two-moons",
        "digits",
        "mnist",
        "fashion-mnist",
    )


def test_unknown_names_list_the_known_and_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown data set 'minst'; did you mean 'mnist'\?"):
        load("minst")
    with pytest.raises(UnknownNameError, match=r"Known: .*two-moons"):
        load("cifar")
    with pytest.raises(UnknownNameError, match=r"'rings'; did you mean 'ring'"):
        toy("rings")


@pytest.mark.parametrize("name", TOYS)
def test_toy_sets(name):
    data = load(name)
    assert data.x.shape == (65_536, data.density.dim)
    assert data.labels is None
    assert data.name == name
    assert np.isfinite(data.density.log_pdf(data.x)).all()
    drawn = data.density.sample(65_536, np.random.default_rng(0)).astype(np.float32)
    assert (data.x == drawn).all()
    assert (load(name, n=100, seed=5).x == load(name, n=100, seed=5).x).all()
    assert not (load(name, n=100, seed=5).x == load(name, n=100, seed=6).x).all()


def test_toy_gaussian_is_the_one_announced():
    x = load("gaussian-1d").x
    assert abs(x.mean(dtype=float) - 3) <= 0.01
    assert abs(x.std(dtype=float) - 0.5) <= 0.01


@pytest.mark.parametrize(("name", "modes"), [("ring", 8), ("grid", 25)])
def test_toy_points_reach_every_mode(name, modes):
    data = load(name, n=2500)
    gaps = np.linalg.norm(data.x[:, None] - data.density.means, axis=2)
    assert len(np.unique(gaps.argmin(axis=1))) == modes
    high_quality = (gaps.min(axis=1) <= 3 * data.density.std).mean()
    assert abs(high_quality - (1 - np.exp(-4.5))) <= 0.01  # 98.89 % of true data


@pytest.mark.parametrize(
    ("options", "message"), [({"n": 0}, "n is 0"), ({"seed": -1}, "seed is -1")]
)
def test_toy_refuses(options, message):
    with pytest.raises(DataError, match=f"data set 'ring': {message}"):
        load("ring", **options)


def test_digits():
    data = load("digits")
    assert data.x.shape == (1493, 64)
    assert data.x_test.shape == (304, 64)
    assert data.image_shape == (8, 8)
    assert (data.x.min(), data.x.max()) == (0, 1)
    share = np.bincount(data.labels_test, minlength=10) / (
        np.bincount(data.labels, minlength=10) + np.bincount(data.labels_test, minlength=10)
    )
    assert np.abs(share - 1 / 6).max() <= 0.005  # stratified


def test_digits_are_all_there_once():
    datasets = pytest.importorskip("sklearn.datasets")
    pixels, labels = datasets.load_digits(return_X_y=True)
    data = load("digits")
    together = np.column_stack(
        [
            np.concatenate([data.x, data.x_test]) * 16,
            np.concatenate([data.labels, data.labels_test]),
        ]
    )
    expected = np.column_stack([pixels, labels])
    assert (np.sort(together.astype(int), axis=0) == np.sort(expected.astype(int), axis=0)).all()
    rows = {tuple(row) for row in together.astype(int)}
    assert rows == {tuple(row) for row in expected.astype(int)}
