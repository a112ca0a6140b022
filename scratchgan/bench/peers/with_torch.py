"""PyTorch: eager as its tutorials have it, and compiled where there is something to join."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchgan.bench.cases import Case, Fused, Product
from scratchgan.bench.games import Game
from scratchgan.bench.kernels import Kernel
from scratchgan.bench.peers.torch_game import TorchGame
from scratchgan.bench.timing import Contender, Run, repeated

__all__ = ["TorchPeer", "load"]

EAGER, COMPILE = "torch-eager", "torch-compile"


def load(names: Sequence[str], threads: int) -> TorchPeer:
    """Load PyTorch and give it its threads."""
    torch = importlib.import_module("torch")  # an optional package, whose types we do not need
    torch.set_num_threads(threads)
    return TorchPeer(torch, names)


class TorchPeer:
    """PyTorch on the CPU, under the names among ``names``."""

    def __init__(self, torch: Any, names: Sequence[str]) -> None:
        self.torch = torch
        self.names = names

    def contenders(self, case: Case) -> list[Contender]:
        makers: dict[str, Callable[[], Run]] = {EAGER: lambda: self._eager(case)}
        work = case.work
        if isinstance(work, Fused):
            makers[COMPILE] = lambda: self._fused(work, case.dtype, compiled=True)
        elif isinstance(work, Game):
            makers[COMPILE] = lambda: TorchGame(self.torch, work, compiled=True).train
        return [Contender(name, make) for name, make in makers.items() if name in self.names]

    def _eager(self, case: Case) -> Run:
        work = case.work
        if isinstance(work, Product):
            return self._product(work, case.dtype)
        if isinstance(work, Fused):
            return self._fused(work, case.dtype)
        if isinstance(work, Kernel):
            return self._kernel(work)
        return TorchGame(self.torch, work).train

    def _product(self, work: Product, dtype: str) -> Run:
        torch = self.torch
        a, b = map(torch.from_numpy, work.inputs(dtype))
        left, right = a.t() if work.trans_a else a, b.t() if work.trans_b else b
        c = torch.empty((work.m, work.n), dtype=a.dtype)
        return repeated(lambda: torch.mm(left, right, out=c))

    def _fused(self, work: Fused, dtype: str, compiled: bool = False) -> Run:
        torch = self.torch
        x, w, b = map(torch.from_numpy, work.inputs(dtype))

        def layer(x: Any, w: Any, b: Any) -> Any:
            return torch.relu(torch.addmm(b, x, w))

        call = torch.compile(layer) if compiled else layer
        return repeated(lambda: call(x, w, b))

    def _kernel(self, work: Kernel) -> Run:
        torch = self.torch
        tensors = [torch.from_numpy(a) for a in work.inputs(np.random.default_rng(0))]
        return repeated(lambda: work.torch(torch, *tensors))
