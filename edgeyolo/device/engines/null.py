"""Finds nothing, needs nothing: the specimen of the interface, for tests without a runtime."""

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float


class Engine:
    """Answers every input with logits that mean "no object"."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        channels = (4 * bundle.reg_max, len(bundle.names))
        sizes = [(bundle.height // stride, bundle.width // stride) for stride in bundle.strides]
        self._outputs = [
            np.full((1, c, *size), -20, np.float32) for size in sizes for c in channels
        ]

    def infer(self, blob: Float) -> list[Float]:
        """Return the same arrays each time."""
        return self._outputs
