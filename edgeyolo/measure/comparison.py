"""How one bundle's detections compare with another's on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import Accuracy, detect, evaluate, paired_difference
from edgeyolo.measure.bootstrap import interval
from edgeyolo.measure.matching import partners
from edgeyolo.measure.operating import operating_points


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A set of images, what a net finds in them, and how well."""

    samples: list[Sample]
    found: list[Detections]
    accuracy: Accuracy


def judge(
    bundle: Bundle,
    samples: list[Sample],
    engine: str,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Run a bundle on all images."""
    found = detect(bundle, samples, engine, progress=progress)
    return Judged(samples, found, evaluate(samples, found, bundle.names))


def compare(before: Judged, after: Judged) -> dict[str, Any]:
    """mAP50-95, its paired difference and what is kept of it, detections found again, thresholds.

    All intervals are over the same draws of images. ``matched_iou`` is the mean overlap of the
    detections that are found again, ``score_change`` the mean change of their score.
    """
    difference, bounds = paired_difference(after.accuracy, before.accuracy)
    again = partners(before.found, after.found)
    return {
        "before": round(before.accuracy.map50_95, 5),
        "after": round(after.accuracy.map50_95, 5),
        "difference": round(difference, 5),
        "difference_ci": [round(bound, 5) for bound in bounds],
        "retained": retained(before.accuracy, after.accuracy),
        "images": before.accuracy.images,
        "boxes": before.accuracy.boxes,
        "threshold": [_best_threshold(one.accuracy) for one in (before, after)],
        "detections": again.total,
        "matched": len(again.iou),
        "matched_iou": _mean(again.iou),
        "score_change": _mean(again.score_change),
    }


def retained(before: Accuracy, after: Accuracy) -> dict[str, Any] | None:
    """The part of the first's mAP50-95 that the second has, with its interval over draws.

    ``None`` where the first has none.
    """
    if not before.map50_95:
        return None
    point = after.map50_95 / before.map50_95
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.asarray(after.draws) / np.asarray(before.draws)
    low, high = interval(ratios[np.isfinite(ratios)], point, corrected=False)
    return {"value": round(point, 5), "ci": [round(low, 5), round(high, 5)]}


def _best_threshold(accuracy: Accuracy) -> float:
    """The confidence with the best F1 of all classes together; 0 where nothing is right."""
    return round(operating_points(accuracy)["common"]["threshold"] or 0.0, 3)


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 5) if values.size else None
