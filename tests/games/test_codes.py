"""Codes: how they are drawn, chosen and guessed."""

import re

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.errors import ShapeError, UnknownNameError
from scratchgan.games import CategoricalCode, GaussianCode, MutualInformation, UniformCode
from scratchgan.gradcheck import gradcheck
from tests.backends.cases import every_backend

REFERENCE = get_backend("reference")
CODES = [CategoricalCode(3), UniformCode(2, -1.0, 3.0), GaussianCode(3)]
each_code = pytest.mark.parametrize("code", CODES, ids=str)


def drawn(code, ops, rows=4000, step=0, dtype=np.float64):
    return ops.to_numpy(code.sample(ops, rows, Stream(7, step), dtype))


@each_code
@every_backend
def test_a_draw_is_the_same_on_every_backend(code, ops):
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-12)):
        values = drawn(code, ops, 50, dtype=dtype)
        assert values.shape == (50, code.width)
        assert values.dtype == dtype
        assert np.abs(values - drawn(code, REFERENCE, 50, dtype=dtype)).max() <= tolerance
    assert (values != drawn(code, ops, 50, step=1)).any()


def test_all_classes_are_equally_likely():
    values = drawn(CATEGORICAL, REFERENCE)
    assert set(values.ravel()) == {0.0, 1.0}
    assert (values.sum(axis=1) == 1).all()
    assert np.abs(values.mean(axis=0) - 1 / 3).max() <= 0.03


def test_numbers_have_their_moments():
    uniform, normal = (drawn(code, REFERENCE) for code in CODES[1:])
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert np.abs(uniform.mean(axis=0) - 1).max() <= 0.08
    assert np.abs(uniform.var(axis=0) - 16 / 12).max() <= 0.1
    assert np.abs(normal.mean(axis=0)).max() <= 0.06
    assert np.abs(normal.var(axis=0) - 1).max() <= 0.1


CATEGORICAL, UNIFORM, GAUSSIAN = CODES


# -- Q --------------------------------------------------------------------------------------------


@each_code
def test_the_loss_is_minus_log_q(code, rng):
    outputs, values = rng.normal(size=(5, code.width)), drawn(code, REFERENCE, 5)
    if code is CATEGORICAL:
        log_q = (outputs * values).sum(axis=1) - np.log(np.exp(outputs).sum(axis=1))
    else:
        log_q = np.log(np.exp(-((values - outputs) ** 2) / 2) / np.sqrt(2 * np.pi)).sum(axis=1)
    loss, _ = code.loss(outputs, values, REFERENCE)
    assert loss.shape == (1,)
    assert abs(loss[0] + log_q.mean()) <= 1e-14


@each_code
@every_backend
def test_the_loss_is_the_same_on_every_backend(code, ops, rng):
    outputs, values = rng.normal(size=(33, code.width)), drawn(code, REFERENCE, 33)
    there = code.loss(ops.asarray(outputs), ops.asarray(values), ops)
    for a, b in zip(there, code.loss(outputs, values, REFERENCE), strict=True):
        assert np.abs(ops.to_numpy(a) - b).max() <= 1e-13


@each_code
@pytest.mark.parametrize("method", ["central", "complex"])
def test_gradients(code, method, rng):
    outputs, values = rng.normal(size=(5, code.width)), drawn(code, REFERENCE, 5)

    def loss(outputs, factor=1.0):
        value, gradient = code.loss(outputs, values.astype(outputs.dtype), REFERENCE)
        return value[0], {"outputs": factor * gradient}

    gradcheck(loss, {"outputs": outputs}, method=method).raise_if_failed()
    of_the_sum = gradcheck(lambda outputs: loss(outputs, 5.0), {"outputs": outputs}, method=method)
    assert not of_the_sum.ok


def test_q_of_a_class_and_of_numbers_has_a_name_for_each_output():
    assert CATEGORICAL.outputs(0) == ("code 0 class 0", "code 0 class 1", "code 0 class 2")
    assert UNIFORM.outputs(1) == ("code 1 mean 0", "code 1 mean 1")
    assert [len(code.outputs(0)) for code in CODES] == [code.width for code in CODES]


# -- chosen values --------------------------------------------------------------------------------


def test_chosen_values_stand_as_in_z():
    assert (CATEGORICAL.chosen(2, 2) == [[0, 0, 1], [0, 0, 1]]).all()
    assert (CATEGORICAL.chosen([0, 1], 2) == [[1, 0, 0], [0, 1, 0]]).all()
    assert (UNIFORM.chosen(0.5, 2) == 0.5).all()
    assert (UNIFORM.chosen([[1, 2]], 1) == [[1, 2]]).all()
    assert (UNIFORM.chosen([3, 4, 5], 3) == [[3, 3], [4, 4], [5, 5]]).all()
    assert (GaussianCode().chosen([3, 4, 5], 3) == [[3], [4], [5]]).all()
    assert (GAUSSIAN.chosen([[1, 2, 3], [4, 5, 6]], 2) == [[1, 2, 3], [4, 5, 6]]).all()


@pytest.mark.parametrize("code", CODES, ids=str)
@pytest.mark.parametrize("value", [[0, 1], [[0.5], [1.0]], "a", [None] * 3, float("nan")], ids=str)
def test_what_cannot_be_chosen(code, value):
    with pytest.raises(ValueError, match=f"a {code.name} code"):
        code.chosen(value, 3)


def test_no_such_class():
    with pytest.raises(ValueError, match=re.escape("the classes -1 … 3; expected 0 … 2")):
        CATEGORICAL.chosen([-1, 0, 3], 3)
    with pytest.raises(ShapeError, match=r"is 0.5; expected a class, or \(3,\) integers"):
        CATEGORICAL.chosen(0.5, 3)


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CategoricalCode(1), "CategoricalCode: classes is 1; expected"),
        (lambda: UniformCode(0), "UniformCode: features is 0; expected"),
        (lambda: UniformCode(1, 1.0, 1.0), "UniformCode: low 1 must be below high 1"),
        (lambda: GaussianCode(1.5), "GaussianCode: features is 1.5; expected"),
    ],
)
def test_what_is_no_code(make, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make()


def test_codes_in_a_file():
    codes = tuple(CODES)
    plain = MutualInformation(codes=codes).to_plain()["codes"]
    assert plain[0] == {"name": "categorical", "classes": 3}
    assert MutualInformation.from_plain({"codes": plain}).codes == codes
    with pytest.raises(UnknownNameError, match="'normal'.*Known: categorical, gaussian, uniform"):
        MutualInformation.from_plain({"codes": [{"name": "normal"}]})
    for wrong in ((), 7, [7], [CategoricalCode]):
        with pytest.raises(ValueError, match="MutualInformation: codes.* expected a .*code"):
            MutualInformation(codes=wrong)
