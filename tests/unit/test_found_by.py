"""Which level found which object: by hand, and the same sum as that of the mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.heads import found_by, level_name
from edgeyolo.measure.mistakes import mistakes
from tests.unit.scenes import SIDE, Box, found_of, random_scene, sample_of

STRIDES = (8, 16, 32)
A: Box = (0, 0, 0, 25, 25)  # whose parts of the image are exact
B: Box = (1, 30, 30, 90, 90)


def _by(
    sample: Sample, found: Detections, strides: list[int], threshold: float = 0.25, side: int = SIDE
) -> dict[str, Any]:
    told = replace(found, stride=np.array(strides, np.int64))
    answer = found_by([sample], [told], STRIDES, threshold, side, side)
    assert answer is not None and answer["threshold"] == threshold
    assert answer["levels"] == ["P3", "P4", "P5"]
    by_size: dict[str, Any] = answer["by_size"]
    return by_size


def _row(objects: int, *counts: int) -> dict[str, int]:
    return dict(zip(("objects", "P3", "P4", "P5", "missed"), (objects, *counts), strict=True))


@pytest.mark.parametrize(
    ("detections", "strides", "counts"),
    [
        ([(0.9, A), (0.8, B)], [8, 32], (1, 0, 1, 0)),
        ([(0.9, A), (0.95, A)], [8, 16], (0, 1, 0, 1)),  # the best score has it, B is missed
        ([(0.2, A), (0.9, B)], [8, 16], (0, 1, 0, 1)),  # below the threshold
        ([(0.25, A), (0.9, B)], [8, 16], (0, 1, 0, 1)),  # and on it
        ([(0.9, (1, *A[1:])), (0.9, B)], [8, 16], (0, 1, 0, 1)),  # another class
        ([(0.9, (0, 12.5, 0, 37.5, 25)), (0.5, A)], [8, 16], (0, 1, 0, 1)),  # an IoU of 1/3
        ([(0.9, (0, 0, 0, 25, 12.5)), (0.5, A)], [8, 16], (0, 1, 0, 1)),  # and of just 1/2
    ],
)
def test_by_hand(
    detections: list[tuple[float, Box]], strides: list[int], counts: tuple[int, ...]
) -> None:
    found = _by(sample_of(A, B), found_of(*detections), strides)
    assert found["all"] == _row(2, *counts)


def test_sizes_are_those_of_the_input() -> None:
    sample, found = sample_of(A, B), found_of((0.9, A), (0.8, B))
    own = _by(sample, found, [8, 16])
    assert own["small"] == _row(1, 1, 0, 0, 0)  # 25²
    assert own["medium"] == _row(1, 0, 1, 0, 0)  # 60²
    assert own["large"] == _row(0, 0, 0, 0, 0)
    shown = _by(sample, found, [8, 16], side=380)
    assert shown["medium"] == _row(1, 1, 0, 0, 0)  # 95²
    assert shown["large"] == _row(1, 0, 1, 0, 0)  # 228²
    assert shown["small"] == _row(0, 0, 0, 0, 0)
    larger = _by(sample, found, [8, 16], side=388)
    assert larger["large"] == _row(2, 1, 1, 0, 0)  # 97²
    smaller = _by(sample, found, [8, 16], side=50)
    assert smaller["small"] == _row(2, 1, 1, 0, 0)  # 30²


def test_an_object_on_the_limit_is_medium() -> None:
    for side in (32, 96):
        boxes = np.array([[0, 0.5, 0.5, side / 128, side / 128]], np.float32)
        sample = Sample(Path("a.jpg"), 128, 128, boxes)
        low, high = 64 - side / 2, 64 + side / 2
        found = replace(found_of((0.9, (0, low, low, high, high))), stride=np.array([8]))
        answer = found_by([sample], [found], STRIDES, 0.2, 128, 128)
        assert answer is not None
        assert answer["by_size"]["medium"] == _row(1, 1, 0, 0, 0)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.25])
def test_the_sum_is_that_of_the_mistakes(threshold: float) -> None:
    draw = np.random.default_rng(5)
    scenes = [random_scene(seed) for seed in range(80)]
    samples = [sample for sample, _ in scenes]
    found = [replace(each, stride=draw.choice(np.array(STRIDES), len(each))) for _, each in scenes]
    right = mistakes(samples, found, 3, threshold).right
    answer = found_by(samples, found, STRIDES, threshold, 200, 160)
    assert answer is not None and right > 20
    rows = answer["by_size"]
    everything = rows["all"]
    assert sum(everything[level] for level in answer["levels"]) == right
    assert everything["objects"] == sum(len(sample.boxes) for sample in samples)
    for row in rows.values():
        assert sum(row[key] for key in ("P3", "P4", "P5", "missed")) == row["objects"]
    for key in everything:
        assert sum(rows[size][key] for size in ("small", "medium", "large")) == everything[key]


def test_unknown_levels_are_not_guessed() -> None:
    sample, found = sample_of(A), found_of((0.9, A))
    known = replace(found, stride=np.array([8]))
    assert found_by([sample, sample], [known, found], STRIDES, 0.25, SIDE, SIDE) is None
    # Where nothing is found, nothing is unknown.
    nothing = found_by([sample, sample], [known, Detections.empty()], STRIDES, 0.25, SIDE, SIDE)
    assert nothing is not None
    assert nothing["by_size"]["all"] == _row(2, 1, 0, 0, 1)


def test_levels_are_named_after_their_strides() -> None:
    assert [level_name(stride) for stride in (4, 8, 16, 32, 64)] == ["P2", "P3", "P4", "P5", "P6"]


def test_an_image_without_objects_or_detections() -> None:
    empty = Sample(Path("a.jpg"), 9, 7, np.zeros((0, 5), np.float32))
    assert _by(empty, found_of((0.9, A)), [8])["all"] == _row(0, 0, 0, 0, 0)
    assert _by(empty, found_of(), [])["all"] == _row(0, 0, 0, 0, 0)
