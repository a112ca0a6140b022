"""A training step in PyTorch, as its users write it, with its fused Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.bench.games import ADAM, SLOPE, Game, Weights

__all__ = ["TorchGame"]


class TorchGame:
    """
    A game in PyTorch.

    Where ours shuffles once an epoch, it draws each minibatch with replacement, which is less work.

    Parameters
    ----------
    torch : module
    game : Game
    compiled : bool
        Let torch.compile join the forward and backward passes. The update is one kernel as
        it is; compiling it, or the whole step, was slower.
    """

    def __init__(self, torch: Any, game: Game, compiled: bool = False) -> None:
        torch.manual_seed(0)
        self.torch = torch
        self.game = game
        self.x = torch.tensor(game.data())
        self.G = _network(torch, game.weights_g(), torch.nn.ReLU)
        self.D = _network(torch, game.weights_d(), lambda: torch.nn.LeakyReLU(SLOPE))
        self.adam_g, self.adam_d = _adam(torch, self.G), _adam(torch, self.D)
        self.real = torch.ones(game.batch, 1)
        self.fake = torch.zeros(game.batch, 1)
        compile_: Callable[..., Any] = torch.compile if compiled else lambda f: f
        self._loss_d = compile_(self._loss_of_d)
        self._loss_g = compile_(self._loss_of_g)

    @property
    def parameters(self) -> int:
        """Number of parameters of both networks."""
        return sum(p.numel() for network in (self.G, self.D) for p in network.parameters())

    def train(self, steps: int) -> None:
        """Run some steps."""
        for _ in range(steps):
            self._step()

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z)."""
        with self.torch.no_grad():
            return np.asarray(self.G(self.torch.from_numpy(z)))

    def _step(self) -> None:
        torch, game = self.torch, self.game
        rows = torch.randint(game.examples, (game.batch,))
        x, z = self.x.index_select(0, rows), torch.randn(game.batch, game.g[0])
        self.adam_d.zero_grad()
        self._loss_d(x, z).backward()
        self.adam_d.step()

        z = torch.randn(game.batch, game.g[0])
        self.adam_g.zero_grad()
        # Through D, but without the gradients of its parameters, as in our step.
        self._loss_g(z).backward(inputs=list(self.G.parameters()))
        self.adam_g.step()

    def _loss_of_d(self, x: Any, z: Any) -> Any:
        bce = self.torch.nn.functional.binary_cross_entropy_with_logits
        with self.torch.no_grad():
            fake = self.G(z)
        return bce(self.D(x), self.real) + bce(self.D(fake), self.fake)

    def _loss_of_g(self, z: Any) -> Any:
        bce = self.torch.nn.functional.binary_cross_entropy_with_logits
        return bce(self.D(self.G(z)), self.real)


def _network(torch: Any, weights: Weights, activation: Callable[[], Any]) -> Any:
    layers: list[Any] = []
    for w, b in weights:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.copy_(torch.tensor(b))
        layers += [linear, activation()]
    return torch.nn.Sequential(*layers[:-1])  # the last layer is linear


def _adam(torch: Any, network: Any) -> Any:
    betas = ADAM["beta1"], ADAM["beta2"]
    return torch.optim.Adam(
        network.parameters(), lr=ADAM["rate"], betas=betas, eps=ADAM["eps"], fused=True
    )
