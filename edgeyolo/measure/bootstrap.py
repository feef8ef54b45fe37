"""Interval of mAP over the choice of images, from matches that were made once.

Images are drawn anew, not boxes: boxes of one image are not independent. A draw gives each image
a weight (how often it was drawn), and average precision is accumulated again with these weights
from the matches that the reference implementation made; matching itself does not depend on the
draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

REPLICATES = 1000
LEVEL = 0.95
_RECALL_STEPS = np.linspace(0, 1, 101)  # where the COCO protocol reads precision
_CHUNK = 4_000_000  # elements of one work array


@dataclass(frozen=True, slots=True, eq=False)
class ClassMatches:
    """All detections of one class, best score first, and which of them are right."""

    image: npt.NDArray[np.int64]  # (D,) index of the image
    score: Float  # (D,)
    correct: npt.NDArray[np.bool_]  # (T, D) at each IoU threshold
    objects: npt.NDArray[np.int64]  # (I,) labeled objects in each image


def weighted_map(classes: list[ClassMatches], weights: Float) -> Float:
    """(R,) mAP for R draws; ``weights`` (R, I) says how often each image was drawn.

    Classes without an object in a draw do not count in it. A draw without any object is NaN.
    """
    per_class = np.stack([_weighted_ap(matches, weights) for matches in classes])
    present = ~np.isnan(per_class)
    total = np.where(present, per_class, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        result: Float = total / present.sum(axis=0)
    return result


def draws(images: int, replicates: int = REPLICATES, seed: int = 0) -> Float:
    """(R, I) weights of a bootstrap over ``images``; the same seed gives paired draws."""
    generator = np.random.default_rng(seed)
    weights: Float = generator.multinomial(images, np.full(images, 1 / images), replicates).astype(
        np.float64
    )
    return weights


def interval(values: Float, point: float) -> tuple[float, float]:
    """Bias-corrected percentile interval around ``point`` (Efron 1981).

    With few objects per class a draw repeats images, which raises mAP a little above that of the
    whole set; the correction shifts the percentiles by as much as the draws lie off the point.
    """
    values = values[~np.isnan(values)]
    if not len(values):  # no draw has an object
        return point, point
    normal = NormalDist()
    below = (np.sum(values < point) + 0.5 * np.sum(values == point)) / len(values)
    shift = 2 * normal.inv_cdf(min(max(float(below), 1e-3), 1 - 1e-3))
    tail = normal.inv_cdf((1 - LEVEL) / 2)
    low, high = np.percentile(values, [100 * normal.cdf(shift + z) for z in (tail, -tail)])
    return min(float(low), point), max(float(high), point)


def _weighted_ap(matches: ClassMatches, weights: Float) -> Float:
    objects = weights @ matches.objects.astype(np.float64)
    precision = np.zeros_like(objects)
    step = max(1, _CHUNK // max(1, len(matches.image)))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        drawn = weights[part][:, matches.image]  # (r, D)
        seen = drawn.cumsum(axis=1)
        precision[part] = np.mean(
            [_ap_at(drawn[:, hit], seen[:, hit], objects[part]) for hit in matches.correct], axis=0
        )
    return np.where(objects > 0, precision, np.nan)


def _ap_at(hits: Float, seen: Float, objects: Float) -> Float:
    """(r,) 101-point average precision; the columns are the correct detections, best first."""
    if hits.shape[1] == 0:
        return np.zeros(len(hits))
    found = hits.cumsum(axis=1)
    precision = found / np.maximum(seen, 1e-12)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(objects, 1e-12)[:, None]
    # How many of the recall steps each correct detection is the first to reach.
    reached = np.searchsorted(_RECALL_STEPS, recall, side="right")
    steps = np.diff(reached, axis=1, prepend=0)
    result: Float = (steps * envelope).sum(axis=1) / len(_RECALL_STEPS)
    return result
