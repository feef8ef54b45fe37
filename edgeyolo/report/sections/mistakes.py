"""What exported files get wrong, for reading: at one threshold, by size, and which for which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeyolo.report.form import Report, Row, label
from edgeyolo.report.threshold_figure import thresholds

_MOST = 12  # classes of a matrix that can be read; of more, the most frequent confusions are listed
_LISTED = 15
_CURVES = 8  # of nets that can be told apart in one figure
_FOLDED = 12  # nets of which more is shown
_RANGES = ("small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often an object of one class was called another, or missed, or was nothing at all."""

    really: str
    called: str
    count: int


def section(report: Report) -> dict[str, Any]:
    """Nets that tell more than their mAP, which those of older runs do not."""
    nets = [net for net in report["nets"] if net["details"]]
    if not nets:
        return {"missing": "Not measured when this was made: thresholds, mistakes, mAP by size."}
    return {
        "figure": thresholds(nets[:_CURVES]),
        "curves": min(len(nets), _CURVES),
        "rows": [_row(net) for net in nets],
        "slim": list(_folded(report, [net for net in nets if net["role"] == "slim"])),
    }


def _row(net: Row) -> dict[str, Any]:
    details = net["details"]
    mistakes = details["mistakes"]
    return {
        "label": label(net),
        "role": net["role"],
        "at": details["operating"]["common"],
        "right": mistakes["right"],
        "ways": mistakes["ways"],
    }


def _folded(report: Report, nets: list[Row]) -> Iterator[dict[str, Any]]:
    """Each that differs; most engines find the very same."""
    alike: dict[str, list[Row]] = {}
    for net in nets:
        told = [net["details"][key] for key in ("mistakes", "by_size")]
        alike.setdefault(json.dumps(told), []).append(net)
    for group in list(alike.values())[:_FOLDED]:
        yield {**_more(report, group[0]), "label": "; ".join(map(label, group))}


def _more(report: Report, net: Row) -> dict[str, Any]:
    return {
        "sizes": sizes(net),
        "matrix": matrix(report, net),
        "confusions": confusions(report, net),
    }


def matrix(report: Report, net: Row) -> list[tuple[str, list[int]]] | None:
    """Lines of the confusion matrix with their names; ``None`` where there are too many."""
    names = report["data"]["classes"]
    if len(names) > _MOST:
        return None
    lines = net["details"]["mistakes"]["confusion"]
    return list(zip([*names, "nothing"], lines, strict=True))


def confusions(report: Report, net: Row) -> list[Confusion]:
    """The most frequent ones, without what is right."""
    names = report["data"]["classes"]
    really, called = [*names, "nothing"], [*names, "missed"]
    counted = [
        Confusion(really[i], called[j], count)
        for i, line in enumerate(net["details"]["mistakes"]["confusion"])
        for j, count in enumerate(line)
        if count and i != j
    ]
    return sorted(counted, key=lambda one: -one.count)[:_LISTED]


def sizes(net: Row) -> list[tuple[str, int, float | None, int, float | None]]:
    """Size; boxes and mAP by pixels of the net's input, then by those of the image."""
    inner, outer = (net["details"]["by_size"][key] for key in ("input", "image"))
    return [
        (
            name,
            *(inner[name]["boxes"], inner[name]["map50_95"]),
            *(outer[name]["boxes"], outer[name]["map50_95"]),
        )
        for name in _RANGES
    ]
