"""Without a GPU: kernels, and recorded steps, each in a process of Numba's simulator."""

from pathlib import Path

import pytest

from tests import simulator


def check(file, *options):
    """The simulator warns of unsigned numbers that wrap, as they do on purpose."""
    simulator.check(Path(__file__).with_name(file), "-W", "ignore::RuntimeWarning", *options)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["simulated.py", "simulated_replay.py"])
def test_in_the_simulator(file):
    check(file)


def test_each_operation_once():
    """The quick form of the first: every kernel that an operation launches, in float32."""
    check("simulated.py", "-k", "equals_its_definition and float32")  # and each game
