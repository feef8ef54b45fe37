"""The bootstrap's accumulation is that of the COCO protocol, and so is its interval's center."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("faster_coco_eval")

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.errors import DataError
from edgeyolo.measure.accuracy import Accuracy, evaluate, paired_difference
from edgeyolo.measure.bootstrap import draws, interval, paired, weighted_map

NAMES = ("cat", "dog", "cow", "never")
SIDE = 200


def _sample(rows: Sequence[Sequence[float]]) -> Sample:
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    return Sample(Path("x.png"), SIDE, SIDE, boxes)


def _detections(rows: Sequence[Sequence[float]]) -> Detections:
    """Rows of left, top, right, bottom, score, class."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    table = table[np.argsort(-table[:, 4], kind="stable")]
    return Detections(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(int)
    )


def _random(seed: int, images: int = 25) -> tuple[list[Sample], list[Detections]]:
    """Objects of classes 0 to 2; detections near them, of all classes, and some of nothing."""
    random = np.random.default_rng(seed)
    samples, found = [], []
    for index in range(images):
        count = 0 if index % 7 == 3 else int(random.integers(1, 6))
        truth = np.column_stack(
            [
                random.integers(0, 3, count),
                random.uniform(0.3, 0.7, (count, 2)),
                random.uniform(0.1, 0.4, (count, 2)),
            ]
        )
        samples.append(_sample(truth.tolist()))
        rows = []
        for class_id, x, y, w, h in np.repeat(truth, 2, axis=0):
            box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) * SIDE
            guess = class_id if random.random() < 0.8 else random.integers(0, 4)
            rows.append([*(box + random.normal(0, 4, 4)), random.random(), guess])
        rows += [[5, 5, 40, 50, random.random(), random.integers(0, 4)] for _ in range(2)]
        found.append(_detections([] if index % 6 == 5 else rows))
    return samples, found


def _ones(accuracy: Accuracy) -> float:
    return float(weighted_map(accuracy.matches, np.ones((1, accuracy.images)))[0])


@pytest.mark.parametrize("seed", range(8))
def test_unit_weights_give_the_point_estimate(seed: int) -> None:
    accuracy = evaluate(*_random(seed), NAMES)
    assert 0.05 < accuracy.map50_95 < 0.95
    assert _ones(accuracy) == pytest.approx(accuracy.map50_95, abs=1e-9)
    low, high = accuracy.map50_95_ci
    assert low < accuracy.map50_95 < high
    assert accuracy.per_class[3].ap50_95 is None
    assert accuracy.per_class[3].boxes == 0
    assert accuracy.boxes == sum(entry.boxes for entry in accuracy.per_class)
    present = [entry.ap50_95 for entry in accuracy.per_class if entry.ap50_95 is not None]
    assert np.mean(present) == pytest.approx(accuracy.map50_95)
    assert accuracy.map50 >= accuracy.map75


@pytest.mark.parametrize("single", [0, 1])
def test_one_class(single: int) -> None:
    samples, found = _random(single)
    samples = [replace(s, boxes=s.boxes * np.array([0, 1, 1, 1, 1], np.float32)) for s in samples]
    found = [replace(d, class_id=d.class_id * 0) for d in found]
    accuracy = evaluate(samples, found, ("thing",))
    assert _ones(accuracy) == pytest.approx(accuracy.map50_95, abs=1e-9)
    assert accuracy.map50_95 > 0


def test_equal_scores() -> None:
    samples, found = _random(3)
    found = [replace(d, score=np.round(d.score, 1)) for d in found]
    found = [
        Detections(
            *(part[np.argsort(-d.score, kind="stable")] for part in (d.xyxy, d.score, d.class_id))
        )
        for d in found
    ]
    accuracy = evaluate(samples, found, NAMES)
    assert _ones(accuracy) == pytest.approx(accuracy.map50_95, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_weights_equal_really_drawing_the_images(seed: int) -> None:
    samples, found = _random(seed, images=12)
    accuracy = evaluate(samples, found, NAMES)
    weights = np.random.default_rng(seed).integers(0, 4, len(samples))
    weights[:2] = 2, 0
    drawn = np.repeat(np.arange(len(samples)), weights)
    again = evaluate([samples[i] for i in drawn], [found[i] for i in drawn], NAMES)
    weighted = weighted_map(accuracy.matches, weights[None].astype(float))[0]
    assert weighted == pytest.approx(again.map50_95, abs=1e-9)


def test_nothing_found() -> None:
    samples, _ = _random(0)
    accuracy = evaluate(samples, [Detections.empty()] * len(samples), NAMES)
    assert (accuracy.map50_95, accuracy.map50, accuracy.map75) == (0, 0, 0)
    assert accuracy.map50_95_ci == (0, 0)
    assert accuracy.per_class[0].ap50_95 == 0


def test_perfect() -> None:
    samples, _ = _random(1)
    found = []
    for sample in samples:
        class_id, x, y, w, h = sample.boxes.astype(float).T
        corners = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1) * SIDE
        scores = np.linspace(0.9, 0.5, len(corners))
        found.append(_detections(np.column_stack([corners, scores, class_id]).tolist()))
    accuracy = evaluate(samples, found, NAMES)
    assert accuracy.map50_95 == pytest.approx(1, abs=1e-9)
    assert accuracy.map50_95_ci == pytest.approx((1, 1), abs=1e-9)


def test_average_precision_by_hand() -> None:
    """Two objects; found: a right one, a wrong one, a right one. AP = (51·1 + 50·2/3) / 101."""
    samples = [_sample([[0, 0.25, 0.25, 0.2, 0.2], [0, 0.75, 0.75, 0.2, 0.2]])]
    found = [
        _detections(
            [
                [30, 30, 70, 70, 0.9, 0],
                [30, 130, 70, 170, 0.8, 0],
                [130, 130, 170, 170, 0.7, 0],
            ]
        )
    ]
    accuracy = evaluate(samples, found, ("cat",))
    expected = (51 + 50 * 2 / 3) / 101
    assert accuracy.map50_95 == pytest.approx(expected, abs=1e-6)
    assert accuracy.map50 == pytest.approx(expected, abs=1e-6)
    assert _ones(accuracy) == pytest.approx(expected, abs=1e-6)


def test_iou_thresholds_by_hand() -> None:
    """A box that covers 7/10 of its object is right at 0.50, 0.55, 0.60, 0.65 (0.70 rounds)."""
    samples = [_sample([[0, 0.5, 0.5, 0.5, 0.5]])]
    found = [_detections([[50, 50, 150, 118, 0.9, 0]])]
    accuracy = evaluate(samples, found, ("cat",))
    assert accuracy.map50_95 == pytest.approx(0.4)
    assert (accuracy.map50, accuracy.map75) == (1, 0)


def test_the_same_interval_each_time() -> None:
    first, second = (evaluate(*_random(5), NAMES) for _ in range(2))
    assert first.to_dict() == second.to_dict()


def test_no_object_anywhere() -> None:
    accuracy = evaluate([_sample([])] * 2, [_detections([[0, 0, 9, 9, 0.5, 0]])] * 2, NAMES)
    assert (accuracy.map50_95, accuracy.map50_95_ci, accuracy.boxes) == (0, (0, 0), 0)


def test_a_detector_equals_itself() -> None:
    a, b = (evaluate(*_random(2), NAMES) for _ in range(2))
    assert paired_difference(a, b) == (0, (0, 0))


def test_paired_difference_finds_a_clear_loss() -> None:
    samples, found = _random(2, images=40)
    whole = evaluate(samples, found, NAMES)
    half = [
        Detections(d.xyxy[: len(d) // 2], d.score[: len(d) // 2], d.class_id[: len(d) // 2])
        for d in found
    ]
    point, (low, high) = paired_difference(evaluate(samples, half, NAMES), whole)
    assert low <= point <= high < 0


def _halved(found: Sequence[Detections]) -> list[Detections]:
    return [d.select(np.arange(len(d)) % 3 > 0) for d in found]


@pytest.mark.parametrize("seed", range(4))
def test_paired_from_json_is_the_paired_difference(seed: int) -> None:
    samples, found = _random(seed)
    a, b = evaluate(samples, found, NAMES), evaluate(samples, _halved(found), NAMES)
    point, bounds = paired_difference(a, b)
    ours, theirs = (json.loads(json.dumps(one.to_dict())) for one in (a, b))
    again = paired(ours["draws"], ours["map50_95"], theirs["draws"], theirs["map50_95"])
    assert again[0] == pytest.approx(point, abs=1.1e-5)
    assert again[1] == pytest.approx(bounds, abs=1.1e-5)
    assert bounds[0] < point < bounds[1]
    drawn = weighted_map(a.matches, draws(25)) - weighted_map(b.matches, draws(25))
    assert bounds == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())


def test_paired_leaves_draws_without_objects_out() -> None:
    listed = [0.25, None, 0.5, None]
    assert paired(listed, 0.4, [0.25, None, 0.25, None], 0.3)[1] == pytest.approx(
        (0.00625, 0.24375)
    )
    assert paired([None], 0.5, [None], 0.25) == (0.25, (0.25, 0.25))


def test_what_was_not_drawn_alike_is_not_compared() -> None:
    with pytest.raises(DataError, match="3 and 2 draws"):
        paired([0.1, 0.2, 0.3], 0.2, [0.1, 0.2], 0.2)
    few, many = (evaluate(*_random(0, images), NAMES) for images in (8, 9))
    with pytest.raises(DataError, match="on 8 and on 9 images"):
        paired_difference(few, many)


def test_draws() -> None:
    weights = draws(30)
    assert weights.shape == (1000, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert (draws(30) == weights).all()
    assert weights.mean() == pytest.approx(1)
    assert len(np.unique(weights, axis=0)) > 900


@pytest.mark.parametrize("point", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_interval_contains_the_point(point: float) -> None:
    values = np.append(np.random.default_rng(0).normal(0.5, 0.1, 500), np.nan)
    low, high = interval(values, point)
    assert low <= point <= high
    assert np.isfinite([low, high]).all()


def test_interval_of_a_symmetric_distribution_is_its_percentiles() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 20_000)
    low, high = interval(values, float(np.median(values)))
    assert (low, high) == pytest.approx((0.5 - 0.196, 0.5 + 0.196), abs=0.01)


def test_interval_counts_draws_at_the_point_half() -> None:
    """Also those that are off it by rounding: no draw is off, so nothing is corrected."""
    off = np.tile([0.0, 1e-15, -1e-15, 1e-15], 100)
    values = np.concatenate([0.5 + off, np.linspace(0.3, 0.7, 100)])
    low, high = interval(values, 0.5)
    assert (low, high) == pytest.approx(np.percentile(values, [2.5, 97.5]).tolist(), abs=1e-9)


def test_interval_corrects_for_the_bias() -> None:
    """All draws a deviation above the point: the bounds lie two lower than the plain ones."""
    values = np.random.default_rng(0).normal(0.5, 0.1, 20_000)
    assert interval(values, 0.4) == pytest.approx((0.5 - 0.396, 0.5 - 0.004), abs=0.03)
    assert interval(values, 0.4, corrected=False) == pytest.approx((0.304, 0.696), abs=0.01)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracy = evaluate(*_random(4), NAMES)
    weights = draws(accuracy.images, replicates=50)
    whole = weighted_map(accuracy.matches, weights)
    monkeypatch.setattr("edgeyolo.measure.bootstrap._CHUNK", 700)
    np.testing.assert_array_equal(weighted_map(accuracy.matches, weights), whole)
