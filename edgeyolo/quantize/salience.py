"""Where in an image the net sees something: there the tensors must be kept.

Most of an image is background, whose tensors are small and whose errors change nothing. Ranges that
suit all positions alike clip what objects make; so positions count by what is detected there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeyolo.device.decode import sigmoid
from edgeyolo.device.engine import Float

_BACKGROUND = 0.1  # how often a position counts where nothing is
_FEWEST = 16  # positions that count in a small tensor of background


def salience(outputs: Sequence[Float], strides: Sequence[int]) -> Float:
    """(height, width) of the finest level: the best score of any class at any level.

    ``outputs`` are the raw ones of :class:`edgeyolo.device.engine.Engine`.
    """
    result: Float = np.zeros(outputs[1].shape[-2:], np.float32)
    for level, stride in enumerate(strides):
        logits = outputs[2 * level + 1]
        best = sigmoid(logits.reshape(logits.shape[-3:]).max(axis=0))
        np.maximum(result, _repeated(best, stride // strides[0]), out=result)
    return result


def positions(
    seen: Float, height: int, width: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Flat indices of the positions of a (…, height, width) tensor that count.

    Drawn at random: background seldom, and the more often the surer the net is.
    """
    rows = seen.shape[0]
    at = _repeated(seen, height // rows) if height > rows else _largest(seen, rows // height)
    background = max(_BACKGROUND, _FEWEST / at.size)
    return np.flatnonzero(generator.random(height * width) < background + at.reshape(-1))


def _repeated(values: Float, times: int) -> Float:
    return values.repeat(times, axis=0).repeat(times, axis=1)


def _largest(values: Float, size: int) -> Float:
    height, width = (side // size for side in values.shape)
    result: Float = values.reshape(height, size, width, size).max(axis=(1, 3))
    return result
