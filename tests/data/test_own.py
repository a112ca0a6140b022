"""Data sets of one's own files: what is read, what is held out, what is refused and how."""

import os

import numpy as np
import pytest
from PIL import Image

from scratchgan.data import load, usual_name
from scratchgan.errors import DataError, UnknownNameError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def points(tmp_path, rng):
    path = tmp_path / "points.csv"
    np.savetxt(path, rng.normal(size=(60, 2)), delimiter=",", header="x,y", comments="")
    return path


def picture(path, pixels, **options):
    Image.fromarray(np.asarray(pixels)).save(path, **options)


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(12):
        picture(folder / f"{i:02d}.png", rng.integers(0, 256, (5, 4), np.uint8))
    write(folder / "notes.txt", "no picture")
    return folder


# -- what is read -----------------------------------------------------------------------------


def test_a_table(points):
    data = load(str(points))
    assert (data.name, data.n, data.features, data.classes) == ("points.csv", 50, 2, 0)
    assert data.source == str(points)
    assert data.image_shape is None
    x = np.loadtxt(points, delimiter=",", skiprows=1).astype(np.float32)
    assert (data.x_test == x[5::6]).all()
    assert (data.x == np.delete(x, np.s_[5::6], axis=0)).all()
    assert data.value_range == (x.min(), x.max())
    assert (load(points).x == data.x).all()


@pytest.mark.parametrize(
    "text",
    ["1,2\n3,4\n", "1;2\r\n3;4", "1\t2\n\n3\t4\n\n", "1 2\n3  4\n", "\ufeffa, b\n1, 2\n3, 4\n",
     "# a b\n1 2\n3 4\n", '"a","b"\n"1","2"\n3,4\n'],
)  # fmt: skip
def test_forms_of_a_table(tmp_path, text):
    assert load(write(tmp_path / "t.csv", text)).x.tolist() == [[1, 2], [3, 4]]


def test_a_column_of_labels(tmp_path):
    lines = [f"{i},{'dog' if i % 2 else 'cat'},{-i}" for i in range(24)]
    data = load(write(tmp_path / "t.csv", "\n".join(["x,Label,y", *lines])))
    assert (data.label_names, data.features, len(data.x_test)) == (("cat", "dog"), 2, 4)
    assert (data.labels == data.x[:, 0] % 2).all()
    assert (data.labels_test == data.x_test[:, 0] % 2).all()
    numbers = load(write(tmp_path / "n.csv", "label,x\n1,5\n0,6\n2,7\n"))
    assert (numbers.labels.tolist(), numbers.label_names) == ([1, 0, 2], ("0", "1", "2"))


def test_a_folder_of_pictures(pictures):
    data = load(f"{pictures}{os.sep}")
    assert (data.name, data.n, len(data.x_test)) == ("images", 10, 2)
    assert (data.image_shape, data.value_range) == ((5, 4), (0.0, 1.0))
    first = np.asarray(Image.open(pictures / "00.png"), np.float32).ravel() / 255
    assert (data.x[0] == first).all()


def test_kinds_of_grey(tmp_path, rng):
    """One picture, saved in every way that PNG has for shades of grey."""
    grey = rng.integers(0, 2, (5, 4), np.uint8) * 255
    expected = grey.ravel() / 255
    picture(tmp_path / "8.png", grey)
    picture(tmp_path / "16.png", grey.astype(np.uint16) * 257)
    picture(tmp_path / "rgb.png", np.repeat(grey[:, :, None], 3, axis=2))
    image = Image.fromarray(grey)
    image.convert("1").save(tmp_path / "1.png")
    image.convert("RGBA").save(tmp_path / "rgba.png")
    image.convert("LA").save(tmp_path / "la.png")
    image.convert("P").save(tmp_path / "p.PNG")
    data = load(tmp_path)
    rows = np.concatenate([data.x, data.x_test])
    assert len(rows) == 7
    assert (rows == expected.astype(np.float32)).all()


def test_arrays(tmp_path, rng):
    for name, array in (
        ("table", rng.normal(size=(12, 3))),
        ("images", rng.random((12, 4, 2), np.float32)),
        ("bytes", rng.integers(0, 256, (12, 4, 2), np.uint8)),
        ("wide", np.asfortranarray(rng.normal(size=(12, 4, 2)))),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        data = load(tmp_path / f"{name}.npy")
        scaled = array / np.float32(255) if name == "bytes" else array
        expected = scaled.reshape(12, -1).astype(np.float32)
        assert (data.x == np.delete(expected, [5, 11], axis=0)).all(), name
        assert data.image_shape == (None if name == "table" else (4, 2))
        assert (data.value_range == (0.0, 1.0)) == (name in ("images", "bytes"))


@pytest.mark.parametrize(
    ("name", "write_labels"),
    [
        ("labels.npy", lambda path: np.save(path, np.arange(12) % 3)),
        ("labels.csv", lambda path: write(path, "\n".join("012" * 4))),
        ("named.csv", lambda path: write(path, "label\n" + "\n".join(["a", '"b"', "c"] * 4))),
    ],
)
def test_labels_beside(pictures, tmp_path, name, write_labels):
    write_labels(tmp_path / name)
    data = load(pictures, labels=tmp_path / name)
    assert data.classes == 3
    assert data.label_names == (tuple("abc") if name == "named.csv" else tuple("012"))
    assert data.labels.tolist() == (np.arange(12) % 3).tolist()  # four of a class: none held out
    assert data.x_test is None


def test_each_class_is_held_out(tmp_path):
    """Every sixth of each class; a class of fewer stays to train on."""
    labels = np.array([0] * 13 + [1] * 5)
    np.save(tmp_path / "x.npy", np.arange(18.0)[:, None])
    np.save(tmp_path / "labels.npy", labels)
    data = load(tmp_path / "x.npy", labels=tmp_path / "labels.npy")
    assert data.x_test.ravel().tolist() == [5, 11]
    assert data.labels_test.tolist() == [0, 0]
    assert np.bincount(data.labels).tolist() == [11, 5]
    assert data.x.ravel().tolist() == [0, 13, 1, 14, 2, 15, 3, 16, 4, 17, 6, 7, 8, 9, 10, 12]


def test_what_is_a_path(points, monkeypatch):
    monkeypatch.chdir(points.parent)
    (points.parent / "ring").mkdir()
    assert load("ring").density is not None  # a name that is listed is that data set
    with pytest.raises(DataError, match=r"folder ring holds no \.png"):
        load(os.path.join(".", "ring"))
    assert usual_name("points.csv") == str(points)
    assert usual_name("two_moons") == "two-moons"
    assert load("points.csv").n == 50
    with pytest.raises(UnknownNameError, match="unknown data set 'rings'; did you mean 'ring'"):
        load("rings")


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3,four\n", r"line 3, column 2 \(y\) is 'four'; expected a number"),
        ("1,2\n3,cat\n", "line 2, column 2 is 'cat'; .*name it label in a first line"),
        ("1,cat\n3,dog\n", "line 1, column 2 is 'cat'"),
        ("x,y\n1,2\n\n3,\n", r"line 4, column 2 \(y\) is empty; expected a number"),
        ("1,2\n3\n", "line 2 has 1 cells, but the first line has 2"),
        ("1,2\n3,4,5\n", "line 2 has 3 cells"),
        ("x\n1\nnan\n", r"line 3, column 1 \(x\) is 'nan'; expected a finite float32 number"),
        ("1,-inf\n", "line 1, column 2 is '-inf'; expected a finite float32 number"),
        ("1e39\n", "'1e39'; expected a finite float32 number"),
        ("1_000\n", "'1_000'"),
        ("x,y\n", "no lines of numbers"),
        ("label\n1\n", "no columns of numbers"),
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("label,x,LABEL\n0,1,1\n", "2 columns 'label'; expected at most one"),
        ("label,x\n,1\n", r"line 2, column 1 \(label\) is empty; expected the example's class"),
        ("label,x\n1,1\n2,2\n", "holds the classes 1, 2; expected 0, 1"),
        (
            "label,x\n0.5,1\n1,2\n",
            "a label is '0.5'; expected either whole numbers",
        ),
        ("label,x\n0,1\n-1,2\n", "the classes -1, 0"),
        ('x,y\n1,"2\n', "cannot be read as CSV: unexpected end"),
    ],
)
def test_a_bad_table(tmp_path, text, message):
    path = write(tmp_path / "points.csv", text)
    with pytest.raises(DataError, match=message) as error:
        load(path)
    assert "points.csv" in str(error.value)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    with pytest.raises(DataError, match="is not a text in UTF-8"):
        load(tmp_path / "t.csv")


def colour(path):
    picture(path, np.array([[[255, 0, 0]] * 4] * 5, np.uint8))


def transparent(path):
    picture(path, np.full((5, 4, 4), 7, np.uint8))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: picture(path, np.zeros((4, 5), np.uint8)),
            "4 × 5 pixels, but 00.png has",
        ),
        (colour, "has colours; expected grey"),
        (transparent, "has transparent pixels"),
        (lambda path: path.write_bytes(b""), "cannot be read as a PNG"),
        (lambda path: path.write_bytes(path.with_name("00.png").read_bytes()[:-30]), "as a PNG"),
        (lambda path: Image.new("L", (4, 5)).save(path, format="JPEG"), "as a PNG"),
    ],
)
def test_a_bad_picture(pictures, spoil, message):
    spoil(pictures / "05.png")
    with pytest.raises(DataError, match=message) as error:
        load(pictures)
    assert str(pictures / "05.png") in str(error.value)


def test_a_picture_of_more_pixels_than_memory_holds(pictures, monkeypatch):
    from scratchgan import limits

    monkeypatch.setattr(limits, "memory", lambda: 150)
    with pytest.raises(ValueError, match="has 5 × 4 pixels, which takes"):
        load(pictures)


def damaged(path):
    np.save(path, np.zeros((9, 2)))
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: np.save(path, np.array([None])),
            "holds an array of object; expected one of real",
        ),
        (damaged, "is damaged: its array has 141 bytes, but its header says 144"),
        (lambda path: path.write_bytes(b"hello, world"), "is not an .npy file"),
        (lambda path: np.save(path, np.arange(6).reshape(3, 2)), "dtype int64; expected floating"),
        (lambda path: np.save(path, np.zeros((2, 3, 4, 3))), r"shape \(2, 3, 4, 3\); expected"),
        (lambda path: np.save(path, np.zeros(3)), r"shape \(3,\); expected \(n, features\)"),
        (lambda path: np.save(path, np.array([[1.0], [np.nan]])), "not finite .* row 1, column 0"),
        (lambda path: np.save(path, np.zeros((0, 2))), "is empty"),
        (lambda path: None, "there is no file or folder"),
        (os.mkfifo, "it is a pipe or a device, not a file"),
    ],
)
def test_a_bad_array(tmp_path, spoil, message):
    path = tmp_path / "array.npy"
    spoil(path)
    with pytest.raises(DataError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(11) % 3, r"labels has shape \(11,\); expected \(12,\), one label for each"),
        (np.arange(12) % 3 + 1, "holds the classes 1, 2, 3; expected 0, 1, 2"),
        (np.zeros(12), "labels is float64; expected integers"),
        (np.array([{}]), "holds an array of object; expected one of real"),
    ],
)
def test_bad_labels(pictures, labels, message):
    np.save(pictures / "labels.npy", labels)
    with pytest.raises(DataError, match=message):
        load(pictures, labels=pictures / "labels.npy")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "points.csv",
            {"labels": "labels.txt"},
            "labels.txt is not a file of labels; expected labels .npy",
        ),
        ("points.csv", {"labels": "gone.npy"}, "there is no file or folder gone.npy"),
        ("points.csv", {"labels": 3}, "load: labels is 3; expected a path"),
        ("points.csv", {"n": 3}, "points.csv' has no option 'n'; expected none"),
        ("points.txt", {}, "points.txt is not a data set; expected a table .csv"),
        ("gone.csv", {}, "there is no file or folder gone.csv"),
        ("with.label.csv", {"labels": "x.npy"}, "already has a column of labels; leave out x.npy"),
        ("digits", {"labels": "x.npy"}, "labels is for a file of your own; 'digits' has those"),
        ("a\0.csv", {}, r"data is 'a\\x00.csv'; expected a path"),
    ],
)
def test_other_refusals(points, monkeypatch, name, options, message):
    monkeypatch.chdir(points.parent)
    write(points.with_name("points.txt"), "1,2\n")
    write(points.with_name("with.label.csv"), "x,label\n1,0\n")
    with pytest.raises(ValueError, match=message):
        load(name, **options)


def test_what_memory_does_not_hold(points, tmp_path, monkeypatch):
    from scratchgan import limits

    np.save(tmp_path / "x.npy", np.zeros((100, 2)))
    monkeypatch.setattr(limits, "memory", lambda: 1000)
    for name in ("points.csv", "x.npy"):
        with pytest.raises(ValueError, match=f"{name} .*, which takes about"):
            load(tmp_path / name)
