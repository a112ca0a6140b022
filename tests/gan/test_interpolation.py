"""G at a z of one's own, and along lines between two of them."""

import math

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.errors import ShapeError
from scratchgan.gan import Generator, Noise
from scratchgan.gan.interpolation import interpolate
from scratchgan.testing import OpaqueBackend
from tests.gan.games import CLASSES, FEATURES, NOISE, networks

STREAM = Stream(seed=4).purpose(Purpose.USER)
both = pytest.mark.parametrize("labels", [False, True], ids=["plain", "conditional"])


def generator(labels=False, dtype=np.float64, ops=None, kind="normal"):
    G = networks(labels, dtype, ops)[0]
    return Generator(G, Noise(NOISE, kind), CLASSES if labels else 0)


def drawn(G, n):
    """The z of the stream, as the samples of a generator that returns it would be."""
    ops = G.network.ops
    return ops.to_numpy(G.noise.sample(ops, n, STREAM, G.network.dtype))


class TestAt:
    @both
    def test_it_is_what_sample_gives(self, labels):
        G = generator(labels)
        assert (G.at(drawn(G, 7)) == G.sample(7, STREAM)).all()
        if labels:
            z = drawn(G, 7)
            assert (G.at(z, np.full(7, 2)) == G.sample(7, STREAM, label=2)).all()
            assert np.abs(G.at(z, np.full(7, 1)) - G.at(z, np.full(7, 2))).max() >= 1e-3

    def test_each_z_has_its_label(self):
        G = generator(labels=True)
        z, y = drawn(G, 6), np.array([2, 0, 0, 1, 2, 1])
        y_hot = np.eye(CLASSES)[y]
        assert (G.at(z, y) == G.network((z, y_hot))).all()
        assert (G.at(z, y.astype(np.uint8)) == G.at(z, y)).all()

    def test_other_parameters_are_used(self):
        G = generator()
        flat, tree = G.network.new_buffer()
        flat[:] = G.network.flat + 0.1
        other = Generator(G.network, G.noise, params=tree)
        z = drawn(G, 3)
        assert np.abs(other.at(z) - G.at(z)).max() >= 1e-3
        assert (other.at(z) == G.network(z, tree)).all()

    def test_z_is_brought_to_the_networks_dtype(self):
        G = generator(dtype=np.float32)
        z = np.array([[0.1, -0.2]])
        assert G.at(z).dtype == np.float32
        assert (G.at(z) == G.at(z.astype(np.float32))).all()

    @both
    def test_nothing_but_the_vocabulary_is_used(self, labels):
        ops = get_backend("reference")
        plain, opaque = generator(labels, ops=ops), generator(labels, ops=OpaqueBackend(ops))
        found = interpolate(opaque, 2, 3, STREAM)
        assert isinstance(found, np.ndarray)
        assert (found == interpolate(plain, 2, 3, STREAM)).all()

    @both
    def test_with_dropout_that_is_always_on(self, labels):
        """Its masks are of the stream of the samples; for a given z they are the same each time."""
        G = generator(labels)
        off = G.sample(50, STREAM)
        dropout = G.network.layer.layers[1]
        dropout.always = True
        on = G.sample(50, STREAM)
        assert (on == G.sample(50, STREAM)).all()
        assert (np.abs(on - off).max(axis=1) >= 1e-6).mean() >= 0.5
        assert np.abs(on - G.sample(50, STREAM._replace(seed=5))).max() >= 1e-3
        z = drawn(G, 50)
        assert (G.at(z) == G.at(z)).all()
        repeated = np.repeat(z[:1], 50, axis=0)
        assert len(np.unique(G.at(repeated, np.zeros(50, int) if labels else None), axis=0)) >= 10

    def test_masks_and_z_are_drawn_from_different_places(self, monkeypatch):
        """Else a unit's mask would follow from the z that it hides."""
        G = generator()
        G.network.layer.layers[1].always = True
        ops, places = G.network.ops, []
        dropout = ops.dropout
        monkeypatch.setattr(
            ops, "dropout", lambda a, keep, at: (places.append(at), dropout(a, keep, at))[1]
        )
        G.sample(3, STREAM)
        assert places == [STREAM.at(1)]

    @pytest.mark.parametrize("shape", [(NOISE,), (3, NOISE + 1), (0, NOISE), (2, 2, NOISE)])
    def test_wrong_z(self, shape):
        with pytest.raises(ShapeError, match=rf"expected \(n, {NOISE}\)"):
            generator().at(np.zeros(shape))

    def test_wrong_labels(self):
        z, G = np.zeros((4, NOISE)), generator(labels=True)
        for labels in (np.zeros(3, int), np.zeros((4, 1), int), np.zeros(4)):
            with pytest.raises(ShapeError, match=r"expected \(4,\) integers"):
                G.at(z, labels)
        for label in (-1, CLASSES):
            with pytest.raises(ValueError, match=f"expected 0 … {CLASSES - 1}"):
                G.at(z, np.array([0, 0, label, 0]))
        with pytest.raises(ValueError, match="not conditional"):
            generator().at(z, np.zeros(4, int))


def spherical(G, n_pairs, steps, stream):
    """Along great circles: another interpolation, which is not the paper's."""
    z = drawn(G, 2 * n_pairs)
    rows = []
    for a, b in zip(z[::2], z[1::2], strict=True):
        angle = math.acos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for t in np.linspace(0, 1, steps):
            rows.append((math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle))
    return G.at(np.array(rows))


def neighbouring_rows(G, n_pairs, steps, stream):
    """From each z to the next: the pairs would share their ends."""
    z = drawn(G, n_pairs + 1)
    return G.at(np.concatenate([np.linspace(z[i], z[i + 1], steps) for i in range(n_pairs)]))


def by_pairs(G, n_pairs, steps, stream):
    """Step by step through all pairs, instead of line by line."""
    found = interpolate(G, n_pairs, steps, stream)
    return found.reshape(n_pairs, steps, -1).swapaxes(0, 1).reshape(found.shape)


def without_the_end(G, n_pairs, steps, stream):
    found = interpolate(G, n_pairs, steps + 1, stream).reshape(n_pairs, steps + 1, -1)
    return found[:, :-1].reshape(n_pairs * steps, -1)


class TestInterpolate:
    @staticmethod
    def distance_to_the_lines(lines):
        """The largest error at any z of three lines of five steps."""
        G = generator()
        z = drawn(G, 6)
        exact = [
            G.network((z[2 * i] + step / 4 * (z[2 * i + 1] - z[2 * i]))[None])[0]
            for i in range(3)
            for step in range(5)
        ]
        return np.abs(lines(G, 3, 5, STREAM) - np.array(exact)).max()

    def test_lines(self):
        assert self.distance_to_the_lines(interpolate) <= 1e-12

    @pytest.mark.parametrize(
        "wrong", [spherical, neighbouring_rows, by_pairs, without_the_end], ids=lambda f: f.__name__
    )
    def test_a_wrong_variant_is_rejected(self, wrong):
        assert self.distance_to_the_lines(wrong) >= 1e-3

    @both
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_ends_are_samples(self, labels, dtype):
        G = generator(labels, dtype, kind="uniform")
        lines = interpolate(G, 4, 2, STREAM)
        assert lines.shape == (8, FEATURES)
        assert lines.dtype == dtype
        y = np.repeat(np.arange(4) % CLASSES, 2) if labels else None
        assert (lines == G.at(drawn(G, 8), y)).all()

    def test_a_label_stays_the_same_along_a_line(self):
        G = generator(labels=True)
        t = np.linspace(0, 1, 6)[:, None]
        z = drawn(G, 8)
        lines = [(1 - t) * z[2 * i] + t * z[2 * i + 1] for i in range(4)]
        found = interpolate(G, 4, 6, STREAM).reshape(4, 6, FEATURES)
        for i in range(4):
            assert np.abs(found[i] - G.at(lines[i], np.full(6, i % CLASSES))).max() <= 1e-12
        asked = interpolate(G, 4, 6, STREAM, label=2).reshape(4, 6, FEATURES)
        assert np.abs(asked[0] - G.at(lines[0], np.full(6, 2))).max() <= 1e-12
        assert np.abs(asked[0] - found[0]).max() >= 1e-4

    @pytest.mark.parametrize(("n_pairs", "steps"), [(0, 5), (-1, 5), (3, 1), (3, 0)])
    def test_too_few(self, n_pairs, steps):
        with pytest.raises(ValueError, match=r"(n_pairs|steps) is .*whole number from [12] to"):
            interpolate(generator(), n_pairs, steps, STREAM)

    def test_wrong_labels(self):
        with pytest.raises(ValueError, match=f"label is {CLASSES}; expected"):
            interpolate(generator(labels=True), 2, 3, STREAM, label=CLASSES)
        with pytest.raises(ValueError, match="not conditional"):
            interpolate(generator(), 2, 3, STREAM, label=0)
