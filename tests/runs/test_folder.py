"""What a run leaves behind, and what happens when that is damaged."""

import errno
import json
import os
import zipfile

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.errors import DataError, NonFiniteError, RunError
from scratchgan.files import writing as run_files
from scratchgan.runs import (
    RunFolder,
    Session,
    load_generator,
    load_trainer,
    next_free_folder,
    read_checkpoint,
)
from tests.runs.small import finished, resume, start, without_settings


def test_files(done):
    found = {str(p.relative_to(done.path)) for p in done.path.rglob("*") if p.is_file()}
    checkpoints = {f"checkpoints/step_{s:06d}.npz" for s in (2, 4, 6)}  # the newest three
    pictures = {"samples.png", "losses.png", "training.gif"}
    frames = {"samples/step_000000.png", "samples/step_000006.png"}
    texts = {"config.json", "env.json", "metrics.jsonl", "seconds.jsonl"}
    assert found == checkpoints | pictures | frames | texts
    assert [r["step"] for r in done.read_metrics()] == [2, 4, 6]
    environment = json.loads((done.path / "env.json").read_text())
    assert {"python", "numpy", "numba", "platform", "cores"} <= environment.keys()


def test_checkpoint_is_plain(done):
    """No pickle, and a layout that says what lies where."""
    with np.load(done.newest_checkpoint(), allow_pickle=False) as file:
        assert {"D.params", "D.m", "D.v", "G.params", "G.m", "G.v", "G.average"} <= set(file.files)
        meta = json.loads(str(file["meta"]))
    assert meta["counters"]["iteration"] == 6
    assert meta["layouts"]["D"][0] == ["0.weight", 0, [1, 32]]


def test_loaded_trainer_and_generator_agree(done):
    trainer = load_trainer(done, load("gaussian-1d"))
    assert trainer.iteration == 6
    from scratchgan.backends import Purpose, Stream

    stream = Stream(done.config.seed).purpose(Purpose.SAMPLE)
    assert (load_generator(done).sample(5, stream) == trainer.samples(5)).all()


def test_an_occupied_folder_is_refused(done):
    before = (done.path / "config.json").read_bytes()
    with pytest.raises(RunError, match="already holds a run.*--resume.*--out"):
        start(done.path)
    assert (done.path / "config.json").read_bytes() == before


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "env.json").write_text("mine")
    with pytest.raises(RunError, match="is not empty .checkpoints is in it.*--out"):
        start(tmp_path)
    assert (tmp_path / "env.json").read_text() == "mine"


def test_fewer_steps_than_done_are_refused(copy):
    config = (copy.path / "config.json").read_bytes()
    with pytest.raises(ValueError, match="steps is 4, but .* is already at iteration 6"):
        Session.resume(copy, load("gaussian-1d"), steps=4)
    assert (copy.path / "config.json").read_bytes() == config


def test_lost_pictures_are_drawn_again(copy):
    wanted = (copy.path / "training.gif").read_bytes()
    (copy.path / "training.gif").unlink()
    resume(copy).run()
    assert (copy.path / "training.gif").read_bytes() == wanted


def test_every_flipped_bit_is_noticed(copy):
    """In headers and directory too, where zip's own checksums do not look."""
    path = copy.newest_checkpoint()
    whole = path.read_bytes()
    good = read_checkpoint(path)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path) as archive:
        headers = [e.header_offset + int(rng.integers(0, 200)) for e in archive.infolist()]
    directory = len(whole) - 1 - rng.integers(0, 900, 150)
    for place in (*headers, *directory, *rng.integers(0, len(whole), 50)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged)
        try:
            found = read_checkpoint(path)
        except RunError:
            continue
        # a bit that means nothing: time stamps, for one
        assert found.counters == good.counters
        assert found.arrays.keys() == good.arrays.keys()
        assert all((found.arrays[k] == good.arrays[k]).all() for k in good.arrays)


def test_damaged_frame(copy):
    (copy.path / "samples" / "step_000000.png").write_text("no picture")
    with pytest.raises(RunError, match=r"step_000000\.png cannot be read.*remove it"):
        resume(copy).run()


def test_nothing_is_written_when_the_settings_do_not_fit(tmp_path):
    with pytest.raises(DataError, match="batch_size is 70000 and the data have 65536"):
        start(tmp_path / "run", batch_size=70_000)
    with pytest.raises(DataError, match="'gaussian-1d' has no labels"):
        start(tmp_path / "run", conditional=True)
    assert not (tmp_path / "run").exists()


def test_next_free_folder(tmp_path):
    assert next_free_folder(tmp_path, "ring").name == "ring-001"
    (tmp_path / "ring-001").mkdir()
    assert next_free_folder(tmp_path, "ring").name == "ring-002"


# -- damaged --------------------------------------------------------------------------------------


def truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def emptied(path):
    path.write_bytes(b"")


def one_bit_flipped(path):
    """In the middle of an array: only the checksum can tell."""
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda e: e.file_size)
    content = bytearray(path.read_bytes())
    content[entry.header_offset + entry.file_size // 2] ^= 1
    path.write_bytes(content)


def replaced_by_text(path):
    path.write_text("not a checkpoint")


def replaced_by_another_npz(path):
    with open(path, "wb") as stream:
        np.savez(stream, a=np.zeros(3))


def with_a_pickle(path):
    with open(path, "wb") as stream:
        np.savez(stream, meta=np.array({"a": 1}, dtype=object))


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        emptied,
        one_bit_flipped,
        replaced_by_text,
        replaced_by_another_npz,
        with_a_pickle,
    ],
)
def test_damaged_checkpoint(copy, damage):
    newest = copy.newest_checkpoint()
    damage(newest)
    damaged = newest.read_bytes()
    with pytest.raises(RunError, match=r"step_000006\.npz is truncated or corrupted.*remove it"):
        resume(copy)
    assert newest.read_bytes() == damaged  # nothing is written over
    newest.unlink()  # the remedy works
    assert resume(copy).run().iteration == 6


def test_checkpoint_of_another_format(copy):
    path = copy.newest_checkpoint()
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    arrays["meta"] = np.array(json.dumps({**meta, "format": 99}))
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)
    with pytest.raises(RunError, match="has format 99, this version reads 1"):
        resume(copy)


def test_checkpoint_of_another_architecture(copy, tmp_path):
    other = finished(tmp_path / "other", "ring", data="gaussian-1d")
    copy.newest_checkpoint().write_bytes(other.newest_checkpoint().read_bytes())
    with pytest.raises(RunError, match=r"recipe was 'ring' and is 'gaussian-1d'"):
        resume(copy)
    without_settings(copy.newest_checkpoint())
    with pytest.raises(RunError, match=r"another architecture: its G has.*0\.weight"):
        resume(copy)
    with pytest.raises(RunError, match="another architecture"):
        load_generator(copy)


def test_checkpoint_of_another_optimiser(copy, tmp_path):
    other = finished(tmp_path / "other", optimizer_d={"name": "sgd", "rate": 0.1})
    copy.newest_checkpoint().write_bytes(other.newest_checkpoint().read_bytes())
    without_settings(copy.newest_checkpoint())
    with pytest.raises(RunError, match="another optimiser"):
        resume(copy)


def test_run_whose_data_changed(copy):
    without_settings(copy.newest_checkpoint())
    with pytest.raises(RunError, match="data of 1 features.*'ring' has 2"):
        Session.resume(copy, load("ring"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"recipe": "digits"}'])
def test_damaged_config(copy, content):
    (copy.path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json cannot be used"):
        RunFolder.open(copy.path)


def test_no_run_and_no_checkpoint(tmp_path, copy):
    with pytest.raises(RunError, match="holds no run"):
        RunFolder.open(tmp_path / "nowhere")
    for path in copy.checkpoints():
        path.unlink()
    with pytest.raises(RunError, match="has no checkpoint yet"):
        load_generator(copy)
    with pytest.raises(RunError, match="there is no checkpoint"):
        read_checkpoint(copy.checkpoint_path(6))


def test_metrics_are_cut_back(copy):
    """To the checkpoint, and without a line that a kill cut short."""
    with open(copy.path / "metrics.jsonl", "a") as stream:
        stream.write('[1]\n{"step": 8}\n{"step": 10, "va')
    assert [r["step"] for r in copy.read_metrics()] == [2, 4, 6, 8]
    copy.newest_checkpoint().unlink()
    session = resume(copy)
    assert [r["step"] for r in copy.read_metrics()] == [2, 4]
    session.run()
    assert [r["step"] for r in copy.read_metrics()] == [2, 4, 6]
    assert [r["step"] for r in session.trainer.history] == [2, 4, 6]


# -- the disk, and numbers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "Free space"), (errno.EACCES, "--out FOLDER")]
)
def test_failing_disk(tmp_path, monkeypatch, number, remedy):
    """The files that were there before stay whole, and no half of one is left."""
    session = start(tmp_path / "run")
    session.run()
    kept = {p: p.read_bytes() for p in session.folder.path.rglob("*") if p.is_file()}

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(run_files.os, "fsync", fail)
    with pytest.raises(RunError, match=f"could not write.*{remedy}"):
        session.folder.write_text("config.json", "new")
    now = {p: p.read_bytes() for p in session.folder.path.rglob("*") if p.is_file()}
    assert now == kept


@pytest.mark.filterwarnings("ignore:overflow|invalid")
def test_not_finite_any_more(tmp_path):
    session = start(tmp_path / "run", steps=20)
    session.trainer.call_every(
        1, lambda t: t.D.network.flat.fill(np.nan) if t.iteration == 5 else None
    )
    with pytest.raises(NonFiniteError, match=r"at iteration 6.*last good.*step_000004\.npz"):
        session.run()
    assert [p.name for p in session.folder.checkpoints()][-1] == "step_000004.npz"
    assert np.isfinite(read_checkpoint(session.folder.newest_checkpoint()).arrays["D.params"]).all()


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.slow
def test_resumed_equals_undisturbed(tmp_path, updates, dtype):
    """A recipe with labels, dropout's kin and SGD, stopped in the middle."""
    changes = {
        "updates": updates,
        "objective": {"0": "non_saturating", "4": "minimax"},
        "dtype": dtype,
        "conditional": False,
        "optimizer_g": {"name": "sgd", "rate": {"name": "cosine", "start": 0.1, "end": 0.0,
                                                 "steps": 6}, "momentum": 0.5},
    }  # fmt: skip
    whole = finished(tmp_path / "whole", **changes)
    cut = start(tmp_path / "cut", **changes)
    cut.trainer.call_every(1, lambda t: t.stop() if t.iteration == 3 else None)
    assert cut.run().iteration == 3
    resumed = Session.resume(RunFolder.open(tmp_path / "cut"), load("gaussian-1d"))
    assert resumed.trainer.iteration == 3
    resumed.run()
    a = read_checkpoint(whole.newest_checkpoint()).arrays
    b = read_checkpoint(resumed.folder.newest_checkpoint()).arrays
    assert all((a[name] == b[name]).all() for name in a)
