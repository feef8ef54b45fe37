"""Seconds that the interval of mAP takes: 1,000 draws of images, and the matching before.

    python tools/bench_bootstrap.py
    python tools/bench_bootstrap.py --images 5000 --rounds 1

The budget is 15 s for 128 images; the figure informs, nothing fails. Each image has 300 detections,
as many as the detector keeps, in two cases: 80 classes with 7 objects in an image, as COCO has, and
3 classes with 13, as a set of blood cells has.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import evaluate
from edgeyolo.measure.bootstrap import REPLICATES, draws, weighted_map

SIDE, FOUND = 640, 300
BUDGET_S, BUDGET_IMAGES = 15.0, 128
CASES = {"80 classes, 7 objects": (80, 7), "3 classes, 13 objects": (3, 13)}


def labeled(images: int, classes: int, objects: int) -> tuple[list[Sample], list[Detections]]:
    """Objects of random classes; the detections lie near them, or anywhere with lower scores."""
    chance = np.random.default_rng(0)
    samples, found = [], []
    for _ in range(images):
        centers, sides = (
            chance.uniform(0.2, 0.8, (objects, 2)),
            chance.uniform(0.05, 0.4, (objects, 2)),
        )
        class_id = np.floor(classes * chance.beta(1, 3, objects))
        labels = np.column_stack([class_id, centers, sides])
        samples.append(Sample(Path("none"), SIDE, SIDE, labels.astype(np.float32)))
        found.append(_found(chance, labels, classes))
    return samples, found


def _found(
    chance: np.random.Generator,
    labels: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    classes: int,
) -> Detections:
    near = labels[chance.integers(len(labels), size=FOUND // 3)]
    boxes = np.vstack([near[:, 1:], chance.uniform(0.1, 0.4, (FOUND - len(near), 4))])
    boxes = np.maximum(boxes + chance.normal(0, 0.02, boxes.shape), 0.01)
    corners = np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2]) * SIDE
    class_id = np.append(near[:, 0], chance.integers(classes, size=FOUND - len(near)))
    score = np.append(chance.uniform(0, 1, len(near)), chance.uniform(0, 0.2, FOUND - len(near)))
    order = np.argsort(-score)
    return Detections(
        corners[order].astype(np.float32),
        score[order].astype(np.float32),
        class_id[order].astype(np.int64),
    )


def timed(work: Callable[[], object], rounds: int) -> str:
    """Median and range."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


def main() -> None:
    """Draw up, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=BUDGET_IMAGES)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    print(f"{words.images} images, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    weights = draws(words.images)
    for case, (classes, objects) in CASES.items():
        samples, found = labeled(words.images, classes, objects)
        names = [str(index) for index in range(classes)]
        matches = evaluate(samples, found, names).matches
        taken = timed(lambda matches=matches: weighted_map(matches, weights), words.rounds)  # type: ignore[misc]
        print(
            f"{case} in an image: {REPLICATES} draws in {taken}, budget {BUDGET_S:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
