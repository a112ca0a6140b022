"""Our side: operations of a backend, and a Trainer as a user would call it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Backend
from scratchgan.bench.cases import Case, Fused, Product
from scratchgan.bench.games import ADAM, SLOPE, Game, Weights
from scratchgan.bench.kernels import Kernel
from scratchgan.bench.timing import Contender, Run, repeated
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.nn.initializers import constant
from scratchgan.optim import Adam

__all__ = ["BackendGame", "BackendPeer"]


class BackendPeer:
    """One of our backends, under the name that the table shall give it."""

    def __init__(self, ops: Backend, name: str) -> None:
        self.ops = ops
        self.name = name

    def contenders(self, case: Case) -> list[Contender]:
        return [Contender(self.name, lambda: self._run(case))]

    def _run(self, case: Case) -> Run:
        work = case.work
        if isinstance(work, Product):
            return self._product(work, case.dtype)
        if isinstance(work, Fused):
            return self._fused(work, case.dtype)
        if isinstance(work, Kernel):
            return self._kernel(work)
        return BackendGame(work, self.ops).train

    def _product(self, work: Product, dtype: str) -> Run:
        ops = self.ops
        a, b = (ops.asarray(values) for values in work.inputs(dtype))
        c = ops.empty((work.m, work.n), a.dtype)
        return repeated(lambda: ops.gemm(a, b, trans_a=work.trans_a, trans_b=work.trans_b, out=c))

    def _fused(self, work: Fused, dtype: str) -> Run:
        ops = self.ops
        x, w, b = (ops.asarray(values) for values in work.inputs(dtype))
        return repeated(lambda: ops.linear(x, w, b, "relu"))

    def _kernel(self, work: Kernel) -> Run:
        ops = self.ops
        arrays = [ops.asarray(values) for values in work.inputs(np.random.default_rng(0))]
        return repeated(lambda: work.ours(ops, *arrays))


class BackendGame:
    """
    A game in our own classes.

    Every library's game offers the same: ``train(n)``, ``generate(z)``, ``parameters``.
    """

    def __init__(self, game: Game, ops: Backend) -> None:
        adam = Adam(**ADAM)
        self.trainer = Trainer(
            _network(game.weights_g(), "relu", ops),
            _network(game.weights_d(), "leaky_relu", ops),
            game.data(),
            noise=Noise(game.g[0]),
            optimizer_g=adam,
            optimizer_d=adam,
            batch_size=game.batch,
            objective="non_saturating",
            log_every=2**62,  # no record is due: the frameworks make none either
        )

    @property
    def parameters(self) -> int:
        """Number of parameters of both networks."""
        return sum(player.network.layout.count for player in (self.trainer.G, self.trainer.D))

    def train(self, steps: int) -> None:
        """Run some steps."""
        self.trainer.train(steps)

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z)."""
        samples: NDArray[Any] = self.trainer.G.network(z)
        return samples


def _network(weights: Weights, hidden: str, ops: Backend) -> Network:
    last = len(weights) - 1
    layers = [
        Linear(
            w.shape[0],
            w.shape[1],
            hidden if number < last else "identity",
            slope=SLOPE,
            weight=constant(w),
            bias=constant(b),
        )
        for number, (w, b) in enumerate(weights)
    ]
    return Network(Sequential(*layers), ops=ops)
