"""What a second detector keeps of a first one, on detections whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import evaluate
from edgeyolo.measure.comparison import Judged, compare, retained
from edgeyolo.measure.matching import matched, partners

NAMES = ("a",)
SIDE = 100


def sample(*boxes: tuple[float, float]) -> Sample:
    """An image with objects of 20 pixels around these centers."""
    rows = [(0, x / SIDE, y / SIDE, 0.2, 0.2) for x, y in boxes]
    return Sample(Path("x.png"), SIDE, SIDE, np.array(rows, np.float32).reshape(-1, 5))


def found(*rows: tuple[float, float, float]) -> Detections:
    """Boxes of 20 pixels: center and score."""
    boxes = [(x - 10, y - 10, x + 10, y + 10) for x, y, _ in rows]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([row[2] for row in rows], np.float32),
        np.zeros(len(rows), np.int64),
    )


def judged(*images: tuple[Sample, Detections]) -> Judged:
    samples, detections = (list(each) for each in zip(*images, strict=True))
    return Judged(samples, detections, evaluate(samples, detections, NAMES))


def test_partners_by_hand() -> None:
    """One lies exactly on its partner, one 4 px beside it, one has none, one counts not at all."""
    before = found((20, 20, 0.9), (60, 20, 0.8), (20, 70, 0.7), (80, 80, 0.2))
    after = found((20, 20, 0.5), (64, 20, 0.85), (80, 80, 0.9))
    pairs = partners([before], [after])
    assert pairs.total == 3
    assert pairs.iou == pytest.approx([1.0, 16 / 24], abs=1e-6)
    assert pairs.score_change == pytest.approx([-0.4, 0.05], abs=1e-6)
    assert matched([before], [after]) == (2, 3)
    assert matched([before], [after], iou=0.7) == (1, 3)


def test_a_partner_belongs_to_nobody_else() -> None:
    twice = found((50, 50, 0.9), (51, 50, 0.8))
    assert matched([twice], [found((50, 50, 0.9))]) == (1, 2)
    empty = partners([found()], [found((50, 50, 0.9))])
    assert (empty.total, empty.iou.shape, empty.score_change.shape) == (0, (0,), (0,))


def random_pair(seed: int, jitter: float) -> tuple[Judged, Judged]:
    """Two nets on the same 12 images, the second with other scores, moved boxes, and misses."""
    generator = np.random.default_rng(seed)
    first, second = [], []
    for _ in range(12):
        centers = [tuple(generator.uniform(15, 85, 2)) for _ in range(3)]
        image = sample(*centers)
        rows = [(x + generator.normal(), y, generator.uniform(0.2, 1)) for x, y in centers]
        other = [(x + generator.normal(0, jitter), y, s * 0.8) for x, y, s in rows[:2]]
        first.append((image, found(*rows)))
        second.append((image, found(*other)))
    return judged(*first), judged(*second)


def test_what_is_kept_is_a_ratio_over_the_same_draws() -> None:
    before, after = random_pair(0, 3.0)
    kept: Any = retained(before.accuracy, after.accuracy)
    assert kept["value"] == pytest.approx(
        after.accuracy.map50_95 / before.accuracy.map50_95, abs=1e-5
    )
    low, high = kept["ci"]
    assert 0 < low < kept["value"] < high < 1
    # Not paired, it would be far wider: what is hard for one is hard for the other.
    ours, theirs = after.accuracy.map50_95_ci, before.accuracy.map50_95_ci
    assert high - low < ours[1] / theirs[0] - ours[0] / theirs[1]


def test_of_the_same_net_all_is_kept() -> None:
    before, _ = random_pair(1, 0.0)
    assert retained(before.accuracy, before.accuracy) == {"value": 1.0, "ci": [1.0, 1.0]}
    said = compare(before, before)
    assert said["matched"] == said["detections"] > 0
    assert (said["matched_iou"], said["score_change"], said["difference"]) == (1.0, 0.0, 0.0)
    assert said["threshold"][0] == said["threshold"][1] > 0


def test_a_net_that_finds_nothing_keeps_nothing_and_has_nothing_to_keep() -> None:
    image = sample((50, 50))
    blind, seeing = judged((image, found())), judged((image, found((50, 50, 0.9))))
    assert retained(blind.accuracy, seeing.accuracy) is None
    assert retained(seeing.accuracy, blind.accuracy) == {"value": 0.0, "ci": [0.0, 0.0]}
    said = compare(blind, seeing)
    assert (said["retained"], said["matched_iou"], said["score_change"]) == (None, None, None)
    assert said["threshold"][0] == 0.0 < said["threshold"][1]


def test_draws_without_an_object_do_not_count() -> None:
    """Of two images one is empty; drawn twice, it has nothing to find."""
    images = (sample((50, 50)), sample())
    before = judged((images[0], found((50, 50, 0.9))), (images[1], found()))
    after = judged((images[0], found((56, 50, 0.9))), (images[1], found()))
    assert np.isnan(before.accuracy.draws).any()
    kept: Any = retained(before.accuracy, after.accuracy)
    assert kept["ci"] == pytest.approx([kept["value"]] * 2, abs=1e-4)


def test_those_of_the_first_are_looked_for_and_its_confidence_is_compared_with() -> None:
    before, after = random_pair(2, 0.0)
    said = compare(before, after)
    assert said["detections"] == sum(int((each.score > 0.25).sum()) for each in before.found)
    assert 0 < said["matched"] < said["detections"]
    assert said["score_change"] < 0
    first, second = said["threshold"]
    assert 0 < second < first
