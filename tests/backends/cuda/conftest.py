"""What runs in the simulator is collected only there."""

import os
import sys

collect_ignore = ["simulated_gemm.py"]
if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    collect_ignore.clear()
    # The simulator's threads wait for each other in a loop; they should not wait 5 ms each time.
    sys.setswitchinterval(1e-4)
