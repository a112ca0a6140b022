"""NumPy: its products in their fastest form, into an existing array; the reference's steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratchgan.backends import get_backend
from scratchgan.workshop.bench.cases import BenchCase, Fused, Product, Replayed
from scratchgan.workshop.bench.games import DGradient, GameSizes
from scratchgan.workshop.bench.operations import Operation
from scratchgan.workshop.bench.peers.d_gradient import BackendDGradient
from scratchgan.workshop.bench.peers.ours import BackendGame
from scratchgan.workshop.bench.timing import Contender, Run, repeated

__all__ = ["NumpyPeer", "load"]


def load(names: Sequence[str], threads: int, gpu: bool = False) -> NumpyPeer:
    """Return the peer; its threads were fixed by the environment when NumPy was loaded."""
    return NumpyPeer()


class NumpyPeer:
    """The code that a user would write in NumPy. It cannot record, so there is no replay."""

    def contenders(self, case: BenchCase) -> list[Contender]:
        work = case.work
        if isinstance(work, Replayed):
            return []
        return [Contender("numpy", lambda: _run(work, case.dtype))]


def _run(work: Product | Fused | Operation | GameSizes | DGradient, dtype: str) -> Run:
    if isinstance(work, Product):
        return _product(work, dtype)
    if isinstance(work, Fused):
        return _fused(work, dtype)
    if isinstance(work, Operation):
        arrays = work.inputs(np.random.default_rng(0))
        return repeated(lambda: work.numpy(*arrays))
    if isinstance(work, DGradient):
        return BackendDGradient(work, get_backend("reference")).one_by_one
    return _game(work)


def _product(work: Product, dtype: str) -> Run:
    a, b = work.inputs(dtype)
    left, right = a.T if work.trans_a else a, b.T if work.trans_b else b
    c = np.empty((work.m, work.n), dtype)
    return repeated(lambda: np.matmul(left, right, out=c))


def _fused(work: Fused, dtype: str) -> Run:
    x, w, b = work.inputs(dtype)

    def call() -> None:
        y = x @ w
        y += b
        np.maximum(y, 0, out=y)

    return repeated(call)


def _game(work: GameSizes) -> Run:
    return BackendGame(work, get_backend("reference")).train
