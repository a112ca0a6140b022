"""The games' values and gradients, where they are easy and where they are extreme."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.errors import UnknownNameError
from scratchgan.games import (
    OBJECTIVES,
    Minimax,
    NonSaturating,
    get_objective,
    objectives_by_start,
)
from scratchgan.gradcheck import gradcheck

REFERENCE = get_backend("reference")  # it takes complex numbers
logits = st.lists(st.integers(-4096, 4096), min_size=1, max_size=7).map(
    lambda values: np.array(values, np.float64).reshape(-1, 1) / 512
)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
class TestEach:
    @given(real=logits, fake=logits)
    def test_gradients_are_those_of_the_value(self, name, real, fake):
        objective = get_objective(name)

        def d(real, fake):
            value, d_real, d_fake = objective.d(real, fake, REFERENCE)
            return value[0], {"real": d_real, "fake": d_fake}

        def g(fake):
            value, d_fake, _ = objective.g(fake, ops=REFERENCE)
            return value[0], {"fake": d_fake}

        for method in ("central", "complex"):
            gradcheck(d, {"real": real, "fake": fake}, method=method).raise_if_failed()
            gradcheck(g, {"fake": fake}, method=method).raise_if_failed()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_finite_at_extreme_logits(self, name, dtype):
        big = np.array([[1e4], [-1e4], [0.0]], dtype)
        value, d_real, d_fake = get_objective(name).d(big, big)
        loss, dg, _ = get_objective(name).g(big)
        for a in (value, d_real, d_fake, loss, dg):
            assert np.isfinite(a).all()
            assert a.dtype == dtype
        # log σ(±1e4) is 0 and −1e4, log σ(0) = −log 2
        assert np.abs(value[0] + 2 * (1e4 + np.log(2)) / 3) <= 1e-3

    def test_at_the_optimum(self, name):
        """Where D says ½ everywhere, V = −log 4."""
        zero = np.zeros((4, 1))
        value, d_real, d_fake = get_objective(name).d(zero, zero)
        assert np.abs(value[0] + np.log(4)) <= 1e-15
        assert (d_real == 1 / 8).all()
        assert (d_fake == -1 / 8).all()


def test_where_g_learns():
    """Where D is sure that samples are fake, only minimax's gradient vanishes."""
    sure = np.full((1, 1), -20.0)
    assert np.abs(Minimax().g(sure)[1][0, 0]) <= 3e-9
    assert np.abs(NonSaturating().g(sure)[1][0, 0] + 1) <= 3e-9


def test_unknown():
    with pytest.raises(UnknownNameError, match="did you mean 'minimax'.*non_saturating"):
        get_objective("minmax")
    for name in (None, 3, ["minimax"], np.array(3), b"minimax"):
        with pytest.raises(UnknownNameError, match="Known: minimax, non_saturating"):
            get_objective(name)


class Stub:
    """G's half of a game alone."""

    name = "stub"

    def g(self, fake_logits, real_logits=None, ops=None):
        raise NotImplementedError


# -- one after another --------------------------------------------------------------------------


def test_by_the_iteration_from_which_each_is_played():
    own = NonSaturating()
    assert objectives_by_start("minimax") == {0: OBJECTIVES["minimax"]}
    assert objectives_by_start(own) == {0: own}
    assert list(objectives_by_start({0: own, np.int64(4): own, 9.0: own})) == [0, 4, 9]
    assert list(objectives_by_start({0: own, str(2**32 - 1): own}))[1] == 2**32 - 1
    found = objectives_by_start({"20": "minimax", "0": own, 7: "non_saturating"})
    assert list(found.items()) == [
        (0, own),
        (7, OBJECTIVES["non_saturating"]),
        (20, OBJECTIVES["minimax"]),
    ]


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({}, "begin at the iterations none; expected .* the first at 0"),
        ({5: "minimax"}, "begin at the iterations 5; expected"),
        ({0: "minimax", "0": "minimax"}, "iterations 0, 0; expected different ones"),
        ({0: "minimax", -1: "minimax"}, "begins at -1; expected an iteration, 0 or later"),
        ({0: "minimax", "1e3": "minimax"}, "begins at '1e3'"),
        ({0: "minimax", 2.5: "minimax"}, "begins at 2.5"),
        ({0: "minimax", True: "minimax"}, "begins at True"),
        ({0: "minimax", 2**32: "minimax"}, "begins at 4294967296"),
        ({0: "minimax", "9" * 11: "minimax"}, "begins at '99999999999'"),
        ({0: "minimax", "9" * 5000: "minimax"}, "begins at '999"),
        ({0: "minimax", "²": "minimax"}, "begins at '²'"),
        ({0: "minimax", None: "minimax"}, "begins at None"),
        (Minimax, "objective is the class Minimax; .*call the class: Minimax"),
        (Stub, "objective is the class Stub; .*call the class: Stub"),
        (Stub(), "objective '<.*Stub"),
        (["minimax"], "objective '.'minimax'.'"),
        ({0: "minmax"}, "did you mean 'minimax'"),
        ({0: "minimax", 5: None}, "objective 'None'"),
        (3, "objective '3'"),
    ],
)
def test_what_is_no_order_of_objectives(objectives, message):
    with pytest.raises(ValueError, match=message):
        objectives_by_start(objectives)
