"""
The gradient of D by its parameters, with and without R1 and R2, in each library.

The value is V − (γ/2) · mean ‖∇ₓD(x)‖² − (γ/2) · mean ‖∇ₓD(G(z))‖² with the minimax V. Both
batches are given. Each class has ``gradient()``, a flat array in the order of the parameters, and
runs that compute it again and again.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Backend
from scratchgan.backends.program import Program, Recorder
from scratchgan.nn import Context, Network
from scratchgan.nn.second_order import forward_taped
from scratchgan.workshop.bench.games import SLOPE, DGradient
from scratchgan.workshop.bench.peers.networks import network

__all__ = ["BackendDGradient", "JaxDGradient", "TorchDGradient"]

MOST = 1000  # the most replays in one call


class BackendDGradient:
    """In our own operations: run one by one, or replayed from a recording."""

    def __init__(self, work: DGradient, ops: Backend) -> None:
        self.work, self.ops = work, ops
        self.D: Network = network(work.weights(), "leaky_relu", ops)
        self.flat, self.grads = self.D.new_buffer()
        self.batches = [ops.asarray(np.array(x)) for x in work.batches()]

    def gradient(self) -> NDArray[Any]:
        """Return the gradient."""
        self.once()
        return self.parameters(self.ops.to_numpy(self.flat))

    def parameters(self, flat: NDArray[Any]) -> NDArray[Any]:
        """Return a flat buffer without the gaps between parameters."""
        places = self.D.layout.entries
        return np.concatenate([flat[e.offset : e.offset + math.prod(e.shape)] for e in places])

    def once(self) -> None:
        """Compute the gradient by single operations."""
        ops, layer, params = self.ops, self.D.layer, self.D.params
        ctx = Context(ops, True)
        ops.fill_(self.flat, 0.0)
        for x, sign in zip(self.batches, (1.0, -1.0), strict=True):
            if not self.work.gamma:
                y, cache = layer.forward(params, x, ctx)
                _, dy = ops.log_sigmoid_mean(y, sign)
                layer.backward(params, cache, dy, ctx, self.grads, need_dx=False)
                continue
            y, passed = forward_taped(layer, params, x, ctx)
            _, dy = ops.log_sigmoid_mean(y, sign)
            v = ops.scale(passed.input_gradient(), -self.work.gamma / len(x))
            passed.backward(dy, v, self.grads)

    def one_by_one(self, n: int) -> None:
        """Compute it n times."""
        for _ in range(n):
            self.once()

    def replayed(self) -> Any:
        """Return a run that replays a recording."""
        ops: Any = self.ops
        held = {
            "D": self.D.flat,
            "grad D": self.flat,
            "x": self.batches[0],
            "G(z)": self.batches[1],
        }
        recorder = Recorder(held)
        with ops.recording(recorder):
            self.once()
        replay = ops.replay(Program(recorder), MOST)

        def run(n: int) -> None:
            while n > 0:
                replay.run(min(n, MOST), [])
                n -= replay.take_done()

        return run


class JaxDGradient:
    """In JAX: a jitted function, or a scan of many gradients in one call."""

    def __init__(self, jax: Any, work: DGradient) -> None:
        jax.config.update("jax_enable_x64", False)
        self.jax, self.work = jax, work
        self.params = jax.tree.map(jax.numpy.array, work.weights())
        self.batches = tuple(map(jax.numpy.asarray, work.batches()))
        self._jitted = jax.jit(jax.grad(self._value))
        self._scanned = jax.jit(self._scan, donate_argnums=0)

    def gradient(self) -> NDArray[Any]:
        """Return the gradient."""
        found = self._jitted(self.params, *self.batches)
        return np.concatenate([np.ravel(a) for a in chain(*found)])

    def run(self, n: int) -> None:
        """Compute it n times, one call each."""
        for _ in range(n):
            found = self._jitted(self.params, *self.batches)
        self.jax.block_until_ready(found)

    def run_in_scans(self, n: int) -> None:
        """Compute it n times, a multiple of the work's ``chunk``."""
        for _ in range(n // self.work.chunk):
            self.params = self._scanned(self.params, *self.batches)
        self.jax.block_until_ready(self.params)

    def _scan(self, params: Any, *batches: Any) -> Any:
        def body(carry: Any, _: None) -> tuple[Any, None]:
            # With an update, however small, no gradient can be taken out of the loop.
            found = self.jax.grad(self._value)(carry, *batches)
            return self.jax.tree.map(lambda p, g: p + 1e-12 * g, carry, found), None

        return self.jax.lax.scan(body, params, None, length=self.work.chunk)[0]

    def _value(self, params: Any, real: Any, fake: Any) -> Any:
        log_sigmoid = self.jax.nn.log_sigmoid
        value = log_sigmoid(self._logits(params, real)).mean()
        value += log_sigmoid(-self._logits(params, fake)).mean()
        if self.work.gamma:
            for x in (real, fake):
                g = self.jax.grad(lambda x: self._logits(params, x).sum())(x)
                value -= self.work.gamma / 2 * (g * g).sum(axis=1).mean()
        return value

    def _logits(self, params: Any, x: Any) -> Any:
        phi = partial(self.jax.nn.leaky_relu, negative_slope=SLOPE)
        for w, b in params[:-1]:
            x = phi(x @ w + b)
        w, b = params[-1]
        return x @ w + b


class TorchDGradient:
    """In PyTorch, as its users write it."""

    def __init__(self, torch: Any, work: DGradient, device: str = "cpu") -> None:
        self.torch, self.work = torch, work
        self.layers = [
            tuple(torch.tensor(a, device=device, requires_grad=True) for a in layer)
            for layer in work.weights()
        ]
        self.batches = [torch.tensor(x, device=device) for x in work.batches()]

    def gradient(self) -> NDArray[Any]:
        """Return the gradient."""
        return np.concatenate([a.cpu().numpy().ravel() for a in self._once()])

    def run(self, n: int) -> None:
        """Compute it n times."""
        for _ in range(n):
            self._once()

    def _once(self) -> Any:
        torch, value = self.torch, 0.0
        for x, sign in zip(self.batches, (1.0, -1.0), strict=True):
            x = x.detach().requires_grad_(bool(self.work.gamma))
            logits = self._logits(x)
            value = value + torch.nn.functional.logsigmoid(sign * logits).mean()
            if self.work.gamma:
                (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
                value = value - self.work.gamma / 2 * (g * g).sum(dim=1).mean()
        return torch.autograd.grad(value, list(chain(*self.layers)))

    def _logits(self, x: Any) -> Any:
        for w, b in self.layers[:-1]:
            x = self.torch.nn.functional.leaky_relu(self.torch.addmm(b, x, w), SLOPE)
        w, b = self.layers[-1]
        return self.torch.addmm(b, x, w)
