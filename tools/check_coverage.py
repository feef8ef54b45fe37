"""How often the interval of mAP holds the truth, by simulation; JSON.

    python tools/check_coverage.py --samples 1000

A population of images is made up: some are harder than others, and what is found in one, its boxes
and what is mistaken for them, is good or bad together. Its mAP is the truth. Samples of images are
drawn from it. The interval of mAP on a sample, and of the difference between two nets on it, holds
what is true of the population, or does not: it should in 95 of 100 samples. The share is given with
its own (Wilson) interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import Accuracy, evaluate
from edgeyolo.measure.bootstrap import (
    LEVEL,
    REPLICATES,
    ClassMatches,
    Interval,
    draws,
    interval,
    paired,
    weighted_map,
)
from edgeyolo.measure.proportion import Proportion

SIDE = 320
FREQUENCIES = {3: (0.8, 0.13, 0.07)}  # of the classes, by their number; otherwise they fall off

Float = npt.NDArray[np.float64]
Chance = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Two nets on the same images; the second one finds less."""

    nets: tuple[Accuracy, Accuracy]
    images: int

    @property
    def truth(self) -> tuple[float, float]:
        """mAP50-95 of the first, and how much that of the second is below."""
        first, second = (net.map50_95 for net in self.nets)
        return first, first - second


def population(classes: int, images: int, seed: int = 0) -> Population:
    """Make up images, what both nets find in them, and judge that."""
    chance = np.random.default_rng(seed)
    frequencies = FREQUENCIES.get(classes) or 1 / np.arange(2, classes + 2)
    share = np.array(frequencies, np.float64) / np.sum(frequencies)
    samples, found, worse = [], [], []
    for _ in range(images):
        labels = _labels(chance, share)
        samples.append(Sample(Path("none"), SIDE, SIDE, labels.astype(np.float32)))
        detections = _found(chance, labels, classes, difficulty=chance.normal())
        found.append(detections)
        worse.append(_worse(chance, detections))
    names = [str(index) for index in range(classes)]
    return Population((evaluate(samples, found, names), evaluate(samples, worse, names)), images)


def _labels(chance: Chance, share: Float) -> Float:
    """(O, 5) class, center, width, height; images differ much in how many objects they hold."""
    count = chance.poisson(chance.gamma(2, 3))
    sides = chance.uniform(0.1, 0.3, (count, 2))
    return np.column_stack(
        [chance.choice(len(share), count, p=share), chance.uniform(0.2, 0.8, (count, 2)), sides]
    )


def _found(chance: Chance, labels: Float, classes: int, difficulty: float) -> Detections:
    """Boxes near the objects, and some of nothing."""
    seen = labels[chance.random(len(labels)) < 1 / (1 + np.exp(difficulty - 2.5))]
    seen = np.vstack([seen, seen[chance.random(len(seen)) < 0.15]])  # some of them twice
    noise = chance.normal(0, 0.1 * np.exp(difficulty / 2), (len(seen), 4)) * seen[:, [3, 4, 3, 4]]
    right = np.column_stack([seen[:, 0], seen[:, 1:] + noise])
    count = chance.poisson(2 * np.exp(difficulty / 2))
    wrong = np.column_stack(
        [chance.integers(classes, size=count), chance.uniform(0.1, 0.5, (count, 4))]
    )
    logit = np.append(
        chance.normal(1 - difficulty / 2, 1, len(right)),
        chance.normal(-1 + difficulty / 2, 1, count),
    )
    return _detections(np.vstack([right, wrong]), 1 / (1 + np.exp(-logit)))


def _detections(labels: Float, score: Float) -> Detections:
    order = np.argsort(-score)
    center, half = labels[order, 1:3], np.maximum(labels[order, 3:], 0.02) / 2
    corners = np.hstack([center - half, center + half]) * SIDE
    return Detections(
        corners.astype(np.float32), score[order].astype(np.float32), labels[order, 0].astype(int)
    )


def _worse(chance: Chance, found: Detections) -> Detections:
    """A few are lost, the others are off by a little more, and surer or less sure."""
    kept = found.select(chance.random(len(found)) < 0.97)
    xyxy = kept.xyxy + chance.normal(0, 1, kept.xyxy.shape)
    score = np.clip(kept.score + chance.normal(0, 0.03, len(kept)), 0.002, 0.999)
    order = np.argsort(-score)
    return Detections(
        xyxy[order].astype(np.float32), score[order].astype(np.float32), kept.class_id[order]
    )


def sampled(matches: ClassMatches, chosen: npt.NDArray[np.int64]) -> ClassMatches:
    """Those of the chosen images, which become image 0, 1, …; one may be chosen twice."""
    by_image = np.argsort(matches.image, kind="stable")
    ends = np.searchsorted(matches.image[by_image], np.arange(len(matches.objects) + 1))
    rows = [by_image[ends[image] : ends[image + 1]] for image in chosen]
    image = np.repeat(np.arange(len(chosen)), [len(each) for each in rows])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")  # rows lie best first
    row, image = row[order], image[order]
    ignored = None if matches.ignored is None else matches.ignored[:, row]
    return ClassMatches(
        image, matches.score[row], matches.correct[:, row], matches.objects[chosen], ignored
    )


def intervals(
    whole: Population, chosen: npt.NDArray[np.int64], weights: Float
) -> tuple[Interval, Interval]:
    """Of mAP on the chosen images, and of the difference."""
    drawn, points = [], []
    for net in whole.nets:
        own = [sampled(matches, chosen) for matches in net.matches]
        drawn.append(weighted_map(own, weights))
        points.append(float(weighted_map(own, np.ones((1, len(chosen))))[0]))
    return interval(drawn[0], points[0]), paired(drawn[0], points[0], drawn[1], points[1])[1]


def coverage(
    whole: Population, images: int, samples: int, replicates: int = REPLICATES, seed: int = 1
) -> tuple[Proportion, Proportion]:
    """Share of samples of so many images whose interval holds the truth: mAP, and difference."""
    chance, weights = np.random.default_rng(seed), draws(images, replicates)
    held = np.zeros(2, int)
    for _ in range(samples):
        bounds = intervals(whole, chance.integers(0, whole.images, images), weights)
        held += [low <= true <= high for (low, high), true in zip(bounds, whole.truth, strict=True)]
    return Proportion(int(held[0]), samples), Proportion(int(held[1]), samples)


def _report(share: Proportion) -> dict[str, object]:
    return {
        "coverage": round(share.value, 4),
        "coverage_ci": [round(bound, 4) for bound in share.interval()],
        "samples": share.total,
    }


def main() -> None:
    """Make up, sample, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--images", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--population", type=int, default=3000)
    words = parser.parse_args()
    rows = []
    for classes in words.classes:
        whole = population(classes, words.population)
        boxes = [entry.boxes / words.population for entry in whole.nets[0].per_class]
        for images in words.images:
            own, difference = coverage(whole, images, words.samples)
            row = {
                "classes": classes,
                "images": images,
                "boxes_of_the_rarest_class": round(images * min(boxes), 1),
                "truth": [round(value, 4) for value in whole.truth],
                "map50_95": _report(own),
                "paired_difference": _report(difference),
            }
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    print(json.dumps({"level": LEVEL, "replicates": REPLICATES, "cases": rows}, indent=1))


if __name__ == "__main__":
    main()
