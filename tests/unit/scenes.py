"""Objects and detections made by hand, and at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections

SIDE = 100
Box = tuple[int, float, float, float, float]  # class, left, top, right, bottom


def sample_of(*objects: Box) -> Sample:
    """An image of 100 by 100 pixels."""
    rows = [
        (c, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        for c, left, top, right, bottom in objects
    ]
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    boxes[:, 1:] /= SIDE
    return Sample(Path("a.jpg"), SIDE, SIDE, boxes)


def found_of(*detections: tuple[float, Box]) -> Detections:
    """Scores and boxes."""
    boxes = np.array([box[1:] for _, box in detections], np.float32).reshape(-1, 4)
    scores = np.array([score for score, _ in detections], np.float32)
    return Detections(boxes, scores, np.array([box[0] for _, box in detections], np.int64))


def random_scene(seed: int, classes: int = 3) -> tuple[Sample, Detections]:
    """Objects, and detections near them, of sometimes another class."""
    draw = np.random.default_rng(seed)

    def boxes(count: int) -> list[Box]:
        corners = draw.integers(0, 60, (count, 2))
        sides = draw.integers(10, 40, (count, 2))
        return [
            (int(draw.integers(classes)), *map(float, (*c, *(c + s))))  # type: ignore[misc]
            for c, s in zip(corners, sides, strict=True)
        ]

    objects = boxes(int(draw.integers(0, 6)))
    near = [
        (c if draw.random() < 0.7 else int(draw.integers(classes)), *(draw.normal(xy, 4)))
        for c, *xy in objects
        for _ in range(int(draw.integers(0, 4)))
    ]
    detections = [*near, *boxes(int(draw.integers(0, 3)))]
    scores = draw.permutation(len(detections)) / 20 + 0.05  # no two alike
    return sample_of(*objects), found_of(*zip(scores.tolist(), detections, strict=True))
