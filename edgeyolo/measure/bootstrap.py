"""Interval of mAP over the choice of images, from matches that were made once.

Images are drawn anew, not boxes: boxes of one image are not independent. A draw gives each image
a weight (how often it was drawn), and average precision is accumulated again with these weights
from the matches that the reference implementation made; matching itself does not depend on the
draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgeyolo.errors import DataError

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Interval = tuple[float, float]

REPLICATES = 1000
LEVEL = 0.95
_RECALL_STEPS = np.linspace(0, 1, 101)  # where the COCO protocol reads precision
_CHUNK = 500_000  # elements of one work array: a few of them fit a cache
_SAME = 1e-9  # sums in another order differ by less


@dataclass(frozen=True, slots=True, eq=False)
class ClassMatches:
    """All detections of one class, best score first, and which of them are right.

    ``ignored`` are those that count neither way, as what a crowd hides; ``None`` if none is.
    """

    image: npt.NDArray[np.int64]  # (D,) index of the image
    score: Float  # (D,)
    correct: Bool  # (T, D) at each IoU threshold
    objects: npt.NDArray[np.int64]  # (I,) labeled objects in each image, crowds left out
    ignored: Bool | None = None  # (T, D)

    def counted(self, threshold: int) -> tuple[Float, Bool]:
        """Scores of the detections that count at an IoU threshold, and which of them are right."""
        if self.ignored is None:
            return self.score, self.correct[threshold]
        kept = ~self.ignored[threshold]
        return self.score[kept], self.correct[threshold][kept]


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


def interval(values: Float, point: float, corrected: bool = True) -> Interval:
    """Percentile interval around ``point``, bias-corrected (Efron 1981) or as it is.

    With few objects per class a draw repeats images, which raises mAP a little above that of the
    whole set; the correction shifts the percentiles by as much as the draws lie off the point.
    """
    values = values[~np.isnan(values)]
    if not len(values):  # no draw has an object
        return point, point
    normal = NormalDist()
    shift = 2 * _offset(values, point) if corrected else 0.0
    tail = normal.inv_cdf((1 - LEVEL) / 2)
    low, high = np.percentile(values, [100 * normal.cdf(shift + z) for z in (tail, -tail)])
    return min(float(low), point), max(float(high), point)


def _offset(values: Float, point: float) -> float:
    """Where the point lies among the values, in deviations of a normal distribution."""
    same = np.abs(values - point) < _SAME
    below = (np.sum((values < point) & ~same) + 0.5 * np.sum(same)) / len(values)
    return NormalDist().inv_cdf(min(max(float(below), 1e-3), 1 - 1e-3))


def paired(
    draws_a: Sequence[float | None] | Float,
    point_a: float,
    draws_b: Sequence[float | None] | Float,
    point_b: float,
) -> tuple[float, Interval]:
    """mAP of a minus that of b with its interval, from their replicates of the same draws.

    What a draw adds to both cancels, and a correction of it would only add to the error: in the
    simulation of tools/check_coverage.py plain percentiles hold the truth more often.

    ``None``, which stands for NaN in JSON, is a draw without any object.

    Raises:
        DataError: when the draws are not as many, and so not the same.
    """
    ours, theirs = np.array(draws_a, np.float64), np.array(draws_b, np.float64)
    if ours.shape != theirs.shape:
        raise DataError(
            f"Nets with {len(ours)} and {len(theirs)} draws of images cannot be compared.",
            "Measure both with the same version of edgeyolo.",
        )
    point = point_a - point_b
    return point, interval(ours - theirs, point, corrected=False)


def _weighted_ap(matches: ClassMatches, weights: Float) -> Float:
    """(R,) average precision of a class; NaN in draws without an object of it."""
    objects = weights @ matches.objects.astype(np.float64)
    precision = np.zeros_like(objects)
    step = max(1, _CHUNK // max(1, len(matches.image)))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        # Draws lie along the last axis, so that sums over detections go whole rows at a time.
        drawn = np.ascontiguousarray(weights[part].T)[matches.image]  # (D, r)
        precision[part] = np.mean(
            [
                _ap_at(drawn[hit], seen[hit], objects[part])
                for hit, seen in zip(matches.correct, _seen(matches, drawn), strict=True)
            ],
            axis=0,
        )
    return np.where(objects > 0, precision, np.nan)


def _seen(matches: ClassMatches, drawn: Float) -> Iterator[Float]:
    """For each IoU threshold (D, r) how many detections count down to each one."""
    if matches.ignored is None:
        seen = drawn.cumsum(axis=0)
        yield from [seen] * len(matches.correct)
    else:
        for ignored in matches.ignored:
            yield (drawn * ~ignored[:, None]).cumsum(axis=0)


def _ap_at(hits: Float, seen: Float, objects: Float) -> Float:
    """(r,) 101-point average precision; the rows are the correct detections, best first."""
    if not len(hits):
        return np.zeros(hits.shape[1])
    found = hits.cumsum(axis=0)
    precision = found / np.maximum(seen, 1e-12)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    reached = _reached(found / np.maximum(objects, 1e-12))
    reached[1:] -= reached[:-1].copy()  # each correct detection: the steps it is first to reach
    result: Float = (reached * envelope).sum(axis=0) / len(_RECALL_STEPS)
    return result


def _reached(recall: Float) -> npt.NDArray[np.int64]:
    """How many recall steps are not above a recall: a search, without searching.

    A step is not always the double nearest to its hundredth, hence the look at the step itself.
    """
    last = (recall * (len(_RECALL_STEPS) - 1) + 1e-9).astype(np.int64)
    result: npt.NDArray[np.int64] = last + (_RECALL_STEPS[last] <= recall)
    return result
