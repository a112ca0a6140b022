"""
The results of runs: a JSON file and pictures for each, and one table of all.

``scratchgan evaluate FOLDER --json docs/results/NAME.json`` writes the file and the pictures;
``python -m scratchgan.workshop.results.records docs/results docs/results.md`` writes the table.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchgan.errors import RunError
from scratchgan.fields import settings_in
from scratchgan.files import write_atomically, write_json
from scratchgan.gan.settings import Settings
from scratchgan.runs.checkpoint import read_checkpoint
from scratchgan.runs.folder import MEASURED, RunFolder

if TYPE_CHECKING:
    from scratchgan.data import Dataset
    from scratchgan.gan import Generator
    from scratchgan.metrics import Evaluation

__all__ = ["main", "read_results", "require_json_name", "results_table", "write_result"]

START, END = "<!-- results: begin -->", "<!-- results: end -->"
PICTURES = ("samples", "neighbours", "lines")


def require_json_name(path: Path) -> None:
    """
    Raise ValueError unless a name ends in .json and its pictures overwrite no other files.

    An earlier result with this name is overwritten, with its pictures.
    """
    if path.suffix != ".json":
        raise ValueError(f"--json {path}: expected a name that ends in .json")
    if not _is_result(path):
        there = [picture for name in PICTURES if (picture := _picture(path, name)).exists()]
        if there:
            raise ValueError(
                f"--json {path}: it would overwrite {there[0]}, which is not from an earlier result"
                f" {path.name}; choose another name, or move the file"
            )


def _picture(path: Path, name: str) -> Path:
    """Return the path of a picture of a result."""
    return path.with_name(f"{path.stem if name == 'samples' else f'{path.stem}-{name}'}.png")


def _is_result(path: Path) -> bool:
    """Whether a file is a result that ``write_result`` has written."""
    if not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"recipe", "command", "config", "chosen"} <= found.keys()


def write_result(
    path: Path,
    folder: RunFolder,
    generator: Generator,
    evaluation: Evaluation,
    seed: int,
    data: Dataset,
) -> None:
    """
    Write a run's settings and metrics to a file, and its pictures beside it.

    For NAME.json the pictures are NAME.png, NAME-neighbours.png and NAME-lines.png, from
    ``result_figures``.

    Parameters
    ----------
    path : Path
        A name that ends in .json.
    folder : RunFolder
    generator : Generator
        The run's generator, from ``load_generator``.
    evaluation : Evaluation
        Its evaluation, of images.
    seed : int
        The seed of the samples.
    data : Dataset
        The training data.

    Raises
    ------
    ValueError
        If the name does not end in .json, or if a picture would overwrite another file.
    """
    from scratchgan.runs.render import save_figure
    from scratchgan.workshop.results.figures import result_figures

    require_json_name(path)
    config, figures = folder.config, evaluation.figures or {}
    chosen = read_checkpoint(folder.chosen_checkpoint())
    records = folder.read_metrics()
    last = records[-1] if records else {"step": 0, "epoch": 0.0}
    content = {
        "recipe": config.recipe,
        "command": _command(folder),
        "seed": config.seed,
        "samples_seed": seed,
        "temperature": generator.temperature,
        "config": config.to_plain(),
        "environment": folder.read_environment(),
        "seconds": folder.seconds(),
        "trained": {"iterations": last["step"], "epochs": last["epoch"]},
        "chosen": {
            "iteration": chosen.counters["iteration"],
            "by": (config.keep_best and config.measure) or "the end of training",
        },
        "metrics": figures.get("generated", {}),
        "real": figures.get("real", {}),
        "over_epochs": folder.read_metrics(MEASURED),
    }
    pictures = result_figures(generator, data, config.validation, seed)
    # The file comes first: after a kill, it shows that the pictures belong to this result.
    write_json(path, content)
    for name, figure in pictures.items():
        save_figure(_picture(path, name), figure)


def _command(folder: RunFolder) -> str:
    """
    Return the command of the run: the recipe, the origin, and settings that differ from the recipe.

    Settings without an option are in FILE.toml; the run's settings have its content.
    """
    from scratchgan.runs.config import Config

    config = folder.config
    words = ["scratchgan", "train", config.recipe]
    if config.origin is not None:
        words += ["--from", config.origin["run"]]
    recipe, in_a_file = Config.from_recipe(config.recipe), False
    for each in settings_in(Settings).values():
        value = getattr(config, each.name)
        if value != getattr(recipe, each.name):
            plain = value if value is None else each.kind.to_plain(each.name, value)
            if each.option and not isinstance(plain, dict | list):  # objectives in turn, a game
                words += each.words(plain)
            else:
                in_a_file = True
    return shlex.join([*words, *(["--config", "FILE.toml"] if in_a_file else [])])


# -- the table ------------------------------------------------------------------------------------


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all results of a folder by the names of their files, in alphabetical order."""
    found = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(f"{path} is not a result: {error}; write it again") from None
    return found


def results_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return results as a Markdown table: one row each, and a last row for the real images."""
    if not results:
        return ""
    rows = [
        [
            "run", "minutes", "epochs", "best at", "Parzen (nats)", "classifier score", "Fréchet",
            "kernel", "precision", "recall", "label as asked",
        ]
    ]  # fmt: skip
    for name, result in results.items():
        per_epoch = result["trained"]["iterations"] / max(result["trained"]["epochs"], 1e-9)
        rows.append(
            [
                f"[{name}](results/{name}.json){_warmth(result)}",
                _minutes(result),
                f"{result['trained']['epochs']:.0f}",
                f"{result['chosen']['iteration'] / max(per_epoch, 1e-9):.0f}",
                *_cells(result["metrics"]),
            ]
        )
    rows.append(["real test images", "", "", "", *_cells(next(iter(results.values()))["real"])])
    rule = ["---"] * len(rows[0])
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def _warmth(result: Mapping[str, Any]) -> str:
    temperature = result.get("temperature", 1)
    return "" if temperature == 1 else f" at temperature {temperature:g}"


def _minutes(result: Mapping[str, Any]) -> str:
    if result["seconds"] is None:
        return ""
    origin = result["config"].get("origin")
    after = f" after {origin['run']}" if origin else ""
    return f"{result['seconds'] / 60:.0f}{after}"


def _cells(metrics: Mapping[str, Any]) -> list[str]:
    parzen, covered = metrics["parzen"], metrics["precision_recall"]
    agreement = metrics.get("label_agreement")
    return [
        f"{parzen['mean']:.1f} ± {parzen['error']:.1f} (σ {parzen['sigma']:.3f},"
        f" N {parzen['samples']:,})",
        f"{metrics['classifier_score']['mean']:.2f}",
        f"{metrics['frechet']['value']:.2f}",
        f"{metrics['kernel']['value']:.3f}",
        f"{covered['precision']:.3f}",
        f"{covered['recall']:.3f}",
        "" if agreement is None else f"{100 * agreement['share']:.1f} %",
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the table to a page, between its two marks; return the exit status."""
    folder, page = map(Path, arguments)
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(START)
    _, ending, after = rest.partition(END)
    if not (mark and ending):
        raise RunError(f"{page}: the lines {START} and {END} are missing; the table goes between")
    table = results_table(read_results(folder))
    new = f"{before}{START}\n{table}\n{END}{after}"
    write_atomically(page, lambda stream: stream.write(new.encode()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
