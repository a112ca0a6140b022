import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchgan
from scratchgan.data import dataset_names, load
from scratchgan.data.toy import TOYS, toy
from scratchgan.errors import UnknownNameError
from scratchgan.recipes import get_recipe

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
        "grid-49",
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


@pytest.mark.parametrize(("name", "modes"), [("ring", 8), ("grid", 25), ("grid-49", 49)])
def test_toy_points_reach_every_mode(name, modes):
    data = load(name, n=2500)
    gaps = np.linalg.norm(data.x[:, None] - data.density.means, axis=2)
    assert len(np.unique(gaps.argmin(axis=1))) == modes
    high_quality = (gaps.min(axis=1) <= 3 * data.density.std).mean()
    assert abs(high_quality - (1 - np.exp(-4.5))) <= 0.01  # 98.89 % of true data


def test_the_grid_of_49_is_as_wide_and_as_narrow_as_that_of_25():
    for name, side, divisor in (("grid", 5, 2.828), ("grid-49", 7, 4)):
        density = TOYS[name]()
        ticks = (2 * np.arange(side) - (side - 1)) / divisor
        assert np.allclose(np.unique(density.means[:, 0].round(9)), ticks)
        assert np.allclose(np.unique(density.means[:, 1].round(9)), ticks)
        assert density.std == 0.05 / divisor
        assert abs(density.means.std() - 1) <= 1e-3


def test_the_swiss_roll_is_the_published_one():
    """Gulrajani et al. 2017: scikit-learn's with noise 0.25, columns 0 and 2, divided by 7.5."""
    assert TOYS["swiss-roll"]().std == 0.25 / 7.5
    x = load("swiss-roll").x
    assert abs(np.linalg.norm(x, axis=1).max() - 4.5 * np.pi / 7.5) <= 5 * 0.25 / 7.5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ring", {"n": 0}, "data set 'ring': n is 0; expected a whole number, at least 1"),
        ("ring", {"n": 1.5}, "n is 1.5; expected a whole number"),
        ("ring", {"n": "3"}, "n is '3'; expected a whole number"),
        ("ring", {"n": 10**30}, "data set 'ring': 1(,000){10} points, which takes about .* GB"),
        ("ring", {"seed": -1}, "seed is -1; expected a whole number, 0 ≤ seed < 2⁶⁴"),
        ("ring", {"seed": None}, "seed is None"),
        ("ring", {"m": 3}, "'ring' has no option 'm'; expected n and seed"),
        ("digits", {"n": 3}, "'digits' has no option 'n'; expected none"),
    ],
)
def test_options_are_checked(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)


def test_numbers_of_numpy_are_options():
    assert (load("ring", n=np.int64(5), seed=2.0).x == load("ring", n=5, seed=2).x).all()


@pytest.mark.parametrize("name", [None, 3, ["ring"], {"ring": 1}, np.zeros(2), True])
def test_what_is_no_name(name):
    for find in (load, get_recipe):
        with pytest.raises(UnknownNameError, match="Known: .*digits"):
            find(name)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("MNIST", "mnist"), ("Fashion_MNIST", "fashion-mnist"), ("Rings", "ring"), ("RING", "ring")],
)
def test_capital_letters_are_near_to_small_ones(given, meant):
    with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
        load(given)


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
