"""Latency on a board that is not at hand, with the interval that it most likely lies in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyolo.errors import UsageError
from edgeyolo.measure.costs import Z80, Costs, costs_of, terms
from edgeyolo.measure.host import profile_of
from edgeyolo.measure.own import own_measurements
from edgeyolo.measure.refine import refined
from edgeyolo.measure.work import Work
from edgeyolo.profiles import DeviceProfile
from edgeyolo.timing import Like, Timing

# How weights are stored changes the file, not what is computed.
_COMPUTED = {"fp16": "fp32", "int8-weights": "fp32"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """Milliseconds of one run of the engine; four of five lie between ``low`` and ``high``."""

    latency_ms: float
    low_ms: float
    high_ms: float
    origin: str  # of the constants

    def __str__(self) -> str:
        return approximate(self.latency_ms, self.low_ms, self.high_ms)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "latency_ms": round(self.latency_ms, 3),
            "low_ms": round(self.low_ms, 3),
            "high_ms": round(self.high_ms, 3),
            "origin": self.origin,
        }


def approximate(ms: float, low_ms: float, high_ms: float) -> str:
    """As predictions are written, ``~62.1 ± 7.3``, so that none looks like a measurement."""
    digits = 1 if ms < 100 else 0
    return f"~{ms:.{digits}f} ± {(high_ms - low_ms) / 2:.{digits}f}"


class Predictor:
    """Predicts for one board, engine and precision; made once for many networks.

    The engine's run alone is predicted: not the camera, nor what is before and behind the engine.

    Raises:
        UsageError: when the profile has no such engine or precision, or the board no such threads.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        engine: str,
        precision: str = "fp32",
        threads: int | None = None,
        clock: str | None = None,
    ) -> None:
        precision = _COMPUTED.get(precision, precision)
        self.board, self.engine = profile.name, engine
        timing = _timing(profile, engine, precision)
        self.clock = clock = _clock(profile, clock)
        most = profile.active_cores(clock)
        self.threads = most if threads is None else threads
        if not 1 <= self.threads <= most:
            raise UsageError(
                f"{profile.title} has {most} cores, so {threads} threads are not possible.",
                f"Use 1 to {most}.",
            )
        self._cache_bytes = last_cache_bytes(profile)
        self._slower = timing.mhz / profile.clocks[clock].mhz if timing.mhz else 1.0
        costs = _costs(Like(profile.name, engine, precision))
        known = [
            (terms(measured.works(), self._cache_bytes), measured.latency_ms, measured.threads)
            for measured in own_measurements(profile.name)
            if (measured.engine, measured.precision) == (engine, precision)
        ]
        # What was measured was so in the mode that it is predicted for.
        self._costs = refined(costs.scaled(self._slower), known) if known else costs
        self.origin = timing.source
        if known:
            self._slower = 1.0
            self.origin = f"{len(known)} measurements of your own; before: {timing.source}"

    def __call__(self, works: Iterable[Work]) -> Prediction:
        """Latency of a network, given as its layers."""
        return self.of_terms(terms(works, self._cache_bytes)[None])[0]

    def of_terms(self, counts: NDArray[np.float64]) -> list[Prediction]:
        """The same of many networks, by their (N, terms) counts, which a board's engines share."""
        latencies = self._slower * self._costs.milliseconds(counts, self.threads)
        factors = np.exp(Z80 * self._costs.deviation(counts, self.threads))
        return [
            Prediction(latency, latency / factor, latency * factor, self.origin)
            for latency, factor in zip(latencies.tolist(), factors.tolist(), strict=True)
        ]


def last_cache_bytes(profile: DeviceProfile) -> int:
    """Size of the largest cache, which is the last before the memory."""
    return 1024 * max(cache.kb for cache in profile.caches.values())


def predicted_engines(profile: DeviceProfile) -> list[tuple[str, str]]:
    """Engines and precisions that a profile has costs of."""
    return [(engine, key) for engine, found in profile.latency.items() for key in found]


@cache
def _costs(like: Like) -> Costs:
    """Those that come with the profile."""
    timing = profile_of(like.profile).latency[like.engine][like.precision]
    return costs_of(timing, _costs)


def _timing(profile: DeviceProfile, engine: str, precision: str) -> Timing:
    found = profile.latency.get(engine, {})
    if precision in found:
        return found[precision]
    known = ", ".join(f"{name} {key}" for name, key in predicted_engines(profile))
    raise UsageError(
        f"No latency of {engine} in {precision} is known on {profile.title}.",
        f"Known are: {known}."
        if known
        else "Measure one there: edgeyolo bench BUNDLE, then edgeyolo profiles calibrate.",
    )


def _clock(profile: DeviceProfile, asked: str | None) -> str:
    if asked is None:
        return profile.default_clock
    found = [asked] if asked in profile.clocks else _containing(asked, profile)
    if len(found) != 1:
        modes = "; ".join(found or profile.clocks)
        several = "several modes with" if found else "no mode"
        raise UsageError(f"{profile.title} has {several} {asked!r}.", f"Name one of: {modes}.")
    return found[0]


def _containing(words: str, profile: DeviceProfile) -> list[str]:
    return [name for name in profile.clocks if words.lower() in name.lower()]
