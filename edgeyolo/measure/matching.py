"""Whether two detectors say the same of the same images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeyolo.device.boxes import areas, overlaps
from edgeyolo.device.detections import Detections


def matched(
    expected: Sequence[Detections],
    found: Sequence[Detections],
    confidence: float = 0.25,
    iou: float = 0.5,
) -> tuple[int, int]:
    """How many detections of the first have one of the second, and how many there are.

    Counted are those above ``confidence``; a partner is of the same class, overlaps by ``iou``,
    belongs to nobody else, and may have any score.
    """
    pairs = [_matched(a, b, confidence, iou) for a, b in zip(expected, found, strict=True)]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


def _matched(
    expected: Detections, found: Detections, confidence: float, iou: float
) -> tuple[int, int]:
    wanted = np.flatnonzero(expected.score > confidence)
    free = np.ones(len(found), bool)
    mine, theirs = areas(expected.xyxy), areas(found.xyxy)
    hits = 0
    for index in wanted:
        near = overlaps(expected.xyxy[index], mine[index], found.xyxy, theirs)
        near = np.where(free & (found.class_id == expected.class_id[index]), near, -1.0)
        if near.size and near.max() >= iou:
            free[int(near.argmax())] = False
            hits += 1
    return hits, len(wanted)
