"""
The peers that are measured beside us, one file for each library.

A library is loaded on demand, and only in a worker. If one is not installed or does not
load, it is named with the reason, and the others are measured.
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
    """The library of a peer."""

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
"""All peers, in the order of the tables, each with its library."""

HOST_ALONE, GPU_ALONE = ("numpy", "torch-compile"), ("torch-graphs",)


class Peer(Protocol):
    """A loaded library."""

    def contenders(self, case: BenchCase) -> list[Contender]:
        """Return the contenders of a case, none if it has no part in it; ``make`` prepares them."""


def peer_names(choice: str, gpu: bool = False) -> tuple[str, ...]:
    """
    Return the peers of one of ``PEER_CHOICES``, whether installed or not.

    Parameters
    ----------
    choice : str
    gpu : bool
        Whether they compute on a GPU: without NumPy, and also with captured graphs.
    """
    here = [name for name in PEERS if name not in (HOST_ALONE if gpu else GPU_ALONE)]
    if choice in ("none", "numpy"):
        return tuple(name for name in here if name == choice)
    return tuple(name for name in here if choice == "all" or name != "torch-compile")


def absent_peers(names: Sequence[str]) -> dict[str, Library]:
    """Return the peers whose library is not installed."""
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
        The number of threads that they may use on the host.
    gpu : bool
        Whether they compute on the GPU.

    Returns
    -------
    list of Peer, dict of str to str
        The loaded peers, and for each of the others the reason.
    """
    loaded, failed = [], {}
    for library in dict.fromkeys(PEERS[name] for name in names):
        wanted = [name for name in names if PEERS[name] == library]
        try:
            module = importlib.import_module(f"scratchgan.workshop.bench.peers.{library.module}")
            loaded.append(module.load(wanted, threads, gpu))
        except Exception as error:  # the import of a broken library may raise anything
            failed.update(dict.fromkeys(wanted, reason(error)))
    return loaded, failed
