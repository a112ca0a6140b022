import os

import pytest

from scratchgan.trials.workers import THREADS, available_cores, processes, stopped


def environment(names):
    return [os.environ.get(name) for name in names]


@pytest.mark.slow
def test_a_worker_has_one_thread_and_leaves_ctrl_c_to_the_first(monkeypatch):
    import signal

    monkeypatch.setenv(THREADS[0], "7")
    monkeypatch.delenv(THREADS[1], raising=False)
    with processes(1) as pool:
        found = pool.submit(environment, THREADS).result()
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        assert pool.submit(stopped).result() is False
    assert found == ["1"] * len(THREADS)
    assert environment(THREADS[:2]) == ["7", None]


def test_cores():
    assert 1 <= available_cores() <= os.cpu_count()


def test_nobody_is_told_to_stop_outside_a_worker():
    assert not stopped()
