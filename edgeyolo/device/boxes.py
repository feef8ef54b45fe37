"""Boxes as arrays of corners: left, top, right, bottom."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def areas(boxes: Floats) -> Floats:
    """(N, 4) boxes → (N,)."""
    result: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return result


def overlaps(box: Floats, area: float, others: Floats, their_areas: Floats) -> Floats:
    """(M,) intersection over union of one box (4,) with M others (M, 4)."""
    corner = np.maximum(box[:2], others[:, :2])
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - corner, 0, None)
    shared = sides[:, 0] * sides[:, 1]
    result: Floats = shared / (area + their_areas - shared + 1e-12)
    return result
