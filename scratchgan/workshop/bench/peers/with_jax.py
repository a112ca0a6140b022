"""JAX: everything under jit; a step also as a scan of many steps in one call."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchgan.workshop.bench.cases import BenchCase, Fused, Product
from scratchgan.workshop.bench.games import DGradient, GameSizes
from scratchgan.workshop.bench.peers.d_gradient import JaxDGradient
from scratchgan.workshop.bench.peers.jax_game import JaxGame
from scratchgan.workshop.bench.right import require_right
from scratchgan.workshop.bench.timing import Contender, Run

__all__ = ["JaxPeer", "load"]

JIT, SCAN = "jax-jit", "jax-scan"


def load(names: Sequence[str], threads: int, gpu: bool = False) -> JaxPeer:
    """
    Load JAX; it has one thread for each core that this process may use.

    Raises
    ------
    RuntimeError
        If ``gpu`` is set and JAX finds no GPU.
    """
    jax = importlib.import_module("jax")
    if gpu:
        _require_gpu(jax)
        # JAX's default on recent GPUs is TF32, which keeps 10 of the 23 mantissa bits of float32.
        jax.config.update("jax_default_matmul_precision", "highest")
    else:
        jax.devices("cpu")  # if it cannot start, it fails here
    return JaxPeer(jax, names)


def _require_gpu(jax: Any) -> None:
    try:
        found = jax.default_backend()
    except RuntimeError as error:
        found = str(error).strip().partition("\n")[0]
    if found != "gpu":
        raise RuntimeError(
            f"JAX {jax.__version__} finds no GPU, only: {found}; pip install 'jax[cuda13]'"
        )


class JaxPeer:
    """JAX, with those of its peers that are in ``names``. It takes no part in the kernels suite."""

    def __init__(self, jax: Any, names: Sequence[str]) -> None:
        self.jax = jax
        self.names = names

    def contenders(self, case: BenchCase) -> list[Contender]:
        work = case.work
        found: list[Contender] = []
        if isinstance(work, (Product, Fused)):
            found = [Contender(JIT, lambda: self._product(work, case.dtype))]
        elif isinstance(work, GameSizes):
            found = [
                Contender(JIT, lambda: JaxGame(self.jax, work).train),
                Contender(SCAN, lambda: JaxGame(self.jax, work).train_in_scans, work.chunk),
            ]
        elif isinstance(work, DGradient):
            found = [
                Contender(JIT, lambda: JaxDGradient(self.jax, work).run),
                Contender(SCAN, lambda: JaxDGradient(self.jax, work).run_in_scans, work.chunk),
            ]
        return [contender for contender in found if contender.name in self.names]

    def _product(self, work: Product | Fused, dtype: str) -> Run:
        # Without this, JAX converts float64 to float32.
        self.jax.config.update("jax_enable_x64", dtype == "float64")
        function = self.jax.jit(_matmul(work) if isinstance(work, Product) else self._layer)
        inputs = work.inputs(dtype)
        arrays = [self.jax.numpy.asarray(values) for values in inputs]
        require_right(work, inputs, np.asarray(function(*arrays)))
        return _in_flight(lambda: function(*arrays))

    def _layer(self, x: Any, w: Any, b: Any) -> Any:
        return self.jax.nn.relu(x @ w + b)


def _matmul(work: Product) -> Callable[[Any, Any], Any]:
    return lambda a, b: (a.T if work.trans_a else a) @ (b.T if work.trans_b else b)


def _in_flight(call: Callable[[], Any]) -> Run:
    """Calls return before they are done, so wait for the last one: it ends after the others."""

    def run(n: int) -> None:
        for _ in range(n):
            result = call()
        result.block_until_ready()

    return run
