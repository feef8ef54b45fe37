"""Mistakes: each way by hand, sums that must come out, the confusion as ultralytics counts it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

import torch

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.mistakes import WAYS, Mistakes, mistakes
from edgeyolo.workshop import open_workshop
from tests.unit.scenes import SIDE, Box, found_of, random_scene, sample_of


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
    counted = _mistakes(sample_of(OBJECT), found_of(*detections))
    assert counted.right == right
    assert counted.ways == {**dict.fromkeys(WAYS, 0), **ways}


def test_an_image_without_objects() -> None:
    counted = _mistakes(sample_of(), found_of((0.9, OBJECT)))
    assert counted.ways["background"] == 1 and counted.right == 0
    assert counted.confusion[-1, 0] == 1 and counted.confusion.sum() == 1


@pytest.mark.parametrize("seed", range(40))
def test_sums(seed: int) -> None:
    sample, found = random_scene(seed)
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

    images = [random_scene(seed) for seed in range(60)]
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
