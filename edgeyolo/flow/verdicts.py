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
_LATENCY_IMAGES = 16
_POSSIBLE = 0.5
Row = dict[str, Any]


def measure_all(
    search: Search, contenders: list[Contender], ended: dict[str, str], progress: Progress
) -> dict[str, Any]:
    """mAP on val of every exported file, paired with the wide net's, and latency here, in turns.

    The bundle that is recommended, if one keeps to the budget, is copied to the search's folder.
    """
    answer, wide = search.answer, search.wide
    dataset = dataset_of(wide)
    samples = load_split(dataset, "val")
    kept = [c for c in contenders if c.candidate.name not in ended]
    small = [wide.smaller_bundle] if wide.smaller_bundle.exists() else []
    places = [wide.bundle, *(contender.bundle for contender in kept), *small]
    bundles, last = [Bundle.open(place) for place in places], 1 + len(kept)
    examined = judge_all([(b, b.default_engine) for b in bundles], samples, progress)
    accuracies = [one.judged.accuracy for one in examined]
    is_here = answer["profile"] == HOST
    threads = answer["threads"] if is_here else None
    images = dataset.images("val")[:_LATENCY_IMAGES]
    subjects = [Subject(bundle.root, bundle.default_engine, threads) for bundle in bundles]
    timed = time_all(subjects, images, progress)
    names = ["wide", *(contender.candidate.name for contender in kept), *["smaller"] * len(small)]
    _keep_accuracy(search, names, examined)
    write_json(search.latency_file, timed.told([{"name": name} for name in names], 0))
    budget = Budget(**answer["budget"])
    measured = list(map(_Measured, bundles, accuracies, timed.samples))
    rows = [
        _row(contender, own, measured[0], budget, is_here=is_here)
        for contender, own in zip(kept, measured[1:last], strict=True)
    ]
    chosen = _choose(rows)
    if chosen is not None:
        best = accuracies[1 + rows.index(chosen)]
        write_json(search.gallery_file, examined[1 + rows.index(chosen)].worst())
        for row, accuracy in zip(rows, accuracies[1:last], strict=True):
            row["versus_recommended"] = _difference(accuracy, best)
        with new_folder(search.bundle, replace=True) as work:
            shutil.copytree(search.folder / chosen["bundle"], work, dirs_exist_ok=True)
    else:
        shutil.rmtree(search.bundle, ignore_errors=True)  # of a measurement that was cut short
    return {
        "format": FORMAT,
        "version": VERSION,
        "profile": answer["profile"],
        "asked": answer["asked"],
        "budget": answer["budget"],
        "data": {
            "name": data_name(wide.plan()),
            "split": "val",
            "images": accuracies[0].images,
            "boxes": accuracies[0].boxes,
        },
        "environment": environment(),
        "wide": {
            **answer["wide"],
            "accuracy": _accuracy(accuracies[0]),
            "size_bytes": bundles[0].size_bytes(bundles[0].default_engine),
            "here_ms": timed.samples[0].summary()["end_to_end_ms"]["p50"],
        },
        "rows": rows,
        "ended": ended,
        "recommended": chosen["name"] if chosen is not None else None,
    }


def _keep_accuracy(search: Search, names: list[str], examined: list[Examined]) -> None:
    """For the report, in the form of a run's."""
    rows = [
        {"name": name, "engine": one.bundle.default_engine, **one.row(examined[0])}
        for name, one in zip(names, examined, strict=True)
    ]
    write_json(search.accuracy_file, {"split": "val", "results": rows})


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was found out about a bundle."""

    bundle: Bundle
    accuracy: Accuracy
    timed: LatencySamples


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
        "here_ms": own.timed.summary()["end_to_end_ms"]["p50"],
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
