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
from edgeyolo.measure.coco import evaluation_of, ground_truth, mean, mean_or_none, results_of

EVAL_CONFIDENCE = 0.001
_IOU_50, _IOU_75 = 0, 5  # positions in the COCO protocol's ten thresholds


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
    truth = ground_truth(samples, names)
    evaluation = evaluation_of(truth, results_of(found), len(names))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (T, recall steps, classes)
    matches = _matches(evaluation, samples, len(names))
    replicates = weighted_map(matches, draws(len(samples)))
    return Accuracy(
        map50_95=mean(precision),
        map50=mean(precision[_IOU_50]),
        map75=mean(precision[_IOU_75]),
        map50_95_ci=interval(replicates, mean(precision)),
        images=len(samples),
        boxes=len(truth["annotations"]),
        per_class=tuple(
            ClassAccuracy(
                name,
                int(matches[index].objects.sum()),
                mean_or_none(precision[:, :, index]),
                mean_or_none(precision[_IOU_50, :, index]),
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
