"""Timing: the costs of an engine on a board at one precision, as the board's profile holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgeyolo.measure.costs import TERMS, Costs, Speedup

_PICO = 1e-9  # milliseconds in a picosecond


@dataclass(frozen=True, slots=True)
class Spread:
    """How unsure costs are together: a lower triangle (terms, terms), row by row, in picoseconds.

    Times its transpose it is their covariance.
    """

    triangle: tuple[float, ...]

    @classmethod
    def parse(cls, value: object) -> Spread:
        """Read numbers that stand between spaces."""
        wanted = len(TERMS) * (len(TERMS) + 1) // 2
        numbers = tuple(map(float, value.split())) if isinstance(value, str) else ()
        if len(numbers) != wanted:
            raise ValueError(f"{wanted} numbers in one text")
        return cls(numbers)

    @classmethod
    def of(cls, costs: Costs) -> Spread:
        """That of fitted costs."""
        return cls(tuple(costs.spread[np.tril_indices(len(TERMS))] / _PICO))

    def __str__(self) -> str:
        return " ".join(f"{value:.3g}" for value in self.triangle)

    def matrix(self) -> NDArray[np.float64]:
        """In milliseconds, (terms, terms)."""
        matrix = np.zeros((len(TERMS), len(TERMS)))
        matrix[np.tril_indices(len(TERMS))] = self.triangle
        return matrix * _PICO


@dataclass(frozen=True, slots=True)
class Like:
    """Another timing, of the same or of another board: ``raspberry-pi-4 onnxruntime fp32``."""

    profile: str
    engine: str
    precision: str

    @classmethod
    def parse(cls, value: object) -> Like:
        """Read the three words."""
        words = value.split() if isinstance(value, str) else []
        if len(words) != 3:
            raise ValueError("a profile, an engine and a precision")
        return cls(*words)

    def __str__(self) -> str:
        return f"{self.profile} {self.engine} {self.precision}"


@dataclass(frozen=True, slots=True)
class Timing:
    """Costs of an engine of its own, or ``factor`` times those of another timing.

    ``error_percent`` is one standard deviation: of what the costs do not explain, or of the factor.
    ``source`` says what it was fitted to or derived from.
    """

    source: str
    error_percent: float
    picoseconds: dict[str, float] = field(default_factory=dict)  # of each of the terms
    spread: Spread | None = None
    threads: int | None = None  # that the picoseconds are for
    speedup: Speedup | None = None  # of these threads over one
    mhz: float | None = None  # at which it was measured, where that is stated
    measurements: int | None = None  # that it was fitted to
    like: Like | None = None
    factor: float = 1.0

    def check(self) -> None:
        """Refuse a timing that is neither of its own nor like another.

        Raises:
            ValueError: with what is wrong.
        """
        for term in self.picoseconds:
            if term not in TERMS:
                raise ValueError(f"there is no term {term!r}; there are {', '.join(TERMS)}")
        own = (self.picoseconds, self.spread, self.threads, self.speedup)
        if self.like is None and not all(own):
            raise ValueError("it needs picoseconds, spread, threads and speedup, or like")

    def costs(self, find: Callable[[Like], Costs]) -> Costs:
        """As they are calculated with; ``find`` gives those of another timing."""
        error = self.error_percent / 100
        if self.like is not None:
            other = find(self.like).scaled(self.factor)
            return replace(other, spread=np.column_stack([other.spread, other.values * error]))
        assert self.spread is not None
        assert self.threads is not None
        assert self.speedup is not None
        values = np.array([self.picoseconds.get(term, 0.0) for term in TERMS]) * _PICO
        return Costs(values, self.threads, self.speedup, error, self.spread.matrix())


def timing_of(costs: Costs, source: str, measurements: int, mhz: float | None) -> Timing:
    """What a profile keeps of fitted costs."""
    picoseconds = {
        term: float(f"{value / _PICO:.4g}")
        for term, value in zip(TERMS, costs.values, strict=True)
        if value > 0
    }
    return Timing(
        source=source,
        error_percent=round(100 * costs.error, 1),
        picoseconds=picoseconds,
        spread=Spread.of(costs),
        threads=costs.threads,
        speedup=costs.speedup,
        mhz=mhz,
        measurements=measurements,
    )
