"""Fitting costs to measurements.

Non-negative least squares of relative errors (Lawson and Hanson 1974) with a prior: measured nets
are alike, so some costs could trade places without harm to the fit, and predictions for other nets
would be nonsense. The prior says what one term costs relative to another on any CPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from edgeyolo.measure.costs import Z80, Costs, Vector, slower
from edgeyolo.timing import TERMS, Speedup

# Cost of each term relative to a multiply-add of a matrix product, as NCNN has it with one thread
# on the boards of its own benchmark; the prior allows for each a multiple of it.
_TYPICAL = np.array([0.4, 1.2, 1.0, 2.5, 0.3, 4.0, 6.0, 5.0, 2e4])
_PRIOR_DEVIATION = 2.0
_NOISE = (0.02, 0.5)  # relative scatter of measurements: no less and no more is believed
_STEP = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Latencies of networks on one board with one engine.

    ``counts`` (N, terms), ``milliseconds`` (N,), ``threads`` (N,); ``groups`` (N,) names what is
    left out together when the fit is judged, such as one net at all its sizes.
    """

    counts: NDArray[np.float64]
    milliseconds: Vector
    threads: NDArray[np.int64]
    groups: NDArray[np.str_]

    def of(self, chosen: NDArray[np.bool_]) -> Measured:
        """Some of them."""
        return Measured(
            self.counts[chosen],
            self.milliseconds[chosen],
            self.threads[chosen],
            self.groups[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Predictions (N,) of latencies by costs fitted without their group, and their deviations."""

    measured: Measured
    predicted: Vector
    deviations: Vector  # relative

    @property
    def errors(self) -> Vector:
        """Relative errors, (N,)."""
        return self.predicted / self.measured.milliseconds - 1

    @property
    def coverage(self) -> float:
        """Share of measurements within the 80 % interval."""
        return float(np.mean(self.measured_z <= Z80))

    @property
    def measured_z(self) -> Vector:
        """Distance of each measurement from its prediction, in standard deviations."""
        return np.abs(np.log(self.predicted / self.measured.milliseconds)) / self.deviations


def fit(measured: Measured, speedup: Speedup | None = None) -> Costs:
    """Costs that explain the measurements best, with errors that hold for other nets, too.

    Without ``speedup``, it is fitted to measurements with one and with all threads.
    """
    speedup = speedup or _speedup(measured)
    noise = 0.1
    for _ in range(3):  # the scatter and the weight of the prior depend on each other
        judged = _judge(measured, speedup, noise)
        noise = float(np.clip(np.sqrt(np.mean(np.square(judged.errors))), *_NOISE))
    found = _solve(measured, speedup, noise)
    # So that the interval holds four of five nets that were left out.
    stretch = float(np.quantile(judged.measured_z, 0.8)) / Z80
    return Costs(
        *(found.values, found.threads, speedup, found.error * stretch, found.spread * stretch)
    )


def judge(measured: Measured, speedup: Speedup | None = None) -> Judged:
    """Leave each group out, fit the others, and predict it."""
    predicted, deviations = np.zeros((2, len(measured.milliseconds)))
    for group in np.unique(measured.groups):
        out = measured.groups == group
        costs = fit(measured.of(~out), speedup)
        for index in np.flatnonzero(out):
            case = (measured.counts[index], int(measured.threads[index]))
            predicted[index] = costs.milliseconds(*case)
            deviations[index] = costs.deviation(*case)
    return Judged(measured, predicted, deviations)


def _judge(measured: Measured, speedup: Speedup, noise: float) -> Judged:
    """The same with the scatter that is assumed."""
    predicted, deviations = np.zeros((2, len(measured.milliseconds)))
    for group in np.unique(measured.groups):
        out = measured.groups == group
        costs = _solve(measured.of(~out), speedup, noise)
        for index in np.flatnonzero(out):
            case = (measured.counts[index], int(measured.threads[index]))
            predicted[index] = costs.milliseconds(*case)
            deviations[index] = costs.deviation(*case)
    return Judged(measured, predicted, deviations)


def _solve(measured: Measured, speedup: Speedup, noise: float) -> Costs:
    most = int(measured.threads.max())
    factors = np.array([slower(int(count), most, speedup) for count in measured.threads])
    shares = measured.counts * factors / measured.milliseconds[:, None]
    scale = _TYPICAL / np.median(shares @ _TYPICAL)
    rows = np.vstack([shares * scale / noise, np.eye(len(TERMS)) / _PRIOR_DEVIATION])
    wanted = np.concatenate(
        [np.full(len(shares), 1 / noise), np.full(len(TERMS), 1 / _PRIOR_DEVIATION)]
    )
    multiples, _ = nnls(rows, wanted)
    spread = np.linalg.cholesky(np.linalg.inv(rows.T @ rows)) * scale[:, None]
    return Costs(multiples * scale, most, speedup, noise, spread)


def _speedup(measured: Measured) -> Speedup:
    """The one with which the costs of both numbers of threads fit best."""
    most = int(measured.threads.max())
    if most == 1 or len(np.unique(measured.threads)) == 1:
        raise ValueError("these measurements say nothing of other numbers of threads")
    choices: Sequence[float] = np.arange(1.0, most + _STEP, _STEP).tolist()
    options = [Speedup(*pair) for pair in itertools.product(choices, choices) if pair[0] >= pair[1]]
    return min(options, key=lambda option: _misfit(measured, option))


def _misfit(measured: Measured, speedup: Speedup) -> float:
    costs = _solve(measured, speedup, 0.2)
    predicted = [
        costs.milliseconds(counts, int(threads))
        for counts, threads in zip(measured.counts, measured.threads, strict=True)
    ]
    return float(np.mean(np.square(np.log(np.array(predicted) / measured.milliseconds))))
