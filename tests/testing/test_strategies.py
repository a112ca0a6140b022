"""Numbers away from kinks, and cases for a layer of one's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.nn import Tanh
from scratchgan.testing import (
    KINDS,
    check_layer,
    dyadics,
    layer_cases,
    spread_floats,
)


@given(layer_cases(layer=Tanh()))
def test_cases_for_a_layer_of_ones_own(case):
    check_layer(case.layer, case.x, params=case.params, ctx=case.ctx)


@given(spread_floats((3, 5)))
def test_spread_floats_keep_away_from_kinks_and_ties(x):
    assert x.dtype == np.float64
    assert abs(x).min() >= 1 / 64
    assert np.diff(np.sort(x.ravel())).min() >= 1 / 64
    assert abs(x).max() <= 4


@given(dyadics((2, 3)), dyadics((3, 2)))
def test_dyadics_make_sums_of_products_exact(u, w):
    exact = (u * 1024).astype(int) @ (w * 1024).astype(int)
    np.testing.assert_array_equal(u @ w, exact / 1024**2)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
def test_cases_are_away_from_kinks_in_float64(kind, data):
    case = data.draw(layer_cases(kind))
    y, _ = case.layer.forward(case.params, case.x, case.ctx)
    assert y.dtype == np.float64
    assert case.layer.kink_margin(case.params, case.x, case.ctx) > 1e-3
    differs = case.layer.random_operations or case.layer.mixes_examples
    assert case.ctx.training in ({False, True} if differs else {False})
