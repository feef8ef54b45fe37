"""What a report tells of an exported file besides its mAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import Accuracy
from edgeyolo.measure.curves import curves_of
from edgeyolo.measure.heads import found_by
from edgeyolo.measure.mistakes import mistakes
from edgeyolo.measure.operating import operating_points
from edgeyolo.measure.sizes import by_size


def details(
    bundle: Bundle, samples: Sequence[Sample], found: Sequence[Detections], accuracy: Accuracy
) -> dict[str, Any]:
    """Thresholds, curves, mistakes and heads at the common threshold, mAP by size; for JSON.

    Where nothing is right at any threshold, mistakes are those without one.
    """
    points = operating_points(accuracy)
    threshold = points["common"]["threshold"] or 0.0
    height, width = bundle.height, bundle.width
    return {
        "operating": points,
        "curves": curves_of(accuracy),
        "mistakes": mistakes(samples, found, len(bundle.names), threshold).to_dict(),
        "by_size": by_size(samples, found, bundle.names, height, width),
        "found_by": found_by(samples, found, bundle.strides, threshold, height, width),
    }
