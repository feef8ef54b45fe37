"""Smooth noise: clouds, leaves, stains, and the ragged edges of shadows."""

from __future__ import annotations

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Plane, Rng


def noise(rng: Rng, height: int, width: int, cell: float, octaves: int = 3) -> Plane:
    """Smooth noise [height, width] in 0..1 whose largest blobs are ``cell`` pixels wide."""
    total = np.zeros((2, 2), np.float32)
    for octave in range(octaves):  # every octave is added at its own, small resolution
        step = max(1.0, cell / 2**octave)
        rows, columns = int(height / step) + 2, int(width / step) + 2
        grid = rng.random((rows, columns), np.float32)
        total = cv2.resize(total, (columns, rows), interpolation=cv2.INTER_CUBIC) + grid / 2**octave
    smooth = cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high, _, _ = cv2.minMaxLoc(smooth)
    return np.asarray((smooth - low) * (1 / max(high - low, 1e-6)), np.float32)
