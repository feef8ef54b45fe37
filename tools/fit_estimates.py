"""Fit what smaller images and smaller nets cost in accuracy to published and to own measurements.

    python tools/fit_estimates.py --table docs/published_accuracy.csv

Within a data set the logarithm of mAP50-95 is taken as linear in the inverse of the image's side
and in a power of how often the FLOPs are halved; the two slopes differ from data set to data set,
and are laid on the number of its classes and the size of its boxes. To judge that, each data set is
left out in turn. ``edgeyolo/plan/estimate.py`` holds what is printed.

Columns of the table: side is the median box side as a part of the longer side of the image (those
of data sets that are not at hand are commonly stated, not checked), flops_share the part of the
net's FLOPs that pruning left.
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyolo.plan.estimate import REFERENCE, ROWS, SLOPES, Slope, halvings
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import SlimSpec

_MOST_GFLOPS = 30.0  # at 640 px: of larger nets another halving costs less
_SOFT = 0.1  # ridge: how strongly slopes are held to be alike; of 0.05, 0.1, 0.3, 1 the best
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What one data set says."""

    name: str
    classes: int
    side: float
    table: NDArray[np.float64]  # (N, 2) inverse sides, halvings
    losses: Vector  # (N,) of the logarithm, to the first row
    slopes: dict[str, float]


def main() -> None:
    """Print the slopes of each data set, the fit over them, and how far it is off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, type=Path)
    found = read(parser.parse_args().table)
    print(f"{'data set':<18}{'classes':>8}{'side':>7}{'image':>9}{'halving':>9}   rows")
    for one in found:
        slopes = "".join(
            f"{one.slopes[key]:>9.4f}" if key in one.slopes else f"{'':>9}" for key in ROWS
        )
        print(f"{one.name:<18}{one.classes:>8}{one.side:>7.3f}{slopes}   {len(one.losses)}")
    fitted = {key: fit(found, key) for key in ROWS}
    for key, slope in fitted.items():
        print(f"{key}: {slope}")
        if slope != SLOPES[key]:
            print("  which is not what edgeyolo/plan/estimate.py holds")
    print(judged(found))


def read(path: Path) -> list[Found]:
    """Data sets of the table, each with its own slopes."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = dict.fromkeys(row["dataset"] for row in rows)
    return [_found(name, [row for row in rows if row["dataset"] == name]) for name in names]


def _found(name: str, rows: list[dict[str, str]]) -> Found:
    kept = [(row, _gflops(row)) for row in rows]
    kept = [(row, gflops) for row, gflops in kept if gflops <= _MOST_GFLOPS]
    # Losses are counted from the largest net at the largest size.
    kept.sort(key=lambda pair: (-int(pair[0]["imgsz"]), -pair[1]))
    first, most = kept[0]
    table = np.array([_terms(row, gflops, first, most) for row, gflops in kept])
    losses = np.array(
        [math.log(float(first["map50_95"]) / float(row["map50_95"])) for row, _ in kept]
    )
    known = [index for index in range(2) if np.ptp(table[:, index]) > 0]
    solved = np.linalg.lstsq(table[:, known], losses, rcond=None)[0]
    slopes = {ROWS[index]: float(value) for index, value in zip(known, solved, strict=True)}
    return Found(name, int(first["classes"]), float(first["side"]), table, losses, slopes)


def _terms(
    row: dict[str, str], gflops: float, first: dict[str, str], most: float
) -> tuple[float, float]:
    side = int(row["imgsz"])
    inverse = REFERENCE / side
    return inverse - REFERENCE / int(first["imgsz"]), halvings(most / gflops, side)


def _gflops(row: dict[str, str]) -> float:
    spec = SlimSpec(
        width=float(row["width"]),
        depth=float(row["depth"]),
        max_channels=int(row["max_channels"]),
    )
    share = float(row["flops_share"] or 1)
    return share * cost(spec, int(row["classes"]), 640).gflops


def fit(found: list[Found], key: str) -> Slope:
    """A slope over data sets: a power of the classes and of the box side, with its scatter."""
    known = [one for one in found if one.slopes.get(key, 0) > 0]
    table = np.array([[1.0, *_features(one)] for one in known])
    wanted = np.log([one.slopes[key] for one in known])
    hold = np.diag([0.0, _SOFT, _SOFT]) * len(known)
    solved = np.linalg.solve(table.T @ table + hold, table.T @ wanted)
    spread = math.sqrt(float(np.sum((wanted - table @ solved) ** 2)) / max(1, len(known) - 2))
    return Slope(*(round(float(value), 3) for value in (*solved, spread)))


def _features(one: Found) -> tuple[float, float]:
    return Slope.features(one.classes, one.side * REFERENCE)


def judged(found: list[Found]) -> str:
    """Each data set predicted from the others."""
    lines, inside, errors = [], [], []
    for left in found:
        others = [one for one in found if one.name.split(",")[0] != left.name.split(",")[0]]
        slopes = {key: fit(others, key) for key in ROWS}
        for terms, loss in zip(left.table, left.losses, strict=True):
            if not terms.any():
                continue
            low, middle, high = _interval(left, slopes, terms)
            errors.append(abs(math.exp(-middle) - math.exp(-loss)))
            inside.append(low <= loss <= high)
        lines.append(f"{left.name}: {100 * np.mean(errors[-len(left.losses) + 1 :]):.1f} %")
    return (
        "left out in turn, mean error in parts of the mAP: " + "; ".join(lines) + f"\n"
        f"all: {100 * np.mean(errors):.1f} %, {np.mean(inside):.0%} of {len(inside)} rows "
        "within their interval"
    )


def _interval(one: Found, slopes: dict[str, Slope], terms: Vector) -> tuple[float, float, float]:
    from edgeyolo.plan.estimate import Loss

    loss = Loss.sum(
        slopes[key].loss(value, one.classes, one.side * REFERENCE)
        for key, value in zip(ROWS, terms, strict=True)
    )
    return loss.low, loss.middle, loss.high


if __name__ == "__main__":
    main()
