"""What is said of poor images to calibrate on, or to judge by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.dataset.read import Dataset
from edgeyolo.flow.doubts import doubts

DATA = Dataset(Path("data.yaml"), ("cell", "dust", "hair"), {})


def _samples(count: int, *classes: int) -> list[Sample]:
    boxes = np.array([[c, 0.5, 0.5, 0.1, 0.1] for c in classes], np.float32).reshape(-1, 5)
    return [Sample(Path(f"{i}.jpg"), 32, 32, boxes) for i in range(count)]


def test_enough_of_all_classes_is_no_doubt() -> None:
    assert doubts(DATA, _samples(16, 0, 1, 2), _samples(16, 0)) == []


def test_few_images() -> None:
    for count, words, times in ((15, "15 images", 1.1), (7, "7 images", 1.2), (1, "1 image", 1.8)):
        (said,) = doubts(DATA, _samples(count, 0, 1, 2), _samples(16, 0))
        assert f"Only {words} to calibrate on" in said
        assert f"{times} times" in said


def test_a_class_that_no_image_shows() -> None:
    (said,) = doubts(DATA, _samples(16, 0, 2), _samples(16, 1))
    assert said == "No calibration image shows dust."
    many = Dataset(Path("data.yaml"), tuple("abcdefghijkl"), {})
    (said,) = doubts(many, _samples(16), _samples(16, 1))
    assert said == "No calibration image shows a, b, c, d, e, f, g, h and 4 more classes."


def test_little_to_judge_by() -> None:
    for gate in (_samples(15, 0, 1, 2), _samples(16), []):
        (said,) = doubts(DATA, _samples(16, 0, 1, 2), gate)
        assert "--max-drop means little" in said
