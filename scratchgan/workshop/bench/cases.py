"""
The cases of the three benchmark suites, as descriptions.

The products are those of the networks of Goodfellow et al. 2014 at their batch size, 100.
Square products show a kernel's speed without a limit by memory; the small ones are those of
a toy network.

On a GPU such a product takes microseconds, and a launch from Python takes as long. So a GPU
measures each product twice: called one by one, as a user would, and replayed from a
recording, which gives the time of the GPU alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.games import (
    D_GRADIENTS,
    GAMES,
    PENALISED_GAMES,
    DGradient,
    GameSizes,
)
from scratchgan.workshop.bench.operations import OPERATIONS, Operation

__all__ = [
    "PENALISED",
    "REPLAYED",
    "UNITS",
    "BenchCase",
    "Fused",
    "Product",
    "Replayed",
    "suite_cases",
]

UNITS = {"gemm": "GFLOP/s", "kernels": "µs", "step": "µs"}
"""The unit of each suite: a rate (more is better), or the time of one call or step."""

PENALISED = "R1+R2"
"""The prefix of the names of cases with penalties on D's gradient."""
WITHOUT = ", without"
"""The suffix of the same case without penalties."""

BATCH = 100
LAYERS = ((100, 1200), (1200, 1200), (1200, 784), (784, 1200), (240, 1200))
SMALL = ((128, 32, 32), (128, 32, 1), (256, 64, 128), (256, 128, 128), (256, 128, 2))
SQUARES = (256, 512, 1024, 2048)

REPLAYED = "replayed "
"""The prefix of the names of replayed cases."""
CALLS = 50  # of one recording: its start should take little time compared to them
GPU_CHUNK = 100  # steps of one scan on a GPU, where steps are shorter


@dataclass(frozen=True)
class Product:
    """op(a) · op(b) → (m, n), over k."""

    m: int
    n: int
    k: int
    trans_a: bool = False
    trans_b: bool = False

    @property
    def flops(self) -> int:
        """A multiplication and an addition for each of m · n · k terms."""
        return 2 * self.m * self.n * self.k

    def inputs(self, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a and b, as they are stored."""
        rng = np.random.default_rng(0)
        a = (self.k, self.m) if self.trans_a else (self.m, self.k)
        b = (self.n, self.k) if self.trans_b else (self.k, self.n)
        return rng.standard_normal(a).astype(dtype), rng.standard_normal(b).astype(dtype)


@dataclass(frozen=True)
class Fused:
    """relu(x · W + b); only the product counts as work."""

    batch: int
    in_features: int
    out_features: int

    @property
    def flops(self) -> int:
        """The FLOPs of the product."""
        return 2 * self.batch * self.in_features * self.out_features

    def inputs(self, dtype: str) -> tuple[NDArray[Any], ...]:
        """Return x, W and b."""
        rng = np.random.default_rng(0)
        wide = (self.batch, self.in_features), (self.in_features, self.out_features)
        shapes: tuple[tuple[int, ...], ...] = (*wide, (self.out_features,))
        return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


@dataclass(frozen=True)
class Replayed:
    """Work that is recorded ``calls`` times in a row and replayed; the time is that of one call."""

    work: Product | Fused
    calls: int = CALLS

    @property
    def flops(self) -> int:
        """The FLOPs of one call."""
        return self.work.flops


@dataclass(frozen=True)
class BenchCase:
    """
    One line of a table.

    Attributes
    ----------
    weight : float
        Its share of the suite's time, relative to the other cases.
    quick : bool
        Whether ``--quick`` measures it.
    asked : bool
        Whether it is measured only if ``--only`` is given.
    """

    suite: str
    name: str
    work: Product | Fused | Replayed | Operation | GameSizes | DGradient
    dtype: str = "float32"
    weight: float = 1.0
    quick: bool = False
    asked: bool = False

    @property
    def unit(self) -> str:
        """The unit of its values."""
        return UNITS[self.suite]

    def value(self, seconds: float) -> float:
        """Convert the time of one call to the case's unit."""
        if isinstance(self.work, (Product, Fused, Replayed)):
            return self.work.flops / seconds / 1e9
        return seconds * 1e6


def suite_cases(
    suite: str, quick: bool = False, only: str = "", gpu: bool = False
) -> list[BenchCase]:
    """
    Return the cases of a suite, in the order of the table.

    Parameters
    ----------
    suite : str
        One of ``scratchgan.workshop.bench.SUITES``.
    quick : bool
        Return a few small cases instead of all.
    only : str
        Leave out the cases whose name does not contain this. Some cases are returned only if it
        is given.
    gpu : bool
        Return the cases for a GPU.
    """
    cases = {"gemm": _gemm, "kernels": _kernels, "step": _steps}[suite](gpu)
    cases = [case for case in cases if only or not case.asked]
    return [case for case in cases if only in case.name and (case.quick or not quick)]


def _gemm(gpu: bool) -> list[BenchCase]:
    if not gpu:
        return [*_gan(), *_squares(SQUARES), *_small(), *_fused(), *_doubles()]
    # The most important cases come first, in case the time runs out. Toys are too small for a GPU.
    replayed = [_replayed(case) for case in (*_gan(), *_fused())]
    return [*_squares((4096, *reversed(SQUARES))), *replayed, *_gan(), *_fused(), *_doubles()]


def _replayed(case: BenchCase) -> BenchCase:
    assert isinstance(case.work, (Product, Fused))
    return replace(case, name=REPLAYED + case.name, work=Replayed(case.work))


def _gan() -> list[BenchCase]:
    return [
        BenchCase("gemm", f"gan {what} {i}→{o}", product, quick=(i, o) == (100, 1200))
        for i, o in LAYERS
        for what, product in _passes(BATCH, i, o).items()
    ]


def _passes(batch: int, i: int, o: int) -> dict[str, Product]:
    """The three products of a layer i → o: y = x·W, dW = xᵀ·dy, dx = dy·Wᵀ."""
    return {
        "forward": Product(batch, o, i),
        "dW": Product(i, o, batch, trans_a=True),
        "dx": Product(batch, i, o, trans_b=True),
    }


def _squares(sizes: tuple[int, ...]) -> list[BenchCase]:
    # A product of 2048 × 2048 takes as long as 70 products of a layer: it needs more time.
    weights = {1024: 2.0, 2048: 6.0, 4096: 6.0}
    return [
        BenchCase(
            "gemm", f"square {n}", Product(n, n, n), weight=weights.get(n, 1.0), quick=n == 256
        )
        for n in sizes
    ]


def _small() -> list[BenchCase]:
    forward = [
        BenchCase(
            "gemm", f"small {m}×{i}×{o}", _passes(m, i, o)["forward"], weight=0.5, quick=i == 32
        )
        for m, i, o in SMALL
    ]
    backward = [
        BenchCase("gemm", f"small {what} {m}×{i}×{o}", _passes(m, i, o)[what], weight=0.5)
        for m, i, o in ((128, 32, 32), (256, 128, 128))
        for what in ("dW", "dx")
    ]
    return forward + backward


def _fused() -> list[BenchCase]:
    return [
        BenchCase("gemm", f"fused linear+relu {i}→{o}", Fused(BATCH, i, o), quick=i == 100)
        for i, o in LAYERS
    ]


def _doubles() -> list[BenchCase]:
    return [
        BenchCase("gemm", "gan forward 1200→1200", Product(BATCH, 1200, 1200), dtype="float64"),
        BenchCase("gemm", "square 512", Product(512, 512, 512), dtype="float64"),
    ]


def _kernels(gpu: bool) -> list[BenchCase]:
    quick = ("add_row", "activation relu", "normal 100×100", "log_sigmoid_mean")
    return [BenchCase("kernels", k.name, k, quick=k.name in quick) for k in OPERATIONS]


def _steps(gpu: bool) -> list[BenchCase]:
    weights = {"mnist": 2.0}
    games = GAMES
    if gpu:  # the largest first: GPUs are meant for it
        games = {name: replace(GAMES[name], chunk=GPU_CHUNK) for name in reversed(GAMES)}
    steps = [
        BenchCase("step", name, game, weight=weights.get(name, 1.0), quick=name == "toy")
        for name, game in games.items()
    ]
    return steps if gpu else steps + _penalised()


def _penalised() -> list[BenchCase]:
    """The gradient of D, and the whole step, each without penalties and with R1 and R2."""
    weights = {"mnist": 2.0}
    works = {
        f"{PENALISED} {name}: {what}": (work, weights.get(name, 1.0))
        for name in PENALISED_GAMES
        for what, work in (("D", D_GRADIENTS[name]), ("step", PENALISED_GAMES[name]))
    }
    return [
        BenchCase("step", f"{name}{how}", replace(work, gamma=gamma), weight=weight, asked=True)
        for name, (work, weight) in works.items()
        for how, gamma in ((WITHOUT, 0.0), ("", 1.0))
    ]
