"""What the notebooks stand on."""
