"""Ends of a training that are not failures of it."""

from __future__ import annotations


class StopRequestedError(Exception):
    """Ends the training loop; unlike the trainer's own stop it leaves a resumable state."""


class OutOfMemoryError(Exception):
    """A step did not fit into the memory of its GPU."""


# Also what the libraries below torch say where they get none; as ultralytics reads them.
_SAID = (
    *("out of memory", "cublas_status_alloc_failed", "cudnn_status_internal_error"),
    "unable to find an engine",
)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch means that by its error."""
    return any(words in str(error).lower() for words in _SAID)
