"""Ends of a training that are not failures of it."""

from __future__ import annotations


class StopRequestedError(Exception):
    """Ends the training loop; unlike the trainer's own stop it leaves a resumable state."""


class OutOfMemoryError(Exception):
    """A step did not fit into the memory of its GPU."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch means that by its error."""
    return "out of memory" in str(error).lower()
