"""Which training images calibrate, and which are kept apart to judge the result."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.errors import DataError

CALIBRATION = 64
GATE = 64
FEW = 16  # calibration images, below which ranges are left to chance
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Two parts of the training images that share none."""

    calibration: tuple[Path, ...]
    gate: tuple[Path, ...]


def split_training(images: Sequence[Path], count: int, seed: int) -> Split:
    """A random choice; of few images two thirds calibrate.

    Raises:
        DataError: when there are too few for two parts.
    """
    if len(images) < _FEWEST:
        raise DataError(
            f"{len(images)} training image cannot both calibrate and judge.",
            f"Use a training split of at least {_FEWEST} images; {CALIBRATION} are good.",
        )
    shuffled = list(images)
    random.Random(seed).shuffle(shuffled)
    calibrate = min(count, max(1, len(shuffled) * 2 // 3))
    return Split(tuple(shuffled[:calibrate]), tuple(shuffled[calibrate : calibrate + GATE]))
