"""How far one net's raw outputs lie from another's, where there may be an object.

mAP moves in jumps that have more to do with the choice of images than with the net; this moves
smoothly, needs few images and no labels, and sees boxes drift before mAP does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.decode import distances, sigmoid
from edgeyolo.device.engine import Float

_PERHAPS = 0.05  # an anchor counts from this score on, in either net
_SURELY = 0.25  # its box counts from this score on, in the first net


@dataclass(frozen=True, slots=True)
class Agreement:
    """Means over anchors.

    ``score`` is the largest difference of an anchor's class scores, ``box_px`` that of center x,
    center y, width and height in input pixels. ``error`` joins both in one figure in 0..1: the
    score's difference, and the part of the box that is lost (1 - IoU) times the score.
    """

    error: float
    score: float
    box_px: float
    anchors: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "error": round(self.error, 5),
            "score": round(self.score, 5),
            "box_px": round(self.box_px, 3),
            "anchors": self.anchors,
        }


def agreement(
    bundle: Bundle, expected: Sequence[Sequence[Float]], found: Sequence[Sequence[Float]]
) -> Agreement:
    """Compare raw outputs of the same images, one entry per image."""
    parts = [
        _compare_level(bundle, level, first, second)
        for first, second in zip(expected, found, strict=True)
        for level in range(len(bundle.strides))
    ]
    error, score, box = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Agreement(_mean(error), _mean(score), _mean(box), len(error))


def _mean(values: Float) -> float:
    return float(values.mean()) if values.size else 0.0


def _compare_level(
    bundle: Bundle, level: int, expected: Sequence[Float], found: Sequence[Float]
) -> tuple[Any, Any, Any]:
    scores = [_scores(outputs[2 * level + 1]) for outputs in (expected, found)]
    best = np.maximum(scores[0].max(axis=0), scores[1].max(axis=0))
    anchors = np.flatnonzero(best > _PERHAPS)
    sides = [
        distances(_flat(outputs[2 * level])[:, anchors], bundle.reg_max) * bundle.strides[level]
        for outputs in (expected, found)
    ]
    score = np.abs(scores[0][:, anchors] - scores[1][:, anchors]).max(axis=0, initial=0)
    sure = scores[0][:, anchors].max(axis=0, initial=0)
    box = np.abs(_center_size(sides[0]) - _center_size(sides[1])).mean(axis=0)
    return score + sure * (1 - _iou(*sides)), score, box[sure > _SURELY]


def _flat(output: Float) -> Float:
    return output.reshape(output.shape[-3], -1)


def _scores(logits: Float) -> Float:
    return sigmoid(_flat(logits))


def _center_size(sides: Float) -> Float:
    """(4, N) left, top, right, bottom distances → center relative to the anchor, and size."""
    left, top, right, bottom = sides
    return np.stack([(right - left) / 2, (bottom - top) / 2, left + right, top + bottom])


def _iou(first: Float, second: Float) -> Float:
    """(N,) of boxes around the same anchor points, given as distances to their sides."""
    shared = np.minimum(first, second)
    inside = np.clip(shared[0] + shared[2], 0, None) * np.clip(shared[1] + shared[3], 0, None)
    areas = [(s[0] + s[2]) * (s[1] + s[3]) for s in (first, second)]
    result: Float = inside / np.maximum(areas[0] + areas[1] - inside, 1e-9)
    return np.clip(result, 0, 1)
