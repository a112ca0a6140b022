"""The command line: scratchgan train | sample | evaluate | bench | info."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchgan import __version__
from scratchgan.command import run_command

if TYPE_CHECKING:
    from scratchgan.data import Dataset
    from scratchgan.gan import Trainer
    from scratchgan.runs import Config, Outcome, Session

__all__ = ["main"]

# Modules that cost time (NumPy, Matplotlib, …) are imported in the functions that use
# them, so that --help answers at once.


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""

    def work() -> int:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
        return status

    return run_command("scratchgan", work)


class _Parser(argparse.ArgumentParser):
    """A parser, of the command line or of one command, to which --st is no --steps."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="scratchgan",
        description="Generative adversarial networks from NumPy and hand-written kernels.",
        epilog="Start with: scratchgan train",
    )
    parser.add_argument("--version", action="version", version=f"scratchgan {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    train = commands.add_parser("train", help="train a recipe, or continue a run")
    train.set_defaults(run=_train)
    train.add_argument(
        "recipe",
        nargs="?",
        help="one that `scratchgan info` lists (digits, or the one for --data)",
    )
    train.add_argument("--quick", action="store_true", help="a minute of it: does all work?")
    train.add_argument("--data", metavar="NAME", help="another data set than the recipe's")
    train.add_argument("--backend", metavar="NAME", help="where arithmetic happens")
    train.add_argument("--steps", type=int, metavar="N", help="iterations")
    train.add_argument("--batch-size", type=int, metavar="N", help="examples in a minibatch")
    train.add_argument("--k", type=int, metavar="N", help="updates of D for each of G")
    game = train.add_argument("--objective", metavar="NAME", help="the game: %(games)s")
    setattr(game, "games", _NamesOfGames())  # noqa: B010  # argparse reads it when help is printed
    train.add_argument("--updates", metavar="KIND", help="alternating or simultaneous")
    train.add_argument(
        "--conditional", action="store_true", default=None, help="the labels go into G and D"
    )
    train.add_argument("--seed", type=int, metavar="N", help="for everything random")
    train.add_argument("--config", type=Path, metavar="FILE.toml", help="more settings")
    train.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the run's own folder (runs/RECIPE-001, …)"
    )
    train.add_argument(
        "--from",
        type=Path,
        metavar="FOLDER",
        help="begin where that run stands; what changes is named",
    )
    train.add_argument("--resume", type=Path, metavar="FOLDER", help="continue the run there")

    sample = commands.add_parser("sample", help="draw samples from a trained generator")
    sample.set_defaults(run=_sample)
    sample.add_argument("folder", type=Path, help="the run's folder")
    sample.add_argument("--n", type=int, default=100, metavar="N", help="how many (100)")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, others")
    sample.add_argument("--label", type=int, metavar="K", help="of a conditional generator")
    _add_temperature(sample)
    sample.add_argument(
        "--out", type=Path, metavar="FILE", help=".png or .npy (FOLDER/sample-seed-N.png)"
    )

    evaluate = commands.add_parser("evaluate", help="measure samples beside real data")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("folder", type=Path, help="the run's folder")
    evaluate.add_argument(
        "--n", type=int, metavar="N", help="samples (as many as test images, 1,000 at least; 2,500)"
    )
    evaluate.add_argument("--seed", type=int, default=0, metavar="N", help="for the samples")
    _add_temperature(evaluate)
    evaluate.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write figures of images there, with the run's own",
    )

    bench = commands.add_parser(
        "bench",
        help="measure speed beside NumPy, PyTorch and JAX",
        usage="scratchgan bench [gemm | kernels | step] [options]",
    )
    bench.set_defaults(run=_bench)
    bench.add_argument(
        "suite", nargs="?", help="matrix products, the other operations, or training steps (all)"
    )
    bench.add_argument("--backend", metavar="NAME", help="whose speed")
    bench.add_argument("--threads", nargs="+", metavar="N", help="each in turn (1 2)")
    bench.add_argument(
        "--peers",
        default="installed",
        metavar="WHICH",
        help="none, numpy (not on a GPU), installed (also PyTorch and JAX) or all (also"
        " torch.compile)",
    )
    bench.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    bench.add_argument("--quick", action="store_true", help="a few cases, briefly: does it work?")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the records there")

    info = commands.add_parser("info", help="versions, backends, threads, folders")
    info.set_defaults(run=_info)
    info.add_argument("--warm", action="store_true", help="compile all kernels now, once")
    return parser


class _NamesOfGames:
    """Their names, for a help text: looked up when it is printed, since NumPy is imported."""

    def __str__(self) -> str:
        from scratchgan.games import GAMES

        return " or ".join(GAMES)


def _add_temperature(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="z so many times as wide as in training: above 1 for recall, below for precision (1)",
    )


# -- train --------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    if options.resume:
        session = _resumed(options)
    else:
        session = _begun(options) if getattr(options, "from") else _started(options)
    folder, config = session.folder.path, session.folder.config
    done = session.trainer.iteration
    if done >= config.steps:
        session.run()  # nothing is left to train; the pictures may be
        print(f"{folder} is complete at iteration {done:,}; --steps N with a larger N goes on")
        return 0
    print(
        f"{'continuing' if done else 'training'} {config.recipe} in {folder}: data {config.data},"
        f" backend {config.backend}, objective {_played(config)},"
        f" iterations {done:,} → {config.steps:,}"
    )
    with _Progress(session) as progress:
        outcome = session.run(progress)
    _report(folder, outcome)
    _print_exact(session.trainer, session.data)
    return 128 + outcome.signal if outcome.interrupted else 0  # as shells say it


def _played(config: Config) -> str:
    """Name the game, or several with the iterations from which they are played."""
    from scratchgan.games import objectives_by_start

    (_, first), *later = objectives_by_start(config.objective).items()
    return " ".join([first.name, *(f"(from {start:,} on {o.name})" for start, o in later)])


def _started(options: argparse.Namespace) -> Session:
    from scratchgan import checks
    from scratchgan.data import dataset_names, load, usual_name
    from scratchgan.recipes import get_recipe, recipe_for
    from scratchgan.runs import Config, Session

    recipe, asked = _asked(options)
    asked |= _given(options)
    chosen = recipe is None and "data" in asked
    if recipe is None:
        data = checks.one_of("data set", usual_name(asked.get("data", "digits")), dataset_names())
        recipe = recipe_for(data)
    quick = get_recipe(recipe).quick() if options.quick else {}
    config = Config.from_recipe(recipe, quick | asked)
    session = Session.start(options.out, config, load(config.data))
    if chosen:
        print(f"no recipe is named: {recipe}, which suits the data set {config.data}")
    return session


def _begun(options: argparse.Namespace) -> Session:
    """Begin where another run stands, with its settings or a recipe's."""
    from scratchgan.data import load
    from scratchgan.runs import Config, RunFolder, Session

    if options.quick:
        raise ValueError("--from FOLDER counts its iterations on from there; leave out --quick")
    recipe, settings = _asked(options)
    changes = settings | _given(options)
    origin = RunFolder.open(getattr(options, "from"))
    config = (
        origin.config.changed(changes) if recipe is None else Config.from_recipe(recipe, changes)
    )
    return Session.start(options.out, config, load(config.data), origin.newest_checkpoint())


def _resumed(options: argparse.Namespace) -> Session:
    from scratchgan.data import load
    from scratchgan.runs import RunFolder, Session

    given = _given(options)
    steps = given.pop("steps", None)
    others = ("recipe", "quick", "config", "out", "from")
    also = [*given, *(name for name in others if getattr(options, name))]
    if also:
        raise ValueError(
            f"--resume continues a run with its own settings; leave out {', '.join(also)}"
            " (--steps alone may change)"
        )
    folder = RunFolder.open(options.resume)
    return Session.resume(folder, load(folder.config.data), steps)


def _asked(options: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    """Return the recipe, if one is named here or in the settings file, and the file's settings."""
    from scratchgan import checks
    from scratchgan.recipes import recipe_names
    from scratchgan.runs import read_toml

    settings = read_toml(options.config) if options.config else {}
    named = [] if options.recipe is None else [options.recipe]
    if "recipe" in settings:
        named.append(settings.pop("recipe"))
    for recipe in named:  # the file's too, where the command line has the last word
        checks.one_of("recipe", recipe, recipe_names())
    return named[0] if named else None, settings


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Settings that the command line gives."""
    names = (
        "data", "backend", "steps", "batch_size", "k", "objective", "updates", "conditional",
        "seed",
    )  # fmt: skip
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


class _Progress:
    """A bar on a terminal; elsewhere, a plain line now and then."""

    def __init__(self, session: Session) -> None:
        from tqdm import tqdm

        self._steps = session.folder.config.steps
        self._line_every = max(1, self._steps // 10)
        self._next_line = session.trainer.iteration + 1
        start = session.trainer.iteration
        self._bar = (
            tqdm(total=self._steps, initial=start, unit="it", dynamic_ncols=True)
            if sys.stderr.isatty()
            else None
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, trainer: Trainer) -> None:
        from scratchgan.gan.report import line

        step, numbers = trainer.iteration, line(trainer)
        if self._bar is not None:
            self._bar.set_postfix_str(numbers, refresh=False)
            self._bar.update(step - self._bar.n)
        elif step >= self._next_line:
            self._next_line = (step // self._line_every + 1) * self._line_every
            print(f"{step:>8,} / {self._steps:,}  {numbers}", flush=True)


def _report(folder: Path, outcome: Outcome) -> None:
    if outcome.interrupted:
        print(
            f"interrupted at iteration {outcome.iteration:,}; continue with"
            f" `scratchgan train --resume {folder}`"
        )
    print(f"samples:    {outcome.samples}")
    print(f"losses:     {outcome.losses}")
    print(f"animation:  {outcome.animation}")
    print(f"checkpoint: {outcome.checkpoint}")
    if not outcome.interrupted:
        print(f"measure them with `scratchgan evaluate {folder}`")


def _print_exact(trainer: Trainer, data: Dataset) -> None:
    """On the line the optimum is known: say how far from it the game stands."""
    if data.density is None or not data.density.dim == trainer.noise.features == 1:
        return
    from scratchgan.exact.game import exact_game

    exact = exact_game(trainer, data.density)
    print("by quadrature, in nats:" if exact.game.unit == "nats" else "by quadrature, JSD in nats:")
    print(exact)


# -- sample and evaluate ------------------------------------------------------------------------


def _sample(options: argparse.Namespace) -> int:
    import numpy as np

    from scratchgan.backends import Purpose, Stream
    from scratchgan.runs import RunFolder, load_generator
    from scratchgan.runs.files import write_atomically
    from scratchgan.runs.render import sample_figure, samples_in_plane, save_figure

    folder = RunFolder.open(options.folder)
    stream = Stream(options.seed).purpose(Purpose.USER)
    generator = load_generator(folder, options.temperature)
    samples = generator.sample(options.n, stream, options.label)
    label = "" if options.label is None else f"-label-{options.label}"
    wide = "" if options.temperature == 1 else f"-temperature-{options.temperature:g}"
    path = options.out or folder.path / f"sample-seed-{options.seed}{label}{wide}.png"
    if path.suffix == ".npy":
        write_atomically(path, lambda stream: np.save(stream, samples))
    elif path.suffix != ".png":
        raise ValueError(f"--out {path}: expected a name that ends in .png or .npy")
    elif folder.config.image_shape is not None:
        save_figure(path, sample_figure(samples, folder.config.image_shape))
    else:
        save_figure(path, samples_in_plane(samples))
    print(f"{options.n:,} samples: {path}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from scratchgan.backends import Purpose, Stream
    from scratchgan.data import load
    from scratchgan.metrics import evaluate
    from scratchgan.runs import RunFolder, load_generator, load_trainer
    from scratchgan.workshop.results.records import require_json_name, write_result

    if options.json is not None:
        require_json_name(options.json)  # now, not after minutes of measuring
    folder = RunFolder.open(options.folder)
    data: Dataset = load(folder.config.data)
    n = 2500 if options.n is None else options.n
    if options.n is None and data.x_test is not None:
        n = min(10_000, max(1000, len(data.x_test)))
    if options.json is not None and data.x_test is None:
        raise ValueError(f"--json: figures are written of images; '{data.name}' are none")
    generator = load_generator(folder, options.temperature)
    trainer = load_trainer(folder, data)  # the data are those it was trained on
    samples = generator.sample(n, Stream(options.seed).purpose(Purpose.USER))
    wide = "" if options.temperature == 1 else f", temperature {options.temperature:g}"
    print(f"{options.folder}, checkpoint {folder.chosen_checkpoint().name}{wide}")
    evaluation = evaluate(
        samples,
        data,
        asked=generator.labels_for(n, None),
        validation=folder.config.validation,
    )
    print(evaluation)
    _print_exact(trainer, data)
    if options.json is not None:
        write_result(options.json, folder, generator, evaluation, options.seed, data)
        print(f"written: {options.json}")
    return 0


# -- bench --------------------------------------------------------------------------------------


def _bench(options: argparse.Namespace) -> int:
    from scratchgan.workshop.bench.run import Settings, run

    suite, threads = options.suite, options.threads or []
    if suite is None and threads and not threads[-1].lstrip("-").isdigit():
        suite = threads.pop()  # `--threads 1 2 gemm`: argparse leaves nothing for the suite
    settings = Settings(
        suite=suite,
        backend=options.backend,
        threads=tuple(map(_whole_number, threads)),
        peers=options.peers,
        json=options.json,
        quick=options.quick,
        only=options.only,
    )
    report = run(settings, lambda text: print(text, flush=True))
    ours = report["machine"]["backend"]
    return 1 if any(failure["peer"] == ours for failure in report["failures"]) else 0


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--threads {text}: expected whole numbers, such as 1 2") from None


# -- info ---------------------------------------------------------------------------------------


def _info(options: argparse.Namespace) -> int:
    import pooch

    from scratchgan.backends import backend_names, default_backend, why_unavailable
    from scratchgan.recipes import get_recipe, recipe_names
    from scratchgan.runs import environment

    facts = environment()
    print(f"scratchgan {facts['scratchgan']}, NumPy {facts['numpy']}, Numba {facts['numba']}")
    print(f"Python {facts['python']} on {facts['platform']}")
    limits = ", ".join(f"{name}={value}" for name, value in facts["threads"].items())
    print(f"cores: {facts['cores']}; thread limits: {limits or 'none set'}")
    print("backends:")
    states = {}
    for name in backend_names():
        reason = why_unavailable(name)
        default = " (default)" if reason is None and name == default_backend().name else ""
        states[name] = f"works here{default}" if reason is None else reason
    _print_columns(states)
    if options.warm:
        _warm()
    print("recipes:")
    _print_columns({name: get_recipe(name).about for name in recipe_names()})
    print(f"data folder: {os.environ.get('SCRATCHGAN_DATA_DIR', 'SCRATCHGAN_DATA_DIR is not set')}")
    print(f"data cache: {pooch.os_cache('scratchgan')}")
    return 0


def _print_columns(rows: dict[str, str]) -> None:
    """Names, and behind the longest of them what is said of each."""
    width = max(map(len, rows))
    for name, text in rows.items():
        print(f"  {name:<{width}}  {text}")


def _warm() -> None:
    """Compile the cpu backend's kernels, or load them from the disk."""
    import time

    from tqdm import tqdm

    from scratchgan.backends import get_backend

    get_backend("cpu")  # where it does not work, this says why
    from scratchgan.backends.cpu.kernel import KERNELS, compile_all

    start = time.perf_counter()
    with tqdm(total=len(KERNELS), unit="kernel", disable=None) as bar:
        compile_all(lambda name: bar.update())
    print(f"kernels compiled or loaded: {len(KERNELS)}, in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
