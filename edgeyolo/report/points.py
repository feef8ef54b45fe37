"""Nets on a device: how long they take, and how good they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyolo.measure.bootstrap import paired
from edgeyolo.measure.pareto import front, hypervolume, hypervolume_interval, knee, separable
from edgeyolo.measure.predict import approximate
from edgeyolo.report.form import Report, Row, label

BASELINES = ("baseline", "smaller")


@dataclass(frozen=True, slots=True)
class Point:
    """A net on a device. ``ms`` is p90 from image to detections, or what is predicted for it."""

    net: Row
    timing: Row
    ms: float
    ms_ci: tuple[float, float]

    @property
    def quality(self) -> float:
        """mAP50-95."""
        return float(self.net["accuracy"]["map50_95"])

    @property
    def quality_ci(self) -> tuple[float, float]:
        low, high = self.net["accuracy"]["map50_95_ci"]
        return low, high

    @property
    def is_predicted(self) -> bool:
        return bool(self.timing["kind"] == "predicted")

    @property
    def is_baseline(self) -> bool:
        return self.net["role"] in BASELINES

    @property
    def label(self) -> str:
        return label(self.net)

    @property
    def latency(self) -> str:
        """In words: ``61.4 ms``, or ``~62 ± 7 ms`` where it is predicted."""
        if not self.is_predicted:
            return f"{self.ms:.1f} ms"
        return f"{approximate(self.ms, *self.ms_ci)} ms"


def points_of(report: Report, device: str) -> list[Point]:
    """One for each net with an accuracy and a timing there.

    Of several timings that of the sitting with most nets counts, as nets are best compared where
    they took turns, and of several numbers of threads the fastest.
    """
    nets = {net["id"]: net for net in report["nets"] if net["accuracy"]}
    timings = [t for t in report["timings"] if t["device"] == device and t["net"] in nets]
    in_turns = Counter(sitting for _, sitting in {(t["net"], t["sitting"]) for t in timings})
    points = [_point(nets[timing["net"]], timing) for timing in timings]
    points.sort(key=lambda point: (-in_turns[point.timing["sitting"]], point.ms))
    best: dict[str, Point] = {}
    for point in points:
        best.setdefault(point.net["id"], point)
    return [best[net_id] for net_id in nets if net_id in best]


def speedup(point: Point, base: Point) -> tuple[float, float, float] | None:
    """How many times as fast: the median over the rounds, the least and the most.

    ``None`` where they did not take turns. Of what is predicted all three are the same.
    """
    if point.timing["sitting"] != base.timing["sitting"]:
        return None
    rounds = [each.timing.get("samples", {}).get("total_ms") for each in (base, point)]
    if not all(rounds):
        quotient = base.ms / point.ms
        return quotient, quotient, quotient
    ratios = [float(np.median(a) / np.median(b)) for a, b in zip(*rounds, strict=False)]
    return float(np.median(ratios)), min(ratios), max(ratios)


def _point(net: Row, timing: Row) -> Point:
    if timing["kind"] == "predicted":
        bounds = (timing["low_ms"], timing["high_ms"])
        return Point(net, timing, timing["latency_ms"], bounds)
    figures = timing["end_to_end_ms"]
    low, high = figures.get("p90_ci") or (figures["p90"], figures["p90"])
    return Point(net, timing, figures["p90"], (low, high))


@dataclass(frozen=True, slots=True)
class Front:
    """The nets that no other beats in both, fastest first.

    ``told_apart`` says of each whether it can be told from both neighbors; ``volume`` is the area
    that they dominate left of ``limit_ms``, as a part of the whole (mAP 0 to 1), with its interval
    over images, where draws are known.
    """

    points: list[Point]
    told_apart: list[bool]
    knee: Point | None
    limit_ms: float
    volume: float
    volume_ci: tuple[float, float] | None


def front_of(points: list[Point], limit_ms: float) -> Front | None:
    """``None`` where there are no points."""
    if not points:
        return None
    ms, quality = (np.array(v) for v in zip(*((p.ms, p.quality) for p in points), strict=True))
    chosen = [points[index] for index in front(ms, quality)]
    bend = knee(ms, quality)
    return Front(
        points=chosen,
        told_apart=[_is_told_apart(chosen, index) for index in range(len(chosen))],
        knee=None if bend is None else points[bend],
        limit_ms=limit_ms,
        volume=hypervolume(ms, quality, limit_ms),
        volume_ci=_volume_ci(points, ms, quality, limit_ms),
    )


def _volume_ci(
    points: list[Point],
    ms: npt.NDArray[np.float64],
    quality: npt.NDArray[np.float64],
    limit_ms: float,
) -> tuple[float, float] | None:
    draws = [point.net["accuracy"].get("draws") for point in points]
    if not all(draws):
        return None
    point = hypervolume(ms, quality, limit_ms)
    return hypervolume_interval(ms, np.array(draws, np.float64), limit_ms, point)


def _is_told_apart(chosen: list[Point], index: int) -> bool:
    around = chosen[max(0, index - 1) : index] + chosen[index + 1 : index + 2]
    return all(told_apart(chosen[index], other) for other in around)


def told_apart(one: Point, other: Point) -> bool:
    """Whether their latencies or their accuracies differ by more than chance."""
    compared = difference(one.net, other.net)
    if compared is not None:
        bounds = compared[1]
    else:  # of older runs no draws are known: as far as their intervals lie apart
        bounds = (
            one.quality_ci[0] - other.quality_ci[1],
            one.quality_ci[1] - other.quality_ci[0],
        )
    return separable(bounds, one.ms_ci, other.ms_ci)


def difference(net: Row, base: Row) -> tuple[float, tuple[float, float]] | None:
    """mAP50-95 of a net minus that of another, with its interval over the same images."""
    mine, theirs = (one["accuracy"] for one in (net, base))
    if not mine.get("draws") or not theirs.get("draws"):
        return None
    return paired(mine["draws"], mine["map50_95"], theirs["draws"], theirs["map50_95"])
