"""Data sets to train on: toy densities, small digits, MNIST and Fashion-MNIST, one's own files."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from scratchgan import checks
from scratchgan.data.dataset import Dataset
from scratchgan.data.digits import digits as _digits
from scratchgan.data.idx import read_idx
from scratchgan.data.mnist import fashion_mnist as _fashion_mnist
from scratchgan.data.mnist import mnist as _mnist
from scratchgan.data.own import absolute, is_path, own
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


def load(
    name: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Dataset:
    """
    Return a data set by its name, or one of your own files.

    Parameters
    ----------
    name : str or path
        One of ``dataset_names()`` (fashion_mnist is fashion-mnist); or a table ``points.csv``, an
        ``array.npy``, a folder ``images/`` of PNGs: ``scratchgan.data.own`` says what they hold.
    labels : path, optional
        A file with the class of each example of your own, ``.npy`` or ``.csv``.
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
    found = usual_name(name)
    if is_path(name) and found not in dataset_names():
        _require_options(str(found), options, ())
        return own(name, labels)
    known = checks.one_of("data set", found, _LOADERS)
    if labels is not None:
        raise ValueError(f"load: labels is for a file of your own; '{known}' has those it has")
    _require_options(known, options, ("n", "seed") if known in TOYS else ())
    return _LOADERS[known](**options)


def _require_options(name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    for option in options:
        if option not in known:
            expected = " and ".join(known) or "none"
            raise ValueError(f"load: '{name}' has no option '{option}'; expected {expected}")


def usual_name(name: object) -> object:
    """
    Return what names a data set anywhere: a name as it is listed, a path as an absolute one.

    Examples
    --------
    >>> usual_name("fashion_mnist"), usual_name("/data/../data/my_points.csv")
    ('fashion-mnist', '/data/my_points.csv')
    """
    listed = name.replace("_", "-") if isinstance(name, str) else name
    if (isinstance(listed, str) and listed in _LOADERS) or not is_path(name):
        return listed
    return absolute(name)
