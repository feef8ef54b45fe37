"""Curves of an exported file: precision over recall, and what each confidence would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.measure.accuracy import Accuracy
from edgeyolo.measure.bootstrap import ClassMatches

STEPS = np.linspace(0, 1, 101)  # where COCO reads precision, and the confidences that are tried
_IOU_50 = 0  # position in the COCO protocol's ten thresholds
_DIGITS = 4

Floats = npt.NDArray[np.float64]


def precision_over_recall(accuracy: Accuracy) -> list[float]:
    """(101,) precision at IoU 0.5 at recalls from 0 to 1: the mean over classes that have boxes.

    The mean of it is mAP50.
    """
    present = [matches for matches in accuracy.matches if matches.objects.sum()]
    if not present:
        return [0.0] * len(STEPS)
    curves = np.stack([_precision(matches) for matches in present])
    return [round(float(value), _DIGITS) for value in curves.mean(0)]


def by_confidence(accuracy: Accuracy) -> dict[str, list[float]]:
    """Precision, recall and F1 at IoU 0.5 with a threshold of 0.00, 0.01, … 1.00 for all classes.

    Detections of all classes are pooled. Where none is left, precision is 1.
    """
    counted = [matches.counted(_IOU_50) for matches in accuracy.matches]
    score, right = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    kept = np.array([(score > step).sum() for step in STEPS])
    found = np.array([right[score > step].sum() for step in STEPS])
    objects = max(1, accuracy.boxes)
    values = {
        "precision": np.where(kept > 0, found / np.maximum(kept, 1), 1.0),
        "recall": found / objects,
        "f1": 2 * found / (kept + objects),
    }
    return {name: np.round(value, _DIGITS).tolist() for name, value in values.items()}


def curves_of(accuracy: Accuracy) -> dict[str, Any]:
    """Both, for JSON."""
    return {
        "precision_over_recall": precision_over_recall(accuracy),
        "by_confidence": by_confidence(accuracy),
    }


def _precision(matches: ClassMatches) -> Floats:
    """(101,) of one class: the best precision at this recall or a higher one."""
    _, right = matches.counted(_IOU_50)
    found = right.cumsum()
    recall = found / matches.objects.sum()
    precision = found / np.arange(1, len(found) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    result: Floats = envelope[np.searchsorted(recall, STEPS, side="left")]
    return result
