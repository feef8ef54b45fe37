"""Costs: what the work of a network costs on one board with one engine, and how sure that is.

A latency is a sum of terms, each a count times a cost: multiply-adds by kind of layer, elements
moved, weights read, layers started. Costs are fitted to published measurements by
``tools/calibrate_profiles.py`` and kept in the board's profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeyolo.measure.work import Work
from edgeyolo.timing import TERMS, Like, Speedup, Spread, Timing

Vector = NDArray[np.float64]

_COMPUTE = np.array([term in TERMS[:5] for term in TERMS])
_MEMORY = np.array([term in ("transform", "moved", "weight") for term in TERMS])
_PIXELS = 4  # of a row are computed at a time, also where fewer are left
_BYTES = 4  # of a weight; engines keep them in float32 before they choose a kernel
_PICO = 1e-9  # milliseconds in a picosecond
Z80 = 1.2816  # of a normal distribution, 80 % lies within so many standard deviations


def terms(works: Iterable[Work], cache_bytes: int) -> Vector:
    """How often each term occurs in a network; ``cache_bytes`` is the size of the last cache."""
    found: Vector = terms_of_sizes(works, cache_bytes, [1])[0]
    return found


def terms_of_sizes(
    works: Iterable[Work], cache_bytes: int, factors: Sequence[int]
) -> NDArray[np.float64]:
    """(factors, terms) of a network whose input is so many times as wide and as high.

    All counts but those of weights and layers go with the area, so one look at the layers will do.
    """
    layers = list(works)
    sides = np.array(factors, dtype=np.float64)[:, None]
    row = np.array([work.row for work in layers]) * sides
    macs = np.array([work.macs for work in layers]) * sides**2
    macs *= np.ceil(row / _PIXELS) * _PIXELS / row
    moved = np.array([work.moved for work in layers]) * sides**2
    weights = np.array([work.weights for work in layers], dtype=np.float64)
    kinds = np.array([work.kind for work in layers])
    counts = {term: macs[:, kinds == term].sum(1) for term in TERMS[:4]}
    counts["cold"] = macs[:, weights * _BYTES > cache_bytes].sum(1)
    counts["transform"] = moved[:, kinds == "conv3"].sum(1)
    counts["moved"] = moved[:, kinds != "conv3"].sum(1)
    ones = np.ones(len(factors))
    counts["weight"], counts["layer"] = ones * weights.sum(), ones * len(layers)
    return np.column_stack([counts[term] for term in TERMS])


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Milliseconds of each of the terms with ``threads`` threads.

    ``spread`` is a square root of their covariance, (terms, any number): times its transpose it is
    that; ``error`` is the standard deviation of what the terms do not explain, as a share of the
    latency.
    """

    values: Vector
    threads: int
    speedup: Speedup
    error: float
    spread: NDArray[np.float64]

    def milliseconds(self, counts: Vector, threads: int) -> Vector:
        """Latency of networks with these (…, terms) counts."""
        found: Vector = counts * self._slower(threads) @ self.values
        return found

    def deviation(self, counts: Vector, threads: int) -> Vector:
        """Its standard deviation as a share: the scatter, and how far the counts are from those
        that the costs were fitted to."""
        scaled = counts * self._slower(threads)
        unsure: Vector = np.linalg.norm(scaled @ self.spread, axis=-1) / (scaled @ self.values)
        return np.hypot(unsure, self.error)

    def scaled(self, factor: float) -> Costs:
        """All costs times ``factor``."""
        return replace(self, values=self.values * factor, spread=self.spread * factor)

    def _slower(self, threads: int) -> Vector:
        return slower(threads, self.threads, self.speedup)


def slower(threads: int, all_threads: int, speedup: Speedup) -> Vector:
    """Cost of each term with ``threads`` threads relative to all of them.

    A part of each is divided by the threads and a part is not (Amdahl 1967); ``speedup`` says how
    large they are.
    """
    factors = np.ones(len(TERMS))
    if all_threads > 1:
        share = (1 / threads - 1 / all_threads) / (1 - 1 / all_threads)
        factors[_COMPUTE] = 1 + (speedup.compute - 1) * share
        factors[_MEMORY] = 1 + (speedup.memory - 1) * share
    return factors


def costs_of(timing: Timing, find: Callable[[Like], Costs]) -> Costs:
    """As they are calculated with; ``find`` gives those of another timing."""
    error = timing.error_percent / 100
    if timing.like is not None:
        other = find(timing.like).scaled(timing.factor)
        return replace(other, spread=np.column_stack([other.spread, other.values * error]))
    assert timing.spread is not None
    assert timing.threads is not None
    assert timing.speedup is not None
    values = np.array([timing.picoseconds.get(term, 0.0) for term in TERMS]) * _PICO
    spread = np.zeros((len(TERMS), len(TERMS)))
    spread[np.tril_indices(len(TERMS))] = timing.spread.triangle
    return Costs(values, timing.threads, timing.speedup, error, spread * _PICO)


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
        spread=Spread(tuple(costs.spread[np.tril_indices(len(TERMS))] / _PICO)),
        threads=costs.threads,
        speedup=costs.speedup,
        mhz=mhz,
        measurements=measurements,
    )
