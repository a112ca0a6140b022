"""What pushforward and curves are given by mistake: name, value and expectation are said."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgan.theory import Curve, GaussianMixture, Normal, SwissRoll, TwoMoons, pushforward_2d
from scratchgan.theory.pushforward import pushforward_1d

N, PLANE = Normal(), GaussianMixture([[0.0, 0.0]], 1.0)
EDGES = (np.linspace(-3, 3, 5), np.linspace(-3, 3, 5))
MASKED = np.ma.masked_greater([0.0, 2.0], 1)


def line(z):
    return z, 1 + 0 * z


def same(z):
    return z


def diagonal(t):
    return np.column_stack([t, t])


WRONG = {
    "no function": (lambda: pushforward_1d(3, N), "g_and_dg is 3; expected a function"),
    "no density": (lambda: pushforward_1d(line, None), "p_z is None; expected a Density"),
    "a class": (lambda: pushforward_1d(line, Normal), "call the class"),
    "words from G": (lambda: pushforward_1d(lambda z: ("a", "b"), N), "expected a NumPy array"),
    "complex G": (lambda: pushforward_1d(lambda z: (z + 1j, z), N), "expected real numbers"),
    "masked G": (
        lambda: pushforward_1d(lambda z: (np.ma.masked_greater(z, 1), 1 + 0 * z), N), "masked"),
    "knots of words": (lambda: pushforward_1d(line, N, knots="abc"), "knots is 'abc'; expected"),
    "one knot": (lambda: pushforward_1d(line, N, knots=3), r"expected \(k,\)"),
    "masked knots": (lambda: pushforward_1d(line, N, knots=MASKED), "masked"),
    "root of a word": (lambda: pushforward_1d(line, N).roots("a"), "x is 'a'; expected a number"),
    "root of NaN": (lambda: pushforward_1d(line, N).roots(np.nan), "x is nan; expected a number"),
    "g no function": (lambda: pushforward_2d(3, PLANE, EDGES), "g is 3; expected a function"),
    "prior None": (lambda: pushforward_2d(same, None, EDGES), "p_z is None; expected"),
    "half a pair": (lambda: pushforward_2d(same, (None, N), EDGES), "expected"),
    "three priors": (lambda: pushforward_2d(same, (N, N, N), EDGES), "expected"),
    "edges 3": (lambda: pushforward_2d(same, PLANE, 3), r"edges is 3; expected \(x_edges"),
    "three edges": (lambda: pushforward_2d(same, PLANE, EDGES * 2), r"expected \(x_edges"),
    "edges of words": (lambda: pushforward_2d(same, PLANE, ("a", "b")), "x_edges is 'a'"),
    "masked edges": (lambda: pushforward_2d(same, PLANE, (EDGES[0], MASKED)), "masked"),
    "falling edges": (lambda: pushforward_2d(same, PLANE, ([1, 0], [0, 1])), "increasing"),
    "mesh of 8.5": (lambda: pushforward_2d(same, PLANE, EDGES, mesh=8.5), "mesh is 8.5; expected"),
    "mesh of 9": (lambda: pushforward_2d(same, PLANE, EDGES, mesh=9), "expected an even number"),
    "mesh of 6": (lambda: pushforward_2d(same, PLANE, EDGES, mesh=6), "from 8 to 8,192"),
    "a huge mesh": (lambda: pushforward_2d(same, PLANE, EDGES, mesh=10**9), "from 8 to 8,192"),
    "masked G of the plane": (
        lambda: pushforward_2d(lambda z: np.ma.masked_greater(z, 1), PLANE, EDGES, mesh=8),
        "masked"),
    "no data": (
        lambda: pushforward_2d(same, PLANE, EDGES, mesh=8).js_lower_bound(None),
        "p_data is None; expected a Density"),
    "roll of a word": (lambda: SwissRoll("a"), "noise is 'a'; expected a number above 0"),
    "roll of NaN": (lambda: SwissRoll(np.nan), "noise is nan"),
    "no scale": (lambda: SwissRoll(0.25, 0), "scale is 0; expected a number above 0"),
    "noise True": (lambda: TwoMoons(True), "noise is True"),
    "hardly any noise": (lambda: TwoMoons(1e-300), "too small to integrate"),
    "no arcs": (lambda: Curve([], 1.0), "expected a list of"),
    "an arc of one number": (lambda: Curve([3], 1.0), r"arc is 3; expected \(c, start, stop\)"),
    "c no function": (lambda: Curve([(3, 0, 1)], 1.0), "c is 3; expected a function"),
    "backwards": (lambda: Curve([(diagonal, 1, 0)], 1.0), "stop is 0; expected a number above 1"),
    "c on the line": (lambda: Curve([(same, 0, 1)], 1.0), r"expected \(3, 2\)"),
    "c of NaN": (lambda: Curve([(lambda t: diagonal(t) * np.nan, 0, 1)], 1.0), "c\\(t\\)"),
    "a name of 3": (lambda: Curve([(diagonal, 0, 1)], 1.0, name=3), "name is 3"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_named(case):
    call, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_numbers_of_any_kind_are_taken():
    p_g = pushforward_2d(same, PLANE, [list(edge) for edge in EDGES], mesh=np.int64(16))
    again = pushforward_2d(same, PLANE, EDGES, mesh=16.0)
    assert (p_g.masses == again.masses).all()
    assert pushforward_1d(line, N, knots=[0]).roots(np.float32(2)).tolist() == [2.0]
    assert pushforward_2d(same, (N, N), EDGES, mesh=8).masses.shape == (4, 4)
