"""report.json: its form, and how one is told from another file.

It holds nets (exported files with their accuracy), devices, timings of nets on devices, each from a
sitting in which nets took turns, and what is known of the runs that the nets come from. All else is
drawn from it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import edgeyolo
from edgeyolo.errors import DataError

FORMAT, VERSION = "edgeyolo-report", 2
WITHIN_POINTS = 1.0  # of mAP50-95 below the baseline, which the verdict takes for as good

Report = dict[str, Any]
Row = dict[str, Any]


def new_report(title: str, **parts: Any) -> Report:
    """A report of these parts; it has nothing of all others."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edgeyolo": edgeyolo.__version__,
        "title": title,
        "budget": {"latency_ms": None, "device": None, "within_points": WITHIN_POINTS},
        "data": None,
        "nets": [],
        "devices": [],
        "sittings": [],
        "timings": [],
        "runs": [],
        "quantizations": [],
        "gallery": None,
        **parts,
    }


def checked(found: Any, name: str) -> Report:
    """The same, when it is a report of this version.

    Raises:
        DataError: when it is not; ``name`` is what it is called.
    """
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataError(f"{name} is no report.", "Name a run's folder, or its report.json.")
    if found.get("version") != VERSION:
        raise DataError(
            f"{name} has version {found.get('version')}, this edgeyolo reads {VERSION}.",
            "Name the run's folder instead: its report is made anew.",
        )
    missing = sorted(set(new_report("")) - set(found))
    if missing:
        raise DataError(f"{name} lacks {', '.join(missing)}.", "Make it anew from the runs.")
    return found


def label(net: Row) -> str:
    """What a net is called wherever it is shown."""
    return f"{net['title']} {net['imgsz']} px, {net['engine']} {net['precision']}"


def devices_of(report: Report) -> list[Row]:
    """The one that the budget is for comes first."""
    wanted = report["budget"]["device"]
    return sorted(report["devices"], key=lambda device: device["id"] != wanted)


def baseline_of(report: Report) -> Row | None:
    """The net that all others are compared with: the wide one at its own image size."""
    return next((net for net in report["nets"] if net["role"] == "baseline"), None)
