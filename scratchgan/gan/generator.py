"""A trained generator: it turns noise into samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Array, Purpose, Stream
from scratchgan.errors import ShapeError
from scratchgan.games.codes import CategoricalCode
from scratchgan.gan.noise import Noise, Prior
from scratchgan.limits import require_memory
from scratchgan.nn import Network
from scratchgan.nn.layer import Params

__all__ = ["Generator", "stream_of"]

MOST = 2**32 - 1  # samples of one stream, because row numbers have 32 bits


class Generator:
    """
    G with its noise prior, for drawing samples.

    Parameters
    ----------
    network : Network
    noise : Noise or Prior
        A ``Prior`` if z has codes beside the noise.
    classes : int
        Number of labels of a conditional G; 0 otherwise.
    params : Params, optional
        A tree to use instead of the network's own, such as its moving average.
    temperature : float
        The factor by which z's distance from its mean is multiplied, above 0 and at most a
        million; 1 is as in training. A higher temperature gives more varied samples, and more of
        them are bad; a lower one the reverse. So it trades precision for recall. (Kingma &
        Dhariwal 2018, arXiv 1807.03039, §6; the truncation of Brock et al. 2019, arXiv 1809.11096,
        is similar.)

    Raises
    ------
    ValueError
        If an argument has the wrong type, or the temperature is not a number above 0.
    """

    def __init__(
        self,
        network: Network,
        noise: Noise | Prior,
        classes: int = 0,
        params: Params | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.network = checks.instance("Generator", "network", network, Network, "a Network")
        checks.instance("Generator", "noise", noise, (Noise, Prior), "a Noise or a Prior")
        self.prior = Prior(noise) if isinstance(noise, Noise) else noise
        self.classes = checks.whole("Generator", "classes", classes, 0)
        self.params = params
        self.temperature = checks.number("", "temperature", temperature, 0, 1e6, above=True)

    @property
    def noise(self) -> Noise:
        """The noise in z."""
        return self.prior.noise

    def sample(
        self,
        n: int,
        stream: Stream | int = 0,
        label: int | None = None,
        codes: Mapping[int, Any] | None = None,
    ) -> NDArray[Any]:
        """
        Return G(z) for n draws of z, (n, features), on the host.

        z is drawn from ``stream``, or from a seed: the same seed gives the same samples.
        Dropout in G that is always on draws its masks from this stream too. A conditional G gets
        the labels 0, 1, … in turn, or ``label`` for all samples.

        ``codes`` chooses codes of z by their number, such as ``{0: 7}``: each gets one value for
        all samples, or an array with a value for each. Codes without a choice are drawn.
        """
        n = checks.whole("sample", "n", n, 1, MOST)
        stream = stream_of("sample", stream)
        require_memory(self._bytes(n), f"{n:,} samples at once")
        labels = self.labels_for(n, label)
        z = self.draw_z(n, stream)
        if codes:
            z = self.network.ops.asarray(self.with_codes(z, codes), self.network.dtype)
        return self._samples(z, labels, stream.at(self.prior.draws))

    def draw_z(self, n: int, stream: Stream) -> Array:
        """Return the z that ``sample`` uses, (n, features of z)."""
        network = self.network
        return self.prior.sample(network.ops, n, stream, network.dtype, self.temperature)

    def drawn_codes(self, n: int, stream: Stream | int = 0) -> dict[int, NDArray[Any]]:
        """
        Return the codes that ``sample`` draws from the same stream, by number.

        They are classes (n,), or numbers (n, features).
        """
        z = self.network.ops.to_numpy(self.draw_z(n, stream_of("drawn_codes", stream)))
        drawn: dict[int, NDArray[Any]] = {}
        for number, (code, columns) in enumerate(
            zip(self.prior.codes, self.prior.columns(), strict=True)
        ):
            one_hot = isinstance(code, CategoricalCode)
            drawn[number] = z[:, columns].argmax(axis=1) if one_hot else z[:, columns]
        return drawn

    def with_codes(self, z: Array, codes: Mapping[int, Any]) -> NDArray[Any]:
        """Return z with the codes that ``codes`` chooses, as in ``sample``, on the host."""
        checks.instance("", "codes", codes, Mapping, "a mapping such as {0: 7}")
        changed: NDArray[Any] = self.network.ops.to_numpy(z)
        columns = self.prior.columns()
        for number, value in codes.items():
            if number not in range(len(columns)):
                has = f"has the codes 0 … {len(columns) - 1}" if columns else "has no codes"
                raise ValueError(f"code {checks.shown(number)} is chosen, but this generator {has}")
            code = self.prior.codes[number]
            changed[:, columns[number]] = code.chosen(value, len(changed))
        return changed

    def _bytes(self, n: int) -> int:
        """Return the memory that drawing n samples takes, for z and the layers' outputs."""
        weights = [e.shape for e in self.network.layout.entries if len(e.shape) > 1]
        numbers = self.prior.features + self.classes + sum(shape[-1] for shape in weights)
        size: int = n * numbers * np.dtype(self.network.dtype).itemsize
        return size

    def at(self, z: NDArray[Any], labels: NDArray[Any] | None = None) -> NDArray[Any]:
        """
        Return G(z) for your own z, (n, features), on the host.

        Dropout in G that is always on has the same masks in every call, and a different mask for
        each row.

        Parameters
        ----------
        z : array (n, features of z)
            Noise, then codes if there are any. It is converted to the network's dtype.
        labels : integer array (n,), optional
            The labels for a conditional G; by default 0, 1, … in turn.

        Raises
        ------
        ShapeError
            If ``z`` or ``labels`` has another shape.
        ValueError
            If a label is not a class, or if labels are given and G is not conditional.
        """
        z = checks.array("", "z", z)
        if z.ndim != 2 or z.shape[1] != self.prior.features or len(z) == 0:
            raise ShapeError(f"z has shape {z.shape}; expected (n, {self.prior.features})")
        if labels is None:
            labels = self.labels_for(len(z), None)
        elif not self.classes:
            raise ValueError("labels are given, but this generator is not conditional; omit them")
        else:
            labels = self._checked(checks.array("", "labels", labels), len(z))
        return self._samples(self.network.ops.asarray(z, self.network.dtype), labels)

    def labels_for(self, n: int, label: int | None) -> NDArray[np.int32] | None:
        """Return the labels of n samples: 0, 1, … in turn, or ``label``; None without classes."""
        if not self.classes:
            if label is not None:
                raise ValueError("a label is given, but this generator is not conditional; omit it")
            return None
        if label is None:
            return np.arange(n, dtype=np.int32) % self.classes
        try:
            label = checks.whole("", "label", label, 0, self.classes - 1)
        except ValueError:
            expected = f"expected 0 … {self.classes - 1}"
            raise ValueError(f"label is {checks.shown(label)}; {expected}") from None
        return np.full(n, label, np.int32)

    def _checked(self, labels: NDArray[Any], n: int) -> NDArray[np.int32]:
        if labels.shape != (n,) or labels.dtype.kind not in "iu":
            raise ShapeError(
                f"labels have shape {labels.shape} and are {labels.dtype}; expected ({n},)"
                " integers, one for each z"
            )
        if labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(
                f"labels are from {labels.min()} to {labels.max()}; expected 0 … {self.classes - 1}"
            )
        return labels.astype(np.int32)

    def _samples(
        self, z: Array, labels: NDArray[np.int32] | None, stream: Stream | None = None
    ) -> NDArray[Any]:
        ops = self.network.ops
        if labels is not None:
            z = (z, ops.one_hot(ops.asarray(labels), self.classes, self.network.dtype))
        samples: NDArray[Any] = ops.to_numpy(self.network(z, self.params, stream))
        return samples


def stream_of(owner: str, stream: object) -> Stream:
    """Return the stream of a seed, or a stream with its parts checked and made plain integers."""
    if isinstance(stream, int | np.integer) and not isinstance(stream, bool):
        return Stream(checks.seed(owner, "stream", stream)).purpose(Purpose.USER)
    address = checks.instance(owner, "stream", stream, Stream, "a seed, or a Stream")
    bits = {"seed": 64, "step": 32, "substep": 16, "operation": 16, "row": 32}
    return Stream(**{
        name: checks.whole(f"{owner}: stream", name, getattr(address, name), 0, 2**size - 1)
        for name, size in bits.items()
    })  # fmt: skip
