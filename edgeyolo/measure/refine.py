"""Refining the costs of a board by measurements that were made on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeyolo.measure.costs import Costs, Vector, slower

# How far another version of an engine is off as a whole: tables of the same board by several
# authors differ by that much (``tools/calibrate_profiles.py --report``, across sources).
_OTHER_BUILD = 0.2
_LEAST_ERROR = 0.03  # of one measurement
_WEIGHT = 2.0  # of the error known before, in measurements


def refined(costs: Costs, measured: Sequence[tuple[Vector, float, int]]) -> Costs:
    """Costs that are likely both as they were known and after measurements.

    ``measured`` holds counts of terms, milliseconds and threads. Costs are taken as normally
    distributed (Bayesian linear regression); the scatter around them is learned, too.
    """
    rows = np.array(
        [counts * slower(threads, costs.threads, costs.speedup) for counts, _, threads in measured]
    )
    latencies = np.array([milliseconds for _, milliseconds, _ in measured])
    whole = np.column_stack([costs.spread, _OTHER_BUILD * costs.values])
    error, found = costs.error, costs
    for _ in range(3):  # the scatter and the costs depend on each other
        found = _posterior(costs, whole, rows, latencies, max(error, _LEAST_ERROR))
        misses = rows @ found.values / latencies - 1
        before = _WEIGHT * costs.error**2
        error = float(np.sqrt((before + np.sum(misses**2)) / (_WEIGHT + len(misses))))
    return replace(found, error=max(error, _LEAST_ERROR))


def _posterior(
    costs: Costs, spread: np.ndarray, rows: np.ndarray, latencies: Vector, error: float
) -> Costs:
    covariance = spread @ spread.T
    noise = np.diag((error * latencies) ** 2)
    gain = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T + noise)
    values = costs.values + gain @ (latencies - rows @ costs.values)
    left = covariance - gain @ rows @ covariance
    # Not Cholesky: rounding can leave a direction in which nothing is unsure a little below zero.
    sizes, directions = np.linalg.eigh((left + left.T) / 2)
    return replace(
        costs,
        values=np.maximum(values, 0.0),
        spread=directions * np.sqrt(np.maximum(sizes, 0.0)),
    )
