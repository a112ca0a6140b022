"""The products of the cuda backend, in Numba's simulator."""

from pathlib import Path

import pytest

from tests import simulator


@pytest.mark.slow
def test_products_in_the_simulator():
    simulator.check(Path(__file__).with_name("simulated_gemm.py"))


def test_each_form_once():
    """The quick form of it."""
    simulator.check(Path(__file__).with_name("simulated_gemm.py"), "-k", "every_form and numbers")
