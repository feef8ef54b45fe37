"""The nets of a search, measured together, and which of them is recommended."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from edgeyolo.dataset.check import load_split
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import new_folder, write_json
from edgeyolo.flow.data import data_name, dataset_of
from edgeyolo.flow.judging import Examined, judge_all
from edgeyolo.flow.timed import time_all
from edgeyolo.measure.accuracy import Accuracy, paired_difference
from edgeyolo.measure.environment import environment
from edgeyolo.measure.host import NAME as HOST
from edgeyolo.measure.latency import LatencySamples, Subject
from edgeyolo.plan.budget import Budget
from edgeyolo.progress import Progress
from edgeyolo.searches import Contender, Search

FORMAT, VERSION = "edgeyolo-search-result", 1
_WIDE, _SMALLER = "wide", "smaller"
_LATENCY_IMAGES = 16
_POSSIBLE = 0.5
Row = dict[str, Any]


def measure_all(
    search: Search, contenders: list[Contender], ended: dict[str, str], progress: Progress
) -> dict[str, Any]:
    """mAP on val of every exported file, paired with the wide net's, and latency here, in turns.

    The bundle that is recommended, if one keeps to the budget, is copied to the search's folder.
    """
    answer = search.answer
    kept = [c for c in contenders if c.candidate.name not in ended]
    measured = _measure(search, kept, progress)
    wide, is_here = measured[_WIDE], answer["profile"] == HOST
    budget = Budget(**answer["budget"])
    rows = [_row(c, measured[c.candidate.name], wide, budget, is_here=is_here) for c in kept]
    chosen = _choose(rows)
    _recommend(search, rows, measured, chosen)
    return {
        "format": FORMAT,
        "version": VERSION,
        "profile": answer["profile"],
        "asked": answer["asked"],
        "budget": answer["budget"],
        "data": {
            "name": data_name(search.wide.plan()),
            "split": "val",
            "images": wide.accuracy.images,
            "boxes": wide.accuracy.boxes,
        },
        "environment": environment(),
        "wide": {
            **answer["wide"],
            "accuracy": _accuracy(wide.accuracy),
            "size_bytes": wide.bundle.size_bytes(wide.bundle.default_engine),
            "here_ms": wide.p50_ms,
        },
        "rows": rows,
        "ended": ended,
        "recommended": chosen["name"] if chosen is not None else None,
    }


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was found out about a bundle."""

    examined: Examined
    timed: LatencySamples

    @property
    def bundle(self) -> Bundle:
        return self.examined.bundle

    @property
    def accuracy(self) -> Accuracy:
        return self.examined.judged.accuracy

    @property
    def p50_ms(self) -> float:
        """From image to detections."""
        found: float = self.timed.summary()["end_to_end_ms"]["p50"]
        return found


def _measure(search: Search, kept: list[Contender], progress: Progress) -> dict[str, _Measured]:
    """The wide net at its size and at a smaller one, and the contenders, by name.

    What the report needs of it is written into the search's folder.
    """
    wide, answer = search.wide, search.answer
    places = {_WIDE: wide.bundle, **{c.candidate.name: c.bundle for c in kept}}
    if wide.smaller_bundle.exists():
        places[_SMALLER] = wide.smaller_bundle
    bundles = {name: Bundle.open(place) for name, place in places.items()}
    dataset = dataset_of(wide)
    pairs = [(bundle, bundle.default_engine) for bundle in bundles.values()]
    examined = judge_all(pairs, load_split(dataset, "val"), progress)
    threads = answer["threads"] if answer["profile"] == HOST else None
    timed = time_all(
        [Subject(bundle.root, engine, threads) for bundle, engine in pairs],
        dataset.images("val")[:_LATENCY_IMAGES],
        progress,
    )
    rows = [
        {"name": name, "engine": one.bundle.default_engine, **one.row(examined[0])}
        for name, one in zip(bundles, examined, strict=True)
    ]
    write_json(search.accuracy_file, {"split": "val", "results": rows})
    write_json(search.latency_file, timed.told([{"name": name} for name in bundles], 0))
    return dict(zip(bundles, map(_Measured, examined, timed.samples), strict=True))


def _recommend(
    search: Search, rows: list[Row], measured: dict[str, _Measured], chosen: Row | None
) -> None:
    """Put the bundle that was chosen into the search's folder, and compare all others with it."""
    if chosen is None:
        shutil.rmtree(search.bundle, ignore_errors=True)  # of a measurement that was cut short
        return
    best = measured[chosen["name"]]
    write_json(search.gallery_file, best.examined.worst())
    for row in rows:
        row["versus_recommended"] = _difference(measured[row["name"]].accuracy, best.accuracy)
    with new_folder(search.bundle, replace=True) as work:
        shutil.copytree(search.folder / chosen["bundle"], work, dirs_exist_ok=True)


def _row(
    contender: Contender, own: _Measured, wide: _Measured, budget: Budget, *, is_here: bool
) -> Row:
    proposal = contender.proposal
    predicted = ("latency_ms", "low_ms", "high_ms", "chance", "memory_bytes")
    row = {
        **contender.candidate.to_dict(),
        "name": contender.candidate.name,
        "accuracy": _accuracy(own.accuracy),
        "versus_wide": _difference(own.accuracy, wide.accuracy),
        "size_bytes": own.bundle.size_bytes(contender.candidate.engine),
        "predicted": {key: proposal[key] for key in predicted},
        "here_ms": own.p50_ms,
        "reasons": proposal["reasons"],
        "bundle": contender.bundle.relative_to(contender.run.folder.parent).as_posix(),
    }
    return {**row, "misses": _misses(row, budget, is_here=is_here)}


def _difference(accuracy: Accuracy, other: Accuracy) -> dict[str, Any]:
    difference, bounds = paired_difference(accuracy, other)
    return {"difference": round(difference, 5), "ci": [round(bound, 5) for bound in bounds]}


def _accuracy(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "map50_95": round(accuracy.map50_95, 5),
        "map50_95_ci": [round(bound, 5) for bound in accuracy.map50_95_ci],
    }


def _misses(row: Row, budget: Budget, *, is_here: bool) -> list[str]:
    """In what a net does not keep to the budget; empty where it does."""
    found = []
    predicted = row["predicted"]
    if budget.latency_ms is not None:
        if is_here and row["here_ms"] > budget.latency_ms:
            found.append(f"takes {row['here_ms']:.1f} ms")
        if not is_here and predicted["chance"] < _POSSIBLE:
            found.append(f"takes ~{predicted['latency_ms']:.1f} ms")
    if budget.size_bytes is not None and row["size_bytes"] > budget.size_bytes:
        found.append(f"has {row['size_bytes'] / 1e6:.2f} MB")
    if budget.memory_bytes is not None and predicted["memory_bytes"] > budget.memory_bytes:
        found.append(f"needs ~{predicted['memory_bytes'] / 1e6:.0f} MB of memory")
    lost = -100 * row["versus_wide"]["difference"]
    if budget.max_drop is not None and lost > budget.max_drop:
        found.append(f"loses {lost:.1f} points")
    return found


def _choose(rows: list[Row]) -> Row | None:
    """The most accurate of those that keep to the budget."""
    keeping = [row for row in rows if not row["misses"]]
    return max(keeping, key=lambda row: row["accuracy"]["map50_95"], default=None)
