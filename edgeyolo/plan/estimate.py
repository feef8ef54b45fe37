"""What a lever costs in accuracy, before anything was trained: an estimate, with a wide interval.

Nobody knows what slimming costs on data that were never trained on. What is known is how much it
cost elsewhere, and that differs several times over between data sets: each figure here comes from
published tables and our own measurements (``docs/published_accuracy.csv``, fitted by
``tools/fit_estimates.py``), and says so wherever it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.boxes import BoxSizes
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import LEVELS, STRIDES, SlimSpec

REFERENCE = 480  # px; slopes are those at this side of the image
ROWS = ("image", "halving")  # of the slopes
_Z80 = 1.2816
_T80 = 1.476  # Student's t with 5 degrees of freedom: there are few data sets to fit slopes to
SOURCE = (
    "estimated from YOLOBench (VOC, SKU-110K, WIDER FACE, COCO), published pruning of YOLOv8n "
    "(COCO, DeepPCB) and our own BCCD nets, by the number of classes and the size of the boxes"
)


@dataclass(frozen=True, slots=True)
class Loss:
    """Logarithm of what is left of the mAP, negated; four of five lie between low and high."""

    middle: float
    low: float
    high: float

    @classmethod
    def sum(cls, parts: Iterable[Loss]) -> Loss:
        """Losses multiply, so their logarithms add; their errors are taken as independent."""
        known = list(parts)
        middle = math.fsum(part.middle for part in known)
        down = math.hypot(*(part.middle - part.low for part in known))
        up = math.hypot(*(part.high - part.middle for part in known))
        return cls(middle, middle - down, middle + up)

    def points(self, wide_map: float) -> tuple[float, float, float]:
        """Change in points of mAP50-95, and its interval from the worst to the best."""
        middle, worst, best = (
            100 * wide_map * math.expm1(-loss) for loss in (self.middle, self.high, self.low)
        )
        return middle, worst, best

    def to_dict(self, wide_map: float) -> dict[str, Any]:
        """Plain values for JSON, in points."""
        middle, worst, best = self.points(wide_map)
        return {"points": round(middle, 2), "low": round(worst, 2), "high": round(best, 2)}


@dataclass(frozen=True, slots=True)
class Slope:
    """A loss by unit, as a power of the number of classes and of the boxes' side.

    ``spread`` is the standard deviation of its logarithm from one data set to another.
    """

    constant: float
    classes: float
    side: float
    spread: float

    @staticmethod
    def features(classes: int, side: float) -> tuple[float, float]:
        """What the slope is a power of; the side in pixels of a reference image."""
        return math.log(classes / 5), math.log(side / 50)

    def loss(self, units: float, classes: int, side: float) -> Loss:
        """Loss of so many units; a negative number is a gain."""
        by_classes, by_side = self.features(classes, side)
        exponent = self.constant + self.classes * by_classes + self.side * by_side
        ends = [units * math.exp(exponent + step * _T80 * self.spread) for step in (0.0, -1.0, 1.0)]
        return Loss(ends[0], min(ends[1:]), max(ends[1:]))


# Fitted by tools/fit_estimates.py.
SLOPES = {
    "image": Slope(-1.710, 0.222, -0.721, 0.438),
    "halving": Slope(-3.837, 0.612, -0.990, 0.477),
}
# Measured on BCCD, width 0.125 at 320 px, one seed each (docs/benchmarks.md): +0.1, -1.1 and -0.6
# points of 61.8; reg_max 4 lies between its neighbors. A seed and another differ by half a point.
_BINS = {16: 0.0, 8: 0.0, 4: 0.009, 1: 0.018}
_ACTIVATIONS = {"silu": 0.0, "relu": 0.010, "hardswish": 0.010}
_INT8 = 0.005  # 0.1 to 0.4 points of 43.6 and 61.7, by edgeyolo quantize
_NOISE = 0.01  # of a figure that one seed gave
# Boxes up to so many pixels (root of the area) are mostly assigned to the level, as YOLOv8n does on
# BCCD and coco128.
_UP_TO = (64.0, 150.0)
# What is lost of the part of the mAP that a coarser level served: 5.7 % of it without P5, which
# serves a quarter, BCCD at 640 px (docs/benchmarks.md, val and test).
_COARSER = 0.23
_CONVEX = 1.5  # of 1, 1.25, 1.5 and 2, what fits the pruned nets of the table best
_IOUS = np.arange(0.5, 1.0, 0.05)


def halvings(ratio: float, imgsz: int) -> float:
    """How often FLOPs are halved by width, depth and the cap on channels, as it counts.

    The second halving costs more than the first, and each costs more on a small image.
    """
    return float(math.log2(max(1.0, ratio)) ** _CONVEX * math.sqrt(REFERENCE / imgsz))


def level_of(pixels: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the level that boxes of so many pixels are mostly assigned to."""
    return np.searchsorted(_UP_TO, pixels)


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """Estimates for one data set, against the wide net at its own image size."""

    boxes: BoxSizes
    classes: int
    wide: SlimSpec
    imgsz: int
    _kept: dict[Any, float] = field(default_factory=dict)  # what many nets share

    def __call__(self, spec: SlimSpec, imgsz: int, precision: str) -> Loss:
        """Loss of a net at an image size and precision."""
        side = REFERENCE * self._once(("side",), lambda: self.boxes.median)
        inverse = REFERENCE / imgsz
        image = inverse - REFERENCE / self.imgsz + self._finer(spec, imgsz) * inverse
        ratio = _gflops(self.wide, self.classes) / _gflops(spec, self.classes)
        parts = [
            SLOPES["image"].loss(image, self.classes, side),
            SLOPES["halving"].loss(halvings(ratio, imgsz), self.classes, side),
            *self._flat(spec, imgsz, precision),
        ]
        return Loss.sum(parts)

    def served(self, level: str, imgsz: int) -> float:
        """Part of the mAP that is of boxes of a level's size."""
        return self._once(("served", level, imgsz), lambda: self._served(level, imgsz))

    def _served(self, level: str, imgsz: int) -> float:
        is_its = level_of(self.boxes.sides * imgsz) == LEVELS.index(level)
        return self.boxes.mean_over_classes(is_its.astype(np.float64))

    def _finer(self, spec: SlimSpec, imgsz: int) -> float:
        """Image sizes that are lost, in units of this one: a box without its level has the grid of
        the next, as if the image were half the size.
        """
        finest = STRIDES[spec.heads[0]]
        return math.fsum(
            self.served(level, imgsz) * (finest / STRIDES[level] - 1)
            for level in self.wide.heads
            if STRIDES[level] < finest
        )

    def _flat(self, spec: SlimSpec, imgsz: int, precision: str) -> Iterator[Loss]:
        coarsest = STRIDES[spec.heads[-1]]
        coarser = _COARSER * math.fsum(
            self.served(level, imgsz) for level in self.wide.heads if STRIDES[level] > coarsest
        )
        if coarser:
            yield Loss(coarser, coarser / 3, 3 * coarser)
        reach = -math.log(self._reached(spec, imgsz))
        if reach:
            yield Loss(reach, reach / 2, 1.5 * reach)
        if spec.reg_max != self.wide.reg_max:
            yield _flat(_BINS[spec.reg_max] - _BINS[self.wide.reg_max])
        if spec.activation != self.wide.activation:
            yield _flat(_ACTIVATIONS[spec.activation] - _ACTIVATIONS[self.wide.activation])
        if precision == "int8":
            yield _flat(_INT8)

    def _reached(self, spec: SlimSpec, imgsz: int) -> float:
        """Part of the mAP that is left as boxes are too large for the bins of the coarsest level.

        A side is at most ``reg_max - 1`` cells from its anchor point (Li et al. 2020,
        arXiv:2006.04388). A box that is cut off counts for the IoU thresholds that it still meets.
        """
        left, before = (self._met(spec, imgsz), self._met(self.wide, self.imgsz))
        return min(1.0, max(left / before, 0.01))

    def _met(self, net: SlimSpec, imgsz: int) -> float:
        """Mean part of the IoU thresholds that a box can meet, at most 1."""
        if net.reg_max == 1:
            return 1.0  # a distance, not a distribution over bins
        reach = 2 * (net.reg_max - 1) * STRIDES[net.heads[-1]]
        return self._once(("met", reach, imgsz), lambda: max(0.01, self._within(reach, imgsz)))

    def _within(self, reach: int, imgsz: int) -> float:
        inside = np.minimum(1.0, reach / (self.boxes.longest * imgsz))
        met: NDArray[np.float64] = (inside[:, None] >= _IOUS).mean(1)
        return self.boxes.mean_over_classes(met)

    def _once(self, key: tuple[Any, ...], find: Callable[[], float]) -> float:
        if key not in self._kept:
            self._kept[key] = find()
        return self._kept[key]


def _flat(middle: float) -> Loss:
    return Loss(middle, middle - _Z80 * _NOISE, middle + _Z80 * _NOISE)


@lru_cache(maxsize=4096)
def _gflops(spec: SlimSpec, classes: int) -> float:
    """Of the net with all its levels and bins: those are levers of their own."""
    whole = SlimSpec(width=spec.width, depth=spec.depth, max_channels=spec.max_channels)
    return cost(whole, classes, 640).gflops
