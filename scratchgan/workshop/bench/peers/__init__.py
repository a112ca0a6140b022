"""
Who is measured beside us, one file a library.

A library is loaded when it is asked for, and only in a worker; one that is not
installed, or that does not load, is named with the reason and the others go on.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from scratchgan.workshop.bench.cases import BenchCase
from scratchgan.workshop.bench.timing import Contender, reason

__all__ = ["PEERS", "Library", "Peer", "absent_peers", "load_peers", "peer_names"]


class Library(NamedTuple):
    """Where a peer comes from."""

    package: str
    title: str
    module: str  # of scratchgan.workshop.bench.peers


_NUMPY = Library("numpy", "NumPy", "with_numpy")
_TORCH = Library("torch", "PyTorch", "with_torch")
_JAX = Library("jax", "JAX", "with_jax")

PEERS = {
    "numpy": _NUMPY,
    "torch-eager": _TORCH,
    "torch-graphs": _TORCH,
    "torch-compile": _TORCH,
    "jax-jit": _JAX,
    "jax-scan": _JAX,
}
"""All peers in the order of the tables, each with its library."""

HOST_ALONE, GPU_ALONE = ("numpy", "torch-compile"), ("torch-graphs",)


class Peer(Protocol):
    """A loaded library. A case that it has no part in gives an empty list."""

    def contenders(self, case: BenchCase) -> list[Contender]:
        """Return those of the case; the work of preparing them is left to their ``make``."""


def peer_names(choice: str, gpu: bool = False) -> tuple[str, ...]:
    """
    Return the peers that one of ``PEER_CHOICES`` asks for, whether or not installed.

    Parameters
    ----------
    choice : str
    gpu : bool
        Whether they are to compute on a GPU, where NumPy does not, and graphs are captured.
    """
    here = [name for name in PEERS if name not in (HOST_ALONE if gpu else GPU_ALONE)]
    if choice in ("none", "numpy"):
        return tuple(name for name in here if name == choice)
    return tuple(name for name in here if choice == "all" or name != "torch-compile")


def absent_peers(names: Sequence[str]) -> dict[str, Library]:
    """Return those whose library is not installed."""
    return {name: PEERS[name] for name in names if find_spec(PEERS[name].package) is None}


def load_peers(
    names: Sequence[str], threads: int, gpu: bool = False
) -> tuple[list[Peer], dict[str, str]]:
    """
    Load the libraries of some peers.

    Parameters
    ----------
    names : sequence of str
    threads : int
        Those that they may use, on the host.
    gpu : bool
        Let them compute on the GPU.

    Returns
    -------
    list of Peer, dict of str to str
        Those that were loaded, and for each of the others the reason.
    """
    loaded, failed = [], {}
    for library in dict.fromkeys(PEERS[name] for name in names):
        wanted = [name for name in names if PEERS[name] == library]
        try:
            module = importlib.import_module(f"scratchgan.workshop.bench.peers.{library.module}")
            loaded.append(module.load(wanted, threads, gpu))
        except Exception as error:  # a broken library may raise anything as it is imported
            failed.update(dict.fromkeys(wanted, reason(error)))
    return loaded, failed
