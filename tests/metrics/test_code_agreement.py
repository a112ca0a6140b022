"""Codes matched with classes: the best matching, and the measures that rest on it."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scratchgan.metrics.code_agreement import best_matching, code_agreement

COUNTS = arrays(int, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.integers(0, 4))


def total(counts, matching):
    return sum(counts[row, column] for row, column in enumerate(matching) if column is not None)


@given(COUNTS)
def test_no_other_matching_is_better(counts):
    rows, columns = counts.shape
    matching = best_matching(counts)
    used = [column for column in matching if column is not None]
    assert len(matching) == rows
    assert len(used) == len(set(used)) == min(rows, columns)
    wide = counts if rows <= columns else counts.T
    every = itertools.permutations(range(wide.shape[1]), wide.shape[0])
    assert total(counts, matching) == max(total(wide, each) for each in every)


def one_hot(classes, n=3):
    return np.eye(n)[np.asarray(classes)]


def test_codes_that_are_classes_by_other_names():
    codes = np.arange(30) % 3
    names = np.array([2, 0, 1])
    found = code_agreement(one_hot(names[codes]), codes)
    assert found.matching == (2, 0, 1)
    assert found.share == 1
    assert found.error == 0
    assert abs(found.information - np.log(3)) <= 1e-14
    assert found.counts == ((0, 0, 10), (10, 0, 0), (0, 10, 0))
    assert str(found) == "100.0 ± 0.0 %"


def test_codes_that_say_nothing():
    codes, classes = np.divmod(np.arange(900) % 9, 3)
    found = code_agreement(one_hot(classes), codes)
    assert abs(found.share - 1 / 3) <= 1e-14
    assert abs(found.information) <= 1e-14
    collapsed = code_agreement(one_hot([1] * 9), np.arange(9) % 3)
    assert abs(collapsed.share - 1 / 3) <= 1e-14
    assert abs(collapsed.information) <= 1e-14


def test_a_class_of_two_codes_counts_once():
    """As InfoGAN often ends: two codes make one digit, and another digit has no code."""
    found = code_agreement(one_hot([0, 0, 0, 0, 2, 2]), np.array([0, 0, 1, 1, 2, 2]))
    assert abs(found.share - 4 / 6) <= 1e-14
    assert sorted(found.matching) == [0, 1, 2]
    assert abs(found.information - (np.log(3) - 2 / 3 * np.log(2))) <= 1e-14


def test_more_codes_than_classes_and_fewer():
    more = code_agreement(one_hot([0, 1, 2, 1]), np.array([0, 1, 2, 3]))
    assert more.matching.count(None) == 1
    assert more.share == 3 / 4
    fewer = code_agreement(one_hot([0, 2]), np.array([0, 1]))
    assert fewer.matching == (0, 2)
    assert code_agreement(one_hot([0, 2]), np.array([0, 1]), n_codes=5).matching[:2] == (0, 2)


def test_its_error(rng):
    codes = np.repeat([0, 1], 50)
    classes = np.where(rng.random(100) < 0.2, 1 - codes, codes)
    found = code_agreement(one_hot(classes, 2), codes)
    assert abs(found.error - np.sqrt(found.share * (1 - found.share) / 100)) <= 1e-14


def test_nan_is_no_class():
    p = one_hot([0, 1, 2])
    p[0] = np.nan
    found = code_agreement(p, np.arange(3))
    assert np.isnan(found.share)
    assert np.isnan(found.information)


@pytest.mark.parametrize(
    ("codes", "n_codes", "said"),
    [
        ([0, 1], None, "codes have shape (2,) and are int64; expected (3,) integers"),
        ([0.0, 1.0, 2.0], None, "codes have shape (3,) and are float64; expected (3,) integers"),
        ([0, 1, -1], None, "codes are from -1 to 1; expected 0 … 1"),
        ([0, 1, 2], 2, "codes are from 0 to 2; expected 0 … 1"),
        ([0, 1, 2], 0, "n_codes is 0; expected"),
    ],
)
def test_wrong_arguments(codes, n_codes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        code_agreement(one_hot([0, 1, 2]), np.array(codes), n_codes)
