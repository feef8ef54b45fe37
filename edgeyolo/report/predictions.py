"""Predicted latencies beside measured ones of the same net on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from edgeyolo.measure.predict import approximate
from edgeyolo.report.form import Report, Row

_ENGINE, _MODEL = "the engine alone, p50", "image to detections, p50"


@dataclass(frozen=True, slots=True)
class Pair:
    """Milliseconds; ``low_ms`` to ``high_ms`` holds four of five, if the prediction is right."""

    net: str
    threads: int | None
    predicted_ms: float
    low_ms: float
    high_ms: float
    measured_ms: float
    origin: str

    @property
    def error(self) -> float:
        """Of the prediction, as a part of what was measured; above 0 when it was too slow."""
        return self.predicted_ms / self.measured_ms - 1

    @property
    def is_inside(self) -> bool:
        return self.low_ms <= self.measured_ms <= self.high_ms

    @property
    def words(self) -> str:
        """Never like a measured one."""
        return approximate(self.predicted_ms, self.low_ms, self.high_ms)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All pairs of one scope."""

    scope: str
    pairs: list[Pair]

    @property
    def mape(self) -> float:
        """Mean absolute percentage error, as a part."""
        return fmean(abs(pair.error) for pair in self.pairs)

    @property
    def inside(self) -> int:
        return sum(pair.is_inside for pair in self.pairs)


def comparisons(report: Report, device: str) -> list[Comparison]:
    """Where a device has both; the engine alone first."""
    timings = [timing for timing in report["timings"] if timing["device"] == device]
    found = [
        Comparison(_ENGINE, list(_engines(timings))),
        Comparison(_MODEL, list(_models(timings))),
    ]
    return [one for one in found if one.pairs]


def _engines(timings: list[Row]) -> Iterator[Pair]:
    """A bench notes what was predicted for its board."""
    for timing in timings:
        figures = timing.get("engine_only_ms")
        if timing["kind"] == "measured" and timing.get("predicted") and figures:
            yield _pair(timing, timing["predicted"], figures)


def _models(timings: list[Row]) -> Iterator[Pair]:
    """A search predicts for a board that may be measured later."""
    predicted = {timing["net"]: timing for timing in timings if timing["kind"] == "predicted"}
    for timing in timings:
        if timing["kind"] == "measured" and timing["net"] in predicted:
            yield _pair(timing, predicted[timing["net"]], timing["end_to_end_ms"])


def _pair(timing: Row, predicted: Row, figures: dict[str, Any]) -> Pair:
    return Pair(
        net=timing["net"],
        threads=timing.get("threads"),
        predicted_ms=predicted["latency_ms"],
        low_ms=predicted["low_ms"],
        high_ms=predicted["high_ms"],
        measured_ms=figures["p50"],
        origin=predicted.get("origin", ""),
    )
