"""
A classifier as a file: one .npz without pickle.

``params`` is the flat array of all parameters. ``meta`` is a JSON text with the format, the
settings, the seed, the data's checksum, the layout, the history and a SHA-256 of the whole content.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Backend
from scratchgan.errors import RunError
from scratchgan.files import read_archive, write_archive
from scratchgan.metrics.classifier.model import Classifier, build
from scratchgan.metrics.classifier.settings import ClassifierSettings

__all__ = ["FORMAT", "read_classifier", "write_classifier"]

FORMAT = 2
KIND = "classifier"


def write_classifier(path: Path, classifier: Classifier) -> None:
    """
    Write a classifier with ``write_atomically``.

    Raises
    ------
    RunError
        If the disk is full or the folder is not writable.
    """
    network = classifier.network
    params: NDArray[Any] = network.ops.to_numpy(network.flat)
    meta = {
        "kind": KIND,
        "format": FORMAT,
        "settings": asdict(classifier.settings),
        "seed": classifier.seed,
        "data_sha256": classifier.data_sha256,
        "features": network.layer.in_features,
        "classes": network.layer.output_width(network.layer.in_features),
        "layout": network.layout.describe(),
        "history": classifier.history,
    }
    write_archive(path, meta, {"params": params}, _unwritten)


def _unwritten(error: OSError, path: Path) -> RunError:
    return RunError(
        f"the classifier could not be written to {path}: {error.strerror or error}; free space"
        " there, or choose a writable folder"
    )


def read_classifier(path: Path, backend: str | Backend | None = None) -> Classifier:
    """
    Read a classifier and verify its checksum.

    Raises
    ------
    RunError
        If the file is missing, damaged, not a classifier or of another format.
    """
    try:
        meta, arrays = read_archive(path, FORMAT)
        kind, version = meta.get("kind"), meta["format"]
        if kind == KIND and version == FORMAT:
            params = arrays["params"]
            if not np.isfinite(params).all():
                raise ValueError("its parameters are not finite")
            settings = ClassifierSettings(**meta["settings"])
    except FileNotFoundError:
        raise RunError(f"there is no classifier {path}; train one and save it there") from None
    except OSError as error:
        raise RunError(f"classifier {path} cannot be read: {error.strerror}") from None
    except Exception as error:  # a malformed meta can raise many kinds of error
        raise RunError(
            f"classifier {path} is truncated or corrupted ({error}); remove it and train it again"
        ) from None
    if kind != KIND:
        raise RunError(f"{path} is not a classifier, but another .npz file; give a classifier")
    if version != FORMAT:
        raise RunError(
            f"classifier {path} has format {version}, this version reads {FORMAT}; remove it and"
            " train it again"
        )
    network = build(settings, meta["features"], meta["classes"], backend=backend)
    here = (network.layout.describe(), (network.layout.size,), network.dtype)
    if here != (meta["layout"], params.shape, params.dtype):
        raise RunError(
            f"classifier {path} is of another architecture than this version builds; remove it"
            " and train it again"
        )
    network.ops.copy_(network.flat, network.ops.asarray(params))
    return Classifier(
        network,
        settings,
        meta["seed"],
        meta["data_sha256"],
        meta["history"],
        str(path),
    )
