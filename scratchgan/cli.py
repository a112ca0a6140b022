"""The command line: scratchgan train | sample | evaluate | compare | bench | info."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchgan import __version__
from scratchgan.command import run_command

if TYPE_CHECKING:
    from scratchgan.exact.game import ExactGame
    from scratchgan.fields import Setting
    from scratchgan.runs import Config, Outcome, Session

__all__ = ["main"]

# Slow modules (NumPy, Matplotlib, …) are imported in the functions that use them, so that --help
# is fast.


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""

    def work() -> int:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
        return status

    return run_command("scratchgan", work)


class _Parser(argparse.ArgumentParser):
    """
    A parser without abbreviated options: --st does not mean --steps.

    Attributes
    ----------
    fill : callable or None
        ``fill(parser)`` adds options whose imports are slow. It is called when the parser is used.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, *arguments: Any) -> Any:  # type: ignore[override]
        if self.fill is not None:
            self.fill(self)
            self.fill = None
        return super().parse_known_args(*arguments)


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
    train.fill = _add_train_options  # they need a slow import of NumPy

    sample = commands.add_parser("sample", help="draw samples from a trained generator")
    sample.set_defaults(run=_sample)
    sample.add_argument("folder", type=Path, help="the run's folder")
    sample.add_argument(
        "--n", type=int, default=100, metavar="N", help="number of samples (default: 100)"
    )
    _add_seed(sample)
    sample.add_argument(
        "--label", type=int, metavar="K", help="draw only this label (conditional generators)"
    )
    _add_temperature(sample)
    sample.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="a .png or .npy file (default: FOLDER/sample-seed-N.png)",
    )

    evaluate = commands.add_parser(
        "evaluate",
        help="measure samples, and real data for comparison",
        usage="scratchgan evaluate FOLDER [options]\n"
        "       scratchgan evaluate --protocol NAME [--seeds N] [options]",
    )
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("folder", type=Path, nargs="?", help="the run's folder")
    evaluate.add_argument(
        "--n",
        type=int,
        metavar="N",
        help="number of samples (default: the size of the test set, but between 1,000 and 10,000;"
        " 2,500 without a test set)",
    )
    _add_seed(evaluate)
    _add_temperature(evaluate)
    evaluate.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="save the measures and the run's record in this file (of a run: images only)",
    )
    protocol = evaluate.add_argument_group(
        "mode coverage by a published protocol",
        "Train a recipe with several seeds, and count the modes that the samples reach. The same"
        " command continues what was interrupted.",
    )
    protocol.add_argument("--protocol", metavar="NAME", help="ring8, grid25 or grid49")
    for flag, kind, metavar, about in (
        ("--seeds", int, "N", "number of seeds, 0, 1, … (default: 5)"),
        ("--recipe", str, "NAME", "recipe to train (default: the recipe of the data)"),
        ("--steps", int, "N", "number of iterations (default: the recipe's)"),
        ("--samples", int, "N", "samples of a second measurement (default: 50,000)"),
        ("--out", Path, "FOLDER", "folder of the runs (default: runs/PROTOCOL-RECIPE)"),
    ):
        protocol.add_argument(
            flag, type=kind, metavar=metavar, help=about, default=argparse.SUPPRESS
        )

    compare = commands.add_parser("compare", help="compare games and penalties on equal terms")
    compare.set_defaults(run=_compare)
    compare.fill = _add_compare_options  # they need slow imports

    bench = commands.add_parser(
        "bench",
        help="compare speed with NumPy, PyTorch and JAX",
        usage="scratchgan bench [gemm | kernels | step] [options]",
    )
    bench.set_defaults(run=_bench)
    bench.add_argument(
        "suite",
        nargs="?",
        help="gemm (matrix products), kernels (the other operations) or step (training steps);"
        " default: all",
    )
    bench.add_argument("--backend", metavar="NAME", help="the backend to measure")
    bench.add_argument(
        "--threads",
        nargs="+",
        metavar="N",
        help="numbers of threads, measured one after another (default: 1 2)",
    )
    bench.add_argument(
        "--peers",
        default="installed",
        metavar="WHICH",
        help="libraries to compare with: none, numpy (CPU only), installed (also PyTorch and JAX)"
        " or all (also torch.compile); default: installed",
    )
    bench.add_argument(
        "--only", default="", metavar="TEXT", help="run only the cases with TEXT in their name"
    )
    bench.add_argument(
        "--quick", action="store_true", help="run a few short cases, to check that all works"
    )
    bench.add_argument("--json", type=Path, metavar="FILE", help="save the records in this file")

    info = commands.add_parser(
        "info", help="show versions, backends, threads, recipes, games and folders"
    )
    info.set_defaults(run=_info)
    info.add_argument("--warm", action="store_true", help="compile all kernels now")
    return parser


def _add_train_options(train: argparse.ArgumentParser) -> None:
    from scratchgan.fields import NONE

    train.add_argument(
        "recipe",
        nargs="?",
        help="a name that `scratchgan info` lists, or a Python file that defines `recipe`"
        " (default: the recipe that suits --data, or digits)",
    )
    train.add_argument(
        "--quick",
        action="store_true",
        help="train for a minute at most, to check that all works",
    )
    offered = _offered()
    for each in offered:
        _add_setting(train, each)
    for player in ("G", "D"):
        train.add_argument(
            f"--rate-{player.lower()}",
            type=float,
            default=argparse.SUPPRESS,
            metavar="X",
            help=f"constant learning rate of {player}'s optimizer; the players may have two rates"
            " (Heusel et al. 2017)",
        )
    train.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help="a file with settings; the options above override them",
    )
    train.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="a new folder for the run (default: runs/RECIPE-001, or the next free number)",
    )
    train.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="FOLDER",
        help="start from that run's newest checkpoint; other options override its settings",
    )
    train.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="continue the run in this folder"
    )
    train.epilog = (
        "Settings that are not given are those of the recipe (with --from or --resume: of that"
        f" run). The word {NONE} unsets one:"
        f" {', '.join(f'{each.flag} {NONE}' for each in offered if each.optional)}."
    )


def _offered() -> list[Setting]:
    """Return the settings that are options of the command line."""
    from scratchgan.fields import settings_in
    from scratchgan.gan.settings import Settings

    return [each for each in settings_in(Settings).values() if each.option]


def _add_setting(train: argparse.ArgumentParser, setting: Setting) -> None:
    from scratchgan.fields import Flag

    def parse(text: str) -> Any:
        return setting.parse(text)

    parse.__name__ = setting.kind.parse.__name__  # argparse prints it: "invalid int value"
    how: dict[str, Any] = {"type": parse, "metavar": setting.kind.metavar}
    if isinstance(setting.kind, Flag):
        how = {"action": argparse.BooleanOptionalAction}
    train.add_argument(setting.flag, default=argparse.SUPPRESS, help=setting.help, **how)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives."""
    names = [each.name for each in _offered()]
    return {name: value for name, value in vars(options).items() if name in names}


def _rates(options: argparse.Namespace) -> dict[str, Any]:
    """Return the learning rates that the command line gives, by option."""
    return {name: rate for name, rate in vars(options).items() if name in ("rate_g", "rate_d")}


def _add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the samples (default: 0)"
    )


def _add_temperature(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="draw z T times as wide as in training: above 1 for more recall, below 1 for more"
        " precision (default: 1)",
    )


# -- train --------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    from scratchgan.progress import Progress
    from scratchgan.run import exact

    session = _resumed(options) if options.resume else _begun(options)
    folder, config = session.folder.path, session.folder.config
    done = session.trainer.iteration
    if done >= config.steps:
        session.run()  # training is complete, but pictures may be missing
        print(f"{folder} is complete at iteration {done:,}; to train on, give a larger --steps N")
        return 0
    print(
        f"{'continuing' if done else 'training'} {config.recipe} in {folder}: data {config.data},"
        f" backend {config.backend}, objective {_played(config)},"
        f" iterations {done:,} → {config.steps:,}"
    )
    with Progress(config.steps, done) as progress:
        outcome = session.run(progress)
    _report(folder, outcome)
    _print_exact(exact(session.trainer, session.data))
    return 128 + outcome.signal if outcome.interrupted else 0  # the convention of shells


def _played(config: Config) -> str:
    """Name the game, or several games, each with the iteration at which it begins."""
    from scratchgan.games import objectives_by_start

    (_, first), *later = objectives_by_start(config.objective).items()
    return " ".join([str(first), *(f"(from {start:,} on {game})" for start, game in later)])


def _begun(options: argparse.Namespace) -> Session:
    from scratchgan.recipes import get_recipe
    from scratchgan.runs import begin_run, read_toml

    changes = (read_toml(options.config) if options.config else {}) | _given(options)
    for name, rate in _rates(options).items():
        optimizer = name.replace("rate", "optimizer")
        in_file = changes.get(optimizer, {})
        changes[optimizer] = in_file | {"rate": rate} if isinstance(in_file, dict) else in_file
    named = changes.pop("recipe", None)  # in the file
    if named is not None:
        get_recipe(named)  # report a wrong name, even if the command line overrides it
    recipe = named if options.recipe is None else options.recipe
    session = begin_run(
        recipe, out=options.out, quick=options.quick, origin=options.origin, **changes
    )
    if recipe is None and options.origin is None and "data" in changes:
        config = session.folder.config
        print(f"no recipe given: using {config.recipe}, which suits the data set {config.data}")
    return session


def _resumed(options: argparse.Namespace) -> Session:
    from scratchgan.runs import resume_run

    return resume_run(
        options.resume, **_given(options), **_rates(options), recipe=options.recipe,
        quick=options.quick, config=options.config, out=options.out, **{"from": options.origin},
    )  # fmt: skip


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
        print(f"measure the samples with `scratchgan evaluate {folder}`")


def _print_exact(found: ExactGame | None) -> None:
    """Print how far a game on the line is from its known optimum."""
    if found is not None:
        print(f"by quadrature, {'' if found.game.unit == 'nats' else 'JSD '}in nats:")
        print(found)


# -- sample and evaluate ------------------------------------------------------------------------


def _sample(options: argparse.Namespace) -> int:
    from scratchgan.run import open_run

    path = open_run(options.folder).write_samples(
        options.out, options.n, options.seed, options.label, options.temperature
    )
    print(f"{options.n:,} samples: {path}")
    return 0


OF_A_PROTOCOL = {"seeds": 5, "recipe": None, "steps": None, "samples": 50_000, "out": None}
"""The options of ``evaluate --protocol``, with their defaults."""


def _evaluate(options: argparse.Namespace) -> int:
    if options.protocol is None:
        return _evaluate_run(options)
    from scratchgan.trials.commands import run_protocol

    for given, name in (
        (options.folder is not None, "the run's folder"),
        (options.n is not None, "--n (for another number of samples give --samples)"),
        (options.temperature != 1, "--temperature"),
    ):
        if given:
            raise ValueError(f"--protocol trains runs of its own; leave out {name}")
    return run_protocol(argparse.Namespace(**OF_A_PROTOCOL | vars(options)))


def _evaluate_run(options: argparse.Namespace) -> int:
    from scratchgan.run import open_run
    from scratchgan.runs import RunFolder
    from scratchgan.workshop.results.records import require_json_name, write_result

    if options.folder is None:
        raise ValueError("no run is given; give its folder, or --protocol NAME")
    for name in OF_A_PROTOCOL:
        if hasattr(options, name):
            raise ValueError(f"--{name} belongs to --protocol NAME; leave it out")
    if options.json is not None:
        require_json_name(options.json)  # before minutes of measuring
    run = open_run(options.folder)
    data = run.data
    if options.json is not None and data.x_test is None:
        raise ValueError(
            f"--json saves measures of images, and data set '{data.name}' has none held out;"
            " leave --json out"
        )
    evaluation = run.evaluate(options.n, options.seed, options.temperature)
    folder = RunFolder.open(options.folder)
    wide = "" if options.temperature == 1 else f", temperature {options.temperature:g}"
    print(f"{options.folder}, checkpoint {folder.chosen_checkpoint().name}{wide}")
    print(evaluation)
    _print_exact(run.exact())
    if options.json is not None:
        generator = run.generator(options.temperature)
        write_result(options.json, folder, generator, evaluation, options.seed, data)
        print(f"written: {options.json}")
    return 0


# -- compare ------------------------------------------------------------------------------------


def _add_compare_options(compare: argparse.ArgumentParser) -> None:
    from scratchgan.trials.commands import add_compare_options

    add_compare_options(compare)


def _compare(options: argparse.Namespace) -> int:
    from scratchgan.trials.commands import run_compare

    return run_compare(options)


# -- bench --------------------------------------------------------------------------------------


def _bench(options: argparse.Namespace) -> int:
    from scratchgan.workshop.bench.run import BenchOptions, run

    suite, threads = options.suite, options.threads or []
    if suite is None and threads and not threads[-1].lstrip("-").isdigit():
        suite = threads.pop()  # argparse takes all words of `--threads 1 2 gemm` as numbers
    asked = BenchOptions(
        suite=suite,
        backend=options.backend,
        threads=tuple(map(_whole_number, threads)),
        peers=options.peers,
        json=options.json,
        quick=options.quick,
        only=options.only,
    )
    report = run(asked, lambda text: print(text, flush=True))
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
    from scratchgan.games import GAMES, get_game
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
    print("games (--objective), and what G descends against the best D;")
    print("p is the density of the data, q that of the samples, m = (p + q)/2:")
    _print_columns({name: get_game(name).divergence or "not known" for name in GAMES})
    print(f"data folder: {os.environ.get('SCRATCHGAN_DATA_DIR', 'SCRATCHGAN_DATA_DIR is not set')}")
    print(f"data cache: {pooch.os_cache('scratchgan')}")
    return 0


def _print_columns(rows: dict[str, str]) -> None:
    """Print names and their texts in two columns."""
    width = max(map(len, rows))
    for name, text in rows.items():
        print(f"  {name:<{width}}  {text}")


def _warm() -> None:
    """Compile the cpu backend's kernels, or load them from the disk."""
    import time

    from tqdm import tqdm

    from scratchgan.backends import get_backend

    get_backend("cpu")  # raises an error with the reason if it does not work here
    from scratchgan.backends.cpu.kernel import KERNELS, compile_all

    start = time.perf_counter()
    with tqdm(total=len(KERNELS), unit="kernel", disable=None) as bar:
        compile_all(lambda name: bar.update())
    print(f"kernels compiled or loaded: {len(KERNELS)}, in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
