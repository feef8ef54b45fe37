"""Colors of the demo world (BGR, 0..255): the paints of road signs, and dull random ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.demo_world.arrays import Rng

Color = tuple[int, int, int]

RED, WHITE, BLACK, YELLOW = (38, 30, 190), (236, 238, 238), (28, 26, 26), (40, 190, 240)
BLUE, GREEN, GRAY, ORANGE = (150, 80, 30), (70, 120, 40), (138, 136, 134), (30, 110, 235)


def dull_color(rng: Rng, low: int, high: int, spread: int = 18) -> npt.NDArray[np.float64]:
    """A random color [3] (BGR, 0..255): a gray level in ``low``..``high`` and a little hue."""
    return np.clip(rng.uniform(low, high) + rng.uniform(-spread, spread, 3), 0, 255)
