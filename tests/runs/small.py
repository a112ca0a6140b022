"""A run small enough to be made in a blink."""

from scratchgan.data import load
from scratchgan.runs import Config, Session

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
