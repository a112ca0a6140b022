"""
Our side of the benchmark on the cuda backend, on tiny arrays, in Numba's simulator.

``test_gpu_simulated.py`` runs this file in its own process.
"""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.cuda.device import SIMULATED
from scratchgan.workshop.bench.cases import BenchCase, Fused, Product, Replayed
from scratchgan.workshop.bench.first_kernel import first_kernel
from scratchgan.workshop.bench.games import GameSizes
from scratchgan.workshop.bench.machine import describe, machine
from scratchgan.workshop.bench.peers import ours
from scratchgan.workshop.bench.peers.ours import BackendGame, BackendPeer
from scratchgan.workshop.bench.timing import measure

TINY = GameSizes(g=(2, 3, 2), d=(2, 3, 1), batch=4, chunk=1, examples=8)
WORK = {
    "product": Product(3, 4, 5, trans_a=True),
    "fused": Fused(3, 4, 5),
    "replayed product": Replayed(Product(3, 4, 5, trans_b=True), calls=2),
    "replayed fused": Replayed(Fused(3, 4, 5), calls=2),
}


@pytest.fixture(scope="module")
def ops():
    assert SIMULATED, "run test_gpu_simulated.py, which starts the simulator"
    return get_backend("cuda")


@pytest.fixture
def waits(ops, monkeypatch):
    """How often it was waited for."""
    calls = []
    synchronize = type(ops).synchronize
    monkeypatch.setattr(type(ops), "synchronize", lambda self: (calls.append(1), synchronize(self)))
    return calls


@pytest.mark.parametrize("name", WORK)
def test_it_can_be_measured(ops, waits, name):
    (contender,) = BackendPeer(ops, "").contenders(BenchCase("gemm", name, WORK[name]))
    measured = measure([contender], budget=0.0, at_least=1e-4)
    assert measured.failed == {}
    assert measured.remarks == {}
    assert measured.seconds[""] > 0
    assert measured.rounds == 3
    # A replay waits for its own steps; whatever else is run is waited for once a run.
    assert bool(waits) == (not name.startswith("replayed"))


def test_replayed_products_are_right(ops):
    peer = BackendPeer(ops, "")
    made = peer._product(Product(3, 4, 5), "float32")
    arrays, run = made.arrays, peer._replayed(made, 2, [])
    ops.fill_(arrays["c"], 7.0)
    run(4)
    a, b, c = (ops.to_numpy(arrays[name]) for name in "abc")
    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-6, equal_nan=False)


def test_a_step_is_recorded_before_it_is_measured(ops, waits, monkeypatch):
    made = []
    monkeypatch.setattr(
        ours, "BackendGame", lambda *given: made.append(BackendGame(*given)) or made[0]
    )
    (contender,) = BackendPeer(ops, "").contenders(BenchCase("step", "tiny", TINY))
    run = contender.make()
    waited = len(waits)
    run(1)
    assert len(waits) == waited + 1
    (game,) = made
    assert game.trainer.iteration == 4
    assert game.trainer.recorder.program is not None, game.trainer.recorder.refusal
    # Its remarks are those of the simulator, which wraps unsigned numbers aloud.
    assert all(line.startswith("overflow encountered") for line in contender.remarks)


def test_the_first_kernel(ops):
    assert first_kernel(ops, size=50) > 0


def test_the_machine(ops):
    """The simulator tells little of a GPU; what it does not tell is left out."""
    facts = machine("cuda", None)
    assert set(facts["gpu"]) == {
        "name", "compute_capability", "multiprocessors", "memory_gib", "driver", "cuda",
    }  # fmt: skip
    assert {"numba-cuda", "cuda-core", "torch", "jax"} < set(facts)
    assert "compute capability" in describe(facts)
