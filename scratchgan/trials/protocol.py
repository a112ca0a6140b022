"""
Mode coverage by the published protocol, over several seeds.

``scratchgan evaluate --protocol grid25 --seeds 5`` and ``evaluate_protocol`` train the recipe of
the data once for each seed, in ordinary run folders, and measure the samples of each run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scratchgan import checks
from scratchgan.data import Dataset, load
from scratchgan.errors import NonFiniteError, RunError
from scratchgan.files import as_path
from scratchgan.gan import Generator
from scratchgan.metrics import ModeCoverage, mode_coverage
from scratchgan.recipes import recipe_for
from scratchgan.runs import Config, RunFolder, Session, choose_settings, load_generator
from scratchgan.runs.build import describe_data
from scratchgan.theory import GaussianMixture
from scratchgan.trials.coverage import SAMPLES, Coverage, Protocol, SeedResult
from scratchgan.trials.published import GRID_25

__all__ = ["PROTOCOLS", "evaluate_protocol", "protocol_names", "seeds_of"]

MORE = 50_000  # 2,500 samples leave ± 0.4 % in the share of high quality
MOST_SEEDS = 10_000
NOT_COMPARED = {"scratchgan", "origin", "log_every", "sample_every", "checkpoint_every"}

Show = Callable[[Path, int, int], Any]
"""``show(folder, steps, done)`` returns a context manager with a callback of the trainer."""


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("ring8", "ring", "8 Gaussians on a circle"),
        Protocol("grid25", "grid", "25 Gaussians on a square grid", GRID_25),
        Protocol("grid49", "grid-49", "49 Gaussians on a square grid"),
    )
}


def protocol_names() -> tuple[str, ...]:
    """Return the names of the protocols."""
    return tuple(PROTOCOLS)


def evaluate_protocol(
    name: str,
    seeds: int | Sequence[int] = 5,
    *,
    recipe: str | None = None,
    samples: int = MORE,
    sample_seed: int = 0,
    out: Path | str | None = None,
    show: Show | None = None,
    **changes: Any,
) -> Coverage:
    """
    Train a recipe with several seeds, and count the modes by the published protocol.

    Each seed is a run in the folder OUT/seed-N. A run that is complete is not trained again, and a
    run that was interrupted is continued.

    Parameters
    ----------
    name : str
        "ring8", "grid25" or "grid49".
    seeds : int or sequence of int
        The number of seeds, 0, 1, …; or the seeds.
    recipe : str, optional
        A name or a file. Default: the recipe of the data.
    samples : int
        Size of a second set of samples, which is measured beside the 2,500 of the protocol.
    sample_seed : int
        Seed of the samples.
    out : path, optional
        Folder of the runs. Default: runs/PROTOCOL-RECIPE.
    show : callable, optional
        ``show(folder, steps, done)`` is called before each training. It returns a context manager
        whose value is called with the trainer as the training goes on, such as ``Progress``.
    **changes
        Settings to use instead of the recipe's.

    Raises
    ------
    UnknownNameError, ValueError
        If an argument is wrong, or recipe and data do not fit. Nothing is written then.
    RunError
        If a folder holds a run with other settings, or another process trains there.
    KeyboardInterrupt
        After Ctrl-C. The run is saved; the same call continues it.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> found = evaluate_protocol("ring8", 1, steps=5, batch_size=8, samples=2500, out=folder.name)
    >>> found.runs[0].coverage.modes
    8
    >>> folder.cleanup()
    """
    protocol = PROTOCOLS[checks.one_of("protocol", name, PROTOCOLS)]
    chosen = seeds_of(seeds)
    samples = checks.whole("", "samples", samples, 1)
    for fixed in ("data", "seed"):
        if fixed in changes:
            raise ValueError(f"{fixed} is given, but the protocol decides it; leave it out")
    data = load(protocol.data)
    recipe = recipe_for(data) if recipe is None else recipe
    configs = [choose_settings(recipe, data=data.name, seed=s, **changes) for s in chosen]
    root = Path("runs") / f"{name}-{Path(recipe).stem}" if out is None else as_path("", out)
    runs = [
        _trained_and_measured(seed, root / f"seed-{seed}", config, data, samples, sample_seed, show)
        for seed, config in zip(chosen, configs, strict=True)
    ]
    return Coverage(protocol, recipe, len(_density(data).means), runs, samples)


def _trained_and_measured(
    seed: int, path: Path, config: Config, data: Dataset, samples: int, sample_seed: int,
    show: Show | None,
) -> SeedResult:  # fmt: skip
    stopped = _train(path, describe_data(config, data), data, show)
    folder = RunFolder.open(path)
    if stopped:
        return SeedResult(seed, str(path), folder.seconds(), None, None, stopped)
    generator = load_generator(folder)
    counted, more = (_count(generator, _density(data), n, sample_seed) for n in (SAMPLES, samples))
    return SeedResult(seed, str(path), folder.seconds(), counted, more)


def _density(data: Dataset) -> GaussianMixture:
    """Return the density of a protocol's data, whose modes are known."""
    assert isinstance(data.density, GaussianMixture)
    return data.density


def _count(generator: Generator, density: GaussianMixture, n: int, seed: int) -> ModeCoverage:
    samples = generator.sample(n, seed)
    return mode_coverage(samples, density.means, density.std, density.weights)


def seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """Return the seeds 0, 1, … of a number of seeds, or a sequence of distinct seeds as a list."""
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        found = [checks.seed("", "a seed", each) for each in seeds]
        if not found or len(set(found)) < len(found):
            raise ValueError(
                f"seeds are {checks.shown(seeds)}; expected one or more, all different"
            )
        return found
    return list(range(checks.whole("", "seeds", seeds, 1, MOST_SEEDS)))


def _train(path: Path, config: Config, data: Dataset, show: Show | None) -> str:
    """Train or continue the run in a folder; return why it stopped early, or an empty text."""
    session = _session(path, config, data)
    if session is None:
        return ""
    try:
        if show is None:
            outcome = session.run()
        else:
            with show(path, config.steps, session.trainer.iteration) as progress:
                outcome = session.run(progress)
    except NonFiniteError as error:
        return str(error)
    if outcome.interrupted:
        raise KeyboardInterrupt(
            f"interrupted at iteration {outcome.iteration:,} of {path}; the same command continues"
        )
    return ""


def _session(path: Path, config: Config, data: Dataset) -> Session | None:
    """Return a session that trains what is missing; None if the run is complete."""
    if not (path / "config.json").exists():
        return Session.start(path, config, data)
    folder = RunFolder.open(path)
    _require_same(folder, config)
    if folder.newest_step() == config.steps:
        return None
    return Session.resume(folder, data)


def _require_same(folder: RunFolder, config: Config) -> None:
    """Raise RunError if a folder holds a run with other settings."""
    there, here = folder.config.to_plain(), config.to_plain()
    for name, value in here.items():
        if name not in NOT_COMPARED and there[name] != value:
            raise RunError(
                f"{folder.path} holds a run with {name} = {checks.shown(there[name])}, and here it"
                f" is {checks.shown(value)}; choose another folder with --out"
            )
