"""Tests that a library takes part in, which may be missing."""

import pytest


def with_installed(*names):
    """Give a test each of these modules as ``library``; it is left out where there is none."""
    libraries = [pytest.param(name, marks=pytest.mark.needs(name)) for name in names]
    return pytest.mark.parametrize("library", libraries, indirect=True)
