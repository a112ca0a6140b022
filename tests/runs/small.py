"""A run small enough to be made in a blink."""

import json

import numpy as np

from scratchgan.data import load
from scratchgan.files.npz import checksum
from scratchgan.runs import Config, RunFolder, Session

CHANGES = {
    "steps": 6,
    "batch_size": 8,
    "log_every": 2,
    "sample_every": 100,
    "checkpoint_every": 2,
}


def start(path, recipe="gaussian-1d", **changes):
    config = Config.from_recipe(recipe, {**CHANGES, **changes})
    return Session.start(path, config, load(config.data))


def finished(path, recipe="gaussian-1d", **changes):
    session = start(path, recipe, **changes)
    session.run()
    return session.folder


def resume(folder, steps=None):
    return Session.resume(RunFolder.open(folder.path), load(folder.config.data), steps)


def forge(path, change):
    """Let ``change(meta, arrays)`` change a checkpoint in place; its checksum fits afterwards."""
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays.pop("meta")))
    del meta["sha256"]
    change(meta, arrays)
    meta["sha256"] = checksum(meta, arrays)
    with open(path, "wb") as stream:
        np.savez(stream, meta=np.array(json.dumps(meta)), **arrays)


def without_settings(path):
    """As checkpoints were before they kept what they were made with."""
    forge(path, lambda meta, arrays: meta.pop("made_with"))
