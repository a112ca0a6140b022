"""
Kernels for GPUs, on a machine without one: run in the simulator, and compiled to machine code.

What runs in the simulator is collected only there. What is compiled is collected only where
numba-cuda is installed::

    pip install -e '.[cuda]' pytest nvidia-cuda-nvdisasm
    pytest --confcutdir=tests/workshop/ladders tests/workshop/ladders/test_compiled.py

(nvidia-cuda-nvdisasm may be left out: instructions are then counted in PTX.)
"""

import os
import sys
from importlib.util import find_spec

collect_ignore = []
if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    # The simulator's threads wait for each other in a loop; they should not wait 5 ms each time.
    sys.setswitchinterval(1e-4)
else:
    collect_ignore.append("simulated_cuda.py")
if find_spec("numba_cuda") is None:
    collect_ignore += ["compiling.py", "seeded.py", "signatures.py", "test_compiled.py"]
