"""Exact values of a game on the line, for evaluation; training does not use them."""
