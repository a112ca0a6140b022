import numpy as np
import pytest

from scratchgan.theory import (
    gauss_legendre,
)


@pytest.mark.parametrize("n", [1, 2, 5, 64])
def test_gauss_legendre_is_exact_for_degree_2n_minus_1(n):
    u, w = gauss_legendre(n)
    for degree in range(2 * n):
        assert abs(w @ u**degree - (1 + (-1) ** degree) / (degree + 1)) <= 1e-14
    if n < 10:  # and for no more
        assert not abs(w @ u ** (2 * n) - 2 / (2 * n + 1)) <= 1e-4


def test_gauss_legendre_agrees_with_eigenvalues():
    for ours, numpys in zip(gauss_legendre(101), np.polynomial.legendre.leggauss(101), strict=True):
        assert np.abs(ours - numpys).max() <= 1e-13
    with pytest.raises(ValueError, match="n is 0"):
        gauss_legendre(0)
