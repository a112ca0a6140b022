"""Without a GPU: kernels, and recorded steps, each in a process of Numba's simulator."""

from pathlib import Path

import pytest

from tests import simulator


@pytest.mark.slow
@pytest.mark.parametrize("file", ["simulated.py", "simulated_replay.py"])
def test_in_the_simulator(file):
    """It warns of unsigned numbers that wrap, as they do on purpose."""
    simulator.check(Path(__file__).with_name(file), "-W", "ignore::RuntimeWarning")
