"""
What each process of tests begins with, which tests are quick, and what is not here to be tested.

A test is quick unless it is marked ``slow``; of a test with many sets of parameters, the first and
the last are quick. ``pytest -m quick`` runs these alone, with fewer examples of each property. A
test marked ``needs(name)`` is left out where the backend or the library of that name
is missing, and the summary counts such tests, a line a name.
"""

import os
import signal

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before NumPy is loaded: workers share the cores

from collections import Counter
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

# Unless another is asked for, the examples are those of CI, so that whoever runs the tests sees
# what CI sees. "dev" and "nightly" draw others each time, few and many.
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, database=None, print_blob=True
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=20)
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("nightly", max_examples=2000, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
settings.load_profile(PROFILE)

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    import tests.turns  # noqa: F401  the simulator's threads take turns
else:
    collect_ignore_glob = ["**/simulated*.py"]  # they run in the simulator alone

LEFT_OUT = pytest.StashKey[Counter]()  # tests by the name that they need
QUICK = pytest.StashKey[dict]()  # whether a file that was collected has quick tests


def pytest_configure(config):
    if config.option.markexpr == "quick" and PROFILE == "ci":
        settings.load_profile("quick")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def heard():
    """Signals are heard: what runs in a shell's background, or under nohup, may ignore some."""
    usual = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}  # one is POSIX's
    numbers = {name: getattr(signal, name) for name in usual if hasattr(signal, name)}
    before = {name: signal.signal(number, usual[name]) for name, number in numbers.items()}
    yield
    for name, handler in before.items():
        signal.signal(numbers[name], handler)


@cache
def why_missing(name):
    """Return why the backend or the library cannot be used here; None if it can."""
    from scratchgan.backends import backend_names, why_unavailable

    if name in backend_names():
        return why_unavailable(name)
    return None if find_spec(name) else f"{name} is not installed"


def missing(item):
    """Return the first name that the test needs and that is not here; None if there is none."""
    names = (mark.args[0] for mark in item.iter_markers("needs"))
    return next((name for name in names if why_missing(name)), None)


def at_the_ends(items):
    """Return the first and the last set of parameters of each test."""
    tests = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return [item for sets in tests.values() for item in {sets[0]: 0, sets[-1]: 0}]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    quick = config.stash[QUICK] = dict.fromkeys((item.path for item in items), False)
    for item in at_the_ends([i for i in items if i.get_closest_marker("slow") is None]):
        item.add_marker(pytest.mark.quick)
        quick[item.path] = True
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)  # no long test is begun at the end
    yield  # -m, -k and --deselect choose among the tests
    lacking = [missing(item) for item in items]
    config.stash[LEFT_OUT] = Counter(name for name in lacking if name)
    config.hook.pytest_deselected(items=[i for i, name in zip(items, lacking, strict=True) if name])
    items[:] = [item for item, name in zip(items, lacking, strict=True) if not name]
    if hasattr(config, "workeroutput"):  # a process of pytest-xdist's: another writes the summary
        config.workeroutput["left_out"] = dict(config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let a process that has nothing left to do take tests from another."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Take the counts from a process of pytest-xdist's: each has collected all tests."""
    if left_out := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[LEFT_OUT] = Counter(left_out)


def pytest_terminal_summary(terminalreporter, config):
    for name, count in config.stash.get(LEFT_OUT, Counter()).items():
        tests = "1 test that needs" if count == 1 else f"{count:,} tests that need"
        terminalreporter.write_line(f"NOT RUN: {tests} {name}: {why_missing(name)}")
