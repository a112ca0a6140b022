"""The rungs of notebook 11, in Numba's simulator."""

from pathlib import Path

import pytest

from tests import simulator


@pytest.mark.slow
def test_the_ladder_in_the_simulator():
    simulator.check(Path(__file__).with_name("simulated_cuda.py"))


def test_a_process_of_its_own_counts():
    from scratchgan.workshop.ladders import counted
    from scratchgan.workshop.ladders.cuda import LADDER, traffic

    rung = LADDER["naive"]
    (found,) = counted.in_simulator([("naive", rung.tile, 32, 8, 8)])
    assert found["sectors"] == traffic(rung, 32, 8, 8).sectors
    assert found["error"] <= 1e-6
    with pytest.raises(RuntimeError, match="the simulator failed:[^$]*slow rung"):
        counted.in_simulator([("slow rung", rung.tile, 32, 8, 8)])
    with pytest.raises(RuntimeError, match="NUMBA_ENABLE_CUDASIM=1 is not set"):
        counted.measure(rung, 32, 8, 8)
