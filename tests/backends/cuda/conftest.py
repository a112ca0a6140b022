"""The calls that every backend is held to stand one folder up, the small games beside it."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path += [str(TESTS / "backends"), str(TESTS / "gan")]

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    # The simulator's threads wait for each other in a loop; they should not wait 5 ms each time.
    sys.setswitchinterval(1e-4)
