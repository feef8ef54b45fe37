"""mAP of an exported file, through the detector that runs on the board.

Matching and the point estimate are faster-coco-eval's (the COCO protocol: score above 0.001, at
most 300 detections of a class in an image, IoU 0.50 to 0.95).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.errors import DataError
from edgeyolo.images import read_image
from edgeyolo.measure.bootstrap import ClassMatches, draws, interval, paired, weighted_map
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
    """mAP with the interval over images, and the matches it can be accumulated from again.

    ``draws`` (R,) is mAP50-95 in each draw of the bootstrap, NaN in one without any object; two
    nets on the same images are compared draw by draw.
    """

    map50_95: float
    map50: float
    map75: float
    map50_95_ci: tuple[float, float]
    images: int
    boxes: int
    per_class: tuple[ClassAccuracy, ...]
    matches: list[ClassMatches]
    draws: npt.NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the long ones last; ``None`` is a draw without any object."""
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
            "draws": [
                None if math.isnan(value) else value for value in self.draws.round(5).tolist()
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
    return accuracy_of(ground_truth(samples, names), results_of(found), names)


def accuracy_of(
    truth: dict[str, Any], results: list[dict[str, Any]], names: Sequence[str]
) -> Accuracy:
    """The same from COCO's form of labels and detections; images are numbered from 1.

    Objects that are a crowd need not be found, and what is found in one is not wrong.
    """
    evaluation = evaluation_of(truth, results, len(names))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (T, recall steps, classes)
    images = len(truth["images"])
    matches = _matches(evaluation, images, len(names))
    replicates = weighted_map(matches, draws(images))
    return Accuracy(
        map50_95=mean(precision),
        map50=mean(precision[_IOU_50]),
        map75=mean(precision[_IOU_75]),
        map50_95_ci=interval(replicates, mean(precision)),
        images=images,
        boxes=sum(int(entry.objects.sum()) for entry in matches),
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
        draws=replicates,
    )


def paired_difference(a: Accuracy, b: Accuracy) -> tuple[float, tuple[float, float]]:
    """mAP50-95 of ``a`` minus that of ``b`` over the same images, with its interval."""
    if a.images != b.images:
        raise DataError(
            f"Nets on {a.images} and on {b.images} images cannot be compared.",
            "Measure both on the same images.",
        )
    return paired(a.draws, a.map50_95, b.draws, b.map50_95)


def _matches(evaluation: Any, images: int, classes: int) -> list[ClassMatches]:
    """Per-image matches out of the evaluation, through the pickling state that it offers."""
    states = [entry.__getstate__() for entry in evaluation._evalImgs_cpp]
    return [
        _class_matches(states[index * images : (index + 1) * images], evaluation)  # class-major
        for index in range(classes)
    ]


def _class_matches(states: list[Any], evaluation: Any) -> ClassMatches:
    """Of one class, from its states: (matches of detections, matches of objects, scores of
    detections, which objects and which detections to ignore, …) of each image."""
    thresholds = len(evaluation.params.iouThrs)
    scores = [np.asarray(state[2], np.float64) for state in states]
    matched = [np.asarray(state[0], np.int64).reshape(thresholds, -1) > 0 for state in states]
    ignored = [np.asarray(state[4], np.bool_).reshape(thresholds, -1) for state in states]
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    neither = np.concatenate(ignored, axis=1)[:, order]
    return ClassMatches(
        image=np.repeat(np.arange(len(states)), [len(part) for part in scores])[order],
        score=score[order],
        correct=np.concatenate(matched, axis=1)[:, order] & ~neither,
        objects=np.array([state[3].count(False) for state in states], np.int64),
        ignored=neither if neither.any() else None,
    )
