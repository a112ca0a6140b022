"""A comparison small enough to be made in a blink."""

from concurrent.futures import Executor, Future

from scratchgan.trials import compare
from scratchgan.trials import measures as measuring

WILD = {"name": "sgd", "rate": 1e9}
DIVERGING = {"optimizer_g": WILD, "optimizer_d": WILD, "steps": 40, "log_every": 5}


class Here(Executor):
    """Runs each task in this thread, and counts the tasks."""

    def __init__(self):
        self.cells = []

    def submit(self, task, cell):
        self.cells.append(cell)
        future = Future()
        try:
            future.set_result(task(cell))
        except BaseException as error:
            future.set_exception(error)
        return future


def small(path, executor=None, **changes):
    settings = {
        "data": "ring", "objectives": ["minimax"], "seeds": 2, "steps": 3, "batch_size": 8,
        "backend": "reference", "progress": False,
    }  # fmt: skip
    return compare(out=path, executor=executor or Here(), **settings | changes)


def coarse(monkeypatch):
    """Let the mesh be coarse: it takes most of the time of a small comparison."""
    monkeypatch.setattr(measuring, "MESH", 32)
    monkeypatch.setattr(measuring, "BINS", 16)
