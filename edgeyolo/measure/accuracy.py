"""mAP of an exported file, through the detector that runs on the board.

Matching and the point estimate are faster-coco-eval's (the COCO protocol: score above 0.001, at
most 300 detections per image, IoU 0.50 to 0.95).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.errors import DataError
from edgeyolo.images import read_image
from edgeyolo.measure.bootstrap import ClassMatches, draws, interval, weighted_map

EVAL_CONFIDENCE = 0.001
_IOU_50, _IOU_75 = 0, 5  # positions in the COCO protocol's ten thresholds
_EVERYTHING = [0, 1e10]  # area range in px²


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """Average precision of one class; NaN-free: ``None`` where the split has no such object."""

    name: str
    boxes: int
    ap50_95: float | None
    ap50: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """mAP with the interval over images, and the matches it can be accumulated from again."""

    map50_95: float
    map50: float
    map75: float
    map50_95_ci: tuple[float, float]
    images: int
    boxes: int
    per_class: tuple[ClassAccuracy, ...]
    matches: list[ClassMatches]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, per-class figures last."""
        return {
            "map50_95": round(self.map50_95, 5),
            "map50": round(self.map50, 5),
            "map75": round(self.map75, 5),
            "map50_95_ci": [round(bound, 5) for bound in self.map50_95_ci],
            "images": self.images,
            "boxes": self.boxes,
            "per_class": [
                {
                    "name": entry.name,
                    "boxes": entry.boxes,
                    "ap50_95": None if entry.ap50_95 is None else round(entry.ap50_95, 5),
                    "ap50": None if entry.ap50 is None else round(entry.ap50, 5),
                }
                for entry in self.per_class
            ],
        }


def check_names(bundle: Bundle, dataset: Dataset) -> None:
    """Refuse a data set of other classes.

    Raises:
        DataError: naming both numbers.
    """
    if dataset.names != bundle.names:
        raise DataError(
            "The data set has other classes than the bundle.",
            f"The bundle knows {len(bundle.names)} classes, the data set {len(dataset.names)}.",
        )


def evaluate_bundle(
    bundle: Bundle,
    samples: Sequence[Sample],
    engine: str | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Accuracy:
    """Run one engine over labeled images and compare."""
    found = detect(bundle, samples, engine, threads=threads, progress=progress)
    return evaluate(samples, found, bundle.names)


def detect(
    bundle: Bundle,
    samples: Sequence[Sample],
    engine: str | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Detections]:
    """What one engine finds in each image, down to the scores that the COCO protocol counts."""
    detector = Detector(
        bundle,
        engine,
        confidence=EVAL_CONFIDENCE,
        multi_label=len(bundle.names) > 1,
        threads=threads,
    )
    found = []
    for index, sample in enumerate(samples):
        found.append(detector(read_image(sample.image)))
        if progress:
            progress(index + 1, len(samples))
    return found


def evaluate(
    samples: Sequence[Sample], found: Sequence[Detections], names: Sequence[str]
) -> Accuracy:
    """Accuracy of detections, one entry per sample, in pixels of the source images."""
    truth = _ground_truth(samples, names)
    evaluation = _coco_evaluation(truth, _results(found), len(names))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (T, recall steps, classes)
    matches = _matches(evaluation, samples, len(names))
    replicates = weighted_map(matches, draws(len(samples)))
    return Accuracy(
        map50_95=_mean(precision),
        map50=_mean(precision[_IOU_50]),
        map75=_mean(precision[_IOU_75]),
        map50_95_ci=interval(replicates, _mean(precision)),
        images=len(samples),
        boxes=len(truth["annotations"]),
        per_class=tuple(
            ClassAccuracy(
                name,
                int(matches[index].objects.sum()),
                _mean_or_none(precision[:, :, index]),
                _mean_or_none(precision[_IOU_50, :, index]),
            )
            for index, name in enumerate(names)
        ),
        matches=matches,
    )


def best_threshold(accuracy: Accuracy) -> float:
    """The confidence with the best F1 score at IoU 0.5 over all classes together."""
    score = np.concatenate([entry.score for entry in accuracy.matches])
    correct = np.concatenate([entry.correct[_IOU_50] for entry in accuracy.matches])
    if not score.size:
        return 0.0
    order = np.argsort(-score, kind="stable")
    found = correct[order].cumsum()
    f1 = 2 * found / (np.arange(1, len(order) + 1) + accuracy.boxes)
    return float(score[order][int(np.argmax(f1))])


def paired_difference(a: Accuracy, b: Accuracy) -> tuple[float, tuple[float, float]]:
    """mAP50-95 of ``a`` minus that of ``b`` over the same images, with its interval."""
    weights = draws(a.images)
    difference = weighted_map(a.matches, weights) - weighted_map(b.matches, weights)
    point = a.map50_95 - b.map50_95
    return point, interval(difference, point)


def _ground_truth(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, sample in enumerate(samples, start=1):
        size = np.array([sample.width, sample.height] * 2, np.float64)
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


def _results(found: Sequence[Detections]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image_id,
            "category_id": int(class_id) + 1,
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "score": float(score),
        }
        for image_id, detections in enumerate(found, start=1)
        for (x1, y1, x2, y2), score, class_id in zip(
            detections.xyxy, detections.score, detections.class_id, strict=True
        )
    ]


def _coco_evaluation(truth: dict[str, Any], results: list[dict[str, Any]], classes: int) -> Any:
    from faster_coco_eval import COCO, COCOeval_faster

    reference = COCO(truth)
    # loadRes refuses an empty list.
    detections = reference.loadRes(results) if results else COCO({**truth, "annotations": []})
    evaluation = COCOeval_faster(
        reference, detections, "bbox", print_function=_silent, separate_eval=True
    )
    evaluation.params.maxDets = [300]
    evaluation.params.areaRng = [_EVERYTHING]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.params.catIds = list(range(1, classes + 1))
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _silent(*_: object) -> None:
    """Takes the place of a function that prints."""


def _matches(evaluation: Any, samples: Sequence[Sample], classes: int) -> list[ClassMatches]:
    """Per-image matches out of the evaluation, through the pickling state that it offers."""
    images = len(samples)
    states = [entry.__getstate__() for entry in evaluation._evalImgs_cpp]
    thresholds = len(evaluation.params.iouThrs)
    result = []
    for class_index in range(classes):
        own = states[class_index * images : (class_index + 1) * images]  # class-major order
        # A state is (matches of detections, of objects, scores, which objects to ignore, …).
        scores = [np.asarray(state[2], np.float64) for state in own]
        correct = [np.asarray(s[0], np.int64).reshape(thresholds, -1) > 0 for s in own]
        image = np.repeat(np.arange(images), [len(part) for part in scores])
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        result.append(
            ClassMatches(
                image[order],
                np.concatenate(scores)[order],
                np.concatenate(correct, axis=1)[:, order],
                np.array([len(state[3]) for state in own], np.int64),
            )
        )
    return result


def _mean(precision: Any) -> float:
    """Mean over the entries that exist; faster-coco-eval marks the others with -1."""
    value = _mean_or_none(precision)
    return 0.0 if value is None else value


def _mean_or_none(precision: Any) -> float | None:
    existing = precision[precision > -1]
    return float(existing.mean()) if existing.size else None
