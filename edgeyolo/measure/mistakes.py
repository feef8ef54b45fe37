"""What a detector gets wrong at a threshold: which classes it confuses, in which ways it fails.

The ways are those of TIDE (Bolya et al. 2020, arXiv:2008.08115), with its thresholds: a detection
is right from an IoU of 0.5 on, and sees nothing below 0.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.device.boxes import areas, overlaps
from edgeyolo.device.detections import Detections

_RIGHT, _NOTHING = 0.5, 0.1  # IoU
WAYS = ("classification", "localization", "both", "duplicate", "background", "missed")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Over all images.

    - ``confusion``: (C + 1, C + 1) how often an object of a class (row) is called one (column); the
      last row are detections where no object is, the last column objects that are missed. An object
      belongs to the detection that covers it best, whatever that is called.
    - ``right``: detections that are right, of all classes.
    - ``ways``: how many detections fail in which way, by its name in ``WAYS``. An object is
      ``missed`` if no detection is right about it, nor would be with another class or a better box.
    """

    confusion: Ints
    right: int
    ways: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"confusion": self.confusion.tolist(), "right": self.right, "ways": self.ways}


def mistakes(
    samples: Sequence[Sample], found: Sequence[Detections], classes: int, threshold: float
) -> Mistakes:
    """Mistakes among the detections with a score above ``threshold``; one entry per sample."""
    confusion = np.zeros((classes + 1, classes + 1), np.int64)
    ways: Counter[str] = Counter(dict.fromkeys(WAYS, 0))
    right = 0
    for sample, detections in zip(samples, found, strict=True):
        image = _Image.of(sample, detections, threshold)
        _confuse(image, confusion)
        right += _fail(image, ways)
    return Mistakes(confusion, right, dict(ways))


@dataclass(frozen=True, slots=True)
class _Image:
    """Objects and detections of an image, the latter best first, and how they overlap."""

    classes: Ints  # (O,) of the objects
    called: Ints  # (D,)
    iou: Floats  # (D, O)

    @classmethod
    def of(cls, sample: Sample, detections: Detections, threshold: float) -> _Image:
        kept = detections.select(detections.score > threshold)
        order = np.argsort(-kept.score, kind="stable")
        objects = _corners(sample)
        sizes = areas(objects)
        boxes = kept.xyxy[order].astype(np.float64)
        iou = [
            overlaps(box, area, objects, sizes)
            for box, area in zip(boxes, areas(boxes), strict=True)
        ]
        return cls(
            sample.boxes[:, 0].astype(np.int64),
            kept.class_id[order].astype(np.int64),
            np.array(iou, np.float64).reshape(len(boxes), len(objects)),
        )


def _corners(sample: Sample) -> Floats:
    """(O, 4) boxes of the objects in pixels."""
    size = np.array([sample.width, sample.height], np.float64)
    center, sides = sample.boxes[:, 1:3] * size, sample.boxes[:, 3:5] * size
    return np.hstack((center - sides / 2, center + sides / 2)).astype(np.float64)


def _taken(iou: Floats) -> Ints:
    """(D,) the object that each detection takes, best first, or -1."""
    free = iou.copy()
    taken = np.full(len(iou), -1, np.int64)
    for index, row in enumerate(free):
        if row.size and row.max() > _RIGHT:
            taken[index] = row.argmax()
            free[:, taken[index]] = 0
    return taken


def _confuse(image: _Image, confusion: Ints) -> None:
    taken = _taken(image.iou)
    for called, which in zip(image.called, taken, strict=True):
        confusion[image.classes[which] if which >= 0 else -1, called] += 1
    for which in set(range(len(image.classes))) - set(taken.tolist()):
        confusion[image.classes[which], -1] += 1


def _fail(image: _Image, ways: Counter[str]) -> int:
    """Count the ways in which detections of an image fail; return how many do not."""
    same = image.called[:, None] == image.classes[None]
    alike, unlike = np.where(same, image.iou, 0.0), np.where(same, 0.0, image.iou)
    taken = _taken(alike)
    wanting = set(range(len(image.classes))) - set(taken.tolist())
    for index in np.flatnonzero(taken < 0):
        way, about = _way(alike[index], unlike[index])
        ways[way] += 1
        wanting.discard(about)
    ways["missed"] += len(wanting)
    return int((taken >= 0).sum())


def _way(alike: Floats, unlike: Floats) -> tuple[str, int]:
    """In which way a detection fails, and the object that it is about, or -1."""
    if not alike.size:
        return "background", -1
    own, other = int(alike.argmax()), int(unlike.argmax())
    if alike[own] > _RIGHT:  # it came too late for this one
        return "duplicate", -1
    if unlike[other] > _RIGHT:
        return "classification", other
    if alike[own] >= _NOTHING:
        return "localization", own
    return ("both" if unlike[other] >= _NOTHING else "background"), -1
