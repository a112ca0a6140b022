"""What is known exactly of a game being played: beside training, not in it."""
