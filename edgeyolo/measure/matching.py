"""Whether two detectors say the same of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyolo.device.detections import Detections
from edgeyolo.measure.greedy import Floats, Ints, greedy, overlap_matrix


@dataclass(frozen=True, slots=True, eq=False)
class Partners:
    """How many detections a first detector has, and how those of a second lie to them.

    Counted are the first one's above a confidence; a partner is of the same class, overlaps,
    belongs to nobody else, and may have any score.
    """

    total: int
    iou: npt.NDArray[np.float64]  # (M,) of the M that have a partner
    score_change: npt.NDArray[np.float64]  # (M,) the partner's minus its own


def matched(
    expected: Sequence[Detections],
    found: Sequence[Detections],
    confidence: float = 0.25,
    iou: float = 0.5,
) -> tuple[int, int]:
    """How many detections of the first have a partner in the second, and how many there are."""
    pairs = partners(expected, found, confidence, iou)
    return len(pairs.iou), pairs.total


def partners(
    expected: Sequence[Detections],
    found: Sequence[Detections],
    confidence: float = 0.25,
    iou: float = 0.5,
) -> Partners:
    """Detections above ``confidence`` with those of the other that overlap by ``iou``."""
    total, rows = 0, []
    for first, second in zip(expected, found, strict=True):
        wanted = np.flatnonzero(first.score > confidence)
        total += len(wanted)
        rows += _pairs(first.select(wanted), second, iou)
    columns = np.array(rows, np.float64).reshape(-1, 2).T
    return Partners(total, *columns)


def partner_of(expected: Detections, found: Detections, iou: float) -> Ints:
    """(N,) which of the other is the partner of each, or -1; the first chooses first."""
    return _taken(expected, found, overlap_matrix(expected.xyxy, found.xyxy), iou)


def _taken(expected: Detections, found: Detections, overlap: Floats, iou: float) -> Ints:
    same = expected.class_id[:, None] == found.class_id[None]
    return greedy(overlap, (overlap >= iou) & same)


def _pairs(expected: Detections, found: Detections, iou: float) -> list[tuple[float, float]]:
    """Overlap and change of score of each that has a partner."""
    overlap = overlap_matrix(expected.xyxy, found.xyxy)
    taken = _taken(expected, found, overlap, iou)
    mine = np.flatnonzero(taken >= 0)
    theirs = taken[mine]
    change = found.score[theirs].astype(np.float64) - expected.score[mine]
    return list(zip(overlap[mine, theirs].tolist(), change.tolist(), strict=True))
