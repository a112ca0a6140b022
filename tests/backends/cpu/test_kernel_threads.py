"""The same bits for any number of threads, of Numba's and of Python's."""

from __future__ import annotations

import os
import sys

import pytest

from scratchgan.backends import get_backend
from tests.backends.cpu import training
from tests.backends.cpu.child import answer, answers

THREADS = (1, 2, 4, 7)
RUN = "from tests.backends.cpu import training; training.main()"


def train(steps, threads, how):
    environments = [{"NUMBA_NUM_THREADS": n} for n in threads]
    return [line.split() for line in answers(RUN, environments, steps, how)]


@pytest.mark.slow
def test_two_hundred_steps_give_the_same_bits():
    """Replayed in one call for many steps, and step by step."""
    training.trainer(get_backend("cpu")).train(3)  # compiled once, here, not in each of them
    by_hand = (1, 7)
    runs = train(200, THREADS, "replayed") + train(200, by_hand, "by hand")
    assert [int(run[1]) for run in runs] == [*THREADS, *by_hand]
    assert len({run[0] for run in runs}) == 1, runs
    for _, threads, *shared in runs:
        counts = {name: int(n) for name, n in (each.split("=") for each in shared)}
        if threads == "1":
            assert not counts
        else:  # that several threads had something to do is what makes this a test
            for kernel in ("gemm", "dropout", "sgd", "adam", "ema"):
                assert counts[kernel] >= 190, counts  # fewer than 200 where some were tried out


@pytest.mark.slow
def test_a_cut_that_follows_the_threads_is_noticed():
    runs = train(3, (1, 2), "defect")
    assert len({run[0] for run in runs}) == 2


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_rows_wait_for_the_rows_before_them(layer):
    """Hundreds of runs of a table in which every chunk reads what others wrote, 1 … 7 threads."""
    code = "from tests.backends.cpu import table; table.main()"
    said = answer(code, NUMBA_NUM_THREADS=7, NUMBA_THREADING_LAYER=layer)
    assert said == "420 0\n"


def test_rows_in_a_wrong_order_are_noticed():
    """The rows in another order: what a row reads is not there yet."""
    code = """
import numba, numpy as np, struct
from tests.backends.cpu import table
from scratchgan.backends.cpu.kernel import CELLS, Runner
runner, right = Runner(), table.by_python(list(range(1, 65)), 1)
buffers = np.zeros((len(table.CHUNKS), 64), np.int64)
buffers[0] = range(1, 65)
rows, total = table.table_of(buffers)
backwards = rows[::-1].copy()
backwards[:, 2] = np.cumsum([0, *backwards[:-1, 1]])
runner.run(backwards.ctypes.data, len(rows), total, 1)
print(buffers[0].tolist() == right)
"""
    assert answer(code, NUMBA_NUM_THREADS=2) == "False\n"


@pytest.mark.parametrize("layer", ["default", "workqueue"])
@pytest.mark.slow
def test_python_threads_do_not_disturb_each_other(layer):
    code = "from tests.backends.cpu import together; together.main()"
    said = answer(code, NUMBA_NUM_THREADS=3, NUMBA_THREADING_LAYER=layer)
    assert said == "4\n"


@pytest.mark.slow
def test_shared_scratch_would_be_noticed():
    """The same, were the scratch memory that each Python thread has of its own one for all."""
    code = """
from tests.backends.cpu import together
from scratchgan.backends import get_backend
runner = get_backend("cpu")._runner
first = runner._own
first.reserve(1)
scratch = first.scratch

class Own(type(first)):
    def reserve(self, threads):
        self.scratch = scratch

runner._own = Own()
together.main()
"""
    assert answer(code, NUMBA_NUM_THREADS=1) != "4\n"


FORK = """
import os
import numpy as np
from scratchgan.backends import get_backend
ops = get_backend("cpu")
a = np.random.default_rng(0).normal(size=(300, 300)).astype("f4")
ours = ops.gemm(a, a)  # with both threads
child = os.fork()
if child == 0:
    os._exit(0 if (ops.gemm(a, a) == ours).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.slow
def test_a_forked_child_computes_the_same():
    """GNU's OpenMP would end it, were it to start threads after its parent has."""
    assert answer(FORK, NUMBA_NUM_THREADS=2) == "0\n"
    if sys.platform != "linux":
        return  # that it would be ended is GNU's OpenMP's doing
    spoiled = FORK.replace("child = ", "import scratchgan.backends.cpu.kernel as k\nchild = ")
    spoiled = spoiled.replace("if child == 0:", "if child == 0:\n    k._forked = False")
    assert answer(spoiled, NUMBA_NUM_THREADS=2, NUMBA_THREADING_LAYER="omp") != "0\n"
