"""What compiled backends share: results in arrays that are read too, and what has no kernel."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.cpu import elementwise
from scratchgan.backends.cpu.backend import CpuBackend, in_numpy
from scratchgan.backends.program import Program, Recorder
from scratchgan.backends.recording import without_kernel
from scratchgan.backends.vocabulary import COMPOSED, OPERATIONS, Backend, definition, hook
from scratchgan.errors import NotRecordableError

ops = get_backend("cpu")


class Slow(CpuBackend):
    """Without the kernel of ``multiply``."""

    _multiply = Backend._multiply


def test_what_has_no_kernel_is_computed_in_numpy_and_said_by_name():
    slow = without_kernel(in_numpy)(Slow)()
    x = np.arange(1.0, 4)
    recorder = Recorder({"x": x})
    with slow.recording(recorder):
        y = slow.multiply(x, slow.add(x, x))
    assert y.tolist() == [2, 8, 18]
    with pytest.raises(NotRecordableError, match=r"^multiply has no kernel .* in NumPy$"):
        Program(recorder)


def test_the_cpu_has_a_kernel_for_each_operation():
    for operation in OPERATIONS:
        if operation not in (*COMPOSED, "asarray"):
            assert getattr(CpuBackend, hook(operation)) is not definition(operation), operation


def test_a_kernel_is_told_all_its_cells_by_name():
    a, y = np.ones(3), np.zeros(3)
    with pytest.raises(TypeError, match=r"add: got cells .*; expected \('a', 'b', 'y', 'size'\)"):
        ops._run(elementwise.add, 1, a=a, b=a, y=y)
    with pytest.raises(KeyError, match="size"):
        ops._run(elementwise.add, 1, a=a, b=a, y=y, n=3)
    assert not y.any()


@pytest.mark.parametrize("accumulate", [False, True])
def test_a_product_into_its_own_input_is_recorded(accumulate):
    """It is computed beside it, and copied; a replay does the same."""
    start = np.random.default_rng(0).normal(size=(5, 5))
    expected = start @ start + accumulate * start
    x = start.copy()
    recorder = Recorder({"x": x})
    with ops.recording(recorder):
        ops.gemm(x, x, out=x, accumulate=accumulate)
    once = x.copy()
    assert np.abs(once - expected).max() <= 1e-13
    x[...] = start
    ops.replay(Program(recorder), 1).run(1, [])
    assert x.tobytes() == once.tobytes()
