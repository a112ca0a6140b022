"""Pairs and swapped pairs: against sums over histograms, and known relations."""

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.theory import (
    Laplace,
    Normal,
    Product,
    Tabulated,
    Uniform,
    js,
    js_of_pairs,
    kl_of_pairs,
    reverse_kl,
    ring,
)

P, Q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.55, 0.25, 0.15, 0.05])
P_DATA, P_G = (Tabulated(np.arange(5), masses) for masses in (P, Q))


def test_a_product():
    pair = Product(Normal(1, 2), Laplace(0, 1))
    x = np.array([[0.5, -1.0], [3.0, 2.0]])
    by_hand = Normal(1, 2).pdf(x[:, 0]) * Laplace(0, 1).pdf(x[:, 1])
    assert np.abs(pair.pdf(x) - by_hand).max() <= 1e-16
    assert abs(pair.expect(lambda x: x[:, 0] + x[:, 1] ** 2).value - 3) <= 1e-8
    drawn = pair.sample(4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 2)
    assert abs(np.corrcoef(drawn.T)[0, 1]) <= 0.05
    assert "Product(Normal(mean=1, std=2)" in repr(pair)
    with pytest.raises(ShapeError, match="dimension 2; expected 1"):
        Product(ring(), ring())


def test_against_sums():
    one, other, real = np.outer(P, Q), np.outer(Q, P), np.outer(P, P)
    middle = (one + other) / 2
    jsd = ((one * np.log(one / middle)).sum() + (other * np.log(other / middle)).sum()) / 2
    assert abs(js_of_pairs(P_DATA, P_G).value - jsd) <= 1e-9
    assert abs(kl_of_pairs(P_DATA, P_G).value - (middle * np.log(middle / real)).sum()) <= 1e-9


def test_bounds():
    p = Normal()
    assert abs(js_of_pairs(p, p).value) <= 1e-9
    assert abs(kl_of_pairs(p, p).value) <= 1e-9
    apart = Uniform(0, 1), Uniform(2, 3)
    assert abs(js_of_pairs(*apart).value - np.log(2)) <= 1e-9
    assert kl_of_pairs(*apart).value == np.inf


def test_what_one_is_of_the_other():
    """KL(M‖p⊗p) = KL(q‖p) − JSD(p⊗q‖q⊗p), as KL(m‖p) = ½ KL(q‖p) − JSD(p‖q)."""
    p, q = Normal(0, 1), Normal(0.7, 1.3)
    found = reverse_kl(p, q).value - js_of_pairs(p, q).value
    assert abs(kl_of_pairs(p, q).value - found) <= 1e-8
    assert js_of_pairs(p, q).value > js(p, q).value + 0.01  # a pair tells more than a sample
