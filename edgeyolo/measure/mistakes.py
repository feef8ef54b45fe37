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

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.greedy import Floats, Ints
from edgeyolo.measure.scene import RIGHT, Scene

_NOTHING = 0.1  # IoU
WAYS = ("classification", "localization", "both", "duplicate", "background", "missed")


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
        scene = Scene.of(sample, detections, threshold)
        _confuse(scene, confusion)
        right += _fail(scene, ways)
    return Mistakes(confusion, right, dict(ways))


def _confuse(scene: Scene, confusion: Ints) -> None:
    taken = scene.covers()
    for called, which in zip(scene.detections.class_id, taken, strict=True):
        confusion[scene.classes[which] if which >= 0 else -1, called] += 1
    for which in scene.missed(taken):
        confusion[scene.classes[which], -1] += 1


def _fail(scene: Scene, ways: Counter[str]) -> int:
    """Count the ways in which detections of an image fail; return how many do not."""
    same = scene.same
    alike, unlike = np.where(same, scene.iou, 0.0), np.where(same, 0.0, scene.iou)
    taken = scene.right()
    wanting = set(scene.missed(taken).tolist())
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
    if alike[own] > RIGHT:  # it came too late for this one
        return "duplicate", -1
    if unlike[other] > RIGHT:
        return "classification", other
    if alike[own] >= _NOTHING:
        return "localization", own
    return ("both" if unlike[other] >= _NOTHING else "background"), -1
