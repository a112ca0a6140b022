"""Dataset: examples as rows of a float32 array, with labels, image shape, range and source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan import checks
from scratchgan.errors import DataError, ShapeError
from scratchgan.theory.densities import Density

__all__ = ["Dataset", "Examples"]

Floats = NDArray[np.float32]
Labels = NDArray[np.int32]


class Examples(NamedTuple):
    """Some examples of a data set."""

    x: Floats
    labels: Labels | None


@dataclass(frozen=True, eq=False)
class Dataset:
    """
    A data set, which is checked when it is made. Its arrays are read-only.

    Attributes
    ----------
    name : str
    x : float32 array (n, features), C-contiguous
    labels : int32 array (n,) or None
        Classes 0, …, classes − 1; each has at least one example.
    label_names : tuple of str
        One for each class; empty without labels.
    image_shape : tuple of int or None
        (height, width) if a row of x is an image.
    value_range : tuple of float
        (low, high); all values lie between these bounds.
    source, licence : str
    density : Density or None
        The density that x was drawn from, if it is known.
    x_test : float32 array (n_test, features) or None
        Examples held out from training.
    labels_test : int32 array (n_test,) or None

    Raises
    ------
    DataError
        If an array is empty, has a wrong shape, is not floating point or is not finite; or if
        the labels, names, image shape or range do not match the arrays.
    ValueError
        If another argument is of the wrong kind.
    """

    name: str
    x: Floats
    labels: Labels | None
    label_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    value_range: tuple[float, float]
    source: str
    licence: str
    density: Density | None = None
    x_test: Floats | None = None
    labels_test: Labels | None = None

    def __post_init__(self) -> None:
        for field in ("name", "source", "licence"):
            checks.text("data set", field, getattr(self, field))
        self._set("x", _examples(self.name, "x", self.x))
        if self.x_test is not None:
            self._set("x_test", _examples(self.name, "x_test", self.x_test))
            if self.x_test.shape[1] != self.features:
                raise self._error(
                    f"x_test has {self.x_test.shape[1]} features and x has {self.features};"
                    " give both the same"
                )
        self._set("label_names", self._checked_names())
        for split in ("", "_test"):
            if getattr(self, f"labels{split}") is not None:
                self._set(f"labels{split}", self._checked_labels(split))
        if self.labels is not None and self.x_test is not None and self.labels_test is None:
            raise self._error("has labels for x but none for x_test; give labels_test")
        if self.labels is None and (self.labels_test is not None or self.label_names):
            raise self._error("has labels_test or label_names but no labels; give labels")
        if self.image_shape is not None:
            self._set("image_shape", self._checked_image_shape(self.image_shape))
        if self.density is not None:
            checks.instance(self._owner, "density", self.density, Density, "a Density, or None")
            if self.density.dim != self.features:
                raise self._error(
                    f"the density has dimension {self.density.dim} and x has {self.features}"
                    " features; expected the same number"
                )
        self._set("value_range", self._checked_range())
        low, high = self.value_range
        for which, part in (("x", self.x), ("x_test", self.x_test)):
            if part is not None and not (low <= part.min() and part.max() <= high):
                raise self._error(
                    f"{which} has values from {part.min():g} to {part.max():g}, outside"
                    f" value_range ({low:g}, {high:g}); scale the values or state their range"
                )

    @classmethod
    def from_array(
        cls,
        x: ArrayLike,
        *,
        name: str,
        labels: ArrayLike | None = None,
        label_names: tuple[str, ...] = (),
        image_shape: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | None = None,
        source: str = "an array",
        licence: str = "not stated",
        density: Density | None = None,
    ) -> Dataset:
        """
        Make a data set from your own array; the values are copied.

        Parameters
        ----------
        x : floating-point array (n, features), or (n, height, width) for images
        name : str
        labels : integer array (n,), optional
            Classes from 0; each must have at least one example.
        label_names : tuple of str, optional
            "0", "1", … by default.
        image_shape, value_range, source, licence, density : optional
            The attributes of the same name; the default range is that of the values.

        Raises
        ------
        DataError, ValueError
            As for the class.

        Examples
        --------
        >>> data = Dataset.from_array(np.random.default_rng(0).random((100, 8, 8)), name="mine")
        >>> data.n, data.features, data.image_shape, data.classes
        (100, 64, (8, 8), 0)
        """
        name = checks.text("data set", "name", name)
        rows = _as_array(name, "x", x)
        if rows.ndim == 3 and image_shape is None:
            image_shape = rows.shape[1:]
            rows = rows.reshape(len(rows), math.prod(image_shape))
        rows = _examples(name, "x", rows.copy())
        classes = None
        if labels is not None:
            classes = checks.labels(f"data set '{name}'", "labels", labels, len(rows)).copy()
            label_names = label_names or tuple(str(k) for k in range(int(classes.max()) + 1))
        return cls(
            name=name,
            x=rows,
            labels=classes,
            label_names=label_names,
            image_shape=image_shape,
            value_range=(
                (float(rows.min()), float(rows.max())) if value_range is None else value_range
            ),
            source=source,
            licence=licence,
            density=density,
        )

    @property
    def n(self) -> int:
        """Number of training examples."""
        return len(self.x)

    @property
    def features(self) -> int:
        """Number of features of an example."""
        return int(self.x.shape[1])

    @property
    def classes(self) -> int:
        """Number of classes; 0 without labels."""
        return len(self.label_names)

    def split(self, validation: int) -> tuple[Examples, Examples]:
        """
        Return the examples to train on, and the last ``validation`` ones, which are held back.

        Raises
        ------
        ValueError
            If that is no whole number from 0, or leaves nothing to train on.
        """
        n = self.n - checks.whole(self._owner, "validation", validation, 0, self.n - 1)
        labels = (None, None) if self.labels is None else (self.labels[:n], self.labels[n:])
        return Examples(self.x[:n], labels[0]), Examples(self.x[n:], labels[1])

    def describe(self) -> str:
        """Return a readable summary: shape, range, labels, source and licence."""
        kind = f"{self.features} feature{'s' if self.features > 1 else ''}"
        if self.image_shape is not None:
            kind = f"{' × '.join(map(str, self.image_shape))} pixels"
        held_out = "" if self.x_test is None else f" and {len(self.x_test):,} held out"
        low, high = self.value_range
        lines = [
            f"{self.name}: {self.n:,} examples{held_out} of {kind}, float32",
            f"values:  from {low:.3g} to {high:.3g}",
            f"labels:  {', '.join(self.label_names) or 'none'}",
        ]
        if self.density is not None:
            lines.append(f"density: {self.density!r}")
        return "\n".join([*lines, f"source:  {self.source}", f"licence: {self.licence}"])

    def _checked_labels(self, split: str) -> Labels:
        which, x = f"labels{split}", getattr(self, f"x{split}")
        if x is None:
            raise self._error(f"there is {which}, and no x{split}; give both or none")
        labels = getattr(self, which)
        if not split:
            return _read_only(checks.labels(self._owner, which, labels, len(x), self.classes))
        # A class need not have an example among the held-out ones.
        labels = _as_array(self.name, which, labels)
        if labels.shape != (len(x),):
            raise self._error(
                f"{which} has shape {labels.shape}; expected ({len(x)},), one for each example"
            )
        if labels.dtype.kind not in "iu":
            raise self._error(
                f"{which} is {labels.dtype}; expected integers (number the classes from 0)"
            )
        if not (labels.min() >= 0 and labels.max() < self.classes):
            raise self._error(
                f"{which} has values from {labels.min()} to {labels.max()}; expected 0 to"
                f" {self.classes - 1}, one class for each of the {self.classes} label_names"
            )
        return _read_only(np.ascontiguousarray(labels, np.int32))

    def _checked_names(self) -> tuple[str, ...]:
        names = checks.instance(
            self._owner, "label_names", self.label_names, (tuple, list), "a tuple of names"
        )
        return tuple(checks.text(self._owner, "label_names", name) for name in names)

    def _checked_image_shape(self, shape: Any) -> tuple[int, ...]:
        shape = checks.instance(
            self._owner, "image_shape", shape, (tuple, list), "two numbers, (height, width)"
        )
        if len(shape) != 2:
            raise self._error(f"image_shape is {shape}; expected two numbers, (height, width)")
        height, width = (checks.whole(self._owner, "image_shape", size, 1) for size in shape)
        if height * width != self.features:
            raise self._error(
                f"image_shape {(height, width)} has {height * width} pixels and"
                f" x has {self.features} features; they must agree"
            )
        return height, width

    def _checked_range(self) -> tuple[float, float]:
        both = checks.instance(
            self._owner, "value_range", self.value_range, (tuple, list), "two numbers, (low, high)"
        )
        if len(both) != 2:
            raise self._error(f"value_range is {both}; expected two numbers, (low, high)")
        low, high = (checks.number(self._owner, "value_range", value) for value in both)
        if low > high:
            raise self._error(f"value_range is {(low, high)}; expected the lower number first")
        return low, high

    @property
    def _owner(self) -> str:
        return f"data set '{self.name}'"

    def _set(self, field: str, value: Any) -> None:
        object.__setattr__(self, field, value)  # the class is frozen for its users

    def _error(self, what: str) -> DataError:
        return DataError(f"{self._owner}: {what}")


def _as_array(name: str, which: str, values: Any) -> NDArray[Any]:
    try:
        return checks.array(f"data set '{name}'", which, values)
    except ShapeError as error:
        raise DataError(str(error)) from None


def _examples(name: str, which: str, values: Any) -> Floats:
    """Return values as a read-only float32 array (n, features), checked."""
    x = _as_array(name, which, values)
    where = f"data set '{name}': {which}"
    if x.dtype.kind != "f":
        remedy = "give .astype(np.float32)"
        if x.dtype.kind in "iu":
            remedy += ", and divide pixels by the largest possible value"
        raise DataError(f"{where} has dtype {x.dtype}; expected floating point ({remedy})")
    if x.ndim != 2:
        raise DataError(
            f"{where} has shape {x.shape}; expected (n, features): reshape it (to (n, 1)"
            " if an example is one number)"
        )
    if x.size == 0:
        raise DataError(f"{where} is empty, of shape {x.shape}; give at least one example")
    with np.errstate(over="ignore"):  # values too large for float32 become infinite; see below
        x32: Floats = np.ascontiguousarray(x, np.float32)
    # min and max return NaN if there is one, so this needs no copy of x.
    if not (np.isfinite(x32.min()) and np.isfinite(x32.max())):
        row, column = np.argwhere(~np.isfinite(x32))[0]
        bad = int(np.count_nonzero(~np.isfinite(x32)))
        raise DataError(
            f"{where} has {bad:,} values that are not finite in float32, the first"
            f" ({x[row, column]}) at row {row}, column {column}; remove or replace them"
        )
    return _read_only(x32)


def _read_only(a: NDArray[Any]) -> NDArray[Any]:
    view = a.view()  # leaves the flag of the caller's array unchanged
    view.flags.writeable = False
    return view
