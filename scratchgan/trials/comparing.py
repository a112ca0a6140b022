"""Train all combinations of games and penalties under equal budgets, and compare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from scratchgan import checks
from scratchgan.data import Dataset, load, usual_name
from scratchgan.errors import RunError
from scratchgan.files import as_path, write_atomically, write_json
from scratchgan.gan.settings import Settings
from scratchgan.optim import ExponentialDecay
from scratchgan.progress import Tally
from scratchgan.recipes import get_recipe, recipe_for
from scratchgan.runs import Config, build_trainer, environment
from scratchgan.runs.build import describe_data
from scratchgan.runs.render import save_figure
from scratchgan.theory import GaussianMixture
from scratchgan.trials.cell import STOPPED, Cell, Result, make, play
from scratchgan.trials.combinations import combinations
from scratchgan.trials.comparison import Comparison, Setup, Trained
from scratchgan.trials.measures import measures_of
from scratchgan.trials.protocol import seeds_of
from scratchgan.trials.store import Store
from scratchgan.trials.workers import available_cores, processes

__all__ = ["compare", "stretched"]

DECIDED = ("objective", "seed")  # by arguments of ``compare``


class _Trial(NamedTuple):
    """A training that is to be compared."""

    setup: Setup
    seed: int
    cell: Cell

    @property
    def label(self) -> str:
        return f"{self.setup}, seed {self.seed}"


def compare(
    data: str = "grid",
    *,
    objectives: Sequence[Any] | None = None,
    penalties: Sequence[Any] | None = None,
    seeds: int | Sequence[int] = 5,
    steps: int | None = None,
    recipe: str | None = None,
    out: Path | str | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    **changes: Any,
) -> Comparison:
    """
    Train each game with each set of penalties, with the same networks, iterations and optimisers.

    Each combination is trained with each seed. A training that is finished is a file in the
    folder, so the same call goes on where an earlier one stopped, and a call with more games or
    seeds trains only these. A training that diverges is reported and does not stop the others.

    Parameters
    ----------
    data : str
        The name or path of a data set.
    objectives : sequence of str, Game or table, optional
        The games. Default: all built-in games that fit the recipe and the data.
    penalties : sequence, optional
        Sets of penalties: ``None``, a name, names joined by "+" (``"r1+r2"``), or a list of
        penalties. A name stands for the recipe's penalty of this name if it has one. Default:
        the recipe's own penalties.
    seeds : int or sequence of int
        The number of seeds, 0, 1, …; or the seeds.
    steps : int, optional
        Number of iterations. The recipe's schedules are shortened or stretched in proportion.
        Default: the recipe's.
    recipe : str, optional
        A name or a file. Default: the recipe that suits the data.
    out : path, optional
        Folder of the results. Default: runs/compare-DATA.
    executor : concurrent.futures.Executor, optional
        Where to train. What is submitted to it, and what it returns, is plain data. Default:
        ``workers`` processes with one thread each. A script that uses processes must start with
        ``if __name__ == "__main__":``.
    workers : int, optional
        Number of processes. Default: the number of cores.
    progress : bool
        Whether to show progress.
    **changes
        Settings to use instead of the recipe's, for all trainings alike.

    Raises
    ------
    ValueError
        If an argument is wrong, or if game, recipe and data do not fit. Nothing is written then.
    RunError
        If another comparison is writing into the folder, or a process has died.
    KeyboardInterrupt
        After Ctrl-C. All trainings that are finished are kept.

    Examples
    --------
    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ThreadPoolExecutor(1) as executor:
    ...     found = compare(
    ...         "mixture-1d", objectives=["minimax"], seeds=1, steps=5, out=folder.name,
    ...         executor=executor, progress=False, backend="reference",
    ...     )
    >>> print(found.table("csv"))  # doctest: +ELLIPSIS
    objective,penalties,seed,status,captured,high_quality,reverse_kl,js,seconds
    minimax,none,0,done,...
    >>> folder.cleanup()
    """
    budget = _Budget(data, recipe, steps, changes)
    setups = combinations(budget.settings, objectives, penalties)
    trials = budget.trials(budget.fitting(setups, objectives is None), seeds_of(seeds))
    count = available_cores() if workers is None else checks.whole("", "workers", workers, 1)
    if executor is not None:
        expected = "an Executor, such as ProcessPoolExecutor(2)"
        checks.instance("compare", "executor", executor, Executor, expected)
    path = (
        Path("runs") / f"compare-{Path(budget.data.name).stem}" if out is None else as_path("", out)
    )
    with Store(path) as store:
        found = {trial.label: store.read(trial.cell, trial.label) for trial in trials}
        missing = [trial for trial in trials if found[trial.label] is None]
        done = len(trials) - len(missing)
        with Tally(len(trials), done, "training") if progress else nullcontext() as tally:
            for trial, result in _results(missing, executor, count):
                store.write(trial.cell, trial.label, result)
                found[trial.label] = result
                if tally is not None:
                    tally.count(f"{trial.label}: {result['status']}")
        trained = [Trained(each.setup, each.seed, found[each.label] or {}) for each in trials]
        compared = budget.comparison(trained, path)
        _write_down(compared)
    return compared


class _Budget:
    """What all trainings have in common: data, networks, iterations, batch size, optimisers."""

    def __init__(
        self, data: str, recipe: str | None, steps: int | None, changes: Mapping[str, Any]
    ) -> None:
        if isinstance(data, Dataset):
            raise ValueError(
                "data is a Dataset; expected a name or the path of a file, because trainings run in"
                " other processes: save the array with np.save, and give the path of the file"
            )
        for name in DECIDED:
            if name in changes:
                raise ValueError(f"{name} is what is compared; leave it out")
        self.data = load(data, labels=changes.get("labels"))
        self.recipe = get_recipe(recipe_for(self.data) if recipe is None else recipe)
        settings = self.recipe.settings
        if steps is not None:
            settings = stretched(settings, checks.whole("", "steps", steps, 1))
        self.settings = settings.changed(**{"data": usual_name(data), "labels": None, **changes})
        self.measures = measures_of(self.data, self.settings)

    def config(self, changes: Mapping[str, Any]) -> Config:
        return Config.of(self.recipe, self.settings.changed(**changes))

    def fitting(
        self, setups: Mapping[Setup, Mapping[str, Any]], choose: bool
    ) -> dict[Setup, Mapping[str, Any]]:
        """
        Return the setups that fit networks and data.

        Unless they are to be chosen, a setup that does not fit raises its error.
        """
        fit, why = {}, None
        for setup, changes in setups.items():
            try:
                build_trainer(describe_data(self.config(changes), self.data), self.data)
            except ValueError as error:
                why = why or type(error)(f"{setup}: {error}")
                if not choose:
                    raise why from None
            else:
                fit[setup] = changes
        if why is not None and not fit:
            raise why
        return fit

    def trials(self, setups: Mapping[Setup, Mapping[str, Any]], seeds: list[int]) -> list[_Trial]:
        return [
            _Trial(setup, seed, make(self.config({**changes, "seed": seed}), self.data))
            for setup, changes in setups.items()
            for seed in seeds
        ]

    def comparison(self, trained: list[Trained], path: Path) -> Comparison:
        density = self.data.density
        modes = len(density.means) if isinstance(density, GaussianMixture) else None
        name, steps = self.recipe.name, self.settings.steps
        return Comparison(self.data.name, name, steps, self.measures, trained, path, modes)


def stretched(settings: Settings, steps: int) -> Settings:
    """Return settings for another number of iterations, with schedules of the same shape."""
    factor = steps / settings.steps

    def stretch(plain: Any) -> Any:
        if isinstance(plain, list):
            return [stretch(each) for each in plain]
        if not isinstance(plain, dict):
            return plain
        changed = {name: stretch(value) for name, value in plain.items()}
        for name in ("steps", "period"):  # of schedules
            if isinstance(plain.get(name), int):
                changed[name] = max(1, round(factor * plain[name]))
        if plain.get("name") == ExponentialDecay.name:
            changed["factor"] = plain["factor"] ** (1 / factor)
        return changed

    plain = settings.to_plain()
    parts = {n: stretch(p) for n, p in plain.items() if isinstance(p, dict | list)}
    return settings.changed(**{**parts, "steps": steps, "objective": settings.objective})


def _results(
    trials: list[_Trial], executor: Executor | None, count: int
) -> Iterator[tuple[_Trial, Result]]:
    """Train, and yield each training with its result as it ends."""
    if not trials:
        return
    with processes(min(count, len(trials))) if executor is None else nullcontext(executor) as place:
        waiting = {place.submit(play, trial.cell): trial for trial in trials}
        try:
            for future in as_completed(waiting):
                result = future.result()
                if result["status"] != STOPPED:
                    yield waiting[future], result
        except BrokenExecutor as error:
            raise RunError(
                f"a training process has died: {error} If memory ran out, use fewer workers; a"
                ' script must begin its work under `if __name__ == "__main__":`. What is done is'
                " kept, and the same call goes on"
            ) from None
        finally:
            for future in waiting:
                future.cancel()


def _write_down(found: Comparison) -> None:
    """Write the table and the figure into the folder."""
    for name, form in (("table.md", "markdown"), ("trainings.csv", "csv")):
        text = f"{found.table(form)}\n".encode()
        write_atomically(found.path / name, partial(_write, text))
    write_json(found.path / "comparison.json", found.to_plain() | {"environment": environment()})
    save_figure(found.path / "comparison.png", found.figure())


def _write(text: bytes, stream: IO[bytes]) -> None:
    stream.write(text)
