"""The nets themselves: where their parameters and FLOPs are, their files, memory and start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.report.form import Report, Row, label
from edgeyolo.slim.cost import DFL
from edgeyolo.slim.spec import STRIDES

_PARTS = ("backbone", "neck", *STRIDES, DFL)


def section(report: Report) -> dict[str, Any]:
    """Files, parts of each net, and what each file takes on each device."""
    nets = report["nets"]
    if not nets:
        return {"missing": "This report holds no net."}
    rows = list(_parts(nets))
    return {
        "files": [{"label": label(net), **net} for net in nets],
        "columns": [part for part in _PARTS if any(row["parts"].get(part) for row in rows)],
        "parts": rows,
        "starts": list(_starts(report)),
    }


def _parts(nets: list[Row]) -> Iterator[Row]:
    """One row for each net and image size, whatever engines it was exported for."""
    for net in {(net["title"], net["name"], net["imgsz"]): net for net in nets}.values():
        if parts := net.get("parts"):
            total = sum(part["gflops"] for part in parts.values())
            named = f"{net['title']} {net['imgsz']} px"
            yield {"label": named, "name": net["name"], "parts": parts, "gflops": total}


def _starts(report: Report) -> Iterator[Row]:
    """Memory, loading and the first run: one row for each net on each device that timed it."""
    nets = {net["id"]: net for net in report["nets"]}
    machines = {device["id"]: device["machine"] for device in report["devices"]}
    for timing in report["timings"]:
        keys = ("peak_rss_mb", "load_ms", "first_ms")
        if any(timing.get(key) is not None for key in keys) and timing["net"] in nets:
            yield {
                "label": label(nets[timing["net"]]),
                "machine": machines.get(timing["device"], timing["device"]),
                "threads": timing.get("threads"),
                **{key: timing.get(key) for key in keys},
            }
