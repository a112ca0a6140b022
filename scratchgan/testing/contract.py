"""A layer's contract besides its derivatives: no hidden state, gradients added, dtypes kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.gradcheck.problem import some_params
from scratchgan.nn import Context, Layer
from scratchgan.nn.trees import leaves, rebuilt, walk

__all__ = ["check_contract"]


def check_contract(
    layer: Layer, x: Any, *, params: Any = None, ctx: Context | None = None, seed: int = 0
) -> None:
    """
    Assert that a layer keeps the contract of ``scratchgan.nn.Layer``, except for derivatives.

    - The width of y is ``output_width``.
    - ``backward`` adds into ``grads``. Without ``need_dx`` it returns None and adds the same.
      Without ``grads`` it returns the same dx and changes no gradients.
    - Two forward passes may come before two backward passes.
    - x, dy and the parameters are not changed.
    - ``statistics`` have zero gradient. Only ``commit`` changes them, and only after a pass in
      training; it changes nothing else.
    - float32 stays float32, and float64 stays float64.

    Parameters
    ----------
    layer, x, params, ctx, seed
        As for ``check_layer``.

    Raises
    ------
    AssertionError
        With the part of the contract that is broken.
    """
    who = "check_contract"
    checks.instance(who, "layer", layer, Layer, "a Layer")
    ctx = Context(get_backend("reference")) if ctx is None else ctx
    checks.instance(who, "ctx", ctx, Context, "a Context")
    rng = np.random.default_rng(checks.seed(who, "seed", seed))
    params = some_params(layer, rng) if params is None else params
    for dtype in (np.float64, np.float32):
        _Contract(layer, x, params, ctx, dtype, rng).check()


class _Contract:
    """One layer at one point in one dtype, after one forward and one plain backward."""

    def __init__(
        self,
        layer: Layer,
        x: Any,
        params: Any,
        ctx: Context,
        dtype: Any,
        rng: np.random.Generator,
    ) -> None:
        self.layer, self.ctx, self.dtype = layer, ctx, np.dtype(dtype)
        self.x, self.params = self._there(x), self._there(params)
        self.given = self._host((self.x, self.params))
        self.start = [rng.standard_normal(a.shape) for a in leaves(self.params)]
        self.y, self.cache = layer.forward(self.params, self.x, ctx)
        self._shape_and_dtype(self.y)
        self.dy = self._there(rng.standard_normal(self.y.shape))
        self.given += self._host(self.dy)
        self.grads = self._grads(0.0)
        self.dx = self._backward(self.grads)
        self.plain = self._host(self.grads)

    def check(self) -> None:
        for dx in leaves(self.dx):
            self._require(dx.dtype == self.dtype, f"dx became {dx.dtype}")
        self._adds()
        self._without_dx()
        self._without_grads()
        self._two_forwards()
        self._commits()
        same = zip(self.given, self._host((self.x, self.params, self.dy)), strict=True)
        self._require(all(np.array_equal(a, b) for a, b in same), "x, dy or params were changed")

    def _shape_and_dtype(self, y: Any) -> None:
        shape, expected = tuple(y.shape), (y.shape[0], self.layer.output_width(_width(self.x)))
        self._require(shape == expected, f"y has shape {shape}; output_width says {expected}")
        self._require(y.dtype == self.dtype, f"y became {y.dtype}")

    def _adds(self) -> None:
        used = self._grads(1.0)
        sums = [a + b for a, b in zip(self._host(used), self.plain, strict=True)]
        self._backward(used)
        self._require(_close(self._host(used), sums), "gradients must be added into grads")

    def _without_dx(self) -> None:
        grads = self._grads(0.0)
        self._require(self._backward(grads, need_dx=False) is None, "need_dx=False gave a dx")
        same = _close(self._host(grads), self.plain)
        self._require(same, "need_dx=False changed the gradients of the parameters")

    def _without_grads(self) -> None:
        earlier = self._grads(0.0)
        self._backward(earlier)
        dx = self._backward(None)
        self._require(_close(self._host(dx), self._host(self.dx)), "grads=None changed dx")
        untouched = _close(self._host(earlier), self.plain)
        self._require(untouched, "backward with grads=None added into those of an earlier call")

    def _two_forwards(self) -> None:
        other = rebuilt(self.x, (self.ctx.ops.scale(a, -0.5) for a in leaves(self.x)))
        self.layer.forward(self.params, other, self.ctx)
        grads = self._grads(0.0)
        dx = self._backward(grads)
        same = _close(self._host((dx, grads)), [*self._host(self.dx), *self.plain])
        self._require(same, "a second forward changed the first's backward: use the cache alone")

    def _commits(self) -> None:
        paths = [".".join(map(str, path)) for path, _ in walk(self.params)]
        unknown = set(self.layer.statistics) - set(paths)
        self._require(not unknown, f"statistics name {sorted(unknown)}, which are no parameters")
        moved = self._there(self.params)
        self.layer.commit(moved, self.cache, self.ctx)
        for path, g, now, before in zip(
            paths, self.plain, self._host(moved), self._host(self.params), strict=True
        ):
            same = np.array_equal(now, before)
            if path not in self.layer.statistics:
                self._require(same, f"commit changed {path}, which is not in statistics")
                continue
            self._require(not g.any(), f"{path} has a gradient, although it is in statistics")
            self._require(same or self.ctx.training, f"commit changed {path} outside training")

    def _backward(self, grads: Any, need_dx: bool = True) -> Any:
        return self.layer.backward(self.params, self.cache, self.dy, self.ctx, grads, need_dx)

    def _grads(self, factor: float) -> Any:
        """Return gradients that start at ``factor`` times fixed random values."""
        return self._there(rebuilt(self.params, (factor * a for a in self.start)))

    def _there(self, tree: Any) -> Any:
        """Copy a tree to the backend, in this pass's dtype."""
        ops = self.ctx.ops
        host = (a if isinstance(a, np.ndarray) else ops.to_numpy(a) for a in leaves(tree))
        return rebuilt(tree, (ops.asarray(np.array(a, self.dtype)) for a in host))

    def _host(self, tree: Any) -> list[NDArray[Any]]:
        return [np.array(self.ctx.ops.to_numpy(a)) for a in leaves(tree)]

    def _require(self, kept: bool, promise: str) -> None:
        if not kept:
            raise AssertionError(f"{self.layer!r}, {self.dtype}: {promise}")


def _close(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> bool:
    """Return whether arrays are equal to rounding, since two calls may add in another order."""
    rtol = 1e-4 if any(q.dtype == np.float32 for q in b) else 1e-10
    return all(
        p.shape == q.shape and abs(p - q).max() <= rtol * abs(q).max()
        for p, q in zip(a, b, strict=True)
    )


def _width(x: Any) -> Any:
    return tuple(map(_width, x)) if isinstance(x, tuple) else x.shape[1]
