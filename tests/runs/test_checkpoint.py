"""What is in a checkpoint is looked at before it is used, by every reader and whatever it holds."""

import json
import os
import zipfile

import numpy as np
import pytest

from scratchgan.cli import main
from scratchgan.data import Dataset, load
from scratchgan.errors import NonFiniteError, RunError
from scratchgan.gan.state import named_arrays
from scratchgan.runs import (
    Config,
    Session,
    choose_settings,
    load_generator,
    load_trainer,
    read_checkpoint,
    write_checkpoint,
)
from scratchgan.runs.bits import data_digest, differences
from scratchgan.runs.checkpoint import begin_from, load_into
from tests.runs.small import CHANGES, forge, resume, start, without_settings


def begun(folder):
    """Begin another run there."""
    config = choose_settings(origin=folder.config, steps=8)
    path = folder.path.with_name("begun")
    return Session.start(path, config, load(config.data), folder.newest_checkpoint())


READERS = {
    "load_generator": load_generator,
    "load_trainer": lambda folder: load_trainer(folder, load("gaussian-1d")),
    "resume": resume,
    "begin_from": begun,
}

WRONG = {
    "too short": lambda a: a[:-1],
    "too long": lambda a: np.append(a, a[:1]),
    "of one row": lambda a: a[None],
    "a number": lambda a: a[0],
    "integers": lambda a: a.astype(np.int32),
    "complex": lambda a: a.astype(np.complex64),
    "of another dtype": lambda a: a.astype(np.float64),
    "of other bytes": lambda a: a.astype(">f4"),
    "texts": lambda a: a.astype(str),
    "NaN": lambda a: np.where(np.arange(len(a)) == 3, np.float32("nan"), a),
    "infinite": lambda a: np.where(np.arange(len(a)) == 3, np.float32("-inf"), a),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("wrong", WRONG)
def test_an_array_that_is_wrong_is_named(copy, reader, wrong):
    """Every reader looks at every array, also at those that it does not use."""
    path = copy.newest_checkpoint()
    names = read_checkpoint(path).arrays
    name = sorted(names)[len(f"{reader}{wrong}") % len(names)]
    forge(path, lambda meta, arrays: arrays.update({name: WRONG[wrong](arrays[name])}))
    with pytest.raises(RunError, match=rf"{name} has .*expected"):
        READERS[reader](copy)


@pytest.mark.parametrize("name", ["G.params", "G.average", "G.m", "D.params", "D.m", "D.v"])
def test_no_array_is_left_out(copy, name):
    forge(copy.newest_checkpoint(), lambda meta, arrays: arrays.update({name: arrays[name][:5]}))
    for reader in READERS.values():
        with pytest.raises(RunError, match=rf"{name} has shape \(5,\).*expected \(\d+,\)"):
            reader(copy)


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        ("load_generator", "G.average"),
        ("load_trainer", "D.v"),
        ("resume", "G.m"),
        ("begin_from", "D.params"),
        ("begin_from", "G.params"),
    ],
)
def test_an_array_that_is_missing(copy, reader, name):
    forge(copy.newest_checkpoint(), lambda meta, arrays: arrays.pop(name))
    with pytest.raises(RunError, match=rf"but not \['{name}'\]"):
        READERS[reader](copy)


@pytest.mark.parametrize("reader", READERS)
def test_an_array_of_nobody(copy, reader):
    forge(copy.newest_checkpoint(), lambda meta, arrays: arrays.update({"E.m": np.zeros(3)}))
    with pytest.raises(RunError, match=r"'E.m'; expected only arrays of G, D and the training"):
        READERS[reader](copy)


def test_an_array_too_many(copy):
    """Of the right kind, but of no optimiser that the run has."""
    path = copy.newest_checkpoint()
    forge(path, lambda meta, arrays: arrays.update({"G.velocity": arrays["G.m"]}))
    with pytest.raises(RunError, match=r"G.velocity.*another optimiser"):
        resume(copy)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_the_dtype_that_is_said(copy, reader, dtype):
    """Arrays that agree with it do not help: it must be the run's."""

    def change(meta, arrays):
        meta["dtype"] = dtype
        arrays.update({name: a.astype(dtype) for name, a in arrays.items()})

    forge(copy.newest_checkpoint(), change)
    if (reader, dtype) == ("begin_from", "float64"):
        READERS[reader](copy)  # of another dtype, which a run of its own may have
        return
    with pytest.raises(RunError, match=f"has dtype {dtype}; expected float32"):
        READERS[reader](copy)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("iteration", -1), ("minibatch", 1.5), ("substep", "0"), ("d_updates", True),
     ("g_updates", None), ("iteration", 2**63), ("iteration", 6.0)],
)  # fmt: skip
def test_counters_are_whole_numbers(copy, reader, name, value):
    forge(copy.newest_checkpoint(), lambda meta, arrays: meta["counters"].update({name: value}))
    with pytest.raises(RunError, match=f"{name} is .*expected a whole number from 0"):
        READERS[reader](copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update(counters=[1, 2]),
        lambda meta: meta.update(layouts=[]),
        lambda meta: meta.update(layouts={"G": [["0.weight", 0, 3]], "D": []}),
        lambda meta: meta.update(layouts={"G": [[]], "D": []}),
        lambda meta: meta.update(layouts={"G": 3, "D": []}),
        lambda meta: meta.update(dtype=None),
        lambda meta: meta.update(made_with=[]),
        lambda meta: meta.update(made_with={}),
        lambda meta: meta.update(made_with={"settings": [], "data": {}}),
        lambda meta: meta.update(made_with={"settings": {}, "data": None}),
        lambda meta: meta.pop("counters"),
        lambda meta: meta.pop("format"),
    ],
)
def test_a_description_of_another_kind(copy, change):
    forge(copy.newest_checkpoint(), lambda meta, arrays: change(meta))
    for reader in READERS.values():
        with pytest.raises(RunError, match="is truncated or corrupted"):
            reader(copy)


def test_the_command_line_says_so_in_one_line(copy, capsys):
    path = copy.newest_checkpoint()
    forge(path, lambda meta, arrays: arrays.update({"G.average": arrays["G.average"] * np.nan}))
    for command in (["sample"], ["evaluate"], ["train", "--resume"], ["train", "--from"]):
        out = ["--out", str(copy.path / "new")] if command[-1] == "--from" else []
        assert main([*command, str(copy.path), *out]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "G.average has values that are NaN or infinite" in said
    assert not (copy.path / "new").exists()


# -- what is written ------------------------------------------------------------------------------


def test_a_state_that_is_not_finite_is_not_written(tmp_path):
    trainer = start(tmp_path / "run").trainer
    trainer.train(1)
    for name, a in named_arrays(trainer).items():
        before = a[5]
        a[5] = np.nan
        with pytest.raises(NonFiniteError, match=name):
            write_checkpoint(tmp_path / "bad.npz", trainer)
        a[5] = before
    assert not list(tmp_path.glob("bad*"))
    write_checkpoint(tmp_path / "good.npz", trainer)
    assert read_checkpoint(tmp_path / "good.npz").made_with is None


def test_without_an_average_the_parameters_are_used(tmp_path):
    session = start(tmp_path / "run", ema=None)
    session.trainer.train(2)
    session._write_checkpoint()
    G = load_generator(session.folder).network
    assert (G.flat == session.trainer.G.network.flat).all()


def test_what_was_written_is_read_and_loaded_in_either_dtype(tmp_path):
    for dtype in ("float32", "float64"):
        session = start(tmp_path / dtype, dtype=dtype)
        session.trainer.train(2)
        write_checkpoint(tmp_path / f"{dtype}.npz", session.trainer)
        found = read_checkpoint(tmp_path / f"{dtype}.npz")
        other = start(tmp_path / f"{dtype}-again", dtype=dtype).trainer
        load_into(other, found)
        assert other.counters() == session.trainer.counters()
        for name, a in session.trainer.arrays().items():
            assert found.arrays[name].tobytes() == a.tobytes() == other.arrays()[name].tobytes()
    with pytest.raises(RunError, match="has dtype float64; expected float32"):
        load_into(start(tmp_path / "third").trainer, found)
    begin_from(start(tmp_path / "fourth").trainer, found)


# -- files that are none, or hold more than they are long -----------------------------------------


def bomb(path, size=1 << 27):
    """A small file that unpacks to a thousand times its size."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("meta.npy", "w", force_zip64=True) as stream,
    ):
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|u1", "fortran_order": False, "shape": (size,)}
        )
        zeros = bytes(1 << 24)
        for _ in range(size // len(zeros)):
            stream.write(zeros)


def overlapping(path):
    """A directory that names the same million bytes a hundred times."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.npy", bytes(1_000_000))
        entry = archive.infolist()[0]
        for number in range(100):
            again = zipfile.ZipInfo(f"{number}.npy")
            again.file_size = again.compress_size = entry.file_size
            again.CRC, again.header_offset = entry.CRC, entry.header_offset
            archive.filelist.append(again)
            archive._didModify = True


def header_that_promises(path, shape=(1 << 40,)):
    with zipfile.ZipFile(path, "w") as archive, archive.open("meta.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "<f8", "fortran_order": False, "shape": shape}
        )
        stream.write(bytes(64))


@pytest.mark.parametrize("make", [bomb, overlapping, header_that_promises])
def test_what_holds_more_than_it_is_long_is_refused_unread(copy, make):
    """So that no memory is taken for it."""
    import tracemalloc

    path = copy.newest_checkpoint()
    make(path)
    assert path.stat().st_size <= 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match="compressed|larger than the file|bytes"):
            load_generator(copy)
        assert tracemalloc.get_traced_memory()[1] <= 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_no_checkpoint(copy):
    """Reading it would wait for a writer for ever."""
    path = copy.newest_checkpoint()
    path.unlink()
    os.mkfifo(path)
    for reader in READERS.values():
        with pytest.raises(RunError, match="cannot be read: it is a pipe or a device"):
            reader(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["metrics.jsonl", "seconds.jsonl"])
def test_a_pipe_holds_no_records(copy, name):
    (copy.path / name).unlink()
    os.mkfifo(copy.path / name)
    with pytest.raises(RunError, match=f"{name} cannot be read: it is a pipe or a device"):
        resume(copy)


def test_a_folder_or_a_device_is_no_checkpoint(copy):
    path = copy.newest_checkpoint()
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match="cannot be read: Is a directory|Permission denied"):
        resume(copy)
    path.rmdir()
    if os.path.exists("/dev/zero"):
        path.symlink_to("/dev/zero")
        with pytest.raises(RunError, match="it is a pipe or a device"):
            resume(copy)


# -- settings and data ----------------------------------------------------------------------------

EDITS = {
    "seed": (5, r"seed was 0 and is 5"),
    "batch_size": (9, r"batch_size was 8 and is 9"),
    "k": (2, r"k was 1 and is 2"),
    "objective": ("minimax", r"objective was 'non_saturating' and is 'minimax'"),
    "updates": ("simultaneous", r"updates was 'alternating' and is 'simultaneous'"),
    "ema": (None, r"ema was 0.99 and is None"),
    "data": ("ring", r"data was 'gaussian-1d' and is 'ring'"),
    "dtype": ("float64", r"dtype was 'float32' and is 'float64'"),
    "validation": (3, r"validation was 0 and is 3"),
    "noise.kind": ("uniform", r"noise\.kind was 'normal' and is 'uniform'"),
    "optimizer_g.beta1": (0.25, r"optimizer_g\.beta1 was 0\.5 and is 0\.25"),
    "optimizer_d.rate.end": (0.5, r"optimizer_d\.rate\.end was [\d.e-]+ and is 0\.5"),
    "image_shape": ([1, 1], r"image_shape was None and is \[1, 1\]"),
}


def edit(folder, name, value):
    """Edit config.json by hand."""
    path = folder.path / "config.json"
    content = json.loads(path.read_text())
    *tables, last = name.split(".")
    place = content
    for table in tables:
        place = place[table]
    assert last in place
    place[last] = value
    path.write_text(json.dumps(content))
    return type(folder).open(folder.path)


@pytest.mark.parametrize("name", EDITS)
def test_settings_that_were_edited_are_named(copy, name):
    value, said = EDITS[name]
    edited = edit(copy, name, value)
    before = {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()}
    data = load(edited.config.data)
    for use in (
        lambda: Session.resume(edited, data),
        lambda: load_trainer(edited, data),
        lambda: load_generator(edited),
    ):
        with pytest.raises(RunError, match=rf"{said}\. Restore.*`scratchgan train --from FOLDER`"):
            use()
    assert {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()} == before


def test_the_backend_makes_bits_but_not_samples(copy):
    other = {"cpu": "reference", "reference": "cpu"}[copy.config.backend]
    edited = edit(copy, "backend", other)
    with pytest.raises(RunError, match=f"backend was '{copy.config.backend}' and is '{other}'"):
        resume(edited)
    load_generator(edited)


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 9), ("log_every", 3), ("sample_every", 2), ("checkpoint_every", 5),
     ("keep_best", False), ("measure_every", 7)],
)  # fmt: skip
def test_what_is_no_part_of_the_bits_may_change(copy, done, name, value):
    for path in copy.checkpoints()[1:]:
        path.unlink()
    session = resume(edit(copy, name, value))
    assert session.trainer.iteration == 2
    session.trainer.train(4)
    whole = read_checkpoint(done.newest_checkpoint()).arrays
    assert all(a.tobytes() == whole[key].tobytes() for key, a in session.trainer.arrays().items())


def test_every_setting_is_thought_of():
    """One that is new makes bits unless its field says that it does not."""
    from scratchgan.runs.bits import settings_of

    config = Config.from_recipe("digits", CHANGES)
    assert config.to_plain().keys() - settings_of(config).keys() == {
        "steps", "log_every", "sample_every", "checkpoint_every", "measure", "measure_every",
        "keep_best", "origin", "scratchgan",
    }  # fmt: skip


@pytest.mark.slow
def test_with_edited_settings_another_run_is_begun(copy, tmp_path):
    """The remedy that the message names."""
    edited = edit(copy, "seed", 5)
    command = ["train", "--from", str(edited.path), "--steps", "8", "--out", str(tmp_path / "new")]
    assert main(command) == 0
    new = type(copy).open(tmp_path / "new")
    assert new.config.seed == 5
    assert read_checkpoint(new.newest_checkpoint()).made_with["settings"]["seed"] == 5
    assert resume(new).trainer.iteration == 8


def changed_data(data, **changes):
    from dataclasses import replace

    return replace(data, **changes)


def test_data_that_changed_are_refused(copy):
    data = load("gaussian-1d")
    x = data.x.copy()
    x[-1] = np.nextafter(x[-1], np.float32(0))
    for other in (x, x[:-1]):
        for use in (Session.resume, load_trainer):
            with pytest.raises(RunError, match="examples of data set 'gaussian-1d' have changed"):
                use(copy, changed_data(data, x=other))
    assert load_trainer(copy, changed_data(data, x=data.x.copy())).iteration == 6


def test_labels_matter_where_they_are_played_with(tmp_path):
    data = load("digits")
    labels = data.labels.copy()
    labels[:2] = labels[1::-1]
    assert (labels != data.labels).any()
    other = changed_data(data, labels=labels)
    for conditional in (True, False):
        session = start(tmp_path / f"{conditional}", "digits", conditional=conditional)
        session._write_checkpoint()
        if conditional:
            with pytest.raises(RunError, match="the labels of data set 'digits' have changed"):
                Session.resume(session.folder, other)
        else:
            assert Session.resume(session.folder, other).trainer.iteration == 0


def test_checkpoints_that_do_not_say_are_read_as_before(copy):
    without_settings(copy.newest_checkpoint())
    edited = edit(copy, "seed", 5)
    assert load_generator(edited).sample is not None
    assert resume(edited).trainer.iteration == 6


def test_settings_of_another_version_are_no_difference(copy):
    """It knew one more, and another not yet."""

    def change(meta, arrays):
        meta["made_with"]["settings"]["penalty"] = 3
        del meta["made_with"]["settings"]["validation"]

    forge(copy.newest_checkpoint(), change)
    assert resume(copy).trainer.iteration == 6


def test_a_table_that_has_one_more_differs():
    assert differences({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}) == [("a.y", None, 2)]
    assert differences({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}) == [("a.y", 2, None)]


def test_the_same_bytes_in_another_shape_are_other_data():
    x = np.arange(12, dtype=np.float32)
    one, two = (Dataset.from_array(x.reshape(-1, width), name="x") for width in (1, 2))
    assert data_digest(one, False) != data_digest(two, False)
