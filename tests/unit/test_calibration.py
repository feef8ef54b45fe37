"""The latency model against published measurements that it was not fitted to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.measure.predict import predicted_engines
from edgeyolo.profiles import load_profile, profile_names
from edgeyolo.timing import TERMS, Like, Speedup
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import calibrate_profiles
from fit_costs import Measured, fit, judge

SPEEDUP = Speedup(compute=3.0, memory=1.5)


def _synthetic(noise: float, seed: int = 0, nets: int = 40) -> tuple[Measured, np.ndarray]:
    """Networks whose latency is exactly a sum of terms, but for the noise."""
    random = np.random.default_rng(seed)
    typical = np.array([1e9, 2e8, 5e8, 1e7, 1e8, 5e6, 2e7, 2e6, 1e2])
    counts = typical * random.lognormal(0, 1, (nets, len(TERMS)))
    costs = np.array([4e-8, 1.2e-7, 1e-7, 3e-7, 3e-8, 4e-7, 7e-7, 4e-7, 2e-3])
    latencies = counts @ costs * random.lognormal(0, noise, nets)
    groups = np.array([f"net {index}" for index in range(nets)])
    return Measured(counts, latencies, np.full(nets, 4), groups), costs


def test_costs_are_found_again() -> None:
    measured, costs = _synthetic(noise=0.0)
    found = fit(measured, SPEEDUP)
    assert found.values == pytest.approx(costs, rel=0.1)
    assert found.error < 0.05


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_the_interval_holds_four_of_five(noise: float) -> None:
    held = [judge(_synthetic(noise, seed)[0], SPEEDUP).coverage for seed in range(5)]
    assert 0.7 < np.mean(held) < 0.9
    found = fit(_synthetic(noise)[0], SPEEDUP)
    assert 0.5 * noise < found.error < 1.6 * noise


def test_what_threads_do_is_found_again() -> None:
    measured, costs = _synthetic(noise=0.01)
    from edgeyolo.measure.costs import slower

    threads = np.where(np.arange(len(measured.groups)) % 2, 1, 4)
    factors = np.array([slower(int(count), 4, SPEEDUP) for count in threads])
    latencies = (measured.counts * factors) @ costs
    found = fit(Measured(measured.counts, latencies, threads, measured.groups))
    assert found.speedup.compute == pytest.approx(SPEEDUP.compute, abs=0.5)
    assert found.speedup.memory == pytest.approx(SPEEDUP.memory, abs=0.5)


@pytest.fixture(scope="module")
def calibration(test_data: Path) -> calibrate_profiles.Calibration:
    devices = test_data.parent / "devices"
    return calibrate_profiles.Calibration(
        devices / "published_latency.csv", devices / "ncnn_models"
    )


@pytest.mark.slow
@pytest.mark.real_data
def test_goals_are_reached(calibration: calibrate_profiles.Calibration) -> None:
    report: dict[str, Any] = calibrate_profiles.report(calibration)
    goals = {name: found["goal"] for name, found in report["left out"].items() if "goal" in found}
    assert len(goals) == 5
    assert all(goal.endswith("reached") for goal in goals.values()), goals
    assert 70 <= report["coverage of all, %"] <= 90
    assert report["across sources"]["all"]["mean, %"] <= 18


@pytest.mark.slow
@pytest.mark.real_data
def test_profiles_hold_what_was_fitted(calibration: calibrate_profiles.Calibration) -> None:
    held = {
        Like(name, *pair)
        for name in profile_names()
        for pair in predicted_engines(load_profile(name))
    }
    assert held == set(calibration.timings)
    for like, timing in calibration.timings.items():
        found = load_profile(like.profile).latency[like.engine][like.precision]
        assert found.picoseconds == pytest.approx(timing.picoseconds, rel=0.02), like
        assert found.factor == pytest.approx(timing.factor, rel=0.02), like
        assert found.error_percent == pytest.approx(timing.error_percent, abs=1), like
