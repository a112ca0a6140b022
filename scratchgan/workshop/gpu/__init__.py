"""What tests and measures a machine with a GPU: ``python -m scratchgan.workshop.gpu.on_gpu``."""
