"""mAP and its accumulation from matches against both implementations of the COCO protocol."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("faster_coco_eval")
pytest.importorskip("pycocotools")

from edgeyolo.measure.accuracy import Accuracy, accuracy_of
from edgeyolo.measure.bootstrap import draws, weighted_map
from edgeyolo.measure.coco import mean_or_none
from edgeyolo.measure.curves import by_confidence
from edgeyolo.measure.operating import operating_points
from tests.unit.coco_sets import (
    IMAGES,
    NAMES,
    Results,
    Truth,
    by_faster_coco_eval,
    by_pycocotools,
    coco_sets,
    results_of,
    truth_of,
)

_close = settings(max_examples=150, deadline=None)


def _accuracy(truth: Truth, results: Results) -> Accuracy:
    return accuracy_of(copy.deepcopy(truth), copy.deepcopy(results), NAMES)


def _weighted(accuracy: Accuracy, weights: Any) -> float:
    return float(weighted_map(accuracy.matches, np.array([weights], np.float64))[0])


def _judged(accuracy: Accuracy, precision: Any) -> None:
    """Every figure is that of a judge's precision (T, recall steps, classes)."""
    ours = [accuracy.map50_95, accuracy.map50, accuracy.map75]
    theirs = [mean_or_none(part) or 0.0 for part in (precision, precision[0], precision[5])]
    assert ours == pytest.approx(theirs, abs=1e-9)
    for index, entry in enumerate(accuracy.per_class):
        whole, half = mean_or_none(precision[:, :, index]), mean_or_none(precision[0, :, index])
        assert (entry.ap50_95 is None) == (whole is None)
        if whole is not None:
            assert [entry.ap50_95, entry.ap50] == pytest.approx([whole, half], abs=1e-9)


@_close
@given(coco_sets())
def test_figures_are_those_of_both_judges(case: tuple[Truth, Results]) -> None:
    """Both sort stably, so that equal scores are no exception."""
    accuracy = _accuracy(*case)
    _judged(accuracy, by_faster_coco_eval(*case))
    _judged(accuracy, by_pycocotools(*case))
    objects = [each["category_id"] for each in case[0]["annotations"] if not each["iscrowd"]]
    assert accuracy.boxes == len(objects)
    assert [entry.boxes for entry in accuracy.per_class] == [objects.count(i) for i in (1, 2, 3, 4)]


@_close
@given(coco_sets())
def test_each_image_once_is_the_point_estimate(case: tuple[Truth, Results]) -> None:
    judge = mean_or_none(by_faster_coco_eval(*case))
    ours = _weighted(_accuracy(*case), [1] * IMAGES)
    assert np.isnan(ours) == (judge is None)
    if judge is not None:
        assert ours == pytest.approx(judge, abs=1e-9)


@_close
@given(coco_sets(), st.lists(st.integers(0, 3), min_size=IMAGES, max_size=IMAGES))
def test_weights_are_repeated_images(case: tuple[Truth, Results], weights: list[int]) -> None:
    """Of equal scores the copies of the first come before those of the second.

    COCO's order of them depends on how the images are numbered; here it is made that of the set
    without copies, by scores that tell them apart.
    """
    if not sum(weights):
        return
    truth, results = case
    judge = mean_or_none(by_faster_coco_eval(*_repeated(truth, _ranked(results), weights)))
    ours = _weighted(_accuracy(truth, results), weights)
    assert np.isnan(ours) == (judge is None)
    if judge is not None:
        assert ours == pytest.approx(judge, abs=1e-9)


def _ranked(results: Results) -> Results:
    """The same order, without equal scores."""
    order = np.argsort([-each["score"] for each in results], kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    return [
        {**each, "score": 1 - n / (len(order) + 1)}
        for n, each in zip(rank.tolist(), results, strict=True)
    ]


def _repeated(truth: Truth, results: Results, weights: list[int]) -> tuple[Truth, Results]:
    source = np.repeat(np.arange(1, IMAGES + 1), weights).tolist()
    objects, found = [], []
    for number, image in enumerate(source, start=1):
        objects += [
            (number, each["category_id"], each["bbox"], each["iscrowd"])
            for each in truth["annotations"]
            if each["image_id"] == image
        ]
        found += [
            (number, each["category_id"], each["bbox"], each["score"])
            for each in results
            if each["image_id"] == image
        ]
    return truth_of(objects, len(source)), results_of(found)


def _with_a_crowd() -> tuple[Truth, Results]:
    """An object and a crowd; found: one in the crowd, the object, another in the crowd."""
    truth = truth_of([(1, 1, (10, 10, 20, 20), 0), (1, 1, (50, 50, 40, 40), 1)])
    inside = [(1, 1, (60, 60, 10, 10), 0.9), (1, 1, (70, 70, 10, 10), 0.7)]
    return truth, results_of([*inside, (1, 1, (10, 10, 20, 20), 0.8)])


def test_what_is_found_in_a_crowd_counts_neither_way() -> None:
    accuracy = _accuracy(*_with_a_crowd())
    assert (accuracy.boxes, accuracy.map50_95) == (1, pytest.approx(1))
    (matches, *others) = accuracy.matches
    assert matches.ignored is not None and not any(other.ignored is not None for other in others)
    assert matches.correct.sum() == 10  # the object, at each threshold
    score, correct = matches.counted(0)
    assert (score.tolist(), correct.tolist()) == ([0.8], [True])
    common = operating_points(accuracy)["common"]
    assert common["micro"] | {"tp": 1, "fp": 0, "fn": 0} == common["micro"]
    assert by_confidence(accuracy)["precision"][0] == 1
    assert _weighted(accuracy, [2, 1, 0, 0, 1]) == pytest.approx(1)
    assert np.isnan(_weighted(accuracy, [0, 1, 1, 1, 1]))


def test_nothing_is_ignored_without_crowds() -> None:
    """And so nothing is spent on it."""
    truth, results = _with_a_crowd()
    truth["annotations"][1]["iscrowd"] = 0
    assert [matches.ignored for matches in _accuracy(truth, results).matches] == [None] * 4


def test_draws_for_json() -> None:
    accuracy = _accuracy(*_with_a_crowd())
    listed = accuracy.to_dict()["draws"]
    assert len(listed) == len(draws(IMAGES)) == 1000
    drawn = weighted_map(accuracy.matches, draws(IMAGES))
    assert [value is None for value in listed] == np.isnan(drawn).tolist()
    assert 0 < listed.count(None) < 500  # one image has the only object
    kept = [value for value in listed if value is not None]
    assert kept == drawn[~np.isnan(drawn)].round(5).tolist()
