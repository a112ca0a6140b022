"""Train a classifier, or load it from the cache, and print its accuracy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scratchgan.backends import get_backend
from scratchgan.command import run_command
from scratchgan.data import load
from scratchgan.metrics.classifier.cache import trained_classifier
from scratchgan.metrics.classifier.files import write_classifier
from scratchgan.metrics.classifier.settings import SETTINGS, settings_for


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scratchgan.metrics.classifier", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("data", help=" or ".join(sorted(SETTINGS)))
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (default: 0)")
    parser.add_argument(
        "--quick", action="store_true", help="train for two epochs, to check that all works"
    )
    parser.add_argument("--again", action="store_true", help="train it even if it is in the cache")
    parser.add_argument("--backend", metavar="NAME", help="backend for all arithmetic")
    parser.add_argument("--out", type=Path, metavar="FILE.npz", help="save a copy in this file")
    return run_command("classifier", lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    settings = settings_for(options.data)
    settings = settings.quick() if options.quick else settings
    backend = get_backend(options.backend)
    data = load(options.data)
    classifier = trained_classifier(
        data, settings, options.seed, backend=backend, again=options.again
    )
    print(f"classifier of {data.name}, seed {options.seed}: {settings}")
    held_back = classifier.history[-1]["validation_accuracy"]
    rows = [("training images held back", settings.validation, held_back)]
    if data.x_test is not None and data.labels_test is not None:
        accuracy = classifier.accuracy(data.x_test, data.labels_test)
        rows.append(("test images", len(data.x_test), accuracy))
    for name, n, accuracy in rows:
        print(f"{name:<26}{100 * accuracy:6.2f} % of {n:,} right")
    if options.out is not None:
        write_classifier(options.out, classifier)
        print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
