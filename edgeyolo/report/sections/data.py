"""The data set: what its splits hold, how large its boxes are, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.report.form import Report, Row
from edgeyolo.report.statistics import level_labels
from edgeyolo.report.statistics_figure import sides_svg

FEW = 30  # boxes, below which a class has no figure of its own
_MOST_OPEN = 12  # classes; a longer table is folded


def section(report: Report) -> dict[str, Any]:
    """Splits, classes, sizes, images that two splits share, and problems."""
    data = report["data"]
    if not data:
        return {"missing": "Which data the nets were trained on is not known."}
    found = data.get("statistics")
    splits = found["splits"] if found else data["splits"]
    shown: dict[str, Any] = {"splits": [{"name": name, **each} for name, each in splits.items()]}
    if not found:
        return {**shown, "found": None}
    return {
        **shown,
        "found": found,
        "classes": list(_classes(data["classes"], splits)),
        "is_folded": len(data["classes"]) > _MOST_OPEN,
        "levels": list(_levels(report, found)),
        "other_sizes": sorted({net["imgsz"] for net in report["nets"]} - {found["imgsz"]}),
        "figure": sides_svg(found),
    }


def _classes(names: list[str], splits: Row) -> Iterator[Row]:
    """A row for each class, with boxes and images in each split."""
    for number, name in enumerate(names):
        cells = [
            {
                "boxes": each["boxes_of_class"][number],
                "images": each["images_of_class"][number],
                "is_few": each["boxes_of_class"][number] < FEW,
            }
            for each in splits.values()
        ]
        yield {"name": name, "cells": cells}


def _levels(report: Report, found: Row) -> Iterator[Row]:
    """A row for each level, with the share of boxes of its size and the nets that have it."""
    nets = {(net["title"], net["name"], net["imgsz"]): net for net in report["nets"]}
    known = [net for net in nets.values() if net.get("strides")]
    for index, (level, words) in enumerate(zip(found["levels"], level_labels(found), strict=True)):
        boxes = [each["boxes_of_level"][index] for each in found["splits"].values()]
        totals = [each["boxes"] for each in found["splits"].values()]
        without = [net for net in known if level["stride"] not in net["strides"]]
        yield {
            "name": words,
            "stride": level["stride"],
            "boxes": list(zip(boxes, totals, strict=True)),
            "without": list(dict.fromkeys(f"{net['title']} {net['imgsz']} px" for net in without)),
        }
