"""What makes the images poor ones to calibrate on, or to judge by."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyolo.dataset.check import Sample
from edgeyolo.dataset.read import Dataset
from edgeyolo.quantize.select import FEW

# Error of YOLOv8n's int8 with so many images, as a multiple of that with 64
# (``tools/bench_calibration.py``).
_ERRORS = {1: 1.8, 2: 1.2, 8: 1.1}


def doubts(dataset: Dataset, calibration: Sequence[Sample], gate: Sequence[Sample]) -> list[str]:
    """A sentence for each."""
    found = []
    if len(calibration) < FEW:
        count = len(calibration)
        times = next(error for most, error in reversed(_ERRORS.items()) if count >= most)
        found.append(
            f"Only {count} image{'s' * (count > 1)} to calibrate on: YOLOv8n's int8 error was "
            f"{times} times that with 64. {FEW} or more are better."
        )
    seen = {int(class_id) for sample in calibration for class_id in sample.boxes[:, 0]}
    unseen = [name for index, name in enumerate(dataset.names) if index not in seen]
    if unseen:
        found.append(
            f"No calibration image shows {', '.join(unseen[:8])}"
            + (f" and {len(unseen) - 8} more classes." if unseen[8:] else ".")
        )
    boxes = sum(len(sample.boxes) for sample in gate)
    if len(gate) < FEW or boxes < FEW:
        found.append(
            f"Only {len(gate)} training images with {boxes} objects are left to judge by: "
            "--max-drop means little."
        )
    return found
