"""A training step in PyTorch, as its users write it, with fused Adam; also as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.games import ADAM, SLOPE, GameSizes, Weights
from scratchgan.workshop.bench.peers.torch_gpu import captured, require_gpu

__all__ = ["TorchGame", "TorchGraphGame"]


class TorchGame:
    """
    A game in PyTorch.

    It draws each minibatch with replacement. Ours shuffles once per epoch, which is more work.

    Parameters
    ----------
    torch : module
    game : GameSizes
    compiled : bool
        Let torch.compile fuse the forward and backward passes. The update is one kernel
        already; compiling it, or the whole step, was slower.
    device : str
        The device of the parameters, the data, the noise and all computations.
    """

    def __init__(
        self, torch: Any, game: GameSizes, compiled: bool = False, device: str = "cpu"
    ) -> None:
        self.torch = torch
        self.game = game
        self.device = device
        self.random = torch.Generator(device=device).manual_seed(0)
        self.x = torch.tensor(game.data(), device=device)
        self.G = _network(torch, game.weights_g(), torch.nn.ReLU).to(device)
        self.D = _network(torch, game.weights_d(), lambda: torch.nn.LeakyReLU(SLOPE)).to(device)
        self.adam_g, self.adam_d = self._adam(self.G), self._adam(self.D)
        self.real = torch.ones(game.batch, 1, device=device)
        self.fake = torch.zeros(game.batch, 1, device=device)
        compile_: Callable[..., Any] = torch.compile if compiled else lambda f: f
        self._loss_d = compile_(self._loss_of_d)
        self._loss_g = compile_(self._loss_of_g)

    @property
    def parameters(self) -> int:
        """Number of parameters of both networks."""
        return sum(p.numel() for network in (self.G, self.D) for p in network.parameters())

    def train(self, steps: int) -> None:
        """Run some steps; return when they are done."""
        for _ in range(steps):
            self.step()
        if self.device != "cpu":
            self.torch.cuda.synchronize()

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z)."""
        with self.torch.no_grad():
            return np.asarray(self.G(self.torch.from_numpy(z).to(self.device)).cpu())

    def steepness(self) -> float:
        """Return the mean ‖∇ₓD(x)‖² over a minibatch of the data."""
        return float(self._steep(self.x[: self.game.batch])[1].detach())

    def step(self) -> None:
        """Update D, then G; on a GPU this returns before the updates are done."""
        torch, game = self.torch, self.game
        where = {"generator": self.random, "device": self.device}
        rows = torch.randint(game.examples, (game.batch,), **where)
        x, z = self.x.index_select(0, rows), torch.randn(game.batch, game.g[0], **where)
        self.adam_d.zero_grad()
        self._loss_d(x, z).backward()
        self.adam_d.step()

        z = torch.randn(game.batch, game.g[0], **where)
        self.adam_g.zero_grad()
        # Backward through D without the gradients of its parameters, as in our step.
        self._loss_g(z).backward(inputs=list(self.G.parameters()))
        self.adam_g.step()

    def _loss_of_d(self, x: Any, z: Any) -> Any:
        bce = self.torch.nn.functional.binary_cross_entropy_with_logits
        with self.torch.no_grad():
            fake = self.G(z)
        if not self.game.gamma:
            return bce(self.D(x), self.real) + bce(self.D(fake), self.fake)
        loss = 0.0
        for points, target in ((x, self.real), (fake, self.fake)):
            logits, steepness = self._steep(points)
            loss = loss + bce(logits, target) + self.game.gamma / 2 * steepness
        return loss

    def _steep(self, x: Any) -> tuple[Any, Any]:
        """Return D(x) and the mean ‖∇ₓD(x)‖² over a batch."""
        x = x.detach().requires_grad_()
        logits = self.D(x)
        (g,) = self.torch.autograd.grad(logits.sum(), x, create_graph=True)
        return logits, (g * g).sum(dim=1).mean()

    def _loss_of_g(self, z: Any) -> Any:
        bce = self.torch.nn.functional.binary_cross_entropy_with_logits
        return bce(self.D(self.G(z)), self.real)

    def _adam(self, network: Any) -> Any:
        return self.torch.optim.Adam(
            network.parameters(),
            lr=ADAM["rate"],
            betas=(ADAM["beta1"], ADAM["beta2"]),
            eps=ADAM["eps"],
            fused=True,
            capturable=self.device != "cpu",  # the count of steps is on the GPU
        )


class TorchGraphGame(TorchGame):
    """
    The same step on a GPU, captured once as a CUDA graph and replayed.

    Minibatches, noise and Adam's count of steps are computed inside the graph.

    Parameters
    ----------
    torch : module
    game : GameSizes
    device : str
        The GPU.

    Raises
    ------
    RuntimeError
        If PyTorch has no GPU.
    """

    def __init__(self, torch: Any, game: GameSizes, device: str = "cuda") -> None:
        require_gpu(torch)
        super().__init__(torch, game, device=device)
        self._graph = captured(torch, super().step, before=self._forget, random=self.random)

    def step(self) -> None:
        """Replay the graph."""
        self._graph.replay()

    def _forget(self) -> None:
        """Drop the gradients, so that the captured step makes new ones in the graph's memory."""
        for network in (self.G, self.D):
            network.zero_grad(set_to_none=True)


def _network(torch: Any, weights: Weights, activation: Callable[[], Any]) -> Any:
    layers: list[Any] = []
    for w, b in weights:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.copy_(torch.tensor(b))
        layers += [linear, activation()]
    return torch.nn.Sequential(*layers[:-1])  # the last layer is linear
