"""One call that checks a layer: derivatives, contract, vocabulary, second order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.backends.reference import ReferenceBackend
from scratchgan.gradcheck import GradcheckReport, assert_adjoint, gradcheck, gradgradcheck
from scratchgan.gradcheck.problem import LayerAt, some_params
from scratchgan.nn import Context, Layer, Linear, Sequential
from scratchgan.nn.initializers import constant
from scratchgan.testing.contract import check_contract
from scratchgan.testing.opaque import OpaqueBackend

__all__ = ["check_layer"]


def check_layer(
    layer: Layer,
    x: Any,
    *,
    params: Any = None,
    ctx: Context | None = None,
    mode: str = "full",
    method: str = "central",
    vocabulary: bool = True,
    second_order: bool = True,
    seed: int = 0,
) -> GradcheckReport:
    """
    Check a layer's whole contract at one point.

    It runs ``gradcheck`` for dx and every parameter, ``assert_adjoint`` for jvp, and
    ``check_contract`` for the rest of the contract. It also runs the layer on arrays that, like
    those of a GPU, only the named operations can read (``OpaqueBackend``). And it checks the
    gradient of a penalty on a gradient through the layer, by ``gradgradcheck`` along two random
    directions, with a linear layer before (unless x is a pair) and a softplus unit after it.

    Parameters
    ----------
    layer : Layer
    x : array (batch, in_features), float64, or a pair of such arrays
        It should be away from kinks; ``spread_floats`` draws such arrays.
    params : Params, optional
        Parameters in float64. The default is the initial parameters plus small random numbers.
    ctx : Context, optional
        The default is the reference backend, not in training.
    mode, method, seed
        As for ``gradcheck``.
    vocabulary : bool
        If False, a layer written in plain NumPy is accepted too; second order is not checked.
    second_order : bool
        If False, a layer with operations that have no rule for second order is accepted too. It
        cannot be used in a D with a penalty on its gradient.

    Returns
    -------
    GradcheckReport

    Raises
    ------
    AssertionError
        If the layer breaks its contract, or x is too near a kink for the check.
    TypeError
        If the layer uses an array without an operation of ``ctx.ops``.
    NotImplementedError
        If the layer uses an operation that has no rule for second order.

    Examples
    --------
    >>> from scratchgan.nn import Linear
    >>> bool(check_layer(Linear(3, 2, "tanh"), np.ones((4, 3))))
    True
    """
    checks.instance("check_layer", "layer", layer, Layer, "a Layer")
    vocabulary = checks.flag("check_layer", "vocabulary", vocabulary)
    second_order = checks.flag("check_layer", "second_order", second_order)
    if ctx is None:
        ctx = Context(get_backend("reference"))
    report = gradcheck(layer, x, params=params, ctx=ctx, mode=mode, method=method, seed=seed)
    if not report:
        raise AssertionError(str(report))
    check_contract(layer, x, params=params, ctx=ctx, seed=seed)
    assert_adjoint(layer, x, params=params, ctx=ctx, method=method, seed=seed)
    if vocabulary:
        _check_vocabulary(layer, x, params, ctx, seed)
        if second_order:
            _check_second_order(layer, x, params, ctx, seed)
    return report


def _check_vocabulary(layer: Layer, x: Any, params: Any, ctx: Context, seed: int) -> None:
    plain = LayerAt(layer, x, params, ctx, np.random.default_rng(seed))
    opaque_ctx = replace(ctx, ops=OpaqueBackend(ctx.ops))
    opaque = LayerAt(layer, x, params, opaque_ctx, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(plain.y.shape)
    v = {name: rng.standard_normal(plain.point[name].shape) for name in plain.inputs}
    found: dict[str, tuple[Any, Any]] = {
        "y": (plain.y, opaque.y),
        "jvp": (plain.jvp(v), opaque.jvp(v)),
        "kink_margin": (plain.margin(), opaque.margin()),
    }
    gradients = opaque.backward(u)
    found.update({name: (g, gradients[name]) for name, g in plain.backward(u).items()})
    for name, (a, b) in found.items():
        if not np.allclose(a, b, rtol=1e-12, atol=1e-13):
            raise AssertionError(
                f"{layer!r}: {name} on opaque arrays differs from {name} on NumPy arrays"
            )


def _check_second_order(layer: Layer, x: Any, params: Any, ctx: Context, seed: int) -> None:
    """
    Check a penalty's gradient through the layer, which stands between two others.

    The layer before sees how backward changes as x moves. Its weight is the identity, so the
    layer itself is still at x. The unit after it makes every entry of dy move.
    """
    rng = np.random.default_rng(seed)
    params = some_params(layer, rng) if params is None else params
    layers, weights = [layer], [params]
    if not isinstance(x, tuple):
        before = Linear(x.shape[1], x.shape[1], weight=constant(np.eye(x.shape[1])))
        layers, weights = [before, layer], [before.init(rng, np.float64), params]
    width = LayerAt(layer, x, params, ctx, rng).y.shape[1]
    after = Linear(width, 1, "softplus")
    gradgradcheck(
        Sequential(*layers, after),
        x,
        _some_penalty,
        params=(*weights, some_params(after, rng)),
        ctx=ctx,
        mode="directional",
        method="complex" if isinstance(ctx.ops, ReferenceBackend) else "central",
        directions=2,
        seed=seed,
    ).raise_if_failed()


def _some_penalty(g: Any) -> tuple[Any, Any]:
    """Σ c g²/2 with another factor c for each entry of g."""
    c = 1.5 + np.cos(np.arange(g.size)).reshape(g.shape)
    return (c * g * g).sum() / 2, c * g
