"""
Every kernel of the cuda backend compiled for real GPUs, on a machine without one.

Nothing here is collected where numba-cuda is not installed. Where it is::

    pip install -e '.[cuda]' pytest nvidia-cuda-nvdisasm
    pytest --confcutdir=tests/cuda_compile tests/cuda_compile

(nvidia-cuda-nvdisasm may be left out: instructions are then counted in PTX.)
"""

from importlib.util import find_spec

if find_spec("numba_cuda") is None:
    collect_ignore_glob = ["*"]
