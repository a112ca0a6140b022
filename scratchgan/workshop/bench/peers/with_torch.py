"""PyTorch: eager as in its tutorials, compiled if there is something to fuse, and as graphs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.cases import BenchCase, Fused, Product, Replayed
from scratchgan.workshop.bench.games import DGradient, GameSizes
from scratchgan.workshop.bench.operations import Operation
from scratchgan.workshop.bench.peers.d_gradient import TorchDGradient
from scratchgan.workshop.bench.peers.torch_game import TorchGame, TorchGraphGame
from scratchgan.workshop.bench.peers.torch_gpu import captured, full_precision, require_gpu
from scratchgan.workshop.bench.right import require_right
from scratchgan.workshop.bench.timing import Contender, Run, repeated

__all__ = ["TorchPeer", "load"]

EAGER, COMPILE, GRAPHS = "torch-eager", "torch-compile", "torch-graphs"


def load(names: Sequence[str], threads: int, gpu: bool = False) -> TorchPeer:
    """
    Load PyTorch, and set its threads or use the GPU.

    Raises
    ------
    RuntimeError
        If ``gpu`` is set and PyTorch finds no GPU.
    """
    torch = importlib.import_module("torch")  # an optional package, so without its types
    if gpu:
        require_gpu(torch)
        full_precision(torch)
        return TorchPeer(torch, names, "cuda")
    torch.set_num_threads(threads)
    return TorchPeer(torch, names)


class TorchPeer:
    """PyTorch on a device, with those of its peers that are in ``names``."""

    def __init__(self, torch: Any, names: Sequence[str], device: str = "cpu") -> None:
        self.torch = torch
        self.names = names
        self.device = device
        self._wait = None if device == "cpu" else torch.cuda.synchronize

    def contenders(self, case: BenchCase) -> list[Contender]:
        work, dtype = case.work, case.dtype
        if isinstance(work, Replayed):
            replayed = Contender(GRAPHS, lambda: self._replayed(work, dtype), work.calls)
            return [replayed] if GRAPHS in self.names else []
        makers: dict[str, Callable[[], Run]] = {EAGER: lambda: self._eager(work, dtype)}
        if isinstance(work, Fused):
            makers[COMPILE] = lambda: self._repeated(self._layer(work, dtype, compiled=True))
        elif isinstance(work, GameSizes):
            makers[COMPILE] = lambda: TorchGame(self.torch, work, compiled=True).train
            makers[GRAPHS] = lambda: TorchGraphGame(self.torch, work).train
        return [Contender(name, make) for name, make in makers.items() if name in self.names]

    def _eager(self, work: Product | Fused | Operation | GameSizes | DGradient, dtype: str) -> Run:
        if isinstance(work, DGradient):
            return TorchDGradient(self.torch, work, self.device).run
        if isinstance(work, GameSizes):
            return TorchGame(self.torch, work, device=self.device).train
        if isinstance(work, Operation):
            return self._repeated(self._operation(work))
        return self._repeated(self._call(work, dtype))

    def _repeated(self, call: Callable[[], object]) -> Run:
        return repeated(call, self._wait)

    def _replayed(self, work: Replayed, dtype: str) -> Run:
        graph = captured(self.torch, self._call(work.work, dtype), work.calls)
        run = self._repeated(graph.replay)
        return lambda n: run(n // work.calls)

    def _call(self, work: Product | Fused, dtype: str) -> Callable[[], object]:
        return self._layer(work, dtype) if isinstance(work, Fused) else self._product(work, dtype)

    def _product(self, work: Product, dtype: str) -> Callable[[], object]:
        torch, inputs = self.torch, work.inputs(dtype)
        a, b = map(self._here, inputs)
        left, right = a.t() if work.trans_a else a, b.t() if work.trans_b else b
        c = torch.empty((work.m, work.n), dtype=a.dtype, device=self.device)
        return self._checked(work, inputs, lambda: torch.mm(left, right, out=c))

    def _layer(self, work: Fused, dtype: str, compiled: bool = False) -> Callable[[], object]:
        torch, inputs = self.torch, work.inputs(dtype)
        x, w, b = map(self._here, inputs)

        def layer(x: Any, w: Any, b: Any) -> Any:
            return torch.relu(torch.addmm(b, x, w))

        call = torch.compile(layer) if compiled else layer
        return self._checked(work, inputs, lambda: call(x, w, b))

    def _checked(
        self, work: Product | Fused, inputs: Sequence[NDArray[Any]], call: Callable[[], Any]
    ) -> Callable[[], object]:
        """Return the call after a check of its first result, above all for TF32."""
        require_right(work, inputs, call().cpu().numpy())
        return call

    def _operation(self, work: Operation) -> Callable[[], object]:
        torch = self.torch
        given = [self._here(a) for a in work.inputs(np.random.default_rng(0))] or [self.device]
        return lambda: work.torch(torch, *given)

    def _here(self, a: NDArray[Any]) -> Any:
        """Return the array as a tensor on the device."""
        return self.torch.from_numpy(a).to(self.device)
