"""Costs: what the work of a network costs on one board with one engine, and how sure that is.

A latency is a sum of terms, each a count times a cost: multiply-adds by kind of layer, elements
moved, weights read, layers started. Costs are fitted to published measurements by
``tools/calibrate_profiles.py`` and kept in the board's profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeyolo.measure.work import Work

Vector = NDArray[np.float64]

TERMS = (
    *("conv3", "conv", "conv1", "depthwise"),  # multiply-adds, by kind of layer
    "cold",  # multiply-adds of layers whose weights the last cache does not hold: extra
    "transform",  # elements that 3×3 convolutions read and write, as Winograd transforms them
    "moved",  # elements that the other layers read and write
    "weight",
    "layer",
)
_COMPUTE = np.array([term in TERMS[:5] for term in TERMS])
_MEMORY = np.array([term in ("transform", "moved", "weight") for term in TERMS])
_PIXELS = 4  # of a row are computed at a time, also where fewer are left
_BYTES = 4  # of a weight; engines keep them in float32 before they choose a kernel
Z80 = 1.2816  # of a normal distribution, 80 % lies within so many standard deviations


def terms(works: Iterable[Work], cache_bytes: int) -> Vector:
    """How often each term occurs in a network; ``cache_bytes`` is the size of the last cache."""
    counts = dict.fromkeys(TERMS, 0.0)
    for work in works:
        counts["layer"] += 1
        counts["weight"] += work.weights
        counts["transform" if work.kind == "conv3" else "moved"] += work.moved
        if work.kind != "move":
            macs = work.macs * math.ceil(work.row / _PIXELS) * _PIXELS / work.row
            counts[work.kind] += macs
            counts["cold"] += macs * (work.weights * _BYTES > cache_bytes)
    return np.array([counts[term] for term in TERMS])


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times faster all threads are than one: cores compute, but share the memory."""

    compute: float
    memory: float


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

    def milliseconds(self, counts: Vector, threads: int) -> float:
        """Latency of a network with these counts of terms."""
        return float(counts * self._slower(threads) @ self.values)

    def deviation(self, counts: Vector, threads: int) -> float:
        """Its standard deviation as a share: the scatter, and how far the counts are from those
        that the costs were fitted to."""
        scaled = counts * self._slower(threads)
        unsure = float(np.linalg.norm(scaled @ self.spread)) / float(scaled @ self.values)
        return math.hypot(unsure, self.error)

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
