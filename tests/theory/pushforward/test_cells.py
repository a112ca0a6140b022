"""Where two cells of G meet: each x there is of one cell, whatever rounding makes of G's values."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgan.theory import Normal, Uniform
from scratchgan.theory.pushforward import pushforward_1d
from scratchgan.theory.pushforward.cells import FLAT, LineCells, chained

N = Normal()
EPS = float(np.finfo(np.float64).eps)
CLOSE = 10.0 ** -np.arange(1, 14)
KNOTS = {
    "searched": None,
    "none": [],
    "apart": np.linspace(-3, 3, 13),
    "close": np.unique(np.concatenate([-CLOSE, [0.0], CLOSE, 1 + CLOSE])),
}


def affine(slope, offset):
    return lambda z: (slope * z + offset, slope + 0 * z)


@pytest.mark.parametrize("knots", KNOTS)
@pytest.mark.parametrize("offset", [0.0, 1.0, -1e6])
@pytest.mark.parametrize("sign", [1, -1])
def test_density_at_the_image_of_every_knot(sign, offset, knots):
    """Neither claimed by both neighbours nor by none, and so for the floats beside it."""
    checked = 0
    for power in (-13, -9, -6, -4, -3, -2, -1, 0, 1, 3, 6, 13):
        slope = sign * 10.0**power
        g = affine(slope, offset)
        p_g = pushforward_1d(g, N, knots=KNOTS[knots])
        if abs(slope) * 6.2 / 256 < 2 * FLAT * abs(offset):
            continue  # G is so flat that x holds no digits of z: atoms
        assert p_g.atoms == ()
        z = np.concatenate([p_g._core.z0, np.linspace(-4, 4, 41)])
        x = g(z[np.abs(z) < 8])[0]
        x = np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)])
        z = (x - offset) / slope
        # x is rounded: that moves z by this much, and log p by |z| times as much.
        moved = 4 * EPS * (abs(offset / slope) + np.abs(z))
        off = np.abs(p_g.pdf(x) * abs(slope) / N.pdf(z) - 1)
        assert (off <= 1e-11 + (1 + np.abs(z)) * moved).all()
        cdf = N.cdf(z if sign > 0 else -z)
        assert (np.abs(p_g.cdf(x) - cdf) <= 1e-13 + moved).all()
        mass = p_g.mass()
        assert abs(mass.value - 1) <= mass.error + 1e-14
        checked += 1
    assert checked >= 7


@pytest.mark.parametrize("knots", [None, [-0.5, 0.5], [-0.5, 0.0, 1e-9, 0.5]])
def test_density_where_a_fold_and_a_smooth_knot_meet(knots):
    """Up, down and up again: at each knot one root for each piece that x is inside of."""
    scale = 1e-3

    def g(z):
        y = np.where(z < -0.5, z + 1, np.where(z < 0.5, -z, z - 1))
        return scale * y + 1, scale * np.where(np.abs(z) < 0.5, -1.0, 1.0)

    p_g = pushforward_1d(g, N, knots=knots)
    x = g(np.array([0.0, 1e-9, 0.25, -0.25]))[0]
    y = (x - 1) / scale
    truth = (N.pdf(y - 1) + N.pdf(-y) + N.pdf(y + 1)) / scale
    assert np.abs(p_g.pdf(x) / truth - 1).max() <= 1e-11
    assert [p_g.roots(float(v)).size for v in x] == [3, 3, 3, 3]


def test_beside_a_flat_stretch_too_light_for_an_atom():
    """Flat from z = 9 on a stretch of mass 1e-19: the x there belongs to one of the two slopes."""

    def g(z):
        return z - np.clip(z - 9, 0, 1e-3), 1.0 * ((z < 9) | (z > 9 + 1e-3))

    p_g = pushforward_1d(g, N, knots=[9.0, 9.001])
    assert p_g.atoms == ()
    density = N.pdf([9.001])[0]
    assert abs(p_g.pdf([9.0])[0] / density - 1) <= 1e-9
    assert p_g.roots(9.0).size == 1


def test_the_ends_of_the_support_have_a_root():
    for slope in (2.0, -2.0):
        for knots in (None, [], [0.0]):
            p_g = pushforward_1d(affine(slope, 1.0), Uniform(-1, 1), knots=knots)
            assert p_g.support == (-1.0, 3.0)
            assert p_g.pdf([-1.0, 3.0]).tolist() == [0.25, 0.25]


def test_newton_is_kept_from_creeping():
    """Each step towards a root of z⁸ near 0 leaves 7/8 of the way: the bracket is halved too."""
    p_g = pushforward_1d(lambda z: (z**8, 8 * z**7), N)
    for root in (1e-30, 1e-12, 0.3):
        assert np.abs(p_g.roots(root**8) / [-root, root] - 1).max() <= 1e-13


def test_light_atoms_are_listed():
    p_g = pushforward_1d(lambda z: (np.minimum(z, 5), 1.0 * (z < 5)), N, knots=[5.0])
    (atom,) = p_g.atoms
    assert atom.x == 5.0
    assert abs(atom.mass / N.cdf([-5.0])[0] - 1) <= 1e-9


def test_the_error_counts_where_a_second_look_found_more():
    """A fold between the places of the first look: its stretch may hide narrower ones."""

    def g(z):
        u = (z - 0.51) / 5e-4
        bump = 0.3 * np.exp(-(u**2))
        return z + bump, 1 - 2 * u / 5e-4 * bump

    p_g = pushforward_1d(g, N)
    assert 0.008 <= p_g.error <= 0.02  # one of 257 cells of the bulk of z
    assert abs(1 - p_g.mass().value) + p_g.mass().error <= 1e-6


@pytest.mark.parametrize("knots", [None, [], [-1.0, 0.0, 1e-9, 2.0]])
@pytest.mark.parametrize(("slope", "offset"), [(1e-6, 1.0), (1e-3, 1e6), (1.0, 1e6), (1.0, 0.0)])
def test_expectations_of_a_narrow_density_far_out(slope, offset, knots):
    """Rounding of x is in the error: E[u²] = 1 and E[cos u] = e^(−½) for u = (x − offset)/slope."""
    p_g = pushforward_1d(affine(slope, offset), N, knots=knots)
    for f, truth in ((np.square, 1.0), (np.cos, np.exp(-0.5))):
        found = p_g.expect(lambda x, f=f: f((x[:, 0] - offset) / slope))
        assert abs(found.value - truth) <= found.error
        assert found.error <= 100 * EPS * (1 + offset / slope) + 1e-13


def test_nan_in_nan_out():
    for knots in (None, [0.0]):
        p_g = pushforward_1d(lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), N, knots=knots)
        x = np.array([np.nan, 1.0, np.inf, -np.inf])
        for f, rest in (
            (p_g.pdf, [N.pdf([1.0])[0], 0, 0]),
            (p_g.cdf, [N.cdf([1.0])[0], 1, 0]),
            (p_g.log_pdf, [N.log_pdf([1.0])[0], -np.inf, -np.inf]),
        ):
            found = f(x)
            assert np.isnan(found[0])
            assert np.allclose(found[1:], rest, rtol=1e-12, atol=0)
            assert f(np.empty(0)).shape == (0,)


def cells(ends, slope):
    """Cells of slope ±1 from (y0, y1), one after the other, as two calls of G might give them."""
    y0, y1 = np.array(ends).T
    z = np.arange(len(ends) + 1.0)
    no = np.zeros(len(ends), bool)
    d = np.full(len(ends), slope)
    return LineCells(z[:-1], z[1:], y0, y1, d, d, ~no, no, no, no, no)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    "ends",
    [
        [(0, 1), (1, 2)],
        [(0, 1 + 2 * EPS), (1, 2)],  # overlap
        [(0, 1), (1 + 2 * EPS, 2)],  # gap
        [(0, 1), (1, 1 - 2 * EPS), (1 - 2 * EPS, 2)],  # a step back
        [(0, 1), (1, 1), (1, 1), (1, 2)],  # empty ones
        [(0, 1), (1, 2), (2, 2 - 4 * EPS)],  # the last one empty
        [(0, 0), (0, 1), (1, 2)],
    ],
)
def test_each_x_of_a_piece_has_one_root(ends, sign):
    piece = chained(cells(sign * np.array(ends, dtype=float), sign))
    assert (piece.rising == (sign > 0)).all()
    assert (piece.low <= piece.high).all()
    near = 1 + EPS * np.arange(-8, 9)
    x = sign * np.concatenate([near, 2 * near[:9], [0.0, 0.5, 1.5]])
    x = x[np.abs(x) <= np.abs([piece.low, piece.high]).max()]
    found = piece.roots(lambda z: (z, z), x)
    assert np.bincount(found.which, minlength=x.size).tolist() == [1] * x.size
    assert piece.pieces == 1


def test_two_pieces_share_the_x_of_their_fold():
    fold = np.concatenate([[(0.0, 1.0)], [(1.0, 0.0)]])
    turned = cells(fold, 1.0)._replace(d0=np.array([1.0, -1.0]), d1=np.array([1.0, -1.0]))
    roots = chained(turned).roots(lambda z: (z, z), np.array([0.0, 0.5, 1.0]))
    assert np.bincount(roots.which).tolist() == [2, 2, 2]


def test_a_curved_cell_that_rounding_turns_back_goes_on():
    ends = [(0, 1), (1, 1 - 2 * EPS), (1 - 2 * EPS, 2)]
    found = cells(ends, 1.0)
    piece = chained(found._replace(linear=~found.linear))
    assert piece.rising.all()
    assert (piece.low <= piece.high).all()
    assert piece.pieces == 1


def test_rounding_inside_g_is_in_the_error_of_an_expectation():
    """Terms of 1e6 that cancel leave x to 1e-10, whatever the size of x."""
    p_g = pushforward_1d(lambda z: ((z + 1e6) - 1e6, 1 + 0 * z), N, knots=[])
    found = p_g.expect(lambda x: np.cos(x[:, 0]))
    assert abs(found.value - np.exp(-0.5)) <= found.error
    assert 1e-12 <= found.error <= 1e-9


def test_the_cdf_at_an_atom_includes_it():
    for knots in (None, [0.0]):
        p_g = pushforward_1d(lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), N, knots=knots)
        assert abs(p_g.cdf([0.0])[0] - 0.5) <= 1e-12
        assert p_g.cdf([-1e-300])[0] == 0
