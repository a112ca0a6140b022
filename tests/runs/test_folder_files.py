"""What is written, in which order, and that nothing of anybody else's is removed or replaced."""

import json
import os
import shutil

import pytest

from scratchgan.cli import main
from scratchgan.errors import RunError
from scratchgan.files import writing as run_files
from scratchgan.runs import RunFolder
from scratchgan.workshop.results.records import require_json_name, write_result
from tests.runs.small import resume, start

pytestmark = pytest.mark.usefixtures("plain_pictures")


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_in_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="could not write"):
        start(tmp_path / "file" / "run")


# -- the order of a run's writes ------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="files are told apart by their inodes")
def test_records_are_on_the_disk_before_the_checkpoint_that_relies_on_them(tmp_path, monkeypatch):
    """At each rename: the new file's bytes are, and for a checkpoint those of all records."""
    forced, checkpoints, replace, fsync = {}, [], os.replace, os.fsync
    records = ("metrics.jsonl", "seconds.jsonl", "measured.jsonl")

    def noted_fsync(descriptor):
        found = os.fstat(descriptor)
        forced[found.st_ino] = found.st_size
        fsync(descriptor)

    def noted_replace(source, target):
        found = os.stat(source)
        assert forced[found.st_ino] == found.st_size
        if str(target).endswith(".npz"):
            for path in (target.parents[1] / name for name in records):
                assert forced[path.stat().st_ino] == path.stat().st_size, path.name
                assert target.parents[1].stat().st_ino in forced  # their names, too
            checkpoints.append(target.name)
        replace(source, target)
        forced.pop(os.stat(target.parent).st_ino, None)

    from scratchgan.runs import measures as run_measures

    monkeypatch.setitem(
        run_measures.MEASURES, "parzen", run_measures.Measure(7, lambda *_: {"score": 1.0})
    )
    monkeypatch.setattr(run_files.os, "fsync", noted_fsync)
    monkeypatch.setattr(run_files.os, "replace", noted_replace)
    session = start(
        tmp_path / "run", measure="parzen", measure_every=2, validation=100, keep_best=False
    )
    session.run()
    assert checkpoints == [f"step_{step:06d}.npz" for step in (2, 4, 6)]


# -- what others left in the folder ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["config.json", "env.json", "a.unfinished", "config.json.unfinished", ".hidden", "samples"],
)
def test_a_folder_that_is_refused_is_left_as_it_was(tmp_path, name, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    for each in (name, "notes.unfinished"):
        (folder / each).write_text("mine")
    before = content(folder)
    with pytest.raises(RunError, match="already holds a run|is not empty"):
        start(folder)
    assert main(["train", "gaussian-1d", "--steps", "2", "--out", str(folder)]) == 2
    assert content(folder) == before
    assert "--out" in capsys.readouterr().err


MINE = (
    "notes.unfinished", "samples/best.png", "samples/step_7.png", "samples/step_000099.png.bak",
    "samples/my.unfinished", "checkpoints/step_final.npz", "checkpoints/step_000002-copy.npz",
    "checkpoints/step_000099.unfinished", "checkpoints/old.npz.unfinished",
    "sample-seed-3.png.unfinished", "config.json.mine.unfinished", "step_1.png.unfinished",
)  # fmt: skip
LEFT = (
    "config.json.unfinished", "samples/step_000004.png.unfinished", "training.gif.1.unfinished",
    "checkpoints/step_000004.npz.unfinished", "checkpoints/step_1000004.npz.12.unfinished",
    "best.npz.unfinished", "measured.jsonl.unfinished",
)  # fmt: skip


def test_resuming_removes_what_a_kill_left_and_nothing_else(copy):
    for name in (*MINE, *LEFT):
        (copy.path / name).write_text(name)
    for path in copy.checkpoints()[1:]:
        path.unlink()
    (copy.path / "samples" / "step_000004.png").write_bytes(b"of a later iteration")
    (copy.path / "samples" / "step_000002.png").write_bytes(
        (copy.path / "samples" / "step_000000.png").read_bytes()
    )
    session = resume(copy)
    assert session.trainer.iteration == 2
    assert [p.name for p in copy.frames()] == ["step_000000.png", "step_000002.png"]
    session.run()
    for name in MINE:
        assert (copy.path / name).read_text() == name
    for name in LEFT:
        assert not (copy.path / name).exists()
    assert [p.name for p in copy.frames()] == [f"step_{s:06d}.png" for s in (0, 2, 6)]
    assert [p.name for p in copy.checkpoints()] == [f"step_{s:06d}.npz" for s in (2, 4, 6)]


def test_order_is_by_number_also_beyond_a_million(copy):
    newest = copy.newest_checkpoint()
    shutil.copy(newest, copy.checkpoint_path(1_000_002))
    shutil.copy(newest, copy.checkpoint_path(999_999))
    assert copy.newest_checkpoint().name == "step_1000002.npz"
    assert copy.newest_step() == 1_000_002
    copy.remove_old_checkpoints()
    names = ["step_000006.npz", "step_999999.npz", "step_1000002.npz"]
    assert [p.name for p in copy.checkpoints()] == names


def test_damaged_records_are_left_out(copy):
    with open(copy.path / "seconds.jsonl", "a") as stream:
        stream.write('{"step": "six"}\n{"step": 6}\nnull\n3\n{"seconds": 3}\n')
    assert [r["step"] for r in copy.read_metrics("seconds.jsonl")] == [2, 4, 6, 6]
    assert copy.seconds() > 0
    assert resume(copy).run().iteration == 6


@pytest.mark.parametrize("text", ["", "{", "[]", '{"python": "3"}', None])
def test_what_env_json_says(copy, text):
    path = copy.path / "env.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert copy.read_environment() == ({"python": "3"} if text and "3" in text else {})


# -- pictures beside a result ---------------------------------------------------------------------


RESULT = {"recipe": "digits", "command": "", "config": {}, "chosen": {}}


@pytest.mark.parametrize("picture", ["report.png", "report-neighbours.png", "report-lines.png"])
@pytest.mark.parametrize("report", [None, "", "{}", "[]", '{"recipe": 1}'])
def test_a_picture_that_is_not_of_an_earlier_result_is_kept(tmp_path, picture, report, capsys):
    (tmp_path / picture).write_text("mine")
    target = tmp_path / "report.json"
    if report is not None:
        target.write_text(report)
    with pytest.raises(ValueError, match=f"would overwrite .*{picture}"):
        require_json_name(target)
    assert main(["evaluate", str(tmp_path / "no run"), "--json", str(target)]) == 2
    assert f"would overwrite {tmp_path / picture}" in capsys.readouterr().err  # before all else
    target.write_text(json.dumps(RESULT))
    require_json_name(target)


def test_other_files_beside_a_result_do_not_matter(tmp_path):
    for name in ("report", "report.gif", "reports.png", "report-more.png"):
        (tmp_path / name).write_text("mine")
    require_json_name(tmp_path / "report.json")


def test_a_result_looks_once_more_before_it_is_written(tmp_path):
    """A picture may have come while it was measured."""
    (tmp_path / "report.png").write_text("mine")
    with pytest.raises(ValueError, match=r"would overwrite .*report\.png"):
        write_result(tmp_path / "report.json", None, None, None, 0, None)


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_result_says_by_what_its_generator_was_chosen(tmp_path, monkeypatch, keep_best):
    from types import SimpleNamespace

    from scratchgan.data import load
    from scratchgan.runs import load_generator, read_checkpoint
    from scratchgan.runs import measures as run_measures
    from scratchgan.workshop.results import figures

    some = run_measures.Measure(7, lambda *_: {"score": 1.0})
    monkeypatch.setitem(run_measures.MEASURES, "parzen", some)
    monkeypatch.setattr(figures, "result_figures", lambda *_: {})
    session = start(
        tmp_path / "run", measure="parzen", measure_every=2, validation=100, keep_best=keep_best
    )
    session.run()
    folder, target = session.folder, tmp_path / "report.json"
    evaluation = SimpleNamespace(figures=None)
    write_result(target, folder, load_generator(folder), evaluation, 0, load("gaussian-1d"))
    expected = {True: ("parzen", 2), False: ("the end of training", 6)}[keep_best]
    chosen = json.loads(target.read_text())["chosen"]
    assert (chosen["by"], chosen["iteration"]) == expected
    assert read_checkpoint(folder.chosen_checkpoint()).made_with is not None


# -- the moments of a start ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["env.json", "config.json.unfinished"])
def test_what_looks_like_an_earlier_start_is_none_without_its_lock(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match=f"is not empty .{name} is in it"):
        start(tmp_path)
    assert content(tmp_path) == {name: b"mine"}


def test_a_start_that_failed_may_be_made_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(run_files.os, "link", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / "run")
    assert (tmp_path / "run" / "env.json").exists()
    assert start(tmp_path / "run").folder.path.name == "run"


def test_a_file_that_comes_before_the_lock_is_seen(tmp_path, monkeypatch):
    hold = RunFolder.hold

    def late(self):
        hold(self)
        (self.path / "notes").write_text("mine")

    monkeypatch.setattr(RunFolder, "hold", late)
    with pytest.raises(RunError, match="is not empty .notes is in it"):
        start(tmp_path / "run")
    assert content(tmp_path / "run") == {"notes": b"mine"}


def test_settings_that_come_after_the_look_are_not_replaced(tmp_path, monkeypatch):
    """As they may where a file system has no locks."""
    write_text = RunFolder.write_text

    def late(self, name, text):
        write_text(self, name, text)
        (self.path / "config.json").write_text("another's")

    monkeypatch.setattr(RunFolder, "write_text", late)
    with pytest.raises(RunError, match="File exists"):
        start(tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_text() == "another's"


def test_the_names_of_records_are_forced_to_the_disk(copy, monkeypatch):
    from scratchgan.runs import folder as run_folder

    synced = []
    monkeypatch.setattr(run_folder, "sync", synced.append)
    copy.sync_metrics()
    names = {copy.path / name for name in ("metrics.jsonl", "seconds.jsonl")}
    assert set(synced) == {copy.path, *names}


def test_a_figure_that_is_nan_is_never_the_best(copy):
    lines = [f'{{"step": {s}, "score": {v}}}\n' for s, v in ((2, "NaN"), (4, "1.0"), (6, "0.5"))]
    (copy.path / "measured.jsonl").write_text("".join(lines))
    assert copy.best_measured()["step"] == 4
