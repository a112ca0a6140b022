"""Short runs, as the tests of runs make them."""

import pytest

from tests.runs.small import finished


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A run that is complete; not to be changed."""
    return finished(tmp_path_factory.mktemp("runs") / "done")
