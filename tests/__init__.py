"""The tests mirror the package: ``scratchgan/a/b.py`` is tested in ``tests/a/test_b.py``."""
