"""A training step in JAX: a pure function of the state, compiled alone or as a scan."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.games import ADAM, SLOPE, GameSizes, Weights

__all__ = ["JaxGame"]


class JaxGame:
    """
    A game in JAX.

    It draws each minibatch with replacement. Ours shuffles once per epoch, which is more work.

    Parameters
    ----------
    jax : module
    game : GameSizes
    """

    def __init__(self, jax: Any, game: GameSizes) -> None:
        jax.config.update("jax_enable_x64", False)
        self.jax = jax
        self.game = game
        self.x = jax.numpy.asarray(game.data())
        self.state = (
            jax.random.key(0),
            jax.numpy.zeros((), np.float32),  # t, the number of steps
            self._player(game.weights_g()),
            self._player(game.weights_d()),
        )
        # The old state is not used again, so its memory may be reused.
        self._jitted = jax.jit(self._step, donate_argnums=0)
        self._scanned = jax.jit(self._steps, donate_argnums=0)

    @property
    def parameters(self) -> int:
        """Number of parameters of both networks."""
        leaves = self.jax.tree.leaves([player[0] for player in self.state[2:]])
        return sum(leaf.size for leaf in leaves)

    def train(self, steps: int) -> None:
        """Run some steps, one call each."""
        for _ in range(steps):
            self.state = self._jitted(self.state, self.x)
        self.jax.block_until_ready(self.state)

    def train_in_scans(self, steps: int) -> None:
        """Run some steps, a multiple of the game's ``chunk``; each call runs ``chunk`` steps."""
        for _ in range(steps // self.game.chunk):
            self.state = self._scanned(self.state, self.x)
        self.jax.block_until_ready(self.state)

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z)."""
        params = self.state[2][0]
        return np.asarray(_forward(params, self.jax.numpy.asarray(z), self.jax.nn.relu))

    def steepness(self) -> float:
        """Return the mean ‖∇ₓD(x)‖² over a minibatch of the data."""
        return float(self._steepness(self.state[3][0], self.x[: self.game.batch]))

    def _player(self, weights: Weights) -> tuple[Any, Any, Any]:
        """Parameters and Adam's two moments."""
        tree = self.jax.tree
        params = tree.map(self.jax.numpy.array, weights)
        return params, tree.map(np.zeros_like, weights), tree.map(np.zeros_like, weights)

    def _steps(self, state: Any, x: Any) -> Any:
        def body(carry: Any, _: None) -> tuple[Any, None]:
            return self._step(carry, x), None

        return self.jax.lax.scan(body, state, None, length=self.game.chunk)[0]

    def _step(self, state: Any, x: Any) -> Any:
        jax, game = self.jax, self.game
        key, t, g, d = state
        key, for_rows, for_d, for_g = jax.random.split(key, 4)
        t = t + 1
        rows = jax.random.randint(for_rows, (game.batch,), 0, game.examples)
        z = jax.random.normal(for_d, (game.batch, game.g[0]), np.float32)
        d = self._adam(d, jax.grad(self._loss_of_d)(d[0], g[0], x[rows], z), t)
        z = jax.random.normal(for_g, (game.batch, game.g[0]), np.float32)
        g = self._adam(g, jax.grad(self._loss_of_g)(g[0], d[0], z), t)
        return key, t, g, d

    def _loss_of_d(self, d: Any, g: Any, x: Any, z: Any) -> Any:
        log_sigmoid = self.jax.nn.log_sigmoid
        fake = _forward(g, z, self.jax.nn.relu)
        loss = -log_sigmoid(self._logits(d, x)).mean()
        loss -= log_sigmoid(-self._logits(d, fake)).mean()
        if self.game.gamma:
            loss += self.game.gamma / 2 * (self._steepness(d, x) + self._steepness(d, fake))
        return loss

    def _steepness(self, d: Any, x: Any) -> Any:
        """Mean ‖∇ₓD(x)‖² over a batch."""
        g = self.jax.grad(lambda x: self._logits(d, x).sum())(x)
        return (g * g).sum(axis=1).mean()

    def _loss_of_g(self, g: Any, d: Any, z: Any) -> Any:
        logits = self._logits(d, _forward(g, z, self.jax.nn.relu))
        return -self.jax.nn.log_sigmoid(logits).mean()

    def _logits(self, d: Any, x: Any) -> Any:
        return _forward(d, x, partial(self.jax.nn.leaky_relu, negative_slope=SLOPE))

    def _adam(self, player: Any, grads: Any, t: Any) -> tuple[Any, Any, Any]:
        tree, sqrt = self.jax.tree, self.jax.numpy.sqrt
        beta1, beta2 = ADAM["beta1"], ADAM["beta2"]
        params, m, v = player
        m = tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        m_scale, v_scale = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        params = tree.map(
            lambda p, m, v: p - ADAM["rate"] * m_scale * m / (sqrt(v_scale * v) + ADAM["eps"]),
            params,
            m,
            v,
        )
        return params, m, v


def _forward(layers: Any, x: Any, activation: Any) -> Any:
    for w, b in layers[:-1]:
        x = activation(x @ w + b)
    w, b = layers[-1]
    return x @ w + b
