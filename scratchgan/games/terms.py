"""
The terms that games are made of: a mean over a minibatch of D's scores, with its gradient.

Each takes scores (batch, 1) and returns a ``Term``, from operations of the vocabulary alone. Terms
are added and scaled like numbers: V is a sum of one term of the real scores and one of the fake.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgan.backends import Array, Backend

__all__ = [
    "Term", "add", "loss", "mean", "mean_exp", "mean_log_sigmoid", "mean_relu", "mean_square",
    "minus", "plus", "scale", "shift", "value",
]  # fmt: skip


class Term(NamedTuple):
    """A mean and its gradient by the scores."""

    value: Array  # (1,)
    slope: Array  # (batch, 1)


def mean(scores: Array, ops: Backend) -> Term:
    """Return the mean of the scores."""
    batch = scores.shape[0]
    slope = ops.empty(scores.shape, scores.dtype)
    ops.fill_(slope, 1 / batch)
    return Term(ops.scale(ops.sum_rows(scores), 1 / batch), slope)


def mean_square(scores: Array, ops: Backend) -> Term:
    """Return the mean of ½ score²."""
    batch = scores.shape[0]
    total = ops.sum_rows(ops.multiply(scores, scores))
    return Term(ops.scale(total, 0.5 / batch), ops.scale(scores, 1 / batch))


def mean_relu(scores: Array, ops: Backend) -> Term:
    """Return the mean of max(0, score), the hinge; at 0 its slope is 0."""
    kept = ops.activation(scores, "relu")
    value, each = mean(kept, ops)
    return Term(value, ops.activation_grad(each, kept, "relu"))


def mean_exp(scores: Array, sign: float, ops: Backend) -> Term:
    """Return the mean of e^(sign · score): ∞, never NaN, where it is too large."""
    return Term(*ops.exp_mean(scores, sign))


def mean_log_sigmoid(scores: Array, sign: float, ops: Backend) -> Term:
    """Return the mean of log σ(sign · score): log D for sign +1, log(1 − D) for sign −1."""
    return Term(*ops.log_sigmoid_mean(scores, sign))


def scale(term: Term, factor: float, ops: Backend) -> Term:
    """Return factor · term."""
    return Term(ops.scale(term.value, factor), ops.scale(term.slope, factor))


def add(one: Term, other: Term, ops: Backend) -> Term:
    """Return the sum of two terms of the same scores."""
    return Term(ops.add(one.value, other.value), ops.add(one.slope, other.slope))


def plus(term: Term, constant: float, ops: Backend) -> Term:
    """Return term + constant."""
    return Term(shift(term.value, constant, ops), term.slope)


def value(on_real: Term, on_fake: Term, ops: Backend) -> tuple[Array, Array, Array]:
    """Return what a game's ``d`` returns: V, the sum of the two, and both gradients."""
    return ops.add(on_real.value, on_fake.value), on_real.slope, on_fake.slope


def loss(on_fake: Term) -> tuple[Array, Array, None]:
    """Return what a game's ``g`` returns if the loss is one term of the fake scores."""
    return on_fake.value, on_fake.slope, None


def minus(a: Array, b: Array, ops: Backend) -> Array:
    """Return a − b, same shape."""
    return ops.add(a, ops.scale(b, -1.0))


def shift(a: Array, by: float, ops: Backend) -> Array:
    """Return a + by."""
    constant = ops.empty(a.shape, a.dtype)
    ops.fill_(constant, by)
    return ops.add(a, constant)
