"""Classifiers that are trained once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from scratchgan import checks
from scratchgan.backends import Backend
from scratchgan.data import Dataset
from scratchgan.errors import RunError
from scratchgan.metrics.classifier.files import FORMAT, read_classifier, write_classifier
from scratchgan.metrics.classifier.model import Classifier
from scratchgan.metrics.classifier.settings import ClassifierSettings, settings_for
from scratchgan.metrics.classifier.training import digest, train

__all__ = ["cache_path", "trained_classifier"]


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def trained_classifier(
    data: Dataset,
    settings: ClassifierSettings | None = None,
    seed: int = 0,
    *,
    backend: str | Backend | None = None,
    folder: Path | None = None,
    again: bool = False,
    tell: Callable[[str], object] = _on_stderr,
) -> Classifier:
    """
    Return the classifier of a data set from the cache; if it is not there, train and keep it.

    The same data, settings and seed give the same classifier, so that measures with it can be
    compared.

    Parameters
    ----------
    data : Dataset
        With labels.
    settings : ClassifierSettings, optional
        Default: ``settings_for(data.name)``.
    seed : int
    backend : str or Backend, optional
        The backend for all arithmetic. A classifier from the cache may have been trained on
        another backend.
    folder : Path, optional
        Default: ``pooch.os_cache("scratchgan") / "classifiers"``.
    again : bool
        Whether to train even if the classifier is in the cache.
    tell : callable
        It gets a line of text before and after a training. Default: print to stderr.

    Raises
    ------
    UnknownNameError, DataError, NonFiniteError
        As in ``train``. If the cache cannot be read or written, there is only a warning.
    """
    settings = settings or settings_for(data.name)
    seed = checks.seed("classifier", "seed", seed)
    path = cache_path(data, settings, seed, folder)
    problem = ""
    # If the folder is not readable, the file does not exist for us. Writing it gives a warning.
    if not again and os.path.exists(path):
        try:
            return read_classifier(path, backend)
        except RunError as error:
            problem = f"{error} (it is trained again now)"
    tell(f"training a classifier for '{data.name}', once: {settings} …")
    begin = time.perf_counter()
    classifier = train(data, settings, seed, backend)
    accuracy = 100 * classifier.history[-1]["validation_accuracy"]
    result = (
        f"trained in {time.perf_counter() - begin:.0f} s; right for {accuracy:.2f} % of the"
        f" {settings.validation:,} training examples held back"
    )
    try:
        write_classifier(path, classifier)
        classifier.path = str(path)
        tell(f"{result}. Kept in {path}")
    except RunError as error:
        problem = f"{error}. Until then, it is trained again each time"
        tell(result)
    if problem:
        warnings.warn(problem, stacklevel=2)
    return classifier


def cache_path(
    data: Dataset, settings: ClassifierSettings, seed: int, folder: Path | None = None
) -> Path:
    """Return the path of a classifier; its name depends on data, settings, seed and format."""
    if folder is None:
        import pooch  # here, because the import is slow

        folder = Path(pooch.os_cache("scratchgan")) / "classifiers"
    key = json.dumps([FORMAT, digest(data), asdict(settings), seed], sort_keys=True)
    short = hashlib.sha256(key.encode()).hexdigest()[:16]
    return folder / f"{data.name}-seed{seed}-{short}.npz"
