"""Percentiles of latencies, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rounds = Sequence[Sequence[float]]  # milliseconds, by round

_REPLICATES = 1000
_FEW_ROUNDS = 4  # with fewer the runs themselves are drawn


def percentiles(rounds: Rounds) -> dict[str, float]:
    """p50, p90 and p99 of all rounds together; p99 of few samples is close to the maximum."""
    values = together(rounds)
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 90, 99)}


def together(rounds: Rounds) -> NDArray[np.float64]:
    """All rounds as one array."""
    return np.concatenate([np.asarray(part, np.float64) for part in rounds])


def interval(rounds: Rounds, percentile: float) -> tuple[float, float]:
    """95 % interval of a percentile, by drawing whole rounds again (block bootstrap).

    Runs that follow each other are alike, so drawing them one by one would give an interval that
    is too narrow (Künsch 1989). It is the same for the same samples.
    """
    blocks: Rounds = rounds
    if len(rounds) < _FEW_ROUNDS:
        blocks = [[value] for value in together(rounds)]
    generator = np.random.default_rng(0)
    parts = [np.asarray(block, np.float64) for block in blocks]
    found = []
    for _ in range(_REPLICATES):
        drawn = generator.integers(0, len(parts), len(parts))
        found.append(np.percentile(np.concatenate([parts[index] for index in drawn]), percentile))
    low, high = np.percentile(found, [2.5, 97.5])
    return round(float(low), 3), round(float(high), 3)


def early_stopped(rounds: Rounds, share: float = 0.9, confidence: float = 0.99) -> float | None:
    """A latency that at least ``share`` of all runs stay below, with that confidence.

    In the style of MLPerf Inference's early stopping; ``None`` for too few runs (64 for p90).
    """
    values = np.sort(together(rounds))
    slow = _most_slow(len(values), share, confidence)
    return round(float(values[len(values) - slow]), 3) if slow else None


def _most_slow(count: int, share: float, confidence: float) -> int:
    """Largest t with P[Binomial(count, 1 - share) <= t] <= 1 - confidence, at least 0."""
    total, slow = 0.0, 0
    for successes in range(count + 1):
        total += math.exp(
            math.lgamma(count + 1)
            - math.lgamma(successes + 1)
            - math.lgamma(count - successes + 1)
            + successes * math.log(1 - share)
            + (count - successes) * math.log(share)
        )
        if total > 1 - confidence:
            break
        slow = successes
    return slow
