"""Mistakes: each way by hand, sums that must come out, the confusion as ultralytics counts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

import torch

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.mistakes import WAYS, Mistakes, mistakes
from edgeyolo.workshop import open_workshop

SIDE = 100
Box = tuple[int, float, float, float, float]  # class, left, top, right, bottom


def _sample(*objects: Box) -> Sample:
    rows = [
        (c, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        for c, left, top, right, bottom in objects
    ]
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    boxes[:, 1:] /= SIDE
    return Sample(Path("a.jpg"), SIDE, SIDE, boxes)


def _found(*detections: tuple[float, Box]) -> Detections:
    boxes = np.array([box[1:] for _, box in detections], np.float32).reshape(-1, 4)
    scores = np.array([score for score, _ in detections], np.float32)
    return Detections(boxes, scores, np.array([box[0] for _, box in detections], np.int64))


def _mistakes(sample: Sample, found: Detections, threshold: float = 0.25) -> Mistakes:
    return mistakes([sample], [found], 3, threshold)


OBJECT: Box = (0, 10, 10, 50, 50)
SHIFTED = (25, 10, 65, 50)  # IoU 25/55 = 0.45 with it
FAR = (60, 60, 90, 90)


@pytest.mark.parametrize(
    ("detections", "right", "ways"),
    [
        ([(0.9, OBJECT)], 1, {}),
        ([(0.9, OBJECT), (0.8, OBJECT)], 1, {"duplicate": 1}),
        ([(0.9, (1, *OBJECT[1:]))], 0, {"classification": 1}),
        ([(0.9, (0, *SHIFTED))], 0, {"localization": 1}),
        ([(0.9, (1, *SHIFTED))], 0, {"both": 1, "missed": 1}),
        ([(0.9, (0, *FAR))], 0, {"background": 1, "missed": 1}),
        ([], 0, {"missed": 1}),
        ([(0.2, OBJECT)], 0, {"missed": 1}),  # below the threshold
        ([(0.3, OBJECT), (0.9, (0, *SHIFTED))], 1, {"localization": 1}),
        ([(0.9, (1, *OBJECT[1:])), (0.3, OBJECT)], 1, {"classification": 1}),
    ],
)
def test_each_way(detections: list[tuple[float, Box]], right: int, ways: dict[str, int]) -> None:
    counted = _mistakes(_sample(OBJECT), _found(*detections))
    assert counted.right == right
    assert counted.ways == {**dict.fromkeys(WAYS, 0), **ways}


def test_an_image_without_objects() -> None:
    counted = _mistakes(_sample(), _found((0.9, OBJECT)))
    assert counted.ways["background"] == 1 and counted.right == 0
    assert counted.confusion[-1, 0] == 1 and counted.confusion.sum() == 1


def _random(seed: int, classes: int = 3) -> tuple[Sample, Detections]:
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
    return _sample(*objects), _found(*zip(scores.tolist(), detections, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_sums(seed: int) -> None:
    sample, found = _random(seed)
    counted = _mistakes(sample, found)
    kept = found.select(found.score > 0.25)
    failed = sum(count for way, count in counted.ways.items() if way != "missed")
    assert counted.right + failed == len(kept.score)
    assert counted.ways["missed"] <= len(sample.boxes) - counted.right
    objects = np.bincount(sample.boxes[:, 0].astype(int), minlength=3)
    assert counted.confusion[:-1].sum(1).tolist() == objects.tolist()
    assert (
        counted.confusion[:, :-1].sum(0).tolist()
        == np.bincount(kept.class_id, minlength=3).tolist()
    )


def test_the_confusion_is_that_of_ultralytics() -> None:
    open_workshop()
    from ultralytics.utils.metrics import ConfusionMatrix

    images = [_random(seed) for seed in range(60)]
    theirs = ConfusionMatrix(names={0: "a", 1: "b", 2: "c"}, task="detect")
    for sample, found in images:
        center, sides = sample.boxes[:, 1:3] * SIDE, sample.boxes[:, 3:5] * SIDE
        corners = np.hstack((center - sides / 2, center + sides / 2))
        theirs.process_batch(
            {
                "cls": torch.from_numpy(found.class_id),
                "conf": torch.from_numpy(found.score),
                "bboxes": torch.from_numpy(found.xyxy),
            },
            {"cls": torch.from_numpy(sample.boxes[:, 0]), "bboxes": torch.from_numpy(corners)},
            conf=0.25,
            iou_thres=0.5,
        )
    ours = mistakes([s for s, _ in images], [f for _, f in images], 3, 0.25).confusion
    assert ours.sum() > 100 and (ours - np.diag(np.diag(ours))).any()
    assert (ours == theirs.matrix.T).all()  # theirs has what is said in rows
