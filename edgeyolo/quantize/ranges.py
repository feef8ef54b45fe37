"""Where to clip a tensor: ranges of int8 from the statistics of the calibration images.

Three methods. ``mse`` takes the range whose rounding and clipping errors have the smallest mean
square together, ``minmax`` clips nothing, ``percentile`` clips one value in 10,000. Entropy
calibration (KL divergence), the usual choice for classifiers, is not offered: the long tails that
it clips off are the objects (measured: ``docs/benchmarks.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.quantize.statistics import TensorStatistics

Values = npt.NDArray[np.floating[Any]]

_CLIPPED = 1e-4  # of the values, by percentile
_FRACTIONS = np.linspace(1.0, 0.05, 96)  # of the whole range, the widest first


@dataclass(frozen=True, slots=True)
class Range:
    """``levels`` equal steps from ``low`` to ``high``; zero is one of them."""

    low: float
    high: float
    levels: int

    @property
    def step(self) -> float:
        """Distance of neighboring values."""
        return (self.high - self.low) / self.levels or 1.0

    @property
    def zero_point(self) -> int:
        """How many steps zero lies above ``low``."""
        return round(-self.low / self.step)

    def round(self, values: Values) -> Values:
        """The nearest values that int8 can hold."""
        steps = np.clip(
            np.round(values / self.step), -self.zero_point, self.levels - self.zero_point
        )
        return steps * self.step


Through = Callable[[Values], Values]


def silu(values: Values) -> Values:
    """x * sigmoid(x)."""
    result: Values = values / (1 + np.exp(-np.clip(values, -80, None)))
    return result


def relu(values: Values) -> Values:
    """max(x, 0)."""
    result: Values = np.maximum(values, 0)
    return result


def hard_swish(values: Values) -> Values:
    """x * clip(x + 3, 0, 6) / 6."""
    result: Values = values * np.clip(values + 3, 0, 6) / 6
    return result


def joined(groups: Iterable[Sequence[str]]) -> dict[str, str]:
    """Name → the one name that stands for all that are in a group with it, however indirectly."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parents:
            name = parents[name]
        return name

    for group in groups:
        first, *others = [root(name) for name in group]
        parents.update({other: first for other in others if other != first})
    return {name: root(name) for name in parents}


def choose_range(
    statistics: TensorStatistics, method: str, levels: int, through: Through | None = None
) -> Range:
    """Range of a tensor in so many steps, by one of ``METHODS``.

    ``through`` is the function that the values go through next, behind which errors count: SiLU
    makes nothing of what lies far below zero, so that need not be told apart.
    """
    widest = Range(statistics.low, statistics.high, levels)
    if widest.high <= widest.low:
        return widest
    return METHODS[method](statistics, widest, through or (lambda same: same))


def _min_max(_: TensorStatistics, widest: Range, __: Through) -> Range:
    return widest


def _percentile(statistics: TensorStatistics, widest: Range, _: Through) -> Range:
    """Half of what is clipped at each end; zero stays inside."""
    below = np.cumsum(statistics.counts) / statistics.counts.sum()
    low, high = np.interp([_CLIPPED / 2, 1 - _CLIPPED / 2], below, statistics.centers)
    return replace(
        widest,
        low=max(widest.low, min(float(low), 0)),
        high=min(widest.high, max(float(high), 0)),
    )


def _least_squares(statistics: TensorStatistics, widest: Range, after: Through) -> Range:
    used = statistics.counts > 0
    values, counts = statistics.centers[used], statistics.counts[used]
    exact = after(values)

    def best(ranges: list[Range]) -> Range:
        errors = [float((counts * (exact - after(r.round(values))) ** 2).sum()) for r in ranges]
        return ranges[int(np.argmin(errors))]

    # The two ends in turns: after SiLU the lower one hardly moves the error.
    found = widest
    for _ in range(2):
        if found.high > 0:
            found = best([replace(found, high=found.high * part) for part in _FRACTIONS])
        if found.low < 0:
            found = best([replace(found, low=found.low * part) for part in _FRACTIONS])
    return found


Chooser = Callable[[TensorStatistics, Range, Through], Range]
METHODS: dict[str, Chooser] = {
    "mse": _least_squares,
    "minmax": _min_max,
    "percentile": _percentile,
}
