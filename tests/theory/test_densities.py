from functools import cache

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.theory import (
    GaussianMixture,
    Normal,
    SwissRoll,
    TwoMoons,
    grid,
    ring,
)

DENSITIES = {
    "normal": Normal(3.0, 0.5),
    "mixture": GaussianMixture([-1.5, 1.5], 0.5, [0.3, 0.7]),
    "mixture-2d": GaussianMixture([[0, 0], [1, 2], [-1, 1]], 0.3, [0.2, 0.5, 0.3]),
    "ring": ring(),
    "grid": grid(),
    "swiss-roll": SwissRoll(),
    "two-moons": TwoMoons(),
}
every_density = pytest.mark.parametrize("p", DENSITIES.values(), ids=DENSITIES.keys())


def sample(p, n, seed=0):
    return p.sample(n, np.random.default_rng(seed))


def projections(p, x):
    """Numbers whose distributions tell p apart: oblique projections, and log p itself."""
    angles = (0.3, 1.1, 2.0) if p.dim == 2 else (0.0,)
    directions = [np.array([np.cos(a), np.sin(a)])[: p.dim] for a in angles]
    return [x @ direction for direction in directions] + [p.log_pdf(x)]


@cache
def mesh(p):
    """Projections of the points of a regular grid over all of p, and the mass of their cells.

    The sum of a Gaussian over a grid of step h ≤ 0.6 std is its integral to 1e-16.
    The grid is turned, so that few of its points share a projection.
    """
    turn = np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    turn = turn if p.dim == 2 else np.eye(1)
    x = sample(p, 4000) @ turn
    low, high = x.min(axis=0) - 6 * p.std, x.max(axis=0) + 6 * p.std
    coarsest = 0.3 if isinstance(p, GaussianMixture) else 0.6  # few points lie in a bump
    step = min(coarsest * p.std, (np.prod(high - low) / 50_000) ** (1 / p.dim))
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, p.dim) @ turn.T
    mass = p.pdf(points) * step**p.dim
    there = mass > 1e-14
    return projections(p, points[there]), mass[there]


def ks_distance(p, x):
    """Greatest Kolmogorov–Smirnov distance between the sample x and p, over the projections."""
    projected, mass = mesh(p)
    distances = []
    for at, drawn in zip(projected, projections(p, x), strict=True):
        order = np.argsort(at)
        exact = np.cumsum(mass[order]) - mass[order] / 2
        empirical = np.searchsorted(np.sort(drawn), at[order], side="right") / len(drawn)
        distances.append(np.abs(exact - empirical).max())
    return max(distances)


@every_density
def test_pdf_integrates_to_one(p):
    _, mass = mesh(p)
    assert abs(mass.sum() - 1) <= 1e-7


@every_density
def test_samples_follow_the_density(p):
    n = 20_000
    # Chance exceeds the first term with probability 2 e^(−2 · 2.2²) = 1e-4; the mesh adds some.
    bound = 2.2 / np.sqrt(n) + 0.005
    x = sample(p, n)
    assert x.shape == (n, p.dim)
    assert x.dtype == np.float64
    assert ks_distance(p, x) <= bound
    assert not ks_distance(p, 1.05 * x) <= bound  # 5 % too wide
    assert not ks_distance(p, x + 0.5 * p.std) <= bound  # shifted by half the noise
    rng = np.random.default_rng(1)
    assert not ks_distance(p, x + 0.6 * p.std * rng.standard_normal(x.shape)) <= bound  # blurred


def test_a_missing_mode_is_noticed():
    p = ring()
    x = sample(p, 20_000)
    first = np.linalg.norm(x - p.means[0], axis=1) < 0.5
    assert not ks_distance(p, x[~first]) <= 0.05


@every_density
def test_log_pdf_is_the_log_of_pdf(p):
    x = sample(p, 500)
    assert np.abs(p.log_pdf(x) - np.log(p.pdf(x))).max() <= 1e-12


def test_normal_is_its_formula():
    x = np.linspace(-1, 6, 50)
    expected = np.exp(-((x - 3) ** 2) / (2 * 0.25)) / np.sqrt(2 * np.pi * 0.25)
    assert np.abs(Normal(3.0, 0.5).pdf(x) - expected).max() <= 1e-15


@pytest.mark.parametrize("name", ["mixture-2d", "ring", "grid"])
def test_mixture_is_its_formula(name):
    p = DENSITIES[name]
    x = sample(p, 300)
    expected = np.zeros(300)
    for weight, mean in zip(p.weights, p.means, strict=True):
        bump = np.exp(-((x - mean) ** 2).sum(axis=1) / (2 * p.std**2)) / (2 * np.pi * p.std**2)
        expected += weight * bump
    assert np.abs(p.pdf(x) / expected - 1).max() <= 1e-12


@every_density
def test_far_tails_are_finite_in_log_space(p):
    x = np.full((1, p.dim), 1000.0)
    assert p.pdf(x)[0] == 0
    assert -1e12 < p.log_pdf(x)[0] < -1e5
    beyond = np.full((2, p.dim), [[1e200], [np.inf]])
    assert np.isneginf(p.log_pdf(beyond)).all()
    assert np.isnan(p.log_pdf(np.full((1, p.dim), np.nan))).all()


def test_tail_of_a_mixture_is_that_of_its_nearest_mode():
    p = GaussianMixture([-1.0, 1.0], 0.1, [0.25, 0.75])
    nearest = np.log(0.75) + Normal(1.0, 0.1).log_pdf([60.0])
    assert abs(p.log_pdf([60.0])[0] - nearest[0]) <= 1e-9


def smallest_distance(means):
    gaps = np.linalg.norm(means[:, None] - means, axis=2)
    return gaps[~np.eye(len(means), dtype=bool)].min()


def test_ring_has_eight_distinct_modes_on_its_circle():
    p = ring()
    assert p.means.shape == (8, 2)
    assert np.abs(np.linalg.norm(p.means, axis=1) - 2 / 1.414).max() <= 1e-12
    expected = 2 * (2 / 1.414) * np.sin(np.pi / 8)  # the side of a regular octagon
    assert abs(smallest_distance(p.means) - expected) <= 1e-12
    assert p.std == 0.02 / 1.414
    doubled = np.linspace(0, 2 * np.pi, 8)  # the slip: 0 and 2π are one angle
    assert not smallest_distance(np.column_stack([np.cos(doubled), np.sin(doubled)])) > 0.1


def test_grid_has_twenty_five_distinct_modes_on_its_lattice():
    p = grid()
    assert len(np.unique((p.means * 2.828).round(9), axis=0)) == 25
    ticks = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    for axis in range(2):
        assert np.abs(np.unique((p.means[:, axis] * 2.828).round(9)) - ticks).max() <= 1e-9
    assert p.std == 0.05 / 2.828


@pytest.mark.parametrize("p", [ring(), grid()], ids=["ring", "grid"])
def test_scaling_gives_unit_variance(p):
    variance = (p.weights[:, None] * p.means**2).sum(axis=0) + p.std**2
    assert np.abs(variance - 1).max() <= 1e-3


def test_weights_are_the_shares_of_the_modes():
    p = GaussianMixture([[0, 0], [10, 0]], 0.1, [0.2, 0.8])
    share = (sample(p, 10_000)[:, 0] > 5).mean()
    assert abs(share - 0.8) <= 0.02


def test_one_dimension_takes_a_row_or_a_column():
    for p in (Normal(), GaussianMixture([0.0, 1.0], 0.3)):
        x = np.linspace(-1, 1, 7)
        assert p.log_pdf(x).shape == (7,)
        assert (p.log_pdf(x) == p.log_pdf(x[:, None])).all()
        assert p.pdf(np.empty(0)).shape == (0,)


def test_long_inputs_are_summed_in_blocks():
    p = grid()
    x = sample(p, 30_000)  # × 25 modes: several blocks
    assert (p.log_pdf(x)[[0, 12_345, 29_999]] == p.log_pdf(x[[0, 12_345, 29_999]])).all()


def test_the_same_seed_draws_the_same():
    for p in DENSITIES.values():
        assert (sample(p, 10, seed=3) == sample(p, 10, seed=3)).all()
        assert not (sample(p, 10, seed=3) == sample(p, 10, seed=4)).all()


@pytest.mark.parametrize("shape", [(), (3,), (3, 1), (3, 3), (2, 3, 2)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=r"density 'ring' got x of shape .*; expected \(n, 2\)"):
        ring().pdf(np.zeros(shape))
    if shape not in ((3,), (3, 1)):
        with pytest.raises(ShapeError, match=r"\(n, 1\) or \(n,\)"):
            Normal().pdf(np.zeros(shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(std=0.0), "std is 0"),
        (lambda: Normal(std=float("nan")), "std is nan"),
        (lambda: Normal(mean=float("inf")), "mean is inf"),
        (lambda: GaussianMixture([0.0], std=-1.0), "std is -1"),
        (lambda: GaussianMixture([float("nan")], std=1.0), "NaN or infinite"),
        (lambda: GaussianMixture([], std=1.0), r"expected \(modes, dim\)"),
        (lambda: GaussianMixture([0.0, 1.0], 1.0, [1.0]), r"expected \(2,\)"),
        (lambda: GaussianMixture([0.0, 1.0], 1.0, [1.0, 1.0]), "their sum is 2; .*divide them"),
        (lambda: GaussianMixture([0.0, 1.0], 1.0, [0.0, 1.0]), "positive"),
        (lambda: ring(modes=0), "modes is 0"),
        (lambda: ring(radius=0.0), "radius is 0"),
        (lambda: grid(side=0), "side is 0"),
        (lambda: grid(spacing=-1.0), "spacing is -1"),
        (lambda: SwissRoll(noise=0.0), "noise is 0"),
        (lambda: SwissRoll(noise=0.06), "too small to integrate .* expected 0.00"),
        (lambda: TwoMoons(noise=-0.1), "noise is -0.1"),
        (lambda: Normal().sample(0, np.random.default_rng(0)), "n is 0"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
