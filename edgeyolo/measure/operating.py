"""Precision, recall and F1 at IoU 0.5, where a detector is told which scores count.

A threshold belongs to a class: the one with the best F1 of that class ("own"), or to all classes
alike: the one with the best F1 of all their detections together ("common"). Either way the counts
of a class are pooled over all images. *Micro* figures pool the true and false positives and the
misses of all classes and are computed once from the sums; *macro* figures are the means of those of
the classes, each counting the same however few its boxes are. Classes without any box in the
split have no recall and are left out of macro figures; what is wrongly called one counts in micro.

All thresholds are chosen on the images that they are judged on, which flatters a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.measure.accuracy import Accuracy
from edgeyolo.measure.bootstrap import ClassMatches

_IOU_50 = 0  # position in the COCO protocol's ten thresholds
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """Detections that are right, detections that are not, and objects that were missed.

    A ratio of nothing is 0, so that a net that finds nothing has precision 0.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return self.tp / max(1, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return self.tp / max(1, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)

    def to_dict(self) -> dict[str, Any]:
        """Counts and ratios, for JSON."""
        ratios = {name: round(getattr(self, name), _DIGITS) for name in ("precision", "recall")}
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, **ratios, "f1": round(self.f1, 5)}


def optimum(scores: npt.ArrayLike, correct: npt.ArrayLike, objects: int) -> float | None:
    """The threshold with the best F1: detections above it count, those below do not.

    It lies in the middle between two scores, so that rounding moves nothing. ``None`` where no
    detection is right, and so no threshold better than to keep nothing.
    """
    score, right = np.asarray(scores, np.float64), np.asarray(correct, bool)
    order = np.argsort(-score, kind="stable")
    score, found = score[order], right[order].cumsum()
    f1 = 2 * found / (np.arange(1, len(order) + 1) + objects)
    f1[:-1][score[:-1] == score[1:]] = -1.0  # equal scores cannot be told apart by a threshold
    if not found.size or not found[-1]:
        return None
    last = int(np.argmax(f1))
    below = score[last + 1] if last + 1 < len(score) else 0.0
    return float(score[last] + below) / 2


def counts(matches: ClassMatches, threshold: float | None) -> Counts:
    """What a class comes to with a threshold; ``None`` keeps nothing."""
    objects = int(matches.objects.sum())
    if threshold is None:
        return Counts(0, 0, objects)
    score, correct = matches.counted(_IOU_50)
    right = correct[score > threshold]
    tp = int(right.sum())
    return Counts(tp, len(right) - tp, objects - tp)


def operating_points(accuracy: Accuracy) -> dict[str, Any]:
    """Under ``own`` and ``common``: micro and macro figures, and those of each class."""
    matches = accuracy.matches
    counted = [m.counted(_IOU_50) for m in matches]
    own = [optimum(*each, int(m.objects.sum())) for each, m in zip(counted, matches, strict=True)]
    score, correct = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    common = optimum(score, correct, accuracy.boxes)
    alike = [common] * len(matches)
    return {
        "own": _point(accuracy, own),
        "common": {"threshold": _rounded(common), **_point(accuracy, alike)},
    }


def _point(accuracy: Accuracy, thresholds: Sequence[float | None]) -> dict[str, Any]:
    per_class = [counts(m, t) for m, t in zip(accuracy.matches, thresholds, strict=True)]
    names = [entry.name for entry in accuracy.per_class]
    return {
        "micro": _micro(per_class).to_dict(),
        "macro": _macro(per_class),
        "per_class": [
            {"name": name, "threshold": _rounded(threshold), **each.to_dict()}
            for name, threshold, each in zip(names, thresholds, per_class, strict=True)
        ],
    }


def _micro(per_class: Sequence[Counts]) -> Counts:
    return Counts(*(sum(getattr(each, name) for each in per_class) for name in ("tp", "fp", "fn")))


def _macro(per_class: Sequence[Counts]) -> dict[str, Any]:
    """Means over the classes that have boxes."""
    present = [each for each in per_class if each.tp + each.fn]
    return {
        "classes": len(present),
        **{
            name: round(sum(getattr(each, name) for each in present) / max(1, len(present)), 5)
            for name in ("precision", "recall", "f1")
        },
    }


def _rounded(threshold: float | None) -> float | None:
    return None if threshold is None else round(threshold, _DIGITS)
