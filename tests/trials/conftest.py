import pytest
from PIL import Image

from scratchgan.runs import session


@pytest.fixture
def plain_pictures(monkeypatch):
    """Pictures of one pixel: drawing takes a while."""

    def write(path):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (1, 1)).save(path)

    monkeypatch.setattr(session.Renderer, "write", lambda self, path: write(path))
    monkeypatch.setattr(session, "write_losses", lambda path, trainer: write(path))
