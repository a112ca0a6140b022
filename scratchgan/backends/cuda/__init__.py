"""Kernels for NVIDIA's GPUs, compiled by Numba: the same vocabulary, the same file names as cpu."""
