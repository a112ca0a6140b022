"""Runs: settings, folder, checkpoints, resuming, pictures."""

from scratchgan.runs.begin import begin_run, choose_settings, resume_run
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
    "begin_run",
    "build_trainer",
    "choose_settings",
    "environment",
    "load_generator",
    "load_trainer",
    "next_free_folder",
    "read_checkpoint",
    "read_toml",
    "resume_run",
    "write_checkpoint",
]
