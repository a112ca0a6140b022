"""
Kernels for GPUs compiled to machine code, on a machine without one.

Nothing of that is collected where numba-cuda is not installed. Where it is::

    pip install -e '.[cuda]' pytest nvidia-cuda-nvdisasm
    pytest --confcutdir=tests/workshop/ladders tests/workshop/ladders/test_compiled.py

(nvidia-cuda-nvdisasm may be left out: instructions are then counted in PTX.)
"""

from importlib.util import find_spec

if find_spec("numba_cuda") is None:
    collect_ignore = ["compiling.py", "seeded.py", "signatures.py", "test_compiled.py"]
