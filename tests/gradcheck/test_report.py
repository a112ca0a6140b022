"""The report, as a learner reads it."""

import numpy as np
import pytest

from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Linear, ReLU


def slip(x, w):
    """A sign slip in dw, a kink in x."""
    y = np.maximum(x, 0) * w
    return y.sum(), {"x": (x > 0) * w, "w": -np.maximum(x, 0)}


POINT = {"x": np.array([[0.0, 1.0]]), "w": np.array([[2.0, 4.0]])}


def test_the_report_names_tensor_place_and_numbers():
    text = str(gradcheck(slip, POINT))
    title, header, x, w, *note = text.splitlines()
    assert title == "gradcheck of slip: FAILED (central differences, full)"
    columns = ["tensor", "shape", "status", "worst", "analytic", "numeric", "error", "tolerance"]
    assert header.split() == [*columns, "step"]
    assert x.split()[:8] == ["x", "(1,", "2)", "inconclusive", "1/2", "[0,", "0]", "0"]
    assert w.split()[:9] == ["w", "(1,", "2)", "FAILED", "1/2", "[0,", "1]", "-1", "1"]
    assert w.split()[9:] == ["2.0e+00", "1.0e-09", "4.9e-04"]
    assert note[0].startswith("inconclusive: a kink or a tie lies within the step")
    assert "method='complex'" in note[1]


def test_columns_stand_under_each_other():
    _, header, *rows = str(gradcheck(Linear(3, 2), np.ones((4, 3)))).splitlines()
    for row in rows:
        for heading in ("shape", "status", "worst"):
            at = header.index(heading)
            assert row[at - 1] == " " != row[at]


def test_raise_if_failed_raises_the_report():
    report = gradcheck(slip, POINT)
    with pytest.raises(AssertionError) as raised:
        report.raise_if_failed()
    assert str(raised.value) == str(report)


def test_a_report_without_kinks_has_no_note_about_them():
    report = gradcheck(ReLU(), np.array([[1.0, -2.0]]))
    assert len(str(report).splitlines()) == 3
    assert str(report).startswith("gradcheck of ReLU(): ok (central differences, full)")
    assert "complex step, directional" in str(
        gradcheck(ReLU(), np.array([[1.0]]), method="complex", mode="directional")
    )
