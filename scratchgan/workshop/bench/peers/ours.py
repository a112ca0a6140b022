"""Our contenders: operations of a backend, and a Trainer as a user would call it; also replayed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend
from scratchgan.backends.program import Program, Recorder
from scratchgan.games.penalties import R1, R2
from scratchgan.gan import Noise, Trainer
from scratchgan.optim import Adam
from scratchgan.workshop.bench.cases import BenchCase, Fused, Product, Replayed
from scratchgan.workshop.bench.games import ADAM, DGradient, GameSizes
from scratchgan.workshop.bench.operations import Operation
from scratchgan.workshop.bench.peers.d_gradient import BackendDGradient
from scratchgan.workshop.bench.peers.networks import network
from scratchgan.workshop.bench.right import require_right
from scratchgan.workshop.bench.timing import Contender, Run, repeated

__all__ = ["BackendGame", "BackendPeer"]

MOST = 1000  # the most replays in one call


class _Work(NamedTuple):
    """Work that is measured: one call, its arrays, and a check of its result."""

    call: Callable[[], Any]
    arrays: dict[str, Array]  # by name
    check: Callable[[NDArray[Any]], None] = lambda result: None


class BackendPeer:
    """One of our backends, with its name in the table."""

    def __init__(self, ops: Backend, name: str) -> None:
        self.ops = ops
        self.name = name
        self._wait = _waiting(ops)

    def contenders(self, case: BenchCase) -> list[Contender]:
        work, remarks = case.work, list[str]()
        chunk = work.calls if isinstance(work, Replayed) else 1
        return [Contender(self.name, lambda: self._run(work, case.dtype, remarks), chunk, remarks)]

    def _run(
        self,
        work: Product | Fused | Replayed | Operation | GameSizes | DGradient,
        dtype: str,
        remarks: list[str],
    ) -> Run:
        if isinstance(work, GameSizes):
            return self._game(work, remarks)
        if isinstance(work, DGradient):
            gradient = BackendDGradient(work, self.ops)
            recordable = hasattr(self.ops, "recording")
            return gradient.replayed() if recordable else gradient.one_by_one
        if isinstance(work, Replayed):
            return self._replayed(self._checked(work.work, dtype), work.calls, remarks)
        if isinstance(work, Operation):
            return repeated(self._operation(work), self._wait)
        return repeated(self._checked(work, dtype).call, self._wait)

    def _checked(self, work: Product | Fused, dtype: str) -> _Work:
        """Return the work after a check of its first result."""
        made = self._product(work, dtype) if isinstance(work, Product) else self._fused(work, dtype)
        made.check(self.ops.to_numpy(made.call()))
        return made

    def _product(self, work: Product, dtype: str) -> _Work:
        ops, inputs = self.ops, work.inputs(dtype)
        a, b = map(ops.asarray, inputs)
        c = ops.empty((work.m, work.n), a.dtype)
        forms = {"trans_a": work.trans_a, "trans_b": work.trans_b}
        return _Work(
            lambda: ops.gemm(a, b, **forms, out=c),
            {"a": a, "b": b, "c": c},
            partial(require_right, work, inputs),
        )

    def _fused(self, work: Fused, dtype: str) -> _Work:
        ops, inputs = self.ops, work.inputs(dtype)
        x, w, b = map(ops.asarray, inputs)
        return _Work(
            lambda: ops.linear(x, w, b, "relu"),
            {"x": x, "w": w, "b": b},
            partial(require_right, work, inputs),
        )

    def _operation(self, work: Operation) -> Callable[[], object]:
        ops = self.ops
        arrays = [ops.asarray(values) for values in work.inputs(np.random.default_rng(0))]
        return lambda: work.ours(ops, *arrays)

    def _replayed(self, work: _Work, calls: int, remarks: list[str]) -> Run:
        """Record some calls, as a trainer records its step, and return their replay."""
        ops: Any = self.ops  # the reference cannot record
        recorder = Recorder(work.arrays)
        with ops.recording(recorder):
            for _ in range(calls):
                work.call()
        with _remarked_on(remarks):
            replay = ops.replay(Program(recorder), MOST)

        def run(n: int) -> None:
            left = n // calls
            while left:
                steps = min(left, MOST)
                replay.run(steps, [])  # nothing changes from one to the next
                left -= replay.take_done()

        if "c" in work.arrays:  # a layer's result is in the arena, out of reach
            ops.fill_(work.arrays["c"], float("nan"))
            run(calls)
            work.check(ops.to_numpy(work.arrays["c"]))
        return run

    def _game(self, work: GameSizes, remarks: list[str]) -> Run:
        """Return the training after its recording; a remark says if it could not be recorded."""
        game = BackendGame(work, self.ops)
        with _remarked_on(remarks):
            game.train(3)  # recorded, checked, replayed
        return game.train


class BackendGame:
    """
    A game in our own classes.

    The game of each library has the same methods: ``train(n)``, ``generate(z)``, ``parameters``.
    """

    def __init__(self, game: GameSizes, ops: Backend) -> None:
        self._wait = _waiting(ops)
        adam = Adam(**ADAM)
        self.trainer = Trainer(
            network(game.weights_g(), "relu", ops),
            network(game.weights_d(), "leaky_relu", ops),
            game.data(),
            noise=Noise(game.g[0]),
            optimizer_g=adam,
            optimizer_d=adam,
            batch_size=game.batch,
            penalties=(R1(gamma=game.gamma), R2(gamma=game.gamma)) if game.gamma else (),
            objective="non_saturating",
            log_every=10**12,  # no records: the frameworks make none either
        )

    @property
    def parameters(self) -> int:
        """Number of parameters of both networks."""
        return sum(player.network.layout.count for player in (self.trainer.G, self.trainer.D))

    def train(self, steps: int) -> None:
        """Run some steps; return when they are done."""
        self.trainer.train(steps)
        if self._wait is not None:
            self._wait()

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z)."""
        samples: NDArray[Any] = self.trainer.G.network(z)
        return samples


@contextmanager
def _remarked_on(remarks: list[str]) -> Iterator[None]:
    """Turn warnings into remarks: why something is not replayed, or not as a graph."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    told = [each for each in caught if each.category in (UserWarning, RuntimeWarning)]
    remarks += [str(each.message) for each in told]


def _waiting(ops: Backend) -> Callable[[], object] | None:
    """Return the function that waits for a backend's operations, None if they never run late."""
    return getattr(ops, "synchronize", None)
