"""What exported files get wrong, for reading: at one threshold, by size, and which for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
_MOST = 12  # classes of a matrix that can be read; of more, the most frequent confusions are listed
_LISTED = 15
_RANGES = ("small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often an object of one class was called another, or missed, or was nothing at all."""

    really: str
    called: str
    count: int


def detailed(report: Row) -> list[Row]:
    """Rows that tell more than their mAP, which those of older runs do not."""
    return [row for row in report["rows"] if row.get("details")]


def matrix(report: Row, row: Row) -> list[tuple[str, list[int]]] | None:
    """Lines of the confusion matrix with their names; ``None`` where there are too many."""
    names = report["data"]["classes"]
    if len(names) > _MOST:
        return None
    lines = row["details"]["mistakes"]["confusion"]
    return list(zip([*names, "nothing"], lines, strict=True))


def confusions(report: Row, row: Row) -> list[Confusion]:
    """The most frequent ones, without what is right."""
    names = report["data"]["classes"]
    really, called = [*names, "nothing"], [*names, "missed"]
    counted = [
        Confusion(really[i], called[j], count)
        for i, line in enumerate(row["details"]["mistakes"]["confusion"])
        for j, count in enumerate(line)
        if count and i != j
    ]
    return sorted(counted, key=lambda one: -one.count)[:_LISTED]


def sizes(row: Row) -> list[tuple[str, int, float | None, int, float | None]]:
    """Size; boxes and mAP by pixels of the net's input, then by those of the image."""
    inner, outer = (row["details"]["by_size"][key] for key in ("input", "image"))
    return [
        (
            name,
            *(inner[name]["boxes"], inner[name]["map50_95"]),
            *(outer[name]["boxes"], outer[name]["map50_95"]),
        )
        for name in _RANGES
    ]
