"""
Dual numbers: arrays of (value, tangent) over any backend, and the rules to compute with them.

A dual array stands for value + ε · tangent, with ε² = 0. Each operation f has a rule: the result's
value is f of the values, and its tangent is the derivative of f along the tangents. So
``forward`` and ``backward`` of a layer, run unchanged on dual arrays, also compute their own
derivative along a direction. ``scratchgan.nn.second_order`` gets the derivative of a gradient so.

- ``Tape`` runs operations on a backend and keeps their results.
- ``DualBackend`` runs operations on dual arrays over a tape. It takes from the tape the values that
  were computed already. Other values are computed when they are needed, and many never are.
- ``RULES`` has the rules. An operation without a rule raises if it gets a dual array, because the
  tangent would be lost.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from scratchgan.backends.activations import phi_of
from scratchgan.backends.vocabulary import OPERATIONS, Array, Backend

__all__ = ["RULES", "Dual", "DualBackend", "GradientTangent", "Tape"]

Given: TypeAlias = dict[str, Any]
"""The arguments of an operation by name; those that are not given are absent."""

Rule: TypeAlias = Callable[["DualBackend", Given], Any]
"""(dual backend, arguments) → result, for at least one dual argument."""

# -- arrays ---------------------------------------------------------------------------------------


class Dual:
    """
    An array value + ε · tangent.

    Parameters
    ----------
    value, tangent : Array, or a function that returns it
        A function is called once, when the array is needed.
    factors : Array, (batch, 1), optional
        Given if the tangent is known to be the value with each example i multiplied by its own
        factor. The cotangents of a piecewise linear D with one output are of this kind: in every
        layer, δ̇ᵢ = dyᵢ δᵢ. Then products with δ̇ are not needed.
    """

    def __init__(self, value: Any, tangent: Any, factors: Array | None = None) -> None:
        self._value, self._tangent, self.factors = value, tangent, factors

    @property
    def value(self) -> Array:
        """The value, an array of the backend below."""
        if callable(self._value):
            self._value = self._value()
        return self._value

    @property
    def tangent(self) -> Array:
        """The tangent, an array of the backend below."""
        if callable(self._tangent):
            self._tangent = self._tangent()
        return self._tangent

    def __getattr__(self, name: str) -> Any:
        return _offered(self, name, self.value if callable(self._tangent) else self._tangent)


def _offered(array: Any, name: str, part: Array) -> Any:
    """Return what every array offers, from a part of this one."""
    if name in ("shape", "dtype", "ndim", "size"):
        return getattr(part, name)
    raise AttributeError(f"{type(array).__name__} has no {name}: use a named operation of ctx.ops")


class GradientTangent(Dual):
    """A parameter's gradient of which only the tangent is wanted: ``tangent`` is added to."""

    def __init__(self, tangent: Array) -> None:
        super().__init__(_unwanted, tangent)


class Buffer:
    """An array that the pass allocates. To write to it is to replace the array that it holds."""

    def __init__(self, holds: Any) -> None:
        self.holds = holds

    def __getattr__(self, name: str) -> Any:
        return _offered(self, name, self.holds)


def _unwanted() -> Array:
    raise NotImplementedError(
        "second order computes only the tangent of a parameter's gradient; backward may add to"
        " grads, but it cannot compute with the values in grads"
    )


def value(a: Any) -> Any:
    """Return the value of a dual array; anything else is constant and its own value."""
    return a.value if isinstance(a, Dual) else a


# -- backends -------------------------------------------------------------------------------------

SIGNATURES = {name: inspect.signature(getattr(Backend, name)) for name in OPERATIONS}
AS_DEFINED = ("zeros", "activation_grad_bias")  # composed of operations that have rules


def _by_name(name: str) -> Callable[..., Any]:
    """Return the operation as a method that calls ``run`` with its arguments by name."""

    def operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = SIGNATURES[name].bind(self, *args, **kwargs).arguments
        del given["self"]
        return self.run(name, given)

    return operation


_ByName: Any = type(
    "_ByName",
    (Backend,),
    {name: _by_name(name) for name in OPERATIONS if name not in AS_DEFINED},
)


class Tape(_ByName):  # type: ignore[misc]  # made of the vocabulary as it is
    """
    Runs each operation on a backend and keeps the result.

    Parameters
    ----------
    below : Backend

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> tape, x = Tape(get_backend("reference")), np.ones((1, 2))
    >>> y = tape.add(x, x)
    >>> tape.recall("add", {"a": x, "b": x}) is y
    True
    """

    name = "tape"

    def __init__(self, below: Backend) -> None:
        self.below, self.looks = below, below.looks
        self._kept: dict[Any, tuple[Given, Any]] = {}

    def run(self, name: str, given: Given) -> Any:
        """Run an operation and keep its result."""
        if name == "activation_grad" and given["activation"] == "identity":
            return given["dy"]  # no copy: φ′ = 1
        result = getattr(self.below, name)(**given)
        self._kept[_key(name, given)] = (
            given,
            result,
        )  # as long as arrays are kept, so are their ids
        return result

    def recall(self, name: str, given: Given) -> Any:
        """Return what ``run`` returned for the same arrays, or else compute it now."""
        _, result = self._kept.get(_key(name, given), (None, None))
        return getattr(self.below, name)(**given) if result is None else result

    def calls(self) -> Iterator[Given]:
        """Yield the arguments of each operation that was run."""
        return (given for given, _ in self._kept.values())


def _key(name: str, given: Given) -> Any:
    return name, *((n, id(a) if hasattr(a, "shape") else a) for n, a in given.items())


class DualBackend(_ByName):  # type: ignore[misc]
    """
    Runs operations on dual arrays, by ``RULES``; arrays of the backend below are constants.

    Results are dual arrays, or arrays of the backend below if no argument has a tangent. An
    array that the pass itself allocates (``empty``, ``zeros``) may become dual.

    Parameters
    ----------
    tape : Tape
        Holds what the same passes computed on plain arrays.

    Examples
    --------
    The derivative of a ⊙ a along (1, 0) is 2 a ⊙ (1, 0):

    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> ops = DualBackend(Tape(get_backend("reference")))
    >>> a = Dual(np.array([3.0, 5.0]), np.array([1.0, 0.0]))
    >>> y = ops.multiply(a, a)
    >>> y.value.tolist(), y.tangent.tolist()
    ([9.0, 25.0], [6.0, 0.0])
    """

    name = "dual"

    def __init__(self, tape: Tape) -> None:
        self.tape, self.below, self.looks = tape, tape.below, tape.looks

    def run(self, name: str, given: Given) -> Any:
        """Run an operation by its rule; without a dual argument, on the backend below."""
        written = "a" if name.endswith("_") else "out"
        given = {
            n: a.holds if isinstance(a, Buffer) and n != written else a for n, a in given.items()
        }
        if not any(isinstance(a, (Dual, Buffer)) for a in given.values()):
            return self.tape.recall(name, given)
        if name not in RULES:
            raise NotImplementedError(
                f"{name} has no rule for its derivative, so a penalty on D's gradient cannot pass"
                f" through it; write the layer with other operations ({', '.join(RULES)}), or add"
                " a rule to scratchgan/backends/dual.py"
            )
        return RULES[name](self, given)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        return Buffer(self.below.empty(shape, dtype))

    # -- what the rules share -------------------------------------------------------------------

    def recalled(self, name: str, given: Given) -> Any:
        """Return the value of an operation's result."""
        return self.tape.recall(name, {n: value(a) for n, a in given.items()})

    def result(self, name: str, given: Given, tangent: Array | None) -> Any:
        """Return an operation's result with this tangent; None is zero."""
        if tangent is None:
            return self.recalled(name, given)
        return Dual(lambda: self.recalled(name, given), tangent)

    def row_scaled(self, value: Any, factors: Array) -> Dual:
        """Return a dual array whose tangent is its value with each row times its factor."""
        scaled: Dual = Dual(value, lambda: self.below.scale_rows(scaled.value, factors), factors)
        return scaled

    def plus(self, a: Array | None, b: Array | None) -> Array | None:
        """Add two tangents; None is zero."""
        if a is None or b is None:
            return b if a is None else a
        return self.below.add(a, b)

    def write(self, out: Any, result: Any) -> None:
        """Let the array ``out`` be ``result``, which may be dual."""
        if isinstance(out, GradientTangent):
            if not isinstance(result, Dual):
                self.below.fill_(out.tangent, 0.0)
            elif result.tangent is not out.tangent:
                self.below.copy_(out.tangent, result.tangent)
        elif isinstance(out, Buffer):
            out.holds = result
        else:
            raise NotImplementedError(
                "an array with a tangent is written to an array from outside the pass, and its"
                " tangent would be lost; write to an array of ops.empty or ops.zeros"
            )


# -- rules ----------------------------------------------------------------------------------------

RULES: dict[str, Rule] = {}
"""The rule of each operation that can have dual arguments."""

# Operations that are linear in each of these arguments, such as products.
LINEAR_IN_EACH = {
    "gemm": ("a", "b"),
    "multiply": ("a", "b"),
    "dot_rows": ("a", "b"),
    "scale_rows": ("x", "factors"),
    "scale": ("a",),
    "sum_rows": ("a",),
    "dropout": ("x",),
    "columns": ("a",),
    "reshape": ("a",),
    "maxout_pick": ("da",),
    "maxout_spread": ("dy",),
    "multiply_row": ("x", "row"),
}

# Operations that are linear in these arguments together, such as sums.
LINEAR_TOGETHER = {
    "add": ("a", "b"), "add_row": ("x", "row"), "concat_columns": ("a", "b"),
    "concat_rows": ("a", "b"),
}  # fmt: skip

MIXING = ("gemm", "sum_rows", "reshape")  # a row of their result is not a row of the argument
ADDING = ("gemm", "sum_rows")  # these can add to an array ``out``


def linear_in_each(name: str, moving: tuple[str, ...]) -> Rule:
    """Return the product rule: the tangent of f(a, b) is f(ȧ, b) + f(a, ḃ)."""

    def rule(ops: DualBackend, given: Given) -> Any:
        movers = [a for a in moving if isinstance(given[a], Dual)]
        if len(movers) == 1 and given[movers[0]].factors is not None:
            each_row = name not in MIXING or (
                name == "gemm" and movers == ["a"] and not given.get("trans_a")
            )
            if each_row and given.get("out") is None:
                factors = given[movers[0]].factors
                return ops.row_scaled(lambda: ops.recalled(name, given), factors)
        given = dict(given)
        out, adds = given.pop("out", None), given.pop("accumulate", False)
        total = out.tangent if isinstance(out, GradientTangent) else None
        if total is not None and not adds:
            ops.below.fill_(total, 0.0)
        for a in movers:
            term = {n: b.tangent if n == a else value(b) for n, b in given.items()}
            if total is not None and name in ADDING:
                getattr(ops.below, name)(**term, out=total, accumulate=True)
            else:
                total = ops.plus(total, getattr(ops.below, name)(**term))
        if isinstance(out, GradientTangent):
            return out
        result = ops.result(name, given, total)
        if out is None:
            return result
        ops.write(out, ops.add(out, result) if adds else result)
        return out

    return rule


def linear_together(name: str, moving: tuple[str, ...]) -> Rule:
    """Return the rule of a sum: the tangent of f(a, b) is f(ȧ, ḃ)."""

    def rule(ops: DualBackend, given: Given) -> Any:
        if name == "add" and not all(isinstance(given[a], Dual) for a in moving):
            (moved,) = (given[a].tangent for a in moving if isinstance(given[a], Dual))
            return ops.result(name, given, moved)
        tangents = {
            a: given[a].tangent
            if isinstance(given[a], Dual)
            else ops.below.zeros(given[a].shape, given[a].dtype)
            for a in moving
        }
        return ops.result(name, given, getattr(ops.below, name)(**given | tangents))

    return rule


def by_hand(rule: Rule) -> Rule:
    """Enter a rule into the table under its own name."""
    RULES[rule.__name__] = rule
    return rule


RULES |= {name: linear_in_each(name, moving) for name, moving in LINEAR_IN_EACH.items()}
RULES |= {name: linear_together(name, moving) for name, moving in LINEAR_TOGETHER.items()}
product = RULES["gemm"]
total = RULES["sum_rows"]


@by_hand
def gemm(ops: DualBackend, given: Given) -> Any:
    """
    The product rule, ȧ · b + a · ḃ.

    aᵀ · b with ḃ = s ⊙ b sums over the examples, so aᵀ · ḃ = (s ⊙ a)ᵀ · b, and one product is
    enough: (ȧ + s ⊙ a)ᵀ · b.
    """
    a, b = given["a"], given["b"]
    over_the_batch = given.get("trans_a") and not given.get("trans_b")
    if over_the_batch and isinstance(b, Dual) and b.factors is not None:
        moved = ops.below.scale_rows(value(a), b.factors)
        moved = ops.plus(moved, a.tangent if isinstance(a, Dual) else None)
        given = given | {"a": Dual(value(a), moved), "b": b.value}
    return product(ops, given)


@by_hand
def sum_rows(ops: DualBackend, given: Given) -> Any:
    """The sum of the tangent. Where it is s ⊙ a, it is a product: sᵀ · a."""
    a, out = given["a"], given.get("out")
    if isinstance(a, Dual) and a.factors is not None and isinstance(out, GradientTangent):
        row = ops.below.view(out.tangent, 0, (1, a.shape[1]))
        adds = given.get("accumulate", False)
        ops.below.gemm(a.factors, a.value, trans_a=True, out=row, accumulate=adds)
        return out
    return total(ops, given)


@by_hand
def linear(ops: DualBackend, given: Given) -> Any:
    """ẏ = φ′(a) ⊙ (ẋ · W): W and b do not move. If they do, by the rules of the parts."""
    activation, slope = given.get("activation", "identity"), given.get("slope", 0.0)
    if isinstance(given["weight"], Dual) or isinstance(given["bias"], Dual):
        a = ops.add_row(ops.gemm(given["x"], given["weight"]), given["bias"])
        return ops.activation(a, activation, slope)

    def moved() -> Array:
        a_dot = ops.below.gemm(given["x"].tangent, given["weight"])
        if activation == "identity":
            return a_dot
        return ops.below.activation_grad(a_dot, ops.recalled("linear", given), activation, slope)

    return Dual(lambda: ops.recalled("linear", given), moved)


@by_hand
def activation(ops: DualBackend, given: Given) -> Any:
    """ẏ = φ′(a) ⊙ ȧ, with φ′ computed from y."""
    y, rest = ops.recalled("activation", given), {n: b for n, b in given.items() if n != "a"}
    return Dual(y, ops.below.activation_grad(given["a"].tangent, y, **rest))


@by_hand
def activation_grad(ops: DualBackend, given: Given) -> Any:
    """The tangent of dy ⊙ φ′ is dẏ ⊙ φ′ + dy ⊙ dφ′/dy ⊙ ẏ; the second term is φ″'s."""
    dy, y, name = given["dy"], given["y"], given["activation"]
    if name == "identity":
        return dy
    bends = isinstance(y, Dual) and not phi_of(name).linear
    if isinstance(dy, Dual) and dy.factors is not None and not bends:
        return ops.row_scaled(lambda: ops.recalled("activation_grad", given), dy.factors)
    total = None
    if isinstance(dy, Dual):
        total = ops.below.activation_grad(**given | {"dy": dy.tangent, "y": value(y)})
    if bends:
        moved = given | {"dy": value(dy), "y": y.value, "y_dot": y.tangent}
        total = ops.plus(total, ops.below.activation_bend(**moved))
    return ops.result("activation_grad", given, total)


@by_hand
def maxout(ops: DualBackend, given: Given) -> Any:
    """The same piece stays the largest, so ẏ is that piece of ȧ."""
    y, index = ops.recalled("maxout", given)
    return Dual(y, ops.below.maxout_pick(given["a"].tangent, index, given["pieces"])), index


@by_hand
def fill_(ops: DualBackend, given: Given) -> None:
    """A constant has no tangent."""
    filled = ops.below.empty(given["a"].shape, given["a"].dtype)
    ops.below.fill_(filled, given["value"])
    ops.write(given["a"], filled)


@by_hand
def copy_(ops: DualBackend, given: Given) -> None:
    """A copy has the value and the tangent."""
    ops.write(given["a"], given["b"])


# -- of normalisation, and of what compares examples ----------------------------------------------


@by_hand
def reshape(ops: DualBackend, given: Given) -> Dual:
    """The tangent has the new shape too."""
    return Dual(lambda: ops.recalled("reshape", given), _moved(ops, "reshape", given, "a"))


@by_hand
def view(ops: DualBackend, given: Given) -> Dual:
    """The same part of the tangent."""
    return Dual(lambda: ops.recalled("view", given), _moved(ops, "view", given, "buffer"))


@by_hand
def scale_by(ops: DualBackend, given: Given) -> Any:
    """The product rule."""
    terms = [_moved(ops, "scale_by", given, a) for a in ("a", "factor") if _moves(given[a])]
    return ops.result("scale_by", given, functools.reduce(ops.below.add, terms))


@by_hand
def reciprocal_root(ops: DualBackend, given: Given) -> Dual:
    """ẏ = −½ y³ ȧ."""
    y = ops.recalled("reciprocal_root", given)
    cube = ops.below.multiply(ops.below.multiply(y, y), y)
    return Dual(y, ops.below.scale(ops.below.multiply(cube, given["a"].tangent), -0.5))


@by_hand
def normalize(ops: DualBackend, given: Given) -> tuple[Dual, Dual, Dual]:
    """ẏ is its gradient's map of ẋ; the mean moves by ⟨ẋ⟩, the variance by 2 ⟨(x − mean) ⊙ ẋ⟩."""
    below, over, eps = ops.below, given["over"], given["eps"]
    y, mean, variance = ops.recalled("normalize", given)
    x_dot = given["x"].tangent
    y_dot = below.normalize_grad(x_dot, y, variance, over, eps)
    inverse = below.reciprocal_root(variance, eps)  # 1 / s, and x − mean = s y
    s = below.add(below.multiply(inverse, variance), below.scale(inverse, eps))
    kappa = _mean(below, below.multiply(y, x_dot), over)
    variance_dot = below.scale(below.multiply(s, kappa), 2.0)
    return Dual(y, y_dot), Dual(mean, _mean(below, x_dot, over)), Dual(variance, variance_dot)


@by_hand
def normalize_grad(ops: DualBackend, given: Given) -> Any:
    """
    The tangent of dx = ρ (dy − ⟨dy⟩ − y ⟨y ⊙ dy⟩), ρ = 1 / √(variance + eps).

    dx's map of dẏ, and −ρ (ẏ ⟨y ⊙ dy⟩ + y ⟨ẏ ⊙ dy⟩), and ρ̇/ρ · dx with ρ̇/ρ = −½ ρ² · the
    variance's tangent.
    """
    below, over, eps = ops.below, given["over"], given["eps"]
    dy, y, variance = (value(given[a]) for a in ("dy", "y", "variance"))
    inverse, moved = below.reciprocal_root(variance, eps), None
    if _moves(given["dy"]):
        moved = below.normalize_grad(given["dy"].tangent, y, variance, over, eps)
    if _moves(given["y"]):
        y_dot = given["y"].tangent
        first = _times(below, y_dot, _mean(below, below.multiply(y, dy), over), over)
        second = _times(below, y, _mean(below, below.multiply(y_dot, dy), over), over)
        bend = _times(below, below.add(first, second), below.scale(inverse, -1.0), over)
        moved = ops.plus(moved, bend)
    if _moves(given["variance"]):
        rate = below.multiply(below.multiply(inverse, inverse), given["variance"].tangent)
        dx = ops.recalled("normalize_grad", given)
        moved = ops.plus(moved, _times(below, dx, below.scale(rate, -0.5), over))
    return ops.result("normalize_grad", given, moved)


@by_hand
def closeness(ops: DualBackend, given: Given) -> Any:
    """The operation's own forward derivative along ṁ."""
    _require_no_direction("closeness", given)
    m, dims = given["m"], given["dims"]
    return ops.result("closeness", given, ops.below.closeness(m.value, dims, m.tangent))


@by_hand
def closeness_grad(ops: DualBackend, given: Given) -> Any:
    """It is linear in do; along ṁ, the operation has its own derivative."""
    _require_no_direction("closeness_grad", given)
    do, m, dims, moved = given["do"], given["m"], given["dims"], None
    if _moves(do):
        moved = ops.below.closeness_grad(do.tangent, value(m), dims)
    if _moves(m):
        along = ops.below.closeness_grad(value(do), m.value, dims, m.tangent)
        moved = ops.plus(moved, along)
    return ops.result("closeness_grad", given, moved)


def _moves(a: Any) -> bool:
    """Whether an argument has a tangent."""
    return isinstance(a, Dual)


def _moved(ops: DualBackend, name: str, given: Given, mover: str) -> Array:
    """Return an operation that is linear in one argument, at that argument's tangent."""
    term = {n: a.tangent if n == mover else value(a) for n, a in given.items()}
    return getattr(ops.below, name)(**term)


def _mean(below: Backend, a: Array, over: str) -> Array:
    """Return the mean of each column over the batch, or of each row over the features."""
    if over == "batch":
        return below.scale(below.sum_rows(a), 1 / a.shape[0])
    one = below.empty((a.shape[1], 1), a.dtype)
    below.fill_(one, 1 / a.shape[1])
    return below.reshape(below.gemm(a, one), (a.shape[0],))


def _times(below: Backend, a: Array, factors: Array, over: str) -> Array:
    """Multiply each column by its factor, or each row (``over`` the features)."""
    if over == "batch":
        return below.multiply_row(a, factors)
    return below.scale_rows(a, below.reshape(factors, (a.shape[0], 1)))


def _require_no_direction(name: str, given: Given) -> None:
    if given.get("dm") is not None:
        raise NotImplementedError(f"{name} along a direction has no rule for its derivative")
