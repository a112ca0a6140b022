"""Turns, medians and ratios, on a clock that only the work moves."""

import pytest

from scratchgan.workshop.bench.timing import Contender, measure, reason, repeated


class Clock:
    """Time passes when someone works or waits."""

    def __init__(self):
        self.now = 0.0
        self.log = []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.log.append("pause")
        self.now += seconds

    def contender(self, name, *seconds, chunk=1, compiling=0.0):
        """Works as long as ``seconds`` say, one number a call, the last one ever after."""
        left = list(seconds)

        def make():
            self.now += compiling
            return run

        def run(n):
            assert n % chunk == 0
            self.log.append((name, n))
            for _ in range(n):
                self.now += left.pop(0) if len(left) > 1 else left[0]

        return Contender(name, make, chunk)


@pytest.fixture
def clock():
    return Clock()


def test_the_time_of_one_call(clock):
    measured = measure(
        [clock.contender("a", 1e-5), clock.contender("b", 0.25)],
        budget=1, at_least=2e-3, clock=clock, wait=clock.wait,
    )  # fmt: skip
    assert measured.seconds == {"a": pytest.approx(1e-5), "b": pytest.approx(0.25)}
    assert list(measured.seconds) == ["a", "b"]  # as they were given, whosever turn was last
    assert measured.failed == {}


def test_a_measurement_lasts(clock):
    """Short calls are made in batches of 2 ms or a little more."""
    measure([clock.contender("a", 1e-6)], budget=0.1, at_least=2e-3, clock=clock, wait=clock.wait)
    calls = [entry[1] for entry in clock.log if entry != "pause"]
    assert 1000 <= calls[-1] <= 2500
    assert max(calls) == calls[-1]


def test_turns(clock):
    """There and back again, a pause before each; nobody is measured to the end before the next."""
    contenders = [clock.contender(name, 1.0) for name in "abc"]
    measure(contenders, budget=0, at_least=1, pause=0.5, clock=clock, wait=clock.wait)
    assert clock.log[:3] == [("a", 1), ("b", 1), ("c", 1)]  # warming up
    turns = clock.log[3:]
    assert turns[0::2] == ["pause"] * 9
    assert "".join(name for name, _ in turns[1::2]) == "cba" + "abc" + "cba"


def test_the_median_forgets_a_disturbance(clock):
    measured = measure(
        [clock.contender("a", 9.0, 1.0, 50.0, 1.0, 1.1, 1.2, 1.0)],
        budget=50, at_least=1, clock=clock, wait=clock.wait,
    )  # fmt: skip
    assert 1.0 <= measured.seconds["a"] <= 1.2  # a mean would be above 5


def test_a_disturbed_first_measurement(clock):
    """Of a short call that once took long, more calls are made later, and it is forgotten."""
    a = clock.contender("a", 1e-6, 5.0, 1e-6)
    measured = measure([a], budget=5.1, at_least=2e-3, clock=clock, wait=clock.wait)
    assert measured.rounds > 10
    assert measured.seconds["a"] == pytest.approx(1e-6)


def test_what_compiles_is_not_counted(clock):
    measured = measure(
        [clock.contender("a", 30.0, 1.0, compiling=60.0)],
        budget=10, at_least=1, clock=clock, wait=clock.wait,
    )  # fmt: skip
    assert measured.rounds == 10
    assert measured.used == pytest.approx(10)
    assert measured.seconds["a"] == pytest.approx(1.0)


def test_the_budget_ends_it(clock):
    contenders = [clock.contender(name, 0.1) for name in "ab"]
    measured = measure(contenders, budget=2, at_least=0.1, clock=clock, wait=clock.wait)
    assert 2 <= measured.used <= 2.3


def test_three_rounds_at_least(clock):
    measured = measure(
        [clock.contender("a", 100.0)], budget=1, at_least=1, clock=clock, wait=clock.wait
    )
    assert measured.rounds == 3


def test_chunks(clock):
    measured = measure(
        [clock.contender("scan", 1e-4, chunk=7)],
        budget=0.1, at_least=2e-3, clock=clock, wait=clock.wait,
    )  # fmt: skip
    assert measured.seconds["scan"] == pytest.approx(1e-4)


def test_who_fails_does_not_stop_the_others(clock):
    def never():
        raise ImportError("no such library")

    def at_once(n):
        raise RuntimeError("no such operation\nand a long trace")

    calls = []

    def later(n):
        calls.append(n)
        clock.now += 1
        if len(calls) == 3:
            raise MemoryError

    contenders = [
        Contender("never", never),
        Contender("at once", lambda: at_once),
        clock.contender("a", 1.0),
        Contender("later", lambda: later),
    ]
    measured = measure(contenders, budget=20, at_least=1, clock=clock, wait=clock.wait)
    assert measured.seconds == {"a": 1.0}
    assert measured.failed == {
        "never": "ImportError: no such library",
        "at once": "RuntimeError: no such operation",
        "later": "MemoryError",
    }


def test_ctrl_c_is_no_failure(clock):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure([Contender("a", interrupted)], budget=1, at_least=1)


def test_repeated():
    calls = []
    repeated(lambda: calls.append(1))(5)
    assert len(calls) == 5


def test_repeated_waits_once_after_the_last_call():
    log = []
    run = repeated(lambda: log.append("call"), lambda: log.append("wait"))
    run(3)
    run(1)
    assert log == ["call"] * 3 + ["wait"] + ["call", "wait"]


def test_work_that_goes_on_is_measured_only_if_it_is_waited_for(clock):
    """Calls that take 1 s to ask for and 9 s to be done, as on a GPU whose queue is long."""
    asked = []

    def call():
        asked.append(9.0)
        clock.now += 1.0

    def wait():
        clock.now += sum(asked)
        asked.clear()

    def seconds(run):
        contender = Contender("a", lambda: run)
        measured = measure([contender], budget=50, at_least=20, clock=clock, wait=clock.wait)
        return measured.seconds["a"]

    assert seconds(repeated(call, wait)) == pytest.approx(10.0)
    assert seconds(repeated(call)) == pytest.approx(1.0)  # what not to do


def test_remarks_are_handed_on(clock):
    remarks = []

    def make():
        remarks.append("by the way")
        return clock.contender("a", 1.0).make()

    contenders = [Contender("a", make, remarks=remarks), clock.contender("b", 1.0)]
    measured = measure(contenders, budget=1, at_least=1, clock=clock, wait=clock.wait)
    assert measured.remarks == {"a": ["by the way"]}
    assert set(measured.seconds) == {"a", "b"}


def test_reasons_name_no_folders():
    error = OSError("cannot load '/opt/some where/lib.so' or C:\\x\\y.dll: 3/4 of it, float32/64")
    said = reason(error)
    assert "opt" not in said
    assert "dll" not in said
    assert "3/4 of it, float32/64" in said
    assert len(reason(ValueError("x" * 500))) == 160
