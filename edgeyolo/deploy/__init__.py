"""From the workshop to the board: one release at a time, whole or not at all."""
