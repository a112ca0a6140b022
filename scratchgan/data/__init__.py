"""Data sets to train on: toy densities, small digits, MNIST and Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scratchgan import checks
from scratchgan.data.dataset import Dataset
from scratchgan.data.digits import digits as _digits
from scratchgan.data.idx import read_idx
from scratchgan.data.mnist import fashion_mnist as _fashion_mnist
from scratchgan.data.mnist import mnist as _mnist
from scratchgan.data.toy import TOYS
from scratchgan.data.toy import toy as _toy

__all__ = ["Dataset", "dataset_names", "load", "read_idx", "usual_name"]

_LOADERS: dict[str, Callable[..., Dataset]] = {
    **{name: partial(_toy, name) for name in TOYS},
    "digits": _digits,
    "mnist": _mnist,
    "fashion-mnist": _fashion_mnist,
}


def dataset_names() -> tuple[str, ...]:
    """Return the names that ``load`` knows."""
    return tuple(_LOADERS)


def load(name: str, **options: Any) -> Dataset:
    """
    Return a data set by its name.

    Parameters
    ----------
    name : str
        One of ``dataset_names()``; fashion_mnist is fashion-mnist.
    **options
        ``n`` and ``seed`` for the toy sets; the others have none.

    Raises
    ------
    UnknownNameError
        For another name.
    ValueError
        For another option, or a value that it cannot have.
    DataError
        If its files are missing or damaged, with the remedy.

    Examples
    --------
    >>> print(load("ring", n=1000, seed=1).describe())
    ring: 1,000 examples of 2 features, float32
    values:  from -1.45 to 1.45
    labels:  none
    density: GaussianMixture('ring', modes=8, dim=2, std=0.0141443)
    source:  drawn by scratchgan from the density, seed 1
    licence: none needed
    """
    known = checks.one_of("data set", usual_name(name), _LOADERS)
    for option in options:
        if known not in TOYS or option not in ("n", "seed"):
            expected = "n and seed" if known in TOYS else "none"
            raise ValueError(f"load: '{known}' has no option '{option}'; expected {expected}")
    return _LOADERS[known](**options)


def usual_name(name: object) -> object:
    """Return a name as it is listed: fashion_mnist is fashion-mnist."""
    return name.replace("_", "-") if isinstance(name, str) else name
