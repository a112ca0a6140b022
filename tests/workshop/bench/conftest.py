import importlib

import pytest


@pytest.fixture
def library(request):
    """The module that ``with_installed`` names."""
    return importlib.import_module(request.param)
