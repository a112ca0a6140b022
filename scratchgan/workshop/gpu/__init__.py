"""Tests and measurements on a machine with a GPU: ``python -m scratchgan.workshop.gpu.on_gpu``."""
