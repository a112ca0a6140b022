"""Kernels for NVIDIA GPUs, compiled by Numba: the same operations and file names as in cpu."""
