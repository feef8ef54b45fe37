"""Curves: their mean is COCO's mAP50, their best point is the threshold that is recommended."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("faster_coco_eval")

from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import evaluate
from edgeyolo.measure.curves import by_confidence, curves_of, precision_over_recall
from edgeyolo.measure.details import details
from edgeyolo.measure.operating import operating_points
from tests.unit.test_accuracy import NAMES, _random


@pytest.mark.parametrize("seed", range(6))
def test_the_mean_precision_is_map50(seed: int) -> None:
    accuracy = evaluate(*_random(seed), NAMES)
    curve = precision_over_recall(accuracy)
    assert np.mean(curve) == pytest.approx(accuracy.map50, abs=1e-4)
    assert all(a >= b for a, b in pairwise(curve))


@pytest.mark.parametrize("seed", range(6))
def test_a_confidence_gives_what_is_counted_with_it(seed: int) -> None:
    accuracy = evaluate(*_random(seed), NAMES)
    curve, common = by_confidence(accuracy), operating_points(accuracy)["common"]
    best = common["micro"]
    assert max(curve["f1"]) <= best["f1"] + 1e-4
    step = round(100 * common["threshold"])
    for name in ("precision", "recall", "f1"):  # a hundredth beside it
        assert curve[name][step] == pytest.approx(best[name], abs=0.05)
    assert curve["recall"][0] >= curve["recall"][50] >= curve["recall"][100] == 0
    assert curve["precision"][100] == 1


def test_nothing_found() -> None:
    samples, found = _random(1)
    curves = curves_of(evaluate(samples, [Detections.empty() for _ in found], NAMES))
    assert set(curves["precision_over_recall"]) == {0.0}
    assert set(curves["by_confidence"]["f1"]) == {0.0}


@pytest.mark.parametrize("seed", range(4))
def test_mistakes_are_counted_at_the_common_threshold(seed: int) -> None:
    samples, found = _random(seed)
    bundle: Any = SimpleNamespace(names=NAMES, height=160, width=160, strides=(8, 16))
    told = details(bundle, samples, found, evaluate(samples, found, NAMES))
    best = told["operating"]["common"]["micro"]
    failed = sum(count for way, count in told["mistakes"]["ways"].items() if way != "missed")
    assert (told["mistakes"]["right"], failed) == (best["tp"], best["fp"])
