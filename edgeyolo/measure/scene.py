"""What is in an image, what a detector says of it, and about which objects it is right.

A detection is right about an object of its class that it covers with an IoU above 0.5; the best
score chooses first, each object belongs to one detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.greedy import Floats, Ints, greedy, overlap_matrix

RIGHT = 0.5  # IoU


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """O objects and D detections of an image, the latter best first, and how they overlap."""

    objects: npt.NDArray[np.float64]  # (O, 4) xyxy, pixels of the image
    classes: Ints  # (O,) of the objects
    detections: Detections
    iou: Floats  # (D, O)

    @classmethod
    def of(cls, sample: Sample, detections: Detections, threshold: float) -> Scene:
        """With the detections whose score is above ``threshold``."""
        kept = detections.select(detections.score > threshold)
        kept = kept.select(np.argsort(-kept.score, kind="stable"))
        objects = _corners(sample)
        return cls(
            objects,
            sample.boxes[:, 0].astype(np.int64),
            kept,
            overlap_matrix(kept.xyxy.astype(np.float64), objects),
        )

    @property
    def same(self) -> npt.NDArray[np.bool_]:
        """(D, O) whether a detection calls an object what it is."""
        return np.asarray(self.detections.class_id[:, None] == self.classes[None])

    def covers(self) -> Ints:
        """(D,) the object that each detection covers, whatever it calls it, or -1."""
        return greedy(self.iou, self.iou > RIGHT)

    def right(self) -> Ints:
        """(D,) the object that each detection is right about, or -1."""
        return greedy(self.iou, (self.iou > RIGHT) & self.same)

    def missed(self, taken: Ints) -> Ints:
        """The objects (M,) that no detection takes."""
        return np.setdiff1d(np.arange(len(self.classes)), taken)


def _corners(sample: Sample) -> npt.NDArray[np.float64]:
    """(O, 4) boxes of the objects in pixels."""
    size = np.array([sample.width, sample.height], np.float64)
    center, sides = sample.boxes[:, 1:3] * size, sample.boxes[:, 3:5] * size
    return np.hstack((center - sides / 2, center + sides / 2)).astype(np.float64)
