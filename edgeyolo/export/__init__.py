"""Checkpoint → bundle: the same graph, ending at the raw heads, for each engine."""
