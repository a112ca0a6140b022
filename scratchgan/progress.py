"""Progress of a training, or of tasks: a bar in a terminal or a notebook, otherwise lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from scratchgan.gan import report

if TYPE_CHECKING:
    from scratchgan.gan import Trainer

__all__ = ["Progress", "Tally"]

LINES = 10  # in a whole training, if there is no bar


class Progress:
    """
    Show the progress of a training. An object is a callback: call it with the trainer.

    Parameters
    ----------
    steps : int
        The iteration at which the training ends.
    start : int
        The iteration at which it begins.

    Examples
    --------
    With your own trainer (printed as lines here, because there is no terminal):

    >>> import scratchgan as sg
    >>> game = sg.recipe("gaussian-1d").trainer(backend="reference")
    >>> with Progress(steps=40) as progress:
    ...     game.call_every(20, progress)
    ...     history = game.train(40)  # doctest: +ELLIPSIS
          20 / 40  V -0...  D(x) 0.9...  D(G(z)) 0...
          40 / 40  V -0...  D(x) 0.9...  D(G(z)) 0...
    """

    def __init__(self, steps: int, start: int = 0) -> None:
        self._steps = steps
        self._line_every = max(1, steps // LINES)
        self._next_line = start + 1
        self._bar = _bar(steps, start, "it")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, trainer: Trainer) -> None:
        """Show the trainer's iteration and latest values."""
        step, numbers = trainer.iteration, report.line(trainer)
        if self._bar is not None:
            self._bar.set_postfix_str(numbers, refresh=False)
            self._bar.update(step - self._bar.n)
        elif step >= self._next_line:
            self._next_line = (step // self._line_every + 1) * self._line_every
            print(f"{step:>8,} / {self._steps:,}  {numbers}", flush=True)


class Tally:
    """
    Count tasks that are done, in a bar or in a line for each task.

    Examples
    --------
    >>> with Tally(total=3, done=1, unit="training") as tally:
    ...     tally.count("hinge, seed 0")
    ...     tally.count("hinge, seed 1")
    2 / 3  hinge, seed 0
    3 / 3  hinge, seed 1
    """

    def __init__(self, total: int, done: int = 0, unit: str = "it") -> None:
        self._total, self._done = total, done
        self._bar = _bar(total, done, unit)

    def __enter__(self) -> Tally:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def count(self, what: str) -> None:
        """Count one task more, which is described by ``what``."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(what, refresh=False)
            self._bar.update(1)
        else:
            width = len(f"{self._total:,}")
            print(f"{self._done:>{width},} / {self._total:,}  {what}", flush=True)


def _bar(total: int, done: int, unit: str) -> Any:
    """Return a bar of tqdm in a notebook or a terminal; None elsewhere."""
    file: Any = _Cell() if _in_a_notebook() else sys.stderr if sys.stderr.isatty() else None
    if file is None:
        return None
    from tqdm import tqdm

    cell = {"ncols": 100, "ascii": False}  # tqdm can ask only a terminal for these
    form = cell if isinstance(file, _Cell) else {"dynamic_ncols": True}
    return tqdm(total=total, initial=done, unit=unit, file=file, **form)


def _in_a_notebook() -> bool:
    """Whether this code runs in a notebook: IPython is loaded, and is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class _Cell:
    """
    A file-like object that shows one line in a notebook cell; each write replaces the line.

    It uses IPython's display instead of a widget. This needs no other package, and a saved
    notebook shows the last line.
    """

    def __init__(self) -> None:
        self._display: Any = None

    def write(self, text: str) -> None:
        line = text.strip()
        if not line:  # tqdm writes blanks to move the cursor
            return
        if self._display is None:
            from IPython import display

            show: Any = display.display
            self._display = show({"text/plain": line}, raw=True, display_id=True)
        else:
            self._display.update({"text/plain": line}, raw=True)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""
