"""Outlook: a candidate with all that can be said of it before it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from edgeyolo.measure.costs import Z80, terms_of_sizes
from edgeyolo.measure.predict import Prediction, Predictor, last_cache_bytes, predicted_engines
from edgeyolo.measure.work import work_of
from edgeyolo.plan.budget import Budget
from edgeyolo.plan.candidate import Candidate
from edgeyolo.plan.footprint import Around, around, file_bytes, memory_bytes
from edgeyolo.profiles import DeviceProfile
from edgeyolo.slim.cost import cost
from edgeyolo.slim.memory import activation_bytes
from edgeyolo.slim.spec import GRID, SlimSpec

_NORMAL = NormalDist()
_OURS = 0.6


@dataclass(frozen=True, slots=True)
class Outlook:
    """Predicted figures of a candidate on a board; ``latency`` is from image to detections."""

    candidate: Candidate
    latency: Prediction
    size_bytes: int
    memory_bytes: int

    def chance(self, budget: Budget) -> float:
        """Probability that it keeps to the budget, of which all but the latency is certain."""
        return self.speed_chance(budget) if self.is_small_enough(budget) else 0.0

    def speed_chance(self, budget: Budget) -> float:
        """Probability that it is as fast as the budget asks."""
        if budget.latency_ms is None:
            return 1.0
        spread = math.log(self.latency.high_ms / self.latency.latency_ms) / Z80
        return _NORMAL.cdf(math.log(budget.latency_ms / self.latency.latency_ms) / spread)

    def is_small_enough(self, budget: Budget) -> bool:
        """Whether file and memory keep to the budget."""
        size, memory = budget.size_bytes, budget.memory_bytes
        return (size is None or self.size_bytes <= size) and (
            memory is None or self.memory_bytes <= memory
        )

    def can_fit(self, budget: Budget) -> bool:
        """Whether it may keep to the budget: the fast end of its latency does, and the rest."""
        limit = budget.latency_ms
        return self.is_small_enough(budget) and (limit is None or self.latency.low_ms <= limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.candidate.to_dict(),
            "name": self.candidate.name,
            **self.latency.to_dict(),
            "size_bytes": self.size_bytes,
            "memory_bytes": self.memory_bytes,
        }


class Board:
    """Predicts for one board, with each engine and precision that its profile has costs of.

    Raises:
        UsageError: when the profile has no such engine, or none at all.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        engines: Sequence[str] | None = None,
        threads: int | None = None,
        clock: str | None = None,
    ) -> None:
        self.profile = profile
        known = predicted_engines(profile)
        wanted = [
            (engine, precision)
            for engine, precision in known
            if profile.engines[engine].available and engine in (engines or (engine,))
        ]
        # One that was asked for and is not there is refused with a sentence, by its predictor.
        there = {engine for engine, _ in wanted}
        wanted += [(engine, "fp32") for engine in engines or () if engine not in there]
        wanted = wanted or [("ncnn", "fp32")]
        self._predictors = {
            key: Predictor(profile, *key, threads=threads, clock=clock) for key in wanted
        }
        first = next(iter(self._predictors.values()))
        self.threads, self._clock = first.threads, first.clock
        self._cache_bytes = last_cache_bytes(profile)
        # Of the largest variant of the board; the rest is the system's and the user's.
        self.most_memory = round(_OURS * max(profile.memory.mb) * 2**20)
        self._around: dict[tuple[str, int], Around] = {}

    def outlooks(self, spec: SlimSpec, classes: int, sides: Sequence[int]) -> Iterator[Outlook]:
        """A net at some image sizes, with each engine and precision."""
        factors = [side // GRID for side in sides]
        counts = terms_of_sizes(work_of(spec, classes, GRID), self._cache_bytes, factors)
        activations = activation_bytes(spec, classes, GRID)  # they go with the area
        weights = cost(spec, classes, GRID).file_size_bytes
        for (engine, precision), predict in self._predictors.items():
            size = file_bytes(weights, engine, precision)
            for side, factor, alone in zip(sides, factors, predict.of_terms(counts), strict=True):
                yield Outlook(
                    Candidate(spec, side, engine, precision),
                    _joined(alone, self._beside(engine, side)),
                    size,
                    memory_bytes(activations * factor**2, weights, engine),
                )

    def _beside(self, engine: str, imgsz: int) -> Around:
        key = (engine, imgsz)
        if key not in self._around:
            self._around[key] = around(self.profile, engine, imgsz, self._clock)
        return self._around[key]


def _joined(engine: Prediction, beside: Around) -> Prediction:
    """Sum of two times whose errors are independent."""
    whole = engine.latency_ms + beside.middle_ms
    up = math.hypot(engine.high_ms - engine.latency_ms, beside.high_ms - beside.middle_ms)
    factor = 1 + up / whole
    return Prediction(whole, whole / factor, whole * factor, engine.origin)
