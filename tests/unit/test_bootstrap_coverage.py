"""The interval holds the truth about as often as it says, and would not if boxes were drawn."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("faster_coco_eval")

from edgeyolo.measure.bootstrap import ClassMatches, Float, draws, weighted_map
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import check_coverage

_IMAGES, _SAMPLES, _REPLICATES = 48, 200, 400  # a share of 0.95 of 200 is known to 0.015


@pytest.fixture(scope="module")
def population() -> Iterator[check_coverage.Population]:
    yield check_coverage.population(classes=2, images=600)


def _shares(population: check_coverage.Population, samples: int = _SAMPLES) -> list[float]:
    found = check_coverage.coverage(population, _IMAGES, samples, _REPLICATES)
    return [share.value for share in found]


def test_the_interval_holds_the_truth(population: check_coverage.Population) -> None:
    """Neither too rarely, nor always, which would say that it is too wide."""
    assert all(0.9 <= share <= 0.985 for share in _shares(population))


def test_it_would_not_if_boxes_were_drawn(
    population: check_coverage.Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the simulation is able to see: boxes of an image are good or bad together."""
    monkeypatch.setattr(check_coverage, "weighted_map", _by_boxes)
    own, _ = _shares(population, 60)
    assert own < 0.8


def _by_boxes(classes: list[ClassMatches], weights: Float) -> Float:
    if len(weights) == 1:  # the point estimate
        return weighted_map(classes, weights)
    alone = [_boxes_alone(matches) for matches in classes]
    drawn = [
        weighted_map([matches], draws(len(matches.objects), len(weights), seed))
        for seed, matches in enumerate(alone)
    ]
    result: Float = np.nanmean(drawn, axis=0)
    return result


def _boxes_alone(matches: ClassMatches) -> ClassMatches:
    """As if each detection were an image, with its object if it is right, and each missed object.

    One that is right at a higher threshold alone, which is rare, is taken as wrong.
    """
    right = matches.correct[0]
    missed = np.ones(matches.objects.sum() - right.sum(), np.int64)
    return replace(
        matches,
        image=np.arange(len(right)),
        correct=matches.correct & right,
        objects=np.append(right.astype(np.int64), missed),
    )


def test_a_sample_of_all_images_is_the_population(population: check_coverage.Population) -> None:
    everything = np.arange(population.images)
    for net in population.nets:
        own = [check_coverage.sampled(matches, everything) for matches in net.matches]
        ones = np.ones((1, population.images))
        assert weighted_map(own, ones)[0] == pytest.approx(net.map50_95, abs=1e-9)
    first, second = (net.map50_95 for net in population.nets)
    assert population.truth == (first, first - second)
    assert 0.2 < second < first < 0.5
