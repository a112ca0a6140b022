"""Short runs, as the tests of runs make them."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "runs"))

from small import finished


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A run that is complete; not to be changed."""
    return finished(tmp_path_factory.mktemp("runs") / "done")
