"""How one bundle's detections compare with another's on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import (
    Accuracy,
    best_threshold,
    detect,
    evaluate,
    paired_difference,
)
from edgeyolo.measure.matching import matched


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
    """mAP50-95 and its paired difference with interval, detections found again, thresholds."""
    difference, bounds = paired_difference(after.accuracy, before.accuracy)
    hits, total = matched(before.found, after.found)
    return {
        "before": round(before.accuracy.map50_95, 5),
        "after": round(after.accuracy.map50_95, 5),
        "difference": round(difference, 5),
        "difference_ci": [round(bound, 5) for bound in bounds],
        "images": before.accuracy.images,
        "boxes": before.accuracy.boxes,
        "threshold": [round(best_threshold(one.accuracy), 3) for one in (before, after)],
        "detections": total,
        "matched": hits,
    }
