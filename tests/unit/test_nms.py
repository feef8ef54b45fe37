"""Non-maximum suppression equals torchvision's, class by class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.device.nms import non_max_suppression

ALL = 10**9


def _random(seed: int, count: int, low: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole coordinates, so that no rounding decides; scores repeat."""
    random = np.random.default_rng(seed)
    corner = random.integers(low, low + 120, (count, 2))
    boxes = np.concatenate([corner, corner + random.integers(0, 60, (count, 2))], axis=1)
    scores = random.choice(np.linspace(0.01, 1, 40), count)
    return boxes.astype(np.float32), scores.astype(np.float32), random.integers(0, 4, count)


def _torchvision(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou: float
) -> list[int]:
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    arrays = [torch.from_numpy(a) for a in (boxes, scores, classes)]
    if not len(boxes) or boxes.min() >= 0:
        return torchvision.ops.batched_nms(*arrays, iou).tolist()
    # Its batched form moves classes apart by the largest coordinate, which fails below zero.
    kept = [
        index
        for own in (np.flatnonzero(classes == class_id) for class_id in range(4))
        for index in own[torchvision.ops.nms(arrays[0][own], arrays[1][own], iou).numpy()]
    ]
    return sorted(kept, key=lambda index: (-scores[index], index))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 150),
    st.sampled_from([0.0, 0.3001, 0.4507, 0.7003, 1.0]),
    st.sampled_from([0, -200]),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_equal_to_torchvision(seed: int, count: int, iou: float, low: int) -> None:
    boxes, scores, classes = _random(seed, count, low)
    own = non_max_suppression(boxes, scores, classes, iou, ALL).tolist()
    other = _torchvision(boxes, scores, classes, iou)
    assert [scores[i] for i in own] == [scores[i] for i in other]
    assert sorted(own) == sorted(other)


@pytest.mark.parametrize("limit", [0, 1, 2, 7, 10**6])
def test_the_limit_keeps_the_best(limit: int) -> None:
    boxes, scores, classes = _random(3, 200)
    everything = non_max_suppression(boxes, scores, classes, 0.5, ALL)
    few = non_max_suppression(boxes, scores, classes, 0.5, limit)
    assert few.tolist() == everything[:limit].tolist()
    assert few.dtype == np.int64


def test_nothing() -> None:
    empty = non_max_suppression(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), 0.5, 300
    )
    assert (empty.shape, empty.dtype) == ((0,), np.int64)


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [-9, -8, -1, -2], [5, 5, 5, 90], [0, 0, 1e4, 1e4]])
def test_one_box_stays(box: list[float]) -> None:
    kept = non_max_suppression(
        np.array([box], np.float32), np.ones(1, np.float32), np.array([79]), 0.5, 300
    )
    assert kept.tolist() == [0]


def test_the_first_of_equal_scores_stays() -> None:
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    scores = np.full(3, 0.5, np.float32)
    assert non_max_suppression(boxes, scores, np.zeros(3, np.int64), 0.5, ALL).tolist() == [0]


@pytest.mark.parametrize("low", [-640, 0, 640])
@pytest.mark.parametrize("iou", [0.0, 0.5])
def test_classes_never_suppress_each_other(low: int, iou: float) -> None:
    side = np.array([low, low, low + 640, low + 640], np.float32)
    boxes = np.repeat(side[None], 80, axis=0)
    scores = np.linspace(0.1, 1, 80).astype(np.float32)
    kept = non_max_suppression(boxes, scores, np.arange(80), iou, ALL)
    assert kept.tolist() == list(range(79, -1, -1))


def test_touching_boxes_of_a_class_both_stay() -> None:
    boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10]], np.float32)
    kept = non_max_suppression(
        boxes, np.array([0.5, 0.6], np.float32), np.zeros(2, np.int64), 0.0, ALL
    )
    assert kept.tolist() == [1, 0]


@pytest.mark.parametrize(("iou", "kept"), [(0.49, 1), (0.5, 2), (0.51, 2)])
def test_only_more_than_the_threshold_counts(iou: float, kept: int) -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)
    found = non_max_suppression(
        boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64), iou, ALL
    )
    assert len(found) == kept


def test_a_suppressed_box_suppresses_nobody() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert non_max_suppression(boxes, scores, np.zeros(3, np.int64), 0.3, ALL).tolist() == [0, 2]


def test_a_flood_of_candidates_is_bounded() -> None:
    boxes, scores, classes = _random(0, 60_000)
    assert len(non_max_suppression(boxes, scores, classes, 0.7, 300)) == 300
