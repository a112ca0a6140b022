"""Network: a layer together with its parameters, for daily use."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Array, Backend, Stream, get_backend
from scratchgan.errors import DataError, ShapeError
from scratchgan.nn.flat import Layout
from scratchgan.nn.layer import Context, Features, Layer, Params

__all__ = ["Network"]


class Network:
    """
    A layer and its parameters, which are in one flat buffer.

    Parameters
    ----------
    layer : Layer
    seed : int or sequence of int
        Seed for the initial parameters.
    dtype : dtype
        float32 or float64.
    backend : str or Backend, optional
        ``"cpu"``, ``"cuda"``, ``"reference"`` or one of your own; the default one unless given.

    Attributes
    ----------
    flat : Array
        All parameters, (layout.size,).
    params : Params
        The tree of views of ``flat``. Copy values into a view: ``params["weight"][...] = W``.
        A view cannot be replaced, because ``flat`` is what is trained and saved.
    layout : Layout
    ops : Backend
        Where its arithmetic happens.

    Raises
    ------
    ShapeError
        If the dtype is not float32 or float64.
    DataError
        If an initial parameter is not finite.
    ValueError
        If another argument is invalid.

    Examples
    --------
    >>> from scratchgan.nn import Linear, Network, Sequential
    >>> G = Network(Sequential(Linear(8, 16, "relu"), Linear(16, 2)), seed=1)
    >>> G(np.zeros((5, 8), np.float32)).shape
    (5, 2)
    >>> print(G.summary())
    layer                      output  parameters
    ---------------------------------------------
    input                           8
    0  Linear(8 → 16, relu)        16         144
    1  Linear(16 → 2)               2          34
    ---------------------------------------------
    total                                     178
    """

    def __init__(
        self,
        layer: Layer,
        seed: Any = 0,
        dtype: Any = np.float32,
        backend: str | Backend | None = None,
    ) -> None:
        several = " (combine several layers with Sequential(*layers))"
        expected = "a Layer" + (several if isinstance(layer, list | tuple) else "")
        self.layer = checks.instance("Network", "layer", layer, Layer, expected)
        self.ops = get_backend(backend)
        self.dtype = _dtype(dtype)
        tree = layer.init(np.random.default_rng(_seed(seed)), self.dtype)
        self.layout = Layout(tree)
        flat = self.layout.pack(tree, self.dtype)
        if not np.isfinite(flat).all():
            raise DataError(
                f"Network: {layer!r} has initial parameters that are NaN or infinite in"
                f" {self.dtype}; expected finite ones"
            )
        self._flat = self.ops.asarray(flat)
        self._params = self.layout.views(self._flat, self.ops)

    @property
    def flat(self) -> Array:
        """All parameters, (layout.size,)."""
        return self._flat

    @flat.setter
    def flat(self, value: Any) -> None:
        if value is self._flat:  # ``net.flat += 1`` assigns the same array
            return
        raise AttributeError(
            "Network: flat cannot be replaced, because params are views of it; copy into it:"
            " net.ops.copy_(net.flat, net.ops.asarray(values))"
        )

    @property
    def params(self) -> Params:
        """The tree of views of ``flat``."""
        return self._params

    @params.setter
    def params(self, value: Any) -> None:
        if value is self._params:
            return
        raise AttributeError(
            "Network: params cannot be replaced, because they are views of flat; copy into them,"
            ' such as net.params["weight"][...] = W, or all at once:'
            " net.ops.copy_(net.flat, net.ops.asarray(net.layout.pack(tree, net.dtype)))"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_params"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copied or unpickled state, with views of its own buffer."""
        vars(self).update(state)
        self._params = self.layout.views(self._flat, self.ops)

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        """Copy the layer and the buffer, but share the backend."""
        flat, _ = self.new_buffer()
        self.ops.copy_(flat, self._flat)
        other = type(self).__new__(type(self))
        memo.update({id(self): other, id(self.ops): self.ops, id(self._flat): flat})
        other.__setstate__(deepcopy(self.__getstate__(), memo))
        return other

    def __call__(self, x: Any, params: Params | None = None, stream: Stream | None = None) -> Any:
        """
        Return y for x, not in training: dropout is off unless it has ``always=True``.

        A NumPy array gives a NumPy array; an array of the backend gives an array of the backend.
        ``params`` may be another tree of this layout, such as an average. Dropout that is always
        on draws its masks from ``stream``, which is ``Stream(seed=0)`` by default.
        """
        if stream is None:
            stream = Stream(seed=0)
        ctx = Context(
            self.ops, stream=checks.instance("Network", "stream", stream, Stream, "a Stream")
        )
        if params is None:
            params = self.params
        else:
            self.layout.require(params)
        parts = x if isinstance(x, tuple) else (x,)
        if parts and all(
            isinstance(part, type(self.flat)) and not isinstance(part, np.ndarray) for part in parts
        ):
            return self.layer.forward(params, x, ctx)[0]
        there = tuple(self.ops.asarray(self._numbers(part)) for part in parts)
        y, _ = self.layer.forward(params, there if isinstance(x, tuple) else there[0], ctx)
        return self.ops.to_numpy(y)

    def _numbers(self, x: Any) -> NDArray[Any]:
        """Return an input's array; raise unless it is a NumPy array of the network's dtype."""
        given = checks.array("Network", "x", x)
        if not isinstance(x, np.ndarray):
            raise ShapeError(f"Network: x is {checks.shown(x)}; expected a NumPy array, (batch, n)")
        if given.dtype != self.dtype:
            raise ShapeError(
                f"Network: x is {given.dtype}; expected the network's dtype, {self.dtype}:"
                f" give x.astype(np.{self.dtype})"
            )
        return given

    def in_float64(self, flat: Array | None = None) -> Network:
        """
        Return a copy in float64 on the reference backend, for quadrature and differences.

        ``flat`` may be another buffer of this layout, such as an average.
        """
        copy = Network(self.layer, dtype=np.float64, backend="reference")
        copy.flat[:] = self.ops.to_numpy(self.flat if flat is None else flat)
        return copy

    def new_buffer(self) -> tuple[Array, Params]:
        """Return a flat buffer of zeros of this layout, such as for gradients, and its tree."""
        flat = self.ops.zeros((self.layout.size,), self.dtype)
        return flat, self.layout.views(flat, self.ops)

    def summary(self) -> str:
        """Return a table of layers, output features and parameter counts."""
        rows = self.layer.rows(self.layer.in_features, "")
        named = [(f"{row.path}  {row.layer}".strip(), row) for row in rows]
        left = max([len(name) for name, _ in named] + [len("layer")])
        line = f"{{:<{left}}}  {{:>8}}  {{:>10}}"
        text = [line.format("layer", "output", "parameters")]
        text.append("-" * len(text[0]))
        text.append(line.format("input", _width(self.layer.in_features), "").rstrip())
        for name, row in named:
            text.append(line.format(name, _width(row.out_features), f"{row.parameters:,}"))
        text.append("-" * len(text[0]))
        text.append(line.format("total", "", f"{self.layout.count:,}"))
        return "\n".join(text)


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] | None = (
            np.dtype(dtype) if dtype is not None else None
        )  # None would be float64
    except TypeError:
        found = None
    if found is None or found not in (np.float32, np.float64):
        raise ShapeError(
            f"Network: dtype is {checks.shown(dtype) if found is None else found}; expected float32"
            " or float64"
        )
    return found


def _seed(seed: Any) -> int | list[int]:
    """Return a seed, or several of them as a list."""
    if isinstance(seed, list | tuple) or (isinstance(seed, np.ndarray) and seed.ndim == 1):
        return [checks.seed("Network", "seed", part) for part in seed]
    return checks.seed("Network", "seed", seed)


def _width(features: Features) -> str:
    if features is None:
        return "?"
    if isinstance(features, tuple):
        return ", ".join(_width(f) for f in features)
    return str(features)
