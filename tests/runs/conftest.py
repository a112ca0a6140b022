import shutil

import pytest
from PIL import Image

from scratchgan.runs import RunFolder
from scratchgan.runs import session as run_session
from tests.runs.small import finished


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A run that is complete; not to be changed."""
    return finished(tmp_path_factory.mktemp("runs") / "done")


@pytest.fixture
def copy(done, tmp_path):
    """A run of one's own, to be damaged."""
    shutil.copytree(done.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


@pytest.fixture
def plain_pictures(monkeypatch):
    """Pictures of one pixel, where it does not matter what is on them: drawing takes a while."""

    def write(path):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (1, 1)).save(path)

    monkeypatch.setattr(run_session.Renderer, "write", lambda self, path: write(path))
    monkeypatch.setattr(run_session, "write_losses", lambda path, trainer: write(path))
