"""faster-coco-eval, told of our samples and detections: matching and precision as COCO has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections

ALL = {"all": (0.0, 1e10)}  # ranges of areas in square pixels, by name


def ground_truth(
    samples: Sequence[Sample], names: Sequence[str], scales: Sequence[float] | None = None
) -> dict[str, Any]:
    """COCO's form of the labels, in pixels of the images, each scaled by one of ``scales``."""
    by = scales or [1.0] * len(samples)
    annotations: list[dict[str, Any]] = []
    for image_id, (sample, scale) in enumerate(zip(samples, by, strict=True), start=1):
        size = np.array([sample.width, sample.height] * 2, np.float64) * scale
        for class_id, *box in sample.boxes.astype(np.float64):
            x, y, width, height = np.array(box) * size
            annotations.append(
                {
                    "id": len(annotations) + 1,  # 0 would mean "no match"
                    "image_id": image_id,
                    "category_id": int(class_id) + 1,
                    "bbox": [x - width / 2, y - height / 2, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    return {
        "info": {},
        "images": [
            {"id": image_id, "width": sample.width, "height": sample.height}
            for image_id, sample in enumerate(samples, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for index, name in enumerate(names, start=1)],
    }


def results_of(
    found: Sequence[Detections], scales: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """COCO's form of the detections, scaled alike."""
    by = scales or [1.0] * len(found)
    return [
        {
            "image_id": image_id,
            "category_id": int(class_id) + 1,
            "bbox": [float(side) * scale for side in (x1, y1, x2 - x1, y2 - y1)],
            "score": float(score),
        }
        for image_id, (detections, scale) in enumerate(zip(found, by, strict=True), start=1)
        for (x1, y1, x2, y2), score, class_id in zip(
            detections.xyxy, detections.score, detections.class_id, strict=True
        )
    ]


def evaluation_of(
    truth: dict[str, Any],
    results: list[dict[str, Any]],
    classes: int,
    ranges: dict[str, tuple[float, float]] = ALL,
) -> Any:
    """The evaluation, accumulated: at most 300 detections of a class in an image, best first."""
    from faster_coco_eval import COCO, COCOeval_faster

    reference = COCO(truth)
    # loadRes refuses an empty list.
    detections = reference.loadRes(results) if results else COCO({**truth, "annotations": []})
    evaluation = COCOeval_faster(
        reference, detections, "bbox", print_function=_silent, separate_eval=True
    )
    evaluation.params.maxDets = [300]
    evaluation.params.areaRng = [list(bounds) for bounds in ranges.values()]
    evaluation.params.areaRngLbl = list(ranges)
    evaluation.params.catIds = list(range(1, classes + 1))
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _silent(*_: object) -> None:
    """Takes the place of a function that prints."""


def mean(precision: Any) -> float:
    """Mean over the entries that exist; faster-coco-eval marks the others with -1."""
    value = mean_or_none(precision)
    return 0.0 if value is None else value


def mean_or_none(precision: Any) -> float | None:
    """The same, or ``None`` where there is none."""
    existing = precision[precision > -1]
    return float(existing.mean()) if existing.size else None
