"""Runs: settings, folder, checkpoints, resuming, pictures."""

from scratchgan.runs.build import build_trainer, load_generator, load_trainer
from scratchgan.runs.checkpoint import read_checkpoint, write_checkpoint
from scratchgan.runs.config import Config, read_toml
from scratchgan.runs.folder import RunFolder, environment, next_free_folder
from scratchgan.runs.session import Outcome, Session

__all__ = [
    "Config",
    "Outcome",
    "RunFolder",
    "Session",
    "build_trainer",
    "environment",
    "load_generator",
    "load_trainer",
    "next_free_folder",
    "read_checkpoint",
    "read_toml",
    "write_checkpoint",
]
