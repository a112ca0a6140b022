"""The calls that every backend is held to stand one folder up."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
