"""Timing: the costs of an engine on a board at one precision, as the board's profile holds them.

A latency is a sum of terms, each a count times a cost; ``measure/costs.py`` calculates with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TERMS = (
    *("conv3", "conv", "conv1", "depthwise"),  # multiply-adds, by kind of layer
    "cold",  # multiply-adds of layers whose weights the last cache does not hold: extra
    "transform",  # elements that 3×3 convolutions read and write, as Winograd transforms them
    "moved",  # elements that the other layers read and write
    "weight",
    "layer",
)


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times faster all threads are than one: cores compute, but share the memory."""

    compute: float
    memory: float


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

    def __str__(self) -> str:
        return " ".join(f"{value:.3g}" for value in self.triangle)


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
