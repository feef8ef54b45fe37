"""report.json → report.html."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from edgeyolo.report.form import Report
from edgeyolo.report.page import render_page
from edgeyolo.report.sections import (
    accuracy,
    data,
    gallery,
    heads,
    latency,
    mistakes,
    model,
    provenance,
    quantization,
    tradeoff,
    training,
)
from edgeyolo.report.verdict import sentences

# Bytes of pictures: a page stays below a megabyte, and what is said of each net takes room, too.
_PICTURES, _OF_EACH_NET, _GALLERY = 360_000, 4_000, 0.7


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; what it shows is found by a pure function of the report."""

    name: str  # also of its template
    title: str
    look: Callable[[Report], dict[str, Any]]


# The first stands open, under the verdict; all others are folded.
SECTIONS = (
    Section("tradeoff", "Latency against accuracy", tradeoff.section),
    Section("accuracy", "Accuracy", accuracy.section),
    Section("mistakes", "What it gets wrong", mistakes.section),
    Section("heads", "Which head finds what", heads.section),
    Section("gallery", "Worst images", gallery.section),
    Section("quantization", "Quantization", quantization.section),
    Section("latency", "Latency", latency.section),
    Section("training", "Training", training.section),
    Section("model", "Model", model.section),
    Section("data", "Data", data.section),
    Section("provenance", "Where it comes from, and its limits", provenance.section),
)


def render(report: Report) -> str:
    """The whole page."""
    report = _affordable(report)
    return render_page(
        "report.html.j2",
        _embedded(report),
        {},
        report=report,
        sentences=sentences(report),
        first=_seen(report, SECTIONS[0]),
        sections=list(_sections(report)),
    )


def _affordable(report: Report) -> Report:
    """With as many pictures as a page has room for, the worst of each kind."""
    told, gallery = report["quantizations"], report["gallery"]
    room = max(0, _PICTURES - _OF_EACH_NET * len(report["nets"]))
    share = (1 - _GALLERY * bool(gallery)) * room / max(1, len(told))
    return {
        **report,
        "gallery": gallery
        and {**gallery, "worst": _first(gallery["worst"], (_GALLERY if told else 1) * room)},
        "quantizations": [
            {**one, "disagreements": _first(one["disagreements"], share)}
            if one.get("disagreements")
            else one
            for one in told
        ],
    }


def _first(items: list[dict[str, Any]], most_bytes: float) -> list[dict[str, Any]]:
    """As many as that allows, at least one."""
    sizes = accumulate(len(item["picture"]) for item in items)
    return [item for item, size in zip(items, sizes, strict=True) if size <= most_bytes] or items[
        :1
    ]


def _sections(report: Report) -> Iterator[dict[str, Any]]:
    for section in SECTIONS[1:]:
        yield _seen(report, section)


def _seen(report: Report, section: Section) -> dict[str, Any]:
    view = section.look(report)
    return {"name": section.name, "title": section.title, "view": view}


def _embedded(report: Report) -> Report:
    """The report without what would make the page heavy: raw samples, draws and pictures."""
    light = {**report, "gallery": None, "sittings": [], "quantizations": [], "runs": []}
    light["nets"] = [_without(net, "details", "parts", "files") for net in report["nets"]]
    for net in light["nets"]:
        if net["accuracy"]:
            net["accuracy"] = _without(net["accuracy"], "draws", "per_class")
    light["timings"] = [_without(timing, "samples", "layers") for timing in report["timings"]]
    return light


def _without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
