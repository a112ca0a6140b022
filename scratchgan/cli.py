"""The command line: scratchgan train | sample | evaluate | bench | info."""

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
    """
    A parser, of the command line or of one command, to which --st is no --steps.

    Attributes
    ----------
    fill : callable or None
        ``fill(parser)`` adds the options that only who gives the command waits for.
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
    train.fill = _add_train_options  # they cost an import of NumPy

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


def _add_train_options(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "recipe",
        nargs="?",
        help="one that `scratchgan info` lists, or a Python file with a `recipe` (digits, or the"
        " one that suits --data)",
    )
    train.add_argument("--quick", action="store_true", help="a minute of it: does all work?")
    for each in _offered():
        _add_setting(train, each)
    train.add_argument("--config", type=Path, metavar="FILE.toml", help="more settings")
    train.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the run's own folder (runs/RECIPE-001, …)"
    )
    train.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="FOLDER",
        help="start from that run's newest checkpoint; other options override its settings",
    )
    train.add_argument("--resume", type=Path, metavar="FOLDER", help="continue the run there")


def _offered() -> list[Setting]:
    """The settings that are options of the command line."""
    from scratchgan.fields import settings_in
    from scratchgan.gan.settings import Settings

    return [each for each in settings_in(Settings).values() if each.option]


def _add_setting(train: argparse.ArgumentParser, setting: Setting) -> None:
    from scratchgan.fields import NONE, Flag

    def parse(text: str) -> Any:
        return setting.parse(text)

    parse.__name__ = setting.kind.parse.__name__  # argparse says what a text is not: "int"
    how: dict[str, Any] = {"type": parse, "metavar": setting.kind.metavar}
    if isinstance(setting.kind, Flag):
        how = {"action": argparse.BooleanOptionalAction}
    may_be_none = f" ({NONE} for none)" if setting.optional else ""
    train.add_argument(
        setting.flag, default=argparse.SUPPRESS, help=setting.help + may_be_none, **how
    )


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Settings that the command line gives."""
    names = [each.name for each in _offered()]
    return {name: value for name, value in vars(options).items() if name in names}


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
    from scratchgan.progress import Progress
    from scratchgan.run import exact

    session = _resumed(options) if options.resume else _begun(options)
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
    with Progress(config.steps, done) as progress:
        outcome = session.run(progress)
    _report(folder, outcome)
    _print_exact(exact(session.trainer, session.data))
    return 128 + outcome.signal if outcome.interrupted else 0  # as shells say it


def _played(config: Config) -> str:
    """Name the game, or several with the iterations from which they are played."""
    from scratchgan.games import objectives_by_start

    (_, first), *later = objectives_by_start(config.objective).items()
    return " ".join([first.name, *(f"(from {start:,} on {o.name})" for start, o in later)])


def _begun(options: argparse.Namespace) -> Session:
    from scratchgan.recipes import get_recipe
    from scratchgan.runs import begin_run, read_toml

    changes = (read_toml(options.config) if options.config else {}) | _given(options)
    named = changes.pop("recipe", None)  # in the file
    if named is not None:
        get_recipe(named)  # a mistake is told, though the command line has the last word
    recipe = named if options.recipe is None else options.recipe
    session = begin_run(
        recipe, out=options.out, quick=options.quick, origin=options.origin, **changes
    )
    if recipe is None and options.origin is None and "data" in changes:
        config = session.folder.config
        print(f"no recipe is named: {config.recipe}, which suits the data set {config.data}")
    return session


def _resumed(options: argparse.Namespace) -> Session:
    from scratchgan.runs import resume_run

    return resume_run(
        options.resume, **_given(options), recipe=options.recipe, quick=options.quick,
        config=options.config, out=options.out, **{"from": options.origin},
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
        print(f"measure them with `scratchgan evaluate {folder}`")


def _print_exact(found: ExactGame | None) -> None:
    """On the line the optimum is known: say how far from it the game stands."""
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


def _evaluate(options: argparse.Namespace) -> int:
    from scratchgan.run import open_run
    from scratchgan.runs import RunFolder
    from scratchgan.workshop.results.records import require_json_name, write_result

    if options.json is not None:
        require_json_name(options.json)  # now, not after minutes of measuring
    run = open_run(options.folder)
    data = run.data
    if options.json is not None and data.x_test is None:
        raise ValueError(f"--json: figures are written of images; '{data.name}' are none")
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


# -- bench --------------------------------------------------------------------------------------


def _bench(options: argparse.Namespace) -> int:
    from scratchgan.workshop.bench.run import BenchOptions, run

    suite, threads = options.suite, options.threads or []
    if suite is None and threads and not threads[-1].lstrip("-").isdigit():
        suite = threads.pop()  # `--threads 1 2 gemm`: argparse leaves nothing for the suite
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
