"""Our side of the GPU benchmark without a GPU: simulated_gpu.py in Numba's simulator."""

from pathlib import Path

from tests import simulator


def test_in_the_simulator():
    """It warns of unsigned numbers that wrap, as they do on purpose."""
    file = Path(__file__).with_name("simulated_gpu.py")
    simulator.check(file, "-W", "ignore::RuntimeWarning")
