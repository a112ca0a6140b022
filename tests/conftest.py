"""One thread a test process, and Hypothesis's profiles."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before NumPy is loaded: workers share the cores

import numpy as np
import pytest
from hypothesis import settings

# Unless another is asked for, the examples are those of CI, so that whoever runs the tests sees
# what CI sees. "dev" and "nightly" draw others each time, few and many.
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, database=None, print_blob=True
)
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("nightly", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def rng():
    return np.random.default_rng(0)
