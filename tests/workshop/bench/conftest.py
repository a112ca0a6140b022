"""Records as a worker makes them, and libraries that may be missing."""

import importlib.util

import pytest


@pytest.fixture
def library(request):
    """The module that a parameter names; a skip says what then was not checked."""
    name = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: that its work equals ours was not checked")
    return pytest.importorskip(name)
