"""The gradient of softmax cross-entropy is that of its value, for any logits and any labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.gradcheck import gradcheck
from tests.backends.cases import every_backend, every_dtype

REFERENCE = get_backend("reference")  # it takes complex numbers
METHODS = ("central", "complex")


@st.composite
def cases(draw):
    """Logits and labels of one shape: one-hot, weights that sum to anything, examples of none."""
    batch, classes = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = draw(st.sampled_from([0.1, 3.0, 30.0])) * rng.normal(size=(batch, classes))
    kind = draw(st.sampled_from(["one-hot", "probabilities", "weights", "some of none"]))
    if kind == "one-hot":
        return logits, np.eye(classes)[rng.integers(0, classes, batch)]
    labels = rng.random((batch, classes))
    if kind == "probabilities":
        labels /= labels.sum(axis=1, keepdims=True)
    elif kind == "some of none":
        labels[rng.random(batch) < 0.5] = 0
    return logits, labels


def loss_for(labels, wrong=lambda gradient: gradient):
    def loss(logits):
        value, gradient = REFERENCE.softmax_cross_entropy(logits, labels.astype(logits.dtype))
        return value[0], {"logits": wrong(gradient)}

    return loss


@given(cases())
def test_the_gradient_is_that_of_the_value(case):
    logits, labels = case
    for method in METHODS:
        gradcheck(loss_for(labels), {"logits": logits}, method=method).raise_if_failed()


@given(cases())
def test_the_value_is_that_of_the_formula(case):
    """−Σ y log(e^l / Σ e^l) / batch, one number after the other, by Python's floats."""
    logits, labels = case
    expected = -math.fsum(
        y * (a - math.log(math.fsum(map(math.exp, row))))
        for row, of in zip(logits.tolist(), labels.tolist(), strict=True)
        for a, y in zip(row, of, strict=True)
    ) / len(logits)
    (value,) = REFERENCE.softmax_cross_entropy(logits, labels)[0]
    assert abs(value - expected) <= 1e-12 * max(1, abs(expected))


LOGITS = np.random.default_rng(1).normal(size=(4, 3))
ONE_HOT = np.eye(3)[[0, 2, 2, 1]]
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
WRONG = {
    "a sum instead of a mean": (ONE_HOT, lambda gradient: 4 * gradient),
    "the label left out": (ONE_HOT, lambda gradient: SOFTMAX / 4),
    "its sign": (ONE_HOT, lambda gradient: -gradient),
    "weights taken to sum to 1": (2 * ONE_HOT, lambda gradient: (SOFTMAX - 2 * ONE_HOT) / 4),
    "off by 1e-5": (ONE_HOT, lambda gradient: gradient * (1 + 1e-5)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("labels", "wrong"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_is_rejected(labels, wrong, method):
    assert gradcheck(loss_for(labels), {"logits": LOGITS}, method=method).ok
    assert not gradcheck(loss_for(labels, wrong), {"logits": LOGITS}, method=method).ok


@every_backend
@every_dtype
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("label", range(4))
def test_nan_in_one_place_makes_its_example_nan(ops, dtype, place, label):
    """Wherever it stands, whichever class the label names; the other example keeps its terms."""
    logits = np.array([[0.5, -1.0, 2.0, 0.0], [1.0, 0.0, -1.0, 3.0]], dtype)
    labels = np.eye(4, dtype=dtype)[[label, 2]]
    _, right = ops.softmax_cross_entropy(ops.asarray(logits), ops.asarray(labels))
    logits[0, place] = np.nan
    value, gradient = ops.softmax_cross_entropy(ops.asarray(logits), ops.asarray(labels))
    assert np.isnan(ops.to_numpy(value)).all()
    assert np.isnan(ops.to_numpy(gradient)[0]).all()
    np.testing.assert_array_equal(ops.to_numpy(gradient)[1], ops.to_numpy(right)[1])
