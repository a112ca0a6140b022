"""
The problem to check: a scalar function of named arrays, with the gradients claimed for it.

A layer becomes a scalar function by weighting its output: f = ⟨u, y⟩ for a fixed random u.
backward(u) must then give the gradient of f.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.nn import Context, Layer, Layout
from scratchgan.nn.trees import leaves, rebuilt, walk

__all__ = ["Arrays", "LayerAt", "Problem", "dot", "function_problem", "some_params"]

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Problem:
    """A scalar function f of named arrays, at one point."""

    title: str
    point: Arrays  # float64
    value: Callable[[Arrays], Any]  # f
    gradients: Arrays  # the claimed ∂f/∂input, each with its input's shape
    magnitude: float  # |f|, or the sum of its terms' sizes; ε · magnitude is the rounding of f
    margin: float = float("inf")  # distance that an input may move before a known kink


def function_problem(f: Callable[..., Any], inputs: Mapping[str, Any]) -> Problem:
    """Return the problem of a function ``f(**inputs) -> (value, gradients)`` at ``inputs``."""
    name = getattr(f, "__name__", type(f).__name__)
    if not isinstance(inputs, Mapping):
        raise TypeError(
            f"inputs of {name} are a {type(inputs).__name__}; expected a mapping of its argument"
            ' names to arrays, such as {"x": x, "w": w}'
        )
    if not inputs:
        raise ShapeError(f"inputs of {name} are empty; expected at least one array to check")
    point = {key: _float64(key, a) for key, a in inputs.items()}
    for a in point.values():
        a.flags.writeable = False  # a function that changes its input then raises an error

    value, gradients = _answer(name, f(**point))
    if not isinstance(gradients, Mapping) or set(gradients) != set(point):
        got = ", ".join(gradients) if isinstance(gradients, Mapping) else type(gradients).__name__
        raise ShapeError(
            f"{name} returned gradients {got}; expected a mapping with {', '.join(point)}"
            " (fix an argument that has none with functools.partial)"
        )
    claimed = {key: _gradient(name, key, gradients[key], a) for key, a in point.items()}
    return Problem(name, point, lambda a: _answer(name, f(**a))[0], claimed, abs(value))


class LayerAt:
    """
    A layer at a point. Its passes are functions of named NumPy arrays and run on its backend.

    Attributes
    ----------
    point : mapping of str to float64 array
        ``x`` (``x[0]`` and ``x[1]`` in a pair) and each parameter by its path.
    inputs : list of str
        The names in ``point`` that belong to x.
    y : array
        The output at the point.
    """

    def __init__(
        self, layer: Layer, x: Any, params: Any, ctx: Context | None, rng: np.random.Generator
    ) -> None:
        self.layer = layer
        if ctx is None:
            ctx = Context(get_backend("reference"))
        self.ctx = checks.instance("gradcheck", "ctx", ctx, Context, "a Context")
        self._on_host = isinstance(self.ctx.ops.zeros((1,), np.float64), np.ndarray)
        layout = Layout(layer.init(np.random.default_rng(0), np.float64))
        if params is not None:
            layout.require(params)
        self._params = some_params(layer, rng) if params is None else params
        self._x = x
        self.inputs = ["x" + "".join(f"[{i}]" for i in path) for path, _ in walk(x)]
        paths = [entry.path for entry in layout.entries]
        if set(self.inputs) & set(paths):
            raise ValueError(f"{layer!r} has a parameter 'x', the name of the input; rename it")
        here = [self.on_host(a) for a in (*leaves(x), *leaves(self._params))]
        named = zip([*self.inputs, *paths], here, strict=True)
        self.point: Arrays = {name: _float64(name, a) for name, a in named}
        self._at, _, (y, self._cache) = self.forward(self.point)
        self.y = _float64(f"{layer!r}'s output", self.on_host(y))

    def output(self, arrays: Arrays) -> NDArray[Any]:
        """Return y at other values of the named arrays (complex ones for the complex step)."""
        y: NDArray[Any] = self.on_host(self.forward(arrays)[2][0])
        return y

    def backward(self, u: NDArray[Any]) -> Arrays:
        """Return the gradients of ⟨u, y⟩ that the layer claims, by name."""
        ops = self.ctx.ops
        zeros = (ops.zeros(a.shape, a.dtype) for a in leaves(self._at))
        grads = rebuilt(self._at, zeros)
        dx = self.layer.backward(self._at, self._cache, ops.asarray(u.copy()), self.ctx, grads)
        claimed = [*leaves(dx), *leaves(grads)]
        if dx is None or len(claimed) != len(self.point):
            raise ShapeError(
                f"{self.layer!r}: backward returned dx = {checks.shown(dx)}; expected arrays like x"
            )
        named = dict(zip(self.point, map(self.on_host, claimed), strict=True))
        return self.checked("backward", named)

    def checked(self, what: str, named: Mapping[str, Any]) -> Arrays:
        """Return claimed gradients by name, after a check of their shapes and dtypes."""
        title = f"{what} of {self.layer!r}"
        return {name: _gradient(title, name, g, self.point[name]) for name, g in named.items()}

    def jvp(self, v: Arrays) -> NDArray[Any]:
        """Return the layer's forward derivative along ``v``, which has the names of ``inputs``."""
        dx = rebuilt(self._x, (self.ctx.ops.asarray(v[name].copy()) for name in self.inputs))
        dy = self.on_host(self.layer.jvp(self._at, self._cache, dx, self.ctx))
        return _gradient(f"jvp of {self.layer!r}", "y", dy, self.y)

    def problem(self, u: NDArray[Any]) -> Problem:
        """Return f = ⟨u, y⟩ with the gradients that backward claims; statistics are constants."""
        statistics = self.layer.statistics
        point = {name: a for name, a in self.point.items() if name not in statistics}
        claimed = self.backward(u)
        return Problem(
            repr(self.layer),
            point,
            lambda arrays: dot(u, self.output({**self.point, **arrays})),
            {name: claimed[name] for name in point},
            dot(abs(u), abs(self.y)),
            self.margin(),
        )

    def margin(self) -> float:
        """Return how far one entry may move before it reaches a kink, to first order."""
        x = rebuilt(self._x, (self.ctx.ops.asarray(self.point[name]) for name in self.inputs))
        largest = max([1.0, *(float(abs(a).max()) for a in self.point.values())])
        return self.layer.kink_margin(self._at, x, self.ctx) / largest

    def forward(self, arrays: Arrays) -> tuple[Any, Any, tuple[Any, Any]]:
        """Return params, x and (y, cache). Arrays are copied: a layer cannot change them."""
        dtype = np.result_type(*arrays.values())
        here = (self.ctx.ops.asarray(np.array(arrays[name], dtype)) for name in self.point)
        x = rebuilt(self._x, here)
        params = rebuilt(self._params, here)
        return params, x, self.layer.forward(params, x, self.ctx)

    def on_host(self, a: Any) -> Any:
        """Copy a backend's array to the host; later checks report anything else."""
        return a if self._on_host or isinstance(a, np.ndarray) else self.ctx.ops.to_numpy(a)


def some_params(layer: Layer, rng: np.random.Generator) -> Any:
    """
    Draw parameters for the check of a layer: its initial ones plus noise from N(0, 0.1²).

    Initial biases are often zero. If dropout sets all inputs of a unit to zero, the unit is then
    at ReLU's kink, and a wrong bias may go unnoticed.
    """
    params = layer.init(rng, np.float64)
    return rebuilt(params, (a + rng.normal(0, 0.1, a.shape) for a in leaves(params)))


def dot(u: NDArray[Any], y: NDArray[Any]) -> Any:
    """Return ⟨u, y⟩ = Σ u y, without conjugation, so that it is analytic for a complex step."""
    return (u * y).sum().item()


def _answer(name: str, answer: Any) -> tuple[Any, Any]:
    """Return a function's value as a Python number, and its gradients."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(
            f"{name} returned a {type(answer).__name__}; expected (value, gradients), with a"
            " mapping of the arguments' names to gradients"
        )
    value = np.asarray(answer[0])
    if value.size != 1 or value.dtype not in (np.float64, np.complex128):
        raise ShapeError(
            f"{name} returned a value of shape {value.shape} and dtype {value.dtype};"
            " expected one number of float64, such as a loss"
        )
    return value.item(), answer[1]


def _gradient(title: str, name: str, g: Any, a: NDArray[Any]) -> NDArray[Any]:
    array = checks.array(title, f"{name}'s derivative", g)
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        raise ShapeError(
            f"{title}: {name}'s derivative is {array.dtype}, which has too few digits for the"
            " check; expected float64: look for a cast in the backward pass"
        )
    if array.shape != a.shape:
        raise ShapeError(f"{title}: {name}'s derivative is {array.shape}; expected {a.shape}")
    return array.astype(np.float64)


def _float64(name: str, a: Any) -> NDArray[Any]:
    """Copy ``a``, which must be float64 and finite."""
    dtype = np.asarray(a).dtype if isinstance(a, np.ndarray) else None
    array = checks.array("gradcheck", name, a) if dtype is None or dtype.kind not in "c" else a
    if array.dtype != np.float64:
        raise ShapeError(
            f"{name} is {array.dtype}; expected float64 (differences in float32 have errors of"
            " 1e-4, which hide bugs). Give .astype(np.float64) and a float64 network"
        )
    if array.size == 0:
        raise ShapeError(f"{name} is empty, of shape {array.shape}; expected at least one number")
    return np.array(checks.array("gradcheck", name, array, finite=True))
