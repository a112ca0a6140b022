"""Helpers that the notebooks use."""
