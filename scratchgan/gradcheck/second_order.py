"""
Check second order: the gradient, by the parameters, of a penalty on the gradient by the input.

The function is f(θ) = ⟨u, y⟩ + P(g), where u is random, and g = ∇ₓ Σ (first output) comes from
the layer's own backward. Its derivative by θ is measured as for ``gradcheck``: f is evaluated at
other θ, by central differences or with a complex step. No second derivative takes part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends.activations import phi_of
from scratchgan.backends.dual import Tape
from scratchgan.errors import ShapeError
from scratchgan.gradcheck.differences import LEAST_STEP, Measurement, check
from scratchgan.gradcheck.problem import Arrays, LayerAt, Problem, dot
from scratchgan.gradcheck.report import GradcheckReport
from scratchgan.nn import Context, Layer
from scratchgan.nn.second_order import first_output, forward_taped
from scratchgan.nn.trees import leaves, rebuilt

__all__ = ["gradgradcheck"]

Penalty: TypeAlias = Callable[[NDArray[Any]], tuple[Any, Any]]
"""g (batch, features) → (P, ∂P/∂g)."""

_LINEAR_NOTE = (
    "not checked: all activations are piecewise linear, so φ″ = 0. A gradient that leaves out φ″\n"
    "would pass; check the same layers with tanh, sigmoid or softplus too."
)


def gradgradcheck(
    layer: Layer,
    x: Any,
    penalty: Penalty,
    *,
    gradients: Callable[..., Any] | None = None,
    params: Any = None,
    ctx: Context | None = None,
    mode: str = "full",
    method: str = "central",
    rtol: float | None = None,
    step: float | None = None,
    directions: int = 4,
    seed: int = 0,
) -> GradcheckReport:
    """
    Compare the gradient of a penalty on ∇ₓD with derivatives that are measured.

    Parameters
    ----------
    layer : Layer
        D: any tree of layers. The penalised gradient is that of the first output.
    x : array (batch, in_features), float64, or a pair (sample, label)
        In a pair, the penalised gradient is that by the sample.
    penalty : function
        ``penalty(g)`` returns (P, ∂P/∂g) for g (batch, features): a number, and an array like g.
        With ``method="complex"`` it must accept complex numbers: write g * g, not abs(g)**2.
    gradients : function, optional
        Your own second order to be checked instead of ours: ``gradients(params, x, u, penalty,
        ctx)`` returns the gradient of ⟨u, y⟩ + P by the parameters, a tree like ``params``.
        ``u`` is (batch, outputs).
    params, ctx, mode, method, rtol, step, directions, seed
        As for ``gradcheck``. ``"directional"`` suits large networks.

    Returns
    -------
    GradcheckReport
        It has the tensor ``∂P/∂g``, which is the penalty's own derivative, and each parameter
        that is no statistic. If ``∂P/∂g`` failed, the penalty is wrong; otherwise the passes
        through the layers are.

    Raises
    ------
    ShapeError
        If an array is not float64 or has a wrong shape.
    TypeError
        If the penalty does not return (value, gradient), or refuses complex numbers with
        ``method="complex"``.
    NotImplementedError
        If a layer uses an operation without a rule for second order.

    Examples
    --------
    R1, γ/2 · mean ‖g‖². In the second penalty, the factor 2 of (g²)′ = 2 g is forgotten:

    >>> from scratchgan.nn import Linear, Sequential
    >>> D = Sequential(Linear(3, 4, "tanh"), Linear(4, 1))
    >>> x = np.random.default_rng(0).normal(size=(5, 3))
    >>> def r1(g, gamma=0.1):
    ...     return gamma / 2 * (g * g).sum(axis=1).mean(), gamma / len(g) * g
    >>> bool(gradgradcheck(D, x, r1))
    True
    >>> def forgotten(g):
    ...     return r1(g)[0], r1(g)[1] / 2
    >>> [(t.name, t.status) for t in gradgradcheck(D, x, forgotten).tensors][:2]
    [('∂P/∂g', 'FAILED'), ('0.weight', 'FAILED')]
    """
    who = "gradgradcheck"
    checks.instance(who, "layer", layer, Layer, "a Layer")
    checks.function(who, "penalty", penalty, "a function, penalty(g) -> (P, its gradient by g)")
    checks.one_of("mode", mode, ["full", "directional"])
    checks.one_of("method", method, ["central", "complex"])
    directions = checks.whole(who, "directions", directions, 1)
    step = None if step is None else checks.number(who, "step", step, LEAST_STEP)
    rtol = None if rtol is None else checks.number(who, "rtol", rtol, 0)
    rng = np.random.default_rng(checks.seed(who, "seed", seed))
    at = _PenalisedAt(layer, x, penalty, params, ctx, rng)
    how = Measurement(mode, method, rtol, step, directions)
    slope = check(at.slope_problem(), how, rng)
    passes = check(at.problem(gradients or at.second_order), how, rng) if at.weights else slope
    tensors = slope.tensors + (passes.tensors if at.weights else ())
    notes = (_LINEAR_NOTE,) if at.only_piecewise_linear() else ()
    title = f"a penalty on ∇ₓ of {layer!r}"
    return replace(passes, title=title, tensors=tensors, who=who, notes=notes)


class _PenalisedAt:
    """A layer at a point, with the function f(θ) = ⟨u, y⟩ + P(g)."""

    def __init__(
        self,
        layer: Layer,
        x: Any,
        penalty: Penalty,
        params: Any,
        ctx: Context | None,
        rng: np.random.Generator,
    ) -> None:
        self.at = LayerAt(layer, x, params, ctx, rng)
        self.ops = self.at.ctx.ops
        self.penalty = penalty
        self.params = [name for name in self.at.point if name not in self.at.inputs]
        self.weights = [name for name in self.params if name not in layer.statistics]
        self.u = rng.standard_normal(self.at.y.shape)
        _, self.g = self._passes(self.at.point)
        self.p, self.v = self._penalised(self.g)

    def slope_problem(self) -> Problem:
        """Return P as a function of g, with the ∂P/∂g that the penalty claims."""
        name = "∂P/∂g"
        value = lambda arrays: self._penalised(arrays[name])[0]  # noqa: E731
        return Problem("the penalty", {name: self.g}, value, {name: self.v}, abs(self.p))

    def problem(self, gradients: Callable[..., Any]) -> Problem:
        """Return f as a function of the parameters, with the gradients that are claimed."""
        params, x, _ = self.at.forward(self.at.point)
        u = self.ops.asarray(self.u.copy())
        claimed = gradients(params, x, u, self.penalty, self.at.ctx)
        all_claimed = dict(zip(self.params, map(self.at.on_host, leaves(claimed)), strict=True))
        named = {name: all_claimed[name] for name in self.weights}
        return Problem(
            repr(self.at.layer),
            {name: self.at.point[name] for name in self.weights},
            self._value,
            self.at.checked("second order", named),
            dot(abs(self.u), abs(self.at.y)) + abs(self.p),
            self.at.margin(),
        )

    def second_order(self, params: Any, x: Any, u: Any, penalty: Penalty, ctx: Context) -> Any:
        """Return our gradient of ⟨u, y⟩ + P by the parameters."""
        grads = rebuilt(params, (self.ops.zeros(a.shape, a.dtype) for a in leaves(params)))
        _, passed = forward_taped(self.at.layer, params, x, ctx)
        _, v = self._penalised(self.at.on_host(passed.input_gradient()))
        passed.backward(u, self.ops.asarray(v), grads)
        return grads

    def only_piecewise_linear(self) -> bool:
        """Whether there are activations, and φ″ = 0 for all of them."""
        tape = Tape(self.ops)
        params, x, _ = self.at.forward(self.at.point)
        self.at.layer.forward(params, x, replace(self.at.ctx, ops=tape))
        used = {given.get("activation", "identity") for given in tape.calls()} - {"identity"}
        return bool(used) and all(phi_of(name).linear for name in used)

    def _value(self, arrays: Arrays) -> Any:
        y, g = self._passes({**self.at.point, **arrays})
        return dot(self.u, y) + self._penalised(g)[0]

    def _passes(self, arrays: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return y and g, by one forward and one backward."""
        params, _, (y, cache) = self.at.forward(arrays)
        one = first_output(y, self.at.ctx)
        dx = self.at.layer.backward(params, cache, one, self.at.ctx)
        return self.at.on_host(y), self.at.on_host(next(leaves(dx)))

    def _penalised(self, g: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
        """Return P as a number, and ∂P/∂g."""
        answer = self.penalty(g)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError(
                f"gradgradcheck: the penalty returned {checks.shown(answer)}; expected a pair,"
                " (P, ∂P/∂g)"
            )
        p, v = np.asarray(answer[0]), np.asarray(answer[1])
        if p.size != 1 or v.shape != g.shape:
            raise ShapeError(
                f"gradgradcheck: the penalty returned a value of shape {p.shape} and a gradient of"
                f" shape {v.shape}; expected one number and {g.shape}"
            )
        return p.item(), v
