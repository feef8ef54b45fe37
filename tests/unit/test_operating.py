"""Precision, recall and F1 at thresholds: by hand, and against faster-coco-eval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("faster_coco_eval")

from edgeyolo.device.detections import Detections
from edgeyolo.measure import coco
from edgeyolo.measure.accuracy import evaluate
from edgeyolo.measure.bootstrap import ClassMatches
from edgeyolo.measure.operating import Counts, counts, operating_points, optimum
from tests.unit.test_accuracy import NAMES, _random

T, F = True, False


@pytest.mark.parametrize(
    ("scores", "correct", "objects", "threshold"),
    [
        ([0.9, 0.8, 0.4], [T, T, F], 2, 0.6),  # F1 1.0 with two
        ([0.4, 0.9, 0.8], [F, T, T], 2, 0.6),  # in any order
        ([0.9, 0.8, 0.4], [T, F, T], 2, 0.2),  # F1 4/5 with all, 2/3 with one
        ([0.9, 0.8, 0.4], [T, F, T], 9, 0.2),
        ([0.9, 0.8], [T, F], 1, 0.85),
        ([0.8, 0.8, 0.5], [T, F, F], 1, 0.65),  # equal scores stay together
        ([0.8], [F], 3, None),  # nothing right
        ([], [], 3, None),
        ([0.7, 0.6], [F, F], 0, None),  # a class that is not there
    ],
)
def test_the_best_threshold(
    scores: list[float], correct: list[bool], objects: int, threshold: float | None
) -> None:
    found = optimum(scores, correct, objects)
    assert found == (None if threshold is None else pytest.approx(threshold))


def test_counts_by_hand() -> None:
    correct = np.zeros((10, 4), bool)
    correct[0] = [T, T, F, T]
    correct[1:] = T  # only IoU 0.5 counts
    matches = ClassMatches(np.array([0, 0, 1, 1]), np.array([0.9, 0.7, 0.5, 0.3]), correct, OBJECTS)
    assert counts(matches, 0.4) == Counts(tp=2, fp=1, fn=3)
    assert counts(matches, 0.5) == Counts(tp=2, fp=0, fn=3)  # above the threshold, not at it
    assert counts(matches, 0.0) == Counts(tp=3, fp=1, fn=2)
    assert counts(matches, None) == Counts(tp=0, fp=0, fn=5)


OBJECTS = np.array([3, 2])


def test_ratios_by_hand() -> None:
    some = Counts(tp=2, fp=1, fn=3)
    assert (some.precision, some.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 5))
    assert some.f1 == pytest.approx(4 / 8)
    nothing = Counts(0, 0, 0)
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)


def test_micro_pools_and_macro_averages() -> None:
    points = operating_points(evaluate(*_random(1), NAMES))
    for point in (points["own"], points["common"]):
        classes = point["per_class"]
        tp, fp, fn = (sum(each[name] for each in classes) for name in ("tp", "fp", "fn"))
        micro = point["micro"]
        assert (micro["tp"], micro["fp"], micro["fn"]) == (tp, fp, fn)
        assert micro["precision"] == pytest.approx(tp / (tp + fp), abs=1e-5)
        assert micro["recall"] == pytest.approx(tp / (tp + fn), abs=1e-5)
        assert micro["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-5)
        present = [each for each in classes if each["name"] != "never"]
        assert point["macro"]["classes"] == len(present) == 3
        for name in ("precision", "recall", "f1"):
            mean = np.mean([each[name] for each in present])
            assert point["macro"][name] == pytest.approx(mean, abs=1e-5)
    never = points["own"]["per_class"][3]
    assert (never["threshold"], never["fp"]) == (None, 0)
    assert points["common"]["per_class"][3]["fp"] > 0  # counts in micro, not in macro
    thresholds = {each["threshold"] for each in points["common"]["per_class"]}
    assert thresholds == {points["common"]["threshold"]}


def _above(found: list[Detections], thresholds: list[float | None]) -> list[Detections]:
    """What is left of each image with a threshold for each class."""
    kept = []
    for each in found:
        limits = np.array([2.0 if t is None else t for t in thresholds])[each.class_id]
        mask = each.score > limits
        kept.append(
            replace(
                each,
                xyxy=each.xyxy[mask],
                score=each.score[mask],
                class_id=each.class_id[mask],
            )
        )
    return kept


def _coco(samples: Any, found: list[Detections]) -> Any:
    truth = coco.ground_truth(samples, NAMES)
    return coco.evaluation_of(truth, coco.results_of(found), len(NAMES))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["own", "common"])
def test_faster_coco_eval_counts_the_same(seed: int, kind: str) -> None:
    samples, found = _random(seed)
    point = operating_points(evaluate(samples, found, NAMES))[kind]
    kept = _above(found, [each["threshold"] for each in point["per_class"]])
    evaluation = _coco(samples, kept)
    for index, each in enumerate(point["per_class"]):
        detections = sum(int((one.class_id == index).sum()) for one in kept)
        assert each["tp"] + each["fp"] == detections
        recall = evaluation.eval["recall"][0, index, 0, -1]
        if each["tp"] + each["fn"]:
            assert each["recall"] == pytest.approx(max(recall, 0), abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_has_a_better_f1(seed: int) -> None:
    samples, found = _random(seed)
    # Many are equal; a score of 0 is above no threshold.
    found = [replace(each, score=np.maximum(np.round(each.score, 1), 0.1)) for each in found]
    accuracy = evaluate(samples, found, NAMES)
    points = operating_points(accuracy)
    for matches, each in zip(accuracy.matches, points["own"]["per_class"], strict=True):
        tried = [counts(matches, t).f1 for t in np.linspace(0, 1, 201)]
        assert each["f1"] == pytest.approx(max(tried), abs=1e-5)
    tried = []
    for threshold in np.linspace(0, 1, 201):
        parts = [counts(matches, threshold) for matches in accuracy.matches]
        tried.append(Counts(*(sum(getattr(p, n) for p in parts) for n in ("tp", "fp", "fn"))).f1)
    assert points["common"]["micro"]["f1"] == pytest.approx(max(tried), abs=1e-5)


def test_nothing_found() -> None:
    samples, _ = _random(0)
    points = operating_points(evaluate(samples, [Detections.empty()] * len(samples), NAMES))
    assert points["own"]["micro"]["tp"] == points["own"]["micro"]["fp"] == 0
    assert points["own"]["micro"]["fn"] > 0
    assert points["common"]["threshold"] is None
    assert points["own"]["macro"] == {"classes": 3, "precision": 0, "recall": 0, "f1": 0}
