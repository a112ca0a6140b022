"""How far a training is: a bar in a terminal or a notebook, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from scratchgan.gan import report

if TYPE_CHECKING:
    from scratchgan.gan import Trainer

__all__ = ["Progress"]

LINES = 10  # of a whole training, where there is no bar


class Progress:
    """
    Show the progress of a training whenever it is called with its trainer.

    Parameters
    ----------
    steps : int
        The iteration at which the training ends.
    start : int
        The iteration at which it begins.

    Examples
    --------
    Beside a trainer of your own (here without a terminal: in lines):

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
        file = _Cell() if _in_a_notebook() else sys.stderr if sys.stderr.isatty() else None
        self._bar = None if file is None else _bar(steps, start, file)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, trainer: Trainer) -> None:
        """Show where the trainer stands."""
        step, numbers = trainer.iteration, report.line(trainer)
        if self._bar is not None:
            self._bar.set_postfix_str(numbers, refresh=False)
            self._bar.update(step - self._bar.n)
        elif step >= self._next_line:
            self._next_line = (step // self._line_every + 1) * self._line_every
            print(f"{step:>8,} / {self._steps:,}  {numbers}", flush=True)


def _bar(steps: int, start: int, file: Any) -> Any:
    from tqdm import tqdm

    ncols = {"ncols": 100} if isinstance(file, _Cell) else {"dynamic_ncols": True}
    return tqdm(total=steps, initial=start, unit="it", file=file, **ncols)


def _in_a_notebook() -> bool:
    """Whether outputs are those of a notebook's cells: IPython runs, and in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class _Cell:
    """
    A text of one line in the output of a notebook's cell; what is written to it replaces it.

    That is a display of IPython and no widget: it needs no further package, and a saved notebook
    shows how it ended.
    """

    def __init__(self) -> None:
        self._display: Any = None

    def write(self, text: str) -> None:
        line = text.strip()
        if not line:  # tqdm moves the cursor with these
            return
        if self._display is None:
            from IPython import display

            show: Any = display.display
            self._display = show({"text/plain": line}, raw=True, display_id=True)
        else:
            self._display.update({"text/plain": line}, raw=True)

    def flush(self) -> None:
        """Nothing is kept back."""
