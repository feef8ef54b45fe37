"""Which detection head finds what: the evidence for dropping one."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.form import Report, Row, label
from edgeyolo.report.heads import heads_sentence

_FEW = 30  # objects, below which a share says little
_MOST = 12  # nets
_ROLES = ("baseline", "slim")  # what a head could be dropped from, and what is left of it
_WORDS = {
    "all": "all",
    "small": "small (below 32²)",
    "medium": "medium",
    "large": "large (above 96²)",
}


def section(report: Report) -> dict[str, Any]:
    """A table for each net of which it is known, and what was advised from the training images."""
    nets = [net for role in _ROLES for net in report["nets"] if net["role"] == role]
    known = [net for net in nets if (net["details"] or {}).get("found_by")]
    advice = [_advice(run) for run in report["runs"] if run.get("heads")]
    if not known and not advice:
        return {"missing": "Not measured when this was made: which head found which object."}
    return {
        "tables": [_table(net) for net in known[:_MOST]],
        "left_out": max(0, len(known) - _MOST),
        "advice": advice,
    }


def _table(net: Row) -> dict[str, Any]:
    found = net["details"]["found_by"]
    levels = found["levels"]
    everything = found["by_size"]["all"]
    return {
        "label": label(net),
        "role": net["role"],
        "threshold": found["threshold"],
        "levels": levels,
        "rows": [_row(size, counts, levels) for size, counts in found["by_size"].items()],
        "sentence": _least(everything, levels),
    }


def _row(size: str, counts: Row, levels: list[str]) -> dict[str, Any]:
    total = counts["objects"]
    return {
        "name": _WORDS[size],
        "objects": total,
        "is_few": total < _FEW,
        "cells": [
            {"count": counts[key], "share": counts[key] / total if total else None}
            for key in (*levels, "missed")
        ],
    }


def _least(counts: Row, levels: list[str]) -> str | None:
    """What could be dropped at the least cost, where there is a choice and anything was found."""
    right = sum(counts[level] for level in levels)
    if len(levels) < 2 or not right:
        return None
    level = min(levels, key=lambda level: counts[level])
    return (
        f"{level} finds the fewest: {counts[level]} of the {right} objects that are found "
        f"({counts[level] / right:.1%}), of {counts['objects']} in all."
    )


def _advice(run: Row) -> dict[str, Any]:
    return {
        "run": run["name"],
        "sentence": heads_sentence(run["heads"]),
        "kept": ", ".join(run["kept_heads"]),
    }
