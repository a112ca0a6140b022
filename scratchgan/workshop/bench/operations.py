"""
The kernels suite: every operation that is not a product, at the sizes of the mnist networks.

Each operation is written three times: in our vocabulary, in NumPy as a user would write
it, and in PyTorch (for a backward pass, with the function that its autograd calls). If
ours makes a new array, all make one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Stream
from scratchgan.backends.activations import TABLE, Phi

__all__ = ["OPERATIONS", "Operation"]

SLOPE = 0.2
KEEP = 0.5
PIECES = 5
SHAPE = (100, 1200)  # batch × hidden units; maxout makes 240 of them
PARAMETERS = 2_384_401  # of D: 784-1200-1200-1
DECAY = 0.999
STREAM = Stream(seed=0)
RNG = np.random.default_rng(0)  # the generator that users of NumPy draw from


@dataclass(frozen=True)
class Operation:
    """
    One operation in our vocabulary, in NumPy and in PyTorch.

    Attributes
    ----------
    inputs : callable
        ``inputs(rng)`` returns the NumPy arrays that all three get.
    ours : callable
        ``ours(ops, *arrays)``, with arrays of the backend.
    numpy : callable
        ``numpy(*arrays)``.
    torch : callable
        ``torch(torch, *tensors)``: the module comes first, because it is loaded only on demand.
        If there are no tensors, it gets the device to draw on instead.
    """

    name: str
    inputs: Callable[[np.random.Generator], tuple[NDArray[Any], ...]]
    ours: Callable[..., Any]
    numpy: Callable[..., Any]
    torch: Callable[..., Any]


def _normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[NDArray[Any], ...]]:
    return lambda rng: tuple(rng.standard_normal(shape, np.float32) for shape in shapes)


# -- activations ----------------------------------------------------------------------------------


@cache
def _of_torch(torch: Any, name: str) -> Any:
    """Return PyTorch's function with a name, from its main module if it is there."""
    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


def _torch_forward(torch: Any, a: Any, phi: Phi) -> Any:
    if phi.name == "identity":
        return a.clone()
    function = _of_torch(torch, phi.name)
    return function(a, SLOPE) if phi.sloped else function(a)


def _activation(phi: Phi) -> Operation:
    return Operation(
        f"activation {phi.name}",
        _normal(SHAPE),
        lambda ops, a: ops.activation(a, phi.name, SLOPE),
        lambda a: phi.formula(a, SLOPE),
        partial(_torch_forward, phi=phi),
    )


_BACKWARD: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # in NumPy, in PyTorch
    "relu": (
        lambda dy, y: dy * (y > 0),
        lambda torch, dy, y: torch.ops.aten.threshold_backward(dy, y, 0),
    ),
    "leaky_relu": (
        lambda dy, y: np.where(y > 0, dy, SLOPE * dy),
        lambda torch, dy, y: torch.ops.aten.leaky_relu_backward(dy, y, SLOPE, True),
    ),
    "sigmoid": (
        lambda dy, y: dy * y * (1 - y),
        lambda torch, dy, y: torch.ops.aten.sigmoid_backward(dy, y),
    ),
    "tanh": (
        lambda dy, y: dy * (1 - y * y),
        lambda torch, dy, y: torch.ops.aten.tanh_backward(dy, y),
    ),
}
"""The φ whose derivative PyTorch, too, computes from y."""


def _activation_grad_bias(name: str) -> Operation:
    phi, (numpy_backward, torch_backward) = TABLE[name], _BACKWARD[name]

    def with_numpy(dy: NDArray[Any], y: NDArray[Any], dbias: NDArray[Any]) -> NDArray[Any]:
        da: NDArray[Any] = numpy_backward(dy, y)
        dbias += da.sum(axis=0)
        return da

    def with_torch(torch: Any, dy: Any, y: Any, dbias: Any) -> Any:
        da = torch_backward(torch, dy, y)
        dbias += da.sum(dim=0)
        return da

    def inputs(rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        dy, a = _normal(SHAPE, SHAPE)(rng)
        return dy, phi.formula(a, SLOPE), np.zeros(SHAPE[1], np.float32)

    return Operation(
        f"activation_grad_bias {name}",
        inputs,
        lambda ops, dy, y, dbias: ops.activation_grad_bias(dy, y, name, SLOPE, dbias),
        with_numpy,
        with_torch,
    )


# -- maxout, dropout, losses ----------------------------------------------------------------------


def _numpy_maxout(a: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    groups = a.reshape(len(a), -1, PIECES)
    index = groups.argmax(axis=2)
    return np.take_along_axis(groups, index[:, :, None], axis=2)[:, :, 0], index


def _numpy_dropout(x: NDArray[Any]) -> NDArray[Any]:
    mask = RNG.random(x.shape, np.float32) < KEEP
    y: NDArray[Any] = x * mask * np.float32(1 / KEEP)
    return y


def _numpy_log_sigmoid_mean(logits: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
    e = np.exp(-np.abs(logits))
    value = (np.minimum(logits, 0) - np.log1p(e)).mean()
    return value, np.where(logits > 0, e, 1) / ((1 + e) * logits.size)


def _torch_log_sigmoid_mean(torch: Any, logits: Any) -> tuple[Any, Any]:
    value = torch.nn.functional.logsigmoid(logits).mean()
    return value, torch.sigmoid(-logits) / logits.numel()


# -- random numbers -------------------------------------------------------------------------------


def _uniform(rows: int, columns: int) -> Operation:
    shape = (rows, columns)
    return Operation(
        f"uniform {rows}×{columns}",
        lambda rng: (),
        lambda ops: ops.uniform(shape, STREAM, -1.0, 1.0, np.float32),
        lambda: 2 * RNG.random(shape, np.float32) - 1,
        lambda torch, device: torch.empty(shape, device=device).uniform_(-1.0, 1.0),
    )


def _normals(rows: int, columns: int) -> Operation:
    shape = (rows, columns)
    return Operation(
        f"normal {rows}×{columns}",
        lambda rng: (),
        lambda ops: ops.normal(shape, STREAM, 0.0, 1.0, np.float32),
        lambda: RNG.standard_normal(shape, np.float32),
        lambda torch, device: torch.randn(shape, device=device),
    )


# -- optimisers -----------------------------------------------------------------------------------

RATE, BETA1, BETA2, EPS, T, MOMENTUM = 2e-4, 0.5, 0.999, 1e-8, 100, 0.9


def _adam_inputs(rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
    params, grads, m = _normal(*[(PARAMETERS,)] * 3)(rng)
    return params, grads, m, m * m


def _numpy_adam(
    params: NDArray[Any], grads: NDArray[Any], m: NDArray[Any], v: NDArray[Any]
) -> None:
    m *= BETA1
    m += (1 - BETA1) * grads
    v *= BETA2
    v += (1 - BETA2) * grads * grads
    correction = math.sqrt(1 - BETA2**T)  # a NumPy scalar would turn float32 into float64
    params -= (RATE * correction / (1 - BETA1**T)) * m / (np.sqrt(v) + EPS * correction)


def _torch_adam(torch: Any, params: Any, grads: Any, m: Any, v: Any) -> None:
    t = params.new_full((), T - 1.0)  # on the device, without a copy; it counts on
    importlib.import_module("torch.optim.adam").adam(
        [params], [grads], [m], [v], [], [t],
        amsgrad=False, beta1=BETA1, beta2=BETA2, lr=RATE, weight_decay=0.0, eps=EPS,
        maximize=False, fused=True,
    )  # fmt: skip


def _numpy_sgd(params: NDArray[Any], grads: NDArray[Any], velocity: NDArray[Any]) -> None:
    velocity *= MOMENTUM
    velocity -= RATE * grads
    params += velocity


def _torch_sgd(torch: Any, params: Any, grads: Any, velocity: Any) -> None:
    """PyTorch's velocity is ours / −rate: the same work, and the same parameters."""
    importlib.import_module("torch.optim.sgd").sgd(
        [params], [grads], [velocity],
        weight_decay=0.0, momentum=MOMENTUM, lr=RATE, dampening=0.0, nesterov=False,
        maximize=False, fused=True,
    )  # fmt: skip


def _numpy_ema(average: NDArray[Any], params: NDArray[Any]) -> None:
    average *= DECAY
    average += (1 - DECAY) * params


# -- data -----------------------------------------------------------------------------------------


def _gather_inputs(rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
    (data,) = _normal((10_000, 784))(rng)
    return data, rng.permutation(10_000).astype(np.int32)


START, BATCH = 300, SHAPE[0]

OPERATIONS = (
    Operation(
        "add_row",
        _normal(SHAPE, SHAPE[1:]),
        lambda ops, x, row: ops.add_row(x, row),
        lambda x, row: x + row,
        lambda torch, x, row: x + row,
    ),
    Operation(
        "multiply",
        _normal(SHAPE, SHAPE),
        lambda ops, a, b: ops.multiply(a, b),
        lambda a, b: a * b,
        lambda torch, a, b: a * b,
    ),
    *(_activation(phi) for phi in TABLE.values()),
    *(_activation_grad_bias(name) for name in _BACKWARD),
    Operation(
        "sum_rows",
        _normal(SHAPE),
        lambda ops, a: ops.sum_rows(a),
        lambda a: a.sum(axis=0),
        lambda torch, a: a.sum(dim=0),
    ),
    Operation(
        f"maxout of {PIECES}",
        _normal(SHAPE),
        lambda ops, a: ops.maxout(a, PIECES),
        _numpy_maxout,
        lambda torch, a: a.view(a.shape[0], -1, PIECES).max(dim=2),
    ),
    Operation(
        "dropout",
        _normal(SHAPE),
        lambda ops, x: ops.dropout(x, KEEP, STREAM),
        _numpy_dropout,
        lambda torch, x: torch.nn.functional.dropout(x, 1 - KEEP),
    ),
    Operation(
        "log_sigmoid_mean",
        _normal((BATCH, 1)),
        lambda ops, logits: ops.log_sigmoid_mean(logits, 1.0),
        _numpy_log_sigmoid_mean,
        _torch_log_sigmoid_mean,
    ),
    _uniform(100, 100),
    _uniform(*SHAPE),
    _normals(100, 100),
    _normals(*SHAPE),
    Operation(
        "gather_rows 100×784",
        _gather_inputs,
        lambda ops, data, order: ops.gather_rows(data, order, START, BATCH),
        lambda data, order: data[order[START : START + BATCH]],
        lambda torch, data, order: data.index_select(0, order[START : START + BATCH]),
    ),
    Operation(
        "adam_ 2.4 M",
        _adam_inputs,
        lambda ops, params, grads, m, v: ops.adam_(
            params, grads, m, v, rate=RATE, t=T, beta1=BETA1, beta2=BETA2, eps=EPS
        ),
        _numpy_adam,
        _torch_adam,
    ),
    Operation(
        "sgd_ 2.4 M",
        lambda rng: (*_normal(*[(PARAMETERS,)] * 2)(rng), np.zeros(PARAMETERS, np.float32)),
        lambda ops, params, grads, velocity: ops.sgd_(
            params, grads, velocity, rate=RATE, momentum=MOMENTUM, nesterov=False
        ),
        _numpy_sgd,
        _torch_sgd,
    ),
    Operation(
        "ema_ 2.4 M",
        _normal(*[(PARAMETERS,)] * 2),
        lambda ops, average, params: ops.ema_(average, params, DECAY),
        _numpy_ema,
        lambda torch, average, params: average.lerp_(params, 1 - DECAY),
    ),
)
"""All operations, in the order of the table."""
