"""Kernels for the CPU, compiled by Numba: gemm, elementwise, reductions, noise, optimisers."""
