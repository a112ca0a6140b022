"""The classifier that scratchgan trains itself: its training, its file, its cache, its command."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.data import Dataset, load
from scratchgan.errors import DataError, NonFiniteError, RunError, ShapeError, UnknownNameError
from scratchgan.files.npz import checksum
from scratchgan.gan.player import Player
from scratchgan.gradcheck import gradcheck
from scratchgan.metrics.classifier import (
    SETTINGS,
    Classifier,
    ClassifierSettings,
    cache,
    files,
    read_classifier,
    settings_for,
    train,
    trained_classifier,
    training_step,
    write_classifier,
)
from scratchgan.metrics.classifier.__main__ import main
from scratchgan.metrics.classifier.model import BLOCK, build
from scratchgan.metrics.classifier.training import shifted
from scratchgan.nn import Context, Dropout, Linear, Network, Sequential
from scratchgan.optim import SGD
from scratchgan.testing import OpaqueBackend

SMALL = ClassifierSettings(
    "small", hidden=(7, 5), keep=0.8, epochs=2, batch_size=8, rate=1e-2, shift=1, validation=10
)


def small_data(n=60, seed=0):
    """Three classes of images of 3 × 2."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = (0.2 * rng.random((n, 6)) + 0.4 * np.eye(6)[labels]).astype(np.float32)
    return Dataset.from_array(x, name="small", labels=labels, image_shape=(3, 2))


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def classifier(digits):
    """Of the digits, trained as its settings say: some seconds."""
    return train(digits)


@pytest.fixture(scope="module")
def small():
    return train(small_data(), SMALL, seed=3)


def bits(classifier):
    return classifier.network.ops.to_numpy(classifier.network.flat).tobytes()


# -- training -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_digits_reach_their_accuracy(digits, classifier):
    assert len(classifier.history) == SETTINGS["digits"].epochs
    assert classifier.history[-1]["cross_entropy"] <= 0.1
    n = SETTINGS["digits"].validation
    held_back = classifier.accuracy(digits.x[-n:], digits.labels[-n:])
    assert held_back == classifier.history[-1]["validation_accuracy"]
    assert held_back >= 0.91
    assert classifier.accuracy(digits.x_test, digits.labels_test) >= 0.95


def test_labels_without_a_meaning_cannot_be_learned(digits):
    """Seeded: the same examples under other labels. Chance is 0.1."""
    labels = np.random.default_rng(0).permutation(digits.labels)
    mixed = Dataset.from_array(digits.x, name="digits", labels=labels, image_shape=(8, 8))
    found = train(mixed, SETTINGS["digits"].quick())
    assert found.accuracy(digits.x_test, digits.labels_test) <= 0.3


@pytest.mark.slow
def test_mnist_in_its_quick_form(tmp_path):
    """The whole training takes minutes: python -m scratchgan.metrics.classifier mnist."""
    if not os.environ.get("SCRATCHGAN_DATA_DIR"):
        pytest.skip("the classifier was not trained on MNIST: set SCRATCHGAN_DATA_DIR")
    data = load("mnist")
    quick = trained_classifier(data, settings_for("mnist").quick(), folder=tmp_path)
    assert quick.accuracy(data.x_test, data.labels_test) >= 0.955
    assert quick.features(data.x_test[:5]).shape == (5, 128)


def loss_by_numpy(network, flat, x, y):
    """The mean cross-entropy of two ReLU layers and one linear one, for any flat parameters."""
    params = network.layout.views(flat, get_backend("reference"))
    for layer, p in zip(network.layer.layers, params, strict=True):
        if isinstance(layer, Linear):
            a = x @ p["weight"] + p["bias"]
            x = np.where(a.real > 0, a, 0)
    return -(y * (a - np.log(np.exp(a).sum(axis=1, keepdims=True)))).sum() / len(y)


@pytest.mark.parametrize("seeded", [False, True], ids=["right", "seeded: a bias without gradient"])
def test_a_step_descends_the_gradient_of_the_formula(seeded):
    layer = Sequential(
        Linear(6, 7, "relu"), Dropout(1.0), Linear(7, 5, "relu"), Dropout(1.0), Linear(5, 3)
    )
    network = Network(layer, seed=4, dtype=np.float64, backend=get_backend("reference"))
    network.flat += 0.1 * np.random.default_rng(1).normal(size=network.flat.shape)
    rng, start = np.random.default_rng(2), network.flat.copy()
    x, y = rng.normal(size=(9, 6)), np.eye(3)[rng.integers(0, 3, 9)]
    player = Player(network, SGD(rate=1.0))
    value = training_step(player, x, y, Stream(0))
    descended = start - network.flat  # with a rate of 1 that is the gradient
    if seeded:
        last = network.layout.entries[-1]
        descended[last.offset : last.offset + 3] = 0
    # The gaps between parameters are not differenced: they count for nothing.
    assert abs(value[0] - loss_by_numpy(network, start, x, y)) <= 1e-12
    report = gradcheck(
        lambda flat: (loss_by_numpy(network, flat, x, y), {"flat": descended}),
        {"flat": start},
        method="complex",
    )
    assert report.ok != seeded, report


def test_training_speaks_the_vocabulary_alone():
    """On arrays without operators, as those of a GPU, and with the same bits as on NumPy's."""
    data, reference = small_data(), get_backend("reference")
    plain, opaque = (
        train(data, SMALL, backend=ops) for ops in (reference, OpaqueBackend(reference))
    )
    assert bits(plain) == bits(opaque)
    assert plain.history == opaque.history
    np.testing.assert_array_equal(plain.features(data.x), opaque.features(data.x))


def test_the_seed_decides(small):
    assert bits(train(small_data(), SMALL, seed=3)) == bits(small)
    assert bits(train(small_data(), SMALL, seed=4)) != bits(small)


def test_held_back_examples_are_not_trained_on(small):
    """Whatever stands in them."""
    data = small_data()
    x = data.x.copy()
    x[-SMALL.validation :] = 0
    other = Dataset.from_array(x, name="small", labels=data.labels, image_shape=(3, 2))
    assert bits(train(other, SMALL, seed=3)) == bits(small)
    x[0] = 0
    other = Dataset.from_array(x, name="small", labels=data.labels, image_shape=(3, 2))
    assert bits(train(other, SMALL, seed=3)) != bits(small)


def test_each_epoch_is_told():
    told = []
    trained = train(small_data(), SMALL, after_epoch=told.append)
    assert told == trained.history
    assert [record["epoch"] for record in told] == [1, 2]


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_a_training_that_diverges_is_stopped():
    with pytest.raises(NonFiniteError, match=r"not finite in epoch 1; use a lower rate"):
        train(small_data(), replace(SMALL, rate=1e15))


# -- moved images ---------------------------------------------------------------------------------


def by_hand(image, down, right):
    """The image moved by whole pixels, zeros coming in, pixel by pixel."""
    moved = np.zeros_like(image)
    for i, j in np.ndindex(image.shape):
        if 0 <= i - down < image.shape[0] and 0 <= j - right < image.shape[1]:
            moved[i, j] = image[i - down, j - right]
    return moved


@pytest.mark.parametrize("most", [1, 2])
def test_images_are_moved(most, rng):
    images = rng.random((500, 4, 3)).astype(np.float32)
    moved = shifted(images.reshape(500, 12), (4, 3), most, rng).reshape(500, 4, 3)
    counts = dict.fromkeys(itertools.product(range(-most, most + 1), repeat=2), 0)
    for before, after in zip(images, moved, strict=True):
        (by,) = [d for d in counts if (by_hand(before, *d) == after).all()] or [None]
        counts[by] += 1
    assert moved.dtype == np.float32
    share = 500 / len(counts)
    assert min(counts.values()) >= share / 3
    assert max(counts.values()) <= share * 2


def test_images_stay_where_no_move_is_asked_for(rng):
    x = rng.random((5, 12)).astype(np.float32)
    assert shifted(x, None, 0, rng) is x


# -- what it says ---------------------------------------------------------------------------------


def forward_by_numpy(classifier, x):
    """Features and logits in float64."""
    params = classifier.network.params
    linear = [p for p in params if p]  # dropout has none
    for p in linear[:-1]:
        x = np.maximum(x @ p["weight"].astype(np.float64) + p["bias"], 0)
    return x, x @ linear[-1]["weight"].astype(np.float64) + linear[-1]["bias"]


@pytest.mark.parametrize("n", [1, 3, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_features_and_probabilities_equal_a_plain_forward(small, n):
    x = np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)
    features, logits = forward_by_numpy(small, x.astype(np.float64))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for got, expected in (
        (small.features(x), features), (small.logits(x), logits), (small.probabilities(x), p),
        (np.exp(small.log_probabilities(x)), p),
    ):  # fmt: skip
        assert got.shape == expected.shape
        error = np.abs(got - expected)
        assert (error <= 1e-5).all(), error.max()
        assert not (np.abs(got[:, ::-1] - expected) <= 1e-5).all()  # columns in their places
    sums = np.abs(small.probabilities(x).sum(axis=1) - 1)
    assert (sums <= 1e-15 * 10).all()
    assert small.probabilities(x).dtype == np.float64


def test_log_probabilities_do_not_underflow(small):
    x = np.zeros((1, 6), np.float32)
    x[0, 0] = 1e6
    log_p = small.log_probabilities(x)
    assert np.isfinite(log_p).all()
    assert log_p.min() < -1e4
    assert small.probabilities(x).min() == 0


def test_accuracy_counts(small):
    data = small_data()
    predicted = small.probabilities(data.x).argmax(axis=1)
    assert small.accuracy(data.x, predicted) == 1
    assert small.accuracy(data.x, (predicted + 1) % 3) == 0
    labels = predicted.copy()
    labels[:15] = (labels[:15] + 1) % 3
    assert small.accuracy(data.x, labels) == 0.75


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_stays_nan(small):
    x = small_data().x[:4].copy()
    x[1, 2] = np.nan
    assert np.isnan(small.probabilities(x)).all(axis=1).tolist() == [False, True, False, False]
    assert np.isnan(small.features(x)).any(axis=1).tolist() == [False, True, False, False]
    assert np.isnan(small.accuracy(x, np.zeros(4, int)))


@pytest.mark.parametrize(
    "x",
    [np.zeros(6), np.zeros((3, 7)), np.zeros((0, 6)), np.zeros((3, 6), int)],
    ids=["a vector", "too wide", "empty", "integers"],
)
def test_other_arrays_are_refused(small, x):
    for ask in (small.logits, small.features, small.probabilities):
        with pytest.raises(ShapeError, match=r"'small' got x of .* expected floats \(examples, 6"):
            ask(x)


def test_too_few_labels_are_refused(small):
    with pytest.raises(ShapeError, match=r"labels have shape \(2,\); expected \(3,\)"):
        small.accuracy(np.zeros((3, 6)), np.zeros(2, int))


# -- settings and data that do not fit ------------------------------------------------------------


def test_unknown_data_sets_are_refused():
    with pytest.raises(UnknownNameError, match=r"'digit'; did you mean 'digits'.*mnist"):
        settings_for("digit")
    with pytest.raises(UnknownNameError, match="Known: digits, mnist"):
        train(small_data())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected a whole number, at least 1"),
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number"),
        ({"data": None}, "data is None; expected a string"),
        ({"keep": 0}, "keep is 0; expected a number above 0 and at most 1"),
        ({"keep": 1.1}, "keep is 1.1; expected a number above 0 and at most 1"),
        ({"rate": float("nan")}, "rate is nan; expected a number at least 0"),
        ({"hidden": 5}, "hidden is 5; expected widths"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"validation": 0}, "validation is 0; expected a whole number, at least 1"),
        ({"shift": -1}, "shift is -1; expected a whole number, at least 0"),
        ({"hidden": ()}, r"hidden is \(\); expected one or more widths"),
        ({"hidden": (5, 0)}, "hidden is 0; expected a whole number, at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_data_that_do_not_fit_are_refused():
    data = small_data()
    with pytest.raises(DataError, match="'small' has no labels"):
        train(Dataset.from_array(data.x, name="small"), SMALL)
    points = Dataset.from_array(data.x, name="small", labels=data.labels)
    with pytest.raises(DataError, match=r"no images .* up to 1 pixels; use settings with shift=0"):
        train(points, SMALL)
    assert train(points, replace(SMALL, shift=0)).accuracy(data.x, data.labels) > 1 / 3
    with pytest.raises(DataError, match="60 examples, and 55 are held back.*minibatch of 8"):
        train(data, replace(SMALL, validation=55))


# -- the file -------------------------------------------------------------------------------------


@pytest.fixture
def path(small, tmp_path):
    write_classifier(tmp_path / "c.npz", small)
    return tmp_path / "c.npz"


def test_a_file_gives_the_same_classifier(small, path):
    again = read_classifier(path)
    assert bits(again) == bits(small)
    assert replace(again, network=None, path="") == replace(small, network=None, path="")
    assert again.path == str(path)
    x = small_data().x
    np.testing.assert_array_equal(again.probabilities(x), small.probabilities(x))
    np.testing.assert_array_equal(again.features(x), small.features(x))
    assert read_classifier(path, get_backend("reference")).network.ops.name == "reference"


@pytest.mark.parametrize("damage", ["empty", "half", "no zip", "bits"])
def test_a_damaged_file_is_refused(path, damage):
    data = path.read_bytes()
    if damage == "bits":  # in every part of it: names, meta, numbers, directory
        places = [len(data) * k // 40 for k in range(40)]
    else:
        data = {"empty": b"", "half": data[: len(data) // 2], "no zip": b"[1, 2]"}[damage]
        places = [None]
    refusals = []
    for place in places:
        spoiled = bytearray(data)
        if place is not None:
            spoiled[place] ^= 0x10
        path.write_bytes(spoiled)
        try:
            found = read_classifier(path)
        except RunError as error:
            refusals.append(str(error))
        else:  # a date in the directory, say: nothing of the classifier
            assert bits(found)
            assert place is not None
    assert len(refusals) >= 0.8 * len(places)
    for said in refusals:
        assert str(path) in said
        assert "train it again" in said or "is not a classifier" in said


def spoil(path, change):
    """Write the file again with other contents, under a checksum that is not made again."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta, arrays)
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)


def one_other_parameter(meta, arrays):
    arrays["params"][3] += 1e-6


def sealed(meta, arrays, params):
    """Put other parameters, with the checksum that fits them."""
    meta.pop("sha256")
    arrays["params"] = params
    meta["sha256"] = checksum(meta, arrays)


def nan_and_a_right_checksum(meta, arrays):
    sealed(meta, arrays, arrays["params"] * np.float32(np.nan))


def other_settings_and_a_right_checksum(meta, arrays):
    meta["settings"]["epochs"] = 0
    sealed(meta, arrays, arrays["params"])


def of_no_kind(meta, arrays):
    meta.pop("kind")
    sealed(meta, arrays, arrays["params"])


SPOILED = {
    "a parameter": (one_other_parameter, "corrupted.*checksum does not fit.*train it again"),
    "a setting": (lambda meta, arrays: meta["settings"].update(keep=0.9), "checksum does not fit"),
    "the seed": (lambda meta, arrays: meta.update(seed=8), "checksum does not fit"),
    "no parameters": (lambda meta, arrays: arrays.pop("params"), "corrupted.*train it again"),
    "format 1": (lambda meta, arrays: meta.update(format=1), "has format 1, this version reads 2"),
    "NaN": (nan_and_a_right_checksum, "corrupted.*parameters are not finite"),
    "short": (lambda meta, arrays: sealed(meta, arrays, np.zeros(3, np.float32)), "architecture"),
    "float64": (lambda meta, arrays: sealed(meta, arrays, arrays["params"].astype(float)), "archi"),
    "settings": (other_settings_and_a_right_checksum, "corrupted.*epochs is 0; expected a whole"),
    "a checkpoint": (of_no_kind, "is not a classifier, but another"),
}


@pytest.mark.parametrize(("change", "message"), SPOILED.values(), ids=SPOILED)
def test_a_file_with_other_contents_is_refused(path, change, message):
    spoil(path, lambda meta, arrays: None)
    read_classifier(path)  # written again as it was, it is whole
    spoil(path, change)
    with pytest.raises(RunError, match=message):
        read_classifier(path)


def test_a_file_of_another_architecture_is_refused(small, path, monkeypatch):
    """As if a later version built other networks of the same settings."""

    def wider(settings, *rest, **options):
        return build(replace(settings, hidden=(8, 5)), *rest, **options)

    monkeypatch.setattr(files, "build", wider)
    with pytest.raises(RunError, match="another architecture.*train it again"):
        read_classifier(path)


def test_a_compressed_file_is_not_unpacked(path):
    """Two megabytes of it may hold gigabytes, before any checksum is looked at."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez_compressed(path, **arrays)
    with pytest.raises(RunError, match="is compressed; expected uncompressed arrays"):
        read_classifier(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunError, match="it is a pipe or a device"):
        read_classifier(tmp_path / "pipe")


def test_no_pickle_is_opened(tmp_path):
    bomb = tmp_path / "bomb.npz"
    np.savez(bomb, meta=np.array([{"format": 1}], dtype=object))
    with pytest.raises(RunError, match="corrupted"):
        read_classifier(bomb)


def test_a_missing_file_and_a_folder_that_cannot_be_written(small, tmp_path):
    with pytest.raises(RunError, match=r"there is no classifier .*nothing\.npz"):
        read_classifier(tmp_path / "nothing.npz")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match=r"could not be written to .*choose a writable folder"):
        write_classifier(tmp_path / "file" / "c.npz", small)


# -- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """A call of ``trained_classifier`` with a cache of its own, and what it told."""
    told = []

    def ask(data=None, settings=SMALL, seed=0, **options):
        told.clear()
        data = small_data() if data is None else data
        folder = options.pop("folder", tmp_path / "cache")
        return trained_classifier(data, settings, seed, folder=folder, tell=told.append, **options)

    ask.told, ask.folder = told, tmp_path / "cache"
    return ask


def test_the_cache_is_used(kept, monkeypatch):
    first = kept()
    assert len(kept.told) == 2
    assert "training a classifier for 'small', once" in kept.told[0]
    assert str(kept.folder) in kept.told[1]
    with monkeypatch.context() as no_training:
        no_training.setattr(cache, "train", None)  # to call it would be an error
        again = kept()
        assert kept.told == []
        assert bits(again) == bits(first)
        assert again.path == first.path
        with pytest.raises(TypeError):
            kept(seed=1)
    kept(again=True)
    assert len(kept.told) == 2


def test_each_of_data_settings_and_seed_has_a_file_of_its_own(kept):
    others = small_data(seed=1)
    labels = (others.labels + 1) % 3
    relabelled = Dataset.from_array(others.x, name="small", labels=labels, image_shape=(3, 2))
    files = {
        kept(**given).path
        for given in (
            {}, {"seed": 1}, {"settings": replace(SMALL, rate=2e-2)}, {"data": others},
            {"data": relabelled},
        )
    }  # fmt: skip
    assert len(files) == 5
    assert len(list(kept.folder.iterdir())) == 5


def test_another_format_has_another_name(kept, monkeypatch):
    """So that two versions of the package do not overwrite each other's files."""
    first = cache.cache_path(small_data(), SMALL, 0, kept.folder)
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert cache.cache_path(small_data(), SMALL, 0, kept.folder) != first


def test_a_damaged_file_of_the_cache_is_made_again(kept):
    first = kept()
    (file,) = kept.folder.iterdir()
    file.write_bytes(file.read_bytes()[:500])
    with pytest.warns(UserWarning, match=r"truncated or corrupted.*it is trained again now"):
        again = kept()
    assert len(kept.told) == 2
    assert bits(again) == bits(first)
    assert bits(kept()) == bits(first)
    assert kept.told == []


def test_a_cache_that_may_not_be_looked_into(kept, monkeypatch, recwarn):
    """As in a container that runs as another user: it is trained, and said once why."""
    real = os.stat

    def refused(path, *rest, **options):
        if str(path).startswith(str(kept.folder)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *rest, **options)

    def mkdir(path, *rest, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with monkeypatch.context() as locked:  # root may do everything, so the refusal is simulated
        locked.setattr(os, "stat", refused)
        locked.setattr(os, "mkdir", mkdir)
        trained = kept()
    assert trained.path == ""
    assert trained.history
    (warning,) = recwarn.list
    assert re.search(
        "could not be written.*Permission denied.*trained again each time", str(warning.message)
    )
    assert "Kept in" not in "".join(kept.told)
    assert len(kept.told) == 2


def test_a_file_that_may_be_neither_read_nor_replaced_is_spoken_of_once(kept, monkeypatch, recwarn):
    first = kept()
    (file,) = kept.folder.iterdir()
    file.write_bytes(b"damaged")
    with monkeypatch.context() as full:
        full.setattr(cache, "write_classifier", _no_room)
        again = kept()
    assert bits(again) == bits(first)
    (warning,) = recwarn.list
    assert "no room" in str(warning.message)
    assert file.read_bytes() == b"damaged"


def _no_room(path, classifier):
    raise RunError("no room")


def test_seeds_are_checked(kept):
    for seed in (None, -1, 1.5, "0"):
        with pytest.raises(ValueError, match="classifier: seed is .*; expected a whole number"):
            kept(seed=seed)
    assert kept(seed=np.int64(3)).path == kept(seed=3).path


def test_a_cache_that_cannot_be_written_costs_a_warning(kept, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match=r"could not be written.*it is trained again each time"):
        trained = kept(folder=tmp_path / "file")
    assert trained.path == ""
    assert trained.history


def test_it_says_what_it_is(small):
    right = f"{100 * small.history[-1]['validation_accuracy']:.2f} %"
    assert str(small) == (
        "scratchgan's own classifier of 'small', seed 3,"
        f" right for {right} of 10 held-back examples"
    )
    untrained = Classifier(build(SMALL, 6, 3), SMALL, 0, "")
    assert str(untrained) == "scratchgan's own classifier of 'small', seed 0"


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    return tmp_path / "scratchgan" / "classifiers"


def test_the_command(own_cache, tmp_path, capsys):
    out = tmp_path / "copy.npz"
    assert main(["digits", "--quick", "--seed", "2", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "training a classifier for 'digits', once" in said.err
    assert "of 250 right" in said.out
    assert "of 304 right" in said.out
    (file,) = own_cache.iterdir()
    assert bits(read_classifier(file)) == bits(read_classifier(out))
    assert main(["digits", "--quick", "--seed", "2"]) == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == said.out.replace(f"written to {out}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digit"], "did you mean 'digits'"),
        (["digits", "--backend", "cpuu"], "unknown backend 'cpuu'"),
    ],
)
def test_the_command_says_what_is_wrong(own_cache, capsys, arguments, message):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("classifier: error: ")
    assert message in said.err
    assert said.out == ""


def test_the_command_is_a_module():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "scratchgan.metrics.classifier", "--help"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "usage: python -m scratchgan.metrics.classifier" in done.stdout
    assert done.stderr == ""


def test_features_are_those_of_the_layer_before_the_logits(small):
    """Dropout is off, so they are ReLU's values, whatever the context was in training."""
    x = small_data().x
    body = Sequential(*small.network.layer.layers[:-2])
    expected, _ = body.forward(small.network.params[:-2], x, Context(small.network.ops))
    np.testing.assert_array_equal(small.features(x), expected)
    assert (small.features(x) >= 0).all()
